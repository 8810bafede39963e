"""What the recipes of foundations and vision are measured against, each built from its settings in our own code.

`benchmarks/vision.py` runs each of these in a process of its own: `python benchmarks/peers.py <name> <seed>` prints
its result as JSON.
"""

import os
import statistics
import time
from dataclasses import replace

import measuring
import numpy as np

WEIGHTS = "weights/mobilenet_v2_imagenet_notop.weights.h5"  # under $DL100_DATA


def keras_twin(seed: int) -> dict:
    """The network of `numpy_mnist` in Keras: accuracy after as many epochs, and both speeds, measured in turn."""
    import keras

    from dl100_tf.data import mnist
    from dl100_tf.models import scratch
    from dl100_tf.projects import numpy_mnist

    config = numpy_mnist.Config(seed=seed)
    data = mnist.load("local", validation=0.05, seed=seed)
    pixels = {name: numpy_mnist.pixels(part.x) for name, part in data.parts().items()}
    keras.utils.set_random_seed(seed)
    net = numpy_mnist.build_model(config)
    model = scratch.keras_twin(net, (784,), 1.0, "twin")
    steps = len(data.train) // config.batch_size
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps * config.epochs)
    model.compile(keras.optimizers.SGD(rate, config.momentum, nesterov=True, weight_decay=config.decay),
                  "sparse_categorical_crossentropy", metrics=["accuracy"])

    def in_keras(epochs: int = 1) -> float:
        batches = quiet(pixels["train"], data.train.y, config.batch_size, seed)
        start = time.monotonic()
        model.fit(batches, epochs=epochs, verbose=0)
        return time.monotonic() - start

    def in_numpy() -> float:
        order = np.random.default_rng(seed).permutation(len(data.train))
        start = time.monotonic()
        for step in range(steps):
            at = order[step * config.batch_size:(step + 1) * config.batch_size]
            numpy_mnist.learn(net, data.train.x[at], data.train.y[at], config.learning_rate, config)
        return time.monotonic() - start

    in_keras()  # traces and warms up; not counted, nor is NumPy's
    in_numpy()
    pairs = [(in_keras(), in_numpy()) for _ in range(5)]
    seconds = in_keras(config.epochs - 6)
    accuracy = model.evaluate(pixels["test"], data.test.y, batch_size=1000, verbose=0)[1]
    keras_time, numpy_time = (statistics.median(times) for times in zip(*pairs, strict=True))
    seen = steps * config.batch_size
    return {"accuracy": accuracy, "seconds": seconds + sum(pair[0] for pair in pairs) + keras_time,
            "parameters": model.count_params(), "keras samples/s": seen / keras_time,
            "numpy samples/s": seen / numpy_time, "numpy / keras": keras_time / numpy_time}


def gradients(seed: int) -> dict:
    """The largest difference between a slope by our backpropagation and by `tf.GradientTape`, in float64."""
    from dl100_tf.data import mnist
    from dl100_tf.models import scratch
    from dl100_tf.projects import numpy_mnist

    data = mnist.load("local", validation=0.05, seed=seed)
    net = numpy_mnist.build_model(numpy_mnist.Config(seed=seed))
    rows = scratch.gradient_errors(net, numpy_mnist.pixels(data.train.x[:128]), data.train.y[:128])
    return {"largest error": max(row["largest error"] for row in rows), "arrays": len(rows)}


def keras_example(seed: int) -> dict:
    """keras.io's example on MNIST (https://keras.io/examples/vision/mnist_convnet): 2 convolutions, Adam, batch 128,
    15 epochs, a tenth held out; published at 99.22 %."""
    import keras
    from keras import layers

    from dl100_tf.data import mnist

    data = mnist.load("local", validation=0.1, seed=seed).one_hot()
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Rescaling(1 / 255)])
    for filters in (32, 64):
        model.add(layers.Conv2D(filters, 3, activation="relu"))
        model.add(layers.MaxPooling2D())
    for layer in (layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, activation="softmax")):
        model.add(layer)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    batches = quiet(data.train.x, data.train.y, 128, seed)
    start = time.monotonic()
    model.fit(batches, epochs=15, validation_data=(data.validation.x, data.validation.y), verbose=0)
    seconds = time.monotonic() - start
    accuracy = model.evaluate(data.test.x, data.test.y, batch_size=1000, verbose=0)[1]
    return {"accuracy": accuracy, "seconds": seconds, "parameters": model.count_params(), "epochs": 15}


def textbook_cnn(seed: int) -> dict:
    """Three pairs of 3 x 3 convolutions of 32, 64 and 128 filters, pooling, a dense layer; Adam, batch 64, 2 epochs."""
    import keras
    from keras import layers

    from dl100_tf.data import cifar10

    data = cifar10.load("local", validation=0.02, seed=seed)
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(1 / 255)])
    for filters in (32, 64, 128):
        for _ in range(2):
            model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    for layer in (layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(10, activation="softmax")):
        model.add(layer)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    start = time.monotonic()
    model.fit(quiet(data.train.x, data.train.y, 64, seed), epochs=2, verbose=0)
    seconds = time.monotonic() - start
    accuracy = model.evaluate(data.test.x, data.test.y, batch_size=500, verbose=0)[1]
    return {"accuracy": accuracy, "seconds": seconds, "seconds an epoch": seconds / 2,
            "parameters": model.count_params(), "epochs": 2}


def without_cache(seed: int) -> dict:
    """The frozen phase of `transfer_dogs`, 10 epochs: on features computed once (what computing them took counts), and
    with the whole net in every step, on the same photos and mirror images; of the latter 2 epochs are run, times 5."""
    import keras

    from dl100_tf.models import backbones, cuts, features
    from dl100_tf.projects import transfer_dogs

    config = transfer_dogs.Config(source="local", seed=seed)
    photos = transfer_dogs.load_data(config)
    body, _ = backbones.load(config.backbone, config.size, os.path.join(os.environ["DL100_DATA"], WEIGHTS))
    net = transfer_dogs.build_model(config, body, len(photos.labels))
    frozen, head = cuts.thaw(net, net.get_layer("features").output, norms=False)
    seen, spent = features.of(photos, frozen)
    mirrored = photos.train.x[:, :, ::-1]
    whole = replace(photos, train=replace(seen.train, x=np.concatenate([photos.train.x, mirrored])))

    def fit(model, splits, epochs: int) -> float:
        model.compile(keras.optimizers.Adam(config.head_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        batches = quiet(splits.train.x, splits.train.y, 32, seed)
        validation = quiet(splits.validation.x, splits.validation.y, 32, seed)
        start = time.monotonic()
        model.fit(batches, validation_data=validation, epochs=epochs, verbose=0)
        return time.monotonic() - start

    cached, uncached = spent + fit(head, seen, 10), 5 * fit(net, whole, 2)
    return {"seconds": uncached, "seconds with cache": cached, "times as fast with it": uncached / cached}


def quiet(x, y, batch_size: int, seed: int):
    """Shuffled batches without tf.data's autotuning, whose thread can hold up the end of a fit by seconds."""
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=seed).batch(batch_size).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


PEERS = {peer.__name__: peer for peer in (keras_twin, gradients, keras_example, textbook_cnn, without_cache)}

if __name__ == "__main__":
    measuring.answer(PEERS)
