"""The local server: `dl100 serve`, or `python -m dl100_tf.serving.server`, with tensorflow_model_server's flags."""

import asyncio
import gc
import importlib.metadata
import os
import signal
import sys
import threading

from dl100_tf import __version__
from dl100_tf.errors import UserError
from dl100_tf.serving import flags, memory

SWITCH_SECONDS = 0.001  # after which a thread has to let others run; Python's 5 ms would be seen in the latency
GARBAGE = 50_000, 20, 50  # gc's thresholds: a batch of pictures is 25 000 lists


def main(words: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    words = sys.argv[1:] if words is None else words
    if {"-h", "--help"} & set(words):
        print(flags.usage())
        return 0
    settings = flags.parsed(words)
    if settings.version:
        print(f"TensorFlow ModelServer: dl100_tf {__version__}\n"
              f"TensorFlow Library: {importlib.metadata.version('tensorflow')}")
        return 0
    _check(settings)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as `dl100` has it: batches of pictures are 2.7 times as fast
    from dl100_tf.serving.status import ServingError

    memory.share()
    try:
        server = Server(settings)
        return server.run()
    except ServingError as error:
        raise UserError(f"Failed to start server. Error: {error}") from error


def _check(settings: flags.Settings) -> None:
    """Raise a UserError for flags that contradict each other."""
    if not settings.model_base_path and not settings.model_config_file:
        raise UserError("which model? --model_base_path=FOLDER (with its versions, FOLDER/1, …), or "
                        "--model_config_file=FILE.")
    if not settings.port and not settings.grpc_socket_path and not settings.rest_api_port:
        raise UserError("nothing to listen on: give --port, --rest_api_port or --grpc_socket_path.")
    if settings.port and settings.port == settings.rest_api_port:
        raise UserError("--rest_api_port cannot be the same as --port.")
    if settings.batching_parameters_file and not settings.enable_batching:
        raise UserError("--batching_parameters_file is set without --enable_batching.")
    three = (settings.tensorflow_intra_op_parallelism, settings.tensorflow_inter_op_parallelism,
             settings.tensorflow_session_parallelism)
    if all(number > 0 for number in three):
        raise UserError("give --tensorflow_session_parallelism, or the other two, not all three.")


class Server:
    """All parts of a running server."""

    def __init__(self, settings: flags.Settings):
        """Load the models, as TensorFlow Serving does before it opens a port.

        Raises:
            ServingError: a configuration is wrong, or a model can't be loaded.
            UserError: a port can't be used.
        """
        from dl100_tf.serving import core, http_server, manager, monitoring, sources

        self.settings, self._stop = settings, threading.Event()
        monitoring_path = monitoring.path(settings)
        self.sockets = http_server.sockets(settings.host, max(settings.rest_api_port, 0)) if (
            settings.rest_api_port) else []
        sys.setswitchinterval(SWITCH_SECONDS)
        self.core = core.Core(settings, manager.Manager(settings, loader(settings)))
        self.core.reload(self._config(), lambda: not self._stop.is_set())
        self._settle()
        from dl100_tf.serving import grpc_server

        self.grpc, self.grpc_port = grpc_server.server(self.core, settings)
        self.grpc.start()
        if self.grpc_port:
            sources.log(f"Running gRPC ModelServer at {settings.host}:{self.grpc_port} ...")
        if settings.grpc_socket_path:
            sources.log(f"Running gRPC ModelServer at UNIX socket {settings.grpc_socket_path} ...")
        self.http = http_server.server(self._app(monitoring_path), settings)
        if self.sockets:
            port = self.sockets[0].getsockname()[1]
            sources.log(f"Exporting HTTP/REST API at:{settings.host}:{port} ...")

    def _app(self, monitoring_path: str):
        from dl100_tf.serving import http_app, http_server, page

        shown = http_server.is_local(self.settings.host) if self.settings.page is None else self.settings.page
        return http_app.App(self.core, self.settings, monitoring_path, page.Page(self.core) if shown else None)

    def _config(self):
        """The `ModelServerConfig` that the flags name."""
        from tensorflow_serving.config import model_server_config_pb2

        from dl100_tf.serving import core, text_protos

        if not self.settings.model_config_file:
            return core.single(self.settings.model_name, os.path.abspath(self.settings.model_base_path) if (
                "://" not in self.settings.model_base_path) else self.settings.model_base_path)
        return text_protos.read(self.settings.model_config_file, model_server_config_pb2.ModelServerConfig)

    def _settle(self) -> None:
        """Let the garbage collector forget all that stays: walking through TensorFlow took 40 ms a time."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE)

    def _watch(self) -> None:
        """Read the configuration file again from time to time."""
        from dl100_tf.serving import sources
        from dl100_tf.serving.status import of

        told = ""
        while not self._stop.wait(self.settings.model_config_file_poll_wait_seconds):
            try:
                self.core.reload(self._config(), lambda: not self._stop.is_set())
                trouble = ""
            except Exception as error:  # the old configuration stays
                trouble = of(error).message
            if trouble and trouble != told:
                sources.log(f"PollFilesystemAndReloadConfig failed to ReloadConfig: {trouble}")
            told = trouble

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        if self.settings.model_config_file and self.settings.model_config_file_poll_wait_seconds > 0:
            threading.Thread(target=self._watch, name="configuration", daemon=True).start()
        threading.Thread(target=memory.give_back, args=(self._stop,), name="memory", daemon=True).start()
        if self.sockets:
            self.serve_http()
        while not self._stop.wait(0.5):  # in steps, so that signals are seen on every system
            pass
        self.close()
        return 0

    def serve_http(self) -> None:
        """Run the HTTP server in this thread until `stop`."""
        from dl100_tf.serving import http_server

        loop = http_server.event_loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self.http.serve(sockets=self.sockets))

    def stop(self) -> None:
        """Make `run` return soon."""
        self._stop.set()
        self.http.should_exit = True

    def close(self) -> None:
        """Let requests end, and stop."""
        self.stop()
        self.grpc.stop(5).wait(6)
        self.core.close()


def loader(settings):
    """The function by which versions are loaded: model, batches, warm-up."""
    from dl100_tf.serving import batching, manager, servable, warmup

    scheduler = None
    limits = batching.parameters(settings.batching_parameters_file)
    if settings.enable_batching:
        scheduler = batching.Scheduler(limits.num_batch_threads)

    def load(name: str, version: int, folder: str):
        model = servable.load(folder, settings)
        runner = model
        if scheduler is not None:
            own = os.path.join(folder, batching.PER_MODEL)
            special = settings.enable_per_model_batching_parameters and os.path.exists(own)
            runner = batching.Batches(model, scheduler, batching.parameters(own) if special else limits)
        if settings.enable_model_warmup:
            warmup.replay(model, folder, max(1, settings.num_request_iterations_for_warmup))
        return manager.Handle(name, version, model, runner)
    return load


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
