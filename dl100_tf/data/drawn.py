"""Pictures that the package draws itself, so that a recipe runs with no download; and no more than that."""

import numpy as np

SHAPES = ("disc", "ring", "square", "frame", "triangle", "cross", "star", "crescent", "bars", "chequers")
CLOTHES = (  # outlines by label of Fashion-MNIST, (x, y) in 0..1; what follows the first outline is cut out of it
    (((.3, .1), (.7, .1), (.95, .3), (.85, .42), (.72, .35), (.72, .9), (.28, .9), (.28, .35), (.15, .42), (.05, .3)),),
    (((.3, .05), (.7, .05), (.75, .95), (.56, .95), (.5, .35), (.44, .95), (.25, .95)),),
    (((.3, .1), (.7, .1), (.85, .25), (.95, .85), (.82, .87), (.72, .45), (.72, .9), (.28, .9), (.28, .45), (.18, .87),
      (.05, .85), (.15, .25)),),
    (((.4, .05), (.6, .05), (.62, .35), (.75, .95), (.25, .95), (.38, .35)),),
    (((.32, .05), (.68, .05), (.85, .18), (.93, .8), (.8, .82), (.75, .4), (.78, .97), (.22, .97), (.25, .4), (.2, .82),
      (.07, .8), (.15, .18)), ((.485, .2), (.515, .2), (.515, .97), (.485, .97))),
    (((.05, .75), (.1, .55), (.3, .6), (.7, .35), (.95, .35), (.95, .75)), ((.2, .68), (.6, .5), (.6, .68)),
     ((.7, .45), (.88, .42), (.88, .68), (.7, .68))),
    (((.35, .08), (.65, .08), (.85, .2), (.92, .6), (.8, .63), (.72, .4), (.72, .92), (.28, .92), (.28, .4), (.2, .63),
      (.08, .6), (.15, .2)), ((.42, .08), (.58, .08), (.5, .25))),
    (((.03, .75), (.05, .55), (.35, .5), (.55, .35), (.95, .38), (.97, .75)),),
    (((.1, .4), (.28, .38), (.32, .15), (.68, .15), (.72, .38), (.9, .4), (.93, .9), (.07, .9)),
     ((.36, .38), (.4, .22), (.6, .22), (.64, .38))),
    (((.05, .85), (.08, .65), (.45, .5), (.5, .1), (.9, .1), (.95, .85)),),
)


def pictures(count: int, seed: int, size: int = 32, shapes: tuple[str, ...] = SHAPES) -> tuple[np.ndarray, np.ndarray]:
    """Draw coloured shapes on coloured ground, turned, moved, half hidden by a stroke, and noisy.

    Args:
        count: how many; the shapes take turns.
        seed: the same seed draws the same pictures.
        size: pixels a side.
        shapes: which of SHAPES; label 0 is the first of them.

    Returns:
        (x, y): uint8 (count, size, size, 3), int32 (count,).
    """
    random = np.random.default_rng((seed, size))
    y = np.arange(count, dtype=np.int32) % len(shapes)
    x = np.empty((count, size, size, 3), np.uint8)
    for index, label in enumerate(y):
        x[index] = _picture(random, shapes[label], size)
    return x, y


def _picture(random: np.random.Generator, shape: str, size: int) -> np.ndarray:
    line = np.linspace(-1, 1, size, dtype=np.float32)
    across, down = line[None, :], line[:, None]
    turn, scale = random.uniform(-0.35, 0.35), random.uniform(0.6, 0.85)
    left, top = random.uniform(-0.15, 0.15, 2)
    cos, sin = np.float32(np.cos(turn) / scale), np.float32(np.sin(turn) / scale)
    u = cos * (across - left) + sin * (down - top)
    v = cos * (down - top) - sin * (across - left)
    edge = np.float32(0.4 * size * scale)  # a soft edge of a pixel, at any size
    inside = np.clip(0.5 - edge * _distance(shape, u, v), 0, 1)[..., None]
    ground, ink, stroke = _colours(random)
    slope = random.uniform(-25, 25, (2, 3)).astype(np.float32)
    picture = ground + across[..., None] * slope[0] + down[..., None] * slope[1]
    picture = picture + inside * (ink - picture)
    angle, away = random.uniform(0, np.pi), random.uniform(-0.7, 0.7)
    along = np.float32(np.cos(angle)) * across + np.float32(np.sin(angle)) * down - np.float32(away)
    picture = picture + np.clip(0.5 + size / 2 * (0.05 - np.abs(along)), 0, 1)[..., None] * (stroke - picture)
    grain = random.integers(-16, 17, (min(size, 64),) * 2, dtype=np.int8).repeat(-(-size // 64), 0)
    picture += grain.repeat(-(-size // 64), 1)[:size, :size, None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def _colours(random: np.random.Generator) -> np.ndarray:
    """Ground, ink and stroke, float32 (3, 3): the ink is always the lighter one, of any hue."""
    return random.uniform([[15], [120], [60]], [[125], [250], [200]], (3, 3)).astype(np.float32)


def _distance(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """About how far each place is outside the shape, which is about as large as the unit disc; negative inside."""
    radius, box = np.hypot(u, v), np.maximum(np.abs(u), np.abs(v))
    if shape in ("bars", "chequers"):
        waves = np.sin(8 * u) if shape == "bars" else np.sin(6 * u) * np.sin(6 * v)
        return np.maximum(box - 0.85, 0.15 * waves)
    return {
        "disc": lambda: radius - 0.85,
        "ring": lambda: np.abs(radius - 0.7) - 0.2,
        "square": lambda: box - 0.75,
        "frame": lambda: np.abs(box - 0.65) - 0.18,
        "triangle": lambda: np.maximum(-v, 0.87 * np.abs(u) + 0.5 * v) - 0.5,
        "cross": lambda: np.maximum(box - 0.9, np.minimum(np.abs(u), np.abs(v)) - 0.27),
        "star": lambda: 0.6 * (radius - 0.6 - 0.3 * np.cos(5 * np.arctan2(u, -v))),
        "crescent": lambda: np.maximum(radius - 0.9, 0.7 - np.hypot(u - 0.45, v)),
    }[shape]()


def clothes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw silhouettes of ten kinds of clothes as Fashion-MNIST shows them: bright on black, grained like cloth.

    Args:
        count: how many; the ten kinds take turns.
        seed: the same seed draws the same pictures.

    Returns:
        (x, y): uint8 (count, 28, 28, 1), int32 (count,).
    """
    from PIL import Image, ImageDraw

    random = np.random.default_rng(seed)
    y = np.arange(count, dtype=np.int32) % len(CLOTHES)
    x = np.empty((count, 28, 28, 1), np.uint8)
    for index, label in enumerate(y):
        canvas = Image.new("L", (84, 84))  # three times as large, so that edges come out soft
        draw = ImageDraw.Draw(canvas)
        turn = np.eye(2) + random.uniform(-0.13, 0.13, (2, 2))
        for part, outline in enumerate(CLOTHES[label]):
            corners = np.array(outline) - 0.5 + random.normal(0, 0.012, (len(outline), 2))
            draw.polygon([tuple(corner) for corner in (corners @ turn * 76 + 42)], fill=0 if part else 255)
        cloth = random.uniform(90, 255) + random.normal(0, random.uniform(5, 40), (28, 28))
        x[index, ..., 0] = np.clip(np.asarray(canvas.reduce(3)) / 255 * cloth, 0, 255)
    return x, y
