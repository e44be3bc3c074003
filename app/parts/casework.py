"""Where does a warning stand, what can be done about it now, and what has been done? The panel of the closed loop."""

import json
import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from app import marts, page, roles, warned, wording
from app.access import signin
from app.casework import cases, workflow
from app.casework.cases import AGAIN, STATUSES
from app.once import once
from app.parts.warning import headline, responsible
from app.roles import Actor

WORDS = workflow.ACTIONS | {"measure": "登记处置", "reply": "提交反馈", "dismiss": "判为误报", "comment": "写批示"}
"""What the button says."""
NOTES = {
    "push": "给承办单位的话",
    "measure": "采取了什么措施",
    "reply": "办理结果",
    "return": "为什么退回、还要做什么",
    "transfer": "为什么转办",
    "object": "为什么不归本单位办",
    "close": "核实的结果",
    "dismiss": "说明",
    "comment": "批示",
    "remind": "催办的话",
}
WAITING = {"office": ("new", AGAIN, "replied"), "unit": ("pushed", "signed", "handling"), "leader": ()}
"""Whose turn is it? A leader is told of what is overdue."""


TURN = ("signal_id", "title", "case_status", "to_unit", "due_on", "is_overdue")
N_FOR_YOU = 3


# ---------------------------------------------------------------- where it stands


def current() -> pl.DataFrame | None:
    """The state of every case, a row a warning that has one; None, with a sentence, where the state cannot be read."""
    try:
        return mine(cases.current(None))
    except cases.Unavailable as missing:
        page.quiet(str(missing))
        return None


def mine(known: pl.DataFrame) -> pl.DataFrame:
    """Of the cases those within the reader's scope: of its places, or that have been with the unit."""
    scope = signin.scope()
    if scope is None:
        return known
    if not scope.is_area:
        return known.filter(pl.col("signal_id").is_in(scope.handled))
    places = marts.query("places")
    inside = set(places.filter(pl.col(f"{scope.kind}_code").is_in(scope.codes))["place_code"])
    return known.filter(
        pl.Series([json.loads(kept)["place_code"] in inside for kept in known["snapshot"]], dtype=pl.Boolean)
    )


def with_status(signals: pl.DataFrame, known: pl.DataFrame | None) -> pl.DataFrame:
    """Adds to warnings where they stand (cases.with_standing); known: `current`."""
    if known is None:
        return cases.with_standing(signals, None, pl.DataFrame(), pl.DataFrame())
    return _with_standing(signals, known, marts.version())


@once(64)
def _with_standing(signals: pl.DataFrame, known: pl.DataFrame, version: str) -> pl.DataFrame:
    """version: of the places and issues."""
    return cases.with_standing(signals, known, marts.query("places"), marts.query("issues"))


def in_words(rows: pl.DataFrame) -> pl.DataFrame:
    """Warnings with their standing, for an export: LABELS_LISTED heads the columns."""
    return rows.drop("covered_by").with_columns(
        pl.col("case_status").replace(STATUSES),
        pl.col("kind").replace(wording.KINDS),
        pl.col("finding").replace(workflow.FINDINGS),
        pl.col("reason").replace(workflow.REASONS),
    )


LABELS_LISTED = {
    "title": "预警", "case_status": "办理状态", "to_unit": "承办单位", "due_on": "限期", "is_overdue": "超期",
    "finding": "核实", "reason": "误报原因",
}  # fmt: skip


def status_words(row: Mapping[str, Any]) -> str:
    """待签收 · 已超期 3 个工作日; empty where nothing is known."""
    if row["case_status"] is None:
        return ""
    due = due_words(row["due_on"]) if row["case_status"] in (*workflow.OPEN, "new") else ""
    return " · ".join(part for part in (STATUSES[row["case_status"]], found_words(row), due) if part)


def found_words(row: Mapping[str, Any]) -> str:
    """What an ended case was found to be: 属实, 季节或节假日; else empty."""
    return workflow.REASONS.get(row["reason"] or "") or workflow.FINDINGS.get(row["finding"] or "") or ""


def due_words(due_on: date | None) -> str:
    """限 11月25日，还有 2 个工作日"""
    if due_on is None:
        return ""
    return f"限 {wording.day(due_on)}，{days_left(due_on)}"


