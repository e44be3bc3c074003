"""Several places looked at together: which ones, what people report there, week by week, and the way to the items.

Two selections that differ in one place tell that place's counts. So a figure of a selection is the sum of what each of
its places shows by itself, and is hidden where one of them hides it: no selection, and no difference of two, says more
than the places say one by one. What one place shows by itself: nothing where the map hides its count under this filter
(the map and this block are on one page), else its issues and its weeks, each protected under its own total.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import polars as pl
import streamlit as st

from app import address, disclosure, filters, marts, page, wording
from app.charts.series import trend
from app.parts.course import safe_course
from app.parts.issue import with_change

MOST = 300
"""More codes than this make an address too long for some browsers."""
N_LINKS = 6
LEAST_WEEKS = 0.25
"""A course of which less can be shown is a sentence."""
LABELS = {"n_events_before": "上期", "change_share": "变化"}


def chosen(codes: Sequence[str]) -> list[str]:
    """The places of ?places= that are among `codes`; the widget of `choose` follows a changed address."""
    in_url = st.query_params.get("places", "")
    if in_url != st.session_state.get("_url_places") or "places" not in st.session_state:
        st.session_state["places"] = in_url.split(",")
    known = [code for code in codes if code in set(st.session_state["places"])][:MOST]
    st.session_state["places"] = known
    wanted = ",".join(known)
    if wanted:
        address.write("places", wanted)
    else:
        address.write("places", None)
    st.session_state["_url_places"] = wanted
    return known


def set_chosen(codes: list[str]) -> None:
    """In a callback of the map: these places are the chosen ones."""
    st.session_state["places"] = codes
    st.session_state["_url_places"] = st.query_params.get("places", "")


def choose(places: pl.DataFrame, level: str) -> None:
    """The same choice without a mouse: a list to type into."""
    names = {row["place_code"]: wording.place({**row, "place_level": level}) for row in places.iter_rows(named=True)}
    st.multiselect(
        f"一起看几个{wording.PLACE_LEVELS[level]}（也可在图上框选、圈选）",
        list(names),
        format_func=lambda code: names.get(code, code),
        key="places",
        placeholder="输入名称选择",
    )


def block(
    codes: Sequence[str], names: Mapping[str, str], level: str, place: dict, choice: filters.Choice, span: filters.Period,
    notes: list[str], safe_counts: pl.DataFrame,
) -> None:  # fmt: skip
    """The issues of the chosen places, or of the place looked at, and their course; a click on an issue filters the map.

    safe_counts: what the map shows of each place (area.counted).
    """
    own = None if place["place_level"] == "city" else place["place_code"]
    scope = {
        **choice.parameters(),
        **span.parameters(),
        "inside": ",".join(codes) or own,
        "place_level": level if codes else place["place_level"],
    }
    where = _where(codes, names, level, place)
    page.section(f"{where}：反映最多的事项", "点一个事项，地图只看它" if not choice.issue else "")
    members = codes or [place["place_code"]]
    if hides_one(safe_counts, members):
        page.quiet(
            "选中的区域里有隐去的件数，合计不显示；去掉它们或放宽时段再看。"
            if codes
            else "这里的件数隐去，事项和按周件数不显示；放宽时段或筛选再看。"
        )
        _links(members, names, level, place, choice, span)
        return
    counts = span.only_known(marts.query("issues_inside", **scope))
    if counts["n_events"].sum() == 0:
        page.quiet("这里在这个时段和筛选下没有登记的事项。")
        return
    safe = page.drawn(issues_together, counts, choice, hides_before=hides_one(safe_counts, members, "n_events_before"))
    left, right = st.columns([5, 8], gap="large")
    with left:
        st.session_state["_issues_inside"] = safe["issue_code"].to_list()
        marks = [name for name in safe.columns if name.endswith(disclosure.MARK) and "share" not in name]
        page.grid(
            safe.select("issue_name", "n_events", "n_events_before", "change_share", *marks),
            key="issues_inside",
            labels=LABELS,
            height=330,
            on_select=None if choice.issue else _take_issue,
        )
        if choice.issue:
            st.button(
                "看全部事项",
                icon=":material/arrow_back:",
                type="tertiary",
                on_click=filters.pick,
                kwargs={"issue": None},
            )
        about = f"{where} {filters.words(choice)} {span.words()}"
        page.foot(safe.drop("group_code"), name=f"事项 {about}", notes=notes, key="issues_inside_foot", labels=LABELS)
    with right:
        since = span.to_on - timedelta(weeks=max(span.n_weeks, 52) - 1)
        known = filters.covered_weeks(choice.source)["week_start_on"]
        covered = known.filter(known.is_between(since, span.to_on)).to_list()
        weeks = marts.query("weeks_inside", **scope, since_on=since)
        k = disclosure.threshold(choice.issue, choice.group)
        safe_weeks = page.drawn(course_together, weeks, covered, k)
        if safe_weeks["n_events"].count() < LEAST_WEEKS * len(covered):
            page.quiet("按周件数大多隐去，画不成走势。去掉件数少的区域，或放宽事项再看。")
        else:
            page.chart(
                page.drawn(trend, disclosure.without_marks(safe_weeks), title=f"{where} 按周件数", height=330),
                safe_weeks,
                name=f"{about} 按周",
                notes=notes,
                key="course_inside",
                labels={"period_start_on": "周起始日"},
            )
    _links(members, names, level, place, choice, span)


def _where(codes: Sequence[str], names: Mapping[str, str], level: str, place: dict) -> str:
    if not codes:
        return filters.place_name(None) if place["place_level"] == "city" else str(place["place_name"])
    if len(codes) == 1:
        return names[codes[0]]
    return f"选中的 {len(codes)} 个{wording.PLACE_LEVELS[level]}"


def hides_one(safe_counts: pl.DataFrame, codes: Sequence[str], measure: str = "n_events") -> bool:
    """Does the map hide the count of one of these places?"""
    of_them = safe_counts.filter(pl.col("place_code").is_in(list(codes)))
    return bool(of_them[measure + disclosure.MARK].is_not_null().any())


def issues_together(counts: pl.DataFrame, choice: filters.Choice, *, hides_before: bool = False) -> pl.DataFrame:
    """The issues of all places, most first, as far as each place shows its own. counts: query issues_inside.

    hides_before: the map hides how many one of the places had before; then that column is hidden.
    """
    measures = ["n_events", "n_events_before"]
    parts = [
        disclosure.suppress(
            part,
            measures=measures,
            k=disclosure.thresholds(part, choice.group),
            within=(("place_code",),),
            small_totals=True,  # where k of an issue is higher, the map may show a total below it
        )
        for part in counts.partition_by("place_code")
    ]
    safe = _sums_of_shown(parts, ["issue_code", "issue_name", "group_code"], measures)
    before = "n_events_before" + disclosure.MARK
    if hides_before:
        safe = safe.with_columns(
            pl.lit(None, pl.Int64).alias("n_events_before"), pl.lit(disclosure.HIDDEN).alias(before)
        )
    hidden = pl.any_horizontal(pl.col(f"^.*{disclosure.MARK}$").is_not_null())
    safe = with_change(safe).with_columns(
        pl.when(hidden).then(pl.lit(disclosure.HIDDEN)).alias("change_share" + disclosure.MARK)
    )
    there = (pl.col("n_events") > 0) | pl.col("n_events" + disclosure.MARK).is_not_null()
    return disclosure.without_order(safe.filter(there), "n_events", "issue_code")


def course_together(weeks: pl.DataFrame, covered: Sequence[date], k: int) -> pl.DataFrame:
    """The weeks of all places, as far as each place shows its own. weeks: query weeks_inside; covered: those with data."""
    every = pl.DataFrame({"period_start_on": covered}, schema={"period_start_on": pl.Date})
    parts = [
        safe_course(
            every.join(part, on="period_start_on", how="left").select(
                "period_start_on", pl.col("n_events").fill_null(0)
            ),
            k,
        )
        for part in weeks.partition_by("place_code")
    ]
    safe = _sums_of_shown(parts, ["period_start_on"], ["n_events"]).sort("period_start_on")
    return safe.upsample("period_start_on", every="1w")  # a gap of the data is a gap of the line


def _sums_of_shown(parts: Iterable[pl.DataFrame], by: Sequence[str], measures: Sequence[str]) -> pl.DataFrame:
    """The sum over places; hidden where it is hidden in one of them. A single place keeps its own marks (<5)."""
    parts = list(parts)
    columns = []
    for name in measures:
        mark = pl.col(name + disclosure.MARK)
        hidden, said = mark.is_not_null().any(), mark.first() if len(parts) == 1 else pl.lit(disclosure.HIDDEN)
        unknown = hidden | pl.col(name).is_null().all()
        columns += [
            pl.when(~unknown).then(pl.col(name).sum()).alias(name),
            pl.when(hidden).then(said).alias(mark.meta.output_name()),
        ]
    return pl.concat(parts).group_by(by, maintain_order=True).agg(columns)


def _take_issue() -> None:
    rows = st.session_state["issues_inside"]["selection"]["rows"]
    if rows:
        filters.pick(issue=st.session_state["_issues_inside"][rows[0]])


def _links(
    codes: Sequence[str],
    names: Mapping[str, str],
    level: str,
    place: dict,
    choice: filters.Choice,
    span: filters.Period,
) -> None:
    """To the items: 高频事项 looks at one place at a time."""
    asked = {"weeks": str(span.n_weeks), "week": wording.week_code(span.to_on)}
    asked |= {key: code for key, code in choice.parameters().items() if code}
    with st.container(horizontal=True, gap="medium", key="to_items"):
        for code in codes[:N_LINKS]:
            at = {} if code == place["place_code"] else {level: code}
            st.page_link(
                "views/issues.py",
                label=f"到「高频事项」看{names.get(code) or place['place_name']}的具体事项",
                icon=":material/chevron_right:",
                query_params={**asked, **at},
                width="content",
            )
        if len(codes) > N_LINKS:
            st.html(f'<p class="note">另有 {len(codes) - N_LINKS} 个，少选几个可逐一打开。</p>')
