"""A classifier to judge what a generator makes: the net of the recipe `cnn_mnist`, for pictures of other sizes too."""

SIZES = range(28, 65, 4)  # sides of pictures, in pixels, that generators and judges are made for


def net(shape: tuple[int, int, int], labels: int, rate: float = 4e-3):
    """Pixels (batch, *shape), 0 to 255, in; the probability of each label (batch, labels) out; compiled.

    What goes into its last layer are 864 numbers for squares of 28 to 64 pixels: larger maps are averaged to 3 x 3
    places. It learns the labels as they are, unsmoothed, so that it may become quite sure.
    """
    import keras
    from keras import layers

    x = image = keras.Input(shape, name="image")
    x = layers.Rescaling(1 / 255)(x)
    for number, (filters, size, stride, pool) in enumerate(((32, 5, 2, 1), (48, 3, 1, 2), (96, 3, 1, 1)), start=1):
        x = layers.Conv2D(filters, size, stride, use_bias=False, name=f"convolution_{number}")(x)
        x = layers.MaxPooling2D(pool)(x) if pool > 1 else x
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    if (side := x.shape[1]) > 3:
        x = layers.AveragePooling2D(side - side // 3 * 2, side // 3)(x)
    probability = layers.Dense(labels, activation="softmax", name="probability")(layers.Flatten()(x))
    model = keras.Model(image, probability, name="cnn_mnist")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
