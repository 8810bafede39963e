"""What is particular about models that give pictures: of pictures, as autoencoders, or of points, as generators.

What comes out has no labels and no probabilities: it is compared with Keras' pictures, pixel by pixel, beside white.
What goes in is a picture, or a point as in `latents`.
"""

import numpy as np

from dl100_tf.errors import UserError
from dl100_tf.export import latents

SCORES = {"fid_in_cnn_mnist_features": "FID in cnn_mnist features {:.2f}",
          "frechet_distance_of_pixels": "Fréchet distance of pixels {:.2f}",  # neither is ever called FID alone
          "error": "Mean squared error {:.4f} (white being 1)"}
LIMITS = ["It knows the pictures that it was trained on: of anything else it makes something like them.",
          "A phone prepares a picture before it asks, as the input's `preparation` says, step by step; the SavedModel "
          "does that itself.",
          "What comes out is not rounded: round it to whole numbers before it is saved as a picture."]


def of_run(run, scores: dict, given: tuple[int, ...], picture: tuple[int, ...]) -> dict:
    """What is particular about the contract of a model that gives pictures.

    Args:
        run: the `Run`.
        scores: what it noted: of every such model `picture` with the `scale`, of a generator `latents` besides.
        given, picture: the shapes of the model's input and output.

    Raises:
        UserError: it is not the model that was scored.
    """
    classes = latents.classes(scores)
    if not (given == picture if classes is None else len(given) == 1 and given[0] > len(classes)) or len(picture) != 3:
        raise UserError(f"{run.path('model.keras')} is not the model that was scored: it takes {given} and gives "
                        f"{picture}. Let the run finish with `{run.command}`.")
    found = {"shape": given, "picture": picture, "scale": float(scores["picture"]["scale"])}
    return found | ({"kind": "image", "labels": ()} if classes is None else {
        "kind": "latent", "labels": classes, "columns": classes})


def score(metrics: dict) -> str:
    """The score in words."""
    return ", ".join(told.format(metrics[name]) for name, told in SCORES.items() if name in metrics) or "scored"


def told(contract) -> dict:
    """What golden vectors of pictures tell besides."""
    return {"picture": contract.picture, "scale": contract.scale} | (
        {"columns": contract.columns} if contract.columns else {})


def answer(picture: np.ndarray) -> dict:
    """What a golden vector has of a picture that Keras gave: its pixels to 1/1000."""
    return {"picture": picture.astype("float64").round(3).tolist()}
