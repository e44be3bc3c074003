"""Light and dark in a real browser: the switch holds on every page, and every page can be read by everybody (axe)."""

import os
from collections.abc import Iterator

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe

from app import palette, server
from tests.browser.conftest import Reader

pytestmark = pytest.mark.xdist_group("browser")

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NOT_OURS = {
    "svg-img-alt": "stMetric",  # the spark line of Streamlit's metric: its points have a role and no name
}
"""axe rule → where its findings are Streamlit's own and cannot be mended from here."""
AXE = Axe()
SOME = ("weekly", "hotspots", "service", "intake")
"""Together they have every kind of part; all pages in CI=true, because each takes seconds."""
PAGES = server.PAGES if os.environ.get("CI") == "true" else SOME


def background(reader: Reader) -> str:
    return reader.page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")


def as_rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5))})"


def findings(reader: Reader, rules: dict) -> list[str]:
    """Serious and critical findings of axe that are ours: rule, where, why."""
    found = AXE.run(reader.page, options={"runOnly": rules, "resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} {node['target']} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
        if not reader.page.locator(f"[data-testid={NOT_OURS.get(rule['id'], 'none')}] {node['target'][-1]}").count()
    ]


def read(reader: Reader, path: str) -> None:
    reader.page.goto(f"{reader.site}/{path}")
    reader.page.locator("h1").first.wait_for()
    reader.settle()


def test_the_switch_holds_on_every_page(reader):
    """Chosen with the keyboard; it stays for pages never opened before, and 跟随系统 gives it back to the computer."""
    read(reader, "about")
    assert background(reader) == as_rgb(palette.PAPER)
    switch = reader.page.get_by_role("group", name="界面明暗")
    dark = switch.get_by_role("button", name="深色")
    dark.focus()
    with reader.page.expect_navigation():
        reader.page.keyboard.press("Enter")
    read(reader, "trends")
    assert background(reader) == as_rgb(palette.DARK[palette.PAPER])
    assert dark.get_attribute("aria-pressed") == "true"
    figure = reader.page.locator(".js-plotly-plot").first.inner_html()
    assert as_rgb(palette.DARK[palette.INK]) in figure and as_rgb(palette.INK) not in figure
    with reader.page.expect_navigation():
        switch.get_by_role("button", name="跟随系统").click()
    reader.page.locator("h1").first.wait_for()
    assert background(reader) == as_rgb(palette.PAPER)
    reader.calm()


@pytest.mark.parametrize("width", [1440, 1152])
def test_nothing_lies_over_the_menu(reader, width):
    """Real clicks on the bar and on 办理, also on a narrow screen (125 % of a usual one)."""
    reader.page.set_viewport_size({"width": width, "height": 720})
    read(reader, "about")
    reader.page.locator("header").get_by_role("link", name="趋势分析").click()
    reader.page.wait_for_url("**/trends**")
    reader.settle()
    reader.page.locator("header").get_by_text("办理", exact=True).click()
    reader.page.get_by_text("访调诉", exact=True).click()
    reader.page.wait_for_url("**/mediation**")
    reader.calm()


@pytest.fixture(scope="module")
def visitor(browser, site) -> Iterator[Reader]:
    """One reader for all pages: the program is fetched and read once."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN", color_scheme="light")
    yield Reader(context.new_page(), site)
    context.close()


@pytest.mark.parametrize("path", PAGES)
def test_everybody_can_use_the_page(visitor, demo_home, path):
    """All rules in the light; when the computer turns dark the page follows, and the rule of contrast is asked again."""
    visitor.page.emulate_media(color_scheme="light")
    read(visitor, f"{path}?id={first_warning(demo_home)}" if path == "warning" else path)
    assert not findings(visitor, {"type": "tag", "values": RULES})
    wide = visitor.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not wide, "页面左右滚动了"
    if path != "screen":  # always dark
        visitor.page.emulate_media(color_scheme="dark")
        visitor.page.wait_for_function(
            "colour => getComputedStyle(document.querySelector('.kicker')).color === colour",
            arg=as_rgb(palette.DARK[palette.MUTED]),
        )
        visitor.settle()
        assert not findings(visitor, {"type": "rule", "values": ["color-contrast"]})
    visitor.calm()


def first_warning(home) -> str:
    with duckdb.connect(home.marts / home.current.read_text().strip(), read_only=True) as connection:
        return connection.execute("select signal_id from signal order by week_start_on desc, rank").fetchone()[0]
