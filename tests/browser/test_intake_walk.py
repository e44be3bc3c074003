"""An administrator with an empty home: a file in, figures out, and back again; a reload in between loses nothing."""

import io
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from tests.browser.conftest import Reader, served

pytestmark = pytest.mark.xdist_group("browser")
SAMPLES = Path(__file__).resolve().parents[2] / "data" / "sample"
FANGSHAN = SAMPLES / "hotline" / "fangshan.csv"
NAMES_OF_FILES = {"csv", "tsv", "xls", "xlsx", "zip", "geojson", "fangshan", "inbox", "watch", "UTF", "BOM"}


@pytest.fixture
def administrator(browser, tmp_path) -> Iterator[Reader]:
    home = tmp_path / "空的 home"
    home.mkdir()
    with served(home) as address:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN", accept_downloads=True)
        yield Reader(context.new_page(), address)
        context.close()


def english(reader: Reader) -> set[str]:
    return reader.english() - NAMES_OF_FILES


def test_from_an_empty_home_to_figures_and_back(administrator, tmp_path):
    reader, page = administrator, administrator.page
    uploads = tmp_path / "空的 home" / "uploads"
    reader.open("weekly")
    page.get_by_role("link", name="到「数据接入」上传文件").click()
    page.locator("h1", has_text="从这里接入第一批数据").wait_for()
    reader.settle()
    assert not english(reader)

    page.locator("input[type=file]").set_input_files(str(FANGSHAN))
    page.get_by_text(FANGSHAN.name).first.wait_for()
    page.get_by_role("button", name="检查").click()
    page.get_by_text("识别为 12345热线").wait_for()
    reader.settle()
    page.reload()  # what was checked is still there
    page.get_by_text("识别为 12345热线").wait_for()
    reader.settle()
    assert list(uploads.glob("*/*/*")) and not english(reader)

    page.locator(".st-key-import button").click()
    page.locator("h2", has_text="上次导入").wait_for()
    reader.settle()
    assert "读入 8 行 = 入库 4 + 拒收 3 + 重复 1 + 范围外 0" in page.locator(".result").inner_text()
    assert not list(uploads.iterdir()), "原文件还在"
    with page.expect_download() as download:
        page.get_by_role("button", name="下载拒收的行").click()
    book = openpyxl.load_workbook(io.BytesIO(download.value.path().read_bytes()))
    assert download.value.suggested_filename.startswith("拒收行_") and book["数据"].max_row > 1

    page.locator(".st-key-publish button").click()
    page.get_by_text("已发布版本 1").first.wait_for()
    reader.settle()
    assert page.get_by_text("数据截至").count() and not english(reader)

    page.get_by_role("tab", name="批次").click()
    page.locator("h2", has_text="批次台账").wait_for()
    reader.settle()
    page.get_by_role("button", name="撤回这个批次").click()
    page.get_by_role("dialog").get_by_role("button", name="撤回", exact=True).click()
    page.get_by_text("1 个批次已撤回，还没有发布").wait_for()
    reader.settle()
    assert page.get_by_text("还没有批次").count()
    assert not english(reader)
    reader.calm()


def test_a_past_monday_is_worked_out_and_left_again(administrator):
    reader, page = administrator, administrator.page
    reader.open("intake")
    page.locator("input[type=file]").set_input_files([str(FANGSHAN), str(SAMPLES / "grid" / "grid_event.csv")])
    page.get_by_role("button", name="检查").click()
    page.locator(".st-key-import button").click()
    page.locator(".st-key-publish button").click()
    page.get_by_text("已发布版本 1").first.wait_for()
    reader.settle()

    page.get_by_role("combobox", name="数据截至").click()
    page.get_by_role("option", name="（周一）").first.click()
    page.get_by_role("button", name="重算这一天看到的情况").click()
    page.locator("p.replayed", has_text="正在回看").wait_for()
    reader.settle()
    day = reader.query()["asof"]
    assert day in page.locator("p.replayed").inner_text()
    page.get_by_role("link", name="趋势分析").click()
    page.locator("h1", has_text="在上升吗").wait_for()
    page.locator("p.replayed", has_text=day).wait_for()
    reader.settle()
    assert reader.query()["asof"] == day
    page.get_by_role("combobox", name="数据截至").click()
    page.get_by_role("option", name="最新").click()
    page.locator("p.replayed").wait_for(state="detached")
    assert "asof" not in reader.query()
    reader.calm()
