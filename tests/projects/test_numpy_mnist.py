import dataclasses

import numpy as np
import pytest

from dl100_tf.models import scratch
from dl100_tf.projects import numpy_mnist
from dl100_tf.projects.numpy_mnist import Config
from dl100_tf.run import Run


@pytest.fixture
def data():
    return numpy_mnist.load_data(Config(source="sample"))


def test_hidden_layers_survive_json():
    assert Config(hidden=[64, 32]).hidden == (64, 32)
    assert Config(**dataclasses.asdict(Config())) == Config()


def test_pixels_are_rows_of_small_numbers(data):
    rows = numpy_mnist.pixels(data.test.x[:5])
    assert rows.shape == (5, 784) and rows.dtype == np.float32
    assert rows.max() <= 1 and np.array_equal(np.rint(rows * 255), data.test.x[:5].reshape(5, -1))


def test_a_step_lowers_the_loss_and_tells_what_it_was_before(data):
    net, x, y = numpy_mnist.build_model(Config(hidden=(32,))), data.train.x[:64], data.train.y[:64]
    losses = [numpy_mnist.learn(net, x, y, 0.05, Config())["loss"] for _ in range(10)]
    assert losses[0] == pytest.approx(np.log(10), abs=1) and losses[-1] < losses[0] / 2
    now = numpy_mnist.measure(net.predict(numpy_mnist.pixels(x)), y)
    assert set(now) == {"loss", "accuracy"} and now["loss"] < losses[-1]


def test_gradients_of_the_recipe_s_own_network_are_tensorflow_s(data):
    net = numpy_mnist.build_model(Config())
    rows = scratch.gradient_errors(net, numpy_mnist.pixels(data.test.x[:32]), data.test.y[:32])
    assert len(rows) == 6 and max(row["largest error"] for row in rows) < 1e-6


def test_an_interrupted_sweep_goes_on_where_it_was(data, home, monkeypatch):
    monkeypatch.setattr(numpy_mnist, "WIDTHS", ((4,), (8,)))
    monkeypatch.setattr(numpy_mnist, "RATES", (0.01, 0.1))
    whole = numpy_mnist.sweep(Config(), data, Run("numpy_mnist", "whole"))
    assert [(row["hidden units"], row["learning rate"]) for row in whole] == [
        ("4", "0.01"), ("4", "0.1"), ("8", "0.01"), ("8", "0.1")]
    assert max(row["validation accuracy"] for row in whole) > 0.5 and whole[0]["parameters"] == 785 * 4 + 5 * 10
    stopped = Run("numpy_mnist", "stopped")
    stopped.write_json("sweep.json", whole[:3])
    tried = []
    monkeypatch.setattr(numpy_mnist.scratch, "Network", lambda *words: tried.append(words) or scratch_network(*words))
    assert numpy_mnist.sweep(Config(), data, stopped) == whole
    assert len(tried) == 1


scratch_network = scratch.Network
