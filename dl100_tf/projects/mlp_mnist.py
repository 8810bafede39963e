"""Handwritten digits with a deeper network in Keras, and nothing but dense layers.

Idea    The network of numpy_mnist in Keras, then deeper: normalised, with dropout, on digits moved a little every time.
Data    MNIST: 60 000 digits to learn from, 10 000 to be tested on.
Run     python -m dl100_tf.projects.mlp_mnist
Expect  99.20 ± 0.02 % test accuracy, 14 epochs, 100 s of training on 2 cores
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dl100_tf import cli, evaluation, training
from dl100_tf.data import images, mnist


@dataclass(frozen=True)
class Config(cli.Common):
    dataset: Literal["mnist", "fashion_mnist"] = "mnist"  # digits, or clothes in the same format
    epochs: int = 14  # passes over the training pictures; more than a finished run has extend it
    batch_size: int = 64  # pictures a step
    learning_rate: float = 2e-3  # the largest learning rate
    schedule: cli.Schedule = "one_cycle"  # how the learning rate moves
    hidden: tuple[int, ...] = (512, 256, 128)  # units of each hidden layer
    normalise: bool = True  # give every unit a mean of 0 and a spread of 1 over the batch, before its ReLU
    dropout: float = 0.1  # part of each hidden layer left out while training
    decay: float = 0.01  # weight decay of AdamW
    augment: bool = True  # turn, zoom and move every training picture a little, anew each time
    degrees: float = 10.0  # how far it turns at most
    zoom: float = 0.1  # by what part it grows or shrinks at most
    pixels: float = 2.0  # how far it moves at most, to any side
    histograms: bool = False  # TensorBoard also gets histograms of all weights, and pictures: first layer and mistakes


def load_data(config):
    """Pictures, uint8 (n, 28, 28, 1), with a validation part held out of the training pictures."""
    return mnist.load(config.source, config.data_dir, validation=0.05, seed=config.seed, name=config.dataset)


def build_model(config):
    """Raw pixels (batch, 28, 28, 1) in, the probability of each class (batch, 10) out."""
    import keras
    from keras import layers

    image = keras.Input((28, 28, 1), dtype="float32", name="image")
    x = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    for number, units in enumerate(config.hidden, 1):
        x = layers.Dense(units, kernel_initializer="he_normal", name=f"dense_{number}")(x)
        if config.normalise:
            x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        if config.dropout:
            x = layers.Dropout(config.dropout)(x)
    probability = layers.Dense(10, activation="softmax", name="probability")(x)
    model = keras.Model(image, probability, name="mlp_mnist")
    model.compile(keras.optimizers.AdamW(config.learning_rate, weight_decay=config.decay),
                  "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def predict(model, config, image: Path):
    """Which digit a picture shows (or which piece of clothing, after training on those)."""
    return model.predict(images.read_digit(image)[None], verbose=0)[0]


def moved(config):
    """What happens to every batch of training pictures: each is turned, zoomed and moved by chance."""
    def move(x, y, key, epoch):
        return training.augment.warp(x, key, config.degrees, config.zoom, config.pixels), y

    return move if config.augment else None


def first_layer(model):
    """The weights of the first units where their pixels are, as rows of pictures: grey for 0."""
    units = model.get_layer("dense_1").get_weights()[0].T[:24].reshape(-1, 28, 28, 1)
    units = 0.5 + 0.5 * units / abs(units).max(axis=(1, 2, 3), keepdims=True)
    return [("", units[start:start + 12]) for start in range(0, len(units), 12)]


def recipe(config, run):
    data = load_data(config)
    model = build_model(config)
    inside = []
    if config.histograms:
        inside.append(training.LookInside(run.path("tensorboard/inside"), data.validation, data.labels))
    training.fit(model, data, run, config, moved(config), inside)
    run.save(model)
    scores = evaluation.score(model, data, run, noun=mnist.NOUNS[config.dataset])
    evaluation.compare(run, ["numpy_mnist"])
    evaluation.draw_pictures(run, "first_layer", first_layer(model), "What units of the first layer look for: ink where"
                             " it is white counts for the unit, ink where it is black against it, grey is all one.")
    evaluation.plot(run)
    evaluation.explain_images(model, data, run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
