"""The flags of `tensorflow_model_server`, in the forms it takes them and a few more, and what they are set to."""

import dataclasses

from dl100_tf.errors import UserError, closest


def _flag(default, said: str, **extra):
    return dataclasses.field(default=default, metadata={"said": said} | extra)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the server was started with; the names, defaults and meanings are TensorFlow Serving's up to `host`."""

    port: int = _flag(8500, "TCP port for gRPC; 0: none")
    grpc_socket_path: str = _flag("", "UNIX socket for gRPC as well")
    rest_api_port: int = _flag(0, "port for HTTP/REST, another than --port; 0: none")
    rest_api_num_threads: int = _flag(0, "threads for requests that take long; 0: four a core")
    rest_api_timeout_in_ms: int = _flag(30_000, "after which a REST request is answered with 504")
    rest_api_enable_cors_support: bool = _flag(False, "CORS headers in every answer")
    enable_batching: bool = _flag(False, "run requests that arrive together as one batch")
    batching_parameters_file: str = _flag("", "BatchingParameters, text protobuf")
    enable_per_model_batching_parameters: bool = _flag(False, "batching_params.pbtxt beside a model goes before them")
    allow_version_labels_for_unavailable_models: bool = _flag(False, "new labels may name versions not yet loaded")
    model_config_file: str = _flag("", "ModelServerConfig, text protobuf; then the next two are ignored")
    model_config_file_poll_wait_seconds: int = _flag(0, "how often to read it again; 0: never")
    model_name: str = _flag("default", "name of the one model")
    model_base_path: str = _flag("", "the folder that holds its versions")
    num_load_threads: int = _flag(0, "how many versions are loaded at once; 0: one")
    num_unload_threads: int = _flag(0, "how many are unloaded at once; 0: one")
    max_num_load_retries: int = _flag(5, "how often a failed load is tried again")
    load_retry_interval_micros: int = _flag(60_000_000, "and after how long; negative: at once")
    file_system_poll_wait_seconds: int = _flag(1, "how often to look for versions; 0: once, negative: never")
    flush_filesystem_caches: bool = _flag(True, "accepted; the operating system's cache is left alone")
    tensorflow_session_parallelism: int = _flag(0, "threads of a session; 0: TensorFlow chooses")
    tensorflow_intra_op_parallelism: int = _flag(0, "threads of one operation; 0: one where a model's weights are few")
    tensorflow_inter_op_parallelism: int = _flag(0, "operations at once")
    tensorflow_session_config_file: str = _flag("", "ConfigProto, text protobuf")
    ssl_config_file: str = _flag("", "SSLConfig, text protobuf: gRPC over TLS")
    platform_config_file: str = _flag("", "not supported", refused=True)
    use_alts_credentials: bool = _flag(False, "not supported", refused=True)
    per_process_gpu_memory_fraction: float = _flag(0.0, "part of a GPU's memory; 0: TensorFlow chooses")
    saved_model_tags: str = _flag("serve", "tags of the graph to load, with commas between")
    grpc_channel_arguments: str = _flag("", "e.g. grpc.max_connection_age_ms=2000, with commas between")
    grpc_max_threads: int = _flag(0, "threads for gRPC requests; 0: four a core")
    enable_model_warmup: bool = _flag(True, "replay assets.extra/tf_serving_warmup_requests before serving")
    num_request_iterations_for_warmup: int = _flag(0, "how often each; 0: once")
    version: bool = _flag(False, "print the version and end")
    monitoring_config_file: str = _flag("", "MonitoringConfig, text protobuf")
    remove_unused_fields_from_bundle_metagraph: bool = _flag(True, "drop what serving never reads from memory")
    prefer_tflite_model: bool = _flag(False, "serve model.tflite where a version has one")
    num_tflite_pools: int = _flag(0, "interpreters of a .tflite model; 0: one a core")
    num_tflite_interpreters_per_pool: int = _flag(1, "times that")
    enable_signature_method_name_check: bool = _flag(False, "classify and regress need signatures made for them")
    xla_cpu_compilation_enabled: bool = _flag(False, "compile with XLA for the CPU")
    xla_gpu_compilation_enabled: bool = _flag(False, "compile with XLA for a GPU")
    enable_profiler: bool = _flag(True, "accepted; there is no profiler service")
    thread_pool_factory_config_file: str = _flag("", "not supported", refused=True)
    mixed_precision: str = _flag("", "not supported", refused=True)
    skip_initialize_tpu: bool = _flag(False, "accepted; there are no TPUs")
    enable_grpc_healthcheck_service: bool = _flag(False, "the standard gRPC health service")
    enable_serialization_as_tensor_content: bool = _flag(False, "answer with tensor_content instead of typed fields")
    host: str = _flag("localhost", "address to listen on; 0.0.0.0 or :: for every network")
    page: bool = _flag(None, "a page at / of the REST port; on by itself where only this machine can ask")
    max_body_bytes: int = _flag(128 << 20, "longest REST body, unpacked")
    max_json_depth: int = _flag(512, "deepest nesting in a REST body")
    read_timeout_seconds: float = _flag(20.0, "after which a connection that sends too slowly is closed")
    max_connections: int = _flag(1024, "REST connections at once")


