"""How near a model that gives pictures back comes to the originals, from clean pictures and from spoilt ones."""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from dl100_tf.errors import UserError
from dl100_tf.evaluation import pictures, scores, tables
from dl100_tf.evaluation.pictures import WHITE

MEDIANS = (3, 5)  # pixels a side of the window of the median filter, a rival that learns nothing
SHOWN = 10  # pictures of each kind in the gallery


def restore(model, data, run, spoilt: Mapping[str, np.ndarray], more: Mapping[str, float], noun: str = "pictures",
            headline: tuple[str, ...] = ()) -> dict:
    """Measure what `model` makes of the test pictures, clean and spoilt; write tables, a gallery and `scores.json`.

    `predictions.npz` holds `picture`, float32 (n, h, w, c), what it makes of the clean ones.
    The metrics are `error`, the mean squared error on clean pictures, white being 1, and for each way of spoiling
    `psnr_…`, with `_noisy` of what went in and `_median` of the better of two median filters, all in dB.

    Args:
        model: pictures (batch, h, w, c), 0..255, to pictures.
        data: the `Splits`.
        run: the `Run` to write into.
        spoilt: the test pictures spoilt, uint8 (n, h, w, c), by what was done to them, as in `salt_and_pepper`.
        more: further metrics, by name.
        noun: what the examples are called in the report, in the plural.
        headline: the metrics that count most.

    Returns:
        What stands in `scores.json`.

    Raises:
        UserError: the model's output is NaN, or of another shape.
    """
    y = data.test.x
    found = given(model, y)
    with run.writing("predictions.npz") as file:
        np.savez_compressed(file, picture=found)
    metrics, rows, shown = {**more, "error": error(found, y)}, [], [("original", y[:SHOWN])]
    for kind, noisy in spoilt.items():
        clean = given(model, noisy)
        row = _beside(noisy, clean, y)
        metrics |= {f"psnr_{kind}": row["net"], f"psnr_{kind}_noisy": row["noisy"],
                    f"psnr_{kind}_median": row["median filter"]}
        rows.append({"noise": kind.replace("_", " "), **row})
        shown += [(rows[-1]["noise"], noisy[:SHOWN]), ("restored", clean[:SHOWN].round().astype("uint8"))]
    record = scores.record(run, data, metrics, len(y), noun, headline or ["error"], picture={"scale": WHITE},
                           units={name: "dB" for name in metrics if name.startswith("psnr")})
    if rows:
        _show(run, rows, shown)
    return record


def _beside(noisy: np.ndarray, clean: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """What noise, a median filter and a net leave of pictures, PSNR in dB: a row of the table."""
    before, ours = psnr(noisy, y), psnr(clean, y)
    return {"noisy": before, "median filter": max(psnr(median(noisy, side), y) for side in MEDIANS), "net": ours,
            "gained": ours - before}


def _show(run, rows: list[dict], shown: list[tuple[str, np.ndarray]]) -> None:
    tables.table(run, "denoising", rows, "Noise taken away: PSNR in dB", "From the mean squared error over all test "
                 f"pictures. The median filter is the better of {' and '.join(map(str, MEDIANS))} pixels a side, on "
                 "these very pictures.", best={})
    pictures.draw_pictures(run, "restored", shown, "Test pictures, what noise made of them, and what the net made of "
                           "that.", "Originals, noisy, restored")


def given(model, x: np.ndarray) -> np.ndarray:
    """What a model makes of pictures, float32, as many and as large as `x`.

    Raises:
        UserError: it gives something else, or NaN.
    """
    found = np.asarray(model.predict(x, batch_size=256, verbose=0), "float32")
    if found.shape != x.shape:
        raise UserError(f"the model gives {found.shape[1:]} for pictures {x.shape[1:]}: end it in a picture as large "
                        "as the one it takes.")
    bad = int((~np.isfinite(found)).reshape(len(found), -1).any(axis=1).sum())
    if bad:
        raise UserError(f"the model's output is NaN or infinite for {bad} of {len(found)} test pictures: training has "
                        "diverged. Train again under another --run name with a smaller learning rate.")
    return found


def error(found: np.ndarray, y: np.ndarray) -> float:
    """The mean squared error of pictures, 0..255, as if white were 1."""
    return float(np.mean([np.square((one - other.astype("float32")) / WHITE).mean(dtype="float64")
                          for one, other in zip(found, y, strict=True)]))  # one by one: ten thousand fill the memory


def psnr(found: np.ndarray, y: np.ndarray) -> float:
    """The peak signal-to-noise ratio of all pictures together, dB; without a flaw there is no limit, and it is 99."""
    off = error(found, y)
    return 99.0 if not off else min(99.0, float(-10 * np.log10(off)))


def median(x: np.ndarray, side: int) -> np.ndarray:
    """Each pixel replaced by the median of the `side` x `side` around it, in each channel; (n, h, w, c) likewise."""
    return ndimage.median_filter(x, size=(1, side, side, 1))
