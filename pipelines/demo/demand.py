"""How many items a town raises on an issue on a day: people × habit × season × trend × weekday × chance.

Counts are Poisson around an intensity that itself wanders by gamma noise from week to week, so the variance of a
weekly count is about 1.3 to 2 times its mean, as in real complaint series.
"""

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipelines.config import SEEDS
from pipelines.demo.catalogue import Catalogue, rows
from pipelines.demo.geography import City

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

N_DAYS = 1463  # 209 whole weeks: 2022-11-14 … 2026-11-15 for the default end

SPRING_FESTIVALS = [
    dt.date(2019, 2, 5),
    dt.date(2020, 1, 25),
    dt.date(2021, 2, 12),
    dt.date(2022, 2, 1),
    dt.date(2023, 1, 22),
    dt.date(2024, 2, 10),
    dt.date(2025, 1, 29),
    dt.date(2026, 2, 17),
    dt.date(2027, 2, 6),
    dt.date(2028, 1, 26),
    dt.date(2029, 2, 13),
    dt.date(2030, 2, 3),
]

# month means, January … December; smoothed to days below
MONTHS: dict[str, list[float]] = {
    "flat": [1] * 12,
    "year_end": [1.25, 0.8, 0.9, 0.9, 0.9, 0.9, 0.95, 0.95, 1, 1.05, 1.2, 1.3],
    "summer_mild": [0.8, 0.75, 0.9, 0.95, 1.05, 1.2, 1.3, 1.3, 1.1, 1, 0.85, 0.8],
    "rain": [0.7, 0.8, 0.95, 1.05, 1.15, 1.4, 1.45, 1.3, 1, 0.85, 0.75, 0.7],
    "flood": [0.4, 0.45, 0.6, 0.85, 1.1, 1.9, 2.3, 1.9, 1, 0.6, 0.45, 0.4],
    "flood_mild": [0.75, 0.75, 0.85, 0.95, 1.1, 1.35, 1.5, 1.35, 1.05, 0.9, 0.8, 0.75],
    "graduate": [0.8, 0.9, 1, 0.95, 1.05, 1.3, 1.4, 1.25, 1, 0.85, 0.75, 0.75],
    "heat": [0.3, 0.3, 0.4, 0.6, 1, 1.9, 2.6, 2.3, 1.2, 0.6, 0.4, 0.4],
    "farm": [0.5, 0.6, 1, 1.4, 1.4, 1.3, 0.9, 0.9, 1.3, 1.4, 0.8, 0.5],
    "noise": [0.7, 0.5, 0.95, 1.1, 1.2, 1.3, 1.25, 1.2, 1.1, 1.05, 0.9, 0.75],
    "social": [0.65, 0.7, 0.8, 1, 1.2, 1.35, 1.4, 1.35, 1.15, 0.95, 0.75, 0.7],
    "bbq": [0.45, 0.5, 0.75, 1, 1.3, 1.6, 1.7, 1.6, 1.25, 0.9, 0.55, 0.4],
    "dust": [0.8, 0.7, 1.3, 1.4, 1.2, 0.8, 0.7, 0.75, 0.95, 1.25, 1.2, 0.95],
    "green": [0.6, 0.65, 0.95, 1.15, 1.25, 1.3, 1.3, 1.25, 1.1, 1, 0.8, 0.65],
    "term": [0.8, 0.45, 1.2, 1.2, 1.2, 1.1, 0.5, 0.5, 1.45, 1.25, 1.2, 1.15],
    "term_mild": [0.95, 0.8, 1.05, 1.05, 1.05, 1, 0.9, 0.9, 1.15, 1.05, 1.05, 1.05],
    "term_start": [0.7, 1.5, 1.3, 0.8, 0.7, 0.8, 1, 1.6, 1.6, 0.8, 0.6, 0.6],
    "enrol": [0.3, 0.4, 0.6, 0.8, 1.2, 1.8, 2.4, 2.5, 0.9, 0.4, 0.35, 0.35],
    "festival": [1.1, 1.3, 0.9, 0.95, 1.15, 0.95, 1, 1, 0.95, 1.2, 0.85, 0.9],
    "shopping": [1.1, 0.7, 0.9, 0.85, 0.9, 1.25, 0.95, 0.9, 0.95, 1, 1.45, 1.2],
    "winter": [1.3, 1.1, 1, 0.9, 0.85, 0.85, 0.85, 0.85, 0.9, 1, 1.2, 1.3],
    "insure": [0.8, 0.9, 0.9, 0.75, 0.7, 0.7, 0.75, 0.8, 1.2, 1.6, 1.6, 1.5],
    "fireworks": [1.3, 1.35, 0.95, 0.9, 0.9, 1, 1, 1, 0.95, 0.9, 0.9, 1],
    "qingming": [0.8, 0.9, 1.8, 2, 0.9, 0.8, 0.8, 0.9, 0.8, 0.8, 0.8, 0.9],
    "heat_mild": [1, 0.9, 0.85, 0.9, 1, 1.15, 1.3, 1.3, 1, 0.9, 0.85, 0.95],
    "power": [1.05, 0.8, 0.7, 0.7, 0.85, 1.2, 1.7, 1.75, 1, 0.7, 0.75, 0.9],
    "heating": [1] * 12,
    "wage": [1] * 12,
    "wage_mild": [1] * 12,
}


