"""The gRPC API: PredictionService and ModelService (prediction_service_impl.cc, model_service_impl.cc)."""

import time

import grpc
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

from dl100_tf.serving import inference, metrics, signatures, tensor_protos
from dl100_tf.serving.sources import log
from dl100_tf.serving.status import NAMES, OK, invalid, of

CODES = {code.value[0]: code for code in grpc.StatusCode}
FIELD = "signature_def"


def answered(context, action, *arguments):
    """Call `action`; an error becomes the call's status."""
    try:
        return action(*arguments)
    except Exception as error:
        told = of(error)
    context.abort(CODES[told.code], told.message)


class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, Classify, Regress, MultiInference and GetModelMetadata."""

    def __init__(self, core, settings):
        self._core, self._check = core, settings.enable_signature_method_name_check
        self._as_content = settings.enable_serialization_as_tensor_content

    def _counted(self, context, api: str, action, request):
        start, code = time.perf_counter(), OK
        try:
            found = action(request)
            metrics.REQUEST_LATENCY.add((time.perf_counter() - start) * 1e6, request.model_spec.name, api, "GRPC")
            return found
        except Exception as error:
            told = of(error)
            code = told.code
        finally:
            metrics.REQUESTS.add(1, request.model_spec.name, NAMES[code])
        context.abort(CODES[code], told.message)

    def Predict(self, request, context):
        """Tensors for tensors."""
        return self._counted(context, "Predict", self._predict, request)

    def _predict(self, request):
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        spec = request.model_spec
        handle = self._core.handle(spec)
        signature = signatures.for_predict(handle.signatures, spec.signature_name)
        if request.inputs.keys() != signature.inputs.keys():
            signatures.check_inputs(signature, request.inputs.keys(), self._check)
        given = {name: tensor_protos.array(proto, name) for name, proto in request.inputs.items()}
        start = time.perf_counter()
        outputs = inference.predict(handle, signature, given, list(request.output_filter), self._check)
        metrics.RUNTIME_LATENCY.add((time.perf_counter() - start) * 1e6, spec.name, "Predict", "TF1")
        response = predict_pb2.PredictResponse()
        _fill_spec(response.model_spec, handle, signature.name)
        for name, array in outputs.items():
            tensor_protos.fill(response.outputs[name], array, self._as_content)
        return response

    def _asked(self, request, method: str):
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        handle = self._core.handle(request.model_spec)
        return handle, inference.named(handle, request.model_spec.signature_name, method, self._check)

    def Classify(self, request, context):
        """Classes for examples."""
        return self._counted(context, "Classify", self._classify, request)

    def _classify(self, request):
        handle, signature = self._asked(request, signatures.CLASSIFY)
        response = classification_pb2.ClassificationResponse()
        _fill_classes(response.result, inference.classify(handle, signature, request.input, self._check))
        _fill_spec(response.model_spec, handle, signature.name)
        return response

    def Regress(self, request, context):
        """Numbers for examples."""
        return self._counted(context, "Regress", self._regress, request)

    def _regress(self, request):
        handle, signature = self._asked(request, signatures.REGRESS)
        response = regression_pb2.RegressionResponse()
        _fill_numbers(response.result, inference.regress(handle, signature, request.input, self._check))
        _fill_spec(response.model_spec, handle, signature.name)
        return response

    def MultiInference(self, request, context):
        """Several of these for the same examples."""
        return answered(context, self._multi, request)

    def _multi(self, request):
        spec = request.tasks[0].model_spec if request.tasks else predict_pb2.PredictRequest().model_spec
        handle = self._core.handle(spec)
        response = inference_pb2.MultiInferenceResponse()
        for task, (method, found) in zip(request.tasks, inference.multi(handle, request, self._check), strict=True):
            result = response.results.add()
            _fill_spec(result.model_spec, handle, task.model_spec.signature_name or signatures.DEFAULT)
            if method == signatures.CLASSIFY:
                _fill_classes(result.classification_result, found)
            else:
                _fill_numbers(result.regression_result, found)
        return response

    def GetModelMetadata(self, request, context):
        """The signatures of a model."""
        return answered(context, self._metadata, request)

    def _metadata(self, request):
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != FIELD:
                raise invalid(f"Metadata field {field} is not supported")
        handle = self._core.handle(request.model_spec)
        found = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in handle.model.signature_defs.items():
            found.signature_def[name].CopyFrom(definition)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = handle.name
        response.model_spec.version.value = handle.version
        response.metadata[FIELD].Pack(found)
        return response


class Models(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, core):
        self._core = core

    def GetModelStatus(self, request, context):
        """What became of a model's versions."""
        return answered(context, self._status, request)

    def _status(self, request):
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        response = get_model_status_pb2.GetModelStatusResponse()
        for number, (state, error) in self._core.statuses(spec.name, version).items():
            found = response.model_version_status.add(version=number, state=state)
            found.status.error_code = error.code if error else OK
            found.status.error_message = error.message if error else ""
        return response

    def HandleReloadConfigRequest(self, request, context):
        """Serve what the request lists and nothing else."""
        return answered(context, self._reload, request, context)

    def _reload(self, request, context):
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid("ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is "
                          "currently supported")
        try:
            self._core.reload(request.config, context.is_active)
        except Exception as error:
            log(f"ReloadConfig failed: {of(error).message}")
            raise
        response = model_management_pb2.ReloadConfigResponse()
        response.status.error_code = OK
        return response


def _fill_spec(spec, handle, signature_name: str) -> None:
    spec.name, spec.signature_name = handle.name, signature_name
    spec.version.value = handle.version


def _fill_classes(result, found) -> None:
    for pairs in found:
        classes = result.classifications.add().classes
        for label, score in pairs:
            classes.add(label=label.decode("utf-8", "replace") if isinstance(label, bytes) else label, score=score)


def _fill_numbers(result, found) -> None:
    for number in found.tolist():
        result.regressions.add(value=number)
