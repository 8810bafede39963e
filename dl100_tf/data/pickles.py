"""Pickles of plain values and NumPy arrays, read without the power that a pickle has: to run any code it names.

Only the opcodes that build plain values are known here, and a name that a pickle asks for is answered by a
stand-in of ours, never by the real thing: NumPy itself isn't called before everything has been checked.
"""

import io
import pickle
import re
from typing import ClassVar

import numpy as np

from dl100_tf.errors import DataError

# What Python 2 and 3 write for None, booleans, numbers, texts, bytes, lists, tuples, dicts and NumPy arrays.
OPCODES = """PROTO FRAME STOP MARK POP POP_MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG1 FLOAT BINFLOAT
STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8
BYTEARRAY8 EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS
GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD""".split()
NUMBERS = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f[248])")  # the dtypes that hold no objects


def mapping(content: bytes, name: str) -> dict[str, object]:
    """The dict that a pickle holds: plain values and arrays of numbers under texts.

    Bytes of Python 2 stay bytes, but for the keys.

    Args:
        content: the whole pickle.
        name: the file it is from, for the message.

    Raises:
        DataError: it asks for anything else, is damaged, or holds no such dict.
    """
    try:
        found = _Reader(content).load()
        return {_text(key): value.numbers() if isinstance(value, _Array) else value for key, value in found.items()}
    except Exception as error:  # a hostile pickle can fail in every way there is
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{name} is damaged, or isn't what it claims to be ({type(error).__name__}: {reason}): "
                        "download the original again.") from error


class _Reader(pickle._Unpickler):
    """The unpickler in Python, whose table of opcodes can be cut down; its memo grows no faster than its input."""

    dispatch: ClassVar = {code[0]: pickle._Unpickler.dispatch[code[0]]
                          for code in (getattr(pickle, opcode) for opcode in OPCODES)}

    def __init__(self, content: bytes):
        super().__init__(io.BytesIO(content), encoding="bytes")
        self.left = len(content)  # bytes that texts may be encoded to: each is written once

    def find_class(self, module: str, name: str):
        """The stand-in for a name, whether NumPy 1 or 2 or Python 2 or 3 wrote it."""
        asked = f"{module}.{name}".replace("numpy._core.", "numpy.core.").replace("__builtin__.", "builtins.")
        answers = {"numpy.ndarray": None, "numpy.dtype": _DType, "numpy.core.multiarray._reconstruct": _empty,
                   "numpy.core.multiarray.scalar": _scalar, "numpy.core.numeric._frombuffer": _frombuffer,
                   "_codecs.encode": self._encode, "builtins.bytes": _no_bytes}
        if asked not in answers:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no dataset needs")
        return answers[asked]

    def load_build(self):
        """Give an object its state, if it's an array or a dtype: anything else has none."""
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Array | _DType):
            raise pickle.UnpicklingError("it changes what is no array")
        self.stack[-1].restore(*state)

    dispatch[pickle.BUILD[0]] = load_build

    def _encode(self, text: str, encoding: str | bytes) -> bytes:
        """How Python 3 writes bytes for Python 2."""
        self.left -= len(text)
        if _text(encoding) != "latin1" or self.left < 0:
            raise pickle.UnpicklingError("it encodes what needs no encoding")
        return text.encode("latin1")


class _DType:
    def __init__(self, code: str | bytes, align: int = 0, copy: int = 1):
        if not NUMBERS.fullmatch(_text(code)):
            raise pickle.UnpicklingError(f"an array of {_text(code)[:20]!r} instead of numbers")
        self.dtype = np.dtype(_text(code))

    def restore(self, version, order, subarray=None, names=None, fields=None, *sizes):
        """The byte order; plain numbers have no other state."""
        if _text(order) not in ("<", ">", "|", "=") or not (subarray is names is fields is None):
            raise pickle.UnpicklingError("an array of something else than numbers")
        self.dtype = self.dtype.newbyteorder(_text(order))


class _Array:
    state = None

    def restore(self, version, shape, dtype, fortran, content):
        """Keep the pieces: the array is made of them when the whole pickle has been read."""
        self.state = shape, dtype, fortran, content

    def numbers(self) -> np.ndarray:
        """The array; its bytes are all there already, so a shape can't make it larger."""
        shape, dtype, fortran, content = self.state
        if not isinstance(content, bytes | bytearray) or not isinstance(shape, tuple):
            raise pickle.UnpicklingError("an array without its bytes or its shape")
        return np.frombuffer(content, dtype.dtype).reshape(shape, order="F" if fortran else "C")


def _empty(kind: None, shape: tuple, code: bytes) -> _Array:
    return _Array()


def _frombuffer(content, dtype: _DType, shape: tuple, order: str) -> _Array:
    array = _Array()
    array.restore(1, shape, dtype, order == "F", content)
    return array


def _scalar(dtype: _DType, content: bytes) -> int | float:
    return np.frombuffer(content, dtype.dtype, count=1)[0].item()


def _no_bytes() -> bytes:
    return b""


def _text(value: str | bytes) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else value
