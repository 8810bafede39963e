"""Picture files as people have them, made into the arrays that a net reads."""

import functools
import io
import os
import warnings
from pathlib import Path

import numpy as np

from dl100_tf import paths
from dl100_tf.errors import DataError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")  # none of them has Pillow start another program
BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8")  # of their files
FILE_LIMIT = 1 << 28  # bytes of a picture file
PIXEL_LIMIT = 90_000_000  # of a picture: what some phones take; more is a mistake or a decompression bomb
AGAIN = "copy or download it again."
TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270",
         7: "TRANSVERSE", 8: "ROTATE_90"}  # what undoes each EXIF orientation
ORIENTATION = 0x0112  # its EXIF tag


def read(path: str | os.PathLike, size: int, channels: int = 3) -> np.ndarray:
    """Read a picture, upright, as large as a square of `size` needs, and cut to its middle.

    A picture of exactly that size comes back bit for bit. What is transparent lies on white; of an animation it's the
    first frame.

    Args:
        path: a JPEG, PNG, WebP, BMP or GIF: any colours, any size up to 90 megapixels.
        size: pixels a side of the result.
        channels: 3 for RGB, 1 for grey.

    Returns:
        uint8 (size, size, channels).

    Raises:
        DataError: there is no such file, it can't be read, or it holds no whole picture; the message names it.
    """
    return decode(content(path), str(path), size, channels)


def content(path: str | os.PathLike) -> bytes:
    """The bytes of a picture file, 256 MiB at most.

    Raises:
        DataError: there is no such file, it's empty, too large or can't be read; the message names it.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder: name a picture in it.")
    if os.path.exists(path) and not os.path.isfile(path):
        raise DataError(f"{path} is no file: name a picture.")
    try:
        with open(path, "rb") as file:
            found = file.read(FILE_LIMIT + 1)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}: correct its name.") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read ({getattr(error, 'strerror', None) or error}): make it readable."
                        ) from error
    if not found:
        raise DataError(f"{path} is empty: {AGAIN}")
    if len(found) > FILE_LIMIT:
        raise DataError(f"{path} has more than {FILE_LIMIT:,} bytes: make the picture smaller.")
    return found


def decode(found: bytes, name: str, size: int, channels: int = 3) -> np.ndarray:
    """The same as `read` for the bytes of a file; any number of threads may call at once.

    Args:
        found: the whole file.
        name: what the message calls it.
        size, channels: see `read`.
    """
    image = _opened(found, name, 2 * size)
    try:
        return _array(_fitted(image, size), channels)
    except Exception as error:  # a mode that nobody has met
        raise DataError(f"{name} can't be made into RGB ({_reason(error)}): save it as PNG.") from error


def read_digit(path: str | os.PathLike) -> np.ndarray:
    """Read the picture of one digit and prepare it as MNIST's are: see `centred`.

    Dark ink on light paper is inverted, and paper that is darker to one side evened out. A picture of 28 x 28
    pixels, bright on dark, is taken to be prepared already and comes back unchanged.

    Args:
        path: a picture file as for `read`: one digit, written or photographed, any size.

    Returns:
        uint8 (28, 28, 1).

    Raises:
        DataError: as for `read`; or the picture shows nothing but paper.
    """
    image = _plain(_opened(content(path), str(path), 448))
    grey = _array(image, 1)[..., 0]
    bright = np.median(_border(grey)) < (int(grey.min()) + int(grey.max())) / 2
    if bright and grey.shape == (28, 28):
        return grey[..., None]
    if max(grey.shape) > 224:
        image.thumbnail((224, 224))
        grey = _array(image, 1)[..., 0]
    ink = (grey - _paper(grey)) * (1 if bright else -1)
    full = np.quantile(ink, 0.999)
    if min(grey.shape) < 3 or full < 25:
        raise DataError(f"{path} shows no digit, only paper: write one, dark on light or light on dark.")
    return centred(np.clip((ink / full - 0.2) / 0.6, 0, 1))


def centred(ink: np.ndarray) -> np.ndarray:
    """Ink as MNIST prepares it: fitted into a box of 20 x 20, its centre of mass in the middle of 28 x 28.

    Args:
        ink: float (h, w), 0 for bare paper to 1 for full ink; some of it is ink.

    Returns:
        uint8 (28, 28, 1).

    Source: http://yann.lecun.com/exdb/mnist
    """
    from PIL import Image

    top, bottom, left, right = (*_extent(ink.sum(axis=1)), *_extent(ink.sum(axis=0)))
    ink = ink[top:bottom, left:right]
    height, width = (max(1, round(20 * side / max(ink.shape))) for side in ink.shape)
    fitted = np.asarray(Image.fromarray(ink.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC))
    fitted = np.clip(fitted / fitted.max(), 0, 1)
    top, left = (_start(fitted.sum(axis=1 - axis)) for axis in (0, 1))
    page = np.zeros((28, 28, 1), np.uint8)
    page[top : top + height, left : left + width, 0] = np.rint(255 * fitted)
    return page


def _extent(profile: np.ndarray) -> tuple[int, int]:
    """From where to where there is ink, but for a few thousandths of it: specks."""
    along = np.cumsum(profile) / profile.sum()
    return int(np.searchsorted(along, 0.003)), int(np.searchsorted(along, 0.997)) + 1


def _start(profile: np.ndarray) -> int:
    """Where a row or column of ink starts, so that its centre of mass is in the middle of 28."""
    centre = float((profile * np.arange(len(profile))).sum() / profile.sum())
    return int(np.clip(np.floor(14.0001 - centre), 0, 28 - len(profile)))  # between two places, the later one


def _border(grey: np.ndarray) -> np.ndarray:
    """The outermost pixels, (n,)."""
    return np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])


def _paper(grey: np.ndarray) -> np.ndarray:
    """How bright each place would be without ink, float (h, w): a slope through most of the border."""
    down, across = np.mgrid[-1 : 1 : grey.shape[0] * 1j, -1 : 1 : grey.shape[1] * 1j]
    places = np.stack([_border(np.ones_like(down)), _border(down), _border(across)], axis=1)
    seen = _border(grey).astype(float)
    away = np.abs(seen - np.median(seen))
    for _ in range(3):  # ink at the border, a shadow in a corner: what lies far off the slope doesn't count
        kept = away <= max(2 * np.median(away), 4) + 1e-6  # a rounding decides nothing
        level, slope, tilt = np.linalg.lstsq(places[kept], seen[kept], rcond=None)[0]
        away = np.abs(seen - places @ (level, slope, tilt))
    return level + slope * down + tilt * across


def _opened(found: bytes, name: str, enough: int):
    """An upright Pillow image, whole in memory. A JPEG many times larger than `enough` pixels comes smaller."""
    pillow = _pillow()
    try:
        image = pillow.open(io.BytesIO(found), formats=FORMATS)
    except pillow.DecompressionBombError as error:
        raise DataError(f"{name} has more than {PIXEL_LIMIT:,} pixels: make the picture smaller.") from error
    except Exception as error:  # Pillow lets through what its plugins raise
        if found.startswith(BEGINNINGS):
            raise DataError(f"{name} is truncated or damaged: {AGAIN}") from error
        raise DataError(f"{name} is no picture that can be read: save it as JPEG, PNG, WebP, BMP or GIF.") from error
    if image.width * image.height > PIXEL_LIMIT:
        raise DataError(f"{name} has more than {PIXEL_LIMIT:,} pixels: make the picture smaller.")
    try:
        image.draft(None, (enough, enough))
        image.load()
    except Exception as error:
        raise DataError(f"{name} is truncated or damaged ({_reason(error)}): {AGAIN}") from error
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION))
    except Exception:  # EXIF is often damaged where the picture isn't
        turn = None
    return image.transpose(getattr(pillow.Transpose, turn)) if turn else image


@functools.cache
def _pillow():
    """Pillow's Image with its formats loaded, which is not for threads to do; what it warns of is checked here."""
    from PIL import Image

    Image.init()
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return Image


