import dataclasses
import errno
import io
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from dl100_tf.errors import UserError
from dl100_tf.export import saved_model, warmup
from dl100_tf.export.contract import Contract

RANDOM = np.random.default_rng(0)
TEXTS = ["A good film!", "bad, bad; BAD", "", "words nobody knows", "ünïcode ☺ good"]


def noise(*shape):
    return RANDOM.integers(0, 256, shape).astype(np.uint8)


def file(picture, kind="PNG"):
    stream = io.BytesIO()
    Image.fromarray(picture.squeeze()).save(stream, kind)
    return stream.getvalue()


def picture_net(channels):
    import keras
    from keras import layers

    x = image = keras.Input((12, 12, channels), name="image")
    x = layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 255)(x))
    x = layers.Dropout(0.5)(layers.BatchNormalization()(x))
    model = keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(x)), name="pictures")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(noise(8, 12, 12, channels), np.arange(8) % 3, verbose=0)  # so that there is an optimizer to leave behind
    return model


def text_net():
    import keras
    from keras import layers

    tokenizer = layers.TextVectorization(max_tokens=9, output_sequence_length=5, vocabulary=["good", "bad", "film"])
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Bidirectional(layers.LSTM(3))(layers.Embedding(9, 4)(tokens))
    net = keras.Model(tokens, layers.Dense(1, activation="sigmoid")(x))
    text = keras.Input((), dtype="string", name="text")
    return keras.Model(text, layers.Identity(name="probability")(net(tokenizer(text))), name="texts")


def number_net(name="petal"):
    import keras

    petal = keras.Input((2,), name=name)
    return keras.Model(petal, keras.layers.Dense(1, "sigmoid")(petal), name="numbers")


@dataclasses.dataclass
class Written:
    """A model, and the SavedModel that was written of it."""

    model: object
    contract: Contract
    examples: list
    folder: object

    def __post_init__(self):
        saved_model.write(self.model, self.contract, self.folder, self.examples)
        self.loaded = saved_model.load(self.folder)

    def expected(self, x):
        """Keras' probabilities, (n, k)."""
        import tensorflow as tf

        x = tf.constant(list(x), tf.string) if self.contract.kind == "text" else np.asarray(x, np.float32)
        found = self.model.predict(x, verbose=0)
        return np.concatenate([1 - found, found], axis=1) if found.shape[1] == 1 else found


def pictures(folder, channels):
    labels = ("cat", "dög", "cow")
    return Written(picture_net(channels), Contract("pictures", "", "image", (12, 12, channels), labels, ""),
                   list(noise(5, 12, 12, channels)), folder)


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("grey") / "1", 1)


@pytest.fixture(scope="module")
def rgb(tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("rgb") / "1", 3)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return Written(text_net(), Contract("texts", "", "text", (5,), ("negative", "positive"), ""), TEXTS,
                   tmp_path_factory.mktemp("texts") / "1")


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    return Written(number_net(), Contract("numbers", "", "numbers", (2,), ("setosa", "versicolor"), "", input="petal"),
                   [np.array([1, 2], np.float32)], tmp_path_factory.mktemp("numbers") / "1")


@pytest.fixture(params=["grey", "rgb", "texts", "numbers"])
def written(request):
    return request.getfixturevalue(request.param)


def examples_of(written, count=11):
    if written.contract.kind == "text":
        return (TEXTS * count)[:count]
    shape = (count, *written.contract.shape)
    return noise(*shape) if written.contract.kind == "image" else RANDOM.normal(size=shape).astype("float32")


def graph(folder):
    from tensorflow.core.protobuf import saved_model_pb2

    found, = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs
    return found


def classified(written, **features):
    """What `classify` says of one example with these features."""
    import tensorflow as tf

    example = tf.train.Example(features=tf.train.Features(feature={
        name.replace("__", "/"): tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        if isinstance(value, bytes) else tf.train.Feature(float_list=tf.train.FloatList(value=value))
        for name, value in features.items()}))
    return written.loaded([example.SerializeToString()], signature="classify")


