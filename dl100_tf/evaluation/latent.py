"""The codes that a net makes of examples, drawn as points in a plane: what it puts side by side."""

from pathlib import Path

import numpy as np

from dl100_tf.evaluation import figures
from dl100_tf.evaluation.wording import clean

POINTS = 2000  # t-SNE's time grows faster than their number
NEIGHBOURS = 30.0  # that t-SNE keeps near each point


def draw_latent(run, name: str, codes: np.ndarray, y: np.ndarray, labels, caption: str, title: str = "") -> Path:
    """Draw codes coloured by label: two numbers as they are, more by their main directions and, beside it, by t-SNE.

    Args:
        run: the `Run` to write into.
        name: the figure's name: letters, digits, `_` and `-`.
        codes: (n, d), at least two numbers each; of more than 2000 the first are drawn.
        y: labels, integers (n,).
        labels: their names; beyond ten, colours come again.
        caption: what the report says beneath it.
        title: the report's heading above it; `name` in words if empty.

    Returns:
        The path of the light figure.

    Raises:
        ValueError: codes of a single number.
    """
    codes, y = np.asarray(codes[:POINTS], "float64"), np.asarray(y[:POINTS])
    if codes.ndim != 2 or codes.shape[1] < 2:
        raise ValueError(f"codes of shape {codes.shape} have no plane to be drawn in")
    planes = {"as they are": codes} if codes.shape[1] == 2 else {
        "the two directions that vary most (PCA)": straight(codes), "neighbours kept together (t-SNE)": bent(codes)}

    def draw(figure, theme):
        axes = figure.subplots(1, len(planes), squeeze=False)[0]
        for axis, (told, places) in zip(axes, planes.items(), strict=True):
            for label in np.unique(y):
                axis.scatter(*places[y == label].T, s=7, linewidths=0, alpha=0.7, label=clean(str(labels[label])),
                             color=theme.classes[label % len(theme.classes)])
            axis.set_title(told, fontsize=10)
            axis.tick_params(labelsize=8)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", markerscale=2.5)

    return figures.figure(run, name, draw, caption, (figures.WIDE[0], 4.9 if len(planes) > 1 else 7.5), title)


def straight(codes: np.ndarray) -> np.ndarray:
    """Codes along the two directions in which they vary most, (n, 2)."""
    centred = codes - codes.mean(axis=0)
    return centred @ np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1]


def bent(codes: np.ndarray) -> np.ndarray:
    """Places in a plane where neighbours stay neighbours, (n, 2): the same codes always get the same.

    Source: van der Maaten & Hinton 2008, https://jmlr.org/papers/v9/vandermaaten08a.html
    """
    from sklearn.manifold import TSNE

    return TSNE(2, perplexity=min(NEIGHBOURS, (len(codes) - 1) / 3), init="pca", random_state=0).fit_transform(codes)
