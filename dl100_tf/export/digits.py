"""Pictures of a digit made into what a net trained on MNIST takes: operations for the graph of an exported model.

They do what `dl100_tf.data.images.read_digit` does with Pillow and NumPy, so that a server sees a photographed digit as
`predict` does: pixel for pixel, or next to it where a rounding falls the other way. What differs is what differs for
other pictures, see `pixels`; and a picture more than twice as high as wide, which Pillow from 13 on scales down first
in height, where this does as Pillow 12.
"""

from dl100_tf.export import pixels

SIDE, BOX = 28, 20  # pixels of the picture, and of the square in it that the ink is fitted into
LARGEST = 224  # pixels of the longer side: what is larger is scaled down first
PAPER = "a picture shows no digit, only paper: write one, dark on light or light on dark"
FAINTEST = 25  # of 256: ink that stands out less from the paper is none
FULL = 0.999  # the part of all places with less ink than what counts as full
SPECKS = 0.003  # of all ink: what lies further out to a side than the rest is left out
TIE = 1e-4  # pixels: where the centre lies between two, the later one, whatever the rounding
ROUNDING = 1e-6  # of 256: how far a sum may be off
ROWS = 256  # of a large picture that are made grey at once; it keeps the memory of a request in bounds


def fitted(images, shape=(SIDE, SIDE, 1)):
    """Digits in MNIST's format, of pictures of any size.

    Those of 28 x 28 pixels, bright on dark, pass bit for bit.

    Args:
        images: uint8 (batch, any, any, 1, 3 or 4): grey, RGB or RGBA, which is put on white; one digit each.
        shape: of one picture for the net: (28, 28, 1).

    Returns:
        uint8 (batch, 28, 28, 1). A picture of bare paper is an `InvalidArgumentError` of the whole batch.

    Raises:
        ValueError: the net takes another shape.
    """
    import tensorflow as tf

    if tuple(shape) != (SIDE, SIDE, 1):
        raise ValueError(f"digits are prepared as pictures of shape {(SIDE, SIDE, 1)}, and the net takes {shape}")
    images = pixels.plain(tf.ensure_shape(images, [None] * 4))  # TensorFlow Serving doesn't check what it is sent
    bright = _are_bright(images)
    small = tf.reduce_all(tf.shape(images)[1:3] == SIDE)

    def one(given):
        picture, bright = given
        return tf.cond(small & bright, lambda: pixels.grey(picture), lambda: _drawn(picture, bright))

    images = tf.cond(small & tf.reduce_all(bright), lambda: pixels.grey(images), lambda: tf.map_fn(
        one, (images, bright), fn_output_signature=tf.TensorSpec(shape, tf.uint8)))
    return tf.ensure_shape(images, [None, *shape])


def read(files, shape=(SIDE, SIDE, 1)):
    """The same as `fitted` for picture files.

    Args:
        files: strings (batch,): the bytes of JPEG, PNG, BMP or GIF files; of an animation the first frame is taken.
        shape: see `fitted`.

    Returns:
        uint8 (batch, 28, 28, 1). A file that can't be read, or that shows bare paper, is an `InvalidArgumentError` of
        the whole batch.
    """
    import tensorflow as tf

    def one(file):
        return fitted(pixels.decoded(file, (LARGEST, LARGEST, 1))[None], shape)[0]

    return tf.map_fn(one, files, fn_output_signature=tf.TensorSpec(shape, tf.uint8))


def _are_bright(images):
    """Whether the digits are brighter than their paper: bool (batch,)."""
    import tensorflow as tf

    def extremes(top):
        found = pixels.grey(images[:, top:top + ROWS])
        return tf.reduce_min(found, axis=(1, 2, 3)), tf.reduce_max(found, axis=(1, 2, 3))

    least, most = tf.map_fn(extremes, tf.range(0, tf.shape(images)[1], ROWS), fn_output_signature=(tf.uint8, tf.uint8))
    middle = (tf.cast(tf.reduce_min(least, axis=0), tf.float64) + tf.cast(tf.reduce_max(most, axis=0), tf.float64)) / 2
    return _median(tf.cast(pixels.grey(_border(images))[..., 0], tf.float64)) < middle


