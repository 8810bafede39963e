"""Predict, classify, regress and several of them at once, on a loaded model (servables/tensorflow/*.cc)."""

import numpy as np

from dl100_tf.serving import dtypes, signatures
from dl100_tf.serving.status import FAILED_PRECONDITION, UNIMPLEMENTED, ServingError, invalid

INPUTS, CLASSES, SCORES, OUTPUTS = "inputs", "classes", "scores", "outputs"


def predict(model, signature, given: dict, wanted=(), check_method: bool = False) -> dict[str, np.ndarray]:
    """The outputs of a signature, by their names, for inputs by theirs.

    Args:
        model: a loaded model, or its batches: what has `run`.
        signature: a `Signature`.
        given: the inputs.
        wanted: the names of outputs, all of them without any.
        check_method: refuse signatures that are made for none of the three APIs.

    Raises:
        ServingError: inputs or outputs that the signature doesn't have, or the model fails.
    """
    if given.keys() != signature.inputs.keys() or check_method:
        signatures.check_inputs(signature, given, check_method)
    names = signatures.chosen_outputs(signature, wanted)
    feeds = {signature.inputs[name].tensor: array for name, array in given.items()}
    found = model.run(feeds, tuple(signature.outputs[name].tensor for name in names))
    return dict(zip(names, found, strict=True))


def serialized(examples) -> np.ndarray:
    """The examples of an `Input` proto, each serialised, with what all share in front of each.

    Raises:
        ServingError: there are none.
    """
    kind = examples.WhichOneof("kind")
    context = b""
    found = []
    if kind == "example_list":
        found = examples.example_list.examples
    elif kind == "example_list_with_context":
        context = examples.example_list_with_context.context.SerializeToString()
        found = examples.example_list_with_context.examples
    if not len(found):
        raise invalid("Input is empty.")
    made = np.empty(len(found), object)
    made[:] = [context + example.SerializeToString() for example in found]
    return made


def named(model, name: str, method: str, check_method: bool):
    """The signature that a classify or regress request names.

    Raises:
        ServingError: there is none, or (with `check_method`) it is made for another API.
    """
    found = model.signatures.get(name or signatures.DEFAULT)
    if found is None:
        raise invalid(f"No signature was found with the name: {name or signatures.DEFAULT}")
    _check_method(found, method, check_method)
    return found


def _check_method(signature, method: str, check_method: bool) -> None:
    if check_method and signature.method != method:
        raise invalid(f"Expected {_kind(method)} signature method_name to be {method}. Was: {signature.method}")


def _kind(method: str) -> str:
    return "classification" if method == signatures.CLASSIFY else "regression"


def plan(signature, method: str, check_method: bool) -> tuple[str, tuple[str, ...]]:
    """The tensor that a signature's examples go into, and those that its answer comes from.

    Raises:
        ServingError: it can't be used for `method`.
    """
    _check_method(signature, method, check_method)
    classify = method == signatures.CLASSIFY
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if classify and len(signature.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if not classify and len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    if INPUTS not in signature.inputs:
        raise ServingError(FAILED_PRECONDITION,
                           f"No {_kind(method)} inputs found in SignatureDef: {signature.text}")
    wanted = [name for name in ((CLASSES, SCORES) if classify else (OUTPUTS,)) if name in signature.outputs]
    if not wanted and classify:
        raise ServingError(FAILED_PRECONDITION, "Expected classification signature outputs to contain at least one of "
                           f'"{CLASSES}" or "{SCORES}". Signature was: {signature.text}')
    if not wanted:
        raise ServingError(FAILED_PRECONDITION, f"No regression outputs found in SignatureDef: {signature.text}")
    return signature.inputs[INPUTS].tensor, tuple(signature.outputs[name].tensor for name in wanted)


def classify(model, signature, examples, check_method: bool = False) -> list[list[tuple[bytes, float]]]:
    """For each example of an `Input` its classes: (label, score), in the model's order."""
    tensor, fetches = plan(signature, signatures.CLASSIFY, check_method)
    batch = serialized(examples)
    found = dict(zip(fetches, model.run({tensor: batch}, fetches), strict=True))
    return _classes(signature, found, len(batch))


def _classes(signature, found: dict, size: int) -> list[list[tuple[bytes, float]]]:
    labels = _checked(signature, found, CLASSES, dtypes.STRING, size)
    scores = _checked(signature, found, SCORES, dtypes.FLOAT, size)
    if labels is not None and scores is not None and labels.shape[1] != scores.shape[1]:
        raise invalid("Tensors class and score should match in dim_size(1). Got "
                      f"{labels.shape[1]} vs. {scores.shape[1]}")
    width = (labels if labels is not None else scores).shape[1]
    labels = [[b""] * width] * size if labels is None else labels.tolist()
    scores = [[0.0] * width] * size if scores is None else scores.tolist()
    return [list(zip(*pair, strict=True)) for pair in zip(labels, scores, strict=True)]


def _checked(signature, found: dict, name: str, kind: dtypes.DType, size: int) -> np.ndarray | None:
    """An output of classify; None where the signature has no such one."""
    slot = signature.outputs.get(name)
    array = None if slot is None else found.get(slot.tensor)
    if array is None:
        return None
    if array.ndim != 2:
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}")
    if dtypes.of(array) != kind:
        raise invalid(f"Expected {name} Tensor of {dtypes.enum_name(kind)}. Got: "
                      f"{dtypes.enum_name(dtypes.of(array))}")
    if len(array) != size:
        raise invalid(f"Expected {name} output batch size of {size}. Got: {len(array)}")
    return array


