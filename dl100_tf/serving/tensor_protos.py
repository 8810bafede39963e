"""TensorProtos as arrays and back, as Tensor::FromProto and Tensor::AsProtoField do it."""

import math

import numpy as np

from dl100_tf.serving import dtypes
from dl100_tf.serving.status import invalid

LARGEST = 1 << 31  # elements of a tensor that a request may claim without sending them
PACKED = {1: b"\x2a", 2: b"\x32"}  # tags of float_val and double_val, whose values stand in memory as on the wire


def array(proto, name: str) -> np.ndarray:
    """The tensor in a proto; a last value that is left out repeats, none at all is zeros.

    Raises:
        ServingError: its type is unknown, or its content doesn't fit its shape.
    """
    kind = dtypes.TYPES.get(proto.dtype)
    if kind is None or proto.tensor_shape.unknown_rank:
        raise _broken(name)
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    size = math.prod(shape)
    if any(length < 0 for length in shape) or len(shape) > 254 or size > LARGEST:
        raise _broken(name)
    if kind.array is None or kind.field == "":
        return _by_tensorflow(proto, name)
    if proto.tensor_content and kind is not dtypes.STRING:
        if len(proto.tensor_content) != size * kind.array.itemsize:
            raise _broken(name)
        return np.frombuffer(proto.tensor_content, kind.array).reshape(shape)
    return _from_field(getattr(proto, kind.field), kind, size).reshape(shape)


def _from_field(values, kind: dtypes.DType, size: int) -> np.ndarray:
    given = len(values)
    if kind is dtypes.STRING:
        made = np.empty(size, object)
        made[:] = b""
        made[:min(given, size)] = values[:size]
        if 0 < given < size:
            made[given:] = values[-1]
        return made
    if given >= size:
        return np.array(values[:size] if given > size else values, _wide(kind)).astype(kind.array, copy=False)
    made = np.zeros(size, kind.array)
    if given:
        made[:given] = np.array(values, _wide(kind)).astype(kind.array)
        made[given:] = made[given - 1]
    return made


def _wide(kind: dtypes.DType) -> np.dtype:
    """The type that a field's values have before they become the tensor's, by wrapping where they don't fit."""
    return np.dtype(np.int32) if kind.field == "int_val" else kind.array


def _by_tensorflow(proto, name: str) -> np.ndarray:
    """Types that few models take: complex, half, quantised."""
    import tensorflow as tf

    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError, KeyError) as error:
        raise _broken(name) from error


def _broken(name: str):
    return invalid(f"tensor parsing error: {name}")


def fill(proto, values: np.ndarray, as_content: bool = False) -> None:
    """Write an array into a TensorProto: by values, or as `tensor_content`."""
    kind = dtypes.of(values)
    if kind.field == "" or kind.array is None:
        import tensorflow as tf

        proto.CopyFrom(tf.make_tensor_proto(values))
        return
    proto.dtype = kind.number
    for size in values.shape:
        proto.tensor_shape.dim.add(size=size)
    if as_content and kind is not dtypes.STRING:
        proto.tensor_content = np.ascontiguousarray(values).tobytes()
    elif kind.number in PACKED and values.size:
        raw = values.tobytes()
        proto.MergeFromString(PACKED[kind.number] + _varint(len(raw)) + raw)
    elif kind is dtypes.STRING:
        proto.string_val.extend(item if isinstance(item, bytes) else item.encode() for item in values.ravel())
    else:
        getattr(proto, kind.field).extend(values.ravel().tolist())


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)
