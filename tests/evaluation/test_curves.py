"""Columns of several runs, epoch by epoch."""

import matplotlib.style
import pytest
from matplotlib.figure import Figure

from dl100_tf.evaluation import curves, figures


def drawn(monkeypatch, runs, **options) -> Figure:
    """The figure that `draw_curves` fills, with one panel for the column `distance`."""
    with matplotlib.style.context(["default", figures.style(figures.LIGHT)]):
        figure = Figure(layout="constrained")
        monkeypatch.setattr(figures, "figure", lambda run, name, draw, *rest: draw(figure, figures.LIGHT))
        curves.draw_curves(None, "learning", runs, {"distance": "from the test pictures"}, "", **options)
        figure.draw_without_rendering()
    return figure


def rows(*distances):
    return [{"epoch": epoch, "distance": distance} for epoch, distance in enumerate(distances, 1)]


@pytest.mark.parametrize("distances", [(9.1, 5.2, 4.1), (14.3, 4.2), (4.4, 4.1), (5000, 3, 0.02)])
def test_ticks_of_a_logarithmic_axis_are_plain_numbers(monkeypatch, distances):
    axis = drawn(monkeypatch, {"one": rows(*distances)}, logarithmic=("distance",)).axes[0]
    low, high = axis.get_ylim()
    ticks = [label.get_text() for label in axis.get_yticklabels(which="both") if label.get_text()
             and low <= label.get_position()[1] <= high]
    assert axis.get_yscale() == "log"
    assert len(ticks) >= 2
    assert all(float(tick) > 0 for tick in ticks)


def test_several_runs_have_one_legend_and_may_lack_a_column(monkeypatch):
    figure = drawn(monkeypatch, {"one": rows(3, 2), "other": [{"epoch": 1}, {"epoch": 2, "distance": 1}]})
    assert [text.get_text() for text in figure.legends[0].texts] == ["one", "other"]
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [2, 1]
