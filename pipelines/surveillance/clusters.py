"""Where do items of one issue crowd together just now, and which places are in it?

For each issue and each of the last CLUSTER_WEEKS complete weeks the prospective space-time permutation scan
(`detectors.scan`) over the last STUDY_WEEKS weeks: circles of at most MAX_RADIUS_KM and MAX_PLACES places, the last 1
to MAX_WINDOW_WEEKS weeks. An item sits at its community (the reference's centre point) or, without one, at its own cell
of about 200 m; what is located to a town only, or on a default point, is in no circle. Weeks are those of registration.

A chance is stated twice. recurrence_weeks: once in so many weeks this issue alone would bring such a cluster by chance.
chance_per_year: how often a year any of the issues searched that week would, so that a reader of the whole list knows.
Items that come in bundles crowd together more often than items that come one by one: `dispersion` measures by how much,
in the same issue's past, and the scan allows for it.

What is found in a week rests on the items of its STUDY_WEEKS alone: where these are the same as in an earlier run, its
clusters are taken over from there (`Scans`).
"""

import hashlib
import zlib
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.detectors.scan import circles, scan
from pipelines.surveillance.record import EVIDENCE_COLUMNS

CLUSTER_WEEKS = 13
STUDY_WEEKS = 52
MIN_STUDY_WEEKS = 13
MAX_WINDOW_WEEKS = 4
MAX_RADIUS_KM = 5.0
BLOCK_DEGREES = 0.05  # about 5 km
MAX_PLACES = 50  # of a circle: where cells lie close, those next to its centre; a wider rise shows in the town's count
MIN_CASES = 5  # fewer items are never a cluster: not worth a meeting, and too few to be shown
REPLICATIONS, STOP_AFTER = 999, 10
LISTED_P = 0.05
ALARM_P = 0.001  # of one issue: about once in twenty years
YEAR = 52

FOUND_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "week_start_on": pl.Date,
    "cluster_id": pl.String,
    "issue_code": pl.String,
    "lon": pl.Float64,
    "lat": pl.Float64,
    "radius_km": pl.Float64,
    "n_places": pl.Int64,
    "county_code": pl.String,
    "town_code": pl.String,
    "place_level": pl.String,  # the smallest of town, county, city that holds all of the cluster's items
    "place_code": pl.String,
    "first_week_on": pl.Date,
    "observed": pl.Int64,
    "expected": pl.Float64,
    "statistic": pl.Float64,
    "p_value": pl.Float64,
    "recurrence_weeks": pl.Float64,
    "chance_per_year": pl.Float64,
}
MEMBER_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "week_start_on": pl.Date,
    "cluster_id": pl.String,
    "place_code": pl.String,  # null: the cell at lon, lat
    "lon": pl.Float64,
    "lat": pl.Float64,
    "n_events": pl.Int64,  # in the weeks of the cluster
}
SCAN_COLUMNS = {"week_start_on": pl.Date, "issue_code": pl.String, "scan_key": pl.UInt64}


class Scans(NamedTuple):
    """Clusters, the places in them, and of what each issue and week searched was made (scan_key)."""

    found: pl.DataFrame  # FOUND_COLUMNS
    members: pl.DataFrame  # MEMBER_COLUMNS
    keys: pl.DataFrame  # SCAN_COLUMNS


NONE = Scans(*(pl.DataFrame(schema=columns) for columns in (FOUND_COLUMNS, MEMBER_COLUMNS, SCAN_COLUMNS)))


