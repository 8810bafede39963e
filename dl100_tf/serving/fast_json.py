"""The quick way for large numeric requests: numbers go from the text into an array and never become Python objects.

It answers only where it can be sure of what the exact way would answer, and leaves all else to it: one numeric input,
one key beside an optional signature, lists all of the same lengths, numbers that can't lose precision. simdjson reads
the numbers; that the lists are regular is seen from the text without its numbers, which for a shape is always the same.
"""

import math
import threading

import numpy as np

try:
    import simdjson
except ImportError:  # a platform without it has the exact way
    simdjson = None

from dl100_tf.serving import dtypes

DIGITS = b"0123456789+-.eE \t\n\r"
KEYS = {b'{"instances":[': "instances", b'{"inputs":[': "inputs"}
LARGEST_WHOLE = (1 << 24) - 1
SHORTEST = 256  # bytes; below, the exact way is as quick
REMEMBERED = 1 << 18  # bytes of a skeleton at most
MOST_KNOWN = 64
KEPT = 1 << 20  # bytes of text up to which a thread keeps its parser, whose memory is ten times as large and stays so
KNOWN: dict[int, tuple[bytes, tuple[int, ...]]] = {}  # by their lengths, the skeletons seen last: comparing is quick
PARSERS = threading.local()


def read(body: bytes, inputs_of) -> tuple[str, str, dict] | None:
    """As `predict_json.read`, or None where the exact way has to look; errors are its business as well."""
    if simdjson is None or len(body) < SHORTEST:
        return None
    start, end = body.find(b"["), body.rfind(b"]") + 1
    key = KEYS.get(b"".join(body[:start + 1].split())) if 0 < start < 64 else None
    if key is None or body[end:].strip() != b"}":
        return None
    slots = inputs_of("")
    if len(slots) != 1:
        return None
    (name, slot), = slots.items()
    if slot.kind not in (dtypes.FLOAT, dtypes.DOUBLE):
        return None
    shape = _shape(body, start, end)
    numbers = None if shape is None else _numbers(body[start:end])
    if numbers is None or len(numbers) == 0 or len(numbers) != math.prod(shape):
        return None
    if not -LARGEST_WHOLE <= numbers.min() <= numbers.max() <= LARGEST_WHOLE:  # also where one isn't finite
        return None
    array = numbers.astype(np.float32) if slot.kind is dtypes.FLOAT else numbers
    return "", key, {name: array.reshape(shape)}


def _shape(body: bytes, start: int, end: int) -> tuple[int, ...] | None:
    """The shape of the lists in body[start:end]; None where they differ in length, or hold more than numbers."""
    skeleton = body[start:end].translate(None, DIGITS)
    known = KNOWN.get(len(skeleton))
    if known is not None and known[0] == skeleton:
        return known[1]
    shape = _found(skeleton)
    if shape is not None and len(skeleton) < REMEMBERED:
        while len(KNOWN) >= MOST_KNOWN:
            KNOWN.pop(next(iter(KNOWN)), None)
        KNOWN[len(skeleton)] = skeleton, shape
    return shape


def _found(skeleton: bytes) -> tuple[int, ...] | None:
    """The shape of lists without what is in them, worked out from the innermost list outwards."""
    depth = len(skeleton) - len(skeleton.lstrip(b"["))
    if depth > 8:
        return None
    shape, inner = [], 1
    for level in range(depth - 1, -1, -1):
        opening = skeleton[level:]
        length = opening.find(b"]" * (depth - level)) + depth - level
        commas = opening.count(b",", 0, length)
        shape.insert(0, (commas + 1) // inner)
        if shape[0] == 0:  # brackets that don't match
            return None
        inner *= shape[0]
    return tuple(shape) if skeleton == _skeleton(tuple(shape)) else None


def _skeleton(shape: tuple[int, ...]) -> bytes:
    """Lists of that shape as JSON, without what is in them."""
    text = b""
    for size in reversed(shape):
        text = b"[" + b",".join([text] * size) + b"]"
    return text


def _numbers(text: bytes) -> np.ndarray | None:
    """All numbers in lists of lists, as float64."""
    parser = getattr(PARSERS, "parser", None) if len(text) <= KEPT else simdjson.Parser()
    if parser is None:
        parser = PARSERS.parser = simdjson.Parser()
    try:
        found = parser.parse(text)
        return np.frombuffer(found.as_buffer(of_type="d"), np.float64)
    except (ValueError, TypeError, RuntimeError):
        return None
    finally:
        found = parser = None  # a parser can't be used again while its document lives


