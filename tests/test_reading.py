"""What is in a file, whatever it calls itself: kinds, sheets, cells, archives, and limits that end in a sentence."""

import csv
import gzip
import io
import random
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from pipelines import warehouse
from pipelines.config import ROOT
from pipelines.errors import SourceError
from pipelines.ingest import ingest, recognise_file
from pipelines.sources import parsing, reading
from pipelines.sources.reading import archive, facts, headers, text, workbook

HEADER = ["工单编号", "工单标题", "工单内容", "推送时间", "承办单位", "问题分类", "问题点位", "工单状态", "办结时间"]
TODAY = date(2024, 2, 1)


def order(number: object = "A1", **cells) -> list:
    """One row of hotline/short."""
    row = {"title": "标题", "text": "内容", "at": "2024-01-05 08:00:00", "unit": "某局", "category": "城乡建设>供热"}
    row |= {"place": "安澜市云溪区和平街道", "status": "办理中", "closed": ""} | cells
    return [number, *row.values()]


def as_csv(*rows: list, delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([HEADER, *rows])
    return out.getvalue()


def as_html(*rows: list, head: str = "") -> str:
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in [HEADER, *rows]]
    return (
        f"<html><head>{head}</head><body><table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table></body></html>"
    )


def as_xml(*rows: list, before: str = "", sheets: str = "") -> str:
    """What Excel 2003 saves as an XML spreadsheet; a cell may be given as XML of its own."""

    def cell(said: object) -> str:
        if isinstance(said, str) and said.startswith("<"):
            return said
        return f'<Cell><Data ss:Type="String">{said}</Data></Cell>'

    lines = "".join(f"<Row>{''.join(map(cell, row))}</Row>" for row in [HEADER, *rows])
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<?mso-application progid="Excel.Sheet"?>\n'
        '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:x="urn:schemas-microsoft-com:office:excel"'
        ' xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">'
        f'{sheets}<Worksheet ss:Name="数据"><Table>{before}{lines}</Table></Worksheet></Workbook>'
    )


