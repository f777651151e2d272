"""What compiled loops reckon with: exponentials against float64's, bf16 and noise against PyTorch's to the bit, threads."""

import threading
import time

import numpy as np
import pytest
import torch

from genmodels import compiled
from genmodels.compiled import arithmetic, threads
from genmodels.compiled.arithmetic import kernel
from genmodels.sampling import counter_noise

exp, sigmoid, tanh, narrow, wide, log, normal = (
    getattr(arithmetic, name) for name in ("exp", "sigmoid", "tanh", "narrow", "wide", "log", "normal")
)  # as globals of the kernels below


@kernel
def squashed(x, e, s, t):  # type: ignore[no-untyped-def]
    for i in range(len(x)):
        e[i], s[i], t[i] = exp(x[i]), sigmoid(x[i]), tanh(x[i])


@kernel
def rounded(x, bits, back):  # type: ignore[no-untyped-def]
    for i in range(len(x)):
        bits[i] = narrow(x[i])
        back[i] = wide(bits[i])


def test_exponentials() -> None:
    x = np.concatenate([np.linspace(-30.0, 30.0, 100_001), [-200.0, 200.0, 0.0, -0.0]]).astype(np.float32)
    e, s, t = (np.empty_like(x) for _ in range(3))
    squashed(x, e, s, t)
    exact = x.astype(np.float64)
    held = np.exp(np.clip(exact, -87.0, 87.0))
    assert np.abs(e / held - 1.0).max() < 2e-7
    assert np.abs(s - 1.0 / (1.0 + np.exp(-exact))).max() < 2e-7
    assert np.abs(t - np.tanh(exact)).max() < 5e-7
    assert np.abs(t).max() <= 1.0 + 1e-7


@kernel
def turned_normal(u, logarithms, normals):  # type: ignore[no-untyped-def]
    for i in range(len(u)):
        logarithms[i], normals[i] = log(u[i]), normal(u[i])


def test_logarithms_and_normal_numbers_of_all_that_noise_may_be() -> None:
    u = (np.arange(0, 2**23, 7, dtype=np.float32) + np.float32(0.5)) * np.float32(2.0**-23)
    u = np.concatenate([u, 1 - u[:1000]])
    logarithms, normals = np.empty_like(u), np.empty_like(u)
    turned_normal(u, logarithms, normals)
    exact = u.astype(np.float64)
    assert np.abs(logarithms - np.log(exact)).max() < 2e-6
    assert np.abs(np.exp(logarithms.astype(np.float64)) / exact - 1.0).max() < 2e-6
    known = torch.special.ndtri(torch.from_numpy(exact)).numpy()
    assert (np.abs(normals - known) <= 1e-6 * np.abs(known) + 1e-7).all()


