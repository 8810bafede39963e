import numpy as np
import pytest

from dl100_tf.data import layouts
from dl100_tf.errors import DataError


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "my photos"
    folder.mkdir()
    return folder


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not read here")


def names(photos):
    return sorted(photo.name for photo in photos)


def test_class_folders(root):
    put(root, "cat/1.jpg", "cat/2.JPEG", "dog ü/a b.png", "dog ü/nested/deep/c.webp")
    layout = layouts.lay_out(root)
    assert names(layout.train) == ["cat/1.jpg", "cat/2.JPEG", "dog ü/a b.png", "dog ü/nested/deep/c.webp"]
    assert {photo.label for photo in layout.train} == {"cat", "dog ü"}
    assert layout.test is layout.validation is None and layout.remarks == []
    assert all(photo.path.is_file() and photo.stamp.startswith("13 ") for photo in layout.train)


def test_what_is_no_photo_is_left_out(root):
    put(root, "cat/1.jpg", "dog/1.jpg", "cat/Thumbs.db", "cat/.DS_Store", "cat/._1.jpg", "cat/.hidden/2.jpg",
        "cat/notes.txt", "cat/jpg", "__MACOSX/cat/1.jpg", ".git/1.jpg", "readme.md", "loose.jpg", "cat/__MACOSX/1.jpg")
    assert names(layouts.lay_out(root).train) == ["cat/1.jpg", "dog/1.jpg"]


def test_what_cannot_be_read_and_empty_folders_are_told(root):
    put(root, "cat/1.jpg", "cat/2.heic", "cat/3.tif", "dog/1.jpg")
    (root / "empty").mkdir()
    (root / "texts").mkdir()
    put(root, "texts/a.txt")
    remarks = layouts.lay_out(root).remarks
    assert len(remarks) == 3 and str(root / "cat" / "2.heic") in remarks[0] and "1 more" in remarks[0]
    assert remarks[1] == f"{root / 'empty'} holds no pictures and is left out."


def test_links_are_followed_but_not_in_circles(root, tmp_path):
    put(tmp_path, "elsewhere/dog/1.jpg", "elsewhere/2.jpg")
    put(root, "cat/1.jpg")
    (root / "dog").symlink_to(tmp_path / "elsewhere" / "dog")
    (root / "cat" / "2.jpg").symlink_to(tmp_path / "elsewhere" / "2.jpg")
    (root / "cat" / "gone.jpg").symlink_to("nowhere")
    (root / "up").symlink_to(root)
    (root / "further").symlink_to(tmp_path)
    (root / "cat" / "round").symlink_to(root)
    (root / "self").symlink_to("self")
    layout = layouts.lay_out(root)
    assert names(layout.train) == ["cat/1.jpg", "cat/2.jpg", "cat/gone.jpg", "dog/1.jpg"]
    assert {photo.name: photo.stamp for photo in layout.train}["cat/gone.jpg"] == "missing"


@pytest.mark.parametrize("folders, test, validation", [
    (("train", "val", "test"), "test", "val"), (("train", "test"), "test", None), (("train", "val"), "val", None),
    (("Train", "Valid"), "Valid", None), (("training", "validation", "testing"), "testing", "validation"),
    (("train",), None, None)])
def test_parts(root, folders, test, validation):
    put(root, *(f"{folder}/{label}/{folder}.jpg" for folder in folders for label in ("cat", "dog")))
    layout = layouts.lay_out(root)
    assert names(layout.train) == [f"cat/{folders[0]}.jpg", f"dog/{folders[0]}.jpg"]
    for found, folder in ((layout.test, test), (layout.validation, validation)):
        assert found is None if folder is None else names(found) == [f"cat/{folder}.jpg", f"dog/{folder}.jpg"]


def test_a_class_may_be_called_train(root):
    put(root, "train/1.jpg", "bus/1.jpg")
    assert names(layouts.lay_out(root).train) == ["bus/1.jpg", "train/1.jpg"]


@pytest.mark.parametrize("files, message", [
    ((), "no class folders with pictures"), (("a.jpg",), "no class folders with pictures"),
    (("cat/a.txt",), "no class folders with pictures"), (("test/cat/1.jpg",), "holds test but no train"),
    (("train/cat/1.jpg", "val/cat/1.jpg", "valid/cat/1.jpg"), "both val and valid")])
def test_folders_that_make_no_sense(root, files, message):
    put(root, *files)
    with pytest.raises(DataError, match=message) as caught:
        layouts.lay_out(root)
    assert str(root) in str(caught.value)


def test_a_file_is_no_folder(tmp_path):
    put(tmp_path, "photos.zip")
    with pytest.raises(DataError, match="is no folder: unpack it"):
        layouts.lay_out(tmp_path / "photos.zip")


DOGS = [f"n0208562{number}-{name}/n0208562{number}_{photo}.jpg"
        for number, name in enumerate(("Chihuahua", "Japanese_spaniel")) for photo in range(4)]


def lists(folder, train, test):
    from scipy.io import savemat

    folder.mkdir(exist_ok=True)
    for part, listed in (("train", train), ("test", test)):
        cells = np.empty((len(listed), 1), object)  # as the authors' MATLAB wrote them
        cells[:, 0] = [np.array([name]) for name in listed]
        savemat(folder / f"{part}_list.mat", {"file_list": cells, "labels": np.ones((len(listed), 1))})


@pytest.mark.parametrize("place", ["lists", "."])
def test_stanford_dogs_as_published(root, place):
    put(root, *(f"Images/{name}" for name in DOGS))
    train, test = DOGS[:2] + DOGS[4:7], DOGS[2:3] + DOGS[7:]
    lists(root / place, train, test)
    layout = layouts.lay_out(root)
    assert names(layout.train) == sorted(train) and names(layout.test) == sorted(test) and layout.validation is None
    assert layout.remarks == [f"{root} holds 1 photos that no list names: they are left out."]


def test_stanford_dogs_without_its_lists(root):
    put(root, *(f"Images/{name}" for name in DOGS))
    layout = layouts.lay_out(root)
    assert names(layout.train) == sorted(DOGS) and layout.test is None


def test_stanford_dogs_damaged(root):
    put(root, *(f"Images/{name}" for name in DOGS[1:]))
    lists(root / "lists", DOGS[:4], DOGS[4:])
    with pytest.raises(DataError, match=r"is incomplete: 1 of the photos in train_list.mat"):
        layouts.lay_out(root)
    file = root / "lists" / "test_list.mat"
    for content in (b"", b"no mat" * 99, file.read_bytes()[:200]):
        file.write_bytes(content)
        put(root, f"Images/{DOGS[0]}")
        with pytest.raises(DataError, match="is damaged") as caught:
            layouts.lay_out(root)
        assert str(file) in str(caught.value)


def test_titles():
    assert layouts.titles(["n02085620-Chihuahua", "n02085782-Japanese_spaniel"]) == ("Chihuahua", "Japanese spaniel")
    assert layouts.titles(["n02085620-dog", "n02085782-dog"]) == ("n02085620-dog", "n02085782-dog")
    assert layouts.titles(["my_cat", "n02085782-dog"]) == ("my_cat", "n02085782-dog")


def test_names_are_the_same_on_every_machine(root):
    put(root, "cafe\u0301/u\u0308.jpg", "cat/1.jpg")  # as macOS spells them
    assert names(layouts.lay_out(root).train) == ["café/ü.jpg", "cat/1.jpg"]
    first = layouts.order(layouts.lay_out(root).train)
    assert [photo.name for photo in layouts.order(first[::-1])] == [photo.name for photo in first]
