"""督办单: one A4 page a warning, for the unit that has to act; Word, to be signed and sent back.

Margins, fonts and sizes follow GB/T 9704-2012 where a form can (天头 37 mm, 订口 28 mm, 版心 156 × 225 mm; title 二号小标宋).
The fonts are named, not embedded: the office's computers have them. No masthead and no 密级: an internal form.
"""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from docx import Document
from docx.document import Document as Doc
from docx.enum.table import WD_ALIGN_VERTICAL, WD_ROW_HEIGHT_RULE, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Length, Mm, Pt
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph

from app import wording
from app.casework import workflow

TITLE = "诉求预警督办单"
SONG, HEI, FANG = "方正小标宋简体", "黑体", "仿宋_GB2312"
MARGINS = {"top": Mm(37), "bottom": Mm(35), "left": Mm(28), "right": Mm(26)}
WIDTHS = (Mm(23), Mm(52), Mm(23), Mm(58))
"""156 mm between the margins."""
SIZE, SMALL = Pt(10.5), Pt(9)
PITCH = {SIZE: Pt(14.5), SMALL: Pt(12)}
"""Exact line spacing: the form is as long on a computer that lacks the fonts."""
MAX_NOTE, MAX_SIDE = 70, 76
"""Characters of a recorded note, and of what stands beside the finding; all of it is on the warning's own page."""
MAX_RECORDED = 3
CREATED = datetime(2020, 1, 1)
BLANK = "　" * 4
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
    _set_up(document)
    for n, signal in enumerate(signals):
        history = histories.get(signal["signal_id"], pl.DataFrame())
        _one(document, signal, cases.get(signal["signal_id"]), history.to_dicts(), notes, is_first=n == 0)
    buffer = io.BytesIO()
    document.save(buffer)
    return _same_bytes(buffer.getvalue())


def _set_up(document: Doc) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    for side, size in MARGINS.items():
        setattr(section, f"{side}_margin", size)
    section.footer_distance = Mm(20)
    normal = document.styles["Normal"]
    normal.font.size = SIZE
    fonts = normal.element.get_or_add_rPr().get_or_add_rFonts()
    for which in ("ascii", "hAnsi", "eastAsia", "cs"):
        fonts.set(qn(f"w:{which}"), FANG)
    language = OxmlElement("w:lang")
    language.set(qn("w:val"), "zh-CN")
    language.set(qn("w:eastAsia"), "zh-CN")
    normal.element.get_or_add_rPr().append(language)
    said = document.core_properties
    said.title, said.author, said.comments, said.language = TITLE, "", "", "zh-CN"
    said.created = said.modified = CREATED


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
    _say(head, TITLE, font=SONG, size=Pt(22))
    _tight(head, after=Pt(4), pitch=None)
    under = document.add_paragraph()
    stands = workflow.STATUSES[case["status"] if case else "new"]
    _say(under, f"编号：{signal['signal_id']}　　等级：{wording.level_text(signal['signal_level'])}　　状态：{stands}")
    _tight(under, after=Pt(2))

    form = document.add_table(rows=0, cols=4)
    _frame(form, WIDTHS)
    _row(form, ("事项", signal["title"]))
    _row(form, ("区域", signal["place"]), ("周次", signal["week"]))
    _row(form, ("主办单位", signal["unit"] or BLANK))
    given = wording.full_day(signal["given_on"]) if signal["given_on"] else "　　年　　月　　日"
    again = f"\n（{signal['given_again']}）" if signal.get("given_again") else ""
    _row(form, ("交办单位", workflow.ROLES["office"]), ("交办日期", f"{given}{again}"))
    _row(form, ("签发", BLANK), ("协办单位", signal["co_unit"] or BLANK))
    _row(form, ("办理期限", signal["limits"]))
    _row(form, ("情况", signal["sentence"]))
    _grounds(_row(form, ("依据", "")), signal["grounds"])
    unseen = "；".join(one.rstrip("。") for one in signal["blind_spots"])
    for label, text in (("主要构成", signal["parts"]), ("数据提醒", signal["caveat"]), ("系统盲区", unseen)):
        if text:
            _row(form, (label, _short(text, MAX_SIDE)))
    _row(form, ("办理要求", "\n".join(f"{n}. {said}" for n, said in enumerate(signal["demands"], start=1))))
    received = [row for row in history if row["action"] in RECEIVED]
    done = [row for row in history if row["action"] not in (*RECEIVED, "remind")]
    _row(form, ("签收", _recorded(received)), least=Mm(13), stamp="签收单位（盖章）：　　　　　　　　　年　　月　　日")
    _row(form, ("办理反馈", _recorded(done)), least=Mm(24), stamp="反馈单位（盖章）：　　　　　　　　　年　　月　　日")

    foot = document.add_paragraph()
    _say(foot, f"{wording.LEVEL_NOTE}{''.join(notes)}不列当事人信息，不作个人依据。", size=SMALL)
    _tight(foot, before=Pt(3), pitch=PITCH[SMALL])


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


