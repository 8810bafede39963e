"""Muon: an optimizer whose steps turn a convolution's kernel in all directions equally far."""

import keras
from keras import ops

COEFFICIENTS = (3.4445, -4.775, 2.0315)  # of the polynomial that draws all singular values towards 1
ITERATIONS = 5


class Muon(keras.optimizers.SGD):
    """Orthogonalised momentum for the kernels of 2-D convolutions, SGD with Nesterov momentum for all else.

    A gradient is large in a few directions, and plain SGD hardly moves in the others. Here the step of a kernel, seen
    as a matrix with a column for each filter, is replaced by the nearest matrix whose singular values are all 1. The
    kernel keeps its length: it is what batch normalisation, behind the convolution, undoes anyway. So the length of
    the step is an angle.

    Args:
        learning_rate: of SGD; what a schedule does to it, it does to `turn` too.
        momentum: of SGD.
        weight_decay: of SGD; kernels have none, as their length is fixed.
        turn: a kernel's step as a part of its length, where the learning rate is 1.
        kernel_momentum: part of the last steps' gradients that is kept for a kernel.

    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; the fixed length: Jordan 2024,
    https://arxiv.org/abs/2404.00498, its later version with Muon.
    """

    def __init__(self, learning_rate=0.25, momentum=0.85, weight_decay=None, turn=0.2, kernel_momentum=0.6, **options):
        super().__init__(learning_rate, momentum, weight_decay=weight_decay, **{"nesterov": True, **options})
        self.turn, self.kernel_momentum = turn, kernel_momentum

    def build(self, variables):
        """Make room for the momentum of each variable."""
        self.exclude_from_weight_decay([variable for variable in variables if is_kernel(variable)])
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        """Move one variable."""
        if not is_kernel(variable):
            return super().update_step(gradient, variable, learning_rate)
        speed = self.momentums[self._get_variable_index(variable)]
        self.assign(speed, self.kernel_momentum * speed + gradient)
        step = orthogonal(ops.reshape(gradient + self.kernel_momentum * speed, (-1, variable.shape[-1])))
        length = ops.sqrt(float(variable.shape[-1]))
        kernel = variable * (length / (ops.norm(ops.reshape(variable, (-1,))) + 1e-7))
        self.assign(variable, kernel - self.turn * learning_rate * ops.reshape(step, variable.shape))

    def get_config(self):
        """What `from_config` needs."""
        return super().get_config() | {"turn": self.turn, "kernel_momentum": self.kernel_momentum}


def is_kernel(variable) -> bool:
    """Whether a variable is the kernel of a 2-D convolution."""
    return len(variable.shape) == 4


def orthogonal(matrix):
    """A matrix (n, m) with the same singular vectors and with singular values between 0.6 and 1.3.

    By Newton-Schulz iterations: a few matrix products, where a singular value decomposition would take far longer.
    Each iteration multiplies the matrix from the right by a polynomial of matrix^T matrix, so all but the last
    product can do without the matrix itself, which has many times as many rows as columns.
    """
    a, b, c = COEFFICIENTS
    matrix = matrix / (ops.norm(matrix) + 1e-7)
    square, same = ops.matmul(ops.transpose(matrix), matrix), ops.eye(matrix.shape[-1])
    product = same
    for _ in range(ITERATIONS):
        factor = a * same + b * square + c * ops.matmul(square, square)
        product = ops.matmul(product, factor)
        square = ops.matmul(ops.matmul(square, factor), factor)  # of what the matrix would be now
    return ops.matmul(matrix, product)
