"""对比: are the figures those of the items, and does 明显 come up by chance no more often than it says?"""

import io
import re
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import openpyxl
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from app import comparison, downloads, page

MAIN = str(Path(__file__).resolve().parents[1] / "app" / "main.py")
FIRST, LAST = date(2026, 10, 19), date(2026, 11, 9)
"""Mondays of the four weeks up to the last full one."""


# ---------------------------------------------------------------- figures


def test_clear_differences_come_up_by_chance_as_often_as_said():
    """Two places with the same rate and counts three times as scattered as Poisson's: about 5 in 100 are 明显."""
    random = np.random.default_rng(7)
    n_clear = 0
    for _ in range(400):
        weeks = random.negative_binomial(30 / 2, 1 / 3, size=(2, 52))  # mean 30, variance 90
        spread = tuple(comparison.dispersion(one.tolist()) for one in weeks)
        found = comparison.ratio(int(weeks[0, -13:].sum()), int(weeks[1, -13:].sum()), 1.0, 1.0, spread)
        n_clear += found.verdict == comparison.CLEAR
    assert 0.02 <= n_clear / 400 <= 0.085


def test_a_true_difference_is_inside_its_interval_and_found():
    random = np.random.default_rng(8)
    n_inside = n_clear = 0
    for _ in range(300):
        one, other = random.poisson(45, 52), random.poisson(15, 52)
        found = comparison.ratio(
            int(one[-4:].sum()),
            int(other[-4:].sum()),
            2.0,
            1.0,
            (comparison.dispersion(one.tolist()), comparison.dispersion(other.tolist())),
        )
        n_inside += found.low <= 1.5 <= found.high
        n_clear += found.verdict == comparison.CLEAR
    assert n_inside / 300 >= 0.92 and n_clear / 300 >= 0.7


def test_weeks_without_data_are_no_scatter():
    assert comparison.dispersion([5, None, 50, None, 5] * 9) == 1.0
    assert comparison.dispersion([10] * 20) == 1.0
    assert comparison.dispersion([40, 10], otherwise=2.5) == 2.5


def test_nothing_against_something_is_no_ratio_but_a_verdict():
    found = comparison.ratio(40, 0, 1.0, 1.0, (1.0, 1.0))
    assert found.value is None and found.verdict == comparison.CLEAR and found.low > 1
    assert comparison.gap((3, 10), (None, None)).verdict == ""
    assert comparison.gap((3, 10), (4, 90)).verdict == comparison.FEW


def test_issues_of_a_side_are_counted_week_by_week():
    weeks = [FIRST + timedelta(weeks=n) for n in range(-12, 4)]
    rows = [(day, code, n) for k, day in enumerate(weeks) for code, n in (("a", 10 + 20 * (k % 2)), ("b", k % 3)) if n]
    counts = pl.DataFrame(rows, schema=["week_start_on", "issue_code", "n_events"], orient="row")
    found = {code: (n, spread) for code, n, spread in comparison.by_issue(counts, weeks, FIRST).iter_rows()}
    assert found["a"] == (sum(n for day, code, n in rows if code == "a" and day >= FIRST), 10.0)
    assert found["b"][0] == sum(n for day, code, n in rows if code == "b" and day >= FIRST)
    pairs = [(k % 3, (k + 1) % 3) for k in range(15)]
    dull = [(two - one) ** 2 / (two + one) for one, two in pairs if one + two]
    assert found["b"][1] == pytest.approx(max(1.0, sum(dull) / len(dull)))


def test_among_many_equal_issues_hardly_one_is_clear():
    random = np.random.default_rng(9)
    sides = [
        pl.DataFrame(
            {"issue_code": [f"{k:04}" for k in range(200)], "n_events": random.poisson(40, 200), "spread": [1.0] * 200}
        )
        for _ in range(2)
    ]
    sides[0] = sides[0].with_columns(
        pl.when(pl.col("issue_code") == "0007").then(120).otherwise("n_events").alias("n_events")
    )
    found = comparison.mix(*sides, sizes=(1.0, 1.0))
    clear = found.filter(pl.col("verdict") == comparison.CLEAR)
    assert found["issue_code"][0] == "0007" and "0007" in clear["issue_code"] and len(clear) <= 3
    assert found["difference"].abs().is_sorted(descending=True)
    assert found.filter(issue_code="0007")["ratio"][0] == pytest.approx(
        120 / sides[1].filter(issue_code="0007")["n_events"][0]
    )


