"""The net for digits: small enough, and its pictures changed but little."""

import numpy as np
import pytest

from dl100_tf.data import mnist
from dl100_tf.projects import cnn_mnist as recipe


def test_it_has_at_most_a_hundred_thousand_parameters():
    assert recipe.build_model(recipe.Config()).count_params() <= 100_000


def test_augmentation_moves_digits_a_little_and_keeps_labels():
    data = recipe.load_data(recipe.Config(source="sample"))
    x, y = data.train.x[:64], np.eye(10, dtype="float32")[data.train.y[:64]]
    config = recipe.Config()
    seen, labels = recipe.augmentation(config)(x, y, (1, 2), 0)
    seen = np.asarray(seen)
    assert labels is y and seen.dtype == np.uint8 and not np.array_equal(seen, x)
    centres = [np.stack([(part.sum(axis=(2, 3)) * np.arange(28)).sum(axis=1) / part.sum(axis=(1, 2, 3)),
                         (part.sum(axis=(1, 3)) * np.arange(28)).sum(axis=1) / part.sum(axis=(1, 2, 3))])
               for part in (x.astype(float), seen.astype(float))]
    assert np.abs(centres[0] - centres[1]).max() < config.move + 1


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_predict_names_what_the_data_set_holds(dataset, tmp_path):
    from PIL import Image

    config = recipe.Config(source="sample", dataset=dataset)
    data = recipe.load_data(config)
    assert data.labels == mnist.LABELS[dataset]
    Image.fromarray(data.test.x[0, ..., 0]).save(tmp_path / "one.png")
    answer = recipe.predict(recipe.build_model(config), config, tmp_path / "one.png")
    assert len(answer) == len(data.labels) and sum(answer) == pytest.approx(1, abs=1e-5)
