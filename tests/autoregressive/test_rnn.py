"""Recurrent networks: what they have read, when, and that nothing else enters."""

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels import training
from genmodels.autoregressive import RNN, BidirectionalRNN, rnn
from genmodels.data import Padded, Streams, Vocabulary
from genmodels.model import Density, NotSupported, Samples
from genmodels.sampling import beam_search, counter_noise, generate
from genmodels.training import fit

KINDS = pytest.mark.parametrize(("cell", "layers"), [("lstm", 1), ("lstm", 2), ("gru", 1), ("gru", 2)])
LIKELIHOODS = pytest.mark.parametrize("likelihood", ["categorical", "bernoulli"])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(model: type[Any] = RNN, **arguments: Any) -> Any:
    """A model no part of which is zero."""
    torch.manual_seed(0)
    built = model(**{"size": 5, "hidden": 6, "embed": 4} | arguments)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return built.eval()


def sequences(likelihood: str, n: int, length: int, size: int = 5, seed: int = 0) -> Tensor:
    if likelihood == "categorical":
        return torch.randint(size, (n, length), generator=seeded(seed))
    return torch.randint(2, (n, length, size), generator=seeded(seed)).float()


# -------------------------------------------------------------------------------------------------------------- by hand


def test_knowing_nothing_every_step_costs_its_entropy() -> None:
    for likelihood, nats in (("categorical", 7 * math.log(5)), ("bernoulli", 7 * 5 * math.log(2))):
        for model in (small(likelihood=likelihood), small(BidirectionalRNN, likelihood=likelihood)):
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.zero_()
            x = sequences(likelihood, 3, 7)
            assert model.step_nats(x).sum(1).tolist() == pytest.approx([-nats] * 3)
            assert model.loss(x)[0].item() == pytest.approx(nats / 7)


def test_lstm_as_its_equations_say() -> None:
    model, x = small(layers=2), sequences("categorical", 2, 6)
    h, c = ([model.reader.start[kind, layer].expand(2, -1) for layer in range(2)] for kind in range(2))
    for step in range(6):
        logits = h[1] @ model.steps.head.weight.T + model.steps.head.bias
        expected = logits.log_softmax(-1)[torch.arange(2), x[:, step]]
        torch.testing.assert_close(model.step_nats(x)[:, step], expected)
        below = model.steps.embedding.weight[x[:, step]]
        for layer in range(2):
            w, u, b, d = (
                getattr(model.reader.cells, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            i, f, g, o = (below @ w.T + b + h[layer] @ u.T + d).chunk(4, dim=1)
            c[layer] = f.sigmoid() * c[layer] + i.sigmoid() * g.tanh()
            h[layer] = below = o.sigmoid() * c[layer].tanh()


def test_gru_as_its_equations_say() -> None:
    model, x = small(cell="gru", likelihood="bernoulli"), sequences("bernoulli", 2, 6)
    h = model.reader.start[0, 0].expand(2, -1)
    w, u, b, d = (getattr(model.reader.cells, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    for step in range(6):
        p = (h @ model.steps.head.weight.T + model.steps.head.bias).sigmoid()
        expected = torch.where(x[:, step] > 0, p, 1 - p).log().sum(1)
        torch.testing.assert_close(model.step_nats(x)[:, step], expected, rtol=1e-4, atol=1e-5)
        seen = x[:, step] @ model.steps.embedding.weight.T + model.steps.embedding.bias
        (r, z, n), (r_h, z_h, n_h) = (seen @ w.T + b).chunk(3, 1), (h @ u.T + d).chunk(3, 1)
        update = (z + z_h).sigmoid()
        h = (1 - update) * (n + (r + r_h).sigmoid() * n_h).tanh() + update * h


@KINDS
def test_all_sequences_together_have_probability_one(cell: str, layers: int) -> None:
    tokens = torch.tensor(list(itertools.product(range(3), repeat=4)))
    bits = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6))).view(-1, 3, 2)
    for likelihood, size, x in (("categorical", 3, tokens), ("bernoulli", 2, bits)):
        told = small(size=size, cell=cell, layers=layers, likelihood=likelihood).log_prob(x)
        assert told.kind == "exact"
        assert told.nats.exp().sum().item() == pytest.approx(1.0, abs=1e-5)
        assert told.nats.std() > 0.1


# --------------------------------------------------------------------------------------------------- what enters, and when


@KINDS
@LIKELIHOODS
def test_a_step_is_told_by_those_before_it_alone(cell: str, layers: int, likelihood: str) -> None:
    """The gradient in what is read at a later step is exactly zero, and in what is read at an earlier one is not."""
    model = small(cell=cell, layers=layers, likelihood=likelihood)
    for step in range(6):
        found = influence(model, likelihood, step)
        assert (found[:step] > 0).all()
        assert (found[step:] == 0).all()


@KINDS
@LIKELIHOODS
def test_from_both_sides_a_step_is_told_by_all_but_itself(cell: str, layers: int, likelihood: str) -> None:
    model = small(BidirectionalRNN, cell=cell, layers=layers, likelihood=likelihood)
    for step in range(6):
        found = influence(model, likelihood, step)
        assert found[step] == 0
        assert (found[torch.arange(7) != step] > 0).all()


def influence(model: Any, likelihood: str, step: int) -> Tensor:
    """How much the logits of a step depend on what is read at each of seven: the sums of their gradients' sizes."""
    read: list[Tensor] = []

    def watch(module: Any, inputs: Any, embedded: Tensor) -> Tensor:
        read.append(embedded.detach().requires_grad_())
        return read[0]

    handle = model.steps.embedding.register_forward_hook(watch)
    x = sequences(likelihood, 1, 7)
    everything = torch.ones(1, 7, dtype=torch.bool)
    logits = model.scan(x)[0] if isinstance(model, RNN) else model.scan(x, everything, ~everything)
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, step].square().sum(), read)
    return gradient[0].abs().sum(-1)


