import numpy as np
import pytest

from dl100_tf.errors import UserError
from dl100_tf.export import graph


def converted(model, shape, dtype="float32"):
    """A .tflite file of a Keras model, as the converter writes it."""
    import tempfile

    import keras
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, input_signature=[keras.InputSpec(shape=shape, dtype=dtype)], verbose=False)
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


def answer(model: bytes, x):
    """What LiteRT computes."""
    from ai_edge_litert import interpreter

    runner = interpreter.Interpreter(model_content=model)
    runner.allocate_tensors()
    runner.set_tensor(runner.get_input_details()[0]["index"], x)
    runner.invoke()
    return runner.get_tensor(runner.get_output_details()[0]["index"])


@pytest.fixture(scope="module")
def cnn() -> bytes:
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6, 6, 3)), layers.Conv2D(5, 3, activation="relu"),
                              layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")])
    return converted(model, (1, 6, 6, 3))


class TestOps:
    def test_they_come_in_the_order_they_run_in(self, cnn):
        assert graph.ops(cnn) == ["CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX"]
        assert graph.subgraphs(cnn) == 1

    def test_a_custom_one_goes_by_its_own_name(self, cnn):
        model = graph.unpacked(cnn)
        code = model.operatorCodes[model.subgraphs[0].operators[1].opcodeIndex]
        code.builtinCode = code.deprecatedBuiltinCode = 32
        code.customCode = b"FlexMean"
        assert graph.ops(graph.packed(model)) == ["CONV_2D", "FlexMean", "FULLY_CONNECTED", "SOFTMAX"]

    def test_old_files_have_only_the_deprecated_field(self, cnn):
        model = graph.unpacked(cnn)
        for code in model.operatorCodes:
            code.builtinCode = 0
        assert graph.ops(graph.packed(model)) == graph.ops(cnn)

    def test_one_that_is_newer_than_this_package_has_its_number(self, cnn):
        model = graph.unpacked(cnn)
        model.operatorCodes[model.subgraphs[0].operators[0].opcodeIndex].builtinCode = 5000
        assert graph.ops(graph.packed(model))[0] == "BUILTIN_5000"

    def test_an_operator_without_a_name_is_damage(self, cnn):
        model = graph.unpacked(cnn)
        model.subgraphs[0].operators[0].opcodeIndex = 99
        with pytest.raises(UserError, match=r"damaged .*export the run again"):
            graph.ops(graph.packed(model))

    @pytest.mark.slow
    def test_a_loop_is_a_graph_of_its_own(self):
        import keras
        from keras import layers

        model = keras.Sequential([keras.Input((7, 2)), layers.LSTM(3), layers.Dense(2)])
        loop = converted(model, (1, 7, 2))
        assert "WHILE" in graph.ops(loop) and graph.subgraphs(loop) == 3
        assert "TANH" in graph.ops(loop), "the operators inside the loop count too"


class TestPacked:
    def test_the_model_computes_the_same(self, cnn):
        x = np.random.default_rng(0).normal(size=(1, 6, 6, 3)).astype("float32")
        again = graph.packed(graph.unpacked(cnn))
        assert np.array_equal(answer(again, x), answer(cnn, x))
        assert graph.packed(graph.unpacked(again)) == again

    def test_weights_lie_where_a_phone_can_use_them(self, cnn):
        content = graph.packed(graph.unpacked(cnn))
        buffers = [buffer.data for buffer in graph.unpacked(content).buffers if buffer.data is not None]
        start = np.frombuffer(content, "uint8").ctypes.data
        assert len(buffers) >= 4
        assert {(buffer.ctypes.data - start) % 16 for buffer in buffers} == {0}

    def test_arrays_that_are_alike_are_written_once(self, cnn):
        from ai_edge_litert.schema_py_generated import QuantizationParametersT

        model, sizes = graph.unpacked(cnn), []
        for count in (1, 2, 3):
            for tensor in model.subgraphs[0].tensors[:count]:
                tensor.quantization = QuantizationParametersT(
                    scale=np.ones(1000, "float32"), zeroPoint=np.zeros(1000, "int64"))
            sizes.append(len(graph.packed(model)))
        assert max(np.diff(sizes)) < 200
        again = graph.unpacked(graph.packed(model)).subgraphs[0].tensors[2].quantization
        assert again.scale.tolist() == [1] * 1000 and again.zeroPoint.tolist() == [0] * 1000

    def test_what_is_appended_is_left_out(self, cnn):
        assert graph.packed(graph.unpacked(cnn + b"and more")) == graph.packed(graph.unpacked(cnn))


class TestNameless:
    def test_it_computes_the_same_and_is_smaller(self, cnn):
        x = np.random.default_rng(0).normal(size=(1, 6, 6, 3)).astype("float32")
        without = graph.nameless(cnn)
        assert np.array_equal(answer(without, x), answer(cnn, x))
        assert len(without) < len(graph.packed(graph.unpacked(cnn)))

    def test_what_goes_in_and_comes_out_keeps_its_name(self, cnn):
        before, after = (graph.unpacked(model).subgraphs[0] for model in (cnn, graph.nameless(cnn)))
        outside = {*before.inputs, *before.outputs}
        for index, (one, other) in enumerate(zip(before.tensors, after.tensors, strict=True)):
            assert other.name == (one.name if index in outside else b"") and one.name


class TestDamage:
    @pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x1c\0\0\0ABCD" + bytes(100)])
    def test_what_is_no_model_is_refused(self, content):
        with pytest.raises(UserError, match=r"no \.tflite file.*Export the run again"):
            graph.ops(content)

    def test_a_model_without_a_graph_is_refused(self):
        from ai_edge_litert.schema_py_generated import ModelT

        with pytest.raises(UserError, match="has no graph"):
            graph.ops(graph.packed(ModelT(version=3)))

    def test_a_part_of_a_file_is_refused_or_read_whole(self, cnn):
        """Where only padding is missing, nothing is: then all is there; anything else is a UserError."""
        refused = 0
        for length in range(8, len(cnn), 97):
            try:
                assert graph.ops(cnn[:length]) == graph.ops(cnn)
            except UserError:
                refused += 1
        assert refused > len(cnn) // 97 // 2

    def test_wrong_bytes_never_raise_anything_else(self, cnn):
        random = np.random.default_rng(0)
        refused = 0
        for _ in range(300):
            broken = bytearray(cnn)
            for place in random.integers(0, len(cnn), 20):
                broken[place] = random.integers(0, 256)
            try:
                graph.ops(bytes(broken))
            except UserError:
                refused += 1
        assert refused > 30
