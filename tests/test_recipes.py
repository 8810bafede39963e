"""Every recipe, the whole way on its sample: train, kill, resume, reload, predict. A new recipe gets this for free."""

import importlib
import inspect
import json
import os
import signal
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
import tiny_bert
from PIL import Image, ImageOps
from stopped import train

from dl100_tf import curriculum
from dl100_tf.run import Run

SHORT = ("--source", "sample", "--epochs", "2", "--checkpoint-steps", "5", "--deterministic")
SMALL = {  # what a recipe is asked besides, for the sake of time: the same code, on less
    "anomaly_cifar10": ("--size", "32", "--batch-size", "16"),  # an epoch of more than five steps
    "autoencoder_mnist": ("--sizes", "2", "--code", "16"),
    "bert_squad": ("--length", "128", "--overlap", "24", "--questions", "200"),
    "augmented_cifar10": ("--rows", "none"),  # tests/projects/test_augmented_cifar10.py trains with every remedy
    # 50 steps: its normalisations need as many to know what is usual
    "cnn_cifar10": ("--batch-size", "64", "--widths", "8", "16", "32"),
    "gan_fashion": ("--width", "4"),
    "gan_mnist": ("--width", "4"),
    "lstm_agnews": ("--no-rows",),  # tests/projects/test_lstm_agnews.py has them
    "lstm_imdb": ("--length", "120"),  # the longest review of the sample
    "rnn_shakespeare": ("--length", "16", "--units", "64"),  # steps of an unrolled cell
    "rnn_weather": ("--batch-size", "512", "--units", "8"),
    "transfer_dogs": ("--head-epochs", "3", "--size", "160"),
}
NEAR = {"anomaly_cifar10": 1e-5}  # by how much a score may differ: features of random weights are all nearly the same
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory, forked):
    """A recipe's run on its sample, once killed and once interrupted on the way, and its twin that was left alone."""
    done = {}

    def of(project):
        if project not in done:
            home = tmp_path_factory.mktemp(project)
            os.environ["DL100_HOME"] = str(home)
            done[project] = home, *kill_and_resume(project, home, forked)
        os.environ["DL100_HOME"] = str(done[project][0])
        return done[project][1:]
    return of


@pytest.fixture(scope="module")
def loaded(trained):
    """A recipe, and the settings, data and model of its trained run, which are read once."""
    done = {}

    def of(project):
        run, *_ = trained(project)
        if project not in done:
            recipe = importlib.import_module(f"dl100_tf.projects.{project}")
            config = recipe.Config(**run.read_json("config.json"))
            done[project] = recipe, config, recipe.load_data(config), run.load_model()
        return done[project]
    return of


def kill_and_resume(project, home, forked):
    encoder = ("--encoder", tiny_bert.write(home / "encoder")) if project == "bert_squad" else ()
    words = (*SHORT, *SMALL.get(project, ()), *encoder, "--run")
    code, said = train(forked, project, (*words, "stopped"), home, signal.SIGKILL, at=5)
    assert code == -signal.SIGKILL, said
    code, interrupted = train(forked, project, (*words, "stopped"), home, signal.SIGINT, at=10)
    assert code == 130, interrupted
    code, said = train(forked, project, (*words, "stopped"), home)
    assert code == 0, said
    code, alone = train(forked, project, (*words, "whole"), home)
    assert code == 0, alone
    return Run(project, "stopped"), Run(project, "whole"), interrupted, said


HOURS = Path(__file__).parent / "data/weather_hours.csv"  # four days, laid out as Beijing's file
LICENSE = Path(__file__).parents[1] / "LICENSE"
DIGIT = Path(__file__).parents[1] / "projects/cnn_mnist/filters.png"
# What `predict` is asked, and what its answer holds, of recipes that answer in texts; FOLDER is one of the test's.
ASKED = {
    "autoencoder_mnist": ([DIGIT, "--out", "FOLDER/restored.png"], "restored.png"),
    "gan_fashion": (["--count", "9", "--out", "FOLDER/grid.png"], "9 pictures in"),
    "gan_mnist": (["--count", "9", "--out", "FOLDER/grid.png"], "9 pictures in"),
    "rnn_shakespeare": (["O gentle", "--length", "50"], "O gentle"),
    "bert_squad": (["--question", "Who is the author?", "--passage", LICENSE], "【"),
    "rnn_weather": ([HOURS], "2010-01-05 00:00"),
    "word2vec_text8": (["king - man + woman", "--count", "3"], "  queen\n"),
}
NOT_EXPORTED = {"word2vec_text8": "neither tells labels apart"}  # and what is said of it


