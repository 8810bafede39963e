"""Ask a served model, with NumPy arrays in and out: TensorFlow Serving, or the server in this package.

    with Client("http://localhost:8501", "lstm_imdb") as model:
        model.predict(["a film with no heart"])["probabilities"]      # float32 (1, 2)

`Client` and `AsyncClient` speak REST and need no TensorFlow; `client_grpc` has the same for gRPC. Built on httpx, which
has one API for blocking and asynchronous use, connection pools, and a time limit for each phase of a request.
"""

import abc
import copy
import ssl
from urllib.parse import urlsplit

import httpx

from dl100_tf.errors import UserError
from dl100_tf.serving.client_flow import Ask, Flow, Retry, ServerError, Trouble, run, run_async
from dl100_tf.serving.client_rest import Rest
from dl100_tf.serving.client_signature import DEFAULT, InputError, Signature, Tensor

__all__ = ["AsyncClient", "Client", "InputError", "Model", "Retry", "ServerError", "Signature", "Tensor", "connect"]

TIMEOUT = 30.0  # seconds, TensorFlow Serving's own limit for a REST request
CONNECT = 5.0  # seconds within which a connection stands or won't


class Model(abc.ABC):
    """One served model. In the asynchronous clients every method gives an awaitable of what is told here.

    Any number of threads, or tasks, may share one. Requests use kept connections, and what may be repeated is
    (`Retry`). Errors are `InputError` (nothing was sent) and `ServerError` (`code` says what is wrong); both are
    `UserError`s of one line.
    """

    def __init__(self, wire, timeout: float, retry: Retry):
        self._flow = Flow(wire, retry, timeout)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._flow.wire.model

    @property
    def version(self) -> int | None:
        """The version that the remembered metadata are of; None before there are any."""
        return self._flow.version

    def predict(self, inputs, signature: str = DEFAULT, *, timeout: float | None = None, **options):
        """Ask the model.

        Its metadata are asked for once and remembered, so that inputs are checked and cast here, and outputs get the
        dtype they have in the model. When what is remembered doesn't fit any more, they are asked for again.

        Args:
            inputs: arrays, or what NumPy makes arrays of, by the inputs' names; just the array where there is one
                input. Strings are `str`, or `bytes` where they aren't text; bytes go as base64 over REST.
            signature: which of the model's signatures.
            timeout: seconds for everything, repeats included; without it, the client's.
            options: `rows=True`, REST only: send and get `instances` instead of `inputs`. Columns, the default, name
                each input once and can carry inputs and outputs of different length; rows are for gateways that know
                nothing else.

        Returns:
            Arrays by the outputs' names. Strings are object arrays of `str`; of `bytes` over gRPC, and where the
            output's name ends in `_bytes`.

        Raises:
            InputError: the inputs don't fit; the message has the names, dtypes and shapes that do.
            ServerError: there is no answer, or the server refuses.
        """
        return self._run(self._flow.predict(inputs, signature, timeout, **options))

    def classify(self, examples, signature: str | None = None, *, context=None, timeout: float | None = None):
        """Classify examples by TensorFlow Serving's Classify API.

        Args:
            examples: dicts of features, as in `tf.train.Example`: each a number, `str` or `bytes`, or a flat list or
                array of them. An integer is not a float: give 1.0 where the model expects floats.
            signature: which; without it the one that the model has for this.
            context: features that all examples share.
            timeout: see `predict`.

        Returns:
            `classes`, object (n, k) of `str`, and `scores`, float32 (n, k).
        """
        return self._run(self._flow.examples("classify", examples, context, signature, timeout))

    def regress(self, examples, signature: str | None = None, *, context=None, timeout: float | None = None):
        """A number for each example, float32 (n,), by the Regress API; see `classify`."""
        return self._run(self._flow.examples("regress", examples, context, signature, timeout))

    def metadata(self, *, timeout: float | None = None) -> dict[str, Signature]:
        """The model's signatures by name, as they are now."""
        return self._run(self._flow.metadata(timeout))

    def status(self, *, timeout: float | None = None) -> list[dict]:
        """The versions that the server has or had, highest first: `version`, `state`, `code`, `message`."""
        return self._run(self._flow.status(timeout))

    def at(self, *, version: int | None = None, label: str | None = None):
        """The same model at one version, or at the version with this label, over the same connections."""
        if version is not None and label is not None:
            raise UserError("a version or a label: one of them.")
        other, wire = copy.copy(self), self._flow.wire
        other._flow = Flow(type(wire)(wire.address, wire.model, version, label), self._flow.retry, self._flow.timeout)
        return other

    @abc.abstractmethod
    def _run(self, steps):
        """What the steps of a call come to, or an awaitable of it."""


