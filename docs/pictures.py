"""The pictures of the user manual, taken from the running demo: `python docs/pictures.py [NAME …]`.

Serves a copy of YANPAN_HOME (the demo city with casework, as `make run` leaves it), walks through it in a real browser as
each kind of user would, and writes docs/manual/<name>.png: 1440 × 900, cut to what matters, in few colours. Nothing in the
home itself changes. With names only those are taken.
"""

import io
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "manual"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "microsoft-edge")
WIDTH, HEIGHT, COLOURS = 1440, 900, 128
UNIT = "安澜市供水集团"
"""A unit that a warning of the demo's last week waits for."""


class Walk:
    """One reader at one page of the demo."""

    def __init__(self, page: Page, site: str):
        self.page, self.site = page, site
        page.set_default_timeout(120_000)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.site}/{path}")
        self.page.locator("h1").first.wait_for()
        self.settle()

    def settle(self) -> None:
        """Until the page run is over and has been drawn."""
        self.page.wait_for_timeout(500)
        self.page.wait_for_function(
            "['notRunning', null].includes(document.querySelector('[data-testid=stApp]')"
            ".getAttribute('data-test-script-state')) && !document.querySelector('[data-testid^=stSkeleton]')"
        )
        self.page.wait_for_timeout(700)

    def click(self, target: Locator) -> None:
        target.click()
        self.settle()

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name, exact=isinstance(name, str)).first

    def tab(self, name: str) -> None:
        self.click(self.page.get_by_role("tab", name=name, exact=True))

    def role(self, name: str, unit: str | None = None) -> None:
        """Says who acts, where the page asks."""
        who = self.page.locator(".st-key-roles").first
        self.click(who.get_by_text(name, exact=True))
        if unit:
            self.pick("哪个单位", unit)

    def pick(self, label: str, option: str) -> None:
        """One of a select box's options, typed."""
        self.page.get_by_label(label, exact=False).first.click()
        self.page.keyboard.type(option)
        self.click(self.page.get_by_role("option", name=option).first)

    def log_in(self, subject: str) -> None:
        """By the identity provider, as this user."""
        self.open("")
        self.button(re.compile("登录")).click()
        self.page.locator("input[name=sub]").fill(subject)
        self.page.locator("button[type=submit]").first.click()
        self.page.wait_for_url(f"{self.site}/**")
        self.page.locator("h1").first.wait_for()
        self.settle()

    def section(self, words: str) -> Locator:
        """The heading of a part of the page, by words of it or of its remark."""
        return self.page.locator("h2.section", has_text=words).first

    def row(self, number: int, table: int = 0) -> None:
        """Chooses a row of a table; the tables are drawn on a canvas, so by its place."""
        box = self.page.locator("[data-testid=stDataFrame]").nth(table).bounding_box()
        assert box is not None
        self.page.mouse.click(box["x"] + 17, box["y"] + 35 * number + 17)
        self.settle()

    def own_warning(self) -> None:
        """The page of the warning that waits for UNIT, with the panel on top."""
        self.open("warnings")
        self.role("承办单位", UNIT)
        self.click(self.page.locator(".st-key-for_you a").first)
        self.to(self.section("办理"))

    def top(self, target: Locator) -> int:
        """Where a picture that begins with this begins."""
        box = target.bounding_box()
        assert box is not None
        return int(box["y"]) - 8

    def to(self, target: Locator, above: int = 70) -> None:
        """Scrolls so that this stands at the top."""
        target.evaluate(
            "(one, above) => { const main = document.querySelector('[data-testid=stMain]');"
            " main.scrollTop += one.getBoundingClientRect().top - above; }",
            above,
        )
        self.page.mouse.move(2, 500)
        self.settle()


class Box(NamedTuple):
    """Which part of the window is kept, in pixels."""

    left: int = 0
    top: int = 0
    right: int = WIDTH
    bottom: int = HEIGHT


Steps = Callable[[Walk], Box | None]
PICTURES: dict[str, Steps] = {}
"""Name → the steps that lead to the picture; in this order, each beginning where a reader begins."""
WITH_LOGIN: set[str] = set()
"""Those taken of a dashboard with a login."""


