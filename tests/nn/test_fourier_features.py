"""Waves along random directions, against sines and cosines taken one by one."""

import copy
import math

import pytest
import torch
from torch import nn

from genmodels.nn import FourierFeatures


def test_features_by_hand() -> None:
    torch.manual_seed(0)
    features = FourierFeatures(2, directions=3, frequency=0.5)
    x = torch.tensor([[0.3, -1.2]])
    angles = [2 * math.pi * (0.3 * b - 1.2 * c) for b, c in features.directions.T.tolist()]
    by_hand = [0.3, -1.2, *map(math.sin, angles), *map(math.cos, angles)]
    assert features(x)[0].tolist() == pytest.approx(by_hand, abs=1e-5)
    assert features.out_features == 8
    assert torch.equal(features(x.expand(4, 5, 2))[3, 4], features(x)[0])  # any number of axes before the last


def test_directions_are_random_fixed_and_of_the_frequency_told() -> None:
    torch.manual_seed(0)
    slow, fast = FourierFeatures(3, 2000, frequency=0.5), FourierFeatures(3, 2000, frequency=4.0)
    for made, frequency in ((slow, 0.5), (fast, 4.0)):
        assert made.directions.std().item() == pytest.approx(frequency, rel=0.05)
        assert made.directions.mean().item() == pytest.approx(0.0, abs=0.05 * frequency)
        assert list(made.parameters()) == []
    other = FourierFeatures(3, 2000, frequency=0.5)
    assert not torch.equal(other.directions, slow.directions)
    other.load_state_dict(slow.state_dict())  # they are kept with the weights
    x = torch.randn(4, 3)
    assert torch.equal(other(x), slow(x))
    assert torch.equal(copy.deepcopy(slow)(x), slow(x))


def test_fine_detail_is_learned_that_a_plain_network_misses() -> None:
    """Four periods of a square wave on [0, 1], from the same number of steps."""
    x = torch.linspace(0, 1, 128)[:, None]
    y = torch.sign(torch.sin(8 * math.pi * x))
    errors = []
    for waves in (True, False):
        torch.manual_seed(0)
        seen = FourierFeatures(1, 32, frequency=4.0) if waves else nn.Identity()
        net = nn.Sequential(seen, nn.Linear(65 if waves else 1, 32), nn.ReLU(), nn.Linear(32, 1))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(200):
            optimizer.zero_grad()
            loss = (net(x) - y).square().mean()
            loss.backward()
            optimizer.step()
        errors.append(loss.item())
    assert errors[0] < 0.2
    assert errors[1] > 0.6
