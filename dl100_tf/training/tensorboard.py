"""What TensorBoard can show beyond curves: how the weights are spread, what the first layer sees, what goes wrong."""

import math
import os

import keras
import numpy as np
import tensorflow as tf

SHOWN = 36  # pictures in a grid
ASKED = 1000  # examples among which mistakes are looked for


class LookInside(keras.callbacks.Callback):
    """After every epoch: histograms of all weights, the first layer's weights as pictures, the mistakes of the moment.

    It has no state, so a resumed run writes what an undisturbed one writes.

    Args:
        log_dir: where TensorBoard reads it.
        split: examples to be mistaken about, with `x`, pictures uint8 (n, h, w, c), and `y`, integers (n,).
        labels: the classes' names.
    """

    def __init__(self, log_dir: str | os.PathLike, split, labels):
        super().__init__()
        self._writer = tf.summary.create_file_writer(str(log_dir))
        self._x, self._y = split.x[:ASKED], np.asarray(split.y[:ASKED])
        self._labels = [str(label) for label in labels]

    def on_epoch_end(self, epoch, logs=None):
        with self._writer.as_default(step=epoch):
            for layer in self.model.layers:
                for weight in layer.trainable_weights:
                    tf.summary.histogram(f"{layer.name}/{weight.name}", weight.value)
            kernel = first_kernel(self.model)
            if kernel is not None:
                tf.summary.image("first layer", as_pictures(kernel, self._x.shape[1:])[None])
            self._show_mistakes()
        self._writer.flush()

    def _show_mistakes(self):
        guess = np.argmax(self.model(self._x, training=False), axis=1)
        wrong = np.flatnonzero(guess != self._y)[:SHOWN]
        if len(wrong):
            tf.summary.image("mistakes", grid(self._x[wrong] / 255.0)[None])
            said = [f"{self._labels[self._y[i]]} taken for {self._labels[guess[i]]}" for i in wrong]
            tf.summary.text("mistakes, row by row", "; ".join(said))


def first_kernel(model) -> np.ndarray | None:
    """The weights of the first dense layer, (inputs, units); None where there is none."""
    dense = (layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    layer = next(dense, None)
    return None if layer is None else keras.ops.convert_to_numpy(layer.kernel)


def as_pictures(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The weights of each unit where its inputs are in the picture, in a grid: grey for 0, white for the largest.

    Args:
        kernel: (inputs, units); up to 36 units are shown.
        shape: of a picture, (h, w, c), with as many numbers as there are inputs.
    """
    pictures = kernel.T[:SHOWN].reshape(-1, *shape)
    largest = np.abs(pictures).max(axis=(1, 2, 3), keepdims=True)
    return grid(0.5 + 0.5 * pictures / np.maximum(largest, 1e-12))


def grid(pictures: np.ndarray) -> np.ndarray:
    """Pictures (n, h, w, c), 0..1, in rows and columns with a line between them: one picture, float32."""
    count, height, width, channels = pictures.shape
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    page = np.zeros((down * (height + 1) - 1, across * (width + 1) - 1, channels), "float32")
    for place, picture in enumerate(pictures):
        top, left = (place // across) * (height + 1), (place % across) * (width + 1)
        page[top:top + height, left:left + width] = picture
    return page
