"""Autoencoders on digits: what the tables say, what a picture becomes, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from dl100_tf import cli, curriculum
from dl100_tf.errors import UserError
from dl100_tf.projects import autoencoder_mnist
from dl100_tf.projects.autoencoder_mnist import Config
from dl100_tf.run import Run

SMALL = {"source": "sample", "epochs": 2, "sizes": (1, 2, 4), "code": 16, "deterministic": True}


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_it_goes_the_whole_way(dataset, home):
    run = Run("autoencoder_mnist", dataset)
    scores = cli.execute(autoencoder_mnist, Config(**SMALL, dataset=dataset), run)
    rows = run.read_json("tables/bottlenecks.json")["rows"]
    assert [row["numbers"] for row in rows] == [1, 2, 4]
    pca = [row["PCA, error"] for row in rows]
    assert pca == sorted(pca, reverse=True) and all(0 < error < 0.2 for error in pca)
    assert scores["metrics"]["pca_ratio"] == rows[-1]["net / PCA"]
    kinds = [row["noise"] for row in run.read_json("tables/denoising.json")["rows"]]
    assert kinds == ["gaussian", "salt and pepper", "erased"]
    assert run.path("plots/codes-2.png").is_file() and not run.path("plots/codes-1.png").exists()
    assert scores["train_seconds"] > run.part("bottleneck-2").read_json("training.json")["train_seconds"]


@pytest.mark.slow
def test_noise_is_taken_away_from_digits_that_it_has_not_seen(home):
    """The sample's digits are few; on them alone a few epochs beat the noise, if not yet the median filter."""
    run = Run("autoencoder_mnist", "one")
    config = Config(**SMALL | {"epochs": 12, "sizes": (2,), "code": 64, "noise": ("gaussian",), "batch_size": 32})
    scores = cli.execute(autoencoder_mnist, config, run)
    assert scores["metrics"]["psnr_gaussian"] > scores["metrics"]["psnr_gaussian_noisy"] + 3
    assert "psnr_erased" not in scores["metrics"]


def test_a_picture_is_restored_into_a_file(tmp_path, monkeypatch):
    config = Config(**SMALL)
    model = autoencoder_mnist.build_model(config, 4)
    assert model.output_shape == (None, 28, 28, 1) and model.get_layer("code").units == 4
    digit = np.zeros((28, 28), "uint8")
    digit[5:23, 12:16] = 255
    Image.fromarray(digit).save(tmp_path / "one.png")
    monkeypatch.chdir(tmp_path)
    said = autoencoder_mnist.predict(model, config, tmp_path / "one.png")
    assert said == f"restored: {tmp_path}/one-restored.png"
    with Image.open(tmp_path / "one-restored.png") as found:
        expected = model.predict(digit[None, ..., None], verbose=0)[0, ..., 0]
        assert np.array_equal(found, expected.round().astype("uint8"))
    assert "elsewhere.png" in autoencoder_mnist.predict(model, config, tmp_path / "one.png", out="elsewhere.png")


@pytest.mark.parametrize("settings", [{"sizes": ()}, {"noise": ()}, {"sizes": (2, 784)}])
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(UserError, match="--sizes takes numbers below 784"):
        Config(**settings)


def test_noise_is_as_loud_as_the_settings_say():
    x = np.full((40, 28, 28, 1), 128, "uint8")
    noises = Config(sigma=0.1, share=0.5, side=28).noises()
    assert np.asarray(noises["gaussian"](x, (0, 1))).std() == pytest.approx(25.5, rel=0.05)
    assert np.mean(np.asarray(noises["salt_and_pepper"](x, (0, 1))) != 128) == pytest.approx(0.5, abs=0.02)
    assert np.mean(np.asarray(noises["erased"](x, (0, 1))) == 0) > 0.25
    assert list(Config(noise=("erased",)).noises()) == ["erased"]


def test_days():
    assert curriculum.DAYS["autoencoder_mnist"] == (64, 67)
