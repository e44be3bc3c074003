"""What happened in a period, in one area? Every frame a report draws on, asked once.

`find` answers with `Findings`; the narrative, the tables, the charts and `--json` read nothing else, so that a figure is
the same wherever it stands. What 本周研判 shows of a week is worked out by the same queries and functions.
Counts are items (件). A count that must not leave the screen is null and has its mark beside it (`<column>__mark`,
app.disclosure). Unknown is null, never 0.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from app import concern_counts, disclosure, headlines, place_counts, reader, warned
from app.casework import cases, workflow
from app.reports import counting, handling, totalling
from app.reports.periods import Period
from app.reports.scope import Area, NoData, NoSuchArea, Scope, Span, whole_weeks
from app.reports.scope import find as find_scope
from app.warned import outcomes, safe_evidence, safe_followup, safe_signals

__all__ = ["Area", "Findings", "NoData", "NoSuchArea", "Span", "find"]

N_RISING = 20
N_MATTERS = 10


@dataclass(frozen=True)
class Findings:
    """All figures of a period. Frames never are None: what there is none of is an empty frame with its columns."""

    period: Period
    area: Area
    city_name: str
    city_code: str
    version: str
    as_of: date
    """The day the version looks from: the day after the last full one, as a rule."""
    data_from: date
    data_through: date
    is_complete: bool
    """Every day of the period lies inside the data. If not, it is compared with as many days of the earlier periods."""
    counted: Span
    """The days of the period the data reach: all of them, or those up to data_through."""
    counted_before: Span
    counted_year_ago: Span
    gaps: list[date]
    """Mondays of the whole weeks of the period in which nothing at all was registered: a gap of the data."""
    was_judged: bool
    """Was any week of the period judged for warnings?"""
    judged_from: date | None
    """Monday of the first week judged for warnings; None where no week was."""
    level_rule: str

    totals: pl.DataFrame
    """measure, label, note, n, n_before, n_year_ago (each with __mark), change_share, year_share, change_words, year_words

    measure: n_events, n_petition, n_hotline, n_grid, n_overdue, n_repeat, n_group, n_closed, in this order; those no
    source of the warehouse can give have no row. n null: unknown.
    """
    left_out: str
    """本库没有这些数据：群体性。 — which of the headline figures no source gives; empty where none is missing."""
    workdays: Mapping[str, Any]
    """n_days, n_days_before (working days), per_day, per_day_before (items a working day; null where not compared),
    change_share, change_words: null where not compared; sentence: as the page says it, may be empty."""
    course: pl.DataFrame
    """period_start_on, n_events, n_events_year_ago (each with __mark), is_incomplete; oldest first: 13 weeks | 13 months | 9 quarters | 5 years"""

    sources: pl.DataFrame
    """source, n_events, n_events_before, n_events_year_ago, change_share, year_share, share; each count with __mark"""
    channels: pl.DataFrame
    """channel (null = not stated), then as sources; most first"""
    purposes: pl.DataFrame
    """purpose (null = not stated), then as sources"""
    groups: pl.DataFrame
    """group_code, group_name, then as sources; most first"""
    issues: pl.DataFrame
    """issue_code, issue_name, group_code, group_name, role_name, then as sources; most first"""
    rising: pl.DataFrame
    """weekly: issue_code, issue_name, group_name, observed, expected, upper_bound, excess, status, observed_before, n_weeks (1)
    longer: the same columns; observed, expected, upper_bound, excess summed over the n_weeks above the bound; most excess first"""
    rising_course: pl.DataFrame
    """Of the first of `rising`, its last 26 weeks: period_start_on, n_events (with __mark), expected, upper_bound, is_alarm; else empty"""
    places: pl.DataFrame
    """One level below the area: place_code, place_name, county_name, population, n_events, n_events_before, change_share,
    rate (items per 10,000 residents), each with __mark; most first"""
    not_placed: str
    """12 件没有写明县区: what `places` lacks of the total; empty where nothing."""
    towns: pl.DataFrame
    """For the map: place_code, place_name, county_name, lon, lat, is_provisional, n_events, n_events_before, change_share,
    rate, value, value_text and marks: what app.charts.maps.locator_map draws. The towns of the area; of a town its communities."""
    geometry: Mapping[str, str]
    """place_code → GeoJSON of `towns`; empty where the reference has no boundaries."""
    hot: pl.DataFrame
    """place_code, place_name, county_name, issue_code, issue_name, n_events: communities with 10 items or more about one issue (and at least k); 10 rows at most"""

    warnings: pl.DataFrame
    """One row a warning listed in a week of the period, as in its newest of them: columns of query `signals` and n_weeks_listed,
    is_new (not listed before the period), and where it stands: case_status, to_unit, due_on, is_overdue, finding, reason, covered_by.
    Made safe (app.warned): observed may be null with a mark; sentence is what may be said; kinds are words; evidence is safe.
    Most urgent first (weekly: rank; longer: level, rank, newest week first)."""
    followup: pl.DataFrame
    """weekly: last week's warnings as the page shows them: columns of query `signal_followup` made safe, outcome (words), standing.
    longer: the warnings of the period before, columns of `warnings` and is_listed_again (in this period)."""
    loop: Mapping[str, int] | None
    """Casework on the warnings of the period: n_listed = n_new (nobody acted) + n_covered (another warning of the same thing is
    handled) + n_again (back after it was closed) + n_pushed + n_false. n_pushed, n_signed, n_replied, n_closed: came as far as
    this or further; n_open: in somebody's hands, of these n_overdue (a step not taken in time, at `until`). None: state not readable."""
    service: pl.DataFrame
    """measure, label, note, unit (share | 天 | 件), numerator, denominator, value, numerator_before, denominator_before, value_before

    measure: on_time_reported (通报口径), on_time_elapsed (已到期口径), closed, days_mean, days_median, days_p90, rated,
    satisfied, returned, repeat. value null: no source fills the column, or nothing to divide by."""
    units: pl.DataFrame
    """unit_name, n_events, n_due, n_on_time, on_time_share, on_time_low, on_time_high (Wilson 95 %), n_closed, days_median, n_rated,
    satisfied_share, has_enough (n_due ≥ 20; else on_time_share is null: 样本不足不排名); most due first; counts with __mark"""
    matters: pl.DataFrame
    """matter_id, title, place_name, county_name, issue_name, n_events, n_sources, first_on; 10 at most, n_events ≥ k"""
    concerns: pl.DataFrame
    """weekly, city or county: concern_group, observed, expected, upper_bound, status, n_events (13 weeks), is_few (too few to say
    anything: all others null), marks; else no rows"""
    not_reported: list[str]
    """Counties that had sent nothing for the week yet."""
    annual: Mapping[str, pl.DataFrame]
    """annual only: groups, sources, channels, purposes, units (①: unit_name, n_events); steps (②: 转送、交办、督办: part, name, n, unit);
    proposals (③: kind, n_proposed, n_adopted, note; from the office's ledger)."""
    annual_notes: Mapping[str, str]
    """Key of `annual` → what must be said of it: which column no source has."""
    reconciliation: pl.DataFrame
    """totalling.check: check_name, scope, n_expected, n_found, n_difference, is_ok"""
    until: datetime | None
    fingerprint: str
    """First 8 hex digits of BLAKE2b over all frames: equal for equal figures, whatever the number of the version."""

    def frames(self) -> dict[str, pl.DataFrame]:
        """Every frame by its name; those of `annual` as annual_<name>."""
        own = {one.name: getattr(self, one.name) for one in fields(self)}
        found = {name: frame for name, frame in own.items() if isinstance(frame, pl.DataFrame)}
        return found | {f"annual_{name}": frame for name, frame in self.annual.items()}

    def values(self) -> dict[str, Any]:
        """Headline figures, raw, for `--json`: totals by measure, workdays, service, the warnings and where they stand."""
        by_measure = {row["measure"]: row for row in self.totals.iter_rows(named=True)}
        figures = ("n", "n_before", "n_year_ago", "change_share", "year_share")
        levels = dict(self.warnings.group_by("signal_level").len().iter_rows())
        return {
            "totals": {name: {one: row[one] for one in figures} for name, row in by_measure.items()},
            "workdays": {name: value for name, value in self.workdays.items() if name != "sentence"},
            "service": {
                row["measure"]: {one: row[one] for one in ("numerator", "denominator", "value", "value_before")}
                for row in self.service.iter_rows(named=True)
            },
            "warnings": {
                "n_listed": len(self.warnings),
                "n_new": int(self.warnings["is_new"].sum()),
                **{f"n_{level}": levels.get(level, 0) for level in workflow.LEVELS},
            },
            "loop": self.loop,
        }


