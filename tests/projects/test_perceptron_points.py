import numpy as np
import pytest

from dl100_tf.projects import perceptron_points
from dl100_tf.projects.perceptron_points import Config


def test_the_rule_by_hand():
    """The example of the lesson page."""
    weights = perceptron_points.blank()
    first = perceptron_points.learn(weights, np.array([[4.5, 1.5]], "float32"), np.array([1]), 1.0)
    assert first == {"loss": 0, "accuracy": 0}, "on the line is not above it"
    assert weights["kernel"] == pytest.approx([4.5, 1.5]) and weights["bias"] == pytest.approx([1])
    setosa = np.array([[1.4, 0.2]], "float32")
    second = perceptron_points.learn(weights, setosa, np.array([0]), 1.0)
    assert second == {"loss": pytest.approx(7.6), "accuracy": 0}
    assert weights["kernel"] == pytest.approx([3.1, 1.3]) and weights["bias"] == pytest.approx([0])
    assert setosa @ weights["kernel"] + weights["bias"] == pytest.approx(4.6)


def test_what_is_right_changes_nothing():
    weights = perceptron_points.blank()
    weights["kernel"][...], weights["bias"][...] = (1, 1), -3
    before = {name: array.copy() for name, array in weights.items()}
    learnt = perceptron_points.learn(weights, np.array([[1, 1], [3, 3]], "float32"), np.array([0, 1]), 1.0)
    assert learnt == {"loss": 0, "accuracy": 1}
    assert all(np.array_equal(weights[name], array) for name, array in before.items())


def test_every_move_is_noted_until_there_is_no_more_room():
    weights = perceptron_points.blank()
    point = np.array([[1.0, 2.0]], "float32")
    for turn in range(70):  # the same point with either label in turn: always wrong
        perceptron_points.learn(weights, point, np.array([turn % 2]), 0.5 + turn)
    moves = perceptron_points.moves(weights)
    assert len(moves) == 60 and moves[0][0] == "after mistake 1" and moves[-1][0] == "after mistake 60"
    first = weights["velocity/lines"][0]
    assert np.array_equal(first, [-0.5, -1, -0.5])
    assert np.array_equal(moves[0][1](np.array([[0.0, 0.0], [-3.0, 0.0]])), [[1, 0], [0, 1]])


@pytest.mark.parametrize("seed", range(5))
def test_the_rule_ends_without_a_mistake_on_real_irises(seed):
    data = perceptron_points.load_data(Config(source="local", seed=seed))
    weights, mistakes = perceptron_points.blank(), 1
    for _ in range(20):
        learnt = [perceptron_points.learn(weights, data.train.x[i:i + 1], data.train.y[i:i + 1], 1.0)
                  for i in range(len(data.train))]
        mistakes = sum(1 - one["accuracy"] for one in learnt)
    assert mistakes == 0
    judged = data.test.x @ weights["kernel"] + weights["bias"] > 0
    assert (judged == data.test.y).mean() > 0.9


def test_noise_is_the_same_every_time_and_no_line_is_right_any_more():
    config = Config(source="local", noise=1.0)
    one, two = perceptron_points.load_data(config), perceptron_points.load_data(config)
    assert np.array_equal(one.train.x, two.train.x) and one.train.x.dtype == np.float32
    assert not np.array_equal(one.train.x, perceptron_points.load_data(Config(source="local")).train.x)


@pytest.mark.parametrize("seed", range(4))
def test_xor_is_too_much_for_a_line_and_not_for_a_hidden_layer(monkeypatch, seed):
    drawn = []
    monkeypatch.setattr(perceptron_points.evaluation, "draw_boundary",
                        lambda run, name, *rest, title: drawn.append(name), raising=False)
    line, network = perceptron_points.xor(Config(seed=seed), run=None)
    assert line["learner"] == "perceptron" and line["best accuracy"] <= 0.76
    assert network["learner"] == "network" and network["best accuracy"] == 1
    assert drawn == ["xor_perceptron", "xor_network"]


def test_the_keras_twin_agrees_with_the_line_and_predicts():
    model = perceptron_points.build_model(Config())
    model.set_weights([np.array([[2.0], [1.0]]), np.array([-6.0])])
    answer = perceptron_points.predict(model, Config(), 4.5, 1.5)
    assert answer[1] == pytest.approx(1 / (1 + np.exp(-4.5)), abs=1e-6)
    assert sum(answer) == pytest.approx(1) and model.output_names == ["probability"]
    assert perceptron_points.predict(model, Config(), 1.4, 0.2)[0] > 0.9
