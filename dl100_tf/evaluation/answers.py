"""Exact match and F1 of answers, as SQuAD 1.1's official script defines them.

Source: https://rajpurkar.github.io/SQuAD-explorer, evaluate-v1.1.py
"""

import json
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from dl100_tf.errors import DataError, UserError

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)
KINDS = ("what", "who", "how", "when", "which", "where", "why", "whose", "whom")
SHOWN = 20  # answers in the report


def normalised(text: str) -> str:
    """A text as it is compared: lower case, no ASCII punctuation, no articles, single spaces."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact(answer: str, right: str) -> float:
    """1 where both are the same text but for case, punctuation, articles and white space, else 0."""
    return float(normalised(answer) == normalised(right))


def f1(answer: str, right: str) -> float:
    """The harmonic mean of precision and recall of the answer's words; 0 where no word is right."""
    found, wanted = normalised(answer).split(), normalised(right).split()
    same = sum((Counter(found) & Counter(wanted)).values())
    return 2 * same / (len(found) + len(wanted)) if same else 0.0


def measured(gold: Mapping[str, Sequence[str]], answers: Mapping[str, str]) -> dict[str, tuple[float, float]]:
    """Exact match and F1, 0 to 1, of each question by its id: each against the right answer that it is nearest to.

    A question without an answer scores 0; an answer to no question of `gold` counts for nothing.
    """
    return {name: (max(exact(answers[name], one) for one in right), max(f1(answers[name], one) for one in right))
            if name in answers else (0.0, 0.0) for name, right in gold.items()}


def totals(each: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """The official figures: `exact_match` and `f1`, both in per cent, over all questions."""
    return {name: 100 * sum(one[which] for one in each.values()) / len(each)
            for which, name in enumerate(("exact_match", "f1"))}


def score_answers(predictions: Path, *, gold: Path) -> str:
    """Exact match and F1 of a file of predictions, as SQuAD 1.1's official script scores it.

    Args:
        predictions: a JSON file: the answer to each question, by its id
        gold: a JSON file of SQuAD 1.1's format with the right answers, such as dev-v1.1.json
    """
    right, answers = _gold(gold), _json(predictions)
    if not isinstance(answers, dict) or not all(isinstance(one, str) for one in answers.values()):
        raise DataError(f"{predictions} is no JSON object from ids to answers: write one.")
    told, missing = json.dumps(totals(measured(right, answers))), len(right.keys() - answers.keys())
    if missing == len(right):
        raise UserError(f"{predictions} answers none of the questions in {gold}: these files don't belong together.")
    return told + (f"\n{missing} of {len(right)} questions have no prediction and score 0." if missing else "")


def score_spans(windows, probabilities, data, run) -> dict:
    """Measure the answers to all of the test questions; write and return `scores.json`.

    Beside it come `predictions.npz` (`y`, the right places, int32 (n, 2), and `probabilities`), `answers.json`, a file
    of predictions in the official format, and two tables for the report.

    Args:
        windows: of the test split: has `spans`, `questions`, each with `id`, `text` and `answers`, and `answers(…)`,
            which gives each question's answer: its text first, its probability last.
        probabilities: float32 (n, 2, length), of each place to be the answer's first and its last.
        data: has the `source` it came from.
        run: the `Run` to write into.

    Raises:
        UserError: the probabilities are NaN.
    """
    import numpy as np

    from dl100_tf.evaluation import scores

    if not np.isfinite(probabilities).all():
        raise UserError("the model's output is NaN: training has diverged. Train again under another --run name with "
                        "a smaller learning rate.")
    with run.writing("predictions.npz") as file:
        np.savez_compressed(file, y=windows.spans, probabilities=probabilities)
    found = windows.answers(probabilities)
    texts = {one.id: answer[0] for one, answer in zip(windows.questions, found, strict=True)}
    run.write_json("answers.json", texts)
    each = measured({one.id: one.answers for one in windows.questions}, texts)
    _tell(run, windows.questions, found, each)
    return scores.record(run, data, totals(each), len(each), "questions", ("f1", "exact_match"),
                         units={"f1": "%", "exact_match": "%"})


def _tell(run, questions, answers: Sequence[tuple], each: Mapping[str, tuple[float, float]]) -> None:
    """Tables for the report: how questions of each kind are answered, and some answers beside the right ones."""
    from dl100_tf.evaluation.tables import table

    kinds = {kind: [] for kind in (*KINDS, "other")}
    for one in questions:
        words = re.findall(r"\w+", one.text.lower())
        kinds[next((word for word in words if word in kinds), "other")].append(each[one.id])
    rows = []
    for kind, found in ((kind, found) for kind, found in kinds.items() if found):
        total = totals(dict(enumerate(found)))
        rows.append({"question": kind, "questions": len(found), "exact match, %": total["exact_match"],
                     "F1, %": total["f1"]})
    table(run, "kinds", rows, "By kind of question", "By the first question word in it.", best={})
    some = range(0, len(questions), max(1, len(questions) // SHOWN))
    rows = [{"question": questions[i].text, "answer": answers[i][0], "right": questions[i].answers[0],
             "confidence": answers[i][-1], "F1, %": 100 * each[questions[i].id][1]} for i in some]
    table(run, "answers", rows[:SHOWN], "Answers", "From all over the test questions, right or wrong. Confidence is "
          "the probability of the first piece times that of the last.", best={})


def _gold(file: Path) -> dict[str, list[str]]:
    """The right answers in a file of SQuAD 1.1's format, by the question's id."""
    try:
        found = {one["id"]: [answer["text"] for answer in one["answers"]]
                 for article in _json(file)["data"] for paragraph in article["paragraphs"] for one in paragraph["qas"]}
        if not all(isinstance(text, str) for texts in found.values() for text in texts):
            raise TypeError("an answer that is no text")
    except (KeyError, TypeError) as error:
        raise DataError(f"{file} is not of SQuAD 1.1's format ({type(error).__name__}: {error}): name the file with "
                        "the right answers.") from error
    if not found or not all(found.values()):
        raise DataError(f"{file} has no questions, or some without a right answer: it is not of SQuAD 1.1.")
    return found


def _json(file: Path):
    try:
        return json.loads(Path(file).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{file} can't be read ({error.strerror}): correct its name.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is no JSON ({error}): write or download it again.") from error
