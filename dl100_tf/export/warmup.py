"""Requests that TensorFlow Serving sends to a model by itself before anybody else may, so that nobody waits for it.

Source: https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from pathlib import Path

import numpy as np

from dl100_tf.export import passages

FILE = "assets.extra/tf_serving_warmup_requests"
BATCHES = (1, 8)  # examples of a request
TEXT = 2000  # characters of a text that are sent
PIXELS, FILES = 300_000, 80_000  # bytes that a request has at most: with all six of them, less than a megabyte


def write(folder: Path, contract, examples) -> None:
    """Write the warm-up requests of a SavedModel: for each signature one example, and eight at once.

    A model of passages gets its vocabulary beside them.

    The server refuses to serve a model whose warm-up fails, so nothing is sent but what the signatures take.

    Args:
        folder: of the SavedModel.
        contract: its `Contract`.
        examples: at least one real example: uint8 pictures (h, w, 1 or 3), str, or rows of numbers.
    """
    import tensorflow as tf

    path = Path(folder) / FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as file:
        for log in logs(contract, examples):
            file.write(log.SerializeToString())
    if contract.kind == "passage":
        passages.put(contract.vocabulary, path.parent)


def logs(contract, examples) -> list:
    """The requests as `tensorflow_serving.apis.prediction_log_pb2.PredictionLog`s."""
    found = []
    for size in BATCHES:
        batch = [examples[i % len(examples)] for i in range(size)]
        if contract.kind == "image":
            batch = [np.asarray(picture, np.uint8) for picture in batch]
            files = [_jpeg(picture, FILES // size) for picture in batch]
            found += [_predict(contract, "serving_default", "image", _pixels(batch)),
                      _predict(contract, "encoded", "image_bytes", files)]
            found += [] if contract.picture else [_classify(contract, "image/encoded", files)]
        elif contract.kind == "text":
            texts = [text[:TEXT].encode() for text in batch]
            found += [_predict(contract, "serving_default", "text", texts), _classify(contract, "text", texts)]
        elif contract.kind == "passage":
            found.append(_predict(contract, "serving_default", "ids", np.asarray(batch, np.int32)))
        else:
            rows = np.asarray(batch, np.float32)
            found.append(_predict(contract, "serving_default", contract.input, rows))
            if contract.kind == "numbers":
                found.append(_classify(contract, contract.input, rows))
    return found


def _pixels(batch: list) -> np.ndarray:
    """Pictures of one size as one array, uint8 (batch, h, w, c): large ones at a part of their size."""
    pictures = np.stack([picture if picture.shape == batch[0].shape else batch[0] for picture in batch])
    while pictures.nbytes > PIXELS:
        pictures = pictures[:, ::2, ::2]
    return np.ascontiguousarray(pictures)


def _jpeg(picture: np.ndarray, most: int) -> bytes:
    """The picture as a file of so many bytes at most: large ones at a part of their size."""
    import tensorflow as tf

    picture = _pixels([picture])[0]
    file = tf.io.encode_jpeg(picture, quality=90).numpy()
    return file if len(file) <= most else _jpeg(picture[::2, ::2], most)


def _predict(contract, signature: str, name: str, values):
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = contract.project, signature
    request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return log


def _classify(contract, name: str, values):
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    request = log.classify_log.request
    request.model_spec.name, request.model_spec.signature_name = contract.project, "classify"
    for value in values:
        feature = (tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) if isinstance(value, bytes) else
                   tf.train.Feature(float_list=tf.train.FloatList(value=value)))
        request.input.example_list.examples.add().features.feature[name].CopyFrom(feature)
    return log
