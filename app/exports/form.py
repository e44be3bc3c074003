"""What do the forms an office signs have in common: one A4 page in Word, labels and texts in a table of thin lines.

Margins, fonts and sizes follow GB/T 9704-2012 where a form can (天头 37 mm, 订口 28 mm, 版心 156 × 225 mm; title 二号小标宋).
The fonts are named, not embedded: the office's computers have them. No masthead and no 密级: an internal form.
"""

from collections.abc import Sequence
from typing import Any

from docx.document import Document as Doc
from docx.enum.table import WD_ALIGN_VERTICAL, WD_ROW_HEIGHT_RULE, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Length, Mm, Pt
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph

from app.exports.archive import CREATED, plain

SONG, HEI, FANG = "方正小标宋简体", "黑体", "仿宋_GB2312"
MARGINS = {"top": Mm(37), "bottom": Mm(35), "left": Mm(28), "right": Mm(26)}
WIDTHS = (Mm(23), Mm(52), Mm(23), Mm(58))
"""156 mm between the margins."""
SIZE, SMALL = Pt(10.5), Pt(9)
PITCH = {SIZE: Pt(14.5), SMALL: Pt(12)}
"""Exact line spacing: the form is as long on a computer that lacks the fonts."""
BLANK = "　" * 4


def set_up(document: Doc, title: str) -> None:
    """Page, fonts and language of a new document."""
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
    said.title, said.author, said.comments, said.language = title, "", "", "zh-CN"
    said.created = said.modified = CREATED


def row(form: Table, *cells: tuple[str, str], least: Length | None = None, stamp: str = "") -> _Cell:
    """One row: label and text, over the whole width or two side by side. Returns the last text's cell."""
    added = form.add_row()
    _keep_whole(added._tr)
    if least is not None:
        added.height, added.height_rule = least, WD_ROW_HEIGHT_RULE.AT_LEAST
    slots = added.cells
    if len(cells) == 1:
        slots = (slots[0], slots[1].merge(slots[3]))
    for n, (label, text) in enumerate(cells):
        name, value = slots[2 * n], slots[2 * n + 1]
        name.vertical_alignment = value.vertical_alignment = WD_ALIGN_VERTICAL.CENTER
        name.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
        say(name.paragraphs[0], label, font=HEI)
        tight(name.paragraphs[0])
        for at, line in enumerate(text.split("\n")):
            paragraph = value.paragraphs[0] if at == 0 else value.add_paragraph()
            say(paragraph, line)
            tight(paragraph)
    if stamp:
        signed = value.add_paragraph()
        signed.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        say(signed, stamp)
        tight(signed)
        value.vertical_alignment = WD_ALIGN_VERTICAL.BOTTOM
    return value


def inner(cell: _Cell, rows: Sequence[Sequence[str]], widths: Sequence[Length], *, left: Sequence[int] = ()) -> None:
    """A table inside the form, the head first; small type, centred but for the columns in `left`."""
    table = cell.add_table(rows=0, cols=len(widths))
    frame(table, widths)
    for n, said in enumerate(rows):
        for at, (slot, text) in enumerate(zip(table.add_row().cells, said, strict=True)):
            say(slot.paragraphs[0], text, font=FANG if n else HEI, size=SMALL)
            slot.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.LEFT if n and at in left else WD_ALIGN_PARAGRAPH.CENTER
            slot.vertical_alignment = WD_ALIGN_VERTICAL.CENTER
            tight(slot.paragraphs[0], pitch=PITCH[SMALL])
    first = cell.paragraphs[0]._p
    first.getparent().remove(first)  # the empty one before the table; Word wants the one after it
    last = cell.paragraphs[-1]
    say(last, "", size=Pt(1))
    tight(last, pitch=Pt(2))


def frame(table: Table, widths: Sequence[Length]) -> None:
    """Thin lines all round, columns of fixed width."""
    table.style = "Table Grid"
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width


def _keep_whole(row: Any) -> None:
    """A row is not torn by the end of a page."""
    row.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def say(paragraph: Paragraph, text: str, *, font: str = FANG, size: Length = SIZE) -> None:
    """Text and nothing but text: what XML cannot hold is left out, nothing is read as a field or a tag."""
    run = paragraph.add_run(plain(text))
    run.font.size = size
    fonts = run._element.get_or_add_rPr().get_or_add_rFonts()
    for which in ("ascii", "hAnsi", "eastAsia"):
        fonts.set(qn(f"w:{which}"), font)


def tight(
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
