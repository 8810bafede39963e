"""Tiny SavedModels, and servers that serve them within the test process."""

import dataclasses
import shutil
import threading
import time

import numpy as np
import pytest
import requests

from dl100_tf.serving.flags import Settings

FEATURE = "x"


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Gives the folder of a SavedModel by its kind: half (x/2 + shift and more), many (named inputs), slow."""
    import tensorflow as tf

    class Half(tf.Module):
        def __init__(self, shift):
            self.half, self.shift = tf.Variable(0.5), tf.Variable(float(shift))

        def of(self, x):
            return self.half * x + self.shift

        @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
        def predict(self, x):
            return {"y": self.of(x)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def regress(self, inputs):
            x = tf.io.parse_example(inputs, {FEATURE: tf.io.FixedLenFeature([1], tf.float32)})[FEATURE]
            return {"outputs": self.of(x)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def classify(self, inputs):
            y = self.regress(inputs)["outputs"]
            labels = tf.where(tf.concat([y, y], 1) > 10, ["much", "more"], ["few", "less"])
            return {"classes": labels, "scores": tf.concat([y, y + 1], 1)}

    class Many(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="a"),
                                      tf.TensorSpec([None, 2], tf.float32, name="b"),
                                      tf.TensorSpec([None], tf.string, name="c")])
        def predict(self, a, b, c):
            return {"sum": tf.cast(a, tf.float32) + tf.reduce_sum(b, 1), "text": c, "text_bytes": c}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.uint8, name="n")])
        def types(self, n):
            return {"half": tf.cast(n, tf.float16)}

    class Slow(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def predict(self, x):
            total = tf.while_loop(lambda i, _: i < 400, lambda i, y: (i + 1, y @ y / 1000.0),
                                  (0, tf.ones((400, 400))))[1]
            return {"y": x + 0 * tf.reduce_sum(total)}

    made = {}

    def of(kind, shift=2):
        if (kind, shift) not in made:
            folder = tmp_path_factory.mktemp("models") / f"{kind}-{shift}"
            if kind == "half":
                model = Half(shift)
                signatures = {"serving_default": model.predict, "regress": model.regress, "classify": model.classify}
            elif kind == "many":
                model = Many()
                signatures = {"serving_default": model.predict, "types": model.types}
            else:
                model = Slow()
                signatures = {"serving_default": model.predict}
            tf.saved_model.save(model, str(folder), signatures=signatures)
            made[kind, shift] = folder
        return made[kind, shift]
    return of


@pytest.fixture(scope="session")
def publish(saved):
    """Copies a SavedModel into `<base>/<version>`, whole or not at all."""
    def to(base, version, kind="half", shift=2):
        base.mkdir(parents=True, exist_ok=True)
        shutil.copytree(saved(kind, shift), base / f".writing-{version}")
        (base / f".writing-{version}").rename(base / str(version))
        return base
    return to


def wait_until(condition, seconds=60.0):
    """Wait until something is so; what it was in the end."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    assert found, "it never came to be"
    return found


@pytest.fixture(scope="session")
def until():
    """Waits until something is so."""
    return wait_until


class Running:
    """A server in threads of this process."""

    def __init__(self, **flags):
        from dl100_tf.serving.server import Server

        settings = dataclasses.replace(Settings(port=-1, rest_api_port=-1), **flags)
        self.server = Server(settings)
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_http, daemon=True)
        self.thread.start()
        wait_until(lambda: self.server.http.started)

    def ask(self, path, body=None, **options):
        """The status and the text of the answer: POST with a body (text, bytes or what becomes JSON), else GET."""
        if body is None:
            found = requests.request(options.pop("method", "GET"), self.url + path, timeout=60, **options)
        else:
            data = body if isinstance(body, bytes | str) else None
            found = requests.post(self.url + path, data=data, json=None if data is not None else body, timeout=60,
                                  **options)
        return found.status_code, found.text

    def states(self, name):
        """The states of a model's versions, as REST tells them."""
        status, _ = self.ask(f"/v1/models/{name}")
        if status != 200:
            return {}
        found = requests.get(f"{self.url}/v1/models/{name}", timeout=60).json()["model_version_status"]
        return {int(version["version"]): version["state"] for version in found}

    def channel(self):
        """A gRPC channel to it."""
        import grpc

        return grpc.insecure_channel(f"127.0.0.1:{self.server.grpc_port}")

    def close(self):
        """End it."""
        self.server.close()
        self.thread.join(30)


@pytest.fixture
def serve(request):
    """Starts servers with flags; they end with the test."""
    running = []

    def start(**flags):
        running.append(Running(**flags))
        return running[-1]
    yield start
    for server in running:
        server.close()


@pytest.fixture(scope="module")
def served(publish, tmp_path_factory):
    """A server for the module's tests: models `half` (versions 1 and 2, labels) and `many`."""
    home = tmp_path_factory.mktemp("served")
    publish(home / "half", 1, shift=2)
    publish(home / "half", 2, shift=3)
    publish(home / "many", 7, "many")
    (home / "models.config").write_text(f"""
        model_config_list {{
          config {{
            name: "half" base_path: "{home}/half" model_platform: "tensorflow"
            model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
            version_labels {{ key: "stable" value: 1 }}
          }}
          config {{ name: "many" base_path: "{home}/many" model_platform: "tensorflow" }}
        }}""")
    (home / "monitoring.txt").write_text("prometheus_config { enable: true }")
    running = Running(model_config_file=f"{home}/models.config", monitoring_config_file=f"{home}/monitoring.txt",
                      allow_version_labels_for_unavailable_models=True)
    wait_until(lambda: set(running.states("half").values()) == {"AVAILABLE"} and len(running.states("half")) == 2)
    yield running
    running.close()


class FakeModel:
    """A model that doubles numbers, and remembers what it was asked."""

    def __init__(self):
        self.batches, self.closed, self.signatures, self.signature_defs = [], False, {}, {}
        self.go = threading.Event()
        self.go.set()

    def run(self, feeds, fetches):
        """Twice the first input, for each output."""
        assert not self.closed
        array = next(iter(feeds.values()))
        self.batches.append(array)
        self.go.wait(30)
        return [np.asarray(array) * 2 for _ in fetches]

    def close(self):
        """Note that it is closed."""
        self.closed = True


@pytest.fixture
def fake_model():
    """The class of models that double numbers."""
    return FakeModel