# ---------------------------------------------------------------- the page


@pytest.fixture
def city(demo_home, monkeypatch):
    """The demo city's marts: SQL → rows; the app looks at the same file."""
    monkeypatch.setenv("YANPAN_HOME", str(demo_home.path))
    monkeypatch.setattr(page, "today", lambda: date(2026, 11, 16))
    with duckdb.connect(demo_home.marts / demo_home.current.read_text().strip(), read_only=True) as connection:
        yield lambda text: connection.execute(text).fetchall()


@pytest.fixture
def books(monkeypatch):
    """The workbooks a page offers: name → rows, made when asked for."""
    offered = {}
    button = downloads._button

    def seen(label, make, file_name, mime, key):
        if file_name.endswith(".xlsx"):
            offered[key.removesuffix("_xlsx")] = make
        button(label, make, file_name, mime, key)

    monkeypatch.setattr(downloads, "_button", seen)
    return lambda key: list(openpyxl.load_workbook(io.BytesIO(offered[key]()))["数据"].iter_rows(values_only=True))


def opened(**query: str) -> AppTest:
    at = AppTest.from_file(MAIN, default_timeout=60).run()
    at.query_params.clear()
    for name, value in query.items():
        at.query_params[name] = value
    at.switch_page("views/compare.py").run()
    assert not at.exception
    return at


def said(at: AppTest) -> str:
    return "\n".join(re.sub(r"<style>.*?</style>|<[^>]+>", "", one.proto.body, flags=re.S) for one in at.get("html"))


def n_of(city, where: str, first: date = FIRST, last: date = LAST) -> int:
    return city(
        f"select count(*) from event where registered_on between '{first}' and '{last + timedelta(days=6)}' and {where}"
    )[0][0]


def test_a_county_against_the_rest_of_the_city(city, books):
    ((county, people, all_people),) = city(
        "select place_code, population, (select sum(population) from place where place_level = 'city') from place "
        "where place_level = 'county' order by population desc limit 1"
    )
    at = opened(one=county, weeks="4", week="2026-W46")
    here, rest = n_of(city, f"county_code = '{county}'"), n_of(city, f"county_code <> '{county}'")
    text = said(at)
    assert f"每万人 {here / people * 1e4:,.1f} 件" in text and f"（{rest:,} 件）" in text
    assert f"全市其余每万人 {rest / (all_people - people) * 1e4:,.1f} 件" in text
    head, volume, *shares = books("compare")
    assert volume[0] == "每万人件数" and volume[3] == f"{here / people / (rest / (all_people - people)):.2f} 倍"
    ((late, due),) = city(
        f"select sum(n_overdue), sum(n_due) from weekly_outcome where county_code = '{county}' and week_start_on between '{FIRST}' and '{LAST}'"
    )
    row = next(row for row in shares if row[0] == "未按期办结")
    assert row[1] == (f"<5 / {due:,}" if 0 < late < 5 else f"{late / due:.1%}（{late:,} / {due:,}）")
    for key in ("compare_mix", "compare_channels"):
        head, *rows = books(key)
        counts = [row[k] for row in rows for k, name in enumerate(head) if str(name).endswith("件数")]
        assert rows and not [n for n in counts if isinstance(n, int) and 0 < n < 5]
        assert any(n == "<5" for n in counts)


def test_a_town_against_its_own_county_is_against_the_rest_of_it(city):
    ((town, county),) = city(
        "select town_code, county_code from event where town_code is not null group by all order by count(*) desc limit 1"
    )
    at = opened(one=town, than=county, weeks="4", week="2026-W46")
    rest = n_of(city, f"county_code = '{county}' and town_code <> '{town}'")
    assert f"（{rest:,} 件）" in said(at) and "其余每万人" in said(at)
    reverse = said(opened(one=county, than=town, weeks="4", week="2026-W46"))
    assert f"（{rest:,} 件）" in reverse


