"""The bounds of a VAE against log p(x) itself, which an integral over its latents gives."""

import math
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from genmodels.autoencoders import VAE, autoencoder, vae
from genmodels.distributions import DiagonalGaussian
from genmodels.training import Optimizer, Shuffled, fit

LIKELIHOODS = pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
Likelihood = Literal["gaussian", "bernoulli"]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int, channels: int = 1) -> Tensor:
    return torch.rand(n, channels, 4, 4, generator=seeded())


def small(**arguments: Any) -> VAE:
    """A VAE of images of 4 x 4 pixels, no part of which is still zero."""
    torch.manual_seed(0)
    defaults: dict[str, Any] = {"shape": (1, 4, 4), "latent": 2, "width": 3}
    model = VAE(**defaults | arguments)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        if model.log_sd is not None:
            model.log_sd.fill_(-0.5)
    return model


def silenced(**arguments: Any) -> VAE:
    """A VAE whose networks are all zero: q is the prior, decoded pixels are 0."""
    model = small(**arguments)
    with torch.no_grad():
        for parameter in (*model.encoder.parameters(), *model.decoder.parameters()):
            parameter.zero_()
    return model


def seeded_loss(model: VAE, x: Tensor, seed: int = 1) -> tuple[Tensor, dict[str, Tensor]]:
    torch.manual_seed(seed)
    return model.loss(x)


# ------------------------------------------------------------------------------------------------------------- by hand


def test_pixels_are_summed_and_examples_averaged() -> None:
    model = silenced()
    x = images(3)
    by_hand = 0.0
    for pixel in x.flatten().tolist():  # under N(0, e^-0.5)
        by_hand += 0.5 * pixel**2 / math.exp(-1.0) - 0.5 + 0.5 * math.log(2 * math.pi)
    loss, figures = model.loss(x)
    assert loss.item() == pytest.approx(by_hand / 3)
    assert figures["nll"].item() == pytest.approx(by_hand / 3)
    assert figures["kl"].item() == pytest.approx(0.0)
    assert model.log_prob(x).nats.sum().item() == pytest.approx(-by_hand, rel=1e-5)


def test_bits_are_summed_and_examples_averaged() -> None:
    model = silenced(shape=(3, 4, 4), likelihood="bernoulli")
    loss, _ = model.loss(images(5, channels=3))
    assert loss.item() == pytest.approx(48 * math.log(2))
    assert model.log_prob(images(5, channels=3)).nats.tolist() == pytest.approx([-48 * math.log(2)] * 5)


def test_the_kl_is_summed_over_latents_and_averaged_over_examples() -> None:
    model = small(latent=3, beta=2.5)
    x = images(6)
    q = model.encode(x)
    by_hand = 0.0
    for mean, log_sd in zip(q.mean.flatten().tolist(), q.log_sd.flatten().tolist(), strict=True):
        by_hand += 0.5 * (mean**2 + math.exp(2 * log_sd) - 1) - log_sd
    loss, figures = model.loss(x)
    assert figures["kl"].item() == pytest.approx(by_hand / 6, rel=1e-5)
    assert loss.item() == pytest.approx(figures["nll"].item() + 2.5 * by_hand / 6, rel=1e-5)


def test_the_loss_of_bytes_is_that_of_the_floats() -> None:
    as_bytes = torch.randint(256, (4, 1, 4, 4), dtype=torch.uint8, generator=seeded())
    model = small()
    assert seeded_loss(model, as_bytes)[0].item() == pytest.approx(seeded_loss(model, as_bytes.float() / 255)[0].item())


# ---------------------------------------------------------------------------------------------------- beta and free bits


@LIKELIHOODS
def test_beta_multiplies_the_kl_and_nothing_else(likelihood: Likelihood) -> None:
    x = images(8)
    plain, doubled, without = (small(likelihood=likelihood, beta=beta) for beta in (1.0, 2.0, 0.0))
    (loss, figures), (of_two, same), (of_none, _) = (seeded_loss(model, x) for model in (plain, doubled, without))
    assert figures["kl"].item() > 0.1
    assert torch.equal(figures["nll"], same["nll"])
    assert torch.equal(figures["kl"], same["kl"])
    torch.testing.assert_close(of_two - loss, figures["kl"])
    torch.testing.assert_close(loss - of_none, figures["kl"])


def encoder_gradients(model: VAE, x: Tensor) -> Tensor:
    loss, _ = seeded_loss(model, x)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.encoder.parameters()))])


