"""Chapter 3: arithmetic with the latents of a VAE: from red to blue, from circle to square, and morphs from picture to picture.

Pictures of one shape each, whose every attribute is known. The direction from one word to another, say from red to blue, is the
mean latent of blue things less that of red ones, over pictures held out from training. It is added to the latents of others,
which are decoded and read by a judge: is the shape blue now, and is everything else as it was? The means are taken among
pictures that are alike in all else, since in such a latent space blue lies elsewhere for what stands elsewhere; what one
direction for all of them does is told beside it. Along a morph the judge is asked at each step how probable the words of the
picture at its end are.
"""

from collections.abc import Sequence
from math import prod
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


class Known(NamedTuple):
    """What was held out to take means over: latents (N, Z), and the words of each attribute (N,)."""

    z: Tensor
    words: dict[str, Tensor]


def singles(run: Recipe, seed: int, n: int) -> Shapes:
    """Pictures of one object."""
    return Shapes(run.count(n, 100), seed=seed, size=64, kinds=("single",))


def train(run: Recipe) -> VAE:
    """The VAE."""
    vae = VAE(shape=(3, 64, 64), latent=16, width=32, blocks=0, patch=4, beta=2.0)
    known, folder, batch = singles(run, 1, 20_000)[:], run.folder / "vae", run.count(128, 8)
    vae.fit(known, minutes=run.minutes, folder=folder, batch_size=batch, device=run.device, seed=run.seed)
    run.picture("curves", curves(folder / "metrics.jsonl"))
    return vae.to("cpu", memory_format=torch.channels_last)


def cell(words: dict[str, Tensor], attributes: Sequence[str]) -> Tensor:
    """One number for each combination of words of these attributes, (N,)."""
    number = torch.zeros_like(words["shape"])
    for attribute in attributes:
        number = ATTRIBUTES[attribute] * number + words[attribute]
    return number


def direction(known: Known, words: dict[str, Tensor], target: dict[str, Tensor], among: Sequence[str]) -> Tensor:
    """From the mean latent of what is as told to that of what is wanted, over held-out pictures: (N, Z).

    Held-out pictures count as one sort if they agree in the attributes `among`.
    """
    sorts = cell(known.words, among)
    count = torch.bincount(sorts, minlength=prod(ATTRIBUTES[name] for name in among))[:, None]
    means = torch.zeros(len(count), known.z.shape[1]).index_add_(0, sorts, known.z) / count.clamp(min=1)
    return means[cell(target, among)] - means[cell(words, among)]


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


def arithmetic(run: Recipe, vae: VAE, known: Known, test: Shapes) -> None:
    """Change one attribute of each picture to another word, drawn at random."""
    z, words, judge = codes(vae, test[:]), scene_words(test.scenes), shape_judge()
    random, some = torch.Generator().manual_seed(run.seed), run.count(500, 20)
    for name, count in ATTRIBUTES.items():
        others = [other for other in ATTRIBUTES if other != name]
        wanted = {other: words[other] for other in others}
        wanted[name] = (words[name] + torch.randint(1, count, (len(z),), generator=random)) % count
        way = direction(known, words, wanted, [name, *others])
        found = judge.accuracy(decoded(vae, z + way), wanted)
        run.figure(f"{name}: changed as asked, %", 100 * found[name], at_least(80))
        for other in others:
            run.figure(f"{name} changed: {other} held, %", 100 * found[other], at_least(80))
        single = judge.accuracy(decoded(vae, z + direction(known, words, wanted, [name])), wanted)
        run.figure(f"{name}: changed by one direction for all, %", 100 * single[name])
        weights = torch.linspace(0, 1, POINTS)[:, None]
        rising = probability(decoded(vae, z[:some, None] + weights * way[:some, None]), name, wanted[name][:some])
        run.figure(f"{name}: steadiness of its probability", steadiness(rising), at_least(0.9))
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
    held_out, test = singles(run, 2, 20_000), singles(run, 3, 2_000)
    kept = vae.reconstruct(test[:])
    read = shape_judge().accuracy(kept, {name: scene_words(test.scenes)[name] for name in ATTRIBUTES})
    for name in ATTRIBUTES:
        run.figure(f"{name}: read off reconstructions, %", 100 * read[name])
    arithmetic(run, vae, Known(codes(vae, held_out[:]), scene_words(held_out.scenes)), test)
    morphs(run, vae, test)
    run.picture("reconstructions", reconstructions(test[:16], kept[:16]))
    run.picture("samples", grid(vae.sample(64, generator=torch.Generator().manual_seed(run.seed)), columns=16))
    run.finish(judge=shape_judge_checksum())


if __name__ == "__main__":
    main()
