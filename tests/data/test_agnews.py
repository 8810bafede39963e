import csv
import io
import tarfile

import numpy as np
import pytest

from dl100_tf.data import agnews, dispatches, sources
from dl100_tf.errors import DataError

KINDS = ("minister", "goal", "shares", "chip")


def rows(count, of):
    """Stories of each class, with what the real ones hold: quotes, commas, a backslash, rests of HTML, an accent."""
    return [[str(kind + 1), f'"Café" {KINDS[kind]} {number}, {of}', f"AP - a line\\and Asia #39;s {KINDS[kind]}"]
            for number in range(count) for kind in range(4)]


def text(rows):
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return file.getvalue()


@pytest.fixture
def folder(data_dir):
    """`ag_news` with 80 + 12 stories."""
    folder = data_dir / "ag_news"
    folder.mkdir()
    (folder / "train.csv").write_text(text(rows(20, "train")), encoding="utf-8")
    (folder / "test.csv").write_text(text(rows(3, "test")), encoding="utf-8")
    (folder / "classes.txt").write_text("World\nSports\nBusiness\nSci/Tech\n")
    return folder


def everything(splits):
    return {name: (split.x.tolist(), split.y.tolist()) for name, split in splits.parts().items()}


def test_stories_have_their_class_and_are_one_text(folder, data_dir, capsys):
    splits = agnews.load("local", data_dir, validation=0.2)
    assert [len(split) for split in splits.parts().values()] == [64, 16, 12]
    for split in splits.parts().values():
        assert split.x.dtype == object and split.y.dtype == np.int32
        for story, label in zip(split.x, split.y, strict=True):
            assert story.startswith(f'"Café" {KINDS[label]} ')
            assert story.endswith(f"AP - a line and Asia #39;s {KINDS[label]}")
    assert splits.labels == ("World", "Sports", "Business", "Sci/Tech")
    assert "data    local: 80 + 12 stories from …/data/ag_news" in capsys.readouterr().err


def test_the_cache_gives_the_same_and_notices_a_change(folder, data_dir):
    first = agnews.load("local", data_dir)
    assert everything(first) == everything(agnews.load("local", data_dir))
    (folder / "train.csv").write_text(text(rows(20, "train")[1:]), encoding="utf-8")
    assert agnews.load("local", data_dir).source.digest != first.source.digest


def test_validation_is_balanced_whatever_the_classes_are(folder, data_dir):
    (folder / "train.csv").write_text(text([row for row in rows(20, "train") if row[0] == "4" or "1" in row[1]]))
    splits = agnews.load("local", data_dir, validation=0.2)
    assert len(set(np.bincount(splits.train.y))) > 1 and len(set(np.bincount(splits.validation.y))) == 1
    assert not set(splits.train.x) & set(splits.validation.x)


def test_what_is_not_the_published_set_says_so(folder, data_dir):
    bare = [["2", "", f"cafe goal {'x' * number} ap a line"] for number in range(5)]
    (folder / "train.csv").write_text(text(rows(20, "train") + bare), encoding="utf-8")
    note = agnews.load("local", data_dir).source.note
    assert "not the published set: trained on 85 of the 120 000 published stories, 20/25/20/20 of the classes" in note
    assert "tested on 12 of the 7 600" in note and "5 training stories have lost their capitals" in note


def test_the_published_set_needs_no_note():
    train, test = (["A story."] * count for count in (120_000, 7_600))
    assert agnews._differs(train, np.arange(120_000) % 4, test, np.arange(7_600) % 4) == ""
    assert "7 599" in agnews._differs(train, np.arange(120_000) % 4, test[1:], np.arange(7_599) % 4)


@pytest.mark.parametrize("file", ["train.csv", "test.csv"])
@pytest.mark.parametrize("bad, message", [
    ('"3","a title"', "2 columns"), ('"3","a","b","c"', "4 columns"), ("", "0 columns"),
    ('"5","a","b"', "the class is '5'"), ('"0","a","b"', "the class is '0'"), ('"","a","b"', "the class is ''"),
    ('"World","a","b"', "the class is 'World'"), ('"2"," ","\\"', "neither title nor description"),
    ('"3","a "quoted" word","b"', "no whole CSV row"), ('"3","never closed', "no whole CSV row")])
