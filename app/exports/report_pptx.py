"""A report as a deck: cover, then one slide a finding; tables and sentences that are too long go on over further slides."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pptx.oxml import parse_xml
from pptx.util import Pt

from app.charts.style import em_width
from app.exports import archive, slides
from app.exports.drawingml import EMU, fill, run, run_form, stroke
from app.exports.native_chart import Box
from app.palette import ACCENT, INK, LEVELS, MUTED, PANEL, RULE
from app.reports.model import Chart, Report, Slide, Table, Tile

NO_STYLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"
"""PowerPoint's table style without grid and colour; lines are set cell by cell."""
TABLE_SIZES = (18.0, 16.0, 15.0, 14.0, 13.0, 12.0)
"""Points; the first in which all of it fits on one slide."""
SHORT = 10.0
"""Em; so much of a text column is kept on one line."""
SPLIT_SIZE, SPLIT_SENTENCES = 14.0, 18.0
"""What goes on over several slides need not be small."""
SENTENCE_SIZES = (22.0, 20.0, 18.0, 16.0)
PITCH = 1.4
"""From line to line, in type sizes."""
MAX_TILES = 9
GAP = 30.0
CONTINUED = "（续）"
T = TypeVar("T")


def pptx(report: Report, template: Path | None = None) -> bytes:
    """The report's slides as .pptx. template: the office's own; None = built in. Same report → same bytes.

    Raises app.reports.templates.BadTemplate.
    """
    deck = slides.opened(report.placeholders(), template)
    slides.add_cover(deck, report.notes)
    for slide in report.slides:
        _add(deck, slide, report)
    return slides.finished(deck, f"{report.title} {report.number}".strip())


def _add(deck: slides.Deck, slide: Slide, report: Report) -> None:
    body = slide.body
    own = body.note if isinstance(body, Table | Chart) else ""
    is_empty = isinstance(body, Table) and body.frame.is_empty()  # its note is then what the slide says
    basis = slide.basis or ("" if is_empty else own)
    notes = [f"口径：{basis}" if basis else "", own if own != basis else "", *report.notes]

    def page(part: int, *, keep_body: bool = False) -> tuple[Any, Box]:
        headline = slide.headline + (CONTINUED if part else "")
        return slides.add_page(deck, headline, section=slide.section, basis=basis, notes=notes, keep_body=keep_body)

    if isinstance(body, Chart):
        drawn, box = page(0)
        slides.place(drawn, body.figure, box, name=body.title, description=f"{body.title}。{slide.headline}")
    elif isinstance(body, Table):
        _add_table(page, body)
    elif body and isinstance(body[0], Tile):
        tiles = [tile for tile in body if isinstance(tile, Tile)]
        for part, start in enumerate(range(0, len(tiles), MAX_TILES)):
            drawn, box = page(part)
            _add_tiles(drawn, box, tiles[start : start + MAX_TILES])
    else:
        _add_sentences(page, [str(sentence) for sentence in body])


# ---------------------------------------------------------------- headline figures


