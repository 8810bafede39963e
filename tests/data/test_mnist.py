import gzip
import importlib
import struct
import tracemalloc

import numpy as np
import pytest

from dl100_tf.data import mnist, sources
from dl100_tf.errors import DataError, UserError


def idx(values, magic=None):
    values = np.asarray(values, np.uint8)
    head = struct.pack(f">{values.ndim + 1}I", magic or 0x800 + values.ndim, *values.shape)
    return head + values.tobytes()


def made(count, seed):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 28, 28), dtype=np.uint8), np.arange(count) % 10


@pytest.fixture
def contents():
    """The four files' names without suffix, and what they hold."""
    (x, y), (a, b) = made(60, 0), made(20, 1)
    return {"train-images-idx3-ubyte": idx(x), "train-labels-idx1-ubyte": idx(y),
            "t10k-images-idx3-ubyte": idx(a), "t10k-labels-idx1-ubyte": idx(b)}


@pytest.fixture
def folder(data_dir, contents):
    path = data_dir / "mnist"
    path.mkdir()
    for name, content in contents.items():
        (path / f"{name}.gz").write_bytes(gzip.compress(content))
    return path


def same(one, other):
    return all(np.array_equal(one.parts()[name].x, other.parts()[name].x)
               and np.array_equal(one.parts()[name].y, other.parts()[name].y) for name in one.parts())


def test_the_four_files(folder, data_dir, capsys):
    splits = mnist.load("local", data_dir, validation=0.17)
    assert [split.x.shape for split in splits.parts().values()] == [(50, 28, 28, 1), (10, 28, 28, 1), (20, 28, 28, 1)]
    assert all(split.x.dtype == np.uint8 and split.y.dtype == np.int32 for split in splits.parts().values())
    x, y = made(20, 1)
    for picture, label in zip(splits.test.x[..., 0], splits.test.y, strict=True):
        assert y[(x == picture).all((1, 2))].tolist() == [label]
    assert splits.labels == tuple("0123456789")
    assert splits.source.where == "60 + 20 digits from …/mnist" and splits.source.note == ""
    assert capsys.readouterr().err == "data    local: 60 + 20 digits from …/mnist\n"


def test_every_spelling_and_tfds_give_the_same(folder, data_dir, contents, monkeypatch):
    before = mnist.load("local", data_dir)
    for name, content in contents.items():
        (folder / f"{name}.gz").unlink()
        (folder / name.replace("-idx", ".idx")).write_bytes(content)
    assert same(before, mnist.load("local", data_dir))
    (x, y), (a, b) = made(60, 0), made(20, 1)
    other = np.random.default_rng(5).permutation(60)
    asked = []
    monkeypatch.setattr(sources, "prepared", lambda *words: asked.append(words) or {
        "train": {"image": x[other, ..., None], "label": y[other]}, "test": {"image": a[..., None], "label": b}})
    found = mnist.load("tfds")
    assert same(before, found) and found.source.digest == before.source.digest
    [(name, url, splits)] = asked
    assert (name, splits) == ("mnist", ("train", "test")) and url.startswith("https://storage.googleapis.com/")
    assert found.source.describe() == "tfds: 60 + 20 digits from mnist"


def test_fashion_has_a_folder_and_names_of_its_own(folder, data_dir):
    with pytest.raises(DataError, match="fashion_mnist"):
        mnist.load("local", data_dir, name="fashion_mnist")
    folder.rename(data_dir / "fashion_mnist")
    splits = mnist.load("local", data_dir, name="fashion_mnist")
    assert splits.labels[9] == "ankle boot" and len(splits.labels) == 10
    with pytest.raises(UserError, match="no 'kmnist'"):
        mnist.load("local", data_dir, name="kmnist")


def test_the_seed_decides_what_is_held_out_and_nothing_else(folder, data_dir):
    first, again, other = (mnist.load("local", data_dir, 0.2, seed) for seed in (0, 0, 1))
    assert same(first, again) and not np.array_equal(first.validation.x, other.validation.x)
    assert np.array_equal(first.test.x, other.test.x) and first.source == other.source


DAMAGE = {
    "is truncated in its header": lambda content: content[:9],
    "is no idx file of pictures": lambda content: b"\0\0\x08\x01" + content[4:],
    "holds pictures of 28 x 27": lambda content: content[:15] + b"\x1b" + content[16:],
    "promises 4,294,967,295 examples": lambda content: content[:4] + b"\xff" * 4 + content[8:],
    "promises 0 examples": lambda content: content[:4] + b"\0" * 4 + content[8:16],
    "is truncated: it promises 47,040 bytes and holds 47,039": lambda content: content[:-1],
    "holds more than the 47,040 bytes": lambda content: content + b"\0",
}


