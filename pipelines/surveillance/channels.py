"""Do several sources show it, or only one? A matter people raise everywhere differs from one office's recording day.

For a raised place × issue × week the items of each source are held against the source's usual part of the expectation
(the issue's mix of sources in the whole city over the last year). The p-value is that of the partial conjunction "at least
two sources are raised" (Benjamini & Heller 2008, Biometrics 64:1215, Bonferroni form): (S - 1) times the second smallest.
"""

import numpy as np
import polars as pl

from pipelines.detectors.count_quantiles import exceedance
from pipelines.surveillance.record import EVIDENCE_COLUMNS, Record

RAISED_P = 0.2  # weeks less unusual than this are not looked at; they count as neutral anyway
ALARM_P = 0.01
MIX_WEEKS = 52
MIX_PRIOR = 1.0  # items of each source added to an issue's mix


def evidence(record: Record, detection: pl.DataFrame) -> pl.DataFrame:
    """EVIDENCE_COLUMNS with kind `channel` for the raised weeks of `detection` (from `excess.detect`).

    observed: items of the sources that are raised (p ≤ 0.05 each); expected: of these sources; base: all items.
    """
    raised = detection.filter((pl.col("p_value") <= RAISED_P) & (pl.col("observed") > 1))
    sources = sorted(record.weekly["source"].unique())
    if raised.is_empty() or len(sources) < 2:
        return pl.DataFrame(schema=EVIDENCE_COLUMNS)
    groups = record.issues.select("issue_code", "group_code")
    weekly = record.weekly.join(groups, on="issue_code", how="left")
    weekly = pl.concat([
        weekly.drop("group_code"),
        weekly.drop("issue_code").rename({"group_code": "issue_code"}).select(weekly.drop("group_code").columns),
    ])  # fmt: skip
    first = raised["week_start_on"].min()
    keys = ["week_start_on", "place_code", "issue_code", "source"]
    recent = weekly.filter(pl.col("week_start_on") >= first)
    by_source = pl.concat([
        recent.with_columns(place.alias("place_code")).filter(pl.col("place_code").is_not_null())
        .group_by(keys).agg(pl.col("n_events").sum())
        for place in (pl.lit(record.city_code), pl.col("county_code"), pl.col("town_code"))
    ])  # fmt: skip
    wide = by_source.pivot("source", index=keys[:3], values="n_events").with_columns(
        pl.lit(None, pl.Int64).alias(source) for source in sources if source not in by_source["source"].unique()
    )
    rows = raised.join(wide, on=keys[:3], how="left").join(_mix(weekly, sources), on=["week_start_on", "issue_code"])
    count = rows.select(sources).fill_null(0).to_numpy().astype(float)
    mean = np.maximum(
        rows.select(f"{source}_share" for source in sources).to_numpy() * rows["expected"].to_numpy()[:, None], 1e-6
    )
    phi = np.broadcast_to(rows["phi"].to_numpy()[:, None], mean.shape)
    p = exceedance(count, mean, phi)
    joint = np.clip((len(sources) - 1) * np.sort(p, axis=1)[:, 1], 0, 1)
    is_raised = p <= 0.05
    expected = (mean * is_raised).sum(axis=1)
    observed = (count * is_raised).sum(axis=1)
    return rows.select(
        "week_start_on",
        pl.lit("channel").alias("kind"),
        "place_level",
        "place_code",
        "unit_name",
        "issue_code",
        pl.Series("observed", observed).cast(pl.Int64),
        pl.col("observed").alias("base"),
        pl.Series("expected", expected),
        pl.lit(None, pl.Float64).alias("upper_bound"),
        pl.lit(None, pl.Float64).alias("score"),
        pl.Series("p_value", joint),
        pl.Series("status", np.where(joint <= ALARM_P, "alarm", "normal")),
        pl.lit("").alias("reason"),
    ).select(list(EVIDENCE_COLUMNS))


def _mix(weekly: pl.DataFrame, sources: list[str]) -> pl.DataFrame:
    """week_start_on, issue_code, <source>_share: each issue's mix over the MIX_WEEKS weeks before."""
    by_week = weekly.group_by("week_start_on", "issue_code").agg(
        pl.col("n_events").filter(pl.col("source") == source).sum().alias(source) for source in sources
    )
    every = pl.DataFrame({"week_start_on": weekly["week_start_on"].unique().sort()}).join(
        pl.DataFrame({"issue_code": weekly["issue_code"].unique()}), how="cross"
    )
    year = (
        every.join(by_week, on=["week_start_on", "issue_code"], how="left")
        .fill_null(0)
        .sort("issue_code", "week_start_on")
        .with_columns(
            (pl.col(source).rolling_sum(MIX_WEEKS, min_samples=1).shift(1).over("issue_code").fill_null(0) + MIX_PRIOR)
            for source in sources
        )
    )
    total = pl.sum_horizontal(sources)
    return year.select("week_start_on", "issue_code", *((pl.col(s) / total).alias(f"{s}_share") for s in sources))
