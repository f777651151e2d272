"""Where episodes are played changes nothing about them: not on a cluster of two nodes, not when a worker is killed half-way."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import numpy as np
import pytest
import torch

import envs
from genmodels.autoencoders import VAE
from genmodels.dynamics import MDNRNN
from worldmodels import stages, teaching
from worldmodels.backends import Backend, Here, backend
from worldmodels.blind_policies import Wanderer
from worldmodels.config import Collect, ControllerConfig, Evolve, Experiment, MDNRNNConfig, VAEConfig, World
from worldmodels.playing import Cast, play_batch
from worldmodels.replay_store import Replay
from worldmodels.rollout import rollout
from worldmodels.run import Run

EXPERIMENT = Experiment(
    world=World("dodge", {"repeat": 4}, slots=2),
    collect=Collect(episodes=24, agent_episodes=10, policy="held", span=4),
    vision=VAEConfig(latent=4, width=4),
    memory=MDNRNNConfig(hidden=8, reward=False),
    controller=ControllerConfig(),
    learner=Evolve(population=6, repeats=3, where="real", at_once=6),
    rounds=2,
)


def doubled(shared: int, task: int, keep: Any) -> int:
    if keep is not None:
        keep(task, shared)
    return shared * task


def test_results_come_in_the_order_of_the_tasks_and_what_is_kept_as_it_comes_up() -> None:
    kept: list[tuple[int, int]] = []
    results = Here().map(doubled, 10, [3, 1, 2], lambda *arguments: kept.append(arguments))
    assert (next(results), kept) == (30, [(3, 10)])
    assert (list(results), kept) == ([10, 20], [(3, 10), (1, 10), (2, 10)])


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Sets how many threads PyTorch has, for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_as_many_tasks_are_done_side_by_side_as_there_are_threads(threads: Callable[[int], None]) -> None:
    meeting = Barrier(2)

    def meet(shared: None, task: int, keep: Any) -> int:
        meeting.wait(timeout=20)
        return torch.get_num_threads()

    threads(2)
    assert list(Here().map(meet, None, range(4))) == [1, 1, 1, 1]
    assert torch.get_num_threads() == 2


def test_who_is_not_waited_for_leaves(threads: Callable[[int], None]) -> None:
    env, begun, left = envs.make("dodge", 1, 0), Event(), Event()

    def fails_or_plays(shared: None, task: int, keep: Any) -> None:
        if task == 0:
            begun.wait(20)
            raise ArithmeticError("task 0")
        begun.set()
        try:
            rollout(env, Wanderer(env.single_action_space, "uniform"), 10**9, quiet=True)
        finally:
            left.set()

    threads(2)
    with pytest.raises(ArithmeticError, match="task 0"):
        list(Here().map(fails_or_plays, None, range(5)))
    assert left.is_set()


def test_how_many_are_at_it_changes_nothing(tmp_path: Path, threads: Callable[[int], None]) -> None:
    told = []
    for count in (1, 3):
        threads(count)
        told.append(found(tmp_path / str(count), Here()))
    assert told[0] == told[1]


def test_a_backend_that_is_not_there_is_named() -> None:
    assert isinstance(backend("here"), Here)
    with pytest.raises(ValueError, match="--backend: one of here, ray, not 'slurm'"):
        backend("slurm")  # type: ignore[arg-type]


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install \"worldmodels\[ray\]\""):
        backend("ray")


def found(folder: Path, where: Backend) -> dict[str, bytes]:
    """What a run with an untrained agent collects in two rounds, and how fit some candidates are: as bytes."""
    run = Run(folder, EXPERIMENT, quiet=True, backend=where)
    folder.mkdir()
    torch.manual_seed(0)
    vision, memory = VAE(shape=(3, 64, 64), latent=4, width=4), MDNRNN(latent=4, actions=1, hidden=8)
    controller = teaching.new_controller(run, memory, stages.actions(run, envs.make))
    for name, model in (("vision", vision), ("memory", memory), ("controller", controller)):
        model.save(folder / name)
    for turn in (1, 2):
        stages.collect(run, envs.make, turn)
    candidates = torch.randn(6, len(controller.vector()), generator=torch.Generator().manual_seed(1))
    fitness = teaching.real_fitness(run, envs.make, controller)(candidates, 1 << 40).returns
    with Replay.open(folder / "replay") as replay:
        told = {f"{part} {i}": getattr(replay, part)(i).tobytes() for i in range(len(replay)) for part in ("obs", "act")}
        facts = [sorted(one.facts.items()) for one in replay.episodes]
    return told | {"facts": repr(facts).encode(), "fitness": fitness.tobytes()}


def killed_once(cast: Cast, task: Any, keep: Any) -> Any:
    """The batch, by a worker that is killed in the middle of it, the first time."""
    marker = Path(os.environ["MARKERS"]) / str(task.number)

    def dies(*arguments: Any) -> None:
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        keep(*arguments)

    return play_batch(cast, task, dies if task.number == 1 else keep)


def batches(folder: Path, where: Backend, work: Any) -> dict[str, bytes]:
    """The first round's episodes again, by work that may die."""
    folder.mkdir()
    kept: list[Any] = []
    cast = Cast(EXPERIMENT, envs.make)
    run = Run(folder, EXPERIMENT, quiet=True)
    list(where.map(work, cast, stages.batches(run, 1), kept.append))
    return {f"{number}": one.obs.tobytes() + one.act.tobytes() for number, one in enumerate(kept)}


@pytest.mark.slow
def test_two_nodes_of_ray_find_what_one_process_does_also_where_a_worker_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    command = [sys.executable, __file__, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], timeout=300, env={**os.environ, "MARKERS": str(tmp_path)})
    assert done.returncode == 0


def compare(folder: Path) -> None:
    """Run by the test above in a process of its own, as Ray leaves threads and warnings behind."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    assert len([node for node in ray.nodes() if node["Alive"]]) == 2
    try:
        spread = backend("ray")
        here, there = found(folder / "here", Here()), found(folder / "there", spread)
        assert here.keys() == there.keys()
        assert [key for key in here if here[key] != there[key]] == []
        one, other = batches(folder / "one", Here(), play_batch), batches(folder / "other", spread, killed_once)
        assert (folder / "1").exists(), "nobody was killed"
        assert one == other
        assert len(one) == EXPERIMENT.collect.episodes
        assert np.frombuffer(here["fitness"]).std() > 0
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    compare(Path(sys.argv[1]))
