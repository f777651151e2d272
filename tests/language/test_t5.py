"""A small T5: what it reads, what it writes, and what it keeps of both."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels.data import Pairs
from genmodels.language import T5
from genmodels.nn import attention_weights
from genmodels.sampling import beam_search, generate
from genmodels.training import Shuffled, fit

NOTHING = torch.empty(1, 0, dtype=torch.int64)


def small(**how: Any) -> T5:
    torch.manual_seed(0)
    made = T5(**{"tokens": 5, "width": 16, "layers": 2, "heads": 4, "length": 8, **how}).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def texts(n: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(5, (n, length), generator=torch.Generator().manual_seed(seed))


def other(x: Tensor, place: int) -> Tensor:
    """The same texts with another token at a place."""
    y = x.clone()
    y[:, place] = (y[:, place] + 1) % 5
    return y


@pytest.mark.parametrize("positions", ["learned", "rotary", "sinusoidal"])
@pytest.mark.parametrize("attention", [True, False])
def test_it_is_a_density_over_texts_about_a_source(positions: Any, attention: bool) -> None:
    t5 = small(tokens=3, positions=positions, attention=attention)
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    told = t5.reading(torch.tensor([[2, 0, 1]]).expand(81, -1)).log_prob(every)
    assert told.kind == "exact"
    assert told.nats.double().exp().sum().item() == pytest.approx(1, abs=1e-5)
    another = t5.reading(torch.tensor([[2, 1, 1]]).expand(81, -1)).log_prob(every)
    assert not torch.isclose(told.nats, another.nats, atol=1e-4).all()


def test_each_place_of_the_source_is_read_and_none_of_the_target_ahead() -> None:
    t5, source, target = small(), texts(2, 6), texts(2, 5, 1)
    logits = t5.scan(source, target)
    for place in range(6):
        assert not torch.isclose(t5.scan(other(source, place), target)[:, 0], logits[:, 0], atol=1e-5).all()
    for place in range(5):
        changed = t5.scan(source, other(target, place))
        assert torch.equal(changed[:, : place + 1], logits[:, : place + 1])
        assert place == 4 or not torch.equal(changed[:, place + 1], logits[:, place + 1])


@pytest.mark.parametrize("attention", [True, False])
def test_what_it_keeps_is_as_good_as_reading_again(attention: bool) -> None:
    t5, target = small(attention=attention), texts(3, 8, 1)
    source = texts(3, 6), torch.tensor([6, 2, 4])
    reading, expected = t5.reading(source), t5.scan(source, target)
    logits, state = reading.begin(target[:, :3])
    torch.testing.assert_close(logits, expected[:, 3], atol=1e-5, rtol=1e-5)
    for t in range(3, 7):
        logits, state = reading.advance(target[:, t], state)
        torch.testing.assert_close(logits, expected[:, t + 1], atol=1e-5, rtol=1e-5)
    rows = torch.tensor([2, 0, 2])
    picked, _ = reading.advance(target[rows, 7], reading.pick(state, rows))
    torch.testing.assert_close(picked, reading.advance(target[:, 7], state)[0][rows], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("attention", [True, False])
def test_padding_changes_nothing(attention: bool) -> None:
    t5, source, target = small(attention=attention), texts(4, 7), texts(4, 6, 1)
    n, m = torch.tensor([7, 1, 4, 5]), torch.tensor([2, 6, 1, 5])
    alone = [t5.reading(source[i : i + 1, : n[i]]).log_prob(target[i : i + 1, : m[i]]).nats for i in range(4)]
    together = t5.reading((source, n)).log_prob((target, m)).nats
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)
    loss, _ = t5.loss(((source, n), (target, m)))
    assert loss.item() == pytest.approx(-together.sum().item() / m.sum().item(), abs=1e-5)
    beyond = torch.arange(7) >= n[:, None]
    assert torch.equal(t5.reading((source.masked_fill(beyond, 3), n)).log_prob((target, m)).nats, together)
    assert torch.equal(t5.reading((source, n)).token_nats((target, m)) == 0, torch.arange(6) >= m[:, None])
    written = generate(t5.reading((source, n)), NOTHING.expand(4, 0), 5, seed=3)
    for i in range(4):
        again = generate(t5.reading(source[i : i + 1, : n[i]]), NOTHING, 5, seed=3, rows=torch.tensor([i]))
        assert torch.equal(again[0], written[i])


def test_without_attention_one_vector_is_told_of_a_source() -> None:
    t5, source, lengths = small(attention=False), texts(2, 6), torch.tensor([6, 3])
    context = t5.reading((source, lengths)).state.context
    assert context.shape == (2, 1, 16)
    h, _ = t5.encoder(t5.vectors(source[1:, :3]))
    torch.testing.assert_close(context[1:], h.mean(1, keepdim=True))
    assert t5.num_parameters == small().num_parameters, "the two differ in what they are told alone"


def test_attention_across_tells_where_it_looks() -> None:
    t5, lengths = small(), torch.tensor([6, 3])
    with attention_weights(t5) as weights:
        t5.scan((texts(2, 6), lengths), texts(2, 4))
    across = weights["decoder.blocks.1.across"]
    assert across.shape == (2, 4, 4, 6)
    torch.testing.assert_close(across.sum(-1), torch.ones(2, 4, 4))
    assert (across[1, :, :, 3:] == 0).all()


def test_the_vectors_of_sources_and_targets_are_one_matrix_that_also_reads_them_off() -> None:
    t5 = small()
    assert sum(p.shape == (5, 16) for p in t5.parameters()) == 1


def test_untrained_it_knows_nothing() -> None:
    torch.manual_seed(0)
    t5 = T5(tokens=65, width=64, layers=2, heads=4)
    x = torch.randint(65, (8, 16))
    assert t5.loss((x, x))[0].item() == pytest.approx(math.log(65), abs=0.1)


def test_beams_are_the_most_probable_texts_about_each_source() -> None:
    t5, source = small(), texts(2, 4)
    every = torch.tensor(list(itertools.product(range(5), repeat=2)))
    found = beam_search(t5.reading(source), NOTHING.expand(2, 0), 2, beams=25)
    for i in range(2):
        exact = t5.reading(source[i : i + 1].expand(25, -1)).log_prob(every).nats
        torch.testing.assert_close(found.log_prob[i], exact.sort(descending=True).values, atol=1e-4, rtol=1e-4)


def test_it_learns_to_turn_texts_round() -> None:
    torch.manual_seed(0)
    every = [torch.tensor([*each, 0]) for n in (2, 3) for each in itertools.product(range(1, 5), repeat=n)]
    turned = [torch.cat([each[:-1].flip(0), each[-1:]]) for each in every]
    t5 = T5(tokens=5, width=32, layers=2, heads=4, lr=5e-3)
    fit(t5, t5.updates(), Shuffled(Pairs(every, turned), 40), steps=150, precision="fp32", device="cpu", quiet=True)
    source, (target, _) = Pairs(every, turned)[torch.arange(len(every))]
    told = generate(t5.eval().reading(source), NOTHING.expand(len(every), 0), 4, temperature=0.0, end=0)
    assert (told == target).all(1).float().mean() > 0.95


def test_bad_input_is_named() -> None:
    t5, x = small(), texts(2, 3)
    with pytest.raises(ValueError, match=r"texts are \(B, T\) of whole numbers from 0 to 4"):
        t5.loss((torch.tensor([[5]]), torch.tensor([[1]])))
    with pytest.raises(ValueError, match="texts: each has at least one token"):
        t5.reading(x[:, :0])
    with pytest.raises(ValueError, match=r"lengths is \(2,\) of numbers from 1 to 3, not \[0, 3\]"):
        t5.reading((x, torch.tensor([0, 3])))
    with pytest.raises(ValueError, match="each source has one text that is written about it; 2 sources, 3 texts"):
        t5.reading(x).begin(texts(3, 1))
    with pytest.raises(ValueError, match="tokens, length: at least one token and one place, not 5 and 0"):
        small(length=0)
    with pytest.raises(ValueError, match="length: 9 places, and this stack knows 8"):
        small(positions="learned").reading(texts(1, 9))
    with pytest.raises(AttributeError, match=r"T5 has no log_prob\(\): it tells a text given another"):
        t5.log_prob(x)
