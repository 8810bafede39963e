"""What a SavedModel would do, read from its file before TensorFlow runs any of it.

A SavedModel is a program: its operations may read and write files, call Python and reach the network, some of them
while it is only being loaded. Ours do nothing of the kind.

Source: https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md
"""

import re
from pathlib import Path

from dl100_tf.errors import UserError

AGAIN = "Export the model again with this package."
BEYOND = re.compile(
    "File(?!name|spec)|Reader|Dataset|Iterator|LMDB|RecordInput|LoadAndRemap|VocabRemapping|"  # reads files
    "FixedUnigram|Proto(V2)?$|"  # reads one that an attribute names
    "Save|Checkpoint|Summary|ImportEvent|Print|Debug|^Copy(Host)?$|"  # writes them
    "PyFunc|"  # calls Python
    "Rpc|RPC|DataService|RemoteCall|^_?(Host)?(Send|Recv)|Collective|Nccl|Worker|TPU|TRT")  # reaches other machines
STORED = re.compile("^(SaveV2|RestoreV2|MergeV2Checkpoints|Restore.*)$")  # what every SavedModel keeps its weights with


def inspect(folder: Path, *kinds: dict[str, set[str]]) -> None:
    """Refuse a SavedModel that isn't whole, isn't one of ours, or would reach beyond itself.

    Args:
        folder: of the SavedModel.
        kinds: of models, each by the outputs that its signatures have to have, by their names: it has to be of one.

    Raises:
        UserError: see above; the message names the folder and what is refused.
    """
    graph = _read(Path(folder))
    refused = _refused(graph)
    if refused:
        raise UserError(f"{folder} would run {', '.join(refused)}: operations that reach files, Python or other "
                        f"machines. It is not loaded. {AGAIN}")
    faults = [_missing(graph, needed) for needed in kinds]
    if all(faults):
        raise UserError(f"{folder} is a SavedModel, but not one of ours: it has no {', '.join(sorted(faults[0]))}. "
                        f"{AGAIN}")


def _missing(graph, needed: dict[str, set[str]]) -> set[str]:
    """What the first signature lacks that isn't as it is needed: outputs, or itself; empty where all are there."""
    for name, outputs in needed.items():
        missing = outputs - set(graph.signature_def[name].outputs) if name in graph.signature_def else {name}
        if missing:
            return missing
    return set()


def _read(folder: Path):
    """The `MetaGraphDef` that is served."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    missing = [name for name in ("saved_model.pb", "variables/variables.index") if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder} is no whole SavedModel, it has no {' and no '.join(missing)}: "
                        "name the folder of one version, or export it again.")
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    except OSError as error:
        raise UserError(f"{folder / 'saved_model.pb'} can't be read ({error.strerror}): make it readable.") from error
    except DecodeError as error:
        raise UserError(f"{folder / 'saved_model.pb'} is damaged: export it again.") from error
    graphs = [graph for graph in saved.meta_graphs if "serve" in graph.meta_info_def.tags]
    if len(graphs) != 1 or len(saved.meta_graphs) != 1 or not graphs[0].object_graph_def.nodes:
        raise UserError(f"{folder} is no SavedModel of TensorFlow 2 with one graph to serve: export it again.")
    return graphs[0]


def _refused(graph) -> list[str]:
    """Names of the operations that a model has no business with, sorted.

    Each SavedModel has functions that save and restore its weights: a server calls the second. TensorFlow's loader
    calls neither, so whatever else may be called, while loading or by a signature, must not contain such operations.
    """
    functions = {function.signature.name: function.node_def for function in graph.graph_def.library.function}
    nodes = [*graph.graph_def.node, *(node for body in functions.values() for node in body)]
    found = {node.op for node in nodes if BEYOND.search(node.op) and not STORED.search(node.op)}
    waiting, seen = [*graph.object_graph_def.concrete_functions], set()
    while waiting:
        name = waiting.pop()
        if name in functions and name not in seen:
            seen.add(name)
            found |= {node.op for node in functions[name] if STORED.search(node.op)}
            waiting += [called for node in functions[name] for called in _called(node)]
    return sorted(found)


def _called(node) -> list[str]:
    """Names of the functions that a node calls."""
    values = node.attr.values()
    return [node.op, *(value.func.name for value in values),
            *(function.name for value in values for function in value.list.func)]
