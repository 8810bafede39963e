import numpy as np
import pytest
import tiny_bert

from dl100_tf.data import windows
from dl100_tf.data.squad import Question
from dl100_tf.errors import DataError, UserError

PASSAGE = "Ardoburg's café was built in 1899 by Ivo Lund; it burnt down twice, and today it is a library of slate."


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return windows.tokenizer(tiny_bert.write(tmp_path_factory.mktemp("tiny")) / "vocab.txt")


def question(answer="Ivo Lund", passage=PASSAGE, text="Who built it?", name="q"):
    return Question(name, text, passage, (answer,), (passage.find(answer),), "t")


def certain(found):
    """Probabilities of somebody who knows the answers."""
    p = np.full((len(found.ids), 2, found.ids.shape[1]), 1e-4, np.float32)
    for which in (0, 1):
        p[np.arange(len(p)), which, found.spans[:, which]] = 1
    return p


def test_a_vocabulary_that_begins_with_something_else_than_padding(tmp_path):
    file = tiny_bert.write(tmp_path) / "vocab.txt"
    first, *rest = file.read_text().splitlines()
    file.write_text("\n".join([*rest, first]))
    with pytest.raises(DataError, match=r"vocab.txt begins with '\[UNK\]' and not with \[PAD\]"):
        windows.tokenizer(file)


def test_a_window_is_question_and_passage(reader):
    found = windows.cut([question()], reader, 128, 16)
    [ids], [spans] = found.ids, found.spans
    pieces = [reader.id_to_token(number) for number in ids]
    assert pieces[0] == "[CLS]" and pieces.count("[SEP]") == 2 and ids.dtype == np.int32
    told = reader.encode("who built it?", add_special_tokens=False).tokens
    assert pieces[1:1 + len(told)] == told and pieces[1 + len(told)] == "[SEP]"
    end = len(pieces) - pieces[::-1].index("[SEP]") - 1
    assert set(pieces[end + 1:]) == {"[PAD]"} and found.padding() == pytest.approx((127 - end) / 128)
    first, last = found.places[0, spans[0]], found.places[0, spans[1]]
    assert PASSAGE[first[0]:last[1]] == "Ivo Lund"
    assert (found.places[0, :len(told) + 2] == -1).all() and (found.places[0, end:] == -1).all()


def test_long_passages_are_several_windows_that_overlap_and_miss_nothing(reader):
    found = windows.cut([question(), question("slate", name="r")], reader, 40, 12)
    assert (found.owner == np.repeat([0, 1], len(found.owner) // 2)).all() and len(found.owner) > 5
    mine = found.places[found.owner == 0]
    seen = set(mine[mine[..., 0] >= 0][:, 0].tolist())
    words = {PASSAGE.index(word) for word in ("Ardoburg", "café", "Lund", "slate")}
    assert words <= seen
    assert (found.spans.any(axis=1)).sum() < len(found.owner), "some windows don't hold the answer: [CLS] stands for it"
    assert [answer[0] for answer in found.answers(certain(found))] == ["Ivo Lund", "slate"]
    assert found.padding() < 0.1


def test_answers_keep_to_whole_words_and_to_the_text_as_written(reader):
    found = windows.cut([question("afé was")], reader, 128, 16)
    assert windows.cut([question("afé was")], reader, 128, 16).answers(certain(found))[0][:2] == (
        "café was", PASSAGE.index("café"))
    p = np.full((1, 2, 128), 1e-6)
    inside = np.flatnonzero(found.places[0, :, 0] == PASSAGE.index("Ardoburg"))[2]  # a piece within the word
    p[0, :, inside] = 1
    assert found.answers(p)[0][0] == "Ardoburg"


def test_no_answer_ends_before_it_begins_or_is_too_long_or_outside_of_the_passage(reader):
    found = windows.cut([question()], reader, 128, 16)
    p = np.zeros((1, 2, 128))
    places = np.flatnonzero(found.places[0, :, 0] >= 0)
    p[0, 0, places[0]], p[0, 1, places[windows.LONGEST]] = 0.9, 0.9  # one too far
    p[0, :, places[5]] = 0.95
    p[0, :, 0], p[0, :, 2] = 1, 1  # [CLS], and a piece of the question
    _, start, likely = found.answers(p)[0]
    assert likely == pytest.approx(0.9025) and start == found.places[0, places[5], 0]
    p[0, :] = 0
    p[0, 0, places[9]], p[0, 1, places[3]] = 1, 1
    assert found.answers(p)[0][2] == 0


@pytest.mark.parametrize("passage, answer", [
    ("Früh am 🌧️ Morgen\u00a0lag שלום dort.", "שלום"), ("日本語のテスト。", "語"), ("a\u0301b a\u030ac x", "x")])
def test_other_scripts_keep_their_places(reader, passage, answer):
    found = windows.cut([question(answer, passage)], reader, 64, 8)
    text, start, _ = found.answers(certain(found))[0]
    assert answer in text and passage[start:start + len(text)] == text


def test_a_passage_of_a_hundred_thousand_words(reader):
    passage = "on the Aa " * 33_000 + "near Linneby"
    found = windows.ask(reader, "Where?", passage, 128, 32)
    assert found.places.max() == len(passage) and len(found.answers(certain(found))) == 1


def test_a_question_that_is_too_long_loses_its_end_and_the_passage_nothing(reader):
    found = windows.cut([question(text="why " * 500)], reader, 64, 8)
    assert found.answers(certain(found))[0][0] == "Ivo Lund"


@pytest.mark.parametrize("asked, passage, message", [
    ("", "a b", "no word in the question"), ("Who?", " \n", "no word in the passage")])
def test_nothing_to_ask(reader, asked, passage, message):
    with pytest.raises(UserError, match=message):
        windows.ask(reader, asked, passage, 64, 8)


def test_windows_need_room(reader):
    with pytest.raises(UserError, match=r"windows of 64 pieces can't overlap by 29.*less than 29"):
        windows.cut([question()], reader, 64, 29)


def test_a_passage_of_nothing_but_space_is_named(reader):
    with pytest.raises(DataError, match="passage of question q has no word"):
        windows.cut([question("", "\u2003")], reader, 64, 8)


@pytest.mark.parametrize("content, message", [
    (b"[PAD]\n[UNK]\n[CLS]\n", r"has no \[SEP\]"), (b"\xff\xfe", "no UTF-8"),
    (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\na\n", "has a piece twice"), (b"", r"has no \[PAD\]")])
def test_a_damaged_vocabulary(tmp_path, content, message):
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        windows.tokenizer(tmp_path / "vocab.txt")
    with pytest.raises(DataError, match="can't be read"):
        windows.tokenizer(tmp_path / "nothing.txt")


def test_the_answer_is_marked():
    assert windows.marked("by Ivo Lund.", 3, "Ivo Lund") == "by 【Ivo Lund】."
