"""Which issues are many and rising, which few and falling? volume_growth: volume across, growth upwards."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.charts import style
from app.palette import DIVERGING, FAINT, GRID, INK, MUTED, PAPER

RISING, FALLING = DIVERGING[9], DIVERGING[0]
TOP = math.log(5)
"""Logarithm of now ÷ before from which a point stands at the edge, with an arrow; its label says the figure."""
TICKS = (-0.8, -0.5, -0.3, 0.0, 0.5, 1.0, 2.0, 4.0)
NAMES = (("量小且升", "量大且升"), ("量小且降", "量大且降"))
PLOT_WIDTH, N_LARGEST = 676, 8
LEADERS = (22, 36, 52)
"""Pixels from a point to its name where beside it is no room; a line joins them."""
LINE = style.SMALL_SIZE + 3

Box = tuple[float, float, float, float]


def volume_growth(
    frame: pl.DataFrame, *, title: str, large_from: float, common: float, change_label: str, height: int = 520
) -> go.Figure:
    """Which issues are many and rising?

    frame: issue_code, issue_name, n_events (> 0), n_before, change_share (as counted, 0.25 = +25 %; null = small base),
    growth_share (shrunk: the height), growth_low_share, growth_high_share, standing (up, perhaps_up, open, perhaps_down,
    down); rows without growth_share are left out.
    large_from: count from which an issue is a large one. common: growth of all items, a dashed line. Coloured: what
    rises or falls by its interval, filled where that is clear; named: these and the largest, as far as there is room.
    """
    rows = style.with_plain_numbers(frame).drop_nulls("growth_share").sort("n_events", descending=True).to_dicts()
    if not rows:
        return style.empty(title)
    figure = style.paper_figure(title, height=height, left=58, right=16, bottom=34)
    low = min(row["n_events"] for row in rows)
    high = max(row["n_events"] for row in rows)
    across = [math.log10(low) - 0.06, math.log10(max(high, low + 1)) + 0.12]
    seen = [_up(row["growth_share"]) for row in rows]
    up = [min(-0.45, *seen) - 0.18, max(0.5, *seen) + 0.22]
    _axes(figure, across, up, change_label)
    split = math.log10(large_from)
    _lines(figure, split, _up(common))
    _intervals(figure, rows)
    _points(figure, rows, change_label)
    words = _corners(split, across, up)
    from_here = f"{large_from:,} 件起为“量大”（合占一半）"
    is_right = _x(split, across) + style.text_width(from_here, style.SMALL_SIZE) + 10 > PLOT_WIDTH
    words.append(
        style.said(
            from_here, x=split, y=0, yref="paper", yanchor="bottom", yshift=LINE + 6,
            xanchor="right" if is_right else "left", xshift=-5 if is_right else 5,
        )
    )  # fmt: skip
    of_all = f"全部事项 {style.signed_per_cent(common)}" if abs(common) >= 0.005 else ""
    if of_all:
        words.append(
            style.said(of_all, x=1, xref="paper", xanchor="right", y=_up(common), yanchor="bottom", align="right")
        )
    plot_height = height - 62 - 34
    width, at = style.text_width(from_here, style.SMALL_SIZE) + 5, _x(split, across)
    bottom = plot_height - 6
    said = (at - width if is_right else at, bottom - 2 * LINE, at if is_right else at + width, bottom - LINE)
    names, leaders = _labels(rows, across, up, plot_height, (of_all, _up(common)), said)
    style.subtitle(
        figure,
        f"横轴：件数（对数）　纵轴：{change_label}，小数量向全部事项的变化收缩　● 明显　○ 可能　细竖线 95% 区间　灰点 看不出",
    )
    style.say_all(figure, [*words, *names])
    style.layout_of(figure).shapes = [*style.layout_of(figure).shapes, *leaders]
    return figure


def _up(share: float) -> float:
    """A growth as a height: the logarithm of now ÷ before, cut off far out."""
    return max(-TOP, min(TOP, math.log1p(max(share, -0.99))))


def _x(at: float, across: Sequence[float]) -> float:
    """Pixels from the left edge of the plot."""
    return (at - across[0]) / (across[1] - across[0]) * PLOT_WIDTH


def _axes(figure: go.Figure, across: Sequence[float], up: Sequence[float], change_label: str) -> None:
    counts = [m * 10**k for k in range(7) for m in (1, 2, 5) if across[0] <= math.log10(m * 10**k) <= across[1]]
    about: dict[str, Any] = {
        "visible": True, "showgrid": True, "gridcolor": GRID, "zeroline": False, "ticks": "",
        "tickfont": {"size": style.SMALL_SIZE, "color": MUTED},
    }  # fmt: skip
    figure.update_xaxes(
        **about, range=list(across), tickvals=[math.log10(n) for n in counts], ticktext=[f"{n:,} 件" for n in counts]
    )
    shares = [share for share in TICKS if up[0] <= math.log1p(share) <= up[1]]
    figure.update_yaxes(
        **about, range=list(up), tickvals=[math.log1p(share) for share in shares],
        ticktext=[style.signed_per_cent(share) for share in shares],
    )  # fmt: skip


def _lines(figure: go.Figure, split: float, common: float) -> None:
    """No change and the large from the small; dashed, how all items moved."""
    plain = {"type": "line", "layer": "below"}
    figure.update_layout(
        shapes=[
            plain | {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": 0, "y1": 0, "line": {"color": MUTED, "width": 1}},
            plain | {"xref": "x", "x0": split, "x1": split, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": MUTED, "width": 1}},
            plain | {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": common, "y1": common,
                     "line": {"color": MUTED, "width": 1, "dash": "dash"}},
        ]
    )  # fmt: skip


def _corners(split: float, across: Sequence[float], up: Sequence[float]) -> list[dict[str, Any]]:
    """The four names, in the corners; small and large each over its own half."""
    said = []
    for at_top, names in zip((True, False), NAMES, strict=True):
        place: dict[str, Any] = {"y": 1 if at_top else 0, "yref": "paper", "yanchor": "top" if at_top else "bottom"}
        said.append(style.said(style.bold(names[0]), x=0, xref="paper", xshift=6, size=style.TEXT_SIZE, **place))
        said.append(
            style.said(
                style.bold(names[1]), x=1, xref="paper", xanchor="right", align="right", size=style.TEXT_SIZE, **place
            )
        )
    return said


def _colour(row: Mapping[str, Any]) -> str:
    return RISING if row["standing"].endswith("up") else FALLING if row["standing"].endswith("down") else FAINT


def _intervals(figure: go.Figure, rows: Sequence[Mapping[str, Any]]) -> None:
    """A thin upright line for what is not open; for the others it would be a thicket."""
    x: list[float | None] = []
    y: list[float | None] = []
    for row in rows:
        if row["standing"] != "open":
            at = math.log10(row["n_events"])
            x += [at, at, None]
            y += [_up(row["growth_low_share"]), _up(row["growth_high_share"]), None]
    figure.add_scatter(x=x, y=y, mode="lines", line={"color": FAINT, "width": 1.4}, hoverinfo="skip", name="95% 区间")


def _points(figure: go.Figure, rows: Sequence[Mapping[str, Any]], change_label: str) -> None:
    colours = [_colour(row) for row in rows]
    is_clear = [row["standing"] in ("up", "down") for row in rows]
    is_open = [row["standing"] == "open" for row in rows]
    figure.add_scatter(
        x=[math.log10(row["n_events"]) for row in rows],
        y=[_up(row["growth_share"]) for row in rows],
        mode="markers",
        name="事项",
        marker={
            "size": [6 if grey else 10 for grey in is_open],
            "color": colours,
            "line": {"color": PAPER, "width": 1.6},
            "symbol": [
                "circle" if clear or grey else "circle-open" for clear, grey in zip(is_clear, is_open, strict=True)
            ],
        },
        customdata=[row["issue_code"] for row in rows],
        hovertext=[_told(row, change_label) for row in rows],
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )


def _told(row: Mapping[str, Any], change_label: str) -> str:
    change = style.signed_per_cent(row["n_events"] / row["n_before"] - 1 if row["n_before"] else None)
    between = f"{style.signed_per_cent(row['growth_low_share'])} 至 {style.signed_per_cent(row['growth_high_share'])}"
    return (
        f"<b>{style.plain(row['issue_name'])}</b><br>{row['n_events']:,} 件，对比 {row['n_before']:,} 件<br>"
        f"{change_label} {change}，95% 区间 {between}"
    )


def _labels(
    rows: Sequence[Mapping[str, Any]],
    across: Sequence[float],
    up: Sequence[float],
    plot_height: float,
    at_right: tuple[str, float],
    said_already: Box,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Names with the growth as drawn, beside their points or a leader line away, where they cover no name and no point: those
    that move first. at_right: words that stand at the right edge already, and their height; said_already: other words. With them the leader lines."""

    def down(height: float) -> float:
        return (up[1] - height) / (up[1] - up[0]) * plot_height

    def pixel(row: Mapping[str, Any]) -> tuple[float, float]:
        return _x(math.log10(row["n_events"]), across), down(_up(row["growth_share"]))

    moving = [row for row in rows if row["standing"] != "open"]
    wanted = sorted(moving, key=lambda row: row["standing"] not in ("up", "down"))
    wanted += [row for row in rows[:N_LARGEST] if row["standing"] == "open"]
    corner = 5 * style.TEXT_SIZE
    taken: list[Box] = [(x, y, x + corner, y + 22) for x in (0.0, PLOT_WIDTH - corner) for y in (0.0, plot_height - 22)]
    edge = down(at_right[1])
    taken.append((PLOT_WIDTH - style.text_width(at_right[0], style.SMALL_SIZE), edge - LINE, PLOT_WIDTH, edge))
    taken.append(said_already)
    taken += [(x - 6, y - 6, x + 6, y + 6) for x, y in map(pixel, wanted)]
    taken += [(x - 3, y - 3, x + 3, y + 3) for x, y in map(pixel, rows)]
    said, lines = [], []
    for row in wanted:
        x, y = pixel(row)
        far = style.signed_per_cent(row["growth_share"]) if row["standing"] != "open" else ""
        text = f"{style.shorten(row['issue_name'], 9)} {far}".strip()
        width = style.text_width(text, style.SMALL_SIZE) + 2
        for dx, dy in _places():
            xanchor = "left" if dx > 0 else "right" if dx < 0 else "center"
            yanchor = "bottom" if dy < 0 else "top" if dy > 0 else "middle"
            left = x + dx - {"left": 0, "right": width, "center": width / 2}[xanchor]
            top = y + dy - {"top": 0, "bottom": LINE, "middle": LINE / 2}[yanchor]
            box = (left, top, left + width, top + LINE)
            is_inside = left >= 0 and box[2] <= PLOT_WIDTH and top >= 0 and box[3] <= plot_height
            if is_inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                at, height = math.log10(row["n_events"]), _up(row["growth_share"])
                colour = INK if row["standing"] == "open" else _colour(row)
                place: dict[str, Any] = {"x": at, "y": height, "xshift": dx, "yshift": -dy}
                if max(abs(dx), abs(dy)) >= LEADERS[0]:  # line and name in the units of the axes: they stay together
                    place = {
                        "x": at + dx / PLOT_WIDTH * (across[1] - across[0]),
                        "y": height - dy / plot_height * (up[1] - up[0]),
                    }
                    ends = {"x0": at, "y0": height, "x1": place["x"], "y1": place["y"]}
                    lines.append({"type": "line", "line": {"color": MUTED, "width": 1}, **ends})
                said.append(style.said(style.plain(text), xanchor=xanchor, yanchor=yanchor, colour=colour, **place))
                break
    return said, lines


def _places() -> list[tuple[float, float]]:
    """Where a name may begin, in pixels right of and below its point: beside it, at its corners, then further away."""
    near = [(8, 0), (-8, 0), (0, -8), (0, 8), (7, -6), (-7, -6), (7, 6), (-7, 6)]
    far = [
        (dx * n, dy * n)
        for n in LEADERS
        for dx, dy in ((0.8, -0.8), (-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8), (0, -1), (0, 1), (1.4, 0), (-1.4, 0))
    ]
    return [*near, *far]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
