"""How does each of several places do? One small chart a place, all of the same make, so that the odd one stands out."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.charts import style
from app.palette import ACCENT, ACCENT_SOFT, CUMULATED_TEXT, INK, MUTED, RULE, WARNING

PANEL_HEIGHT = 128
LEFT, RIGHT, TOP, BOTTOM = 0.02, 0.9, 0.36, 0.1
"""Where the drawing lies within its panel, whose sides are 1."""
NAME_EM = 8


def multiples(
    frame: pl.DataFrame, *, title: str, is_common: bool = False, unit: str = "件", remark: str = ""
) -> go.Figure:
    """One panel a place, in the order of the first mention; weeks from left to right, 0 at the bottom of each.

    frame: place_code, label, period_start_on, n_events (null = unknown or hidden: a gap), change_share (the same on all
    rows of a place; null = not told); optional expected, upper_bound (the band), is_alarm (a red triangle), is_hidden: a place
    with such a week is not told its highest one, which may be among them.
    is_common: one scale for all panels, else each has its own. The points carry place_code as customdata.
    """
    if frame.is_empty():
        return style.empty(title)
    frame = style.with_plain_numbers(frame)
    places = [part.sort("period_start_on") for part in frame.partition_by("place_code", maintain_order=True)]
    n_columns = 3 if len(places) <= 9 else 4 if len(places) <= 16 else 5
    n_rows = math.ceil(len(places) / n_columns)
    figure = style.paper_figure(title, height=70 + PANEL_HEIGHT * n_rows, left=2, right=2, bottom=6)
    figure.update_xaxes(range=[0, n_columns])
    figure.update_yaxes(range=[-n_rows, 0])
    starts = frame["period_start_on"].unique().sort().to_list()
    across = {start: LEFT + (RIGHT - LEFT) * k / max(1, len(starts) - 1) for k, start in enumerate(starts)}
    common = max(_highest(place) for place in places)
    drawn: dict[str, list[list[Any]]] = {name: [[], []] for name in ("band", "floor", "line", "alarm", "click")}
    codes: list[str] = []
    hovers: list[str] = []
    words: list[dict[str, Any]] = []
    for at, place in enumerate(places):
        column, row = at % n_columns, at // n_columns
        high = (common if is_common else _highest(place)) or 1
        x = [column + across[start] for start in place["period_start_on"]]
        values = place["n_events"].to_list()
        y = [_height(value, high, row) for value in values]
        _extend(drawn["floor"], [column + LEFT, column + RIGHT], [_height(0, high, row)] * 2)
        _extend(drawn["line"], x, y)
        _add_bands(drawn["band"], x, place, high, row)
        label = style.plain(style.shorten(str(place["label"][0]), NAME_EM))
        for k, value in enumerate(values):
            if value is None:
                continue
            drawn["click"][0].append(x[k])
            drawn["click"][1].append(y[k])
            codes.append(place["place_code"][0])
            day = place["period_start_on"][k]
            hovers.append(f"<b>{style.plain(place['label'][0])}</b>　{day:%Y-%m-%d} 起<br>{style.number(value)} {unit}")
            if "is_alarm" in place.columns and place["is_alarm"][k]:
                drawn["alarm"][0].append(x[k])
                drawn["alarm"][1].append(y[k])
        words += _said(place, label, column, row, high, x)
    _draw(figure, drawn, codes, hovers)
    scale = f"各图同一刻度，最高 {style.number(common)}" if is_common else "各图各用自己的刻度，数字是最高一周"
    if "is_hidden" in frame.columns and frame["is_hidden"].any():
        scale += "（有隐去的周，不标）"
    first, last = (f"{day.year}年{day.month}月" for day in (starts[0], starts[-1]))
    style.subtitle(figure, f"单位：{unit}/周　{first}—{last}　{scale}" + (f"　{remark}" if remark else ""))
    style.say_all(figure, words)
    return figure


def _highest(place: pl.DataFrame) -> float:
    both = [place[name].max() for name in ("n_events", "upper_bound") if name in place.columns]
    return float(max((value for value in both if value is not None), default=0))  # type: ignore[arg-type]


def _height(value: float | None, high: float, row: int) -> float | None:
    return None if value is None else -row - 1 + BOTTOM + (1 - TOP - BOTTOM) * value / high


def _extend(points: list[list[Any]], x: Sequence[Any], y: Sequence[Any]) -> None:
    """One more line of the same trace."""
    points[0] += [*x, None]
    points[1] += [*y, None]


def _add_bands(points: list[list[Any]], x: Sequence[float], place: pl.DataFrame, high: float, row: int) -> None:
    """From expected to upper_bound, a ring for each stretch without a gap."""
    if "upper_bound" not in place.columns:
        return
    low, top = place["expected"].to_list(), place["upper_bound"].to_list()
    run: list[int] = []
    for k in range(len(x) + 1):
        if k < len(x) and low[k] is not None and top[k] is not None:
            run.append(k)
        elif run:
            ring = [(x[i], top[i]) for i in run] + [(x[i], low[i]) for i in reversed(run)]
            _extend(points, [at for at, _ in ring], [_height(value, high, row) for _, value in ring])
            run = []


def _said(
    place: pl.DataFrame, label: str, column: int, row: int, high: float, x: Sequence[float]
) -> list[dict[str, Any]]:
    """The name, the change and the highest week of a panel."""
    share = place["change_share"][0]
    colour = MUTED if share is None or abs(share) < 0.005 else CUMULATED_TEXT if share > 0 else ACCENT
    top: dict[str, Any] = {"y": -row - 0.12, "yanchor": "middle"}
    said = [
        style.said(style.bold(label), x=column + LEFT, colour=INK, size=style.TEXT_SIZE, **top),
    ]
    if share is not None:
        told = style.signed_per_cent(share)
        said.append(style.said(told, x=column + RIGHT, xanchor="right", colour=colour, **top))
    if "is_hidden" in place.columns and place["is_hidden"].any():
        return said
    values = place["n_events"].to_list()
    known = [k for k, value in enumerate(values) if value is not None]
    if known:
        peak = max(known, key=lambda k: values[k])
        anchor = "left" if x[peak] < column + 0.15 else "right" if x[peak] > column + 0.78 else "center"
        said.append(
            style.said(
                style.number(values[peak]), x=x[peak], y=_height(values[peak], high, row), xanchor=anchor,
                yanchor="bottom", yshift=2,
            )
        )  # fmt: skip
    return said


def _draw(figure: go.Figure, drawn: dict[str, list[list[Any]]], codes: list[str], hovers: list[str]) -> None:
    def line(name: str, **how: Any) -> None:
        x, y = drawn[name]
        if x:
            figure.add_scatter(x=x, y=y, mode="lines", hoverinfo="skip", connectgaps=False, name=name, **how)

    line("band", line={"width": 0}, fill="toself", fillcolor=ACCENT_SOFT)
    line("floor", line={"color": RULE, "width": 1})
    line("line", line={"color": ACCENT, "width": 1.6})
    quiet = {"name": "", "mode": "markers", "cliponaxis": False}
    if drawn["alarm"][0]:
        x, y = drawn["alarm"]
        marker = {"symbol": "triangle-up", "size": 7, "color": WARNING}
        figure.add_scatter(x=x, y=y, marker=marker, hoverinfo="skip", **quiet)
    x, y = drawn["click"]
    figure.add_scatter(
        x=x, y=y, customdata=codes, hovertext=hovers, hovertemplate="%{hovertext}<extra></extra>",
        marker={"size": 16, "color": "rgba(0,0,0,0)", "line": {"width": 0}}, **quiet,
    )  # fmt: skip
