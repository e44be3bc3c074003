"""指标: what does each indicator come to, by which 口径, how sure is it, and against which target?"""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import disclosure, kpis, marts, page, service_counts, wording
from app.charts.series import trend
from app.parts import service_scope as scopes
from app.parts.service_scope import Scope

LABELS = {
    "kpi_name": "指标", "variant_name": "口径", "value": "数值", "numerator": "分子", "denominator": "分母", "low": "95%下限",
    "high": "95%上限", "target": "目标", "band": "色带", "median": "中位数（天）", "p90": "P90（天）", "n_excluded": "剔除",
    "n_unknown": "未写明", "basis": "依据", "kpi_version": "版本", "kpi_unit": "单位",
    "numerator_text": "分子是什么", "denominator_text": "分母是什么", "filter_text": "统计对象", "excluded_text": "剔除什么",
}  # fmt: skip
UNITS = {"share": "比例", "days": "天", "count": "件（人次）", "index": "指数"}
N_PERIODS = {"week": 53, "month": 25}


def values(scope: Scope, known: pl.DataFrame, unit: str | None = None) -> pl.DataFrame:
    """Every indicator and 口径 in the order of display: the registry's row, its counts, value, low, high, band, and for days
    median and p90."""
    asked = scope.parameters() | {"unit": unit}
    counts = known.join(marts.query("kpi_values", **asked), on=["kpi_id", "variant"]).sort("kpi_order")
    found = []
    for row in counts.iter_rows(named=True):
        low = high = median = p90 = None
        of = kpis.figure(row, row)
        if row["kpi_unit"] == "days" and row["denominator"]:
            days = marts.query("kpi_days", **asked, kpi=row["kpi_id"], variant=row["variant"]).row(0, named=True)
            half = 1.96 * (days["sd"] or 0.0) / max(days["n_events"], 1) ** 0.5
            low, high, median, p90 = max(0.0, (of or 0.0) - half), (of or 0.0) + half, days["median"], days["p90"]
        elif row["kpi_unit"] == "share":
            low, high = kpis.interval(row["numerator"], row["denominator"] or 0)
        found.append((of, low, high, kpis.band(of, row), median, p90))
    types = {
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "band": pl.String,
        "median": pl.Float64,
        "p90": pl.Float64,
    }
    return counts.with_columns(pl.DataFrame(found, schema=types, orient="row").get_columns())


def tab(scope: Scope, edition: page.Edition) -> None:
    known = scopes.registry()
    kpi = scopes.chosen_kpi(known)
    rows = values(scope, known)
    row = rows.row(by_predicate=(pl.col("kpi_id") == kpi["kpi_id"]) & (pl.col("variant") == kpi["variant"]), named=True)
    left, right = st.columns([5, 6], gap="large")
    with left:
        one(row, rows, scope)
    with right:
        course(row, scope, edition)
    page.section("全部指标", f"{scope.title}；每项按当前口径，其他口径在最右一栏")
    listing(rows, kpi, scope, edition)


def one(row: Mapping[str, Any], rows: pl.DataFrame, scope: Scope) -> None:
    """The indicator chosen: its value, every 口径 of it side by side, and the whole of the 口径 in words."""
    page.section(scopes.name(row), scope.title)
    why = kpis.missing(row, row)
    if why:
        page.quiet(why)
    same = rows.filter(pl.col("kpi_id") == row["kpi_id"])
    shown = same.filter(pl.col("value").is_not_null() | (pl.col("variant") == row["variant"])).head(4)
    for column, each in zip(st.columns(max(len(shown), 1)), shown.iter_rows(named=True), strict=True):
        column.metric(
            each["variant_name"] + ("（当前）" if each["variant"] == row["variant"] and len(shown) > 1 else ""),
            kpis.told(each["value"], each),
            parts(each) or None,
            delta_color="off",
            delta_arrow="off",
            help="\n\n".join(kpis.reading(each, each)),
        )
    lines = "".join(f"<li>{wording.escape(line)}</li>" for line in kpis.reading(row, row)[1:])
    st.html(f'<ul class="facts">{lines}</ul>')


def parts(row: Mapping[str, Any]) -> str:
    """What a value is made of: 291/336 件；中位 3 天，P90 11 天."""
    if row["value"] is None or row["kpi_unit"] == "count":
        return ""
    if row["median"] is not None:
        return f"{row['denominator']:,} 件；中位 {row['median']:g} 天，P90 {row['p90']:g} 天"
    return f"{row['numerator']:,}/{row['denominator']:,} 件"


def periods_before(scope: Scope) -> date:
    """First period of the course that ends with this one."""
    if scope.kind == "week":
        return scope.to_on - (N_PERIODS["week"] - 1) * (date(2024, 1, 8) - date(2024, 1, 1))
    return scopes.plus(scope.to_on, 1 - N_PERIODS["month"])


def series(row: Mapping[str, Any], scope: Scope, edition: page.Edition, unit: str | None = None) -> pl.DataFrame:
    """The indicator period by period up to the end of the scope: period_start_on, numerator, denominator, value,
    is_incomplete."""
    first = max(periods_before(scope), edition.data_from)
    asked = scope.parameters() | {"from_on": first, "unit": unit, "kpi": row["kpi_id"], "variant": row["variant"]}
    found = marts.query("kpi_course", **asked)
    of = [kpis.figure(row, one) for one in found.iter_rows(named=True)]
    return found.with_columns(
        pl.Series("value", of, dtype=pl.Float64),
        (pl.lit(not scope.is_whole) & (pl.col("period_start_on") == scope.to_on)).alias("is_incomplete"),
    )


