"""Mixed precision: 16 bits inside a net while it is trained, 32 at its ends and afterwards."""

import keras
import numpy as np
import pytest
from keras import layers

from dl100_tf.training import precision


@pytest.fixture
def net():
    """A net with a part of its own, large numbers in and probabilities out."""
    part_in = keras.Input((4,))
    part = keras.Model(part_in, layers.Dense(6, name="part_end")(layers.Dense(5, name="part_start")(part_in)))
    x = keras.Input((4,))
    y = layers.Dropout(0.1)(part(layers.Normalization(mean=[1e5] * 4, variance=[1.0] * 4)(x)))
    made = keras.Model(x, layers.Dense(3, activation="softmax", name="end")(layers.BatchNormalization()(y)))
    made.compile("adam", "sparse_categorical_crossentropy")
    return made


def numbers() -> np.ndarray:
    return (1e5 + np.random.default_rng(0).normal(size=(32, 4))).astype("float32")


def computed_in(net) -> dict[str, str]:
    return {layer.name: layer.compute_dtype for layer in net._flatten_layers() if not isinstance(layer, keras.Model)}


def test_the_ends_stay_in_32_bits_and_the_rest_comes_back_to_them(net):
    with precision.computing(net, "mixed_bfloat16"):
        found = computed_in(net)
        assert found["part_start"] == "bfloat16" and {weight.dtype for weight in net.weights} == {"float32"}
        kept = {name for name, dtype in found.items() if dtype == "float32"}
        assert {name.rstrip("_0123456789") for name in kept} == {"part_end", "end", "normalization", "input_layer"}
    assert set(computed_in(net).values()) == {"float32"}


def test_what_is_saved_computes_as_what_was_scored(net, tmp_path):
    x = numbers()
    before = net.predict(x, verbose=0)
    with precision.computing(net, "mixed_bfloat16"):
        rough = net.predict(x, verbose=0)
        net.fit(x, np.arange(32) % 3, verbose=0)
    after = net.predict(x, verbose=0)
    assert 0 < np.abs(rough - before).max() < 0.02
    net.save(tmp_path / "net.keras")
    assert np.array_equal(keras.saving.load_model(tmp_path / "net.keras").predict(x, verbose=0), after)


def test_an_error_inside_leaves_32_bits(net):
    with pytest.raises(KeyError), precision.computing(net, "mixed_bfloat16"):
        raise KeyError
    assert set(computed_in(net).values()) == {"float32"}


def test_float32_changes_nothing(net):
    with precision.computing(net, "float32"):
        assert set(computed_in(net).values()) == {"float32"}
