"""Fewer bits than the converter knows, and other bits for other operators: recipes for litert-quantizer.

The tool (until 2026 ai-edge-quantizer) is optional: `pip install 'dl100_tf[compress]'`.
Source: https://github.com/google-ai-edge/LiteRT/tree/main/litert_quantizer
"""

import contextlib
import io
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dl100_tf.errors import UserError


@dataclass(frozen=True)
class Step:
    """One line of a recipe; where several speak of an operator, the last one counts.

    Attributes:
        activations: `static`: int8, by ranges learnt from examples; `dynamic`: float32, quantised as they come.
        bits: of the weights: 8, 4 or 2.
        operators: which, as TFLite's schema names them, e.g. `CONV_2D`; `ALL_SUPPORTED`: all that the tool knows.
        names: a regular expression; only operators whose output's name it matches.
        granularity: weights that share a scale: a channel's, or `BLOCKWISE_32` and so on, which convolutions don't do.
        algorithm: how scales are found, as the tool names it.
    """

    activations: Literal["static", "dynamic"]
    bits: int
    operators: str = "ALL_SUPPORTED"
    names: str = ".*"
    granularity: str = "CHANNELWISE"
    algorithm: str = "MIN_MAX_UNIFORM_QUANT"


def quantized(content: bytes, recipe: list[Step], calibration: np.ndarray | None = None) -> bytes:
    """A float32 .tflite file with the weights that a recipe gives it; input and output stay float32.

    Args:
        content: of the file.
        recipe: its steps, in their order.
        calibration: inputs (n, ...) as the model takes them, which `static` steps need.

    Returns:
        The content of the new file.

    Raises:
        UserError: the tool isn't installed.
        ValueError: a static step without examples.
    """
    try:
        from litert_quantizer import qtyping, quantizer
        from litert_quantizer.algorithm_manager import AlgorithmName
    except ImportError as error:
        raise UserError(f"litert-quantizer can't be loaded ({error}): install it with "
                        "`pip install 'dl100_tf[compress]'`.") from error
    tool, names = quantizer.Quantizer(content), qtyping.TFLOperationName
    for step in recipe:
        add, bits = ((tool.add_static_config, (8, step.bits)) if step.activations == "static" else
                     (tool.add_dynamic_config, (step.bits,)))
        add(step.names, names[step.operators], *bits, qtyping.QuantGranularity[step.granularity],
            AlgorithmName[step.algorithm])
    for end in (names.INPUT, names.OUTPUT):  # else the file takes and gives int8, which browsers and MediaPipe refuse
        tool.update_quantization_recipe(".*", end, algorithm_key=AlgorithmName.NO_QUANTIZE)
    ranges = None
    if tool.need_calibration:
        if calibration is None:
            raise ValueError("a static step learns its ranges from examples: hand over some")
        with contextlib.redirect_stderr(io.StringIO()):  # a progress bar
            ranges = tool.calibrate(_named(content, calibration), num_threads=1)
    return bytes(tool.quantize(ranges, enable_progress_report=False).quantized_model)


def _named(content: bytes, inputs: np.ndarray) -> dict[str, list]:
    """Inputs as the tool wants them, each under the names of signature and input."""
    from ai_edge_litert.interpreter import Interpreter

    signature, ends = next(iter(Interpreter(model_content=content).get_signature_list().items()))
    return {signature: [{ends["inputs"][0]: example[None]} for example in inputs]}
