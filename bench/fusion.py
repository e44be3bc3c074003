"""Which rule finds the events of a city, how late, and how often does it cry wolf? `python -m bench fusion --reps 4`.

Cities of `bench.cities`, each three times: with events, the same without them (`null`: what remains is nuisance and
chance), and without either (`null_clean`: chance alone). Judged are the last JUDGED weeks, as they are known once
everything has come in. Seeds below 2000 are for development. Some four minutes of one core a city, most of it the scan.

Rules in use (±20 %, EARS C2: county × issue; Farrington flexible, predictive p: town × issue) against early warning and
its parts, `ENGINE`. "At equal recall" sets every rule's threshold where it finds that share of the events, so that false
events can be compared.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from bench.cities import City, make
from bench.scenarios import NOUFAILY, ONE_THREAD
from pipelines.detectors.ears import ears
from pipelines.detectors.farrington import farrington_flexible
from pipelines.detectors.predictive import predictive_exceedance
from pipelines.surveillance import EVIDENCE_COLUMNS, Record, channels, clusters, excess, indicators, joining, stories
from pipelines.surveillance.weeks import activity

JUDGED = 49  # three whole years come before
AFTER_WEEKS = 2  # a signal up to so many weeks after an event's last item still speaks of it
GAP_WEEKS = 2
RECALLS = (0.3, 0.4, 0.5, 0.6)
SIZE_CLASSES, ITEM_CLASSES = (5, 10, 20), (10, 20, 50)  # σ, items of an event; from … on
MEAN_CLASSES = (0.05, 0.2, 1.0, 5.0)  # items a week
LEAST_LOW = 20  # a stratum of which fewer low p-values are due says nothing
LEVELS = ("city", "county", "town")

SIGNAL_KEYS = ["signal_id", "week_start_on", "place_code", "issue_code"]


# ---- what matches what -------------------------------------------------------------------------------------------


def matches(
    signals: pl.DataFrame, happenings: pl.DataFrame, places: pl.DataFrame, issues: pl.DataFrame
) -> pl.DataFrame:
    """Which signal speaks of which event or nuisance: the one rule by which everything here is judged.

    It does when
    - the issue is the event's, or the group of the event's issue;
    - the places are the same, or one lies within the other (a town signal of a county's event, and the reverse; of what
      touches all issues, such as a new channel, only signals of its place and within it speak);
    - the signal's week is one of the event's weeks or one of the AFTER_WEEKS after them, never before.

    `signals`: SIGNAL_KEYS, one row a signal and week. `happenings`: event_id, place_code, issue_codes (list; empty: any
    issue), first_week_on, last_week_on. `places`: place_code, parent_code; `issues`: issue_code, group_code. Returns
    signal_id, week_start_on, event_id, one row a match.
    """
    above, of_all = _closure(places), pl.col("issue_codes").list.len() == 0
    related = pl.concat(
        [
            happenings.filter(~of_all).join(above, on="place_code").select("event_id", place_code="upper"),
            happenings.join(above, left_on="place_code", right_on="upper").select(
                "event_id", pl.col("place_code_right").alias("place_code")
            ),
        ]
    ).unique()
    of_issue = happenings.select("event_id", "issue_codes").explode("issue_codes").rename({"issue_codes": "issue_code"})
    any_issue = happenings.filter(of_all).select("event_id")
    every = any_issue.join(issues.select("issue_code"), how="cross")
    named = pl.concat([of_issue.drop_nulls(), every]).join(issues.select("issue_code", "group_code"), on="issue_code")
    spoken = pl.concat(
        [named.select("event_id", "issue_code"), named.select("event_id", issue_code="group_code")]
    ).unique()
    return (
        signals.select(SIGNAL_KEYS)
        .join(related, on="place_code")
        .join(spoken, on=["event_id", "issue_code"])
        .join(happenings.select("event_id", "first_week_on", "last_week_on"), on="event_id")
        .filter(
            pl.col("week_start_on").is_between(
                "first_week_on", pl.col("last_week_on") + pl.duration(days=7 * AFTER_WEEKS)
            )
        )
        .select("signal_id", "week_start_on", "event_id")
        .unique()
        .sort("event_id", "week_start_on", "signal_id")
    )


def _closure(places: pl.DataFrame) -> pl.DataFrame:
    """place_code, upper: every place with itself and all places above it."""
    parent = dict(places.select("place_code", "parent_code").iter_rows())
    pairs = []
    for place in parent:
        upper: str | None = place
        while upper is not None:
            pairs.append((place, upper))
            upper = parent.get(upper)
    return pl.DataFrame(pairs, schema={"place_code": pl.String, "upper": pl.String}, orient="row")


def as_signals(alarms: pl.DataFrame) -> pl.DataFrame:
    """Alarms of a rule that knows single weeks only: one signal while place × issue alarms, gaps of GAP_WEEKS allowed."""
    keys = ["place_code", "issue_code"]
    ordered = alarms.sort(*keys, "week_start_on")
    breaks = (pl.col("week_start_on").diff().over(keys) > pl.duration(days=7 * GAP_WEEKS)).fill_null(True)
    return ordered.with_columns(breaks.cum_sum().over(keys).cast(pl.String).alias("run")).with_columns(
        pl.concat_str(*keys, "run", separator="|").alias("signal_id")
    )


@dataclass(frozen=True)
class Score:
    """Of one city: its events with what became of them, and the signals with what they were about."""

    events: pl.DataFrame  # the truth's columns; is_found, delay_weeks
    signals: pl.DataFrame  # signal_id, about: event | nuisance | chance
    n_alarms: int  # rows: signal × week


def score(signals: pl.DataFrame, city: City) -> Score:
    """`signals`: SIGNAL_KEYS. An event counts as one to be found when it begins in a judged week."""
    truth = city.truth.with_columns(pl.concat_list("issue_code").alias("issue_codes"))
    shows = city.nuisance.filter(pl.col("kind") != "late")  # late items are missing now, they are not too many later
    nuisance = shows.with_columns(pl.format("N{}", pl.int_range(pl.len())).alias("event_id"))
    hits = matches(signals, truth, city.places, city.issues)
    about_nuisance = matches(signals, nuisance, city.places, city.issues)
    first_hit = hits.group_by("event_id").agg(pl.col("week_start_on").min().alias("found_on"))
    events = (
        truth.filter(pl.col("first_week_on") >= judged_weeks(city)[0])
        .join(first_hit, on="event_id", how="left")
        .with_columns(
            pl.col("found_on").is_not_null().alias("is_found"),
            ((pl.col("found_on") - pl.col("first_week_on")).dt.total_days() // 7).alias("delay_weeks"),
        )
    )
    about = (
        pl.when(pl.col("signal_id").is_in(hits["signal_id"].implode()))
        .then(pl.lit("event"))
        .when(pl.col("signal_id").is_in(about_nuisance["signal_id"].implode()))
        .then(pl.lit("nuisance"))
        .otherwise(pl.lit("chance"))
    )
    return Score(events, signals.select("signal_id").unique().with_columns(about.alias("about")), len(signals))


# ---- the rules in use --------------------------------------------------------------------------------------------


def judged_weeks(city: City) -> list:
    return city.calendar["week_start_on"].unique().sort().to_list()[-JUDGED:]


def record(city: City) -> Record:
    """What early warning is given: no truth, no φ, no season; the weeks' activity is learnt from the daily totals."""
    return Record(
        weekly=city.weekly,
        weeks=activity(city.calendar, city.daily),
        places=city.places,
        issues=city.issues,
        city_code=city.city_code,
        festivals=city.festivals,
    )


