"""The body of a predict request: which signature, which format, and its tensors (util/json_tensor.cc)."""

import numpy as np
import orjson

from dl100_tf.serving import fast_json, json_reader, json_writer, tensors
from dl100_tf.serving.status import ServingError, invalid

ROWS, COLUMNS = "instances", "inputs"
PIECE = 1 << 20  # bytes that are looked at together


def document(body: bytes, depth: int) -> dict:
    """The JSON object in `body`.

    Raises:
        ServingError: it isn't one.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        found = json_reader.read(body, depth) if _deep(body, depth) else orjson.loads(body)
    except orjson.JSONDecodeError:  # NaN, bytes that aren't UTF-8, or really wrong
        found = json_reader.read(body, depth)
    if type(found) is not dict:
        raise invalid(f"JSON Value: {json_writer.shown(found)} Is not object")
    return found


def _deep(body: bytes, depth: int) -> bool:
    """Whether a document may be nested deeper than that; brackets in strings count as well, so it may not be."""
    if body.count(b"[") + body.count(b"{") <= depth:
        return False
    level = 0
    for start in range(0, len(body), PIECE):
        codes = np.frombuffer(body, np.uint8, min(PIECE, len(body) - start), start)
        steps = ((codes == ord("[")) | (codes == ord("{"))).astype(np.int32) - ((codes == ord("]")) | (
            codes == ord("}")))
        levels = level + np.cumsum(steps)
        if levels.max() > depth:
            return True
        level = int(levels[-1])
    return False


def signature_name(found: dict) -> str:
    """The name of the signature that a request asks for, or nothing.

    Raises:
        ServingError: it isn't a string.
    """
    name = found.get("signature_name", "")
    if type(name) not in (str, bytes):
        raise invalid(f"JSON Value: {json_writer.shown(found)} not formatted correctly. 'signature_name' key must be a "
                      "string value.")
    return name if isinstance(name, str) else name.decode("utf-8", "replace")


def read(body: bytes, inputs_of, depth: int) -> tuple[str, str, dict]:
    """The signature's name, the format (`ROWS` or `COLUMNS`) and the tensors by their names.

    Args:
        body: the request's body.
        inputs_of: gives the inputs of the signature with a name, as {name: Slot}; raises a ServingError.
        depth: how deep the JSON may be nested.

    Raises:
        ServingError: the body is wrong.
    """
    quick = fast_json.read(body, inputs_of)
    if quick is not None:
        return quick
    found = document(body, depth)
    name = signature_name(found)
    slots = inputs_of(name)
    if not slots:
        raise invalid(f"Failed to get input map for signature: {name or 'DEFAULT'}")
    if ROWS not in found and COLUMNS not in found:
        raise invalid("Missing 'inputs' or 'instances' key")
    if ROWS in found and COLUMNS in found:
        raise invalid(f"JSON Value: {json_writer.shown(found)} Not formatted correctly expecting only one of 'inputs' "
                      "or 'instances' keys to exist ")
    if COLUMNS in found:
        return name, COLUMNS, _columns(found[COLUMNS], slots)
    instances = found[ROWS]
    if type(instances) is not list:
        raise invalid(f"JSON Value: {json_writer.shown(found)} Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid(f"JSON Value: {json_writer.shown(found)} No values in 'instances' array")
    return name, ROWS, _rows(instances, slots)


def _rows(instances: list, slots: dict) -> dict:
    if type(instances[0]) is not dict and len(slots) > 1:
        raise invalid("instances is a plain list, but expecting list of objects as multiple input tensors required as "
                      "per tensorinfo_map")
    if _is_object(instances[0]):
        return _objects(instances, slots)
    for number, instance in enumerate(instances):
        if _is_object(instance):
            raise invalid(f"Expecting value/list but got object at item {number} of input list")
    name = next(iter(slots))

    def worded(number, error):
        return invalid(f"Failed to process element: {number} of 'instances' list. Error: {error}")
    return {name: tensors.stacked(instances, slots[name].kind, worded)}


def _is_object(value) -> bool:
    return type(value) is dict and not tensors.is_base64(value)


def _objects(instances: list, slots: dict) -> dict:
    """Instances that name their inputs; each must have all of them."""
    wanted = set(slots)
    for number, instance in enumerate(instances):
        if not _is_object(instance):
            raise invalid(f"Expecting object but got list at item {number} of input list")
        if set(instance) != wanted:
            _refuse(number, instance, slots)
    made = {}
    for name, slot in slots.items():
        def worded(number, error, name=name):
            return invalid(f"Failed to process element: {number} key: {name} of 'instances' list. Error: {error}")
        made[name] = tensors.stacked([instance[name] for instance in instances], slot.kind, worded)
    return made


def _refuse(number: int, instance: dict, slots: dict) -> None:
    """Raise what is wrong with an instance that doesn't have the signature's inputs."""
    for name, value in instance.items():
        try:
            if name not in slots:
                raise invalid(f"JSON object: does not have named input: {name}")
            tensors.tensor(value, slots[name].kind)
        except ServingError as error:
            raise invalid(f"Failed to process element: {number} key: {name} of 'instances' list. Error: {error}"
                          ) from error
    raise invalid(f"Failed to process element: {number} of 'instances' list. JSON object: "
                  f"{json_writer.shown(instance)} must only have keys: {','.join(sorted(slots))}")


def _columns(value, slots: dict) -> dict:
    if not _is_object(value):
        if len(slots) > 1:
            raise invalid("inputs is a plain value/list, but expecting an object as multiple input tensors required as "
                          "per tensorinfo_map")
        (name, slot), = slots.items()
        return {name: tensors.tensor(value, slot.kind)}
    for name in slots:
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: tensors.tensor(value[name], slot.kind) for name, slot in slots.items()}
