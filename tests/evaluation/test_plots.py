"""Figures from run files: all there, of one size, whatever the run has."""

import warnings

import numpy as np
import pytest
from matplotlib import image

from dl100_tf import evaluation
from dl100_tf.errors import UserError


def predictions(run, y, p):
    with run.writing("predictions.npz") as file:
        np.savez(file, y=np.asarray(y), probabilities=np.asarray(p, "float32"))


def names(paths):
    return [path.name for path in paths]


def test_a_scored_run_has_four_figures_for_light_and_for_dark(scored):
    figures = evaluation.plot(scored)
    assert names(figures) == ["history.png", "confusion.png", "roc.png", "reliability.png"]
    for path in figures:
        light, dark = image.imread(path), image.imread(path.with_name(f"{path.stem}-dark.png"))
        assert light.shape == dark.shape == (1040, 1040, 4)
        assert light[0, 0, :3].min() == 1 and dark[0, 0, :3].max() < 0.2


def test_the_same_run_gives_the_same_bytes(trained):
    first = evaluation.plot(trained)[0].read_bytes()
    assert evaluation.plot(trained)[0].read_bytes() == first


def test_a_run_without_probabilities_has_its_curves(run):
    run.write_table("history.csv", [{"epoch": 1, "loss": 2.0, "seconds": 1.0}])
    assert names(evaluation.plot(run)) == ["history.png"]


@pytest.mark.parametrize("k", [3, 20, 100])
def test_many_classes(run, k):
    random = np.random.default_rng(0)
    y = np.arange(6 * k) % k
    predictions(run, y, random.dirichlet(np.ones(k), len(y)) + np.eye(k)[y] / 2)
    assert names(evaluation.plot(run)) == ["confusion.png", "roc.png", "reliability.png"]


def test_one_class_has_no_roc(run):
    predictions(run, [1, 1, 1], [[0.1, 0.9], [0.6, 0.4], [0.0, 1.0]])
    assert names(evaluation.plot(run)) == ["confusion.png", "reliability.png"]


def test_labels_are_text_and_not_mathematics(run):
    predictions(run, [0, 1], [[0.1, 0.9], [0.6, 0.4]])
    run.write_json("scores.json", {"metrics": {}, "labels": ["$\\frac{", "犬\x00\u202e" + "long" * 30]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluation.plot(run)


def test_nothing_to_plot(run):
    with pytest.raises(UserError, match=r"neither history.csv nor predictions.npz.*--run trial"):
        evaluation.plot(run)


@pytest.mark.parametrize("text", ["epoch,loss\n1,abc\n", "epoch,loss\n1\n", "loss\n0.5\n", "epoch,loss\n1,2,3\n"])
def test_a_damaged_history_is_named(run, text):
    run.write_text("history.csv", text)
    with pytest.raises(UserError, match=r"history\.csv is damaged.*another --run name"):
        evaluation.plot(run)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", b"text"])
def test_damaged_predictions_are_named(run, content):
    run.directory.mkdir(parents=True)
    run.path("predictions.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"predictions\.npz is damaged.*another --run name"):
        evaluation.plot(run)


def test_predictions_that_do_not_belong_together_are_named(run):
    predictions(run, [0, 1, 5], [[0.5, 0.5]] * 3)
    with pytest.raises(UserError, match="don't belong together"):
        evaluation.plot(run)


@pytest.mark.parametrize("epochs", [1, 300])
def test_a_short_and_a_long_training(run, epochs):
    run.write_table("history.csv", [{"epoch": epoch, "loss": 1 / epoch, "val_loss": 2 / epoch}
                                    for epoch in range(1, epochs + 1)])
    assert names(evaluation.plot(run)) == ["history.png"]


def test_a_roc_curve_in_the_corner_is_enlarged():
    from matplotlib.figure import Figure

    from dl100_tf.evaluation import figures, plots

    random = np.random.default_rng(0)
    y = np.arange(300) % 3
    for noise, near in ((0.1, True), (3.0, False)):
        p = np.exp(np.eye(3)[y] + noise * random.normal(size=(300, 3)))
        figure = Figure()
        plots.roc(figure, figures.LIGHT, y, p / p.sum(axis=1, keepdims=True), ["a", "b", "c"])
        assert (figure.axes[0].get_xlim()[1] < 0.3) == near
