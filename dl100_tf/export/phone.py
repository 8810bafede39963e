"""The Keras model as a phone calls it: a batch of one, float32 RGB pixels or int32 ids in, probabilities out; a series
as it was measured in, a forecast out; a picture in, or a point, and a picture out."""

import numpy as np

from dl100_tf.export import contract as contracts

LUMA = (0.299, 0.587, 0.114)  # grey of red, green and blue: ITU-R BT.601, as in JPEG files and in Pillow
UNROLL = "unroll"  # what a recurrent layer calls it


def model(model, contract):
    """`model` between the input and the output that a phone can handle; the weights are shared.

    String operations don't convert, so a text comes as the ids of its words or characters. A sigmoid becomes two
    probabilities. Nothing takes the call for training: Keras' preprocessing layers, such as Resizing, do where nobody
    says so, and have what is behind them do it too.

    Args:
        model: `keras.Model` with one input and one output.
        contract: what it takes and gives.

    Returns:
        `keras.Model` from `contract.phone_dtype` (1, ...) to `contract.output`, float32 `contract.answer_shape`.
    """
    import keras
    from keras import layers

    given = keras.Input(contract.phone_shape[1:], 1, contract.phone_dtype, name=NAMES[contract.kind])
    if contract.kind == "text":
        answer = keras.Model(contracts.ids(model), model.outputs[0])(given, training=False)
    elif contract.kind == "passage":
        answer = without_erf(model)(given, training=False)
    elif contract.is_grey:
        grey = layers.Conv2D(1, 1, use_bias=False, trainable=False, name="grey")
        seen = grey(given)
        grey.set_weights([np.array(LUMA, "float32").reshape(1, 1, 3, 1)])
        answer = model(seen, training=False)
    else:
        answer = model(given, training=False)
    if answer.shape[-1] == 1 and not contract.picture:
        no = layers.Rescaling(-1, 1, name="no")(answer)
        answer = layers.Concatenate()([no, answer])
    return keras.Model(given, layers.Identity(name=contract.output, dtype="float32")(answer), name=model.name)


NAMES = {"image": "image", "text": "ids", "numbers": "numbers", "series": "series", "passage": "ids",
         "latent": "latent"}  # of the input


def without_erf(model):
    """A twin of a model, with its weights, whose GELU needs no error function: phones have no such operator."""
    import keras

    def same(operation):
        exact = type(operation).__name__ == "Gelu" and not operation.approximate
        return keras.layers.Activation(gelu) if exact else operation

    return keras.models.clone_model(model, clone_function=same)


def gelu(x):
    """x times the normal distribution function, to 2·10⁻⁷ of |x|: Abramowitz and Stegun 1964, formula 7.1.26."""
    from keras import ops

    far = ops.abs(x) * 2**-0.5
    t = 1 / (1 + 0.3275911 * far)
    tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return 0.5 * (x + ops.abs(x) * (1 - tail * ops.exp(-far * far)))


def is_recurrent(model) -> bool:
    """Whether a layer walks along a sequence: in a .tflite file that is a loop, unless it is unrolled."""
    return any(UNROLL in str(layer.get_config()) for layer in model._flatten_layers(include_self=False))


def unrolled(model):
    """A twin of a recurrent model with every step of its loops written out, and a copy of its weights.

    MediaPipe Tasks run no loops, and calibrating one for int8 kills the converter.
    """
    import keras

    def clone(layer):
        return type(layer).from_config(_unroll(layer.get_config()))

    twin = keras.models.clone_model(model, clone_function=clone, recursive=True)
    twin.set_weights(model.get_weights())
    return twin


def _unroll(config):
    """A layer's settings, with those of the layers inside it, unrolled."""
    if isinstance(config, dict):
        return {key: True if key == UNROLL else _unroll(value) for key, value in config.items()}
    return config


def save(model, contract, folder) -> None:
    """Write a phone's model as a SavedModel with a batch of one, from which the converter reads."""
    import keras

    signature = keras.InputSpec(shape=contract.phone_shape, dtype=contract.phone_dtype)
    model.export(folder, verbose=False, input_signature=[signature])


def inputs(model, contract, examples) -> np.ndarray:
    """Examples as a phone hands them over, (n, ...) in `contract.phone_dtype`.

    Args:
        model: the Keras model, whose tokenizer makes ids of texts.
        contract: what it takes.
        examples: as the model takes them: pictures (n, h, w, c), texts (n,), numbers (n, k),
            series (n, hours, columns), ids (n, length) of passages, or points (n, k).
    """
    if contract.kind == "text":
        import keras
        import tensorflow as tf

        look_up = keras.Model(model.inputs[0], contracts.ids(model))
        parts = [np.asarray(look_up(tf.constant(list(examples[start:start + 512]), tf.string)), "int32")
                 for start in range(0, len(examples), 512)]
        return np.concatenate(parts) if parts else np.zeros((0, *contract.shape), "int32")
    examples = np.asarray(examples)
    return colour(examples) if contract.kind == "image" else examples.astype(contract.phone_dtype)


def colour(pictures: np.ndarray) -> np.ndarray:
    """Pictures in RGB, whatever they were; uint8 stays uint8, which saves memory."""
    return np.repeat(pictures, 3, axis=-1) if pictures.shape[-1] == 1 else pictures
