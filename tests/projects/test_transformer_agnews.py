"""The net's padding, its blocks, its odd texts; and that eight bits are enough for a masked score."""

import numpy as np
import pytest

from dl100_tf import models
from dl100_tf.data import text
from dl100_tf.errors import UserError
from dl100_tf.projects import transformer_agnews as recipe

SMALL = recipe.Config(source="sample", vocab_size=60, length=12, width=8, heads=2, hidden=8, blocks=2)


@pytest.fixture(scope="module")
def net():
    import keras

    keras.utils.set_random_seed(0)
    return recipe.build_model(SMALL)


@pytest.fixture(scope="module")
def model(net):
    texts = np.array(["the bank of Norway", "a goal by the coach"], object)
    return models.reads_text(text.tokenizer(texts, SMALL.vocab_size, SMALL.length, models.letters), net)


def test_every_block_can_be_looked_at(net):
    ids = np.array([[3, 4, 5, 6, 7] + [0] * 7], "int32")
    for block in ("attention_1", "attention_2"):
        maps = models.attention.weights(net, block, ids)
        assert maps.shape == (1, 2, 12, 12)
        np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-5)
        assert maps[..., 5:].max() < 1e-6


def test_the_padding_s_own_vector_changes_nothing(net):
    ids = np.array([[3, 4, 5, 6, 7] + [0] * 7, [8, 9] + [0] * 10], "int32")
    before, table = net.predict(ids, verbose=0), next(layer for layer in net.layers if "embedding" in layer.name)
    kept = table.get_weights()[0]
    table.set_weights([np.concatenate([kept[:1] + 1, kept[1:]])])
    np.testing.assert_allclose(net.predict(ids, verbose=0), before, atol=1e-5)
    table.set_weights([kept])


def test_the_order_of_words_matters(net):
    ids = np.arange(3, 15, dtype="int32")[None]
    assert np.abs(net.predict(ids, verbose=0) - net.predict(ids[:, ::-1], verbose=0)).max() > 1e-5


def test_heads_share_the_width():
    with pytest.raises(UserError, match="--heads can't be 5: each has an equal part of the --width 32"):
        recipe.Config(width=32, heads=5)


@pytest.mark.parametrize("story", [
    "oil " * 100_000, "الأسواق ترتفع في القاهرة", "חדשות 📈", "東京の株価", "naïve café’s", "a", "\u202eliga\u202c"])
def test_odd_texts_are_answered(model, story):
    answer = recipe.predict(model, SMALL, story)
    assert len(answer) == 4 and sum(answer) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("story", ["", "  \n", "📈🔥", "#39; 1,000", "..."])
def test_texts_without_a_word_are_refused_and_the_net_still_gives_numbers(model, story):
    with pytest.raises(UserError, match="no word"):
        recipe.predict(model, SMALL, story)
    assert np.isfinite(model.predict(np.array([story], object), verbose=0)).all()


@pytest.mark.slow
def test_eight_bits_give_nearly_what_keras_gives(tmp_path):
    """A mask of -1e9 would fail here: it sets the range of all scores, and they all become one number."""
    from dl100_tf.export import converter, litert, phone
    from dl100_tf.export.contract import Contract

    texts = np.array(["the bank of Norway raised its rates", "a goal by the coach of the team", "a chip"], object)
    tokenizer = text.tokenizer(texts, SMALL.vocab_size, SMALL.length, models.letters)
    net = recipe.build_model(SMALL)
    for weight in net.weights:  # sharper attention than a fresh net has
        weight.assign(weight * 2)
    model = models.reads_text(tokenizer, net)
    contract = Contract("transformer_agnews", "", "text", (SMALL.length,), ("a", "b", "c", "d"), "",
                        tuple(tokenizer.get_vocabulary()))
    phone.save(phone.model(model, contract), contract, tmp_path / "saved")
    inputs = phone.inputs(model, contract, texts)
    np.save(tmp_path / converter.CALIBRATION, inputs)
    assert converter.convert(tmp_path / "saved", tmp_path, ["int8"]) == {}
    found = litert.probabilities((tmp_path / "int8.tflite").read_bytes(), "int8.tflite", inputs)
    np.testing.assert_allclose(found, model.predict(texts, verbose=0), atol=0.06)
