"""IMDb: 25 000 film reviews to learn from and 25 000 to be tested on, each clearly negative or positive.

Source: Maas et al., Learning Word Vectors for Sentiment Analysis, ACL 2011,
https://ai.stanford.edu/~amaas/data/sentiment
"""

import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from dl100_tf.data import archives, cache, samples, sources
from dl100_tf.data.console import watched
from dl100_tf.data.splits import Source, Split, Splits, hold_out
from dl100_tf.errors import DataError

LABELS = ("negative", "positive")
ARCHIVE = "aclImdb_v1.tar.gz"
URL = f"http://ai.stanford.edu/~amaas/data/sentiment/{ARCHIVE}"  # as TFDS has it
PLACES = ("imdb/aclImdb", "aclImdb", f"imdb/{ARCHIVE}", ARCHIVE)
REMEDY = (f"For the real reviews, put {ARCHIVE} (84 MB, https://ai.stanford.edu/~amaas/data/sentiment) into a folder "
          "and name the folder with --data-dir or DL100_DATA; or connect to the network.")
REVIEW = re.compile(r"(?:\./)?aclImdb/(train|test)/(neg|pos)/[^/]+\.txt")
LINE_BREAK = re.compile(r"<br\s*/?>")  # what the authors' crawler left where a line ended
FORMAT = 2  # of the cached file: raise it when what is cached changes

Reviews = tuple[list[str], np.ndarray]  # texts; labels, int32 (n,)


def load(source: str = "auto", data_dir: str | os.PathLike | None = None, validation: float = 0.1,
         seed: int = 0) -> Splits:
    """Load the reviews.

    The same reviews come in the same order (that of their SHA-256, so labels are mixed) from every rung, as people
    write them: without white space around them, and with line breaks for the `<br />` in the files, which tokenizers
    would glue to the words beside it. The original's unlabelled `unsup` reviews are left out.

    Args:
        source: `auto`, `local`, `tfds` or `sample`.
        data_dir: the folder with `imdb/aclImdb/` or `aclImdb_v1.tar.gz`; None for `$DL100_DATA`.
        validation: the share of the training reviews that is held out, between 0 and 1.
        seed: decides which ones; nothing else.

    Returns:
        Splits: x is an array of str objects (n,), y int32 (n,), 0 negative and 1 positive.

    Raises:
        DataError: the source isn't there, or is damaged or incomplete: the message names the file.
        UserError: no such source or data folder, or `validation` isn't a share.
    """
    rungs = {"local": lambda: _local(sources.find(data_dir, *PLACES)), "tfds": _tfds, "sample": _sample}
    return sources.climb(source, REMEDY, **{
        name: functools.partial(_split, rung, validation, seed) for name, rung in rungs.items()})


def _split(rung: Callable[[], tuple[Reviews, Reviews, Source]], validation: float, seed: int) -> Splits:
    train, test, source = rung()
    rest, held = hold_out(_as_split(*train), validation, seed)
    return Splits(rest, held, _as_split(*test), LABELS, source)


def _as_split(texts: list[str], labels: np.ndarray) -> Split:
    x = np.empty(len(texts), object)  # np.array(texts) would be '<U13704': 55 kB a review
    x[:] = texts
    return Split(x, labels.astype(np.int32))


def _local(path: Path) -> tuple[Reviews, Reviews, Source]:
    """Reviews as their authors distribute them, an `aclImdb` folder or the archive of it."""
    if path.name == ARCHIVE:
        stat = _stat(path)
        key = cache.digest(FORMAT, str(path), stat.st_size, stat.st_mtime_ns)
        found = functools.partial(_in_archive, path)
    else:
        listing = _listing(path)
        key = cache.digest(FORMAT, str(path), *(repr(entry) for entry in listing))
        found = functools.partial(_in_folder, path, listing)
    arrays = cache.cached("imdb", key, lambda: _arrays(path, found()))
    texts = cache.unpack(arrays)
    first, labels = int(arrays["train"]), arrays["labels"]
    train, test = (texts[:first], labels[:first]), (texts[first:], labels[first:])
    return train, test, _source("local", train, test, f"reviews from …/{path.parent.name}/{path.name}")


