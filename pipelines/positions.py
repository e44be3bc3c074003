"""Where on the map is a row: which system its file uses, which points mean "not located", in which place a cell lies.

A file's system is decided while it is read (`Survey`), because only the snapped cell is kept. What can be decided over
all stored rows is decided at every build, so that it does not depend on how the office split its files: points that
stand for "not located" (`default_cells`) and the place a cell lies in (`Atlas.places_at`).
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVarTuple

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import shapely

from pipelines import places, reference
from pipelines.errors import UsageError
from pipelines.sources.coordinates import (
    CHINA,
    GRID_DEGREES,
    SYSTEMS,
    Box,
    Floats,
    snap,
    system_named,
    to_cgcs2000,
    within,
)
from pipelines.sources.recognise import Recognised

BOX_MARGIN_DEGREES = 0.2  # around the city's boundaries, about 20 km: items just outside are real
SAMPLE_POINTS, HELD_ROWS = 5_000, 60_000
MIN_POINTS = 30
MIN_HIT_SHARE = 0.5
CLEARLY = 3.0  # standard deviations of a fair coin

# A default point: at least so many rows, so large a part of all, so far above every ordinary cell and its neighbours.
DEFAULT_MIN_ROWS, DEFAULT_MIN_SHARE = 30, 0.005
DEFAULT_GAP, DEFAULT_OVER_NEIGHBOURS = 5, 8
DEFAULT_MAX_CELL_SHARE = 0.05
DEFAULT_MIX = 0.5

METRES = "metres"  # what x and y of an unnamed local grid are in
CELL_COLUMNS = {"source": pl.String, "layout": pl.String, "lon": pl.Float64, "lat": pl.Float64, "n_events": pl.Int64}

_NAMES = ["county_name", "town_name", "community_name"]
_CODES = ("county_code", "town_code", "community_code")
Rest = TypeVarTuple("Rest")


class Atlas:
    """The reference's boundaries, to ask where a point lies and where it should."""

    def __init__(self, known_places: pl.DataFrame, boundaries: pl.DataFrame):
        self._places = places.Gazetteer(known_places)
        self._parent_of = dict(known_places.select("place_code", "parent_code").iter_rows())
        shapes = shapely.from_geojson(boundaries["geometry"].to_numpy())
        shapely.prepare(shapes)
        self._shape_of = dict(zip(boundaries["place_code"].to_list(), shapes, strict=True))
        self._codes: dict[str, list[str]] = {}
        self._trees: dict[str, shapely.STRtree] = {}
        for level in reference.BOUNDARY_LEVELS:
            self._codes[level] = sorted(boundaries.filter(pl.col("place_level") == level)["place_code"].to_list())
            self._trees[level] = shapely.STRtree([self._shape_of[code] for code in self._codes[level]])
        west, south, east, north = shapely.total_bounds(shapes)
        margin = BOX_MARGIN_DEGREES
        self.box: Box | None = (
            (float(west - margin), float(south - margin), float(east + margin), float(north + margin))
            if len(shapes)
            else None
        )

    def shapes_named(self, rows: pl.DataFrame) -> npt.NDArray[np.object_]:
        """The boundary of the smallest place each row names (county_name, town_name, community_name), or None."""
        reported = rows.select(_NAMES).unique().with_columns(pl.lit(1).alias("n_events"))
        resolved, _ = places.resolve(reported, self._places)
        codes = rows.select(_NAMES).join(resolved, on=_NAMES, how="left", nulls_equal=True, maintain_order="left")
        return np.array(
            [
                next((self._shape_of[code] for code in row if code in self._shape_of), None)
                for row in codes.select("community_code", "town_code", "county_code").iter_rows()
            ],
            dtype=object,
        )

    def places_at(self, lon: Floats, lat: Floats) -> pl.DataFrame:
        """county_code, town_code, community_code of cells, by their middle; a community only where it holds the whole
        cell, because a cell is not much smaller than a community in a city."""
        points = shapely.points(lon, lat)
        half = GRID_DEGREES / 2
        found = {level: self._at(level, points) for level in ("county", "town")}
        found["community"] = self._at("community", shapely.box(lon - half, lat - half, lon + half, lat + half))
        rows = []
        for county, town, community in zip(found["county"], found["town"], found["community"], strict=True):
            if town is None and community is not None:
                town = self._parent_of[community]
            if town is not None:
                county = self._parent_of[town]
                community = community if community and self._parent_of[community] == town else None
            rows.append((county, town, community))
        return pl.DataFrame(rows, schema=dict.fromkeys(_CODES, pl.String), orient="row")

    def _at(self, level: str, shapes: npt.NDArray[np.object_]) -> list[str | None]:
        """The place that covers each shape; on a border shared by two, the one with the lower code."""
        first = np.full(len(shapes), len(self._codes[level]))
        which, where = self._trees[level].query(shapes, predicate="covered_by")
        np.minimum.at(first, which, where)
        codes = [*self._codes[level], None]
        return [codes[index] for index in first]


