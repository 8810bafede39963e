"""TFLite's metadata as plain values: what the `metadata_schema.fbs` of the Task Library lays down, packed and unpacked.

A table is a dict of its fields, an enum the name of its value, a union `{table: fields}`.

Source: https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs
"""

import numpy as np

IDENTIFIER = b"M001"
ROOT = "ModelMetadata"

# Fields in the order of the schema, which is how they are found. The types of those that we don't use are left out.
TABLES = {table: [tuple(field.split(":")) for field in fields.split()] for table, fields in {
    "ModelMetadata": "name:string description:string version:string subgraph_metadata:[SubGraphMetadata] "
                     "author:string license:string associated_files:[AssociatedFile] min_parser_version:string",
    "SubGraphMetadata": "name:string description:string input_tensor_metadata:[TensorMetadata] "
                        "output_tensor_metadata:[TensorMetadata] associated_files:[AssociatedFile]",
    "TensorMetadata": "name:string description:string dimension_names: content:Content process_units:[ProcessUnit] "
                      "stats:Stats associated_files:[AssociatedFile]",
    "Content": "content_properties_type: content_properties:ContentProperties",
    "FeatureProperties": "",
    "ImageProperties": "color_space:ColorSpaceType",
    "ProcessUnit": "options_type: options:ProcessUnitOptions",
    "NormalizationOptions": "mean:[float] std:[float]",
    "BertTokenizerOptions": "vocab_file:[AssociatedFile]",
    "RegexTokenizerOptions": "delim_regex_pattern:string vocab_file:[AssociatedFile]",
    "Stats": "max:[float] min:[float]",
    "AssociatedFile": "name:string description:string type:AssociatedFileType",
}.items()}
ENUMS = {
    "ColorSpaceType": ("UNKNOWN", "RGB", "GRAYSCALE"),
    "AssociatedFileType": ("UNKNOWN", "DESCRIPTIONS", "TENSOR_AXIS_LABELS", "TENSOR_VALUE_LABELS",
                           "TENSOR_AXIS_SCORE_CALIBRATION", "VOCABULARY", "SCANN_INDEX_FILE"),
}
# The schema stores which table a union holds in a field of its own, before the union's: 0 is none.
UNIONS = {
    "ContentProperties": ("", "FeatureProperties", "ImageProperties", "BoundingBoxProperties", "AudioProperties"),
    "ProcessUnitOptions": ("", "NormalizationOptions", "ScoreCalibrationOptions", "ScoreThresholdingOptions",
                           "BertTokenizerOptions", "SentencePieceTokenizerOptions", "RegexTokenizerOptions"),
}


def packed(metadata: dict) -> bytes:
    """The flatbuffer of a `ModelMetadata`."""
    import flatbuffers

    builder = flatbuffers.Builder()
    builder.Finish(_write(builder, ROOT, metadata), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _write(builder, table: str, fields: dict) -> int:
    """Write a table, after what it refers to; where it is."""
    names = [name for name, _ in TABLES[table]]
    unknown = set(fields) - set(names)
    if unknown:
        raise ValueError(f"{table} has no {sorted(unknown)}")
    placed = [(slot, kind, _place(builder, kind, fields[name]))
              for slot, (name, kind) in enumerate(TABLES[table]) if name in fields]
    builder.StartObject(len(names))
    for slot, kind, place in placed:
        if kind in ENUMS:
            builder.PrependInt8Slot(slot, place, 0)
        elif kind in UNIONS:
            builder.PrependUint8Slot(slot - 1, place[0], 0)
            builder.PrependUOffsetTRelativeSlot(slot, place[1], 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, place, 0)
    return builder.EndObject()


def _place(builder, kind: str, value):
    """Write what a field refers to: where it is; an enum's number; for a union, number and place."""
    if kind == "string":
        return builder.CreateString(value)
    if kind in ENUMS:
        return ENUMS[kind].index(value)
    if kind in UNIONS:
        (table, fields), = value.items()
        return UNIONS[kind].index(table), _write(builder, table, fields)
    if kind == "[float]":
        return builder.CreateNumpyVector(np.asarray(value, "<f4"))
    if kind.startswith("["):
        places = [_write(builder, kind[1:-1], item) for item in value]
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return builder.EndVector()
    return _write(builder, kind, value)


def unpacked(content: bytes) -> dict:
    """What a flatbuffer of a `ModelMetadata` holds; fields that are unknown here are left out.

    Raises:
        ValueError: it is none, or damaged.
    """
    from flatbuffers import encode, packer, table

    if content[4:8] != IDENTIFIER:
        raise ValueError("its identifier M001 is missing")
    try:
        return _read(table.Table(content, encode.Get(packer.uoffset, content, 0)), ROOT)
    except Exception as error:  # an offset that leads astray fails in any way there is
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _read(table, name: str) -> dict:
    """The fields of a table, without those that are not there."""
    found = {}
    for slot, (field, kind) in enumerate(TABLES[name]):
        offset = table.Offset(4 + 2 * slot)
        value = _value(table, kind, slot, offset) if offset and kind else None
        if value is not None:
            found[field] = value
    return found


def _value(table, kind: str, slot: int, offset: int):
    """What a field holds; None for a table in a union that is unknown here."""
    from flatbuffers import number_types
    from flatbuffers.table import Table

    place = table.Pos + offset
    if kind == "string":
        return table.String(place).decode()
    if kind in ENUMS:
        return ENUMS[kind][table.Get(number_types.Int8Flags, place)]
    if kind == "[float]":
        return table.GetVectorAsNumpy(number_types.Float32Flags, offset).tolist()
    if kind.startswith("["):
        first = table.Vector(offset)
        return [_read(Table(table.Bytes, table.Indirect(first + 4 * number)), kind[1:-1])
                for number in range(table.VectorLen(offset))]
    if kind in UNIONS:
        which = table.GetSlot(4 + 2 * (slot - 1), 0, number_types.Uint8Flags)
        kind = UNIONS[kind][which] if which < len(UNIONS[kind]) else ""
        return {kind: _read(Table(table.Bytes, table.Indirect(place)), kind)} if kind in TABLES else None
    return _read(Table(table.Bytes, table.Indirect(place)), kind)
