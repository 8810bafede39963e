"""A search in a run: its trials, each the recipe up to where its net is trained, and what came of them."""

import dataclasses
import importlib
import json
import math
import os
import sys
import time

import keras_tuner

from dl100_tf import settings, terminal
from dl100_tf.errors import Interrupted, UserError
from dl100_tf.execution import execute
from dl100_tf.run import Run
from dl100_tf.training import askers, processes, search, spaces
from dl100_tf.training.checkpoints import Checkpoints
from dl100_tf.training.interrupts import InterruptFlag, say
from dl100_tf.training.journal import BEST
from dl100_tf.training.search import Outcome
from dl100_tf.training.trials import Trained, Trial, in_process


class Search:
    """A search in a run: the trials that have been, and those to come.

    Args:
        recipe: the recipe's module.
        run: the run that it is in.
        journal: what has happened so far.
        config: the settings that are the same for all trials; its epochs are those of a trial.
        method: of `training.search.Method`.
        trials: how many at most.
        parallel: how many at a time.
    """

    def __init__(self, recipe, run: Run, journal, config, method: str, trials: int, parallel: int = 1):
        self.recipe, self.run, self.journal, self.config = recipe, run, journal, config
        self.method, self.trials, self.parallel = method, trials, parallel
        self.space = getattr(recipe, "search_space", spaces.usual)
        self.stop = InterruptFlag()
        self.began, self.here = time.monotonic(), 0  # this session's beginning, and how many trials it has seen end

    def go(self) -> None:
        """Carry out the trials that are left, or as Keras Tuner's chief have others do it.

        Raises:
            Interrupted: the user asked to stop; the trials that were under way are saved.
            UserError: no trial came to its end.
        """
        space = keras_tuner.HyperParameters()
        self.space(space, self.config)
        plan = search.Plan(self.method, self.trials, self.config.epochs, self.config.seed)
        say(f"search  {self.method} over {', '.join(one.name for one in space.space)}; at most {self.trials} trials")
        oracle, chief = search.oracle(plan, space, self.journal, self._tell), askers.chief()
        self.journal.begin({"method": self.method, "trials": self.trials, "config": dataclasses.asdict(self.config)})
        with self.stop.listening():
            if chief:
                say(f"chief   workers can ask at {chief}")
                askers.serve(oracle, self.run.name, chief, self.stop)
            else:
                self._load()
                askers.together(oracle, self.parallel, self.carry_out, self.stop)
        if self.stop:
            raise Interrupted
        if self._winner() is None:
            first = processes.failure(Trial(self.run, next(iter(self.journal.ended()))))
            raise UserError(f"all trials failed, the first for this reason: {first}. What they printed is in "
                            f"{self.run.path('trials')}.")

    def help(self, worker: str) -> None:
        """Carry out trials for a chief elsewhere, which has the journal, until the search has its best settings.

        Raises:
            Interrupted: the user asked to stop; the trial that was under way is saved.
            UserError: no chief answers, or a trial can't go on here.
        """
        self._load()
        chief = askers.Client(self.run.name, lambda: self.run.path(BEST).is_file(), self.stop)
        with self.stop.listening():
            askers.work(chief, worker, self.carry_out, self.stop)

    def carry_out(self, named: str, hp) -> Outcome:
        """Train one trial, or the rest of it, in a process of its own.

        Raises:
            Interrupted: the user asked to stop.
            UserError: it can't be trained now, for a reason that isn't its own: a full disk, data that aren't there.
        """
        trial = Trial(self.run, named)
        try:
            chosen = self._settings(hp.values)
        except UserError as error:
            outcome = Outcome(None, str(error))
        else:
            trial.prepare(chosen, self._shorter(hp.values))
            outcome = trial.outcome(chosen["epochs"]) or self._train(trial, chosen)
        if outcome.score is None:
            trial.write_json("failure.json", {"reason": outcome.reason})
        return outcome

    def best(self) -> dict:
        """The best settings of all trials, for as many epochs as were asked for."""
        return self._settings(self.journal.values()[self._winner()]) | {"epochs": self.config.epochs}

    def hand_over(self) -> None:
        """Make what the winner has trained the run's own where it is all that was asked for; only the score is missing.

        Nothing that the run has is touched, so it can be done again after a kill; not before the search is over.
        """
        named = self._winner()
        if named is None:  # the best settings are there, and the journal that had them is damaged
            return
        winner = Trial(self.run, named)
        whole = self._settings(self.journal.values()[named])["epochs"] == self.config.epochs
        if whole and winner.directory.is_dir():
            winner.leave_to(self.run)

    def explain(self) -> None:
        """Show the search in the run's report."""
        from dl100_tf import evaluation

        winner = self._winner()
        if winner is None:
            return
        values, ended = self.journal.values(), self.journal.ended()
        chosen = {named: self._settings(values[named]) for named in ended if ended[named]["score"] is not None}
        varied = [name for name in self._settings({}) if name != "epochs"
                  and len({str(one[name]) for one in chosen.values()}) > 1]
        metric = next(filter(None, (Trial(self.run, named).metric() for named in ended)), ("val_loss", 0.0))
        rows = []
        for named, event in ended.items():
            trial, score = Trial(self.run, named), event["score"]
            spent = self._spent(trial)
            rows.append({"trial": trial.number} | {name: chosen.get(named, {}).get(name) for name in varied} | {
                "epochs": spent["epochs"], "seconds": spent["train_seconds"],
                metric[0]: None if score is None else 1 - score if metric[0] == "val_accuracy" else score,
                "why": processes.failure(trial) if score is None else ""})
        if not any(row["why"] for row in rows):
            rows = [{name: cell for name, cell in row.items() if name != "why"} for row in rows]
        evaluation.explain_search(self.run, rows, varied, metric[0], self.method, [*ended].index(winner))
        evaluation.report(self.run)

    def _settings(self, values: dict) -> dict:
        """The settings of a trial, as they stand in its `config.json`, of the values that Keras Tuner gave it.

        Raises:
            UserError: they don't go together.
        """
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        config = dataclasses.replace(self.space(hp, self.config), epochs=values.get("tuner/epochs", self.config.epochs))
        return json.loads(json.dumps(dataclasses.asdict(config)))

    def _train(self, trial: Trial, chosen: dict) -> Outcome:
        """Train a trial, and read what came of it from its files.

        Raises:
            Interrupted: the user asked to stop.
        """
        reason = in_process(be_trial, (self.recipe.__name__, chosen, self.run.name, trial.named), trial, self.stop)
        outcome = None if reason else trial.outcome(chosen["epochs"])
        if outcome is None and self.stop:
            raise Interrupted
        return outcome or Outcome(None, reason or "it left no figures")

    def _spent(self, trial: Trial) -> dict:
        """Epochs and seconds that a trial was trained for, without those of a shorter one that it went on from."""
        spent = trial.spent()
        if not spent:  # it failed on the way
            came = Checkpoints(trial.path("checkpoints")).progress()
            spent = {"epochs": came.epoch, "train_seconds": came.seconds}
        before = self._shorter(self.journal.values()[trial.named])
        already = before.spent() if before else {}
        return {name: max(0, spent[name] - already.get(name, 0)) for name in ("epochs", "train_seconds")}

    def _shorter(self, values: dict) -> Trial | None:
        """The shorter trial that hyperband has this one go on from, where the learning rate doesn't forbid it."""
        before = values.get("tuner/trial_id")
        return Trial(self.run, before) if before and self.config.schedule not in settings.PLANNED else None

    def _winner(self) -> str | None:
        """The best of those that were trained longest: a short trial can't be set against them."""
        values = self.journal.values()
        scored = {number: event["score"] for number, event in self.journal.ended().items()
                  if event["score"] is not None}
        return min(scored, default=None, key=lambda number: (
            -values[number].get("tuner/epochs", 0), scored[number], int(number)))

    def _load(self) -> None:
        if self.parallel > 1:  # the first would take all memory of a GPU
            os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        with terminal.loading("Loading TensorFlow"):
            processes.load()

    def _tell(self, ended) -> None:
        """Say what came of a trial of Keras Tuner's, what is the best so far, and how long the others will take."""
        self.here += 1
        spent = (time.monotonic() - self.began) / self.here
        scores = {named: event["score"] for named, event in self.journal.ended().items()}
        best = min((named for named in scores if scores[named] is not None), key=scores.get, default=None)
        trial = Trial(self.run, ended.trial_id)
        words = [f"trial {trial.number}/{self.trials}", "{} {:.4f}".format(*trial.metric() or ("score", ended.score))
                 if ended.score is not None else f"failed: {processes.failure(trial)}"]
        if best:
            best = Trial(self.run, best)
            words += [f"best {(best.metric() or ('', math.nan))[1]:.4f} (trial {best.number})"]
        left = self.trials - len(scores)
        words += [f"about {_spelled(left * spent)} left" if left > 0 else "done"]
        words += [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                  for name, value in ended.hyperparameters.values.items() if not name.startswith("tuner/")]
        say("  ".join(words))


def be_trial(module: str, chosen: dict, name: str, named: str) -> None:
    """Be the process of one trial: what it prints goes to its `log.txt`, why it failed to `failure.json`.

    Args:
        module: the recipe's.
        chosen: the trial's settings.
        name: the run that the search is in.
        named: the trial.
    """
    recipe = importlib.import_module(module)
    trial = Trial(Run(settings.name_of(recipe), name), named)
    terminal.prepare()
    processes.enter(trial)
    try:
        processes.wait_for(trial, math.inf)  # a worker may be at it that a restarted chief knows nothing of
        execute(recipe, recipe.Config(**chosen), trial)
        raise UserError("the recipe came to its end without having trained the net of its run")
    except Trained:
        return
    except (Interrupted, KeyboardInterrupt):
        sys.exit(processes.STOPPED)
    except Exception as error:
        processes.fail(trial, error)


def _spelled(seconds: float) -> str:
    """A time to wait, in words."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
