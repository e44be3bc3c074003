"""智能分派, what its parts share: a suggestion as the page shows it, and what is known of items of its kind."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
import streamlit as st

from app import alike, deadlines, filters, handling, marts, page, suggesting, versions, wording
from pipelines.config import Home
from pipelines.dispatch import batch, library, suggest
from pipelines.errors import YanpanError

MOST_ALIKE, NEAREST, LISTED = 2_000, 24, 4
"""Past items looked through, of these the nearest by words, of these listed: those of the same place first."""


class Text(NamedTuple):
    """What a suggestion is asked for. Redacted; of an item of the marts its key and place as well."""

    said: str
    purpose: str | None = None
    source: str | None = None
    county: str | None = None
    town: str | None = None
    registered_on: date | None = None
    event_key: str = ""

    @property
    def place(self) -> tuple[str, str]:
        return self.county or (self.town or "")[:6], self.town or ""


def tools() -> suggest.Tools:
    """The tools in force. A model that cannot be read is said, and done without; a fault in one of the office's files is
    said, and the page ends."""
    try:
        given = suggesting.tools()
    except YanpanError as fault:
        page.quiet(str(fault))
        st.stop()
    if given.fault:
        page.quiet(f"{given.fault}在此之前只按词库和职责清单建议。")
    return given


def judge(given: suggest.Tools, texts: Sequence[Text]) -> list[suggest.Suggestion]:
    return suggest.suggest(
        given, [one.said for one in texts], [one.purpose for one in texts], [one.place for one in texts]
    )


def is_counted_only(given: suggest.Tools, found: suggest.Suggestion) -> bool:
    """检举控告 and 涉法涉诉: led to their procedure, their content is not looked into."""
    issue = given.library.issues.get(found.issue_code or "")
    return issue is not None and issue.is_counted_only


# ---------------------------------------------------------------- the suggestion


def verdict(found: suggest.Suggestion) -> None:
    """What is suggested and why, or that nothing is."""
    if found.is_abstained:
        head = "没有把握，请人工判断" + ("；下面的只作参考" if found.issues else "")
        st.html(
            f'<div class="suggested abstains"><p><b>{head}</b></p><p class="said">{wording.escape(found.reason)}</p></div>'
        )
        return
    unit = f" → {found.unit}" if found.unit else ""
    st.html(
        f'<div class="suggested"><p class="answer">{wording.escape(found.issues[0].name + unit)}</p>'
        f'<p class="said">{wording.escape(found.reason)}</p></div>'
    )


def odds(title: str, candidates: Sequence[suggest.Candidate], *, is_abstained: bool) -> None:
    """Up to three issues or units, each with its bar; only the word 词库 where no history spoke."""
    if not candidates:
        return
    rows = [
        f'<p class="odds{" first" if n == 0 and not is_abstained else ""}"><span title="{wording.escape(one.name)}">'
        f"{wording.escape(one.name)}</span>{_bar(one.probability)}</p>"
        for n, one in enumerate(candidates)
    ]
    st.html(f'<p class="odds head"><span>{title}</span><span></span><span>把握</span></p>{"".join(rows)}')


def _bar(probability: float | None) -> str:
    if probability is None:
        return f'<span class="bar words"></span><span>{batch.WORDS_ALONE}</span>'
    return f'<span class="bar" style="--share:{probability:.3f}"></span><span>{wording.escape(suggest.percent(probability))}</span>'


def told(text: Text, found: suggest.Suggestion, names: dict[str, library.Issue], *, is_counted: bool) -> None:
    """The redacted text, its matched words marked, and its key facts below; the facts not of what is counted only."""
    said = text.said
    first = found.issues[0].code if found.issues else ""
    spans: dict[tuple[int, int], list[library.Span]] = {}
    for span in found.spans:
        spans.setdefault((span.start, span.end), []).append(span)
    parts, at = [], 0
    for (start, end), here in sorted(spans.items()):
        if start < at:
            continue
        kind = (
            "attitude" if all(one.kind == library.ATTITUDE for one in here)
            else "" if any(one.issue_code == first for one in here) else "other"
        )  # fmt: skip
        about = "、".join(names[one.issue_code].issue_name for one in here if one.issue_code in names)
        parts.append(
            f'{wording.escape(said[at:start])}<mark class="{kind}" title="{wording.escape(about)}">{wording.escape(said[start:end])}</mark>'
        )
        at = end
    facts = "" if is_counted else wording.fact_chips(said, text.registered_on)
    st.html(f'<p class="told">{"".join(parts)}{wording.escape(said[at:])}</p>{facts}')


def show(
    text: Text,
    found: suggest.Suggestion,
    given: suggest.Tools,
    edition: page.Edition,
    *,
    above: Callable[[], None] = lambda: None,
    choose: Callable[[], None] = lambda: None,
) -> None:
    """The whole of it: left the text and past items, right the suggestion, `choose`, deadline and path."""
    left, right = st.columns([7, 6], gap="large")
    is_counted = is_counted_only(given, found)
    with left:
        above()
        told(text, found, given.library.issues, is_counted=is_counted)
        if not is_counted:
            past(text, found, edition)
    with right:
        verdict(found)
        odds("事项", found.issues, is_abstained=found.is_abstained)
        odds("承办单位", found.units, is_abstained=found.is_abstained)
        if given.model is None:
            st.html(
                '<p class="note">还没有学过本单位的历史，目前只按词库和职责清单建议。下一步：yanpan dispatch train</p>'
            )
        choose()
        course(text, found, edition)


# ---------------------------------------------------------------- what is known of its kind


def course(text: Text, found: suggest.Suggestion, edition: page.Edition) -> None:
    """By when, on which path, and may it be mediated?"""
    issue = found.issues[0].code if found.issues else None
    page.section("可能的办理期限", "看近一年同一事项的件用的是哪条规则")
    _deadlines(text, issue, edition)
    page.section("办理路径提示", "依法分类处理")
    _paths(text, issue)


def _deadlines(text: Text, issue: str | None, edition: page.Edition) -> None:
    asked = {"issue": issue or "", "source": text.source, "through": edition.data_through}
    used = marts.query("dispatch_rules", **asked, purpose=text.purpose)
    if used.is_empty() and text.purpose:
        used = marts.query("dispatch_rules", **asked, purpose=None)
    if used.is_empty():
        page.quiet("近一年没有这一事项的件，说不出按哪条规则办。请查「数据接入」的时限规则。")
        return
    start = edition.data_through + timedelta(days=1)
    first = used.unique("source", keep="first", maintain_order=True)
    st.html("".join(_rule(row, start) for row in first.iter_rows(named=True)))


def _rule(row: dict, start: date) -> str:
    """One source's rule as HTML."""
    share = f"近一年这类件 {row['n_events'] / row['n_source']:.0%} 如此"
    said, notes = "没有限办规则", [share]
    if row["rule_id"] is not None:
        event = deadlines.STARTS[row["start_event"]]
        said = f"{event}起 {row['n_days']}{deadlines.DAYS[row['day_unit']]}内办结"
        said += f"，可延长 {row['extension_days']} 日" if row["extension_days"] else ""
        said += f"；如 {wording.day(start)}{event[:2]}，到 {wording.full_day(row['due_on'])}" if row["due_on"] else ""
        notes = [row["basis"] + ("" if row["is_verified"] else "（待核实）"), share]
    return f'<p class="path"><b>{wording.SOURCES[row["source"]]}</b>{wording.escape(said)}。{_notes(notes)}</p>'


