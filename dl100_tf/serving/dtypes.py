"""TensorFlow's data types: their numbers in protobufs, their names in messages, and numpy's type for each."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class DType:
    """A data type: `number` in DataType, `name` as DataTypeString writes it, numpy's `array` type or None.

    `field` is where TensorProto keeps its values one by one.
    """

    number: int
    name: str
    array: np.dtype | None
    field: str = ""


def _types() -> dict[int, DType]:
    rows = [(1, "float", "f4", "float_val"), (2, "double", "f8", "double_val"), (3, "int32", "i4", "int_val"),
            (4, "uint8", "u1", "int_val"), (5, "int16", "i2", "int_val"), (6, "int8", "i1", "int_val"),
            (7, "string", "O", "string_val"), (8, "complex64", "c8", ""), (9, "int64", "i8", "int64_val"),
            (10, "bool", "?", "bool_val"), (11, "qint8", None, ""), (12, "quint8", None, ""), (13, "qint32", None, ""),
            (14, "bfloat16", None, ""), (15, "qint16", None, ""), (16, "quint16", None, ""),
            (17, "uint16", "u2", "int_val"), (18, "complex128", "c16", ""), (19, "half", "f2", ""),
            (20, "resource", None, ""), (21, "variant", None, ""), (22, "uint32", "u4", "uint32_val"),
            (23, "uint64", "u8", "uint64_val")]
    return {number: DType(number, name, np.dtype(array) if array else None, field)
            for number, name, array, field in rows}


TYPES = _types()
BY_ARRAY = {kind.array: kind for kind in TYPES.values() if kind.array is not None}
FLOAT, DOUBLE, STRING, BOOL = TYPES[1], TYPES[2], TYPES[7], TYPES[10]


def of(array: np.ndarray) -> DType:
    """The data type of an array that TensorFlow gave."""
    if array.dtype in BY_ARRAY:
        return BY_ARRAY[array.dtype]
    if array.dtype.name == "bfloat16":
        return TYPES[14]
    return STRING if array.dtype.kind in "SU" else DType(0, str(array.dtype), None)


def enum_name(kind: DType) -> str:
    """As in DataType_Name: DT_FLOAT."""
    return f"DT_{kind.name.upper()}"