class TestAnswers:
    def test_they_are_keras_answers(self, written):
        x = examples_of(written)
        answers, expected = written.loaded(x, batch_size=4), written.expected(x)
        assert answers["probabilities"].dtype == np.float32 and answers["probabilities"].shape == expected.shape
        assert np.abs(answers["probabilities"] - expected).max() < 1e-5
        assert answers["label"].tolist() == [written.contract.labels[i] for i in expected.argmax(axis=1)]
        assert np.ptp(expected, axis=0).max() > 1e-4, "the examples differ, or the test shows nothing"

    def test_the_batch_is_free(self, written):
        x = examples_of(written, 9)
        one_by_one, together = (written.loaded(x, batch_size=size)["probabilities"] for size in (1, 9))
        assert np.abs(one_by_one - together).max() < 1e-6
        assert written.loaded(x[:0])["probabilities"].shape == (0, len(written.contract.labels))

    def test_pictures_of_any_size_and_colour(self, grey, rgb):
        x = np.full((2, 30, 50, 3), 90, np.uint8)
        for written in (grey, rgb):
            expected = written.expected(np.full((2, *written.contract.shape), 90, np.uint8))
            assert np.allclose(written.loaded(x)["probabilities"], expected, atol=1e-5)
            assert np.allclose(written.loaded(x[..., :1])["probabilities"], expected, atol=1e-5)

    def test_picture_files(self, rgb):
        x = noise(4, 12, 12, 3)
        answers = rgb.loaded([file(picture) for picture in x], signature="encoded")
        assert np.allclose(answers["probabilities"], rgb.expected(x), atol=1e-5)
        assert set(answers["label"]) <= {"cat", "dög", "cow"}

    def test_classify_pictures(self, grey):
        x = noise(1, 12, 12, 1)
        answer = classified(grey, image__encoded=file(x[0]))
        assert answer["classes"].tolist() == [["cat", "dög", "cow"]]
        assert answer["scores"].dtype == np.float32 and np.allclose(answer["scores"], grey.expected(x), atol=1e-5)

    def test_classify_texts(self, texts):
        answer = classified(texts, text=b"good film")
        assert answer["classes"].tolist() == [["negative", "positive"]]
        assert np.allclose(answer["scores"], texts.expected(["good film"]), atol=1e-5)

    def test_classify_numbers(self, numbers):
        answer = classified(numbers, petal=[1.5, -2.0])
        assert np.allclose(answer["scores"], numbers.expected([[1.5, -2.0]]), atol=1e-5)

    def test_one_bad_file_is_refused_with_a_reason(self, rgb):
        import tensorflow as tf

        with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
            rgb.loaded([file(noise(12, 12, 3)), b"no picture"], signature="encoded")

    def test_an_example_without_the_feature_is_refused(self, texts):
        import tensorflow as tf

        with pytest.raises(tf.errors.InvalidArgumentError, match="text"):
            classified(texts, review=b"good film")

    def test_the_model_is_as_it_was(self, texts):
        layers = [layer for layer in texts.model._flatten_layers() if hasattr(layer, "use_cudnn")]
        assert layers and all(layer.use_cudnn == "auto" for layer in layers)


