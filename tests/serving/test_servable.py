"""A loaded SavedModel: what is never taken for one, and what its graph tells."""

import shutil

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