def _notes(said: Sequence[str]) -> str:
    return f'<span class="note">{wording.escape("；".join(filter(None, said)))}</span>'


def _paths(text: Text, issue: str | None) -> None:
    try:
        found = handling.hints(Home(versions.home()).reference, issue, text.purpose, text.said)
    except YanpanError as fault:
        page.quiet(str(fault))
        return
    lines = [
        f'<p class="path"><b>{wording.escape(one.name)}</b>{wording.escape(one.hint)}。'
        f"{_notes((one.because, one.basis, '' if one.is_verified else '待核实'))}</p>"
        for one in found
    ]
    mediable = {issue: kind for kind, issue in marts.query("mediable_issues").iter_rows()}
    if issue in mediable:
        kind = dict(marts.query("dispute_types").iter_rows()).get(mediable[issue], "")
        lines.append(
            f'<p class="path"><b>访调诉</b>属{wording.escape(kind.removesuffix("纠纷"))}纠纷，双方愿意的可先导入人民调解，不成再引导诉讼。</p>'
        )
    st.html("".join(lines) or '<p class="said">没有特别的提示；写明信访目的后提示更准。</p>')


def record(text: Text, found: suggest.Suggestion, edition: page.Edition) -> None:
    """How were items of the first issue handled during the year? One sentence."""
    if not found.issues:
        return
    row = marts.query(
        "dispatch_record", issue=found.issues[0].code, county=text.county, through=edition.data_through
    ).row(0, named=True)
    where = filters.place_name(text.county)
    said = f"“{found.issues[0].name}”近一年{where} {row['n_events']:,} 件"
    if row["n_events"] < wording.SMALL_BASE:
        st.html(f'<p class="doing">{wording.escape(said)}，{wording.FEW}，不算比例。</p>')
        return
    shares = (
        ("按期", "n_in_time", "n_timed"),
        ("满意", "n_satisfied", "n_rated"),
        ("退回", "n_returned", "n_return_known"),
    )
    parts = [f"{word} {row[n] / row[of]:.0%}" for word, n, of in shares if row[of] >= wording.SMALL_BASE]
    if row["closing_median"] is not None:
        parts.insert(1, f"办理时长中位数 {row['closing_median']:.0f} 天")
    st.html(f'<p class="doing">{wording.escape("，".join([said, *parts]))}。</p>')


