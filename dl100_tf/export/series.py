"""What is particular about models that forecast a series: rows of measurements in, an hour's value after the other out.

An example is what was measured in the last hours, (hours, columns), the newest last. There are no labels and no
probabilities: forecasts are compared beside the standard deviation of what is forecast, the contract's `scale`.
"""

import numpy as np

RULE = "none: values as they were measured, an hour a row, the newest last; the net's own scaling is inside"
LIMITS = ["It knows the climate of one place: elsewhere its forecasts are wrong.",
          "Gaps are filled before it is asked, each with the last value that was measured.",
          "There is no int8: one step for all columns would be whole degrees, as pressure has the widest range."]


def spoilt(series: np.ndarray, columns: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Series with columns in another order, an hour late, the last hour first, and warm ones in Fahrenheit."""
    late = np.concatenate([series[:, :1], series[:, :-1]], axis=1)
    warm = np.array(["°C" in name or "degC" in name for name in columns])
    return {"columns in another order": series[..., ::-1], "an hour late": late, "the last hour first": series[:, ::-1],
            "in Fahrenheit": np.where(warm, series * 1.8 + 32, series).astype("float32")}


def told(contract) -> dict:
    """What golden vectors of a series tell besides."""
    return {"columns": contract.columns, "unit": contract.unit, "scale": contract.scale}


def row(series: np.ndarray, forecast: np.ndarray, truth: np.ndarray) -> dict:
    """An example among the golden vectors; each number is the shortest that is the same float32."""
    def short(array):
        return np.array([float(str(value)) for value in np.float32(array).ravel()]).reshape(array.shape).tolist()

    return {"series": short(series), "forecast": short(forecast), "truth": short(truth)}
