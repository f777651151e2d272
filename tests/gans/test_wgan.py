"""Who sees which examples, who moves when, and what is asked of the critic where."""

import dataclasses
import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genmodels.gans import WGANGP
from genmodels.training import Optimizer, Shuffled, Update, fit


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear_critic(w: Tensor) -> nn.Module:
    critic = nn.Linear(len(w), 1, bias=False)
    critic.weight.data = w[None]
    return critic


def constant_generator(to: Tensor, latent: int) -> nn.Module:
    generator = nn.Linear(latent, len(to))
    nn.init.zeros_(generator.weight)
    generator.bias.data = to
    return generator


def values(module: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# --------------------------------------------------------------------------------------------------------------- losses


def test_losses_by_hand() -> None:
    """A critic w . x with |w| = 5, fakes all at (1, 0): what each loss is can be said beforehand."""
    model = WGANGP(shape=(2,), latent=3, penalty=0.5)
    model.critic = linear_critic(torch.tensor([3.0, 4.0]))
    model.generator = constant_generator(torch.tensor([1.0, 0.0]), latent=3)
    real = torch.tensor([[1.0, 1.0], [0.0, 0.5]])  # scores 7 and 2
    loss, figures = model.critic_loss(real)
    assert figures["distance"].item() == pytest.approx(4.5 - 3.0)
    assert figures["slope"].item() == pytest.approx(5.0)
    assert loss.item() == pytest.approx(3.0 - 4.5 + 0.5 * (5 - 1) ** 2)
    loss, _ = model.generator_loss(real)
    assert loss.item() == pytest.approx(-3.0)


def test_the_penalty_is_taken_between_real_and_fake() -> None:
    """The critic is asked twice: about real ones and fakes, and about points on the way from these to those."""
    asked: list[Tensor] = []

    class Asked(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            asked.append(x.detach().clone())
            return super().forward(x)

    torch.manual_seed(0)
    model = WGANGP(shape=(2,), latent=3, width=4)
    model.critic = Asked(2, 1)
    batch = 5 + torch.rand(500, 2)
    model.critic_loss(batch)
    both, between = asked
    real, fake = both.chunk(2)
    assert torch.equal(real, batch)
    assert len(fake.unique(dim=0)) == 500
    share = (between - fake) / (real - fake)
    torch.testing.assert_close(share[:, 0], share[:, 1])
    assert share.min() > -1e-5
    assert share.max() < 1 + 1e-5
    assert share.mean().item() == pytest.approx(0.5, abs=0.05)
    assert share.var().item() == pytest.approx(1 / 12, abs=0.02)


def test_every_critic_step_makes_fakes_anew() -> None:
    torch.manual_seed(0)
    model = WGANGP(shape=(2,), latent=3, width=4)
    made: list[Tensor] = []
    model.generator.register_forward_hook(lambda module, inputs, output: made.append(output))
    for _ in range(3):
        model.critic_loss(torch.rand(4, 2))
        model.generator_loss(torch.rand(4, 2))
    assert len(torch.cat(made).unique(dim=0)) == 6 * 4
    assert [fakes.requires_grad for fakes in made] == [False, True] * 3  # the critic's loss ends at the fakes


# ------------------------------------------------------------------------------------------------------------------ steps


def test_the_generator_moves_at_every_few_steps_and_the_critic_sees_fresh_examples_at_each() -> None:
    torch.manual_seed(0)
    model = WGANGP(shape=(2,), latent=3, width=4, critic_steps=3)
    data, asked = torch.rand(64, 2), []
    shuffled = Shuffled(data, 8)
    log: list[tuple[str, Tensor, list[Tensor], list[Tensor]]] = []

    def batches(step: int) -> Tensor:
        asked.append(step)
        return shuffled(step)

    def watched(update: Update) -> Update:
        def loss(batch: Tensor) -> Any:
            log.append((update.name, batch.clone(), values(model.critic), values(model.generator)))
            return update.loss(batch)

        return dataclasses.replace(update, loss=loss)

    fit(model, [watched(update) for update in model.updates()], batches, steps=8, precision="fp32", device="cpu")
    assert asked == list(range(8))
    c, g = "critic", "generator"
    assert [name for name, *_ in log] == [c, c, c, g, c, c, c, g, c, c]
    seen = torch.cat([batch for name, batch, _, _ in log if name == c])
    assert len(seen.unique(dim=0)) == 64  # eight batches of eight: no example twice
    for (name, _, critic, generator), (_, _, next_critic, next_generator) in itertools.pairwise(log):
        assert same(critic, next_critic) == (name == g)
        assert same(generator, next_generator) == (name == c)


def test_critic_and_generator_are_all_there_is_and_have_nothing_in_common() -> None:
    for shape in ((1, 8, 8), (2,)):
        model = WGANGP(shape=shape, width=4)
        critic, generator = (set(map(id, update.parameters)) for update in model.updates())
        assert not critic & generator
        assert critic == set(map(id, model.critic.parameters()))
        assert critic | generator == set(map(id, model.parameters()))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16), (5,)])
