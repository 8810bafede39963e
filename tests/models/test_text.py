import subprocess
import sys

import numpy as np
import pytest

from dl100_tf.data import text
from dl100_tf.models import reads_text

TEXTS = np.array(["a film with a heart", "no heart, no point", "", "naïve 日本"], object)


@pytest.fixture(scope="module")
def net():
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(9, 4)(tokens))
    return keras.Model(tokens, layers.Dense(1, activation="sigmoid", name="probability")(x), name="net")


@pytest.fixture
def model(net):
    return reads_text(text.tokenizer(TEXTS, 9, 6), net)


def test_it_answers_as_the_net_does_on_ids(net, model):
    expected = net.predict(text.ids(text.tokenizer(TEXTS, 9, 6), TEXTS), verbose=0)
    assert np.array_equal(model.predict(TEXTS, verbose=0), expected)
    assert expected.shape == (4, 1) and len(np.unique(expected)) > 2


def test_input_and_output_have_names(net, model):
    assert [tensor.name for tensor in model.inputs] == ["text"] and model.output_names == ["probability"]
    assert model.inputs[0].dtype == "string" and model.inputs[0].shape == (None,)
    assert model.name == "net" and reads_text(text.tokenizer(TEXTS, 9, 6), net, "other").name == "other"


def test_the_weights_are_shared(net, model):
    before = model.predict(TEXTS, verbose=0)
    kept = net.get_weights()
    net.set_weights([2 * weight + 1 for weight in kept])
    assert not np.allclose(model.predict(TEXTS, verbose=0), before)
    net.set_weights(kept)


def test_the_saved_file_is_enough(model, tmp_path):
    """Another process, which knows nothing of this package, reads it and answers the same."""
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "expected.npy", model.predict(TEXTS, verbose=0))
    code = f"""
import keras, numpy, sys
model = keras.saving.load_model("model.keras")
answers = model.predict(numpy.array({TEXTS.tolist()!r}, object), verbose=0)
assert numpy.array_equal(answers, numpy.load("expected.npy")), answers
assert not [name for name in sys.modules if name.startswith("dl100")]
assert model.inputs[0].name == "text" and model.output_names == ["probability"]
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
