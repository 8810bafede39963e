"""Transfer learning: what the phases leave behind, whatever the weights, the set of photos and the kills."""

import json
import signal

import numpy as np
import pytest
from stopped import train

from dl100_tf import cli
from dl100_tf.data import drawn
from dl100_tf.errors import UserError
from dl100_tf.models import backbones
from dl100_tf.projects import transfer_dogs
from dl100_tf.projects.transfer_dogs import Config
from dl100_tf.run import Run

SMALL = {"source": "sample", "size": 32, "epochs": 1, "head_epochs": 3, "deterministic": True}


def finished(run, **settings):
    """The run's scores, and its table of phases by phase."""
    config = Config(**SMALL | settings)
    scores = cli.execute(transfer_dogs, config, run)
    return scores, {row["phase"]: row for row in run.read_json("tables/phases.json")["rows"]}


def test_a_misspelt_backbone_is_refused_before_anything_is_loaded():
    with pytest.raises(UserError, match=r"no backbone 'MobilNetV2', did you mean MobileNetV2\?"):
        Config(backbone="MobilNetV2")


def test_the_head_begins_with_all_classes_equally_likely(weights):
    body, _ = backbones.load("MobileNetV2", 32, weights)
    net = transfer_dogs.build_model(Config(), body, 5)
    assert np.allclose(net.predict(drawn.pictures(3, 0, 32)[0], verbose=0), 0.2)
    assert net.inputs[0].name == "image" and net.output_names == ["probability"]


@pytest.mark.slow
def test_phases_that_make_it_worse_are_not_kept(weights):
    run = Run("transfer_dogs", "hasty")
    scores, rows = finished(run, weights=weights, learning_rate=10.0)
    assert list(rows) == ["frozen", "fine-tuned", "frozen, on photo and mirror image"]
    assert rows["fine-tuned"]["validation loss"] > rows["frozen"]["validation loss"]
    net = next(layer for layer in run.load_model().layers if hasattr(layer, "layers"))
    photos = transfer_dogs.load_data(Config(**SMALL))
    stored = np.load(run.part("frozen").path("predictions.npz"))["probabilities"]
    assert np.allclose(net.predict(photos.test.x, verbose=0), stored, atol=1e-4), "the frozen net, to the last weight"
    assert scores["parameters"] == net.count_params()
    assert scores["train_seconds"] == pytest.approx(rows["frozen"]["seconds"] + rows["fine-tuned"]["seconds"])


@pytest.mark.slow
def test_everything_can_be_thawed_and_compared_with_random_weights(weights):
    _, rows = finished(Run("transfer_dogs", "all"), weights=weights, thaw="all", scratch=True)
    assert list(rows)[:3] == ["frozen", "fine-tuned", "from-scratch"]
    assert rows["frozen"]["numbers trained"] == 4 * 1280 + 4
    assert rows["frozen"]["numbers trained"] < rows["fine-tuned"]["numbers trained"] < (
        rows["from-scratch"]["numbers trained"])


@pytest.mark.slow
def test_a_folder_of_one_s_own_goes_the_whole_way(weights, tmp_path):
    from PIL import Image

    x, y = drawn.pictures(60, 0, 48, ("disc", "bars", "star"))
    for number, (picture, label) in enumerate(zip(x, y, strict=True)):
        folder = tmp_path / "mine" / ("mugs", "keys", "shoes")[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[:30 + number % 15]).save(folder / f"{number}.{('png', 'jpg')[number % 2]}")
    (tmp_path / "mine/keys/broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    settings = {"source": "auto", "data_dir": str(tmp_path / "mine"), "weights": weights}
    run = Run("transfer_dogs", "mine")
    scores, _ = finished(run, **settings)
    assert scores["labels"] == ["keys", "mugs", "shoes"] and scores["source"] == "local"
    answer = transfer_dogs.predict(run.load_model(), Config(**SMALL | settings), tmp_path / "mine/mugs/0.png")
    assert len(answer) == len(scores["labels"]) and sum(answer) == pytest.approx(1, abs=1e-5)
    with pytest.raises(UserError, match=r"broken\.jpg"):
        finished(Run("transfer_dogs", "strict"), **settings, strict=True)


@pytest.mark.slow
def test_a_run_killed_while_the_backbone_is_frozen_ends_bitwise_like_another(weights, forked, tmp_path):
    words = ("--source", "sample", "--size", "32", "--weights", weights, "--epochs", "1", "--head-epochs", "10",
             "--checkpoint-steps", "5", "--deterministic", "--run", "one")
    homes = [tmp_path / "killed", tmp_path / "whole"]
    code, said = train(forked, "transfer_dogs", words, homes[0], signal.SIGKILL, at=5)
    assert code == -signal.SIGKILL, said
    part = homes[0] / "runs/transfer_dogs/one/parts/frozen"
    assert list(part.glob("checkpoints/step-*.npz")) and not (part / "training.json").exists(), "in the middle"
    for home in homes:
        code, said = train(forked, "transfer_dogs", words, home)
        assert code == 0, said
        assert ("Resuming" in said) == (home == homes[0])
    for name in ("predictions.npz", "parts/frozen/predictions.npz"):
        one, two = (np.load(home / "runs/transfer_dogs/one" / name) for home in homes)
        assert all(np.array_equal(one[array], two[array]) for array in one.files)
    one, two = (json.loads((home / "runs/transfer_dogs/one/tables/phases.json").read_text())["rows"] for home in homes)
    for row in (*one, *two):
        row.pop("seconds", None)
    assert one == two
