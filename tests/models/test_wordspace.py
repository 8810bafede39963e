import numpy as np
import pytest

from dl100_tf.data import analogies
from dl100_tf.errors import UserError
from dl100_tf.models import wordspace
from dl100_tf.models.wordspace import WordSpace

WORDS = ("king", "queen", "man", "woman", "red", "well-known")
MATRIX = np.array([[2, 0, 1], [2, 1, 1], [0, 0, 3], [0, 1, 1], [-1, 0, 0], [0, 0, 0]], np.float32)


@pytest.fixture
def space():
    return WordSpace(WORDS, MATRIX)


def test_the_nearest_come_first_and_the_word_itself_is_not_among_them(space):
    found = space.nearest("king", 9)
    assert [word for word, _ in found][:2] == ["queen", "man"] and len(found) == 5
    assert found[0][1] == pytest.approx(5 / np.sqrt(5 * 6)) and found[-1] == ("red", pytest.approx(-2 / np.sqrt(5)))
    assert space.nearest("KING", 1) == space.nearest("king", 1) == space.nearest("+ king", 1)
    assert space.nearest("well-known", 1)[0][1] == 0  # a vector of zeros is near nothing


@pytest.mark.parametrize("asked", ["king - man + woman", " woman  +  king \u2212 man "])
def test_words_can_be_added(space, asked):
    word, cosine = space.nearest(asked, 1)[0]
    unit = MATRIX[:4] / np.linalg.norm(MATRIX[:4], axis=1, keepdims=True)
    aim = unit[0] - unit[2] + unit[3]
    assert word == "queen" and cosine == pytest.approx(unit[1] @ aim / np.linalg.norm(aim))
    assert space.nearest("- king", 1)[0][0] == "red"


@pytest.mark.parametrize("asked", ["", "  ", "+", "king -", "king queen", "king + - queen", "- + king", "king + +"])
def test_what_is_no_sum_of_words_is_refused(space, asked):
    with pytest.raises(UserError, match="neither a word nor words"):
        space.nearest(asked)


@pytest.mark.parametrize(("asked", "told"), [("qeen", "did you mean queen?"), ("king + womann", "did you mean woman?"),
                                             ("zebra", "words that were learnt")])
def test_an_unknown_word_is_answered_with_the_nearest_spelling(space, asked, told):
    with pytest.raises(UserError, match=r"is not among the 6 words") as caught:
        space.nearest(asked)
    assert told in str(caught.value)


def test_what_is_asked_is_told_in_short(space):
    for asked in ("x" * 100_000, "king queen " * 50_000):
        with pytest.raises(UserError) as caught:
            space.nearest(asked)
        assert len(str(caught.value)) < 200
    known = WordSpace((*WORDS, "\u2212x", "שלום"), np.concatenate([MATRIX, MATRIX[:2]]))
    assert known.nearest("\u2212x", 1)[0][0] == "king" and known.nearest("שלום", 1)[0][0] == "queen"


def test_answers_are_what_is_nearest_to_the_sum(space, monkeypatch):
    monkeypatch.setattr(wordspace, "AT_ONCE", 2)
    questions = [analogies.Question("", *words) for words in
                 [("man", "woman", "king", "queen"), ("woman", "man", "queen", "king"), ("king", "queen", "man", "?")]]
    assert space.answers(questions) == [space.nearest(f"{one.b} - {one.a} + {one.c}", 1)[0][0] for one in questions]
    assert space.answers(questions)[:2] == ["queen", "king"] and space.answers([]) == []


def test_kinds_are_told_apart(space):
    assert space.same_kind({"royal": ["king", "queen"], "others": ["man", "red"], "one": ["woman"]}) == {
        "royal": 1.0, "others": 0.5}  # the man is nearer to the king
    assert space.same_kind({}) == {}


def test_words_may_be_called_as_keras_calls_an_unknown_one(tmp_path):
    import keras

    model = wordspace.reads_words(("[UNK]", "", "a"), MATRIX[:3], "words")
    model.save(tmp_path / "model.keras")
    assert wordspace.from_model(keras.saving.load_model(tmp_path / "model.keras")).words == ("[UNK]", "", "a")


def test_the_model_gives_the_vectors_and_is_read_back(tmp_path):
    import keras
    import tensorflow as tf

    model = wordspace.reads_words(WORDS, MATRIX, "words")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    found = again.predict(tf.constant(["woman", "zebra", "king"]), verbose=0)
    assert np.array_equal(found, [MATRIX[3], [0, 0, 0], MATRIX[0]]) and found.dtype == np.float32
    space = wordspace.from_model(again)
    assert space.words == WORDS and np.array_equal(space.unit, WordSpace(WORDS, MATRIX).unit)
