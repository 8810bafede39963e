"""What `vision.py` and `text.py` share: recipes and their peers over several seeds, and what is made of it.

Every measurement is a process of its own, and seeds are taken in turn (recipe, peer, recipe, ...), so that a machine
whose speed drifts hits all alike. A recipe is run as the command line runs it, into HOME/runs/<recipe>/seed-<n>; a
peer is built from its published settings in our own code, on the same data, by a script that prints its result as JSON.
What is in HOME already is not measured again, so a benchmark that was interrupted goes on.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import recording

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Recipe:
    """How a recipe is measured.

    Attributes:
        figures: the plots that are copied into its lesson: PNG, or what their name ends in.
        peers: names of what is measured in turn with it, which the script `peers_file` knows.
        flags: of the recipe; one that begins with `$DL100_DATA/` names a file there.
        figure: the metric that counts.
        shown: how its mean and standard deviation over the seeds stand on the recipe's card.
        peers_file: in this folder.
        once: peers that are measured with the first seed alone: it changes little, or they take long.
    """

    figures: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    figure: str = "accuracy"
    shown: str = "{:.2f} ± {:.2f} % test accuracy"
    peers_file: str = "peers.py"
    once: tuple[str, ...] = ()

    def spread(self, values: list[float]) -> str:
        """The figure over the seeds, as the card says it; per cent where it says so."""
        scale = 100 if "%" in self.shown else 1
        if len(values) == 1:  # nothing is known of the spread
            return re.sub(r" ± {[^}]*}", "", self.shown).format(scale * values[0])
        return self.shown.format(scale * statistics.mean(values), scale * statistics.stdev(values))


def recipe(name: str, how: Recipe, seed: int) -> dict:
    """Train the recipe from its data to its report, or take the run that is finished; what it measured."""
    from dl100_tf.run import Run

    flags = [flag.replace("$DL100_DATA", os.environ["DL100_DATA"]) for flag in how.flags]
    subprocess.run([sys.executable, "-m", f"dl100_tf.projects.{name}", "--source", "local", "--seed", str(seed),
                    "--run", f"seed-{seed}", *flags], check=True, stdout=sys.stderr)
    run = Run(name, f"seed-{seed}")
    scores = run.read_json("scores.json")
    tables = {file.stem: json.loads(file.read_text())["rows"] for file in sorted(run.path("tables").glob("*.json"))}
    others = {} if how.figure == "accuracy" else {"metrics": scores["metrics"]}
    return {how.figure: scores["metrics"][how.figure], "seconds": scores["train_seconds"],
            "parameters": scores["parameters"], "epochs": scores["epochs"], "n": scores["n"], **others,
            "tables": tables}


def peer(name: str, how: Recipe, seed: int, home: Path) -> dict:
    """A peer's measurement, in a process of its own; read back if it was made before."""
    file = home / "peers" / f"{name}-{seed}.json"
    if not file.is_file():
        said = subprocess.run([sys.executable, Path(__file__).parent / how.peers_file, name, str(seed)], check=True,
                              text=True, stdout=subprocess.PIPE).stdout
        recording.write(file, json.loads(said.splitlines()[-1]))
    return json.loads(file.read_text())


def answer(peers: dict) -> None:
    """What a script of peers does: `python benchmarks/<script> <name> <seed>` prints a result as JSON."""
    from dl100_tf import terminal

    terminal.prepare()  # TensorFlow's settings, the same as for the recipes
    print(json.dumps(peers[sys.argv[1]](int(sys.argv[2]))))


def measure(recipes: dict[str, Recipe], seeds: range, home: Path) -> dict[str, dict[str, list[dict]]]:
    """Recipe and peers by seed: {recipe: {measurement: [one result per seed]}}."""
    results = {}
    for name, how in recipes.items():
        results[name] = {one: [] for one in ("ours", *how.peers)}
        for seed in seeds:
            results[name]["ours"].append(recipe(name, how, seed))
            taken = [other for other in how.peers if seed == seeds[0] or other not in how.once]
            for other in taken:
                results[name][other].append(peer(other, how, seed, home))
            for one, found in ((one, results[name][one]) for one in ("ours", *taken)):
                told = {key: value for key, value in found[-1].items() if key not in ("tables", "metrics")}
                print(f"{name:<18} seed {seed}  {one:<14} {told}", flush=True)
    return results


def table(recipes: dict[str, Recipe], results: dict) -> str:
    """All measurements as a Markdown table."""
    lines = ["| recipe | measured | figure, mean ± sd | training, median | parameters |", "|---|---|---|---|---|"]
    for name, measurements in results.items():
        figure = recipes[name].figure
        known = (figure, "seconds", "parameters", "epochs", "n", "tables", "metrics")
        for one, runs in measurements.items():
            said = recipes[name].spread([run[figure] for run in runs]) if figure in runs[0] else ""
            seconds = f"{median(runs):.1f} s" if "seconds" in runs[0] else ""
            count = f"{runs[0]['parameters']:,}".replace(",", " ") if "parameters" in runs[0] else ""
            rest = ", ".join(f"{key} {statistics.mean(run[key] for run in runs):.3g}" for key in runs[0]
                             if key not in known)
            lines.append(f"| {name} | {one} | {said or rest} | {seconds} | {count} |")
    return "\n".join(lines)


def median(runs: list[dict]) -> float:
    """Seconds of training."""
    return statistics.median(run["seconds"] for run in runs)


def record(name: str, how: Recipe, measurements: dict, seeds: range) -> None:
    """Write a recipe's results where its lesson and its card take them from."""
    from dl100_tf.run import Run

    ours, lesson = measurements["ours"], ROOT / "projects" / name
    count = ours[0]["epochs"]
    epochs = f"{count} epoch{'s' * (count != 1)}, " if {one["epochs"] for one in ours} == {count} else ""
    seconds = f"{median(ours):.0f}" if median(ours) >= 1 else f"{median(ours):.1g}"
    said = how.spread([one[how.figure] for one in ours])
    expect = f"{said}, {epochs}{seconds} s of training on {os.cpu_count()} cores"
    found = recording.measured(  # the command wherever its home was
        command=f"python benchmarks/{Path(sys.argv[0]).name} --seeds {len(seeds)} --only {name}",
        seeds=list(seeds), source="local", n=ours[0]["n"], results=measurements)
    recording.write(lesson / "results.json", {"expect": expect} | found)
    for figure in how.figures:
        file = figure if "." in figure else f"{figure}.png"
        shutil.copy(Run(name, f"seed-{seeds[0]}").path(f"plots/{file}"), lesson)
    print(f"{name}: Expect  {expect}")


def main(doc: str, recipes: dict[str, Recipe]) -> None:
    """The command line of a benchmark that measures these recipes."""
    parser = recording.parser(doc)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(recipes), default=list(recipes), metavar="RECIPE")
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    recording.need_real_data()
    with tempfile.TemporaryDirectory(prefix="measuring") as temporary:
        home = (arguments.home or Path(temporary)).resolve()
        os.environ["DL100_HOME"] = str(home)
        seeds = range(arguments.seeds)
        wanted = {name: recipes[name] for name in arguments.only}
        results = measure(wanted, seeds, home)
        print("\n" + table(wanted, results))
        if arguments.write:
            for name, measurements in results.items():
                record(name, recipes[name], measurements, seeds)
