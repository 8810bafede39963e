"""The laws of the house: who may import whom, how long things may be, and what every recipe owes its reader."""

import ast
import json
import re
from pathlib import Path

import pytest

from dl100_tf import curriculum

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dl100_tf"
MODULES = sorted(PACKAGE.rglob("*.py"))
RECIPES = sorted(file for file in (PACKAGE / "projects").glob("*.py") if file.stem != "__init__")

# A part of the package may import itself and these; everything may import what the last line says.
MAY_IMPORT = {
    "projects": {"cli", "training", "evaluation", "data", "models"},
    "__main__": {"cli"},
    "cli": {"flags", "settings", "terminal", "execution", "cluster", "predicting", "tuning", "curriculum", "evaluation",
            "export", "serving", "run"},
    "cluster": {"settings", "terminal", "execution", "training", "run"},
    "execution": {"provenance", "terminal", "training"},
    "tuning": {"flags", "settings", "terminal", "execution", "searching", "provenance", "training", "evaluation",
               "run"},
    "searching": {"settings", "terminal", "execution", "training", "evaluation", "run"},
    "predicting": {"flags", "settings", "terminal", "evaluation", "serving"},
    "flags": set(),
    "settings": {"evaluation", "run"},
    "terminal": set(),
    "curriculum": set(),
    "training": {"run"},
    "evaluation": {"run"},
    "export": {"provenance", "run"},
    "serving": {"run"},
    "run": {"provenance", "models"},
    "provenance": set(),
    "data": set(),
    "models": set(),
    "paths": set(),
    "errors": set(),
}
FOUNDATION = {"errors", "paths", "__version__"}


def part(file: Path) -> str:
    first = file.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(file: Path) -> set[str]:
    """The parts of dl100_tf that `file` imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in found if name.startswith("dl100_tf.")}


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_down(file):
    here = part(file)
    if here == "__init__":
        assert not imported(file), "importing the package loads nothing"
        return
    down = MAY_IMPORT[here] | FOUNDATION | ({here} if here != "projects" else set())
    assert imported(file) <= down, f"{file.name} may import {sorted(down)}, it imports {sorted(imported(file))}"


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_modules_are_named_for_what_they_hold_and_short(file):
    assert not re.search(r"util|helper|common", file.stem), "a file that is hard to name is cut wrongly"
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= (120 if file in RECIPES else 250)
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            longest = 30 if node.name == "recipe" else 40
            length = node.end_lineno - node.lineno + 1
            assert length <= longest, f"{node.name} has {length} lines, {longest} are enough"


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_public_names_have_docstrings(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module says what it is"
    for node in tree.body:
        public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if public and not (file in RECIPES and node.name in ("Config", "recipe")):
            assert ast.get_docstring(node), f"{node.name} says what it is"


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_recipe_has_its_chapters_in_order(file):
    chapters = ["Config", "load_data", "build_model", "search_space", "predict", "recipe"]
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = [node.name for node in tree.body if getattr(node, "name", None) in chapters]
    assert found == sorted(found, key=chapters.index)
    assert {"Config", "load_data", "build_model", "recipe"} <= set(found)
    assert file.read_text(encoding="utf-8").endswith('if __name__ == "__main__":\n    cli.main(__file__)\n')


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_the_card_is_true(file):
    card = curriculum.card(file.stem)
    entries = dict(re.findall(r"^(\w+) {2,}(.+)$", card, re.MULTILINE))
    assert list(entries) == ["Idea", "Data", "Run", "Expect"]
    assert entries["Run"] == f"python -m dl100_tf.projects.{file.stem}"
    results = json.loads((ROOT / "projects" / file.stem / "results.json").read_text(encoding="utf-8"))
    assert entries["Expect"] == results["expect"]
    assert results["source"] != "sample" and len(results["seeds"]) >= 3


def test_one_lesson_page_a_recipe_and_one_recipe_a_page():
    pages = {page.parent.name for page in (ROOT / "projects").glob("*/README.md")}
    assert pages == {file.stem for file in RECIPES} == set(curriculum.projects()) == set(curriculum.DAYS)
    listed = re.findall(r"^\|[^|]*\| \[`(\w+)`\]", (ROOT / "projects/README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(pages)


def test_the_outer_folders_hold_no_packages():
    for folder in ("projects", "export", "serving", "benchmarks"):
        assert not list((ROOT / folder).rglob("__init__.py"))


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) < 50
