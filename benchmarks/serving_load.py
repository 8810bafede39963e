"""What the serving benchmarks share: the model they serve, servers as processes, and load on loopback.

    python benchmarks/serving_load.py --port 8501 --batch 32     # by itself: load for a server that runs already
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import recording

ROOT = Path(__file__).parents[1]


def model(folder: Path, version: int = 1, shift: float = 0.0) -> None:
    """Write the CNN that everything is measured on, 56 714 parameters, into `folder/<version>`.

    Its second output is the version, so that an answer tells which one gave it.
    """
    import keras
    import tensorflow as tf
    from keras import layers

    keras.utils.set_random_seed(version)
    image = keras.Input((28, 28, 1), name="image")
    x = layers.MaxPooling2D(2)(layers.Conv2D(16, 3, activation="relu")(image))
    x = layers.MaxPooling2D(2)(layers.Conv2D(32, 3, activation="relu")(x))
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    net = keras.Model(image, layers.Dense(10, activation="softmax")(x))
    archive = keras.export.ExportArchive()
    archive.track(net)

    def answer(image):
        found = {"probabilities": net(image)}
        return found if not shift else found | {"version": tf.fill([tf.shape(image)[0]], tf.constant(shift))}
    archive.add_endpoint("serving_default", answer,
                         input_signature=[keras.InputSpec(shape=(None, 28, 28, 1), dtype="float32", name="image")])
    archive.write_out(str(folder / f".writing-{version}"), verbose=False)
    (folder / f".writing-{version}").rename(folder / str(version))


def images(count: int, seed: int = 0) -> np.ndarray:
    """Random pictures, four digits a pixel, float32 (count, 28, 28, 1)."""
    return np.round(np.random.default_rng(seed).random((count, 28, 28, 1)), 4).astype(np.float32)


def body(pictures: np.ndarray) -> bytes:
    """A predict request in row format."""
    return json.dumps({"instances": np.round(pictures.astype(float), 4).tolist()}).encode()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def process(words: list[str], port: int, path: str = "/", seconds: float = 180):
    """Run a server; yield it, with `ready`, the seconds until it answered on `path`."""
    start = time.monotonic()
    env = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    made = subprocess.Popen([sys.executable, *words], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.monotonic() - start < seconds:
            if made.poll() is not None:
                sys.exit(f"error: {' '.join(words)} ended with {made.returncode}.")
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("GET", path)
                connection.getresponse().read()
                break
            time.sleep(0.01)
        made.ready = time.monotonic() - start
        yield made
    finally:
        made.send_signal(signal.SIGTERM)
        try:
            made.wait(30)
        except subprocess.TimeoutExpired:
            made.kill()


@contextlib.contextmanager
def ours(base: Path, *more: str):
    """`dl100 serve` for the versions in `base` as the model `cnn`; yields the process with its two ports."""
    grpc_port, rest_port = free_port(), free_port()
    words = ["-m", "dl100_tf.serving.server", f"--port={grpc_port}", f"--rest_api_port={rest_port}",
             "--model_name=cnn", f"--model_base_path={base}", *more]
    with process(words, rest_port, "/v1/models/cnn") as made:
        made.grpc_port, made.rest_port = grpc_port, rest_port
        yield made


def request(content: bytes, path: str = "/v1/models/cnn:predict") -> bytes:
    """A POST request as it goes over the wire."""
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n").encode() + content


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """The status and the body of one answer; ConnectionError where the connection is closed before."""
    return _answer(connection)[:2]


def _answer(connection: socket.socket) -> tuple[int, bytes, bool]:
    """And whether the server closes the connection after it."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(1 << 20)
        if not part:
            raise ConnectionError("closed without an answer")
        received += part
    head, _, content = received.partition(b"\r\n\r\n")
    lower = head.lower()
    start = lower.index(b"content-length:") + 15
    length = int(lower[start:].split(b"\r\n", 1)[0])
    while len(content) < length:
        part = connection.recv(1 << 20)
        if not part:
            raise ConnectionError("closed within an answer")
        content += part
    return int(head.split(None, 2)[1]), content, b"connection: close" in lower


class Load(threading.Thread):
    """Sends one request after the other over one connection for some seconds, and takes the time of each.

    Attributes:
        times: seconds of each request that was answered.
        failed: why the connection came to nothing, empty where it didn't.
    """

    def __init__(self, port: int, content: bytes, seconds: float, path: str):
        super().__init__()
        self._message, self._seconds, self._port = request(content, path), seconds, port
        self.times, self.failed = [], ""

    def run(self) -> None:
        """Send."""
        connection, end = self._connected(), time.perf_counter() + self._seconds
        while (start := time.perf_counter()) < end:
            try:
                connection = connection or self._connected()  # Flask's server closes it after every answer
                connection.sendall(self._message)
                status, content, closed = _answer(connection)
            except OSError as error:  # told, and no reason to end
                self.failed = str(error)
                return
            assert status == 200, content[:500]
            if closed:
                connection.close()
                connection = None
            self.times.append(time.perf_counter() - start)

    def _connected(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def measure(port: int, content: bytes, connections: int, seconds: float, path: str = "/v1/models/cnn:predict") -> dict:
    """Requests a second, and the milliseconds of a request, with that many connections at once."""
    for loads in ([Load(port, content, 1.0, path) for _ in range(connections)],
                  [Load(port, content, seconds, path) for _ in range(connections)]):  # the first second warms up
        for load in loads:
            load.start()
        for load in loads:
            load.join()
    times = np.sort(np.concatenate([load.times for load in loads])) * 1000
    failed = [load.failed for load in loads if load.failed]
    if not len(times):
        return {"failed": failed}
    return {"requests a second": round(len(times) / seconds, 1), "p50 ms": round(float(np.median(times)), 3),
            "p99 ms": round(float(times[int(len(times) * 0.99)]), 3)} | ({"failed": failed} if failed else {})


def memory(pid: int) -> float:
    """Megabytes that a process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--path", default="/v1/models/cnn:predict")
    wanted = parser.parse_args()
    print(measure(wanted.port, body(images(wanted.batch)), wanted.connections, wanted.seconds, wanted.path))


if __name__ == "__main__":
    main()
