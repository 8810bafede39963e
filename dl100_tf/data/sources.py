"""The ladder that every dataset climbs: local files, else TensorFlow Datasets, else a sample made here."""

import contextlib
import importlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from dl100_tf import paths
from dl100_tf.data.console import say, watched
from dl100_tf.data.splits import Splits
from dl100_tf.errors import DataError, UserError

RUNGS = ("local", "tfds", "sample")
SAMPLE_NOTE = "a sample made by the package: the score means nothing outside it"
CONNECT = 5.0  # seconds that a download's server has to answer


class Absent(DataError):
    """There is nothing on this rung; with `--source auto` the next one is tried."""


def climb(source: str, remedy: str, *, local: Callable[[], Splits], tfds: Callable[[], Splits],
          sample: Callable[[], Splits]) -> Splits:
    """Load a dataset from the rung that `source` names, or for `auto` from the first one that has it; say which.

    Args:
        source: `auto`, `local`, `tfds` or `sample`; all but `auto` are strict.
        remedy: how to get the real data, one sentence; it's said beside the sample.
        local, tfds, sample: load from their rung, or raise `Absent`. Any other error stops the climb: damaged data
            is never replaced by something else.

    Raises:
        UserError: no such source.
        DataError: the source is absent, or damaged.
    """
    rungs = dict(zip(RUNGS, (local, tfds, sample), strict=True))
    if source != "auto" and source not in rungs:
        raise UserError(f"there is no source {source!r}: use auto, {', '.join(RUNGS[:-1])} or {RUNGS[-1]}.")
    reasons = []
    for load in rungs.values() if source == "auto" else [rungs[source]]:
        try:
            splits = load()
        except Absent as absent:
            reasons.append(str(absent))
        else:
            _announce(splits, remedy, reasons)
            return splits
    raise DataError(" ".join(reasons))


def _announce(splits: Splits, remedy: str, reasons: list[str]) -> None:
    if not splits.source.is_sample:
        return say(f"data    {splits.source.describe()}")
    why = f" (No real data: {' '.join(reasons)})" if reasons else ""
    say(f"SAMPLE DATA! {splits.source.where}: a score on them says nothing about real data. {remedy}{why}",
        "bold black on yellow")


def find(data_dir: str | os.PathLike | None, *names: str) -> Path:
    """The first of `names` that is in the data folder.

    Args:
        data_dir: the data folder; None for `$DL100_DATA`.
        names: paths inside it, the preferred one first.

    Raises:
        Absent: there is no data folder, or none of the names in it.
        UserError: the data folder that was asked for doesn't exist.
    """
    folder = paths.data(data_dir)
    if folder is None:
        raise Absent(f"Local files: looked for nothing, as neither --data-dir nor DL100_DATA names a folder that "
                     f"holds {names[0]}.")
    if not os.path.isdir(folder):
        raise UserError(f"the data folder {folder} doesn't exist, or lies where you may not look: correct --data-dir "
                        "or DL100_DATA, or leave it out.")
    for name in names:
        if os.path.lexists(folder / name):
            return folder / name
    raise Absent(f"Local files: looked in {folder} for {', '.join(names)}, and found none: put one of them there.")


def prepared(name: str, url: str, splits: tuple[str, ...], features: tuple[str, ...] = ()
             ) -> dict[str, dict[str, np.ndarray]]:
    """Read splits of a TensorFlow dataset whole into memory, having downloaded and prepared it if need be.

    It lives where TensorFlow Datasets keeps things (`$TFDS_DATA_DIR`, else `~/tensorflow_datasets`); once it's
    there, no network is needed. Any number of processes may call at once.

    Args:
        name: its TFDS name, e.g. `imdb_reviews/plain_text`.
        url: what TFDS will download; its server is asked first, as TFDS itself would try for minutes.
        splits: names of splits.
        features: only these, and pictures among them as the bytes of their files; none for all, decoded.

    Returns:
        For each split its features by name: arrays, with one row per example; texts are objects (bytes).

    Raises:
        Absent: TFDS isn't installed, or the dataset isn't prepared and the download's server doesn't answer.
        DataError: the download or the preparation fails, or what was prepared is damaged.
    """
    tfds, builder = _builder(name, url)
    return {split: _whole(tfds, builder, split, features) for split in splits}


