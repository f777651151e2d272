"""Stretches of episodes keep their names on the way to a device, and are drawn from afresh."""

import torch

from genmodels.batches import Shuffled, to_device
from genmodels.dynamics import Window, Windows


def window(n: int = 6, steps: int = 3) -> Window:
    numbers = torch.arange(float(n * (steps + 1) * 2)).view(n, steps + 1, 2)
    flat = torch.arange(float(n * steps)).view(n, steps)
    return Window(numbers, numbers - 3.0, flat[..., None], flat, flat * 0.0, flat * 0.0 + 1.0)


def test_a_window_on_a_device_is_a_window() -> None:
    placed = to_device(window(), torch.device("cpu"))
    assert isinstance(placed, Window)
    for before, after in zip(window(), placed, strict=True):
        assert torch.equal(before, after)


def test_windows_are_taken_whole() -> None:
    examples = Windows(window())
    assert len(examples) == 6
    some = examples[torch.tensor([4, 0])]
    for field, all_of_it in zip(some, window(), strict=True):
        assert torch.equal(field, all_of_it[[4, 0]])
    assert isinstance(Shuffled(examples, 2)(0), Window)


def test_latents_are_drawn_from_their_gaussians() -> None:
    mean = torch.tensor([1.0, -2.0]).expand(5000, 3, 2)
    log_sd = torch.tensor([0.0, -1.0]).expand(5000, 3, 2)
    torch.manual_seed(0)
    drawn = window()._replace(mean=mean, log_sd=log_sd).draw().flatten(0, 1)
    torch.testing.assert_close(drawn.mean(0), mean[0, 0], rtol=0, atol=0.04)
    torch.testing.assert_close(drawn.std(0), log_sd[0, 0].exp(), rtol=0, atol=0.04)
    assert len(drawn.unique(dim=0)) == 15_000
