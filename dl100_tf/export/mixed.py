"""Weights that are too few to be worth fewer bits: they stay float32 in a file whose other weights are smaller.

The first layers of a net have few weights, and a rounding there goes through all that follow. Of a MobileNetV2 in
float16, a thirtieth of the weights makes nine tenths of the largest error.
"""

import copy

import numpy as np

from dl100_tf.export import graph, litert

VARIANTS = ("float16", "dynamic")  # whose files may be mixed
MARGIN = 0.5  # of what may lie between scores: how near they come on training data, so that they stay so on others
FEW = (3_000, 10_000, 30_000, 100_000)  # weights of an operator; fewer stay float32, as many as it takes
OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")  # which take weights of either kind
ALWAYS = "DEPTHWISE_CONV_2D"  # it has few weights for the numbers it makes of them


def near(whole: bytes, reduced: bytes, examples: np.ndarray, bound: float) -> bytes:
    """The smallest mix of two files that stays near the first.

    Args:
        whole: content of a .tflite file in float32.
        reduced: the same model, by the same converter, with weights in float16 or in int8 beside float32 activations.
        examples: inputs (n, ...) to try them on: not those that the result will be judged by.
        bound: how far a probability may be from that of `whole`.

    Returns:
        The content of `reduced` where that is near enough, else with the weights of `whole` for ever larger operators;
        the last such where none is.

    Raises:
        UserError: a file is damaged.
    """
    expected, content = litert.probabilities(whole, "float32", examples), reduced
    for few in FEW:
        if np.abs(litert.probabilities(content, "a mix", examples) - expected).max() <= bound:
            break
        content = mixed(whole, reduced, few)
    return content


def mixed(whole: bytes, reduced: bytes, few: int) -> bytes:
    """`reduced` with the weights of `whole` where an operator has fewer than `few`; for the rest see `near`.

    Returns:
        The content of the new file; `reduced` as it is where its operators aren't those of `whole`.
    """
    theirs, ours = graph.unpacked(whole), graph.unpacked(reduced)
    if len(theirs.subgraphs) != len(ours.subgraphs):
        return reduced
    restored = {}
    for number, (before, after) in enumerate(zip(theirs.subgraphs, ours.subgraphs, strict=True)):
        kept = [operator for operator in after.operators or [] if not _widens(ours, after, operator)]
        if [_name(theirs, one) for one in before.operators or []] != [_name(ours, one) for one in kept]:
            return reduced
        for one, other in zip(before.operators or [], kept, strict=True):
            if _is(theirs, one, OPERATORS):
                _restore(theirs, ours, (before, one), (after, other), few, restored)
        _compact(ours, number, kept)
    _emptied(ours)
    return graph.packed(ours)


def _name(model, operator) -> tuple:
    """What an operator does, comparable between files."""
    code = model.operatorCodes[operator.opcodeIndex]
    return max(code.builtinCode, code.deprecatedBuiltinCode), code.customCode


def _is(model, operator, names) -> bool:
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    return _name(model, operator)[0] in [getattr(BuiltinOperator, name) for name in names]


def _widens(model, part, operator) -> bool:
    """Whether it only makes float32 of stored weights."""
    return _is(model, operator, ["DEQUANTIZE"]) and _stored(model, part, operator.inputs[0]) is not None


def _stored(model, part, number: int):
    """The bytes of a tensor that is stored in the file, None for one that is computed."""
    content = model.buffers[part.tensors[number].buffer].data if number >= 0 else None
    return content if content is not None and len(content) else None


def _restore(theirs, ours, whole, reduced, few: int, restored: dict) -> None:
    """Give an operator back the float32 of its weights, where they are few; `restored`: the buffers so far."""
    from ai_edge_litert.schema_py_generated import TensorType

    (before, one), (after, other) = whole, reduced
    other.inputs = list(other.inputs)
    for place, (number, now) in enumerate(zip(one.inputs, other.inputs, strict=True)):
        content = _stored(theirs, before, number)
        if content is None or before.tensors[number].type != TensorType.FLOAT32 or _stored_float32(ours, after, now):
            continue
        if len(content) < 4 * few or _is(theirs, one, [ALWAYS]):
            tensor, buffer = copy.copy(before.tensors[number]), before.tensors[number].buffer
            if buffer not in restored:  # operators may share weights
                restored[buffer] = len(ours.buffers)
                ours.buffers.append(copy.copy(theirs.buffers[buffer]))
            tensor.buffer = restored[buffer]
            other.inputs[place] = len(after.tensors)
            after.tensors.append(tensor)


def _stored_float32(model, part, number: int) -> bool:
    from ai_edge_litert.schema_py_generated import TensorType

    return _stored(model, part, number) is not None and part.tensors[number].type == TensorType.FLOAT32


def _compact(model, number: int, operators: list) -> None:
    """Leave out the operators of a subgraph that only made float32 of weights nothing reads now, and those weights."""
    part = model.subgraphs[number]
    read = {tensor for operator in operators for tensor in operator.inputs} | set(part.outputs)
    part.operators = [operator for operator in part.operators or []
                      if any(operator is one for one in operators) or read & set(operator.outputs)]
    used = set(part.inputs) | set(part.outputs)
    for operator in part.operators:
        used |= {*operator.inputs, *operator.outputs, *_many(operator.intermediates)}
    place = {old: new for new, old in enumerate(sorted(used - {-1}))} | {-1: -1}  # -1: an input that is left out
    part.tensors = [part.tensors[old] for old in sorted(used - {-1})]
    for operator in part.operators:
        for name in ("inputs", "outputs", "intermediates"):
            setattr(operator, name, [place[old] for old in _many(getattr(operator, name))])
    part.inputs, part.outputs = ([place[old] for old in ends] for ends in (part.inputs, part.outputs))
    for signature in model.signatureDefs or []:
        for end in (*signature.inputs, *signature.outputs) if signature.subgraphIndex == number else ():
            end.tensorIndex = place[end.tensorIndex]


def _many(numbers) -> list:
    return [] if numbers is None else list(numbers)


def _emptied(model) -> None:
    """Take the bytes out of buffers that nothing refers to; their numbers stay."""
    used = {tensor.buffer for part in model.subgraphs for tensor in part.tensors}
    used |= {entry.buffer for entry in model.metadata or []}
    for number, buffer in enumerate(model.buffers):
        if number not in used:
            buffer.data = None
