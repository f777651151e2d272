"""Collect episodes: by a random policy in the first round, by the agent in later ones.

python scripts/rollout.py dodge            a new run, and its first episodes
python scripts/rollout.py runs/FOLDER      of the round that is next
"""

from dataclasses import dataclass

from worldmodels import command


@dataclass(frozen=True)
class Own:
    """No options of its own: those of an experiment are chosen when it begins."""


if __name__ == "__main__":
    target, _ = command.parse(__doc__, Own)
    with command.told():
        import envs
        from worldmodels.pipeline import alone
        from worldmodels.run import Stage

        run = target.open(envs.make)
        with command.resumable(run, target.options):
            alone(run, envs.make, Stage.ROLLOUT)
