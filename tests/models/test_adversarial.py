"""The game of two nets: losses with a closed form, a step that moves one net at a time, and an exact resume."""

import dataclasses
import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from problems import Part, Problem

from dl100_tf import cli, evaluation, training
from dl100_tf.errors import Interrupted, UserError
from dl100_tf.models import adversarial, games, latents
from dl100_tf.run import Run

SCORES = tf.constant([[-2.0], [0.5], [3.0]])


@dataclasses.dataclass(frozen=True)
class Config(cli.Common):
    epochs: int = 3
    batch_size: int = 16
    keep: str = "last"
    deterministic: bool = True
    checkpoint_minutes: float = 0


def squares(count, seed):
    """Bright squares: of class 0 in the upper half, of class 1 in the lower."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, count).astype("int32")
    x = random.integers(0, 20, (count, 28, 28, 1)).astype("uint8")
    for picture, label in zip(x, y, strict=True):
        left = random.integers(4, 16)
        picture[4 + 14 * label:12 + 14 * label, left:left + 8] = 240
    return Part(x, y)


DATA = Problem(squares(80, 0), squares(20, 1))


def nets(game="non_saturating", classes=0, **more):
    training.set_seeds(0, True)
    return adversarial.Adversaries((28, 28, 1), 6, 4, game, classes, **{"rate": 1e-3} | more)


def train(name, game="non_saturating", classes=0, stop_at=None, config=None, kinds=0):
    made, run = nets(game, classes, kinds=kinds), Run("squares", name)
    film = training.Snapshots(run, made.average, latents.points(3, 6, 0, classes or kinds))
    interrupt = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: (
        os.kill(os.getpid(), signal.SIGINT) if made.steps == stop_at else None))
    history = training.fit(made, DATA, run, config or Config(), augment=lambda x, y, key, epoch: (x, (y, key)),
                           callbacks=[film, interrupt])
    return made, history, run


def everything(made):
    return [np.asarray(variable) for variable in (
        *made.variables, *(variable for one in made.optimizers for variable in one.variables))]


def softplus(x):
    return np.log1p(np.exp(x))


@pytest.mark.parametrize("game, critic, generator", [
    ("minimax", lambda r, m: softplus(-r).mean() + softplus(m).mean(), lambda m: -softplus(m).mean()),
    ("non_saturating", lambda r, m: softplus(-r).mean() + softplus(m).mean(), lambda m: softplus(-m).mean()),
    ("least_squares", lambda r, m: ((r - 1)**2).mean() / 2 + (m**2).mean() / 2, lambda m: ((m - 1)**2).mean() / 2),
    ("wasserstein", lambda r, m: m.mean() - r.mean(), lambda m: -m.mean())])
def test_the_losses_are_those_of_the_papers(game, critic, generator):
    real, made = SCORES, SCORES[::-1] - 1.5
    found = games.GAMES[game]
    assert float(found.critic(real, made)) == pytest.approx(critic(real.numpy(), made.numpy()), rel=1e-5)
    assert float(found.generator(made)) == pytest.approx(generator(made.numpy()), rel=1e-5)


def test_where_the_critic_is_sure_minimax_tells_the_generator_next_to_nothing():
    def slope(game):
        score = tf.Variable([[-8.0]])
        with tf.GradientTape() as tape:
            loss = games.GAMES[game].generator(score)
        return abs(float(tape.gradient(loss, score)[0, 0]))

    assert slope("minimax") < 1e-3 < 0.99 < slope("non_saturating")


def test_the_penalty_is_zero_where_the_slope_is_one_everywhere():
    made = nets("wasserstein")
    real = tf.zeros((4, 28, 28, 1))
    for length, expected in ((1.0, 0.0), (3.0, 4.0)):
        made._scores = lambda pictures, told, length=length: (
            length * tf.reduce_sum(pictures, axis=(1, 2, 3))[:, None] / 28, 0.0)
        found = made._penalty(real, real + 1, None, tf.constant([1, 2]))
        assert float(found) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("side, times", [(28, 2), (32, 2), (44, 2), (48, 3), (60, 2), (64, 3)])
def test_pictures_come_in_their_size(side, times):
    assert adversarial.doublings(side) == times
    made = adversarial.generator((side, side, 3), 5, 2)
    assert made.output_shape == (None, side, side, 3)
    assert adversarial.critic((side, side, 3), 2).output_shape == (None, 1)


@pytest.mark.parametrize("side", [24, 30, 68])
def test_sides_that_no_doubling_gives_are_refused(side):
    with pytest.raises(ValueError, match="28 to 64 in steps of 4"):
        adversarial.generator((side, side, 1), 5, 2)


@pytest.mark.parametrize("kinds", [1, -2])
def test_one_kind_would_tell_nothing_and_is_refused(kinds):
    with pytest.raises(UserError, match=f"--kinds {kinds}: give 2 or more"):
        adversarial.Adversaries((28, 28, 1), 6, 4, "non_saturating", kinds=kinds)


def test_the_critic_sees_the_others_of_a_picture_s_group():
    critic = nets().critic
    pictures = np.random.default_rng(0).normal(size=(16, 28, 28, 1)).astype("float32")
    other = np.concatenate([pictures[:1], pictures[9:16], pictures[8:]])
    scores, changed = np.asarray(critic(pictures)), np.asarray(critic(other))
    assert abs(scores[0] - changed[0]) > 1e-4  # the same picture in other company
    np.testing.assert_allclose(scores[8:], changed[8:], atol=1e-6)


def test_each_step_moves_its_own_net_alone():
    """The critic's, taken by a twin, leaves the generator; and the generator's leaves the critic where its own led."""
    made, twin, key = nets(), nets(), tf.constant([0, 1])
    before = [weight.numpy() for weight in twin.generator.trainable_weights]
    told, real = twin._told(DATA.train.y[:8], key), adversarial._scaled(DATA.train.x[:8])
    pictures = twin._made(told, tf.random.fold_in(key, 1), training=True)
    first = twin.critic.get_weights()
    twin._teach_critic(real, pictures, told, tf.random.fold_in(key, 2))
    assert not any(np.array_equal(a, b) for a, b in zip(first[::2], twin.critic.get_weights()[::2], strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(before, twin.generator.trainable_weights, strict=True))
    made.train_step((DATA.train.x[:8], (DATA.train.y[:8], key)))
    assert all(np.array_equal(a, b) for a, b in zip(
        made.critic.get_weights(), twin.critic.get_weights(), strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(before, made.generator.trainable_weights, strict=True))


def test_the_noise_is_the_key_s_alone():
    made = nets()
    told = made._told(DATA.train.y[:8], tf.constant([3, 4]))
    one, two, other = (made._made(told, tf.constant(key), training=False).numpy() for key in ([3, 4], [3, 4], [3, 5]))
    assert np.array_equal(one, two) and not np.array_equal(one, other)


def test_the_running_mean_is_one_of_weights_and_none_with_a_memory_of_zero():
    made = nets(memory=0.0)
    made.train_step((DATA.train.x[:8], (DATA.train.y[:8], tf.constant([0, 1]))))
    same = zip(made.generator.get_weights(), made.average.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in same)
    made = nets(memory=0.5)
    before = made.average.get_weights()
    made.train_step((DATA.train.x[:8], (DATA.train.y[:8], tf.constant([0, 1]))))
    memory = min(0.5, 2 / 11)  # after one step
    for old, now, mean in zip(before, made.generator.get_weights(), made.average.get_weights(), strict=True):
        np.testing.assert_allclose(mean, memory * old + (1 - memory) * now, atol=1e-6)


def test_a_schedule_sets_the_rate_of_both():
    made, history, _ = train("linear", config=Config(epochs=1, schedule="linear", learning_rate=1e-3))
    rates = [float(one.learning_rate) for one in made.optimizers]
    assert rates[0] == rates[1] == pytest.approx(history[0]["learning_rate"]) and rates[0] < 5e-4


@pytest.mark.slow
@pytest.mark.parametrize("game, classes, kinds, stop_at", [
    ("non_saturating", 0, 3, 7), ("wasserstein", 2, 0, 5), ("minimax", 0, 0, 10)])
def test_a_run_stopped_anywhere_ends_bitwise_like_one_that_was_not(home, game, classes, kinds, stop_at):
    """Both nets, their mean, both optimizers, the history and the film."""
    whole = train("whole", game, classes, kinds=kinds)
    with pytest.raises(Interrupted):
        train("stopped", game, classes, stop_at, kinds=kinds)
    stopped = train("stopped", game, classes, kinds=kinds)
    assert len(everything(whole[0])) == len(everything(stopped[0])) > 40
    assert all(np.array_equal(a, b) for a, b in zip(everything(whole[0]), everything(stopped[0]), strict=True))
    assert whole[1] == stopped[1] and whole[0].steps == 15
    for name in ("film", "epochs"):
        one, two = (sorted(file.name for file in run.path(name).iterdir()) for run in (whole[2], stopped[2]))
        assert one == two and one
    for file in sorted(whole[2].path("film").iterdir()):
        assert file.read_bytes() == stopped[2].path(f"film/{file.name}").read_bytes()


@pytest.mark.slow
def test_a_told_generator_learns_where_to_put_what(home):
    made, _, _ = train("told", "non_saturating", 2, config=Config(epochs=60, learning_rate=2e-3))
    model = latents.draws(made.average, "squares")
    for label in (0, 1):
        pictures = evaluation.pixels(model, latents.points(20, 6, 1, 2, label)).astype(float)
        halves = pictures[:, :14].mean(), pictures[:, 14:].mean()
        assert halves[label] > 1.5 * halves[1 - label]


@pytest.mark.slow
def test_the_kinds_that_a_generator_finds_are_told_apart_by_what_they_show(home):
    """What they show may be anything, the half that the square is in or its place in there; but the critic sees it."""
    made, _, _ = train("found", config=Config(epochs=30, learning_rate=2e-3), kinds=2)
    told = made._told(DATA.train.y, tf.constant([0, 5]))
    assert made.classes == 0 and told.shape == (80, 2) and 20 < float(tf.reduce_sum(told[:, 0])) < 60
    _, puzzle = made._scores(made._made(told, tf.constant([0, 6]), training=False), told)
    assert float(puzzle) < 0.3 * adversarial.PUZZLE, "the critic guesses the kind"


def test_parameters_are_those_of_both_nets():
    made = nets()
    assert made.count_params() == made.generator.count_params() + made.critic.count_params()
