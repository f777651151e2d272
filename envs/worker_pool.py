"""Simulators in processes that may die.

Slots are dealt to n processes in contiguous slices. Frames and outcomes come back through shared memory, commands go through
pipes as bytes and JSON. A process that dies, hangs, or raises is noticed while its answer is awaited; it is replaced, and its
slots are reported as lost, so that whoever numbers episodes begins the same ones again.

An episode that is lost over and over is no accident: after `RAISED` tracebacks, or `DIED` silent deaths, it is an error.

Processes are started from the command line of the Python that runs here: no thread is forked, and no script of the user's is
imported a second time. Each leads a process group, which ends when this object is closed or collected, and by itself when this
process is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Sequence
from itertools import pairwise
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.simulator import Frames, Outcome, Simulator
from envs.worker_protocol import BEGIN, READY, STEP, parse, shared

DEAD, SILENT = b"", b" "  # what stands for the answer of a process that gave none
RAISED, DIED = 3, 10  # losses of one episode that are borne
LOOK = 0.2  # seconds between looks for processes that died without closing their pipe
PATIENCE = 2.0  # seconds in which a process may leave by itself


class Workers(Simulator):
    """N slots of the environment `name`, dealt to processes.

    Arguments:
        frames: (N, 64, 64, 3), where the frames are gathered.
        name, options: as in `envs.make`.
        workers: how many processes, at most N.
        timeout: seconds without an answer after which a process hangs.
    """

    def __init__(self, frames: Frames, name: str, options: dict[str, Any], workers: int, timeout: float = 60.0) -> None:
        self.frames, self._timeout = frames, timeout
        self._order = {"name": name, "options": options}
        bounds = np.linspace(0, len(frames), min(workers, len(frames)) + 1).astype(int)
        self._slices = [slice(int(a), int(b)) for a, b in pairwise(bounds)]
        self._seeds = [-1] * len(frames)
        self._losses = [0] * len(frames)  # of the episode in progress
        self._processes = [_Process(self._of(k)) for k in range(len(self._slices))]
        self._end = weakref.finalize(self, _end, self._processes)
        for k in range(len(self._slices)):
            self.action_space = self._greeting(k)

    def begin(self, slots: Sequence[int], seeds: Sequence[int]) -> NDArray[np.bool_]:
        """Begin these episodes, each in its process, all processes at once."""
        lost = np.zeros(len(self.frames), np.bool_)
        asked: dict[int, list[int]] = {}
        for slot, seed in zip(slots, seeds, strict=True):
            self._losses[slot] = self._losses[slot] if self._seeds[slot] == seed else 0
            self._seeds[slot] = seed
            asked.setdefault(self._worker(slot), []).append(slot)
        commands = {
            k: BEGIN
            + json.dumps(
                {"slots": [slot - self._slices[k].start for slot in mine], "seeds": [self._seeds[slot] for slot in mine]}
            ).encode()
            for k, mine in asked.items()
        }
        for k in self._exchange(commands):
            lost[self._slices[k]] = True
        for k, mine in asked.items():
            if not lost[mine[0]]:
                self.frames[mine] = self._processes[k].frames[[slot - self._slices[k].start for slot in mine]]
        return lost

    def step(self, actions: NDArray[Any]) -> Outcome:
        """Step every slot, all processes at once."""
        outcome = Outcome.blank(len(self.frames))
        commands = {k: STEP + np.ascontiguousarray(actions[mine]).tobytes() for k, mine in enumerate(self._slices)}
        lost = self._exchange(commands)
        for k, mine in enumerate(self._slices):
            if k in lost:
                outcome.lost[mine] = True
                continue
            self.frames[mine] = self._processes[k].frames
            for array, value in zip(outcome, self._processes[k].outcome, strict=True):
                array[mine] = value
        return outcome

    def close(self) -> None:
        """Ask the processes to leave, and see that they do."""
        for process in self._processes:
            process.ask_to_leave()
        self._end()

    def _exchange(self, commands: dict[int, bytes]) -> set[int]:
        """Send each process its command and await all answers; the processes that gave none are replaced, and named."""
        troubles: dict[int, str] = {}
        try:
            for k, command in commands.items():
                with contextlib.suppress(OSError):  # one that is gone is noticed below
                    self._processes[k].pipe.send_bytes(command)
            for k, answer in self._answers(set(commands)).items():
                if answer != READY:
                    troubles[k] = self._trouble(answer)
        except BaseException:
            self._end()  # answers that nobody reads would be taken for those of the next command
            raise
        for k, trouble in troubles.items():
            self._replace(k, trouble)
        return set(troubles)

    def _answers(self, awaited: set[int]) -> dict[int, bytes]:
        """What each process answered, by its number, or DEAD or SILENT."""
        answers: dict[int, bytes] = {}
        deadline = time.monotonic() + self._timeout
        while awaited:
            pipes = {self._processes[k].pipe: k for k in awaited}
            silent = time.monotonic() > deadline
            for pipe in wait(list(pipes), 0 if silent else LOOK):
                assert isinstance(pipe, Connection)
                try:
                    answers[pipes[pipe]] = pipe.recv_bytes()
                except (EOFError, OSError):
                    answers[pipes[pipe]] = DEAD
            awaited = awaited - set(answers)
            for k in tuple(awaited):
                if silent or (self._processes[k].popen.poll() is not None and not self._processes[k].pipe.poll()):
                    answers[k] = SILENT if silent else DEAD
            awaited = awaited - set(answers)
        return answers

    def _trouble(self, answer: bytes) -> str:
        if answer == DEAD:
            return "its process died"
        if answer == SILENT:
            return f"its process gave no answer for {self._timeout:g} s"
        return str(json.loads(answer)["error"])

    def _replace(self, k: int, trouble: str) -> None:
        """A new process for the same slots, unless they were lost too often."""
        raised = trouble.startswith("Traceback")
        for slot in range(*self._slices[k].indices(len(self.frames))):
            self._losses[slot] += 1
            if self._losses[slot] >= (RAISED if raised else DIED):
                self._end()
                raise RuntimeError(
                    f"slot {slot}: the episode of seed {self._seeds[slot]} was lost {self._losses[slot]} times; {trouble}"
                )
        self._processes[k].kill()
        self._processes[k] = _Process(self._of(k))
        self._greeting(k)

    def _of(self, k: int) -> dict[str, Any]:
        return {**self._order, "count": self._slices[k].stop - self._slices[k].start}

    def _worker(self, slot: int) -> int:
        return next(k for k, mine in enumerate(self._slices) if mine.start <= slot < mine.stop)

    def _greeting(self, k: int) -> spaces.Space[Any]:
        """The action space, which a process tells when it has built its simulator."""
        answer = self._answers({k})[k]
        if answer not in (DEAD, SILENT) and "error" not in (greeting := json.loads(answer)):
            return parse(greeting)
        self._end()
        raise RuntimeError(f"a worker could not build {self._order['name']}: {self._trouble(answer)}")


class _Process:
    """A worker as its parent sees it: a process, a pipe, and the memory they share."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.pipe, theirs = Pipe()
        with theirs, tempfile.TemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as memory:
            self.frames, self.outcome = shared(memory.fileno(), order["count"])
            given = theirs.fileno(), memory.fileno()
            self.popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "envs.worker_process", *map(str, given), str(os.getpid())],
                pass_fds=given,
                start_new_session=True,  # Ctrl-C is for the parent alone
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
                    "OMP_NUM_THREADS": "1",
                    "OPENBLAS_NUM_THREADS": "1",
                },
            )
        with contextlib.suppress(OSError):
            self.pipe.send_bytes(json.dumps(order).encode())

    def ask_to_leave(self) -> None:
        """Let it close its simulator."""
        with contextlib.suppress(OSError):
            self.pipe.send_bytes(b"")

    def leave(self, seconds: float) -> None:
        """Wait so long for it to leave, then kill it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End it, and every process that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self.pipe.close()


def _end(processes: list[_Process]) -> None:
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        process.ask_to_leave()
    for process in processes:
        process.leave(max(0.0, deadline - time.monotonic()))
