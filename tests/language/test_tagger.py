"""A small reader that says which kind each token is."""

import pytest
import torch

from genmodels.data import Pairs
from genmodels.language import Tagger, runs
from genmodels.training import Shuffled, fit


def small(**how: int) -> Tagger:
    torch.manual_seed(0)
    return Tagger(**{"tokens": 6, "kinds": 3, "width": 16, "layers": 2, "heads": 4, **how}).eval()


def test_a_kind_depends_on_both_sides_of_a_token() -> None:
    tagger, x = small(), torch.tensor([[0, 1, 2, 3, 4]])
    logits = tagger.scan(x)
    assert logits.shape == (1, 5, 3)
    for place in range(5):
        other = x.clone()
        other[0, place] = 5
        assert not torch.isclose(tagger.scan(other), logits, atol=1e-6).all(-1).any()


def test_padding_is_neither_read_nor_told() -> None:
    tagger, data = (
        small(),
        Pairs([torch.tensor([1, 2, 3, 4]), torch.tensor([2, 5])], [torch.tensor([0, 1, 2, 0]), torch.tensor([2, 1])]),
    )
    text, kinds = data[torch.tensor([0, 1])]
    torch.testing.assert_close(tagger.scan(text)[1, :2], tagger.scan(torch.tensor([[2, 5]]))[0])
    assert tagger.tag(text)[1, 2:].tolist() == [0, 0]
    alone = [tagger.loss(data[torch.tensor([i])])[0] for i in range(2)]
    torch.testing.assert_close(tagger.loss((text, kinds))[0], (4 * alone[0] + 2 * alone[1]) / 6)


def test_it_learns_what_only_its_neighbours_tell() -> None:
    x = torch.randint(6, (400, 9), generator=torch.Generator().manual_seed(0))
    after = torch.cat([torch.zeros(400, 1, dtype=torch.int64), x[:, :-1]], 1)
    kinds = ((after == 2) & (x != 2)).long()  # what comes upon a 2, and is none
    tagger = Tagger(tokens=6, width=16, layers=1, lr=3e-3)
    data = Pairs(list(x[:300]), list(kinds[:300]))
    fit(tagger, tagger.updates(), Shuffled(data, 50, 0), steps=300, seed=0)
    assert (tagger.eval().tag(x[300:]) == kinds[300:]).float().mean().item() > 0.98


def test_runs_are_of_one_kind_each() -> None:
    assert runs(torch.tensor([1, 1, 0, 0, 2, 1, 1])) == [(0, 2), (4, 5), (5, 7)]
    assert runs(torch.tensor([0, 0])) == []
    assert runs(torch.tensor([], dtype=torch.int64)) == []


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="tokens differ by at least 2, not 1"):
        Tagger(kinds=1)
    with pytest.raises(ValueError, match="each token has one kind"):
        small().loss((torch.zeros(2, 4, dtype=torch.int64), torch.zeros(2, 3, dtype=torch.int64)))
    with pytest.raises(ValueError, match="whole numbers from 0 to 2"):
        small().loss((torch.zeros(1, 2, dtype=torch.int64), torch.full((1, 2), 3)))
