"""Does the workbook hold the report's figures, as figures? Opened again with openpyxl."""

import datetime as dt
import html
import io
import re
import zipfile
from dataclasses import replace

import openpyxl
import polars as pl
import pytest
import shapely
from report_samples import LONG_UNIT, MONDAY, issues, report

from app.charts.breaks import sequential_classes
from app.charts.maps import locator_map
from app.charts.ranks import pareto
from app.charts.series import lines, stacked, trend
from app.exports import report_xlsx
from app.reports.model import Chart, Column, Slide, Table, Tile

FORMULA = '=HYPERLINK("http://x")'


def written(told) -> tuple[openpyxl.Workbook, dict[str, str]]:
    """The workbook and its parts as text."""
    content = report_xlsx.xlsx(told)
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        texts = {name: parts.read(name).decode() for name in parts.namelist() if name.endswith((".xml", ".rels"))}
    return openpyxl.load_workbook(io.BytesIO(content)), texts


@pytest.fixture(scope="module")
def sample() -> openpyxl.Workbook:
    return written(report())[0]


def rows(book: openpyxl.Workbook, name: str) -> list[tuple]:
    """Head and rows of a sheet, below title and note."""
    return list(book[name].iter_rows(min_row=report_xlsx.TOP + 1, values_only=True))


def test_sheets_hold_each_figure_once_and_contents_lead_to_them(sample):
    names = sample.sheetnames
    assert names[:2] == ["目录", "概览"] and names[-1] == "口径"
    assert sorted(names[2:-1]) == sorted(
        ["高频事项", "承办单位办理情况", "上周预警跟踪", "图·近13周诉求件数", "图·各县区诉求件数"]
    )
    contents = sample["目录"]
    links = {cell.value: cell.hyperlink.location for cell in contents["A"] if cell.hyperlink}
    assert links == {name: f"'{name}'!A1" for name in names[1:]}
    said = [cell.value for row in contents.iter_rows() for cell in row]
    for text in ("诉求风险研判周报", "2026年第46期", report().period_name, "领导版", "1a2b3c4d", report().mark):
        assert text in said


def test_headline_figures_are_numbers(sample):
    head, *found = rows(sample, "概览")
    assert head == ("指标", "数值", "单位", "比较", "比较")
    assert found[0] == ("诉求总量", 540, "件", "环比 +16.9%", "同比 +3.1%") and found[4][1] == 11
    told = replace(
        report(),
        slides=[
            Slide("x", [Tile("按期办结率", "95.3%"), Tile("平均", "2.5 天"), Tile("变化", "−2.0%"), Tile("无", "—")])
        ],
    )
    sheet = written(told)[0]["概览"]
    assert [cell.value for cell in sheet["B"][3:]] == [0.953, 2.5, -0.02, "—"]
    assert [cell.number_format for cell in sheet["B"][3:6]] == ["0.0%", "#,##0.0", "0.0%"]


def test_cells_have_the_type_of_their_column(sample):
    assert rows(sample, "高频事项") == [
        ("事项", "本周", "上周", "环比"),
        ("供暖不热", 132, 40, 2.3),
        (FORMULA, 96, 101, -0.0495),
        ("拖欠工资<b>&", 60, 55, 0.0909),
        ("物业服务", "<5", 12, None),
    ]
    sheet = sample["高频事项"]
    assert sheet["D4"].number_format.startswith("+0.0%") and sheet["B4"].number_format == "#,##0"
    assert sample["承办单位办理情况"]["D4"].number_format == "0.0%" and sample["承办单位办理情况"]["D5"].value is None
    course = rows(sample, "图·近13周诉求件数")
    assert course[0][:5] == ("起始日期", "件数", "预期件数", "预期上限", "是否报警")
    assert course[-1][:2] == (dt.datetime(2026, 11, 9), 540) and course[-1][4] == "是"
    assert sample["图·近13周诉求件数"]["A4"].number_format == "yyyy-mm-dd"
    assert rows(sample, "上周预警跟踪") == [("承办单位", "到期", "按期办结", "按期办结率")]
    assert sample["上周预警跟踪"]["A2"].value == "本期没有。 上周没有预警。"


