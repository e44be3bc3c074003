"""趋势分析: the three dates, last year by the festival, forecasts and their past errors, what leaves the screen."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from app import disclosure, forecast, page, year_ago
from app.charts.multiples import multiples
from app.charts.outlook import components, fan
from app.charts.seasons import year_calendar
from app.charts.series import lines, trend
from app.charts.style import period_ticks
from app.exports import picture
from app.parts import course, inside, judged, outlook, rhythm

ROOT = Path(__file__).resolve().parents[1]
MAIN = str(ROOT / "app" / "main.py")
MONDAY = date(2022, 11, 14)


@pytest.fixture
def asked(demo_home, monkeypatch):
    """The demo city's marts, to ask by SQL; the app looks at the same file."""
    monkeypatch.setenv("YANPAN_HOME", str(demo_home.path))
    monkeypatch.setattr(page, "today", lambda: date(2026, 11, 16))
    with duckdb.connect(demo_home.marts / demo_home.current.read_text().strip(), read_only=True) as connection:
        yield lambda text: connection.execute(text).fetchall()


def opened(**params: str) -> AppTest:
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page("views/trends.py")
    for name, value in params.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


def said(at: AppTest) -> str:
    return " ".join(element.proto.body for element in at.get("html"))


# ---------------------------------------------------------------- the marts


def test_dated_counts_equal_a_dull_count(asked):
    events = asked(
        "select registered_on, occurred_on, cast(closed_at as date), source, county_code, town_code, issue_code from event"
    )
    expected: Counter = Counter()
    known: Counter = Counter()
    for registered, occurred, closed, *where in events:
        for basis, day in (("registered", registered), ("occurred", occurred), ("closed", closed)):
            if day is not None:
                expected[(basis, day, *where)] += 1
        known[registered, "occurred"] += occurred is not None
        known[registered, "closed"] += closed is not None
    got = asked("select date_basis, day_on, source, county_code, town_code, issue_code, n_events from dated_counts")
    assert {tuple(row[:-1]): row[-1] for row in got} == expected
    days = asked("select day_on, sum(n_occurred_known), sum(n_closed) from dated_counts where n_closed is not null group by 1")  # fmt: skip
    assert {day: (n, m) for day, n, m in days} == {
        day: (known[day, "occurred"], known[day, "closed"]) for day, *_ in days
    }
    assert not any(occurred for _, occurred, _, source, *_ in events if source == "hotline")  # its files have none


def test_registration_delay_equals_a_dull_count(asked):
    expected: Counter = Counter()
    for source, registered, occurred in asked("select source, registered_on, occurred_on from event"):
        if occurred is not None and registered > date(2025, 11, 16) and 0 <= (registered - occurred).days <= 365:
            expected[source, (registered - occurred).days] += 1
    assert {row[:2]: row[2] for row in asked("from registration_delay")} == expected


# ---------------------------------------------------------------- last year


def test_new_year_falls_into_the_published_holidays():
    holidays = pl.read_csv(ROOT / "sql/seeds/holiday.csv", try_parse_dates=True)
    off = set(holidays.filter(pl.col("is_off_day") & (pl.col("name") == "春节"))["day_on"])
    years = {day.year for day in off}
    firsts = [day for day in year_ago.first_days() if day.year in years]
    assert len(firsts) == len(years) and set(firsts) <= off
    assert all(date(day.year, 1, 21) <= day <= date(day.year, 2, 20) for day in year_ago.first_days())


def test_weeks_around_the_festival_meet_each_other():
    mondays = [date(2024, 1, 1) + timedelta(weeks=n) for n in range(150)]
    for monday in mondays:
        before = year_ago.year_before(monday)
        assert before.weekday() == 0 and 50 <= (monday - before).days / 7 <= 56
        assert year_ago.year_before(monday + timedelta(days=3)) == before + timedelta(days=3)
    festivals = {year_ago.monday_of(day) for day in year_ago.first_days()}
    assert {monday for monday in mondays if year_ago.year_before(monday) in festivals} == festivals & set(mondays)
    far = [monday for monday in mondays if 4 <= monday.month <= 11]
    assert all(year_ago.year_before(monday) == monday - timedelta(weeks=52) for monday in far)


