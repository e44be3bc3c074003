"""What may a wide view or an export say of a warning? Small counts go, and what would tell them (app.disclosure)."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from app import disclosure, reader, wording

SAYS_THE_COUNT = ["excess", "upper_bound", "p_value", "chance_per_year"]
"""Of a warning whose count is hidden: what would tell or bound it. An alarm is above its upper bound."""


def given(ask: reader.Ask, week: date) -> pl.DataFrame:
    """The warnings of this week, most urgent first: its rows of query `signals`."""
    return ask("signals").filter(pl.col("week_start_on") == week)


def followed(ask: reader.Ask, week: date) -> pl.DataFrame:
    """The warnings of the week before with this week's figures: their rows of query `signal_followup`."""
    return ask("signal_followup").filter(pl.col("next_week_on") == week).drop("next_week_on")


def safe_signals(signals: pl.DataFrame) -> pl.DataFrame:
    """Warnings for a wide view: a count below its k is hidden, and so is what would tell it.

    With the default k only issues with a higher one are concerned: a warning has MIN_OBSERVED = 5 items or more.
    """
    derived = {name: ["observed"] for name in SAYS_THE_COUNT}
    safe = disclosure.suppress(
        signals, measures=["observed"], k=disclosure.thresholds(signals), within=(), derived=derived
    )
    said = [wording.spoken(row) for row in signals.iter_rows(named=True)]
    is_hidden = pl.col("observed" + disclosure.MARK).is_not_null()
    kinds = pl.col("kinds").str.split(",").list.eval(pl.element().replace(wording.KINDS)).list.join("、")
    return safe.with_columns(
        kinds, pl.Series("sentence", said, dtype=pl.String), pl.when(~is_hidden).then("caveat").alias("caveat")
    )


def safe_evidence(signal: Mapping[str, Any]) -> str:
    """Evidence (JSON) for a wide view: the parts of k or more, without their counts where these would tell a small rest."""
    k, parts = disclosure.threshold(signal["issue_code"]), wording.evidence(signal["evidence"])
    safe = {}
    for kind, rows in parts.items():
        large = [row for row in rows if row["n_events"] >= k][:2]
        rest = signal["observed"] - sum(row["n_events"] for row in large)
        is_told = 0 < rest < k or signal["observed"] < k
        safe[kind] = [{**row, "n_events": None} for row in large] if is_told else large
    return json.dumps(safe, ensure_ascii=False)


# ---------------------------------------------------------------- a week later

OUTCOMES = {
    "alarm": "▲ 仍偏高",
    "fallen": "△ 回落，仍在清单",
    "listed": "△ 未超上限，仍在清单",
    "normal": "▽ 已回落",
    "not_assessed": "— 无法判定",
}
"""What became of a warning; fallen: listed, with fewer items than the week before."""


def outcomes(signals: pl.DataFrame) -> pl.DataFrame:
    """Adds outcome (of OUTCOMES, in words) to last week's warnings with this week's figures; before these are hidden."""
    has_fallen = (pl.col("status") == "listed") & (pl.col("observed") < pl.col("observed_before"))
    known = pl.when(has_fallen).then(pl.lit("fallen")).otherwise("status")
    return signals.with_columns(known.replace_strict(OUTCOMES, return_dtype=pl.String).alias("outcome"))


def safe_followup(signals: pl.DataFrame) -> pl.DataFrame:
    """Counts of one place, issue and week: small ones are hidden, and the bound that would narrow them."""
    return disclosure.suppress(
        signals,
        measures=["observed", "observed_before"],
        k=disclosure.thresholds(signals),
        within=(),
        derived={"upper_bound": ["observed"], "upper_before": ["observed_before"]},
    )
