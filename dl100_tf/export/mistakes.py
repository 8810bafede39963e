"""Inputs as careless clients prepare them: what a comparison with Keras has to catch."""

import numpy as np

from dl100_tf.export import latents, passages, series


def spoilt(kind: str, inputs: np.ndarray, vocabulary: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Inputs prepared as a careless client would: each a mistake that the comparison has to catch.

    Those that leave the inputs as they are, as red for blue does where all is grey, are left out.

    Args:
        kind: of the contract.
        inputs: as a phone hands them over, (n, ...).
        vocabulary: of a model of texts or passages; of a series the names of its columns, of a generator its classes.
    """
    if kind == "image":
        found = {"unscaled (0 to 1)": inputs.astype("float32") / 255, "-1 to 1": inputs.astype("float32") / 127.5 - 1,
                 "BGR": inputs[..., ::-1], "transposed": inputs.swapaxes(1, 2)}
    elif kind == "text":
        found = {"ids shifted by one": np.where(inputs > 0, np.minimum(inputs + 1, len(vocabulary) - 1), 0),
                 **_in_other_letters(inputs, vocabulary), "padded in front": _in_front(inputs)}
    elif kind == "series":
        found = series.spoilt(inputs, vocabulary)
    elif kind == "latent":
        found = latents.spoilt(inputs, vocabulary)
    elif kind == "passage":
        found = passages.spoilt(inputs, vocabulary)
    else:
        found = {"a tenth": inputs / 10, "in another order": inputs[:, ::-1]}
    return {name: changed for name, changed in found.items()
            if changed.shape == inputs.shape and not np.array_equal(changed, inputs)}


def _in_other_letters(ids: np.ndarray, vocabulary: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The ids where nobody lower-cased a text, or where somebody did though the vocabulary has capitals."""
    if all(word == word.lower() for word in vocabulary[2:]):
        return {"not lower-cased": _upper(ids, vocabulary)}
    number = {word: index for index, word in enumerate(vocabulary)}
    lower = np.array([index if index < 2 else number.get(word.lower(), 1) for index, word in enumerate(vocabulary)])
    return {"lower-cased": lower[ids]}


def _upper(ids: np.ndarray, vocabulary: tuple[str, ...]) -> np.ndarray:
    """The ids where the text was shouted and nobody lower-cased it: words in capitals aren't in the vocabulary."""
    same = np.array([word == word.upper() for word in vocabulary])
    return np.where((ids > 1) & ~same[ids], 1, ids)


def _in_front(ids: np.ndarray) -> np.ndarray:
    """The ids with their padding in front instead of behind."""
    return np.stack([np.roll(row, len(row) - np.count_nonzero(row)) for row in ids])
