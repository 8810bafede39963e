"""The gRPC API of a running server."""

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


@pytest.fixture(scope="module")
def stubs(served):
    with served.channel() as channel:
        yield (prediction_service_pb2_grpc.PredictionServiceStub(channel),
               model_service_pb2_grpc.ModelServiceStub(channel))


def predict(name="half", **inputs):
    from dl100_tf.serving import tensor_protos

    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    for key, values in inputs.items():
        tensor_protos.fill(request.inputs[key], np.asarray(values))
    return request


def examples(request, *values):
    for value in values:
        request.input.example_list.examples.add().features.feature["x"].float_list.value.append(value)
    return request


def refused(call, request):
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=60)
    return caught.value.code().name, caught.value.details()


class TestPredict:
    def test_tensors_for_tensors(self, stubs):
        found = stubs[0].Predict(predict(x=np.array([[1, 2]], np.float32)), timeout=60)
        assert list(found.outputs["y"].float_val) == [3.5, 4.0]
        assert [dim.size for dim in found.outputs["y"].tensor_shape.dim] == [1, 2]
        assert (found.model_spec.name, found.model_spec.version.value, found.model_spec.signature_name) == (
            "half", 2, "serving_default")

    def test_versions_labels_and_filters(self, stubs):
        request = predict(x=np.float32(0))
        request.model_spec.version_label = "stable"
        assert stubs[0].Predict(request, timeout=60).outputs["y"].float_val[0] == 2.0
        request.model_spec.version.value = 2
        request.output_filter.append("y")
        assert stubs[0].Predict(request, timeout=60).outputs["y"].float_val[0] == 3.0

    def test_errors(self, stubs):
        request = predict(x=np.float32(0))
        call = stubs[0].Predict
        assert refused(call, predict_pb2.PredictRequest()) == ("INVALID_ARGUMENT", "Missing ModelSpec")
        assert refused(call, predict("none", x=0.0)) == ("NOT_FOUND", "Servable not found for request: Latest(none)")
        assert refused(call, predict("", x=0.0)) == ("INVALID_ARGUMENT", "ModelSpec has no name specified.")
        assert refused(call, predict(y=np.float32(0))) == (
            "INVALID_ARGUMENT", "input tensor alias not found in signature: y. Inputs expected to be in the set {x}.")
        assert refused(call, predict(x=np.float32(0), y=1.0)) == (
            "INVALID_ARGUMENT", "input size does not match signature: 2!=1 len({x,y}) != len({x}). Sent extra: {y}. "
                                "Missing but required: {}.")
        code, details = refused(call, predict(x=np.int64(1)))
        assert code == "INVALID_ARGUMENT" and "to be float but int64 is provided" in details
        request.model_spec.signature_name = "none"
        assert refused(call, request) == ("FAILED_PRECONDITION", 'Serving signature key "none" not found.')
        request.model_spec.signature_name = ""
        request.output_filter.extend(["y", "y"])
        assert refused(call, request) == ("INVALID_ARGUMENT", "duplicate output tensor alias: y")
        request.output_filter[:] = ["z"]
        assert refused(call, request) == (
            "INVALID_ARGUMENT", "output tensor alias not found in signature: z Outputs expected to be in the set {y}.")
        request.inputs["x"].tensor_content = b"123"
        assert refused(call, request) == ("INVALID_ARGUMENT", "tensor parsing error: x")


class TestExamples:
    def test_classify_and_regress(self, stubs):
        request = examples(classification_pb2.ClassificationRequest(), 20.0)
        request.model_spec.name, request.model_spec.signature_name = "half", "classify"
        found = stubs[0].Classify(request, timeout=60)
        assert [(one.label, one.score) for one in found.result.classifications[0].classes] == [
            ("much", 13.0), ("more", 14.0)]
        request = examples(regression_pb2.RegressionRequest(), 2.0, 4.0)
        request.model_spec.name, request.model_spec.signature_name = "half", "regress"
        found = stubs[0].Regress(request, timeout=60)
        assert [one.value for one in found.result.regressions] == [4.0, 5.0]
        assert found.model_spec.signature_name == "regress"

    def test_errors(self, stubs):
        request = classification_pb2.ClassificationRequest()
        request.model_spec.name, request.model_spec.signature_name = "half", "classify"
        assert refused(stubs[0].Classify, request) == ("INVALID_ARGUMENT", "Input is empty.")
        request.model_spec.signature_name = "none"
        assert refused(stubs[0].Classify, request) == ("INVALID_ARGUMENT", "No signature was found with the name: none")

    def test_both_at_once(self, stubs):
        request = examples(inference_pb2.MultiInferenceRequest(), 20.0)
        for method, name in ((CLASSIFY, "classify"), (REGRESS, "regress")):
            task = request.tasks.add(method_name=method)
            task.model_spec.name, task.model_spec.signature_name = "half", name
        code, details = refused(stubs[0].MultiInference, request)
        assert (code, details) == ("INVALID_ARGUMENT", "Input tensor must be the same for all Signatures.")
        del request.tasks[0]
        found = stubs[0].MultiInference(request, timeout=60)
        assert found.results[0].regression_result.regressions[0].value == 13.0
        request.tasks.add().CopyFrom(request.tasks[0])
        assert refused(stubs[0].MultiInference, request) == (
            "INVALID_ARGUMENT", "Duplicate evaluation of signature: regress")
        request.tasks[1].model_spec.name = "many"
        assert "must access the same model name" in refused(stubs[0].MultiInference, request)[1]
        request.tasks[1].CopyFrom(request.tasks[0])
        request.tasks[1].model_spec.signature_name, request.tasks[1].method_name = "classify", "other"
        assert refused(stubs[0].MultiInference, request) == (
            "UNIMPLEMENTED", "Unsupported signature method_name: other")