def as_workbook(*rows: list, book: openpyxl.Workbook | None = None) -> bytes:
    book = book or openpyxl.Workbook()
    sheet = book.active
    for row in [HEADER, *rows]:
        sheet.append(row)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def as_biff(folder: Path, content: bytes) -> Path:
    """A true .xls (BIFF8), by LibreOffice."""
    soffice = shutil.which("soffice") or shutil.which("libreoffice")
    if soffice is None:
        pytest.skip("本机没有 LibreOffice（soffice），无法生成真正的 .xls")
    source = written(folder / "biff.xlsx", content)
    command = [soffice, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--convert-to"]
    done = subprocess.run(
        [*command, "xls:MS Excel 97", "--outdir", folder, source], capture_output=True, check=False, timeout=600
    )
    assert (folder / "biff.xls").exists(), done.stderr.decode(errors="replace")
    return folder / "biff.xls"


def rows_of(source: Path) -> pl.DataFrame:
    plan = recognise_file(source)
    return pl.concat([rows for table in plan.tables for rows, _ in reading.read(table, list(plan.wanted))])


def notes_of(source: Path) -> str:
    plan = recognise_file(source)
    for table in plan.tables:
        for _ in reading.read(table, list(plan.wanted)):
            pass
    return "".join(plan.tables[0].facts.notes)


# --- kinds of files ----------------------------------------------------------------------------------------------


KINDS = {
    "csv": lambda: as_csv(order(), order("A2")).encode(),
    "tsv": lambda: as_csv(order(), order("A2"), delimiter="\t").encode("gb18030"),
    "utf-16": lambda: as_csv(order(), order("A2"), delimiter="\t").encode("utf-16"),
    "gz": lambda: gzip.compress(as_csv(order(), order("A2")).encode()),
    "xlsx": lambda: as_workbook(order(), order("A2")),
    "html": lambda: as_html(order(), order("A2")).encode(),
    "xml": lambda: as_xml(order(), order("A2")).encode(),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a.xls", "a.csv", "a.xlsx", "无后缀"])
def test_the_content_decides_whatever_the_name(tmp_path, kind, name):
    frame = rows_of(written(tmp_path / name, KINDS[kind]()))
    assert frame["工单编号"].to_list() == ["A1", "A2"]
    assert frame["承办单位"].to_list() == ["某局", "某局"]
    assert frame["source_row"].to_list() == [2, 3]


def test_a_true_xls(tmp_path):
    book = openpyxl.Workbook()
    hidden = book.create_sheet("底稿")
    hidden.sheet_state = "hidden"
    hidden.append(["草稿"])
    at = datetime(2024, 1, 5, 8, 3, 2)
    path = as_biff(tmp_path, as_workbook(order(at=at), order("=1+1", at=45296.5), order(990101202401234567), book=book))
    assert path.read_bytes()[:4] == b"\xd0\xcf\x11\xe0"
    assert reading.inspect(path).kind == "xls"
    frame = rows_of(path)
    assert frame["工单编号"].to_list() == ["A1", "2", "9.90101202401235E+17"]
    assert parsing.parse_time(frame["推送时间"]).to_list()[:2] == [at, datetime(2024, 1, 5, 12)]
    assert "隐藏的工作表“底稿”" in notes_of(path)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_utf16_with_and_without_a_bom(tmp_path, encoding, bom):
    path = written(tmp_path / "a.csv", (bom + as_csv(order(), order("A2"))).encode(encoding))
    assert reading.inspect(path).encoding == encoding
    assert rows_of(path)["工单编号"].to_list() == ["A1", "A2"]


@pytest.mark.parametrize("content", [b"\x00\x01\x00\x02" * 2000, b"a\x00" + bytes(range(256)) * 20, bytes(4096)])
def test_bytes_with_zeros_that_are_no_utf16(tmp_path, content):
    with pytest.raises(SourceError, match=r"二进制内容|空文件"):
        reading.inspect(written(tmp_path / "a.csv", content))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("suffix", [".csv", ".xls", ".xlsx", ".zip", ".csv.gz"])
def test_rubbish_is_refused_in_one_sentence(tmp_path, seed, suffix):
    draw = random.Random(seed)
    start = draw.choice(
        [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x1f\x8b\x08\x00", b"<html>", b"\xff\xfe"]
    )
    with pytest.raises(SourceError) as caught:
        recognise_file(written(tmp_path / f"a{suffix}", start + draw.randbytes(20_000)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("csv", "tsv", "utf-16")])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.97])
def test_a_file_cut_short_is_refused(tmp_path, kind, share):
    many = [order(f"A{n}", text=f"内容{n * 7919}") for n in range(400)]
    whole = {
        "gz": lambda: gzip.compress(as_csv(*many).encode()),
        "xlsx": lambda: as_workbook(*many),
        "html": lambda: as_html(*many).encode(),
        "xml": lambda: as_xml(*many).encode(),
    }[kind]()
    path = written(tmp_path / f"a.{kind}", whole[: int(len(whole) * share)])
    with pytest.raises(SourceError, match=r"不完整|损坏"):
        rows_of(path)


def test_other_office_files_and_single_file_pages_are_told_apart(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as parts:
        parts.writestr("[Content_Types].xml", "<Types/>")
        parts.writestr("word/document.xml", "<document/>")
    with pytest.raises(SourceError, match=r"不是 Excel 工作簿的办公文件"):
        reading.inspect(written(tmp_path / "a.xlsx", content.getvalue()))
    with pytest.raises(SourceError, match=r"单个网页文件.*另存为"):
        reading.inspect(written(tmp_path / "a.xls", "MIME-Version: 1.0\nContent-Type: multipart/related\n\n<html>"))
    with pytest.raises(SourceError, match=r"XML.*另存为"):
        reading.inspect(written(tmp_path / "a.xls", '<?xml version="1.0"?><rss><item>1</item></rss>'))


# --- sheets and headers ------------------------------------------------------------------------------------------


def test_a_header_of_two_lines_becomes_one():
    rows = [
        ["安澜市工单", "", "", "", ""],
        ["编号", "登记", "", "承办单位", "办理"],
        ["", "登记部门", "时间", "", "时间"],
        ["A1", "某局", "2024-01-05", "某局", "2024-01-06"],
    ]
    assert headers.combined(rows)[2] == ["编号", "登记部门", "登记时间", "承办单位", "办理时间"]
    assert headers.combined(rows)[3] == rows[3]


@pytest.mark.parametrize(
    "rows",
    [
        [["编号", "标题", "", "内容"], ["A1", "路灯", "", "不亮"]],  # a column without a name
        [["编号", "备注", "备注"], ["甲", "乙", "丙"]],  # a name given twice
        [["编号", "登记", ""], ["A1", "某局", "2024-01-05"]],
        [["安澜市工单列表", "", ""], ["编号", "标题", "内容"], ["甲", "乙", "丙"]],
        [["编号", "标题", "内容"], ["", "", ""], ["甲", "", "丙"]],
    ],
)
def test_a_header_and_its_first_row_are_not_two_lines_of_a_header(rows):
    assert headers.combined(rows) == rows


def two_line_header(sheet) -> None:
    sheet.append(["安澜市工单列表"])
    sheet.append(["工单编号", "反映", "", "推送时间", "承办单位", "问题分类", "办理", "", "问题点位"])
    sheet.append(["", "工单标题", "工单内容", "", "", "", "工单状态", "办结时间", ""])
    for merged in ("A1:I1", "A2:A3", "B2:C2", "D2:D3", "E2:E3", "F2:F3", "G2:H2", "I2:I3"):
        sheet.merge_cells(merged)
    sheet.append(["A1", "标题", "内容", datetime(2024, 1, 5, 8), "某局", "城乡建设>供热", "办理中", None, "云溪区"])


def test_a_merged_header_of_two_lines_is_recognised(tmp_path):
    book = openpyxl.Workbook()
    two_line_header(book.active)
    path = written(tmp_path / "a.xlsx", saved(book))
    frame = rows_of(path)
    assert recognise_file(path).layout_name == "short"
    assert frame.select("工单编号", "工单内容", "工单状态", "问题点位", "source_row").rows() == [
        ("A1", "内容", "办理中", "云溪区", 4)
    ]


def test_a_merged_header_of_a_page_is_recognised(tmp_path):
    page = """<table><tr><th colspan=9>安澜市工单列表<tr>
      <th rowspan=2>工单编号<th colspan=2>反映<th rowspan=2>推送时间<th rowspan=2>承办单位<th rowspan=2>问题分类
      <th colspan=2>办理<th rowspan=2>问题点位
      <tr><th>工单标题<th>工单内容<th>工单状态<th>办结时间
      <tr><td>A1<td>标题<td>内&nbsp;容<br>第二行<td>2024-01-05<td rowspan=2>某局<td>城乡建设&gt;供热<td>办理中<td><td>云溪区
      <tr><td>A2<td>标题<td>内容<td>2024-01-06<td>城乡建设&gt;供热<td colspan="2">办理中<td>云溪区</table>"""
    frame = rows_of(written(tmp_path / "a.xls", page))
    assert frame.select("工单编号", "工单内容", "承办单位", "问题点位", "source_row").rows() == [
        ("A1", "内 容\n第二行", "某局", "云溪区", 4),
        ("A2", "内容", "某局", "云溪区", 5),
    ]


def test_parts_of_a_table_on_several_sheets_and_tables_are_read_together(tmp_path):
    book = openpyxl.Workbook()
    for number in (1, 2, 3):
        sheet = book.create_sheet(f"工单({number})")
        for row in ([["第几部分"]] if number == 2 else []) + [HEADER, order(f"A{number}")]:
            sheet.append(row)
    path = written(tmp_path / "a.xlsx", saved(book))
    assert rows_of(path).select("工单编号", "source_row").rows() == [("A1", 2), ("A2", 3), ("A3", 2)]
    page = "<p>导出</p><table><tr><td>查询条件</table>" + as_html(order("A1")) + as_html(order("A2"))
    assert rows_of(written(tmp_path / "a.xls", page))["工单编号"].to_list() == ["A1", "A2"]
    nested = f"<table><tr><td>菜单</td><td>{as_html(order('A1'))}</td></tr></table>"
    assert rows_of(written(tmp_path / "b.xls", nested))["工单编号"].to_list() == ["A1"]


def test_a_sheet_with_another_header_is_said_to_be_left_out(tmp_path):
    book = openpyxl.Workbook()
    other = book.create_sheet("承办单位名录")
    for row in (["单位", "电话", "地址"], ["某局", "略", "略"]):
        other.append(row)
    book.create_sheet("空白")
    path = written(tmp_path / "a.xlsx", as_workbook(order(), book=book))
    assert notes_of(path) == "“承办单位名录”的表头与“Sheet”不同，没有读取。"


def test_blank_formatted_rows_cost_nothing(tmp_path, empty_home):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (HEADER, order()):
        sheet.append(row)
    for number in range(3, 65_537):
        sheet.cell(number, 1).number_format = "@"
    batch = ingest([written(tmp_path / "a.xlsx", saved(book))], empty_home, today=TODAY)[0]
    assert (batch["n_read"], batch["n_loaded"]) == (1, 1)


# --- cells -------------------------------------------------------------------------------------------------------


def test_a_workbook_that_counts_from_1904(tmp_path):
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    at = datetime(2024, 1, 5, 8)
    path = written(
        tmp_path / "a.xlsx", as_workbook(order(at=at), order("A2", at=45296.5 - 1462, text="45296"), book=book)
    )
    frame = rows_of(path)
    assert parsing.parse_time(frame["推送时间"]).to_list() == [at, datetime(2024, 1, 5, 12)]
    assert frame["工单内容"].to_list() == ["内容", "45296"]


def test_dates_as_cells_texts_and_days_in_one_column(tmp_path):
    at = datetime(2024, 1, 5, 7, 20)
    said = [
        at,
        "2024-01-05 07:20:00",
        "2024年1月5日7时20分",
        "２０２４/1/5 7:20",
        45296 + (7 * 60 + 20) / 1440,
        date(2024, 1, 5),
    ]
    rows = [order(f"A{n}", at=one) for n, one in enumerate(said)]
    times = parsing.parse_time(rows_of(written(tmp_path / "a.xlsx", as_workbook(*rows)))["推送时间"])
    assert times.to_list() == [at] * 5 + [datetime(2024, 1, 5)]


def test_formulas_are_their_stored_value_or_nothing(tmp_path):
    path = written(tmp_path / "a.xlsx", as_workbook(order(text="=1+1", unit="#REF!"), order("A2")))
    with zipfile.ZipFile(path) as parts:
        contents = {name: parts.read(name) for name in parts.namelist()}
    sheet = contents["xl/worksheets/sheet1.xml"]
    assert sheet.count(b"<f>1+1</f><v />") + sheet.count(b"<f>1+1</f><v></v>") + sheet.count(b"<f>1+1</f><v/>") == 1
    assert rows_of(path)["工单内容"].to_list() == [None, "内容"]
    assert rows_of(path)["承办单位"].to_list() == [None, "某局"]
    assert "1 个公式单元格没有保存计算结果" in notes_of(path)
    assert "1 个单元格是公式错误值" in notes_of(path)
    contents["xl/worksheets/sheet1.xml"] = sheet.replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>").replace(
        b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>"
    )
    with zipfile.ZipFile(path, "w") as parts:
        for name, content in contents.items():
            parts.writestr(name, content)
    assert rows_of(path)["工单内容"].to_list() == ["2", "内容"]
    assert "没有保存计算结果" not in notes_of(path)


@pytest.mark.parametrize("kind", ["xlsx", "xml"])
def test_long_numbers_that_are_not_text_are_refused_with_the_reason(tmp_path, empty_home, kind):
    numbers = [990101202401234567 + n for n in range(3)]
    if kind == "xlsx":
        content = as_workbook(*[order(n) for n in numbers], order("990101202401234999"), order(123456789012345))
    else:
        cells = [f'<Cell><Data ss:Type="Number">{n}</Data></Cell>' for n in numbers]
        content = as_xml(*map(order, cells), order("990101202401234999"), order("123456789012345")).encode()
    path = written(tmp_path / "a.xls", content)
    assert rows_of(path)["工单编号"].to_list() == ["9.90101202401235E+17"] * 3 + [
        "990101202401234999",
        "123456789012345",
    ]
    batch = ingest([path], empty_home, today=TODAY)[0]
    assert (batch["n_loaded"], batch["n_rejected"]) == (2, 3)
    with warehouse.connect(empty_home, read_only=True) as connection:
        said = connection.execute("select distinct rule, column_name, hint from core.rejected_row").fetchall()
    assert len(said) == 1 and said[0][:2] == ("truncated_item_number", "工单编号") and "设为文本" in said[0][2]


def test_long_numbers_as_excel_itself_stores_them(tmp_path):
    content = as_workbook(order(5), order(6))
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        contents = {name: parts.read(name) for name in parts.namelist()}
    sheet = contents["xl/worksheets/sheet1.xml"]
    sheet = sheet.replace(b"<v>5</v>", b"<v>9.9010120240123405E+17</v>").replace(
        b"<v>6</v>", b"<v>990101202401234000</v>"
    )
    contents["xl/worksheets/sheet1.xml"] = sheet
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as parts:
        for name, one in contents.items():
            parts.writestr(name, one)
    assert rows_of(tmp_path / "a.xlsx")["工单编号"].to_list() == ["9.90101202401234E+17"] * 2


def test_cells_of_an_xml_spreadsheet(tmp_path):
    rows = [
        order(
            at='<Cell><Data ss:Type="DateTime">2024-01-05T08:00:00.000</Data></Cell>',
            unit='<Cell><Data ss:Type="Error">#N/A</Data></Cell>',
        ),
        [
            '<Cell ss:MergeDown="1"><Data ss:Type="String">A2</Data></Cell>',
            '<Cell ss:Index="5"><Data ss:Type="String">某局</Data></Cell>',
        ],
        ['<Cell ss:Index="3"><Data ss:Type="String">内容</Data></Cell>'],
    ]
    hidden = (
        '<Worksheet ss:Name="底稿"><Table><Row><Cell><Data ss:Type="String">草稿</Data></Cell></Row></Table>'
        "<x:WorksheetOptions><x:Visible>SheetHidden</x:Visible></x:WorksheetOptions></Worksheet>"
    )
    path = written(
        tmp_path / "a.xls",
        as_xml(*rows, sheets=hidden).replace('<Row><Cell ss:Index="3">', '<Row ss:Index="9"><Cell ss:Index="3">'),
    )
    frame = rows_of(path)
    assert frame.select("工单编号", "工单内容", "推送时间", "承办单位", "source_row").rows() == [
        ("A1", "内容", "2024-01-05 08:00:00", "", 2),
        ("A2", "", "", "某局", 3),
        ("A2", "内容", None, None, 9),
    ]
    assert "隐藏的工作表“底稿”" in notes_of(path)


def test_entities_of_an_xml_file_are_not_followed(tmp_path):
    secret = written(tmp_path / "secret.txt", "不该读到")
    said = order(text='<Cell><Data ss:Type="String">内容&e;</Data></Cell>')
    kind = f'<!DOCTYPE Workbook [<!ENTITY e SYSTEM "{secret.as_uri()}">]><Workbook'
    path = written(tmp_path / "a.xls", as_xml(said).replace("<Workbook", kind, 1))
    assert not any("不该读到" in cell for cell in rows_of(path)["工单内容"])
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "笑" * 100}">' for n in range(12))
    kind = f'<!DOCTYPE Workbook [{levels}<!ENTITY e "&e11;">]><Workbook'
    path = written(tmp_path / "b.xls", as_xml(said).replace("<Workbook", kind, 1))
    with pytest.raises(SourceError, match=r"格式有误的 XML"):
        rows_of(path)


