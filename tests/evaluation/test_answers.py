import json

import numpy as np
import pytest

from dl100_tf.errors import DataError, UserError
from dl100_tf.evaluation import answers


@pytest.mark.parametrize("text, same", [
    ("The  Eiffel\tTower!", "eiffel tower"), ("an apple, a day", "apple day"), ("theatre", "theatre"),
    ("A.D. 1999", "ad 1999"), ("“Quoted” – dash", "“quoted” – dash"), ("the", ""), ("AN", ""), ("2.5%", "25"),
    ("twenty-one", "twentyone"), ("İstanbul", "i̇stanbul"), ("rock 'n' roll", "rock n roll"), ("a's", "as")])
def test_what_is_compared(text, same):
    assert answers.normalised(text) == same


@pytest.mark.parametrize("answer, right, exact, f1", [
    ("the Denver Broncos", "Denver Broncos", 1, 1), ("Broncos", "Denver Broncos", 0, 2 / 3),
    ("Denver Denver", "Denver Broncos", 0, 1 / 2), ("Denver Denver", "Denver", 0, 2 / 3),
    ("in Santa Clara, California", "Santa Clara", 0, 2 / 3), ("Paris", "London", 0, 0),
    ("", "London", 0, 0), ("the", "an", 1, 0)])  # the official script counts no word as no match, and as equal
def test_by_hand(answer, right, exact, f1):
    assert answers.exact(answer, right) == exact
    assert answers.f1(answer, right) == pytest.approx(f1)


def test_the_nearest_right_answer_counts_and_no_question_is_left_out():
    gold = {"1": ["Denver", "Denver Broncos"], "2": ["1999"], "3": ["x"], "4": ["Lund"]}
    each = answers.measured(gold, {"1": "the Denver Broncos", "2": "in 1999", "4": "", "9": "no such question"})
    assert each == {"1": (1, 1), "2": (0, pytest.approx(2 / 3)), "3": (0, 0), "4": (0, 0)}
    assert answers.totals(each) == {"exact_match": pytest.approx(25), "f1": pytest.approx(100 * (5 / 3) / 4)}


@pytest.fixture
def files(tmp_path):
    gold, predictions = tmp_path / "dev.json", tmp_path / "predictions.json"
    asked = [{"id": name, "question": "?", "answers": [{"text": text, "answer_start": 0}]}
             for name, text in (("a", "red brick"), ("b", "oak"))]
    gold.write_text(json.dumps({"version": "1.1", "data": [{"paragraphs": [{"context": "", "qas": asked}]}]}))
    predictions.write_text(json.dumps({"a": "The red brick", "b": "pine"}))
    return gold, predictions


def test_a_file_of_predictions(files):
    gold, predictions = files
    assert answers.score_answers(predictions, gold=gold) == '{"exact_match": 50.0, "f1": 50.0}'
    predictions.write_text('{"a": "brick"}')
    told = answers.score_answers(predictions, gold=gold).splitlines()
    assert json.loads(told[0]) == {"exact_match": 0, "f1": pytest.approx(100 / 3)}
    assert told[1] == "1 of 2 questions have no prediction and score 0."


@pytest.mark.parametrize("which, content, message", [
    (1, "{", "predictions.json is no JSON"), (1, "[1]", "no JSON object from ids"),
    (1, '{"a": 7}', "no JSON object from"), (1, "{}", "answers none of the questions"),
    (0, "{}", "dev.json is not of SQuAD 1.1's format"), (0, '{"data": []}', "has no questions"),
    (0, "\udcff", "no JSON"), (1, None, "predictions.json can't be read"), (1, "[" * 100_000, "no JSON"),
    (0, '{"data": [{"paragraphs": [{"qas": [{"id": "a", "answers": [{"text": 7}]}]}]}]}', "an answer that is no text")])
def test_files_that_are_none(files, which, content, message):
    if content is None:
        files[which].unlink()
    else:
        files[which].write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises((DataError, UserError), match=message):
        answers.score_answers(files[1], gold=files[0])


def test_a_diverged_net_is_told(run):
    with pytest.raises(UserError, match="output is NaN"):
        answers.score_spans(None, np.full((1, 2, 4), np.nan), None, run)
