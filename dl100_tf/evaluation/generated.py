"""What made pictures are worth: how far they lie from real ones in a classifier's eyes, and what it takes them for."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from dl100_tf import paths
from dl100_tf.errors import UserError
from dl100_tf.evaluation import comparisons, records
from dl100_tf.evaluation.pictures import WHITE
from dl100_tf.evaluation.scores import record
from dl100_tf.evaluation.tables import table
from dl100_tf.evaluation.wording import clean
from dl100_tf.run import Run

JUDGE = "cnn_mnist"  # the recipe whose net is asked
LEAST, MOST = 1000, 10_000  # pictures that are made to be judged: as many as there are for the test, within these
SURE = 0.9  # confidence from which a classifier counts as sure
BATCH = 500
KEPT = 512  # made pictures that are kept with their latents, for an export to be compared with
PIXELS = 14  # places a side of the shrunken pictures that are compared where there are no labels


class Moments(NamedTuple):
    """Mean (d,) and covariance (d, d) of features, float64."""

    mean: np.ndarray
    covariance: np.ndarray


class Judge:
    """A trained classifier as a judge of pictures.

    A net that was trained with smoothed labels is never quite sure, and one that was trained for long is too sure: its
    confidence is tempered on the validation pictures (Guo et al. 2017, arXiv:1706.04599) before it is read.

    Attributes:
        called: what its features are called in the metric's name.
    """

    called = f"{JUDGE}_features"
    distance = f"fid_in_{called}"

    def __init__(self, model, data):
        """Take a model whose last layer is a softmax, and what its confidence is tempered on.

        Raises:
            UserError: it doesn't take these pictures, or knows other labels.
        """
        import keras

        shape, labels = data.test.x.shape[1:], len(data.labels)
        if tuple(model.input_shape[1:]) != tuple(shape) or model.output_shape[1:] != (labels,):
            raise UserError(f"the judge takes pictures of {model.input_shape[1:]} and knows {model.output_shape[-1]} "
                            f"labels, and these are of {tuple(shape)} with {labels}: name a classifier of the same "
                            "data with --judge, or leave it out.")
        self._model = keras.Model(model.inputs[0], [model.layers[-1].input, model.outputs[0]])
        self.temperature = 1.0
        self.temperature = temperature(self.look(data.validation.x)[1], data.validation.y)

    def look(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The features (n, d) and each label's probability (n, labels) of pictures, uint8 (n, h, w, c)."""
        features, probabilities = self._model.predict(pictures, verbose=0, batch_size=BATCH)
        return features.reshape(len(features), -1), tempered(probabilities, self.temperature)


class Pixels:
    """What is left to compare pictures by where nobody has labelled any: their pixels, shrunk."""

    distance = "frechet_distance_of_pixels"

    def look(self, pictures: np.ndarray) -> tuple[np.ndarray, None]:
        """Grey or colour at 14 x 14 places, from 0 to 1, (n, 196 c); and None, as it knows no labels."""
        from PIL import Image

        def small(channel):
            shrunk = Image.fromarray(channel).resize((PIXELS, PIXELS), Image.Resampling.BOX)
            return np.asarray(shrunk, "float32").ravel() / 255

        rows = [np.concatenate([small(np.ascontiguousarray(picture[..., number]))
                                for number in range(picture.shape[-1])]) for picture in pictures]
        return np.stack(rows), None


def known_judge(run, named: str, data):
    """The classifier that is to judge: the one named, else that of the latest `cnn_mnist` run on the same data.

    The run keeps a copy of it, `judge.keras`, and has the same judge whenever it is resumed.

    Args:
        run: the `Run`.
        named: a `.keras` file or the name of a run of `cnn_mnist`; empty: the latest on the same data.
        data: its `Splits`.

    Returns:
        The Keras model; None where there is none, or where the run has begun to train its own (`run.part("judge")`).

    Raises:
        UserError: there is no such file or run, or it can't be read.
    """
    if run.path("judge.keras").is_file():
        return _loaded(run.path("judge.keras"))
    if named.endswith(".keras"):
        model = _loaded(paths.named(named))
    elif named:
        model = Run(JUDGE, named).load_model()
    else:
        found = comparisons.latest_on(JUDGE, data.source.digest)
        if found is None or run.part("judge").path("checkpoints").exists():
            return None
        model = found.load_model()
    with run.writing("judge.keras") as file:
        model.save(file)
    return model


