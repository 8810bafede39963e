"""A version of a model as a .tflite file: LiteRT interpreters behind the same face as a SavedModel's session."""

import os
import queue
from pathlib import Path

import numpy as np

from dl100_tf.serving import dtypes, signatures
from dl100_tf.serving.status import INTERNAL, NOT_FOUND, ServingError, invalid

PREFERRED = "model.tflite"  # TensorFlow Serving's name for it
STRINGS = (bytes, np.bytes_, np.object_)
OURS = "float32.tflite"  # of a bundle with many variants


def file_in(folder: str) -> Path | None:
    """The .tflite file of a version: `model.tflite`, else `float32.tflite`, else the only one there is."""
    for name in (PREFERRED, OURS):
        if Path(folder, name).is_file():
            return Path(folder, name)
    found = sorted(Path(folder).glob("*.tflite")) if Path(folder).is_dir() else []
    return found[0] if len(found) == 1 else None


class LiteModel:
    """A .tflite file in as many interpreters as the flags want, each used by one request at a time."""

    def __init__(self, file: Path, settings):
        """Load `file`.

        Raises:
            ServingError: it isn't a model LiteRT can run.
        """
        pools = settings.num_tflite_pools or os.cpu_count() or 1
        self._content = file.read_bytes()
        self._free = queue.SimpleQueue()
        for _ in range(max(1, pools * settings.num_tflite_interpreters_per_pool)):
            self._free.put(self._interpreter(file))
        interpreter = self._free.get()
        self.signature_defs = _signature_defs(interpreter)
        self.signatures = signatures.of(self.signature_defs)
        self._free.put(interpreter)

    def _interpreter(self, file: Path):
        from ai_edge_litert.interpreter import Interpreter

        try:
            made = Interpreter(model_content=self._content, num_threads=1)
            made.allocate_tensors()
            return made
        except (ValueError, RuntimeError) as error:
            raise invalid(f"Could not load {file}: {error}") from error

    def run(self, feeds: dict[str, np.ndarray], fetches: tuple[str, ...]) -> list[np.ndarray]:
        """As `SavedModel.run`."""
        interpreter = self._free.get()
        try:
            places = {found["name"]: found for found in interpreter.get_input_details()}
            for name, array in feeds.items():
                _feed(interpreter, places, name, array)
            interpreter.invoke()
            outputs = {found["name"]: found["index"] for found in interpreter.get_output_details()}
            return [interpreter.get_tensor(outputs[name]) for name in fetches]
        except (ValueError, RuntimeError) as error:
            raise ServingError(INTERNAL, str(error)) from error
        except KeyError as error:
            raise ServingError(NOT_FOUND, f"Missing tensor: {error}") from error
        finally:
            self._free.put(interpreter)

    def close(self) -> None:
        """Give back its memory."""
        while not self._free.empty():
            self._free.get()


def _feed(interpreter, places: dict, name: str, array: np.ndarray) -> None:
    """Give an input its value, and its shape where that differs from the last."""
    place = places[name]
    if array.dtype != place["dtype"] and not (array.dtype == object and place["dtype"] in STRINGS):
        raise invalid(f"Expects {name} to be {np.dtype(place['dtype']).name} but {array.dtype.name} is provided")
    if array.ndim != len(place["shape_signature"]) or any(
            fixed not in (-1, size) for fixed, size in zip(place["shape_signature"][1:], array.shape[1:], strict=True)):
        raise invalid(f"Input {name} has shape {list(array.shape)}, the model takes "
                      f"{place['shape_signature'].tolist()}")
    if tuple(place["shape"]) != array.shape:
        interpreter.resize_tensor_input(place["index"], array.shape)
        interpreter.allocate_tensors()
    interpreter.set_tensor(place["index"], array)


def _signature_defs(interpreter) -> dict:
    """What the file says can be asked of it, as SignatureDefs; without any, all inputs and outputs by their names."""
    details = {found["index"]: found for found in
               [*interpreter.get_input_details(), *interpreter.get_output_details()]}
    stored = interpreter._get_full_signature_list()
    if not stored:
        stored = {signatures.DEFAULT: {
            "inputs": {found["name"]: found["index"] for found in interpreter.get_input_details()},
            "outputs": {found["name"]: found["index"] for found in interpreter.get_output_details()}}}
    return {name: _signature_def(found, details) for name, found in stored.items()}


def _signature_def(found: dict, details: dict):
    from tensorflow.core.protobuf import meta_graph_pb2

    made = meta_graph_pb2.SignatureDef(method_name=signatures.PREDICT)
    for into, names in ((made.inputs, found["inputs"]), (made.outputs, found["outputs"])):
        for alias, index in names.items():
            detail = details[index]
            into[alias].name = detail["name"]
            into[alias].dtype = _number(detail["dtype"])
            for size in detail["shape_signature"]:
                into[alias].tensor_shape.dim.add(size=int(size))
    return made


def _number(array_type) -> int:
    if array_type in STRINGS:
        return dtypes.STRING.number
    return dtypes.BY_ARRAY[np.dtype(array_type)].number
