"""What a .tflite file says of itself, as TFLite's metadata: names, ranges, labels, vocabulary, author, licence, score.

The description is a flatbuffer inside the model; labels and vocabulary are files in a zip appended to it, which can be
opened with any zip program. MediaPipe Tasks and TensorFlow Lite's Task Library read both.

Source: https://ai.google.dev/edge/litert/models/metadata
"""

import io
import re
import zipfile

from dl100_tf.errors import UserError
from dl100_tf.export import graph, latents, metadata_schema, passages, phone, preparation
from dl100_tf.export.contract import Contract

NAME = b"TFLITE_METADATA"  # of the model's buffer that holds it
# The first versions that know RegexTokenizerOptions, files of the type VOCABULARY and BertTokenizerOptions.
PARSERS = {"word": "1.2.1", "character": "1.0.1", "passage": "1.1.0"}
LABELS, VOCABULARY = "labels.txt", "vocabulary.txt"
PAD, UNKNOWN = "<PAD>", "<UNKNOWN>"  # what the Task Library calls the words "" and "[UNK]" of Keras
# Where the Task Library splits a text (RE2). At white space alone it would split just as Keras does; raw text comes
# nearer with the punctuation, and text that was prepared as `_rule` says has none.
DELIMITER = r"""[\t\n\v\f\r !"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{{|}}~{}]+"""


def put(model: bytes, contract: Contract, *, version: str, author: str, license: str, description: str = "") -> bytes:
    """The .tflite file with metadata; any that it had are replaced, and what it computes is untouched.

    Args:
        model: content of a .tflite file, as the converter wrote it for `phone.model`.
        contract: what it takes and gives.
        version: of the model.
        author, license: whose it is.
        description: more sentences on the model, between what it does and what it was trained on.

    Raises:
        UserError: it is no .tflite file, or a damaged one, or a label can't be written as a line of text.
        ValueError: it takes or gives something else than `contract` says.
    """
    from ai_edge_litert.schema_py_generated import BufferT, MetadataT

    content = graph.unpacked(model)
    _refuse_other(content, contract)
    told = (contract.title, description, contract.source, f"Licence: {license}", f"Author: {author}")
    metadata = {
        "name": contract.project, "version": version, "author": author, "license": license,
        "description": " ".join(f"{sentence.rstrip('.')}." for sentence in told if sentence),
        "subgraph_metadata": [{"input_tensor_metadata": [_input(contract)],
                               "output_tensor_metadata": [_output(contract)]}],
        "min_parser_version": PARSERS.get(contract.token if contract.kind == "text" else contract.kind, "1.0.0"),
    }
    entry = next((entry for entry in content.metadata or [] if entry.name == NAME), None)
    if entry is None:
        entry = MetadataT(name=NAME, buffer=len(content.buffers))
        content.metadata = [*(content.metadata or []), entry]
        content.buffers.append(BufferT())
    content.buffers[entry.buffer].data = _bytes(metadata_schema.packed(metadata))
    return _with_files(graph.packed(content), _files(contract))


def _bytes(content: bytes):
    import numpy as np

    return np.frombuffer(content, "uint8")  # packed at once; bytes would be packed one by one


def _refuse_other(content, contract: Contract) -> None:
    """Raise a ValueError where the model is not the contract's."""
    from ai_edge_litert.schema_py_generated import TensorType

    main = content.subgraphs[0]
    found = [(tuple(map(int, main.tensors[index].shape)), main.tensors[index].type)
             for index in (*main.inputs, *main.outputs)]
    wanted = [(contract.phone_shape, getattr(TensorType, contract.phone_dtype.upper())),
              (contract.answer_shape, TensorType.FLOAT32)]
    if found != wanted:
        raise ValueError(f"the model's inputs and outputs are {found}, and {contract.project}'s {wanted} "
                         "(shapes and TFLite's types)")


