"""Chapter 6: RealNVP, two moons made into noise and noise into moons, by couplings; with affine functions, and with splines.

The units are those of the moons, so that the figures compare with the exact entropy. All are on points that were held out.
"""

import torch

from genmodels.book_recipe import Recipe, at_most
from genmodels.data import Moons
from genmodels.flows import RealNVP
from genmodels.metrics import c2st, held_out_nats
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, flow_panels

POINTS = 20_000


def train(run: Recipe, coupling: str, share: float) -> RealNVP:
    """A RealNVP of one kind, trained for a share of the recipe's minutes."""
    flow = RealNVP(features=2, layers=12, width=64, coupling=coupling)
    folder = run.folder / coupling
    batches = Shuffled(Moons().sample(POINTS, 3 * run.seed), 256, run.seed)
    fit(flow, flow.updates(), batches, minutes=share * run.minutes, folder=folder, device=run.device, seed=run.seed)
    flow.save(folder)
    run.picture(f"{coupling}_curves", curves(folder / "metrics.jsonl"))
    return flow.to("cpu")


@torch.no_grad()
def report(run: Recipe, affine: RealNVP, spline: RealNVP) -> None:
    """Judge both on points they have not seen, and draw."""
    moons, n = Moons(), run.count(10_000, 500)
    test, others = moons.sample(n, 3 * run.seed + 1), moons.sample(n, 3 * run.seed + 2)
    generator = torch.Generator().manual_seed(run.seed)
    made = affine.sample(n, generator=generator)
    run.figure("-log p, nats", held_out_nats(affine, test, batch=1_000).nats, at_most(0.39), at_most(0.34))
    run.figure("the same with splines", held_out_nats(spline, test, batch=1_000).nats)
    run.figure("entropy of the moons, nats", moons.entropy())
    run.figure("C2ST", c2st(others, made, run.seed).accuracy, at_most(0.55))
    run.figure("the same with splines, C2ST", c2st(others, spline.sample(n, generator=generator), run.seed).accuracy)
    run.figure("greatest error of the inverse", (affine.reconstruct(test) - test).abs().max().item(), at_most(1e-4))
    run.figure("the same with splines, inverse", (spline.reconstruct(test) - test).abs().max().item())
    few = slice(0, 2_000)
    for name, flow in (("affine", affine), ("spline", spline)):
        noise = torch.randn(2_000, 2, generator=generator)
        run.picture(f"{name}_panels", flow_panels(test[few], flow.encode(test[few]), noise, flow.decode(noise)))
    run.finish()


def main() -> None:
    """Train both and report."""
    run = Recipe(__doc__, row=19, system="RealNVP", minutes=4.0)
    report(run, affine=train(run, "affine", share=0.6), spline=train(run, "spline", share=0.4))


if __name__ == "__main__":
    main()
