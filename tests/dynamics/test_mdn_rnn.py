"""The memory: one step is a step of the whole, what is masked does not count, and toy worlds are learned to their entropy."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from genmodels.dynamics import MDNRNN, State, Window, Windows
from genmodels.model import DynamicsModel
from genmodels.sampling.counter_noise import uniform
from genmodels.training import Optimizer, Update, fit

FORMS = pytest.mark.parametrize(
    "form",
    [{}, {"residual": True}, {"restart": True}, {"reward": True, "end": True}, {"residual": True, "end": True, "deep": 5}],
    ids=["paper", "residual", "restart", "heads", "deep"],
)


def small(**arguments: Any) -> MDNRNN:
    torch.manual_seed(0)
    model = MDNRNN(**{"latent": 3, "actions": 2, "hidden": 7, "mixtures": 4} | arguments)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def stretch(n: int = 5, steps: int = 6, log_sd: float = -30.0) -> Window:
    generator = torch.Generator().manual_seed(1)
    mean, act, rew, end = (
        torch.randn(n, *shape, generator=generator) for shape in ((steps + 1, 3), (steps, 2), (steps,), (steps,))
    )
    return Window(mean, torch.full_like(mean, log_sd), act, rew, (end > 1.0).float(), torch.ones(n, steps))


def steps_of(model: MDNRNN, window: Window) -> list[tuple[Any, State]]:
    """What is predicted at each moment, one step after the other."""
    state, told = model.initial(len(window.mean)), []
    for t in range(window.act.shape[1]):
        prediction, state = model.predict(window.mean[:, t], window.act[:, t], state)
        told.append((prediction, state))
    return told


# ------------------------------------------------------------------------------------------------------------ the paper


def test_it_has_the_papers_parameters() -> None:
    assert MDNRNN(32, 3, 256).num_parameters == 422_368 + 1_024  # one more bias in each of the 4 x 256 gates
    assert MDNRNN(64, 1, 512, restart=True).num_parameters == 1_678_785 + 2_048


def test_it_is_what_a_world_model_needs() -> None:
    model: DynamicsModel = small()
    assert (model.latent_size, model.action_size, model.feature_size, model.noise_size) == (3, 2, 7, 6)
    assert model.features(model.initial(4)).shape == (4, 7)
    assert (small(reward=True).predicts_reward, small(end=True).predicts_end, small(restart=True).predicts_end) == (True,) * 3
    assert (model.predicts_reward, model.predicts_end) == (False, False)


# ------------------------------------------------------------------------------------------------- one step, and the whole


@FORMS
def test_predict_is_a_step_of_unroll(form: dict[str, Any]) -> None:
    model, window = small(**form), stretch()
    h, last = model.unroll(window.mean[:, :-1], window.act)
    told = steps_of(model, window)
    for t, (prediction, _) in enumerate(told):
        torch.testing.assert_close(prediction.h, h[:, t], rtol=0, atol=1e-5)
    for a, b in zip(told[-1][1], last, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


@FORMS
def test_a_stretch_may_be_cut_anywhere(form: dict[str, Any]) -> None:
    model, window = small(**form), stretch()
    z, act = window.mean[:, :-1], window.act
    whole, _ = model.unroll(z, act)
    before, state = model.unroll(z[:, :2], act[:, :2])
    after, _ = model.unroll(z[:, 2:], act[:, 2:], state)
    torch.testing.assert_close(torch.cat([before, after], 1), whole)


@FORMS
def test_a_scan_holds_the_state_of_every_moment(form: dict[str, Any]) -> None:
    model, window = small(**form), stretch()
    states = model.scan(window.mean[:, :-1], window.act)
    h, _ = model.unroll(window.mean[:, :-1], window.act)
    torch.testing.assert_close(states.h[:, 1:], h, rtol=0, atol=1e-5)
    for t, (_, state) in enumerate(steps_of(model, window)):
        for scanned, stepped in zip(states, state, strict=True):
            torch.testing.assert_close(scanned[:, t + 1], stepped)
    assert all(torch.equal(scanned[:, 0], fresh) for scanned, fresh in zip(states, model.initial(5), strict=True))


def test_a_row_does_not_see_another() -> None:
    model, window = small(reward=True, end=True), stretch(8)
    state = State(*(torch.randn_like(x) for x in model.initial(8)))
    z, act, noise = window.mean[:, 0], window.act[:, 0], uniform(0, torch.arange(8), 0, model.noise_size)
    together = model.predict(z, act, state)[0].sample(noise)
    for i in range(8):
        row = slice(i, i + 1)
        alone = model.predict(z[row], act[row], State(*(x[row] for x in state)))[0].sample(noise[row])
        for a, b in zip(alone, together, strict=True):
            torch.testing.assert_close(a, b[row], rtol=0, atol=1e-5)


def test_a_reset_forgets_some_rows_and_keeps_the_others() -> None:
    model, window = small(restart=True), stretch()
    _, state = steps_of(model, window)[-1]
    state.h[1] = math.nan  # also what is not a number is forgotten
    first = torch.tensor([False, True, False, True, True])
    anew = model.reset(state, first)
    for part, kept, fresh in zip(anew, state, model.initial(5), strict=True):
        assert torch.equal(part[first], fresh[first])
        assert torch.equal(part[~first], kept[~first])


def test_a_start_is_seen_once_and_by_the_restart_form_alone() -> None:
    model, window = small(restart=True), stretch()
    fresh = model.initial(5)
    z, act = window.mean[:, 0], window.act[:, 0]
    seen, after = model.predict(z, act, fresh)
    assert after.restart.tolist() == [0.0] * 5
    unseen, _ = model.predict(z, act, fresh._replace(restart=torch.zeros(5)))
    assert not torch.allclose(seen.h, unseen.h, atol=1e-3)
    plain = small()
    told = [plain.predict(z, act, fresh._replace(restart=flag))[0].h for flag in (torch.zeros(5), torch.ones(5))]
    assert torch.equal(*told)


def test_features_are_h_and_with_the_cells_what_takecover_reads() -> None:
    model = small()
    _, state = steps_of(model, stretch())[-1]
    assert torch.equal(model.features(state), state.h)
    assert torch.equal(model.features(state, carry=True), torch.cat([state.c, state.h], 1))


# ------------------------------------------------------------------------------------------------------------ predictions


def test_the_mixtures_of_a_residual_model_move_with_z() -> None:
    window = stretch()
    z, act = window.mean[:, 0], window.act[:, 0]
    plain, residual = small(), small(residual=True)
    fresh = plain.initial(5)
    torch.testing.assert_close(residual.predict(z, act, fresh)[0].z.mean, plain.predict(z, act, fresh)[0].z.mean + z)


def test_a_sample_is_a_draw_and_what_is_read_off_it() -> None:
    model = small(reward=True, end=True, reward_scale=10.0)
    prediction, _ = steps_of(model, stretch())[-1]
    noise = uniform(0, torch.arange(5), 3, model.noise_size)
    z, rew, end = prediction.sample(noise, temperature=1.3)
    normal = math.sqrt(2.0) * torch.erfinv(2.0 * noise[:, 3:] - 1.0)
    torch.testing.assert_close(z, prediction.z.tempered(1.3).draw(noise[:, :3], normal))
    torch.testing.assert_close(rew, prediction.reward(z))
    torch.testing.assert_close(end, prediction.end(z).sigmoid())
    other = prediction.reward(z + 1.0)
    assert not torch.allclose(rew, other, atol=1e-3)  # the moment that came decides
    twice = small(reward=True, end=True, reward_scale=20.0)
    torch.testing.assert_close(steps_of(twice, stretch())[-1][0].reward(z), 2.0 * rew)


def test_the_papers_restart_and_an_end_that_is_foreseen_are_read_off_h_alone() -> None:
    prediction, _ = steps_of(small(restart=True), stretch())[-1]
    assert torch.equal(prediction.end(torch.zeros(5, 3)), prediction.end(torch.ones(5, 3)))
    foreseen, _ = steps_of(small(end=True, foreseen=True), stretch())[-1]
    assert torch.equal(foreseen.end(torch.zeros(5, 3)), foreseen.end(torch.ones(5, 3)))
    ended, _ = steps_of(small(end=True), stretch())[-1]
    assert not torch.allclose(ended.end(torch.zeros(5, 3)), ended.end(torch.ones(5, 3)), atol=1e-3)


def test_what_is_not_predicted_is_zero_in_a_sample_and_refused_when_asked() -> None:
    prediction, _ = steps_of(small(), stretch())[-1]
    outcome = prediction.sample(torch.full((5, 6), 0.5))
    assert outcome.rew.tolist() == outcome.end.tolist() == [0.0] * 5
    with pytest.raises(ValueError, match="build it with reward=True"):
        prediction.reward(outcome.z)
    with pytest.raises(ValueError, match="build it with end=True or restart=True"):
        prediction.end(outcome.z)


# ------------------------------------------------------------------------------------------------------------- the loss


@FORMS
def test_the_loss_is_that_of_predictions_one_by_one(form: dict[str, Any]) -> None:
    model, window = small(**form), stretch()
    loss, figures = model.loss(window)
    told = [prediction for prediction, _ in steps_of(model, window)]
    following = [window.mean[:, t + 1] for t in range(6)]
    nll = -torch.stack([p.z.log_prob(z) for p, z in zip(told, following, strict=True)], 1)
    assert figures["nll"].item() == pytest.approx(nll.mean().item(), rel=1e-5)
    assert figures["nll_per_dim"].item() == pytest.approx(nll.mean().item() / 3, rel=1e-5)
    of_heads = 0.0
    if model.predicts_reward:
        rew = torch.stack([p.reward(z) for p, z in zip(told, following, strict=True)], 1)
        assert figures["reward_mse"].item() == pytest.approx((rew - window.rew).square().mean().item(), rel=1e-4)
        of_heads += 2.0 * figures["reward_mse"].item()
    if model.predicts_end:
        logit = torch.stack([p.end(z) for p, z in zip(told, following, strict=True)], 1)
        weight = 1.0 + 9.0 * window.end if model.restart else torch.ones(5, 6)  # of the ends, in the paper's form
        bce = weight * F.binary_cross_entropy_with_logits(logit, window.end, reduction="none")
        assert window.end.sum() > 0
        assert figures["end_bce"].item() == pytest.approx(bce.mean().item(), rel=1e-4)
        of_heads += figures["end_bce"].item()
    assert loss.item() == pytest.approx(nll.mean().item() + 3 * of_heads, rel=1e-4)


def test_a_share_of_h_is_hidden_in_training_and_not_from_the_lstm_itself() -> None:
    window, forms = stretch(), {"reward": True, "end": True}
    whole, hidden = small(**forms), small(**forms, dropout=0.5)
    assert hidden.eval().loss(window)[0].item() == whole.eval().loss(window)[0].item()
    losses = {round(hidden.train().loss(window)[0].item(), 6) for _ in range(8)}
    assert len(losses) == 8
    assert torch.equal(hidden.unroll(window.mean[:, :-1], window.act)[0], whole.unroll(window.mean[:, :-1], window.act)[0])
    with pytest.raises(ValueError, match="dropout is a share below 1, not 1"):
        small(dropout=1.0)


@FORMS
def test_what_is_masked_does_not_count(form: dict[str, Any]) -> None:
    model, window = small(**form), stretch()
    lengths = torch.tensor([6, 1, 4, 6, 2])
    mask = (torch.arange(6) < lengths[:, None]).float()
    padded = (torch.arange(7) > lengths[:, None])[..., None]
    junk = Window(
        torch.where(padded, 99.0, window.mean),
        window.log_sd,
        torch.where(mask[..., None] > 0, window.act, -99.0),
        torch.where(mask > 0, window.rew, 1e6),
        torch.where(mask > 0, window.end, 1.0),
        mask,
    )
    loss, figures = model.loss(junk)
    clean, same = model.loss(window._replace(mask=mask))
    assert loss.item() == pytest.approx(clean.item(), rel=1e-6)
    alone = [model.loss(Windows(window)[i : i + 1]._replace(mask=mask[i : i + 1]))[1]["nll"] for i in range(5)]
    weighted = sum((n * nll.item() for n, nll in zip(lengths.tolist(), alone, strict=True)), 0.0) / lengths.sum().item()
    assert figures["nll"].item() == same["nll"].item() == pytest.approx(weighted, rel=1e-5)


def test_latents_are_drawn_afresh() -> None:
    model = small()

    def told(window: Window, seed: int) -> float:
        torch.manual_seed(seed)
        return model.loss(window)[0].item()

    assert told(stretch(log_sd=-1.0), 0) == told(stretch(log_sd=-1.0), 0) != told(stretch(log_sd=-1.0), 1)
    assert told(stretch(), 0) == told(stretch(), 1)


def test_the_size_of_rewards_does_not_change_their_loss() -> None:
    window = stretch()
    plain, scaled = small(reward=True), small(reward=True, reward_scale=100.0)
    loss, figures = plain.loss(window)
    same, hundredfold = scaled.loss(window._replace(rew=100.0 * window.rew))
    assert same.item() == pytest.approx(loss.item(), rel=1e-5)
    assert hundredfold["reward_mse"].item() == pytest.approx(1e4 * figures["reward_mse"].item(), rel=1e-4)


def test_half_precision_learns_the_same() -> None:
    """Under autocast the LSTM computes in bf16, and gradients agree to its few digits; likelihoods are of float32."""
    model, window = small(hidden=64, reward=True, end=True), stretch(32, 16)

    def gradients(enabled: bool) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss, figures = model.loss(window)
        assert all(figure.dtype == torch.float32 for figure in (loss, *figures.values()))
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])

    full, half = gradients(False), gradients(True)
    assert F.cosine_similarity(full, half, dim=0).item() > 0.999
    assert not torch.equal(full, half)


# ------------------------------------------------------------------------------------------------------------ toy worlds


def learn(model: MDNRNN, world: Any, steps: int) -> dict[str, float]:
    """The figures of a model on a stretch of the world it has not seen, in eval mode."""
    update = Update("m", model.loss, model.parameters(), Optimizer(lr=1e-2, decay="cosine"), clip=1.0)
    fit(model, [update], lambda step: world(64, step), steps=steps, precision="fp32", device="cpu")
    with torch.no_grad():
        return {name: figure.item() for name, figure in model.loss(world(2000, 10**6))[1].items()}


def jumps(n: int, seed: int) -> Window:
    """z' = z / 2 + act + jump, where the jump is 1 or, in three of ten cases, -1, and a deviation of 0.1."""
    generator = torch.Generator().manual_seed(seed)
    act = 2.0 * torch.rand(n, 8, 1, generator=generator) - 1.0
    up = (torch.rand(n, 8, 1, generator=generator) < 0.7).float()
    noise = 0.1 * torch.randn(n, 8, 1, generator=generator)
    z = [torch.zeros(n, 1)]
    for t in range(8):
        z.append(0.5 * z[-1] + act[:, t] + 2.0 * up[:, t] - 1.0 + noise[:, t])
    mean = torch.stack(z, 1)
    return Window(mean, torch.full_like(mean, -30.0), act, 3.0 * mean[:, 1:, 0], torch.zeros(n, 8), torch.ones(n, 8))


