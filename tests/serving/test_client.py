"""The REST clients, against a stand-in for TensorFlow Serving that is written from its guide."""

import asyncio
import base64
import contextlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from dl100_tf.errors import UserError
from dl100_tf.serving.client import AsyncClient, Client, InputError, Retry, ServerError, connect
from dl100_tf.serving.client_flow import Trouble


def tensor(dtype, *sizes):
    """An input or output as the metadata tell it, numbers as strings as protobuf's JSON has them."""
    return {"dtype": dtype, "name": "t:0",
            "tensor_shape": {"dim": [{"size": str(size), "name": ""} for size in sizes], "unknown_rank": False}}


def signature(inputs, outputs, method="predict"):
    return {"inputs": inputs, "outputs": outputs, "method_name": f"tensorflow/serving/{method}"}


class Fake:
    """The stand-in.

    Attributes:
        signatures: of its one model.
        answers: of the predictions to come, one after the other, each a JSON value, a (status, body) or an exception
            to break the connection by; the last one stays.
        asked: what came: (path, decoded body).
        connections: how many there were.
        released: predictions are answered while it is set.
        headers: of every answer.
    """

    def __init__(self):
        self.signatures, self.answers, self.asked, self.connections = {}, [{"outputs": [0]}], [], 0
        self.released, self.headers = threading.Event(), {}
        self.released.set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def posted(self):
        return [body for path, body in self.asked if body is not None]

    def answer(self, path, body):
        if path.endswith("/metadata"):
            spec = {"name": "m", "signature_name": "", "version": "1"}
            return 200, {"model_spec": spec, "metadata": {"signature_def": {"signature_def": self.signatures}}}
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, tuple) else (200, answer)

    def _handler(fake):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                fake.connections += 1
                super().setup()

            def do_GET(self):
                self.respond(None)

            def do_POST(self):
                self.respond(json.loads(self.rfile.read(int(self.headers["content-length"]))))

            def respond(self, body):
                fake.asked.append((self.path, body))
                status, answer = fake.answer(self.path, body)
                if status == 0:
                    self.close_connection = True
                    return
                body is None or fake.released.wait(60)
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", **fake.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

            def handle(self):
                with contextlib.suppress(ConnectionError):
                    super().handle()

        return Handler


@pytest.fixture
def fake():
    """A running stand-in."""
    made = Fake()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.released.set()
    made.server.shutdown()
    made.server.server_close()

QUICK = Retry(times=3, first=0.001)


@pytest.fixture
def half(fake):
    """The guide's half_plus_two: x, float32 (n,), to y."""
    fake.signatures = {"serving_default": signature({"x": tensor("DT_FLOAT", -1)}, {"y": tensor("DT_FLOAT", -1)})}
    fake.answers = [{"outputs": [2.5, 3.0]}]
    return fake


@pytest.fixture
def pictures(fake):
    """As the exports of this package are: pictures, files of pictures, and examples to classify."""
    outputs = {"label": tensor("DT_STRING", -1), "probabilities": tensor("DT_FLOAT", -1, 3)}
    fake.signatures = {
        "serving_default": signature({"image": tensor("DT_UINT8", -1, -1, -1, -1)}, outputs),
        "encoded": signature({"image_bytes": tensor("DT_STRING", -1)}, outputs),
        "classify": signature({"inputs": tensor("DT_STRING", -1)}, {"scores": tensor("DT_FLOAT", -1, 3)}, "classify"),
        "__saved_model_init_op": signature({}, {}, "")}
    fake.answers = [{"outputs": {"label": ["cat"], "probabilities": [[0.25, 0.5, 0.25]]}}]
    return fake


@pytest.fixture
def client(fake):
    with Client(fake.url, "m", retry=QUICK) as made:
        yield made


