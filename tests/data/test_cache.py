import os
import threading
import time

import numpy as np
import pytest

from dl100_tf import paths
from dl100_tf.data import cache
from dl100_tf.errors import DataError

KEY = cache.digest("a key")
ARRAYS = {"a": np.arange(1000, dtype=np.uint16), "b": np.array(3), "c": np.zeros((0, 4), np.float32)}


def count_making(calls, arrays=ARRAYS):
    def make():
        calls.append(1)
        return arrays
    return make


def file(home):
    return home / "cache" / "things" / f"{KEY[:32]}.npz"


def same(found):
    return found.keys() == ARRAYS.keys() and all(
        np.array_equal(found[name], ARRAYS[name]) and found[name].dtype == ARRAYS[name].dtype for name in ARRAYS)


def test_made_once_then_read_back(home, capsys):
    calls = []
    assert all(same(cache.cached("things", KEY, count_making(calls))) for _ in range(3))
    assert len(calls) == 1
    assert [path.name for path in file(home).parent.iterdir()] == [file(home).name]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("damage", [
    lambda content: b"", lambda content: content[:-500], lambda content: content[:100], lambda content: b"\0" * 9999,
    lambda content: content[:1500] + b"\xff" + content[1501:], lambda content: b"not a zip file at all"])
def test_a_damaged_file_is_made_again_with_one_line(home, capsys, damage):
    cache.cached("things", KEY, lambda: ARRAYS)
    file(home).write_bytes(damage(file(home).read_bytes()))
    calls = []
    assert same(cache.cached("things", KEY, count_making(calls)))
    assert same(cache.cached("things", KEY, count_making(calls)))
    assert len(calls) == 1
    warning = capsys.readouterr().err
    assert warning.count("\n") == 1 and str(file(home)) in warning and "damaged" in warning


def test_every_flipped_byte_is_noticed_or_harmless(home):
    small = {"a": np.arange(3)}
    cache.cached("things", KEY, lambda: small)
    content = file(home).read_bytes()
    for position in range(0, len(content), 7):
        file(home).write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1:])
        assert cache.cached("things", KEY, lambda: small)["a"].tolist() == [0, 1, 2]


def test_another_keys_file_and_a_pickle_are_not_believed(home, capsys):
    file(home).parent.mkdir(parents=True)
    np.savez(file(home), seal=np.zeros(32, np.uint8), a=np.ones(3))
    assert same(cache.cached("things", KEY, lambda: ARRAYS))
    np.savez(file(home), a=np.array([{}], object))
    assert same(cache.cached("things", KEY, lambda: ARRAYS))
    assert capsys.readouterr().err.count("damaged") == 2


def test_objects_are_refused(home):
    with pytest.raises(TypeError, match="pack"):
        cache.cached("things", KEY, lambda: {"a": np.array(["text"], object)})


def test_where_the_cache_cannot_be_written_the_data_come_all_the_same(home, capsys):
    home.mkdir()
    (home / "cache").write_text("a file, where the folder should be")
    assert same(cache.cached("things", KEY, lambda: ARRAYS))
    assert "not cached" in capsys.readouterr().err


def test_many_callers_on_a_cold_cache(home):
    start, results = threading.Barrier(6), []

    def call():
        start.wait()
        results.append(cache.cached("things", KEY, lambda: time.sleep(0.05) or ARRAYS))

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6 and all(map(same, results))
    assert [path.name for path in file(home).parent.iterdir()] == [file(home).name]


def test_the_longest_unused_files_make_room(home, monkeypatch):
    monkeypatch.setattr(cache, "KEEP", 3)
    folder = paths.cache() / "things"
    for index in range(5):
        cache.cached("things", cache.digest(index), lambda: ARRAYS)
        os.utime(folder / f"{cache.digest(index)[:32]}.npz", (1000 + index,) * 2)
    cache.cached("things", cache.digest(2), lambda: pytest.fail("it's there"))  # now the one used last
    cache.cached("things", cache.digest(5), lambda: ARRAYS)
    left = {path.stem for path in folder.iterdir()}
    assert left == {cache.digest(index)[:32] for index in (2, 4, 5)}


def test_what_a_killed_writer_left_is_removed_once_it_is_old(home):
    folder = paths.cache() / "things"
    for name in (".writing-old", ".writing-new"):
        (folder / name).mkdir(parents=True)
    os.utime(folder / ".writing-old", (0, 0))
    cache.cached("things", KEY, lambda: ARRAYS)
    assert not (folder / ".writing-old").exists() and (folder / ".writing-new").exists()


