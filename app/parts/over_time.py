"""The same places over the last year, in steps of four weeks, played in the browser: one answer, no request a frame.

Small counts are hidden in each step as on the map of those four weeks (app.parts.area.counted): same tree, same cells.
"""

from datetime import timedelta

import polars as pl
import streamlit as st

from app import disclosure, filters, marts, page, place_counts, wording
from app.charts.maps import Frame
from app.charts.maps import screen_map as drawing_of
from app.parts import area, screen_map
from app.place_counts import LEVELS

N_STEPS = 13
STEP = timedelta(weeks=4)


def draw(
    level: str,
    measure: str,
    place: dict,
    choice: filters.Choice,
    span: filters.Period,
    edition: page.Edition,
    basis: str,
) -> None:
    """The map with a slider below it; its classes are those of all steps together."""
    geometry = area.boundaries(level, place)
    scope = {name: choice.parameters()[name] for name in ("source", "group", "issue")}
    steps = marts.query("place_steps", **scope, city=edition.city_code, to_on=span.to_on, n_steps=N_STEPS + 1)
    known = [n for n in range(N_STEPS) if _weeks(span, n) <= span.covered]
    if not geometry or len(known) < 2:
        page.quiet(
            "没有区域边界，不能播放。" if not geometry else "有数据的不满八周，还不能播放。请继续接入数据后再看。"
        )
        return
    unknown = [n for n in range(N_STEPS + 1) if not _weeks(span, n) <= span.covered]
    with st.spinner("正在逐期隐去小数，第一次要几秒……", show_time=False):
        every = page.drawn(
            safe_steps,
            steps,
            city_code=edition.city_code,
            k=disclosure.threshold(choice.issue, choice.group),
            unknown=unknown,
        )
    names = marts.query("places").select("place_code", "place_name", "lon", "lat")
    valued = [area.on_map(_valued(every[n], level, measure, place), geometry) for n in reversed(known)]
    valued = [
        frame.drop("place_name").join(names, on="place_code", how="left", maintain_order="left") for frame in valued
    ]
    classes = place_counts.classes_of(pl.concat(valued), measure)
    spoken = [_words(span, n) for n in reversed(known)]
    frames = []
    for label, n, frame in zip(spoken, reversed(known), valued, strict=True):
        own = every[n].row(by_predicate=pl.col("place_code") == place["place_code"], named=True)
        values = {
            code: (value, text) for code, value, text in frame.select("place_code", "value", "value_text").iter_rows()
        }
        frames.append(Frame(label, f"共 {place_counts.n_items(own)}", own["n_events"], values))
    whole = filters.place_name(None) if place["place_level"] == "city" else place["place_name"]
    title = f"{whole}各{wording.PLACE_LEVELS[level]}{area.MEASURES[measure]} 每四周"
    screen_map.show(
        page.drawn(
            drawing_of,
            valued[-1],
            geometry,
            title=title,
            measure_label=area.MEASURE_LABELS[measure],
            classes=classes,
            outline=area.outline(place, level),
            frames=frames,
        ),
        key=f"play_{place['place_code']}_{level}",
        height=area.MAP_HEIGHT - 60,  # the slider stays above the fold
        on_pick=area.go_to,
    )
    columns = ["place_code", "place_name", "n_events", "n_events" + disclosure.MARK]
    listed = [frame.select(pl.lit(label).alias("said"), *columns) for label, frame in zip(spoken, valued, strict=True)]
    page.foot(
        pl.concat(listed),
        name=f"{title} 至{wording.full_day(span.last_day_on)}",
        notes=edition.notes(
            f"每四周一期，往回 {len(known)} 期；颜色分级各期相同。时段以「截至」为准，与上面选的长短无关。", basis
        ),
        key="play",
        labels={"said": "时段"},
    )


def safe_steps(steps: pl.DataFrame, *, city_code: str, k: int, unknown: list[int]) -> list[pl.DataFrame]:
    """place_counts.safe of each step, newest first; n_events alone. steps: query place_steps, one step more than wanted.

    unknown: the steps that have weeks without data.
    """
    by_step = steps.with_columns(
        pl.when(~pl.col("step").is_in(unknown)).then("n_events").alias("n_events")
    ).partition_by("step", as_dict=True, include_key=False)
    safe = []
    for n in range(len(by_step) - 1):
        before = by_step[n + 1,].select("place_code", pl.col("n_events").alias("n_events_before"))
        both = by_step[n,].join(before, on="place_code", how="left")
        both = both.filter(~pl.col("is_provisional") | (pl.col("n_events") > 0))
        city = both.filter(pl.col("place_level") == "city").row(0, named=True)
        levels = [both.filter(pl.col("place_level") == level).drop("place_level") for level in LEVELS]
        whole = place_counts.whole_city(
            levels, {name: city[name] for name in ("place_code", "n_events", "n_events_before")}
        )
        safe.append(place_counts.safe(place_counts.with_measures(whole), {"n_events": [city_code]}, k, ("n_events",)))
    return safe


def _valued(safe: pl.DataFrame, level: str, measure: str, place: dict) -> pl.DataFrame:
    frame = place_counts.inside_of(safe, level, place)
    plain = frame.with_columns(
        pl.lit("").alias("n_events_before" + disclosure.MARK)
    )  # said of no step: what was before
    return (
        place_counts.valued(plain, measure)
        .drop("mark")
        .with_columns(
            pl.Series("value_text", [_text(row, measure) for row in frame.iter_rows(named=True)], dtype=pl.String)
        )
    )


def _text(row: dict, measure: str) -> str:
    rate = row[place_counts.DRAWN[measure]] if measure != "count" else None
    return (f"{wording.number(rate, 1)} 件，共 " if rate is not None else "") + place_counts.n_items(row)


def _weeks(span: filters.Period, n: int) -> set:
    last = span.to_on - n * STEP
    return {last - timedelta(weeks=back) for back in range(4)}


def _words(span: filters.Period, n: int) -> str:
    last = span.last_day_on - n * STEP
    return wording.span(last - timedelta(days=27), last)
