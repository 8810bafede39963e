"""Features: computed once, whatever happens on the way."""

import errno

import filelock
import keras
import numpy as np
import pytest

from dl100_tf import paths
from dl100_tf.data import Source, Split, Splits
from dl100_tf.errors import UserError
from dl100_tf.models import features


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (23, 6, 6, 3), dtype=np.uint8)


@pytest.fixture
def net():
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 6, 3))
    return keras.Model(image, keras.layers.Conv2D(4, 3)(image))


@pytest.fixture
def counted(monkeypatch):
    """Four pictures a part; the list grows by the number of pictures at every part that is computed."""
    seen, maker = [], features._maker.__wrapped__

    def counting(model):
        make = maker(model)
        return lambda pictures, mirrored: (seen.append(len(pictures)), make(pictures, mirrored))[1]

    monkeypatch.setattr(features, "_maker", counting)
    monkeypatch.setattr(features, "CHUNK", 4)
    monkeypatch.setattr(features, "BATCH", 2)
    return seen


def files(suffix):
    return sorted((paths.cache() / "features").glob(f"*{suffix}"))


def test_features_are_what_the_net_makes_of_the_pictures_and_their_mirror_images(pictures, net):
    x, seconds = features.compute(net, pictures, views=2)
    both = np.concatenate([pictures, pictures[:, :, ::-1]]).astype("float32")
    assert x.shape == (46, 4, 4, 4) and x.dtype == np.float16 and isinstance(x, np.memmap) and seconds > 0
    assert np.allclose(x, net(both), rtol=1e-3, atol=1e-2)


def test_vectors_keep_their_precision(pictures, net):
    pooled = keras.Model(net.input, keras.layers.GlobalAveragePooling2D()(net.output))
    x, _ = features.compute(pooled, pictures)
    assert x.dtype == np.float32 and np.allclose(x, pooled(pictures.astype("float32")), rtol=1e-5, atol=1e-4)


def test_another_parting_of_the_same_pictures_computes_nothing_again(pictures, net, counted):
    pooled = keras.Model(net.input, keras.layers.GlobalAveragePooling2D()(net.output))
    seen, _ = features.of_parts(pooled, {"first": pictures[:9], "rest": pictures[9:]})
    first, rest = seen["first"], seen["rest"]
    assert first.shape == (9, 4) and rest.shape == (14, 4) and sum(counted) == 23
    assert np.allclose(np.concatenate([first, rest]), pooled(pictures.astype("float32")), rtol=1e-5, atol=1e-4)
    again, _ = features.of_parts(pooled, {"turned": pictures[::-1][:20], "others": pictures[:3]})
    assert sum(counted) == 23
    assert np.array_equal(np.concatenate([again["others"], again["turned"][::-1]]), np.concatenate([first, rest]))


def test_the_largest_values_stay_finite(pictures):
    image = keras.Input((6, 6, 3))
    x, _ = features.compute(keras.Model(image, keras.layers.Rescaling(1e6)(image)), pictures)
    assert np.isfinite(x).all() and x.max() == np.float16(65504)


def test_the_second_time_nothing_is_computed(pictures, net, counted):
    first, seconds = features.compute(net, pictures, views=2)
    assert counted == [4, 4, 4, 4, 4, 3] * 2
    again, told = features.compute(net, pictures, views=2)
    assert len(counted) == 12 and np.array_equal(first, again) and told == seconds


@pytest.mark.parametrize("change", ["pixel", "weight", "net", "count"])
def test_other_pictures_or_weights_have_other_features(pictures, net, counted, change):
    features.compute(net, pictures)
    counted.clear()
    if change == "pixel":
        pictures[-1, 0, 0, 0] ^= 1
    elif change == "weight":
        net.layers[1].bias.assign([0, 0, 0, 1e-3])
    elif change == "net":
        net = keras.Model(net.input, keras.layers.ReLU()(net.output))
    else:
        pictures = pictures[:22]
    x, _ = features.compute(net, pictures)
    assert sum(counted) == len(pictures)
    assert np.allclose(x, net(pictures.astype("float32")), rtol=1e-3, atol=1e-2)


def test_nets_that_differ_in_a_setting_alone_have_other_features_and_those_in_a_name_alone_have_not(pictures, counted):
    def seen(size, name):
        image = keras.Input((6, 6, 3), name=name)
        inner = keras.Sequential([keras.Input((size, size, 3)), keras.layers.GlobalMaxPooling2D()])
        return keras.Model(image, inner(keras.layers.Resizing(size, size)(image)))

    sizes = [features.compute(seen(size, "image"), pictures)[0] for size in (3, 5)]
    assert len(counted) == 12 and not np.array_equal(*sizes)
    features.compute(seen(5, "another"), pictures)
    assert len(counted) == 12


