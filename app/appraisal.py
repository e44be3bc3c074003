"""考核: how many points does each unit get, for what, and what was taken off? No Streamlit, no database.

The template is data: sql/seeds/appraisal.csv, or HOME/reference/appraisal.csv of the office in its place. A row is an
indicator of the registry in one 口径 (or `ledger:<kind>` of a ledger), and one of these methods:

    share     full_score × value ÷ target of the indicator (reference where the row gives one), at most full_score
    increase  points off for each item more than in the equally long period before, at most max_points
    below     points off where the value is under reference
    total     one row: the colours of the total (band_green, band_red, out of 100), and in reference the part of the
              points that must be assessable for a rank

A share of fewer items than the indicator's min_denominator is chance: the row does not count, and the total is taken over
the points that do. Every addition and deduction is said in a sentence.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from app import kpis

SEED = Path(__file__).resolve().parents[1] / "sql" / "seeds" / "appraisal.csv"
TEXTS = ("item_name", "kpi_id", "variant", "method", "basis", "note")
NUMBERS = ("full_score", "reference", "points", "max_points", "band_green", "band_red")
WANTED = {
    "share": ("full_score",),
    "increase": ("points",),
    "below": ("reference", "points"),
    "total": ("band_green", "band_red"),
}
LEDGER = "ledger:"
DETAIL = {
    "unit_name": pl.String, "peer_group": pl.String, "item_name": pl.String, "numerator": pl.Int64, "denominator": pl.Int64,
    "kpi_value": pl.Float64, "full_score": pl.Float64, "score": pl.Float64, "is_counted": pl.Boolean, "why": pl.String,
}  # fmt: skip


class BadTemplate(ValueError):
    """The template cannot be used; one Chinese sentence says which file, row and column, what was found and expected."""


def template(home: Path) -> pl.DataFrame:
    """The rows in force, typed: TEXTS and NUMBERS. Raises BadTemplate."""
    own = home / "reference" / SEED.name
    path = own if own.exists() else SEED
    raw = pl.read_csv(path, infer_schema=False, encoding="utf8").select(pl.all().str.strip_chars().replace("", None))
    missing = [name for name in (*TEXTS, *NUMBERS) if name not in raw.columns]
    if missing:
        raise BadTemplate(
            f"考核模板 {path.name} 缺少列 {'、'.join(missing)}；表头应为 {'、'.join((*TEXTS, *NUMBERS))}。"
        )
    for number, row in enumerate(raw.iter_rows(named=True), start=2):
        for column, found, expected in _faults(row):
            raise BadTemplate(f"考核模板 {path.name} 第 {number} 行 {column} 列是“{found or '空'}”，应为{expected}。")
    if (raw["method"] == "total").sum() > 1:
        raise BadTemplate(f"考核模板 {path.name} 有多行 method=total；总分只写一行。")
    return raw.select(*TEXTS, *(pl.col(name).cast(pl.Float64) for name in NUMBERS))


def _faults(row: Mapping[str, str | None]) -> Iterator[tuple[str, str | None, str]]:
    """(column, found, expected) of what is wrong with a row."""
    method = row["method"] or ""
    if method not in WANTED:
        yield "method", row["method"], "、".join(WANTED)
        return
    if not row["item_name"]:
        yield "item_name", None, "考核项的名称"
    for name in ("kpi_id", "variant"):
        if method != "total" and not row[name] and not (name == "variant" and (row["kpi_id"] or "").startswith(LEDGER)):
            yield name, None, "指标登记表里的编号"
    for name in NUMBERS:
        if row[name] is None and name in WANTED[method]:
            yield name, None, "数字"
        elif row[name] is not None and not _is_number(str(row[name])):
            yield name, row[name], "不小于 0 的数字"


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()


def scored(
    rows: pl.DataFrame,
    registry: Mapping[tuple[str, str | None], Mapping[str, Any]],
    now: Mapping[tuple[str, str | None], pl.DataFrame],
    before: Mapping[tuple[str, str | None], pl.DataFrame],
    peers: Mapping[str, str],
) -> pl.DataFrame:
    """Each unit and row of the template: DETAIL, in the order of units and rows.

    registry: (kpi_id, variant) → row of `kpi_registry`; now, before: → kpi_units of the period and of the one before it (no
    entry where nothing is known). peers: unit → its group; who is in none is no unit to be appraised.
    """
    details = []
    now_by_unit, before_by_unit = (
        {key: {row["unit_name"]: row for row in units.iter_rows(named=True)} for key, units in of.items()}
        for of in (now, before)
    )
    items = rows.filter(pl.col("method") != "total").to_dicts()
    for unit, group in sorted(peers.items()):
        for item in items:
            key = (item["kpi_id"], item["variant"])
            counts = _of(now_by_unit.get(key), unit)
            score, why = _score(item, registry.get(key), counts, _of(before_by_unit.get(key), unit))
            counts = counts or {}
            details.append(
                {
                    "unit_name": unit,
                    "peer_group": group,
                    "item_name": item["item_name"],
                    "numerator": counts.get("numerator"),
                    "denominator": counts.get("denominator"),
                    "kpi_value": kpis.value(counts.get("numerator"), counts.get("denominator")),
                    "full_score": item["full_score"],
                    "score": score,
                    "is_counted": score is not None,
                    "why": why,
                }
            )
    return pl.DataFrame(details, schema=DETAIL, orient="row")


def _of(units: Mapping[str, dict[str, Any]] | None, unit: str) -> dict[str, Any] | None:
    """The unit's row; None where nothing is known of any unit, zeros where of this one nothing happened."""
    if units is None:
        return None
    return units.get(unit, {"numerator": 0, "denominator": 0})


