"""When in the year, when in the week? month_calendar (民情月历: rows by month), year_calendar (every day of some years)."""

from datetime import date, timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.charts import style
from app.palette import INK, PAPER, SEQUENTIAL, WARNING

MONTHS = [f"{n}月" for n in range(1, 13)]
ROW_HEIGHT = 30
MOST = 2.0
"""Times the usual from which the colour grows no darker."""
NAME_EM = 15
WEEKDAYS = "一二三四五六日"
YEAR_ROWS = 8.6
"""Rows of a year in the calendar: seven weekdays, and air for the names of the months."""
CELL = 15
FULL = 0.98
"""The colour grows no darker from the count that so many days do not exceed; as many are palest."""
EMPHASIS = 1.6
"""Power of the index that is coloured: the usual months stay pale."""


def month_calendar(
    frame: pl.DataFrame,
    *,
    title: str,
    remark: str = "",
    per: str = "周",
    than: str = "本事项的平常月份",
    most: float = MOST,
) -> go.Figure:
    """One row an issue (or a weekday), one column a month of the year.

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
        z.append([None if cell.get("index") is None else min(cell["index"] / most, 1.0) ** EMPHASIS for cell in inside])
        hovers.append(
            [
                f"<b>{style.plain(label)}</b> {name}<br>{_told(cell, per)}"
                for name, cell in zip(MONTHS, inside, strict=True)
            ]
        )
        words.append(
            style.said(style.plain(names[at]), x=0, xref="paper", xshift=-left, y=at, colour=INK, size=style.TEXT_SIZE)
        )
        words += [
            style.said(
                _figure(cell), x=month, y=at, xanchor="center",
                colour=PAPER if (cell.get("index") or 0) > 0.68 * most else INK,
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
    style.subtitle(figure, f"平均每{per}件数；颜色越醒目，比{than}越多" + (f"　{remark}" if remark else ""))
    style.say_all(figure, words)
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


def _told(cell: dict[str, Any], per: str) -> str:
    if cell.get("per_week") is None:
        return str(cell.get("mark") or "没有数据").replace("<", "&lt;")
    usual = f"，平常的 {cell['index']:.1f} 倍" if cell.get("index") is not None else ""
    return f"平均每{per} {cell['per_week']:.1f} 件{usual}"


def year_calendar(frame: pl.DataFrame, *, title: str, remark: str = "") -> go.Figure:
    """Every day as a cell: weeks from left to right, Monday to Sunday downwards, a year a block, the newest on top.

    frame: day_on, n_events (null = unknown or hidden), holiday_name (null = none), is_off_day (of a holiday: no work;
    False = worked in exchange). Holidays have a point, days worked in exchange a ring.
    """
    if frame.is_empty():
        return style.empty(title)
    rows = style.with_plain_numbers(frame).sort("day_on").to_dicts()
    years = sorted({row["day_on"].year for row in rows}, reverse=True)
    counts = sorted(row["n_events"] for row in rows if row["n_events"] is not None)
    pale, full = (counts[min(len(counts) - 1, int(share * len(counts)))] if counts else 1 for share in (1 - FULL, FULL))
    top = {year: k * YEAR_ROWS for k, year in enumerate(years)}
    height = CELL * YEAR_ROWS * len(years)
    figure = style.paper_figure(title, height=round(86 + height), left=66, right=8, bottom=4)
    words: list[dict[str, Any]] = []
    for year in years:
        own = [row for row in rows if row["day_on"].year == year]
        z: list[list[Any]] = [[None] * 54 for _ in WEEKDAYS]
        hovers = [[""] * 54 for _ in WEEKDAYS]
        for row in own:
            at, day = _column(row["day_on"]), row["day_on"]
            count = row["n_events"]
            z[day.weekday()][at] = None if count is None else min(max(count - pale, 0) / (full - pale or 1), 1.0)
            holiday = f" {row['holiday_name']}{'' if row['is_off_day'] else '调休上班'}" if row["holiday_name"] else ""
            said = "没有数据或隐去" if count is None else f"{style.number(count)} 件"
            hovers[day.weekday()][at] = (
                f"{day.month}月{day.day}日 周{WEEKDAYS[day.weekday()]}{holiday}<br><b>{said}</b>"
            )
        figure.add_heatmap(
            x=list(range(54)), y=[top[year] + k for k in range(7)], z=z, zmin=0, zmax=1, showscale=False, xgap=1.5, ygap=1.5,
            colorscale=[[k / 9, colour] for k, colour in enumerate(SEQUENTIAL)],
            hovertext=hovers, hovertemplate=f"{year}年%{{hovertext}}<extra></extra>",
        )  # fmt: skip
        words.append(
            style.said(
                style.bold(str(year)), x=0, xref="paper", xshift=-66, y=top[year], colour=INK, size=style.TEXT_SIZE
            )
        )
        words += [
            style.said(WEEKDAYS[k], x=0, xref="paper", xshift=-8, xanchor="right", y=top[year] + k, size=11)
            for k in (0, 2, 4, 6)
        ]
        words += [
            style.said(MONTHS[month - 1], x=_column(date(year, month, 1)), y=top[year] - 0.6, yanchor="bottom", size=12)
            for month in range(1, 13)
            if rows[0]["day_on"] <= date(year, month, 15) <= rows[-1]["day_on"]
        ]
    for is_off, inside in ((True, WARNING), (False, PAPER)):
        marked = [row["day_on"] for row in rows if row["holiday_name"] and bool(row["is_off_day"]) == is_off]
        if marked:
            figure.add_scatter(
                x=[_column(day) for day in marked], y=[top[day.year] + day.weekday() for day in marked], mode="markers",
                marker={"size": 6, "color": inside, "line": {"color": PAPER if is_off else WARNING, "width": 1}},
                hoverinfo="skip", name="节假日" if is_off else "调休上班",
            )  # fmt: skip
    figure.update_xaxes(range=[-0.6, 53.6])
    figure.update_yaxes(range=[YEAR_ROWS * len(years) - 1.2, -1.6])
    style.subtitle(
        figure,
        f"每格一天，颜色越醒目件数越多（{style.number(pale)} 件{'及以下' if pale else ''}—{style.number(full)} 件及以上）　红点：法定节假日，红圈：调休上班"
        + (f"　{remark}" if remark else ""),
    )
    style.say_all(figure, words)
    return figure


def _column(day: date) -> int:
    """Which week of its own year, counted from the one with 1 January: 0–53."""
    first = date(day.year, 1, 1)
    return (day - (first - timedelta(days=first.weekday()))).days // 7
