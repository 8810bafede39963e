"""Golden vectors: examples with Keras' answers, from which every client proves that it asks the same model."""

import base64
import io
import json
from pathlib import Path

import numpy as np

from dl100_tf.errors import UserError

COUNT = 32  # examples
FILE, VOCABULARY = "golden.json", "vocabulary.json"  # the second: a text model's words, by id


def chosen(y: np.ndarray, count: int = COUNT) -> np.ndarray:
    """Indices of `count` examples, all labels in turn, as far as there are so many; int64 (n,), ascending."""
    turn = np.zeros(len(y))
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        turn[members] = np.arange(len(members))
    return np.sort(np.argsort(turn, kind="stable")[:count])


def write(contract, examples: np.ndarray, inputs: np.ndarray, probabilities: np.ndarray, y: np.ndarray) -> str:
    """The text of `golden.json`.

    Args:
        contract: the model's `Contract`.
        examples: as people have them: pictures uint8 (n, h, w, c), texts, numbers.
        inputs: the same as a phone hands them over.
        probabilities: Keras', (n, labels).
        y: the right labels, integers (n,).
    """
    def given(example, row):
        if contract.kind == "image":
            return {"png": _png(np.asarray(example).clip(0, 255).astype("uint8"))}
        return {"text": example, "ids": row.tolist()} if contract.kind == "text" else {"numbers": row.tolist()}

    rows = [given(example, row) | {"probabilities": [round(float(p), 9) for p in answer],
                                   "label": contract.labels[answer.argmax()], "truth": contract.labels[int(truth)]}
            for example, row, answer, truth in zip(examples, inputs, probabilities, y, strict=True)]
    return json.dumps({"kind": contract.kind, "labels": contract.labels, "examples": rows}, ensure_ascii=False,
                      indent=1) + "\n"


def read(folder: Path) -> tuple:
    """The golden vectors of a bundle.

    Returns:
        Kind, inputs as a phone hands them over, Keras' probabilities (n, labels), the right labels (n,), and the words
        of a text model's vocabulary.

    Raises:
        UserError: they are missing or damaged.
    """
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        rows, kind = found["examples"], found["kind"]
        part = {"image": "png", "text": "ids", "numbers": "numbers"}[kind]
        inputs = [_pixels(row[part]) if kind == "image" else row[part] for row in rows]
        inputs = np.array(inputs, "int32" if kind == "text" else "float32")
        probabilities = np.array([row["probabilities"] for row in rows], "float32")
        truth = np.array([found["labels"].index(row["truth"]) for row in rows])
        if not len(rows) or probabilities.shape != (len(rows), len(found["labels"])):
            raise ValueError("probabilities and labels don't belong together")
        words = json.loads((folder / VOCABULARY).read_text(encoding="utf-8")) if kind == "text" else []
        if kind == "text" and inputs.max(initial=0) >= len(words):
            raise ValueError("ids without a word")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder / FILE} or what belongs to it is damaged ({error}): export the run again.") from error
    return kind, inputs, probabilities, truth, tuple(words)


def _png(picture: np.ndarray) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _pixels(png: str) -> np.ndarray:
    """RGB, uint8 (h, w, 3)."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png)), formats=["PNG"]).convert("RGB"))
