"""Which earlier warnings are like this one, and what came of them?"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from app.casework import workflow

N_SIMILAR = 8
TIERS = {
    "here": "同一区域、同类事项",
    "elsewhere": "别处同一事项",
    "other": "同一区域其他事项",
}
UNIT_TIERS = {"here": "同一单位、同一问题", "elsewhere": "其他单位同一问题", "other": "同一单位其他问题"}


def ranked(signal: Mapping[str, Any], stories: pl.DataFrame, n: int = N_SIMILAR) -> pl.DataFrame:
    """The n earlier warnings most like this one: same place and same issue or group; then the same issue elsewhere; then
    the same place. Within these the very same issue, then the same county, then the newest come first.

    signal, stories (one row a warning): signal_id, place_code, county_code, issue_code, group_code, kind, unit_name,
    last_on. A warning about a unit is like others about units: the unit stands for the place, the kind for the issue.
    Adds `tier`: here | elsewhere | other.
    """
    about_unit = signal["unit_name"] is not None
    place, issue = ("unit_name", "kind") if about_unit else ("place_code", "issue_code")
    pool = stories.filter(
        pl.col("signal_id") != signal["signal_id"], pl.col("unit_name").is_not_null() == pl.lit(about_unit)
    )
    is_issue = pl.col(issue).eq_missing(pl.lit(signal[issue], pl.String))
    is_group = pl.lit(False) if about_unit else pl.col("group_code").eq_missing(pl.lit(signal["group_code"], pl.String))
    is_place = pl.col(place).eq_missing(pl.lit(signal[place], pl.String))
    is_near = pl.col("county_code").eq_missing(pl.lit(signal["county_code"], pl.String))
    tier = (
        pl.when(is_place & (is_issue | is_group)).then(pl.lit("here"))
        .when(is_issue).then(pl.lit("elsewhere"))
        .when(is_place).then(pl.lit("other"))
    )  # fmt: skip
    order = {name: number for number, name in enumerate(TIERS)}
    return (
        pool.with_columns(tier.alias("tier"), is_issue.alias("_issue"), is_near.alias("_near"))
        .filter(pl.col("tier").is_not_null())
        .sort(
            pl.col("tier").replace_strict(order, return_dtype=pl.Int64), "_issue", "_near", "last_on", "signal_id",
            descending=[False, True, True, True, False],
        )
        .drop("_issue", "_near")
        .head(n)
    )  # fmt: skip


def outcome(case: Mapping[str, Any] | None) -> str:
    """How did it end? 已销号（属实），用时 9 天; 误报（季节或节假日）; 处置中; 未交办."""
    if case is None or case["status"] == "new":
        return "未交办"
    status = workflow.STATUSES[case["status"]]
    if case["status"] not in workflow.ENDED:
        return status
    found = workflow.REASONS.get(case["reason"] or "") or workflow.FINDINGS.get(case["finding"] or "")
    days = (case["ended_at"].date() - case["opened_at"].date()).days
    return status + (f"（{found}）" if found else "") + f"，用时 {days} 天"
