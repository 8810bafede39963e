"""Ten kinds of things in small photographs, with a convolutional net built to learn fast.

Idea    Filters that know how pixels go together; seven convolutions; pictures that grow while it learns.
Data    CIFAR-10: 50 000 photographs to learn from, 10 000 to be tested on.
Run     python -m dl100_tf.projects.cnn_cifar10
Expect  89.32 ± 0.10 % test accuracy, 15 epochs, 885 s of training on 2 cores
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dl100_tf import cli, evaluation, training
from dl100_tf.data import cifar10, images
from dl100_tf.errors import UserError
from dl100_tf.models import judges_views, pass_on, whiten

SIDE, STEP = 32, 4  # pixels of a picture; by how many it grows
LOUD = 8  # how much a bias weighs beside what it is added to; it then learns LOUD² times as fast


@dataclass(frozen=True)
class Config(cli.Common):
    epochs: int = 15  # passes over the training pictures; more than a finished run has extend it
    batch_size: int = 256  # pictures a step
    learning_rate: float = 0.25  # the largest learning rate
    schedule: cli.Schedule = "one_cycle"  # how the learning rate moves
    keep: Literal["best", "last"] = "last"  # once the learning rate has come down, the last weights are the best
    turn: float = 0.14  # by what part of its length a step turns a convolution's kernel, at a learning rate of 1
    momentum: float = 0.85  # of all other weights: part of the last step's speed that is kept
    decay: float = 0.009  # weight decay of all others: what a weight loses at a learning rate of 1
    smoothing: float = 0.2  # part of a label that is spread over all ten
    patch: Literal[1, 2, 3, 4] = 2  # side of the patches, in pixels, the first layer takes apart; 1: --components 3
    components: int = 6  # how many of a patch's components are taken, those that vary most
    widths: tuple[int, ...] = (32, 96, 192)  # filters of the convolutions of each block
    smallest: Literal[16, 20, 24, 28, 32] = 24  # side of the pictures, in pixels, in the first epochs
    shift: Literal[0, 1, 2, 3, 4] = 2  # by how many pixels a training picture moves at most
    held_out: float = 0.02  # part of the training pictures that judges the epochs, and that nothing is learnt from
    mirror: bool = True  # show the training pictures mirrored every other time
    views: Literal["one", "two", "six"] = "six"  # judge a picture alone, mirrored too, or moved by a pixel as well

    def __post_init__(self):
        super().__post_init__()
        if not 1 <= len(self.widths) <= 4 or min(self.widths) < 1:
            raise UserError("--widths takes one to four whole numbers above 0: each block halves the picture.")
        if (self.smallest - self.patch + 1) >> len(self.widths) < 1:
            raise UserError(f"--smallest {self.smallest} can't be halved for each of the --widths: make it larger.")
        if self.components > 3 * self.patch ** 2:
            raise UserError(f"--components goes to {3 * self.patch ** 2} where --patch is {self.patch}.")


def load_data(config):
    """Photographs, uint8 (n, 32, 32, 3), with a validation part held out of the training pictures."""
    return cifar10.load(config.source, config.data_dir, validation=config.held_out, seed=config.seed)


def build_model(config):
    """Pixels (batch, height, width, 3), 0 to 255, in; the probability of each label (batch, 10) out."""
    import keras
    from keras import layers

    gamma = keras.initializers.Constant(1 / LOUD)
    start = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
    pictures = keras.Input((None, None, 3), name="pictures")  # of any size: they grow while it learns
    x = layers.Rescaling(1 / 255)(pictures)
    x = layers.Conv2D(2 * config.components, config.patch, trainable=False, activation="relu", name="whitening")(x)
    for number, width in enumerate(config.widths, start=1):
        for part in "abc" if number == len(config.widths) else "ab":  # where the picture is smallest, one more is cheap
            convolve = layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer=start,
                                     name=f"convolution_{number}{part}")
            norm = layers.BatchNormalization(momentum=0.94, epsilon=1e-5, gamma_initializer=gamma)
            y = layers.MaxPooling2D(2)(convolve(x)) if part == "a" else convolve(x)  # the rest is a quarter of the work
            y = layers.Activation("relu")(norm(y))
            x = layers.Add()([x, y]) if part == "c" else y
            pass_on(convolve)
            norm.gamma.trainable = False
    x = layers.GlobalMaxPooling2D()(x)
    x = layers.Dense(len(cifar10.LABELS), use_bias=False, kernel_initializer=start)(x)
    x = layers.Rescaling(LOUD / 9)(x)  # so that it begins undecided, and stays longer in doubt
    net = keras.Model(pictures, layers.Softmax(name="probability", dtype="float32")(x), name="cnn_cifar10")
    net.compile(training.Muon(config.learning_rate, config.momentum, config.decay, config.turn),
                keras.losses.CategoricalCrossentropy(label_smoothing=config.smoothing), metrics=["accuracy"])
    return net


def predict(model, config, image: Path):
    """What a picture shows, of the ten kinds of things in CIFAR-10."""
    return model.predict(images.read(image, SIDE)[None], verbose=0)[0]


def augmentation(config):
    """What happens to a training batch: mirrored, moved, shrunk (small pictures teach faster, the last are whole)."""
    sides = range(SIDE, config.smallest - 1, -STEP)

    def changed(x, y, key, epoch):
        side = sides[(config.epochs - 1 - epoch) * len(sides) // config.epochs]
        x = training.augment.alternate(x, epoch) if config.mirror else x
        return training.augment.shrink(training.augment.shift(x, key, config.shift, fill="mirror"), side), y
    return changed


def recipe(config, run):
    data = load_data(config)
    net = build_model(config)
    whiten(net.get_layer("whitening"), data.train.x)
    training.fit(net, data.one_hot(), run, config, augment=augmentation(config))
    model = judges_views(net, (SIDE, SIDE, 3), mirror=config.views != "one", pixels=int(config.views == "six"))
    run.save(model)
    scores = evaluation.score(model, data, run, noun="pictures")
    alone = net.evaluate(data.test.x, data.one_hot().test.y, verbose=0, return_dict=True)["accuracy"]
    evaluation.table(run, "views", [{"views": "one", "accuracy": alone}, {
        "views": config.views, "accuracy": scores["metrics"]["accuracy"]}], "One look or several")
    evaluation.plot(run)
    evaluation.explain_images(model, data, run, cam=evaluation.grad_cam(net, f"convolution_{len(config.widths)}a"))
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
