import re

import pytest

from dl100_tf.data import scenes, shakespeare
from dl100_tf.errors import DataError, UserError

TEXT = scenes.play(30_000, seed=7)


@pytest.fixture
def file(data_dir):
    path = data_dir / "tinyshakespeare" / "input.txt"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


def test_a_local_text(file, data_dir, capsys):
    book = shakespeare.load("local", data_dir)
    assert book.learnt + book.held == TEXT and len(book.test.x[0]) == 100
    assert book.source.note == "another text than the published one"
    assert capsys.readouterr().err == "data    local: 30 000 characters from …/tinyshakespeare/input.txt\n"


def test_line_breaks_are_one_character_and_a_mark_in_front_is_none(file, data_dir):
    plain = shakespeare.load("local", data_dir).source.digest
    file.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert shakespeare.load("local", data_dir).source.digest == plain


@pytest.mark.parametrize("content, message", [
    (b"caf\xe9" * 1000, "is not UTF-8 .byte 3"), (bytes(9000), "zero bytes"), (b"", "0 characters"),
    (shakespeare.BEGINNING.encode() + b" words" * 1000, "is not whole: it has 6060 characters instead of 1115394")])
@pytest.mark.parametrize("source", ["local", "auto"])
def test_a_damaged_file_is_named_and_never_replaced(file, data_dir, content, message, source):
    file.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        shakespeare.load(source, data_dir)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(file, data_dir):
    file.unlink()
    file.mkdir()
    with pytest.raises(DataError, match="can't be read"):
        shakespeare.load("auto", data_dir)


def test_a_window_that_is_too_long_is_no_fault_of_the_file(file, data_dir):
    with pytest.raises(UserError, match="a window of 5000 characters"):
        shakespeare.load("local", data_dir, window=5000)


def test_no_file_is_said_so(data_dir):
    with pytest.raises(DataError, match=r"tinyshakespeare/input\.txt"):
        shakespeare.load("local", data_dir)


def test_tfds_gives_the_same_text(file, data_dir, tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(tfds.download.DownloadManager, "download", lambda self, url: file)
    monkeypatch.setattr(shakespeare.sources, "reachable", lambda url: True)
    local, found = shakespeare.load("local", data_dir), shakespeare.load("tfds")
    assert found.source.rung == "tfds" and found.source.digest == local.source.digest
    assert (found.learnt, found.held) == (local.learnt, local.held)


def test_the_sample_looks_like_a_play_and_says_what_it_is():
    book = shakespeare.load("sample")
    assert book.source.is_sample and "sample" in book.source.note
    text = book.learnt + book.held
    assert len(text) == shakespeare.SAMPLE_LENGTH
    assert text == scenes.play(len(text)) and text != scenes.play(len(text), 1)
    speeches = text.split("\n\n")[:-1]
    assert len(speeches) > 300 and all(re.fullmatch(r"[A-Za-z ]+:(\n[A-Z].*){1,5}", speech) for speech in speeches)
    assert "{" not in text and set(book.held) <= set(book.learnt)