class Client(Model):
    """A model over REST.

    Args:
        server: the address, `http://localhost:8501`.
        model: its name there.
        version, label: of the model; without them the highest version that is loaded.
        timeout: seconds for a call, repeats included.
        retry: when to repeat.
        options: for `httpx.Client`: `headers`, `auth`, `verify`, `limits`, ...
    """

    def __init__(self, server: str, model: str, *, version: int | None = None, label: str | None = None,
                 timeout: float = TIMEOUT, retry: Retry | None = None, **options):
        wire = Rest(server, model, version, label)
        super().__init__(wire, timeout, retry or Retry())
        self._http = httpx.Client(**_options(wire.address, options))

    def _run(self, steps):
        return run(steps, self._send)

    def _send(self, ask: Ask):
        try:
            reply = self._http.send(_request(self._http, self._flow.wire, ask))
        except httpx.HTTPError as error:
            return _trouble(error)
        return self._flow.wire.read(reply.status_code, reply.content, reply.headers.get("retry-after"))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class AsyncClient(Model):
    """The same for asyncio: `await model.predict(...)`, `async with AsyncClient(...) as model`."""

    def __init__(self, server: str, model: str, *, version: int | None = None, label: str | None = None,
                 timeout: float = TIMEOUT, retry: Retry | None = None, **options):
        wire = Rest(server, model, version, label)
        super().__init__(wire, timeout, retry or Retry())
        self._http = httpx.AsyncClient(**_options(wire.address, options))

    def _run(self, steps):
        return run_async(steps, self._send)

    async def _send(self, ask: Ask):
        try:
            reply = await self._http.send(_request(self._http, self._flow.wire, ask))
        except httpx.HTTPError as error:
            return _trouble(error)
        return self._flow.wire.read(reply.status_code, reply.content, reply.headers.get("retry-after"))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()


def connect(server: str, model: str, **options):
    """A blocking client for `http://…`, `https://…`, `grpc://…` or `unix:…`; options as `Client` has them."""
    if server.startswith(("grpc://", "unix:")):
        from dl100_tf.serving.client_grpc import GrpcClient  # loads TensorFlow

        return GrpcClient(server.removeprefix("grpc://"), model, **options)
    return Client(server, model, **options)


def _options(address: str, options: dict) -> dict:
    """A proxy that the environment names is none for this machine."""
    try:
        host = urlsplit(address).hostname or ""
        httpx.URL(address)
    except (ValueError, httpx.InvalidURL) as error:
        raise UserError(f"{address!r} is no address ({error}): give one like http://localhost:8501.") from None
    here = host == "localhost" or host.startswith("127.") or host == "::1"
    # without TLS no certificates need be loaded, which takes longer than some predictions
    plain = {"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)} if address.startswith("http://") else {}
    return {"trust_env": not here, "headers": {"user-agent": "dl100_tf"}} | plain | options


def _request(http, wire: Rest, ask: Ask) -> httpx.Request:
    method, path, body = ask.content
    return http.build_request(method, wire.address + path, content=body, timeout=httpx.Timeout(
        ask.timeout, connect=min(ask.timeout, CONNECT)), headers={"content-type": "application/json"} if body else None)


def _trouble(error: httpx.HTTPError) -> Trouble:
    said = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return Trouble("UNAVAILABLE", said, reached=False)
    if isinstance(error, httpx.TimeoutException):
        return Trouble("DEADLINE_EXCEEDED", said)
    return Trouble("UNAVAILABLE", said, lost=isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError))
