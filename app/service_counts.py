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
    "n_excluded",
    "n_unknown",
    "mean",
    "median",
    "p90",
    "sd",
)


def safe(
    frame: pl.DataFrame, kpi: Mapping[str, Any], *, k: int | pl.Series, within: Sequence[Sequence[str]] = ((),)
) -> pl.DataFrame:
    """Rows with numerator and denominator, small ones hidden, and with them what would tell them.

    Of a share both sides count: 96 of 97 in time says that one was not. Of days the items are the denominator.
    """
    derived = [name for name in DERIVED if name in frame.columns]
    if kpi["kpi_unit"] == "count":
        return disclosure.suppress(
            frame, measures=["numerator"], k=k, within=within, derived={name: ["numerator"] for name in derived}
        )
    if kpi["kpi_unit"] == "days":
        hidden = {name: ["denominator"] for name in (*derived, "numerator")}
        return disclosure.suppress(frame, measures=["denominator"], k=k, within=within, derived=hidden)
    rest = frame.with_columns((pl.col("denominator") - pl.col("numerator")).alias("_rest"))
    measures = ["numerator", "denominator", "_rest"]
    marked = disclosure.suppress(rest, measures=measures, k=k, within=within, derived=dict.fromkeys(derived, measures))
    mark, rest_mark = "numerator" + disclosure.MARK, "_rest" + disclosure.MARK
    both = pl.coalesce(
        mark,
        pl.when(pl.col(rest_mark).is_not_null() & pl.col("numerator").is_not_null()).then(pl.lit(disclosure.HIDDEN)),
    )
    return (
        marked.with_columns(both.alias(mark))
        .with_columns(pl.when(pl.col(mark).is_null()).then("numerator").alias("numerator"))
        .drop("_rest", rest_mark)
    )


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
