"""A report as Word: the layout of official documents (GB/T 9704-2012), or the office's own template.

Page, fonts and spacing are in the template (app/assets/templates/make_docx.py says how they come about); here the text, tables
and pictures are put where its placeholders are (app/reports/templates.py). Type is set by named styles alone, so that an
office restyles it in Word. Table titles stand above, captions of pictures below; a table of many columns stands on a page
across.
"""

import copy
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time
from itertools import count, groupby
from pathlib import Path
from typing import Any

from docx.document import Document as Doc
from docx.enum.section import WD_ORIENTATION, WD_SECTION_START
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.section import Section
from docx.shared import Emu, Length, Pt
from docx.text.paragraph import Paragraph

from app import wording
from app.charts.style import em_width
from app.exports import archive, picture
from app.reports import model, templates
from app.reports.model import Block, Chart, Column, Heading, Report, Table

MAX_COLUMNS = 8
"""More do not fit on an upright page."""
MAX_WHOLE_ROWS = 12
"""A table of so many rows stands on one page; of a longer one the head is repeated."""
TITLE_SIGNS = 19
"""Characters of 二号 on one line."""
NOTE_SIGNS = 48
"""Characters of 小五 on one line."""
CELL_SIZE, CELL_AIR, LEAST_WORDS, MAX_HEAD = Pt(10.5), Pt(10), 6, 4
"""Of a table: its type; the air left and right of a cell's words together; the characters a column of words has; a head of so
many is not broken."""
NOTHING = "本期没有。"
NUMERALS = "一二三四五六七八九十"


def docx(report: Report, template: Path | None = None) -> bytes:
    """The report as .docx.

    template: the office's own file; None = built in. Raises templates.BadTemplate where it cannot be used.
    Same report and template → same bytes.
    """
    document, anchors = templates.filled(template or templates.BUILT_IN, _words(report))
    sections = _sections(report.blocks, [name for name, _ in anchors])
    headings, figures = count(), count(1)
    for name, element in anchors:
        spot = Paragraph(element, document._body)
        if name == "附表":
            _appendix(document, spot, report.appendix)
        elif name == "口径":
            _basis(spot, report.notes)
        else:
            for block in sections.get(name, []):
                _block(document, spot, block, headings, figures)
        _leave(element)
    _describe(document, report)
    buffer = io.BytesIO()
    document.save(buffer)
    return archive.same_bytes(buffer.getvalue())


def _words(report: Report) -> Mapping[str, str]:
    words = report.placeholders() | {"标题": _title(report.title)}
    return {name: archive.plain(word) for name, word in words.items()}


