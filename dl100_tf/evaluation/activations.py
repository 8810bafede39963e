"""The functions that stand between layers, each with its derivative, in closed form."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dl100_tf.evaluation import figures

REACH = 4.0  # the curves run from -REACH to REACH
LEAK = 0.2  # Keras' own slope of leaky ReLU below zero

Curve = Callable[[np.ndarray], np.ndarray]


def draw_activations(run) -> Path:
    """Draw the common activation functions with their derivatives as `plots/activations.png`; return its path."""
    def draw(figure, theme):
        axes = figure.subplots(2, 4, sharex=True)
        x = np.linspace(-REACH, REACH, 801)
        for axis, (name, (function, derivative)) in zip(axes.ravel(), ACTIVATIONS.items(), strict=True):
            axis.axhline(0, color=theme.soft, linewidth=0.6)
            axis.axvline(0, color=theme.soft, linewidth=0.6)
            slope = derivative(x)
            slope[1:][np.abs(np.diff(slope)) > 0.5] = np.nan  # a jump is no steep line
            axis.plot(x, function(x), color=theme.blue, label="the function")
            axis.plot(x, slope, color=theme.orange, linestyle=(0, (4, 2)), linewidth=1.6, label="its derivative")
            axis.set_title(name, fontsize=11)
            axis.set_xlim(-REACH, REACH)
            axis.set_ylim((-1.2, 1.2) if function(x).max() <= 1 else (-1.2, REACH))
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=2)

    return figures.figure(
        run, "activations", draw, "Learning multiplies by the derivative at every layer it passes on its way back: "
        "where that is near 0, as at both ends of sigmoid and tanh, little is left to learn from.",
        (figures.WIDE[0], 5.6), "Activation functions")


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow at either end."""
    return 0.5 * (1 + np.tanh(x / 2))


def _sigmoid_slope(x):
    return sigmoid(x) * (1 - sigmoid(x))


def _elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _elu_slope(x):
    return np.where(x > 0, 1.0, np.exp(np.minimum(x, 0)))


def _normal(x):
    """The share of a normal distribution below x."""
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def _gelu_slope(x):
    return _normal(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _silu_slope(x):
    return sigmoid(x) * (1 + x * (1 - sigmoid(x)))


ACTIVATIONS: dict[str, tuple[Curve, Curve]] = {  # name: the function and its derivative
    "sigmoid": (sigmoid, _sigmoid_slope),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "ReLU": (lambda x: np.maximum(x, 0), lambda x: np.where(x > 0, 1.0, 0.0)),
    "leaky ReLU": (lambda x: np.where(x > 0, x, LEAK * x), lambda x: np.where(x > 0, 1.0, LEAK)),
    "ELU": (_elu, _elu_slope),
    "GELU": (lambda x: x * _normal(x), _gelu_slope),
    "SiLU (Swish)": (lambda x: x * sigmoid(x), _silu_slope),
    "softplus": (lambda x: np.logaddexp(x, 0), sigmoid),
}
