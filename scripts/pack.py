"""Make a finished run small enough to give away: a run folder without what only learning needs, scored anew, with a card.

python scripts/pack.py runs/FOLDER --to my_agent           then: python scripts/play.py my_agent
"""

from dataclasses import dataclass
from pathlib import Path

from worldmodels import command


@dataclass(frozen=True)
class Own:
    """What is made."""

    to: Path = Path("packed")
    """the new folder"""
    episodes: int = 100
    """held-out episodes that score it, as it is when it is small"""
    seed: int = 1_000_000
    """root of their seeds"""

    def __post_init__(self) -> None:
        command.within(self, episodes=1, seed=0)


if __name__ == "__main__":
    target, own = command.parse(__doc__, Own, presets=False)
    with command.told():
        import envs
        from worldmodels import packing

        print(packing.pack(target.open(), envs.make, own.to, own.episodes, own.seed))
