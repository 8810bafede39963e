"""JSON values as tensors, by TensorFlow Serving's rules and in its words (util/json_tensor.cc)."""

import binascii
import itertools
import re

import numpy as np

from dl100_tf.serving import dtypes, json_writer
from dl100_tf.serving.status import UNIMPLEMENTED, ServingError, invalid

WHOLE = {"int32": (-(1 << 31), 1 << 31), "int16": (-(1 << 31), 1 << 31), "int8": (-(1 << 31), 1 << 31),
         "uint8": (-(1 << 31), 1 << 31), "int64": (-(1 << 63), 1 << 63), "uint32": (0, 1 << 32),
         "uint64": (0, 1 << 64)}
LARGEST = {"float": 3.4028234663852886e38, "double": float("inf")}
LARGEST_WHOLE = {"float": (1 << 24) - 1, "double": (1 << 53) - 1}  # beyond, not every whole number has a float
BASE64 = re.compile(rb"[A-Za-z0-9+/]*")


def tensor(value, kind: dtypes.DType) -> np.ndarray:
    """A JSON value, a scalar or lists of lists, as an array of that type; strings become bytes in an object array.

    Raises:
        ServingError: ragged lists, or a value of another type.
    """
    shape, leaves = _regular(value)
    if leaves is None or (array := _array(leaves, kind)) is None:
        _explain(value, kind, 0, shape)
        raise invalid("JSON Value can't be converted")  # not reached: what isn't regular has been explained
    return array.reshape(shape)


def stacked(instances: list, kind: dtypes.DType, wrap) -> np.ndarray:
    """The values of many instances as one array, with the instances as its first dimension.

    `wrap(number, error)` words the error of one instance.

    Raises:
        ServingError: one of them isn't like the first.
    """
    shape, leaves = _regular(instances)
    if leaves is not None and (array := _array(leaves, kind)) is not None:
        return array.reshape(shape)
    first = None
    for number, instance in enumerate(instances):
        try:
            found = _shape(instance)
            size = _explain(instance, kind, 0, found)
            if first is None:
                first = size, found
            elif size != first[0]:
                raise invalid(f"Expecting tensor size: {first[0]} but got: {size}")
            elif found != first[1]:
                raise invalid(f"Expecting shape {_told(first[1])} but got: {_told(found)}")
        except ServingError as error:
            raise wrap(number, error) from error
    raise invalid("JSON Value can't be converted")


def _told(shape: tuple) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def _shape(value) -> tuple[int, ...]:
    """The sizes of the lists found by always going into the first element."""
    sizes = []
    while type(value) is list:
        sizes.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(sizes)


MOST_DIMENSIONS = 64  # numpy has no arrays of more; TensorFlow has none of more than 254


def _regular(value) -> tuple[tuple[int, ...], list | None]:
    """The shape, and all elements in order; None for them where lists at a level differ."""
    shape = _shape(value)
    if len(shape) > MOST_DIMENSIONS:
        raise invalid(f"tensor parsing error: {len(shape)} dimensions")
    level = [value]
    for size in shape:
        if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
            return shape, None
        level = list(itertools.chain.from_iterable(level))
    return shape, None if list in set(map(type, level)) else level


def _array(leaves: list, kind: dtypes.DType) -> np.ndarray | None:
    """The elements as an array; None where one of them is not of the type."""
    found = set(map(type, leaves))
    if kind is dtypes.STRING:
        return _strings(leaves, found)
    if kind is dtypes.BOOL:
        return np.array(leaves, bool) if found <= {bool} else None
    if kind.name in LARGEST:
        return _floats(leaves, found, kind)
    if kind.name not in WHOLE or not found <= {int}:
        return None if leaves or kind.name not in WHOLE else np.zeros(0, kind.array)
    low, end = WHOLE[kind.name]
    if leaves and not (low <= min(leaves) and max(leaves) < end):
        return None
    wide = np.array(leaves, np.uint64 if kind.name == "uint64" else np.int64)
    return wide.astype(kind.array)  # a number beyond int8 wraps, as it does in TensorFlow Serving


