"""From a pushed link to 销号: three roles, each in a browser of its own, one warning."""

import re

import duckdb
import pytest

from app import palette
from tests.browser.conftest import Reader, served

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def office(demo_home, tmp_path_factory):
    """A dashboard over the demo city with a state of its own; and a warning of the newest week with its unit."""
    state = tmp_path_factory.mktemp("办理") / "state.sqlite"
    with duckdb.connect(demo_home.marts / demo_home.current.read_text().strip(), read_only=True) as connection:
        signal_id, unit = connection.execute(
            "select signal_id, responsible_unit from signal where responsible_unit is not null "
            "order by week_start_on desc, rank limit 1"
        ).fetchall()[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YANPAN_STATE", f"sqlite:///{state}")
        with served(demo_home.path) as site:
            yield site, signal_id, unit


def arrive(browser, site: str, signal_id: str, role: str, unit: str | None = None) -> Reader:
    """Somebody follows the link and says who it is."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    reader = Reader(context.new_page(), site)
    reader.open(f"warning?id={signal_id}")
    reader.page.locator(".st-key-roles").get_by_text(role, exact=True).click()
    reader.settle()
    if unit:
        choose(reader, "哪个单位", unit)
    return reader


def choose(reader: Reader, label: str, option: str) -> None:
    reader.page.get_by_role("combobox", name=label).click()
    reader.page.get_by_role("combobox", name=label).fill(option)
    reader.page.get_by_role("option", name=option, exact=True).click()
    reader.settle()


def fill(reader: Reader, action: str, note: str = "", **choices: str) -> None:
    """The form of one step, up to its button."""
    reader.page.get_by_test_id("stButtonGroup").get_by_text(action, exact=True).click()
    reader.page.get_by_role("button", name=f"确认{action}").wait_for()
    reader.settle()
    for label, option in choices.items():
        choose(reader, label, option)
    if note:
        reader.page.get_by_role("textbox").fill(note)


def confirm(reader: Reader, action: str) -> str:
    """Take the step; what the page then says above the panel."""
    reader.page.get_by_role("button", name=f"确认{action}").click()
    reader.settle()
    return " ".join(reader.page.locator("p.quiet").all_inner_texts())


def act(reader: Reader, action: str, note: str = "", **choices: str) -> str:
    fill(reader, action, note, **choices)
    return confirm(reader, action)


def test_from_a_pushed_link_to_its_end_by_three_roles(browser, office):
    site, signal_id, unit = office
    centre = arrive(browser, site, signal_id, "研判中心")
    assert "已推送" in act(centre, "推送", note="请核实成因")  # the unit proposed is taken

    clerk = arrive(browser, site, signal_id, "承办单位", unit)
    assert "已签收" in act(clerk, "签收")
    assert "须填写采取的措施" in act(clerk, "登记处置")
    assert "已登记处置" in act(clerk, "登记处置", note="已抢修，联系人电话13812345678")
    assert "已提交反馈" in act(clerk, "提交反馈", note="已恢复")

    leader = arrive(browser, site, signal_id, "领导")
    assert "已写批示" in act(leader, "写批示", note="请核实后销号")
    assert not leader.page.get_by_text("确认销号").count(), "领导不销号"

    late = arrive(browser, site, signal_id, "研判中心")
    centre.page.reload()
    centre.page.locator(".st-key-roles").get_by_text("研判中心", exact=True).click()
    for window in (centre, late):  # two at once: both have the form before them
        fill(window, "销号", note="抽查属实", 核实下来="属实")
    assert "已销号" in confirm(centre, "销号")
    assert "已由研判中心销号" in confirm(late, "销号")
    history = late.page.locator("ol.steps").inner_text()
    assert history.count("（属实）") == 1, "两次销号只应记一次"
    assert not re.search(r"1[3-9]\d{9}", history), "办理记录里有电话"
    for reader in (centre, clerk, leader, late):
        assert reader.english() <= set(re.findall("[A-Za-z]{3,}", signal_id))
        reader.calm()
        reader.page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_waits_for_the_reader_looks_like_the_link_it_is(browser, office, scheme):
    site, _, _ = office
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN", color_scheme=scheme)
    reader = Reader(context.new_page(), site)
    reader.open("warnings")
    reader.page.locator(".st-key-roles").get_by_text("研判中心", exact=True).click()
    reader.settle()
    link = reader.page.locator(".st-key-for_you a").first
    said = link.locator("p").last.evaluate("p => [getComputedStyle(p).textDecorationLine, getComputedStyle(p).color]")
    accent = palette.ACCENT if scheme == "light" else palette.DARK[palette.ACCENT]
    assert said == ["underline", f"rgb({', '.join(str(int(accent[k : k + 2], 16)) for k in (1, 3, 5))})"]
    link.click()
    reader.page.wait_for_url("**/warning?id=*")
    reader.settle()
    reader.calm()
    context.close()
