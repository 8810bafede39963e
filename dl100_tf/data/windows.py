"""Questions with their passages as rows of word pieces that a net of fixed length reads, and answers back as text."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dl100_tf.data.console import watched
from dl100_tf.data.splits import Split, Splits
from dl100_tf.data.squad import Question
from dl100_tf.errors import DataError, UserError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
LONGEST = 30  # word pieces of an answer, as in Devlin et al.'s code
MOST_OF_QUESTION = 64  # word pieces of a question that are read; likewise
CHUNK = 512  # questions that are tokenised, or windows that are searched, at once


def tokenizer(vocabulary: Path, lower_case: bool = True):
    """BERT's WordPiece tokenizer, `tokenizers.BertWordPieceTokenizer`, from a published `vocab.txt`.

    Raises:
        UserError: the library isn't installed.
        DataError: the file is missing or damaged, or lacks one of BERT's special pieces.

    Source: https://huggingface.co/docs/tokenizers
    """
    try:
        from tokenizers import BertWordPieceTokenizer
    except ImportError as error:
        raise UserError(f"the package tokenizers is missing ({error}): pip install 'dl100_tf[bert]'.") from error
    try:
        pieces = vocabulary.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise DataError(f"{vocabulary} can't be read ({error.strerror}): name the folder of a BERT encoder.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{vocabulary} is damaged (byte {error.start} is no UTF-8): download it again.") from error
    pieces = [piece.rstrip("\r") for piece in (pieces[:-1] if pieces[-1] == "" else pieces)]
    known = {piece: number for number, piece in enumerate(pieces)}
    missing = [piece for piece in SPECIAL if piece not in known]
    if missing or len(known) < len(pieces):
        what = f"has no {', '.join(missing)}" if missing else "has a piece twice"
        raise DataError(f"{vocabulary} {what}: it is not the vocabulary of a BERT encoder.")
    if pieces[0] != "[PAD]":
        raise DataError(f"{vocabulary} begins with {pieces[0][:40]!r} and not with [PAD]: a net that takes 0 for "
                        "padding can't use it.")
    return BertWordPieceTokenizer(known, lowercase=lower_case, strip_accents=lower_case)


@dataclass(frozen=True, eq=False)
class Windows:
    """What a net reads of some questions, and what it takes to turn its answer into text.

    Attributes:
        ids: int32 (n, length): `[CLS] question [SEP] a part of the passage [SEP]`, and 0 behind it.
        spans: int32 (n, 2), the first and the last piece of the answer; (0, 0), which is `[CLS]`, where the window
            doesn't hold it.
        owner: int32 (n,), the number of the question.
        places: int32 (n, length, 2), where in the passage the word begins and ends that each piece is of; -1 for the
            pieces that are not of the passage.
        questions: all of them; each has one window at least.
    """

    ids: np.ndarray
    spans: np.ndarray
    owner: np.ndarray
    places: np.ndarray
    questions: np.ndarray

    def padding(self) -> float:
        """The share of the net's work that is spent on padding."""
        return float((self.ids == 0).mean())

    def answers(self, probabilities: np.ndarray) -> list[tuple[str, int, float]]:
        """The likeliest answer to each question, over all of its windows: its text, where it begins, its probability.

        An answer is of `LONGEST` pieces at most and of whole words, as `places` are those of words.

        Args:
            probabilities: float (n, 2, length): of each piece to be the answer's first, and to be its last.
        """
        first, last, likely = _likeliest(probabilities, self.places[..., 0] >= 0)
        order = np.lexsort((-likely, self.owner))
        best = order[np.unique(self.owner[order], return_index=True)[1]]
        found = []
        for window, question in zip(best, self.questions, strict=True):
            start, end = self.places[window, first[window], 0], self.places[window, last[window], 1]
            found.append((question.passage[start:end], int(start), float(likely[window])))
        return found


