"""The one `model.fit`: with progress, TensorBoard, early stopping, a schedule, and a resume that is exact."""

import dataclasses
import functools

import keras

from dl100_tf.training import distribution, precision, state
from dl100_tf.training.batches import Batches, validation_batches
from dl100_tf.training.callbacks import AcrossEpochs, TensorBoard
from dl100_tf.training.session import Session


def fit(model, data, run, config, augment=None, callbacks=(), padding=None) -> list[dict]:
    """Train `model` as `config` says, from wherever the run stands, to the weights of its best or its last epoch.

    Called again on the same run it goes on from the newest checkpoint: with `config.deterministic` every weight comes
    out as if nothing had happened. A run that has trained to its end only gets its weights back.

    Args:
        model: a compiled Keras model that takes what `data` holds. One with a `train_step` of its own and several
            optimizers tells of them in `optimizers`, `optimizer` being the first.
        data: has `train` and `validation`, each with arrays `x` and `y`, and the `source` they came from.
        run: the run directory.
        config: has the fields of `cli.Common`.
        augment: changes each training batch: (x, y, key, epoch) -> (x, y). It's traced into the input pipeline. `key`,
            int32 (2,), is another one at every step, for TensorFlow's stateless random functions; `epoch` counts from
            0. It has to depend on nothing else, or a resumed run would see other batches.
        callbacks: Keras callbacks without a state of their own.
        padding: the number behind the end of each row, where x is an array (n, length) of rows of different lengths:
            batches are then made of rows of like length and end with the longest, so the model has to take any length.

    Returns:
        One row per epoch, over all sessions: epoch from 1, loss and metrics, their `val_` twins, learning_rate.

    Raises:
        Interrupted: the user asked to stop; the state is saved.
        UserError: the disk is full or read-only, or the checkpoint belongs to another model, data or settings.
    """
    return Training(model, data, run, config, augment, callbacks, padding).go()


class Training:
    """One call of `fit`: the pieces that its steps share."""

    def __init__(self, model, data, run, config, augment=None, callbacks=(), padding=None):
        if model.optimizer.use_ema:
            raise ValueError("an optimizer with use_ema=True can't be resumed exactly: Keras swaps the weights at "
                             "the end of every fit.")
        self.model, self.run, self.config = model, run, config
        self.batches = Batches(data.train, config.batch_size, config.seed, augment, padding)
        self.validation = validation_batches(data.validation, config.batch_size, padding)
        self.session = Session(data, run, config, self.batches.steps, self.save)
        self.progress, self.keeper = self.session.progress, self.session.keeper
        self.best = keras.callbacks.EarlyStopping(monitor="val_loss", patience=config.patience or config.epochs,
                                                  restore_best_weights=config.keep == "best")
        board = TensorBoard(run.path("tensorboard"), dataclasses.asdict(config))
        self.callbacks = [self.keeper, *self._schedule(), self.best, self.session.bar, board, *callbacks]

    def go(self) -> list[dict]:
        """Train to the end, or to the user's stop."""
        state.build(self.model, self.batches.one())
        with precision.computing(self.model, self.config.precision):
            return self._train()

    def _train(self) -> list[dict]:
        distribution.prepare(self.model, self.batches.size)
        callbacks = AcrossEpochs(self.callbacks, add_history=True, model=self.model)
        checkpoint = self.session.read()
        distribution.agree(self.model, step=self.progress.total_steps, data=self.session.digest,
                           batches=(self.batches.steps, self.batches.size))
        with self.session.listening():
            callbacks.begin()
            if checkpoint:
                self._resume(*checkpoint)
            try:
                while self.session.going_on:
                    self._epoch(callbacks)
            finally:
                self.session.bar.close()
            callbacks.end()  # if the best epoch's weights are to be kept, they come back here
            self._save_weights()
            self.session.conclude(self._kept, self.model.count_params())
            self.keeper.stop_if_asked()
        return self.progress.history

    def save(self) -> None:
        """Write a checkpoint, and then what follows from it."""
        self.session.write(*state.capture(self.model, self.callbacks, within_epoch=self.progress.step > 0))

    @property
    def _kept(self) -> int:
        """The epoch whose weights are kept, from 0."""
        return self.best.best_epoch if self.config.keep == "best" else self.progress.epoch - 1

    def _epoch(self, callbacks) -> None:
        epoch, done = self.progress.epoch, self.progress.step
        self.model.fit(self.batches.epoch(epoch, done), validation_data=self.validation, callbacks=callbacks,
                       initial_epoch=epoch, epochs=epoch + 1, shuffle=False, verbose=0)
        self.progress.epoch, self.progress.step = epoch + 1, 0
        self.progress.stopped_early = bool(self.model.stop_training)
        if self._kept == epoch:
            self._save_weights()
        self.keeper.commit()
        self.keeper.stop_if_asked()

    def _resume(self, arrays, facts) -> None:
        state.restore(self.model, self.callbacks, arrays, facts)
        self.keeper.restore_metrics = functools.partial(state.restore_metrics, self.model, arrays)
        self.session.resumed(facts)

    def _schedule(self) -> list:
        if self.config.schedule == "plateau":
            return [keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=1)]
        return [self.session.schedule()] if self.config.schedule != "constant" else []

    def _save_weights(self) -> None:
        with self.run.writing("best.weights.h5") as file:
            self.model.save_weights(file)
