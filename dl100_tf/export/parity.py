"""Proof that every exported file is the same model: its scores beside Keras' on the same examples.

    python -m dl100_tf.export.parity export/models/tflite/lstm_imdb      # a published bundle, by itself
"""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dl100_tf.errors import UserError
from dl100_tf.export import golden, litert, passages, versions
from dl100_tf.export.mistakes import spoilt


class Bound(NamedTuple):
    """How far a variant may be from Keras; scores and errors are taken beside the contract's scale."""

    scores: float | None  # the largest difference of a probability, of a forecast beside its scale; None: not bounded
    drop: float  # points of accuracy on the test set
    error: float | None = None  # the mean absolute one of pictures, beside their scale, where scores aren't bounded


BOUNDS = {
    "saved_model": Bound(1e-5, 0.0),
    "float32": Bound(1e-4, 0.0),
    "float16": Bound(5e-3, 0.1),
    "dynamic": Bound(3e-2, 0.3),
    "int8": Bound(None, 1.0, 0.02),
    "unrolled": Bound(1e-4, 0.0),  # float32, a recurrent net's loops written out
}


@dataclass(frozen=True)
class Parity:
    """A variant beside Keras.

    Attributes:
        variant: of `BOUNDS`.
        n: examples compared.
        difference: the largest of any probability; of a forecast, in standard deviations of what is forecast.
        typical: the median over the examples of the largest difference of each.
        agreement: the share of examples that both give the same label, or of which they forecast the same hour highest;
            of pictures, those without a pixel that differs by more than half a step of 255.
        keras, accuracy: the share of right labels, of Keras and of the variant; None where nobody knows what is right.
        keras_error, error: the mean absolute error of forecasts, likewise; of pictures, from Keras'.
        scale: the contract's.
    """

    variant: str
    n: int
    difference: float
    typical: float
    agreement: float
    keras: float | None = None
    accuracy: float | None = None
    keras_error: float | None = None
    error: float | None = None
    scale: float = 1.0

    @property
    def drop(self) -> float:
        """Points of accuracy lost; below 0 where some were won."""
        return 0.0 if self.accuracy is None else 100 * (self.keras - self.accuracy)

    @property
    def failings(self) -> list[str]:
        """Where it is out of bounds, in words; empty where it is the same model."""
        bound, found = BOUNDS[self.variant], []
        if not np.isfinite(self.difference):
            return ["scores are not numbers"]
        if bound.scores is not None and self.difference > bound.scores:
            found.append(f"a score differs by {self.difference:.1g}, at most {bound.scores:.0e} is allowed")
        if bound.error is not None and self.error is not None and self.error > bound.error * self.scale:
            found.append(f"it is off by {self.error:.3g} on average, at most {bound.error * self.scale:.3g} is allowed")
        if self.drop > bound.drop + 1e-9:
            found.append(f"accuracy drops by {self.drop:.2f} points, at most {bound.drop:g} are allowed")
        return found

    def record(self) -> dict:
        """What a card keeps."""
        return asdict(self) | {"drop": self.drop, "failings": self.failings}


def compare(variant: str, keras: np.ndarray, ours: np.ndarray, y: np.ndarray | None = None, scale: float = 1.0
            ) -> Parity:
    """Put a variant's scores beside Keras'.

    Args:
        variant: of `BOUNDS`.
        keras, ours: probabilities (n, labels) of the same examples, of passages (n, 2, length), forecasts (n, k), or
            pictures (n, h, w, c).
        y: what is right, (n,), as `truth` gives it, or what came, (n, k), where that is known; of pictures Keras'.
        scale: the contract's, beside which differences are taken.

    Raises:
        UserError: they are of another number of examples or labels.
    """
    if keras.shape != ours.shape:
        raise UserError(f"{variant} gives scores {ours.shape} where Keras gives {keras.shape}: it is another model.")
    apart = np.abs(keras.astype("float64") - ours).reshape(len(keras), -1).max(axis=1) / scale
    guesses = [_guessed(one) for one in (keras, ours)]
    if y is None:
        right = []
    elif y.ndim == 1:
        right = [float((guess == y).mean()) for guess in guesses]
    else:
        right = [None, None, *(float(np.abs(given.astype("float64") - y).mean()) for given in (keras, ours))]
    same = apart * scale <= 0.5 if keras.ndim == 4 else guesses[0] == guesses[1]
    return Parity(variant, len(keras), float(apart.max()), float(np.median(apart)), float(same.mean()), *right,
                  scale=scale)