def test_the_critic_scores_each_example_by_itself(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    critic = WGANGP(shape=shape, width=4).train().critic
    x = torch.rand(6, *shape)
    others = torch.cat([x[:1], 30 * torch.randn(5, *shape)])
    assert torch.equal(critic(x), critic(x))  # no dropout
    torch.testing.assert_close(critic(x)[0], critic(others)[0])
    torch.testing.assert_close(critic(x)[0], critic(x[:1])[0])
    assert critic(x).numel() == 6
    assert len(critic(x).unique()) == 6


# --------------------------------------------------------------------------------------------------------------- samples


def test_samples_are_decoded_draws_from_the_prior() -> None:
    for shape in ((1, 8, 8), (2,)):
        model = WGANGP(shape=shape, latent=3, width=4)
        z = torch.randn(20, 3, generator=seeded())
        torch.testing.assert_close(model.sample(20, generator=seeded()), model.decode(z).detach())
        torch.testing.assert_close(model.sample(20, temperature=0.25, generator=seeded()), model.decode(z / 2).detach())


def test_images_are_in_the_unit_interval_and_vectors_anywhere() -> None:
    torch.manual_seed(0)
    for shape, bounded in (((1, 8, 8), True), ((2,), False)):
        model = WGANGP(shape=shape, latent=3, width=4)
        with torch.no_grad():
            for parameter in model.generator.parameters():
                parameter.mul_(8)
        out = model.sample(200, generator=seeded())
        assert (out.min() >= 0 and out.max() <= 1) == bounded
        assert out.std() > 0.1


def test_the_generator_of_images_sees_one_example_at_a_time() -> None:
    """Its normalisation is over the channels of a pixel: no batch norm, so a sample does not depend on its company."""
    torch.manual_seed(0)
    model = WGANGP(shape=(1, 8, 8), latent=3, width=4).train()
    z = torch.randn(20, 3, generator=seeded())
    torch.testing.assert_close(model.decode(z)[:1], model.decode(z[:1]))
    assert not list(model.generator.buffers())


# --------------------------------------------------------------------------------------------------------------- learning


def test_it_learns_where_examples_are() -> None:
    """Three clusters, each of a third of the examples: all are found, and most samples are close to one."""
    centres = torch.tensor([[2.0, -1.0], [-2.0, 1.0], [0.0, 2.0]])
    data = centres[torch.arange(999) % 3] + 0.1 * torch.randn(999, 2, generator=seeded())
    torch.manual_seed(0)
    model = WGANGP(shape=(2,), latent=2, width=32, penalty=0.1, critic_steps=2)
    fast = Optimizer(lr=5e-3, betas=(0.0, 0.9), decay="linear")
    updates = [dataclasses.replace(update, optimizer=fast) for update in model.updates()]
    fit(model, updates, Shuffled(data, 64), steps=800, precision="fp32", device="cpu")
    distance, nearest = torch.cdist(model.sample(999, generator=seeded()), centres).min(1)
    assert (distance < 0.5).float().mean() > 0.6
    assert (nearest.bincount(minlength=3) > 200).all()
