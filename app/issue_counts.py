"""How many items has each issue, and how much does it move from week to week? Any period is cut from one question of a place."""

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from app import reader

WEEK, YEAR = timedelta(weeks=1), timedelta(weeks=52)


def asked(ask: reader.Ask, **asked: Any) -> pl.DataFrame:
    """The issues with items in the weeks from_on to to_on, most first.

    asked: source, county, town, community, group, issue, from_on, to_on, before_on. What query `issues` tells, n_events,
    n_events_before (from before_on on) and n_events_year_ago (52 weeks before).
    """
    from_on, to_on, before_on = asked["from_on"], asked["to_on"], asked["before_on"]
    spans = {
        "n_events": (from_on, to_on),
        "n_events_before": (before_on, from_on - WEEK),
        "n_events_year_ago": (from_on - YEAR, to_on - YEAR),
    }
    weeks, issues = ask("issue_weeks", **asked), ask("issues")
    for name in ("group", "issue"):
        if asked[name] is not None:
            issues = issues.filter(pl.col(f"{name}_code") == asked[name])
    week, n = pl.col("week_start_on"), pl.col("n_events")
    counts = (
        weeks.filter(pl.any_horizontal(week.is_between(*span) for span in spans.values()))
        .group_by("issue_code")
        .agg(n.filter(week.is_between(*span)).sum().cast(pl.Int64).alias(name) for name, span in spans.items())
    )
    return (
        issues.join(counts, on="issue_code")
        .filter(pl.col("n_events") > 0)
        .sort("n_events", "issue_code", descending=[True, False])
    )


def steps(ask: reader.Ask, **asked: Any) -> pl.DataFrame:
    """How much does each issue move from one week to the next, beyond what all items do, over the 52 weeks before the week
    from_on (what is to be judged is no part of the yardstick)?

    Sums over pairs of neighbouring weeks: items, this + last; squares, (this − r × last)² ÷ r, where r is all items of this
    week ÷ all of last: on a holiday everything steps. For Poisson counts both are expected to be the same.
    """
    since, until = asked["from_on"] - YEAR, asked["from_on"] - WEEK
    known = ask("covered_weeks")["week_start_on"].unique().sort()
    known = known.filter(known.is_between(since, until))
    rows = ask("issue_weeks", **asked).filter(pl.col("week_start_on").is_between(since, until))
    issues = rows["issue_code"].unique().sort()
    n = np.zeros((len(known), len(issues)))
    n[known.search_sorted(rows["week_start_on"]), issues.search_sorted(rows["issue_code"])] = rows["n_events"]
    of_all = n.sum(axis=1, keepdims=True)
    this, last = n[1:], n[:-1]
    moved = ((of_all[1:] > 0) & (of_all[:-1] > 0))[:, 0]
    this, last, ratio = this[moved], last[moved], of_all[1:][moved] / of_all[:-1][moved]
    return pl.DataFrame(
        {
            "issue_code": issues,
            "squares": ((this - ratio * last) ** 2 / ratio).sum(axis=0),
            "items": (this + last).sum(axis=0),
        }
    )
