"""Skip-gram with negative sampling in NumPy: each word's vector learns to tell its neighbours from strangers.

A word has two vectors: one as a *centre*, which is what one wants in the end, and one as a *context*. The score of a
pair is the product of the two. For a true pair (a word and its neighbour) it should be high, for a drawn one low:
that is logistic regression, and its gradient is target minus probability, times the other vector.

What makes it fast is that products of single vectors become products of matrices: 32 centres that follow each other
share the rows of their neighbours, and the strangers drawn for all of them.
Source: Mikolov et al. 2013, https://arxiv.org/abs/1310.4546; for shared negatives Ji et al. 2016,
https://arxiv.org/abs/1604.04661
"""

import concurrent.futures
import math
from dataclasses import dataclass

import numpy as np

from dl100_tf.errors import Unfit

GROUP = 32  # centres that share their rows
STRANGERS = 32  # negatives that a group shares
PARTS = 2  # of a batch, worked on side by side; the result is the same on one core
LOTS = 1 << 21  # about as many places has the table that strangers are drawn from
FARTHEST = 2.0  # learning rate times slopes of one word in one batch, at most
WIDEST = 60  # window, for distances that one byte holds
MEASURED = 4  # groups of each part on which the loss is measured


@dataclass(frozen=True)
class Draw:
    """What chance makes of a piece of text: n words in groups of 32.

    Attributes:
        words: the words that were kept, int32 (n,).
        left, right: how many of the words before and behind are neighbours of each, int8 (groups, 32, 1).
        strangers: words drawn for each group, int32 (groups, 32).
    """

    words: np.ndarray
    left: np.ndarray
    right: np.ndarray
    strangers: np.ndarray


