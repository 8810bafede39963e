"""What is particular about generators: a point goes in. What comes out is as in `pictures`.

A point is a row of numbers of the normal distribution, behind them the class or the kind that is wanted, one-hot,
where the net is told one.
"""

from types import SimpleNamespace

import numpy as np

from dl100_tf.errors import UserError

CALIBRATION = 300  # points from which int8 learns the ranges of all tensors
RULE = "numbers of the normal distribution, mean 0, standard deviation 1, each drawn on its own"
CLASS = "; behind them {count} numbers, 1 for the one that is wanted of these and 0 for the others: {classes}"
LIMITS = ["What it makes looks like its training pictures, mistakes and all; it knows nothing else.",
          "Numbers that aren't of the normal distribution give poor pictures, and nobody is told.",
          "The same numbers always give the same picture: draw new ones for another."]


def rule(contract) -> str:
    """What stands in a point, in words."""
    classes = contract.columns
    told = f"{contract.shape[0] - len(classes)} {RULE}"
    return told + CLASS.format(count=len(classes), classes=", ".join(classes)) if classes else told


def classes(scores: dict) -> tuple[str, ...] | None:
    """The classes that a generator can be told, by its scores; None where the model is none."""
    return tuple(map(str, scores["latents"]["classes"])) if "latents" in scores else None


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
    count = len(contract.columns)
    train = np.random.default_rng(0).standard_normal((CALIBRATION, contract.shape[0]), dtype="float32")
    if count:
        train[:, -count:] = np.eye(count, dtype="float32")[np.arange(CALIBRATION) % count]
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


def row(latent: np.ndarray) -> dict:
    """A point among the golden vectors, each number the shortest that is the same float32."""
    return {"latent": [float(str(value)) for value in latent]}