def atlas(folder: Path) -> Atlas | None:
    """The atlas of a reference folder; None where it has no boundaries."""
    boundaries = reference.read_boundaries(folder)
    return None if boundaries.is_empty() else Atlas(reference.read_places(folder), boundaries)


def survey(plan: Recognised, ground: Atlas | None) -> "Survey":
    """How the points of one file are to be read, as far as its layout says."""
    said, bounds = plan.layout.get("crs"), plan.layout.get("bounds")
    stated = system_named(said) if said else None
    if said and not stated:
        raise UsageError(
            f"版式“{plan.layout['title']}”的 crs 为“{said}”，应为 cgcs2000、wgs84、gcj02、bd09 或 EPSG:代号。请改正版式。"
        )
    return Survey(ground, stated=stated, bounds=bounds)


def has_points(plan: Recognised) -> bool:
    return any(plan.layout["columns"].get(header) == "lon" for header in plan.wanted.values())


class Survey:
    """One file's points: in which system are they, and which of them can be used?

    The blocks of a file go through `settle`, which holds the first ones back until the system is decided. It is the one
    the layout states; else the one under which the points fall into the places that their own rows name, if it is
    clearly better than each other one: of the points that only one of the two puts right, it puts so many more right
    that a fair coin would lie CLEARLY standard deviations off (McNemar 1947), and MIN_HIT_SHARE of all points at least.
    Else the points are taken as CGCS2000, and a note says so. Each exact point counts once, so that a default point
    has one vote. Points in local metres are not used unless the layout names their EPSG code.
    """

    def __init__(self, ground: Atlas | None, *, stated: str | None = None, bounds: Box | None = None):
        self._ground = ground
        self._stated = stated
        self._boxes = [bounds] if bounds else [box for box in (CHINA, ground and ground.box) if box]
        self._has_bounds = bounds is not None
        self._counts: Counter[str] = Counter()
        self._how = ""
        self.system: str | None = None
        self._shares: dict[str, float] = {}
        self._n_tried = 0

    def settle(self, blocks: Iterator[tuple[pl.DataFrame, *Rest]]) -> Iterator[tuple[pl.DataFrame, *Rest]]:
        """The same blocks, their events with lon and lat as cells in CGCS2000 instead of the exact x and y."""
        held: list[tuple[pl.DataFrame, *Rest]] = []
        for block in blocks:
            held.append(block)
            seen = [events for events, *_ in held]
            n_points = sum(events["x"].count() for events in seen)
            if self.system is None and 0 < n_points < SAMPLE_POINTS and sum(map(len, seen)) < HELD_ROWS:
                continue
            if self.system is None and n_points:
                self._decide(seen)
            for events, *rest in held:
                yield self._on_cells(events), *rest  # type: ignore[misc]
            held = []
        if held:
            self._decide([events for events, *_ in held])
        for events, *rest in held:
            yield self._on_cells(events), *rest  # type: ignore[misc]

    def _decide(self, blocks: list[pl.DataFrame]) -> None:
        sample = (
            pl.concat([events.select("x", "y", *_NAMES) for events in blocks])
            .drop_nulls(["x", "y"])
            .unique(["x", "y"], keep="first", maintain_order=True)
            .head(SAMPLE_POINTS)
        )
        if sample.is_empty():  # one of the two numbers is always missing
            self.system, self._how = "cgcs2000", "assumed"
            return
        x, y = sample["x"].to_numpy(), sample["y"].to_numpy()
        is_projected = (self._stated or "").startswith("epsg:")
        if not is_projected and np.mean((np.abs(x) > 180) | (np.abs(y) > 180)) > 0.5:
            self.system, self._how = METRES, METRES
            return
        self._try_all(x, y, sample)
        if self._stated:
            self.system, self._how = self._stated, "stated"
        else:
            winner = self._clear_winner()
            self.system, self._how = winner or "cgcs2000", "detected" if winner else "assumed"

    def _try_all(self, x: Floats, y: Floats, sample: pl.DataFrame) -> None:
        self._hits: dict[str, npt.NDArray[np.bool_]] = {}
        if self._ground is None:
            return
        shapes = self._ground.shapes_named(sample)
        at = np.array([shape is not None for shape in shapes])
        self._n_tried = int(at.sum())
        if not self._n_tried:
            return
        for system in dict.fromkeys([*SYSTEMS, *([self._stated] if self._stated else [])]):
            lon, lat = self._degrees(x[at], y[at], system)
            self._hits[system] = shapely.contains_xy(shapes[at], lon, lat)
            self._shares[system] = round(float(self._hits[system].mean()), 3)

    def _clear_winner(self) -> str | None:
        if self._n_tried < MIN_POINTS:
            return None
        best = max(self._shares, key=self._shares.__getitem__)
        others = [hits for system, hits in self._hits.items() if system != best]
        hits = self._hits[best]
        for other in others:
            gained, lost = int((hits & ~other).sum()), int((other & ~hits).sum())
            if gained - lost < CLEARLY * np.sqrt(gained + lost) or gained == lost:
                return None
        return best if hits.mean() >= MIN_HIT_SHARE else None

    def _degrees(self, x: Floats, y: Floats, system: str) -> tuple[Floats, Floats]:
        """In CGCS2000; the two columns exchanged where only that puts the point into the box."""
        lon, lat = to_cgcs2000(x, y, system)
        other_lon, other_lat = to_cgcs2000(y, x, system)
        is_exchanged = ~self._inside(lon, lat) & self._inside(other_lon, other_lat)
        return np.where(is_exchanged, other_lon, lon), np.where(is_exchanged, other_lat, lat)

    def _inside(self, lon: Floats, lat: Floats) -> npt.NDArray[np.bool_]:
        return np.any([within(lon, lat, box) for box in self._boxes], axis=0)

    def _on_cells(self, events: pl.DataFrame) -> pl.DataFrame:
        if not events["x"].count():
            return events.drop("x", "y")
        x = events["x"].fill_null(float("nan")).to_numpy()
        y = events["y"].fill_null(float("nan")).to_numpy()
        is_given = ~np.isnan(x) & ~np.isnan(y)
        is_zero = is_given & (x == 0) & (y == 0)
        if self.system == METRES:
            lon, lat, is_good = x, y, np.zeros(len(x), dtype=bool)
        else:
            lon, lat = self._degrees(x, y, self.system or "cgcs2000")
            is_good = is_given & ~is_zero & self._inside(lon, lat)
            if not (self.system or "").startswith("epsg:"):
                self._counts["exchanged"] += int((is_good & ~self._inside(x, y)).sum())
        self._counts["given"] += int(is_given.sum())
        self._counts["zero"] += int(is_zero.sum())
        self._counts["outside"] += int((is_given & ~is_zero & ~is_good).sum())
        cells = [
            pl.Series(name, snap(np.where(is_good, degrees, np.nan)), nan_to_null=True)
            for name, degrees in (("lon", lon), ("lat", lat))
        ]
        return events.drop("x", "y").with_columns(cells)

    @property
    def crs(self) -> str | None:
        """The system of the points used, for the ledger; None without."""
        return None if self.system == METRES else self.system

    @property
    def hits(self) -> str | None:
        """For the ledger, JSON: the share of points inside the place their row names under each system, how many points
        were tried, and how the system was decided (detected, stated, assumed, metres). None without points."""
        if self.system is None:
            return None
        return json.dumps({**self._shares, "n": self._n_tried, "how": self._how})

    def notes(self) -> list[str]:
        """What an administrator should know about the file's points, one sentence each."""
        n = self._counts
        if self._how == METRES:
            return [
                f"坐标是以米为单位的本地坐标，{n['given']:,} 行的位置没有使用；"
                "请向测绘部门问清 EPSG 代号，写入版式的 crs（如 EPSG:4549），撤回本批次后重新导入。"
            ]
        said = []
        shares = "，".join(f"{SYSTEMS.get(name, name)} {share:.0%}" for name, share in self._shares.items())
        tried = f"抽查 {self._n_tried:,} 个点，落在本行所写区域内的比例：{shares}" if self._shares else ""
        if self._how == "assumed":
            why = tried or ("点位所在行的区域名称对不上区划边界" if self._ground else "还没有导入区划边界")
            said.append(
                f"坐标系未能判定（{why}），按 CGCS2000 使用；如来自高德、百度地图，请在版式里写明 crs 后重新导入。"
            )
        elif self._how == "detected" and self.system != "cgcs2000":
            said.append(f"坐标判定为 {SYSTEMS[self.system or '']}，已换算为 CGCS2000（{tried}）。")
        elif self._how == "stated" and self._n_tried >= MIN_POINTS:
            clear = self._clear_winner()
            if clear and clear != self.system:
                said.append(
                    f"版式写明坐标系为 {self.system}，但点位更像 {SYSTEMS.get(clear, clear)}（{tried}），请核对。"
                )
        if n["exchanged"]:
            said.append(f"{n['exchanged']:,} 行的经度和纬度填反了，已对调。")
        if n["zero"]:
            said.append(f"{n['zero']:,} 行的坐标是 (0, 0)，按没有位置处理。")
        if n["outside"]:
            where = "版式规定的范围" if self._has_bounds else "中国和已导入的区划边界"
            more = "" if self._has_bounds else "；外地或测试数据请在版式里写明 bounds"
            said.append(f"{n['outside']:,} 行的坐标在{where}以外，按没有位置处理{more}。")
        return said


