"""A disk that is really full while a checkpoint is written: a clear error, and the last good checkpoint intact."""

import contextlib
import gc
import os
import subprocess

import numpy as np
import pytest

from dl100_tf import paths
from dl100_tf.errors import UserError
from dl100_tf.training.checkpoints import Checkpoints


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB; making one takes root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("can't mount a small disk here: needs root on Linux")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_stops_with_a_clear_error_and_the_last_checkpoint_intact(small_disk):
    checkpoints = Checkpoints(small_disk / "checkpoints")
    arrays = {"model/0": np.arange(300_000, dtype=np.float32)}
    for step in (1, 2, 3):
        checkpoints.save(step, arrays, {"step": step})  # two are kept: 2.4 of 4 MB
    with open(small_disk / "filler", "wb") as filler, contextlib.suppress(OSError):
        while True:
            filler.write(os.urandom(65536))
    with pytest.raises(UserError, match=r"the disk is full: .* was not written, what was there before is intact"):
        checkpoints.save(4, arrays, {"step": 4})
    read, facts = checkpoints.load()
    assert facts == {"step": 3} and np.array_equal(read["model/0"], arrays["model/0"])
    paths.sweep(small_disk / "checkpoints")
    assert len(os.listdir(small_disk / "checkpoints")) == 2
    (small_disk / "filler").unlink()
    checkpoints.save(4, arrays, {"step": 4})
    assert checkpoints.load()[1] == {"step": 4}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # HDF5 can't flush its file either
@pytest.mark.parametrize("name", ["model.keras", "best.weights.h5"])
def test_a_model_that_no_longer_fits_is_named_and_the_old_one_stays(small_disk, monkeypatch, name):
    import keras

    monkeypatch.setenv("TMPDIR", str(small_disk))
    model = keras.Sequential([keras.Input((1000,)), keras.layers.Dense(400)])  # 1.6 MB
    with paths.replacing(small_disk / name) as file:
        (model.save if name.endswith("keras") else model.save_weights)(file)
    before = (small_disk / name).read_bytes()
    (small_disk / "filler").write_bytes(bytes(2 << 20))
    with pytest.raises(UserError, match="the disk is full"), paths.replacing(small_disk / name) as file:
        (model.save if name.endswith("keras") else model.save_weights)(file)
    assert (small_disk / name).read_bytes() == before
    gc.collect()
