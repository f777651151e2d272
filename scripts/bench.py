"""How fast each stage is: beside a plain way to do the same, and beside what bounds it, all measured in turns in one run.

python scripts/bench.py                        every stage
python scripts/bench.py --stage dream memory   some
python scripts/bench.py --json                 a list of {stage, rate, unit, reference, ratio, bound, fraction, holds}

Rates are medians over windows, and what is compared takes turns window by window. Each is of this machine in this minute: what
can be compared with another day are the ratios. The plain ways: one process of Gymnasium; the paper's VAE in fp32; M on frames
that are encoded anew for each batch; one dream at a time; Stable-Baselines3's PPO. The bounds: EnvPool alone, driven
again as it was driven, while nobody looks; the matrix products of a step and nothing else.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench_stages.dreaming import measure_dream, measure_generation
from bench_stages.driving import measure_agent, measure_fitness, measure_rollout
from bench_stages.learning import measure_encode, measure_learner, measure_memory, measure_vision
from bench_stages.models import measure_denoising, measure_diffusion, measure_gpt
from bench_stages.rates import Measured
from bench_stages.small_run import Bench
from bench_stages.whole_process import measure_import, measure_room, measure_startup

from genmodels.allocator import keep_pages

STAGES: dict[str, Callable[[Bench], Measured]] = {
    "rollout": measure_rollout,
    "agent": measure_agent,
    "vision": measure_vision,
    "encode": measure_encode,
    "memory": measure_memory,
    "dream": measure_dream,
    "generation": measure_generation,
    "learner": measure_learner,
    "diffusion": measure_diffusion,
    "denoising": measure_denoising,
    "gpt": measure_gpt,
    "fitness": measure_fitness,
    "startup": measure_startup,
    "import": measure_import,
    "room": measure_room,
}


def main() -> int:
    """Measure, tell, and leave with 1 if a stage is slower than it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", nargs="+", choices=list(STAGES), default=list(STAGES), help="which (default: all)")
    parser.add_argument("--seconds", type=float, default=16.0, help="of windows for each thing measured (default: 16)")
    parser.add_argument("--json", action="store_true", help="a list for machines, and nothing else")
    options = parser.parse_args()
    found = []
    keep_pages()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(Path(folder), options.seconds)
        for name in options.stage:
            found.append(STAGES[name](bench))
            if not options.json:
                print(found[-1], flush=True)
    if options.json:
        print(json.dumps([one.plain() for one in found], indent=1))
    return 0 if all(one.holds for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
