"""Bodies of predict requests: what they become, and what is said of those that are wrong."""

import json

import numpy as np
import pytest

from dl100_tf.serving import dtypes, fast_json, predict_json
from dl100_tf.serving.signatures import Slot
from dl100_tf.serving.status import ServingError

NUMBERS = {kind.name: number for number, kind in dtypes.TYPES.items()}


def slots(**kinds):
    return lambda name: {key: Slot(f"{key}:0", dtypes.TYPES[NUMBERS[kind]], None) for key, kind in kinds.items()}


def read(body, /, **kinds):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return predict_json.read(text, slots(**kinds), 512)


def refused(body, /, **kinds):
    with pytest.raises(ServingError) as caught:
        read(body, **kinds)
    assert caught.value.code in (3, 12)
    return caught.value.message


class TestRows:
    def test_a_plain_list(self):
        name, layout, found = read({"signature_name": "s", "instances": [[1, 2], [3, 4], [5, 6]]}, x="int32")
        assert (name, layout) == ("s", "instances")
        assert found["x"].tolist() == [[1, 2], [3, 4], [5, 6]] and found["x"].dtype == np.int32

    @pytest.mark.parametrize(("kind", "dtype"), [("float", np.float32), ("double", np.float64)])
    def test_whole_numbers_among_decimals(self, kind, dtype):
        found = read({"instances": [1, 2.0, 3, 5.003, 0.007, 0.0]}, x=kind)[2]["x"]
        assert found.dtype == dtype and np.array_equal(found, np.array([1, 2, 3, 5.003, 0.007, 0], dtype))

    def test_numbers_that_are_none(self):
        assert np.array_equal(read(b'{"instances": [NaN, Infinity, -Infinity, 1]}', x="float")[2]["x"],
                              [np.nan, np.inf, -np.inf, 1], equal_nan=True)

    def test_named_inputs(self):
        found = read({"instances": [{"a": [[1, 2]], "b": "x", "c": True}, {"a": [[3, 4]], "b": "y", "c": False}]},
                     a="int64", b="string", c="bool")[2]
        assert found["a"].tolist() == [[[1, 2]], [[3, 4]]] and found["b"].tolist() == [b"x", b"y"]
        assert found["c"].tolist() == [True, False]

    @pytest.mark.parametrize("instances", [[{"b64": "aGVsbG8="}, {"b64": "d29ybGQ="}],
                                           [{"b64": "aGVsbG8"}, {"b64": "d29y bGQ="}], ["hello", "world"],
                                           [{"x": {"b64": "aGVsbG8="}}, {"x": "world"}]])
    def test_strings_and_bytes(self, instances):
        assert read({"instances": instances}, x="string")[2]["x"].tolist() == [b"hello", b"world"]

    def test_lists_of_bytes(self):
        found = read({"instances": [[{"b64": "aGVsbG8="}], [{"b64": "d29ybGQ="}]]}, x="string")[2]["x"]
        assert found.shape == (2, 1)

    def test_bytes_that_are_no_text(self):
        assert read(b'{"instances": ["\xff\xfe"]}', x="string")[2]["x"].tolist() == [b"\xff\xfe"]

    def test_empty_lists(self):
        assert read({"instances": [[], []]}, x="float")[2]["x"].shape == (2, 0)

    @pytest.mark.parametrize(("kind", "given", "becomes"), [
        ("uint8", [255, 256, -1, 300], [255, 0, 255, 44]), ("int8", [127, 128, -129], [127, -128, 127]),
        ("int16", [32768], [-32768]), ("uint32", [4294967295], [4294967295]),
        ("uint64", [2**64 - 1], [2**64 - 1]), ("int64", [-(2**63), 2**63 - 1], [-(2**63), 2**63 - 1])])
    def test_small_types_wrap_and_large_ones_keep(self, kind, given, becomes):
        assert read({"instances": given}, x=kind)[2]["x"].tolist() == becomes


