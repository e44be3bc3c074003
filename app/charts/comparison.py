"""What is more here than there? Two values a row."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.charts import style
from app.charts.native import Native, Series
from app.palette import CATEGORICAL, FAINT, GRID, INK, MUTED, PAPER

ROW_HEIGHT = 27
NAME_EM = 12


def dumbbell(
    frame: pl.DataFrame, *, title: str, names: tuple[str, str], unit: str, digits: int = 1, remark: str = ""
) -> go.Figure:
    """Which rows differ, which way, how much?

    frame: label, one, other (the two values; null = hidden, then the row is left out), note (grey words at the right); in the
    order shown, ≤ 24 rows. names: of the two sides; ● one, ◇ other. Each value stands beside its mark, on the outer side.
    """
    rows = style.with_plain_numbers(frame.drop_nulls(["one", "other"])).to_dicts()
    if not rows:
        return style.empty(title)
    labels = [style.shorten(str(row["label"]), NAME_EM) for row in rows]
    left = style.text_width_of(labels, style.TEXT_SIZE) + 18
    right = style.text_width_of([str(row.get("note") or "") for row in rows]) + 18
    figure = style.paper_figure(title, height=76 + ROW_HEIGHT * len(rows), left=left, right=right, bottom=8)
    figure.update_yaxes(range=[len(rows) - 0.5, -0.5])
    most = max(max(row["one"], row["other"]) for row in rows) or 1
    room = max(style.text_width(_number(value, digits)) for row in rows for value in (row["one"], row["other"])) + 16
    per_pixel = most / max(style.ASSUMED_WIDTH / 2 - left - right - 2 * room, 120)
    figure.update_xaxes(range=[-room * per_pixel, most + room * per_pixel])
    for k in range(len(rows)):
        figure.add_shape(
            type="line",
            xref="paper",
            x0=0,
            x1=1,
            y0=k + 0.5,
            y1=k + 0.5,
            line={"color": GRID, "width": 1},
            layer="below",
        )
    figure.add_scatter(
        x=[x for row in rows for x in (row["one"], row["other"], None)],
        y=[y for k in range(len(rows)) for y in (k, k, None)],
        mode="lines",
        line={"color": FAINT, "width": 3},
        hoverinfo="skip",
    )
    hovers = [
        f"<b>{style.plain(row['label'])}</b><br>{style.plain(names[0])} {_number(row['one'], digits)} {unit}"
        f"<br>{style.plain(names[1])} {_number(row['other'], digits)} {unit}"
        for row in rows
    ]
    for side, symbol, colour in (("other", "diamond", CATEGORICAL[1]), ("one", "circle", CATEGORICAL[0])):
        figure.add_scatter(
            x=[row[side] for row in rows],
            y=list(range(len(rows))),
            mode="markers",
            marker={"size": 11, "symbol": symbol, "color": colour, "line": {"width": 1.5, "color": PAPER}},
            hovertext=hovers,
            hovertemplate="%{hovertext}<extra></extra>",
            cliponaxis=False,
        )
    _legend(figure, unit, names, remark)
    style.say_all(figure, [words for k, row in enumerate(rows) for words in _said(row, k, labels[k], left, digits)])
    told = [
        Series(name, [row[side] for row in rows], "bar", colour)
        for name, side, colour in zip(names, ("one", "other"), CATEGORICAL[:2], strict=True)
    ]
    figure.native = Native("bar", "事项", [str(row["label"]) for row in rows], told, unit, remark=remark)
    return figure


def _legend(figure: go.Figure, unit: str, names: tuple[str, str], remark: str) -> None:
    """单位 ● one ◆ other, the signs in the colours of the marks."""
    words = [
        (f"单位：{unit}", MUTED, 0),
        ("●", CATEGORICAL[0], 16),
        (names[0], MUTED, 4),
        ("◆", CATEGORICAL[1], 16),
        (names[1], MUTED, 4),
    ]
    style.above(figure, [*words, *([(remark, MUTED, 16)] if remark else [])])


def _said(row: dict[str, Any], k: int, label: str, left: float, digits: int) -> Sequence[dict[str, Any]]:
    words = [
        style.said(style.plain(label), x=0, xref="paper", xshift=-left, y=k, colour=INK, size=style.TEXT_SIZE),
        style.said(style.plain(row.get("note") or ""), x=1, xref="paper", xshift=10, y=k, colour=MUTED),
    ]
    is_more = row["one"] >= row["other"]
    for side, at_right in (("one", is_more), ("other", not is_more)):
        words.append(
            style.said(
                _number(row[side], digits),
                x=row[side],
                y=k,
                xanchor="left" if at_right else "right",
                xshift=9 if at_right else -9,
                colour=INK if side == "one" else MUTED,
            )
        )
    return words


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"
