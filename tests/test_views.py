"""Each page: full, empty, stale; filters from the URL; nothing that should not be there."""

import json
import re
import shutil
from datetime import date, datetime, time, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from app import disclosure, filters, page, server, wording
from app.parts import casework, course, listed, week
from app.warned import safe_signals
from pipelines import build
from pipelines.config import home as open_home
from tests import builders

MAIN = str(Path(__file__).resolve().parents[1] / "app" / "main.py")
VIEWS = {
    "weekly": "本周研判",
    "hotspots": "热点地图",
    "trends": "趋势分析",
    "issues": "高频事项",
    "early_warnings": "预警清单",
    "warning": "一条预警",
    "intake": "数据接入",
    "dispatch": "智能分派",
}
MONDAY_AFTER = date(2026, 11, 16)


@pytest.fixture(scope="session")
def patchy_home(tmp_path_factory):
    """Grid items alone, no reference: from a Thursday to a Saturday, with three months missing in spring."""
    home = open_home(tmp_path_factory.mktemp("缺口 patchy"))
    days = [date(2018, 2, 8) + timedelta(days=n) for n in range(297)]
    registered = [
        {"registered_at": datetime.combine(day, time(9)), "community_name": f"{'东西'[day.day % 2]}滩社区"}
        for day in days
        if not date(2018, 3, 5) <= day < date(2018, 6, 4)
    ]
    same = {"source": "grid", "county_name": "北屿区", "town_name": "长滩街道", "category_raw": "市容环卫>无照经营"}
    builders.load(home, builders.make_events(*registered, n=3, **same))
    build.build(home, today=date(2018, 12, 10))
    return home


@pytest.fixture
def patchy(patchy_home, monkeypatch):
    monkeypatch.setenv("YANPAN_HOME", str(patchy_home.path))
    monkeypatch.setattr(page, "today", lambda: date(2018, 12, 10))
    return patchy_home


def copied(home, folder: Path, *changes: str) -> Path:
    """A home with a copy of the serving version, `changes` (SQL) applied."""
    target = folder / "改过的 home"
    (target / "marts").mkdir(parents=True)
    name = home.current.read_text().strip()
    shutil.copy(home.marts / name, target / "marts" / name)
    (target / "marts" / "CURRENT").write_text(name)
    with duckdb.connect(target / "marts" / name) as connection:
        for change in changes:
            connection.execute(change)
    return target


def opened(view: str, **query_params: str) -> AppTest:
    """Straight from a link: nothing else is in the address."""
    at = AppTest.from_file(MAIN, default_timeout=300)
    if view not in server.PAGES:  # its address is not its file's name: a first run tells it to AppTest
        at.run()
        at.query_params.clear()
    for name, value in query_params.items():
        at.query_params[name] = value
    return at.switch_page(f"views/{view}.py").run()


opened_at = opened


def links(at: AppTest) -> list:
    return [element.proto for element in at.get("page_link")]


def said(at: AppTest) -> str:
    """Every word of HTML, markdown and headings on the page, without the style sheet."""
    bodies = [element.proto.body for element in at.get("html")] + [element.value for element in at.markdown]
    return "\n".join(re.sub(r"<style>.*?</style>|<[^>]+>", "", body, flags=re.S) for body in bodies)


def sql(home, text: str):
    with duckdb.connect(home.marts / home.current.read_text().strip(), read_only=True) as connection:
        return connection.execute(text).fetchall()


@pytest.mark.parametrize("view", VIEWS)
def test_full(full, view):
    at = opened(view)
    assert not at.exception
    assert VIEWS[view] in said(at) and "数据截至 2026年11月15日" in said(at)
    assert "没有新数据入库" not in said(at)


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "intake"])  # it offers the upload instead
def test_empty_says_what_to_do(empty_home, view):
    at = opened(view)
    assert not at.exception
    assert "尚无数据" in said(at)
    assert "yanpan ingest" in at.code[0].value


