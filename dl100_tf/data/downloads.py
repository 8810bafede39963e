"""Files that come from their author's page, for datasets that TensorFlow Datasets doesn't have."""

import contextlib
import sys
from pathlib import Path

from dl100_tf import paths
from dl100_tf.data import sources
from dl100_tf.errors import DataError, UserError


def fetched(url: str, sha256: str | None = None) -> Path:
    """The file at `url`, from the cache or over the network; with a checksum, the very file or none.

    Raises:
        sources.Absent: the server doesn't answer.
        DataError: the download broke off, or brought another file.
    """
    file = paths.cache() / "downloads" / url.rsplit("/", 1)[-1]
    if not file.is_file():
        if not sources.reachable(url):
            raise sources.Absent(f"The network: {url} can't be reached.")
        import keras

        try:
            with paths.replacing(file) as temporary, contextlib.redirect_stdout(sys.stderr):
                keras.utils.get_file(temporary.name, url, file_hash=sha256, hash_algorithm="sha256",
                                     cache_dir=str(temporary.parent), cache_subdir="")
        except UserError:
            raise
        except Exception as error:  # urllib, http, the wrong checksum
            raise DataError(f"{url} can't be downloaded ({error}): run the same command again.") from error
    return file