def matrix(city: City, level: str) -> tuple[pl.DataFrame, np.ndarray]:
    """Series (place_level, place_code, issue_code) and their counts (series × weeks), the silent ones left out."""
    place = pl.lit(city.city_code) if level == "city" else pl.col(f"{level}_code")
    number = city.calendar.select("week_start_on").unique().sort("week_start_on").with_row_index("week")
    counts = (
        city.weekly.with_columns(place.alias("place_code"))
        .drop_nulls("place_code")
        .group_by("place_code", "issue_code", "week_start_on")
        .agg(pl.col("n_events").sum())
        .join(number, on="week_start_on")
    )
    series = counts.select("place_code", "issue_code").unique().sort("place_code", "issue_code")
    at = counts.join(series.with_row_index("series"), on=["place_code", "issue_code"])
    dense = np.zeros((len(series), len(number)))
    dense[at["series"], at["week"]] = at["n_events"]
    return series.select(pl.lit(level).alias("place_level"), "place_code", "issue_code"), dense


def _rows(city: City, series: pl.DataFrame, strength: np.ndarray, is_alarm: np.ndarray) -> pl.DataFrame:
    """Series × judged weeks as rows: series' columns, week_start_on, strength (larger: less likely), is_alarm."""
    at, week = np.nonzero(np.isfinite(strength) & (strength > 0))
    days = pl.Series(np.array(judged_weeks(city), dtype="datetime64[D]")[week]).cast(pl.Date)
    return series[at].with_columns(
        days.alias("week_start_on"),
        pl.Series(strength[at, week]).alias("strength"),
        pl.Series(is_alarm[at, week]).alias("is_alarm"),
    )


