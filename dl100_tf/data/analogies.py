"""Questions that word vectors should be able to answer: *paris is to france as rome is to …?*, and words by kind.

The lists are the package's own, of words that are common in films, news and encyclopedias alike. How a question is
asked and judged is as in Mikolov et al. 2013, https://arxiv.org/abs/1301.3781, whose file of questions isn't used.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import permutations

PAIRS = {  # in each section, what the first word of a pair is to the second
    "capitals": """paris france, london england, berlin germany, rome italy, madrid spain, moscow russia, tokyo japan,
        beijing china, vienna austria, athens greece, dublin ireland, cairo egypt, havana cuba, lisbon portugal,
        stockholm sweden, oslo norway, copenhagen denmark, warsaw poland, budapest hungary, delhi india, baghdad iraq,
        bangkok thailand, edinburgh scotland, ottawa canada""",
    "nationalities": """france french, england english, germany german, italy italian, spain spanish, russia russian,
        japan japanese, china chinese, ireland irish, greece greek, sweden swedish, norway norwegian, denmark danish,
        poland polish, india indian, mexico mexican, canada canadian, australia australian, america american,
        israel israeli, turkey turkish, korea korean, scotland scottish, egypt egyptian, cuba cuban, africa african""",
    "he and she": """he she, him her, his hers, man woman, men women, boy girl, boys girls, king queen, prince princess,
        father mother, son daughter, sons daughters, brother sister, brothers sisters, husband wife, uncle aunt,
        grandfather grandmother, actor actress, actors actresses, dad mom, himself herself, groom bride, hero heroine,
        waiter waitress, nephew niece, gentleman lady, sir madam, guy gal, male female, host hostess, god goddess""",
    "opposites": """good bad, big small, long short, happy sad, hot cold, high low, rich poor, young old, early late,
        fast slow, strong weak, hard soft, first last, best worst, better worse, more less, up down, inside outside,
        before after, open close, win lose, love hate, always never, black white, day night, life death, war peace,
        north south, east west, left right, alive dead, true false, beautiful ugly, easy difficult, most least""",
    "not": """known unknown, usual unusual, expected unexpected, believable unbelievable, likely unlikely, able unable,
        fair unfair, comfortable uncomfortable, necessary unnecessary, realistic unrealistic, original unoriginal,
        happy unhappy, possible impossible, perfect imperfect, mature immature, moral immoral, conscious unconscious,
        certain uncertain, predictable unpredictable, sympathetic unsympathetic, successful unsuccessful,
        pleasant unpleasant, convincing unconvincing, important unimportant, interesting uninteresting""",
    "plurals": """film films, movie movies, actor actors, scene scenes, character characters, story stories, book books,
        car cars, house houses, child children, man men, woman women, dog dogs, cat cats, horse horses, bird birds,
        hand hands, eye eyes, year years, day days, night nights, friend friends, girl girls, boy boys, player players,
        war wars, king kings, city cities, country countries, family families, mountain mountains, street streets,
        computer computers, weapon weapons, building buildings, machine machines, animal animals, soldier soldiers""",
    "comparatives": """good better, bad worse, big bigger, small smaller, long longer, short shorter, high higher,
        low lower, fast faster, slow slower, strong stronger, weak weaker, hard harder, easy easier, cheap cheaper,
        old older, young younger, great greater, large larger, close closer, deep deeper, dark darker, funny funnier,
        happy happier, smart smarter, tough tougher, late later, early earlier, wide wider, scary scarier""",
    "superlatives": """good best, bad worst, big biggest, small smallest, long longest, short shortest, high highest,
        low lowest, fast fastest, strong strongest, hard hardest, easy easiest, cheap cheapest, old oldest,
        young youngest, great greatest, large largest, close closest, deep deepest, dark darkest, funny funniest,
        smart smartest, late latest, early earliest, rich richest, scary scariest, strange strangest, dumb dumbest""",
    "past tense": """go went, see saw, make made, take took, give gave, come came, get got, say said, know knew,
        think thought, find found, tell told, feel felt, leave left, keep kept, begin began, run ran, write wrote,
        bring brought, buy bought, fight fought, speak spoke, fall fell, win won, lose lost, play played, work worked,
        try tried, want wanted, seem seemed, look looked, walk walked, kill killed, die died, sing sang, drive drove""",
    "participles": """go going, see seeing, make making, take taking, give giving, come coming, get getting, say saying,
        think thinking, find finding, tell telling, leave leaving, keep keeping, run running, write writing,
        bring bringing, buy buying, fight fighting, speak speaking, fall falling, win winning, lose losing,
        play playing, work working, try trying, look looking, walk walking, kill killing, die dying, sing singing""",
    "third person": """go goes, see sees, make makes, take takes, give gives, come comes, get gets, say says,
        know knows, think thinks, find finds, tell tells, feel feels, leave leaves, keep keeps, begin begins, run runs,
        write writes, bring brings, want wants, seem seems, look looks, work works, try tries, play plays, kill kills,
        need needs, become becomes, appear appears, believe believes, turn turns, decide decides, learn learns""",
    "adverbs": """quick quickly, slow slowly, real really, complete completely, sad sadly, happy happily, clear clearly,
        perfect perfectly, usual usually, sudden suddenly, serious seriously, obvious obviously, honest honestly,
        surprising surprisingly, strange strangely, simple simply, easy easily, recent recently, final finally,
        absolute absolutely, total totally, near nearly, extreme extremely, apparent apparently,
        beautiful beautifully""",
}
KINDS = {
    "colours": "red blue green yellow black white brown pink purple orange grey",
    "numbers": "one two three four five six seven eight nine ten twenty hundred thousand",
    "family": "father mother brother sister son daughter uncle aunt cousin grandfather grandmother husband wife",
    "animals": "dog cat horse cow pig bird snake monkey lion tiger elephant wolf rat rabbit shark",
    "body": "head hand face eyes arm leg foot heart hair nose mouth neck skin brain teeth",
    "countries": "france germany italy spain russia japan china india england ireland mexico canada australia",
    "cities": "paris london berlin rome moscow tokyo chicago boston vienna madrid hollywood detroit",
    "languages": "english french german italian spanish russian japanese chinese greek polish swedish",
    "times": "day week month year hour minute morning evening night summer winter century decade",
    "professions": "doctor lawyer teacher nurse police soldier priest scientist writer engineer farmer detective",
    "vehicles": "car truck bus train plane ship boat bike helicopter submarine jet taxi",
    "weapons": "gun knife sword bomb rifle pistol bullets missile axe shotgun grenade",
    "music": "song songs music band guitar piano singer album opera jazz concert",
    "food": "food dinner breakfast lunch meat bread fruit cheese cake pizza rice soup",
    "drink": "beer wine coffee tea milk water whiskey champagne vodka",
    "feelings": "love hate anger fear joy sadness happiness grief jealousy guilt despair",
    "clothes": "dress shirt hat shoes pants suit coat boots jacket gloves uniform costume",
    "buildings": "house hotel hospital school church prison castle apartment mansion theater library",
    "nature": "river mountain forest sea lake desert island beach ocean jungle valley",
    "faiths": "christian jewish muslim catholic buddhist hindu protestant islamic",
}


@dataclass(frozen=True)
class Question:
    """`a` is to `b` as `c` is to `answer`; `section` says what the first of two words is to the second."""

    section: str
    a: str
    b: str
    c: str
    answer: str


def questions(vocabulary: Collection[str]) -> Iterator[Question]:
    """Every two pairs of a section, in either order, as a question, where the vocabulary has all four words.

    Pairs that share a word ask nothing together: the three words of a question are never its answer.
    """
    for section, listed in PAIRS.items():
        pairs = [tuple(pair.split()) for pair in listed.split(",")]
        for (a, b), (c, answer) in permutations(pairs, 2):
            if len({a, b, c, answer}) == 4 and all(word in vocabulary for word in (a, b, c, answer)):
                yield Question(section, a, b, c, answer)


def kinds(vocabulary: Collection[str]) -> dict[str, list[str]]:
    """Words by what they are kinds of, those that the vocabulary has; no word stands in two kinds."""
    return {kind: [word for word in listed.split() if word in vocabulary] for kind, listed in KINDS.items()}
