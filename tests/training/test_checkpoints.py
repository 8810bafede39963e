"""Checkpoints against damage: whatever happens to the newest file, the one before it is taken."""

import errno
import warnings
from pathlib import Path

import numpy as np
import pytest

from dl100_tf.errors import UserError
from dl100_tf.training.checkpoints import Checkpoints

ARRAYS = {"model/0": np.arange(40, dtype=np.float32), "optimizer/0": np.ones((2, 3))}


@pytest.fixture
def checkpoints(tmp_path):
    made = Checkpoints(tmp_path / "checkpoints")
    for step in (1, 2, 3):
        made.save(step, ARRAYS, {"step": step})
    return made


def newest(checkpoints):
    return max(checkpoints.folder.glob("step-*.npz"))


def test_the_newest_is_taken_and_only_two_are_kept(checkpoints):
    arrays, facts = checkpoints.load()
    assert facts == {"step": 3} and all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)
    assert len(list(checkpoints.folder.iterdir())) == 2


@pytest.mark.parametrize("length", [0, 1, 100, -700, -1])
def test_a_truncated_one_is_put_aside(checkpoints, length):
    file = newest(checkpoints)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.warns(UserWarning, match="taking the one before it"):
        assert checkpoints.load()[1] == {"step": 2}
    assert file.with_suffix(".damaged").is_file() and not file.exists()


def test_no_single_flipped_bit_gives_a_wrong_state(checkpoints):
    """Zip keeps its checksums for the content alone; whatever slips past them has to be harmless."""
    file, unnoticed = newest(checkpoints), 0
    whole = file.read_bytes()
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        file.write_bytes(damaged)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            arrays, facts = checkpoints.load()
        if facts["step"] == 3:
            unnoticed += 1
            assert set(arrays) == set(ARRAYS)
            assert all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)
        else:
            assert facts["step"] == 2 and "taking the one before it" in str(said[0].message)
        file.with_suffix(".damaged").unlink(missing_ok=True)
    assert unnoticed < len(whole) / 3 / 2


def test_both_damaged_says_that_training_begins_again(checkpoints):
    for file in checkpoints.folder.glob("step-*.npz"):
        file.write_bytes(b"")
    with pytest.warns(UserWarning, match="there is no other, so training begins again"):
        assert checkpoints.load() is None


def test_one_that_cannot_be_read_for_now_is_not_taken_for_damaged(checkpoints, monkeypatch):
    def failing(*words, **options):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", failing)
    with pytest.raises(UserError, match="can't be read"):
        checkpoints.load()
    assert len(list(checkpoints.folder.glob("step-*.npz"))) == 2
