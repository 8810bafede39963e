"""Arrays in, batches out: any epoch from any step, the same every time."""

import keras
import numpy as np
import tensorflow as tf

from dl100_tf.training import seeds


class Batches:
    """The training batches of a run: a pure function of seed, epoch and step, so that a resumed run sees its rest.

    Every batch is full (the shapes stay static, which XLA wants); an epoch leaves out the remainder, a different one
    each time.

    Args:
        split: anything with `x` and `y`: arrays, or nested structures of arrays, of one length. An `np.memmap` stays
            on the disk, and a batch reads its rows.
        batch_size: examples a batch; a smaller split is one batch.
        seed: the run's seed.
        augment: see `training.fit`.
    """

    def __init__(self, split, batch_size: int, seed: int, augment=None):
        self._arrays = held(split)
        self._count = int(keras.tree.flatten(self._arrays)[0].shape[0])
        self._batch_size = min(batch_size, self._count)
        self._seed, self._augment = seed, augment

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return self._count // self._batch_size

    def epoch(self, epoch: int, done: int = 0) -> tf.data.Dataset:
        """The batches of `epoch` (from 0) that are left after `done` of them."""
        order = seeds.order(self._seed, epoch, self._count)[done * self._batch_size:]
        indices = tf.data.Dataset.from_tensor_slices(order).batch(self._batch_size, drop_remainder=True)
        batches = indices.map(lambda at: rows(self._arrays, at), num_parallel_calls=1)
        if self._augment:
            keys = tf.data.Dataset.from_tensor_slices(seeds.keys(self._seed, epoch, self.steps)[done:])
            batches = tf.data.Dataset.zip(batches, keys).map(
                lambda batch, key: self._augment(*batch, key, epoch), num_parallel_calls=1)
        return plain(batches.prefetch(2))

    def one(self):
        """One example, as it is trained on, as a batch: to build a model's state with."""
        x, y = rows(self._arrays, tf.constant([0]))
        return self._augment(x, y, tf.constant([0, 0]), 0) if self._augment else (x, y)


def validation_batches(split, batch_size: int) -> tf.data.Dataset:
    """The whole of `split` in its own order."""
    arrays = held(split)
    count = keras.tree.flatten(arrays)[0].shape[0]
    return plain(tf.data.Dataset.range(count).batch(batch_size).map(lambda at: rows(arrays, at)).prefetch(2))


def held(split):
    """`(split.x, split.y)` as tensors in main memory, all but memory-mapped arrays."""
    with tf.device("CPU"):
        return keras.tree.map_structure(
            lambda array: array if isinstance(array, np.memmap) else tf.convert_to_tensor(array), (split.x, split.y))


def rows(arrays, at):
    """The rows `at` of every array that `held` gave."""
    return keras.tree.map_structure(lambda array: _rows(array, at), arrays)


def _rows(array, at):
    if not isinstance(array, np.memmap):
        return tf.gather(array, at)
    found = tf.numpy_function(lambda at: np.ascontiguousarray(array[at]), [at], array.dtype, stateful=False)
    return tf.ensure_shape(found, (at.shape[0], *array.shape[1:]))


def plain(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """`dataset` without tf.data's autotuning: there is nothing to tune, and an iterator whose tuning thread sleeps (for
    up to as long as it has lived) is not let go of before that wakes, which cost up to 9 s an epoch on 2 cores."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
