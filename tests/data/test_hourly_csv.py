"""CSV files with a row an hour: what is read, and what is refused and by which words."""

import numpy as np
import pytest

from dl100_tf.data import hourly_csv
from dl100_tf.data.hourly_csv import Layout
from dl100_tf.errors import DataError, UserError

LAYOUT = Layout({"TEMP": "°C", "PRES": "hPa"}, direction="wind")
HEAD = "No,year,month,day,hour,TEMP,PRES,wind\n"
ROW = "1,2020,1,2,3,-4.5,1016,NW\n"


@pytest.fixture
def file(tmp_path):
    def write(content, name="weather.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path
    return write


def test_rows_are_read_in_their_order(file):
    found = hourly_csv.read(file(HEAD + ROW + "2,2020,1,2,4,NA,,cv\n\n"), LAYOUT)
    assert found.times.astype(str).tolist() == ["2020-01-02T03", "2020-01-02T04"] and found.between == 0
    half = np.sqrt(0.5)
    np.testing.assert_allclose(found.values[0], [-4.5, 1016, half, -half], atol=1e-6)  # it blows to the south-east
    assert np.isnan(found.values[1, :2]).all() and found.values[1, 2:].tolist() == [0, 0]
    assert LAYOUT.names == ("TEMP, °C", "PRES, hPa", "wind to the east", "wind to the north")


@pytest.mark.parametrize(("written", "read"), [
    ("2009-01-31T13:00:00", "2009-01-31T13"), ("31.01.2009 13:00:00", "2009-01-31T13"),
    ("2009-01-31 13:00", "2009-01-31T13"), ("2009-01-31T13:00:00+02:00", "2009-01-31T11")])
def test_times_as_people_write_them(file, written, read):
    found = hourly_csv.read(file(f"when,t\n{written},1\n"), Layout({"t": "K"}, time="when"))
    assert found.times.astype(str).tolist() == [read]


def test_rows_between_the_hours_are_left_out(file):
    lines = "".join(f"2009-01-01T{hour:02}:{minute:02},{hour}\n" for hour in range(3) for minute in range(0, 60, 10))
    found = hourly_csv.read(file(f"when,t\n{lines}"), Layout({"t": ""}, time="when"))
    assert found.values[:, 0].tolist() == [0, 1, 2] and found.between == 15


@pytest.mark.parametrize(("wind", "east", "north"), [("0", 0, -1), ("90", -1, 0), ("359.9", 0, -1), ("S", 0, 1)])
def test_the_wind_s_direction_becomes_a_vector(file, wind, east, north):
    found = hourly_csv.read(file(HEAD + ROW.replace("NW", wind)), LAYOUT)
    np.testing.assert_allclose(found.values[0, 2:], [east, north], atol=0.01)


@pytest.mark.parametrize(("content", "said"), [
    ("", "is empty"),
    (HEAD, "no row of a full hour"),
    (HEAD.replace("TEMP", "TMP") + ROW, "has no column 'TEMP'"),
    (HEAD + ROW + "2,2020,1,2,4,1\n", "line 3: it has 6 cells and the first line 8"),
    (HEAD + ROW.replace("-4.5", "warm"), "line 2: 'warm' in the column 'TEMP' is no number"),
    (HEAD + ROW.replace("1016", "inf"), "line 2: 'inf' in the column 'PRES' is no number"),
    (HEAD + ROW.replace("NW", "up"), "'up' in the column 'wind' is no number"),
    (HEAD + ROW.replace(",3,", ",24,"), "line 2: '2020 1 2 24' is no time"),
    (HEAD + ROW.replace("2020,1,2", "2021,2,29"), "line 2: '2021 2 29 3' is no time"),
    (HEAD + ROW.replace("2020", ""), "is no time"),
    (HEAD + ROW.replace("2020", "9" * 30), "is no time"),
    (HEAD + ROW.replace("2020", "20\0"), "is no time"),
    (HEAD + ROW.replace("1016", "10\0"), "in the column 'PRES' is no number"),
    ((HEAD + ROW).encode("utf-16"), "is not UTF-8"),
    (HEAD.encode() + b"1,2020,1,2,3,\xff,1016,NW\n", "is not UTF-8"),
    (HEAD + ROW.replace("NW", '"N' + "W" * 200_000), "field larger than field limit"),
])
def test_what_is_damaged_is_named(file, content, said):
    with pytest.raises(DataError) as error:
        hourly_csv.read(file(content), LAYOUT)
    assert said in str(error.value) and "weather.csv" in str(error.value) and "\n" not in str(error.value)


def test_a_file_saved_by_an_editor_begins_with_a_mark(file):
    content = (HEAD + ROW).replace("\n", "\r\n").encode()
    found = hourly_csv.read(file(b"\xef\xbb\xbf" + content.removeprefix(b"No,").replace(b"\n1,", b"\n")), LAYOUT)
    assert found.values[0, 1] == 1016


def test_a_time_that_no_calendar_has_in_utc(file):
    with pytest.raises(DataError, match="is no time"):
        hourly_csv.read(file("when,t\n9999-12-31T23:00:00-05:00,1\n"), Layout({"t": "K"}, time="when"))


@pytest.mark.parametrize("layout", [{"time": "t"}, {"direction": "t"}, {"time": "when", "direction": "when"}])
def test_a_column_is_one_thing(layout):
    with pytest.raises(UserError, match="is named as two things"):
        Layout({"t": "K"}, **layout)


def test_a_folder_or_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(DataError, match="can't be read"):
            hourly_csv.read(path, LAYOUT)
