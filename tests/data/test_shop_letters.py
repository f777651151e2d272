"""Letters to a shop: what they are worth, and who prefers which."""

import math

import pytest
import torch

from genmodels.data import ShopLetters, preferences

QUESTION = "where is my red lamp ?"


@pytest.mark.parametrize(
    ("reply", "worth"),
    [
        ("", 0),
        (" the red lamp is ready .", 2),
        (" the red lamp is ready . the red lamp is late .", 2),
        (" the red chair is ready .", -1),
        (" the red lamp is here . the blue lamp is here .", 1),
        (" it rains . we are open .", 0),
        (" so what . who cares .", -2),
        (" thank you . thank you . thank you .", 3),
        (" thank you . thank you . thank you . kind regards .", 2),
        (" thank you ." * 8, -2),
        (" thank thank you .", -1),
        (" the red lamp is ready . thank you", 1),
        (" . .", -2),
    ],
)
def test_worth_by_hand(reply: str, worth: float) -> None:
    assert ShopLetters().worth(QUESTION, reply) == worth


def test_the_density_of_replies_sums_to_one_and_is_that_of_the_letters() -> None:
    """Over all replies of one sentence, where none is longer; and kinds of sentences are as frequent as they should be."""
    short = ShopLetters(longest=1)
    replies = {reply for _, reply in short.letters(5_000, seed=0)}
    total = sum(math.exp(short.log_prob(QUESTION, reply)) for reply in replies)
    assert total == pytest.approx(1, abs=1e-9)
    shop = ShopLetters()
    kinds = [kind for letter in shop.letters(2_000, seed=1) for kind in shop.kinds(*letter)]
    for kind, share in shop.shares.items():
        assert kinds.count(kind) / len(kinds) == pytest.approx(share, abs=0.02)
    assert shop.log_prob(QUESTION, " it rains ." * 6) == shop.log_prob(QUESTION, " it rains it rains .") == -math.inf


def test_the_distribution_of_worths_is_that_of_the_letters() -> None:
    shop = ShopLetters()
    worths, p = shop.worths()
    assert p.sum().item() == pytest.approx(1, abs=1e-12)
    drawn = torch.tensor([shop.worth(*letter) for letter in shop.letters(4_000, seed=2)])
    assert drawn.mean().item() == pytest.approx((worths * p).sum().item(), abs=0.08)
    for worth, share in zip(worths.tolist(), p.tolist(), strict=True):
        assert (drawn == worth).float().mean().item() == pytest.approx(share, abs=0.02)


def test_letters_are_a_function_of_the_seed_and_of_the_vocabulary() -> None:
    shop = ShopLetters()
    assert shop.letters(5, seed=1) == shop.letters(5, seed=1) != shop.letters(5, seed=2)
    vocabulary = shop.vocabulary
    for text in [*(question + reply for question, reply in shop.letters(200, seed=0)), *shop.talk(200, seed=0)]:
        assert vocabulary.decode(vocabulary.encode(text, end=True)) == text
    assert {len(vocabulary.encode(question)) for question in shop.questions} == {6}


def test_talk_tells_of_what_was_not_asked() -> None:
    shop = ShopLetters()
    split = [text.partition(" ?") for text in shop.talk(500, seed=0)]
    kinds = [kind for question, mark, reply in split for kind in shop.kinds(question + mark, reply)]
    assert kinds.count("right") < 0.1 * kinds.count("wrong")


def test_preferences_err_as_bradley_and_terry_say() -> None:
    worth = torch.tensor([0.0, 1.0]).repeat(4_000)
    pairs = preferences(worth, noise=0.5, seed=0)
    assert (worth[pairs[:, 0]] == 1.0).float().mean().item() == pytest.approx(1 / (1 + math.exp(-2)), abs=0.02)
    assert torch.equal(pairs, preferences(worth, noise=0.5, seed=0))
    assert (worth[preferences(worth, 0.0, seed=0)] == torch.tensor([1.0, 0.0])).all()
    assert preferences(torch.zeros(4), 0.5, seed=0).shape == (0, 2)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="shares are in"):
        ShopLetters(telling=0.8, courteous=0.8)
    with pytest.raises(ValueError, match="longest is at least 1"):
        ShopLetters(longest=0)
    with pytest.raises(ValueError, match=r"worth is \(2 N,\), and noise at least 0, not \(3,\) and 0.5"):
        preferences(torch.zeros(3), 0.5, seed=0)
