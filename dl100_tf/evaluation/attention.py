"""Who hears whom: the attention weights of a text model, drawn on a few texts."""

from pathlib import Path

import numpy as np

from dl100_tf.evaluation import figures, wording

READABLE = (8, 16)  # words: enough to see something, few enough to be read
TEXTS = 3
LETTERS = 14  # of a word that are shown


def readable(ids: np.ndarray, y: np.ndarray, count: int = TEXTS) -> np.ndarray:
    """Indices of short texts to draw, of as many classes as there can be, the shortest of each; int64 (n,).

    Args:
        ids: word ids (n, words), 0 behind the end of a text.
        y: classes (n,).
        count: how many at most.
    """
    lengths = np.count_nonzero(ids, axis=1)
    fit = [i for i in np.argsort(lengths, kind="stable") if READABLE[0] <= lengths[i] <= READABLE[1]]
    firsts = {int(y[i]): i for i in reversed(fit)}  # of each class the shortest
    rest = [i for i in fit if i not in firsts.values()]
    return np.array([*firsts.values(), *rest][:count], np.int64)


def draw_attention(run, texts: list[list[str]], weights: np.ndarray, title: str = "Attention") -> Path | None:
    """Draw the attention weights of each text, a picture for each head, as `plots/attention.png`.

    Args:
        run: the `Run` to write into.
        texts: the words of each text; a model's words for "padding" and beyond are left out of the drawing.
        weights: (n, heads, words, words), what each word (the first of the two) takes from each.
        title: the report's heading.

    Returns:
        The path of the light figure; None where there is no text.
    """
    if not texts:
        return None
    heads = weights.shape[1]
    longest = max(map(len, texts))

    def draw(figure, theme):
        axes = figure.subplots(len(texts), heads, squeeze=False)
        colours = _shades(theme)
        for row, words, maps in zip(axes, texts, weights, strict=True):
            shown = [wording.clean(word)[:LETTERS] for word in words]
            for head, (axis, heard) in enumerate(zip(row, maps, strict=True)):
                axis.imshow(heard[:len(words), :len(words)], cmap=colours, vmin=0)
                axis.grid(visible=False)
                axis.set_xticks(range(len(words)), shown, rotation=90, fontsize=7)
                axis.set_yticks(range(len(words)), shown if head == 0 else [], fontsize=7)
                axis.set_title(f"head {head + 1}" if axis in axes[0] else "", fontsize=10)
    return figures.figure(
        run, "attention", draw, "Each row is a word that asks, each column a word that answers: the darker, the more "
        "of it is taken. Words that the net doesn't know are [UNK]. A picture's darkest place is its largest weight.",
        (figures.WIDE[0], len(texts) * (1.3 + 0.13 * longest) + 0.6), title)


def _shades(theme):
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("shades", [theme.paper, theme.blue])