FIELDS = {field.name: field for field in dataclasses.fields(Settings)}
KINDS = {"int": int, "str": str, "float": float, "bool": bool}
BOOLS = {"true": True, "1": True, "false": False, "0": False}


def parsed(words: list[str]) -> Settings:
    """What was typed as `Settings`: `--flag=value`, `--flag value`, `--flag`, `--noflag`; the last one counts.

    Raises:
        UserError: there is no such flag, it has no value or one of another type, or it isn't supported.
    """
    given, rest = {}, list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        field = FIELDS.get(name.replace("-", "_")) if word.startswith("--") else None
        if field is None and word.startswith("--no") and not equals:
            field, value = FIELDS.get(word[4:].lstrip("-").replace("-", "_")), "false"
            if field is not None and _kind(field) is not bool:
                field = None
        elif field is not None and not equals:
            value = _next(field, rest)
        if field is None:
            raise UserError(f"unknown argument: {word}{closest(name, FIELDS)} `dl100 serve --help` shows the flags.")
        given[field.name] = _value(field, value)
    for name, value in given.items():
        if FIELDS[name].metadata.get("refused") and value:
            raise UserError(f"--{name} is not supported by this server: use TensorFlow Serving for that.")
    return Settings(**given)


def _kind(field) -> type:
    return KINDS[getattr(field.type, "__name__", field.type)]


def _next(field, rest: list[str]) -> str:
    """The value of a flag that was given without `=`."""
    if _kind(field) is bool:
        return rest.pop(0) if rest and rest[0] in BOOLS else "true"
    if not rest or rest[0].startswith("--"):
        raise UserError(f"--{field.name} needs a value: --{field.name}=…")
    return rest.pop(0)


def _value(field, value: str):
    kind = _kind(field)
    try:
        return BOOLS[value] if kind is bool else kind(value)
    except (KeyError, ValueError):
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise UserError(f"--{field.name} is {wanted}, not {value!r}.") from None


def usage() -> str:
    """The text of `dl100 serve --help`."""
    lines = ["usage: dl100 serve --rest_api_port=8501 --model_name=NAME --model_base_path=FOLDER [flags]\n",
             "A local server with TensorFlow Serving's REST and gRPC API. FOLDER holds the versions: FOLDER/1/, …",
             "The flags are tensorflow_model_server's; those from --host on are this server's own.\n"]
    for field in FIELDS.values():
        default = "" if field.default in ("", None) else f" [{str(field.default).lower()}]"
        lines.append(f"  --{field.name}{default}\n        {field.metadata['said']}")
    return "\n".join(lines)
