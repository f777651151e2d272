"""Chapter 6: FFJORD, two moons carried to noise by a differential equation.

The units are those of the moons, so that the figures compare with the exact entropy. In training the trace is estimated; the
figures have the exact one, but for the one that compares them. How often the equation is evaluated says what a density costs.
"""

import torch

from genmodels.book_recipe import Recipe, at_most
from genmodels.data import Moons
from genmodels.flows import FFJORD
from genmodels.metrics import c2st, held_out_nats
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, flow_panels

POINTS = 20_000


def train(run: Recipe) -> FFJORD:
    """An FFJORD of the plane."""
    flow = FFJORD(features=2)
    folder = run.folder / "model"
    batches = Shuffled(Moons().sample(POINTS, 3 * run.seed), 256, run.seed)
    fit(flow, flow.updates(), batches, minutes=run.minutes, folder=folder, device=run.device, seed=run.seed)
    flow.save(folder)
    run.picture("curves", curves(folder / "metrics.jsonl"))
    return flow.to("cpu")


@torch.no_grad()
def hutchinson(run: Recipe, flow: FFJORD, test: torch.Tensor) -> None:
    """The estimated log-determinant against the exact one: their mean difference, and its standard error."""
    generator = torch.Generator().manual_seed(run.seed)
    start = flow.norm(test)[0]
    signs = torch.randint(0, 2, start.shape, generator=generator).float() * 2 - 1
    exact = flow.ode.carried(start)
    error = flow.ode.estimated(start, signs).log_det - exact.log_det
    spread = (error.std() / len(error) ** 0.5).clamp_min(1e-9)  # none in a flow that does nothing yet
    deviations = (error.mean() / spread).abs().item()
    run.figure("Hutchinson, mean error, nats", error.mean().item())
    run.figure("Hutchinson, mean error in standard errors", deviations, at_most(3.5))
    run.figure("Hutchinson, deviation of one estimate, nats", error.std().item())
    run.figure("evaluations for an exact density", exact.evaluations)
    run.figure("evaluations for the way back", flow.ode.carried(exact.points, back=True).evaluations)


@torch.no_grad()
def report(run: Recipe, flow: FFJORD) -> None:
    """Judge it on points it has not seen, and draw."""
    moons, n = Moons(), run.count(10_000, 200)
    test, others = moons.sample(n, 3 * run.seed + 1), moons.sample(n, 3 * run.seed + 2)
    generator = torch.Generator().manual_seed(run.seed)
    run.figure("-log p, nats", held_out_nats(flow, test, batch=1_000).nats, at_most(0.44))
    run.figure("entropy of the moons, nats", moons.entropy())
    run.figure("greatest error of the inverse", (flow.reconstruct(test) - test).abs().max().item(), at_most(1e-3))
    run.figure("C2ST", c2st(others, flow.sample(n, generator=generator), run.seed).accuracy)
    hutchinson(run, flow, test)
    few, noise = test[:2_000], torch.randn(2_000, 2, generator=generator)
    run.picture("panels", flow_panels(few, flow.encode(few), noise, flow.decode(noise)))
    run.finish()


def main() -> None:
    """Train and report."""
    run = Recipe(__doc__, row=21, system="FFJORD", minutes=4.0)
    report(run, train(run))


if __name__ == "__main__":
    main()
