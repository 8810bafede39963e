"""What a text model gets wrong with most confidence, and what it reacts to, word by word."""

import re

import numpy as np

from dl100_tf.errors import UserError
from dl100_tf.evaluation import records, scores
from dl100_tf.evaluation.wording import clean

MISTAKES = 20
SHOWN = 2_500  # characters of a mistaken text that are kept
RIGHT, WRONG = 4, 3  # how many texts are read word by word
LENGTHS = (25, 90)  # words: long enough to turn, short enough to read
SPAN = 1_000  # characters: a "word" can be any length
SEED = 0

_WORD = re.compile(r"\S+")


def explain_text(model, data, run) -> dict:
    """Find the most confident mistakes and the model's reaction to each word; write and return `findings.json`.

    `mistakes` holds up to twenty, the most confident first. `reactions` holds a few test texts drawn at random by a
    fixed seed, some judged rightly and some wrongly; each with its `words`, whether a `breaks` (new line) stands before
    each, and the `probabilities` of the label `of` once the model has read that far and nothing after it.

    Args:
        model: takes raw text; has `predict` (see `scores.score`).
        data: the `Splits` that `score` was given; `data.test.x` holds strings.
        run: the `Run`; its `predictions.npz` tells which were mistakes.

    Raises:
        UserError: the run has not been scored on this data, or its files are damaged.
    """
    known = records.predictions(run)
    if known is None:
        raise UserError(f"{run.path('predictions.npz')} is missing: score the model before explaining it. "
                        f"{records.finish(run)}")
    y, p = known
    if len(y) != len(data.test.x) or not np.array_equal(y, np.asarray(data.test.y).reshape(-1)):
        raise UserError(f"{run.path('predictions.npz')} was made from other data than this. {records.again(run)}")
    labels = [str(label) for label in data.labels]
    findings = {"mistakes": mistakes(data.test.x, y, p, labels),
                "reactions": reactions(model, data.test.x, y, p, labels)}
    run.write_json("findings.json", findings)
    return findings


def mistakes(texts, y: np.ndarray, p: np.ndarray, labels: list[str]) -> list[dict]:
    """The texts that were judged wrongly with most confidence, the worst first."""
    guess = p.argmax(axis=1)
    wrong = np.flatnonzero(guess != y)
    worst = wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")][:MISTAKES]
    return [{"index": int(i), "label": labels[y[i]], "guess": labels[guess[i]], "confidence": float(p[i].max()),
             "text": clean(texts[i][:SHOWN]), "left_off": max(0, len(texts[i]) - SHOWN)} for i in worst]


def reactions(model, texts, y: np.ndarray, p: np.ndarray, labels: list[str]) -> list[dict]:
    """The probability after each word of a few texts; all their beginnings go through the model together.

    With two labels the probability is the second label's, with more the true label's.
    """
    chosen = _draw(texts, y, p.argmax(axis=1) == y)
    read = [[match.span() for match in _WORD.finditer(texts[i])] for i in chosen]
    prefixes = [texts[i][:end] for i, words in zip(chosen, read, strict=True) for _, end in words]
    if not prefixes:
        return []
    after = iter(scores.distribution(model, prefixes, len(labels)))
    found = []
    for i, words in zip(chosen, read, strict=True):
        of = 1 if len(labels) == 2 else int(y[i])
        found.append({
            "index": int(i), "label": labels[y[i]], "guess": labels[int(p[i].argmax())], "of": labels[of],
            "right": bool(p[i].argmax() == y[i]),
            "words": [clean(texts[i][start:end]) for start, end in words],
            "breaks": ["\n" in texts[i][before:start] for before, start in _gaps(words)],
            "probabilities": [round(float(next(after)[of]), 4) for _ in words]})
    return found


def _gaps(words: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where the text between a word and the one before it begins and ends."""
    ends = [words[0][0], *(end for _, end in words)]
    return [(before, start) for before, (start, _) in zip(ends, words, strict=False)]


def _draw(texts, y: np.ndarray, right: np.ndarray) -> list[int]:
    """Texts of a readable length drawn by a fixed seed: first those judged rightly, the classes taking turns."""
    order = np.random.default_rng(SEED).permutation(len(y))
    readable = [i for i in order if len(texts[i]) <= SPAN and LENGTHS[0] <= len(texts[i].split()) <= LENGTHS[1]]
    if not readable:  # texts of another kind, tweets say
        readable = [i for i in order if len(texts[i]) <= SPAN and texts[i].strip()]
    chosen = []
    for group, many in ((True, RIGHT), (False, WRONG)):
        of_class = [[i for i in readable if right[i] == group and y[i] == label] for label in np.unique(y)]
        turns = [i for turn in range(many) for pool in of_class for i in pool[turn:turn + 1]]
        chosen += turns[:many]
    return chosen
