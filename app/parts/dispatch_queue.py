"""待分派的件: what waits for a unit or a category, with a suggestion each; the clerk takes it, another or none."""

import uuid
from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from app import address, filters, marts, page, roles, suggesting, versions, wording
from app.access import signin
from app.casework import cases, choices
from app.parts import dispatch
from app.parts.dispatch import Text
from pipelines.config import Home
from pipelines.dispatch import suggest

MOST = 200
QUEUES = {"waiting": "待分派的件", "week": "最近一周新登记的件"}
WHY = {"unassigned": "未派单位", "returned": "被退回", "uncategorised": "来源未分类"}
LABELS = {
    "registered_on": "登记", "place_name": "区域", "why": "为什么在这里", "unit_name": "现在的单位", "issue_now": "现在的事项",
    "issue": "建议事项", "agrees": "与实际", "unit": "建议单位", "sure": "把握（%）", "reason": "理由", "verdict": "选择",
}  # fmt: skip
WIDTHS = {
    "registered_on": 92,
    "sure": 76,
    "verdict": 66,
    "agrees": 84,
    "place_name": 130,
    "why": 96,
    "issue_now": 130,
    "issue": 150,
}
SAID = "_dispatch_said"


def tab(edition: page.Edition) -> None:
    queue, scope = _filters()
    rows = marts.query("dispatch_queue", queue=queue, through=edition.data_through, most=MOST, **scope)
    if rows.is_empty():
        page.quiet(
            "没有等着分派的件：近一年未办结的件都有单位、没有被退回、来源都写了分类。可看「最近一周新登记的件」。"
            if queue == "waiting" else "最近一周没有可以逐件查看的新登记件。可放宽来源、县区或大类。"
        )  # fmt: skip
        return
    given = dispatch.tools()
    found: list[suggest.Suggestion] = page.drawn(_judged, rows, suggesting.state(Home(versions.home())))
    kept = _kept()
    shown = _listed(rows, found, kept, queue)
    total, n_sure = rows["n_queue"][0], sum(not one.is_abstained for one in found)
    newest = f"，下面是最新的 {len(rows)} 件" if total > len(rows) else ""
    st.html(
        f'<p class="doing">{QUEUES[queue]} {total:,} 件{newest}：{n_sure} 件有建议，{len(rows) - n_sure} 件没有把握、留给人工。</p>'
    )
    if queue == "week":
        counts = shown["agrees"].drop_nulls().value_counts(sort=True)
        compared = "，".join(f"{word} {n} 件" for word, n in counts.iter_rows())
        st.html(
            f'<p class="said">与实际分派相比：{compared or "没有可比的件"}。学过的件也在内，准不准以「模型与词库」为准。</p>'
        )
    widths = {name: WIDTHS[name] for name in shown.columns if name in WIDTHS}
    page.grid(
        shown.drop("event_key"), key="dispatch_queue", labels=LABELS, height=390, widths=widths, on_select=_choose
    )
    st.html(
        '<p class="note">点一行看这一件。有建议的在前，按把握从高到低。检举控告、涉法涉诉和保密件不逐件列出。'
        "选择只作评价建议准不准用，不改任何数字，也不派单。</p>"
    )
    st.session_state["_dispatch_shown"] = shown["event_key"].to_list()
    asked = st.query_params.get("item", "")
    key = asked if asked in set(shown["event_key"]) else shown["event_key"][0]
    at = rows["event_key"].to_list().index(key)
    _item(rows.row(at, named=True), found[at], given, kept, edition)


def _filters() -> tuple[str, dict[str, str | None]]:
    first, second, third, fourth = st.columns([1.7, 1, 1, 1], vertical_alignment="bottom")
    with first:
        queue = filters.choose("哪些件", QUEUES, key="queue", kind="buttons")
    with second:
        source = filters.source()
    with third:
        county = filters.county()
    with fourth:
        group = filters.group()
    filters.chips()
    return queue, {"source": source, "county": county, "group": group}


def _text(row: Mapping[str, Any]) -> Text:
    return Text(
        row["said"],
        row["purpose"],
        row["source"],
        row["county_code"],
        row["town_code"],
        row["registered_on"],
        row["event_key"],
    )


def _judged(rows: pl.DataFrame, _state: tuple) -> list[suggest.Suggestion]:
    """Once for the same items and the same tools (page.drawn keeps it)."""
    return dispatch.judge(dispatch.tools(), [_text(row) for row in rows.iter_rows(named=True)])


def _kept() -> pl.DataFrame | None:
    """The choices made so far; None, with a sentence, where the state cannot be read."""
    try:
        return choices.current()
    except cases.Unavailable as missing:
        page.quiet(str(missing))
        return None


def _listed(rows: pl.DataFrame, found: list[suggest.Suggestion], kept: pl.DataFrame | None, queue: str) -> pl.DataFrame:
    """event_key and the columns of the table; the surest suggestions first."""
    known = {} if kept is None else dict(kept.select("event_key", "verdict").iter_rows())
    names = filters.issue_names()
    before: list[str | pl.Expr] = ["why"]
    after: list[str] = []
    if queue == "week":
        before, after = ["unit_name", pl.col("issue_code").replace(names).alias("issue_now")], ["agrees"]
    said = pl.DataFrame(
        {
            "issue": [one.issues[0].name if one.issue_code else "人工判断" for one in found],
            "unit": [one.unit for one in found],
            "sure": [None if one.probability is None else min(round(100 * one.probability), 99) for one in found],
            "verdict": [choices.VERDICTS.get(known.get(key, "")) for key in rows["event_key"]],
            "agrees": [_agrees(row, one) for row, one in zip(rows.iter_rows(named=True), found, strict=True)],
            "reason": [one.reason for one in found],
            "abstains": [one.is_abstained for one in found],
        },
        schema_overrides={"unit": pl.String, "sure": pl.Int64, "verdict": pl.String, "agrees": pl.String},
    )
    both = pl.concat([rows.with_columns(pl.col("why").replace(WHY)), said], how="horizontal")
    both = both.sort("abstains", "sure", descending=[False, True], nulls_last=True, maintain_order=True)
    return both.select(
        "event_key", "registered_on", "place_name", *before, "issue", "unit", "sure", *after, "verdict", "reason"
    )


