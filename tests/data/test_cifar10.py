import gzip
import hashlib
import io
import os
import pickle
import tarfile

import numpy as np
import pytest

from dl100_tf.data import archives, cifar10, sources
from dl100_tf.errors import DataError
from dl100_tf.evaluation import records


def made(seed, count=20):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 3072), dtype=np.uint8), [index % 10 for index in range(count)]


def pickled(x, labels, protocol=2):
    return pickle.dumps({b"batch_label": b"a batch", b"labels": labels, b"data": x,
                         b"filenames": [b"x.png"] * len(x)}, protocol)


def binary(x, labels):
    return np.concatenate([np.array(labels, np.uint8)[:, None], x], 1).tobytes()


BATCHES = {name: made(seed) for seed, name in enumerate(cifar10.BATCHES)}
FILES = {
    cifar10.PICKLED: {name: pickled(*batch) for name, batch in BATCHES.items()} | {"batches.meta": b"not read"},
    cifar10.BINARY: {f"{name}.bin": binary(*batch) for name, batch in BATCHES.items()} | {"readme.html": b"not read"},
}


@pytest.fixture(params=FILES)
def folder(data_dir, request):
    return laid(data_dir / "cifar10" / request.param)


@pytest.fixture
def python(data_dir):
    return laid(data_dir / "cifar10" / cifar10.PICKLED)


def laid(path):
    path.mkdir(parents=True)
    for name, content in FILES[path.name].items():
        (path / name).write_bytes(content)
    return path


def packed(path, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def same(one, other):
    return all(np.array_equal(one.parts()[name].x, other.parts()[name].x)
               and np.array_equal(one.parts()[name].y, other.parts()[name].y) for name in one.parts())


def test_a_folder_of_batches(folder, data_dir, capsys):
    splits = cifar10.load("local", data_dir, validation=0.2)
    assert [split.x.shape for split in splits.parts().values()] == [
        (80, 32, 32, 3), (20, 32, 32, 3), (20, 32, 32, 3)]
    assert all(split.x.dtype == np.uint8 and split.y.dtype == np.int32 for split in splits.parts().values())
    x, labels = BATCHES["test_batch"]
    for picture, label in zip(splits.test.x, splits.test.y, strict=True):
        found = np.flatnonzero((x == np.moveaxis(picture, -1, 0).ravel()).all(1))
        assert [labels[index] for index in found] == [label]
    assert splits.labels[3] == "cat"
    assert capsys.readouterr().err == f"data    local: 100 + 20 pictures from …/cifar10/{folder.name}\n"


def test_everything_gives_the_same(data_dir, tmp_path, monkeypatch):
    found = []
    for number, (name, files) in enumerate(FILES.items()):
        place = tmp_path / str(number)
        laid(place / name)
        found.append(cifar10.load("local", place))
        archive = next(key for key, value in cifar10.ARCHIVES.items() if value == name)
        (place / "alone").mkdir()
        packed(place / "alone" / archive, {f"{name}/{file}": content for file, content in files.items()})
        found += [cifar10.load("local", place / "alone") for _ in range(2)]  # the second from the cache
    x, y = (np.concatenate(part) for part in zip(*list(BATCHES.values())[:5], strict=True))
    test_x, test_y = BATCHES["test_batch"]
    monkeypatch.setattr(sources, "prepared", lambda *_: {
        split: {"image": x.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), "label": np.array(y)}
        for split, x, y in (("train", x[::-1], y[::-1]), ("test", test_x, test_y))})
    found.append(cifar10.load("tfds"))
    assert all(same(found[0], other) for other in found)
    assert len({splits.source.digest for splits in found}) == 1