@pytest.mark.parametrize("model", [RNN, BidirectionalRNN])
@LIKELIHOODS
def test_padding_counts_for_nothing(model: type[Any], likelihood: str) -> None:
    built, lengths = small(model, likelihood=likelihood, layers=2), torch.tensor([7, 3, 1, 5])
    x, other = sequences(likelihood, 4, 7), sequences(likelihood, 4, 7, seed=1)
    real = torch.arange(7) < lengths[:, None]
    padded = torch.where(real if likelihood == "categorical" else real[..., None], x, other)
    told = built.step_nats((padded, lengths))
    assert (told[~real] == 0).all()
    for row, length in enumerate(lengths.tolist()):
        alone = built.step_nats(x[row : row + 1, :length])[0]
        torch.testing.assert_close(told[row, :length], alone)
    losses, gradients = [], []
    for batch in (x, padded):
        torch.manual_seed(3)
        loss, _ = built.loss((batch, lengths))
        losses.append(loss.item())
        gradients.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(built.parameters()))]))
    assert losses[0] == losses[1]
    torch.testing.assert_close(*gradients)
    if model is RNN:
        assert losses[0] == pytest.approx(-told.sum().item() / 16)
        torch.testing.assert_close(built.log_prob((padded, lengths)).nats, told.sum(1))


@pytest.mark.parametrize("likelihood", ["categorical", "bernoulli"])
def test_a_hidden_step_tells_the_others_nothing(likelihood: str) -> None:
    hidden = torch.rand(4, 9, generator=seeded()) < 0.5
    x, other = sequences(likelihood, 4, 9), sequences(likelihood, 4, 9, seed=1)
    changed = torch.where(hidden if likelihood == "categorical" else hidden[..., None], other, x)
    for model in (RNN, BidirectionalRNN):
        built = small(model, likelihood=likelihood)
        filled = built.infill(x, hidden)
        assert torch.equal(filled, built.infill(changed, hidden))
        assert torch.equal(filled[~hidden], x[~hidden])
        assert not torch.equal(filled[hidden], x[hidden])
        assert torch.equal(built.infill(x, torch.zeros_like(hidden)), x)


# --------------------------------------------------------------------------------------------------- carried from step to step


