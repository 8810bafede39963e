import io
import os
import tarfile
import zlib

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from dl100_tf.data import cache, folders, images, layouts, sources
from dl100_tf.errors import DataError, UserError

COLOURS = {"cat": (200, 40, 30), "dog": (30, 180, 60), "my fox ü": (40, 60, 210)}


def photo(path, colour, kind="JPEG", mode="RGB", size=(40, 30), **options):
    """A picture of about one colour, different for each path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grain = np.random.default_rng(zlib.crc32(str(path.name).encode())).integers(-8, 9, (size[1], size[0], 3))
    picture = Image.fromarray(np.clip(np.array(colour) + grain, 0, 255).astype(np.uint8))
    if mode == "RGBA":
        picture.putalpha(Image.new("L", size, 255))
    picture.convert(mode).save(path, kind, **options)


@pytest.fixture
def root(tmp_path):
    """A folder of three unequal classes, and in it everything that people's folders hold."""
    folder = tmp_path / "photos"
    for (label, colour), count in zip(COLOURS.items(), (12, 7, 5), strict=True):
        for index in range(count):
            photo(folder / label / f"{index}.jpg", colour, size=(40 + index, 60 - 2 * index))
    turned = Image.Exif()
    turned[0x0112] = 6
    red = COLOURS["cat"]
    photo(folder / "cat" / "alpha.png", red, "PNG", "RGBA")
    photo(folder / "cat" / "palette.gif", red, "GIF", "P")
    photo(folder / "cat" / "print.jpg", red, "JPEG", "CMYK")
    photo(folder / "cat" / "turned.jpg", red, exif=turned)
    photo(folder / "cat" / "tiny.png", red, "PNG", size=(1, 1))
    photo(folder / "cat" / "large.jpg", red, size=(2000, 900))
    photo(folder / "cat" / "in" / "side.webp", red, "WEBP")
    photo(folder / "dog" / "grey.png", COLOURS["dog"], "PNG", "L")
    (folder / "dog" / "Thumbs.db").write_bytes(b"x")
    (folder / "dog" / ".DS_Store").write_bytes(b"x")
    (folder / "notes.txt").write_text("mine")
    return folder


@pytest.fixture
def corrupt(root):
    path = root / "dog" / "3.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    return path


def load(root, **options):
    return folders.load("local", root, size=24, **options)


def everything(splits):
    return {name: (split.x.tolist(), split.y.tolist()) for name, split in splits.parts().items()}


def counts(splits):
    return [len(split) for split in splits.parts().values()]


def test_a_folder_with_everything_in_it(root, corrupt, capsys):
    splits = load(root, validation=0.2)
    assert sum(counts(splits)) == 31 and counts(splits) == [19, 5, 7]
    assert splits.labels == ("cat", "dog", "my fox ü")
    for split in splits.parts().values():
        assert split.x.dtype == np.uint8 and split.x.shape[1:] == (24, 24, 3) and split.y.dtype == np.int32
        assert set(split.y) == {0, 1, 2}
        for picture, label in zip(split.x, split.y, strict=True):
            mean = picture.mean((0, 1))
            grey = np.ptp(mean) < 3
            assert grey or np.abs(mean - list(COLOURS.values())[label]).max() < 12
    assert splits.source.where == "24 + 7 photos of 3 classes from …/photos, 1 file skipped"
    assert splits.source.rung == "local" and splits.source.note == ""
    warning, said = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: ") and str(corrupt) in warning and "truncated or damaged" in warning
    assert said == f"data    local: {splits.source.where}"


def test_the_cache_gives_the_same_and_warns_again(root, corrupt, home, monkeypatch, capsys):
    first = load(root)
    monkeypatch.setattr(images, "decode", lambda *_: pytest.fail("it's cached"))
    monkeypatch.setattr(cache, "IN_MEMORY", 0)
    second = load(root)
    assert everything(first) == everything(second) and first.source == second.source
    assert capsys.readouterr().err.count(str(corrupt)) == 2
    assert all(type(split.x) is np.memmap for split in second.parts().values())
    assert len(list((home / "cache" / "photos").glob("*.rows"))) == 1


