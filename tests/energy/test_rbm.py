"""Restricted Boltzmann machines against enumeration, and stacks of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels.energy import DBN, RBM
from genmodels.energy.rbm import all_states, draw
from genmodels.metrics import annealed_importance
from genmodels.training import Shuffled, fit


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def wild(visible: int = 6, hidden: int = 4, strength: float = 1.0, **arguments: Any) -> RBM:
    """One whose bits depend strongly on each other."""
    torch.manual_seed(0)
    model = RBM(shape=(visible,), hidden=hidden, **arguments)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(strength * torch.randn(parameter.shape, generator=seeded(1)))
    return model


def gradient(model: RBM, loss: Tensor) -> Tensor:
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(model.parameters()))])


def exact_gradient(model: RBM, data: Tensor) -> Tensor:
    """Of minus the log-likelihood."""
    return gradient(model, (model.free_energy(data).mean() + model.log_z()).float())


# -------------------------------------------------------------------------------------------------------------- density


def test_the_free_energy_by_hand() -> None:
    model = RBM(shape=(2,), hidden=1, chains=0)
    with torch.no_grad():
        model.a.copy_(torch.tensor([0.5, -1.0]))
        model.c.fill_(0.25)
        model.weights.copy_(torch.tensor([[2.0], [-3.0]]))
    v = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    by_hand = [-(0.5 + math.log(1 + math.exp(2.25))), -(-0.5 + math.log(1 + math.exp(-0.75)))]
    assert model.free_energy(v).tolist() == pytest.approx(by_hand)


def test_the_free_energy_is_the_joint_summed_over_hidden_bits() -> None:
    model, v, h = wild(), all_states(6).float(), all_states(4).float()
    joint = (v @ model.a)[:, None] + h @ model.c + v @ model.weights @ h.T
    torch.testing.assert_close(-model.free_energy(v), joint.logsumexp(1))
    torch.testing.assert_close(model.log_z(), joint.double().logsumexp((0, 1)))


@pytest.mark.parametrize(("visible", "hidden"), [(6, 4), (4, 6)])
def test_probabilities_over_all_visible_bits_sum_to_one(visible: int, hidden: int) -> None:
    told = wild(visible, hidden).log_prob(all_states(visible).float())
    assert told.kind == "exact"
    assert told.nats.exp().sum().item() == pytest.approx(1.0, abs=1e-5)


def test_beyond_enumeration_the_constant_is_left_out_and_said_so() -> None:
    model = RBM(shape=(20,), hidden=17)
    v = torch.ones(3, 20)
    told = model.log_prob(v)
    assert told.kind == "unnormalised"
    torch.testing.assert_close(told.nats, -model.free_energy(v))
    with pytest.raises(ValueError, match="layers of 20 and 17 bits: log Z is summed where one has at most 16"):
        model.log_z()
    assert model.validation(v, 2) is None
    assert wild().validation(v, 2) is not None


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_annealed_importance_sampling_is_within_a_tenth_of_enumeration(strength: float) -> None:
    model, noise = wild(20, 12, strength), seeded()
    betas = torch.linspace(0, 1, 501)
    found = annealed_importance(model.log_f, model.gibbs, model.coins(500, noise), betas, noise, model.log_z_of_coins())
    assert found.log_z == pytest.approx(model.log_z().item(), abs=0.1)


def test_the_coins_of_which_annealing_begins_are_normalised() -> None:
    model = wild()
    log_p = model.log_f(all_states(6).float(), 0.0) - model.log_z_of_coins()
    assert log_p.exp().sum().item() == pytest.approx(1.0, abs=1e-5)
    torch.testing.assert_close(model.coins(20_000, seeded()).mean(0), model.a.sigmoid().detach(), rtol=0, atol=0.02)


# -------------------------------------------------------------------------------------------------------------- samples


def test_samples_are_as_probable_as_the_model_says() -> None:
    model = wild(strength=0.7, length=100)
    samples = model.sample(8000, generator=seeded())
    index = (samples @ 2.0 ** torch.arange(6)).long()
    shares = torch.bincount(index, minlength=64) / len(samples)
    p = model.log_prob(all_states(6).float()).nats.exp()
    assert 0.5 * (shares - p).abs().sum() < 0.04


def test_cold_samples_are_the_likely_ones() -> None:
    model = wild(length=50)
    nats = [model.log_prob(model.sample(500, temperature=t, generator=seeded())).nats.mean() for t in (0.2, 1.0, 5.0)]
    assert nats[0] > nats[1] > nats[2]


# ------------------------------------------------------------------------------------------------------------- training


def test_contrastive_divergence_points_where_the_likelihood_rises() -> None:
    """Chains of one step are biased, and many examples leave little else: the direction is about right."""
    model = wild(strength=0.5, chains=0, k=1)
    data = draw(torch.rand(6, generator=seeded(2)).expand(20_000, -1), seeded(3))
    torch.manual_seed(4)
    told, exact = gradient(model, model.loss(data)[0]), exact_gradient(model, data)
    assert torch.cosine_similarity(told, exact, dim=0) > 0.9


def test_chains_that_have_mixed_give_the_gradient_of_the_likelihood() -> None:
    model = wild(strength=0.5, chains=20_000, k=30)
    data = draw(torch.rand(6, generator=seeded(2)).expand(500, -1), seeded(3))
    torch.manual_seed(4)
    torch.testing.assert_close(gradient(model, model.loss(data)[0]), exact_gradient(model, data), rtol=0, atol=0.015)


@pytest.mark.parametrize("chains", [0, 64])
def test_it_learns_bits_that_hang_together(chains: int) -> None:
    """Two patterns and their flips of single bits; independent bits would cost 8 log 2 = 5.5 nats."""
    pattern = torch.tensor([[1.0, 1, 1, 1, 0, 0, 0, 0], [0.0, 0, 0, 0, 1, 1, 1, 1]])
    data = (pattern[torch.arange(512) % 2] - draw(torch.full((512, 8), 0.05), seeded())).abs()
    torch.manual_seed(0)
    model = RBM(shape=(8,), hidden=6, chains=chains, k=3, lr=0.01)
    fit(model, model.updates(), Shuffled(data, 64), steps=400, precision="fp32", device="cpu", quiet=True)
    assert -model.log_prob(data).nats.mean() < 2.9  # log 2 + 8 bits of 0.2 nats is 2.3


def test_chains_go_on_in_training_alone_and_come_back_with_the_model(tmp_path: Path) -> None:
    model, data = wild(chains=8), torch.ones(4, 6)
    assert model.replay is not None
    before = model.replay.clone()
    model.eval().loss(data)
    assert torch.equal(model.replay, before)
    model.train().loss(data)
    assert not torch.equal(model.replay, before)
    model.save(tmp_path)
    assert torch.equal(RBM.load(tmp_path).state_dict()["replay"], model.replay)


def test_the_first_batch_says_how_frequent_bits_are() -> None:
    """Before anything is learned the bits are independent, those of its chains too; a second batch changes neither."""
    frequent = torch.tensor([0.05, 0.5, 0.9])
    data = draw(frequent.expand(4000, 3), seeded())
    torch.manual_seed(0)
    model = RBM((3,), hidden=4, chains=4000).train()
    model.loss(data)
    torch.testing.assert_close(model.a.detach().sigmoid(), data.mean(0), rtol=0, atol=1e-3)
    assert model.replay is not None
    torch.testing.assert_close(model.replay.mean(0), frequent, rtol=0, atol=0.05)
    before = model.a.detach().clone()
    model.loss(1.0 - data)
    assert torch.equal(model.a, before)


def test_chains_of_annealing_end_where_the_data_are() -> None:
    """Of two patterns; a bit that is always off must not become a coin where all hidden bits are off."""
    patterns = torch.cat([torch.eye(2).repeat_interleave(6, 1), torch.zeros(2, 12)], 1)
    model = RBM((24,), hidden=8, lr=1e-2)
    fit(model, model.updates(), lambda step: patterns.repeat(32, 1), steps=600, precision="fp32", device="cpu", quiet=True)
    random, betas = seeded(), torch.linspace(0, 1, 500)
    found = annealed_importance(model.log_f, model.gibbs, model.coins(200, random), betas, random, model.log_z_of_coins())
    assert found.ends[:, 12:].mean() < 0.05
    assert found.log_z == pytest.approx(model.log_z().item(), abs=0.1)


# ------------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RBM(hidden=0), "hidden, k and length are at least 1, not 0, 1 and 1000"),
        (lambda: RBM(k=0), "hidden, k and length are at least 1"),
        (lambda: RBM(chains=-1), "chains are 0 or more, not -1"),
        (lambda: wild().sample(1, cond=torch.tensor([0])), "this RBM is not conditional"),
    ],
)
def test_what_cannot_be_says_why(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# --------------------------------------------------------------------------------------------------------------- stacks


def test_each_machine_of_a_stack_learns_what_the_one_below_draws() -> None:
    torch.manual_seed(0)
    model = DBN(shape=(6,), hidden=(4, 3), chains=8)
    v = draw(torch.full((5, 6), 0.5), seeded())
    torch.manual_seed(1)
    told, _ = model.layer_loss(1, v)
    torch.manual_seed(1)
    below, above = model.machines
    expected, _ = above.loss(draw(below.hidden(v)))
    assert told.item() == pytest.approx(expected.item(), abs=0.5)  # the chains have moved on by a step
    of_below = torch.autograd.grad(told, list(below.parameters()), allow_unused=True)
    assert of_below == (None, None, None)


def test_a_stack_is_drawn_from_the_top_down() -> None:
    """Weights that copy bits from layer to layer: the visible bits are those that the top likes."""
    model = DBN(shape=(3,), hidden=(3, 1), length=20)
    below, above = model.machines
    with torch.no_grad():
        for machine in model.machines:
            for parameter in machine.parameters():
                parameter.zero_()
        below.weights.copy_(40.0 * torch.eye(3))
        below.a.fill_(-20.0)
        above.a.copy_(torch.tensor([20.0, -20.0, 20.0]))
    assert model.sample(4, generator=seeded()).tolist() == [[1.0, 0.0, 1.0]] * 4


def test_a_stack_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"hidden: a stack has two layers of hidden bits or more, not \(500,\)"):
        DBN(hidden=(500,))
