"""What a trained model takes and gives: the one description that all exported files share."""

import math
from dataclasses import dataclass
from typing import Literal

from dl100_tf.errors import UserError
from dl100_tf.export import passages, pictures
from dl100_tf.export import preparation as preparations

Kind = Literal["image", "text", "numbers", "series", "passage", "latent"]
Token = Literal["word", "character"]
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"  # what keras.layers.TextVectorization takes out
# Of the tokenizers that phones know, by the settings `standardize` and `split` of a `keras.layers.TextVectorization`:
# what gets an id, and which characters are deleted and which made blanks once A-Z is lower case.
TOKENIZERS = {
    ("lower_and_strip_punctuation", "whitespace"): ("word", PUNCTUATION, ""),
    ("letters", "whitespace"): ("word", "", PUNCTUATION + "0123456789"),
    (None, "character"): ("character", "", ""),
}
CHANNELS = {1: "grey", 3: "RGB"}


@dataclass(frozen=True)
class Contract:
    """What a model takes and gives.

    Attributes:
        project: the recipe's name: of the served model and of its folder.
        title: what the recipe does, in one line.
        kind: what an example is.
        shape: of one example: pixels (h, w, c) of an image, 0 to 255; ids (length,) of a text; numbers (n,);
            (hours, columns) of a series; ids (length,) of the word pieces of a question and its passage; numbers (n,)
            that a generator makes a picture of.
        labels: what its probabilities are of, in their order; of a series, the hours that are forecast; of a passage,
            the ends of its answer: each has a probability of every place; of a generator the classes it can be told.
            Empty where it gives pictures back.
        source: the data it was trained on and the score it reached there, in words.
        vocabulary: words or characters of a text model, by id; `""` and `[UNK]` come first. Word pieces of a model of
            passages. Empty for others.
        input: the model's name for its input.
        preparation: of images, how a picture of another size becomes an example, one of `preparation.WAYS`: a
            SavedModel does that itself, whoever calls a .tflite file has to.
        token: of texts, what has an id: each of the first words, or each of the last characters.
        removed, spaced: of texts, the characters that are deleted, and those that become blanks.
        columns: of a series, what its columns are, with their units; of a generator its classes. Empty for others.
        unit: of what is forecast.
        scale: what a difference of one is beside: the standard deviation of what is forecast; of pictures, white; 1 for
            probabilities.
        picture: the shape of the pictures that it gives, (h, w, c), 0 to 255. Empty where it gives none.
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
    token: Token = "word"
    removed: str = PUNCTUATION
    spaced: str = ""
    columns: tuple[str, ...] = ()
    unit: str = ""
    scale: float = 1.0
    picture: tuple[int, ...] = ()

    @property
    def output(self) -> str:
        """What the model's output is called."""
        return "picture" if self.picture else "forecast" if self.kind == "series" else "probabilities"

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
        if self.picture:
            return (1, *self.picture)
        return (1, len(self.labels), *(self.shape if self.kind == "passage" else ()))


def of_run(run, model, preparation: str = "middle") -> Contract:
    """The contract of a finished run's model.

    Args:
        run: the `Run`.
        model: its Keras model: one input, one output of probabilities.
        preparation: how pictures are prepared for it, as its data say.

    Raises:
        UserError: it has not one input and one output, or is of a kind that can't be exported.
    """
    scores, record = exportable(run), run.record()
    if run.path(passages.FILE).is_file():
        return _of_passages(run, model, scores)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UserError(f"{run.project} has {len(model.inputs)} inputs and {len(model.outputs)} outputs: only one of "
                        "each can be exported.")
    if scores.get("series"):
        return _of_series(run, model, scores, record.get("title", run.project))
    if scores.get("picture"):
        return _of_pictures(run, model, scores, preparation)
    labels = tuple(map(str, scores["labels"]))
    columns = math.prod(model.outputs[0].shape[1:])
    if columns != len(labels) and (columns, len(labels)) != (1, 2):
        raise UserError(f"{run.path('model.keras')} gives {columns} numbers for {len(labels)} labels: it is not "
                        f"the model that was scored. Let the run finish with `{run.command}`.")
    layer = tokenizer(model)
    rules = _tokenizer(layer, run.project) if layer else ()
    kind, shape = ("text", tuple(ids(model).shape[1:])) if layer else _seen(model)
    _prepared(run, kind, shape, preparation)
    return Contract(run.project, record.get("title", run.project), kind, tuple(shape), labels, _told(scores),
                    tuple(map(str, layer.get_vocabulary())) if layer else (), model.inputs[0].name, preparation, *rules)


