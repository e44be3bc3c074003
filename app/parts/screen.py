"""The wall of the command centre: figures, map, warnings, course, what became of last week's; as one block of HTML.

All sizes are multiples of --u, a hundredth of the height of a 16 : 9 screen, so that 1440 × 900 and 3840 × 2160 show the
same wall. Small counts are hidden as on every wide view (app.disclosure, app.warned).
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import streamlit as st

from app import disclosure, filters, headlines, marts, page, palette, place_counts, theme, versions, warned, wording
from app.access import signin
from app.casework import cases, workflow
from app.charts import wall
from app.parts import area, judged, listed
from app.parts.casework import STATUSES, days_left, mine, with_status
from app.parts.week import figures_of, not_reported
from app.warned import OUTCOMES, outcomes

EVERY = "20s"
"""How often it looks for a new version, and how late its clock may be."""
N_WARNINGS = 5
N_WEEKS = 13
N_NAMED = 2
"""Titles or units named before 等."""


def draw(*, dark: bool) -> None:
    """The whole wall, or the sentence why there is none; each run reads the version that then serves."""
    st.html("".join(theme.shown(text, dark=dark) for text in (page.STYLE, STYLE, _wall(dark=dark))))


def _wall(*, dark: bool) -> str:
    try:
        marts.begin_run()
    except versions.NoMarts:
        return _alone("这里还没有发布过数据。接入导出文件并发布后，大屏会自动打开。")
    except versions.NotReplayed:
        return _alone("这一天看到的情况还没有算过。请在「本周研判」上选“最新”，再打开大屏。")
    about = marts.meta()
    if about.get("schema") != versions.SCHEMA:
        return _alone("已发布的数据来自旧程序。重新发布（yanpan build）后，大屏会自动打开。")
    edition = page.edition_of(about)
    if marts.query("weeks", data_from=edition.data_from, last_full_week=edition.last_full_week).is_empty():
        return _alone("入库的数据还不满一周，暂不能按周比较。")
    week = edition.last_full_week
    counted = figures_of(week)
    known, strip = _cases(), _strip(edition)
    n_listed = N_WARNINGS - bool(strip)  # the strip takes the room of one
    signals = with_status(warned.given(marts.query, week), known)
    return (
        '<div class="wall-narrow"><p class="quiet">大屏要在宽度 1000 像素以上的屏幕上看。</p></div>'
        f'<div class="wall">{_head(edition, week)}{strip}'
        f"{_figures(counted, week, edition.data_from)}"
        f'<div class="body"><div class="left">{_map(edition, week, signals, n_listed, dark=dark)}{_course(counted, dark=dark)}</div>'
        f'<div class="right">{_warnings(signals, week, edition, n_listed)}'
        f'<div class="below">{_followup(week)}{_in_hand(known)}</div></div></div></div>'
    )


def _alone(sentence: str) -> str:
    return f'<div class="wall alone"><h1>大屏</h1><p>{wording.escape(sentence)}</p></div>'


def _cases() -> pl.DataFrame | None:
    try:
        return mine(cases.current(None))
    except cases.Unavailable:
        return None


def _head(edition: page.Edition, week: date) -> str:
    now = datetime.now()
    weekday = wording.WEEKDAYS[now.weekday()]
    return (
        f"<header><h1>{wording.escape(edition.city_name)}　本周研判"
        f"<span>{wording.week_name(week)}（{wording.week_span(week)}）</span></h1>"
        f'<p class="clock"><b>{now:%H:%M}</b> {wording.day(now.date())} 星期{weekday}'
        f"<span>数据截至 {wording.full_day(edition.data_through)} · 版本 {wording.escape(edition.version)}</span></p></header>"
    )


def _strip(edition: page.Edition) -> str:
    """What makes the figures other than they seem: a past day, old data, counties that have not reported."""
    missing = not_reported(edition.last_full_week)
    said = [
        f"{edition.replayed}。" if edition.replayed else "",
        f"最近一次登记是 {wording.full_day(edition.data_through)}，此后没有新数据入库。"
        if page.is_stale(edition)
        else "",
        f"{'、'.join(missing)}本周还没有上报，数字不含它。" if missing else "",
    ]
    text = "".join(said)
    return f'<p class="strip">{wording.escape(text)}</p>' if text else ""


def _figures(figures: pl.DataFrame, week: date, data_from: date) -> str:
    """The headline figures against last week and the same week a year ago."""
    known = figures.filter(pl.col("week_start_on") >= data_from)
    by_week = {row["week_start_on"]: row for row in known.iter_rows(named=True)}
    now, before, year_ago = by_week[week], *(by_week.get(week - timedelta(weeks=n)) for n in (1, 52))
    tiles = headlines.given(marts.query("source_totals"), int(figures["n_due"].fill_null(0).sum()))
    return f'<div class="figures">{"".join(_tile(label, name, now, before, year_ago) for name, (label, _) in tiles.items())}</div>'


def _tile(label: str, name: str, now: Mapping[str, Any], *earlier: Mapping[str, Any] | None) -> str:
    value = 0 if name == "n_overdue" and now[name] is None else now[name]  # nothing was due
    if value is None:
        return f'<div class="figure"><p>{label}</p><b>无数据</b></div>'
    changes = (_change(value, row[name] if row else None) for row in earlier)
    said = "".join(f"<span>{word} {change}</span>" for word, change in zip(("环比", "同比"), changes, strict=True))
    if signin.scope() and 0 < value < disclosure.min_cell():  # of a part of the city, on a wall
        return f'<div class="figure"><p>{label}</p><b>&lt;{disclosure.min_cell()}</b></div>'
    return f'<div class="figure"><p>{label}</p><b>{wording.number(value)}</b><p class="change">{said}</p></div>'


def _change(now: int, before: int | None) -> str:
    change = wording.change(now, before)
    return f"{'' if not change.share else '▲' if change.share > 0 else '▼'}{change.words.lstrip('+−')}"


def _map(edition: page.Edition, week: date, signals: pl.DataFrame, n_listed: int, *, dark: bool) -> str:
    """The towns by this week's count, on them the warnings of the list."""
    outlines = dict(marts.query("boundaries", place_level="county", inside=None).iter_rows())
    if not outlines:
        return '<section class="map"><h2>预警在哪里</h2><p>没有区县边界，暂不画图；预警的区域见右边各句。</p></section>'
    places = marts.query("places")
    counts = area.counted(filters.Choice(), filters.Period(1, week), edition.city_code)
    towns = place_counts.valued(place_counts.inside_of(counts, "town", {"place_level": "city"}), "count")
    geometry = dict(marts.query("boundaries", place_level="town", inside=None).iter_rows())
    if not place_counts.can_be_drawn(place_counts.without_boundary(towns, geometry), geometry):
        geometry = {}
    drawing = page.drawn(
        wall.city,
        towns.select("place_code", "value"),
        geometry,
        place_counts.classes_of(towns, "count"),
        places.filter(pl.col("place_level") == "county").select("place_code", "place_name", "lon", "lat"),
        outlines,
        listed.marks(signals.head(n_listed), places),
    )
    words = "地图：各镇街本周件数，和右边所列预警的位置。"
    return f'<section class="map"><h2>预警在哪里<small>数字同右边次序</small></h2>{_image(drawing, words, dark=dark)}</section>'