@pytest.mark.parametrize("view", VIEWS)
def test_stale_is_said_calmly(full, view, monkeypatch):
    monkeypatch.setattr(page, "today", lambda: date(2027, 1, 4))
    at = opened(view)
    assert not at.exception
    assert "最近一次登记是 2026年11月15日" in said(at)


def test_about_needs_no_data(empty_home):
    at = opened("about")
    assert not at.exception
    assert "不提供按人查询" in said(at)


def test_headline_is_the_sum_of_the_items(full):
    (expected,) = sql(full, "select count(*) from event where registered_on between '2026-11-09' and '2026-11-15'")[0]
    figures = {metric.label: metric.value for metric in opened("weekly").metric}
    assert figures["诉求总量"] == f"{expected:,}"
    parts = [int(figures[name].replace(",", "")) for name in ("信访", "12345热线", "网格")]
    assert sum(parts) == expected


def test_an_earlier_week_by_url(full):
    (expected,) = sql(full, "select count(*) from event where registered_on between '2026-10-12' and '2026-10-18'")[0]
    at = opened("weekly", week="2026-W42")
    assert at.selectbox(key="week").value == "2026-W42"
    assert at.metric[0].value == f"{expected:,}"


def test_a_new_version_is_followed_without_a_restart(full, tmp_path, monkeypatch):
    home = copied(full, tmp_path)
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = opened("weekly")
    old = (home / "marts" / "CURRENT").read_text()
    newer = home / "marts" / "marts-000099.duckdb"
    shutil.copy(home / "marts" / old, newer)
    with duckdb.connect(newer) as connection:
        connection.execute("update meta set value = '99' where key = 'version'")
    assert "版本 99" not in said(at.run())
    (home / "marts" / "CURRENT").write_text(newer.name)
    assert "版本 99" in said(at.run())


def test_a_choice_made_before_the_browser_heard_of_the_last_one_loses_neither(full):
    at = opened("trends")
    before = dict(at.query_params)
    at.selectbox(key="source").set_value("grid").run()
    at.query_params.clear()
    for name, value in before.items():  # the browser was not told yet: it asks with the address of before
        at.query_params[name] = value
    at.segmented_control(key="grain").set_value("month").run()
    assert at.selectbox(key="source").value == "grid" and at.segmented_control(key="grain").value == "month"
    assert (at.query_params["source"], at.query_params["grain"]) == ("grid", "month")
    at.query_params["source"] = "petition"  # an address nobody here has written: a link
    at.run()
    assert at.selectbox(key="source").value == "petition" and at.segmented_control(key="grain").value == "month"


def test_an_unknown_code_in_the_url_falls_back(full):
    at = opened("trends", county="123456", source="email")
    assert not at.exception
    assert at.selectbox(key="county").value == "" and at.selectbox(key="source").value == ""


def test_filters_go_to_the_url(full):
    at = opened("trends")
    at.selectbox(key="source").set_value("grid").run()
    assert at.query_params["source"] in ("grid", ["grid"])
    at.selectbox(key="source").set_value("").run()
    assert "source" not in at.query_params


def test_nothing_for_this_filter(full):
    (unused,) = sql(full, "select min(issue_code) from issue where issue_code not in (select issue_code from event)")[0]
    if unused is None:
        pytest.skip("演示数据里每个事项都有")
    at = opened("trends", issue=unused)
    assert not at.exception
    assert "这个筛选下没有登记的事项" in said(at)


def test_map_asks_nobody_for_tiles(full):
    at = opened("hotspots")
    (drawing,) = builders.maps_of(at)
    assert len(drawing["places"]) == 9 and "http" not in json.dumps(drawing)
    assert not at.get("deck_gl_json_chart")


