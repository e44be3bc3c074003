"""A real server, a real browser: what a reader sees, and what the page asks for."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "microsoft-edge")
LOOPBACK = {"127.0.0.1", "localhost"}
ALLOWED_WORDS = {"PNG", "SVG", "PPT", "Excel", "Word", "KTV", "xlsx", "csv", "yanpan"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        reason = "没有找到 Chromium 内核的浏览器；安装 chromium 后再跑浏览器测试"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--enable-unsafe-swiftshader"]
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def site(demo_home) -> Iterator[str]:
    """The address of a running dashboard on a free port."""
    with served(demo_home.path) as address:
        yield address


@contextmanager
def served(home: Path, *, port: int = 0) -> Iterator[str]:
    """A dashboard over this home, as long as it is needed."""
    command = [sys.executable, "-m", "app.server", "--port", str(port)]
    environment = {**os.environ, "YANPAN_HOME": str(home), "PYTHONUTF8": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, encoding="utf-8") as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, f"看板没有启动：{line!r}"
        yield found[0]
        server.terminate()


class Reader:
    """One person at one page. Collects what must not happen; `calm` says whether it did."""

    def __init__(self, page: Page, site: str):
        self.page, self.site = page, site
        page.set_default_timeout(300_000)  # a page that is slow on a busy machine is no wrong page
        self.outside: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self._note(request.url))
        self.is_asked = False
        """A page run was asked for, and has not come to its end."""
        page.on("websocket", self._listen)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._hear)

    def _note(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in LOOPBACK:
            self.outside.append(url)

    def _listen(self, socket) -> None:
        self._note(socket.url)
        socket.on("framesent", self._ask)
        socket.on("framereceived", self._answer)
        socket.on("close", self._leave)

    def _ask(self, frame: bytes | str) -> None:
        self.is_asked |= isinstance(frame, bytes) and BackMsg.FromString(frame).HasField("rerun_script")

    def _answer(self, frame: bytes | str) -> None:
        message = ForwardMsg.FromString(frame) if isinstance(frame, bytes) else ForwardMsg()
        is_end = message.HasField("script_finished")
        if is_end and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self.is_asked = False

    def _leave(self, _socket) -> None:
        self.is_asked = False

    def _hear(self, message) -> None:
        probing = "/_stcore/" in message.location.get("url", "")  # Streamlit looks for its own base path
        if message.type == "error" and not probing:
            self.errors.append(message.text)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.site}/{path}")
        self.page.locator("h1").first.wait_for()
        self.settle()

    def settle(self) -> None:
        """Until the page run is over and has been drawn."""
        self.page.wait_for_timeout(250)
        until = time.monotonic() + 300
        while self.is_asked and time.monotonic() < until:  # a busy server may not have begun yet
            self.page.wait_for_timeout(50)
        self.page.wait_for_function(
            "['notRunning', null].includes(document.querySelector('[data-testid=stApp]')"
            ".getAttribute('data-test-script-state'))"
        )
        self.page.wait_for_function("!document.querySelector('[data-testid^=stSkeleton]')")

    def click_map(self, x: float, y: float) -> None:
        """Click at a share of the map's width and height."""
        box = self.page.locator("svg.ground").bounding_box()
        assert box is not None
        self.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        self.settle()

    def asks(self, **query: str) -> None:
        """The address comes to say this, and nothing else but the week."""
        self.page.wait_for_url(lambda url: _query(url).items() - query.items() == {("week", _query(url).get("week"))})
        self.settle()
        assert self.query() == {**query, "week": self.query()["week"]}

    def query(self) -> dict[str, str]:
        return _query(self.page.url)

    def english(self) -> set[str]:
        """Latin words a reader would meet on the page, figures included."""
        text = self.page.evaluate(
            """() => {
                const copy = document.querySelector('[data-testid=stApp]').cloneNode(true);
                const unseen = '[data-testid=stIconMaterial], [data-testid=stSkipToContent], style, script';
                const replaced = '[data-testid=stFileUploaderDropzone] > span button p, [data-placeholder], '
                    + '[data-testid=stFileUploaderDropzoneInstructions] span';  // the style sheet says it in Chinese
                copy.querySelectorAll(`${unseen}, ${replaced}`).forEach(node => node.remove());
                return copy.textContent;
            }"""
        )
        return set(re.findall(r"[A-Za-z]{3,}", text)) - ALLOWED_WORDS

    def calm(self) -> None:
        assert not self.outside, "页面请求了本机以外的地址"
        assert not self.errors
        assert not self.page.get_by_test_id("stException").count()


def _query(url: str) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


@pytest.fixture
def reader(browser, site) -> Iterator[Reader]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN", accept_downloads=True)
    yield Reader(context.new_page(), site)
    context.close()