def test_texts_survive_packing():
    texts = ["", "plain", "zero \0 byte", "日本語 and 😀", "two\nlines", ""]
    assert cache.unpack(cache.pack(texts)) == texts
    assert cache.unpack(cache.pack([])) == []


def test_digest_tells_apart_what_is_joined_differently():
    parts = [("ab", "c"), ("a", "bc"), (["ab", "c"],), (["ab"], ["c"]), (["ab"], "c"), (1,), ("1",), (None,), ()]
    assert len({cache.digest(*part) for part in parts}) >= len(parts) - 1  # 1 and "1" may be the same
    assert cache.digest("a", 2) == cache.digest("a", 2)


def write_rows(count, calls=None):
    def make(file):
        if calls is not None:
            calls.append(1)
        for index in range(count):
            file.write(bytes([index % 256]) * 6)
        return {"names": np.arange(count)}
    return make


def rows_file(home):
    return file(home).with_suffix(".rows")


@pytest.mark.parametrize("limit, kind", [(0, np.memmap), (1 << 20, np.ndarray)])
def test_rows_are_written_once_and_mapped_if_they_are_many(home, monkeypatch, limit, kind, capsys):
    monkeypatch.setattr(cache, "IN_MEMORY", limit)
    calls = []
    for _ in range(3):
        rows, arrays = cache.cached_rows("things", KEY, (2, 3), write_rows(300, calls))
        assert type(rows) is kind and rows.dtype == np.uint8 and rows.shape == (300, 2, 3)
        assert (rows == (np.arange(300) % 256)[:, None, None]).all() and not rows.flags.writeable
        assert type(rows[5:9]) is kind
        assert list(arrays) == ["names"] and arrays["names"].tolist() == list(range(300))
    assert len(calls) == 1 and capsys.readouterr() == ("", "")
    assert sorted(path.suffix for path in file(home).parent.iterdir()) == [".npz", ".rows"]


@pytest.mark.parametrize("limit", [0, 1 << 20])
@pytest.mark.parametrize("damage", [
    lambda content: content[:-1], lambda content: b"", lambda content: b"\1" + content[1:],
    lambda content: content + b"\0" * 6])
def test_damaged_rows_are_written_again(home, monkeypatch, capsys, limit, damage):
    monkeypatch.setattr(cache, "IN_MEMORY", limit)
    cache.cached_rows("things", KEY, (2, 3), write_rows(9))
    rows_file(home).write_bytes(damage(rows_file(home).read_bytes()))
    calls = []
    for _ in range(2):
        assert cache.cached_rows("things", KEY, (2, 3), write_rows(9, calls))[0].shape == (9, 2, 3)
    assert len(calls) == 1
    assert str(rows_file(home)) in capsys.readouterr().err


def test_missing_rows_and_a_missing_description_are_made_again(home):
    for path in (file(home), rows_file(home)):
        cache.cached_rows("things", KEY, (2, 3), write_rows(9))
        path.unlink()
        calls = []
        assert cache.cached_rows("things", KEY, (2, 3), write_rows(9, calls))[0].shape == (9, 2, 3)
        assert len(calls) == 1


def test_no_rows_at_all(home, monkeypatch):
    for limit in (0, 9):
        monkeypatch.setattr(cache, "IN_MEMORY", limit)
        assert cache.cached_rows("things", cache.digest(limit), (2, 3), write_rows(0))[0].shape == (0, 2, 3)


def test_rows_without_a_cache_are_held_in_memory(home, capsys):
    home.mkdir()
    (home / "cache").write_text("a file, where the folder should be")
    rows, arrays = cache.cached_rows("things", KEY, (2, 3), write_rows(9))
    assert rows.shape == (9, 2, 3) and len(arrays["names"]) == 9
    assert "not cached" in capsys.readouterr().err


def test_a_failure_to_make_rows_is_not_the_caches(home, capsys):
    def make(stream):
        stream.write(b"half")
        raise DataError("photo 7 is damaged.")

    with pytest.raises(DataError, match="photo 7"):
        cache.cached_rows("things", KEY, (2, 3), make)
    assert capsys.readouterr().err == "" and list(file(home).parent.iterdir()) == []


def test_few_files_of_rows_are_kept(home):
    for index in range(5):
        cache.cached_rows("things", cache.digest(index), (2, 3), write_rows(2))
        for path in file(home).parent.glob(f"{cache.digest(index)[:32]}.*"):
            os.utime(path, (1000 + index,) * 2)
    assert {path.stem for path in file(home).parent.glob("*.rows")} == {
        path.stem for path in file(home).parent.glob("*.npz")} == {
        cache.digest(index)[:32] for index in (2, 3, 4)}
