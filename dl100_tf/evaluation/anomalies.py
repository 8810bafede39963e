"""How well normal examples are told from others by how far off they look: AUROC, curves, and the extremes."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from sklearn import metrics as sk

from dl100_tf.errors import UserError
from dl100_tf.evaluation import figures, pictures, tables
from dl100_tf.evaluation.wording import clean


def auroc(distance: np.ndarray, abnormal: np.ndarray) -> float:
    """How likely an abnormal example is further off than a normal one: 1 is perfect, 0.5 is chance.

    Args:
        distance: (n,).
        abnormal: whether an example is, (n,), both kinds being there.

    Raises:
        UserError: a distance is NaN or infinite.
    """
    bad = int((~np.isfinite(distance)).sum())
    if bad:
        raise UserError(f"{bad} of {len(distance)} distances are NaN or infinite: training has diverged. Train again "
                        "under another --run name with a smaller learning rate.")
    return float(sk.roc_auc_score(np.asarray(abnormal, bool), distance))


def compare_ways(run, off: Mapping[str, Sequence[Mapping[str, np.ndarray]]], y: Mapping[str, np.ndarray], labels
                 ) -> dict[str, float]:
    """Put several ways to tell side by side, each class being the normal one in turn: two tables and the ROC curves.

    Args:
        run: the `Run` to write into.
        off: by a way's name, for each class as the normal one, by part, how far off each example is, (n,).
        y: by part, the examples' classes, integers (n,): of `validation`, by which settings are chosen, and `test`.
        labels: names of the classes, in their order.

    Returns:
        Each way's AUROC on the test examples, mean over the classes.
    """
    found = {part: {way: [auroc(one[part], y[part] != number) for number, one in enumerate(each)]
                    for way, each in off.items()} for part in ("validation", "test")}
    means = {part: {way: float(np.mean(values)) for way, values in ways.items()} for part, ways in found.items()}
    rows = [{"normal class": label, **{way: values[number] for way, values in found["test"].items()}}
            for number, label in enumerate(labels)]
    tables.table(run, "classes", [*rows, {"normal class": "mean", **means["test"]}], "Each class as the normal one",
                 "AUROC on all test pictures.", best={}, mark=[len(rows)])
    tables.table(run, "choice", [{"way": way, "held out": means["validation"][way], "test": means["test"][way]}
                                 for way in off], "By what to choose", "Mean AUROC over the classes. Held out are "
                 "training pictures no detector was fitted to: settings are chosen by them, and the test comes after.",
                 best={})
    draw_roc(run, "curves", {way: {label: each[number]["test"] for number, label in enumerate(labels)}
                             for way, each in off.items()}, y["test"], labels, "ROC curves on the test pictures, "
             "each class as the normal one in turn.", "Ways to tell")
    return means["test"]


def draw_roc(run, name: str, ways: Mapping[str, Mapping[str, np.ndarray]], y: np.ndarray, labels, caption: str,
             title: str = "") -> Path:
    """Draw ROC curves side by side for several ways to tell, one for each class as the normal one.

    Args:
        run: the `Run` to write into.
        name: the figure's name: letters, digits, `_` and `-`.
        ways: by a way's name, for each label the distances of all examples, (n,), where that label is normal.
        y: the examples' classes, integers (n,).
        labels: names of the classes, in their order.
        caption: what the report says beneath it.
        title: the report's heading above it; `name` in words if empty.

    Returns:
        The path of the light figure.
    """
    def draw(figure, theme):
        shades = matplotlib.colormaps["cividis"]
        first, last = (0.0, 0.8) if theme.suffix == "" else (0.45, 1.0)  # the ends would vanish in the paper
        for axis, (way, distances) in zip(figure.subplots(1, len(ways), squeeze=False)[0], ways.items(), strict=True):
            axis.plot([0, 1], [0, 1], color=theme.soft, linewidth=1, linestyle=(0, (2, 3)))
            for number, label in enumerate(labels):
                false, true, _ = sk.roc_curve(y != number, distances[label])
                axis.plot(false, true, linewidth=1.2, label=f"{clean(label)}  {sk.auc(false, true):.3f}",
                          color=shades(first + (last - first) * number / max(len(labels) - 1, 1)))
            axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", anchor="N",
                     xlabel="normal taken for abnormal", ylabel="abnormal found")
            axis.set_title(way)
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=8, title_fontsize=8,
                        title="normal class, AUROC")  # below: some curves leave no corner free

    height = figures.WIDE[0] / max(len(ways), 2) + 0.7 + 0.17 * math.ceil(len(labels) / 2)
    return figures.figure(run, name, draw, caption, (figures.WIDE[0], height), title)


def draw_extremes(run, name: str, test, distance: np.ndarray, normal: str) -> Path:
    """Draw the pictures that look most and least anomalous, the normal ones and the others apart.

    Args:
        run: the `Run` to write into.
        name: the figure's name.
        test: `x`, pictures, uint8 (n, h, w, c), and whether each is abnormal, `y`, (n,).
        distance: how far off each looks, (n,).
        normal: what the normal ones are called.

    Returns:
        The path of the light figure.
    """
    rows, order = [], np.argsort(distance, kind="stable")
    for told, wanted in ((normal, False), ("others", True)):
        mine = order[np.asarray(test.y, bool)[order] == wanted]
        rows += [(f"{told}: least anomalous", test.x[mine[:pictures.ROW]]),
                 (f"{told}: most anomalous", test.x[mine[::-1][:pictures.ROW]])]
    return pictures.draw_pictures(run, name, rows, "Test pictures by how anomalous they look. The second row are "
                                  "false alarms, the third are those that were missed first.",
                                  "The most and the least anomalous")