def _floats(leaves: list, found: set, kind: dtypes.DType) -> np.ndarray | None:
    if not found <= {int, float}:
        return None
    if int in found:
        most = LARGEST_WHOLE[kind.name]
        whole = leaves if found == {int} else [leaf for leaf in leaves if type(leaf) is int]
        if whole and (max(whole) > most or min(whole) < -most):
            return None
    array = np.array(leaves, np.float64)
    if kind is dtypes.DOUBLE:
        return array
    return single(array)


def single(array: np.ndarray) -> np.ndarray | None:
    """Doubles as floats; None where a finite one is too large to be one."""
    with np.errstate(over="ignore"):
        floats = array.astype(np.float32)
    if not np.isfinite(floats).all():
        lost = np.isfinite(array) & (np.abs(array) > LARGEST["float"])
        if lost.any():
            return None
    return floats


def _strings(leaves: list, found: set) -> np.ndarray | None:
    if not found <= {str, bytes, dict}:
        return None
    array = np.empty(len(leaves), object)
    for place, leaf in enumerate(leaves):
        if type(leaf) is dict:
            leaf = decoded(leaf["b64"]) if is_base64(leaf) else None
            if leaf is None:
                return None
        array[place] = leaf.encode("utf-8", "surrogateescape") if type(leaf) is str else leaf
    return array


def is_base64(value) -> bool:
    """Whether a value is an object with nothing but a string named `b64`."""
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) in (str, bytes)


def decoded(text: str | bytes) -> bytes | None:
    """What base64 text stands for; padding may be left out, space may be anywhere; None where it isn't base64."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    try:
        return binascii.a2b_base64(raw, strict_mode=True)
    except binascii.Error:
        raw = b"".join(raw.split())
        bare = raw.rstrip(b"=.")
        missing = -len(bare) % 4
        if not BASE64.fullmatch(bare) or missing == 3 or len(raw) - len(bare) not in (0, missing):
            return None
        return binascii.a2b_base64(bare + b"=" * missing)


def _explain(value, kind: dtypes.DType, level: int, shape: tuple) -> int:
    """Walk through a value as TensorFlow Serving does; how many elements it has, or the error it would give."""
    if type(value) is not list:
        if level != len(shape):
            raise invalid(f"JSON Value: {json_writer.shown(value)} found at incorrect level: {level + 1} in the JSON "
                          f"DOM. Expected at level: {len(shape)}")
        _element(value, kind)
        return 1
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: "
                      f"{shape[level]}")
    return sum(_explain(item, kind, level + 1, shape) for item in value)


def _element(value, kind: dtypes.DType) -> None:
    """Raise what TensorFlow Serving says of an element that isn't of the type."""
    if type(value) is dict:
        if kind is not dtypes.STRING:
            raise type_error(value, kind)
        if not is_base64(value):
            raise invalid(f"JSON Value: {json_writer.shown(value)} not formatted correctly for base64 data")
        if decoded(value["b64"]) is None:
            raise invalid("Unable to base64 decode")
        return
    if kind.name not in LARGEST and kind.name not in WHOLE and kind not in (dtypes.STRING, dtypes.BOOL):
        raise ServingError(UNIMPLEMENTED, f"Conversion of JSON Value: {json_writer.shown(value)} to type: {kind.name}")
    if _array([value], kind) is not None:
        return
    if kind.name in LARGEST and type(value) in (int, float):
        raise lossy(value, kind.name)
    raise type_error(value, kind)


def type_error(value, kind: dtypes.DType) -> ServingError:
    """A value of another type than the tensor's."""
    return invalid(f"JSON Value: {json_writer.shown(value)} Type: {json_writer.type_name(value)} is not of expected "
                   f"type: {kind.name}")


def lossy(value, target: str) -> ServingError:
    """A number that would not be the same number."""
    return invalid(f"Cannot convert JSON value: {json_writer.shown(value)} to {target} without loss of precision.")
