"""诉求群体: what do those concerned by a set of issues ask for, city-wide and by county? Issues counted, nobody listed.

A group (sql/seeds/concern_group.csv) is a set of issues; its figures are sums over them, judged as any other series.
"""

from datetime import date

import polars as pl
import streamlit as st

from app import disclosure, filters, issue_counts, marts, page, warned, wording
from app.charts.series import trend
from app.concern_counts import FEW, MIN_ITEMS, SHOWN, safe_figures
from app.parts import judged
from app.parts.course import safe_course
from app.parts.issue import safe_issues, with_change
from app.parts.warning import links
from app.wording import spoken

N_WEEKS = 13
NOT_A_ROSTER = "按事项归类的总量，不是人员名单，也不识别任何人。"
MEANING = (
    f"{NOT_A_ROSTER}一个群体是一组事项（例如“购房者”是问题楼盘和办证难），一个事项最多归一类；退役军人事项只按政策事项统计，"
    "不列为群体。"
)
RULE = (
    f"近 {N_WEEKS} 周不足 {MIN_ITEMS} 件的写作“{FEW}”。预期和上限与其他事项同法；单看一个群体、一个地方，没有异常时约一百周"
    "碰巧越限一次，是否预警以「预警」为准。"
)
LABELS = {
    "observed": "本周",
    "n_events": f"近{N_WEEKS}周",
    "status": "判定",
    "course": f"近{N_WEEKS}周走势",
    "n_signals": "预警",
}
VERDICTS = {**wording.VERDICTS, "alarm": f"▲ {wording.VERDICTS['alarm']}"}


def tab(edition: page.Edition) -> None:
    """The groups of one place in one week, and one of them."""
    week_column, county_column, concern_column, _ = st.columns([1.6, 1, 1.2, 1.6])
    with week_column:
        monday = filters.week(edition.data_from, edition.last_full_week)
    with county_column:
        county = filters.county()
    week = filters.need_week(monday, edition.last_full_week)
    st.html(f'<p class="note">{MEANING}</p>')
    if not judged.was_judged(week):
        page.quiet(judged.not_judged(week, edition.judged_from))
        return
    issues = marts.query("concern_groups")
    figures = safe_figures(marts.query("concern_figures", week=week), issues)
    place = county or edition.city_code
    here = figures.filter(pl.col("place_code") == place)
    with concern_column:
        names = here["concern_group"].to_list()
        concern = filters.choose("诉求群体", {name: name for name in names}, key="concern", say_default=True)
    signals = warned.given(marts.query, week).filter((pl.col("county_code") == county) if county else True)
    overview(here, signals.join(issues.select("issue_code", "concern_group"), on="issue_code"), week, edition)
    one_group(concern, figures, issues.filter(pl.col("concern_group") == concern), place, signals, week, edition)


def choose_row() -> None:
    rows = st.session_state["concerns"]["selection"]["rows"]
    if rows:
        st.session_state["concern"] = st.session_state["_concerns_shown"][rows[0]]