def test_near_the_festival_the_answer_tells_both_ways_of_matching():
    def answered(monday: date) -> str:
        weeks = pl.DataFrame({"period_start_on": [monday - timedelta(weeks=n) for n in range(4)]}).with_columns(
            pl.lit(100).alias("n_events"), pl.lit(False).alias("is_incomplete"), pl.lit(50).alias("n_events_year_ago"),
            pl.lit(200).alias("n_events_aligned"),
        )  # fmt: skip
        return course.answer(weeks, "登记", monday)

    assert answered(date(2026, 2, 23)) == "近 4 周登记 400 件，较去年同期 +100.0%（按春节对齐 −50.0%）。"
    assert answered(date(2026, 11, 9)) == "近 4 周登记 400 件，较去年同期 +100.0%。"
    assert next(iter(year_ago.WAYS)) == "week"  # the default


# ---------------------------------------------------------------- forecast


def made(n_weeks: int, *, seed: int = 7, noise: float = 0.05) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Weeks with a yearly wave, short holiday weeks and a little noise; the four that follow."""
    chance = np.random.default_rng(seed)
    at = np.arange(n_weeks + forecast.HORIZON)
    workdays = np.where(at % 17 == 5, 2, 5)
    middle = 400 * np.exp(0.3 * np.sin(2 * np.pi * at / 52.1775) - 0.15 * (5 - workdays))
    counts = np.round(middle * np.exp(noise * chance.standard_normal(len(at)))).astype(int)
    weeks = pl.DataFrame(
        {"week_start_on": [MONDAY + timedelta(weeks=int(n)) for n in at], "n_events": counts, "n_workdays": workdays}
    )
    return weeks.head(n_weeks), weeks.tail(forecast.HORIZON)


def test_a_regular_series_is_forecast_better_than_by_last_year():
    weeks, ahead = made(208)
    found = forecast.forecast(weeks, ahead.drop("n_events"))
    errors = {row["method"]: row for row in found.errors.iter_rows(named=True)}
    assert found.method == "model"
    assert errors["model"]["error_share"] < 0.06 and errors["model"]["mean_error"] < errors["year_ago"]["mean_error"]
    assert errors["model"]["n_weeks"] == 52 and 0.7 <= errors["model"]["inside_80_share"] <= 0.95
    came = found.weeks.join(ahead, on="week_start_on")
    assert ((came["n_events"] >= came["low_95"]) & (came["n_events"] <= came["high_95"])).all()
    widths = (found.weeks["high_95"] - found.weeks["low_95"]) > (found.weeks["high_80"] - found.weeks["low_80"])
    assert widths.all()


def test_past_forecasts_know_nothing_of_what_came_after():
    """The error of a naive forecast, re-counted by hand; and the future changes none of them."""
    weeks, ahead = made(160)
    counts = weeks["n_events"].to_list()
    rounds = range(160 - 52, 160, 4)
    by_hand = [abs(counts[start + step] - counts[start - 1]) for start in rounds for step in range(4)]
    found = forecast.forecast(weeks, ahead.drop("n_events"))
    (last,) = found.errors.filter(pl.col("method") == "last")["mean_error"]
    assert last == pytest.approx(sum(by_hand) / len(by_hand))
    wild = weeks.with_columns(pl.Series("n_events", [*counts[:-4], 9000, 9000, 9000, 9000]))
    n = len(counts) - 4
    way = [forecast._model(np.array(some[:n], float), np.array(weeks["n_workdays"], float)) for some in (counts, wild["n_events"].to_list())]  # fmt: skip
    assert np.array_equal(way[0][0], way[1][0])


def test_where_no_model_helps_the_page_says_so():
    """Last year's figure again: nothing else comes as near, and it is what is drawn."""
    chance = np.random.default_rng(3)
    counts = np.tile(np.round(200 * np.exp(0.9 * chance.standard_normal(52))).astype(int), 4)
    weeks, ahead = made(208)
    found = forecast.forecast(weeks.with_columns(pl.Series("n_events", counts)), ahead.drop("n_events"))
    assert found.method == "year_ago" and found.errors["mean_error"][0] < 1e-6
    assert np.allclose(found.weeks["expected"], counts[:4])
    assert "所以图上画的是去年同周" in outlook.trusted(found)


