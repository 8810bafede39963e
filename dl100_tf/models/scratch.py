"""A neural network in NumPy alone: layers that go forwards and backwards, a loss, and the step downhill.

Nothing here knows more calculus than the chain rule. A `slope` is always a derivative of the loss: how much the loss
grows for a little more of something. Every layer is told the slope of what it gave, and answers with the slope of what
it was given; so the slopes walk backwards through the net, which is all that backpropagation is (Rumelhart, Hinton &
Williams 1986, doi:10.1038/323533a0).
"""

from itertools import pairwise

import numpy as np


class Dense:
    """y = x W + b: every unit weighs all inputs.

    Args:
        kernel: W, (inputs, units).
        bias: b, (units,).
        kernel_slope: where the slope of the loss in W goes, an array like W.
        bias_slope: likewise for b.
    """

    def __init__(self, kernel, bias, kernel_slope, bias_slope):
        self.kernel, self.bias = kernel, bias
        self.kernel_slope, self.bias_slope = kernel_slope, bias_slope

    def forward(self, x):
        """(batch, inputs) to (batch, units); what came in is kept for the way back."""
        self.x = x
        y = x @ self.kernel
        y += self.bias
        return y

    def learn(self, slope):
        """Keep the slopes in W and b. A weight acts through its input, so its slope is input times slope."""
        np.matmul(self.x.T, slope, out=self.kernel_slope)
        np.sum(slope, axis=0, out=self.bias_slope)

    def backward(self, slope):
        """From the slope in y to the slope in x: back through the same weights."""
        return slope @ self.kernel.T


class ReLU:
    """y = max(x, 0): what makes two layers more than one."""

    def forward(self, x):
        """Any shape; x itself is changed, as nobody else needs it."""
        self.y = np.maximum(x, 0, out=x)
        return self.y

    def learn(self, slope):
        """Nothing: there is nothing to learn in here."""

    def backward(self, slope):
        """A unit that was silent has no slope, the others pass it on."""
        slope *= self.y > 0
        return slope


