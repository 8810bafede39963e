import keras
import numpy as np
import pytest

from dl100_tf.models import scratch

SIZES = (20, 16, 12, 5)


@pytest.fixture
def batch():
    random = np.random.default_rng(1)
    return random.normal(size=(32, 20)).astype("float32"), random.integers(0, 5, 32).astype("int32")


@pytest.fixture
def network():
    return scratch.Network(SIZES, seed=3)


def trained(network, x, y, steps=200, **how):
    for _ in range(steps):
        network.forward(x)
        network.backward(y)
        network.step(0.05, **how)
    return network


def test_every_gradient_is_tensorflow_s(network, batch):
    rows = scratch.gradient_errors(network, *batch)
    assert [row["weights"] for row in rows] == list(network.parameters) and len(rows) == 6
    assert all(row["largest slope"] > 1e-3 and row["largest error"] < 1e-12 for row in rows), rows


def test_every_gradient_is_tensorflow_s_once_the_network_is_sure(network, batch):
    rows = scratch.gradient_errors(trained(network, *batch), *batch)
    assert max(row["largest error"] for row in rows) < 1e-12


def test_a_wrong_gradient_is_found(network, batch, monkeypatch):
    monkeypatch.setattr(scratch.ReLU, "backward", lambda self, slope: slope)
    errors = {row["weights"]: row["largest error"] for row in scratch.gradient_errors(network, *batch)}
    assert errors["dense_3/kernel"] < 1e-12 and errors["dense_1/kernel"] > 1e-3


def test_the_slope_is_what_a_small_change_does(batch):
    """The definition of a derivative, with no library in between."""
    x, y = batch[0].astype("float64"), batch[1]
    network = scratch.Network(SIZES, seed=3, dtype="float64")
    network.forward(x)
    network.backward(y)
    slope = network.slope.copy()
    for place in np.random.default_rng(0).choice(len(slope), 40, replace=False):
        losses = []
        for change in (1e-6, -2e-6):
            network.vector[place] += change
            losses.append(scratch.cross_entropy(network.forward(x), y))
        network.vector[place] += 1e-6
        assert slope[place] == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-8)


@pytest.mark.parametrize("how", [{"momentum": 0.9, "decay": 0.0}, {"momentum": 0.8, "decay": 0.01}])
def test_a_step_is_keras_s_step(network, batch, how):
    twin = scratch.keras_twin(network, (20,), 1.0, "twin")
    twin.compile(keras.optimizers.SGD(0.05, how["momentum"], nesterov=True, weight_decay=how["decay"] or None),
                 "sparse_categorical_crossentropy")
    trained(network, *batch, steps=10, **how)
    for _ in range(10):
        twin.train_on_batch(*batch)
    for ours, theirs in zip(network.parameters.values(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_it_learns_what_it_is_shown(network, batch):
    x, y = batch
    before = scratch.cross_entropy(network.forward(x), y)
    probability = trained(network, x, y).forward(x)
    assert scratch.accuracy(probability, y) == 1 and scratch.cross_entropy(probability, y) < before / 20


def test_the_keras_twin_answers_alike_and_takes_raw_numbers(network):
    raw = np.random.default_rng(0).integers(0, 256, (9, 2, 10, 1)).astype("uint8")
    twin = scratch.keras_twin(network, (2, 10, 1), 1 / 255, "twin")
    assert twin.name == "twin" and twin.output_names == ["probability"] and twin.inputs[0].name == "image"
    ours = network.predict(raw.reshape(9, -1) * np.float32(1 / 255))
    np.testing.assert_allclose(ours, twin.predict(raw, verbose=0), atol=1e-6)
    assert ours.dtype == np.float32


def test_prediction_in_parts_is_prediction(network, batch):
    np.testing.assert_allclose(network.predict(batch[0], at_once=5), network.forward(batch[0]), atol=1e-6)


def test_weights_are_one_vector_and_stay_where_they_are(network, batch):
    """A resume writes into these arrays: the layers have to see it."""
    assert sum(array.size for array in network.parameters.values()) == len(network.vector) == 605
    held = dict(network.weights)
    trained(network, *batch, steps=3)
    assert all(network.weights[name] is array for name, array in held.items())
    before = network.forward(batch[0])
    network.weights["dense_2/bias"][...] += 1
    assert not np.allclose(network.forward(batch[0]), before)
    assert np.abs(network.weights["velocity/all"]).max() > 0


def test_a_seed_draws_the_same_weights_of_the_right_size():
    one, two, other = (scratch.Network((400, 300, 10), seed) for seed in (0, 0, 1))
    assert np.array_equal(one.vector, two.vector) and not np.array_equal(one.vector, other.vector)
    assert one.weights["dense_1/kernel"].std() == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert not one.weights["dense_1/bias"].any()


def test_softmax_stands_large_scores():
    probability = scratch.softmax(np.array([[1e4, 0.0], [-1e4, -1e4]], "float32"))
    assert np.array_equal(probability, [[1, 0], [0.5, 0.5]])
    assert np.isfinite(scratch.cross_entropy(probability, np.array([1, 0])))


def test_cross_entropy_and_accuracy_by_hand():
    probability = np.array([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]])
    assert scratch.cross_entropy(probability, np.array([0, 1, 0])) == pytest.approx(
        -(np.log(0.5) + np.log(0.75) + np.log(0.9)) / 3)
    assert scratch.accuracy(probability, np.array([0, 1, 1])) == pytest.approx(2 / 3)
