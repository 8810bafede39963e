"""How small `cnn_mnist` can be made: fewer bits, fewer weights, a smaller net; accuracy, size and latency of each.

    DL100_DATA=... python benchmarks/compression.py [--run NAME] [--seeds 3] [--home FOLDER] [--write]

Real data only. The teacher is the run NAME of `cnn_mnist` under DL100_HOME. Beside the converter's four variants stand

- recipes of litert-quantizer (formerly ai-edge-quantizer), where it is installed, calibrated as the converter's int8;
- the teacher pruned: the smallest weights of each large kernel are set to 0 and the rest is trained on. A zero takes as
  much room as any other number, so this pays only where files are sent compressed (gzip);
- students with a quarter of the filters, trained on the teacher's probabilities for the very same augmented pictures
  (arXiv:1503.02531, arXiv:2106.05237), and for comparison on the labels, as the recipe does, equally long.

Each file, still without metadata, is judged on the whole test set; a drop is in points below the teacher in Keras.
Latency is LiteRT's for one picture on one thread, the median of rounds in which all files take turns. What was trained
stays in FOLDER and isn't trained again. `--write` records it all in benchmarks/results/compression.json and .png.
"""

import gzip
import itertools
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import mean, median

import compression_plot
import numpy as np
import recording

from dl100_tf.errors import UserError
from dl100_tf.export.quantizer import Step

RECIPES = {  # of the quantizer
    "int8 static": [Step("static", 8)],
    "int4 static": [Step("static", 4)],
    "int4 and int8 static": [Step("static", 8), Step("static", 4, "CONV_2D", ".*convolution_[23].*")],
    "int4 dynamic": [Step("dynamic", 4)],
    "int4 dynamic, blocks": [Step("dynamic", 4, granularity="BLOCKWISE_32")],
    "int4 dynamic, Hadamard": [Step("dynamic", 4, algorithm="DECOMPOSED_HADAMARD_ROTATION")],
    "int2 dynamic": [Step("dynamic", 2)],
}
VARIANTS = ("float32", "int8")  # of the nets trained here
SHRINK = 4  # a student has this part of the filters
SHARES = (0.8, 0.9)  # of the weights that are pruned
FEW = 1000  # weights; a smaller kernel isn't pruned
ROUNDS = 3


