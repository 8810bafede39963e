"""A BERT encoder with random weights, small enough for tests, in the published format."""

import json
import re
import string

import numpy as np

from dl100_tf.data import passages
from dl100_tf.models import published

SIZES = {"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
         "intermediate_size": 64, "max_position_embeddings": 128, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
         "hidden_act": "gelu"}


def vocabulary():
    """Special pieces, letters and digits at the beginning of a word and within, and some words of the sample."""
    words = re.findall("[a-z]+", " ".join(one[2] for one in passages.questions(4, 0)).lower())
    marks = string.ascii_lowercase + string.digits
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.punctuation, *marks, *(f"##{mark}" for mark in marks),
            *sorted({word for word in words if len(word) > 1})]


def write(folder, seed=0, prefix="", **changes):
    """Write the three files into `folder`; `changes` are of config.json."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    pieces = vocabulary()
    (folder / "config.json").write_text(json.dumps(SIZES | {"vocab_size": len(pieces)} | changes))
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    save_file(tensors(folder, seed, prefix), folder / "model.safetensors")
    return folder


def tensors(folder, seed=0, prefix=""):
    """Random weights of the sizes that config.json tells of, norms near 1, by their published names."""
    random = np.random.default_rng(seed)
    found = {}
    for parts in published.published(published.settings(folder)).values():
        for name, shape in parts.items():
            norm = "LayerNorm.weight" in name
            values = 1 + 0.1 * random.normal(size=shape) if norm else random.normal(size=shape) * 0.2
            found[prefix + name] = values.astype("float32")
    return found
