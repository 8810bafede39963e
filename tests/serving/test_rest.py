"""The REST API of a running server: every kind of request, and every kind of error."""

import gc
import gzip
import json
import math

import pytest

from dl100_tf.serving import rest
from dl100_tf.serving.flags import Settings
from dl100_tf.serving.status import ServingError


class TestRoutes:
    @pytest.mark.parametrize(("method", "target", "found"), [
        ("POST", "/v1/models/m:predict", ("predict", "m", None, None)),
        ("POST", "/V1/Models/m:predict", ("predict", "m", None, None)),
        ("POST", "/v1/models/m/versions/7:classify", ("classify", "m", 7, None)),
        ("POST", "/v1/models/m/labels/a-b:regress", ("regress", "m", None, "a-b")),
        ("GET", "/v1/models/m", ("status", "m", None, None)), ("GET", "/v1/models", ("status", "", None, None)),
        ("GET", "/v1/models/m/versions/1/metadata", ("metadata", "m", 1, None)),
        ("GET", "/v1/models/m/labels/l/metadata", ("metadata", "m", None, "l")),
        ("GET", "/v1/models/n%21%2F%3A/labels/l%3F", ("status", "n!/:", None, "l?")),
        ("GET", "/v1/models/m?x=1", ("status", "m?x=1", None, None))])
    def test_found(self, method, target, found):
        route = rest.route(method, target)
        assert (route.verb, route.name, route.version, route.label) == found

    @pytest.mark.parametrize(("method", "target"), [
        ("GET", "/v1/foo"), ("POST", "/v1/models"), ("GET", "/v1/models/m:predict"), ("POST", "/v1/models/m:PREDICT"),
        ("POST", "/v1/models/m/version/5:regress"), ("POST", "/v1/models/m/versions/a:regress"),
        ("POST", "/v1/models/m/metadata"), ("POST", "/v1/models/m/versions/5/labels/l:regress"),
        ("GET", "/v1/models/a/b"), ("PUT", "/v1/models/m"), ("POST", "/v1/models/m:predict?x=1")])
    def test_malformed(self, method, target):
        assert rest.route(method, target).verb == ""


