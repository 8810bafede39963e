"""Autoencoders: a picture through a few numbers and back, so that what these numbers can't tell is lost.

Source: Hinton, Salakhutdinov 2006, Reducing the Dimensionality of Data with Neural Networks,
https://doi.org/10.1126/science.1127647
"""

import numpy as np

from dl100_tf.errors import Unfit


def convolutional(shape: tuple[int, int, int], code: int, widths: tuple[int, ...] = (32, 64),
                  name: str = "autoencoder"):
    """Build an autoencoder of convolutions; preprocessing is inside on both ends.

    Each convolution halves the picture, and on the way back each transposed one doubles it.

    Args:
        shape: of one picture, (h, w, c): sides that can be halved once for each of `widths`.
        code: how many numbers a picture has to go through.
        widths: filters of the convolutions, from the picture to the code.
        name: the model's.

    Returns:
        `keras.Model`, not compiled, from `image`, (batch, *shape), 0..255, to `picture`, likewise. Its layer `code`
        gives the numbers, (batch, code): see `encoder` and `decoder`.

    Raises:
        Unfit: the sides can't be halved so often.
    """
    import keras
    from keras import layers

    times = 2 ** len(widths)
    if shape[0] % times or shape[1] % times:
        raise Unfit(f"pictures of {shape[0]} x {shape[1]} pixels can't be halved {len(widths)} times: give fewer "
                        "widths.")
    image = keras.Input(shape, name="image")
    x = layers.Rescaling(1 / 255)(image)
    for width in widths:
        x = layers.Conv2D(width, 3, 2, "same", activation="relu")(x)
    small = tuple(x.shape[1:])
    x = layers.Dense(code, name="code")(layers.Flatten()(x))
    x = layers.Dense(small[0] * small[1] * small[2], activation="relu")(x)
    x = layers.Reshape(small)(x)
    for width in widths[-2::-1]:
        x = layers.Conv2DTranspose(width, 3, 2, "same", activation="relu")(x)
    x = layers.Conv2DTranspose(shape[2], 3, 2, "same", activation="sigmoid")(x)
    return keras.Model(image, layers.Rescaling(255, name="picture")(x), name=name)


def encoder(model):
    """The first half of an autoencoder, with its weights: pictures, (batch, h, w, c), to codes, (batch, code)."""
    import keras

    return keras.Model(model.inputs[0], model.get_layer("code").output)


def decoder(model):
    """The second half of an autoencoder, with its weights: codes, (batch, code), to pictures, (batch, h, w, c)."""
    import keras

    return keras.Model(model.get_layer("code").output, model.outputs[0])


def by_pca(data, numbers: int) -> np.ndarray:
    """What is left of the test pictures when only their main directions are kept: a linear autoencoder, solved.

    Args:
        data: `Splits` of pictures, (n, h, w, c), 0..255; at least `numbers` to learn from.
        numbers: directions, those in which the training pictures vary most.

    Returns:
        float64 like `data.test.x`, cut off at black and white.
    """
    from sklearn.decomposition import PCA

    train, test = (split.x.reshape(len(split), -1) for split in (data.train, data.test))
    pca = PCA(numbers, svd_solver="covariance_eigh").fit(train)
    return pca.inverse_transform(pca.transform(test)).reshape(data.test.x.shape).clip(0, 255)
