"""Train C, which acts, in the dream that M makes.

python scripts/train_controller.py runs/FOLDER      for the round that is next
"""

from dataclasses import dataclass

from worldmodels import command


@dataclass(frozen=True)
class Own:
    """No options of its own: those of an experiment are chosen when it begins."""


if __name__ == "__main__":
    target, _ = command.parse(__doc__, Own, presets=False)
    with command.told():
        import envs
        from worldmodels.pipeline import alone
        from worldmodels.run import Stage

        run = target.open()
        with command.resumable(run, target.options):
            alone(run, envs.make, Stage.CONTROLLER, Stage.CHOICE)
