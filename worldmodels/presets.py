"""Experiments that are known to work. Each is a function, and the command line overrides what it returns.

`NAME_tiny` is the same chain in little time, to see it run whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from worldmodels.config import (
    Choice,
    Collect,
    ControllerConfig,
    Dream,
    Evaluation,
    Evolve,
    Experiment,
    Gradient,
    MDNRNNConfig,
    Option,
    PaperVAEConfig,
    VAEConfig,
    World,
)

NEVER = 100_000  # decisions without progress after which a held-out episode is cut


def dodge() -> Experiment:
    """Falling balls, a paddle: learned in a minute and a half."""
    return Experiment(
        world=World("dodge", {"repeat": 4}, slots=64),
        collect=Collect(episodes=1024, policy="held", span=4),
        vision=VAEConfig(latent=24, sd=0.08, steps=400),
        memory=MDNRNNConfig(hidden=128, reward=False, window=32, steps=700),
        controller=ControllerConfig(hidden=(64,)),
        dream=Dream(horizon=50, alive=4.0),
        learner=Gradient(iterations=140, dreams=640, length=12, minibatch=1024, gamma=0.97),
    )


def dodge_tiny() -> Experiment:
    """The same chain in ten seconds: it shows that all runs, and learns nothing."""
    return replace(
        dodge(),
        collect=Collect(episodes=64, policy="held", span=4),
        vision=VAEConfig(latent=12, width=8, sd=0.08, steps=60, batch=48),
        memory=MDNRNNConfig(hidden=32, reward=False, window=16, steps=60, batch=32),
        learner=Gradient(iterations=6, dreams=64),
        evaluation=Evaluation(episodes=32),
    )


def own() -> Experiment:
    """An environment of yours: name it with --world.name gym:MODULE:ID."""
    return Experiment(
        world=World("gym:"),
        collect=Collect(episodes=256, policy="held", span=8),
        vision=VAEConfig(latent=16, sd=0.15, steps=1000),
        memory=MDNRNNConfig(hidden=128, steps=1500),
        controller=ControllerConfig(hidden=(64,)),
        dream=Dream(horizon=100),
        learner=Gradient(iterations=100, dreams=512, length=16, minibatch=2048, gamma=0.97),
    )


def carracing() -> Experiment:
    """CarRacing, the controller trained in the dream alone."""
    options: dict[str, Option] = {"backend": "envpool", "repeat": 4, "actions": 2, "bar": True, "stalled": 30}
    return Experiment(
        world=World("carracing", options, {"backend": "gymnasium", "stalled": NEVER}, slots=16),
        collect=Collect(episodes=256, policy="correlated", span=8, drift=(0.0, 0.2), agent_episodes=32),
        vision=VAEConfig(latent=32, sd=0.1, heavy_rows=(56, 64), row_weight=4.0, steps=4000, later_steps=400, rounds=12),
        memory=MDNRNNConfig(hidden=256, reward_scale=5.0, patience=24, steps=3000, later_steps=400),
        controller=ControllerConfig(hidden=(128, 128)),
        dream=Dream(horizon=250),
        learner=Gradient(
            iterations=80, dreams=4096, length=4, gamma=0.996, lr=5e-4, sd=0.4, sd_last=0.15, sd_rounds=12, ema=0.998
        ),
        choice=Choice(rounds=6, episodes=24),
        rounds=18,
    )


def carracing_tiny() -> Experiment:
    """CarRacing in less than ten minutes."""
    whole = carracing()
    assert isinstance(whole.learner, Gradient)
    return replace(
        whole,
        world=replace(whole.world, test_options={"stalled": NEVER}),
        collect=replace(whole.collect, episodes=160),
        vision=replace(whole.vision, steps=1200, later_steps=200),
        memory=replace(whole.memory, steps=1000, later_steps=300),
        learner=replace(whole.learner, sd_rounds=0),
        choice=Choice(),
        evaluation=Evaluation(episodes=20, baselines="random"),
        rounds=3,
    )


def takecover() -> Experiment:
    """DoomTakeCover, the controller trained in the dream alone."""
    return Experiment(
        world=World("takecover", {"repeat": 4}, slots=16),
        collect=Collect(episodes=4096, policy="held", span=24, agent_episodes=384, mirror=(-1.0,)),
        vision=VAEConfig(latent=64, sd=0.08, heavy_rows=(22, 52), row_weight=6.0, steps=4000, later_steps=600, rounds=3),
        memory=MDNRNNConfig(hidden=512, deep=512, reward=False, foreseen=True, steps=2000, later_steps=500),
        controller=ControllerConfig(hidden=(64,)),
        dream=Dream(horizon=525, alive=4.0),
        learner=Gradient(iterations=150, dreams=4096, length=4, gamma=0.985, lr=5e-4, sd=0.5, sd_last=0.2, sd_rounds=4),
        choice=Choice(rounds=4, episodes=64),
        rounds=8,
        workers=2,
    )


def takecover_tiny() -> Experiment:
    """DoomTakeCover in less than ten minutes."""
    whole = takecover()
    assert isinstance(whole.learner, Gradient)
    return replace(
        whole,
        collect=replace(whole.collect, episodes=512, mirror=()),
        vision=replace(whole.vision, latent=48, steps=1500),
        memory=replace(whole.memory, hidden=256, deep=0, steps=1500),
        dream=replace(whole.dream, horizon=150),
        learner=replace(whole.learner, sd=0.8, sd_last=0.3, sd_rounds=0),
        choice=Choice(),
        evaluation=Evaluation(episodes=64, baselines="random"),
        rounds=1,
    )


def carracing_evolved() -> Experiment:
    """CarRacing in the paper's form, on a laptop: a linear controller of 867 weights, evolved in the environment."""
    whole = carracing()
    return replace(
        whole,
        world=replace(whole.world, options={**whole.world.options, "actions": 3}),
        collect=replace(whole.collect, episodes=1024, drift=(0.0, 0.0, -1.0)),
        controller=ControllerConfig(),
        learner=Evolve(iterations=80, repeats=2, judgements=8, where="real"),
        choice=Choice(),
        rounds=1,
    )


def carracing_paper() -> Experiment:
    """CarRacing with the paper's own settings; days on a laptop."""
    return Experiment(
        world=World("carracing", {"backend": "envpool", "actions": 3, "bar": False}, {"backend": "gymnasium"}, slots=64),
        collect=Collect(episodes=10_000, policy="network"),
        vision=PaperVAEConfig(latent=32),
        memory=MDNRNNConfig(hidden=256, reward=False, end=False, residual=False, window=999, batch=100, steps=20_000),
        controller=ControllerConfig(),
        learner=Evolve(iterations=1800, where="real"),
    )


def takecover_paper() -> Experiment:
    """DoomTakeCover with the paper's own settings; days on a laptop."""
    return Experiment(
        world=World("takecover", slots=64),
        collect=Collect(episodes=10_000, policy="held", span=10),
        vision=PaperVAEConfig(latent=64),
        memory=MDNRNNConfig(
            hidden=512, reward=False, end=False, restart=True, residual=False, window=500, batch=100, steps=20_000
        ),
        controller=ControllerConfig(sees="zch", bias=False),
        dream=Dream(temperature=1.15, horizon=2100, starts="first"),
        learner=Evolve(iterations=2000),
    )


PRESETS: dict[str, Callable[[], Experiment]] = {
    preset.__name__: preset
    for preset in (
        dodge,
        dodge_tiny,
        own,
        carracing,
        carracing_tiny,
        carracing_evolved,
        carracing_paper,
        takecover,
        takecover_tiny,
        takecover_paper,
    )
}
