"""What comes next, and what is the course made of? fan (a forecast with its intervals), components (trend, season, rest)."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.charts import style
from app.charts.native import Native, Series
from app.charts.series import add_alone
from app.palette import ACCENT, BAND_EDGE, CATEGORICAL, EXPECTED, FAINT, MUTED, RULE, SEQUENTIAL

OUTER, INNER = SEQUENTIAL[0], SEQUENTIAL[2]
GAP = 0.26
"""Between the strips of `components`, as a share of the highest one."""


def fan(past: pl.DataFrame, ahead: pl.DataFrame, *, title: str, unit: str = "件", height: int = 340) -> go.Figure:
    """How many are to be expected in the next weeks, and within what range?

    past: week_start_on, n_events (null breaks the line); ahead: week_start_on, expected, low_80, high_80, low_95, high_95.
    """
    if past.is_empty() or ahead.is_empty():
        return style.empty(title)
    past, ahead = style.with_plain_numbers(past).sort("week_start_on"), ahead.sort("week_start_on")
    days, coming = past["week_start_on"].to_list(), ahead["week_start_on"].to_list()
    last = past["n_events"][-1]
    names = ("预测", "80% 区间", "95% 区间")
    figure = style.paper_figure(title, height=height, right=style.label_margin(names))
    figure.update_layout(hovermode="x")
    high = max(float(past["n_events"].max() or 1), float(ahead["high_95"].max()))  # type: ignore[arg-type]
    bounds = style.show_values(figure, high * 1.04)
    style.show_periods(figure, [*days, *coming])
    start = [days[-1].isoformat()] if last is not None else []
    x = start + [day.isoformat() for day in coming]
    for level, colour in (("95", OUTER), ("80", INNER)):
        top, low = ([last] * len(start) + ahead[f"{side}_{level}"].to_list() for side in ("high", "low"))
        figure.add_scatter(
            x=x + x[::-1], y=top + low[::-1], mode="lines", line={"width": 0}, fill="toself", fillcolor=colour,
            hoverinfo="skip", name=f"{level}% 区间",
        )  # fmt: skip
    figure.add_scatter(
        x=[day.isoformat() for day in days], y=past["n_events"].to_list(), mode="lines", name="实际",
        line={"color": ACCENT, "width": 2.4}, connectgaps=False,
        hovertemplate="%{x|%Y年%m月%d日}<br><b>%{y:,} " + unit + "</b><extra></extra>",
    )  # fmt: skip
    add_alone(figure, "实际", [day.isoformat() for day in days], past["n_events"].to_list(), ACCENT)
    said = [
        f"预测 {row['expected']:,.0f} {unit}<br>80% 在 {row['low_80']:,.0f}—{row['high_80']:,.0f}"
        f"<br>95% 在 {row['low_95']:,.0f}—{row['high_95']:,.0f}"
        for row in ahead.iter_rows(named=True)
    ]
    figure.add_scatter(
        x=x, y=[last] * len(start) + ahead["expected"].to_list(), mode="lines", name="预测", hoverinfo="skip",
        line={"color": ACCENT, "width": 1.8, "dash": "dot"},
    )  # fmt: skip
    figure.add_scatter(
        x=x[len(start) :], y=ahead["expected"].to_list(), mode="markers", name="预测", hovertext=said,
        marker={"size": 6, "color": ACCENT}, hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    end = ahead.row(-1, named=True)
    style.end_labels(
        figure,
        [
            (style.bold(names[0]), end["expected"], ACCENT),
            (names[1], end["high_80"], BAND_EDGE),
            (names[2], end["high_95"], MUTED),
        ],
        bounds,
    )
    style.subtitle(figure, f"单位：{unit}/周")
    n, m = len(days), len(coming)
    told = [
        Series("实际", past["n_events"].to_list() + [None] * m, "subject", ACCENT),
        Series("预测", [None] * n + ahead["expected"].to_list(), "dashed", ACCENT),
        Series("95% 下限", [None] * n + ahead["low_95"].to_list(), "expected", EXPECTED),
        Series("95% 上限", [None] * n + ahead["high_95"].to_list(), "upper", EXPECTED),
    ]
    figure.native = Native("line", "日期", [*days, *coming], told, unit)
    return figure


def components(frame: pl.DataFrame, *, title: str, unit: str = "件", height: int = 420) -> go.Figure:
    """Trend, season and rest one below the other, all on one scale: which of them moves the figure most?

    frame: week_start_on, n_events, trend, season, rest (n_events = trend + season + rest; null = not to be told).
    """
    if frame.is_empty():
        return style.empty(title)
    frame = style.with_plain_numbers(frame).sort("week_start_on")
    starts = frame["week_start_on"].to_list()
    strips = (("实际与趋势", ("n_events", "trend")), ("季节", ("season",)), ("其余", ("rest",)))
    reach = [_reach(frame, names) for _, names in strips]
    gap = GAP * max(high - low for low, high in reach)
    figure = style.paper_figure(title, height=height, left=52, right=style.label_margin(["趋势"]))
    style.show_periods(figure, starts)
    days = [day.isoformat() for day in starts]
    top, ticks, texts = 0.0, [], []
    words: list[dict[str, Any]] = []
    for (name, columns), (low, high) in zip(strips, reach, strict=True):
        shift = top - high
        if low < 0 < high:
            _level(figure, shift)
        for at in (low, high) if low >= 0 else (low, 0.0, high):
            ticks.append(at + shift)
            texts.append(style.number(round(at)).replace("-", "−"))
        for column in columns:
            values = frame[column].to_list()
            is_actual = column == "n_events"
            colour, width = (FAINT, 1.2) if is_actual else (ACCENT, 1.8 if column != "rest" else 1.2)
            label = {"n_events": "实际", "trend": "趋势"}.get(column, name)
            figure.add_scatter(
                x=days, y=[None if value is None else value + shift for value in values], mode="lines", name=label,
                line={"color": colour, "width": width}, connectgaps=False,
                text=[style.number(value) for value in values],
                hovertemplate="%{x|%Y年%m月%d日}<br>" + label + " %{text} " + unit + "<extra></extra>",
            )  # fmt: skip
            known = [value for value in values if value is not None]
            if known and not is_actual:
                words.append(
                    style.said(
                        label,
                        x=1,
                        xref="paper",
                        xshift=6,
                        y=(known[-1] if column == "trend" else 0) + shift,
                        colour=ACCENT,
                    )
                )
        top = low + shift - gap
    figure.update_yaxes(
        visible=True, range=[top + gap * 0.6, gap * 0.2], tickvals=ticks, ticktext=texts, zeroline=False, showgrid=False,
        tickfont={"size": style.SMALL_SIZE, "color": MUTED}, ticks="",
    )  # fmt: skip
    style.subtitle(figure, f"单位：{unit}/周　三条用同一刻度；灰线是实际件数，实际 = 趋势 + 季节 + 其余")
    style.say_all(figure, words)
    told = [
        Series(name, frame[column].to_list(), role, colour)  # type: ignore[arg-type]
        for name, column, role, colour in (
            ("实际", "n_events", "context", FAINT),
            ("趋势", "trend", "subject", ACCENT),
            ("季节", "season", "line", CATEGORICAL[1]),
            ("其余", "rest", "line", CATEGORICAL[2]),
        )
    ]
    figure.native = Native("line", "日期", starts, told, unit)
    return figure


def _reach(frame: pl.DataFrame, names: Sequence[str]) -> tuple[float, float]:
    """Lowest and highest value, rounded outwards; the season and the rest reach to both sides of 0."""
    values = [value for name in names for value in frame[name].to_list() if value is not None] or [0.0, 1.0]
    low, high = min(values), max(values)
    return (low, high if high > low else low + 1) if "n_events" in names else (min(low, -0.5), max(high, 0.5))


def _level(figure: go.Figure, y: float) -> None:
    figure.add_shape(
        type="line", xref="paper", yref="y", x0=0, x1=1, y0=y, y1=y, line={"color": RULE, "width": 1}, layer="below"
    )
