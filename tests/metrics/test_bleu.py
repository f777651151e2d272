"""Papineni et al. counted two translations by hand; so do these tests."""

import math

import pytest

from genmodels.metrics import bleu

REFERENCES = (
    "it is a guide to action that ensures that the military will forever heed party commands",
    "it is the guiding principle which guarantees the military forces always being under the command of the party",
    "it is the practical guide for the army always to heed the directions of the party",
)
GOOD = "it is a guide to action which ensures that the military always obeys the commands of the party"
BAD = "it is to insure the troops forever hearing the activity guidebook that party direct"


def test_the_paper_s_example() -> None:
    assert bleu([GOOD], [REFERENCES], order=1) == pytest.approx(100 * 17 / 18)
    assert bleu([GOOD], [REFERENCES], order=2) == pytest.approx(100 * math.sqrt(17 / 18 * 10 / 17))
    brevity = math.exp(1 - 16 / 14)  # 14 words, and the nearest references have 16
    assert bleu([BAD], [REFERENCES], order=1) == pytest.approx(100 * brevity * 8 / 14)
    assert bleu([BAD], [REFERENCES], order=2) == pytest.approx(100 * brevity * math.sqrt(8 / 14 * 1 / 13))


def test_counts_are_of_the_whole_set() -> None:
    told, right = ["a b c d", "a x"], ["a b c d", "a b"]
    assert bleu(told, right, order=2) == pytest.approx(100 * math.sqrt(5 / 6 * 3 / 4))
    assert bleu(told, right) == pytest.approx(100 * (5 / 6 * 3 / 4 * 2 / 2 * 1 / 1) ** 0.25), "short ones have no 4-grams"


def test_a_word_counts_no_more_often_than_a_reference_has_it() -> None:
    assert bleu(["a a a a"], [["a b", "c a a"]], order=1) == pytest.approx(100 * 2 / 4)


def test_what_is_too_short_is_less_and_what_is_too_long_is_not_more() -> None:
    assert bleu(["a b c"], ["a b c d e f"], order=1) == pytest.approx(100 * math.exp(-1))
    assert bleu(["a b c d e f"], ["a b c"], order=1) == pytest.approx(50)
    assert bleu(["a b c"], [["a b c d", "a b"]], order=1) == pytest.approx(100), "of two that are as near, the shorter"


def test_order_of_words_and_punctuation_count() -> None:
    assert bleu(["the dog bites the old man ."], ["the old man bites the dog ."]) < 60
    assert bleu(["der Hund."], ["der Hund ."], order=2) == 100
    assert bleu(["der Hund"], ["der Hund."], order=2) < 100


def test_nothing_in_common_is_nothing() -> None:
    assert bleu(["a b"], ["c d"]) == 0
    assert bleu(["a b"], ["a b"]) == 0, "no 4-gram at all"
    assert bleu([""], ["a b"]) == 0


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="2 translations, 1 references"):
        bleu(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="0 translations"):
        bleu([], [])
    with pytest.raises(ValueError, match="order: n-grams have at least one word, not 0"):
        bleu(["a"], ["a"], order=0)
