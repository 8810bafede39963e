"""The local server under mixed load for a long time: errors, and memory.

    python benchmarks/soak.py --minutes 30

REST with batches of 1 and 32, with gzip, in columns, statuses, metadata, wrong requests, and gRPC, each from a client
of its own, one after the other. Growth is from the end of the first tenth, when everything has been used once.
"""

import collections
import gzip
import itertools
import json
import os
import socket
import tempfile
import threading
import time
from pathlib import Path

import hot_swap
import recording
import serving_load


class Client(threading.Thread):
    """Sends requests in turn until it is told to end."""

    def __init__(self, port: int, messages: list[tuple[bytes, int]]):
        super().__init__()
        self._port, self._messages = port, itertools.cycle(messages)
        self.count, self.wrong, self.end = 0, collections.Counter(), threading.Event()

    def run(self) -> None:
        """Send."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=60) as connection:
            for message, expected in self._messages:
                if self.end.is_set():
                    return
                connection.sendall(message)
                status, _ = serving_load.answer(connection)
                self.count += 1
                if status != expected:
                    self.wrong[status] += 1


class Grpc(Client):
    """The same over gRPC."""

    def run(self) -> None:
        """Send."""
        ask = hot_swap.grpc(self._port, serving_load.images(hot_swap.ROWS))
        while not self.end.is_set():
            ask()
            self.count += 1


def messages() -> list[list[tuple[bytes, int]]]:
    """For each REST client its requests, with the status that each should get."""
    one, many = serving_load.body(serving_load.images(1)), serving_load.body(serving_load.images(32))
    packed = gzip.compress(many, 1)
    zipped = (b"POST /v1/models/cnn:predict HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
              % len(packed)) + packed
    columns = one.replace(b"instances", b"inputs")
    look = [f"GET /v1/models/cnn{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in ("", "/metadata")]
    post = serving_load.request
    return [[(post(one), 200), (post(columns), 200)], [(post(many), 200), (zipped, 200)],
            [(look[0], 200), (look[1], 200), (post(b'{"instances": [1, [2]]}'), 400), (post(one[:-9]), 400),
             (post(b'{"instances": [NaN]}'), 400), (post(one, "/v1/models/none:predict"), 404)]]


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak") as home:
        os.environ["DL100_HOME"] = home
        base = Path(home) / "cnn"
        base.mkdir()
        serving_load.model(base, shift=1.0)
        with serving_load.ours(base) as server:
            clients = [Client(server.rest_port, of) for of in messages()] + [Grpc(server.grpc_port, [])]
            for client in clients:
                client.start()
            memory = []
            for _ in range(20):
                time.sleep(wanted.minutes * 60 / 20)
                memory.append(round(serving_load.memory(server.pid), 1))
                print(f"{sum(client.count for client in clients)} requests, {memory[-1]} MB", flush=True)
            alive = [client.is_alive() for client in clients]
            for client in clients:
                client.end.set()
            for client in clients:
                client.join()
    wrong = sum((client.wrong for client in clients), collections.Counter())
    growth = memory[-1] / memory[1] - 1
    result = recording.measured(**{
        "minutes": wanted.minutes, "requests": sum(client.count for client in clients), "wrong answers": dict(wrong),
        "clients that broke off": alive.count(False), "memory MB": memory, "growth": round(growth, 4)})
    print(json.dumps(result, indent=1))
    if wanted.write:
        recording.write(recording.RESULTS / "soak.json", result)
    raise SystemExit(bool(wrong or not all(alive) or growth > 0.02))


if __name__ == "__main__":
    main()
