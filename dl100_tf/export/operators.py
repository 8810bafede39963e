"""The operators of a .tflite file one by one: each cut out as a model of its own, and which of them a delegate runs.

LiteRT has a profiler, but not in Python; its `benchmark_model` has one, and what that prints is read here as well.

Source: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/tools/benchmark/README.md
"""

import copy
import re

from dl100_tf.export import graph

SUMMARY = "Summary by node type"  # the heading of benchmark_model's table; the last one is of the runs that count
ROW = re.compile(r"^\s*(?P<name>\S.*?)\s+(?P<count>\d+)\s+(?P<ms>[\d.]+)\s+[\d.]+%")


def pieces(content: bytes) -> list[tuple[str, int, bytes]]:
    """The operators that work each time the model is asked, each as a .tflite file.

    What depends on weights alone, as making float32 of float16 does, goes with the operator that uses it: LiteRT does
    it once, in advance. Operators of one name and the same shapes are one piece.

    Args:
        content: of a .tflite file.

    Returns:
        Name, how often it is there, and the file, for each.

    Raises:
        UserError: it is no .tflite file, or a damaged one.
    """
    model = graph.unpacked(content)
    main, names = model.subgraphs[0], graph.ops(content)
    made = {int(tensor): number for number, operator in enumerate(main.operators) for tensor in operator.outputs}
    ready = set()  # operators of which all is known in advance
    for number, operator in enumerate(main.operators):
        if all(_is_constant(model, tensor) or made.get(tensor) in ready for tensor in _inputs(operator)):
            ready.add(number)
    found = {}
    for number in sorted(set(range(len(main.operators))) - ready):
        operator = main.operators[number]
        kind = (names[number], *(_look(model, tensor) for tensor in (*_inputs(operator), *operator.outputs)))
        found.setdefault(kind, []).append(number)
    return [(kind[0], len(numbers), _cut(model, numbers[0], made, ready)) for kind, numbers in found.items()]


def _inputs(operator) -> list[int]:
    """The tensors that it takes; those it may do without are -1."""
    return [int(tensor) for tensor in operator.inputs if tensor >= 0]


def _list(numbers) -> list:
    """A field of the flatbuffer that may not be there."""
    return [] if numbers is None else list(numbers)


def _is_constant(model, tensor: int) -> bool:
    """Whether the file holds its content, or it is memory that the operator keeps to itself."""
    told = model.subgraphs[0].tensors[tensor]
    data = model.buffers[told.buffer].data
    return told.isVariable or (data is not None and len(data) > 0)


def _look(model, tensor: int) -> tuple:
    told = model.subgraphs[0].tensors[tensor]
    return (*map(int, told.shape if told.shape is not None else ()), told.type, _is_constant(model, tensor))


def _cut(model, number: int, made: dict[int, int], ready: set[int]) -> bytes:
    """A model of one operator and of what has to be made ready for it."""
    needed, todo = {number}, [number]
    while todo:
        for tensor in _inputs(model.subgraphs[0].operators[todo.pop()]):
            if made.get(tensor) in ready and made[tensor] not in needed:
                needed.add(made[tensor])
                todo.append(made[tensor])
    return graph.packed(_model(model, sorted(needed), model.subgraphs[0].operators[number].outputs))


def _model(model, numbers: list[int], outputs):
    """A model of some of the main graph's operators, with the tensors and the content that these need."""
    from ai_edge_litert.schema_py_generated import BufferT

    whole, main, piece = model.subgraphs[0], copy.copy(model.subgraphs[0]), copy.copy(model)
    taken = {tensor for number in numbers for tensor in _inputs(whole.operators[number])}
    inside = {int(tensor) for number in numbers for tensor in whole.operators[number].outputs}
    between = {int(tensor) for number in numbers for tensor in _list(whole.operators[number].intermediates)}
    kept = sorted(taken | inside | between)
    place = {tensor: index for index, tensor in enumerate(kept)} | {-1: -1}
    main.tensors, main.operators = [whole.tensors[tensor] for tensor in kept], []
    for number in numbers:
        operator = copy.copy(whole.operators[number])
        for field in ("inputs", "outputs", "intermediates"):
            setattr(operator, field, [place[int(tensor)] for tensor in _list(getattr(operator, field))])
        main.operators.append(operator)
    main.inputs = [place[tensor] for tensor in sorted(taken - inside) if not _is_constant(model, tensor)]
    main.outputs = [place[int(tensor)] for tensor in outputs]
    full = {tensor.buffer for part in (main, *model.subgraphs[1:]) for tensor in part.tensors}
    piece.buffers = [buffer if index in full else BufferT() for index, buffer in enumerate(model.buffers)]
    piece.subgraphs = [main, *model.subgraphs[1:]]  # the others are what a loop repeats
    piece.metadata = piece.metadataBuffer = piece.signatureDefs = None
    return piece


def benchmarked(printed: str) -> dict[str, tuple[int, float]]:
    """How many operators of each kind there are and their milliseconds, from what `benchmark_model` printed.

    Empty where it printed no table.
    """
    _, found, table = printed.rpartition(SUMMARY)
    rows = [ROW.match(line) for line in table.splitlines()[2:]] if found else []
    return {row["name"]: (int(row["count"]), float(row["ms"])) for row in rows if row}


def share(content: bytes, nodes: list[dict]) -> tuple[int, int]:
    """How many of a graph's operators a delegate runs, and how many there are.

    Args:
        content: of the .tflite file.
        nodes: of its graph once the delegate has taken its part, `inputs` and `outputs` of each: the operators, and
            behind them a node for each part that was taken.
    """
    count = len(graph.unpacked(content).subgraphs[0].operators)
    made = {tensor: number for number, node in enumerate(nodes[:count]) for tensor in node["outputs"]}
    taken = set()
    for part in nodes[count:]:
        todo = list(part["outputs"])
        while todo:
            tensor = todo.pop()
            if tensor in made and made[tensor] not in taken and tensor not in part["inputs"]:
                taken.add(made[tensor])
                todo += nodes[made[tensor]]["inputs"]
    return len(taken), count
