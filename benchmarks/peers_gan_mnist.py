"""What `gan_mnist` is measured against, built from its settings in our own code, and seen by the same judge.

`python benchmarks/peers_gan_mnist.py dcgan <seed>` prints its result as JSON.
"""

import time

import measuring
import numpy as np

LATENT, BATCH, RATE = 100, 256, 1e-4
SECONDS = 600  # what the recipe may take


def dcgan(seed: int) -> dict:
    """The nets and settings of TensorFlow's tutorial on DCGAN (https://www.tensorflow.org/tutorials/generative/dcgan):
    Adam with a learning rate of 10⁻⁴, batches of 256. There they learn for 50 epochs, here for ten minutes.
    """
    import keras
    import tensorflow as tf

    from dl100_tf import evaluation
    from dl100_tf.data import mnist
    from dl100_tf.evaluation import generated
    from dl100_tf.models import games, latents

    data = mnist.load("local", validation=0.05, seed=seed)
    judge = evaluation.Judge(classifier(data, seed), data, "cnn_mnist")
    keras.utils.set_random_seed(seed)
    generator, critic = nets()
    optimizers = keras.optimizers.Adam(RATE), keras.optimizers.Adam(RATE)

    @tf.function
    def step(x):
        real = tf.cast(x, tf.float32) / 127.5 - 1
        with tf.GradientTape() as of_generator, tf.GradientTape() as of_critic:
            made = generator(tf.random.normal((BATCH, LATENT)), training=True)
            of_real, of_made = critic(real, training=True), critic(made, training=True)
            lose, win = games.soft(-of_real) + games.soft(of_made), games.soft(-of_made)
        optimizers[0].apply_gradients(zip(of_critic.gradient(lose, critic.trainable_weights),
                                          critic.trainable_weights, strict=True))
        optimizers[1].apply_gradients(zip(of_generator.gradient(win, generator.trainable_weights),
                                          generator.trainable_weights, strict=True))

    random, steps, start = np.random.default_rng(seed), 0, time.monotonic()
    while time.monotonic() - start < SECONDS:
        step(data.train.x[random.choice(len(data.train), BATCH, replace=False)])
        steps += 1
    seconds = time.monotonic() - start
    model = latents.draws(generator, "dcgan")
    seen, guessed = judge.look(evaluation.pixels(model, latents.points(10_000, LATENT, seed)))
    distance = generated.frechet(generated.moments(seen), generated.moments(judge.real[0]))
    return {judge.distance: distance, **generated.shares(guessed), "seconds": seconds, "steps": steps,
            "parameters": generator.count_params() + critic.count_params()}


def classifier(data, seed: int):
    """Who judges the recipe: of the latest run of `cnn_mnist` on the same data, else taught in the same way."""
    from dl100_tf import training
    from dl100_tf.evaluation import comparisons
    from dl100_tf.models import judges
    from dl100_tf.projects import gan_mnist
    from dl100_tf.run import Run

    if found := comparisons.latest_on("cnn_mnist", data.source.digest):
        return found.load_model()
    return training.teach_judge(judges.net, data, Run("gan_mnist", f"peer-{seed}").part("judge"), gan_mnist.Config())


def nets():
    """A generator from points (batch, 100) to pictures (batch, 28, 28, 1), -1 to 1, and a critic of these."""
    import keras
    from keras import layers

    def normal(x):
        return layers.LeakyReLU(0.3)(layers.BatchNormalization()(x))

    x = point = keras.Input((LATENT,))
    x = layers.Reshape((7, 7, 256))(normal(layers.Dense(7 * 7 * 256, use_bias=False)(x)))
    for filters, stride in ((128, 1), (64, 2)):
        x = normal(layers.Conv2DTranspose(filters, 5, stride, "same", use_bias=False)(x))
    x = layers.Conv2DTranspose(1, 5, 2, "same", use_bias=False, activation="tanh")(x)
    generator = keras.Model(point, x)
    x = picture = keras.Input((28, 28, 1))
    for filters in (64, 128):
        x = layers.Dropout(0.3)(layers.LeakyReLU(0.3)(layers.Conv2D(filters, 5, 2, "same")(x)))
    return generator, keras.Model(picture, layers.Dense(1)(layers.Flatten()(x)))


if __name__ == "__main__":
    measuring.answer({"dcgan": dcgan})
