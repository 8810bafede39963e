"""A search over settings: Keras Tuner proposes the trials, and a journal remembers them through any kill.

Here and in `askers.py` Keras Tuner is used, and nowhere else. Of it are taken the *oracles*, which propose the next
values to try, and the service by which workers on other machines ask one. Its files aren't used: none of them is
written whole or not at all, an empty one ends the search, and what the Bayesian one draws by chance isn't in them.
"""

import dataclasses
import functools
import threading
from typing import Literal, NamedTuple

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from dl100_tf.errors import UserError
from dl100_tf.training.journal import Journal

Method = Literal["random", "grid", "bayesian", "hyperband"]
FACTOR = 3  # hyperband trains the best third of its trials three times as long


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a search is asked for.

    Attributes:
        method: how the next values are chosen.
        trials: how many are tried at most.
        epochs: how long a trial is trained; by `hyperband`, the longest.
        seed: of what is drawn by chance.
    """

    method: Method
    trials: int
    epochs: int
    seed: int


class Count(int):
    """How many trials there are; Keras Tuner gives their ids as many digits as it has, and more trials change no id."""

    def __str__(self):
        return "12345"


class Outcome(NamedTuple):
    """What came of a trial: a score, the smaller the better, or none and the reason why."""

    score: float | None
    reason: str = ""


def alone(method):
    """A method that one thread calls at a time, and nobody again once it has failed.

    Keras Tuner's own `synchronized` keeps its lock for ever where a method raises, on a full disk say.
    """
    @functools.wraps(method)
    def one_at_a_time(self, *arguments, **named):
        with self.lock:
            if self.broken:
                raise self.broken
            try:
                return method(self, *arguments, **named)
            except BaseException as error:
                self.broken = error
                raise
    return one_at_a_time


class Remembering:
    """What makes an oracle of Keras Tuner remember by a `Journal`, and write nothing itself.

    It goes on by being asked all the same again: what it proposes depends on its seed and on what it was told. Trials
    that had begun and not ended are given out again before any new one.

    Attributes:
        broken: the error after which it can't go on, or None.
    """

    broken: BaseException | None = None

    def remember(self, journal: Journal, told) -> None:
        """Live through what the journal holds, and write into it from then on.

        Args:
            journal: of this search.
            told: called with a trial when its end is written down.

        Raises:
            UserError: it proposes other values than it did then: another version, or another search space.
        """
        self.lock, self.journal, self.told = threading.RLock(), None, told
        self.known = journal.values()
        for event in journal.events:
            if "began" in event:
                self._begin_again(event)
            else:
                report(self, self.trials[event["ended"]], Outcome(event["score"]))
        self._retry_queue = [trial.trial_id for trial in self.ongoing_trials.values()][::-1]
        self.ongoing_trials, self.tuner_ids, self.known, self.journal = {}, set(), {}, journal

    def _begin_again(self, event: dict) -> None:
        trial = self.create_trial(f"again {event['began']}")
        if int(trial.trial_id) != int(event["began"]) or trial.hyperparameters.values != event["values"]:
            raise UserError("the search can't go on: it would try other values now than it did. It was begun with "
                            "another version of this project or of Keras Tuner: start again under another --run name.")

    @alone
    def create_trial(self, tuner_id):
        """The next trial for the worker `tuner_id`: a new one, or one that somebody began and didn't end."""
        trial = super().create_trial(tuner_id)
        if self.journal and trial.status == TrialStatus.RUNNING and trial.trial_id not in self.journal.values():
            self.journal.add(began=trial.trial_id, values=dict(trial.hyperparameters.values))
        return trial

    @alone
    def update_trial(self, trial_id, metrics, step=0):
        """Take in a trial's figures."""
        if trial_id not in self.trials:  # of a journal whose end was damaged: it begins again, and is found trained
            return Trial(self.hyperparameters, trial_id)
        return super().update_trial(trial_id, metrics, step)

    @alone
    def end_trial(self, trial):
        """Take in a trial's score; the second time it says nothing new."""
        if trial.trial_id not in self.trials:
            return
        if self.journal and trial.trial_id in self.journal.ended():  # to a chief that was restarted
            self.ongoing_trials = {who: one for who, one in self.ongoing_trials.items()
                                   if one.trial_id != trial.trial_id}
            return
        if trial.trial_id in self._retry_queue:
            self._retry_queue.remove(trial.trial_id)
        super().end_trial(trial)
        if self.journal:
            self.journal.add(ended=trial.trial_id, score=self.trials[trial.trial_id].score)
            self.told(self.trials[trial.trial_id])

    @alone
    def nothing_left(self) -> bool:
        """Whether there is nothing more to try; asked before anybody else asks, who then gets what comes of it."""
        trial = self.create_trial("nobody")
        if self.ongoing_trials.pop("nobody", None):
            self._retry_queue.append(trial.trial_id)
        self.tuner_ids.discard("nobody")
        return trial.status == TrialStatus.STOPPED

    @property
    def over(self) -> bool:
        """Whether nothing is under way, nor waits for somebody to go on with it."""
        return not (self.ongoing_trials or self._retry_queue)

    def save(self):
        """Nothing: the journal has it."""

    def _save_trial(self, trial):
        """Nothing: the journal has it."""