def _surprise(p: np.ndarray) -> np.ndarray:
    return -np.log10(np.clip(np.where(np.isnan(p), 1.0, p), 1e-300, 1.0))


def twenty_percent(city: City) -> pl.DataFrame:
    """The rule in use: more than 20 % above the week before."""
    series, y = matrix(city, "county")
    now, before = y[:, -JUDGED:], y[:, -JUDGED - 1 : -1]
    growth = (now + 1e-3) / (before + 1e-3)
    return _rows(city, series, np.where(now > before, growth, 0), now > 1.2 * before)


def ears_c2(city: City) -> pl.DataFrame:
    series, y = matrix(city, "county")
    weeks = range(y.shape[1] - JUDGED, y.shape[1])
    found = ears(y.T, method="C2", weeks=weeks)
    beyond = found["score"].T
    finite = np.where(np.isfinite(beyond), beyond, np.where(beyond > 0, 100.0 * y[:, -JUDGED:], 0))
    return _rows(city, series, finite, found["alarm"].T.astype(bool))


def farrington(city: City) -> pl.DataFrame:
    series, y = matrix(city, "town")
    weeks = range(y.shape[1] - JUDGED, y.shape[1])
    found = farrington_flexible(y.T, weeks=weeks, settings={**NOUFAILY, "b": 3})
    return _rows(city, series, _surprise(found["pvalue"].T), found["alarm"].T.astype(bool))


def predictive(city: City) -> pl.DataFrame:
    series, y = matrix(city, "town")
    found = predictive_exceedance(y, activity=record(city).weeks["activity"].to_numpy(), evaluate=JUDGED)
    return _rows(city, series, _surprise(found.p_value), found.status == "alarm")


RULES: dict[str, Callable[[City], pl.DataFrame]] = {
    "±20 %": twenty_percent, "EARS C2": ears_c2, "Farrington flexible": farrington, "predictive": predictive,
}  # fmt: skip


# ---- early warning and its parts ---------------------------------------------------------------------------------

OTHER_KINDS = ("rise", "cluster", "repeat", "channel")
ENGINE: dict[str, tuple[str, ...]] = {
    "volume": (), **{f"volume + {kind}": (kind,) for kind in OTHER_KINDS}, "joined": OTHER_KINDS,
}  # fmt: skip
ALLOWED = tuple(np.geomspace(1e-4, 30, 24))  # chance signals a week, from strict to lax


