"""The four figures that every scored run has, drawn from its files alone."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from sklearn import metrics as sk

from dl100_tf.errors import UserError
from dl100_tf.evaluation import figures, records, scores
from dl100_tf.evaluation.figures import Theme
from dl100_tf.evaluation.wording import clean, count, percent

NAMED = 12  # classes; beyond this many a figure leaves out numbers and legends
TICKS = 40  # classes; beyond this many the confusion matrix leaves out names too
SURE = 0.98  # AUROC from which the curve hugs the corner


def plot(run) -> list[Path]:
    """Draw what the run has data for, and return the paths of the light figures: none of a run scored untrained.

    `history` needs `history.csv`; `confusion`, `roc` and `reliability` need `predictions.npz`. Each becomes
    `plots/<name>.png` and `plots/<name>-dark.png`, 1040 x 1040 pixels.

    Raises:
        UserError: the run has neither file, or one of them is damaged.
    """
    rows, known = records.history(run), records.predictions(run)
    if not rows and known is None and not run.path("scores.json").is_file():
        raise UserError(f"{run.directory} has neither history.csv nor predictions.npz: there is nothing to plot. "
                        f"{records.finish(run)}")
    draws = {}
    if rows:
        best = records.best_epoch(run, rows)
        draws["history"] = lambda figure, theme: history(figure, theme, rows, best)
    if known:
        y, p = known
        labels = [short(name) for name in records.labels(run, p.shape[1])]
        draws["confusion"] = lambda figure, theme: confusion(figure, theme, y, p, labels)
        if len(np.unique(y)) > 1:
            draws["roc"] = lambda figure, theme: roc(figure, theme, y, p, labels)
        draws["reliability"] = lambda figure, theme: reliability(figure, theme, y, p)
    foot = figures.origin(run, len(known[0]) if known else 0)
    for name, draw in draws.items():
        for theme in figures.THEMES:
            figures.write(run, f"plots/{name}{theme.suffix}.png", draw, theme, foot)
    return [run.path(f"plots/{name}.png") for name in draws]


def history(figure: Figure, theme: Theme, rows: list[dict], best: int | None) -> None:
    """Loss, and the first metric beside it, by epoch, with the epoch whose weights were kept marked."""
    aside = ("epoch", "loss", "learning_rate", "seconds")
    names = ["loss", *(name for name in rows[0] if name not in aside and not name.startswith("val_"))][:2]
    axes = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    epochs = [row["epoch"] for row in rows]
    marker = "o" if len(rows) <= 30 else ""
    for axis, name in zip(axes, names, strict=True):
        for column, label, colour, style in ((name, "training", theme.soft, (0, (4, 2))),
                                             (f"val_{name}", "validation", theme.blue, "-")):
            if column in rows[0]:
                axis.plot(epochs, [row[column] for row in rows], color=colour, linestyle=style, marker=marker,
                          markersize=4, label=label)
        axis.set_ylabel(clean(name).replace("_", " "))
        axis.margins(x=0.04, y=0.14)
        if name.endswith("accuracy"):
            axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))
        if best:
            axis.axvline(best, color=theme.orange, linewidth=1.4, zorder=1, label=f"kept: epoch {best}")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes[-1].set_xlabel("epoch")
    axes[0].legend(loc="best")
    axes[0].set_title("Learning curves")


def confusion(figure: Figure, theme: Theme, y: np.ndarray, p: np.ndarray, labels: list[str]) -> None:
    """How often each class was taken for each."""
    matrix = sk.confusion_matrix(y, p.argmax(axis=1), labels=range(len(labels)))
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axis = figure.subplots()
    shades = LinearSegmentedColormap.from_list("shades", [theme.paper, theme.blue])
    axis.imshow(share, cmap=shades, vmin=0, vmax=1)
    axis.grid(False)
    axis.tick_params(length=0)
    axis.set(xlabel="judged", ylabel="true")
    axis.set_title("Confusion")
    if len(labels) > TICKS:
        return
    long = max(map(len, labels)) > 5 and len(labels) > 3
    size = None if len(labels) <= NAMED else 240 / (len(labels) + 20)
    axis.set_xticks(range(len(labels)), labels, rotation=90 if long else 0, fontsize=size)
    axis.set_yticks(range(len(labels)), labels, fontsize=size)
    if len(labels) > NAMED:
        return
    for (i, j), number in np.ndenumerate(matrix):
        strong = share[i, j] > 0.55
        text = f"{percent(share[i, j])}\n{count(number)}" if len(labels) <= 4 else count(number)
        axis.text(j, i, text, ha="center", va="center", fontsize=13 if len(labels) <= 4 else 8, linespacing=1.5,
                  color=theme.paper if strong else theme.ink)


def roc(figure: Figure, theme: Theme, y: np.ndarray, p: np.ndarray, labels: list[str]) -> None:
    """True against false positive rate over all thresholds; with more than two labels, each against the rest."""
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color=theme.soft, linewidth=1, linestyle=(0, (2, 3)))
    classes = [1] if len(labels) == 2 else [label for label in range(len(labels)) if (y == label).any()]
    # The ends that would vanish in the paper are left out.
    shades = matplotlib.colormaps["cividis"]
    first, last = (0.0, 0.8) if theme.suffix == "" else (0.45, 1.0)
    worst = 1.0
    for place, label in enumerate(classes):
        false, true, _ = sk.roc_curve(y == label, p[:, label])
        worst = min(worst, sk.auc(false, true))
        colour = theme.blue if len(classes) == 1 else shades(first + (last - first) * place / max(len(classes) - 1, 1))
        axis.plot(false, true, color=colour, linewidth=2 if len(classes) == 1 else 1,
                  label=f"{labels[label]}  AUROC {sk.auc(false, true):.3f}" if len(classes) <= NAMED else None)
    near = worst > SURE  # all that tells the curves apart is in one corner
    axis.set(xlim=(-0.002, 0.202) if near else (-0.01, 1.01), ylim=(0.798, 1.002) if near else (-0.01, 1.01),
             aspect="equal", xlabel="false positive rate", ylabel="true positive rate")
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_locator(MaxNLocator(5))
    axis.set_title(("ROC" if len(classes) == 1 else "ROC, each class against the rest")
                   + ("\n(the upper left corner)" if near else ""))
    if len(classes) <= NAMED:
        axis.legend(loc="lower right")


def reliability(figure: Figure, theme: Theme, y: np.ndarray, p: np.ndarray) -> None:
    """Whether 80 % sure is right 80 % of the time; below, how many guesses are how sure."""
    size, confidence, accuracy = scores.calibration(y, p)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    start = 1 / p.shape[1]  # no guess can be less sure
    upper.plot([start, 1], [start, 1], color=theme.soft, linewidth=1, linestyle=(0, (2, 3)), label="perfect")
    filled = size > 0
    upper.plot(confidence[filled], accuracy[filled], color=theme.blue, marker="o", markersize=5,
               label=f"model, off by {percent(scores.calibration_error(y, p))} on average")
    edges = np.linspace(0, 1, scores.BINS + 1)
    lower.bar(edges[:-1], size, width=np.diff(edges), align="edge", color=theme.blue, edgecolor=theme.paper)
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
    for axis in (upper.yaxis, lower.xaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    lower.set(xlim=(start - 0.02, 1.02), xlabel="confidence", ylabel="guesses")
    upper.set(ylim=(min(start, np.nanmin(accuracy)) - 0.04, 1.04), ylabel="accuracy")
    upper.legend(loc="best")
    upper.set_title("Reliability")


def short(name: str) -> str:
    """A class's name, cut to what fits beside an axis."""
    return name if len(name) <= 18 else name[:17] + "…"
