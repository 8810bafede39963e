"""A finished run into the files of every place it runs, each compared with Keras before it is published."""

import json
import tempfile
from pathlib import Path

import numpy as np
import rich.console
import rich.progress

from dl100_tf import paths
from dl100_tf.errors import UserError
from dl100_tf.export import card, converter, golden, graph, litert, metadata, mixed, parity, phone, saved_model, scored
from dl100_tf.export import contract as contracts
from dl100_tf.export.mistakes import spoilt
from dl100_tf.export.versions import FORMATS, Shelf

CALIBRATION = 300  # training examples from which int8 learns the ranges of all tensors
BATCH = 256  # examples that the SavedModel judges at once
NOT_FOR = {"series": ("int8",)}  # variants that a kind can't have: its columns are of different units
UNROLLED = {"float32": "unrolled"}  # what a variant of a recurrent net without loops is called
SMALLEST = ("dynamic", "int8")  # variants from which nobody goes on: without the names of their tensors
LICENCE = "the code that made this model is under the MIT licence; its training data have terms of their own"


class Export:
    """One export of a run, step by step; what each step learns stays here for the card.

    Attributes:
        run, model, contract: what is exported.
        test, train: examples to compare on and to calibrate with, (n, ...).
        keras: Keras' probabilities on the test set, (n, labels) or of passages (n, 2, length), its forecasts, or its
            pictures.
        parity: what each variant's comparison found, by variant.
        mistakes: likewise of each mistake in preprocessing that was tried.
        refused: why a variant isn't published, by variant.
        latency: ms for one example, of Keras and the SavedModel.
        version, folders: what was published, by format.
    """

    def __init__(self, run, data, examples: int = 0):
        """Read the run.

        Args:
            run: a finished `Run`.
            data: its `Splits`; a phone's int8 is calibrated on the one that `calibration` names, `train` without it,
                and everything is compared on `test`.
            examples: how many test examples to compare on; 0: all.

        Raises:
            UserError: the run is unfinished or damaged, or its model can't be exported.
        """
        self.run, self.model = run, run.load_model()
        self.contract = contracts.of_run(run, self.model, getattr(data, "preparation", "middle"))
        data = scored.examples(run, self.contract, data)
        self.keras, self.y = scored.read(run, self.contract, len(data.test))
        step = max(1, len(self.y) // examples) if examples else 1
        self.test, self.keras, self.y = data.test.x[::step], self.keras[::step], self.y[::step]
        known = getattr(data, getattr(data, "calibration", "train"))
        self.train = known.x[::max(1, len(known) // CALIBRATION)][:CALIBRATION]
        scored.same(run, self.contract, self.model, self.test, self.keras)
        self.golden = golden.chosen(self.y)
        self.parity, self.mistakes, self.refused, self.latency, self.folders = {}, {}, {}, {}, {}

    def compare(self, variant: str, ours: np.ndarray) -> None:
        """Note how far a variant is from Keras on the test set."""
        self.parity[variant] = found = parity.compare(variant, self.keras, ours, self.y, self.contract.scale)
        if found.failings:
            self.refused[variant] = "; ".join(found.failings)

    def saved_model(self, folder: Path) -> None:
        """Write the SavedModel and compare it."""
        saved_model.write(self.model, self.contract, folder, self.test[:8])
        loaded = saved_model.load(folder)
        with _bar() as bar:
            shares = bar.track(range(0, len(self.test), BATCH), description="comparing saved_model")
            ours = [saved_model.scores(self.contract, loaded(self.test[start:start + BATCH])) for start in shares]
        self.compare("saved_model", np.concatenate(ours))
        self.latency["saved_model"] = litert.latency(lambda: loaded(self.test[:1]))

    def phone(self, variants, folder: Path) -> dict[str, bytes]:
        """Convert to .tflite and compare; the content of the files by name."""
        files, ready = {}, phone.model(self.model, self.contract)
        variants = [variant for variant in variants if variant not in NOT_FOR.get(self.contract.kind, ())]
        if not variants:
            raise UserError(f"{self.contract.project} can't be made with all numbers in int8, as its columns are of "
                            "different units: give --quantize another one, such as float16.")
        inputs = phone.inputs(self.model, self.contract, self.test)
        example = inputs[:1].astype(self.contract.phone_dtype)
        self.latency["keras"] = litert.latency(lambda: ready(example))
        for variant, content in self._converted(ready, variants, folder):
            content = metadata.put(graph.nameless(content) if variant in SMALLEST else content, self.contract,
                                   version=str(self.version), author="dl100_tf", license=LICENCE)
            foreign = [op for op in graph.ops(content) if op.startswith(("Flex", "VAR_HANDLE"))]
            if foreign:
                self.refused[variant] = f"it needs operators no phone has: {', '.join(sorted(set(foreign)))}"
                continue
            name = f"{variant}.tflite"
            with _bar() as bar:
                task = bar.add_task(f"comparing {name}", total=len(inputs))
                ours = litert.probabilities(content, name, inputs, lambda n, task=task: bar.advance(task, n))
            self.compare(variant, ours)
            self._spoil(variant, content, inputs[self.golden], self.keras[self.golden])
            files[name] = content
        return files

    def _converted(self, ready, variants, folder: Path):
        """Convert what can be; each variant and the content of its file.

        A recurrent net becomes a loop, which some runtimes don't know and int8 can't be calibrated for: for those it
        is converted once more with all steps of the loop written out.
        """
        calibration = phone.inputs(self.model, self.contract, self.train).astype(self.contract.phone_dtype)
        groups = {"rolled": (ready, list(variants))}
        if phone.is_recurrent(ready):
            flat = [variant for variant in ("int8", "float32") if variant in variants]
            groups = {"rolled": (ready, [variant for variant in variants if variant != "int8"]),
                      "unrolled": (phone.unrolled(ready), [UNROLLED.get(variant, variant) for variant in flat])}
        for name, (net, group) in groups.items():
            if not group:
                continue
            (place := folder / name).mkdir()
            np.save(place / converter.CALIBRATION, calibration)
            phone.save(net, self.contract, place / "model")
            with rich.console.Console(stderr=True).status(f"Converting to {', '.join(group)}"):
                files = self._files(place, group, calibration)
            yield from ((variant, files[variant]) for variant in group if variant in files)

    def _files(self, place: Path, group: list[str], calibration: np.ndarray) -> dict[str, bytes]:
        """Convert the SavedModel in `place`; the content of what could be made, by variant."""
        near = [variant for variant in mixed.VARIANTS if variant in group]
        made = group if "float32" in group or not near else [*group, "float32"]
        why_not = converter.convert(place / "model", place, made)
        self.refused |= {variant: why for variant, why in why_not.items() if variant in group}
        files = {variant: (place / f"{variant}.tflite").read_bytes() for variant in made if variant not in why_not}
        for variant in near:
            if {variant, "float32"} <= set(files):
                bound = parity.BOUNDS[variant].scores * mixed.MARGIN * self.contract.scale
                files[variant] = mixed.near(files["float32"], files[variant], calibration, bound)
        return files

    def _spoil(self, variant: str, content: bytes, inputs: np.ndarray, keras: np.ndarray) -> None:
        """Feed it what a careless client would; refuse it where the comparison doesn't tell."""
        scale, names = self.contract.scale, self.contract.vocabulary or self.contract.columns
        right = parity.compare(variant, keras, litert.probabilities(content, variant, inputs), scale=scale)
        for name, changed in spoilt(self.contract.kind, inputs, names).items():
            wrong = parity.compare(variant, keras, litert.probabilities(content, variant, changed), scale=scale)
            found = parity.caught(right, wrong)
            self.mistakes.setdefault(name, {})[variant] = {"caught": found, "typical": wrong.typical}
            if not found and parity.BOUNDS[variant].scores is not None:
                self.refused[variant] = f"the comparison doesn't tell when its input is wrong ({name})"

    def bundle(self, files: dict[str, bytes]) -> dict[str, str | bytes]:
        """All files of the bundle: models, golden vectors, labels, vocabulary, card."""
        inputs = phone.inputs(self.model, self.contract, self.test[self.golden])
        rest = {golden.FILE: golden.write(self.contract, self.test[self.golden], inputs, self.keras[self.golden],
                                          self.y[self.golden])}
        if self.contract.labels:
            rest["labels.txt"] = "\n".join(self.contract.labels) + "\n"
        if self.contract.vocabulary:
            rest[golden.VOCABULARY] = json.dumps(self.contract.vocabulary, ensure_ascii=False) + "\n"
        told = {name: card.described(content if isinstance(content, bytes) else content.encode())
                for name, content in (files | rest).items()}
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                file = Path(folder) / name
                file.write_bytes(content)
                told[name] |= {"variant": file.stem, "ops": sorted(set(graph.ops(content)))} | litert.measured(file)
        facts = {"refused": self.refused, "mistakes": self.mistakes, "latency_ms": self.latency,
                 "thresholds": card.thresholds(self.keras, self.y)}
        made = card.card(self.contract, self.run, self.version, told,
                         {name: found.record() for name, found in self.parity.items()}, facts)
        return files | rest | {"card.json": json.dumps(made, ensure_ascii=False, indent=1) + "\n",
                               "card.html": card.page(made)}


def load() -> None:
    """Load the libraries that `publish` needs, for a caller who shows that he waits for them."""
    import ai_edge_litert.interpreter  # noqa: F401
    import tensorflow  # noqa: F401


def publish(run, data, *, formats=FORMATS, quantize=converter.VARIANTS, to: str = "", examples: int = 0,
            force: bool = False) -> "Export":
    """Write the next version of a run's model under `<to>/saved_model/<name>/` and `<to>/tflite/<name>/`.

    Args:
        run: a finished `Run`.
        data: its `Splits`.
        formats: which of `versions.FORMATS`.
        quantize: which of `converter.VARIANTS`.
        to: the folder; empty for `paths.exports()`.
        examples: how many test examples to compare on; 0: all.
        force: publish what is out of bounds as well; the card says so.

    Returns:
        The `Export`, with what was found and where it was published.

    Raises:
        UserError: something the user can mend; nothing has been published.
    """
    shelf = Shelf(paths.named(to).resolve() if to else paths.exports(), run.project)
    with shelf.locked(), paths.scratch(shelf.root) as scratch:
        work = Export(run, data, examples)
        work.version, files = shelf.next(), {}
        if "saved_model" in formats:
            work.saved_model(scratch / "saved_model")
        if "tflite" in formats:
            files = work.phone(quantize, scratch)
            files = {name: files[name] for name in files if force or Path(name).stem not in work.refused}
        if (scratch / "saved_model").exists() and (force or "saved_model" not in work.refused):
            with shelf.writing("saved_model", work.version) as folder:
                (scratch / "saved_model").rename(folder)
            work.folders["saved_model"] = shelf.folders["saved_model"] / str(work.version)
        if files:
            with shelf.writing("tflite", work.version) as folder:
                folder.mkdir()
                for name, content in work.bundle(files).items():
                    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
            work.folders["tflite"] = shelf.folders["tflite"] / str(work.version)
    return work


def _bar():
    return rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"), rich.progress.BarColumn(),
        rich.progress.TimeRemainingColumn(), console=rich.console.Console(stderr=True), transient=True)