@pytest.mark.parametrize(
    ("encoding", "head", "found"),
    [
        ("utf-8", "", "utf-8"),
        ("utf-8-sig", "", "utf-8-sig"),
        ("gb18030", "", "gb18030"),
        ("gb18030", '<meta http-equiv="Content-Type" content="text/html; charset=gb2312">', "gb18030"),
        ("gb18030", '<meta charset="utf-8">', "gb18030"),  # a page may be wrong about itself
        ("utf-8", '<meta charset="gb2312">', "utf-8"),
        ("utf-16", "", "utf-16-le"),
        ("big5", '<meta charset="big5">', "big5"),
    ],
)
def test_the_encoding_of_a_page(tmp_path, encoding, head, found):
    unit = "某局" if encoding != "big5" else "某部"
    page = as_html(*[order(f"A{n}", unit=unit) for n in range(3)], head=head)
    if encoding == "big5":  # the headers are simplified Chinese: as entities, which a page may hold in any encoding
        page = "".join(
            character if character in unit else f"&#{ord(character)};" if ord(character) > 127 else character
            for character in page
        )
    path = written(tmp_path / "a.xls", page.encode(encoding))
    assert reading.inspect(path).encoding == found
    assert rows_of(path)["承办单位"].to_list() == [unit] * 3


