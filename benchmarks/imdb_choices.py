"""What each choice in `lstm_imdb` gives: validation accuracy and training time with one thing changed at a time.

    DL100_DATA=... python benchmarks/imdb_choices.py --seeds 3 [--write]

Real reviews only; the test set is not looked at. Seeds are the outer loop, so that all choices meet the same machine.
"""

import dataclasses
import os
import statistics
import tempfile

import recording

CHOICES = {
    "as it stands": {},
    "jit_compile": {"jit_compile": True},
    "mixed_bfloat16": {"dtype": "mixed_bfloat16"},
    "batch 128, not 64": {"batch_size": 128},
}


def measure(name: str, seed: int) -> dict:
    """Train with one choice changed; the best epoch's validation accuracy and the seconds of training."""
    import keras

    from dl100_tf import training
    from dl100_tf.data import text
    from dl100_tf.projects import lstm_imdb
    from dl100_tf.run import Run

    changes = dict(CHOICES[name])
    keras.config.set_dtype_policy(changes.pop("dtype", "float32"))
    jit_compile = changes.pop("jit_compile", False)
    config = dataclasses.replace(lstm_imdb.Config(source="local", seed=seed), **changes)
    training.set_seeds(seed, False)
    reviews = lstm_imdb.load_data(config)
    tokenizer = text.tokenizer(reviews.train.x, config.vocab_size, config.length)
    model = lstm_imdb.build_model(config)
    model.jit_compile = jit_compile
    run = Run("lstm_imdb", f"{list(CHOICES).index(name)}-{seed}")
    history = training.fit(model, text.tokenize(reviews, tokenizer), run, config)
    best = min(history, key=lambda row: row["val_loss"])
    return {"accuracy": best["val_accuracy"], "seconds": run.read_json("training.json")["train_seconds"]}


def table(results: dict[str, list[dict]]) -> str:
    """The results as a Markdown table."""
    lines = ["| choice | validation accuracy, mean ± sd | training, median |", "|---|---|---|"]
    for name, runs in results.items():
        lines.append(f"| {name} | {recording.spread([run['accuracy'] for run in runs])} | "
                     f"{statistics.median(run['seconds'] for run in runs):.0f} s |")
    return "\n".join(lines)


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    recording.need_real_data()
    results = {name: [] for name in CHOICES}
    with tempfile.TemporaryDirectory(prefix="imdb_choices") as home:
        os.environ["DL100_HOME"] = home
        for seed in range(arguments.seeds):
            for name in CHOICES:
                results[name].append(measure(name, seed))
                print(f"seed {seed}  {name}  {results[name][-1]}", flush=True)
    print("\n" + table(results))
    if arguments.write:
        recording.write(recording.RESULTS / "imdb_choices.json", recording.measured(results=results))


if __name__ == "__main__":
    main()
