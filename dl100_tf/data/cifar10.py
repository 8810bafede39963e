"""CIFAR-10: 50 000 + 10 000 colour pictures of 32 x 32 pixels, of ten kinds of things.

Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images,
https://www.cs.toronto.edu/~kriz/cifar.html
"""

import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from dl100_tf.data import archives, cache, drawn, order, pickles, sources
from dl100_tf.data.console import watched
from dl100_tf.data.splits import Splits
from dl100_tf.errors import DataError

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
PICKLED, BINARY = "cifar-10-batches-py", "cifar-10-batches-bin"
ARCHIVES = {"cifar-10-python.tar.gz": PICKLED, "cifar-10-binary.tar.gz": BINARY}
PLACES = tuple(f"{folder}{name}" for name in (PICKLED, BINARY, *ARCHIVES) for folder in ("cifar10/", ""))
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"  # as TFDS has it
REMEDY = ("For the real pictures, put cifar-10-python.tar.gz (163 MB, https://www.cs.toronto.edu/~kriz/cifar.html) "
          "into a folder and name the folder with --data-dir or DL100_DATA; or connect to the network.")
PUBLISHED = {  # MD5 of what holds the pictures; the binary batches have no checksums of their own
    "data_batch_1": "c99cafc152244af753f735de768cd75f", "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751", "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb", "test_batch": "40351d587109b95175f43aff81a1287e",
}
OTHER = "local files, not the published CIFAR-10: other checksums, as after re-encoding its pictures"
SIDE = 32  # pixels
BATCH_LIMIT = 1 << 27  # bytes of one file: four times the original
FORMAT = 1  # of the cached file: raise it when what is cached changes


def load(source: str = "auto", data_dir: str | os.PathLike | None = None, validation: float = 0.1,
         seed: int = 0) -> Splits:
    """Load the pictures; the same ones in the same order (by content) from every real source.

    The batches may be Python pickles, which are read without ever running them, or the binary version, in their
    folder or still in their `.tar.gz`. The sample is ten kinds of drawn shapes, with labels of their own.

    Args:
        source: `auto`, `local`, `tfds` or `sample`.
        data_dir: the folder with `cifar-10-batches-py/`, `cifar-10-batches-bin/` or an archive of one, there or in
            `cifar10/`; None for `$DL100_DATA`.
        validation: the share of the training pictures that is held out, between 0 and 1.
        seed: decides which ones; nothing else.

    Returns:
        Splits: x is uint8 (n, 32, 32, 3) in RGB, y int32 (n,). The source's note says if the files aren't those
        that were published.

    Raises:
        DataError: the source isn't there, or is damaged or incomplete: the message names the file.
        UserError: no such source or data folder, or `validation` isn't a share.
    """
    rungs = {"local": (lambda: _local(sources.find(data_dir, *PLACES)), LABELS), "tfds": (_tfds, LABELS),
             "sample": (_sample, drawn.SHAPES)}
    return sources.climb(source, REMEDY, **{
        name: functools.partial(order.parted, rung, labels, validation, seed)
        for name, (rung, labels) in rungs.items()})


def _local(path: Path) -> order.Found:
    files = [path] if path.name in ARCHIVES else [path / _file(path.name, batch) for batch in BATCHES]
    key = cache.digest(FORMAT, *(part for file in files for part in _stamp(file)))
    arrays = cache.cached("cifar10", key, lambda: _arrays(path))
    train, test = (order.Split(arrays[f"{split}_x"], arrays[f"{split}_y"]) for split in ("train", "test"))
    return train, test, order.source(
        "local", (len(train), len(test)), arrays["digest"].tobytes().hex(),
        f"pictures from …/{path.parent.name}/{path.name}", "" if arrays["published"] else OTHER)


def _file(folder: str, batch: str) -> str:
    return batch if folder == PICKLED else f"{batch}.bin"


def _stamp(file: Path) -> tuple[str, int, int]:
    """Path, size (bytes) and modification time (ns): a changed file has another."""
    try:
        stat = file.stat()
    except FileNotFoundError as error:
        raise DataError(f"{file} is missing, so {file.parent} is incomplete: unpack the archive again.") from error
    except OSError as error:
        raise DataError(f"{file} can't be read ({error.strerror}): make it readable.") from error
    return str(file), stat.st_size, stat.st_mtime_ns


