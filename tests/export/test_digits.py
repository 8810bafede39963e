import io

import numpy as np
import pytest
from PIL import Image

from dl100_tf.data import images, mnist
from dl100_tf.errors import DataError
from dl100_tf.export import digits

ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def sample():
    """Small digits prepared as MNIST's."""
    return mnist.load("sample")


@pytest.fixture(scope="module")
def net(sample):
    """One that knows them well enough to notice when they are prepared otherwise."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    given = keras.Input((28, 28, 1))
    hidden = layers.Dense(64, "relu")(layers.Flatten()(layers.Rescaling(1 / 255)(given)))
    net = keras.Model(given, layers.Dense(10, "softmax")(hidden))
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    net.fit(sample.train.x, sample.train.y, epochs=12, verbose=0)
    assert net.evaluate(sample.test.x, sample.test.y, verbose=0)[1] > 0.85
    return net


@pytest.fixture(scope="module")
def fitted():
    import tensorflow as tf

    traced = tf.function(digits.fitted, [tf.TensorSpec([None] * 4, tf.uint8)], autograph=False)
    return lambda pictures: traced(np.asarray(pictures)).numpy()


@pytest.fixture(scope="module")
def read():
    import tensorflow as tf

    traced = tf.function(digits.read, [tf.TensorSpec([None], tf.string)], autograph=False)
    return lambda *files: traced(tf.constant(files, tf.string)).numpy()


@pytest.fixture
def theirs(tmp_path):
    """What the training's reader makes of the bytes of a file."""
    def of(content):
        (tmp_path / "digit").write_bytes(content)
        return images.read_digit(tmp_path / "digit")
    return of


def file(picture, kind="PNG", **options):
    stream = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(np.squeeze(picture))
    picture.save(stream, kind, **options)
    return stream.getvalue()


def page(digit, side, random, paper):
    """A digit as somebody draws or photographs it: uint8 (h, w) or (h, w, 3).

    Args:
        digit: uint8 (28, 28, 1).
        side: how many pixels its 28 become.
        random: a NumPy generator, which chooses the page's size and where on it the digit is.
        paper: `light`, `dark`, `uneven` (and noisy), or `coloured`, which is that in colour.
    """
    height, width = (side + int(random.integers(0, side)) for _ in range(2))
    top, left = random.integers(0, height - side + 1), random.integers(0, width - side + 1)
    ink = np.zeros((height, width))
    large = Image.fromarray(digit[..., 0]).resize((side, side), Image.Resampling.BICUBIC)
    ink[top:top + side, left:left + side] = np.asarray(large) / 255
    if paper in ("light", "dark"):
        return (255 * ink if paper == "dark" else 255 - 255 * ink).astype(np.uint8)
    down, across = np.mgrid[-1:1:height * 1j, -1:1:width * 1j]
    lit = 190 + 30 * down * random.uniform(-1, 1) + 30 * across * random.uniform(-1, 1)
    shown = lit * (1 - 0.7 * ink) + random.normal(0, 3, ink.shape)
    if paper == "coloured":
        shown = shown[..., None] * random.uniform(0.8, 1, 3)
    return shown.clip(0, 255).astype(np.uint8)


def pages(sample, kind, count=12):
    """Files of a kind with digits of many sizes on each paper."""
    random = np.random.default_rng(0)
    for paper in ("light", "dark", "uneven", "coloured"):
        for side in random.integers(20, 420, count):
            digit = sample.test.x[random.integers(len(sample.test))]
            yield file(page(digit, int(side), random, paper), kind, **({"quality": 85} if kind == "JPEG" else {}))


