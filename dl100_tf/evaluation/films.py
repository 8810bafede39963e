"""What a generator made of the same points while it learnt, one frame after the other: a film, and its stills."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dl100_tf.errors import UserError
from dl100_tf.evaluation import records
from dl100_tf.evaluation.curves import draw_curves
from dl100_tf.evaluation.embedding import MOVING
from dl100_tf.evaluation.generated import pixels
from dl100_tf.evaluation.pictures import ROW, as_picture, draw_pictures
from dl100_tf.evaluation.tables import table

STILLS = 8  # frames that stand below each other
SIDE = 400  # pixels that a frame is wide, about
HEAD = 16  # pixels above the pictures, for the step
PACE, HOLD = 120, 2500  # milliseconds that a frame is shown for, and the last one
COLOURS = 64  # of the film
PAPER, INK = 24, 230  # grey levels, for light and dark pages alike


GUESSING = "critic right about a pair"


def explain_generator(run, model, rows: list[tuple[str, np.ndarray]], walks: np.ndarray, learnt: dict[str, list[dict]]
                      ) -> None:
    """Show what a generator makes, how it came to that, what lies between its points, and the curves of its training.

    Args:
        run: the `Run`, with frames of `training.Snapshots`.
        model: `keras.Model` from latents to pictures, 0 to 255.
        rows: a label and latents (n, d), for each row of the gallery.
        walks: latents (rows, n, d), each row from one point to another.
        learnt: what a run is called, and its rows from `judge_epochs`; more than one are set beside each other.
    """
    draw_pictures(run, "made", [(label, pixels(model, latents)) for label, latents in rows],
                  "Made from points drawn by chance; none was chosen.", "What it makes")
    draw_film(run, "The same points while it learnt, most frames from the beginning.", "How it learnt to make it")
    draw_pictures(run, "walk", [("", pixels(model, latents)) for latents in walks],
                  "Each row goes from one point to another in equal steps. What lies between are pictures too.",
                  "Between two points")
    distance = {"distance": "distance from the test pictures"}
    draw_curves(run, "learning", learnt, distance | {"accuracy": GUESSING, "slope": "length of the generator's slope"},
                "The distance is that of 2000 pictures, of the same points every time. At 0.5 the critic is "
                "guessing. The slope is what the generator is told per step.", "What each epoch brought",
                ("distance", "slope"))


def compare_games(run, learnt: dict[str, list[dict]], made: dict[str, np.ndarray]) -> None:
    """Set runs with different losses beside each other: a table, and what each makes of the same points.

    Args:
        run: the `Run`; the others' files are in its parts of their names.
        learnt: see `explain_generator`; the run's own comes first.
        made: pictures, uint8 (n, h, w, c), by the same names.
    """
    rows = []
    for number, (loss, epochs) in enumerate(learnt.items()):
        spent, last = records.mapping(run.part(loss) if number else run, "training.json"), epochs[-1]
        rows.append({"loss": loss.replace("_", " "), "FID in cnn_mnist features": last["distance"],
                     "sure of, %": last["sure"], "rarest class, %": last["least"], "commonest class, %": last["most"],
                     GUESSING: last["accuracy"], "slope": last["slope"], "seconds": spent.get("train_seconds")})
    table(run, "games", rows, "Four games",
          "The same nets, first weights, pictures and noise, as many steps each; by 2000 pictures of the last epoch.",
          best={"FID in cnn_mnist features": "min", "sure of, %": "max", "rarest class, %": "max"})
    draw_pictures(run, "games_made", [(loss.replace("_", " "), pictures) for loss, pictures in made.items()],
                  "What each generator makes of the same points after as many steps.", "The same points in four games")


def draw_film(run, caption: str, title: str = "", name: str = "film") -> Path:
    """Draw the frames that `training.Snapshots` kept in `film/`: `plots/<name>.png` has stills, `.gif` all of them.

    Args:
        run: the `Run` to read from and write into.
        caption: what the report says beneath it.
        title: the report's heading above it.
        name: the figure's name.

    Returns:
        The path of the stills.

    Raises:
        UserError: there are no frames, or one is damaged.
    """
    frames = kept(run)
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(STILLS, len(frames))).round().astype(int))
    path = draw_pictures(run, name, [(f"step {frames[i][0]}", frames[i][1][:ROW]) for i in chosen], caption, title)
    film = [_frame(step, pictures) for step, pictures in frames]
    few = np.concatenate([np.asarray(film[i]) for i in np.linspace(0, len(film) - 1, 4).round().astype(int)])
    colours = Image.fromarray(few).quantize(COLOURS)
    film = [one.quantize(palette=colours, dither=Image.Dither.NONE) for one in film]
    while len(content := _gif(film)) > MOVING and len(film) > STILLS:
        film = [*film[:-1:2], film[-1]]  # large pictures in colour: half of the frames, for a page that can be opened
    with run.writing(f"plots/{name}.gif") as file:
        file.write_bytes(content)
    return path


def _gif(film: list[Image.Image]) -> bytes:
    content = io.BytesIO()
    film[0].save(content, "gif", save_all=True, append_images=film[1:], loop=0,
                 duration=[PACE] * (len(film) - 1) + [HOLD])
    return content.getvalue()


def kept(run) -> list[tuple[int, np.ndarray]]:
    """The frames of a run, the earliest first: the step, and pictures, uint8 (n, h, w, c)."""
    files = sorted(run.path("film").glob("*.npy"))
    try:
        found = [(int(file.stem), np.load(file, allow_pickle=False)) for file in files]
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"a frame in {run.path('film')} is damaged ({error}). {records.again(run)}") from error
    if not found:
        raise UserError(f"{run.path('film')} holds no frames: the run has not been trained yet. {records.finish(run)}")
    return found


def _frame(step: int, pictures: np.ndarray) -> Image.Image:
    """One frame: the step, and below it the pictures in a square, enlarged pixel by pixel."""
    across = int(np.ceil(np.sqrt(len(pictures))))
    high, wide = pictures.shape[1:3]
    scale = max(1, SIDE // (across * (wide + 1)))
    size = (across * (wide + 1) * scale, -(-len(pictures) // across) * (high + 1) * scale + HEAD)
    frame = Image.new("RGB", size, (PAPER,) * 3)
    ImageDraw.Draw(frame).text((4, 2), f"step {step}", fill=(INK,) * 3)
    for place, picture in enumerate(pictures):
        one = Image.fromarray(as_picture(picture)).resize((wide * scale, high * scale), Image.Resampling.NEAREST)
        frame.paste(one, (place % across * (wide + 1) * scale, HEAD + place // across * (high + 1) * scale))
    return frame