class TestColumns:
    def test_named_inputs_of_any_length(self):
        found = read({"inputs": {"a": [[[1, 2], [3, 4], [5, 6]]], "b": ["foo", "bar"], "c": {"b64": "aGVsbG8="},
                                 "more": 1}}, a="int32", b="string", c="string")
        assert found[1] == "inputs" and found[2]["a"].shape == (1, 3, 2)
        assert found[2]["b"].tolist() == [b"foo", b"bar"] and found[2]["c"].shape == ()
        assert found[2]["c"].item() == b"hello" and set(found[2]) == {"a", "b", "c"}

    def test_one_input_needs_no_name(self):
        assert read({"inputs": [[1, 2]]}, x="int32")[2]["x"].shape == (1, 2)
        assert read({"inputs": 5}, x="int32")[2]["x"].item() == 5

    def test_messages(self):
        assert refused({"inputs": {"b": 1}}, a="float") == "Missing named input: a in 'inputs' object."
        assert refused({"inputs": [1]}, a="float", b="float") == (
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map")
        assert refused({"inputs": [[1, 2], [3]]}, a="float") == (
            "Encountered list at unexpected size: 1 at level: 1 expected size: 2")
        assert refused({"inputs": [1, [2]]}, a="float") == "Encountered list at unexpected level: 1 expected < 1"
        assert refused({"inputs": [[1], 2]}, a="float") == (
            "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2")


class TestRefused:
    @pytest.mark.parametrize(("body", "message"), [
        (b"", "JSON Parse error: The document is empty"), ([1], "JSON Value: [\n    1\n] Is not object"),
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"instances": 1}, "JSON Value: {\n    \"instances\": 1\n} Excepting 'instances' to be an list/array"),
        ({"instances": []}, "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
        ({"signature_name": 5}, "JSON Value: {\n    \"signature_name\": 5\n} not formatted correctly. "
                                "'signature_name' key must be a string value."),
        ({"instances": [1], "inputs": 1}, "JSON Value: {\n    \"instances\": [\n        1\n    ],\n    \"inputs\": 1\n"
                                          "} Not formatted correctly expecting only one of 'inputs' or 'instances' "
                                          "keys to exist "),
        ({"instances": [1, {"x": 1}]}, "Expecting value/list but got object at item 1 of input list"),
        ({"instances": [{"x": 1}, [1]]}, "Expecting object but got list at item 1 of input list"),
        ({"instances": [{"y": 1}]}, "Failed to process element: 0 key: y of 'instances' list. Error: "
                                    "INVALID_ARGUMENT: JSON object: does not have named input: y")])
    def test_the_form(self, body, message):
        assert refused(body, x="float") == message

    def test_an_instance_without_all_inputs(self):
        assert refused({"instances": [{"a": 1}]}, a="float", b="float") == (
            "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"a\": 1\n} must only have keys: a,"
            "b")
        assert "is a plain list, but expecting list of objects" in refused({"instances": [1]}, a="float", b="float")

    @pytest.mark.parametrize(("instances", "kind", "message"), [
        ([[1, 2], [3, 4], [5, 6, 7]], "int32", "2 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: "
                                               "2 but got: 3"),
        ([[1, 2], [3, 4], [[5, 6]]], "int32", "2 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [2] but "
                                              "got: [1,2]"),
        ([1, [1]], "int32", "1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [] but got: [1]"),
        ([[1, 2], ["a", "b"]], "int32", '1 of \'instances\' list. Error: INVALID_ARGUMENT: JSON Value: "a" Type: '
                                        "String is not of expected type: int32"),
        ([None], "float", "0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: null Type: Null is not of "
                          "expected type: float"),
        ([True], "float", "0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: true Type: True is not of "
                          "expected type: float"),
        ([1.0], "int32", "0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 1.0 Type: Number is not of "
                         "expected type: int32"),
        ([2**31], "int32", "JSON Value: 2147483648 Type: Number is not of expected type: int32"),
        ([-1], "uint64", "JSON Value: -1 Type: Number is not of expected type: uint64"),
        ([1], "bool", "JSON Value: 1 Type: Number is not of expected type: bool"),
        ([1], "string", "JSON Value: 1 Type: Number is not of expected type: string"),
        ([16777216], "float", "Cannot convert JSON value: 16777216 to float without loss of precision."),
        ([-16777217], "float", "Cannot convert JSON value: -16777217 to float without loss of precision."),
        ([1.7e308], "float", "Cannot convert JSON value: 1.7e+308 to float without loss of precision."),
        ([9007199254740993], "double", "Cannot convert JSON value: 9007199254740993 to double without loss of "
                                       "precision."),
        ([{"b64": "a"}], "string", "Unable to base64 decode"), ([{"b64": "a*=="}], "string", "Unable to base64 decode"),
        ([[{"b64": 5}]], "string", "not formatted correctly for base64 data"),
        ([{"b64": "aGk="}], "float", "Type: Object is not of expected type: float"),
        ([1], "half", "0 of 'instances' list. Error: UNIMPLEMENTED: Conversion of JSON Value: 1 to type: half")])
    def test_the_values(self, instances, kind, message):
        assert refused({"instances": instances}, x=kind).endswith(message)

    @pytest.mark.parametrize("body", [b'{"instances": ' + b"[" * 65 + b"]" * 65 + b"}",
                                      b'{"inputs": ' + b"[" * 500 + b"1" + b"]" * 500 + b"}"], ids=["65", "500"])
    def test_more_dimensions_than_arrays_have(self, body):
        assert "dimensions" in refused(body, x="float")

    @pytest.mark.parametrize("body", [b'{"instances": ' + b"[" * 250_000 + b"]" * 250_000 + b"}", b"[" * 500_000,
                                      b'{"a":' * 600 + b"1" + b"}" * 600], ids=["lists", "unfinished", "objects"])
    def test_depth(self, body):
        assert "Nested deeper than 512 levels" in refused(body, x="float")

    def test_brackets_in_a_text_are_no_depth(self):
        assert read({"instances": ["[" * 1000]}, x="string")[2]["x"].tolist() == [b"[" * 1000]

    def test_a_long_value_is_not_quoted_whole(self):
        assert len(refused({"instances": 1, "more": ["x" * 100] * 10_000}, x="float")) < 100_000


