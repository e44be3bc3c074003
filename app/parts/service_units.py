"""单位: who does better than chance among its peers, and what drives the score of one of them?"""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import numpy as np
import polars as pl
import streamlit as st

from app import address, disclosure, filters, kpis, marts, page, service_counts, wording
from app.charts.funnel import funnel
from app.parts import service_kpis, service_reminders
from app.parts import service_scope as scopes
from app.parts.service_scope import Scope

LABELS = {
    "rank": "名次", "unit_name": "单位", "value": "数值", "numerator": "分子", "denominator": "分母", "low": "95%下限",
    "high": "95%上限", "shrunk": "校正值", "band": "色带", "standing": "排名情况", "mean": "均值", "median": "中位数", "p90": "P90",
    "place": "说明", "outside": "与界限", "n_excluded": "剔除", "n_unknown": "未写明", "sd": "标准差",
}  # fmt: skip
HELPS = {
    "shrunk": "按件数多少向同组平均水平靠拢后的值，名次按它排：件数越少，靠得越近（经验贝叶斯）。",
    "rank": "件数少于指标规定的最小分母的，样本不足，不排名。",
    "bounds": "比例用 Wilson 区间，天数用正态近似；空 = 没有区间可算。",
    "place": "▲▼ 超出 99.8% 界限：同样水平的单位几乎不会因偶然落到这么远。",
}
OUTSIDE = {"above": "▲ 偏高", "below": "▼ 偏低"}
FUNNEL_POINTS = 160
ENOUGH = 10
"""So many ranked units, or half of the group, make a ranking."""


def peers_of(scope: Scope, kpi: Mapping[str, Any], group: str, known: pl.DataFrame) -> pl.DataFrame:
    """The units of one group of peers, in their order (kpis.ranked)."""
    query = "kpi_unit_days" if kpi["kpi_unit"] == "days" else "kpi_units"
    units = marts.query(query, **scope.parameters(), kpi=kpi["kpi_id"], variant=kpi["variant"])
    own = known.filter(pl.col("peer_group") == group).select("unit_name")
    return kpis.ranked(units.join(own, on="unit_name").with_columns(pl.col("denominator").cast(pl.Int64)), kpi)


def centre(units: pl.DataFrame) -> float | None:
    """The peers' mean: all their items together."""
    return kpis.value(float(units["numerator"].sum()), float(units["denominator"].sum()))


def with_place(units: pl.DataFrame, kpi: Mapping[str, Any]) -> pl.DataFrame:
    """Adds outside: above, below or null, by the limits of the funnel."""
    mean = centre(units)
    if mean is None or kpi["kpi_unit"] not in ("share", "days"):
        return units.with_columns(pl.lit(None, pl.String).alias("outside"))
    if kpi["kpi_unit"] == "share":
        found = [kpis.outside(x, n or 0, mean) for x, n in units.select("numerator", "denominator").iter_rows()]
        return units.with_columns(pl.Series("outside", found, dtype=pl.String))
    limits = kpis.funnel(mean, units["denominator"].to_list(), sd=_sd(units))
    value, lower, upper = pl.col("value"), limits["lower_998"], limits["upper_998"]
    return units.with_columns(
        pl.when(value > upper).then(pl.lit("above")).when(value < lower).then(pl.lit("below")).alias("outside")
    )


def _sd(units: pl.DataFrame) -> float:
    """Of the single items, all units together."""
    n, sd = units["denominator"].to_numpy(), units["sd"].fill_null(0.0).to_numpy()
    return float(np.sqrt((sd**2 * n).sum() / max(n.sum(), 1)))


