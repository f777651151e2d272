"""The whole of it: an agent trained in its own dream.

    1 rollout      real environment, random policy or the agent    -> replay/
    2 vision       V learns to see the frames                       -> vision/
    3 encode       every frame once                                 -> latents/
    4 memory       M learns what actions lead to                    -> memory/
    5 controller   C learns in the dream that M makes               -> controller/
    6 evaluate     the agent in the real environment                -> evaluation.jsonl
    7 report       what there is to see of it                       -> report.html, videos/
    rounds > 1     back to 1, the agent now being the policy; after the last, the best of the last rounds' agents is taken

Each stage goes from what lies in the run folder to what lies in the run folder, and goes on where it was cut short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile
from shlex import quote

from genmodels.data_parallel import crew
from worldmodels import choice, report, stages
from worldmodels.interfaces import MakeEnv
from worldmodels.run import Run, Stage


def train_controller(run: Run, make_env: MakeEnv, turn: int) -> Mapping[str, float]:
    """C learns; an agent to choose among is put aside."""
    figures = stages.train_controller(run, make_env, turn)
    choice.keep(run, turn)
    return figures


CHAIN = {
    Stage.ROLLOUT: stages.collect,
    Stage.VISION: stages.train_vision,
    Stage.ENCODE: stages.encode,
    Stage.MEMORY: stages.train_memory,
    Stage.CONTROLLER: train_controller,
}

TOGETHER = (Stage.VISION, Stage.MEMORY)

DOORS = {
    Stage.ROLLOUT: "rollout.py",
    Stage.VISION: "train_vision.py",
    Stage.ENCODE: "train_memory.py",
    Stage.MEMORY: "train_memory.py",
    Stage.CONTROLLER: "train_controller.py",
    Stage.CHOICE: "train_controller.py",
}


def pipeline(run: Run, make_env: MakeEnv) -> None:
    """Take a run to its end, from wherever it is."""
    with run.lock():
        learn_and_evaluate(run, make_env)
        enter(run, make_env, Stage.REPORT, run.experiment.rounds, report.write)
        if crew().leads:
            (run / "DONE").touch()
            run.say(conclusion(run))


def learn_and_evaluate(run: Run, make_env: MakeEnv) -> None:
    """Every round of the chain, and what the agent is worth after the last. The run is locked by the caller."""
    for turn, stage, work in learning(run):
        enter(run, make_env, stage, turn, work)
    enter(run, make_env, Stage.EVALUATE, run.experiment.rounds, stages.evaluate)


def learning(run: Run) -> Iterator[tuple[int, Stage, stages.Work]]:
    """All that leads to the agent, in order: the round, the stage, and what does it."""
    last = run.experiment.rounds
    for turn in range(1, last + 1):
        for stage, work in CHAIN.items():
            yield turn, stage, work
    if choice.due(run):
        yield last, Stage.CHOICE, choice.choose


def conclusion(run: Run) -> str:
    """What came of a run, in a line."""
    found = next(line for line in reversed(run.done) if line["stage"] == "evaluate")
    blind = found.get("best_baseline")
    beside = ""
    if blind is not None:
        apart = found["standard_errors"]
        where = "above" if apart >= 0 else "below"
        beside = f", {abs(apart):.1f} standard errors {where} the best blind policy's {blind:.1f}"
    return f"the agent's return is {found['agent']:.1f}{beside}; look at {run / 'report.html'}"


def enter(run: Run, make_env: MakeEnv, stage: Stage, turn: int, work: stages.Work) -> None:
    """Do a stage of a round unless it is done.

    Several processes that torchrun started train V and M together; all else the first does alone, and the others wait for it.
    """
    if not run.is_done(stage, turn):
        if crew().leads or stage in TOGETHER:
            with run.stage(stage, turn) as figures:
                figures.update(work(run, make_env, turn))
        crew().wait()


def alone(run: Run, make_env: MakeEnv, *stages_of_it: Stage) -> None:
    """Do these stages of the round they are due in, and no others; an error names what is due before them."""
    with run.lock():
        left = [part for part in learning(run) if not run.is_done(part[1], part[0])]
        if left and left[0][1] not in stages_of_it:
            due = left[0][1]
            raise FileNotFoundError(
                f"{run.folder}: what comes next is {due.name.lower()}: python scripts/{DOORS[due]} {quote(str(run.folder))}"
            )
        for turn, stage, work in takewhile(lambda part: part[1] in stages_of_it, left):
            enter(run, make_env, stage, turn, work)
        if not left:
            run.say(f"{', '.join(stage.name.lower() for stage in stages_of_it)}: done in every round")
