"""The one error that is written for the person at the keyboard."""

import difflib


class UserError(Exception):
    """Something the user can mend: the message names the thing that is wrong and the remedy, in one line.

    The command line prints it as it stands and exits with code 2; no traceback is shown.
    """


class DataError(UserError):
    """A dataset is damaged, incomplete or not what it claims to be."""


class InUse(UserError):
    """Another process has the run."""


class Unfit(UserError):
    """These settings can't be trained, whatever the machine and the data: a search goes on with others."""


class Interrupted(Exception):
    """Training stopped at a safe point because the user asked (Ctrl-C, SIGTERM); the state is on disk."""


def closest(word: str, words) -> str:
    """`, did you mean …?` where a known word is close, in capitals or not; for the middle of a message."""
    known = {name.lower(): name for name in words}
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f", did you mean {known[near[0]]}?" if near else "."
