"""What happened over time? trend (one series with what was expected), lines (a few side by side), stacked, spark (tiny)."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app.charts import style
from app.charts.native import Native, Series
from app.palette import (
    ACCENT,
    ACCENT_SOFT,
    BAND_EDGE,
    CATEGORICAL,
    EXPECTED,
    FAINT,
    INK,
    MUTED,
    PANEL,
    PAPER,
    WARNING,
    WHITE,
)

MAX_COLOURED = 9
MAX_ALARM_FIGURES = 8
ALARM = "高于预期上限"


def trend(
    series: pl.DataFrame,
    *,
    title: str,
    unit: str = "件",
    height: int = 340,
    unfinished: str = "未满期",
    is_clickable: bool = False,
) -> go.Figure:
    """Is this series above what was to be expected, and when?

    series: one row a period (day, week, month or quarter; the grain is read from the dates), any order.
        period_start_on  date, required
        n_events         number, required; null breaks the line
        expected         optional, null where not assessed
        upper_bound      optional, null where not assessed; the band runs from expected to here
        is_alarm         optional bool; a marked point (red triangle with its figure)
        is_incomplete    optional bool; trailing periods still filling up: shaded, dashed, called `unfinished`
        n_events_year_ago optional; grey dashed line, labelled 去年同期
    is_clickable: each period has a point to click on, its customdata the day it begins.
    An empty frame gives a figure that says 「没有可画的数据」.
    """
    rows = style.with_plain_numbers(series).sort("period_start_on").to_dicts()
    if not rows:
        return style.empty(title)
    starts = [_day(row["period_start_on"]) for row in rows]
    columns = {name: [row.get(name) for row in rows] for name in _TREND_COLUMNS}
    names = ["实际", "去年同期"] if any(v is not None for v in columns["n_events_year_ago"]) else ["实际"]
    figure = style.paper_figure(title, height=height, right=style.label_margin([*names, "上限"]))
    figure.update_layout(hovermode="x")
    high = max((v for name in _VALUES for v in columns[name] if v is not None), default=1)
    has_alarm = any(columns["is_alarm"])
    bounds = style.show_values(figure, high * (1.09 if has_alarm else 1.02))
    style.show_periods(figure, starts)
    n_whole = _n_complete(columns["is_incomplete"])
    _shade_incomplete(figure, starts, n_whole, unfinished)
    _add_band(figure, starts, columns["expected"], columns["upper_bound"])
    _add_year_ago(figure, starts, columns["n_events_year_ago"], unit)
    _add_expected(figure, starts, columns["expected"], columns["upper_bound"], unit)
    _add_actual(figure, starts, columns["n_events"], n_whole, unit, unfinished)
    _add_alarms(figure, starts, columns)
    _label_trend(figure, columns, n_whole, bounds)
    if is_clickable:
        _add_clicks(figure, starts, columns, unit)
    sign = {"sign": "▲", "sign_means": ALARM, "sign_colour": WARNING} if has_alarm else {}
    style.subtitle(figure, f"单位：{unit}", **sign)
    figure.native = _native_trend(starts, columns, n_whole, unit)
    return figure


def _native_trend(starts: Sequence[date], columns: dict[str, list[Any]], n_whole: int, unit: str) -> Native:
    """Those of the lines that have a figure at all, and the alarms as a row of their own."""
    alarms = [n if flag else None for n, flag in zip(columns["n_events"], columns["is_alarm"], strict=True)]
    spoken = _not_crowded([k for k, n in enumerate(alarms) if n is not None], columns["n_events"], len(starts))
    found = (
        Series("实际", columns["n_events"], "subject", ACCENT),
        Series("预期", columns["expected"], "expected", EXPECTED),
        Series("上限", columns["upper_bound"], "upper", EXPECTED),
        Series("去年同期", columns["n_events_year_ago"], "dashed", FAINT),
        Series(ALARM, alarms, "alarm", WARNING, spoken=spoken),
    )
    told = [one for one in found if any(value is not None for value in one.values)]
    return Native("line", "日期", starts, told, unit, sign_means=ALARM, n_incomplete=len(starts) - n_whole)


_VALUES = ("n_events", "expected", "upper_bound", "n_events_year_ago")
_TREND_COLUMNS = (*_VALUES, "is_alarm", "is_incomplete")


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


def _iso(days: Sequence[date]) -> list[str]:
    return [day.isoformat() for day in days]


def _n_complete(flags: Sequence[bool | None]) -> int:
    """How many rows come before the trailing incomplete ones?"""
    n = len(flags)
    while n and flags[n - 1]:
        n -= 1
    return n


def _date_pattern(starts: Sequence[date]) -> str:
    return "%Y年%m月" if style.period_days(starts) >= 28 else "%Y年%m月%d日"


def _runs(values: Sequence[Any]) -> Iterator[range]:
    """Stretches without a gap."""
    start = None
    for i, value in enumerate([*values, None]):
        if value is not None and start is None:
            start = i
        elif value is None and start is not None:
            yield range(start, i)
            start = None


def _shade_incomplete(figure: go.Figure, starts: Sequence[date], n_whole: int, word: str) -> None:
    if n_whole == len(starts):
        return
    half = timedelta(days=style.period_days(starts) / 2)
    x0, x1 = style.instant(starts[n_whole], -half), style.instant(starts[-1], half)
    figure.add_shape(
        type="rect", xref="x", yref="paper", x0=x0, x1=x1, y0=0, y1=1, fillcolor=PANEL, line={"width": 0}, layer="below"
    )
    style.say(
        figure, word, x=x1, y=1, yref="paper", xanchor="right", yanchor="bottom", xshift=0, yshift=1, align="right"
    )


def _add_band(figure: go.Figure, starts: Sequence[date], low: Sequence[Any], high: Sequence[Any]) -> None:
    """One closed polygon a stretch; plotly's tonexty would fill across the weeks that were not assessed."""
    both = [a if a is not None and b is not None else None for a, b in zip(low, high, strict=True)]
    days = _iso(starts)
    x: list[Any] = []
    y: list[Any] = []
    for run in _runs(both):
        forth, back = list(run), list(reversed(run))
        x += [days[i] for i in forth + back] + [None]
        y += [high[i] for i in forth] + [low[i] for i in back] + [None]
    if x:
        figure.add_scatter(
            x=x[:-1],
            y=y[:-1],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=ACCENT_SOFT,
            hoverinfo="skip",
            name="预期至上限",
        )


