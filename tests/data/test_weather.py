"""The weather from every rung, and files of one's own."""

import csv
import zipfile

import numpy as np
import pytest

from dl100_tf import paths
from dl100_tf.data import sources, weather, weather_sample
from dl100_tf.data.weather import Layout
from dl100_tf.errors import DataError, UserError


@pytest.fixture(scope="module")
def beijing(tmp_path_factory):
    """A folder with `weather/pollution.csv` as Beijing's is laid out: 100 days of the sample."""
    path = tmp_path_factory.mktemp("data") / "weather/pollution.csv"
    path.parent.mkdir()
    with open(path, "w", newline="") as file:
        found = weather_sample.rows(weather.LAYOUTS[0], 2400)
        table = csv.writer(file)
        table.writerow("No,year,month,day,hour,pm2.5,DEWP,TEMP,PRES,cbwd,Iws,Is,Ir".split(","))
        for number, (time, row) in enumerate(zip(found.times.tolist(), found.values.tolist(), strict=True)):
            temperature, dew, pressure, speed, snow, rain, dust = row[:7]
            wind = ("S" if row[8] > 0 else "N") + ("W" if row[7] > 0 else "E")
            table.writerow([number, time.year, time.month, time.day, time.hour, "NA" if number % 50 == 3 else dust, dew,
                            temperature, pressure, wind, speed, snow, rain])
    return path.parents[1]


def test_the_local_file(beijing, capsys):
    data = weather.load("auto", beijing, hours=48)
    assert data.source.rung == "local" and data.source.note == "" and data.train.x.shape[1:] == (48, 11)
    assert data.train.x.dtype == data.train.y.dtype == np.float32 and data.train.y.shape[1] == 24
    said = capsys.readouterr().err
    assert "2 400 hours from …/weather/pollution.csv; missing and carried forward: 48 of pm2.5" in said
    assert data.columns[0] == "TEMP, °C" and len(data.columns) == 11
    again = weather.load("local", beijing, hours=48)
    assert again.source.digest == data.source.digest and np.array_equal(again.test.x, data.test.x)


def test_a_file_of_one_s_own(beijing, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("when,bath\n" + "".join(
        f"{np.datetime64('2020-01-01T00', 'h') + hour}:00,{hour % 24}\n" for hour in range(2000)))
    data = weather.load("auto", beijing, hours=24, csv=str(path), layout=Layout({"bath": "°C"}, time="when"))
    assert data.columns == ("bath, °C", "hour of the day", "day of the year")
    assert data.train.x[0, :3, 0].tolist() == [0, 1, 2]
    with pytest.raises(UserError, match="--csv names a file"):
        weather.load("sample", csv=str(path))
    with pytest.raises(DataError, match=r"no column 'month', 'day', 'hour'|name its columns with --target"):
        weather.load("local", csv=str(path))
    with pytest.raises(DataError, match=r"none\.csv can't be read"):
        weather.load("local", csv=str(tmp_path / "none.csv"))


def test_the_last_hours_of_a_file(beijing):
    path = beijing / "weather/pollution.csv"
    found, data = weather.recent(path, 48), weather.load("local", beijing, hours=48)
    assert len(found) == 48 and np.array_equal(found.values[:24], data.test.x[-1, 24:])
    assert np.array_equal(found.values[24:, 0], data.test.y[-1])
    gap = path.with_name("gap.csv")
    lines = path.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    for number in range(-20, -13):
        cells[number][7] = "NA"
    gap.write_text("\n".join(map(",".join, cells)))
    with pytest.raises(DataError, match="no TEMP, °C for 7 hours in a row"):
        weather.recent(gap, 48)
    assert len(weather.recent(gap, 12)) == 12, "further back it doesn't matter"
    with pytest.raises(DataError, match=r"has 2400 hours .* the model looks at 9000"):
        weather.recent(path, 9000)


def test_the_sample_says_what_it_is_and_is_always_the_same(capsys):
    data = weather.load("sample")
    assert data.source.is_sample and data.source.note == sources.SAMPLE_NOTE
    assert "SAMPLE DATA!" in capsys.readouterr().err
    assert weather.load("sample").source.digest == data.source.digest
    assert np.isfinite(data.train.x).all() and len(data.columns) == 11


def jena(folder):
    """A zip such as Keras downloads, with a row every ten minutes."""
    lines = ['"Date Time","p (mbar)","T (degC)","Tdew (degC)","VPdef (mbar)","rho (g/m**3)","wv (m/s)","wd (deg)"']
    for ten in range(1, 6 * 1500):
        time = np.datetime64("2009-01-01T00:00", "m") + 10 * ten
        date, clock = str(time).split("T")
        day = ".".join(reversed(date.split("-")))
        lines.append(f"{day} {clock}:00,996,{ten / 6},1,2,1300,{-9999.0 if ten == 60 else 1.5},152.3")
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / weather.ARCHIVE, "w") as archive:
        archive.writestr(weather.JENA, "\n".join([*lines, ""]))
    return folder / weather.ARCHIVE


def test_jena_comes_over_the_network(tmp_path, monkeypatch, capsys):
    keras = pytest.importorskip("keras")
    monkeypatch.setattr(sources, "reachable", lambda url: url == weather.URL)
    asked = []
    monkeypatch.setattr(keras.utils, "get_file", lambda name, url, cache_dir, **_: (
        asked.append(url), jena(tmp_path).rename(f"{cache_dir}/{name}")))
    data = weather.load("tfds", hours=24)
    assert asked == [weather.URL] and data.source.rung == "tfds" and data.columns[0] == "T (degC)"
    assert np.allclose(np.diff(data.train.x[0, :, 0]), 1), "only full hours are read"
    assert "1 of wv (m/s)" in capsys.readouterr().err
    weather.load("tfds", hours=24)
    assert len(asked) == 1, "what is there isn't downloaded again"
    file = paths.cache() / "downloads" / weather.ARCHIVE
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(weather.JENA, "a column\n" * 999)
    packed = bytearray(file.read_bytes())
    packed[70] ^= 255
    for damaged in (b"half a zip", bytes(packed), _locked(file.read_bytes())):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=r"is damaged .* delete it"):
            weather.load("tfds", hours=24)


def _locked(content: bytes) -> bytes:
    """The same archive, said to be encrypted."""
    start = content.index(b"PK\1\2")
    return content[:6] + b"\1" + content[7:start + 8] + b"\1" + content[start + 9:]


def test_a_file_of_nobody_s():
    with pytest.raises(DataError, match=r"~nobody-by-this-name/w.csv can't be read"):
        weather.load("local", csv="~nobody-by-this-name/w.csv")


def test_without_a_network(monkeypatch):
    keras = pytest.importorskip("keras")
    monkeypatch.setattr(sources, "reachable", lambda url: False)
    with pytest.raises(DataError, match=r"storage\.googleapis\.com/.*can't be reached"):
        weather.load("tfds")
    assert weather.load("auto", hours=24).source.is_sample
    monkeypatch.setattr(sources, "reachable", lambda url: True)
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: 1 / 0)
    with pytest.raises(DataError, match="can't be downloaded"):
        weather.load("tfds")
