"""How long does a page run take when many people look at once? `python -m bench sessions --home H --sessions 60 --seconds 300`
and, for one person page by page with the queries behind it, `python -m bench pages --home H`.

The visitors speak Streamlit's own protocol (protobuf over a websocket, as a browser's tab does) to a real `app.server` in a
process of its own. `walk`: a visitor opens a page, thinks (exponential, mean 10 s), then at random goes to another page by
the menu, sets a filter, a tab or a row to a random value, and so on: harder than an office, where most look at the newest
week. A rerun lasts from sending the click to the last message of the run; its bytes are those of all messages before
compression, of which a browser would hold a part already. An error box in the page, a run that never ends and a lost
connection are errors. Reads /proc: Linux only.
"""

import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import duckdb
import websockets
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import StringArray
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates

ROOT = Path(__file__).resolve().parents[1]
THINK_SECONDS = 10
PATIENCE_SECONDS = 60
WALK = {
    "weekly": 4, "hotspots": 4, "trends": 4, "issues": 4, "warnings": 4,
    "service": 2, "mediation": 1, "topics": 1, "ledgers": 1, "reports": 1, "intake": 1,
}  # fmt: skip
"""How often each page is gone to by the menu; a page the server has besides these, once."""
NEXT_PAGE = 0.25
"""Probability that the next click is on the menu."""
AWAITED = "awaited"
LOOK_BACK = "数据截至"
"""Label of the list of past days, which a bench home has not worked out: left alone."""
FILTERS = ("selectbox", "button_group")
SERVE = """
import logging, sys
asked = logging.getLogger("app.marts")
asked.setLevel(logging.DEBUG)
asked.addHandler(logging.FileHandler(sys.argv.pop(1)))
from app import server
sys.exit(server.main())
"""


class Rerun(NamedTuple):
    """What one page run cost."""

    page: str
    """The one shown in the end."""
    act: str
    """first | page | link | control: what was clicked; awaited: what was not there at once came."""
    seconds: float
    n_bytes: int
    errors: tuple[str, ...]


@dataclass
class Control:
    """Something a reader can set: a list, buttons, tabs, the rows of a table."""

    widget: str
    kind: str
    options: list[str]
    key: str = ""
    """The query parameter it is bound to, where it is."""

    def state(self, option: str) -> WidgetState:
        if self.kind == "button_group":
            return WidgetState(id=self.widget, string_array_value=StringArray(data=[option]))
        return WidgetState(id=self.widget, string_value=option)


