"""What others make of a published bundle: independent readers, an ARM processor, a profile, a GPU.

    python -m dl100_tf.export.checks export/models/tflite/lstm_imdb --mediapipe-python ~/mediapipe/bin/python

Every check runs where its tool is there, and says in a line what it would have needed where it isn't.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dl100_tf.errors import UserError
from dl100_tf.export import graph, metadata, operators
from dl100_tf.export.asking import LIMIT, Bundle, Finding, ask, judged, opened

BAD = ("differs", "failed")  # outcomes that make the exit code 1
GPU = 5e-3  # how far from LiteRT's scores a GPU may be: it calculates in 16 bits
NO_GPU = "No adapters found"  # what LiteRT's accelerator says of a machine without one
NEEDS = {
    "mediapipe": "a Python with MediaPipe: `python -m venv DIR && DIR/bin/pip install mediapipe`, then "
                 "--mediapipe-python DIR/bin/python",
    "tflite-support": "a Python 3.11 with tflite-support: `python3.11 -m venv DIR && DIR/bin/pip install "
                      "tflite-support==0.4.4` (and libusb-1.0), then --tflite-support-python DIR/bin/python",
    "arm": "an ARM Python with ai-edge-litert: --arm 'ssh BOARD python3', or --arm 'qemu-aarch64 -cpu cortex-a76 -L "
           "ROOT ROOT/usr/bin/python3' with that processor's /proc/cpuinfo in ROOT/proc, or LiteRT crashes",
    "gpu": "a GPU with a Vulkan, Metal or Direct3D driver, or a delegate's library: --gpu-delegate FILE",
}

def offline() -> list[str]:
    """The command prefix under which a program has no network; empty where that isn't allowed."""
    prefix = ["unshare", "--net", "--map-root-user"]
    allowed = shutil.which("unshare") and not subprocess.run([*prefix, "true"], capture_output=True).returncode
    return prefix if allowed else []


def reader(bundle: Bundle, check: str, python: str) -> list[Finding]:
    """Ask MediaPipe Tasks or tflite-support, in a Python of their own and without a network."""
    left, found = dict(bundle.files), []
    if bundle.of_characters or bundle.gives_pictures or (check == "mediapipe" and bundle.kind not in ("image", "text")):
        return [Finding(check, "", "not run", "MediaPipe Tasks and TFLite's Task Library have no task for characters"
                        if bundle.of_characters else "MediaPipe Tasks have no task for what it takes and gives")]
    if check == "mediapipe":
        loops = [name for name, content in left.items() if graph.subgraphs(content) > 1]
        found = [Finding(check, name, "not run", "it has a loop, which MediaPipe doesn't run") for name in loops]
        left = {name: content for name, content in left.items() if name not in loops}
    prefix = offline()
    note = "" if prefix else "; the network could be reached, as `unshare --net` isn't allowed here"
    answers = ask([*prefix, python], bundle.request(check.replace("-", "_"), raw=True), left)
    for name, answer in answers.items():
        if "metadata" in answer:
            found.append(_read_alike(name, answer, bundle))
        if "scores" in answer or "error" in answer:
            found.append(judged(check, name, answer, bundle))
    return [one._replace(told=one.told + note) for one in found]


def _read_alike(name: str, answer: dict, bundle: Bundle) -> Finding:
    """Whether tflite-support reads the same metadata as we do."""
    ours, told = metadata.read(bundle.files[name]), answer["metadata"]
    wrong = [f"another {field}" for field in ("name", "description", "version", "author", "license")
             if told.get(field) != ours[field]]
    wrong += [f"no or another {file}" for file, content in metadata.files(bundle.files[name]).items()
              if answer["files"].get(file) != content.decode()]
    read = f"its metadata: name, description, author, licence, {', '.join(answer['files'])}"
    return Finding("tflite-support", name, "differs" if wrong else "agrees", "; ".join(wrong) or read)


def arm(bundle: Bundle, command: str) -> list[Finding]:
    """Ask LiteRT on an ARM processor, emulated or not."""
    found = []
    for name, answer in ask(shlex.split(command), bundle.request("litert"), bundle.files).items():
        one, machine = judged("arm", name, answer, bundle), answer.get("machine", "")
        if machine and not machine.startswith(("arm", "aarch64")):
            one = one._replace(outcome="failed", told=f"it ran on {machine}, which is no ARM processor")
        found.append(one)
    return found


def profile(bundle: Bundle, benchmark: str) -> list[Finding]:
    """Where the time goes: by LiteRT's `benchmark_model` where it is given, else each operator alone."""
    found = []
    for name, content in bundle.files.items():
        whole, parts = _benchmarked(benchmark, content) if benchmark else _timed(content)
        total = sum(ms for _, ms in parts.values())
        ranked = sorted(parts.items(), key=lambda part: -part[1][1])
        told = ", ".join(f"{count} {kind} {ms / total:.0%}" for kind, (count, ms) in ranked if ms > total / 100)
        found.append(Finding("profile", name, "timed" if told else "failed", f"{whole}: {told}" if told else whole))
    return found