def test_drilled_map_shows_the_places_inside(full):
    (county,) = sql(full, "select min(place_code) from place where place_level = 'county' and has_boundary")[0]
    at = opened("hotspots", place=county)
    assert not at.exception
    (drawing,) = builders.maps_of(at)
    inside = [
        code for (code,) in sql(full, f"select place_code from place where parent_code = '{county}' and has_boundary")
    ]
    assert sorted(place["id"] for place in drawing["places"]) == sorted(inside)
    assert [button.label for button in at.button if "全市" in button.label]


def test_without_a_boundary_the_table_stands_in(full, tmp_path, monkeypatch):
    gone = "(select min(place_code) from place where place_level = 'county')"
    home = copied(full, tmp_path, f"delete from boundary where place_code = {gone}")
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = opened("hotspots")
    assert not at.exception
    assert not builders.maps_of(at)
    assert "1 个县区没有边界" in said(at) and "用表格代替地图" in said(at) and "在图上" not in said(at)
    assert len(at.dataframe[0].value)


def test_a_place_outside_the_reference_is_listed_beside_the_map(full, tmp_path, monkeypatch):
    gone = "(select min(place_code) from place where place_level = 'county')"
    changes = (
        f"delete from boundary where place_code = {gone}",
        f"update place set is_provisional = true where place_code = {gone}",
    )
    monkeypatch.setenv("YANPAN_HOME", str(copied(full, tmp_path, *changes)))
    at = opened("hotspots")
    assert not at.exception
    assert builders.maps_of(at)
    assert "1 个县区没有边界" in said(at) and "不在图上，列在表里" in said(at) and "全部在图上" not in said(at)
    assert len(at.dataframe[0].value) == sql(full, "select count(*) from place where place_level = 'county'")[0][0]


def test_a_county_the_source_does_not_cover_is_unknown_and_not_zero(full, tmp_path, monkeypatch):
    county = "(select min(place_code) from place where place_level = 'county')"
    changes = (f"delete from weekly_counts where county_code = {county} and source = 'petition'",)
    monkeypatch.setenv("YANPAN_HOME", str(copied(full, tmp_path, *changes)))
    counts = opened("hotspots", source="petition", weeks="52").dataframe[0].value
    assert counts["n_events"].isna().sum() == 1 and not (counts["n_events"] == 0).any()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"level": "town"},
        {"place": "北屿区"},
        {"place": "北屿区", "level": "community"},
        {"place": "北屿区/长滩街道"},
        {"place": "没有这里"},
    ],
)
def test_without_reference_every_level_is_a_table(patchy, params):
    at = opened("hotspots", **params)
    assert not at.exception
    assert not builders.maps_of(at) and len(at.dataframe[0].value)
    assert "边界，用表格代替地图" in said(at) and "在图上" not in said(at)


def test_a_place_with_nothing_inside_shows_its_items(patchy):
    at = opened("hotspots", place="北屿区/长滩街道/东滩社区", weeks="1")
    assert not at.exception
    (n,) = sql(
        patchy,
        "select count(*) from event where community_code like '%东滩社区' and registered_on between '2018-11-19' and '2018-11-25'",
    )[0]
    assert at.metric[0].value == f"{n} 件"
    assert at.metric[0].delta == "较上期 样本少" and "上期 12 件" in at.metric[0].help
    assert sum(element.proto.body.count('<article class="item">') for element in at.get("html")) == n
    (link,) = [link for link in links(at) if "高频事项" in link.label]
    for part in ("week=2018-W47", "weeks=1", "community="):
        assert part in link.query_string


def test_issues_of_one_community(patchy):
    (issue,) = sql(patchy, "select min(issue_code) from event")[0]
    where = {"county": "北屿区", "town": "北屿区/长滩街道", "community": "北屿区/长滩街道/东滩社区"}
    at = opened("issues", issue=issue, weeks="1", **where)
    assert not at.exception
    assert "东滩社区" in said(at) and "西滩社区" not in said(at)