def tab(scope: Scope, edition: page.Edition) -> None:
    kpi = scopes.chosen_kpi(scopes.registry())
    if not kpi["known_sources"]:
        page.quiet(kpis.missing(kpi, {}) or "")
        return
    known = marts.query("kpi_peers")
    there = {code: name for code, name in kpis.PEERS.items() if (known["peer_group"] == code).any()}
    if not there:
        page.quiet("所看范围内没有可以比较的单位。")
        return
    left, right = st.columns([1, 1], vertical_alignment="bottom")
    with left:
        group = filters.choose("同组", there, key="peers", kind="buttons", help="只在同类单位之间比。")
    with right:
        scope, units = spanned(scope, kpi, group, known, edition)
    units = with_place(units, kpi)
    if units.is_empty():
        page.quiet("所选范围内，这一组单位没有计入这项指标的件。可放宽时段，或换一组。")
        return
    said(units, kpi, there[group], scope)
    left, right = st.columns([6, 7], gap="medium")
    with left:
        drawn(units, kpi, there[group], scope, edition)
    with right:
        unit = listing(units, kpi, there[group], scope, edition)
    detail(unit, kpi, scope, edition)


def spanned(
    scope: Scope, kpi: Mapping[str, Any], group: str, known: pl.DataFrame, edition: page.Edition
) -> tuple[Scope, pl.DataFrame]:
    """Over how long are they ranked? By default the shortest time, ending with the period, that makes a ranking."""
    scopes_ = {str(one.n): one for one in scope.longer(edition.data_from)}
    if len(scopes_) == 1 or kpi["kpi_unit"] == "count":
        return scope, peers_of(scope, kpi, group, known)
    words = {"week": "周", "month": "个月"}[scope.kind]
    names = {code: scope.name if code == str(scope.n) else f"近 {code} {words}" for code in scopes_}
    units = cache(lambda code: peers_of(scopes_[code], kpi, group, known))
    default = next((code for code in scopes_ if is_ranking(units(code))), list(names)[-1])
    chosen = filters.choose(
        "排名看多长", names, key="over", default=scopes.following("over", default), kind="buttons",
        help=f"都截至所选的这一期。没有选时，取排得出名次的最短时段：至少 {ENOUGH} 个单位或半数单位满 {kpi['min_denominator']} 件；"
        "都排不出的，取最长的。",
    )  # fmt: skip
    return scopes_[chosen], units(chosen)


def is_ranking(units: pl.DataFrame) -> bool:
    """Are there so many ranked units that it is a ranking?"""
    n_ranked = int((units["standing"] == "ranked").sum())
    return n_ranked > 0 and n_ranked >= min(ENOUGH, len(units) / 2)


def standings(kpi: Mapping[str, Any]) -> dict[str, str]:
    """Why a unit has no rank; more items are no merit and no fault."""
    return kpis.STANDINGS | ({"too_few": "件数不排名"} if kpi["kpi_unit"] == "count" else {})


def said(units: pl.DataFrame, kpi: Mapping[str, Any], group: str, scope: Scope) -> None:
    """In one sentence: over how long, how many are ranked, and who differs from the peers by more than chance, the worse
    by name."""
    if kpi["kpi_unit"] == "count":
        words = f"{scope.name}，{group} {len(units)} 个单位；件数不排名，多不是功，少不是过。"
    else:
        n_ranked = int((units["standing"] == "ranked").sum())
        better, worse = ("above", "below") if kpi["better"] == "up" else ("below", "above")
        names = units.filter(pl.col("outside") == worse).sort("denominator", descending=True)["unit_name"].to_list()
        n_better = int((units["outside"] == better).fill_null(False).sum())
        listed = f"（{'、'.join(names[:4])}{'等' if len(names) > 4 else ''}）" if names else ""
        words = (
            f"{scope.name}，{group} {len(units)} 个单位，{n_ranked} 个参加排名，{len(units) - n_ranked} 个样本不足"
            f"（少于 {kpi['min_denominator']} 件），不排名。超出偶然的：好于同组 {n_better} 个，差于同组 {len(names)} 个{listed}。"
        )
    st.html(f'<p class="doing">{wording.escape(words)}</p>')


