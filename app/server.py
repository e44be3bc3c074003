"""The dashboard's server: `python -m app.server --host 127.0.0.1 --port 8501`.

Streamlit as an ASGI app, with what Streamlit leaves out: security headers (the policy also keeps the browser
from asking anything outside this machine), a /healthz route, the API of app.api, libraries imported before the first
visitor, and garbage collected by the clock instead of after every page run. Without a login (app.access) it serves this
machine only; with one, under the names in the settings.
"""

import argparse
import asyncio
import contextlib
import ctypes
import gc
import importlib
import ipaddress
import itertools
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import streamlit as st
import streamlit.logger
import uvicorn
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request, cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import aside, disclosure, health, jobs, metrics, theme, versions
from app.access import accounts, settings
from app.api import limit, routes
from app.casework import store, workflow
from pipelines import logs
from pipelines.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; frame-ancestors 'self'; "
    "object-src 'none'; base-uri 'self'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
HSTS = {"Strict-Transport-Security": "max-age=31536000"}
PAGES = (
    "weekly",
    "hotspots",
    "trends",
    "issues",
    "compare",
    "warnings",
    "topics",
    "reports",
    "warning",
    "dispatch",
    "service",
    "ledgers",
    "mediation",
    "screen",
    "intake",
    "accounts",
    "audit",
    "help",
    "about",
)
AUTH = ("auth/login", "auth/logout", "oauth2callback")
"""Of Streamlit's login."""
BACK_TO = "yanpan_back_to"
"""Cookie with the page asked for before the login, which Streamlit would forget."""
CLOSED_PATHS = ("/_stcore/metrics", "/_stcore/agent")
# Streamlit imports lazily; five first visitors at once then meet half-imported modules.
IMPORT_FIRST = (
    "numpy",
    "pandas",
    "pyarrow",
    "polars",
    "duckdb",
    "plotly.graph_objects",
    "pydeck",
    "app.charts.series",
    "app.charts.ranks",
    "app.charts.maps",
    "app.casework.cases",
    "app.reports.make",
)
KEEP_ALIVE_SECONDS = 75  # longer than a proxy keeps an idle connection (nginx: 60), or it meets closed ones
COLLECT_EVERY_SECONDS = 5
COLLECT_ALL_EVERY = 12  # times; all takes a tenth of a second, what is young a few milliseconds
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # of glibc's malloc.h
API = "/api/v1"  # of app.api; without a slash at its end, too
LOST = "lost"  # what app.page calls it, too


class Guard:
    """Answers only to its own names, closes internal paths, adds the headers.

    hosts: names besides those of this machine. is_https: as the browser sees it. has_login: then a WebSocket without an
    Origin is no browser of ours.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = (), *, is_https: bool = False, has_login: bool = False):
        self.app, self.hosts, self.has_login = app, frozenset(hosts), has_login
        self.headers = {**HEADERS, **(HSTS if is_https else {})}
        self.is_https = is_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        if not (is_loopback(_without_port(host)) or _without_port(host) in self.hosts):  # DNS rebinding
            said = "这个网址不是看板的地址。" if self.hosts else "只接受本机地址的访问。"
            await PlainTextResponse(said, 400)(scope, receive, send)
            return
        if scope["type"] == "websocket" and not self._is_from_here(Headers(scope=scope).get("origin"), host):
            await PlainTextResponse("只接受看板自己的页面。", 403)(scope, receive, send)
            return
        if scope["path"].startswith(CLOSED_PATHS):
            await PlainTextResponse("未开放", 404)(scope, receive, send)
            return
        if is_lost(scope):
            await RedirectResponse(f"/?{urlencode({LOST: scope['path'].strip('/')})}")(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers[name] = value
                if scope["path"].strip("/") in AUTH:
                    _come_back(Headers(scope=scope), headers, scope["path"])
                if self.is_https:  # Streamlit leaves it out
                    cookies = headers.getlist("set-cookie")
                    del headers["set-cookie"]
                    for cookie in cookies:
                        headers.append("set-cookie", cookie if "secure" in cookie.lower() else f"{cookie}; Secure")
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _is_from_here(self, origin: str | None, host: str) -> bool:
        """Another site's page may not talk to us in a reader's name; Streamlit would ask the internet who we are."""
        return not self.has_login if origin is None else urlsplit(origin).netloc == host


def _without_port(host: str) -> str:
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def _come_back(asked: Headers, answer: MutableHeaders, path: str) -> None:
    """To the page the reader was at before the login: kept in a cookie from /auth/login to /oauth2callback."""
    if path.endswith("login"):
        page = urlsplit(asked.get("referer", ""))
        if page.netloc == asked.get("host") and page.path.strip("/") in PAGES:
            kept = quote(page.path + (f"?{page.query}" if page.query else ""), safe="")
            answer.append("set-cookie", f"{BACK_TO}={kept}; Path=/; Max-Age=900; HttpOnly; SameSite=Lax")
    elif path.endswith("oauth2callback") and answer.get("location") == "/":
        kept = unquote(cookie_parser(asked.get("cookie", "")).get(BACK_TO, ""))
        if urlsplit(kept).path.strip("/") in PAGES and kept.startswith("/") and not kept.startswith("//"):
            answer["location"] = kept
            answer.append("set-cookie", f"{BACK_TO}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")


def is_lost(scope: Scope) -> bool:
    """Does a browser ask for a page that is none of ours? Streamlit would say so in English."""
    path, accept = scope["path"].strip("/"), Headers(scope=scope).get("accept", "")
    is_page = scope["type"] == "http" and scope["method"] == "GET" and "text/html" in accept
    ours = path in ("", "healthz", "readyz", "metrics", API[1:], *AUTH, *PAGES) or path.startswith(
        (f"{API}/"[1:], "app/static/", "static/", "_stcore/", "media/")
    )
    return is_page and not ours


def is_loopback(host: str) -> bool:
    """Does this host name or address stay on this machine?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