def test_files_that_were_not_published_say_so_beside_the_score(python, data_dir, monkeypatch):
    source = cifar10.load("local", data_dir).source
    assert source.note.startswith("local files, not the published CIFAR-10") and not source.is_sample
    line = records.summary({"metrics": {"accuracy": 0.9}, "n": 20, "noun": "pictures", "source": source.rung,
                        "source_note": source.note})
    assert line.endswith("source: local files, not the published CIFAR-10: other checksums, as after re-encoding its "
                         "pictures") and "sample" not in line
    sums = {name: hashlib.md5(FILES[cifar10.PICKLED][name]).hexdigest() for name in cifar10.BATCHES}
    monkeypatch.setattr(cifar10, "PUBLISHED", sums)
    monkeypatch.setattr(cifar10, "FORMAT", -1)  # past the cache
    assert cifar10.load("local", data_dir).source.note == ""


def test_what_any_python_and_numpy_wrote(python, data_dir):
    before = cifar10.load("local", data_dir)
    for number, (name, (x, labels)) in enumerate(BATCHES.items()):
        labels = np.array(labels) if number % 2 else labels
        (python / name).write_bytes(pickled(x, labels, protocol=number % 5 + 1))
    assert same(before, cifar10.load("local", data_dir))


def test_the_cache_notices_a_changed_file(folder, data_dir, home):
    before = cifar10.load("local", data_dir)
    assert len(list((home / "cache" / "cifar10").glob("*.npz"))) == 1
    path = next(folder.glob("data_batch_3*"))
    x, labels = made(99, 30)
    path.write_bytes(pickled(x, labels) if folder.name == cifar10.PICKLED else binary(x, labels))
    after = cifar10.load("local", data_dir)
    assert after.source.digest != before.source.digest and "110 + 20" in after.source.where


class Runs:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("source", ["local", "auto"])
def test_a_hostile_batch_does_not_run(python, data_dir, tmp_path, home, source):
    run = Runs(os.system, f"touch {tmp_path / 'mark'}")
    objects = np.empty((2, 3072), object)
    objects[0, 0] = run
    x, _ = made(0)
    for content in (pickle.dumps(run), pickled(x, [run]), pickled(objects, [0, 1]), pickled(x, Runs(eval, "[0]"))):
        (python / "data_batch_3").write_bytes(content)
        with pytest.raises(DataError, match="is damaged, or isn't what it claims to be") as caught:
            cifar10.load(source, data_dir)
        assert str(python / "data_batch_3") in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "mark").exists() and not list(home.rglob("*.npz"))


X, Y = made(0)


@pytest.mark.parametrize("content, message", [
    (pickled(X, Y)[:-100], "is damaged"), (b"", "is damaged"), (b"<html>404</html>", "is damaged"),
    (pickle.dumps({b"labels": Y}, 2), "no uint8 pictures"), (pickled(X[:, :3071], Y), "no uint8 pictures"),
    (pickled(X.astype(np.int16), Y), "no uint8 pictures"), (pickled(X[0], Y), "no uint8 pictures"),
    (pickled(X.tolist(), Y), "no uint8 pictures"), (pickle.dumps({b"data": X}, 2), "no whole numbers from 0 to 9"),
    (pickled(X, [10] * 20), "no whole numbers from 0 to 9"), (pickled(X, [-1] * 20), "no whole numbers from 0 to 9"),
    (pickled(X, [0.5] * 20), "no whole numbers from 0 to 9"), (pickled(X, [True] * 20), "no whole numbers"),
    (pickled(X, [[1]] * 20), "no whole numbers"), (pickled(X, Y[1:]), "20 pictures and 19 labels"),
    (pickled(X[:0], []), "0 pictures and 0 labels")])
def test_a_bad_pickle_is_named(python, data_dir, content, message):
    (python / "test_batch").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        cifar10.load("auto", data_dir)
    assert str(python / "test_batch") in str(caught.value) and "again" in str(caught.value)


@pytest.mark.parametrize("content, message", [
    (binary(X, Y)[:-1], "is truncated"), (binary(X, [10] * 20), "holds the label 10"), (b"", "0 pictures")])