class TestPredict:
    def test_columns_go_by_name_and_come_back_as_the_model_s_arrays(self, half, client):
        found = client.predict({"x": [1, 2]})
        assert half.asked[-1] == ("/v1/models/m:predict", {"signature_name": "serving_default",
                                                           "inputs": {"x": [1.0, 2.0]}})
        assert list(found) == ["y"] and found["y"].dtype == np.float32 and found["y"].tolist() == [2.5, 3.0]

    def test_the_only_input_needs_no_name(self, half, client):
        client.predict(np.array([1.0, 2.0]))
        assert half.posted[-1]["inputs"] == {"x": [1.0, 2.0]}

    def test_rows(self, half, client):
        half.answers = [{"predictions": [2.5, 3.0]}]
        assert client.predict([1.0, 2.0], rows=True)["y"].tolist() == [2.5, 3.0]
        assert half.posted[-1] == {"signature_name": "serving_default", "instances": [1.0, 2.0]}

    def test_rows_of_several_inputs_and_outputs(self, fake, client):
        fake.signatures = {"serving_default": signature(
            {"tag": tensor("DT_STRING", -1), "signal": tensor("DT_INT32", -1, 2)},
            {"a": tensor("DT_INT64", -1), "b": tensor("DT_FLOAT", -1, 2)})}
        fake.answers = [{"predictions": [{"a": 1, "b": [1.0, 2.0]}, {"a": 2**60, "b": [3.0, 4.0]}]}]
        found = client.predict({"tag": ["x", "y"], "signal": [[1, 2], [3, 4]]}, rows=True)
        assert fake.posted[-1]["instances"] == [{"signal": [1, 2], "tag": "x"}, {"signal": [3, 4], "tag": "y"}]
        assert found["a"].tolist() == [1, 2**60] and found["a"].dtype == np.int64
        assert found["b"].shape == (2, 2) and found["b"].dtype == np.float32

    def test_several_outputs_in_columns(self, pictures, client):
        found = client.predict(np.zeros((1, 2, 2, 1), np.uint8))
        assert found["label"].tolist() == ["cat"] and found["probabilities"].shape == (1, 3)
        assert pictures.posted[-1]["inputs"] == {"image": [[[[0], [0]], [[0], [0]]]]}

    @pytest.mark.parametrize("content", [b"\xff\xd8\xff\x00", b"plain ascii", b"ends in zero\0\0", b""])
    def test_bytes_go_as_base64_whatever_is_in_them(self, pictures, client, content):
        client.predict([content], "encoded")
        assert pictures.posted[-1]["inputs"]["image_bytes"] == [{"b64": base64.b64encode(content).decode()}]

    def test_text_goes_as_text(self, pictures, client):
        client.predict(["caf\u00e9 \U0001f600 \"\\ \n"], "encoded")
        assert pictures.posted[-1]["inputs"]["image_bytes"] == ["caf\u00e9 \U0001f600 \"\\ \n"]

    def test_outputs_named_bytes_are_bytes(self, fake, client):
        fake.signatures = {"serving_default": signature(
            {"x": tensor("DT_STRING")}, {"png_bytes": tensor("DT_STRING", -1), "text": tensor("DT_STRING", -1)})}
        fake.answers = [{"outputs": {"png_bytes": [{"b64": "iVBORwA="}, {"b64": ""}], "text": ["a", "b\0"]}}]
        found = client.predict("x")
        assert found["png_bytes"].tolist() == [b"\x89PNG\x00", b""] and found["text"].tolist() == ["a", "b\0"]

    def test_one_output_of_one_binary_value(self, fake, client):
        fake.signatures = {"serving_default": signature({"x": tensor("DT_STRING")}, {"y_bytes": tensor("DT_STRING")})}
        fake.answers = [{"outputs": {"b64": "AAE="}}]
        found = client.predict(b"x")
        assert found["y_bytes"].shape == () and found["y_bytes"].item() == b"\x00\x01"
        assert fake.posted[-1]["inputs"] == {"x": {"b64": "eA=="}}

    def test_text_that_is_no_utf8_is_not_lost(self, fake, client):
        fake.signatures = {"serving_default": signature({"x": tensor("DT_STRING")}, {"y": tensor("DT_STRING")})}
        fake.answers = [(200, b'{"outputs": "\xff\xfe"}')]
        assert client.predict("x")["y"].item().encode("utf-8", "surrogateescape") == b"\xff\xfe"

    def test_nan_and_infinity_both_ways(self, half, client):
        half.answers = [(200, b'{"outputs": [NaN, -Infinity, Infinity, 1e-7]}')]
        found = client.predict(np.array([np.nan, np.inf, -np.inf], np.float32))
        assert str(half.posted[-1]["inputs"]["x"]) == "[nan, inf, -inf]"
        assert str(found["y"].tolist()[:3]) == "[nan, -inf, inf]" and found["y"][3] == np.float32(1e-7)

    def test_float32_arrives_bit_for_bit(self, half, client):
        bits = np.random.default_rng(0).integers(0, 2**32, 10_000, np.uint64).astype(np.uint32)
        numbers = bits.view(np.float32)[np.isfinite(bits.view(np.float32))]
        client.predict(numbers)
        assert np.array_equal(np.array(half.posted[-1]["inputs"]["x"], np.float32), numbers)

    def test_an_empty_answer_has_the_model_s_shape(self, pictures, client):
        pictures.answers = [{"outputs": {"label": [], "probabilities": []}}]
        found = client.predict([], "encoded")
        assert found["probabilities"].shape == (0, 3) and found["label"].shape == (0,)
        assert pictures.posted[-1]["inputs"]["image_bytes"] == []

    @pytest.mark.parametrize(("name", "path"), [("a b", "a%20b"), ("\u00fc/:", "%C3%BC%2F%3A")])
    def test_names_are_quoted(self, half, name, path):
        with Client(half.url, name) as client:
            client.predict([1.0])
        assert half.asked[-1][0] == f"/v1/models/{path}:predict"

    def test_a_version_or_a_label_over_the_same_connections(self, half, client):
        client.predict([1.0])
        client.at(version=3).predict([1.0])
        client.at(label="ca nary").predict([1.0])
        assert [path for path, body in half.asked if body] == [
            "/v1/models/m:predict", "/v1/models/m/versions/3:predict", "/v1/models/m/labels/ca%20nary:predict"]
        assert half.connections == 1
        with pytest.raises(UserError, match="one of them"):
            client.at(version=1, label="stable")