def picture(name: str, *, login: bool = False) -> Callable[[Steps], Steps]:
    def keep(steps: Steps) -> Steps:
        PICTURES[name] = steps
        WITH_LOGIN.update([name] if login else [])
        return steps

    return keep


# ---------------------------------------------------------------- 领导


@picture("leader-week")
def _(walk: Walk) -> None:
    walk.open("")


@picture("leader-story")
def _(walk: Walk) -> Box:
    walk.open("")
    walk.click(walk.page.locator(".story summary").nth(1))
    walk.to(walk.section("本周预警"))
    return Box(top=60, right=910, bottom=580)


@picture("leader-last-week")
def _(walk: Walk) -> Box:
    walk.open("")
    walk.to(walk.section("上周预警后来怎样"))
    top = walk.top(walk.section("上周预警后来怎样"))  # the page may end before it can stand at the top of the window
    return Box(top=top, right=910, bottom=top + 360)


@picture("leader-remark")
def _(walk: Walk) -> Box:
    walk.open("warnings")
    walk.role("领导")
    walk.click(walk.page.locator(".st-key-for_you a").first)
    walk.to(walk.section("办理"))
    walk.click(walk.page.get_by_text("写批示", exact=True))
    walk.page.get_by_role("textbox", name="批示（必填）").fill("请按期办结，周五前报进展。")
    return Box(left=890, top=60, bottom=800)


@picture("leader-screen")
def _(walk: Walk) -> None:
    walk.open("screen")


# ---------------------------------------------------------------- 分析员


@picture("analyst-map")
def _(walk: Walk) -> Box:
    walk.open("hotspots?place=990101")
    return Box(top=60)


@picture("analyst-trend")
def _(walk: Walk) -> Box:
    walk.open("trends?issue=1301")
    walk.to(walk.page.get_by_text("按周合计").first, above=290)
    return Box(top=60)


@picture("analyst-rising")
def _(walk: Walk) -> Box:
    walk.open("issues")
    walk.tab("谁在升、谁在降")
    walk.to(walk.page.get_by_role("tab", name="谁在升、谁在降"))
    return Box(top=60)


@picture("analyst-items")
def _(walk: Walk) -> Box:
    walk.open("issues?weeks=1&issue=1301&county=990101&town=990101007")
    walk.to(walk.page.locator(".item").first, above=200)
    return Box(top=60, bottom=700)


@picture("analyst-evidence")
def _(walk: Walk) -> Box:
    walk.open("warnings")
    walk.role("承办单位", UNIT)
    walk.click(walk.page.locator(".st-key-for_you a").first)
    walk.to(walk.section("依据"), above=420)
    return Box(right=860, top=60)


@picture("analyst-matters")
def _(walk: Walk) -> Box:
    walk.open("warnings")
    walk.tab("同一事项")
    return Box(top=180, bottom=860)


@picture("analyst-compare")
def _(walk: Walk) -> Box:
    walk.open("compare")
    return Box(top=60)


@picture("analyst-dispatch")
def _(walk: Walk) -> Box:
    walk.open("dispatch")
    walk.page.get_by_role("textbox", name="诉求内容").fill(
        "云溪区和平街道明湖小区电梯坏了三天，物业一直不修，老人上下楼困难"
    )
    walk.click(walk.button("给出建议"))
    walk.to(walk.page.locator(".suggested").first, above=300)
    return Box(top=60)


# ---------------------------------------------------------------- 材料员


@picture("clerk-report")
def _(walk: Walk) -> None:
    walk.open("reports")


@picture("clerk-checks")
def _(walk: Walk) -> Box:
    walk.open("reports")
    walk.click(walk.button(re.compile("逐项看")))
    return Box()


@picture("clerk-issue")
def _(walk: Walk) -> Box:
    walk.open("reports")
    walk.role("研判中心")
    walk.to(walk.section("定稿"))
    return Box(left=1030, top=60, bottom=420)


@picture("clerk-issued")
def _(walk: Walk) -> Box:
    walk.open("reports")
    walk.role("研判中心")
    walk.click(walk.button(re.compile("^.*定稿第.*期")))
    walk.page.get_by_text("个文件存档").wait_for(timeout=300_000)
    walk.settle()
    walk.to(walk.page.locator("h1").first, above=100)
    walk.tab("已定稿")
    return Box(top=60, bottom=440)


