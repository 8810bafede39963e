"""A version of a model, loaded: a SavedModel in a TensorFlow session, as TensorFlow Serving's own sessions are."""

import os
import threading
from pathlib import Path

import numpy as np

from dl100_tf.serving import dtypes, signatures, text_protos
from dl100_tf.serving.status import NOT_FOUND, ServingError, invalid, of

PICTURES = ("Conv", "DepthwiseConv", "MaxPool", "AvgPool", "LRN", "FusedBatchNorm")  # beginnings of operations' names
LOOPS = {"While", "StatelessWhile", "LoopCond"}
MOST_CALLABLES = 64  # ways to run one model that are kept ready: each choice of outputs is one
SMALL_BYTES = 4 << 20  # weights of models whose operations are over before a second thread has woken up
IN_CALLER = -1  # a thread pool's number: run the graph in the thread that asks, which saves two thread switches


class SavedModel:
    """A SavedModel in a session of its own.

    `signatures` is what can be asked, `run` asks; `loops` says that how long that takes may depend on what is asked.
    """

    def __init__(self, folder: str, settings):
        """Load the SavedModel in `folder`.

        Raises:
            ServingError: it is missing, unfinished or damaged.
        """
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # it calls the loader deprecated, which is TensorFlow Serving's own way
        self._tags = [tag for tag in settings.saved_model_tags.split(",") if tag]
        self._callables, self._lock = {}, threading.Lock()
        self._graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=self._graph, config=session_config(settings, folder))
        try:
            with self._graph.as_default():
                meta = tf.compat.v1.saved_model.load(self._session, self._tags, folder)
        except BaseException as error:
            self._session.close()
            raise self._explained(error, folder) from error
        self.signature_defs = dict(meta.signature_def)
        self.signatures = signatures.of(self.signature_defs)
        bodies = [found.node_def for found in meta.graph_def.library.function]
        operations = {node.op for nodes in (meta.graph_def.node, *bodies) for node in nodes}
        self.loops = not LOOPS.isdisjoint(operations)
        # oneDNN's operations for pictures end the process where one has too few dimensions, so none gets to them.
        # TensorFlow Serving checks no shapes, and for other models neither does this server.
        pictures = any(operation.startswith(PICTURES) for operation in operations)
        self._shapes = {slot.tensor: slot.shape for found in self.signatures.values()
                        for slot in found.inputs.values() if slot.shape is not None} if pictures else {}
        self._fed = {slot.tensor: slot.kind.array for found in self.signatures.values()
                     for slot in found.inputs.values() if slot.kind.array is not None}

    def _explained(self, error: BaseException, folder: str) -> ServingError:
        """Why it couldn't be loaded, in TensorFlow's words where Python's loader has others."""
        if isinstance(error, OSError) and not any(
                Path(folder, name).exists() for name in ("saved_model.pb", "saved_model.pbtxt")):
            return ServingError(NOT_FOUND, "Could not find SavedModel .pb or .pbtxt at supplied export directory path: "
                                f"{folder}. Check that the directory exists and that you have the right permissions "
                                "for accessing it.")
        if isinstance(error, RuntimeError) and "tags" in str(error):
            return ServingError(NOT_FOUND, "Could not find meta graph def matching supplied tags: { "
                                f"{' '.join(self._tags)} }}. To inspect available tag-sets in the SavedModel, please "
                                "use the SavedModel CLI: `saved_model_cli`")
        if not Path(folder, "variables", "variables.index").exists() and isinstance(error, ValueError):
            return ServingError(NOT_FOUND, f"{folder}/variables/variables.index is missing: no values for variables")
        if isinstance(error, OSError):
            return invalid(f"Can't parse {folder}/saved_model.pb as binary proto ({error})")
        return of(error)

    def run(self, feeds: dict[str, np.ndarray], fetches: tuple[str, ...]) -> list[np.ndarray]:
        """The tensors named in `fetches` for those in `feeds`, both by their names in the graph.

        Raises:
            ServingError: TensorFlow refuses: wrong type or shape, or the model itself fails.
        """
        names = tuple(feeds)
        function = self._callables.get((names, fetches)) or self._callable(names, fetches)
        for name, array in feeds.items():
            if array.dtype != self._fed.get(name, array.dtype):
                raise self._mistyped(feeds, name)
            if name in self._shapes and not _fits(array.shape, self._shapes[name]):
                raise invalid(f"input {name} must be of shape {_told(self._shapes[name])}, not {_told(array.shape)}")
        try:
            return function(*feeds.values())
        except Exception as error:
            raise of(error) from error

    def _mistyped(self, feeds: dict, name: str) -> ServingError:
        """What a session says of an input of another type; it counts them in the order of their names."""
        wanted, given = dtypes.BY_ARRAY[self._fed[name]].name, dtypes.of(feeds[name]).name
        return invalid(f"Expects arg[{sorted(feeds).index(name)}] to be {wanted} but {given} is provided")

    def _callable(self, feeds: tuple[str, ...], fetches: tuple[str, ...]):
        from tensorflow.core.protobuf import config_pb2

        with self._lock:
            if (feeds, fetches) in self._callables:
                return self._callables[feeds, fetches]
            if len(self._callables) >= MOST_CALLABLES:
                self._callables.pop(next(iter(self._callables)))
            options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
            options.run_options.inter_op_thread_pool = IN_CALLER
            try:
                made = self._session._make_callable_from_options(options)
            except Exception as error:
                raise of(error) from error
            self._callables[feeds, fetches] = made
            return made

    def close(self) -> None:
        """Give back its memory; nobody may be running it any more."""
        self._callables.clear()
        self._session.close()


