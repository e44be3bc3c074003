"""Which are the largest? ranking (bars), pareto (bars and cumulative share), treemap (all of them at once)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import squarify

from app.charts import style
from app.charts.breaks import Classes, change_classes
from app.charts.native import Native, Series
from app.palette import ACCENT, DIVERGING, FAINT, INK, MUTED, NO_VALUE, PAPER, RULE

ROW_HEIGHT, TIGHT_ROW_HEIGHT, TALL_ROW_HEIGHT = 30, 25, 42
"""Pixels a row; tight from 14 rows on, tall where a name takes two lines."""
NAME_EM = 15.0
BARS_TO, SHARE_FROM, SHARE_TO = 0.54, 0.6, 0.99
"""Pareto: which part of the width the bars have, and which part the cumulative share."""
CUMULATED, CUMULATED_TEXT = "#C4622D", "#9A4A20"
GROUP_HEAD = 22
TEXT_SHIFT = 3
"""Pixels from the corner of a tile; plotly sets text hard against it."""
SMALL_GROUP = 0.015
TILE_SIZES, HEAD_SIZES = (14, 13, 12, 11), (13, 12, 11)
BOLDER = 1.04
TREE_WIDTH = 540
"""Pixels; half a page of 1280. On a wider screen the tiles are wider, the words the same."""
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
    null = no base), optional code (what a clicked bar answers with). Sorted here by value, largest on top. emphasis: the label drawn in the accent while the
    others are grey; without it all are accent. Height follows the number of rows; give ≤ 20.
    """
    if frame.is_empty():
        return style.empty(title)
    rows = style.with_plain_numbers(frame).sort("value", "label", descending=[True, False], nulls_last=True).to_dicts()
    has_change, has_note = "change" in frame.columns, "note" in frame.columns
    notes = [style.plain(row.get("note") or "") for row in rows]
    note_width = style.text_width_of(notes) + 16 if has_note else 0
    change_width = max(62.0, style.text_width(change_label, style.SMALL_SIZE) + 8) if has_change else 0
    names = [str(row["label"]) for row in rows]
    figure, said = _row_figure(title, names, right=14 + change_width + note_width)
    values = [float(row["value"] or 0) for row in rows]
    _show_bar_scale(figure, values)
    colours = [ACCENT if emphasis in (None, row["label"]) else FAINT for row in rows]
    _add_bars(figure, values, [style.number(row["value"]) for row in rows], colours, _hovers(rows, unit))
    if "code" in frame.columns:
        figure.update_traces(customdata=[row["code"] for row in rows], selector={"type": "bar"})
    at_right: dict[str, Any] = {"x": 1, "xref": "paper", "xanchor": "right", "xshift": change_width, "align": "right"}
    for k, row in enumerate(rows):
        if has_change:
            share = row["change"]
            said.append(style.said(style.signed_per_cent(share), **at_right, y=k, colour=_change_colour(share)))
        if notes[k]:
            said.append(style.said(notes[k], x=1, y=k, xref="paper", xshift=change_width + 16))
    if has_change:
        said.append(style.said(style.plain(change_label), **at_right, y=1, yref="paper", yanchor="bottom"))
    style.subtitle(figure, f"单位：{unit}")
    style.say_all(figure, said)
    figure.native = Native(
        "bar",
        "名称",
        names,
        [
            Series(
                unit,
                [row["value"] for row in rows],
                "bar",
                ACCENT,
                {k: colour for k, colour in enumerate(colours) if colour != ACCENT},
                {k: _remarks(row, has_change) for k, row in enumerate(rows) if has_change or notes[k]},
            )
        ],
        unit,
        remark=f"▲▼ {change_label}" if has_change else "",
    )
    return figure


def _remarks(row: dict[str, Any], has_change: bool) -> list[tuple[str, str]]:
    """What stands behind the figure of a bar: its change, its note."""
    change = [(style.signed_per_cent(row["change"]), _change_colour(row["change"]))] if has_change else []
    return change + ([(str(row["note"]), MUTED)] if row.get("note") else [])


