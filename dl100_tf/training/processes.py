"""Processes that a run begins: those of a search's trials, and workers that share a training."""

import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path

from dl100_tf.errors import UserError
from dl100_tf.run import Run

LOADED = ("tensorboard.plugins.hparams.api", "keras", "tensorflow")  # what is loaded once for all of them
LOCK = 10.0  # seconds that a process waits for one before it, which was killed, to end


def context():
    """How processes begin: on Linux forked from one that has loaded TensorFlow once, elsewhere anew."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    return multiprocessing.get_context("forkserver")


def load() -> None:
    """Begin the process that loads TensorFlow once for all of them, where there is one."""
    if (made := context()).get_start_method() == "forkserver":
        from multiprocessing import forkserver

        made.set_forkserver_preload(list(LOADED))
        forkserver.ensure_running()


def begun(target, arguments: tuple):
    """A process that calls `target(*arguments)` and ends with this one."""
    until = time.monotonic() + LOCK
    while True:
        process = context().Process(target=target, args=arguments, daemon=True)
        try:
            process.start()
            return process
        except (EOFError, ConnectionError):  # the one that would fork it was killed; once it is gone there is another
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def end_with_parent() -> None:
    """Let this process end where the one that began it is killed: nobody would hear of what it finds."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def log_to(file: Path, errors_only: bool = False) -> None:
    """Let what this process prints, or only what it complains of, go to the end of a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (2,) if errors_only else (1, 2):
        os.dup2(log, stream)


def wait_for(run: Run) -> None:
    """Wait until nobody else has the run: a process whose parent was killed takes a moment to end.

    Raises:
        UserError: somebody else has it for longer.
    """
    until = time.monotonic() + LOCK
    while True:
        try:
            with run.owned():
                return
        except UserError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
