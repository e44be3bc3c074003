"""A complaint city with events of known size in it, for measuring early warning: straight into frames, seconds a city.

Independent of `pipelines.demo` (other shapes, other clumps, no texts) and unlike the 42 scenarios in what real complaint
series have: issues that start sharply in season, holidays and the Spring Festival issue by issue, weeks as short as the
calendar makes them, clumps, drift, late reporting, and nuisances, which are no events but look like one:

    step          a county's office opens a channel: one source brings 60 % more from then on
    reclassified  a new category scheme: 40 % of issue A is issue B from then on, in the whole city
    campaign      one source of one county records 30 to 120 items of an issue on a day (补录)
    missed        a county does not upload a week
    late start    a town is heard of only from some week on
    late          a town's items come in weeks late from some week on

Counts of a town × issue × week are negative binomial with variance φ·mean, φ between 1 and 4 by series, drawn as what
they are, clumps: a Poisson number of logarithmic sizes (Quenouille 1949, Biometrics 5:162). Items of a clump tend to
share community and source, so crowding in one place is not yet an event.

An event's size is k·σ: extra items over the standard deviation √(Σφμ) of the smallest judged place that holds it (town,
county, city) over its weeks.
"""

import csv
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from pipelines.config import SEEDS

CITY = "970100"
LAST_WEEK = date(2026, 11, 9)  # the holiday list ends with 2026
SOURCES = ("hotline", "grid", "petition")
NEVER_FLAGGED = "grid"  # its staff do not say whether an item is a repeat: n_repeat is null
OFF_DAY = np.array([0.65, 0.5, 0.06])  # items of a Saturday or Sunday over those of a working day, by source
HOLIDAY = np.array([0.5, 0.3, 0.01])
AFTER_BREAK = np.array([1.15, 1.1, 1.4])  # first working day after three days off and more
SAME_PLACE, SAME_SOURCE = 0.5, 0.6  # of a clump's items
NO_COMMUNITY, NO_TOWN = np.array([0.08, 0.01, 0.3]), 0.02
DELAY = np.array([[0.96, 0.03, 0.01, 0], [0.9, 0.07, 0.02, 0.01], [0.8, 0.13, 0.05, 0.02]])  # source × weeks late
LATE_DELAY = np.array([0.35, 0.35, 0.2, 0.1])
SEASONS = {"flat": 18, "smooth": 18, "summer": 7, "heating": 3, "school": 5, "flood": 5, "wage": 4}  # of 60 issues

EVENTS_A_WEEK, WEATHER_A_YEAR, CAMPAIGNS_A_YEAR = 0.8, 3, 4
SIZES = (3, 5, 8, 12, 20)  # k
LEVELS = {"community": 0.4, "town": 0.35, "county": 0.25}
SHAPES = {"sudden": 0.5, "slow": 0.3, "one-week": 0.2}
LEAST_ITEMS = {"community": 4, "town": 4, "county": 8}
CONCENTRATED = 0.8  # share of an event's items that falls on its communities; the rest anywhere in its place
STEP, RECLASSIFIED, ADAPTS_WEEKS = 1.6, 0.4, 26  # after so many weeks a new level is the level

ITEM_KEYS = ["week_start_on", "source", "county_code", "town_code", "community_code", "issue_code"]
TRUTH = {
    "event_id": pl.String, "issue_code": pl.String, "place_level": pl.String, "place_code": pl.String,
    "community_codes": pl.List(pl.String),  # where it is concentrated; empty: all over the place
    "first_week_on": pl.Date, "last_week_on": pl.Date, "extra": pl.List(pl.Int64),  # items by week
    "n_extra": pl.Int64, "size": pl.Float64,  # in σ
    "shape": pl.String, "sources": pl.List(pl.String), "repeat_share": pl.Float64,  # of its last week
}  # fmt: skip
NUISANCE = {
    "kind": pl.String, "first_week_on": pl.Date, "last_week_on": pl.Date, "place_level": pl.String,
    "place_code": pl.String, "issue_codes": pl.List(pl.String), "source": pl.String,  # empty, null: all
}  # fmt: skip


