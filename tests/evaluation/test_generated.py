"""Made pictures judged: the Fréchet distance in closed form, tempered confidence, the judge and how it is found."""

import os
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.linalg import sqrtm

from dl100_tf import evaluation
from dl100_tf.errors import UserError
from dl100_tf.evaluation import embedding, exhibits, films, generated, judging, records, reports
from dl100_tf.models import judges
from dl100_tf.run import Run

RANDOM = np.random.default_rng(0)


def test_the_distance_of_normal_distributions_whose_axes_are_alike():
    """|μ₁-μ₂|² + Σ (σ₁-σ₂)², as both covariances are diagonal."""
    means, deviations = RANDOM.normal(size=(2, 7)), RANDOM.uniform(0, 3, (2, 7))
    one, other = (generated.Moments(mean, np.diag(deviation**2))
                  for mean, deviation in zip(means, deviations, strict=True))
    expected = ((means[0] - means[1])**2).sum() + ((deviations[0] - deviations[1])**2).sum()
    assert generated.frechet(one, other) == pytest.approx(expected, rel=1e-9)
    assert generated.frechet(other, one) == pytest.approx(expected, rel=1e-9)
    assert generated.frechet(one, one) == pytest.approx(0, abs=1e-9)


def test_the_distance_of_any_others_is_the_definition_s():
    one, other = (generated.moments(RANDOM.normal(size=(50, 6)) @ RANDOM.normal(size=(6, 6))) for _ in range(2))
    root = sqrtm(one.covariance @ other.covariance).real
    expected = ((one.mean - other.mean)**2).sum() + np.trace(one.covariance + other.covariance - 2 * root)
    assert generated.frechet(one, other) == pytest.approx(expected, rel=1e-6)


def test_fewer_examples_than_features_still_have_a_distance():
    one, other = (generated.moments(RANDOM.normal(size=(5, 20)).astype("float32")) for _ in range(2))
    assert np.isfinite(generated.frechet(one, other)) and generated.frechet(one, one) < 1e-5


def test_confidence_is_tempered_to_what_it_is_worth():
    """Of a classifier that is right nine times of ten and says 99.9 % each time, or 60 %."""
    y = RANDOM.integers(0, 2, 4000)
    said = np.where(RANDOM.uniform(size=4000) < 0.9, y, 1 - y)
    for confidence in (0.999, 0.6):
        p = np.where(np.arange(2) == said[:, None], confidence, 1 - confidence)
        found = judging.tempered(p, judging.temperature(p, y))
        assert found.max(axis=1).mean() == pytest.approx(0.9, abs=0.02)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert np.array_equal(found.argmax(axis=1), said)


def test_a_judge_without_a_mistake_is_not_taken_for_one_that_makes_none():
    p = np.tile([[0.6, 0.4], [0.3, 0.7]], (4, 1))
    found = judging.tempered(p, judging.temperature(p, np.tile([0, 1], 4)))
    assert found.max(axis=1).mean() == pytest.approx(9 / 10, abs=0.01)


def test_what_is_no_number_is_no_distance_of_zero():
    one = generated.Moments(np.zeros(2), np.eye(2))
    assert np.isnan(generated.frechet(one, generated.Moments(np.array([np.nan, 0]), np.eye(2))))


def pictures(count, seed, kinds=3):
    """Grey pictures of three kinds: a bright bar at the top, in the middle, at the bottom."""
    random = np.random.default_rng(seed)
    y = np.arange(count) % kinds
    x = random.integers(0, 60, (count, 28, 28, 1)).astype("uint8")
    for picture, label in zip(x, y, strict=True):
        picture[3 + 9 * label:7 + 9 * label] = random.integers(180, 255)
    return SimpleNamespace(x=x, y=y.astype("int32"))


class Part(SimpleNamespace):
    def __len__(self):
        return len(self.y)


