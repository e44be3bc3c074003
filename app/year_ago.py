"""Which day of last year does a day compare with? The same week, or around 春节 the same distance from the holiday.

春节 moves between 21 January and 20 February, by 11 days or 19 from one year to the next. Compared by week number, the
quiet week of the holiday meets a usual one. The weeks around it are therefore matched by their distance to the week of
the first day of the first month, all others by 52 weeks back, so that weekdays match. The window is wide enough that
last year's holiday is met by no other week.
"""

import csv
from bisect import bisect_right
from datetime import date, timedelta
from functools import cache, lru_cache
from pathlib import Path

FIRST_DAYS = Path(__file__).resolve().parents[1] / "sql" / "seeds" / "spring_festival.csv"
WEEKS_AROUND = 4
WAYS = {"week": "上年同周", "festival": "春节对齐"}
"""The first is the default, as on the other pages and in the reports."""
NOTES = {
    "festival": (
        f"去年同期：春节前后各 {WEEKS_AROUND} 周按与春节那一周相隔的周数对齐，其余各周前推 52 周；"
        "按月、按季取同名月、季，不作对齐，1、2 月请合起来看。"
    ),
    "week": "去年同期：按日、按周前推 52 周，星期对齐；按月、按季取同名月、季。",
}


@cache
def first_days() -> tuple[date, ...]:
    """The first days of the first month, of the years known."""
    with FIRST_DAYS.open(encoding="utf-8", newline="") as file:
        return tuple(date.fromisoformat(row["day_on"]) for row in csv.DictReader(file))


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


@lru_cache(maxsize=1024)
def near_festival(monday: date) -> bool:
    """Is this week, or the one 52 weeks before, within WEEKS_AROUND of 春节? Then comparing the two needs a word.

    >>> [near_festival(date(2026, *day)) for day in ((1, 12), (2, 16), (3, 16), (3, 23), (11, 9))]
    [True, True, True, False, False]
    """
    weeks = (monday, monday - timedelta(weeks=52))
    return any(abs(week - monday_of(day)) <= timedelta(weeks=WEEKS_AROUND) for week in weeks for day in first_days())


def year_before(day: date, way: str = "festival") -> date:
    """The day of last year to compare with: same weekday. Far from the holiday, or with the way "week", 52 weeks back.

    The holiday was on 2025-01-29 and 2026-02-17, in weeks 55 apart:
    >>> [str(year_before(date(2026, 2, n))) for n in (16, 17)], str(year_before(date(2026, 7, 1)))
    (['2025-01-27', '2025-01-28'], '2025-07-02')
    >>> str(year_before(date(2026, 2, 16), "week"))
    '2025-02-17'
    """
    if way == "festival":
        monday, known = monday_of(day), first_days()
        after = bisect_right(known, monday + timedelta(weeks=WEEKS_AROUND, days=6))
        if after >= 2:
            festival, before = monday_of(known[after - 1]), monday_of(known[after - 2])
            if abs(monday - festival) <= timedelta(weeks=WEEKS_AROUND):
                return day - (festival - before)
    return day - timedelta(weeks=52)
