"""From the first step to the report, and the files that `predict` writes."""

import numpy as np
import pytest
from PIL import Image

from dl100_tf import cli, curriculum, evaluation, predicting
from dl100_tf.data import images
from dl100_tf.errors import DataError, UserError
from dl100_tf.models import adversarial, latents
from dl100_tf.models.games import GAMES
from dl100_tf.projects import gan_mnist
from dl100_tf.run import Run

SMALL = {"source": "sample", "epochs": 2, "width": 4, "latent": 8, "kinds": 3, "batch_size": 256}


@pytest.fixture(scope="module")
def model():
    import keras

    keras.utils.set_random_seed(0)
    return latents.draws(adversarial.generator((28, 28, 1), 8 + 3, 4), "gan_mnist")


@pytest.mark.slow
def test_all_four_games_are_played_on_equal_terms_and_shown(home):
    run = Run("gan_mnist", "small")
    scores = cli.execute(gan_mnist, gan_mnist.Config(**SMALL, compare=True), run)
    assert scores["headline"][0] == "fid_in_cnn_mnist_features" and scores["metrics"]["floor"] > 0
    games = run.read_json("tables/games.json")["rows"]
    assert {row["loss"].replace(" ", "_") for row in games} == set(GAMES) and len(games) == 4
    plays = [run, *(run.part(loss) for loss in GAMES if loss != "non_saturating")]
    assert {play.read_json("training.json")["steps"] for play in plays} == {10}
    assert all(np.load(play.path("film/00000010.npy")).shape == (36, 28, 28, 1) for play in plays)
    page = run.path("report.html").read_text(encoding="utf-8")
    assert "FID in cnn_mnist features" in page and "data:image/gif" in page and "Four games" in page
    assert run.path("parts/judge/training.json").is_file(), "no run of cnn_mnist was there"
    assert [row["kind"] for row in run.read_json("tables/kinds.json")["rows"]] == [0, 1, 2]
    assert scores["latents"]["classes"] == ["kind 0", "kind 1", "kind 2"] and "as_asked" not in scores["metrics"]


def predict(model, tmp_path, name="grid.png", **options):
    said = gan_mnist.predict(model, gan_mnist.Config(latent=8, kinds=3), out=str(tmp_path / name), **options)
    with Image.open(tmp_path / name) as picture:
        return said, np.asarray(picture)


def test_a_grid_of_pictures_is_written(model, tmp_path):
    said, sheet = predict(model, tmp_path, count=64)
    assert sheet.shape == (8 * 30 + 2, 8 * 30 + 2) and "64 pictures in" in said
    assert np.array_equal(sheet[2:30, 2:30], evaluation.pixels(model, latents.points(1, 8, 0, 3))[0, ..., 0])
    assert np.array_equal(predict(model, tmp_path, count=64)[1], sheet)
    assert not np.array_equal(predict(model, tmp_path, count=64, seed=1)[1], sheet)


def test_a_walk_has_rows_of_ten(model, tmp_path):
    assert predict(model, tmp_path, "walk.png", count=25, walk=True)[1].shape == (3 * 30 + 2, 10 * 30 + 2)


def test_the_kind_that_is_wanted(model, tmp_path):
    _, sheet = predict(model, tmp_path, count=4, wanted=2)
    assert np.array_equal(sheet[2:30, 2:30], evaluation.pixels(model, latents.points(1, 8, 0, 3, 2))[0, ..., 0])
    with pytest.raises(UserError, match="--wanted can't be 3: this net knows 0 to 2"):
        predict(model, tmp_path, wanted=3)


@pytest.mark.parametrize("options", [{"count": 0}, {"count": 10_001}, {"seed": -1}])
def test_what_can_t_be_made_is_refused(model, tmp_path, options):
    with pytest.raises(UserError, match="--count goes from 1 to 10000"):
        predict(model, tmp_path, **options)
    with pytest.raises(DataError, match="is no name for a picture"):
        predict(model, tmp_path, "grid", count=1)


def test_a_server_s_net_of_other_settings_is_not_asked_in_the_wrong_words(model, tmp_path):
    with pytest.raises(UserError, match=r"takes 11 numbers, and 48 \+ 20 are what a server's is taken to have"):
        gan_mnist.predict(model, gan_mnist.Config(), out=str(tmp_path / "a.png"))


def test_the_command_line_asks_for_no_more_than_flags():
    flags, questions, options = predicting.asked(gan_mnist, ["--count", "9", "--out", "a.png"])
    assert questions == [[]] and options == {"count": 9, "out": "a.png", "seed": 0, "walk": False, "wanted": -1}
    assert not flags.server and images.FORMATS and curriculum.DAYS["gan_mnist"] == (57, 60)
