"""Looking at a place and into it: breadcrumb, measures, map, table."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import filters, marts, page, wording
from app.charts.breaks import Classes, change_classes, sequential_classes
from app.charts.maps import class_legend, fit_view, hotspot_deck, locator_map
from app.charts.series import trend
from app.parts.issue import items, with_change

MEASURES = {"count": "件数", "rate": "每万人", "change": "变化"}
MEASURE_LABELS = {"count": "件数（件）", "rate": "每万常住人口件数（件）", "change": "较上一等长时段的变化"}
FINER = {
    "city": ("county", "town"),  # a thousand communities at once are too small to read and 400 kB a run
    "county": ("town", "community"),
    "town": ("community",),
    "community": (),
}
UNLOCATED = {"county": "n_without_county", "town": "n_without_town", "community": "n_without_community"}
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


def measured(counts: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Adds rate, change and the measure drawn (value, value_text); no percentage on a small base."""
    now, before = pl.col("n_events"), pl.col("n_events_before")
    frame = counts.with_columns(
        (now / pl.col("population") * 10_000).alias("rate"),
        pl.when(before >= wording.SMALL_BASE).then(now / before - 1).alias("change_share"),
    )
    value = {"count": now, "rate": pl.col("rate"), "change": pl.col("change_share")}[measure]
    text = [_in_words(row) for row in frame.iter_rows(named=True)]
    return frame.with_columns(value.alias("value"), pl.Series("value_text", text, dtype=pl.String))


def _in_words(row: dict) -> str:
    if row["n_events"] is None:
        return "无数据"
    words = f"{wording.items(row['n_events'])}，每万人 {wording.number(row['rate'], 1)} 件"
    change = wording.change(row["n_events"], row["n_events_before"]).words
    return f"{words}，上期 {wording.items(row['n_events_before'])}（{change}）"


def classes_of(frame: pl.DataFrame, measure: str) -> Classes:
    values = frame["value"].to_list()
    return change_classes(values) if measure == "change" else sequential_classes(values, whole=measure == "count")


def boundaries(level: str, place: dict) -> dict[str, str]:
    """place_code → geometry of one level inside the place looked at."""
    parent = None if place["place_level"] == "city" else place["place_code"]
    return dict(marts.query("boundaries", place_level=level, inside=parent).iter_rows())


def without_boundary(counts: pl.DataFrame, geometry: Mapping[str, str]) -> pl.DataFrame:
    """The places no map can show: no boundary, and either items or a place in the reference."""
    return counts.filter(
        ~pl.col("place_code").is_in(list(geometry)) & ((pl.col("n_events") > 0) | ~pl.col("is_provisional"))
    )


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
    said = f"{len(missing)} 个{word}没有边界（{names}），共 {missing['n_events'].sum():,} 件"
    return f"{said}，不在图上，列在表里。" if can_be_drawn(missing, geometry) else f"{said}；用表格代替地图。"


def draw(
    frame: pl.DataFrame,
    geometry: Mapping[str, str],
    level: str,
    measure: str,
    place: dict,
    title: str,
    notes: list[str],
) -> None:
    """The map of the places that have a boundary."""
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
    picture = partial(locator_map, shown, geometry, title=title, measure_label=label, classes=classes)
    foot(frame, title, notes, picture)


def foot(frame: pl.DataFrame, title: str, notes: list[str], picture: Callable[[], go.Figure] | None = None) -> None:
    """The figures behind map or table."""
    figures = frame.drop("parent_code", "lon", "lat", "has_boundary", "value", "value_text")
    page.foot(figures, name=title, notes=notes, key="hotspots", figure=picture, labels=LABELS)


def table(frame: pl.DataFrame, place: dict, level: str) -> None:
    """The same places as rows; a click goes into one."""
    if place["place_level"] == "city":
        names = [wording.place({**row, "place_level": level}) for row in frame.iter_rows(named=True)]
        frame = frame.with_columns(pl.Series("place_name", names))
    columns = ["place_name", "n_events", "n_events_before", "change_share", "rate"]
    page.grid(
        frame.select(name for name in columns if name != "rate" or frame["rate"].is_not_null().any()),
        key=st.session_state["_table"],
        labels=LABELS,
        height=MAP_HEIGHT,
        on_select=drill_by_row,
    )


def smallest(place: dict, choice: filters.Choice, span: filters.Period, notes: list[str]) -> None:
    """A community, where nothing smaller is shown: its figures, its course, its issues and the items behind them."""
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
        page.foot(counts, name=f"事项 {name}", notes=notes, key="community_issues_foot", labels=LABELS)
    with right:
        since = span.to_on - timedelta(weeks=max(span.n_weeks, 52) - 1)
        course = filters.with_silent_weeks(marts.query("chosen_weeks", **scope, since_on=since), choice.source)
        figure = page.drawn(trend, course, title=f"{place['place_name']} 按周件数")
        labels = {"period_start_on": "周起始日"}
        page.chart(figure, course, name=f"{name} 按周", notes=notes, key="community_course", labels=labels)
    items(scope)