def _add_tiles(slide: Any, box: Box, tiles: Sequence[Tile]) -> None:
    """A calm grid: of an odd number the first, the whole, stands large at the left of its parts."""
    n = len(tiles)
    if n % 2 and n >= 5:
        left = box.width * (0.36 if n == 5 else 0.28)
        _add_tile(slide, Box(box.left, box.top + 10, left, box.height * 0.9), tiles[0], is_first=True)
        rest = Box(box.left + left + GAP, box.top + 10, box.width - left - GAP, box.height - 10)
        columns = (n - 1) // 2
        _add_grid(slide, rest, tiles[1:], columns)
    else:
        _add_grid(slide, Box(box.left, box.top + 10, box.width, box.height - 10), tiles, n if n < 5 else n // 2)


def _add_grid(slide: Any, box: Box, tiles: Sequence[Tile], columns: int) -> None:
    rows = -(-len(tiles) // columns)
    width, height = (box.width - GAP * (columns - 1)) / columns, min((box.height - GAP * (rows - 1)) / rows, 170)
    for k, tile in enumerate(tiles):
        row, column = divmod(k, columns)
        left, top = box.left + column * (width + GAP), box.top + row * (height + GAP)
        _add_tile(slide, Box(left, top, width, height), tile)


def _add_tile(slide: Any, box: Box, tile: Tile, *, is_first: bool = False) -> None:
    """A rule, a label, a large figure with a small unit, and what it is compared with."""
    number, unit = _figure_and_unit(tile.value)
    size = 72.0 if is_first else 44.0
    size = min(size, box.width / max(em_width(number) + em_width(unit) * 0.45 + 0.4, 1))
    label, small = (20.0, 17.0) if is_first else (16.0, 14.0)
    said = _paragraph(run(tile.label, label, INK if is_first else MUTED), after=2)
    said += _paragraph(
        run(number, size, ACCENT if is_first else INK, is_bold=True)
        + run(f" {unit}" if unit else "", size * 0.42, MUTED),
        after=4,
    )
    said += "".join(_paragraph(run(remark, small, MUTED), after=2) for remark in tile.remarks)
    line = Box(box.left, box.top, box.width, 2.5 if is_first else 1)
    slides.add_text(slide, "线", line, "<a:p/>", form=fill(ACCENT if is_first else RULE) + stroke(None))
    slides.add_text(slide, tile.label, Box(box.left, box.top + 12, box.width, box.height - 12), said)


def _figure_and_unit(value: str) -> tuple[str, str]:
    """540 件 → 540, 件; <5 → <5."""
    found = re.fullmatch(r"(.*?[\d%—])\s*([\u4e00-\u9fff]*)", value)
    return (found[1], found[2]) if found else (value, "")


def _runs(text: str, size: float) -> str:
    """A text in ink; the shape of a warning level in front (● 红) in its colour."""
    for level in LEVELS.values():
        if text.startswith(f"{level.shape} {level.word}"):
            return run(level.shape, size, level.colour) + run(text[len(level.shape) :], size, INK)
    return run(text, size, INK)


def _paragraph(
    runs: str, *, across: str = "l", after: float = 0, spacing: int = 100, more: str = "", more_set: str = ""
) -> str:
    return (
        f'<a:p><a:pPr algn="{across}"{more_set}><a:lnSpc><a:spcPct val="{spacing * 1000}"/></a:lnSpc><a:spcBef><a:spcPts val="0"/></a:spcBef>'
        f'<a:spcAft><a:spcPts val="{round(after * 100)}"/></a:spcAft>{more}</a:pPr>{runs}</a:p>'
    )


# ---------------------------------------------------------------- sentences


def _add_sentences(page: Callable[..., tuple[Any, Box]], sentences: Sequence[str]) -> None:
    """A numbered list to be read aloud, in the type in which it fits; over several slides where none is large enough."""
    drawn, box = page(0, keep_body=True)
    sentences = sentences or ["本期没有。"]

    def height(sentence: str, size: float) -> float:
        return _n_lines(sentence, box.width - 2.2 * size, size) * size * PITCH + 0.85 * size

    def whole(size: float) -> float:
        return sum(height(one, size) for one in sentences)

    size = next((size for size in SENTENCE_SIZES if whole(size) <= box.height), SPLIT_SENTENCES)
    start = 1
    for part, group in enumerate(_packed(sentences, [height(one, size) for one in sentences], box.height)):
        if part:
            drawn, _ = page(part, keep_body=True)
        is_listed = len(sentences) > 1
        indent = round(2.0 * size * EMU)
        said = "".join(
            _paragraph(
                _runs(sentence, size),
                after=0.85 * size,
                spacing=110,
                more=f'<a:buClr><a:srgbClr val="{ACCENT[1:]}"/></a:buClr><a:buFont typeface="+mj-lt"/><a:buAutoNum type="arabicPlain" startAt="{start}"/>'
                if is_listed
                else "<a:buNone/>",
                more_set=f' marL="{indent}" indent="-{indent}"' if is_listed else ' marL="0" indent="0"',
            )
            for sentence in group
        )
        _write_body(drawn, box, said)
        start += len(group)


def _write_body(slide: Any, box: Box, paragraphs: str) -> None:
    """Into the layout's own text placeholder, or a text box where it has none."""
    body = next(
        (
            shape
            for shape in slide.placeholders
            if shape.placeholder_format.type not in slides._TITLES
            and not shape.text_frame.text
            and shape.placeholder_format.type not in slides._REPEATED
        ),
        None,
    )
    if body is None:
        slides.add_text(slide, "正文", box, paragraphs)
        return
    text = body.text_frame._txBody
    for old in list(text.p_lst):
        text.remove(old)
    for paragraph in parse_xml(f"<p:txBody {slides.NAMES}>{paragraphs}</p:txBody>"):
        text.append(paragraph)


# ---------------------------------------------------------------- tables


def _add_table(page: Callable[..., tuple[Any, Box]], table: Table) -> None:
    drawn, box = page(0)
    rows = table.cells()
    if not rows:
        said = table.note or f"{table.title}：本期没有。"
        slides.add_text(drawn, table.title, box, _paragraph(run(said, 22, MUTED)))
        return

    def fits(size: float) -> bool:
        return sum(_least(table, rows, size)) <= box.width and sum(_heights(table, rows, box, size)) <= box.height

    size = next((one for one in TABLE_SIZES if fits(one)), SPLIT_SIZE)
    head, *heights = _heights(table, rows, box, size)
    for part, group in enumerate(_packed(list(zip(rows, heights, strict=True)), heights, box.height - head)):
        if part:
            drawn, _ = page(part)
        _draw_table(drawn, table, [row for row, _ in group], box, size, [head, *(one for _, one in group)])


def _heights(table: Table, rows: Sequence[Sequence[str]], box: Box, size: float) -> list[float]:
    """Of the head and of each row, points."""
    widths = _widths(table, rows, box.width, size)
    least = size * 2.1

    def height(cells: Sequence[str], size: float) -> float:
        lines = max(_n_lines(text, width - size * 1.2, size) for text, width in zip(cells, widths, strict=True))
        return max(least, lines * size * PITCH + size * 0.75)

    return [height(table.head(), size - 1), *(height(row, size) for row in rows)]


def _widths(table: Table, rows: Sequence[Sequence[str]], width: float, size: float) -> list[float]:
    """As the columns ask, but what is short (a figure, a head, a state) is not broken."""
    asked = [column.width for column in table.columns]
    wanted = [width * one / sum(asked) for one in asked]
    least = _least(table, rows, size)
    short = [max(low - want, 0) for low, want in zip(least, wanted, strict=True)]
    free = [max(want - low, 0) for low, want in zip(least, wanted, strict=True)]
    given = min(sum(short) / sum(free), 1) if sum(free) else 0
    widths = [want + lack - spare * given for want, lack, spare in zip(wanted, short, free, strict=True)]
    return [one * width / sum(widths) for one in widths]


def _least(table: Table, rows: Sequence[Sequence[str]], size: float) -> list[float]:
    """What a column needs so that nothing short in it is broken, points."""
    longest = [max(em_width(row[k]) for row in (table.head(), *rows)) for k in range(len(table.columns))]
    return [
        ((em if column.kind != "text" else min(em, SHORT)) + 1.6) * size
        for em, column in zip(longest, table.columns, strict=True)
    ]


def _are_figures(table: Table, rows: Sequence[Sequence[str]], k: int) -> bool:
    """Does the column stand right? Figures, and text that is nothing but figures with their units."""
    if table.columns[k].kind != "text":
        return table.columns[k].is_figure
    texts = [row[k] for row in rows]
    is_number = all(re.fullmatch(r"[<+−±]?\d[\d,.]*\s?[%件天次人]*|—|隐去", text) for text in texts)
    return is_number and any(text[-1:] not in "—去" for text in texts)


def _draw_table(
    slide: Any, table: Table, rows: Sequence[Sequence[str]], box: Box, size: float, heights: Sequence[float]
) -> None:
    n_rows, n_columns = len(rows) + 1, len(table.columns)
    frame = slide.shapes.add_table(n_rows, n_columns, Pt(box.left), Pt(box.top), Pt(box.width), Pt(sum(heights)))
    frame.name = archive.plain(table.title)
    form = frame._element.graphic.graphicData.tbl
    form.tblPr.attrib.clear()
    form.tblPr.set("firstRow", "1")
    form.tblPr.find("{http://schemas.openxmlformats.org/drawingml/2006/main}tableStyleId").text = NO_STYLE
    for column, width in zip(frame.table.columns, _widths(table, table.cells(), box.width, size), strict=True):
        column.width = Pt(width)
    are_figures = [_are_figures(table, table.cells(), k) for k in range(n_columns)]
    for k, (cells, height) in enumerate(zip([table.head(), *rows], heights, strict=True)):
        frame.table.rows[k].height = Pt(height)
        row = form.tr_lst[k]
        for j, text in enumerate(cells):
            row.replace(
                row.tc_lst[j],
                _cell(text, size, is_head=k == 0, is_figure=are_figures[j], is_last=k == len(rows)),
            )


_SINGLE = '<a:lnSpc><a:spcPct val="100000"/></a:lnSpc>'


def _cell(text: str, size: float, *, is_head: bool, is_figure: bool, is_last: bool) -> Any:
    words = run(text, size - 1, MUTED, is_bold=True) if is_head else _runs(text, size)
    across = "r" if is_figure else "l"
    bare = "".join(f"<a:{side}><a:noFill/></a:{side}>" for side in ("lnL", "lnR", "lnT"))
    colour, width = (INK, 1.25) if is_head else (INK, 0.75) if is_last else (RULE, 0.75)
    line = stroke(colour, width).replace("<a:ln ", "<a:lnB ").replace("</a:ln>", "</a:lnB>")
    pad = round(size * 0.6 * EMU)
    return parse_xml(
        f'<a:tc {slides.NAMES}><a:txBody><a:bodyPr/><a:lstStyle/><a:p><a:pPr algn="{across}">{_SINGLE}</a:pPr>{words}'
        f'{run_form(size, INK, tag="endParaRPr")}</a:p></a:txBody><a:tcPr marL="{pad}" marR="{pad}" marT="{pad // 2}" '
        f'marB="{pad // 2}" anchor="{"b" if is_head else "ctr"}">{bare}{line}{fill(PANEL) if is_head else "<a:noFill/>"}</a:tcPr></a:tc>'
    )


# ---------------------------------------------------------------- room


def _n_lines(text: str, width: float, size: float) -> int:
    """Lines of a text in a column `width` points wide; three in a hundred for fonts that run wider."""
    return max(1, -(-int(em_width(text) * size * 1.03) // max(int(width), 1)))


def _packed(items: Sequence[T], heights: Sequence[float], room: float) -> list[list[T]]:
    """In order, as few pages as can be, about equally full; an item higher than a page has one of its own."""
    fewest = len(_filled(items, heights, room))
    limit = sum(heights) / fewest
    while limit < room and len(_filled(items, heights, limit)) > fewest:
        limit *= 1.04
    return _filled(items, heights, min(limit, room)) if fewest > 1 else [list(items)]


def _filled(items: Sequence[T], heights: Sequence[float], room: float) -> list[list[T]]:
    pages: list[list[T]] = []
    left = 0.0
    for item, height in zip(items, heights, strict=True):
        if not pages or height > left:
            pages.append([])
            left = room
        pages[-1].append(item)
        left -= height
    return pages
