"""抽查与案件评查: a random sample of items that anyone can draw again, what looking them over found, unit by unit."""

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import address, disclosure, filters, marts, page, roles, versions, wording
from app.access import signin
from app.casework import cases, reviews
from app.parts.service_scope import Scope, following

STRATA = {"unit": "按单位分层", "group": "按事项大类分层", "none": "不分层"}
SIZES = {str(n): f"{n} 件" for n in (20, 30, 50, 100, 200)}
SEEDS = {str(n): str(n) for n in range(1, 31)}
LABELS = {
    "number": "序号", "unit_name": "单位", "issue_name": "事项", "source": "来源", "registered_on": "登记", "closed_on": "办结",
    "result": "结论", "points": "得分", "stratum": "层", "n_items": "层内件数", "n_drawn": "抽取", "n_reviewed": "已评", "n_pass": "合格",
    "n_fair": "基本合格", "n_fail": "不合格", "value": "合格率（%）", "low": "95%下限", "high": "95%上限", "mean_points": "平均分",
}  # fmt: skip
UNKNOWN = "（未写明单位）"


def tab(scope: Scope, edition: page.Edition) -> None:
    kind, source, by, size, seed = _settings(scope)
    asked = scope.parameters() | {"source": source, "by": by}
    strata = marts.query("service_strata", **asked)
    if strata.is_empty():
        page.quiet("所选范围没有已办结、可以逐件查看的件，无从抽取。可放宽时段、区域或来源。")
        return
    too_many = f"{STRATA[by]}有 {len(strata)} 层，比抽取的 {size} 件多，" if len(strata) > int(size) else ""
    if too_many:  # a choice among the strata would always leave out the small ones
        asked["by"] = by = "none"
        strata = marts.query("service_strata", **asked)
    sample = draw(strata, asked, int(size), seed)
    try:
        found = _mine(reviews.current(kind))
    except cases.Unavailable as missing:
        page.quiet(str(missing))
        found = None
    how = f"{scope.title} {wording.SOURCES.get(source or '', '全部来源')} {STRATA[by]} {len(sample)} 件 种子 {seed}"
    st.html(
        f'<p class="doing">从 {strata["n_items"].sum():,} 件办结件中随机抽 {len(sample)} 件，涉及 {sample["unit_name"].n_unique()} 个单位。'
        f"{too_many + '这次不分层，全部一起随机抽。' if too_many else f'{STRATA[by]}（{len(strata)} 层）。' if by != 'none' else ''}同样的数据、范围、件数和种子，抽到的是同样的件。</p>"
    )
    left, right = st.columns([6, 6], gap="large")
    with left:
        chosen = _listing(sample, found, strata, how, edition)
    with right:
        _item(chosen, kind, found, how, edition)
    if found is not None:
        summary(kind, found, scope, edition)


def _mine(found: pl.DataFrame) -> pl.DataFrame:
    """Of the results those of items the reader sees."""
    if signin.scope() is None or found.is_empty():
        return found
    return found.filter(pl.col("event_key").is_in(marts.query("known_items", keys=",".join(found["event_key"]))["key"]))


def draw(strata: pl.DataFrame, asked: Mapping[str, Any], size: int, seed: str) -> pl.DataFrame:
    """The sample, in a fixed order: event_key, source, unit_name, issue_code, issue_name, registered_on, closed_on, stratum."""
    share = reviews.allocate(dict(strata.select("stratum", "n_items").iter_rows()), size)
    return reviews.drawn(marts.query("service_draw", **asked, seed=seed, most=max(share.values(), default=0)), share)