def _score(
    item: Mapping[str, Any],
    kpi: Mapping[str, Any] | None,
    now: Mapping[str, Any] | None,
    before: Mapping[str, Any] | None,
) -> tuple[float | None, str]:
    """Points of one row (null: does not count) and why."""
    if kpi is None or now is None:
        return None, kpis.NO_DATA
    n, of = now["numerator"], now["denominator"] or 0
    if item["method"] == "increase":
        if before is None:
            return None, "没有可比的前一时段"
        more = max(0, n - before["numerator"])
        off = min(more * item["points"], item["max_points"] if item["max_points"] is not None else float("inf"))
        said = f"{n:,} 件，前一时段 {before['numerator']:,} 件"
        return (-off, f"{said}，增 {more:,} 件，扣 {off:g} 分") if more else (0.0, f"{said}，没有增加，不扣")
    if of < max(kpi["min_denominator"], 1):
        return (
            None,
            f"样本不足（{of:,} 件，少于 {max(kpi['min_denominator'], 1)} 件），不计" if of else "没有可算的件，不计",
        )
    value = n / of
    said = f"{value:.1%}（{n:,}/{of:,}）"
    if item["method"] == "below":
        line = f"{item['reference']:.0%}"
        if value < item["reference"]:
            return -item["points"], f"{said}，低于 {line}，扣 {item['points']:g} 分"
        return 0.0, f"{said}，不低于 {line}，不扣"
    target = item["reference"] or kpi["target"] or 1.0
    score = item["full_score"] * min(1.0, value / target)
    return score, f"{said} ÷ 目标 {target:.0%} × {item['full_score']:g} 分，得 {score:.2f} 分"


def totals(details: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """One row a unit, best first within its peers, who has too little to be ranked at the end.

    unit_name, peer_group, rank (null: not ranked), score, n_full (points that could be had), n_deducted, total (of 100),
    band (null: not ranked), standing.
    """
    rule = rows.filter(pl.col("method") == "total").to_dicts()
    kpi = {"better": "up", "band_green": None, "band_red": None, **(rule[0] if rule else {})}
    most = float(rows["full_score"].fill_null(0).sum())
    least = most * ((rule[0]["reference"] if rule else None) or 0.0)
    counted = pl.col("is_counted")
    found = (
        details.group_by("unit_name", "peer_group", maintain_order=True)
        .agg(
            pl.col("score").filter(pl.col("score") >= 0).sum().alias("score"),
            pl.col("full_score").filter(counted).sum().alias("n_full"),
            pl.col("score").filter(pl.col("score") < 0).sum().abs().alias("n_deducted"),
        )
        .with_columns(
            ((pl.col("score") - pl.col("n_deducted")) / pl.col("n_full") * 100).clip(0).round(2).alias("total")
        )
        .with_columns(pl.when(pl.col("n_full") > 0).then("total").alias("total"))
    )
    is_ranked = (pl.col("n_full") >= least) & (pl.col("n_full") > 0)
    ranked = found.with_columns(
        pl.when(is_ranked).then("total").rank("min", descending=True).over("peer_group").cast(pl.Int64).alias("rank"),
        pl.when(is_ranked).then(pl.lit("ranked")).when(pl.col("n_full") > 0).then(pl.lit("too_few"))
        .otherwise(pl.lit("no_data")).alias("standing"),
    )  # fmt: skip
    bands = [
        kpis.band(total, kpi) if standing == "ranked" else None
        for total, standing in ranked.select("total", "standing").iter_rows()
    ]
    order = list(kpis.PEERS)
    return ranked.with_columns(pl.Series("band", bands, dtype=pl.String)).sort(
        pl.col("peer_group").replace_strict(
            {name: at for at, name in enumerate(order)}, default=9, return_dtype=pl.Int8
        ),
        "rank",
        -pl.col("n_full"),
        "unit_name",
        nulls_last=True,
    )
