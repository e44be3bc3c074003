"""How many items has each place, what of it may be shown, and in which colour? Of maps and tables of places everywhere.

The whole city is one table, its counties, towns and communities within each other: a town shown on one page does not tell
what its county hides on another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from app import disclosure, place_rates, reader, wording
from app.charts.breaks import NO_DATA, Classes, change_classes, excess_classes, sequential_classes
from app.palette import SEQUENTIAL

LEVELS = ("county", "town", "community")
DRAWN = {
    "count": "n_events", "rate": "rate", "smoothed": "smoothed_rate", "excess": "excess", "change": "change_share",
}  # fmt: skip
"""Measure → the column a map of it draws."""
SIGNS = {"rate": "rate_sign", "smoothed": "rate_sign", "excess": "excess_sign", "change": "change_sign"}
"""Measure → the column that says where it is clearly off."""
SIGN_WORDS = {
    "rate": {"up": "明显高于平均", "down": "明显低于平均"},
    "excess": {"up": "有判为异常偏高的周"},
    "change": {"up": "明显增多", "down": "明显减少"},
}
SIGN_WORDS["smoothed"] = SIGN_WORDS["rate"]
NEVER_JUDGED = "平常就很少，不判"
FROM_NOW = ("rate", "smoothed_rate", "rate_low", "rate_high", "rate_sign", "excess", "excess_sign", "n_alarms")
FROM_BOTH = ("change_share", "change_sign")
REST = "rest"
"""The place_level of what a place has beyond the places below it: items that say no more than the place."""


def asked(ask: reader.Ask, **asked: reader.Parameter) -> pl.DataFrame:
    """Every place with its items now and in the equally long period before, most first.

    asked: source, issue, group, county, town (only places inside them), from_on, to_on, before_on. What query `places` tells,
    n_events, n_events_before. Where the source has nothing of a county before, in and after the period, its figure is null:
    unknown, not 0. A place not in the reference is left out where it has no items.
    """
    inside = [pl.col(f"{level}_code") == asked[level] for level in ("county", "town") if asked[level] is not None]
    places = ask("places").filter(pl.col("place_level").is_in(LEVELS), *inside)
    counts, reach = ask("place_counts", **asked), ask("county_reach", **asked)
    first, last = reach["first_on"], reach["last_on"]
    known = {
        "n_events": reach.filter((first <= asked["to_on"]) & (last >= asked["from_on"]))["county_code"],
        "n_events_before": reach.filter((first < asked["from_on"]) & (last >= asked["before_on"]))["county_code"],
    }
    return with_counts(places, counts, known)


def with_counts(places: pl.DataFrame, counts: pl.DataFrame, known: Mapping[str, pl.Series]) -> pl.DataFrame:
    """Places of the reference with n_events and n_events_before, most first. counts: of the places that have any; known: of
    which counties each of the two is known at all."""
    found = places.join(counts, on="place_code", how="left").filter(
        ~pl.col("is_provisional") | (pl.col("n_events") > 0)
    )
    return found.with_columns(
        pl.when(pl.col("county_code").is_in(counties.implode())).then(pl.col(name).fill_null(0)).alias(name)
        for name, counties in known.items()
    ).sort("n_events", "place_code", descending=[True, False], nulls_last=True)


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


def with_measures(places: pl.DataFrame, expected: pl.DataFrame | None = None) -> pl.DataFrame:
    """`whole_city` with the columns of app.place_rates, level by level, and what was to be expected.

    expected: place_code, expected, n_alarms (query excess_counts). Adds them, excess (n_events − expected) and excess_sign.
    """
    parts = [
        place_rates.with_rates(part) if level in LEVELS else part
        for (level,), part in places.partition_by("place_level", as_dict=True, maintain_order=True).items()
    ]
    every = pl.concat(parts, how="diagonal_relaxed")
    if expected is None:
        return every
    return every.join(
        expected.select("place_code", "expected", "n_alarms"), on="place_code", how="left", maintain_order="left"
    ).with_columns(
        (pl.col("n_events") - pl.col("expected")).alias("excess"),
        pl.when(pl.col("n_alarms") > 0).then(pl.lit("up")).alias("excess_sign"),
    )


def safe(
    places: pl.DataFrame,
    told: Mapping[str, Sequence[str]],
    k: int,
    measures: Sequence[str] = ("n_events", "n_events_before"),
) -> pl.DataFrame:
    """`whole_city` with small counts hidden. told: measure → the places whose count is published anyway."""
    derived = {name: ["n_events"] for name in FROM_NOW} | {name: ["n_events", "n_events_before"] for name in FROM_BOTH}
    return disclosure.suppress(
        places,
        measures=measures,
        tree=("place_code", "parent_code"),
        shown={
            name: places["place_code"].is_in(list(told.get(name, ()))) | _no_rest(places, name) for name in measures
        },
        derived={name: of for name, of in derived.items() if name in places.columns and set(of) <= set(measures)},
        k=k,
    )


def _no_rest(places: pl.DataFrame, name: str) -> pl.Series:
    """A rest of 0 hides nothing: else what is hidden of this period would depend on the one it is compared with."""
    return (places["place_level"] == REST) & (places[name] == 0).fill_null(False)


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
    """Adds the measure drawn (value), in words (value_text) and where it is clearly off (mark); a count of 「<k」 is drawn as
    the lowest, a hidden one not."""
    value = pl.col(DRAWN[measure]).cast(pl.Float64)
    if measure == "count":
        value = pl.when(_is_small("n_events")).then(1.0).otherwise(value)
    text = [_in_words(row, measure) for row in places.iter_rows(named=True)]
    sign = SIGNS.get(measure)
    return places.with_columns(
        value.alias("value"),
        pl.Series("value_text", text, dtype=pl.String),
        (pl.col(sign) if sign in places.columns else pl.lit(None, pl.String)).alias("mark"),
    )


def highest_first(places: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Of `valued`: the highest of the measure drawn first, what has none last; counts stay in the order of `inside_of`."""
    if measure == "count":
        return places
    return places.sort("value", "place_code", descending=[True, False], nulls_last=True)


