"""The page that every run ends with: what was asked for, what came out, and whether each part knows its trade.

    scores      the agent in the real environment, policies that see nothing, the agent in its dream
    V           frames that it never learned from, and what it keeps of them
    M           its dreams beside what really came; P(Z <= z) of what came, uniform where M is right about what it does not know
    studies     where they were made: dreams of several temperatures, and what M is worth to C
    learning    every figure of V, M and C

What is shown of V and M is played anew by the agent, on seeds that no other stage uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genmodels import storage
from genmodels.dynamics import DynamicsModel
from genmodels.model import VisionModel
from genmodels.viz import curves, intervals, pit_histogram, spread, uniform_distance
from worldmodels import after_training, evaluate, page, side_by_side, stages
from worldmodels.agent import Agent, to_images
from worldmodels.interfaces import MakeEnv
from worldmodels.page import Html
from worldmodels.rollout import Step, steps
from worldmodels.run import Run, Stage
from worldmodels.types import Episode

SLOTS, LENGTH = 8, 100  # episodes that are played for the page, and at most so many steps of each
COLUMNS, AHEAD = 12, 44  # pictures in a strip, and how many steps it reaches ahead
WARMUP = 4  # frames that a dream is shown after its first
FILM = 240  # steps


def write(run: Run, make_env: MakeEnv, turn: int) -> Mapping[str, float]:
    """Make `report.html` in the run folder, with the videos that stand in it; figures to record."""
    agent = after_training.agent(run)
    episodes = play(run, make_env, agent)
    lives = round(LENGTH / float(np.mean([one.length for one in episodes])))  # several, where they are short
    film = after_training.record(run, make_env, name="report", episodes=lives, max_steps=FILM)
    after_training.dream(run, make_env, name="report_dream", episodes=1, side=3, max_steps=FILM // 2)
    values = np.concatenate([pit(agent.vision, agent.memory, one, run.seed(Stage.REPORT, 1)).ravel() for one in episodes])
    text = page.page(
        f"{run.experiment.world.name}, seed {run.experiment.seed}",
        *_top(run),
        page.section(
            "The agent, and what M makes of its world",
            "Left: the real environment. Middle: what V keeps of it. Right: M's own dream under the same actions; it is shown "
            "a frame again when the line below it is full.",
            page.video(film.read_bytes(), "The agent plays on seeds that no stage has used."),
            page.video(
                (run / "videos" / "report_dream.mp4").read_bytes(), "The agent in nine dreams; one that is over is dark."
            ),
        ),
        _scores(run),
        _vision(agent, episodes),
        _memory(agent, episodes, values, run.seed(Stage.REPORT, 2)),
        *_studies(run),
        _learning(run),
        _about(run),
    )
    storage.write_bytes(run / "report.html", text.encode())
    run.say(f"{run / 'report.html'}")
    return {"pit_ks": uniform_distance(values)}


# ------------------------------------------------------------------------------------------------------- what is looked at


def play(run: Run, make_env: MakeEnv, agent: Agent) -> list[Episode]:
    """What the agent lives through on fresh seeds: the first episode of each slot, or as much of it as fits."""
    env = stages.world(run, make_env, run.seed(Stage.REPORT), test=True, slots=SLOTS)
    try:
        taken = list(islice(steps(env, agent), LENGTH))
    finally:
        env.close()
    return [_first_episode(taken, slot) for slot in range(SLOTS)]


def _first_episode(taken: Sequence[Step], slot: int) -> Episode:
    over = [bool(step.over[slot]) for step in taken]
    part = taken[: over.index(True) + 1] if any(over) else taken
    return Episode(
        obs=np.stack([*(step.obs[slot] for step in part), part[-1].after[slot]]),
        act=np.stack([step.act[slot] for step in part]),
        rew=np.array([step.rew[slot] for step in part], np.float32),
        end=bool(part[-1].end[slot]),
        trunc=not part[-1].end[slot],
    )


@torch.no_grad()
def pit(vision: VisionModel, memory: DynamicsModel, episode: Episode, seed: int) -> NDArray[np.float32]:
    """P(Z <= z) of every number of every latent that came, given all that came before it: (T, Z).

    Latents are drawn from V's Gaussians, as M has learned them: their means alone are less spread than what M foresees.
    """
    seen = vision.encode(to_images(episode.obs))
    z = seen.sample(torch.Generator().manual_seed(seed)).float()
    act = torch.from_numpy(episode.act)
    states = memory.scan(z[None, :-1], act[None])
    before = type(states)(*(part[0, :-1] for part in states))
    prediction, _ = memory.predict(z[:-1], act, before)
    return prediction.z.cdf(z[1:]).clamp(0.0, 1.0).numpy()


def retold(episode: Episode) -> Iterator[Step]:
    """An episode step by step, as a world of one slot."""
    yes, no = np.ones(1, bool), np.zeros(1, bool)
    for t in range(episode.length):
        now, last = slice(t, t + 1), t == episode.length - 1
        yield Step(
            obs=episode.obs[now],
            act=episode.act[now],
            rew=episode.rew[now],
            end=yes if last and episode.end else no,
            trunc=yes if last and not episode.end else no,
            shown=episode.obs[t + 1 : t + 2],
            first=no if t else yes,
            valid=yes,
            state=None,
        )


# ----------------------------------------------------------------------------------------------------- the parts of the page


def _top(run: Run) -> list[Html]:
    meta, found = storage.read_json(run / "meta.json"), evaluate.read(run / "evaluation.jsonl")
    agent, dream = found["agent"], found["dream"]
    best = _best(found)
    beside = f" The best policy that sees nothing, {best}, earns {found[best].mean:.1f}." if best else ""
    seconds = sum(line["seconds"] for line in run.done)
    return [
        page.lead(
            f"The agent earns {agent.mean:.1f} on average of {len(agent.returns)} held-out episodes, and {dream.mean:.1f} in "
            f"the dream in which it learned.{beside}"
        ),
        page.code(meta["command"]),
        page.facts({"seed": run.experiment.seed, "commit": meta["commit"], "machine": meta["machine"], "time": _time(seconds)}),
    ]


def _scores(run: Run) -> Html:
    found = evaluate.read(run / "evaluation.jsonl")
    rows = [
        (name, f"{one.mean:.1f}", f"{one.sd:.1f}", _range(one.mean, one.error), str(len(one.returns)))
        for name, one in found.items()
    ]
    best = _best(found)
    shown = {name: found[name].returns for name in ("agent", "dream", best) if name}
    return page.section(
        "Scores",
        "Returns of whole episodes. The agent and the policies that see nothing play the same held-out seeds of the real "
        "environment; in the last row the agent plays in M's dream, the world it learned in.",
        page.table(("policy", "mean", "sd", "95 % interval of the mean", "episodes"), rows, first=True),
        page.chart(spread(shown, "return"), "returns of each episode, their mean and its 95 % interval"),
    )


@torch.no_grad()
def _vision(agent: Agent, episodes: Sequence[Episode]) -> Html:
    frames = np.concatenate([one.obs for one in episodes])
    frames = frames[np.linspace(0, len(frames) - 1, COLUMNS).round().astype(int)]
    kept = side_by_side.see(agent.vision, agent.vision.encode(to_images(frames)).mean.float())
    error = float(np.abs(frames.astype(float) - kept).mean()) / 255.0
    return page.section(
        "V: what it keeps of a frame",
        f"Frames that V never learned from, through {agent.vision.latent_size} numbers and back. "
        f"A pixel is off by {100.0 * error:.2f} % of its range on average.",
        page.strip({"real": list(frames), "reconstruction": list(kept)}),
    )


def _memory(agent: Agent, episodes: Sequence[Episode], values: NDArray[np.float32], seed: int) -> Html:
    longest = sorted(episodes, key=lambda one: -one.length)[:3]
    return page.section(
        "M: what it foresees",
        f"Dreams of what came after {WARMUP + 1} frames, of which M saw none: it is told the actions only. "
        "One dream is one draw of many; where the world is random it goes its own way.",
        *(_ahead(agent, one, seed) for one in longest if one.length > WARMUP + 1),
        page.chart(
            pit_histogram(values),
            "histogram of where the next latents lay in the distributions that M predicted for them",
        ),
        page.note(
            f"One step ahead, for {len(values):,} numbers of latents that came: Kolmogorov and Smirnov's distance to uniform "
            f"is {uniform_distance(values):.3f}. Heaps at both ends: M is too sure; in the middle: not enough."
        ),
    )


def _ahead(agent: Agent, episode: Episode, seed: int) -> Html:
    watched = side_by_side.watch(retold(episode), agent.vision, agent.memory, warmup=WARMUP, redream=0, seed=seed)
    alone = [moment for moment in islice(watched, WARMUP + AHEAD + 1) if moment.step >= WARMUP]
    chosen = [alone[at] for at in np.unique(np.linspace(0, len(alone) - 1, COLUMNS).round().astype(int))]
    rows = {
        "real": [moment.real for moment in chosen],
        "reconstruction": [moment.reconstruction for moment in chosen],
        "dream": [moment.dream for moment in chosen],
    }
    return page.strip(rows, [f"+{moment.alone}" if moment.alone else "seen" for moment in chosen])


def _studies(run: Run) -> list[Html]:
    """A section for each study that has parts which are done."""
    parts = {study: [line for line in run.done if line["stage"] == study] for study in ("sweep", "ablation")}
    return [section(parts[study]) for study, section in (("sweep", _sweep), ("ablation", _ablation)) if parts[study]]


def _sweep(lines: Sequence[Mapping[str, Any]]) -> Html:
    tau = [line["temperature"] for line in lines]
    rows = [(f"{line['temperature']:g}", *_told(line, "dream"), *_told(line, "real")) for line in lines]
    points = {
        name: [(at, line[name], line[f"{name}_error"]) for at, line in zip(tau, lines, strict=True)]
        for name in ("dream", "real")
    }
    return page.section(
        "Temperature",
        "A controller learned from scratch in the dream at each temperature, and was judged there and on the held-out episodes "
        "of the real environment. A dream that is too sure of itself promises what the world does not keep.",
        page.table(("temperature", "in its dream", "95 % interval", "real", "95 % interval"), rows),
        page.chart(intervals(points, "temperature", "return"), "mean return in the dream and in reality against temperature"),
    )


def _ablation(lines: Sequence[Mapping[str, Any]]) -> Html:
    rows = [
        (line["part"].replace("-", " "), *_told(line, "real"), f"{line['frames']:,}", str(line["generations"]))
        for line in lines
    ]
    return page.section(
        "What M is worth",
        "Linear controllers that evolved in the real environment, on equal numbers of decisions. They see z alone, or z beside "
        "the state of an M: one that learned nothing, the run's own, and one that learned on the actions of other windows.",
        page.table(("C sees", "real", "95 % interval", "decisions", "generations"), rows),
    )


def _told(line: Mapping[str, Any], name: str) -> tuple[str, str]:
    return f"{line[name]:.1f}", _range(line[name], line[f"{name}_error"])


def _range(mean: float, error: float) -> str:
    return f"{mean - 1.96 * error:.1f} to {mean + 1.96 * error:.1f}"


def _learning(run: Run) -> Html:
    """The curves of V and of M over all rounds, of C in the last."""
    last = run.experiment.rounds
    places = {
        "V": run / "vision",
        "M": run / "memory",
        f"C, round {last}" if last > 1 else "C": run / f"controller/round-{last}",
    }
    charts = [
        page.titled(name, page.chart(curves(folder / "metrics.jsonl"), f"learning curves of {name}"))
        for name, folder in places.items()
        if (folder / "metrics.jsonl").exists()
    ]
    done = {_name(line, last): _figures(line) for line in run.done}
    every = page.folded("every stage, its seconds and its figures", page.facts(done))
    return page.section("Learning", "", *charts, every)


def _about(run: Run) -> Html:
    meta = storage.read_json(run / "meta.json")
    return page.section(
        "The experiment",
        "",
        page.facts(meta["versions"]),
        page.folded("every setting", page.code((run / "config.json").read_text())),
    )


def _best(found: Mapping[str, evaluate.Score]) -> str:
    """The best of the policies that see nothing; empty where none was played."""
    blind = [name for name in found if name not in ("agent", "dream")]
    return max(blind, key=lambda name: found[name].mean, default="")


def _name(line: Mapping[str, Any], rounds: int) -> str:
    """Of a stage, or of a part of one, which comes after all rounds."""
    if "part" in line:
        return f"{line['stage']}, {line['part']}"
    return f"{line['stage']}, round {line['round']}" if rounds > 1 else str(line["stage"])


def _figures(line: Mapping[str, Any]) -> str:
    told = {name: value for name, value in line.items() if name not in ("stage", "round", "part", "seconds")}
    seconds = f"{line['seconds']:g} s"
    return ", ".join([seconds, *(f"{name} {value:.4g}" for name, value in told.items())])


def _time(seconds: float) -> str:
    """As a person says it.

    >>> _time(42.4), _time(600), _time(5400)
    ('42 s', '10 min', '1 h 30 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
