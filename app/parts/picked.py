"""Several places looked at together: which ones, what people report there, week by week, and the way to the items."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import polars as pl
import streamlit as st

from app import disclosure, filters, marts, page, wording
from app.charts.series import trend
from app.parts.course import safe_course
from app.parts.issue import with_change

MOST = 300
"""More codes than this make an address too long for some browsers."""
N_LINKS = 6
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
        st.query_params["places"] = wanted
    else:
        st.query_params.pop("places", None)
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
    notes: list[str],
) -> None:  # fmt: skip
    """The issues of the chosen places, or of the place looked at, and their course; a click on an issue filters the map."""
    own = None if place["place_level"] == "city" else place["place_code"]
    scope = {
        **choice.parameters(),
        **span.parameters(),
        "inside": ",".join(codes) or own,
        "place_level": level if codes else place["place_level"],
    }
    counts = with_change(span.only_known(marts.query("issues_inside", **scope)))
    where = _where(codes, names, level, place)
    page.section(f"{where}：反映最多的事项", "点一个事项，地图只看它" if not choice.issue else "")
    if counts.is_empty():
        page.quiet("这里在这个时段和筛选下没有登记的事项。")
        return
    safe = page.drawn(_safe, counts, choice)
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
        weeks = marts.query("weeks_inside", **scope, since_on=since)
        course = filters.with_silent_weeks(weeks, choice.source, through=span.to_on)
        k, title = disclosure.threshold(choice.issue, choice.group), f"{where} 按周件数"
        safe_weeks = page.drawn(safe_course, course, k)
        page.chart(
            page.drawn(trend, disclosure.without_marks(safe_weeks), title=title, height=330),
            safe_weeks,
            name=f"{about} 按周",
            notes=notes,
            key="course_inside",
            labels={"period_start_on": "周起始日"},
        )
    _links(codes or [place["place_code"]], names, level, place, choice, span)


def _where(codes: Sequence[str], names: Mapping[str, str], level: str, place: dict) -> str:
    if not codes:
        return "全市" if place["place_level"] == "city" else str(place["place_name"])
    if len(codes) == 1:
        return names[codes[0]]
    return f"选中的 {len(codes)} 个{wording.PLACE_LEVELS[level]}"


def _safe(counts: pl.DataFrame, choice: filters.Choice) -> pl.DataFrame:
    return disclosure.suppress(
        counts,
        measures=["n_events", "n_events_before"],
        k=disclosure.thresholds(counts, choice.group),
        derived={"change_share": ["n_events", "n_events_before"]},
        sort_hidden_by="issue_code",
    )


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