def _course(counted: pl.DataFrame, *, dark: bool) -> str:
    weeks = counted.tail(N_WEEKS)
    drawing = wall.course(weeks["week_start_on"].to_list(), weeks["n_events"].to_list())
    words = f"近 {N_WEEKS} 周每周登记件数。"
    return f'<section class="course"><h2>近 {N_WEEKS} 周登记<small>件，各周自周一起</small></h2>{_image(drawing, words, dark=dark)}</section>'


def _image(drawing: str, words: str, *, dark: bool) -> str:
    """A drawing as an image in the page: HTML of Streamlit may hold no SVG of its own."""
    data = base64.b64encode(theme.shown(drawing, dark=dark).encode()).decode()
    return f'<img alt="{words}" src="data:image/svg+xml;base64,{data}">'


def _warnings(signals: pl.DataFrame, week: date, edition: page.Edition, n_listed: int) -> str:
    n = len(signals)
    count = "" if not n else f"共 {n} 条" if n <= n_listed else f"共 {n} 条，列前 {n_listed} 条"
    head = f"<h2>本周预警<small>{count}　{wording.LEVEL_NOTE}</small></h2>"
    if not judged.was_judged(week):
        body = f"<p>{judged.not_judged(week, edition.judged_from, has_warnings=bool(n))}</p>"
    elif not n:
        body = "<p>本周没有超出往年和近期水平的事项。</p>"
    else:
        body = ""
    rows = "".join(_warning(row) for row in signals.head(n_listed).iter_rows(named=True))  # rank: 1 to 5
    return f'<section class="warnings">{head}{body}<ol>{rows}</ol></section>'