async def to_front_page(request: Request) -> RedirectResponse:
    """/weekly is the front page; Streamlit serves its default page at / alone."""
    return RedirectResponse("/" + (f"?{request.url.query}" if request.url.query else ""))


async def to_manual(_request: Request) -> RedirectResponse:
    return RedirectResponse(f"{API}/")


@contextlib.asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Import and open everything once, then keep the garbage collector away from page runs."""
    _share_heaps()
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    for module in IMPORT_FIRST:
        importlib.import_module(module)
    aside.start()
    theme.read_once()
    jobs.sweep()  # uploaded files of jobs that died with the machine
    marts = importlib.import_module("app.marts")  # not before Streamlit's runtime: its caches look for it
    with contextlib.suppress(versions.NoMarts):
        marts.warm(versions.current_version())
    gc.collect()
    gc.freeze()
    gc.disable()
    collector = asyncio.create_task(_collect_by_the_clock())
    yield
    collector.cancel()
    aside.stop()


async def _collect_by_the_clock() -> None:
    for n in itertools.count(1):
        await asyncio.sleep(COLLECT_EVERY_SECONDS)
        if n % COLLECT_ALL_EVERY:
            gc.collect(1)
        else:
            gc.collect()
            _give_back()
        jobs.sweep()  # nobody may look at the page again after a job died


def _share_heaps() -> None:
    """Two heaps for all threads and large pieces outside of them: every page run is a thread of its own, and of up to sixteen
    heaps each would keep what its largest run needed. glibc alone has such a call."""
    if mallopt := _of_libc("mallopt"):
        mallopt(M_ARENA_MAX, 2)
        mallopt(M_MMAP_THRESHOLD, 256 << 10)


def _give_back() -> None:
    """What page runs no longer need, to the system; the C library would keep it."""
    if trim := _of_libc("malloc_trim"):
        trim(0)


def _of_libc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def say_sorry(error: Exception) -> bool:
    """Our bug: the whole traceback to the log, one sentence to the reader."""
    metrics.ERRORS.inc()
    logging.getLogger(__name__).error("page failed", exc_info=error)
    st.error("这一页出错了，不是您的操作问题。请刷新重试；仍不行，把发生的时间告诉管理员，服务日志里有详细记录。")
    return True


def create() -> st.App:
    """The dashboard as an ASGI app. Streamlit reads .streamlit/config.toml from the working folder, once: ROOT."""
    os.environ["YANPAN_HOME"] = str(versions.home())  # a relative HOME is meant from where the command was typed
    os.chdir(ROOT)
    return st.App(
        ROOT / "app" / "main.py",
        lifespan=lifespan,
        routes=[
            Route("/healthz", health.healthz),
            Route("/readyz", health.readyz),
            Route("/metrics", metrics.metrics),
            Route("/weekly", to_front_page),
            Route(API, to_manual),
            Mount(API, routes.create()),
        ],
        middleware=[Middleware(Guard, **guarded())],
        secrets={"auth": auth} if (auth := settings.auth()) else None,
        on_script_error=say_sorry,
    )


def guarded() -> dict[str, Any]:
    """What Guard has to know of the settings. Raises settings.BadSetting."""
    auth = settings.auth()
    if auth is None:
        return {}
    url = urlsplit(auth["redirect_uri"])
    hosts = [url.hostname or "", *settings.read().hosts]
    return {"hosts": hosts, "is_https": url.scheme == "https", "has_login": True}


def log_in_our_form() -> None:
    """As YANPAN_LOG says. Streamlit gives each of its loggers a handler of its own; UsageError for another word."""
    logs.set_up()

    def hand(logger: logging.Logger) -> None:
        logger.handlers[:] = [logs.handler()]

    streamlit.logger.setup_formatter = hand
    streamlit.logger.update_formatter()


class Announcing(uvicorn.Server):
    """Says its address once it answers there."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            print(f"研判看板：http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.server", description="启动研判看板")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    chosen = parser.parse_args(arguments)
    if arguments is None:
        try:
            log_in_our_form()
        except UsageError as error:
            print(error, file=sys.stderr)
            return 2
    try:
        if settings.auth() is None and not is_loopback(chosen.host):
            print(
                f"没有启用登录，看板只能在本机打开，不能监听 {chosen.host}；请改用 --host 127.0.0.1，"
                "或先写好 secrets.toml 的 [auth]（样例 docs/access.example.toml）。",
                file=sys.stderr,
            )
            return 2
        settings.read()
        disclosure.min_cell()
        workflow.limits(None, versions.home())
        limit.buckets()
    except (settings.BadSetting, disclosure.BadSetting, workflow.BadSetting, limit.BadSetting) as error:
        print(error, file=sys.stderr)
        return 2
    if sentence := store.problem():  # the pages can be read without it
        print(sentence, file=sys.stderr)
    elif settings.auth() and not any(one.role == "admin" and one.is_open for one in accounts.listed()):
        print("还没有管理员账号。请先登录一次，再运行 yanpan account grant 编号 --role admin。", file=sys.stderr)
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on: 40 ms a page run, waiting for the browser's delayed ACK.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((chosen.host, chosen.port))
        except OSError:
            print(f"端口 {chosen.port} 已被占用；请用 --port 换一个端口，或先停掉占用它的程序。", file=sys.stderr)
            return 2
        config = uvicorn.Config(
            create(),
            log_level="warning",
            log_config=None,
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            ws_max_size=25 * 1024 * 1024,
            ws_per_message_deflate=False,  # on an intranet the line is faster than the compression; 0.3 MB a reader
        )
        Announcing(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
