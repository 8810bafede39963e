"""uvicorn with httptools as the REST port's HTTP server, and what it lacks: time limits for those who send slowly."""

import asyncio
import logging
import socket

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dl100_tf.errors import UserError

MOST_HEADERS = 64 << 10  # bytes of a request before its body
MOST_WAITING = 256 << 10  # bytes of a body that wait for their rest; each pause in reading costs a turn of the loop
SLOWEST = 10_000  # bytes a second that a body has to arrive at, after the first `read_timeout_seconds`
IDLE_SECONDS = 75  # that a connection is kept for another request


class Protocol(HttpToolsProtocol):
    """A connection: uvicorn's, which is closed when a request takes too long to arrive or begins with too much."""

    read_timeout_seconds, max_connections, most_waiting = 20.0, 1024, MOST_WAITING

    def connection_made(self, transport) -> None:
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        self._received, self._in_headers, self._since = 0, True, self.loop.time()
        self._timer = self.loop.call_later(self.read_timeout_seconds, self._too_slow)
        if len(self.connections) > self.max_connections:
            transport.close()

    def connection_lost(self, exc) -> None:
        """Forget the connection."""
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what arrived."""
        if self._received == 0:
            self._since = self.loop.time()
        self._received += len(data)
        if self._in_headers and self._received > MOST_HEADERS + len(data):
            self.send_400_response("Request headers are too long.")
            return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """A request begins."""
        self._in_headers = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take in a part of a body; whoever answers is woken when it is whole, or long."""
        if self.cycle.response_complete:
            return
        self.cycle.body += body
        if len(self.cycle.body) > self.most_waiting:
            self.flow.pause_reading()
            self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        """A request has arrived as a whole; the next one may begin at any time."""
        self._received, self._in_headers = 0, True
        super().on_message_complete()

    def _too_slow(self) -> None:
        """Close a connection whose request doesn't get on; look again later where there is none, or it does."""
        if self.transport.is_closing():
            return
        limit = self.read_timeout_seconds
        if not self._in_headers:
            limit += self._received / SLOWEST
        waits = self._received > 0 or self.cycle is None
        if waits and self.loop.time() - self._since > limit:
            self.transport.close()
            return
        self._timer = self.loop.call_later(max(self.read_timeout_seconds / 4, 0.05), self._too_slow)

    def eof_received(self) -> bool:
        """A client that has said all it wants to say still gets its answer."""
        if self.cycle is None or self.cycle.response_complete:
            return False
        self.cycle.keep_alive = False
        return True


class Server(uvicorn.Server):
    """uvicorn, ended by whoever started it: it leaves signals alone."""

    def install_signal_handlers(self) -> None:
        """Of older versions: do nothing."""

    def capture_signals(self):
        """Of newer ones: do nothing."""
        import contextlib

        return contextlib.nullcontext()


def addresses(host: str) -> list[str]:
    """The addresses to listen on for a host: both of this machine's own for `localhost`."""
    return ["127.0.0.1", "::1"] if host == "localhost" else [host]


def is_local(host: str) -> bool:
    """Whether only this machine can reach a server on `host`."""
    return host in ("localhost", "127.0.0.1", "::1")


def sockets(host: str, port: int) -> list[socket.socket]:
    """Listening sockets; port 0 is any free one.

    Raises:
        UserError: the port is taken, or the address isn't this machine's.
    """
    made = []
    for address in addresses(host):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            made.append(socket.create_server((address, port), family=family, backlog=1024,
                                             dualstack_ipv6=address == "::" and socket.has_dualstack_ipv6()))
            port = made[-1].getsockname()[1]
        except OSError as error:
            if made and address == "::1":  # a machine without IPv6
                break
            for listening in made:
                listening.close()
            raise UserError(f"can't listen on {address}, port {port} ({error.strerror or error}): stop what uses it, "
                            "or choose another --rest_api_port.") from error
    return made


def server(app, settings) -> Server:
    """A server for `app`; `serve(sockets=…)` runs it in an event loop."""
    kind = type("Protocol", (Protocol,), {"read_timeout_seconds": settings.read_timeout_seconds,
                                          "max_connections": settings.max_connections,
                                          "most_waiting": min(MOST_WAITING, settings.max_body_bytes)})
    config = uvicorn.Config(app, http=kind, loop="auto", ws="none", lifespan="off", interface="asgi3",
                            access_log=False, server_header=False, proxy_headers=False, log_config=None,
                            timeout_keep_alive=IDLE_SECONDS, backlog=1024, timeout_graceful_shutdown=5)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # it warns of every request that isn't HTTP
    return Server(config)


def event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's event loop where there is one, else asyncio's."""
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
