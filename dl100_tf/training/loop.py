"""A training loop for recipes whose lesson is the loop: they write the steps, this keeps them safe."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from dl100_tf.errors import UserError
from dl100_tf.training import seeds
from dl100_tf.training.session import Session


class Loop:
    """Epochs and batches of NumPy arrays, with everything that `training.fit` has: resume, progress, history.

        loop = training.Loop(run, data, config, weights)
        for _ in loop:
            for x, y in loop.batches():
                ...                                  # change `weights` in place, at the rate loop.learning_rate
                loop.add(loss=loss, accuracy=accuracy)
            loop.validated(loss=loss, accuracy=accuracy)

    Once the loop is over, `weights` are those of the best epoch, or of the last if `config.keep` says so, and the run
    has `history.csv`, `training.json` and `best.weights.npz`.

    Args:
        run: the run directory.
        data: `Splits` of arrays.
        config: has the fields of `cli.Common`; the schedule `plateau` isn't available here.
        weights: everything that a step changes, by name; an optimizer's arrays are named `velocity/…`, and don't count
            as parameters.

    Raises:
        Interrupted: the user asked to stop; the state is saved.
        UserError: as in `training.fit`.
    """

    def __init__(self, run, data, config, weights: dict[str, np.ndarray]):
        if tf.distribute.has_strategy() or config.precision != "float32":
            raise UserError("this recipe takes its steps in NumPy, one after the other: leave --devices, --workers and "
                            "--precision out.")
        if config.schedule == "plateau":
            raise UserError("--schedule plateau isn't made for this recipe: use constant, linear, cosine or one_cycle.")
        self._run, self._train, self._config, self._weights = run, data.train, config, weights
        self._size = min(config.batch_size, len(data.train.y))
        self._session = Session(data, run, config, len(data.train.y) // self._size, self._save)
        self._progress = self._session.progress
        self._sums: dict[str, float] = {}  # of what `add` was told in this epoch
        self._validation: dict[str, float] = {}
        self._best = {"loss": float("inf"), "epoch": -1}
        self._best_weights = {name: array.copy() for name, array in weights.items()}

    def __iter__(self) -> Iterator[int]:
        """The epochs that are left, from 0; the body of the loop is one of them."""
        session = self._session
        self._resume(session.read())
        with session.stop.listening():
            try:
                while session.going_on:
                    session.keeper.on_epoch_begin(self._progress.epoch)
                    session.bar.on_epoch_begin(self._progress.epoch)
                    yield self._progress.epoch
                    self._close_epoch()
            finally:
                session.bar.close()
            for name, array in self._weights.items():
                array[...] = self._best_weights[name]
            self._save_weights()
            learnt = (array.size for name, array in self._weights.items() if not name.startswith("velocity/"))
            session.conclude(self._best["epoch"], sum(learnt))
            session.keeper.stop_if_asked()

    @property
    def learning_rate(self) -> float:
        """The learning rate of this step."""
        if self._config.schedule == "constant":
            return self._config.learning_rate
        return self._session.schedule().at(self._progress.total_steps)

    @property
    def step(self) -> int:
        """How many steps have been done, over all epochs: what a step draws by chance can depend on it and the seed."""
        return self._progress.total_steps

    @property
    def seen(self) -> int:
        """How many examples an epoch learns from: those that don't fill a batch are left out."""
        return self._session.steps * self._size

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The full batches (x, y) of this epoch that are left, in an order that only seed and epoch decide."""
        order = seeds.order(self._config.seed, self._progress.epoch, len(self._train.y))
        for step in range(self._progress.step, self._session.steps):
            at = order[step * self._size:(step + 1) * self._size]
            yield self._train.x[at], self._train.y[at]
            self._session.keeper.on_train_batch_end(step)
            self._session.bar.on_train_batch_end(step, self._means())

    def add(self, **measured: float) -> None:
        """Tell what was measured on this batch; `history.csv` has its mean over the epoch."""
        for name, value in measured.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)

    def validated(self, **measured: float) -> None:
        """Tell what was measured on the validation split after this epoch; `loss` decides which epoch is the best."""
        self._validation = {f"val_{name}": float(value) for name, value in measured.items()}

    def _means(self) -> dict[str, float]:
        return {name: value / max(self._progress.step, 1) for name, value in self._sums.items()}

    def _close_epoch(self) -> None:
        progress, epoch, keeper = self._progress, self._progress.epoch, self._session.keeper
        measured = self._means() | self._validation
        loss = measured.get("val_loss", measured.get("loss", float("nan")))
        if loss < self._best["loss"] or self._best["epoch"] < 0 or self._config.keep == "last":
            self._best = {"loss": loss, "epoch": epoch}
            self._best_weights = {name: array.copy() for name, array in self._weights.items()}
            self._save_weights()
        keeper.count_epoch(epoch, measured, self.learning_rate)
        self._session.bar.on_epoch_end(epoch, measured)
        self._tell_tensorboard(epoch, measured)
        progress.epoch, progress.step, self._sums, self._validation = epoch + 1, 0, {}, {}
        patience = self._config.patience
        progress.stopped_early = bool(patience) and epoch - self._best["epoch"] >= patience
        keeper.commit()
        keeper.stop_if_asked()

    def _tell_tensorboard(self, epoch: int, measured: dict[str, float]) -> None:
        for part, prefix in (("train", ""), ("validation", "val_")):
            writer = tf.summary.create_file_writer(str(self._run.path(f"tensorboard/{part}")))
            with writer.as_default():
                for name, value in measured.items():
                    if name.startswith("val_") == bool(prefix):
                        tf.summary.scalar(f"epoch_{name.removeprefix(prefix)}", value, step=epoch)
            writer.close()

    def _save(self) -> None:
        arrays = {f"weights/{name}": array for name, array in self._weights.items()}
        arrays |= {f"best/{name}": array for name, array in self._best_weights.items()}
        self._session.write(arrays, {"sums": self._sums, "best": self._best})

    def _resume(self, checkpoint) -> None:
        if checkpoint is None:
            return
        arrays, facts = checkpoint
        kinds = ("weights", "best")
        wanted = {f"{kind}/{name}": array.shape for name, array in self._weights.items() for kind in kinds}
        if wanted != {name: array.shape for name, array in arrays.items()}:
            raise UserError("the checkpoint doesn't fit the weights: the code has changed since the run began. Start "
                            "again under another --run name.")
        for name, array in self._weights.items():
            array[...] = arrays[f"weights/{name}"]
            self._best_weights[name] = arrays[f"best/{name}"]
        self._sums, self._best = facts["sums"], facts["best"]
        self._session.resumed(facts)

    def _save_weights(self) -> None:
        with self._run.writing("best.weights.npz") as file:
            np.savez(file, **self._best_weights)
