"""Searches: what is proposed, and that a search goes on after any kill as if nothing had happened."""

import pytest
from problems import bowl, space

from dl100_tf.errors import UserError
from dl100_tf.training import askers, search
from dl100_tf.training.interrupts import InterruptFlag
from dl100_tf.training.journal import Journal
from dl100_tf.training.search import Outcome, Plan

METHODS = ("random", "grid", "bayesian", "hyperband")


class Killed(BaseException):
    """A kill that a test can catch."""


class Searching:
    """A search that is asked for its scores by `bowl`, and killed at will."""

    def __init__(self, folder, plan, steps: int = 8):
        self.folder, self.plan, self.steps = folder, plan, steps
        self.done: list[tuple[str, dict]] = []

    def go(self, kill_at: int = 0, fail: str = "") -> None:
        """Search; killed while the trial number `kill_at` of this session is under way; the trial `fail` fails."""
        began = []

        def carry_out(number, hp):
            began.append(number)
            if len(began) == kill_at:
                raise Killed
            self.done.append((number, dict(hp.values)))
            return Outcome(None, "out of memory") if number == fail else Outcome(bowl(hp))

        journal = Journal(self.folder)
        journal.begin({})
        askers.work(search.oracle(self.plan, space(self.steps), journal), "tuner0", carry_out)

    @property
    def ended(self) -> dict:
        return {number: event["score"] for number, event in Journal(self.folder).ended().items()}


@pytest.mark.parametrize("method", METHODS)
def test_a_search_that_is_killed_goes_on_as_if_nothing_had_happened(tmp_path, method):
    plan = Plan(method, 9, 9, seed=3)
    whole, broken = Searching(tmp_path / "whole", plan), Searching(tmp_path / "broken", plan)
    whole.go()
    for kill_at in (1, 2, 1, 5):
        with pytest.raises(Killed):
            broken.go(kill_at)
    broken.go()
    assert broken.done == whole.done and len(whole.done) == 9
    assert broken.ended == whole.ended and list(broken.ended) == list(whole.ended)


@pytest.mark.parametrize("method", METHODS)
def test_an_event_that_is_lost_happens_again(tmp_path, method):
    plan = Plan(method, 8, 9, seed=1)
    whole, damaged = Searching(tmp_path / "whole", plan), Searching(tmp_path / "damaged", plan)
    whole.go()
    for kill_at in (4, 2, 3):
        with pytest.raises(Killed):
            damaged.go(kill_at)
        max((tmp_path / "damaged").glob("journal-*.json")).write_text("{")
    with pytest.warns(UserWarning, match="damaged"):
        damaged.go()
    assert damaged.ended == whole.ended


@pytest.mark.parametrize("method", METHODS)
def test_a_trial_that_fails_does_not_end_the_search(tmp_path, method):
    one = Searching(tmp_path, Plan(method, 7, 9, seed=2))
    one.go(fail="00002")
    assert len(one.ended) == 7 and [number for number, score in one.ended.items() if score is None] == ["00002"]


def test_all_may_fail(tmp_path):
    journal = Journal(tmp_path)
    askers.work(search.oracle(Plan("random", 6, 1, 0), space(), journal), "tuner0", lambda *_: Outcome(None, "no"))
    assert [event["score"] for event in journal.ended().values()] == [None] * 6


def test_grid_tries_the_settings_as_they_are_first_and_each_combination_once(tmp_path):
    one = Searching(tmp_path, Plan("grid", 100, 1, seed=0), steps=3)
    one.go()
    assert one.done[0][1] == {"learning_rate": 1e-2, "width": 1}
    tried = {tuple(values.items()) for _, values in one.done}
    assert len(tried) == len(one.done) == 33  # ten rates and the one that is usual, three widths


def test_hyperband_trains_the_best_third_for_longer(tmp_path):
    one = Searching(tmp_path, Plan("hyperband", 13, 9, seed=0))
    one.go()
    rounds = {epochs: {number: values for number, values in one.done if values["tuner/epochs"] == epochs}
              for epochs in (1, 3, 9)}
    assert [len(tried) for tried in rounds.values()] == [9, 3, 1]
    best = sorted(rounds[1], key=lambda number: one.ended[number])[:3]
    assert {values["tuner/trial_id"] for values in rounds[3].values()} == set(best)


@pytest.mark.slow
def test_the_bayesian_one_finds_the_place_sooner_than_chance(tmp_path):
    best = {}
    for method in ("random", "bayesian"):
        found = []
        for seed in range(3):
            one = Searching(tmp_path / f"{method}{seed}", Plan(method, 14, 1, seed))
            one.go()
            found.append(min(one.ended.values()))
        best[method] = sum(found)
    assert best["bayesian"] < best["random"]


def test_after_an_error_nobody_waits_for_a_lock_that_is_never_given_back(tmp_path):
    journal = Journal(tmp_path)
    asked, stop = search.oracle(Plan("random", 9, 1, 0), space(), journal), InterruptFlag()

    def carry_out(number, hp):
        journal.add = full
        return Outcome(bowl(hp))

    def full(**event):
        raise UserError("the disk is full")

    with pytest.raises(UserError, match="the disk is full"):
        askers.together(asked, 3, carry_out, stop)
    assert stop and isinstance(asked.broken, UserError)
    assert not Journal(tmp_path).ended()


def test_whether_there_is_anything_left_is_asked_without_taking_it(tmp_path):
    one = Searching(tmp_path, Plan("random", 2, 1, 0))
    with pytest.raises(Killed):
        one.go(kill_at=2)
    asked = search.oracle(one.plan, space(), Journal(tmp_path))
    assert not asked.nothing_left() and not asked.over
    assert asked.create_trial("tuner0").trial_id == "00001" and asked.ongoing_trials.keys() == {"tuner0"}
    one.go()
    assert search.oracle(one.plan, space(), Journal(tmp_path)).nothing_left()


def test_seed_0_is_a_seed(tmp_path):
    first, second = (Searching(tmp_path / name, Plan("random", 4, 1, seed=0)) for name in "ab")
    first.go()
    second.go()
    assert first.done == second.done


@pytest.mark.parametrize("method", ["random", pytest.param("bayesian", marks=pytest.mark.slow)])
def test_more_trials_go_on_from_those_there_are(tmp_path, method):
    Searching(tmp_path / "a", Plan(method, 3, 1, 0)).go()
    longer, whole = (Searching(tmp_path / name, Plan(method, 8, 1, 0)) for name in "ab")
    longer.go()
    whole.go()
    assert [values for _, values in longer.done] == [values for _, values in whole.done][3:]


def test_another_search_space_is_refused(tmp_path):
    Searching(tmp_path, Plan("random", 3, 1, 0)).go()
    with pytest.raises(UserError, match="would try other values now"):
        Searching(tmp_path, Plan("random", 4, 1, 0), steps=5).go()


def test_nothing_else_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Searching(tmp_path / "search", Plan("hyperband", 5, 3, 0)).go()
    assert [file.name for file in tmp_path.iterdir()] == ["search"]
    assert all(file.name.startswith("journal-") for file in (tmp_path / "search").iterdir())
