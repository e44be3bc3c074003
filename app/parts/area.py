"""Looking at a place and into it: breadcrumb, measures, map, table. Small counts are hidden (app.disclosure)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache, partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import address, disclosure, filters, issue_counts, marts, page, place_counts, roles, warned, wording
from app.access import signin
from app.charts.maps import Circle, locator_map
from app.charts.maps import screen_map as drawing_of
from app.charts.series import trend
from app.parts import screen_map
from app.parts.course import safe_course
from app.parts.issue import items, safe_issues, with_change
from app.place_counts import LEVELS, can_be_drawn, classes_of, n_in
from app.warned import safe_evidence

MODES = {"area": "区域", "density": "密度", "play": "播放", "compare": "两期对比"}
MEASURES = {"count": "件数", "rate": "每万人", "smoothed": "平滑率", "excess": "超出预期", "change": "变化"}
IN_MODE = {"area": tuple(MEASURES), "play": ("count", "rate", "smoothed"), "compare": ("count", "rate")}
"""Which measures each way of looking offers; 密度 counts points alone."""
MEASURE_LABELS = {
    "count": "件数（件）",
    "rate": "每万常住人口件数（件）",
    "smoothed": "平滑率（每万人，件）",
    "excess": "超出预期（件）",
    "change": "较上一等长时段的变化",
}
MEASURE_NOTES = {
    "rate": "▲▼：与同级区域的平均相比，差别纯属偶然的可能不到 1%（泊松精确检验）；区间为 95%。",
    "smoothed": "平滑率：人口越少，越向同级区域的平均靠拢（经验贝叶斯，Marshall 1991），免得小地方靠一两件就排到前面。"
    "▲▼：平滑前的每万人件数与同级区域的平均相比，差别纯属偶然的可能不到 1%。",
    "excess": "超出预期：件数减去预期件数；预期按往年水平、趋势、季节和节假日逐周推算后相加，平常就很少、没有列出的周按其平常的量计。"
    "▲：其中至少一周判为异常偏高。",
    "change": "▲▼：增减超出各区域平常的起伏，纯属偶然的可能不到 1%。",
}
FINER = {
    "city": ("county", "town"),  # a thousand communities at once are too small to read and 400 kB a run
    "county": ("town", "community"),
    "town": ("community",),
    "community": (),
}
MAP_HEIGHT = 520
LABELS = {
    "n_events_before": "上期", "change_share": "变化", "rate": "每万人", "smoothed_rate": "平滑率", "rate_low": "每万人下限",
    "rate_high": "每万人上限", "excess": "超出预期", "expected": "预期", "n_alarms": "异常偏高周数", "said": "判断",
}  # fmt: skip


def place_asked(places: pl.DataFrame, edition: page.Edition) -> dict:
    """The place in the URL; else, coming over by the menu, the one chosen on the last page; else the whole city."""
    inner = next(filter(None, (filters.carried(level) for level in ("community", "town", "county"))), None)
    if "place" not in st.query_params and inner:
        address.write("place", inner)
    code = st.query_params.get("place", edition.city_code)
    known = places.filter(pl.col("place_code") == code)
    if len(known):
        return known.row(0, named=True)
    if code != edition.city_code:
        page.quiet(f"没有代码为 {code[:40]} 的区域，下面是{filters.place_name(None)}。")
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
    address.write("places", None)
    if place_code:
        address.write("place", place_code)
    else:
        address.write("place", None)


def drill_by_row() -> None:
    rows = st.session_state[st.session_state["_table"]]["selection"]["rows"]
    if rows:
        go_to(st.session_state["_places_shown"][rows[0]])


def breadcrumb(places: pl.DataFrame, place: dict, city_name: str) -> None:
    """全市 › 云溪区 › 和平街道; each a button. To a reader of a part it begins there."""
    trail: list[tuple[str | None, str]] = [(None, roles.scope_words() or f"全市（{city_name}）")]
    for code in (place["county_code"], place["town_code"], place["place_code"]):
        if code and code not in [step for step, _ in trail] and place["place_level"] != "city":
            name = places.row(by_predicate=pl.col("place_code") == code, named=True)["place_name"]
            trail.append((code, name))
    codes, mine = [code for code, _ in trail], signin.scope()
    if mine and mine.root in codes:
        trail = trail[codes.index(mine.root) :]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="breadcrumb"):
        for code, name in trail[:-1]:
            st.button(name, type="tertiary", on_click=go_to, args=(code,), key=f"crumb_{code}")
            st.html('<span class="crumb">›</span>', width="content")
        st.html(f'<strong class="crumb">{wording.escape(trail[-1][1])}</strong>', width="content")


def counted(
    choice: filters.Choice,
    span: filters.Period,
    city_code: str,
    *,
    against: filters.Period | None = None,
    expected: pl.DataFrame | None = None,
    with_rates: bool = False,
) -> pl.DataFrame:
    """Every place of the city with its items now and before, small counts hidden alike on every map and table.

    One row a place (columns of place_counts.sql and place_level, rate, change_share, marks), the city itself and, with
    place_level REST, what a place has beyond those below it. `choice` without a place: the whole city is one table,
    so that a town shown on one page does not tell what its county hides on another. against: another period than the one
    before. expected, with_rates: see place_counts.with_measures.
    """
    everywhere = replace(choice, county=None, town=None, community=None)
    k = disclosure.threshold(choice.issue, choice.group)
    if expected is not None:
        return _counted(everywhere, span, city_code, against, with_rates, k, expected)
    return _known(everywhere, span, city_code, against, with_rates, k, disclosure.min_cell(), marts.version())


@lru_cache(maxsize=128)
def _known(*asked: Any) -> pl.DataFrame:
    """`_counted` of the same filters and version, worked out once."""
    return _counted(*asked[:-2])


def _counted(
    choice: filters.Choice,
    span: filters.Period,
    city_code: str,
    against: filters.Period | None,
    with_rates: bool,
    k: int,
    expected: pl.DataFrame | None = None,
) -> pl.DataFrame:
    before = against or replace(span, to_on=span.from_on - timedelta(weeks=1))
    scope = choice.parameters()
    counts = _of_places(scope, span, against)
    known = [counts.filter(counts["place_level"] == level) for level in LEVELS]
    n, n_before = marts.query("located_counts", **scope, **span.parameters()).row(0)
    if against:
        n_before = marts.query("located_counts", **scope, **against.parameters())["n_events"][0]
    is_known = before.weeks_from(before.from_on) <= before.covered
    city = {"place_code": city_code, "n_events": n, "n_events_before": n_before if is_known else None}
    told = {
        name: [city_code, *_told_by_warnings(choice, week if span.n_weeks == 1 else None)]
        for name, week in (("n_events", span.to_on), ("n_events_before", before.to_on))
    }
    places = place_counts.whole_city(known, city)
    return page.drawn(  # worked out once for the same counts: up to half a second for a thousand places
        place_counts.safe,
        place_counts.with_measures(places, expected) if with_rates else places,
        told,
        k,
    )


def _of_places(scope: Mapping[str, str | None], span: filters.Period, against: filters.Period | None) -> pl.DataFrame:
    """place_counts.asked; n_events_before of `against` where it is given."""
    counts = span.only_known(place_counts.asked(marts.query, **scope, **span.parameters()))
    if against is None:
        return counts
    other = place_counts.asked(marts.query, **scope, **against.parameters())
    other = other.select("place_code", pl.col("n_events").alias("n_events_before"))
    if not against.weeks_from(against.from_on) <= against.covered:
        other = other.with_columns(pl.lit(None, pl.Int64).alias("n_events_before"))
    return counts.drop("n_events_before").join(other, on="place_code", how="left", maintain_order="left")


def expectation(choice: filters.Choice, span: filters.Period, level: str) -> tuple[pl.DataFrame | None, str]:
    """What was to be expected in each place of the level (query excess_counts); else None and what to choose instead."""
    if not (choice.issue or choice.group):
        return None, "超出预期是按事项判定的。请先在上面选一个事项或事项大类；下面先看件数。"
    if choice.source:
        return None, "超出预期按全部来源一起判定。请把来源改回全部来源；下面先看件数。"
    if level == "community":
        return None, "预期只算到镇街，社区村件数太少。请回到上一级看县区或镇街；下面先看件数。"
    asked = {"place_level": level, "issue": choice.issue or choice.group, **span.parameters()}
    expected = marts.query("excess_counts", **asked)
    n_judged = expected["n_judged"][0] if len(expected) else 0
    if n_judged != span.n_weeks:
        had = f"只有 {n_judged} 周有判定" if n_judged else "没有判定"
        return (
            None,
            f"选定的 {span.n_weeks} 周里，这个事项{had}，算不出预期。请换近一年里的时段，或换一个事项；下面先看件数。",
        )
    return expected, ""


def _told_by_warnings(choice: filters.Choice, week: date | None) -> list[str]:
    """The places whose count of this issue and week a warning says, or the look back at last week's warnings."""
    if week is None or not choice.issue or choice.source:
        return []
    own, last = warned.given(marts.query, week), warned.followed(marts.query, week)
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
    chosen: Sequence[str] = (),
    on_area: Callable[[list[str]], None] | None = None,
) -> None:
    """The map of the places that have a boundary, and the rings of clusters."""
    shown = on_map(frame, geometry)
    classes, label = classes_of(shown, measure), MEASURE_LABELS[measure]
    words = place_counts.SIGN_WORDS.get(measure, {})
    about: dict[str, Any] = {
        "title": title,
        "measure_label": label,
        "classes": classes,
        "circles": circles,
        "marks": words,
    }
    screen_map.show(
        page.drawn(drawing_of, shown, geometry, outline=outline(place, level), **about),
        key=f"map_{place['place_code']}_{level}",
        height=MAP_HEIGHT,
        on_pick=go_to,
        on_area=on_area,
        chosen=chosen,
    )
    foot(frame, title, [MEASURE_NOTES.get(measure, ""), *notes], partial(locator_map, shown, geometry, **about))