def test_sheets_are_ready_to_read_and_to_print(sample):
    for sheet in sample:
        setup = sheet.page_setup
        assert (
            setup.orientation == "landscape" and setup.paperSize == 9 and sheet.sheet_properties.pageSetUpPr.fitToPage
        )
        assert setup.fitToWidth in (None, 1) and "诉求风险研判周报" in sheet.oddHeader.left.text
        assert sheet.oddHeader.right.text.strip() == report().mark and "&P" in sheet.oddFooter.right.text.replace(
            "&[Page]", "&P"
        )
    units = sample["承办单位办理情况"]
    assert units.freeze_panes == "A4" and units.auto_filter.ref == "A3:D5" and units.print_title_rows == "$3:$3"
    assert units["A4"].alignment.wrap_text and units.row_dimensions[4].height > 30, f"two lines: {LONG_UNIT}"
    assert units["A4"].font.name == "微软雅黑"


def make_charts() -> list[Chart]:
    few = pl.DataFrame({"label": ["甲", FORMULA, "丙"], "n_events": [60, 30, 10]})
    parts = pl.DataFrame(
        {"label": ["10月"] * 2 + ["11月"] * 2, "series_name": ["信访", FORMULA] * 2, "n_events": [1, 4, 2, 6]}
    )
    weeks = [MONDAY - dt.timedelta(weeks=k) for k in range(3, -1, -1)]
    long = pl.DataFrame([(day, name, k) for name in ("甲", FORMULA) for k, day in enumerate(weeks)],
        schema=["period_start_on", "series_name", "n_events"], orient="row")  # fmt: skip
    return [
        Chart("pareto", FORMULA, pareto(few, title=""), few),
        Chart("stacked", "来源构成", stacked(parts, title=""), parts),
        Chart("lines", "对比", lines(long, title=""), long),
    ]


def test_charts_are_native_and_stand_beside_their_figures():
    book, parts = written(replace(report(), blocks=[*report().blocks, *make_charts()]))
    drawn = {name: text for name, text in parts.items() if name.startswith("xl/charts/chart")}
    assert len(drawn) == 5
    by_title = {html.unescape(re.search(r"<a:t>([^<]*)</a:t>", text)[1]).strip(): text for text in drawn.values()}
    course = by_title["近13周诉求件数"]
    assert "<c:areaChart>" in course and '<c:grouping val="stacked"/>' in course and "<c:lineChart>" in course
    assert "'图·近13周诉求件数'!$B$4:$B$16" in course, "the line is drawn from the table itself"
    assert "<c:dateAx>" in course and '<c:symbol val="triangle"/>' in course
    assert '<c:barDir val="bar"/>' in by_title["各县区诉求件数"]
    cumulated = by_title[FORMULA]
    assert '<c:barDir val="col"/>' in cumulated and "<c:lineChart>" in cumulated and '<c:max val="1"/>' in cumulated
    assert '<c:grouping val="stacked"/>' in by_title["来源构成"]
    references = [html.unescape(said) for said in re.findall(r"<c:f>(.*?)</c:f>", "".join(drawn.values()))]
    assert references and all(re.fullmatch(r"('[^']+'|\w+)!(\$[A-Z]+\$\d+:?){2}", said) for said in references)
    sheet = book["图·来源构成"]
    beside = [[cell.value for cell in row if cell.value is not None] for row in sheet.iter_rows(min_row=3, min_col=5)]
    assert [row for row in beside if row] == [["名称", "信访", FORMULA], ["10月", 1, 4], ["11月", 2, 6]]
    assert sheet.print_area.startswith("'图·来源构成'!$A$1:$O$") and sheet["Q3"].value == "名称", (
        "helpers are not printed"
    )


def test_a_hidden_count_is_a_gap_in_the_chart():
    """Its mark is text; a chart would draw it as zero."""
    weeks = [MONDAY - dt.timedelta(weeks=k) for k in range(2, -1, -1)]
    frame = pl.DataFrame({"period_start_on": weeks, "n_events": [9, None, 7], "n_events__mark": [None, "<5", None]})
    told = replace(report(), blocks=[Chart("hidden", "走势", trend(frame, title=""), frame)], sheets=[], slides=[])
    book, parts = written(told)
    assert [row[1] for row in rows(book, "图·走势")] == ["件数", 9, "<5", 7]
    drawn = next(text for name, text in parts.items() if name.startswith("xl/charts/chart"))
    column = re.search(r"<c:val><c:numRef><c:f>'图·走势'!\$([A-Z]+)\$4", drawn)[1]
    assert column != "B" and [book["图·走势"][f"{column}{row}"].value for row in (3, 4, 5, 6)] == ["实际", 9, None, 7]