def test_the_parts_sum_to_the_count_and_gaps_are_not_filled():
    weeks, _ = made(150)
    parts = forecast.taken_apart(weeks)
    assert np.allclose(parts["trend"] + parts["season"] + parts["rest"], parts["n_events"])
    assert np.allclose(parts["season"][:52], parts["season"][52:104], atol=1e-6)
    gap = weeks.with_columns(
        pl.when(pl.col("week_start_on") != MONDAY + timedelta(weeks=80)).then("n_events").alias("n_events")
    )
    assert forecast.whole(gap)["week_start_on"].to_list() == weeks["week_start_on"].to_list()[81:]


# ---------------------------------------------------------------- figures


def test_the_new_figures_can_be_taken_away():
    weeks, ahead = made(120)
    found = forecast.forecast(weeks, ahead.drop("n_events"))
    days = pl.DataFrame(
        {
            "day_on": pl.date_range(date(2025, 1, 1), date(2026, 3, 31), eager=True),
            "holiday_name": None,
            "is_off_day": None,
        },
        schema_overrides={"holiday_name": pl.String, "is_off_day": pl.Boolean},
    ).with_columns(pl.int_range(pl.len()).alias("n_events"))
    areas = pl.concat(
        weeks.head(30).select(
            pl.lit(f"99010{n}").alias("place_code"),
            pl.lit(f"第{n}县").alias("label"),
            pl.col("week_start_on").alias("period_start_on"),
            pl.col("n_events") * n,
            pl.lit(None if n == 2 else n / 10, pl.Float64).alias("change_share"),
            (pl.col("n_events") > 500).alias("is_alarm"),
        )
        for n in (1, 2, 3)
    )
    figures = [
        fan(weeks.select("week_start_on", "n_events").tail(26), found.weeks, title="预测"),
        components(forecast.taken_apart(weeks), title="构成"),
        year_calendar(days, title="日历"),
        multiples(areas, title="各县区"),
    ]
    assert all(picture.png(figure)[:4] == b"\x89PNG" for figure in figures)
    assert [figure.native is not None for figure in figures] == [True, True, False, False]
    texts = [note.text for note in figures[3].layout.annotations]
    assert "▲10%" in texts and "<b>第2县</b>" in texts and "—" not in texts
    assert set(figures[3].data[-1].customdata) == {"990101", "990102", "990103"}


def test_of_a_week_one_point_alone_answers_to_the_pointer():
    weeks, _ = made(20)
    series = weeks.select(pl.col("week_start_on").alias("period_start_on"), "n_events", pl.lit(390.0).alias("expected"))
    figure = trend(series, title="点得到", is_clickable=True)
    *others, last = figure.data
    assert {trace.hoverinfo for trace in others} == {"skip"} and not any(trace.hovertemplate for trace in others)
    assert list(last.customdata) == [day.isoformat() for day in series["period_start_on"]]
    assert f"<b>{series['n_events'][3]:,} 件</b><br>预期 390" in last.hovertext[3]
    assert picture.png(figure)[:4] == b"\x89PNG"


def test_a_period_between_hidden_ones_is_a_point_and_hidden_weeks_leave_no_highest_one():
    weeks = [date(2026, 1, 5) + timedelta(weeks=n) for n in range(5)]
    series = pl.DataFrame({"period_start_on": weeks, "n_events": [8, 9, None, 17, None]})
    points = [trace for trace in trend(series, title="点").data if trace.mode == "markers"]
    assert [list(trace.y) for trace in points] == [[17]]
    place = series.with_columns(
        pl.lit("990101").alias("place_code"), pl.lit("甲县").alias("label"), pl.lit(None, pl.Float64).alias("change_share"),
        pl.lit([False, False, True, False, True]).explode().alias("is_hidden"),
    )  # fmt: skip
    texts = [[note.text for note in multiples(one, title="各县区").layout.annotations] for one in (place, place.drop("is_hidden"))]  # fmt: skip
    assert "17" not in texts[0] and "17" in texts[1]


