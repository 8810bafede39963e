"""Requests that mean no good: what the server answers, whether it lives on, and whether it grows.

    python benchmarks/hostile.py --requests 100000

Made from the API's grammar with a seed, and then broken: JSON cut, doubled and nested 500 000 deep, wrong types, huge
numbers, ragged lists, wrong shapes, bad base64, gzip that lies or explodes, paths and headers of all kinds; and on the
sockets clients that stop in the middle, close one half, or send a byte a second. No answer may be one that TensorFlow
Serving wouldn't give: 200, 4xx, or 501 for types that JSON has not.
"""

import collections
import gzip
import json
import os
import random
import socket
import tempfile
import threading
import time
from pathlib import Path

import recording
import serving_load

ALLOWED = {200, 400, 404, 413, 501}
SCALARS = ("0", "-1", "1.5", "1e5", "NaN", "-Infinity", "1e400", "16777217", "9007199254740993", "1e39",
           "-0", "18446744073709551616", "1" * 400,
           "null", "true", '"text"', '"\\ud800"', '"\\u0000"', '""', '"\xff"',
           '{"b64": "aGk="}', '{"b64": "a"}', '{"b64": 5}', '{"b64": "aGk=", "c": 1}', "{}", "[]", "01", "1.", "-",
           "+1", "tru", "'a'", "Infinit", "0x10", "1_000")
STARTS = (b"", b"POST /v1/mod", b"POST /v1/models/cnn:predict HTTP/1.1\r\nContent-Length: 99\r\n\r\n{")
KEYS = ("instances", "inputs", "examples", "context", "signature_name", "image", "x", "", "b64", "instances ")
VERBS = ("predict", "classify", "regress", "PREDICT", "delete", "")
DEEP = 500_000


