"""The comparison itself: what it lets through, and that it can fail."""

import json

import numpy as np
import pytest

from dl100_tf.errors import UserError
from dl100_tf.export import card, console, golden, mistakes, parity, versions

RANDOM = np.random.default_rng(0)
KERAS = RANDOM.dirichlet(np.ones(4), 50).astype("float32")
TRUTH = KERAS.argmax(axis=1)


def moved(by: float) -> np.ndarray:
    """Keras' probabilities, one of them moved."""
    ours = KERAS.copy()
    ours[7, KERAS[7].argmax()] += by
    return ours


@pytest.mark.parametrize("variant, least", [("saved_model", 1e-5), ("float32", 1e-4), ("float16", 5e-3),
                                            ("dynamic", 3e-2)])
def test_a_score_may_differ_by_so_much_and_no_more(variant, least):
    assert not parity.compare(variant, KERAS, moved(0.9 * least), TRUTH).failings
    failings = parity.compare(variant, KERAS, moved(1.1 * least), TRUTH).failings
    assert len(failings) == 1 and "differs" in failings[0]


@pytest.mark.parametrize("variant, wrong", [("float32", 1), ("float16", 1), ("dynamic", 1), ("int8", 1)])
def test_accuracy_may_drop_by_so_much_and_no_more(variant, wrong):
    ours = KERAS.copy()
    ours[:wrong] = np.roll(KERAS[:wrong], 1, axis=1)
    found = parity.compare(variant, KERAS, ours, TRUTH)
    assert found.drop == pytest.approx(2.0) and any("drops by 2.00 points" in one for one in found.failings)
    assert found.agreement == pytest.approx(0.98) and found.keras == 1 and found.accuracy == pytest.approx(0.98)


def test_scores_that_are_no_numbers_fail():
    ours = KERAS.copy()
    ours[3] = np.nan
    assert parity.compare("int8", KERAS, ours, TRUTH).failings == ["scores are not numbers"]


def test_another_model_is_told_apart():
    with pytest.raises(UserError, match="it is another model"):
        parity.compare("float32", KERAS, KERAS[:, :3])


def test_mistakes_of_pictures_are_those_that_change_them():
    colour = RANDOM.integers(0, 256, (3, 5, 5, 3))
    assert set(mistakes.spoilt("image", colour)) == {"unscaled (0 to 1)", "-1 to 1", "BGR", "transposed"}
    grey = np.repeat(colour[..., :1], 3, axis=-1)
    assert "BGR" not in mistakes.spoilt("image", grey)
    assert "transposed" not in mistakes.spoilt("image", RANDOM.integers(0, 256, (3, 5, 4, 3)))
    assert np.array_equal(mistakes.spoilt("image", colour)["BGR"][..., 0], colour[..., 2])


def test_mistakes_of_texts():
    words = ("", "[UNK]", "good", "2nd", "42")
    ids = np.array([[2, 3, 4, 1, 0, 0]])
    found = mistakes.spoilt("text", ids, words)
    assert found["not lower-cased"].tolist() == [[1, 1, 4, 1, 0, 0]]
    assert found["ids shifted by one"].tolist() == [[3, 4, 4, 2, 0, 0]]
    assert found["padded in front"].tolist() == [[0, 0, 2, 3, 4, 1]]


def test_mistakes_of_texts_with_capitals():
    found = mistakes.spoilt("text", np.array([[4, 2, 3, 1, 5]]), ("", "[UNK]", "a", "B", "A", " "))
    assert found["lower-cased"].tolist() == [[2, 2, 1, 1, 5]]  # there is no b
    assert set(found) == {"lower-cased", "ids shifted by one"}, "and nothing was padded"


def test_a_mistake_is_caught_by_the_bounds_or_by_being_far_off():
    right = parity.compare("int8", KERAS, KERAS + 0.01)
    assert not parity.caught(right, parity.compare("int8", KERAS, KERAS + 0.015))
    assert parity.caught(right, parity.compare("int8", KERAS, np.roll(KERAS, 1, axis=1)))
    exact = parity.compare("float32", KERAS, KERAS)
    assert parity.caught(exact, parity.compare("float32", KERAS, KERAS + 2e-4))


