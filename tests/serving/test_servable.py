"""A loaded SavedModel: what is never taken for one, and what its graph tells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dl100_tf.serving import servable
from dl100_tf.serving.flags import Settings
from dl100_tf.serving.status import ServingError


@pytest.fixture
def copied(saved, tmp_path):
    return shutil.copytree(saved("half"), tmp_path / "1")


class TestLoading:
    def test_it_answers(self, copied):
        model = servable.load(str(copied), Settings())
        signature = model.signatures["serving_default"]
        found = model.run({signature.inputs["x"].tensor: np.float32([1, 2])}, (signature.outputs["y"].tensor,))
        assert found[0].tolist() == [2.5, 3.0]
        model.close()

    @pytest.mark.parametrize("missing", ["saved_model.pb", "variables", "variables/variables.index",
                                         "variables/variables.data-00000-of-00001"])
    def test_a_half_copied_version_does_not_load(self, copied, missing):
        path = copied / missing
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        with pytest.raises(ServingError, match=r"NOT_FOUND|UNKNOWN"):
            servable.load(str(copied), Settings())

    @pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index",
                                      "variables/variables.data-00000-of-00001"])
    def test_a_file_cut_short_does_not_load(self, copied, name):
        content = (copied / name).read_bytes()
        (copied / name).write_bytes(content[:len(content) // 2])
        with pytest.raises(ServingError):
            servable.load(str(copied), Settings())


@pytest.mark.parametrize(("kind", "loops"), [("half", False), ("slow", True)])
def test_loops_are_seen(saved, kind, loops):
    model = servable.load(str(saved(kind)), Settings())
    assert model.loops is loops
    model.close()


@pytest.mark.slow
def test_pictures_of_another_shape_are_refused_and_end_nothing(tmp_path):
    """oneDNN, which `dl100` switches on, ended the process at a picture with one dimension: hence one of its own."""
    (tmp_path / "ask.py").write_text(ASK.format(folder=str(tmp_path / "1")))
    answer = subprocess.run([sys.executable, tmp_path / "ask.py"], capture_output=True, text=True, timeout=300, env=(
        os.environ | {"TF_ENABLE_ONEDNN_OPTS": "1", "PYTHONPATH": str(ROOT)}))
    assert answer.returncode == 0, answer.stderr[-900:]
    assert answer.stdout.split("\n")[:7] == ["3"] * 5 + ["(2, 4)", "(0, 4)"]


ROOT = Path(__file__).parents[2]
ASK = """
import numpy as np, tensorflow as tf
from dl100_tf.serving import servable
from dl100_tf.serving.flags import Settings
from dl100_tf.serving.status import ServingError

class Net(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32, name="image")])
    def predict(self, image):
        found = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(image, tf.ones((3, 3, 1, 4)), 1, "VALID")), 6, 6, "VALID")
        return {{"y": tf.reshape(found, (-1, 4))}}

net = Net()
tf.saved_model.save(net, {folder!r}, signatures={{"serving_default": net.predict}})
model = servable.load({folder!r}, Settings())
signature = model.signatures["serving_default"]
for shape in (1,), (8, 8), (1, 8, 8), (1, 8, 8, 3), (1, 2, 2, 1), (2, 8, 8, 1), (0, 8, 8, 1):
    try:
        found = model.run({{signature.inputs["image"].tensor: np.ones(shape, np.float32)}},
                          (signature.outputs["y"].tensor,))
        print(found[0].shape)
    except ServingError as error:
        print(error.code)
"""


@pytest.mark.parametrize(("megabytes", "flags", "threads"), [
    (1, {}, 1), (5, {}, 0), (5, {"tensorflow_intra_op_parallelism": 3}, 3),
    (1, {"tensorflow_session_parallelism": 2}, 2)])
def test_few_weights_are_worked_on_by_one_thread_unless_a_flag_says_otherwise(tmp_path, megabytes, flags, threads):
    (tmp_path / "variables").mkdir()
    with open(tmp_path / "variables/variables.data-00000-of-00001", "wb") as file:
        file.truncate(megabytes << 20)
    found = servable.session_config(Settings(**flags), str(tmp_path))
    assert found.intra_op_parallelism_threads == threads