@dataclass
class Visitor:
    """One browser tab: what is on its screen and in its address bar."""

    socket: websockets.ClientConnection
    here: str = ""
    """The id of the page shown."""
    query: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    """Path of each page of the menu → its id."""
    screen: dict[tuple[int, ...], ForwardMsg] = field(default_factory=dict)
    looking: tuple[str, float] | None = None
    """The part of the page that looks by itself whether something is ready, and how often."""
    is_part: bool = False
    """Only that part was asked for."""

    @property
    def page(self) -> str:
        """Its path; empty where the server has not named it."""
        return next((path for path, of in self.pages.items() if of == self.here), "")

    async def go(self, page: str, act: str = "page", **query: str) -> Rerun:
        """To a page by the menu, or by a link with a query."""
        self.query, self.here = urlencode(query), self.pages.get(page, "")
        return await self._run(act, ClientState(page_name=page))

    async def set(self, control: Control, option: str) -> Rerun:
        return await self._run("control", ClientState(widget_states=WidgetStates(widgets=[control.state(option)])))

    async def change(self, controls: list[Control], dice: random.Random) -> Rerun:
        """One of the controls to its first value, mostly 全部 or the newest (1 in 3), or to any."""
        control = dice.choice(controls)
        return await self.set(control, control.options[0] if dice.random() < 1 / 3 else dice.choice(control.options))

    async def again(self) -> Rerun:
        """The page as it is, as by the browser's reload."""
        return await self._run("link", ClientState())

    async def wait(self) -> Rerun | None:
        """Until what the page says it is working on (a skeleton) is there, as a browser would; None where it is all there."""
        started, n_bytes, errors = time.perf_counter(), 0, []
        while self.looking and any(
            message.delta.new_element.WhichOneof("type") == "skeleton" for message in self.screen.values()
        ):
            part, seconds = self.looking
            await asyncio.sleep(seconds)
            look = await self._run("look", ClientState(fragment_id=part, is_auto_rerun=True))
            n_bytes, errors = n_bytes + look.n_bytes, [*errors, *look.errors]
            if errors or time.perf_counter() - started > PATIENCE_SECONDS:
                break
        if not n_bytes:
            return None
        return Rerun(self.page, AWAITED, time.perf_counter() - started, n_bytes, tuple(errors))

    def controls(self) -> list[Control]:
        """All on the screen that can be set to something else."""
        labels: dict[tuple[int, ...], list[str]] = {}
        for path, message in self.screen.items():
            if message.delta.add_block.WhichOneof("type") == "tab":
                labels.setdefault(path[:-1], []).append(message.delta.add_block.tab.label)
        found = []
        for path, message in self.screen.items():
            tabs, element = message.delta.add_block.tab_container, message.delta.new_element
            kind = element.WhichOneof("type")
            if tabs.id:
                found.append(Control(tabs.id, "tabs", labels.get(path, []), tabs.query_param_key))
            elif kind == "selectbox" and not element.selectbox.disabled and element.selectbox.label != LOOK_BACK:
                found.append(Control(element.selectbox.id, kind, list(element.selectbox.options)))
            elif kind == "button_group" and not element.button_group.disabled:
                options = [option.content for option in element.button_group.options]
                found.append(Control(element.button_group.id, kind, options))
            elif kind == "dataframe" and element.dataframe.id and len(element.dataframe.selection_mode):
                rows = [json.dumps({"selection": {"rows": one, "columns": [], "cells": []}}) for one in ([0], [])]
                found.append(Control(element.dataframe.id, "rows", rows))
        return [control for control in found if len(control.options) > 1]

    async def _run(self, act: str, state: ClientState) -> Rerun:
        state.query_string, state.page_script_hash = self.query, self.here
        started, n_bytes, errors = time.perf_counter(), 0, []
        self.is_part = bool(state.fragment_id)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.socket.send(BackMsg(rerun_script=state).SerializeToString())
                is_over = False
                while not is_over:
                    payload = await self.socket.recv(decode=False)
                    n_bytes += len(payload)
                    message = ForwardMsg.FromString(payload)
                    errors += self._take(message)
                    is_over = message.WhichOneof("type") == "script_finished" and (
                        message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
                    )
        except (TimeoutError, websockets.ConnectionClosed) as broken:
            errors.append(type(broken).__name__)
        return Rerun(self.page, act, time.perf_counter() - started, n_bytes, tuple(errors))

    def _take(self, message: ForwardMsg) -> list[str]:
        """Show what the server sends; returns the error it tells of, if any."""
        match message.WhichOneof("type"):
            case "new_session" if self.is_part:  # what comes after it, if it asks for it, is the whole page
                self.is_part = False
            case "new_session":
                self.screen.clear()
                self.looking = None
                self.here = message.new_session.page_script_hash
            case "auto_rerun":
                self.looking = message.auto_rerun.fragment_id, message.auto_rerun.interval
            case "navigation":
                self.here = message.navigation.page_script_hash or self.here
                self.pages = {
                    one.url_pathname or "weekly": one.page_script_hash for one in message.navigation.app_pages
                }
            case "page_info_changed":
                self.query = message.page_info_changed.query_string
            case "delta":
                self.screen[tuple(message.metadata.delta_path)] = message
                element = message.delta.new_element
                if element.WhichOneof("type") == "exception":
                    return [element.exception.message]
                if element.WhichOneof("type") == "alert" and element.alert.format == Alert.ERROR:
                    return [element.alert.body]
            case "script_finished" if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                return ["script_finished"]
            case "page_not_found":
                return ["page_not_found"]
        return []


def connected(address: str) -> websockets.connect:
    """A new tab at the dashboard: `async with connected(address) as socket: Visitor(socket)`."""
    return websockets.connect(
        address.replace("http", "ws", 1) + "/_stcore/stream", subprotocols=["streamlit"], max_size=None, max_queue=None,
        ping_interval=None,  # a browser sends none either
    )  # fmt: skip


