"""What the benchmarks share: their flags, and how a measured figure is written down."""

import argparse
import datetime
import json
import os
import shlex
import statistics
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def parser(doc: str) -> argparse.ArgumentParser:
    """A parser that prints the script's docstring and knows --write; peers get the TensorFlow settings of `cli`."""
    from dl100_tf import terminal

    terminal.prepare()
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--write", action="store_true", help="record the result in benchmarks/results/")
    return made


def need_real_data() -> None:
    """End here where no real data were named."""
    if not os.environ.get("DL100_DATA"):
        sys.exit("error: set DL100_DATA to the folder that holds imdb/aclImdb.")


def measured(**result) -> dict:
    """`result` with what a reader needs to judge it: command, date, machine."""
    from dl100_tf import provenance

    words = [word for word in sys.argv[1:] if word != "--write"]
    return {"command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words]),
            "date": str(datetime.date.today()), "machine": f"{provenance.cpu()}, {os.cpu_count()} cores", **result}


def write(file: Path, value: dict) -> None:
    """Write `value` as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def spread(accuracies: list[float]) -> str:
    """Mean ± sd over seeds, in percent."""
    scores = [100 * accuracy for accuracy in accuracies]
    return f"{statistics.mean(scores):.2f} ± {statistics.stdev(scores) if len(scores) > 1 else 0:.2f} %"
