"""Which weeks can be compared, and how much registering does each of them allow?"""

from datetime import date, timedelta

import numpy as np
import polars as pl

SPRING_FESTIVALS = [
    date(year, month, day)
    for year, month, day in (
        (2015, 2, 19), (2016, 2, 8), (2017, 1, 28), (2018, 2, 16), (2019, 2, 5), (2020, 1, 25), (2021, 2, 12),
        (2022, 2, 1), (2023, 1, 22), (2024, 2, 10), (2025, 1, 29), (2026, 2, 17), (2027, 2, 6), (2028, 1, 26),
        (2029, 2, 13), (2030, 2, 3), (2031, 1, 23), (2032, 2, 11), (2033, 1, 31), (2034, 2, 19), (2035, 2, 8),
        (2036, 1, 28), (2037, 2, 15), (2038, 2, 4), (2039, 1, 24), (2040, 2, 12),
    )
]  # fmt: skip
"""农历正月初一. The days off around it begin on the eve or earlier, by each year's notice, and do not tell."""
GAP_WEEKS = 4
QUIET_WEEKEND = 0.05  # a Saturday brings less than this share of a weekday: the office does not register then
LATE_WEEKS = 4  # later than this, next to nothing arrives any more
DELAY_WEEKS = (8, 34)  # delays are learnt from the weeks so long ago: older ones are no guide, later ones not yet over
MIN_DELAY_WEEKS = 6
MISSED_ITEMS = 5  # a county that used to have as many by then, and now has none, has not reported yet


def activity(calendar: pl.DataFrame, daily: pl.DataFrame) -> pl.DataFrame:
    """How much registering each week's working days and days off allow, relative to an ordinary week.

    `calendar`: day_on, week_start_on, is_workday; `daily`: registered_on, n_events. Adds `activity`, one row a week.
    A day off counts as the share of a working day's items that days off have had, in hundredths: a new week is to leave
    the weeks before as they are.
    """
    days = calendar.join(daily, left_on="day_on", right_on="registered_on", how="left").fill_null(0)
    off = round(days_off_share(days), 2)
    weight = pl.when("is_workday").then(1.0).otherwise(off)
    return days.group_by("week_start_on").agg((weight.sum() / (5 + 2 * off)).alias("activity")).sort("week_start_on")


def days_off_share(days: pl.DataFrame) -> float:
    """Items of an average day off over those of an average working day, 0–1. `days`: is_workday, n_events."""
    means = dict(days.group_by("is_workday").agg(pl.col("n_events").mean()).iter_rows())
    return min(max((means.get(False) or 0.0) / max(means.get(True) or 1.0, 1e-9), 0.0), 1.0)


def complete_weeks(calendar: pl.DataFrame, daily: pl.DataFrame, today: date) -> pl.DataFrame:
    """The weeks that history is made of: week_start_on, activity; every week from the first to the last complete one.

    A week is complete when the data reach its Sunday, or its Friday where weekends bring next to nothing, and it is
    over. History starts on a Monday after the last gap of GAP_WEEKS weeks without any item: what came before such a
    gap was another time or another office's file, and weeks without files are not weeks without complaints.
    """
    first, last = daily["registered_on"].min(), daily["registered_on"].max()
    assert isinstance(first, date) and isinstance(last, date)
    monday = last - timedelta(days=last.weekday())
    counted = calendar.join(daily, left_on="day_on", right_on="registered_on", how="left").fill_null(0)
    at_weekends = counted.filter(pl.col("day_on").is_between(first, last)).with_columns(
        (pl.col("day_on").dt.weekday() <= 5).alias("is_workday")
    )
    reaches = 6 if days_off_share(at_weekends) > QUIET_WEEKEND else 4
    is_over = today > monday + timedelta(days=6)
    end = monday if is_over and last.weekday() >= reaches else monday - timedelta(days=7)
    weeks = counted.group_by("week_start_on").agg(pl.col("n_events").sum()).sort("week_start_on")
    empty = weeks.filter(pl.col("n_events") == 0)["week_start_on"].to_list()
    gaps = [week for week in empty if {week - timedelta(weeks=n) for n in range(GAP_WEEKS)} <= set(empty)]
    start = max(gaps) + timedelta(days=7) if gaps else first
    of_history = pl.col("week_start_on").is_between(start, end)
    return activity(calendar.filter(of_history), daily)


