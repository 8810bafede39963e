import functools

import keras
import numpy as np
import pytest
from keras import layers

from dl100_tf.models import recurrent

CELLS = {"gru": layers.GRU, "lstm": layers.LSTM, "rnn": layers.SimpleRNN}


@functools.cache
def net(cell, count=2):
    keras.utils.set_random_seed(1)
    ids = keras.Input((None,), dtype="int32")
    x = layers.Embedding(9, 4)(ids)
    for _ in range(count):
        x, *_ = CELLS[cell](6, return_sequences=True, return_state=True)(x)
        x = layers.Dropout(0.3)(x)
    model = keras.Model(ids, layers.Dense(7)(x))
    random = np.random.default_rng(0)
    model.set_weights([weight + random.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    return model


IDS = np.random.default_rng(3).integers(2, 9, 50).astype("int32")


@pytest.mark.parametrize("cell", CELLS)
def test_with_its_state_kept_a_net_gives_what_it_gives_at_once(cell):
    model = net(cell)
    whole = model.predict(IDS[None], verbose=0)[0]
    reader = recurrent.Reader(model)
    steps = np.concatenate([reader.read(part) for part in np.split(IDS, [1, 2, 20])])
    np.testing.assert_allclose(steps, whole, atol=1e-5)
    assert np.array_equal(reader.logits, steps[-1])


@pytest.mark.parametrize("cell", CELLS)
def test_the_text_is_the_one_that_reading_all_of_it_at_once_gives(cell):
    model = net(cell)
    written = list(recurrent.continued(recurrent.Reader(model), IDS[:5], 2, 30, temperature=0.7, top_k=4, seed=5))
    logits = model.predict(np.array([[*IDS[:5], *(number + 2 for number in written)]]), verbose=0)[0]
    random = np.random.default_rng(5)
    assert [recurrent.drawn(row, random, 0.7, 4) for row in logits[4:-1]] == written
    assert len(set(written)) > 1


def test_every_character_costs_one_step(monkeypatch):
    sizes, read = [], recurrent.Reader.read
    monkeypatch.setattr(recurrent.Reader, "read", lambda self, ids: sizes.append(len(ids)) or read(self, ids))
    list(recurrent.continued(recurrent.Reader(net("gru", 1)), np.tile(IDS, 50), 2, 4, temperature=1.0, top_k=0, seed=0))
    assert sizes == [1000, 1000, 500, 1, 1, 1, 1]


def test_losses_are_keras_own_over_the_whole_text_and_across_the_pieces_it_is_read_in(monkeypatch):
    monkeypatch.setattr(recurrent, "CHUNK", 7)
    model = net("lstm")
    reader = recurrent.Reader(model)
    reader.read(IDS)  # and forgotten
    nats, right = recurrent.losses(reader, IDS, 2)
    logits = model.predict(IDS[None, :-1], verbose=0)[0]
    expected = keras.losses.sparse_categorical_crossentropy(IDS[1:] - 2, logits, from_logits=True)
    np.testing.assert_allclose(nats, expected, atol=1e-5)
    assert np.array_equal(right, logits.argmax(axis=1) == IDS[1:] - 2) and len(nats) == 49


class TestDrawn:
    LOGITS = np.log(np.array([0.1, 0.2, 0.6, 0.1], "float32"))

    def shares(self, **settings):
        random = np.random.default_rng(0)
        return np.bincount([recurrent.drawn(self.LOGITS, random, **settings) for _ in range(4000)], minlength=4) / 4000

    def test_at_temperature_1_it_draws_by_the_probabilities(self):
        np.testing.assert_allclose(self.shares(temperature=1.0, top_k=0), [0.1, 0.2, 0.6, 0.1], atol=0.03)

    def test_a_low_temperature_sharpens_and_0_takes_the_likeliest(self):
        np.testing.assert_allclose(self.shares(temperature=0.5, top_k=0), np.array([1, 4, 36, 1]) / 42, atol=0.03)
        assert self.shares(temperature=0.0, top_k=0)[2] == self.shares(temperature=1e-6, top_k=0)[2] == 1

    def test_top_k_leaves_out_the_rest(self):
        np.testing.assert_allclose(self.shares(temperature=1.0, top_k=2), [0, 0.25, 0.75, 0], atol=0.03)
        assert self.shares(temperature=1.0, top_k=1)[2] == 1
        np.testing.assert_allclose(self.shares(temperature=1.0, top_k=99), [0.1, 0.2, 0.6, 0.1], atol=0.03)