def _drawn(picture, bright):
    """The ink of one picture, as `centred` leaves it.

    Args:
        picture: uint8 (h, w, 1 or 3).
        bright: whether it is brighter than the paper.
    """
    import tensorflow as tf

    grey = tf.cast(pixels.grey(_thumbnail(picture))[..., 0], tf.float64)
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_min(tf.shape(grey)) >= 3, [PAPER])]):
        ink = grey - _paper(tf.identity(grey))
    ink = tf.where(bright, ink, -ink)
    full = _quantile(tf.reshape(ink, [-1]), FULL)
    with tf.control_dependencies([tf.debugging.Assert(full >= FAINTEST, [PAPER])]):
        return centred(tf.clip_by_value((ink / full - 0.2) / 0.6, 0, 1))


def centred(ink):
    """Ink as MNIST prepares it: fitted into a box of 20 x 20, its centre of mass in the middle of 28 x 28.

    Args:
        ink: float64 (h, w), 0 for bare paper to 1 for full ink; some of it is ink.

    Returns:
        uint8 (28, 28, 1).
    """
    import tensorflow as tf

    top, bottom = _extent(tf.reduce_sum(ink, axis=1))
    left, right = _extent(tf.reduce_sum(ink, axis=0))
    ink = ink[top:bottom, left:right]
    sides = tf.shape(ink)
    less = tf.maximum(tf.cast(tf.round(BOX * sides / tf.reduce_max(sides)), tf.int32), 1)
    down, across = (_bicubic(sides[axis], less[axis], sides[axis] / less[axis]) for axis in (0, 1))
    box = down @ ink @ tf.transpose(across)
    box = tf.clip_by_value(box / tf.reduce_max(box), 0, 1)
    before = tf.stack([_start(tf.reduce_sum(box, axis=1 - axis)) for axis in (0, 1)])
    page = tf.pad(tf.round(255 * box), tf.stack([before, SIDE - less - before], axis=1))
    return tf.cast(tf.ensure_shape(page, (SIDE, SIDE)), tf.uint8)[..., None]


def _extent(profile):
    """From where to where there is ink, but for a few thousandths of it: specks."""
    import tensorflow as tf

    along = tf.cumsum(profile) / tf.reduce_sum(profile)
    start, end = (tf.reduce_sum(tf.cast(along < share, tf.int32)) for share in (SPECKS, 1 - SPECKS))
    return start, end + 1


def _start(profile):
    """Where a row or column of ink starts, so that its centre of mass is in the middle of 28."""
    import tensorflow as tf

    count = tf.size(profile)
    centre = tf.reduce_sum(profile * tf.cast(tf.range(count), tf.float64)) / tf.reduce_sum(profile)
    return tf.clip_by_value(tf.cast(tf.floor(SIDE / 2 + TIE - centre), tf.int32), 0, SIDE - count)


def _bicubic(size, target, scale):
    """What each place of a row counts for each of a row of another length, as in Pillow: float64 (target, size).

    Args:
        size, target: places in a row before and after.
        scale: how many there were for each that there will be.
    """
    import tensorflow as tf

    centres = (tf.cast(tf.range(target), tf.float64) + 0.5) * scale
    x = tf.abs(tf.cast(tf.range(size), tf.float64) + 0.5 - centres[:, None]) / tf.maximum(scale, 1)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    weight = tf.where(x < 1, near, tf.where(x < 2, far, 0))
    return weight / tf.reduce_sum(weight, axis=1, keepdims=True)


