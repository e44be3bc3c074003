"""What do all figures have in common? Paper, type, thin rules, Chinese dates.

Ranges and ticks are set here, not left to plotly, so that the screen and the exported picture are one drawing.
Sizes are pixels of a figure about 860 wide; the exporter scales them.
"""

import html
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from types import MappingProxyType
from typing import Any, Self

import plotly.graph_objects as go
import polars as pl
import polars.selectors as cs

from app.charts.native import Native
from app.palette import FAINT, GRID, INK, MUTED, PAPER

CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
"""Pass to st.plotly_chart(figure, theme=None, config=CONFIG)."""

FONT_FAMILY = "Yanpan Sans SC, Noto Sans SC, Source Han Sans SC, Microsoft YaHei, PingFang SC, sans-serif"
TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 17, 14, 13
ASSUMED_WIDTH = 860
NO_DATA = "没有可画的数据"

# ---------------------------------------------------------------- words and numbers


def plain(text: object) -> str:
    """A name as plotly text: its own < and & are shown, not read as markup."""
    return html.escape(str(text), quote=False)


def bold(text: str) -> str:
    return f"<b>{text}</b>"


def number(value: float | None, digits: int = 1) -> str:
    """1234 → 1,234; 1234.56 → 1,234.6; None → —."""
    if value is None or not math.isfinite(value):
        return "—"
    whole = abs(value - round(value)) < 1e-9
    return f"{value:,.0f}" if whole else f"{value:,.{digits}f}"


def signed_per_cent(share: float | None) -> str:
    """0.25 → ▲25%, −0.1 → ▼10%, 10.763 → ▲1,076%, 0 → 持平, None → —. Per cent throughout, as in the tables."""
    if share is None or not math.isfinite(share):
        return "—"
    if abs(share) < 0.005:
        return "持平"
    return f"{'▲' if share > 0 else '▼'}{abs(share):,.0%}"


def em_width(text: str) -> float:
    """How wide is a line of text, in em? Chinese is one, figures 0.56, a few Latin letters are wide."""
    return sum(map(_sign_width, text))


def _sign_width(sign: str) -> float:
    if unicodedata.east_asian_width(sign) in "WFA":
        return 1.0
    if sign in "%@mwMW":
        return 0.92
    return 0.68 if sign.isupper() else 0.56


def text_width(text: str, size: float = TEXT_SIZE) -> float:
    """Pixels of the widest of the lines."""
    lines = text.replace("<b>", "").replace("</b>", "").split("<br>")
    return max(em_width(html.unescape(line)) for line in lines) * size


def shorten(text: str, em: float) -> str:
    """Cut to `em` with …; unchanged when it fits."""
    if em_width(text) <= em:
        return text
    kept, width = "", 1.0
    for sign in text:
        width += em_width(sign)
        if width > em:
            break
        kept += sign
    return kept + "…"


def folded(text: str, em: float) -> list[str]:
    """The text on one line if it is at most `em` wide, else on two, the first within `em`.

    Broken after a sign like > · 、 or before ( where that is not too early.

    >>> folded("公用事业>供热供气>温度不达标", 10)
    ['公用事业>供热供气>', '温度不达标']
    """
    fits = [k for k in range(1, len(text) + 1) if em_width(text[:k]) <= em] or [1]
    if fits[-1] == len(text):
        return [text]
    good = [k for k in fits if text[k - 1] in ">·、/，›" or text[k : k + 1] in ("(", "（")]
    cut = good[-1] if good and good[-1] >= fits[-1] * 0.35 else fits[-1]
    return [text[:cut], text[cut:]]


def with_plain_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """DuckDB's sum() of whole numbers comes as a 128-bit or decimal column; here it becomes an ordinary number."""
    return frame.with_columns(cs.decimal().cast(pl.Float64), cs.by_dtype(pl.Int128).cast(pl.Int64))