@contextmanager
def served(home: Path) -> Iterator[tuple[str, int, Path]]:
    """A dashboard over this home: its address, process id, and the file in which it writes each query and its ms."""
    with tempfile.TemporaryDirectory(prefix="yanpan-bench-") as folder:
        asked = Path(folder) / "asked.log"
        command = [sys.executable, "-c", SERVE, str(asked), "--port", "0"]
        environment = {**os.environ, "YANPAN_HOME": str(home.absolute()), "PYTHONUTF8": "1"}
        with (
            (Path(folder) / "errors.log").open("w+", encoding="utf-8") as errors,
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8"
            ) as server,
        ):
            try:
                assert server.stdout is not None
                said = server.stdout.readline()
                address = re.search(r"http://\S+", said)
                assert address, f"the dashboard did not start: {said!r}"
                yield address[0], server.pid, asked
            finally:
                server.terminate()
                try:
                    server.wait(10)
                except subprocess.TimeoutExpired:  # stands still: an answer, too
                    server.kill()
                    _show("server", said="did not stop when asked")
                errors.seek(0)
                for said, n in Counter(_errors(errors)).most_common(10):
                    _show("server", n=n, said=said)


def _errors(log: Iterable[str]) -> Iterator[str]:
    """The last line of each traceback, and where in the app it was."""
    where = ""
    for line in log:
        if place := re.search(r'File ".*/(app/.*)", (line \d+)', line):
            where = " ".join(place.groups())
        elif re.match(r"\w+(\.\w+)*(Error|Exception)\b", line):
            yield f"{where} {line.strip()}"


def cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """VmRSS: now; VmHWM: the most so far."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0


def queries(asked: Path, offset: int = 0) -> tuple[list[tuple[str, float]], int]:
    """(query, ms) of each asked since `offset`, and where to read on; what a cache answered is not among them."""
    with asked.open(encoding="utf-8") as file:
        file.seek(offset)
        lines = file.read().splitlines()
        return [(line.split()[0], float(line.split()[1])) for line in lines], file.tell()


def pages(home: Path, n_changes: int = 20, seed: int = 1) -> None:
    """One person: each page and tab, one filter after the other set to a random value (few answers come from a cache), then
    the last address again (all do). One line a page: ms, CPU ms of the server, KB, and the median ms of its slowest queries."""
    with served(home) as (address, pid, asked):
        asyncio.run(_pages(address, pid, asked, n_changes, _examples(home, n_changes), seed))
        _show("memory", now_mb=round(memory_mb(pid)), most_mb=round(memory_mb(pid, "VmHWM")), load=os.getloadavg()[0])


async def _pages(
    address: str, pid: int, asked: Path, n_changes: int, examples: dict[str, list[dict[str, str]]], seed: int
) -> None:
    async with connected(address) as socket:
        places = await _places_to_see(Visitor(socket))
    for name, query in places:
        dice, runs = random.Random(seed), []
        async with connected(address) as socket:
            visitor = Visitor(socket)
            await visitor.go("")
            await visitor.go(name, **query)
            offset, cpu = asked.stat().st_size, cpu_seconds(pid)
            for n in range(n_changes):
                filters = [control for control in visitor.controls() if control.kind in FILTERS]
                if name in examples:
                    runs.append(await visitor.go(name, "link", **examples[name][n % len(examples[name])]))
                elif filters:
                    runs.append(await visitor.change(filters, dice))
                else:
                    runs.append(await visitor.go(name, "link", **query))
                await visitor.wait()
            cpu = cpu_seconds(pid) - cpu
            log = queries(asked, offset)[0]
            known = [await visitor.again() for _ in range(3)]
        by_query = Counter({one: statistics.median(ms for that, ms in log if that == one) for one, _ in log})
        _show(
            " ".join([name, *query.values()]),
            **figures(runs),
            cpu_ms=round(1000 * cpu / len(runs)),
            known_ms=round(1000 * statistics.median(run.seconds for run in known)),
            asked_per_run=round(len(log) / len(runs), 1),
            query_ms=round(sum(ms for _, ms in log) / len(runs)),
            slowest="，".join(f"{one} {ms:.0f}" for one, ms in by_query.most_common(4) if ms >= 5),
        )


def _examples(home: Path, n: int) -> dict[str, list[dict[str, str]]]:
    """Queries of pages that show one thing named in the URL."""
    file = home / "marts" / (home / "marts" / "CURRENT").read_text(encoding="utf-8").strip()
    with duckdb.connect(file, read_only=True) as connection:
        ids = connection.execute(
            "select distinct signal_id from signal order by md5(signal_id) limit ?", [n]
        ).fetchall()
    return {"warning": [{"id": one} for (one,) in ids]}


async def _places_to_see(visitor: Visitor) -> list[tuple[str, dict[str, str]]]:
    """Every page, once for each of its tabs."""
    found: list[tuple[str, dict[str, str]]] = []
    await visitor.go("")
    for name in visitor.pages:
        await visitor.go(name)
        tabs = [control for control in visitor.controls() if control.kind == "tabs" and control.key]
        found += [(name, {tabs[0].key: tab}) for tab in tabs[0].options] if tabs else [(name, {})]
    return found


async def walk(address: str, until: float, think: float, dice: random.Random) -> list[Rerun]:
    """The page runs of one visitor who comes some time within the first think time and leaves at `until`."""
    await asyncio.sleep(dice.uniform(0, think))
    runs: list[Rerun] = []
    async with connected(address) as socket:
        visitor = Visitor(socket)
        runs.append(await visitor.go("", act="first"))
        while "ConnectionClosedError" not in runs[-1].errors:
            pause = dice.expovariate(1 / think) if think else 0
            if time.monotonic() + pause > until:
                break
            await asyncio.sleep(pause)
            controls = visitor.controls()
            if not controls or dice.random() < NEXT_PAGE:
                pages = [page for page in visitor.pages if page not in ("about", "warning")]
                [page] = dice.choices(pages, [WALK.get(page, 1) for page in pages])
                runs.append(await visitor.go(page))
            else:
                runs.append(await visitor.change(controls, dice))
            if awaited := await visitor.wait():
                runs.append(awaited)
    return runs


async def crowd(
    address: str, n_sessions: int, seconds: float, think: float = THINK_SECONDS, seed: int = 1
) -> list[Rerun]:
    """The page runs of `n_sessions` visitors at once."""
    until = time.monotonic() + seconds
    visitors = [walk(address, until, think, random.Random(f"{seed} {n}")) for n in range(n_sessions)]
    return [run for runs in await asyncio.gather(*visitors) for run in runs]


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def figures(runs: list[Rerun]) -> dict[str, float]:
    """Of page runs: how many, ms at three quantiles, KB, errors."""
    ms, kilobytes = [1000 * run.seconds for run in runs], [run.n_bytes / 1000 for run in runs]
    return {
        "runs": len(runs),
        "p50_ms": round(statistics.median(ms)),
        "p95_ms": round(quantile(ms, 0.95)),
        "p99_ms": round(quantile(ms, 0.99)),
        "p95_kb": round(quantile(kilobytes, 0.95)),
        "max_kb": round(max(kilobytes)),
        "errors": sum(bool(run.errors) for run in runs),
    }


def run(home: Path, n_sessions: int, seconds: float, think: float = THINK_SECONDS, seed: int = 1) -> None:
    """Many visitors for some minutes; one line a page, one for all reruns, the errors, the queries that took longest."""
    with served(home) as (address, pid, asked):
        cpu, load = cpu_seconds(pid), os.getloadavg()[0]
        runs = asyncio.run(crowd(address, n_sessions, seconds, think, seed))
        cpu = cpu_seconds(pid) - cpu
        reruns = [run for run in runs if run.act not in ("first", AWAITED)]
        for page in sorted({run.page for run in reruns}):
            _show(f"page {page or 'weekly'}", **figures([run for run in reruns if run.page == page]))
        _show("first page of a session", **figures([run for run in runs if run.act == "first"]))
        if late := [run for run in runs if run.act == AWAITED]:
            _show("what was not there at once (a report) came", **figures(late))
        _show(
            f"all reruns, {n_sessions} sessions, {seconds:.0f} s, think time {think:g} s",
            **figures(reruns),
            per_second=round(len(runs) / seconds, 2),
            cpu_s_per_run=round(cpu / len(runs), 3),
            cores_busy=round(cpu / seconds, 2),
            most_mb=round(memory_mb(pid, "VmHWM")),
            load_before=load,
            load_after=os.getloadavg()[0],
        )
        for error, n in Counter(error for run in runs for error in run.errors).most_common(10):
            _show("error", n=n, said=error)
        _show_queries(queries(asked)[0])


def _show_queries(log: list[tuple[str, float]], n: int = 15) -> None:
    ms: dict[str, list[float]] = {}
    for name, one in log:
        ms.setdefault(name, []).append(one)
    for name, all_of_it in sorted(ms.items(), key=lambda item: -sum(item[1]))[:n]:
        _show(
            f"query {name}",
            asked=len(all_of_it),
            p50_ms=round(statistics.median(all_of_it)),
            p95_ms=round(quantile(all_of_it, 0.95)),
            total_s=round(sum(all_of_it) / 1000, 1),
        )


def _show(what: str, **said: float | str) -> None:
    print(json.dumps({"what": what, **said}, ensure_ascii=False), flush=True)
