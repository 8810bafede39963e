"""Ctrl-C that loses nothing: the wish is noted, and met at the next safe point."""

import contextlib
import os
import signal
import threading

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class InterruptFlag:
    """Set once the user (SIGINT) or the system (SIGTERM, or SIGHUP when its terminal goes) asks the process to stop.

    A second SIGINT stops it at once.

    Args:
        promise: what the user is told then.
    """

    def __init__(self, promise: str = "Stopping at the next safe point (Ctrl-C again stops at once) ..."):
        self.is_set, self._promise = False, promise

    def __bool__(self):
        return self.is_set

    @contextlib.contextmanager
    def listening(self):
        """Note these signals while the block runs. They reach only a process's main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        heard = [name for name in SIGNALS if name == signal.SIGINT or signal.getsignal(name) != signal.SIG_IGN]  # nohup
        before = {name: signal.signal(name, self._note) for name in heard}
        try:
            yield self
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def _note(self, number, frame):
        if self.is_set and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.is_set = True
        say(f"\n{self._promise}")


def say(text: str) -> None:
    """Print `text`; where nobody listens any more (`| head`, a terminal that was closed), go on without."""
    try:
        print(text, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