# ---------------------------------------------------------------- positions


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Where do labels go so that none overlaps? Nearest to `wanted`, at least `gap` apart, within low … high.

    Order is kept. Labels that touch are moved as one block about the mean of where they wanted to be.

    >>> spread([10, 11, 50], gap=4, low=0, high=60)
    [8.5, 12.5, 50.0]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    blocks: list[list[Any]] = []  # [start, members]
    for i in order:
        blocks.append([wanted[i], [i]])
        while True:
            members = blocks[-1][1]
            centre = sum(wanted[j] - k * gap for k, j in enumerate(members)) / len(members)
            start = min(max(centre, low), high - gap * (len(members) - 1))
            blocks[-1][0] = start
            if len(blocks) == 1 or blocks[-2][0] + gap * len(blocks[-2][1]) <= start:
                break
            blocks[-2][1] += members
            blocks.pop()
    placed = [0.0] * len(wanted)
    for start, members in blocks:
        for k, j in enumerate(members):
            placed[j] = float(start + k * gap)
    return placed


def round_ticks(high: float, n: int = 4) -> list[float]:
    """About `n` round steps from zero to at least `high`: 0, 20, 40, 60 for 52."""
    if high <= 0:
        return [0.0, 1.0]
    raw = high / n
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= raw * 0.999)
    if high >= 4:
        step = max(1.0, round(step)) if step < 10 else step
    return [k * step for k in range(math.ceil(high / step - 1e-9) + 1)]


def period_days(starts: Sequence[date]) -> int:
    """Is one step a day, a week, a month? The middle distance between neighbours; 7 for a single date."""
    gaps = [(later - earlier).days for earlier, later in pairwise(starts) if later > earlier]
    return int(median(gaps)) if gaps else 7


def period_ticks(starts: Sequence[date], n: int = 9) -> tuple[list[str], list[str]]:
    """Where are the date ticks and what do they say? The year stands below the first tick and each first of a year.

    starts: ascending. Up to about four months of days or weeks are marked 3月4日; longer ones by month.
    """
    if not starts:
        return [], []
    first, last = starts[0], starts[-1]
    if (last - first).days <= 125 and period_days(starts) < 28:
        every = math.ceil(len(starts) / n)
        marked = list(starts)[::-1][::every][::-1]
        return _with_years(marked, "%-m月%-d日")
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    is_quarters = 80 < period_days(starts) < 100
    every = next((k for k in (1, 2, 3, 6, 12, 24, 60) if months / k <= n and (k >= 3 or not is_quarters)), 120)
    marked = []
    for k in range(months):
        month = date(first.year + (first.month - 1 + k) // 12, (first.month - 1 + k) % 12 + 1, 1)
        if month >= first - timedelta(days=6) and (month.month - 1 + 12 * (month.year % 60)) % every == 0:
            marked.append(month)
    return _with_years(marked or [first], "季度" if is_quarters else "%-m月")


def _with_years(marked: Sequence[date], pattern: str) -> tuple[list[str], list[str]]:
    texts, year = [], None
    for day in marked:
        if pattern == "季度":
            text = f"{'一二三四'[(day.month - 1) // 3]}季度"
        else:
            text = f"{day.month}月" + ("" if pattern == "%-m月" else f"{day.day}日")
        texts.append(text if day.year == year else f"{text}<br>{day.year}年")
        year = day.year
    return [day.isoformat() for day in marked], texts


# ---------------------------------------------------------------- the figure


class Drawing(go.Figure):
    """A figure that knows more than the browser is told: what the exports to office programs need.

    These are attributes of the object alone: plotly does not write them into a figure's JSON. They go along to another process.
    """

    native: Native | None = None
    """The same as a chart of an office program; None where it has none (maps, treemaps): its shapes are drawn one by one."""
    part_names: Mapping[int, Sequence[str]] = MappingProxyType({})
    """Trace (its number) → the name of each of its rings, as a shape is called on a slide; a place keeps one name."""
    redraw: Callable[..., go.Figure] | None = None
    """redraw(width=, height=) → the figure for that size in whole pixels; where it is better laid out anew than stretched."""

    def __reduce__(self) -> tuple[Any, ...]:
        make, given = super().__reduce__()
        return _made_again, (make, given, {name: value for name, value in vars(self).items() if name in KNOWN})

    # plotly's own three take 4 to 6 ms a call, these a fifth of one: all of a property is set at once.

    def update_xaxes(self, **properties: Any) -> Self:
        return self._put("xaxis", properties)

    def update_yaxes(self, **properties: Any) -> Self:
        return self._put("yaxis", properties)

    def add_shape(self, **properties: Any) -> Self:
        layout = layout_of(self)
        layout.shapes = [*layout.to_plotly_json().get("shapes", ()), properties]
        return self

    def _put(self, name: str, properties: Mapping[str, Any]) -> Self:
        layout = layout_of(self)
        before = layout[name].to_plotly_json()
        both = {key: {**before[key], **value} for key, value in properties.items()
                if isinstance(value, dict) and isinstance(before.get(key), dict)}  # fmt: skip
        layout[name] = {**before, **properties, **both}
        return self


KNOWN = ("native", "part_names", "redraw")


def _made_again(make: Callable[..., Drawing], given: tuple[Any, ...], known: Mapping[str, Any]) -> Drawing:
    figure = make(*given)
    for name, value in known.items():
        setattr(figure, name, value)
    return figure


def paper_figure(
    title: str,
    *,
    height: int,
    left: float = 46,
    right: float = 24,
    bottom: float = 46,
) -> Drawing:
    """An empty figure: title at the top left, both axes hidden until set. Without a title no room is kept for one."""
    layout = {
        "height": height,
        "margin": {"l": left, "r": right, "t": 62 if title else 12, "b": bottom, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT_FAMILY, "size": TEXT_SIZE, "color": INK},
        "title": {
            "text": bold(plain(title)),
            "font": {"size": TITLE_SIZE, "color": INK},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 10},
        },
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": PAPER,
            "bordercolor": FAINT,
            "font": {"color": INK, "size": SMALL_SIZE},
            "align": "left",
        },
        "separators": ".,",
        "xaxis": {"visible": False, "fixedrange": True},
        "yaxis": {"visible": False, "fixedrange": True},
    }
    figure = Drawing(layout=layout)  # all at once: `update_layout` takes eight times as long
    figure.update_layout(template=None)
    return figure