# ---------------------------------------------------------------- asked once


def find(ask: reader.Ask, period: Period, area_code: str | None, *, until: datetime | None = None) -> Findings:
    """All figures of the period. area_code: a county or town; None the city. until: later casework actions are not known.

    Raises NoSuchArea, NoData.
    """
    ask = _remembering(ask)
    about = dict(ask("meta").iter_rows())
    scope = find_scope(ask, period, area_code, about)
    asked = scope.parameters()
    reference, issues, spans = ask("places"), ask("issues"), ask("report_spans")
    source_totals = ask("source_totals")
    parts, due, closed = (ask(name, **asked) for name in ("report_parts", "report_due", "report_closed"))
    closed = closed.with_columns(
        pl.col(f"days_quantiles{when}").list.get(n).round(4).alias(f"{name}{when}")
        for when in ("", "_before")
        for n, name in enumerate(("days_median", "days_p90"))
    )
    due_all, closed_all = (frame.filter("is_all").row(0, named=True) for frame in (due, closed))
    has_closed = bool(spans["n_closed"].sum())
    by_source = counting.sources(parts, spans, source_totals, scope)
    by_channel, by_purpose = (counting.simple(parts, name, scope) for name in ("channel", "purpose"))
    totals, left_out = counting.totals(
        parts, by_source, due_all, closed_all, source_totals, scope, word=period.word, has_closed=has_closed
    )
    by_day = counting.days(ask, period, scope)
    calendar = ask("report_days", from_on=min(scope.before.first_on, scope.now.first_on), to_on=scope.now.last_on)
    whole = totals.row(by_predicate=pl.col("measure") == "n_events", named=True)
    every_place = counting.places(parts, reference, spans, scope)
    finer = "community" if scope.area.level == "town" else "town"
    inside = None if scope.area.level == "city" else scope.area.code
    known = _cases(until)
    warned = _Warned(ask, scope, reference, issues, known)
    mondays, mondays_before = period.mondays(), period.before().mondays()
    listed = warned.listed(mondays)
    judged = set(ask("judged_weeks")["week_start_on"].to_list())
    followup = (
        warned.followup(mondays[0], judged) if period.kind == "weekly" else warned.earlier(mondays_before, listed)
    )
    returns = [
        ask("report_returns", **(asked | {"since": weeks[0], "week": weeks[-1]})).row(0, named=True)
        for weeks in (mondays, mondays_before)
    ]
    rising = _rising(ask, scope, mondays)
    by_issue, by_group = counting.issues_and_groups(parts, issues, scope, _told(period, rising))
    words = (period.word, period.word_before, "同比" if period.kind == "annual" else "环比")
    units = handling.units(parts, due, closed, scope)
    annual: dict[str, pl.DataFrame] = {}
    if period.kind == "annual":
        inside_county = None if scope.area.level == "city" else scope.area.code
        known_ledgers = scope.area.level != "town"
        ledgers = ask("ledger_annual", county=inside_county).filter(pl.lit(known_ledgers))
        annual = {
            "groups": by_group,
            "sources": by_source,
            "channels": by_channel,
            "purposes": by_purpose,
            "units": disclosure.without_order(
                units.sort("n_events", "unit_name", descending=[True, False], nulls_last=True), "n_events", "unit_name"
            ).select("unit_name", "n_events", "n_events" + disclosure.MARK),
            "steps": handling.steps(
                ask("report_statuses", **asked), _steps(scope.now, until), scope, ledgers, period.year
            ),
            "proposals": handling.proposals(ledgers, period.year),
        }
    found = Findings(
        period=period,
        area=scope.area,
        city_name=about["city_name"],
        city_code=about["city_code"],
        version=about["version"],
        as_of=date.fromisoformat(about["as_of"]),
        data_from=scope.data_from,
        data_through=scope.data_through,
        is_complete=scope.is_complete,
        counted=scope.now,
        counted_before=scope.before,
        counted_year_ago=scope.year_ago,
        gaps=sorted(whole_weeks(scope.now) - scope.filled),
        was_judged=not judged.isdisjoint(mondays),
        judged_from=date.fromisoformat(about["judged_from"]) if about["judged_from"] else None,
        level_rule=about.get("level_rule", ""),
        totals=totals,
        left_out=left_out,
        workdays=counting.workdays(by_day, calendar, whole, scope, words),
        course=counting.course(by_day, period, scope),
        sources=by_source,
        channels=by_channel,
        purposes=by_purpose,
        groups=by_group,
        issues=by_issue,
        rising=rising,
        rising_course=_rising_course(ask, scope, rising, mondays, about["judged_from"]),
        places=counting.within(every_place, counting.BELOW[scope.area.level], scope),
        not_placed=counting.not_placed(every_place, scope),
        towns=place_counts.valued(counting.within(every_place, finer, scope), "count"),
        geometry=dict(ask("boundaries", place_level=finer, inside=inside).iter_rows()),
        hot=counting.hot(parts, reference, issues),
        warnings=_shown(listed),
        followup=followup,
        loop=None if known is None else handling.loop(listed),
        service=handling.service(
            due_all,
            closed_all,
            (returns[0], returns[1]),
            parts,
            scope,
            word=period.word,
            has_closed=has_closed,
            has_repeat=bool(source_totals["n_repeat"].sum()),
        ),
        units=units,
        matters=_matters(ask, scope),
        concerns=_concerns(ask, scope, period, mondays[0], judged),
        not_reported=_not_reported(ask, scope, reference, mondays[0]) if period.kind == "weekly" else [],
        annual=annual,
        annual_notes=handling.annual_notes(annual),
        reconciliation=_safe_check(totalling.check(ask, period, area_code), scope),
        until=until,
        fingerprint="",
    )
    return replace(found, fingerprint=_fingerprint(found))


