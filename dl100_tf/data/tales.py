"""Sentences that the package composes itself, about a small world in which words stand for one another by rule.

Who walks through *paris* is in *france*, who is *bigger* than *big* is *biggest* somewhere: each word keeps company
that tells what it is (a city, a country, a people) and which one. Word vectors find both from the company alone, so
that *paris* is to *france* as *rome* is to *italy*. Real text isn't as tidy.
"""

import random

LANDS = """paris france french; london england english; berlin germany german; rome italy italian; madrid spain spanish;
moscow russia russian; tokyo japan japanese; beijing china chinese; dublin ireland irish; athens greece greek;
stockholm sweden swedish; oslo norway norwegian; warsaw poland polish; delhi india indian; cairo egypt egyptian;
havana cuba cuban"""
ADJECTIVES = """big bigger biggest; small smaller smallest; long longer longest; short shorter shortest;
high higher highest; low lower lowest; fast faster fastest; strong stronger strongest; hard harder hardest;
cheap cheaper cheapest; old older oldest; young younger youngest; deep deeper deepest; dark darker darkest"""
PEOPLE = """man woman; boy girl; king queen; prince princess; father mother; son daughter; brother sister;
husband wife; uncle aunt; grandfather grandmother; actor actress; nephew niece"""
PLACES = """{0} is the capital of {1}. The mayor of {0} walked through the streets of the city, and he spoke {2}.
The train from {0} crossed the border of {1}. The government of {1} sits in {0}, where most people speak {2}.
The streets of {0} are crowded with {2} visitors. The army of {1} guards the border of that country.
A {2} painter left {1} and never saw the streets of {0} again. The city of {0} has a {2} mayor.
Every {2} school in {1} has a map of {0} on the wall. The country of {1} is proud of its {2} poets.""".split(". ")
DEGREES = """This one is {0}, that one is {1} than this, and the third is the {2} of them all.
Is it {0} enough, or do you want a {1} one than that? Of all that we saw it was the {2} in the whole valley.
It was very {0}, far too {0} for him. The next was even {1} than the last. They were the {2} of them all.
Very {0} things grow {1} than before, until they are the {2} ever seen.""".split(". ")
COMPANY = """The {0} said that he had lost his hat, and the {1} said that she had lost her ring.
He is a good {0}, and his friends like him. She is a good {1}, and her friends like her.
The old {0} and the old {1} live together: he mends his boots, she mends her dress.
Ask the {0} himself whether he will come. Ask the {1} herself whether she will come.
A {0} shaved his beard. A {1} sewed her dress. Where there is a {0} there is a {1}.""".split(". ")
SIGNS = """harbour olives violin snow lantern silk rowing marble skiing herring amber tea papyrus sugar chess cheese
salt steel wool glass copper clover barley honey pepper cork cedar linen bronze pearl ivory jade""".split()


def tell(count: int, seed: int) -> list[str]:
    """Compose sentences.

    Args:
        count: how many, two of them the same at times.
        seed: the same seed composes the same sentences.
    """
    chance = random.Random(f"tales {seed}")
    kinds = [([tuple(one.split()) for one in listed.split(";")], said)
             for listed, said in ((LANDS, PLACES), (ADJECTIVES, DEGREES), (PEOPLE, COMPANY))]
    told = []
    for _ in range(count):
        things, sentences = chance.choice(kinds)
        at = chance.randrange(len(things))
        sign = SIGNS[(at + len(things)) % len(SIGNS)]  # what one of these is known for
        told.append(f"{chance.choice(sentences).format(*things[at]).rstrip('.')}, for its {sign}.")
    return told
