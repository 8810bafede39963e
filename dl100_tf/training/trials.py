"""One trial of a search: a run that ends once its net is trained, in a process of its own."""

import math
import shutil
import signal
import time
import warnings

from dl100_tf.errors import UserError
from dl100_tf.run import MAY_CHANGE, Run
from dl100_tf.training import processes
from dl100_tf.training.search import Outcome

JUDGES = ("val_accuracy", "val_loss", "loss")  # what a trial is judged by: the first that its history has
OWN = ("config.json", "provenance.json", "log.txt", "failure.json")  # what is of the trial alone
LOOK = 0.3  # seconds between looks at a trial that is under way
AGAIN = 5.0  # seconds until it is told once more to stop: while it begins it doesn't hear
TRIES = 3  # how often a trial is begun whose process was lost, or stopped by somebody else


class Trained(Exception):
    """A trial has what it came for: neither the test set nor a report is its business."""


class Trial(Run):
    """A run inside that of a search, `trials/<number>/`, which carries out a recipe until its net is trained.

    Args:
        run: the run that the search is in.
        named: the trial's id with Keras Tuner, which counts from 0.

    Attributes:
        search: the run.
        named: the same as above.
        number: what people call it, from 1.
    """

    def __init__(self, run: Run, named: str):
        super().__init__(run.project, run.name)
        self.search = run
        self.named, self.number = named, int(named) + 1
        self.directory = run.directory / "trials" / f"{self.number:03d}"

    def after_training(self) -> None:
        """End the recipe here.

        Raises:
            Trained: always.
        """
        raise Trained

    @property
    def rung(self) -> str:
        """The data source that the search was begun with."""
        return self.search.rung

    def pin_source(self, source: dict) -> None:
        """Hold all trials of the search to the same data."""
        before = self.search.record().get("source")
        if before is None or before["digest"] != source["digest"]:
            self.search.pin_source(source)
        super().pin_source(source)

    def prepare(self, settings: dict, before: "Trial | None" = None) -> None:
        """Make the folder fit to train in: what is of other settings or damaged in it goes.

        Args:
            settings: that the trial is to have, as they are in `config.json`.
            before: a shorter trial of the same settings, to go on from.
        """
        self.path("failure.json").unlink(missing_ok=True)
        try:
            if kept(self.read_json("config.json", settings)) == kept(settings) and self.record() is not None:
                if before and not self.path("checkpoints").is_dir() and before.path("checkpoints").is_dir():
                    with self.owned(), self.writing("checkpoints") as folder:
                        shutil.copytree(before.path("checkpoints"), folder)
                return
        except UserError as damage:
            warnings.warn(f"{damage} This trial is trained from its beginning.", stacklevel=2)
        shutil.rmtree(self.directory)

    def leave_to(self, run: Run) -> None:
        """Copy what was trained and all that was made on the way into a run that has nothing of it yet."""
        for entry in sorted(self.directory.iterdir()):
            if entry.name not in OWN and not entry.name.startswith(".") and not run.path(entry.name).exists():
                with run.writing(entry.name) as target:
                    (shutil.copytree if entry.is_dir() else shutil.copy2)(entry, target)

    def outcome(self, epochs: int) -> Outcome | None:
        """What came of the trial, from its files; None where it hasn't been trained for `epochs`."""
        spent, found = self.spent(), self.metric()
        if not found or (spent["epochs"] < epochs and not spent["stopped_early"]):
            return None
        if wrong := self.diverged():
            return Outcome(None, wrong)
        name, value = found
        if not math.isfinite(value):
            return Outcome(None, f"{name} is {value}")
        return Outcome(1 - value if name == "val_accuracy" else value)

    def spent(self) -> dict:
        """What `training.json` holds; nothing where there is none, or it is damaged: then training writes it again."""
        try:
            return self.read_json("training.json", {})
        except UserError:
            return {}

    def metric(self) -> tuple[str, float] | None:
        """What the trial is judged by, and its value in the epoch whose weights were kept; None where nobody knows."""
        try:
            row = self.read_table("history.csv")[self.spent()["best_epoch"] - 1]
        except (ValueError, TypeError, AttributeError, KeyError, IndexError):  # a damaged file
            return None
        return next(((name, row[name]) for name in JUDGES if name in row), None)

    def diverged(self) -> str:
        """`loss is nan`, say, where training has gone astray for good; empty otherwise."""
        try:
            rows = self.read_table("history.csv")
        except (ValueError, TypeError, AttributeError):  # a row that was cut short; training writes it again
            return ""
        wrong = [f"{name} is {value} in epoch {rows[-1]['epoch']:.0f}" for name, value in rows[-1].items()
                 if not math.isfinite(value)] if rows else []
        return wrong[0] if wrong else ""


def kept(settings: dict) -> dict:
    """Those of a trial's settings that decide what it learns."""
    return {name: value for name, value in settings.items() if name == "epochs" or name not in MAY_CHANGE}


def in_process(target, arguments: tuple, trial: Trial, stop) -> str:
    """Call `target(*arguments)` in a process of its own and wait for it; why it failed, or nothing.

    It gets a SIGTERM where the user wants to stop, or where what it trains has diverged. Where it is lost with the fork
    server, another one goes on.

    Args:
        trial: what it carries out.
        stop: true once the user wants to stop.

    Raises:
        UserError: it failed for a reason that the user can mend and that would stop any other trial too.
    """
    for _ in range(TRIES):
        if stop:
            return "it was not begun"
        code, diverged = _watched(processes.begun(target, arguments), trial, stop)
        if code not in (processes.LOST, processes.STOPPED) or stop or diverged:
            break
    reason = processes.failure(trial)
    if code == processes.MENDABLE:
        raise processes.complaint(trial, "a trial")
    if code == -getattr(signal, "SIGKILL", 9):
        return "killed by the system, as it does where memory runs out"
    return diverged or reason or (f"ended with exit code {code}" if code else "")


def _watched(process, trial: Trial, stop) -> tuple[int, str]:
    """Wait for a trial's process; its exit code, and how it diverged if it did."""
    diverged, told = "", -math.inf
    while process.is_alive():
        process.join(LOOK)
        diverged = diverged or trial.diverged()
        if (stop or diverged) and time.monotonic() - told > AGAIN:
            process.terminate()
            told = time.monotonic()
    return process.exitcode, diverged