@pytest.mark.parametrize("grain", ["week", "month", "day"])
def test_periods_begin_on_mondays_and_firsts(patchy, grain):
    at = opened("trends", grain=grain, span="52")
    assert not at.exception
    periods = pl.from_pandas(at.dataframe[0].value).sort("period_start_on")
    starts = periods["period_start_on"].to_list()
    (n_events,) = sql(patchy, "select count(*) from event")[0]
    assert periods["n_events"].sum() == n_events
    assert all(start.day == 1 for start in starts) or grain != "month"
    assert all(start.weekday() == 0 for start in starts) or grain != "week"
    if grain != "day":
        assert periods["is_incomplete"].to_list() == [True] + [False] * (len(starts) - 2) + [True]
    unknown = periods.filter(pl.col("n_events").is_null())["period_start_on"]
    assert len(unknown) and all(date(2018, 3, 5) <= day < date(2018, 6, 4) for day in unknown.cast(pl.Date))
    assert not (periods["n_events"] == 0).any()


def test_weeks_after_the_last_full_one_are_incomplete(patchy, tmp_path, monkeypatch):
    home = copied(patchy, tmp_path, "update meta set value = '2018-11-12' where key = 'last_full_week'")
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = opened("trends")
    periods = pl.from_pandas(at.dataframe[0].value).sort("period_start_on")
    last = periods.filter(~pl.col("is_incomplete"))["period_start_on"].cast(pl.Date).max()
    assert last == date(2018, 11, 12)
    assert "2018-W47" not in at.selectbox(key="week").options


def test_a_span_is_named(full):
    labels = [metric.label for metric in opened("trends").metric]
    assert "合计较去年同期（整段 52 个整周）" in labels


@pytest.mark.parametrize("view", ["weekly", "early_warnings"])
def test_a_week_without_verdicts_is_not_a_quiet_week(patchy, view):
    (judged_from,) = sql(patchy, "select value from meta where key = 'judged_from'")[0]
    at = opened(view, week="2018-W08")
    assert not at.exception
    since = wording.full_day(date.fromisoformat(judged_from))
    assert f"这一周没有判定（从 {since} 那一周起才有判定）" in said(at)
    assert "没有超出" not in said(at) and "没有预警" not in said(at)


def test_only_weeks_with_items_can_be_picked(patchy):
    at = opened("weekly")
    codes = [filters.wording.week_code(monday) for (monday,) in sql(patchy, "select distinct week_start_on from event join calendar on day_on = registered_on order by 1")]  # fmt: skip
    shown = at.selectbox(key="week").options
    assert len(shown) == len(codes) - 2  # the first and the last are not whole
    assert not any("第14周" in week for week in shown)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("2018-W14", "2018年第14周（4月2日—4月8日）没有入库的事项"),
        ("2018-W50", "还没有收满"),
        ("nonsense", "无法识别"),
        ("2018-W99", "无法识别"),
    ],
)
@pytest.mark.parametrize("view", ["weekly", "hotspots", "trends", "issues", "early_warnings"])
def test_another_week_is_never_shown_silently(patchy, view, asked, words):
    at = opened(view, week=asked)
    assert not at.exception
    assert words in said(at)
    assert at.selectbox(key="week").value is None and not at.metric and not at.dataframe
    at.selectbox(key="week").set_value("2018-W46").run()
    assert at.query_params["week"] in ("2018-W46", ["2018-W46"]) and words not in said(at)


def test_a_week_after_a_gap_has_nothing_to_be_compared_with(patchy):
    deltas = {metric.label: metric.delta for metric in opened("weekly", week="2018-W23").metric}
    assert deltas == {"诉求总量": "环比 无可比数据", "网格": "环比 无可比数据"}


def test_a_period_that_reaches_before_the_data_says_so(patchy):
    assert "选定的 52 周里，有数据的整周是 28 周" in said(opened("issues", weeks="52"))


def test_the_week_is_always_in_the_url_and_in_links(full):
    at = opened("weekly")
    assert at.query_params["week"] in ("2026-W46", ["2026-W46"])
    weekly = [link for link in links(at) if link.page != "screen"]  # the wall always shows the newest week
    assert weekly and all("=2026-W" in link.query_string for link in weekly)  # week, or period of a report


