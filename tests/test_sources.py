"""Adapters: sample file in, expected CSV out; and each thing a cell, a header or a file can do to us."""

import codecs
import gzip
import io
import os
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from pipelines import warehouse
from pipelines.config import ROOT
from pipelines.config import home as open_home
from pipelines.errors import SourceError
from pipelines.ingest import ingest, recognise_file
from pipelines.sources import SOURCES, parsing, reading
from pipelines.sources.events import EVENT_COLUMNS, FIELDS
from pipelines.sources.recognise import header_key

SAMPLE = ROOT / "data" / "sample"
SHARED = Path(os.environ.get("YANPAN_SHARED") or Path(__file__).parents[2] / "shared")
SAMPLES = [
    ("petition", "national_list", "xlsx"),
    ("hotline", "fangshan", "csv"),
    ("hotline", "short", "csv"),
    ("grid", "grid_event", "csv"),
    ("grid", "pingshan", "csv"),
]
HOTLINE = "工单编号,工单标题,工单内容,推送时间,承办单位,问题分类,问题点位,工单状态,办结时间"
ROW = "A{n},标题,内容,2024-01-0{n} 08:00:00,某局,城乡建设>供热,安澜市云溪区和平街道云水社区,已办结,"


def raw_rows(source: str, layout: str, *rows: dict) -> pl.DataFrame:
    """Raw text rows of a layout: all headers there, empty unless given."""
    headers = SOURCES[source].layouts[layout]["columns"]
    full = [{header: row.get(header) for header in headers} for row in rows]
    frame = pl.DataFrame(full, schema=dict.fromkeys(headers, pl.String))
    return frame.with_columns(pl.int_range(2, 2 + pl.len(), dtype=pl.Int32).alias("source_row"))


def work_order(**cells) -> dict:
    """One usable row of hotline/fangshan."""
    return {
        "工单编号": "A1",
        "问题分类": "城乡建设->供热",
        "主要内容": "暖气不热",
        "工单状态": "办理中",
        "被反映区": "云溪区",
        "受理时间": "2024-01-05 08:00:00",
    } | cells


def one(**cells) -> dict:
    """That row after normalising: the event, or the rejected row."""
    events, rejected = SOURCES["hotline"].normalise(
        raw_rows("hotline", "fangshan", work_order(**cells)), "fangshan", today=date(2024, 2, 1)
    )
    assert len(events) + len(rejected) == 1
    return (events if len(events) else rejected).row(0, named=True)


