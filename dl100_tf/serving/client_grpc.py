"""The clients for gRPC: the same methods as `client.Client`, faster for large arrays.

TensorFlow is loaded with this module, because the generated messages of tensorflow-serving-api import it.
"""

from collections.abc import Mapping

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from dl100_tf.errors import UserError
from dl100_tf.serving.client import TIMEOUT, Model
from dl100_tf.serving.client_flow import Ask, Retry, Trouble, run, run_async
from dl100_tf.serving.client_signature import InputError, Signature, feature, parsed

EXAMPLES = {"classify": ("Classify", classification_pb2.ClassificationRequest),
            "regress": ("Regress", regression_pb2.RegressionRequest)}
CHANNEL = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1),  # gRPC's own is 4 MiB
           ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 5000)]  # as `Retry`'s pauses


class Grpc:
    """The wire: makes the requests for one model, and makes arrays of the answers; see `client_rest.Rest`.

    A request's content is the name of the method and its message; an answer is the message.
    """

    def __init__(self, server: str, model: str, version: int | None = None, label: str | None = None):
        self.address, self.model, self.version, self.label = server, model, version, label

    def status(self) -> Ask:
        """The request for the versions and their states."""
        return Ask("tell the status of", ("GetModelStatus", self._to(get_model_status_pb2.GetModelStatusRequest())))

    def metadata(self) -> Ask:
        """The request for the signatures."""
        message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        return Ask("describe", ("GetModelMetadata", self._to(message)))

    def predict(self, signature: Signature, inputs: dict[str, np.ndarray]) -> Ask:
        """The request for a prediction; see `client.Model.predict`."""
        message = self._to(predict_pb2.PredictRequest(), signature.name)
        for name, array in inputs.items():
            values, kind = ([*map(_bytes, array.flat)], tf.string) if array.dtype == object else (array, None)
            message.inputs[name].CopyFrom(tf.make_tensor_proto(values, kind, array.shape))
        return Ask("predict", ("Predict", message))

    def examples(self, verb: str, examples, context, signature: str) -> Ask:
        """The request to classify or regress examples; see `client.Model.classify`."""
        method, kind = EXAMPLES[verb]
        message = self._to(kind(), signature)
        if context:
            message.input.example_list_with_context.context.CopyFrom(_example(context))
        part = message.input.example_list_with_context if context else message.input.example_list
        part.examples.extend(_example(example) for example in examples)
        return Ask(verb, (method, message))

    def read_status(self, reply) -> list[dict]:
        """Versions and states of a status answer, highest version first."""
        found = [{"version": one.version, "state": _enum(one, "state"),
                  "code": _enum(one.status, "error_code"), "message": one.status.error_message}
                 for one in reply.model_version_status]
        return sorted(found, key=lambda one: -one["version"])

    def read_metadata(self, reply) -> dict[str, Signature]:
        """Signatures of a metadata answer."""
        found = get_model_metadata_pb2.SignatureDefMap()
        reply.metadata["signature_def"].Unpack(found)
        return parsed(json_format.MessageToDict(found, preserving_proto_field_name=True)["signature_def"])

    def read_version(self, reply) -> int:
        """The version that a metadata answer is about."""
        return reply.model_spec.version.value

    def answers(self, signature: Signature, reply) -> bool:
        """Whether the answer has the outputs that the signature gives."""
        return set(reply.outputs) == set(signature.outputs)

    def read_predict(self, signature: Signature, reply) -> dict[str, np.ndarray]:
        """Arrays of a prediction, by the outputs' names; strings as `bytes`."""
        return {name: tf.make_ndarray(tensor) for name, tensor in reply.outputs.items()}

    def read_examples(self, verb: str, reply) -> dict[str, np.ndarray] | np.ndarray:
        """Classes and scores (n, k), or values (n,), of a classify or regress answer."""
        if verb == "regress":
            return np.array([one.value for one in reply.result.regressions], np.float32)
        rows = [one.classes for one in reply.result.classifications]
        return {"classes": np.array([[one.label for one in row] for row in rows], object),
                "scores": np.array([[one.score for one in row] for row in rows], np.float32)}

    def _to(self, message, signature: str = ""):
        """The message, addressed to the model."""
        message.model_spec.name = self.model
        if self.version is not None:
            message.model_spec.version.value = self.version
        if self.label:
            message.model_spec.version_label = self.label
        if signature:
            message.model_spec.signature_name = signature
        return message


class GrpcClient(Model):
    """A model over gRPC.

    Args:
        server: the address, `localhost:8500`, or `unix:/path` of a socket.
        model, version, label, timeout, retry: see `client.Client`.
        credentials: of `grpc.ssl_channel_credentials`; without them the connection is open to read.
        options: gRPC's channel arguments, as pairs.
    """

    _module = grpc

    def __init__(self, server: str, model: str, *, version: int | None = None, label: str | None = None,
                 timeout: float = TIMEOUT, retry: Retry | None = None, credentials=None, options=()):
        if "://" in server:
            raise UserError(f"{server!r} is no address of a gRPC server: give one like localhost:8500.")
        super().__init__(Grpc(server, model, version, label), timeout, retry or Retry())
        every = [*CHANNEL, *options]
        self._channel = (self._module.secure_channel(server, credentials, every) if credentials else
                         self._module.insecure_channel(server, every))
        self._stubs = (prediction_service_pb2_grpc.PredictionServiceStub(self._channel),
                       model_service_pb2_grpc.ModelServiceStub(self._channel))

    def _run(self, steps):
        return run(steps, self._send)

    def _send(self, ask: Ask):
        try:
            return self._method(ask)(ask.content[1], timeout=ask.timeout)
        except grpc.RpcError as error:
            return _trouble(error)

    def _method(self, ask: Ask):
        return next(getattr(stub, ask.content[0]) for stub in self._stubs if hasattr(stub, ask.content[0]))

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class AsyncGrpcClient(GrpcClient):
    """The same for asyncio; made inside a running loop."""

    _module = grpc.aio

    def _run(self, steps):
        return run_async(steps, self._send)

    async def _send(self, ask: Ask):
        try:
            return await self._method(ask)(ask.content[1], timeout=ask.timeout)
        except grpc.RpcError as error:
            return _trouble(error)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()


def _trouble(error) -> Trouble:
    code, said = error.code().name, error.details() or ""
    refused = any(word in said.lower() for word in ("failed to connect", "resolution", "connection refused"))
    return Trouble(code, said, reached=not (code == "UNAVAILABLE" and refused))


def _enum(message, field: str) -> str:
    numbers = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    return numbers[getattr(message, field)].name


def _bytes(text) -> bytes:
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text


def _example(features) -> tf.train.Example:
    if not isinstance(features, Mapping):
        raise InputError(f"an example is a dict of features, this is {type(features).__name__}.")
    example = tf.train.Example()
    for name, value in features.items():
        values, kinds = feature(name, value), example.features.feature[name]
        if values and isinstance(values[0], str | bytes):
            kinds.bytes_list.value.extend(map(_bytes, values))
        elif values and isinstance(values[0], int):
            kinds.int64_list.value.extend(values)
        elif values:
            kinds.float_list.value.extend(values)
    return example
