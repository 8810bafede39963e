"""BERT's encoder, built of Keras' own layers, and a head on it that answers questions.

Source: Devlin et al., BERT, NAACL 2019, https://arxiv.org/abs/1810.04805
"""

import numpy as np

from dl100_tf.models.published import ACTIVATIONS, Settings

MASKED = -1e4  # added to what softmax must not see; moderate, so that 16 bits can hold it


def encoder(settings: Settings, separator: int, dropout: float = 0.1):
    """The encoder with random weights.

    Only ids go in: the mask leaves out what is 0, and the second of two texts is what stands behind the first
    separator.

    Args:
        settings: its sizes.
        separator: the id of `[SEP]`.
        dropout: the part of all hidden values and of all attention that is left out while training.

    Returns:
        `keras.Model` from `ids`, int32 (batch, length), to the last layer's states, float32 (batch, length, hidden).
    """
    import keras
    from keras import layers, ops

    def embedding(size, name):
        return layers.Embedding(size, settings.hidden_size, name=name,
                                embeddings_initializer=keras.initializers.TruncatedNormal(stddev=0.02))

    def norm(name):
        return layers.LayerNormalization(epsilon=settings.layer_norm_eps, name=name)

    ids = keras.Input((None,), dtype="int32", name="ids")
    place = ops.cumsum(ops.ones_like(ids), axis=1) - 1
    mask = ops.cast(ops.equal(ids, 0), "float32")[:, None, None, :] * MASKED
    states = (embedding(settings.vocab_size, "words")(ids)
              + embedding(settings.max_position_embeddings, "places")(place)
              + embedding(settings.type_vocab_size, "types")(ops.minimum(before(ids, separator), 1)))
    states = layers.Dropout(dropout)(norm("embeddings_norm")(states))
    for number in range(settings.num_hidden_layers):
        name = f"layer{number}"
        mixed = layers.Dropout(dropout)(_attention(states, mask, settings, dropout, name))
        states = norm(f"{name}_attention_norm")(states + mixed)
        inner = _dense(settings.intermediate_size, f"{name}_inner")(states)
        inner = ops.gelu(inner, approximate=ACTIVATIONS[settings.hidden_act])
        outer = layers.Dropout(dropout)(_dense(settings.hidden_size, f"{name}_outer")(inner))
        states = norm(f"{name}_norm")(states + outer)
    return keras.Model(ids, states, name="encoder")


def before(ids, separator: int):
    """How many separators stand before each piece, int32 (batch, length)."""
    from keras import ops

    separators = ops.cast(ops.equal(ids, separator), "int32")
    return ops.cumsum(separators, axis=1) - separators


def answers_questions(encoder, separator: int, name: str):
    """A head on the encoder that says where in the passage the answer begins and ends.

    Returns:
        `keras.Model` from `ids`, int32 (batch, length), to `logits`, float32 (batch, 2, length): of each piece to be
        the answer's first and its last. Pieces outside of the passage have -10 000, but for `[CLS]`: it stands
        for an answer that isn't there.
    """
    import keras
    from keras import layers, ops

    ids = encoder.inputs[0]
    passage = ops.logical_and(ops.greater(before(ids, separator), 0), ops.logical_not(ops.logical_or(
        ops.equal(ids, 0), ops.equal(ids, separator))))
    first = ops.equal(ops.cumsum(ops.ones_like(ids), axis=1), 1)
    outside = ops.cast(ops.logical_not(ops.logical_or(passage, first)), "float32")
    found = ops.transpose(_dense(2, "span")(encoder.outputs[0]), (0, 2, 1)) + outside[:, None, :] * MASKED
    return keras.Model(ids, layers.Identity(name="logits", dtype="float32")(found), name=name)


def gives_probabilities(net, name: str | None = None):
    """The same net with its logits as probabilities over the places: what is saved."""
    import keras

    return keras.Model(net.inputs, keras.layers.Softmax(name="probabilities", dtype="float32")(net.outputs[0]),
                       name=name or net.name)


def probabilities(model, ids: np.ndarray, batch_size: int = 32) -> np.ndarray:
    """What `model` gives for each row of ids, float32 (n, 2, length); rows of like length are read together.

    Args:
        model: what `gives_probabilities` gives.
        ids: int32 (n, length), 0 behind the end.
        batch_size: rows at a time.
    """
    import rich.console
    import rich.progress

    lengths = ids.shape[1] - np.argmax(ids[:, ::-1] != 0, axis=1)
    order = np.argsort(lengths, kind="stable")
    found = np.zeros((len(ids), 2, ids.shape[1]), np.float32)
    for at in rich.progress.track(range(0, len(ids), batch_size), "answering",
                                  console=rich.console.Console(stderr=True), disable=len(ids) <= batch_size):
        rows = order[at:at + batch_size]
        width = -(-int(lengths[rows].max()) // 16) * 16  # few widths: each is compiled once
        width = min(width, ids.shape[1])
        found[rows, :, :width] = model.predict_on_batch(ids[rows, :width])
    return found


def _dense(units: int, name: str):
    import keras

    return keras.layers.Dense(units, name=name, kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02))


def _attention(states, mask, settings: Settings, dropout: float, name: str):
    """Each piece's mixture of all pieces' values, by heads: softmax(QK'/sqrt(d) + mask) V, and a dense layer."""
    from keras import layers, ops

    heads = settings.num_attention_heads
    width = settings.hidden_size // heads

    def headed(part):
        split = layers.Reshape((-1, heads, width))(_dense(settings.hidden_size, f"{name}_{part}")(states))
        return ops.transpose(split, (0, 2, 1, 3))

    scores = ops.matmul(headed("query") * width**-0.5, ops.transpose(headed("key"), (0, 1, 3, 2)))
    weights = layers.Dropout(dropout)(ops.softmax(scores + mask, axis=-1))
    mixed = ops.transpose(ops.matmul(weights, headed("value")), (0, 2, 1, 3))
    return _dense(settings.hidden_size, f"{name}_mixed")(layers.Reshape((-1, settings.hidden_size))(mixed))
