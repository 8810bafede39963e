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
        padding: see `training.fit`.

    Attributes:
        size: examples a batch.
    """

    def __init__(self, split, batch_size: int, seed: int, augment=None, padding: int | None = None):
        self._arrays = held(split)
        self._count = int(keras.tree.flatten(self._arrays)[0].shape[0])
        self._padding = padding
        self._lengths = None if padding is None else used(split.x, padding)
        self.size = min(batch_size, self._count)
        self._seed, self._augment = seed, augment

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return self._count // self.size

    def epoch(self, epoch: int, done: int = 0) -> tf.data.Dataset:
        """The batches of `epoch` (from 0) that are left after `done` of them."""
        order = seeds.order(self._seed, epoch, self._count)
        if self._lengths is not None:
            order = alike(order, self._lengths, self.size, np.random.default_rng((self._seed, epoch, 2)))
        indices = tf.data.Dataset.from_tensor_slices(order[done * self.size:]).batch(
            self.size, drop_remainder=True)
        batches = indices.map(taken(self._arrays, self._padding), num_parallel_calls=1)
        if self._augment:
            keys = tf.data.Dataset.from_tensor_slices(seeds.keys(self._seed, epoch, self.steps)[done:])
            batches = tf.data.Dataset.zip(batches, keys).map(
                lambda batch, key: self._augment(*batch, key, epoch), num_parallel_calls=1)
        return plain(batches.prefetch(2))

    def one(self):
        """One example, as it is trained on, as a batch: to build a model's state with."""
        x, y = rows(self._arrays, tf.constant([0]))
        return self._augment(x, y, tf.constant([0, 0]), 0) if self._augment else (x, y)


def validation_batches(split, batch_size: int, padding: int | None = None) -> tf.data.Dataset:
    """The whole of `split` in its own order, or with `padding` (see `training.fit`) from the shortest row on."""
    arrays = held(split)
    order = np.arange(keras.tree.flatten(arrays)[0].shape[0])
    order = order if padding is None else np.argsort(used(split.x, padding), kind="stable")
    batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
    return plain(batches.map(taken(arrays, padding)).prefetch(2))


POOL = 50  # batches whose rows are sorted by length: enough that those of one are alike, few enough to stay random
STEP = 16  # places: the widths of batches are multiples of it


def used(x: np.ndarray, padding: int) -> np.ndarray:
    """How many places of each row of `x` (n, length) come before the padding at its end, (n,)."""
    return x.shape[1] - np.argmax(x[:, ::-1] != padding, axis=1)


def alike(order: np.ndarray, lengths: np.ndarray, batch_size: int, random: np.random.Generator) -> np.ndarray:
    """`order` with rows of like length beside each other, batch by batch, and the batches in random order.

    What doesn't fill a batch stays at the end.
    """
    full = order[:len(order) // batch_size * batch_size]
    pools = [full[at:at + POOL * batch_size] for at in range(0, len(full), POOL * batch_size)]
    ranked = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    batches = ranked.reshape(-1, batch_size)
    return np.concatenate([random.permutation(batches).reshape(-1), order[len(full):]])


def taken(arrays, padding: int | None):
    """A function for `Dataset.map` of places to a batch. It has no control flow for AutoGraph to take a second over."""
    return tf.autograph.experimental.do_not_convert(lambda at: short(rows(arrays, at), padding))


def short(batch, padding: int | None):
    """A batch (x, y) whose x (batch, length) ends with its longest row, to a multiple of `STEP` places."""
    if padding is None:
        return batch
    x, y = batch
    width = tf.reduce_max(tf.where(tf.reduce_any(x != padding, axis=0), tf.range(1, tf.shape(x)[1] + 1), 0))
    return x[:, :-(-width // STEP) * STEP], y


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
    up to as long as it has lived) is not let go of before that wakes, which cost up to 9 s an epoch on 2 cores.

    Workers that share it divide each of its batches among them, and not its elements.
    """
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    options.autotune.enabled = False
    return dataset.with_options(options)
