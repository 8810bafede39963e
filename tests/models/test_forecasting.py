"""What a net has to beat, and the layers that do the same in Keras."""

from types import SimpleNamespace

import numpy as np
import pytest

from dl100_tf.models import forecasting


def windows(n=600, hours=30, seed=0):
    """A wave of a day that the next day repeats 3 degrees warmer, wind that is skewed, hour and day behind them."""
    random = np.random.default_rng(seed)
    first = random.integers(0, 24, n)
    at = first[:, None] + np.arange(hours + 24)
    level = random.normal(10, 5, (n, 1))
    wave = level + 4 * np.sin(2 * np.pi * at / 24) + 3 * at / 24 + random.normal(0, 0.1, at.shape)
    wind = random.exponential(1, at.shape) ** 3
    columns = [wave, 1016 + random.normal(0, 8, at.shape), wind, at % 24, 100 + 0 * at]
    x = np.stack([column[:, :hours] for column in columns], axis=-1).astype("float32")
    return SimpleNamespace(x=x, y=wave[:, hours:].astype("float32"))


@pytest.fixture(scope="module")
def linear():
    return forecasting.Linear(windows(), windows(300, seed=1))


def test_persistence_and_yesterday():
    x = np.arange(60, dtype="float32").reshape(1, 30, 2)
    assert forecasting.persistence(x).tolist() == [[58] * 24]
    assert forecasting.yesterday(x).tolist() == [list(range(12, 60, 2))]


def test_the_linear_model_learns_what_is_linear(linear):
    test = windows(300, seed=2)
    off = {name: np.abs(base(test.x) - test.y).mean() for name, base in {
        "linear": linear, "persistence": forecasting.persistence, "yesterday": forecasting.yesterday}.items()}
    assert off["linear"] < 0.15 and off["yesterday"] == pytest.approx(3, abs=0.05) and off["persistence"] > 2


def test_skewed_columns_are_taken_as_logarithms_and_scaled_by_training_alone(linear):
    assert linear.skewed.tolist() == [0, 0, 1]
    last = windows().x[:, -1, :-2]
    last[:, 2] = np.log1p(last[:, 2])
    np.testing.assert_allclose(linear.mean, last.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(linear.deviation, last.std(axis=0), rtol=1e-4)


def test_the_penalty_is_the_best_on_validation():
    few, many = windows(40), windows(600, seed=1)
    chosen = forecasting.Linear(few, many)
    off = {}
    for penalty in forecasting.PENALTIES:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(forecasting, "PENALTIES", (penalty,))
            off[penalty] = np.abs(forecasting.Linear(few, many)(many.x) - many.y).mean()
    assert chosen.penalty == min(off, key=off.get)


def test_the_layers_do_what_the_linear_model_does(linear):
    keras = pytest.importorskip("keras")
    series = keras.Input((30, 5))
    measured, time = forecasting.scaled(series, linear), forecasting.clock(series)
    change = forecasting.as_layer(linear, measured, time)
    model = keras.Model(series, series[:, -1, :1] + change)
    x = windows(50, seed=3).x
    x[0, :, 1] = 2000  # far out
    np.testing.assert_allclose(model.predict(x, verbose=0), linear(x), atol=2e-3)
    assert not model.trainable_weights
