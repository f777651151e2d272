"""What several folders of tests share."""

from dataclasses import replace
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of Dodge that went through all stages, each as short as can be."""
    import envs
    from worldmodels.config import Collect, Evaluation, Gradient, MDNRNNConfig, VAEConfig
    from worldmodels.pipeline import pipeline
    from worldmodels.presets import dodge_tiny
    from worldmodels.run import Run

    tiny = dodge_tiny()
    shortest = replace(
        tiny,
        world=replace(tiny.world, slots=8),
        collect=Collect(episodes=8, policy="held", span=12),
        vision=VAEConfig(latent=6, width=4, steps=20, batch=16),
        memory=MDNRNNConfig(hidden=8, reward=False, window=8, steps=10, batch=8),
        learner=Gradient(iterations=1, dreams=8, length=8),
        evaluation=Evaluation(episodes=2, baselines="none"),
    )
    run = Run.create(shortest, "test", tmp_path_factory.mktemp("runs"), quiet=True)
    pipeline(run, envs.make)
    return run.folder
