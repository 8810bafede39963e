"""Generative adversarial nets: a generator of pictures, a critic that tells them from real ones, and their game.

Source: Goodfellow et al. 2014, arXiv:1406.2661; the nets after Radford et al. 2015 (DCGAN), arXiv:1511.06434; the kinds
after Chen et al. 2016 (InfoGAN), arXiv:1606.03657
"""

import keras
import tensorflow as tf
from keras import layers

from dl100_tf.errors import UserError
from dl100_tf.models.crowds import Crowd
from dl100_tf.models.games import GAMES
from dl100_tf.models.judges import SIZES

PENALTY = 10.0  # weight of the gradient penalty, Gulrajani's
PUZZLE = 0.7  # weight of guessing the kind: it makes pictures clear, where a group's score makes them many


def doublings(side: int) -> int:
    """How many times the generator doubles its first, smallest picture, of 6 to 15 pixels, to one of `side`."""
    if side not in SIZES:
        raise ValueError(f"pictures of {side} pixels a side: {SIZES[0]} to {SIZES[-1]} in steps of 4 can be made")
    return 3 if side >= 48 and side % 8 == 0 else 2


def generator(shape: tuple[int, int, int], numbers: int, width: int):
    """A net from `numbers` (batch, numbers) to pictures (batch, *shape) from -1 to 1.

    Args:
        shape: of a picture, a square with a side of `SIZES`.
        numbers: the latent numbers and, of a net that is told a class or a kind, as many as there are of these.
        width: filters of the last layer but one; each before has twice as many.
    """
    times = doublings(shape[0])
    small, filters = shape[0] >> times, width << (times - 1)
    latent = keras.Input((numbers,), name="latent")
    x = _normal(layers.Dense(16 * width, use_bias=False)(latent))  # what is drawn is settled here, before where
    x = _normal(layers.Dense(small * small * filters, use_bias=False)(x))
    x = layers.Reshape((small, small, filters))(x)
    for _ in range(times - 1):
        filters //= 2
        x = _normal(layers.Conv2DTranspose(filters, 4, 2, "same", use_bias=False)(x))
    x = layers.Conv2DTranspose(shape[2], 4, 2, "same", activation="tanh")(x)
    return keras.Model(latent, x, name="generator")


def _normal(x):
    return layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))


