"""What there is to see of a run: the real world beside V's and M's picture of it, and dreams beside dreams.

    real            obs[t]
    reconstruction  V(obs[t])
    dream           M's own frames under the very actions that are taken in the real world:  z', h' ~ M(z', act[t], h')

The dream begins at a frame, goes on without seeing another, and is shown one again every `redream` steps: a thousand steps of
any model's imagination lead elsewhere. The line under its panel grows with the time it has been alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genmodels.dynamics import DynamicsModel
from genmodels.model import VisionModel
from genmodels.sampling import counter_noise
from worldmodels.agent import to_images
from worldmodels.captioned_panels import Caption, Sheet
from worldmodels.interfaces import Array
from worldmodels.rollout import Step
from worldmodels.types import Floats, Frames


@dataclass(frozen=True)
class Moment:
    """One moment of an episode, as it was, as V keeps it and as M dreams it."""

    real: Frames  # (H, W, 3)
    reconstruction: Frames
    dream: Frames
    act: Floats  # (A,) what is done now; of the last moment, what led to it
    ret: float  # what was earned so far
    episode: int
    step: int  # of the episode
    alone: int  # steps since the dream was shown a frame
    end: float  # M's belief that its last step was the last of all


@torch.no_grad()
def watch(
    steps: Iterable[Step],
    vision: VisionModel,
    memory: DynamicsModel,
    *,
    warmup: int = 4,
    redream: int = 50,
    temperature: float = 1.0,
    seed: int = 0,
) -> Iterator[Moment]:
    """The moments of a world of one slot, T + 1 for an episode of T steps.

    Arguments:
        steps: of that world, from `worldmodels.rollout.steps`.
        vision, memory: V and M.
        warmup: frames after an episode's first that the dream is shown too: one frame has no motion.
        redream: steps after which the dream is shown a frame again; 0 for never.
        temperature: of the dream.
        seed: of the dream's noise.
    """
    episode, t, alone, ret, end = -1, 0, 0, 0.0, 0.0
    nothing = memory.initial(1)
    lived = state = nothing  # M's state after what was, and after what was dreamt
    dreamt = torch.zeros(1, memory.latent_size)
    for step in steps:
        if not step.valid[0]:
            continue
        if step.first[0]:
            episode, t, alone, ret, end, lived = episode + 1, 0, 0, 0.0, 0.0, nothing
        z = vision.encode(to_images(step.obs)).mean.float()
        if t <= warmup or alone == redream > 0:
            dreamt, state, alone = z, lived, 0
        yield Moment(step.obs[0], _frame(vision, z), _frame(vision, dreamt), step.act[0], ret, episode, t, alone, end)
        act = torch.from_numpy(step.act)
        drawn = counter_noise.uniform(seed, torch.tensor([episode]), torch.tensor([t]), memory.noise_size)
        _, lived = memory.predict(z, act, lived)
        prediction, state = memory.predict(dreamt, act, state)
        outcome = prediction.sample(drawn, temperature)
        dreamt, end = outcome.z, float(outcome.end)
        t, alone, ret = t + 1, alone + 1, ret + float(step.rew[0])
        if step.over[0]:
            z = vision.encode(to_images(step.after)).mean.float()
            last = _frame(vision, z), _frame(vision, dreamt)
            yield Moment(step.after[0], *last, step.act[0], ret, episode, t, alone, end)


def first_episodes(moments: Iterable[Moment], episodes: int, steps: int = 0, skip: int = 0) -> Iterator[Moment]:
    """The moments of so many episodes, of each at most so many steps (0: all) after the first `skip`."""
    longest, shown = 0, False
    for moment in moments:
        too_late = steps > 0 and moment.step > skip + steps
        if moment.episode == episodes or (too_late and moment.episode == episodes - 1):
            break
        longest = max(longest, moment.step)
        if moment.step >= skip and not too_late:
            shown = True
            yield moment
    if not shown:
        raise ValueError(f"skip: {skip} steps are too many, as the longest episode was over after {longest}")


def panels(moments: Iterable[Moment], latent: int, redream: int, *, discrete: bool = False) -> Iterator[Frames]:
    """Moments as pictures: real | reconstruction | dream."""
    sheet: Sheet | None = None
    for moment in moments:
        sheet = sheet or Sheet(3, frame=moment.real.shape[:2], discrete=discrete)
        alone = moment.alone / redream if redream else None
        captions = (
            Caption("real", f"step {moment.step}"),
            Caption("reconstruction", f"{latent} numbers"),
            Caption(
                "dream", f"{moment.alone} steps alone" if moment.alone else "shown a frame", alone, marked=not moment.alone
            ),
        )
        frames = (moment.real, moment.reconstruction, moment.dream)
        yield sheet.draw(frames, captions, [("", f"return {moment.ret:.1f}")], moment.act)


@torch.no_grad()
def dreams(steps: Iterable[Step], vision: VisionModel, latent: int, *, columns: int, limit: int = 0) -> Iterator[Frames]:
    """The first dream of each slot as pictures; one that is over stays, darkened, with its return, until all are.

    Arguments:
        steps: of a dream, from `worldmodels.rollout.steps`.
        vision: V.
        latent: how many of the first numbers that are observed are z.
        columns: of the grid.
        limit: of steps; 0 for none.
    """
    over, ret, length = np.zeros(0, bool), np.zeros(0), np.zeros(0, int)
    shown: Frames | None = None
    sheet: Sheet | None = None
    for number, step in enumerate(steps):
        if shown is None or sheet is None:
            shown = see(vision, torch.from_numpy(step.obs[:, :latent]))
            over, ret, length = np.zeros(len(shown), bool), np.zeros(len(shown)), np.zeros(len(shown), int)
            sheet = Sheet(len(shown), columns, shown.shape[1:3], side=256 if columns == 1 else 128, lines=0)
            yield sheet.draw(shown, _dream_captions(over, ret, length))
        live = ~over
        shown[live] = see(vision, torch.from_numpy(step.after[live, :latent]))
        ret, length = ret + np.where(live, step.rew, 0.0), length + live
        ended = live & step.over
        yield sheet.draw(shown, _dream_captions(over, ret, length, ended))
        shown[ended] //= 3
        over = over | ended
        if over.all() or (limit and number + 1 >= limit):
            return


def _dream_captions(over: Array, ret: Array, length: Array, ended: Array | None = None) -> list[Caption]:
    marked = np.zeros_like(over) if ended is None else ended
    return [
        Caption(f"step {length[slot]}", f"{ret[slot]:.1f}" if over[slot] or marked[slot] else "", marked=bool(marked[slot]))
        for slot in range(len(over))
    ]


def see(vision: VisionModel, z: Tensor) -> Frames:
    """Latents (N, Z) as frames of bytes (N, H, W, 3)."""
    images = vision.decode(z).clamp(0.0, 1.0).permute(0, 2, 3, 1)
    return (255.0 * images).round().byte().numpy()


def _frame(vision: VisionModel, z: Tensor) -> Frames:
    return see(vision, z)[0]
