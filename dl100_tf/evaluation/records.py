"""Reading back what a run has written, with one clear line where a file is missing or damaged."""

import zipfile

import numpy as np

from dl100_tf.errors import UserError
from dl100_tf.evaluation.wording import clean

SAMPLE = "a sample: the score means nothing outside it"
SOURCES = {"local": "real data, local files", "tfds": "real data, TensorFlow Datasets", "sample": SAMPLE}
# Metrics whose whole name matters: a Fréchet distance in our features is not what others call FID.
CALLED = {"fid_in_cnn_mnist_features": "FID in cnn_mnist features",
          "frechet_distance_of_pixels": "Fréchet distance of pixels"}


def scores(run) -> dict:
    """`scores.json` as `evaluation.score` or a recipe of its own wrote it: at least `metrics`, flat name to number.

    Raises:
        UserError: the file is missing or damaged.
    """
    record = mapping(run, "scores.json")
    if not record:
        raise UserError(f"{run.path('scores.json')} is missing: the run has not been scored yet. {finish(run)}")
    metrics = record.get("metrics")
    if not isinstance(metrics, dict) or not all(isinstance(value, int | float) for value in metrics.values()):
        raise UserError(f"{run.path('scores.json')} is damaged (no flat table of metrics). {again(run)}")
    return record


def summary(scores: dict) -> str:
    """One line on what was measured and on what data."""
    metrics = scores["metrics"]
    names = scores.get("headline") or ("accuracy", "auroc", "loss")
    units = scores.get("units", {})
    told = "  ".join(f"{CALLED.get(name, name.replace('_', ' '))} " + (
        f"{metrics[name]:.1f} %" if units.get(name) == "%" else f"{metrics[name]:.4f}") for name in names
        if name in metrics)
    count = f"{scores['n']:,}".replace(",", " ")
    source = scores.get("source_note") or scores["source"]
    return f"{told}  on {count} test {scores['noun']}, source: {source}"


def predictions(run) -> tuple[np.ndarray, np.ndarray] | None:
    """`predictions.npz` of a classifier, None where there is none.

    Returns:
        The true classes, int64 (n,), and each class's probability, float64 (n, k) with rows that sum to one.

    Raises:
        UserError: the file is damaged.
    """
    path = run.path("predictions.npz")
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if {"forecast", "picture"} & set(arrays):  # of a recipe that is no classifier
                return None
            y, probabilities = arrays["y"].astype("int64"), arrays["probabilities"].astype("float64")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged ({error}). {again(run)}") from error
    if y.ndim > 1:  # places in a text: there are no classes
        return None
    if not _belong(y, probabilities):
        raise UserError(f"{path} is damaged (arrays that don't belong together). {again(run)}")
    return y, probabilities / probabilities.sum(axis=1, keepdims=True)


def _belong(y: np.ndarray, probabilities: np.ndarray) -> bool:
    """Whether these can be the true classes and the probabilities of the same examples."""
    if y.ndim != 1 or probabilities.ndim != 2 or not len(y) or len(y) != len(probabilities):
        return False
    return bool(y.min() >= 0 and y.max() < probabilities.shape[1] and (probabilities.sum(axis=1) > 0).all()
                and np.isfinite(probabilities).all())


def history(run) -> list[dict]:
    """`history.csv`: one row per epoch, column name to number; `[]` where there is none.

    Raises:
        UserError: the file is damaged.
    """
    try:
        rows = run.read_table("history.csv")
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{run.path('history.csv')} is damaged ({error}). {again(run)}") from error
    if any("epoch" not in row for row in rows):
        raise UserError(f"{run.path('history.csv')} is damaged (no epoch column). {again(run)}")
    return rows


def mapping(run, name: str) -> dict:
    """A JSON file that holds an object; `{}` where there is none.

    Raises:
        UserError: the file is damaged, or holds something else.
    """
    record = run.read_json(name, {})
    if not isinstance(record, dict):
        raise UserError(f"{run.path(name)} is damaged (a JSON object was expected). {again(run)}")
    return record


def labels(run, k: int) -> list[str]:
    """The names of the `k` classes; their numbers where no file tells the names."""
    names = mapping(run, "scores.json").get("labels")
    return [clean(str(name)) for name in (names if isinstance(names, list) and len(names) == k else range(k))]


def source(run) -> dict:
    """Where the run's data came from: `rung`, `note`, `digest`; empty strings where no file says."""
    record = mapping(run, "scores.json")
    noted = mapping(run, "provenance.json").get("source")
    noted = noted if isinstance(noted, dict) else {}
    return {"rung": record.get("source") or noted.get("rung") or "",
            "note": record.get("source_note") or noted.get("note") or "",
            "digest": record.get("digest") or noted.get("digest") or ""}


def told(source: dict) -> str:
    """The data source in a few words; real data that isn't what was published has them in its note."""
    if source["rung"] != "sample" and source["note"]:
        return source["note"]
    return SOURCES.get(source["rung"], source["rung"] or "data source not noted")


def best_epoch(run, rows: list[dict]) -> int | None:
    """The epoch whose weights were kept: as training noted it (None: of none), else that of least validation loss."""
    training = mapping(run, "training.json")
    if "best_epoch" in training or not rows or "val_loss" not in rows[0]:
        return training.get("best_epoch")
    return int(min(rows, key=lambda row: row["val_loss"])["epoch"])


def finish(run) -> str:
    """The remedy for a run that lacks a part."""
    return f"Let it finish with `{run.command}`."


def again(run) -> str:
    """The remedy for a run with a damaged part."""
    return "Train again under another --run name."