@dataclass(frozen=True)
class Evidence:
    """What the engine knows of a city before it chooses."""

    city: City
    detection: pl.DataFrame
    families: pl.DataFrame
    others: pl.DataFrame  # EVIDENCE_COLUMNS

    def controlled(self, kinds: tuple[str, ...]) -> pl.DataFrame:
        joined = joining.join(self.detection, self.others.filter(pl.col("kind").is_in(kinds)))
        return joining.control(joined, self.families, self.city.places, q=stories.Rule().q)

    def tell(self, controlled: pl.DataFrame, rule: stories.Rule) -> tuple[pl.DataFrame, stories.Rule]:
        return stories.tell(controlled, self.city.places, self.city.issues, rule)


def evidence(city: City) -> Evidence:
    given = record(city)
    weeks = given.weeks["week_start_on"].to_list()
    detection, families = excess.detect(given, evaluate=JUDGED)
    unlocated = given.weekly.with_columns(lon=pl.lit(None, pl.Float64), lat=pl.lit(None, pl.Float64))
    found, *_ = clusters.find(unlocated, city.places, weeks=weeks, n_weeks=JUDGED)
    more = indicators.place_evidence(given.weekly, detection, weeks, city_code=city.city_code)
    parts = [more, clusters.evidence(found), channels.evidence(given, detection)]
    return Evidence(city, detection, families, pl.concat(part.select(list(EVIDENCE_COLUMNS)) for part in parts))


def alone(known: Evidence, kind: str) -> pl.DataFrame:
    """The rows of one kind of evidence, as if it were a rule of its own."""
    rows = known.others.filter((pl.col("kind") == kind) & pl.col("p_value").is_not_null())
    return rows.select(
        "place_level", "place_code", "issue_code", "week_start_on",
        (-pl.col("p_value").clip(1e-300, 1).log10()).alias("strength"), (pl.col("status") == "alarm").alias("is_alarm"),
    )  # fmt: skip


# ---- the figures -------------------------------------------------------------------------------------------------

Curve = list[tuple[float, float]]  # (share of events found, false signals a week), from strict to lax


def figures(scores: list[Score]) -> dict[str, float]:
    """Of all cities together."""
    events, signals = (pl.concat(getattr(score, name) for score in scores) for name in ("events", "signals"))
    n_weeks = JUDGED * len(scores)
    about = dict(signals["about"].value_counts().iter_rows())
    false = {kind: about.get(kind, 0) / n_weeks for kind in ("nuisance", "chance")}
    found = events.filter("is_found")
    return {
        "found": found.height / max(events.height, 1),
        "delay_weeks": found["delay_weeks"].mean() if found.height else float("nan"),
        "first_week": (events["delay_weeks"] == 0).sum() / max(events.height, 1),
        "signals_a_week": signals.height / n_weeks,
        "false_a_week": sum(false.values()),
        **{f"false_{kind}_a_week": rate for kind, rate in false.items()},
        "true_share": about.get("event", 0) / max(signals.height, 1),
    }


def found_by(scores: list[Score]) -> Iterator[tuple[str, dict]]:
    """The share of events found by size, items, place and shape, with how many there were."""
    events = pl.concat(score.events for score in scores)
    classes = {
        "σ": _classes("size", SIZE_CLASSES),
        "items": _classes("n_extra", ITEM_CLASSES),
        "place": pl.col("place_level"),
        "shape": pl.col("shape"),
    }
    for name, of in classes.items():
        counted = events.group_by(of.alias("class")).agg(pl.len().alias("n"), pl.col("is_found").mean()).sort("class")
        yield name, {row["class"]: f"{row['is_found']:.2f} of {row['n']}" for row in counted.iter_rows(named=True)}


def _classes(column: str, limits: tuple) -> pl.Expr:
    """Which class a value is in, as "under 5", "from 5", "from 10" with a leading number to sort by."""
    of: pl.Expr = pl.lit(f"0 under {limits[0]:g}")
    for number, limit in enumerate(limits, start=1):
        of = pl.when(pl.col(column) >= limit).then(pl.lit(f"{number} from {limit:g}")).otherwise(of)
    return of


