import numpy as np
import pytest

from dl100_tf.errors import UserError
from dl100_tf.models import skipgram
from dl100_tf.models.skipgram import Draw, SkipGram, add_rows

COUNTS = np.array([400, 90, 60, 40, 30, 20, 10, 9, 8, 7, 6, 5])


def net(**settings):
    """Twelve words of ten numbers, all of them drawn, so that nothing is zero by chance."""
    made = SkipGram(COUNTS, dim=10, **settings)
    random = np.random.default_rng(1)
    for array in made.weights.values():
        array[...] = random.normal(size=array.shape)
    return made


def text(blocks=2, length=200, texts=3):
    random = np.random.default_rng(2)
    words = random.choice(len(COUNTS), (blocks, length), p=COUNTS / COUNTS.sum()).astype(np.int32)
    return words, np.sort(random.integers(0, texts, blocks * length).astype(np.int32)).reshape(blocks, length)


def pair_by_pair(made, draw):
    """What every pair says alone, as the paper has it: (slopes by name, float64 (words, dim); loss per pair)."""
    vectors = {name: array.astype(float) for name, array in made.weights.items()}
    slopes = {name: np.zeros_like(array) for name, array in vectors.items()}
    left, right = draw.left.reshape(-1).tolist(), draw.right.reshape(-1).tolist()
    loss = pairs = 0

    def learn(centre, context, target, weight):
        nonlocal loss
        a, b = vectors["centres"][centre], vectors["contexts"][context]
        probability = 1 / (1 + np.exp(-a @ b))
        slopes["centres"][centre] += weight * (target - probability) * b
        slopes["contexts"][context] += weight * (target - probability) * a
        loss -= weight * np.log(probability if target else 1 - probability)

    for at, word in enumerate(draw.words):
        for other in [*range(at - left[at], at), *range(at + 1, at + right[at] + 1)]:
            learn(word, draw.words[other], 1, 1)
            pairs += 1
        strangers = draw.strangers[at // skipgram.GROUP]
        for stranger in strangers:
            learn(word, stranger, 0, (left[at] + right[at]) * made.negatives / len(strangers))
    return slopes, loss / pairs


@pytest.mark.parametrize("window", [1, 5, 12, 40])
def test_a_step_does_what_every_pair_says_alone(window, monkeypatch):
    monkeypatch.setattr(skipgram, "MEASURED", 1000)
    made = net(window=window, sample=0)
    words, texts = text()
    draw = made.draw(words.ravel(), texts.ravel(), np.random.default_rng(0))
    expected, loss = pair_by_pair(made, draw)
    found = made.slopes(draw)
    for name, wanted in expected.items():
        summed = np.zeros_like(made.weights[name])
        add_rows(summed, *found[name], np.full(len(found[name][0]), 0.5, np.float32))
        np.testing.assert_allclose(summed, wanted, rtol=1e-5, atol=2e-6 * np.abs(wanted).max())
    assert found["loss"] == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize("farthest", [1e9, 2.0])
def test_a_step_adds_the_slopes_of_all_parts_but_never_goes_too_far(farthest, monkeypatch):
    monkeypatch.setattr(skipgram, "FARTHEST", farthest)
    made, twin = net(), net()
    words, texts = text()
    made.step(words, texts, 0.1, number=7)
    read = COUNTS / COUNTS.sum() * made._keep[:-1]
    often = COUNTS ** 0.75 / (COUNTS ** 0.75).sum()
    # 400 words; on average 6 neighbours each, and 5 strangers for each of them
    slopes = {"centres": 400 * read * 36, "contexts": 400 * (read * 6 + read.sum() * 30 * often)}
    for part in range(skipgram.PARTS):
        random = np.random.Generator(np.random.Philox(key=np.array([0, 7 * skipgram.PARTS + part], np.uint64)))
        piece = [np.array_split(array.ravel(), skipgram.PARTS)[part] for array in (words, texts)]
        found = net().slopes(net().draw(*piece, random))
        for name in twin.weights:
            rows, changes = found[name]
            rates = np.minimum(0.1, farthest / slopes[name])[rows] / 2
            np.add.at(twin.weights[name], rows, changes * rates[:, None].astype(np.float32))
    for name in twin.weights:
        np.testing.assert_allclose(made.weights[name], twin.weights[name], atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_vectors_that_grow_beyond_all_bounds_are_told(monkeypatch):
    monkeypatch.setattr(skipgram, "FARTHEST", 1e9)
    made = net()
    with pytest.raises(UserError, match="smaller --learning-rate"):
        for number in range(200):
            made.step(*text(), 1e4, number)


def test_the_same_step_is_the_same_to_the_bit():
    words, texts = text()
    ends = []
    for _ in range(2):
        made = net()
        for number in range(5):
            made.step(words, texts, 0.05, number)
        ends.append(made.weights)
    other = net(seed=1)
    other.step(words, texts, 0.05, 0)
    assert all(np.array_equal(ends[0][name], ends[1][name]) for name in ends[0])
    assert not np.array_equal(other.weights["centres"], ends[0]["centres"])


def test_nobody_looks_into_another_text_or_at_words_that_are_none():
    made = net(sample=0, window=5)
    words = np.array([1, 2, 3, 4, 5, 6, -1, -1], np.int32)
    texts = np.array([0, 0, 1, 2, 2, 2, 2, 2], np.int32)
    left, right = np.zeros((2, 6), int)
    for seed in range(30):
        draw = made.draw(words, texts, np.random.default_rng(seed))
        assert draw.words[:6].tolist() == [1, 2, 3, 4, 5, 6] and not draw.words[6:].any()
        assert not draw.left.reshape(-1)[6:].any() and not draw.right.reshape(-1)[6:].any()
        left = np.maximum(left, draw.left.reshape(-1)[:6])
        right = np.maximum(right, draw.right.reshape(-1)[:6])
    assert left.tolist() == [0, 1, 0, 0, 1, 2] and right.tolist() == [1, 0, 0, 2, 1, 0]


def test_frequent_words_are_thinned_out_as_word2vec_does():
    made = SkipGram(COUNTS, sample=0.02)
    share = COUNTS / COUNTS.sum()
    expected = np.minimum(1, np.sqrt(0.02 / share) + 0.02 / share)
    words = np.repeat(np.arange(12, dtype=np.int32), 4000)
    kept = made.draw(words, np.zeros_like(words), np.random.default_rng(0)).words
    found = np.bincount(kept, minlength=12) / 4000
    np.testing.assert_allclose(found[1:], expected[1:], atol=0.03)  # the filling is of word 0
    assert expected[0] < 0.4 < expected[-1] == 1


def test_strangers_are_drawn_by_the_power_of_three_quarters():
    made = net()
    words, texts = text(blocks=100)
    drawn = made.draw(words.ravel(), texts.ravel(), np.random.default_rng(0)).strangers
    expected = COUNTS ** 0.75 / (COUNTS ** 0.75).sum()
    np.testing.assert_allclose(np.bincount(drawn.ravel(), minlength=12) / drawn.size, expected, atol=0.02)


def test_nothing_is_left_when_all_words_are_none():
    made = net()
    before = {name: array.copy() for name, array in made.weights.items()}
    assert np.isfinite(made.step(np.full((1, 50), -1, np.int32), np.zeros((1, 50), np.int32), 0.1, 0))
    assert all(np.array_equal(before[name], made.weights[name]) for name in before)


def test_rows_that_are_named_twice_change_twice():
    random = np.random.default_rng(0)
    matrix, rows = np.zeros((9, 4), np.float32), random.integers(0, 9, 50).astype(np.int32)
    changes = random.normal(size=(50, 4)).astype(np.float32)
    expected = np.zeros((9, 4), np.float32)
    np.add.at(expected, rows, 0.5 * changes)
    add_rows(matrix, rows, changes, np.full(50, 0.5, np.float32))
    np.testing.assert_allclose(matrix, expected, atol=1e-5)
    add_rows(matrix, rows[:0], changes[:0], np.zeros(0, np.float32))
    np.testing.assert_allclose(matrix, expected, atol=1e-5)


@pytest.mark.parametrize(("matrix", "rows", "changes", "error"), [
    (np.zeros((9, 4), np.float32), [9], (1, 4), IndexError), (np.zeros((9, 4), np.float32), [-1], (1, 4), IndexError),
    (np.zeros((9, 4)), [1], (1, 4), ValueError), (np.zeros((4, 9), np.float32).T, [1], (1, 4), ValueError),
    (np.zeros((9, 4), np.float32), [1], (1, 3), ValueError),
])
def test_what_could_write_beside_the_matrix_is_refused(matrix, rows, changes, error):
    with pytest.raises(error):
        add_rows(matrix, np.array(rows, np.int32), np.ones(changes, np.float32), np.ones(len(rows), np.float32))


def test_a_draw_keeps_its_groups():
    made = net()
    words, texts = text(blocks=1, length=77)
    draw = made.draw(words.ravel(), texts.ravel(), np.random.default_rng(0))
    groups = len(draw.words) // skipgram.GROUP
    assert isinstance(draw, Draw) and len(draw.words) % skipgram.GROUP == 0
    assert draw.strangers.shape == (groups, skipgram.STRANGERS)
    assert draw.left.shape == draw.right.shape == (groups, skipgram.GROUP, 1)
