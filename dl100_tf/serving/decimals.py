"""Numbers as TensorFlow Serving writes them in JSON (util/json_tensor.cc, WriteDecimal): many at a time, and one.

Six digits where they are enough to read the number back, else nine for a float and seventeen for a double; `.0` behind
whole ones; `NaN`, `Infinity`, `-Infinity`.
"""

import struct

import numpy as np

FLOAT = struct.Struct("f")
MANY = 24  # numbers, from which on it pays to look at them together first
DIGITS = {np.dtype(np.float32): "%.9g", np.dtype(np.float64): "%.17g"}
NAMED = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity", "-nan": "NaN"}


def texts(values: np.ndarray) -> list[str]:
    """Each number of a float32 or float64 array (any shape) as text, row by row."""
    flat = values.ravel()
    numbers, full = flat.tolist(), DIGITS[flat.dtype]
    if len(numbers) >= MANY and flat.dtype == np.float32:
        return [_short(number, full, np.float32) if maybe else _marked(full % number)
                for number, maybe in zip(numbers, _maybe_short(flat), strict=True)]
    return [_short(number, full, flat.dtype.type) for number in numbers]


def _short(number: float, full: str, kind) -> str:
    """One number; a float32 comes as the double that equals it."""
    found = f"{number:.6g}"
    again = float(found)
    if again != number and (kind is np.float64 or not _same(again, number)):
        found = full % number
    return _marked(found)


def _marked(found: str) -> str:
    """A number that is seen to be none of the whole ones, or is no number."""
    return found if "." in found or "e" in found else NAMED.get(found) or found + ".0"


def _same(again: float, number: float) -> bool:
    """Whether a double becomes that float32."""
    try:
        return FLOAT.unpack(FLOAT.pack(again))[0] == number
    except OverflowError:
        return False


def _maybe_short(flat: np.ndarray) -> list[bool]:
    """Where six digits may be enough; False only where they certainly aren't, which of many numbers most are."""
    with np.errstate(all="ignore"):
        wide = flat.astype(np.float64)
        scale = 10.0 ** (5 - np.floor(np.log10(np.abs(wide))))
        away = np.abs(np.rint(wide * scale) / scale - wide)
        return (~(away > np.spacing(np.abs(flat)).astype(np.float64))).tolist()


def text(value: float, dtype=np.float32) -> str:
    """One number as text, as a float or a double."""
    return texts(np.array([value], dtype))[0]
