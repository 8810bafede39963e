"""`paths.replacing`: a file is there whole, or as it was."""

import errno
import os

import pytest

from dl100_tf import paths
from dl100_tf.errors import UserError


def test_the_home_is_the_current_folder_unless_told(monkeypatch, tmp_path):
    monkeypatch.delenv("DL100_HOME")
    monkeypatch.chdir(tmp_path)
    assert paths.runs("lstm_imdb") == tmp_path / "runs/lstm_imdb"
    monkeypatch.setenv("DL100_HOME", str(tmp_path / "elsewhere"))
    assert paths.cache() == tmp_path / "elsewhere/cache"


def test_the_home_of_nobody_is_a_folder_s_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert paths.data("~nobody-by-this-name/data") == tmp_path / "~nobody-by-this-name/data"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.data("~/data") == tmp_path / "data"


def test_a_file_is_replaced_only_at_the_end(tmp_path):
    target = tmp_path / "deep/er/scores.json"
    with paths.replacing(target) as file:
        file.write_text("old")
        assert not target.exists() and file.suffix == ".json"
    with paths.replacing(target) as file:
        file.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert os.listdir(target.parent) == ["scores.json"]


def test_a_file_is_on_the_disk_before_it_is_replaced_and_then_its_folder(tmp_path, monkeypatch):
    done, replace = [], os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append(os.fstat(descriptor).st_ino))
    monkeypatch.setattr(os, "replace", lambda *names: done.append("replaced") or replace(*names))
    with paths.replacing(tmp_path / "new") as file:
        file.write_text("n")
    assert done == [(tmp_path / "new").stat().st_ino, "replaced", tmp_path.stat().st_ino]


def test_an_error_while_writing_leaves_what_was_there(tmp_path):
    target = tmp_path / "scores.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), paths.replacing(target) as file:
        file.write_text("ne")
        1 / 0  # noqa: B018
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["scores.json"]


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "can't be written to")])
def test_a_full_or_read_only_disk_is_named(tmp_path, number, words):
    (tmp_path / "model.bin").write_text("old")
    with pytest.raises(UserError, match=words), paths.replacing(tmp_path / "model.bin"):
        raise OSError(number, os.strerror(number))
    assert (tmp_path / "model.bin").read_text() == "old"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux' /dev/full")
def test_a_really_full_device_is_named(tmp_path):
    full = "/dev/full"
    with pytest.raises(UserError, match="disk is full"), paths.replacing(tmp_path / "x"), open(full, "w") as file:
        file.write("x")


def test_what_killed_writers_left_is_swept(tmp_path):
    (tmp_path / ".writing-abc").mkdir()
    (tmp_path / ".writing-abc/half").write_text("h")
    (tmp_path / "kept").write_text("k")
    paths.sweep(tmp_path)
    assert os.listdir(tmp_path) == ["kept"]


def test_of_folders_with_a_lock_of_their_own_nothing_is_swept(tmp_path):
    for folder in (".", "parts/a", "trials/001", "trials/001/checkpoints"):
        (tmp_path / folder / ".writing-abc").mkdir(parents=True)
    for folder in (".", "trials/001"):
        (tmp_path / folder / paths.LOCK).touch()
    paths.sweep_all(tmp_path)
    assert {str(found.parent.relative_to(tmp_path)) for found in tmp_path.rglob(".writing-*")} == {
        "trials/001", "trials/001/checkpoints"}