class Network:
    """Dense layers with ReLUs between them, a softmax on top, and SGD with momentum to train them.

    Args:
        sizes: numbers of inputs, of units in each hidden layer, and of classes, e.g. (784, 256, 128, 10).
        seed: of the first weights.
        dtype: of everything: `float32` to train, `float64` to check gradients.

    Attributes:
        layers: in the order in which x goes through them.
        weights: all that a step changes, by name: `dense_1/kernel`, `dense_1/bias`, … and the momentum, `velocity/all`.
            To be changed in place only.
        slopes: the gradient that `backward` leaves, by the same names.
    """

    def __init__(self, sizes, seed: int = 0, dtype: str = "float32"):
        self.sizes, self.dtype = tuple(sizes), np.dtype(dtype)
        count = sum((inputs + 1) * units for inputs, units in pairwise(self.sizes))
        # Side by side in one vector, all weights take a step at once; the layers hold views of their parts.
        self.vector, self.slope, self.velocity = np.zeros((3, count), self.dtype)
        self.layers, self.weights, self.slopes = [], {}, {}
        end = 0
        for number, (inputs, units) in enumerate(pairwise(self.sizes), 1):
            for name, shape in ((f"dense_{number}/kernel", (inputs, units)), (f"dense_{number}/bias", (units,))):
                start, end = end, end + int(np.prod(shape))
                self.weights[name] = self.vector[start:end].reshape(shape)
                self.slopes[name] = self.slope[start:end].reshape(shape)
            names = (f"dense_{number}/kernel", f"dense_{number}/bias")
            self.layers += [Dense(*(self.weights[name] for name in names), *(self.slopes[name] for name in names)),
                            ReLU()]
        self.layers.pop()  # the last scores go to the softmax as they are
        self.weights["velocity/all"] = self.velocity
        self._draw(seed)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The weights alone, without the momentum."""
        return {name: self.weights[name] for name in self.slopes}

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The probability of each class, (batch, classes), for x (batch, inputs) in the network's dtype."""
        for layer in self.layers:
            x = layer.forward(x)
        self.probability = softmax(x)
        return self.probability

    def backward(self, y: np.ndarray) -> None:
        """The slope of the mean cross-entropy in every weight, into `slopes`, for the batch that `forward` saw last.

        Args:
            y: the true classes, integers (batch,).
        """
        # Softmax and cross-entropy together have the simplest slope there is: what was said minus what is true.
        slope = self.probability.copy()
        slope[np.arange(len(y)), y] -= 1
        slope /= len(y)
        for layer in reversed(self.layers[1:]):
            layer.learn(slope)
            slope = layer.backward(slope)
        self.layers[0].learn(slope)  # the slope in the pixels would be of no use

    def step(self, rate: float, momentum: float = 0.9, decay: float = 0.0) -> None:
        """One step downhill, with Nesterov's momentum and decoupled weight decay, as `keras.optimizers.SGD` has them.

        Source: Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html
        """
        self.vector *= 1 - rate * decay
        self.slope *= rate
        self.velocity *= momentum
        self.velocity -= self.slope
        self.vector += momentum * self.velocity  # Nesterov: as if the slope had been taken where the momentum leads
        self.vector -= self.slope

    def predict(self, x: np.ndarray, at_once: int = 1000) -> np.ndarray:
        """As `forward`, for any number of examples of any number type."""
        parts = [self.forward(x[start:start + at_once].astype(self.dtype)) for start in range(0, len(x), at_once)]
        return np.concatenate(parts)

    def copy(self, dtype: str | None = None) -> "Network":
        """A network with the same weights that goes its own way, in another dtype if one is given."""
        twin = Network(self.sizes, dtype=dtype or self.dtype)
        twin.vector[...], twin.velocity[...] = self.vector, self.velocity
        return twin

    def _draw(self, seed: int) -> None:
        """First weights from a normal distribution that keeps the signal's size from ReLU layer to ReLU layer.

        Source: He et al. 2015, https://arxiv.org/abs/1502.01852
        """
        random = np.random.default_rng(seed)
        for name, array in self.parameters.items():
            if name.endswith("/kernel"):
                array[...] = random.normal(0, np.sqrt(2 / len(array)), array.shape)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Scores (batch, classes) to probabilities: positive, and one in sum. The largest score is taken off, as exp(89) is
    more than float32 can hold; that changes nothing else."""
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    grown /= grown.sum(axis=1, keepdims=True)
    return grown


def cross_entropy(probability: np.ndarray, y: np.ndarray) -> float:
    """The mean of -log(probability of the true class): 0 for a prophet, log(classes) for someone who shrugs."""
    true = probability[np.arange(len(y)), y]
    return float(-np.log(np.maximum(true, np.finfo(true.dtype).tiny)).mean())


def accuracy(probability: np.ndarray, y: np.ndarray) -> float:
    """The share of examples whose true class is the likeliest."""
    return float((probability.argmax(axis=1) == y).mean())


def gradient_errors(network: Network, x: np.ndarray, y: np.ndarray) -> list[dict]:
    """Compare every slope that `backward` finds with TensorFlow's `GradientTape`, both in float64.

    Args:
        network: of any dtype; it isn't changed.
        x: examples (batch, inputs).
        y: their classes, integers (batch,).

    Returns:
        A row per array of weights: `weights`, `shape`, `largest slope`, `largest error`, the last two absolute.
    """
    import tensorflow as tf

    ours = network.copy("float64")
    x = x.astype("float64")
    ours.forward(x)
    ours.backward(y)
    theirs = {name: tf.Variable(array) for name, array in ours.parameters.items()}
    with tf.GradientTape() as tape:
        h = tf.constant(x)
        for number in range(1, len(ours.sizes)):
            h = tf.nn.relu(h) if number > 1 else h
            h = h @ theirs[f"dense_{number}/kernel"] + theirs[f"dense_{number}/bias"]
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, h))
    return [{"weights": name, "shape": " x ".join(map(str, slope.shape)),
             "largest slope": float(np.abs(slope).max()), "largest error": float(np.abs(slope - found).max())}
            for (name, slope), found in zip(tape.gradient(loss, theirs).items(), ours.slopes.values(), strict=True)]


def keras_twin(network: Network, shape: tuple[int, ...], scale: float, name: str):
    """The same network with the same weights as a Keras model, which can be saved, exported and served.

    Args:
        network: a trained one.
        shape: of one example as it is stored, e.g. (28, 28, 1).
        scale: what the stored numbers are multiplied by before the network sees them.
        name: the model's name.

    Returns:
        `keras.Model` from `image`, float32 (batch, *shape), to `probability`, float32 (batch, classes).
    """
    import keras
    from keras import layers

    image = keras.Input(shape, dtype="float32", name="image")
    x = layers.Flatten()(layers.Rescaling(scale)(image))
    for units in network.sizes[1:-1]:
        x = layers.Dense(units, activation="relu")(x)
    x = layers.Dense(network.sizes[-1], activation="softmax", name="probability")(x)
    model = keras.Model(image, x, name=name)
    model.set_weights(list(network.parameters.values()))
    return model
