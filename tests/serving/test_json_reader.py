"""What the exact JSON reader takes and refuses, and where: RapidJSON 1.1's answers."""

import json
import math

import pytest

from dl100_tf.serving import json_reader
from dl100_tf.serving.status import ServingError


def refused(text):
    with pytest.raises(ServingError) as caught:
        json_reader.read(text)
    return caught.value.message.removeprefix("JSON Parse error: ")


class TestTaken:
    @pytest.mark.parametrize("value", [{}, [], {"a": [1, 2.5, "x", None, True, False, {"b": []}], "c": {"d": {}}},
                                       [[[]], [{}]], "é\n\"\\/", -0.5e-3, 0, 1e300, [1, [2, [3]]], {"": 0}])
    def test_what_json_is(self, value):
        assert json_reader.read(json.dumps(value).encode()) == value
        assert json_reader.read(json.dumps(value, indent=2, ensure_ascii=False).encode()) == value

    def test_numbers_that_are_none(self):
        found = json_reader.read(b"[NaN, -NaN, Inf, Infinity, -Inf, -Infinity]")
        assert math.isnan(found[0]) and math.isnan(found[1])
        assert found[2:] == [math.inf, math.inf, -math.inf, -math.inf]

    def test_whole_numbers_beyond_64_bits_are_floats(self):
        found = json_reader.read(b"[18446744073709551615, 18446744073709551616, -9223372036854775808, "
                                 b"-9223372036854775809, 1.0, 1e2]")
        assert found == [2**64 - 1, 2.0**64, -(2**63), -(2.0**63), 1.0, 100.0]
        assert [type(number) for number in found] == [int, float, int, float, float, float]

    def test_strings_may_hold_any_bytes(self):
        assert json_reader.read(b'["\xff\x80", "\\ud83d\\ude00", "\\udc00"]') == [b"\xff\x80", "\U0001f600",
                                                                                 b"\xed\xb0\x80"]

    def test_a_byte_order_mark_and_what_stands_behind_a_zero_are_passed_over(self):
        assert json_reader.read(b"\xef\xbb\xbf [1] \0 rubbish") == [1]

    def test_of_two_members_of_one_name_the_first_counts(self):
        assert json_reader.read(b'{"a": 1, "a": 2}') == {"a": 1}


class TestRefused:
    @pytest.mark.parametrize(("text", "message"), [
        (b"", "The document is empty. at offset: 0"), (b"  \n", "The document is empty. at offset: 3"),
        (b"instances = [1, 2]", "Invalid value. at offset: 0"), (b"[1,]", "Invalid value. at offset: 3"),
        (b"[1 2]", "Missing a comma or ] after an array element. at offset: 3"),
        (b"[01]", "Missing a comma or ] after an array element. at offset: 2"),
        (b"[1", "Missing a comma or ] after an array element. at offset: 2"),
        (b'{"a":1,}', "Missing a name for object member. at offset: 7"),
        (b"{1:2}", "Missing a name for object member. at offset: 1"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b'{"a":1 "b":2}', "Missing a comma or } after an object member. at offset: 7"),
        (b"{} x", "The document root must not follow by other values. at offset: 3"),
        (b"[1.]", "Miss fraction part in number. at offset: 3"), (b"[1e]", "Miss exponent in number. at offset: 3"),
        (b"[1e+]", "Miss exponent in number. at offset: 4"), (b"[-]", "Invalid value. at offset: 2"),
        (b"[1e400]", "Number too big to be stored in double. at offset: 1"),
        (b"[1e9999999999]", "Number too big to be stored in double. at offset: 1"),
        (b"[nul]", "Invalid value. at offset: 4"), (b"[Nan]", "Invalid value. at offset: 3"),
        (b"[+1]", "Invalid value. at offset: 1"), (b"[.5]", "Invalid value. at offset: 1"),
        (b"['a']", "Invalid value. at offset: 1"), (b"// c\n{}", "Invalid value. at offset: 0"),
        (b'["a', "Missing a closing quotation mark in string. at offset: 3"),
        (b'["\\x"]', "Invalid escape character in string. at offset: 2"),
        (b'["a\nb"]', "Invalid escape character in string. at offset: 3"),
        (b'["\\u12g4"]', "Incorrect hex digit after \\u escape in string. at offset: 2"),
        (b'["\\ud800"]', "The surrogate pair in string is invalid. at offset: 2"),
        (b'["\\ud800\\u0041"]', "The surrogate pair in string is invalid. at offset: 2")])
    def test_with_the_reason_and_the_place(self, text, message):
        assert refused(text) == message

    @pytest.mark.parametrize("text", [b"[" * 500_000, b'{"a":' * 500_000, b"[" * 500_000 + b"]" * 500_000],
                             ids=["unfinished", "objects", "lists"])
    def test_depth(self, text):
        assert refused(text).startswith("Nested deeper than 512 levels.")

    def test_the_depth_can_be_chosen(self):
        assert json_reader.read(b"[" * 2000 + b"]" * 2000, depth=2000)
        with pytest.raises(ServingError, match="Nested deeper than 3 levels"):
            json_reader.read(b"[[[[1]]]]", depth=3)
