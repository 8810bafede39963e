"""Few photographs, which a net learns by heart, and what helps: seven remedies, one at a time and together.

Idea    Dropout, L2 and five ways to change pictures: the same net and budget for all, and a row of the table for each.
Data    CIFAR-10: 10 000 of its photographs to learn from, 10 000 to be tested on.
Run     python -m dl100_tf.projects.augmented_cifar10
Expect  66.98 ± 0.52 % test accuracy, 15 epochs, 50 s of training on 2 cores
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from dl100_tf import cli, evaluation, training
from dl100_tf.data import cifar10, console, images

Remedy = Literal["none", "dropout", "L2", "flips", "shifts", "rotations", "cutout", "mixup"]


@dataclass(frozen=True)
class Config(cli.Common):
    images: int = 10_000  # training pictures, as many of each kind: where there are few, remedies count
    epochs: int = 15  # passes over them, for every row; more than a finished run has extend it
    batch_size: int = 100  # pictures a step
    learning_rate: float = 5e-3  # the largest learning rate
    schedule: cli.Schedule = "one_cycle"  # how the learning rate moves
    keep: Literal["best", "last"] = "last"  # "best" would stop a row before its budget is spent: one more remedy
    dropout: float = 0.3  # part of the features left out while training
    l2: float = 5e-4  # what the square of every weight adds to the loss
    shift: int = 2  # pixels by which a picture moves at most
    rotate: float = 10.0  # degrees by which a picture turns at most
    cutout: int = 8  # side, in pixels, of the square that is blacked out
    mixup: float = 0.2  # α: how even the mixture of two pictures is; 1: every share is equally likely
    together: tuple[Remedy, ...] = ("flips", "shifts")  # the remedies of the row whose model is kept
    rows: tuple[Remedy, ...] = get_args(Remedy)  # the other rows of the table, a remedy each


def load_data(config):
    """Photographs, uint8 (n, 32, 32, 3): a few to learn from, as many of each kind, and a validation part."""
    return cifar10.load(config.source, config.data_dir, 0.05, config.seed).take_train(config.images, config.seed)


def build_model(config):
    """Pixels (batch, 32, 32, 3), 0 to 255, in; the probability of each label (batch, 10) out."""
    import keras
    from keras import layers

    penalty = keras.regularizers.L2(config.l2) if "L2" in config.together else None
    x = image = keras.Input((32, 32, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    for width, size, stride, pool in ((24, 5, 2, 2), (48, 3, 1, 2), (96, 3, 1, 1)):
        x = layers.Conv2D(width, size, stride, "same", kernel_regularizer=penalty, name=f"conv_{width}")(x)
        x = layers.MaxPooling2D(pool)(x)
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    rate = config.dropout if "dropout" in config.together else 0
    x = layers.Dropout(rate, seed=config.seed)(layers.GlobalAveragePooling2D()(x))  # its own seed, whatever the rate
    probability = layers.Dense(10, activation="softmax", kernel_regularizer=penalty, name="probability")(x)
    net = keras.Model(image, probability, name="augmented_cifar10")
    net.compile(keras.optimizers.Adam(config.learning_rate), "categorical_crossentropy", metrics=["accuracy"])
    return net


def augmentation(config):
    """What happens to the pictures of a training batch."""
    def changed(x, y, key, epoch):
        x = training.augment.flip(x, key) if "flips" in config.together else x
        x = training.augment.shift(x, key, config.shift, "mirror") if "shifts" in config.together else x
        x = training.augment.rotate(x, key, config.rotate, "mirror") if "rotations" in config.together else x
        x = training.augment.cutout(x, key, config.cutout) if "cutout" in config.together else x
        return training.augment.mixup(x, y, key, config.mixup) if "mixup" in config.together else (x, y)
    return changed


def predict(model, config, image: Path):
    """What a picture shows, of the ten kinds of things in CIFAR-10."""
    return model.predict(images.read(image, 32)[None], verbose=0)[0]


def learn(config, data, run, name):
    """Train the net with the remedies of `config`, unless an earlier session has; its row of the table."""
    if run.read_json("row.json", {}).get("epochs") != config.epochs:
        console.say(f"{name}:")
        training.set_seeds(config.seed, config.deterministic)  # the same first weights for every row
        net = build_model(config)
        training.fit(net, data, run, config, augment=augmentation(config))
        run.save(net)
        train, test = (net.evaluate(split.x, split.y, verbose=0)[1] for split in (data.train, data.test))
        facts = run.read_json("training.json")
        run.write_json("row.json", {
            "remedy": name, "train accuracy": train, "test accuracy": test, "gap in points": 100 * (train - test),
            "epochs": config.epochs, "seconds": facts["train_seconds"]})
    return run.read_json("row.json")


def recipe(config, run):
    data = load_data(config)
    labelled = data.one_hot()
    learn(config, labelled, run, "together")  # first, as it is the run's own
    net = run.load_model()
    scores = evaluation.score(net, data, run, noun="pictures")
    settings = {name: replace(config, together=(name,)) for name in config.rows} | {"together": config}
    rows = [learn(its, labelled, run if its is config else run.part(name), name) for name, its in settings.items()]
    evaluation.table(run, "ablation", rows, "One remedy at a time, and together", best={"test accuracy": "max"})
    evaluation.draw_gap(run, [{"name": row["remedy"], "train": row["train accuracy"], "test": row["test accuracy"]}
                              for row in rows], f"The same {len(data.train)} pictures and steps for every remedy.")
    few = labelled.train.take(slice(12))
    views = [(name, augmentation(its)(few.x, few.y, (0, config.seed), 0)[0]) for name, its in settings.items()]
    evaluation.draw_pictures(run, "augmentations", views, "Training pictures, row by row as the net gets to see them.")
    evaluation.plot(run)
    evaluation.explain_images(net, data, run, cam=evaluation.grad_cam(net, "conv_96"))
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
