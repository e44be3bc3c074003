"""Each page: full, empty, stale; filters from the URL; nothing that should not be there."""

import json
import re
import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from app import page, wording

MAIN = str(Path(__file__).resolve().parents[1] / "app" / "main.py")
VIEWS = {
    "weekly": "本周研判",
    "hotspots": "热点地图",
    "trends": "趋势分析",
    "issues": "高频事项",
    "early_warnings": "预警清单",
    "intake": "数据接入",
}
MONDAY_AFTER = date(2026, 11, 16)


@pytest.fixture
def full(demo_home, monkeypatch):
    """The demo city, looked at on the Monday after its last week."""
    monkeypatch.setenv("YANPAN_HOME", str(demo_home.path))
    monkeypatch.setattr(page, "today", lambda: MONDAY_AFTER)
    return demo_home


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
    at = AppTest.from_file(MAIN, default_timeout=60).run()
    if view != "weekly":
        at.switch_page(f"views/{view}.py")
    for name, value in query_params.items():
        at.query_params[name] = value
    return at.run()


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


@pytest.mark.parametrize("view", VIEWS)
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
    deck = json.loads(at.get("deck_gl_json_chart")[0].proto.json)
    assert deck["mapStyle"] == "__MAP_STYLE__"


def test_drilled_map_shows_the_places_inside(full):
    (county,) = sql(full, "select min(place_code) from place where place_level = 'county' and has_boundary")[0]
    at = opened("hotspots", place=county)
    assert not at.exception
    deck = at.get("deck_gl_json_chart")[0].proto.json
    inside = [
        code for (code,) in sql(full, f"select place_code from place where parent_code = '{county}' and has_boundary")
    ]
    assert all(code in deck for code in inside)
    assert [button.label for button in at.button if "全市" in button.label]


def test_without_a_boundary_the_table_stands_in(full, tmp_path, monkeypatch):
    gone = "(select min(place_code) from place where place_level = 'county')"
    home = copied(full, tmp_path, f"delete from boundary where place_code = {gone}")
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = opened("hotspots")
    assert not at.exception
    assert not at.get("deck_gl_json_chart")
    assert "没有边界" in said(at) and len(at.dataframe[0].value)


def test_expected_band_where_one_issue_is_chosen(full):
    (issue,) = sql(full, "select issue_code from event group by 1 order by count(*) desc limit 1")[0]
    at = opened("trends", issue=issue)
    assert "预期" in at.get("plotly_chart")[0].proto.spec


def test_one_warning_by_url(full):
    rows = sql(full, "select signal_id, sentence from signal order by week_start_on desc, rank limit 1")
    if not rows:
        pytest.skip("演示数据里没有预警")
    signal_id, sentence = rows[0]
    at = opened("early_warnings", signal=signal_id)
    assert not at.exception
    assert wording.escape(sentence) in said(at)
    assert wording.LEVEL_NOTE in said(at)


def test_a_warning_that_is_gone_is_said(full):
    at = opened("early_warnings", signal="0000000000")
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
    shown = wording.item(row | {"title": "<script>", "text": "<img src=x onerror=alert(1)>"})
    assert "<script>" not in shown and "<img" not in shown
    assert "不存内容" in wording.item(row | {"title": None, "text": None})


def test_every_file_balances(full):
    at = opened("intake")
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


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [(110, 100, "+10.0%"), (90, 100, "−10.0%"), (9, 4, "样本少"), (5, None, "无可比数据"), (100, 100, "±0.0%")],
)
def test_a_small_base_gives_no_percentage(now, before, words):
    assert wording.change(now, before).words == words
