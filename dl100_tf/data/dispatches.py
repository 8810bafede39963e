"""News stories that the package composes itself, so that a recipe runs with no download; and no more than that.

Who and where are of two desks each: countries are in the news of the world and of sports, firms in those of business
and of science. A desk is known by what happens; but every other story goes on with sentences of another desk's, and
then only what comes first tells.
"""

import random

import numpy as np

WHO = {  # by class: World, Sports, Business, Sci/Tech
    0: "country", 1: "country", 2: "firm", 3: "firm",
}
WORDS = {
    "country": "Norway;Kenya;Peru;Japan;Canada;Greece;India;Chile;Egypt;Poland",
    "firm": "Halden;Orbitec;Nordwind;Acorn Systems;Bluegate;Tessera;Kestrel;Polymax;Vantage;Lumina",
    "city": "Oslo;Nairobi;Lima;Kyoto;Toronto;Athens;Mumbai;Santiago;Cairo;Warsaw",
    "agency": "Reuters;AP;AFP",
    "day": "Monday;Tuesday;Wednesday;Thursday;Friday;Saturday;Sunday",
    "number": "two;three;four;11;17;25;40;120",
}
UNSEEN = {"country": "Iceland;Ghana", "firm": "Zephyr;Quillon", "city": "Accra;Riga", "day": "Christmas Eve"}
TITLES = {
    0: "{who} ministers resign after vote;Rebels free hostages in {who};{who} signs border treaty;Troops leave {who};"
       "Protests spread in {who};Envoys meet in {city} for peace talks;Bomb near embassy wounds {number} in {city}",
    1: "{who} win in extra time;{who} lose final by {number} points;Coach of {who} quits before cup;{who} striker out "
       "for season;Champion knocked out in {city};Late goal saves {who};{who} bowlers take {number} wickets",
    2: "{who} shares fall on weak forecast;{who} profit rises {number} percent;{who} to cut {number} jobs;"
       "{who} agrees to buy rival;Stocks end lower as oil climbs;{who} sells bonds to pay debt;Dollar slips again",
    3: "{who} unveils faster chip;{who} patches hole in browser;Probe of {who} photographs moon;{who} opens its source "
       "code;Virus spreads by e-mail;{who} phone plays music;Scientists map rice's genes",
}
UNSEEN_TITLES = {
    0: "Parliament of {who} sits all night;Talks of {who} stall", 1: "{who} back on top;A night to forget for {who}",
    2: "A good year for {who};{who} changes hands", 3: "{who} shows what is next;A small step for {who}",
}
SENTENCES = {
    0: "The president of {country} urged parliament to accept the accord.;Police in {city} said {number} people were "
       "killed.;The army said that the rebels had left the capital.;The election was held under curfew.;Refugees "
       "crossed the border on {day}.;The United Nations called for a ceasefire.",
    1: "The team of {country} plays the final on {day}.;Fans in {city} cheered the goalkeeper.;He scored {number} "
       "points in the second half.;The coach blamed the referee.;The team's defeat was the third in a row.;The "
       "tournament in {city} begins on {day}.",
    2: "Analysts in {city} had expected a higher profit.;The shares of {firm} lost {number} percent on {day}.;The bank "
       "raised interest rates.;Quarterly sales fell short of forecasts.;The merger would create the largest retailer "
       "of {country}.;Investors worry about the price of crude oil.",
    3: "The software of {firm} runs on any computer.;Scientists in {city} published the images on {day}.;The new chip "
       "needs less power.;Users should download the update at once.;The satellite will orbit for {number} years.;The "
       "network carries calls over the internet.",
}
LEADS = ("{city} ({agency}) - ", "{agency} - ", "", "")


def stories(count: int, seed: int, held_out: bool = False) -> tuple[list[str], np.ndarray]:
    """Compose stories, no two of them the same.

    Args:
        count: how many; the four classes take turns.
        seed: the same seed composes the same stories.
        held_out: use names and titles that no other story has, so that a test isn't answered by heart.

    Returns:
        (texts, labels): title and description of 8 to 70 words, and int32 (count,), 0 World, 1 Sports, 2 Business,
        3 Sci/Tech.
    """
    random_ = random.Random(f"stories {seed} {held_out}")
    texts = {}  # text: label, in order
    while len(texts) < count:
        label = len(texts) % len(TITLES)
        texts.setdefault(_story(random_, label, held_out), label)
    return list(texts), np.fromiter(texts.values(), np.int32, count)


def _story(random_: random.Random, label: int, held_out: bool) -> str:
    """A title, perhaps an agency, and some sentences; in every other story one or two more of another desk."""
    sentences = random_.sample(SENTENCES[label].split(";"), random_.randint(1, 3))
    if random_.random() < 0.5:
        other = (label + random_.randint(1, 3)) % len(TITLES)
        sentences += random_.sample(SENTENCES[other].split(";"), random_.randint(1, 2))
    titles = UNSEEN_TITLES if held_out else TITLES
    title = random_.choice(titles[label].split(";")).replace("{who}", "{" + WHO[label] + "}")
    text = f"{title} {random_.choice(LEADS)}{' '.join(sentences)}"
    if held_out:
        text += " The report came from {city} on {day}."
    for slot, words in WORDS.items():
        unseen = UNSEEN[slot].split(";") if held_out and slot in UNSEEN else []
        pool = unseen if held_out and slot in ("city", "day") else words.split(";") + unseen
        while "{" + slot + "}" in text:
            text = text.replace("{" + slot + "}", random_.choice(pool), 1)
    return text.replace("'s", " #39;s")  # as what is left of HTML in the real stories