@KINDS
@LIKELIHOODS
def test_a_carried_state_is_as_good_as_the_whole_prefix(cell: str, layers: int, likelihood: str) -> None:
    model, x = small(cell=cell, layers=layers, likelihood=likelihood), sequences(likelihood, 3, 12)
    whole, _ = model.scan(x)
    logits, state = model.begin(x[:, :4])
    for step in range(4, 12):
        torch.testing.assert_close(logits, whole[:, step], rtol=0, atol=1e-5)
        torch.testing.assert_close(model.begin(x[:, :step])[0], logits, rtol=0, atol=1e-5)
        logits, state = model.advance(x[:, step], state)
    rows = torch.tensor([2, 0, 2, 1])
    torch.testing.assert_close(model.advance(x[rows, 0], model.pick(state, rows))[0], model.advance(x[:, 0], state)[0][rows])


def test_log_prob_does_not_depend_on_how_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = small(layers=2), sequences("categorical", 3, 20)
    whole = model.log_prob(x).nats
    monkeypatch.setattr(rnn, "AT_ONCE", 3)
    torch.testing.assert_close(model.log_prob(x).nats, whole)


@KINDS
@LIKELIHOODS
def test_a_sample_is_what_reading_it_all_again_would_draw(cell: str, layers: int, likelihood: str) -> None:
    model, prompt = small(cell=cell, layers=layers, likelihood=likelihood), sequences(likelihood, 3, 4)
    drawn = model.sample(3, prompt=prompt, length=10, temperature=0.8, generator=seeded(5))
    seed = int(torch.randint(2**62, (), generator=seeded(5)).item())
    said = prompt
    for step in range(10):
        noise = counter_noise.uniform(seed, torch.arange(3), step, model.steps.noise_size)
        logits, _ = model.begin(said)
        said = torch.cat([said, model.steps.draw(logits, 0.8, noise)[:, None]], 1)
    assert torch.equal(said[:, 4:], drawn)
    alone = model.sample(1, prompt=prompt[:1], length=10, temperature=0.8, generator=seeded(5))
    assert torch.equal(alone[0], drawn[0])


