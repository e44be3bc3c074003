"""Which days and which part of the city does a report count, and what is known of them?"""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from app import reader, wording
from app.reports.periods import Period


class NoSuchArea(ValueError):
    """No county or town has this code; one Chinese sentence."""


class NoData(ValueError):
    """Nothing is known of this period; one Chinese sentence that names the first and the last day of the data."""


@dataclass(frozen=True)
class Area:
    """level: city | county | town"""

    code: str
    name: str
    level: str


@dataclass(frozen=True)
class Span:
    """Days counted, both included."""

    first_on: date
    last_on: date

    @property
    def n_days(self) -> int:
        return (self.last_on - self.first_on).days + 1


@dataclass(frozen=True)
class Scope:
    """Days and area, and the parameters with which queries ask for them."""

    area: Area
    city_code: str
    county_code: str | None
    """Of the area: its own, or that of the town; None for the city."""
    data_from: date
    data_through: date
    """The last day of the data: that of the last full week, where nothing was registered on its last days."""
    now: Span
    before: Span
    year_ago: Span
    is_complete: bool
    filled: frozenset[date]
    """Mondays of the weeks in which anything was registered."""

    def parameters(self) -> dict[str, reader.Parameter]:
        """from_on, to_on, before_from, before_to, year_ago_from, year_ago_to (days, included); county, town."""
        return {
            **span_parameters("", self.now),
            **span_parameters("before", self.before),
            **span_parameters("year_ago", self.year_ago),
            "county": self.county_code,
            "town": self.area.code if self.area.level == "town" else None,
        }

    def is_known(self, span: Span) -> bool:
        """Do the data reach over the whole span, without a whole week in which nothing at all was registered?"""
        return self.data_from <= span.first_on and span.last_on <= self.data_through and self.is_filled(span)

    def is_filled(self, span: Span) -> bool:
        return whole_weeks(span) <= self.filled

    def covers(self, span: Span, first_on: date | None, last_on: date | None) -> bool:
        """Does a source with items from first_on to last_on tell about the span? It may begin or end in a week of it."""
        if first_on is None or last_on is None:
            return False
        week = timedelta(days=6)
        return first_on <= span.first_on + week and last_on >= span.last_on - week


def span_parameters(name: str, span: Span) -> dict[str, reader.Parameter]:
    start, end = (f"{name}_from", f"{name}_to") if name else ("from_on", "to_on")
    return {start: span.first_on, end: span.last_on}


def whole_weeks(span: Span) -> set[date]:
    """Mondays of the weeks that lie wholly in the span."""
    first = span.first_on + timedelta(days=-span.first_on.weekday() % 7)
    return {first + timedelta(weeks=n) for n in range(max(0, (span.last_on - first).days + 1) // 7)}


def find(ask: reader.Ask, period: Period, area_code: str | None, about: Mapping[str, str]) -> Scope:
    """Of the period the days the data reach, and as many days of the earlier ones. about: meta. Raises NoSuchArea, NoData."""
    data_from, through = (date.fromisoformat(about[name]) for name in ("data_from", "data_through"))
    through = max(through, date.fromisoformat(about["last_full_week"]) + timedelta(days=6))
    if period.last_on < data_from or period.first_on > through:
        raise NoData(
            f"{period.name}不在数据范围内：数据从 {wording.full_day(data_from)} 到 {wording.full_day(through)}。"
        )
    now = Span(max(period.first_on, data_from), min(period.last_on, through))
    area, county = _area(ask, area_code, about)
    weeks = ask("covered_weeks")["week_start_on"].to_list()
    return Scope(
        area=area,
        city_code=about["city_code"],
        county_code=county,
        data_from=data_from,
        data_through=through,
        now=now,
        before=_as_many_days(period, period.before(), now),
        year_ago=_as_many_days(period, period.year_ago(), now),
        is_complete=now == Span(period.first_on, period.last_on),
        filled=frozenset(weeks),
    )


def _as_many_days(period: Period, other: Period, now: Span) -> Span:
    """Of an earlier period: all of it where all of this one is counted, else up to the same day."""
    if now.last_on == period.last_on:
        return Span(other.first_on, other.last_on)
    if period.kind == "annual":
        month, year = now.last_on.month, other.first_on.year
        return Span(other.first_on, date(year, month, min(now.last_on.day, calendar.monthrange(year, month)[1])))
    same = other.first_on + (now.last_on - period.first_on)
    return Span(other.first_on, min(same, other.last_on))


def _area(ask: reader.Ask, code: str | None, about: Mapping[str, str]) -> tuple[Area, str | None]:
    if code is None or code == about["city_code"]:
        return Area(about["city_code"], about["city_name"], "city"), None
    found = ask("places").filter(pl.col("place_code") == code, pl.col("place_level").is_in(["county", "town"]))
    if found.is_empty():
        raise NoSuchArea(f"没有代码为“{code[:40]}”的县区或镇街。请用区划表里的 6 位县区代码或 9 位镇街代码。")
    row = found.row(0, named=True)
    return Area(code, row["place_name"], row["place_level"]), row["county_code"]
