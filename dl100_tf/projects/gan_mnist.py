"""Digits that nobody wrote, by two nets that play against each other.

Idea    One net makes digits from noise, another tells them from real ones: each learns from what the other can.
Data    MNIST: 60 000 digits to learn from, 10 000 that those made are compared with.
Run     python -m dl100_tf.projects.gan_mnist
Expect  2.53 ± 0.24 FID in cnn_mnist features, 16 epochs, 494 s of training on 2 cores
"""

from dataclasses import dataclass, replace
from typing import Literal

from dl100_tf import cli, evaluation, models, training
from dl100_tf.data import images, mnist
from dl100_tf.errors import UserError
from dl100_tf.models import judges, latents

FRAMES = 36  # points of the film
FEW = 12  # pictures in a row


@dataclass(frozen=True)
class Config(cli.Common):
    dataset: Literal["mnist", "fashion_mnist"] = "mnist"  # digits, or clothes in the same format
    epochs: int = 16  # passes over the training pictures; more than a finished run has extend it
    batch_size: int = 64  # real pictures a step, and as many that are made
    learning_rate: float = 1e-3  # the largest learning rate, of both nets
    schedule: Literal["constant", "linear", "cosine", "one_cycle"] = "linear"  # how the learning rate moves
    keep: Literal["last"] = "last"  # no loss says which epoch is the best
    loss: Literal["minimax", "non_saturating", "least_squares", "wasserstein"] = "non_saturating"  # what each net wants
    latent: int = 48  # numbers that a picture is made from; behind them stands its kind
    kinds: int = 20  # kinds that the generator is asked for, and finds itself; 0: none
    width: int = 16  # filters of the layer next to the picture; the one behind it has twice as many
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
        (28, 28, 1), config.latent, config.width, config.loss, kinds=config.kinds, rate=config.learning_rate,
        momentum=config.momentum, memory=config.memory)


search_space = None  # no loss says which generator is the better one


def predict(model, config, *, count: int = 64, out: str = "grid.png", seed: int = 0, walk: bool = False,
            wanted: int = -1) -> str:
    """Make pictures and write them into one file.

    Args:
        count: how many
        out: the file: .png, or another kind of picture
        seed: the same seed makes the same pictures
        walk: in rows of ten, each from one point to another through what lies between
        wanted: the number of a kind, from 0; -1: all in turn
    """
    if model.input_shape[1] != config.latent + config.kinds:
        raise UserError(f"the net takes {model.input_shape[1]} numbers, and {config.latent} + {config.kinds} are what "
                        "a server's is taken to have: ask this one by --run.")
    points, across = latents.asked(model.input_shape[1], config.kinds, count, seed, walk, wanted)
    images.write(out, latents.sheet(evaluation.pixels(model, points), across))
    return f"{count} pictures in {out}"


def play(config, data, run):
    """Train both nets: the generator as it is saved, and as a model that takes the weights of any epoch."""
    training.set_seeds(config.seed, config.deterministic)
    nets = build_model(config)
    film = training.Snapshots(run, nets.average, latents.points(FRAMES, config.latent, config.seed, config.kinds))
    training.fit(nets, data, run, config, augment=lambda x, y, key, epoch: (x, (y, key)), callbacks=[film])
    return latents.draws(nets.average, "gan_mnist"), latents.draws(nets.generator, "any_epoch")


def recipe(config, run):
    def points(count, stream):
        return latents.points(count, config.latent, (config.seed, stream), config.kinds)

    data = load_data(config)
    judge = evaluation.known_judge(run, config.judge, data)  # first, as its name may be wrong
    model, any_epoch = play(config, data, run)
    run.save(model)
    if judge is None:
        taught = training.teach_judge(judges.net, data, run.part("judge"), config)
        judge = evaluation.Judge(taught, data, f"one that {run.name} taught")
    scores = evaluation.score_pictures(
        run, data, judge, model, points(10_000, 2), mnist.NOUNS[config.dataset], kinds=config.kinds)
    rows = latents.rows(FEW, config.latent, (config.seed, 3), config.kinds)
    probes = points(2000, 1)
    learnt = {config.loss: evaluation.judge_epochs(run, judge, any_epoch, probes)}
    made = {config.loss: evaluation.pixels(model, probes[:FEW])}
    for loss in [loss for loss in models.games.GAMES if loss != config.loss] if config.compare else ():
        other, any_epoch = play(replace(config, loss=loss), data, part := run.part(loss))
        learnt[loss] = evaluation.judge_epochs(part, judge, any_epoch, probes)
        made[loss] = evaluation.pixels(other, probes[:FEW])
    walks = latents.walks(50, config.latent, (config.seed, 4), config.kinds).reshape(5, 10, -1)
    evaluation.explain_generator(run, model, rows, walks, learnt)
    if config.compare:
        evaluation.compare_games(run, learnt, made)
    evaluation.plot(run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