class TestInputs:
    """What doesn't fit is refused here, in one line that says what does, and isn't sent."""

    @pytest.mark.parametrize(("inputs", "signature", "says"), [
        ({"imag": 0}, "serving_default", "no input 'imag', did you mean image? Its signature serving_default takes "
                                         "image: uint8 (?, ?, ?, ?)."),
        ({}, "serving_default", "lacks the input image"),
        (np.zeros((2, 2), np.uint8), "serving_default", "for image: its shape is (2, 2)"),
        (np.full((1, 1, 1, 1), 256), "serving_default", "it is int64, which uint8 can't hold"),
        (np.full((1, 1, 1, 1), -1), "serving_default", "it is int64, which uint8 can't hold"),
        (np.full((1, 1, 1, 1), 0.5), "serving_default", "it is float64, which uint8 can't hold"),
        ([[[[1], [2, 3]]]], "serving_default", "not all of one length"),
        ([[[["a"]]]], "serving_default", "something that is no number"),
        ([1.5], "encoded", "it has a float where a str or bytes should be"),
        ([b"a", [b"b"]], "encoded", "not all of one length"),
        (["\ud800"], "encoded", "give it as bytes"),
        ([b""], "decoded", "no signature 'decoded', did you mean encoded? There are: classify, encoded, serving"),
        (np.zeros((0, 28, 28, 1), np.uint8), "serving_default", "JSON can't say of what shape"),
    ])
    def test_what_does_not_fit(self, pictures, client, inputs, signature, says):
        with pytest.raises(InputError) as error:
            client.predict(inputs, signature)
        assert says in str(error.value) and "\n" not in str(error.value)
        assert not pictures.posted

    @pytest.mark.parametrize(("dtype", "given", "fits"), [
        ("DT_FLOAT", np.array([1, 2], np.int64), True), ("DT_FLOAT", [1e300], False), ("DT_FLOAT", [np.inf], True),
        ("DT_FLOAT", [True], True), ("DT_FLOAT", [1j], False), ("DT_INT32", [2**31 - 1], True),
        ("DT_INT32", [2**31], False), ("DT_INT32", [1.0], False), ("DT_INT64", np.array([2**63], np.uint64), False),
        ("DT_UINT64", [2**64 - 1], True), ("DT_UINT8", [], True), ("DT_BOOL", [True], True), ("DT_BOOL", [1], False),
        ("DT_INT32", [True], True), ("DT_DOUBLE", np.array([1.5], np.float32), True), ("DT_FLOAT", [None], False)])
    def test_numbers_are_cast_where_nothing_is_lost(self, half, client, dtype, given, fits):
        half.signatures["serving_default"]["inputs"]["x"]["dtype"] = dtype
        if fits:
            client.predict(given)
            assert half.posted[-1]["inputs"]["x"] == np.asarray(given).tolist()
        else:
            with pytest.raises(InputError, match="x"):
                client.predict(given)

    def test_fixed_sizes_and_unknown_rank(self, half, client):
        x = half.signatures["serving_default"]["inputs"]["x"]
        x["tensor_shape"]["dim"] = [{"size": "-1"}, {"size": "2"}]
        client.predict(np.zeros((3, 2)))
        with pytest.raises(InputError, match=r"x: float32 \(\?, 2\)"):
            client.predict(np.zeros((3, 3)))
        x["tensor_shape"] = {"dim": [], "unknown_rank": True}
        client.metadata()
        client.predict(np.zeros((1, 2, 3)))

    def test_several_inputs_need_names(self, half, client):
        half.signatures["serving_default"]["inputs"]["z"] = tensor("DT_STRING", -1)
        with pytest.raises(InputError, match=r"2 inputs: give them by their names.*x: float32 \(\?,\); z: string"):
            client.predict([1.0])

    def test_rows_of_different_length(self, half, client):
        half.signatures["serving_default"]["inputs"]["z"] = tensor("DT_STRING", -1)
        with pytest.raises(InputError, match="rows=False"):
            client.predict({"x": [1.0], "z": ["a", "b"]}, rows=True)

    def test_dtypes_that_json_or_numpy_lack(self, half, client):
        for dtype, says in (("DT_COMPLEX64", "over gRPC"), ("DT_QINT8", "NumPy doesn't know")):
            half.signatures["serving_default"]["inputs"]["x"]["dtype"] = dtype
            with pytest.raises(InputError, match=says):
                client.predict([1.0])