class TestPredict:
    def test_rows_and_columns(self, served):
        assert served.ask("/v1/models/half:predict", {"instances": [1.0, 2.0, 5.0]}) == (
            200, '{\n    "predictions": [3.5, 4.0, 5.5\n    ]\n}')
        assert served.ask("/v1/models/half:predict", {"inputs": [[1.0], [2.0]]}) == (
            200, '{\n    "outputs": [\n        [\n            3.5\n        ],\n        [\n            4.0\n        ]\n'
                 "    ]\n}")

    def test_versions_and_labels(self, served):
        body = {"instances": [0]}
        for path, answer in (("/versions/1", 2.0), ("/versions/2", 3.0), ("/labels/stable", 2.0), ("", 3.0)):
            status, text = served.ask(f"/v1/models/half{path}:predict", body)
            assert (status, json.loads(text)) == (200, {"predictions": [answer]})

    def test_many_inputs_and_outputs(self, served):
        status, text = served.ask("/v1/models/many:predict", {"instances": [
            {"a": 1, "b": [1.5, 2], "c": "x"}, {"a": 2, "b": [0, 0], "c": {"b64": "/w=="}}]}, stream=False)
        assert status == 200 and '"text_bytes": {"b64": "/w=="}' in text
        status, text = served.ask("/v1/models/many:predict", {"inputs": {"a": [1], "b": [[1.5, 2]], "c": ["x"]}})
        assert json.loads(text) == {"outputs": {"sum": [4.5], "text": ["x"], "text_bytes": [{"b64": "eA=="}]}}

    def test_numbers_that_are_none(self, served):
        status, text = served.ask("/v1/models/half:predict", b'{"instances": [NaN, Infinity, -Infinity, 1]}')
        found = json.loads(text)["predictions"]
        assert status == 200 and math.isnan(found[0]) and found[1:] == [math.inf, -math.inf, 3.5]

    def test_a_large_batch_goes_the_quick_way_and_gives_the_same(self, served):
        values = [[i / 8] * 40 for i in range(64)]
        status, text = served.ask("/v1/models/half:predict", {"instances": values})
        assert status == 200 and json.loads(text)["predictions"] == [[v / 2 + 3 for v in row] for row in values]

    def test_gzip(self, served):
        body = gzip.compress(b'{"instances": [1.0]}')
        assert served.ask("/v1/models/half:predict", body, headers={"Content-Encoding": "gzip"})[0] == 200
        for broken in (body[:-9], b"rubbish", gzip.compress(b"")):
            status, text = served.ask("/v1/models/half:predict", broken, headers={"Content-Encoding": "gzip"})
            assert (status, json.loads(text)["error"]) == (400, "JSON Parse error: The document is empty")

    @pytest.mark.parametrize(("path", "body", "status", "message"), [
        ("/v1/models/none:predict", '{"instances": [1]}', 404, "Servable not found for request: Latest(none)"),
        ("/v1/models/half/versions/9:predict", '{"instances": [1]}', 404,
         "Servable not found for request: Specific(half, 9)"),
        ("/v1/models/half/labels/none:predict", '{"instances": [1]}', 400, "Unrecognized servable version label: none"),
        ("/v1/models/none:predict", "instances", 400, "JSON Parse error: Invalid value. at offset: 0"),
        ("/v1/models/half:predict", "", 400, "JSON Parse error: The document is empty"),
        ("/v1/models/half:predict", '{"signature_name": "none", "instances": [1]}', 400,
         'Serving signature name: "none" not found in signature def'),
        ("/v1/models/many:predict", '{"signature_name": "types", "instances": [1]}', 400,
         "Failed to write JSON value for tensor type: half"),
        ("/v1/models/half:predict", '{"inputs": 1.0}', 200, ""),
        ("/v1/foo", "", 400, "Malformed request: POST /v1/foo")])
    def test_errors(self, served, path, body, status, message):
        found, text = served.ask(path, body)
        assert found == status
        assert not message or json.loads(text) == {"error": message}

    def test_what_the_model_itself_refuses(self, served):
        status, text = served.ask("/v1/models/many:predict", {"inputs": {"a": [1, 2, 3], "b": [[1, 2]] * 2,
                                                                         "c": ["x"]}})
        assert status == 400 and "ncompatible shapes" in json.loads(text)["error"]
        status, text = served.ask("/v1/models/half:predict", {"instances": [[]]})
        assert status == 200 and json.loads(text) == {"predictions": [[]]}

    def test_outputs_without_rows(self, served):
        status, text = served.ask("/v1/models/half:predict", {"signature_name": "classify", "instances": ["x"]})
        assert status == 400 and "arse" in json.loads(text)["error"]  # the model can't parse such an example


class TestExamples:
    def test_classify(self, served):
        status, text = served.ask("/v1/models/half:classify", {
            "signature_name": "classify", "examples": [{"x": 20.0}, {"x": [2.0]}]})
        assert (status, text) == (200, '{\n    "results": [[["much", 13.0], ["more", 14.0]], [["few", 4.0], '
                                       '["less", 5.0]]\n    ]\n}')

    def test_regress_and_context(self, served):
        status, text = served.ask("/v1/models/half:regress", {"signature_name": "regress", "examples": [
            {"x": 80.0}, {"x": [1.0]}]})
        assert (status, text) == (200, '{\n    "results": [43.0, 3.5]\n}')
        status, text = served.ask("/v1/models/half:regress", {"signature_name": "regress", "context": {"x": 8.0},
                                                              "examples": [{}, {"y": "z"}]})
        assert json.loads(text) == {"results": [7.0, 7.0]}

    @pytest.mark.parametrize(("body", "message"), [
        ({"examples": [{"x": [1.0, "a"]}]}, "Unexpected element type in feature: x expecting type: float"),
        ({"examples": [{"x": [10, 10.0]}]}, "Unexpected element type in feature: x expecting type: int64"),
        ({"examples": [{"x": [10, None]}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [{"test": 1}]}]}, "Feature: x has element with unexpected JSON type: Object"),
        ({"examples": [{"x": [[1]]}]}, "Feature: x has element with unexpected JSON type: Array"),
        ({"examples": [{"x": 18446744073709551603}]}, "Feature: x has uint64 element. Only int64 is supported."),
        ({"examples": [{"x": 1.7e308}]}, "Cannot convert JSON value: 1.7e+308 to float without loss of precision."),
        ({"examples": [{"x": {"b64": "*"}}]}, "Unable to base64 decode"),
        ({"examples": [[1]]}, "Example must be JSON object but got JSON Array"),
        ({"context": [1], "examples": [{}]}, "Example must be JSON object but got JSON Array"),
        ({"examples": [{"x": 1.0}], "signature_name": ["a"]}, "'signature_name' key must be a string value."),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({}, "When method is classify, key 'examples' is expected and was not found"),
        ({"signature_name": "none", "examples": [{"x": 1.0}]}, "No signature was found with the name: none"),
        ({"examples": [{"x": 1.0}]}, "No classification inputs found in SignatureDef: ")])
    def test_errors(self, served, body, message):
        status, text = served.ask("/v1/models/half:classify", body)
        assert status == 400 and message in json.loads(text)["error"]


