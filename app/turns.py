"""How many page runs work at once?

Python runs one thread at a time. With seventeen page runs at once each of them waits for all others at every step, and all
are late together; two at once, the others in a queue, do the same work in less time (BENCHMARKS). A run that has waited
WAIT_SECONDS goes ahead, so that a long one (a file tried out, a report drafted) holds nobody up for good.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 2
WAIT_SECONDS = 3
_free = threading.BoundedSemaphore(AT_ONCE)
_run = threading.local()


@contextmanager
def turn() -> Iterator[None]:
    """Wait for a turn, or WAIT_SECONDS; give it back however the run ends."""
    _take()
    try:
        yield
    finally:
        _give_back()


@contextmanager
def pause() -> Iterator[None]:
    """While a page run only waits for another process, somebody else has its turn."""
    if not _give_back():
        yield
        return
    try:
        yield
    finally:
        _take()


def _take() -> None:
    _run.has_turn = _free.acquire(timeout=WAIT_SECONDS)


def _give_back() -> bool:
    had_turn = getattr(_run, "has_turn", False)
    _run.has_turn = False
    if had_turn:
        _free.release()
    return had_turn