@pytest.mark.parametrize("source", ["local", "auto"])
def test_a_bad_line_is_named(folder, data_dir, home, file, bad, message, source):
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    lines[6:6] = [bad]
    (folder / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        agnews.load(source, data_dir)
    assert f"{folder / file}, line 7: " in str(caught.value) and "\n" not in str(caught.value)
    assert not list((home / "cache").rglob("*.npz"))


@pytest.mark.parametrize("content, message", [(b'"3","caf\xe9","b"', "not UTF-8"), (b'"3","a","\0"', "zero bytes")])
def test_what_is_no_text_is_named(folder, data_dir, content, message):
    lines = (folder / "test.csv").read_bytes().splitlines(keepends=True)
    (folder / "test.csv").write_bytes(b"".join(lines[:4]) + content)
    with pytest.raises(DataError, match=rf"test\.csv, line 5: {message}"):
        agnews.load("auto", data_dir)


def test_a_row_of_several_lines_counts_as_they_stand(folder, data_dir):
    lines = (folder / "test.csv").read_text(encoding="utf-8").splitlines()
    (folder / "test.csv").write_text("\n".join(['"1","a","two\nlines"', *lines, '"9","a","b"']), encoding="utf-8")
    with pytest.raises(DataError, match=r"line 15: the class is '9'"):
        agnews.load("local", data_dir)


@pytest.mark.parametrize("missing", ["train.csv", "test.csv"])
@pytest.mark.parametrize("source", ["local", "auto"])
def test_a_missing_file_is_named(folder, data_dir, missing, source):
    (folder / missing).unlink()
    with pytest.raises(DataError, match="is missing") as caught:
        agnews.load(source, data_dir)
    assert str(folder / missing) in str(caught.value)


def test_other_classes_are_refused_and_none_are_needed(folder, data_dir):
    (folder / "classes.txt").write_text("World\nSports\nSci/Tech\nBusiness\n")
    with pytest.raises(DataError, match="names the classes World, Sports, Sci/Tech, Business"):
        agnews.load("local", data_dir)
    (folder / "classes.txt").unlink()
    assert len(agnews.load("local", data_dir).test) == 12


@pytest.mark.parametrize("content", [b"", text(rows(20, "train")[::4]).encode()])
def test_a_file_without_a_class(folder, data_dir, content):
    (folder / "train.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"train\.csv holds 0 stories of class"):
        agnews.load("auto", data_dir)


def test_no_folder_and_an_empty_data_folder(data_dir, monkeypatch, capsys):
    monkeypatch.setattr(sources, "reachable", lambda url: False)
    with pytest.raises(DataError, match=r"looked in .* for ag_news, ag_news_csv"):
        agnews.load("local", data_dir)
    (data_dir / "ag_news").write_text("no folder")
    with pytest.raises(DataError, match="is no folder"):
        agnews.load("auto", data_dir)


def test_tfds_gives_the_same_stories_as_the_folder(folder, data_dir, tmp_path, monkeypatch):
    """TFDS' own builder prepares the archive; only the download is replaced."""
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    archive = tmp_path / "ag_news_csv.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, "ag_news_csv")
    unpacked = tmp_path / "unpacked"
    with tarfile.open(archive) as packed:
        packed.extractall(unpacked, filter="data")
    asked = []
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract",
                        lambda self, urls: asked.extend(urls.values()) or dict.fromkeys(urls, str(unpacked)))
    monkeypatch.setattr(sources, "reachable", lambda url: True)
    local, found = agnews.load("local", data_dir), agnews.load("tfds")
    assert everything(local) == everything(found) and local.source.digest == found.source.digest
    assert found.source.describe() == "tfds: 80 + 12 stories from ag_news_subset" and asked == [agnews.URL]


def test_the_sample(capsys):
    splits = agnews.load("sample")
    assert [len(split) for split in splits.parts().values()] == [4_320, 480, 800]
    assert splits.source.is_sample and "means nothing outside it" in splits.source.note
    assert "4 800 + 800 stories made by the package" in capsys.readouterr().err
    assert everything(splits) == everything(agnews.load("sample"))


def test_composed_stories_are_distinct_and_a_bag_of_words_is_not_enough():
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    (texts, labels), (held, answers) = dispatches.stories(1600, 0), dispatches.stories(400, 1, held_out=True)
    assert len({*texts, *held}) == 2000 and np.bincount(labels).tolist() == [400] * 4
    assert all(8 <= len(story.split()) <= 70 and "{" not in story for story in [*texts, *held])
    words = CountVectorizer()
    linear = LogisticRegression(max_iter=500).fit(words.fit_transform(texts), labels)
    assert 0.6 < linear.score(words.transform(held), answers) < 0.9


def test_the_real_stories(real_data):
    splits = agnews.load("local", real_data)
    assert len(splits.test) == 7600 and set(np.bincount(splits.test.y)) == {1900}
    assert len(set(np.bincount(splits.validation.y))) == 1
    if "22 063" in splits.source.where:
        assert "5 413/3 644/3 650/9 356 of the classes; 13 252 training stories" in splits.source.note
