"""What word vectors know, measured on questions and shown by neighbours and a map."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

from dl100_tf.evaluation import maps, projector, scores, tables

SHOWN = 6  # nearest words of each that is shown
FREQUENT = 100  # words on the map of vectors that know no kinds


def measure_words(space, questions: Sequence, kinds: Mapping[str, list[str]]) -> tuple[dict[str, float], list[bool]]:
    """Ask word vectors analogies, and for words of a kind.

    Args:
        space: has `answers(questions)` and `same_kind(kinds)`.
        questions: have an `answer`; only of words that the space knows.
        kinds: likewise, words by kind.

    Returns:
        The metrics `analogies`, the share of questions answered with the very word, and `kinds`, the share of listed
        words whose nearest listed word is of their kind; and which questions were answered rightly.
    """
    right = [answer == question.answer for answer, question in zip(space.answers(questions), questions, strict=True)]
    alike = space.same_kind(kinds)
    size = {kind: len(kinds[kind]) for kind in alike}
    return {"analogies": sum(right) / max(1, len(right)),
            "kinds": sum(alike[kind] * size[kind] for kind in alike) / max(1, sum(size.values()))}, right


def score_words(space, data, run, questions: Iterable, kinds: Mapping[str, list[str]]) -> dict:
    """Measure word vectors, and write `scores.json` and the table `analogies`; the scores.

    Args:
        space, questions, kinds: as for `measure_words`; a question has its `section`, the space a length.
        data: has the `source` that the vectors were learnt from.
        run: the `Run` to write into.
    """
    questions = list(questions)
    metrics, right = measure_words(space, questions, kinds)
    sections = {}
    for one, question in zip(right, questions, strict=True):
        sections.setdefault(question.section, []).append(one)
    said = scores.record(run, data, metrics, len(questions), "analogies", ("analogies", "kinds"), words=len(space))
    tables.table(run, "analogies", [{"section": section, "questions": len(ones), "accuracy": sum(ones) / len(ones)}
                                    for section, ones in sections.items()], "Analogies",
                 "a is to b as c is to …? Only the word of the list counts, out of all that were learnt but a, b, c.",
                 best={})
    return said


def explain_words(space, run, asked: Sequence[str], kinds: Mapping[str, list[str]]) -> None:
    """Show what is near what: the table `neighbours`, the figure `map`, and the files of TensorBoard's projector.

    Args:
        space: has `nearest(asked, count)`, `askable()`, `row(word)`, `words` and their vectors of length 1, `unit`.
        run: the `Run` to write into.
        asked: words, and sums of words such as `king - man + woman`; those with an unknown word are left out.
        kinds: known words by kind, for the map.
    """
    asked = [one for one in asked if all(word in space for word in one.split()[::2])] or list(
        itertools.islice(space.askable(), SHOWN))
    tables.table(run, "neighbours", [
        {"asked": one, "nearest": ", ".join(f"{word} {cosine:.2f}" for word, cosine in space.nearest(one, SHOWN))}
        for one in asked], "Neighbours", "The nearest words, each with the cosine of the angle to what was asked.")
    kinds = {kind: words for kind, words in kinds.items() if words} or {"frequent": space.words[:FREQUENT]}
    rows = [space.row(word) for words in kinds.values() for word in words]
    maps.draw_map(run, "map", kinds, space.unit[rows],
                  "Words of a kind in one colour, placed by t-SNE: near means near in all dimensions, far says little.")
    projector.project(run, space.words, space.unit)