def test_below_its_free_bits_a_latent_feels_no_pressure() -> None:
    x = images(8)
    kls = small().encode(x).kl_from_standard().mean(0)
    low, high = sorted(kls.tolist())
    assert 0 < low < high
    between = 0.5 * (low + high)
    paid = {bits: seeded_loss(small(free_bits=bits), x) for bits in (0.0, between, 2 * high)}
    nll = paid[0.0][1]["nll"].item()
    assert paid[0.0][0].item() == pytest.approx(nll + low + high, rel=1e-5)
    assert paid[between][0].item() == pytest.approx(nll + between + high, rel=1e-5)
    assert paid[2 * high][0].item() == pytest.approx(nll + 4 * high, rel=1e-5)
    assert all(figures["kl"].item() == pytest.approx(low + high) for _, figures in paid.values())  # as it is, not as paid
    # all are free: the gradient is that of the reconstruction alone; one is free: it is neither that nor the full one
    alone, free, half, full = (
        encoder_gradients(small(beta=beta, free_bits=bits), x)
        for beta, bits in ((0.0, 0.0), (1.0, 2 * high), (1.0, between), (1.0, 0.0))
    )
    assert torch.equal(free, alone)
    assert not torch.allclose(half, alone, rtol=0.01)
    assert not torch.allclose(half, full, rtol=0.01)


def test_free_bits_count_the_mean_over_the_batch() -> None:
    """An example below the threshold is not free while the mean is above it."""
    model, x = small(latent=1), images(8)
    kl = model.encode(x).kl_from_standard()[:, 0]
    between = 0.5 * (kl.min() + kl.mean()).item()
    loss, figures = seeded_loss(small(latent=1, free_bits=between), x)
    assert kl.min() < between
    assert loss.item() == pytest.approx(figures["nll"].item() + kl.mean().item(), rel=1e-5)


# --------------------------------------------------------------------------------------------------------------- bounds


def log_evidence(model: VAE, x: Tensor) -> Tensor:
    """log of the integral of p(x | z) p(z) over a fine grid of a single latent, with the likelihoods written out."""
    z = torch.linspace(-8, 8, 4001)[:, None]
    with torch.no_grad():
        decoded = model.decoder(z).double()
    log_prior = -0.5 * z[:, 0].double() ** 2 - 0.5 * math.log(2 * math.pi)
    totals = []
    for image in x.double():
        if model.log_sd is None:
            pixels = image * torch.nn.functional.logsigmoid(decoded) + (1 - image) * torch.nn.functional.logsigmoid(-decoded)
        else:
            sd = model.log_sd.exp().item()
            pixels = -0.5 * ((image - decoded) / sd) ** 2 - math.log(sd) - 0.5 * math.log(2 * math.pi)
        totals.append(torch.logsumexp(pixels.flatten(1).sum(1) + log_prior, 0) + math.log(16 / 4000))
    return torch.stack(totals)


@LIKELIHOODS
def test_many_samples_find_the_evidence(likelihood: Likelihood) -> None:
    model, x = small(latent=1, likelihood=likelihood), images(3)
    evidence = log_evidence(model, x)
    told = model.log_prob(x, samples=30_000, generator=seeded())
    assert told.kind == "bound"
    torch.testing.assert_close(told.nats.double(), evidence, rtol=0, atol=0.03)


@LIKELIHOODS
def test_the_bound_rises_to_the_evidence(likelihood: Likelihood) -> None:
    model, x = small(latent=1, likelihood=likelihood), images(1)
    evidence = log_evidence(model, x).item()
    means, errors = [], []
    for k in (1, 4, 64):
        nats = model.log_prob(x.repeat(3000, 1, 1, 1), samples=k, generator=seeded()).nats
        means.append(nats.mean().item())
        errors.append(4 * nats.std().item() / math.sqrt(len(nats)))
    assert means[0] + errors[0] < means[1] - errors[1]
    assert means[1] + errors[1] < means[2] - errors[2]
    assert means[2] < evidence + errors[2]
    assert evidence - means[2] < 0.2 * (evidence - means[0])


@LIKELIHOODS
def test_weights_are_unbiased(likelihood: Likelihood) -> None:
    """The mean of p(x | z) p(z) / q(z | x) is p(x) for any number of draws, so that of exp(bound) is too."""
    model, x = small(latent=1, likelihood=likelihood), images(1)
    evidence = log_evidence(model, x)
    ratios = (model.log_prob(x.repeat(4000, 1, 1, 1), samples=5, generator=seeded()).nats - evidence).exp()
    assert ratios.mean().item() == pytest.approx(1.0, abs=4 * ratios.std().item() / math.sqrt(4000))


