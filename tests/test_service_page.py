"""办理质效: the page full, empty and stale; one 口径 everywhere; small units; the appraisal; samples and their results."""

import io
import math
import re
import uuid
from datetime import date, datetime

import openpyxl
import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest
from test_views import copied, opened_at, said

from app import appraisal, disclosure, downloads, kpis, page, service_counts, wording
from app.casework import cases, reviews, store
from app.charts.funnel import funnel
from app.exports import picture, slides
from app.parts import service_reminders, service_scope, service_units
from pipelines.reference import read_table

SHARE = {
    "kpi_unit": "share", "better": "up", "min_denominator": 20, "band_green": 0.9, "band_red": 0.85, "target": 1.0,
    "kpi_name": "按期答复率", "variant_name": "已到期口径", "known_sources": "petition",
}  # fmt: skip


def opened(**query_params: str) -> AppTest:
    at = opened_at("service", **query_params)
    assert not at.exception
    return at


def taken(monkeypatch, **query_params: str) -> tuple[AppTest, dict[str, list[list[tuple]]]]:
    """The page, and its workbooks as anybody who presses the button gets them: file name → rows of each sheet."""
    buttons, button = {}, downloads._button

    def seen(label, make, file_name, mime, key):
        buttons[file_name] = make
        button(label, make, file_name, mime, key)

    monkeypatch.setattr(downloads, "_button", seen)
    at = opened(**query_params)
    books = {
        name: openpyxl.load_workbook(io.BytesIO(make())) for name, make in buttons.items() if name.endswith("xlsx")
    }
    return at, {name: [list(sheet.iter_rows(values_only=True)) for sheet in book] for name, book in books.items()}


# --- the page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("指标", "本库没有这些数据；要来源文件有「转送时间」列"),
        ("单位", "样本不足（少于 20 件），不排名"),
        ("考核", "可改看季或年"),
        ("日提醒", "件；已超期未办结"),
        ("抽查评查", "同样的数据、范围、件数和种子"),
    ],
)
def test_each_part_of_a_full_page(full, part, words):
    assert words in said(opened(part=part, by="year", period="2025", variant="hotline"))


def test_empty_and_stale(full, monkeypatch, empty_home):
    monkeypatch.setattr(page, "today", lambda: date(2026, 12, 24))
    assert "此后没有新数据入库" in said(opened())
    monkeypatch.setenv("YANPAN_HOME", str(empty_home.path))
    assert "还没有发布过数据" in said(opened())


def test_both_readings_stand_side_by_side(full):
    labels = [metric.label for metric in opened(by="year", period="2025", kpi="closed_share").metric]
    assert labels[:2] == ["全部（信访）（当前）", "到期办结率（信访）"]


def test_another_reading_changes_figure_tooltip_and_export_together(full, monkeypatch):
    found = {}
    for variant, name in (("bulletin", "通报口径"), ("hotline", "12345已到期口径")):
        at, books = taken(monkeypatch, by="year", period="2026", kpi="reply_timely", variant=variant)
        (metric,) = [one for one in at.metric if one.label == f"{name}（当前）"]
        (row,) = re.findall(
            r'<tr title="([^"]*)" class="chosen">(.*?)</tr>', "".join(e.proto.body for e in at.get("html")), re.S
        )
        tip, cells = row
        sheet, *_, notes = books["办理质效指标_全市_2026年.xlsx"]
        head, *rows = sheet
        (exported,) = [dict(zip(head, one, strict=True)) for one in rows if one[:2] == ("按期答复率", name)]
        assert rows.index(next(one for one in rows if one[0] == "按期答复率")) == rows.index(tuple(exported.values()))
        n, of = exported["分子"], exported["分母"]
        assert metric.value == f"{n / of:.1%}" and metric.delta == f"{n:,}/{of:,} 件"
        assert f"<b>{n / of:.1%}</b>" in cells and f"{n:,} / {of:,}" in cells and name in cells
        assert tip.startswith(f"按期答复率（{name}）") and f"分子 {n:,}：" in tip and f"分母 {of:,} 件：" in tip
        assert metric.help.replace("\n\n", "\n") == tip
        assert any(one[0] and one[0].startswith(f"按期答复率（{name}）；分子 {n:,}") for one in notes)
        assert f"按期答复率（{name}）_逐月_全市_至2026年.xlsx" in books
        found[variant] = (n, of)
    assert found["bulletin"] != found["hotline"]