def test_figures_nobody_gave_are_left_out(patchy):
    at = opened("weekly")
    assert {metric.label for metric in at.metric} == {"诉求总量", "网格"}
    assert "本库没有这些数据：信访、12345热线" in said(at)
    assert "共 0 条" not in said(at)


def test_holiday_weeks_are_not_compared_by_workday():
    def figures(n_workdays: int) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "week_start_on": [date(2026, 9, 28), date(2026, 10, 5)],
                "n_workdays": [n_workdays, 5],
                "n_events": [900, 600],
                "n_on_workdays": [300, 500],
            }
        )

    assert week.workday_sentence(figures(2), date(2026, 10, 5)) == "节假日周，不作工作日比较。"
    said = week.workday_sentence(figures(3), date(2026, 10, 5))
    assert "本周 5 个工作日，日均 100.0 件" in said and "上周 3 个，日均 100.0 件，环比 ±0.0%" in said


def test_rising_issues_are_above_their_bound_largest_excess_first(full):
    rows = sql(
        full,
        "select issue_name from weekly_detection join issue using (issue_code) where place_level = 'city' "
        "and week_start_on = '2026-11-09' and observed > upper_bound and observed >= 5 order by observed - expected desc limit 6",
    )
    body = said(opened("weekly")).split("超出预期最多的事项")[1]
    if not rows:
        assert "正常范围" in body
    at = [body.index(name) for (name,) in rows]
    assert at == sorted(at)


def test_the_rule_behind_the_levels_is_said(full):
    (rule,) = sql(full, "select value from meta where key = 'level_rule'")[0]
    at = opened("early_warnings")
    [block] = at.expander
    assert block.label == "怎样定级" and wording.escape(rule) in block.get("html")[0].proto.body
    assert said(at).count(wording.escape(rule)) == 1  # and not once more below the list


@pytest.mark.parametrize(
    ("verdict", "n", "is_listed", "outcome"),
    [
        ("alarm", 30, False, "▲ 仍偏高"),
        ("alarm", 30, True, "▲ 仍偏高"),
        ("normal", 1, True, "△ 回落，仍在清单"),
        ("normal", 21, True, "△ 未超上限，仍在清单"),
        ("normal", 1, False, "▽ 已回落"),
        ("not_assessed", 30, True, "— 无法判定"),
    ],
)
def test_what_became_of_a_warning_follows_its_figures(full, tmp_path, monkeypatch, verdict, n, is_listed, outcome):
    """One warning of the week before, of 20 items: its verdict is that of the count shown beside it."""
    monday = "date '2026-11-09'"
    changes = [
        "create temp table one as from signal where kind = 'excess' order by week_start_on desc, signal_id limit 1",
        "delete from signal",
        f"insert into signal select * replace ({monday} - 7 as week_start_on, 20 as observed, 15.0 as upper_bound) from one",
        f"delete from weekly_detection using one where weekly_detection.week_start_on = {monday} "
        "and weekly_detection.place_code = one.place_code and weekly_detection.issue_code = one.issue_code",
        "insert into weekly_detection by name select week_start_on, place_level, place_code, issue_code, "
        f"{n} as observed, 5.0 as expected, 25.0 as upper_bound, '{verdict}' as status from (select {monday} as "
        "week_start_on, place_level, place_code, issue_code from one)",
    ]
    if is_listed:
        changes.append(f"insert into signal select * replace ({monday} as week_start_on, {n} as observed) from one")
    monkeypatch.setenv("YANPAN_HOME", str(copied(full, tmp_path, *changes)))
    at = opened("weekly", week="2026-W46")
    assert not at.exception
    assert said(at).count(outcome) == 1
    if is_listed:
        assert said(at).count("仍") == outcome.count("仍")


