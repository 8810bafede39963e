"""Tiny Shakespeare: 1 115 394 characters of Shakespeare's plays, of 65 kinds.

Source: Andrej Karpathy, https://github.com/karpathy/char-rnn/tree/master/data/tinyshakespeare
"""

import hashlib
import os
from pathlib import Path

from dl100_tf.data import scenes, sources
from dl100_tf.data.characters import Book, book
from dl100_tf.data.splits import Source
from dl100_tf.errors import DataError

URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
PLACES = ("tinyshakespeare/input.txt", "input.txt")
REMEDY = (f"For the real plays, put input.txt (1.1 MB, {URL}) into a folder tinyshakespeare and name the folder around "
          "it with --data-dir or DL100_DATA; or connect to the network.")
LENGTH = 1_115_394  # characters
BEGINNING = "First Citizen:\nBefore we proceed any further, hear me speak."
OTHER = "another text than the published one"
SAMPLE_LENGTH = 100_000  # characters


def load(source: str = "auto", data_dir: str | os.PathLike | None = None, window: int = 100) -> Book:
    """Load the plays, or any other text that lies in their place.

    Args:
        source: `auto`, `local`, `tfds` or `sample`.
        data_dir: the folder with `tinyshakespeare/input.txt`; None for `$DL100_DATA`.
        window: characters of an example.

    Returns:
        `Book`: the first nine tenths, the last tenth, and examples from both.

    Raises:
        DataError: the source isn't there, or is damaged or incomplete: the message names the file.
        UserError: no such source or data folder, or the window is too long.
    """
    return sources.climb(source, REMEDY, local=lambda: _local(sources.find(data_dir, *PLACES), window),
                         tfds=lambda: _tfds(window), sample=lambda: _sample(window))


def _local(path: Path, window: int) -> Book:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}): make it readable.") from error
    text = _decoded(str(path), content)
    if text.startswith(BEGINNING) and len(text) != LENGTH:
        raise DataError(f"{path} is not whole: it has {len(text)} characters instead of {LENGTH}. Download it again "
                        f"from {URL}.")
    try:
        return book(text, _source("local", text, f"…/{path.parent.name}/{path.name}", _note(text)), window)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _note(text: str) -> str:
    return "" if text.startswith(BEGINNING) else OTHER


def _decoded(name: str, content: bytes) -> str:
    """The text, its line breaks as one character each."""
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not UTF-8 (byte {error.start}: {error.reason}): save it as UTF-8, or download it "
                        "again.") from error
    if "\0" in text:
        raise DataError(f"{name} holds zero bytes instead of text: download it again.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _source(rung: str, text: str, where: str, note: str = "") -> Source:
    count = f"{len(text):,}".replace(",", " ")
    return Source(rung, f"{count} characters from {where}", hashlib.sha256(text.encode()).hexdigest(), note)


def _tfds(window: int) -> Book:
    """Its three splits are the text from beginning to end, nine tenths and twice a twentieth."""
    parts = ("train", "validation", "test")
    found = sources.prepared("tiny_shakespeare", URL, parts)
    text = "".join(_decoded(f"TensorFlow Datasets' tiny_shakespeare, {part}", found[part]["text"][0])
                   for part in parts)
    return book(text, _source("tfds", text, "tiny_shakespeare", _note(text)), window)


def _sample(window: int) -> Book:
    text = scenes.play(SAMPLE_LENGTH)
    return book(text, _source("sample", text, "a play made by the package", sources.SAMPLE_NOTE), window)
