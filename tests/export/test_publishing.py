"""A run into files, the whole way: what is published, what is refused, and what is damaged."""

import json
import shutil
import subprocess

import keras
import numpy as np
import pytest
from bundles import FLOATS, published_once
from PIL import Image

from dl100_tf import export
from dl100_tf.errors import UserError
from dl100_tf.export import contract, graph, litert, parity, publishing, versions
from dl100_tf.run import Run

pytestmark = pytest.mark.slow
KINDS = ("image", "text", "numbers")


@pytest.fixture
def published(finished, shelf):
    """Publishes a kind of run once for the whole module; its folders by format."""
    def of(kind):
        return published_once(shelf, f"small_{kind}", lambda: finished(kind),
                              FLOATS | {"int8"} | ({"unrolled"} if kind == "text" else set()))
    return of


@pytest.mark.parametrize("kind", KINDS)
class TestBundle:
    def test_every_variant_agrees_with_keras(self, published, kind):
        card = json.loads((published(kind)["tflite"] / "card.json").read_text())
        for variant, found in card["parity"].items():
            assert found["n"] == {"image": 200, "text": 150, "numbers": 150}[kind]
            assert not found["failings"] and found["keras"] > 0.9
            assert found["agreement"] == 1 or variant in ("int8", "dynamic")
        assert card["parity"]["saved_model"]["difference"] <= 1e-5

    def test_phones_can_run_it(self, published, kind):
        for file in published(kind)["tflite"].glob("*.tflite"):
            content = file.read_bytes()
            assert not [op for op in graph.ops(content) if op.startswith(("Flex", "VAR_HANDLE"))]
            assert ("WHILE" in graph.ops(content)) == (kind == "text" and file.stem not in ("int8", "unrolled"))
            model = litert.Interpreter(content, file.name)
            assert model.shape[0] == 1 and model.dtype == ("int32" if kind == "text" else "float32")
            assert model.shape[1:] == {"image": (8, 8, 3), "text": (12,), "numbers": (2,)}[kind]
            assert model(np.zeros(model.shape[1:])).dtype == np.float32

    def test_the_card_says_what_a_client_needs(self, published, kind):
        folder = published(kind)["tflite"]
        card = json.loads((folder / "card.json").read_text())
        assert card["name"] == f"small_{kind}" and card["version"] == 1 and card["training"]["source"] == "sample"
        assert card["labels"] == (folder / "labels.txt").read_text().split()
        assert 0 < card["thresholds"]["unsure_below"] < 1 and card["latency_ms"]["keras"] > 0
        for name, facts in card["files"].items():
            assert facts["bytes"] == (folder / name).stat().st_size
        assert all(card["files"][f"{variant}.tflite"]["latency_ms"] > 0 for variant in card["parity"]
                   if variant != "saved_model")
        page = (folder / "card.html").read_text()
        assert card["title"] in page and "a sample: the score means nothing outside it" in page
        assert "src=" not in page and "http" not in page.replace("http-equiv", "")
        assert ("preparation" in card["input"]) == (kind == "image") == ("not inside: do the steps" in page)

    def test_every_mistake_in_preprocessing_was_caught(self, published, kind):
        card = json.loads((published(kind)["tflite"] / "card.json").read_text())
        assert len(card["mistakes"]) >= 2
        assert all(found["caught"] for variants in card["mistakes"].values() for variant, found in variants.items()
                   if variant != "int8")  # its scores have no bound

    def test_it_can_be_checked_again_by_itself(self, published, kind, capsys):
        assert parity.main([str(published(kind)["tflite"].parent)]) == 0
        said = capsys.readouterr().out
        assert "All files are as published" in said and "int8" in said

    def test_golden_vectors_are_enough_for_a_client(self, published, kind):
        golden = json.loads((published(kind)["tflite"] / "golden.json").read_text())
        assert len(golden.get("preparation", [])) == (4 if kind == "image" else 0)
        assert len(golden["examples"]) >= 32
        assert {row["truth"] for row in golden["examples"]} == set(golden["labels"])
        for row in golden["examples"]:
            assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-5)
            assert row["label"] == golden["labels"][int(np.argmax(row["probabilities"]))]


