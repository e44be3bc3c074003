"""What is a report made of? Blocks of text, tables and charts, in the order in which they are read.

A `Report` is told once (narrative.py) and written four times (app/exports/report_*.py): whatever a reader finds in Word,
PPT, Excel and PDF is the same object. Numbers in text and in cells are formatted here and in app.wording, nowhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import plotly.graph_objects as go
import polars as pl

from app import disclosure, fields, wording

Audience = Literal["leaders", "units"]
AUDIENCES: Mapping[Audience, str] = {"leaders": "领导版", "units": "单位版"}
INTERNAL = "内部资料　注意保存"


@dataclass(frozen=True)
class Column:
    """One column of a table: which field of the frame, how it reads.

    kind: text | number (12,345) | decimal (1.5) | share (0.953 → 95.3%) | change (0.05 → +5.0%) | date (11月9日)
    """

    name: str
    kind: str = "text"
    label: str | None = None
    width: float = 1.0
    """Relative to the other columns."""

    def head(self) -> str:
        return self.label if self.label is not None else fields.label(self.name)

    @property
    def is_figure(self) -> bool:
        return self.kind not in ("text", "date")


@dataclass(frozen=True)
class Table:
    """A frame to be read as a table. Hidden counts are marked as app.disclosure marks them (`<column>__mark`)."""

    key: str
    """Latin, unique in the report; the name of the figure in file names and in JSON."""
    title: str
    frame: pl.DataFrame
    columns: Sequence[Column]
    note: str = ""
    """What stands below it: 口径 in one or two sentences."""
    headline: str = ""
    """The sentence above it on a slide: what it shows. Default the title."""

    def head(self) -> list[str]:
        return [column.head() for column in self.columns]

    def cells(self) -> list[list[str]]:
        """Every cell as it is read, row by row."""
        return [
            [cell(column, row[column.name], row.get(column.name + disclosure.MARK)) for column in self.columns]
            for row in self.frame.iter_rows(named=True)
        ]


@dataclass(frozen=True)
class Chart:
    """A figure as the screen draws it, with the frame it was drawn from (made safe by app.disclosure)."""

    key: str
    title: str
    figure: go.Figure
    frame: pl.DataFrame
    note: str = ""
    headline: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Column → header in Excel, over those of sql/fields.csv."""
    height: float = 0.55
    """Of a picture in Word, relative to its width."""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text; `lead` opens it in another type (（一）…。 or 1. …。)."""

    text: str
    lead: str = ""


@dataclass(frozen=True)
class Heading:
    """Level 1 is 一、, level 2 （一）; the number is part of the text."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Tile:
    """A headline figure: 诉求总量 5,561 件, 环比 +3.1%, 同比 −2.0%."""

    label: str
    value: str
    remarks: Sequence[str] = ()


Block = Heading | Paragraph | Table | Chart


@dataclass(frozen=True)
class Slide:
    """One page of the deck: a sentence that says what it shows, and one thing that shows it."""

    headline: str
    body: Table | Chart | Sequence[Tile] | Sequence[str]
    """A table, a chart, headline figures or sentences to read aloud."""
    basis: str = ""
    """口径, for the speaker notes and in small print below."""
    section: str = ""
    """Small, above the headline: 一、基本情况."""


@dataclass(frozen=True)
class Report:
    """A finished report, ready to be written in any format."""

    kind: str
    """weekly | monthly | quarterly | annual"""
    audience: Audience
    title: str
    """诉求风险研判周报"""
    number: str
    """2026年第46期; empty for an annual report."""
    office: str
    """Who issues it: 安澜市诉求研判中心."""
    issued_on: date
    period_code: str
    """2026-W46"""
    period_name: str
    """2026年第46周（11月9日—11月15日）"""
    area_name: str
    blocks: Sequence[Block]
    """The text, from 一、基本情况 on."""
    appendix: Sequence[Table]
    """附表, after the text."""
    slides: Sequence[Slide]
    notes: Sequence[str]
    """口径 of the whole: date bases, small counts, data through, fingerprint."""
    sheets: Sequence[Table]
    """Every frame of the report as it goes into Excel, once each (those of blocks, appendix and slides among them)."""
    mark: str = ""
    """INTERNAL or empty; never a 密级."""
    fingerprint: str = ""
    """First hex digits of a hash of all findings: same figures, same fingerprint."""
    derived: Sequence[Any] = ()
    """Numbers of the text that stand in no frame, with what they were worked out from (told.Derived)."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Headline figures by name, raw; what `--json` says and tests compare."""

    def placeholders(self) -> dict[str, str]:
        """What stands for each of the templates' {{…}}."""
        return {
            "标题": self.title,
            "期号": self.number,
            "单位": self.office,
            "日期": wording.full_day(self.issued_on),
            "期间": self.period_name,
            "区域": self.area_name,
            "标记": self.mark,
        }

    def charts(self) -> list[Chart]:
        """The charts of text and slides, each once, in order."""
        found = {one.key: one for one in self.blocks if isinstance(one, Chart)}
        found |= {one.body.key: one.body for one in self.slides if isinstance(one.body, Chart)}
        return list(found.values())

    def tables(self) -> list[Table]:
        """The tables of text and appendix, each once, in order."""
        return list({one.key: one for one in (*self.blocks, *self.appendix) if isinstance(one, Table)}.values())


def cell(column: Column, value: Any, mark: str | None = None) -> str:
    """One value as it is read in a table.

    >>> cell(Column("on_time_share", "share", "按期率"), 0.9526), cell(Column("n_events", "number"), None)
    ('95.3%', '—')
    """
    if mark is not None:
        return mark
    if value is None:
        return "—"
    match column.kind:
        case "number":
            return wording.number(value)
        case "decimal":
            return wording.number(value, 1)
        case "share":
            return f"{value:.1%}"
        case "change":
            return wording.share(value)
        case "date":
            return wording.day(value)
        case _:
            return fields.words(column.name).get(str(value), str(value))
