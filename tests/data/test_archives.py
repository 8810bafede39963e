import gzip
import tarfile

import pytest

from dl100_tf.data import archives
from dl100_tf.errors import DataError

FILES = {"set/a.txt": b"first", "set/b.txt": b"second", "set/c.feat": b"not wanted"}


def read(path):
    return dict(archives.files(path, lambda name: name.endswith(".txt")))


def member(name, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.fixture
def path(tmp_path):
    return tmp_path / "set.tar.gz"


def test_wanted_files_are_read_and_nothing_is_unpacked(path, write_archive):
    write_archive(path, FILES, member("set", tarfile.DIRTYPE))
    assert read(path) == {"set/a.txt": b"first", "set/b.txt": b"second"}
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("bad, fault", [
    (member("../evil.txt"), "out of its folder"), (member("set/../../evil.txt"), "out of its folder"),
    (member("/etc/evil.txt"), "out of its folder"), (member("set\\..\\evil.txt"), "out of its folder"),
    (member("set/link.txt", tarfile.SYMTYPE, "/etc/passwd"), "a link or a device"),
    (member("set/link.txt", tarfile.LNKTYPE, "set/a.txt"), "a link or a device"),
    (member("set/null.txt", tarfile.CHRTYPE), "a link or a device"),
    (member("set/pipe", tarfile.FIFOTYPE), "a link or a device"),
    (member("set/a.txt"), "twice"), (member("./set/a.txt"), "twice")])
def test_what_no_dataset_holds_is_refused(path, bad, fault, write_archive):
    write_archive(path, FILES, bad)
    with pytest.raises(DataError, match=fault) as caught:
        read(path)
    assert str(path) in str(caught.value) and repr(bad.name) in str(caught.value)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.9, 0.999])
def test_a_truncated_archive_is_an_error(path, share, write_archive):
    write_archive(path, FILES | {f"set/{index}.txt": bytes(f"{index * 7919}", "ascii") for index in range(500)})
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match="truncated or damaged") as caught:
        read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_changed_byte_is_an_error(path, write_archive):
    write_archive(path, {"set/a.txt": b"x" * 5000})
    content = bytearray(gzip.decompress(path.read_bytes()))
    whole = bytearray(gzip.compress(bytes(content), compresslevel=0))  # stored, so the byte only breaks the checksum
    whole[whole.index(b"xxxx") + 100] = ord("y")
    path.write_bytes(whole)
    with pytest.raises(DataError, match="CRC"):
        read(path)


@pytest.mark.parametrize("content", [b"this is no archive", gzip.compress(b"nor is this" * 99)])
def test_something_else_under_that_name(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        read(path)


def test_a_folder_under_that_name(path):
    path.mkdir()
    with pytest.raises(DataError, match="can't be read"):
        read(path)


def test_bombs_do_not_go_off(path, monkeypatch, write_archive):
    write_archive(path, {"set/a.txt": bytes(archives.FILE_LIMIT + 1)})
    with pytest.raises(DataError, match="1,048,576 are plenty"):
        read(path)
    monkeypatch.setattr(archives, "TOTAL_LIMIT", 1 << 20)
    write_archive(path, {"set/unwanted": bytes(2 << 20)})
    with pytest.raises(DataError, match="more than 1,048,576 bytes"):
        read(path)
    write_archive(path, FILES)
    with gzip.open(path, "ab") as file:  # behind the end that tar sees
        file.write(bytes(2 << 20))
    with pytest.raises(DataError, match="more than 1,048,576 bytes"):
        read(path)
