"""What is inside a .tflite file: its flatbuffer taken apart and put together again, and its operators by name."""

import hashlib

from dl100_tf.errors import UserError

IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every .tflite file
ALIGNMENT = 16  # bytes: where TFLite's schema wants weights to begin, so that a phone can use them where they lie


def unpacked(model: bytes):
    """The model as objects: an `ai_edge_litert.schema_py_generated.ModelT`, its weights views of `model`.

    Args:
        model: content of a .tflite file; what is appended to it (the zip of its metadata) is left out.

    Raises:
        UserError: it is no .tflite file, or a damaged one.

    Source: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
    """
    from ai_edge_litert import schema_py_generated as schema

    if model[4:8] != IDENTIFIER:
        raise UserError("this is no .tflite file: its identifier TFL3 is missing. Export the run again.")
    try:
        found = schema.ModelT.InitFromPackedBuf(model)
    except Exception as error:  # an offset that leads astray fails in any way there is
        raise UserError(f"this .tflite file is damaged ({type(error).__name__}): export the run again.") from error
    if not (found.subgraphs and found.operatorCodes and found.buffers):
        raise UserError("this .tflite file is damaged (it has no graph): export the run again.")
    return found


def packed(model) -> bytes:
    """The content of a .tflite file.

    Args:
        model: an `ai_edge_litert.schema_py_generated.ModelT`.
    """
    import flatbuffers

    written = {}

    class Builder(flatbuffers.Builder):
        """Lays bytes, which is what weights are, out as TFLite's schema wants them; Python's own code doesn't.

        Arrays that are alike are written once: eight bits a weight come with eight bytes a channel, nearly all zero.
        """

        def StartVector(self, elemSize, numElems, alignment):
            return super().StartVector(elemSize, numElems, ALIGNMENT if elemSize == 1 else alignment)

        def CreateNumpyVector(self, x):
            key = x.dtype.str, x.size, hashlib.blake2b(x).digest()
            if key not in written:
                written[key] = super().CreateNumpyVector(x)
            return written[key]

    builder = Builder()
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def nameless(model: bytes) -> bytes:
    """The same model without the names of tensors that neither go in nor come out: of a small file a twentieth.

    Nothing that runs a model needs them, but programs that quantise one do: leave them in files to go on from.

    Raises:
        UserError: it is no .tflite file, or a damaged one.
    """
    found = unpacked(model)
    for number, part in enumerate(found.subgraphs):
        kept = {*part.inputs, *part.outputs} if number == 0 else ()
        for index, tensor in enumerate(part.tensors):
            tensor.name = tensor.name if index in kept else ""
    return packed(found)


def ops(model: bytes) -> list[str]:
    """The operators of all subgraphs in the order they run in, as TFLite's schema names them, e.g. `CONV_2D`.

    A custom operator goes by its own name; those that TensorFlow itself would have to run begin with `Flex`.

    Raises:
        UserError: it is no .tflite file, or a damaged one.
    """
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    names = {value: name for name, value in vars(BuiltinOperator).items() if isinstance(value, int)}

    def name(code) -> str:
        number = max(code.builtinCode, code.deprecatedBuiltinCode)  # old files have only the deprecated field
        if number == BuiltinOperator.CUSTOM:
            return (code.customCode or b"CUSTOM").decode("utf-8", "backslashreplace")
        return names.get(number, f"BUILTIN_{number}")

    found = unpacked(model)
    try:
        return [name(found.operatorCodes[operator.opcodeIndex])
                for graph in found.subgraphs for operator in graph.operators or []]
    except IndexError:
        raise UserError("this .tflite file is damaged (an operator has no name): export the run again.") from None


def subgraphs(model: bytes) -> int:
    """How many graphs there are: one, and one for each branch and body of a loop.

    Raises:
        UserError: it is no .tflite file, or a damaged one.
    """
    return len(unpacked(model).subgraphs)