@pytest.mark.parametrize("residual", [False, True])
def test_jumps_are_learned_to_their_entropy(residual: bool) -> None:
    entropy = -0.7 * math.log(0.7) - 0.3 * math.log(0.3) + 0.5 * math.log(2 * math.pi * math.e * 0.01)
    one_gaussian = 0.5 * math.log(2 * math.pi * math.e * (0.01 + 4 * 0.21))  # all that a single Gaussian could reach
    torch.manual_seed(0)
    model = MDNRNN(1, 1, 32, 2, reward=True, residual=residual)
    figures = learn(model, jumps, steps=400)
    assert entropy - 0.02 < figures["nll"] < entropy + 0.1 < one_gaussian - 1.0
    assert figures["reward_mse"] < 0.02  # 3 z', which only the moment that came can tell


def doors(n: int, seed: int, late: int = 0) -> Window:
    """Steps of noise; a step up of more than 0.5 ends the episode. With `late`, its flag is put on a later action."""
    generator = torch.Generator().manual_seed(seed)
    act = 2.0 * torch.rand(n, 10, 1, generator=generator) - 1.0
    mean = torch.randn(n, 11, 1, generator=generator)
    over = (act[..., 0] > 0.5).float()
    mask = (over.cumsum(1) - over == 0).float()  # up to and with the action that ends it
    end = F.pad(over * mask, (late, 0))[:, :10]
    return Window(mean, torch.full_like(mean, -30.0), act, torch.zeros(n, 10), end, mask)


