"""Weather that the package draws itself: seasons, days, and fronts that come and go; no more than that.

A front is a wave of pressure. Warm air and wind from the south lead it, cold air and wind from the north follow, so
the next day's temperature is partly known from today's wind and pressure. Under clouds, which come with low pressure,
days and nights are alike: that product is what a linear model can't have.
"""

import numpy as np

from dl100_tf.data.hourly import calendar
from dl100_tf.data.hourly_csv import Layout, Rows

HOURS = 2 * 365 * 24
START = np.datetime64("2021-01-01T00", "h")


def rows(layout: Layout, hours: int = HOURS, seed: int = 0) -> Rows:
    """So many hours from 2021 on, with the columns of the Beijing file.

    Args:
        layout: that of the Beijing file.
        hours: how many.
        seed: another one, another weather.
    """
    random = np.random.default_rng(seed)
    times = START + np.arange(hours)
    hour, day = calendar(times).T.astype("float64")
    year = 2 * np.pi * (day + hour / 24) / 365.25
    front = _drifting(random, hours, 60)  # of length one; more than zero: pressure is low
    coming = np.gradient(_smooth(front, 12))
    coming /= coming.std()
    cloud = 1 / (1 + np.exp(-2 * front))
    sun = np.cos(2 * np.pi * (hour - 14) / 24)
    temperature = (12 - 14 * np.cos(year - 0.35) + (6.5 - 2 * np.cos(year)) * (1 - 0.8 * cloud) * sun
                   + 2 * np.roll(_smooth(coming, 18), 9) + 1.5 * _drifting(random, hours, 30))
    speed = 1 + 2 * np.abs(coming) + random.exponential(1, hours)
    dew = temperature - 12 + 9 * cloud + random.normal(0, 0.5, hours)
    blows = np.stack([0.6 * np.sin(3 * front), np.where(coming > 0, 1.0, -1.0)])
    blows /= np.linalg.norm(blows, axis=0)
    wet = (cloud > 0.9) & (random.random(hours) < 0.6)
    columns = {"TEMP": temperature, "DEWP": dew, "PRES": 1016 - 7 * front, "Iws": speed,
               "Is": wet & (temperature < 0), "Ir": wet & (temperature >= 0),
               "pm2.5": np.exp(4 + 0.6 * front - 0.05 * speed + random.normal(0, 0.2, hours))}
    values = np.stack([*(np.round(1.0 * columns[name], 1) for name in layout.columns), *blows], axis=1)
    return Rows(times, values.astype("float32"), 0)


def _drifting(random: np.random.Generator, hours: int, memory: float) -> np.ndarray:
    """A random walk that is drawn back to zero within so many hours; its standard deviation is one."""
    keep = np.exp(-1 / memory)
    steps, found = random.normal(0, np.sqrt(1 - keep * keep), hours), np.zeros(hours)
    for i in range(1, hours):
        found[i] = keep * found[i - 1] + steps[i]
    return found


def _smooth(values: np.ndarray, hours: int) -> np.ndarray:
    return np.convolve(values, np.ones(hours) / hours, mode="same")
