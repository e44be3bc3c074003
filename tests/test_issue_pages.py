"""高频事项: growth, recurring places, the list of items by pages, one issue's page."""

import itertools
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from app import growth, issue_counts, reader
from app.charts import quadrant
from app.exports import picture, slides
from app.parts import recurring
from app.parts.one_issue import coming

ROOT = Path(__file__).resolve().parents[1]
MAIN = str(ROOT / "app" / "main.py")
RECURRENCE = (ROOT / "sql" / "marts" / "recurrence.sql").read_text(encoding="utf-8")
SPAN = {"from_on": date(2025, 11, 17), "to_on": date(2026, 11, 9)}
EVERYTHING = dict.fromkeys(("source", "county", "town", "community", "group", "issue", "unit", "category", "word"))


@pytest.fixture
def full(demo_home, monkeypatch):
    monkeypatch.setenv("YANPAN_HOME", str(demo_home.path))
    return demo_home


def opened(view: str = "issues", **query_params: str) -> AppTest:
    at = AppTest.from_file(MAIN, default_timeout=60).switch_page(f"views/{view}.py")
    for name, value in query_params.items():
        at.query_params[name] = value
    return at.run()


def said(at: AppTest) -> str:
    return "\n".join(element.proto.body for element in at.get("html"))


def n_shown(at: AppTest) -> int:
    return said(at).count('<article class="item">')


def asking(home):
    return reader.asking(home.marts / home.current.read_text().strip())


# ---------------------------------------------------------------- counts


@pytest.mark.parametrize("narrowed", [{}, {"source": "hotline"}, {"group": "01"}, {"n_weeks": 13}])
def test_counts_and_steps_equal_a_dull_loop(full, narrowed):
    n_weeks, scope = narrowed.get("n_weeks", 1), EVERYTHING | {k: v for k, v in narrowed.items() if k != "n_weeks"}
    week, to_on = timedelta(weeks=1), date(2026, 11, 2)
    from_on = to_on - (n_weeks - 1) * week
    span = {"from_on": from_on, "to_on": to_on, "before_on": from_on - n_weeks * week}
    with duckdb.connect(str(full.marts / full.current.read_text().strip()), read_only=True) as connection:
        events = connection.execute("select issue_code, registered_on, source from event").fetchall()
        groups = dict(connection.execute("select issue_code, group_code from issue").fetchall())
    counts, weeks = defaultdict(lambda: [0, 0, 0]), defaultdict(int)
    for issue, day, source in events:
        monday = day - timedelta(days=day.weekday())
        if scope["source"] not in (None, source):
            continue
        weeks[issue, monday] += 1
        for n, (first, last) in enumerate(
            ((from_on, to_on), (span["before_on"], from_on - week), (from_on - 52 * week, to_on - 52 * week))
        ):
            counts[issue][n] += first <= monday <= last
    with asking(full) as ask:
        found, steps = issue_counts.asked(ask, **scope, **span), issue_counts.steps(ask, **scope, **span)
    wanted = {one: n for one, n in counts.items() if n[0] and scope["group"] in (None, groups[one])}
    columns = found.select("issue_code", "n_events", "n_events_before", "n_events_year_ago").rows()
    assert {code: list(n) for code, *n in columns} == wanted and wanted
    assert [row[:2] for row in columns] == sorted((row[:2] for row in columns), key=lambda row: (-row[1], row[0]))

    of_all = defaultdict(int)
    for (_, monday), n in weeks.items():
        of_all[monday] += n
    for code, squares, items in steps.iter_rows():
        pairs = [
            (weeks[code, monday], weeks[code, monday - week], of_all[monday] / of_all[monday - week])
            for monday in (from_on - n * week for n in range(1, 52))
            if of_all[monday] and of_all[monday - week]
        ]
        assert items == sum(this + last for this, last, _ in pairs)
        assert squares == pytest.approx(sum((this - r * last) ** 2 / r for this, last, r in pairs))


# ---------------------------------------------------------------- growth