def test_a_county_shows_no_small_counts_when_taken_away(full, monkeypatch):
    _, books = taken(monkeypatch, part="单位", by="month", county="990102", kpi="satisfied_share", variant="hotline")
    head, *rows = next(sheets[0] for name, sheets in books.items() if "排名" in name)
    counts = [dict(zip(head, row, strict=True)) for row in rows]
    assert any(row["分子"] == "<5" for row in counts)
    told = {sheets[0][0].index("排名情况"): sheets for name, sheets in books.items() if "漏斗图" in name}
    ((at, (_, *drawn_rows)),) = ((at, sheets[0]) for at, sheets in told.items())
    assert drawn_rows and {row[at] for row in drawn_rows} <= {None, *kpis.STANDINGS.values()}
    taken_away = [sheets for name, sheets in books.items() if "漏斗图" in name or "逐月" in name]
    assert len(taken_away) == 2 and all("小于 5 的格子" in str(sheets) for sheets in taken_away)
    for row in counts:
        n, of = row["分子"], row["分母"]
        assert not isinstance(n, int) or n == 0 or n >= 5
        assert not (isinstance(n, int) and isinstance(of, int) and 0 < of - n < 5)
        assert isinstance(row["数值"], (int, float)) <= isinstance(n, int)


def test_a_county_says_no_small_number_of_what_is_left_out(full, monkeypatch):
    _, books = taken(monkeypatch, part="指标", by="month", county="990102")
    head, *rows = books[next(name for name in books if name.startswith("办理质效指标"))][0]
    for row in (dict(zip(head, one, strict=True)) for one in rows):
        for name in ("剔除", "未写明"):
            assert not isinstance(row[name], int) or row[name] == 0 or row[name] >= 5
    notes = str([sheets[1:] for name, sheets in books.items() if name.startswith("办理质效指标")])
    assert not re.search(r"(剔除|未写明|分子|分母) [1-4](?![\d,])", notes)
    assert any("小于 5 的格子" in str(sheets) for name, sheets in books.items() if "逐月" in name)


def test_reminders_are_of_the_next_three_working_days(full):
    at = opened(part="日提醒")
    assert "11月16日—11月18日 到期" in said(at)
    units, items = at.dataframe[0].value, at.dataframe[1].value
    assert units["n_due_soon"].sum() > 0 and set(items["due_on"].astype(str)) <= {
        f"2026-11-{day}" for day in (16, 17, 18)
    }
    assert all(why.startswith("应办结日") for why in items["why"])


# --- units -----------------------------------------------------------------------------------------------------------


def units(*counts: tuple[str, int, int]) -> pl.DataFrame:
    return pl.DataFrame(counts, schema=["unit_name", "numerator", "denominator"], orient="row")


def test_one_of_one_is_not_first():
    ranked = service_units.with_place(
        kpis.ranked(units(("甲局", 1, 1), ("乙局", 190, 200), ("丙局", 100, 200)), SHARE), SHARE
    )
    assert ranked["unit_name"].to_list() == ["乙局", "丙局", "甲局"]
    assert ranked["rank"].to_list() == [1, 2, None]
    assert ranked["band"].to_list() == ["green", "red", None]
    assert ranked["outside"].to_list() == ["above", "below", None]


def test_what_drives_a_unit_adds_up_to_its_distance():
    group = {"issue_group": ["01", "02"], "group_name": ["甲类", "乙类"]}
    own = pl.DataFrame({**group, "numerator": [30, 10], "denominator": [30, 30]})
    everybody = pl.DataFrame({**group, "numerator": [80, 60], "denominator": [100, 100]})
    rows = service_counts.drivers(own, everybody, SHARE)
    assert rows["group_name"].to_list() == ["乙类", "甲类"]
    assert [round(effect, 4) for effect in rows["effect"]] == [0.1333, -0.1]  # ½ (0.6 − ⅓), ½ (0.8 − 1)


