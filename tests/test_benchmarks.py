"""The benchmarks run; the kill benchmark in a small version, as its promises are tests as well as figures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPT = """
import os, runpy, sys
sys.argv.pop(0)
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
BENCHMARKS = sorted(script for script in FOLDER.glob("*.py") if script.stem not in ("recording", "measuring")
                    and not script.stem.startswith("peers"))


@pytest.mark.parametrize("script", BENCHMARKS, ids=lambda script: script.stem)
def test_every_benchmark_says_what_it_measures(script, forked):
    answer = forked(script, "--help", code=SCRIPT)
    assert answer.returncode == 0, answer.stderr
    assert f"python benchmarks/{script.name}" in answer.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_five_killed_runs_lose_nothing():
    script = next(script for script in BENCHMARKS if script.stem == "kill_resume")
    answer = subprocess.run([sys.executable, script, "--kills", "5"], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    result = json.loads(answer.stdout[answer.stdout.index("{"):answer.stdout.rindex("}") + 1])
    assert result["kills"] == result["resumed"] == 5
    assert result["runs that differ in any bit"] == result["sessions that began at a wrong step"] == 0
    assert result["most steps lost"] <= result["checkpoint interval"]
