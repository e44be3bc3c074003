"""督办单: the button that makes the sheet of a warning, or of several, and what it says of each."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import disclosure, downloads, marts, page, versions, wording
from app.casework import cases, workflow
from app.exports import supervision
from app.warned import safe_evidence
from app.wording import spoken

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
DEMANDS = (
    "核实情况和成因，提出处置措施和完成时间，按期反馈。",
    "不属本单位职责的，请在登记处置之前异议退回，并写明理由。",
    "只就事项办理；不打听、不透露是谁反映的，不向反映人施压。",
)
STEPS = ("sign", "measure", "reply", "close")
HEAD = ("证据", "件数", "基数", "预期", "上限", "偶然概率")


def button(
    signals: Sequence[Mapping[str, Any]], edition: page.Edition, *, key: str = "sheet", label: str = "督办单 Word"
) -> None:
    """A button for the sheets of these warnings (rows of queries signals or signal_story, one a warning), made when pressed:
    what was recorded up to then is on them. Nothing for no warning."""
    if not signals:
        return
    said = [prepared(signal) for signal in signals]
    what = said[0]["title"] if len(said) == 1 else f"{len(said)} 条"
    week = wording.week_code(max(signal["week_start_on"] for signal in signals))
    file_name = f"督办单_{'_'.join(what.replace('/', '／').split())}_{week}.docx"
    st.download_button(
        label,
        downloads.noted(partial(made, said, edition.notes(disclosure.note())), file_name),
        file_name,
        DOCX,
        key=f"download_{key}",
        on_click="ignore",
        icon=":material/description:",
    )


def made(signals: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> bytes:
    """The file, with where each case stands now; without that where the state cannot be read."""
    ids = [signal["signal_id"] for signal in signals]
    try:
        standing = {row["signal_id"]: row for row in cases.current(ids).iter_rows(named=True)}
        histories = {signal_id: cases.history(signal_id) for signal_id in standing}
    except cases.Unavailable as missing:
        standing, histories, notes = {}, {}, [*notes, str(missing)]
    filled = [
        {**signal, **handed_over(signal, standing.get(signal["signal_id"]), histories.get(signal["signal_id"]))}
        for signal in signals
    ]
    return supervision.sheet(filled, standing, histories, notes)


def prepared(signal: Mapping[str, Any]) -> dict[str, Any]:
    """What the sheet says of a warning, safe for a reader outside: small counts are hidden."""
    is_small = signal["observed"] < disclosure.threshold(signal["issue_code"])
    week = signal["week_start_on"]
    return {
        "signal_id": signal["signal_id"],
        "signal_level": signal["signal_level"],
        "title": signal["title"],
        "place": wording.place(signal),
        "week": f"{wording.week_name(week)}\n{wording.week_span(week)}",
        "unit": signal["responsible_unit"] or signal["role_name"] or "",
        "co_unit": "",
        "sentence": spoken(signal),
        "grounds": grounds(signal),
        "parts": wording.evidence_line(safe_evidence(signal)),
        "caveat": "" if is_small else signal["caveat"] or "",
        "blind_spots": json.loads(signal["blind_spots"] or "[]"),
        "demands": DEMANDS,
    }


def grounds(signal: Mapping[str, Any]) -> list[Sequence[str]]:
    """The kinds of evidence as rows of text, the head first; empty where none is kept."""
    unit = signal["unit_name"]
    rows = marts.query(
        "signal_evidence",
        week=signal["week_start_on"], place=signal["place_code"], issue=signal["issue_code"], unit=unit,
    )  # fmt: skip
    if unit:
        rows = rows.filter(pl.col("kind") == signal["kind"])
    derived = {name: ["observed"] for name in ("expected", "upper_bound", "p_value")}
    k = disclosure.threshold(signal["issue_code"])
    safe = disclosure.suppress(rows, measures=["observed", "base"], k=k, within=(), derived=derived)
    said = safe.with_columns(
        pl.col("kind").replace(wording.KINDS),
        wording.each(safe["p_value"], wording.p_value),
        *(wording.each(safe[name], _number) for name in ("observed", "base", "expected", "upper_bound")),
    )  # fmt: skip
    shown = (
        disclosure.in_text(said).select("kind", "observed", "base", "expected", "upper_bound", "p_value").fill_null("—")
    )
    return [HEAD, *shown.iter_rows()] if len(shown) else []


def _number(value: float) -> str:
    return wording.number(value, 0 if value == round(value) else 1)


def handed_over(
    signal: Mapping[str, Any], case: Mapping[str, Any] | None, history: pl.DataFrame | None
) -> dict[str, Any]:
    """To whom the case was given, on which day, and by when each step is due or when it was done: unit, given_on,
    given_again (why the limits count from a later day, may be empty), limits.

    given_on: the first hand-over to the unit it is with now, since it was last with another or with the office.
    """
    try:
        days = workflow.limits(signal["signal_level"], versions.home())
    except workflow.BadSetting:
        return {"given_on": None, "limits": "期限设置有误，见系统"}
    rows = history.to_dicts() if history is not None else []
    given = _given(rows, case["to_unit"]) if case else []
    if case is None or case["status"] == "new" or not given:
        limits = "交办后 " + "；".join(f"{days[step]} 个工作日内{workflow.ACTIONS[step]}" for step in STEPS)
        is_false = case is not None and case["status"] == "false_alarm"
        return {"given_on": None, "limits": _done(rows, "dismiss") if is_false else limits}
    started = [row["at"].date() for row in rows if row["action"] in workflow.RESTARTS][-1]
    last = [row for row in given if row["action"] in workflow.RESTARTS][-1]
    again = "" if last is given[0] else f"{wording.day(started)}{workflow.ACTIONS[last['action']]}"
    handed = max(n for n, row in enumerate(given) if row["action"] in workflow.GIVES_UNIT)
    awaited = workflow.NEXT.get(case["status"])
    n_done = STEPS.index(awaited) if awaited else len(STEPS)
    said = [_done(given[handed:], step) for step in STEPS[:n_done]]
    said += [
        f"{wording.day(workflow.add_workdays(started, days[step]))}前{workflow.ACTIONS[step]}"
        for step in STEPS[n_done:]
    ]
    if case["status"] == "false_alarm":
        said.append(_done(rows, "dismiss"))
    limits = "；".join(filter(None, said))
    return {"unit": case["to_unit"], "given_on": given[0]["at"].date(), "given_again": again, "limits": limits}


def _given(history: Sequence[Mapping[str, Any]], unit: str | None) -> list[Mapping[str, Any]]:
    """The actions since the case came to this unit, the hand-over first; empty where no unit has it."""
    since = len(history)
    while unit and since and history[since - 1]["to_unit"] == unit:
        since -= 1
    given = list(history[since:])
    while given and given[0]["action"] not in workflow.GIVES_UNIT:
        given.pop(0)
    return given


def _done(history: Sequence[Mapping[str, Any]], step: str) -> str:
    """已于 11月9日签收; empty where it was not done. Of 处置, which may go on, the first."""
    days = [row["at"] for row in history if row["action"] == step]
    word = "判为误报" if step == "dismiss" else workflow.ACTIONS[step]
    return f"已于 {wording.day(days[0 if step == 'measure' else -1])}{word}" if days else ""
