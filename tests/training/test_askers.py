"""A search's chief and its workers, over Keras Tuner's service: both may go away and come back."""

import threading
import time

import pytest
from problems import bowl, space

from dl100_tf.cluster import free_addresses
from dl100_tf.errors import Interrupted, UserError
from dl100_tf.training import askers, search
from dl100_tf.training.interrupts import InterruptFlag
from dl100_tf.training.journal import Journal
from dl100_tf.training.search import Outcome, Plan


class Chief(threading.Thread):
    """A chief in a thread of its own, from the journal in `folder`."""

    def __init__(self, folder, address: str, trials: int = 6):
        super().__init__(daemon=True)
        self.journal, self.address, self.trials = Journal(folder), address, trials
        self.stop, self.raised = InterruptFlag(), None
        self.start()

    def run(self):
        try:
            self.journal.begin({})
            askers.serve(search.oracle(Plan("random", self.trials, 1, 0), space(), self.journal), "a",
                         self.address, self.stop)
        except BaseException as error:
            self.raised = error


@pytest.fixture
def address(monkeypatch):
    """Where the chief is, as Keras Tuner's environment has it."""
    found = free_addresses(1)[0]
    for name, value in zip(("IP", "PORT"), found.split(":"), strict=True):
        monkeypatch.setenv(f"KERASTUNER_ORACLE_{name}", value)
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "tuner0")
    monkeypatch.setattr(askers, "ANSWER", 0.3)
    monkeypatch.setattr(askers, "PATIENCE", 0.05)
    return found


def at_work(over=lambda: False, carry_out=lambda number, hp: Outcome(bowl(hp)), name="tuner0",
            search_name="a"):
    askers.work(askers.Client(search_name, over, InterruptFlag()), name, carry_out)


def test_two_workers_carry_out_what_the_chief_proposes(tmp_path, address):
    chief, seen = Chief(tmp_path, address), []

    def carry_out(number, hp):
        time.sleep(0.2)
        seen.append((threading.current_thread().name, number))
        return Outcome(bowl(hp))

    workers = [threading.Thread(target=at_work, kwargs={"name": name, "carry_out": carry_out}, name=name)
               for name in ("tuner0", "tuner1")]
    for worker in workers:
        worker.start()
    for thread in (*workers, chief):
        thread.join(60)
        assert not thread.is_alive()
    assert chief.raised is None and len(Journal(tmp_path).ended()) == 6
    assert sorted(number for _, number in seen) == sorted(Journal(tmp_path).values())
    assert {who for who, _ in seen} == {"tuner0", "tuner1"}


def test_a_chief_that_is_started_again_is_waited_for_and_hears_of_the_trial(tmp_path, address):
    chiefs = [Chief(tmp_path, address)]

    def carry_out(number, hp):
        if number == "00002" and len(chiefs) == 1:
            chiefs[0].stop.is_set = True
            chiefs[0].join(30)
            chiefs.append(Chief(tmp_path, address))
        return Outcome(bowl(hp))

    at_work(carry_out=carry_out)
    chiefs[1].join(60)
    assert isinstance(chiefs[0].raised, Interrupted) and chiefs[1].raised is None
    assert len(Journal(tmp_path).ended()) == len(Journal(tmp_path).values()) == 6


def test_a_chief_with_nothing_left_waits_for_nobody(tmp_path, address):
    first = Chief(tmp_path, address, trials=2)
    at_work()
    first.join(60)
    again = Chief(tmp_path, address, trials=2)
    again.join(30)
    assert not again.is_alive() and again.raised is None


def test_a_worker_that_comes_when_the_search_is_over_ends(address):
    at_work(over=lambda: True)


def test_a_worker_says_that_no_chief_answers(address, monkeypatch):
    monkeypatch.setattr(askers, "AWAY", 0.5)
    with pytest.raises(UserError, match=f"no chief has answered at {address}"):
        at_work()


def test_a_worker_can_be_stopped_while_it_waits(address):
    stop = InterruptFlag()
    stop.is_set = True
    with pytest.raises(Interrupted):
        askers.work(askers.Client("a", lambda: False, stop), "tuner0", lambda *_: Outcome(1.0))


def test_a_chief_that_can_not_go_on_says_so_to_both(tmp_path, address):
    chief = Chief(tmp_path, address)

    def full(**event):
        raise UserError("the disk is full")

    def carry_out(number, hp):
        chief.journal.add = full
        return Outcome(bowl(hp))

    with pytest.raises(UserError, match=r"the chief at .* can't go on .*the disk is full"):
        at_work(carry_out=carry_out)
    chief.join(30)
    assert isinstance(chief.raised, UserError)


def test_a_worker_of_another_search_is_refused_and_takes_no_trial(tmp_path, address):
    chief = Chief(tmp_path, address)
    with pytest.raises(UserError, match=r"can't go on \(it is the chief of the search a\)"):
        at_work(search_name="b")
    assert not chief.journal.ended() and len(chief.journal.values()) <= 1
    chief.stop.is_set = True
    chief.join(30)


def test_a_chief_does_not_wait_for_a_worker_that_left_without_a_trial(tmp_path, address):
    chief = Chief(tmp_path, address, trials=2)
    left = askers.Client("a", lambda: False, InterruptFlag())
    search.report(left, left.create_trial("gone"), Outcome(1.0))
    at_work()
    chief.join(30)
    assert not chief.is_alive() and chief.raised is None and len(Journal(tmp_path).ended()) == 2


def test_of_a_trial_that_a_damaged_journal_has_forgotten_nothing_is_taken_twice(tmp_path, address):
    first = Chief(tmp_path, address, trials=2)
    worker = askers.Client("a", lambda: False, InterruptFlag())
    trial = worker.create_trial("tuner0")
    first.stop.is_set = True
    first.join(30)
    for file in tmp_path.glob("journal-*.json"):
        file.unlink()
    again = Chief(tmp_path, address, trials=2)
    time.sleep(0.5)
    again.journal.events.clear()
    trial.trial_id = "00009"
    search.report(worker, trial, Outcome(1.0))
    at_work()
    again.join(30)
    assert again.raised is None and "00009" not in Journal(tmp_path).ended()


def test_two_chiefs_can_not_have_one_address(tmp_path, address):
    first = Chief(tmp_path / "a", address)
    time.sleep(0.5)
    second = Chief(tmp_path / "b", address)
    second.join(30)
    assert "can't listen at" in str(second.raised)
    first.stop.is_set = True
    first.join(30)
