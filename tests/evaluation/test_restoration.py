"""Pictures given back: how near they come to the originals, in numbers that can be worked out by hand."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from dl100_tf import evaluation
from dl100_tf.errors import UserError
from dl100_tf.evaluation import latent, records, restoration
from dl100_tf.run import Run


class Net:
    """Gives back what `make` makes of a picture."""

    def __init__(self, make):
        self.make = make

    def predict(self, x, **_):
        return self.make(np.asarray(x, "float32"))


@pytest.fixture
def data():
    x = np.random.default_rng(0).integers(40, 200, (12, 8, 8, 1)).astype("uint8")
    test = SimpleNamespace(x=x, y=np.arange(12) % 3)
    return SimpleNamespace(test=test, source=SimpleNamespace(rung="sample", note="a sample", digest="0"))


def test_psnr_and_error_by_hand():
    y = np.zeros((2, 2, 2, 1), "uint8")
    assert restoration.error(y + np.float32(51), y) == pytest.approx(0.04)
    assert restoration.psnr(y + np.float32(51), y) == pytest.approx(13.979, abs=1e-3)
    assert restoration.psnr(y, y) == 99, "no flaw"
    assert restoration.psnr(y + np.uint8(255), y) == pytest.approx(0, abs=1e-6), "uint8 doesn't wrap around"


def test_the_median_filter_stays_within_a_picture_and_a_channel():
    x = np.zeros((2, 5, 5, 2), "uint8")
    x[0, 2, 2, 0] = 255
    x[1, ..., 1] = 90
    found = restoration.median(x, 3)
    assert not found[0].any() and (found[1, ..., 1] == 90).all() and not found[1, ..., 0].any()


def test_a_run_is_measured_on_clean_and_on_spoilt_pictures(data, home):
    run = Run("small", "one")
    spoilt = {"salt_and_pepper": np.where(np.arange(8)[:, None] == 3, 0, data.test.x).astype("uint8")}
    told = evaluation.restore(Net(lambda x: x + 5.1), data, run, spoilt, {"pca_ratio": 0.5}, "squares", ("pca_ratio",))
    assert told["metrics"]["error"] == pytest.approx(0.0004, rel=1e-3) and told["noun"] == "squares"
    assert told["headline"] == ["pca_ratio"] and told["units"]["psnr_salt_and_pepper"] == "dB"
    noisy, filtered = (told["metrics"][f"psnr_salt_and_pepper_{kind}"] for kind in ("noisy", "median"))
    assert noisy == pytest.approx(restoration.psnr(spoilt["salt_and_pepper"], data.test.x))
    assert filtered == max(restoration.psnr(restoration.median(spoilt["salt_and_pepper"], side), data.test.x)
                           for side in (3, 5))
    [row] = json.loads(run.path("tables/denoising.json").read_text())["rows"]
    assert row["gained"] == pytest.approx(row["net"] - row["noisy"])
    with np.load(run.path("predictions.npz")) as stored:
        assert set(stored) == {"picture"} and stored["picture"].shape == (12, 8, 8, 1)
    assert run.path("plots/restored.png").is_file()
    assert records.predictions(run) is None, "of no classes"
    evaluation.report(run)
    assert "PCA ratio 0.5000 on 12 sample squares" in run.path("report.md").read_text()


@pytest.mark.parametrize(("make", "said"), [
    (lambda x: x[:, :4], "for pictures"), (lambda x: np.where(x == x[3, 0, 0, 0], np.nan, x), "NaN")])
def test_what_is_no_picture_is_refused(data, home, make, said):
    with pytest.raises(UserError, match=said):
        evaluation.restore(Net(make), data, Run("small", "one"), {}, {})


def test_codes_are_drawn_in_a_plane(home):
    random = np.random.default_rng(0)
    y = np.arange(60) % 3
    codes = random.normal(0, 0.1, (60, 5)) + 4 * np.eye(5)[y]
    places = latent.straight(codes)
    assert places.shape == (60, 2) and places[:, 0].var() >= places[:, 1].var()
    assert np.array_equal(latent.bent(codes), latent.bent(codes))
    for dimensions in (2, 5):
        file = evaluation.draw_latent(Run("small", "one"), f"codes-{dimensions}", codes[:, :dimensions], y,
                                      ["<a>", "b", "c"], "Codes.")
        assert file.is_file()
    with pytest.raises(ValueError, match="no plane"):
        evaluation.draw_latent(Run("small", "one"), "codes", codes[:, :1], y, ["a", "b", "c"], "Codes.")