class TestMetadata:
    def test_they_are_asked_once(self, half, client):
        for _ in range(3):
            client.predict([1.0])
        assert [path for path, _ in half.asked].count("/v1/models/m/metadata") == 1

    def test_tensorflow_s_own_signatures_are_left_out(self, pictures, client):
        found = client.metadata()
        assert list(found) == ["classify", "encoded", "serving_default"]
        assert str(found["encoded"]) == ("signature encoded takes image_bytes: string (?,) and gives label: string "
                                         "(?,); probabilities: float32 (?, 3)")

    def test_a_model_swapped_for_one_with_another_input(self, half, client):
        client.predict([1.0])
        half.signatures = {"serving_default": signature({"z": tensor("DT_INT32", -1)}, {"y": tensor("DT_FLOAT", -1)})}
        client.predict({"z": [1]})
        assert half.posted[-1]["inputs"] == {"z": [1]}

    def test_a_model_swapped_for_one_with_another_dtype(self, half, client):
        client.predict([1])
        half.signatures["serving_default"]["inputs"]["x"]["dtype"] = "DT_INT32"
        half.answers = [(400, {"error": "JSON Value: 1.0 Type: Number is not of expected type: int32"}),
                        {"outputs": [7]}]
        assert client.predict([1])["y"].tolist() == [7]
        assert half.posted[-1]["inputs"]["x"] == [1] and isinstance(half.posted[-1]["inputs"]["x"][0], int)

    def test_a_model_swapped_for_one_with_another_output(self, half, client):
        client.predict([1.0])
        half.signatures["serving_default"]["outputs"]["w"] = tensor("DT_STRING", -1)
        half.answers = [{"outputs": {"y": [1], "w": ["a"]}}]
        assert client.predict([1.0])["w"].tolist() == ["a"]

    def test_a_swap_back_and_forth_ends_in_an_error(self, half, client):
        half.answers = [{"outputs": {"other": [1], "names": [2]}}]
        with pytest.raises(ServerError, match="outputs that its metadata don't tell of"):
            client.predict([1.0])


