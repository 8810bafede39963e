"""Words that begin as others know them, and texts that no newspaper prints."""

import re

import numpy as np
import pytest

from dl100_tf import cli, models, paths
from dl100_tf.data import pretrained, text, vectors
from dl100_tf.errors import DataError, UserError
from dl100_tf.projects import lstm_agnews as recipe
from dl100_tf.run import Run

SMALL = {"source": "sample", "epochs": 1, "batch_size": 512, "vocab_size": 120, "length": 12, "embedding": 4,
         "phrases": 4, "units": 2}
WORDS = ("the", "of", "coach", "bank")


@pytest.fixture
def folder(tmp_path):
    """A data folder with a GloVe of four words."""
    written(tmp_path / "data/glove/glove.6B.50d.txt")
    return tmp_path / "data"


@pytest.fixture
def mine(folder):
    """A run of word2vec_text8 beside it."""
    return written(paths.runs("word2vec_text8") / "mine" / "vectors.txt")


def written(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    vectors.Vectors(WORDS, np.random.default_rng(0).normal(size=(4, 5)).astype("float32")).write(file)
    return file


def test_words_begin_as_the_vectors_have_them_and_frozen_ones_stay():
    first = pretrained.Table(np.arange(12, dtype="float32").reshape(4, 3), 1.0)
    for frozen in (False, True):
        net = recipe.build_model(recipe.Config(frozen=frozen), first)
        table = net.get_layer("words")
        assert np.array_equal(table.get_weights()[0], first.matrix)
        assert any(weight is table.weights[0] for weight in net.trainable_weights) == (not frozen)


@pytest.mark.slow
def test_the_table_has_every_kind_of_vectors_that_is_here(folder):
    run = Run("lstm_agnews", "all")
    cli.execute(recipe, recipe.Config(**SMALL, data_dir=str(folder)), run)
    rows = run.read_json("tables/vectors.json")["rows"]
    assert [(row["vectors"], row["words"]) for row in rows] == [
        (kind, words) for kind in ("none", "glove") for words in ("trained", "frozen")]
    assert all(0 < row["test accuracy"] < 1 and row["seconds"] > 0 for row in rows)
    assert rows[0]["known words"] == "" and rows[2]["known words"].endswith("%")
    assert rows[0]["test accuracy"] == pytest.approx(run.read_json("scores.json")["metrics"]["accuracy"], abs=1e-6)
    report = run.path("report.html").read_text(encoding="utf-8")
    assert "What words begin as" in report and "frozen" in report


@pytest.mark.slow
def test_without_rows_there_is_one_and_a_run_s_vectors_are_found_by_its_name(folder, mine):
    run = Run("lstm_agnews", "own")
    config = recipe.Config(**SMALL, data_dir=str(folder), vectors="mine", frozen=True, rows=False)
    cli.execute(recipe, config, run)
    [row] = run.read_json("tables/vectors.json")["rows"]
    assert (row["vectors"], row["words"]) == ("mine", "frozen") and not run.path("parts").exists()
    model = run.load_model()
    known = model.get_layer("tokenizer").get_vocabulary().index("coach")
    table = next(layer for layer in model._flatten_layers() if layer.name == "words").get_weights()[0]
    assert np.array_equal(table[known], vectors.read(mine).matrix[WORDS.index("coach")])


def test_vectors_that_are_not_there_or_damaged_are_named(folder):
    with pytest.raises(UserError, match="there are no word vectors 'yours'"):
        cli.execute(recipe, recipe.Config(**SMALL, vectors="yours"), Run("lstm_agnews", "a"))
    (folder / "glove/glove.6B.50d.txt").write_text("the 1 2 3\nof 1 2\n")
    with pytest.raises(DataError, match=r"glove\.6B\.50d\.txt, line 2"):
        cli.execute(recipe, recipe.Config(**SMALL, vectors="glove", data_dir=str(folder)), Run("lstm_agnews", "b"))


def test_a_pool_longer_than_a_story_is_refused():
    with pytest.raises(UserError, match="a story has --length 5 words"):
        recipe.Config(length=5, pool=6)


@pytest.fixture(scope="module")
def model():
    config = recipe.Config(**SMALL)
    texts = np.array(["the bank of Norway", "a goal by the coach"], object)
    tokenizer = text.tokenizer(texts, config.vocab_size, config.length, models.letters)
    return models.reads_text(tokenizer, recipe.build_model(config))


@pytest.mark.parametrize("story", [
    "oil " * 100_000, "الأسواق ترتفع في القاهرة", "חדשות 📈", "東京の株価", "naïve café’s", "a", "\u202eliga\u202c"])
def test_odd_texts_are_answered(model, story):
    answer = recipe.predict(model, recipe.Config(**SMALL), story)
    assert len(answer) == 4 and sum(answer) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("story", ["", "  \n", "📈🔥", "#39; 1,000", "..."])
def test_texts_without_a_word_are_refused(model, story):
    with pytest.raises(UserError, match="no word"):
        recipe.predict(model, recipe.Config(**SMALL), story)


def test_both_kinds_of_normalisation_are_the_same_to_the_net(model):
    raw, bare = "Asia #39;s banks: Bank of NORWAY's 2nd goal (AP)", "asia s banks bank of norway s nd goal ap"
    assert re.fullmatch("[a-z ]*", bare)
    answers = [recipe.predict(model, recipe.Config(**SMALL), story) for story in (raw, bare)]
    np.testing.assert_array_equal(*answers)
