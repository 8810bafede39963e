"""A series without gaps, filled from the past alone, and windows that never cross into what they are tested on."""

from pathlib import Path

import numpy as np
import pytest

from dl100_tf.data import hourly
from dl100_tf.data.hourly_csv import Rows
from dl100_tf.data.splits import Source
from dl100_tf.errors import DataError

START = np.datetime64("2020-02-28T22", "h")
NAMES = ("t", "p")


def rows(values, hours=None):
    values = np.asarray(values, "float32")
    return Rows(START + (np.arange(len(values)) if hours is None else np.asarray(hours)), values, 0)


def made(values, hours=None):
    return hourly.series(Path("w.csv"), rows(values, hours), NAMES)


def test_what_is_missing_is_the_last_value_and_never_a_later_one():
    nan = np.nan
    found = made([[nan, 5], [1, nan], [2, 7], [nan, nan], [4, 9]])
    assert found.values[:, 0].tolist() == [1, 2, 2, 4] and found.values[:, 1].tolist() == [5, 7, 7, 9]
    assert found.filled == {"t": 1, "p": 2}, "the hour before the first temperature is left out, and isn't counted"
    np.testing.assert_array_equal(found.target, [1, 2, nan, 4])
    assert found.told() == "missing and carried forward: 1 of t, 2 of p"


def test_the_future_changes_nothing_before_it():
    random = np.random.default_rng(0)
    values = random.normal(size=(300, 2)).astype("float32")
    values[random.random((300, 2)) < 0.3] = np.nan
    values[0] = 0
    changed = values.copy()
    changed[200:] = 100
    assert np.array_equal(made(values).values[:200], made(changed).values[:200])


@pytest.mark.parametrize(("hours", "longest"), [("1111", 0), ("0011", 2), ("1000101", 3), ("100", 2), ("00", 2)])
def test_the_longest_gap(hours, longest):
    assert hourly.longest_gap(np.array([1.0 if hour == "1" else np.nan for hour in hours])) == longest


def test_hours_without_a_row_are_put_in_and_counted():
    found = made([[1, 1], [2, 2], [5, 5]], [0, 1, 4])
    assert found.gaps == 2 and found.values[:, 0].tolist() == [1, 2, 2, 2, 5]
    assert np.isnan(found.target[2:4]).all() and "2 hours without a row" in found.told()


def test_rows_are_put_in_order_and_a_row_that_is_there_twice_counts_once():
    found = made([[3, 3], [1, 1], [2, np.nan], [2, np.nan]], [2, 0, 1, 1])
    assert found.values[:, 0].tolist() == [1, 2, 3] and found.gaps == 0


def test_hour_and_day_are_the_last_two_columns():
    found = made([[0, 0]] * 30)
    assert found.columns == ("t", "p", "hour of the day", "day of the year")
    assert found.values[[0, 2, 26], 2:].tolist() == [[22, 59], [0, 60], [0, 61]]  # 29 February, 1 March


@pytest.mark.parametrize(("values", "hours", "said"), [
    ([[1, 1], [2, 2]], [0, 0], "two rows of 2020-02-28 22:00, and they differ"),
    ([[1, 1], [2, 2]], [0, 9999], "2 of the 10 000 hours"),
    ([[np.nan, 1], [np.nan, 2]], None, "no value at all in the column 't'"),
])
def test_what_can_be_no_series(values, hours, said):
    with pytest.raises(DataError, match=said):
        made(values, hours)


def counting(hours=4000):
    """A series whose target is the number of its hour, so that windows tell where they come from."""
    return made(np.stack([np.arange(hours), np.zeros(hours)], axis=1))


def test_no_hour_that_is_forecast_in_one_part_is_in_another_s_and_training_sees_none_of_them():
    data = hourly.parted(counting(), 72, Source("local", "hours", "0"))
    train, validation, test = (set(part.y.ravel()) for part in data.parts().values())
    assert max(train) < min(validation) and max(validation) < min(test) == 3000
    assert data.train.x[..., 0].max() < min(validation), "nor does an input of training reach into what is tested"
    assert data.test.x[0, :, 0].tolist() == list(range(2928, 3000)), "the past that a test window looks at is known"
    assert max(test) == 3999 and len(data.test) == 1000 - 23 and len(data.labels) == 24
    for part in data.parts().values():
        assert (part.y - part.x[:, -1, :1] == np.arange(1, 25)).all(), "a forecast begins the hour after its window"
    assert data.times[0] == START + 3000


def test_a_year_each_is_held_out_of_four():
    assert hourly.borders(43_824) == (26_304, 35_064) and hourly.borders(4 * 8760) == (17_520, 26_280)
    assert hourly.borders(4000) == (2000, 3000)


def test_no_forecast_is_judged_by_what_was_not_measured():
    values = np.stack([np.arange(400.0), np.zeros(400)], axis=1)
    values[200, 0] = np.nan  # one hour, for which the last one can stand
    values[300:310, 0] = np.nan  # too many for that
    at = hourly.starts(made(values), 48, 0, 400)
    assert not set(range(200 - 23, 201)) & set(at.tolist()) and 201 in at
    assert not set(range(307, 310 + 48)) & set(at.tolist()) and 358 in at and at.max() == 400 - 24
    found = hourly.windows(made(values), 48, at)
    assert np.isfinite(found.x).all() and np.isfinite(found.y).all()


def test_too_short_a_series():
    with pytest.raises(DataError, match="too short a series: 1 440 hours"):
        hourly.parted(counting(1000), 72, Source("local", "1 000 hours", "0"))
    with pytest.raises(DataError, match="make --hours smaller"):
        hourly.parted(counting(1500), 740, Source("local", "1 500 hours", "0"))
