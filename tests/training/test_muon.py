"""Muon: what a step does to a kernel, and that all else is moved by SGD as ever."""

import keras
import numpy as np
import pytest

from dl100_tf.training import Muon, muon

RANDOM = np.random.default_rng(0)


def variable(*shape):
    return keras.Variable(RANDOM.normal(size=shape).astype("float32"))


def gradients(*shape):
    """As they come: large in a few directions, small in the others."""
    left, right = RANDOM.normal(size=(int(np.prod(shape[:-1])), 3)), RANDOM.normal(size=(3, shape[-1]))
    return (left @ right + 0.1 * RANDOM.normal(size=(len(left), shape[-1]))).reshape(shape).astype("float32")


@pytest.mark.parametrize("shape", [(108, 32), (16, 16), (9, 40)])
def test_all_directions_become_equally_long_and_stay_where_they_were(shape):
    matrix = gradients(*shape)
    step = keras.ops.convert_to_numpy(muon.orthogonal(matrix))
    sizes = np.linalg.svd(step, compute_uv=False)
    assert sizes.min() > 0.6 and sizes.max() < 1.3
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    assert (np.einsum("nk,nm,km->k", left, step, right) > 0.6).all()


def test_a_kernel_turns_by_what_was_asked_and_keeps_its_length():
    kernel, moves = variable(3, 3, 8, 16), []
    optimizer = Muon(0.5, turn=0.1)
    optimizer.build([kernel])
    for _ in range(3):
        before = kernel.numpy() * 4 / np.linalg.norm(kernel.numpy())  # as long as sixteen filters of length 1
        optimizer.apply([gradients(3, 3, 8, 16)])
        moves.append(np.linalg.norm(kernel.numpy() - before) / 4)
    assert np.allclose(moves, 0.05, rtol=0.3)
    assert np.linalg.norm(kernel.numpy()) == pytest.approx(4, rel=0.1)


def test_all_else_moves_as_with_sgd():
    ours, theirs = variable(5, 4), keras.Variable(np.zeros((5, 4), "float32"))
    theirs.assign(ours)
    optimizers = Muon(0.3, 0.8, weight_decay=0.1), keras.optimizers.SGD(0.3, 0.8, nesterov=True, weight_decay=0.1)
    for optimizer, one in zip(optimizers, (ours, theirs), strict=True):
        optimizer.build([one])
    for _ in range(4):
        gradient = gradients(5, 4)
        for optimizer in optimizers:
            optimizer.apply([gradient])
    assert np.array_equal(ours.numpy(), theirs.numpy())


def test_weight_decay_leaves_kernels_alone():
    one, other = variable(3, 3, 2, 4), keras.Variable(np.zeros((3, 3, 2, 4), "float32"))
    other.assign(one)
    gradient = gradients(3, 3, 2, 4)
    for kernel, decay in ((one, 0.5), (other, None)):
        optimizer = Muon(0.3, weight_decay=decay)
        optimizer.build([kernel])
        optimizer.apply([gradient])
    assert np.array_equal(one.numpy(), other.numpy())


def test_it_can_be_made_again_from_its_settings():
    again = Muon.from_config(Muon(0.3, 0.7, weight_decay=0.01, turn=0.4, kernel_momentum=0.5).get_config())
    assert (again.turn, again.kernel_momentum, again.momentum, again.weight_decay) == (0.4, 0.5, 0.7, 0.01)
    assert float(again.learning_rate) == pytest.approx(0.3)


def test_a_gradient_of_nothing_gives_a_finite_kernel():
    kernel = variable(3, 3, 2, 4)
    optimizer = Muon(0.3)
    optimizer.build([kernel])
    optimizer.apply([np.zeros((3, 3, 2, 4), "float32")])
    assert np.isfinite(kernel.numpy()).all()
