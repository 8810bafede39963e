"""JSON as RapidJSON's PrettyWriter writes it for TensorFlow Serving: answers, and values quoted in error messages."""

import base64
import math
import re

import numpy as np

from dl100_tf.serving import decimals, dtypes
from dl100_tf.serving.status import INVALID_ARGUMENT, ServingError, invalid

LONGEST = 1 << 16  # of a value quoted in a message; TensorFlow Serving quotes all of it, whatever its length
ESCAPED = {b'"': b'\\"', b"\\": b"\\\\", b"\b": b"\\b", b"\f": b"\\f", b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t"}
SPECIAL = re.compile(rb'["\\\x00-\x1f]')
TYPES = {type(None): "Null", dict: "Object", list: "Array", str: "String", bytes: "String", int: "Number",
         float: "Number"}


def type_name(value) -> str:
    """RapidJSON's name of a value's type, as in error messages."""
    return str(value) if isinstance(value, bool) else TYPES[type(value)]


def quoted(text: str | bytes) -> bytes:
    """A string as JSON; bytes that aren't UTF-8 go through as they are."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    return b'"' + SPECIAL.sub(lambda found: ESCAPED.get(found.group()) or b"\\u%04X" % ord(found.group()), raw) + b'"'


def shown(value) -> str:
    """A value as it is quoted in error messages (JsonValueToString); cut where it is very long."""
    if isinstance(value, float):
        return decimals.text(value, np.float32 if abs(value) <= 3.4028234e38 else np.float64)
    parts, room = [], [LONGEST]
    _show(value, 0, parts, room)
    return b"".join(parts).decode("utf-8", "replace")


def _show(value, level: int, parts: list, room: list) -> bool:
    """Append `value` to `parts`; False where writing ends: at numbers JSON can't write, and out of `room`."""
    if isinstance(value, list | dict) and value:
        opening, closing = (b"[", b"]") if isinstance(value, list) else (b"{", b"}")
        parts.append(opening)
        for number, item in enumerate(value):
            parts.append((b",\n" if number else b"\n") + b"    " * (level + 1))
            if isinstance(value, dict):
                parts.append(quoted(item) + b": ")
                item = value[item]
            if not _show(item, level + 1, parts, room):
                return False
        parts.append(b"\n" + b"    " * level + closing)
        return True
    if isinstance(value, float) and not math.isfinite(value):
        return False
    parts.append(_scalar(value))
    room[0] -= len(parts[-1]) + 4 * level
    return room[0] > 0


def _scalar(value) -> bytes:
    if isinstance(value, str | bytes):
        return quoted(value)
    if isinstance(value, float):
        return _double(value).encode()
    if isinstance(value, bool) or value is None:
        return {None: b"null", True: b"true", False: b"false"}[value]
    return {"[]": b"[]", "{}": b"{}"}.get(str(value)) or str(value).encode()


def _double(value: float) -> str:
    """A double as RapidJSON's dtoa writes it: the fewest digits, an exponent only from 21 places on."""
    mantissa, _, exponent = f"{value!r}".partition("e")
    if not exponent:
        return mantissa
    places = int(exponent)
    if -7 < places < 21:
        return np.format_float_positional(value, trim="0")
    return f"{mantissa.removesuffix('.0')}e{places}"


def values(array: np.ndarray, as_bytes: bool) -> list[str | bytes]:
    """Each element of an output as JSON, row by row.

    Raises:
        ServingError: JSON has no such type.
    """
    kind = dtypes.of(array)
    if kind in (dtypes.FLOAT, dtypes.DOUBLE):
        return decimals.texts(array)
    flat = array.ravel().tolist()
    if kind is dtypes.STRING:
        if as_bytes:
            return [b64(item) for item in flat]
        return [quoted(item).decode("utf-8", "surrogateescape") for item in flat]
    if kind is dtypes.BOOL:
        return ["true" if item else "false" for item in flat]
    if array.dtype.kind in "iu" and kind.number != 17:
        return [str(item) for item in flat]
    raise invalid(f"Failed to write JSON value for tensor type: {kind.name}")


def b64(item: bytes) -> str:
    """Bytes as an object; its lines are indented by `nested`."""
    return '{"b64": "' + base64.b64encode(item if isinstance(item, bytes) else item.encode()).decode() + '"}'


def nested(items: list[str], shape: tuple[int, ...], level: int | None) -> str:
    """Elements as lists of lists of `shape`: in one line where `level` is None, else indented from that level on."""
    if not shape:
        return items[0]
    inner = math.prod(shape[1:])
    if len(shape) > 1:
        deeper = None if level is None else level + 1
        items = [nested(items[start * inner:(start + 1) * inner], shape[1:], deeper) for start in range(shape[0])]
    if level is None:
        return "[" + ", ".join(items) + "]"
    if not items:
        return "[]"
    between = "\n" + "    " * (level + 1)
    return "[" + between + f",{between}".join(items) + "\n" + "    " * level + "]"


def rows(outputs: dict[str, np.ndarray]) -> bytes:
    """The answer to a request in row format: `predictions`, one element a row, an object where there are many outputs.

    Raises:
        ServingError: the outputs have no rows, or not the same number.
    """
    size = 0
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if len(array) < 1:
            raise invalid(f"Tensor name: {name} has invalid batch size: {len(array)}")
        if size not in (0, len(array)):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {size}")
        size = len(array)
    columns = [(_name(name), _lines(array, name.endswith("_bytes"))) for name, array in outputs.items()]
    if len(columns) == 1:
        body = ", ".join(columns[0][1])
    else:
        body = ",".join("\n        {" + ",".join(f"\n            {name}: {lines[row]}" for name, lines in columns)
                        + "\n        }" for row in range(size))
    return ('{\n    "predictions": [' + body + "\n    ]\n}").encode("utf-8", "surrogateescape")


def _lines(array: np.ndarray, as_bytes: bool) -> list[str]:
    """Each row of an output, in one line."""
    items, shape = values(array, as_bytes), array.shape[1:]
    inner = math.prod(shape)
    if not shape:
        return items
    return [nested(items[row * inner:(row + 1) * inner], shape, None) for row in range(len(array))]


def _name(name: str) -> str:
    return quoted(name).decode("utf-8", "surrogateescape")


def columns(outputs: dict[str, np.ndarray]) -> bytes:
    """The answer to a request in columnar format: `outputs`, an object where there are many."""
    if len(outputs) == 1:
        (name, array), = outputs.items()
        body = nested(values(array, name.endswith("_bytes")), array.shape, 1)
    else:
        body = "{" + ",".join(
            f"\n        {_name(name)}: " + nested(values(array, name.endswith("_bytes")), array.shape, 2)
            for name, array in outputs.items()) + "\n    }"
    return ('{\n    "outputs": ' + body + "\n}").encode("utf-8", "surrogateescape")


def classifications(results) -> bytes:
    """The answer of classify: `results`, for each example a list of [label, score]."""
    if not results:
        raise ServingError(INVALID_ARGUMENT, "Cannot convert empty ClassificationResults to JSON")
    lines = ["[" + ", ".join(f"[{_name(label)}, {decimals.text(score)}]" for label, score in pairs) + "]"
             for pairs in results]
    return ('{\n    "results": [' + ", ".join(lines) + "\n    ]\n}").encode("utf-8", "surrogateescape")


def regressions(results) -> bytes:
    """The answer of regress: `results`, a number for each example."""
    if not len(results):
        raise ServingError(INVALID_ARGUMENT, "Cannot convert empty RegressionResults to JSON")
    return ('{\n    "results": [' + ", ".join(decimals.texts(np.asarray(results, np.float32))) + "]\n}").encode()


def error(message: str) -> bytes:
    """The body that goes with an error's status."""
    return b'{\n    "error": ' + quoted(message) + b"\n}"
