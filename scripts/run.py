"""Train an agent inside its own dream: the whole chain, from first frames to a score in the real environment.

python scripts/run.py dodge                             a minute and a half
python scripts/run.py carracing --seed 3                under an hour
python scripts/run.py dodge --memory.hidden 256         any setting of a preset can be changed
python scripts/run.py --resume runs/FOLDER              go on with a run that was stopped or killed
python scripts/run.py --resume runs/FOLDER --full       the studies of a run that is there
"""

from dataclasses import dataclass

from worldmodels import command


@dataclass(frozen=True)
class Own:
    """What is done beside the chain."""

    full: bool = False
    """also study the run: dreams of several temperatures, and four-way ablation of M"""


if __name__ == "__main__":
    target, own = command.parse(__doc__, Own)
    with command.told():
        import envs
        from worldmodels import sweep_and_ablation
        from worldmodels.pipeline import pipeline

        run = target.open(envs.make)
        with command.resumable(run, target.options, own):
            pipeline(run, envs.make)
            if own.full:
                sweep_and_ablation.full(run, envs.make)
