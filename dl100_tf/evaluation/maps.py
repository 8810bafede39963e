"""A map of words: near on the page where their vectors are near, as far as two dimensions can show it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dl100_tf.evaluation import figures
from dl100_tf.evaluation.wording import clean

FEW = 12  # words for which a straight projection does
NEIGHBOURS = 12.0  # that t-SNE keeps near each word


def draw_map(run, name: str, kinds: Mapping[str, list[str]], vectors: np.ndarray, caption: str, title: str = ""
             ) -> Path:
    """Draw words in a plane by t-SNE (a dozen words and fewer: by their two main directions), coloured by kind.

    Args:
        run: the `Run` to write into.
        name: the figure's name: letters, digits, `_` and `-`.
        kinds: the words of each kind.
        vectors: float32 (words, dim), in the same order.
        caption: what the report says beneath it.
        title: the report's heading above it; `name` in words if empty.

    Returns:
        The path of the light figure.

    Source: van der Maaten & Hinton 2008, https://jmlr.org/papers/v9/vandermaaten08a.html
    """
    places = plane(vectors)

    def draw(figure, theme):
        axis = figure.subplots()
        axis.axis("off")
        axis.scatter(*places.T, s=0)  # so that the axes know what they have to hold
        axis.margins(0.06, 0.03)
        at = 0
        for number, words in enumerate(kinds.values()):
            for word in words:
                axis.text(*places[at], clean(word), color=theme.classes[number % len(theme.classes)], fontsize=7.5,
                          ha="center", va="center", in_layout=False)
                at += 1

    return figures.figure(run, name, draw, caption, size=(10.4, 8.2), title=title)


def plane(vectors: np.ndarray) -> np.ndarray:
    """Places in a plane, (n, 2): the same vectors always get the same."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    if len(unit) > FEW:
        from sklearn.manifold import TSNE

        return TSNE(2, perplexity=min(NEIGHBOURS, (len(unit) - 1) / 3), metric="cosine", init="random",
                    random_state=0).fit_transform(unit)
    centred = unit - unit.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(unit), 2))
    places[:, :min(2, left.shape[1])] = (left * size)[:, :2]
    return places
