"""Backbones: every one's preprocessing, weights from anywhere, and what is said when they don't fit."""

import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from dl100_tf.data import order
from dl100_tf.errors import UserError
from dl100_tf.models import backbones
from dl100_tf.run import Run

SLOW = pytest.mark.slow
A_FAMILY_EACH = ["MobileNetV2", *(pytest.param(name, marks=SLOW) for name in (
    "VGG16", "VGG19", "ResNet50", "ResNet50V2", "DenseNet121", "InceptionV3", "InceptionResNetV2", "Xception",
    "NASNetMobile", "MobileNet", "MobileNetV3Small", "EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny"))]


@pytest.fixture
def pixels():
    return np.random.default_rng(0).uniform(0, 255, (2, 96, 96, 3)).astype("float32")


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """An empty folder in place of the one where Keras keeps downloads."""
    import keras

    monkeypatch.setattr(keras.src.backend.config, "_KERAS_DIR", str(tmp_path / "keras"))
    (tmp_path / "keras").mkdir()
    return tmp_path / "keras/models"


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    """Weights of MobileNetV2 as its authors' file would be: in Keras' older format, whose layers go by their order."""
    import keras

    file = tmp_path_factory.mktemp("weights") / "mobilenet_v2.h5"
    plain("MobileNetV2").save_weights(file.with_suffix(".weights.h5"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.src.legacy.saving.legacy_h5_format.save_model_to_hdf5(plain("MobileNetV2", 1), file)
    return file


def plain(name, seed=0, size=96):
    """The backbone as Keras builds it, with random weights."""
    import keras

    keras.utils.set_random_seed(seed)
    return getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(size, size, 3))


def library(name):
    import keras

    return sys.modules[getattr(keras.applications, name).__module__]


def closeness(one, two):
    """How far two outputs are apart, as a share of their size."""
    assert np.abs(two).max() > 0
    return float(np.abs(one - two).max() / np.abs(two).max())


def test_the_names_are_those_of_keras():
    import inspect

    import keras

    functions = {name for name, value in vars(keras.applications).items() if inspect.isfunction(value)}
    assert set(backbones.NAMES) == {name for name in functions if name[0].isupper()}


@pytest.mark.parametrize(("word", "meant"), [("mobilenetv2", "MobileNetV2"), ("VGG-16", "VGG16"),
                                             ("Resnet50", "ResNet50"), ("efficientnet_v2b0", "EfficientNetV2B0")])
def test_a_misspelt_name_is_understood(word, meant):
    with pytest.raises(UserError, match=f"no backbone '{word}', did you mean {meant}\\?"):
        backbones.check(word)


def test_an_unknown_name_gets_the_list():
    with pytest.raises(UserError, match=r"no backbone 'llama'\. There are: ConvNeXtBase, .*Xception\.$"):
        backbones.check("llama")


@pytest.mark.parametrize("name", backbones.NAMES)
def test_the_preprocessing_inside_is_the_family_s_own(name, pixels):
    import keras

    image = keras.Input((96, 96, 3))
    inside = keras.Model(image, backbones.preprocessed(image, backbones.READS[name]))
    expected = library(name).preprocess_input(pixels.copy())
    assert np.allclose(inside(pixels), expected, atol=1e-4, rtol=1e-5)
    assert (backbones.READS[name] == "built in") == np.array_equal(expected, pixels)


@pytest.mark.parametrize("name", A_FAMILY_EACH)
def test_raw_pixels_give_what_keras_gives_for_preprocessed_ones(name, pixels, tmp_path, monkeypatch):
    import keras

    known = plain(name)
    known.save_weights(tmp_path / "known.weights.h5")
    if name.startswith("EfficientNetB"):  # with ImageNet's weights, Keras builds it with a layer more
        monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: tmp_path / "known.weights.h5")
        known = getattr(keras.applications, name)(include_top=False, weights="imagenet", input_shape=(96, 96, 3))
        monkeypatch.undo()
    ours, weights = backbones.load(name, 96, str(tmp_path / "known.weights.h5"))
    expected = known(library(name).preprocess_input(pixels.copy()), training=False).numpy()
    assert closeness(ours(pixels, training=False).numpy(), expected) < 1e-3
    assert weights == str(tmp_path / "known.weights.h5")
    if backbones.READS[name] != "built in":
        assert closeness(known(pixels, training=False).numpy(), expected) > 0.1, "the test can tell"


def test_imagenet_is_downloaded_once_whole_or_not_at_all(nowhere, weights_file, monkeypatch, pixels):
    asked = []

    def retrieve(url, target, progress):
        asked.append(url)
        shutil.copy(weights_file, target)
        if len(asked) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", retrieve)
    with pytest.raises(KeyboardInterrupt):
        backbones.load("MobileNetV2", 96, "imagenet")
    assert not list(nowhere.glob("*.h5")), "Keras would trust what a kill left behind"
    models = [backbones.load("MobileNetV2", 96, "imagenet")[0] for _ in range(2)]
    assert len(asked) == 2 and asked[0].startswith("https://storage.googleapis.com/")
    expected = plain("MobileNetV2", 1)(library("MobileNetV2").preprocess_input(pixels.copy()), training=False).numpy()
    for model in models:
        assert closeness(model(pixels, training=False).numpy(), expected) < 1e-3


def test_imagenet_without_a_network_says_the_ways_round(nowhere):
    asked = []
    with pytest.raises(backbones.Offline, match=r"MobileNetV2 are not on this machine, and storage\.googleapis\.com "
                                                r"can't be reached: connect .* --weights FILE"):
        backbones.load("MobileNetV2", 96, "imagenet", online=lambda url: asked.append(url))
    assert len(asked) == 1 and "mobilenet_v2" in asked[0]


