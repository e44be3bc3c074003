"""How many items has each place, what of it may be shown, and in which colour? Of maps and tables of places everywhere.

The whole city is one table, its counties, towns and communities within each other: a town shown on one page does not tell
what its county hides on another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from app import disclosure, wording
from app.charts.breaks import NO_DATA, Classes, change_classes, sequential_classes
from app.palette import SEQUENTIAL

LEVELS = ("county", "town", "community")
REST = "rest"
"""The place_level of what a place has beyond the places below it: items that say no more than the place."""


def whole_city(levels: Sequence[pl.DataFrame], city: Mapping[str, object]) -> pl.DataFrame:
    """All places, the city and what each has beyond the places below it, as one frame.

    levels: a frame for each of LEVELS: place_code, parent_code, n_events, n_events_before, population … city: a row with
    place_code, n_events, n_events_before. Adds place_level (REST for what is beyond), rate and change_share.
    """
    places = pl.concat(
        frame.with_columns(pl.lit(level).alias("place_level")) for level, frame in zip(LEVELS, levels, strict=True)
    )
    every = pl.concat([places, pl.DataFrame([{**city, "place_level": "city"}])], how="diagonal_relaxed")
    now, before = pl.col("n_events"), pl.col("n_events_before")
    return pl.concat([every, _rests(every)], how="diagonal_relaxed").with_columns(
        (now / pl.col("population") * 10_000).alias("rate"),
        pl.when(before >= wording.SMALL_BASE).then(now / before - 1).alias("change_share"),
    )


def safe(places: pl.DataFrame, told: Mapping[str, Sequence[str]], k: int) -> pl.DataFrame:
    """`whole_city` with small counts hidden. told: measure → the places whose count is published anyway."""
    return disclosure.suppress(
        places,
        measures=["n_events", "n_events_before"],
        tree=("place_code", "parent_code"),
        shown={name: places["place_code"].is_in(list(codes)) for name, codes in told.items()},
        derived={"rate": ["n_events"], "change_share": ["n_events", "n_events_before"]},
        k=k,
    )


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
    """Of `safe`: the places of one level in the place looked at, most first."""
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


def without_boundary(counts: pl.DataFrame, geometry: Mapping[str, str]) -> pl.DataFrame:
    """The places no map can show: no boundary, and either items or a place in the reference."""
    has_items = (pl.col("n_events") > 0).fill_null(False) | pl.col("n_events" + disclosure.MARK).is_not_null()
    return counts.filter(~pl.col("place_code").is_in(list(geometry)) & (has_items | ~pl.col("is_provisional")))


def can_be_drawn(missing: pl.DataFrame, geometry: Mapping[str, str]) -> bool:
    """A map with a hole misleads: it is drawn when what it lacks is outside the reference and listed beside it."""
    return bool(geometry) and bool(missing["is_provisional"].all())


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