@picture("clerk-export")
def _(walk: Walk) -> Box:
    walk.open("trends?issue=1301")
    button = walk.page.locator("[data-testid=stPopover] button", has_text="导出").first
    walk.to(button, above=420)
    walk.click(button)
    return Box(top=60, bottom=820)


# ---------------------------------------------------------------- 承办单位


@picture("unit-list")
def _(walk: Walk) -> Box:
    walk.open("warnings")
    walk.role("承办单位", UNIT)
    return Box(top=60)


@picture("unit-sign")
def _(walk: Walk) -> Box:
    walk.own_warning()
    return Box(left=890, top=60, bottom=640)


@picture("unit-measure")
def _(walk: Walk) -> Box:
    walk.own_warning()
    walk.click(walk.button("确认签收"))
    walk.to(walk.section("办理"))
    walk.page.get_by_role("textbox", name="采取了什么措施（必填）").fill(
        "已停用受影响管段，逐户通知，水车定点供水；水质复检中。"
    )
    return Box(left=890, top=60, bottom=780)


@picture("unit-reply")
def _(walk: Walk) -> Box:
    walk.own_warning()
    walk.page.get_by_role("textbox", name="采取了什么措施（必填）").fill(
        "已停用受影响管段，逐户通知，水车定点供水；水质复检中。"
    )
    walk.click(walk.button("确认登记处置"))
    walk.click(walk.page.get_by_text("提交反馈", exact=True))
    walk.to(walk.section("办理"))
    walk.page.get_by_role("textbox", name="办理结果（必填）").fill("管段已冲洗更换，水质复检合格，恢复供水。")
    return Box(left=890, top=60)


@picture("unit-due")
def _(walk: Walk) -> Box:
    walk.open("service")
    walk.tab("日提醒")
    walk.to(walk.section("即将到期和超期"))
    return Box(top=60, bottom=620)


@picture("unit-ledger")
def _(walk: Walk) -> Box:
    walk.open("ledgers")
    walk.to(walk.section("下一步到期早的在前"))
    walk.row(1, table=1)
    walk.to(walk.section("下一步到期早的在前"))
    return Box(top=60)


# ---------------------------------------------------------------- 管理员

UNSEEN = (
    "流水,收到日期,大类,细类,诉求描述,所属街道,来电号码\n"
    "B1,2026-11-14,供水,水质,自来水发黄有异味,朝晖街道,\n"
    "B2,2026-11-14,供暖,温度不达标,家里只有十五度,长宁街道,\n"
    "B3,2026-11-15,噪声,夜间施工,工地半夜还在施工,清溪口街道,\n"
)
"""An export with headers of its own; invented."""


def checked(walk: Walk, *files: Path) -> None:
    """Files uploaded and looked at."""
    walk.open("intake")
    walk.page.locator("input[type=file]").set_input_files(list(files))
    walk.page.wait_for_timeout(2_000)
    walk.click(walk.button("检查"))
    walk.section("检查结果").wait_for(timeout=300_000)
    walk.settle()


def given_up(walk: Walk) -> None:
    walk.click(walk.button(re.compile("放弃")))


@picture("admin-check")
def _(walk: Walk) -> Box:
    checked(walk, ROOT / "data" / "sample" / "hotline" / "fangshan.csv")
    return Box(top=60, bottom=560)


@picture("admin-columns")
def _(walk: Walk) -> Box:
    walk.open("intake")
    given_up(walk)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "某区诉求.csv"
        path.write_text(UNSEEN, encoding="utf-8")
        checked(walk, path)
    walk.to(walk.section("检查结果"))
    return Box(top=60)


@picture("admin-batch")
def _(walk: Walk) -> Box:
    walk.open("intake")
    given_up(walk)
    walk.open("intake?tab=批次")
    walk.to(walk.section("一个批次"))
    return Box(top=60, bottom=560)


@picture("admin-quality")
def _(walk: Walk) -> Box:
    walk.open("intake?tab=数据质量")
    return Box(top=160, bottom=720)


@picture("admin-personal")
def _(walk: Walk) -> Box:
    walk.open("intake?tab=个人信息")
    return Box(top=200, bottom=890)


# ---------------------------------------------------------------- with a login


