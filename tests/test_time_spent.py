"""The account of a work is kept from its first moment to its last, whatever ends it."""

import contextlib
import threading
import time

import pytest

from genmodels import time_spent


@pytest.mark.parametrize("ended_by", [None, ValueError, KeyboardInterrupt])
def test_it_is_kept_at_once_all_the_while_and_at_the_end(
    ended_by: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_spent, "PERIOD", 0.01)
    by: list[str] = []
    often = threading.Event()

    def keep() -> None:
        by.append(threading.current_thread().name)
        if by.count("time spent") == 3:
            often.set()

    with contextlib.suppress(ValueError, KeyboardInterrupt), time_spent.kept(keep):
        assert by[0] == "MainThread"
        assert often.wait(10.0)
        if ended_by:
            raise ended_by
    told = list(by)
    assert told[-1] == "MainThread"
    assert told.count("MainThread") == 2
    time.sleep(0.05)
    assert by == told, "nothing is kept of what is over"
