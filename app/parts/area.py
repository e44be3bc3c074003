"""Looking at a place and into it: breadcrumb, measures, map, table. Small counts are hidden (app.disclosure)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import disclosure, filters, marts, page, place_counts, wording
from app.charts.maps import Circle, class_legend, fit_view, hotspot_deck, locator_map
from app.charts.series import trend
from app.parts.course import safe_course
from app.parts.issue import items, safe_issues, with_change
from app.place_counts import LEVELS, can_be_drawn, classes_of, n_in
from app.warned import safe_evidence

MEASURES = {"count": "件数", "rate": "每万人", "change": "变化"}
MEASURE_LABELS = {"count": "件数（件）", "rate": "每万常住人口件数（件）", "change": "较上一等长时段的变化"}
FINER = {
    "city": ("county", "town"),  # a thousand communities at once are too small to read and 400 kB a run
    "county": ("town", "community"),
    "town": ("community",),
    "community": (),
}
MAP_WIDTH, MAP_HEIGHT = 760, 500
MAX_LABELLED = 150
LABELS = {"n_events_before": "上期", "change_share": "变化", "rate": "每万人"}


def place_asked(places: pl.DataFrame, edition: page.Edition) -> dict:
    """The place in the URL; else, coming over by the menu, the one chosen on the last page; else the whole city."""
    inner = next(filter(None, (filters.carried(level) for level in ("community", "town", "county"))), None)
    if "place" not in st.query_params and inner:
        st.query_params["place"] = inner
    code = st.query_params.get("place", edition.city_code)
    known = places.filter(pl.col("place_code") == code)
    if len(known):
        return known.row(0, named=True)
    if code != edition.city_code:
        page.quiet(f"没有代码为 {code[:40]} 的区域，下面是全市。")
    whole = dict.fromkeys(places.columns)
    return whole | {"place_code": edition.city_code, "place_name": edition.city_name, "place_level": "city"}


def inside(place: dict) -> dict[str, str | None]:
    """The place as the filters county, town, community; kept for the next page."""
    community = place["place_code"] if place["place_level"] == "community" else None
    within = {"county": place["county_code"], "town": place["town_code"], "community": community}
    for name, code in within.items():
        filters.carry(name, code)
    return within


def go_to(place_code: str | None) -> None:
    """Look at this place, at the level just below it."""
    filters.forget("level")
    if place_code:
        st.query_params["place"] = place_code
    else:
        st.query_params.pop("place", None)


def drill_by_click() -> None:
    """The place picked on the map becomes the place looked at."""
    picked = st.session_state[st.session_state["_map"]]["selection"]["objects"].get("places")
    if picked:
        go_to(picked[0]["properties"]["id"])


def drill_by_row() -> None:
    rows = st.session_state[st.session_state["_table"]]["selection"]["rows"]
    if rows:
        go_to(st.session_state["_places_shown"][rows[0]])


def breadcrumb(places: pl.DataFrame, place: dict, city_name: str) -> None:
    """全市 › 云溪区 › 和平街道; each a button."""
    trail = [(None, f"全市（{city_name}）")]
    for code in (place["county_code"], place["town_code"], place["place_code"]):
        if code and code not in [step for step, _ in trail] and place["place_level"] != "city":
            name = places.row(by_predicate=pl.col("place_code") == code, named=True)["place_name"]
            trail.append((code, name))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="breadcrumb"):
        for code, name in trail[:-1]:
            st.button(name, type="tertiary", on_click=go_to, args=(code,), key=f"crumb_{code}")
            st.html('<span class="crumb">›</span>', width="content")
        st.html(f'<strong class="crumb">{wording.escape(trail[-1][1])}</strong>', width="content")


def counted(choice: filters.Choice, span: filters.Period, city_code: str) -> pl.DataFrame:
    """Every place of the city with its items now and before, small counts hidden alike on every map and table.

    One row a place (columns of place_counts.sql and place_level, rate, change_share, marks), the city itself and, with
    place_level REST, what a place has beyond those below it. `choice` without a place: the whole city is one table,
    so that a town shown on one page does not tell what its county hides on another.
    """
    scope = replace(choice, county=None, town=None, community=None).parameters()
    known = [
        span.only_known(marts.query("place_counts", **scope, **span.parameters(), place_level=level))
        for level in LEVELS
    ]
    totals = [
        marts.query("located_counts", **scope, from_on=first, to_on=first + timedelta(weeks=span.n_weeks - 1))[
            "n_events"
        ][0]
        for first in (span.from_on, span.before_on)
    ]
    city = pl.DataFrame([{"place_code": city_code, "n_events": totals[0], "n_events_before": totals[1]}])
    told = {
        name: [city_code, *_told_by_warnings(choice, week if span.n_weeks == 1 else None)]
        for name, week in (("n_events", span.to_on), ("n_events_before", span.before_on))
    }
    return page.drawn(  # worked out once for the same counts: up to half a second for a thousand places
        place_counts.safe,
        place_counts.whole_city(known, span.only_known(city).row(0, named=True)),
        told,
        disclosure.threshold(choice.issue, choice.group),
    )


def _told_by_warnings(choice: filters.Choice, week: date | None) -> list[str]:
    """The places whose count of this issue and week a warning says, or the look back at last week's warnings."""
    if week is None or not choice.issue or choice.source:
        return []
    own, last = marts.query("signals", week=week), marts.query("signal_followup", week=week)
    k = disclosure.threshold(choice.issue)
    codes = []
    for signals in (own, last):
        of_issue = signals.filter((pl.col("issue_code") == choice.issue) & (pl.col("observed") >= k))
        codes += of_issue["place_code"].to_list()
    for signal in own.filter(pl.col("issue_code") == choice.issue).iter_rows(named=True):
        places = wording.evidence(safe_evidence(signal)).get("places", [])
        codes += [row["code"] for row in places if row["n_events"] is not None]
    return codes


