"""A small BERT: what it sees, what it is asked, and what it learns."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels.data import TextWindows
from genmodels.language import BERT
from genmodels.training import Shuffled, fit


def small(**how: Any) -> BERT:
    torch.manual_seed(0)
    made = BERT(**{"tokens": 5, "width": 16, "layers": 2, "heads": 4, "length": 12, **how}).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def texts(n: int, length: int) -> Tensor:
    return torch.randint(5, (n, length), generator=torch.Generator().manual_seed(0))


def test_a_hidden_token_is_told_by_both_its_sides_and_not_by_itself() -> None:
    bert, x = small(), texts(1, 9)
    hidden = torch.arange(9)[None] == 4
    told = bert.scan(x, hidden)[:, 4]
    for place in range(9):
        y = x.clone()
        y[:, place] = (y[:, place] + 1) % 5
        assert torch.equal(bert.scan(y, hidden)[:, 4], told) == (place == 4)


def test_what_is_chosen_becomes_blank_or_another_or_stays() -> None:
    bert, x, given = small(hide=0.5), texts(64, 12), []
    bert._read = lambda seen: given.append(seen) or torch.zeros(*seen.shape, 5)  # type: ignore[func-returns-value, method-assign]
    torch.manual_seed(0)
    loss, _ = bert.loss(x)
    assert loss.item() == pytest.approx(math.log(5))
    (seen,) = given
    blank, other = (seen == 5).float().mean().item(), ((seen != 5) & (seen != x)).float().mean().item()
    assert blank == pytest.approx(0.5 * 0.8, abs=0.05)
    assert other == pytest.approx(0.5 * 0.1 * 4 / 5, abs=0.02)


def test_it_fills_gaps() -> None:
    torch.manual_seed(0)
    text = torch.tensor([0, 1, 2, 3, 4]).repeat(40)
    bert = BERT(tokens=5, width=16, layers=1, heads=2, length=10, hide=0.3, lr=1e-2)
    fit(bert, bert.updates(), Shuffled(TextWindows(text, 10, 1), 16), steps=200, precision="fp32", device="cpu", quiet=True)
    x, hidden = text[None, 2:12], torch.zeros(1, 10, dtype=torch.bool)
    hidden[:, 3:5] = True
    broken = x.masked_fill(hidden, 0)
    assert torch.equal(bert.infill(broken, hidden), x)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"texts are .* from 0 to 4"):
        small().loss(torch.tensor([[5]]))
    with pytest.raises(ValueError, match="hide is a share between 0 and 1, not 0"):
        small(hide=0.0)
    with pytest.raises(AttributeError, match=r"BERT has no sample\(\): each token is told by both its sides"):
        small().sample(1)
