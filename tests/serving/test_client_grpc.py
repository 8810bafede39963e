"""The gRPC clients, against a service made of tensorflow-serving-api's own stubs."""

import asyncio
import threading
from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from dl100_tf.errors import UserError
from dl100_tf.serving.client import Client, InputError, Retry, ServerError, connect
from dl100_tf.serving.client_grpc import AsyncGrpcClient, GrpcClient

QUICK = Retry(times=3, first=0.001)


class Service(prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer):
    """Answers a prediction with what it was asked; keeps all requests; fails first as often as it is told."""

    def __init__(self):
        self.asked, self.failures, self.released = [], [], threading.Event()
        self.released.set()
        self.inputs = {"x": (tf.float32, [-1, 2]), "text": (tf.string, [-1])}

    def fail(self, context):
        if self.failures:
            context.abort(self.failures.pop(0), "as it\nis")

    def Predict(self, request, context):
        self.asked.append(request)
        self.fail(context)
        self.released.wait(60)
        answer = predict_pb2.PredictResponse()
        for name, value in request.inputs.items():
            answer.outputs[name].CopyFrom(value)
        if request.model_spec.signature_name == "fields":  # as TensorFlow Serving writes tensors unless told otherwise
            answer.outputs["x"].CopyFrom(tf.make_tensor_proto([0.5, 0.5], shape=[1, 2]))
            answer.outputs["x"].ClearField("tensor_content")
            answer.outputs["x"].float_val.extend([0.5])
        return answer

    def Classify(self, request, context):
        from tensorflow_serving.apis import classification_pb2

        self.asked.append(request)
        answer = classification_pb2.ClassificationResponse()
        for _ in request.input.example_list.examples:
            row = answer.result.classifications.add()
            for label, score in (("cat", 0.75), ("dog", 0.25)):
                row.classes.add(label=label, score=score)
        return answer

    def Regress(self, request, context):
        from tensorflow_serving.apis import regression_pb2

        self.asked.append(request)
        answer = regression_pb2.RegressionResponse()
        answer.result.regressions.add(value=3.5)
        return answer

    def GetModelMetadata(self, request, context):
        self.asked.append(request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, method in (("serving_default", "predict"), ("fields", "predict"), ("classes", "classify")):
            one = signatures.signature_def[name]
            one.method_name = f"tensorflow/serving/{method}"
            for key, (dtype, sizes) in self.inputs.items():
                for part in (one.inputs[key], one.outputs[key]):
                    part.dtype = dtype.as_datatype_enum
                    part.tensor_shape.CopyFrom(tf.TensorShape([None if s < 0 else s for s in sizes]).as_proto())
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.metadata["signature_def"].Pack(signatures)
        return answer

    def GetModelStatus(self, request, context):
        self.asked.append(request)
        answer = get_model_status_pb2.GetModelStatusResponse()
        for version, state in ((1, get_model_status_pb2.ModelVersionStatus.END),
                               (2, get_model_status_pb2.ModelVersionStatus.AVAILABLE)):
            answer.model_version_status.add(version=version, state=state)
        answer.model_version_status[0].status.error_code = 13
        answer.model_version_status[0].status.error_message = "broken"
        return answer


@pytest.fixture
def service():
    made = Service()
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(made, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(made, server)
    made.address = f"localhost:{server.add_insecure_port('localhost:0')}"
    server.start()
    yield made
    made.released.set()
    server.stop(None).wait()


@pytest.fixture
def client(service):
    with GrpcClient(service.address, "m", retry=QUICK) as made:
        yield made


class TestPredict:
    def test_arrays_there_and_back(self, service, client):
        x = np.array([[np.nan, -np.inf], [1e-45, 3.4e38]], np.float32)
        found = client.predict({"x": x, "text": ["caf\u00e9", b"\xff\0\0"]})
        assert found["x"].dtype == np.float32 and found["x"].tobytes() == x.tobytes()
        assert found["text"].tolist() == ["caf\u00e9".encode(), b"\xff\0\0"]
        asked = service.asked[-1]
        assert asked.model_spec.name == "m" and asked.model_spec.signature_name == "serving_default"

    @pytest.mark.parametrize("dtype", [tf.int8, tf.uint8, tf.int16, tf.int32, tf.int64, tf.uint32, tf.uint64, tf.bool,
                                       tf.float16, tf.float64, tf.complex64])
    def test_every_dtype(self, service, client, dtype):
        service.inputs = {"x": (dtype, [-1, 2])}
        x = np.array([[0, 1], [1, 0]], dtype.as_numpy_dtype)
        found = client.predict(x)["x"]
        assert found.dtype == x.dtype and np.array_equal(found, x)

    def test_typed_fields_where_the_last_value_repeats(self, client):
        assert client.predict({"x": [[1, 2]], "text": [""]}, "fields")["x"].tolist() == [[0.5, 0.5]]

    def test_empty_arrays_keep_their_shape(self, client):
        found = client.predict({"x": np.zeros((0, 2)), "text": []})
        assert found["x"].shape == (0, 2) and found["text"].shape == (0,)

    def test_more_than_grpc_s_four_mebibytes(self, client):
        assert client.predict({"x": np.ones((1 << 20, 2)), "text": [""]})["x"].shape == (1 << 20, 2)

    def test_versions_and_labels(self, service, client):
        client.at(version=7).predict({"x": [[1, 2]], "text": [""]})
        assert service.asked[-1].model_spec.version.value == 7
        client.at(label="canary").predict({"x": [[1, 2]], "text": [""]})
        assert service.asked[-1].model_spec.version_label == "canary"

    def test_what_does_not_fit_is_not_sent(self, service, client):
        with pytest.raises(InputError, match=r"takes text: string \(\?,\); x: float32 \(\?, 2\)"):
            client.predict({"x": [[1, 2, 3]], "text": [""]})
        assert not any(isinstance(one, predict_pb2.PredictRequest) for one in service.asked)

    def test_a_swapped_model_is_asked_about_again(self, service, client):
        client.predict({"x": [[1, 2]], "text": [""]})
        service.inputs = {"z": (tf.int64, [-1])}
        assert client.predict({"z": [1]})["z"].tolist() == [1]


class TestOthers:
    def test_classify(self, service, client):
        found = client.classify([{"image": b"\xff", "size": 3, "numbers": [1, 2.5]}] * 2)
        features = service.asked[-1].input.example_list.examples[0].features.feature
        assert service.asked[-1].model_spec.signature_name == "classes"
        assert features["image"].bytes_list.value[:] == [b"\xff"] and features["size"].int64_list.value[:] == [3]
        assert features["numbers"].float_list.value[:] == [1.0, 2.5]
        assert found["classes"].tolist() == [["cat", "dog"]] * 2 and found["scores"].tolist() == [[0.75, 0.25]] * 2

    def test_regress_with_a_context(self, service, client):
        assert client.regress([{"x": 1.0}], context={"y": ["a"]}).tolist() == [3.5]
        context = service.asked[-1].input.example_list_with_context.context
        assert context.features.feature["y"].bytes_list.value[:] == [b"a"]

    def test_status(self, client):
        assert client.status() == [{"version": 2, "state": "AVAILABLE", "code": "OK", "message": ""},
                                   {"version": 1, "state": "END", "code": "INTERNAL", "message": "broken"}]


class TestRepeats:
    @pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
    def test_what_was_not_done_is_asked_again(self, service, client, code):
        service.failures = [code] * 3
        assert client.predict({"x": [[1, 2]], "text": [""]})
        assert sum(isinstance(one, predict_pb2.PredictRequest) for one in service.asked) == 4

    @pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.NOT_FOUND,
                                      grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED])
    def test_what_would_end_the_same_way_is_not(self, service, client, code):
        service.failures = [code] * 3
        with pytest.raises(ServerError, match=f"{code.name}.*as it is") as error:
            client.predict({"x": [[1, 2]], "text": [""]})
        assert error.value.code == code.name and len(service.failures) == 2

    def test_the_time_limit(self, service, client):
        client.metadata()
        service.released.clear()
        with pytest.raises(ServerError, match="didn't answer in time"):
            client.predict({"x": [[1, 2]], "text": [""]}, timeout=0.2)
        assert sum(isinstance(one, predict_pb2.PredictRequest) for one in service.asked) <= 1

    def test_nobody_listens(self):
        with GrpcClient("localhost:1", "m", retry=QUICK) as client, pytest.raises(ServerError) as error:
            client.status()
        assert error.value.code == "UNAVAILABLE"
        assert str(error.value).startswith("no server answers at localhost:1, asked 4 times")


def test_the_same_awaited(service):
    async def ask():
        async with AsyncGrpcClient(service.address, "m", retry=QUICK) as client:
            service.failures = [grpc.StatusCode.UNAVAILABLE]
            return await asyncio.gather(*(client.predict({"x": [[i, 0]], "text": [""]}) for i in range(10)))

    assert [found["x"].tolist() for found in asyncio.run(ask())] == [[[i, 0]] for i in range(10)]


def test_connect_chooses_by_the_address(service):
    with connect(f"grpc://{service.address}", "m") as client:
        assert isinstance(client, GrpcClient) and client.status()
    with connect("http://localhost:1", "m") as client:
        assert isinstance(client, Client)
    with pytest.raises(UserError, match="like localhost:8500"):
        GrpcClient("http://localhost:8500", "m")
