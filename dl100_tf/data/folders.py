"""Photos in a folder for each class: your own, or Stanford Dogs, 20 580 photos of 120 breeds.

Source: Khosla et al. 2011, Novel Dataset for Fine-Grained Image Categorization,
http://vision.stanford.edu/aditya86/ImageNetDogs
"""

import concurrent.futures
import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from dl100_tf import paths
from dl100_tf.data import cache, drawn, images, layouts, order, sources
from dl100_tf.data.console import say, warn, watched
from dl100_tf.data.layouts import Layout, Photo
from dl100_tf.data.splits import Split, Splits, hold_out
from dl100_tf.errors import DataError, UserError

URL = "http://vision.stanford.edu/aditya86/ImageNetDogs/images.tar"  # as TFDS has it
REMEDY = ("For real photos, make a folder for each class and name the folder around them with --data-dir; or unpack "
          f"{URL} (757 MB) into stanford_dogs in the folder that DL100_DATA names; or connect to the network.")
TEST = 0.2  # share of each class that is the test where the folder has none
SHAPES = ("disc", "star", "bars", "chequers")  # classes of the sample
PARTS = ("test", "validation", "train")  # in this order: of photos that occur twice the test keeps its own
BATCH = 64  # photos that are decoded before any is written
TOLD = 5  # skipped files that are named
FORMAT = 1  # of the cached files: raise it when what is cached changes


def load(source: str = "auto", data_dir: str | os.PathLike | None = None, size: int = 224, validation: float = 0.1,
         seed: int = 0, strict: bool = False, places: tuple[str, ...] = ("stanford_dogs", "dogs10")) -> Splits:
    """Load photos, each as large as a square of `size` needs and cut to its middle.

    The folder has a folder for each class, or train/, val/, test/ with such folders inside, or Stanford Dogs' own
    layout; see `layouts.lay_out`. Without a test a fifth of each class becomes it, decided by the seed. Files that
    can't be read are named, skipped and counted; so are copies of a photo, of which one stays.

    Args:
        source: `auto`, `local`, `tfds` (Stanford Dogs) or `sample` (drawn shapes).
        data_dir: the folder itself, or one with one of `places` in it; None for `$DL100_DATA`.
        size: pixels a side.
        validation: the share of the training photos that is held out, between 0 and 1, if there's no folder for it.
        seed: decides which ones.
        strict: refuse the folder if a file in it can't be read.
        places: names to look for.

    Returns:
        Splits: x is uint8 (n, size, size, 3), read-only, beyond 512 MiB in all an `np.memmap`; y int32 (n,).

    Raises:
        DataError: the source isn't there, or too few photos of a class are, or the classes of train and test differ.
        UserError: no such source or data folder, or a bad `size` or share.
    """
    if size < 1:
        raise UserError(f"the size is {size}, and has to be at least 1 pixel a side.")
    if not 0 < validation < 1:
        raise UserError(f"the validation share is {validation}, and has to be between 0 and 1 (0.1 holds out a tenth).")

    def photos(rung: str, root: Path, layout: Layout) -> Splits:
        parts = _parted(_checked(layout, root), validation, seed)
        return _loaded(rung, root, parts, size, strict, layout.remarks)

    def local() -> Splits:
        root = _root(data_dir, places)
        return photos("local", root, layouts.lay_out(root))

    return sources.climb(source, REMEDY, local=local, tfds=lambda: photos("tfds", Path("stanford_dogs"), _tfds()),
                         sample=lambda: order.parted(lambda: _sample(size), SHAPES, validation, seed))


