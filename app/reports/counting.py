"""The items registered in a period: totals, their course, by source, issue and place. Small counts hidden.

`parts` is the answer of query report_parts: one scan, every cut of the period's items. Of the whole city only places are hidden
(its totals by source, channel and issue are no small group of people, see app.disclosure); of a county or town all.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
import polars.selectors as cs

from app import disclosure, headlines, place_counts, reader, wording
from app.reports.periods import Period
from app.reports.scope import Scope, Span

MARK = disclosure.MARK
MEASURES = ("n_events", "n_events_before", "n_events_year_ago")
SHARES = {
    "change_share": ["n_events", "n_events_before"],
    "year_share": ["n_events", "n_events_year_ago"],
    "share": ["n_events"],
}
N_PERIODS = {"weekly": 13, "monthly": 13, "quarterly": 9, "annual": 5}
BELOW = {"city": "county", "county": "town", "town": "community"}
MIN_HOT = 10
N_HOT = 10
N_CLOSED = ("办结", "办结时间落在本周的事项，不论何时登记。")


def hidden(frame: pl.DataFrame, scope: Scope, **how: Any) -> pl.DataFrame:
    """`disclosure.suppress`, with marks that are all null for the whole city."""
    return disclosure.suppress(frame, **(how | {"k": 0} if scope.area.level == "city" else how))


# ---------------------------------------------------------------- by source, channel, purpose, issue


CUTS = {
    "all": ("unit", []),
    "source": ("channel", ["source"]),
    "channel": ("channel", ["channel"]),
    "purpose": ("purpose", ["purpose"]),
    "unit": ("unit", ["unit_name"]),
    "issue": ("cell", ["issue_code"]),
    "place": ("cell", ["county_code", "town_code", "community_code"]),
    "hot": ("cell", ["community_code", "issue_code"]),
}
"""What a cut of the items is added up from: which rows of report_parts, by which columns."""


def of(parts: pl.DataFrame, cut: str, *, everywhere: bool = False) -> pl.DataFrame:
    """One of CUTS within the area, or of the whole city: its columns, the sums of all counts, and only_source (that of all
    its items; null where there are several)."""
    table, by = CUTS[cut]
    rows = parts.filter(pl.col("part") == table, pl.lit(everywhere) | pl.col("is_inside"))
    one = pl.when(pl.col("source").n_unique() == 1).then(pl.col("source").first()).alias("only_source")
    sums = cs.numeric().sum()
    return rows.group_by(by).agg(one, sums).sort(by) if by else rows.select(sums)


def with_shares(frame: pl.DataFrame, total: int | None = None) -> pl.DataFrame:
    """Adds change_share and year_share (null against a small base), and share of the total where one is given."""
    now = pl.col("n_events")
    against = {"change_share": pl.col("n_events_before"), "year_share": pl.col("n_events_year_ago")}
    frame = frame.with_columns(
        pl.when(base >= wording.SMALL_BASE).then(now / base - 1).alias(name) for name, base in against.items()
    )
    return frame.with_columns((now / total if total else pl.lit(None, pl.Float64)).alias("share"))


def only_known(frame: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Earlier counts that the data do not reach are unknown: null."""
    unknown = {
        "n_events_before": not scope.is_known(scope.before),
        "n_events_year_ago": not scope.is_known(scope.year_ago),
    }
    gone = [name for name, is_gone in unknown.items() if is_gone]
    return frame.with_columns(pl.lit(None, pl.Int64).alias(name) for name in gone)


