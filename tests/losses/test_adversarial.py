import torch

from genmodels.losses import wasserstein_critic, wasserstein_generator


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
