"""Kill training at random instants, resume it, and compare the end with that of a run that was left alone.

    python benchmarks/kill_resume.py --kills 200

Trains `lstm_imdb` (small, on its sample, with --deterministic, a checkpoint every 2 steps, early stopping on) and sends
SIGKILL at a random instant, again and again, until a run gets to its end; then the next run begins, until all kills
are spent. One kill in five falls at any time after the process began, the others after its first step, since most of
a short session is TensorFlow getting ready; of those, every third waits for the next save to begin. For every kill it
holds that

- the next session resumes (200 of 200), from the newest checkpoint on the disk;
- at most one checkpoint interval of steps is lost;
- no step is trained twice: each session begins with the step after its checkpoint's;

and for every finished run that weights, optimizer, history.csv and the early-stopping decision are bitwise those of
the run that was left alone. Each session is a fork of a process that has imported TensorFlow and run nothing, so a
kill costs seconds and is the same SIGKILL. Linux and macOS only.
"""

import dataclasses
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import recording

INTERVAL = 2  # steps between checkpoints
SMALL = {"source": "sample", "epochs": 20, "patience": 1, "batch_size": 600, "learning_rate": 0.01,
         "schedule": "plateau", "deterministic": True, "checkpoint_steps": INTERVAL, "checkpoint_minutes": 0,
         "vocab_size": 2000, "length": 64, "embedding": 16, "units": 8}


def session(name: str, journal: Path) -> None:
    """One process's part of the run `name`: from its newest checkpoint to the end, noting every step in `journal`."""
    from dl100_tf import training
    from dl100_tf.data import text
    from dl100_tf.projects import lstm_imdb
    from dl100_tf.run import Run
    from dl100_tf.training.callbacks import Keeper

    notes = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    counted = Keeper.on_train_batch_end

    def noted(keeper, batch, logs=None):
        os.write(notes, b"%d\n" % keeper._progress.total_steps)  # the step that has just been applied, from 0
        counted(keeper, batch, logs)

    Keeper.on_train_batch_end = noted
    config, run = lstm_imdb.Config(**SMALL), Run("lstm_imdb", name)
    with run.owned():
        run.begin(config, "benchmarks/kill_resume.py")
        training.set_seeds(config.seed, config.deterministic)
        reviews = lstm_imdb.load_data(config)
        tokenizer = text.tokenizer(reviews.train.x, config.vocab_size, config.length)
        training.fit(lstm_imdb.build_model(config), text.tokenize(reviews, tokenizer), run, config)


