"""Digits that nobody wrote, by two nets that play against each other.

Idea    One net makes digits from noise, another tells them from real ones: each learns from what the other can.
Data    MNIST: 60 000 digits to learn from, 10 000 that those made are compared with.
Run     python -m dl100_tf.projects.gan_mnist
Expect  not measured yet
"""

from dataclasses import dataclass, replace
from typing import Literal

from dl100_tf import cli, evaluation, models, training
from dl100_tf.data import images, mnist
from dl100_tf.errors import UserError
from dl100_tf.models import judges, latents

FRAMES = 36  # points of the film


@dataclass(frozen=True)
class Config(cli.Common):
    dataset: Literal["mnist", "fashion_mnist"] = "mnist"  # digits, or clothes in the same format
    epochs: int = 12  # passes over the training pictures; more than a finished run has extend it
    batch_size: int = 64  # real pictures a step, and as many that are made
    learning_rate: float = 4e-4  # the largest learning rate, of both nets
    schedule: Literal["constant", "linear", "cosine", "one_cycle"] = "linear"  # how the learning rate moves
    keep: Literal["last"] = "last"  # no loss says which epoch is the best
    loss: Literal["minimax", "non_saturating", "least_squares", "wasserstein"] = "non_saturating"  # what each net wants
    latent: int = 64  # numbers that a picture is made from
    width: int = 32  # filters of the layer next to the picture; the one behind it has twice as many
    momentum: float = 0.5  # Adam's beta_1: the opponent moves, so old slopes mislead
    memory: float = 0.998  # what the running mean of the generator's weights keeps of itself at a step, at most
    judge: str = ""  # a run of cnn_mnist or a .keras file; without it the latest run on the same data, else its own
    compare: bool = False  # play the other three games too, each as long as this one, and set them beside each other


def load_data(config):
    """Pictures, uint8 (n, 28, 28, 1), with a validation part that the critic never learns from."""
    return mnist.load(config.source, config.data_dir, validation=0.05, seed=config.seed, name=config.dataset)


def build_model(config):
    """Both nets, and the step that each takes against the other: see `models/adversarial.py`."""
    return models.adversarial.Adversaries(
        (28, 28, 1), config.latent, config.width, config.loss, rate=config.learning_rate, momentum=config.momentum,
        memory=config.memory)


def predict(model, config, *, count: int = 64, out: str = "grid.png", seed: int = 0, walk: bool = False) -> str:
    """Make pictures and write them into one file.

    Args:
        count: how many
        out: the file: .png, or another kind of picture
        seed: the same seed makes the same pictures
        walk: in rows of ten, each from one point to another through what lies between
    """
    if not 1 <= count <= 10_000 or seed < 0:
        raise UserError("--count goes from 1 to 10000, and --seed from 0 up.")
    points = (latents.walks if walk else latents.points)(count, model.input_shape[1], seed)
    images.write(out, latents.sheet(evaluation.pixels(model, points), 10 if walk else round(count**0.5)))
    return f"{count} pictures in {out}"


def play(config, data, run):
    """Train both nets: the generator as it is saved, and as a model that takes the weights of any epoch."""
    training.set_seeds(config.seed, config.deterministic)
    nets = build_model(config)
    film = training.Snapshots(run, nets.average, latents.points(FRAMES, config.latent, config.seed))
    training.fit(nets, data, run, config, augment=lambda x, y, key, epoch: (x, (y, key)), callbacks=[film])
    return latents.draws(nets.average, "gan_mnist"), latents.draws(nets.generator, "any_epoch")


def taught(config, data, run):
    """A classifier that learns for a minute to judge pictures, where none is there."""
    training.set_seeds(0, config.deterministic)
    net = judges.net(data.train.x.shape[1:], len(data.labels))
    training.fit(net, data, run.part("judge"), cli.Common(
        epochs=3, batch_size=96, learning_rate=4e-3, schedule="one_cycle", deterministic=config.deterministic))
    return evaluation.Judge(net, data, f"one that {run.name} taught for 3 epochs")


def recipe(config, run):
    data = load_data(config)
    judge = evaluation.known_judge(run, config.judge, data)  # first, as its name may be wrong
    model, any_epoch = play(config, data, run)
    run.save(model)
    judge = judge or taught(config, data, run)
    scores = evaluation.score_pictures(run, data, judge, model, latents.points(10_000, config.latent, (config.seed, 2)),
                                       mnist.NOUNS[config.dataset])
    shown, probes = (latents.points(count, config.latent, seed) for count, seed in (
        (48, config.seed), (2000, (config.seed, 1))))
    learnt = {config.loss: evaluation.judge_epochs(run, data, judge, any_epoch, probes)}
    made = {config.loss: evaluation.pixels(model, shown[:12])}
    for loss in [loss for loss in models.adversarial.GAMES if loss != config.loss] if config.compare else ():
        other, any_epoch = play(replace(config, loss=loss), data, part := run.part(loss))
        learnt[loss] = evaluation.judge_epochs(part, data, judge, any_epoch, probes)
        made[loss] = evaluation.pixels(other, shown[:12])
    evaluation.explain_generator(run, model, [("", row) for row in shown.reshape(4, 12, -1)],
                                 latents.walks(50, config.latent, config.seed).reshape(5, 10, -1), learnt)
    if config.compare:
        evaluation.compare_games(run, learnt, made)
    evaluation.plot(run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
