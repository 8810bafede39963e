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
