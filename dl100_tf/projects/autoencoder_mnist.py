"""Digits through a few numbers and back, and noise taken away on the way.

Idea    A picture has to go through a narrow place: the net keeps what pictures have in common, and noise isn't that.
Data    MNIST: 60 000 digits to learn from, 10 000 to be tested on.
Run     python -m dl100_tf.projects.autoencoder_mnist
Expect  0.272 ± 0.006 of PCA's test error with 32 numbers, 10 epochs, 541 s of training on 2 cores
"""

import functools
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from dl100_tf import cli, evaluation, training
from dl100_tf.data import console, images, mnist
from dl100_tf.errors import UserError
from dl100_tf.models import autoencoders

Noise = Literal["gaussian", "salt_and_pepper", "erased"]
TEST_KEY, HELD_KEY = (0, 1), (0, 2)  # what noise on the test and the validation pictures is drawn by, in every run


@dataclass(frozen=True)
class Config(cli.Common):
    dataset: Literal["mnist", "fashion_mnist"] = "mnist"  # digits, or clothes in the same format
    epochs: int = 10  # passes over the training pictures; more than a finished run has extend it
    batch_size: int = 128  # pictures a step
    learning_rate: float = 2e-3  # the largest learning rate
    schedule: cli.Schedule = "one_cycle"  # how the learning rate moves
    sizes: tuple[int, ...] = (2, 8, 32)  # bottlenecks beside PCA: to how many numbers a picture is reduced
    code: int = 128  # numbers in the bottleneck of the net that takes noise away, which is the one that is saved
    noise: tuple[Noise, ...] = ("gaussian", "salt_and_pepper", "erased")  # kinds that it learns to take away
    sigma: float = 0.5  # standard deviation of the gaussian noise, white being 1
    share: float = 0.3  # of the pixels that are salt or pepper
    side: int = 10  # pixels a side of the square that is erased

    def __post_init__(self):
        super().__post_init__()
        if not self.sizes or not self.noise or not max(self.sizes) < mnist.SIDE ** 2:
            raise UserError(f"--sizes takes numbers below {mnist.SIDE ** 2}, as a picture has so many pixels, and "
                            "--noise at least one kind.")

    def noises(self) -> dict:
        """What each kind of noise does to pictures."""
        augment = training.augment
        known = {"gaussian": functools.partial(augment.gaussian, deviation=255 * self.sigma),
                 "salt_and_pepper": functools.partial(augment.salt_and_pepper, share=self.share),
                 "erased": functools.partial(augment.cutout, side=self.side)}
        return {kind: known[kind] for kind in self.noise}


def load_data(config):
    """Pictures, uint8 (n, 28, 28, 1), with a validation part held out of the training pictures."""
    return mnist.load(config.source, config.data_dir, validation=0.05, seed=config.seed, name=config.dataset)


def build_model(config, code: int):
    """Pixels (batch, 28, 28, 1), 0 to 255, in, and out again through `code` numbers."""
    import keras

    model = autoencoders.convolutional((mnist.SIDE, mnist.SIDE, 1), code, name="autoencoder_mnist")
    model.compile(keras.optimizers.Adam(config.learning_rate), "mse", loss_weights=1 / 255**2)  # white being 1
    return model


def predict(model, config, picture: Path, *, out: str = "") -> str:
    """Take the noise off a picture of a digit (or of clothes, after training on those).

    Args:
        out: where the result is written; without it, beside the picture as <name>-restored.png
    """
    target = out or str(picture.with_name(f"{picture.stem}-restored.png"))
    images.write(target, np.asarray(model.predict(images.read_digit(picture)[None], verbose=0))[0])
    return f"restored: {target}"


def bottleneck(numbers: int, data, run, config) -> dict:
    """Train a net with so narrow a bottleneck, draw its numbers, and put it beside PCA: a row of the table."""
    console.say(f"bottleneck of {numbers}")
    model, place = build_model(config, numbers), run.part(f"bottleneck-{numbers}")
    training.fit(model, data.as_targets(), place, config)
    ours, pca = (evaluation.error(found, data.test.x) for found in (
        model.predict(data.test.x, batch_size=256, verbose=0), autoencoders.by_pca(data, numbers)))
    if numbers > 1:
        codes = autoencoders.encoder(model).predict(data.test.x[:2000], verbose=0)
        evaluation.draw_latent(run, f"codes-{numbers}", codes, data.test.y, data.labels, "Test pictures by the numbers "
                               f"that the net makes of them, {numbers} each. No label was used in training.",
                               f"A code of {numbers} numbers")
    return {"numbers": numbers, "net, error": ours, "PCA, error": pca, "net / PCA": ours / pca,
            "seconds": place.read_json("training.json")["train_seconds"]}


def recipe(config, run):
    data, noises = load_data(config), config.noises()
    run.pin_source(asdict(data.source))  # before a part of the run is trained
    rows = [bottleneck(numbers, data, run, config) for numbers in sorted(set(config.sizes))]
    console.say("without noise")
    model, targets = build_model(config, config.code), data.as_targets()
    spoil = functools.partial(training.augment.one_of, changes=list(noises.values()))
    held = replace(targets.validation, x=np.asarray(spoil(targets.validation.x, HELD_KEY)))
    training.fit(model, replace(targets, validation=held), run, config,
                 augment=lambda x, y, key, epoch: (spoil(x, key), y))
    facts = run.read_json("training.json")
    run.write_json("training.json", facts | {"train_seconds": facts["train_seconds"] + sum(
        row["seconds"] for row in rows)})
    run.save(model)
    noisy = {kind: np.asarray(change(data.test.x, TEST_KEY)) for kind, change in noises.items()}
    scores = evaluation.restore(model, data, run, noisy, {"pca_ratio": rows[-1]["net / PCA"]},
                                mnist.NOUNS[config.dataset], ("pca_ratio", "error"))
    evaluation.table(run, "bottlenecks", rows, "Bottlenecks beside PCA", "Mean squared error of the test pictures, "
                     "white being 1; PCA's are cut off at black and at white, which helps it.", best={})
    evaluation.plot(run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
