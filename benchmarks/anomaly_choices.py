"""What each choice in `anomaly_cifar10` gives: mean AUROC on held-out training pictures; the test set is not looked at.

    DL100_DATA=... python benchmarks/anomaly_choices.py [--sizes 96 128] [--home FOLDER] [--write]

Real photographs only, with the MobileNetV2 weights in the data folder. Of the training pictures 5 000 are learnt from,
some 500 a class, and 1 200 others are to be told apart, so that all sizes take a quarter of an hour: what a choice is
worth beside another shows, on one seed; with all pictures the chosen one gives some two hundredths more. Both layers of
a size are looked at in one pass, which --home keeps, so that an interrupted benchmark goes on.
"""

import dataclasses
import os
import tempfile
from pathlib import Path

import peers
import recording

LEARNT, HELD = 5000, 1200  # pictures
BLOCKS = ("block_14_add", "out_relu")
SETS = (*((block,) for block in BLOCKS), BLOCKS)
DETECTORS = {**{f"neighbours {count}": {"neighbours": count} for count in (1, 2, 3, 5)},
             **{f"mahalanobis {shrinkage}": {"shrinkage": shrinkage} for shrinkage in (0.01, 0.1, 0.5)}}


def fewer(pictures):
    """The first of the training and of the held-out pictures, which are in no order."""
    return dataclasses.replace(pictures, train=pictures.train.take(slice(LEARNT)),
                               validation=pictures.validation.take(slice(HELD)))


def seen(size: int, pictures, config) -> tuple[dict, dict]:
    """Features of both layers for the pictures learnt from and held out, and the columns of each layer."""
    from dl100_tf.models import backbones, cuts, features
    from dl100_tf.projects import anomaly_cifar10

    config = dataclasses.replace(config, size=size, layers=BLOCKS)
    body, _ = backbones.load(config.backbone, size, config.weights)
    eye = anomaly_cifar10.build_model(config, body)
    columns, start = {}, 0
    for block in BLOCKS:
        width = cuts.layer(body, block).output.shape[-1]
        columns[block], start = slice(start, start + width), start + width
    fitted = {name: pictures.parts()[name].x for name in ("train", "validation")}
    return features.of_parts(eye, fitted)[0], columns


def measure(found: dict, columns: list[slice], pictures, config) -> dict[str, float]:
    """Mean AUROC over the classes by detector, of some columns of the features."""
    import numpy as np

    from dl100_tf import evaluation
    from dl100_tf.models import detectors

    train, held = (np.concatenate([found[part][:, block] for block in columns], axis=1)
                   for part in ("train", "validation"))
    results = {}
    for told, settings in DETECTORS.items():
        each = []
        for normal in range(len(pictures.labels)):
            mine = train[pictures.train.y == normal]
            fitted = (detectors.Neighbours(mine, settings["neighbours"]) if "neighbours" in settings
                      else detectors.Mahalanobis(mine, settings["shrinkage"]))
            each.append(evaluation.auroc(fitted(held), pictures.validation.y != normal))
        results[told] = float(np.mean(each))
    return results


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 128, 160, 192, 224])
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    recording.need_real_data()
    with tempfile.TemporaryDirectory(prefix="anomaly_choices") as temporary:
        os.environ["DL100_HOME"] = str((arguments.home or Path(temporary)).resolve())
        from dl100_tf.projects import anomaly_cifar10

        config = anomaly_cifar10.Config(source="local", weights=f"{os.environ['DL100_DATA']}/{peers.WEIGHTS}")
        pictures, results = fewer(anomaly_cifar10.load_classes(config)), {}
        for size in arguments.sizes:
            found, columns = seen(size, pictures, config)
            for blocks in SETS:
                told = f"{size} pixels, {' + '.join(blocks)}"
                results[told] = measure(found, [columns[block] for block in blocks], pictures, config)
                print(told, {name: round(value, 4) for name, value in results[told].items()}, flush=True)
    print("\n| held out, mean AUROC |", " | ".join(DETECTORS), "|\n|---|" + "---|" * len(DETECTORS))
    for told, row in results.items():
        print(f"| {told} |", " | ".join(f"{value:.4f}" for value in row.values()), "|")
    if arguments.write:
        recording.write(recording.RESULTS / "anomaly_choices.json", recording.measured(results=results))


if __name__ == "__main__":
    main()