def test_a_replaced_file_is_noticed(published, shelf, tmp_path, capsys):
    shutil.copytree(published("image")["tflite"], tmp_path / "1")
    shutil.copy(tmp_path / "1/int8.tflite", tmp_path / "1/float32.tflite")
    assert parity.main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "float32.tflite is missing or not the file that was published" in said and "a score differs by" in said
    (tmp_path / "1/float32.tflite").write_bytes(b"nonsense")
    assert parity.main([str(tmp_path)]) == 2 and "can't be run by LiteRT" in capsys.readouterr().err


def test_what_is_out_of_bounds_is_not_published_unless_told_to(finished, monkeypatch, tmp_path):
    monkeypatch.setitem(parity.BOUNDS, "dynamic", parity.Bound(-1.0, 0.3))
    run, data = finished("numbers")
    done = export.publish(run, data, to=str(tmp_path), quantize=["float32", "dynamic"])
    assert list(done.refused) == ["dynamic"] and "refused" in export.summary(done)
    assert [file.name for file in done.folders["tflite"].glob("*.tflite")] == ["float32.tflite"]
    assert "dynamic" in (done.folders["tflite"] / "card.html").read_text()
    done = export.publish(run, data, to=str(tmp_path), formats=["tflite"], quantize=["dynamic"])
    assert not done.folders and "Nothing was published" in export.summary(done)
    done = export.publish(run, data, to=str(tmp_path), formats=["tflite"], quantize=["dynamic"], force=True)
    assert done.folders["tflite"].name == "2" and (done.folders["tflite"] / "dynamic.tflite").is_file()


def test_a_mistake_that_nobody_would_notice_is_a_reason_to_refuse(finished, monkeypatch, tmp_path):
    monkeypatch.setattr(publishing, "spoilt", lambda kind, inputs, vocabulary: {"none at all": inputs})
    run, data = finished("numbers")
    done = export.publish(run, data, to=str(tmp_path), formats=["tflite"], quantize=["float32"])
    assert "doesn't tell when its input is wrong" in done.refused["float32"] and not done.folders


