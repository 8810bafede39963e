"""The measurement of a trained model on the test split."""

import math
from collections.abc import Mapping

import numpy as np
import rich.console
import rich.progress
from sklearn import metrics as sk

from dl100_tf.errors import DataError, UserError
from dl100_tf.evaluation import records
from dl100_tf.evaluation.wording import clean

BATCH = 256  # examples the model sees at once
CHUNK = 4  # batches between two moves of the progress bar
LARGE = 4_000_000  # numbers that go in at once at most, as a large picture's features need a hundred times its size
BINS = 15  # of confidence, for the calibration error
EPSILON = 1e-7  # Keras' own: probabilities are kept this far from 0 and 1 under a logarithm


def score(model, data, run, noun: str = "examples", batch: int | None = None) -> dict:
    """Measure `model` on `data.test`; write `predictions.npz` and `scores.json`, and return the latter.

    `predictions.npz` holds `y`, int64 (n,), and `probabilities`, float32 (n, k), a column per label: a sigmoid's p
    stands there as (1 - p, p).

    Args:
        model: has `predict`, which gives a sigmoid's (n, 1) for two labels or a softmax's (n, k).
        data: the `Splits`; its test examples go to the model as they are.
        run: the `Run` to write into.
        noun: what the examples are called in the report, in the plural.
        batch: how many the model is given at once; without it, as many as their own size allows.

    Raises:
        UserError: the model's output is NaN, or not one probability per label.
        DataError: there is nothing to test on, or a class that has no label.
    """
    labels = [clean(str(label)) for label in data.labels]
    y = _classes(data.test, len(labels))
    probabilities = distribution(model, data.test.x, len(labels), progress=True, batch=batch)
    with run.writing("predictions.npz") as file:
        np.savez_compressed(file, y=y, probabilities=probabilities)
    return record(run, data, measure(y, probabilities), len(y), noun, labels=labels)


def record(run, data, metrics: Mapping[str, float], n: int, noun: str = "examples", headline=(), **more) -> dict:
    """Write `scores.json` and return it: what was measured, on what, and what training it took.

    Args:
        run: the `Run` to write into.
        data: has the `source` it came from.
        metrics: name to number.
        n: how many examples they were measured on.
        noun: what the examples are called, in the plural.
        headline: names of the metrics that one line has room for, the one that counts most first; without them
            accuracy and the like.
        more: whatever else is worth keeping beside them; `units`, by metric, are shown with it.
    """
    training = records.mapping(run, "training.json")
    scores = {"project": run.project, "run": run.name, "source": data.source.rung, "source_note": data.source.note,
              "digest": data.source.digest, "n": n, "noun": noun, **more, "headline": list(headline),
              "metrics": {name: float(value) for name, value in metrics.items()},
              **{name: training.get(name) for name in ("train_seconds", "epochs", "parameters")}}
    run.write_json("scores.json", scores)
    return scores


