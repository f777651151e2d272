"""Passages about people who never lived, and the questions that they answer.

    Marela is a baker. The road to Tok was closed. She lives in Tovinko. She was born in 1903.

    Marela       Who is the baker?
    baker        What does Marela do?
    Tovinko      Where does Marela live?
    1903         When was Marela born?

A short passage speaks of one person, a long one of three, one after the other; who "she" is was said before. Some sentences
answer nothing, and name things that are none of the answers. People, places, animals and years of one split never occur in the
other, so that whoever answers by them has read them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from genmodels.data.checksum_split import Split, belongs
from genmodels.random_streams import stream

MARKS = ("[", "]")  # around the answer, in a source
BETWEEN = " | "  # answer and question, in a target

FACTS_EACH = 2  # of a person
PEOPLE_OF_LONG = 3
JOBS = (
    *("baker", "teacher", "doctor", "painter", "farmer", "pilot"),
    *("singer", "lawyer", "nurse", "writer", "sailor", "tailor"),
)
ANIMALS = ("cat", "dog", "horse", "goat", "parrot", "rabbit")
SUBJECTS = ("law", "music", "physics", "history", "medicine", "chemistry")
IDLE = (
    *("It rained a lot that year.", "The harvest was good.", "Nobody remembers why.", "That was a long time ago."),
    *("The winters were cold.", "Some say it is only a story."),
)
DECOYS = (
    *("The road to {} was closed.", "A ship called {} left the harbour.", "The {} bridge fell down.", "The news came from {}."),
)
_CONSONANTS, _VOWELS, _ENDS = "bdfgklmnprstvz", "aeiou", "lnrs"

Parts = list[tuple[str, str]]  # of a sentence, each with the question that it answers, or none


class Question(NamedTuple):
    """A question, and where in the passage its answer begins and ends."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Passage:
    """A passage and all questions that it answers, in the order of their answers."""

    text: str
    questions: tuple[Question, ...]

    def answer(self, i: int) -> str:
        """What answers question i."""
        return self.text[self.questions[i].start : self.questions[i].end]

    def marked(self, i: int) -> str:
        """The passage with the answer of question i marked."""
        return marked(self.text, *self.questions[i][:2])

    def asked(self, i: int) -> str:
        """The answer and the question."""
        return f"{self.answer(i)}{BETWEEN}{self.questions[i].text}"


def marked(text: str, start: int, end: int) -> str:
    """A passage with what stands from `start` to `end` marked.

    >>> marked("She is a baker.", 9, 14)
    'She is a [baker].'
    """
    return f"{text[:start]}{MARKS[0]}{text[start:end]}{MARKS[1]}{text[end:]}"


def passages(n: int, seed: int, split: Split = "train", *, long: bool = False) -> list[Passage]:
    """n passages, short ones of 3 sentences or long ones of 9.

    >>> passage = passages(1, seed=0)[0]
    >>> print(passage.text)
    Geseza is married to Paperen. Some say it is only a story. She was born in 1985.
    >>> for i in range(len(passage.questions)):
    ...     print(passage.asked(i))
    Paperen | Who is Geseza married to?
    1985 | When was Geseza born?
    """
    rng = Random(stream(seed, split == "test", long))
    return [_passage(_Entities(rng, split), PEOPLE_OF_LONG if long else 1) for _ in range(n)]


class _Entities:
    """What a passage is about; nothing comes up in it twice."""

    def __init__(self, rng: Random, split: Split) -> None:
        self.rng, self.split = rng, split
        self.used: set[str] = set()

    def one(self, of: Callable[[], str]) -> str:
        while (found := of()) in self.used:
            pass
        self.used.add(found)
        return found

    def name(self) -> str:
        """Two or three syllables."""
        return self.one(lambda: self._of_split(self._syllables))

    def year(self) -> str:
        return self.one(lambda: self._of_split(lambda: str(self.rng.randint(1800, 1999))))

    def word(self, words: tuple[str, ...]) -> str:
        return self.one(lambda: self.rng.choice(words))

    def _syllables(self) -> str:
        syllables = [self.rng.choice(_CONSONANTS) + self.rng.choice(_VOWELS) for _ in range(self.rng.choice((2, 3, 3)))]
        end = self.rng.choice(_ENDS) if self.rng.random() < 0.4 else ""
        return "".join([*syllables, end]).capitalize()

    def _of_split(self, of: Callable[[], str]) -> str:
        while not belongs(found := of(), self.split):
            pass
        return found


def _passage(entities: _Entities, people: int) -> Passage:
    sentences = [sentence for _ in range(people) for sentence in _person(entities)]
    text, questions = "", []
    for sentence in sentences:
        text += " " if text else ""
        for part, question in sentence:
            if question:
                questions.append(Question(len(text), len(text) + len(part), question))
            text += part
    return Passage(text, tuple(questions))


def _person(entities: _Entities) -> list[Parts]:
    """What is said of a person: the job or another fact with the name, then others, and in between something idle."""
    rng, name = entities.rng, entities.name()
    facts = rng.sample(FACTS, FACTS_EACH)
    pronoun = rng.choice(("She", "He"))
    sentences = [fact(entities, name, name if i == 0 else pronoun) for i, fact in enumerate(facts)]
    idle = rng.choice(IDLE) if rng.random() < 0.5 else rng.choice(DECOYS).format(entities.name())
    sentences.insert(rng.randint(1, FACTS_EACH), [(idle, "")])
    return sentences


def _job(entities: _Entities, name: str, who: str) -> Parts:
    job = entities.word(JOBS)
    says = entities.rng.choice((" is a ", " works as a "))
    return [(who, f"Who is the {job}?" if who == name else ""), (says, ""), (job, f"What does {name} do?"), (".", "")]


def _home(entities: _Entities, name: str, who: str) -> Parts:
    says = entities.rng.choice((" lives in ", " has a house in "))
    return [(who + says, ""), (entities.name(), f"Where does {name} live?"), (".", "")]


def _birth(entities: _Entities, name: str, who: str) -> Parts:
    return [(f"{who} was born in ", ""), (entities.year(), f"When was {name} born?"), (".", "")]


def _pet(entities: _Entities, name: str, who: str) -> Parts:
    animal = entities.word(ANIMALS)
    question = f"What is the {animal} of {name} called?"
    return [(f"{who} has a {animal} called ", ""), (entities.name(), question), (".", "")]


def _marriage(entities: _Entities, name: str, who: str) -> Parts:
    return [(f"{who} is married to ", ""), (entities.name(), f"Who is {name} married to?"), (".", "")]


def _studies(entities: _Entities, name: str, who: str) -> Parts:
    subject, place = entities.word(SUBJECTS), entities.name()
    asked = (f"What did {name} study?", f"Where did {name} study?")
    return [(f"{who} studied ", ""), (subject, asked[0]), (" in ", ""), (place, asked[1]), (".", "")]


FACTS = (_job, _home, _birth, _pet, _marriage, _studies)