def locate(
    connection: duckdb.DuckDBPyConnection, ground: Atlas | None, as_of_end: datetime
) -> tuple[pl.DataFrame, ...]:
    """What every occupied cell is, and the cells that stand for "not located".

    (positions: source, layout, lon, lat, position_kind, county_code, town_code, community_code; one row a cell of each
    layout. default cells: CELL_COLUMNS and share, of the layout's rows with a position.) position_kind is cell,
    default_point or outside: beyond the city's boundaries by more than BOX_MARGIN_DEGREES.
    """
    cells = connection.sql(
        f"""
        select e.source, b.layout, e.lon, e.lat, count(*) as n_events
        from known_event as e inner join known_batch as b on b.batch_id = e.batch_id
        where e.lon is not null and e.registered_at < timestamp '{as_of_end}'
        group by all order by all
        """
    ).pl()
    default = default_cells(connection, cells, as_of_end)
    lon, lat = cells["lon"].to_numpy(), cells["lat"].to_numpy()
    is_outside = ~within(lon, lat, ground.box) if ground and ground.box else np.zeros(len(cells), dtype=bool)
    codes = ground.places_at(lon, lat) if ground else None
    if codes is None:
        codes = pl.DataFrame({name: pl.Series([None] * len(cells), dtype=pl.String) for name in _CODES})
    on = ["source", "layout", "lon", "lat"]
    positions = (
        cells.select(on)
        .with_columns(codes.get_columns())
        .with_columns(pl.Series("is_outside", is_outside))
        .join(default.select(*on, pl.lit(True).alias("is_default")), on=on, how="left", maintain_order="left")
        .with_columns(
            pl.when("is_default")
            .then(pl.lit("default_point"))
            .when("is_outside")
            .then(pl.lit("outside"))
            .otherwise(pl.lit("cell"))
            .alias("position_kind")
        )
        .with_columns(pl.when(pl.col("position_kind") == "cell").then(pl.col(name)).alias(name) for name in _CODES)
        .drop("is_default", "is_outside")
    )
    return positions, default


