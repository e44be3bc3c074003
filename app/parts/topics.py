"""专题: one standing topic (问题楼盘, 双拖欠, 供暖 …) on one page: how many, where, which issues, units, matters, warnings."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import disclosure, fields, filters, kpis, marts, page, place_counts, topic_counts, warned, wording
from app.charts.breaks import Classes
from app.charts.maps import locator_map
from app.charts.seasons import month_calendar
from app.charts.series import trend
from app.filters import Choice, Period
from app.parts import area, casework, matters
from app.parts.course import safe_course
from app.parts.issue import listed_items, with_change
from app.parts.warning import links
from app.wording import spoken

N_UNITS, N_MATTERS, N_SIGNALS = 200, 2000, 8
OVERLAP = "一个事项可以在几个专题里，各专题的件数不能相加。"
OF_REGISTERED = (
    "按这段时间登记的件计：按期率是其中已到期、有答复记录的里按期答复的，满意率是已评价的里满意和基本满意的。"
)
LABELS = {
    "n_events": "件数", "n_events_before": "上期", "n_events_year_ago": "去年同期", "change_share": "较上期",
    "year_share": "较去年", "n_signals": "预警", "issue_names": "包括的事项",
    "in_time_share": "按期率", "in_time_low": "按期率下限", "in_time_high": "按期率上限", "satisfied_share": "满意率",
    "satisfied_low": "满意率下限", "satisfied_high": "满意率上限", "n_in_time": "按期", "n_due": "已到期",
    "n_satisfied": "满意", "n_rated": "已评价",
}  # fmt: skip


def known() -> pl.DataFrame:
    return marts.query("topics")


def name_of(topic: str | None) -> str:
    return dict(known().select("topic_id", "topic_name").iter_rows()).get(topic or "", "全部事项")


def codes_of(topic: str | None) -> list[str]:
    """The issue codes of a topic; of none: every issue."""
    of = dict(known().select("topic_id", "issue_codes").iter_rows())
    return of[topic].split(",") if topic in of else marts.query("issues")["issue_code"].to_list()


def office_k(choice: Choice, k: int) -> int:
    """k for what an office did or what came by a channel: the city's totals are not hidden, see app.disclosure."""
    return k if choice.county else 0


def lacking(rate: str) -> str:
    """Why a share has nothing to count: no source tells, or no item of this choice."""
    named = {
        "first": "first_share",
        "repeat": "repeat_share",
        "returned": "return_share",
        "in_time": "reply_timely",
        "satisfied": "satisfied_share",
    }
    registry = marts.query("kpi_registry").filter(pl.col("kpi_id") == named.get(rate, ""))
    return "没有可算的件" if len(registry) == 0 or registry["known_sources"].is_not_null().any() else kpis.NO_DATA


def definition(topic: dict[str, Any]) -> str:
    """What counts as this topic, and what it is for."""
    narrowed = [
        f"标题或正文含“{'”或“'.join(topic['topic_words'].split())}”" if topic["topic_words"] else "",
        f"诉求目的含“{topic['topic_purpose']}”" if topic["topic_purpose"] else "",
    ]
    only = "，且".join(part for part in narrowed if part)
    note = f"{topic['topic_note']}。" if topic["topic_note"] else ""
    return f"{note}{'只计' + only + '的。' if only else ''}"


def counted(choice: Choice, span: Period) -> pl.DataFrame:
    """The query topic_counts, earlier figures without data unknown; issue_code null: the topic itself."""
    return span.only_known(marts.query("topic_counts", county=choice.county, **span.parameters()))


def tab(edition: page.Edition) -> None:
    topics = known()
    if topics.is_empty():
        page.quiet("还没有设置专题。在参考数据的 topic.csv 里写上专题和事项代码，再发布一次（yanpan build）。")
        return
    left, right = st.columns([4, 1])
    with left:
        choice, span = filters.bar(edition.data_from, edition.last_full_week, "weeks", "week", "county", default=13)
    with right:
        names = dict(topics.select("topic_id", "topic_name").iter_rows())
        chosen = filters.choose("专题", names, key="topic", say_default=True)
    if span.shortfall():
        page.quiet(span.shortfall())
    counts = counted(choice, span)
    signals = warned.given(marts.query, span.to_on)
    if choice.county:
        signals = signals.filter(pl.col("county_code") == choice.county)
    overview(topics, counts, signals, choice, span, edition)
    topic = topics.row(by_predicate=pl.col("topic_id") == chosen, named=True)
    one(topic, counts.filter(pl.col("topic_id") == chosen), signals, choice, span, edition)


