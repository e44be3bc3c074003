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


@contextmanager
def turn() -> Iterator[None]:
    """Wait for a turn, or WAIT_SECONDS; give it back however the run ends."""
    is_mine = _free.acquire(timeout=WAIT_SECONDS)
    try:
        yield
    finally:
        if is_mine:
            _free.release()
