"""How many suggestions a second does the HTTP API give, and how long does one take? `python -m bench api --home HOME`

Eight clients over loopback, each with a connection it keeps, send texts of the home one after the other to a real `app.server`
for `seconds`; then the same while one reader clicks through the pages without a pause; then the reader alone, for what the
API costs him. Last, one client at 20 requests a second: what a business system does. Linux only, as bench.sessions.
"""

import asyncio
import http.client
import itertools
import json
import os
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from app.api import tokens
from bench import dispatch, sessions
from pipelines.config import Home

CLIENTS = 8
PACED = 20  # requests a second of one system
THINK = 0.2  # seconds of a reader in a hurry
NAME = "bench"


def run(home: Home, seconds: float, seed: int = 1) -> None:
    os.environ |= {"YANPAN_HOME": str(home.path), "YANPAN_API_RATE": "10000"}
    texts = dispatch._items(home)[0]
    if any(one.name == NAME for one in tokens.kept()):  # of a run that was stopped
        tokens.revoke(NAME)
    _, secret = tokens.create(NAME, 1, date.today())
    try:
        with sessions.served(Path(home.path)) as (address, pid, _):
            asked = Asked(address, secret, texts)
            asked.one(asked.connection())  # loads the model
            busy = sessions.cpu_seconds(pid)
            alone = asked.by(CLIENTS, seconds)
            _show(f"{CLIENTS} clients", seconds, alone, cpu_s=sessions.cpu_seconds(pid) - busy)
            with ThreadPoolExecutor(1) as pool:
                beside = pool.submit(asked.by, CLIENTS, seconds)
                clicks = asyncio.run(sessions.crowd(address, 1, seconds, THINK, seed))
            _show(f"{CLIENTS} clients while a reader clicks", seconds, beside.result())
            _show_reader("the reader meanwhile", clicks)
            with ThreadPoolExecutor(1) as pool:
                beside = pool.submit(asked.by, 1, seconds, 1 / PACED)
                clicks = asyncio.run(sessions.crowd(address, 1, seconds, THINK, seed))
            _show(f"{PACED} a second while a reader clicks", seconds, beside.result())
            _show_reader("the reader meanwhile", clicks)
            clicks = asyncio.run(sessions.crowd(address, 1, seconds, THINK, seed))
            _show_reader("the reader alone", clicks)
    finally:
        tokens.revoke(NAME)


class Asked:
    """Clients of one API and the texts they send."""

    def __init__(self, address: str, secret: str, texts: list[str]):
        self.host = urlsplit(address).netloc
        self.headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self.texts, self.lock = itertools.cycle(texts), threading.Lock()

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, timeout=60)

    def one(self, connection: http.client.HTTPConnection) -> tuple[float, int]:
        """Seconds and status of one suggestion."""
        with self.lock:
            body = json.dumps({"text": next(self.texts)}).encode()
        started = time.perf_counter()
        connection.request("POST", "/api/v1/suggestion", body, self.headers)
        answer = connection.getresponse()
        answer.read()
        return time.perf_counter() - started, answer.status

    def by(self, n: int, seconds: float, every: float = 0.0) -> list[tuple[float, int]]:
        """What `n` clients got who each asked for `seconds`, at once after the last answer or `every` so often."""

        def client(_number: int) -> list[tuple[float, int]]:
            got, connection, until = [], self.connection(), time.monotonic() + seconds
            while time.monotonic() < until:
                due = time.monotonic() + every
                got.append(self.one(connection))
                time.sleep(max(0.0, due - time.monotonic()))
            connection.close()
            return got

        with ThreadPoolExecutor(n) as pool:
            return [one for some in pool.map(client, range(n)) for one in some]


def _show_reader(what: str, clicks: list[sessions.Rerun]) -> None:
    sessions._show(what, **sessions.figures([run for run in clicks if run.act != "first"]))


def _show(what: str, seconds: float, got: list[tuple[float, int]], **more: float) -> None:
    ms = [1000 * one for one, _ in got]
    sessions._show(
        what, requests=len(got), per_second=round(len(got) / seconds, 1), p50_ms=round(statistics.median(ms), 1),
        p95_ms=round(sessions.quantile(ms, 0.95), 1), p99_ms=round(sessions.quantile(ms, 0.99), 1),
        errors=sum(status != 200 for _, status in got), load=round(os.getloadavg()[0], 1),
        **{name: round(value, 2) for name, value in more.items()},
    )  # fmt: skip
