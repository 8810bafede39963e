"""The one `model.fit`: with progress, TensorBoard, early stopping, a schedule, and a resume that is exact."""

import dataclasses
import functools
import json

import keras
import tensorflow as tf

from dl100_tf.errors import UserError
from dl100_tf.training import state
from dl100_tf.training.batches import Batches, validation_batches
from dl100_tf.training.callbacks import AcrossEpochs, Keeper, LearningRate, ProgressBar, TensorBoard
from dl100_tf.training.checkpoints import Checkpoints, Progress
from dl100_tf.training.interrupts import InterruptFlag, say
from dl100_tf.training.seeds import random_state, restore_random_state

FREE = ("epochs", "source", "data_dir", "checkpoint_minutes", "checkpoint_steps")


def fit(model, data, run, config) -> list[dict]:
    """Train `model` as `config` says, from wherever the run stands, to its best epoch's weights.

    Called again on the same run it goes on from the newest checkpoint: with `config.deterministic` every weight comes
    out as if nothing had happened. A run that has trained to its end only gets its weights back.

    Args:
        model: a compiled Keras model that takes what `data` holds.
        data: has `train` and `validation`, each with arrays `x` and `y`, and the `source` they came from.
        run: the run directory.
        config: has the fields of `cli.Common`.

    Returns:
        One row per epoch, over all sessions: epoch from 1, loss and metrics, their `val_` twins, learning_rate.

    Raises:
        Interrupted: the user asked to stop; the state is saved.
        UserError: the disk is full or read-only, or the checkpoint belongs to another model, data or settings.
    """
    return Training(model, data, run, config).go()


class Training:
    """One call of `fit`: the pieces that its steps share."""

    def __init__(self, model, data, run, config):
        if model.optimizer.use_ema:
            raise ValueError("an optimizer with use_ema=True can't be resumed exactly: Keras swaps the weights at "
                             "the end of every fit.")
        run.pin_source(dataclasses.asdict(data.source))
        run.note(devices=[f"{device.device_type} {device.name}" for device in tf.config.list_physical_devices()])
        self.model, self.run, self.config = model, run, config
        self.stop = InterruptFlag()
        self.progress = Progress()
        self.batches = Batches(data.train, config.batch_size, config.seed)
        self.validation = validation_batches(data.validation, config.batch_size)
        self.checkpoints = Checkpoints(run.path("checkpoints"))
        self.keeper = Keeper(self.progress, self.save, self.batches.steps, config.checkpoint_steps,
                             config.checkpoint_minutes, self.stop)
        self.best = keras.callbacks.EarlyStopping(monitor="val_loss", restore_best_weights=True,
                                                  patience=config.patience or config.epochs)
        self.bar = ProgressBar(self.batches.steps, config.epochs, self.progress)
        board = TensorBoard(run.path("tensorboard"), dataclasses.asdict(config))
        self.callbacks = [self.keeper, *self._schedule(), self.best, self.bar, board]
        # What a checkpoint is of; the settings left out change no weight.
        settings = {name: value for name, value in dataclasses.asdict(config).items() if name not in FREE}
        self.made_with = json.loads(json.dumps(settings | {"data digest": data.source.digest}))

    def go(self) -> list[dict]:
        """Train to the end, or to the user's stop."""
        state.build(self.model, self.batches.one())
        callbacks = AcrossEpochs(self.callbacks, add_history=True, model=self.model)
        checkpoint = self.checkpoints.load()
        with self.stop.listening():
            callbacks.begin()
            if checkpoint:
                self._resume(*checkpoint)
            elif self.run.path("history.csv").is_file():
                say("No checkpoint is left: training begins again.")
            try:
                while self.progress.epoch < self.config.epochs and not self.progress.stopped_early:
                    self._epoch(callbacks)
            finally:
                self.bar.close()
            callbacks.end()  # the best epoch's weights come back here
            self._conclude()
            self.keeper.stop_if_asked()
        return self.progress.history

    def save(self) -> None:
        """Write a checkpoint, and then what follows from it."""
        arrays, facts = state.capture(self.model, self.callbacks, within_epoch=self.progress.step > 0)
        facts |= {"progress": dataclasses.asdict(self.progress), "random": random_state(),
                  "made with": self.made_with}
        self.checkpoints.save(self.progress.total_steps, arrays, facts)
        if self.progress.history and self.progress.step == 0:
            self.run.write_table("history.csv", self.progress.history)

    def _epoch(self, callbacks) -> None:
        epoch, done = self.progress.epoch, self.progress.step
        self.model.fit(self.batches.epoch(epoch, done), validation_data=self.validation, callbacks=callbacks,
                       initial_epoch=epoch, epochs=epoch + 1, shuffle=False, verbose=0)
        self.progress.epoch, self.progress.step = epoch + 1, 0
        self.progress.stopped_early = bool(self.model.stop_training)
        if self.best.best_epoch == epoch:
            with self.run.writing("best.weights.h5") as file:
                self.model.save_weights(file)
        self.keeper.commit()
        self.keeper.stop_if_asked()

    def _resume(self, arrays, facts) -> None:
        other = [name for name, value in self.made_with.items() if facts["made with"].get(name) != value]
        if other:
            raise UserError(f"the checkpoints of the run {self.run.name} were made with another {', '.join(other)}: "
                            "start again under another --run name.")
        for name, value in facts["progress"].items():
            setattr(self.progress, name, value)
        if self.config.epochs < self.progress.epoch:
            raise UserError(f"the run {self.run.name} has been trained for {self.progress.epoch} epochs already: "
                            f"--epochs can't be {self.config.epochs}.")
        state.restore(self.model, self.callbacks, arrays, facts)
        self.keeper.restore_metrics = functools.partial(state.restore_metrics, self.model, arrays)
        restore_random_state(facts["random"])
        if self.progress.history:
            self.run.write_table("history.csv", self.progress.history)
        say(self._standing())

    def _standing(self) -> str:
        """Where a resumed run stands, in words."""
        progress, epochs = self.progress, self.config.epochs
        if progress.stopped_early:
            return f"Training had stopped early after epoch {progress.epoch}."
        if progress.step:
            return f"Resuming in epoch {progress.epoch + 1}/{epochs} after step {progress.step}/{self.batches.steps}."
        if progress.epoch == epochs:
            return f"Training was done, all {epochs} epochs of it."
        return f"Resuming after epoch {progress.epoch}/{epochs}."

    def _schedule(self) -> list:
        config = self.config
        if config.schedule == "plateau":
            return [keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=1)]
        if config.schedule == "constant":
            return []
        return [LearningRate(config.schedule, config.learning_rate, self.batches.steps, config.epochs, self.progress)]

    def _conclude(self) -> None:
        progress, best = self.progress, self.best.best_epoch
        with self.run.writing("best.weights.h5") as file:
            self.model.save_weights(file)
        self.run.write_json("training.json", {
            "train_seconds": round(progress.seconds, 2), "epochs": progress.epoch, "best_epoch": best + 1,
            "steps": progress.total_steps, "parameters": self.model.count_params(),
            "stopped_early": progress.stopped_early})