def choose_row() -> None:
    rows = st.session_state["topics_table"]["selection"]["rows"]
    if rows:
        st.session_state["topic"] = st.session_state["_topics_shown"][rows[0]]


def safe_counts(
    frame: pl.DataFrame, choice: Choice, k: int | pl.Series, by: str, *, within: Sequence[Sequence[str]] = ((),)
) -> pl.DataFrame:
    """Counts now, before and a year ago; in a county small ones hidden. within: as of disclosure.suppress; topics overlap
    and have no total, the issues of one have."""
    if not choice.county:
        return frame
    columns = ["n_events", "n_events_before", "n_events_year_ago"]
    derived = {"change_share": columns[:2], "year_share": [columns[0], columns[2]]}
    return disclosure.suppress(
        frame,
        measures=columns,
        k=k,
        within=within,
        derived={name: of for name, of in derived.items() if name in frame.columns},
        sort_hidden_by=by,
    )


def overview(
    topics: pl.DataFrame,
    counts: pl.DataFrame,
    signals: pl.DataFrame,
    choice: Choice,
    span: Period,
    edition: page.Edition,
) -> None:
    """All topics side by side; a click opens one."""
    ago = pl.col("n_events_year_ago")
    whole = with_change(counts.filter(pl.col("issue_code").is_null()).drop("issue_code")).with_columns(
        pl.when(ago >= wording.SMALL_BASE).then(pl.col("n_events") / ago - 1).alias("year_share")
    )
    told = topics.join(whole, on="topic_id")
    warned = [
        signals.filter(pl.col("issue_code").is_in(codes.split(",")))["signal_id"].n_unique()
        for codes in told["issue_codes"]
    ]
    ks = topic_counts.thresholds(dict(topics.select("topic_id", "issue_codes").iter_rows()))
    columns = [
        "topic_name",
        "n_events",
        "n_events_before",
        "change_share",
        "n_events_year_ago",
        "year_share",
        "n_signals",
        "issue_names",
    ]
    told = told.with_columns(pl.Series("n_signals", warned, dtype=pl.Int64)).sort("topic_order", "topic_id")
    k = pl.Series("k", [ks[topic] for topic in told["topic_id"]], dtype=pl.Int64)
    safe = safe_counts(told, choice, k, "topic_order", within=())
    st.session_state["_topics_shown"] = safe["topic_id"].to_list()
    marks = [name for name in safe.columns if name.endswith(disclosure.MARK)]
    page.section("各专题", f"{where(choice)}，{span.words()}；点一行看这个专题")
    page.grid(
        safe.select(*columns, *(name for name in marks if not name.startswith(("change", "year")))),
        key="topics_table",
        labels=LABELS,
        height=360,
        on_select=choose_row,
        widths={"issue_names": 430},
    )
    page.foot(
        safe.select(*columns, *marks),
        name=f"各专题 {where(choice)} {span.words()}",
        notes=edition.notes(
            OVERLAP,
            f"按登记日期计，上期为之前等长的 {span.n_weeks} 周。",
            disclosure.note() if choice.county else "",
        ),
        key="topics_foot",
        labels=LABELS,
    )


def where(choice: Choice) -> str:
    return filters.place_name(choice.county)


