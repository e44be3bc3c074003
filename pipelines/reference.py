"""Reference data the office maintains: districts with boundaries and population, units, a local cross-walk.

Files live in HOME/reference and are replaced as a whole by `yanpan ingest FOLDER` when FOLDER (or a folder
below it) is called `reference`. A home without reference data works: places are then shown as the files name them.
"""

import hashlib
import json
import shutil
from datetime import date, datetime
from pathlib import Path

import polars as pl
import shapely
from shapely.geometry import shape

from pipelines import place_files
from pipelines.config import SEEDS, Home
from pipelines.errors import SourceError

PLACE_COLUMNS = {
    "place_code": pl.String,
    "place_name": pl.String,
    "place_level": pl.String,
    "parent_code": pl.String,
    "population": pl.Int64,
    "lon": pl.Float64,
    "lat": pl.Float64,
    "aliases": pl.String,
}
OPTIONAL_COLUMNS = {"former_names": pl.String}  # as aliases: several, joined by ;
FOLDER = "reference"
LEVELS = ("city", "county", "town", "community")
BOUNDARY_LEVELS = LEVELS[1:]
BOUNDARY_COLUMNS = {"place_code": pl.String, "place_level": pl.String, "geometry": pl.String}
PLACE_FILES = ("place.csv", *(f"boundary_{level}.geojson" for level in BOUNDARY_LEVELS))
OTHER_FILES = (
    "crosswalk.csv",
    "deadline_rule.csv",
    "kpi.csv",
    "correction.csv",
    "setting.csv",
    "unit.csv",
    "step_rule.csv",
    "topic.csv",
    "keyword.csv",
    "keyword_exclusion.csv",
    "duty.csv",
)
TIME_FORMAT = "%Y-%m-%dT%H%M%S"  # no colons: Windows has no such folder names
MAX_VERTICES = {"county": 8_000, "town": 8_000, "community": 60_000}  # communities are drawn county by county
FINEST_TOLERANCE, COARSEST_TOLERANCE = 0.0001, 0.02  # degrees
CROSSWALK_COLUMNS = ["source", "category_raw", "issue_code", "valid_from"]


def folders(paths: list[Path]) -> list[Path]:
    """The `reference` folders at or below the given paths."""
    found = []
    for path in paths:
        if path.is_dir():
            found += [path] if path.name == FOLDER else sorted(path.rglob(FOLDER))
    return [folder for folder in found if (folder / "place.csv").exists() or _loose_files(folder)]


def loose_files(paths: list[Path]) -> list[Path]:
    """The boundary files and place lists among the given files and below the given folders, outside `reference`."""
    found = []
    for path in paths:
        below = sorted(path.rglob("*")) if path.is_dir() and path.name != FOLDER else [path]
        found += [
            file
            for file in below
            if file.is_file()
            and FOLDER not in file.relative_to(path).parts[:-1]
            and not file.name.startswith((".", "~$"))
            and (file == path or file.suffix.lower() in (".geojson", ".json", ".csv", ".tsv"))
            and place_files.is_place_file(file)
        ]
    return found


def install(folder: Path, home: Home, *, crs: str | None = None) -> dict:
    """Check a folder of reference files and make it the one in force, whole or not at all.

    place.csv and boundary_<level>.geojson as `read_places` and `read_boundaries` want them, and anything that
    `place_files` can read. `crs`: the coordinate system of boundary files that name none.
    """
    start = place_files.Draft(_by_code(read_places(folder)), {}, [])
    bounded = place_files.adopt(_boundary_files(folder), start, crs)
    unknown = [(level, code) for level, code in bounded.shapes if start.places and code not in start.places]
    if unknown:
        level, code = unknown[0]
        raise SourceError(
            f"boundary_{level}.geojson",
            found=f"区划表里没有的代码 {code}",
            expected="每个边界的 place_code 都在 place.csv 中",
            next_step="请补齐 place.csv 或删去该边界后重新导入",
        )
    bounded = bounded._replace(places=bounded.places | start.places)  # place.csv has the last word on names
    draft = place_files.adopt(_loose_files(folder), bounded, crs)
    given = {path.name: path for path in folder.iterdir()}
    # What the office keeps of its own (correction.csv, deadline_rule.csv …) stays unless the folder brings another.
    own = {path.name: path for path in home.reference.iterdir()} if home.reference.is_dir() else {}
    return _put_in_force(draft, folder.name, home, [*(own | given).values()])


