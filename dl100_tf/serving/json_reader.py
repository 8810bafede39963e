"""An exact JSON reader for what the fast ones refuse: RapidJSON 1.1's grammar, its error messages and offsets.

TensorFlow Serving reads JSON with RapidJSON and kParseNanAndInfFlag: `NaN`, `Inf` and `Infinity` are numbers; strings
may hold any bytes; what is wrong is told with the offset in bytes. It recurses, and dies of a deep document; this
reader has a stack of its own and a limit. Strings come back as `bytes` where they aren't UTF-8, else as `str`.
"""

import re

from dl100_tf.serving.status import ServingError, invalid

SPACE = re.compile(rb"[ \t\n\r]*")
NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
WORDS = {b"n": (b"null", None), b"t": (b"true", True), b"f": (b"false", False)}
ESCAPES = {b'"': b'"', b"\\": b"\\", b"/": b"/", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
BOM = b"\xef\xbb\xbf"


def read(text: bytes, depth: int = 512):
    """The value in `text`; numbers as int where they were written as whole numbers of at most 64 bits, else float.

    Raises:
        ServingError: INVALID_ARGUMENT; `text` is not JSON, or nested deeper than `depth`.
    """
    return _Reader(text, depth).document()


class _Reader:
    def __init__(self, text: bytes, depth: int):
        self.text, self.at, self.depth = text, len(BOM) if text.startswith(BOM) else 0, depth

    def wrong(self, what: str, at: int | None = None) -> ServingError:
        return invalid(f"JSON Parse error: {what} at offset: {self.at if at is None else at}")

    def peek(self) -> bytes:
        """The next byte; zero at the end, as RapidJSON's stream has it."""
        return self.text[self.at:self.at + 1] or b"\0"

    def space(self) -> None:
        self.at = SPACE.match(self.text, self.at).end()

    def document(self):
        self.space()
        if self.peek() == b"\0":
            raise self.wrong("The document is empty.")
        value = self.value()
        self.space()
        if self.peek() != b"\0":
            raise self.wrong("The document root must not follow by other values.")
        return value

    def value(self):
        """A value with all that is in it, without recursion: open lists and objects wait on a stack."""
        stack = []
        while True:
            value = self.opened(stack)
            if value is _OPEN:
                continue
            while stack:
                holder = stack[-1]
                if type(holder) is list:
                    holder.append(value)
                    done = self.after(b"]", "Missing a comma or ] after an array element.")
                else:
                    holder.put(value)
                    done = self.after(b"}", "Missing a comma or } after an object member.")
                    if not done:
                        self.name(holder)
                if not done:
                    break
                value = stack.pop()
                value = value if type(value) is list else value.members
            else:
                return value

    def opened(self, stack: list):
        """The next scalar or empty list or object; or opens a list or an object and answers `_OPEN`."""
        first = self.peek()
        if first not in b"[{":
            return self.scalar(first)
        if len(stack) >= self.depth:
            raise self.wrong(f"Nested deeper than {self.depth} levels.")
        self.at += 1
        self.space()
        if self.peek() == (b"]" if first == b"[" else b"}"):
            self.at += 1
            return [] if first == b"[" else {}
        stack.append([] if first == b"[" else _Object())
        if first == b"{":
            self.name(stack[-1])
        return _OPEN

    def after(self, end: bytes, missing: str) -> bool:
        """Whether the list or object that a value stood in ends behind it."""
        self.space()
        found = self.peek()
        if found not in (b",", end):
            raise self.wrong(missing)
        self.at += 1
        if found == b",":
            self.space()
        return found == end

    def name(self, holder: "_Object") -> None:
        if self.peek() != b'"':
            raise self.wrong("Missing a name for object member.")
        holder.name = self.string()
        self.space()
        if self.peek() != b":":
            raise self.wrong("Missing a colon after a name of object member.")
        self.at += 1
        self.space()

    def scalar(self, first: bytes):
        if first == b'"':
            return self.string()
        if first in WORDS:
            word, value = WORDS[first]
            self.letters(word)
            return value
        return self.number()

    def letters(self, word: bytes) -> None:
        for letter in word:
            if self.peek()[0] != letter:
                raise self.wrong("Invalid value.")
            self.at += 1

    def number(self) -> int | float:
        start, found = self.at, NUMBER.match(self.text, self.at)
        if not found:
            return self.named_number()
        self.at = found.end()
        fraction, exponent = found.groups()
        following = self.peek()
        if fraction is None and exponent is None and following == b".":
            self.at += 1
            raise self.wrong("Miss fraction part in number.")
        if exponent is None and following in b"eE":
            self.at += 2 if self.text[self.at + 1:self.at + 2] in (b"+", b"-") else 1
            raise self.wrong("Miss exponent in number.")
        digits = found.group()
        if fraction is None and exponent is None and len(digits) <= 20 and -(1 << 63) <= int(digits) < 1 << 64:
            return int(digits)
        value = float(digits)
        if (exponent and not exponent.startswith(b"-") and len(exponent.lstrip(b"+0")) > 9) or value in (
                float("inf"), float("-inf")):
            raise self.wrong("Number too big to be stored in double.", start)
        return value

    def named_number(self) -> float:
        minus = self.peek() == b"-"
        self.at += minus
        first = self.peek()
        if first == b"N":
            self.letters(b"NaN")
            return float("nan")
        if first != b"I":
            raise self.wrong("Invalid value.")
        self.letters(b"Inf")
        if self.peek() == b"i":
            self.letters(b"inity")
        return float("-inf" if minus else "inf")

    def string(self) -> str | bytes:
        self.at += 1
        parts = []
        while True:
            found = PLAIN.match(self.text, self.at)
            parts.append(found.group())
            self.at = found.end()
            end = self.peek()
            if end == b'"':
                self.at += 1
                break
            if end != b"\\":
                raise self.wrong("Missing a closing quotation mark in string." if end == b"\0" else
                                 "Invalid escape character in string.")
            parts.append(self.escape())
        whole = b"".join(parts)
        try:
            return whole.decode()
        except UnicodeDecodeError:
            return whole

    def escape(self) -> bytes:
        start = self.at
        self.at += 1
        letter = self.peek()
        if letter in ESCAPES:
            self.at += 1
            return ESCAPES[letter]
        if letter != b"u":
            raise self.wrong("Invalid escape character in string.", start)
        code = self.hexadecimal(start)
        if 0xD800 <= code < 0xDC00:
            if self.text[self.at:self.at + 2] != b"\\u":
                raise self.wrong("The surrogate pair in string is invalid.", start)
            self.at += 1
            low = self.hexadecimal(start)
            if not 0xDC00 <= low < 0xE000:
                raise self.wrong("The surrogate pair in string is invalid.", start)
            code = 0x10000 + ((code - 0xD800) << 10) + low - 0xDC00
        return chr(code).encode("utf-8", "surrogatepass")

    def hexadecimal(self, start: int) -> int:
        digits = self.text[self.at + 1:self.at + 5]
        if not re.fullmatch(rb"[0-9a-fA-F]{4}", digits):
            raise self.wrong("Incorrect hex digit after \\u escape in string.", start)
        self.at += 5
        return int(digits, 16)


class _Object:
    """An object that is being read: of two members with the same name the first counts, as RapidJSON finds it."""

    def __init__(self):
        self.members, self.name = {}, ""

    def put(self, value) -> None:
        self.members.setdefault(self.name, value)


_OPEN = object()
