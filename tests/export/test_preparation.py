"""How pictures become what a net takes: known to the contract, done by the server, told to the phone."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from dl100_tf.data import images, mnist
from dl100_tf.errors import UserError
from dl100_tf.export import card, contract, golden, preparation, saved_model
from dl100_tf.run import Run

LABELS = tuple("0123456789")
DIGIT = contract.Contract("digits", "Digits", "image", (28, 28, 1), LABELS, "", preparation="digit")
MIDDLE = contract.Contract("clothes", "Clothes", "image", (28, 28, 1), LABELS, "")


def net(shape=(28, 28, 1)):
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    given = keras.Input(shape, name="image")
    x = layers.Flatten()(layers.Rescaling(1 / 255)(given))
    return keras.Model(given, layers.Dense(10, activation="softmax")(x), name="digits")


def photo(digit, side=200):
    """Of a digit, dark on light paper, off the middle: uint8 (h, w, 3)."""
    page = np.full((side + 90, side + 40, 3), 230, np.uint8)
    large = np.asarray(Image.fromarray(digit[..., 0]).resize((side, side)))[..., None]
    page[10:10 + side, 30:30 + side] -= (0.8 * large).astype(np.uint8)
    return page


def png(picture):
    stream = io.BytesIO()
    Image.fromarray(np.squeeze(picture)).save(stream, "PNG")
    return stream.getvalue()


def pixels(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


@pytest.fixture(scope="module")
def sample():
    return mnist.load("sample").test.x


@pytest.fixture(scope="module", params=[DIGIT, MIDDLE], ids=["digit", "middle"])
def served(request, sample, tmp_path_factory):
    """The contract, its net, and the SavedModel."""
    folder, model = tmp_path_factory.mktemp("served") / "1", net()
    saved_model.write(model, request.param, folder, list(sample[:8]))
    return request.param, model, saved_model.load(folder)


@pytest.fixture
def expected(served, tmp_path):
    """What the training's reader and Keras make of a picture."""
    def of(picture):
        (tmp_path / "picture.png").write_bytes(png(picture))
        how, model, _ = served
        read = images.read_digit if how.preparation == "digit" else lambda path: images.read(path, 28, 1)
        return model.predict(read(tmp_path / "picture.png")[None], verbose=0)[0]
    return of


class TestServed:
    """Whatever signature is asked gives what `predict` gives."""

    def test_decoded_pictures(self, served, sample, expected):
        for digit in sample[:4]:
            answer = served[2](photo(digit)[None])["probabilities"][0]
            assert np.allclose(answer, expected(photo(digit)), atol=0.01)

    def test_files(self, served, sample, expected):
        shown = [photo(digit, side) for digit, side in zip(sample[:4], (60, 300, 28, 110), strict=True)]
        answers = served[2]([png(picture) for picture in shown], signature="encoded")["probabilities"]
        assert np.allclose(answers, [expected(picture) for picture in shown], atol=0.01)

    def test_classify(self, served, sample, expected):
        import tensorflow as tf

        given = tf.train.Feature(bytes_list=tf.train.BytesList(value=[png(photo(sample[0]))]))
        example = tf.train.Example(features=tf.train.Features(feature={"image/encoded": given}))
        answer = served[2]([example.SerializeToString()], signature="classify")["scores"][0]
        assert np.allclose(answer, expected(photo(sample[0])), atol=0.01)

    def test_pictures_in_the_format_are_taken_as_they_are(self, served, sample):
        answers = served[2](sample[:50])["probabilities"]
        assert np.allclose(answers, served[1].predict(sample[:50], verbose=0), atol=1e-5)

    def test_the_two_ways_differ(self, sample):
        import tensorflow as tf

        given = tf.constant(photo(sample[0])[None])
        found = [preparation.of(how.preparation).fitted(given, how.shape).numpy() for how in (DIGIT, MIDDLE)]
        assert np.abs(found[0].astype(int) - found[1]).mean() > 50, "or the tests above show nothing"

    def test_only_operations_that_every_server_has(self, served):
        from tensorflow.core.protobuf import saved_model_pb2

        proto = saved_model_pb2.SavedModel.FromString((served[2].folder / "saved_model.pb").read_bytes())
        functions = proto.meta_graphs[0].graph_def.library.function
        used = {node.op for function in functions for node in function.node_def}
        assert not [name for name in used if name.startswith(("Py", "EagerPy", "XlaCall", "Tpu")) or ">" in name]


class TestContract:
    def test_it_comes_with_the_data(self, sample):
        assert mnist.load("sample").preparation == "digit"
        assert mnist.load("sample").one_hot().preparation == "digit"
        run = Run("any_name", "one")
        run.write_json("scores.json", {"labels": LABELS, "metrics": {}, "n": 1, "noun": "x", "source": "local"})
        assert contract.of_run(run, net(), "digit").preparation == "digit"
        assert contract.of_run(run, net()).preparation == "middle"
        with pytest.raises(UserError, match=r"pictures of shape \(32, 32, 3\), and its data prepare them as 'digit'"):
            contract.of_run(run, net((32, 32, 3)), "digit")
        with pytest.raises(ValueError, match="can't be prepared as 'upside down': there are middle, digit"):
            contract.of_run(run, net(), "upside down")


class TestTold:
    def test_the_card_tells_a_phone_what_to_do_before_it_asks(self):
        told = card.given(DIGIT)
        assert told["shape"] == [1, 28, 28, 3] and "one digit, bright on black" in told["content"]
        steps = told["preparation"]
        assert steps["name"] == "digit" and steps["tflite"].startswith("not inside")
        assert json.loads(json.dumps(steps))["steps"] == list(preparation.WAYS["digit"].steps)
        assert card.given(MIDDLE)["preparation"]["name"] == "middle"

    @pytest.mark.parametrize("how", [DIGIT, MIDDLE], ids=["digit", "middle"])
    def test_golden_pictures_are_what_the_training_s_reader_makes_of_them(self, sample, how, tmp_path):
        text = golden.write(how, sample[:6], sample[:6], np.full((6, 10), 0.1), np.arange(6))
        found = json.loads(text)["preparation"]
        assert len(found) == 4
        for pair in found:
            (tmp_path / "one.png").write_bytes(base64.b64decode(pair["png"]))
            path = tmp_path / "one.png"
            expected = images.read_digit(path) if how is DIGIT else images.read(path, 28, 1)
            assert np.abs(pixels(pair["prepared"]).astype(int) - expected[..., 0]).max() <= 1

    def test_a_picture_too_pale_to_be_prepared_is_left_out(self):
        pale = np.zeros((1, 28, 28, 1), np.uint8)
        pale[:, 9:19, 9:19] = 12
        assert golden.prepared(DIGIT, pale) == []
