"""Workers change nothing but the speed, and whatever happens to one happens to its slots alone."""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import envs
from envs.vector_env import Slots
from envs.worker_pool import Workers

FAULTY = "gym:faulty:Faulty-v0"


def processes(env: Slots) -> list[int]:
    assert isinstance(env.worlds, Workers)
    return [process.popen.pid for process in env.worlds._processes]


def gone(pids: list[int], seconds: float = 3.0) -> bool:
    """Whether all these processes end within so long."""
    deadline = time.monotonic() + seconds
    while any(_runs(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def trajectory(workers: int, num_envs: int = 5) -> list[list[Any]]:
    env = envs.make("dodge", num_envs, 3, workers=workers)
    obs, _ = env.reset()
    stream, steps = np.random.default_rng(0), [[obs]]
    for _ in range(60):
        obs, rew, end, trunc, info = env.step(stream.uniform(-1, 1, (5, 1))[:num_envs])
        final = [frame for frame in info.get("final_obs", ()) if frame is not None]
        steps.append([obs, rew, end, trunc, np.array(final)])
    env.close()
    return steps


@pytest.mark.parametrize("workers", [1, 2, 4, 9])
def test_any_number_of_workers_gives_the_same_trajectories(workers: int) -> None:
    for here, there in zip(trajectory(0), trajectory(workers), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))


@pytest.mark.parametrize("trouble", ["killed", "died", "raised"])
def test_a_lost_worker_is_noticed_and_its_episodes_begin_again(trouble: str) -> None:
    with_ = envs.make(FAULTY, 3, 0, workers=2)  # one slot for the first, two for the second
    first, _ = with_.reset()
    for _ in range(5):
        obs, *_ = with_.step(np.zeros(3, np.int64))
    if trouble == "killed":
        os.kill(processes(with_)[1], signal.SIGKILL)
    start = time.monotonic()
    after, rew, end, trunc, info = with_.step(np.array([0, 0, {"killed": 0, "raised": 1, "died": 3}[trouble]]))
    assert time.monotonic() - start < 5  # noticed at once; a new process takes most of it
    assert rew.tolist() == [1, 0, 0]
    assert not end.any()
    assert trunc.tolist() == info["restarted"].tolist() == info["_final_obs"].tolist() == [False, True, True]
    assert info["final_obs"][0] is None
    assert all(np.array_equal(info["final_obs"][slot], obs[slot]) for slot in (1, 2))  # the last that was seen
    assert (after[1:] == first[1:]).all()  # the same episodes, from their first frames
    assert (after[0] == obs[0] + 1).all()
    after, *_, info = with_.step(np.zeros(3, np.int64))
    assert "restarted" not in info
    assert (after[1:] == first[1:] + 1).all()
    with_.close()


def test_numbers_of_episodes_do_not_move_when_one_is_lost() -> None:
    lossy, whole = envs.make(FAULTY, 1, 0, workers=1), envs.make(FAULTY, 1, 0)
    lossy.reset()
    whole.reset()
    os.kill(processes(lossy)[0], signal.SIGKILL)
    lossy.step(np.zeros(1, np.int64))
    for _ in range(101):
        here, *_ = whole.step(np.zeros(1, np.int64))
        there, *_ = lossy.step(np.zeros(1, np.int64))
    assert np.array_equal(here, there)  # one step into episode 1, in both
    lossy.close()


def test_a_worker_killed_before_an_episode_begins_is_replaced_too() -> None:
    env = envs.make(FAULTY, 2, 0, workers=1)
    first, _ = env.reset()
    os.kill(processes(env)[0], signal.SIGKILL)
    again, _ = env.reset(seed=0)
    assert np.array_equal(first, again)
    env.close()


def test_a_worker_that_hangs_is_replaced_after_the_time_out() -> None:
    env = envs.make(FAULTY, 2, 0, workers=2, timeout=1.5)
    env.reset()
    old = processes(env)
    start = time.monotonic()
    *_, trunc, info = env.step(np.array([0, 2]))
    assert 1.4 < time.monotonic() - start < 6
    assert trunc.tolist() == info["restarted"].tolist() == [False, True]
    assert processes(env)[0] == old[0]
    assert gone(old[1:])
    env.close()


def test_an_episode_that_raises_again_and_again_is_an_error_with_its_traceback() -> None:
    env = envs.make(FAULTY, 1, 0, workers=1)
    env.reset()
    env.step(np.array([1]))
    env.step(np.array([1]))
    old = processes(env)
    with pytest.raises(RuntimeError, match=r"slot 0: the episode of seed \d+ was lost 3 times;[\s\S]*ArithmeticError: it was"):
        env.step(np.array([1]))
    assert gone(old)
    env.close()


def test_what_cannot_be_built_says_why() -> None:
    with pytest.raises(RuntimeError, match=r"could not build takecover[\s\S]*skill: 1 to 5, not 9"):
        envs.make("takecover", 1, 0, workers=1, skill=9)


def test_closing_and_collecting_leave_no_process() -> None:
    env = envs.make("dodge", 2, 0, workers=2)
    closed = processes(env)
    env.close()
    env.close()
    assert gone(closed)
    env = envs.make("dodge", 2, 0, workers=2)
    collected = processes(env)
    del env
    gc.collect()
    assert gone(collected)


PARENT = """
import signal, sys, time, numpy as np, envs
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it
env = envs.make({name!r}, 2, 0, workers=2)
env.reset()
print(*[process.popen.pid for process in env.worlds._processes], flush=True)
while True:
    env.step(env.action_space.sample())
"""


def orphans_after(signal_: signal.Signals, name: str = "dodge") -> list[int]:
    """The workers of a program that was in the middle of a step when it got the signal."""
    program = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(name=name)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert program.stdout is not None
    pids = [int(word) for word in program.stdout.readline().split()]
    program.stdout.close()
    assert len(pids) == 2
    pids += _children(pids)
    program.send_signal(signal_)
    program.wait(20)
    return pids


def _children(parents: list[int]) -> list[int]:
    tasks = [task for pid in parents for task in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_parent_that_is_stopped_takes_its_workers_along(signal_: signal.Signals) -> None:
    assert gone(orphans_after(signal_))


@pytest.mark.slow
def test_games_that_workers_started_go_with_them() -> None:
    assert gone(orphans_after(signal.SIGKILL, "takecover"))


def test_envpool_takes_threads_instead() -> None:
    with pytest.raises(ValueError, match="set threads"):
        envs.make("carracing", 2, 0, workers=2, backend="envpool")
