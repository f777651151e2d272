"""Evaluate the agent of a run: whole episodes in the real environment, on seeds that no stage has used.

python scripts/evaluate.py runs/FOLDER                     100 episodes; the score is the last line
python scripts/evaluate.py runs/FOLDER --baselines all     beside policies that see nothing
"""

from dataclasses import dataclass

from worldmodels import command
from worldmodels.config import Baselines


@dataclass(frozen=True)
class Own:
    """What is played."""

    episodes: int = 100
    """episodes"""
    baselines: Baselines = "none"
    """policies that play the same episodes: fresh random actions; all: also standing still, and constant actions"""
    seed: int | None = None
    """root of the episodes' seeds; by default one that no stage has used"""
    name: str = "held_out.jsonl"
    """file in the run folder, one line for each episode (the pipeline's own is evaluation.jsonl)"""

    def __post_init__(self) -> None:
        command.within(self, episodes=1, seed=0)


if __name__ == "__main__":
    target, own = command.parse(__doc__, Own, presets=False)
    with command.told():
        import envs
        from worldmodels import after_training

        run = target.open()
        print(after_training.held_out(run, envs.make, own.episodes, baselines=own.baselines, seed=own.seed, name=own.name))