def _row_figure(
    title: str, names: Sequence[str], *, right: float, middle: float = 0, n_lines: int = 2
) -> tuple[style.Drawing, list[dict[str, Any]]]:
    """A figure with one name a row, first row on top, `middle` pixels between name and bar; and the names to say."""
    shown = [_row_name(name, n_lines) for name in names]
    left = style.text_width_of(shown, style.TEXT_SIZE) + 14 + middle
    is_tall = any("<br>" in text for text in shown)
    row_height = TALL_ROW_HEIGHT if is_tall else ROW_HEIGHT if len(names) < 14 else TIGHT_ROW_HEIGHT
    figure = style.paper_figure(title, height=72 + row_height * len(names), left=left, right=right, bottom=10)
    figure.update_yaxes(range=[len(names) - 0.5, -0.5])
    place: dict[str, Any] = {"x": 0, "xref": "paper", "xanchor": "left", "xshift": -left}
    return figure, [
        style.said(text, **place, y=k, colour=INK, size=style.TEXT_SIZE - ("<br>" in text))
        for k, text in enumerate(shown)
    ]


def _row_name(name: str, n_lines: int) -> str:
    """The name on one line, or folded once; only what does not fit then is cut with …."""
    if style.em_width(name) <= NAME_EM or n_lines == 1:
        return style.plain(style.shorten(name, NAME_EM))
    return "<br>".join(style.plain(style.shorten(line, NAME_EM)) for line in style.folded(name, NAME_EM))


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


def _change_colour(share: float | None) -> str:
    if share is None or abs(share) < 0.005:
        return MUTED
    return RISING if share > 0 else FALLING


def pareto(frame: pl.DataFrame, *, title: str, unit: str = "件", n_shown: int = 20) -> go.Figure:
    """How few of them make up 80 %?

    frame: label, n_events (≥ 0). The largest `n_shown` with their counts: bars on a scale of their own at the left,
    beside them the cumulative share with a mark at 80 %. The remainder is the last row, in words alone: as one bar
    it would dwarf the others, as a point of the line it would look like a leap.
    """
    total = float(sum(frame["n_events"])) if not frame.is_empty() else 0.0
    if not total:
        return style.empty(title)
    ordered = style.with_plain_numbers(frame).sort("n_events", "label", descending=[True, False])
    names = [str(name) for name in ordered["label"][:n_shown]]
    counts = [float(count) for count in ordered["n_events"][:n_shown]]
    n_rest, rest = len(ordered) - len(names), float(total - sum(counts))
    cumulated = [sum(counts[: k + 1]) / total for k in range(len(counts))]
    every = [*counts, rest] if n_rest else counts
    column = max(style.text_width(style.number(count)) for count in every) + 14
    all_names = [*names, f"其余 {n_rest} 项"] if n_rest else names
    figure, said = _row_figure(title, all_names, right=16, middle=column, n_lines=1)
    for k, count in enumerate(every):
        place: dict[str, Any] = {"x": 0, "y": k, "xref": "paper", "xanchor": "right", "xshift": -10, "align": "right"}
        said.append(style.said(style.number(count), **place, colour=INK, size=style.TEXT_SIZE))
    if n_rest:
        said.append(style.said(f"合占 {rest / total:.0%}", x=0, y=len(names), xshift=6))
    figure.update_xaxes(range=[0, 1])
    _add_count_bars(figure, names, counts, cumulated, total, unit)
    _add_cumulated(figure, cumulated, len(every))
    above: dict[str, Any] = {"y": 1, "yref": "paper", "yanchor": "bottom"}
    said.append(style.said("80%", **above, x=_across(0.8), xanchor="center", yshift=1))
    said.append(style.said("累计占比", **above, x=_across(1), xanchor="right", yshift=16, colour=CUMULATED_TEXT))
    n_needed = next((k + 1 for k, share in enumerate(cumulated) if share >= 0.8 - 1e-9), None)
    within = f"前 {n_needed} 项占 {cumulated[n_needed - 1]:.0%}" if n_needed else f"前 {len(counts)} 项不足八成"
    remark = f"{within}，共 {style.number(total)} {unit}"
    style.subtitle(figure, f"单位：{unit}　{remark}")
    style.say_all(figure, said)
    less = {k: FAINT for k in range(1, len(counts)) if cumulated[k - 1] >= 0.8 - 1e-9}
    figure.native = Native(
        "pareto",
        "名称",
        names,
        [Series(unit, counts, "bar", ACCENT, less), Series("累计占比", cumulated, "share", CUMULATED)],
        unit,
        remark=remark + (f"；其余 {n_rest} 项合占 {rest / total:.0%}" if n_rest else ""),
    )
    return figure


