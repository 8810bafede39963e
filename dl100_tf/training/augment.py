"""Pictures as they might have been as well: pure functions of a batch and a key, for `training.fit`'s `augment`.

Every function takes pictures x, uint8 or float (n, h, w, c), and a key, int32 (2,): the same key gives the same
pictures, another key others. Each draws for every picture anew, and mixes its own name into the key, so one key serves
a whole chain of them: `augment.shift(augment.flip(x, key), key, pixels=4)`. The result has the shape and dtype of x,
but for `mixup`. All are TensorFlow operations on a whole batch: no Python runs for a single picture.
"""

import math
import zlib
from typing import Literal

import numpy as np
import tensorflow as tf

Fill = Literal["zero", "mirror"]  # what comes in from outside a picture: black, or what lies inside its edge


def flip(x, key):
    """Half of the pictures mirrored, left to right."""
    mirrored = tf.gather(x, np.arange(x.shape[2])[::-1], axis=2)  # several times as fast as x[:, :, ::-1]
    chosen = _draw("flip", key, (tf.shape(x)[0],)) < 0.5
    return tf.raw_ops.Select(condition=chosen, x=mirrored, y=x)  # whole pictures; tf.where would go pixel by pixel


def alternate(x, epoch: int):
    """Half of the pictures mirrored, left to right, in even epochs, and the other half in odd ones.

    Both views of every picture then come in any two epochs, which chance does not see to. Which half a picture belongs
    to is read off the picture itself (whether its sum is odd), so do this first, to the pictures as they are stored.

    Raises:
        TypeError: the pictures aren't whole numbers.

    Source: Jordan 2024, https://arxiv.org/abs/2404.00498
    """
    if not x.dtype.is_integer:
        raise TypeError(f"alternate takes pictures as they are stored, in whole numbers, not {x.dtype.name}")
    mirrored = tf.gather(x, np.arange(x.shape[2])[::-1], axis=2)
    odd = tf.reduce_sum(tf.cast(x, tf.int32), axis=(1, 2, 3)) % 2
    return tf.raw_ops.Select(condition=tf.equal(odd, epoch % 2), x=mirrored, y=x)


def shift(x, key, pixels: int, fill: Fill = "zero"):
    """Each picture moved by up to `pixels` whole pixels down or up and right or left, every place equally likely.

    Raises:
        ValueError: a mirrored edge as wide as the picture.
    """
    count, height, width, _ = _shape(x)
    mirror = fill == "mirror"
    if mirror:
        if pixels >= min(height, width):
            raise ValueError(f"pictures of {height} x {width} have no {pixels} pixels to mirror beyond their edge")
        for axis, size in ((1, height), (2, width)):
            x = tf.gather(x, np.pad(np.arange(size), pixels, mode="reflect"), axis=axis)
    corner = tf.floor(_draw("shift", key, (count, 2), *((0, 2 * pixels + 1) if mirror else (-pixels, pixels + 1))))
    # The fastest cut-out at a place of its own for every picture. Neither centred nor normalised, the offset is the
    # upper left corner, whatever the documentation says; the tests hold it to that.
    cut = tf.raw_ops.ExtractGlimpseV2(input=tf.cast(x, tf.float32), size=(height, width), offsets=corner,
                                      centered=False, normalized=False, uniform_noise=False, noise="zero")
    return tf.cast(cut, x.dtype)


def rotate(x, key, degrees: float, fill: Fill = "zero"):
    """Each picture turned about its centre by up to `degrees`, one way or the other."""
    return warp(x, key, degrees=degrees, fill=fill)


def warp(x, key, degrees: float = 0, zoom: float = 0, pixels: float = 0, fill: Fill = "zero"):
    """Each picture turned, zoomed and moved, all at once: it is interpolated (bilinearly) only once, so it stays sharp.

    Args:
        x: pictures.
        key: the key.
        degrees: how far it turns at most, one way or the other.
        zoom: by what part it grows or shrinks at most: 0.1 gives 1/1.1 to 1.1 times its size.
        pixels: how far it moves at most, to any side; also by parts of a pixel.
        fill: what comes in from outside.
    """
    count, height, width, _ = _shape(x)
    draws = tf.unstack(_draw("warp", key, (4, count), -1, 1))
    angle, size = draws[0] * (degrees * math.pi / 180), tf.exp(draws[1] * math.log1p(zoom))
    cos, sin = tf.cos(angle) / size, tf.sin(angle) / size
    right, down = (width - 1) / 2, (height - 1) / 2  # the centre, about which it turns
    zero = tf.zeros_like(angle)
    # From a place in the result to the place in the picture that is seen there.
    matrix = tf.stack([cos, -sin, right - right * cos + down * sin + draws[2] * pixels,
                       sin, cos, down - right * sin - down * cos + draws[3] * pixels, zero, zero], axis=1)
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(x, tf.float32), transforms=matrix, output_shape=(height, width), fill_value=0.0,
        interpolation="BILINEAR", fill_mode={"zero": "CONSTANT", "mirror": "REFLECT"}[fill])
    return tf.cast(tf.round(warped) if tf.as_dtype(x.dtype).is_integer else warped, x.dtype)


