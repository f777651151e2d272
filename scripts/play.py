"""Play in the dream of a run, or in its real environment, beside its agent.

python scripts/play.py runs/FOLDER                         a window; arrows steer, a hands over, d leaves the dream
python scripts/play.py runs/FOLDER --frames /tmp/frames --script "left*10 agent*20 tau+ agent*10 real agent*30"

In a script, keys that are held (left, up,right, 3), wait and agent take steps; tau+ tau- reset dream real do not.
"""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from worldmodels import command


@dataclass(frozen=True)
class Own:
    """How it is played."""

    frames: Path | None = None
    """play without a screen and keep a PNG and a line of JSON for each step in this folder"""
    script: str = ""
    """what is done without a screen"""
    fps: float = 20.0
    """steps a second"""
    seed: int | None = None
    """of the worlds; by default one that no stage has used"""

    def __post_init__(self) -> None:
        command.within(self, fps=1, seed=0)
        if (self.frames is None) == bool(self.script):
            raise ValueError("--frames and --script go together: where the pictures go, and what is played")


if __name__ == "__main__":
    target, own = command.parse(__doc__, Own, presets=False)
    with command.told(ValueError):
        import envs
        from worldmodels import after_training, play, screen

        orders = play.read_script(own.script) if own.frames else []
        with closing(after_training.session(target.open(), envs.make, own.seed)) as session:
            if own.frames:
                print(f"{play.dump(session, orders, own.frames)} steps in {own.frames}")
            else:
                print(*(f"{key:<8} {what}" for key, what in play.legend(session.space).items()), sep="\n")
                screen.play(session, own.fps)
