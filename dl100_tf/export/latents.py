"""What is particular about generators: points in, pictures out.

A point is a row of numbers of the normal distribution, behind them the class that is wanted, one-hot, where the net is
told one. There are no labels and no probabilities: pictures are compared pixel by pixel, beside the 255 of full white.
"""

from types import SimpleNamespace

import numpy as np

from dl100_tf.errors import UserError

WHITE = 255.0
CALIBRATION = 300  # points from which int8 learns the ranges of all tensors
RULE = "numbers of the normal distribution, mean 0, standard deviation 1, each drawn on its own"
CLASS = "; behind them {count} for the class, 1 for the one that is wanted and 0 for the others: {classes}"
LIMITS = ["What it makes looks like its training pictures, mistakes and all; it knows nothing else.",
          "Numbers that aren't of the normal distribution give poor pictures, and nobody is told.",
          "The same numbers always give the same picture: draw new ones for another."]


def rule(contract) -> str:
    """What stands in a point, in words."""
    classes = contract.columns
    told = f"{contract.shape[0] - len(classes)} {RULE}"
    return told + CLASS.format(count=len(classes), classes=", ".join(classes)) if classes else told


def of_run(run, scores: dict, given, answer) -> dict:
    """What the contract of a generator has besides, by its scores and the shapes of its input and output.

    Raises:
        UserError: it is not the model that was scored.
    """
    classes = tuple(map(str, scores["latents"]["classes"]))
    if len(given) != 1 or len(answer) != 3 or given[0] <= len(classes):
        raise UserError(f"{run.path('model.keras')} is not the model that was scored. Let the run finish with "
                        f"`{run.command}`.")
    return {"shape": given, "picture": answer, "labels": classes, "columns": classes, "scale": WHITE}


def score(metrics: dict) -> str:
    """The score in words; the distance is never called FID alone."""
    names = {"fid_in_cnn_mnist_features": "FID in cnn_mnist features",
             "frechet_distance_of_pixels": "Fréchet distance of pixels"}
    return ", ".join(f"{called} {metrics[name]:.2f}" for name, called in names.items() if name in metrics) or "scored"


def points(run, contract) -> SimpleNamespace:
    """In place of data: `test`, the points that the run's pictures were made of, and `train`, others like them.

    Raises:
        UserError: the run's file of them is missing or damaged.
    """
    file = run.path("predictions.npz")
    try:
        with np.load(file, allow_pickle=False) as arrays:
            test = arrays["latent"]
    except Exception as error:  # a damaged zip fails in many ways
        raise UserError(f"{file} is missing or damaged ({error}): let the run finish with `{run.command}`, or train "
                        "again under another --run name.") from error
    classes = len(contract.columns)
    train = np.random.default_rng(0).standard_normal((CALIBRATION, contract.shape[0]), dtype="float32")
    if classes:
        train[:, -classes:] = np.eye(classes, dtype="float32")[np.arange(CALIBRATION) % classes]
    return SimpleNamespace(test=_Part(test), train=_Part(train))


class _Part(SimpleNamespace):
    def __init__(self, x):
        super().__init__(x=x)

    def __len__(self):
        return len(self.x)


def spoilt(latents: np.ndarray, classes: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Points as a careless client would draw them, or hand them over."""
    end = latents.shape[1] - len(classes)
    numbers, told = latents[:, :end], latents[:, end:]

    def with_class(changed, told=told):
        return np.hstack([changed, told]).astype(latents.dtype)

    found = {"from 0 to 1": with_class(1 / (1 + np.exp(-1.7 * numbers))),
             "in another order": with_class(numbers[:, ::-1]), "half as far out": with_class(numbers / 2)}
    return found | ({"the next class": with_class(numbers, np.roll(told, 1, axis=1))} if classes else {})


def told(contract) -> dict:
    """What golden vectors of a generator tell besides."""
    return {"picture": contract.picture, "columns": contract.columns, "scale": contract.scale}


def row(latent: np.ndarray, image: np.ndarray, _) -> dict:
    """A point among the golden vectors, each number the shortest that is the same float32; its picture to 1/1000."""
    return {"latent": [float(str(value)) for value in latent], "image": image.astype("float64").round(3).tolist()}