def sources(parts: pl.DataFrame, spans: pl.DataFrame, source_totals: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """source, n_events, n_events_before, n_events_year_ago …: one row a source of the warehouse, in the order of wording.

    Null where the source does not reach the period, as on 本周研判: before its first or after its last item.
    """
    counts = {row["source"]: row for row in of(parts, "source").iter_rows(named=True)}
    is_area = scope.county_code is not None
    of_area = pl.col("is_county") & (pl.col("county_code") == scope.county_code) if is_area else ~pl.col("is_county")
    reach = {row["source"]: row for row in spans.filter(pl.col("is_source"), of_area).iter_rows(named=True)}
    n_city = _of_city(parts)
    rows = []
    for source in (name for name in wording.SOURCES if name in source_totals["source"].to_list()):
        span, row = reach.get(source, {}), counts.get(source, {})
        first_on, last_on = span.get("first_on"), span.get("last_on")
        is_known = {
            "n_events": bool(n_city["n_events"]) and _overlaps(scope.now, first_on, last_on),
            "n_events_before": scope.is_known(scope.before) and scope.covers(scope.before, first_on, last_on),
            "n_events_year_ago": scope.is_known(scope.year_ago) and scope.covers(scope.year_ago, first_on, last_on),
        }
        rows.append({"source": source, **{name: row.get(name, 0) if is_known[name] else None for name in MEASURES}})
    frame = pl.DataFrame(rows, schema={"source": pl.String, **dict.fromkeys(MEASURES, pl.Int64)})
    shared = with_shares(frame, n_inside(parts))
    return hidden(shared, scope, measures=MEASURES, k=disclosure.min_cell(), within=((),), derived=SHARES)


def _overlaps(span: Span, first_on: date | None, last_on: date | None) -> bool:
    return first_on is not None and last_on is not None and first_on <= span.last_on and last_on >= span.first_on


def _of_city(parts: pl.DataFrame) -> dict[str, int]:
    return of(parts, "all", everywhere=True).row(0, named=True)


def n_inside(parts: pl.DataFrame) -> int:
    return int(of(parts, "all")["n_events"].sum())


def simple(parts: pl.DataFrame, part: str, scope: Scope) -> pl.DataFrame:
    """channel or purpose (null: not stated), counts and shares; most first.

    Who knows which channels are those of one source can add them up to it: hidden within their source.
    """
    counts = of(parts, part).select(part, "only_source", *MEASURES)
    frame = with_shares(only_known(counts, scope), n_inside(parts))
    frame = frame.sort("n_events", part, descending=[True, False], nulls_last=True)
    how = {"measures": MEASURES, "within": (("only_source",),), "derived": SHARES, "sort_hidden_by": part}
    return hidden(frame, scope, k=disclosure.min_cell(), **how).drop("only_source")


def issues_and_groups(
    parts: pl.DataFrame, issues: pl.DataFrame, scope: Scope, told: Mapping[str, Collection[str]]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Issues and their groups, most first; hidden together, as a group is the sum of its issues.

    An issue with items in the period, the one before or a year ago has a row; role_name may be null. told: measure → the issues whose
    count is said elsewhere in the report, so that hiding it here is no use.
    """
    counts = of(parts, "issue").join(issues, on="issue_code", how="left", maintain_order="left")
    counts = counts.with_columns(
        pl.col("issue_name").fill_null(pl.col("issue_code")), pl.col("group_code").fill_null(pl.col("issue_code"))
    )
    named = ["issue_code", "issue_name", "group_code", "group_name", "role_name"]
    rows = counts.select(*named, *MEASURES, node=pl.lit("issue ") + pl.col("issue_code"), above="group_code")
    ks = wording.each(rows["issue_code"], disclosure.threshold, pl.Int64).alias("k")
    groups = rows.with_columns(ks).group_by("group_code")
    sums = groups.agg(
        pl.col("group_name").first(),
        pl.col(*MEASURES).sum(),
        pl.col("issue_code").max_by("k"),  # of its issues the one with the highest k, which is that of the group, too
    )
    whole = {name: rows[name].sum() for name in MEASURES}
    tree = pl.concat(
        [
            rows,
            sums.with_columns(node=pl.col("group_code"), above=pl.lit(scope.area.code)),
            pl.DataFrame([{"node": scope.area.code, **whole}]),
        ],
        how="diagonal_relaxed",
    )
    tree = with_shares(only_known(tree, scope), n_inside(parts))
    k = pl.Series("k", [disclosure.threshold(code) for code in tree["issue_code"]], dtype=pl.Int64)
    is_whole = tree["node"] == scope.area.code
    safe = hidden(
        tree,
        scope,
        measures=MEASURES,
        k=k,
        tree=("node", "above"),
        shown={
            name: is_whole | tree["node"].is_in([f"issue {one}" for one in told.get(name, ())]) for name in MEASURES
        },
        derived=SHARES,
    )
    figures = [*MEASURES, *SHARES, *(name + MARK for name in (*MEASURES, *SHARES))]
    of_issue = pl.col("node").str.starts_with("issue ")
    found = [
        (safe.filter(of_issue).select(*named, *figures), "issue_code"),
        (safe.filter(pl.col("above") == scope.area.code).select("group_code", "group_name", *figures), "group_code"),
    ]
    ordered = [
        disclosure.without_order(frame.sort("n_events", by, descending=[True, False], nulls_last=True), "n_events", by)
        for frame, by in found
    ]
    return ordered[0], ordered[1]


# ---------------------------------------------------------------- headline figures


def totals(
    parts: pl.DataFrame,
    by_source: pl.DataFrame,
    due: Mapping[str, Any],
    closed: Mapping[str, Any],
    source_totals: pl.DataFrame,
    scope: Scope,
    *,
    word: str,
    has_closed: bool,
) -> tuple[pl.DataFrame, str]:
    """The headline figures as 本周研判 shows them (see Findings.totals), and which of them the warehouse cannot give.

    due, closed: the rows of the whole area of queries report_due and report_closed.
    """
    given = headlines.given(source_totals, due["n_due_ever"])
    left_out = headlines.left_out(given)
    given |= {"n_closed": N_CLOSED} if has_closed else {}
    inside = of(parts, "all")
    n_city = _of_city(parts)
    is_known = (bool(n_city["n_events"]), scope.is_known(scope.before), scope.is_known(scope.year_ago))
    of_source = {row["source"]: row for row in by_source.iter_rows(named=True)}
    rows = []
    for measure, (label, note) in given.items():
        source = measure.removeprefix("n_")
        if source in of_source:
            row = of_source[source]
            values = [row[name] for name in MEASURES]
            marks = [row[name + MARK] for name in MEASURES]
        else:
            values, marks = _values(measure, inside, due, closed, is_known), [None] * 3
        rows.append(
            {"measure": measure, "label": label, "note": note.replace("本周", word)}
            | dict(zip(("n", "n_before", "n_year_ago"), values, strict=True))
            | dict(zip((f"n{MARK}", f"n_before{MARK}", f"n_year_ago{MARK}"), marks, strict=True))
        )
    names = ("n", "n_before", "n_year_ago")
    schema = dict.fromkeys(("measure", "label", "note"), pl.String) | dict.fromkeys(names, pl.Int64)
    frame = pl.DataFrame(rows, schema=schema | {name + MARK: pl.String for name in names})
    alone = frame.select(*names).rename({name: f"_{name}" for name in names})  # each figure on its own
    safe = hidden(alone, scope, measures=alone.columns, k=disclosure.min_cell(), within=())
    frame = frame.with_columns(
        pl.coalesce(pl.col(name + MARK), safe[f"_{name}{MARK}"]).alias(name + MARK) for name in names
    )
    frame = frame.with_columns(pl.when(pl.col(name + MARK).is_null()).then(pl.col(name)).alias(name) for name in names)
    return _compared(frame), left_out


def _values(
    measure: str,
    inside: pl.DataFrame,
    due: Mapping[str, Any],
    closed: Mapping[str, Any],
    is_known: Sequence[bool],
) -> list[int | None]:
    if measure == "n_overdue":  # nothing was due now: 0; nothing was due in an earlier period: no base
        earlier = [due[f"n_overdue_{when}"] if due[f"n_due_{when}"] else None for when in ("before", "year_ago")]
        return [due["n_overdue"], *(n if known else None for n, known in zip(earlier, is_known[1:], strict=True))]
    names = [measure, f"{measure}_before", f"{measure}_year_ago"]
    found = [closed[name] if measure == "n_closed" else int(inside[name].sum()) for name in names]
    return [n if known else None for n, known in zip(found, is_known, strict=True)]


def _compared(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds change_share, change_words (against n_before), year_share, year_words (against n_year_ago)."""
    changes: dict[str, list] = {"change_share": [], "change_words": [], "year_share": [], "year_words": []}
    for row in frame.iter_rows(named=True):
        for prefix, base in (("change", "n_before"), ("year", "n_year_ago")):
            is_hidden = row["n" + MARK] is not None or row[base + MARK] is not None
            found = None if is_hidden or row["n"] is None else wording.change(row["n"], row[base])
            changes[f"{prefix}_share"].append(found.share if found else None)
            changes[f"{prefix}_words"].append(found.words if found else "—")
    kinds = {"share": pl.Float64, "words": pl.String}
    return frame.with_columns(
        pl.Series(name, values, dtype=kinds[name.split("_")[1]]) for name, values in changes.items()
    )


# ---------------------------------------------------------------- days


def days(ask: reader.Ask, period: Period, scope: Scope) -> pl.DataFrame:
    """Items a day (registered_on, n_events) from the first day `course` draws on to the last of the period."""
    first = min(run_of_periods(period)[0].year_ago().first_on, scope.year_ago.first_on)
    chosen = {"source": None, "issue": None, "group": None, "split": "all", "basis": "registered"}
    found = ask("counts_by_day", **(scope.parameters() | chosen | {"from_on": first}))
    return found.select(pl.col("day_on").alias("registered_on"), "n_events")


def run_of_periods(period: Period) -> list[Period]:
    """The last periods up to this one, oldest first: 13 weeks, 13 months, 9 quarters, 5 years."""
    run = [period]
    while len(run) < N_PERIODS[period.kind]:
        run.insert(0, run[0].before())
    return run


def course(by_day: pl.DataFrame, period: Period, scope: Scope) -> pl.DataFrame:
    """period_start_on, n_events, n_events_year_ago, is_incomplete; null in a gap of the data, and a year ago where the
    data do not reach over the whole of that period."""
    counts = dict(by_day.select("registered_on", "n_events").iter_rows())
    rows = []
    for one in run_of_periods(period):
        if one.last_on < scope.data_from:
            continue
        span, ago = Span(one.first_on, one.last_on), Span(one.year_ago().first_on, one.year_ago().last_on)
        n, n_ago = (_sum(counts, days) for days in (span, ago))
        rows.append(
            {
                "period_start_on": one.first_on,
                "ago_start_on": ago.first_on,
                "n_events": n if n or scope.is_filled(span) else None,
                "n_events_year_ago": n_ago if scope.is_known(ago) else None,
                "is_incomplete": one.first_on < scope.data_from or one.last_on > scope.data_through,
            }
        )
    schema = {"period_start_on": pl.Date, "ago_start_on": pl.Date, "n_events": pl.Int64, "n_events_year_ago": pl.Int64}
    return _safe_course(pl.DataFrame(rows, schema=schema | {"is_incomplete": pl.Boolean}), scope).drop("ago_start_on")


def _sum(counts: Mapping[date, int], span: Span) -> int:
    return sum(counts.get(span.first_on + timedelta(days=n), 0) for n in range(span.n_days))


def _safe_course(frame: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """A period that stands in both columns is hidden in both or in none."""
    now = frame.select(start="period_start_on", n="n_events", column=pl.lit("now"))
    ago = frame.select(start="ago_start_on", n="n_events_year_ago", column=pl.lit("ago"))
    each = pl.concat([now, ago.filter(~pl.col("start").is_in(now["start"].to_list()))])
    safe = hidden(each, scope, measures=["n"], k=disclosure.min_cell(), within=(("column",),))
    marks = safe.select("start", mark="n" + MARK)
    for name, start in (("n_events", "period_start_on"), ("n_events_year_ago", "ago_start_on")):
        frame = frame.join(
            marks.rename({"start": start, "mark": name + MARK}), on=start, how="left", maintain_order="left"
        ).with_columns(pl.when(pl.col(name + MARK).is_null()).then(name).alias(name))
    return frame


def workdays(
    by_day: pl.DataFrame, calendar: pl.DataFrame, total: Mapping[str, Any], scope: Scope, words: tuple[str, str, str]
) -> dict[str, Any]:
    """headlines.workdays of the period and the one before; nothing is said where the counts themselves are not, or where
    few items came on other days.

    calendar: day_on, is_workday. total: the row n_events of `totals`. words: 本周, 上周, 环比.
    """
    working = calendar.filter("is_workday").rename({"day_on": "registered_on"})
    counts = dict(by_day.join(working, on="registered_on").select("registered_on", "n_events").iter_rows())
    rows = []
    for name, span in (("n", scope.now), ("n_before", scope.before)):
        n, n_days = _sum(counts, span), working.filter(pl.col("registered_on").is_between(span.first_on, span.last_on))
        is_said = total[name] is not None and not (scope.county_code and 0 < total[name] - n < disclosure.min_cell())
        rows.append({"n_workdays": len(n_days), "n_on_workdays": n if is_said else None})
    found = headlines.workdays(rows[0], rows[1], *words)
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in found.items()}


# ---------------------------------------------------------------- places


def places(parts: pl.DataFrame, reference: pl.DataFrame, spans: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Every place of the whole city, small counts hidden: place_counts.safe, as maps and tables show it.

    reference: query places. Where a county's data do not reach a period, its counts are null.
    """
    rows = of(parts, "place", everywhere=True)
    reach = spans.filter(pl.col("is_county"), ~pl.col("is_source")).select("county_code", "first_on", "last_on")
    covered = {row["county_code"]: (row["first_on"], row["last_on"]) for row in reach.iter_rows(named=True)}
    now = [code for code, (first, last) in covered.items() if _overlaps(scope.now, first, last)]
    before = [code for code, (first, last) in covered.items() if scope.covers(scope.before, first, last)]
    known = {"n_events": pl.Series(now, dtype=pl.String), "n_events_before": pl.Series(before, dtype=pl.String)}
    levels = []
    for level in place_counts.LEVELS:
        counts = rows.group_by(pl.col(f"{level}_code").alias("place_code")).agg(
            pl.col("n_events", "n_events_before").sum()
        )
        of_level = reference.filter(pl.col("place_level") == level).drop("place_level")
        levels.append(place_counts.with_counts(of_level, counts, known))
    n_city = _of_city(parts)
    city: dict[str, Any] = {"place_code": scope.city_code, "n_events": n_city["n_events"]}
    is_known = scope.is_known(scope.before)
    city["n_events_before"] = n_city["n_events_before"] if is_known else None
    if not is_known:
        levels = [frame.with_columns(pl.lit(None, pl.Int64).alias("n_events_before")) for frame in levels]
    told = {name: [scope.city_code] for name in ("n_events", "n_events_before")}
    return place_counts.safe(place_counts.whole_city(levels, city), told, disclosure.threshold())


def within(every: pl.DataFrame, level: str, scope: Scope) -> pl.DataFrame:
    """Of `places`: those of one level inside the area, most first."""
    place = {"place_level": scope.area.level, "place_code": scope.area.code}
    return place_counts.inside_of(every, level, place)


def not_placed(every: pl.DataFrame, scope: Scope) -> str:
    place = {"place_level": scope.area.level, "place_code": scope.area.code}
    return place_counts.not_placed(every, BELOW[scope.area.level], place)


def hot(parts: pl.DataFrame, reference: pl.DataFrame, issues: pl.DataFrame) -> pl.DataFrame:
    """Communities with MIN_HOT items or more about one issue, most first; none whose other items are fewer than k."""
    named = reference.select("place_code", "place_name", "county_name")
    whole = of(parts, "place").group_by("community_code").agg(pl.col("n_events").sum().alias("n_place"))
    cells = of(parts, "hot").filter(pl.col("community_code").is_not_null(), pl.col("n_events") >= MIN_HOT)
    k = disclosure.thresholds(cells)
    cells = cells.with_columns(k=k).filter(pl.col("n_events") >= pl.col("k")).join(whole, on="community_code")
    rest = pl.col("n_place") - pl.col("n_events").sum().over("community_code")
    return (
        cells.filter(~rest.is_between(1, pl.max_horizontal(pl.col("k"), 1) - 1))
        .rename({"community_code": "place_code"})
        .join(named, on="place_code")
        .join(issues.select("issue_code", "issue_name"), on="issue_code")
        .sort("n_events", "place_code", "issue_code", descending=[True, False, False])
        .select("place_code", "place_name", "county_name", "issue_code", "issue_name", "n_events")
        .head(N_HOT)
    )
