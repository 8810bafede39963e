"""Clothes, or whatever a folder shows, by two nets that play against each other; told what to make, if you like.

Idea    The game of gan_mnist on other pictures; told a class, one net makes it and the other checks that it is that.
Data    Fashion-MNIST: 60 000 pictures of clothes; or any folder of pictures, grey or in colour, at 28 to 64 pixels.
Run     python -m dl100_tf.projects.gan_fashion
Expect  not measured yet
"""

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dl100_tf import cli, evaluation, models, training
from dl100_tf.data import folders, images, mnist
from dl100_tf.errors import UserError
from dl100_tf.models import judges, latents

LATENT = 64  # numbers that a picture is made from; behind them is the class, of a net that is told one


@dataclass(frozen=True)
class Config(cli.Common):
    folder: str = ""  # pictures to learn from instead of Fashion-MNIST; folders inside are classes
    size: int = 28  # pixels a side, of a folder's pictures: 28 to 64 in steps of 4
    conditional: bool = False  # tell both nets the class
    epochs: int = 10  # passes over the training pictures; more than a finished run has extend it
    batch_size: int = 64  # real pictures a step, and as many that are made
    learning_rate: float = 4e-4  # the largest learning rate, of both nets
    schedule: Literal["constant", "linear", "cosine", "one_cycle"] = "linear"  # how the learning rate moves
    keep: Literal["last"] = "last"  # no loss says which epoch is the best
    loss: Literal["minimax", "non_saturating", "least_squares", "wasserstein"] = "non_saturating"  # what each net wants
    width: int = 32  # filters of the layer next to the picture; the one behind it has twice as many
    judge: str = ""  # a run of cnn_mnist or a .keras file; without it the latest run on the same data, else its own

    def __post_init__(self):
        super().__post_init__()
        if self.folder and self.source in ("tfds", "sample"):
            raise UserError(f"--folder names the pictures, and --source {self.source} others: leave one of them out.")
        if self.size not in (judges.SIZES if self.folder else (mnist.SIDE,)):
            raise UserError(f"--size can't be {self.size}: Fashion-MNIST's pictures have 28 pixels a side, those of a "
                            "--folder get 28 to 64 in steps of 4.")


def load_data(config):
    """Pictures, uint8 (n, h, w, c), with a validation part that the critic never learns from."""
    if config.folder:
        return folders.load_any(config.folder, config.size, 0.05, config.seed)
    return mnist.load(config.source, config.data_dir, validation=0.05, seed=config.seed, name="fashion_mnist")


def build_model(config, shape, classes: int):
    """Both nets, and the step that each takes against the other: see `models/adversarial.py`."""
    return models.adversarial.Adversaries(shape, LATENT, config.width, config.loss, classes, config.learning_rate)


def predict(model, config, *, count: int = 64, out: str = "grid.png", seed: int = 0, walk: bool = False,
            wanted: int = -1) -> str:
    """Make pictures and write them into one file.

    Args:
        count: how many
        out: the file: .png, or another kind of picture
        seed: the same seed makes the same pictures
        walk: in rows of ten, each from one point to another through what lies between
        wanted: the number of a class, from 0, of a net that is told one; -1: all in turn
    """
    classes = model.input_shape[1] - LATENT
    if not 1 <= count <= 10_000 or seed < 0:
        raise UserError("--count goes from 1 to 10000, and --seed from 0 up.")
    if not -1 <= wanted < max(classes, 0) or (wanted >= 0 and not classes):
        raise UserError(f"--wanted can't be {wanted}: this net " + (
            f"knows the classes 0 to {classes - 1}." if classes else "isn't told a class (--conditional trains one)."))
    points = (latents.walks if walk else latents.points)(count, LATENT, seed, classes, None if wanted < 0 else wanted)
    images.write(out, latents.sheet(evaluation.pixels(model, points), 10 if walk else round(count**0.5)))
    return f"{count} pictures in {out}"


def taught(config, data, run):
    """A classifier that learns for a minute to judge pictures, where none is there."""
    training.set_seeds(0, config.deterministic)
    net = judges.net(data.train.x.shape[1:], len(data.labels))
    training.fit(net, data, run.part("judge"), cli.Common(
        epochs=3, batch_size=96, learning_rate=4e-3, schedule="one_cycle", deterministic=config.deterministic))
    return evaluation.Judge(net, data, f"one that {run.name} taught for 3 epochs")


def recipe(config, run):
    data = load_data(config)
    labels = data.labels if config.conditional else ()
    if len(labels) == 1:
        raise UserError("--conditional needs two classes or more: make a folder for each, or leave the flag out.")

    def points(count, stream, wanted=None):
        return latents.points(count, LATENT, (config.seed, stream), len(labels), wanted)

    judge = evaluation.known_judge(run, config.judge, data)  # first, as its name may be wrong
    training.set_seeds(config.seed, config.deterministic)
    nets = build_model(config, data.train.x.shape[1:], len(labels))
    training.fit(nets, data, run, config, augment=lambda x, y, key, epoch: (x, (y, key)),
                 callbacks=[training.Snapshots(run, nets.average, points(36, 0))])
    model = latents.draws(nets.average, "gan_fashion")
    run.save(model)
    judge = judge or taught(config, data, run)
    mix = functools.partial(np.resize, data.test.y)  # as many of each class as in the test
    scores = evaluation.score_pictures(run, data, judge, model, points(10_000, 2, mix(10_000)), classes=labels)
    rows = [(label, points(12, 3, number)) for number, label in enumerate(labels)] or [
        ("", row) for row in points(48, 3).reshape(4, 12, -1)]
    walks = latents.walks(50, LATENT, config.seed, len(labels)).reshape(5, 10, -1)
    any_epoch = latents.draws(nets.generator, "any_epoch")
    learnt = evaluation.judge_epochs(run, data, judge, any_epoch, points(2000, 1, mix(2000)))
    evaluation.explain_generator(run, model, rows, walks, {config.loss: learnt})
    evaluation.plot(run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
