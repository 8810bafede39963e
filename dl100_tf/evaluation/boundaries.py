"""Which points of a plane a model gives to which class, and how that moved while it learnt."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import matplotlib.style
import numpy as np
import rich.console
import rich.progress
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from dl100_tf.evaluation import figures, wording

STEPS = 181  # points along each side of the plane that the model is asked about
BEYOND = 10  # of them that lie beyond each edge of what is shown
FEW = 3  # frames that need no animation
PANELS = 8  # frames that stand beside each other
FRAMES = 60  # and that are played
COLOURS = 96  # of an animation
PACE, HOLD = 170, 2_000  # milliseconds that a frame is shown for, and the last one

Frames = list[tuple[str, Callable[[np.ndarray], np.ndarray]]]


@dataclasses.dataclass(frozen=True)
class Scene:
    """What stays the same from frame to frame."""

    x: np.ndarray  # float32 (n, 2)
    y: np.ndarray  # integers (n,)
    labels: list[str]
    extent: tuple[float, ...]  # left, right, bottom, top of what the model is asked about
    view: tuple[float, ...]  # and of what is shown, a little less, as smoothing knows nothing beyond the edge
    axes: tuple[str, str]


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
    asked, extent, view = plane(x)
    shown = [frames[i] for i in spread(len(frames), FRAMES)]
    regions = [(wording.clean(str(said)), probabilities(ask(asked), len(labels))) for said, ask in shown]
    scene = Scene(x, y, [wording.clean(str(label)) for label in labels], extent, view, axes)
    panels = [regions[i] for i in spread(len(regions), PANELS)]
    across = min(len(panels), 4)
    down = -(-len(panels) // across)
    size = (figures.WIDE[0] if across > 1 else figures.SIZE[0], 1 + down * 0.95 * figures.WIDE[0] / max(across, 2))
    path = figures.figure(run, name, lambda figure, theme: _panels(figure, theme, panels, scene, (down, across)),
                          caption, size, title)
    if len(frames) > FEW:
        _animate(run, name, regions, scene)
    else:
        for theme in figures.THEMES:
            run.path(f"plots/{name}{theme.suffix}.gif").unlink(missing_ok=True)
    return path


def spread(many: int, limit: int) -> np.ndarray:
    """Up to `limit` indices from the first to the last, evenly apart."""
    return np.unique(np.linspace(0, many - 1, min(many, limit)).round().astype(int))


def plane(x: np.ndarray) -> tuple[np.ndarray, tuple[float, ...], tuple[float, ...]]:
    """A grid of points around `x`, float32 (STEPS**2, 2); left, right, bottom and top of it and of what is shown."""
    low, high = x.min(axis=0), x.max(axis=0)
    edge = np.where(high > low, 0.12 * (high - low), 1.0)
    beyond = BEYOND / (STEPS - 2 * BEYOND) * (high - low + 2 * edge)
    view, extent = ((low[0] - by[0], high[0] + by[0], low[1] - by[1], high[1] + by[1]) for by in (edge, edge + beyond))
    across, up = np.meshgrid(np.linspace(*extent[:2], STEPS), np.linspace(*extent[2:], STEPS))
    return np.stack([across.ravel(), up.ravel()], axis=1).astype("float32"), extent, view


def probabilities(answer: np.ndarray, k: int) -> np.ndarray:
    """Each class's probability over the plane, (STEPS, STEPS, k)."""
    p = np.asarray(answer, "float32").reshape(STEPS * STEPS, -1)
    if p.shape[1] == 1 and k == 2:
        p = np.hstack([1 - p, p])
    if p.shape[1] != k:
        raise ValueError(f"the function gives {p.shape[1]} numbers a point for {k} classes")
    return np.clip(p, 0, 1).reshape(STEPS, STEPS, k)


def _panels(figure: Figure, theme, regions, scene, shape: tuple[int, int]) -> None:
    axes = figure.subplots(*shape, squeeze=False, sharex=True, sharey=True).ravel()
    for place, axis in enumerate(axes):
        if place >= len(regions):
            axis.remove()
            continue
        said, p = regions[place]
        region(axis, theme, p, scene)
        axis.set_title(said, fontsize=10)
        axis.set(xlabel=scene.axes[0] if place + shape[1] >= len(regions) else "",
                 ylabel=scene.axes[1] if place % shape[1] == 0 else "")
        axis.tick_params(labelbottom=place + shape[1] >= len(regions))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=min(len(scene.labels), 6))


