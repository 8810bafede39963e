"""Anomalies: what is fitted sees the normal class alone, and the saved model gives what the tables were made of."""

import numpy as np
import pytest

from dl100_tf import cli, curriculum, evaluation
from dl100_tf.data import drawn
from dl100_tf.errors import UserError
from dl100_tf.models import backbones, detectors, features
from dl100_tf.projects import anomaly_cifar10
from dl100_tf.projects.anomaly_cifar10 import Config
from dl100_tf.run import Run

SMALL = {"source": "sample", "size": 32, "epochs": 1, "deterministic": True, "code": 8}


def test_the_normal_class_goes_by_name_or_number():
    for named in ("star", "6"):
        data = anomaly_cifar10.load_data(Config(source="sample", normal=named))
        assert data.labels == ("star", "anything else") and not data.train.y.any()
        assert set(data.test.y) == set(data.validation.y) == {0, 1} and len(data.train) < 250
    with pytest.raises(UserError, match="there is no class 'stars', did you mean star"):
        anomaly_cifar10.load_data(Config(source="sample", normal="stars"))


def test_features_are_the_mean_of_a_picture_and_its_mirror_image(weights):
    body, _ = backbones.load("MobileNetV2", 64, weights)
    eye = anomaly_cifar10.build_model(Config(**SMALL | {"size": 64}), body)
    x = drawn.pictures(3, 0)[0].astype("float32")
    np.testing.assert_allclose(eye(x), eye(x[:, :, ::-1]), atol=1e-4)
    np.testing.assert_allclose(eye(x)[:1], eye(x[:1]), atol=1e-4)  # nothing in it takes a call for training
    assert eye.input_shape == (None, 32, 32, 3) and len(eye.output_shape) == 2
    with pytest.raises(UserError, match="no layer of this backbone is called 'block_99_add'"):
        anomaly_cifar10.build_model(Config(layers=("block_99_add",)), body)


def test_more_neighbours_than_pictures_are_refused_before_anything_is_trained(home):
    with pytest.raises(UserError, match=r"--neighbours 999: there are \d+ pictures of a class to learn from"):
        cli.execute(anomaly_cifar10, Config(**SMALL, neighbours=999, weights="none"), Run("anomaly_cifar10", "many"))
    assert not Run("anomaly_cifar10", "many").path("history.csv").exists()


@pytest.mark.slow
def test_it_goes_the_whole_way(weights, home):
    detector = "mahalanobis"  # tests/test_recipes.py has neighbours
    run = Run("anomaly_cifar10", detector)
    scores = cli.execute(anomaly_cifar10, Config(**SMALL, detector=detector, normal="6", weights=weights), run)
    *rows, mean = run.read_json("tables/classes.json")["rows"]
    assert [row["normal class"] for row in rows] == list(drawn.SHAPES) and mean["normal class"] == "mean"
    assert scores["metrics"]["auroc_mean"] == mean[detector] == pytest.approx(np.mean([row[detector] for row in rows]))
    assert scores["metrics"]["auroc"] == pytest.approx(rows[6][detector], abs=1e-3), "of the model that is saved"
    assert scores["headline"] == ["auroc_mean", "auroc_autoencoder"] and scores["labels"] == ["star", "anything else"]
    assert len(list(run.path("parts").glob("normal-*"))) == 9, "the tenth is the run itself"
    y, odd = (np.load(run.path("predictions.npz"))[name] for name in ("y", "probabilities"))
    assert (odd[y == 0, 1] < 0.5).mean() > 0.5, "most normal pictures pass"
    assert "AUROC mean" in run.path("report.md").read_text()


@pytest.mark.slow
def test_real_photographs_are_told_apart(real_data):
    file = real_data / "weights/mobilenet_v2_imagenet_notop.weights.h5"
    if not file.exists():
        pytest.skip("needs the weights in the data folder")
    config = Config(source="local", data_dir=str(real_data), weights=str(file))
    pictures = anomaly_cifar10.load_classes(config)
    eye = anomaly_cifar10.build_model(config, backbones.load(config.backbone, config.size, config.weights)[0])
    few = {"train": pictures.train.take(slice(1000)), "test": pictures.test.take(slice(300))}
    seen, _ = features.of_parts(eye, {part: split.x for part, split in few.items()})
    for each in detectors.of_each(seen["train"], few["train"].y, config.neighbours, config.shrinkage).values():
        found = [evaluation.auroc(one(seen["test"]), few["test"].y != normal) for normal, one in enumerate(each)]
        assert np.mean(found) > 0.8, "from a hundred pictures a class"


def test_days():
    assert curriculum.DAYS["anomaly_cifar10"] == (68, 70)