def load_any(folder: str | os.PathLike, size: int, validation: float = 0.05, seed: int = 0) -> Splits:
    """Load the pictures of any folder, for a net that makes more like them; grey ones have one channel.

    Class folders are classes, as for `load`; without two of them all pictures below the folder are one class.

    Args:
        folder: with pictures in it, or in folders inside.
        size, validation, seed: see `load`.

    Returns:
        Splits: x is uint8 (n, size, size, 1 or 3), y int32 (n,).

    Raises:
        DataError: there are too few pictures, or none that can be read.
    """
    root = paths.named(folder).resolve()
    layout = layouts.lay_any(root)
    splits = _loaded("local", root, _parted(_checked(layout, root, classes=1), validation, seed), size, False,
                     layout.remarks)
    if len(splits.test) < 2:
        raise DataError(f"{root} leaves {len(splits.test)} picture to compare with: add pictures.")
    say(f"data    {splits.source.describe()}")
    grey = all((part.x == part.x[..., :1]).all() for part in splits.parts().values())
    return splits.map(lambda x: np.ascontiguousarray(x[..., :1])) if grey else splits


def _root(data_dir: str | os.PathLike | None, places: tuple[str, ...]) -> Path:
    """The folder that was named, if none of the places is in it."""
    folder = paths.data(data_dir)
    if data_dir and os.path.exists(folder) and not any(os.path.exists(folder / place) for place in places):
        return folder
    return sources.find(data_dir, *places)


def _checked(layout: Layout, root: Path, classes: int = 2) -> Layout:
    """The layout, if there is something to learn, to validate and to test of each class, and nothing else."""
    counts = Counter(photo.label for photo in layout.train)
    if len(counts) < classes:
        raise DataError(f"{root} holds the photos of one class, {next(iter(counts))!r}: make a folder for each of two "
                        "classes or more, or name the folder around them.")
    for part in ("validation", "test"):
        photos = getattr(layout, part)
        differ = sorted(counts.keys() ^ {photo.label for photo in photos}) if photos is not None else []
        if differ:
            raise DataError(f"{root} holds photos of {differ[0]!r} in one of train and {part} only: rename, complete "
                            "or remove that folder.")
    needed = 1 + (layout.validation is None) + (layout.test is None)
    label, fewest = min(counts.items(), key=lambda item: item[1])
    if fewest < needed:
        raise DataError(f"{root} holds {fewest} photo{'s' * (fewest > 1)} of {label!r} to learn from, and {needed} are "
                        "the least if some are to be held out: add photos, or remove the folder.")
    return layout


def _parted(layout: Layout, validation: float, seed: int) -> dict[str, list[Photo]]:
    """The photos of each part; those that have no folder are held out of the training photos."""
    parts = {"train": layouts.order(layout.train), "validation": layout.validation, "test": layout.test}
    for part, share in (("test", TEST), ("validation", validation)):
        if parts[part] is None:
            train = parts["train"]
            classes = np.unique([photo.label for photo in train], return_inverse=True)[1]
            rest, held = hold_out(Split(np.arange(len(train)), classes), share, seed)
            parts["train"], parts[part] = ([train[index] for index in side.x] for side in (rest, held))
    return {part: layouts.order(parts[part]) for part in PARTS}


def _loaded(rung: str, root: Path, parts: dict[str, list[Photo]], size: int, strict: bool,
            remarks: list[str]) -> Splits:
    """The splits, decoded now or before."""
    labels = sorted({photo.label for photo in parts["train"]})
    key = cache.digest(FORMAT, size, _pillow_version(), *(
        text for part, photos in parts.items() for photo in photos for text in (
            part, photo.name, photo.stamp, str(photo))))
    x, arrays = cache.cached_rows("photos", key, (size, size, 3), lambda file: _decoded(
        file, parts, labels, size, strict))
    skipped = cache.unpack(arrays)
    if strict and skipped + remarks:
        raise DataError((skipped + remarks)[0])
    for line in [*remarks, *skipped[:TOLD]]:
        warn(line)
    if skipped[TOLD:]:
        warn(f"{len(skipped) - TOLD} more files are skipped.")
    ends = np.cumsum(arrays["counts"]).tolist()
    splits = {part: Split(x[start:end], arrays["y"][start:end])
              for part, start, end in zip(PARTS, [0, *ends], ends, strict=False)}
    place = f"…/{paths.shown(root.name)}" if rung == "local" else root
    where = f"photos of {len(labels)} class{'es' * (len(labels) > 1)} from {place}"
    where += _left_out(len(skipped), int(arrays["copies"]))
    counts = len(splits["train"]) + len(splits["validation"]), len(splits["test"])
    source = order.source(rung, counts, arrays["digest"].tobytes().hex(), where)
    return Splits(**splits, labels=layouts.titles(labels), source=source)


