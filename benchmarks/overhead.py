"""What dl100_tf costs beside the training itself: start-up, and `training.fit` over a bare `model.fit`.

    python benchmarks/overhead.py

Start-up: the median wall time of `--help` and `dl100 list` as processes. Training: the recipe's own model and settings
for two epochs, by `training.fit` (progress, TensorBoard, checkpoints, best weights and all) and by `model.fit` with
the same arrays, turn about, each with a fresh model. On real reviews where DL100_DATA is set, else on the sample.
"""

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import recording

COMMANDS = {"lstm_imdb --help": ["-m", "dl100_tf.projects.lstm_imdb", "--help"],
            "dl100 --help": ["-m", "dl100_tf", "--help"], "dl100 list": ["-m", "dl100_tf", "list"],
            "python itself": ["-c", "pass"]}


def start_up(times: int) -> dict[str, float]:
    """Median seconds of each command."""
    found = {}
    for name, words in COMMANDS.items():
        seconds = []
        for _ in range(times + 1):
            start = time.monotonic()
            subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.monotonic() - start)
        found[name] = round(statistics.median(seconds[1:]), 3)
    return found


def training_cost(times: int) -> dict:
    """Seconds of training with and without dl100_tf around it, in pairs."""
    from dl100_tf import training
    from dl100_tf.data import text
    from dl100_tf.projects import lstm_imdb
    from dl100_tf.run import Run

    config = dataclasses.replace(lstm_imdb.Config(), epochs=2)
    reviews = lstm_imdb.load_data(config)
    data = text.tokenize(reviews, text.tokenizer(reviews.train.x, config.vocab_size, config.length))
    pairs = []
    for number in range(times):
        training.set_seeds(config.seed, False)
        model = lstm_imdb.build_model(config)
        start = time.monotonic()
        model.fit(data.train.x, data.train.y, batch_size=config.batch_size, epochs=config.epochs, verbose=2,
                  validation_data=(data.validation.x, data.validation.y))
        bare = time.monotonic() - start
        training.set_seeds(config.seed, False)
        model = lstm_imdb.build_model(config)
        start = time.monotonic()
        training.fit(model, data, Run("lstm_imdb", f"overhead-{number}"), config)
        ours = time.monotonic() - start
        pairs.append((bare, ours))
        print(f"model.fit {bare:.1f} s, training.fit {ours:.1f} s, ratio {ours / bare:.3f}", flush=True)
    return {"source": reviews.source.rung, "model.fit": [round(bare, 2) for bare, _ in pairs],
            "training.fit": [round(ours, 2) for _, ours in pairs],
            "ratio, median": round(statistics.median(ours / bare for bare, ours in pairs), 4)}


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    seconds = start_up(7)
    with tempfile.TemporaryDirectory(prefix="overhead") as home:
        os.environ["DL100_HOME"] = home
        result = recording.measured(start_up_seconds=seconds, training=training_cost(arguments.times))
    print(json.dumps(result, indent=1))
    if arguments.write:
        recording.write(recording.RESULTS / "overhead.json", result)


if __name__ == "__main__":
    main()
