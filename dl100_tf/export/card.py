"""The card of a bundle: what a client has to know of the files, for programs (`card.json`) and people (`card.html`)."""

import hashlib
import importlib.metadata

import numpy as np

from dl100_tf import provenance
from dl100_tf.export import golden, latents, passages, pictures, preparation, series
from dl100_tf.export.parity import judged
from dl100_tf.export.phone import NAMES

TASKS = {"image": "image classification", "text": "text classification", "character": "text classification",
         "numbers": "classification of numbers", "series": "forecast of a series", "passage": "question answering",
         "latent": "making pictures", "picture": "pictures given back"}
LIMITS = {  # by kind, of texts of characters, and of images that are given back
    "image": ["A picture of something else is guessed at with confidence: show the label only above `unsure_below`.",
              "A phone prepares a picture before it asks, as the input's `preparation` says, step by step; the "
              "SavedModel does that itself."],
    "text": ["Words that aren't in the vocabulary are all the same word; other languages are guessed at.",
             "What stands behind the last word that fits is not read.",
             "A phone makes the ids as the input's `tokenizer` says: A-Z in lower case, characters removed or made "
             "blank, split at white space, looked up, zeros behind.",
             "MediaPipe's own tokenizer only splits and looks up: hand it text that has been prepared so.",
             "MediaPipe runs no loops: of a recurrent net give it `int8.tflite` or `unrolled.tflite`."],
    "character": ["Characters that it has never read are all the same character.",
                  "Of a text the last characters that fit are read; no state is kept from one question to the next.",
                  "A phone makes the ids: each of the last characters is looked up, capitals and all, zeros behind.",
                  "Libraries that tokenize by themselves, as MediaPipe's, know no characters: hand LiteRT the ids."],
    "numbers": ["Numbers far from those it was trained on are guessed at with confidence."],
    "series": series.LIMITS,
    "passage": passages.LIMITS,
    "latent": latents.LIMITS,
    "picture": pictures.LIMITS,
}


def card(contract, run, version: int, files: dict, parity: list[dict], facts: dict) -> dict:
    """The content of `card.json`.

    Args:
        contract: the model's `Contract`.
        run: the `Run` it comes from.
        version: its number.
        files: what `described` says of each file.
        parity: what the comparison found for each variant, and for each mistake.
        facts: what was measured besides, e.g. Keras' latency.
    """
    scores, record = run.read_json("scores.json"), run.record()
    kind = contract.kind
    if kind == "text" and contract.token == "character":
        kind = "character"
    elif kind == "image" and contract.picture:
        kind = "picture"
    return {
        "name": contract.project, "version": version, "title": contract.title, "task": TASKS[kind],
        "created": provenance.now(), "dl100_tf": provenance.version("dl100_tf"),
        "tensorflow": provenance.version("tensorflow"), "litert": importlib.metadata.version("ai-edge-litert"),
        "machine": provenance.cpu(), "input": given(contract), "output": {
            "name": contract.output, "dtype": "float32", "shape": list(contract.answer_shape)} | (
                {"unit": contract.unit} if contract.unit else {"range": [0, 255]} if contract.picture else {}),
        "labels": list(contract.labels), "thresholds": facts.pop("thresholds"),
        "training": {"run": run.name, "source": scores["source"], "note": scores.get("source_note", ""),
                     "digest": scores.get("digest"), "commit": _commit(record), "score": scores["metrics"],
                     **({"told": pictures.score(scores["metrics"])} if contract.picture else {}),
                     "test": f"{scores['n']} {scores['noun']}"},
        "files": files, "parity": parity, **facts, "limits": LIMITS[kind],
    }


def given(contract) -> dict:
    """The input as a client has to make it."""
    found = {"name": NAMES[contract.kind], "dtype": contract.phone_dtype, "shape": list(contract.phone_shape)}
    if contract.kind == "image":
        way = preparation.of(contract.preparation)
        return found | {
            "layout": "NHWC", "colours": "RGB", "range": [0, 255],
            "content": f"{way.told}; the net's own scaling of pixels is inside",
            "preparation": {"name": contract.preparation, "saved_model": "done inside, of pictures of any size",
                            "tflite": "not inside: do the steps before you call it", "steps": list(way.steps)}}
    if contract.kind == "text" and contract.token == "character":
        return found | {"tokenizer": {
            "vocabulary": golden.VOCABULARY, "lower_case": "", "removed": "", "made_blank": "",
            "split": "characters (code points)", "padding": 0, "unknown": 1,
            "length": contract.shape[0], "kept": "the last"}}
    if contract.kind == "text":
        return found | {"tokenizer": {
            "vocabulary": golden.VOCABULARY, "lower_case": "A-Z", "removed": contract.removed,
            "made_blank": contract.spaced, "split": "ASCII white space", "padding": 0, "unknown": 1,
            "length": contract.shape[0]}}
    if contract.kind == "passage":
        return found | {"tokenizer": {
            "vocabulary": golden.VOCABULARY, "kind": "BERT's WordPiece", "length": contract.shape[0],
            "rule": passages.RULE.format(length=contract.shape[0], file=golden.VOCABULARY)}}
    if contract.kind == "latent":
        return found | {"content": latents.rule(contract), "preprocessing": "none"}
    if contract.kind == "series":
        return found | {"columns": list(contract.columns), "preprocessing": series.RULE}
    return found | {"preprocessing": "none"}


def thresholds(probabilities: np.ndarray, y: np.ndarray) -> dict:
    """From what confidence on an answer is worth showing: under it lies half of all mistakes; empty of forecasts.

    Args:
        probabilities: Keras', on the test set, as `parity.compare` has them.
        y: what is right, (n,); or what came, (n, hours).
    """
    if y.ndim > 1:
        return {}
    confidence, right = judged(probabilities, y)
    wrong = ~right
    under = float(np.median(confidence[wrong])) if wrong.any() else 0.5
    return {"unsure_below": round(under, 3), "share_unsure": round(float((confidence < under).mean()), 4),
            "accuracy_when_sure": round(float(1 - wrong[confidence >= under].mean()), 4)}


def described(content: bytes) -> dict:
    """Size and checksum of a file."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def page(card: dict) -> str:
    """`card.html`, which needs nothing but itself."""
    import jinja2

    environment = jinja2.Environment(loader=jinja2.PackageLoader("dl100_tf.export"), autoescape=True,
                                     undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("card.html").render(card)


def _commit(record: dict) -> str | None:
    sessions = record.get("sessions") or [{}]
    return sessions[-1].get("commit")