class TestGolden:
    def test_all_labels_come_in_turn(self):
        y = np.array([0] * 90 + [1] * 8 + [2] * 2)
        found = golden.chosen(y, 20)
        assert len(found) == 20 and np.bincount(y[found]).tolist() == [10, 8, 2]
        assert len(golden.chosen(y[:5])) == 5

    @pytest.mark.parametrize("text", ["", "{}", "[]", '{"kind": "image", "examples": [{"png": "x"}]}',
                                      '{"kind": "numbers", "labels": ["a"], "examples": []}'])
    def test_damaged_ones_are_refused(self, text, tmp_path):
        with pytest.raises(UserError, match=r"golden\.json or what belongs to it is damaged"):
            golden.read(tmp_path)
        (tmp_path / "golden.json").write_text(text)
        with pytest.raises(UserError, match=r"golden\.json or what belongs to it is damaged"):
            golden.read(tmp_path)


def test_half_of_all_mistakes_lie_below_the_threshold():
    p = np.stack([np.linspace(0.5, 1, 100), np.linspace(0.5, 0, 100)], axis=1)
    y = np.zeros(100, int)
    y[[0, 10, 20, 30, 40]] = 1
    found = card.thresholds(p, y)
    assert found["unsure_below"] == pytest.approx(p[20, 0], abs=1e-3)
    assert found["share_unsure"] == pytest.approx(0.2, abs=0.011) and found["accuracy_when_sure"] > 0.95
    assert card.thresholds(p, np.zeros(100, int))["unsure_below"] == 0.5


class TestVersions:
    def test_the_next_is_above_the_highest_of_either_format(self, tmp_path):
        shelf = versions.Shelf(tmp_path, "digits")
        assert shelf.next() == 1
        (tmp_path / "tflite/digits/3").mkdir(parents=True)
        (tmp_path / "saved_model/digits/10").mkdir(parents=True)
        (tmp_path / "saved_model/digits/latest").mkdir()
        assert shelf.next() == 11 and versions.newest(tmp_path / "saved_model/digits").name == "10"

    def test_a_version_is_there_whole_or_not_at_all(self, tmp_path):
        shelf = versions.Shelf(tmp_path, "digits")
        with pytest.raises(RuntimeError), shelf.writing("tflite", 1) as folder:
            folder.mkdir()
            (folder / "half").write_text("a")
            raise RuntimeError
        assert versions.numbers(shelf.folders["tflite"]) == []
        with shelf.writing("tflite", 1) as folder:
            folder.mkdir()
            (folder / "whole").write_text("a")
            assert versions.numbers(shelf.folders["tflite"]) == []
        assert (shelf.folders["tflite"] / "1/whole").read_text() == "a"

    def test_what_a_killed_export_left_is_no_version_and_is_removed(self, tmp_path):
        shelf = versions.Shelf(tmp_path, "digits")
        left = shelf.folders["saved_model"] / ".writing-x"
        (left / "7").mkdir(parents=True)
        assert shelf.next() == 1
        with shelf.locked():
            assert not left.exists()

    def test_two_exports_at_once_are_one_too_many(self, tmp_path):
        again = versions.Shelf(tmp_path, "digits")
        with versions.Shelf(tmp_path, "digits").locked():
            with pytest.raises(UserError, match="another export of digits"), again.locked():
                pass
            with versions.Shelf(tmp_path, "dogs").locked():
                pass

    def test_no_version_at_all(self, tmp_path):
        with pytest.raises(UserError, match="holds no version"):
            versions.newest(tmp_path)
        with pytest.raises(UserError, match="there is no folder"):
            versions.newest(tmp_path / "nowhere")


class TestChosen:
    def test_names_with_commas_or_spaces_between(self):
        assert console.chosen("tflite", "int8,float32") == {"formats": ["tflite"], "quantize": ["float32", "int8"]}
        assert console.chosen("saved_model tflite", "int8")["formats"] == ["saved_model", "tflite"]

    @pytest.mark.parametrize("formats, quantize, said", [
        ("onnx", "int8", "knows no 'onnx'"), ("tflite", "", "wants one"), ("tflite", "int9", "did you mean int8?")])
    def test_others_are_refused(self, formats, quantize, said):
        with pytest.raises(UserError, match=said.replace("?", r"\?")):
            console.chosen(formats, quantize)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path, capsys):
    (tmp_path / "1").mkdir()
    assert parity.main([str(tmp_path)]) == 2 and "no bundle" in capsys.readouterr().err
    (tmp_path / "1/card.json").write_text(json.dumps({"files": {"../../etc/passwd": {"sha256": ""}}}))
    assert parity.main([str(tmp_path)]) == 2 and "outside of the bundle" in capsys.readouterr().err
    assert parity.main([]) == 2 and parity.main(["--help"]) == 0
