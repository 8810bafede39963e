"""Running text as numbers: text8 (17 million words of Wikipedia), IMDb's reviews, or a folder of one's own.

Source: Mahoney, http://mattmahoney.net/dc/textdata.html
"""

import array
import collections
import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dl100_tf import paths
from dl100_tf.data import cache, downloads, imdb, sources, tales
from dl100_tf.data.console import watched
from dl100_tf.data.splits import Source, Split
from dl100_tf.errors import DataError, UserError

CORPORA = ("text8", "imdb", "folder")
URL = "http://mattmahoney.net/dc/text8.zip"
PLACES = ("text8/text8", "text8/text8.zip", "text8.zip", "text8")
ZIP_SHA256 = "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232"
MD5 = "3bea1919949baf155f99411df5fada7e"  # of the 100 000 000 bytes in it
REMEDY = (f"For the real text, put {URL} (31 MB) into a folder text8 and name the folder around it with --data-dir or "
          "DL100_DATA; or connect to the network; or name a folder of your own: --corpus folder --data-dir FOLDER.")
WORD = re.compile(r"[^\W_]+")
APOSTROPHES = str.maketrans("", "", "'\u2019")  # don't is dont, as Keras' TextVectorization has it
PIECE = 1 << 16  # characters of a long text that are taken at once
BLOCK = 1024  # words that an example has
FORMAT = 1  # of the cached files: raise it when what is cached changes


@dataclass(frozen=True)
class Corpus:
    """Running text, cut into blocks of as many words each.

    Attributes:
        words: the vocabulary, the most frequent first.
        counts: how often each word occurs, int64 (words,).
        train: x the words' numbers, int32 (n, 1024), -1 behind the end of the last block; y the number of the text
            (review, file) that each is from, int32 (n, 1024).
        source: where the text came from.
    """

    words: tuple[str, ...]
    counts: np.ndarray
    train: Split
    source: Source


def load(source: str = "auto", data_dir: str | os.PathLike | None = None, corpus: str = "text8", min_count: int = 5
         ) -> Corpus:
    """Load running text; words are in lower case and have letters and digits only, and rare ones are left out.

    Args:
        source: `auto`, `local`, `tfds` (the network: text8 from its author's page, IMDb from TFDS) or `sample`.
        data_dir: the folder with `text8/` or `imdb/`; for `folder` the folder of texts itself, whose `.txt` files are
            read, also those in folders within. None for `$DL100_DATA`.
        corpus: `text8`, `imdb` (the 25 000 reviews to learn from; those to be tested on stay unread) or `folder`.
        min_count: leave out words that occur less often.

    Raises:
        DataError: the source isn't there, or is damaged, or isn't text, or has no two words often enough.
        UserError: no such source, corpus or data folder.
    """
    if corpus not in CORPORA:
        raise UserError(f"there is no corpus {corpus!r}: use {', '.join(CORPORA[:-1])} or {CORPORA[-1]}.")
    if corpus == "imdb":
        return _reviews(imdb.load(source, data_dir, validation=0.05), min_count)

    def local() -> Corpus:
        return _folder(data_dir, min_count) if corpus == "folder" else _text8(
            sources.find(data_dir, *PLACES), "local", min_count)

    return sources.climb(source, REMEDY, local=local, tfds=lambda: _network(corpus, min_count),
                         sample=lambda: _sample(min_count))


def words(text: str) -> list[str]:
    """The words of a text, as every corpus is read: lower case, runs of letters and digits, no apostrophes."""
    return WORD.findall(text.lower().translate(APOSTROPHES))


def _reviews(splits, min_count: int) -> Corpus:
    texts = [text for part in (splits.train, splits.validation) for text in part.x]
    return _corpus(splits.source, sorted(texts), min_count, len(texts))


def _sample(min_count: int) -> Corpus:
    texts = tales.tell(20_000, seed=0)
    source = Source("sample", f"{len(texts)} sentences made by the package", cache.digest(texts), sources.SAMPLE_NOTE)
    return _corpus(source, texts, min_count, len(texts))


def _network(corpus: str, min_count: int) -> Corpus:
    if corpus == "folder":
        raise sources.Absent("The network: it has text8, not your folder.")
    return _text8(downloads.fetched(URL, ZIP_SHA256), "tfds", min_count)


