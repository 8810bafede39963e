"""Write what TensorFlow Serving, Docker Compose, Kubernetes, Prometheus and Grafana need to serve what is published.

    python -m dl100_tf.serving.config                                  # of export/models/saved_model, into serving/
    python -m dl100_tf.serving.config --canary lstm_imdb=2             # serve version 2 as well, as `canary`
    python -m dl100_tf.serving.config --stable lstm_imdb=2             # promote it; `--stable lstm_imdb=1` goes back

It is no verb of a project, as it is about all that are published. Run it again after every export: what it knows of
labels is in the models.config that is there. Change compose.yaml by a compose.override.yaml, and the manifests by a
kustomization that has them as its resource. batching_parameters.txt, which is tuned by hand, is never overwritten.
"""

import argparse
import importlib.resources
import os
import re
import sys
from pathlib import Path

from dl100_tf import paths
from dl100_tf.errors import UserError, closest
from dl100_tf.serving.config_requests import Request, request
from dl100_tf.serving.config_versions import CANARY, STABLE, Served, planned

CONFIG, KEPT, TEMPLATE = "models.config", ("batching_parameters.txt",), ".jinja"
HEADER = "# Made by python -m dl100_tf.serving.config, which keeps these labels; --stable and --canary move them.\n"
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"  # of a model: safe in a path, in YAML and in a URL


def published(models: Path) -> dict[str, list[int]]:
    """The versions of each model in a folder, lowest first, by the models' names.

    Raises:
        UserError: there are none, or one has a name that can't be served.
    """
    found = {}
    for folder in sorted(models.iterdir() if models.is_dir() else []):
        versions = sorted(int(entry.name) for entry in (folder.iterdir() if folder.is_dir() else [])
                          if re.fullmatch(r"[0-9]{1,18}", entry.name) and (entry / "saved_model.pb").is_file())
        if versions and not re.fullmatch(NAME, folder.name):
            raise UserError(f"{paths.shown(folder)} can't be a model's name: use letters, digits, '_', '-' and '.'.")
        if versions:
            found[folder.name] = versions
    if not found:
        raise UserError(f"{models} holds no models: export a run first, or name another folder with --models.")
    return found


def read(file: Path) -> dict[str, Served]:
    """What a models.config says of each model, `{}` where there is none.

    Raises:
        UserError: it is damaged.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    try:
        config = text_format.Parse(file.read_text(encoding="utf-8"), model_server_config_pb2.ModelServerConfig())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, text_format.ParseError) as error:
        raise UserError(f"{file} can't be read ({error}): mend it, or delete it to begin anew.") from error
    return {model.name: Served(tuple(model.model_version_policy.specific.versions), dict(model.version_labels))
            for model in config.model_config_list.config}


def models_config(served: dict[str, Served], base: str) -> str:
    """The text of a models.config.

    Args:
        served: by the models' names.
        base: the folder where the *server* finds their folders.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    for name, one in sorted(served.items()):
        model = config.model_config_list.config.add(name=name, base_path=f"{base.rstrip('/')}/{name}",
                                                    model_platform="tensorflow")
        if one.versions:
            model.model_version_policy.specific.versions.extend(one.versions)
        else:
            model.model_version_policy.latest.num_versions = 1
        for label, version in one.labels.items():
            model.version_labels[label] = version
    return HEADER + text_format.MessageToString(config)


def files(served: dict[str, Served], requests: dict[str, Request], base: str, models: str,
          kept: dict[str, str]) -> dict[str, str]:
    """The text of every file, by its path.

    Args:
        served: by the models' names.
        requests: likewise, for those that have one.
        base: where the server finds the models.
        models: where they are, as seen from the folder that is written to.
        kept: files that are there and stay as they are.
    """
    import jinja2

    folder = importlib.resources.files("dl100_tf.serving") / "templates" / "config"
    texts = dict(_texts(folder))
    made = {CONFIG: models_config(served, base)} | {f"requests/{name}.json": one.body for name, one in requests.items()}
    made |= {name: text for name, text in texts.items() if not name.endswith(TEMPLATE)} | kept
    environment = jinja2.Environment(  # << >>, as Grafana and Prometheus have a use for {{ }} themselves
        variable_start_string="<<", variable_end_string=">>", undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True, loader=jinja2.DictLoader(texts))
    return made | {name.removesuffix(TEMPLATE): environment.get_template(name).render(
        served=served, requests=requests, base=base, models=models, made=made, first=min(served))
        for name in texts if name.endswith(TEMPLATE) and "/_" not in f"/{name}"}