def _timed(content: bytes) -> tuple[str, dict]:
    cut = operators.pieces(content)
    files = {"": content} | {str(number): piece for number, (_, _, piece) in enumerate(cut)}
    answers = ask([sys.executable], {"reader": "timed", "seconds": 0.05}, files)
    if "error" in answers[""]:
        return answers[""]["error"], {}
    parts = {}
    for number, (kind, count, _) in enumerate(cut):
        before, ms = parts.get(kind, (0, 0.0)), answers[str(number)].get("ms", 0.0)
        parts[kind] = before[0] + count, before[1] + count * ms
    apart = sum(ms for _, ms in parts.values())
    return f"{answers['']['ms']:.3f} ms; its operators one by one {apart:.3f} ms", parts


def _benchmarked(command: str, content: bytes) -> tuple[str, dict]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(content)
        said = subprocess.run([command, f"--graph={file}", "--num_threads=1", "--enable_op_profiling=true",
                               "--max_secs=5"], capture_output=True, text=True, errors="replace", timeout=LIMIT)
    parts = operators.benchmarked(said.stdout + "\n" + said.stderr)
    total = sum(ms for _, ms in parts.values())
    last = (said.stderr.strip().splitlines() or ["no table of operators"])[-1]
    return f"{total:.3f} ms by benchmark_model" if parts else f"benchmark_model gave {last[:200]}", parts


def gpu(bundle: Bundle, delegate: str) -> list[Finding]:
    """Whether a GPU takes the graph: by a delegate's library, or by the accelerator that comes with LiteRT."""
    request = bundle.request("litert", delegate=delegate) if delegate else bundle.request("accelerator")
    found = []
    for name, answer in ask([sys.executable], request, bundle.files).items():
        if "error" in answer and not delegate and NO_GPU in answer["log"]:
            return [Finding("gpu", "", "not run", f"needs {NEEDS['gpu']}")]
        if "error" in answer:
            found.append(Finding("gpu", name, "refused", answer["error"]))
            continue
        if delegate:
            taken, count = operators.share(bundle.files[name], answer["nodes"])
            told = f"{taken} of {count} operators" if taken else ""
        else:
            told = "all operators" if answer["whole"] else "a part of the operators"
        one = judged("gpu", name, answer, bundle, GPU)
        found.append(one._replace(told=f"it takes {told}; {one.told}") if told else
                     Finding("gpu", name, "refused", "the delegate takes no operator"))
    return found


def run(bundle: Bundle, tools: argparse.Namespace):
    """All checks whose tool is there; each finding, as soon as it is known."""
    for check, tool in (("mediapipe", tools.mediapipe_python), ("tflite-support", tools.tflite_support_python)):
        yield from reader(bundle, check, tool) if tool else [Finding(check, "", "not run", f"needs {NEEDS[check]}")]
    yield from arm(bundle, tools.arm) if tools.arm else [Finding("arm", "", "not run", f"needs {NEEDS['arm']}")]
    yield from profile(bundle, tools.benchmark_model)
    yield from gpu(bundle, tools.gpu_delegate)


def main(words: list[str]) -> int:
    """The command line; the exit code: 0 where all that ran agreed, 1 where something didn't, 2 for bad input."""
    parser = argparse.ArgumentParser("python -m dl100_tf.export.checks", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of a published bundle, or of a model: then its newest version")
    for flag, told in {"mediapipe-python": "a Python that has MediaPipe",
                       "tflite-support-python": "a Python that has tflite-support",
                       "arm": "a command that starts an ARM Python with ai-edge-litert",
                       "benchmark-model": "LiteRT's benchmark_model, for an exact profile",
                       "gpu-delegate": "a delegate's library, instead of LiteRT's own accelerator"}.items():
        parser.add_argument(f"--{flag}", default="", metavar="COMMAND" if flag == "arm" else "PATH", help=told)
    tools = parser.parse_args(words)
    try:
        for flag, command in vars(tools).items():
            first = shlex.split(command)[:1] if flag == "arm" else [command] if flag != "folder" else []
            there = Path(command).is_file() if flag == "gpu_delegate" else all(map(shutil.which, first))
            if flag != "folder" and command and not there:
                raise UserError(f"--{flag.replace('_', '-')}: {command} is not there or can't be run: correct it.")
        findings = []
        for one in run(opened(tools.folder), tools):
            print(f"{one.check:<15}{one.file or '-':<17}{one.outcome:<9}{one.told}", flush=True)
            findings.append(one)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return int(any(one.outcome in BAD for one in findings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
