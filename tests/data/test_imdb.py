import os
import subprocess
import sys

import numpy as np
import pytest

from dl100_tf.data import cache, imdb, sources
from dl100_tf.errors import DataError, UserError


def everything(splits):
    """Each split's texts and labels, as Python values."""
    return {name: (split.x.tolist(), split.y.tolist()) for name, split in splits.parts().items()}


@pytest.fixture
def offline(monkeypatch):
    def nothing():
        raise sources.Absent("TensorFlow Datasets: no network.")
    monkeypatch.setattr(imdb, "_tfds", nothing)


def test_a_folder_of_reviews(acl, data_dir, capsys):
    splits = imdb.load("local", data_dir, validation=0.2)
    assert [len(split) for split in splits.parts().values()] == [16, 4, 12]
    for split in splits.parts().values():
        assert split.x.dtype == object and split.y.dtype == np.int32
        assert all(isinstance(text, str) for text in split.x)
        assert split.y.mean() == 0.5
        for text, label in zip(split.x, split.y, strict=True):
            assert f"a {('neg', 'pos')[label]}ative\n\none" in text and text == text.strip() and "café" in text
    assert splits.labels == ("negative", "positive")
    assert splits.source.where == "20 + 12 reviews from …/imdb/aclImdb"
    assert capsys.readouterr().err == "data    local: 20 + 12 reviews from …/imdb/aclImdb\n"


def test_folder_and_archive_and_cache_give_the_same(acl, archive, data_dir, tmp_path, home):
    folder = imdb.load("local", data_dir)
    again = imdb.load("local", data_dir)
    alone = tmp_path / "alone" / "imdb"
    alone.mkdir(parents=True)
    archive.rename(alone / archive.name)
    packed = imdb.load("local", alone.parent)
    assert everything(folder) == everything(again) == everything(packed)
    assert folder.source == again.source
    assert folder.source.digest == packed.source.digest
    assert len(list((home / "cache" / "imdb").glob("*.npz"))) == 2


def test_the_labels_are_mixed_and_the_order_is_the_contents(acl, data_dir):
    train = imdb.load("local", data_dir).train
    assert np.count_nonzero(np.diff(train.y)) > 1 and train.x.tolist() != sorted(train.x)


def test_the_seed_decides_what_is_held_out_and_nothing_else(acl, data_dir):
    first, again, other = (imdb.load("local", data_dir, 0.2, seed) for seed in (0, 0, 1))
    assert everything(first) == everything(again)
    assert first.validation.x.tolist() != other.validation.x.tolist()
    assert everything(first)["test"] == everything(other)["test"] and first.source == other.source


def test_the_data_folder_may_come_from_the_environment(acl, data_dir, monkeypatch):
    monkeypatch.setenv("DL100_DATA", str(data_dir))
    assert imdb.load().source.rung == "local"


@pytest.mark.parametrize("change", ["add", "edit", "remove"])
def test_the_cache_notices_a_changed_folder(acl, data_dir, change):
    before = imdb.load("local", data_dir).source.digest
    path = acl / "train" / "pos" / "0_9.txt"
    if change == "remove":
        path.unlink()
    else:
        (path if change == "edit" else path.with_name("77_8.txt")).write_text("something else, and longer")
    assert imdb.load("local", data_dir).source.digest != before


def test_a_damaged_cache_is_made_again(acl, data_dir, home, capsys):
    before = imdb.load("local", data_dir)
    [file] = (home / "cache" / "imdb").glob("*.npz")
    file.write_bytes(file.read_bytes()[:-100])
    assert everything(imdb.load("local", data_dir)) == everything(before)
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("content, message", [
    (b"caf\xe9", "is not UTF-8 .byte 3"), (b"", "is empty"), (b" \n", "is empty"), (bytes(99), "zero bytes")])
@pytest.mark.parametrize("source", ["local", "auto"])
def test_a_bad_review_is_named_and_nothing_is_skipped(acl, data_dir, home, content, message, source):
    path = acl / "test" / "pos" / "3_9.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        imdb.load(source, data_dir)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert not list((home / "cache").rglob("*.npz"))


def test_a_bad_review_in_the_archive_is_named(data_dir, review_files, write_archive):
    files = {f"aclImdb/{name}": content for name, content in review_files.items()}
    write_archive(data_dir / imdb.ARCHIVE, files | {"aclImdb/train/neg/3_1.txt": b"caf\xe9"})
    with pytest.raises(DataError, match=r"tar.gz: aclImdb/train/neg/3_1.txt is not UTF-8"):
        imdb.load("auto", data_dir)


def test_an_unreadable_review_is_named(acl, data_dir):
    path = acl / "train" / "neg" / "3_1.txt"
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match="can't be read") as caught:
        imdb.load("auto", data_dir)
    assert str(path) in str(caught.value)


def test_a_dangling_link_is_named(acl, data_dir):
    path = acl / "train" / "neg" / "99_1.txt"
    path.symlink_to(acl / "nowhere")
    with pytest.raises(DataError, match=r"99_1\.txt"):
        imdb.load("auto", data_dir)


