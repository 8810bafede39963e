"""Every recipe exported: how near each file is to Keras, how large, how fast, and what could not be made.

    DL100_DATA=... python benchmarks/export.py [--home FOLDER] [--only cnn_mnist ...] [--write]

Real data only. Of each recipe the run that was scored last in FOLDER/runs is exported, as the command line does it, and
compared with Keras on the whole test set; a recipe without a run is trained first, for one epoch. Latency is LiteRT's
for one example on one thread, in a process of its own, beside Keras' `model(x)` on the same machine in the same run.
Without --home everything happens in a temporary folder.

`--write` records the results in benchmarks/results/export.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import recording

from dl100_tf import curriculum, paths, settings
from dl100_tf import run as runs
from dl100_tf.errors import UserError

HEAD = ("recipe", "variant", "KiB", "of float32", "largest difference", "same labels", "accuracy", "drop, points",
        "ms", "× Keras", "MiB")


def exported(name: str, to: Path) -> dict:
    """Export a recipe's last run, which is trained first where there is none; its card and the seconds it took."""
    try:
        run = settings.latest(name)
    except UserError:
        command(name, "--source", "local", "--epochs", "1", "--run", "short")
        run = runs.Run(name, "short")
    started = time.perf_counter()
    command(name, "export", "--run", run.name, "--to", to, may_refuse=True)
    seconds = time.perf_counter() - started
    card = json.loads((to / "tflite" / name / "1" / "card.json").read_text(encoding="utf-8"))
    return {"run": run.name, "seconds": seconds} | {key: card[key] for key in (
        "task", "training", "files", "parity", "refused", "mistakes", "latency_ms", "thresholds")}


def command(name: str, *words, may_refuse: bool = False) -> None:
    """Call a recipe's command line; what it says goes to stderr."""
    done = subprocess.run([sys.executable, "-m", f"dl100_tf.projects.{name}", *map(str, words)], stdout=sys.stderr)
    if done.returncode not in ((0, 1) if may_refuse else (0,)):
        sys.exit(f"{name} failed: {words}")


def rows(name: str, found: dict) -> list[tuple]:
    """The lines of the table for a recipe."""
    files = {facts["variant"]: facts for facts in found["files"].values() if "variant" in facts}
    whole = files.get("float32", {}).get("bytes")
    lines = []
    for variant, parity in found["parity"].items():
        facts = files.get(variant, {})
        lines.append((
            name, variant, f"{facts['bytes'] / 1024:.1f}" if facts else "",
            f"{facts['bytes'] / whole:.2f}" if facts and whole else "", f"{parity['difference']:.1e}",
            f"{parity['agreement']:.2%}",
            f"off by {parity['error']:.4f}" if parity["accuracy"] is None else f"{parity['accuracy']:.2%}",
            f"{parity['drop']:z.2f}",
            f"{facts['latency_ms']:.3f}" if facts else f"{found['latency_ms'].get(variant, 0):.2f}",
            f"{found['latency_ms']['keras'] / facts['latency_ms']:.0f}" if facts else "",
            f"{facts['memory_mib']:.1f}" if facts else ""))
    return lines


def table(results: dict) -> str:
    """All recipes as a Markdown table, and below it what was refused and why."""
    lines = [HEAD, ("---",) * len(HEAD)] + [row for name, found in results.items() for row in rows(name, found)]
    told = [f"{name}: exported and compared in {found['seconds']:.0f} s; Keras' model(x) takes "
            f"{found['latency_ms']['keras']:.2f} ms" for name, found in results.items()]
    told += [f"{name}, {variant}: refused, {why}" for name, found in results.items()
             for variant, why in found["refused"].items()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n\n" + "\n".join(told)


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=curriculum.projects(), default=curriculum.projects(),
                        metavar="RECIPE")
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    recording.need_real_data()
    with tempfile.TemporaryDirectory(prefix="export") as temporary:
        os.environ["DL100_HOME"] = str((arguments.home or Path(temporary)).resolve())
        results = {name: exported(name, Path(temporary) / "models") for name in arguments.only}
    print("\n" + table(results))
    if arguments.write:
        file = Path(__file__).parent / "results" / "export.json"
        recording.write(file, recording.measured(command="python benchmarks/export.py", results=results))
        print(f"recorded in {paths.shown(file)}")


if __name__ == "__main__":
    main()
