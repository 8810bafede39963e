"""What the tests share: a home of their own, and the small problem that training is tried on."""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from problems import Part, Problem

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):  # more threads than cores only wait for each other
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, str(max(1, (os.cpu_count() or 1) // workers)))
os.fsync = lambda descriptor: None  # tests kill processes and never the machine: 20 ms for each file that is written
ROOT = Path(__file__).parents[1]


LONG = ("test_real_data", "test_recipes", "test_transfer_dogs", "test_backbones", "test_cuts", "test_benchmarks",
        "test_publishing", "test_fit", "test_series", "test_passages", "test_saved_model")  # files that take a minute


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Where several processes share the work, the tests of a file stay together, by project: they share fixtures.

    The longest come first: one of them begun as the last would leave the other processes nothing to do.
    """
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONG)))  # the order is otherwise as it was
    for item in items:
        project = item.callspec.params.get("project", "") if hasattr(item, "callspec") else ""
        item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {project}".strip()))


def pytest_collection_finish():
    """The garbage collector needn't walk through TensorFlow and all the tests again and again: they stay."""
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val):
    """Long content, such as that of a damaged file, is no name for a test: its size is."""
    if isinstance(val, str | bytes) and len(val) > 40:
        return f"{type(val).__name__} of {len(val)}"
    return None  # as pytest names it


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Every test has its own DL100_HOME, and no real data unless it asks for them."""
    monkeypatch.setenv("DL100_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DL100_DATA", raising=False)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def real_data():
    """The folder with real datasets; the test is skipped where there is none."""
    folder = REAL_DATA
    if not folder:
        pytest.skip("needs real data: set DL100_DATA to the folder that holds it")
    return Path(folder)


REAL_DATA = os.environ.get("DL100_DATA")


@pytest.fixture
def command(home):
    """Runs a Python module in a process of its own; returns what it printed and its exit code."""
    def run(*words, env=None, **options):
        return subprocess.run([sys.executable, "-m", *map(str, words)], capture_output=True, text=True, timeout=300,
                              cwd=ROOT, env=os.environ | {"DL100_HOME": str(home)} | (env or {}), **options)
    return run


@pytest.fixture(scope="session")
def forked(tmp_path_factory):
    """Runs a Python module, or code, in a process that is forked from one with TensorFlow loaded (tests/forked.py).

    It is given the module's name and words, or `code` and words, `env`, what differs from this environment, and
    `cwd`; it returns a `subprocess.CompletedProcess`. What went to stderr is in its stdout where that is asked for:
    `together`.
    """
    server = None
    folder = tmp_path_factory.mktemp("forked")

    def run(*words, env=None, code="", together=False, cwd=ROOT):
        nonlocal server
        environment, words = os.environ | (env or {}), [*map(str, words)]
        if not hasattr(os, "fork"):  # on Windows Python is started anew
            return subprocess.run([sys.executable, *(["-c", code] if code else ["-m"]), *words], text=True, timeout=600,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT if together else subprocess.PIPE,
                                  cwd=cwd, env=environment)
        if server is None:
            server = subprocess.Popen([sys.executable, Path(__file__).parent / "forked.py"], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for name in ("out", "err"):
            (folder / name).write_bytes(b"")
        module = "" if code else words.pop(0)
        job = {"module": module, "code": code, "words": words, "env": environment, "cwd": str(cwd),
               "out": str(folder / "out"), "err": str(folder / ("out" if together else "err"))}
        print(json.dumps(job), file=server.stdin, flush=True)
        returned = int(server.stdout.readline())
        return subprocess.CompletedProcess([module, *words], returned, *(
            (folder / name).read_text(encoding="utf-8", errors="replace") for name in ("out", "err")))

    yield run
    if server is not None:
        server.communicate()


def spirals(count: int, seed: int) -> Part:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, count)
    along = generator.uniform(0.5, 3, count)
    angle = 2 * along + np.pi * y
    x = np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1) + generator.normal(0, 0.15, (count, 2))
    return Part(x.astype("float32"), y.astype("float32"))


@pytest.fixture
def problem():
    return Problem(spirals(330, seed=1), spirals(100, seed=2))
