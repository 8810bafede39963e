"""The HTTP side of the REST API, for any ASGI server: bodies, limits, threads, time limits, and who answers what."""

import asyncio
import concurrent.futures
import gzip
import io
import os
import time
import zlib

from dl100_tf.serving import json_writer, metrics, rest
from dl100_tf.serving.status import ServingError

JSON = (b"content-type", b"application/json")
QUICK_SECONDS = 0.002  # requests that take less run where they arrive; the next one may have to wait that long
ALONE_SECONDS = 0.006  # likewise while there is no other: a thread of its own would cost it two switches
QUICK_BYTES = 1 << 20
LARGE_BYTES = 4 << 20  # bodies beyond this are worked on two at a time: in Python they are many times as large
MOST_BODIES = 4  # times the longest body may be on their way in at once
TIMED_OUT = "Timed out waiting for notification"  # TensorFlow's words
REASONS = {400: "Bad Request", 404: "Not Found", 413: "Payload Too Large"}


class App:
    """An ASGI application: TensorFlow Serving's REST API, its metrics, and the page."""

    def __init__(self, core, settings, monitoring_path: str = "", page=None):
        """`monitoring_path` is where metrics are; empty for nowhere. `page(path)` gives (type, body) or None."""
        self._core, self._settings, self._page = core, settings, page
        self._rest, self._monitoring_path = rest.Rest(core, settings), monitoring_path
        self._pool = concurrent.futures.ThreadPoolExecutor(
            settings.rest_api_num_threads or 4 * (os.cpu_count() or 1), "rest")
        self._cors = list(rest.CORS) if settings.rest_api_enable_cors_support else []
        self._large, self._held = asyncio.Semaphore(2), 0
        self._seconds: dict[tuple, float] = {}
        self._asking = 0

    async def __call__(self, scope, receive, send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        target = scope["raw_path"].decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        headers = dict(scope["headers"])
        await self._answer(scope["method"], target, headers, receive, send)

    async def _answer(self, method: str, target: str, headers: dict, receive, send) -> None:
        held = [0]
        try:
            body = await self._body(headers, receive, held)
        except _TooLong:
            return await _reply(send, 413, *_page(413))
        finally:
            self._held -= held[0]
        if body is None:
            return None  # the client went away
        if target == self._monitoring_path:
            return await _reply(send, 200, metrics.page(), [(b"content-type", b"text/plain")])
        if not rest.OURS.fullmatch(target):
            found = self._page(method, target) if self._page else None
            if found is None:
                return await _reply(send, 404, *_page(404))
            return await _reply(send, 200, *found)
        origin = headers.get(b"origin", b"").decode("latin-1")
        if len(body) > LARGE_BYTES:
            async with self._large:
                status, text = await self._asked(method, target, body, origin)
        else:
            status, text = await self._asked(method, target, body, origin)
        return await _reply(send, status, text, [JSON, *self._cors])

    async def _body(self, headers: dict, receive, held: list[int]) -> bytes | None:
        """The request's body, unpacked; None where the client went away. `held` counts what has arrived."""
        parts, limit = [], self._settings.max_body_bytes
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part = message.get("body", b"")
            held[0] += len(part)
            self._held += len(part)
            if held[0] > limit or self._held > MOST_BODIES * limit:
                raise _TooLong
            parts.append(part)
            if not message.get("more_body", False):
                break
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if b"gzip" in headers.get(b"content-encoding", b""):
            return await asyncio.get_running_loop().run_in_executor(
                self._pool, unpacked, body, limit)
        return body

    async def _asked(self, method: str, target: str, body: bytes, origin: str) -> tuple[int, bytes]:
        """Answer here where that is quick, as it was for requests like this one; else in another thread, in time."""
        like = self._like(method, target, len(body))
        usual = 0.0 if like is None else self._seconds.get(like, 1.0)
        self._asking += 1
        try:
            if QUICK_SECONDS <= usual < ALONE_SECONDS:
                await asyncio.sleep(0)  # now those that have arrived with it are counted
            if usual < (QUICK_SECONDS if self._asking > 1 else ALONE_SECONDS):
                return self._timed(like, method, target, body, origin)
            return await self._answered_apart(like, method, target, body, origin)
        finally:
            self._asking -= 1

    async def _answered_apart(self, like: tuple | None, *request) -> tuple[int, bytes]:
        limit = self._settings.rest_api_timeout_in_ms
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._timed, like, *request)
        done, _ = await asyncio.wait({future}, timeout=limit / 1000 if limit > 0 else None)
        if not done:
            future.cancel()
            return 504, json_writer.error(TIMED_OUT)
        return future.result()

    def _like(self, method: str, target: str, size: int) -> tuple | None:
        """What requests have in common that take equally long; None for those that run no model."""
        try:
            wanted = rest.route(method, target)
            if wanted.verb not in ("predict", "classify", "regress"):
                return None
            handle = self._core.find(wanted.name, wanted.version, wanted.label)
        except ServingError:
            return None if size < QUICK_BYTES // 16 else ("none",)
        if size > QUICK_BYTES or self._settings.enable_batching or handle.loops:
            return ("none",)  # how long these take, the last one's time doesn't tell
        return handle.name, handle.version, wanted.verb, size.bit_length()

    def _timed(self, like: tuple | None, *request) -> tuple[int, bytes]:
        limit, start = self._settings.rest_api_timeout_in_ms, time.monotonic()
        found = self._rest.answer(*request)
        seconds = time.monotonic() - start
        self._note(like, seconds)
        return found if not 0 < limit < 1000 * seconds else (504, json_writer.error(TIMED_OUT))

    def _note(self, like: tuple | None, seconds: float) -> None:
        """Remember how long a request took; a slow one is forgotten slowly."""
        if like is None or like == ("none",):
            return
        if len(self._seconds) > 4096:
            self._seconds.clear()
        self._seconds[like] = max(seconds, 0.8 * self._seconds.get(like, 0.0))


class _TooLong(Exception):
    pass


def unpacked(body: bytes, limit: int) -> bytes:
    """A gzip body as it was before; nothing, as in TensorFlow Serving, where it isn't one or is longer than `limit`."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            text = file.read(limit + 1)
    except (OSError, EOFError, zlib.error):
        return b""
    return text if len(text) <= limit else b""


def _page(status: int) -> tuple[bytes, list]:
    """An error outside the API, as libevent's HTTP server words it."""
    reason = REASONS[status]
    text = (f"<HTML><HEAD>\n<TITLE>{status} {reason}</TITLE>\n</HEAD><BODY>\n<H1>{reason}</H1>\n</BODY></HTML>\n")
    return text.encode(), [(b"content-type", b"text/html"), (b"connection", b"close")]


async def _reply(send, status: int, body: bytes, headers: list) -> None:
    headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
