"""The gRPC port, and the UNIX socket beside it: threads, channel arguments, TLS, health."""

import concurrent.futures
import os

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from dl100_tf.errors import UserError
from dl100_tf.serving import grpc_services, http_server, text_protos

LARGEST = (1 << 31) - 1  # bytes of a message, as in TensorFlow Serving


def channel_arguments(text: str) -> list[tuple[str, int | str]]:
    """`name=value,…` as gRPC takes it; whole numbers as such.

    Raises:
        UserError: a part has no `=`.
    """
    made = []
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise UserError(f"--grpc_channel_arguments: {part!r} is no name=value.")
        try:
            made.append((name, int(value)))
        except ValueError:
            made.append((name, value))
    return made


def server(core, settings) -> tuple[grpc.Server, int]:
    """A gRPC server for what the flags say, not yet started, and its TCP port (0: it has none).

    Raises:
        UserError: a port or a socket can't be used.
        ServingError: the TLS file can't be read.
    """
    options = [("grpc.max_receive_message_length", LARGEST), ("grpc.max_send_message_length", LARGEST),
               ("grpc.so_reuseport", 0), *channel_arguments(settings.grpc_channel_arguments)]
    threads = settings.grpc_max_threads or 4 * (os.cpu_count() or 1)
    made = grpc.server(concurrent.futures.ThreadPoolExecutor(threads, "grpc"), options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        grpc_services.Prediction(core, settings), made)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(grpc_services.Models(core), made)
    if settings.enable_grpc_healthcheck_service:
        _add_health(made)
    credentials = _credentials(settings.ssl_config_file)
    port = 0
    if settings.port:
        for address in http_server.addresses(settings.host):
            wanted = port or max(settings.port, 0)
            found = _listen(made, f"[{address}]:{wanted}" if ":" in address else f"{address}:{wanted}", credentials,
                            optional=port > 0)
            port = port or found
    if settings.grpc_socket_path:
        _listen(made, f"unix:{settings.grpc_socket_path}", credentials)
    return made, port


def _listen(made, address: str, credentials, optional: bool = False) -> int:
    """Listen on an address; its port."""
    try:
        port = made.add_secure_port(address, credentials) if credentials else made.add_insecure_port(address)
    except RuntimeError as error:
        if optional:  # a machine without IPv6
            return 0
        raise UserError(f"gRPC can't listen on {address} ({error}): stop what uses it, or choose another --port."
                        ) from error
    if not port and not optional:
        raise UserError(f"gRPC can't listen on {address}: stop what uses it, or choose another --port.")
    return port


def _credentials(file: str):
    if not file:
        return None
    found = text_protos.read(file, "SSLConfig")
    return grpc.ssl_server_credentials([(found.server_key.encode(), found.server_cert.encode())],
                                       found.custom_ca.encode() or None, found.client_verify)


def _add_health(made) -> None:
    """The standard health service, without the package that brings its messages: they are a string and a number."""
    serving = b"\x08\x01"  # HealthCheckResponse(status=SERVING)
    check = grpc.unary_unary_rpc_method_handler(lambda request, context: serving)
    made.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check}),))