# ---------------------------------------------------------------- the form


def _row(form: Table, *cells: tuple[str, str], least: Length | None = None, stamp: str = "") -> _Cell:
    """One row: label and text, over the whole width or two side by side. Returns the last text's cell."""
    row = form.add_row()
    _keep_whole(row._tr)
    if least is not None:
        row.height, row.height_rule = least, WD_ROW_HEIGHT_RULE.AT_LEAST
    slots = row.cells
    if len(cells) == 1:
        slots = (slots[0], slots[1].merge(slots[3]))
    for n, (label, text) in enumerate(cells):
        name, value = slots[2 * n], slots[2 * n + 1]
        name.vertical_alignment = value.vertical_alignment = WD_ALIGN_VERTICAL.CENTER
        name.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
        _say(name.paragraphs[0], label, font=HEI)
        _tight(name.paragraphs[0])
        for at, line in enumerate(text.split("\n")):
            paragraph = value.paragraphs[0] if at == 0 else value.add_paragraph()
            _say(paragraph, line)
            _tight(paragraph)
    if stamp:
        signed = value.add_paragraph()
        signed.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        _say(signed, stamp)
        _tight(signed)
        value.vertical_alignment = WD_ALIGN_VERTICAL.BOTTOM
    return value


def _grounds(cell: _Cell, rows: Sequence[Sequence[str]]) -> None:
    """The kinds of evidence as a table of their own inside the form."""
    if not rows:
        _say(cell.paragraphs[0], "见情况。")
        return
    table = cell.add_table(rows=0, cols=len(rows[0]))
    between = [Mm(19)] * (len(rows[0]) - 2)
    _frame(table, [Mm(25), *between, Length(sum(WIDTHS[1:]) - Mm(29) - sum(between))])
    for n, said in enumerate(rows):
        for slot, text in zip(table.add_row().cells, said, strict=True):
            _say(slot.paragraphs[0], text, font=FANG if n else HEI, size=SMALL)
            slot.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
            _tight(slot.paragraphs[0], pitch=PITCH[SMALL])
    first = cell.paragraphs[0]._p
    first.getparent().remove(first)  # the empty one before the table; Word wants the one after it
    last = cell.paragraphs[-1]
    _say(last, "", size=Pt(1))
    _tight(last, pitch=Pt(2))


def _frame(table: Table, widths: Sequence[Length]) -> None:
    """Thin lines all round, columns of fixed width."""
    table.style = "Table Grid"
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width


def _keep_whole(row: Any) -> None:
    """A row is not torn by the end of a page."""
    row.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def _say(paragraph: Paragraph, text: str, *, font: str = FANG, size: Length = SIZE) -> None:
    """Text and nothing but text: what XML cannot hold is left out, nothing is read as a field or a tag."""
    run = paragraph.add_run(_NO_XML.sub("", text))
    run.font.size = size
    fonts = run._element.get_or_add_rPr().get_or_add_rFonts()
    for which in ("ascii", "hAnsi", "eastAsia"):
        fonts.set(qn(f"w:{which}"), font)


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _tight(
    paragraph: Paragraph,
    *,
    before: Length | None = None,
    after: Length | None = None,
    pitch: Length | None = PITCH[SIZE],
) -> None:
    """No air but what is asked for; lines `pitch` apart (None: as the font wants)."""
    form = paragraph.paragraph_format
    form.space_before, form.space_after = before or Pt(0), after or Pt(0)
    if pitch is not None:
        form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, pitch


def _same_bytes(made: bytes) -> bytes:
    """The archive again, with the times of its members fixed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            member = zipfile.ZipInfo(name, CREATED.timetuple()[:6])
            member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 0
            new.writestr(member, old.read(name))
    return buffer.getvalue()
