"""The recipes on real data: skipped where there are none."""

import json
import os

import pytest

from dl100_tf.run import Run

WEIGHTS = "weights/mobilenet_v2_imagenet_notop.weights.h5"
# Far below what the whole recipe reaches (projects/<name>/results.json), far above what a broken one would.
SHORT = {
    "perceptron_points": (["--epochs", "10"], 0.96),
    "numpy_mnist": (["--epochs", "3", "--no-sweep"], 0.97),
    "mlp_mnist": (["--epochs", "2"], 0.97),
    "cnn_mnist": (["--epochs", "1"], 0.97),
    "cnn_cifar10": (["--epochs", "1", "--smallest", "16", "--widths", "16", "48", "96", "--views", "one"], 0.40),
    "rnn_shakespeare": (["--epochs", "1", "--units", "128"], 0.35),  # one character back: less than 0.3
    "rnn_weather": (["--epochs", "1"], 0.01),
    "lstm_imdb": ([], 0.88),  # the main job, whole
    "transfer_dogs": (["--epochs", "1", "--size", "160", "--weights", WEIGHTS], 0.86),
    "augmented_cifar10": (["--epochs", "4", "--rows", "none"], 0.50),
    "lstm_agnews": (["--epochs", "2", "--no-rows"], 0.86),
    "transformer_agnews": (["--epochs", "2"], 0.85),
    "word2vec_text8": (["--corpus", "imdb", "--epochs", "1"], 0.12),
    "autoencoder_mnist": (["--epochs", "1", "--sizes", "8"], 13.0),  # dB; the noisy pictures have 9.4
}

FIGURE = {  # where it isn't the accuracy
    "autoencoder_mnist": "psnr_gaussian", "rnn_weather": "skill", "word2vec_text8": "analogies"}


@pytest.mark.slow
@pytest.mark.parametrize("project", SHORT)
def test_it_learns_from_real_data(project, real_data, home, forked):
    flags, least = SHORT[project]
    flags = [str(real_data / flag) if flag == WEIGHTS else flag for flag in flags]
    if not all(os.path.exists(flag) for flag in flags if flag.endswith(WEIGHTS)):
        pytest.skip(f"needs {WEIGHTS} in the data folder")

    def asked(*words, project=project):
        answer = forked(f"dl100_tf.projects.{project}", *words, env={"DL100_DATA": str(real_data)})
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    asked("--source", "local", "--run", "real", *flags)
    scores = Run(project, "real").read_json("scores.json")
    assert scores["source"] == "local" and "sample" not in scores["source_note"]
    assert scores["metrics"][FIGURE.get(project, "accuracy")] >= least

    if project == "lstm_imdb":
        judges_a_new_review(asked)
    if project == "cnn_mnist":
        is_exported(asked, home)
        judges_a_generator(asked)


def judges_a_new_review(asked):
    said = asked("predict", "--run", "real", "a film with no heart and no point")
    probability, label = said.splitlines()[0].split()
    assert label == "negative" and float(probability.rstrip("%")) > 50


def is_exported(asked, home):
    asked("export", "--run", "real", "--to", home / "out", "--examples", "2000")
    card = json.loads((home / "out/tflite/cnn_mnist/1/card.json").read_text())
    assert set(card["parity"]) == {"saved_model", "float32", "float16", "dynamic", "int8"} and not card["refused"]
    sizes = {facts["variant"]: facts["bytes"] for facts in card["files"].values() if "variant" in facts}
    assert sizes["int8"] < 0.3 * sizes["float32"]


def judges_a_generator(asked):
    """A classifier that has been trained is found, and no other is taught."""
    asked("--source", "local", "--run", "judged", "--epochs", "1", project="gan_mnist")
    run = Run("gan_mnist", "judged")
    found = run.read_json("scores.json")["metrics"]
    assert found["sure"] > 20 and found["least"] >= 1, "per cent; untrained it makes few of the ten digits"
    assert not run.path("parts/judge").exists()
