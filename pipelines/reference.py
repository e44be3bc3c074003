"""Reference data the office maintains: districts with boundaries and population, units, a local cross-walk.

Files live in HOME/reference and are replaced as a whole by `yanpan ingest FOLDER` when FOLDER (or a folder
below it) is called `reference`. A home without reference data works: places are then shown as the files name them.
"""

import json
import shutil
from pathlib import Path

import polars as pl
import shapely
from shapely.geometry import shape

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
LEVELS = ("city", "county", "town", "community")
BOUNDARY_LEVELS = LEVELS[1:]
BOUNDARY_COLUMNS = {"place_code": pl.String, "place_level": pl.String, "geometry": pl.String}
CROSSWALK_COLUMNS = ["source", "category_raw", "issue_code", "valid_from"]


def folders(paths: list[Path]) -> list[Path]:
    """The `reference` folders at or below the given paths."""
    found = []
    for path in paths:
        if path.is_dir():
            found += [path] if path.name == "reference" else sorted(path.rglob("reference"))
    return [folder for folder in found if (folder / "place.csv").exists()]


def install(folder: Path, home: Home) -> dict:
    """Check a folder of reference files and make it the one in force, whole or not at all."""
    places, boundaries = read_places(folder), read_boundaries(folder)
    unknown = boundaries.join(places, on=["place_code", "place_level"], how="anti")
    if len(unknown):
        raise SourceError(
            f"boundary_{unknown['place_level'][0]}.geojson",
            found=f"区划表里没有的代码 {unknown['place_code'][0]}",
            expected="每个边界的 place_code 都在 place.csv 中",
            next_step="请补齐 place.csv 或删去该边界后重新导入",
        )
    fresh, old = home.path / "reference.new", home.path / "reference.old"
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(folder, fresh)
    if home.reference.exists():
        home.reference.replace(old)
    fresh.replace(home.reference)
    shutil.rmtree(old, ignore_errors=True)
    return {"folder": folder.name, "places": len(places), "boundaries": len(boundaries)}


def read_places(folder: Path) -> pl.DataFrame:
    """place.csv as a frame, one row a place, empty if there is none."""
    path = folder / "place.csv"
    if not path.exists():
        return pl.DataFrame(schema=PLACE_COLUMNS)
    raw = _read_table(path)
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
    typed = raw.select(pl.col(name).cast(kind, strict=False) for name, kind in PLACE_COLUMNS.items())
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


def _read_table(path: Path) -> pl.DataFrame:
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
        _read_table(path).select(CROSSWALK_COLUMNS)
        for path in (SEEDS / "crosswalk.csv", folder / "crosswalk.csv")
        if path.exists()
    ]
    return pl.concat(frames).unique(["source", "category_raw"], keep="last", maintain_order=True)


def _compact(geometry: shapely.Geometry) -> str:
    text = shapely.to_geojson(shapely.set_precision(geometry, 1e-5, mode="pointwise"))
    return json.dumps(json.loads(text), separators=(",", ":"))
