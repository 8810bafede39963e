import numpy as np
import pytest

from dl100_tf.data import iris, sources
from dl100_tf.errors import UserError


def whole(splits):
    parts = splits.parts().values()
    return np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts])


def test_the_real_flowers_come_with_scikit_learn(capsys):
    splits = iris.load()
    assert [split.x.shape for split in splits.parts().values()] == [(62, 2), (8, 2), (30, 2)]
    assert all(split.x.dtype == np.float32 and split.y.dtype == np.int32 for split in splits.parts().values())
    assert np.bincount(splits.test.y).tolist() == [15, 15] and splits.labels == ("setosa", "versicolor")
    assert splits.source.rung == "local" and splits.source.note == ""
    assert capsys.readouterr().err == "data    local: 70 + 30 flowers, Fisher's iris as it comes with scikit-learn\n"
    x, y = whole(splits)
    assert x[y == 0].mean(0) == pytest.approx([1.462, 0.246], abs=1e-3)  # as Fisher's table has them
    assert x[y == 1].mean(0) == pytest.approx([4.26, 1.326], abs=1e-3)


@pytest.mark.parametrize("source", ["local", "sample"])
def test_the_kinds_stay_apart(source):
    x, y = whole(iris.load(source))
    assert x[y == 0].max(0)[0] < x[y == 1].min(0)[0] - 0.9 and x[y == 0].max(0)[1] < x[y == 1].min(0)[1]


def test_the_seed_decides_what_is_held_out_and_nothing_else():
    first, again, other = (iris.load("local", seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.validation.x, again.validation.x)
    assert not np.array_equal(first.validation.x, other.validation.x)
    assert np.array_equal(first.test.x, other.test.x) and first.source == other.source
    with pytest.raises(UserError, match="between 0 and 1"):
        iris.load("local", validation=1)


def test_the_sample_says_what_it_is(capsys):
    splits = iris.load("sample")
    assert splits.source.is_sample and "84 + 36 points drawn by the package" in capsys.readouterr().err
    assert splits.source.note == sources.SAMPLE_NOTE and np.array_equal(splits.test.x, iris.load("sample").test.x)


def test_tfds_gives_the_same_flowers(tmp_path, monkeypatch):
    """TFDS' own builder prepares a table made of scikit-learn's; only the download is replaced."""
    tfds = pytest.importorskip("tensorflow_datasets")
    from sklearn.datasets import load_iris

    flowers = load_iris()
    rows = [",".join(map(str, row)) + f",Iris-{flowers.target_names[kind]}"
            for row, kind in zip(flowers.data, flowers.target, strict=True)]
    (tmp_path / "iris.data").write_text("\n".join([*rows, ""]))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", lambda self, url: tmp_path)
    monkeypatch.setattr(sources, "reachable", lambda url: url == iris.URL)
    found, local = iris.load("tfds"), iris.load("local")
    assert found.source.digest == local.source.digest and found.source.where == "70 + 30 flowers from iris"
    assert np.array_equal(found.train.x, local.train.x)