class Maker:
    """Makes hostile requests from a seed."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.picture = json.dumps([[[0.5]] * 28] * 28)
        self.bomb = gzip.compress(b'{"instances": [' + b"1," * 20_000_000 + b"1]}")

    def value(self, depth: int = 0) -> str:
        """A JSON value, often wrong, by the grammar."""
        choice = self.random.random()
        if depth > 5 or choice < 0.45:
            return self.random.choice(SCALARS)
        if choice < 0.5:
            return self.picture
        count = self.random.choice((0, 1, 1, 2, 3, 28))
        if choice < 0.8:
            item = self.value(depth + 1)
            return "[" + ", ".join(item if self.random.random() < 0.8 else self.value(depth + 1)
                                   for _ in range(count)) + "]"
        return "{" + ", ".join(f'"{self.random.choice(KEYS)}": {self.value(depth + 1)}'
                               for _ in range(min(count, 4))) + "}"

    def content(self) -> bytes:
        """A body."""
        choice = self.random.random()
        if choice < 0.0005:
            opening = self.random.choice((b"[", b'{"instances":', b'{"a":[', b'[{"a":'))
            return self.random.choice((b'{"instances":', b"")) + opening * (DEEP // len(opening))
        if choice < 0.01:
            return self.random.randbytes(self.random.randrange(200))
        key = self.random.choice(KEYS[:3])
        text = (f'{{"{key}": {self.value()}}}' if choice < 0.8 else
                f'{{"signature_name": {self.value(4)}, "{key}": {self.value()}}}' if choice < 0.9 else self.value())
        body = text.encode("latin-1", "replace")
        if self.random.random() < 0.3:
            body = self.broken(body)
        return body

    def broken(self, body: bytes) -> bytes:
        """A body cut short, doubled, or with bytes changed."""
        choice, place = self.random.random(), self.random.randrange(len(body) + 1)
        if choice < 0.4:
            return body[:place]
        if choice < 0.6:
            return body[:place] + self.random.choice((b",", b"]", b"}", b"\x00", b"\xff", b'"', b"\\")) + body[place:]
        return body + body if choice < 0.8 else body[place:]

    def path(self) -> str:
        """A path, mostly of the model."""
        choice = self.random.random()
        if choice < 0.8:
            return "/v1/models/cnn:predict"
        name = self.random.choice(("cnn", "none", "%00", "a%2Fb", "%zz", "x" * 300, "%ff"))
        which = self.random.choice(("", "/versions/1", "/versions/99", "/versions/" + "9" * 30, "/labels/a",
                                    "/versions/-1", "/labels/%20"))
        return f"/v1/models/{name}{which}:{self.random.choice(VERBS)}"

    def request(self) -> bytes:
        """A whole request."""
        if self.random.random() < 0.02:
            method = self.random.choice(("GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"))
            return f"{method} {self.path()} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
        content, extra = self.content(), ""
        if self.random.random() < 0.05:
            extra = "Content-Encoding: gzip\r\n"
            packed = gzip.compress(content, 1)
            content = self.random.choice((packed, packed[:-5], content, self.bomb[:3000] + packed))
            if self.random.random() < 0.01:
                content = self.bomb
        return (f"POST {self.path()} HTTP/1.1\r\nHost: x\r\n{extra}Content-Length: {len(content)}\r\n\r\n"
                ).encode() + content


class Attacker(threading.Thread):
    """Sends hostile requests over a connection, and makes a new one when it is closed."""

    def __init__(self, port: int, count: int, seed: int):
        super().__init__()
        self._port, self._count, self._maker = port, count, Maker(seed)
        self.statuses, self.wrong = collections.Counter(), []

    def run(self) -> None:
        """Send."""
        connection = None
        for number in range(self._count):
            message = self._maker.request()
            try:
                if connection is None:
                    connection = socket.create_connection(("127.0.0.1", self._port), timeout=120)
                if number % 50 == 0:  # and go away in the middle
                    connection.sendall(message[:self._maker.random.randrange(len(message))])
                    raise ConnectionError("on purpose")
                connection.sendall(message)
                head = message.startswith(b"HEAD")
                status = self._head(connection) if head else serving_load.answer(connection)[0]
                self.statuses[status] += 1
                if status not in ALLOWED:
                    self.wrong.append((status, message[:300]))
                if head or status == 413:
                    raise ConnectionError("the next one needs a new connection")
            except ConnectionError as error:
                if "on purpose" in str(error):
                    self.statuses["left in the middle"] += 1
                elif "needs a new" not in str(error):
                    self.statuses["closed by the server"] += 1
                if connection is not None:
                    connection.close()
                connection = None

    def _head(self, connection: socket.socket) -> int:
        return int(connection.recv(65536).split()[1])


def sockets(port: int, count: int) -> list[socket.socket]:
    """Clients that send nothing more: half-closed, silent, slow."""
    made = []
    for number in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        connection.sendall(STARTS[number % 3])
        if number % 2:
            connection.shutdown(socket.SHUT_WR)
        made.append(connection)
    return made


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hostile") as home:
        os.environ["DL100_HOME"] = home
        base = Path(home) / "cnn"
        base.mkdir()
        serving_load.model(base)
        good = serving_load.request(serving_load.body(serving_load.images(1)))
        with serving_load.ours(base, "--read_timeout_seconds=5", "--max_body_bytes=33554432") as server:
            grown, counts, wrong = [], collections.Counter(), []
            for share in range(5):  # memory after each fifth: it may settle, and then has to stay
                silent = sockets(server.rest_port, 60)
                attackers = [Attacker(server.rest_port, wanted.requests // 20, wanted.seed * 100 + share * 4 + number)
                             for number in range(4)]
                for attacker in attackers:
                    attacker.start()
                for attacker in attackers:
                    attacker.join()
                    counts.update(attacker.statuses)
                    wrong += attacker.wrong
                for connection in silent:
                    connection.close()
                time.sleep(1)
                with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as connection:
                    connection.sendall(good)
                    assert serving_load.answer(connection)[0] == 200
                grown.append(round(serving_load.memory(server.pid), 1))
                print(f"{(share + 1) * 20} %: {dict(counts)}, {grown[-1]} MB", flush=True)
            alive = server.poll() is None
    result = recording.measured(**{
        "requests": sum(counts.values()), "answers": {str(key): counts[key] for key in sorted(counts, key=str)},
        "answers that TensorFlow Serving wouldn't give": len(wrong), "alive": alive,
        "memory MB after each fifth": grown, "growth from the second fifth on": round(grown[-1] / grown[1] - 1, 4)})
    print(json.dumps(result, indent=1))
    for status, message in wrong[:10]:
        print(status, message)
    if wanted.write:
        recording.write(recording.RESULTS / "hostile.json", result)
    raise SystemExit(bool(wrong or not alive))


if __name__ == "__main__":
    main()
