"""Models of the book, beside the same network in a plain loop: float32, eager, no fused kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench_stages.rates import Measured, Work, rates
from bench_stages.small_run import Bench
from genmodels.batches import Shuffled
from genmodels.data import TextWindows
from genmodels.diffusion.diffusion import AT_ONCE, Diffusion
from genmodels.language import GPT
from genmodels.model import Model
from genmodels.training import fit

STEPS = 5  # at a time


def measure_diffusion(bench: Bench) -> Measured:
    """Training on images of a digit's size."""
    batches = Shuffled(torch.rand(2_000, 1, 28, 28), 128, 0)
    rate, plain = rates(bench.seconds, fitted(lambda: Diffusion(), batches, 128), plainly(lambda: Diffusion(), batches, 128))
    return Measured("diffusion", rate, "images/s", ">= 2.5 x plain", rate >= 2.5 * plain, plain)


def measure_denoising(bench: Bench) -> Measured:
    """Drawing with it, 20 steps of ddim, as many images as it draws together."""
    torch.manual_seed(0)
    ours, plain = Diffusion().eval().to(memory_format=torch.channels_last), Diffusion().eval()

    def drawn(model: Diffusion, quickly: bool) -> float:
        with kernels(quickly):
            model.sample(AT_ONCE, steps=20, precision="bf16" if quickly else "fp32")
        return float(AT_ONCE)

    rate, reference = rates(bench.seconds, lambda: drawn(ours, True), lambda: drawn(plain, False))
    return Measured("denoising", rate, "images/s", ">= 3 x plain", rate >= 3 * reference, reference)


def measure_gpt(bench: Bench) -> Measured:
    """Training on letters."""
    text = torch.randint(65, (100_000,), generator=torch.Generator().manual_seed(0))
    batches, tokens = Shuffled(TextWindows(text, 256, stride=1), 32, 0), 32 * 256
    rate, plain = rates(bench.seconds, fitted(lambda: GPT(), batches, tokens), plainly(lambda: GPT(), batches, tokens))
    return Measured("gpt", rate, "tokens/s", ">= 3 x plain", rate >= 3 * plain, plain)


def fitted(build: Callable[[], Model], batches: Callable[[int], Any], units: int) -> Work:
    """Some steps of `fit`."""
    torch.manual_seed(0)
    model = build()
    updates = model.updates()

    def work() -> float:
        fit(model, updates, batches, steps=STEPS, precision="bf16", device="cpu", quiet=True)
        return float(STEPS * units)

    return work


def plainly(build: Callable[[], Model], batches: Callable[[int], Any], units: int) -> Work:
    """As many of the loop that everybody writes first."""
    torch.manual_seed(0)
    model = build().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, foreach=False, fused=False)

    def work() -> float:
        for step in range(STEPS):
            with kernels(False):
                loss, _ = model.loss(batches(step))  # type: ignore[operator]
                optimizer.zero_grad()
                loss.backward()
            optimizer.step()
        return float(STEPS * units)

    return work


def kernels(fused: bool) -> Any:
    """Attention as it comes, or as it is written down."""
    return sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH] if fused else [SDPBackend.MATH])