counts = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=8)


@given(counts)
def test_neither_side_of_a_share_leaves_when_small(pairs):
    frame = units(*((f"{at}局", x, x + rest) for at, (x, rest) in enumerate(pairs)))
    safe = service_counts.safe(frame.with_columns(value=pl.col("numerator") / pl.col("denominator")), SHARE, k=5)
    for n, of, value in safe.select("numerator", "denominator", "value").iter_rows():
        assert n is None or n == 0 or n >= 5
        assert n is None or of is None or of == n or of - n >= 5
        assert value is None or math.isnan(value) or None not in (n, of)
    assert "numerator" + disclosure.MARK in safe.columns and not [name for name in safe.columns if name.startswith("_")]


def test_what_is_left_out_is_hidden_when_small():
    frame = units(("甲局", 60, 100)).with_columns(n_excluded=3, n_unknown=7)
    row = service_counts.safe(frame, SHARE, k=5, within=()).row(0, named=True)
    assert (row["n_excluded"], row["n_excluded__mark"], row["n_unknown"]) == (None, "<5", 7)
    more = {"numerator_text": "按期答复", "denominator_text": "全部", "filter_text": None, "excluded_text": "不予受理"}
    about = SHARE | more | {"cohort": "due", "basis": "条例", "kpi_version": 1, "is_local": False, "note": None}
    assert "剔除 <5 件：不予受理" in kpis.reading(about, row)
    small = units(("甲局", 2, 100)).with_columns(n_excluded=30, n_unknown=0)
    row = service_counts.safe(small, SHARE, k=5, within=()).row(0, named=True)
    assert "分子 <5：按期答复" in kpis.reading(about, row) and "剔除 隐去 件：不予受理" in kpis.reading(about, row)
    row = service_counts.safe(units(("甲局", 1, 3)), SHARE, k=5, within=()).row(0, named=True)
    assert "分母 <5 件：全部" in kpis.reading(about, row | {"n_excluded": 0, "n_unknown": 0})


def test_a_count_beside_nearly_as_many_items_is_hidden():
    rows = units(("", 120, None), ("", 60, 118), ("", 70, 90)).with_columns(
        kpi_unit=pl.Series(["count", "share", "share"]), known_sources=pl.lit("petition"), cohort=pl.lit("registered")
    )
    safe = service_counts.without_near(rows, 5)
    assert safe["numerator"].to_list() == [None, 60, 70] and safe["denominator"].to_list() == [None, 118, 90]
    assert safe["numerator" + disclosure.MARK].to_list() == [disclosure.HIDDEN, None, None]


def test_reminders_tell_no_complement():
    due = pl.DataFrame(
        {
            "unit_name": ["甲局", "乙局", "丙局"],
            "n_overdue": [24, 40, 9],
            "n_long_overdue": [23, 20, 0],
            "n_due_soon": [6, 7, 8],
            "earliest_due_on": [date(2026, 1, 1)] * 3,
        }
    )
    safe = service_reminders.safe_due(due, 5)
    assert safe["n_overdue"].to_list() == [24, 40, 9] and safe["n_long_overdue"][0] is None
    assert safe["n_long_overdue" + disclosure.MARK][0] == disclosure.HIDDEN and "_rest" not in safe.columns
    assert service_reminders.safe_due(due, 0)["n_long_overdue"].to_list() == [23, 20, 0]
    pairs = pl.DataFrame(
        {
            "unit_name": ["甲局", "乙局"], "issue_name": ["供暖", "供水"], "n_returned": [60, 20], "n_items": [62, 50],
            "value": [96.8, 40.0], "low": [89.0, 27.6], "high": [99.1, 53.8],
        }
    )  # fmt: skip
    row = service_reminders.safe_pairs(pairs, "n_returned", pl.Series([5, 5])).row(
        by_predicate=pl.col("unit_name") == "甲局", named=True
    )
    assert (row["n_returned"], row["value"], row["low"]) == (None, None, None)


