"""The clients against the local server: the same arrays over every wire, and a configuration that is written for it."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dl100_tf.serving import config
from dl100_tf.serving.client import AsyncClient, Client, InputError, ServerError

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def made(folder: Path, factor: float) -> None:
    """A small SavedModel with a signature for each thing that goes over a wire in its own way."""
    import tensorflow as tf

    module = tf.Module()

    def signature(function, **inputs):
        specs = {name: tf.TensorSpec(shape, dtype, name) for name, (shape, dtype) in inputs.items()}
        return tf.function(function).get_concrete_function(**specs)

    def classify(inputs):
        x = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([2], tf.float32)})["x"]
        return {"classes": tf.broadcast_to(tf.constant(["cat", "dog"]), tf.shape(x)), "scores": x * factor}

    tf.saved_model.save(module, str(folder), signatures={
        "serving_default": signature(lambda x: {"y": x * factor}, x=([None, 2], tf.float32)),
        "strings": signature(lambda s: {"out_bytes": s + b"\xff\x00", "text": tf.strings.lower(s)},
                             s=([None], tf.string)),
        "kinds": signature(lambda a, b, c: {"a": a, "b": b, "c": c, "n": tf.shape(a)[0]}, a=([None], tf.int64),
                           b=([None, None], tf.uint8), c=([], tf.bool)),
        "classify": signature(classify, inputs=([None], tf.string))})
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(folder))
    updater.replace_method_name("classify", "tensorflow/serving/classify")
    updater.save()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The server with versions 1 (y = 2x) and 2 (y = 3x), the second as canary."""
    pytest.importorskip("uvicorn")
    root = tmp_path_factory.mktemp("served")
    for version in (1, 2):
        made(root / "saved_model" / "m" / str(version), version + 1)
    config.write(root / "saved_model", root / "serving", str(root / "saved_model"), {"m": {"stable": 1, "canary": 2}})
    ports = free_port(), free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "dl100_tf.serving.server", f"--port={ports[0]}", f"--rest_api_port={ports[1]}",
         f"--model_config_file={root}/serving/models.config", "--model_config_file_poll_wait_seconds=1",
         "--allow_version_labels_for_unavailable_models=true",
         f"--monitoring_config_file={root}/serving/monitoring.txt"],
        cwd=ROOT, env=os.environ | {"DL100_HOME": str(root)})
    process.root, process.grpc, process.rest = root, f"localhost:{ports[0]}", f"http://localhost:{ports[1]}"
    try:
        with Client(process.rest, "m") as model:
            until(lambda: available(model) == [2, 1], process)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def available(model):
    try:
        return [one["version"] for one in model.status() if one["state"] == "AVAILABLE"]
    except ServerError:
        return []


def until(true, process=None, seconds=240):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end and (process is None or process.poll() is None), "it never came to that"
        time.sleep(0.1)


@pytest.fixture(params=["rest", "grpc"])
def model(request, server):
    from dl100_tf.serving.client_grpc import GrpcClient

    kind = {"rest": Client, "grpc": GrpcClient}[request.param]
    with kind(getattr(server, request.param), "m", label="stable") as one:
        yield one


def test_numbers(model):
    x = np.array([[1, -2.5], [1e-30, 3e30], [np.nan, -np.inf]], np.float32)
    found = model.predict(x)["y"]
    assert found.dtype == np.float32 and np.array_equal(found, x * np.float32(2), equal_nan=True)


def test_strings(model):
    found = model.predict(["ABC"], "strings")
    assert found["out_bytes"].tolist() == [b"ABC\xff\x00"] and found["text"].tolist()[0] in ("abc", b"abc")
    assert model.predict([b"\xfe\x00", b""], "strings")["out_bytes"].tolist() == [b"\xfe\x00\xff\x00", b"\xff\x00"]


def test_kinds_and_different_lengths(model):
    found = model.predict({"a": [2**62, -1], "b": np.zeros((3, 4), np.uint8), "c": True}, "kinds")
    assert found["a"].tolist() == [2**62, -1] and found["a"].dtype == np.int64
    assert found["b"].shape == (3, 4) and found["b"].dtype == np.uint8 and found["c"].item() is True
    assert found["n"].item() == 2


def test_classify(model):
    found = model.classify([{"x": [1.0, 2.0]}, {"x": np.array([3, 4], np.float32)}])
    assert found["classes"].tolist() == [["cat", "dog"]] * 2 and found["scores"].tolist() == [[2, 4], [6, 8]]


