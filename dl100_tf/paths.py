"""The only place that knows folder names, and how a file comes to stand in one: whole or not at all."""

import contextlib
import errno
import os
import shutil
import tempfile
from pathlib import Path

from dl100_tf.errors import UserError

UNFINISHED = ".writing-"  # how the names of what is being written begin
LOCK = ".lock"  # in a folder that one process may own


def home() -> Path:
    """The folder that runs and caches live in: `$DL100_HOME`, else the current folder.

    Raises:
        UserError: the current folder has been deleted.
    """
    try:
        return named(os.environ.get("DL100_HOME") or ".").resolve()
    except FileNotFoundError:
        raise UserError("the current folder is gone: change to another, or set DL100_HOME.") from None


def named(path: str | os.PathLike) -> Path:
    """A path as somebody typed it, `~` for his home folder; `~nobody`, whose home isn't known, stays what it is."""
    return Path(os.path.expanduser(path))


def runs(project: str) -> Path:
    """Where the runs of `project` live."""
    return home() / "runs" / project


def exports() -> Path:
    """Where exported models go: `saved_model/<name>/<n>/` for servers, `tflite/<name>/<n>/` for phones."""
    return home() / "export" / "models"


def cache() -> Path:
    """What can be computed again: prepared datasets, vocabularies. Safe to delete at any time."""
    return home() / "cache"


def data(data_dir: str | os.PathLike | None = None) -> Path | None:
    """The folder that holds datasets as their authors distribute them: `data_dir`, else `$DL100_DATA`, else none."""
    chosen = data_dir or os.environ.get("DL100_DATA")
    return named(chosen).resolve() if chosen else None


def shown(path: str | os.PathLike) -> str:
    """A path as text that can be printed and stored: bytes that aren't UTF-8, as in old archives, become `\\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextlib.contextmanager
def replacing(target: Path):
    """Yield a temporary path beside `target`; on a clean exit it replaces `target` in one step, else it vanishes.

    What was at `target` stays readable until the new content is on the disk (file and folder are fsynced around an
    `os.replace`), so a reader, or a process killed at any instant, sees the old file or the new one and never a
    part of either. The temporary name keeps the suffix, as some writers choose their format by it.

    Raises:
        UserError: the disk is full, or the folder can't be written to; `target` is as it was.
    """
    target = Path(target)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=target.parent)) / target.name
        yield temporary
        for written in (temporary, *temporary.rglob("*")):
            _fsync(written)
        os.replace(temporary, target)
        _fsync(target.parent)
    except (OSError, RuntimeError) as error:  # HDF5 has a RuntimeError for a full disk
        explained = _explained(error, target)
        if explained is None:
            raise
        raise explained from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary.parent, ignore_errors=True)


@contextlib.contextmanager
def scratch(folder: Path):
    """Yield a folder inside `folder` for what is on its way there; it vanishes in the end, with all that is in it.

    Raises:
        UserError: the disk is full, or `folder` can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder, ignore_cleanup_errors=True) as temporary:
            yield Path(temporary)
    except OSError as error:
        explained = _explained(error, folder / "*")
        if explained is None:
            raise
        raise explained from error


def sweep(folder: Path) -> None:
    """Remove what killed writers left half done directly in `folder`. Only for the folder's one owner."""
    for leftover in folder.glob(f"{UNFINISHED}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def sweep_all(folder: Path) -> None:
    """Remove it from the folders below as well, but not from those with a lock of their own: somebody may be in them.

    Args:
        folder: whose lock, `LOCK`, is held.
    """
    sweep(folder)
    for below in folder.iterdir():
        if below.is_dir() and not (below / LOCK).exists():
            sweep_all(below)


def _fsync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # Windows can't open a folder
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_full(error: Exception) -> bool:
    """Whether an error says that the disk is full, or the user's share of it; not all libraries raise an OSError."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error)


def _explained(error: Exception, target: Path) -> UserError | None:
    """`error` in words a user can act on; None where we know nothing better."""
    number = getattr(error, "errno", None)
    if is_full(error):
        return UserError(f"the disk is full: {target} was not written, what was there before is intact. "
                         "Free some space and run the same command again.")
    if number in (errno.EACCES, errno.EROFS, errno.EPERM):
        return UserError(f"{target.parent} can't be written to. Set DL100_HOME to a folder that can be, "
                         "or change its permissions.")
    return None
