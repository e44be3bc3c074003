"""Looking at a place and into it: breadcrumb, measures, map, table. Small counts are hidden (app.disclosure)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import disclosure, filters, marts, page, wording
from app.charts.breaks import NO_DATA, Classes, change_classes, sequential_classes
from app.charts.maps import Circle, class_legend, fit_view, hotspot_deck, locator_map
from app.charts.series import trend
from app.palette import SEQUENTIAL
from app.parts.course import safe_course
from app.parts.issue import items, safe_issues, with_change
from app.parts.warning import safe_evidence

MEASURES = {"count": "件数", "rate": "每万人", "change": "变化"}
MEASURE_LABELS = {"count": "件数（件）", "rate": "每万常住人口件数（件）", "change": "较上一等长时段的变化"}
FINER = {
    "city": ("county", "town"),  # a thousand communities at once are too small to read and 400 kB a run
    "county": ("town", "community"),
    "town": ("community",),
    "community": (),
}
LEVELS = ("county", "town", "community")
REST = "rest"
"""The place_level of what a place has beyond the places below it: items that say no more than the place."""
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
    places = pl.concat(
        frame.with_columns(pl.lit(level).alias("place_level")) for level, frame in zip(LEVELS, known, strict=True)
    )
    totals = [
        marts.query("located_counts", **scope, from_on=first, to_on=first + timedelta(weeks=span.n_weeks - 1))[
            "n_events"
        ][0]
        for first in (span.from_on, span.before_on)
    ]
    city = {"place_code": city_code, "place_level": "city", "n_events": totals[0], "n_events_before": totals[1]}
    whole = span.only_known(pl.DataFrame([city]))
    every = pl.concat([places, whole], how="diagonal_relaxed")
    frame = pl.concat([every, _rests(every)], how="diagonal_relaxed")
    told = {
        name: frame["place_code"].is_in([city_code, *_told_by_warnings(choice, week if span.n_weeks == 1 else None)])
        for name, week in (("n_events", span.to_on), ("n_events_before", span.before_on))
    }
    now, before = pl.col("n_events"), pl.col("n_events_before")
    return page.drawn(  # worked out once for the same counts: up to half a second for a thousand places
        disclosure.suppress,
        frame.with_columns(
            (now / pl.col("population") * 10_000).alias("rate"),
            pl.when(before >= wording.SMALL_BASE).then(now / before - 1).alias("change_share"),
        ),
        measures=["n_events", "n_events_before"],
        tree=("place_code", "parent_code"),
        shown=told,
        derived={"rate": ["n_events"], "change_share": ["n_events", "n_events_before"]},
        k=disclosure.threshold(choice.issue, choice.group),
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


def _rests(places: pl.DataFrame) -> pl.DataFrame:
    below = places.group_by(pl.col("parent_code").alias("place_code")).agg(
        pl.col("n_events").sum().alias("below"), pl.col("n_events_before").sum().alias("below_before")
    )
    return (
        places.join(below, on="place_code")
        .select(
            (pl.col("place_code") + f"/{REST}").alias("place_code"),
            pl.col("place_code").alias("parent_code"),
            pl.lit(REST).alias("place_level"),
            pl.col("place_level").alias("place_name"),
            pl.max_horizontal(pl.col("n_events") - pl.col("below"), 0).alias("n_events"),
            pl.max_horizontal(pl.col("n_events_before") - pl.col("below_before"), 0).alias("n_events_before"),
        )
        .filter((pl.col("n_events") > 0) | (pl.col("n_events_before") > 0))
    )


def inside_of(places: pl.DataFrame, level: str, place: dict) -> pl.DataFrame:
    """Of `counted`: the places of one level in the place looked at, most first."""
    frame = places.filter(pl.col("place_level") == level)
    if place["place_level"] != "city":
        frame = frame.filter(pl.col(f"{place['place_level']}_code") == place["place_code"])
    return disclosure.without_order(
        frame.sort("n_events", "place_code", descending=[True, False], nulls_last=True), "n_events", "place_code"
    )


def valued(places: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Adds the measure drawn (value) and in words (value_text); a count of 「<k」 is drawn as the lowest, a hidden one not."""
    drawn = {"count": "n_events", "rate": "rate", "change": "change_share"}[measure]
    value = pl.col(drawn).cast(pl.Float64)
    if measure == "count":
        value = pl.when(_is_small("n_events")).then(1.0).otherwise(value)
    text = [_in_words(row) for row in places.iter_rows(named=True)]
    return places.with_columns(value.alias("value"), pl.Series("value_text", text, dtype=pl.String))


def _is_small(name: str) -> pl.Expr:
    return pl.col(name + disclosure.MARK).str.starts_with("<").fill_null(False)


