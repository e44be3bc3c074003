"""How is the service doing, in numbers for a Prometheus that watches it? GET /metrics.

Counts, seconds and ages of the service; nothing about items, users or what anybody asked. Answered to this machine alone
(not through a proxy), or to whoever shows the token in YANPAN_METRICS_TOKEN (file:/path reads it from a file).
"""

import hmac
import ipaddress
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from importlib import metadata
from pathlib import Path

import duckdb
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from streamlit.runtime import Runtime

from app import health, versions
from app.casework import cases, store, workflow
from app.push import outbox
from pipelines import runs

TOKEN = "YANPAN_METRICS_TOKEN"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")
disable_created_metrics()
REGISTRY = CollectorRegistry()
PAGE_RUNS = Histogram(
    "yanpan_page_seconds", "Seconds of a page run, waiting for its turn included", ["page"], registry=REGISTRY,
    buckets=(0.05, 0.1, 0.2, 0.35, 0.5, 1, 2, 5, 10, 30),
)  # fmt: skip
UNDER_WAY = Gauge("yanpan_page_runs_under_way", "Page runs at work or waiting for their turn", registry=REGISTRY)
ERRORS = Counter("yanpan_page_errors", "Page runs that ended in an error of ours", registry=REGISTRY)
QUERIES = Histogram(
    "yanpan_query_seconds", "Seconds of a question to the marts that was not answered from the cache", registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)  # fmt: skip


@contextmanager
def page_run(page: str) -> Iterator[None]:
    """Count and time one run of a page, however it ends."""
    started = time.perf_counter()
    with UNDER_WAY.track_inprogress():
        try:
            yield
        finally:
            PAGE_RUNS.labels(page).observe(time.perf_counter() - started)


class _Looked(Collector):
    """What is looked up when somebody asks."""

    def collect(self) -> Iterable[Metric]:
        yield _labelled("yanpan", "Version of the program", {"version": metadata.version("yanpan")}, 1, suffix="_info")
        if Runtime.exists():
            yield _one("yanpan_sessions", "Open browser pages", Runtime.instance()._session_mgr.num_active_sessions())
        yield from _of_data()
        yield from _of_commands()
        yield from _of_state()


def _of_data() -> Iterator[Metric]:
    try:
        about = health.about_data()
    except (versions.NoMarts, duckdb.IOException):
        return
    through, built = date.fromisoformat(about["data_through"]), datetime.fromisoformat(about["built_at"])
    yield _one("yanpan_marts_version", "Number of the version that serves", int(about["version"]))
    yield _one("yanpan_data_age_days", "Days since the newest registration", (date.today() - through).days)
    yield _one("yanpan_built_timestamp_seconds", "When the version that serves was built", built.timestamp())
    yield _one("yanpan_items", "Items in the version that serves", int(about["n_events"]))


def _of_commands() -> Iterator[Metric]:
    seconds = GaugeMetricFamily("yanpan_command_seconds", "How long the last run took", labels=["command"])
    code = GaugeMetricFamily("yanpan_command_exit_code", "How the last run ended; 0 is well", labels=["command"])
    done = GaugeMetricFamily(
        "yanpan_command_succeeded_timestamp_seconds", "When the last run began that ended well", labels=["command"]
    )
    for name, one in runs.last(versions.home()).items():
        seconds.add_metric([name], one["seconds"])
        code.add_metric([name], one["exit_code"])
        if one["succeeded_at"]:
            done.add_metric([name], datetime.fromisoformat(one["succeeded_at"]).timestamp())
    yield from (seconds, code, done)


def _of_state() -> Iterator[Metric]:
    try:
        n_open = cases.current()["status"].is_in(workflow.OPEN).sum()
        waiting = outbox.counts()
    except store.Unavailable:
        yield _one("yanpan_state_up", "1 where the state store answers", 0)
        return
    yield _one("yanpan_state_up", "1 where the state store answers", 1)
    yield _one("yanpan_cases_open", "Warnings that units or the office are handling", int(n_open))
    messages = GaugeMetricFamily("yanpan_push_messages", "Messages in the outbox", labels=["status"])
    for status in ("pending", "sending", "failed", "unclear"):
        messages.add_metric([status], waiting.get(status, 0))
    yield messages


def _one(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _labelled(name: str, about: str, labels: dict[str, str], value: float, *, suffix: str) -> Metric:
    family = GaugeMetricFamily(name + suffix, about, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


REGISTRY.register(_Looked())
ProcessCollector(namespace="yanpan", registry=REGISTRY)


async def metrics(request: Request) -> Response:
    """The numbers, in Prometheus' text form; 404 to whom they are no business of."""
    if not _may_ask(request):
        return PlainTextResponse("未开放", 404)
    return Response(await run_in_threadpool(generate_latest, REGISTRY), media_type=CONTENT_TYPE)


def _may_ask(request: Request) -> bool:
    token = _token()
    if token and hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {token}".encode()):
        return True
    try:
        is_here = request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
    return is_here and not any(name in request.headers for name in FORWARDED)


def _token() -> str:
    said = os.environ.get(TOKEN, "").strip()
    try:
        return (
            Path(said.removeprefix("file:")).read_text(encoding="utf-8").strip() if said.startswith("file:") else said
        )
    except OSError:
        return ""
