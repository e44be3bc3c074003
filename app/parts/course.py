"""From days to a series with last year and the expected band beside it; the sentence that says what it comes to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import disclosure, fields, filters, marts, page, wording
from app.charts.series import lines, trend
from app.charts.style import period_days
from app.parts import judged
from app.year_ago import near_festival, year_before

SPANS = {"13": "13周", "26": "26周", "52": "52周", "104": "104周"}
GRAINS = {"day": "按日", "week": "按周", "month": "按月", "quarter": "按季"}
EVERY = {"day": "1d", "week": "1w", "month": "1mo", "quarter": "1q"}
UNITS = {"day": "日", "week": "周", "month": "月", "quarter": "季"}
SPLITS = {"all": "合计", "source": "分来源", "county": "分县区", "group": "分大类"}
BASES = fields.words("date_basis")
VERBS = {"registered": "登记", "occurred": "发生", "closed": "办结"}
ANSWER_WEEKS = 4
FILLED = 0.95
"""A day counts as filled up once this share of its items has usually been registered."""


@dataclass(frozen=True)
class Look:
    """What 趋势分析 looks at, whichever of its parts is open."""

    edition: page.Edition
    choice: filters.Choice
    basis: str
    """registered | occurred | closed"""
    way: str
    """How last year is matched (app.year_ago)."""
    week: date
    """Monday of the last whole week looked at."""

    @property
    def asked(self) -> dict[str, str | None]:
        return {**self.choice.parameters(), "basis": self.basis}

    @property
    def place_code(self) -> str:
        return self.choice.town or self.choice.county or self.edition.city_code

    @property
    def k(self) -> int:
        return disclosure.threshold(self.choice.issue, self.choice.group)

    @property
    def through(self) -> date:
        """The last day shown: of the newest week all that has come in since."""
        is_newest = self.week == self.edition.last_full_week
        return self.edition.data_through if is_newest else self.week + timedelta(days=6)

    @property
    def is_judged(self) -> bool:
        """Verdicts are given on what was registered by any source."""
        return self.basis == "registered" and not self.choice.source

    def complete_through(self, grain: str) -> date:
        """The last day after which a period is not whole, or not all of its items have come in yet."""
        complete = self.week + timedelta(days=6)
        if self.week == self.edition.last_full_week and grain != "week":  # what the data go beyond is over
            complete = max(complete, self.edition.data_through - timedelta(days=1))
        if self.basis == "occurred":
            complete = min(complete, filled_through(self.choice.source, self.edition.data_through))
        return complete

    def with_expected(self, weeks: pl.DataFrame) -> pl.DataFrame:
        """Weeks with what was to be expected, where that was judged: with a bound of an issue or a group of them."""
        if not self.is_judged:
            return weeks
        one = self.choice.issue or self.choice.group
        if one is None and self.choice.town:
            return weeks
        if one is None:
            return judged.with_expected_total(weeks, self.place_code, self.week)
        return judged.with_band(weeks, self.place_code, one, self.week)


def days_of(asked: Mapping[str, str | None], first: date, last: date) -> pl.DataFrame:
    """Items a day, in one series: every span is cut from all days there are, which are counted once. asked: `Look.asked`."""
    every = marts.query("counts_by_day", **asked, from_on=date.min, to_on=date.max, split="all")
    return every.filter(pl.col("day_on").is_between(first, last))


def last_weeks(look: Look) -> pl.DataFrame:
    """The weeks the answer rests on, as `answer` takes them."""
    first = max(look.week - timedelta(weeks=12), look.edition.data_from)
    first -= timedelta(days=first.weekday())
    last = look.week + timedelta(days=6)
    covered = filters.covered_weeks(look.choice.source)
    weeks = with_unknown(by_period(days_of(look.asked, first, last), "week", first, last), "week", covered)
    weeks = with_incomplete(weeks, "week", look.edition.data_from, look.complete_through("week"))
    if look.way == "week" and any(map(near_festival, weeks["period_start_on"])):
        aligned = with_year_ago(weeks, look.asked, "week", "festival", covered)["n_events_year_ago"]
        weeks = weeks.with_columns(aligned.alias("n_events_aligned"))
    return look.with_expected(with_year_ago(weeks, look.asked, "week", look.way, covered))


def headline(look: Look) -> str:
    """The sentence above the page; "" where the data leave a gap."""
    weeks = last_weeks(look)
    said = answer(weeks, VERBS[look.basis], look.week)
    if look.basis != "occurred" or not said:
        return said
    last = _answered(weeks)["period_start_on"]
    span = {"from_on": last[0], "to_on": last[-1] + timedelta(days=6)}
    given = marts.query("dates_given", **look.choice.parameters(), **span).row(0, named=True)
    if given["n_occurred_known"] == given["n_events"]:
        return said
    return said.replace(
        " 件", f" 件（只计填有发生日期的，{_tenths(given['n_occurred_known'] / given['n_events'])}）", 1
    )


def _tenths(share: float) -> str:
    """约三成"""
    n = round(10 * share)
    return "不到一成" if n < 1 else "九成以上" if n > 9 else f"约{'一二三四五六七八九'[n - 1]}成"


def nothing(look: Look) -> str:
    """In place of a picture without items."""
    return f"这个筛选下没有{VERBS[look.basis]}的事项。可放宽时段、区域或事项后再看。"


def first_day(through: date, n_weeks: int, grain: str, data_from: date) -> date:
    """The first day of the span, at the start of its period, even where the data begin in the middle of it."""
    first = max(through - timedelta(weeks=n_weeks) + timedelta(days=1), data_from)
    return pl.select(pl.lit(first).dt.truncate(EVERY[grain])).item()


def by_period(days: pl.DataFrame, grain: str, first: date, through: date) -> pl.DataFrame:
    """Days → periods × series (all, where there is no item), silent periods as 0. `first` is the start of a period."""
    starts = pl.select(pl.date_range(first, through, EVERY[grain]).alias("period_start_on"))
    counted = days.with_columns(pl.col("day_on").dt.truncate(EVERY[grain]).alias("period_start_on"))
    counted = counted.group_by("period_start_on", "series_name").agg(pl.col("n_events").sum())
    names = counted.select("series_name").unique()
    if names.is_empty():  # silent throughout
        names = pl.DataFrame({"series_name": ["all"]})
    full = starts.join(names, how="cross")
    return (
        full.join(counted, on=["period_start_on", "series_name"], how="left")
        .with_columns(pl.col("n_events").fill_null(0))
        .sort("period_start_on", "series_name")
    )


def with_unknown(series: pl.DataFrame, grain: str, covered: pl.DataFrame) -> pl.DataFrame:
    """No figure (null, not 0) for periods none of whose weeks is in `covered` (week_start_on): a gap of the data."""
    ends = pl.col("period_start_on").dt.offset_by(EVERY[grain]).dt.offset_by("-1d")
    periods = series.select("period_start_on", ends.alias("last_on")).unique()
    known = periods.join_where(
        covered,
        pl.col("week_start_on") <= pl.col("last_on"),
        pl.col("week_start_on").dt.offset_by("6d") >= pl.col("period_start_on"),
    )["period_start_on"].unique()
    return series.with_columns(
        pl.when(pl.col("period_start_on").is_in(known.to_list())).then("n_events").alias("n_events")
    )


def with_incomplete(series: pl.DataFrame, grain: str, data_from: date, complete_through: date) -> pl.DataFrame:
    """Marks (is_incomplete) the periods that begin before the data or end after the last complete day."""
    last_on = pl.col("period_start_on").dt.offset_by(EVERY[grain]).dt.offset_by("-1d")
    return series.with_columns(
        ((pl.col("period_start_on") < data_from) | (last_on > complete_through)).alias("is_incomplete")
    )


def without_leading(series: pl.DataFrame) -> pl.DataFrame:
    """What is drawn: an incomplete first period would look like a rise after it."""
    whole = series.filter(~pl.col("is_incomplete"))
    return series if whole.is_empty() else series.filter(pl.col("period_start_on") >= whole["period_start_on"].min())


def with_year_ago(
    series: pl.DataFrame, asked: Mapping[str, str | None], grain: str, way: str, covered: pl.DataFrame
) -> pl.DataFrame:
    """Adds year_ago_on, the period of last year that each is compared with, and its n_events_year_ago.

    Days and weeks are matched by `way` (app.year_ago), months and quarters by name. asked: as counts_by_day asks.
    """
    if grain in ("day", "week"):
        starts = series["period_start_on"].to_list()
        matched = pl.Series("year_ago_on", [year_before(start, way) for start in starts], dtype=pl.Date)
    else:
        matched = series["period_start_on"].dt.offset_by("-12mo").alias("year_ago_on")
    first: date = matched.min()  # type: ignore[assignment]
    last: date = pl.select(pl.lit(matched.max()).dt.offset_by(EVERY[grain]).dt.offset_by("-1d")).item()
    counted = days_of(asked, first, last)
    earlier = with_unknown(by_period(counted, grain, first, last), grain, covered)
    if counted.is_empty():
        return series.with_columns(matched, pl.lit(None, pl.Int64).alias("n_events_year_ago"))
    earlier = earlier.select(
        pl.col("period_start_on").alias("year_ago_on"), pl.col("n_events").alias("n_events_year_ago")
    )
    return series.with_columns(matched).join(earlier, on="year_ago_on", how="left", maintain_order="left")


def filled_through(source: str | None, data_through: date) -> date:
    """The last day of occurrence whose items have been registered, all but a few: by the delays of the last year."""
    delays = marts.query("registration_delay", source=source)
    if delays.is_empty():
        return data_through
    reached = delays.with_columns((pl.col("n_events").cum_sum() / pl.col("n_events").sum()).alias("share"))
    days = reached.filter(pl.col("share") >= FILLED)["delay_days"].min()
    return data_through - timedelta(days=int(days))  # type: ignore[arg-type]


def figure(series: pl.DataFrame, *, title: str, unfinished: str = "未满期", is_clickable: bool = False) -> go.Figure:
    """One series with last year and band, or several side by side; what is drawn of the first and last period."""
    if _is_one(series):
        shown = without_leading(series).drop("series_name", strict=False)
        return trend(shown, title=title, height=420, unfinished=unfinished, is_clickable=is_clickable)
    return lines(series.filter(~pl.col("is_incomplete")), title=title, height=420)


def _is_one(series: pl.DataFrame) -> bool:
    return "series_name" not in series.columns or bool((series["series_name"] == "all").all())


def safe_course(series: pl.DataFrame, k: int | pl.Series, *, is_city: bool = False) -> pl.DataFrame:
    """A series to take away: period_start_on, n_events, optional series_name, n_events_year_ago, is_alarm; small counts hidden.

    Published elsewhere are the total of each year and, of several series, the total of each period and series. A
    period of both years is hidden in both columns or in none. That a hidden week was an alarm would bound its count.
    """
    derived = {"is_alarm": ["n_events"]} if "is_alarm" in series.columns else {}
    if not _is_one(series):
        both = (("period_start_on",), ("series_name",))
        return disclosure.suppress(
            series, measures=["n_events"], k=k, within=both, derived=derived, small_totals=is_city
        )
    if "n_events_year_ago" not in series.columns:
        return disclosure.suppress(series, measures=["n_events"], k=k, within=((),), derived=derived)
    rows = series.sort("period_start_on")
    if "year_ago_on" not in rows.columns:
        rows = rows.with_columns(_a_year_earlier(rows["period_start_on"]).alias("year_ago_on"))
    now = rows.select("period_start_on", "n_events")
    earlier = rows.select(
        pl.col("year_ago_on").alias("period_start_on"), pl.col("n_events_year_ago").alias("n_events")
    ).unique("period_start_on", maintain_order=True)
    long = pl.concat([now, earlier.join(now, on="period_start_on", how="anti")])
    last = rows["period_start_on"].max()
    highest = k if isinstance(k, int) else int(k.max())  # type: ignore[arg-type]
    long = long.with_columns(((pl.lit(last) - pl.col("period_start_on")).dt.total_days() // 364).alias("year"))
    known = disclosure.suppress(long, measures=["n_events"], k=highest, within=(("year",),)).select(
        "period_start_on", "n_events" + disclosure.MARK
    )
    hidden = [
        rows.select(pl.col(name).alias("period_start_on")).join(
            known, on="period_start_on", how="left", maintain_order="left"
        )["n_events" + disclosure.MARK]
        for name in ("period_start_on", "year_ago_on")
    ]
    names = ["n_events", "n_events_year_ago", *derived]
    safe = rows.with_columns(
        mark.alias(name + disclosure.MARK) for name, mark in zip(names, [*hidden, hidden[0]][: len(names)], strict=True)
    )
    return safe.with_columns(pl.when(pl.col(name + disclosure.MARK).is_null()).then(name).alias(name) for name in names)


def _a_year_earlier(starts: pl.Series) -> pl.Series:
    """The same month or quarter a year before, or 52 weeks back."""
    return starts.dt.offset_by("-12mo" if period_days(starts.to_list()) > 20 else "-364d")


def answer(weeks: pl.DataFrame, verb: str, week: date) -> str:
    """近 4 周登记 6,812 件，比预期多 230 件，较去年同期 +5.1%。Of the last 4 whole weeks, or as many as there are.

    weeks: period_start_on, n_events, is_incomplete; optional expected, n_events_year_ago and, of weeks around 春节,
    n_events_aligned: last year's matched by the festival. week: the last one looked at.
    """
    last = _answered(weeks)
    if last.is_empty() or last["n_events"].has_nulls():
        return ""
    n, total = len(last), int(last["n_events"].sum())
    sunday = last["period_start_on"][-1] + timedelta(days=6)
    when = f"近 {n} 周" if sunday >= week else f"到{wording.day(sunday)}为止的 {n} 周，"
    said = [f"{when}{verb} {total:,} 件"]
    if "expected" in last.columns and not last["expected"].has_nulls():
        more = total - last["expected"].sum()
        # Of a count of many weeks and issues, the square root is the least that chance alone moves it by.
        as_usual = abs(more) < max(1.0, float(last["expected"].sum()) ** 0.5)
        said.append(
            f"与预期相当（{last['expected'].sum():,.0f} 件）"
            if as_usual
            else f"比预期{'多' if more > 0 else '少'} {abs(more):,.0f} 件"
        )
    if "n_events_year_ago" in last.columns and not last["n_events_year_ago"].has_nulls():
        ago = wording.change(total, float(last["n_events_year_ago"].sum()))
        if ago.share is not None:
            said.append(f"较去年同期 {ago.words}{_aligned(last, total)}")
        elif total:
            said.append("去年同期件数太少，不比")
    return "，".join(said) + "。"


def _answered(weeks: pl.DataFrame) -> pl.DataFrame:
    return weeks.filter(~pl.col("is_incomplete")).sort("period_start_on").tail(ANSWER_WEEKS)


def _aligned(last: pl.DataFrame, total: int) -> str:
    """（按春节对齐 −17.7%）, where weeks near the festival are told and last year's aligned are known."""
    if not any(map(near_festival, last["period_start_on"])):
        return ""
    if "n_events_aligned" not in last.columns or last["n_events_aligned"].has_nulls():
        return ""
    change = wording.change(total, float(last["n_events_aligned"].sum()))
    return "" if change.share is None else f"（按春节对齐 {change.words}）"


