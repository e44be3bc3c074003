"""勾稽: do the parts of a period add up to its total, wherever they are counted? Looked at before a report is written.

The total is counted from the items (mart event); the parts come from the other marts (daily_counts, weekly_counts,
weekly_outcome) or from another cut of the items, so that a mart that lost or doubled rows is found.
"""

from datetime import date, timedelta

import polars as pl

from app import reader, wording
from app.reports import counting
from app.reports.periods import Period, containing
from app.reports.scope import Scope, whole_weeks
from app.reports.scope import find as find_scope

SCHEMA = {
    "check_name": pl.String, "scope": pl.String, "n_expected": pl.Int64, "n_found": pl.Int64, "n_difference": pl.Int64,
    "is_ok": pl.Boolean,
}  # fmt: skip


def check(ask: reader.Ask, period: Period, area_code: str | None) -> pl.DataFrame:
    """One row a comparison: check_name (in words), scope (which days), n_expected (the total), n_found (its parts),
    n_difference, is_ok.

    Of a town, for which there are no daily counts, the weeks are compared. Raises NoSuchArea, NoData.
    """
    scope = find_scope(ask, period, area_code, dict(ask("meta").iter_rows()))
    asked = scope.parameters()
    parts = ask("report_parts", **asked)
    monday = scope.now.first_on - timedelta(days=scope.now.first_on.weekday())
    days, weeks = (ask(name, **(asked | {"from_on": monday})) for name in ("report_daily", "report_weekly"))
    items = ask("report_items", **asked)
    total = int(items["n_events"].sum())
    name = f"{scope.now.first_on}—{scope.now.last_on}"
    days = days.with_columns(is_listed_source=pl.col("source").is_in(list(wording.SOURCES)))
    of_days = days.filter(pl.col("registered_on").is_between(scope.now.first_on, scope.now.last_on))
    rows = [
        (f"各{word}之和 = 诉求总量", name, total, int(counting.of(parts, part)["n_events"].sum()))
        for part, word in (
            ("channel", "渠道"),
            ("purpose", "诉求目的"),
            ("unit", "承办单位（含未写明）"),
            ("issue", "事项"),
        )
    ]
    if scope.area.level != "town":
        rows += _by_day(of_days, items, total, name, scope)
        rows += _by_month(period, of_days, items, total, name)
    rows += _by_place(parts, ask("places"), total, name, scope)
    rows += _by_week(of_days, weeks, items, total, name, scope)
    rows += _due(ask, asked, name, period.first_on if period.kind == "weekly" and scope.is_complete else None)
    return pl.DataFrame(
        [(check, of, expected, found, found - expected, found == expected) for check, of, expected, found in rows],
        schema=SCHEMA,
        orient="row",
    )


Row = tuple[str, str, int, int]


def _by_day(days: pl.DataFrame, items: pl.DataFrame, total: int, name: str, scope: Scope) -> list[Row]:
    """daily_counts, day by day, against the items; its issues and counties against the lists of both."""
    counted = days.group_by("registered_on").agg(pl.col("n_events").sum())
    each = items.join(counted, on="registered_on", how="full", coalesce=True, suffix="_found").fill_null(0)
    n_off = int((each["n_events"] - each["n_events_found"]).abs().sum())
    rows = [
        ("逐日件数之和 = 诉求总量", name, total, int(days["n_events"].sum())),
        ("逐日件数与逐件所数一致（相差件数）", name, 0, n_off),
        ("各来源之和 = 诉求总量", name, total, int(days.filter("is_listed_source")["n_events"].sum())),
        ("各大类之和 = 诉求总量", name, total, int(days.filter("is_listed_issue")["n_events"].sum())),
    ]
    if scope.area.level == "city":
        listed = int(days.filter("is_listed_county")["n_events"].sum())
        apart = int(days.filter(pl.col("county_code").is_null())["n_events"].sum())
        rows.append(("各县区之和 + 未定位 = 诉求总量", name, total, listed + apart))
    return rows


