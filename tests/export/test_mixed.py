"""Files of two precisions: smaller than float32, nearer to it than the converter's, and as correct as either."""

import keras
import numpy as np
import pytest
from keras import layers

from dl100_tf.errors import UserError
from dl100_tf.export import converter, graph, litert, mixed

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.random((40, 12, 12, 3), "float32")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A net with kernels of 54, 27, 1 152 and 36 000 weights, one of them used twice: its files by variant."""
    keras.utils.set_random_seed(0)
    given = keras.Input((12, 12, 3), 1)
    second = layers.Conv2D(64, 3, padding="same", activation="relu")
    x = layers.Conv2D(2, 3, padding="same", activation="relu")(layers.DepthwiseConv2D(3, padding="same")(given))
    x = layers.Concatenate()([second(x), second(layers.Rescaling(0.5)(x))])
    x = layers.Flatten()(layers.MaxPooling2D(4)(x))
    x = layers.Dense(32, "relu")(x)
    net = keras.Model(given, layers.Dense(4, "softmax")(x))
    net.set_weights([RANDOM.normal(0, 0.3, weight.shape) for weight in net.get_weights()])
    folder = tmp_path_factory.mktemp("mixed") / "model"
    net.export(folder, verbose=False, input_signature=[keras.InputSpec(shape=(1, 12, 12, 3), dtype="float32")])
    return {variant: converter.one(folder, variant) for variant in ("float32", "float16", "dynamic")}


def apart(content, whole):
    found, expected = (litert.probabilities(one, "a file", INPUTS) for one in (content, whole))
    return np.abs(found - expected).max()


def dtypes(content):
    """How many bytes of stored weights there are, by dtype."""
    from ai_edge_litert.schema_py_generated import TensorType

    names, model, sizes = {value: name for name, value in vars(TensorType).items()}, graph.unpacked(content), {}
    for tensor in {tensor.buffer: tensor for tensor in model.subgraphs[0].tensors}.values():
        data = model.buffers[tensor.buffer].data
        sizes[names[tensor.type]] = sizes.get(names[tensor.type], 0) + (0 if data is None else len(data))
    return sizes


@pytest.mark.parametrize("variant, narrow", [("float16", "FLOAT16"), ("dynamic", "INT8")])
class TestMixed:
    def test_few_weights_stay_float32_and_come_nearer(self, made, variant, narrow):
        found = mixed.mixed(made["float32"], made[variant], 3_000)
        before, after = dtypes(made[variant]), dtypes(found)
        assert 0 < after[narrow] <= before[narrow] and after["FLOAT32"] > before["FLOAT32"] - 64
        assert len(made[variant]) <= len(found) + 64 and len(found) < 0.8 * len(made["float32"])
        assert apart(found, made["float32"]) <= apart(made[variant], made["float32"])

    def test_with_all_weights_back_it_is_the_whole_model(self, made, variant, narrow):
        found = mixed.mixed(made["float32"], made[variant], 10**9)
        assert apart(found, made["float32"]) < 1e-6
        assert "DEQUANTIZE" not in graph.ops(found) and narrow not in dtypes(found)
        assert len(found) < 1.02 * len(made["float32"]), "weights that two operators share are stored once"

    def test_it_ends_as_soon_as_it_is_near(self, made, variant, narrow):
        whole = made["float32"]
        assert mixed.near(whole, made[variant], INPUTS, bound=1.0) == made[variant]
        less = 0.9 * apart(made[variant], whole)
        first, last = (mixed.near(whole, made[variant], INPUTS, bound) for bound in (less, 0))
        assert apart(first, whole) <= less
        assert last == mixed.mixed(whole, made[variant], mixed.FEW[-1])

    def test_files_of_another_model_are_left_alone(self, made, variant, narrow):
        other = converted_other()
        assert mixed.mixed(other, made[variant], 3_000) == made[variant]


def converted_other():
    import tensorflow as tf

    function = tf.function(lambda x: tf.nn.relu(x), input_signature=[tf.TensorSpec((1, 3), tf.float32)])
    return tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()]).convert()


def test_a_damaged_file_is_named(made):
    with pytest.raises(UserError, match="xport the run again"):
        mixed.mixed(b"nothing of the kind", made["float16"], 3_000)
