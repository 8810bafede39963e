import dataclasses

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dl100_tf.training import LookInside, tensorboard


@dataclasses.dataclass
class Part:
    x: np.ndarray
    y: np.ndarray


@pytest.fixture
def pictures():
    random = np.random.default_rng(0)
    return Part(random.integers(0, 256, (50, 6, 4, 1)).astype("uint8"), random.integers(0, 3, 50).astype("int32"))


def made():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6, 4, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(),
                              keras.layers.Dense(5, "relu", name="dense_1"), keras.layers.Dropout(0.5),
                              keras.layers.Dense(3, "softmax", name="probability")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.fixture
def model():
    return made()


def written(folder):
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    found.Reload()
    return {tag: [event.step for event in found.Tensors(tag)] for tag in found.Tags()["tensors"]}


def test_every_epoch_writes_histograms_and_pictures(model, pictures, tmp_path):
    model.fit(pictures.x, pictures.y, epochs=2, verbose=0,
              callbacks=[LookInside(tmp_path, pictures, ["a", "b", "c"])])
    assert written(tmp_path) == {tag: [0, 1] for tag in (
        "dense_1/kernel", "dense_1/bias", "probability/kernel", "probability/bias", "first layer", "mistakes",
        "mistakes, row by row")}


def test_looking_changes_nothing(model, pictures, tmp_path):
    twin = made()
    for net, callbacks in ((model, [LookInside(tmp_path, pictures, "abc")]), (twin, [])):
        net.fit(pictures.x, pictures.y, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_mistakes_and_without_dense_layers_there_is_less_to_show(pictures, tmp_path):
    image = keras.Input((6, 4, 1))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 3)(image)))
    pictures.y = np.argmax(model(pictures.x), axis=1)
    look = LookInside(tmp_path, pictures, "abc")
    look.set_model(model)
    look.on_epoch_end(0)
    found = written(tmp_path)
    assert len(found) == 2 and all(tag.startswith("conv2d") for tag in found)


def test_weights_as_pictures_keep_their_place():
    kernel = np.zeros((6, 2), "float32")
    kernel[1, 0], kernel[5, 1] = 3, -2
    page = tensorboard.as_pictures(kernel, (2, 3, 1))
    assert page.shape == (2, 7, 1)
    assert np.array_equal(page[..., 0], [[0.5, 1, 0.5, 0, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0, 0.5, 0.5, 0]])


def test_a_grid_is_as_square_as_it_can_be():
    page = tensorboard.grid(np.ones((5, 2, 2, 3)))
    assert page.shape == (5, 8, 3) and page.dtype == np.float32
    assert not page[2].any() and not page[:, 2].any() and not page[3:, 6:].any() and page[3:, :2].all()
