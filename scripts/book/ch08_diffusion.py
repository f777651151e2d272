"""Chapter 8: a diffusion model of handwritten digits, its samplers, its latents, and what it paints around what is known.

Samples are held against the test set, with as many steps as one likes: how few do? Without fresh noise the way from image to
noise can be walked back, and between the noises of two digits there is an arc of digits.
"""

import torch

from genmodels.book_recipe import Recipe, at_least, at_most
from genmodels.data import mnist
from genmodels.diffusion import SAMPLERS, SCHEDULES, Diffusion
from genmodels.metrics import judge_checksum, judge_digits, label_accuracy
from genmodels.precision import quick_precision
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, grid, intervals, reconstructions, save_gif, strips

SWEEP = (5, 10, 20, 50)  # steps of each sampler


def train(run: Recipe) -> Diffusion:
    """On digits with their labels."""
    model, folder = Diffusion(classes=10), run.folder / "diffusion"
    batches = Shuffled(mnist("train").pairs, run.count(64, 8), run.seed)
    fit(model, model.updates(), batches, minutes=run.minutes, folder=folder, device=run.device, seed=run.seed)
    model.save(folder)
    run.picture("curves", curves(folder / "metrics.jsonl"))
    return model.to("cpu", memory_format=torch.channels_last)


def draw(run: Recipe, model: Diffusion, n: int, **how: object) -> torch.Tensor:
    """So many digits of each class in turn, from the same noise each time."""
    how = {"precision": quick_precision(), **how}
    return model.sample(n, cond=torch.arange(n) % 10, generator=torch.Generator().manual_seed(run.seed), **how)  # type: ignore[arg-type]


def distance(run: Recipe, model: Diffusion, n: int, **how: object) -> float:
    """The Fréchet distance of so many digits to the test set."""
    return judge_digits(draw(run, model, n, **how))["fd"]


@torch.no_grad()
def judged(run: Recipe, model: Diffusion) -> None:
    """Ten thousand samples, and how few steps do."""
    n, few = run.count(10_000, 50), run.count(500, 50)
    samples = draw(run, model, n, steps=run.count(20, 2))
    found = judge_digits(samples)
    run.figure("ddim, 20 steps: r", found["r"], at_most(0.2), at_most(0.1))
    run.figure("ddim, 20 steps: precision", found["precision"], at_least(0.7))
    run.figure("ddim, 20 steps: recall", found["recall"], at_least(0.5))
    for name in ("fd", "fd_train", "fd_trivial", "r_second", "kd", "digit_kl"):
        run.figure(f"ddim, 20 steps: {name}", found[name])
    run.figure("digits as asked, %", 100 * label_accuracy(samples, torch.arange(n) % 10))
    guided = draw(run, model, few, steps=run.count(20, 2), guidance=2.0)
    run.figure("digits as asked, guided, %", 100 * label_accuracy(guided, torch.arange(few) % 10))
    run.picture("samples", grid(samples[:100], columns=10))
    run.picture("guided", grid(guided[:100], columns=10))
    lines: dict[str, list[tuple[float, float, float]]] = {name: [] for name in SAMPLERS}
    for sampler in SAMPLERS:
        for steps in SWEEP[: run.count(len(SWEEP), 1)]:
            fd = distance(run, model, few, steps=run.count(steps, 2), sampler=sampler)
            run.figure(f"{sampler}, {steps} steps: fd of {few:,}", fd)
            lines[sampler].append((float(steps), fd, 0.0))
    run.picture("steps", intervals(lines, "steps", "Fréchet distance"))
    twenty, hundred = (distance(run, model, few, steps=run.count(steps, 2)) for steps in (20, 100))
    run.figure("ddim: fd with 20 steps over fd with 100", twenty / hundred, at_most(1.3))
    run.figure("ddim, 20 steps: the same fd in fp32", distance(run, model, few, steps=run.count(20, 2), precision="fp32"))


@torch.no_grad()
def latents(run: Recipe, model: Diffusion) -> None:
    """Noise of test digits and back, ways between them, and halves of them."""
    test = mnist("test").images[: run.count(100, 8)] / 255
    steps = run.count(50, 2)
    back = model.reconstruct(test, steps=steps)
    run.figure("through its noise and back: squared error", (back - test).square().mean().item(), at_most(0.01))
    run.picture("reconstructions", reconstructions(test[:10], back[:10]))
    run.picture("interpolations", strips(model.interpolate(test[:8], test[-8:], 9, steps=steps)))
    known = torch.arange(28)[:, None] < 14
    painted = model.complete(test[:20], known, steps=steps, generator=torch.Generator().manual_seed(run.seed))
    run.picture("completions", reconstructions(test[:20] * known, painted))
    way: list[torch.Tensor] = []
    draw(run, model, 10, steps=run.count(10, 2), show=lambda step, of, guess: way.append(guess))
    run.picture("denoising", strips(torch.stack(way, 1)))
    way.clear()
    draw(run, model, run.count(100, 10), steps=run.count(30, 3), show=lambda step, of, guess: way.append(guess))
    save_gif(run.folder / "denoising.gif", [grid(images, columns=10) for images in way])


def schedules(run: Recipe) -> None:
    """How much signal is left at each time; and what becomes of a digit, by each schedule from the left to the right."""
    x0, times = 2.0 * mnist("test").images[:1] / 255 - 1.0, torch.linspace(0, 1, 12)
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(run.seed))
    noised = [signal * x0 + noise * eps for signal, noise in (f(times.view(-1, 1, 1, 1)) for f in SCHEDULES.values())]
    run.picture("noising", strips((0.5 * (torch.stack(noised) + 1.0)).clamp(0.0, 1.0)))
    t = torch.linspace(0, 1, 41)
    lines = {name: [(float(x), float(y), 0.0) for x, y in zip(t, f(t)[0], strict=True)] for name, f in SCHEDULES.items()}
    run.picture("schedules", intervals(lines, "time", "signal"))


def main() -> None:
    """Train and report."""
    run = Recipe(__doc__, row=26, system="diffusion (DDPM, DDIM)", minutes=10.0)
    schedules(run)
    model = train(run)
    judged(run, model)
    latents(run, model)
    run.finish(judge=judge_checksum("mnist"))


if __name__ == "__main__":
    main()