class TestLooking:
    def test_status(self, served):
        assert served.ask("/v1/models/half/versions/1") == (200, (
            '{\n "model_version_status": [\n  {\n   "version": "1",\n   "state": "AVAILABLE",\n   "status": {\n'
            '    "error_code": "OK",\n    "error_message": ""\n   }\n  }\n ]\n}\n'))
        found = json.loads(served.ask("/v1/models/half")[1])["model_version_status"]
        assert [version["version"] for version in found] == ["2", "1"]

    @pytest.mark.parametrize(("path", "status", "message"), [
        ("/v1/models/none", 404, "Could not find any versions of model none"),
        ("/v1/models/half/versions/9", 404, "Could not find version 9 of model half"),
        ("/v1/models", 400, "Missing model name in request."),
        ("/v1/models/none/metadata", 404, "Servable not found for request: Latest(none)"),
        ("/v1/models/debug/model_name", 400, "Malformed request: GET /v1/models/debug/model_name")])
    def test_errors(self, served, path, status, message):
        found, text = served.ask(path)
        assert (found, json.loads(text)) == (status, {"error": message})

    def test_a_version_that_no_number_holds_is_told_by_the_status_alone(self, served):
        assert served.ask("/v1/models/half/versions/18446744073709551615:predict", "{}") == (400, "")

    def test_metadata(self, served):
        status, text = served.ask("/v1/models/many/metadata")
        found = json.loads(text)
        assert status == 200
        assert found["model_spec"] == {"name": "many", "signature_name": "", "version": "7"}
        signature = found["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert signature["method_name"] == "tensorflow/serving/predict"
        assert signature["inputs"]["b"]["dtype"] == "DT_FLOAT"
        assert signature["inputs"]["b"]["tensor_shape"] == {
            "dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}], "unknown_rank": False}

    def test_other_paths(self, served):
        status, text = served.ask("/nothing")
        assert status == 404 and "<TITLE>404 Not Found</TITLE>" in text

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    def test_other_methods(self, served, method):
        status, text = served.ask("/v1/models/half", method=method)
        assert (status, json.loads(text)) == (400, {"error": f"Malformed request: {method} /v1/models/half"})


class TestMetrics:
    def test_counts_and_times(self, served):
        served.ask("/v1/models/half:predict", {"instances": [1]})
        served.ask("/v1/models/half:predict", "x")
        status, text = served.ask("/monitoring/prometheus/metrics")
        assert status == 200
        assert "# TYPE :tensorflow:serving:request_count counter" in text
        assert ':tensorflow:serving:request_count{model_name="half",status="INVALID_ARGUMENT"} ' in text
        labels = 'model_name="half",API="predict",entrypoint="REST"'
        assert f':tensorflow:serving:request_latency_bucket{{{labels},le="10"}} ' in text
        assert f":tensorflow:serving:request_latency_count{{{labels}}} " in text
        assert ':tensorflow:cc:saved_model:load_attempt_count{model_path="' in text


class TestCors:
    def test_headers_only_where_they_are_wanted(self, served, serve, publish, tmp_path):
        import requests

        wide = serve(model_name="half", model_base_path=str(publish(tmp_path / "half", 1)),
                            rest_api_enable_cors_support=True)
        for server, wanted in ((served, None), (wide, "*")):
            found = requests.get(f"{server.url}/v1/models/half", timeout=60)
            assert found.headers.get("Access-Control-Allow-Origin") == wanted
            assert found.headers["Content-Type"] == "application/json"
        found = requests.options(f"{wide.url}/v1/models/half:predict", headers={"Origin": "http://a"}, timeout=60)
        assert (found.status_code, found.text, found.headers["Access-Control-Allow-Methods"]) == (200, "", "POST, GET")
        assert requests.options(f"{wide.url}/v1/models/half:predict", timeout=60).status_code == 400


class TestLiveServer:
    def test_a_new_version_and_a_broken_one(self, serve, publish, tmp_path, until):
        server = serve(model_name="half", model_base_path=str(publish(tmp_path / "half", 1)), max_num_load_retries=0)
        (tmp_path / "half" / "2").mkdir()
        until(lambda: server.states("half") == {1: "AVAILABLE", 2: "END"})
        _, text = server.ask("/v1/models/half/versions/2")
        assert json.loads(text)["model_version_status"][0]["status"]["error_code"] == "NOT_FOUND"
        publish(tmp_path / "half", 3, shift=3)
        until(lambda: server.states("half") == {1: "END", 2: "END", 3: "AVAILABLE"})
        assert json.loads(server.ask("/v1/models/half:predict", {"instances": [0]})[1]) == {"predictions": [3.0]}

    def test_an_old_version_leaves_nothing_behind(self, serve, publish, tmp_path, until):
        import tensorflow as tf

        def graphs():
            return [found for found in gc.get_objects() if isinstance(found, tf.Graph)]

        server = serve(model_name="half", model_base_path=str(publish(tmp_path / "half", 1)))
        before = len(graphs())
        for version in (2, 3):
            publish(tmp_path / "half", version)
            until(lambda version=version: server.states("half").get(version - 1) == "END")
        assert len(graphs()) <= before + 1  # version 3's

    def test_batching(self, serve, publish, tmp_path):
        (tmp_path / "b").write_text("max_batch_size { value: 4 } batch_timeout_micros { value: 1000 }")
        server = serve(model_name="half", model_base_path=str(publish(tmp_path / "half", 1)), enable_batching=True,
                       batching_parameters_file=str(tmp_path / "b"))
        assert json.loads(server.ask("/v1/models/half:predict", {"instances": [1, 2]})[1]) == {"predictions": [2.5, 3]}
        assert "must have at least one dimension" in server.ask("/v1/models/half:predict", {"inputs": 1})[1]
        assert "Task size 5 is larger" in server.ask("/v1/models/half:predict", {"instances": [1] * 5})[1]

    def test_a_slow_model_is_cut_off_and_blocks_nobody(self, serve, publish, tmp_path):
        server = serve(model_name="slow", model_base_path=str(publish(tmp_path / "slow", 1, "slow")),
                       rest_api_timeout_in_ms=150)
        status, text = server.ask("/v1/models/slow:predict", {"instances": [1.0]})
        assert (status, json.loads(text)) == (504, {"error": "Timed out waiting for notification"})
        assert server.ask("/v1/models/slow")[0] == 200

    def test_warm_up_that_fails_keeps_a_version_out(self, publish, tmp_path):
        from dl100_tf.serving.server import Server

        base = publish(tmp_path / "half", 1)
        (base / "1" / "assets.extra").mkdir()
        (base / "1" / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"no record" * 10)
        with pytest.raises(ServingError, match=r"did not become available.*DATA_LOSS"):
            Server(Settings(port=-1, model_name="half", model_base_path=str(base), max_num_load_retries=0))
