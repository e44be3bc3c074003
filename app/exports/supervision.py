"""督办单: one A4 page a warning, for the unit that has to act; Word, to be signed and sent back. Laid out as `form` says."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from docx import Document
from docx.document import Document as Doc
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Length, Mm, Pt
from docx.table import _Cell

from app import wording
from app.casework import workflow
from app.exports.archive import same_bytes
from app.exports.form import BLANK, PITCH, SMALL, SONG, WIDTHS, frame, inner, row, say, set_up, tight

TITLE = "诉求预警督办单"
MAX_NOTE, MAX_SIDE = 70, 76
"""Characters of a recorded note, and of what stands beside the finding; all of it is on the warning's own page."""
MAX_RECORDED = 3
DECISIONS = ("return", "close", "dismiss", "reopen")
RECEIVED = ("push", "sign", "object", "transfer")
"""Actions recorded under 签收; all others but a reminder stand under 反馈."""


def sheet(
    signals: Sequence[Mapping[str, Any]],
    cases: Mapping[str, Mapping[str, Any]],
    histories: Mapping[str, pl.DataFrame],
    notes: Sequence[str],
) -> bytes:
    """The sheets of these warnings as one .docx, each on a page of its own.

    signals: what is said of each warning, already safe for a reader outside (app.parts.supervision.prepared):
        signal_id, signal_level, title, place, week, unit, co_unit, limits, sentence, parts, caveat  text, may be empty
        given_on  date or None; given_again  why the limits count from a later day (may be missing)
        demands, blind_spots  sentences; grounds  rows of text, the head first
    cases: signal_id → where its case stands (`status`); absent = nothing recorded yet.
    histories: signal_id → its actions, oldest first: action, role, actor_unit, at, note (redacted).
    notes: as-of day, data version. Same input → same bytes.
    """
    document = Document()
    set_up(document, TITLE)
    for n, signal in enumerate(signals):
        history = histories.get(signal["signal_id"], pl.DataFrame())
        _one(document, signal, cases.get(signal["signal_id"]), history.to_dicts(), notes, is_first=n == 0)
    buffer = io.BytesIO()
    document.save(buffer)
    return same_bytes(buffer.getvalue())


def _one(
    document: Doc,
    signal: Mapping[str, Any],
    case: Mapping[str, Any] | None,
    history: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
    *,
    is_first: bool,
) -> None:
    head = document.add_paragraph()
    head.alignment = WD_ALIGN_PARAGRAPH.CENTER
    head.paragraph_format.page_break_before = not is_first
    say(head, TITLE, font=SONG, size=Pt(22))
    tight(head, after=Pt(4), pitch=None)
    under = document.add_paragraph()
    stands = workflow.STATUSES[case["status"] if case else "new"]
    say(under, f"编号：{signal['signal_id']}　　等级：{wording.level_text(signal['signal_level'])}　　状态：{stands}")
    tight(under, after=Pt(2))

    form = document.add_table(rows=0, cols=4)
    frame(form, WIDTHS)
    row(form, ("事项", signal["title"]))
    row(form, ("区域", signal["place"]), ("周次", signal["week"]))
    row(form, ("主办单位", signal["unit"] or BLANK))
    given = wording.full_day(signal["given_on"]) if signal["given_on"] else "　　年　　月　　日"
    again = f"\n（{signal['given_again']}）" if signal.get("given_again") else ""
    row(form, ("交办单位", workflow.ROLES["office"]), ("交办日期", f"{given}{again}"))
    row(form, ("签发", BLANK), ("协办单位", signal["co_unit"] or BLANK))
    row(form, ("办理期限", signal["limits"]))
    row(form, ("情况", signal["sentence"]))
    _grounds(row(form, ("依据", "")), signal["grounds"])
    unseen = "；".join(one.rstrip("。") for one in signal["blind_spots"])
    for label, text in (("主要构成", signal["parts"]), ("数据提醒", signal["caveat"]), ("系统盲区", unseen)):
        if text:
            row(form, (label, _short(text, MAX_SIDE)))
    row(form, ("办理要求", "\n".join(f"{n}. {said}" for n, said in enumerate(signal["demands"], start=1))))
    received = [one for one in history if one["action"] in RECEIVED]
    done = [one for one in history if one["action"] not in (*RECEIVED, "remind")]
    row(form, ("签收", _recorded(received)), least=Mm(13), stamp="签收单位（盖章）：　　　　　　　　　年　　月　　日")
    row(form, ("办理反馈", _recorded(done)), least=Mm(24), stamp="反馈单位（盖章）：　　　　　　　　　年　　月　　日")

    foot = document.add_paragraph()
    say(foot, f"{wording.LEVEL_NOTE}{''.join(notes)}不列当事人信息，不作个人依据。", size=SMALL)
    tight(foot, before=Pt(3), pitch=PITCH[SMALL])


def _recorded(actions: Sequence[Mapping[str, Any]]) -> str:
    """What stands in the system, one line an action: what the unit did and answered last, what was decided last, and of
    the others the last ones."""
    wanted = (("measure",), ("reply",), DECISIONS)
    last = [max((n for n, one in enumerate(actions) if one["action"] in kind), default=-1) for kind in wanted]
    others = reversed([n for n in range(len(actions)) if n not in last])
    kept = [*(n for n in last if n >= 0), *others][:MAX_RECORDED]
    lines = []
    for action in (actions[n] for n in sorted(kept)):
        who = action["actor_unit"] or workflow.ROLES[action["role"]]
        note = action["note"] or ""
        note = f"：{note[: MAX_NOTE - 1]}…" if len(note) > MAX_NOTE else f"：{note}" if note else ""
        lines.append(
            f"{action['at']:%Y-%m-%d %H:%M} {who} {workflow.ACTIONS[action['action']]}{' '.join(note.split())}"
        )
    left_out = len(actions) - len(lines)
    return "\n".join([f"（另有 {left_out} 次记录，见系统）"] * bool(left_out) + lines)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _grounds(cell: _Cell, rows: Sequence[Sequence[str]]) -> None:
    """The kinds of evidence as a table of their own inside the form."""
    if not rows:
        say(cell.paragraphs[0], "见情况。")
        return
    between = [Mm(19)] * (len(rows[0]) - 2)
    inner(cell, rows, [Mm(25), *between, Length(sum(WIDTHS[1:]) - Mm(29) - sum(between))])