class TestAgreement:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
    def test_digits_of_any_size_on_any_paper_are_prepared_as_by_read_digit(self, sample, net, read, theirs, kind):
        files = list(pages(sample, kind))
        ours, expected = read(*files), np.stack([theirs(content) for content in files])
        apart = np.abs(ours.astype(int) - expected)
        assert apart.max() <= 2 and apart.mean() < 0.02
        answers, right = net.predict(ours, verbose=0), net.predict(expected, verbose=0)
        assert np.array_equal(answers.argmax(axis=1), right.argmax(axis=1))
        assert np.abs(answers - right).max() < 0.01
        assert len(set(right.argmax(axis=1))) == 10, "or few digits are tried"

    def test_scaling_to_the_middle_would_not_do(self, sample, net, theirs):
        """What servers did before: the test above would notice it."""
        files = list(pages(sample, "PNG"))
        before = net.predict(np.stack([images.decode(content, "x", 28, 1) for content in files]), verbose=0)
        right = net.predict(np.stack([theirs(content) for content in files]), verbose=0)
        assert (before.argmax(axis=1) != right.argmax(axis=1)).mean() > 0.5

    @pytest.mark.parametrize("size", [(320, 245), (896, 802), (225, 224), (224, 225), (1344, 1343), (90, 1000)])
    def test_what_is_too_large_gets_pillow_s_pixels(self, size):
        """In the first two a side lies between two numbers of pixels."""
        import tensorflow as tf

        traced = tf.function(digits._thumbnail, [tf.TensorSpec([None] * 3, tf.uint8)], autograph=False)
        x = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
        expected = Image.fromarray(x)
        expected.thumbnail((224, 224))
        assert np.array_equal(traced(x).numpy(), np.asarray(expected))

    @pytest.mark.parametrize("width", [3, 6, 8, 9, 14, 15, 33, 34])
    def test_ink_that_is_the_same_on_both_sides(self, read, theirs, width):
        """Its centre lies between two pixels: a rounding mustn't move it."""
        x = np.full((60, 50), 255, np.uint8)
        x[7:49, 10:10 + width] = 0
        assert np.array_equal(read(file(x))[0], theirs(file(x)))

    def test_paper_of_two_shades(self, read, theirs):
        """The second is just as far off as still counts for paper."""
        x = np.full((60, 60), 200, np.uint8)
        x[:, 40:], x[20:40, 15:25] = 204, 10
        assert np.array_equal(read(file(x))[0], theirs(file(x)))

    @pytest.mark.parametrize("size", [(3, 3), (3, 60), (60, 4), (28, 28), (28, 27), (1000, 30)])
    def test_small_and_narrow_ones(self, read, theirs, size):
        x = np.full(size, 230, np.uint8)
        x[size[0] // 3:-1, size[1] // 3:-1] = 20
        apart = np.abs(read(file(x))[0].astype(int) - theirs(file(x)))
        assert apart.max() <= 1

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_a_photo_is_turned_upright(self, sample, read, theirs, orientation):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        shown = page(sample.test.x[3], 300, np.random.default_rng(1), "coloured")
        content = file(shown, "JPEG", quality=90, exif=exif.tobytes())
        assert np.abs(read(content)[0].astype(int) - theirs(content)).max() <= 2

    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1"])
    def test_other_colours(self, sample, read, theirs, mode):
        shown = page(sample.test.x[5], 120, np.random.default_rng(2), "light")
        content = file(Image.fromarray(shown).convert(mode))
        assert np.abs(read(content)[0].astype(int) - theirs(content)).max() <= 1

    def test_black_ink_on_nothing(self, sample, read, theirs):
        """As drawing programs save it."""
        picture = Image.new("RGBA", (28, 28))
        picture.putalpha(Image.fromarray(sample.test.x[0, ..., 0]))
        content = file(picture.resize((200, 180)))
        assert np.abs(read(content)[0].astype(int) - theirs(content)).max() <= 1


class TestReady:
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_pictures_in_the_format_pass_bit_for_bit(self, sample, fitted, channels):
        x = sample.test.x[:9]
        given = np.repeat(x, min(channels, 3), axis=3)
        given = np.concatenate([given, np.full_like(x, 255)], axis=3) if channels == 4 else given
        assert np.array_equal(fitted(given), x)

    def test_files_too(self, sample, read):
        assert np.array_equal(read(*map(file, sample.test.x[:3])), sample.test.x[:3])

    def test_in_a_batch_each_is_taken_for_itself(self, sample, fitted, theirs):
        x = sample.test.x[:4].copy()
        x[1], x[2] = 255 - x[1], x[2] // 2 + 100
        expected = np.stack([theirs(file(picture)) for picture in x])
        found = fitted(x)
        assert np.abs(found.astype(int) - expected).max() <= 1
        assert np.array_equal(found[[0, 3]], x[[0, 3]]) and not np.array_equal(found[1], x[1])

    def test_arrays_are_prepared_as_files(self, sample, fitted, read):
        shown = page(sample.test.x[1], 200, np.random.default_rng(3), "coloured")
        assert np.array_equal(fitted(shown[None]), read(file(shown)))
        grey = page(sample.test.x[1], 90, np.random.default_rng(3), "uneven")
        assert np.array_equal(fitted(grey[None, ..., None]), read(file(grey)))

    @pytest.mark.parametrize("size", [(28, 28), (50, 40)])
    def test_no_picture_at_all(self, fitted, read, size):
        assert fitted(np.zeros((0, *size, 3), np.uint8)).shape == (0, 28, 28, 1)
        assert read().shape == (0, 28, 28, 1)


def refusal(call, *given):
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        call(*given)
    return caught.value.message


class TestRefused:
    @pytest.mark.parametrize("x", [
        np.full((50, 50), 255), np.zeros((28, 28)), np.full((28, 28), 128), np.full((1, 1), 9), np.full((2, 900), 3),
        np.full((4000, 20), 3), np.tile(np.linspace(100, 200, 90), (90, 1)),
        np.random.default_rng(0).normal(200, 3, (300, 300))], ids=lambda x: "x".join(map(str, x.shape)))
    def test_bare_paper_as_by_read_digit(self, fitted, read, theirs, x):
        x = x.astype(np.uint8)
        with pytest.raises(DataError, match="shows no digit, only paper"):
            theirs(file(Image.fromarray(x)))
        assert "shows no digit, only paper" in refusal(read, file(Image.fromarray(x)))
        assert "shows no digit, only paper" in refusal(fitted, x[None, ..., None])

    def test_one_refuses_the_batch(self, sample, read):
        bare = np.full((90, 90), 220, np.uint8)
        assert "shows no digit" in refusal(read, file(sample.test.x[0]), file(bare))
        assert "Unknown image file format" in refusal(read, file(sample.test.x[0]), b"no picture")

    @pytest.mark.parametrize("shape", [(1, 0, 4, 3), (1, 28, 28, 2), (1, 4, 4, 5)])
    def test_what_is_no_picture(self, fitted, shape):
        assert "pictures have 1, 3 or 4 channels" in refusal(fitted, np.zeros(shape, np.uint8))

    def test_a_net_of_another_shape(self):
        with pytest.raises(ValueError, match=r"the net takes \(32, 32, 3\)"):
            digits.fitted(np.zeros((1, 28, 28, 1), np.uint8), (32, 32, 3))
