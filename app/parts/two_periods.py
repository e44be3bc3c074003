"""One period beside another: two maps of common classes, the clear changes marked, and the figures of both."""

from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import polars as pl
import streamlit as st

from app import disclosure, filters, marts, page, place_counts, wording
from app.charts.maps import locator_map
from app.charts.maps import screen_map as drawing_of
from app.parts import area, screen_map

AGAINST = {"before": "上一等长时段", "year": "去年同期", "own": "自己选"}
LABELS = {
    "n_events_before": "对比期", "change_share": "变化", "rate": "每万人", "rate_before": "对比期每万人", "said": "判断",
}  # fmt: skip


def other_period(span: filters.Period, edition: page.Edition) -> filters.Period:
    """Which period to compare with, as long as the one looked at; in the URL as ?against= and ?other=2025-W46."""
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        against = filters.choose("与哪一期比", AGAINST, key="against", kind="buttons")
    last = {"before": span.from_on - timedelta(weeks=1), "year": span.to_on - timedelta(weeks=52)}.get(against)
    if last is None:
        weeks = marts.query("weeks", data_from=edition.data_from, last_full_week=edition.last_full_week)[
            "week_start_on"
        ]
        options = {wording.week_code(week): f"{wording.week_name(week)}（{wording.week_span(week)}）" for week in weeks}
        with right:
            code = filters.choose(
                "对比期截至", options, key="other", default=wording.week_code(span.from_on - timedelta(weeks=1))
            )
        last = date.fromisocalendar(int(code[:4]), int(code[6:]), 1)
    return replace(span, to_on=last)


def draw(
    frame: pl.DataFrame, level: str, measure: str, place: dict, span: filters.Period, other: filters.Period,
    edition: page.Edition, basis: str,
) -> None:  # fmt: skip
    """frame: of `area.counted` with `against`; n_events_before is of the other period."""
    geometry = area.boundaries(level, place)
    now = place_counts.valued(frame, measure)
    then = place_counts.valued(_as_now(frame), measure)
    maps = [area.on_map(one, geometry).with_columns(pl.lit(None, pl.String).alias("mark")) for one in (then, now)]
    maps[1] = maps[1].with_columns(area.on_map(frame, geometry)["change_sign"].alias("mark"))
    both = pl.concat([one.select("value", "n_events", "n_events" + disclosure.MARK) for one in maps])
    classes = place_counts.classes_of(both, measure)
    whole = filters.place_name(None) if place["place_level"] == "city" else place["place_name"]
    name = f"{whole}各{wording.PLACE_LEVELS[level]}{area.MEASURES[measure]}"
    marks = place_counts.SIGN_WORDS["change"]
    for column, one, period in zip(st.columns(2, gap="large"), maps, (other, span), strict=True):
        with column:
            page.section(period.words(), "" if period is other else "▲▼ 与左图相比")
            screen_map.show(
                page.drawn(
                    drawing_of,
                    one,
                    geometry,
                    title=f"{name} {period.words()}",
                    measure_label=area.MEASURE_LABELS[measure],
                    classes=classes,
                    outline=area.outline(place, level),
                    marks=marks,
                ),
                key=f"{'then' if period is other else 'now'}_{place['place_code']}_{level}",
                height=area.MAP_HEIGHT - 80,
                on_pick=area.go_to,
            )
    changes = place_counts.valued(frame, "change")
    shown = area.on_map(changes, geometry)
    title = f"{name} {span.words()} 比 {other.words()}"
    picture = partial(
        locator_map,
        shown,
        geometry,
        title=title,
        measure_label="变化",
        classes=place_counts.classes_of(shown, "change"),
        marks=marks,
    )
    said = [marks.get(row["change_sign"] or "", "") for row in frame.iter_rows(named=True)]
    names = [wording.place({**row, "place_level": level}) for row in frame.iter_rows(named=True)]
    now = now.with_columns(pl.Series("said", said, dtype=pl.String), pl.Series("place_name", names))
    columns = ["n_events", "n_events_before", *(["rate", "rate_before"] if measure == "rate" else []), "change_share"]
    before = pl.col("n_events_before")
    listed = (
        place_counts.highest_first(now, measure)
        .with_columns(
            (before / pl.col("population") * 10_000).alias("rate_before"),
            pl.when(pl.col("n_events_before" + disclosure.MARK).is_not_null())
            .then(pl.lit(disclosure.HIDDEN))
            .alias("rate_before" + disclosure.MARK),
        )
        .select("place_name", *columns, "said", *(column + disclosure.MARK for column in columns))
    )
    page.grid(
        listed.drop(column + disclosure.MARK for column in columns[2:]),
        key=f"compare_{level}",
        labels=LABELS,
        height=320,
    )
    page.foot(
        listed,
        name=title,
        notes=edition.notes(
            "两图分级相同，分级取自两期的数。" + area.MEASURE_NOTES["change"],
            f"变化：{span.words()} 与 {other.words()} 相比，按件数算；对比期不足 {wording.SMALL_BASE} 件不算。",
            other.shortfall().replace("选定", "对比期"),
            basis,
        ),
        key="compare",
        figure=picture,
        labels=LABELS,
    )


def _as_now(frame: pl.DataFrame) -> pl.DataFrame:
    """The other period in the columns of the one looked at."""
    n, mark = "n_events_before", "n_events_before" + disclosure.MARK
    return frame.with_columns(
        pl.col(n).alias("n_events"),
        pl.col(mark).alias("n_events" + disclosure.MARK),
        (pl.col(n) / pl.col("population") * 10_000).alias("rate"),
        pl.lit(None, pl.Float64).alias("rate_low"),
        pl.lit(None, pl.Float64).alias("rate_high"),
        pl.lit(None, pl.String).alias("rate_sign"),
    )
