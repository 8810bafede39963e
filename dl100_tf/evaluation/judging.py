"""Who judges made pictures: a classifier in whose features they are compared, its confidence tempered; or pixels."""

from pathlib import Path

import numpy as np

from dl100_tf import paths
from dl100_tf.errors import UserError
from dl100_tf.evaluation import comparisons
from dl100_tf.run import Run

JUDGE = "cnn_mnist"  # the recipe whose net is asked
MOST = 10_000  # pictures that are looked at
BATCH = 500
PIXELS = 14  # places a side of the shrunken pictures that are compared where there are no labels


class Judge:
    """A trained classifier as a judge of pictures.

    A net that was trained with smoothed labels is never quite sure, and one that was trained for long is too sure: its
    confidence is tempered (Guo et al. 2017, arXiv:1706.04599) on the test pictures, as the validation pictures are some
    that another run may have learnt from.

    Attributes:
        called: what its features are called in the metric's name.
        origin: the run or the file that it comes from.
        real: what it makes of the test pictures, see `look`.
    """

    called = f"{JUDGE}_features"
    distance = f"fid_in_{called}"

    def __init__(self, model, data, origin: str):
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
        self.origin, self.temperature = origin, 1.0
        features, probabilities = self.look(data.test.x[:MOST])
        self.temperature = temperature(probabilities, data.test.y[:MOST])
        self.real = features, tempered(probabilities, self.temperature)

    def look(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The features (n, d) and each label's probability (n, labels) of pictures, uint8 (n, h, w, c)."""
        features, probabilities = self._model.predict(pictures, verbose=0, batch_size=BATCH)
        return features.reshape(len(features), -1), tempered(probabilities, self.temperature)


class Pixels:
    """What is left to compare pictures by where nobody has labelled any: their pixels, shrunk."""

    distance, origin = "frechet_distance_of_pixels", "pixels"

    def __init__(self, data):
        """Look at the test pictures."""
        self.real = self.look(data.test.x[:MOST])

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
    """Who is to judge: the classifier named, else that of the latest `cnn_mnist` run on the same data.

    The run keeps a copy of it, `judge.keras`, and has the same judge whenever it is resumed.

    Args:
        run: the `Run`.
        named: a `.keras` file or the name of a run of `cnn_mnist`; empty: the latest on the same data.
        data: its `Splits`.

    Returns:
        A `Judge`, or `Pixels` where nothing is labelled; None where there is no classifier, or where the run has begun
        to train its own (`run.part("judge")`).

    Raises:
        UserError: there is no such file or run, it can't be read, or it isn't for these pictures.
    """
    if len(data.labels) < 2:
        return Pixels(data)
    if run.path("judge.keras").is_file():
        return Judge(_loaded(run.path("judge.keras")), data, run.record().get("judge", "judge.keras"))
    if named.endswith(".keras"):
        model, origin = _loaded(paths.named(named)), named
    elif named:
        model, origin = Run(JUDGE, named).load_model(), f"{JUDGE}/{named}"
    else:
        found = comparisons.latest_on(JUDGE, data.source.digest)
        if found is None or run.part("judge").path("checkpoints").exists():
            return None
        model, origin = found.load_model(), f"{JUDGE}/{found.name}"
    judge = Judge(model, data, origin)
    run.note(judge=origin)
    with run.writing("judge.keras") as file:
        model.save(file)
    return judge


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
    """The temperature, 0.1 to 10, at which probabilities (n, k) are on average as sure as they are right of `y` (n,).

    How right they are is guessed by the rule of succession: n of n that are right promise n + 1 of n + 2, not all.
    """
    right = (1 + (probabilities.argmax(axis=1) == y).sum()) / (2 + len(y))
    return float(min(np.geomspace(0.1, 10, 161), key=lambda one: abs(
        tempered(probabilities, one).max(axis=1).mean() - right)))
