"""After a warning: did it fall more than elsewhere once it was closed, and what came of earlier ones like it?"""

import json
from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import disclosure, filters, marts, page, similar, wording
from app import effect as effects
from app.casework import cases
from app.charts.aftermath import before_after
from app.parts.indicators import KINDS

N_SHOWN_BEFORE = 26
"""Weeks before the warning on the chart; the comparison looks at a year."""
MAX_NOTE = 60
PARTS = ("预警前", "预警期间", "销号后")
SPANS = f"预警期间从起始周算到销号那一周，销号后最多看 {effects.MAX_AFTER} 周。"
SURE = "区间计入同类之间、各周之间超出偶然的离散程度。"
RULE = (
    f"{SPANS}同类地区：同一层级、同一事项，预警前一年的件数在本地的三分之一到三倍之间，预警以来自己和辖内、所属县区没有同类预警。"
    f"倍数是每周平均之比；{SURE}"
)
UNIT_RULE = (
    f"{SPANS}同类单位：预警前一年的基数在本单位的三分之一到三倍之间，预警以来这一方面没有越限。倍数是占比之比；{SURE}"
)
LABELS = {
    "part": "时段", "n_own": "本地件数", "n_others": "同类件数", "base_own": "本地基数", "base_others": "同类基数",
    "index_own": "本地指数", "index_others": "同类指数",
}  # fmt: skip


def effect(signal: Mapping[str, Any], case: Mapping[str, Any] | None, edition: page.Edition) -> None:
    """Where the warning was closed: before, during and after, here and in comparable places. Else nothing.

    case: its row of cases.current, None where nobody has acted.
    """
    if case is None or case["status"] != "closed":
        return
    signal = as_closed(signal, case)
    page.section("销号前后", f"{wording.full_day(case['ended_at'].date())}销号，与同类{_others(signal)}同期相比")
    if signal["place_level"] == "city" and not signal["unit_name"]:
        page.quiet("全市的预警没有同类地区可比，不下结论。")
        return
    found, between, courses = compared(signal, case["ended_at"].date(), edition.last_full_week)
    said = said_of(found, signal)
    page.quiet(f"{said}{effects.CAUTION}" if not found.reason and found.n_after >= effects.MIN_AFTER else said)
    if found.n_after < effects.MIN_AFTER or found.reason:
        return
    k = disclosure.threshold(signal["issue_code"])
    title = f"{signal['title']} 销号前后"
    how = (title, between, _others(signal))
    page.chart(
        page.drawn(both_courses, courses, *how),
        courses,
        export=partial(safe_courses, courses, k),
        picture=lambda: both_courses(disclosure.without_marks(safe_courses(courses, k)), *how),
        name=title,
        notes=edition.notes(UNIT_RULE if signal["unit_name"] else RULE, disclosure.note(k, exported=True)),
        key="aftermath",
        labels={"period_start_on": "周起始日", **LABELS},
    )


def as_closed(signal: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, Any]:
    """The warning with the place and issue it had when it was closed: a story may move from a town to its county."""
    kept = json.loads(case["snapshot"])
    return {
        **signal,
        **{name: kept.get(name) for name in ("title", "place_level", "place_code", "issue_code", "unit_name")},
    }


def _others(signal: Mapping[str, Any]) -> str:
    return "单位" if signal["unit_name"] else "地区"


def said_of(found: effects.Effect, signal: Mapping[str, Any]) -> str:
    """The effect in one sentence, without small counts."""
    what = f"{KINDS[signal['kind']]}占比" if signal["unit_name"] else "件数"
    return effects.sentence(
        found, disclosure.threshold(signal["issue_code"]), what=what, others=f"同类{_others(signal)}"
    )


