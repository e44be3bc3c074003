"""The load generator's own honesty: it sees what a browser would, what it clicks happens, and an error is an error."""

import asyncio
import re
import sys
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor

import pytest
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from app import server
from bench import sessions


def in_a_loop(work: Coroutine):
    """What it returns. In a thread of its own: a browser of another test keeps an event loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_two_visitors_walk_the_real_pages(demo_home) -> None:
    async def look(address: str) -> tuple[sessions.Rerun, str, str]:
        async with sessions.connected(address) as socket:
            visitor = sessions.Visitor(socket)
            await visitor.go("")
            assert set(visitor.pages) == set(server.PAGES)
            [weeks] = [one for one in visitor.controls() if re.match(r"\d{4}年第\d+周", one.options[0])]
            run = await visitor.set(weeks, weeks.options[1])
            shown = "".join(message.delta.new_element.html.body for message in visitor.screen.values())
            return run, visitor.query, shown

    with sessions.served(demo_home.path) as (address, pid, asked):
        started, cpu = time.perf_counter(), sessions.cpu_seconds(pid)
        run, query, shown = in_a_loop(look(address))
        assert run.seconds < time.perf_counter() - started
        assert (run.page, run.errors, query) == ("weekly", (), "week=2026-W45")
        assert "数据截至" in shown and run.n_bytes > len(shown.encode())
        log, end = sessions.queries(asked)
        assert "week_figures" in dict(log) and sessions.queries(asked, end)[0] == []
        runs = in_a_loop(sessions.crowd(address, n_sessions=2, seconds=2, think=0.2))
        assert sum(run.act == "first" for run in runs) == 2 < len(runs)
        assert not [run for run in runs if run.errors]
        assert sum(run.seconds for run in runs) < 2 * (time.perf_counter() - started)
        assert cpu < sessions.cpu_seconds(pid) and 50 < sessions.memory_mb(pid) <= sessions.memory_mb(pid, "VmHWM")


def test_an_error_on_the_page_is_an_error() -> None:
    visitor = sessions.Visitor(socket=None)
    message = ForwardMsg()
    message.delta.new_element.alert.body = "这一页出错了"
    message.delta.new_element.alert.format = Alert.WARNING
    assert visitor._take(message) == []
    message.delta.new_element.alert.format = Alert.ERROR
    assert visitor._take(message) == ["这一页出错了"]
    message.delta.new_element.exception.message = "boom"
    assert visitor._take(message) == ["boom"]
    assert visitor._take(ForwardMsg(script_finished=ForwardMsg.FINISHED_WITH_COMPILE_ERROR)) == ["script_finished"]
    assert visitor._take(ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY)) == []


def test_figures() -> None:
    runs = [sessions.Rerun("weekly", "page", n / 1000, 1000 * n, ("x",) * (n == 7)) for n in range(1, 101)]
    told = sessions.figures(runs)
    assert told == {"runs": 100, "p50_ms": 50, "p95_ms": 96, "p99_ms": 100, "p95_kb": 96, "max_kb": 100, "errors": 1}
