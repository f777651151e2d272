"""One worker process: `python -m envs.worker_process`, started by `worker_pool.py` and by nobody else.

It holds a simulator whose frames and outcomes lie in memory shared with its parent, and obeys commands from a pipe:

    {"name": ..., "options": ..., "count": ...}     build it; the answer is its action space
    {"slots": [...], "seeds": [...]}                begin episodes
    the bytes of an array of actions                step
    nothing                                         close, and leave

What raises is answered with its traceback. When the parent is gone, the process takes itself and its children away.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from gymnasium import spaces

from envs import build
from envs.worker_protocol import BEGIN, READY, describe, shared

POLL = 0.25  # seconds between looks for the parent


def main(pipe: int, memory: int, parent: int) -> None:
    """Obey until told to leave."""
    for descriptor in (pipe, memory):
        os.set_inheritable(descriptor, False)  # a simulator's own processes must not keep the pipe open
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    connection = Connection(pipe)
    try:
        _obey(connection, memory)
    except EOFError:
        return
    except Exception:
        connection.send_bytes(json.dumps({"error": traceback.format_exc()}).encode())


def _obey(connection: Connection[Any, Any], memory: int) -> None:
    order = json.loads(connection.recv_bytes())
    frames, shown = shared(memory, order["count"])
    worlds = build(order["name"], frames, **order["options"])
    connection.send_bytes(json.dumps(describe(worlds.action_space)).encode())
    discrete = isinstance(worlds.action_space, spaces.Discrete)
    while command := connection.recv_bytes():
        if command[:1] == BEGIN:
            order = json.loads(command[1:])
            worlds.begin(order["slots"], order["seeds"])
        else:
            numbers = np.frombuffer(command, np.int64 if discrete else np.float32, offset=1)
            outcome = worlds.step(numbers.reshape(len(frames), *(worlds.action_space.shape or ())))
            for array, value in zip(shown, outcome, strict=True):
                array[:] = value
        connection.send_bytes(READY)
    worlds.close()


def _leave_with(parent: int) -> None:
    """Wait for the parent to be gone, then kill the whole process group, which this process leads."""
    while os.getppid() == parent:
        time.sleep(POLL)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