def days_left(due_on: date | None) -> str:
    """还有 2 个工作日; 已超期 3 个工作日; 已超期, before the first working day after it; empty without a deadline."""
    if due_on is None:
        return ""
    today = page.today()
    n_days = abs(workflow.workdays_between(today, due_on))
    if due_on < today:
        return f"已超期 {n_days} 个工作日" if n_days else "已超期"
    return "今天到期" if due_on == today else f"还有 {n_days} 个工作日"


def tag(row: Mapping[str, Any], *, short: bool = False) -> str:
    """The status as HTML: what is late in the level's red, with its words. `short`: only where it stands, and what is late."""
    said = status_words(row)
    if short and said:
        late = days_left(row["due_on"]) if row["is_overdue"] else ""
        said = " · ".join(part for part in (STATUSES[row["case_status"]], found_words(row), late) if part)
    return _standing(said, is_late=row["is_overdue"]) if said else ""


def summary(known: pl.DataFrame) -> str:
    """目前还在办 7 条：待签收 2，处置中 3，待销号 2；其中超期 1 条。"""
    n = dict(known.group_by("status").len().iter_rows())
    is_open = pl.col("status").is_in(workflow.OPEN)
    n_open = len(known.filter(is_open))
    if not n_open:
        return "目前没有还在办的预警。"
    parts = "，".join(f"{workflow.STATUSES[status]} {n[status]}" for status in workflow.OPEN if n.get(status))
    n_late = len(known.filter(is_open, pl.col("is_overdue")))
    return f"目前还在办 {n_open} 条：{parts}；{f'其中超期 {n_late} 条' if n_late else '没有超期的'}。"


def measured() -> str:
    """已办结 14 条中属实 12 条（86%，95% 区间 60%—96%）; empty while nothing was judged."""
    if signin.scope():
        return ""  # it is that of the whole city
    found = cases.precision()
    if not found["n_judged"]:
        return "还没有办结的预警，实测的准确率要等办结以后才有。"
    return (
        f"实测：已办结 {found['n_judged']} 条中属实 {found['n_true']} 条"
        f"（{found['share']:.0%}，95% 区间 {found['low']:.0%}—{found['high']:.0%}）。"
    )


def overview(known: pl.DataFrame | None, actor: Actor, edition: page.Edition) -> None:
    """How many are in hand, and what waits for this reader."""
    if known is not None:
        st.html(f'<p class="doing">{wording.escape(summary(known))}</p>')
        for_you(actor, known, edition)


def for_you(actor: Actor, known: pl.DataFrame, edition: page.Edition) -> None:
    """待你处理: what waits for this reader, the one due first linked; nothing before the reader has said who it is."""
    if not actor.is_known:
        return
    fresh = with_status(warned.given(marts.query, edition.last_full_week), known)
    rows = pl.concat(
        [
            known.rename({"status": "case_status"}).select(TURN),
            fresh.filter(pl.col("case_status").is_in(["new", AGAIN])).select(TURN),
        ],
        how="vertical_relaxed",
    ).unique("signal_id", keep="last", maintain_order=True)
    mine = waiting(actor, rows).sort("is_overdue", "due_on", descending=[True, False], nulls_last=True)
    if mine.is_empty():
        st.html('<p class="said">待你处理：没有。</p>')
        return
    n = dict(mine.group_by("case_status", maintain_order=True).len().iter_rows())
    parts = "，".join(f"{STATUSES[status]} {n[status]} 条" for status in STATUSES if status in n)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="for_you"):
        st.html(f'<p class="said">待你处理 {len(mine)} 条：{parts}。</p>', width="content")
        for row in mine.head(N_FOR_YOU).iter_rows(named=True):
            st.page_link("views/warning.py", label=row["title"], query_params={"id": row["signal_id"]})


def waiting(actor: Actor, rows: pl.DataFrame) -> pl.DataFrame:
    """What waits for this reader, of warnings or cases with case_status, to_unit and is_overdue."""
    if actor.role == "leader":
        return rows.filter(pl.col("is_overdue") & pl.col("case_status").is_in(workflow.OPEN))
    turn = rows.filter(pl.col("case_status").is_in(WAITING.get(actor.role or "", ())))
    return turn.filter(pl.col("to_unit") == actor.unit) if actor.role == "unit" else turn


def case_of(signal_id: str, known: pl.DataFrame | None) -> dict[str, Any] | None:
    """The row of a warning's case; None where nobody has acted, or nothing is known."""
    rows = known.filter(pl.col("signal_id") == signal_id) if known is not None else pl.DataFrame()
    return rows.row(0, named=True) if len(rows) else None


