"""One trial: what came of it, and processes that fail in every way."""

import json
import os
import signal
import sys
import threading
import time

import filelock
import pytest

from dl100_tf.errors import InUse, Unfit, UserError
from dl100_tf.run import Run
from dl100_tf.training import processes
from dl100_tf.training.interrupts import InterruptFlag
from dl100_tf.training.search import Outcome
from dl100_tf.training.trials import Trained, Trial, in_process

SETTINGS = {"epochs": 2, "learning_rate": 0.1}
HISTORY = "epoch,loss,val_loss,val_accuracy\n1,0.9,0.8,0.5\n2,0.5,0.6,0.75\n"


@pytest.fixture
def trial(home):
    """A trial that has been trained for two epochs, of which the second is the better one."""
    one = Trial(Run("mlp_mnist", "a"), "0")
    one.write_json("config.json", SETTINGS)
    one.write_json("training.json", {"epochs": 2, "best_epoch": 2, "stopped_early": False})
    one.write_text("history.csv", HISTORY)
    one.write_text("checkpoints/step-000000002.npz", "all it learnt")
    return one


def test_its_folder_counts_from_one(trial):
    assert trial.number == 1 and trial.path("").parts[-4:] == ("runs", "mlp_mnist", "a", "trials", "001")[-4:]


def test_it_is_judged_by_the_epoch_whose_weights_were_kept(trial):
    assert trial.outcome(2) == Outcome(0.25) and trial.metric() == ("val_accuracy", 0.75)
    trial.write_json("training.json", {"epochs": 2, "best_epoch": 1, "stopped_early": False})
    assert trial.outcome(2) == Outcome(0.5)


def test_without_an_accuracy_it_is_judged_by_the_loss(trial):
    trial.write_text("history.csv", "epoch,loss,val_loss\n1,0.9,0.8\n2,0.5,0.6\n")
    assert trial.outcome(2) == Outcome(0.6)


def test_it_is_done_when_all_epochs_are_or_it_stopped_early(trial):
    assert trial.outcome(3) is None
    trial.write_json("training.json", {"epochs": 2, "best_epoch": 2, "stopped_early": True})
    assert trial.outcome(3) == Outcome(0.25)


def test_a_score_that_is_no_number_is_a_failure(trial):
    trial.write_text("history.csv", HISTORY.replace("0.75", "nan"))
    assert trial.outcome(2) == Outcome(None, "val_accuracy is nan in epoch 2")
    assert trial.diverged() == "val_accuracy is nan in epoch 2"


@pytest.mark.parametrize("name", ["training.json", "history.csv"])
@pytest.mark.parametrize("content", ["", "{", "epoch,lo", "epoch,val_loss\n1,x\n", "[1]", "null"])
def test_of_damaged_files_nothing_is_made_up(trial, name, content):
    trial.write_text(name, content)
    assert trial.outcome(2) is None and trial.metric() is None


def test_the_same_settings_go_on(trial):
    trial.write_json("failure.json", {"reason": "the disk was full"})
    trial.prepare(SETTINGS)
    assert trial.path("checkpoints").is_dir() and processes.failure(trial) == ""


@pytest.mark.parametrize("name, content", [("config.json", json.dumps(SETTINGS | {"epochs": 3})), ("config.json", "{"),
                                           ("provenance.json", ""), ("provenance.json", "[]")])
def test_other_settings_and_damaged_ones_begin_again(trial, name, content, recwarn):
    trial.write_text(name, content)
    trial.prepare(SETTINGS)
    assert not trial.directory.exists()
    assert bool(recwarn.list) == ("epochs" not in content)


def test_a_longer_trial_goes_on_from_a_shorter_one(trial):
    longer = Trial(Run("mlp_mnist", "a"), "7")
    longer.prepare(SETTINGS | {"epochs": 6}, before=trial)
    assert longer.path("checkpoints/step-000000002.npz").read_text() == "all it learnt"
    longer.write_text("checkpoints/step-000000002.npz", "more")
    longer.prepare(SETTINGS | {"epochs": 6}, before=trial)
    assert longer.path("checkpoints/step-000000002.npz").read_text() == "more"


def test_what_it_trained_is_left_to_the_run_once(trial):
    run = Run("mlp_mnist", "a")
    run.write_text("history.csv", "mine")
    trial.write_text("samples/1.txt", "ROMEO")
    trial.leave_to(run)
    trial.leave_to(run)
    assert run.path("samples/1.txt").read_text() == "ROMEO" and run.path("history.csv").read_text() == "mine"
    assert not run.path("config.json").exists() and run.path("checkpoints/step-000000002.npz").is_file()


def test_after_its_training_the_recipe_ends_but_not_after_that_of_a_part(trial):
    with pytest.raises(Trained):
        trial.after_training()
    trial.part("frozen").after_training()