def drawn(n_units: int = 40):
    sizes = [2 + k * k for k in range(n_units)]
    rows = [
        (f"第{k}街道办事处", n, 100 * min(1.0, 0.9 + 0.06 * (-1) ** k), (None, "below")[k == 39], n >= 20)
        for k, n in enumerate(sizes)
    ]
    frame = pl.DataFrame(rows, schema=["label", "n", "value", "outside", "is_ranked"], orient="row")
    limits = kpis.funnel(0.9, sizes).rename({"denominator": "n"}).with_columns(pl.exclude("n") * 100)
    return funnel(frame, limits=limits, centre=90.0, title="按期答复率")


def test_the_funnel_names_who_is_outside_and_can_be_taken_away():
    figure = drawn()
    words = [note.text for note in figure.layout.annotations]
    assert "第39街道办事处" in words and not any(f"第{k}街道办事处" in words for k in range(39))
    assert [trace.marker.symbol for trace in figure.data if trace.name == "界限之外"] == [("triangle-down",)]
    assert picture.png(figure)[:4] == b"\x89PNG" and picture.svg(figure) == picture.svg(drawn())
    assert slides.pptx(figure, title="按期答复率", note="口径")[:2] == b"PK"
    nothing = funnel(
        pl.DataFrame(schema={"value": pl.Float64, "n": pl.Int64}), limits=pl.DataFrame(), centre=90.0, title="空"
    )
    assert "没有可画的数据" in nothing.layout.annotations[0].text


# --- periods ---------------------------------------------------------------------------------------------------------


def scope(kind: str, n: int, first: date, last_period: date, last: date) -> service_scope.Scope:
    return service_scope.Scope(kind, n, first, last_period, last, "", None, "全市", True)


def test_the_period_before_is_as_long():
    quarter = scope("month", 3, date(2026, 1, 1), date(2026, 3, 1), date(2026, 3, 31)).before()
    assert (quarter.from_on, quarter.to_on, quarter.last_day) == (
        date(2025, 10, 1),
        date(2025, 12, 1),
        date(2025, 12, 31),
    )
    week = scope("week", 1, date(2026, 1, 5), date(2026, 1, 5), date(2026, 1, 11)).before()
    assert (week.from_on, week.to_on, week.last_day) == (date(2025, 12, 29), date(2025, 12, 29), date(2026, 1, 4))


def test_units_are_ranked_over_the_shortest_time_that_makes_a_ranking(full):
    month = scope("month", 1, date(2026, 10, 1), date(2026, 10, 1), date(2026, 10, 31))
    spans = month.longer(date(2023, 11, 20))
    assert [(one.n, one.from_on) for one in spans] == [
        (1, date(2026, 10, 1)),
        (3, date(2026, 8, 1)),
        (12, date(2025, 11, 1)),
    ]
    assert {(one.to_on, one.last_day) for one in spans} == {(date(2026, 10, 1), date(2026, 10, 31))}
    assert spans[2].name == "2025年11月—2026年10月"
    assert [one.n for one in month.longer(date(2026, 7, 31))] == [1, 3]  # not over a time without data
    year = scope("month", 12, date(2025, 1, 1), date(2025, 12, 1), date(2025, 12, 31))
    assert year.longer(date(2020, 1, 1)) == [year]
    too_few = kpis.ranked(
        units(("甲局", 9, 19), *((f"{n}局", 15, 20) for n in range(9)), *((f"小{n}局", 1, 1) for n in range(20))), SHARE
    )
    assert not service_units.is_ranking(too_few)
    assert service_units.is_ranking(kpis.ranked(units(*((f"{n}局", 15, 20) for n in range(10)), ("甲局", 1, 1)), SHARE))
    assert service_units.is_ranking(kpis.ranked(units(("甲局", 15, 20), ("乙局", 1, 1)), SHARE))


