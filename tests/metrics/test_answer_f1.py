import pytest

from genmodels.metrics import answer_f1, exact_match


def test_by_hand() -> None:
    told = ["Marela", "in Tovinko", "the baker", ""]
    right = ["Marela", "Tovinko", "a tailor", "1903"]
    assert exact_match(told, right) == pytest.approx(1 / 4)
    assert answer_f1(told, right) == pytest.approx((1 + 2 * 1 * 0.5 / 1.5 + 0 + 0) / 4)


def test_words_count_as_often_as_they_stand_there() -> None:
    assert answer_f1(["ha ha ha"], ["ha ha"]) == pytest.approx(2 * (2 / 3) * 1 / (2 / 3 + 1))


def test_case_articles_and_punctuation_do_not_count() -> None:
    assert exact_match(["The  Baker!"], ["a baker"]) == 1
    assert exact_match(["theatre"], ["atre"]) == 0, "an article is a word"
    assert answer_f1(["the"], ["a"]) == 1, "both are empty"


def test_of_several_right_answers_the_nearest_counts() -> None:
    assert exact_match(["two"], [["one", "two"]]) == 1
    assert answer_f1(["red cat"], [["dog", "cat", "red dog cat"]]) == pytest.approx(0.8)


def test_bad_input_is_named() -> None:
    for score in (exact_match, answer_f1):
        with pytest.raises(ValueError, match="1 answers, right ones for 2"):
            score(["a"], ["a", "b"])
        with pytest.raises(ValueError, match="0 answers"):
            score([], [])
