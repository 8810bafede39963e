import numpy as np
import pytest

from dl100_tf.evaluation import attention
from dl100_tf.run import Run


def test_short_texts_of_every_class_are_chosen_the_shortest_first():
    lengths, y = np.array([3, 9, 8, 20, 12, 10, 16]), np.array([0, 0, 0, 1, 1, 2, 2])
    ids = (np.arange(20) < lengths[:, None]).astype("int32")
    assert sorted(attention.readable(ids, y)) == [2, 4, 5]
    assert sorted(attention.readable(ids, y, 5)) == [1, 2, 4, 5, 6]
    assert len(attention.readable(ids[:1], y[:1])) == 0


def test_each_head_of_each_text_is_drawn_in_both_themes(monkeypatch):
    from matplotlib.axes import Axes

    drawn, imshow = [], Axes.imshow
    monkeypatch.setattr(Axes, "imshow", lambda axis, data, **how: drawn.append(data) or imshow(axis, data, **how))
    run = Run("transformer_agnews", "maps")
    weights = np.random.default_rng(0).dirichlet(np.ones(6), (2, 3, 6)).astype("float32")
    texts = [["oil", "prices", "$fall$", "مرحبا"], ["a", "goal"]]
    path = attention.draw_attention(run, texts, weights)
    assert path.stat().st_size > 5000 and path.with_name("attention-dark.png").is_file()
    assert [data.shape for data in drawn] == [(4, 4)] * 3 + [(2, 2)] * 3 + [(4, 4)] * 3 + [(2, 2)] * 3
    np.testing.assert_array_equal(drawn[1], weights[0, 1, :4, :4])
    assert attention.draw_attention(run, [], weights[:0]) is None


@pytest.mark.parametrize("name", ["draw_attention", "readable"])
def test_recipes_find_it(name):
    from dl100_tf import evaluation

    assert getattr(evaluation, name) is getattr(attention, name)