def _title(text: str) -> str:
    """A long title on lines of about equal length, broken before a bracket or after a word that joins, if one is near.

    >>> _title("安澜市云溪区长宁街道办事处辖区诉求风险研判周报")
    '安澜市云溪区长宁街道办事处\\n辖区诉求风险研判周报'
    """
    if em_width(text) <= TITLE_SIGNS:
        return text
    n = int(em_width(text) // TITLE_SIGNS) + 1
    even = len(text) / n
    near = range(max(1, round(even) - 4), min(len(text), round(even) + 5))
    good = [at for at in near if text[at - 1] in "的和与及、，处市区县镇乡》）" or text[at] in "（《关"]
    at = min(good or near, key=lambda at: abs(at - even))
    return f"{text[:at]}\n{_title(text[at:])}"


def _sections(blocks: Sequence[Block], names: Sequence[str]) -> dict[str, list[Block]]:
    """Which blocks go to which placeholder: a section to its own where the template has it, the rest to 正文."""
    found: dict[str, list[Block]] = {}
    home = "正文"
    for block in blocks:
        if isinstance(block, Heading) and block.level == 1:
            own = (name for name, words in templates.SECTIONS.items() if any(word in block.text for word in words))
            home = next((name for name in own if name in names), "正文")
        found.setdefault(home, []).append(block)
    return found


def _block(document: Doc, spot: Paragraph, block: Block, headings: Iterator[int], figures: Iterator[int]) -> None:
    match block:
        case Heading(text=text, level=1):
            # counted here: an office may have put its sections in another order
            _say(spot, "研判标题1", re.sub(f"^[{NUMERALS}]+(?=、)", lambda _: NUMERALS[next(headings)], text))
        case Heading(text=text):
            _say(spot, "研判标题2", text)
        case Table():
            if len(block.frame):
                _say(spot, "研判表题", block.title)
            _table(document, spot, block, _text_width(_section(document, spot)))
        case Chart():
            _chart(spot, block, next(figures), _text_width(_section(document, spot)))
        case model.Paragraph(text=text, lead=lead):
            paragraph = _say(spot, "研判正文", lead, run_style="研判段首2" if lead.startswith("（") else "研判段首")
            _run(paragraph, text)


# ---------------------------------------------------------------- text


def _say(spot: Paragraph, style: str, text: str, *, run_style: str | None = None) -> Paragraph:
    paragraph = spot.insert_paragraph_before(style=style)
    _run(paragraph, text, run_style)
    return paragraph


_AFTER_FIGURE = re.compile(r"(?<=[\d%]) (?=[\u4e00-\u9fff])")


def _run(paragraph: Paragraph, text: str, style: str | None = None) -> None:
    """Text and nothing but text; a blank between a figure and its unit does not break.

    The hint makes Word set signs that are both Latin and Chinese (“ ” — … ·) in the Chinese font.
    """
    if not text:
        return
    run = paragraph.add_run(_AFTER_FIGURE.sub(wording.NBSP, archive.plain(text)), style)
    properties = run._element.get_or_add_rPr()
    properties.get_or_add_rFonts().set(qn("w:hint"), "eastAsia")
    language = OxmlElement("w:lang")
    language.set(qn("w:val"), "en-US")
    language.set(qn("w:eastAsia"), "zh-CN")
    properties.append(language)


def _basis(spot: Paragraph, notes: Sequence[str]) -> None:
    if notes:
        _say(spot, "研判口径标题", "口径说明")
    for n, note in enumerate(notes, start=1):
        _say(spot, "研判口径", f"{n}. {note}")


def _leave(anchor: Any) -> None:
    """The placeholder's paragraph goes, unless it ends a section or stands between a table and the end."""
    for piece in anchor.findall(qn("w:r")):
        anchor.remove(piece)
    before, after = anchor.getprevious(), anchor.getnext()
    is_last = before is not None and before.tag == qn("w:tbl") and (after is None or after.tag != qn("w:p"))
    if not is_last and not _ends_section(anchor):
        anchor.getparent().remove(anchor)


# ---------------------------------------------------------------- pictures


def _chart(spot: Paragraph, chart: Chart, n: int, width: Length) -> None:
    size = picture.DOCUMENT[0], round(picture.DOCUMENT[0] * chart.height)
    drawn = picture.png(chart.figure, size=size, bare=True)
    paragraph = spot.insert_paragraph_before(style="研判图")
    shape = paragraph.add_run().add_picture(io.BytesIO(drawn), width=width)
    about = shape._inline.docPr
    about.set("name", f"图{n}")
    about.set("descr", archive.plain("：".join(filter(None, (chart.title, chart.headline)))))
    caption = _say(spot, "研判图题", f"图{n}　{chart.title}")
    if chart.note:
        caption.paragraph_format.keep_with_next = True
        note = _say(spot, "研判注", chart.note)
        if em_width(chart.note) <= NOTE_SIGNS:
            note.alignment = WD_ALIGN_PARAGRAPH.CENTER


# ---------------------------------------------------------------- tables


def _table(document: Doc, spot: Paragraph, table: Table, whole: Length) -> None:
    """Head, rows and note, over the whole width; an empty one is a sentence."""
    rows = table.cells()
    if not rows:
        _say(spot, "研判正文", table.note or NOTHING)
        return
    drawn = document.add_table(0, len(table.columns))
    spot._p.addprevious(drawn._tbl)
    drawn.style = "研判表格"
    drawn.autofit = False
    widths = _widths(table, rows, whole)
    for column, width in zip(drawn.columns, widths, strict=True):
        column.width = width
    _set_width(drawn, sum(widths))
    is_whole = len(rows) <= MAX_WHOLE_ROWS
    styles = {name: document.styles[name].style_id for name in ("研判表头", "研判表数", "研判表文")}
    for n, said in enumerate([table.head(), *rows]):
        row = drawn.add_row()
        properties = row._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if n == 0:
            properties.append(OxmlElement("w:tblHeader"))
        is_kept = (is_whole or n == len(rows)) and (n < len(rows) or bool(table.note))
        for k, (cell, column, text) in enumerate(zip(row.cells, table.columns, said, strict=True)):
            paragraph = cell.paragraphs[0]
            paragraph._p.style = styles["研判表头" if n == 0 else "研判表数" if column.is_figure else "研判表文"]
            if n == 0 and column.is_figure:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            if _is_after_figure(table, k):
                paragraph.paragraph_format.left_indent = CELL_SIZE
            if is_kept and n:
                paragraph.paragraph_format.keep_with_next = True
            _run(paragraph, text)
            _middle(cell)
    _say(spot, "研判注", table.note)  # empty, it is the air below the table


def _middle(cell: Any) -> None:
    align = OxmlElement("w:vAlign")
    align.set(qn("w:val"), "center")
    cell._tc.get_or_add_tcPr().append(align)


def _set_width(drawn: Any, width: int) -> None:
    wide = drawn._tbl.tblPr.find(qn("w:tblW"))
    wide.set(qn("w:type"), "dxa")
    wide.set(qn("w:w"), str(round(Emu(width).twips)))


def _widths(table: Table, rows: Sequence[Sequence[str]], whole: int) -> list[Length]:
    """As the columns ask, but no figure is broken, words stand on two lines if they can, and on one if figures leave room."""
    asked = [column.width / sum(column.width for column in table.columns) * whole for column in table.columns]
    least, one_line = [], []
    for n, column in enumerate(table.columns):
        head, longest = em_width(column.head()), max(em_width(row[n]) for row in rows)
        two_lines = min(max(longest / 2 + 1, LEAST_WORDS), longest) if _is_words(column) else longest
        air = CELL_AIR + (CELL_SIZE if _is_after_figure(table, n) else 0)
        least.append(max(two_lines, head if head <= MAX_HEAD else head / 2) * CELL_SIZE + air)
        one_line.append(max(longest, head) * CELL_SIZE + air)
    figures = sum(width for width, column in zip(least, table.columns, strict=True) if not _is_words(column))
    shrunk = min(max(whole - figures, 0) / max(sum(least) - figures, 1), 1)
    least = [width * shrunk if _is_words(column) else width for width, column in zip(least, table.columns, strict=True)]
    widths = _shared(asked, least, least)
    wanted = [line if _is_words(column) else 0 for line, column in zip(one_line, table.columns, strict=True)]
    widths = _shared(widths, wanted, one_line)
    return [Emu(round(width * whole / sum(widths))) for width in widths]


def _shared(widths: Sequence[float], wanted: Sequence[float], kept: Sequence[float]) -> list[float]:
    """What columns lack to be as wide as `wanted` the others give, each of what it has over `kept`; the sum stays."""
    lacking = [max(want - width, 0) for want, width in zip(wanted, widths, strict=True)]
    spare = [max(width - keep, 0) for width, keep in zip(widths, kept, strict=True)]
    moved = min(sum(lacking), sum(spare))
    if not moved:
        return list(widths)
    gains = [moved * less / sum(lacking) - moved * more / sum(spare) for less, more in zip(lacking, spare, strict=True)]
    return [width + gain for width, gain in zip(widths, gains, strict=True)]


def _is_words(column: Column) -> bool:
    return column.kind == "text"


def _is_after_figure(table: Table, n: int) -> bool:
    """Words that begin where a figure has just ended need more air."""
    return n > 0 and table.columns[n - 1].is_figure and not table.columns[n].is_figure


# ---------------------------------------------------------------- sections of the document


def _appendix(document: Doc, spot: Paragraph, tables: Sequence[Table]) -> None:
    """附表1 … on new pages; those of many columns on pages across, counted on."""
    numbered = enumerate(tables, start=1)
    groups = [(wide, list(some)) for wide, some in groupby(numbered, key=lambda one: len(one[1].columns) > MAX_COLUMNS)]
    own = _section(document, spot)
    for n, (is_wide, some) in enumerate(groups):
        before, page = spot._p.getprevious(), own
        if is_wide:
            _close_section(spot, own)
            page = _across(document, own)
        for k, table in some:
            _say(spot, "研判表题", f"附表{k}　{table.title}")
            _table(document, spot, table, _text_width(page))
        if is_wide and (n + 1 < len(groups) or _has_more(spot)):
            _close_section(spot, page)
        elif is_wide:
            own._sectPr.getparent().replace(own._sectPr, page._sectPr)
        elif n == 0 and before is not None:
            first = Paragraph(before.getnext(), document._body)
            first.paragraph_format.page_break_before = True


def _ends_section(element: Any) -> bool:
    return element.find(f"{qn('w:pPr')}/{qn('w:sectPr')}") is not None


def _section(document: Doc, spot: Paragraph) -> Section:
    """The section the spot is in: its properties stand at its end."""
    after = (spot._p, *spot._p.itersiblings())
    found = next(
        (one.find(f".//{qn('w:sectPr')}") for one in after if _ends_section(one)), document.element.body.sectPr
    )
    return Section(found, document.part)


def _has_more(spot: Paragraph) -> bool:
    """Does anything that is seen follow in the spot's section?"""
    here = spot._p
    while not _ends_section(here) and (here := here.getnext()) is not None and here.tag != qn("w:sectPr"):
        if here.tag != qn("w:p") or here.findall(f".//{qn('w:r')}"):
            return True
    return False


def _close_section(spot: Paragraph, section: Section) -> None:
    """What stands before the spot becomes a section like this one; what follows goes on, on a new page, counted on."""
    last = spot._p.getprevious()
    if last is None or last.tag != qn("w:p") or _ends_section(last):
        last = _say(spot, "研判分节", "")._p
    last.get_or_add_pPr().append(copy.deepcopy(section._sectPr))
    section.start_type = WD_SECTION_START.NEW_PAGE
    section.different_first_page_header_footer = False
    for numbering in section._sectPr.findall(qn("w:pgNumType")):
        numbering.attrib.pop(qn("w:start"), None)


def _across(document: Doc, upright: Section) -> Section:
    """A page like this one across, bound at its top."""
    page = Section(copy.deepcopy(upright._sectPr), document.part)
    page.page_width, page.page_height = upright.page_height, upright.page_width
    page.left_margin, page.top_margin = upright.bottom_margin, upright.left_margin
    page.right_margin, page.bottom_margin = upright.top_margin, upright.right_margin
    page.orientation = WD_ORIENTATION.LANDSCAPE
    return page


def _text_width(section: Section) -> Length:
    sides = sum(side or 0 for side in (section.left_margin, section.right_margin, section.gutter))
    return Emu((section.page_width or 0) - sides)


def _describe(document: Doc, report: Report) -> None:
    """What Word shows under 属性; no author, and no time of the clock."""
    said = document.core_properties
    said.title = archive.plain(f"{report.title} {report.number}".strip())
    said.subject = archive.plain(f"{report.area_name} {report.period_name}")
    said.author = said.last_modified_by = said.comments = said.keywords = ""
    said.language, said.revision = "zh-CN", 1
    said.created = said.modified = datetime.combine(report.issued_on, time())
