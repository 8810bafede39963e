"""What the tests of recipes on a pre-trained backbone share."""

import pytest

from dl100_tf.data import drawn
from dl100_tf.models import backbones


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of weights for MobileNetV2 whose features are of use."""
    file = tmp_path_factory.mktemp("weights") / "mobilenet_v2.weights.h5"
    body, _ = backbones.load("MobileNetV2", 32, "none", seed=1)
    backbones.settle(body, drawn.pictures(64, 5, 32)[0])
    body.save_weights(file)
    return str(file)
