"""What groups of pictures have in common."""

import keras
import numpy as np
import pytest

from dl100_tf.models.crowds import Crowd


@pytest.mark.parametrize("count, groups", [(16, [0] * 8 + [1] * 8), (8, [0] * 8), (3, [0] * 3), (1, [0]),
                                           (19, [0] * 8 + [1] * 8 + [0] * 3)])
def test_each_is_told_what_its_group_is(count, groups):
    seen = np.random.default_rng(0).normal(size=(count, 5)).astype("float32")
    crowd = Crowd(8, 3)
    told = np.asarray(crowd(seen))
    size = min(8, count)
    means = seen[:count // size * size].reshape(-1, size, 5).mean(axis=1)
    expected = means @ np.asarray(crowd.dense.kernel)
    expected = np.where(expected > 0, expected, 0.2 * expected)
    np.testing.assert_allclose(told, expected[groups], atol=1e-5)


def test_it_works_for_batches_of_any_size():
    seen = keras.Input((5,))
    net = keras.Model(seen, Crowd(4, 2)(seen))
    assert net.output_shape == (None, 2)
    for count in (1, 4, 6, 9):
        assert net(np.ones((count, 5), "float32")).shape == (count, 2)
    assert net.count_params() == 5 * 2 + 2