def test_numbers_of_bf16_are_those_of_torch() -> None:
    x = torch.randn(10_000, generator=torch.Generator().manual_seed(0)) * 10.0 ** torch.arange(-20, 20).repeat(250)
    ties = (torch.arange(1000) * 2 + 1).float() / 256 + 128  # as far from the one below as from the one above
    x = torch.cat([x, ties, -ties, torch.tensor([0.0, -0.0])])
    bits, back = np.empty(len(x), np.uint16), np.empty(len(x), np.float32)
    rounded(x.numpy(), bits, back)
    assert np.array_equal(bits, x.bfloat16().view(torch.uint16).numpy())
    assert np.array_equal(back, x.bfloat16().float().numpy())


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1, 2**64 - 1, -5])
@pytest.mark.parametrize("step", [3, -2, torch.arange(500) * 7])
def test_compiled_noise_is_the_same_to_the_bit(seed: int, step: int | torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = torch.randint(-(2**62), 2**62, (500,), generator=torch.Generator().manual_seed(1))
    told = []
    for there in (True, False):
        monkeypatch.setattr(compiled, "available", lambda there=there: there)
        told.append(counter_noise.uniform(seed, rows, step, 9))
    assert torch.equal(*told)
    assert told[0].min() > 0.0
    assert told[0].max() < 1.0


@pytest.fixture(params=["PyTorch's", "others"])
def whose(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads are PyTorch's where it has GNU's OpenMP, and others elsewhere: everything holds of both."""
    if request.param == "others":
        monkeypatch.setattr(threads, "team", lambda: None)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.usefixtures("whose")
def test_threads_do_everything_and_tell_what_went_wrong(count: int) -> None:
    done: list[int] = []
    threads.each(done.append, range(10), count)
    assert sorted(done) == list(range(10))

    def refuse(item: int) -> None:
        raise ValueError(f"not {item}")

    with pytest.raises(ValueError, match="not 0"):
        threads.each(refuse, range(3), count)


@pytest.mark.skipif(threads.team() is None, reason="PyTorch has no threads of GNU's OpenMP here")
def test_within_threads_of_pytorch_there_are_no_more() -> None:
    torch.ones(1000, 1000).exp()
    found: list[set[int]] = []

    def work(_: int) -> None:
        inside: list[int] = []
        threads.each(lambda _: inside.append(threading.get_ident()), range(8), 2)
        found.append(set(inside))

    threads.each(work, range(4), 2)
    assert [len(inside) for inside in found] == [1] * 4


def test_torch_is_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "team", lambda: None)
    before, inside = torch.get_num_threads(), []
    threads.each(lambda _: inside.append(torch.get_num_threads()), range(4), 2)
    assert inside == [1] * 4
    with threads.alone():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("whose")
def test_nobody_works_on_once_something_went_wrong() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == 0:
            raise ValueError("no")
        time.sleep(0.05)
        done.append(item)

    with pytest.raises(ValueError, match="no"):
        threads.each(work, range(3), 3)
    at_once = len(done)
    time.sleep(0.2)
    assert len(done) == at_once


@pytest.mark.parametrize("size", [(3,), (70, 129), (3, 600, 700)])
def test_the_compiled_tanh_and_its_gradient_are_those_of_float32_rounded(size: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    x = (3 * torch.randn(size, generator=generator)).bfloat16().requires_grad_()
    upward = torch.randn(size, generator=generator).bfloat16()
    y = compiled.tanh(x)
    assert (y.float() - x.float().tanh()).abs().max() <= 2**-9  # half of a last bit below 1
    (of_x,) = torch.autograd.grad(y, x, upward)
    slope = 1 - y.detach().float().square()
    torch.testing.assert_close(of_x, (slope * upward.float()).bfloat16())


def test_other_numbers_have_pytorchs_tanh() -> None:
    x = torch.randn(5)
    assert torch.equal(compiled.tanh(x), x.tanh())
    crossed = torch.randn(4, 6).bfloat16().t()
    assert torch.equal(compiled.tanh(crossed), crossed.float().tanh())


@pytest.mark.parametrize("leading", [(), (3,), (5, 20)])
def test_compiled_rotations_and_their_gradients_are_those_of_float32_rounded(leading: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    x, upward = (torch.randn(*leading, 7, 12, generator=generator) for _ in range(2))
    angles = torch.rand(7, 6, generator=generator)
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        part = x.bfloat16().to(dtype).requires_grad_()
        out = compiled.turned(part, angles.cos(), angles.sin())
        found.append([out, *torch.autograd.grad(out, part, upward.bfloat16().to(dtype))])
    for exact, rounded_ in zip(*found, strict=True):
        assert rounded_.dtype == torch.bfloat16
        torch.testing.assert_close(rounded_, exact.bfloat16())


@pytest.mark.parametrize("name", ["tanh", "turned", "normed_silu"])
def test_a_gradient_of_a_gradient_is_refused_and_not_wrong(name: str) -> None:
    x = torch.randn(2, 8, 4, 4).bfloat16().contiguous(memory_format=torch.channels_last)
    x, rest = {
        "tanh": (x.contiguous(), ()),
        "turned": (x.contiguous(), (torch.ones(4, 2), torch.ones(4, 2))),
        "normed_silu": (x, (torch.ones(1, 8), torch.zeros(1, 8), 2, 1e-5)),
    }[name]
    y = getattr(compiled, name)(x.requires_grad_(), *rest)
    (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()