@pytest.fixture
def data():
    train, validation, test = (Part(**vars(pictures(*of))) for of in ((300, 0), (60, 1), (90, 2)))
    source = SimpleNamespace(rung="sample", digest="ab", note="a sample made by the test", where="")
    return SimpleNamespace(train=train, validation=validation, test=test, labels=("top", "middle", "bottom"),
                           source=source)


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(0)
    model, train = judges.net((28, 28, 1), 3), pictures(300, 0)
    model.fit(train.x, train.y, epochs=10, batch_size=50, verbose=0)
    return model


class Maker:
    """Makes the pictures of a list whatever it is given, as floats."""

    def __init__(self, x):
        self.x = x

    def predict(self, latents, verbose=None, batch_size=None):
        return self.x[np.arange(len(latents)) % len(self.x)].astype("float32") + 0.2


LATENTS = np.random.default_rng(3).standard_normal((10_000, 5)).astype("float32")


def test_real_pictures_are_near_and_a_single_kind_is_found_out(data, classifier, home):
    judge = evaluation.Judge(classifier, data, "a")
    run = Run("gan_mnist", "real")
    good = evaluation.score_pictures(run, data, judge, Maker(pictures(300, 7).x), LATENTS, "bars")["metrics"]
    assert good["least"] == pytest.approx(100 / 3, abs=1) and good["most"] == pytest.approx(100 / 3, abs=1)
    assert good["sure"] > 95 and good["sure_of_real"] > 95
    one = pictures(300, 7).x[::3]
    run = Run("gan_mnist", "collapsed")
    scores = evaluation.score_pictures(run, data, judge, Maker(one), LATENTS, "bars")
    bad = scores["metrics"]
    assert bad["least"] == 0 and bad["most"] == 100 and bad["sure"] > 95
    assert bad["fid_in_cnn_mnist_features"] > 3 * good["fid_in_cnn_mnist_features"]
    assert bad["floor"] == good["floor"] < 0.3 * bad["fid_in_cnn_mnist_features"]
    assert records.summary(scores).startswith("FID in cnn_mnist features ")
    rows = exhibits.tables(run)["balance"]["rows"]
    assert [row["of what was made, %"] for row in rows] == [100, 0, 0] and rows[1]["sure of, %"] is None
    assert scores["n"] == 90 and scores["latents"] == {"classes": []} and scores["units"]["sure"] == "%"
    with np.load(run.path("predictions.npz")) as stored:
        assert np.array_equal(stored["latent"], LATENTS[:512]) and stored["picture"].shape == (512, 28, 28, 1)
        assert stored["picture"].dtype == np.float32
    assert records.predictions(run) is None, "no classifier's"
    report = evaluation.report(run).read_text(encoding="utf-8")
    assert "FID in cnn_mnist features" in report and ">FID<" not in report and "sample" in report
    assert reports.headline(scores).startswith(reports.wording.number(bad["fid_in_cnn_mnist_features"]))


def test_what_was_asked_for_is_looked_for(data, classifier, home):
    told = np.hstack([LATENTS, np.eye(3, dtype="float32")[np.arange(len(LATENTS)) % 3]])
    found = evaluation.score_pictures(Run("gan_fashion", "told"), data, evaluation.Judge(classifier, data, "a"),
                                      Maker(pictures(300, 7).x), told, "bars", data.labels)
    assert found["metrics"]["as_asked"] > 95 and found["latents"] == {"classes": list(data.labels)}
    other = np.hstack([LATENTS, np.eye(3, dtype="float32")[(1 + np.arange(len(LATENTS))) % 3]])
    found = evaluation.score_pictures(Run("gan_fashion", "wrong"), data, evaluation.Judge(classifier, data, "a"),
                                      Maker(pictures(300, 7).x), other, "bars", data.labels)
    assert found["metrics"]["as_asked"] < 5


