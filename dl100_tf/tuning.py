"""The verb `tune`: a search over a recipe's settings, then the recipe with the best of them."""

import dataclasses
import os
import shlex
import time
import warnings
from typing import Annotated, Literal

import tyro

from dl100_tf import provenance, settings, terminal
from dl100_tf import run as runs
from dl100_tf.errors import Interrupted, UserError
from dl100_tf.execution import execute, stopped
from dl100_tf.flags import training_flags
from dl100_tf.run import Run
from dl100_tf.training.journal import BEST, FOLDER, Journal

WAIT = 60  # seconds that a worker waits for the chief to begin
ASKED = [
    ("method", Annotated[Literal["random", "grid", "bayesian", "hyperband"],
                         tyro.conf.arg(help="how the next settings to try are chosen")], "random"),
    ("trials", Annotated[int, tyro.conf.arg(help="how many to try at most; --epochs is for how long each is trained, "
                                            "by hyperband the longest")], 20),
    ("parallel", Annotated[int, tyro.conf.arg(help="how many at a time on this machine")], 1)]


def tune(recipe, words: list[str]) -> int:
    """The verb `tune`: a new search, or the rest of one; then the recipe with the best settings, scored once."""
    if getattr(recipe, "search_space", "usual") is None:
        raise UserError(f"{settings.name_of(recipe)} can't be tuned: no loss of its says which net is the better one.")
    flags = asked(recipe, recipe.Config(), words)
    run = Run(settings.name_of(recipe), flags.run or runs.fresh_name(settings.name_of(recipe)))
    command = shlex.join(["python", "-m", recipe.__name__, "tune", *words])
    try:
        if help_chief(recipe, run, flags.run):
            return 0
        scores = carry_out(recipe, run, words, command)
    except (Interrupted, KeyboardInterrupt) as stop:
        again = provenance.command_line(run.project, run.name, "tune")
        again += f" --parallel {flags.parallel}" if flags.parallel > 1 else ""  # the search itself doesn't keep it
        print(f"{stopped(run, stop)} To go on:\n    {again}")
        return 130
    if scores is None:
        print(f"The search {run.name} is finished, there is nothing to do. Its report: {run.path('report.html')}")
        return 0
    from dl100_tf.evaluation import records

    print(records.summary(scores) + f"\nSettings: {run.path(BEST)}\nReport: {run.path('report.html')}")
    return 0


def carry_out(recipe, run: Run, words: list[str], command: str) -> dict | None:
    """Search, train with the best settings, and show both; the scores, or None where all of it is done.

    Raises:
        Interrupted: the user stopped it; the state is saved.
        UserError: something the user can mend.
    """
    with terminal.loading("Loading Keras Tuner"):
        from dl100_tf.searching import Search
    journal = Journal(run.path(FOLDER))
    if journal.settings:
        mend(run, journal)
    flags = begun(recipe, run, journal, words)
    if run.finished_epochs and run.record().get("searched") and run.path(BEST).is_file():
        return None
    search = Search(recipe, run, journal, flags.config, flags.method, flags.trials, flags.parallel)
    with run.owned():
        if run.read_json(BEST) is None:
            run.path(FOLDER).mkdir(exist_ok=True)  # before all else: whatever happens now, this is a search
            run.begin(flags.config, command)
            search.go()
            run.write_json(BEST, search.best())
        search.hand_over()
    scores = execute(recipe, settings.rebuilt(recipe, run.read_json(BEST), run.path(BEST)), run, command)
    with run.owned():
        search.explain()
        run.note(searched=True)
    return scores


