"""The one `model.fit`: with progress, TensorBoard, early stopping, a schedule, and a resume that is exact."""

import dataclasses
import functools

import keras

from dl100_tf.training import state
from dl100_tf.training.batches import Batches, validation_batches
from dl100_tf.training.callbacks import AcrossEpochs, Keeper, LearningRate, ProgressBar, TensorBoard
from dl100_tf.training.checkpoints import Checkpoints, Progress
from dl100_tf.training.interrupts import InterruptFlag
from dl100_tf.training.seeds import random_state, restore_random_state


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
        UserError: the disk is full or read-only, or the checkpoint belongs to another model.
    """
    return Training(model, data, run, config).go()


class Training:
    """One call of `fit`: the pieces that its steps share."""

    def __init__(self, model, data, run, config):
        if model.optimizer.use_ema:
            raise ValueError("an optimizer with use_ema=True can't be resumed exactly: Keras swaps the weights at "
                             "the end of every fit.")
        run.pin_source(dataclasses.asdict(data.source))
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

    def go(self) -> list[dict]:
        """Train to the end, or to the user's stop."""
        state.build(self.model, self.batches.one())
        callbacks = AcrossEpochs(self.callbacks, add_history=True, model=self.model)
        checkpoint = self.checkpoints.load()
        with self.stop.listening():
            callbacks.begin()
            if checkpoint:
                self._resume(*checkpoint)
            try:
                while self.progress.epoch < self.config.epochs and not self.progress.stopped_early:
                    self._epoch(callbacks)
            finally:
                self.bar.close()
            callbacks.end()  # the best epoch's weights come back here
        self._conclude()
        return self.progress.history

    def save(self) -> None:
        """Write a checkpoint, and then what follows from it."""
        arrays, facts = state.capture(self.model, self.callbacks, within_epoch=self.progress.step > 0)
        facts |= {"progress": dataclasses.asdict(self.progress), "random": random_state()}
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
        for name, value in facts.pop("progress").items():
            setattr(self.progress, name, value)
        state.restore(self.model, self.callbacks, arrays, facts)
        self.keeper.restore_metrics = functools.partial(state.restore_metrics, self.model, arrays)
        restore_random_state(facts["random"])
        if self.progress.history:
            self.run.write_table("history.csv", self.progress.history)
        print(f"Resuming after epoch {self.progress.epoch}, step {self.progress.step} of {self.batches.steps}.")

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
