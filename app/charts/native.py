"""What does an office program need to draw a figure as a chart of its own? The figures, and what each series is.

The chart functions attach a `Native` to the figure they return (`figure.native`, see style.Drawing); it stays in the
process and never travels to the browser. app/exports/native_chart.py writes it as a chart that can be edited.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Kind = Literal["line", "bar", "stacked", "pareto"]
Role = Literal["subject", "line", "context", "dashed", "expected", "upper", "alarm", "bar", "share"]


@dataclass(frozen=True)
class Series:
    """One row of figures; what stands in one column of the chart's own workbook.

    role: how it is drawn. subject, line, context (thin, grey), dashed: lines; expected, upper: the borders of a band;
    alarm: marked points with their figure; bar; share: a line against the second axis, 0–1.
    """

    name: str
    values: Sequence[float | None]
    role: Role
    colour: str
    point_colours: Mapping[int, str] = field(default_factory=dict)
    """Points in another colour than the series: bars that are context, beside the subject."""
    remarks: Mapping[int, Sequence[tuple[str, str]]] = field(default_factory=dict)
    """Behind the figure of a bar: (text, colour), such as ▲25%."""
    spoken: Collection[int] | None = None
    """The alarms whose figure is written beside them; None = all."""


@dataclass(frozen=True)
class Native:
    """A chart as data.

    kind: line (over dates), bar (horizontal, first category on top), stacked (columns, over names or dates),
    pareto (columns and a cumulative share).
    """

    kind: Kind
    category_label: str
    """日期; head of the first column."""
    categories: Sequence[str] | Sequence[date]
    series: Sequence[Series]
    unit: str
    remark: str = ""
    """Beside the unit: 前 8 项占 80%，共 1,234 件."""
    sign_means: str = ""
    """What an alarm means: 高于预期上限."""
    n_incomplete: int = 0
    """So many of the last periods are still filling up."""
    spans: Sequence[tuple[date, date, str]] = ()
    """Shaded stretches of a date axis, both ends included, and what they are."""
