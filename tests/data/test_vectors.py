import codecs
import gzip

import numpy as np
import pytest

from dl100_tf.data import vectors
from dl100_tf.errors import DataError, UserError

GLOVE = b"the 0.1 -2 3e-1\n. . . 1 2 3\ncaf\xc3\xa9 4 5 6\n"
WORD2VEC = b"3 3\nthe 0.1 -2 3e-1 \n. . . 1 2 3 \ncaf\xc3\xa9 4 5 6 \n"  # its author's program ends lines with a blank


@pytest.fixture
def file(tmp_path):
    """Writes a file with this content and returns where it is."""
    def write(content, name="vectors.txt"):
        path = tmp_path / name
        path.write_bytes(content)
        return path
    return write


@pytest.mark.parametrize("content", [
    GLOVE, WORD2VEC, gzip.compress(GLOVE), GLOVE.replace(b"\n", b"\r\n"), GLOVE[:-1], codecs.BOM_UTF8 + GLOVE,
    codecs.BOM_UTF8 + WORD2VEC], ids=["GloVe", "word2vec", "packed", "Windows", "no last line end", "marked",
                                      "marked word2vec"])
def test_both_forms_say_the_same(file, content):
    found = vectors.read(file(content))
    assert found.words == ("the", ". . .", "café") and len(found) == 3 and found.width == 3
    assert found.matrix.dtype == np.float32
    np.testing.assert_array_equal(found.matrix, np.array([[0.1, -2, 0.3], [1, 2, 3], [4, 5, 6]], np.float32))


def test_a_part_can_be_read(file):
    assert vectors.read(file(GLOVE), limit=2).words == ("the", ". . .")
    assert vectors.read(file(GLOVE), limit=9).words == ("the", ". . .", "café")
    some = vectors.read(file(WORD2VEC), words={"café", "tea", "the"})
    assert some.words == ("the", "café") and some.matrix[1, 0] == 4
    assert vectors.read(file(WORD2VEC), limit=1, words={"café", "the"}).words == ("the",)
    none = vectors.read(file(GLOVE), words=[])
    assert none.words == () and none.matrix.shape == (0, 3)
    with pytest.raises(UserError, match="-1 is no number"):
        vectors.read(file(GLOVE), limit=-1)


def test_of_a_word_that_stands_there_twice_the_first_counts(file):
    found = vectors.read(file(b"3 1\na 1\nb 2\na 3\n"))
    assert found.words == ("a", "b") and found.matrix.tolist() == [[1], [2]]


@pytest.mark.parametrize(("content", "line", "fault"), [
    (b"a 1 2\nb 1 2 3\n", "line 2", "more than the 2 numbers"),
    (b"a 1 2\nb 1\n", "line 2", "1 numbers, where the first line says 2"),
    (b"a 1 2\n\nb 1 2\n", "line 2", "0 numbers"),
    (b"2 3\na 1 2 3\nb 1 2\n", "line 3", "2 numbers"),
    (b"a 1 2\nb 1 x2\n", "line 2", "'x2' is no number"),
    (b"a 1 2\nb 1  2\n", "line 2", "more than|'' is no number"),
    (b"a 1 2\nb nan 2\n", "line 2", "not finite"),
    (b"a 1 2\nb 1 1e40\n", "line 2", "not finite"),
    (b"a 1 2\n\xff 1 2\n", "line 2", "isn't UTF-8"),
    (b"a 1 2\n 1 2\n", "line 2", "without a word"),
    (b"a\n", "line 1", "without numbers"),
    (b"9 2\na 1 2\n", "line 1", "promises 9 words, and 1 follow"),
    (b"0 2\n", "line 1", "promises 0 words"),
    (b"3 0\n", "line 1", "of 0 numbers"),
    (b"a 1\nb " + b"1" * (1 << 20), "line 2", "over 1,048,576 bytes"),
])
def test_a_malformed_line_is_named(file, content, line, fault):
    path = file(content)
    with pytest.raises(DataError, match=fault) as caught:
        vectors.read(path)
    assert str(caught.value).startswith(f"{path}, {line}: ")


@pytest.mark.parametrize(("content", "fault"), [
    (b"", "is empty"), (b"\n", "is empty"), (gzip.compress(b"", mtime=0), "is empty"),
    (gzip.compress(GLOVE * 99)[:-20], "truncated or damaged"), (b"\x1f\x8bno", "truncated or damaged"),
])
def test_a_damaged_file_is_named(file, content, fault):
    path = file(content)
    with pytest.raises(DataError, match=fault) as caught:
        vectors.read(path)
    assert str(path) in str(caught.value)


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.txt doesn't exist"):
        vectors.read(tmp_path / "absent.txt")
    with pytest.raises(DataError, match="can't be read"):
        vectors.read(tmp_path)


def test_what_is_written_is_read_back_to_the_bit(tmp_path):
    matrix = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    matrix[0, :3] = 0, np.finfo(np.float32).max, np.finfo(np.float32).tiny
    before = vectors.Vectors(tuple(f"wörd{n}" for n in range(50)), matrix)
    before.write(tmp_path / "deep" / "vectors.txt")
    after = vectors.read(tmp_path / "deep" / "vectors.txt")
    assert after.words == before.words and np.array_equal(after.matrix, matrix)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["vectors.txt"]


def test_words_and_rows_belong_together():
    with pytest.raises(ValueError, match="2 words"):
        vectors.Vectors(("a", "b"), np.zeros((1, 3), np.float32))


def test_glove_as_published(real_data):
    found = vectors.read(real_data / "glove" / "glove.6B.50d.top2445.txt")
    assert found.words[:2] == ("the", ",") and found.matrix.shape == (2445, 50)
