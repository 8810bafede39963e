"""Clothes, or whatever a folder shows, by two nets that play against each other; told what to make, if you like.

Idea    The game of gan_mnist on other pictures; told a class, one net makes it and the other checks that it is that.
Data    Fashion-MNIST: 60 000 pictures of clothes; or any folder of pictures, grey or in colour, at 28 to 64 pixels.
Run     python -m dl100_tf.projects.gan_fashion
Expect  not measured yet
"""

from dataclasses import dataclass
from typing import Literal

from dl100_tf import cli, evaluation, training
from dl100_tf.data import folders, images, mnist
from dl100_tf.errors import UserError
from dl100_tf.models import adversarial, judges, latents

NOUN = mnist.NOUNS["fashion_mnist"]


@dataclass(frozen=True)
class Config(cli.Common):
    folder: str = ""  # pictures to learn from instead of Fashion-MNIST; folders inside are classes
    size: int = 28  # pixels a side, of a folder's pictures: 28 to 64 in steps of 4
    conditional: bool = False  # tell both nets the class
    epochs: int = 10  # passes over the training pictures; more than a finished run has extend it
    batch_size: int = 128  # real pictures a step, and as many that are made
    learning_rate: float = 4e-4  # the largest learning rate, of both nets
    keep: Literal["last"] = "last"  # no loss says which epoch is the best
    loss: Literal["minimax", "non_saturating", "least_squares", "wasserstein"] = "non_saturating"  # what each net wants
    latent: int = 64  # numbers that a picture is made from
    width: int = 32  # filters of the layer next to the picture; the one behind it has twice as many
    momentum: float = 0.5  # Adam's beta_1
    memory: float = 0.999  # what the running mean of the generator's weights keeps at every step
    judge: str = ""  # a run of cnn_mnist or a .keras file; without it the latest run on the same data, else its own

    def __post_init__(self):
        super().__post_init__()
        if self.schedule == "plateau":
            raise UserError("--schedule plateau isn't made for this recipe: use constant, linear, cosine or one_cycle.")
        if self.size not in adversarial.SIZES:
            raise UserError(f"--size can't be {self.size}: it goes from 28 to 64 in steps of 4.")
        if self.size != 28 and not self.folder:
            raise UserError("--size is for pictures of a --folder: Fashion-MNIST's have 28 pixels a side.")


def load_data(config):
    """Pictures, uint8 (n, h, w, c), with a validation part that the critic never learns from."""
    if config.folder:
        return folders.load_any(config.folder, config.size, 0.05, config.seed)
    return mnist.load(config.source, config.data_dir, validation=0.05, seed=config.seed, name="fashion_mnist")


def build_model(config, shape, classes: int):
    """Both nets, and the step that each takes against the other: see `models/adversarial.py`."""
    return adversarial.Adversaries(shape, config.latent, config.width, config.loss, classes, config.learning_rate,
                                   config.momentum, config.memory)


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
    classes = model.input_shape[1] - config.latent
    if not 1 <= count <= 10_000 or seed < 0:
        raise UserError("--count goes from 1 to 10000, and --seed from 0 up.")
    if not -1 <= wanted < max(classes, 0) or (wanted >= 0 and not classes):
        raise UserError(f"--wanted can't be {wanted}: this net " + (
            f"knows the classes 0 to {classes - 1}." if classes else "isn't told a class (--conditional trains one)."))
    draw = latents.walks if walk else latents.points
    points = draw(count, config.latent, seed, classes, None if wanted < 0 else wanted)
    images.write(out, latents.sheet(latents.made(model, points), 10 if walk else round(count**0.5)))
    return f"{count} pictures in {out}"


def judged(config, data, run):
    """The classifier in whose eyes pictures are measured; where there is one class, pixels are compared."""
    if len(data.labels) < 2:
        return evaluation.Pixels()
    found = evaluation.known_judge(run, config.judge, data)
    if found is None:
        training.set_seeds(0, config.deterministic)
        found = judges.net(data.train.x.shape[1:], len(data.labels))
        training.fit(found, data, run.part("judge"), cli.Common(
            epochs=3, batch_size=96, learning_rate=4e-3, schedule="one_cycle", deterministic=config.deterministic))
    return evaluation.Judge(found, data)


def recipe(config, run):
    data = load_data(config)
    labels = data.labels if config.conditional else ()
    if config.conditional and len(data.labels) < 2:
        raise UserError("--conditional needs two classes or more: make a folder for each, or leave the flag out.")
    nets = build_model(config, data.train.x.shape[1:], len(labels))
    film = training.Snapshots(run, nets.average, latents.points(36, config.latent, config.seed, len(labels)))
    training.fit(nets, data, run, config, augment=lambda x, y, key, epoch: (x, (y, key)), callbacks=[film])
    model = latents.draws(nets.average, "gan_fashion")
    run.save(model)
    judge = judged(config, data, run)
    scores = evaluation.score_pictures(run, data, judge, model, latents.points(
        10_000, config.latent, (config.seed, 2), len(labels)), "pictures" if config.folder else NOUN, labels)
    replay = latents.replay(nets.generator, latents.points(2000, config.latent, (config.seed, 1), len(labels)))
    rows = [(label, latents.points(12, config.latent, config.seed, len(labels), number)) for number, label in enumerate(
        labels)] or [("", row) for row in latents.points(48, config.latent, config.seed).reshape(4, 12, -1)]
    walks = latents.walks(50, config.latent, config.seed, len(labels)).reshape(5, 10, -1)
    learnt = evaluation.judge_epochs(run, data, judge, replay)
    evaluation.explain_generator(run, model, rows, walks, {config.loss: learnt})
    evaluation.plot(run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
