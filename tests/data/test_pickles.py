import os
import pickle
import pickletools

import numpy as np
import pytest

from dl100_tf.data import pickles
from dl100_tf.errors import DataError

PLAIN = {"data": np.arange(12, dtype=np.uint8).reshape(3, 4), "labels": [0, 1, 2], "names": [b"a.png", "ä.png"],
         "more": ({"a": None, "b": (True, 1.5, 1 << 40)}, np.arange(3.0), np.int64(7), b"", np.zeros((0, 4), np.uint8),
                  np.asfortranarray(np.arange(6).reshape(2, 3)))}


def read(content):
    return pickles.mapping(content, "some/file")


@pytest.mark.parametrize("protocol", range(1, 6))
def test_plain_values_and_arrays_come_back(protocol):
    flat = {**{key: value for key, value in PLAIN.items() if key != "more"},
            **dict(enumerate(map(str, range(3))), f=PLAIN["more"][5], z=PLAIN["more"][4], s=PLAIN["more"][2])}
    flat = {str(key): value for key, value in flat.items()}
    found = read(pickle.dumps(flat, protocol))
    assert found.keys() == flat.keys()
    for key, value in flat.items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(found[key], value) and found[key].dtype == value.dtype
    assert found["labels"] == [0, 1, 2] and found["s"] == 7 and found["names"] == [b"a.png", "ä.png"]


def python2(rows=2):
    """What Python 2 and the NumPy of 2009 wrote: the published batches look like this."""
    content = bytes(range(4)) * rows
    return (b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85"
            b"U\x01b\x87Rq\x05(K\x01K" + bytes([rows]) + b"K\x04\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07("
            b"K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U" + bytes([len(content)]) + content +
            b"tbU\x06labels]q\x08(K\x06K\x09eu.")


def test_a_pickle_of_python_2():
    assert [name for code, name, _ in pickletools.genops(python2()) if code.name == "GLOBAL"] == [
        "numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"]
    found = read(python2())
    assert found["labels"] == [6, 9] and found["data"].tolist() == [[0, 1, 2, 3]] * 2
    assert found["data"].dtype == np.uint8


def test_old_and_new_names_of_numpy_are_the_same():
    content = pickle.dumps({"a": np.arange(3)}, 2)
    old, new = (content.replace(b"numpy._core", name).replace(b"numpy.core", name) for name in (
        b"numpy.core", b"numpy._core"))
    assert read(old)["a"].tolist() == read(new)["a"].tolist() == [0, 1, 2]


class Runs:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile(tmp_path):
    """Pickles that leave a mark where they run, one way each."""
    mark = f"touch {tmp_path / 'mark'}"
    run = Runs(os.system, mark)
    objects = np.empty(1, object)
    objects[0] = run
    plain = pickle.dumps({"a": np.arange(3)}, 2)
    yield "os.system", pickle.dumps(run)
    yield "nested", pickle.dumps({"data": [{"x": (1, run)}]})
    yield "as a key", pickle.dumps({Runs(os.system, mark): 1})
    yield "eval", pickle.dumps(Runs(eval, f"__import__('os').system({mark!r})"))
    yield "getattr", b"cbuiltins\ngetattr\n."
    yield "an array of objects", pickle.dumps({"data": objects})
    yield "protocol 0", pickle.dumps({"data": run}, 0)
    yield "inst", b"(S'" + mark.encode() + b"'\nios\nsystem\n."
    yield "obj", b"(cos\nsystem\nS'" + mark.encode() + b"'\no."
    yield "numpy's own loader", b"cnumpy\nload\n(S'x'\ntR."
    yield "a submodule's name", b"cnumpy.testing._private.utils\nrunstring\n(S'1'\n}tR."
    yield "a dotted name", b"\x80\x04\x8c\x05numpy\x8c\x14ndarray.__reduce__.x\x93."
    yield "a trick by names", plain.replace(b"cnumpy\ndtype", b"cnumpy.dtype\n__class__")
    yield "another encoding", b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R."
    yield "bytes of any size", b"c__builtin__\nbytes\n(L9999999999999L\ntR."
    yield "persistent", b"Pos.system\n."
    yield "extension", b"\x82\x01."
    yield "state of a list", b"]}b."
    yield "state of a name", b"cnumpy\ndtype\n}b."
    yield "a new object", b"\x80\x02cnumpy\ndtype\n)\x81."


def test_nothing_hostile_runs(tmp_path):
    for what, content in hostile(tmp_path):
        with pytest.raises(DataError, match="some/file") as caught:
            read(content)
        assert "\n" not in str(caught.value) and "download the original again" in str(caught.value), what
    assert not list(tmp_path.iterdir())


def array(shape=(2,), dtype="u1", content=b"ab", state=(3, "|", None, None, None, -1, -1, 0)):
    """A pickle of {"a": array} with any of its parts forged."""
    class Forged:
        def __reduce__(self):
            return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), (1, shape, Type(), False, content)

    class Type:
        def __reduce__(self):
            return np.dtype, (dtype, False, True), state

    return pickle.dumps({"a": Forged()}, 2)


def test_forged_arrays():
    assert read(array())["a"].tolist() == [97, 98]
    types = ["O", "O8", "V2", "M8[s]", "u1,O", ["O"], "U1", "S1", "u3", None]
    states = [(1,), (3, "!", None, None, None, -1, -1, 0), (3, "|", None, ("x",), {"x": 1}, -1, -1, 0)]
    for part, values in {"shape": [(3,), (10**15,), (-1, 7), "ab", None], "dtype": types, "state": states,
                         "content": [[1, 2], "ab", None, 5, b""]}.items():
        for value in values:
            with pytest.raises(DataError, match="some/file"):
                read(array(**{part: value}))


@pytest.mark.parametrize("content", [
    b"", b".", b"\x80", b"no pickle at all", pickle.dumps([1]), pickle.dumps(None), b"]q\x00h\x00a0.",
    b"]r\xff\xff\xff\xff.",  # a memo of 2**32 entries, which Python's C unpickler would make room for
    b"\x8e" + b"\xff" * 8 + b"x.", b"\x96\xff\xff\xff\xff\xff\xff\xff\x7fx.", b"X\xff\xff\xff\x7fx.",
    b"\x95" + b"\xff" * 7 + b"\x7f."])
def test_damaged_and_greedy_pickles(content):
    with pytest.raises(DataError, match="some/file is damaged"):
        read(content)


def test_every_cut_is_noticed():
    content = pickle.dumps({"data": np.arange(300, dtype=np.uint8), "labels": list(range(50))}, 2)
    for end in range(0, len(content) - 1, 7):
        with pytest.raises(DataError):
            read(content[:end])


def test_texts_cannot_be_encoded_to_more_than_there_was():
    once = b"\x80\x02c_codecs\nencode\nq\x00X\xe8\x03\x00\x00" + b"a" * 1000 + b"q\x01X\x06\x00\x00\x00latin1q\x02\x87"
    many = b"".join(b"h\x00h\x01h\x02\x86R" for _ in range(200))
    with pytest.raises(DataError, match="no encoding"):
        read(once + many + b"}.")