class TestExamples:
    def test_classify(self, pictures, client):
        pictures.answers = [{"results": [[["cat", 0.75], ["dog", 0.25]], [["cat", 0.5], ["dog", 0.5]]]}]
        found = client.classify([{"image/encoded": b"\xff"}, {"image/encoded": b""}])
        assert pictures.asked[-1] == ("/v1/models/m:classify", {
            "signature_name": "classify", "examples": [{"image/encoded": [{"b64": "/w=="}]},
                                                       {"image/encoded": [{"b64": ""}]}]})
        assert found["classes"].tolist() == [["cat", "dog"]] * 2
        assert found["scores"].dtype == np.float32 and found["scores"].tolist() == [[0.75, 0.25], [0.5, 0.5]]

    def test_regress_with_a_context(self, half, client):
        half.answers = [{"results": [3.5, 4.0]}]
        found = client.regress([{"x": np.float32(1)}, {"x": [2, 1.5]}], context={"y": np.array([[1], [2]])})
        assert half.posted[-1] == {"signature_name": "serving_default", "context": {"y": [1, 2]},
                                   "examples": [{"x": [1.0]}, {"x": [2.0, 1.5]}]}
        assert found.dtype == np.float32 and found.tolist() == [3.5, 4.0]

    @pytest.mark.parametrize("example", [{"x": [[1]]}, {"x": None}, {"x": ["a", 1]}, ["x"]])
    def test_no_example(self, half, client, example):
        with pytest.raises(InputError):
            client.classify([example])
        assert not half.posted


class TestStatus:
    def test_versions_highest_first(self, fake, client):
        fake.answers = [{"model_version_status": [
            {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}},
            {"version": "10", "state": "END", "status": {"error_code": "INTERNAL", "error_message": "broken"}}]}]
        assert client.status() == [{"version": 10, "state": "END", "code": "INTERNAL", "message": "broken"},
                                   {"version": 1, "state": "AVAILABLE", "code": "OK", "message": ""}]
        assert fake.asked == [("/v1/models/m", None)]


class TestRepeats:
    @pytest.mark.parametrize("first", [(503, {"error": "loading"}), (429, {"error": "queue"}), (0, None)])
    def test_what_was_not_done_or_does_no_harm_is_asked_again(self, half, client, first):
        half.answers = [first, first, {"outputs": [1.0]}]
        assert client.predict([1.0])["y"].tolist() == [1.0]
        assert len(half.posted) == 3

    @pytest.mark.parametrize(("status", "code"), [(400, "INVALID_ARGUMENT"), (404, "NOT_FOUND"), (500, "INTERNAL"),
                                                  (501, "UNIMPLEMENTED"), (504, "DEADLINE_EXCEEDED")])
    def test_what_would_end_the_same_way_is_not(self, half, client, status, code):
        half.answers = [(status, {"error": "as\nit is"})]
        with pytest.raises(ServerError, match="as it is") as error:
            client.predict([1.0])
        assert error.value.code == code and len(half.posted) == 1 and "\n" not in str(error.value)

    def test_a_refusal_tells_what_the_signature_takes(self, half, client):
        half.answers = [(400, {"error": "bad input"})]
        with pytest.raises(ServerError, match=r"bad input\. Its signature serving_default takes x: float32"):
            client.predict([1.0])

    def test_in_the_end_it_gives_up(self, half, client):
        half.answers = [(503, {"error": "loading"})]
        with pytest.raises(ServerError, match=r"asked 4 times \(UNAVAILABLE\): loading"):
            client.predict([1.0])
        assert len(half.posted) == 4

    def test_what_takes_too_long_is_not_asked_again(self, half, client):
        client.metadata()
        half.released.clear()
        with pytest.raises(ServerError, match="didn't answer in time") as error:
            client.predict([1.0], timeout=0.1)
        assert error.value.code == "DEADLINE_EXCEEDED" and len(half.posted) <= 1

    def test_no_pause_goes_beyond_the_limit(self, half):
        half.answers, half.headers = [(503, {"error": "loading"})], {"retry-after": "3600"}
        with Client(half.url, "m", timeout=60, retry=QUICK) as client, pytest.raises(ServerError, match="loading"):
            client.predict([1.0])
        assert len(half.posted) == 1

    def test_pauses_grow_are_drawn_and_have_an_end(self):
        retry, trouble = Retry(times=20, first=1, longest=8), Trouble("UNAVAILABLE", "")
        for attempt, most in enumerate((1, 2, 4, 8, 8, 8)):
            drawn = [retry.pause(attempt, trouble) for _ in range(300)]
            assert 0 <= min(drawn) < most / 4 and most * 3 / 4 < max(drawn) <= most
        assert retry.pause(20, trouble) is None and Retry(times=0).pause(0, trouble) is None
        assert retry.pause(0, Trouble("UNAVAILABLE", "", after=30)) == 30

    def test_nobody_listens(self, tmp_path):
        with Client("http://127.0.0.1:1", "m", retry=QUICK) as client, pytest.raises(ServerError) as error:
            client.predict([1.0])
        assert error.value.code == "UNAVAILABLE"
        assert str(error.value).startswith("no server answers at http://127.0.0.1:1, asked 4 times (")

    @pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"model_version_status": 1', b"[" * 100_000])
    def test_something_else_answers(self, fake, client, body):
        fake.answers = [(200, body)]
        with pytest.raises(ServerError, match="is it TensorFlow Serving's API"):
            client.status()

    def test_a_page_of_a_gateway(self, fake, client):
        fake.answers = [(403, b"<html>no\nentry</html>")]
        with pytest.raises(ServerError, match=r"PERMISSION_DENIED.*no.*entry"):
            client.status()


