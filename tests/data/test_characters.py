import numpy as np
import pytest

from dl100_tf.data import Source, characters
from dl100_tf.errors import DataError, UserError

TEXT = "To be, or not to be:\nthat is the question. " * 100
SOURCE = Source("local", "a test", "0")


@pytest.fixture
def book():
    return characters.book(TEXT, SOURCE, window=20, examples=80)


def test_the_text_is_cut_by_position_and_nothing_is_lost(book):
    assert book.learnt + book.held == TEXT and len(book.learnt) == int(0.9 * len(TEXT))
    assert book.source is SOURCE and book.alphabet == "".join(sorted(set(TEXT)))


def test_an_example_is_what_stands_before_a_character(book):
    assert len(book.test) == 80 and len(book.train) == 20 and book.validation is book.test
    for split, part in ((book.train, book.learnt), (book.test, book.held)):
        assert split.x.dtype == object and split.y.dtype == np.int32
        assert all(len(text) == 20 and text + book.alphabet[label] in part
                   for text, label in zip(split.x, split.y, strict=True))
    assert book.held.startswith(book.test.x[0]) and book.held.endswith(book.test.x[-1] + book.alphabet[book.test.y[-1]])


def test_labels_can_be_read():
    assert [characters.name(one) for one in "\n aÄ\u00a0\u200b🙂"] == [
        "line break", "space", "a", "Ä", "U+00A0", "U+200B", "🙂"]


def test_ids_keep_capitals_and_know_what_is_unknown():
    found = characters.ids("Ab\nX", "\nAab")
    assert found.dtype == np.int32 and found.tolist() == [3, 5, 2, 1]


def test_windows_lie_side_by_side_and_their_targets_are_one_character_on(book):
    windows = characters.windows(book, 32)
    ids = characters.ids(book.held, book.alphabet)
    x, y = windows.validation.x, windows.validation.y
    assert x.shape == y.shape == ((len(book.held) - 1) // 32, 32)
    assert np.array_equal(x.reshape(-1), ids[:x.size]) and np.array_equal(y.reshape(-1) + 2, ids[1:x.size + 1])
    assert windows.train.x.tolist() == list(range(0, len(book.learnt) - 64, 32))


def test_training_windows_are_moved_by_the_key_alone(book):
    cut = characters.shifted(book, 32)
    places = np.array([0, 320], np.int32)
    first, again, other = (cut(places, places, np.array(key, np.int32), epoch)
                           for key, epoch in (((1, 2), 0), ((1, 2), 5), ((3, 4), 0)))
    assert np.array_equal(first[0], again[0]) and not np.array_equal(first[0], other[0])
    ids = characters.ids(book.learnt, book.alphabet)
    for place, x, y in zip(places, *map(np.asarray, first), strict=True):
        starts = [start for start in range(place, place + 32) if np.array_equal(ids[start:start + 32], x)]
        assert starts and np.array_equal(ids[starts[0] + 1:starts[0] + 33], y + 2)


@pytest.mark.parametrize("text, message", [("", "0 characters of 0 kinds"), ("a" * 5000, "of 1 kinds"),
                                           ("short", "5 characters")])
def test_a_text_that_teaches_nothing_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        characters.book(text, SOURCE, 20)


def test_windows_that_do_not_fit_are_refused(book):
    with pytest.raises(UserError, match="a window of 900 characters"):
        characters.book(TEXT, SOURCE, 900)
    with pytest.raises(UserError, match="--length can't be 3000"):
        characters.windows(book, 3000)


def test_any_script_is_a_text():
    text = "שלום 🙂\n世界 עולם " * 200
    book = characters.book(text, SOURCE, 10)
    assert set(book.alphabet) == set(text) and "🙂" in book.labels and len(book.labels) == len(book.alphabet)
