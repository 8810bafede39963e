"""IMDb: our LSTM against the published bidirectional LSTM and a linear model over word pairs, in one run.

    DL100_DATA=... python benchmarks/imdb.py --seeds 3 [--write]

Real reviews only. All three read the same 25 000 + 25 000 reviews, tokenised the same way (lower case, no punctuation);
tokenising is not counted as training.

ours        the recipe `lstm_imdb` as it stands, a validation part held out of the training reviews.
published   keras.io's example "Bidirectional LSTM on IMDB" built from its settings in our own code: 20 000 words, the
            last 200 words of a review, padding in front, Embedding(128), two BiLSTM(64), Adam, batch 32, 2 epochs on
            all training reviews, no mask; published at 84.28 % (its held-out score is the test set's here).
linear      logistic regression over TF-IDF of single words and word pairs, its C chosen on the same validation part;
            fastText with bigrams is published at 90.56 %.

Seeds are taken in turn (ours, published, linear, ours, ...), so that a machine whose speed drifts hits all alike.
`--write` records the result, and gives the lesson its results.json and plots.
"""

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import recording

LESSON = Path(__file__).parents[1] / "projects/lstm_imdb"
PUBLISHED = {"ours": None, "published": 0.8428, "linear": 0.9056}


def ours(seed: int) -> dict:
    """The recipe, from its data to its report, as the command line runs it."""
    from dl100_tf import cli
    from dl100_tf.projects import lstm_imdb
    from dl100_tf.run import Run

    scores = cli.execute(lstm_imdb, lstm_imdb.Config(source="local", seed=seed), Run("lstm_imdb", f"seed-{seed}"))
    return {"accuracy": scores["metrics"]["accuracy"], "seconds": scores["train_seconds"],
            "parameters": scores["parameters"], "epochs": scores["epochs"]}


def published(seed: int) -> dict:
    """The published architecture with its own settings."""
    import keras
    import tensorflow as tf
    from keras import layers

    from dl100_tf.data import imdb, text

    reviews = imdb.load("local", seed=seed)
    train_x, train_y = joined(reviews)
    tokenizer = text.tokenizer(train_x, 20_000, 2_500)
    x, test_x = (last_words(text.ids(tokenizer, texts), 200) for texts in (train_x, reviews.test.x))
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((None,), dtype="int32")
    hidden = layers.Embedding(20_000, 128)(inputs)
    hidden = layers.Bidirectional(layers.LSTM(64, return_sequences=True))(hidden)
    hidden = layers.Bidirectional(layers.LSTM(64))(hidden)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    batches = tf.data.Dataset.from_tensor_slices((x, train_y)).shuffle(len(x), seed=seed).batch(32).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread can hold up the end of a fit by seconds: see training/batches.py
    start = time.monotonic()
    model.fit(batches.with_options(options), epochs=2, verbose=2)
    seconds = time.monotonic() - start
    accuracy = model.evaluate(test_x, reviews.test.y, batch_size=256, verbose=0)[1]
    return {"accuracy": accuracy, "seconds": seconds, "parameters": model.count_params(), "epochs": 2}


def linear(seed: int) -> dict:
    """A bag of words and word pairs."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from dl100_tf.data import imdb

    reviews = imdb.load("local", seed=seed)
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    train, validation, test = (part(parts.x) for part, parts in zip(
        (words.fit_transform, words.transform, words.transform),
        (reviews.train, reviews.validation, reviews.test), strict=True))
    start = time.monotonic()
    models = [LogisticRegression(C=c, solver="liblinear").fit(train, reviews.train.y) for c in (3, 10, 30)]
    best = max(models, key=lambda model: model.score(validation, reviews.validation.y))
    return {"accuracy": best.score(test, reviews.test.y), "seconds": time.monotonic() - start,
            "parameters": train.shape[1] + 1, "epochs": None}


def joined(reviews):
    """All 25 000 training reviews, the validation part back among them."""
    parts = (reviews.train, reviews.validation)
    return np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts])


def last_words(ids: np.ndarray, length: int) -> np.ndarray:
    """The last `length` ids of each row, padding moved to the front: (n, length)."""
    rows = np.zeros((len(ids), length), np.int32)
    for row, line in zip(rows, ids, strict=True):
        words = line[line > 0][-length:]
        row[length - len(words):] = words
    return rows


def table(results: dict[str, list[dict]]) -> str:
    """The results as a Markdown table."""
    base = statistics.median(run["seconds"] for run in results["published"])
    lines = ["| model | test accuracy, mean ± sd | published | training, median | against the published settings "
             "| parameters |", "|---|---|---|---|---|---|"]
    for name, runs in results.items():
        seconds = statistics.median(run["seconds"] for run in runs)
        known = f"{100 * PUBLISHED[name]:.2f} %" if PUBLISHED[name] else ""
        lines.append(f"| {name} | {recording.spread([run['accuracy'] for run in runs])} | {known} | {seconds:.1f} s | "
                     f"{seconds / base:.2f} × | {runs[0]['parameters']:,} |".replace(",", " "))
    return "\n".join(lines)


def record(results: dict[str, list[dict]], seeds: list[int]) -> None:
    """Write what was measured where the README and the lesson take it from."""
    from dl100_tf.run import Run

    accuracy = recording.spread([one["accuracy"] for one in results["ours"]])
    seconds = statistics.median(one["seconds"] for one in results["ours"])
    found = recording.measured(seeds=seeds, source="local", n=25_000, results=results)
    expect = (f"{accuracy} test accuracy, {results['ours'][0]['epochs']} epochs, {seconds:.0f} s of training on "
              f"{os.cpu_count()} cores")
    recording.write(recording.RESULTS / "imdb.json", found)
    recording.write(LESSON / "results.json", {"expect": expect} | found)
    for name in ("history", "confusion", "reliability"):
        shutil.copy(Run("lstm_imdb", f"seed-{seeds[0]}").path(f"plots/{name}.png"), LESSON)
    print(f"Expect  {expect}")


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    recording.need_real_data()
    results = {"ours": [], "published": [], "linear": []}
    with tempfile.TemporaryDirectory(prefix="imdb") as home:
        os.environ["DL100_HOME"] = home
        for seed in range(arguments.seeds):
            for measure in (ours, published, linear):
                found = measure(seed)
                results[measure.__name__].append(found)
                print(f"seed {seed}  {measure.__name__:<10} {found}", flush=True)
        print("\n" + table(results))
        winner = max(results, key=lambda name: statistics.mean(run["accuracy"] for run in results[name]))
        print(f"\nMost accurate: {winner}.")
        if arguments.write:
            record(results, list(range(arguments.seeds)))


if __name__ == "__main__":
    main()