class TestBadInput:
    def test_a_run_without_a_model(self, finished):
        run, data = finished("numbers")
        run.path("model.keras").unlink()
        with pytest.raises(UserError, match="has no model"):
            export.publish(run, data)

    def test_a_truncated_model(self, finished):
        run, data = finished("numbers")
        whole = run.path("model.keras").read_bytes()
        run.path("model.keras").write_bytes(whole[:len(whole) // 2])
        with pytest.raises(UserError, match=r"can't be read as a Keras model"):
            export.publish(run, data)

    def test_a_replaced_model(self, finished, made):
        run, data = finished("numbers")
        other = keras.models.clone_model(made["numbers"][0])
        other.set_weights([weight + 1 for weight in made["numbers"][0].get_weights()])
        run.save(other)
        with pytest.raises(UserError, match="have been replaced"):
            export.publish(run, data)
        run.save(made["image"][0])
        with pytest.raises(UserError, match="not the model that was scored"):
            export.publish(run, data)

    def test_a_stranger_s_model_with_code_in_it(self, finished):
        run, data = finished("numbers")
        given = keras.Input((2,))
        keras.Model(given, keras.layers.Lambda(lambda x: x[:, :1])(given)).save(run.path("model.keras"))
        with pytest.raises(UserError, match=r"can't be read as a Keras model.*Lambda"):
            export.publish(run, data)

    def test_a_run_that_was_not_scored(self, finished):
        run, data = finished("numbers")
        run.path("scores.json").unlink()
        with pytest.raises(UserError, match="has no scores"):
            export.publish(run, data)
        run, data = finished("numbers")
        run.path("predictions.npz").write_bytes(b"PK")
        with pytest.raises(UserError, match=r"predictions\.npz is missing or damaged"):
            export.publish(run, data)

    def test_other_data(self, finished):
        run, data = finished("numbers")
        data = type(data)(**vars(data) | {"test": data.train.__class__(data.test.x[:9], data.test.y[:9])})
        with pytest.raises(UserError, match="was scored on 150 test examples and there are 9 now"):
            export.publish(run, data)

    def test_nothing_half_done_is_left_behind(self, finished, monkeypatch, tmp_path):
        run, data = finished("numbers")
        monkeypatch.setattr(publishing.card, "page", lambda card: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export.publish(run, data, to=str(tmp_path / "to"), formats=["tflite"], quantize=["float32"])
        assert not [file for file in (tmp_path / "to").rglob("*") if file.is_file() and file.suffix != ".lock"]

    def test_models_that_no_phone_takes(self):
        given = keras.Input((4, 4, 2))
        model = keras.Model(given, keras.layers.Dense(2)(keras.layers.Flatten()(given)))
        run = Run("odd", "one")
        run.write_json("scores.json", {"labels": ["a", "b"], "metrics": {}, "n": 1, "noun": "x", "source": "local"})
        with pytest.raises(UserError, match="arrays of shape"):
            contract.of_run(run, model)
        given = keras.Input((None, None, 3))
        model = keras.Model(given, keras.layers.Dense(2)(keras.layers.GlobalMaxPooling2D()(given)))
        with pytest.raises(UserError, match="of any size"):
            contract.of_run(run, model)


def test_a_grey_net_takes_colours_as_pillow_makes_them_grey(finished, published, made):
    """A phone's camera gives RGB: the bundle's files make it grey as the data's reader does."""
    picture = np.random.default_rng(3).integers(0, 256, (8, 8, 3), "uint8")
    grey = np.asarray(Image.fromarray(picture).convert("L"))[None, :, :, None]
    expected = made["image"][0].predict(grey, verbose=0)
    file = published("image")["tflite"] / "float32.tflite"
    ours = litert.probabilities(file.read_bytes(), file.name, picture[None])
    np.testing.assert_allclose(ours, expected, atol=0.02)  # Pillow rounds the grey, a phone doesn't


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from types import SimpleNamespace as Some
from dl100_tf import export
from dl100_tf.export import publishing
from dl100_tf.run import Run

class Split(Some):
    def __len__(self):
        return len(self.y)

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

at, to, data = sys.argv[1], sys.argv[2], np.load(sys.argv[3])
setattr(*{"converting": (publishing.converter, "convert", kill), "carding": (publishing.card, "page", kill)}[at])
part = Split(x=data["x"], y=data["y"])
splits = Some(train=part, test=part, preparation="middle")
export.publish(Run("small_numbers", "one"), splits, to=to, quantize=["float32"])
"""


@pytest.mark.parametrize("at", ["converting", "carding"])
def test_a_killed_export_leaves_nothing_that_is_served_and_the_next_one_cleans_up(finished, forked, tmp_path, at):
    run, data = finished("numbers")
    np.savez(tmp_path / "data.npz", x=data.test.x, y=data.test.y)
    to = tmp_path / "to"
    done = forked(at, to, tmp_path / "data.npz", code=KILLED)
    assert done.returncode == -9, done.stderr
    assert list(to.rglob(".writing-*"))
    left = [folder for form in versions.FORMATS for folder in (to / form / "small_numbers").glob("[0-9]*")]
    assert all(folder.parent.parent.name == "saved_model" and (folder / "saved_model.pb").is_file() for folder in left)
    done = export.publish(run, data, to=str(to), quantize=["float32"])
    assert not list(to.rglob(".writing-*"))
    assert {form: folder.name for form, folder in done.folders.items()} == dict.fromkeys(
        versions.FORMATS, str(len(left) + 1))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB; making one takes root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("can't mount a small disk here: needs root on Linux")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_is_named_and_nothing_is_published(finished, small_disk):
    run, data = finished("text")
    (small_disk / "filler").write_bytes(bytes(1000 << 10))
    with pytest.raises(UserError, match="the disk is full"):
        export.publish(run, data, to=str(small_disk / "models"))
    assert not list((small_disk / "models").rglob("[0-9]*"))
    (small_disk / "filler").unlink()
    assert export.publish(run, data, to=str(small_disk / "models"), formats=["saved_model"]).folders