@dataclass(frozen=True)
class Calendar:
    """The days of the demo with what the rhythm of offices needs to know."""

    days: list[dt.date]
    is_workday: npt.NDArray[np.bool_]
    is_holiday: npt.NDArray[np.bool_]  # off days of a public holiday, weekends inside included
    after_break: npt.NDArray[np.bool_]  # first working day after three or more off days
    off_before: Ints  # off days directly before the day
    rhythm: Floats  # source × day: hotline, grid, petition
    week: Ints


def calendar(end: dt.date) -> Calendar:
    """Four years up to and including `end`."""
    days = [end - dt.timedelta(days=back) for back in range(N_DAYS - 1, -1, -1)]
    listed = {row["day_on"]: row["is_off_day"] == "true" for row in rows(SEEDS / "holiday.csv")}
    off = np.array([listed.get(day.isoformat(), day.weekday() >= 5) for day in days])
    holiday = np.array([listed.get(day.isoformat(), False) for day in days])
    off_before = np.zeros(len(days), dtype=np.int64)
    for k in range(1, len(days)):
        off_before[k] = off_before[k - 1] + 1 if off[k - 1] else 0
    after_break = ~off & (off_before >= 3)
    monday = np.array([day.weekday() == 0 for day in days])
    hotline = np.where(off, np.where(np.array([d.weekday() == 6 for d in days]), 0.64, 0.72), 1.0)
    hotline = np.where(holiday, 0.55, hotline) * np.where(monday, 1.05, 1) * np.where(after_break, 1.12, 1)
    grid = np.where(holiday, 0.38, np.where(off, 0.58, 1.0)) * np.where(after_break, 1.1, 1)
    petition = np.where(holiday, 0.02, np.where(off, 0.05, 1.0)) * np.where(monday, 1.2, 1)
    petition = petition * np.where(after_break, 1.35, 1)
    rhythm = np.stack([hotline, grid, petition])
    return Calendar(
        days=days,
        is_workday=~off,
        is_holiday=holiday,
        after_break=after_break,
        off_before=off_before,
        rhythm=rhythm / rhythm.mean(axis=1, keepdims=True),
        week=np.arange(len(days)) // 7,
    )


def season_curves(days: list[dt.date]) -> dict[str, Floats]:
    """Every named season over the days, mean one."""
    middle = np.array([day.timetuple().tm_yday for day in days]) / 365.25 * 12
    curves = {}
    for name, months in MONTHS.items():
        centres = np.arange(-1, 14) + 0.5
        values = np.array([months[-1], *months, *months[:2]])
        curves[name] = np.interp(middle, centres, values)
    before_festival = np.array([_days_to_festival(day) for day in days])
    rush = np.exp(-(((before_festival - 16) / 13) ** 2))
    quiet = (before_festival <= 2) | (before_festival > 345)
    curves["wage"] = np.where(quiet, 0.35, 0.72 + 2.9 * rush)
    curves["wage_mild"] = np.where(quiet, 0.45, 0.88 + 1.2 * rush)
    curves["heating"] = np.array([_heating(day) for day in days])
    return {name: curve / curve.mean() for name, curve in curves.items()}


def _days_to_festival(day: dt.date) -> int:
    ahead = [(festival - day).days for festival in SPRING_FESTIVALS if festival >= day]
    return min(ahead, default=(dt.date(day.year + 1, 2, 5) - day).days)


def _heating(day: dt.date) -> float:
    """Trial heating from 1 November, a peak in the first weeks, cold spells, nothing in summer."""
    since = (day - dt.date(day.year if day.month >= 8 else day.year - 1, 11, 1)).days
    if since < -25:
        return 0.04
    if since < 0:
        return 0.25 + 0.5 * (since + 25) / 25
    if since > 150:
        return 0.06 if since > 165 else 0.25
    return 1.3 + 2.6 * np.exp(-(((since - 14) / 12) ** 2)) + 0.7 * np.exp(-(((since - 75) / 22) ** 2))


