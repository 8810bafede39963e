"""Three small trained runs, one for each kind of example: pictures, texts, numbers."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from dl100_tf import evaluation
from dl100_tf.data import text
from dl100_tf.export import converter
from dl100_tf.models import reads_text
from dl100_tf.run import Run

WORDS = "good fine warm bad dull cold the film was shown on a monday and we sat in row three".split()


def splits(x, y, labels):
    """Half to learn from, half to be tested on."""
    half = len(y) // 2
    parts = {"train": slice(half), "validation": slice(20), "test": slice(half, None)}
    return SimpleNamespace(**{name: Split(x[part], y[part]) for name, part in parts.items()}, labels=labels,
                           preparation="middle",
                           source=SimpleNamespace(rung="sample", note="a sample made by the test", digest="0"))


class Split(SimpleNamespace):
    def __init__(self, x, y):
        super().__init__(x=x, y=y)

    def __len__(self):
        return len(self.y)


def pictures(random):
    """Which quarter is bright: uint8 (n, 8, 8, 1), and a net that scales them itself."""
    y = np.arange(400) % 4
    x = random.integers(0, 90, (400, 8, 8, 1))
    for row, quarter in zip(x, y, strict=True):
        row[4 * (quarter // 2):][:4, 4 * (quarter % 2):][:, :4] += 130
    given = keras.Input((8, 8, 1), name="image")
    hidden = layers.Conv2D(8, 3, activation="relu")(layers.Rescaling(1 / 255)(given))
    hidden = layers.Flatten()(layers.MaxPooling2D(2)(hidden))
    net = keras.Model(given, layers.Dense(4, "softmax", name="probability")(hidden), name="quarters")
    learn(net, x[:200], y[:200], "sparse_categorical_crossentropy")
    return net, splits(x.astype("uint8"), y, ("north-west", "north-east", "south-west", "south-east"))


def texts(random):
    """Kind words or unkind ones, and an LSTM that reads them."""
    y = np.arange(300) % 2
    x = np.array([" ".join([*random.choice(WORDS[6:], 5), *random.choice(WORDS[:3] if kind else WORDS[3:6], 2)])
                  for kind in y], object)
    tokenizer = text.tokenizer(x[:150], 30, 12)
    tokens = keras.Input((12,), dtype="int32", name="tokens")
    hidden = layers.Bidirectional(layers.LSTM(4))(layers.Embedding(30, 6)(tokens))
    net = keras.Model(tokens, layers.Dense(1, "sigmoid", name="probability")(hidden), name="tone")
    learn(net, text.ids(tokenizer, x[:150]), y[:150], "binary_crossentropy")
    return reads_text(tokenizer, net), splits(x, y, ("unkind", "kind"))


def rows(random):
    """Two numbers, and which is larger."""
    x = random.normal(size=(300, 2)).astype("float32")
    y = (x[:, 0] > x[:, 1]) * 1
    given = keras.Input((2,), name="pair")
    net = keras.Model(given, layers.Dense(1, "sigmoid", name="probability")(given), name="larger")
    learn(net, x[:150], y[:150], "binary_crossentropy")
    return net, splits(x, y, ("second", "first"))


def learn(net, x, y, loss):
    net.compile(keras.optimizers.Adam(0.02), loss)
    net.fit(x.astype("float32"), y, batch_size=16, epochs=25, verbose=0)


@pytest.fixture(autouse=True)
def conversions(monkeypatch, forked):
    """The converter's process has TensorFlow loaded; tests/test_recipes.py and the killed exports start it anew."""
    def run(command, **_):
        assert command[1] == "-m"
        return forked(*command[2:])
    monkeypatch.setattr(converter, "subprocess", SimpleNamespace(run=run))


@pytest.fixture(scope="session")
def made():
    """By kind: a trained model and its data."""
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    return {"image": pictures(random), "text": texts(random), "numbers": rows(random)}


@pytest.fixture
def finished(made, home):
    """Makes a finished run of a kind of example; returns it with its data."""
    def make(kind):
        model, data = made[kind]
        run = Run(f"small_{kind}", "one")
        run.write_json("config.json", {"epochs": 1})
        run.write_json("provenance.json", {"title": f"A small model of {kind}", "source": {"rung": "sample"}})
        run.save(model)
        evaluation.score(model, data, run)
        return run, data
    return make


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Where the bundles of a module's runs lie."""
    return tmp_path_factory.mktemp("models")
