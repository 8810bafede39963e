"""The seven recipes of foundations and vision, and what each is measured against, over several seeds.

    DL100_DATA=... python benchmarks/vision.py --seeds 3 [--only cnn_mnist ...] [--home FOLDER] [--write]

Real data only: MNIST, CIFAR-10 (JPEG q75 where the files' checksums aren't the published ones), dogs10. Every
measurement is a process of its own, and seeds are taken in turn (recipe, peer, recipe, ...), so that a machine whose
speed drifts hits all alike. A recipe is run as the command line runs it, into FOLDER/runs/<recipe>/seed-<n>; a peer is
built from its published settings in our own code (benchmarks/peers.py), on the same data. What is in FOLDER already is
not measured again, so a benchmark that was interrupted goes on; without --home everything is measured, in a temporary
folder.

`--write` records the results of the recipes measured, and gives each lesson its results.json and plots.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import peers
import recording

ROOT = Path(__file__).parents[1]
RECIPES = {  # flags, the peers measured in turn with it, the figures copied into its lesson
    "perceptron_points": ([], [], ["boundary", "xor_perceptron", "xor_network", "activations"]),
    "numpy_mnist": ([], ["keras_twin", "gradients"], ["history", "confusion"]),
    "mlp_mnist": ([], [], ["history", "confusion", "first_layer"]),
    "cnn_mnist": ([], ["keras_example"], ["history", "confusion", "filters", "feature_maps"]),
    "cnn_cifar10": ([], ["textbook_cnn"], ["history", "confusion"]),
    "augmented_cifar10": ([], [], ["gap", "history"]),
    "transfer_dogs": (["--weights", peers.WEIGHTS, "--scratch"], ["without_cache"], ["history", "confusion"]),
}


def recipe(name: str, flags: list[str], seed: int) -> dict:
    """Train the recipe from its data to its report, or take the run that is finished; what it measured."""
    from dl100_tf.run import Run

    flags = [str(Path(os.environ["DL100_DATA"]) / flag) if flag == peers.WEIGHTS else flag for flag in flags]
    subprocess.run([sys.executable, "-m", f"dl100_tf.projects.{name}", "--source", "local", "--seed", str(seed),
                    "--run", f"seed-{seed}", *flags], check=True, stdout=sys.stderr)
    run = Run(name, f"seed-{seed}")
    scores = run.read_json("scores.json")
    tables = {file.stem: json.loads(file.read_text())["rows"] for file in sorted(run.path("tables").glob("*.json"))}
    return {"accuracy": scores["metrics"]["accuracy"], "seconds": scores["train_seconds"],
            "parameters": scores["parameters"], "epochs": scores["epochs"], "n": scores["n"], "tables": tables}


def peer(name: str, seed: int, home: Path) -> dict:
    """A peer's measurement, in a process of its own; read back if it was made before."""
    file = home / "peers" / f"{name}-{seed}.json"
    if not file.is_file():
        said = subprocess.run([sys.executable, peers.__file__, name, str(seed)], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        recording.write(file, json.loads(said.splitlines()[-1]))
    return json.loads(file.read_text())


def measure(names: list[str], seeds: range, home: Path) -> dict[str, dict[str, list[dict]]]:
    """Recipe and peers by seed: {recipe: {measurement: [one result per seed]}}."""
    results = {}
    for name in names:
        flags, others, _ = RECIPES[name]
        results[name] = {one: [] for one in ("ours", *others)}
        for seed in seeds:
            results[name]["ours"].append(recipe(name, flags, seed))
            for other in others:
                results[name][other].append(peer(other, seed, home))
            for one, found in results[name].items():
                told = {key: value for key, value in found[-1].items() if key != "tables"}
                print(f"{name:<18} seed {seed}  {one:<14} {told}", flush=True)
    return results


def table(results: dict) -> str:
    """All measurements as a Markdown table."""
    lines = ["| recipe | measured | test accuracy, mean ± sd | training, median | parameters |",
             "|---|---|---|---|---|"]
    for name, measurements in results.items():
        for one, runs in measurements.items():
            accuracy = recording.spread([run["accuracy"] for run in runs]) if "accuracy" in runs[0] else ""
            seconds = f"{median(runs):.1f} s" if "seconds" in runs[0] else ""
            count = f"{runs[0]['parameters']:,}".replace(",", " ") if "parameters" in runs[0] else ""
            rest = ", ".join(f"{key} {statistics.mean(run[key] for run in runs):.3g}" for key in runs[0]
                             if key not in ("accuracy", "seconds", "parameters", "epochs", "n", "tables"))
            lines.append(f"| {name} | {one} | {accuracy or rest} | {seconds} | {count} |")
    return "\n".join(lines)


def median(runs: list[dict]) -> float:
    """Seconds of training."""
    return statistics.median(run["seconds"] for run in runs)


def record(name: str, measurements: dict, seeds: range) -> None:
    """Write a recipe's results where its lesson and its card take them from."""
    from dl100_tf.run import Run

    ours, lesson = measurements["ours"], ROOT / "projects" / name
    epochs = f"{ours[0]['epochs']} epochs, " if len({one["epochs"] for one in ours}) == 1 else ""
    seconds = f"{median(ours):.0f}" if median(ours) >= 1 else f"{median(ours):.1g}"
    expect = (f"{recording.spread([one['accuracy'] for one in ours])} test accuracy, {epochs}{seconds} s of training "
              f"on {os.cpu_count()} cores")
    found = recording.measured(  # the command wherever its home was
        command=f"python benchmarks/vision.py --seeds {len(seeds)} --only {name}",
        seeds=list(seeds), source="local", n=ours[0]["n"], results=measurements)
    recording.write(lesson / "results.json", {"expect": expect} | found)
    for figure in RECIPES[name][2]:
        shutil.copy(Run(name, f"seed-{seeds[0]}").path(f"plots/{figure}.png"), lesson)
    print(f"{name}: Expect  {expect}")


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(RECIPES), default=list(RECIPES), metavar="RECIPE")
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    recording.need_real_data()
    with tempfile.TemporaryDirectory(prefix="vision") as temporary:
        home = (arguments.home or Path(temporary)).resolve()
        os.environ["DL100_HOME"] = str(home)
        seeds = range(arguments.seeds)
        results = measure(arguments.only, seeds, home)
        print("\n" + table(results))
        if arguments.write:
            for name, measurements in results.items():
                record(name, measurements, seeds)


if __name__ == "__main__":
    main()
