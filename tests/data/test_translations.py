"""German is checked by hand: each ending of an article and an adjective, each place of a verb."""

import pytest

from genmodels.data import translations
from genmodels.data.translations import (
    BEINGS,
    PLURAL,
    PRONOUNS,
    SINGULAR,
    THINGS,
    VERBS,
    Kind,
    Meaning,
    in_english,
    in_german,
    phrase,
)

MAN, WOMAN, CHILD = BEINGS[:3]
NOWHERE = ("", "")


@pytest.mark.parametrize(
    ("article", "adjective", "forms"),
    [
        ("the", "old", "der alte Mann, den alten Mann, die alte Frau, das alte Kind, die alten Männer, die alten Kinder"),
        ("a", "old", "ein alter Mann, einen alten Mann, eine alte Frau, ein altes Kind, alte Männer, alte Kinder"),
        (
            "my",
            "old",
            "mein alter Mann, meinen alten Mann, meine alte Frau, mein altes Kind, meine alten Männer, meine alten Kinder",
        ),
        (
            "this",
            "old",
            "dieser alte Mann, diesen alten Mann, diese alte Frau, dieses alte Kind, diese alten Männer, diese alten Kinder",
        ),
        ("the", "", "der Mann, den Mann, die Frau, das Kind, die Männer, die Kinder"),
        ("a", "", "ein Mann, einen Mann, eine Frau, ein Kind, Männer, Kinder"),
    ],
)
def test_endings_go_by_article_gender_number_and_case(article: str, adjective: str, forms: str) -> None:
    asked = [
        *((MAN, SINGULAR, False), (MAN, SINGULAR, True), (WOMAN, SINGULAR, True)),
        *((CHILD, SINGULAR, True), (MAN, PLURAL, True), (CHILD, PLURAL, False)),
    ]
    made = [phrase(article, adjective, noun, number, accusative) for noun, number, accusative in asked]
    assert [each.german for each in made] == forms.split(", ")
    assert [each.person for each in made] == [2, 2, 2, 2, 3, 3]
    accusative = phrase(article, adjective, WOMAN, SINGULAR, True).german
    assert accusative == phrase(article, adjective, WOMAN, SINGULAR, False).german, "only the masculine tells them apart"


def test_english_articles() -> None:
    apple = THINGS[2]
    said = [phrase("a", adjective, apple, number, True).english for adjective in ("", "red", "ugly") for number in (0, 1)]
    assert said == ["an apple", "apples", "a red apple", "red apples", "an ugly apple", "ugly apples"]
    assert phrase("this", "", MAN, PLURAL, False).english == "these men"


@pytest.mark.parametrize(
    ("kind", "tense", "who", "english", "german"),
    [
        ("main", "present", 2, "He sees the dog in the city today.", "Er sieht heute den Hund in der Stadt."),
        ("main", "past", 1, "You saw the dog in the city today.", "Du hast heute den Hund in der Stadt gesehen."),
        ("main", "will", 0, "I will see the dog in the city today.", "Ich werde heute den Hund in der Stadt sehen."),
        ("fronted", "present", 4, "Today we see the dog in the city.", "Heute sehen wir den Hund in der Stadt."),
        ("fronted", "can", 1, "Today you can see the dog in the city.", "Heute kannst du den Hund in der Stadt sehen."),
        ("question", "present", 3, "Does she see the dog in the city today?", "Sieht sie heute den Hund in der Stadt?"),
        ("question", "past", 5, "Did they see the dog in the city today?", "Haben sie heute den Hund in der Stadt gesehen?"),
        ("question", "must", 0, "Must I see the dog in the city today?", "Muss ich heute den Hund in der Stadt sehen?"),
        *(
            (
                "that",
                tense,
                2,
                f"I hope that he {verb} the dog in the city today.",
                f"Ich hoffe, dass er heute den Hund in der Stadt {verbs}.",
            )
            for tense, verb, verbs in (
                ("present", "sees", "sieht"),
                ("past", "saw", "gesehen hat"),
                ("must", "must see", "sehen muss"),
            )
        ),
    ],
)
def test_each_verb_has_its_place(kind: Kind, tense: str, who: int, english: str, german: str) -> None:
    dog = phrase("the", "", BEINGS[6], SINGULAR, accusative=True)
    place, thinker = ("in the city", "in der Stadt"), ("I hope", "ich hoffe")
    said = Meaning(kind, tense, PRONOUNS[who], VERBS[0], dog, ("today", "heute"), place, thinker)
    assert (in_english(said), in_german(said)) == (english, german)


def test_what_is_left_out_leaves_no_gap() -> None:
    thing = phrase("a", "", THINGS[0], PLURAL, accusative=True)
    said = Meaning("main", "present", PRONOUNS[0], VERBS[1], thing, NOWHERE, NOWHERE, NOWHERE)
    assert (in_english(said), in_german(said)) == ("I buy letters.", "Ich kaufe Briefe.")


def test_an_english_sentence_has_one_translation_and_belongs_to_one_split() -> None:
    learned, judged = translations(4000, 0), translations(1000, 0, "test")
    known: dict[str, str] = {}
    for english, german in [*learned, *judged]:
        assert known.setdefault(english, german) == german
        assert "  " not in english + german
        assert english[-1] == german[-1]
    assert not {english for english, _ in learned} & {english for english, _ in judged}
    assert len(known) > 4900, "hardly a sentence comes twice"
    assert translations(3, 5) == translations(3, 5) != translations(3, 6)


def test_every_word_to_judge_is_among_those_to_learn() -> None:
    learned, judged = (
        {word for two in pairs for text in two for word in text.lower().strip(".?").split()}
        for pairs in (translations(4000, 0), translations(500, 0, "test"))
    )
    assert judged <= learned
    assert len(learned) > 250