def region(axis, theme, p: np.ndarray, scene: Scene) -> list:
    """One plane: soft colours for the regions, a line where the judgement turns, and the points; what was drawn."""
    k = len(scene.labels)
    colours = np.array([to_rgb(theme.classes[i % len(theme.classes)]) for i in range(k)])
    share = p / np.maximum(p.sum(axis=-1, keepdims=True), 1e-9)
    soft = 0.68 * np.array(to_rgb(theme.paper)) + 0.32 * (share @ colours)
    drawn = [axis.imshow(np.clip(soft, 0, 1), extent=scene.extent, origin="lower", aspect="auto",
                         interpolation="bilinear")]
    for label in range(1, k) if k == 2 else range(k):
        ahead = _smoothed(p[..., label] - np.delete(p, label, axis=-1).max(axis=-1))
        if ahead.min() < 0 < ahead.max():
            drawn.append(axis.contour(ahead, levels=[0], extent=scene.extent, colors=[theme.ink], linewidths=1.4,
                                      origin="lower"))
    for label, called in enumerate(scene.labels):
        drawn.append(axis.scatter(*scene.x[scene.y == label].T, s=16 if len(scene.y) > 60 else 60, color=colours[label],
                                  edgecolor=theme.paper, linewidth=0.6, marker="os^Dvp*"[label % 7], label=called,
                                  zorder=3))
    axis.grid(False)
    axis.set(xlim=scene.view[:2], ylim=scene.view[2:])
    return drawn


def _smoothed(field: np.ndarray) -> np.ndarray:
    """`field` blurred a little, so that the border of a hard 0 or 1 is a line and no staircase."""
    for _ in range(8):
        padded = np.pad(field, 1, mode="edge")
        rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
        field = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16
    return field


def _animate(run, name: str, regions, scene: Scene) -> None:
    """The frames one after the other, for either theme; the last one stays for a moment."""
    with rich.progress.Progress(console=rich.console.Console(stderr=True), transient=True) as bar:
        task = bar.add_task("drawing the animation", total=len(figures.THEMES) * len(regions))
        for theme in figures.THEMES:
            pictures = []
            for picture in _film(theme, regions, scene):
                pictures.append(picture)
                bar.advance(task)
            pictures = _alike(pictures, theme)
            with run.writing(f"plots/{name}{theme.suffix}.gif") as file:
                pictures[0].save(file, save_all=True, append_images=pictures[1:], loop=0,
                                 duration=[PACE] * (len(pictures) - 1) + [HOLD])


def _alike(pictures: list[Image.Image], theme) -> list[Image.Image]:
    """The pictures in the same few colours, without dithering, which would make the file four times as large.

    Those of the planes are found by counting; those of lines, letters and points are too rare for that.
    """
    few = np.concatenate([np.asarray(pictures[i]) for i in spread(len(pictures), 4)])
    paper = np.array(to_rgb(theme.paper))
    drawn = np.array([to_rgb(colour) for colour in (theme.ink, theme.soft, theme.grid, *theme.classes)])
    rare = np.concatenate([share * drawn + (1 - share) * paper for share in (1, 0.7, 0.4)] + [paper[None]])
    colours = Image.fromarray(few).quantize(COLOURS).getpalette()[:3 * COLOURS]
    colours += (255 * rare).round().astype(int).ravel().tolist()
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours)
    alike = []
    for one in pictures:
        places = np.array(one.quantize(palette=palette, dither=Image.Dither.NONE))
        bare = (np.asarray(one) == (255 * paper).round()).all(axis=-1)
        places[bare] = len(colours) // 3 - 1  # Pillow would only come near
        alike.append(Image.fromarray(places))
        alike[-1].putpalette(colours)
    return alike


def _film(theme, regions, scene: Scene):
    """Each frame as a picture. Only what moves is drawn anew: ticks and labels are most of the work, and stay."""
    with matplotlib.style.context(["default", figures.style(theme)]):
        figure = Figure(figsize=(5.2, 4.4), dpi=100, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axis = figure.subplots()
        axis.set(xlim=scene.view[:2], ylim=scene.view[2:], xlabel=scene.axes[0], ylabel=scene.axes[1])
        axis.set_title(" ")  # keeps the room for one
        canvas.draw()
        figure.set_layout_engine("none")
        still = canvas.copy_from_bbox(figure.bbox)
        for said, p in regions:
            canvas.restore_region(still)
            axis.draw_artist(axis.set_title(said))
            for artist in region(axis, theme, p, scene):
                axis.draw_artist(artist)
                artist.remove()
            yield Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