def course(row: Mapping[str, Any], scope: Scope, edition: page.Edition, unit: str | None = None) -> None:
    """How the indicator went, week by week or month by month."""
    found = series(row, scope, edition, unit)
    if found["value"].null_count() == len(found):
        page.quiet(
            kpis.NO_DATA + "，画不出走势。" if not row["known_sources"] else "这些时段没有可算的件，画不出走势。"
        )
        return
    title = f"{unit + ' ' if unit else ''}{scopes.name(row)} 逐{scopes.KINDS[scope.kind]}"
    is_open = scope.county is not None or unit is not None
    safe = partial(
        service_counts.safe,
        found.drop("n_excluded", "n_unknown"),
        row,
        k=disclosure.threshold() if is_open else 0,
        within=(),
    )
    page.chart(
        page.drawn(
            _drawn, found.select("period_start_on", "value", "is_incomplete"), title=title, kpi_unit=row["kpi_unit"]
        ),
        found,
        name=f"{title} {scope.place} 至{scope.name}",
        notes=edition.notes(
            *scope.within(),
            "点是各期自己的数，件数少的期波动大。",
            disclosure.note(exported=True) if is_open else "",
        ),
        key=f"course_{'unit' if unit else 'kpi'}",
        labels=LABELS | {"period_start_on": "起始日", "is_incomplete": "未满期"},
        export=safe,
        picture=lambda: _drawn(disclosure.without_marks(safe()), title=title, kpi_unit=row["kpi_unit"]),
    )


def _drawn(found: pl.DataFrame, *, title: str, kpi_unit: str) -> Any:
    factor, unit = scopes.scale({"kpi_unit": kpi_unit})
    shown = found.select("period_start_on", (pl.col("value") * factor).round(2).alias("n_events"), "is_incomplete")
    return trend(shown, title=title, unit=unit, height=320)


def listing(rows: pl.DataFrame, kpi: Mapping[str, Any], scope: Scope, edition: page.Edition) -> None:
    """One row an indicator, in the 口径 chosen for it; the tooltip says what stands behind the figure."""
    is_shown = (
        pl.when(pl.col("kpi_id") == kpi["kpi_id"]).then(pl.col("variant") == kpi["variant"]).otherwise("is_default")
    )
    shown = rows.filter(is_shown)
    body = "".join(_row(row, rows, is_chosen=row["kpi_id"] == kpi["kpi_id"]) for row in shown.iter_rows(named=True))
    heads = ("指标", "口径", "数值", "", "分子 / 分母", "95% 区间", "目标", "其他口径")
    kinds = ("", "", "number", "", "number", "number", "number", "")
    head = "".join(f'<th class="{kind}">{name}</th>' for name, kind in zip(heads, kinds, strict=True))
    st.html(f'<table class="reading kpis"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>')
    safe = _safe(rows, shown, scope)
    page.foot(
        partial(_export, safe),
        name=f"办理质效指标 {scope.title}",
        notes=edition.notes(
            *scope.within(),
            "绿黄红的界限在指标登记表里；界限本身为黄。区间为 95%（比例用 Wilson，天数用正态近似）。",
            disclosure.note(exported=True) if scope.county else "",
        ),
        key="kpis_foot",
        labels=LABELS,
        exported=["；".join(kpis.reading(row, row)) for row in safe.head(len(shown)).iter_rows(named=True)],
    )


def _row(row: Mapping[str, Any], rows: pl.DataFrame, *, is_chosen: bool) -> str:
    tip = wording.escape("\n".join(kpis.reading(row, row)))
    others = rows.filter((pl.col("kpi_id") == row["kpi_id"]) & (pl.col("variant") != row["variant"]))
    beside = "　".join(
        f"{each['variant_name']} {kpis.told(each['value'], each)}"
        for each in others.iter_rows(named=True)
        if each["value"] is not None
    )
    interval = "" if row["low"] is None else f"{kpis.told(row['low'], row)}—{kpis.told(row['high'], row)}"
    why = kpis.missing(row, row)
    figures = (
        f'<td class="number"><b>{kpis.told(row["value"], row)}</b></td><td>{scopes.tag(row["band"])}</td>'
        f'<td class="number">{_parts_in_table(row)}</td><td class="number">{interval}</td>'
        f'<td class="number">{kpis.told(row["target"], row) if row["target"] is not None else ""}</td>'
        if not why
        else f'<td colspan="5" class="note">{wording.escape(why)}</td>'
    )
    mark = ' class="chosen"' if is_chosen else ""
    return (
        f'<tr title="{tip}"{mark}><td>{wording.escape(row["kpi_name"])}</td><td>{wording.escape(row["variant_name"])}</td>'
        f'{figures}<td class="note">{wording.escape(beside)}</td></tr>'
    )


def _parts_in_table(row: Mapping[str, Any]) -> str:
    """291 / 336; of days the whole."""
    return parts(row) if row["median"] is not None else parts(row).replace("/", " / ").removesuffix(" 件")


def _safe(rows: pl.DataFrame, shown: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """The table as shown, then the other 口径 below; small counts of a county hidden."""
    rest = rows.join(shown, on=["kpi_id", "variant"], how="anti").sort("kpi_order")
    told = pl.concat([shown, rest])
    k = scope.k()
    if not k:
        return told
    safe = pl.concat(
        [service_counts.safe(one, one.row(0, named=True), k=k, within=()) for one in told.iter_slices(1)],
        how="diagonal",
    )
    return service_counts.without_near(safe, k)


def _export(safe: pl.DataFrame) -> pl.DataFrame:
    columns = [name for name in LABELS if name in safe.columns]
    marks = [name + disclosure.MARK for name in columns if name + disclosure.MARK in safe.columns]
    return safe.select(*columns, *marks).with_columns(
        pl.col("kpi_unit").replace(UNITS), pl.col("band").replace(kpis.BAND_NAMES)
    )
