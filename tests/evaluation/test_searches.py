"""What a search found: its table and figures, and which setting mattered."""

import json
import math
import random

import numpy as np
import pytest

from dl100_tf.evaluation import searches
from dl100_tf.run import Run


def rows(count: int, judged_by: str = "val_accuracy", seed: int = 0) -> list[dict]:
    """Trials whose score depends on the learning rate, a little on the width, and not on the batch size."""
    draw = random.Random(seed)
    made = []
    for number in range(1, count + 1):
        rate, size, width = 10 ** draw.uniform(-4, 0), draw.choice([32, 64, 128]), draw.choice(["8, 16", "16, 32"])
        loss = (math.log10(rate) + 2) ** 2 / 10 + (width == "8, 16") / 50
        made.append({"trial": number, "learning_rate": rate, "batch_size": size, "widths": width,
                     "epochs": 4 if number % 3 else 8, "seconds": 2.0,
                     judged_by: 1 - loss if judged_by == "val_accuracy" else loss})
    return made


@pytest.fixture
def run(home):
    run = Run("cnn_cifar10", "search")
    run.note(source={"rung": "local", "where": "/data", "digest": "ab", "note": ""})
    return run


SETTINGS = ["learning_rate", "batch_size", "widths"]


@pytest.mark.parametrize("judged_by", ["val_accuracy", "val_loss"])
def test_a_table_of_all_trials_and_three_figures(run, judged_by):
    trials = rows(20, judged_by)
    trials[4] |= {judged_by: None, "why": "val_loss is nan"}
    searches.explain_search(run, trials, SETTINGS, judged_by, "random", winner=7)
    table = json.loads(run.path("tables/search.json").read_text())
    assert table["mark"] == [7] and len(table["rows"]) == 20
    assert "1 failed" in table["note"] and "0.7 minutes of training in all, 104 epochs" in table["note"]
    assert {file.name for file in run.path("plots").glob("*.png")} == {
        f"search_{name}{theme}.png" for name in ("progress", "parallel", "importance") for theme in ("", "-dark")}


def test_of_few_trials_nothing_is_said_of_what_mattered(run):
    searches.explain_search(run, rows(searches.ENOUGH - 1), SETTINGS, "val_accuracy", "grid", winner=0)
    assert not run.path("plots/search_importance.png").exists() and run.path("plots/search_parallel.png").is_file()


@pytest.mark.parametrize("count", [1, 2])
def test_one_trial_is_enough_to_be_shown(run, count):
    searches.explain_search(run, rows(count), [], "val_accuracy", "grid", winner=0)
    assert run.path("plots/search_progress.png").is_file()


def test_the_setting_that_matters_comes_first():
    shares, explained = searches.importance(rows(60), SETTINGS, "val_accuracy")
    assert next(iter(shares)) == "learning_rate" and shares["learning_rate"] > 0.8
    assert sum(shares.values()) == pytest.approx(1) and explained > 0.5


def test_where_nothing_matters_nothing_is_made_up():
    trials = [row | {"val_accuracy": 0.5} for row in rows(20)]
    shares, explained = searches.importance(trials, SETTINGS, "val_accuracy")
    assert set(shares.values()) == {0.0} and explained <= 1


@pytest.mark.parametrize("values, places, marks", [
    ([1, 2, 3], [0, 0.5, 1], [(0, "1"), (0.5, "2"), (1, "3")]),
    ([1e-4, 1e-2, 1.0], [0, 0.5, 1], [(0, "0.0001"), (0.5, "0.01"), (1, "1")]),  # by orders of magnitude
    ([0.0, 100.0], [0, 1], [(0, "0"), (1, "100")]),
    ([5, 5], [0.5, 0.5], [(0.5, "5")]),
    (["gru", "lstm", "gru"], [0, 1, 0], [(0, "gru"), (1, "lstm")]),
    ([True, False], [1, 0], [(0, "False"), (1, "True")]),
    ([[32, 64], [16, 32]], [1, 0], [(0, "[16, 32]"), (1, "[32, 64]")])])
def test_where_values_stand_on_an_axis(values, places, marks):
    found, said = searches._scale(values)
    np.testing.assert_allclose(found, places)
    assert [(pytest.approx(place), name) for place, name in said] == marks