def install_files(files: list[Path], home: Home, *, crs: str | None = None) -> dict:
    """Loose boundary files and place lists on top of the reference in force, all or none of them."""
    shapes = {
        (level, code): shapely.from_geojson(geometry)
        for code, level, geometry in read_boundaries(home.reference).iter_rows()
    }
    places = _by_code(read_places(home.reference))
    own = [path for path in files if path.suffix.lower() == ".csv" and set(PLACE_COLUMNS) <= set(_header(path))]
    for path in own:
        places |= _by_code(_read_place_table(path))
    draft = place_files.adopt([path for path in files if path not in own], place_files.Draft(places, shapes, []), crs)
    others = [*home.reference.iterdir()] if home.reference.is_dir() else []
    return _put_in_force(draft, "、".join(path.name for path in files), home, others)


def _put_in_force(draft: place_files.Draft, name: str, home: Home, others: list[Path]) -> dict:
    """Write a draft as HOME/reference, with the files of `others` that are not places (crosswalk.csv …)."""
    keep(home)
    fresh, old = home.path / "reference.new", home.path / "reference.old"
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    for path in others:
        if path.name not in PLACE_FILES and path not in _loose_files(path.parent):
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, fresh / path.name)
    places = pl.DataFrame(list(draft.places.values()), schema={**PLACE_COLUMNS, **OPTIONAL_COLUMNS}, orient="row")
    if places["former_names"].null_count() == len(places):
        places = places.drop("former_names")
    places.write_csv(fresh / "place.csv")
    for level in BOUNDARY_LEVELS:
        features = [
            {
                "type": "Feature",
                "properties": {"place_code": code, "place_name": draft.places[code]["place_name"]},
                "geometry": json.loads(_compact(shape)),
            }
            for (of_level, code), shape in draft.shapes.items()
            if of_level == level
        ]
        if features:
            text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
            (fresh / f"boundary_{level}.geojson").write_text(text, encoding="utf-8")
    if home.reference.exists():
        home.reference.replace(old)
    fresh.replace(home.reference)
    shutil.rmtree(old, ignore_errors=True)
    keep(home)
    n_boundaries = sum(level in BOUNDARY_LEVELS for level, _ in draft.shapes)
    return {"folder": name, "places": len(places), "boundaries": n_boundaries, "notes": draft.notes}


def _by_code(places: pl.DataFrame) -> dict[str, dict]:
    return {row["place_code"]: {"former_names": None, **row} for row in places.iter_rows(named=True)}


def _boundary_files(folder: Path) -> list[Path]:
    return [path for level in BOUNDARY_LEVELS if (path := folder / f"boundary_{level}.geojson").exists()]


def _loose_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name not in (*PLACE_FILES, *OTHER_FILES) and place_files.is_place_file(path)
    ]


def _header(path: Path) -> list[str]:
    return read_table(path).columns


def keep(home: Home, at: datetime | None = None) -> Path | None:
    """Put what is in force into HOME/reference_history/<time>/ unless it is there already; where it is kept.

    Every installation and every build does so, which keeps what an office changed by hand in HOME/reference as well.
    """
    if not home.reference.is_dir():
        return None
    kept = _kept(home)
    if kept and _content(kept[-1]) == _content(home.reference):
        return kept[-1]
    name = (at or datetime.now()).strftime(TIME_FORMAT)
    while (history(home) / name).exists():  # a second one within the second
        name += "+"
    fresh = history(home) / ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(home.reference, fresh)
    fresh.replace(history(home) / name)
    return history(home) / name


def as_of(home: Home, day: date) -> Path:
    """The reference folder that was in force on the evening of `day`: the newest kept by then, else the oldest."""
    kept = _kept(home)
    by_then = [folder for folder in kept if folder.name[:10] <= day.isoformat()]
    return by_then[-1] if by_then else kept[0] if kept else home.reference


def history(home: Home) -> Path:
    return home.path / "reference_history"


def _kept(home: Home) -> list[Path]:
    return sorted(folder for folder in history(home).glob("*") if folder.is_dir() and not folder.name.startswith("."))


