"""Self-attention, written out in the words of "Attention Is All You Need" (arXiv:1706.03762) and of nothing else.

Every word of a text asks a question of every word (itself too), and takes from each as much as it finds an answer:

    query, key, value   three linear views of each word: what it asks, what it answers to, what it has to give
    scores              query · key / √(numbers in a query): how well word j answers word i
    weights             the softmax of each row of scores: what word i takes from word j, in sum 1
    output              Σ weights · value: what word i has heard

All is Keras' own operations on named tensors, so a saved model is read without this module, and the weights of any
layer can be looked at: `keras.Model(net.input, net.get_layer("attention_1_weights").output)`.
"""

import numpy as np

MASKED = -20.0  # the score of what isn't there. e⁻²⁰ is nothing beside a word. -1e9 would be as well, but eight bits
# for all scores from -1e9 to 5 leave one and the same number to those that matter


def self_attention(x, real, heads: int, name: str):
    """Let every word of a text hear the others: multi-head scaled dot-product attention.

    With the same weights it gives what `keras.layers.MultiHeadAttention(heads, width / heads)(x, x)` gives.

    Args:
        x: Keras tensor (batch, words, width).
        real: Keras tensor (batch, words), 1 for a word and 0 for padding, which nobody hears.
        heads: how many conversations go on at once, each with `width / heads` numbers a word.
        name: of its layers: `<name>_query`, `_key`, `_value`, `_weights`, `_output`.

    Returns:
        Keras tensor (batch, words, width).
    """
    from keras import layers, ops

    words, width = x.shape[1:]

    def split(view):  # (batch, words, width) to (batch, heads, words, width / heads)
        return ops.transpose(ops.reshape(view, (-1, words, heads, width // heads)), (0, 2, 1, 3))

    query, key, value = (split(layers.Dense(width, name=f"{name}_{view}")(x)) for view in ("query", "key", "value"))
    scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / (width // heads) ** 0.5  # or they'd grow with width
    scores = (scores - MASKED) * real[:, None, None, :] + MASKED  # as they were, or MASKED where nothing is
    weights = layers.Softmax(name=f"{name}_weights")(scores)  # (batch, heads, words, words)
    heard = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
    return layers.Dense(width, name=f"{name}_output")(ops.reshape(heard, (-1, words, width)))


def encoder(x, real, heads: int, hidden: int, dropout: float, name: str):
    """One block of a transformer's encoder: words hear each other, then each thinks for itself.

    Both add to what was there instead of replacing it (residuals), so that a deep stack can be trained, and both are
    given words of one size (norms first, arXiv:2002.04745), so that it needs no slow start.

    Args:
        x, real, heads, name: see `self_attention`.
        hidden: units of each word's own two-layer net.
        dropout: part of what is added that is left out while training.

    Returns:
        Keras tensor of x's shape.
    """
    from keras import layers

    heard = self_attention(layers.LayerNormalization(name=f"{name}_norm")(x), real, heads, name)
    x = x + layers.Dropout(dropout)(heard)
    thought = layers.Dense(hidden, activation="relu", name=f"{name}_hidden")(
        layers.LayerNormalization(name=f"{name}_hidden_norm")(x))
    return x + layers.Dropout(dropout)(layers.Dense(x.shape[-1], name=f"{name}_thought")(thought))


def positions(words: int, width: int) -> np.ndarray:
    """What is added to each word so that attention, which sees a bag of words, knows where it stands.

    Waves of lengths from 2π to 10 000 · 2π words: like the hands of a clock, together they tell the place, and the same
    step along the text is the same turn of the hands everywhere.

    Returns:
        float32 (words, width), sines in the even columns and cosines in the odd ones.
    """
    columns = np.arange(width)
    angles = np.arange(words)[:, None] / 10_000 ** (2 * (columns // 2) / width)
    return np.where(columns % 2, np.cos(angles), np.sin(angles)).astype(np.float32)


def weights(net, name: str, ids: np.ndarray) -> np.ndarray:
    """Who heard whom: the attention weights of the block `name` of `net`.

    Args:
        net: a Keras model with a block made by `self_attention`.
        name: of the block.
        ids: the net's input, (n, words).

    Returns:
        float32 (n, heads, words, words): what each word (the first of the two) takes from each.
    """
    import keras

    return np.asarray(keras.Model(net.inputs[0], net.get_layer(f"{name}_weights").output)(ids, training=False))


def pooled(x, real):
    """A text's one vector of its words': their mean, padding left out, and their largest values, or 0 if that is more.

    Args:
        x: Keras tensor (batch, words, width).
        real: Keras tensor (batch, words), 1 for a word and 0 for padding.

    Returns:
        Keras tensor (batch, 2 * width).
    """
    from keras import ops

    there = real[:, :, None]
    mean = ops.sum(x * there, axis=1) / ops.maximum(ops.sum(there, axis=1), 1)
    return ops.concatenate([mean, ops.max(x * there, axis=1)], axis=1)
