"""What may a wide view or an export show of topics, of where first-time items come from, and of suggestions? No Streamlit."""

from collections.abc import Mapping, Sequence

import polars as pl

from app import disclosure, kpis, service_counts

MIN_ITEMS = 20
"""Items below which no share is told, as in sql/seeds/kpi.csv."""
FEW = "样本不足"
RATES = {
    "first": ("n_first", "n_first_known"),
    "repeat": ("n_repeat", "n_repeat_known"),
    "returned": ("n_returned", "n_return_known"),
    "in_time": ("n_in_time", "n_due"),
    "answered": ("n_answered", "n_answer_known"),
    "satisfied": ("n_satisfied", "n_rated"),
}
"""Share → (numerator, denominator): columns of the query topic_parts."""
LINKED = {
    "_no_first": ("n_events", "n_first_known"),
    "_no_repeat": ("n_events", "n_repeat_known"),
    "_no_mark": ("n_first_known", "n_repeat_known"),
    "_not_first": ("n_repeat_known", "n_first"),
    "_neither": ("n_first_known", "n_first", "n_repeat"),
}
"""What first and repeat tell of each other: the first count less the others. An item not first is mostly a repeat."""
STEPS = {
    "registered": ("居民点单", "登记"),
    "forwarded": ("信访派单", "转送、交办"),
    "accepted": ("代办接单", "受理、派遣"),
    "answered": ("办结答复", "答复或办结"),
    "rated": ("群众评单", "评价、回访"),
}
"""代办四单 and, between acceptance and rating, the answer: the step's name and what it is in the sources' files."""


DAYS = ("step_median", "step_p90", "median", "p90")
"""Of a step: days since the step before that has a date, and since registration."""


def thresholds(topic_codes: Mapping[str, str]) -> dict[str, int]:
    """k of each topic: the highest of its issues'. topic_codes: topic_id → issue codes, comma-separated."""
    return {topic: disclosure.threshold(*codes.split(",")) for topic, codes in topic_codes.items()}


def safe_rates(
    parts: pl.DataFrame, *rates: str, k: int | pl.Series, by: str, within: Sequence[Sequence[str]] = ((),)
) -> pl.DataFrame:
    """Parts (n_events and the columns of RATES) with shares and their intervals, small counts hidden.

    Adds <rate>_share, <rate>_low, <rate>_high (0–1; null and marked 样本不足 below MIN_ITEMS). Both sides of a share
    count: 96 of 97 says that one was not. first and repeat, asked together, go together: 60 first of 62 says two repeats.
    by: the column the hidden rows are ordered by.
    """
    told = parts
    measures = ["n_events"]
    derived: dict[str, list[str]] = {}
    for rate in rates:
        above, below = RATES[rate]
        pairs = list(told.select(above, below).iter_rows())
        bounds = [kpis.interval(*pair) if pair[1] >= MIN_ITEMS else (None, None) for pair in pairs]
        shares = [kpis.value(*pair) if pair[1] >= MIN_ITEMS else None for pair in pairs]
        told = told.with_columns(
            pl.Series(f"{rate}_share", shares, dtype=pl.Float64),
            *(
                pl.Series(f"{rate}_{end}", [bound[at] for bound in bounds], dtype=pl.Float64)
                for at, end in enumerate(("low", "high"))
            ),
            (pl.col(below) - pl.col(above)).alias(f"_rest_{rate}"),
        )
        measures += [above, below, f"_rest_{rate}"]
        derived |= {f"{rate}_{end}": [above, below, f"_rest_{rate}"] for end in ("share", "low", "high")}
    linked = [rate for rate in ("first", "repeat") if {"first", "repeat"} <= set(rates)]
    links = LINKED if linked else {}
    told = told.with_columns(
        (pl.col(whole) - pl.sum_horizontal(less)).clip(0).alias(name) for name, (whole, *less) in links.items()
    )
    safe = disclosure.suppress(
        told, measures=[*measures, *links], k=k, within=within, derived=derived, sort_hidden_by=by, small_totals=True
    )
    if linked:
        both = [name for rate in linked for name in RATES[rate]]
        seen = [*both, *links, *(f"_rest_{rate}" for rate in linked)]
        gone = pl.any_horizontal(pl.col(name + disclosure.MARK).is_not_null() for name in seen)
        told_by = [f"{rate}_{end}" for rate in linked for end in ("share", "low", "high")]
        safe = service_counts.also_hidden(safe, [*both, *told_by], gone)
        safe = safe.drop(*links, *(name + disclosure.MARK for name in links))
    for rate in rates:
        above, below = RATES[rate]
        mark, rest, share = above + disclosure.MARK, f"_rest_{rate}", f"{rate}_share" + disclosure.MARK
        hidden = pl.when(pl.col(rest + disclosure.MARK).is_not_null()).then(pl.lit(disclosure.HIDDEN))
        few = pl.when(pl.col(f"{rate}_share").is_null() & pl.col(below).is_not_null()).then(
            pl.when(pl.col(below) == 0).then(pl.lit("—")).otherwise(pl.lit(FEW))
        )
        safe = (
            safe.with_columns(pl.coalesce(mark, hidden).alias(mark), pl.coalesce(share, few).alias(share))
            .with_columns(pl.when(pl.col(mark).is_null()).then(above).alias(above))
            .drop(rest, rest + disclosure.MARK)
        )
    return safe


