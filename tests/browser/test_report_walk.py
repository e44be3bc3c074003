"""From 本周研判 to the file of its report: the same figure, one download, one line in the export log."""

import io
import re

import openpyxl
import pytest

pytestmark = pytest.mark.xdist_group("browser")


def test_from_the_week_to_its_material(reader):
    page = reader.page
    reader.open("?week=2026-W45")
    n = page.get_by_test_id("stMetricValue").first.inner_text()
    page.get_by_role("link", name="生成本期材料").click()
    page.locator(".st-key-paper").get_by_text("2026年第45期", exact=True).wait_for()
    reader.settle()
    assert reader.query()["period"] == "2026-W45"
    assert f"登记诉求{n}件" in page.locator(".st-key-paper").inner_text()
    assert page.locator(".st-key-paper img").count() >= 2
    with page.expect_download() as download:
        page.get_by_role("button", name="Excel").click()
    name = download.value.suggested_filename
    assert name == "诉求风险研判周报_2026-W45_安澜市_领导版.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(download.value.path().read_bytes()), read_only=True)
    assert book.sheetnames[0] == "目录" and book.sheetnames[-1] == "口径"
    page.locator(".st-key-roles").get_by_text("领导", exact=True).click()
    reader.settle()
    assert not page.get_by_role("button", name=re.compile("^定稿")).count()
    page.get_by_role("tab", name="导出记录").click()
    page.get_by_test_id("stDataFrame").wait_for()
    reader.calm()
