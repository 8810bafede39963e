"""A .tflite file asked by readers that aren't ours, each in whatever Python has it.

The text of this file is handed to other interpreters through their standard input: it imports nothing of this package
and nothing that a reader doesn't bring along. `checks` asks, and judges the answers.
"""

import base64
import json
import time

MARK = "dl100_tf answers: "  # before a line with an answer; readers print whatever else they like


def answer(request):
    """Ask a reader about each file, and print what it gives or why it doesn't, a line for each.

    Args:
        request: `reader`: a function of this module. `files`: contents in base64, by name. `kind`: of the model's
            contract. `labels`: in the order of the scores. `shape`: of all examples. `dtype`: of the numbers in
            `examples`, in base64; where there is none they are texts. `scores`: the shape of all that it is to give.
            `delegate`: see `litert`.
    """
    for name, content in request["files"].items():
        try:
            told = globals()[request["reader"]](request, base64.b64decode(content))
        except Exception as error:  # a foreign library fails in any way there is
            told = {"error": _line(error)}
        print("\n" + MARK + json.dumps(dict(told, file=name)), flush=True)


def _line(error):
    return (type(error).__name__ + ": " + " ".join(str(error).split()))[:300]


def _arrays(request):
    """The examples as an array (n, ...)."""
    import numpy as np

    numbers = np.frombuffer(base64.b64decode(request["examples"]), request["dtype"])
    return numbers.reshape(request["shape"])


def _ordered(categories, labels):
    """Scores in the order of the labels; a label that the reader doesn't know is a KeyError."""
    scores = {one.category_name: float(one.score) for one in categories}
    return [scores[label] for label in labels]


def mediapipe(request, content):
    """Scores of MediaPipe Tasks' ImageClassifier or TextClassifier.

    Args:
        request: see `answer`.
        content: of the file.

    Returns:
        Its `version`, and `scores` (n, labels).
    """
    import mediapipe as mp
    from mediapipe.tasks import python as tasks

    base = tasks.BaseOptions(model_asset_buffer=content)
    if request["kind"] == "image":
        from mediapipe.tasks.python import vision as part

        made = part.ImageClassifier.create_from_options(part.ImageClassifierOptions(base_options=base))
        asked = [mp.Image(image_format=mp.ImageFormat.SRGB, data=picture.copy()) for picture in _arrays(request)]
    else:
        from mediapipe.tasks.python import text as part

        made = part.TextClassifier.create_from_options(part.TextClassifierOptions(base_options=base))
        asked = request["examples"]
    with made:
        rows = [made.classify(one).classifications[0].categories for one in asked]
    return {"version": mp.__version__, "scores": [_ordered(row, request["labels"]) for row in rows]}


def tflite_support(request, content):
    """What TensorFlow Lite's metadata reader and its Task Library make of a file.

    Args:
        request, content: see `mediapipe`.

    Returns:
        The `metadata` and the `files` that it read, and, where it has a task of this kind, `scores` (n, labels) or an
        `error`.
    """
    from tflite_support import metadata

    shown = metadata.MetadataDisplayer.with_model_buffer(bytearray(content))
    found = {"metadata": json.loads(shown.get_metadata_json()),
             "files": {name: shown.get_associated_file_buffer(name).decode("utf-8")
                       for name in shown.get_packed_associated_file_list()}}
    if request["kind"] in ("image", "text"):
        try:
            found["scores"] = _task_library(request, content)
        except Exception as error:  # its runtime is of 2023 and doesn't know all operators
            found["error"] = _line(error)
    return found


def _task_library(request, content):
    """Scores of tflite-support's ImageClassifier or NLClassifier."""
    from tflite_support.task import core, text, vision

    base = core.BaseOptions(file_content=content, num_threads=1)
    if request["kind"] == "image":
        made = vision.ImageClassifier.create_from_options(vision.ImageClassifierOptions(base))
        pictures = _arrays(request)  # has to live on: a TensorImage only points to its pixels
        asked = [vision.TensorImage.create_from_array(picture) for picture in pictures]
    else:
        made = text.NLClassifier.create_from_options(text.NLClassifierOptions(base))
        asked = request["examples"]
    return [_ordered(made.classify(one).classifications[0].categories, request["labels"]) for one in asked]


def litert(request, content):
    """Scores of LiteRT's interpreter, one thread.

    Args:
        request: see `answer`; `delegate` in it is the path of a delegate's library, which is to run what it can.
        content: of the file.

    Returns:
        The `machine`, `scores` (n, labels), and the `nodes` of the graph as it was run: name, inputs, outputs.
    """
    import platform

    from ai_edge_litert import interpreter

    more = {}
    if request.get("delegate"):
        more = {"experimental_delegates": [interpreter.load_delegate(request["delegate"])],
                "experimental_op_resolver_type": interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}
    model = interpreter.Interpreter(model_content=content, num_threads=1, **more)
    model.allocate_tensors()
    given, result, rows = model.get_input_details()[0], model.get_output_details()[0], []
    for example in _arrays(request):
        model.set_tensor(given["index"], example[None].astype(given["dtype"]))
        model.invoke()
        rows.append(model.get_tensor(result["index"])[0].tolist())
    nodes = [{"name": node["op_name"], "inputs": [int(tensor) for tensor in node["inputs"]],
              "outputs": [int(tensor) for tensor in node["outputs"]]} for node in model._get_ops_details()]
    return {"machine": platform.machine(), "scores": rows, "nodes": nodes}


def accelerator(request, content):
    """Scores of LiteRT's own GPU accelerator, which comes with it.

    Args:
        request, content: see `mediapipe`.

    Returns:
        `whole`: whether the GPU took all of the graph, and `scores` (n, labels).
    """
    import numpy as np
    from ai_edge_litert import compiled_model
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator as Kind

    model = compiled_model.CompiledModel.from_buffer(content, hardware_accel=Kind.GPU | Kind.CPU)
    given, result, rows = model.create_input_buffers(0)[0], model.create_output_buffers(0)[0], []
    size = int(np.prod(request["scores"][1:]))
    for example in _arrays(request):
        given.write(np.ascontiguousarray(example[None]))
        model.run_by_index(0, [given], [result])
        rows.append(result.read(size, np.float32).reshape(request["scores"][1:]).tolist())
    return {"whole": model.is_fully_accelerated(), "scores": rows}


def timed(request, content):
    """Milliseconds of a file, of any inputs, in LiteRT: the median over `seconds` of `request`, one thread.

    Floats are a half, since zeros would be quicker somewhere; whole numbers are 0, which any table has a row for.
    """
    import numpy as np
    from ai_edge_litert import interpreter

    model = interpreter.Interpreter(model_content=content, num_threads=1)
    model.allocate_tensors()
    for given in model.get_input_details():
        whole = np.issubdtype(given["dtype"], np.integer) or given["dtype"] == np.bool_
        model.set_tensor(given["index"], np.full(given["shape"], 0 if whole else 0.5, given["dtype"]))
    taken, until = [], time.perf_counter() + request["seconds"]
    while len(taken) < 5 or time.perf_counter() < until:
        start = time.perf_counter()
        model.invoke()
        taken.append(time.perf_counter() - start)
    return {"ms": 1000 * sorted(taken)[len(taken) // 2]}