def test_a_bad_binary_batch_is_named(data_dir, content, message):
    folder = laid(data_dir / cifar10.BINARY)
    (folder / "data_batch_5.bin").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        cifar10.load("auto", data_dir)
    assert str(folder / "data_batch_5.bin") in str(caught.value)


def test_a_batch_too_many_bytes_long(python, data_dir, monkeypatch):
    monkeypatch.setattr(cifar10, "BATCH_LIMIT", 1000)
    with pytest.raises(DataError, match="more than 1,000 bytes"):
        cifar10.load("auto", data_dir)


def test_a_missing_batch(folder, data_dir):
    path = next(folder.glob("data_batch_2*"))
    path.unlink()
    with pytest.raises(DataError, match=r"is missing, so .* is incomplete") as caught:
        cifar10.load("auto", data_dir)
    assert str(path) in str(caught.value)
    path.mkdir()
    with pytest.raises(DataError, match="can't be read"):
        cifar10.load("auto", data_dir)


def test_archives_are_checked_whole(data_dir, home):
    files = {f"{cifar10.PICKLED}/{name}": content for name, content in FILES[cifar10.PICKLED].items()}
    path = data_dir / "cifar-10-python.tar.gz"
    packed(path, {name: content for name, content in files.items() if not name.endswith("_4")})
    with pytest.raises(DataError, match="holds no data_batch_4"):
        cifar10.load("auto", data_dir)
    packed(path, files | {"../evil": b"x"})
    with pytest.raises(DataError, match="leads out of its folder"):
        cifar10.load("auto", data_dir)
    packed(path, files | {f"{cifar10.PICKLED}/data_batch_1": pickle.dumps(Runs(os.getcwd))})
    with pytest.raises(DataError, match=r"python.tar.gz: cifar-10-batches-py/data_batch_1 is damaged"):
        cifar10.load("auto", data_dir)
    packed(path, files)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="truncated or damaged"):
        cifar10.load("auto", data_dir)
    path.write_bytes(gzip.compress(b"no tar"))
    with pytest.raises(DataError, match="truncated or damaged"):
        cifar10.load("auto", data_dir)
    assert not list(home.rglob("*.npz")) and archives.FILE_LIMIT < cifar10.BATCH_LIMIT


@pytest.fixture
def offline(monkeypatch):
    def nothing(*_):
        raise sources.Absent("TensorFlow Datasets: no network.")
    monkeypatch.setattr(sources, "prepared", nothing)


def test_the_sample_has_labels_of_its_own(offline, data_dir, capsys):
    splits = cifar10.load("auto", data_dir)
    assert [len(split) for split in splits.parts().values()] == [1800, 200, 500]
    assert len(splits.labels) == 10 and not set(splits.labels) & set(cifar10.LABELS)
    assert splits.source.is_sample and "means nothing outside it" in splits.source.note
    err = capsys.readouterr().err
    assert "SAMPLE DATA!" in err and "cifar-10-python.tar.gz" in err and "cifar10/cifar-10-batches-py" in err


def test_tfds_gives_the_same_from_the_same_files(data_dir, tmp_path, monkeypatch):
    """TFDS' own builder prepares the binary version; only the download is replaced."""
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    folder = laid(data_dir / cifar10.BINARY)
    (folder / "batches.meta.txt").write_text("\n".join(cifar10.LABELS) + "\n")
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", lambda self, url: data_dir)
    monkeypatch.setattr(sources, "reachable", lambda url: url == cifar10.URL)
    found, local = cifar10.load("tfds"), cifar10.load("local", data_dir)
    assert same(found, local) and found.source.digest == local.source.digest
    assert found.source.describe() == "tfds: 100 + 20 pictures from cifar10"


def test_the_real_pictures(real_data):
    splits = cifar10.load("local", real_data)
    assert [len(split) for split in splits.parts().values()] == [45000, 5000, 10000]
    assert np.bincount(splits.test.y).tolist() == [1000] * 10
    again = cifar10.load("local", real_data)
    assert same(splits, again) and again.source == splits.source
