"""Texts to the numbers that a net reads, by the very layer that goes into the saved model."""

import functools
import re
from collections.abc import Iterator

import numpy as np

from dl100_tf.data import cache
from dl100_tf.data.console import watched
from dl100_tf.data.splits import Splits
from dl100_tf.errors import DataError, UserError

BATCH = 512  # texts that are looked up at once
STANDARD = "lower_and_strip_punctuation"
FORMAT = 1  # of the cached files: raise it when what is cached changes


def tokenizer(texts: np.ndarray, vocab_size: int, length: int, standardize=STANDARD):
    """A `keras.layers.TextVectorization` that knows the most frequent words of `texts`.

    Words are as `standardize` makes them, by default lower case and without punctuation. 0 is padding, at the end; 1 is
    any other word. The vocabulary is cached; each call returns a layer of its own.

    Args:
        texts: what to learn the words from: the training texts, str objects (n,).
        vocab_size: how many ids there are, padding and the unknown word among them; fewer if the texts have fewer.
        length: words that are kept of a text.
        standardize: as Keras has it: a name, or a registered function of string tensors.

    Raises:
        UserError: `vocab_size` is below 3 or `length` below 1.
        DataError: there isn't a word in the texts.

    Source: https://keras.io/api/layers/preprocessing_layers/text/text_vectorization
    """
    import keras

    if vocab_size < 3:
        raise UserError(f"vocab_size is {vocab_size}, and has to be at least 3: padding, the unknown word, and a word.")
    if length < 1:
        raise UserError(f"length is {length}, and has to be at least 1 word.")

    def adapt() -> cache.Arrays:
        layer = keras.layers.TextVectorization(max_tokens=vocab_size, standardize=standardize)
        layer.adapt(watched(_batches(texts), "counting words", -(-len(texts) // BATCH)))
        return cache.pack(layer.get_vocabulary(include_special_tokens=False))

    key = cache.digest("vocabulary", FORMAT, *_versions(), _name(standardize), vocab_size, texts)
    words = cache.unpack(cache.cached("vocabulary", key, adapt))
    if not words:
        raise DataError(f"the {len(texts)} texts hold no word to learn from: look at the data.")
    return keras.layers.TextVectorization(
        max_tokens=vocab_size, standardize=standardize, output_sequence_length=length, vocabulary=words,
        name="tokenizer")


def ids(tokenizer, texts: np.ndarray) -> np.ndarray:
    """The word ids of each text, int32 (n, length), 0 behind its end; cached."""
    def look_up() -> cache.Arrays:
        batches = watched(_batches(texts), "looking up words", -(-len(texts) // BATCH))
        found = [np.asarray(tokenizer(batch), dtype) for batch in batches]
        return {"ids": np.concatenate(found) if found else np.zeros((0, settings["output_sequence_length"]), dtype)}

    settings = tokenizer.get_config()
    vocabulary = tokenizer.get_vocabulary()
    # half the disk for the usual vocabulary
    dtype = np.uint16 if len(vocabulary) <= 1 << 16 else np.int32
    key = cache.digest("ids", FORMAT, *_versions(), _name(settings["standardize"]), settings["split"],
                       settings["output_sequence_length"], vocabulary, texts)
    return cache.cached("ids", key, look_up)["ids"].astype(np.int32)


def tokenize(splits: Splits, tokenizer) -> Splits:
    """The same splits with texts replaced by their word ids, int32 (n, length)."""
    return splits.map(functools.partial(ids, tokenizer))


def with_words(asked: str) -> str:
    """The text that somebody asks about, if there is a letter of any script in it.

    Raises:
        UserError: there is none.
    """
    if not re.search(r"[^\W\d_]", asked):
        raise UserError("there is no word in this text to judge.")
    return asked


def _batches(texts: np.ndarray) -> Iterator:
    import tensorflow as tf

    for start in range(0, len(texts), BATCH):
        yield tf.constant(list(texts[start : start + BATCH]), tf.string)


def _name(standardize) -> str:
    return getattr(standardize, "__name__", standardize)


def _versions() -> tuple[str, str]:
    """Of what decides where a word begins and ends."""
    import keras
    import tensorflow as tf

    return keras.__version__, tf.__version__
