"""Which units differ by more than chance? Each unit's rate against its number of items, with the limits of chance."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.charts import style
from app.palette import ACCENT, ACCENT_SOFT, FAINT, GRID, INK, MUTED, PANEL, WARNING

MAX_NAMED = 10
"""Of those outside; the furthest out first."""
SYMBOLS = {"above": "triangle-up", "below": "triangle-down"}
LINES = {"998": ("99.8%", MUTED, "solid"), "95": ("95%", FAINT, "dash")}
NARROW = 560
"""Pixels of half a page: names that keep clear of each other there do so in any wider figure."""
LABEL_PLACES = (
    *(("left", 9, 0), ("right", -9, 0), ("center", 0, 16), ("center", 0, -16)),
    *(("right", 8, 16), ("right", 8, -16), ("left", -8, 16), ("left", -8, -16)),
)
"""Beside the point, then above and below it: anchor, pixels to the right, pixels up."""
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)


def funnel(
    units: pl.DataFrame,
    *,
    limits: pl.DataFrame,
    centre: float,
    title: str,
    unit: str = "%",
    emphasis: str | None = None,
    height: int = 430,
) -> go.Figure:
    """Who lies beyond what chance does to a unit of this size? (Spiegelhalter 2005)

    units: label, n (items ≥ 1), value (in `unit`; null is not drawn), outside (above | below | null), is_ranked (false:
    too few items, drawn hollow). limits: n, lower_95, upper_95, lower_998, upper_998 in the same unit, ascending.
    centre: the peers' mean. n is on a logarithmic scale: most units are small. emphasis: the unit to name in any case.
    Only what the exporters draw: lines, markers, words.
    """
    rows = units.filter(pl.col("value").is_not_null() & (pl.col("n") > 0)).to_dicts()
    if not rows or limits.is_empty():
        return style.empty(title)
    figure = style.paper_figure(title, height=height, left=52, right=58, bottom=52)
    low, high = _range(rows, centre, unit)
    first, last = math.log10(limits["n"][0]), math.log10(limits["n"][-1])
    pad = (last - first or 1) * 0.04
    _show_axes(figure, (first - pad, last + pad), (low, high), unit)
    x = [math.log10(n) for n in limits["n"]]
    for name, (_, colour, dash) in LINES.items():
        for side in ("lower", "upper"):
            y = [min(max(value, low), high) for value in limits[f"{side}_{name}"]]
            figure.add_scatter(
                x=x, y=y, mode="lines", line={"color": colour, "width": 1.2, "dash": dash}, hoverinfo="skip"
            )
    figure.add_scatter(
        x=[first - pad, last + pad], y=[centre] * 2, mode="lines", line={"color": ACCENT, "width": 1}, hoverinfo="skip"
    )
    _add_units(figure, rows, unit, emphasis)
    _name(figure, rows, (first - pad, last + pad), (low, high), emphasis)
    _name_lines(figure, limits, centre, (low, high))
    outside = sum(bool(row["outside"]) for row in rows)
    style.subtitle(figure, f"横轴件数（对数），纵轴{unit}；▲▼ 在 99.8% 界限之外：{outside} 个单位")
    return figure


def _range(rows: Sequence[Mapping[str, Any]], centre: float, unit: str) -> tuple[float, float]:
    """Room for every unit, and for the limits of the middle sizes; a per cent scale ends at 0 and 100."""
    values = [row["value"] for row in rows]
    reach = max(abs(value - centre) for value in values) * 1.12 or 1.0
    low, high = max(0.0, min(centre - reach * 0.4, min(values) - reach * 0.12)), max(values) + reach * 0.12
    high = max(high, centre + reach * 0.4)
    return (low, min(high, 100.0 + reach * 0.02)) if unit == "%" else (low, high)


def _show_axes(figure: go.Figure, across: tuple[float, float], up: tuple[float, float], unit: str) -> None:
    steps = [n for n in STEPS if across[0] <= math.log10(n) <= across[1]]
    figure.update_xaxes(
        visible=True, range=list(across), tickvals=[math.log10(n) for n in steps], ticktext=[f"{n:,}" for n in steps],
        tickfont={"size": style.SMALL_SIZE, "color": MUTED}, showgrid=False, showline=True, linecolor=MUTED, linewidth=1,
        ticks="outside", ticklen=4, tickcolor=MUTED,
    )  # fmt: skip
    step = _nice((up[1] - up[0]) / 5)
    ticks = [k * step for k in range(math.ceil(up[0] / step - 1e-9), math.floor(up[1] / step + 1e-9) + 1)]
    figure.update_yaxes(
        visible=True, range=list(up), tickvals=ticks, ticktext=[f"{style.number(tick)}{unit if unit == '%' else ''}" for tick in ticks],
        tickfont={"size": style.SMALL_SIZE, "color": MUTED}, showgrid=True, gridcolor=GRID, gridwidth=1, zeroline=False,
        showline=False, ticks="",
    )  # fmt: skip


def _nice(raw: float) -> float:
    size = 10.0 ** math.floor(math.log10(raw))
    return next(m * size for m in (1, 2, 5, 10) if m * size >= raw * 0.999)


def _add_units(figure: go.Figure, rows: Sequence[Mapping[str, Any]], unit: str, emphasis: str | None) -> None:
    """Three kinds of points: inside, outside, too few items to say."""
    kinds = (
        ("样本不足", [row for row in rows if not row["outside"] and not row["is_ranked"]], PANEL, MUTED, 7),
        ("界限之内", [row for row in rows if not row["outside"] and row["is_ranked"]], ACCENT_SOFT, ACCENT, 9),
        ("界限之外", [row for row in rows if row["outside"]], WARNING, WARNING, 11),
    )
    for name, found, fill, line, size in kinds:
        if not found:
            continue
        sign = "%" if unit == "%" else f" {unit}"
        figure.add_scatter(
            x=[math.log10(row["n"]) for row in found],
            y=[row["value"] for row in found],
            mode="markers",
            name=name,
            marker={
                "size": [size + 3 * (row["label"] == emphasis) for row in found],
                "color": fill,
                "symbol": [SYMBOLS.get(row["outside"] or "", "circle") for row in found],
                "line": {"color": line, "width": 1.4},
            },
            hovertext=[
                f"<b>{style.plain(row['label'])}</b><br>{style.number(row['value'])}{sign}，{row['n']:,} 件<br>{name}"
                for row in found
            ],
            hovertemplate="%{hovertext}<extra></extra>",
            customdata=[row["label"] for row in found],
        )


def _name(
    figure: go.Figure,
    rows: Sequence[Mapping[str, Any]],
    across: tuple[float, float],
    up: tuple[float, float],
    emphasis: str | None,
) -> None:
    """Names beside the points outside, in the first of LABEL_PLACES where no point or name is covered."""
    margin = style.layout_of(figure).margin
    wide = NARROW - margin.l - margin.r
    tall = style.layout_of(figure).height - margin.t - margin.b
    middle = (up[0] + up[1]) / 2

    def at(row: Mapping[str, Any]) -> tuple[float, float]:
        x = (math.log10(row["n"]) - across[0]) / (across[1] - across[0]) * wide
        return x, (up[1] - row["value"]) / (up[1] - up[0]) * tall

    wanted = sorted(
        (row for row in rows if row["outside"] or row["label"] == emphasis),
        key=lambda row: (row["label"] != emphasis, -row["n"] * abs(row["value"] - middle)),
    )
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in map(at, rows)]
    said: list[dict[str, Any]] = []
    for row in wanted:
        if len(said) == MAX_NAMED:
            break
        x, y = at(row)
        name = style.shorten(str(row["label"]), 12)
        width = style.text_width(name, style.SMALL_SIZE)
        for xanchor, xshift, yshift in LABEL_PLACES:
            left = x + xshift - width * {"left": 0, "right": 1, "center": 0.5}[xanchor]
            box = (left, y - yshift - 8, left + width, y - yshift + 8)
            if box[0] >= 0 and box[1] >= 0 and box[2] <= wide and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                place: dict[str, Any] = {"xanchor": xanchor, "xshift": xshift, "yshift": yshift, "colour": INK}
                said.append(style.said(style.plain(name), x=math.log10(row["n"]), y=row["value"], **place))
                break
    style.say_all(figure, said)


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _name_lines(figure: go.Figure, limits: pl.DataFrame, centre: float, up: tuple[float, float]) -> None:
    """99.8%, 95% and 均值 at the right end of their lines, moved apart where they meet."""
    ends = [("均值", centre, ACCENT)]
    for name, (label, colour, _) in LINES.items():
        ends += [
            (label, float(limits[f"{side}_{name}"][-1]), MUTED if colour == FAINT else colour)
            for side in ("upper", "lower")
        ]
    style.end_labels(figure, [end for end in ends if up[0] <= end[1] <= up[1]], up)