def boundaries(level: str, place: dict) -> dict[str, str]:
    """place_code → geometry of one level inside the place looked at."""
    parent = None if place["place_level"] == "city" else place["place_code"]
    return dict(marts.query("boundaries", place_level=level, inside=parent).iter_rows())


def not_on_the_map(missing: pl.DataFrame, level: str, geometry: Mapping[str, str]) -> str:
    """Which places have no boundary, and how many items are theirs? Empty when none."""
    if missing.is_empty():
        return ""
    word = wording.PLACE_LEVELS[level]
    if not geometry:
        return f"没有{word}边界，用表格代替地图。"
    names = "、".join(missing["place_name"].head(5)) + ("等" if len(missing) > 5 else "")
    said = f"{len(missing)} 个{word}没有边界（{names}）{n_in(missing)}"
    return f"{said}，不在图上，列在表里。" if can_be_drawn(missing, geometry) else f"{said}；用表格代替地图。"


def draw(
    frame: pl.DataFrame,
    geometry: Mapping[str, str],
    level: str,
    measure: str,
    place: dict,
    title: str,
    notes: list[str],
    circles: Sequence[Circle] = (),
) -> None:
    """The map of the places that have a boundary, and the rings of clusters."""
    shown = frame.filter(pl.col("place_code").is_in(list(geometry)))
    classes, label = classes_of(shown, measure), MEASURE_LABELS[measure]
    outline = boundaries("county", place) if place["place_level"] == "city" and level != "county" else None
    deck = page.drawn(
        hotspot_deck,
        shown,
        geometry,
        measure_label=label,
        classes=classes,
        view=fit_view(list(geometry.values()), MAP_WIDTH, MAP_HEIGHT),
        outline=outline,
        labels=len(shown) <= MAX_LABELLED,
        circles=circles,
    )
    st.pydeck_chart(
        deck,  # a deck, as far as this needs one: to_json and a tooltip
        height=MAP_HEIGHT,
        key=st.session_state["_map"],
        on_select=drill_by_click,
        selection_mode="single-object",
        alt=title,
    )
    st.html(class_legend(classes, measure_label=label))
    picture = partial(locator_map, shown, geometry, title=title, measure_label=label, classes=classes, circles=circles)
    foot(frame, title, notes, picture)


