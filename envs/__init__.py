"""Real environments, all alike from outside: 64 x 64 frames, actions in [-1, 1] or Discrete, seeds that say it all.

    env = envs.make("dodge", num_envs=16, seed=0)
    obs, info = env.reset()
    obs, rew, end, trunc, info = env.step(env.action_space.sample())

| name | what | options beside `workers` |
|---|---|---|
| dodge | balls fall, a paddle must not be hit; made to be learned in minutes | repeat |
| carracing | Gymnasium's CarRacing-v3, a fresh track each episode | backend threads repeat actions bar stalled max_frames |
| takecover | ViZDoom's Take Cover, as Ha and Schmidhuber (2018) played it | skill repeat |
| gym:ID | any Gymnasium environment that shows images | repeat |

`workers=n` simulates in n processes that may die (see `worker_pool.py`). Imports neither `genmodels` nor `worldmodels`.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gymnasium
import numpy as np

from envs.any_gymnasium import Images
from envs.carracing import CarRacing
from envs.dodge import Dodge
from envs.simulator import FRAME, Frames, Simulator
from envs.takecover import TakeCover
from envs.vector_env import Slots
from envs.worker_pool import Workers

TABLE: dict[str, Callable[..., Simulator]] = {"dodge": Dodge, "carracing": CarRacing, "takecover": TakeCover}


def make(name: str, num_envs: int, seed: int, *, workers: int = 0, timeout: float = 60.0, **options: Any) -> Slots:
    """A vector environment of `num_envs` slots.

    Arguments:
        name: in the table above.
        num_envs: slots that are stepped together.
        seed: the root of every episode's seed; it decides what slot i meets in its episode k, whatever the other arguments.
        workers: processes to share the slots; 0 simulates here.
        timeout: seconds after which a worker that has not answered is replaced.
        options: of that environment.
    """
    if num_envs < 1:
        raise ValueError(f"num_envs: at least 1, not {num_envs}")
    if workers < 0:
        raise ValueError(f"workers: a number of processes, or 0 for none, not {workers}")
    frames = np.zeros((num_envs, *FRAME), np.uint8)
    if workers == 0:
        return Slots(build(name, frames, **options), seed)
    builder(name, options)
    if options.get("backend") == "envpool":
        raise ValueError('workers: backend="envpool" has threads of its own; leave workers out and set threads')
    return Slots(Workers(frames, name, options, workers, timeout), seed)


def build(name: str, frames: Frames, **options: Any) -> Simulator:
    """The simulator of that name, which draws into these frames: what `make` wraps."""
    return builder(name, options)(frames, **options)


def builder(name: str, options: Mapping[str, Any]) -> Callable[..., Simulator]:
    """What builds the simulator of a name; an error if it does not know one of these options."""
    found: Callable[..., Simulator]
    if name == "gym:":
        raise ValueError("gym: which environment? Give its id, gym:ID, or gym:MODULE:ID where a module of yours registers it")
    if name.startswith("gym:"):
        return partial(Images, id=name.removeprefix("gym:"))  # which knows what options it has
    if name in TABLE:
        found = TABLE[name]
    else:
        near = difflib.get_close_matches(name.lower(), TABLE, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join([*TABLE, 'gym:ID'])}"
        raise ValueError(f"no environment is called {name!r}; {hint}")
    known = [option for option in inspect.signature(found).parameters if option not in ("frames", "id")]
    for option in options:
        if option not in known:
            has = f"its options are {', '.join(known)}" if known else "it has no options"
            raise TypeError(f"{name} has no option {option!r}: {has}")
    return found


for _id, _name in (("Dodge", "dodge"), ("CarRacing", "carracing"), ("TakeCover", "takecover")):
    gymnasium.register(f"WorldModels/{_id}-v0", entry_point="envs.single_env:Single", kwargs={"name": _name})
