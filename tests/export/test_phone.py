"""The model that a phone's file is made of: as in a prediction, whatever is in the net."""

from types import SimpleNamespace

import keras
import numpy as np
from keras import layers

from dl100_tf.export import converter, graph, litert, phone

CONTRACT = SimpleNamespace(phone_shape=(1, 12, 12, 3), phone_dtype="float32", kind="image", is_grey=False,
                           picture=False, output="probabilities")


def test_what_is_for_training_rests_in_a_file(tmp_path):
    keras.utils.set_random_seed(0)
    given = keras.Input((12, 12, 3))
    x = layers.Resizing(16, 16)(layers.RandomFlip()(given))  # Keras takes a call of these two for training
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, activation="relu")(x))
    x = layers.Dense(3, "softmax")(layers.Flatten()(layers.Dropout(0.5)(x)))
    net = keras.Model(given, x)
    net.get_layer("norm").set_weights([np.linspace(0.5, 2, 4) for _ in range(4)])
    pictures = np.random.default_rng(0).random((20, 12, 12, 3), "float32")
    phone.save(phone.model(net, CONTRACT), CONTRACT, tmp_path / "model")
    content = converter.one(tmp_path / "model", "float32")
    assert not any(op.startswith(("Flex", "VAR_HANDLE")) for op in graph.ops(content))
    np.testing.assert_allclose(litert.probabilities(content, "a file", pictures), net.predict(pictures, verbose=0),
                               atol=1e-5)
