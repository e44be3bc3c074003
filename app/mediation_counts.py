"""访调诉: what of the counts of mediation may a wide view or an export show, and how sure is a rate?"""

from itertools import pairwise

import polars as pl

from app import disclosure, kpis
from app.palette import ACCENT, CATEGORICAL, CONFIRMED, NEUTRAL

MIN_RESULTS = 20
"""A rate or a 90th percentile of fewer cases is not said."""
FEW = "样本不足"
STEPS = {"n_referred": "导入调解", "n_taken": "受理", "n_settled": "调解成功", "n_confirmed": "司法确认"}
COURT = {"n_in_court": "转诉讼", "n_court_ended": "诉讼结案"}
HEADS = ("事项来源", "纠纷类型", "结果")
ORIGINS = {"petition": "信访", "hotline": "12345热线", "grid": "网格"}
ENDS = {
    "confirmed": "成功并司法确认",
    "succeeded": "调解成功",
    "in_court": "未成，转诉讼",
    "failed": "不成或终止",
    "withdrawn": "撤回或不予受理",
    "unknown": "结果不明",
    "open": "还在办",
}
COLOURS = {
    "信访": ACCENT,
    "12345热线": CATEGORICAL[5],
    "网格": CATEGORICAL[4],
    "成功并司法确认": CONFIRMED,
    "调解成功": CATEGORICAL[2],
    "未成，转诉讼": CATEGORICAL[1],
    "不成或终止": CATEGORICAL[6],
    "撤回或不予受理": CATEGORICAL[8],
    "还在办": CATEGORICAL[7],
}
MOST_TYPES = 8


def thresholds(issues: pl.DataFrame) -> dict[str, int]:
    """k of each type of dispute: the highest of its issues. issues: dispute_code, issue_code."""
    return {
        code: disclosure.threshold(*members)
        for code, members in issues.group_by("dispute_code").agg("issue_code").iter_rows()
    }


def safe_steps(totals: dict[str, int], k: int, *, is_city: bool) -> pl.DataFrame:
    """The steps: label, value, mark, before (the step it is counted from), share of that step.

    A step of 1 … k−1 items is hidden, and one that lacks so few of the step before: the difference tells as much. Of
    the whole city every step is published. 司法确认 is a step after 调解成功; the court is a way of its own, beside.
    """
    rows = []
    suited = None if not is_city and 0 < totals["n_suited"] < k else totals["n_suited"]
    for names in (STEPS, COURT):
        before = last = suited  # the step before, null where hidden; the last step shown
        for name, label in names.items():
            value = totals[name]
            is_first = name in ("n_referred", "n_in_court")  # of suited items nearly all are not
            tells = last is not None and not is_first and 0 < last - value < k
            is_small = not is_city and (0 < value < k or tells)
            shown = None if is_small else value
            rows.append(
                {
                    "label": label,
                    "value": shown,
                    "mark": (f"<{k}" if value < k else disclosure.HIDDEN) if is_small else None,
                    "before": before,
                    "share": shown / before if shown is not None and before else None,
                }
            )
            before, last = shown, last if shown is None else shown
    schema = {"label": pl.String, "value": pl.Int64, "mark": pl.String, "before": pl.Int64, "share": pl.Float64}
    return pl.DataFrame(rows, schema=schema)


