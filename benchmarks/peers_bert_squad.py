"""What `bert_squad` is measured against: nothing learnt at all, and a head that has learnt nothing.

`python benchmarks/peers_bert_squad.py <name> <seed>` prints the result as JSON; `DL100_DATA` names the data folder.
"""

import re
import time
from collections import Counter

import measuring

WORD = re.compile(r"\w+")
AROUND = 10  # words to either side of a place in which the question's words are looked for
LONGEST = 4  # words of an answer
ENDS = re.compile(r"[.!?;]\s")
FREQUENT = 60  # so many words of the dev set's passages, the most frequent ones, never begin or end an answer


def overlap(seed: int) -> dict:
    """A sliding window: the few words with most of the question's words around them, rare ones counting more.

    After the baseline of Rajpurkar et al. 2016, section 5.1, which takes its candidates from a parser. The seed changes
    nothing.
    """
    from dl100_tf.data import squad

    questions = squad.load("local").test.x
    counts = Counter(word for passage in {one.passage for one in questions} for word in WORD.findall(passage.lower()))
    frequent = {word for word, _ in counts.most_common(FREQUENT)}
    start = time.monotonic()
    answers = {one.id: answered(one.text, one.passage, frequent) for one in questions}
    return judged(questions, answers) | {"seconds": time.monotonic() - start}


def answered(question: str, passage: str, frequent: set[str]) -> str:
    """The stretch of the passage whose words have most of the question's words near them."""
    asked = {word for word in WORD.findall(question.lower()) if word not in frequent}
    found = list(WORD.finditer(passage))
    words = [one.group().lower() for one in found]
    counts = Counter(words)
    near = [0.0] * len(words)
    for place, word in enumerate(words):
        if word in asked:
            for other in range(max(0, place - AROUND), min(len(words), place + AROUND + 1)):
                near[other] += 1 / counts[word] / (1 + abs(other - place)) ** 0.5
    best, text = -1.0, passage
    for first in range(len(words)):
        for last in range(first, min(first + LONGEST, len(words))):
            stretch = passage[found[first].start():found[last].end()]
            if words[last] in asked or ENDS.search(stretch) or words[first] in frequent:
                break
            score = sum(near[first:last + 1]) / (last - first + 1) ** 0.5
            if words[last] not in frequent and score > best:
                best, text = score, stretch
    return text


def untrained(seed: int) -> dict:
    """The recipe's net as it begins: MiniLM's encoder and a head of random weights, on all test questions."""
    import keras

    from dl100_tf.models import bert
    from dl100_tf.projects import bert_squad

    config = bert_squad.Config(source="local", seed=seed)
    data = bert_squad.load_data(config)
    keras.utils.set_random_seed(seed)
    test, start = data.windows["test"], time.monotonic()
    found = test.answers(bert.probabilities(bert.gives_probabilities(bert_squad.build_model(config)), test.ids))
    return judged(test.questions, {one.id: answer[0] for one, answer in zip(test.questions, found, strict=True)}) | {
        "seconds": time.monotonic() - start, "windows": len(test.ids), "padding": test.padding()}


def judged(questions, answers: dict[str, str]) -> dict:
    """Official exact match and F1, and of how many questions."""
    from dl100_tf.evaluation import answers as scoring

    metrics = scoring.totals(scoring.measured({one.id: one.answers for one in questions}, answers))
    return {"f1": metrics["f1"], "metrics": metrics, "n": len(questions)}


if __name__ == "__main__":
    measuring.answer({"overlap": overlap, "untrained": untrained})
