import contextlib
import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dl100_tf.data import drawn, images
from dl100_tf.errors import DataError

RED, WHITE = (200, 30, 40), (255, 255, 255)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a picture ü.png"


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def near(found, colour, tolerance=3):
    return np.abs(found.astype(int) - np.array(colour)).max() <= tolerance


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_a_picture_of_the_right_size_comes_back_bit_for_bit(path, kind):
    x = noise(40, 40, 3)
    Image.fromarray(x).save(path, kind, lossless=True)  # whatever its suffix
    found = images.read(path, 40)
    assert found.dtype == np.uint8 and found.shape == (40, 40, 3) and np.array_equal(found, x)
    assert found.flags.writeable and np.array_equal(found, images.read(str(path), 40))


def test_a_jpeg_of_the_right_size_is_as_pillow_decodes_it(path):
    Image.fromarray(noise(224, 224, 3)).save(path, "JPEG")
    assert np.array_equal(images.read(path, 224), np.asarray(Image.open(path)))


@pytest.mark.parametrize("width, height", [(300, 100), (100, 300), (7, 5), (1, 400), (64, 64), (2000, 1500)])
def test_any_size_is_covered_and_cut_to_its_middle(path, width, height):
    x = np.zeros((height, width, 3), np.uint8)
    side = min(width, height)
    top, left = (height - side) // 2, (width - side) // 2
    x[top : top + side, left : left + side] = RED
    Image.fromarray(x).save(path)
    found = images.read(path, 32)
    assert found.shape == (32, 32, 3) and near(found[2:-2, 2:-2], RED, 3 if side > 32 else 20)  # enlarging overshoots


def test_shrinking_does_not_alias(path):
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(path)
    assert near(images.read(path, 100), 127, 8)
    Image.fromarray(stripes).save(path, "JPEG", quality=95)
    assert near(images.read(path, 100), 127, 12)


def modes():
    """Name: a picture that is RED where it's opaque, and white where it isn't."""
    red = Image.new("RGB", (50, 50), RED)
    half = Image.new("L", (50, 50), 255)
    half.paste(0, (0, 0, 25, 50))
    clear = red.copy()
    clear.putalpha(half)
    palette = red.quantize(4)
    yield "RGB", red, {}, RED
    yield "RGBA", clear, {}, None
    yield "palette", palette, {}, RED
    yield "grey", Image.new("L", (50, 50), 77), {}, (77,) * 3
    yield "one bit", Image.new("1", (50, 50), 1), {}, WHITE
    yield "16 bits", Image.fromarray(np.full((50, 50), 40 * 257, np.uint16)), {}, (40,) * 3
    yield "a transparent colour", red, {"transparency": RED}, WHITE
    yield "a transparent palette", palette, {"transparency": bytes(256)}, WHITE
    yield "a transparent grey", Image.new("L", (50, 50), 9), {"transparency": 9}, WHITE
    grey = Image.new("L", (50, 50), 90)
    grey.putalpha(Image.new("L", (50, 50), 0))
    yield "grey with alpha", grey, {}, WHITE