def measure(y: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Every metric of the report.

    With two labels, precision, recall and F1 are those of the second label; with more, the mean over the labels, and
    AUROC the mean of one label against the rest; it is left out where `y` lacks a class, as it isn't defined there.

    Args:
        y: true classes, integers (n,).
        probabilities: (n, k), rows that sum to one but for rounding.
    """
    k = probabilities.shape[1]
    p = probabilities.astype("float64")
    p /= p.sum(axis=1, keepdims=True)
    guess = p.argmax(axis=1)
    accuracy = sk.accuracy_score(y, guess)
    low, high = wilson(accuracy, len(y))
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        y, guess, labels=range(k), average="binary" if k == 2 else "macro", zero_division=0)
    values = {"accuracy": accuracy, "accuracy_low": low, "accuracy_high": high,
              "loss": sk.log_loss(y, clipped / clipped.sum(axis=1, keepdims=True), labels=range(k))}
    if len(np.unique(y)) == k:
        values["auroc"] = sk.roc_auc_score(y, p[:, 1]) if k == 2 else sk.roc_auc_score(y, p, multi_class="ovr")
    values |= {"f1": f1, "precision": precision, "recall": recall,
               "brier": brier(y, p), "calibration_error": calibration_error(y, p)}
    return {name: float(value) for name, value in values.items()}


def brier(y: np.ndarray, probabilities: np.ndarray) -> float:
    """The mean squared error of the probabilities, summed over the labels (Brier 1950), halved where there are two."""
    k = probabilities.shape[1]
    error = ((probabilities - np.eye(k)[y]) ** 2).sum(axis=1).mean()
    return float(error / 2 if k == 2 else error)


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share observed in `n` trials (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    z = 1.959963984540054  # the normal distribution's 97.5 % quantile
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def calibration(y: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, ...]:
    """Confidence against accuracy, in bins of equal width over [0, 1].

    Returns:
        The number of guesses in each bin, int (bins,), and their mean confidence and accuracy, float (bins,), NaN where
        a bin is empty. Confidence is the probability of the label that was guessed.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == y
    place = np.clip((confidence * bins).astype(int), 0, bins - 1)
    size = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        return (size, np.bincount(place, confidence, minlength=bins) / size,
                np.bincount(place, right, minlength=bins) / size)


def calibration_error(y: np.ndarray, probabilities: np.ndarray) -> float:
    """The expected calibration error with 15 bins (Guo et al. 2017, arXiv:1706.04599): 0 is perfect."""
    size, confidence, accuracy = calibration(y, probabilities)
    return float(np.nansum(size * np.abs(accuracy - confidence)) / size.sum())


def distribution(model, x, k: int, progress: bool = False, batch: int | None = None) -> np.ndarray:
    """Each label's probability for each of `x`, float32 (n, k), in the order of `x`.

    Raises:
        UserError: the model's output is NaN, or not one probability per label.
    """
    x = _sliceable(x)
    batch = batch or max(8, min(BATCH, LARGE // max(1, math.prod(x.shape[1:]))))
    chunk = CHUNK * batch
    starts = range(0, len(x), chunk)
    if progress:
        starts = rich.progress.track(starts, "testing", console=rich.console.Console(stderr=True))
    parts = [_output(model.predict(x[start:start + chunk], batch_size=batch, verbose=0)) for start in starts]
    p = np.concatenate(parts)
    if k == 2 and p.shape[1] == 1:
        p = np.hstack([1 - p, p])
    return _probabilities(p, k)


def _sliceable(x):
    """`x` as an array: Keras takes a list for a model of several inputs."""
    if hasattr(x, "shape"):
        return x
    return np.array(x, dtype=object if isinstance(x[0], str) else None)


def _output(output) -> np.ndarray:
    """A model's one output, float32 (n, columns)."""
    if isinstance(output, Mapping):
        if len(output) != 1:
            raise UserError(f"the model has {len(output)} outputs ({', '.join(output)}), of which one can be scored: "
                            "give evaluation.score a model with a single output.")
        output = next(iter(output.values()))
    p = np.asarray(output).astype("float32")
    return p.reshape(len(p), -1)


def _probabilities(p: np.ndarray, k: int) -> np.ndarray:
    """`p`, if it is what a classifier of `k` labels gives."""
    bad = int((~np.isfinite(p)).any(axis=1).sum())
    if bad:
        raise UserError(f"the model's output is NaN or infinite for {bad} of {len(p)} test examples: training has "
                        "diverged. Train again under another --run name with a smaller learning rate.")
    if p.shape[1] != k:
        raise UserError(f"the model has {p.shape[1]} outputs for {k} labels: end it in one sigmoid unit for two "
                        "labels, or in a softmax with a unit per label.")
    if p.min() < -1e-3 or p.max() > 1.001 or np.abs(p.sum(axis=1) - 1).max() > 0.02:  # bfloat16 rounds to 1/256
        raise UserError("the model's outputs are not probabilities: end it in a sigmoid or a softmax.")
    return np.clip(p, 0, 1)


def _classes(test, k: int) -> np.ndarray:
    """The true classes, int64 (n,)."""
    y = np.asarray(test.y).reshape(-1)
    if not len(y) or len(y) != len(test.x):
        raise DataError(f"the test split has {len(test.x)} examples and {len(y)} labels: check the data folder.")
    if not np.isin(y, np.arange(k)).all():
        raise DataError(f"the test split holds classes other than 0 to {k - 1}: check the data folder.")
    return y.astype("int64")
