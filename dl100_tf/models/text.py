"""Nets that read text as people write it."""


def reads_text(tokenizer, net, name: str | None = None):
    """Put the tokenizer in front of a trained net: the saved model then needs no preprocessing by anyone.

    All layers are Keras' own, so `keras.saving.load_model` reads the saved file without custom objects. The weights
    are shared with `net`.

    Args:
        tokenizer: an adapted `keras.layers.TextVectorization`, texts (batch,) to word ids (batch, length).
        net: `keras.Model`, word ids (batch, length) to probabilities (batch, classes).
        name: the model's name; None for the net's.

    Returns:
        `keras.Model` from `text`, strings (batch,), to `probability`, float32 (batch, classes).
    """
    import keras

    text = keras.Input((), dtype="string", name="text")
    probability = keras.layers.Identity(name="probability", dtype="float32")(net(tokenizer(text)))
    return keras.Model(text, probability, name=name or net.name)


def reads_characters(known: str, net, window: int):
    """Put a tokenizer for characters in front of a trained net, and behind it the probabilities of the next one.

    Of a text the last `window` characters are read, capital letters as such; a shorter one is read whole, with 0 behind
    its end. All layers are Keras' own, see `reads_text`.

    Args:
        known: the characters that the net knows, in the order of their ids, which begin at 2.
        net: `keras.Model`, ids (batch, n) to logits (batch, n, k); it skips ids of 0.
        window: characters that are read.

    Returns:
        `keras.Model` from `text`, strings (batch,), to `probability`, float32 (batch, k); its layer `ids` gives what
        the net reads, int32 (batch, window).
    """
    import keras
    from keras import layers, ops

    text = keras.Input((), dtype="string", name="text")
    ids = layers.TextVectorization(standardize=None, split="character", vocabulary=list(known), name="tokenizer")(text)
    count = ops.sum(ops.cast(ids > 0, "int64"), axis=1, keepdims=True)
    behind = ops.pad(ids, ((0, 0), (0, window)))  # there is always something to take
    last = ops.take_along_axis(behind, ops.maximum(count - window, 0) + ops.arange(window, dtype="int64"), axis=1)
    ids = layers.Identity(name="ids")(ops.cast(last, "int32"))
    logits = net(ids)[:, -1]  # where ids are skipped, a recurrent net goes on giving what it gave last
    return keras.Model(text, layers.Softmax(name="probability", dtype="float32")(logits), name=net.name)
