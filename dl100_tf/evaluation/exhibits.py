"""What a recipe adds to its report: tables and figures of its own, in the order in which they were first written.

A table is `tables/<name>.json`; what is to be said of the figures stands in `plots/captions.json`.
"""

import re

from dl100_tf.errors import UserError
from dl100_tf.evaluation import records

CAPTIONS = "plots/captions.json"
TAKEN = ("history", "confusion", "roc", "reliability", "mistakes")  # figures that every report knows

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")


def valid(name: str) -> str:
    """`name`, if it can name a table or a figure.

    Raises:
        ValueError: it can't be a file's name, or the report has a figure of that name already.
    """
    if not _NAME.fullmatch(name) or name in TAKEN or name.endswith("-dark"):
        raise ValueError(f"{name!r} can't name a figure or a table: use letters, digits, '_' and '-', and none of "
                         f"{', '.join(TAKEN)}")
    return name


def note(run, name: str, said: dict) -> None:
    """Write down what the report has to say of a figure."""
    noted = captions(run)
    noted[name] = {"index": noted.get(name, {}).get("index", following(run)), **said}
    run.write_json(CAPTIONS, noted)


def following(run) -> int:
    """The place in the report after all that is there."""
    return 1 + max((shown["index"] for shown in (*captions(run).values(), *tables(run).values())), default=0)


def captions(run) -> dict[str, dict]:
    """What `plots/captions.json` says of each figure.

    Raises:
        UserError: the file is damaged.
    """
    return {name: _checked(run, CAPTIONS, name, said, {"index": int, "title": str, "caption": str, "width": int,
                                                       "height": int})
            for name, said in records.mapping(run, CAPTIONS).items()}


def tables(run) -> dict[str, dict]:
    """What the files in `tables/` hold, by name.

    Raises:
        UserError: one of them is damaged.
    """
    files = [f"tables/{file.name}" for file in sorted(run.path("tables").glob("*.json"))]
    found = {}
    for file in files:
        name = file.removeprefix("tables/").removesuffix(".json")
        found[name] = _checked(run, file, name, records.mapping(run, file), {
            "index": int, "title": str, "note": str, "rows": list, "best": dict, "mark": list, "aside": list})
        if not all(isinstance(row, dict) for row in found[name]["rows"]):
            raise UserError(f"{run.path(file)} is damaged (rows that aren't objects). {records.again(run)}")
    return found


def _checked(run, file: str, name: str, said, kinds: dict[str, type]) -> dict:
    if (not isinstance(said, dict) or not _NAME.fullmatch(name)
            or not all(isinstance(said.get(key), kind) for key, kind in kinds.items())):
        raise UserError(f"{run.path(file)} is damaged (entry {name!r}). {records.again(run)}")
    return said
