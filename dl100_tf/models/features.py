"""What a frozen net makes of each picture: computed once, kept on the disk, read as an array that stays there."""

import contextlib
import functools
import hashlib
import os
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from dl100_tf import paths
from dl100_tf.errors import UserError
from dl100_tf.models import backbones

VERSION = 3  # of what the files hold
BATCH = 16  # pictures the net sees at once: on a CPU faster than 64, as more of it stays in the cache
CHUNK = 16 * BATCH  # pictures between two moments at which a kill loses nothing
KEPT = 8 << 30  # bytes on the disk; the longest unused make room, but never this process' own
HALF = 65504.0  # the largest float16


def of(pictures, model):
    """Splits of pictures as splits of what `model` makes of them; each training picture is seen mirrored as well.

    Args:
        pictures: `Splits`, x uint8 (n, h, w, c).
        model: a Keras model of one input and one output.

    Returns:
        `Splits` with x on the disk, as `compute` gives them (training: twice as many, with their labels), and the
        seconds that computing them took, whenever that was.
    """
    parts, spent = {}, 0.0
    for name, split in pictures.parts().items():
        views = 2 if name == "train" else 1
        x, seconds = compute(model, split.x, views)
        parts[name] = replace(split, x=x, y=np.concatenate([split.y] * views))
        spent += seconds
    return replace(pictures, **parts), spent


def of_parts(model, parts: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], float]:
    """What `model` makes of the parts of a dataset: where a seed parts it otherwise, nothing is computed again.

    All pictures are looked at together, in the order of their content.

    Args:
        model: a Keras model of one input and one output, (batch, d).
        parts: arrays (n, h, w, c) by name.

    Returns:
        By the same names arrays (n, d), and the seconds that computing all of them took, whenever that was.
    """
    every = np.concatenate([*parts.values()])
    ranks = np.array(sorted(range(len(every)), key=lambda number: hashlib.sha256(every[number]).digest()))
    seen, spent = compute(model, every[ranks])
    places = np.split(np.argsort(ranks), np.cumsum([len(part) for part in parts.values()])[:-1])
    return {name: seen[place] for name, place in zip(parts, places, strict=True)}, spent


def compute(model, pictures, views: int = 1) -> tuple[np.ndarray, float]:
    """The output of `model` for each picture, read back from the cache as far as it was computed before.

    A process killed on the way loses a few seconds of it; a damaged part of a file is computed again. Vectors are kept
    as float32, maps as float16, which is half as large: a rounding of 0.05 %, the largest value being 65 504.

    Args:
        model: a Keras model of one input and one output.
        pictures: array (n, h, w, c), on the disk or in memory.
        views: 1, or 2 for all pictures and then all of them mirrored.

    Returns:
        An array on the disk (views x n, ...), and the seconds that computing it took, whenever that was.

    Raises:
        UserError: the disk is full, or the cache can't be written to.
    """
    row = tuple(model.output.shape[1:])
    dtype = np.dtype("float32" if len(row) == 1 else "float16")
    file = paths.cache() / "features" / f"{_key(model, pictures)[:32]}-{views}.{dtype.name}"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _alone(file):
            seconds = _completed(file, model, pictures, views, dtype)
    except OSError as error:
        raise UserError(f"the features can't be kept in {file.parent} ({error.strerror}): free some space or set "
                        "DL100_HOME to a folder that can be written to, and run the same command again.") from error
    _make_room(file)
    return np.memmap(file, dtype, "r", shape=(views * len(pictures), *row)), seconds


def _completed(file: Path, model, pictures, views: int, dtype) -> float:
    """Compute what is missing of `file`; the seconds that all of it took.

    Beside it, `.parts` has a line for every part that is whole: its checksum, and the seconds it took.
    """
    starts = [(view, start) for view in range(views) for start in range(0, len(pictures), CHUNK)]
    lines, size = _sound_parts(file)
    with open(file, "ab") as content, open(f"{file}.parts", "a", encoding="ascii") as parts:
        content.truncate(size)
        parts.truncate(sum(len(line) + 1 for line in lines))
        make = _maker(model)
        for view, start in _watched(starts[len(lines):], len(pictures), len(starts)):
            begun = time.perf_counter()
            some = make(pictures[start:start + CHUNK], view == 1)
            some = (np.clip(some, -HALF, HALF) if dtype == "float16" else some).astype(dtype).tobytes()
            lines.append(f"{len(some)} {zlib.crc32(some)} {time.perf_counter() - begun:.3f}")
            for stream, text in ((content, some), (parts, lines[-1] + "\n")):  # in this order
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
    return sum(float(line.split()[2]) for line in lines)


