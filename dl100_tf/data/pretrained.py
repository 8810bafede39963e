"""Word vectors that others have trained, found by a short name and laid out for a net's own vocabulary."""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dl100_tf import paths
from dl100_tf.data import sources, vectors
from dl100_tf.errors import DataError, UserError

TRAINER = "word2vec_text8"  # the recipe whose runs leave word vectors
FILE = "vectors.txt"
GLOVE = tuple(f"glove.6B.{width}d.txt" for width in (100, 50, 200, 300))  # the sizes that fit best first


class Table(NamedTuple):
    """First weights of an embedding.

    Attributes:
        matrix: float32 (words, width), a row per word of the vocabulary.
        known: the share of the vocabulary's words that the vectors have.
    """

    matrix: np.ndarray
    known: float


def find(name: str, data_dir: str | os.PathLike | None = None) -> Path:
    """The file of word vectors that a name means.

    Args:
        name: `glove`: a file of the folder `glove` in the data folder; the path of a file in GloVe's or word2vec's text
            form; or the name of a run of `word2vec_text8`.
        data_dir: the data folder; None for `$DL100_DATA`.

    Raises:
        DataError: there is no GloVe.
        UserError: it is the name of nothing.
    """
    if name == "glove":
        folder = sources.find(data_dir, "glove")
        found = [folder / name for name in GLOVE if (folder / name).is_file()] or sorted(folder.glob("glove*.txt*"))
        if not found:
            raise DataError(f"{folder} holds no glove*.txt: unpack glove.6B.zip from "
                            "https://nlp.stanford.edu/projects/glove there.")
        return found[0]
    run = paths.runs(TRAINER) / name / FILE
    for path in (Path(name), run):
        if os.path.isfile(path):  # False as well where a name is too long for a file's
            return path
    raise UserError(f"there are no word vectors {name!r}: it is neither a file nor a finished run of {TRAINER} (there "
                    f"is no {run}). Use none or glove, or name one.")


def here(data_dir: str | os.PathLike | None = None) -> list[str]:
    """The names of what words can begin as on this machine: `none`, and if they are here `glove` and `latest()`."""
    found = ["none"]
    with contextlib.suppress(UserError):  # no data folder, no GloVe
        found += ["glove"] if find("glove", data_dir) else []
    return found + ([latest()] if latest() else [])


def latest() -> str | None:
    """The name of the run of `word2vec_text8` whose vectors were written last; None where there is none."""
    found = sorted(paths.runs(TRAINER).glob(f"*/{FILE}"), key=lambda file: file.stat().st_mtime)
    return found[-1].parent.name if found else None


def table(path: str | os.PathLike, vocabulary: list[str], seed: int = 0) -> Table:
    """Lay word vectors out for an embedding; a word that they don't have gets numbers of their size, drawn by `seed`.

    Args:
        path: see `find`.
        vocabulary: the words by id; the first two are padding, which gets zeros, and the unknown word.
        seed: another one draws other numbers.

    Raises:
        DataError: the file is damaged (see `vectors.read`), or has none of the words.
    """
    found = vectors.read(path, words=set(vocabulary))
    if not len(found):
        raise DataError(f"{path} has none of the {len(vocabulary)} words of the texts: is it of another language?")
    spread = float(found.matrix.std()) or 1.0
    matrix = np.random.default_rng(seed).normal(0, spread, (len(vocabulary), found.width)).astype(np.float32)
    matrix[0] = 0
    ids = {word: place for place, word in enumerate(vocabulary)}
    matrix[[ids[word] for word in found.words]] = found.matrix
    return Table(matrix, len(found) / max(1, len(vocabulary) - 2))
