"""Pictures in a report: what an image model gets wrong with most confidence, and galleries of a recipe's own."""

import base64
import inspect
import io
import textwrap
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from dl100_tf.errors import UserError
from dl100_tf.evaluation import figures, records, wording

MISTAKES = 24
CRISP = 64  # pixels: up to this size a picture is kept as it is and shown enlarged, each pixel a square
THUMB = 224  # pixels: larger ones are kept at this size
DPI = 100  # of mistakes.png, where 24 photographs would fill megabytes
ROW = 12  # pictures in a row of a gallery
WHITE = 255.0  # the largest value of a pixel


def explain_images(model, data, run, cam: Callable[[np.ndarray], np.ndarray] | None = None) -> dict:
    """Find the most confident mistakes; write `plots/mistakes.png` and `findings.json`, and return the latter.

    Its `pictures` holds up to 24, the most confident first, each with `index`, `label`, `guess`, `confidence`,
    `width` and `height` in pixels, `crisp` (to be enlarged pixel by pixel), the `picture` as a data URI and, with
    `cam`, another one, `heat`, of the same picture with the place where the model looked in warm colours.

    Args:
        model: the model that was scored; it isn't asked again.
        data: the `Splits` that `score` was given; `data.test.x` holds pictures, uint8 (n, h, w, 1 or 3), and may be
            an `np.memmap`, of which only what is shown is read.
        run: the `Run`; its `predictions.npz` tells which were mistakes.
        cam: pictures (n, h, w, c) to heat, float32 (n, h, w) in 0..1, e.g. `grad_cam(model, layer)`; if it takes a
            second argument, it is given the judged classes too.

    Raises:
        UserError: the run has not been scored on this data, or its files are damaged.
    """
    y, p = _scored(run, data.test)
    labels = [str(label) for label in data.labels]
    guess = p.argmax(axis=1)
    wrong = np.flatnonzero(guess != y)
    worst = wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")][:MISTAKES]
    images = [as_picture(data.test.x[i]) for i in worst]
    heats = _heats(cam, np.stack([data.test.x[i] for i in worst]), guess[worst]) if cam and len(worst) else None
    pairs = [_pair(image, heat) for image, heat in zip(images, heats or [None] * len(worst), strict=True)]
    found = [{"index": int(i), "label": wording.clean(labels[y[i]]), "guess": wording.clean(labels[guess[i]]),
              "confidence": float(p[i].max()), "width": pair[0].shape[1], "height": pair[0].shape[0],
              "crisp": max(pair[0].shape[:2]) <= CRISP,
              **{name: _encoded(image) for name, image in zip(("picture", "heat"), pair, strict=False)}}
             for i, pair in zip(worst, pairs, strict=True)]
    findings = {"pictures": found}
    run.path("plots/mistakes.png").unlink(missing_ok=True)
    if found:
        notes = [f"true: {one['label']}\njudged: {one['guess']}\n{wording.confidence(one['confidence'])} sure"
                 for one in found]
        _plot_mistakes(run, pairs, notes, len(y))
    run.write_json("findings.json", findings)
    return findings


def draw_pictures(run, name: str, rows: list[tuple[str, np.ndarray]], caption: str, title: str = "") -> Path:
    """Draw a gallery with a label before each row, up to twelve pictures a row, as `plots/<name>.png`.

    Args:
        run: the `Run` to write into.
        name: the figure's name: letters, digits, `_` and `-`.
        rows: a label and pictures, (n, h, w, 1 or 3), uint8, or floating point in 0..1.
        caption: what the report says beneath it.
        title: the report's heading above it; `name` in words if empty.

    Returns:
        The path of the light figure.
    """
    shown = [(wording.clean(str(label)), [as_picture(image) for image in images[:ROW]]) for label, images in rows]
    across = max(4, *(len(images) for _, images in shown))
    ratio = max(image.shape[0] / image.shape[1] for _, images in shown for image in images)
    margin = 0.14 * across if any(label for label, _ in shown) else 0.0
    cell = figures.WIDE[0] / (across + margin)

    def draw(figure, theme):
        axis = figures.sheet(figure, across + margin, len(shown) * ratio)
        for row, (label, images) in enumerate(shown):
            text = "\n".join(textwrap.wrap(label, 15))
            axis.text(margin - 0.1, (row + 0.5) * ratio, text, ha="right", va="center", fontsize=9, color=theme.ink)
            for column, image in enumerate(images):
                put(axis, image, margin + column + 0.02, row * ratio + 0.02, 0.96, 0.96 * ratio)

    return figures.figure(run, name, draw, caption, (figures.WIDE[0], figures.FOOT + len(shown) * ratio * cell), title)


