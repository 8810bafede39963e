"""An hour-by-hour series and the windows that a forecast learns from, none of which knows what comes after it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dl100_tf.data.hourly_csv import Rows
from dl100_tf.data.splits import Split, Splits
from dl100_tf.errors import DataError

AHEAD = 24  # hours that are forecast
YEAR = 365 * 24  # hours of the test, and of the validation before it
STALE = 6  # hours for which the target's last value may stand for the ones that are missing in a window
LEAST = 60 * 24  # hours that a series has at least
HOUR, DAY = "hour of the day", "day of the year"  # the last two columns of every series


@dataclass(frozen=True, eq=False)
class Series:
    """Every hour from the first to the last, its gaps filled from the past.

    Attributes:
        times: datetime64[h] (n,), an hour apart.
        values: float32 (n, columns), the target first; where nothing was measured, the last value that was.
        target: float32 (n,), as measured: NaN where it wasn't.
        columns: their names, with units.
        filled: how many values of each column were missing.
        gaps: how many hours had no row.
    """

    times: np.ndarray
    values: np.ndarray
    target: np.ndarray
    columns: tuple[str, ...]
    filled: dict[str, int]
    gaps: int

    def __len__(self):
        return len(self.times)

    def told(self) -> str:
        """How many values were missing, in words; empty where none was."""
        missing = [f"{_count(number)} of {name}" for name, number in self.filled.items() if number]
        said = [f"{_count(self.gaps)} hours without a row"] if self.gaps else []
        said += [f"missing and carried forward: {', '.join(missing)}"] if missing else []
        return "; ".join(said)


@dataclass(frozen=True, eq=False)
class Forecasts(Splits):
    """Windows as `Splits`: x float32 (n, hours, columns), the past; y float32 (n, 24), the target's next 24 hours.

    Attributes:
        columns: names of the columns of x, with their units; the target is the first, hour and day are the last two.
        times: of the test windows, datetime64[h] (n,): the first hour that is forecast.
        filled: how many values of each column were missing in the whole series.
    """

    columns: tuple[str, ...] = ()
    times: np.ndarray | None = None
    filled: dict[str, int] | None = None


def series(path: Path, rows: Rows, names: tuple[str, ...]) -> Series:
    """A file's rows in the order of time, an hour apart, with hour and day as two more columns.

    Rows out of order are put in order and a row that is there twice counts once. Whatever is missing is the last value
    that was measured, never a later one; hours before the first value of any column are left out.

    Raises:
        DataError: two rows of an hour contradict each other, a column is empty, or most hours are missing.
    """
    order = np.argsort(rows.times, kind="stable")
    times, values = rows.times[order], rows.values[order]
    again = np.concatenate([[False], times[1:] == times[:-1]])
    for place in np.flatnonzero(again):
        if not np.array_equal(values[place], values[place - 1], equal_nan=True):
            raise DataError(f"{path} has two rows of {_said(times[place])}, and they differ: leave one of them out.")
    times, values = times[~again], values[~again]
    span = int((times[-1] - times[0]).astype(int)) + 1
    if span > 2 * len(times) + 24:
        raise DataError(f"{path} has {_count(len(times))} of the {_count(span)} hours from {_said(times[0])} to "
                        f"{_said(times[-1])}: correct the dates, or give it hourly rows.")
    whole = np.full((span, values.shape[1]), np.nan, "float32")
    whole[(times - times[0]).astype(int)] = values
    empty = [name for name, column in zip(names, whole.T, strict=True) if np.isnan(column).all()]
    if empty:
        raise DataError(f"{path} has no value at all in the column {empty[0]!r}: leave that column out.")
    first = int((~np.isnan(whole)).argmax(axis=0).max())
    filled = {name: int(np.isnan(column[first:]).sum()) for name, column in zip(names, whole.T, strict=True)}
    every = times[0] + np.arange(span)
    told = np.concatenate([carried(whole)[first:], calendar(every[first:])], axis=1)
    return Series(every[first:], told, whole[first:, 0], (*names, HOUR, DAY), filled, span - len(times))


def carried(values: np.ndarray) -> np.ndarray:
    """`values` (n, columns) with each NaN replaced by the last number before it; NaN where there is none."""
    known = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    return np.take_along_axis(values, np.maximum.accumulate(known, axis=0), axis=0)


def longest_gap(target: np.ndarray) -> int:
    """The most hours in a row in which the target (n,) was not measured."""
    known = np.flatnonzero(~np.isnan(target))
    return int(np.diff(np.concatenate([[-1], known, [len(target)]])).max()) - 1


def calendar(times: np.ndarray) -> np.ndarray:
    """Hour of the day, 0 to 23, and day of the year, 1 to 366: float32 (n, 2)."""
    days = times.astype("datetime64[D]")
    hour = (times - days.astype("datetime64[h]")).astype(int)
    return np.stack([hour, (days - times.astype("datetime64[Y]").astype("datetime64[D]")).astype(int) + 1],
                    axis=1).astype("float32")


def borders(count: int) -> tuple[int, int]:
    """Where validation and test begin in so many hours: each is a year, or a quarter of less than four."""
    part = min(YEAR, count // 4)
    return count - 2 * part, count - part


def starts(found: Series, hours: int, first: int, last: int) -> np.ndarray:
    """Where a forecast can begin: all its 24 hours lie in [first, last) and were measured.

    The hours before it may lie before `first`: that is the past, which a forecast knows. A window in which the target
    stands still for want of measurements, longer than 6 hours, is left out.
    """
    at = np.arange(max(first, hours), last - AHEAD + 1)
    known = np.concatenate([[0], np.cumsum(~np.isnan(found.target))])
    last_known = np.maximum.accumulate(np.where(np.isnan(found.target), 0, np.arange(len(found))))
    stale = np.concatenate([[0], np.cumsum(np.arange(len(found)) - last_known > STALE)])
    return at[(known[at + AHEAD] - known[at] == AHEAD) & (stale[at] == stale[at - hours])]


def windows(found: Series, hours: int, at: np.ndarray) -> Split:
    """The windows whose forecasts begin at the indices `at`."""
    past = np.lib.stride_tricks.sliding_window_view(found.values, hours, axis=0).transpose(0, 2, 1)
    ahead = np.lib.stride_tricks.sliding_window_view(found.target, AHEAD)
    return Split(np.ascontiguousarray(past[at - hours]), np.ascontiguousarray(ahead[at]))


def parted(found: Series, hours: int, source) -> Forecasts:
    """Training, validation and test windows, in this order of time: no hour that is forecast in one is in another's.

    Args:
        found: the series.
        hours: of the past that a window has.
        source: where the series came from.

    Raises:
        DataError: it is too short for that.
    """
    validation, test = borders(len(found))
    parts = [starts(found, hours, first, last) for first, last in
             ((0, validation), (validation, test), (test, len(found)))]
    if len(found) < LEAST or not all(map(len, parts)):
        raise DataError(f"{source.where} are too short a series: {_count(LEAST)} hours are the least, and windows of "
                        f"{hours} hours without long gaps in each part. Give it more, or make --hours smaller.")
    train, held, tested = (windows(found, hours, at) for at in parts)
    labels = tuple(f"+{hour} h" for hour in range(1, AHEAD + 1))
    return Forecasts(train, held, tested, labels, source, columns=found.columns, times=found.times[parts[2]],
                     filled=found.filled)


def _said(time) -> str:
    return f"{str(time).replace('T', ' ')}:00"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")
