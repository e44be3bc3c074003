"""What a supervisor is told: alive, ready, numbers; and nothing to anybody else."""

import asyncio
import json
import sqlite3
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from starlette.requests import Request

from app import health, metrics, versions
from app.casework import store


def request(client: str = "127.0.0.1", **headers: str) -> Request:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/metrics", "headers": sent, "client": (client, 5)})


def run(work: Coroutine) -> Any:
    """In a thread: a browser's loop may run in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def ready() -> tuple[int, dict]:
    answer = run(health.readyz(request()))
    return answer.status_code, json.loads(answer.body)


def numbers() -> dict[str, float]:
    answer = run(metrics.metrics(request()))
    assert answer.status_code == 200
    lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_ready_means_both_parts_answer(full, monkeypatch, tmp_path):
    monkeypatch.setattr(store, "WAIT_SECONDS", 1)
    assert ready() == (200, {"status": "ready", "marts": "ok", "state": "ok"})
    with closing(sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)) as other:
        monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.2)
        other.execute("begin immediate")  # somebody has been writing for too long
        code, said = ready()
        other.execute("rollback")
    assert (code, said["marts"]) == (503, "ok") and "没有回答" in said["state"]
    monkeypatch.setenv("YANPAN_HOME", str(tmp_path / "nothing"))
    code, said = ready()
    assert code == 503 and "yanpan build" in said["marts"]
    assert json.loads(run(health.healthz(request())).body) == {"status": "ok", "version": None}


def test_marts_of_another_program_are_not_ready(full, monkeypatch):
    monkeypatch.setattr(versions, "SCHEMA", "999")
    assert "只读结构 999" in ready()[1]["marts"]


def test_numbers_follow_what_happens(full):
    before = numbers()
    with pytest.raises(ZeroDivisionError), metrics.page_run("trends"):
        assert numbers()["yanpan_page_runs_under_way"] == 1
        raise ZeroDivisionError
    after = numbers()
    key = 'yanpan_page_seconds_count{page="trends"}'
    assert after[key] == before.get(key, 0) + 1 and after["yanpan_page_runs_under_way"] == 0
    assert after["yanpan_marts_version"] == 1 and after["yanpan_items"] > 11_000 and after["yanpan_state_up"] == 1
    assert after["yanpan_cases_open"] == 0 and after["yanpan_process_resident_memory_bytes"] > 1e7


def test_numbers_come_without_a_state_store(full, monkeypatch):
    monkeypatch.setenv(store.SETTING, "postgresql://nobody:secret@127.0.0.1:1/none")
    assert numbers()["yanpan_state_up"] == 0


@pytest.mark.parametrize(
    ("client", "headers", "code"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.1.2.3", {}, 404),
        ("127.0.0.1", {"x_forwarded_for": "10.1.2.3"}, 404),
        ("10.1.2.3", {"authorization": "Bearer right"}, 200),
        ("127.0.0.1", {"x_forwarded_for": "10.1.2.3", "authorization": "Bearer right"}, 200),
        ("10.1.2.3", {"authorization": "Bearer wrong"}, 404),
    ],
)
def test_who_may_see_them(full, monkeypatch, tmp_path, client, headers, code):
    (tmp_path / "token").write_text("right\n")
    monkeypatch.setenv(metrics.TOKEN, f"file:{tmp_path / 'token'}")
    assert run(metrics.metrics(request(client, **headers))).status_code == code
    monkeypatch.setenv(metrics.TOKEN, "")  # an empty token opens nothing
    assert run(metrics.metrics(request("10.1.2.3", authorization="Bearer "))).status_code == 404