def as_picture(image: np.ndarray) -> np.ndarray:
    """A picture as uint8 (h, w) for a grey one and (h, w, 3) for one in colour; floats in 0..1 or 0..255 are taken."""
    image = np.asarray(image)
    if image.dtype != np.uint8:
        image = np.nan_to_num(image.astype("float32"))
        image = np.clip(image * (255 if image.size and image.max() <= 1 else 1), 0, 255).round().astype("uint8")
    if image.ndim == 3:
        image = image[..., 0] if image.shape[-1] < 3 else image[..., :3]
    return image


def overlay(images: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Pictures, uint8 (n, h, w, c), with heat, (n, h, w) in 0..1, over them in warm colours: uint8 (n, h, w, 3).

    With `draw_pictures` they make a gallery of what a model looks at.
    """
    return np.stack([_warmed(as_picture(image), one) for image, one in zip(images, heat, strict=True)])


def _warmed(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    grey = np.asarray(Image.fromarray(image).convert("L"), "float32")[..., None] / 255
    warm = matplotlib.colormaps["inferno"](heat)[..., :3].astype("float32")
    share = 0.25 + 0.5 * heat[..., None].astype("float32")
    return ((grey * (1 - share) + warm * share).clip(0, 1) * 255).round().astype("uint8")


def _scored(run, test) -> tuple[np.ndarray, np.ndarray]:
    """The run's predictions, if they are of these examples."""
    known = records.predictions(run)
    if known is None:
        raise UserError(f"{run.path('predictions.npz')} is missing: score the model before explaining it. "
                        f"{records.finish(run)}")
    if len(known[0]) != len(test.x) or not np.array_equal(known[0], np.asarray(test.y).reshape(-1)):
        raise UserError(f"{run.path('predictions.npz')} was made from other data than this. {records.again(run)}")
    return known


def _heats(cam: Callable, images: np.ndarray, guesses: np.ndarray) -> list[np.ndarray]:
    more = len(inspect.signature(cam).parameters) > 1
    return list(cam(images, guesses) if more else cam(images))


def _pair(image: np.ndarray, heat: np.ndarray | None) -> list[np.ndarray]:
    """A picture small enough to be kept and, where there is heat, the same with the heat over it."""
    if max(image.shape[:2]) > THUMB:
        small = Image.fromarray(image)
        small.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
        image = np.asarray(small)
    if heat is None:
        return [image]
    size = image.shape[1::-1]
    heat = np.asarray(Image.fromarray(np.asarray(heat, "float32")).resize(size, Image.Resampling.BILINEAR))
    return [image, _warmed(image, heat.clip(0, 1))]


def _encoded(image: np.ndarray) -> str:
    """A data URI: PNG where every pixel counts, JPEG for photos."""
    kind = "png" if max(image.shape[:2]) <= CRISP else "jpeg"
    content = io.BytesIO()
    Image.fromarray(image).save(content, kind, **({"quality": 85} if kind == "jpeg" else {"optimize": True}))
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"


def _plot_mistakes(run, pairs: list[list[np.ndarray]], notes: list[str], n: int) -> None:
    """`plots/mistakes.png`: the pictures as `report.md` shows them, which knows no dark page."""
    across = 6 if len(pairs[0]) == 1 else 3
    down = -(-len(pairs) // across)

    def draw(figure, theme):
        axis = figures.sheet(figure, across, down)
        for place, (pair, note) in enumerate(zip(pairs, notes, strict=True)):
            row, column = divmod(place, across)
            for part, image in enumerate(pair):
                width = 0.92 / len(pair)
                put(axis, image, column + 0.04 + part * width, row + 0.03, width * 0.97, 0.7)
            for line, text in enumerate(note.split("\n")):
                axis.text(column + 0.04, row + 0.75 + 0.075 * line, text if len(text) < 26 else text[:25] + "…",
                          va="top", fontsize=7.5, color=(theme.ink, theme.orange, theme.soft)[line])

    height = 0.3 + down * 2.3
    figures.write(run, "plots/mistakes.png", draw, figures.LIGHT, figures.origin(run, n), (figures.WIDE[0], height),
                  DPI)


def put(axis, image: np.ndarray, left: float, top: float, width: float, height: float) -> None:
    """Show `image` in a box of an axis whose y points down, as large as fits."""
    box = axis.get_window_extent()
    limits = axis.get_xlim(), axis.get_ylim()
    unit = (box.width / (limits[0][1] - limits[0][0]), box.height / (limits[1][0] - limits[1][1]))
    scale = min(width * unit[0] / image.shape[1], height * unit[1] / image.shape[0])
    wide, high = scale * image.shape[1] / unit[0], scale * image.shape[0] / unit[1]
    axis.imshow(image, extent=(left, left + wide, top + high, top), cmap="gray", vmin=0, vmax=255, aspect="auto",
                interpolation="nearest" if max(image.shape[:2]) <= CRISP else "antialiased")
    axis.set_xlim(limits[0])
    axis.set_ylim(limits[1])