def _thumbnail(picture):
    """As Pillow's `thumbnail` makes it, pixel for pixel: the proportions stay, and nothing grows."""
    import tensorflow as tf

    size = tf.shape(picture)[:2]
    target = _target(size)
    part = tf.maximum(size // (2 * target), 1)
    length = tf.cast(tf.cast(size / part, tf.float32), tf.float64)
    scale = length / tf.cast(target, tf.float64)

    def scaled():
        less = pixels.reduced(picture[None], part)[0]
        less = _eight_bits("ow,hwc->hoc", _bicubic(tf.shape(less)[1], target[1], scale[1]), less)
        return _eight_bits("oh,hwc->owc", _bicubic(tf.shape(less)[0], target[0], scale[0]), less)

    return tf.cond(tf.reduce_max(size) > LARGEST, scaled, lambda: picture)


def _target(size):
    """Rows and columns of the thumbnail, int32 (2,): the proportions come as near as they can."""
    import tensorflow as tf

    height, width = (tf.cast(size[axis], tf.float64) for axis in (0, 1))
    aspect, wide = width / height, width > height
    exact = tf.where(wide, LARGEST / aspect, LARGEST * aspect)  # of the shorter side
    down, up = tf.floor(exact), tf.math.ceil(exact)
    # Of a division by a constant TensorFlow makes a product, which rounds another way, and here that can decide.
    off = [tf.abs(aspect - tf.where(wide, LARGEST / shorter, tf.math.divide_no_nan(shorter, LARGEST)))
           for shorter in (down, up)]
    shorter = tf.cast(tf.maximum(tf.where((down > 0) & (off[1] < off[0]), up, down), 1), tf.int32)
    return tf.where(wide, [shorter, LARGEST], [LARGEST, shorter])


def _eight_bits(equation, weights, picture):
    """A weighted sum of pixels with the rounding of Pillow, which counts in 2^-22; float64 holds that exactly."""
    import tensorflow as tf

    weights = tf.sign(weights) * tf.floor(tf.abs(weights) * (1 << 22) + 0.5)
    total = tf.einsum(equation, weights, tf.cast(picture, tf.float64)) + (1 << 21)
    return tf.cast(tf.clip_by_value(tf.floor(total / (1 << 22)), 0, 255), tf.uint8)


def _border(images):
    """The outermost pixels, (batch, n, c), or (n, c) of a single picture (h, w, c)."""
    import tensorflow as tf

    return tf.concat([images[..., 0, :, :], images[..., -1, :, :], images[..., 0, :], images[..., -1, :]], axis=-2)


def _paper(grey):
    """How bright each place would be without ink, float64 (h, w): a slope through most of the border."""
    import tensorflow as tf

    height, width = tf.unstack(tf.shape(grey))
    one = tf.constant(1, tf.float64)
    down, across = tf.meshgrid(tf.linspace(-one, one, height), tf.linspace(-one, one, width), indexing="ij")
    border = _border(tf.stack([tf.ones_like(down), down, across, grey], axis=2))
    places, seen = border[:, :3], border[:, 3:]
    away = tf.abs(seen - _median(seen[:, 0]))
    for _ in range(3):
        kept = places * tf.cast(away <= tf.maximum(2 * _median(away[:, 0]), 4) + ROUNDING, tf.float64)
        slope = tf.linalg.solve(tf.matmul(kept, places, transpose_a=True), tf.matmul(kept, seen, transpose_a=True))
        away = tf.abs(seen - places @ slope)
    return slope[0, 0] + slope[1, 0] * down + slope[2, 0] * across


def _median(values):
    """Of an even number of values, along the last axis."""
    import tensorflow as tf

    ordered, half = tf.sort(values, axis=-1), tf.shape(values)[-1] // 2
    return (ordered[..., half - 1] + ordered[..., half]) / 2


def _quantile(values, share: float):
    """NumPy's: of values (n,), interpolated linearly between the two that are nearest."""
    import tensorflow as tf

    last = tf.size(values) - 1
    place = share * tf.cast(last, tf.float64)
    low = tf.cast(tf.floor(place), tf.int32)
    upper = tf.math.top_k(values, last - low + 1).values  # from the largest down to the one that is in place `low`
    return upper[-1] + (upper[-2] - upper[-1]) * (place - tf.floor(place))
