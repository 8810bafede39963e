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