@LIKELIHOODS
def test_the_loss_is_minus_the_elbo(likelihood: Likelihood) -> None:
    """In expectation: the loss has the KL in closed form, `log_prob` of one sample has it by sampling."""
    model, x = small(likelihood=likelihood), images(1).repeat(20_000, 1, 1, 1)
    with torch.no_grad():
        model.encoder.head.bias.add_(torch.tensor([1.0, -1.0, -0.7, 0.4]))  # a posterior well away from the prior
    q = model.encode(x)
    kl = q.kl_from_standard()[0].sum().item()
    loss, _ = seeded_loss(model, x, seed=3)
    nats = model.log_prob(x, samples=1, generator=seeded(3)).nats  # at the same latents, so that the rest is equal
    z = q.sample(seeded(3))
    ratios = 0.5 * (((z - q.mean) / q.sd).square() - z.square()).sum(1) + q.log_sd.sum(1)  # log p(z) / q(z | x)
    error = 4 * ratios.std().item() / math.sqrt(len(x))
    assert kl > 20 * error
    assert -loss.item() == pytest.approx(nats.mean().item(), abs=error)


@LIKELIHOODS
def test_with_several_draws_the_loss_is_minus_the_iwae_bound(likelihood: Likelihood) -> None:
    model, x = small(likelihood=likelihood, draws=7), images(5)
    loss, figures = seeded_loss(model, x)
    torch.manual_seed(1)
    assert -loss.item() == figures["bound"].item() == pytest.approx(model.log_prob(x, samples=7).nats.mean().item(), rel=1e-6)


def test_with_very_many_draws_the_decoder_follows_the_evidence() -> None:
    """Where the bound is tight its gradient is that of log p(x); that of the ELBO is another, while q is not the posterior."""
    model, x = small(latent=1, draws=20_000), images(1)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    assert model.log_sd is not None
    model.log_sd.requires_grad_(True)
    seeded_loss(model, x)[0].backward()
    found = model.log_sd.grad
    evidence = []
    for step in (-1e-3, 1e-3):
        with torch.no_grad():
            model.log_sd.add_(step)
        evidence.append(log_evidence(model, x).item())
        with torch.no_grad():
            model.log_sd.sub_(step)
    assert found is not None
    assert -found.item() == pytest.approx((evidence[1] - evidence[0]) / 2e-3, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"draws": 0}, "draws is at least 1, not 0"),
        ({"draws": 2, "beta": 0.5}, "no KL"),
        ({"draws": 2, "free_bits": 0.1}, "no KL"),
    ],
)
def test_draws_that_make_no_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**arguments)


def test_a_bound_does_not_depend_on_how_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = small(), images(4)
    monkeypatch.setattr(DiagonalGaussian, "sample", lambda self, generator=None: self.mean)  # all draws alike
    one = model.log_prob(x).nats
    assert len(one.unique()) == 4
    for at_once in (1, 12, 25, 4096):  # 1, 3, 6 or all draws for each example at a time
        monkeypatch.setattr(vae, "DECODED_AT_ONCE", at_once)
        torch.testing.assert_close(model.log_prob(x, samples=10).nats, one)


# ---------------------------------------------------------------------------------------------- floors, and independence


def test_deviations_have_a_floor_and_a_ceiling() -> None:
    model = silenced()
    assert model.log_sd is not None
    with torch.no_grad():
        model.log_sd.fill_(-50.0)
        likelihood = model.likelihood(torch.zeros(1, 2))
        assert isinstance(likelihood, DiagonalGaussian)
        assert likelihood.sd.item() == pytest.approx(math.exp(-6))
        assert torch.isfinite(model.loss(images(2))[0])
        for asked, given in ((-50.0, -7.0), (50.0, 2.0), (0.5, 0.5)):
            model.encoder.head.bias[2:].fill_(asked)  # the second half is log sd
            q = model.encode(images(2))
            assert q.log_sd.unique().tolist() == [given]
            assert q.mean.unique().tolist() == [0.0]


@pytest.mark.parametrize("training", [True, False])
def test_a_posterior_is_that_of_its_own_image(training: bool) -> None:
    model, x = small().train(training), images(6)
    others = torch.cat([x[:1], 20 * torch.rand(5, 1, 4, 4, generator=seeded(1))])
    for a, b in ((model.encode(x), model.encode(others)), (model.encode(x), model.encode(x[:1]))):
        torch.testing.assert_close(a.mean[0], b.mean[0])
        torch.testing.assert_close(a.log_sd[0], b.log_sd[0])
    z = torch.randn(6, 2, generator=seeded())
    torch.testing.assert_close(model.decode(z)[0], model.decode(z[:1])[0])


# --------------------------------------------------------------------------------------------------------------- samples


