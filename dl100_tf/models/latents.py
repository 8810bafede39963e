"""Points that a generator makes pictures of: drawn, walked between, and turned into a model that can be served."""

import numpy as np

from dl100_tf.errors import UserError

MOST = 10_000  # pictures that are made at a time
ACROSS = 10  # of a walk


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
    return _asking(drawn, classes, chosen(count, classes, wanted)) if classes else drawn


def _asking(numbers: np.ndarray, classes: int, told: np.ndarray) -> np.ndarray:
    return np.hstack([numbers, np.eye(classes, dtype=np.float32)[told]])


def rows(count: int, latent: int, seed, classes: int = 0, labels: tuple[str, ...] = ()) -> list[tuple[str, np.ndarray]]:
    """Points for a gallery, by row what it is called and float32 (count, latent + classes).

    For each class there is a row, of the same points; without classes there are four, of different ones.
    """
    if classes:
        names = labels or [f"kind {number}" for number in range(classes)]
        return [(name, points(count, latent, seed, classes, number)) for number, name in enumerate(names)]
    return [("", row) for row in points(4 * count, latent, seed).reshape(4, count, latent)]


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
    ends = points(2 * -(-count // ACROSS), latent, seed)
    rows = np.concatenate([walk(*pair, ACROSS) for pair in ends.reshape(-1, 2, latent)])
    if classes:
        rows = _asking(rows, classes, chosen(len(ends) // 2, classes, wanted).repeat(ACROSS))
    return rows[:count]


def asked(numbers: int, classes: int, count: int, seed: int, walk: bool, wanted: int) -> tuple[np.ndarray, int]:
    """The points that somebody asks for on the command line.

    Args:
        numbers: of a point: the latent ones and, behind them, one for each class.
        classes: how many classes or kinds the net is told.
        count, seed: see `points`.
        walk: in rows from one point to another.
        wanted: the number of a class; -1: all in turn.

    Returns:
        float32 (count, numbers), and how many pictures of these go in a row.

    Raises:
        UserError: a number is out of its range.
    """
    if not 1 <= count <= MOST or seed < 0:
        raise UserError(f"--count goes from 1 to {MOST}, and --seed from 0 up.")
    if not -1 <= wanted < classes:
        raise UserError(f"--wanted can't be {wanted}: this net " + (
            f"knows 0 to {classes - 1}." if classes else "isn't told what to make."))
    drawn = (walks if walk else points)(count, numbers - classes, seed, classes, None if wanted < 0 else wanted)
    return drawn, ACROSS if walk else round(count**0.5)


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
