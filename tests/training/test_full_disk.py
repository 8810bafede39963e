"""A disk that is really full while a checkpoint is written: a clear error, and the last good checkpoint intact."""

import contextlib
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


CHILD = """
import os, sys
from pathlib import Path
import keras
from dl100_tf import paths
from dl100_tf.errors import UserError
target = Path(sys.argv[1])
model = keras.Sequential([keras.Input((1000,)), keras.layers.Dense(400)])  # 1.6 MB
save = model.save if target.suffix == ".keras" else model.save_weights
with paths.replacing(target) as file:
    save(file)
before = target.read_bytes()
(target.parent / "filler").write_bytes(bytes(2 << 20))
try:
    with paths.replacing(target) as file:
        save(file)
except UserError as error:
    print(error, target.read_bytes() == before, flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("name", ["model.keras", "best.weights.h5"])
def test_a_model_that_no_longer_fits_is_named_and_the_old_one_stays(small_disk, forked, name):
    # In a process that ends without tidying up: HDF5 crashes while it closes a file that it couldn't flush.
    answer = forked(small_disk / name, code=CHILD, env={"TMPDIR": str(small_disk)})
    assert answer.returncode == 0, answer.stderr
    assert "the disk is full: " in answer.stdout and answer.stdout.rstrip().endswith("True")