def _fitted(image, size: int):
    """Scaled so that the shorter side is `size`, and cut to the middle of the longer one."""
    if image.size == (size, size):
        return image
    image, side = _plain(image), min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square.resize((size, size), _pillow().Resampling.BICUBIC, reducing_gap=3)


def _plain(image):
    """In 8 bits of grey or RGB, on white."""
    pillow = _pillow()
    if image.mode.startswith(("I", "F")):  # 16 bits a pixel
        return pillow.fromarray((np.asarray(image, np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return pillow.alpha_composite(pillow.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _array(image, channels: int) -> np.ndarray:
    return np.array(_plain(image).convert("RGB" if channels == 3 else "L")).reshape(*image.size[::-1], channels)


def write(path: str | os.PathLike, picture: np.ndarray) -> None:
    """Write a picture, (h, w, 1 or 3) of 0..255, as the file that its name says: PNG, JPEG, WebP, BMP or GIF.

    What is no whole number is rounded, and what lies beyond black or white cut off.

    Raises:
        DataError: the name ends in none of these, or the file can't be written.
    """
    pillow, path = _pillow(), paths.named(path)
    kind = pillow.registered_extensions().get(path.suffix.lower())
    if kind not in FORMATS:
        raise DataError(f"{path} is no name for a picture: let it end in .png, .jpg, .webp, .bmp or .gif.")
    whole = np.asarray(picture).round().clip(0, 255).astype(np.uint8)
    try:
        with paths.replacing(path) as file:
            pillow.fromarray(whole[..., 0] if whole.shape[-1] == 1 else whole).save(file, kind)
    except OSError as error:
        raise DataError(f"{path} can't be written ({error.strerror or error}): name another file.") from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
