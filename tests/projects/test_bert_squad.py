"""Question answering: from the encoder's folder to the answer in its passage."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_bert

from dl100_tf import cli, predicting
from dl100_tf.errors import DataError, UserError
from dl100_tf.models import bert, published
from dl100_tf.projects import bert_squad
from dl100_tf.run import Run

Config = bert_squad.Config
SMALL = {"source": "sample", "length": 128, "overlap": 24, "questions": 200, "epochs": 1, "train": "all"}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return str(tiny_bert.write(tmp_path_factory.mktemp("tiny")))


@pytest.fixture
def run(encoder, home):
    run = Run("bert_squad", "small")
    cli.execute(bert_squad, Config(**SMALL, encoder=encoder), run)
    return run


@pytest.mark.slow
def test_every_question_is_scored_and_the_answer_is_marked(run, encoder, tmp_path, capsys):
    scores, answers = run.read_json("scores.json"), run.read_json("answers.json")
    assert scores["n"] == len(answers) == 240 and scores["headline"] == ["f1", "exact_match"]
    config = Config(**run.read_json("config.json"))
    data = bert_squad.load_data(config)
    gold = {"data": [{"paragraphs": [{"context": one.passage, "qas": [{"id": one.id, "answers": [
        {"text": text} for text in one.answers]}]}]} for one in data.windows["test"].questions]}
    (tmp_path / "gold.json").write_text(json.dumps(gold))
    assert cli.run_verb("score", "bert_squad", [str(run.path("answers.json")), "--gold",
                                                str(tmp_path / "gold.json")]) == 0
    assert json.loads(capsys.readouterr().out) == pytest.approx(scores["metrics"])
    stored = np.load(run.path("predictions.npz"))
    model = run.load_model()
    np.testing.assert_allclose(bert.probabilities(model, data.test.x[:9]), stored["probabilities"][:9], atol=1e-6)

    passage = tmp_path / "passage.txt"
    passage.write_text("Its mayor is Żoë Lund. " * 40, encoding="utf-8")
    assert predicting.predict(bert_squad, ["--question", "Who?", "--passage", str(passage)]) == 0
    said = capsys.readouterr().out
    answer = said[said.index("【") + 1:said.index("】")]
    assert said.replace("【", "").replace("】", "").startswith(passage.read_text(encoding="utf-8").rstrip())
    assert f"\n\n{answer}  (" in said and "(run small: f1 " in said
    for words, message in ((["--question", " ", "--passage", str(passage)], "no word in the question"),
                           (["--question", "a", "--passage", "nothing.txt"], "nothing.txt can't be read"),
                           (["--question", "a"], "passage")):
        with pytest.raises(UserError, match=message):
            predicting.predict(bert_squad, words)
    passage.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"passage\.txt can't be read as UTF-8"):
        predicting.predict(bert_squad, ["--question", "a", "--passage", str(passage)])
    passage.write_text("  \n")
    with pytest.raises(UserError, match="no word in the passage"):
        predicting.predict(bert_squad, ["--question", "a", "--passage", str(passage)])


def test_what_learns(encoder):
    def learning(train):
        net = bert_squad.build_model(Config(**SMALL | {"train": train}, encoder=encoder))
        return {weight.path.split("/")[0] for weight in net.trainable_weights}

    assert learning("head") == {"span"}
    assert learning("all") - learning("layers") == {"words"} and "span" in learning("layers")


def test_files_that_don_t_belong_together(encoder, tmp_path):
    folder = tiny_bert.write(tmp_path / "other")
    with open(folder / "vocab.txt", "a", encoding="utf-8") as file:
        file.write("onemore\n")
    with pytest.raises(DataError, match="the files don't belong together"):
        bert_squad.build_model(Config(**SMALL, encoder=str(folder)))
    trained = bert_squad.build_model(Config(**SMALL, encoder=encoder))
    (tmp_path / "passage.txt").write_text("It lies on the Aa.")
    with pytest.raises(DataError, match="the files don't belong together"):
        bert_squad.predict(trained, Config(**SMALL, encoder=str(folder)), question="Where?",
                           passage=tmp_path / "passage.txt")
    resumed = Run("bert_squad", "other")
    resumed.pin("encoder files", published.digest(Path(encoder)), encoder)
    with pytest.raises(UserError, match=r"begun with other encoder files than .*other holds now"):
        cli.execute(bert_squad, Config(**SMALL, encoder=str(tiny_bert.write(folder, seed=1))), resumed)
    with pytest.raises(UserError, match="--length can't be 200: the encoder reads 128 pieces"):
        bert_squad.build_model(Config(**SMALL | {"length": 200}, encoder=encoder))
    with pytest.raises(UserError, match="name a folder that holds"):
        bert_squad.load_data(Config(**SMALL, encoder=str(tmp_path)))