def layout_of(figure: go.Figure) -> Any:
    """The layout, untyped: plotly makes its properties at run time."""
    return figure.layout


def traces_of(figure: go.Figure) -> list[Any]:
    """The traces, untyped for the same reason."""
    return list(figure.data)


def said(
    text: str,
    *,
    x: Any,
    y: Any,
    xref: str = "x",
    yref: str = "y",
    xanchor: str = "left",
    yanchor: str = "middle",
    xshift: float = 0,
    yshift: float = 0,
    colour: str = MUTED,
    size: float = SMALL_SIZE,
    align: str = "left",
) -> dict[str, Any]:
    """Words for a place on the figure, for say_all; text must already be plain()."""
    return {
        "text": text,
        "x": x,
        "y": y,
        "xref": xref,
        "yref": yref,
        "xanchor": xanchor,
        "yanchor": yanchor,
        "xshift": xshift,
        "yshift": yshift,
        "showarrow": False,
        "align": align,
        "font": {"color": colour, "size": size},
    }


def say_all(figure: go.Figure, words: Sequence[dict[str, Any]]) -> None:
    """Write many words at once. One by one, plotly reads all earlier ones again each time: 44 words, 0.2 s. Write the most last."""
    layout_of(figure).annotations = [*layout_of(figure).to_plotly_json().get("annotations", ()), *words]


def say(figure: go.Figure, text: str, **place: Any) -> None:
    """Write words on the figure; see said()."""
    say_all(figure, [said(text, **place)])


def subtitle(figure: go.Figure, text: str, *, sign: str = "", sign_means: str = "", sign_colour: str = MUTED) -> None:
    """The muted line under the title: unit, and a coloured sign with what it means."""
    signs = [(sign, sign_colour, 18), (sign_means, MUTED, 4)] if sign else []
    above(figure, [(text, MUTED, 0), *signs])


