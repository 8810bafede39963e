"""Flags: what a `Config` becomes on the command line."""

import contextlib
import dataclasses
import io
import itertools
import re
from typing import Annotated, Literal

import tyro

from dl100_tf.errors import UserError

Schedule = Literal["constant", "linear", "cosine", "one_cycle", "plateau"]

MAY_BE_ZERO = ("patience", "seed", "checkpoint_minutes", "checkpoint_steps", "shift", "cutout",
               "kinds")  # others count things
MOST = {"dropout": 0.99, "forget": 0.99, "kinds": 100, "learning_rate": 100.0, "momentum": 0.999, "memory": 0.99999,
        "neighbours": 1000, "share": 1.0, "smoothing": 0.99, "shift": 31, "shrinkage": 1.0, "size": 1024}


@dataclasses.dataclass(frozen=True)
class Common:
    """The settings that every recipe has."""

    source: Literal["auto", "local", "tfds", "sample"] = "auto"  # where the data comes from; auto: the first there is
    data_dir: Annotated[str, tyro.conf.arg(help_behavior_hint="(default: $DL100_DATA)")] = ""  # holds local datasets
    epochs: int = 10  # passes over the training data; more than a finished run has extend it
    batch_size: int = 64  # examples a step
    learning_rate: float = 1e-3  # the largest learning rate
    schedule: Schedule = "constant"  # how the learning rate moves
    patience: int = 0  # stop after so many epochs without a better validation loss; 0: never
    keep: Literal["best", "last"] = "best"  # the weights of the epoch with the least validation loss, or of the last
    seed: int = 0  # seeds the first weights, the order of the data and the validation split
    deterministic: bool = False  # bitwise the same result every time, somewhat slower
    checkpoint_minutes: float = 1.0  # minutes between checkpoints within an epoch; 0: none by time
    checkpoint_steps: int = 0  # steps between checkpoints within an epoch; 0: none by count
    precision: Literal["float32", "mixed_bfloat16"] = "float32"  # of what is computed in training; 16 bits are faster
    devices: int = 1  # GPUs of this machine that share each batch; without any, parts of its processor
    workers: int = 1  # processes on this machine that share each batch, as machines of a cluster would

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value, flag = getattr(self, field.name), f"--{field.name.replace('_', '-')}"
            if isinstance(value, list):  # JSON knows no tuples
                value = tuple(value)
                object.__setattr__(self, field.name, value)
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, bool) or not isinstance(one, int | float):
                    continue
                least = 0 if field.name in MAY_BE_ZERO or isinstance(one, float) else 1
                most = MOST.get(field.name, 2**31 - 1)
                if not least <= one <= most:
                    raise UserError(f"{flag} can't be {one}: it goes from {least} to {most}.")
        if not self.learning_rate:
            raise UserError("--learning-rate can't be 0: nothing would be learnt.")
        if self.devices > 1 and self.workers > 1:
            raise UserError("--devices shares each batch in one process, --workers among several: leave one of them "
                            "out.")
        if self.keep == "last" and self.patience:
            raise UserError("--patience waits for better weights than the best, and --keep last doesn't look for the "
                            "best: leave one of them out.")


def training_flags(recipe, default, words: list[str], verb: str = "", more=()):
    """The flags of a training command: `config`, `run` and `settings`, with those of `default` where none is given.

    Args:
        verb: that stands before them, if it isn't `train`.
        more: fields besides: (name, type, field).
    """
    kind = dataclasses.make_dataclass("Train", [
        ("config", Annotated[type(default), tyro.conf.arg(name="")], dataclasses.field(default=default)),
        ("run", Annotated[str, tyro.conf.arg(help="the run's name; an unfinished run of this name is resumed",
                                             help_behavior_hint="(default: the time)")],
         dataclasses.field(default="")),
        ("settings", Annotated[str, tyro.conf.arg(name="config", metavar="FILE", help_behavior_hint="(default: none)",
                                                  help="take the settings from a file, such as the best.json of a "
                                                  "search; flags come before what it says")],
         dataclasses.field(default="")), *more])
    program = f"python -m {recipe.__name__} {verb}".rstrip()
    return parsed(kind, words, program, re.sub(r"\n+", "\n\n", recipe.__doc__))


def parsed(kind, words: list[str], program: str, description: str):
    """The dataclass `kind` filled from `words`.

    Raises:
        UserError: a word that doesn't belong there, in one line.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(kind, args=[*map(readable, words)], prog=program, description=description)
    except SystemExit as end:
        if not end.code:
            raise
        # tyro says it below a title and above a rule, in a box where the terminal can draw one
        lines = [line.strip(" │") for line in said.getvalue().splitlines()[1:]]
        body = itertools.dropwhile(_is_rule, lines)
        first = itertools.takewhile(lambda line: not _is_rule(line), body)
        raise UserError(f"{' '.join(first).rstrip('.')}. See `{program} --help`.") from None


def readable(word: str) -> str:
    """A word of the command line that can be printed, whatever bytes it was typed in."""
    return word.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_rule(line: str) -> bool:
    return set(line) <= set("─-╰╯")
