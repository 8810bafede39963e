"""What a later reader needs to repeat a run: commands, versions, commit, machine."""

import contextlib
import datetime
import importlib.metadata
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = ("dl100_tf", "tensorflow", "keras", "numpy", "scikit-learn", "tensorflow-datasets")
SWITCHES = ("TF_NUM_", "TF_ENABLE_", "TF_XLA_", "TF_DETERMINISTIC_", "KERAS_", "DL100_", "CUDA_VISIBLE_", "XLA_",
            "OMP_")


def command_line(project: str, run: str, verb: str = "") -> str:
    """What to type in this shell to start or resume a run, or a search by the verb `tune`: this Python, this home."""
    home = os.environ.get("DL100_HOME")
    words = [python(), "-m", f"dl100_tf.projects.{project}", *([verb] if verb else []), "--run", run]
    return (f"DL100_HOME={shlex.quote(home)} " if home else "") + shlex.join(words)


def python() -> str:
    """How this interpreter is called from the current folder: `python` where that finds it, else its path."""
    here = Path(sys.executable)
    found = shutil.which("python")
    if found and Path(found).absolute() == here:
        return "python"
    with contextlib.suppress(OSError, ValueError):
        return str(here.relative_to(Path.cwd()))
    return str(here)


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def session(command: str) -> dict:
    """What a later reader needs to repeat this session: the command, versions, commit and machine."""
    return {"command": command, "folder": str(Path.cwd()), "started": now(), "commit": commit(),
            "python": platform.python_version(), "versions": {name: version(name) for name in PACKAGES},
            "platform": platform.platform(), "cpu": cpu(), "cores": os.cpu_count(),
            "environment": {key: os.environ[key] for key in sorted(os.environ)
                            if key.startswith(SWITCHES)}}


def version(package: str) -> str | None:
    """The installed version of `package`, None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit() -> str | None:
    """The git commit of the source this code runs from, with `+changes` behind it where files differ.

    None where the code isn't in a repository of its own: a package installed inside somebody's project, say.
    """
    def git(*words):
        return subprocess.run(["git", "-C", str(Path(__file__).parent), *words], capture_output=True, text=True,
                              check=True, timeout=10).stdout.strip()
    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)
        changed = git("status", "--porcelain", "--", ".")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def cpu() -> str:
    """The processor's name."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, StopIteration), open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    return platform.processor() or platform.machine()
