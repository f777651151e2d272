"""Proximal policy optimisation of texts: what is kept of them, what is learned, and on how long a leash."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from genmodels.data import Padded
from genmodels.language import GPT
from genmodels.language.alignment import PPO, Answers, RewardModel, answer_nats
from genmodels.training import Hook, Shuffled, fit
from genmodels.updates import ActiveUpdate

SHAPE: dict[str, Any] = {"tokens": 4, "width": 8, "layers": 1, "heads": 2, "length": 6}
END = 0
HOW: dict[str, Any] = {"precision": "fp32", "device": "cpu", "quiet": True}


def some_gpt(**how: Any) -> GPT:
    torch.manual_seed(0)
    gpt = GPT(**{**SHAPE, **how})
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return gpt


def twos(texts: Answers) -> Tensor:
    """A rule: one for each token 2 of the answer."""
    return ((texts.tokens == 2) & texts.written).sum(1).float()


def prompts(n: int = 8) -> tuple[Tensor, Tensor]:
    return torch.tensor([[1, 2], [3, 0]]).repeat(n // 2, 1), torch.tensor([2, 1]).repeat(n // 2)


def apart(ppo: PPO) -> PPO:
    """With a policy that is not the reference, and a value that is not nothing."""
    with torch.no_grad():
        for parameter in [*ppo.policy.parameters(), *ppo.value.parameters()]:
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return ppo


def test_what_is_kept_is_the_reward_on_its_leash_shared_out_among_tokens() -> None:
    """With all of the sum, what V should have said is the reward to come, each token less beta nats of log p / p_ref."""
    ppo = apart(PPO.of(some_gpt(), twos, beta=0.3, texts=8, lam=1.0))
    torch.manual_seed(0)
    ppo.loss(prompts())
    kept, texts = ppo._kept()
    with torch.no_grad():
        policy, reference = (answer_nats(gpt, texts) for gpt in (ppo.policy, ppo.reference))
        value = ppo._read(texts)[1]
    torch.testing.assert_close(kept.old, policy, atol=1e-5, rtol=1e-5)
    told = []
    for row in range(8):
        begin, end = int(texts.begins[row]), int(texts.ends[row])
        for t in range(begin, end):
            to_come = twos(texts)[row] - 0.3 * (policy - reference)[row, t:end].sum()
            assert kept.target[row, t].item() == pytest.approx(to_come.item(), abs=1e-4)
            told.append((to_come - value[row, t], kept.advantage[row, t]))
        assert (kept.advantage[row, :begin] == 0).all()
        assert (kept.advantage[row, end:] == 0).all()
    plain, standard = torch.tensor(told).unbind(1)
    torch.testing.assert_close(standard, (plain - plain.mean()) / plain.std(), atol=1e-4, rtol=1e-3)


def test_the_first_step_on_new_texts_is_the_plain_policy_gradient() -> None:
    ppo = apart(PPO.of(some_gpt(), twos, texts=8, value=0.0))
    torch.manual_seed(0)
    loss, figures = ppo.loss(prompts())
    parameters = list(ppo.policy.parameters())
    found = torch.autograd.grad(loss, parameters)
    kept, texts = ppo._kept()
    gain = (answer_nats(ppo.policy, texts) * kept.advantage)[texts.written].mean()
    for a, b in zip(found, torch.autograd.grad(-gain, parameters), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-3)
    assert figures["clipped"].item() == 0.0


def test_texts_are_written_anew_when_they_are_used_up() -> None:
    ppo = PPO.of(some_gpt(), twos, texts=8, epochs=3)
    seen, wrote = [], []
    for _ in range(7):
        _, figures = ppo.loss(prompts())
        seen.append(ppo._kept()[1].tokens.clone())
        wrote.append("reward" in figures)
    assert wrote == [True, False, False, True, False, False, True]
    assert torch.equal(seen[0], seen[2])
    assert not torch.equal(seen[2], seen[3])


def test_processes_with_texts_of_their_own_learn_what_one_learns_from_all() -> None:
    """Each counts for as much as the tokens of the answers that it keeps."""
    whole, batch = apart(PPO.of(some_gpt(), twos, texts=8)), prompts()
    torch.manual_seed(0)
    whole.loss(batch)
    found, weights = [], []
    for rows in (slice(8), slice(0, 8, 2), slice(1, 8, 2)):
        ppo = apart(PPO.of(some_gpt(), twos, texts=len(range(8)[rows])))
        for name, buffer in ppo.named_buffers():
            if name.startswith("kept_"):
                buffer.copy_(whole.get_buffer(name)[rows])
        ppo.taken.zero_()
        (update,) = ppo.updates()
        gradients = ActiveUpdate(update, ppo).gradients(batch)[1]
        found.append(torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]))
        assert update.weight is not None
        weights.append(update.weight(batch))
    assert weights[0] == weights[1] + weights[2] == whole._kept()[1].written.sum()
    assert weights[1] != weights[2]
    torch.testing.assert_close((weights[1] * found[1] + weights[2] * found[2]) / weights[0], found[0], atol=1e-5, rtol=1e-4)


def test_fewer_prompts_are_answered_more_than_once_each_time_in_another_way() -> None:
    ppo = PPO.of(some_gpt(), twos, texts=16)
    ppo.loss(prompts(2))
    texts = ppo._kept()[1]
    assert texts.begins.tolist() == [2, 1] * 8
    assert len(texts.tokens[0::2].unique(dim=0)) > 1


@pytest.mark.parametrize("beta", [0.5, 1.0])
def test_on_its_leash_it_comes_to_the_best_policy_there_is(beta: float) -> None:
    """Answers of one token, of which each has a worth: p = p_ref exp(worth / beta) / Z."""
    worth = torch.tensor([0.0, 0.3, 0.6, -0.3])
    gpt = some_gpt(length=2)
    ppo = PPO.of(gpt, lambda texts: worth[texts.tokens[:, 1]], beta=beta, texts=256, lr=1e-2)
    one = (torch.tensor([[1]]), torch.tensor([1]))
    fit(ppo, ppo.updates(), lambda step: one, steps=160, **HOW)
    with torch.no_grad():
        reference = gpt.begin(one[0])[0][0].log_softmax(-1)
        found = ppo.policy.begin(one[0])[0][0].softmax(-1)
    best = (reference + worth / beta).softmax(-1)
    torch.testing.assert_close(found, best, atol=0.06, rtol=0)
    assert F.kl_div(found.log(), best, reduction="sum") < 0.1 * F.kl_div(reference, best, reduction="sum")


def test_it_raises_a_reward_and_a_short_leash_keeps_it_from_that() -> None:
    ends = []
    for beta in (0.0, 10.0):
        ppo = PPO.of(some_gpt(), twos, beta=beta, texts=32, lr=1e-2)
        fitted = fit(ppo, ppo.updates(), lambda step: prompts(), steps=60, **HOW)
        ends.append(fitted.figures)
    assert ends[0]["ppo/reward"] > ends[1]["ppo/reward"] + 1.0
    assert ends[0]["ppo/kl"] > 2.0
    assert ends[1]["ppo/kl"] < 0.3


def test_a_reward_model_is_a_reward() -> None:
    gpt = some_gpt()
    ppo = PPO.of(gpt, RewardModel.of(gpt).eval(), texts=4)
    fitted = fit(ppo, ppo.updates(), lambda step: prompts(), steps=2, **HOW)
    assert "ppo/reward" in fitted.figures
    assert not [name for name in ppo.state_dict() if name.startswith("reward")]


def test_a_run_that_was_cut_short_between_two_writings_ends_with_the_same_bits(tmp_path: Path) -> None:
    def train(**how: Any) -> PPO:
        ppo = PPO.of(some_gpt(), twos, texts=8, epochs=4)
        fit(ppo, ppo.updates(), lambda step: prompts(), steps=14, **HOW, **how)
        return ppo

    def cut(step: int) -> None:
        if step == 7:
            raise RuntimeError("cut")

    whole = train()
    saves = Hook(6, lambda step: {"score": 0.0}, score="score")
    with pytest.raises(RuntimeError, match="cut"):
        train(folder=tmp_path, hooks=[saves, Hook(1, cut)])
    resumed = train(folder=tmp_path, hooks=[saves])
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    whole.save(tmp_path / "model")
    assert torch.equal(PPO.load(tmp_path / "model").get_buffer("kept_tokens"), whole.get_buffer("kept_tokens"))


def test_prompts_of_a_data_set_are_what_it_is_trained_on() -> None:
    ppo = PPO.of(some_gpt(), twos, texts=8)
    data = Padded([torch.tensor([1, 2]), torch.tensor([3]), torch.tensor([2, 1])])
    fit(ppo, ppo.updates(), Shuffled(data, ppo.texts), steps=2, **HOW)
    assert set(ppo._kept()[1].begins.tolist()) == {1, 2}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"end": 4}, "end is a token, from 0 to 3, not 4"),
        ({"beta": -1.0}, "beta is at least 0, not -1"),
        ({"texts": 1}, "texts are at least 2 and epochs at least 1, not 1 and 4"),
        ({"epochs": 0}, "texts are at least 2 and epochs at least 1, not 128 and 0"),
    ],
)
def test_bad_input_is_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PPO(**SHAPE, **wrong)