def test_axes_of_quarters_and_of_an_index():
    quarters = [date(2025, 4, 1), date(2025, 7, 1), date(2025, 10, 1), date(2026, 1, 1)]
    assert period_ticks(quarters)[1] == ["二季度<br>2025年", "三季度", "四季度", "一季度<br>2026年"]
    frame = pl.DataFrame({"series_name": ["甲", "甲"], "period_start_on": [MONDAY, MONDAY + timedelta(weeks=1)], "n_events": [83.0, 131.0]})  # fmt: skip
    figure = lines(frame, title="指数", low=75)
    assert list(figure.layout.yaxis.tickvals) == [80, 100, 120]
    assert any("纵轴不从 0 起" in note.text for note in figure.layout.annotations)


# ---------------------------------------------------------------- what leaves the screen


def test_a_week_matched_twice_is_hidden_in_both_columns_or_none():
    starts = [date(2025, 1, 6) + timedelta(weeks=n) for n in range(60)]
    counts = [3 if n in (4, 57) else 20 + n for n in range(60)]
    by_day = dict(zip(starts, counts, strict=True))
    series = pl.DataFrame(
        {
            "period_start_on": starts,
            "n_events": counts,
            "year_ago_on": [year_ago.year_before(start) for start in starts],
        }
    ).with_columns(
        pl.col("year_ago_on")
        .map_elements(lambda day: by_day.get(day, 30), return_dtype=pl.Int64)
        .alias("n_events_year_ago")
    )
    safe = course.safe_course(series, 5)
    hidden = set(safe.filter(pl.col("n_events").is_null())["period_start_on"])
    assert {starts[4], starts[57]} <= hidden
    for row in safe.filter(pl.col("year_ago_on").is_in(starts)).iter_rows(named=True):
        assert (row["n_events_year_ago"] is None) == (row["year_ago_on"] in hidden), row


def test_small_cells_of_the_new_tables_stay_inside():
    days = pl.DataFrame({"day_on": pl.date_range(date(2025, 1, 1), date(2025, 12, 31), eager=True)}).with_columns(
        (pl.int_range(pl.len()) % 8).alias("n_events"), pl.lit(None, pl.String).alias("holiday_name")
    )
    safe = rhythm.safe_days(days, 5)
    assert not safe["n_events"].is_in([1, 2, 3, 4]).any() and safe["n_events"].is_in([6, 7]).any()
    thin = days.with_columns(pl.when(pl.col("day_on").dt.day() == 1).then(1).otherwise(0).alias("n_events"))
    cells = rhythm.safe_cells(rhythm.by_weekday(thin), 5)
    hidden = cells.filter(pl.col("n_events").is_null())
    assert len(hidden) and hidden["per_day"].is_null().all() and hidden["index"].is_null().all()
    weeks = [date(2026, 1, 5) + timedelta(weeks=n) for n in range(8)]
    values = pl.DataFrame(
        {"series_name": ["甲"] * 8 + ["乙"] * 8, "period_start_on": weeks * 2, "n_events": [80] * 7 + [12] + [90] * 8}
    ).with_columns((pl.col("n_events") / 4).alias("value"))
    together = inside.safe_values(values, 5)
    assert together.filter(pl.col("series_name") == "甲")["value"].is_null().all()
    assert together.filter(pl.col("series_name") == "乙")["value"].is_not_null().all()
    parts = values.filter(pl.col("series_name") == "乙").select(
        pl.col("period_start_on").alias("week_start_on"),
        pl.Series("n_events", [3, 90, 90, 90, 90, 90, 90, 4]),
        *(pl.lit(1.0).alias(name) for name in ("trend", "season", "rest")),
    )
    kept = outlook.safe_parts(parts, 5)
    assert kept.filter(pl.col("n_events").is_null())["rest"].is_null().all() and kept["rest"].null_count() >= 2
    assert disclosure.MARK in " ".join(kept.columns)


