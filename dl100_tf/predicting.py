"""The verb `predict`: a trained run's model, or a server's, is asked what stands on the command line."""

import dataclasses
import inspect
from pathlib import Path
from typing import Annotated, get_type_hints

import tyro

from dl100_tf import settings, terminal
from dl100_tf.errors import UserError
from dl100_tf.flags import parsed, readable

FLAGS = (("run", "which run; without it, the one that was scored last"),
         ("server", "ask a server instead, such as http://localhost:8501 or grpc://localhost:8500"),
         ("label", "of a server's versions the one with this label, such as stable"))


def predict(recipe, words: list[str]) -> int:
    """Print the five likeliest labels for each example, and who said so; the exit code."""
    name = settings.name_of(recipe)
    if not hasattr(recipe, "predict"):
        raise UserError(f"{name} has nothing to predict: its lesson is in the report.")
    hints = get_type_hints(recipe.predict)
    asks = [one for one in inspect.signature(recipe.predict).parameters if one not in ("model", "config")]
    files = [hints[one] for one in asks] == [Path]  # then any number of them
    kind = dataclasses.make_dataclass("Predict", [
        *((one, tyro.conf.Positional[tuple[Path, ...] if files else hints[one]]) for one in asks),
        *((flag, Annotated[str, tyro.conf.arg(help=said)], dataclasses.field(default="")) for flag, said in FLAGS)])
    flags = parsed(kind, words, f"python -m {recipe.__name__} predict", inspect.getdoc(recipe.predict))
    given = [getattr(flags, one) for one in asks]
    for one, value in zip(asks, given, strict=True):
        if isinstance(value, float) and not abs(value) < 1e30:
            raise UserError(f"{one} can't be {value}: give a number of ordinary size.")
    typed = {readable(word): word for word in words}  # a file's name need not be UTF-8
    questions = [[Path(typed.get(str(file), file))] for file in given[0]] if files else [given]
    if not questions:
        raise UserError(f"which {asks[0]}? Name one or more files behind `predict`.")
    if flags.server and flags.run:
        raise UserError("--run is for a model on this machine, --server for one elsewhere: leave one of them out.")
    if flags.label and not flags.server:
        raise UserError("--label names one of a server's versions: say which server with --server.")
    answers = _server(name, flags, questions) if flags.server else _run(recipe, flags, questions)
    for question, labels in zip(questions, answers, strict=False):  # the last answer says who gave them
        if len(questions) > 1:
            print(readable(str(question[0])))
        for value, label in sorted(labels, reverse=True)[:5]:
            print(f"{value:7.1%}  {label}")
    print(f"({next(answers)})")
    return 0


def _run(recipe, flags, questions: list):
    """For each question probabilities with their labels, then the run and its score."""
    run = settings.existing(recipe, flags.run)
    config = settings.stored(recipe, run)
    with terminal.loading("Loading the model"):
        model = run.load_model()
    from dl100_tf.evaluation import records

    for question in questions:
        probabilities = recipe.predict(model, config, *question)
        yield zip(probabilities, records.labels(run, len(probabilities)), strict=True)
    yield f"run {run.name}: {records.summary(records.scores(run))}"


def _server(name: str, flags, questions: list):
    """The same of the model of that name on a server, which needs no run here, and over REST no TensorFlow."""
    if flags.server.startswith(("grpc:", "unix:")):
        with terminal.loading("Loading TensorFlow"):
            import tensorflow  # noqa: F401  gRPC's messages need it
    from dl100_tf.evaluation.wording import clean
    from dl100_tf.serving import questions as remote

    with remote.opened(flags.server, name, flags.label) as ask:
        for question in questions:
            yield [(value, clean(label)) for value, label in ask(question)]
        yield ask.source