def summary(series: pl.DataFrame, grain: str, verb: str = "登记") -> None:
    """Total of the whole periods, the last whole one against the one before and a year ago."""
    whole = (
        series.filter(~pl.col("is_incomplete"))
        .group_by("period_start_on")
        .agg(  # the sum of nothing known is unknown
            pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name)
            for name in series.columns
            if name.startswith("n_events")
        )
        .sort("period_start_on")
    )
    known = whole.drop_nulls("n_events")
    if known.is_empty():
        return
    unit = UNITS[grain]
    last = known.row(-1, named=True)
    at = whole["period_start_on"].to_list().index(last["period_start_on"])
    before = whole["n_events"][at - 1] if at else None
    total, latest, year = st.columns(3)
    span = f"{len(known)} 个整{unit}"
    total.metric(f"合计（{span}）", wording.items(sum(known["n_events"])), help=f"{span}之和，按{verb}日期计。")
    now = wording.change(last["n_events"], before)
    latest.metric(
        f"最近一个整{unit}（{wording.day(last['period_start_on'])}{'' if grain == 'day' else '起'}）",
        wording.items(last["n_events"]),
        delta=f"环比 {now.words}",
        delta_color="off",
        delta_arrow="off",
        help=f"上一{unit} {wording.items(before)}。",
    )
    if "n_events_year_ago" in whole.columns:
        both = whole.drop_nulls(["n_events", "n_events_year_ago"])
        ago = wording.change(sum(both["n_events"]), sum(both["n_events_year_ago"]) if len(both) else None)
        year.metric(
            f"合计较去年同期（整段 {len(both)} 个整{unit}）",
            ago.words,
            help=f"整段合计 {wording.items(ago.now)}，去年同一段 {wording.items(ago.before)}；"
            f"不是最近一{unit}的同比，那一项见「本周研判」。",
        )
