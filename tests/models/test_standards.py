import numpy as np
import pytest

from dl100_tf.data import text
from dl100_tf.errors import UserError
from dl100_tf.export import contract
from dl100_tf.models import letters, reads_text
from dl100_tf.run import Run


@pytest.mark.parametrize("raw, alike", [
    ("Asia #39;s U.S.", "asia s u s"), ("e-mail 1,000\\2", "e mail"), ("&lt;b&gt;", "lt b gt"),
    ("Ünï 日本 £5", "Ünï 日本 £"), ("📈 مرحبا!", "📈 مرحبا"), ("", "")])
def test_letters(raw, alike):
    assert letters([raw]).numpy()[0].decode().split() == alike.split()


def test_every_ascii_character_is_what_the_export_tells():
    _, removed, spaced = contract.TOKENIZERS["letters", "whitespace"]
    every = "".join(map(chr, range(1, 128)))
    told = every.lower().translate(dict.fromkeys(map(ord, removed)) | dict.fromkeys(map(ord, spaced), " "))
    assert letters([every]).numpy()[0].decode() == told


def test_a_model_with_it_is_read_back_by_its_run_in_another_process(home, forked):
    import keras
    from keras import layers

    texts = np.array(["asia s oil", "a goal"], object)
    tokenizer = text.tokenizer(texts, 9, 4, letters)
    tokens = keras.Input((4,), dtype="int32")
    net = keras.Model(tokens, layers.Dense(2, "softmax")(layers.Flatten()(layers.Embedding(9, 2)(tokens))))
    model, run = reads_text(tokenizer, net, "net"), Run("net", "one")
    run.save(model)
    np.save(home / "expected.npy", model.predict(np.array(["Asia #39;s oil"], object), verbose=0))
    code = f"""
import numpy
from dl100_tf.run import Run
answer = Run("net", "one").load_model().predict(numpy.array(["asia s oil"], object), verbose=0)
assert numpy.allclose(answer, numpy.load({str(home / "expected.npy")!r}), atol=1e-6), answer
"""
    done = forked(code=code)
    assert done.returncode == 0, done.stderr


def test_the_cached_ids_of_two_standards_are_two():
    texts = np.array(["U.S. oil", "us oil"], object)
    usual, own = (text.ids(text.tokenizer(texts, 9, 3, standard), texts) for standard in (text.STANDARD, letters))
    assert np.array_equal(usual[0], usual[1]) and not np.array_equal(own[0], own[1])


@pytest.mark.parametrize("settings", [{"standardize": "lower"}, {"standardize": None}, {"split": "character"}])
def test_a_tokenizer_that_no_phone_knows_is_refused(settings):
    import keras

    layer = keras.layers.TextVectorization(**{"standardize": letters, "vocabulary": ["a"]} | settings)
    with pytest.raises(UserError, match="phones know only the usual ones"):
        contract._tokenizer(layer, "net")
    usual = [contract._tokenizer(keras.layers.TextVectorization(standardize=standard, vocabulary=["a"]), "net")
             for standard in (letters, text.STANDARD)]
    assert usual == [contract.TOKENIZERS[name, "whitespace"] for name in ("letters", text.STANDARD)]
