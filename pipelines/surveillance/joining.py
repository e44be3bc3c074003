"""Many kinds of evidence, many places: which of them hold when one looks everywhere every week?

1. Joined: the p-values of one place × issue × week become one by the weighted Cauchy combination (Liu & Xie 2020, JASA
   115:393), which needs no independence; kinds without evidence count as p = 0.5, and so does what is below expectation.
2. Controlled: the hypotheses stand on a tree, issue in the city → county → town. A node's p is Simes' over what is below
   it; Benjamini–Hochberg goes down the tree, in each family at q × the shares selected above it (TreeBH: Bogomolov,
   Peterson, Benjamini & Sabatti 2021, Biometrika 108:575). So a false-discovery rate of q holds among the issues
   named, and on average among the places named within them.
3. Rarity: `chance_per_year` = p × series × 52, how many times a year so small a p would appear somewhere in the city
   if nothing were going on.
"""

import numpy as np
import polars as pl

from pipelines.surveillance.record import EVIDENCE_COLUMNS

FDR = 0.10
WEIGHTS = {"excess": 0.7, "rise": 0.1, "cluster": 0.1, "repeat": 0.05, "channel": 0.05}
"""Where an event is expected to show; sums to 1."""

NODE = ["week_start_on", "place_level", "place_code", "issue_code"]


