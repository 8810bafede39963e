"""AG News: the beginnings of news stories of 2004 and 2005, each of one of four desks.

Source: Zhang, Zhao & LeCun, Character-level Convolutional Networks for Text Classification, NIPS 2015,
https://arxiv.org/abs/1509.01626
"""

import csv
import functools
import io
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dl100_tf.data import cache, dispatches, order, sources
from dl100_tf.data.console import watched
from dl100_tf.data.splits import Splits, hold_out
from dl100_tf.errors import DataError

LABELS = ("World", "Sports", "Business", "Sci/Tech")
PLACES = ("ag_news", "ag_news_csv", "ag_news/ag_news_csv")
FILES = ("train.csv", "test.csv", "classes.txt")
COLUMNS = "class, title and description"
PUBLISHED = {"train": 30_000, "test": 1_900}  # stories of each class
URL = "https://drive.google.com/uc?export=download&id=0Bz8a_Dbh9QhbUDNpeUdjb0wxRms"  # as TFDS has it
AGAIN = "correct the line, or unpack ag_news_csv.tar.gz again."
REMEDY = ("For the real stories, put train.csv, test.csv and classes.txt of ag_news_csv.tar.gz (12 MB, Zhang "
          "et al. 2015) into a folder ag_news and name the folder around it with --data-dir or "
          "DL100_DATA; or connect to the network.")
NORMALISED = re.compile(r"[a-z ]*")  # a text that somebody has stripped of capitals, punctuation and digits
FORMAT = 1  # of the cached file: raise it when what is cached changes

Stories = tuple[list[str], list[int]]  # title and description as one text; classes from 0


def load(source: str = "auto", data_dir: str | os.PathLike | None = None, validation: float = 0.1,
         seed: int = 0) -> Splits:
    """Load the stories: title and description, with a blank between them, are one text.

    The same stories come in the same order from every rung, with a blank for each backslash, which stands where a line
    ended. Nothing else is changed: what is left of HTML (`#39;`) and, where the training file is not the published
    one, texts without capitals, punctuation and digits are for the tokenizer to make alike.

    Args:
        source: `auto`, `local`, `tfds` or `sample`.
        data_dir: the folder with `ag_news/train.csv` and so on; None for `$DL100_DATA`.
        validation: the share of the training stories that is held out, between 0 and 1: as many of each class, which
            is how the test is made up, whatever the training stories are.
        seed: decides which ones; nothing else.

    Returns:
        Splits: x is an array of str objects (n,), y int32 (n,), an index into `LABELS`. The source's note says how
        the stories differ from what was published.

    Raises:
        DataError: the source isn't there, or is damaged or incomplete: the message names the file and the line.
        UserError: no such source or data folder, or `validation` isn't a share.
    """
    rungs = {"local": lambda: _local(sources.find(data_dir, *PLACES)), "tfds": _tfds, "sample": _sample}
    return sources.climb(source, REMEDY, **{
        name: functools.partial(_split, rung, validation, seed) for name, rung in rungs.items()})


def _split(rung, validation: float, seed: int) -> Splits:
    train, test, source = rung()
    rest, held = hold_out(train, validation, seed, even=True)
    return Splits(rest, held, test, LABELS, source)


def _local(folder: Path) -> order.Found:
    """Stories as they are distributed: `train.csv` and `test.csv`, and `classes.txt` if it is there."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: it has to hold {FILES[0]} and {FILES[1]}.")
    key = cache.digest(FORMAT, *(part for name in FILES for part in _stamp(folder / name, name != FILES[2])))
    arrays = cache.cached("agnews", key, lambda: _arrays(folder))
    texts, y, first = cache.unpack(arrays), arrays["labels"], int(arrays["train"])
    return _found("local", (texts[:first], y[:first]), (texts[first:], y[first:]),
                  f"stories from …/{folder.parent.name}/{folder.name}")


def _stamp(file: Path, needed: bool) -> tuple[str, int, int]:
    """Path, size (bytes) and modification time (ns): a changed file has another."""
    try:
        stat = file.stat()
    except FileNotFoundError as error:
        if needed:
            raise DataError(f"{file} is missing, so {file.parent} is incomplete: unpack ag_news_csv.tar.gz again."
                            ) from error
        return str(file), 0, 0
    except OSError as error:
        raise DataError(f"{file} can't be read ({error.strerror}): make it readable.") from error
    return str(file), stat.st_size, stat.st_mtime_ns


def _arrays(folder: Path) -> cache.Arrays:
    """What is cached: all stories in the files' order, training stories first."""
    classes = folder / FILES[2]
    if classes.exists() and (names := tuple(_text(classes).split())) != LABELS:
        raise DataError(f"{classes} names the classes {', '.join(names)[:80]}, and not {', '.join(LABELS)}: unpack "
                        "ag_news_csv.tar.gz again.")
    (train, labels), (test, more) = (_stories(folder / name) for name in FILES[:2])
    return {**cache.pack(train + test), "labels": np.array(labels + more, np.int32), "train": np.array(len(train))}


