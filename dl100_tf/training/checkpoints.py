"""Checkpoints that a kill at any instant, a full disk or a damaged file can't take away."""

import dataclasses
import io
import json
import re
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from dl100_tf import paths
from dl100_tf.errors import UserError

DAMAGE = (ValueError, OSError, KeyError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)
KEPT = 2  # the newest, and the one before it in case the newest is damaged


@dataclasses.dataclass
class Progress:
    """Where training stands: what the variables and the callbacks don't know.

    Attributes:
        epoch: epochs completed.
        step: steps done in the epoch that is under way.
        total_steps: steps done in all; it names the checkpoint.
        seconds: time spent in training, over all sessions.
        epoch_seconds: the part of it spent in the epoch that is under way.
        history: one row per completed epoch.
        stopped_early: whether early stopping has ended the training.
    """

    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    history: list[dict] = dataclasses.field(default_factory=list)
    stopped_early: bool = False

    def going_on(self, epochs: int) -> bool:
        """Whether there is an epoch left to train, where so many are asked for."""
        return self.epoch < epochs and not self.stopped_early


class Checkpoints:
    """The newest two checkpoints in a folder, each one file: an uncompressed `.npz` of arrays and one JSON text.

    A checkpoint appears by rename, once its bytes are on the disk. Its zip directory and checksums tell a damaged
    one, and then the one before it is taken.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def save(self, step: int, arrays: dict[str, np.ndarray], facts: dict) -> Path:
        """Write the checkpoint of `step` and let go of all but the newest two.

        Raises:
            UserError: the disk is full or read-only; the earlier checkpoints are intact.
        """
        target = self.folder / f"step-{step:09d}.npz"
        text = np.frombuffer(json.dumps(facts | {"arrays": sorted(arrays)}).encode(), dtype=np.uint8)
        with paths.replacing(target) as file:
            np.savez(file, facts=text, **arrays)
        for old in self._files()[KEPT:]:
            old.unlink()
        return target

    def load(self) -> tuple[dict[str, np.ndarray], dict] | None:
        """The newest sound checkpoint as (arrays, facts); None where there is none.

        A damaged one is put aside as `*.damaged`, with a warning, and the one before it is taken.

        Raises:
            UserError: a checkpoint can't be read at all: no permission, a failing disk.
        """
        for file in self._files():
            try:
                content = file.read_bytes()
            except OSError as error:
                raise UserError(f"the checkpoint {file} can't be read ({error.strerror}): mend that, and run the same "
                                "command again.") from error
            try:
                return self._parsed(content)
            except DAMAGE as error:
                self._put_aside(file, error)
        return None

    def newest_step(self) -> int:
        """The step of the newest checkpoint, sound or not; 0 where there is none."""
        return max(map(_step, self._files()), default=0)

    def progress(self) -> Progress:
        """How far the newest sound checkpoint has come."""
        newest = self.load()
        return Progress(**newest[1]["progress"]) if newest else Progress()

    def _parsed(self, content: bytes) -> tuple[dict[str, np.ndarray], dict]:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        facts = json.loads(arrays.pop("facts").tobytes())
        if facts.pop("arrays") != sorted(arrays):  # the zip format doesn't check its members' names
            raise ValueError("an array is missing")
        return arrays, facts

    def _put_aside(self, file: Path, error: Exception) -> None:
        file.replace(file.with_suffix(".damaged"))
        then = "taking the one before it" if self._files() else "there is no other, so training begins again"
        warnings.warn(f"the checkpoint {file} is damaged ({error}); {then}.", stacklevel=3)

    def _files(self) -> list[Path]:
        found = [file for file in self.folder.glob("step-*.npz") if re.fullmatch(r"step-\d+\.npz", file.name)]
        return sorted(found, key=_step, reverse=True)


def newest_steps(directory: Path) -> list[int]:
    """The newest step of every net that a run trains, its own and those of its parts; the least first."""
    return sorted(Checkpoints(folder).newest_step() for folder in directory.rglob("checkpoints"))


def _step(file: Path) -> int:
    return int(file.stem.removeprefix("step-"))
