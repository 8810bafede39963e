"""Arrays that take seconds to compute, kept under the run's home: never trusted, never needed, safe to delete."""

import contextlib
import hashlib
import io
import math
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dl100_tf import paths
from dl100_tf.data.console import warn, watched
from dl100_tf.errors import DataError, UserError

KEEP = 12  # files of a kind; the longest unused make room
KEEP_ROWS = 3  # the same for files of rows, which are large
IN_MEMORY = 1 << 29  # bytes of rows up to which they are read whole
CHUNK = 1 << 24  # bytes that are read at once to check a file
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
        _write(file, key, arrays, KEEP)
    return arrays


def cached_rows(kind: str, key: str, row: tuple[int, ...], make: Callable[[BinaryIO], Arrays]
                ) -> tuple[np.ndarray, Arrays]:
    """Rows of bytes, too many to hold in memory perhaps, and arrays that tell about them: `cached` for large things.

    Args:
        kind, key: see `cached`.
        row: the shape of a row.
        make: writes the rows to the file that it's given, one after the other, and returns the arrays.

    Returns:
        (rows, arrays): uint8 (n, *row), read-only; a plain array up to 512 MiB, beyond that an `np.memmap` of the file.
    """
    file = paths.cache() / kind / f"{key[:32]}.npz"
    arrays = _read(file, key)
    rows = None if arrays is None else _map(file.with_suffix(".rows"), row, arrays.pop("rows").tobytes())
    if rows is None:
        rows, arrays = _make_rows(file, key, row, make)
    return rows, arrays


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


def _write(file: Path, key: str, arrays: Arrays, keep: int) -> None:
    if any(array.dtype.hasobject for array in arrays.values()):
        raise TypeError("arrays of objects can't be cached: pack() texts first")
    try:
        with paths.replacing(file) as temporary:
            np.savez(temporary, allow_pickle=False, seal=_seal(key, arrays), **arrays)
        _make_room(file.parent, keep)
    except (UserError, OSError) as error:
        warn(f"not cached, so the next start takes as long: {error}")


def _make_rows(file: Path, key: str, row: tuple[int, ...], make: Callable[[BinaryIO], Arrays]
               ) -> tuple[np.ndarray, Arrays]:
    """What `make` writes and returns, from the cache that it now is in, or from memory if there can be none."""
    path = file.with_suffix(".rows")
    try:
        with paths.replacing(path) as temporary, open(temporary, "wb") as stream:
            sealing = _Sealing(stream)
            arrays = make(sealing)
        rows = _map(path, row)
    except DataError:  # it's the data that are wrong, not the cache
        raise
    except (UserError, OSError) as error:
        warn(f"not cached, so everything is held in memory and the next start takes as long: {error}")
        stream = io.BytesIO()
        arrays = make(stream)
        return np.frombuffer(stream.getvalue(), np.uint8).reshape(-1, *row), arrays
    _write(file, key, arrays | {"rows": np.frombuffer(sealing.state.digest(), np.uint8)}, KEEP_ROWS)
    return rows, arrays


class _Sealing:
    """A file that knows the SHA-256 of what was written to it."""

    def __init__(self, stream: BinaryIO):
        self.stream, self.state = stream, hashlib.sha256()

    def write(self, content: bytes) -> None:
        self.state.update(content)
        self.stream.write(content)


def _map(path: Path, row: tuple[int, ...], seal: bytes | None = None) -> np.ndarray | None:
    """The rows in the file; None where it isn't there, or hasn't this SHA-256."""
    try:
        size = path.stat().st_size
        if seal is not None and _sha256(path, size) != seal:
            warn(f"{path} is damaged (its digest is wrong) and is made again.")
            return None
        rows = np.fromfile(path, np.uint8) if size <= IN_MEMORY else np.memmap(path, np.uint8, "r")
    except FileNotFoundError:
        return None
    except OSError as error:
        if seal is None:
            raise
        warn(f"{path} can't be read ({error.strerror}) and is made again.")
        return None
    rows.flags.writeable = False
    return rows[: size - size % math.prod(row)].reshape(-1, *row)


def _sha256(path: Path, size: int) -> bytes:
    state = hashlib.sha256()
    with open(path, "rb") as stream:
        for _ in watched(range(-(-size // CHUNK)), "checking what is cached", -(-size // CHUNK)):
            state.update(stream.read(CHUNK))
    return state.digest()


def _make_room(folder: Path, keep: int) -> None:
    """Keep the files used last, and remove what killed writers left behind."""
    used = {file: _last_used(file) for file in folder.glob("*.npz")}
    for file in sorted(used, key=used.get, reverse=True)[keep:]:
        for part in (file, file.with_suffix(".rows")):
            with contextlib.suppress(OSError):
                part.unlink()
    for leftover in folder.glob(".writing-*"):
        if time.time() - _last_used(leftover) > ABANDONED:
            shutil.rmtree(leftover, ignore_errors=True)


def _last_used(path: Path) -> float:
    """Modification time in seconds; now, if the file vanished meanwhile."""
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
