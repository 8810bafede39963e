"""`Run`: names, locks, provenance, damaged files."""

import dataclasses
import json
import subprocess
import sys

import pytest

from dl100_tf import run as runs
from dl100_tf import settings
from dl100_tf.errors import UserError
from dl100_tf.run import Run


@dataclasses.dataclass(frozen=True)
class Config:
    epochs: int = 3


@pytest.mark.parametrize("name", ["../up", "a/b", "..", ".hidden", "-flag", "", "a\nb", "x" * 101, "a b", "ümlaut"])
def test_a_name_that_could_lead_astray_is_refused(name):
    with pytest.raises(UserError, match="can't name a run"):
        Run("lstm_imdb", name)


def test_fresh_names_are_valid_and_never_taken(home):
    names = []
    for _ in range(3):
        names.append(runs.fresh_name("p"))
        Run("p", names[-1]).directory.mkdir(parents=True)
    assert len(set(names)) == 3 and all(runs.valid_name(name) for name in names)


def test_begin_writes_the_whole_config_and_adds_a_session_each_time(home):
    run = Run("p", "r")
    run.begin(Config(), "python -m p --run r")
    run.begin(Config(epochs=5), "python -m p --run r --epochs 5")
    assert run.read_json("config.json") == {"epochs": 5}
    record = run.read_json("provenance.json")
    assert [session["command"] for session in record["sessions"]] == ["python -m p --run r",
                                                                      "python -m p --run r --epochs 5"]
    assert record["sessions"][0]["versions"]["tensorflow"].startswith("2.21")
    assert record["sessions"][0]["cores"] >= 1 and record["sessions"][0]["python"].startswith("3.")


def test_a_second_process_is_refused_and_a_killed_one_does_not_block(home):
    run = Run("p", "r")
    holding = subprocess.Popen(
        [sys.executable, "-c", "from dl100_tf.run import Run; import time\n"
         "with Run('p', 'r').owned():\n    print('held', flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE, text=True)
    try:
        assert holding.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"in use by process {holding.pid} since"), run.owned():
            pass
    finally:
        holding.kill()
        holding.wait()
    with run.owned():
        pass


def test_owning_sweeps_what_a_killed_writer_left(home):
    run = Run("p", "r")
    left = run.directory / "checkpoints/.writing-x"
    left.mkdir(parents=True)
    with run.owned():
        assert not left.exists()


def test_a_home_that_cannot_be_written_is_named(home, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DL100_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="can't be written to"), Run("p", "r").owned():
        pass


def test_a_damaged_json_file_is_named(home):
    run = Run("p", "r")
    run.write_json("scores.json", {"n": 1})
    run.path("scores.json").write_text('{"n": ')
    with pytest.raises(UserError, match=r"scores\.json is damaged"):
        run.read_json("scores.json")


def test_tables_come_back_as_they_went(home):
    run = Run("p", "r")
    rows = [{"epoch": 1.0, "loss": 0.1 + 0.2}, {"epoch": 2.0, "loss": 1e-17}]
    run.write_table("history.csv", rows)
    assert run.read_table("history.csv") == rows
    assert run.read_table("none.csv") == []


def test_other_data_is_refused_and_the_same_data_is_not(home):
    run = Run("p", "r")
    source = {"rung": "local", "where": "/data", "digest": "1", "note": ""}
    run.pin_source(source)
    run.pin_source(source | {"where": "/moved"})
    with pytest.raises(UserError, match="begun on other data"):
        run.pin_source(source | {"rung": "sample", "digest": "2"})


def test_what_else_a_run_is_made_from_may_move_and_may_not_change(home):
    run = Run("p", "r")
    run.pin("weights", "1", "a.h5")
    run.pin("weights", "1", "b.h5")
    assert run.record()["weights"] == {"from": "b.h5", "digest": "1"}
    with pytest.raises(UserError, match=r"run r was begun with other weights than b\.h5 holds now: bring those back"):
        run.pin("weights", "2", "b.h5")


def test_a_model_that_is_not_there_or_damaged_is_named(home):
    run = Run("p", "r")
    with pytest.raises(UserError, match="has no model: let it finish"):
        run.load_model()
    run.write_text("model.keras", "no zip file")
    with pytest.raises(UserError, match="can't be read as a Keras model"):
        run.load_model()


def test_the_latest_run_is_the_one_scored_last(home):
    with pytest.raises(UserError, match="has no finished run"):
        settings.latest("p")
    Run("p", "b").write_text("scores.json", json.dumps({}))
    assert settings.latest("p").name == "b"


def test_a_part_is_a_run_inside_the_run_and_cleaned_with_it(home):
    run = Run("spirals", "whole")
    part = run.part("row-1")
    part.write_json("scores.json", {"a": 1})
    assert part.directory == run.directory / "parts" / "row-1" and part.command == run.command
    assert run.part("row-1").read_json("scores.json") == {"a": 1} and run.read_json("scores.json") is None
    (part.directory / ".writing-killed").mkdir()
    with run.owned():
        assert not (part.directory / ".writing-killed").exists()
    with pytest.raises(UserError, match="can't name"):
        run.part("../other")
