"""Augmentation: what each function does to a picture, and that nothing but the key decides it."""

import numpy as np
import pytest
import tensorflow as tf

from dl100_tf.training import augment

KEY = tf.constant([7, 11], tf.int32)
OTHER = tf.constant([7, 12], tf.int32)
FUNCTIONS = {
    "flip": augment.flip,
    "shift": lambda x, key: augment.shift(x, key, 3),
    "shift mirrored": lambda x, key: augment.shift(x, key, 3, fill="mirror"),
    "rotate": lambda x, key: augment.rotate(x, key, 30),
    "warp": lambda x, key: augment.warp(x, key, degrees=10, zoom=0.1, pixels=2, fill="mirror"),
    "cutout": lambda x, key: augment.cutout(x, key, 6),
    "gaussian": lambda x, key: augment.gaussian(x, key, 40),
    "salt and pepper": lambda x, key: augment.salt_and_pepper(x, key, 0.2),
    "one of": lambda x, key: augment.one_of(x, key, [augment.flip, lambda x, key: augment.cutout(x, key, 6)]),
}


def pictures(count=64, size=(13, 16), channels=3, dtype="uint8"):
    generator = np.random.default_rng(0)
    return generator.integers(1, 256, (count, *size, channels)).astype(dtype)


def shifted(picture, down, right, fill):
    """The picture moved, by NumPy's means."""
    edge = 9
    frame = np.pad(picture, ((edge, edge), (edge, edge), (0, 0)), mode="reflect" if fill == "mirror" else "constant")
    return frame[edge - down:edge - down + picture.shape[0], edge - right:edge - right + picture.shape[1]]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_the_same_key_gives_the_same_pictures_and_another_key_others(name, dtype):
    x = tf.constant(pictures(dtype=dtype))
    one, again, other = (FUNCTIONS[name](x, key) for key in (KEY, KEY, OTHER))
    assert one.dtype == x.dtype and one.shape == x.shape
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert not np.array_equal(one, x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tf_data_gives_the_same_as_a_direct_call(name):
    x = pictures(channels=1)
    [inside] = tf.data.Dataset.from_tensors(x).map(lambda x: FUNCTIONS[name](x, KEY))
    assert np.array_equal(inside, FUNCTIONS[name](tf.constant(x), KEY))
    assert np.array_equal(inside, FUNCTIONS[name](x, (7, 11)))  # NumPy's arrays will do


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_pictures_of_a_batch_are_changed_each_in_its_own_way(name):
    x = tf.constant(np.repeat(pictures(1), 64, axis=0))
    assert len(np.unique(FUNCTIONS[name](x, KEY), axis=0)) >= (2 if name == "flip" else 8)


def test_flip_mirrors_about_half():
    x = pictures(400)
    out = np.asarray(augment.flip(tf.constant(x), KEY))
    kept = (out == x).all(axis=(1, 2, 3))
    mirrored = (out == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert np.array_equal(kept, ~mirrored) and 160 < kept.sum() < 240


@pytest.mark.parametrize("size", [(13, 16), (32, 32), (28, 28), (9, 9)])
@pytest.mark.parametrize("fill", ["zero", "mirror"])
def test_shift_moves_by_whole_pixels_to_every_place(size, fill):
    x = pictures(600, size)
    out = np.asarray(augment.shift(tf.constant(x), KEY, 2, fill))
    moves = [(down, right) for down in range(-2, 3) for right in range(-2, 3)]
    found = np.array([[np.array_equal(moved, shifted(picture, *move, fill)) for move in moves]
                      for picture, moved in zip(x, out, strict=True)])
    assert (found.sum(axis=1) == 1).all()
    assert found.sum(axis=0).min() > 8 and found.sum(axis=0).max() < 48  # 24 of 600 each, by chance


def test_a_mirrored_edge_must_be_narrower_than_the_picture():
    with pytest.raises(ValueError, match="no 13 pixels"):
        augment.shift(tf.constant(pictures()), KEY, 13, "mirror")


def test_a_warp_by_nothing_changes_nothing():
    x = pictures()
    assert np.array_equal(augment.warp(tf.constant(x), KEY), x)


def test_rotate_turns_about_the_centre_and_loses_no_more_than_interpolation_does():
    disc = np.hypot(*np.meshgrid(np.arange(-14, 15), np.arange(-14, 15))) < 9
    x = np.repeat((disc * 200).astype("uint8")[None, :, :, None], 20, axis=0)
    x[:, 13:16, 14:22] = 50  # a hand
    out = np.asarray(augment.rotate(tf.constant(x), KEY, 60)).astype(float)
    assert np.all(np.abs(out[:, 14, 14] - 50) <= 1)  # the centre stays
    outside = np.hypot(*np.meshgrid(np.arange(-14, 15), np.arange(-14, 15))) > 11
    assert not out[:, outside].any()
    hands = np.array([np.argwhere(np.abs(picture[..., 0] - 50) < 25).mean(axis=0) for picture in out])
    angles = np.degrees(np.arctan2(hands[:, 0] - 14, hands[:, 1] - 14))
    assert angles.min() < -20 and angles.max() > 20 and np.abs(angles).max() < 62


def test_zoom_makes_larger_and_smaller():
    x = np.zeros((200, 28, 28, 1), "uint8")
    x[:, 9:19, 9:19] = 255
    out = np.asarray(augment.warp(tf.constant(x), KEY, zoom=0.2)).astype(float)
    sides = np.sqrt(out.sum(axis=(1, 2, 3)) / 255)
    assert 10 / 1.2 - 0.2 < sides.min() < 9 and 11.2 < sides.max() < 12.2


def test_cutout_blacks_out_a_square_of_that_side():
    x = pictures(300, (20, 24))
    out = np.asarray(augment.cutout(tf.constant(x), KEY, 6))
    hole = (out == 0).all(axis=-1)
    assert np.array_equal(out[~hole], x[~hole])
    heights, widths = hole.any(axis=2).sum(axis=1), hole.any(axis=1).sum(axis=1)
    assert np.array_equal(hole.sum(axis=(1, 2)), heights * widths)  # a full rectangle
    assert heights.max() == widths.max() == 6 and heights.min() >= 3 and widths.min() >= 3  # less at the edge
    assert hole.any(axis=0).all()  # it can be anywhere


def test_mixup_mixes_pictures_and_labels_in_the_same_share():
    x, y = pictures(200), np.eye(4, dtype="float32")[np.arange(200) % 4]
    mixed, labels = (np.asarray(part) for part in augment.mixup(tf.constant(x), tf.constant(y), KEY, 1.0))
    assert mixed.dtype == labels.dtype == np.float32
    share = labels[np.arange(200), np.arange(200) % 4]
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)
    weight = share[:, None, None, None]
    np.testing.assert_allclose(mixed, weight * x + (1 - weight) * np.roll(x, 1, axis=0), atol=1e-2)
    assert share.min() < 0.05 and share.max() > 0.95 and 0.4 < share.mean() < 0.6


def test_a_small_alpha_leaves_most_pictures_nearly_alone():
    y = np.eye(2, dtype="float32")[np.arange(2000) % 2]
    x = np.zeros((2000, 1, 1, 1), "float32")
    share = np.asarray(augment.mixup(tf.constant(x), tf.constant(y), KEY, 0.1)[1])[:, 0]
    assert np.isfinite(share).all() and np.mean(np.minimum(share, 1 - share) < 0.05) > 0.6


@pytest.mark.parametrize("alpha", [0, 1e-3, 0.01])
def test_the_smaller_alpha_the_fewer_are_mixed(alpha):
    y = np.eye(2, dtype="float32")[np.arange(2000) % 2]
    x = np.zeros((2000, 1, 1, 1), "float32")
    share = np.asarray(augment.mixup(tf.constant(x), tf.constant(y), KEY, alpha)[1])[:, 0]
    assert np.isfinite(share).all() and np.mean(np.minimum(share, 1 - share) > 0.01) <= 10 * alpha


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_shares_are_spread_as_beta_says(alpha):
    from scipy.stats import beta, kstest

    y = np.repeat(np.eye(2, dtype="float32"), 2000, axis=0)[np.arange(4000) // 2 + 2000 * (np.arange(4000) % 2)]
    share = np.asarray(augment.mixup(tf.zeros((4000, 1, 1, 1)), tf.constant(y), KEY, alpha)[1])[::2, 0]
    assert kstest(share, beta(alpha, alpha).cdf).pvalue > 0.001


def test_mixup_needs_one_hot_labels():
    with pytest.raises(ValueError, match="one-hot"):
        augment.mixup(tf.constant(pictures(4)), tf.constant([0, 1, 2, 3]), KEY, 1.0)


def test_one_key_serves_a_chain_whose_links_draw_independently():
    y = np.eye(2, dtype="float32")[np.arange(2000) % 2]
    ramp = np.tile(np.arange(1, 10, dtype="float32")[None, None, :, None], (2000, 9, 1, 1))
    flipped = np.asarray(augment.flip(tf.constant(ramp), KEY))[:, 0, 0, 0] == 9
    right = np.asarray(augment.shift(tf.constant(ramp), KEY, 1))[:, 4, 4, 0]
    share = np.asarray(augment.mixup(tf.constant(ramp), tf.constant(y), KEY, 1.0)[1])[:, 0]
    for one, other in ((flipped, right), (flipped, share), (right, share)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.08


def test_alternate_mirrors_one_half_in_even_epochs_and_the_other_in_odd_ones():
    x = pictures(400)
    even, odd, later = (np.asarray(augment.alternate(tf.constant(x), epoch)) for epoch in (0, 1, 2))
    kept = (even == x).all(axis=(1, 2, 3))
    assert 140 < kept.sum() < 260
    assert np.array_equal(odd[~kept], x[~kept]) and np.array_equal(odd[kept], x[kept][:, :, ::-1])
    assert np.array_equal(even, later)


def test_alternate_refuses_pictures_that_were_changed_already():
    with pytest.raises(TypeError, match="not float32"):
        augment.alternate(tf.constant(pictures(dtype="float32")), 0)


def test_shrink_takes_the_mean_of_what_a_pixel_covers():
    x = pictures(4, (12, 12))
    out = np.asarray(augment.shrink(tf.constant(x), 6))
    assert out.dtype == np.float32 and out.shape == (4, 6, 6, 3)
    assert np.allclose(out, x.reshape(4, 6, 2, 6, 2, 3).mean(axis=(2, 4)), atol=1e-3)
    uneven = np.asarray(augment.shrink(tf.constant(x), 9))
    assert np.allclose(uneven.mean(axis=(1, 2)), x.mean(axis=(1, 2)), atol=1e-2)


def test_shrink_leaves_the_size_open_so_that_a_net_is_compiled_once_for_all():
    data = tf.data.Dataset.from_tensors(tf.zeros((5, 12, 12, 3), tf.uint8))
    specs = {data.map(lambda x, side=side: augment.shrink(x, side)).element_spec for side in (6, 9, 12)}
    assert specs == {tf.TensorSpec((5, None, None, 3), tf.float32)}


def test_shrink_to_the_size_they_have_leaves_them():
    x = pictures(4, (12, 12))
    assert np.array_equal(augment.shrink(tf.constant(x), 12), x.astype("float32"))


def test_gaussian_noise_has_its_deviation_and_stays_within_a_picture():
    x = np.full((50, 28, 28, 1), 128, "uint8")
    noise = np.asarray(augment.gaussian(x, KEY, 20)).astype(float) - 128
    assert abs(noise.mean()) < 0.5 and noise.std() == pytest.approx(20, rel=0.02)
    loud = np.asarray(augment.gaussian(x, KEY, 500))
    assert loud.dtype == np.uint8 and {0, 255} <= set(loud.ravel().tolist())
    assert np.mean((loud > 0) & (loud < 255)) < 0.3, "cut off, not wrapped around"


def test_salt_and_pepper_replaces_its_share_and_leaves_the_rest():
    x = np.full((50, 28, 28, 3), 100, "uint8")
    out = np.asarray(augment.salt_and_pepper(x, KEY, 0.3))
    assert (out == out[..., :1]).all(), "whole pixels"
    assert [np.mean(out == value) for value in (0, 100, 255)] == pytest.approx([0.15, 0.7, 0.15], abs=0.01)


def test_one_of_draws_a_change_for_each_picture():
    x = pictures(300)
    changes = [lambda x, key: x * 0, lambda x, key: x * 0 + 9, lambda x, key: x]
    out = np.asarray(augment.one_of(tf.constant(x), KEY, changes))
    kinds = [np.mean([(one == value).all() for one in out]) for value in (0, 9)]
    kinds.append(np.mean([np.array_equal(one, other) for one, other in zip(out, x, strict=True)]))
    assert sum(kinds) == pytest.approx(1) and min(kinds) > 0.25