def _across(share: float) -> float:
    """Where a cumulative share stands: the bars have the left part of the figure, the shares the right one."""
    return SHARE_FROM + share * (SHARE_TO - SHARE_FROM)


def _add_count_bars(
    figure: go.Figure,
    names: Sequence[str],
    counts: Sequence[float],
    cumulated: Sequence[float],
    total: float,
    unit: str,
) -> None:
    before = [0.0, *cumulated[:-1]]
    longest = max(counts) or 1
    hovers = [
        f"<b>{style.plain(name)}</b><br>{style.number(count)} {unit}，占 {count / total:.1%}，累计 {share:.1%}"
        for name, count, share in zip(names, counts, cumulated, strict=True)
    ]
    colours = [ACCENT if start < 0.8 - 1e-9 else FAINT for start in before]
    _add_bars(figure, [BARS_TO * count / longest for count in counts], [""] * len(counts), colours, hovers)


def _add_cumulated(figure: go.Figure, cumulated: Sequence[float], n_rows: int) -> None:
    """The line of shares, a frame from 0 to 100 %, a dashed line at 80 %."""
    figure.update_layout(
        shapes=[
            {
                "type": "line",
                "xref": "x",
                "yref": "paper",
                "x0": at,
                "x1": at,
                "y0": 0,
                "y1": 1,
                "line": {"color": colour, "width": 1, "dash": dash},
                "layer": layer,
            }
            for at, colour, dash, layer in (
                (0.0, MUTED, "solid", "above"),
                (_across(0.0), RULE, "solid", "below"),
                (_across(0.8), MUTED, "dash", "below"),
                (_across(1.0), RULE, "solid", "below"),
            )
        ]
    )
    rows = list(range(len(cumulated)))
    spoken = {0, rows[-1]} | {k for k in rows[1:] if cumulated[k - 1] < 0.8 <= cumulated[k]}
    step = max(1, round(n_rows / 7))
    spoken |= {k for k in rows[::step] if all(abs(k - other) > 1 for other in spoken)}
    figure.add_scatter(
        x=[_across(share) for share in cumulated],
        y=rows,
        mode="lines+markers+text",
        name="累计占比",
        line={"color": CUMULATED, "width": 2},
        marker={"size": 6, "color": PAPER, "symbol": "circle", "line": {"color": CUMULATED, "width": 1.6}},
        text=[f"{share:.0%}" if k in spoken else "" for k, share in enumerate(cumulated)],
        textposition=["middle right" if share < 0.62 else "middle left" for share in cumulated],
        textfont={"size": style.SMALL_SIZE, "color": CUMULATED_TEXT},
        cliponaxis=False,
        hoverinfo="skip",
    )


# ---------------------------------------------------------------- treemap


@dataclass(frozen=True)
class _Box:
    """A rectangle in pixels, y downwards."""

    x: float
    y: float
    width: float
    height: float


@dataclass
class _Drawing:
    """Tiles and words of a treemap, collected for one bar and one text trace."""

    boxes: list[_Box] = field(default_factory=list)
    colours: list[str] = field(default_factory=list)
    hovers: list[str] = field(default_factory=list)
    codes: list[str | None] = field(default_factory=list)
    """issue_code of each tile, for a click; null where the frame has none."""
    words: list[tuple[_Box, str, float, str]] = field(default_factory=list)
    """box, text, size, colour"""


