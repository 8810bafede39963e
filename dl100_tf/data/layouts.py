"""Photos on the disk, a folder for each class, as people lay them out and download them."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from dl100_tf.errors import DataError
from dl100_tf.paths import shown

SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif"}
UNREADABLE = {".heic", ".heif", ".avif", ".tif", ".tiff", ".svg", ".psd"}  # pictures too, but not for us
PARTS = {"train": ("train", "training"), "validation": ("val", "valid", "validation"), "test": ("test", "testing")}
SYSTEM = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found")  # beside whatever begins with a dot
WORDNET = re.compile(r"n\d{8}-(.+)")  # ImageNet's folders: n02085620-Chihuahua


@dataclass(frozen=True)
class Photo:
    """A picture file that has not been read yet.

    Attributes:
        name: its class folder and what follows, e.g. `cat/1.jpg`; the same on every machine.
        label: the name of its class folder.
        stamp: changes when the file does.
        path: where it is; None where `content` is the file.
    """

    name: str
    label: str
    stamp: str
    path: Path | None = None
    content: bytes | None = field(default=None, repr=False)

    def __str__(self):
        return shown(self.path or self.name)


@dataclass
class Layout:
    """The photos of a folder, those of a part that isn't there None, and what was noticed on the way."""

    train: list[Photo]
    validation: list[Photo] | None = None
    test: list[Photo] | None = None
    remarks: list[str] = field(default_factory=list)


def lay_out(root: Path) -> Layout:
    """Find the photos in `root`: class folders, or train/, val/, test/ with class folders, or Stanford Dogs' Images/.

    val/ without test/ is the test. Photos may be in folders inside their class folder. Left out are files that are
    no pictures, hidden ones, and links that lead back up.

    Raises:
        DataError: there are no class folders with pictures, or a list of Stanford Dogs names a missing photo.
    """
    if not root.is_dir():
        raise DataError(f"{root} is no folder: unpack it, or name a folder that holds one folder for each class.")
    remarks: list[str] = []
    images = next((folder for folder in _folders(root) if folder.name.lower() == "images"), None)
    if images is not None and any(map(_holds_photos, _folders(images))):
        return _listed(root, Layout(_photos(images, remarks), remarks=remarks))
    parts = _parts(root)
    if not parts:
        return Layout(_photos(root, remarks), remarks=remarks)
    if "train" not in parts:
        raise DataError(f"{root} holds {' and '.join(folder.name for folder in parts.values())} but no train: name the "
                        "folder that holds them all.")
    return Layout(**_tested({part: _photos(folder, remarks) for part, folder in parts.items()}), remarks=remarks)


def lay_any(root: Path) -> Layout:
    """The photos of class folders, as `lay_out` finds them; without two of them all below `root`, as of one class.

    A folder train/ beside a test/ or a val/ is no class, whatever is in it.

    Raises:
        DataError: there are none, or there is no such folder.
    """
    if not root.is_dir() or not _holds_photos(root):
        raise DataError(f"{root} is no folder that holds pictures: put JPEG, PNG or WebP files there, or name another.")
    parts = _plain_parts(root)
    inside = _folders(parts.get("train", root))
    if any(map(_holds_photos, inside)):
        layout = lay_out(root)
        if len({photo.label for photo in layout.train}) > 1:
            return layout
    return Layout(**_tested({part: [
        replace(_photo(file, root), label=root.name) for file in _files(folder) if file.suffix.lower() in SUFFIXES]
        for part, folder in (parts or {"train": root}).items()}))


def _tested(photos: dict[str, list[Photo]]) -> dict[str, list[Photo]]:
    """The photos by part; those for validation are the test where there is no other."""
    return photos if "test" in photos or "validation" not in photos else {
        "test" if part == "validation" else part: found for part, found in photos.items()}


def _plain_parts(root: Path) -> dict[str, Path]:
    """Folders for train and for test or validation that hold pictures, in classes or not; {} without both."""
    found = {part: folder for folder in _folders(root) for part, names in PARTS.items()
             if folder.name.lower() in names and _holds_photos(folder)}
    return found if "train" in found and len(found) > 1 else {}


def titles(labels: list[str]) -> tuple[str, ...]:
    """The names of classes for a person: `Chihuahua` for `n02085620-Chihuahua`, others as they are."""
    plain = [WORDNET.fullmatch(label) for label in labels]
    short = tuple(match[1].replace("_", " ") for match in plain if match)
    return short if len(set(short)) == len(labels) else tuple(labels)