def _is_small(name: str) -> pl.Expr:
    return pl.col(name + disclosure.MARK).str.starts_with("<").fill_null(False)


def is_told(places: pl.DataFrame) -> pl.Series:
    """Which places the data tell something about."""
    return places["n_events"].is_not_null() | places["n_events" + disclosure.MARK].is_not_null()


def n_items(row: Mapping[str, object], name: str = "n_events") -> str:
    """12 件；<5 件；件数隐去；—"""
    mark = row[name + disclosure.MARK]
    return wording.items(row[name]) if mark is None else "件数隐去" if mark == disclosure.HIDDEN else f"{mark} 件"  # type: ignore[arg-type]


def _in_words(row: dict, measure: str = "count") -> str:
    now, before = row["n_events" + disclosure.MARK], row["n_events_before" + disclosure.MARK]
    if row["n_events"] is None and now is None:
        return "无数据"
    if measure != "count" and now is None and row[DRAWN[measure]] is not None:
        return f"{_measured(row, measure)}，{n_items(row)}"
    words = n_items(row) + (f"，每万人 {wording.number(row['rate'], 1)} 件" if now is None else "")
    change = (
        f"（{wording.change(row['n_events'], row['n_events_before']).words}）" if now is None and before is None else ""
    )
    return f"{words}，上期 {n_items(row, 'n_events_before')}{change}"


def sign_words(row: Mapping[str, object]) -> str:
    """明显高于平均；明显增多: what is clearly off about a place."""
    said = [SIGN_WORDS[measure].get(str(row.get(SIGNS[measure]))) for measure in ("rate", "excess", "change")]
    return "；".join(word for word in said if word)


def _measured(row: dict, measure: str) -> str:
    if measure == "rate":
        between = f"{wording.number(row['rate_low'], 1)}–{wording.number(row['rate_high'], 1)}"
        return f"{wording.number(row['rate'], 1)} 件（95% 区间 {between}）"
    if measure == "smoothed":
        return f"{wording.number(row['smoothed_rate'], 1)} 件（平滑前 {wording.number(row['rate'], 1)}）"
    if measure == "excess":
        much, weeks = row["excess"], row["n_alarms"]
        said = f"{'多' if much >= 0 else '少'} {wording.number(abs(much), 1)} 件（预期 {wording.number(row['expected'], 1)}）"
        return said + (f"，{weeks} 周判为异常偏高" if weeks else "")
    return f"{wording.share(row['change_share'])}（上期 {n_items(row, 'n_events_before')}）"


def classes_of(frame: pl.DataFrame, measure: str) -> Classes:
    """Classes of what is shown; a count of 「<k」 falls into the lowest above zero, what is hidden into none."""
    shown = frame.filter(pl.col("n_events" + disclosure.MARK).is_null())
    values, hidden = shown["value"].to_list(), len(frame) - len(shown)
    if measure == "excess":
        classes = excess_classes(frame["value"].to_list())
        said = NEVER_JUDGED if frame.filter(pl.col("expected").is_null()).height else ""
        return replace(classes, null_label=_null_label(frame, said, "small") if hidden else said)
    if measure == "change":
        classes = change_classes(frame["value"].to_list())
        return replace(classes, null_label=_null_label(frame, classes.null_label, "small")) if hidden else classes
    classes = sequential_classes(values, whole=measure == "count")
    if not hidden:
        return classes
    if measure in ("rate", "smoothed"):
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
