"""Two kinds of iris told apart by a perceptron, and what no perceptron can learn.

Idea    A flower on the wrong side of the line pulls the line towards it; when none is left, it is learnt.
Data    Iris: petal length and width of 50 flowers of two kinds each, measured in 1935.
Run     python -m dl100_tf.projects.perceptron_points
Expect  100.00 ± 0.00 % test accuracy, 10 epochs, 0.08 s of training on 2 cores
"""

from dataclasses import dataclass

import numpy as np

from dl100_tf import cli, evaluation, training
from dl100_tf.data import iris
from dl100_tf.models import scratch


@dataclass(frozen=True)
class Config(cli.Common):
    epochs: int = 10  # passes over the flowers; more than a finished run has extend it
    batch_size: int = 1  # flowers a step; the rule is meant for one at a time
    learning_rate: float = 1.0  # how far a mistake moves the line
    noise: float = 0.0  # cm of noise on every measurement, its standard deviation: at 1 no line is right for all
    hidden: int = 8  # hidden units of the network that learns XOR


def load_data(config):
    """Petal length and width, float32 (n, 2) in cm, with a validation part held out of the training flowers."""
    random = np.random.default_rng(config.seed)
    data = iris.load(config.source, config.data_dir, validation=0.1, seed=config.seed)
    return data.map(lambda x: (x + config.noise * random.normal(size=x.shape)).astype("float32"))


def build_model(config):
    """Petal length and width (batch, 2) in, how likely it is the second kind (batch, 1) out."""
    import keras

    petal = keras.Input((2,), dtype="float32", name="petal")
    probability = keras.layers.Dense(1, "sigmoid", name="probability")(petal)  # shows how clearly a flower is on a side
    return keras.Model(petal, probability, name="perceptron_points")


def predict(model, config, length: float, width: float):
    """Which iris has petals of this length and width, in cm."""
    second = model.predict(np.array([[length, width]], "float32"), verbose=0)[0, 0]
    return 1 - second, second


def blank():
    """A perceptron that knows nothing yet, and room to note the first moves of its line."""
    return {"kernel": np.zeros(2, "float32"), "bias": np.zeros(1, "float32"), "velocity/lines": np.zeros((60, 3))}


def learn(weights, x, y, rate):
    """Rosenblatt's rule: what is right changes nothing, what is wrong is added with the sign it should have had."""
    side = 2 * y - 1  # -1 or 1
    score = x @ weights["kernel"] + weights["bias"]
    wrong = side * score <= 0
    if wrong.any():
        weights["kernel"] += rate * side[wrong] @ x[wrong]
        weights["bias"] += rate * side[wrong].sum()
        free = np.flatnonzero(~weights["velocity/lines"].any(axis=1))
        weights["velocity/lines"][free[:1]] = [*weights["kernel"], *weights["bias"]]
    return {"loss": np.maximum(-side * score, 0).mean(), "accuracy": 1 - wrong.mean()}


def moves(weights):
    """The line after each of the first mistakes: titles, and functions from points (n, 2) to (n, 2), a 1 per side."""
    lines = weights["velocity/lines"]
    return [(f"after mistake {number}", lambda points, line=line: np.eye(2)[(points @ line[:2] + line[2] > 0) * 1])
            for number, line in enumerate(lines[lines.any(axis=1)], 1)]


def xor(config, run):
    """Let a perceptron and a network with one hidden layer learn whether two signs differ; a row for each."""
    random = np.random.default_rng(config.seed)
    signs = np.stack(np.divmod(random.permutation(np.arange(200) % 4), 2), axis=1) * 2 - 1
    x, y = signs + random.normal(0, 0.15, signs.shape), (signs[:, 0] != signs[:, 1]) * 1
    weights, net, states = blank(), scratch.Network((2, config.hidden, 2), config.seed, "float64"), []
    for i in range(len(x)):
        learn(weights, x[i:i + 1], y[i:i + 1], config.learning_rate)
    for step in range(101):
        if step % 5 == 0:
            states.append((f"after {step} steps", net.copy().predict))
        net.forward(x)
        net.backward(y)
        net.step(rate=0.1)
    learners = {"perceptron": (moves(weights), "The line is pulled to and fro for ever: it has two sides, XOR four."),
                "network": (states, f"Each of the {config.hidden} hidden units has a line of its own.")}
    for name, (frames, said) in learners.items():
        evaluation.draw_boundary(run, f"xor_{name}", frames, x, y, ["alike", "unlike"], said, title=f"XOR and a {name}")
    return [{"learner": name, "best accuracy": max(scratch.accuracy(ask(x), y) for _, ask in frames)}
            for name, (frames, _) in learners.items()]


def recipe(config, run):
    flowers = load_data(config)
    weights = blank()
    loop = training.Loop(run, flowers, config, weights)
    for _ in loop:
        for x, y in loop.batches():
            loop.add(**learn(weights, x, y, loop.learning_rate))
    model = build_model(config)
    model.set_weights([weights["kernel"][:, None], weights["bias"]])
    run.save(model)
    scores = evaluation.score(model, flowers, run, noun="flowers")
    evaluation.draw_boundary(run, "boundary", moves(weights), flowers.train.x, flowers.train.y, flowers.labels,
                             "The line moves at every mistake and only then.", ("petal length, cm", "petal width, cm"))
    evaluation.table(run, "mistakes_by_epoch", [
        {"epoch": int(row["epoch"]), "mistakes": round((1 - row["accuracy"]) * loop.seen)}
        for row in run.read_table("history.csv")], "Mistakes while learning")
    evaluation.table(run, "xor", xor(config, run), "XOR: the same sign or not?")
    evaluation.draw_activations(run)
    evaluation.plot(run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
