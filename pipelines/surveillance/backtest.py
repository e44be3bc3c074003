"""What would have been warned of, week by week; how often falsely; and what would have been missed?

1. record     The office's own weeks, judged as on the Monday after each. Baselines use earlier weeks alone, so one pass
              judges them all; where files came week by week, the Mondays that saw less than is known today are judged
              one by one on what they saw (`judged_as_known`).
2. surrogate  A twin of the city in which nothing happens, so that every event reported is a false one: a parametric
              bootstrap (Davison & Hinkley 1997, ch. 2) of the detector. Places, issues, history, season and dispersion are
              the city's; the judged weeks are drawn anew from the negative binomial law the detector states for town ×
              issue (`law`, `drawn`) and summed up, so that levels agree. What the law does not know it cannot show:
              changes of habit, campaigns, items that come in bundles to one community.
3. planted    The same draws with events of known size added (`planted`): share found, delay, least size found. Shapes
              after Noufaily et al. (2013), Statist. Med. 32:1206. Found is only what the quiet twin does not report too.
4. old rule   The same weeks by the rule of thumb: county × issue, up by more than OLD_RISE from one week to the next.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import polars as pl

from pipelines.detectors.predictive import predictive_exceedance
from pipelines.surveillance import stories
from pipelines.surveillance.engine import judge
from pipelines.surveillance.excess import ALPHA, SILENT_BELOW
from pipelines.surveillance.record import Record
from pipelines.surveillance.weeks import LATE_WEEKS, around_festival, completeness

MAX_WEEKS, MIN_WEEKS, BASELINE_WEEKS = 104, 8, 60
HABIT_WEEKS = 26
CITIES = 4  # surrogates, each judged once without and once with events
SIZES = (5, 10, 20, 40, 80)  # items an event adds
SHAPES = ("sudden", "slow")
SPREADS = ("community", "county")  # one to three communities of a town; all over a county
SLOW_WEEKS = 8
EVENTS_PER_WEEK = 2
SIGMAS = (0, 3, 5, 8, 12, 20)  # an event's size in standard deviations, in classes from these on
FOUND = 0.8  # an event that is found at least so often can be seen
MIN_CASES = 20  # of fewer no share is stated
OLD_RISE, OLD_MIN_ITEMS = 0.2, 5
MEANS = (SILENT_BELOW, 2, 10)  # expected items, in classes from these on
WARM = (4, 9)  # months of the warmer half of the year
CELL = ["county_code", "town_code", "issue_code"]
SIGNAL = ["week_start_on", "place_code", "issue_code"]


# ---- the record --------------------------------------------------------------------------------------------------


def judged_as_known(
    record: Record, reports: pl.DataFrame, n_weeks: int, rule: stories.Rule, progress: Callable[[str], None]
) -> tuple[pl.DataFrame, pl.DataFrame, stories.Rule, int]:
    """The last `n_weeks` weeks as on the Monday after each: (controlled, signals, rule, weeks judged on their own).

    `reports`: the columns of `Record.weekly` and known_on, when the office first had these items. A source of which nothing
    of the last LATE_WEEKS weeks was known on a Monday was loaded later in one piece and says nothing about that Monday.
    """
    controlled = judge(record, evaluate=n_weeks, rule=rule).controlled
    weeks = record.weeks["week_start_on"].to_list()
    alone = []
    for number in range(len(weeks) - n_weeks, len(weeks)):
        monday = weeks[number] + timedelta(days=7)
        late = _late(reports, weeks[max(number + 1 - LATE_WEEKS, 0) : number + 1], monday)
        if late.is_empty():
            continue
        progress(f"按当时所知判断 {weeks[number]} 那一周")
        upto = weeks[: number + 1]
        known = reports.filter(pl.col("known_on") <= monday)
        seen = replace(
            record,
            weekly=with_items(
                replace(record, weekly=record.weekly.filter(pl.col("week_start_on").is_in(upto))), late
            ).weekly,
            weeks=record.weeks[: number + 1],
            arrived=completeness(known.select("week_start_on", "county_code", "known_on", "n_events"), upto, monday),
        )
        alone.append(judge(seen, evaluate=1, rule=rule).controlled)
    own = [week for frame in alone for week in frame["week_start_on"].unique()]
    together = pl.concat([controlled.filter(~pl.col("week_start_on").is_in(own)), *alone]).sort(stories.NODE)
    return together, *stories.tell(together, record.places, record.issues, rule), len(alone)


def _late(reports: pl.DataFrame, weeks: list[date], monday: date) -> pl.DataFrame:
    """What is to be taken away (negative counts) from these weeks to get what was known on a Monday."""
    of_weeks = reports.filter(pl.col("week_start_on").is_in(weeks))
    known = pl.col("known_on") <= monday
    if of_weeks.filter(known & (pl.col("week_start_on") == weeks[-1])).is_empty():
        return of_weeks.clear()
    in_rhythm = of_weeks.filter(known)["source"].unique()
    late = of_weeks.filter(~known & pl.col("source").is_in(in_rhythm.implode()))
    return late.with_columns(-pl.col("^n_.*$")).drop("known_on")


def with_items(record: Record, items: pl.DataFrame) -> Record:
    """The record with these rows (of `Record.weekly`) added."""
    counts = [name for name in record.weekly.columns if name.startswith("n_")]
    keys = [name for name in record.weekly.columns if name not in counts]
    both = pl.concat([record.weekly, items.select(record.weekly.columns)])
    summed = both.group_by(keys).agg(pl.col(counts).sum()).filter(pl.col("n_events") > 0)
    return replace(record, weekly=summed.select(record.weekly.columns).sort(keys))


def old_rule(weekly: pl.DataFrame, weeks: list[date]) -> pl.DataFrame:
    """week_start_on, place_code, issue_code of the county × issue weeks the rule of thumb would have reported."""
    counted = weekly.filter(pl.col("county_code").is_not_null()).group_by(
        "week_start_on", pl.col("county_code").alias("place_code"), "issue_code"
    ).agg(pl.col("n_events").sum())  # fmt: skip
    before = counted.with_columns(pl.col("week_start_on") + pl.duration(days=7))
    return (
        counted.join(before, on=SIGNAL, how="left", suffix="_before")
        .filter(
            pl.col("week_start_on").is_in(weeks),
            pl.col("n_events") >= OLD_MIN_ITEMS,
            pl.col("n_events") > (1 + OLD_RISE) * pl.col("n_events_before").fill_null(0),
        )
        .select(SIGNAL)
        .sort(SIGNAL)
    )


# ---- the surrogate city ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Law:
    """What the judged weeks are drawn from. A cell is a town × issue; items without a town are a cell of their county."""

    cells: pl.DataFrame  # CELL, one row a cell
    weeks: list[date]  # judged
    mean: np.ndarray  # (cells × weeks); NaN where the detector states none
    phi: np.ndarray  # (cells, 1) variance over mean
    in_county: np.ndarray  # (cells,) number of the county × issue a cell is in
    in_city: np.ndarray  # (cells,) number of its issue
    city_noise: np.ndarray  # (issues,) relative variance of a week that all cells of an issue have in common
    county_noise: np.ndarray  # (issues,) and those of one county beyond it
    items: (
        pl.DataFrame
    )  # the record's weekly counts with `cell`, by which they are sorted, and `week` (0: first judged)


def law(record: Record, n_weeks: int) -> Law:
    """What the detector says of the last `n_weeks` weeks of every cell, each from the weeks before it alone.

    A cell's course is its share of what is expected of the issue in the city: one share for all these weeks, and one
    dispersion, as the detector saw them in the first HABIT_WEEKS of them. What it says of a small series changes with its
    knowledge, with its method and with events; a city that changed along would be an eventful one.
    """
    weeks = record.weeks["week_start_on"].to_list()
    number = pl.DataFrame({"week_start_on": weeks, "week": range(len(weeks))}, schema_overrides={"week": pl.Int64})
    items = record.weekly.join(number, on="week_start_on")
    cells = items.select(CELL).unique().sort(CELL, nulls_last=True)
    items = items.join(cells.with_row_index("cell"), on=CELL, nulls_equal=True).sort("cell", *record.weekly.columns)
    y = np.zeros((len(cells), len(weeks)))
    np.add.at(y, (items["cell"].to_numpy(), items["week"].to_numpy()), items["n_events"].to_numpy())
    in_city, in_county = _number(cells, "issue_code"), _number(cells, "issue_code", "county_code")
    since = items.select("cell", pl.col("week").min().over("county_code", "town_code")).unique("cell").sort("cell")
    judge_series = partial(
        predictive_exceedance,
        activity=record.weeks["activity"].to_numpy(),
        covariates=around_festival(weeks, record.festivals),
        bounds_from=np.inf,
        evaluate=n_weeks,
    )
    whole, counties = _sums(y, in_city), _sums(y, in_county)
    of_county = np.zeros(len(counties), dtype=int)
    of_county[in_county] = in_city
    city = judge_series(whole, groups=np.arange(len(whole)))
    # What is expected of the city stands for what came: else its real events would be in the shares of its towns.
    usual = np.where(np.isnan(city.expected), whole[:, -n_weeks:], city.expected)
    parent = np.hstack([whole[:, :-n_weeks], usual])
    county = judge_series(counties, parent=parent, parent_of=of_county, groups=of_county)
    cell = judge_series(y, parent=parent, parent_of=in_city, groups=in_city, known_from=since["week"].to_numpy())
    mean = _usually(cell.expected / usual[in_city])[:, None] * np.where(
        np.isfinite(cell.expected), usual[in_city], np.nan
    )
    total = _sums(mean, in_city)  # a little more than the city: the detector expects half a case of the emptiest
    mean *= np.divide(usual, total, out=np.ones_like(total), where=total > 0)[in_city]
    phi = np.maximum(_usually(cell.phi), 1)[:, None]
    # Noise in common is part of what the cells' own dispersion allows, never beyond it.
    most = _ratio(_sums((phi - 1) * mean, in_city), _sums(mean**2, in_city))
    in_city_noise = _in_common(city.phi, usual, county.phi, county.expected, of_county, np.arange(len(whole)))
    in_county_noise = _in_common(county.phi, county.expected, phi, mean, in_county, of_county)
    city_noise, county_noise = np.minimum(in_city_noise, most), np.minimum(in_county_noise, most)
    return Law(
        cells=cells,
        weeks=weeks[-n_weeks:],
        mean=mean,
        phi=phi,
        in_county=in_county,
        in_city=in_city,
        city_noise=city_noise,
        county_noise=np.maximum(county_noise - city_noise, 0),
        items=items.with_columns(pl.col("week") - (len(weeks) - n_weeks)),
    )


def _number(frame: pl.DataFrame, *keys: str) -> np.ndarray:
    """Which of the distinct `keys` is each row's? Counted from 0."""
    distinct = frame.select(keys).unique().sort(keys, nulls_last=True).with_row_index("number")
    numbered = frame.join(distinct, on=keys, how="left", nulls_equal=True, maintain_order="left")
    return numbered["number"].to_numpy().astype(int)