def test_a_month_of_few_items_is_ranked_with_the_months_before_it_and_says_so(full):
    asked = {"part": "单位", "by": "month", "period": "2026-10", "kpi": "satisfied_share", "variant": "hotline"}
    at = opened(**asked)
    assert at.segmented_control(key="over").value == "12" and "2025年11月—2026年10月，" in said(at)
    n_ranked = at.dataframe[0].value["rank"].notna().sum()
    assert n_ranked and "over" not in at.query_params
    at.segmented_control(key="over").set_value("1").run()
    assert "2026年10月，" in said(at) and at.query_params["over"] == "1"
    assert at.dataframe[0].value["rank"].notna().sum() < n_ranked


def test_a_default_that_changes_is_followed_until_something_is_chosen(full):
    at = opened(part="抽查评查", by="year", period="2025", county="990102", size="200")
    before = at.selectbox(key="strata").value
    at.selectbox(key="size").set_value("20").run()
    assert (before, at.selectbox(key="strata").value) == ("unit", "group") and "strata" not in at.query_params
    assert "按事项大类分层（" in said(at)
    at.selectbox(key="strata").set_value("unit").run()
    assert "比抽取的 20 件多，这次不分层" in said(at) and at.query_params["strata"] == "unit"


# --- 考核 --------------------------------------------------------------------------------------------------------------

TEMPLATE = """item_name,kpi_id,variant,method,full_score,reference,points,max_points,band_green,band_red,basis,note
按期答复率,reply_timely,past_due,share,10,,,,,,办法,
满意率,satisfied_share,unit,share,10,0.8,,,,,办法,
重复信访,repeat_share,petition,increase,,,1,3,,,办法,
化解率,solved_once,petition,below,,0.85,2,,,,办法,
总分,,,total,,0.6,,,90,85,办法,
"""


def template(folder, text: str = TEMPLATE) -> pl.DataFrame:
    (folder / "reference").mkdir(exist_ok=True)
    (folder / "reference" / "appraisal.csv").write_text(text, encoding="utf-8")
    return appraisal.template(folder)


def test_points_by_hand(tmp_path):
    rows = template(tmp_path)
    reply, rating, repeat, solved = (
        (kpi_id, variant)
        for kpi_id, variant in rows.filter(pl.col("method") != "total").select("kpi_id", "variant").iter_rows()
    )
    now = {
        reply: units(("甲局", 90, 100), ("乙局", 5, 5)),
        rating: units(("甲局", 72, 100), ("乙局", 30, 30)),
        repeat: units(("甲局", 9, 50), ("乙局", 1, 5)),
        solved: units(("甲局", 80, 100), ("乙局", 100, 100)),
    }
    before = {repeat: units(("甲局", 2, 50), ("乙局", 4, 5))}
    registry = dict.fromkeys(now, SHARE)
    details = appraisal.scored(
        rows, registry, now, before, {"甲局": "county_unit", "乙局": "county_unit", "丙局": "town"}
    )
    mine = details.filter(pl.col("unit_name") == "甲局")
    assert mine["score"].to_list() == [9.0, 9.0, -3.0, -2.0]  # 0.9 × 10; 0.72 ÷ 0.8 × 10; 7 more, at most 3; below 85 %
    assert mine["why"].to_list() == [
        "90.0%（90/100） ÷ 目标 100% × 10 分，得 9.00 分",
        "72.0%（72/100） ÷ 目标 80% × 10 分，得 9.00 分",
        "9 件，前一时段 2 件，增 7 件，扣 3 分",
        "80.0%（80/100），低于 85%，扣 2 分",
    ]
    totals = {row["unit_name"]: row for row in appraisal.totals(details, rows).iter_rows(named=True)}
    assert (totals["甲局"]["total"], totals["甲局"]["rank"], totals["甲局"]["band"]) == (
        65.0,
        1,
        "red",
    )  # (18 − 5) ÷ 20
    other = totals["乙局"]  # full marks, but only half of the points could be had: 5 answers are too few
    assert (other["total"], other["n_full"], other["rank"], other["standing"]) == (100.0, 10.0, None, "too_few")
    assert other["band"] is None
    assert totals["丙局"]["total"] is None and totals["丙局"]["standing"] == "no_data"
    assert "样本不足（5 件，少于 20 件），不计" in details["why"].to_list()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("share,10,,", "share,十,,", "第 2 行 full_score 列是“十”，应为不小于 0 的数字"),
        ("share,10,0.8", "rank,10,0.8", "第 3 行 method 列是“rank”，应为share、increase、below、total"),
        ("below,,0.85", "below,,", "第 5 行 reference 列是“空”，应为数字"),
        ("item_name,", "name,", "缺少列 item_name"),
    ],
)
def test_a_wrong_template_says_where(tmp_path, old, new, words):
    with pytest.raises(appraisal.BadTemplate, match=re.escape(words)):
        template(tmp_path, TEMPLATE.replace(old, new, 1))


