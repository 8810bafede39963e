"""A scored run without TensorFlow: a model that counts words, and the few texts it is tried on."""

from types import SimpleNamespace

import numpy as np
import pytest

from dl100_tf import evaluation
from dl100_tf.run import Run

GOOD, BAD = ("good", "fine", "warm"), ("bad", "dull", "cold")
FILLER = ("the", "film", "was", "shown", "on", "a", "monday", "and", "we", "sat", "in", "third", "row", "with", "coats")
NOTE = "a sample made by the test: the score means nothing outside it"


class Counter:
    """Judges by the balance of good and bad words; has the one method that evaluation asks for."""

    def __init__(self, columns: int = 1):
        self.columns = columns
        self.calls = []

    def predict(self, x, batch_size=None, verbose=None):
        self.calls.append(len(x))
        balance = np.array([sum(t.count(w) for w in GOOD) - sum(t.count(w) for w in BAD) for t in x], "float32")
        p = 1 / (1 + np.exp(-np.clip(balance, -50, 50)))[:, None]
        return p if self.columns == 1 else np.hstack([1 - p, p])


def splits(texts, y, labels=("negative", "positive"), rung="local", note=""):
    """What evaluation needs of a dataset."""
    return SimpleNamespace(test=SimpleNamespace(x=np.array(texts, dtype=object), y=np.asarray(y)), labels=labels,
                           source=SimpleNamespace(rung=rung, note=note, digest="ab" * 32, where="/somewhere"))


def reviews(n: int = 120, seed: int = 0):
    """Texts of 30 words, most of them with words that tell; every tenth says the opposite of its label."""
    random = np.random.default_rng(seed)
    y = np.arange(n) % 2
    texts = []
    for i, label in enumerate(y):
        words = list(random.choice(FILLER, 28))
        stance = label ^ (i % 10 == 0)
        words[10:10] = random.choice(GOOD if stance else BAD, 2)
        texts.append(" ".join(words[:15]) + "\n\n" + " ".join(words[15:]))
    return texts, y


@pytest.fixture
def run(home):
    return Run("lstm_imdb", "trial")


@pytest.fixture
def trained(run):
    """A run as training leaves it."""
    run.write_json("config.json", {"source": "auto", "epochs": 3, "learning_rate": 0.001})
    run.write_json("training.json", {"train_seconds": 64.2, "epochs": 3, "best_epoch": 2, "steps": 9,
                                     "parameters": 1234, "stopped_early": False, "sessions": 1})
    run.write_table("history.csv", [
        {"epoch": epoch, "loss": 1 / epoch, "accuracy": 1 - 0.4 / epoch, "val_loss": loss, "val_accuracy": 0.7,
         "learning_rate": 1e-5, "seconds": 2.0} for epoch, loss in ((1, 0.6), (2, 0.5), (3, 0.55))])
    run.write_json("provenance.json", {"project": "lstm_imdb", "run": "trial", "sessions": [
        {"command": "python -m dl100_tf.projects.lstm_imdb --run trial", "folder": "/home/someone/secret",
         "started": "2026-01-31T14:05:09+00:00", "commit": "1234abcd+changes", "python": "3.11.7",
         "versions": {"dl100_tf": "0.1.0", "keras": "3.15.1", "tensorflow-datasets": None}, "cpu": "a processor",
         "cores": 2, "platform": "a platform", "environment": {"DL100_DATA": "/home/someone/data"}}]})
    return run


@pytest.fixture
def scored(trained):
    """A run with everything that a report can show."""
    data = splits(*reviews())
    evaluation.score(Counter(), data, trained, noun="reviews")
    evaluation.explain_text(Counter(), data, trained)
    return trained
