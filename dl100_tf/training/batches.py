"""Arrays in, batches out: any epoch from any step, the same every time."""

import keras
import tensorflow as tf

from dl100_tf.training import seeds


class Batches:
    """The training batches of a run: a pure function of seed, epoch and step, so that a resumed run sees its rest.

    Every batch is full (the shapes stay static, which XLA wants); an epoch leaves out the remainder, a different one
    each time.

    Args:
        split: anything with `x` and `y`: arrays, or nested structures of arrays, of one length.
        batch_size: examples a batch; a smaller split is one batch.
        seed: the run's seed.
    """

    def __init__(self, split, batch_size: int, seed: int):
        with tf.device("CPU"):
            self._arrays = keras.tree.map_structure(tf.convert_to_tensor, (split.x, split.y))
        self._count = int(keras.tree.flatten(self._arrays)[0].shape[0])
        self._batch_size = min(batch_size, self._count)
        self._seed = seed

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return self._count // self._batch_size

    def epoch(self, epoch: int, done: int = 0) -> tf.data.Dataset:
        """The batches of `epoch` (from 0) that are left after `done` of them."""
        order = seeds.order(self._seed, epoch, self._count)[done * self._batch_size:]
        indices = tf.data.Dataset.from_tensor_slices(order).batch(self._batch_size, drop_remainder=True)
        return _plain(indices.map(self._gather, num_parallel_calls=1).prefetch(2))

    def one(self):
        """One example as a batch, to build a model's state with."""
        return keras.tree.map_structure(lambda array: array[:1], self._arrays)

    def _gather(self, indices):
        return keras.tree.map_structure(lambda array: tf.gather(array, indices), self._arrays)


def validation_batches(split, batch_size: int) -> tf.data.Dataset:
    """The whole of `split` in its own order."""
    with tf.device("CPU"):
        dataset = tf.data.Dataset.from_tensor_slices((split.x, split.y))
    return _plain(dataset.batch(batch_size).prefetch(2))


def _plain(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """`dataset` without tf.data's autotuning: there is nothing to tune, and an iterator whose tuning thread sleeps (for
    up to as long as it has lived) is not let go of before that wakes, which cost up to 9 s an epoch on 2 cores."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