@pytest.mark.parametrize("missing", ["test", "test/pos", "train/neg"])
@pytest.mark.parametrize("source", ["local", "auto"])
def test_a_folder_with_a_part_missing(acl, data_dir, missing, source):
    (acl / missing).rename(data_dir / "elsewhere")
    with pytest.raises(DataError, match="incomplete") as caught:
        imdb.load(source, data_dir)
    assert str(acl / missing) in str(caught.value)


def test_a_split_of_one_class(acl, data_dir):
    for path in (acl / "test" / "pos").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="holds no reviews") as caught:
        imdb.load("auto", data_dir)
    assert str(acl / "test" / "pos") in str(caught.value)


def test_an_archive_without_reviews(data_dir, write_archive):
    write_archive(data_dir / imdb.ARCHIVE, {"other/a.txt": b"text"})
    with pytest.raises(DataError, match="holds no reviews"):
        imdb.load("auto", data_dir)


def test_a_truncated_archive(archive, data_dir, home):
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(DataError, match="truncated or damaged"):
        imdb.load("auto", data_dir)
    assert not list(home.rglob("*.npz"))


def test_an_archive_that_climbs_out(data_dir, tmp_path, review_files, write_archive):
    files = {f"aclImdb/{name}": content for name, content in review_files.items()}
    write_archive(data_dir / imdb.ARCHIVE, files | {"../evil.txt": b"text"})
    with pytest.raises(DataError, match=r"'\.\./evil\.txt', which leads out of its folder"):
        imdb.load("auto", data_dir)
    assert not list(tmp_path.rglob("evil.txt"))


def test_an_empty_data_folder(data_dir, offline, capsys):
    with pytest.raises(DataError) as caught:
        imdb.load("local", data_dir)
    for part in (str(data_dir), "imdb/aclImdb", "aclImdb_v1.tar.gz"):
        assert part in str(caught.value)
    assert imdb.load("auto", data_dir).source.is_sample
    assert "SAMPLE DATA!" in capsys.readouterr().err


@pytest.mark.parametrize("share", [0, 1, -1])
def test_a_bad_validation_share(acl, data_dir, share):
    with pytest.raises(UserError, match="between 0 and 1"):
        imdb.load("local", data_dir, validation=share)


def test_the_sample(offline, capsys):
    splits = imdb.load("sample")
    assert [len(split) for split in splits.parts().values()] == [10_800, 1_200, 1_000]
    assert splits.source.is_sample and "means nothing outside it" in splits.source.note
    assert everything(splits) == everything(imdb.load("auto"))
    err = capsys.readouterr().err
    assert err.count("\n") == 2 and "12 000 + 1 000 reviews made by the package" in err and "aclImdb_v1.tar.gz" in err


def test_tfds_gives_the_same_reviews_as_the_folder(acl, data_dir, archive, tmp_path, monkeypatch, capfd):
    """TFDS' own builder prepares the archive; only the download is replaced."""
    tfds = pytest.importorskip("tensorflow_datasets")
    pytest.importorskip("importlib_resources", reason="tensorflow_datasets needs it to prepare a dataset")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(tfds.download.DownloadManager, "download", lambda self, url: archive)
    asked = []
    monkeypatch.setattr(sources, "reachable", lambda url: asked.append(url) or True)
    local, first, again = imdb.load("local", data_dir), imdb.load("tfds"), imdb.load("tfds")
    assert everything(local) == everything(first) == everything(again)
    assert local.source.digest == first.source.digest
    assert first.source.describe() == "tfds: 20 + 12 reviews from imdb_reviews/plain_text"
    assert asked == [imdb.URL]  # what is prepared needs no network
    assert "WARNING:absl" not in capfd.readouterr().err
    for shard in (tmp_path / "tfds").rglob("*.tfrecord*"):
        shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"plain_text.1.0.0 is damaged .*: delete that folder"):
        imdb.load("auto")


def test_importing_loads_nothing_heavy():
    code = ("import sys; from dl100_tf.data import cifar10, folders, images, imdb, iris, mnist, squad, text, "
            "windows; "
            "from dl100_tf import data; data.Splits; heavy = "
            "('tensorflow', 'keras', 'tensorflow_datasets', 'sklearn', 'scipy', 'PIL', 'rich'); "
            "print([m for m in heavy if m in sys.modules])")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_two_processes_on_a_cold_cache(acl, data_dir, home):
    code = f"from dl100_tf.data import imdb; print(imdb.load('local', {str(data_dir)!r}).source.digest)"
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ)
            for _ in range(2)]
    first, second = (process.communicate(timeout=60)[0] for process in both)
    assert first == second == imdb.load("local", data_dir).source.digest + "\n"


def test_the_real_reviews(real_data):
    splits = imdb.load("local", real_data)
    assert [len(split) for split in splits.parts().values()] == [22500, 2500, 25000]
    assert [int(split.y.sum()) for split in splits.parts().values()] == [11250, 1250, 12500]
    assert splits.source.digest == cache.digest(
        *(part for texts, y in whole(splits) for part in (texts, y.astype("<i4").tobytes())))
    assert not any("<br" in text for text in splits.test.x)
    assert sum("\n" in text for text in splits.test.x) > 10000


def whole(splits):
    train = np.concatenate([splits.train.x, splits.validation.x])
    labels = np.concatenate([splits.train.y, splits.validation.y])
    for texts, y in ((train, labels), (splits.test.x, splits.test.y)):
        yield imdb._ordered(texts.tolist(), y.tolist())