def exportable(run) -> dict:
    """The scores of a run whose model does something that an exported file can do.

    Raises:
        UserError: it hasn't been scored, or it does something else.
    """
    scores = run.read_json("scores.json")
    if not scores:
        raise UserError(f"{run.project} has no scores in run {run.name}: let it finish with `{run.command}`.")
    if not (run.path(passages.FILE).is_file() or any(scores.get(name) for name in ("labels", "series", "picture"))):
        raise UserError(f"{run.project} neither tells labels apart nor forecasts nor gives pictures, and export "
                        f"makes files of what does: use {run.path('model.keras')} itself.")
    return scores


def _of_series(run, model, scores: dict, title: str) -> Contract:
    """The contract of a forecast's model, by what `evaluation.forecast` noted."""
    told, shape = scores["series"], tuple(model.inputs[0].shape[1:])
    if len(shape) != 2 or shape[1] != len(told["columns"]) or model.outputs[0].shape[1:] != (len(told["horizons"]),):
        raise UserError(f"{run.path('model.keras')} is not the model that was scored. Let the run finish with "
                        f"`{run.command}`.")
    return Contract(run.project, title, "series", shape, tuple(told["horizons"]), _told(scores),
                    input=model.inputs[0].name, columns=tuple(told["columns"]), unit=told["unit"],
                    scale=float(told["scale"]))


def _of_pictures(run, model, scores: dict, preparation: str) -> Contract:
    """The contract of a model that gives pictures, by what `evaluation.restore` or `score_pictures` noted."""
    found = pictures.of_run(run, scores, _seen(model)[1], tuple(model.outputs[0].shape[1:]))
    _prepared(run, found["kind"], found["shape"], preparation)
    return Contract(run.project, run.record().get("title", run.project), source=_told(scores),
                    input=model.inputs[0].name, preparation=preparation, **found)


def _prepared(run, kind: Kind, shape: tuple[int, ...], preparation: str) -> None:
    """Raise a UserError where pictures that are prepared this way are no examples of the model."""
    if kind == "image" and not preparations.of(preparation).fits(shape):
        raise UserError(f"{run.project} takes pictures of shape {shape}, and its data prepare them as {preparation!r}, "
                        "which gives others: change the net's input, or the data's `preparation`.")


def _of_passages(run, model, scores: dict) -> Contract:
    """The contract of a model that finds answers in passages: its run has a vocabulary of word pieces."""
    length, given = (run.read_json("config.json") or {}).get("length"), model.inputs[0]
    if not isinstance(length, int) or given.dtype != "int32" or model.outputs[0].shape[1:2] != (2,):
        raise UserError(f"{run.path('model.keras')} is not a model that finds answers in passages. Train "
                        f"{run.project} again under another --run name.")
    vocabulary = run.path(passages.FILE).read_text(encoding="utf-8").split("\n")
    return Contract(run.project, run.record().get("title", run.project), "passage", (length,), passages.ROWS,
                    _told(scores), tuple(vocabulary[:-1]), given.name)


def tokenizer(model):
    """The model's `keras.layers.TextVectorization`, None where it reads no text."""
    return next((layer for layer in model.layers if type(layer).__name__ == "TextVectorization"), None)


def ids(model):
    """The tensor of a text model that a phone hands over: that of its layer `ids`, else what its tokenizer gives."""
    return next((layer for layer in model.layers if layer.name == "ids"), tokenizer(model)).output


def _tokenizer(layer, project: str) -> tuple[Token, str, str]:
    """What a tokenizer gives ids to, what it deletes, and what it makes blanks of."""
    settings = layer.get_config()
    standard = getattr(settings["standardize"], "__name__", settings["standardize"])
    if settings["output_mode"] != "int" or (standard, settings["split"]) not in TOKENIZERS:
        known = " or ".join(f"{standardize} and {split}" for standardize, split in TOKENIZERS)
        raise UserError(f"{project} has a tokenizer with settings of its own, and phones know only the usual ones "
                        f"({known}, int): leave them out.")
    return TOKENIZERS[standard, settings["split"]]


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
    metrics = scores["metrics"]
    if scores.get("series"):
        told = f"{metrics['mae']:.2f} {scores['series']['unit']} mean absolute error"
    elif scores.get("picture"):
        told = pictures.score(metrics)
    elif "accuracy" in metrics and not scores.get("headline"):
        told = f"{metrics['accuracy']:.2%} accuracy"
    else:
        told = {name: metrics[name] for name in scores.get("headline") or metrics if name in metrics}
        told = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in told.items()) or "scored"
    real = "a sample made by the package" if scores["source"] == "sample" else "real data"
    note = f" ({scores['source_note']})" if scores.get("source_note") else ""
    return f"{told} on {scores['n']} test {scores['noun']}, {real}{note}"