def truth(y: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """What is right, as `compare` wants it: of passages both places, integers (n, 2), in one number, (n,)."""
    return passages.joint(y, scores.shape[2]) if scores.ndim == 3 else y


def judged(scores: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each example's probability of its guess, and whether that is right, (n,) both; y as in `compare`."""
    return scores.max(axis=-1).reshape(len(scores), -1).prod(axis=1), _guessed(scores) == y


def _guessed(scores: np.ndarray) -> np.ndarray:
    """The likeliest label of each example, or place of both ends, (n,); of forecasts the highest hour."""
    return passages.guesses(scores) if scores.ndim == 3 else scores.reshape(len(scores), -1).argmax(axis=1)


def caught(right: Parity, wrong: Parity) -> bool:
    """Whether the comparison tells a mistake: `wrong` is out of bounds, or far off beside what is `right`.

    The second is for int8, where only the accuracy is bounded: there a mistake may go unnoticed, and the card says so.
    """
    return bool(wrong.failings) or wrong.typical > 2 * right.typical + 1e-3


def recheck(folder: Path) -> tuple[list[Parity], list[str]]:
    """Check a published bundle by what is in it: checksums, golden vectors, and mistakes that have to be caught.

    Args:
        folder: of a version, or of a model: then its newest version.

    Returns:
        What each .tflite file's comparison found, and all that is wrong, in words.

    Raises:
        UserError: it is no bundle, or its golden vectors are damaged.
    """
    folder = versions.newest(folder)
    try:
        files = json.loads((folder / "card.json").read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder} is no bundle: its card.json is missing or damaged. Export the run again.") from error
    wrong, found = [], []
    for name, facts in files.items():
        if Path(name).name != name:
            raise UserError(f"{folder}/card.json names a file outside of the bundle, {name!r}: don't use it.")
        content = (folder / name).read_bytes() if (folder / name).is_file() else b""
        if hashlib.sha256(content).hexdigest() != facts["sha256"]:
            wrong.append(f"{name} is missing or not the file that was published")
    vectors = golden.read(folder)
    for name, variant in ((name, facts["variant"]) for name, facts in files.items() if "variant" in facts):
        if (folder / name).is_file():
            found.append(_again(folder / name, variant, vectors, wrong))
    return found, wrong


def _again(file: Path, variant: str, vectors: tuple, wrong: list[str]) -> Parity:
    """Compare a file on the golden vectors; what is wrong is added to `wrong`."""
    kind, inputs, keras, truth, vocabulary, scale = vectors
    content = file.read_bytes()
    found = compare(variant, keras, litert.probabilities(content, file.name, inputs), truth, scale)
    if found.difference > (BOUNDS[variant].scores or np.inf) or not np.isfinite(found.difference):
        wrong += [f"{file.name}: {failing}" for failing in found.failings]
    bounded = BOUNDS[variant].scores is not None
    for mistake, changed in spoilt(kind, inputs, vocabulary).items() if bounded else ():
        ours = litert.probabilities(content, file.name, changed)
        if not caught(found, compare(variant, keras, ours, truth, scale)):
            wrong.append(f"{file.name}: nobody would notice an input that is wrong ({mistake})")
    return found


def table(found: list[Parity]) -> str:
    """What was found, a line for each variant."""
    head = f"{'variant':<12}{'examples':>9}{'difference':>12}{'same labels':>13}{'accuracy':>10}{'drop':>8}"
    if any(one.error is not None for one in found):
        head = f"{'variant':<12}{'examples':>9}{'difference':>12}{'same answer':>15}{'mean absolute error':>21}"
        return "\n".join([head] + [f"{one.variant:<12}{one.n:>9}{one.difference:>12.1e}{one.agreement:>15.2%}"
                                   f"{one.error:>21.4f}" for one in found])
    return "\n".join([head] + [
        f"{one.variant:<12}{one.n:>9}{one.difference:>12.1e}{one.agreement:>13.2%}"
        + (f"{one.accuracy:>10.2%}{one.drop:>z8.2f}" if one.accuracy is not None else "") for one in found])


def main(words: list[str]) -> int:
    """The command line; the exit code: 0 where all is as published, 1 where something is wrong, 2 where nothing is."""
    if len(words) != 1 or words[0] in ("-h", "--help"):
        print(f"usage: python -m dl100_tf.export.parity FOLDER\n\n{__doc__.splitlines()[0]}")
        return 0 if words and words[0] in ("-h", "--help") else 2
    try:
        found, wrong = recheck(Path(words[0]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(table(found))
    print("\n".join(f"WRONG  {line}" for line in wrong) or "All files are as published, and agree with Keras.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
