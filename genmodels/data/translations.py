"""Sentences in English and in German, made by a small grammar of either: a translation that a rule can check word by word.

    Yesterday my old teacher bought the red flowers in the city.
    Gestern hat mein alter Lehrer die roten Blumen in der Stadt gekauft.

German has what makes a translation more than a list of words: a gender to each noun, endings of articles and adjectives that
go by gender, number and case, verbs that go by person, and an order of its own: the finite verb comes second, first in a
question, last after "dass", and what is not finite of it stands behind everything else.

A German sentence follows from the English one. There are more than a thousand million of them, and those of one split are not
in the other.
"""

from __future__ import annotations

from random import Random
from typing import Literal, NamedTuple

from genmodels.data.checksum_split import Split, belongs
from genmodels.random_streams import stream

Gender = Literal["m", "f", "n"]
Kind = Literal["main", "fronted", "that", "question"]

SINGULAR, PLURAL = 0, 1


class Noun(NamedTuple):
    """A noun: singular and plural of either language, and its gender in German."""

    english: tuple[str, str]
    german: tuple[str, str]
    gender: Gender


class Verb(NamedTuple):
    """A verb that takes an object."""

    english: tuple[str, str, str]
    """see, sees, saw"""
    german: tuple[str, str, str, str]
    """ich sehe, du siehst, er sieht, and the infinitive, which is also what wir and sie have"""
    participle: str


class Phrase(NamedTuple):
    """A subject or an object in both languages, and its person: 0 ich, 1 du, 2 er, 3 wir and sie."""

    english: str
    german: str
    person: int


def _nouns(table: str) -> tuple[Noun, ...]:
    rows = [row.split() for row in table.strip().splitlines()]
    return tuple(Noun((a, b), (c, d), g) for a, b, c, d, g in rows)  # type: ignore[arg-type]


BEINGS = _nouns("""
    man men Mann Männer m
    woman women Frau Frauen f
    child children Kind Kinder n
    teacher teachers Lehrer Lehrer m
    girl girls Mädchen Mädchen n
    aunt aunts Tante Tanten f
    dog dogs Hund Hunde m
    cat cats Katze Katzen f
    horse horses Pferd Pferde n
""")
THINGS = _nouns("""
    letter letters Brief Briefe m
    table tables Tisch Tische m
    apple apples Apfel Äpfel m
    key keys Schlüssel Schlüssel m
    flower flowers Blume Blumen f
    lamp lamps Lampe Lampen f
    bottle bottles Flasche Flaschen f
    book books Buch Bücher n
    picture pictures Bild Bilder n
    glass glasses Glas Gläser n
""")
ADJECTIVES = {
    **{"old": "alt", "young": "jung", "small": "klein", "big": "groß", "beautiful": "schön"},
    **{"red": "rot", "new": "neu", "white": "weiß", "strange": "seltsam", "ugly": "hässlich"},
}
VERBS = (
    Verb(("see", "sees", "saw"), ("sehe", "siehst", "sieht", "sehen"), "gesehen"),
    Verb(("buy", "buys", "bought"), ("kaufe", "kaufst", "kauft", "kaufen"), "gekauft"),
    Verb(("find", "finds", "found"), ("finde", "findest", "findet", "finden"), "gefunden"),
    Verb(("carry", "carries", "carried"), ("trage", "trägst", "trägt", "tragen"), "getragen"),
    Verb(("draw", "draws", "drew"), ("zeichne", "zeichnest", "zeichnet", "zeichnen"), "gezeichnet"),
    Verb(("forget", "forgets", "forgot"), ("vergesse", "vergisst", "vergisst", "vergessen"), "vergessen"),
    Verb(("bring", "brings", "brought"), ("bringe", "bringst", "bringt", "bringen"), "gebracht"),
    Verb(("lose", "loses", "lost"), ("verliere", "verlierst", "verliert", "verlieren"), "verloren"),
)
HAVE = ("habe", "hast", "hat", "haben")
MODALS = {
    "can": ("kann", "kannst", "kann", "können"),
    "must": ("muss", "musst", "muss", "müssen"),
    "will": ("werde", "wirst", "wird", "werden"),
}
PRONOUNS = (
    *(Phrase("I", "ich", 0), Phrase("you", "du", 1), Phrase("he", "er", 2), Phrase("she", "sie", 2)),
    *(Phrase("we", "wir", 3), Phrase("they", "sie", 3)),
)
PLACES = {
    **{"in the garden": "im Garten", "in the kitchen": "in der Küche", "in the city": "in der Stadt"},
    **{"on the street": "auf der Straße", "behind the house": "hinter dem Haus"},
}
TIMES = {"today": "heute", "now": "jetzt", "this evening": "heute Abend", "every day": "jeden Tag"}
LATER, BEFORE = ("tomorrow", "morgen"), ("yesterday", "gestern")
THINKERS = {"we know": "wir wissen", "I hope": "ich hoffe", "they say": "sie sagen", "she thinks": "sie denkt"}

# Endings by gender, and of the plural; nominative and accusative differ in the masculine only.
DEFINITE = {"m": "er", "f": "ie", "n": "as", "p": "ie"}  # of d-
STRONG = {"m": "er", "f": "e", "n": "es", "p": "e"}  # of dies-, and of an adjective after nothing or after ein
POSSESSIVE = {"m": "", "f": "e", "n": "", "p": "e"}  # of ein-, mein-


