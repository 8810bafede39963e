"""A .tflite file run as a phone runs it: LiteRT, one thread, one example at a time.

    python -m dl100_tf.export.litert FILE        # latency and memory, in a process that loads nothing else
"""

import json
import statistics
import subprocess
import sys
import time
from concurrent import futures
from pathlib import Path

import numpy as np

from dl100_tf.errors import UserError

WORKERS = 2  # interpreters that judge a test set side by side; each has one thread
SECONDS = 1.0  # for which a file is timed
SHARE = 64  # examples between two moves of the progress bar


class Interpreter:
    """A model that was read from a .tflite file.

    Attributes:
        shape: of its input, batch of one first.
        dtype: of its input.
    """

    def __init__(self, content: bytes, name: str):
        """Read a model.

        Args:
            content: of the file.
            name: what an error calls it.

        Raises:
            UserError: it is damaged, or needs operators that only a server has.
        """
        from ai_edge_litert import interpreter

        try:
            self._model = interpreter.Interpreter(model_content=content, num_threads=1)
            self._model.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{name} can't be run by LiteRT ({_line(error)}): export it again.") from error
        given, answer = self._model.get_input_details(), self._model.get_output_details()
        if len(given) != 1 or len(answer) != 1:
            raise UserError(f"{name} has {len(given)} inputs and {len(answer)} outputs instead of one of each: it is "
                            "no bundle of ours.")
        self.shape, self.dtype = tuple(map(int, given[0]["shape"])), np.dtype(given[0]["dtype"])
        self._given, self._answer = given[0]["index"], answer[0]["index"]

    def __call__(self, example: np.ndarray) -> np.ndarray:
        """One example (...) without its batch dimension; the probabilities, float32 (labels,)."""
        self._model.set_tensor(self._given, example[None].astype(self.dtype))
        self._model.invoke()
        return self._model.get_tensor(self._answer)[0].copy()

    def latency(self, example: np.ndarray, seconds: float = SECONDS) -> float:
        """Milliseconds for one example, the median over `seconds`."""
        self._model.set_tensor(self._given, example[None].astype(self.dtype))
        return latency(self._model.invoke, seconds)


def latency(call, seconds: float = SECONDS) -> float:
    """Milliseconds that a call takes, the median over `seconds`, after a few that don't count."""
    for _ in range(3):
        call()
    taken, until = [], time.perf_counter() + seconds
    while not taken or time.perf_counter() < until:
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken)


def probabilities(content: bytes, name: str, examples: np.ndarray, step=None) -> np.ndarray:
    """What a model gives for each of `examples`, float32 (n, labels), in their order.

    Args:
        content, name: see `Interpreter`.
        examples: (n, ...) as a phone hands them over.
        step: called with a count whenever so many more are done.
    """
    shares = [slice(start, start + SHARE) for start in range(0, len(examples), SHARE)]

    def work(mine):
        model, found = Interpreter(content, name), {}
        for share in mine:
            found[share.start] = np.stack([model(example) for example in examples[share]])
            if step:
                step(len(found[share.start]))
        return found

    with futures.ThreadPoolExecutor(WORKERS) as pool:  # LiteRT lets go of Python's lock while it works
        parts = {}
        for found in pool.map(work, [shares[number::WORKERS] for number in range(WORKERS)]):
            parts |= found
    return np.concatenate([parts[start] for start in sorted(parts)])


def measured(file: Path) -> dict:
    """Latency in ms of a .tflite file, and the MiB it takes beside its content, in a process that loads no TensorFlow.

    Raises:
        UserError: the file can't be run.
    """
    said = subprocess.run([sys.executable, "-m", __name__, str(file)], capture_output=True, text=True)
    if said.returncode:
        raise UserError(f"{file} can't be run by LiteRT ({said.stderr.strip().splitlines()[-1:]}): export it again.")
    return json.loads(said.stdout.splitlines()[-1])


def _peak(afresh: bool = False) -> float:
    """The most memory this process has held, MiB; `afresh`: forget what it held before, where the system can."""
    import resource

    status = Path("/proc/self/status")
    if not status.exists():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    if afresh:
        Path("/proc/self/clear_refs").write_text("5")  # `man 5 proc`: the peak is what is held now
    return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")


def main() -> None:
    """Time the file that the command line names, and print what was found as JSON."""
    file = Path(sys.argv[1])
    content = file.read_bytes()
    model = Interpreter(content, str(file))  # so that the library's own memory is not counted
    example = np.zeros(model.shape[1:], model.dtype)
    del model
    before = _peak(afresh=True)
    model = Interpreter(content, str(file))
    model(example)
    print(json.dumps({"memory_mib": _peak() - before, "latency_ms": model.latency(example)}))


if __name__ == "__main__":
    main()
