"""What a trained model takes and gives: the one description that all exported files share."""

import math
from dataclasses import dataclass
from typing import Literal

from dl100_tf.errors import UserError
from dl100_tf.export import passages
from dl100_tf.export import preparation as preparations

Kind = Literal["image", "text", "numbers", "passage"]
TOKENIZER = {"standardize": "lower_and_strip_punctuation", "split": "whitespace", "output_mode": "int"}
CHANNELS = {1: "grey", 3: "RGB"}


@dataclass(frozen=True)
class Contract:
    """What a model takes and gives.

    Attributes:
        project: the recipe's name: of the served model and of its folder.
        title: what the recipe does, in one line.
        kind: what an example is.
        shape: of one example: pixels (h, w, c) of an image, 0 to 255; word ids (length,) of a text; numbers (n,);
            ids (length,) of the word pieces of a question and its passage.
        labels: what its probabilities are of, in their order; of a passage, of the places of its answer: start, end.
        source: the data it was trained on and the score it reached there, in words.
        vocabulary: words of a text model, by id; `""` and `[UNK]` come first. Word pieces of a model of passages.
            Empty for others.
        input: the model's name for its input.
        preparation: of images, how a picture of another size becomes an example, one of `preparation.WAYS`: a
            SavedModel does that itself, whoever calls a .tflite file has to.
    """

    project: str
    title: str
    kind: Kind
    shape: tuple[int, ...]
    labels: tuple[str, ...]
    source: str
    vocabulary: tuple[str, ...] = ()
    input: str = "input"
    preparation: str = "middle"

    @property
    def is_grey(self) -> bool:
        """Whether it is of images without colour."""
        return self.kind == "image" and self.shape[-1] == 1

    @property
    def phone_shape(self) -> tuple[int, ...]:
        """Of what a phone hands over, a batch of one: images always in RGB, as cameras give them."""
        return (1, *self.shape[:-1], 3) if self.kind == "image" else (1, *self.shape)

    @property
    def phone_dtype(self) -> str:
        """Of what a phone hands over."""
        return "int32" if self.kind in ("text", "passage") else "float32"

    @property
    def answer_shape(self) -> tuple[int, ...]:
        """Of what it gives for a batch of one."""
        return (1, len(self.labels), *(self.shape if self.kind == "passage" else ()))


def of_run(run, model, preparation: str = "middle") -> Contract:
    """The contract of a finished run's model.

    Args:
        run: the `Run`.
        model: its Keras model: one input, one output of probabilities.
        preparation: how pictures are prepared for it, as its data say.

    Raises:
        UserError: it is no classifier with one input and one output, or of a kind that can't be exported.
    """
    scores, record = run.read_json("scores.json"), run.record()
    if scores and run.path(passages.FILE).is_file():
        return _of_passages(run, model, scores)
    if not scores or not scores.get("labels"):
        raise UserError(f"{run.project} has no scores in run {run.name}: let it finish with `{run.command}`.")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UserError(f"{run.project} has {len(model.inputs)} inputs and {len(model.outputs)} outputs: only one of "
                        "each can be exported.")
    labels = tuple(map(str, scores["labels"]))
    columns = math.prod(model.outputs[0].shape[1:])
    if columns != len(labels) and (columns, len(labels)) != (1, 2):
        raise UserError(f"{run.path('model.keras')} gives {columns} numbers for {len(labels)} labels: it is not "
                        f"the model that was scored. Let the run finish with `{run.command}`.")
    layer = tokenizer(model)
    if layer and any(layer.get_config()[name] != value for name, value in TOKENIZER.items()):
        raise UserError(f"{run.project} has a tokenizer with settings of its own, and phones know only Keras' usual "
                        f"ones ({', '.join(TOKENIZER.values())}): leave them out.")
    kind, shape = ("text", (layer.get_config()["output_sequence_length"],)) if layer else _seen(model)
    if kind == "image" and not preparations.of(preparation).fits(shape):
        raise UserError(f"{run.project} takes pictures of shape {shape}, and its data prepare them as {preparation!r}, "
                        "which gives others: change the net's input, or the data's `preparation`.")
    return Contract(run.project, record.get("title", run.project), kind, tuple(shape), labels, _told(scores),
                    tuple(layer.get_vocabulary()) if layer else (), model.inputs[0].name, preparation)


def _of_passages(run, model, scores: dict) -> Contract:
    """The contract of a model that finds answers in passages: its run has a vocabulary of word pieces."""
    length, given = (run.read_json("config.json") or {}).get("length"), model.inputs[0]
    if not isinstance(length, int) or given.dtype != "int32" or model.outputs[0].shape[1:2] != (2,):
        raise UserError(f"{run.path('model.keras')} is not a model that finds answers in passages. Train "
                        f"{run.project} again under another --run name.")
    vocabulary = run.path(passages.FILE).read_text(encoding="utf-8").split("\n")
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.1f}" for name, value in scores["metrics"].items())
    return Contract(run.project, run.record().get("title", run.project), "passage", (length,), passages.ROWS,
                    f"{figures} on {_on(scores)}", tuple(vocabulary[:-1]), given.name)


def tokenizer(model):
    """The model's `keras.layers.TextVectorization`, None where it reads no text."""
    return next((layer for layer in model.layers if type(layer).__name__ == "TextVectorization"), None)


def _seen(model) -> tuple[Kind, tuple[int, ...]]:
    """Kind and shape of an example that isn't text."""
    shape = tuple(model.inputs[0].shape[1:])
    if None in shape:
        raise UserError(f"{model.name} takes examples of any size, {shape}, and a phone wants one: give it one.")
    if len(shape) == 3 and shape[-1] in CHANNELS:
        return "image", shape
    if len(shape) == 1:
        return "numbers", shape
    raise UserError(f"{model.name} takes arrays of shape {shape}: images (h, w, 1 or 3), texts and rows of numbers can "
                    "be exported.")


def _told(scores: dict) -> str:
    """The data and the score in one sentence."""
    accuracy = scores["metrics"].get("accuracy")
    told = f"{accuracy:.2%} accuracy" if accuracy is not None else "scored"
    return f"{told} on {_on(scores)}"


def _on(scores: dict) -> str:
    """The data in words."""
    real = "a sample made by the package" if scores["source"] == "sample" else "real data"
    note = f" ({scores['source_note']})" if scores.get("source_note") else ""
    return f"{scores['n']} test {scores['noun']}, {real}{note}"