def at_recall(curve: Curve, recall: float) -> float:
    """False signals a week where so many events are found, by straight lines between the points.

    Of a curve whose strictest point finds more, that point's; NaN where so many are never found. No point is dearer
    than one that finds more.
    """
    found, false = (
        np.array(values) for values in zip(*sorted(curve, key=lambda point: (point[0], -point[1])), strict=True)
    )
    least = np.minimum.accumulate(false[::-1])[::-1]
    return float(np.interp(recall, found, least)) if recall <= found[-1] else float("nan")


def curve_of_rule(rows: list[pl.DataFrame], cities: list[City]) -> Curve:
    """Thresholds at the quantiles of what the events' strongest rows reach: one for all cities."""
    best = []
    for frame, city in zip(rows, cities, strict=True):
        truth = city.truth.with_columns(pl.concat_list("issue_code").alias("issue_codes"))
        named = frame.with_row_index("row").with_columns(pl.col("row").cast(pl.String).alias("signal_id"))
        hits = matches(named, truth, city.places, city.issues).join(
            named.select("signal_id", "strength"), on="signal_id"
        )
        begun = truth.filter(pl.col("first_week_on") >= judged_weeks(city)[0]).select("event_id")
        best += begun.join(hits.group_by("event_id").agg(pl.col("strength").max()), on="event_id", how="left")[
            "strength"
        ].to_list()
    reached = sorted((strength for strength in best if strength is not None), reverse=True)
    curve = []
    for share in np.arange(0.1, 0.95, 0.05):
        place = round(share * len(best)) - 1
        if place < len(reached):
            scores = [
                score(as_signals(frame.filter(pl.col("strength") >= reached[place])), city)
                for frame, city in zip(rows, cities, strict=True)
            ]
            told = figures(scores)
            curve.append((told["found"], told["false_a_week"]))
    return curve


def worst_strata(judged: list[tuple[pl.DataFrame, City]], p: str, limit: float) -> dict[str, dict[str, float]]:
    """How often p ≤ limit on cities without events and nuisances, over `limit`: by place level, mean and season.

    `judged`: place_level, place_code, issue_code, week_start_on and the column `p`; silent series-weeks may be missing.
    """
    counted = []
    for rows, city in judged:
        series = pl.concat(
            frame.with_columns(pl.Series("mean", dense.mean(axis=1)))
            for frame, dense in (matrix(city, level) for level in LEVELS)
        ).join(city.issues, on="issue_code")
        keys = ["place_level", "place_code", "issue_code"]
        low = rows.filter(pl.col(p) <= limit).group_by(keys).agg(pl.len().alias("n_low"))
        counted.append(series.join(low, on=keys, how="left"))
    every = pl.concat(counted).with_columns(pl.col("n_low").fill_null(0))
    strata = {
        "place": pl.col("place_level"),
        "mean": _classes("mean", MEAN_CLASSES),
        "season": pl.col("season"),
    }
    found = {}
    for name, of in strata.items():
        rate = (
            every.group_by(of.alias("class"))
            .agg((pl.len() * JUDGED).alias("n"), pl.col("n_low").sum())
            .filter(pl.col("n") * limit >= LEAST_LOW)
            .sort("class")
        )
        found[name] = {c: round(low / n / limit, 2) for c, n, low in rate.iter_rows()}
    return found


