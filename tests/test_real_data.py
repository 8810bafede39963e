"""The main job on the real reviews: skipped where there are none."""

import os
import subprocess
import sys

import pytest

from dl100_tf.run import Run

GATE = 0.88  # accuracy; the mean over seeds is in projects/lstm_imdb/results.json


@pytest.mark.slow
def test_the_lstm_learns_the_real_reviews_and_judges_a_new_one(real_data, home):
    module = "dl100_tf.projects.lstm_imdb"
    environment = os.environ | {"DL100_DATA": str(real_data)}
    subprocess.run([sys.executable, "-m", module, "--source", "local", "--run", "real"], check=True, env=environment)
    scores = Run("lstm_imdb", "real").read_json("scores.json")
    assert scores["source"] == "local" and scores["n"] == 25_000 and not scores["source_note"]
    assert scores["metrics"]["accuracy"] >= GATE
    answer = subprocess.run([sys.executable, "-m", module, "predict", "--run", "real",
                             "a film with no heart and no point"], check=True, env=environment,
                            capture_output=True, text=True)
    probability, label = answer.stdout.splitlines()[0].split()
    assert label == "negative" and float(probability.rstrip("%")) > 50