def test_strict_refuses_what_it_would_skip(root, corrupt, home):
    for _ in range(2):  # with a cold cache, and with one that was filled without it
        with pytest.raises(DataError, match="truncated or damaged") as caught:
            load(root, strict=True)
        assert str(corrupt) in str(caught.value)
        load(root)
    corrupt.unlink()
    assert load(root, strict=True).source.where.endswith("…/photos")
    (root / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        load(root, strict=True)


def test_the_seed_and_the_names_decide(root, tmp_path):
    first, again, other = (load(root, seed=seed) for seed in (0, 0, 1))
    assert everything(first) == everything(again) != everything(other)
    assert first.source.digest == other.source.digest
    for path in root.rglob("*.jpg"):  # another machine, another time
        os.utime(path, (1, 1))
    root.rename(tmp_path / "elsewhere")
    assert everything(load(tmp_path / "elsewhere")) == everything(first)
    assert np.count_nonzero(np.diff(first.train.y)) > 3  # labels are mixed


def test_the_cache_and_the_digest_notice_a_changed_photo(root):
    before = load(root)
    photo(root / "cat" / "3.jpg", (1, 2, 3))
    after = load(root)
    assert after.source.digest != before.source.digest and everything(after) != everything(before)


def test_val_without_test_is_the_test(root, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    root.rename(whole / "train")
    for label, colour in COLOURS.items():
        photo(whole / "val" / label / "own.jpg", colour)
    splits = load(whole, validation=0.2)
    assert counts(splits)[2] == 3 and sum(counts(splits)) == 35 and set(splits.validation.y) == {0, 1, 2}
    for label, colour in COLOURS.items():
        photo(whole / "test" / label / "other.jpg", colour)
    splits = load(whole)
    assert counts(splits) == [32, 3, 3]
    (whole / "test" / "dog").rename(whole / "test" / "god")
    with pytest.raises(DataError, match="'dog' in one of train and test only"):
        load(whole)


def test_copies_are_left_out_and_never_both_learned_and_tested(root, tmp_path):
    before = load(root)
    content = (root / "cat" / "5.jpg").read_bytes()
    for index in range(6):
        (root / "cat" / f"copy {index}.jpg").write_bytes(content)
    splits = load(root)
    assert sum(counts(splits)) == sum(counts(before)) and splits.source.where.endswith("…/photos, 6 copies left out")
    assert splits.source.digest == before.source.digest
    rows = [picture.tobytes() for split in splits.parts().values() for picture in split.x]
    assert len(rows) == len(set(rows))


def test_one_photo_under_two_classes_is_told(root, capsys):
    (root / "dog" / "liar.jpg").write_bytes((root / "cat" / "5.jpg").read_bytes())
    splits = load(root)
    assert sum(counts(splits)) == 32 and "1 file skipped" in splits.source.where
    warning = capsys.readouterr().err.splitlines()[0]
    assert "liar.jpg" in warning and "5.jpg" in warning and "of another class" in warning
    with pytest.raises(DataError, match="of another class"):
        load(root, strict=True)


def test_many_skipped_files_are_counted(root, capsys):
    for index in range(9):
        (root / "cat" / f"bad {index}.jpg").write_bytes(b"")
    assert "9 files skipped" in load(root).source.where
    err = capsys.readouterr().err
    assert err.count("is empty") == folders.TOLD and "4 more files are skipped" in err


@pytest.mark.parametrize("count", [1, 2])
def test_a_class_too_small_to_part(root, count):
    for index in range(count):
        photo(root / "rare" / f"{index}.jpg", (9, 9, 9))
    with pytest.raises(DataError, match=f"holds {count} photos? of 'rare'") as caught:
        load(root)
    assert str(root) in str(caught.value)
    photo(root / "rare" / "9.jpg", (9, 9, 9))
    if count == 2:
        assert [int((split.y == 3).sum()) for split in load(root).parts().values()] == [1, 1, 1]


def test_a_class_whose_files_are_all_damaged(root):
    for path in (root / "my fox ü").iterdir():
        path.write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"no photo of 'my fox ü' is left for test: .* is no picture"):
        load(root)


def test_one_class_is_not_enough(tmp_path):
    photo(tmp_path / "photos" / "cat" / "1.jpg", (1, 2, 3))
    with pytest.raises(DataError, match=r"photos of one class, 'cat'"):
        load(tmp_path / "photos")


def test_where_the_folder_is_looked_for(root, tmp_path, monkeypatch):
    monkeypatch.setenv("DL100_DATA", str(tmp_path))
    with pytest.raises(DataError, match="stanford_dogs, dogs10, and found none"):
        load(None)
    root.rename(tmp_path / "dogs10")
    assert load(None).source.where.endswith("…/dogs10")
    assert load(tmp_path).source.where.endswith("…/dogs10")
    with pytest.raises(UserError, match="doesn't exist"):
        load(tmp_path / "typo")
    with pytest.raises(DataError, match="no class folders"):
        (tmp_path / "empty").mkdir()
        folders.load("auto", tmp_path / "empty")


@pytest.mark.parametrize("options, message", [({"validation": 0}, "between 0 and 1"), ({"size": 0}, "the size is 0")])
def test_bad_settings(root, options, message):
    with pytest.raises(UserError, match=message):
        folders.load("local", root, **options)


def test_the_sample(monkeypatch, capsys):
    def nothing(*_):
        raise sources.Absent("TensorFlow Datasets: no network.")
    monkeypatch.setattr(sources, "prepared", nothing)
    splits = folders.load(size=48)
    assert counts(splits) == [144, 16, 60] and splits.train.x.shape[1:] == (48, 48, 3) and len(splits.labels) == 4
    assert splits.source.is_sample and "means nothing outside it" in splits.source.note
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "SAMPLE DATA!" in err and "--data-dir" in err


def test_tfds_gives_the_same_dogs_as_their_folder(tmp_path, monkeypatch):
    """TFDS' own builder prepares the archives; only the download is replaced."""
    tfds = pytest.importorskip("tensorflow_datasets")
    root = tmp_path / "stanford_dogs"
    breeds = [f"n{2085000 + number:08}-Breed_{number}" for number in range(120)]  # the builder counts them
    names = {part: [f"{breed}/{breed[:9]}_{part}{index}.jpg" for breed in breeds for index in range(count)]
             for part, count in (("train", 2), ("test", 1))}
    (root / "lists").mkdir(parents=True)
    for number, name in enumerate(name for listed in names.values() for name in listed):
        photo(root / "Images" / name, (number % 256, 90, 160), size=(30, 20))
        path = (tmp_path / "Annotation" / name).with_suffix("")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<a><width>30</width><height>20</height><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>"
                        "<ymax>9</ymax></a>")
    for part, listed in names.items():
        cells = np.empty((len(listed), 1), object)
        cells[:, 0] = [np.array([name]) for name in listed]
        savemat(root / "lists" / f"{part}_list.mat", {"file_list": cells})
    with tarfile.open(tmp_path / "images.tar", "w") as tar:
        tar.add(root / "Images", "Images")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    manager = tfds.download.DownloadManager
    monkeypatch.setattr(manager, "download", lambda self, url: tmp_path / "images.tar")
    monkeypatch.setattr(manager, "download_and_extract", lambda self, urls: [
        str(root / "lists"), str(tmp_path / "Annotation")])
    monkeypatch.setattr(sources, "reachable", lambda url: url == folders.URL)
    found, local = folders.load("tfds", size=24), folders.load("local", tmp_path, size=24)
    assert everything(found) == everything(local) and found.source.digest == local.source.digest
    assert found.labels == local.labels and found.labels[7] == "Breed 7"
    assert found.source.describe() == "tfds: 240 + 120 photos of 120 classes from stanford_dogs"
    assert counts(found) == [120, 120, 120]


