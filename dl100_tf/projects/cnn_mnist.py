"""Handwritten digits with a basic convolutional net.

Idea    Small filters slide over the picture, three layers of them; digits come turned, zoomed and moved a little.
Data    MNIST: 60 000 digits to learn from, 10 000 to be tested on.
Run     python -m dl100_tf.projects.cnn_mnist
Expect  99.59 ± 0.06 % test accuracy, 14 epochs, 155 s of training on 2 cores
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
    batch_size: int = 96  # pictures a step
    learning_rate: float = 4e-3  # the largest learning rate
    schedule: cli.Schedule = "one_cycle"  # how the learning rate moves
    turn: float = 8.0  # degrees by which a training picture is turned at most
    zoom: float = 0.08  # part by which it grows or shrinks at most
    move: float = 1.5  # pixels by which it moves at most
    smoothing: float = 0.1  # part of a label that is spread over all ten


def load_data(config):
    """Pictures, uint8 (n, 28, 28, 1), with a validation part held out of the training pictures."""
    return mnist.load(config.source, config.data_dir, validation=0.05, seed=config.seed, name=config.dataset)


def build_model(config):
    """Pixels (batch, 28, 28, 1), 0 to 255, in; the probability of each label (batch, 10) out."""
    import keras
    from keras import layers

    x = image = keras.Input((28, 28, 1), name="image")
    x = layers.Rescaling(1 / 255)(x)
    # What costs time is places times filters: the first layer visits every other place, the second has few filters.
    for number, (filters, size, stride, pool) in enumerate(((32, 5, 2, 1), (48, 3, 1, 2), (96, 3, 1, 1)), start=1):
        x = layers.Conv2D(filters, size, stride, use_bias=False, name=f"convolution_{number}")(x)
        x = layers.MaxPooling2D(pool)(x) if pool > 1 else x
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    probability = layers.Dense(10, activation="softmax", name="probability")(layers.Flatten()(x))
    model = keras.Model(image, probability, name="cnn_mnist")
    model.compile(optimizer=keras.optimizers.Adam(config.learning_rate),
                  loss=keras.losses.CategoricalCrossentropy(label_smoothing=config.smoothing), metrics=["accuracy"])
    return model


def predict(model, config, image: Path):
    """Which digit a picture shows (or which piece of clothing, after training on those)."""
    return model.predict(images.read_digit(image)[None], verbose=0)[0]


def augmentation(config):
    """What happens to the pictures of a training batch: another hand would have written them a little differently."""
    return lambda x, y, key, epoch: (training.augment.warp(x, key, config.turn, config.zoom, config.move), y)


def recipe(config, run):
    data = load_data(config)
    model = build_model(config)
    training.fit(model, data.one_hot(), run, config, augment=augmentation(config))
    run.save(model)
    scores = evaluation.score(model, data, run, noun=mnist.NOUNS[config.dataset])
    evaluation.compare(run, ["numpy_mnist", "mlp_mnist"])
    evaluation.plot(run)
    evaluation.draw_layers(model, data.test.x[0], run)
    few = data.train.x[:12]
    evaluation.draw_pictures(run, "augmentation", [("as they are", few)] + [
        ("changed", augmentation(config)(few, None, (0, again), 0)[0]) for again in range(3)],
        "Training pictures as they are, and as the net gets to see them: in every epoch others.")
    evaluation.explain_images(model, data, run, cam=evaluation.grad_cam(model, "convolution_2"))
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
