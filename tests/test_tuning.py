"""The verb `tune`, by the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dl100_tf import tuning
from dl100_tf.errors import UserError
from dl100_tf.projects import gan_mnist, mlp_mnist
from dl100_tf.run import Run
from dl100_tf.training.journal import Journal

ROOT = Path(__file__).parents[1]
SMALL = ("--source", "sample", "--epochs", "2", "--hidden", "16", "--no-augment", "--deterministic")


def events(run: Run) -> list[dict]:
    return Journal(run.path("search")).events


@pytest.fixture(scope="module")
def searched(forked, tmp_path_factory):
    """A search that came to its end, and what it printed."""
    place = tmp_path_factory.mktemp("searched")
    done = forked("dl100_tf.projects.mlp_mnist", "tune", *SMALL, "--trials", "3", "--run", "a",
                  env={"DL100_HOME": str(place)}, together=True)
    assert done.returncode == 0, done.stdout
    return place, done.stdout


@pytest.mark.slow
def test_a_search_trains_the_best_and_scores_it_once(searched, monkeypatch):
    place, said = searched
    monkeypatch.setenv("DL100_HOME", str(place))
    run = Run("mlp_mnist", "a")
    assert "trial 3/3  val_accuracy" in said and "cuda" not in said.lower()
    scores = {event["ended"]: event["score"] for event in events(run) if "ended" in event}
    best = json.loads(run.path("search/best.json").read_text())
    winner = min(scores, key=scores.get)
    assert best == json.loads(run.path(f"trials/{int(winner) + 1:03d}/config.json").read_text())
    assert run.read_json("config.json") == best and run.finished_epochs == 2
    assert "The search: 3 trials, random" in run.path("report.md").read_text()
    assert run.read_json("tables/search.json")["mark"] == [int(winner)]
    assert all(not run.path(f"trials/{trial:03d}/scores.json").exists() for trial in (1, 2, 3))


@pytest.mark.slow
def test_a_search_that_is_over_says_so_and_takes_no_other_settings(searched, monkeypatch, capsys):
    monkeypatch.setenv("DL100_HOME", str(searched[0]))
    assert tuning.tune(mlp_mnist, ["--run", "a"]) == 0
    assert "is finished, there is nothing to do" in capsys.readouterr().out
    for words, said in ((["--method", "grid"], "another --method"), (["--epochs", "9"], "another --epochs"),
                        (["--trials", "2"], "another --trials"), (["--trials", "5"], "is over"),
                        (["--learning-rate", "1"], "another --learning-rate")):
        with pytest.raises(UserError, match=said):
            tuning.tune(mlp_mnist, ["--run", "a", *words])


@pytest.mark.slow
def test_a_report_that_was_cut_short_is_made_good(searched, forked):
    report = searched[0] / "runs/mlp_mnist/a/report.md"
    said = report.read_text()
    report.write_text("")
    provenance = report.with_name("provenance.json")
    provenance.write_text(provenance.read_text().replace('"searched": true', '"searched": false'))
    done = forked("dl100_tf.projects.mlp_mnist", "tune", "--run", "a", env={"DL100_HOME": str(searched[0])},
                  together=True)
    assert done.returncode == 0 and "trial 1/3" not in done.stdout, done.stdout
    assert "The search: 3 trials, random" in said and "The search: 3 trials, random" in report.read_text()


def test_damaged_settings_of_a_search_that_is_over_become_the_best_ones(home):
    run, journal = Run("mlp_mnist", "a"), Journal(Run("mlp_mnist", "a").path("search"))
    journal.begin({"method": "grid", "trials": 3, "config": {"epochs": 3}})
    run.write_json("search/best.json", {"epochs": 3, "dropout": 0.2})
    run.write_text("config.json", "{")
    with pytest.warns(UserWarning, match=r"config\.json is damaged"):
        tuning.mend(run, journal)
    assert run.read_json("config.json")["dropout"] == 0.2


def test_settings_of_another_version_are_named(home):
    Journal(Run("mlp_mnist", "a").path("search")).begin(
        {"method": "grid", "trials": 3, "config": {"epochs": 3, "colour": 1}})
    with pytest.raises(UserError, match=r"is not of this version of mlp_mnist .*colour"):
        tuning.tune(mlp_mnist, ["--run", "a"])


@pytest.mark.slow
def test_its_best_settings_are_what_train_takes(searched, forked, home):
    best = searched[0] / "runs/mlp_mnist/a/search/best.json"
    done = forked("dl100_tf.projects.mlp_mnist", "--config", best, "--epochs", "1", "--run", "b",
                  env={"DL100_HOME": str(home)}, together=True)
    assert done.returncode == 0, done.stdout
    taken = json.loads((home / "runs/mlp_mnist/b/config.json").read_text())
    assert taken == json.loads(best.read_text()) | {"epochs": 1}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_a_search_that_is_killed_ends_like_one_that_was_not(searched, home):
    words = [sys.executable, "-m", "dl100_tf.projects.mlp_mnist", "tune", *SMALL, "--trials", "3", "--run", "a"]
    environment, place = os.environ | {"DL100_HOME": str(home)}, home / "runs/mlp_mnist/a"
    first = subprocess.Popen(words, cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
    while not list(place.glob("trials/002/checkpoints/step-*")) and first.poll() is None:
        time.sleep(0.05)
    first.kill()  # what it has begun ends by itself
    first.wait()
    newest = max((place / "search").glob("journal-*.json"))
    newest.write_bytes(newest.read_bytes()[:100])
    (place / "provenance.json").write_text("{")
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "journal" in done.stderr and "provenance.json is damaged" in done.stderr
    whole = searched[0] / "runs/mlp_mnist/a"
    for name in ("search/best.json", "tables/search.csv"):
        mine, its = ((folder / name).read_text() for folder in (place, whole))
        assert [row.rsplit(",", 2)[::2] for row in mine.splitlines()] == [row.rsplit(",", 2)[::2] for row in
                                                                        its.splitlines()]
    assert events(Run("mlp_mnist", "a")) == Journal(whole / "search").events


@pytest.mark.slow
def test_ctrl_c_loses_nothing(home):
    words = [sys.executable, "-m", "dl100_tf.projects.mlp_mnist", "tune", *SMALL[:-1], "--trials", "2", "--epochs",
             "500", "--run", "a"]
    process = subprocess.Popen(words, cwd=ROOT, env=os.environ | {"DL100_HOME": str(home)}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    checkpoints = home / "runs/mlp_mnist/a/trials/001/checkpoints"
    while not list(checkpoints.glob("step-*")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Stopped; what was trained is saved. To go on:" in said and "tune --run a" in said
    assert [*events(Run("mlp_mnist", "a"))[0]] == ["began", "values"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_a_sigterm_for_all_of_its_processes_loses_nothing(home):
    words = [sys.executable, "-m", "dl100_tf.projects.mlp_mnist", "tune", *SMALL[:-1], "--trials", "2", "--epochs",
             "500", "--run", "a"]
    process = subprocess.Popen(words, cwd=ROOT, env=os.environ | {"DL100_HOME": str(home)}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    trial = home / "runs/mlp_mnist/a/trials/001"
    while not list(trial.glob("checkpoints/step-*")) and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGTERM)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130 and "Stopped; what was trained is saved." in said, said
    assert "Stopping at the next safe point" in (trial / "log.txt").read_text()
    assert not (trial / "failure.json").exists() and len(events(Run("mlp_mnist", "a"))) == 1


def test_train_does_not_go_on_with_a_search(home, monkeypatch):
    run = Run("mlp_mnist", "a")
    run.write_json("config.json", {})
    Journal(run.path("search")).begin({"method": "grid"})
    with pytest.raises(UserError, match=r"is a search: go on with it by `.*tune --run a`"):
        tuning.refuse_search(run)
    run.write_json("search/best.json", {})
    tuning.refuse_search(run)


def test_a_run_without_a_search_is_no_search(home):
    Run("mlp_mnist", "a").write_json("config.json", {})
    with pytest.raises(UserError, match="was trained without a search"):
        tuning.tune(mlp_mnist, ["--run", "a"])


def test_a_search_that_was_killed_before_its_first_word_begins_again(home):
    run = Run("mlp_mnist", "a")
    run.write_json("config.json", {"epochs": 3})
    run.path("search").mkdir()
    flags = tuning.begun(mlp_mnist, run, Journal(run.path("search")), ["--epochs", "7"])
    assert flags.config.epochs == 7 and flags.trials == 20


def test_a_trial_is_trained_by_one_process():
    with pytest.raises(UserError, match="a trial is trained by one process"):
        tuning.asked(mlp_mnist, mlp_mnist.Config(), ["--workers", "2"])


def test_a_game_can_not_be_tuned():
    with pytest.raises(UserError, match="no loss of its says which net is the better one"):
        tuning.tune(gan_mnist, [])


@pytest.mark.parametrize("words, said", [
    (["--trials", "0"], "--trials can't be 0"), (["--parallel", "0"], "--parallel can't be 0"),
    (["--method", "luck"], "invalid choice"), (["--config", "none.json"], "--config none.json can't be read"),
    (["--hidden", "many"], "hidden")])
def test_bad_flags_are_one_line(words, said):
    with pytest.raises(UserError, match=said):
        tuning.asked(mlp_mnist, mlp_mnist.Config(), words)


@pytest.mark.parametrize("content", ["", "[1]", '{"colour": 3}', "{" * 9999, '{"epochs": 0}'])
def test_a_file_that_holds_no_settings_is_named(tmp_path, content):
    (tmp_path / "best.json").write_text(content)
    with pytest.raises(UserError, match=r"best\.json|--epochs"):
        tuning.asked(mlp_mnist, mlp_mnist.Config(), ["--config", str(tmp_path / "best.json")])


def test_a_worker_needs_to_know_chief_and_search(home, monkeypatch):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "tuner0")
    with pytest.raises(UserError, match="give the chief's address too"):
        tuning.help_chief(mlp_mnist, Run("mlp_mnist", "a"), "a")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
    with pytest.raises(UserError, match="share a name, --run NAME"):
        tuning.help_chief(mlp_mnist, Run("mlp_mnist", "a"), "")
    monkeypatch.setattr(tuning, "WAIT", -1)
    with pytest.raises(UserError, match="there is no search in"):
        tuning.help_chief(mlp_mnist, Run("mlp_mnist", "a"), "a")