def one(
    topic: dict[str, Any],
    counts: pl.DataFrame,
    signals: pl.DataFrame,
    choice: Choice,
    span: Period,
    edition: page.Edition,
) -> None:
    """One topic from the figures at the top to the items at the bottom."""
    codes = topic["issue_codes"].split(",")
    k = disclosure.threshold(*codes)
    signals = signals.filter(pl.col("issue_code").is_in(codes))
    name = f"{topic['topic_name']} {where(choice)} {span.words()}"
    of_parts = office_k(choice, k)
    notes = edition.notes(
        f"按登记日期计，{span.words()}。", definition(topic), disclosure.note(k) if choice.county else ""
    )
    scope = {
        "topic": topic["topic_id"],
        "issue": None,
        "county": choice.county,
        "only_suggestions": False,
        **span.parameters(),
    }
    parts = marts.query("topic_parts", **scope)
    page.section(topic["topic_name"], definition(topic))
    whole = counts.filter(pl.col("issue_code").is_null()).row(0, named=True)
    done = parts.filter(pl.col("part_kind") == "all").row(0, named=True)
    headline(whole, done, signals, k)
    if not whole["n_events"] and not whole["n_events_before"]:
        page.quiet(f"{where(choice)}这段时间和上期都没有登记这个专题的事项。")
        return
    left, right = st.columns([7, 5], gap="large")
    with left:
        course(topic, choice, span, k, edition)
        issues(counts, choice, k, span, name, notes)
    with right:
        places(topic, choice, span, k, edition)
    page.section("民情月历", "往年各月平均每周多少件，看哪几个月要提前准备")
    calendar(topic, choice, span, k, edition)
    page.section("办得怎样", "按来源，再按承办单位")
    sources(parts, of_parts, name, edition)
    units(parts, of_parts, name, edition)
    left, right = st.columns(2, gap="large")
    with left:
        same_matters(codes, choice, span, name, edition)
    with right:
        listed(signals, span)
    listed_items("topic_items", scope, done["n_listed"])


def headline(whole: dict[str, Any], done: dict[str, Any], signals: pl.DataFrame, k: int) -> None:
    """How many, against before and a year ago; in time and satisfied; how many warnings."""
    columns = st.columns(5)
    plain: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}
    for column, label, base in zip(
        columns, ("较上期", "较去年同期"), ("n_events_before", "n_events_year_ago"), strict=False
    ):
        change = wording.change(whole["n_events"], whole[base])
        if base == "n_events_before":
            column.metric(
                "登记",
                wording.items(whole["n_events"]),
                delta=f"{label} {change.words}",
                help=f"上期 {wording.items(whole[base])}。",
                **plain,
            )
        else:
            column.metric(
                "去年同期",
                wording.items(whole[base]),
                delta=f"{label} {change.words}",
                help=fields.explained("", "去年同期"),
                **plain,
            )
    for column, label, rate, help in (
        (columns[2], "按期率", "in_time", OF_REGISTERED),
        (columns[3], "满意率", "satisfied", OF_REGISTERED),
    ):
        above, below = (done[name] for name in topic_counts.RATES[rate])
        is_enough = below >= topic_counts.MIN_ITEMS
        shown = f"{above / below:.1%}" if is_enough else topic_counts.FEW if below else "—"
        column.metric(
            label,
            shown,
            delta=f"{above:,} ÷ {below:,} 件" if is_enough else "不足 20 件不算" if below else lacking(rate),
            help=help,
            **plain,
        )
    columns[4].metric(
        "预警",
        f"{signals['signal_id'].n_unique()} 条",
        delta="最近一周" if len(signals) else "最近一周没有",
        help="这个专题的事项在所选最后一周的预警。",
        **plain,
    )


def course(topic: dict[str, Any], choice: Choice, span: Period, k: int, edition: page.Edition) -> None:
    """Its weeks over a year or more, with what was to be expected of the sum."""
    since = span.to_on - timedelta(weeks=max(span.n_weeks, 52) - 1)
    asked = {"topic": topic["topic_id"], "county": choice.county, "to_on": span.to_on}
    weeks = marts.query("topic_course", **asked, since_on=since)
    if weeks.is_empty():
        page.quiet("最近一年没有登记这个专题的事项，画不出走势。")
        return
    judged = marts.query("topic_judged", **asked, place=choice.county or edition.city_code).select(
        pl.col("week_start_on").alias("period_start_on"),
        "expected",
        "upper_bound",
        (pl.col("status") == "alarm").alias("is_alarm"),
    )
    series = filters.with_silent_weeks(weeks, through=span.to_on).join(judged, on="period_start_on", how="left")
    series = series.with_columns(pl.col("is_alarm").fill_null(False))
    title = f"{topic['topic_name']} {where(choice)} 按周"
    safe = partial(safe_course, series, k) if choice.county else None
    page.chart(
        page.drawn(trend, series, title=title, height=300),
        series,
        export=safe,
        picture=(lambda: trend(disclosure.without_marks(safe()), title=title, height=300)) if safe else None,
        name=f"{title} 至{wording.week_name(span.to_on)}",
        notes=edition.notes(
            "阴影带为预期到上限，三角为超出上限的周；按专题的合计判定。",
            disclosure.note(k, exported=True) if choice.county else "",
        ),
        key="topic_course",
        labels={"period_start_on": "周起始日", "is_alarm": "超出上限"},
    )