def treemap(
    frame: pl.DataFrame, *, title: str, change_label: str = "较上期", height: int = 520, width: float = TREE_WIDTH
) -> go.Figure:
    """What is the whole made of, and which parts are growing?

    frame: group_name, issue_name, n_events, change_share (nullable; 0.25 = +25 %), optional issue_code, which a clicked
    tile answers with. Area is n_events, colour is
    change_share in the classes of the change map, grey where nothing was compared; every tile that has room says
    its count and its change in words, the others on pointing. Groups too small for a heading stand together.

    The tiles are laid out here for a figure `width` pixels wide and stretched from there: plotly's own treemap
    hides whole headings where they do not fit and cannot shorten a name.
    """
    rows = style.with_plain_numbers(frame).filter(pl.col("n_events") > 0).sort("n_events", descending=True).to_dicts()
    if not rows:
        return style.empty(title)
    classes = change_classes([row["change_share"] for row in rows])
    figure = style.paper_figure(title, height=height, left=0, right=0, bottom=4)
    area = _Box(0, 0, width, height - style.layout_of(figure).margin.t - 4)
    drawing = _Drawing()
    groups = _groups(rows)
    for members, box in zip(groups.values(), _squares([_total(g) for g in groups.values()], area), strict=True):
        _draw_group(drawing, members, box, classes, change_label)
    _add_tiles(figure, drawing, area)
    _add_colour_key(figure, classes, sum(map(_total, groups.values())))
    figure.redraw = partial(treemap, frame, title=title, change_label=change_label)
    return figure


def _total(rows: Sequence[dict[str, Any]]) -> float:
    return float(sum(row["n_events"] for row in rows))