def safe_flows(flows: pl.DataFrame, ks: dict[str, int], k: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(nodes, links) for charts.flows: from where, about what, to which end. flows: one row a flow, n_cases.

    What has fewer than k cases is joined to 其他, so that every node can say its number. A flow of 1 … k−1 cases is hidden
    (value null, value__mark), and another where the numbers of the nodes would tell it. ks: dispute_code → k.
    """
    by_type = {
        name: max(k, ks.get(code, k))
        for code, name in flows.select("dispute_code", "dispute_name").unique().iter_rows()
    }
    told, nodes = flows.select("n_cases"), []
    for layer, (column, words, rest, least) in enumerate(
        (
            ("item_source", ORIGINS, "其他来源", dict.fromkeys(ORIGINS.values(), k)),
            ("dispute_name", None, "其他类型", by_type),
            ("flow_end", ENDS, "其他结果", dict.fromkeys(ENDS.values(), k)),
        )
    ):
        names = flows[column].replace(words) if words else flows[column]
        totals = dict(flows.group_by(names.alias("name")).agg(pl.col("n_cases").sum()).iter_rows())
        order = list(words.values()) if words else sorted(totals, key=lambda name: (-totals[name], name))
        joined = _joined(totals, least, rest, None if words else MOST_TYPES)
        names = names.replace(joined)
        told = told.with_columns(names.alias(HEADS[layer]))
        totals = dict(told.group_by(HEADS[layer]).agg(pl.col("n_cases").sum()).iter_rows())
        nodes += [
            {"layer": layer, "name": name, "value": totals[name], "colour": COLOURS.get(name, NEUTRAL)}
            for name in dict.fromkeys((*order, rest))
            if totals.get(name)
        ]
    links = []
    for layer, (a, b) in enumerate(pairwise(HEADS)):
        counted = told.group_by(a, b).agg(pl.col("n_cases").sum().alias("value")).sort(a, b)
        own_k = pl.Series("k", [by_type.get(name, k) for name in counted[HEADS[1]]], dtype=pl.Int64)
        safe = disclosure.suppress(counted, measures=["value"], k=own_k, within=((a,), (b,)))
        here = pl.lit(layer, pl.Int64).alias("layer")
        links.append(
            safe.select(
                here, pl.col(a).alias("from_name"), pl.col(b).alias("to_name"), "value", "value" + disclosure.MARK
            )
        )
    schema = {"layer": pl.Int64, "name": pl.String, "value": pl.Int64, "colour": pl.String}
    return pl.DataFrame(nodes, schema=schema), pl.concat(links)


def _joined(totals: dict[str, int], least: dict[str, int], rest: str, most: int | None) -> dict[str, str]:
    """Which names are joined as `rest`: the small ones, those beyond `most`, and one more where these are still few."""
    falling = sorted(totals, key=lambda name: (-totals[name], name))
    small = [name for at, name in enumerate(falling) if totals[name] < least[name] or (most and at >= most)]
    kept = [name for name in falling if name not in small]
    while small and kept and sum(totals[name] for name in small) < max(least[name] for name in small):
        small.append(kept.pop())
    return dict.fromkeys(small, rest) if len(small) > 1 or (small and totals[small[0]] < least[small[0]]) else {}


def safe_success(results: pl.DataFrame, ks: dict[str, int]) -> pl.DataFrame:
    """How often mediation succeeds, by type: n_ended, n_settled (marks), share, low, high; the largest first.

    results: dispute_code, dispute_name, n_settled, n_unsettled. Rates of fewer than MIN_RESULTS are null, as are those
    of hidden counts; low and high are the 95 % Wilson interval.
    """
    long = results.unpivot(
        ["n_settled", "n_unsettled"], index=["dispute_code", "dispute_name"], variable_name="result", value_name="n"
    )
    k = pl.Series("k", [ks.get(code, disclosure.threshold()) for code in long["dispute_code"]], dtype=pl.Int64)
    safe = disclosure.suppress(long, measures=["n"], k=k, within=(("dispute_code",), ("result",)))
    mark = "n" + disclosure.MARK
    parts = {
        name: safe.filter(pl.col("result") == name).select(
            "dispute_code", pl.col("n").alias(name), pl.col(mark).alias(name + disclosure.MARK)
        )
        for name in ("n_settled", "n_unsettled")
    }
    rows = (
        results.select("dispute_code", "dispute_name")
        .join(parts["n_settled"], on="dispute_code", maintain_order="left")
        .join(parts["n_unsettled"], on="dispute_code", maintain_order="left")
        .with_columns((pl.col("n_settled") + pl.col("n_unsettled")).alias("n_ended"))
    )
    return with_rates(rows, "n_settled", "n_ended").sort(
        "n_ended", "dispute_code", descending=[True, False], nulls_last=True
    )


def safe_recurrence(found: pl.DataFrame) -> pl.DataFrame:
    """Does the issue come up again where it was mediated? By issue: n_mediated, n_before, n_again, share, low, high, ratio.

    share: of the mediations, after how many the same issue was registered again in the same community within 90 days;
    before_share: before how many, in as many days. change_share: items after against items before.
    """
    codes = found["issue_code"].to_list()
    k = pl.Series("k", [disclosure.threshold(code) for code in codes], dtype=pl.Int64)
    safe = disclosure.suppress(
        found.drop("n_again_30"),
        measures=["n_mediated", "n_before", "n_again", "n_items_before", "n_items_after"],
        k=k,
        within=((),),
    )
    rows = with_rates(safe, "n_again", "n_mediated").rename({"share": "again_share"})
    judged = pl.col("again_share").is_not_null()
    return rows.with_columns(
        pl.when(judged).then(pl.col("n_before") / pl.col("n_mediated")).alias("before_share"),
        pl.when(judged & (pl.col("n_items_before") >= MIN_RESULTS))
        .then(pl.col("n_items_after") / pl.col("n_items_before") - 1)
        .alias("change_share"),
    )


def safe_counties(counts: pl.DataFrame, k: int) -> pl.DataFrame:
    """导入率 by county: n_suited, n_referred (marks), share, low, high; the highest first. The city's sums are published."""
    safe = disclosure.suppress(counts, measures=["n_suited", "n_referred"], k=k, within=((),), small_totals=True)
    rows = with_rates(safe, "n_referred", "n_suited")
    return rows.sort("share", "county_code", descending=[True, False], nulls_last=True)


def with_rates(rows: pl.DataFrame, part: str, whole: str) -> pl.DataFrame:
    """share, low, high of `part` in `whole`; null where either is hidden or the whole is small."""
    pairs = [
        (a, n) if a is not None and n is not None and n >= MIN_RESULTS else None
        for a, n in rows.select(part, whole).iter_rows()
    ]
    intervals = [kpis.interval(*pair) if pair else (None, None) for pair in pairs]
    return rows.with_columns(
        pl.Series("share", [pair[0] / pair[1] if pair else None for pair in pairs], dtype=pl.Float64),
        pl.Series("low", [low for low, _ in intervals], dtype=pl.Float64),
        pl.Series("high", [high for _, high in intervals], dtype=pl.Float64),
    )


def safe_days(days: pl.DataFrame, k: int) -> pl.DataFrame:
    """Institutions with their days: those of fewer than max(k, 5) timed cases together as one row without figures.

    A 90th percentile of fewer than MIN_RESULTS cases is null. No rows where all of them together are so few.
    """
    least = max(k, 5)
    every = days.with_columns(pl.when(pl.col("n_timed") >= MIN_RESULTS).then("total_p90"))
    whole = every.filter(pl.col("institution_name").is_null()).with_columns(institution_name=pl.lit("全部机构"))
    each = every.filter(pl.col("institution_name").is_not_null()).sort(
        "n_cases", "institution_name", descending=[True, False]
    )
    if whole["n_timed"].sum() < least:
        return days.clear()
    n_shown = int((each["n_timed"] >= least).sum())
    shown = each.filter(pl.col("n_timed") >= least)
    rest = each.filter(pl.col("n_timed") < least)
    if 0 < rest["n_cases"].sum() < k and n_shown:  # all less the shown would tell it
        shown, rest = shown.head(n_shown - 1), pl.concat([rest, shown.tail(1)])
    if rest.is_empty():
        return pl.concat([whole, shown])
    name = f"其余 {len(rest)} 家（件数少，不列）"
    return pl.concat([whole, shown, pl.DataFrame({"institution_name": [name]})], how="diagonal")
