"""What the layers of a convolutional net hold and see: its first filters, and the feature maps of one picture."""

from pathlib import Path

import numpy as np

from dl100_tf.errors import UserError
from dl100_tf.evaluation import figures, saliency, wording
from dl100_tf.evaluation.pictures import as_picture, put

TILES = 32  # of a layer
LAYERS = 6  # convolutions that are shown
ACROSS = 16  # tiles in a row
FIRST, HEADING = 2.2, 0.5  # heights of the picture and of a heading, in tiles


def draw_layers(model, image: np.ndarray, run) -> list[Path]:
    """Draw the first convolution's filters and the feature maps that each convolution makes of one picture.

    `plots/filters.png` and `plots/feature_maps.png`: at most 32 filters or maps a layer, and six layers from first to
    last.

    Args:
        model: a built Keras model with at least one two-dimensional convolution; it may stand in a nested model.
        image: uint8 (h, w, c), as the model takes it.
        run: the `Run` to write into.

    Returns:
        The paths of the light figures.

    Raises:
        UserError: the model has no convolution.
    """
    import keras

    kinds = (keras.layers.Conv2D, keras.layers.SeparableConv2D)
    found = [layer for layer in saliency.flat(model) if isinstance(layer, kinds)]
    if not found:
        raise UserError("the model has no two-dimensional convolution whose filters could be drawn.")
    chosen = [found[i] for i in np.unique(np.linspace(0, len(found) - 1, min(LAYERS, len(found))).round().astype(int))]
    with saliency.listening(chosen) as heard:
        model(np.asarray(image, "float32")[None], training=False)
    maps = {name: np.asarray(output, "float32")[0] for name, output in heard}
    return [_draw_filters(run, found[0]), _draw_maps(run, np.asarray(image), list(maps.items()))]


def _draw_filters(run, layer) -> Path:
    kernel = np.asarray(layer.get_weights()[0], "float32")  # (rows, columns, inputs, filters)
    kernel = kernel.reshape(*kernel.shape[:3], -1)
    coloured = kernel.shape[2] == 3
    many = min(kernel.shape[-1], TILES)
    tiles = [kernel[..., i] if coloured else kernel[..., i].mean(axis=-1) for i in range(many)]
    cell = figures.WIDE[0] / ACROSS
    height = 0.4 + cell * -(-many // ACROSS)

    def draw(figure, theme):
        axis = figures.sheet(figure, ACROSS, (height - figures.FOOT) / cell)
        for place, tile in enumerate(tiles):
            top = max(float(np.abs(tile).max()), 1e-9)
            picture = (tile / top + 1) / 2 if coloured else _diverging(theme)((tile / top + 1) / 2)[..., :3]
            put(axis, as_picture(picture), place % ACROSS + 0.04, place // ACROSS + 0.06, 0.92, 0.92)

    said = ("What it adds of red, green and blue; grey is nothing." if coloured else
            "Blue adds, orange subtracts, and the paper's colour is nothing.")
    return figures.figure(run, "filters", draw, f"{_some(kernel.shape[-1], 'filters')} of the first convolution, "
                          f"{layer.name}. {said} The strongest weight of each is in full colour.",
                          (figures.WIDE[0], height), "The first filters")


def _draw_maps(run, image: np.ndarray, maps: list[tuple[str, np.ndarray]]) -> Path:
    rows = [-(-min(found.shape[-1], TILES) // ACROSS) for _, found in maps]
    cell = figures.WIDE[0] / ACROSS
    height = figures.FOOT + cell * (FIRST + sum(rows) + HEADING * len(rows))

    def draw(figure, theme):
        axis = figures.sheet(figure, ACROSS, FIRST + sum(rows) + HEADING * len(rows))
        put(axis, as_picture(image), 0.06, 0.06, FIRST - 0.12, FIRST - 0.12)
        top = FIRST
        for down, (name, found) in zip(rows, maps, strict=True):
            said = f"{name}    {_some(found.shape[-1], 'maps')} of {found.shape[0]} × {found.shape[1]}"
            axis.text(0.06, top + HEADING - 0.1, wording.clean(said), fontsize=9, va="bottom", color=theme.soft)
            for i in range(min(found.shape[-1], TILES)):
                put(axis, _stretched(found[..., i]), i % ACROSS + 0.04, top + HEADING + i // ACROSS + 0.04, 0.92, 0.92)
            top += HEADING + down

    return figures.figure(run, "feature_maps", draw, "The picture at the top, and what each convolution makes of it: "
                          "the brighter, the more of what its filter looks for.", (figures.WIDE[0], height),
                          "What its layers see")


def _stretched(found: np.ndarray) -> np.ndarray:
    """A feature map as a grey picture, its least value black and its greatest white."""
    low, high = float(found.min()), float(found.max())
    return as_picture((found - low) / max(high - low, 1e-9))


def _diverging(theme):
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("weights", [theme.orange, theme.paper, theme.blue])


def _some(many: int, what: str) -> str:
    return f"{many} {what}" if many <= TILES else f"{TILES} of {many} {what}"