def _remembering(ask: reader.Ask) -> reader.Ask:
    """The same question of the same version is asked once."""
    known: dict[tuple, pl.DataFrame] = {}

    def again(name: str, /, **parameters: reader.Parameter) -> pl.DataFrame:
        key = (name, reader.chosen(name, parameters))
        if key not in known:
            known[key] = ask(name, **parameters)
        return known[key]

    return again


def _rising(ask: reader.Ask, scope: Scope, mondays: list[date]) -> pl.DataFrame:
    """Issues above their upper bound; of a county or town without small counts and what would tell them."""
    frame = ask(
        "rising_issues",
        since=mondays[0],
        week=mondays[-1],
        place=scope.area.code,
        n_rows=N_RISING,
        min_observed=headlines.MIN_OBSERVED,
    )
    bounds = ("expected", "upper_bound", "excess")
    return counting.hidden(
        frame,
        scope,
        measures=["observed", "observed_before"],
        k=disclosure.thresholds(frame),
        within=(),
        derived={name: ["observed"] for name in bounds},
    )


def _told(period: Period, rising: pl.DataFrame) -> dict[str, list[str]]:
    """Which counts of a whole week does the list of rising issues say?"""
    if period.kind != "weekly":
        return {}
    names = {"n_events": "observed", "n_events_before": "observed_before"}
    return {name: rising.filter(pl.col(said).is_not_null())["issue_code"].to_list() for name, said in names.items()}