def _arrays(path: Path, found: Iterable[tuple[str, str, str, bytes]]) -> cache.Arrays:
    """What is cached: the reviews in their final order, training reviews first."""
    splits = {"train": ([], []), "test": ([], [])}
    for split, label, name, content in watched(found, f"reading {path.name}"):
        texts, labels = splits[split]
        texts.append(_decoded(name, content))
        labels.append(label == "pos")
    for split, (_, labels) in splits.items():
        for label, name in enumerate(("neg", "pos")):
            if label not in labels:
                raise DataError(f"{path / split / name} holds no reviews: unpack or download {ARCHIVE} again.")
    train, test = (_ordered(*splits[split]) for split in ("train", "test"))
    return {**cache.pack(train[0] + test[0]), "labels": np.concatenate([train[1], test[1]]),
            "train": np.array(len(train[0]))}


def _listing(folder: Path) -> list[tuple[str, str, str, int, int]]:
    """Split, label, name, size (bytes) and modification time (ns) of every review file, sorted."""
    listing = []
    for split in ("train", "test"):
        for label in ("neg", "pos"):
            part = folder / split / label
            try:
                with os.scandir(part) as entries:
                    files = [(entry.name, entry.stat()) for entry in entries if entry.name.endswith(".txt")]
            except FileNotFoundError as error:
                raise DataError(f"{error.filename} is missing, so {folder} is incomplete: unpack {ARCHIVE} again."
                                ) from error
            except OSError as error:
                raise DataError(f"{error.filename} can't be read ({error.strerror}): mend that, or unpack {ARCHIVE} "
                                "again.") from error
            listing += sorted((split, label, name, stat.st_size, stat.st_mtime_ns) for name, stat in files)
    return listing


def _in_folder(folder: Path, listing: list[tuple]) -> Iterator[tuple[str, str, str, bytes]]:
    for split, label, name, *_ in listing:
        path = folder / split / label / name
        try:
            yield split, label, str(path), path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} can't be read ({error.strerror}): make it readable, or unpack {ARCHIVE} again."
                            ) from error


def _in_archive(path: Path) -> Iterator[tuple[str, str, str, bytes]]:
    for name, content in archives.files(path, REVIEW.fullmatch):
        yield *REVIEW.fullmatch(name).groups(), f"{path}: {name}", content


def _decoded(name: str, content: bytes) -> str:
    """The review's text, or an error for what a full disk or a broken download leaves of one."""
    again = f"unpack or download {ARCHIVE} again."
    try:
        text = content.strip().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not UTF-8 (byte {error.start}: {error.reason}): {again}") from error
    if not text:
        raise DataError(f"{name} is empty: {again}")
    if "\0" in text:
        raise DataError(f"{name} holds zero bytes instead of text: {again}")
    return LINE_BREAK.sub("\n", text)


def _ordered(texts: list[str], labels: Iterable[int]) -> Reviews:
    """Texts and labels in the order of the texts' SHA-256: the same reviews, the same order, whoever listed them."""
    keys = sorted((hashlib.sha256(text.encode()).digest(), label, index)
                  for index, (text, label) in enumerate(zip(texts, labels, strict=True)))
    return [texts[index] for _, _, index in keys], np.array([label for _, label, _ in keys], np.int32)


def _source(rung: str, train: Reviews, test: Reviews, where: str, note: str = "") -> Source:
    counts = " + ".join(f"{len(texts):,}".replace(",", " ") for texts, _ in (train, test))
    return Source(rung, f"{counts} {where}", cache.digest(*(part for texts, labels in (train, test) for part in (
        texts, labels.astype("<i4").tobytes()))), note)


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}): make it readable.") from error


def _tfds() -> tuple[Reviews, Reviews, Source]:
    splits = sources.prepared("imdb_reviews/plain_text", URL, ("train", "test"))
    train, test = (
        _ordered([_decoded(f"TensorFlow Datasets' imdb_reviews, {split} example {index}", text)
                  for index, text in enumerate(splits[split]["text"])], splits[split]["label"].tolist())
        for split in ("train", "test"))
    return train, test, _source("tfds", train, test, "reviews from imdb_reviews/plain_text")


def _sample() -> tuple[Reviews, Reviews, Source]:
    train, test = (_ordered(*samples.reviews(count, seed, held_out)) for count, seed, held_out in (
        (12_000, 0, False), (1_000, 1, True)))
    return train, test, _source("sample", train, test, "reviews made by the package", sources.SAMPLE_NOTE)