def drawn(units: pl.DataFrame, kpi: Mapping[str, Any], group: str, scope: Scope, edition: page.Edition) -> None:
    mean = centre(units)
    if mean is None or kpi["kpi_unit"] not in ("share", "days"):
        page.quiet("这项指标是件数或指数，没有偶然界限可画。")
        return
    title = f"{scopes.name(kpi)} · {group}"
    sd = _sd(units) if kpi["kpi_unit"] == "days" else None
    chosen = st.query_params.get("unit")

    safe = partial(service_counts.safe, units, kpi, k=scope.k())  # a city's totals by unit leave as they are

    def figure(rows: pl.DataFrame, *_key: Any) -> Any:
        factor, unit = scopes.scale(kpi)
        n = [size for size in rows["denominator"].to_list() if size]
        if not n:
            return funnel(
                pl.DataFrame(schema={"value": pl.Float64, "n": pl.Int64}),
                limits=pl.DataFrame(),
                centre=mean,
                title=title,
            )
        sizes = np.unique(np.geomspace(min(n), max(n), FUNNEL_POINTS).round().astype(int))
        limits = (
            kpis.funnel(mean, sizes.tolist(), sd=sd).rename({"denominator": "n"}).with_columns(pl.exclude("n") * factor)
        )
        shown = rows.select(
            pl.col("unit_name").alias("label"), pl.col("denominator").alias("n"), pl.col("value") * factor, "outside",
            (pl.col("standing") == "ranked").alias("is_ranked"),
        )  # fmt: skip
        return funnel(shown, limits=limits, centre=mean * factor, title=title, unit=unit, emphasis=chosen)

    page.chart(
        page.drawn(figure, units, title, chosen),
        in_words(units, kpi),
        name=f"{title} 漏斗图 {scope.title}",
        notes=edition.notes(
            *scope.within(),
            "界限：若各单位水平都与同组平均一样，95% 和 99.8% 的单位会落在其间（二项分布精确计算）。",
            disclosure.note(exported=True) if scope.county else "",
        ),
        key="funnel",
        labels=LABELS,
        export=lambda: in_words(safe(), kpi),
        picture=lambda: figure(disclosure.without_marks(safe())),
    )


def listing(units: pl.DataFrame, kpi: Mapping[str, Any], group: str, scope: Scope, edition: page.Edition) -> str:
    """The ranking; click a row to look at the unit. Returns the unit chosen."""
    factor, sign = scopes.scale(kpi)
    st.session_state["_units_shown"] = units["unit_name"].to_list()
    bounds = [
        "" if low is None else f"{low * factor:,.1f}—{high * factor:,.1f}"
        for low, high in units.select("low", "high").iter_rows()
    ]
    remark = pl.when(pl.col("standing") != "ranked").then(pl.col("standing").replace(standings(kpi)))
    shown = units.select(
        "rank", "unit_name", pl.col("value") * factor,
        wording.each(units["band"], scopes.band_text), "numerator", "denominator",
        pl.Series("bounds", bounds, dtype=pl.String), pl.col("shrunk") * factor,
        pl.coalesce(pl.col("outside").replace(OUTSIDE), remark).alias("place"),
    )  # fmt: skip
    if kpi["kpi_unit"] == "days":
        days = [units["median"].cast(pl.Float64), units["p90"].cast(pl.Float64)]
        shown = shown.drop("numerator").with_columns(days).rename({"denominator": "n_items"})
    if kpi["kpi_unit"] == "count":
        shown = shown.drop("denominator", "numerator", "bounds", "shrunk", "rank")
    shown = shown.drop([name for name in ("band",) if shown[name].null_count() == len(shown)])
    labels = LABELS | {"value": f"数值（{sign}）", "n_items": "件数", "bounds": "95% 区间"}
    widths = {
        "rank": 48,
        "unit_name": 148,
        "value": 82,
        "band": 52,
        "numerator": 50,
        "denominator": 50,
        "bounds": 92,
        "shrunk": 62,
    }
    widths = {name: width for name, width in widths.items() if name in shown.columns}
    helps = {name: words for name, words in HELPS.items() if name in shown.columns}
    page.grid(shown, key="units_list", labels=labels, helps=helps, widths=widths, height=430, on_select=_choose)
    page.foot(
        lambda: in_words(service_counts.safe(units, kpi, k=scope.k()), kpi),
        name=f"{scopes.name(kpi)} {group}排名 {scope.title}",
        notes=edition.notes(
            *scope.within(),
            f"只在同组之间比；名次按校正值排，少于 {kpi['min_denominator']} 件的样本不足，不排名。",
            disclosure.note(exported=True) if scope.county else "",
        ),
        key="units_list_foot",
        labels=LABELS,
        exported=["；".join(kpis.reading(kpi, _sum(units, kpi, scope.k())))],
    )
    asked = st.query_params.get("unit", "")
    return asked if asked in units["unit_name"] else str(units["unit_name"][0])


