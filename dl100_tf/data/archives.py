"""Datasets read straight from their `.tar.gz`: nothing is unpacked, so nothing can land where it shouldn't."""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from dl100_tf.errors import DataError

FILE_LIMIT = 1 << 20  # bytes of one file that is read: 75 times the longest IMDb review
TOTAL_LIMIT = 1 << 30  # bytes that the whole archive may unpack to: about three times aclImdb_v1.tar.gz


def files(archive: Path, wanted: Callable[[str], bool], limit: int = FILE_LIMIT) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the wanted files of a `.tar.gz`, having read and checked every byte of it at the end.

    Args:
        archive: the file.
        wanted: says by a file's name whether to read it.
        limit: bytes that a wanted file may have.

    Raises:
        DataError: the archive is truncated or damaged, can't be opened, or holds what no dataset does: a name that
            leads out of its folder, a link, a device, the same file twice, a wanted file over `limit`, over 1 GiB in
            all.
    """
    again = "download the original again, or delete it."
    try:
        with gzip.open(archive) as unzipped:
            stream = _Bounded(unzipped, archive)
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                seen = set()
                for member in tar:
                    _check(member, seen, archive)
                    if member.isfile() and wanted(member.name):
                        if member.size > limit:
                            raise DataError(f"{archive} holds {member.name!r} of {member.size:,} bytes, and "
                                            f"{limit:,} are plenty: {again}")
                        yield member.name, tar.extractfile(member).read()
            while stream.read(1 << 20):  # gzip compares its checksum with the content at the very end
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise DataError(f"{archive} is truncated or damaged ({error}): {again}") from error
    except OSError as error:
        raise DataError(f"{archive} can't be read ({error.strerror or error}): make it readable.") from error


class _Bounded:
    """A stream that refuses to grow without end, as a decompression bomb does."""

    def __init__(self, stream, archive: Path):
        self.stream, self.archive, self.left = stream, archive, TOTAL_LIMIT

    def read(self, size: int) -> bytes:
        content = self.stream.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise DataError(f"{self.archive} unpacks to more than {TOTAL_LIMIT:,} bytes: it isn't the original; "
                            "download that again.")
        return content


def _check(member: tarfile.TarInfo, seen: set[str], archive: Path) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name:
        fault = "which leads out of its folder"
    elif not (member.isfile() or member.isdir()):
        fault = "a link or a device"
    elif member.isfile() and str(name) in seen:
        fault = "twice"
    else:
        seen.add(str(name))
        return
    raise DataError(f"{archive} holds {member.name!r}, {fault}: it isn't the original; download that again.")
