"""A request for each served model, made of the examples that its export brings, and what the answer should be."""

import base64
import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from dl100_tf.errors import UserError

COUNT = 2  # examples a request has at most
WARMUP = "assets.extra/tf_serving_warmup_requests"


@dataclass(frozen=True)
class Request:
    """A request for the Predict API.

    Attributes:
        body: its JSON, one line.
        signature: the signature that it names.
        what: it holds, in words.
        expected: what Keras answered, in words; empty where nobody knows.
    """

    body: str
    signature: str
    what: str
    expected: str = ""


def request(saved_model: Path) -> Request | None:
    """A request for a published version: of its golden vectors, else of its warm-up requests, else None.

    Args:
        saved_model: the version's folder, `<root>/saved_model/<name>/<n>`; golden vectors are looked for in
            `<root>/tflite/<name>/<n>`.

    Raises:
        UserError: a file is damaged.
    """
    golden = saved_model.parents[2] / "tflite" / saved_model.parent.name / saved_model.name / "golden.json"
    try:
        if golden.is_file():
            return _of_golden(json.loads(golden.read_text(encoding="utf-8")))
        return _of_warmup(saved_model / WARMUP) if (saved_model / WARMUP).is_file() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{golden if golden.is_file() else saved_model / WARMUP} is damaged ({error}): export the run "
                        "again.") from error


def _of_golden(found: dict) -> Request:
    """Examples with different answers, the shortest ones."""
    kind, rows = found["kind"], []
    for row in sorted(found["examples"], key=lambda row: len(str(row.get("png") or row.get("text") or ""))):
        if len(rows) < COUNT and row.get("label") not in [other.get("label") for other in rows]:
            rows.append(row)
    given = {"image": lambda row: {"b64": row["png"]}, "text": lambda row: row["text"],
             "numbers": lambda row: row["numbers"], "series": lambda row: row["series"],
             "passage": lambda row: row["ids"], "latent": lambda row: row["latent"]}[kind]
    what = {"image": "picture files", "text": "texts", "numbers": "rows of numbers", "series": "series",
            "passage": "questions with their passages, as ids", "latent": "points to make pictures of"}[kind]
    expected = ", ".join(str(_answer(row)) for row in rows)
    return _written("encoded" if kind == "image" else "serving_default", "instances", list(map(given, rows)),
                    f"{len(rows)} {what}", expected)


def _answer(row: dict):
    """What Keras answered: a forecast, a label, a picture in words, or the places of a passage's likeliest answer."""
    for name in ("label", "forecast"):
        if name in row:
            return row[name]
    if "picture" in row:
        lines = row["picture"]
        mean = statistics.fmean(value for line in lines for pixel in line for value in pixel)
        return f"a picture of {len(lines[0])} x {len(lines)} pixels with a mean brightness of {mean:.1f}"
    return [places.index(max(places)) for places in row["probabilities"]]


def _of_warmup(path: Path) -> Request | None:
    """The first request that the model is warmed up with; one with encoded bytes, which is shorter, if there is one."""
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    logs = [prediction_log_pb2.PredictionLog.FromString(record)
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()]
    asked = [log.predict_log.request for log in logs if log.HasField("predict_log")]
    if not asked:
        return None
    shortest = min(asked, key=lambda one: one.ByteSize())
    inputs = {name: _plain(tf.make_ndarray(value).tolist()) for name, value in sorted(shortest.inputs.items())}
    return _written(shortest.model_spec.signature_name or "serving_default", "inputs", inputs, "a warm-up request")


def _written(signature: str, key: str, content, what: str, expected: str = "") -> Request:
    body = json.dumps({"signature_name": signature, key: content}, ensure_ascii=False)
    return Request(body + "\n", signature, what, expected)


def _plain(value):
    """Bytes as JSON can have them."""
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}
