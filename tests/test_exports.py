"""Do the downloads hold what the screen showed? Each is opened again and read."""

import datetime as dt
import io
import pickle
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import openpyxl
import plotly.graph_objects as go
import polars as pl
import pytest
import shapely
from matplotlib.image import imread
from streamlit.testing.v1 import AppTest

from app import disclosure, downloads, fields, page
from app.charts import breaks, maps, ranks, series, style
from app.exports import csv_text, picture, workbook
from tests import builders

WEEKS = [dt.date(2026, 8, 3) + dt.timedelta(weeks=k) for k in range(10)]


def make_trend() -> go.Figure:
    frame = pl.DataFrame(
        {
            "period_start_on": WEEKS,
            "n_events": [10, 12, 30, 11, 14, 9, 8, 13, 12, 4],
            "expected": [None] + [11.0] * 9,
            "upper_bound": [None] + [20.0] * 9,
            "is_alarm": [k == 2 for k in range(10)],
            "is_incomplete": [k == 9 for k in range(10)],
            "n_events_year_ago": [9] * 10,
        }
    )
    return series.trend(frame, title="云溪区·施工噪声 $5 扰民")


def make_lines() -> go.Figure:
    rows = [{"period_start_on": d, "series_name": s, "n_events": k} for s in "甲乙" for k, d in enumerate(WEEKS)]
    return series.lines(pl.DataFrame(rows), title="比较")


def make_ranking() -> go.Figure:
    frame = pl.DataFrame({"label": ["物业", "欠薪"], "value": [1200, 7], "change": [0.2, None]})
    return ranks.ranking(frame, title="排序")


def make_pareto() -> go.Figure:
    frame = pl.DataFrame({"label": [f"事项{k}" for k in range(30)], "n_events": [100 - 3 * k for k in range(30)]})
    return ranks.pareto(frame, title="集中度")


def make_treemap() -> go.Figure:
    frame = pl.DataFrame(
        {
            "group_name": ["环境", "环境", "住房"],
            "issue_name": ["噪声<扰民>", "油烟", "房屋渗漏维修与老旧小区改造"],
            "n_events": [1200, 10, 300],
            "change_share": [0.3, None, -0.4],
        }
    )
    return ranks.treemap(frame, title="构成")


def make_map() -> go.Figure:
    rows, geometry = [], {}
    for k in range(9):
        x, y = 123 + k % 3 * 0.1, 29 + k // 3 * 0.1
        geometry[str(k)] = shapely.to_geojson(shapely.box(x, y, x + 0.1, y + 0.1, ccw=True))
        rows.append({"place_code": str(k), "place_name": f"第{k}镇", "value": k, "lon": x + 0.05, "lat": y + 0.05})
    places = pl.DataFrame(rows)
    classes = breaks.sequential_classes(places["value"].to_list())
    return maps.locator_map(places, geometry, title="分布", measure_label="件数（件）", classes=classes, selected="4")


def make_heatmap() -> go.Figure:
    figure = style.paper_figure("日历", height=300)
    figure.add_heatmap(
        z=[[1, None], [3, 4]],
        x=["周一", "周二"],
        y=["第1周", "第2周"],
        text=[["1", ""], ["3", "4"]],
        colorscale=[[0, "#EEF3F3"], [1, "#0B3850"]],
    )
    figure.update_xaxes(visible=True)
    figure.update_yaxes(visible=True)
    return figure


FIGURES = {
    "trend": make_trend,
    "lines": make_lines,
    "spark": lambda: series.spark([3, None, 5]),
    "ranking": make_ranking,
    "pareto": make_pareto,
    "treemap": make_treemap,
    "map": make_map,
    "heatmap": make_heatmap,
    "empty": lambda: style.empty("空"),
}


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize("name", FIGURES)
def test_png_is_a_slide_with_something_on_it(name):
    pixels = imread(io.BytesIO(picture.png(FIGURES[name](), note="口径：登记件数；数据截至 2026年8月9日")))
    assert pixels.shape[:2] == (900, 1600)
    ink = np.abs(pixels[..., :3] - pixels[-3, -3, :3]).max(axis=2) > 0.05
    assert ink[:100, :400].any(), "title"
    assert ink[845:880, :800].any(), "note"
    assert ink[120:800].mean() > 0.0001
    assert not ink[:, :40].any() and not ink[:, -12:].any(), "nothing runs over the edge"


