"""Reviews that the package composes itself, so that a recipe runs with no download; and no more than that.

A review is a few sentences on a film among neutral ones. What its sentences say is known by grammar, not by words:
every opinion word occurs in praise and in blame ("not dull at all", "the cast is superb, but the film is dull", "my
sister found it superb; I disagree"), and no other word tells more. A bag of words therefore stays far behind a
model that knows which word stands before which: 76 % against 92 % for pairs of words and 96 % for an LSTM.
"""

import random

import numpy as np

ADJECTIVES = {  # by stance
    1: "brilliant;superb;gripping;charming;moving;clever;delightful;fresh;warm;funny;elegant;tender;thrilling",
    0: "dull;boring;clumsy;tedious;lifeless;silly;predictable;hollow;awful;weak;tiresome;messy;shallow",
}
UNSEEN_ADJECTIVES = {1: "luminous;captivating;graceful", 0: "plodding;insipid;stale"}
WORDS = {
    "aspect": "acting;script;camera work;music;ending;dialogue;pacing;cast;plot;direction;editing;story;second half",
    "film": "film;movie;picture;thing;production",
    "who": "brother;sister;neighbour;wife;husband;flatmate;boss;teacher",
    "place": "Lisbon;a small harbour town;Chicago;the Alps;Osaka;a village in Wales;Buenos Aires;an old hotel",
    "job": "baker;pilot;young lawyer;retired teacher;piano tuner;postman;nurse;chess player",
    "day": "Sunday;Friday night;rainy Tuesday;Monday morning;holiday",
    "year": "1938;1954;1967;1979;1986;1993;2001;2004",
    "number": "two;three;four;five;seven;nine",
}
UNSEEN_WORDS = {
    "aspect": "lighting;score;costume design;opening",
    "who": "cousin;dentist",
    "place": "Helsinki;a lighthouse",
    "job": "beekeeper;taxi driver",
    "year": "1947;1999",
}
# {same} is an adjective of the sentence's own stance, {other} one of the opposite
DIRECT = """The {aspect} is {same}.
I found the {aspect} {same}.
What a {same} {film} this is!
It is simply {same} from start to finish.
A {same} {film} with {same} {aspect}.""".splitlines()
NEGATED = """The {aspect} is not {other} at all.
Nothing about the {aspect} is {other}.
I would never call the {aspect} {other}.
The {film} is anything but {other}.
It is hardly {other}.
Nobody can say that this {film} was {other}.""".splitlines()
CONTRAST = """The {aspect} is {other}, but the {film} is {same}.
The {aspect} may be {other}, yet as a whole it is {same}.
Although the {aspect} is {other}, the {film} is {same}.
The {film} is {same}, even if the {aspect} is {other}.
It starts {other}, but it ends {same}.""".splitlines()
QUOTED = """My {who} found it {other}; I disagree.
My {who} called the {aspect} {other}, and could not be more wrong.
The poster promises something {other}, and the poster lies.
Everyone said it would be {other}, and everyone was mistaken.
My {who} found it {same}, and I agree.
The critics called the {aspect} {same}, and for once they were right.""".splitlines()
KINDS = ((DIRECT, 60), (NEGATED, 15), (CONTRAST, 15), (QUOTED, 10))  # with their shares in per cent
CONCEDED = """The first half hour is {other}.
At first I thought the {aspect} was {other}.
The trailer looked {other}.""".splitlines()
NEUTRAL = """It was filmed in {place} in {year}.
We saw it on a {day} with my {who}.
The story follows a {job} who moves to {place}.
It is based on a novel that I have not read.
The running time is a little over {number} quarters of an hour.
There are {number} scenes in {place}.
The director made {number} others before this one, but I do not know them.
A {job} and a {job} meet on a train to {place}.
My {who} had never heard of it.
It was shown on a {day} in {year}, and again {number} years later.
I will not say how it ends.
Most of it takes place in {year}.""".splitlines()
UNSEEN_NEUTRAL = """I bought the disc in {place} for {number} coins.
Between the acts a {job} reads letters aloud.
The copy I watched dates from {year}.
Subtitles come in {number} languages.""".splitlines()
SHORTEST, LONGEST = 30, 120  # words of a review


def reviews(count: int, seed: int, held_out: bool = False) -> tuple[list[str], np.ndarray]:
    """Compose film reviews, no two of them the same.

    Args:
        count: how many; half of them (rounded up) are negative.
        seed: the same seed composes the same reviews.
        held_out: use sentences and words that no other review has as well, so that a test isn't answered by heart.
            Each of these reviews has such a sentence, so none is the same as one that isn't held out.

    Returns:
        (texts, labels): 30 to 120 words each, and int32 (count,), 0 negative and 1 positive.
    """
    random_ = random.Random(f"reviews {seed} {held_out}")
    words, adjectives = _words(held_out)
    texts = {}  # text: label, in order
    while len(texts) < count:
        label = len(texts) % 2
        texts.setdefault(_review(random_, label, words, adjectives, held_out), label)
    return list(texts), np.fromiter(texts.values(), np.int32, count)


def _words(held_out: bool) -> tuple[dict[str, list[str]], dict[int, list[str]]]:
    """The words for each slot, and the adjectives for each stance."""
    def choices(common: dict, unseen: dict) -> dict:
        return {slot: (words + ";" + unseen[slot] if held_out and slot in unseen else words).split(";")
                for slot, words in common.items()}

    return choices(WORDS, UNSEEN_WORDS), choices(ADJECTIVES, UNSEEN_ADJECTIVES)


def _review(random_: random.Random, label: int, words: dict, adjectives: dict, held_out: bool) -> str:
    """Opinions in the order they are said, neutral sentences anywhere between them."""
    def sentence(templates: list[str]) -> str:
        return _filled(random_, random_.choice(templates), label, words, adjectives)

    kinds = random_.choices([kind for kind, _ in KINDS], [share for _, share in KINDS], k=random_.randint(2, 4))
    sentences = [sentence(kind) for kind in kinds]
    if random_.random() < 0.25:
        sentences.insert(0, sentence(CONCEDED))
    aim = random_.randint(SHORTEST, LONGEST - 30)
    unseen = held_out
    while unseen or _length(sentences) < aim:
        neutral = sentence(UNSEEN_NEUTRAL if unseen else NEUTRAL)
        unseen = False
        if neutral not in sentences:
            sentences.insert(random_.randint(0, len(sentences)), neutral)
    if random_.random() < 0.3:
        sentences.insert(random_.randint(1, len(sentences) - 1), "\n\n")
    return " ".join(sentences).replace(" \n\n ", "\n\n")


def _filled(random_: random.Random, template: str, label: int, words: dict, adjectives: dict) -> str:
    filled = template
    for slot in words:
        while "{" + slot + "}" in filled:
            filled = filled.replace("{" + slot + "}", random_.choice(words[slot]), 1)
    for slot, stance in (("{same}", label), ("{other}", 1 - label)):
        while slot in filled:
            filled = filled.replace(slot, random_.choice(adjectives[stance]), 1)
    return filled


def _length(sentences: list[str]) -> int:
    return sum(len(sentence.split()) for sentence in sentences)
