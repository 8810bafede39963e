import hashlib
import zipfile

import numpy as np
import pytest

from dl100_tf.data import corpus, sources
from dl100_tf.errors import DataError, UserError

CONTENT = b" anarchism originated as a term of abuse first used against early working class radicals as a term" * 30


@pytest.fixture
def text8(data_dir, monkeypatch):
    """`text8/text8` with a few words, taken for the one that was published."""
    monkeypatch.setattr(corpus, "MD5", hashlib.md5(CONTENT).hexdigest())
    (data_dir / "text8").mkdir()
    (data_dir / "text8" / "text8").write_bytes(CONTENT)
    return data_dir


@pytest.fixture
def folder(tmp_path):
    """A folder of texts, with another in it."""
    folder = tmp_path / "texts"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("The cat, the Cat's hat. don\u2019t don't 1984 caf\u00e9_bar", "utf-8")
    (folder / "deep" / "b.txt").write_text("the rare cat", "utf-8")
    (folder / "picture.png").write_bytes(b"\x89PNG\0\xff")
    return folder


def spelled(text):
    """The words of each text again."""
    numbers, texts = text.train.x.ravel(), text.train.y.ravel()
    return [[text.words[number] for number in numbers[(texts == at) & (numbers >= 0)]] for at in range(texts.max() + 1)]


def test_a_folder_is_read_file_by_file(folder):
    found = corpus.load("local", folder, "folder", min_count=1)
    assert spelled(found) == [["the", "cat", "the", "cats", "hat", "dont", "dont", "1984", "caf\u00e9", "bar"],
                              ["the", "rare", "cat"]]
    assert found.words[:3] == ("the", "cat", "dont") and found.counts.tolist() == [3, 2, 2, 1, 1, 1, 1, 1, 1]
    assert found.train.x.shape == found.train.y.shape == (1, 1024) and found.train.x.dtype == np.int32
    assert (found.train.x[0, 13:] == -1).all()
    assert "2 text files" in found.source.where and found.source.rung == "local"


def test_rare_words_are_left_out_as_if_they_were_not_there(folder):
    found = corpus.load("local", folder, "folder", min_count=2)
    assert spelled(found) == [["the", "cat", "the", "dont", "dont"], ["the", "cat"]]
    assert found.counts.tolist() == [3, 2, 2]


def test_the_second_time_comes_from_the_cache(folder, monkeypatch):
    first = corpus.load("local", folder, "folder", min_count=1)
    monkeypatch.setattr(corpus, "_arrays", lambda *_: pytest.fail("it's cached"))
    again = corpus.load("local", folder, "folder", min_count=1)
    assert again.words == first.words and np.array_equal(again.train.x, first.train.x)
    with pytest.raises(pytest.fail.Exception):
        corpus.load("local", folder, "folder", min_count=2)


def test_a_long_text_is_taken_in_pieces_that_end_between_words(monkeypatch):
    text = " ".join(f"word{number}" for number in range(3000)) + "x" * 100
    monkeypatch.setattr(corpus, "PIECE", 64)
    pieces = list(corpus._pieces(text))
    assert "".join(pieces) == text and all(len(piece) <= 64 for piece in pieces)
    assert [word for piece in pieces[:-5] for word in corpus.words(piece)] == corpus.words("".join(pieces[:-5]))


def test_text8_is_read_packed_or_not(text8):
    plain = corpus.load("local", text8)
    with zipfile.ZipFile(text8 / "text8.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("text8", CONTENT)
    (text8 / "text8" / "text8").unlink()
    (text8 / "text8").rmdir()
    packed = corpus.load("local", text8)
    assert packed.words == plain.words and packed.source.digest == plain.source.digest
    assert np.array_equal(packed.train.x, plain.train.x) and plain.counts.sum() == 30 * 17


def test_text8_comes_from_the_network_with_its_checksum(text8, home, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "served.zip", "w") as archive:
        archive.writestr("text8", CONTENT)
    served = (tmp_path / "served.zip").read_bytes()
    monkeypatch.setattr(corpus, "URL", (tmp_path / "served.zip").as_uri())
    monkeypatch.setattr(sources, "reachable", lambda url: True)
    with pytest.raises(DataError, match="can't be downloaded"):
        corpus.load("tfds", None)
    monkeypatch.setattr(corpus, "ZIP_SHA256", hashlib.sha256(served).hexdigest())
    assert corpus.load("tfds", None).counts.sum() == 30 * 17
    monkeypatch.setattr(sources, "reachable", lambda url: pytest.fail("it's in the cache"))
    assert corpus.load("tfds", None).source.rung == "tfds"


def test_without_a_network_it_is_said(monkeypatch):
    monkeypatch.setattr(sources, "reachable", lambda url: False)
    with pytest.raises(DataError, match=r"text8\.zip can't be reached"):
        corpus.load("tfds", None)
    with pytest.raises(DataError, match="not your folder"):
        corpus.load("tfds", None, "folder")


@pytest.mark.parametrize("damage", [
    lambda file: file.write_bytes(CONTENT[:-9]), lambda file: file.write_bytes(CONTENT.replace(b"term", b"turm")),
    lambda file: file.write_bytes(b""), lambda file: file.write_bytes(b"PK\x03\x04" + CONTENT)])
def test_another_text8_than_the_published_is_an_error(text8, damage):
    damage(text8 / "text8" / "text8")
    with pytest.raises(DataError, match=r"text8/text8 is not the text8 that was published"):
        corpus.load("auto", text8)


def test_a_damaged_archive_is_named(text8):
    with zipfile.ZipFile(text8 / "text8" / "text8", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("text8", CONTENT)
    content = bytearray((text8 / "text8" / "text8").read_bytes())
    content[60] ^= 255
    (text8 / "text8" / "text8").write_bytes(content)
    with pytest.raises(DataError, match=r"text8/text8 is truncated or damaged"):
        corpus.load("local", text8)


@pytest.mark.parametrize(("content", "fault"), [
    (b"\x89PNG\xff\xd8", "is not UTF-8 text"), (b"good\0bad", "is a binary file")])
def test_a_binary_file_that_calls_itself_text_is_named(folder, content, fault):
    (folder / "deep" / "c.txt").write_bytes(content)
    with pytest.raises(DataError, match=rf"deep/c\.txt {fault}"):
        corpus.load("local", folder, "folder")


def test_a_folder_without_texts_says_so(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no \.txt file"):
        corpus.load("local", tmp_path / "empty", "folder")
    with pytest.raises(DataError, match="needs the folder of your texts"):
        corpus.load("local", None, "folder")
    with pytest.raises(DataError, match="no two words that occur 5 times"):
        corpus.load("local", folder, "folder")
    (tmp_path / "empty" / "a.txt").write_text("\u2026 !?")
    with pytest.raises(DataError, match="no two words that occur 1 times"):
        corpus.load("local", tmp_path / "empty", "folder", min_count=1)


def test_reviews_to_be_tested_on_stay_unread(acl):
    found = corpus.load("local", acl.parents[1], "imdb", min_count=1)
    assert len(spelled(found)) == 20 and "train" in found.words and "test" not in found.words
    assert "br" not in found.words


def test_the_sample_is_always_the_same_and_has_what_the_questions_ask():
    found, again = (corpus.load("sample") for _ in range(2))
    assert found.source.is_sample and found.source.digest == again.source.digest
    assert {"paris", "france", "queen", "biggest"} <= set(found.words) and found.counts.sum() > 100_000


def test_there_is_no_other_corpus():
    with pytest.raises(UserError, match="no corpus 'enwik9'"):
        corpus.load("auto", None, "enwik9")