@pytest.mark.parametrize("name", FIGURES)
def test_svg_is_well_formed_and_needs_no_font(name):
    root = ElementTree.fromstring(picture.svg(FIGURES[name](), note="口径"))
    assert root.get("viewBox") == "0 0 1152 648"
    assert not [node for node in root.iter() if node.tag.endswith("}text")]
    assert len(list(root.iter())) > 20


def test_same_figure_same_bytes_also_from_threads():
    figures = [make_trend(), make_treemap(), make_map(), make_ranking()] * 2
    alone = [(picture.png(figure), picture.svg(figure)) for figure in figures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda figure: (picture.png(figure), picture.svg(figure)), figures))
    assert alone == together
    assert alone[:4] == alone[4:]


def test_size_and_title_can_be_given():
    pixels = imread(io.BytesIO(picture.png(make_trend(), title="另一个标题", size=(800, 600))))
    assert pixels.shape[:2] == (600, 800)
    assert picture.png(make_trend(), title="甲") != picture.png(make_trend(), title="乙")


def test_own_title_is_said_once():
    """The page's title stands large; the figure's own one below it only where it adds something."""
    same = picture.png(make_lines(), title="比较 2026年第46周")
    assert same == picture.png(make_lines(), title="比较 2026年第46周", note="")
    renamed = make_lines()
    renamed.update_layout(title_text="<b>另一件事</b>")
    assert picture.png(renamed, title="比较 2026年第46周") != same
    untitled = make_lines()
    untitled.update_layout(title_text="")
    assert picture.png(untitled, title="比较 2026年第46周") == same


def test_long_titles_and_notes_are_kept_whole():
    words = "全市 · 12345热线 · 房屋渗漏维修与老旧小区改造 2026年10月19日—11月15日 "
    note = "按登记日期计，基数不足 20 件不算。" * 14
    one = picture.png(make_trend(), title=words * 2, note=note + "数据版本 7。")
    other = picture.png(make_trend(), title=words * 2, note=note + "数据版本 8。")
    assert one != other, "the end of a long note is still there"
    pixels = imread(io.BytesIO(one))
    ink = np.abs(pixels[..., :3] - pixels[-3, -3, :3]).max(axis=2) > 0.05
    assert not ink[:, :40].any() and not ink[:, -12:].any() and not ink[-10:].any()


@pytest.mark.parametrize("make", [make_trend, make_pareto, make_treemap, make_map, make_heatmap])
def test_a_figure_sent_to_another_process_is_exported_the_same(make):
    figure = make()
    there = pickle.loads(pickle.dumps(figure))
    assert type(there) is type(figure) and there.native == figure.native and there.part_names == figure.part_names
    assert bool(there.redraw) == bool(figure.redraw)
    assert picture.png(there, title="图", note="说明") == picture.png(figure, title="图", note="说明")


def test_treemap_is_laid_out_anew_for_the_page():
    figure = make_treemap()
    assert isinstance(figure, style.Drawing) and figure.redraw
    wide = figure.redraw(width=1000, height=400)
    assert wide.to_dict()["layout"]["xaxis"]["range"] == [0, 1000]
    assert len(wide.to_dict()["data"][0]["x"]) == len(figure.to_dict()["data"][0]["x"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda figure: figure.add_pie(values=[1]),
        lambda figure: figure.add_annotation(text="x", x=0, y=0, showarrow=True),
        lambda figure: figure.add_annotation(text="<i>x</i>", x=0, y=0, showarrow=False),
        lambda figure: figure.add_shape(type="circle", x0=0, x1=1, y0=0, y1=1),
        lambda figure: figure.update_layout(yaxis2={"overlaying": "y"}),
    ],
)
def test_what_cannot_be_drawn_is_refused(spoil):
    figure = make_lines()
    spoil(figure)
    with pytest.raises(picture.UnknownTrace):
        picture.png(figure)


def test_shape_colours_reach_the_picture():
    pixels = imread(io.BytesIO(picture.png(make_map())))[..., :3]
    darkest = np.array([0x16, 0x4E, 0x69]) / 255
    assert (np.abs(pixels - darkest).max(axis=2) < 0.01).sum() > 5000


# ---------------------------------------------------------------- workbook


def make_frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "place_name": ["和平街道", '=HYPERLINK("http://x")', "+1", "@SUM(A1)"],
            "n_events": [1200, 3, None, 0],
            "registered_on": [dt.date(2026, 8, 3), None, dt.date(2026, 8, 4), dt.date(2026, 8, 5)],
            "registered_at": [dt.datetime(2026, 8, 3, 8, 30)] * 4,
            "change_share": [0.25, None, float("nan"), float("inf")],
            "is_overdue": [True, False, None, True],
            "handling_days": [1.5, 2.0, None, 3.25],
        }
    )


