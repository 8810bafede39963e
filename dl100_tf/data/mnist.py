"""MNIST, 60 000 + 10 000 handwritten digits, and Fashion-MNIST, as many pictures of clothes in the same format.

Source: LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist (also the idx format);
Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747, https://github.com/zalandoresearch/fashion-mnist
"""

import dataclasses
import functools
import gzip
import os
import zlib
from pathlib import Path

import numpy as np

from dl100_tf.data import drawn, order, sources
from dl100_tf.data.splits import Splits
from dl100_tf.errors import DataError, UserError

LABELS = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
                      "ankle boot"),
}
NOUNS = {"mnist": "digits", "fashion_mnist": "pictures of clothes"}
HOSTS = {  # as TFDS has them
    "mnist": "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "fashion_mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
}
SIDE = 28  # pixels
MOST = 1_000_000  # examples that a file may promise: 784 MB, so a forged header fills no memory
TRAIN_SAMPLE = 1400  # of scikit-learn's 1797 digits; other people wrote most of the rest


def load(source: str = "auto", data_dir: str | os.PathLike | None = None, validation: float = 0.1, seed: int = 0,
         name: str = "mnist") -> Splits:
    """Load the digits or the clothes; the same ones in the same order (by content) from the files and from TFDS.

    Args:
        source: `auto`, `local`, `tfds` or `sample`.
        data_dir: the folder that holds `mnist/` or `fashion_mnist/` with the four idx files, packed (`.gz`) or not;
            None for `$DL100_DATA`.
        validation: the share of the training pictures that is held out, between 0 and 1.
        seed: decides which ones; nothing else.
        name: `mnist` or `fashion_mnist`.

    Returns:
        Splits: x is uint8 (n, 28, 28, 1), bright ink on black, y int32 (n,); `images.read_digit` makes more like them.

    Raises:
        DataError: the source isn't there, or is damaged or incomplete: the message names the file.
        UserError: no such source, name or data folder, or `validation` isn't a share.
    """
    if name not in LABELS:
        raise UserError(f"there is no {name!r} in this format: use {' or '.join(LABELS)}.")
    remedy = (f"For the real {NOUNS[name]}, put the four .gz files of {HOSTS[name]} into a folder {name} and name the "
              "folder around it with --data-dir or DL100_DATA; or connect to the network.")
    rungs = {"local": lambda: _local(sources.find(data_dir, name), name), "tfds": lambda: _tfds(name),
             "sample": lambda: _sample(name)}
    splits = sources.climb(source, remedy, **{
        rung: functools.partial(order.parted, loader, LABELS[name], validation, seed)
        for rung, loader in rungs.items()})
    return dataclasses.replace(splits, preparation="digit")


def _local(folder: Path, name: str) -> order.Found:
    train, test = (_split(folder, prefix) for prefix in ("train", "t10k"))
    return order.found("local", train, test, f"{NOUNS[name]} from …/{folder.name}")


def _split(folder: Path, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = (_file(folder, prefix, kind) for kind in ("images-idx3", "labels-idx1"))
    x, y = _idx(images, (SIDE, SIDE)), _idx(labels, ())
    if len(x) != len(y):
        raise DataError(f"{images} holds {len(x)} pictures, but {labels} {len(y)} labels: download both again.")
    if y.max() >= len(LABELS["mnist"]):
        raise DataError(f"{labels} holds the label {y.max()}, and 9 is the last: download it again.")
    return x[..., None], y


def _file(folder: Path, prefix: str, kind: str) -> Path:
    """The file under one of its usual names; people unpack them, and some programs write a dot for the dash."""
    names = [f"{prefix}-{kind.replace('-', mark)}-ubyte{suffix}" for suffix in (".gz", "") for mark in "-."]
    for name in names:
        if os.path.lexists(folder / name):
            return folder / name
    raise DataError(f"{folder / names[0]} is missing, so {folder} is incomplete: download it, or remove the folder.")


def _idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The unsigned bytes of an idx file, (n, *shape); never more is read than its header promises."""
    again = "download it again."
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            header = file.read(4 * (len(shape) + 2))
            if len(header) < 4 * (len(shape) + 2):
                raise DataError(f"{path} is truncated in its header: {again}")
            magic, count, *sides = (int(number) for number in np.frombuffer(header, ">u4"))
            if magic != 0x800 + len(shape) + 1:
                raise DataError(f"{path} is no idx file of {'pictures' if shape else 'labels'}: {again}")
            if tuple(sides) != shape:
                raise DataError(f"{path} holds pictures of {' x '.join(map(str, sides))} pixels, not 28 x 28: {again}")
            if not 0 < count <= MOST:
                raise DataError(f"{path} promises {count:,} examples, which can't be: {again}")
            size = count * int(np.prod(shape))
            content, more = file.read(size), file.read(1)  # the read behind the end has gzip check its checksum
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is truncated or damaged ({error}): {again}") from error
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror or error}): make it readable, or {again}") from error
    if len(content) < size:
        raise DataError(f"{path} is truncated: it promises {size:,} bytes and holds {len(content):,}: {again}")
    if more:
        raise DataError(f"{path} holds more than the {size:,} bytes that it promises: {again}")
    return np.frombuffer(content, np.uint8).reshape(count, *shape)


def _tfds(name: str) -> order.Found:
    splits = sources.prepared(name, f"{HOSTS[name]}train-images-idx3-ubyte.gz", ("train", "test"))
    train, test = ((splits[split]["image"], splits[split]["label"]) for split in ("train", "test"))
    return order.found("tfds", train, test, f"{NOUNS[name]} from {name}")


def _sample(name: str) -> order.Found:
    if name == "fashion_mnist":
        return order.found("sample", drawn.clothes(1400, 0), drawn.clothes(400, 1),
                           "silhouettes of clothes drawn by the package", sources.SAMPLE_NOTE)
    x, y = _small_digits()
    return order.found("sample", (x[:TRAIN_SAMPLE], y[:TRAIN_SAMPLE]), (x[TRAIN_SAMPLE:], y[TRAIN_SAMPLE:]),
                       "small digits that come with scikit-learn, enlarged",
                       "a sample, scikit-learn's small digits: the score means nothing outside it")


def _small_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1797 handwritten digits of scikit-learn, 8 x 8, prepared as MNIST prepared its own: uint8, labels int32.

    Source: Alpaydin, Kaynak 1998, https://archive.ics.uci.edu/dataset/80
    """
    from sklearn.datasets import load_digits

    from dl100_tf.data import images

    digits = load_digits()
    # Scanned so small, strokes come out thicker and greyer than MNIST's: the power thins them to as much ink.
    x = np.stack([images.centred((digit / 16) ** 1.5) for digit in digits.images])
    return x, digits.target.astype(np.int32)