def compared(
    signal: Mapping[str, Any], closed_on: date, last_full_week: date
) -> tuple[effects.Effect, effects.Spans, pl.DataFrame]:
    """The effect since `closed_on`, its spans, and both courses by week: period_start_on, part, n_own, base_own, n_others,
    base_others, index_own, index_others (mean of the warning's weeks = 100). base: weeks with data, or what a unit's share
    is of."""
    between = effects.spans(signal["since_on"], closed_on, last_full_week)
    looked_at = {"from_on": between.before_on, "to_on": between.to_on}
    warned_in = {"from_on": between.since_on, "to_on": between.to_on}
    weeks, parts = between.weeks(), between.parts()
    if signal["unit_name"]:
        own, about = signal["unit_name"], {"kind": signal["kind"]}
        rows = marts.query("effect_units", **looked_at, **about)
        names, warned = rows["code"].unique().sort(), marts.query("warned_units", **warned_in, **about)
    else:
        own, about = signal["place_code"], {"issue": signal["issue_code"], "place_level": signal["place_level"]}
        rows = marts.query("effect_places", **looked_at, **about)
        places = marts.query("places").filter(pl.col("place_level") == signal["place_level"])
        names, warned = places["place_code"], marts.query("warned_places", **warned_in, **about)
    codes = [own, *(name for name in names if name != own)]
    events = effects.matrix(rows, codes, weeks, "n_events")
    if signal["unit_name"]:
        exposure = effects.matrix(rows, codes, weeks, "base")
    else:
        known = set(filters.covered_weeks(None)["week_start_on"])
        exposure = np.tile([float(week in known) for week in weeks], (len(codes), 1))
    size = (exposure if signal["unit_name"] else events)[:, parts == 0].sum(1)
    kept = [0, *effects.comparable(size, ~np.isin(codes, warned["code"].to_list()))]
    events, exposure = events[kept], exposure[kept]
    found = effects.assess(events, exposure, parts)
    courses = pl.DataFrame(
        {
            "period_start_on": weeks,
            "part": [PARTS[part] for part in parts],
            "n_own": events[0].astype(int),
            "base_own": exposure[0].astype(int),
            "n_others": events[1:].sum(0).astype(int),
            "base_others": exposure[1:].sum(0).astype(int),
        }
    ).with_columns(
        pl.when(pl.col(f"base_{who}") > 0)
        .then(100 * pl.col(f"n_{who}") / pl.col(f"base_{who}") / (rates[1] or float("nan")))
        .round(1)
        .alias(f"index_{who}")
        for who, rates in (("own", found.rates), ("others", found.others_rates))
    )
    courses = courses.tail(len(courses) - max(0, int((parts == 0).sum()) - N_SHOWN_BEFORE))
    return found, between, courses if signal["unit_name"] else courses.drop("base_own", "base_others")


def safe_courses(courses: pl.DataFrame, k: int) -> pl.DataFrame:
    """To take away: small counts are hidden, and the index that would tell them. The sums of the three spans are known."""
    measures = [name for name in courses.columns if name.startswith(("n_", "base_"))]
    derived = {f"index_{who}": [name for name in measures if name.endswith(f"_{who}")] for who in ("own", "others")}
    return disclosure.suppress(courses, measures=measures, k=k, within=(("part",),), derived=derived)


def both_courses(courses: pl.DataFrame, title: str, between: effects.Spans, others: str) -> go.Figure:
    """Both courses as lines."""
    named = {"index_own": "本单位" if others == "单位" else "本地", "index_others": f"同类{others}"}
    series = courses.unpivot(
        list(named), index="period_start_on", variable_name="series_name", value_name="n_events"
    ).with_columns(pl.col("series_name").replace(named), pl.col("n_events").fill_nan(None))
    return before_after(
        series, title=title, since_on=between.since_on, closed_on=between.closed_on, emphasis=named["index_own"]
    )


# ---------------------------------------------------------------- earlier ones like it


