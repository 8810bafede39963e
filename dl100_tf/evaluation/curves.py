"""Runs beside each other, epoch by epoch."""

from pathlib import Path

from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from dl100_tf.evaluation import figures
from dl100_tf.evaluation.wording import clean


def draw_curves(run, name: str, runs: dict[str, list[dict]], columns: dict[str, str], caption: str,
                title: str = "", logarithmic: tuple[str, ...] = ()) -> Path:
    """Draw columns of the rows of several runs by epoch, a panel for each, as `plots/<name>.png`.

    Args:
        run: the `Run` to write into.
        name: the figure's name: letters, digits, `_` and `-`.
        runs: what each run is called, and its rows, each with `epoch`; a row may lack a column.
        columns: those that are drawn, and what stands beside each panel.
        caption: what the report says beneath it.
        title: the report's heading above it; `name` in words if empty.
        logarithmic: columns whose axis is logarithmic.

    Returns:
        The path of the light figure.
    """
    def draw(figure, theme):
        panels = figure.subplots(1, len(columns), squeeze=False)[0]
        for axis, (column, said) in zip(panels, columns.items(), strict=True):
            for number, (called, rows) in enumerate(runs.items()):
                points = [(row["epoch"], row[column]) for row in rows if column in row]
                axis.plot(*zip(*points, strict=True), color=theme.classes[number % len(theme.classes)],
                          marker="osDv"[number % 4], markersize=4, label=clean(called))
            axis.set(xlabel="epoch")
            if column in logarithmic:
                _make_logarithmic(axis)
            axis.set_title(clean(said), fontsize=10)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if len(runs) > 1:
            figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(runs))

    return figures.figure(run, name, draw, caption, (figures.WIDE[0], 4.2), title)


def _make_logarithmic(axis) -> None:
    """Make the y axis logarithmic, its ticks plain numbers: the usual ones are formulas, which figures don't set."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
