"""Which are the largest? ranking (bars), pareto (bars and cumulative share), treemap (all of them at once)."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.charts import style
from app.charts.breaks import change_classes
from app.palette import ACCENT, DIVERGING, FAINT, INK, MUTED, NO_VALUE, PAPER, RULE

ROW_HEIGHT, TIGHT_ROW_HEIGHT = 30, 25
"""Pixels a row; tight from 14 rows on."""
NAME_EM = 13.0
GROUP_HEAD = 24
ROOT = "全部"
RISING, FALLING = DIVERGING[9], DIVERGING[0]


def ranking(
    frame: pl.DataFrame,
    *,
    title: str,
    unit: str = "件",
    change_label: str = "较上期",
    emphasis: str | None = None,
) -> go.Figure:
    """Which come first?

    frame: label, value; optional note (a grey remark at the right), optional change (share, 0.25 = +25 %,
    null = no base). Sorted here by value, largest on top. emphasis: the label drawn in the accent while the
    others are grey; without it all are accent. Height follows the number of rows; give ≤ 20.
    """
    if frame.is_empty():
        return style.empty(title)
    rows = style.with_plain_numbers(frame).sort("value", "label", descending=[True, False], nulls_last=True).to_dicts()
    has_change, has_note = "change" in frame.columns, "note" in frame.columns
    notes = [style.plain(row.get("note") or "") for row in rows]
    note_width = style.text_width_of(notes) + 16 if has_note else 0
    change_width = max(62.0, style.text_width(change_label, style.SMALL_SIZE) + 8) if has_change else 0
    figure = _row_figure(title, [str(row["label"]) for row in rows], right=14 + change_width + note_width)
    values = [float(row["value"] or 0) for row in rows]
    _show_bar_scale(figure, values)
    colours = [ACCENT if emphasis in (None, row["label"]) else FAINT for row in rows]
    _add_bars(figure, values, [style.number(row["value"]) for row in rows], colours, _hovers(rows, unit))
    for k, row in enumerate(rows):
        if has_change:
            share = row["change"]
            said, colour = style.signed_per_cent(share), _change_colour(share)
            _at_right(figure, said, y=k, shift=change_width, colour=colour)
        if notes[k]:
            style.say(figure, notes[k], x=1, y=k, xref="paper", xshift=change_width + 16)
    if has_change:
        style.say(
            figure,
            style.plain(change_label),
            x=1,
            y=1,
            xref="paper",
            yref="paper",
            xanchor="right",
            yanchor="bottom",
            xshift=change_width,
            align="right",
        )
    style.subtitle(figure, f"单位：{unit}")
    return figure


def _row_figure(title: str, names: Sequence[str], *, right: float, middle: float = 0) -> go.Figure:
    """A figure with one line of text a row, first row on top, and `middle` pixels between name and bar."""
    shown = [style.plain(style.shorten(name, NAME_EM)) for name in names]
    left = max(style.text_width(text) for text in shown) + 14 + middle
    height = 72 + (ROW_HEIGHT if len(names) < 14 else TIGHT_ROW_HEIGHT) * len(names)
    figure = style.paper_figure(title, height=height, left=left, right=right, bottom=10)
    figure.update_yaxes(range=[len(names) - 0.5, -0.5])
    for k, text in enumerate(shown):
        style.say(
            figure,
            text,
            x=0,
            y=k,
            xref="paper",
            xanchor="left",
            xshift=-left,
            colour=INK,
            size=style.TEXT_SIZE,
        )
    return figure


def _show_bar_scale(figure: go.Figure, values: Sequence[float]) -> None:
    """From zero, with room for the figure at the end of the longest bar."""
    longest = max([*values, 0]) or 1
    widest = max(style.text_width(style.number(value)) for value in values) + 10
    plot_width = style.ASSUMED_WIDTH - style.layout_of(figure).margin.l - style.layout_of(figure).margin.r
    figure.update_xaxes(range=[0, longest / max(0.5, 1 - widest / max(plot_width, 200))])
    figure.add_shape(
        type="line", xref="x", yref="paper", x0=0, x1=0, y0=0, y1=1, line={"color": MUTED, "width": 1}, layer="above"
    )


def _add_bars(
    figure: go.Figure, values: Sequence[float], texts: Sequence[str], colours: Sequence[str], hovers: Sequence[str]
) -> None:
    figure.add_bar(
        x=list(values),
        y=list(range(len(values))),
        orientation="h",
        width=0.62,
        marker={"color": list(colours), "line": {"width": 0}},
        text=list(texts),
        textposition="outside",
        textangle=0,
        textfont={"size": style.TEXT_SIZE, "color": INK},
        cliponaxis=False,
        hovertext=list(hovers),
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _hovers(rows: Sequence[dict[str, Any]], unit: str) -> list[str]:
    return [f"<b>{style.plain(row['label'])}</b><br>{style.number(row['value'])} {unit}" for row in rows]


def _at_right(figure: go.Figure, text: str, *, y: float, shift: float, colour: str) -> None:
    style.say(figure, text, x=1, y=y, xref="paper", xanchor="right", xshift=shift, colour=colour, align="right")


def _change_colour(share: float | None) -> str:
    if share is None or abs(share) < 0.005:
        return MUTED
    return RISING if share > 0 else FALLING


def pareto(frame: pl.DataFrame, *, title: str, unit: str = "件", n_shown: int = 20) -> go.Figure:
    """How few of them make up 80 %?

    frame: label, n_events (≥ 0). The largest `n_shown` with their counts, the remainder as one row
    「其余 N 项」, the cumulative share as a line with a mark at 80 %.
    """
    total = float(sum(frame["n_events"])) if not frame.is_empty() else 0.0
    if not total:
        return style.empty(title)
    ordered = style.with_plain_numbers(frame).sort("n_events", "label", descending=[True, False])
    names = [str(name) for name in ordered["label"][:n_shown]]
    counts = [float(count) for count in ordered["n_events"][:n_shown]]
    n_rest = len(ordered) - len(names)
    if n_rest:
        names.append(f"其余 {n_rest} 项")
        counts.append(float(total - sum(counts)))
    shares = [count / total for count in counts]
    cumulated: list[float] = []
    for share in shares:
        cumulated.append((cumulated[-1] if cumulated else 0.0) + share)
    column = max(style.text_width(style.number(count)) for count in counts) + 14
    figure = _row_figure(title, names, right=52, middle=column)
    _add_cumulated(figure, names, counts, cumulated, shares, unit, n_rest)
    for k, count in enumerate(counts):
        style.say(
            figure,
            style.number(count),
            x=0,
            y=k,
            xref="paper",
            xanchor="right",
            xshift=-10,
            colour=INK,
            size=style.TEXT_SIZE,
            align="right",
        )
    n_needed = next((k + 1 for k, share in enumerate(cumulated) if share >= 0.8 - 1e-9), len(counts))
    within = f"前 {n_needed} 项占 {cumulated[n_needed - 1]:.0%}" if n_needed <= n_shown else f"前 {n_shown} 项不足八成"
    style.subtitle(figure, f"单位：{unit}　{within}，共 {style.number(float(total))} {unit}")
    return figure


def _add_cumulated(
    figure: go.Figure,
    names: Sequence[str],
    counts: Sequence[float],
    cumulated: Sequence[float],
    shares: Sequence[float],
    unit: str,
    n_rest: int,
) -> None:
    """Bars and line on one scale, share of all, so that the line starts where the first bar ends."""
    rows = list(range(len(names)))
    before = [0.0, *cumulated[:-1]]
    colours = [ACCENT if start < 0.8 - 1e-9 else FAINT for start in before]
    if n_rest:
        colours[-1] = RULE
    figure.update_xaxes(range=[0, 1])
    hovers = [
        f"<b>{style.plain(name)}</b><br>{style.number(count)} {unit}，占 {share:.1%}，累计 {sum_:.1%}"
        for name, count, share, sum_ in zip(names, counts, shares, cumulated, strict=True)
    ]
    _add_bars(figure, shares, [""] * len(rows), colours, hovers)
    for at, colour, dash in ((0.0, MUTED, "solid"), (0.8, MUTED, "dash")):
        figure.add_shape(
            type="line",
            xref="x",
            yref="paper",
            x0=at,
            x1=at,
            y0=0,
            y1=1,
            line={"color": colour, "width": 1, "dash": dash},
            layer="below" if at else "above",
        )
    style.say(figure, "累计 80%", x=0.8, y=1, yref="paper", xanchor="center", yanchor="bottom", yshift=2)
    said = {0, len(rows) - 1} | {k for k in rows if before[k] < 0.8 <= cumulated[k]}
    step = max(1, round(len(rows) / 7))
    said |= {k for k in rows[::step] if all(abs(k - other) > 1 for other in said)}
    figure.add_scatter(
        x=list(cumulated),
        y=rows,
        mode="lines+markers+text",
        name="累计占比",
        line={"color": "#C4622D", "width": 2},
        marker={"size": 6, "color": PAPER, "symbol": "circle", "line": {"color": "#C4622D", "width": 1.6}},
        text=[f"{share:.0%}" if k in said else "" for k, share in enumerate(cumulated)],
        textposition="top right",
        textfont={"size": style.SMALL_SIZE, "color": "#9A4A20"},
        cliponaxis=False,
        hoverinfo="skip",
    )


def treemap(frame: pl.DataFrame, *, title: str, change_label: str = "较上期", height: int = 520) -> go.Figure:
    """What is the whole made of, and which parts are growing?

    frame: group_name, issue_name, n_events, change_share (nullable; 0.25 = +25 %). Area is n_events, colour is
    change_share around zero (neutral for null); every tile says its count and its change in words.
    """
    rows = style.with_plain_numbers(frame).filter(pl.col("n_events") > 0).sort("n_events", descending=True).to_dicts()
    if not rows:
        return style.empty(title)
    classes = change_classes([row["change_share"] for row in rows])
    groups: dict[str, float] = {}
    for row in rows:
        groups[row["group_name"]] = groups.get(row["group_name"], 0) + row["n_events"]
    tiles = [
        _root_tile(sum(groups.values()), change_label),
        *(_group_tile(name, count) for name, count in groups.items()),
    ]
    tiles += [_issue_tile(row, classes.colour(row["change_share"]), change_label) for row in rows]
    figure = style.paper_figure(title, height=height, left=0, right=0, bottom=4)
    figure.update_layout(margin={"t": 62 - GROUP_HEAD})  # plotly keeps a header for the root as well
    figure.add_treemap(
        ids=[tile["id"] for tile in tiles],
        labels=[tile["label"] for tile in tiles],
        parents=[tile["parent"] for tile in tiles],
        values=[tile["value"] for tile in tiles],
        text=[tile["text"] for tile in tiles],
        marker={
            "colors": [tile["colour"] for tile in tiles],
            "line": {"color": PAPER, "width": 1.5},
            "cornerradius": 0,
            "pad": {"t": GROUP_HEAD, "l": 0, "r": 0, "b": 0},
        },
        textfont={"color": [tile["text_colour"] for tile in tiles], "size": style.TEXT_SIZE},
        branchvalues="total",
        textinfo="text",
        textposition="top left",
        tiling={"pad": 1, "packing": "squarify"},
        pathbar={"visible": False},
        hovertext=[tile["hover"] for tile in tiles],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.update_layout(uniformtext={"minsize": 12, "mode": "hide"})
    return figure


def _root_tile(count: float, change_label: str) -> dict[str, Any]:
    """The whole; its header line says how to read the figure."""
    said = f"共 {style.number(count)} 件；面积为件数；颜色为{change_label}：▼ 蓝降，▲ 红褐升，灰为持平或无可比"
    whole = {"id": ROOT, "label": said, "parent": "", "value": count, "text": said, "hover": said}
    return {**whole, "colour": PAPER, "text_colour": MUTED}


def _group_tile(name: str, count: float) -> dict[str, Any]:
    said = f"<b>{style.plain(name)}</b> {style.number(count)}"
    return {
        "id": name,
        "label": said,
        "parent": ROOT,
        "value": count,
        "text": said,
        "hover": said + " 件",
        "colour": PAPER,
        "text_colour": INK,
    }


def _folded_name(name: str, em: float = 8.0) -> str:
    """A long name on two lines, about half and half; plotly does not fold by itself."""
    if style.em_width(name) <= em:
        return style.plain(name)
    cut = 1 + next(k for k in range(len(name)) if style.em_width(name[: k + 1]) >= style.em_width(name) / 2)
    if name[cut - 1] in "(（、":
        cut -= 1
    return f"{style.plain(name[:cut])}<br>{style.plain(name[cut:])}"


def _issue_tile(row: dict[str, Any], colour: str, change_label: str) -> dict[str, Any]:
    name, count, change = row["issue_name"], row["n_events"], style.signed_per_cent(row["change_share"])
    colour = NO_VALUE if row["change_share"] is None else colour
    return {
        "id": f"{row['group_name']}/{name}",
        "label": name,
        "parent": row["group_name"],
        "value": count,
        "text": f"{_folded_name(name)}<br>{style.number(count)} {change}",
        "hover": f"<b>{style.plain(name)}</b><br>{style.number(count)} 件，{change_label} {change}",
        "colour": colour,
        "text_colour": "#FFFFFF" if style.is_dark(colour) else INK,
    }