def in_words(units: pl.DataFrame, kpi: Mapping[str, Any]) -> pl.DataFrame:
    """Codes as an export says them."""
    return units.with_columns(
        pl.col("standing").replace(standings(kpi)),
        pl.col("band").replace(kpis.BAND_NAMES),
        pl.col("outside").replace(OUTSIDE),
    )


def _sum(units: pl.DataFrame, kpi: Mapping[str, Any], k: int) -> dict[str, Any]:
    """The counts of all of them, for the words of the 口径; the small ones hidden."""
    names = ("numerator", "denominator", *service_counts.LEFT_OUT)
    sums = {name: int(units[name].sum()) if name in units.columns else 0 for name in names}
    return service_counts.safe(pl.DataFrame([sums]), kpi, k=k, within=()).row(0, named=True)


def _choose() -> None:
    rows = st.session_state["units_list"]["selection"]["rows"]
    if rows:
        address.write("unit", st.session_state["_units_shown"][rows[0]])


def detail(unit: str, kpi: Mapping[str, Any], scope: Scope, edition: page.Edition) -> None:
    """One unit: how it went, which issues drive it, what of it is due."""
    page.section(unit, f"{scopes.name(kpi)}；在上面的排名里点一行换单位")
    left, right = st.columns(2, gap="large")
    with left:
        service_kpis.course(kpi, scope, edition, unit)
    with right:
        parts(unit, kpi, scope, edition)
    service_reminders.of_unit(unit, scope, edition)


def parts(unit: str, kpi: Mapping[str, Any], scope: Scope, edition: page.Edition) -> None:
    """By group of issues: the unit's rate, everybody's, and what the difference does to the unit's."""
    asked = scope.parameters() | {"kpi": kpi["kpi_id"], "variant": kpi["variant"]}
    own = marts.query("kpi_parts", **asked | {"unit": unit})
    if kpi["kpi_unit"] not in ("share", "days") or own["denominator"].fill_null(0).sum() == 0:
        page.quiet("这个单位在所选范围内没有可拆分的件。")
        return
    rows = service_counts.drivers(own, marts.query("kpi_parts", **asked), kpi).with_columns(
        pl.col("group_name").fill_null("未分类")
    )
    factor, sign = scopes.scale(kpi)
    points = "个百分点" if sign == "%" else sign
    columns = ["group_name", "numerator", "denominator", "value", "city_value", "effect"]
    scaled = [pl.col(name) * factor for name in ("value", "city_value", "effect")]
    labels = LABELS | {
        "group_name": "事项大类",
        "value": f"本单位（{sign}）",
        "city_value": f"全部单位（{sign}）",
        "effect": f"影响（{points}）",
    }
    helps = {
        "effect": "该类若做到全部单位的水平，本单位的数值会变动多少：该类占本单位分母的比重 ×（全部单位 − 本单位）。"
    }
    page.grid(rows.select(columns).with_columns(scaled), key="parts", labels=labels, helps=helps, height=320)
    page.foot(
        lambda: service_counts.safe(
            rows.select(columns).with_columns(scaled),
            kpi,
            k=disclosure.thresholds(rows.rename({"issue_group": "group_code"})),
        ),
        name=f"{unit} {scopes.name(kpi)} 由哪些事项拉动 {scope.title}",
        notes=edition.notes(*scope.within(), disclosure.note(exported=True)),
        key="parts_foot",
        labels=labels,
    )
