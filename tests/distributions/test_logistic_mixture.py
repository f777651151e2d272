"""Against the sigmoids by hand, in float64, and sums over all the levels there are."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from genmodels.distributions import LogisticMixture


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some(
    *, batch: int = 1, components: int = 3, channels: int = 1, levels: int = 256, log_scale: float = -3.0
) -> LogisticMixture:
    """Any mixtures, over one pixel each."""
    parts = [torch.randn(1, components, *rest, generator=seeded(i)) for i, rest in enumerate([(), (channels,), (channels,)])]
    follow = torch.randn(1, components, channels * (channels - 1) // 2, generator=seeded(3)).tanh()
    logits, means, log_scales, follow = (x.expand(batch, *x.shape[1:]) for x in (*parts, follow))
    return LogisticMixture(logits, 0.5 * means, log_scale + 0.5 * log_scales, follow, levels)


def single(mean: float, log_scale: float, levels: int = 256, batch: int = 1) -> LogisticMixture:
    """One logistic over one channel."""
    shape = (batch, 1, 1)
    none = torch.zeros(batch, 1, 0)
    return LogisticMixture(torch.zeros(batch, 1), torch.full(shape, mean), torch.full(shape, log_scale), none, levels)


def everything(levels: int, channels: int) -> Tensor:
    return torch.tensor(list(itertools.product(range(levels), repeat=channels)))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_log_prob_by_hand() -> None:
    """Two components over red and green, with three levels: at -1, 0 and 1, half a level being 1/2."""
    follow = [0.5, -0.25]
    means, scales, weights = [[0.3, -0.2], [-0.6, 0.1]], [[0.4, 0.5], [0.7, 0.3]], [0.25, 0.75]
    mixture = LogisticMixture(
        torch.tensor([weights]).log(), torch.tensor([means]), torch.tensor([scales]).log(), torch.tensor([follow])[..., None], 3
    )
    total = 0.0
    for k in range(2):
        red = sigmoid((0.5 - means[k][0]) / scales[k][0]) - sigmoid((-0.5 - means[k][0]) / scales[k][0])  # the middle level
        green = 1 - sigmoid((0.5 - (means[k][1] + follow[k] * 0.0)) / scales[k][1])  # the top level, given that red is 0
        total += weights[k] * red * green
    assert mixture.log_prob(torch.tensor([[1, 2]])).item() == pytest.approx(math.log(total), rel=1e-5)
    total = 0.0
    for k in range(2):
        red = sigmoid((-0.5 - means[k][0]) / scales[k][0])  # the bottom level, -1
        green = 1 - sigmoid((0.5 - (means[k][1] - follow[k])) / scales[k][1])
        total += weights[k] * red * green
    assert mixture.log_prob(torch.tensor([[0, 2]])).item() == pytest.approx(math.log(total), rel=1e-5)


@pytest.mark.parametrize("log_scale", [-9.0, -7.0, -3.0, 0.0, 6.0])
def test_probabilities_of_all_levels_sum_to_one(log_scale: float) -> None:
    told = some(batch=256, components=5, log_scale=log_scale).log_prob(torch.arange(256)[:, None])
    assert told.double().exp().sum().item() == pytest.approx(1.0, abs=1e-4)


def test_probabilities_of_all_colours_sum_to_one() -> None:
    colours = everything(6, 3)
    told = some(batch=len(colours), channels=3, levels=6, log_scale=-1.0).log_prob(colours)
    assert told.double().exp().sum().item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("mean", [-40.0, -1.0, 0.2, 40.0])
def test_far_from_the_mean_it_is_the_difference_in_float64(mean: float) -> None:
    """Where float32's sigmoids are both 0 or both 1."""
    scale = math.exp(-2.0)
    edges = (torch.arange(1, 256).double() - 0.5) * 2 / 255 - 1
    below = torch.sigmoid((edges - mean) / scale)
    above = torch.sigmoid(-(edges - mean) / scale)
    mass = torch.where(edges[:-1] < mean, below.diff(), -above.diff())
    exact = torch.cat([below[:1], mass, above[-1:]]).log()
    told = single(mean, -2.0, batch=256).log_prob(torch.arange(256)[:, None])
    torch.testing.assert_close(told.double(), exact, rtol=1e-4, atol=1e-4)


def test_gradients_are_finite_at_every_level() -> None:
    parts = [torch.zeros(256, 2), torch.full((256, 2, 1), 50.0), torch.tensor([[-20.0], [20.0]]).expand(256, 2, 1).clone()]
    for part in parts:
        part.requires_grad_()
    told = LogisticMixture(*parts, torch.zeros(256, 2, 0)).log_prob(torch.arange(256)[:, None])
    assert torch.isfinite(told).all()
    for gradient in torch.autograd.grad(told.sum(), parts):
        assert torch.isfinite(gradient).all()


