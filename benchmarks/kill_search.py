"""Kill searches at random instants, resume them, and damage their files: compare with a search that was left alone.

    python benchmarks/kill_search.py --kills 50

Searches over `mlp_mnist` (small, on its sample, with --deterministic, a checkpoint every 4 steps) by the command line,
and sends SIGKILL at a random instant, again and again, until a search gets to its end; then the next one begins, until
all kills are spent. Every other kill hits the search's process alone, and what it had begun has to end by itself; the
others hit all of them. For every search that holds

- each session goes on from where the one before was: all of them end well;
- every trial is in the journal exactly once, with the values and the score of the search that was left alone, to the
  last bit, and its best settings are the same;
- no trial was trained from its beginning again once it had a checkpoint.

Then each kind of file that a search keeps, cut in half in the middle of one, must not change its end. At last, how much
memory a search of many trials takes, and what a trial takes beside its training. Linux and macOS only.
"""

import collections
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import recording

TRIALS = 5
SMALL = ["--source", "sample", "--epochs", "2", "--batch-size", "64", "--hidden", "32", "--deterministic",
         "--checkpoint-steps", "4", "--checkpoint-minutes", "0", "--no-augment"]


def folder(home: Path, name: str) -> Path:
    """Where a search is."""
    return home / "runs" / "mlp_mnist" / name


def begin(home: Path, name: str, trials: int = TRIALS, more=()) -> subprocess.Popen:
    """A session of the search `name`, in a process group of its own."""
    log = open(home / f"{name}.log", "a")  # noqa: SIM115  the process has it
    return subprocess.Popen(
        [sys.executable, "-m", "dl100_tf.projects.mlp_mnist", "tune", *SMALL, "--trials", str(trials), "--run", name,
         *more], stdout=log, stderr=log, env=os.environ | {"DL100_HOME": str(home)}, start_new_session=True)


def finish(home: Path, name: str, **more) -> float:
    """Let a search come to its end; the seconds that took."""
    began = time.monotonic()
    if begin(home, name, **more).wait():
        raise SystemExit(f"a session failed:\n{(home / f'{name}.log').read_text()[-3000:]}")
    return time.monotonic() - began


def journal(home: Path, name: str) -> dict:
    """The newest journal."""
    return json.loads(max((folder(home, name) / "search").glob("journal-*.json")).read_text())


def outcome(home: Path, name: str) -> tuple:
    """What must not depend on kills: every trial's values and score, the best settings, and the test set's verdict."""
    place, events = folder(home, name), journal(home, name)["events"]
    began = collections.Counter(event["began"] for event in events if "began" in event)
    if set(began.values()) != {1} or len(began) != TRIALS or len(events) != 2 * TRIALS:
        return "not every trial exactly once", events
    values = {event["began"]: event["values"] for event in events if "began" in event}
    scores = {event["ended"]: event["score"] for event in events if "ended" in event}
    return (values, scores, json.loads((place / "search/best.json").read_text()),
            json.loads((place / "scores.json").read_text())["metrics"])


def begun_again(home: Path, name: str) -> int:
    """How many trials trained their first epoch more than once, by what they printed, and without a warning why."""
    logs = [file.read_text() for file in folder(home, name).glob("trials/*/log.txt")]
    return sum(log.count("epoch 1/") > 1 and "Resuming" not in log for log in logs)


def kill(process: subprocess.Popen, all_of_them: bool) -> None:
    """End a session now, or only the process that leads it."""
    if all_of_them:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def killed(home: Path, name: str, kills: int, seconds: float, chance: random.Random) -> int:
    """Take a search to its end through at most `kills` kills; how many there were."""
    for number in range(kills):
        process = begin(home, name)
        try:
            if process.wait(chance.uniform(0, seconds)):
                raise SystemExit(f"a session failed:\n{(home / f'{name}.log').read_text()[-3000:]}")
            return number
        except subprocess.TimeoutExpired:
            kill(process, all_of_them=chance.random() < 0.5)
            print(".", end="", file=sys.stderr, flush=True)
    finish(home, name)
    return kills


