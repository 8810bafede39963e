"""The terminal: streams that may be closed or know no Unicode, and TensorFlow's chatter while it loads."""

import contextlib
import logging
import os
import sys
import tempfile
import warnings

from dl100_tf.errors import UserError


def prepare() -> None:
    """Make what is printed come out whatever the terminal is, and warnings one line each; TensorFlow's settings."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no news of CUDA and AVX; errors still raise
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # off by default without AVX-512, where it is faster as well
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # that a graph is traced anew is no news to who trains
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by who started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  open to the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def loading(what: str):
    """A spinner while TensorFlow loads; what its C++ core then says of CUDA is shown only if the loading fails."""
    from rich.console import Console

    screen = os.dup(2)
    with tempfile.TemporaryFile() as said, open(os.dup(screen), "w", encoding="utf-8") as stream:
        os.dup2(said.fileno(), 2)
        try:
            with Console(file=stream).status(what):
                yield
        except UserError:
            raise
        except Exception:
            said.seek(0)
            stream.write(said.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)
