"""民情月历: in which months of the year does each issue come up more than usual?"""

from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.charts import style
from app.palette import INK, PAPER, SEQUENTIAL

MONTHS = [f"{n}月" for n in range(1, 13)]
ROW_HEIGHT = 30
MOST = 2.0
"""Times the usual from which the colour grows no darker."""
NAME_EM = 15
EMPHASIS = 1.6
"""Power of the index that is coloured: the usual months stay pale."""


def month_calendar(frame: pl.DataFrame, *, title: str, remark: str = "") -> go.Figure:
    """One row an issue, one column a month of the year.

    frame: label, month_of_year (1–12), per_week (items a week; null = hidden or unknown), index (1 = as in the mean month;
    null = not drawn), mark (what stands in place of a hidden figure); rows in the order of the first mention.
    Colour is the index, the figure in the cell is items a week.
    """
    if frame.is_empty():
        return style.empty(title)
    rows = style.with_plain_numbers(frame).to_dicts()
    labels = list(dict.fromkeys(str(row["label"]) for row in rows))
    cells = {(row["label"], row["month_of_year"]): row for row in rows}
    names = [style.shorten(label, NAME_EM) for label in labels]
    left = style.text_width_of(names, style.TEXT_SIZE) + 16
    figure = style.paper_figure(title, height=104 + ROW_HEIGHT * len(labels), left=left, right=8, bottom=8)
    z: list[list[Any]] = []
    words: list[dict[str, Any]] = []
    hovers: list[list[str]] = []
    for at, label in enumerate(labels):
        inside = [cells.get((label, month + 1), {}) for month in range(12)]
        z.append([None if cell.get("index") is None else min(cell["index"] / MOST, 1.0) ** EMPHASIS for cell in inside])
        hovers.append(
            [f"<b>{style.plain(label)}</b> {name}<br>{_told(cell)}" for name, cell in zip(MONTHS, inside, strict=True)]
        )
        words.append(
            style.said(style.plain(names[at]), x=0, xref="paper", xshift=-left, y=at, colour=INK, size=style.TEXT_SIZE)
        )
        words += [
            style.said(
                _figure(cell), x=month, y=at, xanchor="center",
                colour=PAPER if (cell.get("index") or 0) > 0.68 * MOST else INK,
            )
            for month, cell in enumerate(inside)
        ]  # fmt: skip
    figure.add_heatmap(
        x=list(range(12)),
        y=list(range(len(labels))),
        z=z,
        zmin=0,
        zmax=1,
        colorscale=[[k / 9, colour] for k, colour in enumerate(SEQUENTIAL)],
        showscale=False,
        xgap=1.5,
        ygap=1.5,
        hovertext=hovers,
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.update_xaxes(range=[-0.5, 11.5])
    figure.update_yaxes(range=[len(labels) - 0.5, -0.5])
    words += [
        style.said(name, x=month, y=-0.5, xanchor="center", yanchor="bottom", yshift=3)
        for month, name in enumerate(MONTHS)
    ]
    style.say_all(figure, words)
    style.subtitle(figure, "平均每周件数；颜色越深，比本事项的平常月份越多" + (f"　{remark}" if remark else ""))
    layout = style.layout_of(figure)
    layout.margin.t = layout.margin.t + 22
    for annotation in layout.annotations:
        if annotation.yref == "paper":
            annotation.yshift = (annotation.yshift or 0) + 20
    return figure


def _figure(cell: dict[str, Any]) -> str:
    if cell.get("mark"):
        return str(cell["mark"]).replace("<", "&lt;")
    return "" if cell.get("per_week") is None else f"{cell['per_week']:,.{0 if cell['per_week'] >= 9.95 else 1}f}"


def _told(cell: dict[str, Any]) -> str:
    if cell.get("per_week") is None:
        return str(cell.get("mark") or "没有数据").replace("<", "&lt;")
    usual = f"，平常的 {cell['index']:.1f} 倍" if cell.get("index") is not None else ""
    return f"平均每周 {cell['per_week']:.1f} 件{usual}"
