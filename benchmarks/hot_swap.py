"""New versions under load: how many requests fail, and how many answers mix two versions.

    python benchmarks/hot_swap.py --seconds 60

Every two seconds a new version is published, by a rename, while REST and gRPC clients send 50 requests a second. Each
version has its own weights and tells its number; an answer whose numbers aren't that version's is a mixture.
"""

import json
import os
import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import recording
import serving_load

KINDS = 4  # models with weights of their own; version n is number n % KINDS of them
ROWS = 4  # pictures of a request


def expected(folder: Path, pictures: np.ndarray) -> np.ndarray:
    """What a version answers, (ROWS, 10)."""
    import tensorflow as tf

    return tf.saved_model.load(str(folder)).signatures["serving_default"](image=tf.constant(pictures))[
        "probabilities"].numpy()


class Client(threading.Thread):
    """Sends requests at a steady pace and judges each answer."""

    def __init__(self, ask, answers: list[np.ndarray], rate: float, seconds: float):
        super().__init__()
        self._ask, self._answers, self._rate, self._seconds = ask, answers, rate, seconds
        self.failed, self.mixed, self.times, self.versions = [], 0, [], set()

    def run(self) -> None:
        """Send."""
        start = time.monotonic()
        for number in range(int(self._rate * self._seconds)):
            time.sleep(max(0.0, start + number / self._rate - time.monotonic()))
            begun = time.monotonic()
            try:
                version, numbers, probabilities = self._ask()
            except Exception as error:  # whatever it is, it is a failed request
                self.failed.append(f"{type(error).__name__}: {error}"[:300])
                continue
            self.times.append(time.monotonic() - begun)
            kinds = set(np.round(numbers).astype(int).tolist())
            right = len(kinds) == 1 and np.allclose(probabilities, self._answers[kinds.pop() - 1], atol=1e-4) and (
                version is None or version % KINDS == round(numbers[0]) - 1)
            self.mixed += not right
            self.versions.add(round(numbers[0]))


def rest(port: int, content: bytes):
    """A function that asks by REST."""
    held = []

    def ask():
        if not held:
            held.append(socket.create_connection(("127.0.0.1", port), timeout=30))
        held[0].sendall(serving_load.request(content))
        status, text = serving_load.answer(held[0])
        assert status == 200, text[:300]
        rows = json.loads(text)["predictions"]
        return None, [row["version"] for row in rows], [row["probabilities"] for row in rows]
    return ask


def grpc(port: int, pictures: np.ndarray):
    """A function that asks by gRPC."""
    import grpc as library
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    from dl100_tf.serving import tensor_protos

    request = predict_pb2.PredictRequest()
    request.model_spec.name = "cnn"
    tensor_protos.fill(request.inputs["image"], pictures)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(library.insecure_channel(f"127.0.0.1:{port}"))

    def ask():
        found = stub.Predict(request, timeout=30)
        return (found.model_spec.version.value, list(found.outputs["version"].float_val),
                np.reshape(found.outputs["probabilities"].float_val, (ROWS, 10)))
    return ask


def publish(base: Path, models: Path, seconds: float, every: float) -> int:
    """Publish version after version; the last one's number."""
    number, start = KINDS, time.monotonic()
    while time.monotonic() - start < seconds - every:
        time.sleep(every)
        number += 1
        shutil.copytree(models / str(number % KINDS + 1), base / f".writing-{number}")
        (base / f".writing-{number}").rename(base / str(number))
        shutil.rmtree(base / str(number - 3), ignore_errors=True)
    return number


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between versions")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second, of both kinds together")
    wanted = parser.parse_args()
    pictures = serving_load.images(ROWS)
    with tempfile.TemporaryDirectory(prefix="hot_swap") as home:
        os.environ["DL100_HOME"] = home
        base, models = Path(home) / "cnn", Path(home) / "models"
        base.mkdir()
        models.mkdir()
        for kind in range(1, KINDS + 1):
            serving_load.model(models, kind, float(kind))
        answers = [expected(models / str(kind), pictures) for kind in range(1, KINDS + 1)]
        shutil.copytree(models / "1", base / str(KINDS))
        with serving_load.ours(base) as server:
            before = serving_load.memory(server.pid)
            clients = [Client(ask, answers, wanted.rate / 2, wanted.seconds) for ask in (
                rest(server.rest_port, serving_load.body(pictures)), grpc(server.grpc_port, pictures))]
            for client in clients:
                client.start()
            last = publish(base, models, wanted.seconds, wanted.every)
            for client in clients:
                client.join()
            after = serving_load.memory(server.pid)
    times = np.sort(np.concatenate([client.times for client in clients])) * 1000
    result = recording.measured(**{
        "versions published": last - KINDS, "requests": sum(len(client.times) + len(client.failed)
                                                            for client in clients),
        "failed": sum(len(client.failed) for client in clients), "mixed": sum(client.mixed for client in clients),
        "kinds seen": len(set.union(*(client.versions for client in clients))), "errors": [
            error for client in clients for error in client.failed][:5],
        "p50 ms": round(float(np.median(times)), 2), "p99 ms": round(float(times[int(len(times) * 0.99)]), 2),
        "memory MB": [round(before), round(after)]})
    print(json.dumps(result, indent=1))
    if wanted.write:
        recording.write(recording.RESULTS / "hot_swap.json", result)
    raise SystemExit(bool(result["failed"] or result["mixed"]))


if __name__ == "__main__":
    main()