def test_samples_are_decoded_draws_from_the_prior(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small()
    z = torch.randn(50, 2, generator=seeded())
    expected = model.likelihood(z).mean.clamp(0, 1)
    torch.testing.assert_close(model.sample(50, generator=seeded()), expected)
    torch.testing.assert_close(model.sample(50, temperature=0.25, generator=seeded()), model.decode(z / 2))
    monkeypatch.setattr(autoencoder, "DECODED_AT_ONCE", 7)
    torch.testing.assert_close(model.sample(50, generator=seeded()), expected)


@LIKELIHOODS
def test_images_out_are_in_the_unit_interval(likelihood: Likelihood) -> None:
    model = small(likelihood=likelihood)
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(3)
    out = torch.cat([model.sample(200, generator=seeded()), model.reconstruct(images(20)), model.decode(20 * torch.ones(1, 2))])
    assert out.min() < 0.1
    assert out.max() > 0.9
    assert out.min() >= 0
    assert out.max() <= 1


# --------------------------------------------------------------------------------------------------------------- learning


def bars() -> Tensor:
    """Eight images of 8 x 8 pixels, each a bar of two bright rows or columns: which of them is all there is to know."""
    rows = torch.zeros(4, 1, 8, 8)
    for i in range(4):
        rows[i, 0, 2 * i : 2 * i + 2] = 1.0
    return torch.cat([rows, rows.mT])


def learn(data: Tensor, likelihood: Likelihood, steps: int) -> VAE:
    torch.manual_seed(0)
    model = VAE(shape=(1, 8, 8), latent=3, width=8, likelihood=likelihood)
    fast = [replace(update, optimizer=Optimizer(lr=0.01, warmup=20, decay="linear")) for update in model.updates()]
    fit(model, fast, Shuffled(data, 64), steps=steps, precision="fp32", device="cpu")
    return model


def test_bits_are_learned_to_nearly_their_entropy() -> None:
    """Of eight images, log 8 nats and no fewer. Knowing each pixel's frequency alone leaves 36."""
    model = learn(bars().repeat(64, 1, 1, 1), "bernoulli", steps=200)
    nats = -model.log_prob(bars(), samples=100, generator=seeded()).nats.mean().item()
    assert math.log(8) < nats < 6
    assert torch.equal(model.reconstruct(bars()).round(), bars())


def test_the_noise_is_learned_as_the_deviation() -> None:
    images = bars().repeat(64, 1, 1, 1)
    model = learn(images + 0.1 * torch.randn(images.shape, generator=seeded()), "gaussian", steps=300)
    assert model.log_sd is not None
    assert 0.1 < model.log_sd.exp().item() < 0.15
    assert (model.reconstruct(bars()) - bars()).square().mean().sqrt() < 0.1


# ------------------------------------------------------------------------------------------------- fixed and heavy pixels


def test_a_fixed_deviation_is_not_learned() -> None:
    model, learned = small(sd=0.2), small()
    assert model.num_parameters == learned.num_parameters - 1
    with torch.no_grad():
        assert model.likelihood(torch.zeros(1, 2)).log_prob(model.decoder(torch.zeros(1, 2))).item() == pytest.approx(
            -16 * (math.log(0.2) + 0.5 * math.log(2 * math.pi)), rel=1e-5
        )
    assert "spread" not in model.state_dict()


def test_an_error_in_a_heavy_row_counts_so_many_times() -> None:
    plain, heavy = silenced(sd=1.0), silenced(sd=1.0, heavy_rows=(2, 4), row_weight=9.0)
    z, blank = torch.zeros(1, 2), torch.zeros(1, 1, 4, 4)
    for row, weight in ((1, 1.0), (2, 9.0), (3, 9.0)):
        x = blank.clone()
        x[0, 0, row, 0] = 0.5
        lost = [m.likelihood(z).log_prob(blank) - m.likelihood(z).log_prob(x) for m in (plain, heavy)]
        assert lost[1].item() == pytest.approx(weight * lost[0].item(), rel=1e-4)
        assert lost[0].item() == pytest.approx(0.125, rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sd": 0.0}, "sd and row_weight are above 0"),
        ({"row_weight": -1.0}, "sd and row_weight are above 0"),
        ({"heavy_rows": (3, 5)}, r"heavy_rows is \(from, to\) within 4 rows, not \(3, 5\)"),
        ({"heavy_rows": (1,)}, "heavy_rows"),
        ({"likelihood": "bernoulli", "sd": 0.1}, "bits have no deviation"),
        ({"likelihood": "bernoulli", "row_weight": 2.0}, "bits have no deviation"),
    ],
)
def test_deviations_that_make_no_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VAE(shape=(1, 4, 4), **arguments)
