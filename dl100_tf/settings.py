"""A recipe's runs, and the settings of one that has begun: read back, and held to."""

import dataclasses
import json

from dl100_tf import paths
from dl100_tf import run as runs
from dl100_tf.errors import UserError
from dl100_tf.run import MAY_CHANGE

PLANNED = ("linear", "cosine", "one_cycle")  # schedules that depend on how many epochs are to come


def name_of(recipe) -> str:
    """The recipe's one name."""
    return recipe.__name__.rsplit(".", 1)[-1]


def existing(recipe, name: str):
    """The run of that name, or the one that was scored last.

    Raises:
        UserError: there is none.
    """
    project = name_of(recipe)
    run = runs.Run(project, name) if name else latest(project)
    if not run.exists:
        raise UserError(f"{project} has no run {name!r}: there is no {run.directory}.")
    return run


def latest(project: str) -> runs.Run:
    """The finished run that was scored last.

    Raises:
        UserError: there is none.
    """
    scored = sorted(paths.runs(project).glob("*/scores.json"), key=lambda path: path.stat().st_mtime)
    if not scored:
        raise UserError(f"{project} has no finished run under {paths.runs(project)}: train one with "
                        f"`python -m dl100_tf.projects.{project}`.")
    return runs.Run(project, scored[-1].parent.name)


def stored(recipe, run):
    """The settings that `run` was begun with.

    Raises:
        UserError: they are of another version of the recipe.
    """
    return rebuilt(recipe, run.read_json("config.json"), run.path("config.json"))


def rebuilt(recipe, values: dict, file):
    """The settings that `values`, read from `file`, are.

    Raises:
        UserError: they are of another version of the recipe.
    """
    try:
        return recipe.Config(**values)
    except TypeError as error:
        raise UserError(f"{file} is not of this version of {name_of(recipe)} ({error}). Start again under another "
                        "--run name.") from None


def from_file(recipe, path: str):
    """The settings in a file, such as a search's `best.json` or a run's `config.json`; those it lacks are as usual.

    Raises:
        UserError: it can't be read, or isn't one of this project's settings.
    """
    try:
        return recipe.Config(**json.loads(paths.named(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"--config {path} can't be read: {error.strerror}.") from None
    except (ValueError, TypeError, RecursionError) as error:
        said = str(error).replace("Config.__init__() ", "")
        raise UserError(f"--config {path} holds no settings of {name_of(recipe)} ({said}).") from None


def refuse_changes(run, stored, asked) -> None:
    """A run keeps its settings once it has begun to train, all but `epochs` and those that change no weight."""
    source = run.record().get("source")
    for field in dataclasses.fields(stored) if source else ():
        before, now = getattr(stored, field.name), getattr(asked, field.name)
        same = before == now or (field.name == "source" and now in ("auto", source["rung"]))
        if not same and (field.name == "source" or field.name not in MAY_CHANGE):
            flag = f"--{field.name.replace('_', '-')}"
            raise UserError(f"the run {run.name} was begun with {flag} {before}, not {now}: leave the flag out to go "
                            "on with it, or give the new setting a new --run name.")
    from dl100_tf.evaluation import records  # loads NumPy, which --help does without

    run.refuse_fewer_epochs(asked.epochs, trained=len(records.history(run)))
