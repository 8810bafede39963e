"""Clothes, and folders of pictures: grey or in colour, with classes or without."""

import numpy as np
import pytest
from PIL import Image

from dl100_tf import cli, curriculum, evaluation
from dl100_tf.errors import UserError
from dl100_tf.models import adversarial, latents
from dl100_tf.projects import gan_fashion
from dl100_tf.run import Run

Config = gan_fashion.Config
SMALL = {"epochs": 2, "width": 4, "batch_size": 32}


def folder(place, classes, mode="RGB", count=30, side=40):
    random = np.random.default_rng(0)
    for name in classes:
        (place / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture = Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)).convert(mode)
            picture.save(place / name / f"{number}.png")
    return str(place)


@pytest.mark.slow
def test_a_net_that_is_told_the_class(home):
    run = Run("gan_fashion", "told")
    scores = cli.execute(gan_fashion, Config(source="sample", conditional=True, **SMALL | {"batch_size": 256}), run)
    assert 0 <= scores["metrics"]["as_asked"] <= 100 and len(scores["latents"]["classes"]) == 10
    assert run.load_model().input_shape == (None, 48 + 10)
    assert run.path("plots/made.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("classes, mode, size, shape, kinds, metric", [
    (("a", "b"), "RGB", 48, (48, 48, 3), 20, "fid_in_cnn_mnist_features"),
    (("",), "L", 32, (32, 32, 1), 0, "frechet_distance_of_pixels")])
def test_a_folder_of_pictures(home, tmp_path, classes, mode, size, shape, kinds, metric):
    run = Run("gan_fashion", "folder")
    place = folder(tmp_path / "mine", classes, mode)
    scores = cli.execute(gan_fashion, Config(folder=place, size=size, kinds=kinds, **SMALL), run)
    assert scores["headline"][0] == metric and scores["source"] == "local"
    assert run.load_model().output_shape == (None, *shape) and run.load_model().input_shape == (None, 48 + kinds)
    assert len(scores["latents"]["classes"]) == kinds


def test_one_class_can_t_be_told(home, tmp_path):
    with pytest.raises(UserError, match="--conditional needs two classes"):
        cli.execute(gan_fashion, Config(folder=folder(tmp_path / "mine", ("",)), conditional=True, **SMALL),
                    Run("gan_fashion", "one"))


@pytest.mark.parametrize("options, message", [
    ({"size": 30, "folder": "x"}, "28 to 64 in steps of 4"), ({"size": 32}, "Fashion-MNIST's pictures have 28 pixels"),
    ({"source": "sample", "folder": "x"}, "--folder names the pictures, and --source sample others")])
def test_settings_that_mean_nothing_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Config(**options)


def test_the_class_that_is_wanted(tmp_path):
    net = latents.draws(adversarial.generator((28, 28, 1), 48 + 3, 2), "gan_fashion")
    config = Config()
    assert "9 pictures" in gan_fashion.predict(net, config, count=9, out=str(tmp_path / "a.png"), wanted=2)
    made = evaluation.pixels(net, latents.points(1, 48, 0, 3, 2))[0, ..., 0]
    with Image.open(tmp_path / "a.png") as sheet:
        assert np.array_equal(np.asarray(sheet)[2:30, 2:30], made)
    with pytest.raises(UserError, match="knows 0 to 2"):
        gan_fashion.predict(net, config, wanted=3)
    with pytest.raises(UserError, match="isn't told what to make"):
        gan_fashion.predict(latents.draws(adversarial.generator((28, 28, 1), 48, 2), "x"), config, wanted=0)


def test_days():
    assert curriculum.DAYS["gan_fashion"] == (61, 63)
