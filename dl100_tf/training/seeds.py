"""The random states of a run: set once at its start, carried through every kill."""

import random

import keras
import numpy as np
import tensorflow as tf


def set_seeds(seed: int, deterministic: bool) -> None:
    """Seed Python, NumPy, TensorFlow and Keras; with `deterministic`, also forbid TensorFlow every unordered sum.

    Call it before the model is built: the first weights are drawn from it.
    Source: https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_op_determinism
    """
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order in which `epoch` visits `count` examples, int64; it depends on nothing that a kill could lose."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def keys(seed: int, epoch: int, steps: int) -> np.ndarray:
    """A key for every step of `epoch`, int32 (steps, 2), for TensorFlow's stateless random functions."""
    drawn = np.random.default_rng((seed, epoch, 1)).integers(0, 2**31, (steps, 2))
    return drawn.astype(np.int32)


def random_state() -> dict:
    """The states of Python's and NumPy's global generators. Keras' own are variables of the model."""
    kind, keys, *rest = np.random.get_state()
    return {"python": random.getstate(), "numpy": [kind, keys.tolist(), *rest]}


def restore_random_state(state: dict) -> None:
    """Put back what `random_state` returned, also after a journey through JSON."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
