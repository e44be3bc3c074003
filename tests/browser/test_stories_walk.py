"""The three stories in a real browser: a leader reads the week, an analyst finds and shares why, staff take it away."""

import io
import re

import matplotlib.image
import openpyxl
import pytest
from pptx import Presentation

from tests.browser.conftest import Reader

pytestmark = pytest.mark.xdist_group("browser")


def test_a_leader_reads_the_week_and_goes_where_the_answer_is(reader):
    reader.open("weekly")
    page = reader.page
    assert page.locator("p.brief").inner_text().endswith("。")
    stories = page.locator("details.story")
    last = stories.last.bounding_box()
    assert 0 < stories.count() <= 5 and last is not None and last["y"] + last["height"] < 900, "on the first screen"
    first = stories.first
    spoken = first.locator("p").first
    assert not spoken.is_visible()
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    assert "本周" in spoken.inner_text() or "近 4 周" in spoken.inner_text()
    place = first.locator(".what").inner_text().split()[0]
    page.locator("[class*=st-key-warning_1]").get_by_role("link", name="地图").click()
    page.locator("h1", has_text="最集中").wait_for()
    reader.settle()
    assert reader.query()["week"] == "2026-W46" and "place" in reader.query()
    page.go_back()
    page.locator("h1", has_text="哪些事该先定").wait_for()
    reader.settle()
    page.locator("[class*=st-key-warning_1]").get_by_role("link", name="详情").click()
    page.locator("h1", has_text="凭什么报").wait_for()
    reader.settle()
    assert place in page.locator("h2").first.inner_text()
    assert not reader.english()
    reader.calm()


def test_an_analyst_finds_what_is_behind_a_rise_and_shares_it(reader, browser, site):
    """From a comparison to an issue, to the items of a place; filters taken off one by one; the link shows the same page."""
    reader.open("compare?weeks=13")
    page = reader.page
    marks = page.locator(".st-key-compare_mix .scatterlayer .trace").last.locator(".points path")
    marks.first.click(force=True)
    reader.settle()
    issue = reader.query()["issue"]
    assert page.get_by_role("button", name=re.compile("^事项：")).count() == 1
    county = reader.query()["one"]
    page.locator(".st-key-compare_links").get_by_role("link").first.click()
    page.locator("h1").first.wait_for()
    reader.settle()
    here = reader.query()
    assert {here["issue"], here["county"], here["weeks"]} == {issue, county, "13"}
    drop = page.get_by_role("button", name=re.compile("^县区："))
    drop.focus()
    page.keyboard.press("Enter")
    reader.settle()
    assert "county" not in reader.query() and reader.query()["issue"] == issue
    page.go_back()
    page.wait_for_url(re.compile("county="))
    reader.settle()
    assert page.get_by_role("button", name=re.compile("^县区：")).count() == 1, "back is back"
    page.get_by_role("button", name="收藏").click()
    link = page.locator("[data-testid=stPopoverBody] code")
    link.wait_for()
    shared = link.inner_text()
    other = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    colleague = Reader(other.new_page(), site)
    colleague.page.goto(shared)
    colleague.page.locator("h1").first.wait_for()
    colleague.settle()
    assert colleague.query() == reader.query()
    assert colleague.page.locator("h1").first.inner_text() == page.locator("h1").first.inner_text()
    assert colleague.page.locator("h2").first.inner_text() == page.locator("h2").first.inner_text()
    colleague.calm()
    other.close()
    reader.calm()


def test_a_page_is_kept_and_found_again(reader):
    reader.open("trends?source=grid")
    page = reader.page
    page.get_by_role("button", name="收藏").click()
    page.get_by_role("textbox", name="把本页和筛选收藏为").fill("网格走势")
    page.keyboard.press("Tab")
    reader.settle()
    page.get_by_role("button", name="收藏本页").click()
    kept = page.locator("[data-testid=stPopoverBody]").get_by_role("link", name="网格走势")
    kept.wait_for()
    reader.open("issues")
    page.get_by_role("button", name="收藏").click()
    kept.click()
    page.locator("h1", has_text="上升").wait_for()
    reader.settle()
    assert reader.query()["source"] == "grid" and reader.query()["week"] == "2026-W46", "the newest week"
    assert not reader.english() - {"http", "trends", "source", "grid", "week", "county"}
    reader.calm()


def test_staff_take_away_what_they_see(reader):
    reader.open("compare?weeks=13")
    page, files = reader.page, {}
    for label in ("图片 PNG", "幻灯片 PPT", "数据 Excel"):
        button = page.get_by_role("button", name=label)
        if not button.is_visible():
            page.locator(".st-key-export_compare_mix button").first.click()
        with page.expect_download() as download:
            button.click()
        name = download.value.suggested_filename
        files[name.rsplit(".", 1)[1]] = (name, download.value.path().read_bytes())
    assert all(name.startswith("对比") and "2026年" in name for name, _ in files.values())
    picture = matplotlib.image.imread(io.BytesIO(files["png"][1]))
    assert picture.shape[1] >= 1200 and picture.std() > 0.01
    head, *rows = openpyxl.load_workbook(io.BytesIO(files["xlsx"][1]))["数据"].iter_rows(values_only=True)
    assert {"事项", "相差", "判断"} <= set(head) and len(rows) > 20
    slide = Presentation(io.BytesIO(files["pptx"][1])).slides[0]
    (chart,) = [shape.chart for shape in slide.shapes if shape.has_chart]
    names = list(chart.plots[0].categories)
    on_screen = page.locator(".st-key-compare_mix").text_content()
    assert names and all(name[:6] in on_screen for name in names)
    assert {row[head.index("事项")] for row in rows} >= set(names)
    reader.calm()
