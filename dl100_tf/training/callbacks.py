"""What happens around every step and epoch of `training.fit`."""

import math
import sys
import time

import keras
import tensorflow as tf
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tensorboard.plugins.hparams import api as hparams

from dl100_tf.errors import Interrupted
from dl100_tf.training.interrupts import say


class AcrossEpochs(keras.callbacks.CallbackList):
    """A callback list for training that calls `model.fit` once an epoch: `begin` and `end` frame all of them."""

    def begin(self):
        super().on_train_begin()

    def end(self):
        super().on_train_end()

    def on_train_begin(self, logs=None):
        """Nothing: `model.fit` calls it at every epoch."""

    def on_train_end(self, logs=None):
        """Nothing: `model.fit` calls it at every epoch."""


class LearningRate(keras.callbacks.Callback):
    """The learning rate as a function of progress alone, so that there is no state to lose.

    `linear` and `cosine` fall from the peak to a hundredth of it; `one_cycle` rises over the first `warmup` part, then
    falls in a straight line (after Smith & Topin, https://arxiv.org/abs/1708.07120, without the momentum cycle).

    Args:
        schedule: `linear`, `cosine` or `one_cycle`.
        peak: the largest learning rate.
        steps: steps an epoch.
        epochs: epochs planned.
        progress: the run's `Progress`.
        warmup: the part of all steps in which `one_cycle` rises.
    """

    def __init__(self, schedule: str, peak: float, steps: int, epochs: int, progress, warmup: float = 0.2):
        super().__init__()
        self._schedule, self._peak = schedule, peak
        self._warmup = warmup if schedule == "one_cycle" else 0.0
        self._planned = steps * epochs
        self._progress = progress

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate.assign(self.at(self._progress.total_steps))

    def at(self, step: int) -> float:
        """The learning rate of `step`, counted from 0."""
        done = min(1.0, step / self._planned)
        if self._schedule == "cosine":
            factor = (1 + math.cos(math.pi * done)) / 2
        elif self._schedule == "one_cycle" and done < self._warmup:
            factor = done / self._warmup
        else:
            factor = (1 - done) / (1 - self._warmup)
        return self._peak * (0.01 + 0.99 * factor)


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras' TensorBoard with the run's settings as hyper-parameters, on the disk after every epoch."""

    def __init__(self, log_dir, settings: dict):
        super().__init__(log_dir)
        self._settings = {name: value if isinstance(value, bool | int | float) else str(value)
                          for name, value in settings.items()}

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        # Above the folders train and validation: the page finds the figures of both beneath it.
        with tf.summary.create_file_writer(str(self.log_dir)).as_default():
            hparams.hparams(self._settings)

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        for writer in self._writers.values():
            writer.flush()


class ProgressBar(keras.callbacks.Callback):
    """One line an epoch, and while it runs on a terminal a bar with the time left.

    Args:
        steps: steps an epoch.
        epochs: epochs planned.
        progress: the run's `Progress`.
    """

    REFRESH = 0.2  # seconds

    def __init__(self, steps: int, epochs: int, progress):
        super().__init__()
        self._steps, self._epochs, self._progress = steps, epochs, progress
        self._bar, self._next = None, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        if sys.stdout.isatty():
            self._bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                                 TimeRemainingColumn(), TextColumn("{task.fields[scores]}"), transient=True)
            self._bar.add_task(f"epoch {epoch + 1}/{self._epochs}", total=self._steps,
                               completed=self._progress.step, scores="")
            self._bar.start()

    def on_train_batch_end(self, batch, logs=None):
        if self._bar and time.monotonic() >= self._next:
            self._next = time.monotonic() + self.REFRESH
            self._bar.update(0, completed=self._progress.step, scores=spelled(logs))

    def on_epoch_end(self, epoch, logs=None):
        self.close()
        spent = self._progress.epoch_seconds
        left = spent * (self._epochs - epoch - 1)
        say(f"epoch {epoch + 1}/{self._epochs}  {spelled(logs)}  {spent:.0f} s"
            + (f", about {left:.0f} s left" if left >= 1 else ""))

    def close(self):
        """Take the bar off the screen, whatever state it is in."""
        if self._bar:
            self._bar.stop()
            self._bar = None


class Keeper(keras.callbacks.Callback):
    """Counts steps and time, and keeps the state safe: at every epoch's end and whenever it is due in between.

    It stands first in the list, so that the others read the right count.

    Args:
        progress: the run's `Progress`.
        save: writes a checkpoint of everything.
        steps: steps an epoch.
        every_steps: steps between checkpoints, 0 for no such limit.
        every_minutes: minutes between checkpoints, 0 for no such limit.
        stop: true once the user wants to stop.
    """

    def __init__(self, progress, save, steps: int, every_steps: int, every_minutes: float, stop):
        super().__init__()
        self._progress, self._save, self._stop = progress, save, stop
        self._steps, self._every_steps, self._every_seconds = steps, every_steps, 60 * every_minutes
        self._clock = self._saved = time.monotonic()
        self.restore_metrics = None

    def on_epoch_begin(self, epoch, logs=None):
        self._clock = time.monotonic()
        if self._progress.step == 0:
            self._progress.epoch_seconds = 0.0
        elif self.restore_metrics:  # Keras has just cleared what the epoch's first part had summed up
            self.restore_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self._progress.step += 1
        self._progress.total_steps += 1
        if self._progress.step < self._steps and (self._stop or self._due()):
            self.commit()
            self.stop_if_asked()

    def on_epoch_end(self, epoch, logs=None):
        self.count_epoch(epoch, logs, float(tf.convert_to_tensor(self.model.optimizer.learning_rate)))

    def count_epoch(self, epoch: int, logs: dict, learning_rate: float):
        """Add the row of `epoch` to the history."""
        self._tick()
        self._progress.history.append({"epoch": epoch + 1, **logs, "learning_rate": learning_rate})

    def commit(self):
        """Write a checkpoint now."""
        self._tick()
        self._save()
        self._saved = time.monotonic()

    def stop_if_asked(self):
        """Raise Interrupted where the user wants to stop; the state is on the disk."""
        if self._stop:
            raise Interrupted

    def _due(self) -> bool:
        by_steps = self._every_steps and self._progress.step % self._every_steps == 0
        return bool(by_steps or (self._every_seconds and time.monotonic() - self._saved >= self._every_seconds))

    def _tick(self):
        now = time.monotonic()
        self._progress.seconds += now - self._clock
        self._progress.epoch_seconds += now - self._clock
        self._clock = now


def spelled(logs: dict | None) -> str:
    """Scores as one line."""
    return "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items() if name != "learning_rate")