def around_festival(weeks: list[date], festivals: list[date] | None = None) -> np.ndarray:
    """Covariates of a festival that moves through the year, (weeks × 4).

    Columns: the eight weeks before it, rising to 1; the last three before; the week it falls in and the next; the three
    after these (default: Spring Festival). People settle accounts before the Spring Festival and are away during it, whatever the month.
    """
    columns = np.zeros((len(weeks), 4))
    monday = np.array(weeks, dtype="datetime64[D]")
    for festival in SPRING_FESTIVALS if festivals is None else festivals:
        distance = (monday - np.datetime64(festival - timedelta(days=festival.weekday()))).astype(int) // 7
        columns[:, 0] += np.where((distance < 0) & (distance >= -8), 1 + distance / 9, 0)
        columns[:, 1] += (distance < 0) & (distance >= -3)
        columns[:, 2] += (distance == 0) | (distance == 1)
        columns[:, 3] += (distance >= 2) & (distance <= 4)
    return columns


def completeness(triangle: pl.DataFrame, weeks: list[date], as_of: date) -> pl.DataFrame:
    """Which share of their items are the last weeks likely to show already, given how late items used to arrive?

    `triangle`: week_start_on (of registration), county_code, known_on (when the office first had them), n_events: the
    reporting triangle (Noufaily et al. 2015, Statist. Med. 34:1316; delays drift, so only recent weeks' count). Returns
    week_start_on, county_code (null: the whole city), share in (0, 1], variance (relative, of the share). Weeks are
    left out where they are complete, or where too few earlier ones arrived in a rhythm that could be compared: a
    history that was loaded in one piece says nothing about delays. A county of which nothing has come yet, while it
    used to have some by then, has share 0.
    """
    nothing = pl.DataFrame(
        schema={"week_start_on": pl.Date, "county_code": pl.String, "share": pl.Float64, "variance": pl.Float64}
    )
    if not weeks or triangle.is_empty():
        return nothing
    whole = triangle.with_columns(pl.lit(None, pl.String).alias("county_code"))
    counted = pl.concat([triangle.filter(pl.col("county_code").is_not_null()), whole], how="diagonal_relaxed")
    frames = []
    for week in weeks[-LATE_WEEKS:]:
        lag = (as_of - week).days
        past = counted.filter(
            pl.col("week_start_on").is_between(
                as_of - timedelta(weeks=DELAY_WEEKS[1]), as_of - timedelta(weeks=DELAY_WEEKS[0])
            )
        ).with_columns(((pl.col("known_on") - pl.col("week_start_on")).dt.total_days() <= lag).alias("in_time"))
        by_week = past.group_by("county_code", "week_start_on").agg(
            pl.col("n_events").filter("in_time").sum().alias("known"), pl.col("n_events").sum().alias("total")
        )
        rhythm = by_week.filter(pl.col("county_code").is_null() & (pl.col("known") > 0))["week_start_on"]
        if len(rhythm) < MIN_DELAY_WEEKS:
            continue
        arrived = by_week.filter(pl.col("week_start_on").is_in(rhythm.implode()))
        shares = arrived.group_by("county_code").agg(
            (pl.col("known").sum() / pl.col("total").sum()).alias("share"),
            (pl.col("known") / pl.col("total")).var().fill_null(0.0).alias("spread"),
            (pl.col("known").mean() >= MISSED_ITEMS).alias("is_awaited"),
        )
        now = counted.filter(pl.col("week_start_on") == week).group_by("county_code").agg(pl.col("n_events").sum())
        frames.append(
            shares.join(now, on="county_code", how="left", nulls_equal=True)
            .filter(pl.col("share") > 0)
            .with_columns(pl.lit(week).alias("week_start_on"))
            .with_columns(
                pl.when(pl.col("is_awaited") & (pl.col("n_events").fill_null(0) == 0))
                .then(0.0)
                .otherwise(pl.col("share"))
                .alias("share"),
                (pl.col("spread") / pl.col("share") ** 2).alias("variance"),
            )
            .filter((pl.col("share") < 0.995) | (pl.col("share") == 0))
            .select("week_start_on", "county_code", "share", "variance")
        )
    return pl.concat(frames).sort("week_start_on", "county_code") if frames else nothing


def arrived_by_week(arrived: pl.DataFrame | None) -> dict[tuple[date, str | None], float]:
    """(week_start_on, county_code) → the share of `completeness`; weeks not in it are complete."""
    if arrived is None:
        return {}
    return {(week, county): share for week, county, share in arrived.select(pl.exclude("variance")).iter_rows()}