def issues(counts: pl.DataFrame, choice: Choice, k: int, span: Period, name: str, notes: list[str]) -> None:
    """The issues inside, each with the way to 高频事项."""
    rows = counts.filter(pl.col("issue_code").is_not_null()).join(
        marts.query("issues").select("issue_code", "issue_name"), on="issue_code"
    )
    safe = safe_counts(with_change(rows), choice, disclosure.thresholds(rows), "issue_code")
    columns = ["issue_name", "n_events", "n_events_before", "change_share", "n_events_year_ago"]
    shown = safe.select(*columns, *(one for one in safe.columns if one.endswith(disclosure.MARK)))
    page.grid(shown.select(pl.exclude("change_share" + disclosure.MARK)), key="topic_issues", labels=LABELS, height=320)
    page.foot(
        shown,
        name=f"专题事项 {name}",
        notes=notes,
        key="topic_issues_foot",
        labels=LABELS,
    )
    at = {"county": choice.county} if choice.county else {}
    with st.container(horizontal=True, gap="small"):
        for code, label in (
            rows.sort("n_events", "issue_code", descending=[True, False])
            .head(6)
            .select("issue_code", "issue_name")
            .iter_rows()
        ):
            asked = {"week": wording.week_code(span.to_on), "weeks": str(span.n_weeks), "issue": code, **at}
            st.page_link("views/issues.py", label=label, icon=":material/chevron_right:", query_params=asked)


def places(topic: dict[str, Any], choice: Choice, span: Period, k: int, edition: page.Edition) -> None:
    """Where: the counties of the city, or the towns of the county, as map and table; safe as a whole city."""
    every = span.only_known(marts.query("topic_places", topic=topic["topic_id"], **span.parameters()))
    frames = [every.filter(every["place_level"] == level) for level in place_counts.LEVELS]
    total = marts.query("topic_counts", county=None, **span.parameters()).row(
        by_predicate=(pl.col("topic_id") == topic["topic_id"]) & pl.col("issue_code").is_null(), named=True
    )
    city = span.only_known(
        pl.DataFrame(
            [{"place_code": edition.city_code, **{name: total[name] for name in ("n_events", "n_events_before")}}]
        )
    )
    told = {name: [edition.city_code] for name in ("n_events", "n_events_before")}
    everywhere = page.drawn(place_counts.safe, place_counts.whole_city(frames, city.row(0, named=True)), told, k)
    known_places = marts.query("places")
    place = (
        area.place_asked(known_places, edition)
        if not choice.county
        else known_places.row(by_predicate=pl.col("place_code") == choice.county, named=True)
    )
    level = "town" if choice.county else "county"
    frame = place_counts.valued(place_counts.inside_of(everywhere, level, place), "count")
    geometry = area.boundaries(level, place)
    missing = place_counts.without_boundary(frame, geometry)
    title = f"{topic['topic_name']} {where(choice)}各{wording.PLACE_LEVELS[level]}"
    columns = ["place_name", "n_events", "n_events_before", "change_share", "rate"]
    counts = ["n_events" + disclosure.MARK, "n_events_before" + disclosure.MARK]
    marks = [*counts, "change_share" + disclosure.MARK, "rate" + disclosure.MARK]
    labels = {"rate": "每万人", **LABELS}
    unplaced = place_counts.not_placed(everywhere, level, place)
    about: dict[str, Any] = {
        "name": f"{title} {span.words()}",
        "notes": edition.notes(
            f"另有 {unplaced}。" if unplaced else "", area.not_on_the_map(missing, level, geometry), disclosure.note(k)
        ),
        "key": "topic_map",
        "labels": labels,
    }
    if place_counts.can_be_drawn(missing, geometry):
        shown = frame.filter(pl.col("place_code").is_in(list(geometry)))
        classes = place_counts.classes_of(shown, "count")
        figure = page.drawn(_map, shown, geometry, title=title, classes=classes)
        page.chart(figure, frame.select(*columns, *marks), **about)
        page.grid(frame.select(*columns, *counts), key="topic_places", labels=labels, height=360)
    else:
        page.grid(frame.select(*columns, *counts), key="topic_places", labels=labels, height=720)
        page.foot(frame.select(*columns, *marks), **about)


