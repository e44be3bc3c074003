"""Five walks through the dashboard, each with what must not happen."""

import io
import re

import matplotlib.image
import openpyxl
import pytest
from playwright.sync_api import expect
from pptx import Presentation

pytestmark = pytest.mark.xdist_group("browser")


def test_a_leader_reads_the_week(reader):
    """Figures, warnings and last week's outcome are there; on one screen without scrolling for the essentials."""
    reader.open("weekly")
    page = reader.page
    assert "这一周" in page.locator("h1").inner_text()
    assert page.get_by_test_id("stMetric").count() == 7
    for heading in ("本周预警", "各镇街本周件数", "超出预期最多的事项", "上周预警后来怎样"):
        assert page.locator("h2", has_text=heading).count() == 1
    fold = page.locator("h2", has_text="本周预警").bounding_box()
    assert fold is not None and fold["y"] < 500
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not wide, "页面左右滚动了"
    assert not reader.english()
    reader.calm()


def test_a_click_on_the_map_goes_one_level_down(reader):
    reader.open("hotspots")
    reader.page.locator("svg.ground path.place").first.wait_for()
    reader.click_map(0.5, 0.5)
    assert re.fullmatch(r"\d{6}", reader.query()["place"])
    trail = reader.page.locator(".st-key-breadcrumb")
    assert "全市" in trail.inner_text() and "›" in trail.inner_text()
    trail.get_by_role("button", name="全市").click()
    reader.settle()
    assert "place" not in reader.query()
    assert not reader.english()
    reader.calm()


def test_an_area_drawn_on_the_map_is_in_the_link_and_a_year_plays_by_itself(reader):
    reader.open("hotspots?level=town")
    page = reader.page
    page.locator("svg.ground path.place").first.wait_for()
    page.get_by_role("button", name="框选").click()
    box = page.locator("svg.ground").bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.6 * box["height"], steps=3)
    page.mouse.up()
    page.locator("h2", has_text="选中的").wait_for()
    reader.settle()
    chosen = reader.query()["places"].split(",")
    assert len(chosen) > 1 and all(re.fullmatch(r"\d{9}", code) for code in chosen)
    reader.open("hotspots?level=town&mode=play")
    slider = page.locator("input.slider")
    slider.focus()
    page.keyboard.press("Home")
    first = slider.get_attribute("aria-valuetext")
    page.get_by_role("button", name="▶ 播放").click()
    expect(slider).not_to_have_attribute("aria-valuetext", first)
    assert page.locator("[data-testid=stApp]").get_attribute("data-test-script-state") == "notRunning", "问了服务器"
    assert not reader.english()
    reader.calm()


def test_filters_survive_a_reload(reader):
    reader.open("trends")
    reader.page.get_by_role("combobox", name="来源").click()
    reader.page.get_by_role("option", name="网格").click()
    reader.page.get_by_role("radio", name="按月").or_(reader.page.get_by_role("button", name="按月")).first.click()
    reader.asks(source="grid", grain="month")  # however soon the second choice came after the first
    reader.page.reload()
    reader.page.locator("h1").first.wait_for()
    reader.asks(source="grid", grain="month")
    assert "全市 · 网格 按月" in reader.page.locator(".js-plotly-plot").first.text_content()
    assert not reader.english()
    reader.calm()


def test_a_wrong_address_leads_to_the_week_in_chinese(reader):
    reader.open("no-such-page")
    assert "没有“no-such-page”这个页面" in reader.page.locator("p.quiet").first.inner_text()
    assert not reader.page.get_by_text("Page not found").count()
    reader.page.get_by_role("link", name="趋势分析").click()
    reader.settle()
    reader.page.get_by_role("combobox", name="来源").click()
    reader.page.get_by_role("option", name="网格").click()
    reader.settle()
    reader.page.get_by_role("link", name="高频事项").click()
    reader.page.locator("h1", has_text="反映最多").wait_for()
    reader.settle()
    assert reader.query()["source"] == "grid"
    reader.calm()


def test_a_figure_can_be_taken_away(reader):
    reader.open("trends")
    files = {}
    for label in ("图片 PNG", "幻灯片 PPT", "数据 Excel"):
        button = reader.page.get_by_role("button", name=label)
        if not button.is_visible():
            reader.page.locator(".st-key-export_trend button").first.click()
        with reader.page.expect_download() as download:
            button.click()
        files[download.value.suggested_filename] = download.value.path().read_bytes()
    (png,) = [content for name, content in files.items() if name.endswith(".png")]
    (xlsx,) = [content for name, content in files.items() if name.endswith(".xlsx")]
    assert all(re.match(r"全市_全部来源_按周合计_\d{4}年", name) for name in files)
    picture = matplotlib.image.imread(io.BytesIO(png))
    assert picture.shape[1] >= 1200 and picture.std() > 0.01
    book = openpyxl.load_workbook(io.BytesIO(xlsx))
    assert book.sheetnames == ["数据", "口径"]
    assert book["数据"].max_row > 40
    (slide,) = [content for name, content in files.items() if name.endswith(".pptx")]
    assert [shape.has_chart for shape in Presentation(io.BytesIO(slide)).slides[0].shapes].count(True) == 1
    reader.calm()


def test_from_an_issue_down_to_its_items(reader):
    reader.open("issues?weeks=52")
    reader.page.locator(".st-key-pareto .bars .point path").first.click(force=True)
    reader.settle()
    assert "issue" in reader.query()
    reader.page.locator("h2", has_text="具体事项").wait_for()
    reader.settle()
    items = reader.page.locator("article.item")
    assert 0 < items.count() <= 100
    text = " ".join(items.all_inner_texts())
    assert not re.search(r"1[3-9]\d{9}|\d{17}[\dXx]", text), "事项正文里有号码"
    assert not reader.page.get_by_test_id("stElementToolbar").locator("visible=true").count(), "正文不应能整表带走"
    assert not reader.english()
    reader.calm()
