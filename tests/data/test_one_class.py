import numpy as np
import pytest

from dl100_tf.data import Source, Split, Splits, one_class
from dl100_tf.errors import UserError


@pytest.fixture
def data():
    parts = [Split(np.arange(count), (np.arange(count) % 3).astype("int32")) for count in (30, 9, 12)]
    return Splits(*parts, labels=("cat", "dog", "ship"), source=Source("sample", "here", "0"))


def test_one_class_is_learnt_from_and_all_are_tested(data):
    found = one_class.against_rest(data, 1)
    assert found.labels == ("dog", "anything else") and found.source is data.source
    assert (found.train.x % 3 == 1).all() and not found.train.y.any() and len(found.train) == 10
    for part, before in ((found.validation, data.validation), (found.test, data.test)):
        assert np.array_equal(part.x, before.x) and np.array_equal(part.y, before.y != 1) and part.y.dtype == np.int32


def test_only_one_class(data):
    assert all((part.x % 3 == 2).all() and len(part) for part in one_class.only(data, 2).parts().values())


def test_a_class_goes_by_its_name_or_its_number(data):
    assert [one_class.number(data, named) for named in ("dog", "1", "ship")] == [1, 1, 2]
    for wrong in ("dogs", "3", "-1", ""):
        with pytest.raises(UserError, match=r"cat, dog, ship, or 0 to 2"):
            one_class.number(data, wrong)
    with pytest.raises(UserError, match="did you mean dog"):
        one_class.number(data, "dogs")
