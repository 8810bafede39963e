"""How a picture of any size becomes what a net takes: in the graph of a SavedModel, and in words for a phone.

The words are complete: an app in another language does as they say, and the pictures under `preparation` in
`golden.json` tell whether it does.
"""

from collections.abc import Callable
from typing import NamedTuple

from dl100_tf.export import digits, pixels


class Way(NamedTuple):
    """One way to prepare pictures.

    Attributes:
        fitted, read: what does it in a graph, to arrays and to files: see `pixels.fitted` and `pixels.read`.
        shape: what it gives, (h, w, c); None: whatever the net takes.
        told: in a few words what it gives.
        steps: what whoever calls a .tflite file does before.
    """

    fitted: Callable
    read: Callable
    shape: tuple[int, int, int] | None
    told: str
    steps: tuple[str, ...]

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a net that takes pictures of this shape can have them."""
        return self.shape in (None, tuple(shape))


BICUBIC = "antialiased bicubic interpolation (a = -0.5, its kernel as much wider as the picture shrinks)"
UPRIGHT = "Decode the picture, turn it upright as its EXIF says, and put what is transparent on white."
WAYS = {
    "middle": Way(pixels.fitted, pixels.read, None, "the middle of the picture, scaled", (
        UPRIGHT,
        "A picture of the input's size is ready. Of another one cut out the largest part in its middle that has the "
        f"input's proportions, and scale that to the input's size by {BICUBIC}.",
        "Hand it over in RGB.",
    )),
    "digit": Way(digits.fitted, digits.read, (digits.SIDE, digits.SIDE, 1),
                 "one digit, bright on black, fitted into 20 x 20 pixels, its centre of mass amid 28 x 28", (
        UPRIGHT,
        "Grey is (19595 R + 38470 G + 7471 B + 32768) >> 16. The border is the first and the last row and the first "
        "and the last column, corners twice. The digit is bright on dark if the median of the border's grey lies below "
        "(min + max) / 2 of all grey, else dark on bright.",
        f"A picture of exactly {digits.SIDE} x {digits.SIDE} pixels that is bright on dark is ready: hand over its "
        "grey as R, G and B. Any other goes through all that follows.",
        f"If its longer side has more than {digits.LARGEST} pixels, scale the picture, colours and all, so that it "
        f"has {digits.LARGEST} and the proportions stay, by {BICUBIC}. Then make it grey. From here on, count in "
        "floats.",
        "The paper is level + down * y + across * x, with y and x from -1 at the first row or column to 1 at the last. "
        "Fit that to the border by least squares, three times: the first time to the pixels that lie at most "
        "max(2 m, 4) off the border's median, then to those that lie at most max(2 m, 4) off the last fit, m being "
        "the median of how far off all of them lie.",
        "Ink is the grey minus the paper, negated if it is dark on bright. Full is the ink's quantile "
        f"{digits.FULL}, interpolated linearly. Where full is below {digits.FAINTEST}, or a side has less than 3 "
        "pixels, there is nothing but paper: don't ask. Otherwise replace ink by (ink / full - 0.2) / 0.6, cut "
        "off below 0 and above 1.",
        "Sum the ink of each row, add the sums up from the first row on and divide by the total: keep the rows from "
        f"the first that reaches {digits.SPECKS} to the first that reaches {1 - digits.SPECKS}. The columns likewise.",
        f"Scale what is left so that its longer side has {digits.BOX} pixels, enlarging it if need be, and the other "
        f"round({digits.BOX} * shorter / longer), at least 1, halves to the even number, by the same interpolation. "
        "Divide by the largest value, cut off below 0 and above 1.",
        f"Lay it on {digits.SIDE} x {digits.SIDE} zeros. Its upper row there is floor({digits.SIDE / 2:g} + "
        f"{digits.TIE:.4f} - c), at least 0 and at most what leaves room for the last row; c is the sum of (number of "
        "the row, from 0) * (its ink), divided by all ink. Its left column likewise.",
        "Multiply by 255, round, and hand it over as R, G and B.",
    )),
}


def of(name: str) -> Way:
    """The way of this name.

    Raises:
        ValueError: there is none.
    """
    if name not in WAYS:
        raise ValueError(f"pictures can't be prepared as {name!r}: there are {', '.join(WAYS)}")
    return WAYS[name]
