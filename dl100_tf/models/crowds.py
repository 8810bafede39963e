"""What several pictures have in common: a critic that sees eight at once notices what single ones can't show."""

import keras
from keras import ops


class Crowd(keras.layers.Layer):
    """What is seen of pictures (batch, n), told for groups of them: (batch, units), alike for all of one group.

    A picture of a three is as good as one of a seven; that sevens are too few shows only in several. A group's features
    are averaged, and a dense layer with a leaky ReLU makes something of that. The pictures behind the last whole group
    are told what the first one is.

    Source: the idea is PacGAN's, Lin et al. 2017, arXiv:1712.04086, which lays pictures above each other instead

    Args:
        size: pictures of a group.
        units: numbers that are told.
    """

    def __init__(self, size: int = 8, units: int = 8):
        super().__init__()
        self.size, self.dense = size, keras.layers.Dense(units)

    def build(self, shape):
        self.dense.build(shape)
        self.built = True

    def compute_output_shape(self, shape):
        return (shape[0], self.dense.units)

    def call(self, seen):
        count = ops.shape(seen)[0]
        size = ops.minimum(self.size, count)
        whole = count // size * size
        means = ops.mean(ops.reshape(seen[:whole], (count // size, size, seen.shape[1])), axis=1)
        told = ops.leaky_relu(self.dense(means), 0.2)
        return ops.take(told, ops.arange(count) % whole // size, axis=0)