def standing(signal: Mapping[str, Any]) -> None:
    """Under a warning's sentence: where it stands, with whom, and who should handle it."""
    unit = f"　在 {wording.escape(signal['to_unit'])}" if signal["to_unit"] else ""
    named = wording.escape(responsible(signal))
    st.html(f'<p class="said">{tag(signal)}{unit}　主办建议：{named}</p>')
    if signal["covered_by"]:
        st.page_link(
            "views/warning.py",
            label="办理中的那一条",
            icon=":material/chevron_right:",
            query_params={"id": signal["covered_by"]},
        )


def block(signal: Mapping[str, Any], known: pl.DataFrame | None, edition: page.Edition) -> None:
    """The right-hand side of a warning's page: what can be done, what has been done, the sheet to print."""
    page.section("办理")
    if known is None:
        page.quiet("办理状态暂时读不到，这里先不能办理。")
        return
    panel(signal, roles.picker(), edition, known)
    history(signal["signal_id"], edition)


def from_snapshot(signal_id: str, known: pl.DataFrame | None, edition: page.Edition) -> None:
    """A warning this version does not list: from what its case kept of it; one sentence where there is none."""
    case = case_of(signal_id, known)
    if case is None:
        page.quiet(f"没有编号为 {signal_id[:40]} 的预警；数据重新发布后，它可能已并入别的预警。")
        return
    kept = json.loads(case["snapshot"])
    signal = {
        **dict.fromkeys(cases.SNAPSHOT),
        "role_name": None,
        "responsible_basis": None,
        **kept,
        "signal_id": signal_id,
    }
    page.section(kept["title"], f"预警编号 {signal_id}")
    page.quiet("这条预警在当前数据版本里已不再列出；下面是办理时留存的内容。")
    headline(signal, edition)
    standing({**signal, **case, "case_status": case["status"], "covered_by": None})
    block(signal, known, edition)


# ---------------------------------------------------------------- acting


def panel(signal: Mapping[str, Any], actor: Actor, edition: page.Edition, known: pl.DataFrame) -> None:
    """What this reader can do now. signal: a row of the mart, or the snapshot of a case."""
    said = st.session_state.pop("_case_said", None)
    if said:
        page.quiet(said)
    if edition.replayed:
        page.quiet("正在回看过去的一天，不能办理。回到最新数据后再办。")
        return
    if not actor.is_known:
        page.quiet(roles.unsaid("先在上面选定身份（承办单位还要选定是哪个单位），再办理。"))
        return
    row = case_of(signal["signal_id"], known) or {"status": "new", "seq": 0, "to_unit": None}
    actions = workflow.allowed(row["status"], str(actor.role), own_unit=row["to_unit"], actor_unit=actor.unit)
    if not actions:
        page.quiet(nothing_to_do(row, actor))
        return
    turn = f"{signal['signal_id']}_{row['seq']}"  # after each step the forms are new
    action = st.segmented_control(
        "要做什么", actions, format_func=lambda one: WORDS[one], key=f"action_{turn}", default=actions[0], required=True
    )
    form(signal, str(action), actor, row, turn)


def nothing_to_do(case: Mapping[str, Any], actor: Actor) -> str:
    """Why there is no button."""
    if actor.role == "unit" and case["to_unit"] != actor.unit:
        return f"这一条不在{actor.unit}办理" + (
            f"，现在在{case['to_unit']}。" if case["to_unit"] else "，还没有推送给承办单位。"
        )
    return f"现在是“{workflow.STATUSES[case['status']]}”，轮到别的角色办理。"


def form(signal: Mapping[str, Any], action: str, actor: Actor, case: Mapping[str, Any], turn: str) -> None:
    """The words and choices of one step, and the button that takes it."""
    step, key = workflow.STEPS[action], f"{action}_{turn}"
    request = st.session_state.setdefault(f"_request_{key}", uuid.uuid4().hex)  # a second click is the same step
    with st.form(f"form_{key}", border=False, enter_to_submit=False):
        if action in workflow.GIVES_UNIT:
            unit = case["to_unit"] if action == "reopen" else signal["responsible_unit"]
            roles.unit_picker("交给哪个单位", key=f"to_unit_{key}", chosen=unit)
        if action == "dismiss":
            choice("误报的原因", workflow.REASONS, key=f"reason_{key}")
        if action == "close":
            choice("核实下来", workflow.FINDINGS, key=f"finding_{key}")
        if action != "sign":
            label = f"{NOTES.get(action, '说明')}（{'必填' if step.needs_note else '可不填'}）"
            st.text_area(label, key=f"note_{key}", max_chars=cases.MAX_NOTE, height=90)
            st.html('<p class="note">请勿填写姓名、电话、住址；写入前还会自动脱敏</p>')
        st.form_submit_button(
            f"确认{WORDS[action]}",
            type="primary",
            key=f"confirm_{key}",
            on_click=take,
            args=(dict(signal), action, actor, case["seq"], request, key),
        )
    st.html('<p class="note">办理记录只增不改。</p>')


