"""What one session of training stands on, whichever way it takes its steps."""

import contextlib
import dataclasses
import json

import tensorflow as tf

from dl100_tf.errors import UserError
from dl100_tf.run import MAY_CHANGE
from dl100_tf.training import distribution
from dl100_tf.training.callbacks import Keeper, LearningRate, ProgressBar
from dl100_tf.training.checkpoints import Checkpoints, Progress
from dl100_tf.training.interrupts import InterruptFlag, say
from dl100_tf.training.seeds import random_state, restore_random_state

PARTS = 10  # of an epoch, after each of which workers write a checkpoint if they aren't told when


class Session:
    """The run's progress, its checkpoints, its progress bar, and the user's wish to stop.

    Args:
        data: has the `source` it came from.
        run: the run directory.
        config: has the fields of `cli.Common`.
        steps: steps an epoch.
        save: called when a checkpoint is due; calls `write`.
    """

    def __init__(self, data, run, config, steps: int, save):
        run.pin_source(dataclasses.asdict(data.source))
        run.note(devices=[f"{device.device_type} {device.name}" for device in tf.config.list_physical_devices()],
                 replicas=tf.distribute.get_strategy().num_replicas_in_sync)
        self.run, self.config, self.steps = run, config, steps
        self.stop = InterruptFlag()
        self.progress = Progress()
        self.checkpoints = Checkpoints(run.path("checkpoints"))
        every, minutes = config.checkpoint_steps, config.checkpoint_minutes
        if distribution.task():  # they come to a checkpoint together, so it is due by steps and not by each one's clock
            every, minutes = every or max(1, steps // PARTS), 0.0
        self.keeper = Keeper(self.progress, save, steps, every, minutes, self.stop)
        self.bar = ProgressBar(steps, config.epochs, self.progress)
        self.digest = data.source.digest
        # What a checkpoint is of; the settings left out change no weight.
        settings = {name: value for name, value in _plain(config).items() if name not in MAY_CHANGE}
        self._made_with = settings | {"data digest": data.source.digest}

    @property
    def going_on(self) -> bool:
        """Whether there is an epoch left to train."""
        return self.progress.going_on(self.config.epochs)

    def schedule(self) -> LearningRate:
        """The learning rate by step, for every schedule but `constant` and `plateau`."""
        config = self.config
        return LearningRate(config.schedule, config.learning_rate, self.steps, config.epochs, self.progress)

    def write(self, arrays: dict, facts: dict) -> None:
        """Write a checkpoint of the arrays and facts given and of the session's own, and then what follows from it."""
        facts = facts | {"progress": dataclasses.asdict(self.progress), "random": random_state(),
                         "made with": self._made_with}
        if self.run.writes_checkpoints:
            self.checkpoints.save(self.progress.total_steps, arrays, facts)
        if self.progress.history and self.progress.step == 0:
            self.run.write_table("history.csv", self.progress.history)

    def read(self) -> tuple[dict, dict] | None:
        """The newest sound checkpoint's (arrays, facts), the session's own put back by `resume`; None without one.

        Raises:
            UserError: the checkpoint belongs to other settings or data, or to more epochs than are asked for.
        """
        checkpoint = self.checkpoints.load()
        if checkpoint is None:
            if self.run.path("history.csv").is_file():
                say("No checkpoint is left: training begins again.")
            return None
        facts = checkpoint[1]
        usual = _plain(type(self.config)())  # of a setting that is newer than the checkpoint
        made_with = usual | facts["made with"]
        other = [name for name, value in self._made_with.items() if made_with.get(name) != value]
        if other:
            raise UserError(f"the checkpoints of the run {self.run.name} were made with another {', '.join(other)}: "
                            "start again under another --run name.")
        for name, value in facts["progress"].items():
            setattr(self.progress, name, value)
        self.run.refuse_fewer_epochs(self.config.epochs, trained=self.progress.epoch)
        return checkpoint

    def listening(self):
        """Context manager: stop at a safe point where the user asks for that.

        One of several workers ends at once: while it were at its safe point, the others would wait in a step's middle.
        """
        return contextlib.nullcontext() if distribution.task() else self.stop.listening()

    def resumed(self, facts: dict) -> None:
        """What is left to do once the caller has put back its own part of a checkpoint."""
        restore_random_state(facts["random"])
        if self.progress.history:
            self.run.write_table("history.csv", self.progress.history)
        say(self._standing())

    def conclude(self, best_epoch: int, parameters: int) -> None:
        """Write `training.json`: what was spent, on how large a model, and whose weights were kept.

        Args:
            best_epoch: from 0.
            parameters: numbers that were learnt, or that the model holds.
        """
        progress = self.progress
        self.run.write_json("training.json", {
            "train_seconds": round(progress.seconds, 2), "epochs": progress.epoch, "best_epoch": best_epoch + 1,
            "steps": progress.total_steps, "parameters": parameters, "stopped_early": progress.stopped_early})
        self.run.after_training()

    def _standing(self) -> str:
        """Where a resumed run stands, in words."""
        progress, epochs = self.progress, self.config.epochs
        if progress.stopped_early:
            return f"Training had stopped early after epoch {progress.epoch}."
        if progress.step:
            return f"Resuming in epoch {progress.epoch + 1}/{epochs} after step {progress.step}/{self.steps}."
        if progress.epoch == epochs:
            return f"Training was done, all {epochs} epochs of it."
        return f"Resuming after epoch {progress.epoch}/{epochs}."


def _plain(config) -> dict:
    """Settings as JSON has them."""
    return json.loads(json.dumps(dataclasses.asdict(config)))
