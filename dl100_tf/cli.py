"""The command line: flags from a recipe's `Config`, and the verbs that every recipe answers to."""

import dataclasses
import importlib
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import tyro

from dl100_tf import __version__, cluster, curriculum, settings, terminal
from dl100_tf import run as runs
from dl100_tf.errors import Interrupted, UserError, closest
from dl100_tf.execution import execute, stopped
from dl100_tf.flags import Common, Schedule, parsed, training_flags
from dl100_tf.predicting import own_verb, predict
from dl100_tf.settings import existing, name_of
from dl100_tf.tuning import refuse_search, tune

__all__ = ["Common", "Schedule", "main"]

VERBS = {
    "train": "train a run, resume an unfinished one, or extend one with more --epochs (the default)",
    "tune": "search for better settings, resume a search, and train with the best",
    "predict": "ask a trained run, or a server",
    "export": "make files for servers and phones of a trained run",
    "report": "write a run's report again and say where it is",
}
LATER = ("demo",)


def main(file: str) -> None:
    """Run the recipe in `file` from the command line: `python -m dl100_tf.projects.<name> [verb] [flags]`.

    The recipe is imported again under its real name, so that no class is ever saved under `__main__`.
    """
    name = Path(file).stem
    words = sys.argv[1:]
    verb = words.pop(0) if words and not words[0].startswith("-") else "train"
    sys.exit(guarded(run_verb, verb, name, words))


def dl100() -> None:
    """The console script: `dl100 list`, `dl100 <verb> <project> [flags]`."""
    sys.exit(guarded(dispatch, sys.argv[1:]))


def dispatch(words: list[str]) -> int:
    """Answer `dl100` with these words behind it; the exit code. `serve` has flags of its own, TensorFlow Serving's."""
    if words and words[0] == "serve":
        from dl100_tf.serving import server

        return server.main(words[1:])
    if not words or words[0] == "help" or {"-h", "--help"} & set(words[:2]):
        print(usage())
    elif words[0] == "--version":
        print(__version__)
    elif words[0] == "list":
        print(curriculum.table())
    elif words[0] not in (*VERBS, *LATER) and words[1:2] not in [[name] for name in curriculum.projects()]:
        raise UserError(f"there is no verb {words[0]!r}{closest(words[0], [*VERBS, 'list', 'serve'])} "
                        "See `dl100 --help`.")
    elif len(words) == 1:
        raise UserError(f"which project? `dl100 {words[0]} <project>`; `dl100 list` shows them.")
    else:
        return run_verb(words[0], words[1], words[2:])
    return 0


def usage() -> str:
    """The text of `dl100 --help`."""
    rows = "\n".join(f"  {verb:<9}{what}" for verb, what in VERBS.items())
    return (f"usage: dl100 <verb> <project> [flags]\n       dl100 list\n\n{rows}\n"
            "  list     the projects and their days\n"
            "  serve    a local server for exported models, with TensorFlow Serving's flags and API\n  --version\n\n"
            "`dl100 train <project> --help` shows a project's flags; "
            "`python -m dl100_tf.projects.<project>` is the same as `dl100 train <project>`.")


