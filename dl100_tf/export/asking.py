"""A published bundle, and what programs in other processes make of its files."""

import base64
import hashlib
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dl100_tf.errors import UserError
from dl100_tf.export import golden, litert, parity, versions

LIMIT = 600  # seconds for all files of one check; an emulated processor is slow
NEAR = {"dynamic": 2e-2, "int8": 1 / 256 + 1e-6}  # how far from LiteRT's scores here; int8: one step of its output
FLOAT = 1e-5  # likewise of all others
SOURCE = Path(__file__).with_name("readers.py")
OLD = "Didn't find op for builtin opcode"  # what a runtime says of an operator that came after it


class Finding(NamedTuple):
    """What a check made of a file."""

    check: str
    file: str  # empty: of the bundle
    outcome: str  # agrees, differs, failed, refused (by a GPU: no mistake of the file), timed, not run
    told: str


@dataclass(frozen=True)
class Bundle:
    """A published bundle, and what LiteRT makes of it here.

    Attributes:
        card: its `card.json`.
        files: the content of each .tflite file, by name.
        vectors: what `golden.read` gives.
        texts: a text model's examples, prepared as its card says.
        here: LiteRT's scores on this machine by file, each as Keras' are.
    """

    card: dict
    files: dict[str, bytes]
    vectors: tuple
    texts: list[str]
    here: dict[str, np.ndarray]

    @property
    def of_characters(self) -> bool:
        """Whether it reads texts by their characters, which no task library does."""
        return self.card.get("input", {}).get("tokenizer", {}).get("split", "").startswith("characters")

    @property
    def gives_pictures(self) -> bool:
        """Whether it gives pictures, which no task library does."""
        return self.vectors[2].ndim == 4

    @property
    def kind(self) -> str:
        """What an example is, as in the contract."""
        return self.vectors[0]

    def request(self, reader: str, raw: bool = False, **more) -> dict:
        """What `readers.answer` is asked; `raw`: as a task library wants the examples, not LiteRT."""
        inputs = self.vectors[1].astype("uint8") if raw and self.kind == "image" else self.vectors[1]
        examples = self.texts if raw and self.kind == "text" else base64.b64encode(inputs.tobytes()).decode()
        return {"reader": reader, "kind": self.kind, "labels": self.card["labels"], "examples": examples,
                "shape": inputs.shape, "dtype": inputs.dtype.name, "scores": self.vectors[2].shape} | more


def opened(folder: Path) -> Bundle:
    """Read a bundle.

    Args:
        folder: of a version, or of a model: then its newest version.

    Raises:
        UserError: it is none, or not as it was published.
    """
    folder = versions.newest(folder)
    vectors = golden.read(folder)
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        names = [name for name, facts in card["files"].items() if "variant" in facts and Path(name).name == name]
        files = {name: (folder / name).read_bytes() for name in names}
        changed = [name for name in names if hashlib.sha256(files[name]).hexdigest() != card["files"][name]["sha256"]]
        rows = json.loads((folder / golden.FILE).read_text(encoding="utf-8"))["examples"]
        texts = [_prepared(row["text"], **card["input"]["tokenizer"]) for row in rows if "text" in row]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder} is no whole bundle ({error}): export the run again.") from error
    if changed or not files:
        raise UserError(f"{folder} is not as it was published ({', '.join(changed) or 'no .tflite file'}): export the "
                        "run again.")
    here = {name: litert.probabilities(content, name, vectors[1]) for name, content in files.items()}
    return Bundle(card, files, vectors, texts, here)


def _prepared(text: str, lower_case: str, removed: str, made_blank: str, **_) -> str:
    """A text for a library that only splits and looks up, by what a card says of its tokenizer."""
    lower = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"} if lower_case else {}
    blank = dict.fromkeys(map(ord, made_blank), " ")
    return text.translate(lower | dict.fromkeys(map(ord, removed)) | blank)


def mark() -> str:
    """What a line with an answer begins with."""
    return re.search('^MARK = "(.+?)"', SOURCE.read_text(encoding="utf-8"), re.MULTILINE)[1]


def ask(command: list[str], request: dict, files: dict[str, bytes]) -> dict[str, dict]:
    """What a reader in another process gives for each file, by name; an `error` in it says why it gives nothing.

    Args:
        command: of a Python that runs what comes through its standard input.
        request: for `readers.answer`, without the files.
        files: contents by name; one that kills the process doesn't keep the others from being asked.
    """
    found, left = {}, dict(files)
    while left:
        asked = request | {"files": {name: base64.b64encode(content).decode() for name, content in left.items()}}
        program = ("import sys\nsys.path[:] = [place for place in sys.path if place]\n"  # not from the current folder
                   f"{SOURCE.read_text(encoding='utf-8')}\n\nanswer(json.loads({json.dumps(asked)!r}))\n")
        try:
            said = subprocess.run([*command, "-"], input=program.encode(), capture_output=True, timeout=LIMIT)
            out, log, why = said.stdout, said.stderr.decode(errors="replace"), f"it ended with {said.returncode}"
            why = f"it crashed (signal {-said.returncode})" if said.returncode < 0 else why
        except subprocess.TimeoutExpired as error:
            out, log, why = error.stdout or b"", "", f"no answer within {LIMIT} s"
        for line in out.decode(errors="replace").splitlines():
            if line.startswith(mark()):
                told = json.loads(line.removeprefix(mark()))
                found[told["file"]] = told | {"log": log}
        left = {name: content for name, content in left.items() if name not in found}
        if left:
            guilty, last = next(iter(left)), (log.strip().splitlines() or [""])[-1].strip()
            found[guilty] = {"error": f"{why}: {last[:200]}" if last else why, "log": log}
            del left[guilty]
    return found


def judged(check: str, name: str, answer: dict, bundle: Bundle, near: float | None = None) -> Finding:
    """Put a reader's scores beside Keras' and beside LiteRT's on this machine."""
    if "error" in answer:
        old = OLD in answer["error"]
        return Finding(check, name, *(("not run", f"its runtime is too old for this file ({answer['error']})") if old
                                      else ("failed", answer["error"])))
    variant, keras = bundle.card["files"][name]["variant"], bundle.vectors[2]
    near = near or NEAR.get(variant, FLOAT)
    ours = np.array(answer["scores"], "float64")
    if ours.shape != keras.shape:
        return Finding(check, name, "differs", f"it gives scores {ours.shape} instead of {keras.shape}")
    scale = bundle.vectors[5]
    found, apart = parity.compare(variant, keras, ours, scale=scale), np.abs(ours - bundle.here[name]).max() / scale
    bound = max((variant in parity.BOUNDS and parity.BOUNDS[variant].scores) or np.inf, near)  # int8 has none
    wrong = [] if found.difference <= bound else [f"more than {bound:.1g} from Keras"]  # also where it is no number
    wrong += [] if apart <= near else [f"more than {near:.1g} from LiteRT here"]
    told = (f"{len(ours)} examples, {found.difference:.1e} from Keras, {apart:.1e} from LiteRT here, "
            f"{found.agreement:.0%} the same labels")
    return Finding(check, name, "differs" if wrong else "agrees", ": ".join([*wrong, told]))
