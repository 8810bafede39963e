import csv

import numpy as np
import pytest
from google.protobuf import text_format

from dl100_tf import evaluation
from dl100_tf.data import Source, analogies
from dl100_tf.evaluation import maps
from dl100_tf.models.wordspace import WordSpace
from dl100_tf.run import Run

WORDS = ("man", "woman", "king", "queen", "prince", "princess", "red", "blue", "dog", "cat")


@pytest.fixture
def space():
    """A world in which one direction is she, and one is royal; colours and animals stand apart."""
    matrix = np.random.default_rng(0).normal(0, 0.05, (len(WORDS), 8))
    matrix[:6, 0] += 1
    matrix[1:6:2, 1] += 1
    matrix[2:4, 2] += 1
    matrix[4:6, 3] += 1
    matrix[6:8, 4] += 1
    matrix[8:, 5] += 1
    return WordSpace(WORDS, matrix.astype(np.float32))


class Data:
    source = Source("local", "a world", "0")


def test_what_vectors_know_is_scored(space):
    run = Run("word2vec_text8", "one")
    asked = list(analogies.questions(space))
    kinds = analogies.kinds(space)
    scores = evaluation.score_words(space, Data, run, asked, kinds)
    assert scores["metrics"] == {"analogies": 1.0, "kinds": 1.0} and scores["n"] == len(asked) == 6
    assert scores["words"] == 10 and scores["headline"] == ["analogies", "kinds"]
    with open(run.path("tables/analogies.csv")) as file:
        assert list(csv.DictReader(file)) == [{"section": "he and she", "questions": "6", "accuracy": "1.0"}]
    broken = WordSpace(WORDS, np.random.default_rng(1).normal(size=(10, 8)).astype(np.float32))
    assert evaluation.score_words(broken, Data, run, asked, kinds)["metrics"]["analogies"] < 0.5


def test_nothing_to_ask_is_no_error(space):
    scores = evaluation.score_words(space, Data, Run("word2vec_text8", "one"), [], {})
    assert scores["metrics"] == {"analogies": 0.0, "kinds": 0.0} and scores["n"] == 0


def test_words_are_explained_by_neighbours_a_map_and_the_projector(space):
    from tensorboard.plugins.projector import projector_config_pb2

    run = Run("word2vec_text8", "one")
    evaluation.score_words(space, Data, run, [], {})
    evaluation.explain_words(space, run, ["king", "king - man + woman", "zebra"], analogies.kinds(space))
    with open(run.path("tables/neighbours.csv")) as file:
        rows = list(csv.DictReader(file))
    assert [row["asked"] for row in rows] == ["king", "king - man + woman"]
    assert rows[1]["nearest"].startswith("queen 0.9")
    assert run.path("plots/map.png").stat().st_size > 10_000 and run.path("plots/map-dark.png").is_file()
    folder = run.path("tensorboard/projector")
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(),
                               projector_config_pb2.ProjectorConfig()).embeddings[0]
    assert (folder / config.metadata_path).read_text().split() == list(WORDS)
    np.testing.assert_allclose(np.loadtxt(folder / config.tensor_path, delimiter="\t"), space.unit, atol=1e-5)
    evaluation.report(run)
    assert "king - man + woman" in run.path("report.html").read_text()


def test_vectors_of_unknown_words_are_shown_as_well():
    space = WordSpace(("\u05e9\u05dc\u05d5\u05dd", "\U0001f600", "a\u202eb"), np.eye(3, dtype=np.float32))
    run = Run("word2vec_text8", "one")
    evaluation.score_words(space, Data, run, [], analogies.kinds(space))
    evaluation.explain_words(space, run, ["king"], analogies.kinds(space))
    assert run.path("plots/map.png").is_file() and len(run.read_json("tables/neighbours.json")["rows"]) == 3


def test_words_that_can_t_be_asked_about_are_no_obstacle():
    words = ("+", "-", "\u2212", ". . .", "a\u00a0b", "ja", "nein")
    run = Run("word2vec_text8", "one")
    space = WordSpace(words, np.eye(7, dtype=np.float32))
    evaluation.score_words(space, Data, run, [], {})
    evaluation.explain_words(space, run, ["king"], {})
    assert [row["asked"] for row in run.read_json("tables/neighbours.json")["rows"]] == ["ja", "nein"]
    evaluation.explain_words(WordSpace(words[:2], np.eye(2, dtype=np.float32)), run, ["king"], {})
    evaluation.report(run)


@pytest.mark.parametrize("count", [1, 2, 12, 13, 40])
def test_the_map_is_the_same_every_time_and_keeps_neighbours(count):
    vectors = np.random.default_rng(0).normal(size=(count, 5)).astype(np.float32)
    vectors[-1] = vectors[0]
    places = maps.plane(vectors)
    assert places.shape == (count, 2) and np.array_equal(places, maps.plane(vectors)) and np.isfinite(places).all()
    if count > 2:
        away = np.linalg.norm(places - places[0], axis=1)
        assert away[-1] <= np.sort(away)[2]
