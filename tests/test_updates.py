"""One step of an objective, against steps taken by hand."""

import copy
import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genmodels.training import Hook, Shuffled, fit
from genmodels.updates import ActiveUpdate, Optimizer, Update


def quadratic(model: nn.Module) -> Any:
    """A loss of which each parameter's gradient is the parameter less the batch's mean."""

    def loss(batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        return torch.stack([0.5 * (p - batch.mean()).square().sum() for p in model.parameters()]).sum(), {}

    return loss


def active(model: nn.Module, **how: Any) -> ActiveUpdate:
    return ActiveUpdate(Update("u", quadratic(model), model.parameters(), **how), model)


def take(update: ActiveUpdate, steps: Sequence[int], share: float = 0.0) -> None:
    """Take the update at each of these steps of a run."""
    for step in steps:
        _, gradients, _ = update.gradients(torch.full((3,), math.sin(step)))
        norm = torch.nn.utils.get_total_norm([gradient for gradient in gradients if gradient is not None])
        update.move(gradients, norm, step, share)


def layer(weight: Sequence[Sequence[float]] = ((1.0, -2.0),), bias: Sequence[float] = (3.0,)) -> nn.Linear:
    made = nn.Linear(len(weight[0]), len(weight))
    made.weight.data, made.bias.data = torch.tensor(weight), torch.tensor(bias)
    return made


def values(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


# ---------------------------------------------------------------------------------------------------------------- rates


def test_the_rate_rises_and_falls_as_told() -> None:
    flat, rising = Optimizer(lr=2.0), Optimizer(lr=2.0, warmup=4)
    assert [flat.rate(step, share) for step in (0, 50) for share in (0.0, 1.0)] == [2.0] * 4
    assert [rising.rate(step, 0.5) for step in range(6)] == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    linear, cosine = Optimizer(lr=2.0, decay="linear"), Optimizer(lr=2.0, decay="cosine")
    assert [linear.rate(9, share) for share in (0.0, 0.25, 1.0)] == [2.0, 1.5, 0.0]
    by_hand = [2.0, 1.0 + math.sqrt(0.5), 1.0, 0.0]
    assert [cosine.rate(9, share) for share in (0.0, 0.25, 0.5, 1.0)] == pytest.approx(by_hand)
    assert Optimizer(lr=2.0, warmup=4, decay="linear").rate(1, 0.5) == 0.5  # both at once


def test_a_step_is_taken_at_the_rate_of_its_moment() -> None:
    """The first step of Adam moves each number by the rate, whatever its gradient."""
    for step, share, rate in ((0, 0.0, 0.025), (3, 0.0, 0.1), (3, 0.5, 0.05)):
        model = layer()
        take(active(model, optimizer=Optimizer(lr=0.1, warmup=4, decay="linear")), [step], share)
        torch.testing.assert_close(model.weight.data, torch.tensor([[1.0 - rate, -2.0 + rate]]))


def test_a_single_number_moves_in_haste() -> None:
    model = layer()
    model.scale = nn.Parameter(torch.tensor(0.5))  # of no dimension
    take(active(model, optimizer=Optimizer(lr=0.1, warmup=4, decay="linear", haste=3.0)), [3], 0.5)
    torch.testing.assert_close(model.weight.data, torch.tensor([[0.95, -1.95]]))
    assert model.scale.item() == pytest.approx(0.5 - 3 * 0.05, abs=1e-6)


# ---------------------------------------------------------------------------------------------------------------- steps


def adamw(p: float, target: Sequence[float], lr: float, betas: tuple[float, float], decay: float) -> float:
    """Steps of AdamW (Loshchilov and Hutter 2019) on (p - target)^2 / 2, by hand."""
    m = v = 0.0
    for t, wanted in enumerate(target, 1):
        gradient = p - wanted
        p *= 1 - lr * decay
        m = betas[0] * m + (1 - betas[0]) * gradient
        v = betas[1] * v + (1 - betas[1]) * gradient**2
        p -= lr * (m / (1 - betas[0] ** t)) / (math.sqrt(v / (1 - betas[1] ** t)) + 1e-8)
    return p


def test_weight_decay_is_for_matrices_only() -> None:
    model = layer()
    model.scale = nn.Parameter(torch.tensor(0.5))  # of no dimension
    take(active(model, optimizer=Optimizer(lr=0.1, betas=(0.5, 0.75), weight_decay=0.3)), range(3))
    target = [math.sin(step) for step in range(3)]
    for got, start, decay in (
        (model.weight[0, 0], 1.0, 0.3),
        (model.weight[0, 1], -2.0, 0.3),
        (model.bias[0], 3.0, 0.0),
        (model.scale, 0.5, 0.0),
    ):
        assert got.item() == pytest.approx(adamw(start, target, 0.1, (0.5, 0.75), decay), abs=1e-6)


def test_an_update_may_have_only_biases_or_only_matrices() -> None:
    for parameters in ([0], [1]):
        model = layer()
        chosen = [list(model.parameters())[i] for i in parameters]
        before = values(model)
        take(ActiveUpdate(Update("u", quadratic(model), chosen), model), [0])
        assert [i for i, (name, p) in enumerate(model.named_parameters()) if not torch.equal(p, before[name])] == parameters


@pytest.mark.parametrize(("clip", "expected"), [(None, 10.0), (20.0, 10.0), (2.5, 2.5)])
def test_the_gradient_is_clipped_by_its_norm_over_all_parameters(clip: float | None, expected: float) -> None:
    model = layer([[6.0, 0.0]], [8.0])  # so is its gradient, of norm 10
    update = active(model, clip=clip, optimizer=Optimizer(betas=(0.5, 0.9)))
    take(update, [0])
    state = update.state()
    gradient = torch.cat([state["u:exp_avg:weight"].flatten(), state["u:exp_avg:bias"]]) / 0.5
    torch.testing.assert_close(gradient, torch.tensor([0.6, 0.0, 0.8]) * expected)


def test_gradients_reach_its_own_parameters_and_are_not_left_behind() -> None:
    model = layer()
    update = ActiveUpdate(Update("u", quadratic(model), [model.bias]), model)
    loss, gradients, _ = update.gradients(torch.zeros(1))
    assert loss.item() == 0.5 * (1 + 4 + 9)
    assert [gradient.tolist() for gradient in gradients if gradient is not None] == [[3.0]]
    take(update, [0])
    assert model.weight.grad is None
    assert model.bias.grad is None


def test_a_parameter_that_the_loss_does_not_use_stays() -> None:
    model = layer()
    update = ActiveUpdate(Update("u", lambda x: (model.bias.square().sum(), {}), model.parameters()), model)
    take(update, range(3))
    assert model.weight.tolist() == [[1.0, -2.0]]
    assert model.bias.item() < 3.0


# ------------------------------------------------------------------------------------------------------------- averages


@pytest.mark.parametrize("every", [1, 3])
def test_the_average_follows_as_by_hand(every: int) -> None:
    model = layer()
    update = active(model, every=every, ema=0.6, optimizer=Optimizer(lr=0.1))
    average = model.weight.detach().clone()
    for taken in range(1, 21):
        take(update, [every * taken - 1])
        decay = min(0.6, (1 + taken) / (10 + taken))  # 2/11 at first; 0.6 from the 13th on
        average = decay * average + (1 - decay) * model.weight.detach()
        torch.testing.assert_close(update.average["weight"], average)
    assert not torch.allclose(average, model.weight, atol=1e-3)


def test_what_comes_after_a_step_comes_before_the_average() -> None:
    """A bound on the weights is kept after each step, and the average is of weights within it."""
    model = layer()

    def within() -> None:
        assert not torch.is_grad_enabled()
        for parameter in model.parameters():
            parameter.clamp_(-0.5, 0.5)

    update = active(model, optimizer=Optimizer(lr=0.01), ema=0.0, after=within)
    take(update, [0])
    assert model.weight.tolist() == [[0.5, -0.5]]
    assert model.bias.tolist() == [0.5]
    update.swap()
    assert model.weight.tolist() == [[0.5, -0.5]]


def test_swapping_twice_changes_nothing() -> None:
    model = layer()
    update = active(model, ema=0.9, optimizer=Optimizer(lr=0.1))
    take(update, range(5))
    now, average = values(model), {name: tensor.clone() for name, tensor in update.average.items()}
    update.swap()
    assert all(torch.equal(tensor, average[name]) for name, tensor in values(model).items())
    update.swap()
    assert all(torch.equal(tensor, now[name]) for name, tensor in values(model).items())
    assert all(torch.equal(tensor, average[name]) for name, tensor in update.average.items())
    without = active(model)
    without.swap()
    assert all(torch.equal(tensor, now[name]) for name, tensor in values(model).items())


def test_two_updates_may_average_the_same_parameter() -> None:
    """What hooks see must not change what is trained."""
    ends = []
    for every in (1, 1000):
        model = layer()
        loss = quadratic(model)
        updates = [Update(name, loss, model.parameters(), Optimizer(lr=0.1), ema=0.5) for name in ("a", "b")]
        fit(
            model,
            updates,
            Shuffled(torch.zeros(4), 2),
            steps=5,
            device="cpu",
            precision="fp32",
            hooks=[Hook(every, lambda step: None)],
        )
        ends.append(values(model))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_buffers_are_never_averaged() -> None:
    data = torch.randn(32, 2, generator=torch.Generator().manual_seed(0)) * 5 + 3
    ends = []
    for ema in (None, 0.5):
        torch.manual_seed(0)
        model = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1))

        def loss(x: Tensor, model: nn.Module = model) -> tuple[Tensor, dict[str, float]]:
            return model(x).square().mean(), {}

        update = Update("u", loss, model.parameters(), Optimizer(lr=0.1), ema=ema)
        fit(model, [update], Shuffled(data, 8), steps=6, device="cpu", precision="fp32")
        ends.append(model)
    for (name, plain), (_, averaged) in zip(ends[0].named_buffers(), ends[1].named_buffers(), strict=True):
        assert torch.equal(plain, averaged), name
    assert ends[0].get_buffer("0.num_batches_tracked").item() == 6
    assert not torch.equal(ends[0].get_parameter("1.weight"), ends[1].get_parameter("1.weight"))