def _input(contract: Contract) -> dict:
    """`TensorMetadata` of what the model takes."""
    told = {"name": phone.NAMES[contract.kind], "content": {"content_properties": {"FeatureProperties": {}}}}
    if contract.kind == "image":
        height, width = contract.shape[:2]
        return told | {
            "description": f"A picture of {width} x {height} pixels in RGB, each 0 to 255 as a camera gives them: the "
                           "model scales them itself" + (", and makes them grey" if contract.is_grey else "") + "; it "
                           f"shows {preparation.of(contract.preparation).told}, which whoever asks sees to.",
            "content": {"content_properties": {"ImageProperties": {"color_space": "RGB"}}},
            "process_units": [{"options": {"NormalizationOptions": {"mean": [0], "std": [1]}}}],
            "stats": {"min": [0], "max": [255]},
        }
    if contract.kind == "text" and contract.token == "character":  # for which TFLite's metadata have no tokenizer
        return told | {"description": _character_rule(contract.shape[0]), "associated_files": [
            {"name": VOCABULARY, "type": "VOCABULARY", "description": "A character and its id a line."}]}
    if contract.kind == "text":
        vocabulary = {"name": VOCABULARY, "type": "VOCABULARY", "description": "A word and its id a line."}
        return told | {
            "description": _rule(contract),
            "process_units": [{"options": {"RegexTokenizerOptions": {
                "delim_regex_pattern": DELIMITER.format("0-9" if "0" in contract.spaced else ""),
                "vocab_file": [vocabulary]}}}],
        }
    if contract.kind == "series":
        hours, _ = contract.shape
        return told | {"description": f"The last {hours} hours, the newest last, and of each hour as it was measured: "
                                      f"{'; '.join(contract.columns)}. The model scales them itself."}
    if contract.kind == "latent":
        classes = [{"name": LABELS, "type": "TENSOR_AXIS_LABELS", "description": "A class or kind a line."}]
        return told | {"description": f"A point: {latents.rule(contract)}."} | (
            {"associated_files": classes} if contract.labels else {})
    if contract.kind == "passage":
        pieces = {"name": passages.FILE, "type": "VOCABULARY", "description": "A piece a line."}
        return told | {"description": passages.RULE.format(length=contract.shape[0], file=passages.FILE),
                       "process_units": [{"options": {"BertTokenizerOptions": {"vocab_file": [pieces]}}}]}
    return told | {"description": f"{contract.shape[0]} numbers as they were measured: the model scales them itself."}


def _rule(contract: Contract) -> str:
    """How a text becomes ids, for whoever writes that in another language."""
    steps = [f"delete the characters {contract.removed}"] if contract.removed else []
    steps += [f"put a blank for each of the characters {contract.spaced}"] if contract.spaced else []
    return (f"The ids of the first {contract.shape[0]} words of a text, 0 behind its end. To make them, turn A-Z (and "
            f"no other letters) into lower case, {', '.join(steps)} and split at ASCII white space; "
            f"{VOCABULARY} has the id of each word, and 1 is that of any other. A library that splits the text itself "
            "wants it lower-cased and without these characters.")


def _character_rule(length: int) -> str:
    """The same where each character has an id."""
    return (f"The ids of the last {length} characters (Unicode code points) of a text, capitals and all, 0 behind the "
            f"end of a shorter one. {VOCABULARY} has the id of each character, white space as its code point (U+000A "
            "for a line break), and 1 is that of any other.")


def _output(contract: Contract) -> dict:
    """`TensorMetadata` of what the model gives; a passage's labels are of its rows, and a picture has none."""
    if contract.kind == "series":
        return {"name": contract.output, "description": f"What is forecast for each hour to come, in {contract.unit}.",
                "content": {"content_properties": {"FeatureProperties": {}}}, "associated_files": [
                    {"name": LABELS, "type": "TENSOR_AXIS_LABELS", "description": "An hour a line."}]}
    if contract.picture:
        height, width, channels = contract.picture
        return {"name": contract.output, "description": f"A picture of {width} x {height} pixels, each 0 to 255.",
                "content": {"content_properties": {"ImageProperties": {
                    "color_space": "GRAYSCALE" if channels == 1 else "RGB"}}}, "stats": {"min": [0], "max": [255]}}
    return {
        "name": "probabilities", "description": "How likely each label is; together they make 1.",
        "content": {"content_properties": {"FeatureProperties": {}}}, "stats": {"min": [0], "max": [1]},
        "associated_files": [{"name": LABELS, "type": "TENSOR_AXIS_LABELS", "description": "A label a line."}],
    }


