"""Playing: a person at the keys or the agent, in the dream or in the real environment, and hand-over at any step.

    session.step(None)                  the agent acts
    session.step(hand(space, {"left"})) the person does
    session.warm(+0.1)  session.enter("real")  session.reset()

There is no screen here. `worldmodels.screen` gives a session keys and shows its pictures; `dump` gives it a script and keeps
them. Agent and person share one memory: M is told what was done, whoever did it, so the agent can take over without a gap.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from genmodels import storage
from genmodels.viz import save_png
from worldmodels.agent import Agent, Mind
from worldmodels.captioned_panels import Caption, Sheet
from worldmodels.controller import Reflex
from worldmodels.dream import DreamVectorEnv
from worldmodels.interfaces import Array, Policy
from worldmodels.rollout import Step, action_size, steps
from worldmodels.side_by_side import see
from worldmodels.types import Floats, Frames

ARROWS, DIGITS = ("left", "right", "up", "down"), tuple("0123456789")
COOLEST, HOTTEST, WARMER = 0.1, 3.0, 0.1  # temperatures
LEGEND = {
    "arrows": "steer, up and down",
    "0 to 9": "choose",
    "a": "agent or you",
    "d": "dream or real",
    "+ -": "temperature",
    "r": "anew",
    "q": "quit",
}


class Pilot(Policy):
    """The agent, unless a hand is laid on.

    Arguments:
        agent: who acts where `hand` is None.
    """

    def __init__(self, agent: Policy) -> None:
        self.agent = agent
        self.hand: Floats | None = None

    def initial(self, slots: int) -> Any:
        return self.agent.initial(slots)

    def act(self, obs: Array, state: Any, first: NDArray[np.bool_]) -> tuple[NDArray[np.float32], Any]:
        act, onward = self.agent.act(obs, state, first)
        if self.hand is None:
            return act, onward
        act = np.tile(self.hand, (len(obs), 1))
        if isinstance(onward, Mind):
            onward = onward._replace(act=torch.from_numpy(act))
        return act, onward


@dataclass(frozen=True)
class Turn:
    """What a step of a session was."""

    world: str  # "dream" or "real"
    who: str  # "agent" or "person"
    act: list[float]
    rew: float
    end: bool
    trunc: bool
    ret: float  # earned in this episode, this step included
    step: int  # of this episode, from 1
    temperature: float


class Place:
    """A world of one slot that can be left and entered again as it was."""

    def __init__(self, env: VectorEnv, agent: Policy, seed: int) -> None:
        self.env, self.pilot = env, Pilot(agent)
        self.ret, self.length = 0.0, 0
        self._steps: Iterator[Step] = steps(env, self.pilot, seed)

    def step(self, hand: Floats | None) -> Step:
        """One step, by the agent or by this hand."""
        self.pilot.hand = hand
        step = next(step for step in self._steps if step.valid[0])
        if step.first[0]:
            self.ret, self.length = 0.0, 0
        self.ret, self.length = self.ret + float(step.rew[0]), self.length + 1
        return step

    def reset(self) -> None:
        """Go on to the next episode."""
        self._steps = steps(self.env, self.pilot)


class Session:
    """A dream and a real environment, one slot each, one of them in play.

    Arguments:
        agent: who plays where no hand is laid on.
        dream, real: the two worlds; closed with the session.
        seed: of both.
    """

    def __init__(self, agent: Agent, dream: DreamVectorEnv, real: VectorEnv, seed: int) -> None:
        self.agent, self.dream = agent, dream
        self.places = {"dream": Place(dream, Reflex(agent.controller), seed), "real": Place(real, agent, seed)}
        self.world = "dream"
        self.space = dream.single_action_space
        self.sheet = Sheet(1, side=512, lines=4, discrete=isinstance(self.space, gymnasium.spaces.Discrete))
        hand(self.space, frozenset())

    def step(self, laid: Floats | None) -> tuple[Turn, Frames]:
        """One step of the world in play, by the agent (None) or by a hand, and a picture of what it led to."""
        place = self.places[self.world]
        step = place.step(laid)
        turn = Turn(
            world=self.world,
            who="agent" if laid is None else "person",
            act=[float(value) for value in step.act[0]],
            rew=float(step.rew[0]),
            end=bool(step.end[0]),
            trunc=bool(step.trunc[0]),
            ret=place.ret,
            step=place.length,
            temperature=self.dream.temperature,
        )
        return turn, self._picture(turn, step)

    def reset(self) -> None:
        """Another episode of the world in play."""
        self.places[self.world].reset()

    def enter(self, world: str) -> None:
        """Go to "dream" or "real"; the other waits as it is."""
        self.world = world

    def warm(self, by: float) -> None:
        """Make the dream less predictable, or more."""
        self.dream.temperature = round(min(max(self.dream.temperature + by, COOLEST), HOTTEST), 2)

    def close(self) -> None:
        """Let go of both worlds."""
        for place in self.places.values():
            place.env.close()

    def _picture(self, turn: Turn, step: Step) -> Frames:
        frame = step.after[0]
        if turn.world == "dream":
            with torch.no_grad():
                frame = see(self.agent.vision, torch.from_numpy(step.after[:, : self.agent.memory.latent_size]))[0]
        over = "over" if turn.end else "time is up" if turn.trunc else ""
        caption = Caption(turn.world, over or ("you" if turn.who == "person" else "agent"), marked=bool(over))
        keys = [f"{key}  {what}" for key, what in legend(self.space).items()]
        half = (len(keys) + 1) // 2
        text = [
            ("", f"return {turn.ret:.1f}"),
            (f"temperature {turn.temperature:g}" if turn.world == "dream" else "", f"step {turn.step}"),
            ("     ".join(keys[:half]), ""),
            ("     ".join(keys[half:]), ""),
        ]
        return self.sheet.draw([frame], [caption], text, step.act[0])


def legend(space: gymnasium.Space[Any]) -> dict[str, str]:
    """The keys of a session, and what each does."""
    idle = "arrows" if isinstance(space, gymnasium.spaces.Discrete) else "0 to 9"
    return {key: what for key, what in LEGEND.items() if key != idle}


def hand(space: gymnasium.Space[Any], keys: Set[str]) -> Floats:
    """The action of the keys that are held.

    Digits choose in a Discrete space; none is the first choice. In a Box left and right are its first number, up and down the
    second; of three numbers (steer, gas, brake) up is the second, down the third, and both are -1 where they are let go.

    >>> hand(gymnasium.spaces.Box(-1.0, 1.0, (3,)), {"left", "up"}).tolist()
    [-1.0, 1.0, -1.0]
    >>> hand(gymnasium.spaces.Discrete(3), {"2"}).tolist()
    [0.0, 0.0, 1.0]
    """
    size = action_size(space)
    if isinstance(space, gymnasium.spaces.Discrete):
        chosen = [int(key) for key in sorted(keys) if key in DIGITS and int(key) < size]
        return np.eye(size, dtype=np.float32)[chosen[0] if chosen else 0]
    left, right, up, down = (float(arrow in keys) for arrow in ARROWS)
    match size:
        case 1:
            act = [right - left]
        case 2:
            act = [right - left, up - down]
        case 3:
            act = [right - left, 2 * up - 1, 2 * down - 1]
        case _:
            raise ValueError(f"a person has four arrows, which is too few for actions of {size} numbers")
    return np.array(act, np.float32)


# -------------------------------------------------------------------------------------------------------------- scripts


@dataclass(frozen=True)
class Order:
    """A part of a script: what is done, so many times."""

    what: str  # "agent", "person", or a command
    times: int = 1
    keys: frozenset[str] = frozenset()  # that the person holds


COMMANDS = ("tau+", "tau-", "reset", "dream", "real")


def read_script(script: str) -> list[Order]:
    """What is to be done without a screen: words with `*times`.

    Keys that are held (`left`, `up,right`, `3`), `wait` (none held) and `agent` take steps; `tau+ tau- reset dream real` none.

    >>> read_script("left*10 tau+")
    [Order(what='person', times=10, keys=frozenset({'left'})), Order(what='tau+', times=1, keys=frozenset())]
    """
    orders = []
    for word in script.split():
        what, star, count = word.partition("*")
        if star and not (count.isdecimal() and int(count) > 0):
            raise ValueError(f"script: {word!r}: after * stands how often, a number from 1 up")
        times, keys = int(count) if star else 1, frozenset(what.split(",")) - {"wait"}
        if what in ("agent", *COMMANDS):
            orders.append(Order(what, times))
        elif keys <= {*ARROWS, *DIGITS}:
            orders.append(Order("person", times, keys))
        else:
            known = ", ".join((*ARROWS, "0 to 9", "wait", "agent", *COMMANDS))
            raise ValueError(f"script: {word!r} is none of {known}")
    if not orders:
        raise ValueError('script: there is nothing in it; for example "left*10 agent*20 tau+ agent*10"')
    return orders


def perform(session: Session, orders: Iterable[Order]) -> Iterator[tuple[Turn, Frames]]:
    """Do what a script says; what each step was, and its picture."""
    for order in orders:
        for _ in range(order.times):
            match order.what:
                case "agent":
                    yield session.step(None)
                case "person":
                    yield session.step(hand(session.space, order.keys))
                case "tau+":
                    session.warm(WARMER)
                case "tau-":
                    session.warm(-WARMER)
                case "reset":
                    session.reset()
                case world:
                    session.enter(world)


def _refuse_idle(space: gymnasium.Space[Any], key: str) -> None:
    """A key that does nothing here is no mistake of a finger, in a script."""
    choices = int(space.n) if isinstance(space, gymnasium.spaces.Discrete) else 0
    if (key in DIGITS) != bool(choices) or (choices and int(key) >= choices):
        does = f"digits below {choices} choose" if choices else "the arrows steer"
        raise ValueError(f"script: {key!r} does nothing here, where actions are {space}: {does}")


def dump(session: Session, orders: Iterable[Order], folder: str | Path) -> int:
    """Play a script; a PNG for each step, and a line of JSON in `steps.jsonl`. How many steps there were."""
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder}: there is something in it; name a new or empty folder for the frames")
    orders = list(orders)
    for key in sorted({key for order in orders for key in order.keys}):
        _refuse_idle(session.space, key)
    lines: list[str] = []
    for turn, picture in perform(session, orders):
        save_png(folder / f"{len(lines):06d}.png", picture)
        lines.append(json.dumps(asdict(turn)) + "\n")
    storage.write_bytes(folder / "steps.jsonl", "".join(lines).encode())
    return len(lines)
