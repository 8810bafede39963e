"""Ctrl-C that loses nothing: the wish is noted, and met at the next safe point."""

import contextlib
import signal
import threading


class InterruptFlag:
    """Set once the user (SIGINT) or the system (SIGTERM) asks the process to stop; a second SIGINT stops it at once."""

    def __init__(self):
        self.is_set = False

    def __bool__(self):
        return self.is_set

    @contextlib.contextmanager
    def listening(self):
        """Note SIGINT and SIGTERM while the block runs. Signals reach only a process's main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {name: signal.signal(name, self._note) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def _note(self, number, frame):
        if self.is_set and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.is_set = True
        print("\nStopping at the next safe point (Ctrl-C again stops at once) ...", flush=True)