def test_it_is_decoded_as_any_model_of_tokens() -> None:
    model = small(layers=2, cell="gru")
    prompts = sequences("categorical", 16, 3)
    texts = generate(model, prompts, 12, top_k=4, top_p=0.95, seed=2)
    assert torch.equal(generate(model, prompts[5:6], 12, top_k=4, top_p=0.95, seed=2, rows=torch.tensor([5]))[0], texts[5])
    greedy = generate(model, prompts, 12, temperature=0.0)
    unknown = torch.arange(15).expand(16, -1) >= 3
    assert torch.equal(model.infill(torch.cat([prompts, texts], 1), unknown)[:, 3:], greedy)
    found = beam_search(model, prompts[:1], 4, beams=5**3)
    every = torch.tensor(list(itertools.product(range(5), repeat=4)))
    nats = model.step_nats(torch.cat([prompts[:1].expand(len(every), -1), every], 1))[:, 3:].sum(1)
    assert torch.equal(found.tokens[0, 0], every[nats.argmax()])
    torch.testing.assert_close(found.log_prob[0], nats.sort(descending=True).values[: 5**3], rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------------------------------------------------- carried in training


@KINDS
def test_windows_of_a_stream_cost_what_the_whole_costs(cell: str, layers: int) -> None:
    model, x = small(cell=cell, layers=layers, streams=3).train(), sequences("categorical", 3, 12)
    begins, goes_on = torch.ones(3, dtype=torch.bool), torch.zeros(3, dtype=torch.bool)
    for _ in range(2):  # what is left of an earlier epoch is forgotten
        losses = [model.loss((x[:, at : at + 4], begins if at == 0 else goes_on))[0].item() for at in (0, 4, 8)]
        assert sum(losses) / 3 == pytest.approx(-model.log_prob(x).nats.sum().item() / 36, abs=1e-5)
    model.loss((x[:, :4], begins))
    before = model.carried.clone()
    one = model.loss((x[:, 4:8], torch.tensor([False, True, False])))[0].item()
    nats = model.step_nats(x[:, :8])[:, 4:].sum(1)
    nats[1] = model.log_prob(x[1:2, 4:8]).nats[0]
    assert one == pytest.approx(-nats.sum().item() / 12, abs=1e-5)
    assert not torch.equal(model.carried, before)


def test_no_gradient_goes_back_beyond_a_window() -> None:
    model, x = small(streams=2).train(), sequences("categorical", 2, 8)
    loss, _ = model.loss((x[:, :4], torch.ones(2, dtype=torch.bool)))
    assert not model.carried.requires_grad
    assert torch.autograd.grad(loss, [model.reader.start])[0].abs().sum() > 0
    loss, _ = model.loss((x[:, 4:], torch.zeros(2, dtype=torch.bool)))
    assert torch.autograd.grad(loss, [model.reader.start])[0].abs().sum() == 0


def test_a_look_at_other_windows_leaves_the_streams_where_they_are() -> None:
    model = small(streams=2)
    before = model.carried.clone()
    model.loss((sequences("categorical", 2, 8), torch.ones(2, dtype=torch.bool)))
    assert torch.equal(model.carried, before)
    assert "carried" in model.state_dict()
    assert "carried" not in small().state_dict()


@KINDS
@LIKELIHOODS
def test_in_half_precision_a_loss_is_nearly_the_same(cell: str, layers: int, likelihood: str) -> None:
    x = sequences(likelihood, 2, 8)
    for model in (RNN, BidirectionalRNN):
        built = small(
            model, cell=cell, layers=layers, likelihood=likelihood, **{"streams": 2} if model is RNN else {"hide": 0.0}
        )
        batch = (x, torch.ones(2, dtype=torch.bool)) if model is RNN else x
        exact, _ = built.train().loss(batch)
        with torch.autocast("cpu", torch.bfloat16):
            loss, _ = built.loss(batch)
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(exact.item(), rel=0.02)
        gradients = torch.autograd.grad(loss, list(built.parameters()), allow_unused=True)
        assert all(gradient is None or gradient.isfinite().all() for gradient in gradients)


class Killed(Exception):
    pass


def test_a_run_that_was_killed_carries_on_with_its_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(training, "SAVING_SHARE", 1e9)
    windows = Streams(sequences("categorical", 1, 200)[0], streams=3, window=8, seed=1)  # eight to an epoch
    options: dict[str, Any] = {"steps": 12, "precision": "fp32", "device": "cpu", "seed": 1, "quiet": True}

    def until_killed(step: int) -> tuple[Tensor, Tensor]:
        if step == 6:
            raise Killed
        return windows(step)

    whole, killed = (small(streams=3, dropout=0.2, layers=2) for _ in range(2))
    fit(whole, whole.updates(), windows, folder=tmp_path / "whole", **options)
    with pytest.raises(Killed):
        fit(killed, killed.updates(), until_killed, folder=tmp_path / "killed", **options)
    again = small(streams=3, dropout=0.2, layers=2)
    fit(again, again.updates(), windows, folder=tmp_path / "killed", **options)
    ours, theirs = again.state_dict(), whole.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert ours["carried"].abs().sum() > 0


# --------------------------------------------------------------------------------------------------------------- learning


def couples(n: int, seed: int) -> Tensor:
    """Four tokens drawn at random, each followed by another that tells which it was."""
    said = torch.randint(4, (n, 4), generator=seeded(seed))
    return torch.stack([said, said + 4], -1).flatten(1)


def test_from_both_sides_gaps_are_filled_that_one_side_cannot_fill() -> None:
    x, share = couples(200, seed=1), {}
    for model in (RNN, BidirectionalRNN):
        torch.manual_seed(0)
        built = model(size=8, hidden=16, embed=8)
        update = training.Update("rnn", built.loss, built.parameters(), training.Optimizer(lr=2e-2))
        fit(built, [update], lambda step: couples(64, seed=1000 + step), steps=60, precision="fp32", device="cpu", quiet=True)
        right = [built.infill(x, torch.arange(8).expand(200, -1) == step)[:, step] == x[:, step] for step in range(8)]  # type: ignore[attr-defined]
        share[model] = torch.stack(right).float().mean().item()
    assert share[RNN] < 0.7, "half are guessed, one of four right"
    assert share[BidirectionalRNN] > 0.95


def test_words_of_texts_that_end() -> None:
    """Texts of different lengths, padded; what is drawn ends too, and is one of them."""
    texts = ["to be", "or not to be", "that is"]
    vocabulary = Vocabulary.of(texts, "words", end=True)
    data = Padded([vocabulary.encode(text, end=True) for text in texts])
    torch.manual_seed(0)
    built = RNN(size=len(vocabulary), hidden=16, embed=8)
    update = training.Update("rnn", built.loss, built.parameters(), training.Optimizer(lr=3e-2))
    fit(built, [update], lambda step: data[torch.arange(3)], steps=60, precision="fp32", device="cpu", quiet=True)
    drawn = generate(built, torch.empty(20, 0, dtype=torch.int64), 8, top_p=0.9, end=vocabulary.end)
    assert {vocabulary.decode(text) for text in drawn} == set(texts)
    assert built.log_prob(data[torch.arange(3)]).nats.exp().tolist() == pytest.approx([1 / 3] * 3, abs=0.15)


# --------------------------------------------------------------------------------------------------------- what is refused


def test_both_sides_give_no_samples_and_no_density() -> None:
    model = small(BidirectionalRNN)
    assert not isinstance(model, Samples)
    assert not isinstance(model, Density)
    with pytest.raises(NotSupported, match=r"BidirectionalRNN has no sample\(\): each step is told by both its sides"):
        model.sample(2)
    with pytest.raises(NotSupported, match=r"has no log_prob\(\): .* use step_nats"):
        model.log_prob(sequences("categorical", 2, 3))


@pytest.mark.parametrize("model", [RNN, BidirectionalRNN])
def test_arguments_that_make_no_sense(model: type[Any]) -> None:
    for arguments, message in (
        ({"cell": "elman"}, "cell is 'lstm' or 'gru', not 'elman'"),
        ({"likelihood": "gaussian"}, "likelihood is 'categorical' or 'bernoulli', not 'gaussian'"),
    ):
        with pytest.raises(ValueError, match=message):
            model(**arguments)
    with pytest.raises(ValueError, match="hide is a share"):
        BidirectionalRNN(hide=1.0)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(2, 3), r"sequences of tokens are \(B, T\) of int64, not \(2, 3\) of torch.float32"),
        (torch.tensor([[0, 5]]), "tokens are numbers from 0 to 4, these go from 0 to 5"),
        (torch.tensor([[-1, 0]]), "from -1 to 0"),
        (
            (torch.zeros(2, 3, dtype=torch.int64), torch.tensor([1, 4])),
            r"lengths is \(2,\) of numbers from 1 to 3, not \[1, 4\]",
        ),
        ((torch.zeros(2, 3, dtype=torch.int64), torch.tensor([0, 3])), "lengths is"),
        ((torch.zeros(2, 3, dtype=torch.int64), torch.tensor([3])), "lengths is"),
    ],
)
def test_sequences_that_are_none(x: Any, message: str) -> None:
    for model in (small(), small(BidirectionalRNN)):
        for call in (model.loss, model.step_nats):
            with pytest.raises(ValueError, match=message):
                call(x)


def test_frames_are_floats() -> None:
    with pytest.raises(ValueError, match=r"frames are \(B, T, 5\) of floats, not .* of torch.uint8"):
        small(likelihood="bernoulli").log_prob(torch.zeros(2, 3, 5, dtype=torch.uint8))


def test_other_mistakes_name_what_is_wrong() -> None:
    window = sequences("categorical", 2, 4)
    for batch in (window, (window[:1], torch.ones(1, dtype=torch.bool))):
        with pytest.raises(ValueError, match=r"with streams=2 a batch is \(window, fresh\)"):
            small(streams=2).loss(batch)
    with pytest.raises(ValueError, match="temperature is above 0, not 0"):
        small().sample(2, temperature=0.0)
    with pytest.raises(ValueError, match="prompt is one for all or 3, not 2"):
        small().sample(3, prompt=window)
    with pytest.raises(ValueError, match=r"hidden is \(2, 4\) of bool, not \(4,\)"):
        small().infill(window, torch.ones(4, dtype=torch.bool))