# ---------------------------------------------------------------------------------------------------------------- state


def test_a_state_goes_on_with_the_same_bits() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3, 2))
    weight = model.get_parameter("0.weight")
    weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    how: dict[str, Any] = {"ema": 0.9, "clip": 1.0, "optimizer": Optimizer(lr=0.01, weight_decay=0.1)}
    update = active(model, **how)
    take(update, range(4))
    twin = copy.deepcopy(model)
    resumed = active(twin, **how)
    resumed.load({name: tensor.clone().contiguous() for name, tensor in update.state().items()})
    for one in (update, resumed):
        take(one, range(4, 9))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))
    assert update.state().keys() == resumed.state().keys()
    assert all(torch.equal(tensor, resumed.state()[name]) for name, tensor in update.state().items())
    strides = {name: tensor.stride() for name, tensor in update.state().items()}
    assert strides == {name: tensor.stride() for name, tensor in resumed.state().items()}

    forgetful = active(copy.deepcopy(twin), **how)
    take(forgetful, [9])
    take(resumed, [9])
    assert not torch.equal(resumed.parameters["2.weight"], forgetful.parameters["2.weight"])


def test_a_state_does_not_mix_with_that_of_other_updates() -> None:
    model = layer()
    one, other = (ActiveUpdate(Update(name, quadratic(model), [model.bias], ema=0.5), model) for name in ("one", "other"))
    take(one, range(3))
    take(other, [0])
    before = {name: tensor.clone() for name, tensor in other.state().items()}
    assert all(name.startswith("one:") for name in one.state())
    other.load(before | one.state())
    assert all(torch.equal(tensor, before[name]) for name, tensor in other.state().items())