def test_the_built_in_template_names_indicators_of_the_registry(tmp_path):
    known = {
        (row["kpi_id"], row["variant"]) for row in read_table(appraisal.SEED.parent / "kpi.csv").iter_rows(named=True)
    }
    own = appraisal.template(tmp_path).filter(pl.col("method") != "total")
    assert {
        key for key in own.select("kpi_id", "variant").iter_rows() if not key[0].startswith(appraisal.LEDGER)
    } <= known


LOCAL = """item_name,kpi_id,variant,method,full_score,reference,points,max_points,band_green,band_red,basis,note
按期答复率,reply_timely,hotline,share,10,,,,,,办法,
满意率,satisfied_share,hotline,share,10,,,,,,办法,
重复诉求,repeat_share,hotline,increase,,,1,10,,,办法,
领导包案化解率,ledger:leader_case,,below,,0.85,5,,,,办法,
总分,,,total,,0.5,,,90,85,办法,
"""


def test_every_addition_and_deduction_is_shown_and_taken_away(full, monkeypatch, tmp_path):
    home = copied(full, tmp_path)
    rows = template(home, LOCAL)
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at, books = taken(monkeypatch, part="考核", by="year", period="2025", peers="city_unit")
    head, *cells = next(sheets[0] for name, sheets in books.items() if name.startswith("考核得分"))
    lines = [dict(zip(head, row, strict=True)) for row in cells]
    names = rows["item_name"].to_list()[:-1]
    assert [line["考核项"] for line in lines] == names * (len(lines) // len(names)) and all(
        line["怎么算的"] for line in lines
    )
    for first in lines[:: len(names)]:
        own = [line for line in lines if line["单位"] == first["单位"] and line["得分"] is not None]
        had = sum(line["分值"] or 0 for line in own)
        assert first["折百总分"] == pytest.approx(max(0, 100 * sum(line["得分"] for line in own) / had), abs=0.01)
    shown = said(at)
    assert (
        all(wording.escape(line["怎么算的"]) in shown for line in lines[: len(names)]) and "个样本不足，不排名" in shown
    )
    assert "考核按月、季、年计" in said(opened(part="考核", by="week"))


# --- 抽查与评查 ----------------------------------------------------------------------------------------------------------


@given(
    st.dictionaries(st.text("甲乙丙丁", min_size=1, max_size=3), st.integers(1, 50), min_size=1, max_size=8),
    st.integers(8, 60),
)
def test_a_sample_is_shared_out_in_proportion(sizes, n):
    given_ = reviews.allocate(sizes, n)
    total = sum(sizes.values())
    assert sum(given_.values()) == min(n, total) and set(given_) == set(sizes)
    assert all(1 <= given_[name] <= sizes[name] for name in sizes)


def sample(at: AppTest) -> list[str]:
    return at.session_state["_sample_shown"]


def test_the_same_seed_draws_the_same_items(full):
    asked = {"part": "抽查评查", "by": "year", "period": "2025", "size": "50", "strata": "group"}
    first, again, other = sample(opened(**asked)), sample(opened(**asked)), sample(opened(**asked, seed="7"))
    assert first == again and len(set(first)) == 50 and set(first) != set(other)


