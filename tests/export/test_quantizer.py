"""Recipes of the quantizer: fewer bits, smaller files that still take and give float32; without it, a clear line."""

import sys

import keras
import numpy as np
import pytest
from keras import layers

from dl100_tf.errors import UserError
from dl100_tf.export import converter, graph, litert
from dl100_tf.export.quantizer import Step, quantized


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A float32 .tflite file of a small net of two convolutions, and inputs for it."""
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((12, 12, 3), 1), layers.Conv2D(16, 3, activation="relu", name="first"),
                            layers.Conv2D(16, 3, activation="relu", name="second"), layers.Flatten(),
                            layers.Dense(4, activation="softmax")])
    folder = tmp_path_factory.mktemp("whole") / "model"
    net.export(folder, verbose=False, input_signature=[keras.InputSpec(shape=(1, 12, 12, 3), dtype="float32")])
    return converter.one(folder, "float32"), np.random.default_rng(0).random((40, 12, 12, 3), "float32")


class TestWithoutTheTool:
    def test_it_says_how_to_install_it(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "litert_quantizer", None)
        with pytest.raises(UserError, match=r"litert-quantizer.*pip install"):
            quantized(b"", [Step("dynamic", 8)])


@pytest.mark.slow
class TestWithTheTool:
    @pytest.fixture(autouse=True)
    def tool(self):
        pytest.importorskip("litert_quantizer", reason="litert-quantizer isn't installed")

    @pytest.mark.parametrize("activations", ["static", "dynamic"])
    def test_int4_is_smaller_than_int8_and_near_float32(self, whole, activations):
        content, inputs = whole
        right = litert.probabilities(content, "float32", inputs)
        sizes, apart = [], []
        for bits in (8, 4):
            made = quantized(content, [Step(activations, bits)], inputs)
            sizes.append(len(made))
            apart.append(np.abs(litert.probabilities(made, "made", inputs) - right).mean())
        assert sizes[1] < sizes[0] < len(content)
        assert 0 < apart[0] < 0.02
        assert apart[0] < apart[1] < 0.1

    def test_input_and_output_stay_float32(self, whole):
        content, inputs = whole
        made = litert.Interpreter(quantized(content, [Step("static", 8)], inputs), "made")
        assert made.dtype == np.float32
        assert made(inputs[0]).dtype == np.float32

    def test_the_last_step_that_speaks_of_an_operator_counts(self, whole):
        content, inputs = whole
        recipe = [Step("static", 8), Step("static", 4, "CONV_2D", ".*second.*")]
        assert kernels(quantized(content, recipe, inputs)) == {"first": "INT8", "second": "INT4"}

    def test_a_static_step_wants_examples(self, whole):
        with pytest.raises(ValueError, match="hand over some"):
            quantized(whole[0], [Step("static", 8)])


def kernels(content: bytes) -> dict[str, str]:
    """The dtype of each convolution's kernel."""
    from ai_edge_litert.schema_py_generated import TensorType

    names = {value: name for name, value in vars(TensorType).items() if isinstance(value, int)}
    found = graph.unpacked(content).subgraphs[0]
    return {name: names[found.tensors[operator.inputs[1]].type] for operator in found.operators
            for name in ("first", "second")
            if operator.builtinOptions.__class__.__name__ == "Conv2DOptionsT"
            and name in found.tensors[operator.outputs[0]].name.decode()}
