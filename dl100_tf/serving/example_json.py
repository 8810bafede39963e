"""The body of a classify or regress request: JSON objects as tf.Examples (util/json_tensor.cc)."""

from dl100_tf.serving import json_writer, predict_json, tensors
from dl100_tf.serving.status import invalid

KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64", None: "UNKNOWN"}
LARGEST = tensors.LARGEST["float"]


def read(body: bytes, depth: int):
    """The signature's name, and an `Input` proto with the examples.

    Raises:
        ServingError: the body is wrong.
    """
    from tensorflow_serving.apis import input_pb2

    found = predict_json.document(body, depth)
    name = predict_json.signature_name(found)
    made = input_pb2.Input()
    if "context" in found:
        _fill(found["context"], made.example_list_with_context.context)
    examples = found.get("examples")
    if "examples" not in found:
        raise invalid(f"JSON Value: {json_writer.shown(found)} When method is classify, key 'examples' is expected and "
                      "was not found")
    if type(examples) is not list:
        raise invalid(f"JSON Value: {json_writer.shown(found)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise invalid(f"JSON Value: {json_writer.shown(found)} 'examples' value is an empty array")
    into = (made.example_list_with_context if "context" in found else made.example_list).examples
    for example in examples:
        _fill(example, into.add())
    return name, made


def _fill(value, example) -> None:
    """Write a JSON object's members into an Example as features."""
    if type(value) is not dict:
        raise invalid(f"Example must be JSON object but got JSON {json_writer.type_name(value)}")
    for name, content in value.items():
        name = name if isinstance(name, str) else name.decode("utf-8", "replace")
        feature = example.features.feature[name]
        for item in content if type(content) is list else [content]:
            _add(name, item, feature)


def _add(name: str, value, feature) -> None:
    """Append a value to a feature; all of a feature's values are of one kind."""
    if type(value) is bool:
        _values(name, feature, "int64_list").append(int(value))
    elif tensors.is_base64(value):
        raw = tensors.decoded(value["b64"])
        target = _values(name, feature, "bytes_list")
        if raw is None:
            raise invalid("Unable to base64 decode")
        target.append(raw)
    elif value is None or type(value) in (dict, list):
        raise invalid(f"Feature: {name} has element with unexpected JSON type: {json_writer.type_name(value)}")
    elif type(value) in (str, bytes):
        raw = value if type(value) is bytes else value.encode("utf-8", "surrogateescape")
        _values(name, feature, "bytes_list").append(raw)
    elif type(value) is float:
        target = _values(name, feature, "float_list")
        if abs(value) != float("inf") and abs(value) > LARGEST:
            raise tensors.lossy(value, "float")
        target.append(value)
    else:
        target = _values(name, feature, "int64_list")
        if value >= 1 << 63:
            raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        target.append(value)


def _values(name: str, feature, kind: str):
    """The list that values of a kind go into."""
    present = feature.WhichOneof("kind")
    if present not in (None, kind):
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {KINDS[present]}")
    return getattr(feature, kind).value
