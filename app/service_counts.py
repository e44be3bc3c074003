"""Counts of 办理质效 as they may leave the screen, and what makes a unit's rate differ from everybody's. No Streamlit."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from app import disclosure, kpis

DERIVED = (
    "value",
    "low",
    "high",
    "shrunk",
    "band",
    "rank",
    "outside",
    "city_value",
    "effect",
    "mean",
    "median",
    "p90",
    "sd",
)
LEFT_OUT = ("n_excluded", "n_unknown")
"""Items an indicator does not count: as small a group of people as any other."""


def safe(
    frame: pl.DataFrame, kpi: Mapping[str, Any], *, k: int | pl.Series, within: Sequence[Sequence[str]] = ((),)
) -> pl.DataFrame:
    """Rows with numerator and denominator, small ones hidden, and with them what would tell them.

    Of a share both sides count: 96 of 97 in time says that one was not. Of days the items are the denominator. What is
    LEFT_OUT counts by itself, and goes where the counts go.
    """
    left_out = [name for name in LEFT_OUT if name in frame.columns]
    derived = [name for name in DERIVED if name in frame.columns]
    if kpi["kpi_unit"] == "count":
        return disclosure.suppress(
            frame, measures=["numerator"], k=k, within=within, derived={name: ["numerator"] for name in derived}
        ).pipe(_left_out, frame, left_out, ["numerator"], k, within)
    if kpi["kpi_unit"] == "days":
        hidden = {name: ["denominator"] for name in (*derived, "numerator")}
        safe = disclosure.suppress(frame, measures=["denominator"], k=k, within=within, derived=hidden)
        return safe.pipe(_left_out, frame, left_out, ["denominator"], k, within)
    rest = frame.with_columns((pl.col("denominator") - pl.col("numerator")).alias("_rest"))
    measures = ["numerator", "denominator", "_rest"]
    marked = disclosure.suppress(rest, measures=measures, k=k, within=within, derived=dict.fromkeys(derived, measures))
    told = marked.pipe(_left_out, frame, left_out, measures, k, within)
    return also_hidden(told, ["numerator"], pl.col("_rest" + disclosure.MARK).is_not_null()).drop(
        "_rest", "_rest" + disclosure.MARK
    )


def also_hidden(safe: pl.DataFrame, names: Sequence[str], gone: pl.Expr) -> pl.DataFrame:
    """The rows where `gone`, with these columns hidden, too; what has a mark keeps it."""
    said = pl.DataFrame(
        safe.select(
            pl.when(gone & pl.col(name).is_not_null()).then(pl.lit(disclosure.HIDDEN)).alias(name + disclosure.MARK)
            for name in names
        )
    )
    known = [
        pl.coalesce(name + disclosure.MARK, said[name + disclosure.MARK]).alias(name + disclosure.MARK)
        if name + disclosure.MARK in safe.columns
        else said[name + disclosure.MARK]
        for name in names
    ]
    return safe.with_columns(known).with_columns(
        pl.when(pl.col(name + disclosure.MARK).is_null()).then(name).alias(name) for name in names
    )


def _left_out(
    safe: pl.DataFrame,
    frame: pl.DataFrame,
    names: Sequence[str],
    measures: Sequence[str],
    k: int | pl.Series,
    within: Sequence[Sequence[str]],
) -> pl.DataFrame:
    """`safe`, in the order of `frame`, with what is LEFT_OUT hidden where it is small or one of the measures is hidden."""
    if not names:
        return safe
    own = disclosure.suppress(frame, measures=names, k=k, within=within)
    columns = [*names, *(name + disclosure.MARK for name in names)]
    gone = pl.any_horizontal(pl.col(name + disclosure.MARK).is_not_null() for name in measures)
    return also_hidden(safe.with_columns(own.select(columns).get_columns()), names, gone)


def without_near(safe: pl.DataFrame, k: int) -> pl.DataFrame:
    """Indicators side by side, with those hidden whose items differ by 1 … k−1.

    Of the same sources and cohort: 120 items beside a denominator of 118 says that two are left out. Of two the count goes, or
    the later row.
    """
    items = pl.when(pl.col("kpi_unit") == "count").then("numerator").otherwise("denominator")
    told = safe.select("known_sources", "cohort", pl.col("kpi_unit") == "count", items.alias("items")).rows()
    kept: dict[tuple[str, str], list[int]] = {}
    gone = [False] * len(told)
    for at in sorted(range(len(told)), key=lambda one: told[one][2]):
        *group, _, n = told[at]
        near = kept.setdefault(tuple(group), [])
        gone[at] = n is not None and any(0 < abs(n - other) < k for other in near)
        if n is not None and not gone[at]:
            near.append(n)
    names = [name for name in ("numerator", "denominator", *LEFT_OUT, *DERIVED) if name in safe.columns]
    return also_hidden(safe, names, pl.lit(pl.Series(gone)))


def drivers(own: pl.DataFrame, everybody: pl.DataFrame, kpi: Mapping[str, Any]) -> pl.DataFrame:
    """Which groups of issues pull a unit's rate away from everybody's? The strongest pull for the worse first.

    own, everybody: `kpi_parts` of the unit and of all. Adds value, city_value and effect: by how much the unit's rate would
    change if it did as all do in this group — its part of the unit's items × (all − own). In the unit of the value.
    """
    total = own["denominator"].fill_null(0).sum()
    rows = own.join(
        everybody.select("issue_group", (pl.col("numerator") / pl.col("denominator")).alias("city_value")),
        on="issue_group",
        how="left",
        nulls_equal=True,
    ).filter(pl.col("denominator") > 0)
    value = pl.Series(
        "value", [kpis.value(*pair) for pair in rows.select("numerator", "denominator").iter_rows()], dtype=pl.Float64
    )
    effect = pl.col("denominator") / (total or 1) * (pl.col("city_value") - pl.col("value"))
    return rows.with_columns(value).with_columns(effect.alias("effect")).sort(
        "effect", "denominator", "issue_group", descending=[kpi["better"] == "up", True, False], nulls_last=True
    )  # fmt: skip