def _sound_parts(file: Path) -> tuple[list[str], int]:
    """The lines of the parts that are as they were written, up to the first that isn't, and their bytes."""
    sound, size = [], 0
    try:
        lines = Path(f"{file}.parts").read_text(encoding="ascii").splitlines(keepends=True)
        with open(file, "rb") as content:
            for line in lines:
                length, checksum, seconds = line.split()
                some = content.read(int(length))
                if not line.endswith("\n") or len(some) != int(length) or zlib.crc32(some) != int(checksum):
                    break
                float(seconds)
                sound.append(line.rstrip("\n"))
                size += len(some)
    except (FileNotFoundError, ValueError):
        pass
    return sound, size


@functools.lru_cache(maxsize=1)  # traced once for all parts of a dataset
def _maker(model) -> Callable[[np.ndarray, bool], np.ndarray]:
    """A function of pictures, and of whether to mirror them, to features, float32 (n, ...)."""
    import tensorflow as tf

    call = tf.function(lambda some: model(some, training=False),
                       input_signature=[tf.TensorSpec(model.inputs[0].shape, "float32")], autograph=False)

    def make(pictures: np.ndarray, mirrored: bool) -> np.ndarray:
        pictures = pictures[:, :, ::-1] if mirrored else pictures
        return np.concatenate([call(tf.cast(pictures[start:start + BATCH], "float32")).numpy()
                               for start in range(0, len(pictures), BATCH)])
    return make


@contextlib.contextmanager
def _alone(file: Path):
    """Hold a file's lock; where another process has it, say so and wait: it is computing the very same features."""
    import filelock

    lock = filelock.FileLock(f"{file}.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        print("waiting for another process, which is computing the same features ...", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _watched(parts: list, pictures: int, total: int):
    """The parts, with a progress bar on a terminal, and one line elsewhere."""
    from rich.console import Console
    from rich.progress import track

    screen = Console(stderr=True)
    if parts and not screen.is_terminal:
        print(f"looking at {pictures} pictures ...", file=sys.stderr, flush=True)
    return track(parts, f"looking at {pictures} pictures", total=total, completed=total - len(parts), console=screen,
                 transient=True, disable=not screen.is_terminal or not parts)


def _key(model, pictures) -> str:
    """Of all that the features depend on: the net's shape and weights, and every pixel."""
    state = hashlib.sha256(f"{VERSION} {pictures.dtype} {pictures.shape} {model.output.shape}".encode())
    state.update(_told(model).encode())
    state.update(backbones.digest(model).encode())
    for start in range(0, len(pictures), CHUNK):
        state.update(np.ascontiguousarray(pictures[start:start + CHUNK]))
    return state.hexdigest()


def _told(step) -> str:
    """A model, layer or operation by kind and settings, such as the size to which it resizes, and who feeds whom.

    Its name is left out, as that counts what was built before, and whether it is trained, which changes no feature.
    """
    inner = getattr(step, "operations", None) or getattr(step, "layers", None)  # a Sequential has layers only
    if inner:
        return f"({' '.join(map(_told, inner))} {_wires(step, inner)})"
    settings = sorted((name, str(value)) for name, value in step.get_config().items()
                      if name not in ("name", "trainable"))
    return f"{type(step).__name__} {settings}"


def _wires(model, inner: list) -> list:
    """For each operation of a model the numbers of those that feed it; [] of a Sequential, where it is the one before.

    Two models may have the same operations in the same order, and ask another of two equally wide layers.
    """
    number = {id(one): place for place, one in enumerate(inner)}
    own = {id(node) for nodes in getattr(model, "_nodes_by_depth", {}).values() for node in nodes}
    return [[number[id(tensor._keras_history.operation)] for node in one._inbound_nodes if id(node) in own
             for tensor in node.input_tensors] for one in inner] if own else []


_USED = set()  # by this process


def _make_room(file: Path) -> None:
    """Delete the files that were not used for longest, until the rest fits into `KEPT`."""
    _USED.add(file)
    os.utime(file)
    found = [entry for entry in file.parent.iterdir() if entry.suffix in (".float16", ".float32")]
    total = 0
    for entry in sorted(found, key=lambda entry: entry.stat().st_mtime, reverse=True):
        total += entry.stat().st_size
        if total > KEPT and entry not in _USED:
            for part in (entry, Path(f"{entry}.parts"), Path(f"{entry}.lock")):
                part.unlink(missing_ok=True)
