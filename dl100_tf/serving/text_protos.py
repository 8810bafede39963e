"""Configuration files in protobuf's text format; descriptors for those that tensorflow-serving-api doesn't bring.

The messages are TensorFlow Serving's: monitoring_config.proto, ssl_config.proto, session_bundle_config.proto.
"""

import functools

from dl100_tf.serving.status import NOT_FOUND, ServingError, invalid

# message: its fields; a type in capitals is one of google.protobuf's wrappers, * means repeated
MESSAGES = {
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": "PrometheusConfig"},
    "SSLConfig": {"server_key": "string", "server_cert": "string", "custom_ca": "string", "client_verify": "bool"},
    "BatchingParameters": {
        "max_batch_size": "Int64Value", "batch_timeout_micros": "Int64Value", "max_enqueued_batches": "Int64Value",
        "num_batch_threads": "Int64Value", "thread_pool_name": "StringValue", "allowed_batch_sizes": "*int64",
        "pad_variable_length_inputs": "bool", "enable_large_batch_splitting": "BoolValue",
        "max_execution_batch_size": "Int64Value", "enable_lazy_split": "BoolValue"},
}


@functools.cache
def message(name: str):
    """The class of the message `name`, one of `MESSAGES`."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

    kinds = descriptor_pb2.FieldDescriptorProto
    scalars = {"bool": kinds.TYPE_BOOL, "string": kinds.TYPE_STRING, "int64": kinds.TYPE_INT64}
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name="dl100_tf/serving.proto", package="tensorflow.serving",
                                              syntax="proto3", dependency=["google/protobuf/wrappers.proto"])
    for title, fields in MESSAGES.items():
        made = file.message_type.add(name=title)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            label = kinds.LABEL_REPEATED if kind.startswith("*") else kinds.LABEL_OPTIONAL
            kind = kind.removeprefix("*")
            package = "tensorflow.serving" if kind in MESSAGES else "google.protobuf"
            more = {"type": scalars[kind]} if kind in scalars else {
                "type": kinds.TYPE_MESSAGE, "type_name": f".{package}.{kind}"}
            made.field.add(name=field, number=number, label=label, **more)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tensorflow.serving.{name}"))


def read(file: str, into):
    """Parse `file` into the message `into` (or the class or the name of one of `MESSAGES`); the message.

    Raises:
        ServingError: there is no such file, or it doesn't parse; TensorFlow Serving's words, and where and why.
    """
    from google.protobuf import text_format

    into = message(into)() if isinstance(into, str) else into() if isinstance(into, type) else into
    try:
        with open(file, encoding="utf-8") as stream:
            return text_format.Parse(stream.read(), into)
    except OSError as error:
        raise ServingError(NOT_FOUND, f"{file}; {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise invalid(f"Invalid protobuf file: '{file}' ({error})") from error