def write_hotline(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(("\n".join([HOTLINE, *lines]) + "\n").encode(encoding))
    return path


def rows_of(path: Path) -> pl.DataFrame:
    plan = recognise_file(path)
    return pl.concat([rows for table in plan.tables for rows, _ in reading.read(table, list(plan.wanted))])


# --- samples -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "layout", "suffix"), SAMPLES)
def test_sample_file_gives_expected_events(source, layout, suffix, empty_home):
    batch = ingest([SAMPLE / source / f"{layout}.{suffix}"], empty_home, today=date(2024, 2, 1))[0]
    assert (batch["source"], batch["layout"], batch["status"]) == (source, layout, "loaded")
    columns = ["source", *EVENT_COLUMNS]
    with warehouse.connect(empty_home, read_only=True) as connection:
        co_units = "(select string_agg(c.unit_name, '、' order by c.unit_name) from core.co_unit as c where c.event_id = e.event_id)"
        events = connection.sql(
            f"select {', '.join(columns)} from (select * replace (coalesce(e.unit_co_name, {co_units}) as unit_co_name)"
            " from core.event as e) order by source_row"
        ).pl()
    text = events.write_csv(datetime_format="%Y-%m-%d %H:%M:%S")
    assert text == (SAMPLE / source / f"expected_{layout}.csv").read_text(encoding="utf-8")


def test_every_layout_has_a_sample_and_maps_to_known_fields():
    layouts = {(source, name) for source, one in SOURCES.items() for name in one.layouts}
    assert layouts == {(source, layout) for source, layout, _ in SAMPLES}
    for source, name in layouts:
        layout = SOURCES[source].layouts[name]
        assert layout["title"]
        assert set(layout["columns"].values()) <= set(FIELDS)
        assert set(layout["required"]) <= set(layout["columns"])
        assert not set(layout["identifying"]) & set(layout["columns"])
        assert (SAMPLE / source / "README.md").exists()


def test_identifying_columns_are_not_even_read():
    plan = recognise_file(SAMPLE / "petition" / "national_list.xlsx")
    assert {"姓名", "住址", "手机号码", "登记人"} <= set(plan.dropped)
    frame = rows_of(SAMPLE / "petition" / "national_list.xlsx")
    assert not {"姓名", "住址", "手机号码", "登记人"} & set(frame.columns)


@pytest.mark.skipif(not (SHARED / "data").exists(), reason=f"real files are not here: {SHARED}")
def test_real_grid_files_in_two_encodings_give_the_same_events(tmp_path):
    events = []
    for name in ("pingshan_utf8.csv", "pingshan_gbk.csv"):
        home = open_home(tmp_path / name)
        (tmp_path / "key").write_bytes(b"k" * 32)
        home.secret_key.write_bytes(b"k" * 32)
        batch = ingest([SHARED / "data" / "pingshan" / name], home)[0]
        assert batch["n_read"] == batch["n_loaded"] == 10_000
        with warehouse.connect(home, read_only=True) as connection:
            events.append(connection.sql("select * exclude (batch_id) from core.event order by event_id").pl())
    assert events[0].equals(events[1])
    assert events[0].select(pl.all_horizontal(pl.col(pl.String).ne_missing("-").all())).item()


# --- cells -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("2024-01-05 08:03:02", datetime(2024, 1, 5, 8, 3, 2)),
        ("2024/1/5 8:03", datetime(2024, 1, 5, 8, 3)),
        ("2024/01/05 08:03:02", datetime(2024, 1, 5, 8, 3, 2)),
        ("2024-01-05", datetime(2024, 1, 5)),
        ("20240105", datetime(2024, 1, 5)),
        ("20240105080302", datetime(2024, 1, 5, 8, 3, 2)),
        ("2024年1月5日", datetime(2024, 1, 5)),
        ("2024年1月5日8时3分", datetime(2024, 1, 5, 8, 3)),
        ("２０２４－０１－０５", datetime(2024, 1, 5)),
        ("2024/1/5 下午 3:20:00", datetime(2024, 1, 5, 15, 20)),
        ("2024-01-05 08:00:00.0", datetime(2024, 1, 5, 8)),
        ("45296", datetime(2024, 1, 5)),
        ("45296.5", datetime(2024, 1, 5, 12)),
        ("2024-02-30", None),
        ("2024-13-01", None),
        ("1899-12-31", None),
        ("昨天", None),
        (None, None),
    ],
)
def test_times(said, expected):
    assert parsing.parse_time(pl.Series([said], dtype=pl.String)).to_list() == [expected]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("安澜市云溪区和平街道云水社区锦绣花园3号楼", ("云溪区", "和平街道", "云水社区")),
        ("云溪区李村街道李村社区", ("云溪区", "李村街道", "李村社区")),
        ("安澜市/云溪区/和平街道", ("云溪区", "和平街道", None)),
        ("某某省安澜市新乡县三乡镇西坞村村委会", ("新乡县", "三乡镇", "西坞村")),
        ("安澜市和平街道", ("安澜市", "和平街道", None)),
        ("义乌市后宅街道", ("义乌市", "后宅街道", None)),
        ("某某省义乌市佛堂镇西坞村", ("义乌市", "佛堂镇", "西坞村")),
        ("金华市义乌市后宅街道", ("义乌市", "后宅街道", None)),
        ("安澜市", (None, None, None)),
        ("云溪区双溪乡上家沟村3组12号", ("云溪区", "双溪乡", "上家沟村")),
        ("云溪区南湖街道幸福新村3号楼", ("云溪区", "南湖街道", None)),
        ("安澜市高新技术产业开发区城北街道永安居委会", ("高新技术产业开发区", "城北街道", "永安社区")),
        ("镇海区招宝山街道办事处", ("镇海区", "招宝山街道", None)),
        ("人民路与解放路交叉口", (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_places(said, expected):
    assert parsing.parse_place(pl.Series([said], dtype=pl.String)).row(0) == expected


def test_category_separators_become_one():
    assert parsing.parse_path(pl.Series(["甲_乙_丙", "甲_乙", None]), ("_",)).to_list() == ["甲>乙>丙", "甲>乙", None]
    assert parsing.parse_path(pl.Series(["甲 -> 乙->丙", "甲＞乙"]), ("->", ">")).to_list() == ["甲>乙>丙", "甲>乙"]


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ({"工单编号": " "}, "missing_item_number"),
        ({"工单编号": "1.23E+17"}, "truncated_item_number"),
        ({"受理时间": "昨天"}, "bad_registered_at"),
        ({"受理时间": None}, "bad_registered_at"),
        ({"受理时间": "2024-02-03"}, "future_registered_at"),
        ({"办结时间": "2024-01-04 08:00:00"}, "closed_before_registered"),
        ({"问题分类": "-", "主要内容": "\u00a0", "被反映区": None}, "empty_row"),
        ({"工单状态": "已作废"}, "out_of_scope"),
    ],
)
def test_rows_that_cannot_be_used_say_why(cells, rule):
    row = one(**cells)
    assert row["rule"] == rule
    assert row["hint"].endswith("。")


