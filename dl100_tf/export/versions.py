"""Where exported models stand: numbered versions, each there whole or not at all."""

import contextlib
from pathlib import Path

import filelock

from dl100_tf import paths
from dl100_tf.errors import UserError

FORMATS = ("saved_model", "tflite")


def numbers(folder: Path) -> list[int]:
    """The versions in a model's folder, lowest first; what isn't a plain number is none, as for TensorFlow Serving."""
    found = [entry.name for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    return sorted(int(name) for name in found if name.isascii() and name.isdigit())


def newest(folder: Path) -> Path:
    """The newest version in a model's folder, or the folder itself where it is a version.

    Raises:
        UserError: there is none.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}: correct its name, or export a run first.")
    if folder.name.isdigit():
        return folder
    if not numbers(folder):
        raise UserError(f"{folder} holds no version of a model (folders 1, 2, ...): export a run first.")
    return folder / str(numbers(folder)[-1])


class Shelf:
    """The folders of one model under `root`: `saved_model/<name>/<n>/` and `tflite/<name>/<n>/`, the same n in both."""

    def __init__(self, root: Path, name: str):
        self.root, self.name = Path(root), name
        self.folders = {form: self.root / form / name for form in FORMATS}

    @contextlib.contextmanager
    def locked(self):
        """Hold the model's folders for this export alone, and remove what a killed one left half done.

        Raises:
            UserError: another export of this model is at work, or the folder can't be written to.
        """
        lock = filelock.FileLock(self.root / f".{self.name}.lock", timeout=0)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except filelock.Timeout:
            raise UserError(f"another export of {self.name} into {self.root} is at work: wait for it, or give this one "
                            "another folder with --to.") from None
        except OSError as error:
            raise UserError(f"{self.root} can't be written to ({error.strerror}): name another folder with --to."
                            ) from error
        try:
            for folder in (self.root, *self.folders.values()):
                paths.sweep(folder)
            yield self
        finally:
            lock.release()

    def next(self) -> int:
        """The number of the next version: one above the highest of either format."""
        return 1 + max((number for folder in self.folders.values() for number in numbers(folder)), default=0)

    def writing(self, form: str, version: int):
        """Context manager: yield a path where a folder may be made, which becomes version `version` of a format."""
        return paths.replacing(self.folders[form] / str(version))