def write(models: Path, to: Path, base: str = "/models", asked: dict[str, dict[str, int | None]] | None = None,
          latest: bool = False) -> dict[str, Served]:
    """Write the configuration of what is published.

    Args:
        models: the folder of the models.
        to: where to write.
        base: the folder where the server finds the models.
        asked: by model and label, the version that the label shall have, or None: it goes.
        latest: serve the newest version of each, whichever that is, without labels.

    Returns:
        What is served, by the models' names.

    Raises:
        UserError: something the user can mend.
    """
    found, before, asked = published(models), read(to / CONFIG), asked or {}
    for name in asked:
        if name not in found:
            raise UserError(f"there is no model {name!r} in {models}{closest(name, found)}")
    served = {name: Served() if latest else planned(name, versions, before.get(name), asked.get(name, {}))
              for name, versions in found.items()}
    requests = {name: request(_folder(models / name, one.labels.get(STABLE) or max(found[name])))
                for name, one in served.items()}
    kept = {name: (to / name).read_text(encoding="utf-8") for name in KEPT if (to / name).is_file()}
    made = files(served, {name: one for name, one in requests.items() if one}, base, _relative(models, to), kept)
    for name, text in made.items():
        if name not in kept:
            with paths.replacing(to / name) as file:
                file.write_text(text, encoding="utf-8")
    return served


def main(words: list[str]) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser("python -m dl100_tf.serving.config", description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, help="folder of the models (export/models/saved_model)")
    parser.add_argument("--to", type=Path, help="folder to write to (serving)")
    parser.add_argument("--base", default="/models", help="folder where the server finds the models (%(default)s)")
    for label, told in ((STABLE, "the version that clients get"), (CANARY, "a version to try; `none` withdraws it")):
        parser.add_argument(f"--{label}", action="append", default=[], metavar="NAME=N", help=told)
    parser.add_argument("--latest", action="store_true", help="follow the newest version of each, without labels")
    flags = parser.parse_args(words)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # warm-up requests are read by TensorFlow
    try:
        asked: dict = {}
        for label in (STABLE, CANARY):
            for word in getattr(flags, label):
                name, version = _label(label, word)
                asked.setdefault(name, {})[label] = version
        if asked and flags.latest:
            raise UserError("--latest has no labels: leave it out, or --stable and --canary.")
        models = paths.named(flags.models or paths.exports() / "saved_model").resolve()
        to = paths.named(flags.to or paths.home() / "serving").resolve()
        for name, one in write(models, to, flags.base, asked, flags.latest).items():
            labels = "".join(f"  {label} {version}" for label, version in one.labels.items())
            print(f"{name:<20}version {', '.join(map(str, one.versions)) or 'the newest'}{labels}")
            print(*(f"    {note}" for note in one.notes), sep="\n", end="\n" if one.notes else "")
        print(f"Written to {to}; requests for curl are in {to / 'requests' / 'README.md'}.")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _label(label: str, word: str) -> tuple[str, int | None]:
    name, equals, version = word.partition("=")
    if not equals or not ((version.isascii() and version.isdigit()) or (version == "none" and label == CANARY)):
        raise UserError(f"--{label} wants a model and a version, NAME=N, not {word!r}.")
    return name, None if version == "none" else int(version)


def _folder(model: Path, version: int) -> Path:
    return next(entry for entry in model.iterdir() if entry.name.isdigit() and int(entry.name) == version)


def _relative(models: Path, to: Path) -> str:
    """`models` as Compose wants it: relative paths begin with a dot."""
    try:
        found = Path(os.path.relpath(models, to)).as_posix()
    except ValueError:  # Windows: on another drive
        return models.as_posix()
    return found if found.startswith(".") else f"./{found}"


def _texts(folder, inside: str = ""):
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _texts(entry, f"{inside}{entry.name}/")
        else:
            yield f"{inside}{entry.name}", entry.read_text("utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
