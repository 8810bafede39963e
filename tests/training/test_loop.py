"""`training.Loop`: a loop of one's own that resumes as exactly as `training.fit`."""

import dataclasses
import os
import signal

import numpy as np
import pytest

from dl100_tf import cli, training
from dl100_tf.errors import Interrupted, UserError
from dl100_tf.run import Run


@dataclasses.dataclass(frozen=True)
class Config(cli.Common):
    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 0.1
    schedule: cli.Schedule = "linear"
    checkpoint_minutes: float = 0


def loss_of(p, y):
    return -np.log(np.clip(np.where(y == 1, p, 1 - p), 1e-12, 1)).mean()


def train(problem, config, name="run", stop_at=None):
    """Logistic regression with momentum; with `stop_at`, interrupted in that step of the session."""
    weights = {"w": np.zeros(2), "b": np.zeros(1), "velocity/w": np.zeros(2)}
    loop, steps, seen = training.Loop(Run("spirals", name), problem, config, weights), 0, []
    for _ in loop:
        for x, y in loop.batches():
            p = 1 / (1 + np.exp(-(x @ weights["w"] + weights["b"])))
            weights["velocity/w"] *= 0.9
            weights["velocity/w"] -= loop.learning_rate * x.T @ (p - y) / len(y)
            weights["w"] += weights["velocity/w"]
            weights["b"] -= loop.learning_rate * (p - y).mean()
            loop.add(loss=loss_of(p, y))
            seen.append(x)
            steps += 1
            if steps == stop_at:
                os.kill(os.getpid(), signal.SIGINT)
        p = 1 / (1 + np.exp(-(problem.validation.x @ weights["w"] + weights["b"])))
        loop.validated(loss=loss_of(p, problem.validation.y))
    return weights, seen


@pytest.mark.parametrize("stop_at", [1, 4, 10, 13, 29])
def test_a_stopped_loop_ends_bitwise_like_one_that_was_left_alone(problem, stop_at):
    whole, seen = train(problem, Config(), "whole")
    with pytest.raises(Interrupted):
        train(problem, Config(), "stopped", stop_at)
    again, rest = train(problem, Config(), "stopped")
    assert all(np.array_equal(whole[name], again[name]) for name in whole)
    assert len(rest) == len(seen) - stop_at
    assert all(np.array_equal(one, other) for one, other in zip(seen[stop_at:], rest, strict=True))
    read = [Run("spirals", name).path("history.csv").read_bytes() for name in ("whole", "stopped")]
    assert read[0] == read[1]


def test_the_best_epoch_comes_back_and_is_on_the_disk(problem):
    weights, _ = train(problem, Config(learning_rate=30.0, schedule="constant"))
    rows = Run("spirals", "run").read_table("history.csv")
    losses = [row["val_loss"] for row in rows]
    assert len(rows) == 3 and losses[-1] != min(losses), "the problem should overshoot"
    p = 1 / (1 + np.exp(-(problem.validation.x @ weights["w"] + weights["b"])))
    assert loss_of(p, problem.validation.y) == min(losses)
    stored = np.load(Run("spirals", "run").path("best.weights.npz"))
    assert np.array_equal(stored["w"], weights["w"])
    facts = Run("spirals", "run").read_json("training.json")
    assert facts["best_epoch"] == 1 + losses.index(min(losses)) and facts["parameters"] == 3


def test_the_last_epoch_stays_where_it_is_asked_for(problem):
    weights, _ = train(problem, Config(learning_rate=30.0, schedule="constant", keep="last"))
    p = 1 / (1 + np.exp(-(problem.validation.x @ weights["w"] + weights["b"])))
    run = Run("spirals", "run")
    assert loss_of(p, problem.validation.y) == run.read_table("history.csv")[-1]["val_loss"]
    assert np.array_equal(np.load(run.path("best.weights.npz"))["w"], weights["w"])
    assert run.read_json("training.json")["best_epoch"] == 3


def test_patience_ends_it(problem):
    train(problem, Config(epochs=20, patience=1, learning_rate=30.0, schedule="constant"))
    assert len(Run("spirals", "run").read_table("history.csv")) < 20
    assert Run("spirals", "run").read_json("training.json")["stopped_early"]


def test_a_finished_loop_gives_its_weights_back_without_a_step(problem):
    whole, _ = train(problem, Config())
    again, seen = train(problem, Config())
    assert not seen and all(np.array_equal(whole[name], again[name]) for name in whole)


def test_other_settings_or_weights_are_refused(problem):
    train(problem, Config())
    with pytest.raises(UserError, match="learning_rate"):
        train(problem, Config(learning_rate=0.2))
    loop = training.Loop(Run("spirals", "run"), problem, Config(), {"w": np.zeros(3)})
    with pytest.raises(UserError, match="doesn't fit"):
        next(iter(loop))
    with pytest.raises(UserError, match="plateau"):
        training.Loop(Run("spirals", "run"), problem, Config(schedule="plateau"), {})