def on_map(frame: pl.DataFrame, geometry: Mapping[str, str]) -> pl.DataFrame:
    return frame.filter(pl.col("place_code").is_in(list(geometry)))


def outline(place: dict, level: str) -> dict[str, str] | None:
    """Of the level above, where a map shows more than one of them."""
    above = {("city", "town"): "county", ("county", "community"): "town"}.get((place["place_level"], level))
    return boundaries(above, place) if above else None


def foot(frame: pl.DataFrame, title: str, notes: list[str], picture: Callable[[], go.Figure] | None = None) -> None:
    """The figures behind map or table."""
    gone = (
        "parent_code",
        "county_code",
        "town_code",
        "place_level",
        "lon",
        "lat",
        "has_boundary",
        "value",
        "value_text",
        "mark",
    )
    figures = frame.drop(
        name for name in frame.columns if name.removesuffix(disclosure.MARK) in gone or "_sign" in name
    )
    said = [place_counts.sign_words(row) for row in frame.iter_rows(named=True)]
    if any(said):
        figures = figures.with_columns(pl.Series("said", said, dtype=pl.String))
    notes = [note for note in notes if note]
    page.foot(figures, name=title, notes=notes, key="hotspots", figure=picture, labels=LABELS)


def table(frame: pl.DataFrame, place: dict, level: str, measure: str = "count") -> None:
    """The same places as rows; a click goes into one."""
    if place["place_level"] == "city":
        names = [wording.place({**row, "place_level": level}) for row in frame.iter_rows(named=True)]
        frame = frame.with_columns(pl.Series("place_name", names))
    more = {"smoothed": ["rate", "smoothed_rate"], "excess": ["expected", "excess"]}
    columns = ["place_name", "n_events", *more.get(measure, ["n_events_before", "change_share", "rate"])]
    columns = [name for name in columns if name != "rate" or frame["rate"].is_not_null().any()]
    marks = [name + disclosure.MARK for name in ("n_events", "n_events_before") if name in columns]
    page.grid(
        frame.select(*columns, *marks),
        key=st.session_state["_table"],
        labels=LABELS,
        height=MAP_HEIGHT,
        on_select=drill_by_row,
    )


def smallest(place: dict, choice: filters.Choice, span: filters.Period, notes: list[str]) -> None:
    """A community, where nothing smaller is shown: its figures, its course, its issues and the items behind them."""
    notes = [*notes[:-1], disclosure.note(disclosure.threshold(choice.issue, choice.group), exported=True), notes[-1]]
    scope = {**choice.parameters(), **span.parameters()}
    counts = with_change(span.only_known(issue_counts.asked(marts.query, **scope)))
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
    everywhere = span.only_known(place_counts.asked(marts.query, **scope))
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