def test_nets_that_differ_in_which_layer_is_asked_alone_have_other_features(pictures, counted):
    image = keras.Input((6, 6, 3))
    one = keras.layers.Conv2D(4, 1, use_bias=False)(image)
    maps = [one, other := keras.layers.ReLU()(keras.layers.Conv2D(4, 1, use_bias=False)(one))]
    end = keras.layers.GlobalMaxPooling2D()(other)
    nets = [keras.Model(image, keras.layers.Concatenate()([keras.layers.GlobalMaxPooling2D()(asked), end]))
            for asked in maps]
    found = [features.compute(net, pictures)[0] for net in nets]
    for net, x in zip(nets, found, strict=True):
        np.testing.assert_allclose(x, net(pictures.astype("float32")), rtol=1e-4)
    assert not np.array_equal(*found)


def test_a_kill_loses_one_part_at_most(pictures, net, counted, monkeypatch):
    whole = np.array(features.compute(net, pictures, views=2)[0])
    for file in files(""):
        file.unlink()
    inner = features._maker

    def killed(model):
        make = inner(model)

        def one(pictures, mirrored):
            if len(counted) == 7:
                raise KeyboardInterrupt
            return make(pictures, mirrored)
        return one

    counted.clear()
    monkeypatch.setattr(features, "_maker", killed)
    with pytest.raises(KeyboardInterrupt):
        features.compute(net, pictures, views=2)
    with open(files(".float16")[0], "ab") as content:  # and half a part that was being written
        content.write(b"x" * 99)
    monkeypatch.setattr(features, "_maker", inner)
    counted.clear()
    assert np.array_equal(features.compute(net, pictures, views=2)[0], whole)
    assert len(counted) == 12 - 7


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "line", "half a line", "zeros"])
def test_damaged_parts_are_computed_again(pictures, net, counted, damage):
    whole = np.array(features.compute(net, pictures)[0])
    content, parts = files(".float16")[0], files(".parts")[0]
    stored = bytearray(content.read_bytes())
    if damage == "flip":
        stored[len(stored) // 2] ^= 1
    elif damage == "zeros":
        stored[-200:] = bytes(200)
    content.write_bytes(stored[:1000] if damage == "cut" else stored)
    if damage == "gone":
        parts.unlink()
    if damage == "line":
        parts.write_text(parts.read_text()[:-5] + "what?\n")
    if damage == "half a line":
        parts.write_text(parts.read_text()[:-5])
    counted.clear()
    assert np.array_equal(features.compute(net, pictures)[0], whole)
    assert 0 < len(counted) <= 6
    counted.clear()
    features.compute(net, pictures)
    assert not counted, "what was mended is sound"


def test_a_full_disk_is_said_in_one_line_and_loses_nothing(pictures, net, counted, monkeypatch):
    import os

    fsync, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(features.os, "fsync", full)
    with pytest.raises(UserError, match=r"can't be kept in .*features \(No space left on device\): free some space"):
        features.compute(net, pictures)
    monkeypatch.setattr(features.os, "fsync", fsync)
    counted.clear()
    x, _ = features.compute(net, pictures)
    assert len(counted) == 4 and np.allclose(x, net(pictures.astype("float32")), rtol=1e-3, atol=1e-2)


def test_the_longest_unused_make_room_but_never_one_s_own(pictures, net, monkeypatch):
    import os

    first, _ = features.compute(net, pictures)
    old = files(".float16")[0]
    os.utime(old, (1, 1))
    monkeypatch.setattr(features, "KEPT", 2 * first.nbytes)
    monkeypatch.setattr(features, "_USED", set())
    kept = [features.compute(net, pictures[::-1])[0], features.compute(net, pictures[:, ::-1])[0]]
    assert not old.exists() and len(files(".float16")) == 2
    kept.append(features.compute(net, 255 - pictures)[0])
    assert len(files(".float16")) == 3 and all(np.isfinite(one).all() for one in kept)


def test_splits_become_splits_and_only_training_pictures_are_mirrored(pictures, net):
    y = np.arange(23, dtype=np.int32) % 2
    splits = Splits(Split(pictures, y), Split(pictures[:5], y[:5]), Split(pictures[5:9], y[5:9]), ("a", "b"),
                    Source("sample", "here", "0"))
    seen, seconds = features.of(splits, net)
    assert (len(seen.train), len(seen.validation), len(seen.test)) == (46, 5, 4) and seconds > 0
    assert np.array_equal(seen.train.y, [*y, *y]) and seen.labels == ("a", "b") and seen.source == splits.source
    assert np.array_equal(seen.validation.x, seen.train.x[:5])


def test_pictures_on_the_disk_are_read_in_parts(tmp_path, pictures, net, counted):
    np.save(tmp_path / "x.npy", pictures)
    stored = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.array_equal(features.compute(net, stored)[0], features.compute(net, pictures)[0])
    assert len(counted) == 6, "the same pictures, wherever they are"


def test_who_has_to_wait_for_another_process_is_told(pictures, net, monkeypatch):
    features.compute(net, pictures)
    lock, said = filelock.FileLock(f"{files('.float16')[0]}.lock"), []

    def told(text, **_):
        said.append(text)
        lock.release()

    monkeypatch.setattr(features, "print", told, raising=False)
    lock.acquire()
    features.compute(net, pictures)
    features.compute(net, pictures)
    assert len(said) == 1 and "waiting for another process" in said[0]