def _add_line(figure: go.Figure, name: str, x: Sequence[str], y: Sequence[Any], hover: str | None, **line: Any) -> None:
    how = {"hovertemplate": hover} if hover else {"hoverinfo": "skip"}
    figure.add_scatter(x=list(x), y=list(y), mode="lines", name=name, line=line, connectgaps=False, **how)


def add_alone(figure: go.Figure, name: str, x: Sequence[str], y: Sequence[Any], colour: str) -> None:
    """A point for each value without a neighbour, which a line alone would not show. No trace where there is none."""
    at = [run.start for run in _runs(y) if len(run) == 1]
    if at:
        figure.add_scatter(
            x=[x[k] for k in at], y=[y[k] for k in at], mode="markers", name=name, hoverinfo="skip",
            marker={"symbol": "circle", "size": 5, "color": colour},
        )  # fmt: skip


def _add_year_ago(figure: go.Figure, starts: Sequence[date], values: Sequence[Any], unit: str) -> None:
    if any(value is not None for value in values):
        hover = f"去年同期 %{{y:,}} {unit}<extra></extra>"
        _add_line(figure, "去年同期", _iso(starts), values, hover, color=FAINT, width=1.6, dash="dash")
        add_alone(figure, "去年同期", _iso(starts), values, FAINT)


def _add_expected(
    figure: go.Figure, starts: Sequence[date], values: Sequence[Any], upper: Sequence[Any], unit: str
) -> None:
    if any(value is not None for value in values):
        said = [
            f"预期 {style.number(a)}，上限 {style.number(b)}" if a is not None else "未判定"
            for a, b in zip(values, upper, strict=True)
        ]
        _add_line(
            figure, "预期", _iso(starts), values, "%{text} " + unit + "<extra></extra>", color=EXPECTED, width=1.4
        )
        figure.data[-1].text = said