@pytest.mark.parametrize("message", DAMAGE)
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("source", ["local", "auto"])
def test_a_bad_file_is_named(folder, data_dir, contents, message, packed, source):
    path = folder / "train-images-idx3-ubyte.gz"
    content = DAMAGE[message](contents[path.stem])
    if packed:
        path.write_bytes(gzip.compress(content))
    else:
        path.unlink()
        path = path.with_suffix("")
        path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        mnist.load(source, data_dir)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and "again" in str(caught.value)


@pytest.mark.parametrize("change", [
    lambda packed: packed[:-9], lambda packed: packed[:200], lambda packed: b"", lambda packed: b"no gzip" * 9,
    lambda packed: packed[:-6] + b"\x55" + packed[-5:], lambda packed: packed + b"garbage"])
def test_a_damaged_gzip_is_named(folder, data_dir, change):
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=r"damaged|truncated") as caught:
        mnist.load("auto", data_dir)
    assert str(path) in str(caught.value)


def test_a_bomb_does_not_go_off(folder, data_dir, contents):
    path = folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(contents[path.stem] + bytes(200 << 20)))
    tracemalloc.start()
    with pytest.raises(DataError, match="holds more than the 60 bytes"):
        mnist.load("auto", data_dir)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20


def test_labels_that_cannot_be(folder, data_dir):
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.arange(20) % 11)))
    with pytest.raises(DataError, match="holds the label 10") as caught:
        mnist.load("auto", data_dir)
    assert str(path) in str(caught.value)
    path.write_bytes(gzip.compress(idx(np.arange(19) % 10)))
    with pytest.raises(DataError, match=r"holds 20 pictures, but .* 19 labels"):
        mnist.load("auto", data_dir)


def test_a_missing_file_a_folder_and_a_dangling_link(folder, data_dir):
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.unlink()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz is missing, so .*mnist is incomplete"):
        mnist.load("auto", data_dir)
    path.mkdir()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz can't be read"):
        mnist.load("auto", data_dir)
    path.rmdir()
    path.symlink_to("nowhere")
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz can't be read"):
        mnist.load("auto", data_dir)


@pytest.fixture
def offline(monkeypatch):
    def nothing(*_):
        raise sources.Absent("TensorFlow Datasets: no network.")
    monkeypatch.setattr(sources, "prepared", nothing)


@pytest.mark.parametrize("name, counts, what", [
    ("mnist", [1260, 140, 397], "scikit-learn"), ("fashion_mnist", [1260, 140, 400], "made by the package")])
def test_the_sample(offline, capsys, name, counts, what):
    splits = mnist.load("auto", name=name)
    assert [len(split) for split in splits.parts().values()] == counts
    assert splits.train.x.shape[1:] == (28, 28, 1) and splits.train.x.dtype == np.uint8
    assert splits.source.is_sample and what in splits.source.note and "means nothing outside it" in splits.source.note
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "SAMPLE DATA!" in err and mnist.HOSTS[name] in err
    assert np.bincount(splits.train.y, minlength=10).min() > 100


def test_the_sample_digits_are_prepared_like_mnists(offline):
    x = mnist.load("sample").train.x[..., 0].astype(float)
    places = np.arange(28)
    for axis in (1, 2):
        profile = x.sum(3 - axis)
        centre = (profile * places).sum(1) / profile.sum(1)
        assert np.abs(centre - 13.5).max() < 1.5
        extent = [np.flatnonzero(line > 0) for line in profile]
        assert max(line[-1] - line[0] for line in extent) <= 20
    assert 20 < x.mean() < 45 and x.max((1, 2)).min() == 255  # MNIST's mean is 33.3


def test_the_real_digits(real_data):
    splits = mnist.load("local", real_data)
    assert [len(split) for split in splits.parts().values()] == [54001, 5999, 10000]
    assert np.bincount(splits.test.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert splits.source.digest.startswith("acba1d71")
    clothes = mnist.load("local", real_data, name="fashion_mnist")
    assert np.bincount(clothes.test.y).tolist() == [1000] * 10


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_tfds_gives_the_same_from_the_same_files(folder, data_dir, contents, tmp_path, monkeypatch, name):
    """TFDS' own builder prepares the files; only the download and their number are replaced."""
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    folder.rename(data_dir / name)
    for file, content in contents.items():
        (tmp_path / file).write_bytes(content)

    def unpacked(self, urls):
        return {key: tmp_path / url.rsplit("/", 1)[1].removesuffix(".gz") for key, url in urls.items()}

    builder = importlib.import_module("tensorflow_datasets.image_classification.mnist")
    monkeypatch.setattr(builder, "_TRAIN_EXAMPLES", 60)
    monkeypatch.setattr(builder, "_TEST_EXAMPLES", 20)
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", unpacked)
    monkeypatch.setattr(sources, "reachable", lambda url: True)
    found, local = mnist.load("tfds", name=name), mnist.load("local", data_dir, name=name)
    assert same(found, local) and found.source.digest == local.source.digest
    assert found.source.where == f"60 + 20 {mnist.NOUNS[name]} from {name}"