def cauchy(p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Combined p-values of (n × kinds) p-values, `weights` summing to 1; above 0.5 counts as 0.5.

    >>> round(float(cauchy(np.array([[0.01, 0.5]]), np.array([0.5, 0.5]))[0]), 3)
    0.02
    """
    capped = np.clip(p, 1e-300, 0.5)
    statistic = (1 / np.tan(np.pi * capped)) @ weights  # tan((1/2 - p)π), exact for small p
    return np.arctan2(1, statistic) / np.pi


def join(excess: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """One row a place × issue × week: the figures of the excess, `p_joined`, and the `kinds` beyond their limits, most telling first.

    `excess`: verdicts of `excess.detect`; `others`: EVIDENCE_COLUMNS of the other kinds; units are left out.
    """
    others = others.filter(pl.col("unit_name").is_null() & pl.col("issue_code").is_not_null())
    both = pl.concat([excess.select(list(EVIDENCE_COLUMNS)), others.select(list(EVIDENCE_COLUMNS))])
    # Of one kind a node may have several (two clusters in one town): the smallest, corrected for their number.
    told = (
        both.filter(pl.col("p_value").is_not_null())
        .group_by(*NODE, "kind")
        .agg((pl.col("p_value").min() * pl.len()).clip(0, 1).alias("p"))
    )
    wide = told.pivot("kind", index=NODE, values="p", aggregate_function="min")
    wide = wide.with_columns(pl.lit(None, pl.Float64).alias(kind) for kind in WEIGHTS if kind not in wide.columns)
    p = wide.select(list(WEIGHTS)).fill_null(0.5).to_numpy()
    joined = wide.with_columns(pl.Series("p_joined", cauchy(p, np.array(list(WEIGHTS.values())))))
    speaks = (
        both.filter(pl.col("status") == "alarm")
        .group_by(*NODE, "kind")
        .agg(pl.col("p_value").min())
        .sort("p_value", "kind")
        .group_by(NODE, maintain_order=True)
        .agg(pl.col("kind").alias("kinds"))
    )
    figures = excess.filter(pl.col("p_value").is_not_null()).select(
        *NODE, "observed", "expected", "upper_bound", "score", "p_value", "status", "n_weeks_window"
    )
    return (
        figures.join(joined.select(*NODE, "p_joined"), on=NODE, how="left")
        .join(speaks, on=NODE, how="left")
        .with_columns(pl.col("kinds").fill_null([]))
        .sort(NODE)
    )


def control(joined: pl.DataFrame, families: pl.DataFrame, places: pl.DataFrame, *, q: float = FDR) -> pl.DataFrame:
    """Adds survives (of the false-discovery control), n_series (assessed in all that week) and chance_per_year.

    `joined` from `join`, `families` from `excess.detect`; silent series are those that `families` counts beyond `joined`.
    """
    parents = dict(places.select("place_code", "parent_code").iter_rows())
    n_all = families.group_by("week_start_on").agg(pl.col("n_series").sum())
    nodes = joined.join(n_all, on="week_start_on").with_columns(
        (pl.col("p_joined") * pl.col("n_series") * 52).alias("chance_per_year"),
        pl.when(pl.col("place_level") == "county")
        .then("place_code")
        .when(pl.col("place_level") == "town")
        .then(pl.col("place_code").replace_strict(parents, default=None, return_dtype=pl.String))
        .alias("county"),
    )
    issue, within = ["week_start_on", "issue_code"], ["week_start_on", "issue_code", "county"]
    counted = families.rename({"parent_code": "county"})
    n_towns = counted.filter(pl.col("place_level") == "town").select(*within, pl.col("n_series").alias("n_towns"))
    n_counties = (
        counted.filter(pl.col("place_level") == "county")
        .group_by(issue)
        .agg(pl.col("n_series").sum().alias("n_counties"))
    )
    n_roots = counted.group_by("week_start_on").agg(pl.col("issue_code").n_unique().alias("n_family_roots"))
    # families: a county and its towns; the city and its counties; the issues
    below = (
        nodes.filter(pl.col("county").is_not_null())
        .join(n_towns, on=within, how="left")
        .with_columns((pl.col("n_towns").fill_null(0) + 1).alias("n_leaves"))
    )
    county_nodes = _simes(below, within, "p_joined", "n_leaves")
    city = nodes.filter(pl.col("place_level") == "city").select(
        *issue, pl.lit(None, pl.String).alias("county"), pl.col("p_joined").alias("p_node")
    )
    children = (
        pl.concat([county_nodes.select(*issue, "county", "p_node"), city])
        .join(n_counties, on=issue, how="left")
        .with_columns((pl.col("n_counties").fill_null(0) + 1).alias("n_children"))
    )
    roots = _simes(children, issue, "p_node", "n_children").join(n_roots, on="week_start_on")
    named = _select(roots, ["week_start_on"], "p_node", "n_family_roots", pl.lit(q)).select(
        *issue, pl.col("share").alias("share_1")
    )
    chosen = _select(children.join(named, on=issue), issue, "p_node", "n_children", q * pl.col("share_1")).select(
        *within, (pl.col("share") * pl.col("share_1")).alias("share_2")
    )
    leaves = _select(below.join(chosen, on=within), within, "p_joined", "n_leaves", q * pl.col("share_2"))
    surviving = pl.concat([
        leaves.select(NODE),
        chosen.filter(pl.col("county").is_null()).join(
            nodes.filter(pl.col("place_level") == "city"), on=issue
        ).select(NODE),
    ]).with_columns(pl.lit(True).alias("survives"))  # fmt: skip
    return (
        nodes.drop("county")
        .join(surviving, on=NODE, how="left")
        .with_columns(pl.col("survives").fill_null(False))
        .sort(NODE)
    )


def _simes(frame: pl.DataFrame, by: list[str], p: str, n: str) -> pl.DataFrame:
    """One row a group: p_node, Simes' p-value of its `n` hypotheses, of which those not listed have p = 1."""
    ordered = frame.sort(*by, p).with_columns(pl.col(p).cum_count().over(by).alias("order"))
    return ordered.group_by(by).agg((pl.col(p) * pl.col(n) / pl.col("order")).min().clip(0, 1).alias("p_node"))


def _select(frame: pl.DataFrame, by: list[str], p: str, n: str, level: pl.Expr) -> pl.DataFrame:
    """The rows that Benjamini–Hochberg keeps at `level` in each family of `n`, with the `share` of it that was kept."""
    ordered = frame.sort(*by, p).with_columns(pl.col(p).cum_count().over(by).alias("order"))
    below = ordered.with_columns((pl.col(p) * pl.col(n) / pl.col("order") <= level).alias("below"))
    kept = below.with_columns(pl.col("order").filter(pl.col("below")).max().over(by).alias("n_kept"))
    return kept.filter(pl.col("order") <= pl.col("n_kept")).with_columns((pl.col("n_kept") / pl.col(n)).alias("share"))
