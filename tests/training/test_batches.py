from types import SimpleNamespace

import numpy as np

from dl100_tf.training import batches


def padded(count, seed=0):
    random = np.random.default_rng(seed)
    lengths = random.integers(3, 97, count)
    x = np.where(np.arange(97) < lengths[:, None], random.integers(1, 9, (count, 97)), 0).astype("int32")
    return SimpleNamespace(x=x, y=np.arange(count, dtype="int32")), lengths


def test_batches_of_like_length_end_with_their_longest_row():
    split, lengths = padded(1003)
    made = batches.Batches(split, 8, seed=1, padding=0)
    seen, widths = [], []
    for x, y in made.epoch(0):
        x, y = x.numpy(), y.numpy()
        longest = lengths[y].max()
        assert x.shape == (8, min(97, -(-longest // batches.STEP) * batches.STEP))
        assert np.array_equal(x, split.x[y, :x.shape[1]])
        seen += y.tolist()
        widths.append(x.shape[1])
    assert len(seen) == len(set(seen)) == 1000 == made.steps * 8
    assert sum(widths) < 1.2 * lengths.mean() * made.steps, "little is padding"
    assert np.abs(np.corrcoef(widths, np.arange(len(widths)))[0, 1]) < 0.3, "long batches come at any time"


def test_any_epoch_from_any_step():
    split, _ = padded(100)
    made = batches.Batches(split, 8, seed=1, padding=0)
    whole, rest = ([y.numpy().tolist() for _, y in made.epoch(3, done)] for done in (0, 5))
    assert whole[5:] == rest and whole != [y.numpy().tolist() for _, y in made.epoch(4)]


def test_validation_is_whole_whatever_its_order():
    split, lengths = padded(50)
    found = list(batches.validation_batches(split, 8, padding=0))
    y = np.concatenate([y for _, y in found])
    assert sorted(y) == list(range(50)) and (np.diff(lengths[y]) >= 0).all()
    assert found[0][0].shape[1] < found[-1][0].shape[1]


def test_padding_is_only_what_stands_at_the_end():
    x = np.array([[5, 0, 5, 0, 0], [5, 0, 0, 0, 0], [1, 2, 3, 4, 5]])
    assert batches.used(x, 0).tolist() == [3, 1, 5]
