"""Train the two judges of digits and write them into the package.

    python scripts/train_judges.py

They learn from the first 55,000 training digits of MNIST; the other 5,000 are for choices, of which the number of epochs is
one; the test set is looked at once, for the figures printed. With equal threads and versions the weights come out bit-equal.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

from genmodels.data import Labelled, mnist
from genmodels.metrics.judges import ARCHITECTURES, WEIGHTS, DigitJudge, Name, judge_checksum

TRAINING, BATCH = 55_000, 128
SEEDS: dict[Name, int] = {"mnist": 1, "mnist-second": 2}


def main() -> None:
    """Parse, train, save, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(ARCHITECTURES), help="which judges (default: both)")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the training digits (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="where NAME/ is written (default: the package's weights)")
    options = parser.parse_args()
    if unknown := set(options.names) - set(ARCHITECTURES):
        parser.error(f"no judge is called {', '.join(sorted(unknown))}; there are {', '.join(ARCHITECTURES)}")
    for name in options.names:
        train(name, options.epochs, options.folder)


def train(name: Name, epochs: int, weights: Path) -> None:
    """Train one judge, write it into `weights/NAME`, and print what it is worth."""
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


if __name__ == "__main__":
    main()