def _stories(file: Path) -> Stories:
    """The rows of a file.

    Raises:
        DataError: it is damaged; the message names the line.
    """
    rows = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
    texts, labels, line = [], [], 1
    try:
        for row in watched(rows, f"reading {file.name}"):
            text, label = _story(row, f"{file}, line {line}")
            texts.append(text)
            labels.append(label)
            line = rows.line_num + 1  # where the next row begins: a row may have several lines
    except csv.Error as error:
        raise DataError(f"{file}, line {line}: no whole CSV row begins here ({error}): {AGAIN}") from error
    for label, name in enumerate(LABELS):
        if labels.count(label) < 2:
            raise DataError(f"{file} holds {labels.count(label)} stories of class {label + 1} ({name}), and at least 2 "
                            "are needed: unpack ag_news_csv.tar.gz again.")
    return texts, labels


def _story(row: list[str], place: str) -> tuple[str, int]:
    """Text and class of a row."""
    if len(row) != 3:
        raise DataError(f"{place}: {len(row)} columns, where there have to be three ({COLUMNS}): {AGAIN}")
    if row[0].strip() not in {str(number + 1) for number in range(len(LABELS))}:
        raise DataError(f"{place}: the class is {row[0][:40]!r}, and has to be 1 to {len(LABELS)}: {AGAIN}")
    text = _joined(row[1], row[2])
    if not text:
        raise DataError(f"{place}: neither title nor description: {AGAIN}")
    return text, int(row[0]) - 1


def _joined(title: str, description: str) -> str:
    return f"{title.strip()} {description.strip()}".replace("\\", " ").strip()


def _text(file: Path) -> str:
    """The file's text, or an error for what a full disk or a broken download leaves of one."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} can't be read ({error.strerror}): make it readable.") from error
    if (zero := content.find(b"\0")) >= 0:
        raise DataError(f"{file}, line {_line(content, zero)}: zero bytes instead of text: {AGAIN}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}, line {_line(content, error.start)}: not UTF-8 ({error.reason}): {AGAIN}") from error


def _line(content: bytes, place: int) -> int:
    return content.count(b"\n", 0, place) + 1


def _tfds() -> order.Found:
    splits = sources.prepared("ag_news_subset", URL, ("train", "test"))
    train, test = (([_joined(title.decode(), description.decode()) for title, description in zip(
        split["title"], split["description"], strict=True)], split["label"]) for split in map(splits.get, splits))
    return _found("tfds", train, test, "stories from ag_news_subset")


def _sample() -> order.Found:
    train, test = (dispatches.stories(count, seed, held_out) for count, seed, held_out in (
        (4_800, 0, False), (800, 1, True)))
    return _found("sample", train, test, "stories made by the package", sources.SAMPLE_NOTE)


def _found(rung: str, train: tuple, test: tuple, where: str, note: str = "") -> order.Found:
    def arrays(texts, labels):
        x = np.empty(len(texts), object)
        x[:] = texts
        return x, np.asarray(labels, np.int32)

    return order.found(rung, arrays(*train), arrays(*test), where, note or _differs(*train, *test))


def _differs(train: list[str], y: Iterable[int], test: list[str], test_y: Iterable[int]) -> str:
    """How the stories differ from what was published; empty where they don't."""
    counts, others = (Counter(np.asarray(labels).tolist()) for labels in (y, test_y))
    told = []
    if set(counts.values()) != {PUBLISHED["train"]}:
        classes = "/".join(_count(counts[label]) for label in range(len(LABELS)))
        told.append(f"trained on {_count(len(train))} of the 120 000 published stories, {classes} of the classes")
    if set(others.values()) != {PUBLISHED["test"]}:
        told.append(f"tested on {_count(len(test))} of the 7 600 published stories")
    bare = sum(NORMALISED.fullmatch(text) is not None for text in train)
    if bare > len(train) / 100:
        told.append(f"{_count(bare)} training stories have lost their capitals, punctuation and digits")
    return "not the published set: " + "; ".join(told) if told else ""


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")
