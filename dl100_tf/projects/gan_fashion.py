"""Clothes, or whatever a folder shows, by two nets that play against each other; told what to make, if you like.

Idea    The game of gan_mnist on other pictures; told a class, one net makes it and the other checks that it is that.
Data    Fashion-MNIST: 60 000 pictures of clothes; or any folder of pictures, grey or in colour, at 28 to 64 pixels.
Run     python -m dl100_tf.projects.gan_fashion
Expect  2.96 ± 0.24 FID in cnn_mnist features with --conditional, 16 epochs, 447 s of training on 2 cores
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dl100_tf import cli, evaluation, models, training
from dl100_tf.data import folders, images, mnist
from dl100_tf.errors import UserError
from dl100_tf.models import judges, latents

LATENT = 48  # numbers that a picture is made from; behind them is the class, or the kind, that is asked for


@dataclass(frozen=True)
class Config(cli.Common):
    folder: str = ""  # pictures to learn from instead of Fashion-MNIST; folders inside are classes
    size: int = 28  # pixels a side, of a folder's pictures: 28 to 64 in steps of 4
    conditional: bool = False  # tell both nets the class
    kinds: int = 20  # without classes: kinds that the generator is asked for, and finds itself; 0: none
    epochs: int = 16  # passes over the training pictures; more than a finished run has extend it
    batch_size: int = 64  # real pictures a step, and as many that are made
    learning_rate: float = 1e-3  # the largest learning rate, of both nets
    schedule: Literal["constant", "linear", "cosine", "one_cycle"] = "linear"  # how the learning rate moves
    keep: Literal["last"] = "last"  # no loss says which epoch is the best
    loss: Literal["minimax", "non_saturating", "least_squares", "wasserstein"] = "non_saturating"  # what each net wants
    width: int = 16  # filters of the layer next to the picture; the one behind it has twice as many
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
    return models.adversarial.Adversaries(shape, LATENT, config.width, config.loss, classes, config.kinds,
                                          config.learning_rate)


search_space = None  # no loss says which generator is the better one


def predict(model, config, *, count: int = 64, out: str = "grid.png", seed: int = 0, walk: bool = False,
            wanted: int = -1) -> str:
    """Make pictures and write them into one file.

    Args:
        count: how many
        out: the file: .png, or another kind of picture
        seed: the same seed makes the same pictures
        walk: in rows of ten, each from one point to another through what lies between
        wanted: the number of a class, or of a kind, from 0; -1: all in turn
    """
    points, across = latents.asked(model.input_shape[1], model.input_shape[1] - LATENT, count, seed, walk, wanted)
    images.write(out, latents.sheet(evaluation.pixels(model, points), across))
    return f"{count} pictures in {out}"


def recipe(config, run):
    data = load_data(config)
    labels = data.labels if config.conditional else ()
    if len(labels) == 1:
        raise UserError("--conditional needs two classes or more: make a folder for each, or leave the flag out.")

    told = len(labels) or config.kinds  # a class, or a kind

    def points(count, stream):
        mix = np.resize(data.test.y, count) if labels else None  # as many of each class as in the test
        return latents.points(count, LATENT, (config.seed, stream), told, mix)

    judge = evaluation.known_judge(run, config.judge, data)  # first, as its name may be wrong
    training.set_seeds(config.seed, config.deterministic)
    nets = build_model(config, data.train.x.shape[1:], len(labels))
    training.fit(nets, data, run, config, augment=lambda x, y, key, epoch: (x, (y, key)),
                 callbacks=[training.Snapshots(run, nets.average, latents.points(36, LATENT, config.seed, told))])
    model = latents.draws(nets.average, "gan_fashion")
    run.save(model)
    if judge is None:
        taught = training.teach_judge(judges.net, data, run.part("judge"), config)
        judge = evaluation.Judge(taught, data, f"one that {run.name} taught")
    scores = evaluation.score_pictures(run, data, judge, model, points(10_000, 2), classes=labels, kinds=config.kinds)
    learnt = evaluation.judge_epochs(run, judge, latents.draws(nets.generator, "any_epoch"), points(2000, 1))
    rows = latents.rows(12, LATENT, (config.seed, 3), told, labels)
    walks = latents.walks(50, LATENT, (config.seed, 4), told).reshape(5, 10, -1)
    evaluation.explain_generator(run, model, rows, walks, {config.loss: learnt})
    evaluation.plot(run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