def test_what_the_kinds_turned_out_to_be(data, classifier, home):
    kinds = np.hstack([LATENTS, np.eye(3, dtype="float32")[(1 + np.arange(len(LATENTS))) % 3]])
    kinds[:30, 5:] = (0, 0, 1)  # of 1000 that are looked at ten are no longer of kind 0, and ten no longer of kind 1
    run, judge = Run("gan_mnist", "kinds"), evaluation.Judge(classifier, data, "a")
    scores = evaluation.score_pictures(run, data, judge, Maker(pictures(300, 7).x), kinds, "bars", kinds=3)
    assert scores["latents"] == {"classes": ["kind 0", "kind 1", "kind 2"]} and "as_asked" not in scores["metrics"]
    zero, one, two = exhibits.tables(run)["kinds"]["rows"]
    assert (zero["mostly"], one["mostly"], two["mostly"]) == ("bottom", "top", "middle")
    assert zero["that, %"] == one["that, %"] == 100 and zero["then"] is None and one["that too, %"] is None
    assert two["that, %"] == pytest.approx(100 * 333 / 353, abs=0.6) and two["then"] in ("top", "bottom")
    assert two["that too, %"] == pytest.approx(100 * 10 / 353, abs=0.6)


def test_pictures_that_are_no_numbers_are_refused(data, classifier, home):
    broken = Maker(np.full((1, 28, 28, 1), np.nan))
    with pytest.raises(UserError, match="NaN: training has diverged"):
        evaluation.score_pictures(Run("gan_mnist", "nan"), data, judging.Pixels(data), broken, LATENTS)


def test_without_labels_pixels_are_compared(data, home):
    run = Run("gan_fashion", "unlabelled")
    judge = judging.Pixels(data)
    near = evaluation.score_pictures(run, data, judge, Maker(pictures(300, 7).x), LATENTS)["metrics"]
    far = evaluation.score_pictures(run, data, judge, Maker(255 - pictures(300, 7).x), LATENTS)["metrics"]
    assert set(near) == {"frechet_distance_of_pixels", "floor"}
    assert far["frechet_distance_of_pixels"] > 10 * near["frechet_distance_of_pixels"]
    features, known = judging.Pixels(data).look(np.full((2, 32, 32, 3), 255, np.uint8))
    assert features.shape == (2, 14 * 14 * 3) and (features == 1).all() and known is None


def test_a_classifier_of_other_pictures_or_labels_is_refused(data, classifier):
    data.labels = ("top", "middle", "bottom", "none")
    with pytest.raises(UserError, match=r"knows 3 labels, and these are of \(28, 28, 1\) with 4"):
        evaluation.Judge(classifier, data, "a")


def same(judge, classifier, data):
    return np.array_equal(judge.look(data.test.x)[0], evaluation.Judge(classifier, data, "").look(data.test.x)[0])


class TestTheJudge:
    def finished(self, classifier, name, digest="ab", age=0):
        run = Run("cnn_mnist", name)
        run.save(classifier)
        run.write_json("scores.json", {"metrics": {"accuracy": 0.9}, "digest": digest, "source": "sample"})
        os.utime(run.path("scores.json"), (1e9 - age, 1e9 - age))

    def test_is_the_latest_on_the_same_data_and_stays_the_run_s(self, data, classifier, home):
        run = Run("gan_mnist", "a")
        assert evaluation.known_judge(run, "", data) is None
        self.finished(classifier, "elsewhere", digest="cd")
        assert evaluation.known_judge(run, "", data) is None
        self.finished(classifier, "here", age=9)
        found = evaluation.known_judge(run, "", data)
        assert same(found, classifier, data) and found.origin == run.record()["judge"] == "cnn_mnist/here"
        self.finished(judges.net((28, 28, 1), 3), "later")
        again = evaluation.known_judge(run, "", data)
        assert same(again, classifier, data) and again.origin == "cnn_mnist/here"

    def test_is_the_run_s_own_once_that_has_begun_to_learn(self, data, classifier, home):
        run = Run("gan_mnist", "a")
        run.part("judge").write_text("checkpoints/step-1.npz", "")
        self.finished(classifier, "here")
        assert evaluation.known_judge(run, "", data) is None

    def test_can_be_named_as_a_run_or_a_file(self, data, classifier, home, tmp_path):
        self.finished(classifier, "here", digest="cd")
        classifier.save(tmp_path / "mine.keras")
        for number, named in enumerate(("here", str(tmp_path / "mine.keras"))):
            found = evaluation.known_judge(Run("gan_mnist", f"run{number}"), named, data)
            assert same(found, classifier, data) and named in found.origin

    def test_is_asked_about_pixels_alone_where_nothing_is_labelled(self, data, home):
        data.labels = ("all",)
        assert isinstance(evaluation.known_judge(Run("gan_fashion", "a"), "", data), judging.Pixels)

    @pytest.mark.parametrize("named, message", [("nowhere", "has no model"),
                                                ("none.keras", r"none\.keras can't be read")])
    def test_that_is_not_there_is_named(self, data, home, named, message):
        with pytest.raises(UserError, match=message):
            evaluation.known_judge(Run("gan_mnist", "a"), named, data)


