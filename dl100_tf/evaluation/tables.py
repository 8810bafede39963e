"""Tables of a report: those that a recipe writes, and how well each class is told from the rest."""

import math
from collections.abc import Collection, Mapping

import numpy as np
from sklearn import metrics as sk

from dl100_tf.evaluation import exhibits, records, wording

MOST = ("accuracy", "auroc", "f1", "precision", "recall")  # endings of columns of which more is better
LEAST = ("loss",)  # and of which less is; what was measured in training itself is no merit
WORST = 10  # classes that are shown at either end where there are more than FEW
FEW = 30

Cell = str | int | float | None


def table(run, name: str, rows: list[dict[str, Cell]], title: str, note: str = "", *,
          best: Mapping[str, str] | None = None, mark: Collection[int] = (), aside: Collection[int] = ()) -> None:
    """Write a table that the report shows as a section: `tables/<name>.json`, and `tables/<name>.csv` beside it.

    A share in a column whose name ends in `accuracy` is shown as a percentage. Numbers are stored as they are.

    Args:
        run: the `Run` to write into.
        name: letters, digits, `_` and `-`; a table written again under the same name keeps its place in the report.
        rows: column name to cell; a row may lack columns.
        title: the heading.
        note: a sentence or two beneath it.
        best: column name to `max` or `min`, whose best number is set bold; by default `max` for accuracy and the
            like, and `min` for loss, but for those in training.
        mark: numbers of the rows that stand out.
        aside: numbers of the rows that are not compared with the others.
    """
    file = f"tables/{exhibits.valid(name)}.json"
    rows = [{wording.clean(column): _plain(cell) for column, cell in row.items()} for row in rows]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    plain = [{column: row.get(column) for column in columns} for row in rows]
    index = exhibits.tables(run).get(name, {}).get("index") or exhibits.following(run)
    run.write_table(f"tables/{name}.csv", plain)
    run.write_json(file, {"index": index, "title": wording.clean(title), "note": wording.clean(note), "rows": plain,
                          "best": _directions(columns) if best is None else dict(best),
                          "mark": sorted(mark), "aside": sorted(aside)})


def shown(stored: dict) -> dict:
    """A stored table as the templates need it: `head` and `rows` of cells, each with its text."""
    rows = stored["rows"]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    written = {column: _written(column, [row.get(column) for row in rows]) for column in columns}
    best = {column: _best([None if i in stored["aside"] else row.get(column) for i, row in enumerate(rows)], way)
            for column, way in stored["best"].items() if column in columns}
    figures = {column for column in columns[1:] if any(_is_number(row.get(column)) for row in rows)}
    return {"title": stored["title"], "note": stored["note"],
            "head": [{"text": column, "figure": column in figures} for column in columns],
            "rows": [{"mark": i in stored["mark"], "aside": i in stored["aside"],
                      "cells": [{"text": written[column][i], "figure": column in figures,
                                 "best": i in best.get(column, ())} for column in columns]}
                     for i in range(len(rows))]}


def classes(run) -> list[dict]:
    """Each class of a run with more than two: precision, recall, F1, count, and what it is taken for most often.

    Returns:
        In the order of the labels: `name`, `precision`, `recall` and `f1` (NaN where the test data lack the class),
        `count`, `confused` (a label's name, empty if it is never mistaken) and `times`. Empty with two labels or no
        predictions.
    """
    known = records.predictions(run)
    if known is None or known[1].shape[1] < 3:
        return []
    y, guess = known[0], known[1].argmax(axis=1)
    names = records.labels(run, known[1].shape[1])
    every = range(len(names))
    precision, recall, f1, count = sk.precision_recall_fscore_support(y, guess, labels=every, zero_division=0)
    wrong = sk.confusion_matrix(y, guess, labels=every)
    np.fill_diagonal(wrong, 0)
    rows = []
    for i in every:
        rival = int(wrong[i].argmax())
        score = (precision[i], recall[i], f1[i]) if count[i] else (math.nan,) * 3
        rows.append({"name": names[i], **dict(zip(("precision", "recall", "f1"), map(float, score), strict=True)),
                     "count": int(count[i]), "times": int(wrong[i, rival]),
                     "confused": names[rival] if wrong[i, rival] else ""})
    return rows


def extremes(rows: list[dict]) -> dict[str, list[dict]]:
    """The classes by F1: `best` and `worst`, ten of each, the worst one last; empty where all can be shown."""
    if len(rows) <= FEW:
        return {"best": [], "worst": []}
    ranked = sorted((row for row in rows if row["count"]), key=lambda row: -row["f1"])
    return {"best": ranked[:WORST], "worst": ranked[WORST:][-WORST:]}


def _plain(value) -> Cell:
    """A cell as JSON can hold it."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, int):
        return value
    return (value if math.isfinite(value) else None) if isinstance(value, float) else wording.clean(str(value))


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _directions(columns: list[str]) -> dict[str, str]:
    columns = [column for column in columns if not column.lower().startswith("train")]
    ways = {column: "max" if column.lower().endswith(MOST) else "min" if column.lower().endswith(LEAST) else ""
            for column in columns}
    return {column: way for column, way in ways.items() if way}


def _best(values: list[Cell], way: str) -> set[int]:
    """Where the best number stands; nowhere if there is nothing to choose from."""
    numbers = {i: value for i, value in enumerate(values) if _is_number(value)}
    if len(set(numbers.values())) < 2:
        return set()
    top = max(numbers.values()) if way == "max" else min(numbers.values())
    return {i for i, value in numbers.items() if value == top}


def _written(column: str, values: list[Cell]) -> list[str]:
    """The cells of a column as text, its numbers all to the same place, so that they can be compared by eye."""
    numbers = [value for value in values if _is_number(value)]
    if column.lower().endswith("accuracy") and all(-1 <= value <= 1 for value in numbers):
        return [_cell(value, lambda value: wording.percent(value, 2)) for value in values]
    if all(value == round(value) for value in numbers):
        return [_cell(value, wording.count) for value in values]
    sizes = [abs(value) for value in numbers if value]
    if min(sizes) < 0.001 and max(sizes) < 10:
        return [_cell(value, lambda value: f"{value:.3g}") for value in values]
    timed = column.lower().endswith("seconds")  # measured to no more than a tenth
    steps = ((0, 100), (1, 0)) if timed else ((0, 1000), (1, 100), (2, 10), (4, 0))
    exact = max(len(f"{value:.4f}".rstrip("0").partition(".")[2]) for value in numbers)
    digits = min(exact, next(digits for digits, limit in steps if max(sizes) >= limit))
    return [_cell(value, lambda value: f"{value:,.{digits}f}".replace(",", wording.NARROW)) for value in values]


def _cell(value: Cell, write) -> str:
    if value is None:
        return "\u2013"
    return write(value) if _is_number(value) else str(value)