def _warning(signal: Mapping[str, Any]) -> str:
    """Its first statement, then who has it and how it stands."""
    sentence = wording.spoken(signal).partition("；")[0].rstrip("。")
    unit = signal["to_unit"] or signal["responsible_unit"] or signal["role_name"]
    late = days_left(signal["due_on"]) if signal["is_overdue"] else ""
    standing = " · ".join(word for word in (unit, STATUSES.get(signal["case_status"] or "", "")) if word)
    return (
        f"<li><b>{signal['rank']}</b>{wording.level_tag(signal['signal_level'])}<div><p>{wording.escape(sentence)}。</p>"
        f'<p class="who">{wording.escape(standing)}{f"<em>{late}</em>" if late else ""}</p></div></li>'
    )


def _followup(week: date) -> str:
    """Last week's warnings, by what became of them."""
    head = "<h2>上周预警后来怎样</h2>"
    signals = warned.followed(marts.query, week)
    if signals.is_empty():
        was_judged = judged.was_judged(week - timedelta(weeks=1))
        return f"<section>{head}<p>{'上周没有预警。' if was_judged else '上周没有判定，无从跟踪。'}</p></section>"
    if not judged.was_judged(week):
        signals = signals.with_columns(pl.lit("not_assessed").alias("status"))
    by_outcome = outcomes(signals).group_by("outcome", maintain_order=True).agg("title")
    titles = dict(by_outcome.iter_rows())
    lines = [_counted(word, titles[word], "条") for word in OUTCOMES.values() if word in titles]
    return f"<section>{head}{''.join(lines)}</section>"


def _in_hand(known: pl.DataFrame | None) -> str:
    """How many warnings are being handled, and which units are late?"""
    head = "<h2>承办进度</h2>"
    if known is None:
        return f"<section>{head}<p>办理记录暂时读不到。</p></section>"
    being = known.filter(pl.col("status").is_in(workflow.OPEN))
    if being.is_empty():
        return f"<section>{head}<p>目前没有还在办的预警。</p></section>"
    n = dict(being.group_by("status").len().iter_rows())
    parts = "，".join(f"{workflow.STATUSES[status]} {n[status]}" for status in workflow.OPEN if n.get(status))
    late = being.filter("is_overdue").group_by("to_unit").len().sort("len", "to_unit", descending=[True, False])
    units = [f"{unit or '未定单位'} {n_late} 条" for unit, n_late in late.iter_rows()]
    said = f"<p><b>在办 {len(being)} 条</b>{parts}</p>"
    if not units:
        return f"<section>{head}{said}<p><b>没有超期</b></p></section>"
    return f"<section>{head}{said}{_counted('超期', units, '条', n=int(late['len'].sum()), late=True)}</section>"


def _counted(word: str, named: Sequence[str], unit: str, *, n: int | None = None, late: bool = False) -> str:
    """▲ 仍偏高 7 条　青岚区长宁街道供暖、南屿县清溪口街道施工噪声等"""
    rest = "等" if len(named) > N_NAMED else ""
    names = wording.escape("、".join(named[:N_NAMED]) + rest)
    return f"<p{' class=late' if late else ''}><b>{word} {len(named) if n is None else n} {unit}</b>{names}</p>"