class TestFile:
    def test_signatures(self, written):
        """As a client of TensorFlow Serving sees them."""
        image, labels = written.contract.kind == "image", len(written.contract.labels)
        given = {"image": {"image": (4, [-1] * 4)}, "text": {"text": (7, [-1])}, "numbers": {"petal": (1, [-1, 2])}}
        answers = {"probabilities": (1, [-1, labels]), "label": (7, [-1])}
        expected = {
            "serving_default": ("tensorflow/serving/predict", given[written.contract.kind], answers),
            "classify": ("tensorflow/serving/classify", {"inputs": (7, [-1])},
                         {"classes": (7, [-1, labels]), "scores": (1, [-1, labels])})}
        if image:
            expected["encoded"] = "tensorflow/serving/predict", {"image_bytes": (7, [-1])}, answers

        def seen(tensors):
            return {name: (info.dtype, [dim.size for dim in info.tensor_shape.dim]) for name, info in tensors.items()}

        signatures = graph(written.folder).signature_def
        assert {name: (signature.method_name, seen(signature.inputs), seen(signature.outputs))
                for name, signature in signatures.items() if not name.startswith("__")} == expected

    def test_nothing_of_keras_leaks_into_it(self, written):
        proto = graph(written.folder)
        nodes = proto.object_graph_def.nodes
        assert not [node.user_object.identifier for node in nodes if "keras" in node.user_object.identifier]
        assert not {"keras_metadata.pb", "fingerprint.pb"} & set(os.listdir(written.folder))
        assert str(os.getcwd()).encode() not in proto.SerializeToString(), "no paths of this machine"

    def test_it_holds_the_weights_in_use_once_and_no_optimizer(self, written):
        import tensorflow as tf

        reader = tf.train.load_checkpoint(str(written.folder / "variables/variables"))
        stored = sorted(np.prod(shape, dtype=int) for name, shape in reader.get_variable_to_shape_map().items()
                        if "VARIABLE_VALUE" in name)
        assert stored == sorted(int(np.prod(weight.shape)) for weight in written.model.weights)

    def test_the_net_is_in_the_graph_once(self, rgb):
        functions = graph(rgb.folder).graph_def.library.function
        assert sum(node.op == "Conv2D" for function in functions for node in function.node_def) == 1

    def test_a_recurrent_net_runs_where_there_is_no_gpu(self, tmp_path, monkeypatch):
        """Traced on a machine with a GPU, Keras' LSTM is cuDNN's, which no other machine can run."""
        import tensorflow as tf

        real = tf.config.list_logical_devices
        monkeypatch.setattr(tf.config, "list_logical_devices",
                            lambda kind=None: ["one"] if kind == "GPU" else real(kind))
        model, contract = text_net(), Contract("texts", "", "text", (5,), ("negative", "positive"), "")
        traced = tf.function(model, [tf.TensorSpec([None], tf.string)]).get_concrete_function()
        assert "CudnnRNN" in str(traced.graph.as_graph_def()), "or this shows nothing"
        saved_model.write(model, contract, tmp_path / "1", TEXTS)
        assert "CudnnRNN" not in str(graph(tmp_path / "1"))

    def test_warm_up_requests_are_answered(self, written):
        """A server that finds one that isn't refuses to serve the model."""
        import tensorflow as tf
        from tensorflow_serving.apis import prediction_log_pb2

        path, seen = written.folder / warmup.FILE, []
        assert path.stat().st_size < 1e6
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.HasField("predict_log"):
                request = log.predict_log.request
                name, (values,) = request.model_spec.signature_name, request.inputs.values()
                given = tf.make_ndarray(values)
            else:
                name, examples = "classify", log.classify_log.request.input.example_list.examples
                given = [example.SerializeToString() for example in examples]
            answers = written.loaded(given, signature=name)
            assert all(len(values) == len(given) for values in answers.values())
            seen.append((name, len(given)))
        assert sorted(seen) == sorted((name, size) for name in written.loaded.signatures for size in (1, 8))

    def test_the_first_warm_up_request_is_the_first_example(self, rgb):
        import tensorflow as tf
        from tensorflow_serving.apis import prediction_log_pb2

        record = next(tf.data.TFRecordDataset(str(rgb.folder / warmup.FILE)).as_numpy_iterator())
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert np.array_equal(tf.make_ndarray(request.inputs["image"])[0], rgb.examples[0])


