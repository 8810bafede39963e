import numpy as np
import pytest

from dl100_tf.export import warmup
from dl100_tf.export.contract import Contract

RANDOM = np.random.default_rng(0)


def contract(kind, shape):
    return Contract("project", "title", kind, shape, ("no", "yes"), "source")


def noise(*shape):
    return RANDOM.integers(0, 256, shape).astype(np.uint8)


def parts(logs):
    """For each log its signature and how many examples it has."""
    import tensorflow as tf

    return [("classify", len(log.classify_log.request.input.example_list.examples)) if log.HasField("classify_log") else
            (log.predict_log.request.model_spec.signature_name,
             len(tf.make_ndarray(*log.predict_log.request.inputs.values()))) for log in logs]


class TestLogs:
    def test_each_signature_gets_one_example_and_eight(self):
        logs = warmup.logs(contract("image", (12, 12, 3)), [noise(12, 12, 3)])
        assert parts(logs) == [(name, size) for size in (1, 8) for name in ("serving_default", "encoded", "classify")]
        logs = warmup.logs(contract("text", (6,)), ["a good film", "bad"])
        assert parts(logs) == [(name, size) for size in (1, 8) for name in ("serving_default", "classify")]

    def test_the_model_is_named_as_it_is_served(self):
        log = warmup.logs(contract("text", (6,)), ["good"])[0]
        assert log.predict_log.request.model_spec.name == "project"

    @pytest.mark.parametrize("side", [32, 224, 299, 512, 2000])
    def test_even_noise_of_any_size_stays_below_a_megabyte(self, side):
        logs = warmup.logs(contract("image", (side, side, 3)), [noise(side, side, 3)])
        assert sum(len(log.SerializeToString()) for log in logs) < 1e6

    def test_a_picture_of_the_usual_size_is_sent_as_it_is(self):
        import tensorflow as tf

        x = noise(224, 224, 3)
        log = warmup.logs(contract("image", (224, 224, 3)), [x])[0]
        assert np.array_equal(tf.make_ndarray(log.predict_log.request.inputs["image"])[0], x)

    def test_pictures_of_different_sizes(self):
        logs = warmup.logs(contract("image", (12, 12, 1)), [noise(12, 12, 1), noise(30, 20, 1)])
        assert parts(logs)[3] == ("serving_default", 8)

    def test_long_texts_are_cut(self):
        logs = warmup.logs(contract("text", (6,)), ["good " * 100_000])
        assert sum(len(log.SerializeToString()) for log in logs) < 50_000