def test_band_is_the_room_between_expected_and_upper(sample):
    sheet = sample["图·近13周诉求件数"]
    column = next(cell.column for cell in sheet[3] if cell.value == report_xlsx.BAND)
    assert [sheet.cell(row, column).value for row in (4, 16)] == [455 - 412, 481 - 436]


def test_a_map_is_a_picture():
    square = shapely.to_geojson(shapely.box(123, 29, 123.1, 29.1, ccw=True))
    frame = pl.DataFrame(
        {"place_code": ["01"], "place_name": ["云溪区"], "value": [12], "lon": [123.05], "lat": [29.05]}
    )
    classes = sequential_classes([12])
    figure = locator_map(frame, {"01": square}, title="", classes=classes, measure_label="件数（件）")
    told = replace(report(), blocks=[Chart("map", "热点", figure, frame)], sheets=[])
    book, parts = written(told)
    assert len(book["图·热点"]._images) == 1 and 'descr="热点"' in "".join(parts.values())


def test_nothing_is_a_formula_and_no_link_leaves_the_workbook():
    table = Table(
        "t",
        FORMULA,
        pl.DataFrame({"name": [FORMULA, "+1", "-1", "@SUM(A1)", "http://x"]}),
        [Column("name", label=FORMULA)],
        note=FORMULA,
    )
    told = replace(report(mark="A&B"), title=FORMULA, office=FORMULA, number=FORMULA, notes=[FORMULA], sheets=[table],
        blocks=[table, *make_charts()], slides=[Slide("x", [Tile(FORMULA, FORMULA, [FORMULA])])])  # fmt: skip
    book, parts = written(told)
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)
    assert [row[0] for row in rows(book, re.sub(r"[/:]", " ", FORMULA)[:31])][:2] == [FORMULA, FORMULA]
    sheets = "".join(text for name, text in parts.items() if name.startswith("xl/worksheets"))
    assert "<f>" not in sheets and 'TargetMode="External"' not in "".join(parts.values())
    assert "A&amp;&amp;B" in sheets, "a sign of the header's own code is doubled"


def test_sheet_names_are_what_excel_allows():
    titles = ["口径", "一" * 40, "一" * 40, "a/b:c*d?[e]\\f'", "A b c d  e  f", "", "History", "目录"]
    names = report_xlsx._names(titles)
    assert len({name.lower() for name in (*names, "目录", "概览", "口径")}) == len(titles) + 3
    assert all(0 < len(name) <= 31 and not re.search(r"[\[\]:*?/\\']", name) for name in names)
    told = replace(report(), sheets=[replace(issues(), key=f"k{n}", title=title) for n, title in enumerate(titles)])
    assert set(names) <= set(written(told)[0].sheetnames)


def test_reconciliation_says_what_does_not_add_up():
    frame = pl.DataFrame({"check_name": ["周加总等于月"] * 2, "n_difference": [0, -1], "is_ok": [True, False]})
    columns = [
        Column("check_name", label="校验"),
        Column("n_difference", "number", "相差"),
        Column("is_ok", label="结果"),
    ]
    table = Table("reconciliation", "勾稽校验", frame, columns)
    book, _ = written(replace(report(), sheets=[table, *report().sheets]))
    assert book.sheetnames[-2:] == ["勾稽", "口径"]
    assert rows(book, "勾稽")[1:] == [("周加总等于月", 0, "✓"), ("周加总等于月", -1, "✕")]
    rules = [rule for found in book["勾稽"].conditional_formatting for rule in found.rules]
    assert sorted((rule.operator, rule.text) for rule in rules) == [("beginsWith", "✓"), ("beginsWith", "✕")]


def test_notes_say_all_of_it(sample):
    said = [cell.value for cell in sample["口径"]["A"]]
    assert set(report().notes) <= set(said) and "承办单位办理情况：样本不足 20 件不算率、不排名。" in said


def test_same_report_same_bytes():
    assert report_xlsx.xlsx(report()) == report_xlsx.xlsx(report())
