"""A generator into files, the whole way, and a server that makes its pictures."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from bundles import FLOATS, published_once

from dl100_tf import export
from dl100_tf.errors import UserError
from dl100_tf.export import asking, contract, golden, graph, latents, litert, metadata, parity, saved_model
from dl100_tf.models import adversarial
from dl100_tf.models import latents as points
from dl100_tf.run import Run
from dl100_tf.serving import config_requests

pytestmark = pytest.mark.slow
CLASSES = ("round", "square", "other")
DATA = SimpleNamespace(preparation="digit")  # pictures: what is exported takes none


@pytest.fixture(scope="module")
def net():
    """A generator whose weights are drawn so that its pictures have all shades."""
    keras.utils.set_random_seed(0)
    made = adversarial.generator((28, 28, 1), 16 + len(CLASSES), 4)
    for weight in made.trainable_weights:
        weight.assign(weight + keras.random.normal(weight.shape, stddev=0.1, seed=1))
    return points.draws(made, "small_generator")


def finished(net, classes=CLASSES):
    """A run as `evaluation.score_pictures` leaves it."""
    run = Run("small_generator", "one")
    run.write_json("config.json", {"epochs": 1})
    run.write_json("provenance.json", {"title": "A small generator", "source": {"rung": "sample"}})
    run.save(net)
    drawn = points.points(40, 16, 0, len(CLASSES))
    with run.writing("predictions.npz") as file:
        np.savez(file, latent=drawn, picture=net.predict(drawn, verbose=0))
    run.write_json("scores.json", {"source": "sample", "source_note": "a sample made by the test", "digest": "0",
                                   "n": 40, "noun": "pictures", "picture": {"scale": 255.0},
                                   "latents": {"classes": list(classes)},
                                   "metrics": {"fid_in_cnn_mnist_features": 12.5, "sure": 81.0}})
    return run


@pytest.fixture
def published(net, shelf, home):
    """Its folders by format, published once for the whole module."""
    return published_once(shelf, "small_generator", lambda: (finished(net), DATA), FLOATS | {"int8"})


def test_every_variant_makes_keras_pictures(published):
    card = json.loads((published["tflite"] / "card.json").read_text())
    assert card["output"] == {"name": "picture", "dtype": "float32", "shape": [1, 28, 28, 1], "range": [0, 255]}
    assert card["input"]["shape"] == [1, 19] and "normal distribution" in card["input"]["content"]
    assert "round, square, other" in card["input"]["content"] and card["labels"] == list(CLASSES)
    assert set(card["mistakes"]) == {"from 0 to 1", "in another order", "half as far out", "the next class"}
    for found in card["parity"].values():
        assert not found["failings"] and found["accuracy"] is None and found["error"] < 5
    page = (published["tflite"] / "card.html").read_text()
    assert "FID in cnn_mnist features 12.50" in page and "a sample" in page


def test_phones_can_run_it(published):
    for name in ("float32", "float16", "dynamic", "int8"):
        content = (published["tflite"] / f"{name}.tflite").read_bytes()
        assert not [op for op in graph.ops(content) if op.startswith(("Flex", "VAR_HANDLE"))]
        told = metadata.read(content)
        assert told["labels"] == list(CLASSES) and told["output"]["name"] == "picture"
        assert "19" not in told["input"]["description"] and "16 numbers" in told["input"]["description"]
        assert litert.Interpreter(content, name).shape == (1, 19)


def test_the_bundle_proves_itself(published):
    found, wrong = parity.recheck(published["tflite"])
    assert not wrong and {one.variant for one in found} == {"float32", "float16", "dynamic", "int8"}
    kind, inputs, images, truth, words, scale = golden.read(published["tflite"])
    assert kind == "latent" and images.shape[1:] == (28, 28, 1) and truth is images and scale == 255
    assert inputs.shape == (32, 19) and words == CLASSES
    bundle = asking.opened(published["tflite"])
    assert bundle.kind == "latent" and bundle.request("litert")["shape"] == (32, 19)


def test_a_served_model_makes_the_picture(published, net):
    loaded = saved_model.load(published["saved_model"])
    drawn = points.points(3, 16, 5, len(CLASSES))
    np.testing.assert_allclose(loaded(drawn)["picture"], net.predict(drawn, verbose=0), atol=1e-3)
    asked = config_requests.request(published["saved_model"])
    assert np.shape(json.loads(asked.body)["instances"]) == (1, 19)
    assert asked.expected.startswith("a picture of 28 x 28 pixels with a mean brightness of ")


def test_a_generator_that_is_told_no_class(home, tmp_path):
    keras.utils.set_random_seed(0)
    net = points.draws(adversarial.generator((28, 28, 3), 19, 2), "small_generator")
    run = finished(net, classes=())
    done = export.publish(run, DATA, quantize=("float32",), to=str(tmp_path))
    assert not done.refused and not (done.folders["tflite"] / "labels.txt").exists()
    told = metadata.read((done.folders["tflite"] / "float32.tflite").read_bytes())
    assert told["labels"] == [] and metadata.files((done.folders["tflite"] / "float32.tflite").read_bytes()) == {}


def test_a_model_that_was_not_scored(net, home):
    run = finished(net)
    run.write_json("scores.json", run.read_json("scores.json") | {"latents": {"classes": list("abcdefghijklmnopqrst")}})
    with pytest.raises(UserError, match="not the model that was scored"):
        contract.of_run(run, net)
    run = finished(net)
    run.path("predictions.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"predictions\.npz is missing or damaged"):
        latents.points(run, contract.of_run(run, net))