def fork(name: str, journal: Path) -> int:
    """Start a session in a process of its own; its process id."""
    process = os.fork()
    if process:
        return process
    log = os.open(journal.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 1
    try:
        session(name, journal)
        code = 0
    finally:
        os._exit(code)


def read_steps(journal: Path) -> list[int]:
    """The steps that a session has applied, counted from 0 over the whole run."""
    return [int(line) for line in journal.read_bytes().split(b"\n")[:-1]] if journal.is_file() else []


def newest_step(name: str) -> int:
    """The step that the newest readable checkpoint of the run stands at; 0 where there is none."""
    from dl100_tf.run import Run

    files = Run("lstm_imdb", name).path("checkpoints").glob("step-*.npz")
    return max((int(file.stem.split("-")[1]) for file in files), default=0)


def outcome(name: str) -> dict:
    """What a finished run has come to: everything that must not depend on kills."""
    import numpy as np

    from dl100_tf.run import Run

    run = Run("lstm_imdb", name)
    with np.load(max(run.path("checkpoints").glob("step-*.npz"))) as checkpoint:
        arrays = {key: checkpoint[key].tobytes() for key in checkpoint.files if key != "facts"}
    facts = run.read_json("training.json")
    return {"arrays": arrays, "history": run.path("history.csv").read_bytes(),
            "decision": [facts[key] for key in ("epochs", "best_epoch", "steps", "stopped_early")]}


@dataclasses.dataclass
class Tally:
    """What was seen over all kills."""

    kills: int = 0
    resumed: int = 0
    inside_saves: int = 0
    lost: list[int] = dataclasses.field(default_factory=list)
    finished: int = 0
    different: int = 0
    wrong_start: int = 0


@dataclasses.dataclass
class Spans:
    """How long a session that is left alone takes, in seconds."""

    ready: float  # until its first step
    trained: float  # from there to its end
    steps: int  # in that time


def watched(process: int, journal: Path, spans: Spans, left: int, chance: random.Random | None) -> int | None:
    """Wait for the session's end, or kill it at a random instant; its exit code, None where it was killed.

    With `left` steps to go, a kill falls into the time that they should take.
    """
    anywhere, in_save = chance and chance.random() < 0.2, chance and chance.random() < 1 / 3
    deadline = time.monotonic() + chance.uniform(0, spans.ready + spans.trained) if anywhere else None
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if chance and deadline is None and journal.is_file() and journal.stat().st_size:
            deadline = time.monotonic() + chance.uniform(0, spans.trained * left / spans.steps)
        if deadline and time.monotonic() >= deadline and (anywhere or not in_save or half_written(journal.stem)):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return None
        time.sleep(0.0005 if in_save else 0.002)


def half_written(name: str) -> list[Path]:
    """The temporary folders of checkpoints that are being written."""
    from dl100_tf.run import Run

    return list(Run("lstm_imdb", name).path("checkpoints").glob(".writing-*"))


def killed_run(name: str, kills: int, spans: Spans, chance: random.Random, tally: Tally, scratch: Path) -> None:
    """Take one run to its end through at most `kills` kills."""
    journal = scratch / f"{name}.steps"
    before = 0  # the step that the next session must begin with
    after_kill = False
    while True:
        left = spans.steps - before
        code = watched(fork(name, journal), journal, spans, left, chance if tally.kills < kills else None)
        steps = read_steps(journal)
        if steps:
            tally.wrong_start += steps != list(range(before, before + len(steps)))
        if code is not None:
            tally.resumed += after_kill and code == 0
            if code:
                raise SystemExit(f"a session failed:\n{journal.with_suffix('.log').read_text()}")
            return
        tally.resumed += after_kill
        tally.kills += 1
        after_kill = True
        tally.inside_saves += bool(half_written(name))
        before = newest_step(name)
        tally.lost.append(max(0, (steps[-1] + 1 if steps else 0) - before))
        journal.unlink(missing_ok=True)
        progress(tally, kills)


def progress(tally: Tally, kills: int) -> None:
    print(f"\r{tally.kills}/{kills} kills, {tally.finished} runs finished", end="", file=sys.stderr, flush=True)


def main() -> int:
    parser = recording.parser(__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the instants")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kill_resume") as scratch:
        os.environ["DL100_HOME"] = scratch
        import tensorflow  # noqa: F401  imported, not used: a fork is safe before TensorFlow starts its threads

        from dl100_tf import training
        training.fit  # noqa: B018  the import behind it

        start, journal = time.monotonic(), Path(scratch) / "alone.steps"
        process = fork("alone", journal)
        while not read_steps(journal):
            time.sleep(0.01)
        ready = time.monotonic() - start
        _, status = os.waitpid(process, 0)
        if status:
            raise SystemExit(f"the run that was to be left alone failed:\n{journal.with_suffix('.log').read_text()}")
        alone = outcome("alone")
        spans = Spans(ready, time.monotonic() - start - ready, alone["decision"][2])
        tally, chance = Tally(), random.Random(arguments.seed)
        while tally.kills < arguments.kills:
            name = f"killed-{tally.finished}"
            killed_run(name, arguments.kills, spans, chance, tally, Path(scratch))
            tally.finished += 1
            tally.different += outcome(name) != alone
    epochs, best, steps, stopped = alone["decision"]
    result = recording.measured(**{
        "kills": tally.kills, "resumed": tally.resumed, "of them inside a save": tally.inside_saves,
        "most steps lost": max(tally.lost), "checkpoint interval": INTERVAL,
        "sessions that began at a wrong step": tally.wrong_start, "runs finished": tally.finished,
        "runs that differ in any bit": tally.different, "seconds": round(time.monotonic() - began),
        "the run left alone": {"steps": steps, "epochs": epochs, "best epoch": best, "stopped early": stopped,
                               "seconds to the first step": round(spans.ready, 1),
                               "seconds from there": round(spans.trained, 1)}})
    print("\n" + json.dumps(result, indent=1))
    good = tally.resumed == tally.kills and max(tally.lost) <= INTERVAL and not tally.different + tally.wrong_start
    print("PASS" if good else "FAIL")
    if arguments.write and good:
        recording.write(recording.RESULTS / "kill_resume.json", result)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
