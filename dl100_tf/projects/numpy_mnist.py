"""Handwritten digits with a network in NumPy alone.

Idea    Forwards through the layers, backwards with the chain rule, one step downhill; 13 000 times.
Data    MNIST: 60 000 digits to learn from, 10 000 to be tested on.
Run     python -m dl100_tf.projects.numpy_mnist
Expect  98.58 ± 0.05 % test accuracy, 15 epochs, 27 s of training on 2 cores
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dl100_tf import cli, evaluation, training
from dl100_tf.data import images, mnist
from dl100_tf.data.console import watched
from dl100_tf.models import scratch

SCALE = 1 / 255  # pixels come as 0 to 255, and a network learns best from numbers around 1
RATES = (0.01, 0.03, 0.1, 0.3)
WIDTHS = ((32,), (128,), (512,), (512, 256))


@dataclass(frozen=True)
class Config(cli.Common):
    dataset: Literal["mnist", "fashion_mnist"] = "mnist"  # digits, or clothes in the same format
    epochs: int = 15  # passes over the training pictures; more than a finished run has extend it
    batch_size: int = 64  # pictures a step
    learning_rate: float = 0.1  # the largest learning rate
    schedule: cli.Schedule = "cosine"  # how the learning rate moves
    hidden: tuple[int, ...] = (512, 256)  # units of each hidden layer
    momentum: float = 0.9  # part of the last step's speed that is kept
    decay: float = 3e-3  # weight decay: what every weight loses at a learning rate of 1
    sweep: bool = True  # at the end, try learning rates and widths on a part of the pictures


def load_data(config):
    """Pictures, uint8 (n, 28, 28, 1), with a validation part held out of the training pictures."""
    return mnist.load(config.source, config.data_dir, validation=0.05, seed=config.seed, name=config.dataset)


def build_model(config):
    """Pixels (batch, 784) in, the probability of each class (batch, 10) out."""
    return scratch.Network((784, *config.hidden, 10), config.seed)


def predict(model, config, image: Path):
    """Which digit a picture shows (or which piece of clothing, after training on those)."""
    return model.predict(images.read_digit(image)[None], verbose=0)[0]


def pixels(x):
    """Pictures (n, 28, 28, 1), 0 to 255, as rows of numbers between 0 and 1."""
    return x.reshape(len(x), -1) * np.float32(SCALE)


def learn(net, x, y, rate, config):
    """One step: forwards, backwards, downhill. Returns the loss and the accuracy that came before it."""
    probability = net.forward(pixels(x))
    net.backward(y)
    net.step(rate, config.momentum, config.decay)
    return measure(probability, y)


def measure(probability, y):
    """The loss and the accuracy."""
    return {"loss": scratch.cross_entropy(probability, y), "accuracy": scratch.accuracy(probability, y)}


def sweep(config, data, run):
    """Validation loss and accuracy after three quick epochs, for every pair of width and learning rate; a row each."""
    part = data.take_train(10_000, config.seed).train
    pairs = [(hidden, rate) for hidden in WIDTHS for rate in RATES]
    rows = run.read_json("sweep.json", [])  # of the pairs that an interrupted session has tried already
    for hidden, rate in watched(pairs[len(rows):], "trying widths and learning rates", len(pairs) - len(rows)):
        net = scratch.Network((784, *hidden, 10), config.seed)
        random = np.random.default_rng(config.seed)
        for _ in range(3):
            for at in np.array_split(random.permutation(len(part)), max(1, len(part) // config.batch_size)):
                learn(net, part.x[at], part.y[at], rate, config)
        found = measure(net.predict(pixels(data.validation.x)), data.validation.y)
        rows.append({"hidden units": ", ".join(map(str, hidden)), "learning rate": str(rate),
                     "parameters": len(net.vector), "validation loss": found["loss"],
                     "validation accuracy": found["accuracy"]})
        run.write_json("sweep.json", rows)
    return rows


def recipe(config, run):
    data = load_data(config)
    net = build_model(config)
    loop = training.Loop(run, data, config, net.weights)
    for _ in loop:
        for x, y in loop.batches():
            loop.add(**learn(net, x, y, loop.learning_rate, config))
        loop.validated(**measure(net.predict(pixels(data.validation.x)), data.validation.y))
    model = scratch.keras_twin(net, data.train.x.shape[1:], SCALE, "numpy_mnist")  # to be saved and served
    run.save(model)
    scores = evaluation.score(model, data, run, noun=mnist.NOUNS[config.dataset])
    evaluation.table(run, "gradients", scratch.gradient_errors(net, pixels(data.test.x[:128]), data.test.y[:128]),
                     "Our gradients against TensorFlow's", "In float64, of the trained network, on 128 test pictures.")
    if config.sweep:
        evaluation.table(run, "sweep", sweep(config, data, run), "Learning rate and width",
                         "Measured on the validation pictures after 3 epochs over 10 000 pictures at most.")
    evaluation.plot(run)
    evaluation.explain_images(model, data, run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
