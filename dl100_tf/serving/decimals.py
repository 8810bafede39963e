"""Numbers as TensorFlow Serving writes them in JSON (util/json_tensor.cc, WriteDecimal): many at a time, and one.

Six digits where they are enough to read the number back, else nine for a float and seventeen for a double; `.0` behind
whole ones; `NaN`, `Infinity`, `-Infinity`.
"""

import numpy as np

DIGITS = {np.dtype(np.float32): "%.9g", np.dtype(np.float64): "%.17g"}
NAMED = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity", "-nan": "NaN"}


def texts(values: np.ndarray) -> list[str]:
    """Each number of a float32 or float64 array (any shape) as text, row by row."""
    flat = values.ravel()
    numbers = flat.tolist()
    if not numbers:
        return []
    short = ("%.6g " * len(numbers) % tuple(numbers)).split()
    with np.errstate(over="ignore", invalid="ignore"):
        again = np.array(short, np.float64).astype(flat.dtype) if flat.dtype == np.float32 else np.array(short, float)
    full = DIGITS[flat.dtype]
    for place in np.flatnonzero(again != flat):
        short[place] = full % numbers[place]
    return [text if "." in text or "e" in text else NAMED.get(text) or text + ".0" for text in short]


def text(value: float, dtype=np.float32) -> str:
    """One number as text, as a float or a double."""
    return texts(np.array([value], dtype))[0]
