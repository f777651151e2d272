"""What several folders of tests share, and how they share the cores.

The whole suite is dealt out to as many processes as there are cores, of one thread each; a part of it that is named runs in
one process.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # before anything imports torch; what tests start inherits it
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """What `-n auto` means."""
    named = config.args_source is pytest.Config.ArgsSource.ARGS
    return 0 if named else len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
