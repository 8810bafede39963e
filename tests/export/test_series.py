"""A forecast's model into files, the whole way, and a server that answers as it does."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from bundles import FLOATS, published_once
from keras import layers

from dl100_tf import evaluation, export
from dl100_tf.errors import UserError
from dl100_tf.export import asking, checks, contract, golden, graph, litert, parity, saved_model
from dl100_tf.models import forecasting
from dl100_tf.run import Run
from dl100_tf.serving import config_requests

pytestmark = pytest.mark.slow
COLUMNS = ("TEMP, °C", "PRES, hPa", "hour of the day", "day of the year")
HOURS = 24


def windows(n=240):
    """Days that are alike but for their level, and a pressure that tells of the next one."""
    random = np.random.default_rng(0)
    at = random.integers(0, 24, n)[:, None] + np.arange(HOURS + 24)
    level, pressure = random.normal(12, 10, (n, 1)), random.normal(1016, 9, (n, 1))
    warm = level + 5 * np.sin(2 * np.pi * at / 24) - 0.1 * (pressure - 1016) * np.arange(HOURS + 24) / 24
    x = np.stack([part[:, :HOURS] for part in (warm, pressure + 0 * at, at % 24, 200 + 0 * at)], axis=-1)
    return SimpleNamespace(x=x.astype("float32"), y=warm[:, HOURS:].astype("float32"))


class Part(SimpleNamespace):
    def __len__(self):
        return len(self.y)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small GRU on top of the linear model, and its data."""
    keras.utils.set_random_seed(0)
    made = windows()
    train, test = Part(x=made.x[:160], y=made.y[:160]), Part(x=made.x[160:], y=made.y[160:])
    linear = forecasting.Linear(train, test)
    series = keras.Input((HOURS, 4), name="series")
    measured, time = forecasting.scaled(series, linear), forecasting.clock(series)
    rest = layers.Dense(24)(layers.GRU(4)(layers.Conv1D(4, 3, 3)(measured)))
    change = layers.Add()([forecasting.as_layer(linear, measured, time), rest])
    net = keras.Model(series, layers.Add(name="forecast")([series[:, -1, :1], change]), name="small_series")
    data = SimpleNamespace(
        train=train, validation=test, test=test, labels=tuple(f"+{hour} h" for hour in range(1, 25)), columns=COLUMNS,
        times=np.datetime64("2014-01-01T00", "h") + np.arange(len(test)), preparation="middle",
        source=SimpleNamespace(rung="sample", note="a sample made by the test", digest="0"))
    return net, data


@pytest.fixture
def finished(trained, home):
    """The scored run and its data."""
    net, data = trained
    run = Run("small_series", "one")
    run.write_json("config.json", {"epochs": 1})
    run.write_json("provenance.json", {"title": "A small forecast", "source": {"rung": "sample"}})
    run.save(net)
    evaluation.forecast(net, data, run, {"persistence": forecasting.persistence}, "°C")
    return run, data


@pytest.fixture
def published(finished, shelf):
    """Its folders by format, published once for the whole module."""
    return published_once(shelf, "small_series", lambda: finished, FLOATS | {"unrolled"})  # and no int8


def test_every_variant_agrees_with_keras(published):
    card = json.loads((published["tflite"] / "card.json").read_text())
    assert not card["refused"] and card["output"] == {
        "name": "forecast", "dtype": "float32", "shape": [1, 24], "unit": "°C"}
    assert card["input"]["columns"] == list(COLUMNS) and card["input"]["shape"] == [1, HOURS, 4]
    for variant, found in card["parity"].items():
        assert found["n"] == 80 and found["accuracy"] is None and not found["failings"]
        assert abs(found["error"] - found["keras_error"]) < 0.05
        assert found["difference"] <= (1e-4 if variant in ("saved_model", "float32", "unrolled") else 3e-2)
    assert {"columns in another order", "an hour late", "the last hour first", "in Fahrenheit"} == set(card["mistakes"])
    assert all(found["caught"] for variants in card["mistakes"].values() for found in variants.values())
    page = (published["tflite"] / "card.html").read_text()
    assert "+1 h to +24 h" in page and "°C on average" in page and "a sample: the score means nothing" in page


def test_phones_can_run_it(published):
    for file in published["tflite"].glob("*.tflite"):
        content = file.read_bytes()
        assert not [op for op in graph.ops(content) if op.startswith(("Flex", "VAR_HANDLE"))]
        assert ("WHILE" in graph.ops(content)) == (file.stem != "unrolled")
        model = litert.Interpreter(content, file.name)
        assert model.shape == (1, HOURS, 4) and model.dtype == "float32"


def test_the_bundle_proves_itself(published):
    found, wrong = parity.recheck(published["tflite"])
    assert len(found) == 4 and not wrong
    kind, inputs, forecasts, truth, columns, scale = golden.read(published["tflite"])
    assert kind == "series" and inputs.shape == (32, HOURS, 4) and forecasts.shape == truth.shape == (32, 24)
    assert columns == COLUMNS and scale > 5
    bundle = asking.opened(published["tflite"])
    assert checks.reader(bundle, "mediapipe", "python")[0].outcome == "not run"


def test_a_served_model_takes_what_was_measured(published, trained, finished):
    net, data = trained
    answer = saved_model.load(published["saved_model"])(data.test.x[:5])
    assert set(answer) == {"forecast"}
    np.testing.assert_allclose(answer["forecast"], net.predict(data.test.x[:5], verbose=0), atol=1e-4)
    asked = config_requests.request(published["saved_model"])
    given = json.loads(asked.body)
    assert given["signature_name"] == "serving_default" and np.shape(given["instances"]) == (1, HOURS, 4)


def test_int8_alone(finished, tmp_path):
    with pytest.raises(UserError, match="columns are of different units"):
        export.publish(*finished, formats=["tflite"], quantize=["int8"], to=str(tmp_path))


def test_a_model_that_was_not_scored(finished, tmp_path):
    run, data = finished
    told = run.read_json("scores.json")
    told["series"]["columns"].append("another")
    run.write_json("scores.json", told)
    with pytest.raises(UserError, match="is not the model that was scored"):
        contract.of_run(run, run.load_model(), data.preparation)
