import numpy as np
import pytest

from dl100_tf.data import Source, Split, Splits, text
from dl100_tf.errors import DataError, UserError

TEXTS = np.array(["The film is good, good!", "the FILM is not<br />good", "", "café 日本", "zero \0 byte"], object)


def test_the_most_frequent_words_get_the_lowest_ids():
    tokenizer = text.tokenizer(TEXTS, vocab_size=5, length=6)
    assert tokenizer.get_vocabulary() == ["", "[UNK]", "good", "the", "is"]
    found = text.ids(tokenizer, TEXTS)
    assert found.dtype == np.int32 and found.shape == (5, 6)
    assert found[0].tolist() == [3, 1, 4, 2, 2, 0]
    assert found[2].tolist() == [0] * 6
    assert np.array_equal(found, np.asarray(tokenizer(TEXTS.tolist())))


def test_the_cache_gives_the_same_as_adapting(home, monkeypatch):
    import keras

    plain = keras.layers.TextVectorization(max_tokens=8, output_sequence_length=4)
    plain.adapt(TEXTS.tolist())
    cold = text.tokenizer(TEXTS, 8, 4)
    cold_ids = text.ids(cold, TEXTS)
    assert [len(list((home / "cache" / kind).glob("*.npz"))) for kind in ("vocabulary", "ids")] == [1, 1]
    monkeypatch.setattr(text, "_batches", lambda texts: pytest.fail("it's cached"))
    warm = text.tokenizer(TEXTS, 8, 4)
    assert plain.get_vocabulary() == cold.get_vocabulary() == warm.get_vocabulary()
    assert np.array_equal(cold_ids, text.ids(warm, TEXTS))
    assert np.array_equal(cold_ids, np.asarray(plain(TEXTS.tolist())))


def test_the_cache_knows_every_setting():
    tokens = {(size, length): text.ids(text.tokenizer(TEXTS, size, length), TEXTS)
              for size in (4, 8) for length in (2, 4)}
    assert {found.shape for found in tokens.values()} == {(5, 2), (5, 4)}
    assert tokens[4, 4].max() == 3 < tokens[8, 4].max()
    other = text.tokenizer(TEXTS[:1], 8, 4)
    assert "not" not in other.get_vocabulary()
    assert text.ids(other, TEXTS[:2]).shape == (2, 4)


def test_a_damaged_cache_is_made_again(home, capsys):
    before = text.ids(text.tokenizer(TEXTS, 8, 4), TEXTS)
    for file in (home / "cache").rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:-50])
    assert np.array_equal(before, text.ids(text.tokenizer(TEXTS, 8, 4), TEXTS))
    assert capsys.readouterr().err.count("is damaged") == 2


def test_splits_are_tokenized_whole():
    split = Split(TEXTS, np.zeros(5, np.int32))
    splits = Splits(split, split.take([0]), split.take([3, 1]), ("no",), Source("local", "", ""))
    tokens = text.tokenize(splits, text.tokenizer(TEXTS, 8, 3))
    assert [part.x.shape for part in tokens.parts().values()] == [(5, 3), (1, 3), (2, 3)]
    assert np.array_equal(tokens.test.x[1], tokens.train.x[1])


def test_no_text_at_all_has_no_ids():
    assert text.ids(text.tokenizer(TEXTS, 8, 3), TEXTS[:0]).shape == (0, 3)


def test_a_large_vocabulary_fits():
    many = np.array([f"w{index}" for index in range(70_000)], object)
    found = text.ids(text.tokenizer(many, 100_000, 1), many)
    assert len(np.unique(found)) == 70_000 and found.max() == 70_001


@pytest.mark.parametrize("size, length, message", [(2, 5, "vocab_size is 2"), (5, 0, "length is 0")])
def test_bad_settings(size, length, message):
    with pytest.raises(UserError, match=message):
        text.tokenizer(TEXTS, size, length)


def test_texts_without_a_word():
    with pytest.raises(DataError, match="hold no word"):
        text.tokenizer(np.array(["", "...!"], object), 5, 5)
