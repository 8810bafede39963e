"""Decision regions: right colours in right places, and as many frames as were given."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from dl100_tf import evaluation
from dl100_tf.evaluation import boundaries, figures

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def right(points):
    return (points[:, 0] > 0.5).astype("float32")


def draw(run, frames, y=(0, 0, 1, 1), labels=("left", "right"), x=X):
    return evaluation.draw_boundary(run, "mine", frames, x, np.array(y), list(labels), "It moves.", ("a", "b"))


def test_up_to_three_frames_stand_still(trained):
    path = draw(trained, [("before", right), ("after", lambda points: right(points)[:, None])])
    assert path.is_file() and not trained.path("plots/mine.gif").exists()


def test_more_frames_move_and_the_last_one_stays(trained):
    frames = [(f"step {k}", lambda points, k=k: right(points - k / 10)) for k in range(4)]
    draw(trained, frames)
    for suffix in ("", "-dark"):
        film = Image.open(trained.path(f"plots/mine{suffix}.gif"))
        assert (film.n_frames, film.size) == (4, (520, 440))
        film.seek(3)
        assert film.info["duration"] == boundaries.HOLD
        assert film.convert("RGB").getpixel((1, 1)) == ((255, 255, 255) if not suffix else (0x17, 0x1a, 0x1f))
    draw(trained, frames[:1])
    assert not list(trained.path("plots").glob("*.gif"))


def test_a_long_training_is_thinned_out_first_and_last_kept(trained, monkeypatch):
    asked = []
    frames = [(str(k), lambda points, k=k: asked.append(k) or right(points)) for k in range(1000)]
    assert boundaries.spread(1000, 60)[[0, -1]].tolist() == [0, 999]
    monkeypatch.setattr(boundaries, "FRAMES", 5)
    draw(trained, frames)
    assert asked == [0, 250, 500, 749, 999]


def test_the_regions_have_the_colours_of_their_classes():
    plane, extent, view = boundaries.plane(X.astype("float32"))
    assert extent[0] < view[0] < 0 and extent[3] > view[3] > 1
    p = boundaries.probabilities(right(plane), 2)
    figure = Figure()
    axis = figure.subplots()
    scene = boundaries.Scene(X, np.array([0, 0, 1, 1]), ["left", "right"], extent, view, ("", ""))
    picture, line, *points = boundaries.region(axis, figures.LIGHT, p, scene)
    field = picture.get_array()
    for column, colour in ((5, figures.LIGHT.blue), (-5, figures.LIGHT.orange)):
        assert np.asarray(field[90, column]) == pytest.approx(0.68 + 0.32 * np.array(to_rgb(colour)), abs=0.01)
    turns = np.concatenate([path.vertices for path in line.get_paths()])
    assert turns[:, 0] == pytest.approx(0.5, abs=0.01)
    assert [len(one.get_offsets()) for one in points] == [2, 2]


def test_three_classes_hostile_names_and_points_on_one_spot(trained):
    def thirds(points):
        return np.tile([[0.2, 0.5, 0.3]], (len(points), 1))

    draw(trained, [("<b>$\\frac{\u202e", thirds)], (0, 1, 2, 2), ("<html>", "ß$", "\x00"))
    draw(trained, [("one", right)], x=np.ones((4, 2)))


def test_an_answer_of_the_wrong_shape_is_named(trained):
    with pytest.raises(ValueError, match="1 numbers a point for 3 classes"):
        draw(trained, [("a", right)], (0, 1, 2, 2), ("a", "b", "c"))