def _files(contract: Contract) -> dict[str, str]:
    """The files that go with the model, by name."""
    for label in contract.labels:
        if not label or "\n" in label:
            raise UserError(f"the label {label!r} can't stand in a line of {LABELS}: give the class another name.")
    told = {LABELS: "".join(f"{label}\n" for label in contract.labels)} if contract.labels else {}
    if contract.kind == "text":
        plain = contract.vocabulary if contract.token == "word" else [*map(_visible, contract.vocabulary)]
        if contract.vocabulary[:2] != ("", "[UNK]") or any(" " in word or "\n" in word for word in plain):
            raise ValueError(f"{contract.project}'s vocabulary doesn't begin with padding and the unknown word, or has "
                             "words with white space inside")
        words = [PAD, UNKNOWN, *plain[2:]]
        told[VOCABULARY] = "".join(f"{word} {number}\n" for number, word in enumerate(words))
    if contract.kind == "passage":
        told[passages.FILE] = "".join(f"{piece}\n" for piece in contract.vocabulary)
    return told


def _visible(character: str) -> str:
    """A character as a line of a file can hold it: white space as its code point."""
    return f"U+{ord(character):04X}" if character.isspace() else character


def _character(word: str) -> str:
    """What `_visible` wrote so; other words as they are."""
    return chr(int(word[2:], 16)) if re.fullmatch(r"U\+[0-9A-F]{4,6}", word) else word


def _with_files(model: bytes, files: dict[str, str]) -> bytes:
    """The model with a zip behind it: not compressed, as phones read it where it lies; no times, so always the same."""
    target = io.BytesIO(model)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return target.getvalue()


def files(model: bytes) -> dict[str, bytes]:
    """The files that go with a .tflite file, by name.

    Raises:
        UserError: it is damaged, or has none.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except Exception as error:  # what is damaged, zipfile reports in half a dozen ways
        raise UserError(f"this .tflite file is damaged, or has no labels with it ({error}): export the run "
                        "again.") from error


def read(model: bytes) -> dict:
    """What a .tflite file says of itself.

    Returns:
        `name`, `description`, `version`, `author`, `license`, `min_parser_version`; `input` and `output`, each a
        `TensorMetadata` as in `metadata_schema`; `labels` in the order of the probabilities; `vocabulary` of a text
        model, by id, as Keras has it, else [].

    Raises:
        UserError: it is damaged, or has no metadata.
    """
    content = graph.unpacked(model)
    entry = next((entry for entry in content.metadata or [] if entry.name == NAME), None)
    if entry is None:
        raise UserError("this .tflite file has no metadata: export the run again.")
    try:
        told = metadata_schema.unpacked(bytes(content.buffers[entry.buffer].data))
        main, = told.pop("subgraph_metadata")
        (taken,), (given,) = main["input_tensor_metadata"], main["output_tensor_metadata"]
        told |= {"input": taken, "output": given}
        shipped = {name: file.decode() for name, file in files(model).items()}
        words = [line.rsplit(" ", 1) for line in _lines(shipped.get(VOCABULARY, ""))]
        by_id = {int(number): {PAD: "", UNKNOWN: "[UNK]"}.get(word, _character(word)) for word, number in words}
        pieces = _lines(shipped.get(passages.FILE, ""))
        named = {file["name"] for tensor in (taken, given) for file in tensor.get("associated_files") or []}
        return told | {"labels": _lines(shipped[LABELS]) if LABELS in named else [],
                       "vocabulary": pieces or [by_id[number] for number in range(len(words))]}
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"the metadata of this .tflite file are damaged ({error}): export the run again.") from error


def _lines(text: str) -> list[str]:
    """Lines as they were written; `str.splitlines` also splits at characters that words can have, as U+0085."""
    return text.split("\n")[:-1]