def measure(reps: int, seed: int) -> Iterator[dict]:
    """One line of figures after the other; null: no such figure."""
    cities = [make(seed + k) for k in range(reps)]
    n_events = sum((city.truth["first_week_on"] >= judged_weeks(city)[0]).sum() for city in cities)
    yield {"what": "cities", "n": reps, "seed": seed, "weeks": JUDGED, "events": n_events}
    curves: dict[str, Curve] = {}

    def simple(name: str, rows: list[pl.DataFrame]) -> Iterator[dict]:
        told = [as_signals(frame.filter("is_alarm")) for frame in rows]
        scores = [score(signals, city) for signals, city in zip(told, cities, strict=True)]
        yield {"what": f"{name}, own rule", **figures(scores), "merged": _merged(sum(map(len, told)), scores)}
        curves[name] = curve_of_rule(rows, cities)

    for name, rule in RULES.items():
        yield from simple(name, [rule(city) for city in cities])
    known = [evidence(city) for city in cities]
    for kind in OTHER_KINDS:
        yield from simple(f"{kind} alone", [alone(one, kind) for one in known])
    for name, kinds in ENGINE.items():
        controlled = [one.controlled(kinds) for one in known]
        told = [one.tell(frame, stories.Rule()) for one, frame in zip(known, controlled, strict=True)]
        scores = [score(signals, city) for (signals, _), city in zip(told, cities, strict=True)]
        n_alarms = sum(
            frame.filter("survives", pl.col("chance_per_year") <= rule.max_chance_per_year).height
            for frame, (_, rule) in zip(controlled, told, strict=True)
        )
        yield {"what": f"{name}, own rule", **figures(scores), "merged": _merged(n_alarms, scores)}
        if name in ("volume", "joined"):
            for by, shares in found_by(scores):
                yield {"what": f"{name}, found by {by}", **shares}
        curves[name] = []
        everything = [frame.with_columns(survives=pl.lit(True)) for frame in controlled]  # one threshold, not two
        for allowed in ALLOWED:
            lax = stories.Rule(budget=1_000_000, false_per_week=allowed)
            scores = [
                score(one.tell(frame, lax)[0], city) for one, frame, city in zip(known, everything, cities, strict=True)
            ]
            told_now = figures(scores)
            curves[name].append((told_now["found"], told_now["false_a_week"]))
    for recall in RECALLS:
        false = {name: at_recall(curve, recall) for name, curve in curves.items()}
        single = np.nanmin([false[name] for name in false if name not in ENGINE or name == "volume"])
        yield {
            "what": f"false a week at {recall:.0%} found",
            **false,
            "joined over best single": false["joined"] / single,
        }
    yield from without_events(reps, seed)


def without_events(reps: int, seed: int) -> Iterator[dict]:
    """What early warning says where nothing happens, against what it states; and where its p-values are worst."""
    known = [evidence(make(seed + k, null=True)) for k in range(reps)]
    for name in ("volume", "joined"):
        told = [one.tell(one.controlled(ENGINE[name]), stories.Rule()) for one in known]
        scores = [score(signals, one.city) for (signals, _), one in zip(told, known, strict=True)]
        stated = float(np.mean([rule.stated_false_per_week for _, rule in told]))
        yield {"what": f"{name}, no events", **figures(scores), "stated_false_a_week": stated}
    clean = [make(seed + k, null_clean=True) for k in range(reps)]
    judged = [(excess.detect(record(city), evaluate=JUDGED)[0], city) for city in clean]
    for limit in (0.01, 0.001):
        for by, rates in worst_strata(judged, "p_value", limit).items():
            yield {"what": f"p ≤ {limit:g} over {limit:g} by {by}, no events, no nuisances", **rates}


def _merged(n_alarms: int, scores: list[Score]) -> float:
    """Share of the alarms (place × issue × week, of early warning those that survive) that are no signal of their own."""
    return 1 - sum(score.signals.height for score in scores) / max(n_alarms, 1)


def run(reps: int, seed: int) -> None:
    """In a process of its own, because the number of threads is fixed when numpy loads."""
    subprocess.run(
        [sys.executable, "-m", "bench.fusion", str(reps), str(seed)],
        cwd=Path(__file__).resolve().parents[1], env={**os.environ, **ONE_THREAD}, check=True,
    )  # fmt: skip


def main() -> None:
    for line in measure(int(sys.argv[1]), int(sys.argv[2])):
        shown = {k: v if not isinstance(v, float) else None if np.isnan(v) else round(v, 4) for k, v in line.items()}
        print(json.dumps(shown, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
