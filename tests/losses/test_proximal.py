"""What a policy learns from what it did."""

import pytest
import torch

from genmodels.losses import advantages, clipped_gain


def test_advantages_by_hand() -> None:
    """Two moments and the end: the last gives 2 where 1 was expected; the first 1, and V goes from 0.5 to 1."""
    reward, value, onward = (torch.tensor(x)[:, None] for x in ([1.0, 2.0], [0.5, 1.0], [1.0, 0.0]))
    going = torch.tensor([[1.0], [0.0]])
    last = 2.0 - 1.0
    first = 1.0 + 0.9 * 1.0 - 0.5 + 0.9 * 0.8 * last
    found = advantages(reward, value, onward, going, gamma=0.9, lam=0.8)
    torch.testing.assert_close(found[:, 0], torch.tensor([first, last]))


def test_with_all_of_the_sum_they_are_what_came_less_what_was_expected() -> None:
    generator = torch.Generator().manual_seed(0)
    reward, value = torch.randn(6, 3, generator=generator), torch.randn(6, 3, generator=generator)
    going = torch.ones(6, 3)
    going[-1], going[2, 1] = 0.0, 0.0  # the second stretch is two
    onward = going * torch.cat([value[1:], value[:1]])
    found = advantages(reward, value, onward, going, gamma=1.0, lam=1.0)
    came = reward.flip(0).cumsum(0).flip(0)
    came[:3, 1] = reward[:3, 1].flip(0).cumsum(0).flip(0)
    torch.testing.assert_close(found, came - value)
    short = advantages(reward, value, onward, going, gamma=1.0, lam=0.0)
    torch.testing.assert_close(short, reward + onward - value)


@pytest.mark.parametrize(
    ("advantage", "ratio", "slope"), [(1.0, 1.1, 1.1), (1.0, 1.3, 0.0), (-1.0, 0.7, 0.0), (-1.0, 1.3, -1.3)]
)
def test_beyond_the_clip_nothing_is_gained_by_going_on(advantage: float, ratio: float, slope: float) -> None:
    """What has gone too far the wrong way is still pulled back."""
    log_ratio = torch.tensor(ratio).log().requires_grad_()
    gain = clipped_gain(log_ratio, torch.tensor(advantage), 0.2)
    (found,) = torch.autograd.grad(gain, log_ratio)
    assert found.item() == pytest.approx(slope)
