"""Word vectors in text form: a word and its numbers a line, as GloVe and word2vec publish them.

GloVe's files begin with the first word; word2vec's (and fastText's `.vec`) with a line `count width` before it.
Source: https://nlp.stanford.edu/projects/glove, https://code.google.com/archive/p/word2vec
"""

import array
import codecs
import contextlib
import gzip
import itertools
import os
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dl100_tf import paths
from dl100_tf.data import cache
from dl100_tf.data.splits import Source
from dl100_tf.errors import DataError, UserError

LONGEST = 1 << 20  # bytes of a line: a hundred times a word with 300 numbers
AGAIN = "correct the line, or download the file again."


@dataclass(frozen=True)
class Vectors:
    """Words and their vectors.

    Attributes:
        words: each once, in the file's order, in which the frequent ones usually come first.
        matrix: float32 (n, d), a row per word.
    """

    words: tuple[str, ...]
    matrix: np.ndarray

    def __post_init__(self):
        if self.matrix.ndim != 2 or self.matrix.dtype != np.float32 or len(self.words) != len(self.matrix):
            raise ValueError(f"{len(self.words)} words need a float32 matrix with as many rows, not "
                             f"{self.matrix.dtype} {self.matrix.shape}")

    def __len__(self):
        return len(self.words)

    @property
    def width(self) -> int:
        """How many numbers a word has."""
        return self.matrix.shape[1]

    def write(self, path: str | os.PathLike) -> None:
        """Write word2vec's text form, whole or not at all; `read` gives back the very same numbers."""
        numbers = " ".join(["%.9g"] * self.width)  # nine digits tell any two float32 apart
        with paths.replacing(Path(path)) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.write(f"{len(self.words)} {self.width}\n")
            for word, row in zip(self.words, self.matrix, strict=True):
                file.write(f"{word} {numbers % tuple(row.tolist())}\n")


@dataclass(frozen=True)
class Loaded:
    """Vectors, and the `source` they came from."""

    vectors: Vectors
    source: Source


def load(path: str | os.PathLike) -> Loaded:
    """All that a file of word vectors holds, with its digest; as `read`."""
    found = read(path)
    where = f"{len(found)} word vectors from …/{paths.shown(Path(path).name)}"
    return Loaded(found, Source("local", where, cache.digest(found.words, found.matrix.astype("<f4").tobytes())))


def read(path: str | os.PathLike, limit: int = 0, words: Collection[str] | None = None) -> Vectors:
    """Read word vectors in GloVe's or word2vec's text form, packed with gzip or not.

    Of a word that stands there twice, the first vector counts. A word may hold blanks, as a few of GloVe's do.

    Args:
        path: the file.
        limit: read no more than so many words; 0: all.
        words: keep only these (those that the file has); None: all.

    Returns:
        Vectors: perhaps none, where the file has none of `words`.

    Raises:
        DataError: the file can't be read, is empty, truncated or damaged, or a line is malformed: not UTF-8, of another
            width than the first, with a number that is none. The message names the file and the line.
        UserError: `limit` is negative.
    """
    if limit < 0:
        raise UserError(f"{limit} is no number of word vectors to read: 0 reads all.")
    path, wanted = Path(path), None if words is None else frozenset(words)
    found, numbers, places = {}, array.array("f"), []  # of each word kept: its row; its numbers; its line
    with _opened(path) as stream:
        width, lines = _shape(_lines(stream, path), path)
        most = min(limit or np.inf, np.inf if wanted is None else len(wanted))
        for place, line in lines:
            if len(found) >= most:
                break
            word, fields = _parted(line, width, path, place)
            if word not in found and (wanted is None or word in wanted):
                numbers.extend(_numbers(fields, path, place))
                found[word] = len(found)
                places.append(place)
    matrix = np.array(numbers, np.float32).reshape(-1, width)
    broken = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(broken):
        raise DataError(f"{path}, line {places[broken[0]]}: a number is not finite (nan, inf, or too large): {AGAIN}")
    return Vectors(tuple(found), matrix)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked if it is a gzip whatever its name."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            with gzip.open(file) if packed else contextlib.nullcontext(file) as stream:
                yield stream
    except FileNotFoundError as error:
        raise DataError(f"{path} doesn't exist: name a file of word vectors, such as glove.6B.100d.txt.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is truncated or damaged ({error}): download it again.") from error
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror or error}): name a readable file of word vectors."
                        ) from error


def _lines(stream: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    """Number from 1 and content of each line, without white space at its end; a last empty line is none."""
    place = 0
    while line := stream.readline(LONGEST):
        place += 1
        if place == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) == LONGEST:
            raise DataError(f"{path}, line {place}: over {LONGEST:,} bytes, which no word vector has: is it text?")
        yield place, line.rstrip(b" \t\r\n")


def _shape(lines: Iterator, path: Path) -> tuple[int, Iterator[tuple[int, bytes]]]:
    """The vectors' width, and the lines of words."""
    place, first = next(lines, (0, b""))
    if not first:
        raise DataError(f"{path} is empty or begins with an empty line: download it again.")
    fields = first.split(b" ")
    if len(fields) == 2 and all(field.isdigit() and len(field) < 12 for field in fields):
        count, width = map(int, fields)
        if not count or not 0 < width <= LONGEST // 2:
            raise DataError(f"{path}, line 1: promises {count} words of {width} numbers: download the file again.")
        return width, _counted(lines, count, path)
    if len(fields) == 1:
        raise DataError(f"{path}, line 1: a word without numbers: {AGAIN}")
    return len(fields) - 1, itertools.chain([(place, first)], lines)


def _counted(lines: Iterator, count: int, path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines; an error at their end if there are not as many as the file promises."""
    place = 1
    for place, line in lines:
        yield place, line
    if place != count + 1:
        raise DataError(f"{path}, line 1: promises {count} words, and {place - 1} follow: download the file again.")


def _parted(line: bytes, width: int, path: Path, place: int) -> tuple[str, list[bytes]]:
    """A line's word and its numbers, which are still text."""
    word, *fields = line.rsplit(b" ", width)
    if len(fields) < width:
        raise DataError(f"{path}, line {place}: {len(fields)} numbers, where the first line says {width}: {AGAIN}")
    if b" " in word and _is_number(word.rsplit(b" ", 1)[1]):
        raise DataError(f"{path}, line {place}: more than the {width} numbers that the first line says: {AGAIN}")
    if not word:
        raise DataError(f"{path}, line {place}: numbers without a word: {AGAIN}")
    try:
        return word.decode("utf-8"), fields
    except UnicodeDecodeError as error:
        raise DataError(f"{path}, line {place}: the word isn't UTF-8 ({error.reason}): is this word2vec's binary form? "
                        "Save it as text.") from error


def _numbers(fields: list[bytes], path: Path, place: int) -> list[float]:
    try:
        return [float(field) for field in fields]
    except ValueError:
        wrong = next(field for field in fields if not _is_number(field))
        raise DataError(f"{path}, line {place}: {wrong[:40].decode('utf-8', 'backslashreplace')!r} is no number: "
                        f"{AGAIN}") from None


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
