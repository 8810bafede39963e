import dataclasses

import numpy as np
import pytest

from dl100_tf import cli, evaluation
from dl100_tf.data import vectors
from dl100_tf.errors import DataError, UserError
from dl100_tf.models.wordspace import WordSpace
from dl100_tf.projects import word2vec_text8
from dl100_tf.projects.word2vec_text8 import Config
from dl100_tf.run import Run

GLOVE = "king 1 0 1\nqueen 1 1 1\nman 0 0 1\nwoman 0 1 1\nred -1 0 0\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on the sample: its vectors and the run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DL100_HOME", str(tmp_path_factory.mktemp("home")))
        run = Run("word2vec_text8", "one")
        scores = cli.execute(word2vec_text8, Config(source="sample", epochs=3, dim=32), run)
        yield run, scores


def test_the_sample_s_rules_are_learnt(trained):
    run, scores = trained
    assert scores["source"] == "sample" and scores["metrics"]["analogies"] > 0.5
    losses = [row["loss"] for row in run.read_table("history.csv")]
    assert losses[0] > losses[-1]
    space = WordSpace(*dataclasses.astuple(vectors.read(run.path("vectors.txt"))))
    assert space.nearest("king - man + woman", 1)[0][0] == "queen"


def test_predict_answers_for_the_vectors_in_the_file(trained):
    run, _ = trained
    found = vectors.read(run.path("vectors.txt"))
    said = word2vec_text8.predict(run.load_model(), Config(), "paris", count=4)
    expected = WordSpace(found.words, found.matrix).nearest("paris", 4)
    assert said.splitlines() == [f"{cosine:7.3f}  {word}" for word, cosine in expected]
    with pytest.raises(UserError, match=r"'pariss' is not among the .* words .* did you mean paris\?"):
        word2vec_text8.predict(run.load_model(), Config(), "pariss")
    with pytest.raises(UserError, match="--count can't be 0"):
        word2vec_text8.predict(run.load_model(), Config(), "paris", count=0)


def test_published_vectors_are_judged_untrained(tmp_path):
    (tmp_path / "glove.txt").write_text(GLOVE)
    run = Run("word2vec_text8", "glove")
    scores = cli.execute(word2vec_text8, Config(vectors=str(tmp_path / "glove.txt")), run)
    assert scores["metrics"]["analogies"] == 1 and scores["n"] == 2 and scores["words"] == 5
    assert "5 word vectors from …/glove.txt" in run.record()["source"]["where"]
    assert run.finished_epochs == 5 and not run.path("history.csv").exists()
    evaluation.plot(run)  # as the verb `report` does
    again = vectors.read(run.path("vectors.txt"))
    assert np.array_equal(again.matrix, vectors.read(tmp_path / "glove.txt").matrix)


@pytest.mark.parametrize(("content", "fault"), [
    ("king 1 2\nqueen 1\n", "line 2: 1 numbers, where the first line says 2"), ("king 1 x\n", "'x' is no number"),
    ("", "is empty")])
def test_a_file_of_vectors_that_is_damaged_is_named(tmp_path, content, fault):
    path = tmp_path / "vectors.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=fault) as caught:
        cli.execute(word2vec_text8, Config(vectors=str(path)), Run("word2vec_text8", "damaged"))
    assert str(path) in str(caught.value)


def test_a_text_without_words_trains_nothing(tmp_path):
    (tmp_path / "a.txt").write_text("... !\n")
    run = Run("word2vec_text8", "empty")
    with pytest.raises(DataError, match="no two words"):
        cli.execute(word2vec_text8, Config(corpus="folder", data_dir=str(tmp_path)), run)
    assert not run.path("checkpoints").exists()


def test_a_text_shorter_than_a_batch_is_learnt_from(tmp_path):
    (tmp_path / "a.txt").write_text("one two three four " * 20)
    run = Run("word2vec_text8", "short")
    scores = cli.execute(word2vec_text8, Config(corpus="folder", data_dir=str(tmp_path), epochs=2), run)
    assert scores["words"] == 4 and len(run.read_table("history.csv")) == 2


@pytest.mark.parametrize(("setting", "told"), [
    ({"window": 61}, "--window"), ({"schedule": "plateau"}, "--schedule"), ({"min_count": 0}, "--min-count"),
    ({"dim": 0}, "--dim")])
def test_settings_that_make_no_sense_are_refused(setting, told):
    with pytest.raises(UserError, match=told):
        Config(**setting)