def streamed(name: str, url: str, splits: tuple[str, ...]) -> dict[str, Iterator[dict]]:
    """Read splits of a TensorFlow dataset example by example: for features whose length differs, as lists of answers.

    Args:
        name, url, splits: see `prepared`.

    Returns:
        For each split its examples, each a dict of NumPy values, nested where a feature is.

    Raises:
        Absent, DataError: as `prepared`; what is damaged is noticed on the way.
    """
    tfds, builder = _builder(name, url)
    return {split: _one_by_one(tfds, builder, split) for split in splits}


def _one_by_one(tfds, builder, split: str) -> Iterator[dict]:
    try:
        with _quiet():
            examples = tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False))
        yield from watched(examples, f"reading {builder.name}", builder.info.splits[split].num_examples)
    except Exception as error:  # see _whole
        raise _damaged(builder, error) from error


def _builder(name: str, url: str) -> tuple:
    """TensorFlow Datasets, and a dataset of it that has been prepared."""
    try:
        with _quiet():
            tfds = importlib.import_module("tensorflow_datasets")
            builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
            if not builder.is_prepared():
                _require(url, name)
                _prepare(tfds, builder)
    except ModuleNotFoundError as error:
        raise Absent(f"TensorFlow Datasets: the Python package {error.name} is missing; install it (pip install "
                     f"{error.name}).") from error
    except UserError:
        raise
    except Exception as error:  # requests, tarfile, checksums, disk: TFDS lets everything through
        raise DataError(f"TensorFlow Datasets can't prepare {name} ({_first_line(error)}): run the same command "
                        "again, or use --source local or sample.") from error
    return tfds, builder


def reachable(url: str) -> bool:
    """Whether the server of `url` answers within five seconds, through the proxy if one is set.

    The name look-up has no time limit of its own, so a thread waits for it.
    """
    import http.client  # here, as it brings in ssl and http
    import urllib.error
    import urllib.request

    answers = []

    def ask():
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=CONNECT).close()
        except urllib.error.HTTPError as error:
            if error.code not in (405, 501):  # it doesn't know HEAD; any other refusal will be TFDS' too
                return
        except (OSError, ValueError, http.client.HTTPException):
            return
        answers.append(True)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT)
    return bool(answers)


def _require(url: str, name: str) -> None:
    """Raise `Absent` where the server of `url` doesn't answer, from which `name` would come."""
    if not reachable(url):
        host = url.split("/")[2]
        raise Absent(f"TensorFlow Datasets: {name} isn't on this machine yet, and {host} can't be reached: connect to "
                     "the network.")


def _prepare(tfds, builder) -> None:
    try:
        tfds.enable_progress_bar()
        builder.download_and_prepare()
    except Exception:
        if not builder.is_prepared():  # else another process was faster, and its work serves us as well
            raise


def _whole(tfds, builder, split: str, features: tuple[str, ...]) -> dict[str, np.ndarray]:
    try:
        decoders = tfds.decode.PartialDecoding(dict.fromkeys(features, True), decoders={
            feature: tfds.decode.SkipDecoding() for feature in features
            if isinstance(builder.info.features[feature], tfds.features.Image)}) if features else None
        with _quiet():
            batches = list(tfds.as_numpy(builder.as_dataset(
                split=split, batch_size=1024, shuffle_files=False, decoders=decoders)))
    except Exception as error:  # TensorFlow's own classes, and importing TensorFlow to name them takes seconds
        raise _damaged(builder, error) from error
    return {feature: np.concatenate([batch[feature] for batch in batches]) for feature in batches[0]}


def _damaged(builder, error: Exception) -> DataError:
    return DataError(f"what TensorFlow Datasets prepared in {builder.data_dir} is damaged "
                     f"({_first_line(error)}): delete that folder and run the same command again.")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Only errors get through from the libraries under TFDS, which warn where there is nothing to do."""
    loggers = [logging.getLogger(name) for name in ("absl", "urllib3")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
