"""The small CNN: its net, how its pictures grow, and the settings it refuses."""

import keras
import numpy as np
import pytest

from dl100_tf.data import drawn
from dl100_tf.errors import UserError
from dl100_tf.projects import cnn_cifar10 as recipe
from dl100_tf.training import Muon


def test_the_net_takes_pictures_of_any_size_and_its_kernels_are_turned_by_muon():
    net = recipe.build_model(recipe.Config(widths=(8, 12, 16)))
    x = drawn.pictures(3, 0, 32)[0].astype("float32")
    for side in (24, 32):
        assert np.allclose(net(x[:, :side, :side]).numpy().sum(axis=1), 1, atol=1e-5)
    assert isinstance(net.optimizer, Muon)
    frozen = {weight.path.split("/")[-1] for weight in net.non_trainable_weights}
    assert {"gamma", "kernel"} <= frozen and not net.get_layer("whitening").trainable
    assert len([layer for layer in net.layers if isinstance(layer, keras.layers.Conv2D)]) == 8


def test_pictures_grow_and_each_is_mirrored_every_other_epoch():
    config = recipe.Config(epochs=13, shift=0)
    changed, x = recipe.augmentation(config), keras.ops.convert_to_tensor(drawn.pictures(6, 0, 32)[0])
    sides = [changed(x, None, (0, 1), epoch)[0].shape[1] for epoch in range(13)]
    assert sides == [24] * 4 + [28] * 4 + [32] * 5
    even, odd, again = (changed(x, None, (0, 1), epoch)[0].numpy() for epoch in (10, 11, 12))
    assert np.array_equal(even, again) and np.array_equal(even, odd[:, :, ::-1])


@pytest.mark.parametrize(("settings", "match"), [
    ({"widths": ()}, "--widths takes one to four"), ({"widths": (8, 0)}, "--widths can't be 0"),
    ({"patch": 1}, "--components goes to 3"), ({"smallest": 16, "widths": (8, 8, 8, 8)}, "--smallest 16"),
    ({"momentum": 1.5}, "--momentum"), ({"smoothing": 3.0}, "--smoothing")])
def test_settings_that_make_no_net_are_refused(settings, match):
    with pytest.raises(UserError, match=match):
        recipe.Config(**settings)
