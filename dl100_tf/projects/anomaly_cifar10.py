"""What is out of the ordinary, learnt from the ordinary alone: one class is normal, nine are not.

Idea    A net that learnt from a million other photos sees how odd a picture is beside the normal ones.
Data    CIFAR-10: 5 000 photographs of one class to learn from, 10 000 of all ten to be tested on.
Run     python -m dl100_tf.projects.anomaly_cifar10
Expect  0.9033 ± 0.0002 mean AUROC over ten normal classes, 10 epochs, 820 s of training on 2 cores
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dl100_tf import cli, evaluation, training
from dl100_tf.data import cifar10, console, images, one_class, sources
from dl100_tf.models import autoencoders, backbones, cuts, detectors, features


@dataclass(frozen=True)
class Config(cli.Common):
    epochs: int = 10  # passes over one class's pictures, of each autoencoder; more than a finished run has extend it
    learning_rate: float = 2e-3  # the largest learning rate of the autoencoders
    schedule: cli.Schedule = "one_cycle"  # how the learning rate moves
    normal: str = "0"  # the class that is normal in the model that is saved, by name or number; the tables have all
    code: int = 64  # numbers in the autoencoders' bottleneck
    backbone: str = "MobileNetV2"  # a net of keras.applications
    weights: str = "auto"  # imagenet (downloaded once), a file, or none: random; auto: imagenet if it can be had
    size: int = 128  # pixels a side to which a picture is enlarged, as the backbone knows large ones
    layers: tuple[str, ...] = ("out_relu",)  # of the backbone, whose maps are averaged into features
    detector: Literal["neighbours", "mahalanobis"] = "neighbours"  # what the saved model measures the distance by
    neighbours: int = 3  # how many of the nearest normal pictures are asked
    shrinkage: float = 0.1  # how far the covariance is shrunk towards none, between 0 and 1

    def __post_init__(self):
        super().__post_init__()
        backbones.check(self.backbone)


def load_classes(config):
    """Photographs of all ten classes, uint8 (n, 32, 32, 3)."""
    return cifar10.load(config.source, config.data_dir, validation=0.1, seed=config.seed)


def load_data(config):
    """The normal class to learn from, all ten to be tested on: is it that class, 0, or anything else, 1?"""
    pictures = load_classes(config)
    return one_class.against_rest(pictures, one_class.number(pictures, config.normal))


def build_model(config, body):
    """Pixels (batch, 32, 32, 3), 0..255, to features (batch, n): the mean over a picture and its mirror image."""
    import keras
    from keras import layers

    resize = layers.Resizing(config.size, config.size)  # which takes every call for training, and all behind it too
    large = resize(image := keras.Input((32, 32, 3), name="image"), training=False)
    both = keras.ops.concatenate([large, keras.ops.flip(large, axis=2)], axis=0)  # in one batch
    pooled = [layers.GlobalAveragePooling2D()(maps) for maps in cuts.maps(body, config.layers)]
    even = [layers.UnitNormalization()(one) for one in pooled]  # so that no layer outweighs another
    seen = keras.Model(body.inputs[0], keras.ops.concatenate(even, axis=1))(both)
    mean = keras.ops.mean(keras.ops.reshape(seen, (2, -1, seen.shape[-1])), axis=0)
    return keras.Model(image, mean, name="anomaly_cifar10")


def predict(model, config, photo: Path):
    """How anomalous a photo is beside the class that is normal."""
    odd = float(model.predict(images.read(photo, 32)[None], verbose=0)[0, 0])
    return [1 - odd, odd]


def by_autoencoders(pictures, normal: int, run, config) -> list[dict]:
    """Train an autoencoder on each class, and measure by part how badly it gives each picture back, (n,)."""
    import keras

    net, found = autoencoders.convolutional((32, 32, 3), config.code, (32, 64, 64)), []
    net.compile(keras.optimizers.Adam(config.learning_rate), "mse", loss_weights=1 / 255**2)  # white being 1
    anew = training.remembered(net)
    for number, label in enumerate(pictures.labels):
        console.say(f"normal  {label}: autoencoder")
        place = run if number == normal else run.part(f"normal-{number}")
        anew()
        training.fit(net, one_class.only(pictures, number).as_targets(), place, config)
        found.append({"seconds": place.read_json("training.json")["train_seconds"], **{
            part: np.square(net.predict(split.x, batch_size=256, verbose=0) - split.x).mean(axis=(1, 2, 3))
            for part, split in pictures.parts().items() if part != "train"}})
    return found


def recipe(config, run):
    pictures = load_classes(config)
    parts, normal = pictures.parts(), one_class.number(pictures, config.normal)
    detectors.refuse_too_many(config.neighbours, pictures.train.y)
    eye = build_model(config, backbones.of_run(run, config, pictures, sources.reachable)[0])
    off = {"autoencoder": by_autoencoders(pictures, normal, run, config)}
    seen, looking = features.of_parts(eye, {part: split.x for part, split in parts.items()})
    fitted = detectors.of_each(seen["train"], pictures.train.y, config.neighbours, config.shrinkage)
    for way, each in fitted.items():
        off[way] = [{part: one(seen[part]) for part in ("validation", "test")} for one in each]
    ordinary = off[config.detector][normal]["validation"][pictures.validation.y == normal]
    model = detectors.judges(eye, fitted[config.detector][normal], *detectors.threshold(ordinary), "anomaly_cifar10")
    run.save(model)
    run.write_json("training.json", run.read_json("training.json") | {  # whose epochs are an autoencoder's
        "train_seconds": looking + sum(one["seconds"] for one in off["autoencoder"]),
        "parameters": model.count_params(), "best_epoch": None})
    data = one_class.against_rest(pictures, normal)
    judged = evaluation.score(model, data, run, noun="pictures", batch=features.BATCH)
    means = evaluation.compare_ways(run, off, {part: split.y for part, split in parts.items()}, pictures.labels)
    evaluation.draw_extremes(run, "extremes", data.test, off[config.detector][normal]["test"], data.labels[0])
    scores = evaluation.record(run, data, {
        "auroc_mean": means[config.detector], "auroc_autoencoder": means["autoencoder"], **judged["metrics"]},
        judged["n"], "pictures", ("auroc_mean", "auroc_autoencoder"), labels=judged["labels"])
    evaluation.plot(run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