def test_an_outcome_is_broken_after_a_comma_alone():
    assert (
        week.unbreakable("△ 回落，仍在清单") == '<span class="sure">△ 回落，</span><span class="sure">仍在清单</span>'
    )


@pytest.mark.parametrize(("kind", "n_weeks"), [("excess", "1"), ("matter", "4"), ("cluster", "4"), ("emerging", "4")])
def test_the_items_of_a_warning_are_those_of_the_weeks_it_counts(full, tmp_path, monkeypatch, kind, n_weeks):
    """Also where none of them came in the last week: it is on the curve, as 0."""
    changes = (
        "create temp table one as from signal where kind = 'excess' and place_level <> 'city' "
        "and week_start_on < date '2026-11-09' order by week_start_on desc, signal_id limit 1",
        "delete from signal",
        f"insert into signal select * replace ('{kind}' as kind, '{kind}' as kinds, week_start_on + 7 as week_start_on) from one",
        "delete from event using one where event.registered_at >= one.week_start_on + 7 and event.issue_code = one.issue_code",
        "delete from weekly_counts using one where weekly_counts.week_start_on > one.week_start_on "
        "and weekly_counts.issue_code = one.issue_code",
    )
    home = copied(full, tmp_path, *changes)
    monkeypatch.setenv("YANPAN_HOME", str(home))
    with duckdb.connect(home / "marts" / (home / "marts" / "CURRENT").read_text(), read_only=True) as connection:
        signal_id, monday = connection.execute("select signal_id, week_start_on from signal").fetchall()[0]
    page_links = links(opened("warning", id=signal_id))
    for label in ("看这些事项", "地图"):
        [asked] = [link.query_string for link in page_links if link.label == label]
        assert f"weeks={n_weeks}" in asked
    [asked] = [link.query_string for link in page_links if link.label == "看这些事项"]
    at = opened_at("issues", **dict(part.split("=") for part in asked.split("&")))
    assert not at.exception
    items = re.search(r"具体事项([\d,]+) 件", said(at))[1]
    assert (int(items) > 0) == (n_weeks == "4")
    assert monday.isoformat() in at.get("plotly_chart")[0].proto.spec


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"observed": 7, "upper_bound": 3.0, "n_weeks": 2}, "本周超出往年和近期水平，本周是第 2 周"),
        ({"observed": 7, "upper_bound": 8.0, "n_weeks": 2}, "仍列入预警，本周是第 2 周"),
        ({"observed": 7, "upper_bound": None, "n_weeks": 1}, "：列入预警，本周首次出现"),
        ({"observed": 7, "upper_bound": 3.0, "n_weeks": 1, "kind": "matter"}, "近几周超出平常水平，本周首次出现"),
    ],
)
def test_above_the_limit_is_said_only_of_what_is(changes, words):
    signal = {"issue_code": "1002", "title": "云溪区 就医服务", "kind": "rise", "sentence": "7 件"} | changes
    assert words in wording.spoken(signal) and ("超出" in wording.spoken(signal)) == ("超出" in words)


def test_the_list_to_take_away(full):
    """Two units with names of their own, no more digits than are sure, nothing empty."""
    with duckdb.connect(full.marts / full.current.read_text().strip(), read_only=True) as connection:
        signals = connection.sql("from signal where unit_name is null").pl()
    shown = listed.to_take_away(safe_signals(casework.with_status(signals, None)))
    assert "unit_name" not in shown.columns and "responsible_unit" in shown.columns
    assert not [name for name in shown.columns if shown[name].is_null().all()]
    for name in ("expected", "upper_bound", "excess"):
        assert shown[name].drop_nulls().to_list() == [round(value, 1) for value in shown[name].drop_nulls()]
    for name in ("p_value", "chance_per_year"):
        assert all(float(f"{value:.3g}") == pytest.approx(value, rel=1e-12) for value in shown[name].drop_nulls())
    assert shown["chance_per_year"].min() == pytest.approx(signals["chance_per_year"].min(), rel=0.01)
    labels = [listed.LABELS_TAKEN_AWAY[name] for name in ("unit_name", "to_unit")]
    assert labels == ["预警所指单位", "现承办单位"]


