"""Mistaken pictures and galleries: the right ones, small enough, and read from a run's files alone."""

import base64
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import image
from PIL import Image

from dl100_tf import evaluation
from dl100_tf.errors import UserError
from dl100_tf.evaluation import pictures

from .conftest import splits


def photos(n=40, size=(8, 8), channels=1, k=3, seed=0):
    """Pictures whose first pixel tells the class, labels of which every fourth is wrong, and the guesses' certainty."""
    random = np.random.default_rng(seed)
    x = random.integers(0, 256, (n, *size, channels), dtype=np.uint8)
    guess = np.arange(n) % k
    y = np.where(np.arange(n) % 4 == 0, (guess + 1) % k, guess)
    sure = random.uniform(0.5, 0.99, n)
    p = np.full((n, k), 1.0) * ((1 - sure) / (k - 1))[:, None]
    p[np.arange(n), guess] = sure
    return x, y, p.astype("float32")


def scored(run, x, y, p, labels=("a", "b", "c")):
    with run.writing("predictions.npz") as file:
        np.savez(file, y=y, probabilities=p)
    data = splits([], [], labels=labels)
    data.test.x, data.test.y = x, y
    return data


def opened(uri):
    kind, content = uri.split(";base64,")
    found = Image.open(io.BytesIO(base64.b64decode(content)))
    assert kind == f"data:image/{found.format.lower()}"
    return found


def test_the_most_confident_mistakes_pixel_by_pixel(trained):
    x, y, p = photos(200)
    found = evaluation.explain_images(None, scored(trained, x, y, p), trained)
    assert found == json.loads(trained.path("findings.json").read_text(encoding="utf-8"))
    shown = found["pictures"]
    assert len(shown) == pictures.MISTAKES
    sure = [one["confidence"] for one in shown]
    assert sure == sorted(sure, reverse=True) and sure[0] == pytest.approx(p[::4].max())
    for one in shown:
        assert (one["label"], one["guess"]) == ("abc"[y[one["index"]]], "abc"[p[one["index"]].argmax()])
        assert one["label"] != one["guess"] and one["crisp"] and (one["width"], one["height"]) == (8, 8)
        assert np.array_equal(np.asarray(opened(one["picture"])), x[one["index"], ..., 0])
    assert image.imread(trained.path("plots/mistakes.png")).shape == (950, 1040, 4)


def test_photos_are_kept_small(trained):
    x, y, p = photos(8, (300, 450), 3)
    shown = evaluation.explain_images(None, scored(trained, x, y, p), trained)["pictures"]
    assert len(shown) == 2
    for one in shown:
        assert not one["crisp"] and opened(one["picture"]).size == (one["width"], one["height"]) == (224, 149)
        assert len(one["picture"]) < 100_000
        assert opened(one["picture"]).format == "JPEG"


def test_heat_is_drawn_over_each(trained):
    x, y, p = photos(12)
    asked = []

    def cam(images):
        asked.append(images)
        heat = np.zeros(images.shape[:3], "float32")
        heat[:, :4] = 1
        return heat

    shown = evaluation.explain_images(None, scored(trained, x, y, p), trained, cam)["pictures"]
    assert len(asked) == 1 and np.array_equal(asked[0], x[[one["index"] for one in shown]])
    warm = np.asarray(opened(shown[0]["heat"])).astype(int)
    assert warm.shape == (8, 8, 3)
    assert (warm[:4, :, 0] - warm[:4, :, 2]).min() > 20 and np.abs(warm[4:, :, 0] - warm[4:, :, 2]).max() < 5


def test_a_single_picture_with_hostile_labels_the_whole_way(trained):
    labels = ("<script>x</script>", "\ud800\u202e", "犬 " * 200)
    data = splits([], [], labels=labels)
    data.test.x, data.test.y = np.zeros((1, 5, 7, 3), np.uint8), np.array([1])
    model = SimpleNamespace(predict=lambda x, **_: np.array([[0.9, 0.0, 0.1]]))
    evaluation.score(model, data, trained, noun="pictures")
    evaluation.plot(trained)
    evaluation.explain_images(model, data, trained)
    source = evaluation.report(trained).read_text(encoding="utf-8")
    assert "<script" not in source and "&lt;script" in source and "0.0 % of 1 real" in source.replace("\u202f", " ")


