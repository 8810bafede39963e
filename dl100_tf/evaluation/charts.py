"""Charts made of letters, for a terminal."""

import numpy as np

BAR = 30  # characters of the longest bar


def chart(times: np.ndarray, values: np.ndarray, unit: str) -> str:
    """A forecast as text: a line for each hour, with a bar from the coldest to the warmest.

    Args:
        times: of the hours, datetime64[h] (n,).
        values: (n,).
        unit: of the values.
    """
    low, high = float(values.min()), float(values.max())
    lines = []
    for time, value in zip(times, values, strict=True):
        length = round(BAR * (float(value) - low) / max(high - low, 1e-6))
        lines.append(f"{str(time).replace('T', ' ')}:00 {value:7.1f} {unit}  {'█' * length}".rstrip())
    return "\n".join(lines)
