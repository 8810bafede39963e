"""Scores against values worked out by hand, and outputs that can't be scored."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from dl100_tf import evaluation
from dl100_tf.errors import DataError, UserError
from dl100_tf.evaluation import scores

from .conftest import NOTE, Counter, reviews, splits


class Says:
    """A model that answers `output`, whatever it is asked."""

    def __init__(self, output):
        self.output = output
        self.at = 0

    def predict(self, x, batch_size=None, verbose=None):
        self.at += len(x)
        return self.output[self.at - len(x):self.at]


def test_importing_evaluation_loads_nothing_heavy():
    code = ("import sys, dl100_tf.evaluation; print([name for name in "
            "('tensorflow', 'keras', 'sklearn', 'matplotlib', 'jinja2', 'numpy') if name in sys.modules])")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
    assert {"explain_images", "explain_text", "plot", "report", "score", "table"} < set(evaluation.__all__)


def test_score_writes_what_it_returns(trained):
    told = evaluation.score(Counter(), splits(*reviews(), rung="sample", note=NOTE), trained, noun="reviews")
    assert told == json.loads(trained.path("scores.json").read_text(encoding="utf-8"))
    assert (told["project"], told["run"], told["source"], told["source_note"]) == ("lstm_imdb", "trial", "sample", NOTE)
    assert (told["n"], told["noun"], told["labels"]) == (120, "reviews", ["negative", "positive"])
    assert (told["train_seconds"], told["epochs"], told["parameters"]) == (64.2, 3, 1234)
    assert told["metrics"]["accuracy"] == pytest.approx(0.9)
    assert all(type(value) is float for value in told["metrics"].values())


def test_predictions_hold_a_column_per_label_in_the_order_of_the_data(run):
    texts, y = reviews(2 * scores.CHUNK * scores.BATCH + 5)
    model = Counter()
    evaluation.score(model, splits(texts, y), run)
    assert model.calls == [scores.CHUNK * scores.BATCH] * 2 + [5]
    with np.load(run.path("predictions.npz")) as saved:
        assert (saved["y"] == y).all()
        assert saved["probabilities"].dtype == np.float32
        assert np.array_equal(saved["probabilities"][:, 1:], Counter().predict(texts))
        assert np.allclose(saved["probabilities"].sum(axis=1), 1)


def test_binary_metrics_by_hand():
    y = np.array([0, 0, 1, 1])
    p = np.array([0.1, 0.6, 0.8, 0.7])
    values = scores.measure(y, np.stack([1 - p, p], axis=1))
    assert values["accuracy"] == 0.75
    assert values["loss"] == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.7]).mean())
    assert values["auroc"] == 1.0
    assert (values["precision"], values["recall"]) == (pytest.approx(2 / 3), 1.0)
    assert values["f1"] == pytest.approx(0.8)
    assert values["brier"] == pytest.approx((0.01 + 0.36 + 0.04 + 0.09) / 4)
    # bins of 1/15: 0.9, 0.8 and 0.7 stand alone and are right, 0.6 stands alone and is wrong
    assert values["calibration_error"] == pytest.approx((0.1 + 0.2 + 0.3 + 0.6) / 4)


def test_multiclass_metrics_by_hand():
    y = np.array([0, 1, 2])
    p = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2]])
    values = scores.measure(y, p)
    assert values["accuracy"] == pytest.approx(2 / 3)
    assert values["f1"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert values["brier"] == pytest.approx((0.06 + 0.14 + 0.98) / 3)
    assert values["auroc"] == 1.0
    assert values["loss"] == pytest.approx(-np.log([0.8, 0.7, 0.2]).mean())


def test_auroc_is_left_out_where_it_is_not_defined():
    assert "auroc" not in scores.measure(np.array([1, 1]), np.array([[0.2, 0.8], [0.6, 0.4]]))


def test_certain_and_wrong_is_a_large_loss_but_a_number():
    values = scores.measure(np.array([0, 1]), np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert values["loss"] == pytest.approx(-np.log(1e-7))


def test_wilson_interval():
    low, high = scores.wilson(0.5, 100)  # the textbook's example
    assert (round(low, 4), round(high, 4)) == (0.4038, 0.5962)
    assert scores.wilson(1.0, 10)[1] == pytest.approx(1) and scores.wilson(0.0, 10)[0] == 0
    assert scores.wilson(1.0, 10)[0] == pytest.approx(0.7225, abs=1e-4)


def test_softmax_of_two_equals_a_sigmoid():
    texts, _ = reviews()
    one, two = (scores.distribution(Counter(columns), texts, 2) for columns in (1, 2))
    assert np.allclose(one, two)


def test_an_output_by_name_and_a_list_of_texts():
    model = SimpleNamespace(predict=lambda x, **_: {"probability": Counter().predict(x)})
    assert scores.distribution(model, ["good", "bad"], 2)[:, 1] == pytest.approx([0.731, 0.269], abs=1e-3)
    with pytest.raises(UserError, match="2 outputs"):
        scores.distribution(SimpleNamespace(predict=lambda x, **_: {"a": x, "b": x}), ["good"], 2)


@pytest.mark.parametrize(("output", "says"), [
    ([[0.2], [np.nan], [0.4]], "NaN or infinite for 1 of 3.*diverged"),
    ([[0.2], [np.inf], [0.4]], "NaN or infinite"),
    ([[2.5], [-1.0], [0.1]], "not probabilities"),
    ([[0.5, 0.9], [0.5, 0.5], [0.5, 0.5]], "not probabilities"),
    ([[0.2, 0.3, 0.5]] * 3, "3 outputs for 2 labels"),
])
def test_what_is_no_probability_is_refused_and_nothing_is_written(run, output, says):
    with pytest.raises(UserError, match=says):
        evaluation.score(Says(np.array(output)), splits(["a", "b", "c"], [0, 1, 0]), run)
    assert not run.path("scores.json").exists() and not run.path("predictions.npz").exists()


@pytest.mark.parametrize(("texts", "y", "says"), [
    ([], [], "0 examples"), (["a"], [0, 1], "1 examples and 2 labels"), (["a", "b"], [0, 2], "other than 0 to 1"),
])
def test_a_test_split_that_cannot_be_scored(run, texts, y, says):
    with pytest.raises(DataError, match=says):
        evaluation.score(Counter(), splits(texts, y), run)


class Means:
    """A model of pictures: the brighter, the surer of the second label. Notes the largest array it was given."""

    largest = 0

    def predict(self, x, batch_size=None, verbose=None):
        self.largest = max(self.largest, x.nbytes)
        assert batch_size * x[0].size <= scores.LARGE or batch_size == 8
        return x.reshape(len(x), -1).mean(axis=1, keepdims=True) / 255


def test_large_pictures_in_a_file_go_in_a_few_at_a_time(run, tmp_path):
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (300, 160, 160, 3))
    x[150:] = 255
    data = splits([], [])
    data.test.x, data.test.y = x, np.arange(300) // 150
    model = Means()
    assert evaluation.score(model, data, run)["metrics"]["accuracy"] == 1
    assert model.largest <= 4 * scores.LARGE < x.nbytes


@pytest.mark.parametrize(("shape", "largest"), [((2000, 28, 28, 1), 1024), ((40, 1000, 1000, 3), 32), ((2000,), 1024)])
def test_how_many_go_in_at_once(shape, largest):
    x = np.broadcast_to(np.uint8(0), shape)
    asked = []
    model = SimpleNamespace(predict=lambda x, **_: asked.append(len(x)) or np.full((len(x), 1), 0.5))
    scores.distribution(model, x, 2)
    assert max(asked) == min(largest, len(x))
