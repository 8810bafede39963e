import numpy as np
import pytest

from dl100_tf.data import Source, Split, Splits
from dl100_tf.data.splits import hold_out
from dl100_tf.errors import DataError, UserError


def uneven(count=100):
    return Split(np.arange(count), (np.arange(count) % 4 == 0).astype(np.int32))


def test_hold_out_parts_every_example_once_and_keeps_the_mix_and_the_order():
    split = uneven()
    rest, held = hold_out(split, 0.2, seed=3)
    assert (len(rest), len(held)) == (80, 20)
    assert sorted([*rest.x, *held.x]) == list(range(100))
    assert held.y.sum() == 5 and rest.y.sum() == 20
    assert (np.diff(rest.x) > 0).all() and (np.diff(held.x) > 0).all()
    assert all(split.y[x] == y for x, y in zip(held.x, held.y, strict=True))


def test_hold_out_depends_on_the_seed_alone():
    first, again, other = (hold_out(uneven(), 0.2, seed)[1].x.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_a_tiny_share_still_holds_out_one_of_each_label():
    _, held = hold_out(uneven(), 0.001, seed=0)
    assert sorted(held.y) == [0, 1]


def test_an_even_part_has_as_many_of_each_label_but_never_more_than_half():
    rest, held = hold_out(uneven(), 0.2, seed=0, even=True)
    assert np.bincount(held.y).tolist() == [10, 10] and len(rest) == 80
    rest, held = hold_out(uneven(), 0.9, seed=0, even=True)
    assert np.bincount(held.y).tolist() == [12, 12]


def test_the_first_part_keeps_one_of_each_label():
    rest, _ = hold_out(uneven(8), 0.999, seed=0)
    assert sorted(rest.y) == [0, 1]


@pytest.mark.parametrize("share", [0, 1, -0.1, 2, float("nan")])
def test_a_share_is_between_0_and_1(share):
    with pytest.raises(UserError, match="between 0 and 1"):
        hold_out(uneven(), share, seed=0)


def test_a_label_with_one_example_cannot_be_parted():
    with pytest.raises(DataError, match="label 7 has a single example"):
        hold_out(Split(np.arange(4), np.array([0, 0, 7, 0])), 0.5, seed=0)


def test_map_replaces_x_everywhere_and_nothing_else():
    split, source = uneven(), Source("local", "somewhere", "abc")
    splits = Splits(split, split.take([1, 2]), split.take(slice(5)), ("no", "yes"), source)
    doubled = splits.map(lambda x: 2 * x)
    assert doubled.test.x.tolist() == [0, 2, 4, 6, 8]
    assert doubled.validation.y is splits.validation.y
    assert (doubled.labels, doubled.source) == (splits.labels, source)
    assert list(doubled.parts()) == ["train", "validation", "test"]


def test_a_split_needs_one_label_for_each_example():
    with pytest.raises(ValueError, match="2 examples, but 3 labels"):
        Split(np.zeros(2), np.zeros(3))


def test_source_describes_itself():
    assert Source("local", "5 + 5 reviews", "abc").describe() == "local: 5 + 5 reviews"
    assert Source("sample", "", "").is_sample and not Source("tfds", "", "").is_sample


@pytest.fixture
def splits():
    return Splits(uneven(), uneven(40), uneven(60), ("a", "b"), Source("sample", "made here", "0"))


def test_one_hot_labels(splits):
    hot = splits.one_hot()
    for name, part in hot.parts().items():
        assert part.y.dtype == np.float32 and part.y.shape == (len(part), len(splits.labels))
        assert np.array_equal(part.y.argmax(axis=1), splits.parts()[name].y) and (part.y.sum(axis=1) == 1).all()


def test_even_labels_weigh_the_same_in_training_and_nothing_is_weighed_elsewhere(splits):
    even, plain = splits.one_hot(even=True), splits.one_hot()
    np.testing.assert_allclose(even.train.y.sum(axis=0), len(splits.train) / 2, rtol=1e-5)
    assert np.array_equal(even.train.y > 0, plain.train.y > 0) and even.train.y.dtype == np.float32
    assert all(np.array_equal(even.parts()[name].y, plain.parts()[name].y) for name in ("validation", "test"))


def test_a_part_of_the_truth_is_spread_in_training_alone(splits):
    soft = splits.one_hot(smoothing=0.1)
    assert np.unique(soft.train.y).tolist() == pytest.approx([0.05, 0.95])
    assert np.unique(soft.validation.y).tolist() == [0, 1]


def test_weighed_labels_need_the_kl_divergence():
    """Keras' categorical_crossentropy takes TensorFlow's short cut, whose gradient is right for probabilities alone."""
    import keras
    import tensorflow as tf

    start, weighed = tf.constant([[0.5, -1.0, 2.0]]), tf.constant([[0.0, 0.0, 0.25]])
    probability = tf.nn.softmax(start)[0].numpy()
    right = 0.25 * (probability - [0, 0, 1])

    def slope(loss):
        given = keras.Input((3,))
        net = keras.Model(given, keras.layers.Softmax()(given))
        with tf.GradientTape() as tape:
            tape.watch(start)
            value = keras.losses.get(loss)(weighed, net(start))
        return tape.gradient(value, start)[0].numpy()

    np.testing.assert_allclose(slope("kl_divergence"), right, atol=1e-5)


def test_fewer_training_examples_keep_the_mix_of_labels(splits):
    few = splits.take_train(20, seed=1)
    assert len(few.train) == pytest.approx(20, abs=1) and len(few.test) == len(splits.test)
    share = [np.mean(part.train.y) for part in (splits, few)]
    assert share[0] == pytest.approx(share[1], abs=0.06)
    assert np.array_equal(few.train.x, splits.take_train(20, seed=1).train.x)
    assert not np.array_equal(few.train.x, splits.take_train(20, seed=2).train.x)
    assert splits.take_train(10**6, seed=1) is splits


def test_examples_become_their_own_targets():
    parts = {name: uneven(count) for name, count in (("train", 20), ("validation", 4), ("test", 8))}
    found = Splits(**parts, labels=("a", "b"), source=Source("sample", "here", "0"), preparation="digit").as_targets()
    assert found.preparation == "digit" and found.labels == ("a", "b")
    assert all(part.y is part.x and len(part) == len(parts[name]) for name, part in found.parts().items())
