"""A tiny IMDb as its authors would lay it out."""

import io
import tarfile

import pytest


@pytest.fixture
def data_dir(tmp_path):
    """A data folder, empty."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def acl(data_dir, review_files):
    """`imdb/aclImdb` with 20 + 12 reviews, half of them positive."""
    folder = data_dir / "imdb" / "aclImdb"
    for name, content in review_files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture
def archive(data_dir, review_files, write_archive):
    """`aclImdb_v1.tar.gz` with the same reviews."""
    path = data_dir / "aclImdb_v1.tar.gz"
    write_archive(path, {f"aclImdb/{name}": content for name, content in review_files.items()})
    return path


@pytest.fixture
def review_files() -> dict[str, bytes]:
    """Name in the folder: content. One has white space around it, one a line break, one an accent."""
    found = {"train/unsup/0_0.txt": b"nobody knows", "train/labeledBow.feat": b"0 0:1", "README": b"read me"}
    for split, count in (("train", 10), ("test", 6)):
        for label, stars in (("neg", 1), ("pos", 9)):
            for index in range(count):
                text = f" café review {index} in {split}: a {label}ative<br /><br />one\n"
                found[f"{split}/{label}/{index}_{stars}.txt"] = text.encode()
    return found


@pytest.fixture
def write_archive():
    """Writes a `.tar.gz` of `files` (name: content) and then of `members` as they are."""
    def write(path, files: dict[str, bytes], *members: tarfile.TarInfo) -> None:
        with tarfile.open(path, "w:gz") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            for member in members:
                tar.addfile(member)
    return write