def _fits(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(given) == len(wanted) and all(size in (-1, found) for found, size in zip(given, wanted, strict=True))


def _told(shape: tuple[int, ...]) -> str:
    return "[" + ",".join("?" if size < 0 else str(size) for size in shape) + "]"


def session_config(settings, folder: str):
    """TensorFlow's ConfigProto for the flags and the model in `folder`.

    Without a flag, each operation of a model with few weights runs in one thread: shared among the cores it would take
    longer, and there would be none left for the next request.
    """
    from tensorflow.core.protobuf import config_pb2

    os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")  # else the first model's choice holds for all
    config = config_pb2.ConfigProto()
    if settings.tensorflow_session_config_file:
        text_protos.read(settings.tensorflow_session_config_file, config)
    both = settings.tensorflow_session_parallelism
    intra, inter = settings.tensorflow_intra_op_parallelism, settings.tensorflow_inter_op_parallelism
    if intra > 0 or inter > 0 or both > 0:
        config.intra_op_parallelism_threads = intra or both
        config.inter_op_parallelism_threads = inter or both
    elif not config.intra_op_parallelism_threads and _weights(folder) < SMALL_BYTES:
        config.intra_op_parallelism_threads = 1
    if settings.per_process_gpu_memory_fraction:
        config.gpu_options.per_process_gpu_memory_fraction = settings.per_process_gpu_memory_fraction
    return config


def _weights(folder: str) -> int:
    """Bytes of a SavedModel's weights."""
    return sum(file.stat().st_size for file in Path(folder, "variables").glob("variables.data-*"))


def load(folder: str, settings):
    """The model in a version's folder: a SavedModel, or a .tflite file where there is none or the flags prefer it.

    Raises:
        ServingError: there is neither, or it can't be loaded.
    """
    from dl100_tf.serving import tflite

    file = tflite.file_in(folder)
    found = any(os.path.exists(os.path.join(folder, name)) for name in ("saved_model.pb", "saved_model.pbtxt"))
    if file and (not found or (settings.prefer_tflite_model and file.name == tflite.PREFERRED)):
        return tflite.LiteModel(file, settings)
    return SavedModel(folder, settings)
