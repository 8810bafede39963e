"""Passages and questions on them that the package composes itself, so that a recipe runs with no download."""

import random

NAMES = "Vela;Torrin;Maro;Kessel;Ardo;Linne;Sorin;Bexley;Quill;Oslo;Tamar;Ferro;Galen;Hadar;Ivo;Juno".split(";")
ENDINGS = "by;ford;mouth;ville;stad;wick;ham;burg".split(";")
PEOPLE = "Anna;Boris;Clara;David;Edith;Frank;Greta;Henry;Ines;Jakob;Karla;Louis;Maria;Nora;Oscar;Petra".split(";")
FAMILIES = "Adler;Brook;Castell;Dorn;Ekman;Falk;Gruber;Holm;Ibsen;Jansen;Keller;Lund;Moser;Novak".split(";")
WORKS = "bridge;theatre;lighthouse;library;railway station;town hall;windmill;museum".split(";")
MATTERS = "granite;red brick;oak;limestone;iron;slate".split(";")
TRADES = "fishing;weaving;glass making;printing;shipbuilding;cheese".split(";")
FESTIVALS = "the lantern walk;the boat race;the kite day;the apple fair;the night of drums".split(";")
FACTS = (  # a sentence, the question that it answers, and which of its words are the answer
    ("The {work} of {town} was designed by {architect} and opened in {opened}.", "Who designed the {work} of {town}?",
     "architect"),
    ("The {work} of {town} was designed by {architect} and opened in {opened}.",
     "When was the {work} of {town} opened?", "opened"),
    ("It is built of {matter}.", "What is the {work} of {town} built of?", "matter"),
    ("Its mayor, {mayor}, has been in office since {since}.", "Who is the mayor of {town}?", "mayor"),
    ("Most people of {town} once lived from {trade}.", "What did most people of {town} once live from?", "trade"),
    ("In the census of {census} it had {people} inhabitants.", "How many inhabitants did {town} have in {census}?",
     "people"),
    ("Visitors come for {festival} every {month}.", "When do visitors come to {town}?", "month"),
    ("Visitors come for {festival} every {month}.", "What do visitors come to {town} for?", "festival"),
)
MONTHS = "March;April;May;June;July;August;September;October".split(";")


def questions(articles: int, seed: int) -> list[tuple]:
    """Compose questions on towns that don't exist.

    Args:
        articles: how many towns; each has one passage and eight questions.
        seed: the same seed composes the same; other seeds, other towns.

    Returns:
        For each question its id, text, passage, answers, their starts, and the article's title.
    """
    draw = random.Random(f"passages {seed}")
    found = []
    for number in range(articles):
        facts = _town(draw)
        sentences = list(dict.fromkeys(sentence for sentence, _, _ in FACTS))
        passage = f"{facts['town']} is a town on the river {facts['river']}. " + " ".join(
            sentence.format(**facts) for sentence in sentences)
        for index, (sentence, question, answer) in enumerate(FACTS):
            told = sentence.format(**facts)
            start = passage.index(told) + len(sentence.partition("{" + answer + "}")[0].format(**facts))
            found.append((f"sample-{seed}-{number}-{index}", question.format(**facts), passage, (facts[answer],),
                          (start,), f"{facts['town']} {seed}-{number}"))
    return found


def _town(draw: random.Random) -> dict[str, str]:
    """What is told of one town."""
    def person() -> str:
        return f"{draw.choice(PEOPLE)} {draw.choice(FAMILIES)}"

    return {"town": draw.choice(NAMES) + draw.choice(ENDINGS), "river": draw.choice(NAMES), "work": draw.choice(WORKS),
            "architect": person(), "opened": str(draw.randint(1700, 1999)), "matter": draw.choice(MATTERS),
            "mayor": person(), "since": str(draw.randint(2000, 2024)), "trade": draw.choice(TRADES),
            "census": str(draw.randint(1880, 1990)), "people": f"{draw.randint(2, 90)},{draw.randint(100, 999)}",
            "festival": draw.choice(FESTIVALS), "month": draw.choice(MONTHS)}