# ---------------------------------------------------------------- the page


def test_the_answer_stands_first_and_counts_what_was_registered(asked):
    (total,) = asked("select count(*) from event where registered_on >= date '2026-10-19'")[0]
    at = opened()
    assert f"近 4 周登记 {total:,} 件，" in said(at) and "较去年同期" in said(at)
    assert "预期" in at.get("plotly_chart")[0].proto.spec


@pytest.mark.parametrize("basis", ["occurred", "closed"])
def test_another_date_says_what_it_leaves_out(asked, basis):
    column = {"occurred": "occurred_on", "closed": "closed_at"}[basis]
    (n, missing) = asked(f"select count(*), count(*) filter (where {column} is null) from event where registered_on >= date '2026-10-01'")[0]  # fmt: skip
    at = opened(dates=basis, grain="quarter", span="13")
    frame = pl.from_pandas(at.dataframe[0].value)
    (counted,) = asked(f"select count(*) from event where cast({column} as date) >= date '2026-10-01' and cast({column} as date) <= date '2026-11-15'")[0]  # fmt: skip
    assert frame.filter(pl.col("period_start_on").cast(pl.Date) == date(2026, 10, 1))["n_events"].item() == counted
    assert "件来源没有填发生日期" in said(at) if basis == "occurred" else "办结日期以最近一次导入为准" in said(at)
    assert n > missing > 0 and "比预期" not in said(at)
    assert ("只计填有发生日期的，约" in said(at)) == (basis == "occurred") and "series_name" not in frame.columns


def test_of_all_issues_of_a_town_nothing_is_expected(asked):
    (town, county, n), *_ = asked("select town_code, min(county_code), count(*) from event where registered_on >= date '2026-10-19' and town_code is not null group by 1 order by 3 desc")  # fmt: skip
    at = opened(county=county, town=town)
    assert f"近 4 周登记 {n:,} 件" in said(at) and "预期" not in said(at).split("</p>")[0]
    assert '"预期"' not in at.get("plotly_chart")[0].proto.spec and "各大类预期之和" not in said(at)
    at = opened(county=county)
    assert "预期" in at.get("plotly_chart")[0].proto.spec and "分县区" not in str(at.get("button_group"))


def test_nothing_registered_is_said_in_figures(asked):
    silent = asked("select i.issue_code, c.place_code from issue i, place c where c.place_level = 'county' and not exists (select 1 from event e where e.issue_code = i.issue_code and e.county_code = c.place_code and e.registered_on >= date '2026-10-19') order by 1, 2")  # fmt: skip
    issue, county = silent[0]
    assert "近 4 周登记 0 件" in said(opened(county=county, issue=issue))


def test_few_items_are_no_alarm():
    verdicts = pl.DataFrame({"observed": [4, 5, 9, None], "status": ["alarm", "alarm", "normal", "alarm"]})
    assert verdicts.select(judged.IS_ALARM).to_series().fill_null(False).to_list() == [False, True, False, False]


def test_each_part_opens_and_a_week_can_be_looked_at(asked):
    at = opened(part="calendar", county="990101")
    assert [f"导出时，小于 {disclosure.MIN_CELL}" in said(at), len(at.get("plotly_chart"))] == [True, 2]
    at = opened(part="outlook")
    assert "用过去 52 周检验" in said(at) and "未来 4 周" in said(at) and len(at.get("plotly_chart")) == 2
    at = opened(part="inside")
    names = [name for (name,) in asked("select place_name from place where place_level = 'county'")]
    assert all(name in at.get("plotly_chart")[0].proto.spec for name in names)
    at = opened(at="2026-W40", county="990101")
    (n,) = asked("select count(*) from event where county_code = '990101' and registered_on between date '2026-09-28' and date '2026-10-04'")[0]  # fmt: skip
    assert f"登记 {n} 件" in said(at) and at.get("page_link")[-1].proto.label == "这一周的高频事项"
