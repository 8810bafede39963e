"""A finished Keras model as a SavedModel for TensorFlow Serving, preprocessing inside; and such a one loaded."""

import contextlib
import errno
import os
import re
from pathlib import Path

import numpy as np

from dl100_tf.errors import UserError
from dl100_tf.export import inspection, passages, preparation, warmup

DEFAULT, ENCODED, CLASSIFY = "serving_default", "encoded", "classify"  # its signatures
METHOD = "tensorflow/serving/classify"  # the name by which TensorFlow Serving's Classify API knows a signature
OURS = (  # models that `write` writes, by their signatures' outputs: of labels, hours, passages, pictures
    {DEFAULT: {"probabilities", "label"}, CLASSIFY: {"classes", "scores"}}, {DEFAULT: {"forecast"}},
    {DEFAULT: set(passages.ROWS)}, {DEFAULT: {"picture"}})


def write(model, contract, folder: Path, examples) -> None:
    """Write the model as a SavedModel that takes what people have and tells what it is.

    Its signatures, each for any number of examples:

    - `serving_default`: `image`, uint8 (batch, h, w, 1, 3 or 4) of any size, prepared as the contract says; or
      `text`, strings (batch,); or `contract.input`, float32 (batch, n). Out come `probabilities`, float32 (batch, k),
      and `label`, strings (batch,), the likeliest. Of a series, (batch, hours, columns), comes `forecast` alone, and
      where pictures are made `picture`, float32 (batch, *contract.picture).
    - `encoded`, of images only: the same for `image_bytes`, strings (batch,), JPEG, PNG, BMP or GIF files.
    - `classify`, of labels only, for the Classify API: `inputs`, `tf.train.Example`s (batch,) with the feature
      `image/encoded`, `text` or `contract.input`, to `classes`, strings, and `scores`, float32, both (batch, k).
    Of passages only `passages.signature`. It holds the weights that these use: no optimizer, no Keras class.

    Args:
        model: `keras.Model`: one input as the contract says, one output (batch, k), or (batch, 1) of two labels.
        contract: its `Contract`.
        folder: where to write; it must not exist.
        examples: a few real ones for the warm-up: uint8 pictures, str, or rows of numbers.

    Raises:
        UserError: the model's input has a name that can't be served; OSError: the disk is full.

    Source: https://www.tensorflow.org/tfx/serving/signature_defs
    """
    import tensorflow as tf

    parts = tf.train.TrackableView(model).descendants()
    with _portable(parts):
        signatures = _signatures(model, contract)
    used = {weight.ref(): weight for traced in signatures.values() for weight in traced.variables}
    kept = tf.Module()
    kept.weights = list(used.values())
    kept.tables = [part for part in parts if isinstance(part, tf.lookup.StaticHashTable)]
    with _full_disk_told(folder):
        tf.saved_model.save(kept, os.fspath(folder), signatures=signatures)
        if CLASSIFY in signatures:
            _declare(folder)
        warmup.write(folder, contract, examples)


@contextlib.contextmanager
def _full_disk_told(folder):
    """Raise the `OSError` that the rest of the package knows for what TensorFlow raises instead."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        if "No space left on device" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(folder)) from error
        raise


@contextlib.contextmanager
def _portable(parts):
    """Trace recurrent layers without cuDNN: on a machine with a GPU they'd run on no other."""
    before = [(part, part.use_cudnn) for part in parts if hasattr(part, "use_cudnn")]
    for part, _ in before:
        part.use_cudnn = False
    try:
        yield
    finally:
        for part, setting in before:
            part.use_cudnn = setting


def _signatures(model, contract) -> dict:
    """The traced functions of each signature, by its name."""
    import tensorflow as tf

    if contract.kind == "passage":
        return {DEFAULT: passages.signature(model, contract)}
    given, name, feature, prepare = _forms(contract)
    net = _net(model, contract)

    def predicting(spec, prepare):
        def predict(examples):
            probabilities = net(prepare(tf.ensure_shape(examples, spec.shape)))
            if contract.output != "probabilities":
                return {contract.output: probabilities}
            return {"probabilities": probabilities,
                    "label": tf.gather(tf.constant(contract.labels), tf.argmax(probabilities, axis=1))}
        return tf.function(predict, [spec], autograph=False).get_concrete_function()

    def classify(inputs):
        found = tf.io.parse_example(tf.ensure_shape(inputs, [None]), {name: feature})[name]
        scores = net(prepare(found))
        return {"classes": tf.broadcast_to(tf.constant(contract.labels), tf.shape(scores)), "scores": scores}

    serialised = tf.TensorSpec([None], tf.string, "inputs")
    found = {signature: predicting(*form) for signature, form in given.items()}
    return found if contract.output != "probabilities" else found | {
        CLASSIFY: tf.function(classify, [serialised], autograph=False).get_concrete_function()}