class TestConnections:
    def test_one_is_enough(self, half, client):
        for _ in range(5):
            client.predict([1.0])
        assert half.connections == 1

    def test_threads_share_a_client(self, half, client):
        def echo(path, body):
            return (200, {"outputs": body["inputs"]["x"]}) if body else Fake.answer(half, path, body)

        half.answer, wrong = echo, []

        def ask(number):
            for i in range(10):
                if client.predict([number + i])["y"].tolist() != [number + i]:
                    wrong.append(number)

        threads = [threading.Thread(target=ask, args=(1000 * n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong and half.connections <= 8

    def test_a_proxy_of_the_environment_is_none_for_this_machine(self, half, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        with Client(half.url, "m") as client:
            assert client.predict([1.0])

    @pytest.mark.parametrize(("server", "url"), [("localhost:8501", "http://localhost:8501"),
                                                 ("https://a.b/c/", "https://a.b/c")])
    def test_addresses(self, server, url):
        with Client(server, "m") as client:
            assert client._flow.wire.address == url

    @pytest.mark.parametrize("server", ["", "http://", "ftp://a", "http://a:b", "http://[::1"])
    def test_what_is_no_address(self, server):
        with pytest.raises(UserError, match="address"):
            connect(server, "m")


class TestAsync:
    def test_the_same_awaited(self, half):
        half.answers = [(503, {"error": "loading"}), (0, None), {"outputs": [1.0]}]

        async def ask():
            async with AsyncClient(half.url, "m", retry=QUICK) as client:
                return await client.predict([1.0]), list(await client.metadata())

        found, names = asyncio.run(ask())
        assert found["y"].tolist() == [1.0] and names == ["serving_default"] and len(half.posted) == 3

    def test_many_at_once(self, half):
        half.answer = lambda path, body: ((200, {"outputs": body["inputs"]["x"]}) if body else
                                          Fake.answer(half, path, body))

        async def ask():
            async with AsyncClient(half.url, "m") as client:
                return await asyncio.gather(*(client.predict([i]) for i in range(30)))

        assert [found["y"].tolist() for found in asyncio.run(ask())] == [[i] for i in range(30)]

    def test_errors_are_the_same(self, half):
        async def ask(server, **options):
            async with AsyncClient(server, "m", retry=QUICK) as client:
                return await client.predict([1.0], **options)

        with pytest.raises(ServerError, match="no server answers"):
            asyncio.run(ask("http://127.0.0.1:1"))
        half.released.clear()
        with pytest.raises(ServerError, match="didn't answer in time"):
            asyncio.run(ask(half.url, timeout=0.2))


PROBE = """
import sys
from dl100_tf.serving.client import Client
with Client(sys.argv[1], "m") as client:
    print(client.predict({"x": [1.0, 2.0]})["y"].tolist())
heavy = {"tensorflow", "keras", "grpc", "tensorflow_serving", "google.protobuf", "matplotlib"} & set(sys.modules)
print("heavy:", sorted(heavy))
"""


def test_rest_loads_no_tensorflow(half):
    answer = subprocess.run([sys.executable, "-c", PROBE, half.url], capture_output=True, text=True,
                            cwd=Path(__file__).parents[2], timeout=120)
    assert answer.stdout == "[2.5, 3.0]\nheavy: []\n", answer.stderr
