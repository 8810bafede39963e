"""Nets cut in two: where that can be done, and what is trained of them."""

import keras
import numpy as np
import pytest
from keras import layers

from dl100_tf.errors import UserError
from dl100_tf.models import cuts


@pytest.fixture(scope="module")
def net():
    """Two residual blocks and an end: input, stem, one_a, one_b, one_add, two_a, two_b, two_add, top."""
    image = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="stem")(image)
    for block in ("one", "two"):
        inner = layers.BatchNormalization(name=f"{block}_a")(x)
        inner = layers.Conv2D(4, 3, padding="same", activation="relu", name=f"{block}_b")(inner)
        x = layers.Add(name=f"{block}_add")([x, inner])
    return keras.Model(image, layers.Conv2D(2, 1, name="top")(x))


@pytest.fixture
def pictures():
    return np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype("float32")


@pytest.mark.parametrize(("thaw", "below"), [
    ("top", "two_add"), ("two", "one_add"), ("two_a", "one_add"), ("two_b", "one_add"), ("two_add", "one_add"),
    ("one", "stem"), ("stem", "image"), ("all", "image"), ("1", "image"), ("1.0", "image"),
    ("0.1", "two_add"), ("0.2", "one_add"), ("0.5", "one_add"), ("0.6", "stem"), ("0.001", "two_add")])
def test_a_net_is_cut_where_one_tensor_alone_connects(net, thaw, below):
    assert cuts.cut(net, thaw) is net.get_layer(below).output


@pytest.mark.parametrize("below", ["stem", "one_add", "two_add"])
def test_the_parts_make_the_whole(net, pictures, below):
    lower, upper = cuts.parted(net, net.get_layer(below).output)
    assert np.array_equal(upper(lower(pictures)), net(pictures))
    assert all(any(layer is own for own in net.layers) for layer in upper.layers if layer.weights)


def test_below_the_input_there_is_nothing(net):
    assert cuts.parted(net, cuts.cut(net, "all")) == (None, net)


@pytest.mark.parametrize(("thaw", "match"), [
    ("tow_a", r"no layer of this backbone begins with 'tow_a', did you mean two_a\? Its last layers: .*top\.$"),
    ("xyz", r"no layer of this backbone begins with 'xyz'\. Its last layers"),
    ("0", "--thaw can't be 0: as a share of the layers it is over 0"), ("1.5", "--thaw can't be 1.5"),
    ("-0.5", "--thaw can't be -0.5"), ("nan", "--thaw can't be nan")])
def test_nonsense_is_refused(net, thaw, match):
    with pytest.raises(UserError, match=match):
        cuts.cut(net, thaw)


@pytest.mark.parametrize("norms", [True, False])
def test_only_the_part_is_trained(net, norms):
    lower, upper = cuts.thaw(net, net.get_layer("one_add").output, norms)
    assert not lower.trainable_weights
    assert {layer.name for layer in net.layers if layer.trainable and layer.weights} == (
        {"two_a", "two_b", "top"} if norms else {"two_b", "top"})
    assert len(upper.trainable_weights) == (6 if norms else 4)


def test_frozen_normalisation_stays_as_it_was(net, pictures):
    _, upper = cuts.thaw(net, net.get_layer("stem").output, norms=False)
    before = net.get_layer("one_a").get_weights()
    upper(np.random.default_rng(1).normal(5, 3, size=(9, 8, 8, 4)).astype("float32"), training=True)
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_layer("one_a").get_weights(), strict=True))


def test_the_last_maps(net):
    features = layers.GlobalAveragePooling2D()(net.outputs[0])
    assert cuts.last_maps(keras.Model(net.inputs[0], layers.Dense(2)(features))) == "top"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "thaw"), [("MobileNetV2", "block_13"), ("ResNet50", "conv5"), ("VGG16", "block5"),
                                            ("EfficientNetV2B0", "block6"), ("DenseNet121", "conv5"),
                                            ("MobileNet", "0.25"), ("Xception", "block14"), ("InceptionV3", "0.2"),
                                            ("MobileNetV3Small", "0.25"), ("ConvNeXtTiny", "convnext_tiny_stage_3")])
def test_every_family_can_be_cut_well_above_its_input(name, thaw):
    from dl100_tf.models import backbones

    body, _ = backbones.load(name, 96, "none")
    start = cuts.cut(body, thaw)
    lower, upper = cuts.parted(body, start)
    assert len(upper.layers) < 0.5 * len(body.layers)
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 96, 96, 3)).astype("float32")
    assert np.allclose(upper(lower(pixels)), body(pixels), rtol=1e-4)


def test_a_layer_goes_by_its_name(net):
    assert cuts.layer(net, "one_b") is net.get_layer("one_b")
    with pytest.raises(UserError, match=r"'one_bb', did you mean one_b\? Its last layers: .*top"):
        cuts.layer(net, "one_bb")