def reopened(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def test_workbook_has_chinese_headers_types_and_notes():
    book = reopened(
        workbook.xlsx(
            make_frame(), title="近四周件数", notes=["数据截至 2026年8月9日", "=1+1"], labels={"change_share": "较上期"}
        )
    )
    data, notes = book["数据"], book["口径"]
    rows = list(data.iter_rows(values_only=True))
    assert rows[0] == ("区域", "件数", "登记日期", "登记时间", "较上期", "是否超期", "办理天数")
    assert rows[1][:2] == ("和平街道", 1200) and rows[1][4:] == (0.25, "是", 1.5)
    assert rows[1][2] == dt.datetime(2026, 8, 3) and rows[1][3] == dt.datetime(2026, 8, 3, 8, 30)
    assert rows[3][1] is None and rows[3][4] is None and rows[4][4] is None
    assert data["C2"].number_format == "yyyy-mm-dd" and data["E2"].number_format == "0.0%"
    assert data.freeze_panes == "A2"
    assert [cell.value for cell in notes["A"]] == ["近四周件数", None, "数据截至 2026年8月9日", "=1+1"]
    assert notes["A4"].data_type == "s"


def test_tiny_chances_do_not_look_like_zero():
    data = reopened(workbook.xlsx(pl.DataFrame({"p_value": [3e-17], "expected": [1.5]}), title="x"))["数据"]
    assert "E+00" in data["A2"].number_format and "E+00" not in data["B2"].number_format


def test_workbook_never_holds_a_formula():
    data = reopened(workbook.xlsx(make_frame(), title="x"))["数据"]
    for cell in ("A3", "A4", "A5"):
        assert data[cell].data_type == "s" and data[cell].hyperlink is None
    assert data["A3"].value == '=HYPERLINK("http://x")'


def test_workbook_is_the_same_twice_and_says_what_it_left_out(monkeypatch):
    assert workbook.xlsx(make_frame(), title="x") == workbook.xlsx(make_frame(), title="x")
    monkeypatch.setattr(workbook, "MAX_ROWS", 3)
    book = reopened(workbook.xlsx(make_frame(), title="x", notes=["末句"]))
    assert book["数据"].max_row == 4
    assert "另有 1 行未导出" in str(book["口径"]["A3"].value)


def test_empty_frame_gives_headers_only():
    book = reopened(workbook.xlsx(make_frame().head(0), title="x"))
    assert book["数据"].max_row == 1


def test_csv_is_chinese_and_safe():
    lines = csv_text.csv_bytes(make_frame()).decode("utf-8-sig").splitlines()
    assert lines[0].startswith("区域,件数,登记日期")
    assert lines[2].startswith('"\'=HYPERLINK(""http://x"")"') and lines[3].startswith("'+1,")
    assert csv_text.csv_bytes(make_frame())[:3] == b"\xef\xbb\xbf"


def make_codes() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "source": ["hotline", "petition", "新来源"],
            "status": ["closed", None, "in_progress"],
            "signal_level": ["orange", "red", "blue"],
            "place_level": ["town", "city", "county"],
            "kind": ["excess"] * 3,
            "satisfaction": ["fairly_satisfied", None, "satisfied"],
            "part_name": ["hotline"] * 3,
        }
    )


def test_codes_are_written_in_words():
    data = reopened(workbook.xlsx(make_codes(), title="x"))["数据"]
    rows = list(data.iter_rows(values_only=True))
    assert rows[0][:2] == ("数据来源", "办理状态")
    assert rows[1][:6] == ("12345热线", "已办结", "橙", "镇街", "数量超出", "基本满意")
    assert rows[3][0] == "新来源" and rows[2][1] is None, "an unknown word stays, nothing stays nothing"
    assert rows[1][6] == "hotline", "only coded columns"
    lines = csv_text.csv_bytes(make_codes()).decode("utf-8-sig").splitlines()
    assert lines[1].startswith("12345热线,已办结,橙,镇街,数量超出,基本满意")


