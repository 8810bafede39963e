"""SQuAD 1.1: questions on paragraphs of Wikipedia, each answered by a stretch of its paragraph.

Source: Rajpurkar et al., SQuAD: 100,000+ Questions for Machine Comprehension of Text, EMNLP 2016,
https://rajpurkar.github.io/SQuAD-explorer
"""

import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dl100_tf.data import cache, passages, sources
from dl100_tf.data.splits import Source, Split, Splits
from dl100_tf.errors import DataError, UserError

TRAIN, DEV = "train-v1.1.json", "dev-v1.1.json"
URL = f"https://rajpurkar.github.io/SQuAD-explorer/dataset/{TRAIN}"  # as TFDS has it
REMEDY = (f"For the real questions, put {TRAIN} and {DEV} (30 + 5 MB, https://rajpurkar.github.io/SQuAD-explorer) into "
          "a folder squad/ and name the folder around it with --data-dir or DL100_DATA; or connect to the network.")


@dataclass(frozen=True)
class Question:
    """A question, the passage that answers it, and the right answers.

    Attributes:
        id: of the question: what a file of predictions calls it.
        text: the question.
        passage: the text that it is asked of.
        answers: each as it stands in the passage; several people were asked for those of the dev set.
        starts: where each begins in the passage, in characters.
        title: of the article.
    """

    id: str
    text: str
    passage: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]
    title: str

    @property
    def key(self) -> bytes:
        """SHA-256 of all but the id, which not every copy of the data keeps."""
        parts = (self.title, self.passage, self.text, *self.answers, *map(str, self.starts))
        return hashlib.sha256("\0".join(parts).encode()).digest()


def load(source: str = "auto", data_dir: str | os.PathLike | None = None, validation: float = 0.02, seed: int = 0,
         count: int = 0) -> Splits:
    """Load the questions; the test split is the official dev set, whole.

    Args:
        source: `auto`, `local`, `tfds` or `sample`.
        data_dir: the folder with `squad/train-v1.1.json` and `squad/dev-v1.1.json`; None for `$DL100_DATA`.
        validation: the share of the training questions that is held out, whole articles, between 0 and 1.
        seed: decides which articles, and which questions remain where `count` is less than all.
        count: so many training questions at most, validation included; 0: all.

    Returns:
        Splits: x is an array of `Question`s (n,), y int32 (n,), the number of the article among those of all splits.

    Raises:
        DataError: the source isn't there, or is damaged or incomplete: the message names the file.
        UserError: no such source or data folder, `validation` isn't a share, or `count` is negative.
    """
    if count < 0:
        raise UserError(f"{count} is no number of questions to learn from: 0 takes all.")
    rungs = {"local": lambda: _local(data_dir), "tfds": _tfds, "sample": _sample}
    return sources.climb(source, REMEDY, **{
        name: functools.partial(_split, name, rung, validation, seed, count) for name, rung in rungs.items()})


def read(file: Path) -> list[Question]:
    """The questions in a file of SQuAD 1.1's format, in their order.

    Raises:
        DataError: it can't be read, is no such file, or what it says of an answer isn't true.
    """
    try:
        articles = json.loads(file.read_text(encoding="utf-8-sig"))["data"]
        found = list(_questions(articles))
    except OSError as error:
        raise DataError(f"{file} can't be read ({error.strerror}): make it readable, or download it again.") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(f"{file} is damaged, or not of SQuAD 1.1's format ({type(error).__name__}: {error}): download "
                        "it again.") from error
    return checked(found, str(file))


def checked(questions: list[Question], where: str) -> list[Question]:
    """The questions, if each is one: with a passage, answers that stand in it, and an id of its own.

    Raises:
        DataError: the first that isn't, by its id and `where`.
    """
    again = "correct it, or download the file again."
    if not questions:
        raise DataError(f"{where} holds no questions: {again}")
    seen = set()
    for one in questions:
        if not one.passage.strip():
            raise DataError(f"{where}: question {one.id} has an empty passage: {again}")
        if not one.text.strip():
            raise DataError(f"{where}: question {one.id} is empty: {again}")
        if not one.answers:
            raise DataError(f"{where}: question {one.id} has no answer: {again} (SQuAD 2.0 has such questions; this "
                            "is for version 1.1.)")
        for text, start in zip(one.answers, one.starts, strict=True):
            if start < 0 or not text or one.passage[start:start + len(text)] != text:
                raise DataError(f"{where}: the answer {text[:60]!r} of question {one.id} doesn't stand at character "
                                f"{start} of its passage: {again}")
        if one.id in seen:
            raise DataError(f"{where}: two questions have the id {one.id}: {again}")
        seen.add(one.id)
    return questions