@pytest.mark.parametrize("target, arguments, reason", [
    (signal.raise_signal, (signal.SIGKILL,), "killed by the system, as it does where memory runs out"),
    (os._exit, (3,), "ended with exit code 3"), (os.abort, (), "ended with exit code -6"), (abs, (1,), "")])
def test_a_process_that_ends_badly_says_how(trial, target, arguments, reason):
    assert in_process(target, arguments, trial, InterruptFlag()) == reason


def test_a_trial_that_says_why_it_failed_is_quoted(trial):
    trial.write_json("failure.json", {"reason": "ResourceExhaustedError: OOM"})
    assert in_process(os._exit, (1,), trial, InterruptFlag()) == "ResourceExhaustedError: OOM"


@pytest.mark.parametrize("error, code, said", [
    (UserError("there are no data: get some"), processes.MENDABLE, "there are no data: get some"),
    (OSError(28, "No space left on device"), processes.MENDABLE, "Free some space and run the same command again"),
    (Unfit("pictures can't be halved"), 1, "pictures can't be halved"),
    (ValueError("shapes\ndon't match"), 1, "ValueError: shapes"), (MemoryError(), 1, "MemoryError: no reason given")])
def test_what_the_user_can_mend_is_told_from_what_is_the_trial_s_own(trial, error, code, said):
    with pytest.raises(SystemExit) as ended:
        processes.fail(trial, error)
    assert ended.value.code == code and said in processes.failure(trial)


def test_what_the_user_can_mend_stops_the_search(trial):
    with pytest.raises(UserError, match=r"a trial can't go on: .*log\.txt says why"):
        in_process(sys.exit, (processes.MENDABLE,), trial, InterruptFlag())
    trial.write_json("failure.json", {"reason": "there are no data: get some"})
    with pytest.raises(UserError, match="there are no data"):
        in_process(sys.exit, (processes.MENDABLE,), trial, InterruptFlag())


def note_and_be_lost(file: str, times: int) -> None:
    """A process that ends as if its fork server had been killed, so many times; then it ends well."""
    with open(file, "a+") as seen:
        seen.write("x")
        seen.seek(0)
        sys.exit(processes.LOST if len(seen.read()) <= times else 0)


def test_a_process_waits_while_another_has_its_run_but_not_where_it_can_not_write(trial, monkeypatch, capsys):
    lock = filelock.FileLock(trial.path(".lock"), thread_local=False)
    lock.acquire()
    with pytest.raises(InUse):
        processes.wait_for(trial, patience=0.3)
    threading.Timer(0.5, lock.release).start()
    processes.wait_for(trial, patience=30)
    assert capsys.readouterr().out.count("Waiting: ") == 2

    def full(*_):
        raise UserError("the disk is full")
    monkeypatch.setattr(trial, "write_json", full)
    with pytest.raises(UserError, match="the disk is full"):
        processes.wait_for(trial, patience=30)


@pytest.mark.slow
@pytest.mark.parametrize("times, reason", [(2, ""), (9, f"ended with exit code {processes.LOST}")])
def test_a_process_that_is_lost_with_its_fork_server_is_begun_again(trial, tmp_path, times, reason):
    assert in_process(note_and_be_lost, (str(tmp_path / "seen"), times), trial, InterruptFlag()) == reason
    assert len((tmp_path / "seen").read_text()) == 3


def test_all_trials_have_the_same_data(trial):
    source = {"rung": "local", "where": "here", "digest": "ab"}
    trial.pin_source(source)
    assert trial.search.record()["source"] == trial.record()["source"] == source
    with pytest.raises(UserError, match="was begun on other data"):
        Trial(trial.search, "1").pin_source(source | {"digest": "cd"})


def listen_late() -> None:
    """A process that at first hears of nothing, as one does whose fork server ignores signals."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(2)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(120)


def test_a_diverged_trial_is_stopped_even_if_it_does_not_hear_at_once(trial, monkeypatch):
    monkeypatch.setattr("dl100_tf.training.trials.AGAIN", 0.5)
    trial.write_text("history.csv", HISTORY.replace("0.5,0.6", "nan,nan"))
    began = time.monotonic()
    assert in_process(listen_late, (), trial, InterruptFlag()) == "loss is nan in epoch 2"
    assert time.monotonic() - began < 50


def test_the_user_s_wish_to_stop_is_passed_on(trial):
    stop = InterruptFlag()
    threading.Timer(1.0, setattr, (stop, "is_set", True)).start()
    assert in_process(time.sleep, (60,), trial, stop) == f"ended with exit code {-signal.SIGTERM}"
    assert in_process(os.abort, (), trial, stop) == "it was not begun"


def test_a_process_whose_fork_server_was_killed_begins_another():
    if processes.context().get_start_method() != "forkserver":
        pytest.skip("there is none here")
    from multiprocessing import forkserver

    processes.load()
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
    process = processes.begun(abs, (1,))
    process.join()
    assert process.exitcode == 0
