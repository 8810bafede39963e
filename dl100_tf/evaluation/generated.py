"""What made pictures are worth: how far they lie from real ones in a classifier's eyes, and what it takes them for."""

from typing import NamedTuple

import numpy as np

from dl100_tf.errors import UserError
from dl100_tf.evaluation import records
from dl100_tf.evaluation.judging import BATCH, MOST
from dl100_tf.evaluation.pictures import WHITE
from dl100_tf.evaluation.scores import record
from dl100_tf.evaluation.tables import table
from dl100_tf.evaluation.wording import clean

LEAST = 1000  # pictures that are made to be judged: as many as there are for the test, within this and MOST
SURE = 0.9  # confidence from which a classifier counts as sure
KEPT = 512  # made pictures that are kept with their latents, for an export to be compared with


class Moments(NamedTuple):
    """Mean (d,) and covariance (d, d) of features, float64."""

    mean: np.ndarray
    covariance: np.ndarray


def moments(features: np.ndarray) -> Moments:
    """The moments of features (n, d), n > 1."""
    return Moments(features.mean(axis=0, dtype="float64"), np.cov(features.astype("float64"), rowvar=False))


def frechet(one: Moments, other: Moments) -> float:
    """The Fréchet distance of two normal distributions, squared: |μ₁-μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁Σ₂)^½).

    Source: Heusel et al. 2017, arXiv:1706.08500, who take the features of Inception: values in others' features can't
    be compared with theirs, nor with each other.
    """
    values, vectors = np.linalg.eigh(one.covariance)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ other.covariance @ root).clip(0)).sum()  # of the same eigenvalues
    apart = np.square(one.mean - other.mean).sum()
    return float(np.maximum(0, apart + np.trace(one.covariance) + np.trace(other.covariance) - 2 * shared))  # or NaN


def score_pictures(run, data, judge, model, latents: np.ndarray, noun: str = "pictures", classes=(), kinds: int = 0
                   ) -> dict:
    """Judge what a generator makes beside the test's pictures, and real training pictures likewise.

    It writes `scores.json`, with a judge that knows labels the tables `balance` and, where there are kinds, `kinds`,
    and `predictions.npz`: `latent` and `picture`, float32, what an exported model has to give again.

    Args:
        run: the `Run` to write into.
        data: its `Splits` of pictures.
        judge: a `Judge`, or `Pixels`.
        model: `keras.Model` from latents to pictures, 0 to 255.
        latents: float32 (n, d): as many as there are test pictures are taken, within 1000 and 10 000.
        noun: what the test examples are called.
        classes: the labels that the last numbers of each latent ask for, one-hot; empty: none are asked for.
        kinds: without classes, how many kinds that nobody has named they ask for.

    Raises:
        UserError: the pictures are NaN.
    """
    latents = latents[:int(np.clip(len(data.test), LEAST, MOST))]
    _keep(run, latents[:KEPT], model.predict(latents[:KEPT], verbose=0))
    real, known = judge.real
    seen, guessed = judge.look(pixels(model, latents))
    reference = moments(real)
    metrics = {judge.distance: frechet(moments(seen), reference),
               "floor": frechet(moments(judge.look(data.train.x[:len(latents)])[0]), reference)}
    if guessed is not None:
        metrics |= shares(guessed) | {"sure_of_real": 100 * float((known.max(axis=1) >= SURE).mean())}
        _balance(run, data, guessed, judge.origin)
    if guessed is not None and classes:
        asked = latents[:, -len(classes):].argmax(axis=1)
        metrics["as_asked"] = 100 * float((guessed.argmax(axis=1) == asked).mean())
    elif guessed is not None and kinds:
        _named(run, data, guessed, latents[:, -kinds:].argmax(axis=1))
    percent = [name for name in metrics if name not in (judge.distance, "floor")]
    headline = [name for name in (judge.distance, "sure", "least", "most") if name in metrics]
    return record(run, data, metrics, len(real), noun, headline, units=dict.fromkeys(percent, "%"), judge=judge.origin,
                  latents={"classes": [clean(str(label)) for label in classes or map("kind {}".format, range(kinds))]},
                  picture={"scale": WHITE})


