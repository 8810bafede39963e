import numpy as np
import pytest

from dl100_tf.data import drawn


@pytest.mark.parametrize("draw, shape, kinds", [
    (drawn.pictures, (32, 32, 3), drawn.SHAPES), (drawn.clothes, (28, 28, 1), drawn.CLOTHES)])
def test_kinds_take_turns_and_the_seed_decides(draw, shape, kinds):
    x, y = draw(100, 0)
    assert x.shape == (100, *shape) and x.dtype == np.uint8 and y.dtype == np.int32
    assert np.bincount(y).tolist() == [10] * len(kinds)
    assert np.array_equal(x, draw(100, 0)[0]) and not np.array_equal(x, draw(100, 1)[0])
    assert np.array_equal(x[:20], draw(20, 0)[0])  # fewer are the first of more
    assert len({picture.tobytes() for picture in x}) == 100


def nearest(train, test):
    """Accuracy of the class whose mean picture is nearest."""
    (x, y), (a, b) = ((x.reshape(len(x), -1) / 255.0, y) for x, y in (train, test))
    means = np.stack([x[y == label].mean(0) for label in np.unique(y)])
    return (((a[:, None] - means) ** 2).sum(-1).argmin(1) == b).mean()


def test_shapes_cannot_be_told_by_their_colours_and_clothes_can_be_told_by_their_outlines():
    x, y = drawn.pictures(1000, 0)
    a, b = drawn.pictures(300, 1)
    colours = nearest((x.mean((1, 2)), y), (a.mean((1, 2)), b))
    assert colours < 0.3
    assert nearest(drawn.clothes(500, 0), drawn.clothes(200, 1)) > 0.7


def test_any_size_and_any_choice_of_shapes():
    x, y = drawn.pictures(8, 0, size=150, shapes=("disc", "star"))
    assert x.shape == (8, 150, 150, 3) and y.tolist() == [0, 1] * 4
    assert drawn.pictures(1, 0, size=7)[0].shape == (1, 7, 7, 3)