def _arrays(path: Path) -> cache.Arrays:
    """What is cached: the pictures by content, their digest, and whether they are the published ones."""
    found, published = {}, True
    kind = ARCHIVES.get(path.name, path.name)
    for batch, name, content in watched(_contents(path), f"reading {path.name}", len(BATCHES)):
        found[batch] = (_pickled if kind == PICKLED else _binary)(content, name)
        published &= kind == BINARY or hashlib.md5(content, usedforsecurity=False).hexdigest() == PUBLISHED[batch]
    for batch in BATCHES:
        if batch not in found:
            raise DataError(f"{path} holds no {_file(kind, batch)}, so it is incomplete: download it again.")
    splits = {"train": [found[batch] for batch in BATCHES[:-1]], "test": [found["test_batch"]]}
    arrays, digests = {}, []
    for name, batches in splits.items():
        x, y = (np.concatenate(part) for part in zip(*batches, strict=True))
        planes = x.reshape(-1, 3, SIDE, SIDE)
        split, digest = order.by_content(planes.transpose(0, 2, 3, 1), y)
        arrays |= {f"{name}_x": split.x, f"{name}_y": split.y}
        digests.append(digest)
    return arrays | {"digest": np.frombuffer(bytes.fromhex(order.joined(*digests)), np.uint8),
                     "published": np.array(published)}


def _contents(path: Path) -> Iterator[tuple[str, str, bytes]]:
    """Batch, name for a message, and content of every batch there is."""
    if path.name not in ARCHIVES:
        for batch in BATCHES:
            file = path / _file(path.name, batch)
            yield batch, str(file), _read(file)
        return
    kind = ARCHIVES[path.name]
    wanted = {f"{kind}/{_file(kind, batch)}": batch for batch in BATCHES}
    for name, content in archives.files(path, lambda name: str(PurePosixPath(name)) in wanted, BATCH_LIMIT):
        yield wanted[str(PurePosixPath(name))], f"{path}: {name}", content


def _read(file: Path) -> bytes:
    try:
        with open(file, "rb") as stream:
            content = stream.read(BATCH_LIMIT + 1)
    except OSError as error:
        raise DataError(f"{file} can't be read ({error.strerror}): make it readable, or unpack the archive again."
                        ) from error
    if len(content) > BATCH_LIMIT:
        raise DataError(f"{file} has more than {BATCH_LIMIT:,} bytes, too many for a batch: unpack the archive again.")
    return content


def _pickled(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 (n, 3072), one plane of colour after the other, and labels int32 (n,) of a pickled batch."""
    batch = pickles.mapping(content, name)
    x, labels = batch.get("data"), batch.get("labels")
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim != 2 or x.shape[1] != 3 * SIDE * SIDE:
        raise DataError(f"{name} holds no uint8 pictures of 3 x 32 x 32 under 'data': unpack the archive again.")
    if isinstance(labels, np.ndarray):
        labels = labels.tolist()
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < len(LABELS) for label in labels):
        raise DataError(f"{name} holds no whole numbers from 0 to 9 under 'labels': unpack the archive again.")
    return _matched(x, np.array(labels, np.int32), name)


def _binary(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The same of a batch of the binary version: a byte for the label before each picture."""
    if len(content) % (1 + 3 * SIDE * SIDE):
        raise DataError(f"{name} is truncated: its {len(content):,} bytes aren't a multiple of 3,073: unpack the "
                        "archive again.")
    rows = np.frombuffer(content, np.uint8).reshape(-1, 1 + 3 * SIDE * SIDE)
    if rows.size and rows[:, 0].max() >= len(LABELS):
        raise DataError(f"{name} holds the label {rows[:, 0].max()}, and 9 is the last: unpack the archive again.")
    return _matched(rows[:, 1:], rows[:, 0].astype(np.int32), name)


def _matched(x: np.ndarray, y: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    if len(x) != len(y) or not len(x):
        raise DataError(f"{name} holds {len(x)} pictures and {len(y)} labels: unpack the archive again.")
    return x, y


def _tfds() -> order.Found:
    splits = sources.prepared("cifar10", URL, ("train", "test"))
    train, test = ((splits[split]["image"], splits[split]["label"]) for split in ("train", "test"))
    return order.found("tfds", train, test, "pictures from cifar10")


def _sample() -> order.Found:
    return order.found("sample", drawn.pictures(2000, 0), drawn.pictures(500, 1), "pictures drawn by the package",
                       sources.SAMPLE_NOTE)