def past(text: Text, found: suggest.Suggestion, edition: page.Edition) -> None:
    """Settled items worded alike, and what became of them."""
    page.section("过去类似的件", "同一事项里用词最接近的，本镇街、本县区的在前；已脱敏，只供查看")
    record(text, found, edition)
    near = nearest(text, found, edition)
    if near.is_empty():
        page.quiet("近一年没有用词相近、已办结、可以逐件查看的件。")
        return
    keys = " ".join(near["event_key"])
    became = marts.query("dispatch_outcome", events=keys, from_on=min(near["registered_on"].to_list()))
    known = {row["event_key"]: row for row in became.iter_rows(named=True)}
    st.html("".join(_past(row, known.get(row["event_key"], {})) for row in near.iter_rows(named=True)))


def nearest(text: Text, found: suggest.Suggestion, edition: page.Edition) -> pl.DataFrame:
    """The LISTED settled items most like this one: of the suggested issue, of all candidates where nothing is suggested."""
    issues = [one.code for one in (found.issues if found.is_abstained else found.issues[:1])]
    rows = marts.query(
        "dispatch_alike", issues=" ".join(issues), through=edition.data_through, event=text.event_key, most=MOST_ALIKE
    )
    scores = alike.scores(text.said, rows["said"].to_list())
    at = np.argsort(-scores, kind="stable")[:NEAREST]
    near = rows[at[scores[at] > 0].tolist()].unique("said", keep="first", maintain_order=True)
    here = (
        pl.col(f"{level}_code").eq_missing(pl.lit(code or None, pl.String)) & bool(code)
        for level, code in zip(("town", "county"), (text.place[1], text.place[0]), strict=True)
    )
    return near.sort(*here, descending=True, maintain_order=True).head(LISTED)


def _past(row: dict, became: dict) -> str:
    days = became.get("closing_days")
    flags = [
        f"用时 {days} 天" if days is not None else "",
        {True: "按期", False: "超期", None: ""}[became.get("is_answered_in_time")],
        "满意" if became.get("is_satisfied") else "不满意" if became.get("is_dissatisfied") else "",
        "退回过" if became.get("is_returned") else "",
    ]
    tags = "".join(f'<span class="flag">{word}</span>' for word in flags if word)
    about = [
        wording.full_day(row["registered_on"]),
        wording.SOURCES[row["source"]],
        row["place_name"] or "未写明区域",
        row["unit_name"],
    ]
    return (
        f'<article class="item past"><p class="note">{wording.escape(" · ".join(about))} {tags}</p>'
        f'<p class="text">{wording.escape(row["said"])}</p></article>'
    )
