"""Recurrent nets over characters, one step at a time: the state is kept by whoever asks, so no character is read twice.
"""

import functools
from collections.abc import Iterator

import numpy as np

CHUNK = 1000  # characters that go through the net at once


def stepwise(net):
    """A twin of a recurrent net that takes the states of its cells and gives them back; the weights are shared.

    Args:
        net: `keras.Model`, a chain of layers from ids (batch, n) to logits (batch, n, k), whose recurrent layers have
            `return_sequences` and `return_state`; they may be unrolled for a fixed n.

    Returns:
        `keras.Model` from [ids (batch, n), states...] to [logits (batch, n, k), states...], for any n.
    """
    import keras

    ids = keras.Input((None,), dtype="int32", name="ids")
    x, before, after = ids, [], []
    for layer in net.layers[1:]:
        if isinstance(layer, keras.layers.RNN):
            states = [keras.Input((size,)) for size in np.atleast_1d(layer.state_size).tolist()]
            steps = keras.layers.RNN(layer.cell, return_sequences=True, return_state=True)
            x, *left = steps(x, initial_state=states)
            before, after = before + states, after + left
        else:
            x = layer(x)
    return keras.Model([ids, *before], [x, *after])


class Reader:
    """A net that reads, and remembers what it has read.

    Args:
        net: see `stepwise`; it may learn on in between.

    Attributes:
        logits: float32 (k,), of what comes next; None before anything was read.
    """

    def __init__(self, net):
        import tensorflow as tf

        twin = stepwise(net)
        self._step = tf.function(functools.partial(twin, training=False), reduce_retracing=True, autograph=False)
        self._empty = [tf.zeros((1, *given.shape[1:])) for given in twin.inputs[1:]]
        self.forget()

    def forget(self) -> None:
        """Begin again with an empty state."""
        self._states, self.logits = self._empty, None

    def read(self, ids) -> np.ndarray:
        """Read on: the logits behind each of `ids` (n,), float32 (n, k)."""
        import tensorflow as tf

        found, *self._states = self._step([tf.constant(np.asarray(ids, np.int32)[None]), *self._states])
        self.logits = found.numpy()[0][-1]
        return found.numpy()[0]


def losses(reader: Reader, ids: np.ndarray, special: int) -> tuple[np.ndarray, np.ndarray]:
    """Read a text from its beginning to its end and guess every next character, with all that came before in mind.

    Args:
        reader: it forgets what it had read before.
        ids: of the text, (n,); the net's k classes are the ids from `special` on.
        special: how many ids are no character.

    Returns:
        The cross-entropy of each guess in nats, float64 (n - 1,), and whether it was right, bool (n - 1,).
    """
    reader.forget()
    nats, right = [], []
    for start in range(0, len(ids) - 1, CHUNK):
        follow = ids[start + 1:start + 1 + CHUNK] - special
        logits = reader.read(ids[start:start + CHUNK][:len(follow)]).astype("float64")
        top = logits.max(axis=1, keepdims=True)
        total = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
        nats.append(total - logits[np.arange(len(follow)), follow])
        right.append(logits.argmax(axis=1) == follow)
    return np.concatenate(nats), np.concatenate(right)


def continued(reader: Reader, ids: np.ndarray, special: int, length: int, *, temperature: float, top_k: int, seed
              ) -> Iterator[int]:
    """Read `ids`, then go on for `length` characters: each is drawn, and is all that the net reads next.

    Args:
        reader, special: see `losses`.
        ids: what to go on from, (n,), at least one.
        length: how many.
        temperature: below 1 the likely becomes likelier, above 1 less so; 0 always takes the likeliest.
        top_k: draw from so many of the likeliest; 0: from all.
        seed: of `np.random.default_rng`; the same seed draws the same.

    Yields:
        Numbers of classes.
    """
    reader.forget()
    random = np.random.default_rng(seed)
    for start in range(0, len(ids), CHUNK):
        reader.read(ids[start:start + CHUNK])
    for _ in range(length):
        choice = drawn(reader.logits, random, temperature, top_k)
        yield choice
        reader.read([choice + special])


def drawn(logits: np.ndarray, random: np.random.Generator, temperature: float, top_k: int) -> int:
    """One class, drawn as `continued` says."""
    if not temperature:
        return int(logits.argmax())
    order = np.argsort(-logits, kind="stable")[:top_k or None]
    scores = logits[order].astype("float64")
    likely = np.cumsum(np.exp((scores - scores[0]) / temperature))
    return int(order[np.searchsorted(likely, random.random() * likely[-1], side="right")])