def table(figures: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """These columns with their marks; the verdict in words."""
    verdict = pl.coalesce("status" + disclosure.MARK, pl.col("status").replace(VERDICTS)).alias("status")
    marks = [name + disclosure.MARK for name in SHOWN if name != "status"]
    return figures.with_columns(verdict).select(*columns, *marks)


def overview(here: pl.DataFrame, signals: pl.DataFrame, week: date, edition: page.Edition) -> None:
    """All groups of one place, this week; click one to look at it."""
    where = here["place_name"][0]
    page.section("各诉求群体", f"{where}，{wording.week_name(week)}，点一行看这一类")
    counted = signals.group_by("concern_group").agg(pl.col("signal_id").n_unique().cast(pl.Int64).alias("n_signals"))
    shown = here.join(counted, on="concern_group", how="left", maintain_order="left").with_columns(
        pl.col("n_signals").fill_null(0)
    )
    st.session_state["_concerns_shown"] = shown["concern_group"].to_list()
    is_city = here["place_level"][0] == "city"
    columns = ["concern_group", *SHOWN, "n_signals"]
    drawn = pl.when(~pl.col("is_few")).then("course").alias("course")
    page.grid(
        table(shown.with_columns(drawn), *columns, *(["course"] if is_city else [])),
        key="concerns", labels=LABELS, on_select=choose_row, height=460,
    )  # fmt: skip
    page.foot(
        table(shown, *columns),
        name=f"诉求群体 {where} {wording.week_name(week)}",
        notes=edition.notes(NOT_A_ROSTER, RULE, "" if is_city else disclosure.note()),
        key="concerns_foot",
        labels=LABELS,
    )


def one_group(
    concern: str,
    figures: pl.DataFrame,
    issues: pl.DataFrame,
    place: str,
    signals: pl.DataFrame,
    week: date,
    edition: page.Edition,
) -> None:
    """One group in one place: its course, its counties or the place's share, its issues, its warnings."""
    of_group = figures.filter(pl.col("concern_group") == concern)
    here = of_group.row(by_predicate=pl.col("place_code") == place, named=True)
    is_city = here["place_level"] == "city"
    page.section(concern, f"{here['place_name']}；包括：{'、'.join(issues['issue_name'])}")
    if here["is_few"]:
        page.quiet(f"{here['place_name']}近 {N_WEEKS} 周的这类事项不足 {MIN_ITEMS} 件，{FEW}，不列数字。")
    else:
        left, right = st.columns([3, 2], gap="large")
        with left:
            course(concern, here, disclosure.threshold(*issues["issue_code"]), week, edition)
        with right:
            sub_issues(concern, here, issues, week, edition)
    if is_city:
        by_county(concern, of_group.filter(pl.col("place_level") == "county"), week, edition)
    listed(signals.filter(pl.col("issue_code").is_in(issues["issue_code"].to_list())))


def course(concern: str, here: dict, k: int, week: date, edition: page.Edition) -> None:
    """Its weeks with what was expected; below the city with small counts hidden, on the screen as in the export."""
    series = judged.without_gaps(marts.query("concern_course", place=here["place_code"], concern=concern, week=week))
    is_city = here["place_level"] == "city"
    shown = series if is_city else safe_course(series, k)
    title = f"{concern} {here['place_name']} 按周"
    page.chart(
        page.drawn(trend, disclosure.without_marks(shown), title=title, height=320),
        shown,
        name=f"{title} 至{wording.week_name(week)}",
        notes=edition.notes(
            "阴影带为预期到上限，三角为超出上限的周。",
            NOT_A_ROSTER,
            "" if is_city else f"{disclosure.note(k)}图上断开处是隐去的周。",
        ),
        key="concern_course",
        labels={"period_start_on": "周起始日", "is_alarm": "超出上限"},
    )


def sub_issues(concern: str, here: dict, issues: pl.DataFrame, week: date, edition: page.Edition) -> None:
    """Of which issues it consists, in the last 13 weeks and the 13 before; each with the way to 高频事项."""
    is_city = here["place_level"] == "city"
    choice = filters.Choice(county=None if is_city else here["place_code"])
    span = filters.period(N_WEEKS, week, edition.data_from, edition.last_full_week, None)
    counts = issue_counts.asked(marts.query, **choice.parameters(), **span.parameters())
    counts = with_change(span.only_known(counts.filter(pl.col("issue_code").is_in(issues["issue_code"].to_list()))))
    safe = safe_issues(counts.select("issue_code", "issue_name", "n_events", "n_events_before", "change_share"), choice)
    labels = {"n_events": f"近{N_WEEKS}周", "n_events_before": "此前13周", "change_share": "变化"}
    page.grid(safe.select(pl.exclude("issue_code", "^change_share.*$")), key="concern_issues", labels=labels)
    page.foot(
        safe,
        name=f"{concern}的事项 {here['place_name']} {span.words()}",
        notes=edition.notes(f"按登记日期计，{span.words()}。", "" if is_city else disclosure.note()),
        key="concern_issues_foot",
        labels=labels,
    )
    at = {} if is_city else {"county": here["place_code"]}
    with st.container(horizontal=True, gap="small"):
        for code, name in sorted(safe.select("issue_code", "issue_name").iter_rows()):
            asked = {"week": wording.week_code(week), "weeks": str(N_WEEKS), "issue": code, **at}
            st.page_link("views/issues.py", label=name, icon=":material/chevron_right:", query_params=asked)


def by_county(concern: str, counties: pl.DataFrame, week: date, edition: page.Edition) -> None:
    page.section("分县区", f"{concern}，{wording.week_name(week)}")
    shown = table(counties.sort("place_code"), "place_name", *SHOWN)
    page.grid(shown, key="concern_counties", labels=LABELS)
    page.foot(
        shown,
        name=f"{concern}分县区 {wording.week_name(week)}",
        notes=edition.notes(RULE, disclosure.note()),
        key="concern_counties_foot",
        labels=LABELS,
    )


def listed(signals: pl.DataFrame) -> None:
    """The warnings of its issues, to read."""
    page.section("这类事项的预警", f"{len(signals)} 条" if len(signals) else "")
    if signals.is_empty():
        page.quiet("本周没有这类事项的预警。")
    for signal in signals.iter_rows(named=True):
        st.html(
            f'<div class="warning">{wording.level_tag(signal["signal_level"])}'
            f"<p>{wording.escape(spoken(signal))}</p></div>"
        )
        links(signal, "warning", "items", "map")