def question(recipe, example, folder):
    """What a user would hand to `predict` for this example: a picture as a file, numbers one by one."""
    hints, parameters = get_type_hints(recipe.predict), inspect.signature(recipe.predict).parameters
    kinds = [hints[name] for name, one in parameters.items()
             if name not in ("model", "config") and one.kind is not inspect.Parameter.KEYWORD_ONLY]
    if kinds == [Path]:
        Image.fromarray(example.squeeze()).save(folder / "example.png")
        return [folder / "example.png"]
    return [kind(value) for kind, value in zip(kinds, np.atleast_1d(example), strict=True)]


@pytest.mark.parametrize("project", curriculum.projects())
class TestRecipe:
    def test_a_killed_run_ends_bitwise_like_one_that_was_left_alone(self, trained, project):
        stopped, whole, _, _ = trained(project)
        assert stopped.path("history.csv").read_bytes() == whole.path("history.csv").read_bytes()
        assert stopped.path("predictions.npz").is_file() == whole.path("predictions.npz").is_file()
        if whole.path("predictions.npz").is_file():
            one, two = (np.load(run.path("predictions.npz")) for run in (stopped, whole))
            assert all(np.array_equal(one[name], two[name]) for name in one.files)
        assert stopped.read_json("scores.json")["metrics"] == whole.read_json("scores.json")["metrics"]
        one, two = stopped.load_model(), whole.load_model()
        assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(one.weights, two.weights, strict=True)
                   if a.dtype != "string")

    def test_ctrl_c_says_how_to_go_on_and_going_on_says_from_where(self, trained, project):
        _, _, interrupted, said = trained(project)
        assert interrupted.rstrip().endswith(f"-m dl100_tf.projects.{project} --run stopped")
        assert f"DL100_HOME={os.environ['DL100_HOME']} " in interrupted
        assert "Resuming " in said and "Report: " in said

    def test_the_run_directory_is_complete(self, trained, project):
        run, *_ = trained(project)
        for name in ("config.json", "provenance.json", "history.csv", "model.keras", "scores.json", "report.md",
                     "report.html"):
            assert run.path(name).stat().st_size > 0, name
        assert len(list(run.directory.glob("best.weights.*"))) == 1
        assert not list(run.directory.rglob(".writing-*"))
        record = run.read_json("provenance.json")
        assert len(record["sessions"]) == 3 and record["source"]["rung"] == "sample"
        assert record["finished"]["epochs"] == 2

    def test_the_score_says_that_it_is_a_sample_s(self, trained, project):
        run, *_ = trained(project)
        scores = run.read_json("scores.json")
        assert {"project", "run", "source", "n", "metrics", "train_seconds"} <= set(scores)
        assert scores["source"] == "sample" and "sample" in scores["source_note"]
        assert all(isinstance(value, (int, float)) for value in scores["metrics"].values())
        for name in ("report.md", "report.html"):
            assert "sample" in run.path(name).read_text(encoding="utf-8").lower()

    def test_the_model_reloads_equal(self, trained, loaded, project):
        run, *_ = trained(project)
        if not run.path("predictions.npz").is_file():
            pytest.skip("judges no test examples")
        stored = np.load(run.path("predictions.npz"))
        _, _, data, model = loaded(project)
        again = model.predict(stored.get("latent", data.test.x)[:64], verbose=0)
        expected = next(stored[name] for name in ("probabilities", "forecast", "picture") if name in stored)[:64]
        assert len(again) == len(expected) and again.dtype == np.float32
        size = max(1, np.abs(expected).max())  # of a forecast: degrees
        np.testing.assert_allclose(again[:, -1], expected[:, -1], atol=NEAR.get(project, 1e-6) * size)

    def test_predict_gives_every_label_its_probability(self, trained, loaded, project, tmp_path):
        run, *_ = trained(project)
        recipe, config, data, model = loaded(project)
        if not hasattr(recipe, "predict"):
            pytest.skip("has no predict")
        if project in ASKED:
            pytest.skip("answers in texts")
        answer = recipe.predict(model, config, *question(recipe, data.test.x[0], tmp_path))
        assert len(answer) == len(data.labels) and sum(answer) == pytest.approx(1, abs=1e-5)
        stored = np.load(run.path("predictions.npz"))["probabilities"][0]
        assert answer[-1] == pytest.approx(float(stored[-1]), abs=NEAR.get(project, 1e-6))

    def test_predict_answers_on_the_command_line(self, trained, loaded, project, tmp_path, forked):
        trained(project)
        recipe, _, data, _ = loaded(project)
        if not hasattr(recipe, "predict"):
            pytest.skip("has no predict")
        if project in ASKED:
            words, holds = ASKED[project]
            words = [str(word).replace("FOLDER", str(tmp_path)) for word in words]
            answer = forked(f"dl100_tf.projects.{project}", "predict", *words,
                             env={"DL100_HOME": os.environ["DL100_HOME"]})
            assert answer.returncode == 0, answer.stderr
            assert holds in answer.stdout and "(run whole: " in answer.stdout
            return
        asked = question(recipe, data.test.x[0], tmp_path)
        pictures = isinstance(asked[0], Path)
        words = [*asked, *asked] if pictures else asked
        answer = forked(f"dl100_tf.projects.{project}", "predict", *words,
                         env={"DL100_HOME": os.environ["DL100_HOME"]})
        assert answer.returncode == 0, answer.stderr
        shown = [line for line in answer.stdout.splitlines() if line.lstrip()[:1].isdigit()]
        assert {line.split("%", 1)[1].strip() for line in shown} <= set(data.labels)
        assert len(shown) == min(5, len(data.labels)) * (2 if pictures else 1)
        if pictures:
            (tmp_path / "damaged.png").write_bytes(asked[0].read_bytes()[:60])
            answer = forked(f"dl100_tf.projects.{project}", "predict", tmp_path / "damaged.png",
                             env={"DL100_HOME": os.environ["DL100_HOME"]})
            assert answer.returncode == 2 and "damaged.png" in answer.stderr and "Traceback" not in answer.stderr

    def test_a_finished_run_has_nothing_to_do(self, trained, project, forked):
        run, *_ = trained(project)
        answer = forked(f"dl100_tf.projects.{project}", "--run", run.name,
                         env={"DL100_HOME": os.environ["DL100_HOME"]})
        assert answer.returncode == 0 and "nothing to do" in answer.stdout

    def test_it_is_exported_for_servers_and_phones(self, trained, project, forked, tmp_path):
        run, *_ = trained(project)
        answer = forked(f"dl100_tf.projects.{project}", "export", "--run", run.name, "--to", tmp_path, "--quantize",
                         "float32", "--examples", "100", env={"DL100_HOME": os.environ["DL100_HOME"]})
        if project in NOT_EXPORTED:
            assert answer.returncode == 2 and not answer.stdout and answer.stderr.count("\n") == 1
            assert NOT_EXPORTED[project] in answer.stderr and not list(tmp_path.iterdir())
            return
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert (tmp_path / f"saved_model/{project}/1/saved_model.pb").is_file()
        card = json.loads((tmp_path / f"tflite/{project}/1/card.json").read_text())
        assert {"saved_model", "float32"} <= set(card["parity"]) and not card["refused"]
        assert "sample" in card["training"]["note"] and len(card["mistakes"]) >= 2

    def test_a_server_answers_as_predict_does(self, trained, loaded, project, tmp_path):
        """About a picture that is in no net's format, as people send them."""
        run, *_ = trained(project)
        recipe, config, data, model = loaded(project)
        if project in ASKED:
            pytest.skip("answers in texts")
        path = question(recipe, data.test.x[0], tmp_path)[0] if hasattr(recipe, "predict") else None
        if not isinstance(path, Path):
            pytest.skip("is asked about no pictures")
        from dl100_tf.export import contract, saved_model

        found = contract.of_run(run, model, data.preparation)
        saved_model.write(model, found, tmp_path / "1", data.test.x[:8])
        with Image.open(path) as example:
            width, height = example.size
            page = Image.new("RGB", (4 * width, 5 * height), (235, 230, 220))
            dark = ImageOps.invert(example.convert("RGB")).resize((3 * width, 3 * height))
            page.paste(dark, (width // 2, height // 2))
        page.save(tmp_path / "page.jpg", quality=92)
        answer = saved_model.load(tmp_path / "1")([(tmp_path / "page.jpg").read_bytes()], signature="encoded")
        expected = recipe.predict(model, config, tmp_path / "page.jpg")
        np.testing.assert_allclose(answer["probabilities"][0], expected, atol=0.01)

    def test_report_writes_the_report_again(self, trained, project, forked):
        run, *_ = trained(project)
        run.path("report.html").unlink()
        answer = forked(f"dl100_tf.projects.{project}", "report", "--run", run.name,
                         env={"DL100_HOME": os.environ["DL100_HOME"]})
        assert answer.returncode == 0 and run.path("report.html").is_file(), answer.stderr
