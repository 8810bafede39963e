"""CSV files with a row an hour: their columns named, their times read, every cell a number or known to be missing."""

import csv
import datetime
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dl100_tf.errors import DataError, UserError, closest

MISSING = frozenset({"", "NA", "NaN", "nan", "null", "None", "-9999", "-9999.0", "-9999.00"})  # as loggers write it
CLOCK = ("year", "month", "day", "hour")
WRITTEN = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})[ T](\d\d):(\d\d)(?::(\d\d))?")  # 31.01.2009 13:00:00
COMPASS = dict(zip(("N", "NE", "E", "SE", "S", "SW", "W", "NW"), range(0, 360, 45), strict=True))
CALM = ("CV", "CALM", "VAR")  # the Beijing file calls calm and variable wind `cv`
EAST, NORTH = "wind to the east", "wind to the north"


@dataclass(frozen=True)
class Layout:
    """Which columns of a file are read, and as what.

    Attributes:
        columns: name of a column of numbers to its unit, that of the target first.
        time: the column with date and time, as ISO 8601 has it or 31.01.2009 13:00:00; empty: the columns year, month,
            day and hour.
        direction: the column that says where the wind comes from, in degrees or as N, NE …; empty: none. It becomes
            two, as 359 and 1 are neighbours.
    """

    columns: Mapping[str, str]
    time: str = ""
    direction: str = ""

    def __post_init__(self):
        twice = [name for name, count in Counter(self.needed).items() if count > 1]
        if twice:
            raise UserError(f"the column {twice[0]!r} is named as two things: as a time, a wind or a number. Name each "
                            "column once.")

    @property
    def needed(self) -> list[str]:
        """All the columns that a file must have."""
        return [*([self.time] if self.time else CLOCK), *self.columns, *([self.direction] if self.direction else [])]

    @property
    def names(self) -> tuple[str, ...]:
        """What each column that is read becomes, with its unit."""
        told = [f"{name}, {unit}" if unit else name for name, unit in self.columns.items()]
        return (*told, *((EAST, NORTH) if self.direction else ()))


@dataclass(frozen=True, eq=False)
class Rows:
    """What a file holds, in its own order: `times`, datetime64[h] (n,), and `values`, float32 (n, columns), NaN where
    missing; `between` rows were left out, as they are of no full hour."""

    times: np.ndarray
    values: np.ndarray
    between: int


def header(path: Path) -> list[str]:
    """The names in a CSV file's first line.

    Raises:
        DataError: the file can't be read, or is empty.
    """
    with _opened(path) as file:
        found = next(_lines(path, file), (1, []))[1]
    if not any(found):
        raise DataError(f"{path} is empty: copy or download it again.")
    return found


def read(path: Path, layout: Layout) -> Rows:
    """Read the rows of full hours.

    Raises:
        DataError: a column is missing, a row is short, a cell is no number or no time; the message names the line.
    """
    names = header(path)
    lost = [name for name in layout.needed if name not in names]
    if lost:
        raise DataError(f"{path} has no column {lost[0]!r}{closest(lost[0], names)} It has "
                        f"{', '.join(names[:30])}; needed are {', '.join(layout.needed)}.")
    at = [names.index(name) for name in layout.needed]
    clock = 1 if layout.time else len(CLOCK)
    times, values, between = [], [], 0
    with _opened(path) as file:
        lines = _lines(path, file)
        next(lines)
        for number, row in lines:
            if len(row) != len(names):
                if not any(cell.strip() for cell in row):
                    continue  # an empty line at the end
                raise DataError(f"{path}, line {number}: it has {len(row)} cells and the first line {len(names)}. "
                                "Mend that line, or copy the file again.")
            cells = [row[place].strip() for place in at]
            time = _time(cells[:clock], f"{path}, line {number}")
            if time.minute or time.second:
                between += 1
                continue
            times.append(time)
            values.append([_number(cell, name, path, number) if name != layout.direction else cell
                           for cell, name in zip(cells[clock:], layout.needed[clock:], strict=True)])
            if layout.direction:
                values[-1][-1:] = _wind(values[-1][-1], layout.direction, path, number)
    if not times:
        raise DataError(f"{path} has no row of a full hour: give it hourly rows.")
    return Rows(np.array(times, "datetime64[h]"), np.array(values, "float32"), between)


def _opened(path: Path):
    try:
        return open(path, encoding="utf-8-sig", newline="")
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}): name a CSV file.") from error


def _lines(path: Path, file):
    """Each row with the number of its line."""
    reader = csv.reader(file)
    try:
        for row in reader:
            yield reader.line_num, row
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (near line {reader.line_num + 1}): save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}. Copy the file again.") from error


def _time(cells: list[str], where: str) -> datetime.datetime:
    """The time in a row; one with a time zone in UTC."""
    try:
        if len(cells) == len(CLOCK):
            return datetime.datetime(*map(int, cells))
        written = WRITTEN.fullmatch(cells[0])
        if written:
            day, month, year, hour, minute, second = (int(part or 0) for part in written.groups())
            return datetime.datetime(year, month, day, hour, minute, second)
        time = datetime.datetime.fromisoformat(cells[0])
        return time.astimezone(datetime.UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError) as error:
        raise DataError(f"{where}: {' '.join(cells)[:60]!r} is no time ({error}). Mend it, or copy the file again."
                        ) from error


def _number(cell: str, name: str, path: Path, line: int) -> float:
    """A cell as a number, NaN where it is missing."""
    if cell in MISSING:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        value = math.inf
    if not abs(value) < 1e30:
        raise DataError(f"{path}, line {line}: {cell[:40]!r} in the column {name!r} is no number. Mend it, or write NA "
                        "where nothing was measured.")
    return value


def _wind(cell: str, name: str, path: Path, line: int) -> tuple[float, float]:
    """Where the wind blows to, as a vector of length one to the east and to the north; (0, 0) where it is calm."""
    if cell in MISSING:
        return math.nan, math.nan
    if cell.upper() in CALM:
        return 0.0, 0.0
    degrees = COMPASS.get(cell.upper())
    if degrees is None:
        degrees = _number(cell, name, path, line)
    return -math.sin(math.radians(degrees)), -math.cos(math.radians(degrees))
