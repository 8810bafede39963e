"""Pictures of any size and format made into what a net takes: operations for the graph of an exported model.

They do what `dl100_tf.data.images.read` does with Pillow, so that a server sees a picture as the training did: pixel
for pixel, or next to it where a rounding falls the other way. Three differences are left: WebP needs a server of
TensorFlow 2.21, BMP files with a palette of colours are refused, and where one colour of a GIF or of an RGB PNG is
declared transparent, it isn't made white.
"""

GREY = (19595, 38470, 7471)  # of 65536: what red, green and blue weigh where Pillow makes grey of them
EXIF = (0xFF, 0xE1, None, None, *b"Exif\0\0")  # how the part of a JPEG file that holds it begins; None: any byte
ORIENTATION = 0x0112  # its tag in EXIF: 1 is upright
LEFTWARDS = (1, 1, -1, -1, 1, 1, -1, -1, 1)  # for orientations 0 to 8: -1 where rows are to be read backwards
UPWARDS = (1, 1, 1, -1, -1, 1, 1, -1, -1)  # and where columns are
GREYS = bytes(byte for grey in range(256) for byte in (grey, grey, grey, 0))  # the palette of a grey BMP file
LIMIT = 90_000_000  # pixels of a decoded picture, as in the training; it keeps the memory of a request in bounds
HEAD = 1 << 16  # bytes of a JPEG file in which its EXIF begins


def fitted(images, shape: tuple[int, int, int]):
    """Pictures as large as the net wants them, in its colours.

    Those of exactly that shape pass bit for bit. Of others the middle that has its proportions is scaled by
    antialiased bicubic interpolation.

    Args:
        images: uint8 (batch, any, any, 1, 3 or 4): grey, RGB or RGBA, which is put on white.
        shape: of one picture for the net: (h, w, 1 or 3).

    Returns:
        uint8 (batch, *shape).
    """
    import tensorflow as tf

    images = tf.ensure_shape(images, [None] * 4)  # TensorFlow Serving doesn't check what it is sent
    fits = tf.reduce_all(tf.shape(images)[1:] == shape)
    images = tf.cond(fits, lambda: images, lambda: _made(images, shape))
    return tf.ensure_shape(images, [None, *shape])


def read(files, shape: tuple[int, int, int]):
    """The same as `fitted` for picture files.

    Args:
        files: strings (batch,): the bytes of JPEG, PNG, BMP or GIF files; of an animation the first frame is taken.
        shape: see `fitted`.

    Returns:
        uint8 (batch, *shape). A file that can't be read is an `InvalidArgumentError` of the whole batch.
    """
    import tensorflow as tf

    return tf.map_fn(lambda file: fitted(decoded(file, shape)[None], shape)[0], files,
                     fn_output_signature=tf.TensorSpec(shape, tf.uint8))


def decoded(file, shape: tuple[int, int, int]):
    """The picture in a file, upright.

    Args:
        file: a string (): see `read`.
        shape: of one picture for the net; a JPEG that is much larger is decoded at a half, a quarter or an eighth.

    Returns:
        uint8 (h, w, 1, 3 or 4).
    """
    import tensorflow as tf

    def begins(with_):
        return tf.strings.substr(file, 0, len(with_)) == with_

    picture = tf.case([(begins(b"\xff\xd8\xff"), lambda: _jpeg(file, shape)), (begins(b"BM"), lambda: _bmp(file))],
                      default=lambda: _other(file))
    small = tf.debugging.Assert(tf.reduce_prod(tf.shape(picture)[:2]) <= LIMIT,
                                [f"a picture has more than {LIMIT:,} pixels: make it smaller"])
    with tf.control_dependencies([small]):
        return tf.ensure_shape(picture, [None, None, None])


