"""A small GPT: a density, its samples, and what it keeps of what it has read."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels.data import TextWindows
from genmodels.language import GPT
from genmodels.sampling import beam_search, generate
from genmodels.training import Shuffled, fit


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(**how: Any) -> GPT:
    torch.manual_seed(0)
    made = GPT(**{"tokens": 5, "width": 16, "layers": 2, "heads": 4, "length": 8, **how}).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def texts(n: int, length: int, tokens: int = 5) -> Tensor:
    return torch.randint(tokens, (n, length), generator=seeded())


@pytest.mark.parametrize("positions", ["learned", "rotary", "sinusoidal"])
def test_it_is_a_density_over_texts(positions: Any) -> None:
    gpt = small(tokens=3, positions=positions)
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    assert gpt.log_prob(every).nats.double().exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert gpt.log_prob(every).kind == "exact"


@pytest.mark.parametrize("groups", [None, 2])
def test_what_it_keeps_is_as_good_as_reading_again(groups: int | None) -> None:
    gpt, x = small(groups=groups), texts(3, 8)
    logits, state = gpt.begin(x[:, :3])
    torch.testing.assert_close(logits, gpt.scan(x)[:, 3], atol=1e-5, rtol=1e-5)
    for t in range(3, 7):
        logits, state = gpt.advance(x[:, t], state)
        torch.testing.assert_close(logits, gpt.scan(x)[:, t + 1], atol=1e-5, rtol=1e-5)
    rows = torch.tensor([2, 0])
    picked, _ = gpt.advance(x[rows, 7], gpt.pick(state, rows))
    torch.testing.assert_close(picked, gpt.begin(x[rows])[0], atol=1e-5, rtol=1e-5)


def test_a_later_token_changes_no_bit_before() -> None:
    gpt, x = small(), texts(2, 8)
    y = x.clone()
    y[:, 5] = (y[:, 5] + 1) % 5
    assert torch.equal(gpt.scan(x)[:, :6], gpt.scan(y)[:, :6])
    assert not torch.equal(gpt.scan(x)[:, 6], gpt.scan(y)[:, 6])


def test_beyond_its_length_half_of_what_is_in_sight_is_read_anew() -> None:
    gpt, x = small(), texts(1, 11)
    _, state = gpt.begin(x[:, :8])
    logits, state = gpt.advance(x[:, 8], state)
    assert torch.equal(state.tokens, x[:, 5:9])
    torch.testing.assert_close(logits, gpt.begin(x[:, 5:9])[0])
    assert gpt.sample(2, length=20, generator=seeded()).shape == (2, 20)
    nats = gpt.token_nats(x)
    torch.testing.assert_close(nats[:, :8], gpt.token_nats(x[:, :8]))
    torch.testing.assert_close(nats[:, 8:], gpt.token_nats(x[:, 4:])[:, 4:])  # told by at least four before it


def test_the_token_vectors_also_read_tokens_off() -> None:
    gpt = small()
    assert sum(p.shape == (5, 16) for p in gpt.parameters()) == 1
    h = torch.randn(2, 16)
    torch.testing.assert_close(gpt._logits(h), h @ gpt.vectors.weight.T)


def test_untrained_it_knows_nothing() -> None:
    torch.manual_seed(0)
    gpt, x = GPT(tokens=65, width=64, layers=4, heads=4, length=32), texts(8, 32, 65)
    assert gpt.loss(x)[0].item() == pytest.approx(math.log(65), abs=0.1)


def test_it_learns_what_repeats() -> None:
    torch.manual_seed(0)
    text = torch.tensor([0, 1, 2, 3, 4]).repeat(40)
    gpt = GPT(tokens=5, width=16, layers=1, heads=2, length=10, lr=1e-2)
    batches = Shuffled(TextWindows(text, 10, stride=1), 16)
    fit(gpt, gpt.updates(), batches, steps=60, precision="fp32", device="cpu", quiet=True)
    assert generate(gpt, torch.tensor([[2, 3]]), 6, temperature=0.0).tolist() == [[4, 0, 1, 2, 3, 4]]


def test_texts_are_written_by_the_shared_decoders() -> None:
    gpt, prompt = small(), texts(16, 3)
    together = generate(gpt, prompt, 12, seed=7)
    alone = generate(gpt, prompt[5:6], 12, seed=7, rows=torch.tensor([5]))
    assert torch.equal(together[5:6], alone)
    best = beam_search(gpt, prompt[:1], 2, beams=25)
    every = torch.tensor(list(itertools.product(range(5), repeat=2)))
    given = torch.cat([prompt[:1].expand(25, -1), every], 1)
    exact = gpt.token_nats(given)[:, 3:].sum(1)
    torch.testing.assert_close(best.log_prob[0], exact.sort(descending=True).values, atol=1e-4, rtol=1e-4)


def test_no_texts_are_as_long_as_others() -> None:
    gpt, prompt = small(), texts(1, 3)
    for how, length in (({}, 8), ({"length": 20}, 20), ({"prompt": prompt}, 8), ({"prompt": prompt[:0]}, 8)):
        none = gpt.sample(0, **how)
        assert (none.shape, none.dtype) == ((0, length), torch.int64)


def test_bad_input_is_named() -> None:
    gpt = small()
    for x in (torch.tensor([[5]]), torch.tensor([[0.5]]), torch.tensor([1])):
        with pytest.raises(ValueError, match="texts are \\(B, T\\) of whole numbers from 0 to 4"):
            gpt.loss(x)
    with pytest.raises(ValueError, match="temperature is above 0, not 0"):
        gpt.sample(1, temperature=0.0)
    with pytest.raises(ValueError, match="prompt is one for all or 3, not 2"):
        gpt.sample(3, prompt=texts(2, 2))
    with pytest.raises(ValueError, match="tokens, length: at least one token and two places, not 5 and 1"):
        small(length=1)
    with pytest.raises(ValueError, match="stride: at least 1, not 0"):
        TextWindows(torch.arange(5), 2, 0)
    with pytest.raises(ValueError, match="length: windows of a sequence of 5 have 1 to 5 steps, not 6"):
        TextWindows(torch.arange(5), 6)
