"""What word vectors know: which words are near each other, and which relations are directions."""

from collections.abc import Collection, Iterable, Iterator

import numpy as np

from dl100_tf.errors import UserError, closest

SIGNS = {"+": 1, "-": -1}
MINUS = "\u2212"  # the typographer's
UNKNOWN = "\n"  # what Keras calls an unknown word: a file of vectors may have [UNK], and no word has a line's end
AT_ONCE = 512  # questions that are answered at once


class WordSpace:
    """Words as points on a sphere: what counts is the direction of a vector, and the cosine between two.

    Args:
        words: each once.
        matrix: float32 (words, dim).

    Attributes:
        words: the same.
        unit: the vectors at length 1, float32 (words, dim); a vector of zeros stays one.
    """

    def __init__(self, words: Collection[str], matrix: np.ndarray):
        self.words = tuple(words)
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        self.unit = matrix / np.maximum(lengths, np.finfo(np.float32).tiny)
        self._row = {word: row for row, word in enumerate(self.words)}

    def __contains__(self, word: str) -> bool:
        return word in self._row

    def __iter__(self):
        return iter(self.words)

    def __len__(self):
        return len(self.words)

    def row(self, word: str) -> int:
        """Where a word stands, in capitals or not.

        Raises:
            UserError: it isn't among the words; the nearest spelling is suggested.
        """
        for spelling in (word, word.lower()):
            if spelling in self._row:
                return self._row[spelling]
        near = closest(word, [known for known in self.words if known[:1] == word[:1].lower()] or self.words)
        raise UserError(f"{word[:40]!r} is not among the {len(self.words):,} words that were learnt{near}")

    def nearest(self, asked: str, count: int = 10) -> list[tuple[str, float]]:
        """The words nearest to a word, or to a sum of words such as `king - man + woman`.

        Args:
            asked: words with `+` or `-` between them (with blanks around, so that `well-known` is a word).
            count: how many; the words that were asked about are none of them.

        Returns:
            (word, cosine), the nearest first.

        Raises:
            UserError: no word, a sign without a word, or an unknown word.
        """
        rows, signs = self._parsed(asked)
        aim = signs @ self.unit[rows]
        close = self.unit @ (aim / max(np.linalg.norm(aim), np.finfo(np.float32).tiny))
        close[rows] = -np.inf
        count = min(count, len(self.words) - len(set(rows)))
        return [(self.words[at], float(close[at])) for at in np.argsort(-close, kind="stable")[:count]]

    def _parsed(self, asked: str) -> tuple[list[int], np.ndarray]:
        """Rows of the words, and the sign of each, float32."""
        terms = ["-" if term == MINUS else term for term in asked.split()]
        if terms and terms[0] not in SIGNS:
            terms.insert(0, "+")
        signs, words = terms[::2], terms[1::2]
        if not words or len(signs) != len(words) or not set(signs) <= SIGNS.keys() or SIGNS.keys() & set(words):
            raise UserError(f"{asked[:80]!r} is neither a word nor words with + or - between them, as in "
                            "'king - man + woman'.")
        return [self.row(word) for word in words], np.array([SIGNS[sign] for sign in signs], np.float32)

    def askable(self) -> Iterator[str]:
        """The words that `nearest` takes for a word: no signs, and none with a blank, which others' files may have."""
        return (word for word in self.words if word.split() == [word] and word not in (*SIGNS, MINUS))

    def answers(self, questions: Iterable) -> list[str]:
        """To each question (*a is to b as c is to …?*) the word nearest to b - a + c that is none of the three.

        Args:
            questions: have `a`, `b`, `c`, words that are known.

        Source: 3CosAdd, Mikolov et al. 2013, https://aclanthology.org/N13-1090
        """
        rows = np.array([[self._row[word] for word in (one.a, one.b, one.c)] for one in questions], int).reshape(-1, 3)
        found = []
        for start in range(0, len(rows), AT_ONCE):
            a, b, c = rows[start:start + AT_ONCE].T
            close = (self.unit[b] - self.unit[a] + self.unit[c]) @ self.unit.T
            close[np.arange(len(a))[:, None], rows[start:start + AT_ONCE]] = -np.inf
            found += [self.words[row] for row in close.argmax(axis=1)]
        return found

    def same_kind(self, kinds: dict[str, list[str]]) -> dict[str, float]:
        """Of each kind, the share of its words whose nearest word among all that are listed is of that kind.

        Args:
            kinds: known words by kind; a kind of fewer than two is left out.
        """
        kinds = {kind: words for kind, words in kinds.items() if len(words) > 1}
        label = np.repeat(np.arange(len(kinds)), [len(words) for words in kinds.values()])
        unit = self.unit[[self._row[word] for words in kinds.values() for word in words]]
        close = unit @ unit.T
        np.fill_diagonal(close, -np.inf)
        right = label[close.argmax(axis=1)] == label if len(label) else label
        return {kind: float(right[label == at].mean()) for at, kind in enumerate(kinds)}


def reads_words(words: Collection[str], matrix: np.ndarray, name: str):
    """Word vectors as a Keras model that can be saved: words in, their vectors out.

    Args:
        words: each once.
        matrix: float32 (words, dim).
        name: the model's name.

    Returns:
        `keras.Model` from `word`, strings (batch,), to `vector`, float32 (batch, dim): zeros for an unknown word.
    """
    import keras
    from keras import layers

    word = keras.Input((), dtype="string", name="word")
    number = layers.StringLookup(vocabulary=list(words), num_oov_indices=1, oov_token=UNKNOWN, name="words")(word)
    table = layers.Embedding(len(words) + 1, matrix.shape[1], name="vector")
    model = keras.Model(word, table(number), name=name)
    table.set_weights([np.concatenate([np.zeros_like(matrix[:1]), matrix])])
    return model


def from_model(model) -> WordSpace:
    """The words and vectors of a model that `reads_words` made."""
    words = model.get_layer("words").get_vocabulary(include_special_tokens=False)
    return WordSpace(words, model.get_layer("vector").get_weights()[0][1:])