def test_what_is_frozen_stays() -> None:
    model = layer([[1.0]], [1.0])
    model.weight.requires_grad_(False)
    update = active(model)
    assert list(update.parameters) == ["bias"]
    take(update, [1, 2])
    assert model.weight.item() == 1.0
    assert model.bias.item() != 1.0
    with pytest.raises(ValueError, match=r"update 'u' has no parameters to move .*frozen"):
        active(model.requires_grad_(False))


# -------------------------------------------------------------------------------------------------------------- refusals


def test_clear_errors() -> None:
    def update(parameters: Any = None, name: str = "u", **how: Any) -> Update:
        return Update(name, quadratic(model), model.parameters() if parameters is None else parameters, **how)

    model = layer()
    spent = model.parameters()
    list(spent)
    with pytest.raises(ValueError, match="update 'u' has no parameters to move"):
        update(spent)
    for name in ("a:b", "a/b"):
        with pytest.raises(ValueError, match=f"update '{name}': a name has no ':' and no '/'"):
            update(name=name)
    with pytest.raises(ValueError, match="every must be at least 1, not 0"):
        update(every=0)
    for ema in (-0.1, 1.0, 1.5):
        with pytest.raises(ValueError, match=rf"ema must lie in \[0, 1\), not {ema}"):
            update(ema=ema)
    with pytest.raises(ValueError, match="update 'u' moves a parameter that is not the model's"):
        ActiveUpdate(update([model.weight, nn.Parameter(torch.zeros(1))]), model)
    assert update(model.parameters()).parameters == (model.weight, model.bias)


# ------------------------------------------------------------------------------------------------------- memory order


def test_a_gradient_that_lies_otherwise_in_memory_moves_the_right_numbers() -> None:
    """Fused optimisers walk parameter and gradient as they lie; a batched product hands back a transposed one."""
    model = layer([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [0.0, 0.0])
    wanted = torch.tensor([[1.0, -1.0, 1.0], [1.0, 1.0, -1.0]])
    update = active(model, optimizer=Optimizer(lr=1.0, betas=(0.0, 0.0)))
    transposed = wanted.t().contiguous().t()
    assert transposed.stride() != model.weight.stride()
    update.move([transposed, torch.zeros(2)], torch.tensor(1.0), 0, 0.0)
    assert model.weight.detach() == pytest.approx(-wanted, abs=1e-5)


def test_the_same_loss_written_with_another_layout_learns_the_same() -> None:
    x, y = torch.randn(64, 3), torch.randn(64, 2)
    learned = []
    for batched in (False, True):
        model = layer([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], [0.0, 0.0])

        def loss(batch: Tensor, model: nn.Linear = model, batched: bool = batched) -> tuple[Tensor, dict[str, float]]:
            weight = model.weight
            out = torch.bmm(x[None], weight[None].transpose(1, 2))[0] + model.bias if batched else model(x)
            return (out - y).square().mean(), {}

        update = ActiveUpdate(Update("u", loss, model.parameters(), Optimizer(lr=0.01)), model)
        take(update, range(50))
        learned.append(model.weight.detach().clone())
    assert learned[0] == pytest.approx(learned[1], abs=1e-5)
