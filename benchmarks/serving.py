"""The local server beside Flask with `model.predict` and FastAPI with the signature, all in one run.

    python benchmarks/serving.py                   # needs flask and fastapi for the peers, which are left out without

A CNN for 28x28x1 pictures with 56 714 parameters, JSON over loopback, the load generator on the same machine; batches
of 1 and 32 over one connection and eight; gRPC from one Python client; the bare callable and signature; the web
server with nothing behind it; and the seconds from launch to the first answer.
"""

import importlib.util
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import recording
import serving_load

HERE = Path(__file__).parent


def bare(folder: Path, pictures: np.ndarray) -> float:
    """Median milliseconds of the callable that the server calls, with nothing around it."""
    from dl100_tf.serving import servable
    from dl100_tf.serving.flags import Settings

    model = servable.SavedModel(str(folder), Settings())
    signature = model.signatures["serving_default"]
    feeds = {signature.inputs["image"].tensor: pictures}
    fetches = (signature.outputs["probabilities"].tensor,)
    return timed(lambda: model.run(feeds, fetches))


def signature_call(folder: Path, pictures: np.ndarray) -> float:
    """Median milliseconds of the signature as TensorFlow loads it, called from Python."""
    import tensorflow as tf

    call, given = tf.saved_model.load(str(folder)).signatures["serving_default"], tf.constant(pictures)
    return timed(lambda: call(image=given)["probabilities"].numpy())


def timed(call) -> float:
    """Median milliseconds of a call."""
    times = []
    for _ in range(1000):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return round(float(np.median(times[100:])) * 1000, 4)


def grpc_load(port: int, pictures: np.ndarray, seconds: float) -> dict:
    """Requests a second of one Python client over gRPC, one after the other."""
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    from dl100_tf.serving import tensor_protos

    request = predict_pb2.PredictRequest()
    request.model_spec.name = "cnn"
    tensor_protos.fill(request.inputs["image"], pictures, as_content=True)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for _ in range(200):
            stub.Predict(request, timeout=60)
        times, end = [], time.perf_counter() + seconds
        while (start := time.perf_counter()) < end:
            stub.Predict(request, timeout=60)
            times.append(time.perf_counter() - start)
    times = np.sort(times) * 1000
    return {"requests a second": round(len(times) / seconds, 1), "p50 ms": round(float(np.median(times)), 3),
            "p99 ms": round(float(times[int(len(times) * 0.99)]), 3)}


def peer(name: str, folder: Path, bodies: dict, seconds: float) -> dict:
    """A peer's figures, or why there are none."""
    if name != "floor" and importlib.util.find_spec(name) is None:
        return {"left out": f"{name} is not installed"}
    port = serving_load.free_port()
    with serving_load.process([str(HERE / "serving_peers.py"), name, str(port), str(folder)], port):
        return {f"batch {size}, {many} connection{'s' * (many > 1)}": serving_load.measure(
            port, content, many, seconds, "/predict") for size, content in bodies.items() for many in (1, 8)}


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    arguments = parser.parse_args()
    bodies = {size: serving_load.body(serving_load.images(size)) for size in (1, 32)}
    with tempfile.TemporaryDirectory(prefix="serving") as home:
        os.environ["DL100_HOME"] = home
        base = Path(home) / "cnn"
        base.mkdir()
        serving_load.model(base)
        result = {f"{name} ms": {f"batch {size}": call(base / "1", serving_load.images(size)) for size in bodies}
                  for name, call in (("callable", bare), ("signature", signature_call))}
        with serving_load.ours(base) as server:
            result["dl100 serve"] = {"first answer after seconds": round(server.ready, 2)} | {
                f"batch {size}, {many} connection{'s' * (many > 1)}": serving_load.measure(
                    server.rest_port, content, many, arguments.seconds)
                for size, content in bodies.items() for many in (1, 8)}
            result["dl100 serve"]["gRPC, batch 1"] = grpc_load(server.grpc_port, serving_load.images(1),
                                                               arguments.seconds)
        for name in ("floor", "fastapi", "flask"):
            result[name] = peer(name, base / "1", bodies, arguments.seconds)
    result = recording.measured(**result)
    print(json.dumps(result, indent=1))
    if arguments.write:
        recording.write(recording.RESULTS / "serving.json", result)


if __name__ == "__main__":
    main()
