"""The journal of a search: a kill or a damaged file loses at most the last event."""

import json

import pytest

from dl100_tf.training.journal import Journal


@pytest.fixture
def folder(tmp_path):
    journal = Journal(tmp_path / "search")
    journal.begin({"method": "random", "trials": 3})
    journal.add(began="0", values={"learning_rate": 0.1})
    journal.add(ended="0", score=0.25)
    journal.add(began="1", values={"learning_rate": 1e-3})
    return tmp_path / "search"


def test_what_was_written_comes_back(folder):
    journal = Journal(folder)
    assert journal.settings == {"method": "random", "trials": 3}
    assert journal.values() == {"0": {"learning_rate": 0.1}, "1": {"learning_rate": 1e-3}}
    assert journal.ended() == {"0": {"ended": "0", "score": 0.25}}


def test_a_new_folder_has_nothing_and_is_not_made(tmp_path):
    journal = Journal(tmp_path / "none")
    assert (journal.settings, journal.events) == ({}, []) and not (tmp_path / "none").exists()


def test_two_files_are_kept(folder):
    assert sorted(file.name for file in folder.iterdir()) == ["journal-000002.json", "journal-000003.json"]


@pytest.mark.parametrize("damage", [
    lambda content: b"", lambda content: content[:len(content) // 2], lambda content: content[:-20],
    lambda content: content.replace(b"0.25", b"0.05"), lambda content: b"[1]", lambda content: b"\xff\x00",
    lambda content: b'{"settings": {}, "events": []}', lambda content: b"[" * 100_000],
    ids=["empty", "half", "its end gone", "another number", "a list", "no text", "no digest", "deep"])
def test_of_a_damaged_file_the_one_before_is_taken(folder, damage):
    newest = folder / "journal-000003.json"
    newest.write_bytes(damage(newest.read_bytes()))
    with pytest.warns(UserWarning, match="journal-000003.json is damaged .* taking the one before it"):
        journal = Journal(folder)
    assert list(journal.values()) == ["0"] and journal.settings["trials"] == 3
    journal.add(began="1", values={})
    assert Journal(folder).values()["1"] == {} and (folder / "journal-000003.damaged").is_file()


def test_where_both_are_damaged_the_search_begins_again(folder):
    for file in folder.glob("*.json"):
        file.write_bytes(b"")
    with pytest.warns(UserWarning, match="begins again"):
        assert Journal(folder).settings == {}


def test_other_files_are_left_alone(folder):
    (folder / "best.json").write_text(json.dumps({"epochs": 3}))
    (folder / "journal-old.json").write_text("mine")
    Journal(folder).add(ended="1", score=None)
    assert (folder / "journal-old.json").read_text() == "mine" and (folder / "best.json").is_file()
