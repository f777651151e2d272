"""What can be shown of a run that has an agent: videos of the real world beside the dream, and of dreams alone.

record    the agent plays, M dreams along                -> videos/NAME.mp4, .gif, or one picture of it
dream     the agent plays in its dream                   -> its score there, videos/NAME.mp4
held_out  the agent plays on seeds no stage has used     -> its score, a file of episodes
    session   a person plays, or the agent                   -> worldmodels.play
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from shlex import quote

import gymnasium

from genmodels.viz import save_png
from worldmodels import evaluate, side_by_side, stages, teaching, video
from worldmodels.agent import Agent
from worldmodels.config import Baselines
from worldmodels.controller import Reflex
from worldmodels.interfaces import MakeEnv
from worldmodels.play import Session
from worldmodels.rollout import rollout, steps
from worldmodels.run import Run, Stage
from worldmodels.types import Frames

NEEDED = (Stage.VISION, Stage.ENCODE, Stage.MEMORY, Stage.CONTROLLER)


def agent(run: Run) -> Agent:
    """The run's agent; where it is not there yet, the error names the stage that comes next."""
    for stage in NEEDED:
        if not run.is_done(stage, 1):
            raise FileNotFoundError(
                f"{run.folder}: there is no agent yet; the stage that comes next is {stage.name.lower()}: "
                f"python scripts/run.py --resume {quote(str(run.folder))}"
            )
    return stages.load(run)


def record(
    run: Run,
    make_env: MakeEnv,
    *,
    name: str = "agent",
    suffix: str = ".mp4",
    episodes: int = 1,
    max_steps: int = 0,
    skip: int = 0,
    fps: float = 30.0,
    warmup: int = 4,
    redream: int = 50,
    temperature: float | None = None,
    seed: int | None = None,
    still: int | None = None,
) -> Path:
    """Real | reconstruction | dream, while the agent plays on held-out seeds; the file that was written.

    Arguments:
        run, make_env: whose agent, in which worlds.
        name, suffix: of the file in `videos/`.
        episodes, max_steps, skip: how many, how much of each (0: all), and after how many of its steps.
        fps: pictures a second.
        warmup, redream, temperature: of the dream; see `worldmodels.side_by_side.watch`.
        seed: the root of the episodes' seeds; None for one that no stage uses.
        still: write only the picture of this number (or the last, if there are fewer), as PNG.
    """
    player = agent(run)
    root = run.seed(Stage.RECORD) if seed is None else seed
    tau = run.experiment.dream.temperature if temperature is None else temperature
    env = stages.world(run, make_env, root, test=True, slots=1)
    try:
        moments = side_by_side.watch(
            steps(env, player),
            player.vision,
            player.memory,
            warmup=warmup,
            redream=redream,
            temperature=tau,
            seed=run.seed(Stage.RECORD, 1),
        )
        chosen = side_by_side.first_episodes(moments, episodes, max_steps, skip)
        discrete = isinstance(env.single_action_space, gymnasium.spaces.Discrete)
        pictures = side_by_side.panels(chosen, player.vision.latent_size, redream, discrete=discrete)
        return _keep(run, pictures, name, suffix, fps, still)
    finally:
        env.close()


def dream(
    run: Run,
    make_env: MakeEnv,
    *,
    name: str = "dream",
    episodes: int = 100,
    temperature: float | None = None,
    horizon: int | None = None,
    seed: int | None = None,
    side: int = 4,
    max_steps: int = 0,
    fps: float = 30.0,
) -> evaluate.Score:
    """What the agent earns in its dream, and a video of the first `side` squared of them (0: no video).

    Arguments:
        run, make_env: whose agent; the real environment is asked for its actions only.
        name: of the file in `videos/`.
        episodes: dreams that count.
        temperature, horizon: of the dream; None for the run's own.
        seed: of the dreams; None for one that no stage uses.
        side: rows and columns of the video.
        max_steps, fps: of the video.
    """
    player, space = agent(run), stages.actions(run, make_env)
    root = run.seed(Stage.RECORD) if seed is None else seed
    asked = {"temperature": temperature, "horizon": horizon}
    options = {key: value for key, value in asked.items() if value is not None}
    if side:
        dreams = teaching.dream(run, player.memory, space, side * side, **options)
        live = steps(dreams, Reflex(player.controller), root)
        latent = player.memory.latent_size
        _keep(run, side_by_side.dreams(live, player.vision, latent, columns=side, limit=max_steps), name, ".mp4", fps)
    env = teaching.dream(run, player.memory, space, min(64, episodes), **options)
    return evaluate.score(rollout(env, Reflex(player.controller), episodes, seed=root, quiet=run.quiet))


def held_out(
    run: Run, make_env: MakeEnv, episodes: int, *, baselines: Baselines, seed: int | None, name: str
) -> evaluate.Score:
    """The agent's score on episodes below a seed (None: one that no stage has used); see `worldmodels.stages.judge`."""
    agent(run)
    root = run.seed(Stage.EVALUATE, 1) if seed is None else seed
    return stages.judge(run, make_env, root, episodes, baselines=baselines, name=name)["agent"]


def session(run: Run, make_env: MakeEnv, seed: int | None = None) -> Session:
    """The run's dream and real environment, to be played in; seed None is one that no stage has used."""
    player, space = agent(run), stages.actions(run, make_env)
    root = run.seed(Stage.RECORD, 2) if seed is None else seed
    dreams = teaching.dream(run, player.memory, space, 1)
    return Session(player, dreams, stages.world(run, make_env, root, test=True, slots=1), root)


def _keep(run: Run, pictures: Iterator[Frames], name: str, suffix: str, fps: float, still: int | None = None) -> Path:
    """Write a video, or of its pictures only one, and say where."""
    path = run / "videos" / f"{name}{suffix if still is None else '.png'}"
    if still is None:
        count = video.write(path, pictures, fps)
        run.say(f"{path}: {count} pictures, {count / fps:.1f} s")
    else:
        number, picture = deque(islice(enumerate(pictures), still + 1), maxlen=1).pop()
        save_png(path, picture)
        run.say(f"{path}: picture {number} of the video")
    return path
