import numpy as np
import pytest

from dl100_tf.data import text
from dl100_tf.models import reads_characters, reads_text

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


def test_the_saved_file_is_enough(model, tmp_path, forked):
    """Another process, which knows nothing of this package, reads it and answers the same."""
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "expected.npy", model.predict(TEXTS, verbose=0))
    code = f"""
import keras, numpy, sys
model = keras.saving.load_model("model.keras")
answers = model.predict(numpy.array({TEXTS.tolist()!r}, object), verbose=0)
assert numpy.allclose(answers, numpy.load("expected.npy"), atol=1e-6), answers
assert not [name for name in sys.modules if name.startswith("dl100")]
assert model.inputs[0].name == "text" and model.output_names == ["probability"]
"""
    done = forked(code=code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


KNOWN = "\n Aab"


@pytest.fixture(scope="module")
def reading():
    """A net of characters, and what reads texts with it."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    ids = keras.Input((None,), dtype="int32", name="ids")
    x, _ = layers.GRU(4, return_sequences=True, return_state=True)(layers.Embedding(7, 3, mask_zero=True)(ids))
    net = keras.Model(ids, layers.Dense(5, name="logits")(x), name="net")
    return net, reads_characters(KNOWN, net, 6)


class TestCharacters:
    def expected(self, net, ids):
        logits = net.predict(np.array([ids], "int32"), verbose=0)[0, -1]
        return np.exp(logits) / np.exp(logits).sum()

    @pytest.mark.parametrize("text, ids", [
        ("Aab", [4, 5, 6]), ("a", [5]), ("Ab\naAb", [4, 6, 2, 5, 4, 6]),
        ("aaaaaaaaaaaa\nA b", [5, 5, 2, 4, 3, 6]), ("AB🙂ش", [4, 1, 1, 1])])
    def test_it_reads_the_last_characters_capitals_and_all(self, reading, text, ids):
        net, model = reading
        found = model.predict(np.array([text, "longer than all"], object), verbose=0)
        assert found.shape == (2, 5) and found.dtype == np.float32
        np.testing.assert_allclose(found[0], self.expected(net, ids), atol=1e-6)

    def test_an_empty_text_gets_an_answer(self, reading):
        found = reading[1].predict(np.array([""], object), verbose=0)
        assert found.sum() == pytest.approx(1) and np.isfinite(found).all()

    def test_the_saved_model_is_the_same(self, reading, tmp_path):
        import keras

        reading[1].save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        texts = np.array(["Aab\n a", "b", "A" * 50], object)
        assert np.array_equal(again.predict(texts, verbose=0), reading[1].predict(texts, verbose=0))
        assert again.get_layer("tokenizer").get_vocabulary()[2:] == list(KNOWN)
