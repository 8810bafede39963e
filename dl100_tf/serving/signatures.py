"""What can be asked of a model: its signatures, as its SignatureDefs have them."""

import dataclasses

from dl100_tf.serving import dtypes
from dl100_tf.serving.status import FAILED_PRECONDITION, INTERNAL, ServingError, invalid

DEFAULT = "serving_default"
PREDICT, CLASSIFY, REGRESS = (f"tensorflow/serving/{name}" for name in ("predict", "classify", "regress"))


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """An input or output: its tensor's name in the graph, its type, its sizes (-1: any) or None for any rank."""

    tensor: str
    kind: dtypes.DType
    shape: tuple[int, ...] | None


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """A signature: its method, and its inputs and outputs by the names that clients use."""

    name: str
    method: str
    inputs: dict[str, Slot]
    outputs: dict[str, Slot]
    text: str = ""  # the SignatureDef, for messages


def of(signature_defs) -> dict[str, Signature]:
    """The signatures in a `{name: SignatureDef}`, each with its inputs and outputs in the order of their names."""
    return {name: Signature(name, found.method_name, _slots(found.inputs), _slots(found.outputs), str(found))
            for name, found in signature_defs.items()}


def _slots(infos) -> dict[str, Slot]:
    return {name: _slot(infos[name]) for name in sorted(infos)}


def _slot(info) -> Slot:
    shape = info.tensor_shape
    sizes = None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
    return Slot(info.name, dtypes.TYPES.get(info.dtype) or dtypes.DType(info.dtype, "unknown", None), sizes)


def for_rest(signatures: dict, name: str) -> Signature:
    """The signature that a REST predict request names; the default one without a name."""
    found = signatures.get(name or DEFAULT)
    if found is None:
        raise invalid(f'Serving signature name: "{name or DEFAULT}" not found in signature def')
    return found


def for_predict(signatures: dict, name: str) -> Signature:
    """The signature that a gRPC predict request names; the default one without a name."""
    found = signatures.get(name or DEFAULT)
    if found is None:
        raise ServingError(FAILED_PRECONDITION, f'Serving signature key "{name or DEFAULT}" not found.')
    return found


def check_inputs(signature: Signature, given, check_method: bool = False) -> None:
    """Raise a ServingError unless the names in `given` are the signature's inputs (predict_util.cc)."""
    if check_method and signature.method not in (PREDICT, CLASSIFY, REGRESS):
        raise ServingError(INTERNAL, "Expected prediction signature method_name to be one of {" + ", ".join(
            (PREDICT, CLASSIFY, REGRESS)) + f"}}. Was: {signature.method}")
    wanted = set(signature.inputs)
    if len(given) != len(wanted):
        sent = set(given)
        raise invalid(f"input size does not match signature: {len(sent)}!={len(wanted)} len({_braced(sent)}) != "
                      f"len({_braced(wanted)}). Sent extra: {_braced(sent - wanted)}. Missing but required: "
                      f"{_braced(wanted - sent)}.")
    for name in given:
        if name not in wanted:
            raise invalid(f"input tensor alias not found in signature: {name}. Inputs expected to be in the set "
                          f"{_braced(wanted)}.")


def chosen_outputs(signature: Signature, names) -> tuple[str, ...]:
    """The outputs that a request's filter leaves, all of them without one."""
    for place, name in enumerate(names):
        if name not in signature.outputs:
            raise invalid(f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                          f"{_braced(signature.outputs)}.")
        if name in names[:place]:
            raise invalid(f"duplicate output tensor alias: {name}")
    return tuple(names) or tuple(signature.outputs)


def _braced(names) -> str:
    return "{" + ",".join(sorted(names)) + "}"
