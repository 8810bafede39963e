"""Mistakes and reactions, on texts of every kind."""

import json

import numpy as np
import pytest

from dl100_tf import evaluation
from dl100_tf.errors import UserError
from dl100_tf.evaluation import findings

from .conftest import Counter, reviews, splits


def explained(run, texts, y, **options):
    data = splits(texts, y, **options)
    evaluation.score(Counter(), data, run)
    return evaluation.explain_text(Counter(), data, run)


def test_mistakes_are_the_most_confident_first_and_truly_mistakes(run):
    texts, y = reviews(600)
    found = explained(run, texts, y)
    assert found == json.loads(run.path("findings.json").read_text(encoding="utf-8"))
    assert len(found["mistakes"]) == findings.MISTAKES
    sure = [mistake["confidence"] for mistake in found["mistakes"]]
    assert sure == sorted(sure, reverse=True) and sure[0] > 0.5
    for mistake in found["mistakes"]:
        assert mistake["label"] != mistake["guess"]
        assert mistake["label"] == ("negative", "positive")[y[mistake["index"]]]
        assert mistake["text"] == texts[mistake["index"]]


def test_reactions_follow_the_words(run):
    texts, y = reviews()
    found = explained(run, texts, y)["reactions"]
    assert [reaction["right"] for reaction in found] == [True] * findings.RIGHT + [False] * findings.WRONG
    assert {reaction["label"] for reaction in found} == {"negative", "positive"}
    for reaction in found:
        assert reaction["words"] == texts[reaction["index"]].split()
        assert [i for i, new in enumerate(reaction["breaks"]) if new] == [15]
        after = Counter().predict([" ".join(reaction["words"][:i + 1]) for i in range(30)])[:, 0]
        assert reaction["probabilities"] == pytest.approx(after, abs=1e-4)


def test_the_draw_is_the_same_each_time(run):
    texts, y = reviews()
    assert explained(run, texts, y) == explained(run, texts, y)


def test_the_beginnings_go_through_the_model_together(run):
    data = splits(*reviews())
    evaluation.score(Counter(), data, run)
    model = Counter()
    evaluation.explain_text(model, data, run)
    assert model.calls == [30 * (findings.RIGHT + findings.WRONG)]


def test_hostile_texts_are_kept_short_and_writable(run):
    texts = ["bad " * 10_000, "bad \x00\x1b[31m\ud800 <script>alert(1)</script>", "سيء bad\u202e سيء 🎬", "bad" * 9_999,
             "", "   ", "good \n\n fine"]
    found = explained(run, texts, [1, 1, 1, 1, 0, 1, 1])
    shown = {mistake["index"]: mistake for mistake in found["mistakes"]}
    assert len(shown[0]["text"]) == findings.SHOWN and shown[0]["left_off"] == 40_000 - findings.SHOWN
    assert shown[1]["text"] == "bad \ufffd\ufffd[31m\ufffd <script>alert(1)</script>"
    assert "\u202e" not in shown[2]["text"] and "🎬" in shown[2]["text"]
    read = {reaction["index"]: reaction for reaction in found["reactions"]}
    assert 0 not in read and 3 not in read and not {4, 5} & set(read)
    assert read[6]["words"] == ["good", "fine"] and read[6]["breaks"] == [False, True]


def test_a_model_that_is_never_wrong(run):
    found = explained(run, ["good " * 30, "bad " * 30], [1, 0])
    assert found["mistakes"] == [] and len(found["reactions"]) == 2


def test_only_blank_texts(run):
    assert explained(run, ["", " "], [0, 1])["reactions"] == []


def test_more_than_two_labels_follow_the_true_one(run):
    class Three:
        def predict(self, x, **_):
            return np.tile(np.array([[0.2, 0.3, 0.5]], "float32"), (len(x), 1))

    data = splits(["one two", "three four"], [2, 0], labels=("a", "b", "c"))
    evaluation.score(Three(), data, run)
    found = evaluation.explain_text(Three(), data, run)
    assert [(r["of"], r["probabilities"]) for r in found["reactions"]] == [("c", [0.5, 0.5]), ("a", [0.2, 0.2])]


def test_explaining_before_scoring_or_with_other_data(run):
    with pytest.raises(UserError, match=r"predictions\.npz is missing.*--run trial"):
        evaluation.explain_text(Counter(), splits(["good"], [1]), run)
    evaluation.score(Counter(), splits(["good", "bad"], [1, 0]), run)
    with pytest.raises(UserError, match="other data"):
        evaluation.explain_text(Counter(), splits(["good", "bad"], [0, 1]), run)