def test_photos_of_tfds_may_be_bytes():
    stream = io.BytesIO()
    Image.new("RGB", (30, 30), (9, 9, 9)).save(stream, "PNG")
    photo_ = layouts.Photo("cat/1.png", "cat", "stamp", content=stream.getvalue())
    [(part, same, _, pixels)] = folders._read_all({"test": [], "validation": [], "train": [photo_]}, 16)
    assert part == "train" and same is photo_ and pixels.shape == (16, 16, 3)


def test_the_real_dogs(real_data):
    splits = folders.load("local", real_data, size=64, places=("dogs10",))
    assert counts(splits) == [1350, 150, 500] and "Samoyed" in splits.labels
    assert np.bincount(splits.test.y).tolist() == [50] * 10
    assert splits.source.where == "1 500 + 500 photos of 10 classes from …/dogs10"


def test_names_that_are_not_utf_8_are_read_and_shown_escaped(root, capsys):
    odd = os.fsencode(root) + b"/caf\xe9"
    os.mkdir(odd)
    for number in range(5):
        photo(root / "cat" / "spare.jpg", (120, 120, 10 * number))
        os.rename(root / "cat" / "spare.jpg", odd + b"/th\xe9 %d.jpg" % number)
    with open(odd + b"/br\xfcche.jpg", "wb") as file:
        file.write(b"\xff\xd8\xff nothing")
    splits = load(root)
    assert "caf\\xe9" in splits.labels and "caf\\xe9/br\\xfcche.jpg" in capsys.readouterr().err
    assert load(root).source.digest == splits.source.digest