def frames(run, count=12, channels=1):
    for step in range(1, count + 1):
        with run.writing(f"film/{step:08d}.npy") as path, open(path, "wb") as file:
            np.save(file, np.full((9, 28, 28, channels), 20 * step % 256, np.uint8))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_film_has_every_frame_and_stands_in_the_report(home, channels):
    run = Run("gan_mnist", "a")
    run.write_json("scores.json", {"metrics": {"floor": 1.0}, "source": "sample", "n": 5})
    frames(run, channels=channels)
    evaluation.draw_film(run, "how it came", "How")
    with Image.open(run.path("plots/film.gif")) as film:
        assert film.n_frames == 12 and film.width == 3 * 29 * 4
        film.seek(4)
        assert np.asarray(film.convert("RGB"))[100, 60].tolist() == pytest.approx([100] * 3, abs=8)
    moving, = (one["moving"] for one in embedding.figures(run))
    assert (moving["width"], moving["height"]) == (348, 364) and moving["light"].startswith("data:image/gif")
    page = evaluation.report(run).read_text(encoding="utf-8")
    assert 'width="348" height="364"' in page


def test_a_damaged_frame_is_named(home):
    run = Run("gan_mnist", "a")
    with pytest.raises(UserError, match="holds no frames"):
        films.kept(run)
    run.write_text("film/00000001.npy", "no array")
    with pytest.raises(UserError, match=r"a frame in .*film is damaged"):
        films.kept(run)


def test_epochs_are_judged_by_their_weights_and_games_set_beside_each_other(data, classifier, home):
    run = Run("gan_mnist", "a")
    history = [{"epoch": epoch, "loss": 1.0, "accuracy": 0.8, "slope": 0.5 / epoch} for epoch in (1, 2)]
    asked, net = [], Maker(None)

    def load_weights(file):
        asked.append(file.name)
        net.x = pictures(90, 5, kinds=len(asked)).x

    net.get_layer = {"generator": SimpleNamespace(load_weights=load_weights)}.get
    for one in (run, run.part("minimax")):
        one.write_table("history.csv", history)
        one.write_json("training.json", {"train_seconds": 3.5})
    judge = evaluation.Judge(classifier, data, "a")
    rows = evaluation.judge_epochs(run, judge, net, LATENTS[:90])
    assert asked == ["0001.weights.h5", "0002.weights.h5"]
    assert [row["most"] for row in rows] == [100, 50] and rows[0]["distance"] > rows[1]["distance"] and (
        rows[1]["slope"] == 0.25)
    run.write_json("scores.json", {"metrics": {"floor": 1.0}, "source": "sample", "n": 5})
    frames(run)
    learnt = {"non_saturating": rows, "minimax": rows}
    evaluation.explain_generator(run, Maker(data.test.x), [("", LATENTS[:12])], LATENTS[:20].reshape(2, 10, 5), learnt)
    evaluation.compare_games(run, learnt, dict.fromkeys(learnt, data.test.x[:12]))
    table = exhibits.tables(run)["games"]
    assert [row["loss"] for row in table["rows"]] == ["non saturating", "minimax"]
    assert table["rows"][1]["seconds"] == 3.5 and table["rows"][0]["FID in cnn_mnist features"] == rows[1]["distance"]
    assert {"made", "film", "walk", "learning", "games_made"} == set(exhibits.captions(run))
    assert evaluation.report(run).is_file()
