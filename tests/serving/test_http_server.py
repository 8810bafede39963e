"""What hostile or clumsy clients do to the REST port: it answers the next one all the same."""

import asyncio
import gzip
import json
import socket
import threading
import time

import pytest

from dl100_tf.errors import UserError
from dl100_tf.serving import http_app, http_server
from dl100_tf.serving.flags import Settings


@pytest.fixture(scope="module")
def strict(publish, tmp_path_factory):
    """A server with narrow limits."""
    from dl100_tf.serving.server import Server

    base = publish(tmp_path_factory.mktemp("strict") / "half", 1)
    server = Server(Settings(port=-1, rest_api_port=-1, model_name="half", model_base_path=str(base),
                             max_body_bytes=20_000, read_timeout_seconds=1.5, max_json_depth=20))
    thread = threading.Thread(target=server.serve_http, daemon=True)
    thread.start()
    yield server
    server.close()
    thread.join(30)


def connect(server):
    return socket.create_connection(server.sockets[0].getsockname()[:2], timeout=60)


def answer(connection):
    """The status and the body of the answer on a connection; zero where it was closed without one."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            return 0, b""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")).split()[1])
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), body


def post(body, headers="", path="/v1/models/half:predict"):
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


GOOD = post(b'{"instances": [1.0]}')


def alive(server):
    with connect(server) as connection:
        connection.sendall(GOOD)
        assert answer(connection)[0] == 200


class TestLimits:
    def test_a_long_body(self, strict):
        with connect(strict) as connection:
            connection.sendall(post(b" " * 30_000))
            assert answer(connection)[0] == 413
        alive(strict)

    def test_a_long_body_in_chunks(self, strict):
        with connect(strict) as connection:
            connection.sendall(b"POST /v1/models/half:predict HTTP/1.1\r\nHost: x\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(5):  # just beyond the limit: what is sent after the answer would reset the connection
                connection.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
            assert answer(connection)[0] == 413
        alive(strict)

    def test_a_short_body_that_unpacks_to_a_long_one(self, strict):
        bomb = gzip.compress(b" " * 50_000_000)
        with connect(strict) as connection:
            connection.sendall(post(bomb[:19_000], "Content-Encoding: gzip\r\n"))
            assert answer(connection)[0] == 400
        assert http_app.unpacked(bomb, 1000) == b"" and http_app.unpacked(gzip.compress(b"ab"), 2) == b"ab"
        alive(strict)

    def test_deep_json(self, strict):
        with connect(strict) as connection:
            connection.sendall(post(b'{"instances":' + b"[" * 9000 + b"]" * 9000 + b"}"))
            status, body = answer(connection)
            assert status == 400 and "Nested deeper than 20 levels" in json.loads(body)["error"]
        alive(strict)

    def test_long_headers(self, strict):
        with connect(strict) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n")
            try:
                for number in range(200):
                    connection.sendall(b"x-%d: " % number + b"y" * 1000 + b"\r\n")
                assert answer(connection)[0] in (0, 400)
            except ConnectionError:
                pass
        alive(strict)

    @pytest.mark.slow
    @pytest.mark.parametrize("begun", [b"", b"POST /v1/mod", GOOD[:60], GOOD[:-5]])
    def test_who_sends_too_slowly_is_cut_off(self, strict, begun):
        with connect(strict) as connection:
            connection.sendall(begun)
            start = time.monotonic()
            assert connection.recv(1000) == b""
            assert time.monotonic() - start < 30
        alive(strict)

    @pytest.mark.slow
    def test_who_sends_a_byte_at_a_time_is_cut_off(self, strict):
        with connect(strict) as connection:
            try:
                for byte in GOOD * 3:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.05)
                closed = False
            except ConnectionError:
                closed = True
        assert closed
        alive(strict)


class TestConnections:
    def test_many_requests_at_once_on_one_connection(self, strict):
        with connect(strict) as connection:
            connection.sendall(GOOD * 3)
            received = b""
            while received.count(b'"predictions": [2.5') < 3:  # one part may hold more than one answer
                part = connection.recv(65536)
                assert part
                received += part
            assert received.count(b"HTTP/1.1 200 OK") == 3

    def test_a_client_that_has_said_all_still_gets_its_answer(self, strict):
        with connect(strict) as connection:
            connection.sendall(GOOD)
            connection.shutdown(socket.SHUT_WR)
            assert answer(connection)[0] == 200

    @pytest.mark.parametrize("text", [b"\x00\xff\x16\x03\x01" * 50, b"GET\r\n\r\n", b"NONSENSE / HTTP/1.1\r\n\r\n",
                                      b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                                      b"POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n"])
    def test_what_is_no_http(self, strict, text):
        with connect(strict) as connection:
            connection.sendall(text)
            assert answer(connection)[0] in (0, 400)
        alive(strict)

    def test_who_goes_away_in_the_middle(self, strict):
        for cut in (1, 30, len(GOOD) - 3, len(GOOD)):
            with connect(strict) as connection:
                connection.sendall(GOOD[:cut])
        alive(strict)

    def test_a_port_that_is_taken(self, strict):
        port = strict.sockets[0].getsockname()[1]
        with pytest.raises(UserError, match=f"can't listen on 127.0.0.1, port {port}"):
            http_server.sockets("127.0.0.1", port)


class TestPage:
    def test_it_shows_the_models_and_loads_nothing_from_elsewhere(self, strict):
        import requests

        url = "http://{}:{}".format(*strict.sockets[0].getsockname()[:2])
        found = requests.get(url + "/", timeout=60)
        assert found.status_code == 200 and "default-src 'self'" in found.headers["Content-Security-Policy"]
        assert "//" not in found.text.replace("<!", "") and "style=" not in found.text
        for path in ("/page.js", "/page.css"):
            assert requests.get(url + path, timeout=60).status_code == 200
        model, = requests.get(url + "/page.json", timeout=60).json()["models"]
        assert model["name"] == "half" and model["versions"][0]["state"] == "AVAILABLE"
        assert model["signatures"]["serving_default"]["inputs"] == {"x": {"type": "float", "shape": None}}
        assert requests.post(url + "/", timeout=60).status_code == 404

    def test_it_is_off_where_others_could_ask(self):
        from dl100_tf.serving.flags import parsed

        assert [http_server.is_local(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::")] == [
            True, True, True, False, False]
        assert parsed([]).page is None and parsed(["--nopage"]).page is False


class TestWhoAnswers:
    """Requests that take a little longer run where they arrive while they are alone, else in threads of their own."""

    @pytest.mark.parametrize(("seconds", "count", "here"), [
        (0.0005, 1, True), (0.0005, 4, True), (0.003, 1, True), (0.003, 4, False), (0.1, 1, False), (0.1, 4, False)])
    def test_by_how_long_they_take_and_how_many_there_are(self, monkeypatch, seconds, count, here):
        app, threads = http_app.App(None, Settings()), []
        monkeypatch.setattr(app, "_like", lambda *_: "alike")
        monkeypatch.setattr(app._rest, "answer", lambda *_: threads.append(threading.current_thread()) or (200, b""))
        monkeypatch.setattr(app, "_note", lambda *_: None)
        app._seconds["alike"] = seconds

        async def ask():
            return await asyncio.gather(*(app._asked("POST", "/v1/models/m:predict", b"", "") for _ in range(count)))
        assert asyncio.run(ask()) == [(200, b"")] * count
        assert [thread is threading.main_thread() for thread in threads] == [here] * count
