"""Backbones of `keras.applications`, with ImageNet's weights or others: raw pixels in, feature maps out."""

import contextlib
import dataclasses
import hashlib
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from dl100_tf import paths
from dl100_tf.errors import UserError, closest

FAMILIES = {  # by what they expect of a pixel: https://keras.io/api/applications/, `preprocess_input` of each family
    "tf": "InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 NASNetLarge NASNetMobile ResNet101V2 ResNet152V2 "
          "ResNet50V2 Xception",
    "caffe": "ResNet101 ResNet152 ResNet50 VGG16 VGG19",
    "torch": "DenseNet121 DenseNet169 DenseNet201",
    "built in": "ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge EfficientNetB0 EfficientNetB1 "
                "EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6 EfficientNetB7 "
                "EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2L EfficientNetV2M "
                "EfficientNetV2S MobileNetV3Large MobileNetV3Small",
}
READS = {name: mode for mode, names in FAMILIES.items() for name in names.split()}
NAMES = tuple(sorted(READS))

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue, 0..1
BGR_MEAN = (103.939, 116.779, 123.68)  # of its blue, green and red, 0..255, as Caffe's nets subtract it
SUFFIXES = (".h5", ".hdf5", ".keras")


class Offline(UserError):
    """The ImageNet weights are not on this machine, and their server can't be reached."""


def check(name: str) -> str:
    """`name`, if it is a backbone's; else a UserError that names the closest one."""
    if name in READS:
        return name
    raise UserError(f"keras.applications has no backbone {name!r}{closest(name, NAMES)} There are: {', '.join(NAMES)}.")


def load(name: str, size: int, weights: str, seed: int = 0, online: Callable[[str], bool] = lambda url: True):
    """Build a backbone with the preprocessing that it needs inside.

    Args:
        name: one of `NAMES`.
        size: pixels a side.
        weights: `imagenet` (downloaded by Keras into `~/.keras/models`, once), `none` for random ones, a file that
            Keras' `save_weights` wrote for this backbone without its top, or `auto`: `imagenet`, else `none`.
        seed: decides on random weights.
        online: tells whether the server of a URL answers; asked before a download, as that would wait for minutes.

    Returns:
        `keras.Model`, one flat graph, from `image`, float32 (n, size, size, 3), 0..255 red, green, blue, to feature
        maps, float32 (n, rows, columns, channels); and what its weights are, `weights` but for `auto`.

    Raises:
        Offline: `imagenet` is asked for, isn't there, and can't be downloaded.
        UserError: the file is missing, damaged or another net's, or the backbone can't read pictures of this size.
    """
    if weights == "auto":
        try:
            return load(name, size, "imagenet", seed, online)
        except Offline as offline:
            warnings.warn(f"RANDOM WEIGHTS, so nothing is transferred and little will be learnt: {offline}",
                          stacklevel=2)
            return load(name, size, "none", seed, online)
    with _explained(check(name), size, weights):
        model = _random(name, size, seed) if weights == "none" else _pretrained(name, size, weights, online)
    return model, weights


def of_run(run, config, pictures, online: Callable[[str], bool]):
    """The backbone of a run: whatever weights the run was begun with stay its own.

    `auto` means random weights for pictures that the package drew, as no net that knows photos knows them any better.

    Args:
        run: the `Run`.
        config: has `backbone`, `size`, `weights` and `seed`.
        pictures: the `Splits`, to settle random weights by.
        online: see `load`.

    Returns:
        As `load`.

    Raises:
        UserError: as `load`; or a file's content has changed since the run was begun.
    """
    run.pin_source(dataclasses.asdict(pictures.source))  # before anything is trained in a part of the run
    known = run.record().get("weights", {})
    weights = config.weights  # a file may have moved: its content is what counts
    if weights == "auto":
        weights = known.get("from", "none" if pictures.source.is_sample else "auto")
    model, weights = load(config.backbone, config.size, weights, config.seed, online)
    if weights == "none":
        settle(model, pictures.train.x[:32])
    run.pin("weights", "random" if weights == "none" else digest(model), weights)
    return model, weights


def settle(model, pictures) -> None:
    """Fit a random backbone's batch normalisation to pictures: else each of fifty layers makes the numbers smaller.

    Args:
        model: from `load`, with weights `none`.
        pictures: (n, h, w, 3), a few dozen; of another size than the model takes they are resized.
    """
    from keras.ops import image

    momenta = [norm.momentum for norm in _norms(model)]
    for norm in _norms(model):
        norm.momentum = 0.0
    model(image.resize(pictures.astype("float32"), model.input_shape[1:3]), training=True)
    for norm, momentum in zip(_norms(model), momenta, strict=True):
        norm.momentum = momentum