class TestServer:
    """TensorFlow Serving runs the graph in a session, with what it is sent, of whatever shape."""

    def ask(self, folder, given):
        import tensorflow.compat.v1 as tf

        with tf.Session(graph=tf.Graph()) as session:
            defined = tf.saved_model.load(session, ["serve"], str(folder)).signature_def["serving_default"]
            (_, tensor), = defined.inputs.items()
            return session.run({name: info.name for name, info in defined.outputs.items()}, {tensor.name: given})

    def unchecked(self, written, folder):
        """A copy whose input is of any shape to a session in Python, as every input is to the server."""
        from tensorflow.core.protobuf import saved_model_pb2

        file = shutil.copytree(written.folder, folder / "copy") / "saved_model.pb"
        proto = saved_model_pb2.SavedModel.FromString(file.read_bytes())
        for node in proto.meta_graphs[0].graph_def.node:
            if node.op == "Placeholder":
                node.attr.pop("_output_shapes", None)
                node.attr["shape"].shape.unknown_rank = True
                del node.attr["shape"].shape.dim[:]
        file.write_bytes(proto.SerializeToString())
        return file.parent

    def test_a_session_gives_the_same_answers(self, written):
        x = examples_of(written, 3)
        answers = self.ask(written.folder, x)
        assert np.allclose(answers["probabilities"], written.expected(x), atol=1e-5)
        assert [label.decode() for label in answers["label"]] == written.loaded(x)["label"].tolist()

    def test_rows_of_another_length_are_refused_with_a_reason(self, numbers, tmp_path):
        from tensorflow import errors

        with pytest.raises(errors.InvalidArgumentError, match=r"not compatible with expected shape \[\?,2\]"):
            self.ask(self.unchecked(numbers, tmp_path), np.zeros((1, 3), np.float32))

    def test_a_picture_without_a_batch_is_refused_with_a_reason(self, grey, tmp_path):
        from tensorflow import errors

        with pytest.raises(errors.InvalidArgumentError, match=r"not compatible with expected shape \[\?,\?,\?,\?\]"):
            self.ask(self.unchecked(grey, tmp_path), np.zeros((12, 12, 1), np.uint8))


class TestWrite:
    def test_a_name_that_tensorflow_would_change_is_refused(self, tmp_path):
        contract = Contract("numbers", "", "numbers", (2,), ("no", "yes"), "", input="petal length")
        with pytest.raises(UserError, match="'petal length': to be served, name it with letters"):
            saved_model.write(number_net("petal length"), contract, tmp_path / "1", [np.zeros(2)])
        assert not (tmp_path / "1").exists()

    def test_a_full_disk(self, tmp_path, monkeypatch):
        import tensorflow as tf

        def full(*_, **__):
            raise tf.errors.ResourceExhaustedError(None, None, "/x/variables_temp; No space left on device")

        monkeypatch.setattr(tf.saved_model, "save", full)
        contract = Contract("numbers", "", "numbers", (2,), ("no", "yes"), "", input="petal")
        with pytest.raises(OSError, match="No space left") as caught:
            saved_model.write(number_net(), contract, tmp_path / "1", [np.zeros(2)])
        assert caught.value.errno == errno.ENOSPC


