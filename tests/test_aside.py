"""Work done in a process beside the server, or here where there is no server."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app import aside, turns
from app.reports import periods
from app.reports.periods import BadPeriod

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def beside():
    aside.start()
    yield
    aside.stop()


def _free_turns() -> int:
    n = 0
    while turns._free.acquire(blocking=False):
        n += 1
    for _ in range(n):
        turns._free.release()
    return n


def test_without_a_server_the_work_is_done_here():
    assert aside.do(os.getpid) == os.getpid()
    assert aside.begin(os.getpid).done()
    with pytest.raises(BadPeriod, match="2026-W99"):
        aside.do(periods.parse, "weekly", "2026-W99")


def test_with_a_server_it_is_done_beside_it(beside):
    there = aside.do(os.getpid)
    assert there != os.getpid() and aside.do(os.getpid) == there
    assert aside.do(os.nice, 0) == os.nice(0) + aside.NICENESS
    with pytest.raises(BadPeriod, match="2026-W99"):
        aside.do(periods.parse, "weekly", "2026-W99")


def test_a_process_that_was_killed_is_replaced(beside):
    with pytest.raises(aside.Gone, match="请重试"):
        aside.do(os._exit, 9)
    assert aside.do(os.getpid) != os.getpid()


def test_after_some_calls_a_fresh_one_goes_on(beside, monkeypatch):
    monkeypatch.setattr(aside, "MOST_CALLS", 3)
    assert len({aside.do(os.getpid) for _ in range(9)}) > 2


def test_what_a_library_prints_is_no_answer(beside):
    assert aside.do(print, "x" * 100_000) is None and aside.do(max, 1, 2) == 2


def test_it_ends_with_the_server(tmp_path):
    """Also with one that had no time to say so."""
    server = (
        "import os, time; from app import aside; aside.start(); print(aside.do(os.getpid), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", server], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        beside = int(process.stdout.readline())
        process.kill()
    until = time.monotonic() + 30
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < until:
            os.kill(beside, 0)
            time.sleep(0.05)


def test_who_waits_for_it_lets_others_go_ahead(monkeypatch):
    with turns.turn():
        assert _free_turns() == turns.AT_ONCE - 1
        assert aside.do(_free_turns) == turns.AT_ONCE - 1  # here it is work of this run
        monkeypatch.setattr(aside, "begin", lambda work: type("Begun", (), {"result": staticmethod(work)}))
        assert aside.do(_free_turns) == turns.AT_ONCE
        assert _free_turns() == turns.AT_ONCE - 1
    assert _free_turns() == turns.AT_ONCE
