"""Which days does a report cover? 2026-W46 a week, 2026-11 a month, 2026-Q4 a quarter, 2026 a year.

Items belong to a period by their day: the days of two half weeks add to the month they lie in. Warnings are weekly; a
week belongs to the month, quarter and year of its Thursday (as ISO 8601 gives a week to a year).
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from app import wording

KINDS = {"weekly": "周", "monthly": "月", "quarterly": "季", "annual": "年"}
TITLES = {
    "weekly": "诉求风险研判周报",
    "monthly": "诉求办理月度通报",
    "quarterly": "诉求形势季度讲评",
    "annual": "信访工作年度报告",
}
EXAMPLES = {"weekly": "2026-W46", "monthly": "2026-11", "quarterly": "2026-Q4", "annual": "2026"}
PATTERNS = {
    "weekly": r"(\d{4})-W(\d{2})", "monthly": r"(\d{4})-(\d{2})", "quarterly": r"(\d{4})-Q([1-4])", "annual": r"(\d{4})",
}  # fmt: skip


class BadPeriod(ValueError):
    """The period asked for is written wrongly or does not exist; one Chinese sentence says how to write it."""


@dataclass(frozen=True)
class Period:
    """kind: weekly | monthly | quarterly | annual; first and last day, both included."""

    kind: str
    first_on: date
    last_on: date

    @property
    def code(self) -> str:
        """2026-W46, 2026-11, 2026-Q4, 2026"""
        match self.kind:
            case "weekly":
                return wording.week_code(self.first_on)
            case "monthly":
                return f"{self.first_on:%Y-%m}"
            case "quarterly":
                return f"{self.first_on.year}-Q{(self.first_on.month + 2) // 3}"
            case _:
                return str(self.first_on.year)

    @property
    def year(self) -> int:
        """The year in whose series it is numbered."""
        return self.first_on.isocalendar().year if self.kind == "weekly" else self.first_on.year

    @property
    def ordinal(self) -> int | None:
        """第N期: the number of the week, month or quarter in its year; none for a year."""
        match self.kind:
            case "weekly":
                return self.first_on.isocalendar().week
            case "monthly":
                return self.first_on.month
            case "quarterly":
                return (self.first_on.month + 2) // 3
            case _:
                return None

    @property
    def name(self) -> str:
        """2026年第46周, 2026年11月, 2026年第四季度, 2026年"""
        match self.kind:
            case "weekly":
                return wording.week_name(self.first_on)
            case "monthly":
                return f"{self.first_on.year}年{self.first_on.month}月"
            case "quarterly":
                return f"{self.first_on.year}年第{'一二三四'[(self.first_on.month - 1) // 3]}季度"
            case _:
                return f"{self.first_on.year}年"

    @property
    def span(self) -> str:
        """2026年11月9日—11月15日"""
        return wording.span(self.first_on, self.last_on)

    @property
    def word(self) -> str:
        """本周, 本月, 本季度, 本年"""
        return "本季度" if self.kind == "quarterly" else f"本{KINDS[self.kind]}"

    @property
    def word_before(self) -> str:
        """上周, 上月, 上季度, 上年"""
        return "上季度" if self.kind == "quarterly" else f"上{KINDS[self.kind]}"

    def before(self) -> "Period":
        """The period just before."""
        return containing(self.kind, self.first_on - timedelta(days=1))

    def year_ago(self) -> "Period":
        """The week 52 weeks earlier; the same month, quarter or the year before."""
        if self.kind == "weekly":
            return containing("weekly", self.first_on - timedelta(weeks=52))
        return containing(self.kind, date(self.first_on.year - 1, self.first_on.month, 1))

    def mondays(self) -> list[date]:
        """The weeks whose warnings belong to this period: those whose Thursday lies in it."""
        first = self.first_on - timedelta(days=self.first_on.weekday())
        weeks = [first + timedelta(weeks=n) for n in range((self.last_on - first).days // 7 + 1)]
        return [monday for monday in weeks if self.first_on <= monday + timedelta(days=3) <= self.last_on]

    def months(self) -> list["Period"]:
        """The months of a quarter or year; empty for others."""
        if self.kind not in ("quarterly", "annual"):
            return []
        n = 3 if self.kind == "quarterly" else 12
        return [containing("monthly", date(self.first_on.year, self.first_on.month + k, 1)) for k in range(n)]


def containing(kind: str, day: date) -> Period:
    """The period of this kind in which the day lies."""
    match kind:
        case "weekly":
            monday = day - timedelta(days=day.weekday())
            return Period(kind, monday, monday + timedelta(days=6))
        case "monthly":
            return Period(kind, day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))
        case "quarterly":
            last = (day.month + 2) // 3 * 3
            end = date(day.year, last, calendar.monthrange(day.year, last)[1])
            return Period(kind, date(day.year, last - 2, 1), end)
        case "annual":
            return Period(kind, date(day.year, 1, 1), date(day.year, 12, 31))
    raise ValueError(kind)


def parse(kind: str, code: str) -> Period:
    """The period a code names. Raises BadPeriod.

    >>> parse("weekly", "2026-W46").first_on
    datetime.date(2026, 11, 9)
    """
    wrong = BadPeriod(f"{KINDS[kind]}报的期次应写成 {EXAMPLES[kind]} 这样，收到“{code[:40]}”。")
    match = re.fullmatch(PATTERNS[kind], code, re.ASCII)
    if match is None:
        raise wrong
    year, *rest = map(int, match.groups())
    try:
        match kind:
            case "weekly":
                return containing(kind, date.fromisocalendar(year, rest[0], 1))
            case "monthly":
                return containing(kind, date(year, rest[0], 1))
            case "quarterly":
                return containing(kind, date(year, rest[0] * 3, 1))
            case _:
                return containing(kind, date(year, 1, 1))
    except ValueError:
        raise wrong from None