def _forms(contract) -> tuple:
    """How examples of this kind are handed over: to each signature, and as a feature of a `tf.train.Example`.

    Returns:
        For each signature its input's `tf.TensorSpec` and what makes the net's input of it; name and kind of the
        feature, and what makes the net's input of that.
    """
    import tensorflow as tf

    bytes_ = tf.io.FixedLenFeature([], tf.string)
    if contract.kind == "image":
        way = preparation.of(contract.preparation)

        def fitted(images):
            return way.fitted(images, contract.shape)

        read = tf.function(lambda files: way.read(files, contract.shape), autograph=False)  # once, for two to call
        return {DEFAULT: (tf.TensorSpec([None] * 4, tf.uint8, "image"), fitted),
                ENCODED: (tf.TensorSpec([None], tf.string, "image_bytes"), read)}, "image/encoded", bytes_, read
    if contract.kind == "text":
        return {DEFAULT: (tf.TensorSpec([None], tf.string, "text"), tf.identity)}, "text", bytes_, tf.identity
    if not re.fullmatch(r"(?!self$)[A-Za-z]\w*", contract.input, re.ASCII):  # TensorFlow would choose another name
        raise UserError(f"{contract.project}'s input is called {contract.input!r}: to be served, name it with letters, "
                        "digits and '_'.")
    spec = tf.TensorSpec([None, *contract.shape], tf.float32, contract.input)
    floats = tf.io.FixedLenFeature(contract.shape, tf.float32)
    return {DEFAULT: (spec, tf.identity)}, contract.input, floats, tf.identity


def _net(model, contract):
    """A function from the model's input to its output, float32 (batch, k): once in the graph, for all to call.

    A picture keeps its shape, (batch, h, w, c).
    """
    import tensorflow as tf

    shape = contract.picture or (model.outputs[0].shape[-1],)

    def net(given):
        given = tf.cast(given, model.inputs[0].dtype) if contract.kind == "image" else given
        found = tf.cast(tf.reshape(model(given, training=False), [-1, *shape]), tf.float32)
        return tf.concat([1 - found, found], axis=1) if shape == (1,) else found

    return tf.function(net, autograph=False)


def _declare(folder: Path) -> None:
    """Say that `classify` is for the Classify API, which `tf.saved_model.save` can't."""
    import tensorflow as tf

    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(os.fspath(folder))
    updater.replace_method_name(CLASSIFY, METHOD)
    updater.save()
    (Path(folder) / "fingerprint.pb").unlink(missing_ok=True)  # the digest of the file as it was


class SavedModel:
    """A SavedModel that `write` wrote, loaded: what a server would answer, without one.

    Attributes:
        folder: where it is.
        signatures: TensorFlow functions by name, which take their input by its name and return tensors by theirs.
    """

    def __init__(self, folder: Path, loaded):
        self.folder = Path(folder)
        self.signatures = loaded.signatures
        self._loaded = loaded  # the functions hold its weights only weakly

    def __call__(self, examples, batch_size: int = 128, signature: str = DEFAULT) -> dict[str, np.ndarray]:
        """Ask for many examples, batch after batch.

        Args:
            examples: an array or a list of what the signature takes, (n, …): pictures of one size, str, bytes, rows.
            batch_size: examples at a time.
            signature: which one is asked.

        Returns:
            By the output's name: float32 arrays, and arrays of str where the output is strings, (n, …).
        """
        import tensorflow as tf

        function = self.signatures[signature]
        (name, spec), = function.structured_input_signature[1].items()
        found = []
        for start in range(0, max(1, len(examples)), batch_size):
            batch = examples[start:start + batch_size]
            batch = tf.constant(list(batch) if spec.dtype == tf.string else np.asarray(batch), spec.dtype)
            found.append(function(**{name: batch}))
        joined = {name: np.concatenate([answers[name].numpy() for answers in found]) for name in found[0]}
        return {name: np.strings.decode(values.astype("S"), "utf-8") if values.dtype == object else values
                for name, values in joined.items()}


def scores(contract, answers: dict[str, np.ndarray]) -> np.ndarray:
    """What a `SavedModel` of this contract answered, as Keras gives it."""
    return passages.stacked(answers) if contract.kind == "passage" else answers[contract.output]


def load(folder: Path) -> SavedModel:
    """Load a SavedModel that `write` wrote.

    What is loaded may come from a stranger: it is inspected before anything in it runs, see `inspection`.

    Raises:
        UserError: there is none, it is damaged, it isn't one of ours, or it would reach beyond itself; the message
            names the folder.
    """
    import tensorflow as tf

    inspection.inspect(folder, *OURS)
    try:
        return SavedModel(folder, tf.saved_model.load(os.fspath(folder)))
    except Exception as error:  # whatever TensorFlow makes of a file that is damaged in the middle
        told = re.sub(r"\{\{.*?\}\}", "", str(error))  # where in TensorFlow it happened
        reason = " ".join(told.split())[:160] or type(error).__name__
        raise UserError(f"{folder} is damaged ({reason}): export it again.") from error
