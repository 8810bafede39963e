"""The activation functions against TensorFlow's, their derivatives against its automatic differentiation."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from matplotlib import image

from dl100_tf import evaluation
from dl100_tf.evaluation.activations import ACTIVATIONS, sigmoid

KERAS = {"sigmoid": "sigmoid", "tanh": "tanh", "ReLU": "relu", "leaky ReLU": "leaky_relu", "ELU": "elu",
         "GELU": "gelu", "SiLU (Swish)": "silu", "softplus": "softplus"}


@pytest.mark.parametrize("name", KERAS)
def test_function_and_derivative_equal_tensorflows(name):
    assert list(ACTIVATIONS) == list(KERAS)
    x = np.linspace(-6, 6, 400)  # 0, where some have no derivative, isn't among them
    function, derivative = ACTIVATIONS[name]
    there = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(there)
        y = keras.activations.get(KERAS[name])(there)
    assert function(x) == pytest.approx(y.numpy(), abs=1e-7)  # Keras keeps its constants in float32
    assert derivative(x) == pytest.approx(tape.gradient(y, there).numpy(), abs=1e-7)


def test_a_sigmoid_far_out_is_no_overflow():
    with np.errstate(all="raise"):
        assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0, 0.5, 1]


def test_the_gallery(trained):
    path = evaluation.draw_activations(trained)
    assert path == trained.path("plots/activations.png") and image.imread(path).shape == (1120, 2080, 4)
