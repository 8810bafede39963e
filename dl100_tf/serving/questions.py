"""A recipe's `predict` answered by a server: examples as a person has them, labels by their names."""

import contextlib
from pathlib import Path

from dl100_tf.errors import UserError
from dl100_tf.serving.client import InputError, Model, connect
from dl100_tf.serving.client_signature import DEFAULT, STRING, made_for

IMAGE = "image/encoded"  # the feature that holds a picture's file, in the models that `export` writes


class Questions:
    """Asks one served model, by its signature for the Classify API: that one names every label.

    Attributes:
        source: what answers, in words.
    """

    def __init__(self, model: Model, server: str, name: str, label: str):
        self.model, signatures = model, model.metadata()
        self.signature = made_for("classify", signatures)
        if self.signature not in signatures or DEFAULT not in signatures or len(signatures[DEFAULT].inputs) != 1:
            raise InputError(f"{name} at {server} has no signature that names labels: export the run again.")
        self.input = next(iter(signatures[DEFAULT].inputs.values()))
        self.source = told(model, server, name, label)

    def __call__(self, question: list) -> list[tuple[float, str]]:
        """Probabilities with their labels.

        Args:
            question: what the recipe's `predict` takes: a picture's path, a text, or numbers.

        Raises:
            UserError: the file can't be read, or the server doesn't answer.
        """
        if isinstance(question[0], Path):
            example = {IMAGE: _content(question[0])}
        elif isinstance(question[0], str):
            example = {self.input.name: question[0]}
        else:
            example = {self.input.name: [float(number) for number in question]}
        fits = (self.input.dtype == STRING) == isinstance(question[0], str)
        if not fits:
            raise InputError(f"{self.model.name} there takes {self.input}: it is another model than the one here.")
        found = self.model.classify([example], self.signature)
        return list(zip(found["scores"][0].tolist(), map(_text, found["classes"][0]), strict=True))


class Served:
    """A served model that is asked as Keras' own are: for recipes that answer in words.

    Attributes:
        input_shape: of its one input, None where any size will do.
        source: what answers, in words.
    """

    def __init__(self, model: Model, server: str, name: str, label: str):
        found = model.metadata().get(DEFAULT)
        if not found or len(found.inputs) != 1 or len(found.outputs) != 1:
            raise InputError(f"{name} at {server} has not one input and one output: export the run again.")
        self.model, self.input = model, next(iter(found.inputs.values()))
        self.input_shape = self.input.shape
        self.source = told(model, server, name, label)

    def predict(self, x, verbose: int = 0, batch_size: int | None = None):
        """What the model gives for a batch; `verbose` and `batch_size` are for Keras."""
        found = self.model.predict({self.input.name: x})
        return next(iter(found.values()))


def told(model: Model, server: str, name: str, label: str) -> str:
    """What answers, in words."""
    return f"{name}, version {model.version}{f', {label}' if label else ''}, at {server}"


@contextlib.contextmanager
def opened(server: str, name: str, label: str = "", kind=Questions):
    """Context manager: `Questions` for a model on a server, or it as `Served`.

    Args:
        server: `http://…`, `https://…`, `grpc://…` or `unix:…`.
        name: the model's there.
        label: of the version that is asked; empty: the highest that is loaded.
        kind: `Questions` or `Served`.
    """
    with connect(server, name, label=label or None) as model:
        yield kind(model, server, name, label)


def _content(path: Path) -> bytes:
    try:
        found = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}: correct its name.") from error
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}): name a picture.") from error
    if not found:
        raise UserError(f"{path} is empty: copy or download it again.")
    return found


def _text(label) -> str:
    return label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label)