def _sums(values: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Sums of the rows of one number; NaN counts as nothing."""
    total = np.zeros((number.max() + 1, values.shape[1]))
    np.add.at(total, number, np.nan_to_num(values))
    return total


def _usually(values: np.ndarray) -> np.ndarray:
    """(cells,) median of the first HABIT_WEEKS known values; 0 where there are none."""
    known = np.isfinite(values)
    early = np.where(known & (known.cumsum(axis=1) <= HABIT_WEEKS), values, np.nan)
    median, some = np.zeros(len(values)), known.any(axis=1)
    median[some] = np.nanmedian(early[some], axis=1)
    return median


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Of the sums over the weeks; 0 where there is nothing."""
    over, under = part.sum(axis=1), whole.sum(axis=1)
    return np.divide(over, under, out=np.zeros_like(over), where=under > 1e-9)


def _in_common(
    phi: np.ndarray, mean: np.ndarray, part_phi: np.ndarray, part_mean: np.ndarray, of: np.ndarray, issue: np.ndarray
) -> np.ndarray:
    """(issues,) relative variance v that the parts have in common: Var(whole) = Σ Var(part) + v (mean² - Σ part²)."""
    beyond = phi * mean - _sums(part_phi * part_mean, of)
    pairs = mean**2 - _sums(part_mean**2, of)
    return np.maximum(_ratio(_sums(beyond, issue), _sums(pairs, issue)), 0)


def drawn(law: Law, rng: np.random.Generator) -> np.ndarray:
    """(cells × weeks) counts of a city in which nothing happens; -1 where there is no law to draw from."""
    issue_of = np.zeros(law.in_county.max() + 1, dtype=int)
    issue_of[law.in_county] = law.in_city
    by_city = _noise(rng, law.city_noise, len(law.weeks))[law.in_city]
    by_county = _noise(rng, law.county_noise[issue_of], len(law.weeks))[law.in_county]
    is_known = np.isfinite(law.mean)
    mean = np.where(is_known, law.mean, 0)
    common = (law.city_noise + law.county_noise)[law.in_city][:, None]
    own = np.maximum(law.phi - common * mean, 1 + 1e-9) - 1
    rate = rng.gamma(mean * by_city * by_county / own) * own
    return np.where(is_known, rng.poisson(rate), -1)


def _noise(rng: np.random.Generator, variance: np.ndarray, n_weeks: int) -> np.ndarray:
    """(len(variance) × weeks) independent gamma factors of mean 1."""
    wide = np.maximum(variance, 1e-9)[:, None]
    return rng.gamma(np.broadcast_to(1 / wide, (len(wide), n_weeks))) * wide


def dealt(law: Law, cell: np.ndarray, week: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    """Items of these cells and weeks, one a row of `Record.weekly`: each like one of its cell's own, taken at random."""
    n_items = np.bincount(law.items["cell"].to_numpy(), law.items["n_events"].to_numpy(), len(law.cells))
    before = np.concatenate([[0], n_items.cumsum()])
    at = before[cell] + rng.random(len(cell)) * n_items[cell]
    like = law.items[np.searchsorted(law.items["n_events"].cum_sum().to_numpy(), at, side="right")]
    which = pl.Series("which", rng.random(len(cell)) * like["n_events"].to_numpy())
    flags = [name for name in like.columns if name.startswith("n_") and name != "n_events"]
    return like.drop("cell", "week").with_columns(
        pl.Series("week_start_on", np.array(law.weeks, dtype="datetime64[D]")[week]).cast(pl.Date),
        *((which < pl.col(name)).cast(like.schema[name]).alias(name) for name in flags),
        pl.lit(1, like.schema["n_events"]).alias("n_events"),
    )


def surrogate(record: Record, law: Law, counts: np.ndarray, rng: np.random.Generator) -> Record:
    """The record with its judged weeks replaced by `counts` (from `drawn`)."""
    week = law.items["week"].to_numpy()
    stays = (week < 0) | (counts[law.items["cell"].to_numpy(), np.maximum(week, 0)] < 0)
    past = replace(record, weekly=law.items.filter(stays).select(record.weekly.columns), arrived=None)
    cells, weeks = np.nonzero(counts > 0)
    many = counts[cells, weeks]
    return with_items(past, dealt(law, np.repeat(cells, many), np.repeat(weeks, many), rng))


# ---- planted events ----------------------------------------------------------------------------------------------


def planted(law: Law, places: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events and their items (rows of `Record.weekly`).

    Events: event, shape, spread, size, sigmas (size over the standard deviation of its town or county over its weeks),
    county_code, place_code, issue_code, first_week_on, last_week_on. They happen where items are: places and issues are
    taken with the chance of an ordinary item, no county × issue twice.
    """
    weight = np.where(law.cells["town_code"].is_null().to_numpy(), 0, np.nansum(law.mean, axis=1))
    order = np.argsort(rng.exponential(size=len(weight)) / np.maximum(weight, 1e-12))
    order = order[weight[order] > 0]
    _, first = np.unique(law.in_county[order], return_index=True)
    chosen = rng.permutation(order[np.sort(first)[: EVENTS_PER_WEEK * len(law.weeks)]])
    inside = dict(
        places.filter(pl.col("place_level") == "community").sort("place_code")
        .group_by("parent_code", maintain_order=True).agg("place_code").iter_rows()
    )  # fmt: skip
    events, extra = [], []
    for number, (cell, (spread, shape, size)) in enumerate(
        zip(chosen, _repeated(product(SPREADS, SHAPES, SIZES), len(chosen)), strict=True)
    ):
        county, town, issue = law.cells.row(int(cell))
        of_place = np.flatnonzero(law.in_county == law.in_county[cell]) if spread == "county" else np.array([cell])
        week = rng.integers(0, len(law.weeks) - SLOW_WEEKS + 1) + _after_start(shape, size, rng)
        items = dealt(law, rng.choice(of_place, size, p=weight[of_place] / weight[of_place].sum()), week, rng)
        if spread == "community" and town in inside:
            around = rng.choice(inside[town], min(int(rng.integers(1, 4)), len(inside[town])), replace=False)
            items = items.with_columns(pl.Series("community_code", rng.choice(around, size)))
        extra.append(items)
        span = slice(week.min(), week.max() + 1)
        variance = np.nansum(law.phi[of_place] * law.mean[of_place, span])
        events.append(
            {"event": number, "shape": shape, "spread": spread, "size": size, "sigmas": size / np.sqrt(variance),
             "county_code": county, "place_code": county if spread == "county" else town, "issue_code": issue,
             "first_week_on": law.weeks[week.min()], "last_week_on": law.weeks[week.max()]}
        )  # fmt: skip
    none = dealt(law, np.zeros(0, int), np.zeros(0, int), rng)
    return pl.DataFrame(events, schema=_EVENT), pl.concat([none, *extra])


_EVENT = {
    "event": pl.Int64, "shape": pl.String, "spread": pl.String, "size": pl.Int64, "sigmas": pl.Float64,
    "county_code": pl.String, "place_code": pl.String, "issue_code": pl.String,
    "first_week_on": pl.Date, "last_week_on": pl.Date,
}  # fmt: skip


def _repeated(cycle: Iterable[tuple], n: int) -> list[tuple]:
    rows = list(cycle)
    return [rows[number % len(rows)] for number in range(n)]


def _after_start(shape: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """In which week after its first could each item of an event fall? 0 … SLOW_WEEKS - 1."""
    if shape == "sudden":
        return np.minimum(np.floor(rng.lognormal(0, 0.5, size)), SLOW_WEEKS - 1).astype(int)
    growing = np.arange(1, SLOW_WEEKS + 1)
    return rng.choice(SLOW_WEEKS, size, p=growing / growing.sum())


def told_of(events: pl.DataFrame, reported: pl.DataFrame, record: Record) -> pl.DataFrame:
    """event, week_start_on, signal_id: which reports could be of which event?

    `reported`: SIGNAL and signal_id. A report is of an event when one's place lies within the other's, likewise the issue, and
    it comes from the event's first week to `stories.MAX_GAP_WEEKS` after its last.
    """
    place = record.places.select("place_code", "place_level", "parent_code")
    within = (
        reported.join(place, on="place_code", how="left")
        .with_columns(
            pl.when(pl.col("place_level") == "town").then("parent_code")
            .when(pl.col("place_level") == "county").then("place_code").alias("county")
        )
        .rename({"place_code": "at", "issue_code": "about"})
    )  # fmt: skip
    groups = record.issues.select("issue_code", "group_code")
    pairs = events.join(groups, on="issue_code", how="left").join(within, how="cross")
    is_near = (
        (pl.col("place_level") == "city")
        | ((pl.col("county") == pl.col("county_code")) & (
            (pl.col("spread") == "county") | (pl.col("place_level") == "county") | (pl.col("at") == pl.col("place_code"))
        ))
    )  # fmt: skip
    return pairs.filter(
        is_near,
        (pl.col("about") == pl.col("issue_code")) | (pl.col("about") == pl.col("group_code")),
        pl.col("week_start_on").is_between(
            "first_week_on", pl.col("last_week_on") + pl.duration(weeks=stories.MAX_GAP_WEEKS)
        ),
    ).select("event", "week_start_on", "signal_id")


# ---- one surrogate, judged without and with events ---------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """What one surrogate city brought."""

    false: pl.DataFrame  # signal_id, week_start_on (first), signal_level, place_level of its false events
    strata: pl.DataFrame  # stratum, name, n, n_alarms: verdicts at ALPHA where all are false
    old_false: pl.DataFrame  # SIGNAL of the old rule, all of them false
    events: pl.DataFrame  # _EVENT, delay_weeks (null: not found), old_delay_weeks
    n_false_beside: int  # false events while others happen
    n_reported_beside: int  # of so many


def trial(record: Record, law: Law, rule: stories.Rule, seed: tuple[int, int]) -> Trial:
    rng = np.random.default_rng(seed)
    quiet = surrogate(record, law, drawn(law, rng), rng)
    events, items = planted(law, record.places, rng)
    eventful = with_items(quiet, items)
    alone = judge(quiet, evaluate=len(law.weeks), rule=rule)
    among = judge(eventful, evaluate=len(law.weeks), rule=rule).signals
    old, old_among = old_rule(quiet.weekly, law.weeks), old_rule(eventful.weekly, law.weeks)
    told = told_of(events, among.join(alone.signals, on=SIGNAL, how="anti"), record)
    old_told = told_of(
        events, old_among.join(old, on=SIGNAL, how="anti").with_columns(pl.lit("").alias("signal_id")), record
    )
    about_an_event = told_of(events, among, record)["signal_id"].unique()
    reported = set(among["signal_id"])
    return Trial(
        false=first_told(alone.signals),
        strata=_strata(alone.detection, alone.controlled),
        old_false=old,
        events=events.join(_delay(events, told, "delay_weeks"), on="event", how="left").join(
            _delay(events, old_told, "old_delay_weeks"), on="event", how="left"
        ),
        n_false_beside=len(reported - set(about_an_event)),
        n_reported_beside=len(reported),
    )


def first_told(signals: pl.DataFrame) -> pl.DataFrame:
    """One row an event: signal_id, and its first week, with level and place as they were then."""
    first = signals.sort("week_start_on").unique("signal_id", keep="first", maintain_order=True)
    return first.select("signal_id", "week_start_on", "signal_level", "place_level")


def _delay(events: pl.DataFrame, told: pl.DataFrame, name: str) -> pl.DataFrame:
    first = told.group_by("event").agg(pl.col("week_start_on").min()).join(events, on="event")
    return first.select("event", ((pl.col("week_start_on") - pl.col("first_week_on")).dt.total_days() // 7).alias(name))


def _strata(detection: pl.DataFrame, controlled: pl.DataFrame) -> pl.DataFrame:
    """How often was each kind of series above its 1-ALPHA bound? The smallest series, silent or not, are one stratum."""
    is_warm = pl.col("week_start_on").dt.month().is_between(*WARM)
    said = detection.filter(pl.col("p_value").is_not_null()).with_columns(
        (pl.col("p_value") <= ALPHA).alias("is_alarm"),
        pl.when(is_warm).then(pl.lit("warm")).otherwise(pl.lit("cold")).alias("half_year"),
        _class_of("expected", (0, *MEANS)).cast(pl.String).alias("mean"),
    )
    heard = said.filter(pl.col("expected") >= SILENT_BELOW)
    n_all = controlled.group_by("week_start_on").agg(pl.col("n_series").first())["n_series"].sum()
    frames = [
        heard.group_by(pl.col(name).alias("name"))
        .agg(pl.len().alias("n"), pl.col("is_alarm").sum().alias("n_alarms"))
        .select(pl.lit(name).alias("stratum"), "name", pl.col("n").cast(pl.Int64), pl.col("n_alarms").cast(pl.Int64))
        for name in ("place_level", "half_year", "mean", "method")
    ]
    n_silent_alarms = said.filter(pl.col("expected") < SILENT_BELOW)["is_alarm"].sum()
    smallest = pl.DataFrame(
        [("mean", "0.0", n_all - len(heard), n_silent_alarms)], schema=frames[0].schema, orient="row"
    )
    return pl.concat([*frames, smallest]).filter(pl.col("n") > 0).sort("stratum", "name")


# ---- all of it ---------------------------------------------------------------------------------------------------


def backtest(
    record: Record,
    reports: pl.DataFrame,
    n_weeks: int,
    *,
    rule: stories.Rule,
    seed: int,
    cities: int = CITIES,
    run: Callable[..., Iterable[Trial]] = map,
    progress: Callable[[str], None] = lambda said: None,
) -> dict[str, Any]:
    """The figures of a backtest over the last `n_weeks` weeks of the record, ready for JSON.

    `run`: maps a function over a list, here over the surrogate cities; another one may do so in several processes.
    """
    progress(f"按当时的规则重判 {n_weeks} 周")
    controlled, signals, rule = judged_as_known(record, reports, n_weeks, rule, progress)[:3]
    progress("推算没有异常时各镇街各事项的分布")
    quiet_law = law(record, n_weeks)
    trials = []
    for done, one in enumerate(run(partial(trial, record, quiet_law, rule), [(seed, n) for n in range(cities)]), 1):
        progress(f"替身城市 {done}/{cities} 已判断，各含一次不埋事件、一次埋入事件")
        trials.append(one)
    weeks = quiet_law.weeks
    real, old = first_told(signals), old_rule(record.weekly, weeks)
    false = pl.concat([one.false for one in trials])
    events = pl.concat([one.events for one in trials])
    old_false = pl.concat([one.old_false for one in trials])
    n_quiet = n_weeks * cities
    holding = controlled.filter(
        "survives",
        pl.col("chance_per_year") <= rule.max_chance_per_year,
        pl.col("observed") >= stories.MIN_OBSERVED,
        pl.col("observed") > pl.col("expected"),
    )
    strata = (
        pl.concat([one.strata for one in trials]).group_by("stratum", "name")
        .agg(pl.col("n", "n_alarms").sum()).sort("stratum", "name")
        .with_columns((pl.col("n_alarms") / pl.col("n") / ALPHA).alias("ratio"))
    )  # fmt: skip
    stated = strata.filter((pl.col("n") * ALPHA >= MIN_CASES) & (pl.col("stratum") != "method"))
    return {
        "seed": seed,
        "first_week": str(weeks[0]),
        "last_week": str(weeks[-1]),
        "n_weeks": n_weeks,
        "n_cities": cities,
        "alpha": ALPHA,
        "rule": {
            "budget": rule.budget,
            "max_chance_per_year": rule.max_chance_per_year,
            "false_per_week": rule.stated_false_per_week,
        },
        "record": {
            "events_per_week": len(real) / n_weeks,
            "signals_per_week": len(signals) / n_weeks,
            "n_events": len(real),
            "by_level": _counts(real, "signal_level"),
            "n_alarms": len(holding),
            "merged_share": 1 - len(real) / len(holding) if len(holding) else None,
            "n_raised": controlled.filter(pl.col("status") == "alarm").height,
        },
        "false": {
            "per_week": len(false) / n_quiet,
            "standard_error": max(len(false), 1) ** 0.5 / n_quiet,
            "by_level": _counts(false, "signal_level"),
            "by_place_level": _counts(false, "place_level"),
            "beside_events_per_week": sum(one.n_false_beside for one in trials) / n_quiet,
            "beside_events_share": sum(one.n_false_beside for one in trials)
            / max(sum(one.n_reported_beside for one in trials), 1),
            "strata": strata.to_dicts(),
            "worst": stated.sort("ratio", descending=True).head(1).to_dicts(),
        },
        "planted": {
            "n_events": len(events),
            "by_size": _found(events, "shape", "size"),
            "by_spread": _found(events, "spread", "size"),
            "by_sigmas": _found(events.with_columns(_class_of("sigmas", SIGMAS).alias("from_sigmas")), "from_sigmas"),
            "smallest_seen": {shape: _smallest_seen(events.filter(pl.col("shape") == shape)) for shape in SHAPES},
        },
        "old_rule": {
            "rise": OLD_RISE,
            "min_items": OLD_MIN_ITEMS,
            "alarms_per_week": len(old) / n_weeks,
            "false_per_week": len(old_false) / n_quiet,
            "found_share": events["old_delay_weeks"].is_not_null().mean(),
        },
        "found_share": events["delay_weeks"].is_not_null().mean(),
        "weeks": _by_week(weeks, signals, real, old, false, cities).to_dicts(),
    }


def _counts(frame: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(frame.group_by(column).len().sort(column).iter_rows())


def _class_of(column: str, least: tuple[float, ...]) -> pl.Expr:
    """The largest of `least` a value reaches."""
    return pl.max_horizontal(
        pl.when(pl.col(column) >= value).then(float(value)).otherwise(float(least[0])) for value in least
    )


def _found(events: pl.DataFrame, *by: str) -> list[dict]:
    """Share found and, of those found, delay; the same of the old rule. Shares are null where events are too few."""
    enough = pl.len() >= MIN_CASES
    share = [
        pl.when(enough).then(pl.col(name).is_not_null().mean()).alias(told)
        for name, told in (("delay_weeks", "found_share"), ("old_delay_weeks", "old_found_share"))
    ]
    return (
        events.group_by(by)
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            *share,
            pl.when(enough).then((pl.col("delay_weeks") == 0).fill_null(False).mean()).alias("first_week_share"),
            pl.when(enough).then(pl.col("delay_weeks").median()).alias("median_delay_weeks"),
        )
        .sort(by)
        .to_dicts()
    )


def _smallest_seen(events: pl.DataFrame) -> int | None:
    """The size from which on at least FOUND of the events are found; None where not even the largest are."""
    smallest = None
    for size in sorted(SIZES, reverse=True):
        found = events.filter(pl.col("size") == size)["delay_weeks"].is_not_null()
        if len(found) < MIN_CASES or found.sum() < FOUND * len(found):
            break
        smallest = size
    return smallest


def _by_week(
    weeks: list[date], signals: pl.DataFrame, real: pl.DataFrame, old: pl.DataFrame, false: pl.DataFrame, cities: int
) -> pl.DataFrame:
    """week_start_on, n_signals listed, n_events new among them, n_old of the old rule, n_false: mean over the surrogates."""
    table = pl.DataFrame({"week_start_on": weeks})
    for name, frame in (("n_signals", signals), ("n_events", real), ("n_old", old), ("n_false", false)):
        counts = frame.group_by("week_start_on").agg(pl.len().cast(pl.Int64).alias(name))
        table = table.join(counts, on="week_start_on", how="left").with_columns(pl.col(name).fill_null(0))
    return table.sort("week_start_on").with_columns(pl.col("week_start_on").cast(pl.String), pl.col("n_false") / cities)
