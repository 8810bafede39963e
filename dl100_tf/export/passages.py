"""What is particular about models that point at an answer in a passage: ids of word pieces in, two rows of places out.

An example is a window, `[CLS] question [SEP] a part of the passage [SEP]` and 0 behind it, as ids of the vocabulary
that goes with the model. The text is cut into pieces outside, with any WordPiece tokenizer; mask and segments the model
makes itself. Long passages are several windows, of which the likeliest answer counts.
"""

from pathlib import Path

import numpy as np

ROWS = ("start", "end")  # of probabilities: of each place to be the answer's first piece, and its last
FILE = "vocab.txt"  # a piece a line, its id the line's number: in the run, in the metadata and beside the SavedModel
RULE = ("The ids of [CLS], the pieces of a question, [SEP], those of a part of the passage, and [SEP], 0 behind it, "
        "{length} in all. BERT's WordPiece makes the pieces; {file} has one a line, its id the line's number, from 0.")
LIMITS = ["The answer is the stretch of the passage with the largest probability of its first piece times that of its "
          "last; of a passage in several windows, the likeliest of all.",
          "[CLS], place 0, stands for an answer that isn't in the window.",
          "There is always a likeliest answer, also where the passage has none: show it only above `unsure_below`."]


def joint(y: np.ndarray, length: int) -> np.ndarray:
    """The right places of each window, integers (n, 2), as one number each, (n,)."""
    return y[:, 0].astype("int64") * length + y[:, 1]


def guesses(scores: np.ndarray) -> np.ndarray:
    """The likeliest first and last place of each window as one number, (n,), of scores (n, 2, length)."""
    return joint(scores.argmax(axis=2), scores.shape[2])


def signature(model, contract):
    """The traced function that answers: `ids`, int32 (batch, length), to `start` and `end`, float32 likewise."""
    import tensorflow as tf

    def answer(ids):
        found = tf.cast(model(ids, training=False), tf.float32)
        return dict(zip(ROWS, tf.unstack(found, axis=1), strict=True))

    spec = tf.TensorSpec([None, *contract.shape], tf.int32, "ids")
    return tf.function(answer, [spec], autograph=False).get_concrete_function()


def put(vocabulary: tuple[str, ...], folder: Path) -> None:
    """Write the vocabulary into a folder, such as a SavedModel's `assets.extra/`, which servers leave alone."""
    (folder / FILE).write_text("".join(f"{piece}\n" for piece in vocabulary), encoding="utf-8")


def stacked(answers: dict[str, np.ndarray]) -> np.ndarray:
    """A SavedModel's answers as Keras gives them, (n, 2, length)."""
    return np.stack([answers[row] for row in ROWS], axis=1)


def spoilt(ids: np.ndarray, vocabulary: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Windows made as a careless client would."""
    sep = vocabulary.index("[SEP]")
    heads = [int(np.argmax(row == sep)) for row in ids]  # where the question ends
    lost, turned = np.zeros_like(ids), np.zeros_like(ids)
    for row, head, without, other in zip(ids, heads, lost, turned, strict=True):
        tail = row[head:][row[head:] > 0]
        without[:len(tail) + 1] = [row[0], *tail]
        other[:len(tail) + head] = [row[0], *tail[1:-1], sep, *row[1:head], sep]
    return {"ids shifted by one": np.where(ids > 0, np.minimum(ids + 1, len(vocabulary) - 1), 0),
            "the question left out": lost, "passage in front of the question": turned}


def row(ids: np.ndarray, probabilities: np.ndarray, truth: int) -> dict:
    """A window among the golden vectors."""
    return {"ids": ids.tolist(), "probabilities": [[round(float(p), 9) for p in places] for places in probabilities],
            "truth": int(truth)}
