"""The compiled likelihood of mixtures, against the distribution that is written down, in float64."""

import pytest
import torch
from torch import Tensor

from genmodels import compiled
from genmodels.distributions import GaussianMixture

if not compiled.available():
    pytest.skip("Numba is not installed", allow_module_level=True)

from genmodels.compiled.quick_mixture import AT_ONCE, QuickMixture


def some(n: int, components: int, latent: int, spread: float = 1.0) -> tuple[Tensor, Tensor]:
    """Parameters (N, 3, K, Z), and numbers to ask about."""
    generator = torch.Generator().manual_seed(n)
    return spread * torch.randn(n, 3, components, latent, generator=generator), torch.randn(n, latent, generator=generator)


class Exact(GaussianMixture):
    """In the precision of what it is given."""

    def __init__(self, parameters: Tensor, floor: float) -> None:
        self._logits, self._means, r = parameters.unbind(1)
        self._log_sds = (r.exp() + floor).log()

    def _deviates(self, x: Tensor) -> Tensor:
        return (x.unsqueeze(-2) - self._means) * (-self._log_sds).exp()


@pytest.mark.parametrize("floor", [0.0, 0.01, 1.0])
@pytest.mark.parametrize(("n", "components", "latent"), [(3, 1, 1), (7, 5, 32), (2 * AT_ONCE + 5, 3, 5)])
def test_likelihoods_and_slopes_are_those_of_the_formula(n: int, components: int, latent: int, floor: float) -> None:
    parameters, x = some(n, components, latent)
    above = torch.randn(n, latent, generator=torch.Generator().manual_seed(1))
    ours, exact = parameters.clone().requires_grad_(), parameters.double().requires_grad_()
    nats = QuickMixture.apply(ours, x, floor)  # type: ignore[no-untyped-call]
    known = Exact(exact, floor).nats_per_dim(x.double())
    torch.testing.assert_close(nats.double(), known, rtol=1e-5, atol=1e-5)
    nats.backward(above)
    known.backward(above.double())
    assert ours.grad is not None
    assert exact.grad is not None
    torch.testing.assert_close(ours.grad.double(), exact.grad, rtol=1e-4, atol=1e-5)


def test_it_is_right_where_numbers_are_far_apart() -> None:
    """Logits of tens, numbers a thousand deviations away, deviations of e^-20 above a floor."""
    parameters, x = some(64, 5, 32, spread=20.0)
    nats = QuickMixture.apply(parameters, 30.0 * x, 0.05)  # type: ignore[no-untyped-call]
    known = Exact(parameters.double(), 0.05).nats_per_dim(30.0 * x.double())
    assert torch.isfinite(nats).all()
    torch.testing.assert_close(nats.double(), known, rtol=1e-4, atol=1e-3)


def test_nothing_to_ask_about() -> None:
    parameters = torch.zeros(0, 3, 5, 4, requires_grad=True)
    nats = QuickMixture.apply(parameters, torch.zeros(0, 4), 0.1)  # type: ignore[no-untyped-call]
    nats.sum().backward()
    assert nats.shape == (0, 4)
