"""n-grams and Markov chains, against hand counts, brute force and the figures of the data themselves."""

import math
from collections import Counter

import pytest
import torch
from torch import Tensor

from genmodels.data import DataNotFound, Moons, chorales, quarter_chorales, quarters, shakespeare
from genmodels.metrics import gaussian_nats, key_nats, note_nats, witten_bell_nats


def witten_bell(train: str, alphabet: str, context: str, symbol: str) -> float:
    """The recursion as it is written."""
    shorter = witten_bell(train, alphabet, context[1:], symbol) if context else 1 / len(alphabet)
    n = len(context)
    after = Counter(train[i + n] for i in range(len(train) - n) if train[i : i + n] == context)
    if not after:
        return shorter
    return (after[symbol] + len(after) * shorter) / (after.total() + len(after))


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_ngrams_by_brute_force(order: int) -> None:
    train, test = "abracadabra and abracax", "a cabra and xyz"
    alphabet = "".join({*train, *test})
    nats = 0.0
    for i, symbol in enumerate(test):
        context = test[max(0, i - order + 1) : i]
        nats -= math.log(witten_bell(train, alphabet, context, symbol))
        assert sum(witten_bell(train, alphabet, context, other) for other in alphabet) == pytest.approx(1)
    assert witten_bell_nats(train, test, order) == pytest.approx(nats / len(test))


def test_ngrams_that_cannot_be_counted() -> None:
    for train, test, order in (("", "a", 1), ("a", "", 1), ("a", "a", 0)):
        with pytest.raises(ValueError, match="cannot be counted"):
            witten_bell_nats(train, test, order)
    with pytest.raises(ValueError, match="more values than 64 bits"):
        witten_bell_nats("ab", "ab", 64)
    assert witten_bell_nats("ab", "ab", 9) < math.log(2)  # contexts longer than the text


def test_notes_by_hand() -> None:
    """Two 16ths of four voices: 60 seven times, 62 once, and the chances of both with 0.01 more for each of 47 symbols."""
    train = [torch.tensor([[60, 60, 60, 60], [60, 60, 60, 62]])]
    test = [torch.tensor([[62, 60, 60, 60]])]
    seven, one, all_eight = 7.01, 1.01, 8 + 0.47
    assert note_nats(train, test) == pytest.approx(-(math.log(one / all_eight) + 3 * math.log(seven / all_eight)) / 4)
    # Given the voice and the note before, all of the test's are first notes; of these each voice has seen one.
    first = [0.01 / 1.47, 1.01 / 1.47, 1.01 / 1.47, 1.01 / 1.47]
    assert note_nats(train, test, ["voice", "previous"]) == pytest.approx(-sum(map(math.log, first)) / 4)


def test_the_beat_is_the_place_in_the_quarter() -> None:
    """The notes of the four 16ths are fixed, and repeat."""
    piece = torch.tensor([60, 62, -1, 65]).repeat(50)[:, None].expand(200, 4)
    assert note_nats([piece], [piece], ["beat"], add=1e-9) < 1e-6
    assert note_nats([piece], [piece], add=1e-9) == pytest.approx(math.log(4))
    with pytest.raises(ValueError, match="not by 'key'"):
        note_nats([piece], [piece], ["key"])
    with pytest.raises(ValueError, match="pitches from 36 to 81"):
        note_nats([piece], [piece + 20])


def test_keys_by_hand() -> None:
    """One key: after silence it sounded once of twice, after sound not in one; of the test's first frame nothing is asked."""
    train = [torch.tensor([[0], [0], [1], [0]])]
    assert key_nats(train, [torch.tensor([[1], [0]])]) == pytest.approx(-math.log(2 / 3))
    assert key_nats(train, [torch.tensor([[0], [1], [1]])]) == pytest.approx(-(math.log(2 / 4) + math.log(1 / 3)) / 2)


def test_two_moons() -> None:
    """What SYSTEMS has as 0.290, 1.137 and 1.884; the first two are exactly 0.2892 and 1.1312."""
    moons = Moons(0.05)
    assert moons.entropy() == pytest.approx(0.2892, abs=1e-4)
    assert moons.entropy(standardised=True) == pytest.approx(1.1312, abs=1e-4)
    exact = math.log(2 * math.pi * math.e) + moons.covariance.logdet().item() / 2
    assert exact == pytest.approx(1.8835, abs=1e-4)
    assert gaussian_nats(moons.sample(100_000, seed=0), moons.sample(100_000, seed=1)) == pytest.approx(exact, abs=0.01)


def test_shakespeare() -> None:
    try:
        train, valid = shakespeare("train"), shakespeare("valid")
    except DataNotFound as missing:
        pytest.skip(str(missing))
    assert witten_bell_nats(train, valid, 4) == pytest.approx(1.774, abs=0.0005)
    assert witten_bell_nats(train, valid, 5) == pytest.approx(1.669, abs=0.0005)


def test_chorales() -> None:
    try:
        train, test = chorales("train"), chorales("test")
        frames: tuple[list[Tensor], list[Tensor]] = quarter_chorales("train"), quarter_chorales("test")
    except DataNotFound as missing:
        pytest.skip(str(missing))
    assert note_nats(train, test) == pytest.approx(3.403, abs=0.0005)
    assert note_nats(train, test, ["voice", "previous"]) == pytest.approx(0.986, abs=0.0005)
    assert note_nats(train, test, ["voice", "previous", "beat"]) == pytest.approx(0.741, abs=0.0005)
    assert key_nats(quarters(train), quarters(test)) == pytest.approx(10.75, abs=0.005)
    assert key_nats(*frames) == pytest.approx(10.49, abs=0.005)