def test_a_registration_up_to_tomorrow_is_possible():
    assert one(受理时间="2024-02-02 08:00:00")["registered_at"] == datetime(2024, 2, 2, 8)


def test_dates_without_a_time():
    row = one(办结时间="2024-01-05", 办理时限="2024-01-10")
    assert row["closed_at"] == datetime(2024, 1, 5, 8)  # not before it was registered
    assert row["due_at"] == datetime(2024, 1, 10, 23, 59, 59)  # to the end of that day
    assert row["due_rule"] == "source"


def test_numbers_cut_by_excel_are_known_by_their_zeros():
    rows = [work_order(工单编号=f"99010120240{n}000") for n in ("1234", "2345", "3456")]
    events, rejected = SOURCES["hotline"].normalise(raw_rows("hotline", "fangshan", *rows), "fangshan")
    assert rejected["rule"].to_list() == ["truncated_item_number"] * 3
    rows = [work_order(工单编号=f"9901012024{n:08d}") for n in range(980, 1100)]
    events, rejected = SOURCES["hotline"].normalise(raw_rows("hotline", "fangshan", *rows), "fangshan")
    assert len(events) == 120  # one of them ends in 000 by right


@pytest.mark.parametrize(
    ("word", "closed", "status"),
    [
        ("已派单", None, "transferred"),
        ("已签收", None, "accepted"),
        ("待回访", None, "replied"),
        ("已归档", None, "closed"),
        ("不予受理", None, "declined"),
        ("从未见过", None, "in_progress"),
        ("从未见过", "2024-01-06 00:00:00", "closed"),
        (None, None, "registered"),
    ],
)
def test_status_words(word, closed, status):
    row = one(工单状态=word, 办结时间=closed)
    assert row["status"] == status
    assert row["unknown_status"] == (word if word == "从未见过" else None)


def test_whistle_blowing_and_court_items_are_counted_only():
    raw = raw_rows(
        "petition",
        "national_list",
        *[
            {
                "信访件编号": "X1",
                "登记日期": "2024-01-05",
                "问题属地": "安澜市云溪区",
                "概况": "内容",
                "去向机构": "某局",
            }
            | more
            for more in (
                {"信访目的": "揭发控告", "内容分类": "纪检监察"},
                {"信访目的": "申诉", "内容分类": "政法_涉法涉诉"},
                {"信访目的": "求决", "内容分类": "城乡建设"},
            )
        ],
    )
    events, _ = SOURCES["petition"].normalise(raw, "national_list")
    assert events["text"].to_list() == [None, None, "内容"]
    assert events["unit_name"].to_list() == [None, None, "某局"]


def test_flags_counts_and_ratings():
    assert parsing.parse_flag(pl.Series(["是", "否", "联名信", "不知道"])).to_list() == [True, False, True, None]
    assert parsing.parse_count(pl.Series(["3", "３", "0", "99999", "12人", "x"])).to_list() == [
        3,
        3,
        None,
        None,
        12,
        None,
    ]
    said = pl.Series(["非常满意", "基本满意", "不满意", "未评价"])
    assert parsing.parse_satisfaction(said).to_list() == ["satisfied", "fairly_satisfied", "dissatisfied", None]


def test_tabs_and_line_breaks_become_spaces():
    assert one(主要内容="一\t二\r\n三  四")["text"] == "一 二 三 四"


