"""Several devices, or several machines, that share every batch: the same steps as one would take, sooner.

On one machine it is TensorFlow's MirroredStrategy. On several, or in several processes of one, each is started with a
`TF_CONFIG` that names all of them, and it is MultiWorkerMirroredStrategy. Keras 3's `fit` stumbles over the latter
(https://github.com/keras-team/keras/issues/20585): what it does with the values of a step is done here in its place.
"""

import contextlib
import json
import os
import signal
import zlib

import keras
import numpy as np
import tensorflow as tf

from dl100_tf.errors import Unfit, UserError
from dl100_tf.run import Run
from dl100_tf.training.trials import Trained


class Worker(Run):
    """A run as one of several workers sees it: they share the chief's checkpoints, which it alone writes.

    The chief's other files are the run's own, the others' are in `workers/<index>/` of it. The recipe ends for all of
    them once its net is trained: what comes after it is the business of one process, of which nobody waits for another.

    Args:
        run: the run.
        index: of the worker; the chief's is 0.
        ends: whether the recipe ends with its training; with that of a part it doesn't.
    """

    def __init__(self, run: Run, index: int, ends: bool = True):
        super().__init__(run.project, run.name)
        self._run, self._index, self._ends = run, index, ends
        self.writes_checkpoints = index == 0
        self.directory = run.directory if index == 0 else run.directory / "workers" / str(index)

    def part(self, name: str) -> "Worker":
        """A part of the run, shared alike; the recipe doesn't end with it."""
        return Worker(self._run.part(name), self._index, ends=False)

    @property
    def rung(self) -> str:
        """The data source that the run was begun with, by whichever worker."""
        return self._run.rung

    def path(self, name: str):
        """Where `name` is; the checkpoints are the chief's."""
        return self._run.path(name) if name == "checkpoints" else super().path(name)

    def after_training(self) -> None:
        """End the recipe here, unless it is a part of the run that is trained.

        Raises:
            Trained: the run's own net is.
        """
        if self._ends:
            raise Trained


def task() -> tuple[int, int] | None:
    """Which worker this process is, from 0, and how many there are, by `TF_CONFIG`; None where that isn't set.

    Raises:
        UserError: it doesn't say.
    """
    told = os.environ.get("TF_CONFIG")
    if not told:
        return None
    try:
        said = json.loads(told)
        workers, index = said["cluster"]["worker"], int(said["task"]["index"])
        if said["task"]["type"] != "worker" or set(said["cluster"]) != {"worker"} or not 0 <= index < len(workers):
            raise ValueError("each task has to be one of the cluster's workers; the first is the chief")
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"TF_CONFIG can't be followed ({type(error).__name__}: {error}). It has to look like "
                        '{"cluster": {"worker": ["host:port", "host:port"]}, "task": {"type": "worker", "index": 0}}'
                        ) from None
    return index, len(workers)


@contextlib.contextmanager
def shared(devices: int):
    """What is built inside is trained by all workers of `TF_CONFIG`, or else by that many devices of this machine.

    Without as many GPUs, the processor is divided into devices; that is no faster, and shows that it works.

    Raises:
        UserError: there are fewer GPUs than that, but some.
    """
    if task():
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # TensorFlow would take it for a notice, and go on
        with strategy.scope():
            yield
    elif devices > 1:
        with tf.distribute.MirroredStrategy(_devices(devices)).scope():
            yield
    else:
        yield


def _devices(count: int) -> list[str]:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and len(gpus) < count:
        raise UserError(f"--devices can't be {count}: this machine has {len(gpus)} GPUs. CUDA_VISIBLE_DEVICES= takes "
                        "its processor.")
    if gpus:
        return [f"GPU:{number}" for number in range(count)]
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * count)
    return [f"CPU:{number}" for number in range(count)]


def prepare(model, batch_size: int) -> None:
    """Make a built model's `fit` work where it is shared.

    Args:
        model: all its variables are there.
        batch_size: examples a batch, of all devices together.

    Raises:
        UserError: batches can't be shared evenly, or the model can't be shared.
    """
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return
    model._maybe_symbolic_build = lambda **_: None  # all there is to build is there; and it wants even batches
    if len(getattr(model, "optimizers", ())) > 1:
        raise UserError("nets that play against each other are trained on one device: every one would draw the same "
                        "noise.")
    if batch_size % replicas:
        raise Unfit(f"--batch-size {batch_size} can't be shared evenly by {replicas} devices: take a multiple of "
                        f"{replicas}.")
    _clip_the_sum(model.optimizer)
    if task():
        model.train_function = _each(strategy, model.train_step)
        model.test_function = _each(strategy, model.test_step)


def _each(strategy, step):
    """A step of every worker on its part of the next batch. Keras asks its metrics, not these, what all have seen."""
    @tf.function
    def on_next(iterator):
        values = strategy.run(step, args=(next(iterator),))
        return keras.tree.map_structure(lambda value: strategy.experimental_local_results(value)[0], values)
    return on_next


def _clip_the_sum(optimizer) -> None:
    """Let the whole batch's slopes be clipped: Keras clips each device's part of them, and adds up what is left."""
    if not any((optimizer.clipnorm, optimizer.global_clipnorm, optimizer.clipvalue)):
        return
    clip = optimizer._clip_gradients
    if getattr(clip, "of_all", False):  # an optimizer that has been through another fit
        return

    def of_all(slopes):
        context = tf.distribute.get_replica_context()
        clipped = clip(context.all_reduce(tf.distribute.ReduceOp.SUM, slopes))
        return [slope / context.num_replicas_in_sync for slope in clipped]  # they will be added up once more

    of_all.of_all = True
    optimizer._clip_gradients = of_all


def agree(model, step: int, data: str, batches: tuple[int, int]) -> None:
    """Make sure that all workers take the same steps.

    Args:
        model: with the weights that it is begun with.
        step: that they go on from.
        data: their digest.
        batches: how many an epoch, and examples of each.

    Raises:
        UserError: they wouldn't.
    """
    if not task():
        return
    strategy = tf.distribute.get_strategy()
    weights = 0
    for variable in model.variables:
        weights = zlib.crc32(np.array(keras.ops.convert_to_tensor(variable)).tobytes(), weights)
    mine = tf.constant([[step, zlib.crc32(data.encode()), *batches, weights]], tf.int64)

    @tf.function
    def everyone():
        return strategy.run(lambda: tf.distribute.get_replica_context().all_gather(mine, axis=0))

    found = strategy.experimental_local_results(everyone())[0].numpy()
    told = ("checkpoints", "data", "batches", "batches", "weights to begin with")
    for what, column in zip(told, found.T, strict=True):
        if len(set(column.tolist())) > 1:
            raise UserError(f"the workers have different {what}: give all of them the same DL100_HOME, the same data "
                            "and the same command.")


def take_one_gpu(index: int) -> None:
    """Leave the other GPUs of this machine to the other workers on it."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        mine = gpus[index % len(gpus)]
        tf.config.set_visible_devices(mine, "GPU")
        tf.config.experimental.set_memory_growth(mine, True)