def _settings(scope: Scope) -> tuple[str, str | None, str, str, str]:
    """Kind, source, strata, size and seed. By default the finest strata of which each gives an item."""
    first, second, third, fourth, fifth = st.columns([1.3, 1.2, 1.2, 1, 1], vertical_alignment="bottom")
    with first:
        kind = filters.choose("哪一种", reviews.KINDS, key="review", kind="buttons")
    with second:
        source = filters.source()
    with fourth:
        size = filters.choose("抽取件数", SIZES, key="size", default="30")
    with fifth:
        seed = filters.choose(
            "随机种子", SEEDS, key="seed", help="换一个种子就是另一次抽取；写进记录，事后可以重抽核对。"
        )
    asked = scope.parameters() | {"source": source}
    fits = (by for by in STRATA if len(marts.query("service_strata", **asked, by=by)) <= int(size))
    with third:
        by = filters.choose(
            "分层", STRATA, key="strata", default=following("strata", next(fits, "none")),
            help="没有选时，先按单位；单位比抽取件数多，就按事项大类；还多，就不分层。每层至少抽一件。",
        )  # fmt: skip
    filters.chips()
    return kind, source, by, size, seed


def _listing(
    sample: pl.DataFrame, found: pl.DataFrame | None, strata: pl.DataFrame, how: str, edition: page.Edition
) -> dict[str, Any]:
    """The sample as a table with what was recorded; click a row to review it. Returns the item chosen."""
    known = pl.DataFrame(schema=reviews.REVIEWS) if found is None else found
    rows = sample.join(known.select("event_key", "result", "points"), on="event_key", how="left", maintain_order="left")
    st.session_state["_sample_shown"] = rows["event_key"].to_list()
    shown = rows.with_row_index("number", offset=1).select(
        pl.col("number").cast(pl.Int64), pl.col("unit_name").fill_null(UNKNOWN), "issue_name", pl.col("source").replace(wording.SOURCES),
        "closed_on", pl.col("result").replace(reviews.RESULTS), "points",
    )  # fmt: skip
    widths = {"number": 50, "unit_name": 150, "issue_name": 130, "closed_on": 92, "points": 60}
    page.grid(shown, key="sample", labels=LABELS, height=460, widths=widths, on_select=_choose)
    counts = sample.group_by("stratum").len("n_drawn").with_columns(pl.col("n_drawn").cast(pl.Int64))
    told = strata.join(counts, on="stratum").with_columns(pl.col("stratum").replace("", "（未写明或不分层）"))
    page.foot(
        partial(disclosure.suppress, told, measures=["n_items", "n_drawn"], k=disclosure.threshold()),
        name=f"抽样方案 {how}",
        notes=edition.notes("导出的是每层多少件、抽多少件；抽到的件只在这里逐件查看。", disclosure.note(exported=True)),
        key="sample_foot",
        labels=LABELS,
    )
    asked = rows.filter(pl.col("event_key") == st.query_params.get("item", ""))
    return (asked if len(asked) else rows).row(0, named=True)


def _choose() -> None:
    rows = st.session_state["sample"]["selection"]["rows"]
    if rows:
        address.write("item", st.session_state["_sample_shown"][rows[0]])


def _item(chosen: Mapping[str, Any], kind: str, found: pl.DataFrame | None, how: str, edition: page.Edition) -> None:
    """The item, redacted, and the form that records what was found."""
    rows = marts.query("service_item", event=chosen["event_key"], registered_on=chosen["registered_on"])
    rules = {rule["rule_id"]: rule for rule in marts.query("deadline_rules").iter_rows(named=True)}
    st.html("".join(wording.item(row, rules.get(row["rule_id"])) for row in rows.iter_rows(named=True)))
    said = st.session_state.pop("_review_said", None)
    if said:
        page.quiet(said)
    if found is None:
        return
    before = found.filter(pl.col("event_key") == chosen["event_key"])
    for row in before.iter_rows(named=True):
        faults = "、".join(row["faults"]) or "无"
        st.html(
            f'<p class="said">已评：{reviews.RESULTS[row["result"]]}，{row["points"]} 分；扣分项 {wording.escape(faults)}'
            f"{'；' + wording.escape(row['note']) if row['note'] else ''}（{row['at']:%Y-%m-%d %H:%M}）。再评一次即以新的为准，旧的留存。</p>"
        )
    if edition.replayed:
        page.quiet("正在回看过去的一天，不能登记评查结果。")
        return
    _form(chosen, kind, how, edition, n_before=len(before))