class SkipGram:
    """Word vectors that learn.

    Args:
        counts: how often each word occurs, (words,).
        dim: numbers a vector has.
        window: neighbours on each side, at most.
        negatives: strangers for each true pair.
        sample: words of a larger share of the text than this are thinned out; 0: none.
        seed: of the first vectors.

    Attributes:
        weights: all that a step changes: `centres` and `contexts`, float32 (words, dim). To be changed in place only.
    """

    def __init__(self, counts, dim: int = 100, window: int = 5, negatives: int = 5, sample: float = 1e-3,
                 seed: int = 0):
        self.window, self.negatives = window, negatives
        share = counts / counts.sum()
        # word2vec.c's formula, which keeps a few more than the paper's. The last entry is for -1, no word.
        keep = (np.sqrt(share / sample) + 1) * sample / share if sample else np.ones(len(share))
        self._keep = np.append(np.minimum(keep, 1), 0).astype(np.float32)
        often = counts.astype(np.float64) ** 0.75  # rare words are drawn more often than they occur
        places = np.maximum(1, np.round(often * (LOTS / often.sum()))).astype(np.int64)
        self._lots = np.repeat(np.arange(len(counts), dtype=np.int32), places)
        # The slopes that each word gets, as a centre and as a context, for one word of text, on average; and so how
        # large a learning rate it can take. All slopes of a batch are taken at the same place: many for one word would
        # carry it beyond its goal.
        read = share * self._keep[:-1]
        slopes = {"centres": read * (window + 1) * (1 + negatives),
                  "contexts": (read + read.sum() * negatives * often / often.sum()) * (window + 1)}
        self._most = {name: (FARTHEST / array).astype(np.float32) for name, array in slopes.items()}
        span = GROUP + 2 * window  # places that the neighbours of a group come from
        away = np.arange(span) - window - np.arange(GROUP)[:, None]  # how far each of them is from each centre
        self._away = np.where(away == 0, 127, away).astype(np.int8)  # nobody is his own neighbour
        random = np.random.default_rng(seed)
        self.weights = {"centres": ((random.random((len(counts), dim), np.float32) - np.float32(0.5)) / dim),
                        "contexts": np.zeros((len(counts), dim), np.float32)}
        self._seed, self._desks = seed, [{} for _ in range(PARTS)]
        self._pool = concurrent.futures.ThreadPoolExecutor(PARTS)

    def threads(self):
        """Context manager: the threads are ours. BLAS's own, over matrices as small as these, would only wait."""
        import threadpoolctl

        return threadpoolctl.threadpool_limits(1, "blas")

    def step(self, words: np.ndarray, texts: np.ndarray, rate: float, number: int) -> float:
        """One step downhill for a batch of text.

        Args:
            words: their numbers, int32 (blocks, length), -1 for none.
            texts: the number of the text that each is from; there are no neighbours across texts.
            rate: the learning rate.
            number: of the step; it and the seed decide all that is drawn.

        Returns:
            The loss per true pair, that of its strangers with it, before the step; on a part of the pairs.

        Raises:
            Unfit: the vectors have grown beyond all bounds.
        """
        def work(part: int) -> dict:
            random = np.random.Generator(np.random.Philox(key=np.array([self._seed, number * PARTS + part], np.uint64)))
            piece = (np.array_split(array.ravel(), PARTS)[part] for array in (words, texts))
            return self.slopes(self.draw(*piece, random), self._desks[part])

        parts = list(self._pool.map(work, range(PARTS)))

        def add(name: str) -> None:
            for rows, changes in (part[name] for part in parts):
                rates = np.minimum(self._most[name][rows] / np.float32(words.size), np.float32(rate))
                add_rows(self.weights[name], rows, changes, rates / 2)  # the slopes are twice too large

        list(self._pool.map(add, self.weights))
        loss = float(np.mean([part["loss"] for part in parts]))
        if not math.isfinite(loss):
            raise Unfit(f"the vectors have grown beyond all bounds at step {number}: start again under another "
                            "--run name with a smaller --learning-rate.")
        return loss

    def draw(self, words: np.ndarray, texts: np.ndarray, random: np.random.Generator) -> Draw:
        """Thin out the frequent words, draw for each word how far it looks, and for each group its strangers."""
        kept = random.random(len(words), np.float32) < self._keep[words]
        words, texts = words[kept], texts[kept]
        count, size = len(words), max(1, -(-len(words) // GROUP)) * GROUP
        words, texts = (np.concatenate([array, np.full(size - count, fill, np.int32)])
                        for array, fill in ((words, 0), (texts, -1)))
        reach = random.integers(1, self.window + 1, size, np.int8)  # near neighbours count more: they are in more often
        reach[count:] = 0
        starts = np.flatnonzero(np.diff(texts, prepend=-2))
        lengths = np.diff(starts, append=size)
        before = np.arange(size) - np.repeat(starts, lengths)  # words of its text before it
        behind = np.repeat(lengths, lengths) - 1 - before
        left, right = (np.minimum(reach, side).astype(np.int8).reshape(-1, GROUP, 1) for side in (before, behind))
        lots = random.integers(0, len(self._lots), (size // GROUP, STRANGERS), np.int32)
        return Draw(words, left, right, self._lots[lots])

    def slopes(self, draw: Draw, desk: dict | None = None) -> dict:
        """How the vectors should change, by name, (rows, changes); and the `loss`.

        What it returns is laid out on `desk`, arrays by name that are used again: new memory costs more than sums.
        """
        groups, span, dim = len(draw.strangers), self._away.shape[1], self.weights["centres"].shape[1]
        size, wide = len(draw.words), span + STRANGERS
        room = _Room({} if desk is None else desk)
        centres = room("centres", size, dim)
        self.weights["centres"].take(draw.words, axis=0, out=centres, mode="clip")
        line = room("line", size + 2 * self.window, dim)  # the contexts in the text's order
        line[:self.window] = line[-self.window:] = 0
        self.weights["contexts"].take(draw.words, axis=0, out=line[self.window:-self.window], mode="clip")
        contexts = room("contexts", groups, wide, dim)
        contexts[:, :span] = _overlapping(line, groups, span)
        strangers = room("strangers", groups, STRANGERS, dim)
        contexts[:, span:] = self.weights["contexts"].take(draw.strangers, axis=0, out=strangers, mode="clip")

        centres = centres.reshape(groups, GROUP, dim)
        error = np.matmul(centres, contexts.transpose(0, 2, 1), out=room("error", groups, GROUP, wide))
        loss = self._judge(error, draw)

        change = np.matmul(error.transpose(0, 2, 1), centres, out=room("change", groups, wide, dim))
        line[...] = 0
        for start in range(0, span, GROUP):  # a place in the text is in more than one group's reach
            part = change[:, start:min(start + GROUP, span)]
            _overlapping(line[start:], groups, part.shape[1])[...] += part
        changes = room("changes", size + draw.strangers.size, dim)
        changes[:size], changes[size:] = line[self.window:-self.window], change[:, span:].reshape(-1, dim)
        rows = np.concatenate([draw.words, draw.strangers.ravel()])
        gain = np.matmul(error, contexts, out=room("gain", groups, GROUP, dim))
        return {"centres": (draw.words, gain.reshape(-1, dim)), "contexts": (rows, changes), "loss": loss}

    def _judge(self, error: np.ndarray, draw: Draw) -> float:
        """Turn the scores in `error` into what is wrong with them, twice target minus probability; the loss."""
        span = self._away.shape[1]
        np.tanh(np.multiply(error, np.float32(0.5), out=error), out=error)  # twice a sigmoid, less one
        true, drawn = error[:, :, :span], error[:, :, span:]
        pairs = (self._away <= draw.right) & (self._away >= -draw.left)
        share = (draw.left + draw.right).astype(np.float32) * np.float32(self.negatives / STRANGERS)
        loss = _loss(true[:MEASURED], drawn[:MEASURED], pairs[:MEASURED], share[:MEASURED])
        np.subtract(1, true, out=true)
        true *= pairs  # target 1
        drawn += 1
        drawn *= -share  # target 0, and each of the shared strangers stands for so many
        return loss


class _Room:
    """Arrays by name that are made once, and again only where they are too small."""

    def __init__(self, desk: dict):
        self._desk = desk

    def __call__(self, name: str, *shape: int, dtype=np.float32) -> np.ndarray:
        size = math.prod(shape)
        if name not in self._desk or self._desk[name].size < size:
            self._desk[name] = np.empty(size + size // 8, dtype)
        return self._desk[name][:size].reshape(shape)


def add_rows(matrix: np.ndarray, rows: np.ndarray, changes: np.ndarray, rates: np.ndarray) -> None:
    """matrix[rows] += rates[:, None] * changes, in place, where a row may be named many times: all its changes count.

    `np.add.at` does the same and takes forty times as long.

    Args:
        matrix: float32 (n, d), contiguous.
        rows: int32 (m,), each below n.
        changes: float32 (m, d).
        rates: what each change is multiplied by, float32 (m,).
    """
    if not (matrix.flags.c_contiguous and matrix.dtype == changes.dtype == np.float32 and rows.dtype == np.int32
            and rates.dtype == np.float32 and rates.shape == rows.shape
            and changes.shape == (len(rows), matrix.shape[1])):
        raise ValueError("float32 matrices, int32 rows, and a change and a rate for each of them")
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(matrix):
        raise IndexError(f"rows go from 0 to {len(matrix) - 1}")
    from scipy.sparse import _sparsetools  # what `csc @ dense` calls, which would make a whole new matrix for the sum

    # A sparse matrix with one entry in each column, its rate, in the row that the change goes to; times the changes.
    ends = np.arange(len(rows) + 1, dtype=np.int32)
    _sparsetools.csc_matvecs(len(matrix), len(rows), matrix.shape[1], ends, rows, rates,
                             np.ascontiguousarray(changes).ravel(), matrix.reshape(-1))


def _overlapping(line: np.ndarray, groups: int, width: int) -> np.ndarray:
    """A view of `line` (places, dim): for each group its `width` places, of which the first are 32 apart."""
    place, number = line.strides
    return np.lib.stride_tricks.as_strided(line, (groups, width, line.shape[1]), (GROUP * place, place, number))


def _loss(true: np.ndarray, drawn: np.ndarray, pairs: np.ndarray, share: np.ndarray) -> float:
    """-log P(true pair) - sum of log P(its strangers are none), the mean over the true pairs."""
    least = np.float32(1e-7)
    told = -np.log(np.maximum((1 + true[pairs]) / 2, least)).sum()
    told -= (np.log(np.maximum((1 - drawn) / 2, least)) * share).sum()
    return float(told / max(1, pairs.sum()))
