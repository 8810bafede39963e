"""The one error that is written for the person at the keyboard."""


class UserError(Exception):
    """Something the user can mend: the message names the thing that is wrong and the remedy, in one line.

    The command line prints it as it stands and exits with code 2; no traceback is shown.
    """


class DataError(UserError):
    """A dataset is damaged, incomplete or not what it claims to be."""


class Interrupted(Exception):
    """Training stopped at a safe point because the user asked (Ctrl-C, SIGTERM); the state is on disk."""
