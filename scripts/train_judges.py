"""Train the judges and write them into the package.

    python scripts/train_judges.py            all
    python scripts/train_judges.py shapes     the judge of captioned shapes

The two judges of digits learn from the first 55,000 training digits of MNIST; the other 5,000 are for choices, of which the
number of epochs is one; the test set is looked at once, for the figures printed. The judge of shapes learns from scenes of one
seed, and its figures are from scenes of another. With equal threads and versions the weights come out bit-equal.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from genmodels.data import Labelled, Shapes, mnist
from genmodels.data.shape_scenes import COLOURS, KINDS, SHAPES, Scenes
from genmodels.metrics.judges import ARCHITECTURES, WEIGHTS, DigitJudge, Name, judge_checksum, to_unit
from genmodels.metrics.shape_judge import NONE, ShapeJudge, scene_words, shape_judge_checksum, worn

TRAINING, BATCH = 55_000, 128
SEEDS: dict[Name, int] = {"mnist": 1, "mnist-second": 2}

SCENES, HELD_OUT = 40_000, 10_000
SHAPES_SEED, HELD_OUT_SEED = 1001, 1004
MIXTURE = (*KINDS, "group", "pair")  # single objects are soon learned
SPOILT = 4  # one scene of so many


def main() -> None:
    """Parse, train, save, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(TRAIN), help="which judges (default: all)")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the training set (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="where NAME/ is written (default: the package's weights)")
    options = parser.parse_args()
    if unknown := set(options.names) - set(TRAIN):
        parser.error(f"no judge is called {', '.join(sorted(unknown))}; there are {', '.join(TRAIN)}")
    for name in options.names:
        TRAIN[name](options.epochs, options.folder)


# --------------------------------------------------------------------------------------------------------------- digits


def train_digits(name: Name, epochs: int, weights: Path) -> None:
    """Train one judge of digits, write it into `weights/NAME`, and print what it is worth."""
    digits, test = mnist("train"), mnist("test")
    validation = Labelled(digits.images[TRAINING:], digits.labels[TRAINING:])
    started = time.monotonic()
    torch.manual_seed(SEEDS[name])
    judge = DigitJudge(trunk=ARCHITECTURES[name])
    judge.fit(
        TensorDataset(digits.images[:TRAINING], digits.labels[:TRAINING]),
        steps=epochs * (TRAINING // BATCH),
        batch_size=BATCH,
        device="cpu",
        precision="fp32",
        seed=SEEDS[name],
    )
    judge.save(weights / name)
    judge = DigitJudge.load(weights / name)
    for split, data in (("validation", validation), ("test", test)):
        print(f"{name}: {split} accuracy {judge.accuracy(data.images, data.labels):.2%}")
    print(f"{name}: {judge.num_parameters:,} parameters, {time.monotonic() - started:.0f} s")
    print(f"{name}: checksum {judge_checksum(name, weights)}")


# --------------------------------------------------------------------------------------------------------------- shapes


def train_shapes(epochs: int, weights: Path) -> None:
    """Train the judge of shapes, write it into `weights/shapes`, and print what it is worth."""
    started = time.monotonic()
    torch.manual_seed(SHAPES_SEED)
    shapes = Shapes(SCENES, SHAPES_SEED, size=32, kinds=MIXTURE)
    words = scene_words(shapes.scenes)
    odd = torch.arange(SCENES) % SPOILT == 0
    for name, numbers in words.items():
        numbers[odd] = NONE if name == "kind" else -1
    shapes.scenes = spoilt(shapes.scenes, odd)
    judge = ShapeJudge()
    judge.fit(
        TensorDataset(shapes[:], *words.values()),
        steps=epochs * (SCENES // BATCH),
        batch_size=BATCH,
        device="cpu",
        precision="fp32",
        seed=SHAPES_SEED,
    )
    judge.save(weights / "shapes")
    print(f"shapes: {judge.num_parameters:,} parameters, {time.monotonic() - started:.0f} s")
    print(f"shapes: checksum {shape_judge_checksum(weights)}")
    for size in (32, 64):
        report_shapes(ShapeJudge.load(weights / "shapes"), size)


def report_shapes(judge: ShapeJudge, size: int) -> None:
    """Print how the judge reads held-out pictures of a size: clean, worn once and twice, and of spoilt scenes."""
    held_out = Shapes(HELD_OUT, HELD_OUT_SEED, size)
    pictures = to_unit(held_out[:])
    for times in range(3):
        figures = judge.accuracy(pictures, scene_words(held_out.scenes))
        told = ", ".join(f"{attribute} {share:.2%}" for attribute, share in figures.items())
        print(f"shapes: {size} pixels, worn {times} times: {told}")
        pictures = torch.cat([worn(part) for part in pictures.split(BATCH)])
    held_out.scenes = spoilt(held_out.scenes, torch.ones(HELD_OUT, dtype=torch.bool))
    found = judge.accuracy(held_out[:], {"kind": torch.full((HELD_OUT,), NONE)})["kind"]
    print(f"shapes: {size} pixels, spoilt: none {found:.2%}")


def spoilt(scenes: Scenes, odd: Tensor) -> Scenes:
    """The scenes, those at `odd` (N,) made none: a single object goes, a group's second differs, a pair's two are alike."""
    scenes = scenes[torch.arange(len(scenes))]  # a copy
    single, group, pair = (odd & (scenes.kind == kind) for kind in range(len(KINDS)))
    which = torch.randint(6, scenes.kind.shape)
    scenes.shape[single] = -1
    for turn, (numbers, words) in enumerate(((scenes.shape, SHAPES), (scenes.colour, COLOURS))):
        alike, unlike = pair & (which % 2 == turn), group & (which % 3 == turn)
        numbers[alike, 1] = numbers[alike, 0]
        numbers[unlike, 1] = (numbers[unlike, 0] + torch.randint(1, len(words), (int(unlike.sum()),))) % len(words)
    unlike = group & (which % 3 == 2)
    scenes.radius[unlike, 1] *= torch.where(scenes.size[unlike, 1] == 0, 1.65, 1 / 1.65)  # from one size's radii to the other's
    return scenes


TRAIN: dict[str, Callable[[int, Path], None]] = {
    **{name: partial(train_digits, name) for name in ARCHITECTURES},
    "shapes": train_shapes,
}

if __name__ == "__main__":
    main()
