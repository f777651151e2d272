"""A run made small, to be given away: still a run folder, without what only learning needs.

    vision/ memory/ controller/              weights in half precision, without checkpoints
    latents/                                 of the last episodes, in half precision: where dreams begin
    config.json meta.json metrics.jsonl      as they were
    card.md                                  what it is, how it was made, and what it earned, episode by episode

The folder takes its name when all of it is there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from genmodels import storage
from genmodels.model import Model
from worldmodels import pretrained, stages
from worldmodels.evaluate import Score, score
from worldmodels.interfaces import MakeEnv
from worldmodels.latents import Latents
from worldmodels.rollout import rollout
from worldmodels.run import Run

COPIED = ("config.json", "meta.json", "metrics.jsonl")
EPISODES = 32  # whose latents go along


def pack(run: Run, make_env: MakeEnv, folder: Path, episodes: int, seed: int) -> Score:
    """Write the small run, where there is nothing yet, and score it as it is then: so many episodes below a seed."""
    if folder.exists():
        raise FileExistsError(f"{folder} is there already; remove it, or name another")
    unfinished = folder.with_name(f".{folder.name}-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    latents = Latents.open(run / "latents")
    latents.excerpt(range(max(0, len(latents) - EPISODES), len(latents)), unfinished / "latents")
    models = {name: Model.load(run / name) for name in ("vision", "memory", "controller")}
    for name, model in models.items():
        storage.write_folder(unfinished / name, halved(model))
        (unfinished / name / ".lock").unlink()
    for name in COPIED:
        shutil.copyfile(run / name, unfinished / name)
    small = Run.open(unfinished, quiet=run.quiet)
    with contextlib.closing(stages.world(small, make_env, seed, test=True)) as env:
        found = score(rollout(env, stages.load(small), episodes, quiet=run.quiet))
    sizes = {name: model.num_parameters for name, model in models.items()}
    named = f"--pretrained {folder.name}" if folder.resolve().parent == pretrained.HERE else quote(str(folder))
    storage.write_bytes(unfinished / "card.md", card(small, found, seed, sizes, named).encode())
    os.rename(unfinished, folder)
    return found


def halved(model: Model) -> dict[str, bytes]:
    """What `Model.save` writes, every real number in 16 bits; loading makes them 32 again."""
    state = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    return {**model.sealed().files, "model.safetensors": storage.pack_tensors(state)}


def card(run: Run, found: Score, seed: int, sizes: Mapping[str, int], named: str) -> str:
    """What somebody must know who is given the agent.

    Arguments:
        run: that made it.
        found: the score of the small run.
        seed: below which its episodes were.
        sizes: how many parameters each of its models has.
        named: how the scripts are told of it.
    """
    about, meta = run.experiment, storage.read_json(run / "meta.json")
    collected = [line for line in run.done if line["stage"] == "rollout"]
    first, last = collected[0], collected[-1]
    versions = ", ".join(f"{name} {version}" for name, version in meta["versions"].items())
    options = {**about.world.options, **about.world.test_options}
    real = getattr(about.learner, "where", "dream") == "real"
    learned = (
        "evolved in the real environment"
        if real
        else "learned in the dream of its own world model, never in the real environment"
    )
    rows = [f"{one:.1f}" for one in found.returns]
    returns = "\n".join(" ".join(rows[start : start + 10]) for start in range(0, len(rows), 10))
    return f"""# {about.world.name}

An agent whose controller {learned}.

| | |
|---|---|
| score | {found}, over held-out episodes of the real environment ({_listed(options)}) |
| to see it again | `python scripts/evaluate.py {named} --episodes {len(rows)} --seed {seed}` |
| command | `{meta["command"]}` |
| commit | {meta["commit"]} |
| data | {last["episodes"]:,} episodes, {last["frames"]:,} decisions of {about.world.repeat} frames, in {about.rounds} rounds |
| of it by random actions | {first["episodes"]:,} episodes, {first["frames"]:,} decisions |
| real frames in all | {run.frames:,}, those by which an agent was chosen included |
| time | {run.minutes:.1f} minutes on {meta["machine"]} |
| parameters, kept in 16 bits | {", ".join(f"{name} {size:,}" for name, size in sizes.items())} |
| versions | {versions} |

It knows the environment it learned from, as it is configured here, and nothing else. The episodes' returns, in order:

```
{returns}
```
"""


def _listed(options: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items()) or "as it is by default"
