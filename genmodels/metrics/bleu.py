"""How near translations are to what people wrote (Papineni et al. 2002, "BLEU: a method for automatic evaluation").

    BLEU = 100 min(1, e^(1 - r / c)) (p_1 p_2 p_3 p_4)^(1/4)

p_n is the share of all n-grams of the translations that stand in a reference of theirs, each counted no more often than it
stands in one of them; c are the words of all translations, r those of the references, of several that which is nearest in
length. It is a figure of a whole set, not a mean over sentences: one sentence without a 4-gram in common does not make it 0.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

_WORDS = re.compile(r"\w+|[^\w\s]")


def bleu(translations: Sequence[str], references: Sequence[str | Sequence[str]], order: int = 4) -> float:
    """BLEU of translations, each of which has one reference or several; from 0 to 100.

    Words and punctuation marks count alike. n-grams are as long as `order`, of which Papineni et al. have 4.

    >>> bleu(["the cat sat on the mat"], ["the cat sat on the mat"])
    100.0
    >>> round(bleu(["the the the the the the the"], [["the cat is on the mat", "there is a cat on the mat"]], order=1), 2)
    28.57
    """
    if len(translations) != len(references) or not translations:
        raise ValueError(f"each translation has its references; {len(translations)} translations, {len(references)} references")
    if order < 1:
        raise ValueError(f"order: n-grams have at least one word, not {order}")
    matched, made = [0] * order, [0] * order
    length = nearest = 0
    for told, known in zip(translations, references, strict=True):
        words, others = _words(told), [_words(known)] if isinstance(known, str) else [_words(each) for each in known]
        length += len(words)
        nearest += min((abs(len(other) - len(words)), len(other)) for other in others)[1]
        for n in range(order):
            counts, most = _grams(words, n + 1), Counter[tuple[str, ...]]()
            for other in others:
                most |= _grams(other, n + 1)
            matched[n] += (counts & most).total()
            made[n] += counts.total()
    if min(matched) == 0:
        return 0.0
    precision = sum(math.log(hit / tried) for hit, tried in zip(matched, made, strict=True)) / order
    return 100.0 * math.exp(min(0.0, 1.0 - nearest / length) + precision)


def _words(text: str) -> list[str]:
    return _WORDS.findall(text)


def _grams(words: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))