def make_counts(*rows: tuple[str, int, int | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["issue_code", "n_events", "n_before"], orient="row")


def make_steps(counts: pl.DataFrame, dispersion: float = 1.0) -> pl.DataFrame:
    return counts.select("issue_code", pl.lit(1000.0 * dispersion).alias("squares"), pl.lit(1000.0).alias("items"))


CALM = [(f"c{n}", 100 + n, 100) for n in range(20)]


def grown(*rows: tuple[str, int, int | None], dispersion: float = 1.0) -> pl.DataFrame:
    counts = make_counts(*rows)
    return growth.with_growth(counts, make_steps(counts, dispersion), "n_before")


def test_a_large_rise_is_clear_a_small_issue_does_not_jump():
    rows = {row["issue_code"]: row for row in grown(*CALM, ("big", 300, 100), ("few", 12, 4)).iter_rows(named=True)}
    assert rows["big"]["standing"] == "up" and rows["few"]["standing"] == "open"
    assert rows["few"]["growth_share"] < 0.5 < 2.0 == 12 / 4 - 1  # drawn towards what all did
    assert rows["big"]["growth_low_share"] > 1.2 and rows["c0"]["standing"] == "open"


def test_what_rises_with_everything_is_no_rising_issue():
    rows = grown(*((f"c{n}", 200, 100) for n in range(20)))
    assert set(rows["standing"]) == {"open"}
    assert growth.overall(rows, "n_before") == pytest.approx(1.0)


def test_the_same_rise_of_a_restless_issue_is_not_clear():
    assert grown(*CALM, ("big", 200, 100))["standing"][-1] == "up"
    assert grown(*CALM, ("big", 200, 100), dispersion=9)["standing"][-1] == "open"


def test_the_interval_is_that_of_a_normal_logarithm():
    (row,) = grown(("one", 150, 100)).iter_rows(named=True)
    error = (1 / 150.5 + 1 / 100.5) ** 0.5
    ratio = 150.5 / 100.5
    assert row["growth_low_share"] == pytest.approx(ratio * np.exp(-1.959964 * error) - 1, abs=1e-6)
    assert row["growth_high_share"] == pytest.approx(ratio * np.exp(1.959964 * error) - 1, abs=1e-6)


def test_few_of_many_issues_without_a_change_are_said_to_move():
    """100 cities of 100 issues that all stay as they were: some seem to move alone, hardly a city has a clear one."""
    draw = np.random.default_rng(7)
    clear = seeming = 0
    for _ in range(100):
        level = draw.uniform(5, 200, 100)
        rows = grown(*((f"i{n}", *map(int, draw.poisson(level[n], 2))) for n in range(100)))
        clear += rows["standing"].is_in(["up", "down"]).any()
        seeming += rows["standing"].str.starts_with("perhaps").fill_null(False).sum()
    assert clear <= 12 and 2 <= seeming / 100 <= 6


def test_an_unknown_base_tells_no_growth():
    rows = grown(("a", 100, None), ("b", 50, 40))
    assert rows["standing"].null_count() == 2 and growth.overall(rows, "n_before") is None
    assert grown(("a", 5, 0))["standing"].to_list() == [None]


# ---------------------------------------------------------------- the quadrant


def make_moving() -> pl.DataFrame:
    rows = grown(*CALM, ("供暖", 480, 40), ("入学", 20, 80), ("油烟", 30, 25))
    return rows.with_columns(
        pl.col("issue_code").alias("issue_name"), (pl.col("n_events") / pl.col("n_before") - 1).alias("change_share")
    )


def test_the_quadrant_names_what_moves_and_can_be_taken_away():
    figure = quadrant.volume_growth(make_moving(), title="量与升降", large_from=100, common=0.1, change_label="较上期")
    texts = [note.text for note in figure.layout.annotations]
    drawn = dict(make_moving().select("issue_name", "growth_share").iter_rows())
    assert (
        f"供暖 ▲{drawn['供暖']:.0%}" in texts and f"入学 ▼{-drawn['入学']:.0%}" in texts
    )  # as high as the point stands
    assert "100 件起为“量大”（合占一半）" in texts
    assert all(f"<b>{name}</b>" in texts for name in ("量大且升", "量大且降", "量小且升", "量小且降"))
    points = figure.data[-1]
    assert len(points.x) == 23 and set(points.customdata) == set(make_moving()["issue_code"])
    assert max(points.y) <= quadrant.TOP
    assert picture.png(figure)[:4] == b"\x89PNG" and slides.pptx(figure)[:2] == b"PK"


def test_nothing_to_compare_is_said():
    nothing = make_moving().with_columns(pl.lit(None, pl.Float64).alias("growth_share"))
    figure = quadrant.volume_growth(nothing, title="量与升降", large_from=100, common=0.0, change_label="较上期")
    assert "没有可画的数据" in [note.text for note in figure.layout.annotations]


# ---------------------------------------------------------------- recurring places


def dull_runs(events: list[dict], days: int) -> list[tuple]:
    """Item by item: is it one of three within so many days? Those that are, cut where so many days pass between two."""
    spots: dict[tuple, list[dict]] = defaultdict(list)
    for event in events:
        if event["is_counted_only"] or (event["community_code"] is None and event["lon"] is None):
            continue
        cell = (None, None) if event["community_code"] else (event["lon"], event["lat"])
        spots[event["issue_code"], event["community_code"], *cell].append(event)
    found = []
    for spot, items in spots.items():
        items.sort(key=lambda event: (event["registered_at"], event["event_key"]))
        day = [event["registered_at"].date() for event in items]
        is_one = [
            any(
                at >= back and at - back + 2 < len(day) and (day[at - back + 2] - day[at - back]).days < days
                for back in range(3)
            )
            for at in range(len(day))
        ]
        runs: list[list[dict]] = []
        for at, event in enumerate(items):
            if not is_one[at]:
                continue
            if runs and (event["registered_at"].date() - runs[-1][-1]["registered_at"].date()).days < days:
                runs[-1].append(event)
            else:
                runs.append([event])
        for run in runs:
            again = sum(
                one["closed_at"] is not None and one["closed_at"] < other["registered_at"]
                for one, other in itertools.pairwise(run)
            )
            units = "、".join(sorted({event["unit_name"] for event in run if event["unit_name"]})) or None
            first, last = run[0]["registered_at"].date(), run[-1]["registered_at"].date()
            found.append((days, *spot, first, last, len(run), again, units))
    return found


COLUMNS = "window_days, issue_code, community_code, lon, lat, first_on, last_on, n_events, n_after_closing, unit_names"


def test_recurrence_equals_a_dull_loop(full):
    with duckdb.connect(full.marts / full.current.read_text().strip(), read_only=True) as connection:
        events = connection.sql("from event").pl().to_dicts()
        got = connection.sql(f"select {COLUMNS} from recurrence").fetchall()
    expected = [run for days in (7, 14, 30, 90) for run in dull_runs(events, days)]
    assert sorted(map(str, got)) == sorted(map(str, expected))
    assert len(got) > 20 and all(row[7] >= 3 for row in got)


def make_event(day: int, **other) -> dict:
    at = datetime(2026, 3, 1, 9) + timedelta(days=day)
    return {
        "event_key": f"{day:016x}", "issue_code": "0501", "county_code": "1", "town_code": "11", "community_code": "111",
        "lon": None, "lat": None, "registered_at": at, "registered_on": at.date(), "closed_at": None, "unit_name": "甲",
        "is_counted_only": False,
    } | other  # fmt: skip


def runs(*events: dict, days: int = 7) -> list[tuple]:
    with duckdb.connect() as connection:
        frame = pl.DataFrame(events, schema_overrides={
            "lon": pl.Float64, "lat": pl.Float64, "closed_at": pl.Datetime("us"), "community_code": pl.String, "unit_name": pl.String,
        })  # fmt: skip
        connection.register("event", frame.to_arrow())
        found = connection.execute(f"select {COLUMNS} from ({RECURRENCE}) where window_days = {days}").fetchall()
    assert sorted(map(str, found)) == sorted(map(str, dull_runs(list(events), days)))
    return found


def test_three_within_the_days_are_a_run_and_two_are_none():
    assert runs(make_event(0), make_event(3)) == []
    assert runs(make_event(0), make_event(3), make_event(7)) == []  # the third is a day too late
    ((*_, first, last, n, again, units),) = runs(make_event(0), make_event(3), make_event(6))
    assert (first, last, n, again, units) == (date(2026, 3, 1), date(2026, 3, 7), 3, 0, "甲")


def test_a_run_ends_where_too_many_days_pass():
    days = (0, 1, 2, 8, 20, 21, 22)
    assert [row[7] for row in sorted(runs(*map(make_event, days)))] == [3, 3]  # the one of day 8 is near two only
    assert [row[7] for row in runs(*map(make_event, days), days=30)] == [7]


def test_an_item_that_belongs_to_no_run_does_not_lead_from_one_to_the_next():
    closed = datetime(2026, 3, 21, 12)  # of day 20, six days before the second run, and with too few near it
    found = runs(*map(make_event, (0, 1, 2)), make_event(20, closed_at=closed), *map(make_event, (26, 28, 29)))
    assert sorted((row[5].day, row[6].day, *row[7:9]) for row in found) == [(1, 3, 3, 0), (27, 30, 3, 0)]


def test_what_came_after_closing_is_counted():
    closed = datetime(2026, 3, 2, 12)
    (row,) = runs(make_event(0, closed_at=closed), make_event(2, unit_name="乙"), make_event(4, unit_name=None))
    assert row[8:] == (1, "乙、甲")


def test_without_a_community_the_cell_is_the_place():
    cell = {"community_code": None, "lon": 113.001, "lat": 30.001}
    elsewhere = {"community_code": None, "lon": 113.003, "lat": 30.001}
    (row,) = runs(*(make_event(n, **cell) for n in range(3)), make_event(3, **elsewhere))
    assert row[2:5] == (None, 113.001, 30.001) and row[7] == 3
    assert runs(*(make_event(n, community_code=None) for n in range(3))) == []  # at no place
    assert runs(*(make_event(n, is_counted_only=True) for n in range(3))) == []


def test_small_runs_of_the_whole_city_tell_no_count():
    rows = pl.DataFrame(
        {
            "n_events": [9, 4, 3],
            "n_after_closing": [2, 3, 0],
            "last_on": [date(2026, 11, 9), date(2026, 11, 8), date(2026, 11, 1)],
        }
    )
    safe = recurring._with_hidden(rows, pl.Series([5, 5, 5]))
    assert safe["n_events"].to_list() == [9, None, None] and safe["n_after_closing"].to_list() == [2, None, None]
    assert safe["n_events__mark"].to_list() == [None, "<5", "<5"]
    assert safe["last_on"].to_list() == [
        date(2026, 11, 9),
        date(2026, 11, 1),
        date(2026, 11, 8),
    ]  # not by what is hidden


# ---------------------------------------------------------------- items by pages


def test_pages_follow_each_other_without_gap_or_double(full):
    with asking(full) as ask:
        whole = ask("items", **EVERYTHING, **SPAN, after_at=None, after_key=None, n_rows=1_000_000)
        keys = whole["event_key"].to_list()
        assert len(set(keys)) == len(keys) > 1000
        after, seen = {"after_at": None, "after_key": None}, []
        while True:
            counted = ask("item_count", **EVERYTHING, **SPAN, **after).row(0, named=True)
            assert counted == {"n_events": len(keys), "n_before": len(seen)}
            rows = ask("items", **EVERYTHING, **SPAN, **after, n_rows=500)
            if rows.is_empty():
                break
            if len(seen) > 500:
                back = ask("item_back", **EVERYTHING, **SPAN, **after, n_skipped=499).row(0)
                assert back[1] == keys[len(seen) - 501]
            seen += rows["event_key"].to_list()
            last = rows.row(-1, named=True)
            after = {"after_at": last["registered_at"].isoformat(), "after_key": last["event_key"]}
        assert seen == keys
        end = ask("item_back", **EVERYTHING, **SPAN, after_at=None, after_key=None, n_skipped=10).row(0)
        assert end[1] == keys[-11]


def most_frequent(home) -> tuple[str, int]:
    with asking(home) as ask:
        rows = issue_counts.asked(ask, **EVERYTHING, **SPAN, before_on=date(2024, 11, 18))
    return rows["issue_code"][0], rows["n_events"][0]


def test_the_next_page_is_a_link_that_can_be_shared(full):
    issue, _ = most_frequent(full)
    at = opened(issue=issue, weeks="52", week="2026-W46")
    assert not at.exception and n_shown(at) == 100
    assert at.button(key="pager_上一页").disabled
    at.button(key="pager_下一页").click().run()
    assert "第 2 /" in said(at)
    cursor = at.query_params["after"]
    shared = opened(issue=issue, weeks="52", week="2026-W46", after=cursor)
    assert "第 2 /" in said(shared) and n_shown(shared) == n_shown(at)
    shared.button(key="pager_首页").click().run()
    assert "第 1 /" in said(shared) and "after" not in shared.query_params
    shared.button(key="pager_末页").click().run()
    assert shared.button(key="pager_下一页").disabled and n_shown(shared) >= 1


def test_a_cursor_that_is_none_shows_the_first_page(full):
    issue, _ = most_frequent(full)
    for strange in ("1990-01-01T00:00:00~0000000000000000", "2026-11-09T09:00:00~'; drop"):
        at = opened(issue=issue, weeks="52", week="2026-W46", after=strange)
        assert not at.exception and "第 1 /" in said(at)


# ---------------------------------------------------------------- the pages


def test_the_overview_says_first_what_there_is_to_say(full):
    at = opened(weeks="13", week="2026-W46")
    assert not at.exception
    assert "前 5 项占" in said(at) and "较去年同期" in said(at)
    assert len(at.get("plotly_chart")) == 2 and len(at.dataframe) == 1


@pytest.mark.parametrize("part", ["谁在升、谁在降", "复发点"])
def test_parts_of_the_overview(full, part):
    at = opened(weeks="52", week="2026-W46", part=part, county="990101")
    assert not at.exception
    assert ("量大" in said(at)) == (part == "谁在升、谁在降")


def test_a_run_opens_its_items(full):
    with asking(full) as ask:
        asked = {**EVERYTHING, **SPAN, "window": 30, "n_rows": 1}
        row = ask("recurrences", **asked).row(0, named=True)
    run = f"{row['issue_code']}~{row['community_code']}~{row['first_on']}~30"
    at = opened(weeks="52", week="2026-W46", part="复发点", run=run)
    assert not at.exception and n_shown(at) == min(100, row["n_events"])
    assert row["place_name"] in said(at)


@pytest.mark.parametrize("section", ["在哪里", "由什么构成", "谁在办", "民情月历", "复发点", "办了什么"])
def test_one_issue(full, section):
    issue, n = most_frequent(full)
    at = opened(issue=issue, weeks="52", week="2026-W46", section=section)
    assert not at.exception and n_shown(at) == 100
    assert f"<b>{n:,}</b> 件" in said(at)
    assert not at.text_input  # no field to search texts for a person


def test_the_places_of_an_issue_by_rate(full):
    issue, _ = most_frequent(full)
    at = opened(issue=issue, weeks="52", week="2026-W46", section="在哪里", measure="rate")
    assert not at.exception and not at.error
    assert any("95% 区间" in chart.proto.spec for chart in at.get("plotly_chart"))


def test_items_narrowed_to_a_unit_and_a_word(full):
    issue, _ = most_frequent(full)
    with asking(full) as ask:
        scope = {**EVERYTHING, **SPAN, "issue": issue, "before_on": date(2024, 11, 18)}
        unit = ask("issue_units", **scope).row(0, named=True)
        word = ask("issue_words", **scope).row(0, named=True)
        both = scope | {"unit": unit["unit_name"], "word": word["word"], "after_at": None, "after_key": None}
        n_both = ask("item_count", **both)["n_events"][0]
        texts = ask("items", **both, n_rows=100)
    assert all(word["word"] in (row["title"] or "") + (row["text"] or "") for row in texts.iter_rows(named=True))
    assert set(texts["unit_name"]) == {unit["unit_name"]} and 0 < n_both <= min(unit["n_events"], word["n_events"])
    at = opened(issue=issue, weeks="52", week="2026-W46", unit=unit["unit_name"], word=word["word"])
    assert not at.exception and f"{n_both:,} 件，新的在前" in said(at)
    at = opened(issue=issue, weeks="52", week="2026-W46", word="张伟强")  # not one of the words offered
    assert not at.exception and n_shown(at) == 100 and "word" not in at.query_params


def test_the_matters_are_those_of_the_town_chosen(full):
    marts = full.marts / full.current.read_text().strip()
    with duckdb.connect(str(marts), read_only=True) as connection:
        found = connection.execute(
            "select m.issue_code, min(w.week_start_on), max(w.week_start_on) from matter_week as w"
            " inner join matter as m on m.matter_id = w.matter_id where w.n_events > 0"
            " group by 1 order by count(distinct m.matter_id) desc, 1 limit 1",
        ).fetchone()
    issue, first, last = found
    scope = {**EVERYTHING, "from_on": first, "to_on": last, "issue": issue, "n_rows": 1000}
    with asking(full) as ask:
        whole = ask("issue_matters", **scope)
        towns = ask("places").filter(pl.col("place_level") == "town")["place_code"]
        of_towns = sum(len(ask("issue_matters", **scope | {"town": town})) for town in towns)
    assert of_towns == len(whole.filter(pl.col("place_level") != "county")) and len(whole)


def test_the_coming_month_is_told_from_the_years_before():
    told = pl.DataFrame(
        [(year, month, 4, 4 * (30 if month == 12 else 10)) for year in (2023, 2024, 2025) for month in range(1, 13)]
        + [(2026, month, 4, 80) for month in range(1, 12)],
        schema=["year", "month_of_year", "n_weeks", "n_events"], orient="row",
    ).with_columns((pl.col("n_events") / pl.col("n_weeks")).alias("per_week"))  # fmt: skip
    usual = told.group_by("month_of_year").agg(
        (pl.col("n_events").sum() / pl.col("n_weeks").sum()).alias("per_week"), pl.col("n_events").sum()
    )

    class Span:
        last_day_on = date(2026, 11, 15)

    sentence = coming(told, usual, Span())
    assert sentence.startswith("12月历年平均每周 30.0 件")
    # the last twelve months: (11 × 80 + 120) ÷ 48 = 20.8 a week; December is 30 ÷ 11.67 = 2.57 times its year
    assert "每周约 54 件，历年同月折算在 54—54 件之间" in sentence
    assert "不推算" in coming(told.filter(pl.col("year") > 2024), usual, Span())
