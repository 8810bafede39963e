"""Points that a generator makes pictures of: drawn, walked between, and turned into a model that can be served."""

import numpy as np


def points(count: int, latent: int, seed, classes: int = 0, wanted: int | np.ndarray | None = None) -> np.ndarray:
    """Points of the normal distribution, float32 (count, latent + classes); the same ones for the same seed.

    Args:
        count: how many.
        latent: numbers of each.
        seed: whatever `numpy.random.default_rng` takes.
        classes: behind the numbers, each point's class, one-hot: all classes in turn.
        wanted: this class for all points instead, or these, int (count,), one for each.
    """
    drawn = np.random.default_rng(seed).standard_normal((count, latent), dtype=np.float32)
    return np.hstack([drawn, np.eye(classes, dtype=np.float32)[chosen(count, classes, wanted)]]) if classes else drawn


def chosen(count: int, classes: int, wanted: int | np.ndarray | None = None) -> np.ndarray:
    """The classes of `points`, int64 (count,)."""
    return np.arange(count) % classes if wanted is None else np.full(count, wanted)


def walk(one: np.ndarray, other: np.ndarray, count: int) -> np.ndarray:
    """`count` points from one to another, both (d,), on an arc: float32 (count, d).

    In many dimensions normal points lie at nearly the same distance from zero, and none near the middle of a straight
    line between two of them: on the arc all are as the generator knows them.

    Source: White 2016, arXiv:1609.04468
    """
    lengths = np.linalg.norm(one), np.linalg.norm(other)
    angle = np.arccos(np.clip(one @ other / max(lengths[0] * lengths[1], 1e-12), -1, 1))
    share = np.linspace(0, 1, count)[:, None]
    if np.sin(angle) < 1e-6:  # they lie in one direction, or opposite ones
        return ((1 - share) * one + share * other).astype("float32")
    return ((np.sin((1 - share) * angle) * one + np.sin(share * angle) * other) / np.sin(angle)).astype("float32")


def walks(count: int, latent: int, seed, classes: int = 0, wanted: int | None = None) -> np.ndarray:
    """`count` points in rows of ten, each row a `walk` from one point to another: float32 (count, latent + classes)."""
    ends = points(2 * -(-count // 10), latent, seed)
    rows = np.concatenate([walk(*pair, 10) for pair in ends.reshape(-1, 2, latent)])
    if classes:
        rows = np.hstack([rows, np.eye(classes, dtype=np.float32)[chosen(len(ends) // 2, classes, wanted).repeat(10)]])
    return rows[:count]


def draws(net, name: str):
    """A generator of pictures from -1 to 1 as a model to be saved and served.

    Args:
        net: `keras.Model` from (batch, d) to (batch, h, w, c).
        name: of the model.

    Returns:
        `keras.Model` from `latent`, float32 (batch, d), to `picture`, float32 (batch, h, w, c), 0 to 255.
    """
    import keras

    latent = keras.Input(net.input_shape[1:], name="latent")
    return keras.Model(latent, keras.layers.Rescaling(127.5, 127.5, name="picture")(net(latent)), name=name)


def sheet(pictures: np.ndarray, across: int, gap: int = 2) -> np.ndarray:
    """Pictures, uint8 (n, h, w, c), row by row on one white sheet, uint8 (H, W, c)."""
    count, height, width, channels = pictures.shape
    down = -(-count // across)
    found = np.full((down * (height + gap) + gap, across * (width + gap) + gap, channels), 255, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = gap + number // across * (height + gap), gap + number % across * (width + gap)
        found[top:top + height, left:left + width] = picture
    return found