def _keep(run, latents: np.ndarray, made: np.ndarray) -> None:
    if not np.isfinite(made).all():
        raise UserError("what the generator makes is NaN: training has diverged. Train again under another --run name "
                        "with a smaller learning rate.")
    with run.writing("predictions.npz") as file:
        np.savez_compressed(file, latent=latents, picture=made)


def pixels(model, latents: np.ndarray) -> np.ndarray:
    """What a model makes of `latents` (n, d), which it gives from 0 to 255, as uint8 (n, h, w, c)."""
    parts = [model.predict(latents[start:start + 4 * BATCH], verbose=0, batch_size=BATCH).round().clip(0, 255)
             .astype("uint8") for start in range(0, len(latents), 4 * BATCH)]
    return np.concatenate(parts)


def shares(probabilities: np.ndarray) -> dict[str, float]:
    """In per cent: how many pictures the judge is sure of, and the shares of the rarest and the commonest class."""
    found = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1]) / len(probabilities)
    return {"sure": 100 * float((probabilities.max(axis=1) >= SURE).mean()), "least": 100 * float(found.min()),
            "most": 100 * float(found.max())}


def _balance(run, data, probabilities: np.ndarray, origin: str) -> None:
    """The table of the classes that the judge sees, beside those of the test."""
    guess, labels = probabilities.argmax(axis=1), range(len(data.labels))
    rows = [{"class": clean(str(data.labels[label])), "of what was made, %": 100 * float((guess == label).mean()),
             "of the test, %": 100 * float((data.test.y == label).mean()),
             "sure of, %": 100 * float((probabilities[guess == label].max(axis=1) >= SURE).mean())
             if (guess == label).any() else None} for label in labels]
    table(run, "balance", rows, "What the classifier takes them for",
          f"Of {len(guess)} made pictures. A class that is nearly missing is one the generator has given up. Sure: "
          f"a probability of {SURE} or more. The classifier is {clean(origin)}.")


def _named(run, data, probabilities: np.ndarray, kinds: np.ndarray) -> None:
    """The table of the classes that the judge sees in each kind, the commonest two."""
    guess, rows = probabilities.argmax(axis=1), []
    for kind in np.unique(kinds):
        counts = np.bincount(guess[kinds == kind], minlength=len(data.labels))
        first, second = counts.argsort(kind="stable")[::-1][:2]
        rows.append({"kind": int(kind), "mostly": clean(str(data.labels[first])),
                     "that, %": 100 * counts[first] / counts.sum(),
                     "then": clean(str(data.labels[second])) if counts[second] else None,
                     "that too, %": 100 * counts[second] / counts.sum() if counts[second] else None})
    table(run, "kinds", rows, "What the kinds turned out to be",
          "Nobody told the generator what a kind is: it had to make them so that the critic can guess which it was.")


def judge_epochs(run, judge, model, latents: np.ndarray) -> list[dict]:
    """What each epoch's generator makes of the same points, judged: rows of the history, with `distance` and shares.

    Args:
        run: the run that the generator was trained in, with its `training.Snapshots`.
        judge: a `Judge`, or `Pixels`.
        model: `keras.Model` from latents to pictures, 0 to 255, whose layer `generator` has the weights of each epoch
            in turn, and keeps the last.
        latents: float32 (n, d).
    """
    reference, rows = moments(judge.real[0]), []
    for row in records.history(run):
        model.get_layer("generator").load_weights(run.path(f"epochs/{int(row['epoch']):04d}.weights.h5"))
        seen, guessed = judge.look(pixels(model, latents))
        rows.append(row | {"distance": frechet(moments(seen), reference)} | (
            shares(guessed) if guessed is not None else {}))
    return rows