def test_a_hidden_column_is_not_an_empty_one():
    hidden = pl.DataFrame(
        {"observed": [None], "observed" + disclosure.MARK: ["<10"], "caveat": [""], "title": ["供暖"]}
    )
    figures = {
        name: [8.429967591208724] for name in ("expected", "upper_bound", "excess", "p_value", "chance_per_year")
    }
    words = dict.fromkeys(("evidence", "blind_spots", "covered_by", "case_status", "kind", "finding", "reason"), "")
    shown = listed.to_take_away(hidden.with_columns(pl.Series(n, v) for n, v in figures.items()).with_columns(
        pl.lit(said).alias(name) for name, said in words.items()
    ))  # fmt: skip
    assert "observed" in shown.columns and "caveat" not in shown.columns
    assert shown.row(0, named=True)["excess"] == 8.4 and shown.row(0, named=True)["p_value"] == pytest.approx(8.43)


def test_a_warning_without_an_id_is_said(full):
    at = opened_at("warning")
    assert not at.exception and "没有写明是哪一条预警" in said(at) and "没有编号为" not in said(at)


def test_no_backtest_yet_names_the_command_alone(full):
    at = opened_at("early_warnings", part="回测")
    assert not at.exception and "还没有做过回测" in said(at)
    assert [block.value for block in at.code] == ["yanpan backtest"]


def test_filters_go_along_by_the_menu(full):
    at = opened("trends", source="grid", county="990101")
    for name in ("source", "county", "week"):  # the menu leads to a bare address
        at.query_params.pop(name, None)
    at.switch_page("views/issues.py").run()
    assert at.selectbox(key="source").value == "grid" and at.selectbox(key="county").value == "990101"
    assert at.query_params["source"] in ("grid", ["grid"])


def test_no_town_without_a_county(full):
    town = opened("trends").selectbox(key="town")
    assert town.disabled and town.options == ["先选县区"]


def test_the_hint_on_the_page_is_not_in_the_export(full):
    at = opened("trends")
    notes = [element.proto.body for element in at.get("html") if "按登记日期计" in element.proto.body]
    assert "选定一个事项" in said(at) and not any("选定一个事项" in note for note in notes)


def test_a_month_without_data_is_unknown():
    series = pl.DataFrame({"period_start_on": [date(2026, 3, 1), date(2026, 4, 1)], "n_events": [0, 0]})
    covered = pl.DataFrame({"week_start_on": [date(2026, 3, 30)]})
    assert course.with_unknown(series, "month", covered)["n_events"].to_list() == [0, 0]
    assert course.with_unknown(series, "month", covered.clear())["n_events"].to_list() == [None, None]


def test_the_server_knows_every_page():
    paths = re.findall(r'one\("\w+", "[^"]+", "\w+", "(\w+)"', Path(MAIN).read_text(encoding="utf-8"))
    assert tuple(paths) == server.PAGES and server.LOST == page.LOST


def test_expected_band_where_one_issue_is_chosen(full):
    (issue,) = sql(full, "select issue_code from event group by 1 order by count(*) desc limit 1")[0]
    at = opened("trends", issue=issue)
    assert "预期" in at.get("plotly_chart")[0].proto.spec


def test_one_warning_by_url(full):
    rows = sql(full, "select signal_id, sentence from signal order by week_start_on desc, rank limit 1")
    if not rows:
        pytest.skip("演示数据里没有预警")
    signal_id, sentence = rows[0]
    at = opened("warning", id=signal_id)
    assert not at.exception
    assert wording.escape(sentence) in said(at)
    assert wording.LEVEL_NOTE in said(at)