def help_chief(recipe, run: Run, name: str) -> bool:
    """Be a worker in another process's search, where the environment says so; whether it does.

    Raises:
        Interrupted: the user stopped it; the state is saved.
        UserError: it isn't said which search, or it can't be found.
    """
    with terminal.loading("Loading Keras Tuner"):
        from dl100_tf.searching import Search
        from dl100_tf.training import askers
    worker = askers.member()
    if not worker:
        return False
    if not name:
        raise UserError("KERASTUNER_TUNER_ID is set: give the search that chief and workers share a name, --run NAME.")
    if worker == "chief":
        return False
    if run.path(BEST).is_file():
        print(f"The search {run.name} is over.")
        return True
    until = time.monotonic() + WAIT
    while not (journal := Journal(run.path(FOLDER))).settings:
        if time.monotonic() > until:
            raise UserError(f"there is no search in {run.directory}: start the chief first, with the same --run, and "
                            "let all have one DL100_HOME.")
        time.sleep(1)
    asked_for = dict(journal.settings)
    config = settings.rebuilt(recipe, asked_for.pop("config"), run.path(FOLDER))
    print(f"{worker} carries out trials of {run.name}", flush=True)
    Search(recipe, run, journal, config, **asked_for).help(worker)
    print("There is nothing more to try; the chief carries on.")
    return True


def mend(run: Run, journal) -> None:
    """Put damaged files of a search's run aside, with a warning: the journal knows what they said."""
    for name in ("config.json", "provenance.json", BEST):
        try:
            run.read_json(name)
        except UserError as damage:
            warnings.warn(f"{damage} It is made anew from the search's journal.", stacklevel=2)
            run.path(name).replace(run.path(f"{name}.damaged"))
    if not run.exists:
        run.write_json("config.json", run.read_json(BEST) or journal.settings["config"])


def begun(recipe, run: Run, journal, words: list[str]):
    """The flags of a new search, or those of one that has begun: it keeps its settings, but may be given more trials.

    Raises:
        UserError: the run has no search, or one of other settings.
    """
    if not journal.settings:
        if run.exists and not run.path(FOLDER).is_dir():
            raise UserError(f"the run {run.name} was trained without a search: give the search another --run name.")
        return asked(recipe, settings.stored(recipe, run) if run.exists else recipe.Config(), words)
    from dl100_tf.training.trials import kept

    before = dict(journal.settings)
    stored = settings.rebuilt(recipe, before.pop("config"), run.path(FOLDER))
    flags = asked(recipe, stored, words, **before)
    changed = ["method"] if flags.method != before["method"] else []
    changed += [name for name in kept(dataclasses.asdict(stored))
                if getattr(stored, name) != getattr(flags.config, name)]
    changed += ["trials"] if flags.trials < before["trials"] else []
    if changed:
        raise UserError(f"the search {run.name} was begun with another --{changed[0].replace('_', '-')}: leave the "
                        "flag out to go on with it, or give the new search another --run name.")
    if flags.trials > before["trials"] and run.read_json(BEST) is not None:
        raise UserError(f"the search {run.name} is over, and its best settings are chosen: give a search with more "
                        "--trials another --run name.")
    return flags


def asked(recipe, default, words: list[str], **standing):
    """The flags of the command; `standing` are those of a search that has begun."""
    more = [(name, kind, dataclasses.field(default=standing.get(name, usual))) for name, kind, usual in ASKED]
    flags = training_flags(recipe, default, words, "tune", more)
    if flags.settings:
        flags = training_flags(recipe, settings.from_file(recipe, flags.settings), words, "tune", more)
    for name, most in (("trials", 100_000), ("parallel", 1000)):
        if not 1 <= getattr(flags, name) <= most:
            raise UserError(f"--{name} can't be {getattr(flags, name)}: it goes from 1 to {most}.")
    if flags.config.workers > 1 or os.environ.get("TF_CONFIG"):
        raise UserError("a trial is trained by one process: leave --workers and TF_CONFIG out, and have several trials "
                        "at a time by --parallel.")
    return flags


def refuse_search(run: Run) -> None:
    """Raise a UserError where `train` is told to go on with a run whose search isn't over."""
    if run.path(FOLDER).is_dir() and run.read_json(BEST) is None:
        raise UserError(f"the run {run.name} is a search: go on with it by "
                        f"`{provenance.command_line(run.project, run.name, 'tune')}`.")
