"""考核: the points of each unit by the template, with every addition and deduction."""

from functools import partial

import polars as pl
import streamlit as st

from app import address, appraisal, disclosure, filters, kpis, marts, page, service_counts, versions, wording
from app.parts import service_scope as scopes
from app.parts.service_scope import Scope

LABELS = {
    "rank": "名次", "unit_name": "单位", "total": "折百总分", "score": "得分", "n_full": "可计分", "n_deducted": "扣分", "band": "色带",
    "standing": "排名情况", "item_name": "考核项", "why": "怎么算的", "full_score": "分值", "kpi_value": "数值", "numerator": "分子",
    "denominator": "分母", "peer_group": "同组", "is_counted": "计分",
}  # fmt: skip
METHODS = {
    "share": "数值 ÷ 目标 × 分值，最多得满分",
    "increase": "比前一个同样长的时段每增 1 件扣 {points:g} 分，最多扣 {max_points:g} 分",
    "below": "低于 {reference:.0%} 扣 {points:g} 分",
    "total": "（得分 − 扣分）÷ 可计分 × 100；可计分不到满分 {reference:.0%} 的不排名；绿 >{band_green:g}，红 <{band_red:g}",
}


def tab(scope: Scope, edition: page.Edition) -> None:
    if scope.kind == "week":
        page.quiet("考核按月、季、年计；一周的件数太少，台账也只按月统计。请在上面改选统计期。")
        return
    try:
        rows = appraisal.template(versions.home())
    except appraisal.BadTemplate as fault:
        page.quiet(str(fault))
        return
    details = scored(rows, scope)
    totals = appraisal.totals(details, rows)
    if totals.is_empty():
        page.quiet("还没有可以考核的单位：没有单位名录，事项里也没有写明承办单位。")
        return
    there = {code: name for code, name in kpis.PEERS.items() if (totals["peer_group"] == code).any()}
    group = filters.choose("同组", there, key="peers", kind="buttons", help="只在同类单位之间比。")
    own = totals.filter(pl.col("peer_group") == group, pl.col("standing") != "no_data")
    _rules(rows)
    if own.is_empty():
        page.quiet("所选时段内，这一组单位的件数都不够计分。可改看季或年。")
        return
    n_ranked = int((own["standing"] == "ranked").sum())
    st.html(
        f'<p class="doing">{there[group]} {len(own)} 个单位有可计分的项，{n_ranked} 个参加排名，{len(own) - n_ranked} 个样本不足，不排名。</p>'
    )
    left, right = st.columns([6, 6], gap="large")
    with left:
        unit = _listing(own, details, rows, there[group], scope, edition)
    with right:
        _card(unit, own, details, scope)


