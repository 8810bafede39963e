import numpy as np
import pytest

from dl100_tf import curriculum
from dl100_tf.data import characters, shakespeare
from dl100_tf.errors import UserError
from dl100_tf.models import reads_characters, recurrent
from dl100_tf.projects import rnn_shakespeare
from dl100_tf.projects.rnn_shakespeare import Config

SMALL = {"units": 8, "embedding": 4, "window": 20, "length": 20}
KNOWN = shakespeare.load("sample").alphabet


def net(cell="gru", **settings):
    import keras

    keras.utils.set_random_seed(0)
    return rnn_shakespeare.build_model(Config(cell=cell, **SMALL | settings), len(KNOWN), window=20)


@pytest.fixture(scope="module")
def model():
    return reads_characters(KNOWN, net(), 20)


def said(model, prompt, **options):
    return "".join(rnn_shakespeare.predict(model, Config(**SMALL), prompt, **{"length": 40} | options))


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_what_is_trained_and_what_is_saved_are_one_net(cell):
    import keras

    keras.utils.set_random_seed(0)
    trained = rnn_shakespeare.build_model(Config(cell=cell, layers=2, **SMALL), len(KNOWN))
    saved = net(cell, layers=2)
    saved.set_weights(trained.get_weights())
    ids = np.random.default_rng(0).integers(2, len(KNOWN), (3, 20)).astype("int32")
    expected = trained.predict(ids, verbose=0)
    assert expected.shape == (3, 20, len(KNOWN))
    np.testing.assert_allclose(saved.predict(ids, verbose=0), expected, atol=1e-5)
    padded = saved.predict(np.pad(ids[:, :15], ((0, 0), (0, 5))), verbose=0)
    np.testing.assert_allclose(padded[:, -1], expected[:, 14], atol=1e-5)


def test_it_writes_on_from_the_prompt_and_the_seed_decides(model):
    text = said(model, "CORIN:\nO ")
    assert text.startswith("CORIN:\nO ") and len(text) == len("CORIN:\nO ") + 40 and set(text) <= set(KNOWN)
    assert text == said(model, "CORIN:\nO ") != said(model, "CORIN:\nO ", seed=1)


def test_the_text_comes_one_character_at_a_time(model):
    parts = list(rnn_shakespeare.predict(model, Config(**SMALL), "O", length=5))
    assert parts[0] == "O" and [len(part) for part in parts[1:]] == [1] * 5


def test_an_empty_prompt_is_the_beginning_of_a_line(model):
    assert said(model, "") == said(model, "\n")[1:]


@pytest.mark.parametrize("prompt, named", [("ROMEO 🙂", "🙂"), ("شكرا", "ش"), ("naïve", "ï"), ("a\0b", "U.0000")])
def test_characters_that_it_never_read_are_named(model, prompt, named):
    with pytest.raises(UserError, match=f"never read .*{named}"):
        said(model, prompt)


def test_of_a_very_long_prompt_the_end_counts(model, monkeypatch):
    lengths, continued = [], recurrent.continued
    monkeypatch.setattr(recurrent, "continued", lambda reader, ids, *rest, **more: (
        lengths.append(len(ids)) or continued(reader, ids, *rest, **more)))
    text = said(model, "O gentle CORIN. " * 6250)  # 100 000 characters
    assert len(text) == 100_040 and lengths == [2000]


@pytest.mark.parametrize("option", [{"temperature": -1.0}, {"top_k": -1}, {"length": 0}, {"seed": -1},
                                    {"temperature": float("nan")}])
def test_options_that_mean_nothing_are_refused(model, option):
    with pytest.raises(UserError, match="can't be below"):
        said(model, "O", **option)


def test_the_model_guesses_what_predict_draws_from(model):
    """At temperature 0 the first character is the likeliest of the saved model's."""
    window = "O gentle CORIN. Then"
    found = model.predict(np.array([window], object), verbose=0)[0]
    assert len(window) == 20 and said(model, window, temperature=0.0, length=1)[-1] == KNOWN[found.argmax()]


def test_days_and_labels():
    assert curriculum.DAYS["rnn_shakespeare"] == (22, 26)
    labels = rnn_shakespeare.load_data(Config(source="sample", **SMALL)).labels
    assert labels[:2] == ("line break", "space") and len(labels) == len(KNOWN)
    assert characters.ids("\n", KNOWN).tolist() == [2]