def damage(home: Path, alone: tuple, middle: str) -> dict[str, bool]:
    """For each kind of file of a search that was stopped in its middle: whether it ends alike with that one cut."""
    files = {str(file.relative_to(folder(home, middle))): file for file in folder(home, middle).rglob("*")
             if file.is_file() and file.name not in (".lock", "log.txt") and "tensorboard" not in file.parts}
    newest = sorted(name for name in files if name.startswith("trials/"))[-1].split("/")[1]
    kinds = {name for name in files if not name.startswith("trials/") or name.split("/")[1] in (newest, "001")}
    same = {}
    for number, name in enumerate(sorted(kinds)):
        copy = f"damaged-{number}"
        shutil.copytree(folder(home, middle), folder(home, copy))
        file = folder(home, copy) / name
        file.write_bytes(file.read_bytes()[:file.stat().st_size // 2])
        finish(home, copy)
        same[name] = outcome(home, copy) == alone
        print(f"\r{number + 1}/{len(kinds)} files damaged", end="", file=sys.stderr, flush=True)
        shutil.rmtree(folder(home, copy))
    return same


def memory(home: Path, trials: int) -> dict:
    """What a search of many trials takes: memory of its process and of its trials' after 5 and at the end."""
    process, peaks = begin(home, "many", trials, ["--epochs", "1", "--checkpoint-steps", "0"]), {}
    while process.poll() is None:
        time.sleep(0.1)
        ended = sum("ended" in event for event in journal(home, "many")["events"]) if list(
            (folder(home, "many") / "search").glob("journal-*.json")) else 0
        if ended < trials:
            mib = sum(resident(one) for one in group(process.pid))
            for until in (5, trials):
                if ended <= until:
                    peaks[until] = max(peaks.get(until, 0.0), mib)
    if process.returncode:
        raise SystemExit(f"the search failed:\n{(home / 'many.log').read_text()[-3000:]}")
    return {"trials": trials, "peak MiB of all processes, first 5 trials": round(peaks[5]),
            "peak MiB of all processes, all trials": round(peaks[trials])}


def group(leader: int) -> list[int]:
    """The processes of a session."""
    found = subprocess.run(["ps", "-e", "-o", "pid=,pgid="], capture_output=True, text=True, check=True).stdout
    return [int(pid) for pid, its in map(str.split, found.splitlines()) if int(its) == leader]


def resident(process: int) -> float:
    """MiB of a process that are its own: what a fork shares with the process it came from is counted once."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def overhead(home: Path, name: str) -> list[float]:
    """Seconds of each trial beside its training, from its process's first file to the journal's next one."""
    spent = []
    for trial in sorted(folder(home, name).glob("trials/*")):
        begun = min(file.stat().st_mtime for file in trial.rglob("*") if file.is_file())
        ended = max(file.stat().st_mtime for file in trial.rglob("*") if file.is_file())
        spent.append(ended - begun - json.loads((trial / "training.json").read_text())["train_seconds"])
    return spent


def main() -> int:
    parser = recording.parser(__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--trials", type=int, default=50, help="of the search whose memory is watched")
    parser.add_argument("--seed", type=int, default=0, help="of the instants")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kill_search") as scratch:
        home, chance = Path(scratch), random.Random(arguments.seed)
        seconds = finish(home, "alone")
        alone = outcome(home, "alone")
        kills = searches = different = again = 0
        while kills < arguments.kills:
            name = f"killed-{searches}"
            kills += killed(home, name, arguments.kills - kills, seconds, chance)
            searches += 1
            different += outcome(home, name) != alone
            again += begun_again(home, name)
        print(f"\n{kills} kills, {searches} searches", file=sys.stderr)
        process = begin(home, "middle")
        while len(journal(home, "middle")["events"] if folder(home, "middle").joinpath("search").is_dir() and list(
                folder(home, "middle").glob("search/journal-*")) else []) < 5:
            time.sleep(0.1)
        while not list(folder(home, "middle").glob("trials/003/checkpoints/step-*")):
            time.sleep(0.02)
        kill(process, all_of_them=True)
        cut = damage(home, alone, "middle")
        result = recording.measured(**{
            "kills": kills, "searches": searches, "searches that differ": different,
            "trials begun again without need": again, "seconds of a search that is left alone": round(seconds, 1),
            "files cut in half": len(cut), "of them, the search ended alike": sum(cut.values()),
            "those after which it didn't": [name for name, same in cut.items() if not same],
            **memory(home, arguments.trials)})
        beside = overhead(home, "many")
        result |= {"seconds of a trial beside its training": round(statistics.mean(beside), 2),
                   "at most": round(max(beside), 2), "seconds": round(time.monotonic() - began)}
    print("\n" + json.dumps(result, indent=1))
    grown = result["peak MiB of all processes, all trials"] / result["peak MiB of all processes, first 5 trials"]
    good = not (different or again or not all(cut.values())) and grown <= 1.1 and result["at most"] <= 4
    print("PASS" if good else "FAIL")
    if arguments.write and good:
        recording.write(recording.RESULTS / "kill_search.json", result)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
