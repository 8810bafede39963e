"""Golden vectors: examples with Keras' answers, from which every client proves that it asks the same model."""

import base64
import contextlib
import io
import json
from pathlib import Path

import numpy as np

from dl100_tf.errors import UserError
from dl100_tf.export import latents, passages, pictures, preparation, series

COUNT = 32  # examples
SHOWN = 4  # of them as they were before they were prepared
FILE, VOCABULARY = "golden.json", "vocabulary.json"  # the second: a text model's words, by id
PARTS = {"image": "png", "text": "ids", "numbers": "numbers", "series": "series", "passage": "ids",
         "latent": "latent"}  # what goes in
ROWS = {"series": series.row, "passage": passages.row}  # of kinds whose answer is no label and no picture


def chosen(y: np.ndarray, count: int = COUNT) -> np.ndarray:
    """Indices of `count` examples, all labels in turn, as far as there are so many; int64 (n,), ascending.

    Of forecasts, which have no labels but `y` (n, hours), as many from the first to the last.
    """
    if y.ndim > 1:
        return np.unique(np.linspace(0, len(y) - 1, min(count, len(y))).round().astype(int))
    turn = np.zeros(len(y))
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        turn[members] = np.arange(len(members))
    return np.sort(np.argsort(turn, kind="stable")[:count])


def write(contract, examples: np.ndarray, inputs: np.ndarray, probabilities: np.ndarray, y: np.ndarray) -> str:
    """The text of `golden.json`.

    Args:
        contract: the model's `Contract`.
        examples: as people have them: pictures uint8 (n, h, w, c), texts, numbers, series, ids.
        inputs: the same as a phone hands them over.
        probabilities, y: Keras', or its forecasts or pictures, and what is right, as in `parity.compare`.
    """
    def given(example, row):
        if contract.kind == "image":
            return {"png": _png(np.asarray(example).clip(0, 255).astype("uint8"))}
        if contract.kind == "latent":
            return latents.row(row)
        return {"text": example, "ids": row.tolist()} if contract.kind == "text" else {"numbers": row.tolist()}

    told = {"kind": contract.kind, "labels": contract.labels} | (pictures.told(contract) if contract.picture else {})
    if contract.kind in ROWS:
        rows = [ROWS[contract.kind](*one) for one in zip(inputs, probabilities, y, strict=True)]
        more = series.told(contract) if contract.kind == "series" else {}
        return json.dumps(told | more | {"examples": rows}, ensure_ascii=False) + "\n"
    told["examples"] = [
        given(example, row) | (pictures.answer(answer) if contract.picture else {
            "probabilities": [round(float(p), 9) for p in answer], "label": contract.labels[answer.argmax()],
            "truth": contract.labels[int(truth)]})
        for example, row, answer, truth in zip(examples, inputs, probabilities, y, strict=True)]
    if contract.kind == "image":
        told["preparation"] = [{"png": _png(picture), "prepared": _png(made)} for picture, made in
                               prepared(contract, np.asarray(examples[:SHOWN]).clip(0, 255).astype("uint8"))]
    return json.dumps(told, ensure_ascii=False, indent=None if contract.picture else 1) + "\n"  # else a pixel a line


def prepared(contract, examples: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures such as somebody takes of an example, each with what its preparation makes of it.

    Larger and smaller ones, off centre, in colour, on paper that is darker to one side, every other one negated.

    Args:
        contract: of an image model.
        examples: uint8 (n, h, w, 1 or 3).

    Returns:
        A pair each: uint8 (h, w, 3) of any size, and uint8 of the contract's shape; none where the preparation finds
        the example too pale.
    """
    import tensorflow as tf
    from PIL import Image

    way, found = preparation.of(contract.preparation), []
    for index, example in enumerate(examples):
        side = (61, 28, 330, 150)[index % 4]
        large = Image.fromarray(np.repeat(example, 3 // example.shape[-1], axis=-1)).resize((side, side))
        page = np.zeros((side + side // 3, side + side // 5, 3))
        page[side // 4:side // 4 + side, side // 8:side // 8 + side] = np.asarray(large)
        page = 0.8 * page + np.linspace(0, 40, page.shape[1])[:, None] * (1, 0.9, 0.8)
        picture = (255 - page if index % 2 == 0 else page).astype("uint8")
        with contextlib.suppress(tf.errors.InvalidArgumentError):
            found.append((picture, way.fitted(tf.constant(picture[None]), contract.shape).numpy()[0]))
    return found


def read(folder: Path) -> tuple:
    """The golden vectors of a bundle.

    Returns:
        Kind, inputs as a phone hands them over, Keras' answers, what is right (both as `parity.compare` takes them),
        a model's vocabulary of words or pieces or the names of a series' columns, and the contract's `scale`.

    Raises:
        UserError: they are missing or damaged.
    """
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        rows, kind = found["examples"], found["kind"]
        picture, part = found.get("picture"), PARTS[kind]
        answer = "picture" if picture else "forecast" if kind == "series" else "probabilities"
        inputs = [_pixels(row[part]) if kind == "image" else row[part] for row in rows]
        inputs = np.array(inputs, "int32" if part == "ids" else "float32")
        probabilities = np.array([row[answer] for row in rows], "float32")
        of_each = picture or (len(found["labels"]), *(inputs.shape[1:] if kind == "passage" else ()))
        if not len(rows) or probabilities.shape != (len(rows), *of_each):
            raise ValueError("answers and labels or pictures don't belong together")
        truth = probabilities if picture else np.array(
            [row["truth"] if kind in ROWS else found["labels"].index(row["truth"]) for row in rows])
        words = json.loads((folder / VOCABULARY).read_text(encoding="utf-8")) if part == "ids" else (
            found.get("columns", []))
        if part == "ids" and inputs.max(initial=0) >= len(words):
            raise ValueError("ids without a word")
        if kind == "series" and (inputs.shape[2:] != (len(words),) or truth.shape != probabilities.shape):
            raise ValueError("series and columns don't belong together")
        scale = float(found.get("scale", 1))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder / FILE} or what belongs to it is damaged ({error}): export the run again.") from error
    return kind, inputs, probabilities, truth, tuple(words), scale


def _png(picture: np.ndarray) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _pixels(png: str) -> np.ndarray:
    """RGB, uint8 (h, w, 3)."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png)), formats=["PNG"]).convert("RGB"))