def translations(n: int, seed: int, split: Split = "train") -> list[tuple[str, str]]:
    """n pairs of sentences (English, German).

    >>> for english, german in translations(2, seed=0):
    ...     print(english, "/", german)
    Now the dogs see the old lamps. / Jetzt sehen die Hunde die alten Lampen.
    Did my dog lose pictures this evening? / Hat mein Hund heute Abend Bilder verloren?
    """
    rng = Random(stream(seed, split == "test"))
    pairs: list[tuple[str, str]] = []
    while len(pairs) < n:
        said = meaning(rng)
        if belongs(english := in_english(said), split):
            pairs.append((english, in_german(said)))
    return pairs


class Meaning(NamedTuple):
    """What a sentence says, as far as both languages need it. What is told in words alone is (English, German)."""

    kind: Kind
    tense: str
    """present, past, or a modal"""
    subject: Phrase
    verb: Verb
    thing: Phrase
    time: tuple[str, str]
    place: tuple[str, str]
    thinker: tuple[str, str]


def meaning(rng: Random) -> Meaning:
    """One of all that can be said."""
    tense = rng.choice(("present", "past", *MODALS))
    time = ("", "") if rng.random() < 0.4 else rng.choice([*TIMES.items(), *{"will": [LATER], "past": [BEFORE]}.get(tense, [])])
    kinds: tuple[Kind, ...] = ("main", "that", "question", "fronted")
    return Meaning(
        rng.choice(kinds if time[0] else kinds[:3]),
        tense,
        rng.choice(PRONOUNS) if rng.random() < 0.4 else _noun_phrase(rng, rng.choice(BEINGS), accusative=False),
        rng.choice(VERBS),
        _noun_phrase(rng, rng.choice(BEINGS + THINGS), accusative=True),
        time,
        rng.choice(list(PLACES.items())) if rng.random() < 0.4 else ("", ""),
        rng.choice(list(THINKERS.items())),
    )


def in_english(said: Meaning) -> str:
    """Subject, verb, object, place, time; a question begins with its auxiliary."""
    (base, third, past), subject = said.verb.english, said.subject.english
    finite = third if said.subject.person == 2 else base
    time, rest = said.time[0], [said.thing.english, said.place[0]]
    if said.kind == "question":
        auxiliary = {"present": "does" if finite == third else "do", "past": "did"}.get(said.tense, said.tense)
        words = [auxiliary, subject, base, *rest, time]
    else:
        verb = {"present": finite, "past": past}.get(said.tense, f"{said.tense} {base}")
        words = [time, subject, verb, *rest] if said.kind == "fronted" else [subject, verb, *rest, time]
        words = [said.thinker[0], "that", *words] if said.kind == "that" else words
    return _closed(words, said.kind)


def in_german(said: Meaning) -> str:
    """Time, object and place stand in a field of their own, closed by what is not finite of the verb."""
    if said.tense == "present":
        finite, rest = said.verb.german[said.subject.person], ""
    elif said.tense == "past":
        finite, rest = HAVE[said.subject.person], said.verb.participle
    else:
        finite, rest = MODALS[said.tense][said.subject.person], said.verb.german[-1]
    subject, time, field = said.subject.german, said.time[1], [said.thing.german, said.place[1], rest]
    words = {
        "main": [subject, finite, time, *field],
        "fronted": [time, finite, subject, *field],
        "question": [finite, subject, time, *field],
        "that": [f"{said.thinker[1]}, dass", subject, time, *field, finite],
    }[said.kind]
    return _closed(words, said.kind)


def _noun_phrase(rng: Random, noun: Noun, accusative: bool) -> Phrase:
    """An article, an adjective perhaps, and a noun, in one number."""
    number = rng.choice((SINGULAR, PLURAL))
    article = rng.choice(("the", "a", "my", "this"))
    adjective = rng.choice(list(ADJECTIVES)) if rng.random() < 0.5 else ""
    return phrase(article, adjective, noun, number, accusative)


def phrase(article: str, adjective: str, noun: Noun, number: int, accusative: bool) -> Phrase:
    """That of an article (the, a, my or this), an adjective or none, a noun, and its number.

    >>> phrase("a", "old", BEINGS[0], SINGULAR, accusative=True)
    Phrase(english='an old man', german='einen alten Mann', person=2)
    """
    shape = "p" if number == PLURAL else noun.gender
    masculine = accusative and shape == "m"
    stem = {"the": "d", "this": "dies", "my": "mein", "a": "" if shape == "p" else "ein"}[article]
    endings = {"the": DEFINITE, "this": STRONG}.get(article, POSSESSIVE)
    determiner = stem + ("en" if masculine else endings[shape]) if stem else ""
    if masculine or (shape == "p" and stem):
        ending = "en"
    elif article in ("the", "this"):
        ending = "e"
    else:
        ending = STRONG[shape]
    german = [determiner, ADJECTIVES[adjective] + ending if adjective else "", noun.german[number]]
    follows = adjective or noun.english[number]
    indefinite = "" if shape == "p" else "an" if follows[0] in "aeiou" else "a"
    in_plural = {"this": "these"} if shape == "p" else {}
    english = [indefinite if article == "a" else in_plural.get(article, article), adjective, noun.english[number]]
    return Phrase(_joined(english), _joined(german), 3 if number else 2)


def _joined(words: list[str]) -> str:
    return " ".join(word for word in words if word)


def _closed(words: list[str], kind: Kind) -> str:
    text = _joined(words) + ("?" if kind == "question" else ".")
    return text[0].upper() + text[1:]