def above(figure: go.Figure, words: Sequence[tuple[str, str, float]]) -> None:
    """Words side by side above the plot, from the figure's left edge: (text, colour, room before it in pixels)."""
    here: dict[str, Any] = {"x": 0, "xref": "paper", "y": 1, "yref": "paper", "yanchor": "bottom", "yshift": 10}
    left, line = -float(layout_of(figure).margin.l), []
    for text, colour, room in words:
        line.append(said(text, **here, xshift=left + room, colour=colour))
        left += room + text_width(text, SMALL_SIZE)
    say_all(figure, line)


def show_values(figure: go.Figure, high: float, *, low: float = 0) -> list[float]:
    """A y axis from `low` (zero) to just above `high`, hairlines, thousands separators. Returns its range."""
    bounds = [low, (high or 1) * 1.05]
    step = round_ticks(high - low if high > low else high)[1]
    ticks = [k * step for k in range(math.ceil(low / step), math.floor(bounds[1] / step + 1e-9) + 1)]
    figure.update_yaxes(
        visible=True,
        range=bounds,
        tickvals=ticks,
        ticktext=[number(tick) for tick in ticks],
        tickfont={"size": SMALL_SIZE, "color": MUTED},
        showgrid=True,
        gridcolor=GRID,
        gridwidth=1,
        zeroline=False,
        showline=False,
        ticks="",
    )
    return bounds


def show_periods(figure: go.Figure, starts: Sequence[date], *, n: int = 9) -> None:
    """A date axis with Chinese ticks and half a period of air at both ends."""
    days = period_days(starts)
    half = timedelta(days=days / 2)
    values, texts = period_ticks(starts, n)
    figure.update_xaxes(
        visible=True,
        type="date",
        range=[instant(starts[0], -half), instant(starts[-1], half)],
        tickvals=values,
        ticktext=texts,
        tickangle=0,
        tickfont={"size": SMALL_SIZE, "color": MUTED},
        showgrid=False,
        showline=True,
        linecolor=MUTED,
        linewidth=1,
        ticks="outside",
        ticklen=4,
        tickcolor=MUTED,
    )


def instant(day: date, shift: timedelta) -> str:
    """A point of a date axis beside the start of a day."""
    return (datetime(day.year, day.month, day.day) + shift).isoformat()


def end_labels(
    figure: go.Figure,
    labels: Sequence[tuple[str, float, str]],
    bounds: Sequence[float],
    *,
    size: float = SMALL_SIZE,
) -> None:
    """Name lines at their right end: (text, y, colour). Labels that would touch are moved apart."""
    if not labels:
        return
    margin = layout_of(figure).margin
    inside = layout_of(figure).height - margin.t - margin.b
    per_pixel = (bounds[1] - bounds[0]) / inside
    places = spread([y for _, y, _ in labels], (size + 4) * per_pixel, bounds[0] + 4 * per_pixel, bounds[1])
    say_all(
        figure,
        [
            said(text, x=1, y=y, xref="paper", xshift=6, colour=colour, size=size)
            for (text, _, colour), y in zip(labels, places, strict=True)
        ],
    )


def label_margin(texts: Sequence[str], size: float = SMALL_SIZE) -> float:
    """Right margin that holds the widest of the end labels."""
    return 12 + max((text_width(text, size) for text in texts), default=0)


def empty(title: str, *, height: int = 200, said: str = NO_DATA) -> go.Figure:
    """The figure when there is nothing to draw; it says so, or why."""
    figure = paper_figure(title, height=height)
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(range=[0, 1])
    say(figure, said, x=0.5, y=0.5, xref="paper", yref="paper", xanchor="center", size=TEXT_SIZE)
    return figure


def is_dark(colour: str) -> bool:
    """Does this background want light text? By relative luminance."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] < 0.22


def text_width_of(texts: Sequence[str], size: float = SMALL_SIZE) -> float:
    """Pixels of the widest of several texts; 0 for none."""
    return max((text_width(text, size) for text in texts), default=0)
