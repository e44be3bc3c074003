"""Which weeks are history, what a week allows, and how much of the last ones has arrived."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from pipelines.surveillance import weeks

TODAY = date(2026, 11, 16)


def test_activity_counts_days_off_by_what_they_bring():
    days = pl.date_range(date(2026, 11, 2), date(2026, 11, 15), eager=True).alias("day_on").to_frame()
    calendar = days.with_columns(
        pl.col("day_on").dt.truncate("1w").alias("week_start_on"),
        (pl.col("day_on").dt.weekday() <= 5).alias("is_workday"),
    ).with_columns(pl.col("is_workday") & (pl.col("day_on") != date(2026, 11, 11)))
    daily = calendar.select(
        pl.col("day_on").alias("registered_on"), pl.when("is_workday").then(100).otherwise(20).alias("n_events")
    )
    assert weeks.activity(calendar, daily)["activity"].to_list() == pytest.approx([1.0, 4.6 / 5.4])


def days_with(items: dict[date, int], first: date, last: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    calendar = pl.date_range(first, last, eager=True).alias("day_on").to_frame().with_columns(
        pl.col("day_on").dt.truncate("1w").alias("week_start_on"), (pl.col("day_on").dt.weekday() <= 5).alias("is_workday")
    )  # fmt: skip
    daily = pl.DataFrame({"registered_on": list(items), "n_events": list(items.values())})
    return calendar, daily


def test_a_week_is_complete_when_the_data_reach_its_end():
    monday, sunday = date(2026, 11, 9), date(2026, 11, 15)
    every_day = {date(2026, 11, 2 + day): 5 for day in range(14)}
    calendar, daily = days_with(every_day, date(2026, 11, 2), sunday)
    last = weeks.complete_weeks(calendar, daily, TODAY)["week_start_on"].max()
    assert last == monday
    to_saturday = daily.filter(pl.col("registered_on") < sunday)
    assert weeks.complete_weeks(calendar, to_saturday, TODAY)["week_start_on"].max() == date(2026, 11, 2)
    assert weeks.complete_weeks(calendar, daily, sunday)["week_start_on"].max() == date(2026, 11, 2)


def test_an_office_closed_at_weekends_is_complete_on_friday():
    working = {date(2026, 11, day): 9 for day in (2, 3, 4, 5, 6, 9, 10, 11, 12, 13)}
    calendar, daily = days_with(working, date(2026, 11, 2), date(2026, 11, 15))
    assert weeks.complete_weeks(calendar, daily, TODAY)["week_start_on"].to_list() == [
        date(2026, 11, 2),
        date(2026, 11, 9),
    ]


def test_history_starts_after_a_long_gap():
    """Years without files are not years without complaints."""
    early = {date(2026, 1, 5): 50, date(2026, 1, 12): 50}
    late = {date(2026, 10, 5 + day): 5 for day in range(21)}
    calendar, daily = days_with(early | late, date(2026, 1, 5), date(2026, 10, 25))
    history = weeks.complete_weeks(calendar, daily, TODAY)["week_start_on"].to_list()
    assert history == [date(2026, 10, 5), date(2026, 10, 12), date(2026, 10, 19)]


def test_covariates_follow_the_moving_festival():
    mondays = [date(2025, 11, 3) + timedelta(weeks=n) for n in range(24)]
    columns = weeks.around_festival(mondays, [date(2026, 2, 17)])  # a Tuesday; its Monday is number 15
    assert np.flatnonzero(columns[:, 2]).tolist() == [15, 16]
    assert np.flatnonzero(columns[:, 1]).tolist() == [12, 13, 14]
    assert columns[14, 0] == columns[:, 0].max() and np.flatnonzero(columns[:, 0]).tolist() == list(range(7, 15))
    assert np.flatnonzero(columns[:, 3]).tolist() == [17, 18, 19]


def triangle(late_share: float, *, n_weeks: int = 40, county: str = "990101", per_week: int = 100) -> pl.DataFrame:
    """Weekly files every Monday; of each week `late_share` is only in the file a week later."""
    rows = []
    for n in range(n_weeks):
        week = date(2026, 11, 9) - timedelta(weeks=n)
        late = round(per_week * late_share)
        rows.append((week, county, week + timedelta(days=7), per_week - late))
        if n > 0:
            rows.append((week, county, week + timedelta(days=14), late))
    return pl.DataFrame(rows, schema=["week_start_on", "county_code", "known_on", "n_events"], orient="row")


LAST_WEEKS = [date(2026, 11, 9) - timedelta(weeks=n) for n in range(10)][::-1]


def test_the_last_week_is_as_complete_as_such_weeks_used_to_be():
    arrived = weeks.completeness(triangle(0.2), LAST_WEEKS, TODAY)
    assert arrived["week_start_on"].unique().to_list() == [date(2026, 11, 9)]
    assert arrived["share"].to_list() == pytest.approx([0.8, 0.8])  # the city and its one county
    assert arrived["variance"].to_list() == pytest.approx([0, 0])


def test_without_lateness_nothing_is_corrected():
    assert weeks.completeness(triangle(0.0), LAST_WEEKS, TODAY).is_empty()


def test_a_history_loaded_in_one_piece_says_nothing_about_delays():
    at_once = triangle(0.2).with_columns(pl.lit(TODAY).alias("known_on"))
    assert weeks.completeness(at_once, LAST_WEEKS, TODAY).is_empty()


def test_a_county_that_has_not_reported_yet_has_no_share():
    other = triangle(0.0, county="990102").filter(pl.col("week_start_on") < date(2026, 11, 9))
    arrived = weeks.completeness(pl.concat([triangle(0.0), other]), LAST_WEEKS, TODAY)
    assert arrived.select("county_code", "share").rows() == [("990102", 0.0)]