def test_heat_is_asked_for_what_was_judged(trained):
    x, y, p = photos(12)
    asked = []
    shown = evaluation.explain_images(None, scored(trained, x, y, p), trained, lambda images, classes: (
        asked.extend(classes), np.zeros(images.shape[:3]))[1])["pictures"]
    assert ["abc"[guess] for guess in asked] == [one["guess"] for one in shown]


def test_only_what_is_shown_is_read_of_a_file_in_memory(trained, tmp_path):
    x, y, p = photos(40)
    stored = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", x.dtype, x.shape)
    stored[:] = x

    class Watched:
        shape, dtype, read = x.shape, x.dtype, []

        def __len__(self):
            return len(x)

        def __getitem__(self, index):
            self.read.append(index)
            return stored[index]

    data = scored(trained, Watched(), y, p)
    found = evaluation.explain_images(None, data, trained)["pictures"]
    assert set(Watched.read) == {one["index"] for one in found} and len(found) == 10


def test_a_model_that_is_never_wrong(trained):
    x, _, p = photos(6)
    data = scored(trained, x, p.argmax(axis=1), p)
    assert evaluation.explain_images(None, data, trained, lambda images: 1 / 0) == {"pictures": []}
    assert not trained.path("plots/mistakes.png").exists()


def test_mistakes_of_a_run_before_are_not_left_behind(trained):
    x, y, p = photos(6)
    evaluation.explain_images(None, scored(trained, x, y, p), trained)
    assert trained.path("plots/mistakes.png").exists()
    evaluation.explain_images(None, scored(trained, x, p.argmax(axis=1), p), trained)
    assert not list(trained.path("plots").glob("mistakes*"))


def test_other_data_than_was_scored_is_refused(trained):
    x, y, p = photos(6)
    with pytest.raises(UserError, match=r"predictions\.npz is missing.*--run trial"):
        data = splits([], [])
        data.test.x, data.test.y = x, y
        evaluation.explain_images(None, data, trained)
    data = scored(trained, x, y, p)
    data.test.y = (y + 1) % 3
    with pytest.raises(UserError, match="other data"):
        evaluation.explain_images(None, data, trained)


@pytest.mark.parametrize(("value", "shape"), [
    (np.zeros((4, 5, 1), np.uint8), (4, 5)), (np.zeros((4, 5), np.uint8), (4, 5)),
    (np.zeros((4, 5, 3), np.uint8), (4, 5, 3)), (np.zeros((4, 5, 4), np.uint8), (4, 5, 3)),
    (np.zeros((4, 5, 2), np.uint8), (4, 5))])
def test_pictures_of_every_shape(value, shape):
    assert pictures.as_picture(value).shape == shape


def test_pictures_of_every_kind_of_number():
    assert pictures.as_picture(np.array([[0, 0.5, 1.0, np.nan]])).tolist() == [[0, 128, 255, 0]]
    assert pictures.as_picture(np.array([[-3.0, 100.4, 300.0]])).tolist() == [[0, 100, 255]]


def test_a_gallery(trained):
    x = photos(20)[0]
    rows = [("as they are", x), ("<b>long " * 9, x[:3]), ("in colour", np.repeat(x[:2], 3, axis=-1))]
    path = evaluation.draw_pictures(trained, "gallery", rows, "What it does.")
    assert path == trained.path("plots/gallery.png")
    high, wide, _ = image.imread(path).shape
    assert wide == 2080 and 400 < high < 800


def test_a_gallery_of_oblong_photos_keeps_their_shape(trained):
    x = np.full((4, 50, 100, 3), 200, np.uint8)
    shown = image.imread(evaluation.draw_pictures(trained, "gallery", [("", x)], ""))
    inside = np.abs(shown[..., :3] - 200 / 255).max(axis=-1) < 0.02
    across = np.flatnonzero(inside.any(axis=0))
    down = np.flatnonzero(inside.any(axis=1))
    assert (across[-1] - across[0]) / (down[-1] - down[0]) == pytest.approx(8, rel=0.1)


def test_overlay_of_many():
    shown = evaluation.overlay(np.zeros((2, 4, 4, 1), np.uint8), np.stack([np.zeros((4, 4)), np.ones((4, 4))]))
    assert shown.shape == (2, 4, 4, 3) and shown.dtype == np.uint8
    assert shown[0].max() < 10 and shown[1].min() > 50