@pytest.mark.parametrize("form", [{"end": True}, {"restart": True}], ids=["end", "restart"])
def test_an_end_belongs_to_the_action_that_made_it(form: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = MDNRNN(1, 1, 16, 2, **form)
    assert learn(model, doors, steps=300)["end_bce"] < (0.3 if model.restart else 0.1)  # that of the restart is heavier
    rows = 50
    acts = torch.linspace(-0.9, 0.9, rows)[:, None]
    sure = (acts[:, 0] - 0.5).abs() > 0.15
    _, state = model.predict(torch.zeros(rows, 1), torch.full((rows, 1), -0.5), model.initial(rows))
    with torch.no_grad():
        outcome = model.predict(torch.zeros(rows, 1), acts, state)[0].sample(torch.full((rows, 2), 0.5))
    assert torch.equal((outcome.end > 0.5)[sure], (acts[:, 0] > 0.5)[sure])


def test_an_end_put_on_the_next_action_cannot_be_learned() -> None:
    """Shifted by one the flag falls under the mask: no end is ever seen, and none is foreseen."""
    torch.manual_seed(0)
    model = MDNRNN(1, 1, 16, 2, end=True)
    learn(model, lambda n, seed: doors(n, seed, late=1), steps=100)
    with torch.no_grad():
        prediction, _ = model.predict(torch.zeros(1, 1), torch.full((1, 1), 0.9), model.initial(1))
        assert prediction.sample(torch.full((1, 2), 0.5)).end.item() < 0.05


def test_fit_chooses_a_precision_for_windows_too() -> None:
    model = small(reward=True, end=True)
    fitted = model.fit(Windows(stretch(32)), steps=3, batch_size=8)
    assert fitted.precision in ("fp32", "bf16")
    assert "mdn_rnn/end_bce" in fitted.figures


# -------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"end": True, "restart": True}, "end and restart are two ways to learn the same: choose one"),
        ({"reward_scale": 0.0}, "reward_scale is above 0, not 0.0"),
        ({"sigma_floor": -0.1}, "floor: the least deviation is at least 0, not -0.1"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**arguments)


def test_actions_of_another_size_are_refused() -> None:
    model = small()
    with pytest.raises(ValueError, match=r"built for actions of shape \(2,\), these are \(3,\)"):
        model.predict(torch.zeros(1, 3), torch.zeros(1, 3), model.initial(1))