def _questions(articles: Iterable[dict]) -> Iterator[Question]:
    for article in articles:
        for paragraph in article["paragraphs"]:
            for one in paragraph["qas"]:
                texts = tuple(answer["text"] for answer in one["answers"])
                starts = tuple(int(answer["answer_start"]) for answer in one["answers"])
                parts = (one["id"], one["question"], paragraph["context"], *texts)
                if not all(isinstance(part, str) for part in parts):
                    raise TypeError(f"question {one['id']!r} has something else than text for a text")
                "".join(parts).encode()  # half of a surrogate pair, which JSON can spell, is no text
                yield Question(*parts[:3], texts, starts, str(article.get("title", "")))


def _split(name: str, rung: Callable[[], tuple[list[Question], list[Question], str]], validation: float, seed: int,
           count: int) -> Splits:
    if not 0 < validation < 1:
        raise UserError(f"the validation share is {validation}, and has to be between 0 and 1 (0.1 holds out a tenth).")
    train, test, where = rung()
    train, test = (sorted(part, key=lambda one: one.key) for part in (train, test))
    counts = " + ".join(f"{len(part):,}".replace(",", " ") for part in (train, test))
    note = sources.SAMPLE_NOTE if name == "sample" else ""
    source = Source(name, f"{counts} questions {where}", cache.digest(*(one.key for one in (*train, *test))), note)
    rest, held = _parted(train, validation, np.random.default_rng(seed), count)
    titles = {title: number for number, title in enumerate(sorted({one.title for one in (*train, *test)}))}
    return Splits(*(_as_split(part, titles) for part in (rest, held, test)), tuple(titles), source)


def _parted(train: list[Question], share: float, random: np.random.Generator, count: int
            ) -> tuple[list[Question], list[Question]]:
    """What is learnt from and what is held out: articles, as neighbouring paragraphs tell of the same things."""
    titles = sorted({one.title for one in train})
    if len(titles) < 2:
        raise DataError("the training questions are all of one article, so none can be held out: add articles.")
    if count and count < len(train):
        train = [train[index] for index in np.sort(random.permutation(len(train))[:count])]
    held, wanted = set(), share * len(train)
    for number in random.permutation(len(titles))[:-1]:
        held.add(titles[number])
        if sum(one.title in held for one in train) >= wanted:
            break
    parts = [one for one in train if one.title not in held], [one for one in train if one.title in held]
    if not all(parts):
        raise DataError(f"{len(train)} training questions are too few to hold any out: take more.")
    return parts


def _as_split(questions: list[Question], titles: dict[str, int]) -> Split:
    x = np.empty(len(questions), object)
    x[:] = questions
    return Split(x, np.array([titles[one.title] for one in questions], np.int32))


def _local(data_dir) -> tuple[list[Question], list[Question], str]:
    train = sources.find(data_dir, f"squad/{TRAIN}", TRAIN)
    dev = train.with_name(DEV)
    if not dev.exists():
        raise DataError(f"{dev} is missing, and {train.name} is beside it: download it as well.")
    return read(train), read(dev), f"from …/{train.parent.name}"


def _tfds() -> tuple[list[Question], list[Question], str]:
    parts = []
    for split, examples in sources.streamed("squad/v1.1", URL, ("train", "validation")).items():
        where = f"TensorFlow Datasets' squad, {split}"
        parts.append(checked([Question(
            one["id"].decode(), one["question"].decode(), one["context"].decode(),
            tuple(text.decode() for text in one["answers"]["text"]), tuple(map(int, one["answers"]["answer_start"])),
            one["title"].decode()) for one in examples], where))
    return *parts, "from squad/v1.1"


def _sample() -> tuple[list[Question], list[Question], str]:
    parts = [[Question(*one) for one in passages.questions(articles, seed)] for articles, seed in ((160, 0), (30, 1))]
    return *(checked(part, "the sample") for part in parts), "made by the package"