def _form(chosen: Mapping[str, Any], kind: str, how: str, edition: page.Edition, *, n_before: int) -> None:
    actor = roles.picker("review")
    if actor.role not in reviews.ROLES:
        page.quiet(roles.unsaid("抽查和评查由研判中心或领导登记：请先选定身份。"))
        return
    try:
        checks = reviews.checklist(versions.home())
    except reviews.BadChecklist as fault:
        page.quiet(str(fault))
        return
    words = {
        row["check_code"]: f"{row['check_code']} {row['check_name']}（−{row['points']}）"
        for row in checks.iter_rows(named=True)
    }
    key = f"{kind}_{chosen['event_key']}_{n_before}"
    request = st.session_state.setdefault(f"_request_{key}", uuid.uuid4().hex)  # a second click is the same review
    with st.form(f"review_{key}", border=False, enter_to_submit=False):
        st.multiselect(
            "扣分项", list(words), format_func=lambda code: words[code], key=f"faults_{key}", placeholder="没有就不选"
        )
        st.segmented_control(
            "结论", list(reviews.RESULTS), format_func=lambda code: reviews.RESULTS[code], key=f"result_{key}"
        )
        st.text_input(
            "说明", key=f"note_{key}", max_chars=reviews.MAX_NOTE, help="请勿填写姓名、电话、住址；写入前还会自动脱敏。"
        )
        st.form_submit_button(
            "登记结果", type="primary", key=f"confirm_{key}", on_click=_record,
            args=(dict(chosen), kind, how, edition.version, str(actor.role), request, key),
        )  # fmt: skip


def _record(chosen: dict, kind: str, how: str, version: str, role: str, request: str, key: str) -> None:
    result, faults, note = (st.session_state.get(f"{name}_{key}") for name in ("result", "faults", "note"))
    try:
        points = reviews.record(
            kind, chosen, result=result or "", faults=faults or [], note=note or "", role=role,
            draw=how, version=version, request_id=request, home=versions.home(),
        )  # fmt: skip
    except (cases.Refused, cases.Unavailable, reviews.BadChecklist) as refusal:
        st.session_state["_review_said"] = str(refusal)
    else:
        signin.noted("casework", f"review {kind} {result}")
        st.session_state["_review_said"] = f"已登记：{reviews.RESULTS[str(result)]}，{points} 分。"


def summary(kind: str, found: pl.DataFrame, scope: Scope, edition: page.Edition) -> None:
    """How the units come out, of the items closed in the period."""
    page.section(f"{reviews.KINDS[kind]}结果", f"{scope.name}办结的件，各单位合格（含基本合格）的比例和 95% 区间")
    units = reviews.by_unit(found, scope.from_on, scope.last_day)
    if units.is_empty():
        page.quiet(f"{scope.name}办结的件还没有{reviews.KINDS[kind]}结果。在上面选一件登记。")
        return
    n, n_ok = int(units["n_reviewed"].sum()), int(units["n_pass"].sum()) + int(units["n_fair"].sum())
    st.html(
        f'<p class="doing">已评 {n} 件，合格和基本合格 {n_ok} 件（{n_ok / n:.0%}），不合格 {n - n_ok} 件。件数少，区间宽的，不作单位之间的比较。</p>'
    )
    shown = units.with_columns(
        pl.col("unit_name").fill_null(UNKNOWN),
        (pl.col("passed_share") * 100).alias("value"), (pl.col("low_share") * 100).alias("low"), (pl.col("high_share") * 100).alias("high"),
    ).select("unit_name", "n_reviewed", "n_pass", "n_fair", "n_fail", "value", "low", "high", "mean_points")  # fmt: skip
    page.grid(shown, key="reviewed", labels=LABELS, height=300)
    counts = ["n_reviewed", "n_pass", "n_fair", "n_fail"]
    page.foot(
        partial(
            disclosure.suppress,
            shown,
            measures=counts,
            k=disclosure.threshold(),
            derived=dict.fromkeys(("value", "low", "high", "mean_points"), counts),
        ),
        name=f"{reviews.KINDS[kind]}结果 {scope.name}",
        notes=edition.notes(
            "扣分标准见 sql/seeds/review_check.csv；每件以最后一次结果为准，记录只增不改。",
            disclosure.note(exported=True),
        ),
        key="reviewed_foot",
        labels=LABELS,
    )