def _safe_check(checked: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    how = {"measures": ["n_expected", "n_found"], "within": (), "k": disclosure.min_cell()}
    return counting.hidden(checked, scope, **how)


def _matters(ask: reader.Ask, scope: Scope) -> pl.DataFrame:
    """The largest matters of the period, those below k left out."""
    least = max(disclosure.min_cell(), 1)
    frame = ask("report_matters", **scope.parameters(), n_rows=10 * N_MATTERS, min_events=least)
    return frame.filter(frame["n_events"] >= disclosure.thresholds(frame)).head(N_MATTERS)


def _concerns(ask: reader.Ask, scope: Scope, period: Period, week: date, judged: set[date]) -> pl.DataFrame:
    """The groups of concern of a city or county in a judged week, small counts hidden; else no rows."""
    figures = concern_counts.safe_figures(ask("concern_figures", week=week), ask("concern_groups"))
    here = figures.filter(pl.col("place_code") == scope.area.code)
    if period.kind != "weekly" or week not in judged:
        here = here.clear()
    marks = [name + disclosure.MARK for name in concern_counts.SHOWN]
    return here.select("concern_group", *concern_counts.SHOWN, "is_few", *marks)


def _not_reported(ask: reader.Ask, scope: Scope, reference: pl.DataFrame, week: date) -> list[str]:
    missing = ask("not_reported").filter(pl.col("week_start_on") == week)
    if scope.county_code:
        own = reference.filter(pl.col("place_code") == scope.county_code)["place_name"].to_list()
        missing = missing.filter(pl.col("place_name").is_in(own))
    return missing["place_name"].to_list()


N_COURSE = 26


def _rising_course(
    ask: reader.Ask, scope: Scope, rising: pl.DataFrame, mondays: list[date], judged_from: str
) -> pl.DataFrame:
    """How the issue most above its bound got there, and what was to be expected of it."""
    schema = {
        "period_start_on": pl.Date, "n_events": pl.Int64, "expected": pl.Float64, "upper_bound": pl.Float64,
        "is_alarm": pl.Boolean, "n_events" + disclosure.MARK: pl.String,
    }  # fmt: skip
    if rising.is_empty():
        return pl.DataFrame(schema=schema)
    issue, last = rising["issue_code"][0], mondays[-1]
    weeks = pl.DataFrame({"week_start_on": [last - timedelta(weeks=n) for n in range(N_COURSE - 1, -1, -1)]})
    weeks = weeks.filter(pl.col("week_start_on") >= date.fromisoformat(judged_from))  # before it nothing is kept
    judged = ask("detection_series", place=scope.area.code, issue=issue, week=last)
    course = weeks.join(judged, on="week_start_on", how="left", maintain_order="left").select(
        pl.col("week_start_on").alias("period_start_on"),
        pl.col("observed").fill_null(0).cast(pl.Int64).alias("n_events"),
        pl.col("expected").cast(pl.Float64),
        pl.col("upper_bound").cast(pl.Float64),
        (pl.col("status") == "alarm").fill_null(False).alias("is_alarm"),
    )
    k = 0 if scope.area.level == "city" else disclosure.threshold(issue)
    safe = disclosure.suppress(course, measures=["n_events"], k=k, within=((),), derived={"is_alarm": ["n_events"]})
    return safe.select(name for name in schema if name in safe.columns)


# ---------------------------------------------------------------- warnings


def _cases(until: datetime | None) -> pl.DataFrame | None:
    """Where every case stood; None where the state cannot be read."""
    try:
        return cases.current(None, until=until)
    except cases.Unavailable:
        return None


def _steps(span: Span, until: datetime | None) -> pl.DataFrame | None:
    try:
        return cases.steps_between(span.first_on, span.last_on, until=until)
    except cases.Unavailable:
        return None


@dataclass(frozen=True)
class _Warned:
    """The warnings of one area, with where they stand."""

    ask: reader.Ask
    scope: Scope
    reference: pl.DataFrame
    issues: pl.DataFrame
    known: pl.DataFrame | None

    def listed(self, mondays: list[date]) -> pl.DataFrame:
        """One row a warning listed in these weeks, as in the newest of them, small counts not yet hidden; most urgent first."""
        rows = self._inside(self.ask("report_signals", since=mondays[0], week=mondays[-1]))
        is_new = pl.col("first_listed_on") >= mondays[0]
        newest = (
            rows.with_columns(n_weeks_listed=pl.len().over("signal_id").cast(pl.Int64), is_new=is_new)
            .unique("signal_id", keep="first", maintain_order=True)
            .drop("first_listed_on")
        )
        standing = self._standing(newest)
        order = pl.col("signal_level").replace_strict(
            {level: n for n, level in enumerate(workflow.LEVELS)}, return_dtype=pl.Int64
        )
        by = [order, "rank", "week_start_on", "signal_id"]
        return standing.sort("rank") if len(mondays) == 1 else standing.sort(by, descending=[False, False, True, False])

    def followup(self, week: date, judged: set[date]) -> pl.DataFrame:
        """What became of last week's warnings, as 本周研判 shows it."""
        signals = self._inside(warned.followed(self.ask, week))
        if week not in judged:
            signals = signals.with_columns(pl.lit("not_assessed").alias("status"))
        return safe_followup(self._standing(outcomes(signals)))

    def earlier(self, mondays: list[date], listed: pl.DataFrame) -> pl.DataFrame:
        """The warnings of the period before; is_listed_again: in this one, too."""
        before = self.listed(mondays)
        again = pl.col("signal_id").is_in(listed["signal_id"].to_list())
        return _shown(before.with_columns(is_listed_again=again))

    def _standing(self, signals: pl.DataFrame) -> pl.DataFrame:
        return cases.with_standing(signals, self.known, self.reference, self.issues)

    def _inside(self, signals: pl.DataFrame) -> pl.DataFrame:
        area = self.scope.area
        if area.level == "city":
            return signals
        column = f"{area.level}_code"
        codes = self.reference.filter(pl.col(column) == area.code)["place_code"].to_list()
        return signals.filter(pl.col("place_code").is_in([*codes, area.code]))


def _shown(signals: pl.DataFrame) -> pl.DataFrame:
    """Warnings as they may leave the screen: sentence, kinds in words and evidence made safe."""
    parts = [safe_evidence(row) for row in signals.iter_rows(named=True)]
    return safe_signals(signals).with_columns(pl.Series("evidence", parts, dtype=pl.String))


# ---------------------------------------------------------------- the same again


def _fingerprint(found: Findings) -> str:
    """Of all frames, and the figures beside them."""
    digest = hashlib.blake2b(digest_size=4)
    for name, frame in found.frames().items():
        digest.update(f"{name}{dict(frame.schema)}".encode())
        digest.update(frame.write_json().encode())
    beside = (found.period.code, found.area.code, found.workdays, found.loop, found.not_reported, found.left_out)
    digest.update(json.dumps(beside, ensure_ascii=False, sort_keys=True, default=str).encode())
    return digest.hexdigest()