def _jpeg(file, shape):
    """(h, w, 3), decoded with the accuracy that Pillow asks for, turned as its EXIF says."""
    import tensorflow as tf

    height, width = tf.unstack(tf.image.extract_jpeg_shape(file)[:2])
    times = tf.minimum(height // (2 * shape[0]), width // (2 * shape[1]))  # Pillow's rule for its `draft`
    part = sum(tf.cast(times >= size, tf.int32) for size in (2, 4, 8))
    picture = tf.switch_case(part, [
        lambda ratio=ratio: tf.io.decode_jpeg(file, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")
        for ratio in (1, 2, 4, 8)])
    orientation = _orientation(file)
    picture = tf.cond(orientation >= 5, lambda: tf.transpose(picture, (1, 0, 2)), lambda: picture)
    return picture[::tf.gather(UPWARDS, orientation), ::tf.gather(LEFTWARDS, orientation)]


def _orientation(file):
    """How a JPEG picture lies, 1 to 8, as the EXIF in its file says; 1 where it says nothing.

    Source: CIPA DC-008, Exif 2.32, 4.6.
    """
    import tensorflow as tf

    head = tf.strings.substr(file, 0, HEAD)
    data = tf.cast(tf.io.decode_raw(head, tf.uint8), tf.int32)
    data = tf.pad(data, [(0, len(EXIF))])
    count = tf.size(data)

    marks = [data[i:count - len(EXIF) + i] == byte for i, byte in enumerate(EXIF) if byte is not None]
    found = tf.reduce_all(marks, axis=0)
    start = tf.argmax(found, output_type=tf.int32) + len(EXIF)
    little = tf.gather(data, start) == ord("I")  # or it is "MM", and numbers begin with their upper byte

    def number(at):  # of two bytes; what would lie outside is the padding
        first, second = (tf.gather(data, tf.clip_by_value(at + i, 0, count - 1)) for i in (0, 1))
        return tf.where(little, first + 256 * second, 256 * first + second)

    fields = start + number(start + tf.where(little, 4, 6))  # the lower half of four bytes: all lies within 64 KiB
    places = fields + 2 + 12 * tf.range(number(fields))
    tagged = number(places) == ORIENTATION
    value = tf.reduce_max(tf.where(tagged, number(places + 8), 0))
    return tf.where(tf.reduce_any(found) & (value >= 1) & (value <= 8), value, 1)


def _bmp(file):
    """(h, w, 3). The fourth byte of a pixel is alpha in few files and nothing in most: it is left out."""
    import tensorflow as tf

    picture = tf.io.decode_bmp(file)
    channels = tf.shape(picture)[2]
    coloured = tf.cond(channels == 1, lambda: tf.strings.substr(file, 54, len(GREYS)) != GREYS, lambda: False)
    check = tf.debugging.Assert(~coloured, ["a BMP file with a palette of colours can't be read: save it as PNG"])
    with tf.control_dependencies([check]):
        return tf.repeat(picture[..., :3], 3 // tf.minimum(channels, 3), axis=2)


def _other(file):
    """(h, w, 1, 3 or 4): PNG, GIF, or whatever else this TensorFlow knows; its error says what that is."""
    import tensorflow as tf

    # as many channels as the file has: asked for a fourth, TensorFlow makes few-coloured PNGs nearly transparent
    picture = tf.io.decode_image(file, expand_animations=False)
    return tf.cond(tf.shape(picture)[2] == 2, lambda: tf.gather(picture, (0, 0, 0, 1), axis=2), lambda: picture)


def _made(images, shape):
    """Pictures of any shape into what the net takes."""
    import tensorflow as tf

    images = plain(images)
    images = tf.repeat(images, 3 // tf.shape(images)[3], axis=3)
    same = tf.reduce_all(tf.shape(images)[1:3] == shape[:2])
    images = tf.cond(same, lambda: images, lambda: _scaled(_middle(images, shape), shape))
    return images if shape[2] == 3 else grey(images)


def plain(images):
    """Grey and RGB as they are, RGBA on white: uint8 (batch, h, w, 1 or 3).

    What is no picture is an `InvalidArgumentError`.
    """
    import tensorflow as tf

    sizes = tf.shape(images)
    right = tf.reduce_any(sizes[3] == (1, 3, 4)) & tf.reduce_all(sizes[1:3] > 0)
    check = tf.debugging.Assert(right, ["pictures have 1, 3 or 4 channels and at least a pixel; (batch, height, width, "
                                        "channels) is", sizes])
    with tf.control_dependencies([check]):
        return tf.cond(sizes[3] == 4, lambda: _on_white(images), lambda: tf.identity(images))


def _on_white(images):
    """RGBA on white, with the rounding of Pillow's `alpha_composite`."""
    import tensorflow as tf

    images = tf.cast(images, tf.uint16)
    colours, alpha = images[..., :3], images[..., 3:]
    total = colours * alpha + 255 * (255 - alpha) + 128  # at most 65 153, and 255 more below
    return tf.cast(tf.bitwise.right_shift(total + tf.bitwise.right_shift(total, 8), 8), tf.uint8)


def grey(images):
    """What is grey or RGB in grey, as Pillow makes it: uint8 (..., 1)."""
    import tensorflow as tf

    total = tf.reduce_sum(tf.cast(images, tf.int32) * GREY, axis=-1, keepdims=True)  # a single channel counts for three
    return tf.cast((total + (1 << 15)) // (1 << 16), tf.uint8)


def _middle(images, shape):
    """The largest part in the middle that has the net's proportions."""
    import tensorflow as tf

    height, width = tf.unstack(tf.shape(images)[1:3])
    tall = tf.clip_by_value(width * shape[0] // shape[1], 1, height)
    wide = tf.clip_by_value(height * shape[1] // shape[0], 1, width)
    top, left = (height - tall) // 2, (width - wide) // 2
    return images[:, top:top + tall, left:left + wide]


def _scaled(images, shape):
    """What is six times too large or more is reduced by a whole number first, as Pillow does for `reducing_gap=3`.

    Then one direction after the other, each rounded to 8 bits.
    """
    import tensorflow as tf

    size = tf.shape(images)[1:3]
    part = tf.maximum(size // (3 * shape[0], 3 * shape[1]), 1)
    images = tf.cond(tf.reduce_any(part > 1), lambda: reduced(images, part), lambda: images)
    across, down = shape[1] * part[1] / size[1], shape[0] * part[0] / size[0]
    images = _resampled(images, (tf.shape(images)[1], shape[1]), (1, across))
    return _resampled(images, shape[:2], (down, 1))


def reduced(images, part):
    """The mean over each `part` of so many rows and columns, rounded as Pillow's `reduce` does; the last has fewer."""
    import tensorflow as tf

    size = tf.shape(images)[1:3]
    less = (size + part - 1) // part
    whole = tf.pad(images, tf.pad(tf.stack([tf.zeros_like(size), less * part - size], axis=1), [(1, 1), (0, 0)]))
    total = tf.round(_interpolated(whole, less, 1 / part, "box") * tf.cast(tf.reduce_prod(part), tf.float32))
    rows, columns = (tf.minimum(part[i], size[i] - part[i] * tf.range(less[i])) for i in (0, 1))
    count = rows[:, None, None] * columns[:, None]
    share = tf.floor(tf.cast((1 << 24) / count, tf.float32))  # Pillow divides by multiplying with this many 2^-24
    total = tf.cast(total, tf.float64) + tf.cast(count // 2, tf.float64)
    return tf.cast(tf.floor(total * tf.cast(share, tf.float64) / (1 << 24)), tf.uint8)


def _resampled(images, size, scale):
    """Resized with antialiased bicubic interpolation, and rounded to 8 bits; see `_interpolated`."""
    import tensorflow as tf

    return tf.cast(tf.clip_by_value(tf.floor(_interpolated(images, size, scale, "keyscubic") + 0.5), 0, 255), tf.uint8)


def _interpolated(images, size, scale, kernel):
    """Resized, float32.

    Args:
        images: (batch, h, w, c).
        size: of the result, (2,).
        scale: how much longer each side becomes, (2,); `size` is cut out of that, from the upper left.
        kernel: how it is interpolated, `box` or `keyscubic`, antialiased.
    """
    import tensorflow as tf

    return tf.raw_ops.ScaleAndTranslate(
        images=images, size=tf.stack(size), scale=tf.cast(tf.stack(scale), tf.float32), translation=(0.0, 0.0),
        kernel_type=kernel, antialias=True)
