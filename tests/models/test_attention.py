import numpy as np
import pytest

from dl100_tf.models import attention

WORDS, WIDTH, HEADS = 7, 12, 3


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(0, 1, (5, WORDS, WIDTH)).astype("float32")


@pytest.fixture(scope="module")
def real():
    """Texts of 7, 5, 3 and 1 words, and an empty one."""
    return (np.arange(WORDS) < np.array([[7], [5], [3], [1], [0]])).astype("float32")


@pytest.fixture(scope="module")
def ours():
    import keras

    keras.utils.set_random_seed(0)
    given, there = keras.Input((WORDS, WIDTH)), keras.Input((WORDS,))
    net = keras.Model([given, there], attention.self_attention(given, there, HEADS, "a"))
    for weight in net.weights:  # also the biases, which begin at zero
        weight.assign(np.random.default_rng(len(weight.shape)).normal(0, 0.3, weight.shape))
    return net


def keras_s(ours):
    """Keras' own layer with the same weights."""
    import keras

    layer = keras.layers.MultiHeadAttention(HEADS, WIDTH // HEADS)
    layer.build((None, WORDS, WIDTH), (None, WORDS, WIDTH))
    parts = [weight.numpy() for view in ("query", "key", "value", "output")
             for weight in ours.get_layer(f"a_{view}").weights]
    layer.set_weights([part.reshape(weight.shape) for part, weight in zip(parts, layer.weights, strict=True)])
    return layer


def test_it_is_keras_multi_head_attention(ours, x, real):
    layer = keras_s(ours)
    expected, scores = layer(x, x, attention_mask=real[:, None, :].astype(bool), return_attention_scores=True)
    words = real.astype(bool)  # what padding hears is nobody's business
    found = ours.predict([x, real], verbose=0)
    np.testing.assert_allclose(found[words], np.asarray(expected)[words], atol=1e-5)
    import keras

    weights = keras.Model(ours.inputs, ours.get_layer("a_weights").output).predict([x, real], verbose=0)
    np.testing.assert_allclose(weights.swapaxes(1, 2)[words], np.asarray(scores).swapaxes(1, 2)[words], atol=1e-5)
    assert np.abs(found[words] - np.asarray(layer(x, x))[words]).max() > 1e-3, "the mask matters"


def test_nobody_hears_padding(ours, x, real):
    changed = np.where(real[..., None] == 1, x, x + 3)
    words = real.astype(bool)
    before, after = (ours.predict([given, real], verbose=0)[words] for given in (x, changed))
    np.testing.assert_allclose(before, after, atol=1e-5)


def test_a_text_without_words_is_a_number_too(ours, x, real):
    assert np.isfinite(ours.predict([x[-1:], real[-1:]], verbose=0)).all()


def test_without_positions_the_order_of_words_is_nothing_and_with_them_it_is():
    import keras

    keras.utils.set_random_seed(0)
    given, there = keras.Input((WORDS, WIDTH)), keras.ops.ones((1, WORDS))
    block = attention.encoder(given, there, HEADS, 8, 0.5, "b")
    net = keras.Model(given, keras.layers.Lambda(lambda x: keras.ops.mean(x, axis=1))(block))
    x = np.random.default_rng(1).normal(size=(2, WORDS, WIDTH)).astype("float32")
    where = attention.positions(WORDS, WIDTH)
    np.testing.assert_allclose(net.predict(x, verbose=0), net.predict(x[:, ::-1], verbose=0), atol=1e-5)
    assert np.abs(net.predict(x + where, verbose=0) - net.predict(x[:, ::-1] + where, verbose=0)).max() > 1e-3


def test_positions_are_the_paper_s():
    found = attention.positions(50, 8)
    assert found.shape == (50, 8) and found.dtype == np.float32
    assert found[3, 4] == pytest.approx(np.sin(3 / 10_000 ** (4 / 8)))
    assert found[3, 5] == pytest.approx(np.cos(3 / 10_000 ** (4 / 8)))
    products = found @ found.T  # a step along the text is the same turn everywhere
    np.testing.assert_allclose(np.diag(products, 5), products[0, 5], rtol=1e-4)
    assert len(np.unique(found.round(4), axis=0)) == 50


def test_weights_are_looked_at_by_name_and_sum_to_one():
    import keras

    tokens = keras.Input((WORDS,), dtype="int32")
    real = keras.ops.cast(keras.ops.not_equal(tokens, 0), "float32")
    block = attention.encoder(keras.layers.Embedding(20, WIDTH)(tokens), real, HEADS, 8, 0.1, "b")
    net = keras.Model(tokens, attention.pooled(block, real))
    ids = np.array([[4, 9, 3, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6, 7]], "int32")
    found = attention.weights(net, "b", ids)
    assert found.shape == (2, HEADS, WORDS, WORDS)
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)
    assert found[0, :, :, 3:].max() < 1e-6, "padding"


def test_pooling_leaves_padding_out_and_a_net_is_read_without_this_module(x, real, tmp_path):
    import keras

    given, there = keras.Input((WORDS, WIDTH)), keras.Input((WORDS,))
    net = keras.Model([given, there], attention.pooled(given, there))
    found = net.predict([x, real], verbose=0)
    for row, words, text in zip(found, real.sum(axis=1).astype(int), x, strict=True):
        if words:
            largest = np.maximum(text[:words].max(axis=0), 0 if words < WORDS else -np.inf)
            np.testing.assert_allclose(row, [*text[:words].mean(axis=0), *largest], atol=1e-4)
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert np.array_equal(again.predict([x, real], verbose=0), found)