# --- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("gb18030", "gb18030"),
        ("gbk", "gb18030"),
        ("utf-16", "utf-16-le"),
    ],
)
def test_encodings(tmp_path, encoding, found):
    path = write_hotline(tmp_path / "a.csv", ROW.format(n=1), encoding=encoding)
    assert reading.inspect(path).encoding == found
    frame = rows_of(path)
    assert frame["承办单位"].to_list() == ["某局"]
    assert frame["source_row"].to_list() == [2]


def test_big_endian_utf16(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(codecs.BOM_UTF16_BE + f"{HOTLINE}\n{ROW.format(n=1)}\n".encode("utf-16-be"))
    assert rows_of(path)["承办单位"].to_list() == ["某局"]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_first_chinese_character_late_in_the_file(tmp_path, encoding):
    path = tmp_path / "a.csv"
    header = ",".join(SOURCES["grid"].layouts["pingshan"]["columns"])
    ascii_row = "1,2024-01-01 08:00:00,d,s,c,t,m,u,src,p,unit,1,0\n"
    wide_row = "2,2024-01-01 08:00:00,云溪区,s,c,t,m,u,src,p,unit,1,0\n"
    path.write_bytes((header + "\n" + ascii_row * 400_000 + wide_row).encode(encoding))
    assert path.stat().st_size > reading.BLOCK_BYTES
    facts = reading.inspect(path)
    assert facts.encoding == encoding
    assert not facts.is_torn
    assert rows_of(path)["DISTRICT_NAME"][-1] == "云溪区"


def test_a_torn_byte_does_not_change_the_encoding(tmp_path):
    path = tmp_path / "a.csv"
    good = f"{HOTLINE}\n{ROW.format(n=1)}\n{ROW.format(n=2)}\n".encode()
    path.write_bytes(good.replace("标题,内容,2024-01-02".encode(), b"\xe6\xa0,x,2024-01-02"))
    assert reading.inspect(path).encoding == "utf-8"
    assert rows_of(path)["承办单位"].to_list() == ["某局", "某局"]


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path):
    path = tmp_path / "a.csv"
    lines = [
        "安澜市工单列表,,,,,,,,",
        '"导出说明\n两行",,,,,,,,',
        HOTLINE,
        ROW.format(n=1),
        "",
        "A2,只有,三个",
        ROW.format(n=3).replace("内容", '"内\n容"'),
        ROW.format(n=4),
        "合计,,,4,,,,,",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    plan = recognise_file(path)
    blocks = list(reading.read(plan.tables[0], list(plan.wanted)))
    assert pl.concat([rows for rows, _ in blocks])["source_row"].to_list() == [4, 7, 8, 9]
    assert pl.concat([wrong for _, wrong in blocks])["source_row"].to_list() == [6]


def test_totals_are_not_rows(empty_home, tmp_path):
    path = write_hotline(tmp_path / "a.csv", ROW.format(n=1), "合计,,,1,,,,,", ",合 计,,,,,,,")
    assert ingest([path], empty_home)[0]["n_read"] == 1


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", "\t"), (".tsv", "\t"), (".csv", ";"), (".xls", "\t")])
def test_other_delimiters(tmp_path, suffix, delimiter):
    path = tmp_path / f"a{suffix}"
    path.write_text(f"{HOTLINE}\n{ROW.format(n=1)}\n".replace(",", delimiter), encoding="gb18030")
    assert rows_of(path)["承办单位"].to_list() == ["某局"]


def test_a_trailing_comma_in_every_row(tmp_path, empty_home):
    path = write_hotline(tmp_path / "a.csv", ROW.format(n=1) + ",", ROW.format(n=2) + ",")
    assert ingest([path], empty_home)[0]["n_loaded"] == 2


def test_headers_are_compared_without_spaces_width_and_case(tmp_path):
    assert header_key(" 来电人电话／账号\ufeff") == header_key("来电人电话/账号")
    path = tmp_path / "a.csv"
    path.write_text(f"{HOTLINE}\n{ROW.format(n=1)}\n".replace("推送时间", " 推 送时间　"), encoding="utf-8")
    assert recognise_file(path).layout_name == "short"


def workbook(path: Path, rows: list[list], first_row: int = 1) -> Path:
    book = openpyxl.Workbook()
    hidden, sheet = book.active, book.create_sheet("数据")
    hidden.title, hidden.sheet_state = "说明", "hidden"
    hidden.append(HOTLINE.split(","))
    for row, cells in enumerate(rows, first_row):
        for column, cell in enumerate(cells, 1):
            sheet.cell(row, column, cell)
    book.save(path)
    return path


def test_workbook_with_title_rows_dates_numbers_and_hidden_sheet(tmp_path):
    rows = [
        ["工单列表"],
        HOTLINE.split(","),
        ["A1", "标题", "内容", datetime(2024, 1, 5, 8), "某局", "城乡建设>供热", "云溪区", "已办结", None],
        [20240105000123, "标题", "内容", 45296.5, "某局", "城乡建设>供热", "云溪区", "已办结", None],
        ["合计", None, None, 2],
    ]
    path = workbook(tmp_path / "a.xlsx", rows, first_row=3)
    plan = recognise_file(path)
    assert (plan.layout_name, len(plan.tables)) == ("short", 1)
    frame = rows_of(path)
    assert frame["source_row"].to_list() == [5, 6, 7]
    assert frame["工单编号"].to_list()[:2] == ["A1", "20240105000123"]
    assert parsing.parse_time(frame["推送时间"]).to_list()[:2] == [datetime(2024, 1, 5, 8), datetime(2024, 1, 5, 12)]


def test_workbook_misnamed_xls(tmp_path):
    path = workbook(tmp_path / "a.xlsx", [HOTLINE.split(","), ROW.format(n=1).split(",")])
    path = path.rename(tmp_path / "a.xls")
    assert reading.inspect(path).kind == "xlsx"
    assert rows_of(path)["承办单位"].to_list() == ["某局"]


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(64)


def _zipped(text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.csv", text)
    return content.getvalue()


def _bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """name → (file, what its message must say)."""
    whole = workbook(folder / "whole.xlsx", [HOTLINE.split(","), ROW.format(n=1).split(",")]).read_bytes()
    contents = {
        "picture.xlsx": (PNG, "另存为"),
        "picture.csv": (PNG, "二进制"),
        "empty.csv": (b"", "空文件"),
        "blank.csv": (b"\n\n", "空文件"),
        "torn.xlsx": (whole[: len(whole) // 2], "工作簿"),
        "page.xls": (b"<html><p>1</p></html>", "不完整"),
        "no_date.csv": (HOTLINE.replace("推送时间,", "").encode(), "推送时间"),
        "other.csv": ("甲,乙,丙\n1,2,3\n".encode(), "3 列，列名都没有见过"),
        "noise.csv": (b"\x80\xff" * 400 + b"\n", "GB18030"),
        "header_only.csv": (f"{HOTLINE}\n\n".encode(), "没有数据行"),
        "packed.csv.gz": (gzip.compress(HOTLINE.encode()), "没有数据行"),
        "packed.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(64), "请先解压"),
        "packed.rar": (b"Rar!\x1a\x07\x00" + bytes(64), "请先解压"),
        "packed.zip": (_zipped(HOTLINE), "没有数据行"),
    }
    files = {}
    for name, (content, says) in contents.items():
        (folder / name).write_bytes(content)
        files[name] = (folder / name, says)
    return files


@pytest.mark.parametrize(
    "name",
    [
        "picture.xlsx",
        "picture.csv",
        "empty.csv",
        "blank.csv",
        "torn.xlsx",
        "page.xls",
        "no_date.csv",
        "other.csv",
        "noise.csv",
        "header_only.csv",
        "packed.csv.gz",
        "packed.7z",
        "packed.rar",
        "packed.zip",
    ],
)
def test_strange_files_are_refused_in_one_sentence(tmp_path, name):
    path, says = _bad_files(tmp_path)[name]
    with pytest.raises(SourceError) as caught:
        recognise_file(path)
    message = str(caught.value)
    assert message.startswith(name)
    assert says in message
    assert "\n" not in message
    assert caught.value.next_step


def test_a_missing_header_names_the_layout_it_resembles(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HOTLINE.replace("问题分类", "类别") + "\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"「问题分类」.*12345工单（简表样式）"):
        recognise_file(path)


def test_message_about_an_unknown_file_repeats_no_content(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("张三,19900001234,990102199001011234\n李四,19900001235,990102199001011235\n", encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        recognise_file(path)
    assert "1990000" not in str(caught.value)


def test_an_unclosed_quote_is_refused_with_a_place(tmp_path, empty_home):
    many = [ROW.format(n=3)] * 1000
    path = write_hotline(tmp_path / "a.csv", ROW.format(n=1), 'A2,"标题,内容,2024-01-02,,,,,', *many)
    with pytest.raises(SourceError, match=r"第 2 行之后.*引号"):
        ingest([path], empty_home)
    with warehouse.connect(empty_home) as connection:
        assert connection.sql("select count(*) from core.event").fetchall() == [(0,)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_file_cut_inside_a_character_is_refused_with_the_row(tmp_path, encoding):
    path = tmp_path / "a.csv"
    whole = f"{HOTLINE}\n{ROW.format(n=1)}\n{ROW.format(n=2)}".encode(encoding)
    path.write_bytes(whole[: whole.rindex("已办结".encode(encoding.replace("-sig", ""))) + 1])
    with pytest.raises(SourceError, match=r"第 3 行：发现文件不完整"):
        recognise_file(path)
    path.write_bytes(whole)  # whole, only without a line break at its end
    assert len(rows_of(path)) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_file_cut_inside_a_quoted_cell_is_refused_with_the_row(tmp_path, encoding):
    path = tmp_path / "a.csv"
    whole = "\n".join([HOTLINE, ROW.format(n=1), ROW.format(n=2).replace("内容", '"内\n容，管径5""等"')])
    path.write_bytes(whole.encode(encoding))
    assert len(rows_of(path)) == 2
    path.write_bytes(whole[: whole.rindex("容，")].encode(encoding))
    with pytest.raises(SourceError, match=r"第 3 行：发现文件不完整.*双引号"):
        recognise_file(path)


def test_a_lone_quote_inside_a_cell_is_no_damage(tmp_path):
    path = write_hotline(tmp_path / "a.csv", ROW.format(n=1).replace("内容", '管径5"的水管'), ROW.format(n=2))
    assert len(rows_of(path)) == 2


@pytest.mark.parametrize(("first", "second"), [("gb18030", "utf-8"), ("utf-8", "gb18030"), ("utf-8-sig", "gb18030")])
def test_rows_in_two_encodings_are_refused_with_the_first_other_row(tmp_path, first, second):
    path = tmp_path / "a.csv"
    rows = [ROW.format(n=n % 9 + 1) for n in range(50)]
    head, tail = "\n".join([HOTLINE, *rows[:30]]) + "\n", "\n".join(rows[30:]) + "\n"
    path.write_bytes(head.encode(first) + tail.encode(second))
    with pytest.raises(SourceError, match=r"第 32 行：发现编码混杂"):
        recognise_file(path)


def test_utf8_cells_inside_gb18030_rows_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    rows = [ROW.format(n=n % 9 + 1).encode("gb18030") for n in range(50)]
    rows[20:30] = [row.replace("内容".encode("gb18030"), "小区的暖气".encode()) for row in rows[20:30]]
    path.write_bytes(b"\n".join([HOTLINE.encode("gb18030"), *rows]))
    with pytest.raises(SourceError, match=r"第 22 行：发现编码混杂"):
        recognise_file(path)


def test_rare_characters_do_not_make_a_gb18030_file_mixed(tmp_path):
    words = ("洺河路垚鑫苑", "涓滴细流", "联通", "的", "丂丄㐀𠮷")
    rows = [ROW.format(n=n % 9 + 1).replace("内容", word) for n, word in enumerate(words * 4)]
    path = write_hotline(tmp_path / "a.csv", *rows, encoding="gb18030")
    assert reading.inspect(path).encoding == "gb18030"
    assert len(rows_of(path)) == len(rows)


def test_wrong_field_count_names_this_files_header(tmp_path):
    path = write_hotline(tmp_path / "a.csv", ROW.format(n=1), "A2,只有,三个", "A3,四个,字段,在此")
    plan = recognise_file(path)
    wrong = pl.concat([wrong for _, wrong in reading.read(plan.tables[0], list(plan.wanted))])
    assert wrong["found"].to_list() == ["3 个字段", "4 个字段"]
    assert wrong["hint"].n_unique() == 1 and "本文件表头有 9 列" in wrong["hint"][0]