def _loaded(file: Path):
    import keras

    try:
        return keras.saving.load_model(file, compile=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"{file} can't be read as a Keras model ({first}): name another with --judge.") from error


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The probabilities (n, k) of logits divided by `temperature`: above 1 less sure, below 1 surer."""
    logits = np.log(np.clip(probabilities.astype("float64"), 1e-12, 1)) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def temperature(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The temperature, 0.1 to 10, at which probabilities (n, k) tell the true classes `y` (n,) with the least loss."""
    def loss(one: float) -> float:
        found = tempered(probabilities, one)[np.arange(len(y)), y]
        return float(-np.log(np.clip(found, 1e-12, 1)).mean())

    return float(min(np.geomspace(0.1, 10, 81), key=loss))


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
    return float(max(0.0, apart + np.trace(one.covariance) + np.trace(other.covariance) - 2 * shared))


def score_pictures(run, data, judge, model, latents: np.ndarray, noun: str = "pictures", classes=()) -> dict:
    """Judge what a generator makes beside the test's pictures, and real training pictures likewise.

    It writes `scores.json`, with a judge that knows labels the table `balance`, and `predictions.npz`: `latent` and
    `picture`, float32, what an exported model has to give again.

    Args:
        run: the `Run` to write into.
        data: its `Splits` of pictures.
        judge: a `Judge`, or `Pixels`.
        model: `keras.Model` from latents to pictures, 0 to 255.
        latents: float32 (n, d): as many as there are test pictures are taken, within 1000 and 10 000.
        noun: what the test examples are called.
        classes: the labels that the last numbers of each latent ask for, one-hot; empty: none are asked for.
    """
    latents = latents[:int(np.clip(len(data.test), LEAST, MOST))]
    with run.writing("predictions.npz") as file:
        np.savez_compressed(file, latent=latents[:KEPT], picture=model.predict(latents[:KEPT], verbose=0))
    real, known = judge.look(data.test.x[:MOST])
    seen, guessed = judge.look(pixels(model, latents))
    reference = moments(real)
    metrics = {judge.distance: frechet(moments(seen), reference),
               "floor": frechet(moments(judge.look(data.train.x[:len(latents)])[0]), reference)}
    if guessed is not None:
        metrics |= shares(guessed) | {"sure_of_real": 100 * float((known.max(axis=1) >= SURE).mean())}
        _balance(run, data, guessed)
    if guessed is not None and classes:
        asked = latents[:, -len(classes):].argmax(axis=1)
        metrics["as_asked"] = 100 * float((guessed.argmax(axis=1) == asked).mean())
    percent = [name for name in metrics if name not in (judge.distance, "floor")]
    headline = [name for name in (judge.distance, "sure", "least", "most") if name in metrics]
    return record(run, data, metrics, len(real), noun, headline, units=dict.fromkeys(percent, "%"),
                  latents={"classes": [clean(str(label)) for label in classes]}, picture={"scale": WHITE})


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


def _balance(run, data, probabilities: np.ndarray) -> None:
    """The table of the classes that the judge sees, beside those of the test."""
    guess, labels = probabilities.argmax(axis=1), range(len(data.labels))
    rows = [{"class": clean(str(data.labels[label])), "of what was made, %": 100 * float((guess == label).mean()),
             "of the test, %": 100 * float((data.test.y == label).mean()),
             "sure of, %": 100 * float((probabilities[guess == label].max(axis=1) >= SURE).mean())
             if (guess == label).any() else None} for label in labels]
    table(run, "balance", rows, "What the classifier takes them for",
          f"Of {len(guess)} made pictures. A class that is nearly missing is one the generator has given up. Sure: "
          f"a probability of {SURE} or more.")


def judge_epochs(run, data, judge, replay) -> list[dict]:
    """What each epoch's generator makes of the same points, judged: rows of the history, with `distance` and shares.

    Args:
        run: the run that the generator was trained in, with its `training.Snapshots`.
        data: its `Splits`.
        judge: a `Judge`, or `Pixels`.
        replay: called with a file of weights: gives the pictures that the generator made with these, uint8.
    """
    reference, rows = moments(judge.look(data.test.x[:MOST])[0]), []
    for row in records.history(run):
        seen, guessed = judge.look(replay(run.path(f"epochs/{int(row['epoch']):04d}.weights.h5")))
        rows.append(row | {"distance": frechet(moments(seen), reference)} | (
            shares(guessed) if guessed is not None else {}))
    return rows
