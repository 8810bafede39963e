"""The TFLite converter, in a process of its own: it can crash, and what it crashes must not be the export.

    python -m dl100_tf.export.converter SAVED_MODEL OUT float32 dynamic ...
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

VARIANTS = ("float32", "float16", "dynamic", "int8")
CALIBRATION = "calibration.npy"  # beside the SavedModel: examples from which int8 learns the ranges of all tensors


def convert(saved_model: Path, out: Path, variants) -> dict[str, str]:
    """Convert a SavedModel with a batch of one into `<out>/<variant>.tflite`.

    Args:
        saved_model: its folder; for int8 with `calibration.npy` beside it, inputs (n, ...).
        out: an existing folder.
        variants: which of `VARIANTS`; each fails alone.

    Returns:
        Why not, by variant, for those that could not be converted.
    """
    failed, left = {}, list(variants)
    while left:
        said = subprocess.run([sys.executable, "-m", __name__, str(saved_model), str(out), *left], text=True,
                              capture_output=True, errors="replace")
        done = [variant for variant in left if (out / f"{variant}.tflite").is_file()]
        if len(done) == len(left):
            break
        guilty = next(variant for variant in left if variant not in done)
        failed[guilty] = _reason(said)
        left = [variant for variant in left if variant not in done and variant != guilty]
    return failed


def _reason(said) -> str:
    """Why the process ended early, in one line."""
    if said.returncode < 0:
        return f"the converter crashed (signal {-said.returncode})"
    lines = [line.strip() for line in said.stderr.splitlines() if line.strip()]
    told = next((line for line in reversed(lines) if "rror" in line), lines[-1] if lines else "no reason given")
    return told[:300]


def one(saved_model: Path, variant: str) -> bytes:
    """The flatbuffer of one variant, builtin operators only."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
    if variant in ("float16", "dynamic", "int8"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if variant == "int8":
        examples = np.load(saved_model.parent / CALIBRATION)
        converter.representative_dataset = lambda: ([example[None]] for example in examples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converter.convert()  # input and output stay float32, as browsers and MediaPipe want them


def main() -> None:
    """Convert as the command line says; a variant is on the disk as soon as it is whole."""
    saved_model, out = Path(sys.argv[1]), Path(sys.argv[2])
    for variant in sys.argv[3:]:
        file = out / f"{variant}.tflite"
        unfinished = file.with_suffix(".part")
        unfinished.write_bytes(one(saved_model, variant))
        unfinished.rename(file)


if __name__ == "__main__":
    main()
