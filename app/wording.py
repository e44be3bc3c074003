"""Chinese said in more than one view: code names, numbers, dates, comparisons."""

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Any

import polars as pl

from app import deadlines, disclosure, fields, keyfacts
from app.palette import LEVELS

SOURCES = fields.words("source")
PLACE_LEVELS = fields.words("place_level")
STATUSES = fields.words("status")
KINDS = fields.words("kind")
VERDICTS = {verdict: STATUSES[verdict] for verdict in fields.VERDICTS}
LEVEL_NOTE = "红橙黄蓝是本系统提示等级，不是应急预警。"
SMALL_BASE = 20  # below this a percentage mostly shows chance
FEW = "样本少"

WEEKDAYS = "一二三四五六日"
NBSP = "\u00a0"


def each(values: pl.Series, say: Callable[[Any], Any], kind: pl.DataType | type[pl.DataType] = pl.String) -> pl.Series:
    """`say` of each value, null of null, under the same name.

    Not map_elements: Polars calls that from its own threads, where it waits for Python's lock; st.dataframe in another page run
    holds this lock while it waits for Polars' threads. With many visitors the server then stands still for good.

    >>> each(pl.Series("n", [1, None]), number).to_list()
    ['1', None]
    """
    return pl.Series(values.name, [None if value is None else say(value) for value in values], dtype=kind)


def number(value: float | None, decimals: int = 0) -> str:
    """1234.5 → 1,234；空 → —"""
    return "—" if value is None else f"{value:,.{decimals}f}"


def items(value: float | None) -> str:
    """1234 → 1,234 件"""
    return "—" if value is None else f"{value:,.0f} 件"


def share(value: float) -> str:
    """0.0512 → +5.1%；-0.2 → −20.0%；11.025 → +1,102.5%"""
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{abs(value):,.1%}"


@dataclass(frozen=True)
class Change:
    """One figure against its base. `share` is None where a percentage would mislead."""

    now: float
    before: float | None
    share: float | None
    words: str


def change(now: float, before: float | None) -> Change:
    """Against what it was, with the guard for small bases.

    >>> change(110, 100).words
    '+10.0%'
    >>> change(9, 4).words
    '样本少'
    """
    if before is None:
        return Change(now, None, None, "无可比数据")
    if before < SMALL_BASE:
        return Change(now, before, None, FEW)
    ratio = now / before - 1
    return Change(now, before, ratio, share(ratio))


def day(value: date) -> str:
    """11月9日"""
    return f"{value.month}月{value.day}日"


def full_day(value: date) -> str:
    """2026年11月9日"""
    return f"{value.year}年{day(value)}"


def week_name(monday: date) -> str:
    """2026年第46周"""
    year, week, _ = monday.isocalendar()
    return f"{year}年第{week}周"


def week_span(monday: date) -> str:
    """11月9日—11月15日"""
    return f"{day(monday)}—{day(monday + timedelta(days=6))}"


def week_code(monday: date) -> str:
    """2026-W46, as in addresses and file names."""
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02d}"


def span(first: date, last: date) -> str:
    """2025年11月10日—2026年11月15日"""
    return f"{full_day(first)}—{full_day(last) if last.year != first.year else day(last)}"


def runs_ahead(data_through: date, as_of: date) -> bool:
    """Are deadlines counted for days after the last one with data? The morning after it is no such day."""
    return (as_of - data_through).days > 1


def clock_sentence(data_through: date, as_of: date) -> str:
    """数据只到11月15日，期限算到11月22日 …"""
    return (
        f"数据只到{full_day(data_through)}，期限算到{full_day(as_of)}：这几天的办结还没有数据，按期率偏低、超期偏多。"
        "导入最新文件并重新发布后再看。"
    )


def level_tag(level: str, rule: str = "") -> str:
    """A level as HTML: shape and word on its colour; `rule` under the pointer."""
    style = LEVELS[level]
    return f'<span class="level {level}" title="{escape(rule)}">{style.shape}{NBSP}{style.word}</span>'


def level_text(level: str) -> str:
    """A level as text: ● 红"""
    style = LEVELS[level]
    return f"{style.shape} {style.word}"


def evidence(text: str | None) -> Mapping[str, list[dict]]:
    """The parts of a warning, from its JSON: places, sources, channels, days; lists of {name, n_events}."""
    parts = json.loads(text) if text else {}
    return {kind: rows for kind, rows in parts.items() if isinstance(rows, list)}


def evidence_line(text: str | None, *, limit: int = 2) -> str:
    """主要在 云水社区 31 件、锦绣社区 12 件；来源 12345热线 40 件；渠道 电话 22 件; without a figure where n_events is null."""
    parts = evidence(text)
    said = []
    for kind, word in (("places", "主要在"), ("sources", "来源"), ("channels", "渠道")):
        rows = parts.get(kind, [])[:limit]
        if rows:
            listed = "、".join(
                (SOURCES.get(row["name"], row["name"]) if kind == "sources" else row["name"])
                + ("" if row["n_events"] is None else f" {row['n_events']:,} 件")
                for row in rows
            )
            said.append(f"{word} {listed}")
    return "；".join(said)


