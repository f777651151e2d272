"""Chapter 7: energies by deep networks, of two moons and of handwritten digits, drawn from by Langevin's walk.

In the plane the energy is normalised by a grid, so that its nats compare with those of other models. Digits are drawn from
noise, and held against the test set; their energies are compared with those of images that are none.
"""

import torch
from torch import Tensor

from genmodels.book_recipe import Recipe, at_least, at_most
from genmodels.data import Moons, mnist
from genmodels.energy import EnergyModel
from genmodels.metrics import c2st, grid_normalised, held_out_nats, judge_checksum, judge_digits
from genmodels.training import Precision, Shuffled, fit
from genmodels.viz import curves, grid, scatter, strips

PLANE_SHARE = 0.15  # of the minutes
LOW, HIGH = torch.tensor([-4.0, -4.0]), torch.tensor([5.0, 4.5])  # the window of the grid, in raw units
SHOWN = 8.0  # nats below the highest that the heat map tells apart


def train(run: Recipe, name: str, model: EnergyModel, data: Tensor, share: float, precision: Precision) -> EnergyModel:
    """Train for a share of the recipe's minutes."""
    folder = run.folder / name
    batches = Shuffled(data, 64, run.seed)
    updates, minutes = model.updates(), share * run.minutes
    fit(model, updates, batches, minutes=minutes, folder=folder, device=run.device, precision=precision, seed=run.seed)
    model.save(folder)
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))
    return model.cpu()


def plane(run: Recipe) -> None:
    """Two moons. The jolts are those of a density, and twice a step is small against the variance across a moon."""
    moons, length = Moons(), run.count(2_000, 20)
    mean, sd = moons.mean.float(), moons.covariance.diagonal().sqrt().float()
    points = moons.standardised(moons.sample(100_000, seed=run.seed))
    settings = {
        "restart": 1.0,
        "metropolis": True,
        "steps": 10,
        "length": length,
        "step": 1e-3,
        "noise": None,
        "clip": None,
        "blur": 0.05,
        "penalty": 1e-3,
    }
    model = EnergyModel(shape=(2,), width=64, **settings)
    train(run, "plane", model, points, PLANE_SHARE, "fp32")

    test = moons.sample(run.count(10_000, 200), seed=run.seed + 1_000)
    tolerance = 1.0 if run.fast else 1e-2
    density = grid_normalised(lambda x: model.log_f(moons.standardised(x)), LOW, HIGH, tolerance=tolerance)
    run.figure("moons: nats, raw units", held_out_nats(density, test, 1_000).nats, at_most(0.69))
    run.figure("moons: nats of the truth", moons.entropy())
    samples = mean + sd * model.sample(run.count(5_000, 50))
    run.figure("moons: C2ST of samples", c2st(test[: len(samples)], samples).accuracy)

    run.picture("plane_samples", scatter(samples, real=test))
    x, y = torch.linspace(-1.5, 2.5, 320), torch.linspace(1.5, -1.0, 200)
    nats = density.log_prob(torch.cartesian_prod(y, x).flip(1)).nats.view(1, 1, 200, 320).float().detach()
    run.picture("plane_energy", grid(1.0 + (nats - nats.max()) / SHOWN))
    way: list[Tensor] = []
    model.walk(torch.randn(8, 2), length, way=way)
    run.picture("plane_paths", scatter(mean + sd * torch.cat(way[:: max(1, length // 400)]), real=test))


def digits(run: Recipe) -> None:
    """Handwritten digits. The walk is cold: its jolts are small against its steps."""
    model = EnergyModel(length=run.count(200, 4))
    train(run, "digits", model, mnist("train").images / 255, 1.0 - PLANE_SHARE, "auto")
    samples = model.sample(run.count(10_000, 64))
    judged = judge_digits(samples)
    run.figure("digits: r of samples from noise", judged["r"], at_most(0.6))
    for name in ("fd", "fd_train", "fd_trivial", "r_second", "kd", "precision", "recall", "digit_kl"):
        run.figure(f"digits: {name}", judged[name])

    test = mnist("test").images[: run.count(10_000, 100)] / 255
    known = nats_of(model, test)
    for name, others in strangers(test).items():
        run.figure(f"digits: AUROC against {name} images", auroc(known, nats_of(model, others)), at_least(0.95))

    run.picture("digits_samples", grid(samples[:100]))
    way: list[Tensor] = []
    model.walk(torch.rand(8, 1, 28, 28), model.length, way=way)
    places = (torch.linspace(0, 1, 12).square() * (len(way) - 1)).long().tolist()  # at first much changes
    run.picture("digits_chains", strips(torch.stack([way[place] for place in places], 1)))


def nats_of(model: EnergyModel, x: Tensor) -> Tensor:
    """log p + log Z of each image."""
    return torch.cat([model.log_prob(part).nats for part in x.split(1_000)])


def strangers(images: Tensor) -> dict[str, Tensor]:
    """Images that are no digits, as many of each kind."""
    noise = torch.Generator().manual_seed(0)
    order = torch.rand(images.shape, generator=noise).flatten(1).argsort(1)
    shuffled = images.flatten(1).gather(1, order).view_as(images)
    return {"inverted": 1.0 - images, "shuffled": shuffled, "uniform": torch.rand(images.shape, generator=noise)}


def auroc(high: Tensor, low: Tensor) -> float:
    """The probability that one of `high` is above one of `low`, equal ones counting half."""
    low = low.sort().values
    below, not_above = (torch.searchsorted(low, high, right=right).double() for right in (False, True))
    return (below + not_above).mean().item() / (2 * len(low))


def main() -> None:
    """Train both and report."""
    run = Recipe(__doc__, row=22, system="energy-based model", minutes=6.0)
    plane(run)
    digits(run)
    run.finish(judge=judge_checksum("mnist"))


if __name__ == "__main__":
    main()