def test_two_periods_of_one_place_and_an_issue(city, books):
    at = opened(what="periods", weeks="13", week="2026-W46", against="before")
    now = n_of(city, "true", LAST - timedelta(weeks=12))
    before = n_of(city, "true", LAST - timedelta(weeks=25), LAST - timedelta(weeks=13))
    assert f"本期 {now:,} 件，上一时段 {before:,} 件" in said(at)
    head, *rows = books("compare_mix")
    assert sum(row[head.index("本期件数")] for row in rows) == now, "a whole city: nothing hidden"
    assert {row[head.index("判断")] for row in rows} <= {comparison.CLEAR, comparison.CHANCE, comparison.FEW}
    issue = city("select issue_code from event group by 1 order by count(*) desc limit 1")[0][0]
    text = said(opened(what="periods", weeks="13", week="2026-W46", against="year_ago", issue=issue))
    year_ago = n_of(city, f"issue_code = '{issue}'", LAST - timedelta(weeks=64), LAST - timedelta(weeks=52))
    assert f"上年同期 {year_ago:,} 件" in text and "已选定一个事项" in text


def hidden_on_the_map() -> tuple[str, str]:
    """A town and an issue (empty: all) with enough items, whose count the map hides for the sake of a neighbour's."""

    def script() -> None:
        from datetime import date

        import polars as pl
        import streamlit as st

        from app import disclosure, filters, marts
        from app.parts import area

        marts.begin_run()
        for issue in (None, *marts.query("issues")["issue_code"]):
            choice, span = filters.Choice(issue=issue), filters.Period(1, date(2026, 11, 9))
            places = area.counted(choice, span, marts.meta()["city_code"])
            for code in places.filter(
                pl.col("place_level") == "town", pl.col("n_events" + disclosure.MARK) == disclosure.HIDDEN
            )["place_code"]:
                of_town = {**choice.parameters(), "town": code, **span.parameters(), "first_on": span.from_on}
                n = marts.query("compare_weeks", **of_town, not_county=None, not_town=None)["n_events"].sum()
                if n >= disclosure.threshold(issue):
                    st.text(f"{code} {issue or ''}")
                    st.stop()

    town, _, issue = AppTest.from_function(script, default_timeout=60).run().text[0].value.partition(" ")
    return town, issue


def test_what_the_map_hides_is_not_told_here(city):
    town, issue = hidden_on_the_map()
    text = said(opened(one=town, **({"issue": issue} if issue else {}), weeks="1", week="2026-W46"))
    assert "件数隐去" in text and "与热点地图一致" in text and "每万人" not in text


def test_items_without_a_place_are_on_neither_side(city):
    ((county,),) = city(
        "select county_code from event where county_code is not null group by 1 order by count(*) desc limit 1"
    )
    assert "不在任何一边" in said(opened(one=county, weeks="4", week="2026-W46"))
    assert "不在任何一边" not in said(opened(what="periods", weeks="4", week="2026-W46", against="before"))


def test_the_sign_says_which_way():
    from app.parts.compare import _verdict

    assert [_verdict(comparison.CLEAR, more) for more in (0.3, -0.3)] == ["▲ 明显", "▼ 明显"]
    assert _verdict(comparison.CHANCE, -0.3) == comparison.CHANCE


def test_too_little_to_compare_is_said(city):
    community = "select town_code, issue_code from event where town_code is not null group by all having count(*) = 1 order by all limit 1"
    ((town, issue),) = city(community)
    text = said(opened(one=town, issue=issue, weeks="1", week="2026-W46"))
    assert "按最小格子规则不列" in text or "都没有登记的事项" in text
    assert "没有数据，无从比较" in said(opened(what="periods", weeks="52", week="2023-W20", against="year_ago"))