@picture("login-door", login=True)
def _(walk: Walk) -> Box:
    walk.open("")
    return Box(bottom=320)


@picture("login-waiting", login=True)
def _(walk: Walk) -> Box:
    walk.log_in("zhao")
    return Box(bottom=320)


@picture("login-unit", login=True)
def _(walk: Walk) -> Box:
    walk.log_in("gongshui")
    return Box(bottom=720)


@picture("admin-accounts", login=True)
def _(walk: Walk) -> Box:
    walk.log_in("wang")
    walk.open("accounts")
    walk.click(walk.page.get_by_text("材料员", exact=True).first)
    return Box(bottom=860)


@picture("admin-audit", login=True)
def _(walk: Walk) -> Box:
    walk.log_in("wang")
    walk.open("audit")
    return Box(bottom=640)


# ---------------------------------------------------------------- serving, taking, writing


SECRETS = """[auth]
redirect_uri = "{site}/oauth2callback"
cookie_secret = "{secret}"
client_id = "yanpan"
client_secret = "pictures"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""
ACCOUNTS = (("wang", "王管理", "admin", None), ("gongshui", UNIT, "unit", UNIT))
"""Login name, name, role and unit of those who may come in; zhao waits."""


@contextmanager
def served(home: Path, *, login: bool = False) -> Iterator[str]:
    """A dashboard over a copy of this home, if wanted with an identity provider of its own; its address."""
    with tempfile.TemporaryDirectory(prefix="yanpan-pictures-") as folder, ExitStack() as running:
        copy, port = Path(folder) / "home", free_port()
        shutil.copytree(home, copy, ignore=shutil.ignore_patterns("demo", "models", "*.lock"))
        site = f"http://localhost:{port}"
        environment = {**os.environ, "YANPAN_HOME": str(copy), "PYTHONUTF8": "1", "OAUTHLIB_INSECURE_TRANSPORT": "1"}

        def start(*command: str) -> None:
            server = running.enter_context(subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment))
            running.callback(server.terminate)

        if login:
            provider = free_port()
            users = [f'--user-claims={{"sub": "{sub}", "name": "{name}"}}' for sub, name, *_ in ACCOUNTS]
            start("-m", "oidc_provider_mock", "--port", str(provider), *users)
            said = {"site": site, "provider": f"http://localhost:{provider}", "secret": secrets.token_hex(32)}
            (copy / "secrets.toml").write_text(SECRETS.format(**said), encoding="utf-8")
            (copy / "secrets.toml").chmod(0o600)
            for subject, name, role, unit in ACCOUNTS:
                command = ["account", "grant", subject, "--role", role, "--name", name]
                command += ["--unit", unit] if unit else []
                subprocess.run([sys.executable, "-m", "pipelines.cli", *command], cwd=ROOT, env=environment, check=True)
        start("-m", "app.server", "--port", str(port))
        for _attempt in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.5)
        yield site


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def written(name: str, shot: bytes, box: Box) -> Path:
    """The picture cut, in few colours: what is drawn on paper white needs no more."""
    image = Image.open(io.BytesIO(shot)).convert("RGB").crop(box)
    path = TARGET / f"{name}.png"
    image.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def main(names: list[str]) -> None:
    unknown = sorted(set(names) - set(PICTURES))
    if unknown:
        sys.exit(f"没有名为 {'、'.join(unknown)} 的图片；可用：{'、'.join(PICTURES)}。")
    home = Path(os.environ.get("YANPAN_HOME") or ROOT / "var")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None or not (home / "marts" / "CURRENT").exists():
        sys.exit("需要一个 Chromium 内核的浏览器，和 make run 建好的演示城市（YANPAN_HOME）。")
    TARGET.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for login in (False, True):
            wanted = [name for name in PICTURES if (not names or name in names) and (name in WITH_LOGIN) == login]
            if not wanted:
                continue
            with served(home, login=login) as site:
                for name in wanted:
                    page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="zh-CN")
                    box = PICTURES[name](Walk(page, site)) or Box()
                    page.mouse.move(2, 500)
                    path = written(name, page.screenshot(), box)
                    print(f"{path.name}  {path.stat().st_size / 1000:,.0f} KB", flush=True)
                    page.close()
        chromium.close()


if __name__ == "__main__":
    main(sys.argv[1:])