def choice(label: str, options: Mapping[str, str], *, key: str) -> None:
    st.selectbox(
        label, list(options), format_func=lambda code: options[code], index=None, key=key, placeholder="请选择"
    )


def take(signal: dict[str, Any], action: str, actor: Actor, seq: int, request: str, key: str) -> None:
    """One step, as the form says it; a refusal or somebody else's step in between is said above the panel."""
    given = {name: st.session_state.get(f"{name}_{key}") for name in ("to_unit", "reason", "finding", "note")}
    try:
        cases.act(
            signal,
            action,
            role=str(actor.role),
            unit=actor.unit,
            to_unit=given["to_unit"],
            note=given["note"] or "",
            reason=given["reason"],
            finding=given["finding"],
            expected_seq=seq,
            request_id=request,
        )
    except (cases.Refused, cases.Conflict, cases.Unavailable) as refusal:
        st.session_state["_case_said"] = str(refusal)
    else:
        signin.noted("casework", f"{action} {signal['signal_id']}")
        st.session_state["_case_said"] = f"已{WORDS[action]}。"


# ---------------------------------------------------------------- what was done


def history(signal_id: str, edition: page.Edition) -> None:
    """Who did what, when, by when it was due and whether that was kept; the first step on top."""
    rows = cases.history(signal_id)
    if rows.is_empty():
        page.quiet("还没有办理记录。")
        return
    steps = "".join(step_html(row, row["seq"] == rows["seq"].max()) for row in rows.iter_rows(named=True))
    st.html(f'<ol class="steps">{steps}</ol>')
    page.foot(
        rows.drop("snapshot").with_columns(
            pl.col("role").replace(workflow.ROLES), pl.col("action").replace(workflow.ACTIONS),
            pl.col("status").replace(workflow.STATUSES), pl.col("reason").replace(workflow.REASONS),
            pl.col("finding").replace(workflow.FINDINGS),
        ),
        name=f"办理记录 {signal_id}",
        notes=edition.notes(roles.kept()),
        key="case_history",
        labels=LABELS,
    )  # fmt: skip


LABELS = {
    "seq": "序号", "at": "时间", "role": "角色", "actor_unit": "经办单位", "action": "动作", "status": "办理状态",
    "to_unit": "承办单位", "due_on": "下一步限期", "was_due_on": "这一步限期", "is_late": "晚了", "reason": "误报原因", "finding": "核实", "note": "说明",
}  # fmt: skip


def step_html(row: Mapping[str, Any], is_last: bool) -> str:
    """One step as a list item; of the last one, by when the next is due."""
    who = row["actor_unit"] or workflow.ROLES[row["role"]]
    did = WORDS[row["action"]] + (f"至{row['to_unit']}" if row["action"] in workflow.GIVES_UNIT else "")
    found = found_words(row)
    kept = ""
    if row["was_due_on"]:
        kept = _standing(
            f"限 {wording.day(row['was_due_on'])}，{'晚了' if row['is_late'] else '按时'}", is_late=row["is_late"]
        )
    said = f"<p>{wording.escape(row['note'])}</p>" if row["note"] else ""
    awaited = ""
    if is_last and row["due_on"] and row["status"] not in workflow.ENDED:
        step = workflow.ACTIONS[workflow.NEXT[row["status"]]]
        words = f"下一步：{step}，{due_words(row['due_on'])}"
        awaited = f"<li>{_standing(words, is_late=row['due_on'] < page.today())}</li>"
    return (
        f'<li><p class="note">{row["at"]:%Y-%m-%d %H:%M}　{wording.escape(who)}</p>'
        f"<p><b>{wording.escape(did)}</b>{f'（{found}）' if found else ''}　{kept}</p>{said}</li>{awaited}"
    )


def _standing(words: str, *, is_late: bool) -> str:
    return f'<span class="standing{" late" if is_late else ""}">{wording.escape(words)}</span>'
