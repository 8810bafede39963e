from types import SimpleNamespace

import numpy as np
import pytest

from dl100_tf import evaluation
from dl100_tf.errors import UserError
from dl100_tf.evaluation import pictures
from dl100_tf.run import Run

PARTS = ("validation", "test")


def test_auroc_counts_pairs_in_the_right_order():
    assert evaluation.auroc(np.array([1.0, 2, 3, 4]), np.array([0, 1, 0, 1])) == 0.75
    assert evaluation.auroc(np.array([1.0, 1, 1, 1]), np.array([False, True, False, True])) == 0.5
    with pytest.raises(UserError, match="1 of 2 distances"):
        evaluation.auroc(np.array([1.0, np.nan]), np.array([0, 1]))


def test_curves_and_extremes_are_drawn(home, monkeypatch):
    random = np.random.default_rng(0)
    y = np.arange(60) % 3
    right = [{part: (y != number) + 0.1 * random.normal(size=60) for part in PARTS} for number in range(3)]
    chance = [{part: random.normal(size=60) for part in PARTS} for _ in range(3)]
    run = Run("small", "one")
    means = evaluation.compare_ways(run, {"one": right, "other": chance}, dict.fromkeys(PARTS, y), "abc")
    assert means["one"] == 1 and 0.3 < means["other"] < 0.7
    rows = run.read_json("tables/classes.json")["rows"]
    assert [row["normal class"] for row in rows] == ["a", "b", "c", "mean"] and rows[3]["other"] == means["other"]
    [_, other] = run.read_json("tables/choice.json")["rows"]
    assert other["way"] == "other" and other["test"] == means["other"] != other["held out"]
    assert run.path("plots/curves.png").is_file()
    shown = {}
    monkeypatch.setattr(pictures, "draw_pictures", lambda run, name, rows, *rest: shown.update(rows))
    x = np.arange(60, dtype="uint8")[:, None, None, None] * np.ones((1, 4, 4, 1), "uint8")
    evaluation.draw_extremes(run, "extremes", SimpleNamespace(x=x, y=y == 1), np.arange(60.0)[::-1], "a")
    assert shown["a: most anomalous"][0, 0, 0, 0] == 0 and shown["others: least anomalous"][0, 0, 0, 0] == 58
    assert shown["a: least anomalous"][0, 0, 0, 0] == 59 and all(len(row) == 12 for row in shown.values())
