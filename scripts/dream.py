"""Let the agent of a run play in its dream: its score there, and a video of many dreams side by side.

python scripts/dream.py runs/FOLDER                        videos/dream.mp4, and the score as its last line
python scripts/dream.py runs/FOLDER --temperature 1.3      in a dream that is harder to foresee
python scripts/dream.py runs/FOLDER --side 1               one dream, large
"""

from dataclasses import asdict, dataclass

from worldmodels import command


@dataclass(frozen=True)
class Own:
    """What is dreamt."""

    name: str = "dream"
    """of the file in videos/"""
    episodes: int = 100
    """dreams that are counted"""
    temperature: float | None = None
    """above 1 the dream is less predictable; the run's own by default"""
    horizon: int | None = None
    """steps after which a dream is cut; the run's own by default"""
    seed: int | None = None
    """of the dreams; by default one that no stage has used"""
    side: int = 4
    """rows and columns of the video; 0 for no video"""
    max_steps: int = 0
    """steps of the video; 0 for all"""
    fps: float = 30.0
    """pictures a second"""

    def __post_init__(self) -> None:
        command.within(self, episodes=1, temperature=0.01, horizon=1, seed=0, side=0, max_steps=0, fps=1)


if __name__ == "__main__":
    target, own = command.parse(__doc__, Own, presets=False)
    with command.told():
        import envs
        from worldmodels import after_training

        print(after_training.dream(target.open(), envs.make, **asdict(own)))