def _map(shown: pl.DataFrame, geometry: dict[str, str], *, title: str, classes: Classes) -> go.Figure:
    figure = locator_map(
        shown, geometry, title=title, measure_label="件数（件）", classes=classes, max_labels=12, height=380
    )
    figure.update_layout(height=394, margin={"b": 36})  # a high map stands on its edge, and the scale below it
    return figure


def calendar(topic: dict[str, Any], choice: Choice, span: Period, k: int, edition: page.Edition) -> None:
    """Month × issue over all years known."""
    months = marts.query(
        "topic_months", topic=topic["topic_id"], county=choice.county, data_from=edition.data_from, to_on=span.to_on
    )
    n_weeks = int(months.unique("month_of_year")["n_weeks"].sum())
    if n_weeks < 52:
        page.quiet(f"有数据的只有 {n_weeks} 周，不满一年，还看不出哪几个月多。")
        return
    order = months.group_by("issue_code").agg(pl.col("n_events").sum().alias("size"))
    safe = topic_counts.safe_months(months, k, is_city=not choice.county).join(order, on="issue_code")
    safe = safe.filter(pl.col("size") > 0).sort("size", "issue_code", "month_of_year", descending=[True, False, False])
    mark = pl.col("n_events" + disclosure.MARK) if choice.county else pl.lit(None, pl.String)
    drawn = safe.select(pl.col("issue_name").alias("label"), "month_of_year", "per_week", "index", mark.alias("mark"))
    title = f"{topic['topic_name']} {where(choice)} 民情月历"
    columns = ["issue_name", "month_of_year", "n_weeks", "n_events", "per_week", "index"]
    marks = [column + disclosure.MARK for column in columns if column + disclosure.MARK in safe.columns]
    page.chart(
        page.drawn(month_calendar, drawn, title=title),
        safe.select(*columns, *marks),
        name=title,
        notes=edition.notes(
            f"至{wording.week_name(span.to_on)}的 {n_weeks} 周，一周按它的星期四归月；不足 20 件的事项不着色。",
            disclosure.note(k) if choice.county else "",
        ),
        key="topic_calendar",
        labels={"month_of_year": "月份", "n_weeks": "周数", "per_week": "平均每周件数", "index": "平常的倍数"},
    )