def _text8(path: Path, rung: str, min_count: int) -> Corpus:
    """text8 as its author distributes it, packed or not: the very bytes, or an error."""
    again = f"download {URL} again."
    path = path / "text8" if path.is_dir() else path
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                content = archive.read("text8")
        else:
            content = path.read_bytes()
    except (EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:  # RuntimeError: a password
        raise DataError(f"{path} is truncated or damaged ({error}): {again}") from error
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror or error}): {again}") from error
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != MD5:
        raise DataError(f"{path} is not the text8 that was published ({len(content):,} bytes, and its MD5 is another): "
                        f"{again}")
    text = content.decode("ascii")
    note = "real data, from the author's page" if rung == "tfds" else ""  # for once the network isn't TFDS
    source = Source(rung, f"17 million words of Wikipedia from …/{path.name}", cache.digest(content), note)
    return _corpus(source, [text], min_count)


def _folder(data_dir: str | os.PathLike | None, min_count: int) -> Corpus:
    folder = paths.data(data_dir)
    if folder is None or not folder.is_dir():
        raise sources.Absent("Local files: --corpus folder needs the folder of your texts, named with --data-dir "
                             f"({folder} is none).")
    files = sorted(path for path in folder.rglob("*.txt") if path.is_file())
    if not files:
        raise DataError(f"{folder} holds no .txt file: name a folder of plain texts with --data-dir.")
    texts = [_read(path) for path in watched(files, f"reading {folder.name}", len(files))]
    where = f"{len(files)} text file{'s' * (len(files) > 1)} from …/{paths.shown(folder.name)}"
    return _corpus(Source("local", where, cache.digest(texts)), texts, min_count)


def _read(path: Path) -> str:
    remedy = "save it as UTF-8 text, or move it elsewhere."
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{paths.shown(path)} is not UTF-8 text (byte {error.start}: {error.reason}): {remedy}"
                        ) from error
    except OSError as error:
        raise DataError(f"{paths.shown(path)} can't be read ({error.strerror}): make it readable.") from error
    if "\0" in text:
        raise DataError(f"{paths.shown(path)} is a binary file: {remedy}")
    return text


def _corpus(source: Source, texts: list[str], min_count: int, total: int | None = None) -> Corpus:
    """The texts as a corpus, from the cache if they have been read before."""
    key = cache.digest("corpus", FORMAT, source.digest, min_count)
    arrays = cache.cached("corpus", key, lambda: _arrays(watched(texts, "reading words", total), min_count))
    vocabulary, counts, ids = tuple(cache.unpack(arrays)), arrays["counts"], arrays["ids"]
    if len(vocabulary) < 2:
        raise DataError(f"{source.where} hold no two words that occur {min_count} times: take more text, or a smaller "
                        "--min-count.")
    lengths = np.diff(arrays["stops"], prepend=0)
    x = np.full(-(-len(ids) // BLOCK) * BLOCK, -1, np.int32)
    y = np.zeros_like(x)
    x[:len(ids)], y[:len(ids)] = ids, np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    return Corpus(vocabulary, counts, Split(x.reshape(-1, BLOCK), y.reshape(-1, BLOCK)), source)


def _arrays(texts: Iterable[str], min_count: int) -> cache.Arrays:
    """What is cached: the vocabulary, its counts, the numbers of all words one after the other, where texts end."""
    numbers = collections.defaultdict()  # word: number, in the order in which they turn up
    numbers.default_factory = numbers.__len__
    ids, ends = array.array("i"), []
    for text in texts:
        for piece in _pieces(text):
            ids.extend(map(numbers.__getitem__, words(piece)))
        ends.append(len(ids))
    ids = np.array(ids, np.int32)
    counts = np.bincount(ids, minlength=len(numbers))
    known = list(numbers)
    frequent = sorted(np.flatnonzero(counts >= min_count).tolist(), key=lambda at: (-counts[at], known[at]))
    place = np.full(len(known), -1, np.int32)
    place[frequent] = np.arange(len(frequent))
    ids = place[ids] if len(ids) else ids
    kept = np.concatenate([[0], np.cumsum(ids >= 0)])
    return {**cache.pack(known[at] for at in frequent), "counts": counts[frequent], "ids": ids[ids >= 0],
            "stops": kept[ends]}


def _pieces(text: str) -> Iterator[str]:
    """A text in parts that end between words."""
    start = 0
    while start < len(text):
        end = len(text) if len(text) - start <= PIECE else text.rfind(" ", start, start + PIECE)
        end = start + PIECE if end <= start else end
        yield text[start:end]
        start = end
