"""A run beside those of other projects: on the same data, on other data, and where there is none."""

import os

import pytest

from dl100_tf import evaluation
from dl100_tf.errors import UserError
from dl100_tf.evaluation import exhibits
from dl100_tf.run import Run

DATA, OTHER = "ab" * 32, "cd" * 32


def scored(project, name="first", accuracy=0.9, digest=DATA, rung="local", age=0):
    run = Run(project, name)
    run.write_json("scores.json", {"metrics": {"accuracy": accuracy}, "source": rung, "digest": digest, "n": 100,
                                   "parameters": 1234, "train_seconds": 60.5})
    os.utime(run.path("scores.json"), (1e9 - age, 1e9 - age))
    return run


def compared(run, projects):
    evaluation.compare(run, projects)
    return exhibits.tables(run)["comparison"]


def test_beside_the_latest_run_of_each_project(home):
    scored("numpy_mnist", "old", 0.97, age=9)
    scored("numpy_mnist", "new", 0.98)
    table = compared(scored("cnn_mnist", accuracy=0.995), ["numpy_mnist", "mlp_mnist"])
    assert table["rows"][:2] == [
        {"project": "cnn_mnist", "run": "first", "accuracy": 0.995, "parameters": 1234, "training seconds": 60.5,
         "data": "real data (local)"},
        {"project": "numpy_mnist", "run": "new", "accuracy": 0.98, "parameters": 1234, "training seconds": 60.5,
         "data": "real data (local)"}]
    assert table["rows"][2]["data"] == "not trained here yet: python -m dl100_tf.projects.mlp_mnist"
    assert table["rows"][2]["accuracy"] is None and table["aside"] == [2] and table["mark"] == [0]
    assert table["note"] == ""


def test_other_data_is_marked_and_never_the_best(home):
    scored("numpy_mnist", accuracy=0.999, digest=OTHER, rung="sample")
    table = compared(scored("cnn_mnist"), ["numpy_mnist"])
    assert table["rows"][1]["data"] == "other data: sample data" and table["aside"] == [1]
    assert "can't be compared" in table["note"]


def test_a_run_on_the_same_data_is_preferred_to_a_later_one(home):
    scored("numpy_mnist", "real", 0.98, age=9)
    scored("numpy_mnist", "trial", 0.7, OTHER, "sample")
    assert compared(scored("cnn_mnist"), ["numpy_mnist"])["rows"][1]["run"] == "real"


def test_sample_data_is_called_so(home):
    scored("numpy_mnist", rung="sample")
    table = compared(scored("cnn_mnist", rung="sample"), ["numpy_mnist"])
    assert [row["data"] for row in table["rows"]] == ["sample data"] * 2
    assert "mean nothing outside" in table["note"] and table["aside"] == []


def test_a_damaged_run_of_another_project_is_passed_over(home):
    scored("numpy_mnist", "whole", age=9)
    Run("numpy_mnist", "broken").write_text("scores.json", "{")
    Run("numpy_mnist", "odd").write_json("scores.json", {"metrics": {"frechet": 1.0}})
    assert compared(scored("cnn_mnist"), ["numpy_mnist"])["rows"][1]["run"] == "whole"


def test_a_run_that_has_not_been_scored_is_not_compared(run):
    with pytest.raises(UserError, match=r"scores\.json is missing"):
        evaluation.compare(run, ["numpy_mnist"])
