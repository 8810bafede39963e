"""A model that gives pictures back into files, the whole way, and a served one that answers as it does."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from bundles import FLOATS, published_once

from dl100_tf import evaluation
from dl100_tf.data import mnist
from dl100_tf.errors import UserError
from dl100_tf.export import asking, checks, contract, golden, graph, litert, metadata, parity, saved_model
from dl100_tf.models import autoencoders
from dl100_tf.run import Run
from dl100_tf.serving import config_requests


@pytest.fixture(scope="module")
def trained():
    """A small autoencoder that has seen a few digits, and them."""
    keras.utils.set_random_seed(0)
    data = mnist.load("sample")
    data = dataclasses.replace(data, test=data.test.take(slice(96)))
    net = autoencoders.convolutional((28, 28, 1), 16, (8, 16), "small_pictures")
    net.compile(keras.optimizers.Adam(5e-3), "mse")
    net.fit(data.train.x, data.train.x.astype("float32"), batch_size=32, epochs=12, verbose=0)
    return net, data


@pytest.fixture
def finished(trained, home):
    """The scored run and its data."""
    net, data = trained
    run = Run("small_pictures", "one")
    run.write_json("config.json", {"epochs": 1})
    run.write_json("provenance.json", {"title": "A small autoencoder", "source": {"rung": "sample"}})
    run.save(net)
    evaluation.restore(net, data, run, {}, {}, "digits")
    return run, data


@pytest.fixture
def published(finished, shelf):
    """Its folders by format, published once for the whole module."""
    return published_once(shelf, "small_pictures", lambda: finished, FLOATS | {"int8"})


def test_the_contract(finished):
    run, data = finished
    found = contract.of_run(run, run.load_model(), data.preparation)
    assert (found.kind, found.picture, found.labels, found.output) == ("image", (28, 28, 1), (), "picture")
    assert found.phone_shape == (1, 28, 28, 3) and found.answer_shape == (1, 28, 28, 1)
    assert "error 0.0" in found.source and found.scale == 255
    with pytest.raises(UserError, match="prepare them as 'digit'"):
        contract._prepared(run, "image", (32, 32, 3), "digit")


def test_a_model_that_gives_no_picture_is_not_the_one_that_was_scored(finished, made):
    run, data = finished
    with pytest.raises(UserError, match="not the model that was scored"):
        contract.of_run(run, made["image"][0], data.preparation)


@pytest.mark.slow
def test_every_variant_agrees_with_keras(published):
    card = json.loads((published["tflite"] / "card.json").read_text())
    assert not card["refused"] and card["labels"] == [] and card["task"] == "pictures given back"
    assert card["output"] == {"name": "picture", "dtype": "float32", "shape": [1, 28, 28, 1], "range": [0, 255]}
    for found in card["parity"].values():
        assert found["n"] == 96 and found["accuracy"] is None and not found["failings"]
        assert found["keras_error"] == 0 and found["error"] < 5, "from Keras' pictures"
    assert set(card["mistakes"]) == {"unscaled (0 to 1)", "-1 to 1", "transposed"}
    assert not [(name, variant, found) for name, variants in card["mistakes"].items()
                for variant, found in variants.items() if not found["caught"]]
    page = (published["tflite"] / "card.html").read_text()
    assert "Mean squared error 0.0" in page and "white being 1" in page
    assert not (published["tflite"] / "labels.txt").exists()


@pytest.mark.slow
def test_phones_can_run_it(published):
    for file in published["tflite"].glob("*.tflite"):
        content = file.read_bytes()
        assert not [op for op in graph.ops(content) if op.startswith(("Flex", "VAR_HANDLE"))]
        model = litert.Interpreter(content, file.name)
        assert model.shape == (1, 28, 28, 3) and model.dtype == "float32"
        told = metadata.read(content)
        assert told["labels"] == [] and told["output"]["name"] == "picture" and metadata.files(content) == {}


@pytest.mark.slow
def test_the_bundle_proves_itself(published):
    found, wrong = parity.recheck(published["tflite"])
    assert len(found) == 4 and not wrong
    kind, inputs, pictures, truth, words, scale = golden.read(published["tflite"])
    assert kind == "image" and inputs.shape == (32, 28, 28, 3) and pictures.shape == (32, 28, 28, 1)
    assert truth is pictures and words == () and scale == 255
    bundle = asking.opened(published["tflite"])
    assert all(checks.reader(bundle, check, "python")[0].outcome == "not run" for check in ("mediapipe",
                                                                                            "tflite-support"))


@pytest.mark.slow
def test_a_served_model_takes_pictures_of_any_kind(published, trained):
    net, data = trained
    loaded = saved_model.load(published["saved_model"])
    assert set(loaded.signatures) == {"serving_default", "encoded"}
    expected = net.predict(data.test.x[:5], verbose=0)
    np.testing.assert_allclose(loaded(data.test.x[:5])["picture"], expected, atol=1e-3)
    files = [png(picture) for picture in data.test.x[:5]]
    np.testing.assert_allclose(loaded(files, signature="encoded")["picture"], expected, atol=1e-3)
    asked = config_requests.request(published["saved_model"])
    assert json.loads(asked.body)["signature_name"] == "encoded"
    assert asked.expected.startswith("a picture of 28 x 28 pixels with a mean brightness of ")


def png(picture):
    import tensorflow as tf

    return tf.io.encode_png(picture).numpy()


def test_pictures_that_are_off_on_average_are_refused_in_int8():
    keras_ = np.zeros((4, 8, 8, 1), "float32")
    near, far = (parity.compare("int8", keras_, keras_ + by, keras_, scale=255.0) for by in (5, 6))
    assert not near.failings and "off by 6 on average, at most 5.1" in far.failings[0]
    assert near.agreement == 0 and parity.compare("int8", keras_, keras_ + 0.4, keras_, scale=255.0).agreement == 1
    assert parity.compare("float32", keras_, keras_ + 0.1, keras_, scale=255.0).failings, "a tenth of a grey level"