def test_status_of_a_week_is_a_verdict():
    weeks = pl.DataFrame({"status": ["normal", "alarm", "not_assessed", None]})
    rows = list(reopened(workbook.xlsx(weeks, title="x"))["数据"].iter_rows(values_only=True))
    assert [row[0] for row in rows[:4]] == ["判定", "正常", "越限", "未判定"]
    given = csv_text.csv_bytes(weeks, labels={"status": "本周判定"})
    assert given.decode("utf-8-sig").startswith("本周判定")


# ---------------------------------------------------------------- fields


def test_every_code_the_pipelines_write_has_a_word():
    from pipelines.sources import REGISTERS, SOURCES, events

    layouts = {name for source in (SOURCES | REGISTERS).values() for name in source.layouts}
    assert layouts <= set(fields.words("layout"))
    assert {*SOURCES, *REGISTERS} == set(fields.words("source"))
    assert {*events.HINTS, "wrong_field_count"} <= set(fields.words("rule"))
    assert fields.words("no_such_column") == {}
    known = fields.labels()
    assert set(fields.VERDICTS) <= set(fields.words("status"))
    assert all(name in known or name == "part_kind" for name in ("status", "layout", "rule", "outcome", "name_kind"))


def test_fields_answer_by_name():
    assert fields.label("n_events") == "件数" and fields.unit("n_events") == "件"
    assert fields.labels()["place_name"] == "区域"
    with pytest.raises(KeyError):
        fields.label("no_such_column")


# ---------------------------------------------------------------- all export buttons of all pages

MAIN = str(Path(__file__).resolve().parents[1] / "app" / "main.py")
COUNTS = {"件数", "上期", "对比期", "去年同期", "实际件数", "上周件数", "本周", "近13周", "此前13周", "value"}
PAGES = {
    "weekly": [{}],
    "hotspots": [
        {"level": "town", "weeks": "1"},
        {"place": "COUNTY"},
        {"place": "COMMUNITY"},
        {"issue": "ISSUE", "measure": "excess", "weeks": "13"},
        {"mode": "density", "weeks": "52"},
        {"mode": "play", "level": "town"},
        {"mode": "compare", "place": "COUNTY", "measure": "rate"},
    ],
    "trends": [{}, {"split": "county", "issue": "ISSUE"}, {"county": "COUNTY", "issue": "ISSUE", "span": "104"}],
    "issues": [
        {},
        {"county": "COUNTY"},
        {"county": "COUNTY", "issue": "ISSUE"},
        {"county": "COUNTY", "basis": "sources"},
    ],
    "warning": [{"id": "SIGNAL"}],
    "early_warnings": [{}, {"chosen": "SIGNAL"}, {"part": "诉求群体", "county": "COUNTY"}, {"part": "诉求群体"}],
    "intake": [{"tab": "批次"}, {"tab": "数据质量"}, {"tab": "名称与位置"}],
}
EVERYWHERE = [(view, params) for view, several in PAGES.items() for params in several]
EXEMPT = ("本周研判数字", "超出预期最多的事项")
"""A whole city, or (the page intake) ledgers of rows; see app/disclosure.py."""


@pytest.fixture
def published(demo_home, monkeypatch):
    """The demo city's marts: SQL → rows; the app looks at the same file."""
    monkeypatch.setenv("YANPAN_HOME", str(demo_home.path))
    monkeypatch.setattr(page, "today", lambda: dt.date(2026, 11, 16))
    with duckdb.connect(demo_home.marts / demo_home.current.read_text().strip(), read_only=True) as connection:
        yield lambda text: connection.execute(text).fetchall()


@pytest.fixture
def buttons(monkeypatch) -> list:
    """What the export buttons of a page run would give: (label, make, file name). The buttons stay what they are."""
    seen, button = [], downloads._button

    def seen_button(label, make, file_name, mime, key):
        seen.append((label, make, file_name))
        button(label, make, file_name, mime, key)

    monkeypatch.setattr(downloads, "_button", seen_button)
    return seen


def opened(published, buttons: list, view: str, params: dict[str, str]) -> AppTest:
    (community, county), *_ = published(
        "select community_code, county_code from event where community_code is not null group by all order by count(*) desc limit 1"
    )
    names = {
        "COUNTY": county,
        "COMMUNITY": community,
        "ISSUE": published("select issue_code from event group by 1 order by count(*) desc limit 1")[0][0],
        "SIGNAL": published("select min(signal_id) from signal")[0][0],
    }
    at = AppTest.from_file(MAIN, default_timeout=60).run()
    buttons.clear()  # those of the first page
    at.query_params.clear()
    for name, value in params.items():
        at.query_params[name] = names.get(value, value) or ""
    at.switch_page(f"views/{view}.py").run()
    assert not at.exception
    return at


