"""Grad-CAM on nets whose answer is known to depend on one place of the picture."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from dl100_tf import evaluation
from dl100_tf.errors import UserError
from dl100_tf.evaluation import layers as drawing
from dl100_tf.evaluation import saliency

SIDE = 16


def looks_at(corner, k=2, squash="softmax", nested=False):
    """A net that passes brightness on, and whose last class is as likely as one corner (row, column) is bright."""
    image = keras.Input((SIDE, SIDE, 1), name="image")
    body_in = keras.Input((SIDE, SIDE, 1))
    features = layers.Conv2D(2, 3, padding="same", name="conv")(body_in)
    features = layers.AveragePooling2D(4, name="pool")(features)
    body = keras.Model(body_in, features, name="body")
    x = layers.Rescaling(1 / 255)(image)
    x = body(x) if nested else layers.AveragePooling2D(4, name="pool")(
        layers.Conv2D(2, 3, padding="same", name="conv")(x))
    x = layers.Flatten()(x)
    model = keras.Model(image, layers.Dense(k, activation=squash, name="probability")(x))
    kernel = np.zeros((3, 3, 1, 2), "float32")
    kernel[1, 1, 0] = (1, 0)
    weights = np.zeros((4, 4, 2, k), "float32")
    weights[corner[0], corner[1], 0, -1] = 40
    found = {layer.name: layer for layer in saliency.flat(model)}
    found["conv"].set_weights([kernel, np.zeros(2, "float32")])
    found["probability"].set_weights([weights.reshape(-1, k), np.full(k, -1.0, "float32")])
    return model


def hottest(heat):
    return np.unravel_index(heat.argmax(), heat.shape)


@pytest.mark.parametrize(("corner", "place"), [((0, 0), (0, 0)), ((3, 0), (1, 0)), ((0, 3), (0, 1)), ((3, 3), (1, 1))])
@pytest.mark.parametrize("options", [{}, {"nested": True}, {"k": 1, "squash": "sigmoid"}, {"k": 3}])
def test_the_corner_that_decides_is_hot(corner, place, options):
    model = looks_at(corner, **options)
    random = np.random.default_rng(0)
    images = random.integers(0, 40, (3, SIDE, SIDE, 1), dtype=np.uint8)
    rows, columns = (slice(4 * part, 4 * part + 4) for part in corner)
    images[:, rows, columns] = 255
    before = [weight.copy() for weight in model.get_weights()]
    heat = evaluation.grad_cam(model, "conv")(images)
    assert heat.shape == (3, SIDE, SIDE) and heat.dtype == np.float32
    assert heat.min() >= 0 and heat.max(axis=(1, 2)) == pytest.approx(1)
    for one in heat:
        row, column = hottest(one)
        assert (row // 8, column // 8) == place
        outside = np.ones_like(one, bool)
        outside[rows, columns] = False
        assert one[outside].mean() < one[~outside].mean() / 3
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))


def test_a_certain_net_still_has_a_gradient():
    model = looks_at((0, 0))
    image = np.zeros((1, SIDE, SIDE, 1), np.uint8)
    image[:, :4, :4] = 255
    assert model.predict(image, verbose=0)[0, -1] == 1  # the softmax is flat here
    assert hottest(evaluation.grad_cam(model, "conv")(image)[0])[0] < 4


@pytest.mark.parametrize("options", [{"k": 3}, {"k": 1, "squash": "sigmoid"}])
def test_what_speaks_for_another_class_can_be_asked(options):
    image = np.zeros((2, SIDE, SIDE, 1), np.uint8)
    image[:, 4:8, 12:16] = 255
    heat = evaluation.grad_cam(looks_at((1, 3), **options), "conv")(image, np.array([-1 % max(options["k"], 2), 0]))
    assert hottest(heat[0])[1] >= 12 and heat[1].max() == 0


def test_the_model_is_as_it_was():
    model = looks_at((0, 0), nested=True)
    image = np.full((1, SIDE, SIDE, 1), 90, np.uint8)
    before, config = model.predict(image, verbose=0), model.to_json()
    evaluation.grad_cam(model, "pool")(image)
    assert np.array_equal(model.predict(image, verbose=0), before) and model.to_json() == config
    assert saliency.find(model, "pool").output.shape == (None, 4, 4, 2)
    assert not any("call" in vars(layer) for layer in saliency.flat(model))


def test_heat_has_the_size_of_the_picture_and_batches_join():
    model = looks_at((0, 0), nested=True)
    images = np.random.default_rng(0).integers(0, 256, (saliency.BATCH + 3, SIDE, SIDE, 1), dtype=np.uint8)
    cam = evaluation.grad_cam(model, "body")  # 4 x 4 features, a nested model as a whole
    heat = cam(images)
    assert heat.shape == (len(images), SIDE, SIDE)
    assert heat[-1] == pytest.approx(cam(images[-1:])[0], abs=1e-5)
    assert cam(images[:0]).shape == (0, SIDE, SIDE)


def test_a_net_that_sees_nothing_is_cold():
    heat = evaluation.grad_cam(looks_at((0, 0)), "conv")(np.zeros((2, SIDE, SIDE, 1), np.uint8))
    assert np.isfinite(heat).all() and heat.max() == 0


@pytest.mark.parametrize("end", [layers.Softmax, lambda: layers.Activation("softmax"), lambda: layers.Rescaling(1.0)])
def test_a_sequential_net_without_a_dense_end(end):
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Conv2D(4, 3, name="conv", activation="relu"),
                              layers.GlobalAveragePooling2D(), end()])
    images = np.random.default_rng(0).integers(0, 255, (2, SIDE, SIDE, 3), np.uint8)
    heat = evaluation.grad_cam(model, "conv")(images)
    assert heat.shape == (2, SIDE, SIDE) and np.isfinite(heat).all() and heat.max() == 1


def test_a_layer_that_is_not_there():
    with pytest.raises(UserError, match=r"no layer 'convolution'.*conv, pool"):
        evaluation.grad_cam(looks_at((0, 0)), "convolution")


def test_layers_are_drawn(trained):
    image = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 1), np.uint8)
    paths = evaluation.draw_layers(looks_at((0, 0), nested=True), image, trained)
    assert [path.name for path in paths] == ["filters.png", "feature_maps.png"] and all(p.is_file() for p in paths)


def test_of_a_deep_and_wide_net_a_part_is_drawn(trained, monkeypatch):
    image = keras.Input((SIDE, SIDE, 3))
    x = image
    for depth in range(9):
        x = layers.Conv2D(48, 3, padding="same", activation="relu", name=f"conv{depth}")(x)
    model = keras.Model(image, layers.GlobalAveragePooling2D()(x))
    drawn = {}
    monkeypatch.setattr(drawing, "put", lambda axis, picture, *place: drawn.setdefault(id(axis), []).append(picture))
    evaluation.draw_layers(model, np.zeros((SIDE, SIDE, 3), np.uint8), trained)
    filters, _, maps, _ = drawn.values()
    assert len(filters) == 32 and filters[0].shape == (3, 3, 3)
    assert len(maps) == 1 + 6 * 32
    said = json.loads(trained.path("plots/captions.json").read_text(encoding="utf-8"))
    assert "32 of 48 filters" in said["filters"]["caption"]


def test_a_net_without_a_convolution_has_nothing_to_draw(trained):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    with pytest.raises(UserError, match="no two-dimensional convolution"):
        evaluation.draw_layers(model, np.zeros((4,), np.uint8), trained)
