"""Chapter 3: arithmetic with the latents of a VAE: from red to blue, from circle to square, and morphs from picture to picture.

Pictures of one shape each, whose every attribute is known. The direction from one word to another, say from red to blue, is the
mean latent of blue things less that of red ones, over pictures held out from training. It is added to the latents of others,
which are decoded and read by a judge: is the shape blue now, and is everything else as it was? The means are taken among
pictures that are alike in all else, as nearly as there are some, since in such a latent space blue lies elsewhere for what
stands elsewhere; what one direction for all of them does is told beside it. Along a morph the judge is asked at each step how
probable the words of the picture at its end are.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from genmodels.autoencoders import VAE
from genmodels.book_recipe import Recipe, at_least
from genmodels.data import Shapes
from genmodels.metrics import scene_words, shape_judge, shape_judge_checksum
from genmodels.metrics.shape_judge import WORDS
from genmodels.sampling import codes, decoded, lerp, morph, slerp
from genmodels.viz import curves, grid, reconstructions, strips

ATTRIBUTES = {name: len(WORDS[name]) for name in ("shape", "colour", "size", "place")}
POINTS = 11  # of a morph
NEAR = 0.02  # pictures whose objects are so many widths of the picture apart count for e^-1/2


class Known(NamedTuple):
    """Pictures: latents (N, Z), the words of each attribute (N,), how far each object is from its place's middle (N, 2)."""

    z: Tensor
    words: dict[str, Tensor]
    aside: Tensor