def _groups(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """group_name → its issues, largest group first; the groups below SMALL_GROUP together as the last one."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_name.setdefault(row["group_name"], []).append(row)
    ordered = dict(sorted(by_name.items(), key=lambda item: (-_total(item[1]), item[0])))
    small = [name for name, members in ordered.items() if _total(members) < SMALL_GROUP * _total(rows)]
    if len(small) < 2:
        return ordered
    rest = [row for name in small for row in ordered.pop(name)]
    return {**ordered, f"其余 {len(small)} 类": sorted(rest, key=lambda row: -row["n_events"])}


def _squares(sizes: Sequence[float], box: _Box) -> list[_Box]:
    """The box cut into tiles of these sizes (descending), as square as can be."""
    if box.width < 1 or box.height < 1:
        return [_Box(box.x, box.y, 0, 0)] * len(sizes)
    areas = squarify.normalize_sizes(list(sizes), box.width, box.height)
    return [
        _Box(p["x"], p["y"], p["dx"], p["dy"]) for p in squarify.squarify(areas, box.x, box.y, box.width, box.height)
    ]


def _draw_group(
    drawing: _Drawing, members: Sequence[dict[str, Any]], box: _Box, classes: Classes, change_label: str
) -> None:
    """A heading strip and the group's tiles below it."""
    name = members[0]["group_name"] if len({row["group_name"] for row in members}) == 1 else "其余小类"
    strip = GROUP_HEAD if box.height > 1.4 * GROUP_HEAD else 0
    if strip:
        said, size = _heading(name, style.number(_total(members)), box.width - 6)
        drawing.words.append((box, said, size, INK))
    inner = _Box(box.x, box.y + strip, box.width, box.height - strip)
    for row, tile in zip(members, _squares([row["n_events"] for row in members], inner), strict=True):
        colour = NO_VALUE if row["change_share"] is None else classes.colour(row["change_share"])
        count, change = style.number(row["n_events"]), style.signed_per_cent(row["change_share"])
        drawing.boxes.append(tile)
        drawing.colours.append(colour)
        drawing.codes.append(row.get("issue_code"))
        drawing.hovers.append(
            f"<b>{style.plain(row['issue_name'])}</b>（{style.plain(row['group_name'])}）<br>{count} 件，{change_label} {change}"
        )
        said, size = _tile_words(row["issue_name"], f"{count} {change}", tile)
        if said:
            drawing.words.append((tile, said, size, "#FFFFFF" if style.is_dark(colour) else INK))


def _heading(name: str, count: str, width: float) -> tuple[str, float]:
    """Bold name and count, smaller where that helps; in a narrow group the name alone, shortened as needed."""
    for size in HEAD_SIZES:
        if style.em_width(f"{name} {count}") * BOLDER <= width / size:
            return f"<b>{style.plain(name)}</b> {count}", size
    em = width / HEAD_SIZES[-1] / BOLDER
    return (f"<b>{style.plain(style.shorten(name, em))}</b>" if em >= 2.5 else ""), HEAD_SIZES[-1]


def _tile_words(name: str, figures: str, tile: _Box) -> tuple[str, float]:
    """What fits on a tile and in which size: the whole name first, then a shortened one; figures where there is room."""
    for size in TILE_SIZES:
        em, n_lines = _room(tile, size)
        lines = _lines(name, em, n_lines - 1)
        if lines and style.em_width(figures) <= em:
            return "<br>".join([*(style.plain(line) for line in lines), figures]), size
    size = TILE_SIZES[-1]
    em, n_lines = _room(tile, size)
    if n_lines < 1 or em < 3:
        step = max(1, int(em))  # a narrow high tile: the whole name, two signs a line
        lines = [name[at : at + step] for at in range(0, len(name), step)]
        is_said = step > 1 and len(lines) <= n_lines
        return ("<br>".join(map(style.plain, lines)) if is_said else ""), size
    if n_lines == 1:
        return style.plain(style.shorten(name, em)), size
    first = _lines(name, em, n_lines - 1) or [style.shorten(name, em)]
    last = [figures] if style.em_width(figures) <= em else figures.split()[: n_lines - len(first)]
    last = last if all(style.em_width(line) <= em for line in last) else []
    return "<br>".join([*(style.plain(line) for line in first), *last]), size


def _room(tile: _Box, size: float) -> tuple[float, int]:
    """How many em across and how many lines?"""
    return (tile.width - 8) / size, int((tile.height - 6) / (size * 1.3))


def _lines(name: str, em: float, n_lines: int) -> list[str]:
    """The whole name on one or two lines; nothing when it does not fit."""
    if n_lines < 1:
        return []
    if style.em_width(name) <= em:
        return [name]
    halves = style.folded(name, min(em, style.em_width(name) / 2 + 0.5))
    return halves if len(halves) <= n_lines and all(style.em_width(half) <= em for half in halves) else []


def _add_tiles(figure: go.Figure, drawing: _Drawing, area: _Box) -> None:
    boxes = drawing.boxes
    figure.update_xaxes(range=[0, area.width])
    figure.update_yaxes(range=[area.height, 0])
    figure.add_bar(
        x=[round(box.x + box.width / 2, 1) for box in boxes],
        y=[round(box.height, 1) for box in boxes],
        base=[round(box.y, 1) for box in boxes],
        width=[round(box.width, 1) for box in boxes],
        marker={"color": drawing.colours, "line": {"color": PAPER, "width": 1.5}},
        customdata=drawing.codes if any(drawing.codes) else None,
        hovertext=drawing.hovers,
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.add_scatter(
        x=[round(box.x + TEXT_SHIFT, 1) for box, *_ in drawing.words],
        y=[round(box.y + TEXT_SHIFT, 1) for box, *_ in drawing.words],
        mode="text",
        text=[text for _, text, *_ in drawing.words],
        textposition="bottom right",
        textfont={
            "size": [size for _, _, size, _ in drawing.words],
            "color": [colour for *_, colour in drawing.words],
        },
        cliponaxis=False,
        hoverinfo="skip",
    )


def _add_colour_key(figure: go.Figure, classes: Classes, total: float) -> None:
    """The line under the title: the whole, and which colour means what."""
    here: dict[str, Any] = {"x": 0, "xref": "paper", "y": 1, "yref": "paper", "yanchor": "bottom"}
    words, left = [], 0.0
    key: list[tuple[Sequence[str], str]] = [((), f"共 {style.number(total)} 件")]
    key += [(classes.colours[:3], "降"), (classes.colours[3:4], classes.labels[3]), (classes.colours[4:], "升")]
    if classes.null_label:
        key.append(((NO_VALUE,), classes.null_label.removesuffix("，不算")))
    for colours, text in key:
        for colour in colours:
            words.append(style.said("■", **here, xshift=left, yshift=5, colour=colour, size=18))
            left += 17
        words.append(style.said(text, **here, xshift=left + 3, yshift=6))
        left += style.text_width(text, style.SMALL_SIZE) + 17
    style.say_all(figure, words)
