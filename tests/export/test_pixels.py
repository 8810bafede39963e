import functools
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dl100_tf.data import images
from dl100_tf.export import pixels

RANDOM = np.random.default_rng(0)
ORIENTATION = 0x0112


def photo(height, width, channels=3):
    """Something like a photograph: smooth, with a little noise. uint8 (h, w, c)."""
    rough = RANDOM.integers(0, 256, (height // 8 + 2, width // 8 + 2, channels)).astype(np.uint8)
    planes = [Image.fromarray(rough[..., i]).resize((width, height), Image.Resampling.BICUBIC) for i in range(channels)]
    smooth = np.stack([np.asarray(plane, float) for plane in planes], axis=2)
    return (smooth + RANDOM.normal(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8)


def file(picture, kind="PNG", **options):
    """The bytes of a picture file."""
    stream = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture.squeeze())
    picture.save(stream, kind, **options)
    return stream.getvalue()


@functools.cache
def traced(which, shape):
    import tensorflow as tf

    spec = tf.TensorSpec([None] * 4, tf.uint8) if which is pixels.fitted else tf.TensorSpec([None], tf.string)
    return tf.function(lambda given: which(given, shape), [spec], autograph=False)


def fitted(pictures, shape):
    return traced(pixels.fitted, shape)(np.asarray(pictures)).numpy()


def read(file_, side=32, channels=3):
    import tensorflow as tf

    return traced(pixels.read, (side, side, channels))(tf.constant([file_])).numpy()[0]


def refusal(call, *given):
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        call(*given)
    return caught.value.message


def difference(ours, theirs):
    """Mean and largest difference of two pictures, in steps of 256."""
    apart = np.abs(ours.astype(int) - theirs)
    return apart.mean(), apart.max()


def few_bits(values, bits):
    """A grey PNG file of `bits` bits a pixel, which Pillow can't write."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    planes = (values[..., None] >> np.arange(bits)[::-1]) & 1
    rows = np.packbits(planes.reshape(len(values), -1).astype(np.uint8), axis=1)
    header = struct.pack(">IIBBBBB", values.shape[1], len(values), bits, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))) + chunk(b"IEND", b""))


class TestFitted:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_the_right_size_passes_bit_for_bit(self, channels):
        x = RANDOM.integers(0, 256, (3, 32, 32, channels)).astype(np.uint8)
        assert np.array_equal(fitted(x, (32, 32, channels)), x)

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("size", [(31, 32), (9, 14), (33, 40), (50, 47), (100, 131), (190, 191)])
    def test_other_sizes_are_made_as_in_training(self, size, channels):
        """Up to six times too large: Pillow's pixels, but for a rounding in a thousand."""
        x = photo(*size)
        mean, most = difference(fitted(x[None], (32, 32, channels))[0], images.decode(file(x), "x", 32, channels))
        assert mean < 0.01 and most <= 1

    @pytest.mark.parametrize("size", [(192, 200), (299, 420), (417, 416)])
    def test_so_are_much_larger_ones(self, size):
        """Pillow then takes means first, and rounds some of them down that end in a half or a ninth."""
        x = photo(*size)
        mean, most = difference(fitted(x[None], (32, 32, 3))[0], images.decode(file(x), "x", 32))
        assert mean < 0.2 and most <= 2

    def test_noise_shows_the_same_kernel(self):
        x = RANDOM.integers(0, 256, (77, 59, 3)).astype(np.uint8)
        mean, most = difference(fitted(x[None], (32, 32, 3))[0], images.decode(file(x), "x", 32))
        assert mean < 0.01 and most <= 1

    def test_colours_become_grey_as_in_training(self):
        x = RANDOM.integers(0, 256, (32, 32, 3)).astype(np.uint8)
        assert np.array_equal(fitted(x[None], (32, 32, 1))[0], images.decode(file(x), "x", 32, 1))

    def test_grey_becomes_rgb_and_stays_grey(self):
        x = photo(32, 32, 1)
        assert np.array_equal(fitted(x[None], (32, 32, 3))[0], np.repeat(x, 3, axis=2))
        larger = fitted(photo(50, 60, 1)[None], (32, 32, 3))[0]
        assert (larger == larger[..., :1]).all()

    def test_what_is_transparent_lies_on_white(self):
        colour, alpha = np.meshgrid(np.arange(256), np.arange(256))
        x = np.stack([colour, 255 - colour, colour // 2, alpha], axis=2).astype(np.uint8)
        theirs = images.decode(file(Image.fromarray(x, "RGBA")), "x", 256)
        assert np.array_equal(fitted(x[None], (256, 256, 3))[0], theirs)

    def test_a_batch_is_made_as_each_alone(self):
        x = np.stack([photo(40, 50) for _ in range(3)])
        together = fitted(x, (32, 32, 3))
        assert np.array_equal(together, np.concatenate([fitted(x[i:i + 1], (32, 32, 3)) for i in range(3)]))

    def test_nets_that_see_no_squares(self):
        x = np.zeros((1, 100, 100, 3), np.uint8)
        x[:, 25:75] = 200  # of which a net that is twice as wide as high sees the middle
        out = fitted(x, (16, 32, 3))
        assert out.shape == (1, 16, 32, 3) and (out == 200).all()
        assert fitted(photo(100, 30)[None], (16, 32, 3)).shape == (1, 16, 32, 3)

    def test_a_picture_of_one_pixel_or_row(self):
        assert (fitted(np.full((1, 1, 1, 3), 7, np.uint8), (32, 32, 3)) == 7).all()
        assert (fitted(np.full((1, 1, 500, 3), 7, np.uint8), (32, 32, 3)) == 7).all()

    def test_no_picture_at_all(self):
        assert fitted(np.zeros((0, 50, 50, 3), np.uint8), (32, 32, 3)).shape == (0, 32, 32, 3)

    @pytest.mark.parametrize("shape", [(1, 0, 4, 3), (1, 4, 0, 1), (1, 4, 4, 2), (1, 32, 32, 5), (1, 4, 4, 0)])
    def test_what_is_no_picture_is_refused(self, shape):
        assert "pictures have 1, 3 or 4 channels" in refusal(fitted, np.zeros(shape, np.uint8), (32, 32, 3))


class TestRead:
    @pytest.mark.parametrize("kind", ["PNG", "BMP", "JPEG", "GIF"])
    @pytest.mark.parametrize("mode", ["RGB", "L"])
    def test_formats(self, kind, mode):
        picture = Image.fromarray(photo(32, 32)).convert(mode)
        found = file(picture, kind)
        assert np.array_equal(read(found), images.decode(found, "x", 32))
        assert np.array_equal(read(found, channels=1), images.decode(found, "x", 32, 1))

    @pytest.mark.parametrize("size", [(45, 32), (63, 80), (64, 64), (129, 300), (300, 257), (520, 600)])
    @pytest.mark.parametrize("subsampling", [0, 2])
    def test_jpeg_of_any_size(self, size, subsampling):
        """Large ones are decoded at a part of their size, by the same rule as in training."""
        found = file(photo(*size), "JPEG", quality=85, subsampling=subsampling)
        mean, most = difference(read(found), images.decode(found, "x", 32))
        assert mean < 0.01 and most <= 1

    @pytest.mark.parametrize("endian", ["<", ">"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_a_photo_is_turned_upright(self, orientation, endian):
        exif = Image.Exif()
        exif.endian = endian
        exif[0x010E], exif[0x010F], exif[ORIENTATION] = "a picture", "the maker of the camera", orientation
        found = file(Image.fromarray(photo(40, 60)), "JPEG", quality=95, exif=exif.tobytes())
        assert (b"II*\0" in found) == (endian == "<"), "or this tests one order of bytes twice"
        mean, most = difference(read(found), images.decode(found, "x", 32))
        assert mean < 0.01 and most <= 1

    @pytest.mark.parametrize("damage", [b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff",
                                        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
                                        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0"])
    def test_damaged_exif_leaves_the_picture_as_it_is(self, damage):
        x = Image.fromarray(photo(32, 32))
        found = file(x, "JPEG")
        marked = found[:2] + b"\xff\xe1" + struct.pack(">H", len(damage) + 2) + damage + found[2:]
        assert np.array_equal(read(marked), read(found))

    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1"])
    def test_png_of_other_colours(self, mode):
        found = file(Image.fromarray(photo(32, 32, 4), "RGBA").convert(mode))
        assert np.array_equal(read(found), images.decode(found, "x", 32))

    def test_png_of_sixteen_bits(self):
        found = file(Image.fromarray(RANDOM.integers(0, 1 << 16, (32, 32)).astype(np.uint16)))
        assert np.array_equal(read(found), images.decode(found, "x", 32))

    @pytest.mark.parametrize("bits", [1, 2, 4])
    def test_png_of_few_bits(self, bits):
        found = few_bits(RANDOM.integers(0, 1 << bits, (32, 32)), bits)
        assert np.array_equal(read(found), images.decode(found, "x", 32))

    def test_png_with_a_transparent_entry_in_its_palette(self):
        found = file(Image.fromarray(photo(32, 32)).convert("P", palette=Image.Palette.ADAPTIVE), transparency=3)
        assert np.array_equal(read(found), images.decode(found, "x", 32))

    def test_cmyk(self):
        found = file(Image.fromarray(photo(32, 32)).convert("CMYK"), "JPEG")
        assert np.array_equal(read(found), images.decode(found, "x", 32))

    def test_the_unused_byte_of_a_bmp_isnt_taken_for_alpha(self):
        x = photo(32, 32)
        found = bytearray(file(Image.fromarray(np.concatenate([x, 0 * x[..., :1]], axis=2), "RGBA"), "BMP"))
        assert found[28] == 32
        assert np.array_equal(read(bytes(found)), x)

    def test_of_an_animation_the_first_frame(self):
        frames = [Image.fromarray(photo(32, 32)) for _ in range(3)]
        found = file(frames[0], "GIF", save_all=True, append_images=frames[1:])
        assert np.array_equal(read(found), images.decode(found, "x", 32))

    def test_files_of_several_formats_and_sizes_at_once(self):
        import tensorflow as tf

        files = [file(photo(40, 50), "JPEG"), file(photo(32, 32)), file(photo(90, 33, 1), "BMP"),
                 file(photo(70, 71), "GIF")]
        together = traced(pixels.read, (32, 32, 3))(tf.constant(files)).numpy()
        assert together.shape == (4, 32, 32, 3)
        assert all(np.array_equal(one, read(found)) for one, found in zip(together, files, strict=True))

    def test_no_file_at_all(self):
        import tensorflow as tf

        assert traced(pixels.read, (32, 32, 3))(tf.constant([], tf.string)).shape == (0, 32, 32, 3)

    @pytest.mark.parametrize(("found", "said"), [
        (b"", "Input is empty"),
        (b"no picture", "Unknown image file format. One of JPEG"),
        (b"\xff\xd8\xff", "Invalid JPEG data"),
        (file(photo(32, 32), "JPEG")[:600], "Invalid JPEG data"),
        (b"\x89PNG", "Unknown image file format"),
        (file(photo(32, 32))[:500], "Invalid PNG data"),
        (b"BM", "Incomplete bmp content"),
        (file(photo(32, 32), "BMP")[:400], "Input size should match"),
        (file(photo(32, 32), "GIF")[:100], "Invalid GIF data"),
        (file(Image.fromarray(photo(32, 32)).convert("P"), "BMP"), "a BMP file with a palette of colours"),
    ], ids=lambda value: value if isinstance(value, str) else "")
    def test_what_cant_be_read_is_refused_with_a_reason(self, found, said):
        assert said in refusal(read, found)

    def test_one_bad_file_refuses_the_batch(self):
        import tensorflow as tf

        files = tf.constant([file(photo(32, 32)), b"no picture"])
        assert "Unknown image file format" in refusal(traced(pixels.read, (32, 32, 3)), files)

    def test_a_small_file_with_too_many_pixels_is_refused(self):
        found = file(Image.new("L", (9600, 9600)))
        assert len(found) < 1e6
        assert "more than 90,000,000 pixels" in refusal(read, found)