class Grid(Remembering, keras_tuner.oracles.GridSearchOracle):
    """All combinations, the settings as they are first."""


class Random(Remembering, keras_tuner.oracles.RandomSearchOracle):
    """Values drawn by chance, none twice."""


class Hyperband(Remembering, keras_tuner.oracles.HyperbandOracle):
    """Many short trials, and the best of them longer (Li et al. 2018, arXiv:1603.06560)."""


class Bayesian(Remembering, keras_tuner.oracles.BayesianOptimizationOracle):
    """A Gaussian process guesses scores from those there are; the next is where they may be least."""

    def populate_space(self, trial_id):
        """Values for a trial; after a restart those it had, as working them out takes seconds each."""
        # Its own generator moves on with each proposal and would have to be brought back to where it was.
        self._random_state = np.random.RandomState((self.seed, int(trial_id)))
        done = sum(trial.status == TrialStatus.COMPLETED for trial in self.trials.values())
        if trial_id in self.known and done >= self.num_initial_points:
            return {"status": TrialStatus.RUNNING, "values": self.known[trial_id]}
        return super().populate_space(trial_id)


def oracle(plan: Plan, space: keras_tuner.HyperParameters, journal: Journal, told=lambda trial: None) -> Remembering:
    """The oracle of a search, as far as the journal says it has come.

    Args:
        plan: what is asked for.
        space: what may vary.
        journal: of this search.
        told: called with each trial of Keras Tuner's that has ended.
    """
    shared = {"objective": keras_tuner.Objective("score", "min"), "hyperparameters": space, "seed": plan.seed + 1,
              "max_consecutive_failed_trials": plan.trials + 1}  # seed 0 would be any; a failure ends only its trial
    if plan.method == "hyperband":
        made = Hyperband(max_epochs=plan.epochs, factor=FACTOR, hyperband_iterations=plan.trials, **shared)
        made.max_trials = Count(plan.trials)
    else:
        if plan.method == "bayesian":  # Keras Tuner would draw three for each setting by chance: of few trials, all
            shared["num_initial_points"] = max(3, len(space.space) // 2 + 1)
        made = {"grid": Grid, "random": Random, "bayesian": Bayesian}[plan.method](max_trials=Count(plan.trials),
                                                                                  **shared)
    made.verbose = 0
    made.remember(journal, told)
    return made


def report(asked, trial, outcome: Outcome) -> None:
    """Tell an oracle, or its client, what came of a trial."""
    if outcome.score is None:
        trial.status, trial.message = TrialStatus.FAILED, outcome.reason
    else:
        trial = asked.update_trial(trial.trial_id, {"score": outcome.score})
        trial.status = TrialStatus.COMPLETED
    asked.end_trial(trial)
