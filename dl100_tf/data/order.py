"""Labelled examples in one order, under one digest, whichever rung of the ladder they were found on."""

import hashlib
from collections.abc import Callable

import numpy as np

from dl100_tf.data.splits import Source, Split, Splits, hold_out

Found = tuple[Split, Split, Source]  # train (validation still in it), test, where they came from


def by_content(x: np.ndarray, y: np.ndarray) -> tuple[Split, str]:
    """The examples in the order of their SHA-256, and one SHA-256 (hex) over all of them.

    Archives, folders and TensorFlow Datasets each have an order of their own; a seed holds out the same examples
    everywhere only if everybody counts them alike. Labels come out mixed.

    Args:
        x: (n, ...), numbers, or str objects (n,).
        y: whole numbers (n,); the label belongs to the content.
    """
    x, y = np.ascontiguousarray(x), np.asarray(y, np.int32)
    content = [example.encode() if isinstance(example, str) else example.tobytes() for example in x]
    keys = [hashlib.sha256(example + label.tobytes()).digest()
            for example, label in zip(content, y.astype("<i4"), strict=True)]
    ranks = sorted(range(len(keys)), key=keys.__getitem__)
    return Split(x[ranks], y[ranks]), hashlib.sha256(b"".join(keys[rank] for rank in ranks)).hexdigest()


def found(rung: str, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], where: str,
          note: str = "") -> Found:
    """What a rung gives: both splits by content, and a Source that counts them, e.g. `60 000 + 10 000 digits …`.

    Args:
        rung: `local`, `tfds` or `sample`.
        train, test: x (n, ...) and y (n,), in any order.
        where: what they are and from where, to stand behind the counts.
        note: see Source.
    """
    (train_, first), (test_, second) = by_content(*train), by_content(*test)
    return train_, test_, source(rung, (len(train_), len(test_)), joined(first, second), where, note)


def joined(train: str, test: str) -> str:
    """One digest of the two splits' digests."""
    return hashlib.sha256(f"{train} {test}".encode()).hexdigest()


def source(rung: str, counts: tuple[int, int], digest: str, where: str, note: str = "") -> Source:
    """A Source whose `where` begins with the counts of both splits, thousands apart."""
    told = " + ".join(f"{count:,}".replace(",", " ") for count in counts)
    return Source(rung, f"{told} {where}", digest, note)


def parted(rung: Callable[[], Found], labels: tuple[str, ...], validation: float, seed: int) -> Splits:
    """Load a rung and hold the validation share out of its training examples; see `splits.hold_out`."""
    train, test, source_ = rung()
    rest, held = hold_out(train, validation, seed)
    return Splits(rest, held, test, labels, source_)