@pytest.mark.parametrize("size", [50, 20])
def test_every_mode_becomes_rgb_on_white(path, size):
    for name, image, options, colour in modes():
        image.save(path, "PNG", **options)
        found = images.read(path, size)
        assert found.shape == (size, size, 3) and found.dtype == np.uint8
        if colour is None:
            assert near(found[:, : size // 2 - 2], WHITE) and near(found[:, size // 2 + 2 :], RED), name
        else:
            assert near(found, colour), name
        assert images.read(path, size, channels=1).shape == (size, size, 1)


def test_grey_is_the_brightness_of_colours(path):
    Image.new("RGB", (30, 30), (0, 255, 0)).save(path)
    assert near(images.read(path, 30, channels=1), 150)


def test_cmyk_and_grey_jpegs_and_gifs(path):
    for kind, image in (("JPEG", Image.new("RGB", (60, 60), RED).convert("CMYK")),
                        ("GIF", Image.new("RGB", (60, 60), RED).quantize(2)), ("JPEG", Image.new("L", (60, 60), 90))):
        image.save(path, kind)
        assert near(images.read(path, 60), (90,) * 3 if image.mode == "L" else RED, 6), image.mode


def test_an_animation_shows_its_first_frame(path):
    frames = [Image.new("RGB", (30, 30), colour) for colour in (RED, WHITE, (0, 0, 255))]
    for kind in ("GIF", "WEBP", "PNG"):
        exact = {"lossless": True} if kind == "WEBP" else {}
        frames[0].save(path, kind, save_all=True, append_images=frames[1:], **exact)
        assert near(images.read(path, 30), RED), kind


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_photo_comes_upright(path, orientation, kind):
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:32, :48], upright[:32, 48:], upright[32:, :48] = RED, (30, 200, 40), (20, 30, 220)
    turns = {1: lambda x: x, 2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud, 5: lambda x: x.swapaxes(0, 1),
             6: np.rot90, 7: lambda x: np.rot90(x, 2).swapaxes(0, 1), 8: lambda x: np.rot90(x, -1)}
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(turns[orientation](upright)))
    stored.save(path, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    found = images.read(path, 64)
    assert near(found[5:27, 5:27], RED, 9) and near(found[5:27, 37:], (30, 200, 40), 9)
    assert near(found[37:, 5:27], (20, 30, 220), 9) and near(found[37:, 37:], (0, 0, 0), 9)


def test_damaged_exif_does_not_cost_the_photo(path, recwarn):
    Image.new("RGB", (30, 30), RED).save(path, "JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 60)
    assert near(images.read(path, 30), RED, 4)


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bomb(side):
    rows = zlib.compress(bytes(10_000_000), 9)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


@pytest.mark.parametrize("side", [9_500, 12_000, 60_000, 2**31 - 1])
def test_a_bomb_does_not_go_off(path, side, recwarn):
    path.write_bytes(bomb(side))
    with pytest.raises(DataError, match=r"more than 90,000,000 pixels|is no picture|is truncated") as caught:
        images.read(path, 32)
    assert str(path) in str(caught.value)


def saved(kind, **options):
    stream = io.BytesIO()
    Image.fromarray(noise(90, 90, 3)).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("content, message", [
    (b"", "is empty"), (b"\0" * 500, "is no picture"), (b"<svg></svg>", "is no picture"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is no picture"), (saved("TIFF"), "is no picture"),
    (saved("PNG")[:40], "is truncated or damaged"),
    (saved("PNG")[:900], "is truncated or damaged"), (saved("JPEG")[:900], "is truncated or damaged"),
    (saved("WEBP")[:900], "is truncated or damaged"), (saved("BMP")[:900], "is truncated or damaged"),
    (saved("GIF")[:1500], "is truncated or damaged"), (saved("JPEG")[:30], "is truncated or damaged")])
def test_a_bad_file_is_named(path, content, message, recwarn):
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        images.read(path, 32)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_flipped_bytes_are_a_picture_or_a_data_error(path, recwarn):
    random = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        whole = saved(kind)
        for _ in range(60):
            content = bytearray(whole)
            for place in random.integers(0, min(len(content), 400), 4):
                content[place] = random.integers(256)
            path.write_bytes(content)
            try:
                assert images.read(path, 32).shape == (32, 32, 3)
            except DataError as error:
                assert str(path) in str(error)


def test_what_is_no_file(tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*x.png: correct its name"):
        images.read(tmp_path / "x.png", 32)
    with pytest.raises(DataError, match="is a folder"):
        images.read(tmp_path, 32)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match="is no file"):
        images.read(tmp_path / "pipe.png", 32)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DataError, match="loop"):
        images.read(tmp_path / "loop", 32)
    with pytest.raises(DataError, match=r"can't be read|there is no file"):
        images.read("zero\0byte.png", 32)


def test_a_file_too_large(path, monkeypatch):
    monkeypatch.setattr(images, "FILE_LIMIT", 100)
    path.write_bytes(saved("PNG"))
    with pytest.raises(DataError, match="more than 100 bytes"):
        images.read(path, 32)


@pytest.fixture
def digit():
    """A seven as MNIST would have it."""
    ink = np.zeros((60, 40))
    ink[:9], ink[:, 31:] = 1, 1
    return images.centred(ink)


def test_ink_is_fitted_and_centred_by_mass(digit):
    ink = digit[..., 0].astype(float)
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    assert rows[-1] - rows[0] == 19 and columns[-1] - columns[0] in (12, 13) and digit.max() == 255
    centre = [(profile * np.arange(28)).sum() / ink.sum() for profile in (ink.sum(1), ink.sum(0))]
    assert np.abs(np.array(centre) - 13.5).max() <= 0.5
    wide = images.centred(np.ones((3, 90)))[..., 0]
    assert wide.shape == (28, 28) and np.flatnonzero(wide.any(0)).tolist() == list(range(4, 24))


def test_a_prepared_digit_comes_back_unchanged(path, digit):
    Image.fromarray(digit[..., 0]).save(path)
    assert np.array_equal(images.read_digit(path), digit)
    Image.fromarray(digit.repeat(3, axis=2)).save(path)
    assert np.array_equal(images.read_digit(path), digit)


def pages(digit):
    """The digit as people hand it in."""
    large = np.asarray(Image.fromarray(digit[..., 0]).resize((200, 200), Image.Resampling.BICUBIC)) / 255
    yield "dark on light", 255 - 255 * large
    yield "bright on dark", 255 * large
    yield "small", 255 - digit[..., 0]
    slope = np.linspace(130, 220, 500)[None] + np.linspace(0, 30, 400)[:, None]
    ink = np.zeros((400, 500))
    ink[150:350, 30:230] = large
    yield "photographed in a corner", slope * (1 - 0.7 * ink) + np.random.default_rng(0).normal(0, 4, ink.shape)
    yield "pale", 240 - 60 * large


def test_a_digit_on_any_paper_is_prepared_like_mnists(path, digit):
    for name, page in pages(digit):
        for kind in ("PNG", "JPEG"):
            Image.fromarray(np.clip(page, 0, 255).astype(np.uint8)).save(path, kind, quality=90)
            found = images.read_digit(path)
            assert found.shape == (28, 28, 1) and found.dtype == np.uint8
            overlap = np.corrcoef(found.ravel(), digit.ravel())[0, 1]
            assert overlap > 0.85, (name, kind, overlap)


def test_transparent_and_turned_digits(path, digit):
    image = Image.new("RGBA", (28, 28))
    image.putalpha(Image.fromarray(digit[..., 0]))  # black ink on nothing, as drawing programs save it
    image.resize((280, 280)).save(path)
    assert np.corrcoef(images.read_digit(path).ravel(), digit.ravel())[0, 1] > 0.85


@pytest.mark.parametrize("page", [
    np.full((50, 50), 255), np.zeros((28, 28)), np.full((28, 28), 128), np.full((1, 1), 9), np.full((2, 900), 3),
    np.tile(np.linspace(100, 200, 90), (90, 1))])
def test_a_page_without_ink(path, page):
    Image.fromarray(page.astype(np.uint8)).save(path)
    with pytest.raises(DataError, match=r"shows no digit, only paper") as caught:
        images.read_digit(path)
    assert str(path) in str(caught.value)


def test_any_picture_gives_a_digit_or_an_error(path):
    for index, picture in enumerate(drawn.pictures(30, 3)[0]):
        Image.fromarray(picture[: 5 + index, : 32 - index]).save(path)
        with contextlib.suppress(DataError):
            assert images.read_digit(path).shape == (28, 28, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_written_is_read_again(path, channels):
    picture = noise(20, 20, channels)
    images.write(path, picture)
    assert np.array_equal(images.read(path, 20, channels), picture)
    odd = np.random.default_rng(0).uniform(-20, 280, (9, 9, channels)).astype("float32")
    images.write(path, odd)
    assert np.array_equal(images.read(path, 9, channels), odd.clip(0, 255).round().astype("uint8"))


def test_a_picture_that_can_t_be_written_is_named(tmp_path):
    with pytest.raises(DataError, match=r"grid\.txt is no name for a picture"):
        images.write(tmp_path / "grid.txt", noise(4, 4, 1))
    images.write(tmp_path / "new" / "grid.png", noise(4, 4, 1))
    with pytest.raises(DataError, match=r"grid\.png/two\.png can't be written"):
        images.write(tmp_path / "new" / "grid.png" / "two.png", noise(4, 4, 1))