def _parts(root: Path) -> dict[str, Path]:
    """The folders for train, validation and test; one with pictures right inside is a class, as of vehicles."""
    parts = {}
    for folder in _folders(root):
        part = next((part for part, names in PARTS.items() if folder.name.lower() in names), None)
        if part and any(map(_holds_photos, _folders(folder))):
            if part in parts:
                raise DataError(f"{root} holds both {parts[part].name} and {folder.name}: make one of them.")
            parts[part] = folder
    return parts


def _folders(folder: Path) -> list[Path]:
    """The folders in it that are meant for people, sorted."""
    try:
        found = sorted(entry for entry in folder.iterdir() if _visible(entry.name) and entry.is_dir())
    except OSError as error:
        raise DataError(f"{folder} can't be read ({error.strerror}): make it readable.") from error
    return [entry for entry in found if not folder.resolve().is_relative_to(entry.resolve())]


def _visible(name: str) -> bool:
    return not name.startswith(".") and name not in SYSTEM


def _holds_photos(folder: Path) -> bool:
    return any(file.suffix.lower() in SUFFIXES for file in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    """Every visible file below the folder, sorted; links to folders aren't followed, as they can go round."""
    def fail(error: OSError):
        raise DataError(f"{error.filename} can't be read ({error.strerror}): make it readable.") from error

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(filter(_visible, folders))
        yield from (Path(place, name) for name in sorted(filter(_visible, names)))


def _photos(folder: Path, remarks: list[str]) -> list[Photo]:
    """The photos in the class folders of `folder`."""
    photos = []
    for place in _folders(folder):
        found = [file for file in _files(place) if file.suffix.lower() in SUFFIXES]
        others = [file for file in _files(place) if file.suffix.lower() in UNREADABLE]
        if others:
            more = f" and {len(others) - 1} more like it" if len(others) > 1 else ""
            remarks.append(f"{shown(others[0])}{more} can't be read here: save as JPEG.")
        if not found:
            remarks.append(f"{shown(place)} holds no pictures and is left out.")
        photos += [_photo(file, place) for file in found]
    if not photos:
        raise DataError(f"{folder} holds no class folders with pictures: make a folder for each class, put its JPEG, "
                        "PNG or WebP files there, and name the folder around them.")
    return photos


def _photo(file: Path, place: Path) -> Photo:
    """macOS writes an ü as two characters: names are compared as one everywhere."""
    name, label = (unicodedata.normalize("NFC", shown(text)) for text in (
        f"{place.name}/{file.relative_to(place).as_posix()}", place.name))
    try:
        stat = file.stat()
        stamp = f"{stat.st_size} {stat.st_mtime_ns} {os.access(file, os.R_OK)}"
    except OSError:  # a link to nowhere: whoever reads it will say so
        stamp = "missing"
    return Photo(name, label, stamp, file)


def _listed(root: Path, layout: Layout) -> Layout:
    """Stanford Dogs as published: train_list.mat and test_list.mat part its photos, where they are there."""
    files = {part: next((file for file in (root / "lists" / f"{part}_list.mat", root / f"{part}_list.mat")
                         if file.is_file()), None) for part in ("train", "test")}
    if None in files.values():
        return layout
    by_name = {photo.name: photo for photo in layout.train}
    parts = {}
    for part, file in files.items():
        names = _names(file)
        missing = [name for name in names if name not in by_name]
        if missing:
            raise DataError(f"{root} is incomplete: {len(missing)} of the photos in {file.name} are missing, "
                            f"{missing[0]} among them: unpack images.tar again, or remove the lists.")
        parts[part] = [by_name[name] for name in names]
    spare = len(by_name) - len({photo.name for photos in parts.values() for photo in photos})
    if spare:
        layout.remarks.append(f"{root} holds {spare} photos that no list names: they are left out.")
    return Layout(**parts, remarks=layout.remarks)


def _names(file: Path) -> list[str]:
    from scipy.io import loadmat  # scikit-learn needs SciPy, so it's there

    try:
        return [str(name) for name in loadmat(file, squeeze_me=True)["file_list"].ravel()]
    except Exception as error:  # a damaged file fails in many ways
        raise DataError(f"{file} is damaged ({type(error).__name__}): unpack lists.tar again, or remove it.") from error


def order(photos: list[Photo]) -> list[Photo]:
    """The photos in the order of their names' SHA-256: the same everywhere, and with the labels mixed."""
    return sorted(photos, key=lambda photo: hashlib.sha256(photo.name.encode()).digest())