def default_cells(connection: duckdb.DuckDBPyConnection, cells: pl.DataFrame, as_of_end: datetime) -> pl.DataFrame:
    """The cells of `cells` (CELL_COLUMNS) whose rows were put there because nobody knew where they belong.

    Geocoders and clerks use one point, often the city hall, for "somewhere". Such a cell holds a large part of a
    layout's rows, stands alone above all ordinary cells and above its neighbours (also down town, where they are busy),
    and its rows are of all kinds: a single real matter, however loud, is of one kind. The cell's few genuine rows go
    with it.
    """
    found = []
    for (source, layout), own in cells.group_by(["source", "layout"], maintain_order=True):
        total = int(own["n_events"].sum())
        lonely = _above_the_rest(own).filter(
            (pl.col("n_events") >= DEFAULT_MIN_ROWS) & (pl.col("n_events") >= DEFAULT_MIN_SHARE * total)
        )
        for row in lonely.iter_rows(named=True):
            if _over_neighbours(own, row) and _is_mixed(connection, str(source), str(layout), row, as_of_end):
                found.append({**row, "share": row["n_events"] / total})
    return pl.DataFrame(found, schema=CELL_COLUMNS | {"share": pl.Float64})


def _above_the_rest(cells: pl.DataFrame) -> pl.DataFrame:
    """The few largest cells that the next largest does not reach to a DEFAULT_GAP-th; most often none."""
    ranked = cells.sort("n_events", "lon", "lat", descending=[True, False, False])
    n = ranked["n_events"].to_numpy()
    most = max(1, int(len(n) * DEFAULT_MAX_CELL_SHARE))
    gaps = np.flatnonzero(n[:-1] >= DEFAULT_GAP * n[1:])
    gaps = gaps[gaps < most]
    return ranked.head(int(gaps.max()) + 1 if len(gaps) else 0)


