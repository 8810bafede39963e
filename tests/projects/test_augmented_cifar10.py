"""The ablation: every row has its remedy and no other, begins alike, and is trained once, whatever stops it."""

import keras
import numpy as np
import pytest

from dl100_tf import cli, training
from dl100_tf.errors import Interrupted
from dl100_tf.projects import augmented_cifar10 as recipe
from dl100_tf.run import Run

REMEDIES = recipe.Config().rows[1:]
SHORT = {"source": "sample", "images": 300, "epochs": 1, "deterministic": True, "rows": ("none", "L2"),
         "together": REMEDIES}


def pictures(count=40):
    generator = np.random.default_rng(0)
    x = generator.integers(1, 256, (count, 32, 32, 3)).astype("uint8")
    return x, np.eye(10, dtype="float32")[np.arange(count) % 10]


@pytest.mark.parametrize("remedy", recipe.Config().rows)
def test_a_row_has_its_remedy_and_no_other(remedy):
    config = recipe.Config(together=(remedy,))
    net = recipe.build_model(config)
    [dropout] = [layer for layer in net.layers if isinstance(layer, keras.layers.Dropout)]
    assert (dropout.rate > 0) == (remedy == "dropout") and bool(net.losses) == (remedy == "L2")
    x, y = pictures()
    seen, labels = (np.asarray(part) for part in recipe.augmentation(config)(x, y, (1, 2), 0))
    assert np.array_equal(seen, x) == (remedy in ("none", "dropout", "L2"))
    assert np.array_equal(labels, y) == (remedy != "mixup")


def test_together_is_the_run_s_own_model_and_none_of_it_is_left_to_chance():
    config = recipe.Config(together=("flips", "cutout"))
    x, y = pictures()
    one, again, other = (np.asarray(recipe.augmentation(config)(x, y, key, 0)[0]) for key in ((1, 2), (1, 2), (1, 3)))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert (one == 0).all(axis=-1).any(axis=(1, 2)).all()  # a hole in every picture


def test_every_row_begins_with_the_same_weights():
    nets = []
    for remedy in ("none", "dropout"):
        training.set_seeds(3, False)
        nets.append(recipe.build_model(recipe.Config(together=(remedy,), seed=3)).trainable_weights)
    assert all(np.array_equal(one.numpy(), other.numpy()) for one, other in zip(*nets, strict=True))


def test_predict_reads_a_picture_of_any_size(tmp_path):
    from PIL import Image

    Image.fromarray(pictures(1)[0][0]).resize((90, 70)).save(tmp_path / "any.png")
    config = recipe.Config(source="sample")
    answer = recipe.predict(recipe.build_model(config), config, tmp_path / "any.png")
    assert len(answer) == 10 and sum(answer) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_a_run_stopped_in_a_row_goes_on_there_and_ends_like_one_that_was_not(monkeypatch):
    config = recipe.Config(**SHORT)
    cli.execute(recipe, config, whole := Run("augmented_cifar10", "whole"))
    trained, fit = [], training.fit

    def stopped(model, data, run, config, augment=None):
        trained.append(run.directory.name)
        if trained.count("L2") == 1 and run.directory.name == "L2":
            raise Interrupted
        return fit(model, data, run, config, augment)

    monkeypatch.setattr(training, "fit", stopped, raising=False)
    run = Run("augmented_cifar10", "stopped")
    with pytest.raises(Interrupted):
        cli.execute(recipe, config, run)
    scores = cli.execute(recipe, config, run)
    assert trained == ["stopped", "none", "L2", "L2"]
    for name in ("history.csv", "parts/none/history.csv", "parts/L2/history.csv"):
        assert run.path(name).read_bytes() == whole.path(name).read_bytes(), name
    rows, twins = (one.read_json("tables/ablation.json")["rows"] for one in (run, whole))
    assert [row["remedy"] for row in rows] == ["none", "L2", "together"]
    assert [row | {"seconds": 0} for row in rows] == [row | {"seconds": 0} for row in twins]
    assert rows[-1]["test accuracy"] == pytest.approx(scores["metrics"]["accuracy"], abs=1e-6)
    assert {"gap.png", "augmentations.png"} <= {file.name for file in run.path("plots").iterdir()}
