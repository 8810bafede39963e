"""Where a convolutional net looked: Grad-CAM, for any layer of any model, nested ones too."""

import contextlib
from collections.abc import Callable

import numpy as np

from dl100_tf.errors import UserError

BATCH = 32  # pictures whose gradients are in memory at once


def grad_cam(model, layer: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that tells which part of a picture speaks for the judgement (arXiv:1610.02391).

    The features that `layer` gives are weighted by how much, on average over the picture, they raise the judged
    label's score (before the softmax or sigmoid), summed, and cut off below zero.

    Args:
        model: a built Keras model that judges pictures; `layer` may stand in a model nested in it.
        layer: the name of a layer with output (n, rows, columns, channels), mostly the last convolution.

    Returns:
        `cam(images, classes=None)`: pictures as the model takes them, (n, h, w, c), to heat, float32 (n, h, w), 0 to 1,
        where 1 is the hottest place of each picture; all 0 where nothing speaks for the judgement. With `classes`,
        integers (n,), it is what speaks for these instead.

    Raises:
        UserError: the model has no such layer.
    """
    chosen = find(model, layer)

    def cam(images: np.ndarray, classes: np.ndarray | None = None) -> np.ndarray:
        starts = range(0, len(images), BATCH)
        parts = [_heat(model, chosen, np.asarray(images[start:start + BATCH]),
                       None if classes is None else np.asarray(classes[start:start + BATCH])) for start in starts]
        return np.concatenate(parts) if parts else np.zeros(images.shape[:3], "float32")
    return cam


def find(model, name: str):
    """The layer called `name`, in `model` or in a model nested in it.

    Raises:
        UserError: there is none.
    """
    layers = list(flat(model))
    for layer in layers:
        if layer.name == name:
            return layer
    maps = [layer.name for layer in layers if len(getattr(getattr(layer, "output", None), "shape", ())) == 4]
    raise UserError(f"the model has no layer {name!r}. Its last layers with feature maps: "
                    f"{', '.join(maps[-12:]) or 'none'}.")


def flat(model):
    """All layers of `model` in their order; those of a nested model stand before it."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from flat(layer)
        yield layer


@contextlib.contextmanager
def listening(layers):
    """Yield a list that fills with what each of `layers` gives when the model is called, in that order of calls.

    The model itself is left as it is: no new graph, no second use of a layer that would show when it is saved.
    """
    heard = []

    def listener(layer):
        call = layer.call

        def listened(*arguments, **options):
            output = call(*arguments, **options)
            heard.append((layer.name, output))
            return output
        return listened

    layers = list(layers)
    try:
        for layer in layers:
            layer.call = listener(layer)
        yield heard
    finally:
        for layer in layers:
            vars(layer).pop("call", None)


@contextlib.contextmanager
def _without_squash(model):
    """Let the last layer give scores instead of probabilities, whose gradient dies away where the model is certain.

    Yields whether that could be done.
    """
    import keras

    last = model
    while hasattr(last, "layers"):
        last = last.layers[-1]
    before = getattr(last, "activation", None)
    try:
        if isinstance(last, keras.layers.Softmax):
            last.call = lambda inputs, *_, **__: inputs
        elif before in (keras.activations.softmax, keras.activations.sigmoid):
            last.activation = keras.activations.linear
        else:
            yield False
            return
        yield True
    finally:
        vars(last).pop("call", None)
        if before is not None:
            last.activation = before


def _heat(model, layer, images: np.ndarray, classes: np.ndarray | None) -> np.ndarray:
    import tensorflow as tf

    with _without_squash(model) as scores, listening([layer]) as heard, tf.GradientTape() as tape:
        pictures = tf.cast(images, "float32")
        tape.watch(pictures)  # frozen weights alone would leave nothing to follow
        output = tf.cast(model(pictures, training=False), "float32")
        maps = heard[-1][1]
        if output.shape[-1] == 1:  # one sigmoid unit, whose middle is 0, or a half once it is squashed
            output = tf.concat([-output, output - (0 if scores else 1)], axis=-1)
        elif not scores:
            output = tf.math.log(output + 1e-12)
        judged = tf.gather(output, tf.argmax(output, axis=-1) if classes is None else classes, batch_dims=1)
        judged = tf.reduce_sum(judged)
    gradient = tape.gradient(judged, maps)
    weights = tf.reduce_mean(tf.cast(gradient, "float32"), axis=(1, 2), keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(weights * tf.cast(maps, "float32"), axis=-1, keepdims=True))
    heat = tf.image.resize(heat, images.shape[1:3], method="bilinear")[..., 0]
    top = tf.reduce_max(heat, axis=(1, 2), keepdims=True)
    return tf.math.divide_no_nan(heat, top).numpy()
