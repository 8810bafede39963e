import keras
import numpy as np
import pytest

from dl100_tf import evaluation
from dl100_tf.models import adversarial, judges, latents
from dl100_tf.projects import cnn_mnist


def test_points_are_normal_and_the_seed_decides():
    drawn = latents.points(4000, 3, 1)
    assert drawn.dtype == np.float32 and drawn.shape == (4000, 3)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(drawn.std(axis=0), 1, atol=0.05)
    assert np.array_equal(drawn, latents.points(4000, 3, 1)) and not np.array_equal(drawn, latents.points(4000, 3, 2))
    assert np.array_equal(latents.points(10, 3, 1), drawn[:10]), "more points begin with the same"


def test_classes_stand_behind_the_numbers():
    told = latents.points(5, 3, 1, classes=2)
    assert np.array_equal(told[:, :3], latents.points(5, 3, 1))
    assert told[:, 3:].argmax(axis=1).tolist() == [0, 1, 0, 1, 0] and (told[:, 3:].sum(axis=1) == 1).all()
    assert (latents.points(5, 3, 1, 2, wanted=1)[:, 3:] == [0, 1]).all()


def test_a_walk_ends_where_it_should_and_stays_as_far_out():
    one, other = np.array([3.0, 0, 0], "float32"), np.array([0, 3.0, 0], "float32")
    steps = latents.walk(one, other, 5)
    np.testing.assert_allclose(steps[[0, -1]], [one, other], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), 3, atol=1e-5)
    np.testing.assert_allclose(steps[2], [3 / 2**0.5, 3 / 2**0.5, 0], atol=1e-5)
    np.testing.assert_allclose(latents.walk(one, 2 * one, 3)[1], 1.5 * one, atol=1e-6)
    assert np.isfinite(latents.walk(one, -one, 3)).all()


def test_walks_are_rows_of_ten_of_one_class_each():
    found = latents.walks(25, 4, 0, classes=3)
    assert found.shape == (25, 7) and found[:, 4:].argmax(axis=1).tolist() == [0] * 10 + [1] * 10 + [2] * 5
    ends = latents.points(6, 4, 0)
    np.testing.assert_allclose(found[[0, 9, 10], :4], ends[:3], atol=1e-5)


def test_what_is_saved_gives_pixels():
    keras.utils.set_random_seed(0)
    net = adversarial.generator((28, 28, 1), 4, 2)
    model, drawn = latents.draws(net, "small"), latents.points(3, 4, 0)
    assert model.name == "small" and [one.name for one in model.inputs] == ["latent"]
    pixels = 127.5 * net.predict(drawn, verbose=0) + 127.5
    np.testing.assert_allclose(model.predict(drawn, verbose=0), pixels, atol=1e-3)


def test_its_pixels_are_those_of_the_weights_that_are_loaded_into_its_generator(tmp_path):
    keras.utils.set_random_seed(0)
    net = adversarial.generator((28, 28, 1), 4, 2)
    model, drawn = latents.draws(net, "small"), latents.points(3, 4, 0)
    before = evaluation.pixels(model, drawn)
    assert before.dtype == np.uint8 and before.shape == (3, 28, 28, 1)
    net.save_weights(tmp_path / "one.weights.h5")
    net.set_weights([weight * 0.5 for weight in net.get_weights()])
    assert not np.array_equal(evaluation.pixels(model, drawn), before)
    model.get_layer("generator").load_weights(tmp_path / "one.weights.h5")
    assert np.array_equal(evaluation.pixels(model, drawn), before)


def test_a_sheet_has_every_picture_in_its_place():
    pictures = np.stack([np.full((4, 4, 1), 10 * number, np.uint8) for number in range(5)])
    sheet = latents.sheet(pictures, 2)
    assert sheet.shape == (3 * 6 + 2, 2 * 6 + 2, 1)
    assert [sheet[4, 4, 0], sheet[4, 10, 0], sheet[10, 4, 0], sheet[16, 4, 0]] == [0, 10, 20, 40]
    assert sheet[16, 10, 0] == 255 and sheet[0, 0, 0] == 255


def test_the_judge_is_the_net_of_cnn_mnist():
    """Its features bear that recipe's name."""
    def told(model):
        return [(type(layer).__name__, {key: value for key, value in layer.get_config().items() if key not in (
            "name", "kernel_initializer")}) for layer in model.layers]

    assert told(judges.net((28, 28, 1), 10)) == told(cnn_mnist.build_model(cnn_mnist.Config()))


@pytest.mark.parametrize("side", range(28, 65, 4))
def test_a_judge_of_larger_pictures_has_as_many_features(side):
    assert judges.net((side, side, 3), 4).layers[-1].input.shape == (None, 864)


def test_a_gallery_shows_the_same_points_in_every_class():
    (name, one), (_, two), (_, three) = latents.rows(4, 6, 0, 3)
    assert name == "kind 0" and [name for name, _ in latents.rows(4, 6, 0, 3, ("a", "b", "c"))] == ["a", "b", "c"]
    assert one.shape == (4, 9) and np.array_equal(one[:, :6], two[:, :6]) and np.array_equal(two[:, :6], three[:, :6])
    assert [row[:, 6:].argmax(axis=1).tolist() for row in (one, two, three)] == [[0] * 4, [1] * 4, [2] * 4]
    untold = [row for _, row in latents.rows(4, 6, 0)]
    assert [row.shape for row in untold] == [(4, 6)] * 4 and not np.array_equal(untold[0], untold[1])