def scored(rows: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Every unit and row of the template (appraisal.DETAIL), from the marts."""
    registry = {(kpi["kpi_id"], kpi["variant"]): kpi for kpi in scopes.registry().iter_rows(named=True)}
    kinds = {kind["ledger_kind"]: kind for kind in marts.query("ledger_kinds").iter_rows(named=True)}
    now: dict[tuple[str, str | None], pl.DataFrame] = {}
    before: dict[tuple[str, str | None], pl.DataFrame] = {}
    for kpi_id, variant in rows.filter(pl.col("method") != "total").select("kpi_id", "variant").iter_rows():
        key = (kpi_id, variant)
        if kpi_id.startswith(appraisal.LEDGER):
            kind = kinds.get(kpi_id.removeprefix(appraisal.LEDGER))
            if kind is not None and kind["n_entries"]:
                registry[key] = {"min_denominator": 1, "target": 1.0, "kpi_unit": "share"}
                now[key] = _ledger(kind, scope)
        elif registry.get(key, {}).get("known_sources"):
            now[key] = marts.query("kpi_units", **scope.parameters(), kpi=kpi_id, variant=variant)
            before[key] = marts.query("kpi_units", **scope.before().parameters(), kpi=kpi_id, variant=variant)
    peers = dict(marts.query("kpi_peers").select("unit_name", "peer_group").iter_rows())
    return appraisal.scored(rows, registry, now, before, peers)


def _ledger(kind: dict, scope: Scope) -> pl.DataFrame:
    """A ledger's achieved rate by unit, as kpi_units gives an indicator: the base is that of the ledger's page."""
    asked = scope.parameters() | {"kind": kind["ledger_kind"], "subtype": None}
    counts = marts.query("ledger_counts", **asked)
    base = pl.col("n_replied") if kind["achieved_base"] == "replied" else pl.col("n_opened") - pl.col("n_withdrawn")
    return counts.select("unit_name", pl.col("n_achieved").alias("numerator"), base.alias("denominator"))


def _rules(rows: pl.DataFrame) -> None:
    """The template in words, folded."""
    with st.expander("考核模板：分值和加扣分规则（HOME/reference/appraisal.csv 可替换）"):
        registry = {
            (kpi["kpi_id"], kpi["variant"]): scopes.name(kpi) for kpi in scopes.registry().iter_rows(named=True)
        }
        body = "".join(
            f"<tr><td>{wording.escape(row['item_name'])}</td><td>{wording.escape(registry.get((row['kpi_id'], row['variant'])) or '')}</td>"
            f'<td class="number">{row["full_score"] or ""}</td><td>{wording.escape(METHODS[row["method"]].format(**{k: v or 0 for k, v in row.items()}))}</td>'
            f"<td>{wording.escape(row['basis'] or '')}{'。' + wording.escape(row['note']) if row['note'] else ''}</td></tr>"
            for row in rows.iter_rows(named=True)
        )
        st.html(
            '<table class="reading"><thead><tr><th>考核项</th><th>指标和口径</th><th class="number">分值</th><th>怎么算</th><th>依据和说明</th></tr></thead>'
            f"<tbody>{body}</tbody></table>"
        )


def _listing(
    own: pl.DataFrame, details: pl.DataFrame, rows: pl.DataFrame, group: str, scope: Scope, edition: page.Edition
) -> str:
    st.session_state["_appraised"] = own["unit_name"].to_list()
    shown = own.select(
        "rank", "unit_name", "total", wording.each(own["band"], scopes.band_text), "score", "n_deducted",
        "n_full", pl.col("standing").replace(kpis.STANDINGS),
    )  # fmt: skip
    page.grid(
        shown, key="appraised", labels=LABELS, height=430, widths={"rank": 50, "unit_name": 170}, on_select=_choose
    )
    mine = details.filter(pl.col("unit_name").is_in(own["unit_name"].to_list()))
    page.foot(
        partial(export, mine, own, scope),
        name=f"考核得分 {group} {scope.title}",
        notes=edition.notes(
            *scope.within(),
            "名次只在同组之间排；样本不足的项不计分，总分按可计分部分折成百分。",
            disclosure.note(exported=True) if scope.county else "",
        ),
        key="appraised_foot",
        labels=LABELS,
        exported=[
            f"{row['item_name']}：{METHODS[row['method']].format(**{k: v or 0 for k, v in row.items()})}（{row['basis'] or ''}）"
            for row in rows.iter_rows(named=True)
        ],
    )
    asked = st.query_params.get("unit", "")
    return asked if asked in own["unit_name"] else str(own["unit_name"][0])


def export(details: pl.DataFrame, totals: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """One row a unit and item, the total beside it; where counts of a county are hidden, so is what tells them."""
    k = scope.k()
    joined = totals.select("unit_name", "rank", "total", "band", "standing").join(
        details, on="unit_name", maintain_order="left"
    )
    if k:
        kpi = {"kpi_unit": "share"}
        parts = [
            service_counts.safe(part, kpi, k=k)
            for _, part in joined.rename({"kpi_value": "value"}).group_by("item_name", maintain_order=True)
        ]
        joined = pl.concat(parts, how="diagonal").rename({"value": "kpi_value"})
        is_hidden = pl.any_horizontal(
            pl.col(name + disclosure.MARK).is_not_null() for name in ("numerator", "denominator")
        )
        joined = joined.with_columns(
            pl.when(is_hidden).then(pl.lit("件数少，隐去")).otherwise("why").alias("why"),
            pl.when(~is_hidden).then("score").alias("score"),
        ).drop("value" + disclosure.MARK, strict=False)
        totals_gone = joined.filter(pl.col("why") == "件数少，隐去")["unit_name"].unique()
        joined = joined.with_columns(
            pl.when(~pl.col("unit_name").is_in(totals_gone.to_list())).then(name).alias(name)
            for name in ("total", "rank", "band")
        )
    return joined.with_columns(
        pl.col("peer_group").replace(kpis.PEERS),
        pl.col("standing").replace(kpis.STANDINGS),
        pl.col("band").replace(kpis.BAND_NAMES),
    )


def _choose() -> None:
    rows = st.session_state["appraised"]["selection"]["rows"]
    if rows:
        address.write("unit", st.session_state["_appraised"][rows[0]])


def _card(unit: str, own: pl.DataFrame, details: pl.DataFrame, scope: Scope) -> None:
    """One unit's score, line by line."""
    total = own.row(by_predicate=pl.col("unit_name") == unit, named=True)
    rank = f"第 {total['rank']} 名" if total["rank"] else kpis.STANDINGS[total["standing"]]
    page.section(unit, scope.title)
    st.html(
        f'<p class="doing">折百 {total["total"]:.1f} 分　{scopes.tag(total["band"])}　{rank}　（得 {total["score"]:.2f} 分，扣 {total["n_deducted"]:g} 分，'
        f"可计 {total['n_full']:g} 分）</p>"
    )
    body = "".join(
        f'<tr><td>{wording.escape(row["item_name"])}</td><td class="number">{wording.number(row["full_score"])}</td>'
        f'<td class="number"><b>{_points(row["score"], row["full_score"])}</b></td><td>{wording.escape(row["why"])}</td></tr>'
        for row in details.filter(pl.col("unit_name") == unit).iter_rows(named=True)
    )
    st.html(
        '<table class="reading"><thead><tr><th>考核项</th><th class="number">分值</th><th class="number">得分</th><th>怎么算的</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _points(score: float | None, full_score: float | None) -> str:
    """8.73 of an item with points to have, −3.00 of one that only takes off, 不计."""
    if score is None:
        return "不计"
    return f"{score:.2f}" if full_score is not None else f"{score:+.2f}".replace("-", "−").replace("+0.00", "0.00")
