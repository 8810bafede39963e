"""The verb `predict`: a trained run's model, or a server's, is asked what stands on the command line."""

import dataclasses
import inspect
import types
from pathlib import Path
from typing import Annotated, get_type_hints

import docstring_parser
import tyro

from dl100_tf import settings, terminal
from dl100_tf.errors import UserError
from dl100_tf.flags import parsed, readable

FLAGS = (("run", "which run; without it, the one that was scored last"),
         ("server", "ask a server instead, such as http://localhost:8501 or grpc://localhost:8500"),
         ("label", "of a server's versions the one with this label, such as stable"))


def predict(recipe, words: list[str]) -> int:
    """Print what the recipe's `predict` answers to each example, and who said so; the exit code.

    Of probabilities, the five likeliest labels are printed; a text, or texts one after the other, as they come.
    """
    name = settings.name_of(recipe)
    if not hasattr(recipe, "predict"):
        raise UserError(f"{name} has nothing to predict: its lesson is in the report.")
    flags, questions, options = asked(recipe, words)
    if flags.server and flags.run:
        raise UserError("--run is for a model on this machine, --server for one elsewhere: leave one of them out.")
    if len(questions) > 1 and options.get("out"):
        raise UserError("--out names one file: ask about one picture, or leave it out.")
    if flags.server and options and not in_words(recipe):
        raise UserError(f"{name} makes its answer here of what the model gives: leave --server out.")
    if flags.label and not flags.server:
        raise UserError("--label names one of a server's versions: say which server with --server.")
    answers = _server(recipe, flags, questions, options) if flags.server else _run(recipe, flags, questions, options)
    for question, answer in zip(questions, answers, strict=False):  # the last answer says who gave them
        if len(questions) > 1:
            print(readable(str(question[0])))
        if isinstance(answer, str | types.GeneratorType):
            for text in [answer] if isinstance(answer, str) else answer:
                print(text, end="", flush=True)  # as it comes
            print()
            continue
        for value, label in sorted(answer, reverse=True)[:5]:
            print(f"{value:7.1%}  {label}")
    print(f"({next(answers)})")
    return 0


def asked(recipe, words: list[str]) -> tuple:
    """The command line of `predict`: its flags, the arguments of each question, and what goes with all of them.

    What stands there goes to the parameters of the recipe's `predict` in their order; those that are keyword-only are
    flags. A recipe that is asked about one file takes any number of them.
    """
    parameters = _parameters(recipe.predict)
    options = [one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
    asks = [one.name for one in parameters if one.name not in options]
    hints = get_type_hints(recipe.predict)
    files = [hints[one] for one in asks] == [Path]
    flags, given = _given(recipe, "predict", recipe.predict, words, files, FLAGS)
    questions = [[file] for file in given[asks[0]]] if files else [[given[one] for one in asks]]
    if not questions:
        raise UserError(f"which {asks[0]}? Name one or more files behind `predict`.")
    return flags, questions, {one: given[one] for one in options}


def own_verb(recipe, verb: str, words: list[str]) -> int:
    """Answer a verb that only this recipe has, a function in its `VERBS`, by printing what that returns.

    Its parameters come from the command line as those of `predict` do.
    """
    function = recipe.VERBS[verb]
    _, given = _given(recipe, verb, function, words)
    print(function(**given))
    return 0


def _parameters(function) -> list[inspect.Parameter]:
    """Those that a user gives a value to."""
    return [one for one in inspect.signature(function).parameters.values() if one.name not in ("model", "config")]


def _given(recipe, verb: str, function, words: list[str], files: bool = False, more=()) -> tuple:
    """The command line of a verb: its flags, and the value of each parameter of its function.

    Their `Args` in the function's docstring are what `--help` says of them.

    Args:
        files: its one positional parameter takes any number of files.
        more: flags besides, texts: (name, help).
    """
    hints, doc = get_type_hints(function), docstring_parser.parse(function.__doc__)
    said = {parameter.arg_name: parameter.description for parameter in doc.params}
    parameters = _parameters(function)
    fields = [_field(one, hints[one.name], said.get(one.name, ""), files) for one in parameters]
    fields += [(flag, Annotated[str, tyro.conf.arg(help=what)], dataclasses.field(default="")) for flag, what in more]
    flags = parsed(dataclasses.make_dataclass(verb.capitalize(), fields, kw_only=True), words,
                   f"python -m {recipe.__name__} {verb}", doc.description or "")
    given = {one.name: getattr(flags, one.name) for one in parameters}
    for name, value in given.items():
        if isinstance(value, float) and not abs(value) < 1e30:
            raise UserError(f"{name} can't be {value}: give a number of ordinary size.")
    typed = {readable(word): word for word in words}  # a file's name need not be UTF-8

    def as_typed(value):
        return Path(typed.get(str(value), value)) if isinstance(value, Path) else value

    return flags, {name: tuple(map(as_typed, value)) if isinstance(value, tuple) else as_typed(value)
                   for name, value in given.items()}


def _field(parameter: inspect.Parameter, kind, said: str, files: bool) -> tuple:
    """What a parameter of a recipe's `predict` is on the command line."""
    arg = tyro.conf.arg(help=said) if said else None
    if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        kind = tyro.conf.Positional[tuple[Path, ...] if files else kind]
    kind = Annotated[kind, arg] if arg else kind
    if parameter.default is inspect.Parameter.empty:
        return parameter.name, kind
    return parameter.name, kind, dataclasses.field(default=parameter.default)


def _run(recipe, flags, questions: list, options: dict):
    """For each question the recipe's text, or probabilities with their labels; then the run and its score."""
    run = settings.existing(recipe, flags.run)
    config = settings.stored(recipe, run)
    with terminal.loading("Loading the model"):
        model = run.load_model()
    from dl100_tf.evaluation import records

    for question in questions:
        answer = recipe.predict(model, config, *question, **options)
        if not isinstance(answer, str | types.GeneratorType):
            answer = zip(answer, records.labels(run, len(answer)), strict=True)
        yield answer
    yield f"run {run.name}: {records.summary(records.scores(run))}"


def in_words(recipe) -> bool:
    """Whether the recipe's `predict` puts into words what any model gives it: then a server's will do."""
    return get_type_hints(recipe.predict).get("return") is str


def _server(recipe, flags, questions: list, options: dict):
    """The same of the model of that name on a server, which needs no run here, and over REST no TensorFlow."""
    if flags.server.startswith(("grpc:", "unix:")):
        with terminal.loading("Loading TensorFlow"):
            import tensorflow  # noqa: F401  gRPC's messages need it
    from dl100_tf.evaluation.wording import clean
    from dl100_tf.serving import questions as remote

    name = settings.name_of(recipe)
    if in_words(recipe):
        with remote.opened(flags.server, name, flags.label, remote.Served) as model:
            for question in questions:
                yield recipe.predict(model, recipe.Config(), *question, **options)
            yield model.source
        return
    with remote.opened(flags.server, name, flags.label) as ask:
        for question in questions:
            yield [(value, clean(label)) for value, label in ask(question)]
        yield ask.source