def _agrees(row: Mapping[str, Any], found: suggest.Suggestion) -> str | None:
    """Is it with the suggested unit, as the suggested issue? None where nothing is suggested or nothing is known."""
    if found.is_abstained or row["unit_name"] is None:
        return None
    issue, unit = found.issue_code == row["issue_code"], found.unit == row["unit_name"]
    return "一致" if issue and unit else "单位不同" if issue else "事项不同"


def _choose() -> None:
    rows = st.session_state["dispatch_queue"]["selection"]["rows"]
    if rows:
        address.write("item", st.session_state["_dispatch_shown"][rows[0]])


# ---------------------------------------------------------------- one item


def _item(
    row: Mapping[str, Any],
    found: suggest.Suggestion,
    given: suggest.Tools,
    kept: pl.DataFrame | None,
    edition: page.Edition,
) -> None:
    text = _text(row)
    page.section("这一件", row["place_name"] or "未写明区域")
    before = None if kept is None else kept.filter(pl.col("event_key") == row["event_key"])
    dispatch.show(
        text, found, given, edition,
        above=lambda: _now(row),
        choose=lambda: None if before is None else _choice(row, found, given, before, edition),
    )  # fmt: skip


def _now(row: Mapping[str, Any]) -> None:
    """When and where it came in, and with whom and as what it is now."""
    names = filters.issue_names()
    about = [
        wording.full_day(row["registered_on"]), wording.SOURCES[row["source"]], row["purpose"],
        f"现在的单位：{row['unit_name'] or '无'}", f"现在的事项：{names.get(row['issue_code'], '无')}",
    ]  # fmt: skip
    st.html(f'<p class="note">{wording.escape(" · ".join(filter(None, about)))}</p>')


def _choice(
    row: Mapping[str, Any],
    found: suggest.Suggestion,
    given: suggest.Tools,
    before: pl.DataFrame,
    edition: page.Edition,
) -> None:
    """采纳, 改选, 不采纳; the same item can be chosen for again."""
    names = dict(marts.query("issues").filter(~pl.col("is_provisional")).select("issue_code", "issue_name").iter_rows())
    if said := st.session_state.pop(SAID, None):
        page.quiet(said)
    for one in before.iter_rows(named=True):
        what = "，".join(filter(None, (names.get(one["chosen_issue"] or ""), one["chosen_unit"])))
        st.html(
            f'<p class="said">已选：{choices.VERDICTS[one["verdict"]]}{"（" + wording.escape(what) + "）" if what else ""}，'
            f"{one['chosen_at']:%Y-%m-%d %H:%M}。再选一次即以新的为准，旧的留存。</p>"
        )
    if edition.replayed:
        page.quiet("正在回看过去的一天，不能登记选择。")
        return
    actor = roles.picker("dispatch")
    if not actor.is_known:
        page.quiet(roles.unsaid("先选定身份，再采纳或改选。"))
        return
    suggested = {
        "event_key": row["event_key"], "suggested_issue": found.issues[0].code if found.issues else None,
        "suggested_unit": found.units[0].name if found.units else None, "probability": found.probability,
        "is_abstained": found.is_abstained, "model_version": given.model.about["version"] if given.model else None,
    }  # fmt: skip
    key = "_".join(map(str, [row["event_key"], *before["id"]]))  # another after each choice
    arguments = (suggested, actor, edition.version, key)
    with st.container(horizontal=True, gap="small"):
        st.button(
            "采纳", type="primary", icon=":material/check:", key=f"accept_{key}", disabled=not found.issues,
            on_click=_record, args=("accepted", *arguments),
        )  # fmt: skip
        st.button(
            "不采纳", key=f"refuse_{key}", icon=":material/close:", on_click=_record, args=("refused", *arguments)
        )
    with st.form(f"change_{key}", border=False):
        left, right = st.columns(2)
        first = [one.code for one in found.issues if one.code in names]
        issues = [*first, *(code for code in names if code not in first)]
        left.selectbox(
            "改选事项", issues, format_func=lambda code: names[code], key=f"issue_{key}", filter_mode="contains"
        )
        first = [one.name for one in found.units]
        units = [*first, *(name for name in roles.units() if name not in first)]
        right.selectbox("改选单位", units, key=f"unit_{key}", filter_mode="contains")
        st.form_submit_button("按改选登记", key=f"changed_{key}", on_click=_record, args=("changed", *arguments))


def _record(verdict: str, suggested: dict[str, Any], actor: roles.Actor, version: str, key: str) -> None:
    request = st.session_state.setdefault(f"_request_{key}", uuid.uuid4().hex)  # a second click is the same choice
    try:
        came_to = choices.record(
            suggested, verdict=verdict, issue=st.session_state.get(f"issue_{key}"), unit=st.session_state.get(f"unit_{key}"),
            role=actor.role, actor_unit=actor.unit, version=version, request_id=request,
        )  # fmt: skip
    except (cases.Refused, cases.Unavailable) as refusal:
        st.session_state[SAID] = str(refusal)
    else:
        signin.noted("casework", f"dispatch {came_to}")
        st.session_state[SAID] = f"已记下：{choices.VERDICTS[came_to]}。"