def test_a_photo_that_is_made_readable_is_read(root, monkeypatch):
    path, access = root / "dog" / "3.jpg", os.access
    monkeypatch.setattr(os, "access", lambda file, mode: file != path and access(file, mode))
    monkeypatch.setattr(images, "content", lambda file, content=images.content: (
        content(file) if os.access(file, os.R_OK) else content(file.parent)))
    assert "1 file skipped" in load(root).source.where
    monkeypatch.setattr(os, "access", access)
    assert "skipped" not in load(root).source.where


def test_a_name_that_is_too_long_is_one_line(tmp_path):
    with pytest.raises(DataError, match="can't be read"):
        images.read(tmp_path / ("x" * 5000), 24)
    with pytest.raises(UserError, match="doesn't exist, or lies where you may not look"):
        folders.load("local", tmp_path / ("x" * 5000), size=24)


class TestAnyFolder:
    """Pictures for a net that makes more like them."""

    def test_class_folders_are_classes(self, root):
        data = folders.load_any(root, 28)
        assert data.labels == tuple(sorted(COLOURS)) and data.train.x.shape[1:] == (28, 28, 3)

    def test_without_class_folders_all_are_of_one_kind(self, tmp_path):
        for index in range(20):
            photo(tmp_path / "mine" / ("in" if index % 2 else "") / f"{index}.jpg", (200, 40, 30))
        data = folders.load_any(tmp_path / "mine", 32)
        assert data.labels == ("mine",) and sum(map(len, data.parts().values())) == 20
        assert len(data.test) == 4 and data.train.x.shape[1:] == (32, 32, 3) and data.source.rung == "local"

    def test_grey_ones_have_one_channel_and_a_single_spot_of_colour_keeps_all_three(self, tmp_path):
        for index in range(12):
            photo(tmp_path / "mine" / f"{index}.png", (90 + index, 40, 30), "PNG", "L")
        assert folders.load_any(tmp_path / "mine", 28).train.x.shape[1:] == (28, 28, 1)
        photo(tmp_path / "mine" / "red.png", (200, 40, 30), "PNG")
        assert folders.load_any(tmp_path / "mine", 28).train.x.shape[1:] == (28, 28, 3)

    @pytest.mark.parametrize("inside, others", [("", "test"), ("cats", "test"), ("", "val")])
    def test_a_part_is_no_class(self, tmp_path, inside, others):
        for index in range(9):
            photo(tmp_path / "mine/train" / inside / f"{index}.jpg", (200, 10 * index, 30))
            photo(tmp_path / "mine" / others / inside / f"{index}.jpg", (20, 10 * index, 30))
        data = folders.load_any(tmp_path / "mine", 28)
        assert data.labels == ("mine",) and (data.test.x[..., 0] < 90).all() and (data.train.x[..., 0] > 120).all()

    def test_a_single_picture_to_compare_with_is_too_few(self, tmp_path):
        for index in range(4):
            photo(tmp_path / "mine" / f"{index}.jpg", (200, 10 * index, 30))
        with pytest.raises(DataError, match="mine leaves 1 picture to compare with"):
            folders.load_any(tmp_path / "mine", 28)

    def test_what_holds_no_pictures_is_named(self, tmp_path):
        (tmp_path / "empty").mkdir()
        for place in ("empty", "nowhere"):
            with pytest.raises(DataError, match=f"{place} is no folder that holds pictures"):
                folders.load_any(tmp_path / place, 28)
        photo(tmp_path / "one" / "only.jpg", (1, 2, 3))
        with pytest.raises(DataError, match="holds 1 photo of 'one' to learn from, and 3 are the least"):
            folders.load_any(tmp_path / "one", 28)