def test_auto_without_a_network_is_random_and_says_so(nowhere):
    with pytest.warns(UserWarning, match="RANDOM WEIGHTS.*can't be reached"):
        model, weights = backbones.load("MobileNetV2", 32, "auto", seed=3, online=lambda url: False)
    again, _ = backbones.load("MobileNetV2", 32, "none", seed=3)
    other, _ = backbones.load("MobileNetV2", 32, "none", seed=4)
    assert weights == "none"
    assert backbones.digest(model) == backbones.digest(again) != backbones.digest(other)


def test_weights_of_another_net_are_refused(weights_file):
    with pytest.raises(UserError, match=r"^the weights .*mobilenet_v2.* don't fit MobileNet: they have to be"):
        backbones.load("MobileNet", 96, str(weights_file.with_suffix(".weights.h5")))


@pytest.mark.parametrize(("name", "content", "match"), [
    ("w.weights.h5", None, "there is no weights file .*w.weights.h5: correct --weights"),
    ("w.txt", b"hello", "can't be a weights file of Keras: its name has to end in"),
    ("w.weights.h5", b"hello", "can't be read .*: the file is damaged or not HDF5"),
    ("w.h5", b"", "can't be read .*: the file is damaged or not HDF5"),
])
def test_a_file_that_is_none_is_named(tmp_path, name, content, match):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=match) as caught:
        backbones.load("MobileNetV2", 32, str(tmp_path / name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", [0.2, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_a_truncated_file_is_named(tmp_path, weights_file, suffix, part):
    content = weights_file.with_suffix(suffix).read_bytes()
    (tmp_path / f"w{suffix}").write_bytes(content[:int(part * len(content))])
    with pytest.raises(UserError, match=f"w{suffix}.*damaged") as caught:
        backbones.load("MobileNetV2", 96, str(tmp_path / f"w{suffix}"))
    assert "\n" not in str(caught.value)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    model = plain("MobileNetV2", size=32)
    model.layers[1].set_weights([np.full_like(model.layers[1].get_weights()[0], np.nan)])
    model.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(UserError, match="hold NaN or infinite values"):
        backbones.load("MobileNetV2", 32, str(tmp_path / "w.weights.h5"))


def test_pictures_that_are_too_small_are_refused():
    with pytest.raises(UserError, match=r"InceptionV3 can't read pictures of --size 40 \(.*75"):
        backbones.load("InceptionV3", 40, "none")


def test_random_weights_settle_on_pictures(pixels):
    model, _ = backbones.load("MobileNetV2", 96, "none")
    before = np.std(model(pixels, training=False))
    backbones.settle(model, pixels)
    assert before < 1e-6 < 1e-2 < np.std(model(pixels, training=False)) < 10
    assert {layer.momentum for layer in model.layers if hasattr(layer, "momentum")} == {0.9}


class Settings:
    backbone, size, weights, seed = "MobileNetV2", 96, "auto", 0


def dataset(pixels, is_sample):
    from types import SimpleNamespace

    return SimpleNamespace(train=SimpleNamespace(x=pixels),
                           source=order.source("sample" if is_sample else "local", (6, 2), "0", "pictures"))


def test_a_run_keeps_the_weights_that_it_was_begun_with(pixels, nowhere, weights_file, monkeypatch):
    run = Run("transfer_dogs", "mine")
    with pytest.warns(UserWarning, match="RANDOM WEIGHTS"):
        assert backbones.of_run(run, Settings, dataset(pixels, False), lambda url: False)[1] == "none"
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", lambda *_: pytest.fail("asked again"))
    assert backbones.of_run(run, Settings, dataset(pixels, False), lambda url: True)[1] == "none"


def test_drawn_pictures_ask_for_no_download(pixels, nowhere):
    run = Run("transfer_dogs", "mine")
    assert backbones.of_run(run, Settings, dataset(pixels, True), lambda url: pytest.fail("asked"))[1] == "none"


def test_a_weights_file_may_move_and_the_data_are_pinned_before_anything_is_trained(pixels, tmp_path, weights_file):
    class Mine(Settings):
        weights = str(weights_file.with_suffix(".weights.h5"))

    run = Run("transfer_dogs", "mine")
    backbones.of_run(run, Mine, dataset(pixels, False), None)
    assert run.record()["source"]["rung"] == "local"
    Mine.weights = str(shutil.copy(Mine.weights, tmp_path / "moved.weights.h5"))
    assert backbones.of_run(run, Mine, dataset(pixels, False), None)[1] == Mine.weights


def test_a_download_that_breaks_off_is_told_as_one_and_leaves_nothing_behind(nowhere, monkeypatch):
    def retrieve(url, target, progress):
        Path(target).write_bytes(b"half")
        raise OSError("connection reset")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", retrieve)
    with pytest.raises(backbones.Offline, match=r"broke off \(connection reset\): run the same command again"):
        backbones.load("MobileNetV2", 96, "imagenet")
    assert not list(nowhere.rglob("*.part*"))


def test_a_weights_file_that_has_changed_is_refused(pixels, tmp_path, weights_file):
    class Mine(Settings):
        weights = str(tmp_path / "w.weights.h5")

    run = Run("transfer_dogs", "mine")
    shutil.copy(weights_file.with_suffix(".weights.h5"), tmp_path / "w.weights.h5")
    assert backbones.of_run(run, Mine, dataset(pixels, False), None)[1] == Mine.weights
    plain("MobileNetV2", 5).save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(UserError, match=r"the run mine was begun with other weights than .* holds now"):
        backbones.of_run(run, Mine, dataset(pixels, False), None)