def preprocessed(image, mode: str):
    """`image` as a backbone expects it, by Keras' own layers, which stay part of the model.

    Args:
        image: Keras tensor, 0..255 red, green, blue.
        mode: `tf` (-1..1), `torch` (standardised), `caffe` (blue, green, red, centred), or `built in` (as it comes).
    """
    import keras
    from keras import layers

    if mode == "tf":
        return layers.Rescaling(1 / 127.5, offset=-1, name="to_backbone")(image)
    if mode == "torch":
        mean, variance = [255 * m for m in MEAN], [(255 * d) ** 2 for d in DEVIATION]
        return layers.Normalization(mean=mean, variance=variance, name="to_backbone")(image)
    if mode == "caffe":
        bgr = keras.ops.flip(image, axis=-1)
        return layers.Normalization(mean=BGR_MEAN, variance=(1, 1, 1), name="to_backbone")(bgr)
    return image


def digest(model) -> str:
    """SHA-256 (hex) of all weights of a model."""
    state = hashlib.sha256()
    for array in model.get_weights():
        state.update(f"{array.dtype}{array.shape}".encode())
        state.update(array.tobytes())
    return state.hexdigest()


def _random(name: str, size: int, seed: int):
    import keras

    keras.utils.set_random_seed(seed)  # whatever was built before
    model = _built(name, size, None)
    for norm in _norms(model):
        norm.momentum = 0.9  # MobileNetV2's 0.999 would take thousands of steps to forget its first guess
    return model


def _norms(model) -> list:
    import keras

    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def _pretrained(name: str, size: int, weights: str, online):
    """The net is always built as for ImageNet's weights, whatever the file: EfficientNetB0 to B7 then have a layer more
    (https://github.com/tensorflow/tensorflow/issues/49930)."""
    import numpy as np

    with _fetching(name, None if weights == "imagenet" else _readable(weights), online), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`input_shape` is undefined or non-square")  # without a top any size will do
        warnings.filterwarnings("error", "Skipping nested container")  # Keras would leave these layers as they are
        model = _built(name, size, "imagenet")
    if not all(np.isfinite(array).all() for array in model.get_weights()):
        raise UserError(f"the weights {weights} hold NaN or infinite values: the file is damaged. Get it again.")
    return model


def _built(name: str, size: int, weights: str | None):
    import keras

    image = keras.Input((size, size, 3), dtype="float32", name="image")
    model = getattr(keras.applications, name)(include_top=False, weights=weights, input_shape=(size, size, 3),
                                              input_tensor=preprocessed(image, READS[name]))
    return keras.Model(image, model.outputs[0], name=model.name)


def _readable(weights: str) -> str:
    """`weights` as a path that Keras can tell the format of."""
    import h5py

    file = paths.named(weights)
    if not file.is_file():
        raise UserError(f"there is no weights file {file}: correct --weights, or use --weights imagenet or none.")
    if file.suffix not in SUFFIXES:
        raise UserError(f"{file} can't be a weights file of Keras: its name has to end in .weights.h5 or .h5.")
    if file.suffix != ".keras":
        h5py.File(file, "r").close()  # a damaged file is told before the net is built
    return str(file)


@contextlib.contextmanager
def _fetching(name: str, file: str | None, online) -> Iterator[None]:
    """Let a constructor with `weights="imagenet"` read `file`; without one, let it ask `online` before a download."""
    from keras.src.utils import file_utils as library  # whose functions all constructors call

    def download(url, target, *progress):
        if not online(url):
            raise Offline(f"the ImageNet weights of {name} are not on this machine, and {url.split('/')[2]} "
                          "can't be reached: connect to the network, or name a file with --weights FILE.")
        part = f"{target}.part{os.getpid()}"
        try:
            retrieve(url, part, *progress)
        except Exception as error:
            Path(part).unlink(missing_ok=True)
            raise Offline(f"{url} broke off ({_first_line(error)}): run the same command again.") from error
        os.replace(part, target)  # so that a kill leaves no half of a file behind, which Keras would trust

    replaced, retrieve = "get_file" if file else "urlretrieve", library.urlretrieve
    before = getattr(library, replaced)
    setattr(library, replaced, (lambda *_, **__: file) if file else download)
    try:
        yield
    finally:
        setattr(library, replaced, before)


@contextlib.contextmanager
def _explained(name: str, size: int, weights: str) -> Iterator[None]:
    """Turn what Keras and HDF5 raise over a backbone into one line."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"the weights of {name} ({weights}) can't be read ({_first_line(error)}): the file is damaged "
                        "or not HDF5. Get it again.") from error
    except Exception as error:  # Keras has bare Exceptions and half a dozen others, for a size as for a file
        if weights == "none" or "nput size" in str(error) or "input_shape" in str(error):
            raise UserError(f"{name} can't read pictures of --size {size} ({_first_line(error)}).") from error
        raise UserError(f"the weights {weights} don't fit {name}: they have to be of this backbone, without its "
                        "top.") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