def test_a_narrow_logistic_is_nearly_sure() -> None:
    """Of scale e^-7, half a level is 4.3 scales wide."""
    centre = 100 * 2 / 255 - 1
    assert single(centre, -7.0).log_prob(torch.tensor([[100]])).exp().item() == pytest.approx(
        math.tanh(math.exp(7) / 510), rel=1e-4
    )


def test_green_and_blue_follow() -> None:
    """Means 0, one to one: green is where red is, and blue at minus green."""
    zero, narrow = torch.zeros(1, 1, 3), torch.full((1, 1, 3), -20.0)
    mixture = LogisticMixture(torch.zeros(1, 1), zero, narrow, torch.tensor([[[1.0, 0.0, -1.0]]]), 5)
    for level in range(5):
        expected = -math.inf if level != 2 else 0.0
        told = mixture.log_prob(torch.tensor([[level, level, 4 - level]])).item()
        assert (told > -1e-2) == (expected == 0.0)
    wide_red = LogisticMixture(
        torch.zeros(1, 1), zero, torch.tensor([[[1.0, -20.0, -20.0]]]), torch.tensor([[[1.0, 0.0, -1.0]]]), 5
    )
    pixels = torch.cat([wide_red.sample(seeded(i)) for i in range(50)])
    assert torch.equal(pixels[:, 1], pixels[:, 0])
    assert torch.equal(pixels[:, 2], 4 - pixels[:, 0])
    assert len(pixels[:, 0].unique()) == 5


def test_pixels_of_an_image_are_summed() -> None:
    parts = [torch.randn(2, 3, *rest, 4, 5, generator=seeded(i)) for i, rest in enumerate([(), (3,), (3,), (3,)])]
    mixture = LogisticMixture(*parts)
    x = torch.randint(256, (2, 3, 4, 5), generator=seeded())
    each = mixture.nats_per_pixel(x)
    assert each.shape == (2, 4, 5)
    torch.testing.assert_close(mixture.log_prob(x), each.flatten(1).sum(1))
    one = LogisticMixture(*(part[:, ..., 1, 2] for part in parts)).log_prob(x[..., 1, 2])
    torch.testing.assert_close(each[:, 1, 2], one)
    assert mixture.sample(seeded()).shape == mixture.mean.shape == x.shape


def test_samples_have_the_right_frequencies() -> None:
    colours, n = everything(3, 3), 200_000
    shares = some(batch=27, channels=3, levels=3, log_scale=-0.5).log_prob(colours).exp()
    drawn = some(batch=n, channels=3, levels=3, log_scale=-0.5).sample(seeded())
    counts = torch.bincount(drawn @ torch.tensor([9, 3, 1]), minlength=27) / n
    assert ((counts - shares).abs() < 4 * (shares / n).sqrt() + 1e-5).all()


def test_the_mean_is_the_expected_level() -> None:
    for log_scale in (-4.0, -1.0, 1.0):
        told = some(batch=256, log_scale=log_scale).log_prob(torch.arange(256)[:, None]).double().exp()
        expected = (told * torch.arange(256)).sum().item()
        assert some(log_scale=log_scale).mean.item() == pytest.approx(expected, rel=1e-3)


def test_temperature() -> None:
    mixture = some(batch=2000, channels=3)
    spread = [mixture.tempered(tau).sample(seeded()).float().std(0).mean() for tau in (1e-6, 0.3, 1.0, 2.0)]
    assert spread[0] == 0
    assert spread[0] < spread[1] < spread[2] < spread[3]
    x = torch.randint(256, (2000, 3), generator=seeded())
    assert torch.equal(mixture.tempered(1.0).log_prob(x), mixture.log_prob(x))
    halved = single(0.1, -1.0).tempered(0.5)
    assert halved.log_prob(torch.tensor([[7]])).item() == pytest.approx(
        single(0.1, -1.0 + math.log(0.5)).log_prob(torch.tensor([[7]])).item()
    )
    with pytest.raises(ValueError, match="a temperature is above 0, not 0"):
        mixture.tempered(0.0)


def test_parts_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"coefficients .* belong together, not \(1, 2\), \(1, 2, 3\), \(1, 2, 3\), \(1, 2, 2\)"
    ):
        LogisticMixture(torch.zeros(1, 2), torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), torch.zeros(1, 2, 2))