class Bench:
    """The teacher and what all measurements share.

    Attributes:
        model, contract, config, data: the teacher, what it takes and gives, its settings, its `Splits`.
        inputs, calibration: the test pictures, and some training pictures, as a phone hands them over.
        keras: the teacher's accuracy in Keras.
        files: {(model, file): one content per seed}.
    """

    def __init__(self, name: str, home: Path):
        """Read the run `name`, the last one if empty; what is trained from now on goes to `home`."""
        from dl100_tf import run as runs
        from dl100_tf import settings
        from dl100_tf.export import contract, phone, publishing
        from dl100_tf.projects import cnn_mnist

        run = runs.Run("cnn_mnist", name) if name else settings.latest("cnn_mnist")
        self.model = run.load_model()
        self.contract = contract.of_run(run, self.model)
        self.config = replace(settings.stored(cnn_mnist, run), source="local")
        os.environ["DL100_HOME"] = str(home)
        self.data = cnn_mnist.load_data(self.config)
        self.keras = run.read_json("scores.json")["metrics"]["accuracy"]
        chosen = self.data.train.x[::max(1, len(self.data.train) // publishing.CALIBRATION)][:publishing.CALIBRATION]
        self.calibration = phone.colour(chosen).astype("float32")
        self.inputs, self.files = phone.colour(self.data.test.x), {}

    def convert(self, name: str, model, variants) -> None:
        """Convert a Keras model; its files join those of the other seeds."""
        from dl100_tf.export import converter, phone

        with tempfile.TemporaryDirectory() as folder:
            np.save(Path(folder) / converter.CALIBRATION, self.calibration)
            phone.save(phone.model(model, self.contract), self.contract, Path(folder) / "model")
            for variant in variants:
                content = converter.one(Path(folder) / "model", variant)
                self.files.setdefault((name, variant), []).append(content)

    def begin(self, seed: int, epochs: int, **changes):
        """Seed everything; the settings of a training, and how its pictures are augmented."""
        from dl100_tf import training
        from dl100_tf.projects import cnn_mnist

        training.set_seeds(seed, False)
        config = replace(self.config, seed=seed, epochs=epochs, **changes)
        return config, cnn_mnist.augmentation(config)

    def fit(self, name: str, model, config, augment, callbacks=()):
        """Train a model, or give it the weights that it was trained to before; the model."""
        import keras

        from dl100_tf import training
        from dl100_tf.run import Run

        model.compile(optimizer=keras.optimizers.Adam(config.learning_rate), metrics=["accuracy"],
                      loss=keras.losses.CategoricalCrossentropy(label_smoothing=config.smoothing))
        training.fit(model, self.data.one_hot(), Run("compression", name), config, augment=augment,
                     callbacks=callbacks)
        return model


def quantized(bench: Bench) -> str:
    """Make a file by each of `RECIPES` from the converter's float32; why there are none, empty where there are."""
    from dl100_tf.export import quantizer

    whole = bench.files["teacher", "float32"][0]
    for name, steps in RECIPES.items():
        try:
            bench.files["teacher, quantizer", name] = [quantizer.quantized(whole, steps, bench.calibration)]
        except UserError as error:
            return f"The quantizer's recipes are left out: {error}"
    return ""


def student(bench: Bench, seed: int, epochs: int, distilled: bool):
    """A net of the teacher's form with fewer filters, trained on its probabilities or on the labels."""
    import keras

    def smaller(layer):
        settings = layer.get_config()
        return type(layer).from_config(settings | ({"filters": settings["filters"] // SHRINK}
                                                   if "filters" in settings else {}))

    def taught(x, y, key, epoch):
        changed, _ = augment(x, y, key, epoch)
        return changed, bench.model(changed, training=False)

    smoothing = 0.0 if distilled else bench.config.smoothing  # the teacher's answers are smooth already
    config, augment = bench.begin(seed, epochs, smoothing=smoothing)
    net = keras.models.clone_model(bench.model, clone_function=smaller)
    name = f"{'distilled' if distilled else 'labels'}-{epochs}-{seed}"
    return bench.fit(name, net, config, taught if distilled else augment)


def pruned(bench: Bench, seed: int, epochs: int):
    """The teacher with more and more of its weights at 0: each share of `SHARES` and the model, trained on."""
    import keras

    config, augment = bench.begin(seed, epochs, learning_rate=1e-3, schedule="linear", keep="last")
    net = keras.models.clone_model(bench.model)
    net.set_weights(bench.model.get_weights())
    kernels = [layer.kernel for layer in net.layers if hasattr(layer, "kernel")]
    kernels = [kernel for kernel in kernels if np.prod(kernel.shape) > FEW]
    for share in SHARES:
        sizes = [np.abs(kernel.numpy()) for kernel in kernels]
        masks = [(size > np.quantile(size, share)).astype("float32") for size in sizes]

        def prune(*_, masks=masks, **__):
            for kernel, mask in zip(kernels, masks, strict=True):
                kernel.assign(kernel * mask)

        prune()
        bench.fit(f"pruned-{share}-{epochs}-{seed}", net, config, augment,
                  [keras.callbacks.LambdaCallback(on_train_batch_end=prune)])
        yield share, net


def build(bench: Bench, seeds: range, epochs: int, more: int) -> str:
    """Make all files; why the quantizer's are missing, empty where they aren't."""
    from dl100_tf.export import converter

    bench.convert("teacher", bench.model, converter.VARIANTS)
    why_not = quantized(bench)
    for seed in seeds:
        for share, net in pruned(bench, seed, more):
            bench.convert(f"pruned by {share:.0%}", net, VARIANTS)
        for distilled in (False, True):
            name = f"student, {'distilled' if distilled else 'labels'}"
            bench.convert(name, student(bench, seed, epochs, distilled), VARIANTS)
    return why_not


def measure(bench: Bench) -> list[dict]:
    """Every file on the whole test set, and then its latency; one row for a model and kind of file."""
    from dl100_tf.export import litert

    rows = []
    for (model, file), contents in bench.files.items():
        guesses = [litert.probabilities(content, file, bench.inputs).argmax(1) for content in contents]
        rows.append({"model": model, "file": file, "bytes": mean(map(len, contents)),
                     "gzip": mean(len(gzip.compress(content, mtime=0)) for content in contents),
                     "accuracy": [float((guess == bench.data.test.y).mean()) for guess in guesses]})
        print(f"{model:<20} {file:<24} {recording.spread(rows[-1]['accuracy'])}", flush=True)
    times = [[] for _ in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        for _, (row, found) in itertools.product(range(ROUNDS), list(zip(rows, times, strict=True))):
            path.write_bytes(bench.files[row["model"], row["file"]][0])
            found.append(litert.measured(path)["latency_ms"])
    return [row | {"ms": median(found)} for row, found in zip(rows, times, strict=True)]


def table(rows: list[dict], keras: float) -> str:
    """All files as a Markdown table."""
    whole = next(row["bytes"] for row in rows if row["file"] == "int8")  # the teacher comes first
    head = ("model", "file", "KiB", "gzip KiB", "of int8", "accuracy", "drop, points", "ms")
    lines = [head, ("---",) * len(head)] + [
        (row["model"], row["file"], f"{row['bytes'] / 1024:.1f}", f"{row['gzip'] / 1024:.1f}",
         f"{row['bytes'] / whole:.2f}",
         recording.spread(row["accuracy"]) if len(row["accuracy"]) > 1 else f"{row['accuracy'][0]:.2%}",
         f"{100 * (keras - mean(row['accuracy'])):.2f}", f"{row['ms']:.3f}") for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--run", default="", help="the teacher (default: the last one scored)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, nargs=2, default=(6, 2), help="of a student, and of each step of pruning")
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    recording.need_real_data()
    with tempfile.TemporaryDirectory(prefix="compression") as temporary:
        try:
            bench = Bench(arguments.run, (arguments.home or Path(temporary)).resolve())
        except UserError as error:
            sys.exit(f"error: {error}")
        why_not = build(bench, range(arguments.seeds), *arguments.epochs)
        rows = measure(bench)
    print(f"\n{table(rows, bench.keras)}\n\nThe teacher in Keras: {bench.keras:.2%}. {why_not}")
    if arguments.write:
        recording.write(compression_plot.FILE, recording.measured(
            command="python benchmarks/compression.py", seeds=arguments.seeds, epochs=arguments.epochs,
            keras=bench.keras, left_out=why_not, results=rows))
        compression_plot.draw()


if __name__ == "__main__":
    main()
