"""Fisher's iris: two kinds of flowers that the length and width of a petal tell apart, 50 flowers each.

Source: Fisher 1936, The use of multiple measurements in taxonomic problems, Annals of Eugenics 7
"""

import functools
import os

import numpy as np

from dl100_tf.data import order, sources
from dl100_tf.data.splits import Splits

LABELS = ("setosa", "versicolor")  # the third kind, virginica, overlaps with versicolor
PETAL = slice(2, 4)  # its columns among the four measurements
TEST = 0.3  # share of each kind that is kept for the test, whatever the seed
URL = "https://archive.ics.uci.edu/static/public/53/iris.zip"  # as TFDS has it
REMEDY = "For the real flowers, pip install scikit-learn and use --source local."


def load(source: str = "auto", data_dir: str | os.PathLike | None = None, validation: float = 0.1,
         seed: int = 0) -> Splits:
    """Load the petals of two kinds of iris, which a straight line separates.

    Args:
        source: `auto`, `local` (the real flowers, as scikit-learn ships them), `tfds` (which differs in two petals,
            by UCI's known errors of copying) or `sample` (drawn points).
        data_dir: not needed, as the flowers come with scikit-learn.
        validation: the share of the training flowers that is held out, between 0 and 1.
        seed: decides which ones; the 30 flowers of the test are always the same.

    Returns:
        Splits: x is float32 (n, 2), petal length and width in cm; y int32 (n,), 0 setosa and 1 versicolor.

    Raises:
        DataError: the source isn't there.
        UserError: no such source, or `validation` isn't a share.
    """
    rungs = {"local": _local, "tfds": _tfds, "sample": _sample}
    return sources.climb(source, REMEDY, **{
        name: functools.partial(order.parted, rung, LABELS, validation, seed) for name, rung in rungs.items()})


def _local() -> order.Found:
    from sklearn.datasets import load_iris

    flowers = load_iris()
    return _found("local", flowers.data, flowers.target, "flowers, Fisher's iris as it comes with scikit-learn")


def _tfds() -> order.Found:
    flowers = sources.prepared("iris", URL, ("train",))["train"]
    return _found("tfds", flowers["features"], flowers["label"], "flowers from iris")


def _sample() -> order.Found:
    """Points about where the flowers are, cut off so that the kinds stay half a centimetre apart."""
    random = np.random.default_rng(0)
    clouds = [np.clip(random.normal(centre, spread, (60, 2)), low, high) for centre, spread, low, high in (
        ((1.5, 0.25), (0.2, 0.1), 0.1, (1.9, 0.6)), ((4.2, 1.3), (0.5, 0.2), (2.9, 0.9), 6))]
    measured = np.concatenate([np.zeros((120, 2)), np.concatenate(clouds)], axis=1)
    return _found("sample", measured, np.repeat([0, 1], 60), "points drawn by the package", sources.SAMPLE_NOTE)


def _found(rung: str, measured: np.ndarray, kinds: np.ndarray, where: str, note: str = "") -> order.Found:
    """The petals of the first two kinds of (n, 4) measurements; the first by content of each kind are the test."""
    kept = kinds < len(LABELS)
    flowers, _ = order.by_content(measured[kept, PETAL].astype(np.float32), kinds[kept])
    test = np.zeros(len(flowers), bool)
    for kind in range(len(LABELS)):
        members = np.flatnonzero(flowers.y == kind)
        test[members[: round(TEST * len(members))]] = True
    rest, held = flowers.take(~test), flowers.take(test)
    return order.found(rung, (rest.x, rest.y), (held.x, held.y), where, note)
