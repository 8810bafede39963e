"""What is particular about models that give a picture back for each that they take, such as autoencoders.

There are no labels and no probabilities: pictures are compared pixel by pixel, beside white. What they are measured
against, on test examples, is the picture that went in.
"""

import numpy as np

UNIT = "brightness, 0 to 255"
LIMITS = ["It knows the pictures that it was trained on: of anything else it makes something like them.",
          "A phone prepares a picture before it asks, as the input's `preparation` says, step by step; the SavedModel "
          "does that itself.",
          "What comes out is not rounded: round it to whole numbers before it is saved as a picture."]


def answer(picture: np.ndarray) -> dict:
    """What a golden vector has of a picture that Keras gave; each number is the shortest that is the same float32."""
    return {"picture": np.array([float(str(value)) for value in np.float32(picture).ravel()]).reshape(
        picture.shape).tolist()}
