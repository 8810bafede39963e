"""One experiment, one directory: everything that a run is, was made from, and has measured."""

import contextlib
import csv
import dataclasses
import datetime
import json
import os
import re
from pathlib import Path

import filelock

from dl100_tf import paths, provenance
from dl100_tf.errors import InUse, UserError

PARTS = ("model.keras", "scores.json", "report.html")  # what a finished run has
MAY_CHANGE = ("epochs", "source", "data_dir", "folder", "weights", "checkpoint_minutes", "checkpoint_steps", "devices",
              "workers")  # from one session of a run to the next; none of them changes what a step does


class Run:
    """A run directory, `runs/<project>/<name>/`, and the only way to write into it.

    Whatever goes in is written whole or not at all (`paths.replacing`), so a process killed at any instant leaves a
    directory that the same command resumes from.

    Attributes:
        project: the recipe's name, e.g. `lstm_imdb`.
        name: the run's name.
        directory: where it lives.
        writes_checkpoints: whether it does, or reads those of another.
    """

    writes_checkpoints = True

    def __init__(self, project: str, name: str):
        self.project = project
        self.name = valid_name(name)
        self.directory = paths.runs(project) / name

    @property
    def exists(self) -> bool:
        """Whether a run has been started here (its settings are on disk)."""
        return self.read_json("config.json") is not None

    @property
    def finished_epochs(self) -> int:
        """For how many epochs the run has come to its end, trained, saved, scored and reported; 0: not yet."""
        if not all(self.path(name).is_file() for name in PARTS):
            return 0
        return self.record().get("finished", {}).get("epochs", 0)

    @property
    def command(self) -> str:
        """What to type to resume the run."""
        return provenance.command_line(self.project, self.name)

    def part(self, name: str) -> "Run":
        """A run inside this one, in `parts/<name>/`, under its lock: a row of an ablation, a phase, a trial."""
        part = Run(self.project, self.name)
        part.directory = self.directory / "parts" / valid_name(name)
        return part

    def after_training(self) -> None:
        """Called once the net that the run is of is trained. Nothing follows from it, but to a search's trial."""

    def record(self) -> dict:
        """What `provenance.json` holds; `{}` before the run has begun.

        Raises:
            UserError: the file is damaged.
        """
        record = self.read_json("provenance.json", {})
        if not isinstance(record, dict) or not isinstance(record.get("finished", {}), dict):
            raise UserError(f"{self.path('provenance.json')} is damaged. Start again under another --run name.")
        return record

    @property
    def rung(self) -> str:
        """The data source that the run was begun with; empty before that."""
        return self.record().get("source", {}).get("rung", "")

    def path(self, name: str) -> Path:
        """Where `name` is in the run directory, to read it."""
        return self.directory / name

    def writing(self, name: str):
        """Context manager: yield a temporary path whose content becomes `name` at the end, whole or not at all."""
        return paths.replacing(self.path(name))

    def write_text(self, name: str, text: str) -> None:
        """Write a text file (UTF-8)."""
        with self.writing(name) as file:
            file.write_text(text, encoding="utf-8")

    def write_json(self, name: str, value) -> None:
        """Write a JSON file."""
        self.write_text(name, json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def read_json(self, name: str, default=None):
        """Read a JSON file; `default` where there is none.

        Raises:
            UserError: the file is damaged.
        """
        path = self.path(name)
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return default
        except OSError as error:
            raise UserError(f"{path} can't be read ({error.strerror}): change its permissions.") from error
        except ValueError as error:
            raise UserError(f"{path} is damaged ({error}). Start again under another --run name.") from error

    def write_table(self, name: str, rows: list[dict]) -> None:
        """Write rows with the same keys as CSV."""
        with self.writing(name) as path, open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
            writer.writeheader()
            writer.writerows(rows)

    def read_table(self, name: str) -> list[dict]:
        """Read a CSV table of numbers, `[]` where there is none."""
        if not self.path(name).is_file():
            return []
        with open(self.path(name), newline="", encoding="utf-8") as file:
            return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]

    def save(self, model) -> None:
        """Write the Keras model as `model.keras`."""
        with self.writing("model.keras") as file:
            model.save(file)

    def load_model(self):
        """Read `model.keras` back.

        Raises:
            UserError: there is no model yet, or the file is damaged.
        """
        import keras

        from dl100_tf.models import standards  # noqa: F401  registers what a model file may name

        path = self.path("model.keras")
        if not path.is_file():
            raise UserError(f"the run {self.name} of {self.project} has no model: let it finish with `{self.command}`.")
        try:
            return keras.saving.load_model(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            first = str(error).strip().splitlines()[0]
            raise UserError(f"{path} can't be read as a Keras model ({first}).") from error

    @contextlib.contextmanager
    def owned(self):
        """Hold the run for this process alone; a killed owner's lock is gone with it.

        Raises:
            InUse: another process has it.
            UserError: the directory can't be made.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.directory / paths.LOCK, timeout=0)
            lock.acquire()
        except filelock.Timeout:
            holder = self.read_json(".owner.json", {})
            raise InUse(f"{self.directory} is in use by process {holder.get('pid', '?')} since "
                        f"{holder.get('since', '?')}: wait for it, or give this run another name.") from None
        except OSError as error:
            raise UserError(f"{self.directory} can't be written to ({error.strerror}). Set DL100_HOME to a "
                            "folder that can be, or change its permissions.") from error
        try:
            paths.sweep_all(self.directory)
            self.write_json(".owner.json", {"pid": os.getpid(), "since": provenance.now()})
            yield self
        finally:
            lock.release()

    def begin(self, config, command: str) -> None:
        """Write down what the run is about to do: the whole `config`, and this session in `provenance.json`."""
        self.write_json("config.json", dataclasses.asdict(config))
        record = {"project": self.project, "run": self.name, "sessions": []} | self.record()
        self.write_json("provenance.json",
                        record | {"sessions": [*record["sessions"], provenance.session(command)]})

    def note(self, **facts) -> None:
        """Add facts learnt on the way to `provenance.json`."""
        self.write_json("provenance.json", self.record() | facts)

    def refuse_fewer_epochs(self, epochs: int, trained: int) -> None:
        """Raise a UserError where fewer epochs are asked for than the run has been trained."""
        if epochs < trained:
            raise UserError(f"the run {self.name} has been trained for {trained} epochs already: --epochs can't be "
                            f"{epochs}.")

    def pin_source(self, source: dict) -> None:
        """Note the data source, or hold a resumed run to the one it was begun with.

        Args:
            source: its `rung` and `digest`, and whatever else is worth writing down.

        Raises:
            UserError: the run was begun on other data.
        """
        before = self.record().get("source")
        if before and before["digest"] != source["digest"]:
            raise UserError(f"the run {self.name} was begun on other data ({before['rung']}, {before['where']}) than "
                            f"is there now ({source['rung']}, {source['where']}): bring that back, or start again "
                            "under another --run name.")
        self.note(source=source)

    def pin(self, what: str, digest: str, where: str) -> None:
        """Note `weights` or whatever else the run is made from, or hold a resumed run to what it was begun with.

        Raises:
            UserError: what `where` holds now has another digest.
        """
        if self.record().get(what, {}).get("digest", digest) != digest:
            raise UserError(f"the run {self.name} was begun with other {what} than {where} holds now: bring those "
                            "back, or start again under another --run name.")
        self.note(**{what: {"from": where, "digest": digest}})


def valid_name(name: str) -> str:
    """`name`, if it can name a run directory.

    Raises:
        UserError: it could lead out of the runs folder, or no file system would take it.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name):
        raise UserError(f"{name!r} can't name a run: use letters, digits, '_', '-' and '.', not beginning with "
                        "'.' or '-', at most 100 of them.")
    return name


def fresh_name(project: str) -> str:
    """A name for a new run: the time, and a number if that second is taken."""
    stamp = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    taken = sum(1 for _ in paths.runs(project).glob(f"{stamp}*"))
    return f"{stamp}_{taken + 1}" if taken else stamp