@pytest.mark.parametrize(("view", "params"), EVERYWHERE, ids=str)
def test_no_export_carries_text_or_a_small_count(published, buttons, view, params):
    opened(published, buttons, view, params)
    texts = {text for (text,) in published("select distinct text from event where length(text) > 10")}
    books = [(name, reopened(make())) for label, make, name in buttons if label == "数据 Excel"]
    assert books or view == "intake"
    is_city = not any(key in params for key in ("county", "place", "split")) and view in ("trends", "issues")
    city = published("select place_name from place where place_level = 'city'")[0][0]
    for name, book in books:
        for sheet in book.worksheets[:-1]:
            head, *rows = sheet.iter_rows(values_only=True)
            assert not {"标题", "内容", "title", "text"} & set(head), name
            assert not {cell for row in rows for cell in row if isinstance(cell, str)} & texts, name
            is_of_city = view in ("early_warnings", "warning") and city in name and not name.startswith("在哪里")
            if view == "intake" or is_city or is_of_city or name.startswith(EXEMPT):
                continue
            for column in (k for k, label in enumerate(head) if label in COUNTS):
                small = [row[column] for row in rows if isinstance(row[column], int | float) and 0 < row[column] < 5]
                assert not small, (name, head[column], small)
        assert "数据截至" in " ".join(str(cell.value) for cell in book["口径"]["A"])
    for label, make, _ in buttons:
        if label == "图片 PNG":
            assert make()[:4] == b"\x89PNG"


def test_the_map_and_its_table_hide_what_the_totals_would_tell(published, buttons):
    """Every county's total is on another map: of its towns none may be hidden alone, none of the hidden sums small."""
    at = opened(published, buttons, "hotspots", {"level": "town", "weeks": "1"})
    make, *_ = [make for label, make, _ in buttons if label == "数据 Excel"]
    head, *rows = reopened(make())["数据"].iter_rows(values_only=True)
    shown = {row[head.index("区域代码")]: row[head.index("件数")] for row in rows}
    true = dict(
        published(
            "select town_code, count(*) from event where registered_on between '2026-11-09' and '2026-11-15' and town_code is not null group by 1"
        )
    )
    small = [code for code, n in true.items() if n < 5]
    assert small and not {code: shown[code] for code in small if shown[code] != "<5"}
    assert disclosure.HIDDEN in shown.values()
    for county in {code[:6] for code in true}:
        hidden = [code for code, said in shown.items() if code.startswith(county) and isinstance(said, str)]
        total = sum(n for code, n in true.items() if code.startswith(county))
        gone = sum(true.get(code, 0) for code in hidden)
        assert len(hidden) != 1 or total < 5
        assert gone == 0 or gone >= 5 or total < 5
    table = at.dataframe[0].value
    assert set(table["n_events"].str.strip()) >= {"<5", disclosure.HIDDEN}
    (drawing,) = builders.maps_of(at)
    places = {place["id"]: place for place in drawing["places"]}
    assert all(places[code]["t"].startswith("<5 件") for code in small)
    assert len({places[code]["c"] for code in small}) == 1, "one colour, the lowest above zero"
    assert "小于 5 的格子写作" in "".join(element.proto.body for element in at.get("html"))


def test_two_levels_of_the_map_agree(published, buttons):
    """A town that is hidden on the city's map is hidden on its county's, too."""
    said = []
    for params in (
        {"level": "town", "weeks": "4", "issue": "ISSUE"},
        {"place": "COUNTY", "weeks": "4", "issue": "ISSUE"},
    ):
        opened(published, buttons, "hotspots", params)
        make = next(make for label, make, name in buttons if label == "数据 Excel" and "各镇街" in name)
        head, *rows = reopened(make())["数据"].iter_rows(values_only=True)
        said.append({row[head.index("区域代码")]: row[head.index("件数")] for row in rows})
    city, county = said
    assert county and set(county) < set(city)
    assert {code: city[code] for code in county} == county


def test_off_shows_every_count_and_says_so(published, buttons, monkeypatch):
    monkeypatch.setenv(disclosure.SETTING, "0")
    at = opened(published, buttons, "hotspots", {"level": "town", "weeks": "1"})
    assert "只供内部使用" in "".join(element.proto.body for element in at.get("html"))
    assert at.dataframe[0].value["n_events"].between(1, 4).any()
