"""The penalty of critics whose slopes are known, and where on the way from real to fake it is taken."""

import math

import pytest
import torch
from torch import Tensor, nn

from genmodels.losses import clip_weights, gradient_penalty, r1_penalty, spectral_norm


class Recorder:
    """A critic that keeps the points it was asked about."""

    def __init__(self, slope: float = 1.0) -> None:
        self.points = torch.empty(0)
        self.slope = slope

    def __call__(self, x: Tensor) -> Tensor:
        self.points = x.detach()
        return self.slope * x.flatten(1).sum(1)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 5), (1, 4, 4)])
def test_the_penalty_of_a_linear_critic_is_exact(shape: tuple[int, ...]) -> None:
    """f(x) = w . x has the slope |w| everywhere, over all axes but the batch."""
    torch.manual_seed(0)
    w, real, fake = torch.randn(shape), torch.rand(6, *shape), torch.randn(6, *shape)
    penalty, slope = gradient_penalty(lambda x: (w * x).flatten(1).sum(1), real, fake)
    norm = math.sqrt(sum(value**2 for value in w.flatten().tolist()))
    assert slope.item() == pytest.approx(norm)
    assert penalty.item() == pytest.approx((norm - 1) ** 2)


def test_the_penalty_is_the_mean_of_squares_over_examples() -> None:
    """f(x) = |x|^2 has the slope 2 |x|; where real and fake are one, so is every point between."""
    x = torch.tensor([[0.5, 0.0], [0.0, 2.0], [3.0, 4.0]])
    penalty, slope = gradient_penalty(lambda x: x.square().sum(1), x, x)
    assert slope.item() == pytest.approx((1 + 4 + 10) / 3)
    assert penalty.item() == pytest.approx((0**2 + 3**2 + 9**2) / 3)


def test_scores_may_be_a_column() -> None:
    real, fake = torch.rand(5, 3), torch.rand(5, 3)
    penalty, slope = gradient_penalty(lambda x: 2 * x.sum(1, keepdim=True), real, fake)
    assert slope.item() == pytest.approx(2 * math.sqrt(3))
    assert penalty.item() == pytest.approx((2 * math.sqrt(3) - 1) ** 2)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4)])
def test_points_lie_between_real_and_fake_with_one_uniform_share_for_each(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    n = 4000
    real, fake = 2 + torch.rand(n, *shape), -torch.rand(n, *shape)
    critic = Recorder()
    gradient_penalty(critic, real, fake)
    shares = ((critic.points - fake) / (real - fake)).flatten(1)
    assert (shares.max(1).values - shares.min(1).values).max() < 1e-5  # one for all numbers of an example
    share = shares.mean(1).sort().values.double()
    assert share[0] >= -1e-5
    assert share[-1] <= 1 + 1e-5
    steps = torch.arange(1, n + 1) / n
    distance = max((steps - share).max().item(), (share - steps + 1 / n).max().item())
    assert distance < 1.95 / math.sqrt(n)  # Kolmogorov and Smirnov: more than this in one of a thousand uniform samples
    order = shares.mean(1)
    assert abs(torch.corrcoef(torch.stack([order[1:], order[:-1]]))[0, 1].item()) < 0.06  # each drawn anew


def test_points_are_drawn_anew_each_time() -> None:
    torch.manual_seed(0)
    real, fake = torch.ones(5, 2), torch.zeros(5, 2)
    critic, other = Recorder(), Recorder()
    gradient_penalty(critic, real, fake)
    gradient_penalty(other, real, fake)
    assert not torch.isclose(critic.points, other.points).any()


def test_gradients_reach_the_critic_and_no_example() -> None:
    """d/dw (|w| - 1)^2 = 2 (|w| - 1) w / |w|."""
    critic = nn.Linear(2, 1)
    critic.weight.data = torch.tensor([[3.0, 4.0]])
    real, fake = torch.rand(5, 2, requires_grad=True), torch.rand(5, 2, requires_grad=True)
    penalty, _ = gradient_penalty(critic, real, fake)
    to_weight, to_real, to_fake = torch.autograd.grad(penalty, [critic.weight, real, fake], allow_unused=True)
    torch.testing.assert_close(to_weight, 2 * 4 * torch.tensor([[0.6, 0.8]]))
    assert to_real is None
    assert to_fake is None


def test_a_flat_critic_has_a_finite_penalty_and_gradient() -> None:
    critic = nn.Linear(2, 1)
    nn.init.zeros_(critic.weight)
    penalty, slope = gradient_penalty(critic, torch.rand(5, 2), torch.rand(5, 2))
    assert (penalty.item(), slope.item()) == (1.0, 0.0)
    (gradient,) = torch.autograd.grad(penalty, critic.weight)
    assert torch.isfinite(gradient).all()


# ------------------------------------------------------------------------------------------------------- at real examples


def test_the_penalty_at_real_examples_by_hand() -> None:
    """f(x) = |x|^2 has the slope 2 |x|: 1, 4 and 10 here."""
    x = torch.tensor([[0.5, 0.0], [0.0, 2.0], [3.0, 4.0]])
    penalty, slope = r1_penalty(lambda x: x.square().sum(1), x)
    assert slope.item() == pytest.approx(5)
    assert penalty.item() == pytest.approx((1 + 16 + 100) / 3 / 2)


def test_it_is_taken_at_the_examples_and_reaches_the_critic() -> None:
    critic = nn.Linear(2, 1)
    critic.weight.data = torch.tensor([[3.0, 4.0]])
    seen = Recorder()
    real = torch.rand(5, 2)
    r1_penalty(seen, real)
    assert torch.equal(seen.points, real)
    (gradient,) = torch.autograd.grad(r1_penalty(critic, real)[0], critic.weight)
    torch.testing.assert_close(gradient, torch.tensor([[3.0, 4.0]]))  # d/dw |w|^2 / 2


# ---------------------------------------------------------------------------------------------------- bounds on the weights


def test_weights_are_clipped_where_they_are_too_large() -> None:
    layer = nn.Linear(2, 1)
    layer.weight.data, layer.bias.data = torch.tensor([[0.3, -0.3]]), torch.tensor([0.05])
    clip_weights(layer.parameters(), 0.1)
    assert layer.weight.tolist() == [[pytest.approx(0.1), pytest.approx(-0.1)]]
    assert layer.bias.item() == pytest.approx(0.05)


def test_layers_have_the_slope_one_once_the_estimate_has_settled() -> None:
    torch.manual_seed(0)
    network = spectral_norm(nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))).train()
    for _ in range(60):
        network(torch.randn(4, 6))
    assert torch.linalg.matrix_norm(network[0].weight, 2).item() == pytest.approx(1, abs=1e-3)
    assert torch.linalg.matrix_norm(network[2].weight, 2).item() == pytest.approx(1, abs=1e-3)
    a, b = torch.randn(2, 200, 6)
    slopes = (network(a) - network(b)).abs()[:, 0] / (a - b).norm(dim=1)
    assert slopes.max() <= 1.001
    image = spectral_norm(nn.Conv2d(1, 2, 3)).train()
    for _ in range(60):
        image(torch.randn(1, 1, 5, 5))
    assert torch.linalg.matrix_norm(image.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)


def test_a_settled_estimate_is_left_alone_outside_training() -> None:
    torch.manual_seed(0)
    network = spectral_norm(nn.Linear(4, 3)).eval()
    x = torch.randn(2, 4)
    assert torch.equal(network(x), network(x))
