import hashlib

import numpy as np
import pytest

from dl100_tf.data import order
from dl100_tf.errors import UserError

X = np.arange(60, dtype=np.uint8).reshape(20, 3)
Y = np.arange(20) % 2


def test_the_order_is_the_contents_and_not_the_files():
    shuffled = np.random.default_rng(0).permutation(20)
    first, digest = order.by_content(X, Y)
    second, again = order.by_content(X[shuffled], Y[shuffled].astype(np.int64))
    assert np.array_equal(first.x, second.x) and np.array_equal(first.y, second.y) and digest == again
    assert first.y.dtype == np.int32 and np.count_nonzero(np.diff(first.y)) > 1
    assert sorted(map(tuple, first.x)) == sorted(map(tuple, X))
    assert all(label == Y[np.flatnonzero((x == X).all(1))[0]] for x, label in zip(first.x, first.y, strict=True))


def test_the_digest_knows_labels_pixels_and_counts():
    changed = X.copy()
    changed[3, 1] ^= 1
    digests = [order.by_content(*pair)[1] for pair in ((X, Y), (changed, Y), (X, 1 - Y), (X[1:], Y[1:]))]
    assert len(set(digests)) == 4 and all(len(digest) == hashlib.sha256().digest_size * 2 for digest in digests)


def test_found_tells_train_from_test():
    one = order.found("local", (X, Y), (X[:4], Y[:4]), "things")
    other = order.found("local", (X[:4], Y[:4]), (X, Y), "things")
    assert one[2].where == "20 + 4 things" and one[2].digest != other[2].digest
    assert order.source("tfds", (1_234_567, 1000), "d", "x", "n").where == "1 234 567 + 1 000 x"


def test_parted_holds_out_by_seed():
    found = order.found("local", (X, Y), (X[:4], Y[:4]), "things")
    splits = order.parted(lambda: found, ("even", "odd"), 0.2, 3)
    assert [len(split) for split in splits.parts().values()] == [16, 4, 4] and splits.labels == ("even", "odd")
    with pytest.raises(UserError, match="between 0 and 1"):
        order.parted(lambda: found, ("even", "odd"), 1.0, 3)
