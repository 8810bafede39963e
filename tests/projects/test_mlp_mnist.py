import dataclasses

import numpy as np
import tensorflow as tf

from dl100_tf.models import scratch
from dl100_tf.projects import mlp_mnist
from dl100_tf.projects.mlp_mnist import Config

PLAIN = Config(hidden=(32, 16), normalise=False, dropout=0.0, augment=False)


def test_settings_survive_json():
    assert Config(hidden=[64, 32]).hidden == (64, 32)
    assert Config(**dataclasses.asdict(Config())) == Config()


def test_with_everything_off_it_is_the_network_of_numpy_mnist():
    model = mlp_mnist.build_model(PLAIN)
    twin = scratch.Network((784, 32, 16, 10), seed=1)
    model.set_weights(list(twin.parameters.values()))
    raw = np.random.default_rng(0).integers(0, 256, (7, 28, 28, 1)).astype("uint8")
    np.testing.assert_allclose(model.predict(raw, verbose=0), twin.predict(raw.reshape(7, -1) * np.float32(1 / 255)),
                               atol=1e-6)


def test_every_choice_shows_in_the_layers():
    kinds = [type(layer).__name__ for layer in mlp_mnist.build_model(Config(hidden=(8, 8, 8))).layers]
    assert kinds.count("Dense") == 4 and kinds.count("BatchNormalization") == kinds.count("Dropout") == 3
    plain = [type(layer).__name__ for layer in mlp_mnist.build_model(PLAIN).layers]
    assert not {"BatchNormalization", "Dropout"} & set(plain)
    assert not any("Conv" in kind for kind in kinds), "the lesson is how far dense layers go"


def test_input_and_output_are_named_and_take_raw_pixels():
    model = mlp_mnist.build_model(Config(hidden=(8,)))
    assert model.inputs[0].name == "image" and model.output_names == ["probability"]
    assert model.inputs[0].shape == (None, 28, 28, 1)


def test_pictures_are_moved_by_the_key_alone_and_labels_are_not():
    x = tf.constant(np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1)).astype("uint8"))
    y = tf.range(5)
    move = mlp_mnist.moved(Config())
    once, again, other = (move(x, y, tf.constant(key), 0) for key in ([1, 2], [1, 2], [1, 3]))
    assert once[0].dtype == tf.uint8 and once[0].shape == x.shape and np.array_equal(once[1], y)
    assert np.array_equal(once[0], again[0]) and not np.array_equal(once[0], other[0])
    assert mlp_mnist.moved(PLAIN) is None