def _add_actual(
    figure: go.Figure, starts: Sequence[date], values: Sequence[Any], n_whole: int, unit: str, unfinished: str
) -> None:
    days, pattern = _iso(starts), _date_pattern(starts)
    hover = f"%{{x|{pattern}}}<br><b>%{{y:,}} {unit}</b>"
    _add_line(figure, "实际", days[:n_whole], values[:n_whole], hover + "<extra></extra>", color=ACCENT, width=2.4)
    add_alone(figure, "实际", days, values, ACCENT)
    if n_whole == len(days):
        return
    first = max(0, n_whole - 1)
    _add_line(figure, unfinished, days[first:], values[first:], None, color=ACCENT, width=1.6, dash="dot")
    figure.add_scatter(
        x=days[n_whole:],
        y=list(values[n_whole:]),
        mode="markers",
        name=unfinished,
        marker={"symbol": "circle", "size": 7, "color": WHITE, "line": {"color": ACCENT, "width": 1.6}},
        hovertemplate=hover + f"（{unfinished}）<extra></extra>",
    )


def _add_alarms(figure: go.Figure, starts: Sequence[date], columns: dict[str, list[Any]]) -> None:
    at = [i for i, flag in enumerate(columns["is_alarm"]) if flag and columns["n_events"][i] is not None]
    if not at:
        return
    spoken = _not_crowded(at, columns["n_events"], len(starts))
    figure.add_scatter(
        x=[starts[i].isoformat() for i in at],
        y=[columns["n_events"][i] for i in at],
        mode="markers+text",
        name=ALARM,
        text=[style.bold(style.number(columns["n_events"][i])) if i in spoken else "" for i in at],
        textposition="top center",
        textfont={"color": WARNING, "size": style.SMALL_SIZE},
        marker={"symbol": "triangle-up", "size": 10, "color": WARNING, "line": {"color": WHITE, "width": 1}},
        hoverinfo="skip",
        cliponaxis=False,
    )


def _add_clicks(figure: go.Figure, starts: Sequence[date], columns: dict[str, list[Any]], unit: str) -> None:
    """A line alone cannot be clicked: over each period a point that nobody sees, with all there is to say about it.

    Of several points under the pointer the browser takes the first, so no other answers to it.
    """
    figure.for_each_trace(lambda trace: trace.update(hoverinfo="skip", hovertemplate=None))
    known = [k for k, value in enumerate(columns["n_events"]) if value is not None]
    said = []
    for k in known:
        lines = [f"{starts[k]:%Y年%m月%d日}起", style.bold(f"{columns['n_events'][k]:,} {unit}")]
        if columns["expected"][k] is not None:
            upper = columns["upper_bound"][k]
            lines.append(f"预期 {columns['expected'][k]:,.0f}" + (f"，上限 {upper:,.0f}" if upper is not None else ""))
        if columns["n_events_year_ago"][k] is not None:
            lines.append(f"去年同期 {columns['n_events_year_ago'][k]:,}")
        said.append("<br>".join(lines))
    figure.add_scatter(
        x=[starts[k].isoformat() for k in known],
        y=[columns["n_events"][k] for k in known],
        customdata=[starts[k].isoformat() for k in known],
        hovertext=said,
        hovertemplate="%{hovertext}<extra></extra>",
        mode="markers",
        marker={"size": 14, "color": "rgba(0,0,0,0)", "line": {"width": 0}},
        name="",
    )
    figure.update_layout(hovermode="closest", hoverdistance=60)


def _not_crowded(at: Sequence[int], values: Sequence[Any], n: int) -> set[int]:
    """Which alarms get their figure? The highest first, no two closer than a figure is wide."""
    apart = max(1, round(n * 42 / (style.ASSUMED_WIDTH - 120)))
    kept: list[int] = []
    for i in sorted(at, key=lambda k: (-values[k], k)):
        if all(abs(i - j) >= apart for j in kept) and len(kept) < MAX_ALARM_FIGURES:
            kept.append(i)
    return set(kept)


