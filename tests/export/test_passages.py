"""A model of passages exported: the smallest BERT there is, its SavedModel and .tflite files beside Keras."""

import dataclasses
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_bert

from dl100_tf import evaluation
from dl100_tf.data import splits, squad, windows
from dl100_tf.errors import UserError
from dl100_tf.export import contract, graph, metadata, parity, passages, phone, publishing, saved_model
from dl100_tf.models import bert, published
from dl100_tf.run import Run
from dl100_tf.serving import config_requests

LENGTH = 64


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A net of random weights, and windows of a few questions."""
    folder = tiny_bert.write(tmp_path_factory.mktemp("tiny"))
    settings, tokenizer = published.settings(folder), windows.tokenizer(folder / "vocab.txt")
    separator = tokenizer.token_to_id("[SEP]")
    encoder = bert.encoder(settings, separator)
    published.load_weights(encoder, settings, folder)
    model = bert.gives_probabilities(bert.answers_questions(encoder, separator, "small"))
    found = squad.load("sample")
    found = dataclasses.replace(found, **{name: splits.Split(part.x[:40], part.y[:40])
                                          for name, part in found.parts().items()})
    return model, windows.cut_splits(found, tokenizer, LENGTH, 12), folder


@pytest.fixture
def finished(made, home):
    model, data, folder = made
    run = Run("small_passage", "one")
    run.write_json("config.json", {"epochs": 1, "length": LENGTH})
    run.write_json("provenance.json", {"title": "A small model of passages", "source": {"rung": "sample"}})
    run.save(model)
    run.write_text("vocab.txt", (folder / "vocab.txt").read_text())
    test = data.windows["test"]
    evaluation.score_spans(test, bert.probabilities(model, test.ids), data, run)
    return run, data


def test_the_contract(finished):
    run, _ = finished
    found = contract.of_run(run, run.load_model())
    assert (found.kind, found.shape, found.labels, found.phone_dtype, found.answer_shape) == (
        "passage", (LENGTH,), ("start", "end"), "int32", (1, 2, LENGTH))
    assert found.vocabulary == tuple(tiny_bert.vocabulary()) and "f1" in found.source and "sample" in found.source
    run.write_json("config.json", {"epochs": 1})
    with pytest.raises(UserError, match="is not a model that finds answers in passages"):
        contract.of_run(run, run.load_model())


@pytest.mark.slow
def test_it_is_published_as_it_is(finished, tmp_path):
    run, data = finished
    done = publishing.publish(run, data, quantize=("float32", "dynamic"), to=str(tmp_path), force=True)
    assert done.parity["saved_model"].difference < 1e-6 and done.parity["float32"].difference < 1e-5
    assert done.parity["float32"].agreement == 1 and not {"saved_model", "float32"} & set(done.refused)
    assert set(done.mistakes) == {"ids shifted by one", "the question left out", "passage in front of the question"}
    bundle = done.folders["tflite"]
    content = (bundle / "float32.tflite").read_bytes()
    assert not [name for name in graph.ops(content) if name.startswith(("Flex", "VAR_HANDLE", "WHILE"))]
    told = metadata.read(content)
    assert told["vocabulary"] == tiny_bert.vocabulary() and told["labels"] == ["start", "end"]
    assert "[CLS], the pieces of a question, [SEP]" in told["input"]["description"]
    assert told["min_parser_version"] == "1.1.0", "the first that knows BertTokenizerOptions"
    card = json.loads((bundle / "card.json").read_text())
    assert card["output"]["shape"] == [1, 2, LENGTH] and card["input"]["tokenizer"]["length"] == LENGTH
    page = (bundle / "card.html").read_text()
    assert 0 < card["thresholds"]["unsure_below"] < 1 and "Question answering" in page and "word for word" in page
    found, wrong = parity.recheck(bundle)
    assert [one.variant for one in found][:1] == ["float32"] and not [line for line in wrong if "float32" in line]

    place = done.folders["saved_model"]
    assert (place / "assets.extra/vocab.txt").read_text() == run.path("vocab.txt").read_text()
    loaded = saved_model.load(place)
    answers = loaded(data.test.x[:5])
    assert set(answers) == {"start", "end"} and answers["start"].shape == (5, LENGTH)
    asked = config_requests.request(place)
    assert np.shape(json.loads(asked.body)["instances"]) == (1, LENGTH) and asked.expected.startswith("[")


def test_a_run_scored_on_other_windows_is_refused(finished):
    run, data = finished
    fewer = SimpleNamespace(test=data.test.take(slice(3)), train=data.train, preparation="middle")
    with pytest.raises(UserError, match="was scored on"):
        publishing.Export(run, fewer)


def test_gelu_without_the_error_function():
    x = np.linspace(-9, 9, 4001, dtype="float32")
    exact = [value / 2 * (1 + math.erf(value / math.sqrt(2))) for value in x.tolist()]
    assert np.abs(np.asarray(phone.gelu(x)) - exact).max() < 1e-6


def test_comparing_looks_at_both_ends():
    keras = np.zeros((2, 2, 5), "float32")
    keras[:, 0, 1] = keras[:, 1, 3] = 1
    ours = keras.copy()
    ours[1, 1] = [0, 0, 0, 0.4, 0.6]
    y = parity.truth(np.array([[1, 3], [1, 3]]), keras)
    found = parity.compare("float32", keras, ours, y)
    assert (found.agreement, found.keras, found.accuracy) == (0.5, 1, 0.5)
    assert found.difference == pytest.approx(0.6) and found.failings
    confidence, right = parity.judged(ours, y)
    assert confidence == pytest.approx([1, 0.6]) and right.tolist() == [True, False]


def test_mistakes_of_clients():
    ids = np.array([[2, 9, 8, 3, 7, 6, 5, 3, 0, 0], [2, 9, 3, 7, 3, 0, 0, 0, 0, 0]], "int32")
    words = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefgh")
    found = passages.spoilt(ids, words)
    assert found["the question left out"][0].tolist() == [2, 3, 7, 6, 5, 3, 0, 0, 0, 0]
    assert found["passage in front of the question"][0].tolist() == [2, 7, 6, 5, 3, 9, 8, 3, 0, 0]
    assert found["ids shifted by one"][1].tolist() == [3, 10, 4, 8, 4, 0, 0, 0, 0, 0]