STYLE = f"""<style>
.stApp {{ background: {palette.PAPER}; }}
header[data-testid="stHeader"], .st-key-theme_switch {{ display: none; }}
.wall {{ --u: min(1vh, .5625vw); position: fixed; inset: 0; z-index: 999999; display: flex; overflow: hidden;
  flex-direction: column; gap: calc(1.6 * var(--u)); padding: calc(2 * var(--u)) calc(3 * var(--u));
  background: {palette.PAPER}; color: {palette.INK}; font-size: calc(2.2 * var(--u)); line-height: 1.4; }}
.wall p, .wall h1, .wall h2, .wall ol {{ margin: 0; padding: 0; }}
.wall p {{ font-size: inherit; line-height: inherit; max-width: none; }}
.wall .body {{ flex: 1 1 0; min-height: 0; display: grid; grid-template: minmax(0, 1fr) / calc(66 * var(--u)) minmax(0, 1fr);
  gap: calc(3.4 * var(--u)); }}
.wall header {{ display: flex; justify-content: space-between; align-items: baseline;
  border-bottom: calc(.25 * var(--u)) solid {palette.INK}; padding-bottom: calc(.8 * var(--u)); }}
.wall h1 {{ font-size: calc(4 * var(--u)); line-height: 1.2; }}
.wall h1 span {{ font-size: calc(2.4 * var(--u)); font-weight: 400; color: {palette.MUTED}; margin-left: calc(2 * var(--u)); }}
.wall .clock {{ white-space: nowrap; font-variant-numeric: tabular-nums; }}
.wall .clock b {{ font-size: calc(4 * var(--u)); line-height: 1; margin-right: calc(1 * var(--u)); }}
.wall .clock span {{ color: {palette.MUTED}; font-size: calc(1.9 * var(--u)); margin-left: calc(2.4 * var(--u)); }}
.wall .strip {{ background: {palette.LEVELS["yellow"].tint}; border-left: calc(.6 * var(--u)) solid {palette.LEVELS["orange"].colour};
  padding: calc(.6 * var(--u)) calc(1.4 * var(--u)); font-weight: 700; }}
.wall .figures {{ display: flex; justify-content: space-between; gap: calc(2 * var(--u)); }}
.wall .figure p {{ color: {palette.MUTED}; white-space: nowrap; }}
.wall .figure b {{ display: block; font-size: calc(6.8 * var(--u)); line-height: 1.15; font-variant-numeric: tabular-nums; }}
.wall .figure .change {{ margin-top: calc(.6 * var(--u)); color: {palette.INK}; font-size: calc(1.9 * var(--u)); }}
.wall .figure .change span {{ display: block; }}
.wall .figure .change span + span {{ color: {palette.MUTED}; }}
.wall .left, .wall .right {{ display: flex; flex-direction: column; gap: calc(1.4 * var(--u)); min-height: 0; }}
.wall h2 {{ font-size: calc(2.6 * var(--u)); line-height: 1.3; font-weight: 700; border-top: 1px solid {palette.INK};
  padding-top: calc(.7 * var(--u)); }}
.wall h2 small {{ font-size: calc(1.8 * var(--u)); font-weight: 400; color: {palette.MUTED}; margin-left: calc(1.4 * var(--u)); }}
.wall section {{ min-height: 0; display: flex; flex-direction: column; gap: calc(.6 * var(--u)); }}
.wall .map {{ flex: 1 1 0; }}
.wall .map img {{ flex: 1 1 0; min-height: 0; width: 100%; object-fit: contain; object-position: left top; }}
.wall .course img {{ width: 100%; }}
.wall .warnings {{ flex: 1 1 0; }}
.wall .warnings ol {{ list-style: none; flex: 1 1 0; display: flex; flex-direction: column; justify-content: space-between; }}
.wall li {{ display: flex; gap: calc(1.2 * var(--u)); align-items: flex-start; margin: 0; padding: 0; font-size: inherit; }}
.wall li p {{ font-size: calc(2.5 * var(--u)); line-height: 1.36; }}
.wall li p.who, .wall .below p {{ font-size: calc(2 * var(--u)); line-height: 1.5; color: {palette.MUTED}; }}
.wall li b {{ width: calc(2 * var(--u)); font-size: calc(2.8 * var(--u)); line-height: 1.2; text-align: right; }}
.wall li em {{ margin-left: calc(1.4 * var(--u)); }}
.wall .level {{ font-size: calc(2.2 * var(--u)); padding: calc(.3 * var(--u)) calc(.9 * var(--u)); margin-top: calc(.2 * var(--u));
  border-radius: calc(.3 * var(--u)); }}
.wall .below {{ display: grid; grid-template-columns: 1fr 1fr; gap: calc(3.4 * var(--u)); }}
.wall .below b {{ color: {palette.INK}; margin-right: calc(1.2 * var(--u)); white-space: nowrap; }}
.wall li em, .wall .below .late b {{ font-style: normal; font-weight: 700; color: {palette.LEVELS["red"].colour}; }}
.wall.alone {{ align-items: center; justify-content: center; }}
.wall.alone p {{ font-size: calc(3.2 * var(--u)); }}
.wall-narrow {{ display: none; }}
@media (max-width: 999px) {{ .wall:not(.alone) {{ display: none; }} .wall-narrow {{ display: block; }} }}
.stApp [data-testid="stPageLink"] {{ position: fixed; right: .5rem; bottom: 0; z-index: 1000000; }}
.stApp [data-testid="stPageLink"] :is(a, p, span) {{ font-size: .75rem; line-height: 1.2; padding: 0; color: {palette.MUTED}; }}
</style>"""