def test_metadata_and_versions(model):
    assert list(model.metadata()) == ["classify", "kinds", "serving_default", "strings"] and model.version == 1
    assert model.at(label="canary").predict([[1, 1]])["y"].tolist() == [[3, 3]]
    assert model.at(version=1).predict([[1, 1]])["y"].tolist() == [[2, 2]]
    assert model.at().predict([[1, 1]])["y"].tolist() == [[3, 3]]


def test_errors(model):
    with pytest.raises(InputError, match=r"takes x: float32 \(\?, 2\)"):
        model.predict([[1, 2, 3]])
    for other, code in ((model.at(version=7), "NOT_FOUND"), (model.at(label="none"), "INVALID_ARGUMENT")):
        with pytest.raises(ServerError) as error:
            other.predict([[1, 2]])
        assert error.value.code == code


def test_rows(server):
    with Client(server.rest, "m", label="stable") as model:
        assert model.predict([[1, 2]], rows=True)["y"].tolist() == [[2, 4]]
        found = model.predict(["A", b"\xff"], "strings", rows=True)
        assert found["out_bytes"].tolist() == [b"A\xff\x00", b"\xff\xff\x00"]


def test_many_at_once(server):
    async def ask():
        async with AsyncClient(server.rest, "m", label="stable") as model:
            return await asyncio.gather(*(model.predict([[i, 0]]) for i in range(50)))

    assert [found["y"][0, 0] for found in asyncio.run(ask())] == [2 * i for i in range(50)]


def test_requests_are_answered_as_their_page_says(server, tmp_path):
    """A request made of warm-up or golden examples goes to the server as curl would send it."""
    import httpx

    root = tmp_path / "saved_model" / "m"
    root.mkdir(parents=True)
    (root / "1").symlink_to(server.root / "saved_model" / "m" / "1")
    golden = {"kind": "numbers", "labels": ["a", "b"], "examples": [
        {"numbers": [1.0, 2.0], "probabilities": [0.5, 0.5], "label": "a"}]}
    (tmp_path / "tflite/m/1").mkdir(parents=True)
    (tmp_path / "tflite/m/1/golden.json").write_text(json.dumps(golden))
    config.write(tmp_path / "saved_model", tmp_path / "serving")
    body, kind = (tmp_path / "serving/requests/m.json").read_bytes(), "application/x-www-form-urlencoded"
    answer = httpx.post(f"{server.rest}/v1/models/m/versions/1:predict", content=body, headers={"content-type": kind})
    assert answer.json() == {"predictions": [[2.0, 4.0]]}


def test_the_health_check_of_compose(server):
    text = (server.root / "serving/compose.yaml").read_text()
    script = text.split("- >-\n")[1].split("interval:")[0].replace("8501", server.rest.rsplit(":", 1)[1])
    assert subprocess.run(["bash", "-c", " ".join(script.split())], timeout=60).returncode == 0
    wrong = " ".join(script.split()).replace("/models/m/", "/models/nobody/")
    assert subprocess.run(["bash", "-c", wrong], timeout=60).returncode != 0


def test_the_dashboard_s_metrics_are_exported(server):
    import re

    import httpx

    page = httpx.get(f"{server.rest}/monitoring/prometheus/metrics").text
    exported = set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
    board = (server.root / "serving/grafana/dashboards/serving.json").read_text()
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) if "latency_" in name else name
             for name in re.findall(r":tensorflow:[a-z_:]+", board)}
    batching = {name for name in asked if "batching" in name}  # only there with --enable_batching
    assert asked - batching - {":tensorflow:cc:saved_model:load_latency"} <= exported | {
        name.removesuffix("_count") for name in exported}


def test_a_canary_s_life(server):
    """Promoted, taken back, tried again: the server follows each configuration, and `stable` never fails."""
    models = server.root / "saved_model"

    def deploy(**asked):
        config.write(models, server.root / "serving", str(models), {"m": asked})

    with Client(server.rest, "m", label="stable") as model:
        deploy(stable=2)
        until(lambda: model.predict([[1, 1]])["y"].tolist() == [[3, 3]])
        deploy(stable=1)
        until(lambda: model.predict([[1, 1]])["y"].tolist() == [[2, 2]] and available(model.at()) == [1])
        deploy(canary=2)
        until(lambda: available(model.at()) == [2, 1])
        assert model.at(label="canary").predict([[1, 1]])["y"].tolist() == [[3, 3]]
