"""A play that the package writes itself by a small grammar, so that a recipe runs with no download.

It has the looks of one: names in capitals before each speech, blank lines between speeches, verses that begin with
a capital, and names that are spoken of as well as speaking. A net can learn spelling, verse and turns from it; the
sentences mean nothing.
"""

import random

SPEAKERS = "ROSAMUND;OLDCASTLE;First Sailor;Second Sailor;BENEDETTA;THE MILLER;CORIN;Ghost".split(";")
WORDS = {
    "noun": "crown;river;lantern;sorrow;garden;sword;letter;morning;voyage;mirror;candle;promise;winter;orchard",
    "adjective": "gentle;bitter;hollow;golden;patient;weary;honest;cruel;silent;foolish;royal;distant",
    "verb": "break;carry;forgive;follow;remember;bury;question;borrow;guard;forsake;betray;welcome",
    "whom": "thee;him;her;us;my brother;the miller;our queen;Rosamund;old Corin;the sailors",
    "place": "the harbour;the tower;yonder hill;the market;this house;the sea;Benedetta's door",
    "time": "to-night;at dawn;ere the bell;before the feast;these seven years;anon",
}
LINES = """What {adjective} {noun} is this that comes {time}?
I would not {verb} {whom}, nor {verb} the {noun}.
Then {verb} {whom}; the {noun} is {adjective}.
O {adjective} {noun}, how thou dost {verb} {whom}!
Go, bear the {noun} to {place} {time}.
The {noun} that I did {verb} was never {adjective}:
And if the {adjective} {noun} should {verb} {whom},
So {adjective} a {noun} hath no man seen in {place}.
Who sent thee to {place}? Speak, or {verb} {whom}.
I'll {verb} {whom} {time}, and {verb} {whom} again.
Ay, {adjective}, my lord; more {adjective} than the {noun}.
No {noun} in {place} shall {verb} {whom};""".splitlines()
LONGEST = 5  # lines of a speech


def play(length: int, seed: int = 0) -> str:
    """Write a play.

    Args:
        length: characters.
        seed: the same seed writes the same play.
    """
    random_ = random.Random(f"scenes {seed}")
    words = {slot: choices.split(";") for slot, choices in WORDS.items()}
    speeches, written, speaker = [], 0, ""
    while written < length:
        speaker = random_.choice([other for other in SPEAKERS if other != speaker])
        lines = [_line(random_, words) for _ in range(random_.randint(1, LONGEST))]
        speeches.append(f"{speaker}:\n" + "\n".join(lines) + "\n\n")
        written += len(speeches[-1])
    return "".join(speeches)[:length]


def _line(random_: random.Random, words: dict[str, list[str]]) -> str:
    line = random_.choice(LINES)
    for slot, choices in words.items():
        while "{" + slot + "}" in line:
            line = line.replace("{" + slot + "}", random_.choice(choices), 1)
    return line
