"""同一事项与新词 on 预警清单: the list, one matter by its address, new words; and the counts that must not be told."""

import re
from datetime import date

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from app import disclosure, page
from app.parts import matters
from tests.test_views import copied, opened_at, said, sql

WEEK, CODE = date(2026, 11, 9), "2026-W46"
WORD = (
    "delete from emerging; insert into emerging by name select 'abc' as word_id, date '2026-11-09' as week_start_on,"
    " '锦绣花园停工' as word, '<b>退还定金</b>' as words, 4 as window_weeks, {n} as n_events, 0.25 as n_before, 1.0 as expected,"
    " 1e-9 as p_value, 0.02 as chance_per_year, '{issue}' as issue_code, place_level, place_code,"
    " date '2026-01-05' as first_seen_on, (select string_agg(event_key) from (select event_key from event"
    " where {which} limit 3)) as examples from place where place_level = 'county' order by place_code limit 1"
)
SHOWN = "not is_counted_only and text is not null and registered_on > date '2026-10-18'"


def opened(**query: str) -> AppTest:
    return opened_at("early_warnings", part=matters.TAB, **query)


def largest(home) -> tuple[str, str, int]:
    """Id, title and items so far of the largest matter raised in WEEK."""
    return sql(
        home,
        "select matter_id, title, n_so_far from matter_week join matter using (matter_id) where week_start_on = '2026-11-09' "
        "and issue_code not like '09%' and issue_code not like '10%' and issue_code not like '11%' "
        "order by n_so_far desc, matter_id limit 1",
    )[0]


def test_the_weeks_matters_and_words(full):
    at = opened(week=CODE)
    assert not at.exception
    assert "同一事项" in said(at) and "新词和新话题" in said(at)
    listed = pl.from_pandas(at.dataframe[0].value)
    assert largest(full)[1] in listed["title"].to_list()
    assert set(map(len, listed["course"].to_list())) == {matters.N_WEEKS}


def test_counts_below_k_are_not_told_in_the_list(full):
    counts = dict(sql(full, "select matter_id, n_events from matter_week where week_start_on = '2026-11-09'"))
    rows = pl.DataFrame(
        {
            "matter_id": list(counts),
            "issue_code": "0101",
            "n_so_far": 20,
            "n_events": list(counts.values()),
            "chance_per_year": 0.5,
        }
    )
    safe = matters.safe_matters(rows)
    small = safe.filter(pl.col("n_events" + disclosure.MARK).is_not_null())
    assert set(small["n_events"]) == {None} == set(small["chance_per_year"])
    assert all(n is None or n >= 5 for n in safe["n_events"]) and len(small) > 0
    assert matters.safe_matters(
        rows.with_columns(pl.lit("1002").alias("issue_code"), pl.lit(9).alias("n_so_far"))
    ).is_empty()


def test_small_weeks_are_no_bars(full, monkeypatch):
    """In the 13 bars of a listed matter there is no height of 1 to 4."""
    bars = [n for course in pl.from_pandas(opened(week=CODE).dataframe[0].value)["course"] for n in course]
    assert bars and not [n for n in bars if 0 < n < 5]


def test_one_matter_by_its_address(full):
    matter_id, title, n_so_far = largest(full)
    at = opened(week=CODE, matter=matter_id)
    assert not at.exception
    text = said(at)
    assert title in text and f"累计 {n_so_far:,} 件" in text and "具体事项" in text
    shown = sum("article" in element.proto.body for element in at.get("html"))
    assert shown
    links = [element.proto.query_string for element in at.get("page_link")]
    assert any("issue=" in link and f"week={CODE}" in link for link in links)
    at.button[0].click().run()
    assert "matter" not in at.query_params and "新词和新话题" in said(at)


def test_a_matter_says_nothing_of_later_weeks(full):
    """Looked at in an earlier week it is as large as it was then."""
    [(matter_id, week, n)] = sql(
        full,
        "select matter_id, week_start_on, n_so_far from matter_week where n_so_far >= 10 and week_start_on < '2026-11-01' "
        "and matter_id in (select matter_id from matter where n_events > 12) order by n_so_far, matter_id, week_start_on limit 1",
    )
    code = f"{week.isocalendar()[0]}-W{week.isocalendar()[1]:02d}"
    assert f"累计 {n:,} 件" in said(opened(week=code, matter=matter_id))


def test_a_matter_that_is_gone_is_said(full):
    at = opened(week=CODE, matter="<b>nothing")
    assert not at.exception and "没有编号为 &lt;b&gt;nothing 的同一事项" in said(at)


@pytest.mark.parametrize(("issue", "n", "is_told"), [("0101", 6, True), ("1002", 6, False), ("1002", 10, True)])
def test_a_new_word_with_its_examples(full, tmp_path, monkeypatch, issue, n, is_told):
    home = copied(full, tmp_path, WORD.format(n=n, issue=issue, which=SHOWN))
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = opened(week=CODE)
    assert not at.exception
    text = said(at)
    assert ("锦绣花园停工" in text) == is_told
    if is_told:
        assert f"近 4 周 {n} 件提到，此前平均每周 0.2 件" in text and "约 50 年一次" in text
        assert "&lt;b&gt;退还定金" in text and [block.label for block in at.expander] == ["例件 3 件（已脱敏）"]


def test_an_example_that_is_counted_only_is_not_shown(full, tmp_path, monkeypatch):
    home = copied(full, tmp_path, WORD.format(n=6, issue="0101", which="is_counted_only"))
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = opened(week=CODE)
    assert not at.exception and [block.label for block in at.expander] == ["例件 0 件（已脱敏）"]


def test_a_week_without_any_says_so(full, tmp_path, monkeypatch):
    home = copied(full, tmp_path, "delete from matter_week", "delete from emerging")
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = opened(week=CODE)
    assert not at.exception and not at.dataframe and not at.expander
    assert "没有累计满 5 件" in said(at) and "没有新出现或忽然增多的词" in said(at)


def test_stale_data_say_so(full, monkeypatch):
    monkeypatch.setattr(page, "today", lambda: date(2027, 3, 1))
    at = opened(week=CODE)
    assert not at.exception and "没有新数据入库" in said(at)


def test_what_is_listed_and_no_more_is_counted(full, monkeypatch):
    assert re.search(r"有新增的 \d+ 项。", said(opened(week=CODE)))
    monkeypatch.setattr(matters, "N_MATTERS", 3)
    assert "有新增的较多，列前 3 项。" in said(opened(week=CODE))


@pytest.mark.parametrize(("n_before", "words"), [(0.04, "此前几乎没有；"), (0.25, "此前平均每周 0.2 件；")])
def test_next_to_nothing_is_not_a_mean_of_nought(n_before, words):
    row = {
        "first_seen_on": date(2026, 1, 5), "window_weeks": 1, "n_events": 9, "n_before": n_before, "place_level": "city",
        "place_name": "全市", "county_name": None, "issue_name": "供暖", "chance_per_year": 0.5,
    }  # fmt: skip
    assert words in matters.spoken(row, WEEK)
