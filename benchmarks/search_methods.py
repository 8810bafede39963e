"""Four ways to search, on the same problem and with the same budget: what each finds, and how soon.

    DL100_DATA=... python benchmarks/search_methods.py [--seeds 3] [--home FOLDER] [--write]

The problem is `mlp_mnist` with settings that nobody has tuned: learning rate, batch size, units, dropout and weight
decay are to be found. The budget is what training costs: so many epochs in all. A trial of grid, random and bayesian
has 9 of them; hyperband's have 1, 3 or 9, and a longer one goes on from a shorter. Each search is the command line's
`tune`, which looks at the test set once, after it. Beside them stand the settings that they all start from, trained
alone.

With --home, searches that are there already aren't made again, and interrupted ones go on. `--write` records the result
in benchmarks/results/, with a picture.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import recording

EPOCHS = 9
TRIALS = {"grid": 8, "random": 8, "bayesian": 8, "hyperband": 23}  # hyperband's: a round of it, 75 epochs; 8 x 9 = 72
PROBLEM = ["--source", "local", "--epochs", str(EPOCHS), "--no-augment", "--no-normalise", "--hidden", "128",
           "--schedule", "constant", "--learning-rate", "0.0003", "--batch-size", "256", "--keep", "last"]
FILE = recording.RESULTS / "search_methods.json"


def command(words: list[str], name: str, seed: int) -> dict:
    """Carry out a command of `mlp_mnist`, or take what it left before; the run's test accuracy."""
    from dl100_tf.run import Run

    subprocess.run([sys.executable, "-m", "dl100_tf.projects.mlp_mnist", *words, *PROBLEM, "--seed", str(seed), "--run",
                    name], check=True, stdout=sys.stderr)
    run = Run("mlp_mnist", name)
    return {"test accuracy": run.read_json("scores.json")["metrics"]["accuracy"]}


def search(method: str, seed: int) -> dict:
    """A search: what it found, and every trial in the order of their ends."""
    from dl100_tf.run import Run

    name = f"{method}-{seed}"
    found = command(["tune", "--method", method, "--trials", str(TRIALS[method])], name, seed)
    shown = Run("mlp_mnist", name).read_json("tables/search.json")
    rows = shown["rows"]
    found |= {"validation accuracy": rows[shown["mark"][0]]["val_accuracy"],
              "epochs": sum(row["epochs"] for row in rows), "training seconds": sum(row["seconds"] for row in rows),
              "trials": [[row["epochs"], row["val_accuracy"]] for row in rows]}
    print(f"{name:<14} {({key: value for key, value in found.items() if key != 'trials'})}", flush=True)
    return found


def table(results: dict[str, list[dict]]) -> str:
    """What was found, as a Markdown table."""
    lines = ["| | trials | epochs in all | training | best on validation | test accuracy of the best |",
             "|---|---|---|---|---|---|"]
    for method, runs in results.items():
        if "trials" in runs[0]:
            seconds = statistics.median(run["training seconds"] for run in runs)
            spent = f"{len(runs[0]['trials'])} | {runs[0]['epochs']} | {seconds:.0f} s | " + recording.spread(
                [run["validation accuracy"] for run in runs])
        else:
            spent = f" | {EPOCHS} | | "
        lines.append(f"| {method} | {spent} | {recording.spread([run['test accuracy'] for run in runs])} |")
    return "\n".join(lines)


def draw(results: dict[str, list[dict]]) -> None:
    """The best so far against what it cost: a line for each method, the mean over the seeds, and a band from the worst
    seed to the best."""
    import matplotlib.style
    import numpy as np
    from matplotlib.figure import Figure

    from dl100_tf.evaluation import figures

    theme = figures.LIGHT
    methods = [method for method in results if "trials" in results[method][0]]
    with matplotlib.style.context(["default", figures.style(theme)]):
        figure = Figure((9, 4.6), 140, layout="constrained")
        axis = figure.subplots()
        for method, colour in zip(methods, ("C0", "C1", "C2", "C3"), strict=True):
            grid = np.arange(1, 1 + max(run["epochs"] for run in results[method]))
            wrong = np.array([100 - 100 * so_far(run["trials"], grid) for run in results[method]])
            axis.step(grid, wrong.mean(axis=0), where="post", color=colour, label=method)
            axis.fill_between(grid, wrong.min(axis=0), wrong.max(axis=0), step="post", color=colour, alpha=0.15, lw=0)
        axis.set(xlabel="epochs trained in all", ylabel="wrong on validation, the best so far, %", yscale="log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("{x:g}")
        axis.legend()
        figure.savefig(FILE.with_suffix(".png"), metadata={"Software": None})


def so_far(trials: list, grid):
    """The best validation accuracy once so many epochs have been trained; NaN before the first trial has ended."""
    import numpy as np

    ends = np.cumsum([epochs for epochs, _ in trials])
    best = np.maximum.accumulate([accuracy or 0.0 for _, accuracy in trials])
    place = np.searchsorted(ends, grid, "right") - 1
    return np.where(place >= 0, best[place], np.nan)


def main() -> int:
    parser = recording.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    recording.need_real_data()
    results: dict[str, list[dict]] = {"the settings as they are": [], **{method: [] for method in TRIALS}}
    with tempfile.TemporaryDirectory(prefix="search_methods") as temporary:
        os.environ["DL100_HOME"] = str((arguments.home or Path(temporary)).resolve())
        for seed in range(arguments.seeds):
            results["the settings as they are"].append(command([], f"alone-{seed}", seed))
            for method in TRIALS:
                results[method].append(search(method, seed))
    print("\n" + table(results))
    if arguments.write:
        recording.write(FILE, recording.measured(seeds=[*range(arguments.seeds)], problem=" ".join(PROBLEM),
                                                 results=results))
        draw(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