def _shape(array: np.ndarray) -> str:
    return "[" + ",".join(map(str, array.shape)) + "]"


def regress(model, signature, examples, check_method: bool = False) -> np.ndarray:
    """For each example of an `Input` its number, float32 (n,)."""
    tensor, fetches = plan(signature, signatures.REGRESS, check_method)
    batch = serialized(examples)
    return _numbers(model.run({tensor: batch}, fetches)[0], len(batch))


def _numbers(array: np.ndarray, size: int) -> np.ndarray:
    if array.ndim != 1 and not (array.ndim == 2 and array.shape[1] == 1):
        raise invalid(f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
                      f"{_shape(array)}")
    if len(array) != size:
        raise invalid(f"Input batch size did not match output batch size: {size} vs. {len(array)}")
    if dtypes.of(array) != dtypes.FLOAT:
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {dtypes.enum_name(dtypes.of(array))}")
    return array.ravel()


def multi(model, request, check_method: bool = False) -> list[tuple[str, object]]:
    """The tasks of a `MultiInferenceRequest` in one run: (method, what `classify` or `regress` gives) for each.

    Raises:
        ServingError: the tasks don't share a model and an input, or one of them can't be done.
    """
    tensor, names, used, fetches = "", set(), [], []
    for task in request.tasks:
        signature = _task(model, task, request.tasks[0].model_spec.name, names)
        wanted, found = plan(signature, task.method_name, check_method)
        if tensor not in ("", wanted):
            raise invalid("Input tensor must be the same for all Signatures.")
        tensor = wanted
        used.append((task.method_name, signature))
        fetches += found
    batch = serialized(request.input)
    fetches = tuple(sorted(set(fetches)))
    found = dict(zip(fetches, model.run({tensor: batch}, fetches), strict=True))
    return [(method, _classes(signature, found, len(batch)) if method == signatures.CLASSIFY else
             _numbers(found[signature.outputs[OUTPUTS].tensor], len(batch))) for method, signature in used]


def _task(model, task, model_name: str, names: set):
    """The signature of a task; `names` are those of the tasks before, and this one's afterwards."""
    if not task.model_spec.name:
        raise invalid("Found ModelSpec with an empty model name.")
    if task.model_spec.name != model_name:
        raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
    name = task.model_spec.signature_name or signatures.DEFAULT
    if name in names:
        raise invalid(f"Duplicate evaluation of signature: {name}")
    names.add(name)
    if name not in model.signatures:
        raise invalid(f"Requested signature not found in model graph: {name}")
    if task.method_name not in (signatures.CLASSIFY, signatures.REGRESS):
        raise ServingError(UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
    return model.signatures[name]
