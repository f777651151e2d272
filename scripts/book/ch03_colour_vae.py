"""Chapter 3: a variational autoencoder of colour images: shapes and frames of CarRacing (64 x 64), photographs (32 x 32).

The deviation of a pixel is learned, and each latent has a few hundredths of a nat of KL for nothing, so that none is switched
off before it is of use. It is held against 32 principal components; how many latents it has is its own affair, and how many it
uses is told.
"""

import contextlib
from itertools import islice

import torch
from torch import Tensor

import envs
from genmodels.autoencoders import VAE
from genmodels.book_recipe import Recipe, at_least, at_most
from genmodels.data import Shapes, cifar10
from genmodels.metrics import PCA, held_out_nats
from genmodels.viz import curves, grid, reconstructions
from worldmodels.agent import to_images
from worldmodels.blind_policies import Wanderer
from worldmodels.rollout import steps

LATENTS = {"shapes": 64, "carracing": 64, "cifar10": 256}
SHARES = {"shapes": 0.2, "carracing": 0.4, "cifar10": 0.4}  # of the minutes


def frames(seed: int, decisions: int, slots: int) -> Tensor:
    """What is seen while random actions drive on so many tracks: (slots * decisions, 3, 64, 64), floats."""
    with contextlib.closing(envs.make("carracing", slots, seed, backend="envpool", repeat=4, actions=2)) as env:
        policy = Wanderer(env.single_action_space, "correlated", span=8, seed=seed, drift=(0.0, 0.2))
        return torch.cat([to_images(step.obs.copy()) for step in islice(steps(env, policy), decisions)])


def images(run: Recipe, name: str) -> tuple[Tensor, Tensor]:
    """To learn from and to be judged by: other scenes, other tracks, the test photographs."""
    if name == "shapes":
        return Shapes(run.count(20_000, 200), seed=1)[:], Shapes(run.count(2_000, 50), seed=2)[:]
    if name == "carracing":
        seeds = torch.Generator().manual_seed(run.seed)
        learn, judge = torch.randint(2**31, (2,), generator=seeds).tolist()
        slots = run.count(16, 4)
        return frames(learn, run.count(750, 16), slots), frames(judge, run.count(125, 4), slots)
    photographs = cifar10("test" if run.fast else "train").images[: run.count(50_000, 200)]
    return photographs, cifar10("test").images[: run.count(10_000, 50)]


def train(run: Recipe, name: str, known: Tensor) -> VAE:
    """For its share of the minutes."""
    patch = 4 if known.shape[-1] == 64 else 2  # four times the steps in the same minutes
    vae = VAE(shape=known.shape[1:], latent=LATENTS[name], width=run.count(32, 8), blocks=0, patch=patch, free_bits=0.05)
    folder, batch, minutes = run.folder / name, run.count(128, 8), SHARES[name] * run.minutes
    vae.fit(known, minutes=minutes, folder=folder, batch_size=batch, device=run.device, seed=run.seed)
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))
    return vae.to("cpu", memory_format=torch.channels_last)


@torch.no_grad()
def report(run: Recipe, name: str, vae: VAE, known: Tensor, test: Tensor) -> None:
    """Judge on the test images, and draw."""
    if test.dtype == torch.uint8:
        test = test / 255
    seen = [(vae.reconstruct(part), vae.encode(part)) for part in test.split(500)]
    kept, q = torch.cat([images for images, _ in seen]), torch.cat([code.mean for _, code in seen])
    pca = PCA.fit(known[:: len(known) // 4_000 + 1], k=min(32, len(known) - 1))
    error, trivial = (kept - test).square().mean().item(), (pca.reconstruct(test) - test).square().mean().item()
    run.figure(f"{name}: squared error over PCA-32's", error / trivial, at_most(0.5))
    run.figure(f"{name}: squared error of a pixel", error)
    kl = torch.cat([code.kl_from_standard().sum(1) for _, code in seen]).mean().item()
    run.figure(f"{name}: KL, nats", kl, at_least(5))
    run.figure(f"{name}: active units of {vae.latent_size}", (q.var(0) > 0.01).sum().item(), at_least(8))
    run.figure(f"{name}: -ELBO a dimension, nats", held_out_nats(vae, test).nats / test[0].numel())
    shown = torch.linspace(0, len(test) - 1, 16).long()  # a road begins with the whole track from afar
    run.picture(f"{name}_reconstructions", reconstructions(test[shown], kept[shown]))
    samples = vae.sample(64, generator=torch.Generator().manual_seed(run.seed))
    run.picture(f"{name}_samples", grid(samples, columns=16))
    run.picture(f"{name}_interpolations", grid(vae.interpolate(test[:6], test[6:12], 10).flatten(0, 1), columns=10))


def main() -> None:
    """Shapes, then a road, then photographs."""
    run = Recipe(__doc__, row=7, system="colour VAE", minutes=12.0)
    for name in LATENTS:
        known, test = images(run, name)
        report(run, name, train(run, name, known), known, test)
    run.finish()


if __name__ == "__main__":
    main()
