"""Work that would make everybody wait, in a process beside the server: a report drafted, a picture drawn, a file written.

Python runs one thread at a time: a report of ten million items would hold up every page for seconds, and leave its memory with
the server. `do` sends a function there and waits, `begin` does not; both take a function of a module and what can be
pickled. Where no server has started the process (commands, tests of a page) the work is done here and now, and what it
raises is raised at once.

Not multiprocessing: it would run the module __main__ again in the new process, and that is whatever page Streamlit runs last.
So `python -m app.aside` reads one pickled call after the other from its standard input, and answers on its standard output.
"""

import importlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, ParamSpec, TypeVar

from app import turns
from pipelines import logs

ROOT = Path(__file__).resolve().parents[1]
IMPORT_FIRST = ("app.reports.make", "app.exports.picture", "app.exports.slides", "app.exports.workbook", "app.forecast")
NICENESS = 5  # pages first
MOST_CALLS = 200  # then a new process: what the libraries keep of each is given back

P = ParamSpec("P")
T = TypeVar("T")
_queue: ThreadPoolExecutor | None = None
_process: subprocess.Popen[bytes] | None = None
_calls = 0


class Gone(Exception):
    """The process ended in the middle of its work: killed, for want of memory say. The next call starts another."""


def start() -> None:
    """Have a process ready."""
    global _queue
    _queue = ThreadPoolExecutor(1, thread_name_prefix="aside")
    _queue.submit(_running)


def stop() -> None:
    global _queue
    if _queue is not None:
        _queue.shutdown(wait=False, cancel_futures=True)
    _queue = None
    _end()


def begin(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Future[T]:
    """The work begun; its `result` or `exception` in time."""
    if _queue is None:
        done: Future[T] = Future()
        done.set_result(function(*arguments, **named))
        return done
    return _queue.submit(_ask, pickle.dumps((function, arguments, named)))


def do(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """The result of the work; what it raises is raised here. Meanwhile another page run has this one's turn."""
    future = begin(function, *arguments, **named)
    with turns.pause():
        return future.result()


def _running() -> tuple[IO[bytes], IO[bytes]]:
    """Where the process reads and where it writes; a new one where there is none, or where one has done enough."""
    global _process, _calls
    if _process is not None and (_calls >= MOST_CALLS or _process.poll() is not None):
        _end()
    if _process is None:
        command = [sys.executable, "-m", "app.aside"]
        _process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        _calls = 0
    _calls += 1
    assert _process.stdin is not None and _process.stdout is not None
    return _process.stdin, _process.stdout


def _end() -> None:
    global _process
    ended, _process = _process, None
    if ended is not None and ended.stdin is not None and ended.stdout is not None:
        ended.terminate()
        with suppress(BrokenPipeError):  # with something still unsent
            ended.stdin.close()
        ended.stdout.close()
        ended.wait()


def _ask(call: bytes) -> Any:
    """What the function of the call returns; raises what it raises."""
    to, back = _running()
    try:
        to.write(call)
        to.flush()
        is_done, answer = pickle.load(back)
    except (BrokenPipeError, EOFError, pickle.UnpicklingError) as error:
        _end()
        raise Gone("看板旁边的进程意外中止，多半是内存不够。请重试。") from error
    if is_done:
        return answer
    raise answer


def main() -> None:
    """Answer until there is nothing more to read: the server has ended, or has had enough calls."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the server ends this process
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    logs.set_up()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    for module in IMPORT_FIRST:
        importlib.import_module(module)
    with ThreadPoolExecutor(1) as worker:
        while (call := _next_call()) is not None:
            function, arguments, named = call
            work = worker.submit(function, *arguments, **named)
            error = work.exception()
            answers.write(pickle.dumps((False, error) if error else (True, work.result())))
            answers.flush()


def _next_call() -> tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]] | None:
    try:
        return pickle.load(sys.stdin.buffer)
    except EOFError:
        return None


if __name__ == "__main__":
    main()
