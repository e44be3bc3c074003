"""A report as PDF: the page of the Word file, set by typst with the fonts that come with the program.

No browser, no LibreOffice, no fonts of the machine. Layout: report.typ. What stands on the page goes there as JSON and is
shown as written; charts are vectors. The Word file names the fonts of official documents, which may not be handed on; here
Yanpan Serif SC stands for 仿宋, Yanpan Sans SC for 小标宋, 黑体 and 楷体.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time
from functools import lru_cache
from itertools import count, groupby
from pathlib import Path
from typing import Any

import matplotlib as mpl
import typst
from matplotlib.ft2font import FT2Font

from app import wording
from app.exports import picture
from app.reports.model import Block, Chart, Heading, Report, Table

PAGE = Path(__file__).with_name("report.typ")
FONTS = (*sorted(picture.FONTS.glob("*.ttf")), Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
"""DejaVu comes with matplotlib: Greek, Cyrillic and the signs that Chinese fonts lack."""
NOTHING = "本期没有。"
MAX_COLUMNS = 8
"""More do not fit on an upright page."""
UNKNOWN_NOTE = f"个别生僻字不在程序所带字库中，写作“{picture.UNKNOWN}”。"


def pdf(report: Report) -> bytes:
    """The report as PDF/A-2a: A4, tagged, with bookmarks, fonts embedded.

    Same report → same bytes, on any machine. A character in none of the fonts reads 〓, and the last note says so.
    """
    figures = count(1)
    page: dict[str, Any] = {
        "title": _said(report.title),
        "number": _said(report.number),
        "office": _said(report.office),
        "issued": {part: getattr(report.issued_on, part) for part in ("year", "month", "day")},
        "issued_on": wording.full_day(report.issued_on),
        "about": _said(f"{report.area_name}　{report.period_name}"),
        "mark": _said(report.mark),
        "blocks": [_block(block, figures) for block in report.blocks],
        "appendix": _appendix(report.appendix),
        "notes": [_said(note) for note in report.notes],
    }
    told = json.dumps(page, ensure_ascii=False)
    if unknown := set(told) - _signs():
        page["notes"] += [UNKNOWN_NOTE]
        told = json.dumps(page, ensure_ascii=False).translate({ord(sign): picture.UNKNOWN for sign in unknown})
    made = typst.compile(
        PAGE,
        root=PAGE.parent,
        font_paths=_fonts(),
        format="pdf",
        sys_inputs={"report": told},
        pdf_standards="a-2a",
        timestamp=datetime.combine(report.issued_on, time(), UTC),
    )
    assert isinstance(made, bytes)
    return made


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    folders = sorted({str(file.parent) for file in FONTS})
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)


@lru_cache(maxsize=1)
def _signs() -> frozenset[str]:
    """Every character that one of the fonts can draw."""
    return frozenset(chr(point) for file in FONTS for point in FT2Font(str(file)).get_charmap())


_AFTER_FIGURE = re.compile(r"(?<=[\d%]) (?=[一-龥])")
_LONG_WORD = re.compile(r"[!-~]{13,}")
_GOOD_END = re.compile(r"[/?&=.,_\-)(]|\w{12}(?=\w)")


def _said(text: str) -> str:
    """One line of plain text: no controls, nothing invisible, no figure parted from its unit, long addresses breakable."""
    text = re.sub(r"[\t\r\n\v\f\u2028\u2029]+", " ", unicodedata.normalize("NFC", text))
    text = _AFTER_FIGURE.sub("\u00a0", "".join(sign for sign in text if _is_seen(sign)))
    return _LONG_WORD.sub(lambda word: _GOOD_END.sub("\\g<0>\u200b", word[0]), text)


def _is_seen(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cc", "Cf") and not "\ufe00" <= sign <= "\ufe0f"


def _block(block: Block, figures: Iterator[int]) -> dict[str, Any]:
    if isinstance(block, Heading):
        return {"kind": "heading", "level": block.level, "text": _said(block.text)}
    if isinstance(block, Table):
        return _table(block, block.title)
    if isinstance(block, Chart):
        size = picture.DOCUMENT[0], round(picture.DOCUMENT[0] * block.height)
        return {
            "kind": "chart",
            "title": _said(f"图{next(figures)}　{block.title}"),
            "alt": _said(block.headline or block.title),
            "note": _said(block.note),
            "svg": picture.svg(block.figure, size=size, bare=True).decode(),
        }
    return {"kind": "paragraph", "lead": _said(block.lead), "text": _said(block.text)}


def _table(table: Table, title: str) -> dict[str, Any]:
    if table.frame.is_empty():
        return {"kind": "paragraph", "lead": "", "text": _said(table.note or NOTHING)}
    return {
        "kind": "table",
        "title": _said(title),
        "head": [_said(head) for head in table.head()],
        "rows": [[_said(said) for said in row] for row in table.cells()],
        "widths": [column.width for column in table.columns],
        "figures": [column.is_figure for column in table.columns],
        "note": _said(table.note),
    }


def _appendix(tables: Sequence[Table]) -> list[tuple[bool, list[dict[str, Any]]]]:
    """(on a page across?, the tables that stand together), in order."""
    numbered = enumerate(tables, start=1)
    return [
        (is_wide, [_table(table, f"附表{n}　{table.title}") for n, table in some])
        for is_wide, some in groupby(numbered, key=lambda one: len(one[1].columns) > MAX_COLUMNS)
    ]