def n_items(row: Mapping[str, object], name: str = "n_events") -> str:
    """12 件；<5 件；件数隐去；—"""
    mark = row[name + disclosure.MARK]
    return wording.items(row[name]) if mark is None else "件数隐去" if mark == disclosure.HIDDEN else f"{mark} 件"  # type: ignore[arg-type]


def _in_words(row: dict) -> str:
    now, before = row["n_events" + disclosure.MARK], row["n_events_before" + disclosure.MARK]
    if row["n_events"] is None and now is None:
        return "无数据"
    words = n_items(row) + (f"，每万人 {wording.number(row['rate'], 1)} 件" if now is None else "")
    change = (
        f"（{wording.change(row['n_events'], row['n_events_before']).words}）" if now is None and before is None else ""
    )
    return f"{words}，上期 {n_items(row, 'n_events_before')}{change}"


def classes_of(frame: pl.DataFrame, measure: str) -> Classes:
    """Classes of what is shown; a count of 「<k」 falls into the lowest above zero, what is hidden into none."""
    shown = frame.filter(pl.col("n_events" + disclosure.MARK).is_null())
    values, hidden = shown["value"].to_list(), len(frame) - len(shown)
    if measure == "change":
        classes = change_classes(frame["value"].to_list())
        return replace(classes, null_label=_null_label(frame, classes.null_label, "small")) if hidden else classes
    classes = sequential_classes(values, whole=measure == "count")
    if not hidden:
        return classes
    if measure == "rate":
        return replace(classes, null_label=_null_label(frame, classes.null_label, "small"))
    known = [value for value in values if value is not None]
    if frame.select(_is_small("n_events").any()).item() and not classes.edges:
        least = (
            f"不足 {max(known) + 1:,.0f}"
            if known and max(known)
            else frame.filter(_is_small("n_events"))["n_events" + disclosure.MARK][0]
        )
        if known and not max(known):
            classes = Classes((1.0,), (SEQUENTIAL[0], SEQUENTIAL[3]), ("0", least))
        else:
            classes = Classes((), (SEQUENTIAL[3],), (least,))
    return replace(classes, null_label=_null_label(frame, classes.null_label, "hidden"))


def _null_label(frame: pl.DataFrame, said: str, kind: str) -> str:
    """What the legend says of the places without a colour."""
    marks = frame["n_events" + disclosure.MARK].drop_nulls()
    unknown = frame["n_events"].is_null() & frame["n_events" + disclosure.MARK].is_null()
    words = [disclosure.HIDDEN] if (marks == disclosure.HIDDEN).any() or kind == "small" else []
    rest = said if said != NO_DATA or unknown.any() else ""
    return "，或".join(part for part in (*words, rest) if part)


def boundaries(level: str, place: dict) -> dict[str, str]:
    """place_code → geometry of one level inside the place looked at."""
    parent = None if place["place_level"] == "city" else place["place_code"]
    return dict(marts.query("boundaries", place_level=level, inside=parent).iter_rows())


def without_boundary(counts: pl.DataFrame, geometry: Mapping[str, str]) -> pl.DataFrame:
    """The places no map can show: no boundary, and either items or a place in the reference."""
    has_items = (pl.col("n_events") > 0).fill_null(False) | pl.col("n_events" + disclosure.MARK).is_not_null()
    return counts.filter(~pl.col("place_code").is_in(list(geometry)) & (has_items | ~pl.col("is_provisional")))


def can_be_drawn(missing: pl.DataFrame, geometry: Mapping[str, str]) -> bool:
    """A map with a hole misleads: it is drawn when what it lacks is outside the reference and listed beside it."""
    return bool(geometry) and bool(missing["is_provisional"].all())


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


def n_in(places: pl.DataFrame) -> str:
    """，共 12 件; nothing where one of the counts is hidden: the sum could tell it."""
    has_hidden = places["n_events" + disclosure.MARK].is_not_null().any()
    return "" if has_hidden else f"，共 {places['n_events'].sum():,} 件"


def not_placed(places: pl.DataFrame, level: str, place: dict) -> str:
    """How many items of this place name none of the places of this level? Empty when none."""
    above = LEVELS[: LEVELS.index(level)]
    of_place = pl.col("parent_code") == place["place_code"]
    inside = [code for upper in above for code in inside_of(places, upper, place)["place_code"]] if above else []
    rests = places.filter((pl.col("place_level") == REST) & (of_place | pl.col("parent_code").is_in(inside)))
    word = wording.PLACE_LEVELS[level]
    if rests["n_events" + disclosure.MARK].is_not_null().any():
        return f"一部分没有写明{word}"
    n = rests["n_events"].sum()
    return f"{n:,} 件没有写明{word}" if n else ""


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