def cut(questions, tokenizer, length: int, overlap: int) -> Windows:
    """Questions and passages as windows; passages that are too long for one are cut into several that overlap.

    The windows of a passage lie as evenly as they can, so that none of them is mostly padding. A question of more than
    64 pieces loses its end.

    Args:
        questions: of `Question`s.
        tokenizer: what `tokenizer` gives.
        length: pieces of a window.
        overlap: pieces that two neighbours share at least.

    Raises:
        UserError: a window of this length has no room for a passage behind the longest question.
        DataError: a passage has no word.
    """
    most = min(MOST_OF_QUESTION, length // 2)
    if overlap >= length - most - 3:
        raise UserError(f"windows of {length} pieces can't overlap by {overlap}: a question takes up to {most}, so "
                        f"take less than {length - most - 3}.")
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    rows, passages = [], _tokenised({one.passage for one in questions}, tokenizer)
    asked = _tokenised({one.text for one in questions}, tokenizer)
    for number, one in enumerate(questions):
        question, (pieces, words) = asked[one.text][0][:most], passages[one.passage]
        if not len(pieces):
            raise DataError(f"the passage of question {one.id} has no word to read: correct it.")
        room = length - len(question) - 3
        answer = _pieces_of(one, words)
        for start in _starts(len(pieces), room, overlap):
            part = slice(start, min(start + room, len(pieces)))
            before = len(question) + 2
            whole = answer and part.start <= answer[0] and answer[1] < part.stop
            rows.append((number, [cls, *question, sep, *pieces[part], sep], words[part], before,
                         [place - part.start + before for place in answer] if whole else (0, 0)))
    return _packed(rows, length, questions)


@dataclass(frozen=True, eq=False)
class WindowedSplits(Splits):
    """Splits of windows, x their ids and y their spans, with all of the windows by the name of the split."""

    windows: dict[str, Windows] = field(default_factory=dict)


def cut_splits(splits: Splits, tokenizer, length: int, overlap: int) -> WindowedSplits:
    """Splits of questions as splits of their windows."""
    windows = {name: cut(split.x, tokenizer, length, overlap) for name, split in splits.parts().items()}
    parts = [Split(one.ids, one.spans) for one in windows.values()]
    return WindowedSplits(*parts, (), splits.source, windows=windows)


def ask(tokenizer, question: str, passage: str, length: int, overlap: int) -> Windows:
    """The windows of one question of one's own.

    Raises:
        UserError: there is no word in the question or in the passage.
    """
    for text, what in ((question, "question"), (passage, "passage")):
        if not len(_tokenised({text}, tokenizer)[text][0]):
            raise UserError(f"there is no word in the {what}: give it one.")
    return cut(np.array([Question("asked", question, passage, (), (), "")], object), tokenizer, length, overlap)


def marked(passage: str, start: int, text: str) -> str:
    """The passage with the answer between 【 and 】."""
    return f"{passage[:start]}【{text}】{passage[start + len(text):]}"


def _tokenised(texts: set[str], tokenizer) -> dict[str, tuple[list[int], np.ndarray]]:
    """The ids of each text's pieces, and where the word of each begins and ends in it, int32 (n, 2)."""
    ordered, found = sorted(texts), {}
    for start in watched(range(0, len(ordered), CHUNK), "cutting words into pieces", -(-len(ordered) // CHUNK)):
        batch = ordered[start:start + CHUNK]
        for text, encoded in zip(batch, tokenizer.encode_batch(batch, add_special_tokens=False), strict=True):
            places = np.array(encoded.offsets, np.int32).reshape(-1, 2)
            words = np.array(encoded.word_ids, np.int32)
            heads = np.flatnonzero(np.diff(words, prepend=-1))
            tails = np.append(heads[1:], len(words)) - 1
            which = np.cumsum(np.diff(words, prepend=-1) != 0) - 1
            found[text] = encoded.ids, (np.stack([places[heads, 0][which], places[tails, 1][which]], axis=1)
                                        if len(words) else places)
    return found


def _pieces_of(question: Question, words: np.ndarray) -> tuple[int, int] | None:
    """The first and the last piece of the first right answer; None where no word of the passage is in it."""
    if not question.answers:
        return None
    start = question.starts[0]
    inside = np.flatnonzero((words[:, 1] > start) & (words[:, 0] < start + len(question.answers[0])))
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def _starts(count: int, room: int, overlap: int) -> list[int]:
    """Where the windows of a passage of `count` pieces begin."""
    if count <= room:
        return [0]
    windows = 1 + -(-(count - room) // (room - overlap))
    return np.linspace(0, count - room, windows).round().astype(int).tolist()


def _packed(rows: list[tuple], length: int, questions) -> Windows:
    ids, places = np.zeros((len(rows), length), np.int32), np.full((len(rows), length, 2), -1, np.int32)
    for index, (_, row, words, before, _) in enumerate(rows):
        ids[index, :len(row)] = row
        places[index, before:before + len(words)] = words
    owner = np.array([row[0] for row in rows], np.int32)
    return Windows(ids, np.array([row[4] for row in rows], np.int32).reshape(-1, 2), owner, places,
                   np.asarray(questions))


def _likeliest(probabilities: np.ndarray, of_passage: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each window the likeliest answer's first and last piece, and its probability."""
    parts = []
    for at in range(0, len(probabilities), CHUNK):
        first, last = (probabilities[at:at + CHUNK, which] * of_passage[at:at + CHUNK] for which in (0, 1))
        length = first.shape[1]
        scores = np.stack([np.pad(first[:, :length - more] * last[:, more:], ((0, 0), (0, more)), constant_values=-1)
                           for more in range(min(LONGEST, length))], axis=1)  # (n, more, first)
        flat = scores.reshape(len(first), -1)
        best = flat.argmax(axis=1)
        parts.append((best % length, best % length + best // length, flat.max(axis=1)))
    return tuple(np.concatenate(one) for one in zip(*parts, strict=True))
