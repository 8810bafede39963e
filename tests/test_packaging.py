"""What ships: only the package, with everything that it reads."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_works_in_an_empty_folder(tmp_path):
    source = tmp_path / "source"
    tracked = ["dl100_tf", "projects", "tests", "benchmarks", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"]
    source.mkdir()
    for name in tracked:
        subprocess.run(["cp", "-r", ROOT / name, source], check=True)
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir",
                    tmp_path, source], check=True)
    wheel = next(tmp_path.glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"dl100_tf"}
    assert any(name.endswith("templates/report.html") or "templates/report.html" in name for name in names)
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    answer = subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(installed)!r})\n"
                             "import dl100_tf; print(dl100_tf.__file__)\n"
                             "from dl100_tf import cli; cli.dispatch(['list'])"],
                            cwd=tmp_path, capture_output=True, text=True, check=True)
    assert str(installed) in answer.stdout and "lstm_imdb" in answer.stdout
