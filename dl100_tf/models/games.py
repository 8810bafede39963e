"""What a generator and a critic want of each other: four games, each two losses."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class Game(NamedTuple):
    """What each side wants, as losses of the critic's scores (n, 1): `critic(of real, of made)`, `generator(of made)`.

    The critic's score is a logit: the larger, the more it takes a picture for a real one.
    """

    critic: Callable
    generator: Callable


def soft(scores):
    """-log(1 - p), p being the probability of a logit: what it costs to take what isn't real for real."""
    return tf.reduce_mean(tf.nn.softplus(scores))


def square(scores, aim: float):
    """Half the mean squared distance from `aim`."""
    return tf.reduce_mean(tf.square(scores - aim)) / 2


GAMES = {
    # As the paper has it: the generator lowers what the critic raises. Where the critic is sure, its slope is flat.
    "minimax": Game(lambda real, made: soft(-real) + soft(made), lambda made: -soft(made)),
    # The same paper's way out: the generator raises the probability that the critic is mistaken.
    "non_saturating": Game(lambda real, made: soft(-real) + soft(made), lambda made: soft(-made)),
    # Mao et al. 2016, arXiv:1611.04076
    "least_squares": Game(lambda real, made: square(real, 1) + square(made, 0), lambda made: square(made, 1)),
    # Arjovsky et al. 2017, arXiv:1701.07875, with the penalty of Gulrajani et al. 2017, arXiv:1704.00028
    "wasserstein": Game(lambda real, made: tf.reduce_mean(made) - tf.reduce_mean(real),
                        lambda made: -tf.reduce_mean(made)),
}