def foot(frame: pl.DataFrame, title: str, notes: list[str], picture: Callable[[], go.Figure] | None = None) -> None:
    """The figures behind map or table."""
    figures = frame.drop(
        "parent_code", "county_code", "town_code", "place_level", "lon", "lat", "has_boundary", "value", "value_text"
    )
    page.foot(figures, name=title, notes=notes, key="hotspots", figure=picture, labels=LABELS)


def table(frame: pl.DataFrame, place: dict, level: str) -> None:
    """The same places as rows; a click goes into one."""
    if place["place_level"] == "city":
        names = [wording.place({**row, "place_level": level}) for row in frame.iter_rows(named=True)]
        frame = frame.with_columns(pl.Series("place_name", names))
    columns = ["place_name", "n_events", "n_events_before", "change_share", "rate"]
    columns = [name for name in columns if name != "rate" or frame["rate"].is_not_null().any()]
    page.grid(
        frame.select(*columns, "n_events" + disclosure.MARK, "n_events_before" + disclosure.MARK),
        key=st.session_state["_table"],
        labels=LABELS,
        height=MAP_HEIGHT,
        on_select=drill_by_row,
    )


def smallest(place: dict, choice: filters.Choice, span: filters.Period, notes: list[str]) -> None:
    """A community, where nothing smaller is shown: its figures, its course, its issues and the items behind them."""
    notes = [*notes[:-1], disclosure.note(disclosure.threshold(choice.issue, choice.group), exported=True), notes[-1]]
    scope = {**choice.parameters(), **span.parameters()}
    counts = with_change(span.only_known(marts.query("issue_counts", **scope)))
    name = f"{filters.words(choice)} {span.words()}"
    weeks = {"weeks": str(span.n_weeks), "week": wording.week_code(span.to_on)}
    chosen = {key: code for key, code in choice.parameters().items() if code}
    st.page_link(
        "views/issues.py",
        label=f"到「高频事项」看{place['place_name']}的详情",
        icon=":material/chevron_right:",
        query_params={**weeks, **chosen},
    )
    page.require(counts)
    everywhere = span.only_known(marts.query("place_counts", **scope, place_level="community"))
    here = everywhere.row(by_predicate=pl.col("place_code") == place["place_code"], named=True)
    total, change = here["n_events"], wording.change(here["n_events"], here["n_events_before"])
    left, right = st.columns([5, 8], gap="large")
    with left:
        st.metric(
            f"{place['place_name']} {span.n_weeks} 周件数",
            wording.items(total),
            delta=f"较上期 {change.words}",
            delta_color="off",
            delta_arrow="off",
            help=f"上期 {wording.items(change.before)}，为之前等长的 {span.n_weeks} 周。",
        )
        shown = ["issue_name", "n_events", "n_events_before", "change_share"]
        page.grid(counts.select(shown), key="community_issues", labels=LABELS)
        take_away = partial(safe_issues, counts, choice)
        page.foot(take_away, name=f"事项 {name}", notes=notes, key="community_issues_foot", labels=LABELS)
    with right:
        since = span.to_on - timedelta(weeks=max(span.n_weeks, 52) - 1)
        course = filters.with_silent_weeks(marts.query("chosen_weeks", **scope, since_on=since), choice.source)
        figure = page.drawn(trend, course, title=f"{place['place_name']} 按周件数")
        labels = {"period_start_on": "周起始日"}
        k = disclosure.threshold(choice.issue, choice.group)
        page.chart(
            figure,
            course,
            name=f"{name} 按周",
            notes=notes,
            key="community_course",
            labels=labels,
            export=partial(safe_course, course, k),
            picture=lambda: trend(
                disclosure.without_marks(safe_course(course, k)), title=f"{place['place_name']} 按周件数"
            ),
        )
    items(scope)
