"""Forecasts, measured beside simpler ways and put into a report."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from dl100_tf import evaluation
from dl100_tf.errors import UserError
from dl100_tf.evaluation import records
from dl100_tf.run import Run

NOTE = "a sample made by the test: the score means nothing outside it"


class Net:
    """Forecasts what comes, `off` degrees too warm."""

    def __init__(self, y, off=1.0):
        self.answer = y + np.float32(off)

    def predict(self, x, batch_size=None, verbose=None):
        return self.answer


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    x = random.normal(10, 3, (60, 72, 4)).astype("float32")
    y = (x[:, -1:, 0] + np.arange(1, 25)).astype("float32")
    part = SimpleNamespace(x=x, y=y)
    return SimpleNamespace(train=part, test=part, labels=tuple(f"+{hour} h" for hour in range(1, 25)),
                           columns=("t, °C", "p", "hour", "day"),
                           times=np.datetime64("2014-01-01T00", "h") + np.arange(60),
                           source=SimpleNamespace(rung="sample", note=NOTE, digest="0"))


def baselines(off):
    return {"persistence": lambda x: np.repeat(x[:, -1, :1], 24, axis=1),
            "linear": lambda x: x[:, -1:, 0] + np.arange(1, 25) - off}


def test_errors_by_hour_and_the_skill_against_the_best_baseline(data, home):
    run = Run("rnn_weather", "one")
    scores = evaluation.forecast(Net(data.test.y), data, run, baselines(2), "°C")
    metrics = scores["metrics"]
    assert metrics["mae"] == pytest.approx(1, abs=1e-5) and metrics["rmse"] == pytest.approx(1, abs=1e-5)
    assert metrics["mae_persistence"] == pytest.approx(12.5, abs=1e-5)
    assert metrics["mae_linear"] == pytest.approx(2, abs=1e-5)
    assert metrics["skill"] == pytest.approx(0.5, abs=1e-5)
    assert scores["headline"] == ["mae", "skill", "mae_linear"] and scores["n"] == 60
    assert scores["series"]["columns"][0] == "t, °C" and scores["series"]["scale"] == pytest.approx(data.train.y.std())
    rows = run.read_json("tables/errors.json")["rows"]
    assert [row["hours ahead"] for row in rows] == [*map(str, range(1, 25)), "all"]
    assert rows[4]["persistence"] == pytest.approx(5, abs=1e-5) and rows[-1]["net"] == pytest.approx(1, abs=1e-5)
    with np.load(run.path("predictions.npz")) as stored:
        assert stored["forecast"].dtype == np.float32 and np.array_equal(stored["y"], data.test.y)
    assert records.predictions(run) is None, "they are no classes"
    assert "mae 1.0000  skill 0.5000" in records.summary(scores)


def test_the_report_has_table_and_figures_and_says_what_the_data_are(data, home):
    run = Run("rnn_weather", "one")
    run.write_json("config.json", {"epochs": 1})
    run.write_table("history.csv", [{"epoch": 1, "loss": 2.0, "val_loss": 2.1}])
    worse = evaluation.forecast(Net(data.test.y), data, run, baselines(0.5), "°C")
    assert worse["metrics"]["skill"] == pytest.approx(-1, abs=1e-5)
    evaluation.plot(run)
    page, text = evaluation.report(run).read_text(), run.path("report.md").read_text()
    assert "MAE 1" in text and "sample" in text.lower() and "Error by horizon" in page and "MAE persistence" in page
    assert re.search(r"MAE [0-9.]+ °C on 60", text) and re.search(r"\| MAE linear \| [0-9.]+\s°C \|", text)
    assert "| all | 1" in text.replace("**", "") and "skill" in text.lower()
    for name in ("errors", "forecasts", "errors-dark", "forecasts-dark"):
        assert run.path(f"plots/{name}.png").stat().st_size > 10_000
    assert json.loads(run.path("scores.json").read_text())["source"] == "sample"


@pytest.mark.parametrize(("answer", "said"), [
    (np.full((60, 24), np.nan), "NaN or infinite for 60 of 60"), (np.zeros((60, 1)), r"gives \(60, 1\) for forecasts")])
def test_what_is_no_forecast(data, home, answer, said):
    net = Net(data.test.y)
    net.answer = answer
    with pytest.raises(UserError, match=said):
        evaluation.forecast(net, data, Run("rnn_weather", "one"), baselines(2), "°C")


def test_a_forecast_as_text():
    times = np.datetime64("2014-12-31T23", "h") + np.arange(3)
    assert evaluation.chart(times, np.array([-1.04, 3, 9]), "°C").splitlines() == [
        "2014-12-31 23:00    -1.0 °C", f"2015-01-01 00:00     3.0 °C  {'█' * 12}",
        f"2015-01-01 01:00     9.0 °C  {'█' * 30}"]
    assert "█" not in evaluation.chart(times, np.array([2.0, 2, 2]), "°C"), "all are alike"