def known(vae: VAE, shapes: Shapes) -> Known:
    """What is known of some pictures."""
    words, scenes = scene_words(shapes.scenes), shapes.scenes
    middle = 0.25 + 0.25 * torch.stack([words["place"] % 3, words["place"] // 3], 1)
    return Known(codes(vae, shapes[:]), words, torch.stack([scenes.x[:, 0], scenes.y[:, 0]], 1) - middle)


def singles(run: Recipe, seed: int, n: int) -> Shapes:
    """Pictures of one object."""
    return Shapes(run.count(n, 100), seed=seed, size=64, kinds=("single",))


def train(run: Recipe) -> VAE:
    """The VAE."""
    vae = VAE(shape=(3, 64, 64), latent=64, width=32, blocks=0, patch=4, beta=4.0)
    pictures, folder, batch = singles(run, 1, 20_000)[:], run.folder / "vae", run.count(128, 8)
    vae.fit(pictures, minutes=run.minutes, folder=folder, batch_size=batch, device=run.device, seed=run.seed)
    run.picture("curves", curves(folder / "metrics.jsonl"))
    return vae.to("cpu", memory_format=torch.channels_last)


def cell(words: dict[str, Tensor], attributes: Sequence[str]) -> Tensor:
    """One number for each combination of words of these attributes, (N,)."""
    number = torch.zeros_like(words["shape"])
    for attribute in attributes:
        number = ATTRIBUTES[attribute] * number + words[attribute]
    return number


def direction(held: Known, of: Known, target: dict[str, Tensor], among: Sequence[str], near: float = math.inf) -> Tensor:
    """From the mean latent of what is as told to that of what is wanted, over held-out pictures: (N, Z).

    Held-out pictures count if they agree in the attributes `among`, and the more the nearer they are.
    """
    sorts = cell(held.words, among)

    def mean(words: dict[str, Tensor]) -> Tensor:
        rows = []
        for sort, aside in zip(cell(words, among).split(100), of.aside.split(100), strict=True):
            weight = (sort[:, None] == sorts) * (-0.5 * (torch.cdist(aside, held.aside) / near).square()).exp()
            rows.append(weight @ held.z / weight.sum(1, keepdim=True).clamp_min(1e-9))
        return torch.cat(rows)

    return mean(target) - mean(of.words)


def probability(pictures: Tensor, name: str, words: Tensor) -> Tensor:
    """What the judge gives the word (B,) that is wanted at the end of each row of pictures (B, n, C, H, W): (B, n)."""
    told = shape_judge().probabilities(pictures.flatten(0, 1))[name].unflatten(0, pictures.shape[:2])
    return told.gather(2, words[:, None, None].expand(-1, pictures.shape[1], 1))[..., 0]


def steadiness(p: Tensor) -> float:
    """The mean rank correlation (Spearman) of rows (N, points) with the place in the row: 1 where all rise all the way."""
    ranks = p.argsort(1).argsort(1).double()
    ranks, place = ranks - ranks.mean(1, keepdim=True), torch.arange(p.shape[1], dtype=torch.float64)
    place = place - place.mean()
    return (ranks @ place / (ranks.norm(dim=1) * place.norm())).mean().item()


def arithmetic(run: Recipe, vae: VAE, held: Known, test: Shapes) -> None:
    """Change one attribute of each picture to another word, drawn at random."""
    of, judge = known(vae, test), shape_judge()
    z, words = of.z, of.words
    random, some = torch.Generator().manual_seed(run.seed), run.count(500, 20)
    for name, count in ATTRIBUTES.items():
        others = [other for other in ATTRIBUTES if other != name]
        wanted = {other: words[other] for other in others}
        wanted[name] = (words[name] + torch.randint(1, count, (len(z),), generator=random)) % count
        way = direction(held, of, wanted, [name, *others], NEAR)
        found = judge.accuracy(decoded(vae, z + way), wanted)
        run.figure(f"{name}: changed as asked, %", 100 * found[name], at_least(80))
        for other in others:
            run.figure(f"{name} changed: {other} held, %", 100 * found[other], at_least(80))
        single = judge.accuracy(decoded(vae, z + direction(held, of, wanted, [name])), wanted)
        run.figure(f"{name}: changed by one direction for all, %", 100 * single[name])
        weights = torch.linspace(0, 1, POINTS)[:, None]
        rising = probability(decoded(vae, z[:some, None] + weights * way[:some, None]), name, wanted[name][:some])
        run.figure(f"{name}: steadiness of its probability", steadiness(rising))
        shown = decoded(vae, z[:8, None] + torch.linspace(-0.5, 1.5, 9)[:, None] * way[:8, None])
        run.picture(f"{name}_arithmetic", strips(shown, before=test[:8]))


def morphs(run: Recipe, vae: VAE, test: Shapes) -> None:
    """From each picture of one half to one of the other, on a line and on an arc."""
    half = run.count(500, 20)
    a, b, end = test[:half], test[half : 2 * half], scene_words(test.scenes[half : 2 * half])
    for name, path in (("lerp", lerp), ("slerp", slerp)):
        way = morph(vae, a, b, POINTS, path)
        together = sum(probability(way, word, end[word]).log() for word in ATTRIBUTES)
        run.figure(f"{name}: steadiness of the end's probability", steadiness(together), at_least(0.9))
        run.picture(f"morphs_{name}", strips(way[:8], before=a[:8], after=b[:8]))


@torch.no_grad()
def main() -> None:
    """Train, add, morph."""
    run = Recipe(__doc__, row=8, system="latent arithmetic, morphing", minutes=4.0)
    with torch.enable_grad():
        vae = train(run)
    held, test = singles(run, 2, 40_000), singles(run, 3, 2_000)
    kept = vae.reconstruct(test[:])
    read = shape_judge().accuracy(kept, {name: scene_words(test.scenes)[name] for name in ATTRIBUTES})
    for name in ATTRIBUTES:
        run.figure(f"{name}: read off reconstructions, %", 100 * read[name])
    arithmetic(run, vae, known(vae, held), test)
    morphs(run, vae, test)
    run.picture("reconstructions", reconstructions(test[:16], kept[:16]))
    run.picture("samples", grid(vae.sample(64, generator=torch.Generator().manual_seed(run.seed)), columns=16))
    run.finish(judge=shape_judge_checksum())


if __name__ == "__main__":
    main()