def safe_months(months: pl.DataFrame, k: int, *, is_city: bool) -> pl.DataFrame:
    """The calendar (issue_code, issue_name, month_of_year, n_weeks, n_events) with per_week and index; below the city small cells hidden.

    index: items a week of the month over those of the issue's mean month; null for an issue of less than MIN_ITEMS.
    """
    per_week = pl.col("n_events") / pl.col("n_weeks")
    usual = per_week.mean().over("issue_code")
    is_enough = pl.col("n_events").sum().over("issue_code") >= MIN_ITEMS
    told = months.with_columns(
        per_week.alias("per_week"), pl.when(is_enough & (usual > 0)).then(per_week / usual).alias("index")
    )
    if is_city:
        return told
    both = (("issue_code",), ("month_of_year",))
    return disclosure.suppress(
        told, measures=["n_events"], k=k, within=both, derived={"per_week": ["n_events"], "index": ["n_events"]}
    )


def stages(steps: pl.DataFrame, source: str, k: int) -> pl.DataFrame:
    """代办四单 of one source in order: step, label, value, mark, known, share, DAYS, said.

    steps: the query topic_steps. A step no file of the source has keeps null in all of its figures. `value` is hidden (mark
    says how) where it or what did not reach the step is 1 … k−1; days rest on MIN_ITEMS or more.
    """
    of_source = {row["step"]: row for row in steps.filter(pl.col("source") == source).iter_rows(named=True)}
    rows = []
    for step, (label, word) in STEPS.items():
        row = of_source.get(step, {"n_known": 0, "n_reached": 0, "n_timed": 0, **dict.fromkeys(DAYS)})
        has = row["n_known"] > 0
        is_timed = row["n_timed"] >= MIN_ITEMS
        rest = row["n_known"] - row["n_reached"]
        mark = f"<{k}" if has and 0 < row["n_reached"] < k else disclosure.HIDDEN if has and 0 < rest < k else None
        is_said = has and mark is None
        rows.append(
            {
                "step": step,
                "label": label,
                "said": word,
                "value": row["n_reached"] if is_said else None,
                "mark": mark,
                "known": row["n_known"] if has and mark is None else None,
                "share": row["n_reached"] / row["n_known"] if is_said and row["n_known"] >= MIN_ITEMS else None,
                **{name: row[name] if is_timed else None for name in DAYS},
                "has_data": has,
            }
        )
    types = {"value": pl.Int64, "known": pl.Int64, "mark": pl.String, **dict.fromkeys(("share", *DAYS), pl.Float64)}
    return pl.DataFrame(rows, schema_overrides=types)
