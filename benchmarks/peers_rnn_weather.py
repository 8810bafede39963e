"""What `rnn_weather` is measured against beside its own baselines.

    python benchmarks/peers_rnn_weather.py <name> <seed>

prints a result as JSON, on the data that the recipe has.
"""

import time

import measuring
import numpy as np

LAGS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 21, 23, 24, 30, 36, 47, 48, 71)  # hours before the last


def boosted_trees(seed: int) -> dict:
    """Gradient-boosted trees for what the linear model leaves, one set for each hour ahead: is it the net's fault?

    They see every column at the hours of `LAGS`, the means of the last day and of the one before, hour and day, and
    what the linear model forecasts. Seeds draw the features that a split may choose from.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    from dl100_tf.data import weather
    from dl100_tf.models import forecasting

    data = weather.load("local")
    started = time.perf_counter()
    linear = forecasting.Linear(data.train, data.validation)
    given, found = [features(part.x, linear) for part in (data.train, data.test)], linear(data.test.x)
    rest = data.train.y - linear(data.train.x)
    for hour in range(rest.shape[1]):
        trees = HistGradientBoostingRegressor(learning_rate=0.08, max_iter=120, max_leaf_nodes=15, min_samples_leaf=80,
                                              l2_regularization=5, max_features=0.3, random_state=seed)
        found[:, hour] += trees.fit(given[0], rest[:, hour]).predict(given[1])
    seconds = time.perf_counter() - started
    best = np.abs(linear(data.test.x) - data.test.y).mean()
    mae = float(np.abs(found - data.test.y).mean())
    return {"mae": mae, "skill": 1 - mae / float(best), "seconds": seconds}


def features(x: np.ndarray, linear) -> np.ndarray:
    """What the trees see of windows (n, hours, columns), float32 (n, features)."""
    parts = [x[:, -1 - lag, :-2] for lag in LAGS]
    parts += [x[:, -24:, :-2].mean(axis=1), x[:, -48:-24, :-2].mean(axis=1), x[:, -1, -2:], linear(x)]
    return np.concatenate(parts, axis=1, dtype="float32")


if __name__ == "__main__":
    measuring.answer({"boosted_trees": boosted_trees})