def _label_trend(figure: go.Figure, columns: dict[str, list[Any]], n_whole: int, bounds: Sequence[float]) -> None:
    """Each line is named at the right edge, at its last complete value."""
    styles = (
        ("n_events", style.bold("实际"), ACCENT),
        ("expected", "预期", BAND_EDGE),
        ("upper_bound", "上限", BAND_EDGE),
        ("n_events_year_ago", "去年同期", MUTED),
    )
    labels = []
    for name, text, colour in styles:
        values = columns[name]
        if name == "n_events" and 0 < n_whole < len(values):
            values = values[:n_whole]
        last = next((i for i in range(len(values) - 1, -1, -1) if values[i] is not None), None)
        if last is not None and last >= len(values) * 0.8:
            labels.append((text, float(values[last]), colour))
    style.end_labels(figure, labels, bounds)


def lines(
    frame: pl.DataFrame,
    *,
    title: str,
    unit: str = "件",
    emphasis: Sequence[str] = (),
    height: int = 360,
    low: float = 0,
) -> go.Figure:
    """How do a few series compare over time?

    frame: period_start_on (date), series_name, n_events; long form, any order. At most 9 series are drawn in
    colour, those with the largest totals (or those in `emphasis`, which wins); the others are thin and grey.
    Each coloured line carries its name at its end; labels never overlap. low: where the axis begins, for an index.
    """
    if frame.is_empty():
        return style.empty(title)
    frame = style.with_plain_numbers(frame)
    starts = [_day(day) for day in frame["period_start_on"].unique().sort()]
    totals = (
        frame.group_by("series_name")
        .agg(pl.col("n_events").sum())
        .sort("n_events", "series_name", descending=[True, False])
    )
    order = totals["series_name"].to_list()
    coloured = [name for name in emphasis if name in order][:MAX_COLOURED] or order[:MAX_COLOURED]
    shown = {name: style.plain(style.shorten(name, 11)) for name in coloured}
    figure = style.paper_figure(title, height=height, right=style.label_margin(list(shown.values())))
    bounds = style.show_values(figure, float(frame["n_events"].max() or 1), low=low)  # type: ignore[arg-type]
    style.show_periods(figure, starts)
    values = _by_series(frame, starts)
    for name in reversed([name for name in order if name not in coloured]):
        _add_series(figure, name, starts, values[name], unit, color=FAINT, width=1)
    for k in reversed(range(len(coloured))):
        _add_series(figure, coloured[k], starts, values[coloured[k]], unit, color=CATEGORICAL[k], width=2.2)
    labels = []
    for k, name in enumerate(coloured):
        known = [value for value in values[name] if value is not None]
        if known:
            labels.append((shown[name], float(known[-1]), CATEGORICAL[k]))
    style.end_labels(figure, labels, bounds)
    n_grey = len(order) - len(coloured)
    said = "　".join(
        part for part in ("纵轴不从 0 起" if low else "", f"灰线：其余 {n_grey} 项" if n_grey else "") if part
    )
    style.subtitle(figure, f"单位：{unit}" + (f"　{said}" if said else ""))
    told = [Series(name, values[name], "line", CATEGORICAL[k]) for k, name in enumerate(coloured)]
    told += [Series(name, values[name], "context", FAINT) for name in order if name not in coloured]
    figure.native = Native("line", "日期", starts, told, unit, remark=said)
    return figure