def past(signal: Mapping[str, Any], edition: page.Edition) -> pl.DataFrame:
    """Earlier warnings like this one, most alike first, with what came of them: the columns of similar.ranked and
    outcome, done (the last measure noted, by role), effect (a sentence where one can be said)."""
    found = similar.ranked(signal, marts.query("past_stories", week=signal["week_start_on"]))
    known: dict[str, dict[str, Any]] = {}
    try:
        known = {row["signal_id"]: row for row in cases.current(found["signal_id"]).iter_rows(named=True)}
        done = [measure(cases.history(one)) if one in known else "" for one in found["signal_id"]]
    except cases.Unavailable:
        done = [""] * len(found)
    return found.with_columns(
        pl.Series("outcome", [similar.outcome(known.get(one)) for one in found["signal_id"]], dtype=pl.String),
        pl.Series("done", done, dtype=pl.String),
        pl.Series(
            "effect", [_effect(row, known.get(row["signal_id"]), edition) for row in found.to_dicts()], dtype=pl.String
        ),
    )


def _effect(signal: Mapping[str, Any], case: Mapping[str, Any] | None, edition: page.Edition) -> str:
    """The sentence of its before/after check; empty where it was not closed or cannot be compared."""
    if case is None or case["status"] != "closed":
        return ""
    signal = as_closed(signal, case)
    if signal["place_level"] == "city" and not signal["unit_name"]:
        return ""
    return said_of(compared(signal, case["ended_at"].date(), edition.last_full_week)[0], signal)


def measure(history: pl.DataFrame) -> str:
    """What was done, in the words of the unit: the last measure or reply that says something, shortened."""
    said = history.filter(pl.col("action").is_in(["measure", "reply"]), pl.col("note") != "")
    if said.is_empty():
        return ""
    row = said.row(-1, named=True)
    note = " ".join(row["note"].split())
    return f"{row['actor_unit'] or ''}：{note if len(note) <= MAX_NOTE else note[:MAX_NOTE] + '…'}"


def similar_past(signal: Mapping[str, Any], edition: page.Edition) -> None:
    """类似的预警: how large, how long, what was done, how it ended; each with a link to its own page."""
    tiers = similar.UNIT_TIERS if signal["unit_name"] else similar.TIERS
    page.section("类似的预警后来怎样", "；".join(tiers.values()) + "，依次排列")
    found = past(signal, edition)
    if found.is_empty():
        page.quiet("此前没有类似的预警。")
        return
    safe = disclosure.suppress(found, measures=["observed"], k=disclosure.thresholds(found), within=())
    shown = disclosure.in_text(safe)
    for row in shown.iter_rows(named=True):
        size = row["observed"] if isinstance(row["observed"], str) else wording.number(row["observed"])
        facts = [
            tiers[row["tier"]], f"{wording.full_day(row['since_on'])}起 {row['n_weeks']} 周", f"最高一周 {size} 件", row["outcome"],
        ]  # fmt: skip
        told = "".join(f'<p class="note">{wording.escape(one)}</p>' for one in (row["done"], row["effect"]) if one)
        with st.container(horizontal=True, wrap=False, gap="small", key=f"similar_{row['signal_id']}"):
            st.html(
                f'<div class="warning">{wording.level_tag(row["signal_level"], edition.level_rule)}<div>'
                f"<p>{wording.escape(row['title'])}</p>"
                f'<p class="note">{wording.escape("　".join(facts))}</p>{told}</div></div>',
                width="stretch",
            )
            st.page_link(
                "views/warning.py", label="详情", icon=":material/chevron_right:", query_params={"id": row["signal_id"]}
            )
    page.foot(
        safe.select(
            "signal_id", "title", pl.col("tier").replace(tiers), "signal_level", "since_on", "n_weeks",
            "observed", "observed" + disclosure.MARK, "outcome", "effect",
        ),
        name=f"类似的预警 {signal['title']}",
        notes=edition.notes("只列起始不晚于本周的预警；件数为最高一周。", disclosure.note()),
        key="similar",
        labels={"title": "预警", "tier": "相似之处", "observed": "最高一周件数", "outcome": "结果", "effect": "销号前后"},
    )  # fmt: skip