def _left_out(skipped: int, copies: int) -> str:
    return (f", {skipped} file{'s' * (skipped > 1)} skipped" if skipped else "") + (
        f", {copies} cop{'ies' if copies > 1 else 'y'} left out" if copies else "")


def _decoded(file: BinaryIO, parts: dict[str, list[Photo]], labels: list[str], size: int, strict: bool) -> cache.Arrays:
    """Write the pixels of every photo that can be read, each once, and return what is told of them."""
    known: dict[bytes, Photo] = {}
    counts, y, skipped, copies = Counter(), [], [], 0
    found = _read_all(parts, size)
    for part, photo, content, pixels in watched(found, "reading photos", sum(map(len, parts.values()))):
        other = known.get(content)
        if isinstance(pixels, str):
            skipped.append(pixels)
        elif other is None:
            known[content] = photo
            counts[part, photo.label] += 1
            y.append(labels.index(photo.label))
            file.write(pixels.tobytes())
        elif other.label == photo.label:
            copies += 1
        else:
            skipped.append(f"{photo} is the same photo as {other}, of another class: remove the wrong one.")
        if strict and skipped:
            raise DataError(skipped[0])
    for part in PARTS:
        for label in labels:
            if not counts[part, label]:
                reason = f"; the first that can't be read: {skipped[0]}" if skipped else "."
                raise DataError(f"no photo of {label!r} is left for {part}: remove the files that can't be read or are "
                                f"copies, or add photos{reason}")
    keys = sorted((content, photo.label) for content, photo in known.items())
    digest = cache.digest(*(text for key in keys for text in key))
    return {**cache.pack(skipped), "counts": np.array([sum(counts[part, label] for label in labels) for part in PARTS]),
            "y": np.array(y, np.int32), "copies": np.array(copies),
            "digest": np.frombuffer(bytes.fromhex(digest), np.uint8)}


def _read_all(parts: dict[str, list[Photo]], size: int) -> Iterator[tuple[str, Photo, bytes, np.ndarray | str]]:
    """Part, photo, the SHA-256 of its file, and its pixels or why there are none; in order, decoded side by side."""
    def read(part: str, photo: Photo) -> tuple[str, Photo, bytes, np.ndarray | str]:
        try:
            content = images.content(photo.path) if photo.content is None else photo.content
            return part, photo, hashlib.sha256(content).digest(), images.decode(content, str(photo), size)
        except (DataError, OSError) as error:
            return part, photo, b"", str(error)

    photos = [(part, photo) for part in PARTS for photo in parts[part]]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(photos), BATCH):
            yield from pool.map(read, *zip(*photos[start : start + BATCH], strict=True))


def _pillow_version() -> str:
    import PIL

    return PIL.__version__


def _tfds() -> Layout:
    """Stanford Dogs' own files, named as in its folders."""
    splits = sources.prepared("stanford_dogs", URL, ("train", "test"), ("image", "image/filename"))
    photos = {}
    for split, features in splits.items():
        photos[split] = []
        for content, name in zip(features["image"], features["image/filename"], strict=True):
            place, file = PurePosixPath(name.decode()).parts[-2:]
            photos[split].append(Photo(f"{place}/{file}", place, hashlib.sha256(content).hexdigest(), content=content))
    return Layout(**photos)


def _sample(size: int) -> order.Found:
    return order.found("sample", drawn.pictures(160, 0, size, SHAPES), drawn.pictures(60, 1, size, SHAPES),
                       "pictures drawn by the package", sources.SAMPLE_NOTE)