ITEM = {"event_key": "00000000000000aa", "unit_name": "甲局", "issue_code": "0101", "closed_on": date(2026, 10, 8)}


def record(home, **given) -> int:
    asked = {
        "result": "pass",
        "faults": [],
        "note": "",
        "role": "office",
        "draw": "试",
        "version": "1",
        "request_id": uuid.uuid4().hex,
    }
    return reviews.record("case", {**ITEM, **given.pop("item", {})}, **{**asked, **given}, home=home)


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request, full, monkeypatch):
    """An empty state database of either kind."""
    if request.param == "postgresql":
        monkeypatch.setenv("YANPAN_STATE", request.getfixturevalue("postgres_state"))
    yield
    store.engine().dispose()
    store._engine.cache_clear()


def test_a_review_is_kept_redacted_and_never_changed(full, state):
    assert (
        record(full.path, faults=["A1", "B2"], result="fair", note="已与张伟核实，电话13812345678", request_id="a")
        == 80
    )
    assert record(full.path, request_id="a") == 80  # the same click
    record(full.path, item={"event_key": "00000000000000bb"}, result="fail", note="答复不针对诉求")
    record(full.path, result="pass", at=datetime(2026, 11, 16, 9))  # looked at again
    found = reviews.current("case")
    assert found["result"].to_list() == ["fail", "pass"] and reviews.current("spot").is_empty()
    with store.reading() as connection:
        notes = connection.execute(sa.select(store.review.c.note)).scalars().all()
    assert len(notes) == 3 and "13812345678" not in notes[0] and "张伟" not in notes[0]
    (unit,) = reviews.by_unit(found, date(2026, 10, 1), date(2026, 10, 31)).iter_rows(named=True)
    assert (unit["n_reviewed"], unit["n_pass"], unit["n_fail"], unit["passed_share"], unit["mean_points"]) == (
        2,
        1,
        1,
        0.5,
        100,
    )
    assert (unit["low_share"], unit["high_share"]) == kpis.interval(1, 2)
    assert reviews.by_unit(found, date(2026, 11, 1), date(2026, 11, 30)).is_empty()
    for change in (sa.update(store.review).values(result="pass"), sa.delete(store.review)):
        with pytest.raises(sa.exc.IntegrityError, match="append-only"), store.writing() as connection:
            connection.execute(change)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"role": "unit"}, "承办单位不评查自己"),
        ({"result": ""}, "请选定评查结论"),
        ({"result": "fail"}, "须选扣分项或写明说明"),
        ({"faults": ["Z9"]}, "没有编号 Z9"),
        ({"note": "长" * 501}, "最多 500 字"),
    ],
)
def test_a_review_that_is_refused(full, asked, words):
    with pytest.raises(cases.Refused, match=words):
        record(full.path, **asked)
    assert reviews.current("case").is_empty()


def test_a_wrong_checklist_says_where(tmp_path):
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "review_check.csv").write_text(
        "check_code,stage,check_name,points,basis\nA1,受理,要素,五,\n", encoding="utf-8"
    )
    with pytest.raises(reviews.BadChecklist, match="第 2 行"):
        reviews.checklist(tmp_path)


def test_a_result_is_recorded_on_the_page(full):
    at = opened(part="抽查评查", by="year", period="2025", review="case")
    assert "先选定身份" in said(at)
    at.segmented_control(key="role").set_value("office").run()
    (faults,) = at.multiselect
    faults.set_value(["D1"])
    next(one for one in at.segmented_control if one.label == "结论").set_value("pass")
    at.button[-1].click().run()
    assert not at.exception
    assert "已登记：合格，95 分。" in said(at) and "已评 1 件，合格和基本合格 1 件" in said(at)
    (row,) = reviews.current("case").iter_rows(named=True)
    assert row["event_key"] == sample(at)[0] and row["faults"] == ["D1"] and "种子 1" in row["draw"]