class TestLoad:
    @pytest.fixture
    def copy(self, numbers, tmp_path):
        return shutil.copytree(numbers.folder, tmp_path / "copy")

    def refused(self, folder):
        with pytest.raises(UserError) as caught:
            saved_model.load(folder)
        message = str(caught.value)
        assert str(folder) in message and "\n" not in message and "{{" not in message
        return message

    def test_a_missing_one(self, tmp_path):
        assert "has no saved_model.pb" in self.refused(tmp_path / "nowhere")
        assert "has no saved_model.pb" in self.refused(tmp_path)

    @pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index",
                                      "variables/variables.data-00000-of-00001"])
    @pytest.mark.parametrize("left", [0, 1, 0.5, 0.99])
    def test_a_truncated_one(self, copy, name, left):
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content[:left if isinstance(left, int) else int(left * len(content))])
        assert "export it again" in self.refused(copy)

    @pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index",
                                      "variables/variables.data-00000-of-00001"])
    def test_half_of_one(self, copy, name):
        (copy / name).unlink()
        assert "export it again" in self.refused(copy)

    def test_weights_that_changed_on_the_disk(self, copy):
        path = copy / "variables/variables.data-00000-of-00001"
        content = bytearray(path.read_bytes())
        content[0] ^= 1
        path.write_bytes(content)
        assert "is damaged" in self.refused(copy)

    def test_a_strangers_is_refused_before_it_runs(self, tmp_path):
        import tensorflow as tf

        class Stranger(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
            def tell(self, text):
                tf.io.write_file(str(tmp_path / "stolen"), text[0])
                return {"probabilities": tf.zeros([1, 2]), "label": text}

        stranger = Stranger()
        stranger.weight = tf.Variable(1.0)
        tf.saved_model.save(stranger, str(tmp_path / "model"), signatures={"serving_default": stranger.tell})
        assert "would run WriteFile" in self.refused(tmp_path / "model")
        assert not (tmp_path / "stolen").exists()

    def test_another_kind_of_model(self, tmp_path):
        number_net().export(tmp_path / "model", verbose=False)
        assert "not one of ours" in self.refused(tmp_path / "model")


@pytest.mark.slow
class TestElsewhere:
    def test_another_process_needs_neither_keras_nor_this_package(self, texts):
        code = f"""
import sys
sys.modules["keras"] = sys.modules["tf_keras"] = None  # whoever imports them now, fails
import tensorflow as tf
answers = tf.saved_model.load({str(texts.folder)!r}).signatures["serving_default"](text=tf.constant(["good film"]))
print(answers["label"].numpy()[0].decode(), float(answers["probabilities"][0, 1]))
assert not [name for name in sys.modules if name.startswith("dl100_tf")]
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        label, probability = done.stdout.split()
        answers = texts.loaded(["good film"])
        assert label == answers["label"][0]
        assert float(probability) == pytest.approx(answers["probabilities"][0, 1], abs=1e-6)

    def test_tensorflows_own_tool_shows_the_signatures(self, rgb, forked):
        done = forked("tensorflow.python.tools.saved_model_cli", "show", "--all", "--dir", rgb.folder)
        assert done.returncode == 0, done.stderr
        for line in ("signature_def['encoded']", "inputs['image_bytes']", "inputs['image']", "outputs['probabilities']",
                     "Method name is: tensorflow/serving/classify"):
            assert line in done.stdout

    @pytest.mark.parametrize("project", ["perceptron_points", "mlp_mnist", "cnn_mnist", "lstm_imdb"])
    def test_the_nets_of_the_recipes(self, project, tmp_path):
        import importlib

        import keras

        from dl100_tf.models import reads_text

        keras.utils.set_random_seed(0)
        recipe = importlib.import_module(f"dl100_tf.projects.{project}")
        model = recipe.build_model(recipe.Config())
        kind, shape, labels = "image", tuple(model.inputs[0].shape[1:]), tuple("0123456789")
        if project == "lstm_imdb":
            words = [f"word{i}" for i in range(500)]
            tokenizer = keras.layers.TextVectorization(1000, output_sequence_length=shape[0], vocabulary=words)
            model, kind, labels = reads_text(tokenizer, model), "text", ("negative", "positive")
            x = [" ".join(RANDOM.choice(words, RANDOM.integers(1, 300))) for _ in range(20)]
        elif project == "perceptron_points":
            kind, labels, x = "numbers", ("setosa", "versicolor"), RANDOM.normal(size=(20, 2)).astype("float32")
        else:
            x = noise(20, *shape)
        written = Written(model, Contract(project, "", kind, shape, labels, "", input=model.inputs[0].name), list(x),
                          tmp_path / "1")
        answers, expected = written.loaded(x, batch_size=7), written.expected(x)
        assert np.abs(answers["probabilities"] - expected).max() < 1e-5
        assert answers["label"].tolist() == [labels[i] for i in expected.argmax(axis=1)]
