import os

import numpy as np
import pytest

from dl100_tf import paths
from dl100_tf.data import pretrained, vectors
from dl100_tf.errors import DataError, UserError

WORDS = ("oil", "bank", "goal", "chip")
MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3) - 5


def written(path, words=WORDS, matrix=MATRIX):
    path.parent.mkdir(parents=True, exist_ok=True)
    vectors.Vectors(words, matrix).write(path)
    return path


def test_rows_are_the_vocabulary_s(tmp_path):
    file = written(tmp_path / "v.txt")
    found = pretrained.table(file, ["", "[UNK]", "goal", "other", "oil"])
    assert found.matrix.shape == (5, 3) and found.matrix.dtype == np.float32
    assert not found.matrix[0].any() and found.known == pytest.approx(2 / 3)
    assert np.array_equal(found.matrix[[2, 4]], MATRIX[[2, 0]])
    again, other = (pretrained.table(file, ["", "[UNK]", "goal", "other"], seed).matrix for seed in (0, 1))
    assert again[3].any() and not np.array_equal(again[3], other[3])


def test_a_file_with_none_of_the_words(tmp_path):
    with pytest.raises(DataError, match="has none of the 3 words"):
        pretrained.table(written(tmp_path / "v.txt"), ["", "[UNK]", "mot"])


@pytest.mark.parametrize("bad, message", [("gas 1 2", "line 2"), ("gas 1 x 3", "line 2"), ("gas 1 2 3 4", "line 2")])
def test_a_malformed_line_is_named(tmp_path, bad, message):
    file = tmp_path / "bad.txt"
    file.write_text(f"oil 1 2 3\n{bad}\nbank 4 5 6\n")
    with pytest.raises(DataError, match=message) as caught:
        pretrained.table(file, ["", "[UNK]", "gas", "bank"])
    assert str(file) in str(caught.value)


def test_glove_is_found_in_the_data_folder(data_dir):
    with pytest.raises(DataError, match="glove"):
        pretrained.find("glove", data_dir)
    (data_dir / "glove").mkdir()
    with pytest.raises(DataError, match=r"holds no glove\*\.txt"):
        pretrained.find("glove", data_dir)
    cut = written(data_dir / "glove/glove.6B.50d.top9.txt")
    assert pretrained.find("glove", data_dir) == cut
    assert pretrained.here(data_dir) == ["none", "glove"] and pretrained.here() == ["none"]
    assert pretrained.here(data_dir / "nowhere") == ["none"]
    whole = written(data_dir / "glove/glove.6B.100d.txt")
    assert pretrained.find("glove", data_dir) == whole


def test_a_run_or_a_file_is_found_by_name(tmp_path):
    assert pretrained.latest() is None
    with pytest.raises(UserError, match=r"neither a file nor a finished run of word2vec_text8") as caught:
        pretrained.find("mine")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="neither a file nor"):
        pretrained.find("x" * 300)  # longer than a file's name can be
    old, new = (written(paths.runs("word2vec_text8") / name / "vectors.txt") for name in ("mine", "newer"))
    os.utime(old, (1, 1))
    assert pretrained.latest() == "newer" and pretrained.here() == ["none", "newer"]
    assert pretrained.find("mine") == old and pretrained.find("newer") == new
    assert pretrained.find(str(written(tmp_path / "own.txt"))) == tmp_path / "own.txt"
