"""Hourly weather: what was measured at one place for years, and the windows from which its temperature is forecast.

Sources: Liang et al. 2015, Assessing Beijing's PM2.5 pollution, Proc. R. Soc. A 471, https://doi.org/10.24432/C5JS49;
Max Planck Institute for Biogeochemistry, https://www.bgc-jena.mpg.de/wetter
"""

import functools
import os
import zipfile
import zlib
from pathlib import Path

from dl100_tf import paths
from dl100_tf.data import cache, downloads, hourly, hourly_csv, sources, weather_sample
from dl100_tf.data.hourly import Forecasts, Series
from dl100_tf.data.hourly_csv import Layout
from dl100_tf.data.splits import Source
from dl100_tf.errors import DataError, UserError

JENA = "jena_climate_2009_2016.csv"
ARCHIVE = f"{JENA}.zip"
URL = f"https://storage.googleapis.com/tensorflow/tf-keras-datasets/{ARCHIVE}"  # as Keras' own examples have it
PLACES = ("weather/pollution.csv", "pollution.csv", f"weather/{JENA}", JENA)
REMEDY = ("For real weather, put pollution.csv (2 MB, https://archive.ics.uci.edu/dataset/381) into a folder weather/ "
          "and name the folder around it with --data-dir or DL100_DATA; or name any file of yours with --csv; or "
          "connect to the network.")
LAYOUTS = (
    Layout({"TEMP": "°C", "DEWP": "°C", "PRES": "hPa", "Iws": "m/s", "Is": "h", "Ir": "h", "pm2.5": "µg/m³"},
           direction="cbwd"),
    Layout({"T (degC)": "", "Tdew (degC)": "", "p (mbar)": "", "wv (m/s)": "", "rho (g/m**3)": "", "VPdef (mbar)": ""},
           time="Date Time", direction="wd (deg)"),
)


def load(source: str = "auto", data_dir: str | os.PathLike | None = None, hours: int = 72,
         csv: str = "", layout: Layout | None = None) -> Forecasts:
    """Load an hourly series as windows: training, then a year of validation, then a year of test, in this order.

    Args:
        source: `auto`, `local` (Beijing 2010 to 2014, or Jena 2009 to 2016, or `csv`), `tfds` (Jena over the network,
            where TensorFlow keeps it; TensorFlow Datasets have no copy) or `sample`.
        data_dir: the folder with `weather/pollution.csv`; None for `$DL100_DATA`.
        hours: of the past in a window.
        csv: a file of one's own, instead of any of these.
        layout: its columns; None: they are one of `LAYOUTS`.

    Returns:
        Forecasts: x float32 (n, hours, columns), y float32 (n, 24).

    Raises:
        DataError: the source isn't there, or the file is damaged, too short, or lacks a column.
        UserError: no such source or data folder.
    """
    if csv and source not in ("auto", "local"):
        raise UserError(f"--csv names a file, and --source {source} reads another: leave one of them out.")

    def local():
        return _read("local", paths.named(csv) if csv else sources.find(data_dir, *PLACES), layout)

    rungs = {"local": local, "tfds": lambda: _read("tfds", _downloaded()), "sample": _sample}
    return sources.climb("local" if csv else source, REMEDY, **{
        name: functools.partial(_parted, rung, hours) for name, rung in rungs.items()})


def recent(path: Path, hours: int, layout: Layout | None = None) -> Series:
    """The last `hours` of a file, for a forecast of what comes after it.

    Raises:
        DataError: there are fewer, the target is missing for longer than in any training window, or the file's columns
            are none that are known.
    """
    found = _series(path, layout)
    if len(found) < hours:
        raise DataError(f"{path} has {len(found)} hours of which every column is known, and the model looks at "
                        f"{hours}: give it a longer file.")
    kept = slice(len(found) - hours, None)
    gap = hourly.longest_gap(found.target[kept])
    if gap > hourly.STALE:
        raise DataError(f"{path} has no {found.columns[0]} for {gap} hours in a row among the last {hours}: "
                        f"{hourly.STALE} are the most that can be bridged. Fill them in.")
    return Series(found.times[kept], found.values[kept], found.target[kept], found.columns, found.filled, found.gaps)


def known(path: Path, layout: Layout | None = None) -> Layout:
    """The layout of a file: the one that is given, or the one of `LAYOUTS` whose columns it has.

    Raises:
        DataError: it has those of none.
    """
    if layout:
        return layout
    names = hourly_csv.header(path)
    for one in LAYOUTS:
        if set(one.needed) <= set(names):
            return one
    near = max(LAYOUTS, key=lambda one: len(set(one.needed) & set(names)))
    lost = [name for name in near.needed if name not in names]
    raise DataError(f"{path} has no column {', '.join(map(repr, lost))}; it has {', '.join(names[:30])}. For a file of "
                    "another kind name its columns with --target, --columns and --time.")


def _series(path: Path, layout: Layout | None) -> Series:
    layout = known(path, layout)
    return hourly.series(path, hourly_csv.read(path, layout), layout.names)


def _read(rung: str, path: Path, layout: Layout | None = None) -> tuple[Series, Source]:
    found = _series(path, layout)
    where = "; ".join(filter(None, [
        f"{len(found):,}".replace(",", " ") + f" hours from …/{path.parent.name}/{path.name}", found.told()]))
    return found, Source(rung, where, _digest(found))


def _sample() -> tuple[Series, Source]:
    layout = LAYOUTS[0]
    found = hourly.series(Path("the sample"), weather_sample.rows(layout), layout.names)
    where = f"{len(found):,}".replace(",", " ") + " hours drawn by the package"
    return found, Source("sample", where, _digest(found), sources.SAMPLE_NOTE)


def _parted(rung, hours: int) -> Forecasts:
    found, source = rung()
    return hourly.parted(found, hours, source)


def _digest(found: Series) -> str:
    return cache.digest(found.times.astype("<i8").tobytes(), found.values.astype("<f4").tobytes(), found.columns)


def _downloaded() -> Path:
    """The Jena file, downloaded and unpacked in our cache."""
    place, file = downloads.fetched(URL), paths.cache() / "weather" / JENA
    try:
        with zipfile.ZipFile(place) as archive, paths.replacing(file) as temporary:
            Path(temporary).write_bytes(archive.read(JENA))
    except (OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{place} is damaged ({error}): delete it and run the same command again.") from error
    return file
