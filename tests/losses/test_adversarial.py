import math

import pytest
import torch

from genmodels.losses import (
    ADVERSARIAL,
    AdversarialName,
    critic_accuracy,
    logistic_critic,
    wasserstein_critic,
    wasserstein_generator,
)


def test_wasserstein_losses_by_hand() -> None:
    real, fake = torch.tensor([[1.0], [4.0]]), torch.tensor([[2.0], [-3.0], [-5.0]])
    assert wasserstein_critic(real, fake).item() == -2.0 - 2.5
    assert wasserstein_generator(fake).item() == 2.0


def test_critic_and_generator_pull_fakes_apart() -> None:
    real, fake = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    by_real, by_fake = torch.autograd.grad(wasserstein_critic(real, fake), [real, fake])
    (wanted,) = torch.autograd.grad(wasserstein_generator(fake), fake)
    assert by_real.tolist() == [-0.25] * 4
    assert torch.equal(by_fake, -wanted)
    assert by_fake.tolist() == [0.25] * 4


def test_the_best_critic_of_a_shift_finds_how_far_it_is() -> None:
    """f(x) = -x has slope 1 and sees the earth mover's distance between examples and the same ones moved by 3."""
    real = torch.randn(100, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(-wasserstein_critic(-real, -(real.flip(0) + 3.0)), torch.tensor(3.0))


# ------------------------------------------------------------------------------------------------------ the other losses


@pytest.mark.parametrize(
    ("name", "critic", "generator"),
    [
        ("minimax", math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1)), -math.log(1 + math.exp(-1))),
        ("non_saturating", math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))),
        ("least_squares", 0.5 * (1 + 1), 0.5 * 4),
        ("wasserstein", -1 - 2, 1),
        ("hinge", 0 + 0, 1),
    ],
)
def test_every_loss_by_hand(name: AdversarialName, critic: float, generator: float) -> None:
    """A real example that scores 2, a fake that scores -1."""
    real, fake = torch.tensor([2.0]), torch.tensor([-1.0])
    assert ADVERSARIAL[name].critic(real, fake).item() == pytest.approx(critic)
    assert ADVERSARIAL[name].generator(fake).item() == pytest.approx(generator)


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_a_critic_that_cannot_tell_has_the_loss_log_4(name: AdversarialName) -> None:
    same = torch.zeros(6)
    assert ADVERSARIAL[name].critic(same, same).item() == pytest.approx(math.log(4))


@pytest.mark.parametrize("name", list(ADVERSARIAL))
def test_every_generator_wants_higher_scores_and_every_critic_the_contrary(name: AdversarialName) -> None:
    real, fake = torch.full((3,), 0.3, requires_grad=True), torch.full((3,), 0.2, requires_grad=True)
    by_real, by_fake = torch.autograd.grad(ADVERSARIAL[name].critic(real, fake), [real, fake])
    (wanted,) = torch.autograd.grad(ADVERSARIAL[name].generator(fake), fake)
    assert (by_real < 0).all()
    assert (by_fake > 0).all()
    assert (wanted < 0).all()


def test_where_the_critic_is_sure_minimax_has_no_gradient_and_the_non_saturating_loss_a_whole_one() -> None:
    fake = torch.tensor([-20.0], requires_grad=True)
    gradients = [torch.autograd.grad(ADVERSARIAL[name].generator(fake), fake)[0] for name in ("minimax", "non_saturating")]
    assert abs(gradients[0].item()) < 1e-8
    assert gradients[1].item() == pytest.approx(-1)


def test_a_margin_is_enough_for_the_hinge() -> None:
    real, fake = torch.tensor([1.5], requires_grad=True), torch.tensor([-1.5], requires_grad=True)
    assert [g.item() for g in torch.autograd.grad(ADVERSARIAL["hinge"].critic(real, fake), [real, fake])] == [0.0, 0.0]


@pytest.mark.parametrize("smooth", [0.1, 0.25])
def test_a_smoothed_critic_is_best_where_it_says_so_often_that_it_is_real(smooth: float) -> None:
    """d/df [-(1 - s) log D - s log (1 - D)] = 0 at D = 1 - s; and fakes are judged as without smoothing."""
    real = torch.tensor([math.log((1 - smooth) / smooth)], requires_grad=True)
    fake = torch.tensor([0.7])
    loss = logistic_critic(real, fake, smooth)
    assert torch.autograd.grad(loss, real)[0].item() == pytest.approx(0, abs=1e-6)
    moved = logistic_critic(real, fake + 1, smooth) - loss
    assert moved.item() == pytest.approx((logistic_critic(real, fake + 1) - logistic_critic(real, fake)).item(), abs=1e-6)


def test_accuracy_is_held_to_where_the_loss_is_undecided() -> None:
    real, fake = torch.tensor([0.6, 0.4]), torch.tensor([0.3, 0.1])
    assert critic_accuracy(real, fake, 0.0).item() == 0.5  # all called real
    assert critic_accuracy(real, fake, 0.5).item() == 0.75
    assert critic_accuracy(real, fake, None).item() == 1.0  # the middle of 0.5 and 0.2 parts them
    assert ADVERSARIAL["wasserstein"].undecided is None
