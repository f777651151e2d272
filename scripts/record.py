"""Record the agent of a run: the real environment, what V keeps of it, and what M dreams under the same actions.

python scripts/record.py runs/FOLDER                       videos/agent.mp4
python scripts/record.py runs/FOLDER --redream 0           the dream is never shown a frame again
python scripts/record.py runs/FOLDER --still 60            videos/agent.png, one picture
"""

from dataclasses import asdict, dataclass

from worldmodels import command


@dataclass(frozen=True)
class Own:
    """What is recorded."""

    name: str = "agent"
    """of the file in videos/"""
    gif: bool = False
    """write a GIF instead of an MP4"""
    still: int | None = None
    """write only the picture of this number, or the last, as PNG"""
    episodes: int = 1
    """episodes, one after another"""
    max_steps: int = 0
    """steps of each; 0 for all"""
    skip: int = 0
    """steps of each that pass unseen, before"""
    fps: float = 30.0
    """pictures a second"""
    warmup: int = 4
    """frames after the first that the dream is shown too"""
    redream: int = 50
    """steps after which the dream is shown a frame again; 0 for never"""
    temperature: float | None = None
    """of the dream; the run's own by default"""
    seed: int | None = None
    """root of the episodes' seeds; by default one that no stage has used"""

    def __post_init__(self) -> None:
        command.within(self, episodes=1, max_steps=0, skip=0, fps=1, warmup=0, redream=0, still=0, seed=0, temperature=0.01)


if __name__ == "__main__":
    target, own = command.parse(__doc__, Own, presets=False)
    with command.told(ValueError):
        import envs
        from worldmodels import after_training

        options = asdict(own)
        suffix = ".gif" if options.pop("gif") else ".mp4"
        after_training.record(target.open(), envs.make, suffix=suffix, **options)
