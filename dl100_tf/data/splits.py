"""What every dataset is once it's loaded: three splits, the names of the labels, and where it came from."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dl100_tf.errors import DataError, UserError


@dataclass(frozen=True)
class Source:
    """Where data came from: it stands beside every score.

    Attributes:
        rung: the rung of the ladder: `local`, `tfds` or `sample`.
        where: what was read there, for a person, e.g. `25 000 + 25 000 reviews from …/imdb/aclImdb`.
        digest: SHA-256 (hex) of the content that was read; the same content has the same digest on every rung.
        note: what a reader of the score has to know; empty where they are what was published.
    """

    rung: str
    where: str
    digest: str
    note: str = ""

    @property
    def is_sample(self) -> bool:
        """Whether the package made the data itself, so that a score on it says nothing about real data."""
        return self.rung == "sample"

    def describe(self) -> str:
        """The source in one short line."""
        return f"{self.rung}: {self.where}"


@dataclass(frozen=True, eq=False)
class Split:
    """Examples `x` and their labels `y`, arrays of the same length along the first axis."""

    x: np.ndarray
    y: np.ndarray

    def __post_init__(self):
        if len(self.x) != len(self.y):
            raise ValueError(f"{len(self.x)} examples, but {len(self.y)} labels")

    def __len__(self):
        return len(self.y)

    def take(self, indices) -> "Split":
        """The examples at `indices` (anything that NumPy indexes with), in that order."""
        return Split(self.x[indices], self.y[indices])


@dataclass(frozen=True, eq=False)
class Splits:
    """A dataset: learn from `train`, decide by `validation`, and look at `test` once.

    `preparation` says how a picture from elsewhere becomes an example like these: `middle`, as `images.read` makes it,
    or `digit`, as `images.read_digit` does. Of examples that are no pictures it says nothing. `calibration` names the
    split whose examples a model's numbers are as large as anyone's on: not `train`, where the model keeps that.
    """

    train: Split
    validation: Split
    test: Split
    labels: tuple[str, ...]
    source: Source
    preparation: str = "middle"
    calibration: str = "train"

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> "Splits":
        """The same splits with `x` replaced by `function(x)`."""
        return replace(self, **{name: Split(function(split.x), split.y) for name, split in self.parts().items()})

    def as_targets(self) -> "Splits":
        """The same splits with each example its own target, as an autoencoder wants them: `y` is `x`."""
        return replace(self, **{name: Split(split.x, split.x) for name, split in self.parts().items()})

    def one_hot(self, even: bool = False, smoothing: float = 0.0) -> "Splits":
        """The same splits with `y` float32 (n, labels): 1 for the label, 0 elsewhere.

        In training, the part `smoothing` of each label is spread over all.

        With `even` the rows of the training labels are weighed so that every label counts as much as any other. Train
        with the loss `kl_divergence`, which then weighs the examples: TensorFlow's `categorical_crossentropy` takes the
        rows to be probabilities, and where they don't sum to one its gradient is wrong without a word.
        """
        rows = np.eye(len(self.labels), dtype=np.float32)
        told = (1 - smoothing) * rows + smoothing / len(rows)
        if even:
            counts = np.maximum(np.bincount(self.train.y, minlength=len(rows)), 1)
            told *= len(self.train) / len(rows) / counts[:, None]
        found = {name: Split(split.x, rows[split.y]) for name, split in self.parts().items()}
        return replace(self, **found | {"train": Split(self.train.x, told.astype(np.float32)[self.train.y])})

    def take_train(self, count: int, seed: int) -> "Splits":
        """The same splits with `count` training examples, of the same mix of labels, drawn by `seed`.

        As many as there are if `count` is more; a label keeps at least one.
        """
        if count >= len(self.train):
            return self
        return replace(self, train=hold_out(self.train, count / len(self.train), seed)[1])

    def parts(self) -> dict[str, Split]:
        """The splits by name: train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def hold_out(split: Split, share: float, seed: int, even: bool = False) -> tuple[Split, Split]:
    """Part `split` in two by chance, with the same mix of labels in both; the order of the examples stays.

    Args:
        split: at least two examples of each label; `y` holds whole numbers.
        share: how much goes to the second part, between 0 and 1.
        seed: the same seed parts the same way.
        even: the second part has as many examples of each label instead, at most half of any label's.

    Returns:
        (rest, held): every label has at least one example in each.

    Raises:
        UserError: the share isn't between 0 and 1.
        DataError: a label has only one example.
    """
    if not 0 < share < 1:
        raise UserError(f"the validation share is {share}, and has to be between 0 and 1 (0.1 holds out a tenth).")
    random = np.random.default_rng(seed)
    held = np.zeros(len(split), bool)
    labels, counts = np.unique(split.y, return_counts=True)
    each = min(share * len(split) / max(len(labels), 1), counts.min(initial=len(split)) / 2)
    for label in labels:
        members = np.flatnonzero(split.y == label)
        if len(members) < 2:
            raise DataError(f"label {label} has a single example, so none can be held out: add examples.")
        count = min(max(round(each if even else share * len(members)), 1), len(members) - 1)
        held[random.permutation(members)[:count]] = True
    return split.take(~held), split.take(held)
