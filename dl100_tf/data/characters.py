"""A text as characters: their ids, windows to train on, and examples of what comes next."""

from dataclasses import dataclass

import numpy as np

from dl100_tf.data.splits import Source, Split, Splits
from dl100_tf.errors import DataError, UserError

SHARE = 0.9  # of the text, from its beginning, is learnt from
SHORTEST = 2000  # characters of a text
SPECIAL = 2  # ids that are no character: 0 behind the end of a text, 1 for one that isn't known
NAMES = {"\n": "line break", " ": "space", "\t": "tab", "\r": "return"}  # of what can't be seen


@dataclass(frozen=True, eq=False)
class Book(Splits):
    """A text in two parts, and examples from both: some characters, and which one stood behind them.

    The examples are what a trained model is tried on. `test` and `validation` are the same, from the held-out part.

    Attributes:
        learnt: the first nine tenths.
        held: the last tenth.
    """

    learnt: str = ""
    held: str = ""

    @property
    def alphabet(self) -> str:
        """The kinds of characters in the whole text, sorted: what there is to choose from."""
        return alphabet(self.learnt + self.held)


def alphabet(text: str) -> str:
    """The kinds of characters in `text`, sorted."""
    return "".join(sorted(set(text)))


def name(character: str) -> str:
    """What a character is called where it has to be seen: itself, or `line break`, `space`, `U+00A0`."""
    if character in NAMES:
        return NAMES[character]
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"


def ids(text: str, known: str) -> np.ndarray:
    """The id of each character, int32 (n,): 2 for the first of `known`, and so on; 1 for one that isn't in it."""
    table = {character: number for number, character in enumerate(known, SPECIAL)}
    return np.fromiter((table.get(character, 1) for character in text), np.int32, len(text))


def book(text: str, source: Source, window: int, examples: int = 4000) -> Book:
    """Cut a text in two by position, and take examples from all over both parts.

    Args:
        text: the whole text.
        source: where it came from.
        window: characters of an example.
        examples: how many the last tenth gives, fewer if it is shorter; the rest gives a quarter of that.

    Returns:
        `Book`: x is an array of str objects (n,), y int32 (n,), numbers of characters in its alphabet.

    Raises:
        DataError: the text is too short, or of one kind of character only.
        UserError: a window doesn't fit into the last tenth.
    """
    cut, known = int(SHARE * len(text)), alphabet(text)
    if len(text) < SHORTEST or len(known) < 2:
        raise DataError(f"the text has {len(text)} characters of {len(known)} kinds, too few to learn from: give one "
                        f"of at least {SHORTEST}.")
    learnt, held = text[:cut], text[cut:]
    if not 1 <= window < len(held):
        raise UserError(f"a window of {window} characters doesn't fit into the {len(held)} that are held out: make it "
                        "shorter, or the text longer.")
    parts = [_examples(learnt, known, window, examples // 4), _examples(held, known, window, examples)]
    return Book(parts[0], parts[1], parts[1], tuple(map(name, known)), source, learnt=learnt, held=held)


def _examples(text: str, known: str, window: int, count: int) -> Split:
    """Windows that begin at even distances, each with the number of the character behind it."""
    starts = np.unique(np.linspace(0, len(text) - window - 1, count).astype(int))
    x = np.empty(len(starts), object)
    x[:] = [text[start:start + window] for start in starts]
    return Split(x, np.array([known.index(text[start + window]) for start in starts], np.int32))


@dataclass(frozen=True)
class Windows:
    """What `training.fit` reads: places in the first part, whole windows of the second, and the source."""

    train: Split
    validation: Split
    source: Source


def windows(book: Book, length: int) -> Windows:
    """Windows of `length` characters, side by side, each with the characters that follow its own.

    Returns:
        `Windows`: `train` holds the places where windows begin, int32 (n,), of which `shifted` makes what
        `validation` holds: x, ids, int32 (n, length), and y, int32 (n, length), the number of each next character.

    Raises:
        UserError: a part of the text is shorter than a window.
    """
    places = np.arange(0, len(book.learnt) - 2 * length, length, np.int32)
    text = ids(book.held, book.alphabet)
    count = (len(text) - 1) // length
    if not len(places) or not count:
        raise UserError(f"--length can't be {length}: the text has {len(book.learnt)} + {len(book.held)} characters.")
    x, y = (text[first:first + count * length].reshape(count, length) for first in (0, 1))
    return Windows(Split(places, places), Split(x, y - SPECIAL), book.source)


def shifted(book: Book, length: int):
    """What `training.fit` calls to make windows of their places, each moved on by up to a window's length at random.

    So no two epochs cut the text alike.
    """
    import tensorflow as tf

    text = tf.constant(ids(book.learnt, book.alphabet))

    def cut(places, _, key, epoch):
        moved = places + tf.random.stateless_uniform(tf.shape(places), key, 0, length, tf.int32)
        at = moved[:, None] + tf.range(length)
        return tf.gather(text, at), tf.gather(text, at + 1) - SPECIAL

    return cut