def place(row: Mapping[str, Any]) -> str:
    """云溪区长宁街道: a town with its county, once. Of a row with place_level, place_name, county_name."""
    county = row["county_name"] or ""
    within = row["place_level"] in ("town", "community") and not row["place_name"].startswith(county)
    return f"{county if within else ''}{row['place_name']}"


def chance(per_year: float) -> str:
    """How often so small a chance would come up by accident: 约 50 年一次

    >>> chance(0.02), chance(3.2), chance(0.001)
    ('约 50 年一次', '一年约 3 次', '百年不足一次')
    """
    if per_year >= 1:
        return f"一年约 {per_year:.0f} 次"
    if per_year * 100 >= 1:
        return f"约 {1 / per_year:.0f} 年一次"
    return "百年不足一次"


def p_value(p: float) -> str:
    """A chance in words that need no powers of ten: 31%, 2.0%, 万分之 3, 不到百万分之一

    >>> [p_value(p) for p in (0.31, 0.02, 0.0003, 1e-9)]
    ['31%', '2.0%', '万分之 3', '不到百万分之一']
    """
    if p >= 0.1:
        return f"{p:.0%}"
    if p >= 0.001:
        return f"{p:.1%}"
    if p >= 1e-4:
        return f"万分之 {p * 1e4:.0f}"
    return f"百万分之 {p * 1e6:.0f}" if p >= 1e-6 else "不到百万分之一"


def item(row: Mapping[str, Any], rule: Mapping[str, Any] | None = None) -> str:
    """One redacted item as HTML: when and where, then what was said. `rule`: its deadline rule, told under the pointer."""
    flags = [
        word for name, word in (("is_overdue", "超期"), ("is_repeat", "重复"), ("is_group", "群体性")) if row[name]
    ]
    about = [
        full_day(row["registered_on"]),
        SOURCES[row["source"]],
        row["channel"],
        row["place_name"] or "未写明区域",
        row["unit_name"],
        STATUSES[row["status"]] + (f"（{full_day(row['closed_on'])}）" if row["closed_on"] else ""),
    ]
    tags = "".join(f'<span class="flag">{word}</span>' for word in flags)
    why = deadlines.explain(row, rule)
    if why:
        due = f"限办 {full_day(row['due_on'])}" if row["due_on"] else "无限办时间"
        tags += f'<span class="flag" title="{escape(why)}">{due}</span>'
    text = escape(row["text"]) if row["text"] else "（按规定不存内容，或来源未填）"
    suggested = row["suggested_name"] and f"{row['suggested_name']}，把握 {min(row['issue_confidence'], 0.99):.0%}"
    return (
        f'<article class="item"><p class="note">{escape(" · ".join(part for part in about if part))} {tags}</p>'
        f"<h4>{escape(row['title'] or row['category_raw'] or '（无标题）')}</h4><p>{text}</p>"
        f"{fact_chips(row['text'], row['registered_on'], suggested)}</article>"
    )


MAX_FACTS = 8


def fact_chips(text: str | None, registered_on: date | None = None, suggested: str | None = None) -> str:
    """The key facts of a redacted text (app.keyfacts) as a quiet line of HTML: 地点 幸福小区 · 金额 12.5万元; empty where it has none.

    suggested: issue and probability, where the source gave no category; it comes first."""
    found = dict.fromkeys((keyfacts.KINDS[fact.kind], fact.words) for fact in keyfacts.facts(text, registered_on))
    told = [*([("系统建议分类", suggested)] if suggested else []), *islice(found, MAX_FACTS)]
    chips = [f'<span class="fact"><i>{kind}</i>{escape(words)}</span>' for kind, words in told]
    return f'<div class="facts-line">{"".join(chips)}</div>' if chips else ""


FOUR_WEEKS = {"matter", "cluster", "emerging", "overdue", "satisfaction", "returns"}
"""Kinds of warnings that count the items of up to 4 weeks; the others count one week."""


def spoken(signal: Mapping[str, Any]) -> str:
    """The sentence of a warning for a wide view: without figures where its count is below k."""
    k = disclosure.threshold(signal["issue_code"])
    if signal["observed"] >= k:
        return signal["sentence"]
    limit, is_long = signal["upper_bound"], signal["kind"] in FOUR_WEEKS
    if limit is not None and signal["observed"] > limit:
        why = "近几周超出平常水平" if is_long else "本周超出往年和近期水平"
    else:
        why = "仍列入预警" if signal["n_weeks"] > 1 else "列入预警"
    lasting = "本周首次出现" if signal["n_weeks"] == 1 else f"本周是第 {signal['n_weeks']} 周"
    return f"{signal['title']}：{why}，{lasting}；件数不足 {k} 件，按最小格子规则不列。"


def escape(text: object) -> str:
    return html.escape(str(text), quote=True)