def test_a_warning_says_on_what_evidence(full):
    rows = sql(full, "select signal_id, week_start_on from signal where kinds like '%,%' order by week_start_on desc")
    at = opened("warning", id=rows[0][0], week=wording.week_code(rows[0][1]))
    assert not at.exception
    grounds = next(frame.value for frame in at.dataframe if "asked" in frame.value.columns)
    assert {"数量超出"} < set(grounds["kind"]) <= set(wording.KINDS.values())


def test_units_within_their_limits_are_said_and_the_nearest_is_drawn(full):
    at = opened("early_warnings", part="单位办理")
    assert not at.exception
    assert "判定了" in said(at) and "到期未办结" in said(at)
    assert "占到期的比例" in at.get("plotly_chart")[0].proto.spec


def test_a_link_to_an_older_warning_leads_to_its_week(full):
    rows = sql(full, "select signal_id, max(week_start_on) from signal group by 1 order by 2, 1 limit 1")
    if not rows:
        pytest.skip("演示数据里没有预警")
    at = opened_at("early_warnings", signal=rows[0][0])  # as earlier versions wrote it
    assert f"预警编号 {rows[0][0]} · {wording.week_name(rows[0][1])}" in said(at)


def test_a_warning_that_is_gone_is_said(full):
    at = opened("warning", id="0000000000")
    assert not at.exception
    assert "没有编号为 0000000000 的预警" in said(at)


def test_items_come_a_hundred_a_page(full):
    issue, n = sql(full, "select issue_code, count(*) from event group by 1 order by 2 desc limit 1")[0]
    at = opened("issues", issue=issue, weeks="52")
    assert not at.exception
    shown = sum(element.proto.body.count('<article class="item">') for element in at.get("html"))
    assert shown == min(100, n) or 0 < shown < n


def test_items_are_shown_as_text_and_never_as_markup():
    row = dict.fromkeys(["channel", "unit_name", "category_raw", "closed_on", "is_overdue", "is_repeat", "is_group"])
    row |= {"registered_on": date(2026, 11, 9), "source": "grid", "place_name": "云溪区", "status": "registered"}
    row |= {"suggested_name": "<b>", "issue_confidence": 0.917}
    shown = wording.item(row | {"title": "<script>", "text": "<img src=x onerror=alert(1)>"})
    assert "<script>" not in shown and "<img" not in shown
    assert "<i>系统建议分类</i>&lt;b&gt;，把握 92%" in shown
    assert "不存内容" in wording.item(row | {"title": None, "text": None})


def test_every_file_balances(full):
    at = opened("intake", tab="批次")
    table = at.dataframe[0].value
    assert table["balanced"].all()
    assert len(table) == sql(full, "select count(*) from batch")[0][0]


def test_the_page_can_only_read(full):
    from app import marts, versions

    cursor = marts._connection(str(versions.current_version())).cursor()
    cursor.execute("use marts")
    for attempt in ("delete from event", "select * from read_csv('/etc/hostname')", "attach 'x.duckdb' as x"):
        with pytest.raises(duckdb.Error):
            cursor.execute(attempt).fetchall()
    [[spill]] = cursor.execute("select value from duckdb_settings() where name = 'temp_directory'").fetchall()
    assert Path(spill) == full.marts / "spill"  # what does not fit into memory is written there, nowhere else


def test_a_question_too_large_for_the_pages_is_asked_again_by_itself(full, monkeypatch, caplog):
    from app import marts, versions

    large = "select count(*) as n, length(list(md5(i::varchar))[$at]) as length from range(4000000) as many (i)"
    monkeypatch.setattr(marts, "text", lambda name: large)
    with caplog.at_level("INFO", "app.marts"):
        answer = marts._answer("large", (("at", 1),), str(versions.current_version()))
    assert answer.row(0) == (4_000_000, 32)
    assert "large asked again" in caplog.text


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [(110, 100, "+10.0%"), (90, 100, "−10.0%"), (9, 4, "样本少"), (5, None, "无可比数据"), (100, 100, "±0.0%")],
)
def test_a_small_base_gives_no_percentage(now, before, words):
    assert wording.change(now, before).words == words
