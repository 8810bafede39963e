"""Processes that a run begins: those of a search's trials, and workers that share a training."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from dl100_tf import paths
from dl100_tf.errors import InUse, Unfit, UserError
from dl100_tf.run import Run

ENDING = 10.0  # seconds that a process waits for one before it, which was killed, to end
MENDABLE = 2  # exit code: `failure.json` says what the user can mend
STOPPED = 130  # exit code: it was asked to stop, and what it had trained is saved
LOST = 255  # exit code where nobody knows how a process ended, as the one that had forked it was killed


def context():
    """How processes begin: on Linux forked from one that has loaded TensorFlow once, elsewhere anew."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    return multiprocessing.get_context("forkserver")


def load() -> None:
    """Begin the process that loads TensorFlow once for all of them, where there is one."""
    if (made := context()).get_start_method() == "forkserver":
        from multiprocessing import forkserver

        made.set_forkserver_preload(["dl100_tf.training.preloaded"])
        forkserver.ensure_running()


def begun(target, arguments: tuple):
    """A process that calls `target(*arguments)` and ends with this one."""
    until = time.monotonic() + ENDING
    while True:
        process = context().Process(target=target, args=arguments, daemon=True)
        try:
            process.start()
            return process
        except (EOFError, ConnectionError):  # the one that would fork it was killed; once it is gone there is another
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def enter(run: Run, errors_only: bool = False) -> None:
    """What a process that carries out `run` for another one begins with.

    It ends where that one is killed, as nobody would hear of what it finds. What it prints goes to `log.txt`.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the fork server ignores it
    _log_to(run.path("log.txt"), errors_only)


def fail(run: Run, error: Exception):
    """End this process, and leave the reason in the run's `failure.json`.

    With `MENDABLE` where it has nothing to do with what was to be trained: a full disk, data that aren't there.
    """
    reason, mendable = str(error), not isinstance(error, Unfit)
    if not isinstance(error, UserError):
        traceback.print_exception(error)
        reason = f"{type(error).__name__}: {(reason.strip() or 'no reason given').splitlines()[0]}"
        if mendable := paths.is_full(error):
            reason = f"the disk is full ({reason}). Free some space and run the same command again."
    with contextlib.suppress(UserError):  # not even room for this
        run.write_json("failure.json", {"reason": reason})
    sys.exit(MENDABLE if mendable else 1)


def failure(run: Run) -> str:
    """Why a run's process failed, in words; empty where nothing is known of that."""
    try:
        return run.read_json("failure.json", {}).get("reason", "")
    except (UserError, AttributeError):
        return ""


def complaint(run: Run, who: str) -> UserError:
    """What the user is told of a run's process, called `who`, that can't go on before he mends something."""
    return UserError(failure(run) or f"{who} can't go on: {run.path('log.txt')} says why. Then run the same command "
                     "again.")


def _log_to(file: Path, errors_only: bool = False) -> None:
    """Let what this process prints, or only what it complains of, go to the end of a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (2,) if errors_only else (1, 2):
        os.dup2(log, stream)


def wait_for(run: Run, patience: float = ENDING) -> None:
    """Wait until nobody else has the run: a process whose parent was killed takes a moment to end.

    Raises:
        InUse: somebody else has it for longer than `patience` seconds.
        UserError: it can't be written to.
    """
    began = time.monotonic()
    while True:
        try:
            with run.owned():
                return
        except InUse as held:
            waited = time.monotonic() - began
            if waited > patience:
                raise
            if waited < 0.1:
                print(f"Waiting: {held}", flush=True)
            time.sleep(0.1)
