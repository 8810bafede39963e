"""Picture files as people have them, made into the arrays that a net reads."""

import numpy as np


def centred(ink: np.ndarray) -> np.ndarray:
    """Ink as MNIST prepares it: fitted into a box of 20 x 20, its centre of mass in the middle of 28 x 28.

    Args:
        ink: float (h, w), 0 for bare paper to 1 for full ink; some of it is over a half.

    Returns:
        uint8 (28, 28, 1).
    """
    from PIL import Image

    rows, columns = (np.flatnonzero((ink > 0.2 * ink.max()).any(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(20 * side / max(ink.shape))) for side in ink.shape)
    fitted = np.asarray(Image.fromarray(ink.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC))
    fitted = np.clip(fitted / fitted.max(), 0, 1)
    top, left = (_start(fitted.sum(axis=1 - axis)) for axis in (0, 1))
    page = np.zeros((28, 28, 1), np.uint8)
    page[top : top + height, left : left + width, 0] = np.rint(255 * fitted)
    return page


def _start(profile: np.ndarray) -> int:
    """Where a row or column of ink starts, so that its centre of mass is in the middle of 28."""
    centre = float((profile * np.arange(len(profile))).sum() / profile.sum())
    return int(np.clip(round(13.5 - centre), 0, 28 - len(profile)))
