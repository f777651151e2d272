"""How near answers are to the right ones (Rajpurkar et al. 2016, arXiv 1606.05250): SQuAD's two figures.

    exact    share of answers that are a right one
    F1       2 P R / (P + R) of their words, with P the share of told words that are right and R of right words that are told

Case, punctuation and articles do not count. Of several right answers the one that is nearest counts, and the figure is the mean
over questions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

_LEFT_OUT = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = re.compile(r"[^\w\s]")


def exact_match(told: Sequence[str], right: Sequence[str | Sequence[str]]) -> float:
    """The share of answers that are a right one, from 0 to 1.

    >>> exact_match(["The cat.", "dogs"], ["cat", ["dog", "a dog"]])
    0.5
    """
    return _mean(lambda a, b: float(a == b), told, right)


def answer_f1(told: Sequence[str], right: Sequence[str | Sequence[str]]) -> float:
    """The mean F1 of answers, from 0 to 1.

    >>> answer_f1(["in the old town"], ["Old Town"])  # two of three words are right, and all of two
    0.8
    """
    return _mean(_f1, told, right)


def _mean(score: Callable[[list[str], list[str]], float], told: Sequence[str], right: Sequence[str | Sequence[str]]) -> float:
    if len(told) != len(right) or not told:
        raise ValueError(f"each answer has the right ones beside it; {len(told)} answers, right ones for {len(right)}")
    best = [
        max(score(_words(answer), _words(each)) for each in ([known] if isinstance(known, str) else known))
        for answer, known in zip(told, right, strict=True)
    ]
    return sum(best) / len(best)


def _f1(told: list[str], right: list[str]) -> float:
    if not told or not right:
        return float(told == right)
    common = (Counter(told) & Counter(right)).total()
    return 2 * common / (len(told) + len(right))


def _words(text: str) -> list[str]:
    return _LEFT_OUT.sub(" ", _PUNCTUATION.sub("", text.lower())).split()