def test_spans_beyond_reason_do_not_fill_the_machine(tmp_path):
    page = as_html(order()).replace("<td>A1</td>", '<td rowspan="999999999999" colspan="999999999">A1</td>' * 3)
    plan = recognise_file(written(tmp_path / "a.xls", page))
    rows = [rows for rows, _ in reading.read(plan.tables[0], list(plan.wanted))]
    assert [len(one) for one in rows] == [1]
    with pytest.raises(SourceError, match=r"16,384 列"):
        recognise_file(
            written(
                tmp_path / "b.xls",
                page.replace("999999999999", "1").replace("</td>", "</td>" + '<td colspan="1000">b</td>' * 20, 1),
            )
        )


def test_a_page_without_a_table(tmp_path):
    with pytest.raises(SourceError, match=r"没有表格|不完整"):
        recognise_file(
            written(tmp_path / "a.xls", "<html><frameset><frame src='a.files/sheet001.htm'></frameset></html>")
        )


# --- archives ----------------------------------------------------------------------------------------------------


def zipped(path: Path, members: dict[str | zipfile.ZipInfo, bytes | str], **how) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **how) as one:
        for name, content in members.items():
            one.writestr(name, content)
    return path


def test_each_export_of_an_archive_is_a_batch(tmp_path, empty_home):
    path = zipped(
        tmp_path / "包.zip",
        {
            "一月/工单.csv": as_csv(order("A1")),
            "一月/": "",
            "二月.xlsx": as_workbook(order("A2")),
            "说明.docx": "x",
            "__MACOSX/._二月.xlsx": "x",
            "一月/.DS_Store": "x",
        },
    )
    batches = ingest([path], empty_home, today=TODAY)
    assert [batch["file_name"] for batch in batches] == ["包.zip › 一月/工单.csv", "包.zip › 二月.xlsx"]
    assert [batch["n_loaded"] for batch in batches] == [1, 1]
    plain = written(tmp_path / "同样的.csv", as_csv(order("A1")))
    again = ingest([plain, path], empty_home, today=TODAY)
    assert [batch["status"] for batch in again] == ["already_loaded"] * 3
    assert again[0]["batch_id"] == batches[0]["batch_id"]  # the same bytes, packed or not
    assert [found.name for found in tmp_path.rglob("*.csv")] == ["同样的.csv"]  # nothing was unpacked