class TestQuickWay:
    """`fast_json` must never answer other than the exact way would."""

    @pytest.mark.parametrize("shape", [(300,), (1, 28, 28, 1), (3, 5, 7), (2, 64, 1), (40, 1, 1, 1)])
    @pytest.mark.parametrize("key", ["instances", "inputs"])
    @pytest.mark.parametrize("kind", ["float", "double"])
    def test_it_gives_the_same_array(self, shape, key, kind):
        values = np.round(np.random.default_rng(1).normal(size=shape) * 100, 3)
        for text in (json.dumps({key: values.tolist()}), json.dumps({key: values.astype(int).tolist()}, indent=1)):
            quick = fast_json.read(text.encode(), slots(x=kind))
            exact = predict_json._columns(json.loads(text)[key], slots(x=kind)(""))["x"]
            assert quick[:2] == ("", key) and quick[2]["x"].dtype == exact.dtype
            assert np.array_equal(quick[2]["x"], exact) and quick[2]["x"].shape == exact.shape

    @pytest.mark.parametrize("text", [
        '{"instances": [[1, 2], [3]%s]}', '{"instances": [1, [2]%s]}', '{"instances": [1, null%s]}',
        '{"instances": [1, "2"%s]}', '{"instances": [1, 16777217%s]}', '{"instances": [1, 1e39%s]}',
        '{"instances": [1, NaN%s]}', '{"instances": [1, true%s]}', '{"instances": [1 2%s]}', '{"instances": [1,,2%s]}',
        '{"instances": [[1], [2], []%s]}', '{"instances": [1%s], "inputs": [1]}', '{"instances": [1%s]} x',
        '{"signature_name": "s", "instances": [1%s]}', '{"instances": [{"x": 1}%s]}', '{"instances": [[], []%s]}',
        '{"instances": [[[1, 2], 3%s]}', '{"instances": [[[[1, 2], [3, 4]], 5%s]}',
        '{"instances": [1, 01%s]}', '{"instances": [1, +1%s]}', '{"instances": [[1%s]}', '{"instances": [1%s]]}'])
    def test_it_leaves_all_else_to_the_exact_way(self, text):
        assert fast_json.read((text % (", 1" * 200)).encode(), slots(x="float")) is None
        assert fast_json.read((text % "").encode().ljust(400), slots(x="float")) is None

    def test_it_leaves_other_types_to_the_exact_way(self):
        text = json.dumps({"instances": [1] * 500}).encode()
        assert fast_json.read(text, slots(x="int32")) is None
        assert fast_json.read(text, slots(x="float", y="float")) is None