@dataclass(frozen=True)
class Demand:
    """Expected items as a product of small tables, and the chance around them."""

    town_issue: Floats  # share of the year's items, sums to one
    issue_day: Floats  # mean one over the days, season × trend × city-wide weekly noise
    source: Floats  # issue × source
    calendar: Calendar
    total: float  # items over all days
    dispersion: Floats  # variance over mean by issue
    community: Floats  # town × issue × slot: cumulative chance of each community of the town
    first_community: Ints  # by town
    seed: int

    def expected(self, town: Ints, issue: int, first: int, last: int) -> float:
        """Items expected of these towns on one issue from day `first` to `last`, all sources."""
        rhythm = self.source[issue] @ self.calendar.rhythm[:, first : last + 1]
        daily = self.issue_day[issue, first : last + 1] * rhythm / len(self.calendar.days)
        return float(self.total * self.town_issue[town, issue].sum() * daily.sum())

    def draw(self, first: int, last: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints, Ints]:
        """(town, issue, day, source) of every item registered on the days `first` to `last`."""
        noise = np.stack([self._week_noise(week) for week in range(first // 7, last // 7 + 1)])
        days = np.arange(first, last + 1)
        level = self.town_issue[:, :, None] * self.issue_day[None, :, days] * (self.total / N_DAYS)
        level *= noise[days // 7 - first // 7].transpose(1, 2, 0)
        parts = []
        for source in range(self.source.shape[1]):
            mean = level * self.source[None, :, source, None] * self.calendar.rhythm[source, days]
            counts = rng.poisson(mean)
            town, issue, day = np.nonzero(counts)
            times = counts[town, issue, day]
            parts.append(
                (
                    np.repeat(town, times),
                    np.repeat(issue, times),
                    np.repeat(day + first, times),
                    np.full(int(times.sum()), source),
                )
            )
        towns, issues, days_drawn, sources = (np.concatenate([part[k] for part in parts]) for k in range(4))
        return towns, issues, days_drawn, sources

    def _week_noise(self, week: int) -> Floats:
        rng = np.random.default_rng([self.seed, 3, week])
        days = slice(7 * week, 7 * week + 7)
        mean = self.town_issue * self.issue_day[:, days].sum(axis=1) * (self.total / N_DAYS)
        shape = np.maximum(mean / (self.dispersion - 1), 0.02)
        return rng.gamma(shape) / shape


def plan(city: City, known: Catalogue, cal: Calendar, total: float, seed: int) -> Demand:
    """The demand of one seeded city."""
    rng = np.random.default_rng([seed, 2])
    n_towns, n_issues = len(city.town_names), len(known.codes)
    urban = city.town_urban[:, None]
    habit = known.rural + (known.urban - known.rural) * np.clip(urban * 1.25, 0, 1)
    share = city.town_population[:, None] * habit * rng.lognormal(0, 0.32, (n_towns, n_issues))
    share *= rng.lognormal(0, 0.12, (n_towns, 1))
    town_issue = share / share.sum(axis=0) * known.weight

    curves = season_curves(cal.days)
    years = (np.arange(N_DAYS) - N_DAYS / 2) / 365.25
    issue_day = np.stack(
        [curves[season] * np.exp(trend * years) for season, trend in zip(known.season, known.trend, strict=True)]
    )
    n_weeks = int(cal.week[-1]) + 1
    wander = rng.lognormal(0, 0.05, (n_issues, n_weeks)) * rng.lognormal(0, 0.025, n_weeks)
    issue_day = issue_day * wander[:, cal.week]
    source = known.mix
    effective = (issue_day[:, None, :] * cal.rhythm[None]).mean(axis=2)
    issue_day = issue_day / (source * effective).sum(axis=1)[:, None]

    first = np.searchsorted(city.community_town, np.arange(n_towns))
    counts = np.bincount(city.community_town, minlength=n_towns)
    chance = np.zeros((n_towns, n_issues, int(counts.max())))
    for town in range(n_towns):
        own = slice(first[town], first[town] + counts[town])
        hot = rng.gamma(2.2, 1 / 2.2, (n_issues, counts[town]))
        chance[town, :, : counts[town]] = city.community_population[own] * (0.35 + 0.65 * hot)
    community = chance.cumsum(axis=2)
    return Demand(
        town_issue=town_issue,
        issue_day=issue_day,
        source=source,
        calendar=cal,
        total=total,
        dispersion=rng.uniform(1.3, 2.0, n_issues),
        community=community / community[:, :, -1:],
        first_community=first,
        seed=seed,
    )


def rescaled(demand: Demand, total: float) -> Demand:
    """The same demand with another number of items over all days."""
    return replace(demand, total=float(total))


def choose_community(demand: Demand, town: Ints, issue: Ints, rng: np.random.Generator) -> Ints:
    """A community of the town for every item, hot ones more often."""
    table = demand.community[town, issue]
    step = (rng.random(len(town))[:, None] >= table).sum(axis=1)
    return demand.first_community[town] + step