@dataclass(frozen=True)
class City:
    items: pl.DataFrame  # ITEM_KEYS, known_on (the Sunday on which the office has them), n_events, n_repeat
    places: pl.DataFrame  # place_code, place_level, parent_code, lon, lat, population
    issues: pl.DataFrame  # issue_code, group_code, season
    calendar: pl.DataFrame  # day_on, week_start_on, is_workday, holiday_name
    daily: pl.DataFrame  # registered_on, n_events
    festivals: list[date]  # Spring Festivals
    truth: pl.DataFrame  # TRUTH
    nuisance: pl.DataFrame  # NUISANCE
    city_code: str = CITY

    @property
    def weekly(self) -> pl.DataFrame:
        """ITEM_KEYS, n_events, n_repeat: what is known once everything has come in."""
        return _summed(self.items, ITEM_KEYS)

    def known(self, as_of: date) -> pl.DataFrame:
        """The same as the office had it on a day: the last weeks are short by what comes late."""
        return _summed(self.items.filter(pl.col("known_on") <= as_of), ITEM_KEYS)


def _summed(items: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    repeats = pl.when(pl.col("source") != NEVER_FLAGGED).then(pl.col("n_repeat"))
    return items.group_by(keys).agg(pl.col("n_events", "n_repeat").sum()).with_columns(repeats).sort(keys)


def make(
    seed: int,
    *,
    weeks: int = 209,
    n_counties: int = 9,
    n_towns: int = 100,
    n_communities: int = 1000,
    n_issues: int = 60,
    items_per_week: float = 1450,
    null: bool = False,
    null_clean: bool = False,
) -> City:
    """The city of a seed. `null`: the very same items without the events; `null_clean`: nor nuisances (other items)."""
    rng = [np.random.default_rng([seed, part]) for part in range(7)]
    time = _time(weeks)
    land = _land(rng[0], n_counties, n_towns, n_communities)
    habit = _habits(rng[1], land, time, n_issues, items_per_week)
    changes = [] if null_clean else _changes(rng[2], land, habit, weeks)
    late_from = {town: first for kind, first, _, town, *_ in changes if kind == "late"}
    mean, by_source = _mean(land, time, habit, changes)

    ordinary = [_drawn(rng[3], land, habit, mean, by_source)]
    ordinary += [_campaign(rng[4], land, habit, change) for change in changes if change[0] == "campaign"]
    found = _placed(rng[4], land, ordinary, late_from)
    events = [] if null or null_clean else _events(rng[5], land, time, habit, mean, by_source)
    if events:  # drawn last: everything else is that of the city without events
        extra = _placed(rng[5], land, [_items_of(rng[5], habit, event) for event in events], late_from)
        found = {name: np.concatenate([values, extra[name]]) for name, values in found.items()}
    return City(
        items=_summed(_coded(found, land, time, habit), [*ITEM_KEYS, "known_on"]),
        places=land.table(),
        issues=pl.DataFrame(
            {"issue_code": habit.issue_codes, "group_code": [c[:2] for c in habit.issue_codes], "season": habit.season}
        ),
        calendar=time.table,
        daily=_by_day(rng[6], time, found),
        festivals=time.festivals,
        truth=_truth(land, time, habit, events),
        nuisance=_nuisance(land, time, habit, changes),
    )


# ---- time --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Time:
    mondays: list[date]
    days: np.ndarray  # (weeks × 7) datetime64
    rhythm: np.ndarray  # (sources × weeks × 7) items of a day over those of a working day
    from_festival: np.ndarray  # (weeks,) weeks since (+) or until (−) the nearest Spring Festival
    festivals: list[date]
    table: pl.DataFrame

    @property
    def activity(self) -> np.ndarray:
        """(sources × weeks), mean 1."""
        total = self.rhythm.sum(axis=2)
        return total / total.mean(axis=1, keepdims=True)


def _time(weeks: int) -> _Time:
    first = LAST_WEEK - timedelta(weeks=weeks - 1)
    days = [first + timedelta(days=n) for n in range(7 * weeks)]
    with (SEEDS / "holiday.csv").open(encoding="utf-8") as file:
        listed = {date.fromisoformat(row["day_on"]): row for row in csv.DictReader(file)}
    off = np.array([listed[d]["is_off_day"] == "true" if d in listed else d.weekday() >= 5 for d in days])
    is_holiday = np.array([d in listed for d in days]) & off
    run = np.zeros(len(days), dtype=int)
    for k in range(1, len(days)):
        run[k] = run[k - 1] + 1 if off[k - 1] else 0
    rhythm = np.where(off, OFF_DAY[:, None], np.where(run >= 3, AFTER_BREAK[:, None], 1.0))
    rhythm = np.where(is_holiday, HOLIDAY[:, None], rhythm)
    spring = sorted(d for d, row in listed.items() if row["name"] == "春节" and row["is_off_day"] == "true")
    festivals = [d for d in spring if d.year not in {e.year for e in spring if e < d}]
    eves = [f - timedelta(days=f.weekday()) for f in festivals]  # the Mondays of their weeks
    weeks_off = np.array([[(monday - eve).days // 7 for eve in eves] for monday in days[::7]])
    nearest = np.abs(weeks_off).argmin(axis=1)
    table = pl.DataFrame(
        {
            "day_on": days,
            "week_start_on": [d - timedelta(days=d.weekday()) for d in days],
            "is_workday": ~off,
            "holiday_name": [listed[d]["name"] if d in listed else None for d in days],
        }
    )
    return _Time(
        mondays=days[::7],
        days=np.array(days, dtype="datetime64[D]").reshape(weeks, 7),
        rhythm=rhythm.reshape(len(SOURCES), weeks, 7),
        from_festival=weeks_off[np.arange(weeks), nearest],
        festivals=festivals,
        table=table,
    )


# ---- land --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Land:
    county_codes: np.ndarray
    town_codes: np.ndarray
    community_codes: np.ndarray
    town_county: np.ndarray
    community_town: np.ndarray
    population: np.ndarray  # of communities
    positions: tuple[np.ndarray, np.ndarray, np.ndarray]  # lon, lat of counties, towns, communities

    @property
    def community_county(self) -> np.ndarray:
        return self.town_county[self.community_town]

    def place(self, kind: str, index: int | None) -> tuple[str, str]:
        """Level and code of where a nuisance is."""
        if index is None:
            return "city", CITY
        if kind.startswith("late"):
            return "town", str(self.town_codes[index])
        return "county", str(self.county_codes[index])

    def table(self) -> pl.DataFrame:
        of_town = np.bincount(self.community_town, self.population)
        of_county = np.bincount(self.town_county, of_town)
        levels = [
            ("county", self.county_codes, np.full(len(self.county_codes), CITY), self.positions[0], of_county),
            ("town", self.town_codes, self.county_codes[self.town_county], self.positions[1], of_town),
            ("community", self.community_codes, self.town_codes[self.community_town], self.positions[2], self.population),
        ]  # fmt: skip
        whole = ("city", np.array([CITY]), [None], self.positions[0].mean(axis=0)[None], [self.population.sum()])
        return pl.concat(
            pl.DataFrame(
                {
                    "place_code": codes, "place_level": [level] * len(codes), "parent_code": parents,
                    "lon": position[:, 0], "lat": position[:, 1], "population": np.round(people).astype(np.int64),
                },
                schema_overrides={"parent_code": pl.String},
            )
            for level, codes, parents, position, people in [whole, *levels]
        )  # fmt: skip


def _land(rng: np.random.Generator, n_counties: int, n_towns: int, n_communities: int) -> _Land:
    """Counties on a jittered grid, some 25 km apart; towns some 6 and communities some 2 km from their middle."""
    side = int(np.ceil(np.sqrt(n_counties)))
    grid = np.array([(k % side, k // side) for k in range(n_counties)], dtype=float)
    degrees = np.array([1 / 96, 1 / 111])  # of a kilometre at 30° north
    counties = np.array([119.0, 30.0]) + (25 * grid + rng.normal(0, 3, grid.shape)) * degrees
    town_county = np.sort(np.concatenate([np.arange(n_counties), rng.integers(0, n_counties, n_towns - n_counties)]))
    towns = counties[town_county] + rng.normal(0, 6, (n_towns, 2)) * degrees
    least = min(3, n_communities // n_towns)
    rest = rng.choice(n_towns, n_communities - least * n_towns)
    community_town = np.sort(np.concatenate([np.repeat(np.arange(n_towns), least), rest]))
    communities = towns[community_town] + rng.normal(0, 2, (n_communities, 2)) * degrees
    of_town = rng.lognormal(0, 0.6, n_towns)
    population = 3000 * of_town[community_town] * rng.lognormal(0, 0.4, n_communities)
    county_codes = np.array([f"{CITY[:4]}{k + 1:02d}" for k in range(n_counties)])
    town_codes = np.array([f"{county_codes[c]}{k + 1:03d}" for k, c in enumerate(town_county)])
    community_codes = np.array([f"{town_codes[t]}{k % 1000:03d}" for k, t in enumerate(community_town)])
    return _Land(
        county_codes, town_codes, community_codes, town_county, community_town, population,
        (counties, towns, communities),
    )  # fmt: skip


# ---- habits ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Habits:
    issue_codes: np.ndarray
    season: list[str]
    level: np.ndarray  # (towns × issues) items of an average week
    course: np.ndarray  # (weeks × issues) season, festival, drift, chance of the whole city
    drift: np.ndarray  # (weeks × towns)
    mix: np.ndarray  # (issues × sources)
    elasticity: np.ndarray  # (issues,) how much of a short week an issue feels
    phi: np.ndarray  # (towns × issues)
    repeat: np.ndarray  # (issues × sources)
    community: np.ndarray  # (communities × issues) share of the town's items


def _habits(rng: np.random.Generator, land: _Land, time: _Time, n_issues: int, per_week: float) -> _Habits:
    n_towns, weeks = len(land.town_codes), len(time.mondays)
    n_groups = max(n_issues // 6, 1)
    groups = np.sort(np.arange(n_issues) % n_groups)
    codes = np.array([f"{g + 1:02d}{k - np.searchsorted(groups, g) + 1:02d}" for k, g in enumerate(groups)])
    kinds = [kind for kind, n in SEASONS.items() for _ in range(max(round(n * n_issues / 60), 1))]
    season = [str(kind) for kind in rng.permutation((kinds * n_issues)[:n_issues])]
    year = (np.arange(weeks) - weeks / 2) / 52
    course = np.stack([_season(kind, time, rng) for kind in season], axis=1)
    course *= _around_festival(rng, time, n_issues) * np.exp(np.outer(year, rng.normal(0, 0.08, n_issues)))
    course *= np.exp(_wander(rng, weeks, n_issues, 0.05, 0.5))
    mix = rng.dirichlet((7, 2.4, 0.6), n_issues)
    of_town = np.bincount(land.community_town, land.population)
    level = np.outer(of_town, rng.lognormal(0, 1.1, n_issues)) * rng.lognormal(0, 0.45, (n_towns, n_issues))
    community = land.population[:, None] * rng.lognormal(0, 0.6, (len(land.population), n_issues))
    return _Habits(
        issue_codes=codes,
        season=season,
        level=level * per_week / level.sum(),
        course=course / course.mean(axis=0),
        drift=np.exp(np.outer(year, rng.normal(0, 0.06, n_towns))),
        mix=mix,
        elasticity=rng.uniform(0.6, 1.3, n_issues),
        phi=1 + 3 * rng.beta(1, 3, (n_towns, n_issues)),
        repeat=np.clip(rng.beta(4, 36, n_issues)[:, None] * np.array([1, 0, 2.5]), 0, 0.6),
        community=community / np.add.reduceat(community, _first_of_town(land))[land.community_town],
    )


def _first_of_town(land: _Land) -> np.ndarray:
    return np.searchsorted(land.community_town, np.arange(len(land.town_codes)))


def _season(kind: str, time: _Time, rng: np.random.Generator) -> np.ndarray:
    """(weeks,) the course of a year, not two the same: a first cold spell or flood is early or late."""
    middle = [monday + timedelta(days=3) for monday in time.mondays]
    day = np.array([d.timetuple().tm_yday for d in middle], dtype=float)
    years = np.array([d.year for d in middle])
    shift = dict(zip(np.unique(years), rng.normal(0, 6, len(np.unique(years))), strict=True))  # days
    own = day - np.array([shift[y] for y in years])
    if kind == "smooth":
        return np.exp(rng.uniform(0.2, 0.6) * np.cos(2 * np.pi * (own / 365.25 - rng.random())))
    if kind == "summer":  # up within three weeks in May, down in September
        return 0.4 + 1.4 / ((1 + np.exp(-(own - 135) / 7)) * (1 + np.exp((own - 255) / 9)))
    if kind == "heating":  # nothing until the pipes fill, a peak, a long winter, off in the middle of March
        since = (own - 309) % 365.25
        on = since < 135
        return np.where(on, 1 + 2.5 * np.exp(-since / 14), np.where(since > 350, 0.35, 0.05))
    if kind == "school":  # two starts of term, next to nothing in the holidays
        in_holiday = ((day > 188) & (day < 236)) | (np.abs(time.from_festival) <= 2)
        starts = np.exp(-(((day - 246) / 8) ** 2)) + 0.7 * np.exp(-(((time.from_festival - 3) / 1.2) ** 2))
        return np.where(in_holiday, 0.35, 0.9) + 1.8 * starts
    if kind == "flood":  # some wet weeks each summer, each year others
        wet = (own > 150) & (own < 250)
        return 0.5 + np.where(wet, 1 + rng.gamma(6, 0.13, len(day)), 0)
    if kind == "wage":  # the account before the festival
        before = -time.from_festival
        return 0.7 + np.where((before > 0) & (before <= 9), 2.6 * np.exp(-before / 3.5), 0)
    return np.ones(len(day))


def _around_festival(rng: np.random.Generator, time: _Time, n_issues: int) -> np.ndarray:
    """(weeks × issues) what the Spring Festival does to an issue, over and above the days off; about the same each year."""
    usual = {-2: 0.05, -1: -0.1, 0: -0.25, 1: -0.15, 2: 0.1, 3: 0.05}
    course = np.zeros((len(time.mondays), n_issues))
    for offset, centre in usual.items():
        at = time.from_festival == offset
        course[at] = rng.normal(centre, 0.2, n_issues) + rng.normal(0, 0.07, (at.sum(), n_issues))
    return np.exp(course)


def _wander(rng: np.random.Generator, n: int, series: int, sd: float, memory: float) -> np.ndarray:
    """(n × series) first-order autoregression."""
    steps = rng.normal(0, sd * np.sqrt(1 - memory**2), (n, series))
    for k in range(1, n):
        steps[k] += memory * steps[k - 1]
    return steps


# ---- nuisances ---------------------------------------------------------------------------------------------------

Change = tuple[str, int, int, int | None, list[int], int | None]  # kind, first and last week, place, issues, source


def _changes(rng: np.random.Generator, land: _Land, habit: _Habits, weeks: int) -> list[Change]:
    """One of each kind in the last year and one before; campaigns all the time."""
    n_counties, n_towns, n_issues = len(land.county_codes), len(land.town_codes), len(habit.issue_codes)
    common = np.argsort(-habit.level.sum(axis=0))[: max(n_issues // 2, 2)]
    found: list[Change] = []
    for low, high in ((weeks // 4, weeks - 60), (weeks - 45, weeks - 8)):
        county, source = int(rng.integers(n_counties)), int(rng.choice(3, p=(0.5, 0.35, 0.15)))
        step = int(rng.integers(low, high))
        found.append(("step", step, step + ADAPTS_WEEKS, county, [], source))
        a, b = (int(i) for i in rng.choice(common, 2, replace=False))
        step = int(rng.integers(low, high))
        found.append(("reclassified", step, step + ADAPTS_WEEKS, None, [a, b], None))
        missed = int(rng.integers(low, high))
        found.append(("missed", missed, missed + 1, int(rng.integers(n_counties)), [], None))
        starts, late = (int(t) for t in rng.choice(n_towns, 2, replace=False))
        step = int(rng.integers(low, high))
        found.append(("late start", step, step + ADAPTS_WEEKS, starts, [], None))
        found.append(("late", int(rng.integers(low, high)), weeks, late, [], None))
    for week in rng.choice(weeks, round(CAMPAIGNS_A_YEAR * weeks / 52), replace=False):
        issue = int(rng.choice(n_issues))
        place = int(rng.integers(n_counties))
        found.append(("campaign", int(week), int(week), place, [issue], int(rng.choice(3, p=(0.3, 0.5, 0.2)))))
    return found


def _nuisance(land: _Land, time: _Time, habit: _Habits, changes: list[Change]) -> pl.DataFrame:
    rows = [
        (
            kind, time.mondays[first], time.mondays[min(last, len(time.mondays) - 1)], *land.place(kind, place),
            habit.issue_codes[issues].tolist() if issues else [], None if source is None else SOURCES[source],
        )
        for kind, first, last, place, issues, source in changes
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=NUISANCE, orient="row").sort("first_week_on", "kind")


def _mean(land: _Land, time: _Time, habit: _Habits, changes: list[Change]) -> tuple[np.ndarray, np.ndarray]:
    """(weeks × towns × issues) expected items, and (weeks × counties × issues × sources) the shares of the sources."""
    weeks, n_counties = len(time.mondays), len(land.county_codes)
    more = np.ones((weeks, n_counties, len(SOURCES)))
    for kind, first, _, place, _, source in changes:
        if kind == "step":
            more[first:, place, source] *= STEP
    felt = time.activity.T[:, None, :] ** habit.elasticity[None, :, None]
    by_source = np.einsum("is,wis,wcs->wcis", habit.mix, felt, more, optimize=True)
    total = by_source.sum(axis=3)
    mean = habit.level[None] * habit.course[:, None, :] * habit.drift[:, :, None] * total[:, land.town_county]
    for kind, first, _, place, issues, _ in changes:
        if kind == "reclassified":
            a, b = issues
            mean[first:, :, b] += RECLASSIFIED * mean[first:, :, a]
            mean[first:, :, a] *= 1 - RECLASSIFIED
        elif kind == "missed":
            mean[first, land.town_county == place] = 0
        elif kind == "late start":
            mean[:first, place] = 0
    return mean, by_source / total[..., None]


# ---- items -------------------------------------------------------------------------------------------------------

Part = tuple[np.ndarray, ...]  # of every item: week, issue, community, source, is repeat


def _drawn(rng: np.random.Generator, land: _Land, habit: _Habits, mean: np.ndarray, by_source: np.ndarray) -> Part:
    """Ordinary items. Poisson many clumps of logarithmic size make a negative binomial of variance φ·mean."""
    n_clumps = rng.poisson(mean * np.log(habit.phi) / (habit.phi - 1))
    week, town, issue = (np.repeat(axis, n_clumps[n_clumps > 0]) for axis in np.nonzero(n_clumps))
    clump = np.repeat(np.arange(len(week)), rng.logseries(1 - 1 / habit.phi[town, issue]))
    shares = by_source[week, land.town_county[town], issue].cumsum(axis=1)
    within = np.add.accumulate(habit.community, axis=0)  # grows by one from town to town
    community, source = (
        np.where(rng.random(len(clump)) < keeps, draw(np.arange(len(week)))[clump], draw(clump))
        for keeps, draw in (
            (SAME_PLACE, lambda at: _community(rng, within, town[at], issue[at])),
            (SAME_SOURCE, lambda at: (rng.random(len(at))[:, None] >= shares[at, :-1]).sum(axis=1)),
        )
    )
    more_or_less = rng.gamma(4, 1 / 4, len(week))[clump]  # repeats come together
    chance = np.minimum(habit.repeat[issue[clump], source] * more_or_less, 0.9)
    return week[clump], issue[clump], community, source, rng.random(len(clump)) < chance


def _community(rng: np.random.Generator, within: np.ndarray, town: np.ndarray, issue: np.ndarray) -> np.ndarray:
    community = np.empty(len(town), dtype=int)
    at = town + rng.random(len(town))
    for one in range(within.shape[1]):
        of_issue = issue == one
        community[of_issue] = np.searchsorted(within[:, one], at[of_issue])
    return np.minimum(community, len(within) - 1)


def _campaign(rng: np.random.Generator, land: _Land, habit: _Habits, change: Change) -> Part:
    """What clerks catch up on: from everywhere in the county, repeats as usual."""
    _, week, _, county, (issue,), source = change
    n = int(rng.integers(30, 121))
    community = rng.choice(np.flatnonzero(land.community_county == county), n)
    is_repeat = rng.random(n) < habit.repeat[issue, source]
    return np.full(n, week), np.full(n, issue), community, np.full(n, source), is_repeat


def _placed(
    rng: np.random.Generator, land: _Land, parts: list[Part], late_from: dict[int | None, int]
) -> dict[str, np.ndarray]:
    """The items with what the office is told of their place (-1: nothing) and how many weeks late."""
    week, issue, community, source, is_repeat = (np.concatenate(column) for column in zip(*parts, strict=True))
    town = land.community_town[community]
    no_town = rng.random(len(week)) < NO_TOWN
    no_community = no_town | (rng.random(len(week)) < NO_COMMUNITY[source])
    is_late = week >= np.array([late_from.get(t, 1 << 30) for t in range(len(land.town_codes))])[town]
    share = np.where(is_late[:, None], LATE_DELAY, DELAY[source]).cumsum(axis=1)
    return {
        "week": week, "issue": issue, "county": land.town_county[town], "town": np.where(no_town, -1, town),
        "community": np.where(no_community, -1, community), "source": source, "repeat": is_repeat,
        "delay": (rng.random(len(week))[:, None] >= share[:, :-1]).sum(axis=1),
    }  # fmt: skip


def _coded(found: dict[str, np.ndarray], land: _Land, time: _Time, habit: _Habits) -> pl.DataFrame:
    mondays = np.array(time.mondays, dtype="datetime64[D]")[found["week"]]
    return pl.DataFrame(
        {
            "week_start_on": pl.Series(mondays).cast(pl.Date),
            "source": np.array(SOURCES)[found["source"]],
            "county_code": land.county_codes[found["county"]],
            "town_code": _or_null(land.town_codes, found["town"]),
            "community_code": _or_null(land.community_codes, found["community"]),
            "issue_code": habit.issue_codes[found["issue"]],
            "known_on": pl.Series(mondays + (6 + 7 * found["delay"]).astype("timedelta64[D]")).cast(pl.Date),
            "n_events": np.ones(len(mondays), dtype=np.int64),
            "n_repeat": found["repeat"].astype(np.int64),
        }
    )


def _or_null(codes: np.ndarray, index: np.ndarray) -> pl.Series:
    return pl.Series(np.where(index >= 0, codes[index], "")).replace("", None)


def _by_day(rng: np.random.Generator, time: _Time, found: dict[str, np.ndarray]) -> pl.DataFrame:
    total = np.zeros((len(SOURCES), len(time.mondays)), dtype=np.int64)
    np.add.at(total, (found["source"], found["week"]), 1)
    daily = rng.multinomial(total, time.rhythm / time.rhythm.sum(axis=2, keepdims=True)).sum(axis=0)
    return pl.DataFrame({"registered_on": pl.Series(time.days.ravel()).cast(pl.Date), "n_events": daily.ravel()})


# ---- events ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Event:
    issue: int
    level: str
    place: int  # number of the community, town or county; 0 for the city
    communities: np.ndarray  # where it is concentrated
    weight: np.ndarray  # (communities of the city,) chance of each
    first: int
    extra: np.ndarray  # items by week
    sigma: float
    shape: str
    sources: np.ndarray  # chance of each
    repeat_share: float  # by which the chance of a repeat has grown in its last week


def _events(
    rng: np.random.Generator, land: _Land, time: _Time, habit: _Habits, mean: np.ndarray, by_source: np.ndarray
) -> list[_Event]:
    weeks, _, n_issues = mean.shape
    events: list[_Event] = []
    by_weather = [k for k, kind in enumerate(habit.season) if kind in ("flood", "heating", "smooth", "summer")]
    for first in rng.choice(weeks - 2, round(WEATHER_A_YEAR * weeks / 52), replace=False) if by_weather else []:
        issue, now = int(rng.choice(by_weather)), np.arange(first, first + int(rng.integers(1, 3)))
        hit = mean[now, :, issue] * rng.uniform(0.5, 1.5) * rng.lognormal(0, 0.4, mean.shape[1])
        sigma = np.sqrt((habit.phi[:, issue] * mean[now, :, issue]).sum())
        weight = (hit.sum(axis=0) + 1e-12)[land.community_town] * habit.community[:, issue]
        extra = np.maximum(rng.poisson(hit.sum(axis=1)), 1)
        mix = by_source[now, :, issue].mean(axis=(0, 1))
        events.append(
            _Event(issue, "city", 0, np.array([], dtype=int), weight / weight.sum(), int(first), extra, sigma, "weather", mix, 0.0)
        )  # fmt: skip
    taken: list[tuple[int, int, int]] = []
    while len(taken) < round(EVENTS_A_WEEK * weeks):
        shape, level = (str(rng.choice(list(of), p=list(of.values()))) for of in (SHAPES, LEVELS))
        share = _course(rng, shape)
        first = int(rng.integers(0, weeks - len(share)))
        now = np.arange(first, first + len(share))
        chance = np.sqrt(mean[now].sum(axis=0)).ravel()  # where there is much, there also happens much
        town, issue = divmod(int(rng.choice(len(chance), p=chance / chance.sum())), n_issues)
        county = int(land.town_county[town])
        if any(issue == i and county == c and abs(first - w) < 16 for i, c, w in taken):
            continue  # one event at a time
        taken.append((issue, county, first))
        place, inside, communities = _where(rng, land, habit, level, town, issue)
        towns = np.flatnonzero(land.town_county == county) if level == "county" else [town]
        sigma = float(np.sqrt((habit.phi[towns, issue] * mean[np.ix_(now, towns, [issue])][..., 0]).sum()))
        n_sources = int(rng.choice((1, 2, 3), p=(0.3, 0.4, 0.3)))
        used = rng.choice(len(SOURCES), n_sources, replace=False, p=habit.mix[issue] * 0.97 + 0.01)
        sources = np.zeros(len(SOURCES))
        sources[used] = rng.dirichlet(np.full(n_sources, 2.0))
        total = max(LEAST_ITEMS[level], int(rng.poisson(rng.choice(SIZES) * sigma)))
        share = share * (sources @ time.activity[:, now])
        events.append(
            _Event(
                issue, level, place, communities, _weight(land, habit, issue, inside, communities), first,
                rng.multinomial(total, share / share.sum()), sigma, shape, sources,
                0.0 if shape == "one-week" or rng.random() < 0.3 else float(rng.uniform(0.25, 0.6)),
            )
        )  # fmt: skip
    return sorted(events, key=lambda event: event.first)


def _course(rng: np.random.Generator, shape: str) -> np.ndarray:
    """Share of an event's items by week, before the calendar."""
    if shape == "sudden":
        return np.exp(-np.arange(rng.integers(2, 6)) / rng.uniform(0.8, 2.5))
    if shape == "slow":
        return np.arange(1.0, rng.integers(7, 12))
    return np.ones(1)


def _where(
    rng: np.random.Generator, land: _Land, habit: _Habits, level: str, town: int, issue: int
) -> tuple[int, np.ndarray, np.ndarray]:
    """(number of the place, its communities, those on which the event is concentrated: 1 to 4, or none)."""
    own = np.flatnonzero(land.community_town == town)
    middle = int(rng.choice(own, p=habit.community[own, issue] / habit.community[own, issue].sum()))
    if level == "community":
        return middle, np.array([middle]), np.array([middle])
    county = int(land.town_county[town])
    inside = own if level == "town" else np.flatnonzero(land.community_county == county)
    place = town if level == "town" else county
    if rng.random() < 0.25:
        return place, inside, np.array([], dtype=int)
    distance = np.linalg.norm(land.positions[2] - land.positions[2][middle], axis=1)
    near = inside[np.argsort(distance[inside])]
    if level == "town":
        return place, inside, near[: int(rng.integers(2, 5))]
    across = near[land.community_town[near] != town]  # over a border of towns
    return place, inside, np.concatenate([near[land.community_town[near] == town][:2], across[:2]])


def _weight(land: _Land, habit: _Habits, issue: int, inside: np.ndarray, communities: np.ndarray) -> np.ndarray:
    weight = np.zeros(len(land.community_codes))
    weight[inside] = habit.level[land.community_town[inside], issue] * habit.community[inside, issue]
    weight /= weight.sum()
    if len(communities):
        weight *= 1 - CONCENTRATED
        weight[communities] += CONCENTRATED / len(communities)
    return weight


def _items_of(rng: np.random.Generator, habit: _Habits, event: _Event) -> Part:
    n = int(event.extra.sum())
    later = np.repeat(np.linspace(0, 1, len(event.extra)) if len(event.extra) > 1 else [0.0], event.extra)
    source = rng.choice(len(SOURCES), n, p=event.sources)
    flagged = habit.repeat[event.issue, source]
    chance = np.where(flagged > 0, np.minimum(flagged + event.repeat_share * later, 0.95), 0)
    return (
        event.first + np.repeat(np.arange(len(event.extra)), event.extra), np.full(n, event.issue),
        rng.choice(len(event.weight), n, p=event.weight), source, rng.random(n) < chance,
    )  # fmt: skip


def _truth(land: _Land, time: _Time, habit: _Habits, events: list[_Event]) -> pl.DataFrame:
    codes = {"community": land.community_codes, "town": land.town_codes, "county": land.county_codes, "city": [CITY]}
    rows = [
        (
            f"E{n:03d}", habit.issue_codes[event.issue], event.level, codes[event.level][event.place],
            land.community_codes[event.communities].tolist(), time.mondays[event.first],
            time.mondays[event.first + len(event.extra) - 1], event.extra.tolist(), int(event.extra.sum()),
            float(event.extra.sum() / event.sigma), event.shape,
            [SOURCES[s] for s in np.flatnonzero(event.sources)], event.repeat_share,
        )
        for n, event in enumerate(events, start=1)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=TRUTH, orient="row")
