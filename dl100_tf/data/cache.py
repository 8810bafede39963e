"""Arrays that take seconds to compute, kept under the run's home: never trusted, never needed, safe to delete."""

import contextlib
import hashlib
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from dl100_tf import paths
from dl100_tf.data.console import warn
from dl100_tf.errors import UserError

KEEP = 12  # files of a kind; the longest unused make room
ABANDONED = 3600  # seconds after which a half-written file has no living writer

Arrays = dict[str, np.ndarray]


def cached(kind: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays that `make()` returns, read back from the disk if they were made before under the same key.

    A damaged file is made again, with a warning; where the cache can't be written, a warning is all that happens.
    Any number of processes may call at once: each sees a whole file or none. Arrays of objects are refused, as
    only pickle could store them (`pack` texts first).

    Args:
        kind: a word that names the folder in the cache.
        key: hex digest of everything that the arrays depend on.
        make: computes the arrays.
    """
    file = paths.cache() / kind / f"{key[:32]}.npz"
    arrays = _read(file, key)
    if arrays is None:
        arrays = make()
        _write(file, key, arrays)
    return arrays


def digest(*parts: str | bytes | int | Iterable[str] | None) -> str:
    """SHA-256 (hex) of the parts; an iterable of texts is one part, and where each part ends counts too."""
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, str | bytes | int | None):
            _feed(state, part)
        else:
            for text in part:
                _feed(state, text)
            state.update(b"end")
    return state.hexdigest()


def pack(texts: Iterable[str]) -> Arrays:
    """Texts as two plain arrays: their UTF-8 bytes, one after the other, and where each one ends."""
    encoded = [text.encode() for text in texts]
    return {"bytes": np.frombuffer(b"".join(encoded), np.uint8),
            "ends": np.cumsum([len(text) for text in encoded], dtype=np.int64)}


def unpack(arrays: Arrays) -> list[str]:
    """The texts that `pack` was given."""
    content, start, texts = arrays["bytes"].tobytes(), 0, []
    for end in arrays["ends"].tolist():
        texts.append(content[start:end].decode())
        start = end
    return texts


def _feed(state, part) -> None:
    content = part if isinstance(part, bytes) else part.encode() if isinstance(part, str) else repr(part).encode()
    state.update(b"%d:" % len(content))
    state.update(content)


def _seal(key: str, arrays: Arrays) -> np.ndarray:
    """SHA-256 (32 bytes) over the key and all arrays."""
    state = hashlib.sha256(key.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        state.update(f"{name}{array.dtype.str}{array.shape}".encode())
        state.update(array.data.cast("B") if array.size else b"")
    return np.frombuffer(state.digest(), np.uint8)


def _read(file: Path, key: str) -> Arrays | None:
    """The arrays in `file`, None where it isn't there or isn't whole."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if np.array_equal(arrays.pop("seal"), _seal(key, arrays)):
            with contextlib.suppress(OSError):
                file.touch()  # the time of the last use: see _make_room
            return arrays
        reason = "its digest is wrong"
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, AttributeError, NotImplementedError, zipfile.BadZipFile,
            zlib.error) as error:
        reason = str(error) or type(error).__name__
    warn(f"{file} is damaged ({reason}) and is made again.")
    return None


def _write(file: Path, key: str, arrays: Arrays) -> None:
    if any(array.dtype.hasobject for array in arrays.values()):
        raise TypeError("arrays of objects can't be cached: pack() texts first")
    try:
        with paths.replacing(file) as temporary:
            np.savez(temporary, allow_pickle=False, seal=_seal(key, arrays), **arrays)
        _make_room(file.parent)
    except (UserError, OSError) as error:
        warn(f"not cached, so the next start takes as long: {error}")


def _make_room(folder: Path) -> None:
    """Keep the files used last, and remove what killed writers left behind."""
    used = {file: _last_used(file) for file in folder.glob("*.npz")}
    for file in sorted(used, key=used.get, reverse=True)[KEEP:]:
        with contextlib.suppress(OSError):
            file.unlink()
    for leftover in folder.glob(".writing-*"):
        if time.time() - _last_used(leftover) > ABANDONED:
            shutil.rmtree(leftover, ignore_errors=True)


def _last_used(path: Path) -> float:
    """Modification time in seconds; now, if the file vanished meanwhile."""
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