def guarded(action, *arguments) -> int:
    """Call `action` and turn what went wrong into one line and an exit code."""
    terminal.prepare()
    try:
        return action(*arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0


def run_verb(verb: str, project: str, words: list[str]) -> int:
    """Answer `verb` for `project`; the exit code."""
    if verb in LATER:
        raise UserError(f"`{verb}` is not in dl100_tf {__version__} yet. What works: {', '.join(VERBS)}.")
    if project not in curriculum.projects():
        raise UserError(f"there is no project {project!r}{closest(project, curriculum.projects())} "
                        "`dl100 list` shows them.")
    recipe = importlib.import_module(f"dl100_tf.projects.{project}")
    own = getattr(recipe, "VERBS", {})
    if verb in own:
        return own_verb(recipe, verb, words)
    if verb not in VERBS:
        there = [*VERBS, *own]
        raise UserError(f"there is no verb {verb!r}{closest(verb, there)} There are: {', '.join(there)}.")
    return {"train": train, "tune": tune, "predict": predict, "export": export, "report": report}[verb](recipe, words)


def train(recipe, words: list[str]) -> int:
    """The verb `train`: a new run, the rest of an unfinished one, or more epochs for a finished one."""
    project = name_of(recipe)
    flags = training_flags(recipe, recipe.Config(), words)
    given = settings.from_file(recipe, flags.settings) if flags.settings else None
    run = runs.Run(project, flags.run or runs.fresh_name(project))
    config = training_flags(recipe, given, words).config if given else flags.config
    if run.exists:
        refuse_search(run)
        stored = settings.stored(recipe, run)
        config = training_flags(recipe, given or stored, words).config
        settings.refuse_changes(run, stored, config)
        done = run.finished_epochs
        if done >= config.epochs:
            print(f"The run {run.name} is finished, there is nothing to do. Its report: {run.path('report.html')}")
            return 0
        if done and config.schedule in settings.PLANNED:
            print(f"The learning rate was planned over {done} epochs and is now planned over {config.epochs}: "
                  "it rises before it falls again.")
    if os.environ.get("TF_CONFIG"):
        if not flags.run:
            raise UserError("TF_CONFIG is set: give the run that all workers share a name, --run NAME.")
        return cluster.join(recipe, config, run, words)
    command = shlex.join(["python", "-m", recipe.__name__, *words])
    try:
        if config.workers > 1:
            cluster.train(recipe, config, run, command)
        scores = execute(recipe, config, run, command)
    except (Interrupted, KeyboardInterrupt) as stop:
        print(f"{stopped(run, stop)} To go on:\n    {run.command}")
        return 130
    from dl100_tf.evaluation import records

    print(records.summary(scores) + f"\nReport: {run.path('report.html')}")
    return 0


def export(recipe, words: list[str]) -> int:
    """The verb `export`: the next version of a run's model for servers and phones, compared with Keras."""
    kind = dataclasses.make_dataclass("Export", [
        (name, Annotated[type(default), tyro.conf.arg(help=said)], dataclasses.field(default=default))
        for name, default, said in (
            ("run", "", "which run; without it, the one that was scored last"),
            ("formats", "saved_model,tflite", "saved_model for servers, tflite for phones and browsers, or both"),
            ("quantize", "float32,float16,dynamic,int8", "the numbers in a .tflite file: any of these"),
            ("to", "", "the folder; without it export/models in $DL100_HOME or here"),
            ("examples", 0, "test examples to compare with Keras on; 0: all"),
            ("force", False, "publish what differs too much from Keras as well"))])
    flags = parsed(kind, words, f"python -m {recipe.__name__} export",
                   "Make files for servers and phones of a trained run, and compare each with Keras.")
    from dl100_tf import export

    chosen, run = export.chosen(flags.formats, flags.quantize), existing(recipe, flags.run)
    export.exportable(run)  # before any data are read
    config = settings.stored(recipe, run)
    with terminal.loading("Loading TensorFlow"):
        export.load()
    data = recipe.load_data(dataclasses.replace(config, source=run.rung or config.source))
    done = export.publish(run, data, **chosen, to=flags.to, examples=flags.examples, force=flags.force)
    print(export.summary(done))
    return 1 if done.refused else 0


def report(recipe, words: list[str]) -> int:
    """The verb `report`: plots and report again, from the run's files alone."""
    kind = dataclasses.make_dataclass("Report", [("run", str, dataclasses.field(default=""))])
    flags = parsed(kind, words, f"python -m {recipe.__name__} report",
                   "Write the report of a run again. Without --run, of the run that was scored last.")
    from dl100_tf import evaluation

    run = existing(recipe, flags.run)
    with run.owned():
        evaluation.plot(run)
        print(f"Report: {evaluation.report(run)}")
    return 0
