"""Autoencoders: their shapes, their two halves, and that they learn."""

import keras
import numpy as np
import pytest

from dl100_tf.data import Source, Split, Splits, drawn
from dl100_tf.errors import UserError
from dl100_tf.models import autoencoders


@pytest.mark.parametrize(("shape", "widths"), [((28, 28, 1), (4, 8)), ((32, 32, 3), (4, 8, 8)), ((8, 16, 1), (4,))])
def test_what_comes_out_is_as_large_as_what_goes_in(shape, widths):
    net = autoencoders.convolutional(shape, 5, widths)
    assert net.output_shape == net.input_shape == (None, *shape)
    assert net.inputs[0].name == "image" and net.output_names == ["picture"]
    found = net.predict(np.full((2, *shape), 255, "uint8"), verbose=0)
    assert found.min() >= 0 and found.max() <= 255 and found.max() > 1, "in the unit of what goes in"


def test_the_halves_make_the_whole():
    net = autoencoders.convolutional((8, 8, 1), 3, (4, 4))
    x = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1)).astype("float32")
    codes = autoencoders.encoder(net)(x)
    assert codes.shape == (5, 3)
    np.testing.assert_allclose(autoencoders.decoder(net)(codes), net(x), atol=1e-4)


def test_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(UserError, match=r"28 x 28 pixels can't be halved 3 times"):
        autoencoders.convolutional((28, 28, 1), 3, (4, 4, 4))


def test_it_learns_what_pictures_have_in_common():
    keras.utils.set_random_seed(0)
    x = drawn.clothes(300, 0)[0].astype("float32")
    net = autoencoders.convolutional((28, 28, 1), 16, (8, 16))
    net.compile(keras.optimizers.Adam(5e-3), "mse")
    net.fit(x[:250], x[:250], batch_size=25, epochs=12, verbose=0)
    assert net.evaluate(x[250:], x[250:], verbose=0) < 0.5 * x[250:].var(axis=0).mean(), "the mean picture is no match"


def test_pca_loses_what_its_directions_leave_out():
    random = np.random.default_rng(0)
    flat = 128 + random.normal(size=(80, 2)) @ random.normal(0, 20, (2, 16))  # within a plane
    split = [Split(x.reshape(-1, 4, 4, 1).clip(0, 255), np.zeros(len(x))) for x in (flat[:60], flat[:4], flat[60:])]
    data = Splits(*split, labels=("a",), source=Source("sample", "here", "0"))
    one, two = (np.square(autoencoders.by_pca(data, numbers) - data.test.x).mean() for numbers in (1, 2))
    assert two < 1e-3 * one < one
