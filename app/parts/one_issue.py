"""One issue on one page: what to say of it, its course, places, make-up, units, months, what was done, its items."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import disclosure, filters, growth, issue_counts, marts, page, place_counts, topic_counts, wording
from app.charts.breaks import Classes
from app.charts.maps import locator_map
from app.charts.ranks import ranking
from app.charts.seasons import month_calendar
from app.charts.series import trend
from app.parts import area, casework, judged, matters, recurring, topics
from app.parts.course import safe_course
from app.parts.issue import clicked, hiding, items, noted, open_issue, parts_picture, safe_parts
from app.parts.warning import links

PARTS = {"category": "来源怎样分类", "channel": "从什么渠道来"}
N_PARTS, N_PLACES, N_MATTERS, N_SIGNALS, N_OPTIONS = 8, 12, 50, 8, 60
MEASURES = {"count": "件数", "rate": "每万人"}
MEASURE_LABELS = {"count": "件数（件）", "rate": "每万常住人口件数（件）"}
BELOW = {"city": "town", "county": "town", "town": "community"}
DONE = {"mediation": "人民调解", "litigation": "诉讼"}
WORDS_RULE = "标题或正文里带这个词的件数；词取自事项分类本大类的提示词，只说事、不含人名。不设自由检索：正文虽已脱敏，按任意字词检索仍可能查到人。"
PAST_RULE = "按期率、满意率按这段时间登记的件计。不足 20 件的写作“样本不足”。"


def one_issue(issue: dict[str, Any], edition: page.Edition, choice: filters.Choice, span: filters.Period) -> None:
    """The page from the sentences at the top to the items at the bottom; the sections between are worked out when opened."""
    scope = {**choice.parameters(), **span.parameters()}
    name = f"{filters.words(choice)} {span.words()}"
    st.button("返回全部事项", icon=":material/arrow_back:", type="tertiary", on_click=open_issue, args=("",))
    page.section(issue["issue_name"], f"{issue['group_name']} · 主办：{issue['role_name'] or '待定'}")
    weeks = course(issue, edition, choice, span)
    page.require(weeks)
    st.html(
        '<ul class="facts">' + "".join(f"<li>{one}</li>" for one in sentences(issue, choice, span, weeks)) + "</ul>"
    )
    draw_course(issue, weeks, edition, choice, span)
    about = (issue, edition, choice, span, name, noted(edition, choice, span))
    sections: dict[str, Callable[..., None]] = {
        "在哪里": places, "由什么构成": parts, "谁在办": units, "民情月历": months, "复发点": again, "办了什么": done
    }  # fmt: skip
    tabs = st.tabs(list(sections), key="section", bind="query-params", on_change="rerun")
    for tab, show in zip(tabs, sections.values(), strict=True):
        if tab.open:
            with tab:
                show(*about)
    items(scope, partial(narrowed, scope))


def threshold(choice: filters.Choice) -> int:
    return disclosure.threshold(choice.issue, choice.group)


# ---------------------------------------------------------------- what to say first


def course(issue: dict[str, Any], edition: page.Edition, choice: filters.Choice, span: filters.Period) -> pl.DataFrame:
    """Its weeks over a year or more, with what was to be expected where that was judged."""
    since = span.to_on - timedelta(weeks=max(span.n_weeks, 52) - 1)
    weeks = marts.query("chosen_weeks", **choice.parameters(), since_on=since, to_on=span.to_on)
    if weeks.is_empty():
        return weeks
    weeks = filters.with_silent_weeks(weeks, choice.source, through=span.to_on)
    if choice.source or choice.community:
        return weeks
    place = choice.town or choice.county or edition.city_code
    return judged.with_band(weeks, place, issue["issue_code"], span.to_on)


def sentences(issue: dict[str, Any], choice: filters.Choice, span: filters.Period, weeks: pl.DataFrame) -> list[str]:
    """How many and which part of all; whether it moved; how the last week stands against what was expected. HTML."""
    wide = {**choice.parameters(), "issue": None, "group": None, **span.parameters()}
    counts = span.only_known(issue_counts.asked(marts.query, **wide)).with_row_index("place", offset=1)
    found = counts.filter(pl.col("issue_code") == issue["issue_code"])
    if found.is_empty():
        return [f"{span.words()}没有登记这个事项，下面是此前的走势。"]
    row, total = found.row(0, named=True), counts["n_events"].sum()
    said = [
        f"{span.n_weeks} 周 <b>{row['n_events']:,}</b> 件，占全部事项的 <b>{row['n_events'] / total:.1%}</b>，"
        f"在 {len(counts)} 项里排第 {row['place']}。"
    ]
    steps = issue_counts.steps(marts.query, **wide)
    moved = []
    for base, word in (("n_events_before", "上期"), ("n_events_year_ago", "去年同期")):
        if row[base] is None:
            continue
        standing = growth.with_growth(counts, steps, base).row(row["place"] - 1, named=True)["standing"]
        change = wording.change(row["n_events"], row[base])
        means = f"，{growth.STANDINGS[standing]}" if standing and change.share is not None else ""
        moved.append(f"{word} {row[base]:,} 件（{change.words}{means}）")
    if moved:
        said.append("；".join(moved) + "。")
    last = weeks.row(-1, named=True)
    if last.get("expected") is not None and last["n_events"] is not None:
        verdict = (
            "高于上限，属异常"
            if last["is_alarm"]
            else "在平常范围内"
            if last["n_events"] <= last["upper_bound"]
            else "略高于上限"
        )
        said.append(
            f"最近一周（{wording.week_span(last['period_start_on'])}）{last['n_events']:,} 件，预期 {last['expected']:,.0f} 件、"
            f"上限 {last['upper_bound']:,.0f} 件：<b>{verdict}</b>。"
        )
    return said


def choose_week() -> None:
    """A week clicked in the course becomes the week looked at."""
    points = st.session_state["course"]["selection"]["points"]
    monday = pl.select(pl.lit(str(points[0]["x"])[:10]).str.to_date(strict=False)).item() if points else None
    if monday is not None and monday.weekday() == 0:
        filters.pick(week=wording.week_code(monday), weeks="1")


def draw_course(
    issue: dict[str, Any],
    weeks: pl.DataFrame,
    edition: page.Edition,
    choice: filters.Choice,
    span: filters.Period,
) -> None:
    k, title = threshold(choice), f"{issue['issue_name']} 按周件数"
    days = wording.span(weeks["period_start_on"][0], span.last_day_on)
    safe = None if filters.is_whole_city(choice) else partial(safe_course, weeks, k)
    page.chart(
        page.drawn(trend, weeks, title=title, height=300),
        weeks,
        export=safe,
        picture=(lambda: trend(disclosure.without_marks(safe()), title=title, height=300)) if safe else None,
        name=f"{filters.words(choice)} {days} 按周",
        notes=noted(edition, choice, span, range_said=days),
        hint="点一周只看那一周。",
        key="course",
        labels={"period_start_on": "周起始日", "is_alarm": "超出上限"},
        on_select=choose_week,
    )


# ---------------------------------------------------------------- where


def places(
    issue: dict[str, Any],
    edition: page.Edition,
    choice: filters.Choice,
    span: filters.Period,
    name: str,
    notes: list[str],
) -> None:
    """The places one or two levels below as a small map and ranked; as safe as on 热点地图. A bar goes into its place."""
    inner = choice.community or choice.town or choice.county
    known = marts.query("places")
    whole = dict.fromkeys(known.columns) | {"place_code": edition.city_code, "place_level": "city"}
    place = known.row(by_predicate=pl.col("place_code") == inner, named=True) if inner else whole
    if place["place_level"] == "community":
        page.quiet("已经选到社区村，没有更小的区域。")
        return
    level = BELOW[str(place["place_level"])]
    word = wording.PLACE_LEVELS[level]
    measure = filters.choose("按", MEASURES, key="measure", kind="buttons")
    everywhere = area.counted(choice, span, edition.city_code, with_rates=measure == "rate")
    frame = place_counts.inside_of(everywhere, level, place)
    if measure == "rate" and frame["rate"].is_null().all():
        page.quiet(f"没有{word}的常住人口，算不了每万人件数；下面是件数。")
        measure = "count"
    frame = place_counts.valued(frame, measure)
    geometry = area.boundaries(level, place)
    missing = place_counts.without_boundary(frame, geometry)
    value, unit = ("n_events", "件") if measure == "count" else ("rate", "件/万人")
    if place["place_level"] == "city":
        said = [wording.place({**row, "place_level": level}) for row in frame.iter_rows(named=True)]
        bars = frame.with_columns(pl.Series("label", said, dtype=pl.String))
    else:
        bars = frame.with_columns(pl.col("place_name").alias("label"))
    bars = bars.drop_nulls(value).filter(pl.col("n_events") > 0).sort(value, "label", descending=[True, False])
    columns = ["place_name", "n_events", "n_events_before", "change_share", "rate"]
    export = frame.select(name for name in frame.columns if name.removesuffix(disclosure.MARK) in columns)
    unplaced = place_counts.not_placed(everywhere, level, place)
    labels = {"n_events_before": "上期", "change_share": "较上期", "rate": "每万人"}
    said_of = [
        f"按登记日期计，{span.words()}，上期为之前等长的 {span.n_weeks} 周。",
        f"另有{'' if unplaced.startswith('一') else ' '}{unplaced}。" if unplaced else "",
        area.not_on_the_map(missing, level, geometry),
        disclosure.note(threshold(choice)),
    ]
    about: dict[str, Any] = {"notes": edition.notes(*said_of), "labels": labels}
    left, right = st.columns([6, 5], gap="large")
    title = f"各{word}{MEASURES[measure]}"
    with right:
        if bars.is_empty():
            page.quiet(f"没有哪个{word}的件数多到可以列出。")
        else:
            shown = bars.head(N_PLACES).select(
                "label", pl.col(value).round(1).alias("value"), pl.col("place_code").alias("code")
            )
            heading = f"{title}（前 {len(shown)}）"
            page.chart(
                page.drawn(ranking, shown, title=heading, unit=unit), export, name=f"{name} {title}", key="place_bars",
                on_select=_go_into, hint="点一条进入那个地方。", **about,
            )  # fmt: skip
    with left:
        if place_counts.can_be_drawn(missing, geometry):
            drawn = frame.filter(pl.col("place_code").is_in(list(geometry)))
            figure = page.drawn(
                _map,
                drawn,
                geometry,
                title=title,
                classes=place_counts.classes_of(drawn, measure),
                label=MEASURE_LABELS[measure],
            )
            page.chart(figure, export, name=f"{name} {title}图", key="place_map", **about)
        else:
            page.quiet(f"没有{word}边界，画不了图。")
    asked = {"place": inner} if inner else {}
    chosen = {key: code for key, code in (("issue", choice.issue), ("source", choice.source)) if code}
    when = {"weeks": str(span.n_weeks), "week": wording.week_code(span.to_on)}
    st.page_link(
        "views/hotspots.py",
        label="到「热点地图」细看",
        icon=":material/chevron_right:",
        query_params={**when, **chosen, **asked},
    )


def _map(shown: pl.DataFrame, geometry: dict[str, str], *, title: str, classes: Classes, label: str) -> go.Figure:
    return locator_map(shown, geometry, title=title, measure_label=label, classes=classes, max_labels=14, height=440)


def _go_into() -> None:
    code = clicked("place_bars")
    if code:
        row = marts.query("places").row(by_predicate=pl.col("place_code") == code, named=True)
        within = {name: row[f"{name}_code"] for name in ("county", "town")}
        filters.pick(**within, community=code if row["place_level"] == "community" else None)


# ---------------------------------------------------------------- of what


def parts(
    issue: dict[str, Any],
    edition: page.Edition,
    choice: filters.Choice,
    span: filters.Period,
    name: str,
    notes: list[str],
) -> None:
    """Source categories, channels, words, matters. A category or word chosen narrows the items below."""
    scope = {**choice.parameters(), **span.parameters()}
    k, is_place = threshold(choice), not filters.is_whole_city(choice)
    found = marts.query("issue_parts", **scope, n_parts=N_PARTS)
    columns = st.columns(2, gap="large")
    for column, (kind, heading) in zip(columns, PARTS.items(), strict=True):
        frame = found.filter(pl.col("part_kind") == kind).select(
            in_words("part_name").alias("label"), pl.col("n_events").alias("value"), pl.col("part_name").alias("code")
        )
        frame = frame if kind == "category" else frame.drop("code")
        if len(frame):
            with column:
                _bars(frame, f"{heading}（前 {len(frame)}）", f"part_{kind}", k if is_place else 0, name, notes,
                      _narrow("category") if kind == "category" else None)  # fmt: skip
    with columns[0]:
        said = [hiding(choice), *noted(edition, choice, span, before=True, hides=False)]
        words(scope, k, name, said)
    with columns[1]:
        same_matters(choice, span, name, [disclosure.note(k), *noted(edition, choice, span, hides=False)])


def in_words(column: str) -> pl.Expr:
    """hotline·… → 12345热线·…"""
    return pl.col(column).str.replace_many(list(wording.SOURCES), list(wording.SOURCES.values()))


def _narrow(key: str) -> Callable[[], None]:
    """A bar clicked narrows the list of items."""

    def choose() -> None:
        code = clicked(f"part_{key}")
        if code:
            filters.pick(**{key: code})

    return choose


def _bars(
    frame: pl.DataFrame, title: str, key: str, k: int, name: str, notes: list[str], on_select: Callable[[], None] | None
) -> None:
    """Bars; where k is not 0, small counts do not leave the screen."""
    plain = frame.select("label", "value")
    page.chart(
        page.drawn(ranking, frame, title=title),
        plain,
        export=partial(safe_parts, plain, k) if k else None,
        picture=partial(parts_picture, plain, k, title) if k else None,
        name=f"{name} {title}",
        notes=notes,
        hint="点一条，下面的具体事项只列它。" if on_select else "",
        key=key,
        labels={"label": "名称", "value": "件数"},
        on_select=on_select,
    )


def words(scope: dict[str, Any], k: int, name: str, notes: list[str]) -> None:
    """What people say of it: words with the items that carry them, now and before; what is new this week is said first."""
    rows = marts.query("issue_words", **scope).head(N_PLACES)
    new = matters.safe_words(marts.query("emerging", week=scope["to_on"], county=scope["county"], group=None)).filter(
        pl.col("issue_code") == scope["issue"]
    )
    for row in new.iter_rows(named=True):
        st.html(
            f'<p class="said">新词 <b>{wording.escape(row["word"])}</b>：{wording.escape(matters.spoken(row, scope["to_on"]))}</p>'
        )
    if rows.is_empty():
        page.quiet("这些件里没有事项分类的提示词。")
        return
    before = pl.col("n_events_before")
    frame = rows.select(
        pl.col("word").alias("label"), pl.col("n_events").alias("value"), pl.col("word").alias("code"),
        pl.when(before >= wording.SMALL_BASE).then(pl.col("n_events") / before - 1).alias("change"),
    )  # fmt: skip
    title = f"常说的词（前 {len(rows)}）"
    enough = rows["n_events"] >= k
    page.chart(
        page.drawn(ranking, frame, title=title),
        rows.filter(enough),
        picture=lambda: ranking(frame.filter(enough).drop("code", "change"), title=title),
        export=partial(
            disclosure.suppress, rows.filter(enough), measures=["n_events", "n_events_before"], k=k, within=()
        ),
        name=f"{name} 常说的词",
        notes=[WORDS_RULE, *notes],
        hint="点一条，下面的具体事项只列它。",
        key="part_word",
        labels={"word": "词", "n_events_before": "上期"},
        on_select=_narrow("word"),
    )


def same_matters(choice: filters.Choice, span: filters.Period, name: str, notes: list[str]) -> None:
    """Concrete matters of this issue with items in the period."""
    rows = marts.query("issue_matters", **choice.parameters(), **span.parameters(), n_rows=N_MATTERS)
    rows = rows.filter(rows["n_so_far"] >= disclosure.thresholds(rows))
    page.section("同一事项", f"这段时间有新增的 {len(rows)} 项" if len(rows) else "")
    if rows.is_empty():
        page.quiet("这段时间没有累计满 5 件、又有新增的同一事项。")
        return
    safe = disclosure.suppress(rows, measures=["n_events"], k=disclosure.thresholds(rows), within=())
    where = pl.Series("where", [wording.place(row) for row in rows.iter_rows(named=True)], dtype=pl.String)
    shown = safe.with_columns(where).select(
        "title", "where", "n_events", "n_so_far", "first_on", "n_events" + disclosure.MARK
    )
    labels = {"title": "事项", "where": "地方", "n_events": "新增", "n_so_far": "累计", "first_on": "最早"}
    page.grid(shown, key="issue_matters", labels=labels, height=290, widths={"title": 180})
    page.foot(shown, name=f"{name} 同一事项", notes=notes, key="issue_matters_foot", labels=labels)
    query = {"week": wording.week_code(span.to_on), "part": matters.TAB}
    st.page_link(
        "views/early_warnings.py", label="到「同一事项」看来龙去脉", icon=":material/chevron_right:", query_params=query
    )


# ---------------------------------------------------------------- who


def units(
    issue: dict[str, Any],
    edition: page.Edition,
    choice: filters.Choice,
    span: filters.Period,
    name: str,
    notes: list[str],
) -> None:
    """The units with their timeliness and satisfaction; a row narrows the items below."""
    rows = marts.query("issue_units", **choice.parameters(), **span.parameters())
    if rows.is_empty():
        page.quiet("这些事项没有写明承办单位。")
        return
    k = 0 if filters.is_whole_city(choice) else threshold(choice)
    safe = topic_counts.safe_rates(rows, "in_time", "satisfied", "returned", k=k, by="unit_name")
    safe = safe.with_columns(pl.col("^.*_share__mark$").replace("—", topic_counts.FEW))  # none rated: too few as well
    labels = {**topics.LABELS, "returned_share": "退回率", "returned_low": "退回率下限", "returned_high": "退回率上限",
              "n_returned": "退回", "n_return_known": "有退回记录"}  # fmt: skip
    shares = ["in_time_share", "satisfied_share", "returned_share"]
    page.section("承办单位", f"{len(rows)} 个，点一行，下面的具体事项只列它")
    page.grid(
        topics.with_marks(topics.in_percent(safe, *shares), ["unit_name", "n_events", *shares]),
        key="issue_units", labels=labels, height=330, on_select=lambda: _choose_unit(safe["unit_name"].to_list()),
    )  # fmt: skip
    hidden = disclosure.note(k) if k else ""  # said once: here the screen hides, too
    said = [PAST_RULE, *filter(None, [hidden]), *noted(edition, choice, span, hides=False)]
    page.foot(safe, name=f"{name} 承办单位", notes=said, key="issue_units_foot", labels=labels)
    st.page_link("views/service.py", label="到「办理质效」看单位排名", icon=":material/chevron_right:")


def _choose_unit(names: list[str]) -> None:
    rows = st.session_state["issue_units"]["selection"]["rows"]
    if rows:
        filters.pick(unit=names[rows[0]])


# ---------------------------------------------------------------- when


def months(
    issue: dict[str, Any],
    edition: page.Edition,
    choice: filters.Choice,
    span: filters.Period,
    name: str,
    notes: list[str],
) -> None:
    """Year × month, what is usual, what to expect of the next month."""
    rows = marts.query("issue_months", **choice.parameters(), data_from=edition.data_from, to_on=span.to_on)
    if len(rows) < 12 or rows["n_events"].sum() < topic_counts.MIN_ITEMS:
        page.quiet("有数据的不满一年，或件数太少，还看不出哪几个月多。")
        return
    told = rows.with_columns((pl.col("n_events") / pl.col("n_weeks")).alias("per_week"))
    usual = told.group_by("month_of_year").agg(
        pl.col("n_weeks").sum(),
        pl.col("n_events").sum(),
        (pl.col("n_events").sum() / pl.col("n_weeks").sum()).alias("per_week"),
    )
    middle = float(usual["per_week"].mean())  # type: ignore[arg-type]
    st.html(f'<ul class="facts"><li>{wording.escape(coming(told, usual, span))}</li></ul>')
    k = 0 if filters.is_whole_city(choice) else threshold(choice)
    cells = pl.concat(
        [
            usual.sort("month_of_year").select(
                pl.lit("历年平均").alias("label"), "month_of_year", "n_weeks", "n_events", "per_week"
            ),
            told.sort("year", "month_of_year", descending=[True, False]).select(
                pl.format("{}年", "year").alias("label"), "month_of_year", "n_weeks", "n_events", "per_week"
            ),
        ]
    ).with_columns((pl.col("per_week") / middle).alias("index"))
    drawn = cells.with_columns(pl.lit(None, pl.String).alias("mark"))
    title = f"{issue['issue_name']} 民情月历"
    days = wording.span(edition.data_from, span.last_day_on)
    page.chart(
        page.drawn(month_calendar, drawn, title=title),
        cells,
        export=partial(_safe_months, cells, k) if k else None,
        picture=(lambda: month_calendar(_safe_drawn(_safe_months(cells, k)), title=title)) if k else None,
        name=f"{filters.words(choice)} {days} 民情月历",
        notes=["一周按它的星期四归月；颜色按历年各月的平均比。", *noted(edition, choice, span, range_said=days)],
        key="issue_months",
        labels={
            "label": "年份",
            "month_of_year": "月份",
            "n_weeks": "周数",
            "per_week": "平均每周件数",
            "index": "平常的倍数",
        },
    )


def _safe_months(cells: pl.DataFrame, k: int) -> pl.DataFrame:
    return disclosure.suppress(
        cells, measures=["n_events"], k=k, within=(("label",), ("month_of_year",)),
        derived={"per_week": ["n_events"], "index": ["n_events"]},
    )  # fmt: skip


def _safe_drawn(safe: pl.DataFrame) -> pl.DataFrame:
    return safe.select(
        "label", "month_of_year", "per_week", "index", pl.col("n_events" + disclosure.MARK).alias("mark")
    )


def coming(told: pl.DataFrame, usual: pl.DataFrame, span: filters.Period) -> str:
    """12月往年平均每周 60 件，是平常月份的 1.5 倍；按近一年的水平推算，今年 12月每周约 55 件（历年同月推算 40—70 件）。

    Every past year says how much busier its month was than its year; the level of the last year times that, year by year,
    gives the span.
    """
    day = span.last_day_on
    month = day.month % 12 + 1
    of_month = usual.filter(pl.col("month_of_year") == month)
    if of_month.is_empty():
        return f"往年没有 {month}月的数据。"
    middle = float(usual["per_week"].mean())  # type: ignore[arg-type]
    per_week = of_month["per_week"][0]
    said = f"{month}月历年平均每周 {per_week:,.1f} 件，是平常月份的 {per_week / middle:.1f} 倍" if middle else ""
    by_year = told.group_by("year").agg(
        (pl.col("n_events").sum() / pl.col("n_weeks").sum()).alias("level"), pl.col("n_weeks").sum()
    )
    ratios = (
        told.filter((pl.col("month_of_year") == month) & (pl.col("n_weeks") >= 3))
        .join(by_year.filter(pl.col("n_weeks") >= 40).select("year", "level"), on="year")
        .filter(pl.col("level") > 0)
        .select(pl.col("per_week") / pl.col("level"))
        .to_series()
    )
    latest = told.sort("year", "month_of_year").tail(12)
    level = int(latest["n_events"].sum()) / int(latest["n_weeks"].sum())
    if len(ratios) < 2:
        return f"{said}；往年同月不足两年，不推算。"
    low, high, mean = (float(one) * level for one in (ratios.min(), ratios.max(), ratios.mean()))  # type: ignore[arg-type]
    return f"{said}；按近一年的水平推算，下个月（{month}月）每周约 {mean:,.0f} 件，历年同月折算在 {low:,.0f}—{high:,.0f} 件之间。"


# ---------------------------------------------------------------- again, and what was done


def again(
    issue: dict[str, Any],
    edition: page.Edition,
    choice: filters.Choice,
    span: filters.Period,
    name: str,
    notes: list[str],
) -> None:
    recurring.tab(choice, span, name, notes)


def done(
    issue: dict[str, Any],
    edition: page.Edition,
    choice: filters.Choice,
    span: filters.Period,
    name: str,
    notes: list[str],
) -> None:
    """Warnings of the past year with where they stand; mediations, court cases and ledgers; what came after mediation."""
    left, right = st.columns([7, 5], gap="large")
    with left:
        signals = marts.query("issue_signals", **choice.parameters(), week=span.to_on)
        page.section("预警", f"近一年 {len(signals)} 条" if len(signals) else "")
        if signals.is_empty():
            page.quiet(f"近一年没有{'只关于这里的、' if choice.town else ''}这个事项的预警。")
        for signal in casework.with_status(signals, casework.current()).head(N_SIGNALS).iter_rows(named=True):
            st.html(
                f'<div class="warning">{wording.level_tag(signal["signal_level"])}<p>{wording.escape(wording.week_name(signal["week_start_on"]))}：'
                f"{wording.escape(wording.spoken(signal))} {casework.tag(signal, short=True)}</p></div>"
            )
            links(signal, "warning")
        if len(signals) > N_SIGNALS:
            page.quiet(f"只列最近的 {N_SIGNALS} 条，其余见「预警清单」。")
    with right:
        measures(choice, span, name, notes)


def measures(choice: filters.Choice, span: filters.Period, name: str, notes: list[str]) -> None:
    rows = marts.query("issue_measures", **choice.parameters(), **span.parameters())
    page.section("调解、诉讼和台账", f"{span.n_weeks} 周内开始的" if len(rows) else "")
    labels = {"measure_kind": "办法", "n_events": "开始", "n_ended": "已了结", "n_done": "成功"}
    if rows.is_empty():
        page.quiet("这段时间没有与这个事项相连的调解、诉讼或台账。")
    else:
        k = 0 if filters.is_whole_city(choice) else threshold(choice)
        told = rows.with_columns(pl.col("measure_kind").replace(DONE))
        safe = disclosure.suppress(told, measures=["n_events", "n_ended", "n_done"], k=k, within=())
        page.table(
            safe,
            [
                page.Column("measure_kind", label="办法"),
                *(page.Column(one, "number", labels[one]) for one in list(labels)[1:]),
            ],
        )
        page.foot(
            safe,
            name=f"{name} 调解诉讼台账",
            notes=[
                "按开始日期计；台账按事项代码对应。",
                "台账没有社区村一级，按所在镇街计。" if choice.community else "",
                *notes,
            ],
            key="issue_measures",
            labels=labels,
        )
    after = marts.query("mediation_recurrence", last_on=span.last_day_on, county=choice.county, dispute=None)
    of_issue = after.filter(pl.col("issue_code") == choice.issue)
    if len(of_issue) and of_issue["n_mediated"][0] >= topic_counts.MIN_ITEMS:
        row = of_issue.row(0, named=True)
        st.html(
            f'<ul class="facts"><li>{"以下按全县：" if choice.town else ""}近两年调解成功 {row["n_mediated"]:,} 件，此后 90 天同一社区村又有同一事项的占 '
            f"{row['n_again'] / row['n_mediated']:.0%}（之前 90 天有的占 {row['n_before'] / row['n_mediated']:.0%}）。</li></ul>"
        )


# ---------------------------------------------------------------- the list of items, narrowed


def narrowed(scope: dict[str, Any]) -> dict[str, str | None]:
    """unit, category and word chosen for the list of items; None = all. What is offered is what there is."""
    found = marts.query("issue_parts", **scope, n_parts=N_OPTIONS)
    offered = {
        "unit": ("承办单位", "全部单位", found.filter((pl.col("part_kind") == "unit") & (pl.col("part_name") != "未填承办单位"))["part_name"].to_list()),
        "category": ("来源分类", "全部分类", found.filter(pl.col("part_kind") == "category")["part_name"].to_list()),
        "word": ("说到的词", "不限", marts.query("issue_vocabulary", issue=scope["issue"])["word"].to_list()),
    }  # fmt: skip
    chosen = {}
    for column, (key, (label, all_of_them, names)) in zip(st.columns([1, 1, 1, 1])[:3], offered.items(), strict=True):
        with column:
            shown = pl.Series("name", names, dtype=pl.String).to_frame().select(in_words("name")).to_series().to_list()
            options = {filters.ALL: all_of_them, **dict(zip(names, shown, strict=True))}
            chosen[key] = filters.choose(label, options, key=key) or None
    return chosen
