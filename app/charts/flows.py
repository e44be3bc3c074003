"""What becomes of them on the way? flows (who goes where), steps (how many are left), shares (how sure is a rate)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.charts import style
from app.charts.native import Native, Series
from app.palette import ACCENT, FAINT, GRID, INK, MUTED, PAPER, RULE

FLOW_WIDTH = 1160
"""Pixels: the width of a page. On a wider screen the bands are wider, the words the same."""
NODE, GAP, LEAST = 13, 15, 3
"""Pixels: width of a node, air below it, height of the smallest."""
NBSP = "\u00a0"
CURVE = [k / 14 for k in range(15)]
ROW_HEIGHT = 34


@dataclass
class _Node:
    """One name of one layer: where it stands, and how much of either side is taken by bands."""

    name: str
    value: float
    colour: str
    x: float = 0
    y: float = 0
    height: float = 0
    taken: dict[str, float] = field(default_factory=lambda: {"in": 0.0, "out": 0.0})


def flows(
    nodes: pl.DataFrame,
    links: pl.DataFrame,
    *,
    title: str,
    heads: Sequence[str],
    unit: str = "件",
    height: int = 460,
    width: float = FLOW_WIDTH,
) -> go.Figure:
    """A Sankey diagram of several layers, drawn as areas so that picture and slide have the same bands as the screen.

    nodes: layer (0, 1, …), name, value, colour; of each layer in the order shown, top first. links: layer (of the node it
    leaves), from_name, to_name, value; null = hidden, then the band is left out and its room stays empty. heads: one
    a layer. A band has the colour of the node it leaves in the first layer, of the node it reaches in the others.
    """
    layers = [
        [
            _Node(row["name"], float(row["value"]), row["colour"])
            for row in nodes.filter(pl.col("layer") == k).to_dicts()
        ]
        for k in range(len(heads))
    ]
    if not all(layers) or not sum(node.value for node in layers[0]):
        return style.empty(title)
    left = style.text_width_of([_said(node, unit) for node in layers[0]]) + 16
    right = style.text_width_of([_said(node, unit) for node in layers[-1]]) + 16
    figure = style.paper_figure(title, height=height, left=left, right=right, bottom=8)
    across = width - left - right
    down = height - style.layout_of(figure).margin.t - 8
    per_unit = _placed(layers, across, down)
    figure.update_xaxes(range=[0, across])
    figure.update_yaxes(range=[down, 0])
    _add_bands(figure, layers, links, per_unit, unit)
    _add_nodes(figure, layers, unit)
    for k, head in enumerate(heads):
        anchor = "left" if k == 0 else "right" if k == len(heads) - 1 else "center"
        x = layers[k][0].x + (0 if k == 0 else NODE if k == len(heads) - 1 else NODE / 2)
        style.say(figure, style.plain(head), x=x, y=1, yref="paper", xanchor=anchor, yanchor="bottom", yshift=6)
    figure.redraw = partial(flows, nodes, links, title=title, heads=heads, unit=unit)
    return figure


def _said(node: _Node, unit: str) -> str:
    return f"{style.plain(node.name)} {style.number(node.value)} {unit}"


def _placed(layers: Sequence[Sequence[_Node]], across: float, down: float) -> float:
    """Every node gets its place; returns pixels a unit, the same for all layers."""
    per_unit = min(
        (down - GAP * (len(layer) - 1) - LEAST * len(layer)) / sum(node.value for node in layer) for layer in layers
    )
    for k, layer in enumerate(layers):
        heights = [max(node.value * per_unit, LEAST) for node in layer]
        room = down - sum(heights)
        gap = min(room / max(len(layer) - 1, 1), 2.2 * GAP)
        y = (room - gap * (len(layer) - 1)) / 2
        for node, high in zip(layer, heights, strict=True):
            node.x, node.y, node.height = k * (across - NODE) / (len(layers) - 1), y, high
            y += high + gap
    return per_unit


def _add_bands(
    figure: style.Drawing, layers: Sequence[Sequence[_Node]], links: pl.DataFrame, per_unit: float, unit: str
) -> None:
    """All bands of one colour are one trace; what a band says hangs on a point in its middle."""
    rings: dict[str, list[tuple[list[float], list[float]]]] = {}
    names: dict[str, list[str]] = {}
    points: list[tuple[float, float, str]] = []
    for k, (own, following) in enumerate(pairwise(layers)):
        known = {
            (row["from_name"], row["to_name"]): row["value"]
            for row in links.filter(pl.col("layer") == k).iter_rows(named=True)
        }
        for source in own:
            for target in following:
                value = known.get((source.name, target.name))
                if not value:
                    continue
                thick = value * per_unit
                x0, x1 = source.x + NODE, target.x
                y0, y1 = source.y + source.taken["out"], target.y + target.taken["in"]
                source.taken["out"] += thick
                target.taken["in"] += thick
                xs = [x0 + (x1 - x0) * t for t in CURVE]
                ys = [y0 + (y1 - y0) * t * t * (3 - 2 * t) for t in CURVE]
                colour = source.colour if k == 0 else target.colour
                ring = ([*xs, *reversed(xs)], [*ys, *(y + thick for y in reversed(ys))])
                rings.setdefault(colour, []).append(ring)
                names.setdefault(colour, []).append(f"{source.name} → {target.name}")
                middle = (x0 + x1) / 2, (y0 + y1 + thick) / 2
                points.append((*middle, f"{source.name} → {target.name}<br>{style.number(value)} {unit}"))
    part_names = {}
    for colour, several in rings.items():
        part_names[len(figure.data)] = names[colour]
        figure.add_scatter(
            x=[x for xs, _ in several for x in [*(round(x, 1) for x in xs), None]],
            y=[y for _, ys in several for y in [*(round(y, 1) for y in ys), None]],
            mode="lines",
            fill="toself",
            fillcolor=_pale(colour),
            line={"width": 0, "color": colour},
            hoverinfo="skip",
        )
    figure.part_names = part_names
    figure.add_scatter(
        x=[x for x, _, _ in points],
        y=[y for _, y, _ in points],
        mode="markers",
        marker={"size": 16, "color": "rgba(0,0,0,0)", "line": {"width": 0}},
        hovertext=[text for *_, text in points],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _pale(colour: str) -> str:
    """The colour mixed with the paper, so that it needs no transparency: some office programs have none."""
    own, paper = ([int(one[k : k + 2], 16) for k in (1, 3, 5)] for one in (colour, PAPER))
    return "#" + "".join(f"{round(0.34 * a + 0.66 * b):02X}" for a, b in zip(own, paper, strict=True))


def _add_nodes(figure: go.Figure, layers: Sequence[Sequence[_Node]], unit: str) -> None:
    every = [node for layer in layers for node in layer]
    figure.add_bar(
        x=[node.x + NODE / 2 for node in every],
        y=[node.height for node in every],
        base=[node.y for node in every],
        width=[NODE] * len(every),
        marker={"color": [node.colour for node in every], "line": {"width": 0}},
        hovertext=[_said(node, unit) for node in every],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    down = style.layout_of(figure).yaxis.range[0]
    for k, layer in enumerate(layers):
        is_first = k == 0
        wanted = [node.y + node.height / 2 for node in layer]
        places = style.spread(wanted, style.SMALL_SIZE + 5, 8, down - 8)
        figure.add_scatter(
            x=[node.x + (0 if is_first else NODE) for node in layer],  # a point beyond the axis would not be drawn
            y=places,
            mode="text",
            text=[f"{_said(node, unit)}{NBSP}" if is_first else f"{NBSP}{_said(node, unit)}" for node in layer],
            textposition="middle left" if is_first else "middle right",
            textfont={"size": style.SMALL_SIZE, "color": INK, "shadow": f"0 0 3px {PAPER}, 0 0 3px {PAPER}"},
            cliponaxis=False,
            hoverinfo="skip",
        )


def steps(frame: pl.DataFrame, *, title: str, unit: str = "件", remark: str = "") -> go.Figure:
    """How many are left after each step?

    frame: label, value (null = hidden), note (grey words behind the bar, such as 上一步的 96%), in the order of the steps.
    remark: behind the unit. The bars begin at the first step; what is thirty times as large is better said in words.
    """
    rows = style.with_plain_numbers(frame).to_dicts()
    longest = max((row["value"] or 0 for row in rows), default=0)
    if not longest:
        return style.empty(title)
    names = [str(row["label"]) for row in rows]
    left = style.text_width_of(names, style.TEXT_SIZE) + 14
    figure = style.paper_figure(title, height=76 + ROW_HEIGHT * len(rows), left=left, right=16, bottom=8)
    figure.update_yaxes(range=[len(rows) - 0.5, -0.5])
    figure.update_xaxes(range=[0, longest * 1.75])
    values = [row["value"] or 0 for row in rows]
    figure.add_bar(
        x=values,
        y=list(range(len(rows))),
        orientation="h",
        width=0.66,
        marker={"color": [row.get("colour") or ACCENT for row in rows], "line": {"width": 0}},
        hovertext=[f"<b>{style.plain(row['label'])}</b><br>{_shown(row, unit)}" for row in rows],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    words: list[dict[str, Any]] = []
    for k, row in enumerate(rows):
        at: dict[str, Any] = {"x": 0, "xref": "paper", "xshift": -left, "colour": INK, "size": style.TEXT_SIZE}
        words.append(style.said(style.plain(row["label"]), y=k, **at))
        shown = _shown(row, unit)
        words.append(style.said(shown, x=values[k], y=k, xshift=7, colour=INK, size=style.TEXT_SIZE))
        gone = style.text_width(shown) + 20
        words.append(style.said(style.plain(row["note"] or ""), x=values[k], y=k, xshift=gone))
    style.subtitle(figure, f"单位：{unit}" + (f"　{remark}" if remark else ""))
    style.say_all(figure, words)
    notes = {k: [(str(row["note"]), MUTED)] for k, row in enumerate(rows) if row["note"]}
    told = Series(unit, [row["value"] for row in rows], "bar", ACCENT, remarks=notes)
    figure.native = Native("bar", "步骤", names, [told], unit, remark=remark)
    return figure


def _shown(row: dict[str, Any], unit: str) -> str:
    if row["value"] is None:
        return str(row.get("mark") or "—")
    return f"{style.number(row['value'])} {unit}"


def shares(frame: pl.DataFrame, *, title: str, remark: str = "", few: str = "样本不足") -> go.Figure:
    """Which rate is how high, and how sure is that?

    frame: label, share (0–1; null = not judged), low, high (its interval), note (grey words at the right); in the order shown.
    A row without a share says `few`.
    """
    rows = frame.to_dicts()
    if not rows:
        return style.empty(title)
    names = [style.shorten(str(row["label"]), 15) for row in rows]
    left = style.text_width_of(names, style.TEXT_SIZE) + 16
    right = style.text_width_of([str(row["note"] or "") for row in rows]) + 20
    figure = style.paper_figure(title, height=104 + 30 * len(rows), left=left, right=right, bottom=34)
    figure.update_yaxes(range=[len(rows) - 0.5, -0.5])
    most = max((row["high"] for row in rows if row["high"] is not None), default=1.0)
    ticks = [0, 0.25, 0.5, 0.75, 1] if most > 0.5 else [tick / 100 for tick in style.round_ticks(100 * most)]
    figure.update_xaxes(
        visible=True,
        range=[0, 1.02 * ticks[-1]],
        tickvals=ticks,
        ticktext=[f"{100 * tick:g}%" for tick in ticks],
        tickfont={"size": style.SMALL_SIZE, "color": MUTED},
        showgrid=True,
        gridcolor=GRID,
        gridwidth=1,
        zeroline=False,
    )
    judged = [k for k, row in enumerate(rows) if row["share"] is not None]
    figure.add_scatter(
        x=[x for k in judged for x in (rows[k]["low"], rows[k]["high"], None)],
        y=[y for k in judged for y in (k, k, None)],
        mode="lines",
        line={"color": FAINT, "width": 5},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[rows[k]["share"] for k in judged],
        y=judged,
        mode="markers",
        marker={"size": 11, "color": ACCENT, "line": {"width": 1.5, "color": PAPER}},
        hovertext=[
            f"<b>{style.plain(rows[k]['label'])}</b><br>{rows[k]['share']:.1%}"
            f"（{rows[k]['low']:.0%}—{rows[k]['high']:.0%}）"
            for k in judged
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )
    words = []
    for k, row in enumerate(rows):
        words.append(
            style.said(style.plain(names[k]), x=0, xref="paper", xshift=-left, y=k, colour=INK, size=style.TEXT_SIZE)
        )
        note = style.plain(row["note"] or "")
        words.append(style.said(note, x=1, xref="paper", xanchor="left", xshift=10, y=k))
        if row["share"] is None:
            words.append(style.said(few, x=0, y=k, xshift=8))
    style.subtitle(figure, remark)
    style.say_all(figure, words)
    figure.add_shape(
        type="line", xref="x", yref="paper", x0=0, x1=0, y0=0, y1=1, line={"color": RULE, "width": 1}, layer="below"
    )
    remarks = {k: [(str(row["note"]), MUTED)] for k, row in enumerate(rows) if row["note"]}
    told = Series(
        "%", [None if row["share"] is None else 100 * row["share"] for row in rows], "bar", ACCENT, remarks=remarks
    )
    figure.native = Native("bar", "名称", names, [told], "%", remark=remark)
    return figure