def find(
    items: pl.DataFrame,
    places: pl.DataFrame,
    *,
    weeks: Sequence[date],
    seed: int = 0,
    n_weeks: int = CLUSTER_WEEKS,
    expected: pl.DataFrame | None = None,
    before: Scans = NONE,
) -> Scans:
    """The clusters of the last `n_weeks` of `weeks` and the places in them.

    items: week_start_on, issue_code, county_code, town_code, community_code, lon, lat, n_events; any number of rows of
    the same place and week; lon and lat null unless the item's own cell is known. places: place_code, place_level,
    county_code, town_code, population, lon, lat. weeks: every complete week, in order, as Mondays.
    expected: for Kulldorff's Poisson statistic instead of permutation, what is usual, in any unit: place_code of a
    community or a town (spread over its communities by population), expected, and optionally issue_code, week_start_on;
    `places.select("place_code", expected="population")` for as many items a head everywhere. Items at places without
    an expectation are then left out. before: of an earlier run of this program with these places.

    Listed are the clusters of MIN_CASES items or more with p_value <= LISTED_P, per issue and week those that share no
    place. p_value: of the Monte Carlo rank; below what REPLICATIONS can show, of the Gumbel tail. The same items give
    the same answer: the random numbers follow from seed, issue and week.
    """
    weeks = list(weeks)
    located, spots = _located(items, places, weeks)
    if len(weeks) < MIN_STUDY_WEEKS or located.is_empty():
        return NONE
    position = spots.select("lon", "lat").to_numpy()
    area_starts = np.flatnonzero(spots["area"].ne_missing(spots["area"].shift()).to_numpy())
    judged = range(max(len(weeks) - n_weeks, MIN_STUDY_WEEKS - 1), len(weeks))
    marks = np.array([_digest(repr(spot[1:]).encode()) for spot in spots.iter_rows()], dtype=np.uint64)
    known = set(before.keys.select(list(SCAN_COLUMNS)).iter_rows())
    keys: list[tuple[date, str, int]] = []
    rows = []
    for issue, own in sorted(located.partition_by("issue_code", as_dict=True).items()):
        issue_code = str(issue[0])
        counts = np.zeros((len(spots), len(weeks)), dtype=np.int64)
        np.add.at(counts, (own["spot"].to_numpy(), own["week"].to_numpy()), own["n_events"].to_numpy())
        usual = None if expected is None else _expectation(expected, issue_code, spots, places, weeks)
        if usual is not None:
            counts[usual.sum(axis=1) == 0] = 0
        by_area = np.add.reduceat(counts, area_starts)
        said = _by_week(counts, marks)
        recent = np.convolve(counts.sum(axis=0), np.ones(MAX_WINDOW_WEEKS, int))[: len(weeks)]
        for week in judged:
            if recent[week] < MIN_CASES:
                continue
            first = max(0, week + 1 - STUDY_WEEKS)
            study = slice(first, week + 1)
            spread = dispersion(by_area[:, first : week + 1 - MAX_WINDOW_WEEKS])
            stated = () if usual is None else (marks, usual[:, study])
            what = (said[study], np.array([seed, spread]), *stated)
            keys.append((weeks[week], issue_code, _digest(b"".join(part.tobytes() for part in what))))
            if keys[-1] in known:
                continue
            kept = np.flatnonzero((counts if usual is None else usual)[:, study].sum(axis=1) > 0)
            found = scan(
                counts[kept, study],
                position[kept],
                around=circles(position[kept], MAX_RADIUS_KM, is_lonlat=True, max_places=MAX_PLACES),
                max_radius=MAX_RADIUS_KM,
                max_periods=MAX_WINDOW_WEEKS,
                is_lonlat=True,
                model="permutation" if usual is None else "poisson",
                expected=None if usual is None else usual[kept, study],
                dispersion=spread,
                replications=REPLICATIONS,
                stop_after=STOP_AFTER,
                max_p=LISTED_P,
                skip_empty_places=True,
                seed=(seed, zlib.crc32(issue_code.encode()), weeks[week].toordinal()),
            )
            rows += [
                _row(cluster, counts, kept, spots, weeks, first, week, issue_code)
                for cluster in found.iter_rows(named=True)
                if cluster["observed"] >= MIN_CASES
            ]
    return _frames(rows, before, pl.DataFrame(keys, schema=SCAN_COLUMNS, orient="row"), places)


