"""Page runs take turns, and none waits for good."""

import threading
import time

import pytest

from app import turns


@pytest.fixture(autouse=True)
def _all_free(monkeypatch):
    monkeypatch.setattr(turns, "_free", threading.BoundedSemaphore(turns.AT_ONCE))


def test_no_more_work_at_once_than_there_are_turns():
    at_work, most, lock = 0, 0, threading.Lock()

    def run() -> None:
        nonlocal at_work, most
        with turns.turn():
            with lock:
                at_work += 1
                most = max(most, at_work)
            time.sleep(0.02)
            with lock:
                at_work -= 1

    threads = [threading.Thread(target=run) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (at_work, most) == (0, turns.AT_ONCE)


def test_a_turn_is_given_back_by_a_run_that_was_stopped(monkeypatch):
    for _ in range(turns.AT_ONCE + 1):
        with pytest.raises(RuntimeError), turns.turn():
            raise RuntimeError("stopped")
    assert turns._free.acquire(timeout=0)


def test_a_long_run_holds_nobody_up_for_good(monkeypatch):
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.01)
    for _ in range(turns.AT_ONCE):
        turns._free.acquire()
    with turns.turn():
        pass
    with pytest.raises(ValueError):  # what was not taken is not given back
        turns._free.release(turns.AT_ONCE + 1)