def test_what_is_left_out_of_an_archive_is_said(tmp_path):
    link = zipfile.ZipInfo("快捷方式.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = zipped(tmp_path / "包.zip", {"工单.csv": as_csv(order()), "张某某的信.jpg": "x", link: "/etc/passwd"})
    origins = reading.origins(path)
    assert [origin.name for origin in origins] == ["包.zip › 工单.csv"]
    assert "2 个文件不是导出文件" in origins[0].notes[0] and ".jpg 1 个" in origins[0].notes[0]
    assert "链接 1 个" in origins[0].notes[0] and "张某某" not in origins[0].notes[0]
    assert origins[0].notes[0] in notes_of(path)


@pytest.mark.parametrize("name", ["../../逃逸.csv", "/etc/逃逸.csv", "C:\\导出\\逃逸.csv", "..\\逃逸.csv"])
def test_the_path_of_a_member_is_only_a_label(tmp_path, name):
    path = zipped(tmp_path / "包.zip", {name: as_csv(order())})
    (origin,) = reading.origins(path)
    assert ".." not in origin.name and ":" not in origin.name and origin.name.endswith("逃逸.csv")
    assert "只当作名称" in origin.notes[0]
    assert rows_of(path)["工单编号"].to_list() == ["A1"]
    assert not list(tmp_path.parent.glob("逃逸.csv")) and list(tmp_path.rglob("*")) == [path]


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_chinese_names_without_the_utf8_flag(tmp_path, encoding):
    name = "十二月/市民热线工单.csv"
    plain = "x" * len(name.encode(encoding))
    path = zipped(tmp_path / "包.zip", {plain: as_csv(order())})
    path.write_bytes(path.read_bytes().replace(plain.encode(), name.encode(encoding)))
    assert [origin.name for origin in reading.origins(path)] == [f"包.zip › {name}"]
    assert rows_of(path)["工单编号"].to_list() == ["A1"]


def encrypted(path: Path) -> Path:
    """A zip whose members say that they need a password."""
    content = bytearray(zipped(path, {"工单.csv": as_csv(order())}).read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    return written(path, bytes(content))


def lying(path: Path) -> Path:
    """A zip whose member is larger than it says."""
    content = bytearray(zipped(path, {"工单.csv": as_csv(*[order(f"A{n}") for n in range(500)])}).read_bytes())
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        begin = content.index(mark) + at
        content[begin : begin + 4] = struct.pack("<I", 1000)
    return written(path, bytes(content))


ARCHIVES = {
    "encrypted": (encrypted, "加了密码"),
    "lying": (lying, "打不开的压缩文件"),
    "nested": (lambda path: zipped(path, {"里.zip": b"PK\x03\x04"}), "压缩包里的压缩包"),
    "nothing": (lambda path: zipped(path, {"照片.jpg": "x"}), r"没有可导入的文件（有 \.jpg 1 个）"),
    "empty": (lambda path: zipped(path, {}), "没有可导入的文件"),
    "torn": (
        lambda path: written(path, zipped(path, {"工单.csv": as_csv(order())}).read_bytes()[:-40]),
        "打不开的压缩文件",
    ),
    "damaged": (
        lambda path: written(
            path, zipped(path, {"a.csv": as_csv(order())}).read_bytes().replace(b"a.csv", b"b.csv", 1)
        ),
        "打不开的压缩文件",
    ),
    "bomb": (lambda path: zipped(path, {"a.csv": bytes(2 << 20)}), "压缩炸弹"),
    "many": (lambda path: zipped(path, {f"{n}.csv": "x" for n in range(30)}), "30 个文件"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_that_are_refused(tmp_path, monkeypatch, empty_home, name):
    monkeypatch.setattr(archive, "RATIO_FROM_BYTES", 1 << 20)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 20)
    make, says = ARCHIVES[name]
    with pytest.raises(SourceError, match=says):
        ingest([make(tmp_path / "包.zip")], empty_home)
    with warehouse.connect(empty_home) as connection:
        assert connection.sql("select count(*) from core.batch").fetchall() == [(0,)]


def test_a_bomb_in_gzip_and_in_a_workbook(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "RATIO_FROM_BYTES", 1 << 20)
    with pytest.raises(SourceError, match=r"压缩炸弹"):
        recognise_file(written(tmp_path / "a.csv.gz", gzip.compress(b"a,b\n" * (1 << 20))))
    content = as_workbook(order())
    with (
        zipfile.ZipFile(io.BytesIO(content)) as parts,
        zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as out,
    ):
        for part in parts.namelist():
            out.writestr(part, parts.read(part) + (b" " * (4 << 20) if part.endswith("sheet1.xml") else b""))
    with pytest.raises(SourceError, match=r"压缩炸弹"):
        recognise_file(tmp_path / "a.xlsx")


def test_a_folder_with_packed_exports(tmp_path, empty_home):
    folder = tmp_path / "导出"
    folder.mkdir()
    written(folder / "a.csv", as_csv(order("A1")))
    written(folder / "b.csv.gz", gzip.compress(as_csv(order("A2")).encode()))
    zipped(folder / "c.zip", {"c.csv": as_csv(order("A3")), "truth.csv": "x", "expected_c.csv": "x"})
    batches = ingest([folder], empty_home, today=TODAY)
    assert [batch["file_name"] for batch in batches] == ["a.csv", "b.csv.gz", "c.zip › c.csv"]


# --- limits ------------------------------------------------------------------------------------------------------


def test_a_hundred_thousand_columns(tmp_path):
    for name, line in (("a.csv", ",".join(f"列{n}" for n in range(100_000))), ("b.csv", "," * 100_000)):
        with pytest.raises(SourceError, match=r"表头.*列以上.*16,384 列"):
            recognise_file(written(tmp_path / name, f"{line}\n{line}\n"))


def test_one_endless_line(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK_BYTES", 1 << 16)
    monkeypatch.setattr(text, "MAX_LINE_BYTES", 1 << 20)
    body = as_csv(order()) + "x" * (3 << 20)
    for ending in ("", "\n", "\n" + as_csv(order())):
        with pytest.raises(SourceError, match=r"第 3 行.*没有换行的内容超过 1 MB"):
            recognise_file(written(tmp_path / "a.csv", body + ending))
    path = written(tmp_path / "b.csv", as_csv(*[order(f"A{n}", text="长" * 100_000) for n in range(20)]))
    assert reading.inspect(path).encoding == "utf-8"  # long, but in lines


def test_a_long_cell_is_read_and_a_monstrous_one_refused(tmp_path, empty_home):
    path = written(tmp_path / "a.csv", as_csv(order("A1", text="长" * 300_000), order("A2")))
    assert rows_of(path)["工单内容"].str.len_chars().to_list() == [300_000, 2]
    monster = "\n".join(["长" * 100] * 160_000)  # 48 MB between two quotes, in lines
    with pytest.raises(SourceError, match=r"16 MB"):
        ingest([written(tmp_path / "b.csv", as_csv(order("A1", text=monster), order("A2")))], empty_home)


def test_a_cell_far_from_the_table_is_named(tmp_path):
    book = openpyxl.Workbook()
    book.active["XFD1048576"] = " "
    with pytest.raises(SourceError, match=r"单元格 XFD1048576.*离表格很远"):
        recognise_file(written(tmp_path / "a.xlsx", as_workbook_at_top(book)))
    book = openpyxl.Workbook()
    book.active["XFD1"] = "边"  # wide but short
    assert rows_of(written(tmp_path / "b.xlsx", as_workbook_at_top(book)))["工单编号"].to_list() == ["A1"]


def as_workbook_at_top(book: openpyxl.Workbook) -> bytes:
    for number, row in enumerate([HEADER, order()], 1):
        for column, cell in enumerate(row, 1):
            book.active.cell(number, column, cell)
    return saved(book)


def test_a_scan_finds_what_lies_across_two_pieces(tmp_path, monkeypatch):
    content = as_workbook(order(990101202401234567, text="=1+1", unit="#REF!"), order("A2"))
    path = written(tmp_path / "a.xlsx", content)
    for size in (129, 200, 333, 1000):
        monkeypatch.setattr(workbook, "SCAN_BYTES", size)
        assert workbook._scanned(reading.origins(path)[0])[:3] == (1, 1, 1)


def test_memory_does_not_grow_with_a_page(tmp_path):
    """Twenty times the rows, read in a process of its own, take less than twice the memory."""
    code = """
import resource, sys
from pathlib import Path
from pipelines.ingest import recognise_file
from pipelines.sources import reading
plan = recognise_file(Path(sys.argv[1]))
n = sum(len(rows) for rows, _ in reading.read(plan.tables[0], list(plan.wanted)))
print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = []
    for n in (2_000, 40_000):
        path = written(tmp_path / f"{n}.xls", as_html(*[order(f"A{at}", text="内容" * 20) for at in range(n)]))
        done = subprocess.run([sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True, check=True)
        count, peak = map(int, done.stdout.split())
        assert count == n
        peaks.append(peak)
    assert peaks[1] < peaks[0] + 100_000  # kilobytes; the page is 14 MB, as a tree over 300


def test_the_real_files_here(shared_files):
    """Each reads whole, through its own header row."""
    for name, n_rows in (
        ("taidi/ooxml_named.xls", None),
        ("taidi/附件3.xlsx", 4326),
        ("boston311/boston_2011.csv.gz", 58_251),
    ):
        seen = reading.inspect(shared_files / name)
        preview = max(reading.previews(seen), key=lambda one: max(map(len, one.rows)))
        table = facts.Table(seen, preview, 0, [cell.strip() or str(n) for n, cell in enumerate(preview.rows[0])])
        n_read = sum(len(rows) for rows, _ in reading.read(table, table.headers))
        assert n_read == n_rows if n_rows else n_read > 0, name