def critic(shape: tuple[int, int, int], width: int, classes: int = 0, kinds: int = 0):
    """A net from pictures (batch, *shape), -1 to 1, to a score (batch, 1).

    Its dense layer sees the whole picture: a score that is summed up from places can't tell a loop that closes from one
    that doesn't. It has no normalisation, which would hide how bright or how varied a batch is. Beside each picture it
    sees what the eight of its group have in common, so that a generator that makes too few sevens is found out.

    Args:
        shape: of a picture.
        width: filters of the first layer; each behind it has twice as many.
        classes: it takes a picture's class as well, one-hot (batch, classes), and weighs it by projection (Miyato &
            Koyama 2018, arXiv:1802.05637).
        kinds: it gives a second output, a guess of which kind was asked for, logits (batch, kinds).
    """
    x = picture = keras.Input(shape, name="picture")
    for number in range(doublings(shape[0])):
        x = layers.LeakyReLU(0.2)(layers.Conv2D(width << number, 4, 2, "same")(x))
    seen = layers.LeakyReLU(0.2)(layers.Dense(8 * width)(layers.Flatten()(x)))
    score = layers.Dense(1)(layers.Concatenate()([seen, Crowd()(seen)]))
    if kinds:
        return keras.Model(picture, [score, layers.Dense(kinds, name="kind")(seen)], name="critic")
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
    - `slope`: the length of the generator's gradient: what it is told per step about how to do better, by the game
      and, where there are kinds, by the guess.

    Attributes:
        generator, critic: the two nets.
        average: the generator with the running mean of its weights, which makes better pictures than any last step's.
        optimizers: the critic's, which a schedule sets the rate of, and the generator's, which takes it over.
    """

    def __init__(self, shape, latent: int, width: int, game: str, classes: int = 0, kinds: int = 0, rate: float = 1e-3,
                 momentum: float = 0.5, memory: float = 0.998):
        """Draw the first weights.

        Args:
            shape: of a picture.
            latent: numbers that a picture is made from.
            width: filters, see `generator` and `critic`.
            game: of `GAMES`.
            classes: of a net that is told which class to make; 0: it isn't told.
            kinds: without classes, how many kinds it is told to make one of, drawn by chance. Which these are it finds
                itself: the critic has to guess the kind of what was made, and both do better where it guesses right.
            rate, momentum: Adam's learning rate and beta_1.
            memory: how much of the running mean stays at most, each step; 0: it is the last step's weights.

        Raises:
            UserError: one kind is asked for, which would tell nothing.
        """
        super().__init__(name="adversaries")
        kinds = 0 if classes else kinds
        if kinds == 1 or kinds < 0:
            raise UserError(f"--kinds {kinds}: give 2 or more for the generator to find, or 0 for none.")
        self.generator = generator(shape, latent + classes + kinds, width)
        self.critic = critic(shape, width, classes, kinds)
        self.average = keras.models.clone_model(self.generator)
        self.average.set_weights(self.generator.get_weights())
        self.average.trainable = False
        self.game, self.latent, self.memory = game, latent, memory
        self.classes, self.kinds = classes, kinds
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
        real, told = _scaled(x), self._told(y, key)
        self.optimizers[1].learning_rate.assign(self.optimizers[0].learning_rate)
        with tf.GradientTape() as tape:
            made = self._made(told, tf.random.fold_in(key, 1), training=True)
            with tape.stop_recording():
                loss, accuracy = self._teach_critic(real, made, told, tf.random.fold_in(key, 2))
            scores, puzzle = self._scores(made, told)
            generator_loss = GAMES[self.game].generator(scores)
            aim = generator_loss + puzzle
        slope = self._step(1, tape, aim, self.generator.trainable_weights)
        memory = tf.minimum(self.memory, _warm(self.optimizers[1].iterations))
        for mean, weight in zip(self.average.weights, self.generator.weights, strict=True):
            mean.assign(memory * mean + (1 - memory) * weight)
        return self._measured(loss, accuracy, generator_loss, slope)

    def test_step(self, data):
        """The critic's loss and accuracy on pictures that it hasn't learnt from, the same noise every time."""
        x, y = data
        real, told = _scaled(x), self._told(y, tf.constant([0, 0]))
        made = self._made(told, tf.constant([0, 1]), training=False)
        (of_real, _), (of_made, _) = self._scores(real, told), self._scores(made, told)
        return self._measured(GAMES[self.game].critic(of_real, of_made), _told_apart(of_real, of_made))

    def _teach_critic(self, real, made, told, key):
        """Its loss in the game alone, so that it can be set beside that of validation; and its accuracy."""
        with tf.GradientTape() as tape:
            (of_real, _), (of_made, puzzle) = self._scores(real, told), self._scores(made, told)
            loss = GAMES[self.game].critic(of_real, of_made)
            aim = loss + puzzle
            if self.game == "wasserstein":
                aim += PENALTY * self._penalty(real, made, told, key)
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
            scores, _ = self._scores(between, told)
        slopes = tape.gradient(scores, between)
        return tf.reduce_mean(tf.square(tf.sqrt(tf.reduce_sum(slopes**2, axis=(1, 2, 3)) + 1e-12) - 1))

    def _told(self, y, key):
        """What a batch is to be of, one-hot: its classes, or kinds drawn by chance; (n, 0) where nothing is told."""
        y = tf.reshape(y, [-1])
        if self.kinds:
            y = tf.random.stateless_uniform(tf.shape(y), tf.random.fold_in(key, 3), 0, self.kinds, tf.int32)
        return tf.one_hot(y, self.classes or self.kinds)

    def _made(self, told, key, training: bool):
        noise = tf.random.stateless_normal((tf.shape(told)[0], self.latent), key)
        return self.generator(tf.concat([noise, told], axis=1), training=training)

    def _scores(self, pictures, told):
        """The critic's scores (n, 1); and what it costs that it doesn't know which kinds were asked for."""
        if not self.kinds:
            return self.critic([pictures, told] if self.classes else pictures, training=True), 0.0
        scores, guess = self.critic(pictures, training=True)
        return scores, PUZZLE * tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(told, guess))

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
