"""What a search has asked for and been told, on the disk: a kill at any instant, or a damaged file, loses nothing."""

import hashlib
import json
import re
import warnings
from pathlib import Path

from dl100_tf import paths
from dl100_tf.errors import UserError

FOLDER = "search"  # of a run: its search's journal, and
BEST = f"{FOLDER}/best.json"  # its best settings, once it is over
KEPT = 2  # the newest, and the one before it in case the newest is damaged


class Journal:
    """The settings of a search and its events in order, each change a new file of all of them.

    An event is a trial that began, `{"began": id, "values": {…}}`, or one that ended, `{"ended": id, "score": …}`. The
    files appear by rename, and hold the digest of what they say. If the newest is damaged, the one before it is taken
    with a warning: it lacks one event, which happens again, as what a trial has trained is kept elsewhere.

    Args:
        folder: where the files are, `journal-<number of events>.json`.

    Attributes:
        settings: what was asked for when the search began; `{}` before it has.
        events: all of them.

    Raises:
        UserError: a file can't be read at all: no permission, a failing disk.
    """

    def __init__(self, folder: Path):
        self._folder = Path(folder)
        self.settings, self.events = self._read() or ({}, [])

    def begin(self, settings: dict) -> None:
        """Write down what is asked for; what has happened so far stays."""
        self.settings = settings
        self._write()

    def add(self, **event) -> None:
        """Write down what has just happened."""
        self.events.append(event)
        self._write()

    def ended(self) -> dict[str, dict]:
        """The events with which trials ended, by trial, in the order of their ends."""
        return {event["ended"]: event for event in self.events if "ended" in event}

    def values(self) -> dict[str, dict]:
        """The values that each trial began with, in the order of their beginnings."""
        return {event["began"]: event["values"] for event in self.events if "began" in event}

    def _write(self) -> None:
        said = {"settings": self.settings, "events": self.events}
        target = self._folder / f"journal-{len(self.events):06d}.json"
        with paths.replacing(target) as file:
            file.write_text(json.dumps(said | {"digest": _digest(said)}, indent=1) + "\n", encoding="utf-8")
        for old in self._files()[KEPT:]:
            old.unlink()

    def _read(self) -> tuple[dict, list] | None:
        for file in self._files():
            try:
                said = json.loads(file.read_bytes())
                if said.pop("digest") != _digest(said):
                    raise ValueError("it doesn't hold what was written")
                return said["settings"], said["events"]
            except OSError as error:
                raise UserError(f"{file} can't be read ({error.strerror}): mend that, and run the same command "
                                "again.") from error
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                file.replace(file.with_suffix(".damaged"))
                then = "taking the one before it" if self._files() else "there is no other, so the search begins again"
                warnings.warn(f"{file} is damaged ({error}); {then}.", stacklevel=3)
        return None

    def _files(self) -> list[Path]:
        """Those there are, the newest first."""
        return sorted((file for file in self._folder.glob("journal-*.json")
                       if re.fullmatch(r"journal-\d{6,}\.json", file.name)), reverse=True)


def _digest(said: dict) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