def _over_neighbours(cells: pl.DataFrame, cell: dict) -> bool:
    """Far above the 24 cells around it; one of them may be a default point itself."""
    reach = 2.5 * GRID_DEGREES
    around = cells.filter(
        ((pl.col("lon") - cell["lon"]).abs() < reach)
        & ((pl.col("lat") - cell["lat"]).abs() < reach)
        & ((pl.col("lon") != cell["lon"]) | (pl.col("lat") != cell["lat"]))
    )["n_events"].sort(descending=True)
    return len(around) < 2 or cell["n_events"] >= DEFAULT_OVER_NEIGHBOURS * around[1]


def _is_mixed(connection: duckdb.DuckDBPyConnection, source: str, layout: str, cell: dict, as_of_end: datetime) -> bool:
    """Are the cell's rows about as varied as all rows of the layout: in their categories, or where the layout has
    none, in their months? Variety is Simpson's: how many kinds of equal size would meet as rarely."""
    for kind in ("split_part(e.category_raw, '>', 1)", "date_trunc('month', e.registered_at)"):
        query = f"""
            with kind as (
                select {kind} as kind, count(*) as n_all, count(*) filter (e.lon = $lon and e.lat = $lat) as n_here
                from known_event as e inner join known_batch as b on b.batch_id = e.batch_id
                where e.source = $source and b.layout = $layout and e.lon is not null and e.registered_at < $end
                group by kind
            )
            select sum(n_all) ^ 2 / sum(n_all ^ 2), sum(n_here) ^ 2 / sum(n_here ^ 2) from kind
        """
        parameters = {"lon": cell["lon"], "lat": cell["lat"], "source": source, "layout": layout, "end": as_of_end}
        everywhere, here = connection.execute(query, parameters).fetchall()[0]
        if everywhere >= 2:
            return here >= DEFAULT_MIX * everywhere
    return False
