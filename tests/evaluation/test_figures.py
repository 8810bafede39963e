"""Figures of a recipe's own: drawn for either theme, captioned, kept in order, and shown by the report."""

import json
import warnings

import numpy as np
import pytest
from matplotlib import image

from dl100_tf import evaluation
from dl100_tf.evaluation import exhibits, figures


def line(figure, theme):
    figure.subplots().plot([0, 1], color=theme.blue)


def test_a_figure_is_drawn_for_light_and_for_dark(trained):
    asked = []
    path = evaluation.figure(trained, "mine", lambda figure, theme: asked.append(theme) or line(figure, theme),
                             "What it says.", (4, 3))
    assert path == trained.path("plots/mine.png") and asked == list(figures.THEMES)
    light, dark = image.imread(path), image.imread(trained.path("plots/mine-dark.png"))
    assert light.shape == dark.shape == (600, 800, 4)
    assert light[0, 0, :3].min() == 1 and dark[0, 0, :3].max() < 0.2
    assert json.loads(trained.path("plots/captions.json").read_text(encoding="utf-8")) == {
        "mine": {"index": 1, "title": "", "caption": "What it says.", "width": 800, "height": 600}}


def test_tables_and_figures_keep_the_order_in_which_they_were_first_written(trained):
    evaluation.figure(trained, "b", line, "")
    evaluation.table(trained, "z", [{"a": 1}], "Z")
    evaluation.figure(trained, "a", line, "")
    evaluation.figure(trained, "b", line, "again")
    evaluation.table(trained, "z", [{"a": 2}], "Z")
    places = {name: said["index"] for name, said in (exhibits.captions(trained) | exhibits.tables(trained)).items()}
    assert places == {"b": 1, "z": 2, "a": 3}
    assert exhibits.captions(trained)["b"]["caption"] == "again"


@pytest.mark.parametrize("name", ["", "../out", "a/b", "history", "mistakes", "mine-dark", "a.b", "x" * 200])
def test_a_name_that_cannot_be_a_file_or_is_taken_is_refused(trained, name):
    with pytest.raises(ValueError, match="can't name"):
        evaluation.figure(trained, name, line, "")
    with pytest.raises(ValueError, match="can't name"):
        evaluation.table(trained, name, [{"a": 1}], "")
    assert not trained.path("plots").exists() and not trained.path("tables").exists()


def test_a_sheet_leaves_room_for_the_foot_and_draws_without_a_warning(trained):
    def sheet(figure, theme):
        axis = figures.sheet(figure, 3, 2)
        assert (axis.get_xlim(), axis.get_ylim()) == ((0, 3), (2, 0))
        assert axis.get_position().y0 * figure.get_figheight() == pytest.approx(figures.FOOT)
        axis.imshow(np.zeros((2, 3)), extent=(0, 3, 2, 0))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluation.figure(trained, "sheet", sheet, "", (4, 2))


def test_every_class_of_ten_has_a_colour_of_its_own():
    for theme in figures.THEMES:
        assert len(set(theme.classes)) == len(theme.classes) == 10


def test_the_gap_is_drawn_whatever_the_rows(trained):
    rows = [{"name": "none", "train": 1.0, "test": 0.8}, {"name": "<b>ß" * 30, "train": 0.7, "test": 0.9},
            {"name": "even", "train": 0.5, "test": 0.5}]
    path = evaluation.draw_gap(trained, rows, "The further apart, the worse.")
    assert image.imread(path).shape[1] == 2080
    assert evaluation.draw_gap(trained, rows[:1], "", title="One", name="one").name == "one.png"


def test_the_gap_puts_the_best_test_accuracy_at_the_top():
    from matplotlib.figure import Figure

    from dl100_tf.evaluation import comparisons

    figure = Figure()
    rows = [{"name": "worse", "train": 1.0, "test": 0.8}, {"name": "better", "train": 0.95, "test": 0.9}]
    comparisons.gap(figure, figures.LIGHT, rows)
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["worse", "better"]
    training, test = axis.collections
    assert training.get_offsets().tolist() == [[1.0, 0], [0.95, 1]]
    assert test.get_offsets().tolist() == [[0.8, 0], [0.9, 1]]
