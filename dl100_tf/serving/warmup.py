"""The requests that a SavedModel brings along, sent to it before anybody else's (saved_model_warmup.cc)."""

import os
import time

from dl100_tf.serving import inference, metrics, signatures, tensor_protos
from dl100_tf.serving.status import DATA_LOSS, NAMES, OK, UNIMPLEMENTED, ServingError, invalid, of

FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")
MOST = 1000  # requests


def replay(model, folder: str, times: int = 1) -> int:
    """Send the warm-up requests of the version in `folder` to the loaded `model`; how many there were.

    Raises:
        ServingError: the file is damaged, or the model fails at one of them; then the version isn't served.
    """
    file = os.path.join(folder, FILE)
    if not os.path.exists(file):
        return 0
    start, code, count = time.monotonic(), OK, 0
    try:
        for count, record in enumerate(_records(file), start=1):
            if count > MOST:
                raise invalid(f"Number of warmup records exceeds the maximum ({MOST}) at {file}")
            log = _parsed(record, file)
            for _ in range(times):
                _send(model, log)
    except ServingError as error:
        code = error.code
        raise
    finally:
        metrics.WARMUP_LATENCY.add((time.monotonic() - start) * 1e6, folder, NAMES[code])
    return count


def _records(file: str):
    import tensorflow as tf

    try:
        yield from tf.compat.v1.io.tf_record_iterator(file)
    except tf.errors.DataLossError as error:
        raise ServingError(DATA_LOSS, f"{error.message}. Please verify your warmup data is in TFRecord format."
                           ) from error
    except tf.errors.OpError as error:
        raise of(error) from error


def _parsed(record: bytes, file: str):
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    try:
        return prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        raise invalid(f"Failed to parse warmup record from {file}") from error


def _send(model, log) -> None:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        signature = signatures.for_predict(model.signatures, request.model_spec.signature_name)
        given = {name: tensor_protos.array(proto, name) for name, proto in request.inputs.items()}
        inference.predict(model, signature, given, list(request.output_filter))
    elif kind in ("classify_log", "regress_log"):
        request = getattr(log, kind).request
        method = signatures.CLASSIFY if kind == "classify_log" else signatures.REGRESS
        signature = inference.named(model, request.model_spec.signature_name, method, False)
        (inference.classify if kind == "classify_log" else inference.regress)(model, signature, request.input)
    elif kind == "multi_inference_log":
        inference.multi(model, log.multi_inference_log.request)
    elif kind == "session_run_log":
        raise ServingError(UNIMPLEMENTED, "Unsupported log_type for warmup: session_run_log")
