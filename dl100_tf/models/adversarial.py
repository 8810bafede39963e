"""Generative adversarial nets: a generator of pictures, a critic that tells them from real ones, and their game.

Source: Goodfellow et al. 2014, arXiv:1406.2661; the nets after Radford et al. 2015 (DCGAN), arXiv:1511.06434
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf
from keras import layers

from dl100_tf.models.judges import SIZES

PENALTY = 10.0  # weight of the gradient penalty, Gulrajani's


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


def doublings(side: int) -> int:
    """How many times the generator doubles its first, smallest picture, of 6 to 15 pixels, to one of `side`."""
    if side not in SIZES:
        raise ValueError(f"pictures of {side} pixels a side: {SIZES[0]} to {SIZES[-1]} in steps of 4 can be made")
    return 3 if side >= 48 and side % 8 == 0 else 2


def generator(shape: tuple[int, int, int], numbers: int, width: int):
    """A net from `numbers` (batch, numbers) to pictures (batch, *shape) from -1 to 1.

    Args:
        shape: of a picture, a square with a side of `SIZES`.
        numbers: the latent numbers and, of a net that is told a class, as many as there are classes.
        width: filters of the last layer but one; each before has twice as many.
    """
    times = doublings(shape[0])
    small, filters = shape[0] >> times, width << (times - 1)
    latent = keras.Input((numbers,), name="latent")
    x = layers.Dense(small * small * filters, use_bias=False)(latent)
    x = layers.Reshape((small, small, filters))(_normal(x))
    for _ in range(times - 1):
        filters //= 2
        x = _normal(layers.Conv2DTranspose(filters, 4, 2, "same", use_bias=False)(x))
    x = layers.Conv2DTranspose(shape[2], 4, 2, "same", activation="tanh")(x)
    return keras.Model(latent, x, name="generator")


def _normal(x):
    return layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))


def critic(shape: tuple[int, int, int], classes: int, width: int):
    """A net from pictures (batch, *shape), -1 to 1, to a score (batch, 1); with classes it takes these too, one-hot.

    It has no normalisation: batch normalisation would make one picture's score depend on its neighbours, and the
    gradient penalty is of single pictures. A class is weighed by projection (Miyato & Koyama 2018, arXiv:1802.05637).
    """
    x = picture = keras.Input(shape, name="picture")
    for number in range(doublings(shape[0])):
        x = layers.LeakyReLU(0.2)(layers.Conv2D(width << number, 4, 2, "same")(x))
    seen = layers.Flatten()(x)
    score = layers.Dense(1)(seen)
    if not classes:
        return keras.Model(picture, score, name="critic")
    told = keras.Input((classes,), name="class")
    fits = layers.Dot(axes=1)([seen, layers.Dense(seen.shape[1], use_bias=False)(told)])
    return keras.Model([picture, told], layers.Add()([score, fits]), name="critic")


class Adversaries(keras.Model):
    """A generator and a critic that learn from each other; `training.fit` trains both, and keeps both resumable.

    A batch is `(x, (y, key))`: pictures, uint8; their classes; and the key that the step draws all its noise from.
    Its metrics, means over the epoch:

    - `loss`: the critic's, and `generator_loss`;
    - `accuracy`: of the pairs of a real and a made picture, those in which the critic scores the real one higher. At
      one half it is guessing. It means the same for every game;
    - `slope`: the length of the generator's gradient: what it is told per step about how to do better.

    Attributes:
        generator, critic: the two nets.
        average: the generator with the running mean of its weights, which makes better pictures than any last step's.
        optimizers: the critic's, which a schedule sets the rate of, and the generator's, which takes it over.
    """

    def __init__(self, shape, latent: int, width: int, game: str, classes: int = 0, rate: float = 2e-4,
                 momentum: float = 0.5, memory: float = 0.998):
        """Draw the first weights.

        Args:
            shape: of a picture.
            latent: numbers that a picture is made from.
            width: filters, see `generator` and `critic`.
            game: of `GAMES`.
            classes: of a net that is told which class to make; 0: it isn't told.
            rate, momentum: Adam's learning rate and beta_1.
            memory: how much of the running mean stays at most, each step; 0: it is the last step's weights.
        """
        super().__init__(name="adversaries")
        self.generator, self.critic = generator(shape, latent + classes, width), critic(shape, classes, width)
        self.average = keras.models.clone_model(self.generator)
        self.average.set_weights(self.generator.get_weights())
        self.average.trainable = False
        self.game, self.latent, self.classes, self.memory = game, latent, classes, memory
        self.sums = [keras.metrics.Mean(name) for name in ("loss", "accuracy", "generator_loss", "slope")]
        self.compile(keras.optimizers.Adam(rate, beta_1=momentum))
        self.optimizers = (self.optimizer, keras.optimizers.Adam(rate, beta_1=momentum))
        for optimizer, net in zip(self.optimizers, (self.critic, self.generator), strict=True):
            optimizer.build(net.trainable_variables)
        self.built = True

    @property
    def metrics(self):
        """What is reset at each epoch."""
        return self.sums

    @property
    def steps(self) -> int:
        """Steps that the generator has taken."""
        return int(self.optimizers[1].iterations.numpy())

    def count_params(self) -> int:
        """Numbers that are learnt: of both nets."""
        return self.generator.count_params() + self.critic.count_params()

    def call(self, x):
        """What the generator makes of latent numbers, and classes behind them."""
        return self.average(x)

    def train_step(self, data):
        """A step of the critic, then one of the generator against what that has learnt, with the same pictures."""
        x, (y, key) = data
        real, told = _scaled(x), self._told(y)
        self.optimizers[1].learning_rate.assign(self.optimizers[0].learning_rate)
        with tf.GradientTape() as tape:
            made = self._made(told, tf.random.fold_in(key, 1), training=True)
            with tape.stop_recording():
                loss, accuracy = self._teach_critic(real, made, told, tf.random.fold_in(key, 2))
            generator_loss = GAMES[self.game].generator(self._scores(made, told))
        slope = self._step(1, tape, generator_loss, self.generator.trainable_weights)
        memory = tf.minimum(self.memory, _warm(self.optimizers[1].iterations))
        for mean, weight in zip(self.average.weights, self.generator.weights, strict=True):
            mean.assign(memory * mean + (1 - memory) * weight)
        return self._measured(loss, accuracy, generator_loss, slope)

    def test_step(self, data):
        """The critic's loss and accuracy on pictures that it hasn't learnt from, the same noise every time."""
        x, y = data
        real, told = _scaled(x), self._told(y)
        made = self._made(told, tf.constant([0, 1]), training=False)
        of_real, of_made = self._scores(real, told), self._scores(made, told)
        return self._measured(GAMES[self.game].critic(of_real, of_made), _told_apart(of_real, of_made))

    def _teach_critic(self, real, made, told, key):
        """Its loss, without the penalty, so that it can be set beside that of validation; and its accuracy."""
        with tf.GradientTape() as tape:
            of_real, of_made = self._scores(real, told), self._scores(made, told)
            aim = loss = GAMES[self.game].critic(of_real, of_made)
            if self.game == "wasserstein":
                aim = loss + PENALTY * self._penalty(real, made, told, key)
        self._step(0, tape, aim, self.critic.trainable_weights)
        return loss, _told_apart(of_real, of_made)

    def _step(self, which: int, tape, loss, weights):
        """One step of an optimizer downhill; the length of the gradient."""
        slopes = tape.gradient(loss, weights)
        self.optimizers[which].apply(slopes, weights)
        return tf.linalg.global_norm(slopes)

    def _penalty(self, real, made, told, key):
        """How far the critic's slope is from 1, squared, at points between real and made pictures."""
        share = tf.random.stateless_uniform((tf.shape(real)[0], 1, 1, 1), key)
        between = share * real + (1 - share) * made
        with tf.GradientTape() as tape:
            tape.watch(between)
            scores = self._scores(between, told)
        slopes = tape.gradient(scores, between)
        return tf.reduce_mean(tf.square(tf.sqrt(tf.reduce_sum(slopes**2, axis=(1, 2, 3)) + 1e-12) - 1))

    def _told(self, y):
        """The classes of a batch as both nets take them, one-hot; (n, 0) where they aren't told."""
        return tf.one_hot(tf.reshape(y, [-1]), self.classes)

    def _made(self, told, key, training: bool):
        noise = tf.random.stateless_normal((tf.shape(told)[0], self.latent), key)
        return self.generator(tf.concat([noise, told], axis=1), training=training)

    def _scores(self, pictures, told):
        return self.critic([pictures, told] if self.classes else pictures, training=True)

    def _measured(self, *values) -> dict:
        for mean, value in zip(self.sums, values, strict=False):
            mean.update_state(value)
        return {mean.name: mean.result() for mean in self.sums[:len(values)]}


def _scaled(x):
    """Pixels, 0 to 255, from -1 to 1."""
    return tf.cast(x, tf.float32) / 127.5 - 1


def _told_apart(of_real, of_made):
    return tf.reduce_mean(tf.cast(of_real > of_made, tf.float32))


def _warm(step):
    """What a running mean may keep at `step`: less at first, so that it forgets the weights it began with."""
    step = tf.cast(step, tf.float32)
    return (1 + step) / (10 + step)