def cutout(x, key, side: int):
    """Each picture with a square of `side` pixels blacked out, its centre anywhere in the picture.

    Source: DeVries & Taylor 2017, https://arxiv.org/abs/1708.04552
    """
    count, height, width, _ = _shape(x)
    centre = tf.floor(_draw("cutout", key, (count, 2)) * (height, width))
    first = centre - side // 2

    def inside(first, size):
        return (tf.range(size, dtype=tf.float32) >= first) & (tf.range(size, dtype=tf.float32) < first + side)

    hole = inside(first[:, :1], height)[:, :, None] & inside(first[:, 1:], width)[:, None, :]
    return x * tf.cast(~hole, x.dtype)[..., None]


def gaussian(x, key, deviation: float):
    """Noise of a normal distribution added to each number, and what leaves 0..255 cut off there.

    Args:
        x: pictures, 0..255.
        key: the key.
        deviation: of the noise, in the same unit.
    """
    draws = tf.random.stateless_normal(tf.shape(x), _own("gaussian", key), stddev=deviation)
    noisy = tf.clip_by_value(tf.cast(x, tf.float32) + draws, 0, 255)
    return tf.cast(tf.round(noisy) if tf.as_dtype(x.dtype).is_integer else noisy, x.dtype)


def salt_and_pepper(x, key, share: float):
    """So many of the pixels of each picture, 0..255, replaced: half of those by white, the others by black."""
    draws = _draw("salt and pepper", key, (*_shape(x)[:3], 1))
    x = tf.where(draws < share / 2, tf.zeros_like(x), x)
    return tf.where(draws > 1 - share / 2, tf.cast(255, x.dtype) * tf.ones_like(x), x)


def one_of(x, key, changes):
    """Each picture changed by one of several functions of pictures and key, drawn for it."""
    drawn = tf.cast(_draw("one of", key, (tf.shape(x)[0],), 0, len(changes)), tf.int32)
    changed = x
    for number, change in enumerate(changes):
        changed = tf.raw_ops.Select(condition=drawn == number, x=change(x, key), y=changed)
    return changed


def shrink(x, side: int):
    """The pictures made smaller, side x side pixels, float32: each pixel is the mean of what it covers.

    No chance is in it, so it takes no key. Training on small pictures first costs a fraction of the time.

    Their static shape leaves the side open: a net is then compiled once for all sizes. Else a run that goes on where
    the pictures have grown would compile another program than one that saw them grow, and round otherwise.
    """
    same = (side, side) == tuple(x.shape[1:3])
    small = tf.cast(x, tf.float32) if same else tf.image.resize(x, (side, side), method="area")
    return tf.raw_ops.PlaceholderWithDefault(input=small, shape=(x.shape[0], None, None, x.shape[3]))


def mixup(x, y, key, alpha: float):
    """Each picture laid over its neighbour in the batch, and its label likewise, in a share drawn from Beta(α, α).

    Args:
        x: pictures, in random order.
        y: their labels as probabilities, float32 (n, k): `Splits.one_hot()`.
        key: the key.
        alpha: 1 makes every share equally likely, a small one leaves most pictures nearly alone, 0 all of them.

    Returns:
        (x, y), both float32.

    Raises:
        ValueError: y holds classes, which can't be mixed.

    Source: Zhang et al. 2018, https://arxiv.org/abs/1710.09412
    """
    if len(y.shape) != 2:
        raise ValueError("mixup mixes labels too: give it one-hot ones (Splits.one_hot)")
    if not alpha:
        return tf.cast(x, tf.float32), tf.cast(y, tf.float32)
    # Of two draws of Gamma(α), the share of one is Beta. For a small α both are too small for float32, hence the
    # logarithms, with Gamma(α) as Gamma(α + 1) times U to the power of 1/α.
    pair = (2, tf.shape(x)[0])
    logs = (tf.math.log(tf.random.stateless_gamma(pair, _own("mixup", key), alpha + 1))
            + tf.math.log(_draw("mixup share", key, pair, 1e-30)) / alpha)
    share = tf.sigmoid(logs[0] - logs[1])

    def mixed(values, share):
        values = tf.cast(values, tf.float32)
        return share * values + (1 - share) * tf.roll(values, 1, axis=0)

    return mixed(x, share[:, None, None, None]), mixed(y, share[:, None])


def _shape(x):
    """The number of pictures as a tensor; height, width and channels as numbers, which must be known."""
    return tf.shape(x)[0], *x.shape[1:]


def _own(name: str, key):
    """A key that nothing but `name` draws with."""
    return tf.random.fold_in(key, zlib.crc32(name.encode()) >> 1)


def _draw(name: str, key, shape, low: float = 0, high: float = 1):
    """Uniform random numbers in [low, high), float32."""
    return tf.random.stateless_uniform(shape, _own(name, key), low, high)