def _by_week(counts: npt.NDArray[np.int64], marks: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Of each week a mark of what was counted where."""
    filled = [np.flatnonzero(week) for week in counts.T]
    said = [_digest(marks[at].tobytes() + week[at].tobytes()) for at, week in zip(filled, counts.T, strict=True)]
    return np.array(said, dtype=np.uint64)


def _digest(what: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(what, digest_size=8).digest())


def _located(items: pl.DataFrame, places: pl.DataFrame, weeks: list[date]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(issue_code, spot, week, n_events; the spots, by area: place_code, lon, lat, county_code, town_code, area)."""
    centers = places.filter((pl.col("place_level") == "community") & pl.col("lon").is_not_null()).select(
        pl.col("place_code").alias("community_code"),
        pl.col("lon").alias("lon_center"),
        pl.col("lat").alias("lat_center"),
    )
    at = ["place_code", "lon", "lat"]
    number = pl.DataFrame(
        {"week_start_on": weeks, "week": range(len(weeks))}, schema={"week_start_on": pl.Date, "week": pl.Int64}
    )
    placed = (
        items.join(number, on="week_start_on")
        .join(centers, on="community_code", how="left")
        .with_columns(
            pl.when(pl.col("lon_center").is_not_null()).then("community_code").alias("place_code"),
            pl.coalesce("lon_center", "lon").alias("lon"),
            pl.coalesce("lat_center", "lat").alias("lat"),
        )
        .filter(pl.col("lon").is_not_null())
        .group_by(*at, "county_code", "town_code", "issue_code", "week")
        .agg(pl.col("n_events").sum())
    )
    spots = (  # a cell belongs to the town most of its items name
        placed.group_by(*at, "county_code", "town_code")
        .agg(pl.col("n_events").sum())
        .sort(
            *at, "n_events", "town_code", "county_code", descending=[False] * 3 + [True] + [False] * 2, nulls_last=True
        )
        .unique(at, keep="first", maintain_order=True)
        .drop("n_events")
        .with_columns(pl.coalesce("town_code", _block("lon") + "/" + _block("lat")).alias("area"))
        .sort("area", *at, nulls_last=True)
        .with_row_index("spot")
    )
    return placed.join(spots.select(*at, "spot"), on=at, nulls_equal=True).drop("county_code", "town_code", *at), spots


def _block(degrees: str) -> pl.Expr:
    return (pl.col(degrees) / BLOCK_DEGREES).floor().cast(pl.Int64).cast(pl.String)


def dispersion(by_area: np.ndarray) -> float:
    """Variance over mean of the items of an area in a week, 1 or more, when nothing is going on.

    Pearson's, against the expectation that area and week are independent; a count far out, an event of its own, counts
    as if it were four standard deviations and four items above it. by_area: (n_areas, n_weeks), areas of about the size
    of the largest circle: `find` takes towns, and blocks of BLOCK_DEGREES for what is in none.
    """
    by_area = by_area[by_area.sum(axis=1) > 0][:, by_area.sum(axis=0) > 0]
    if min(by_area.shape, default=0) < 2:
        return 1.0
    expected = by_area.sum(axis=1, keepdims=True) * by_area.sum(axis=0) / by_area.sum()
    far = np.minimum(by_area, expected + 4 * np.sqrt(expected) + 4) - expected
    freedom = (by_area.shape[0] - 1) * (by_area.shape[1] - 1)
    return max(1.0, float((far**2 / expected).sum() / freedom))


def _expectation(
    expected: pl.DataFrame, issue: str, spots: pl.DataFrame, places: pl.DataFrame, weeks: list[date]
) -> np.ndarray:
    """(n_spots, n_weeks): a community's own expectation, or its share by population of that of its town."""
    heads = pl.col("population").cast(pl.Float64)
    known = (
        spots.filter(pl.col("place_code").is_not_null())
        .join(places.select("place_code", "population"), on="place_code", how="left")
        .with_columns(heads.fill_null(heads.mean().over("town_code")).fill_null(1.0).alias("heads"))
    )
    share = pl.col("heads") / pl.col("heads").sum().over("town_code")
    stated = pl.concat(
        [
            known.select("spot", "place_code", pl.lit(1.0).alias("share")),
            known.select("spot", pl.col("town_code").alias("place_code"), share.alias("share")),
        ]
    )
    if "issue_code" in expected.columns:
        expected = expected.filter(pl.col("issue_code") == issue)
    rows = expected.drop_nulls("expected").join(stated, on="place_code")
    values = (rows["expected"] * rows["share"]).to_numpy()
    usual = np.zeros((len(spots), len(weeks)))
    if "week_start_on" in expected.columns:
        number = {monday: at for at, monday in enumerate(weeks)}
        at = rows["week_start_on"].replace_strict(number, default=-1, return_dtype=pl.Int64).to_numpy()
        np.add.at(usual, (rows["spot"].to_numpy()[at >= 0], at[at >= 0]), values[at >= 0])
    else:
        np.add.at(usual, rows["spot"].to_numpy(), values[:, None])
    return usual


def _row(
    found: dict,
    counts: np.ndarray,
    kept: np.ndarray,
    spots: pl.DataFrame,
    weeks: list[date],
    first: int,
    week: int,
    issue: str,
) -> dict:
    """A cluster of `scan`, in the words of FOUND_COLUMNS, with its members."""
    since = first + found["first_period"]
    members = kept[found["places"]]
    n_events = counts[members, since : week + 1].sum(axis=1)
    inside = spots[members].with_columns(pl.Series("n_events", n_events))
    center = spots.row(int(kept[found["center"]]), named=True)
    text = f"{issue}|{center['place_code'] or (center['lon'], center['lat'])}|{weeks[since]}"
    holding = inside.filter(pl.col("n_events") > 0)
    is_beyond = (found["p_gumbel"] or 1.0) * (REPLICATIONS + 1) < 1  # rarer than the replications can show
    level = next((name for name in ("town", "county") if _one(holding[f"{name}_code"])), "city")
    return {
        "week_start_on": weeks[week],
        "cluster_id": hashlib.sha256(text.encode()).hexdigest()[:10],
        "issue_code": issue,
        "lon": center["lon"],
        "lat": center["lat"],
        "radius_km": found["radius"],
        "n_places": len(holding),
        "county_code": center["county_code"],
        "town_code": center["town_code"],
        "place_level": level,
        "place_code": None if level == "city" else holding[f"{level}_code"][0],
        "first_week_on": weeks[since],
        "observed": found["observed"],
        "expected": found["expected"],
        "statistic": found["statistic"],
        "p_value": found["p_gumbel"] if is_beyond else found["p_value"],
        "members": holding.select("place_code", "lon", "lat", "n_events").to_dicts(),
    }


def _one(codes: pl.Series) -> bool:
    return codes.n_unique() == 1 and codes[0] is not None


def _frames(rows: list[dict], before: Scans, keys: pl.DataFrame, places: pl.DataFrame) -> Scans:
    """The clusters found now, `rows`, and those of the scans before that hold still."""
    members = [
        {"week_start_on": row["week_start_on"], "cluster_id": row["cluster_id"], **member}
        for row in rows
        for member in row.pop("members")
    ]
    city = places.filter(pl.col("place_level") == "city")["place_code"].min()
    searched = keys.group_by("week_start_on").agg(pl.len().cast(pl.Int64).alias("n_searched"))
    schema = {name: kind for name, kind in FOUND_COLUMNS.items() if name not in ("recurrence_weeks", "chance_per_year")}
    holding = before.keys.join(keys, on=list(SCAN_COLUMNS), how="semi")
    held = before.found.join(holding, on=["week_start_on", "issue_code"], how="semi")
    found = (
        pl.concat([held.select(list(schema)), pl.DataFrame(rows, schema=schema)])
        .join(searched, on="week_start_on")
        .with_columns(
            pl.col("place_code").fill_null(city),
            (1 / pl.col("p_value")).alias("recurrence_weeks"),
            (pl.col("p_value") * pl.col("n_searched") * YEAR).alias("chance_per_year"),
        )
        .select(list(FOUND_COLUMNS))
        .sort("week_start_on", "p_value", "statistic", "cluster_id", descending=[False, False, True, False])
    )
    inside = pl.concat(
        [
            before.members.join(held, on=["week_start_on", "cluster_id"], how="semi"),
            pl.DataFrame(members, schema=MEMBER_COLUMNS),
        ]
    ).sort(
        "week_start_on", "cluster_id", "n_events", "place_code", "lon", "lat",
        descending=[False, False, True, False, False, False], nulls_last=True,
    )  # fmt: skip
    return Scans(found, inside, keys)


def evidence(found: pl.DataFrame) -> pl.DataFrame:
    """The clusters as evidence on their places, EVIDENCE_COLUMNS: of one place, issue and week the rarest.

    observed, expected: of the whole cluster, over its 1 to MAX_WINDOW_WEEKS weeks. score: 1 where the chance is ALARM_P.
    Only what `find` lists is here: of a place without a row nothing more is known than that its chance is above
    LISTED_P.
    """
    p_value = pl.col("p_value")
    return (
        found.sort("week_start_on", "place_level", "place_code", "issue_code", "p_value", "cluster_id")
        .unique(["week_start_on", "place_level", "place_code", "issue_code"], keep="first", maintain_order=True)
        .with_columns(
            pl.lit("cluster").alias("kind"),
            pl.lit(None, pl.String).alias("unit_name"),
            pl.lit(None, pl.Int64).alias("base"),
            pl.lit(None, pl.Float64).alias("upper_bound"),
            (p_value.log() / np.log(ALARM_P)).alias("score"),
            pl.when(p_value <= ALARM_P).then(pl.lit("alarm")).otherwise(pl.lit("normal")).alias("status"),
            pl.lit("").alias("reason"),
        )
        .select(list(EVIDENCE_COLUMNS))
    )