def _by_place(parts: pl.DataFrame, reference: pl.DataFrame, total: int, name: str, scope: Scope) -> list[Row]:
    """The places of each level below the area, and what names none of them."""
    levels = {"city": ("county", "town"), "county": ("town", "community"), "town": ("community",)}[scope.area.level]
    cells, rows = counting.of(parts, "place"), list[Row]()
    for level in levels:
        code, word = f"{level}_code", {"county": "县区", "town": "镇街", "community": "社区村"}[level]
        listed = reference.filter(pl.col("place_level") == level)["place_code"].to_list()
        n = int(cells.filter(pl.col(code).is_in(listed))["n_events"].sum())
        apart = int(cells.filter(pl.col(code).is_null())["n_events"].sum())
        rows.append((f"各{word}之和 + 未写明{word} = 诉求总量", name, total, n + apart))
    return rows


def _by_month(period: Period, days: pl.DataFrame, items: pl.DataFrame, total: int, name: str) -> list[Row]:
    """The months of a quarter or year: each as daily_counts has it against the items, and all of them."""
    rows = list[Row]()
    for month in period.months():
        inside = pl.col("registered_on").is_between(month.first_on, month.last_on)
        expected, found = (int(frame.filter(inside)["n_events"].sum()) for frame in (items, days))
        if expected or found:
            rows.append(("该月各日之和 = 月件数", month.name, expected, found))
    return [*rows, ("各月之和 = 诉求总量", name, total, sum(row[3] for row in rows))] if rows else []


def _by_week(
    days: pl.DataFrame, weeks: pl.DataFrame, items: pl.DataFrame, total: int, name: str, scope: Scope
) -> list[Row]:
    """Whole weeks as weekly_counts has them, and the days of the weeks cut by the edges of the period."""
    whole = sorted(whole_weeks(scope.now))
    rows = list[Row]()
    for monday in whole:
        inside = pl.col("registered_on").is_between(monday, monday + timedelta(days=6))
        n_week = int(weeks.filter(pl.col("week_start_on") == monday)["n_events"].sum())
        week = containing("weekly", monday)
        rows.append(("该周各日之和 = 周件数", week.name, n_week, int(items.filter(inside)["n_events"].sum())))
    if len(whole) > 6:  # of a quarter or year one line: the weeks that differ, or none
        off = [row for row in rows if row[2] != row[3]]
        rows = off or [(rows[0][0], f"{len(whole)} 个整周", sum(r[2] for r in rows), sum(r[3] for r in rows))]
    in_weeks = [monday + timedelta(days=n) for monday in whole for n in range(7)]
    counted = items if scope.area.level == "town" else days  # there are no daily counts of a town
    n_edges = int(counted.filter(~pl.col("registered_on").is_in(in_weeks))["n_events"].sum())
    n_weeks = int(weeks.filter(pl.col("week_start_on").is_in(whole))["n_events"].sum())
    return [*rows, ("各整周之和 + 首尾散日 = 诉求总量", name, total, n_weeks + n_edges)]


def _due(ask: reader.Ask, asked: dict[str, reader.Parameter], name: str, week: date | None) -> list[Row]:
    """Items due: in time, late, still open and unknown; of a whole week against weekly_outcome, too."""
    units = ask("report_due", **asked)
    every = units.filter("is_all").row(0, named=True)
    parts = sum(every[part] for part in ("n_on_time", "n_overdue", "n_waiting", "n_unknown"))
    rows: list[Row] = [
        ("按期 + 超期 + 未到期 + 无从判断 = 到期件数", name, every["n_with_deadline"], parts),
        (
            "各承办单位到期件数之和 = 到期件数",
            name,
            every["n_due"],
            int(units.filter(~pl.col("is_all"))["n_due"].sum()),
        ),
    ]
    if week is not None:
        outcome = ask("report_outcome", **(asked | {"week": week})).row(0, named=True)
        rows.append(("办理统计的到期件数 = 到期件数", name, every["n_due"], outcome["n_due"]))
        rows.append(("办理统计的超期件数 = 到期未办结", name, every["n_overdue"], outcome["n_overdue"]))
    return rows