def with_marks(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """These columns and their marks."""
    return frame.select(
        *columns, *(name + disclosure.MARK for name in columns if name + disclosure.MARK in frame.columns)
    )


def in_percent(safe: pl.DataFrame, *shares: str) -> pl.DataFrame:
    """Shares as a table on the screen says them (82.8%, 样本不足), each as the mark of its column: set to the right, and sorted."""
    said = (
        pl.coalesce(pl.col(name + disclosure.MARK), (pl.col(name) * 100).round(1).cast(pl.String) + "%")
        for name in shares
    )
    return safe.with_columns(
        one.alias(name + disclosure.MARK) for name, one in zip(shares, said, strict=True)
    ).with_columns(pl.lit(None, pl.Float64).alias(name) for name in shares)


def rate_table(
    safe: pl.DataFrame, first: str, *rates: str, key: str, name: str, notes: list[str], labels: dict[str, str]
) -> None:
    """Parts with their shares; what is taken away has numerators, denominators and intervals too."""
    shares = [f"{rate}_share" for rate in rates]
    counts = [
        one for rate in rates for one in (*topic_counts.RATES[rate], f"{rate}_share", f"{rate}_low", f"{rate}_high")
    ]
    page.grid(with_marks(in_percent(safe, *shares), [first, "n_events", *shares]), key=key, labels=labels, height=320)
    page.foot(with_marks(safe, [first, "n_events", *counts]), name=name, notes=notes, key=f"{key}_foot", labels=labels)


def sources(parts: pl.DataFrame, k: int, name: str, edition: page.Edition) -> None:
    rows = parts.filter(pl.col("part_kind") == "source").with_columns(pl.col("source").replace(wording.SOURCES))
    safe = topic_counts.safe_rates(rows, "in_time", "satisfied", k=k, by="source")
    rate_table(
        safe,
        "source",
        "in_time",
        "satisfied",
        key="topic_sources",
        name=f"专题办理分来源 {name}",
        notes=edition.notes(OF_REGISTERED),
        labels=LABELS,
    )


def units(parts: pl.DataFrame, k: int, name: str, edition: page.Edition) -> None:
    rows = parts.filter((pl.col("part_kind") == "unit") & pl.col("unit_name").is_not_null()).head(N_UNITS)
    if rows.is_empty():
        page.quiet("这些事项没有写明承办单位。")
        return
    safe = topic_counts.safe_rates(rows, "in_time", "satisfied", k=k, by="unit_name")
    rate_table(
        safe, "unit_name", "in_time", "satisfied", key="topic_units", name=f"专题办理分单位 {name}",
        notes=edition.notes(f"不足 {topic_counts.MIN_ITEMS} 件的写作“{topic_counts.FEW}”，不比较；单位排名见「办理质效」。", disclosure.note(k) if k else ""), labels=LABELS,
    )  # fmt: skip


def same_matters(codes: list[str], choice: Choice, span: Period, name: str, edition: page.Edition) -> None:
    """Concrete matters of these issues with items in the last week, the most surprising first."""
    rows = marts.query("matters", week=span.to_on, county=choice.county, group=None, n_rows=N_MATTERS)
    safe = matters.safe_matters(rows.filter(pl.col("issue_code").is_in(codes)))
    page.section("同一事项", f"{wording.week_name(span.to_on)}有新增的 {len(safe)} 项" if len(safe) else "")
    if safe.is_empty():
        page.quiet("最近一周没有累计满 5 件、又有新增的同一事项。")
        return
    shown = safe.select("title", "issue_name", "n_events", "n_so_far", "first_on", "n_events" + disclosure.MARK)
    labels = {"title": "事项", "n_events": "本周", "n_so_far": "累计", "first_on": "最早"}
    page.grid(shown, key="topic_matters", labels=labels, height=320, widths={"title": 230})
    page.foot(
        shown,
        name=f"专题同一事项 {name}",
        notes=edition.notes(disclosure.note()),
        key="topic_matters_foot",
        labels=labels,
    )
    query = {"week": wording.week_code(span.to_on), "part": matters.TAB}
    st.page_link(
        "views/early_warnings.py", label="到「同一事项」看来龙去脉", icon=":material/chevron_right:", query_params=query
    )


def listed(signals: pl.DataFrame, span: Period) -> None:
    """The warnings of its issues with where they stand, to read."""
    page.section("预警", f"{wording.week_name(span.to_on)} {len(signals)} 条" if len(signals) else "")
    if signals.is_empty():
        page.quiet("最近一周没有这个专题的预警。")
        return
    for signal in casework.with_status(signals, casework.current()).head(N_SIGNALS).iter_rows(named=True):
        standing = casework.tag(signal, short=True)
        st.html(
            f'<div class="warning">{wording.level_tag(signal["signal_level"])}<p>{wording.escape(spoken(signal))} {standing}</p></div>'
        )
        links(signal, "warning", "items", "map")
    if len(signals) > N_SIGNALS:
        page.quiet(f"其余 {len(signals) - N_SIGNALS} 条见「预警清单」。")