class TestModels:
    def test_metadata(self, stubs):
        request = get_model_metadata_pb2.GetModelMetadataRequest()
        request.model_spec.name = "half"
        assert refused(stubs[0].GetModelMetadata, request)[1] == (
            "GetModelMetadataRequest must specify at least one metadata_field")
        request.metadata_field.append("other")
        assert "is not supported" in refused(stubs[0].GetModelMetadata, request)[1]
        request.metadata_field[:] = ["signature_def"]
        found = stubs[0].GetModelMetadata(request, timeout=60)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        assert found.metadata["signature_def"].Unpack(signatures)
        assert {"serving_default", "regress", "classify"} <= set(signatures.signature_def)
        assert found.model_spec.version.value == 2

    def test_status(self, stubs):
        request = get_model_status_pb2.GetModelStatusRequest()
        assert refused(stubs[1].GetModelStatus, request) == ("INVALID_ARGUMENT", "Missing ModelSpec")
        request.model_spec.name = "half"
        found = stubs[1].GetModelStatus(request, timeout=60)
        assert [(one.version, one.state) for one in found.model_version_status] == [(2, 30), (1, 30)]
        request.model_spec.version.value = 9
        assert refused(stubs[1].GetModelStatus, request) == ("NOT_FOUND", "Could not find version 9 of model half")


class TestReload:
    def test_models_labels_and_refusals(self, serve, publish, tmp_path, until):
        server = serve(model_name="half", model_base_path=str(publish(tmp_path / "half", 1)))
        publish(tmp_path / "half", 2, shift=3)
        publish(tmp_path / "other", 5, shift=4)
        with server.channel() as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)

            def config(*models):
                request = model_management_pb2.ReloadConfigRequest()
                for name, labels in models:
                    one = request.config.model_config_list.config.add(
                        name=name, base_path=str(tmp_path / name), model_platform="tensorflow")
                    one.model_version_policy.all.SetInParent()
                    one.version_labels.update(labels)
                return request

            call = stub.HandleReloadConfigRequest
            code, details = refused(call, config(("half", {"canary": 9})))
            assert (code, details) == ("FAILED_PRECONDITION", "Request to assign label to version 9 of model half, "
                                                              "which is not currently available for inference")
            assert refused(call, config(("half", {}), ("half", {}))) == (
                "INVALID_ARGUMENT", "Illegal to list model half multiple times in config list")
            assert refused(call, model_management_pb2.ReloadConfigRequest())[0] == "INVALID_ARGUMENT"
            assert call(config(("half", {}), ("other", {})), timeout=60).status.error_code == 0
            assert server.states("other") == {5: "AVAILABLE"}
            until(lambda: server.states("half") == {1: "AVAILABLE", 2: "AVAILABLE"})
            call(config(("half", {"canary": 2}),), timeout=60)
            assert server.ask("/v1/models/half/labels/canary:predict", {"instances": [0]})[0] == 200
            until(lambda: server.states("other") == {5: "END"})
            assert server.ask("/v1/models/other:predict", {"instances": [0]})[0] == 404
            wrong = config(("half", {}))
            wrong.config.model_config_list.config[0].model_platform = "other"
            assert "Illegal to change a model's platform" in refused(call, wrong)[1]
            wrong.config.model_config_list.config[0].base_path = "relative"
            assert "to have an absolute path" in refused(call, wrong)[1]

    def test_a_reload_that_nobody_waits_for_blocks_no_other(self, serve, publish, tmp_path):
        server = serve(model_name="half", model_base_path=str(publish(tmp_path / "half", 1)))
        with server.channel() as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            request = model_management_pb2.ReloadConfigRequest()
            request.config.model_config_list.config.add(name="half", base_path=str(tmp_path / "half"),
                                                        model_platform="tensorflow")
            later = model_management_pb2.ReloadConfigRequest()
            later.CopyFrom(request)
            request.config.model_config_list.config.add(name="none", base_path=str(tmp_path / "none"),
                                                        model_platform="tensorflow")
            with pytest.raises(grpc.RpcError):
                stub.HandleReloadConfigRequest(request, timeout=0.5)
            assert stub.HandleReloadConfigRequest(later, timeout=30).status.error_code == 0


class TestPorts:
    def test_a_unix_socket_and_the_health_service(self, serve, publish, tmp_path):
        server = serve(model_name="half", model_base_path=str(publish(tmp_path / "half", 1)), port=0,
                       grpc_socket_path=str(tmp_path / "s"), enable_grpc_healthcheck_service=True,
                       grpc_channel_arguments="grpc.max_connection_age_ms=60000,a=b")
        assert server.server.grpc_port == 0
        with grpc.insecure_channel(f"unix:{tmp_path}/s") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            assert stub.Predict(predict(x=np.float32(0)), timeout=60).outputs["y"].float_val[0] == 2.0
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            assert check(b"", timeout=60) == b"\x08\x01"
