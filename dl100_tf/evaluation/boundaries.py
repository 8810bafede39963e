"""Which points of a plane a model gives to which class, and how that moved while it learnt."""

from collections.abc import Callable
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib import animation
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dl100_tf.evaluation import figures, wording

STEPS = 161  # points along each side of the plane that the model is asked about
PANELS = 8  # frames that stand beside each other
FRAMES = 60  # and that are played
HOLD = 10  # frames that the last one is shown for

Frames = list[tuple[str, Callable[[np.ndarray], np.ndarray]]]


def draw_boundary(run, name: str, frames: Frames, x: np.ndarray, y: np.ndarray, labels: list[str], caption: str,
                  axes: tuple[str, str] = ("", ""), title: str = "") -> Path:
    """Draw the regions a model gives to each class, frame by frame; more than three also move in a GIF.

    Args:
        run: the `Run` to write into.
        name: the figure's name: letters, digits, `_` and `-`.
        frames: a title and a function from points, float32 (m, 2), to the probability of the second class, (m,) or
            (m, 1), or of each class, (m, k).
        x: the points to show, (n, 2).
        y: their classes, integers (n,).
        labels: the classes' names.
        caption: what the report says beneath it.
        axes: what the two numbers of a point are, with their units.
        title: the report's heading above it; `name` in words if empty.

    Returns:
        The path of the light figure.
    """
    x, y = np.asarray(x, "float32"), np.asarray(y).reshape(-1)
    plane, extent = _plane(x)
    shown = [frames[i] for i in _spread(len(frames), FRAMES)]
    regions = [(wording.clean(said), _classes(ask(plane), len(labels))) for said, ask in shown]
    scene = (x, y, [wording.clean(str(label)) for label in labels], extent, axes)
    panels = [regions[i] for i in _spread(len(regions), PANELS)]
    across = min(len(panels), 4 if len(panels) > 3 else 3)
    down = -(-len(panels) // across)
    size = (figures.WIDE[0], 0.9 + down * 0.95 * figures.WIDE[0] / max(across, 2))
    path = figures.figure(run, name, lambda figure, theme: _panels(figure, theme, panels, scene, (down, across)),
                          caption, size, title)
    if len(frames) > 3:
        for theme in figures.THEMES:
            _animate(run, f"plots/{name}{theme.suffix}.gif", theme, regions, scene)
    else:
        for theme in figures.THEMES:
            run.path(f"plots/{name}{theme.suffix}.gif").unlink(missing_ok=True)
    return path


def _spread(many: int, limit: int) -> np.ndarray:
    """Up to `limit` indices from the first to the last, evenly apart."""
    return np.unique(np.linspace(0, many - 1, min(many, limit)).round().astype(int))


def _plane(x: np.ndarray) -> tuple[np.ndarray, tuple[float, ...]]:
    """A grid of points around `x`, float32 (STEPS**2, 2), and its left, right, bottom and top."""
    low, high = x.min(axis=0), x.max(axis=0)
    edge = np.where(high > low, 0.12 * (high - low), 1.0)
    low, high = low - edge, high + edge
    across, up = np.meshgrid(np.linspace(low[0], high[0], STEPS), np.linspace(low[1], high[1], STEPS))
    return np.stack([across.ravel(), up.ravel()], axis=1).astype("float32"), (low[0], high[0], low[1], high[1])


def _classes(answer: np.ndarray, k: int) -> np.ndarray:
    """Each class's probability over the plane, (STEPS, STEPS, k)."""
    p = np.asarray(answer, "float32").reshape(STEPS * STEPS, -1)
    if p.shape[1] == 1 and k == 2:
        p = np.hstack([1 - p, p])
    if p.shape[1] != k:
        raise ValueError(f"the function gives {p.shape[1]} numbers a point for {k} classes")
    return np.clip(p, 0, 1).reshape(STEPS, STEPS, k)


def _panels(figure: Figure, theme, regions, scene, shape: tuple[int, int]) -> None:
    axes = figure.subplots(*shape, squeeze=False, sharex=True, sharey=True).ravel()
    for axis, (said, p) in zip(axes, regions, strict=False):
        _region(axis, theme, p, scene)
        axis.set_title(said, fontsize=10)
    for axis in axes[len(regions):]:
        axis.remove()
    figure.supxlabel(scene[4][0], fontsize=10, color=theme.soft)
    figure.supylabel(scene[4][1], fontsize=10, color=theme.soft)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=min(len(names), 5))


def _region(axis, theme, p: np.ndarray, scene) -> None:
    """One plane: soft colours for the regions, a line where the judgement turns, and the points."""
    x, y, labels, extent, _ = scene
    colours = np.array([to_rgb(theme.classes[i % len(theme.classes)]) for i in range(len(labels))])
    paper = np.array(to_rgb(theme.paper))
    share = p / np.maximum(p.sum(axis=-1, keepdims=True), 1e-9)
    axis.imshow(np.clip(0.68 * paper + 0.32 * (share @ colours), 0, 1), extent=extent, origin="lower", aspect="auto",
                interpolation="bilinear")
    for label in range(len(labels)):
        rest = np.delete(p, label, axis=-1).max(axis=-1)
        ahead = p[..., label] - rest
        if ahead.min() < 0 < ahead.max() and (len(labels) > 2 or label):
            axis.contour(ahead, levels=[0], extent=extent, colors=[theme.ink], linewidths=1.4, origin="lower")
    for label, called in enumerate(labels):
        axis.scatter(*x[y == label].T, s=16, color=colours[label], edgecolor=theme.paper, linewidth=0.6,
                     marker="os^Dvp*"[label % 7], label=called, zorder=3)
    axis.grid(False)
    axis.set(xlim=extent[:2], ylim=extent[2:])


def _animate(run, name: str, theme, regions, scene) -> None:
    """The frames one after the other; the last one stays for a moment."""
    with matplotlib.style.context(["default", figures.style(theme)]), run.writing(name) as file:
        figure = Figure(figsize=(5.2, 4.4), dpi=100, layout="constrained")
        FigureCanvasAgg(figure)
        writer = animation.PillowWriter(fps=6)
        with writer.saving(figure, str(file), dpi=100):
            for said, p in [*regions, *[regions[-1]] * HOLD]:
                figure.clear()
                axis = figure.subplots()
                _region(axis, theme, p, scene)
                axis.set(xlabel=scene[4][0], ylabel=scene[4][1])
                axis.set_title(said)
                writer.grab_frame()