def stacked(frame: pl.DataFrame, *, title: str, unit: str = "件", height: int = 360) -> go.Figure:
    """What is each of a few periods or places made of?

    frame: label (the column's name), series_name, n_events (≥ 0, null = none); long form. Labels and series stand in
    the order in which they first appear, the first series at the bottom; give at most 10 series.
    """
    if frame.is_empty():
        return style.empty(title)
    frame = style.with_plain_numbers(frame)
    labels = frame["label"].unique(maintain_order=True).to_list()
    names = frame["series_name"].unique(maintain_order=True).to_list()
    counts = {row[:2]: row[2] for row in frame.select("series_name", "label", "n_events").iter_rows()}
    values = {name: [counts.get((name, label)) for label in labels] for name in names}
    totals = [sum(values[name][k] or 0 for name in names) for k in range(len(labels))]
    shown = {name: style.plain(style.shorten(name, 11)) for name in names}
    figure = style.paper_figure(title, height=height, right=style.label_margin(list(shown.values())))
    bounds = style.show_values(figure, max(totals) * 1.06)
    figure.update_xaxes(
        visible=True,
        range=[-0.5, len(labels) - 0.5],
        tickvals=list(range(len(labels))),
        ticktext=[style.plain(label) for label in labels],
        tickfont={"size": style.SMALL_SIZE, "color": MUTED},
        tickangle=0,
    )
    below, ends = [0.0] * len(labels), []
    for k, name in enumerate(names):
        figure.add_bar(
            x=list(range(len(labels))),
            y=[value or 0 for value in values[name]],
            base=list(below),
            width=0.62,
            name=style.plain(name),
            marker={"color": CATEGORICAL[k], "line": {"color": PAPER, "width": 1}},
            hovertext=[f"<b>{style.plain(name)}</b><br>{style.number(value)} {unit}" for value in values[name]],
            hovertemplate="%{hovertext}<extra></extra>",
        )
        ends.append((shown[name], below[-1] + (values[name][-1] or 0) / 2, CATEGORICAL[k]))
        below = [low + (value or 0) for low, value in zip(below, values[name], strict=True)]
    style.end_labels(figure, ends, bounds)
    style.subtitle(figure, f"单位：{unit}")
    style.say_all(
        figure,
        [
            style.said(style.number(total), x=k, y=total, xanchor="center", yanchor="bottom", yshift=2, colour=INK)
            for k, total in enumerate(totals)
        ],
    )
    told = [Series(name, values[name], "bar", CATEGORICAL[k]) for k, name in enumerate(names)]
    figure.native = Native("stacked", "名称", labels, told, unit)
    return figure


def _by_series(frame: pl.DataFrame, starts: Sequence[date]) -> dict[str, list[Any]]:
    """series_name → one value a period, None where the series has no row."""
    place = {day: i for i, day in enumerate(starts)}
    values: dict[str, list[Any]] = {}
    for row in frame.select("series_name", "period_start_on", "n_events").iter_rows():
        values.setdefault(row[0], [None] * len(starts))[place[_day(row[1])]] = row[2]
    return values


def _add_series(
    figure: go.Figure, name: str, starts: Sequence[date], values: Sequence[Any], unit: str, **line: Any
) -> None:
    said = f"<b>{style.plain(name)}</b><br>%{{x|{_date_pattern(starts)}}}　%{{y:,}} {unit}<extra></extra>"
    _add_line(figure, style.plain(name), _iso(starts), values, said, **line)


def spark(values: Sequence[float | None], *, height: int = 44, is_alarm_last: bool = False) -> go.Figure:
    """Which way has it been going? A line without axes; the last point is marked. Oldest value first."""
    figure = style.paper_figure("", height=height)
    figure.update_layout(margin={"l": 6, "r": 8, "t": 6, "b": 6, "pad": 0}, title=None, hovermode=False)
    known = [value for value in values if value is not None]
    if not known:
        return figure
    low, high = min(known), max(known)
    air = (high - low) * 0.1 or 1
    figure.update_xaxes(range=[-0.5, len(values) - 0.5])
    figure.update_yaxes(range=[low - air, high + air])
    figure.add_scatter(y=list(values), x=list(range(len(values))), mode="lines", line={"color": MUTED, "width": 1.6})
    last = max(i for i, value in enumerate(values) if value is not None)
    colour, symbol = (WARNING, "triangle-up") if is_alarm_last else (ACCENT, "circle")
    figure.add_scatter(
        x=[last],
        y=[values[last]],
        mode="markers",
        marker={"symbol": symbol, "size": 8, "color": colour},
        cliponaxis=False,
    )
    return figure
