"""Three tasks on letters, each told by the sign that a source begins with.

    ←kqzv                            vzqk              the string backwards
    ↑kqzv                            kqvz              its letters in the order of the alphabet
    →Wed, March 3rd, 1999            1999-03-03        a date, however it is written, as ISO 8601 has it

The answer to a source is the only right one, so that what a model writes is judged letter by letter. Dates are of 1900 to 2099.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random
from string import ascii_lowercase
from typing import Literal, get_args

from genmodels.data.checksum_split import Split, belongs
from genmodels.random_streams import stream

StringTask = Literal["reverse", "sort", "date"]

SIGNS: dict[StringTask, str] = {"reverse": "←", "sort": "↑", "date": "→"}
SHORTEST, LONGEST = 4, 8  # letters of a string
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_UNITS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_TEENS = ("eleventh", "twelfth", "thirteenth", *(f"{stem}teenth" for stem in ("four", "fif", "six", "seven", "eigh", "nine")))
ORDINALS = (
    *(*_UNITS, *_TEENS, "twentieth", *(f"twenty-{unit}" for unit in _UNITS[:9])),
    *("thirtieth", "thirty-first"),
)

FORMS: tuple[Callable[[date], str], ...] = (
    lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{MONTHS[d.month - 1]} {d.day}, {d.year}",
    lambda d: f"{d.day} {MONTHS[d.month - 1][:3]} {d.year}",
    lambda d: f"{MONTHS[d.month - 1][:3]} {_nth(d.day)}, {d.year}",
    lambda d: f"{DAYS[d.weekday()]}, {d.day} {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{DAYS[d.weekday()][:3]}, {MONTHS[d.month - 1]} {_nth(d.day)}, {d.year}",
    lambda d: f"the {_nth(d.day)} of {MONTHS[d.month - 1]}, {d.year}",
    lambda d: f"the {ORDINALS[d.day - 1]} of {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{d.day:02}.{d.month:02}.{d.year}",
    lambda d: f"{d.day}.{ROMAN[d.month - 1]}.{d.year}",
    lambda d: f"{d.year}/{d.month}/{d.day}",
    lambda d: f"{d.year}{d.month:02}{d.day:02}",
)


def string_task(task: StringTask, n: int, seed: int, split: Split = "train") -> list[tuple[str, str]]:
    """n pairs (source, target). A string, or a date in whatever form, that is in one split is not in the other.

    >>> string_task("sort", 1, seed=0)
    [('↑bgwh', 'bghw')]
    """
    if task not in SIGNS:
        raise ValueError(f"task is one of {', '.join(get_args(StringTask))}, not {task!r}")
    rng = Random(stream(seed, list(SIGNS).index(task), split == "test"))
    pairs: list[tuple[str, str]] = []
    while len(pairs) < n:
        asked, answer = _MAKERS[task](rng)
        if belongs(answer if task == "date" else asked, split):
            pairs.append((SIGNS[task] + asked, answer))
    return pairs


def _letters(rng: Random) -> str:
    return "".join(rng.choices(ascii_lowercase, k=rng.randint(SHORTEST, LONGEST)))


def _reversed(rng: Random) -> tuple[str, str]:
    letters = _letters(rng)
    return letters, letters[::-1]


def _sorted(rng: Random) -> tuple[str, str]:
    letters = _letters(rng)
    return letters, "".join(sorted(letters))


def _date(rng: Random) -> tuple[str, str]:
    day = date.fromordinal(rng.randint(date(1900, 1, 1).toordinal(), date(2099, 12, 31).toordinal()))
    return rng.choice(FORMS)(day), day.isoformat()


def _nth(number: int) -> str:
    """A number as one counts days.

    >>> [_nth(number) for number in (1, 2, 3, 11, 22)]
    ['1st', '2nd', '3rd', '11th', '22nd']
    """
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}th" if number in (11, 12, 13) else f"{number}{ending}"


_MAKERS: dict[StringTask, Callable[[Random], tuple[str, str]]] = {"reverse": _reversed, "sort": _sorted, "date": _date}