def _content(folder: Path) -> dict[str, bytes]:
    """File name → digest, for telling whether two folders say the same."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).digest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def for_display(boundaries: pl.DataFrame) -> pl.DataFrame:
    """The boundaries drawn with at most MAX_VERTICES a level, borders still shared between neighbours.

    Finer ones cannot be seen on a page and would make it heavy; places are decided by the full ones.
    """
    drawn = []
    for (level,), own in boundaries.group_by("place_level", maintain_order=True):
        shapes = shapely.from_geojson(own["geometry"].to_numpy())
        tolerance, fewer = FINEST_TOLERANCE, shapes
        while shapely.get_num_coordinates(fewer).sum() > MAX_VERTICES[str(level)] and tolerance < COARSEST_TOLERANCE:
            fewer = shapely.coverage_simplify(shapes, tolerance)
            tolerance *= 1.5
        if fewer is not shapes:
            own = own.with_columns(pl.Series("geometry", [_compact(shape) for shape in fewer], dtype=pl.String))
        drawn.append(own)
    return pl.concat(drawn) if drawn else boundaries


def read_places(folder: Path) -> pl.DataFrame:
    """place.csv as a frame, one row a place, empty if there is none."""
    path = folder / "place.csv"
    return _read_place_table(path) if path.exists() else pl.DataFrame(schema=PLACE_COLUMNS)


def _read_place_table(path: Path) -> pl.DataFrame:
    raw = read_table(path)
    missing = [name for name in PLACE_COLUMNS if name not in raw.columns]
    if missing:
        raise SourceError(
            path.name,
            where="第 1 行",
            found=f"缺少列 {'、'.join(missing)}",
            expected="、".join(PLACE_COLUMNS),
            next_step="请按样例补齐表头后重新导入",
        )
    wrong = raw.with_row_index("row", 2).filter(~pl.col("place_level").is_in(LEVELS))
    if len(wrong):
        raise SourceError(
            path.name,
            where=f"第 {wrong['row'][0]} 行 place_level 列",
            found=f"“{wrong['place_level'][0]}”",
            expected="city、county、town、community 之一",
            next_step="请改正后重新导入",
        )
    kinds = {**PLACE_COLUMNS} | {name: kind for name, kind in OPTIONAL_COLUMNS.items() if name in raw.columns}
    typed = raw.select(pl.col(name).cast(kind, strict=False) for name, kind in kinds.items())
    for name in ("population", "lon", "lat"):
        bad = raw.with_row_index("row", 2).filter(raw[name].is_not_null() & typed[name].is_null())
        if len(bad):
            raise SourceError(
                path.name,
                where=f"第 {bad['row'][0]} 行 {name} 列",
                found=f"“{bad[name][0]}”",
                expected="数字",
                next_step="请改正后重新导入",
            )
    return typed


def read_table(path: Path) -> pl.DataFrame:
    """A small CSV as text columns, in UTF-8 or, as Excel saves it here, GB18030."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030", errors="replace")
    try:
        return pl.read_csv(text.encode(), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            path.name, found="不是完整的 CSV", expected="首行为表头、每行列数相同的 CSV", next_step="请重新导出该文件"
        ) from error


def read_boundaries(folder: Path) -> pl.DataFrame:
    """Boundaries of all levels: place_code, place_level, geometry (compact GeoJSON text). Repairs invalid rings."""
    rows = []
    for level in BOUNDARY_LEVELS:
        path = folder / f"boundary_{level}.geojson"
        if not path.exists():
            continue
        try:
            features = json.loads(path.read_text(encoding="utf-8"))["features"]
        except (json.JSONDecodeError, KeyError, UnicodeDecodeError) as error:
            raise SourceError(
                path.name,
                found="不是完整的 GeoJSON",
                expected="含 features 的 GeoJSON（UTF-8）",
                next_step="请重新导出边界文件",
            ) from error
        for feature in features:
            geometry = shape(feature["geometry"])
            if not geometry.is_valid:
                geometry = shapely.make_valid(geometry, method="structure")
            rows.append((str(feature["properties"]["place_code"]), level, _compact(geometry)))
    return pl.DataFrame(rows, schema=BOUNDARY_COLUMNS, orient="row")


def read_crosswalk(folder: Path) -> pl.DataFrame:
    """Source category → issue code: the seed and, on top of it, the office's own HOME/reference/crosswalk.csv."""
    frames = [
        read_table(path).select(CROSSWALK_COLUMNS)
        for path in (SEEDS / "crosswalk.csv", folder / "crosswalk.csv")
        if path.exists()
    ]
    return pl.concat(frames).unique(["source", "category_raw"], keep="last", maintain_order=True)


def read_units(folder: Path) -> pl.DataFrame:
    """The office's own list of units and their duties: unit_code, unit_name, role_name, county_code, and the town of a town office.

    HOME/reference/unit.csv; without one the list is empty.
    """
    columns = ["unit_code", "unit_name", "role_name", "county_code"]
    path = folder / "unit.csv"
    units = read_table(path) if path.exists() else pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    missing = [name for name in columns if name not in units.columns]
    if missing:
        raise SourceError(
            path.name,
            found=f"缺少 {'、'.join(missing)} 列",
            expected="、".join(columns),
            next_step="请补上后再运行 yanpan build",
        )
    is_town_office = pl.col("role_name").str.starts_with("属地")
    return (
        units.select(columns)
        .with_columns(
            pl.col("county_code").replace("", None),
            pl.when(is_town_office).then(pl.col("unit_code").str.slice(0, 9)).alias("town_code"),
        )
        .sort("unit_code")
    )


def _compact(geometry: shapely.Geometry) -> str:
    text = shapely.to_geojson(shapely.set_precision(geometry, 1e-5, mode="pointwise"))
    return json.dumps(json.loads(text), separators=(",", ":"))
