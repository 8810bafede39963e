"""Forecasts without a net, which one has to beat; and the layers that take an hourly series as it was measured.

A window is float32 (hours, columns): the target first, hour of the day and day of the year last. A forecast is of the
target's next 24 hours, in its own unit.
"""

import numpy as np

AHEAD = 24
PENALTIES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)  # of the linear model: the best on validation is taken
PERIODS = (24.0, 365.25)  # of the last two columns
REACH = 5.0  # standard deviations from the mean, beyond which a value is cut off
SKEWED = 1.0  # skewness from which on a column without negative values is taken as its logarithm: wind, rain, dust


def persistence(x: np.ndarray) -> np.ndarray:
    """It stays as it is: the last value for all 24 hours, (n, 24)."""
    return np.repeat(x[:, -1, :1], AHEAD, axis=1)


def yesterday(x: np.ndarray) -> np.ndarray:
    """It will be as it was at the same hour of the day before, (n, 24)."""
    return x[:, -AHEAD:, 0]


class Linear:
    """Ridge regression from all that a window holds to the change within each of the next 24 hours.

    Its features are every column of every hour, scaled by training windows alone, and sine and cosine of the last
    hour's time of day and of year: what the net sees. The penalty is chosen on validation.

    Attributes:
        skewed: 1 for each measured column that is taken as log(1 + value), else 0, float32 (columns - 2,).
        mean, deviation: of each of them, in training.
        weights: (features, 24), the last row the constant.
        penalty: the one chosen.
    """

    def __init__(self, train, validation):
        measured = train.x[:, -1, :-2].astype("float64")
        away = measured - measured.mean(axis=0)
        skewness = (away ** 3).mean(axis=0) / np.maximum((away ** 2).mean(axis=0), 1e-9) ** 1.5
        self.skewed = ((skewness > SKEWED) & (train.x[..., :-2].min(axis=(0, 1)) >= 0)).astype("float32")
        measured = self._flattened(measured)
        self.mean = measured.mean(axis=0).astype("float32")
        self.deviation = np.maximum(measured.std(axis=0), 1e-3).astype("float32")
        given, wanted = self.features(train.x), (train.y - persistence(train.x)).astype("float64")
        square, product = given.T @ given, given.T @ wanted
        trials = {}
        for penalty in PENALTIES:
            free = np.append(np.full(len(square) - 1, penalty), 0)  # the constant costs nothing
            self.weights = np.linalg.solve(square + np.diag(free + 1e-6), product)
            trials[penalty] = np.abs(self(validation.x) - validation.y).mean(), self.weights
        self.penalty = min(trials, key=lambda penalty: trials[penalty][0])
        self.weights = trials[self.penalty][1]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Forecasts, (n, 24)."""
        return (persistence(x) + self.features(x) @ self.weights).astype("float32")

    def features(self, x: np.ndarray) -> np.ndarray:
        """What it multiplies, float64 (n, features)."""
        scaled = np.clip((self._flattened(x[..., :-2]) - self.mean) / self.deviation, -REACH, REACH)
        angle = 2 * np.pi * x[:, -1, -2:] / PERIODS
        return np.concatenate([scaled.reshape(len(x), -1), np.sin(angle), np.cos(angle), np.ones((len(x), 1))],
                              axis=1, dtype="float64")


    def _flattened(self, measured: np.ndarray) -> np.ndarray:
        return np.where(self.skewed, np.log1p(np.maximum(measured, 0)), measured)


def scaled(series, linear: Linear):
    """The measured columns of Keras' (batch, hours, columns), scaled as `linear` scales them, and cut off far out.

    The mean is taken off in two parts, of which float16 knows the larger one exactly: of 1016 hPa it knows the whole.
    """
    from keras import layers, ops

    measured = series[:, :, :-2]
    if linear.skewed.any():
        measured = measured * (1 - linear.skewed) + ops.log(1 + ops.maximum(measured, 0.0)) * linear.skewed
    coarse = linear.mean.astype("float16").astype("float32")
    ones = np.ones_like(coarse)
    near = layers.Normalization(mean=coarse, variance=ones, name="coarse")(measured)
    fine = layers.Normalization(mean=linear.mean - coarse, variance=linear.deviation ** 2, name="fine")(near)
    return ops.clip(fine, -REACH, REACH)


def clock(series):
    """Sine and cosine of time of day and of year, (batch, hours, 4)."""
    from keras import layers, ops

    angle = layers.Rescaling([2 * np.pi / period for period in PERIODS], name="angle")(series[:, :, -2:])
    return ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)


def as_layer(linear: Linear, measured, time):
    """`linear` as a layer that no longer learns: Keras' scaled columns and clock to the change, (batch, 24)."""
    from keras import layers

    given = layers.Concatenate()([layers.Flatten()(measured), time[:, -1]])
    layer = layers.Dense(AHEAD, trainable=False, name="linear")
    change = layer(given)
    layer.set_weights([linear.weights[:-1].astype("float32"), linear.weights[-1].astype("float32")])
    return change
