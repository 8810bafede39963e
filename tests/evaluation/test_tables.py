"""Tables of a recipe's own, and the table of classes."""

import csv
import json
import math

import numpy as np
import pytest

from dl100_tf import evaluation
from dl100_tf.evaluation import exhibits, tables, wording

ROWS = [{"row": "none", "test accuracy": 0.871, "loss": 0.5, "seconds": 120.04, "steps": 1000},
        {"row": "flip", "test accuracy": 0.8895, "loss": 0.25, "seconds": 98.7, "steps": 1000},
        {"row": "all", "test accuracy": None, "loss": 12.5}]


def written(run, name="mine"):
    return tables.shown(exhibits.tables(run)[name])


def column(shown, place):
    return [row["cells"][place]["text"].replace(wording.NARROW, " ") for row in shown["rows"]]


def test_a_table_is_stored_as_json_and_as_csv(run):
    evaluation.table(run, "mine", ROWS, "Mine", "A note.")
    stored = json.loads(run.path("tables/mine.json").read_text(encoding="utf-8"))
    assert (stored["index"], stored["title"], stored["note"]) == (1, "Mine", "A note.")
    assert stored["rows"][2] == {"row": "all", "test accuracy": None, "loss": 12.5, "seconds": None, "steps": None}
    with open(run.path("tables/mine.csv"), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {"row": "flip", "test accuracy": "0.8895", "loss": "0.25", "seconds": "98.7", "steps": "1000"}
    assert rows[2]["seconds"] == ""


def test_the_numbers_of_a_column_are_written_alike(run):
    evaluation.table(run, "mine", ROWS, "Mine")
    shown = written(run)
    assert [cell["text"] for cell in shown["head"]] == list(ROWS[0])
    assert [cell["figure"] for cell in shown["head"]] == [False, True, True, True, True]  # the first names the row
    assert column(shown, 1) == ["87.10 %", "88.95 %", "\u2013"]
    assert column(shown, 2) == ["0.50", "0.25", "12.50"]
    assert column(shown, 3) == ["120", "99", "\u2013"]
    assert column(shown, 4) == ["1 000", "1 000", "\u2013"]


@pytest.mark.parametrize(("values", "texts"), [
    ([1e-5, 0.1], ["1e-05", "0.1"]), ([0.0, 0.25], ["0.00", "0.25"]), ([3, 25_000], ["3", "25 000"]),
    ([123.456, 7.0], ["123.5", "7.0"]), ([0.12345678, 0.5], ["0.1235", "0.5000"]),
    ([12345.6, 0.5], ["12 346", "0"]), ([-2.5, 1.0], ["-2.5", "1.0"]),
    ([True, False], ["yes", "no"]), ([np.float32(0.5), np.int64(3)], ["0.5", "3.0"]),
    ([float("nan"), 1.5], ["\u2013", "1.5"]), (["one", 2], ["one", "2"]), ([None, None], ["\u2013", "\u2013"]),
    ([(1, 2), 0.5], ["(1, 2)", "0.5"]), ([0.0, 0.0], ["0", "0"])])
def test_cells_of_every_kind(run, values, texts):
    evaluation.table(run, "mine", [{"x": value} for value in values], "Mine")
    assert column(written(run), 0) == texts


def test_the_best_are_marked_by_what_the_column_measures(run):
    evaluation.table(run, "mine", ROWS, "Mine", mark=[1], aside=[2])
    shown = written(run)
    best = [[cell["best"] for cell in row["cells"]] for row in shown["rows"]]
    assert best == [[False] * 5, [False, True, True, False, False], [False] * 5]
    assert [row["mark"] for row in shown["rows"]] == [False, True, False]
    assert [row["aside"] for row in shown["rows"]] == [False, False, True]
    evaluation.table(run, "mine", ROWS, "Mine", best={"seconds": "min", "gone": "max"})
    assert [row["cells"][3]["best"] for row in written(run)["rows"]] == [False, True, False]
    assert not any(row["cells"][1]["best"] for row in written(run)["rows"])


def test_what_was_measured_in_training_is_no_merit(run):
    evaluation.table(run, "mine", [{"train accuracy": 0.9, "test loss": 1}, {"train accuracy": 1, "test loss": 2}], "")
    assert exhibits.tables(run)["mine"]["best"] == {"test loss": "min"}


def test_nothing_is_best_where_all_are_equal_or_alone(run):
    evaluation.table(run, "mine", [{"accuracy": 0.5}, {"accuracy": 0.5}], "Mine")
    assert not any(row["cells"][0]["best"] for row in written(run)["rows"])


def test_an_empty_table(run):
    evaluation.table(run, "mine", [], "Mine")
    assert written(run)["rows"] == [] == written(run)["head"]


def predictions(run, y, guess, k, labels=None):
    with run.writing("predictions.npz") as file:
        np.savez(file, y=np.asarray(y), probabilities=np.eye(k, dtype="float32")[guess])
    run.write_json("scores.json", {"metrics": {}, "labels": labels or [f"class {i}" for i in range(k)]})


def test_classes_by_hand(run):
    predictions(run, [0, 0, 0, 0, 1, 1], [0, 0, 2, 1, 1, 1], 3, ["cat", "dog", "a\u202eb"])
    cat, dog, none = tables.classes(run)
    assert (cat["name"], cat["precision"], cat["recall"], cat["count"]) == ("cat", 1.0, 0.5, 4)
    assert cat["f1"] == pytest.approx(2 / 3) and (cat["confused"], cat["times"]) == ("dog", 1)
    assert (dog["precision"], dog["recall"], dog["times"], dog["confused"]) == (pytest.approx(2 / 3), 1.0, 0, "")
    assert none["name"] == "a\ufffdb" and none["count"] == 0 and math.isnan(none["f1"])


def test_two_classes_need_no_table_nor_does_a_run_without_predictions(run):
    assert tables.classes(run) == []
    predictions(run, [0, 1], [0, 0], 2)
    assert tables.classes(run) == []


def test_of_many_classes_the_best_and_the_worst(run):
    y = np.repeat(np.arange(100), 10)
    guess = y.copy()
    for label in range(100):
        guess[label * 10:label * 10 + label % 10] = (label + 1) % 100
    predictions(run, y, guess, 101)  # the last one isn't among the test data
    ends = tables.extremes(tables.classes(run))
    assert [len(ends[end]) for end in ("best", "worst")] == [10, 10]
    scores = [row["f1"] for row in ends["best"] + ends["worst"]]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0.9 and scores[-1] < 0.2
    assert tables.extremes(tables.classes(run)[:30]) == {"best": [], "worst": []}
