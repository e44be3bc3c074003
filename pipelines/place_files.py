"""What do an office's own place lists and boundary files say, in the form of the reference?

Seen in offices: GeoJSON of 天地图, DataV or a GIS section (keys adcode, code, gb, name, 乡镇名称 …; codes of 6, 9 or 12 digits
as number or text, or none at all), in UTF-8 or GB18030, with broken rings, heights, empty features and parts of one place
in several features; lists as CSV or Excel with a code and a name. Everything needed and not said is derived: the level
from the code, a level word or the name's ending, the parent from the code's first digits, a parent column or the map.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import fastexcel
import numpy as np
import polars as pl
import shapely
from shapely.geometry import shape

from pipelines.errors import SourceError
from pipelines.places import ENDINGS, WHOLE, Gazetteer, stem
from pipelines.sources.coordinates import SYSTEMS, system_named, to_cgcs2000

LIST_SUFFIXES, FEATURE_SUFFIXES = (".csv", ".tsv", ".xlsx"), (".geojson", ".json")
MOST_LIST_BYTES = 3_000_000  # all villages of a province have room in it
ABOVE = {"community": "town", "town": "county", "county": "city", "city": None}
LEVEL_NAMES = {"city": "市", "county": "县区", "town": "镇街", "community": "社区村"}

CODE_KEYS = (
    *(
        "place_code",
        "adcode",
        "ad_code",
        "区划代码",
        "行政区划代码",
        "行政区代码",
        "统计用区划代码",
        "xzqdm",
        "pac",
        "gb",
    ),
    *("code", "代码", "编码", "id"),
)
NAME_KEYS = (
    *(
        "place_name",
        "name",
        "名称",
        "区划名称",
        "行政区名称",
        "行政区划名称",
        "xzqmc",
        "乡镇名称",
        "街道名称",
        "镇街名称",
    ),
    *(
        "乡镇街道名称",
        "社区名称",
        "村名称",
        "村社区名称",
        "县区名称",
        "区县名称",
        "fullname",
        "name_zh",
        "name_chn",
        "mc",
    ),
)
LEVEL_KEYS = ("place_level", "level", "级别", "层级")
PARENT_CODE_KEYS = ("parent_code", "areacode", "parentcode", "streetcode", "上级代码", "上级区划代码")
PARENT_NAME_KEYS = (
    "parent_name",
    "上级",
    "上级名称",
    "所属区县",
    "所属县区",
    "所属街道",
    "所属乡镇",
    "所属镇街",
    "区县",
    "县区",
)
LEVEL_WORDS = {
    **dict.fromkeys(("city", "市", "地级市"), "city"),
    **dict.fromkeys(("county", "district", "区县", "县区", "县"), "county"),
    **dict.fromkeys(("town", "street", "township", "乡镇", "街道", "镇街"), "town"),
    **dict.fromkeys(("community", "village", "社区", "村", "村社区"), "community"),
    **dict.fromkeys(("country", "province", "省"), "above"),
}
FILE_WORDS = (
    ("社区|村|community|village", "community"),
    ("乡镇|街道|镇街|town|street", "town"),
    ("区县|县区|county", "county"),
)
_NOT_OF_A_NAME = (
    r"(?i)[\W_]*(boundary|boundaries|townships?|towns?|streets?|county|counties|communit(y|ies)|villages?|full|map|"
    r"行政区划|区划|边界|乡镇街道|乡镇|街道|镇街|社区|区县|地图|矢量|数据|\d{4,})[\W_]*"
)


class Entry(NamedTuple):
    """One place as one file says it."""

    code: str | None
    name: str
    level: str
    parent: str | None  # code
    parent_name: str | None
    geometry: shapely.Geometry | None = None


class Draft(NamedTuple):
    """Places (columns of reference.PLACE_COLUMNS, former_names) and boundaries (of reference.BOUNDARY_COLUMNS, with
    geometry as shapes in CGCS2000), and what was done on the way, in Chinese."""

    places: dict[str, dict]
    shapes: dict[tuple[str, str], shapely.Geometry]
    notes: list[str]


def is_place_file(path: Path) -> bool:
    """A boundary file or a place list, going by its suffix and its first bytes; not an export of events."""
    suffix = path.suffix.lower()
    if suffix in FEATURE_SUFFIXES:
        return suffix == ".geojson" or bool(re.search(rb'"(Feature|FeatureCollection|Topology)"', _first_bytes(path)))
    if suffix not in LIST_SUFFIXES or path.stat().st_size > MOST_LIST_BYTES:
        return False
    try:
        table = _table(path, most=200)
    except SourceError:
        return False
    return table is not None


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(65_536)


def adopt(files: Iterable[Path], draft: Draft, crs: str | None = None) -> Draft:
    """`draft` and, on top of it, what these files say. `crs`: the system of boundary files that name none.

    A place is the one with the same code, else the one with the same name below the same parent; a new name for a known
    code makes the old one a former name. Places that nothing gives a code have their name for code, as provisional ones.
    """
    read: list[tuple[Path, list[Entry]]] = []
    notes = list(draft.notes)
    for path in files:
        if path.suffix.lower() in FEATURE_SUFFIXES:
            entries, said = _features(path, crs)
        else:
            entries, said = _listed(path), []
        notes += [f"{path.name}：{sentence}" for sentence in said]
        read.append((path, entries))
    places = {code: dict(row) for code, row in draft.places.items()}
    shapes = dict(draft.shapes)
    for level in ("city", "county", "town", "community"):
        for path, entries in read:
            own = [entry for entry in entries if entry.level == level]
            if own:
                notes += [f"{path.name}：{sentence}" for sentence in _take(own, path, places, shapes)]
    _close_upwards(places, notes)
    for level, code in shapes:
        row = places[code]
        if row["lon"] is None:
            point = shapes[level, code].representative_point()
            row["lon"], row["lat"] = round(point.x, 5), round(point.y, 5)
    return Draft(places, shapes, notes)


def _take(
    entries: list[Entry], path: Path, places: dict[str, dict], shapes: dict[tuple[str, str], shapely.Geometry]
) -> list[str]:
    """Entries of one level and file into `places` and `shapes`; what a reader should know of it."""
    level, above = entries[0].level, ABOVE[entries[0].level]
    counts: Counter[str] = Counter()
    notes: list[str] = []
    gazetteer = _gazetteer(places)
    drawn: dict[str, list[shapely.Geometry]] = {}
    made_parent: str | None = None
    for entry in entries:
        parent = _parent(entry, above, places, shapes, gazetteer)
        if parent is None and level == "town" and entry.code is None:
            if made_parent is None:
                made_parent = _made_county(path, places)
                notes.append(
                    f"没有写明上级县区，暂列在“{places[made_parent]['place_name']}”（取自文件名）之下；"
                    "可把文件改名为县区名后重新导入，或先导入县区边界。"
                )
            parent = made_parent
        if parent is None and level == "community" and entry.code is None:
            counts["orphan"] += 1
            continue
        code = entry.code or _known_code(entry, parent, gazetteer)
        counts["matched" if entry.code is None and code else "coded" if code else "made"] += 1
        code = code or (f"{parent}/{entry.name}" if parent and level != "county" else entry.name)
        _upsert(places, code, entry, parent)
        if entry.geometry is not None:
            drawn.setdefault(code, []).append(entry.geometry)
    for code, parts in drawn.items():
        shapes[level, code] = parts[0] if len(parts) == 1 else shapely.union_all(parts)
    n_joined = sum(len(parts) - 1 for parts in drawn.values())
    what = f"{len(entries) - counts['orphan']} 个{LEVEL_NAMES[level]}" + (f"、{len(drawn)} 个边界" if drawn else "")
    how = [f"按名称对上 {counts['matched']} 个"] if counts["matched"] else []
    how += [f"{counts['made']} 个没有代码，以名称作代码"] if counts["made"] else []
    how += [f"{n_joined} 个要素与同一区域的其他部分合并"] if n_joined else []
    how += (
        [f"{counts['orphan']} 个社区村不知属于哪个镇街，没有导入（请先导入镇街边界或名单）"] if counts["orphan"] else []
    )
    if made_parent:
        own = [shape for (_, code), shape in shapes.items() if places[code]["parent_code"] == made_parent]
        if own:
            shapes["county", made_parent] = shapely.union_all(own)
    return [what + (f"（{'，'.join(how)}）" if how else "") + "。", *notes]


def _gazetteer(places: dict[str, dict]) -> Gazetteer:
    columns = ("place_code", "place_name", "place_level", "parent_code", "aliases", "former_names")
    rows = [tuple(row.get(name) for name in columns) for row in places.values()]
    return Gazetteer(pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row"))


def _parent(
    entry: Entry,
    above: str | None,
    places: dict[str, dict],
    shapes: dict[tuple[str, str], shapely.Geometry],
    gazetteer: Gazetteer,
) -> str | None:
    """The code of the place above: said, in the code's first digits, by name, on the map, or the only one there is."""
    if above is None:
        return None
    if entry.code and entry.code.isdecimal():
        return _upper_code(entry.code)
    if entry.parent:
        return entry.parent
    if above == "city":
        return next((code for code, row in places.items() if row["place_level"] == "city"), None)
    named = gazetteer.find(above, entry.parent_name)
    if named:
        return named.code
    if entry.geometry is not None:
        point = entry.geometry.representative_point()
        for (level, code), shape_ in shapes.items():
            if level == above and shape_.contains(point):
                return code
    only = [code for code, row in places.items() if row["place_level"] == above]
    return only[0] if len(only) == 1 and entry.geometry is None else None


def _known_code(entry: Entry, parent: str | None, gazetteer: Gazetteer) -> str | None:
    found = gazetteer.find(entry.level, entry.name, None if entry.level == "county" else parent)
    return found.code if found else None


def _made_county(path: Path, places: dict[str, dict]) -> str:
    """A county called as the file is, for towns that name none."""
    name = re.sub(_NOT_OF_A_NAME, "", path.stem).strip() or path.stem
    places.setdefault(name, _row(name, name, "county", None))
    return name


def _row(code: str, name: str, level: str, parent: str | None) -> dict:
    return {
        "place_code": code,
        "place_name": name,
        "place_level": level,
        "parent_code": parent,
        **dict.fromkeys(("population", "lon", "lat", "aliases", "former_names")),
    }


def _upsert(places: dict[str, dict], code: str, entry: Entry, parent: str | None) -> None:
    if code not in places:
        places[code] = _row(code, entry.name, entry.level, parent)
        return
    row = places[code]
    old = row["place_name"]
    is_placeholder = old in (code, WHOLE[1])
    known = {old, *(row["aliases"] or "").split(";")}
    if entry.code and entry.name not in (*known, code):
        row["place_name"] = entry.name
        if not is_placeholder and stem(old, entry.level)[0] != stem(entry.name, entry.level)[0]:
            row["former_names"] = ";".join(dict.fromkeys([*filter(None, (row["former_names"] or "").split(";")), old]))


def _close_upwards(places: dict[str, dict], notes: list[str]) -> None:
    """Every place's parent is there: what only codes tell of gets its code for a name, and there is one city."""
    for level in ("community", "town"):
        above = ABOVE[level] or ""
        for row in [row for row in places.values() if row["place_level"] == level]:
            parent = row["parent_code"]
            if parent and parent not in places:
                places[parent] = _row(parent, parent, above, _upper_code(parent))
                notes.append(f"{LEVEL_NAMES[above]} {parent} 没有名称，暂以代码为名；请导入含它的名单或边界。")
            elif parent and level == "town" and places[parent]["place_level"] == "city":
                places[parent]["place_level"] = "county"  # 东莞: a city whose towns have no county between
    counties = [row for row in places.values() if row["place_level"] == "county"]
    cities = [code for code, row in places.items() if row["place_level"] == "city"]
    if not counties:
        return
    if not cities:
        prefixes = Counter(_upper_code(row["place_code"]) for row in counties if row["place_code"].isdecimal())
        code = next((code for code, _ in prefixes.most_common(1) if code and code not in places), WHOLE[0])
        places[code] = _row(code, WHOLE[1], "city", None)
        cities = [code]
    for row in counties:
        if row["parent_code"] not in cities:
            row["parent_code"] = cities[0]


def _upper_code(code: str) -> str | None:
    """The code one level up.

    >>> [_upper_code(code) for code in ("440310001002", "440310001", "440310", "440300")]
    ['440310001', '440310', '440300', None]
    """
    if len(code) in (9, 12):
        return code[:-3]
    return f"{code[:4]}00" if len(code) == 6 and not code.endswith("00") else None


def _plain_code(said: object) -> str | None:
    """A code of 6, 9 or 12 digits without the zeros that fill it up; None for anything else.

    >>> [_plain_code(code) for code in (440303, "440303.0", "440310001000", "440303000000", "156440303", "4403", "x1")]
    ['440303', '440303', '440310001', '440303', '440303', '440300', None]
    """
    text = re.sub(r"\.0+$", "", str(said).strip())
    if not text.isdecimal():
        return None
    if len(text) == 9 and text.startswith("156"):  # 天地图: country and county
        text = text[3:]
    if len(text) == 12:
        text = text[:6] if text.endswith("000000") else text[:9] if text.endswith("000") else text
    if len(text) == 4:
        text += "00"
    return text if len(text) in (6, 9, 12) else None


def _level_of_code(code: str) -> str:
    if len(code) == 6:
        return "above" if code.endswith("0000") else "city" if code.endswith("00") else "county"
    return "town" if len(code) == 9 else "community"


def _level_of_name(name: str) -> str | None:
    for level in ("community", "town", "county"):
        if any(name.endswith(ending) and name != ending for ending in ENDINGS[level]):
            return level
    return None


def _value(properties: dict, keys: Iterable[str]) -> object | None:
    """The first of these keys that holds something, whatever its case."""
    by_key = {"".join(str(key).split()).casefold(): value for key, value in properties.items()}
    return next((by_key[key] for key in keys if by_key.get(key) not in (None, "")), None)


def _entry(properties: dict, file_level: str | None) -> Entry | None:
    """What the columns of a list or the properties of a feature say; None for what is above a city or has no name."""
    code = next((code for key in CODE_KEYS if (code := _plain_code(_value(properties, (key,)))) is not None), None)
    if code is None and isinstance(said := _value(properties, ("place_code",)), str):
        code = said.strip()  # a made code of our own files
    name = str(_value(properties, NAME_KEYS) or code or "").strip()
    word = LEVEL_WORDS.get(str(_value(properties, LEVEL_KEYS) or "").strip().casefold())
    level = (_level_of_code(code) if code and code.isdecimal() else None) or word or _level_of_name(name) or file_level
    if level == "above" or not name or level is None:
        return None
    parent: object | None = _value(properties, PARENT_CODE_KEYS)
    above = properties.get("parent")
    parent = above.get("adcode") if parent is None and isinstance(above, dict) else parent
    parent_name = _value(properties, PARENT_NAME_KEYS)
    return Entry(code, name, level, _plain_code(parent), str(parent_name) if parent_name else None)


# --- boundary files ----------------------------------------------------------------------------------------------


def _features(path: Path, crs: str | None) -> tuple[list[Entry], list[str]]:
    """The places of a GeoJSON file with their polygons in CGCS2000, and what had to be done to them."""
    content = _geojson(path)
    system = _system(path, content, crs)
    file_level = _file_level(path)
    entries: list[Entry] = []
    counts: Counter[str] = Counter()
    for feature in content["features"]:
        polygon, was_mended = _polygon(feature.get("geometry"), path)
        if polygon is None:
            counts["empty"] += 1
            continue
        entry = _entry(feature.get("properties") or {}, file_level)
        if entry is None:
            counts["nameless"] += 1
            continue
        counts["mended"] += was_mended
        entries.append(entry._replace(geometry=_converted(polygon, system)))
    if not entries:
        raise SourceError(
            path.name,
            found=f"{len(content['features'])} 个要素，没有一个既有名称或代码、又有面状边界",
            expected="每个要素带 name 或 code（adcode）属性和多边形",
            next_step="请核对导出的图层和属性后重新导出为 GeoJSON",
        )
    notes = [f"坐标由 {SYSTEMS.get(system, system)} 换算为 CGCS2000。"] if system != "cgcs2000" else []
    notes += [f"修复了 {counts['mended']} 个自相交或不闭合的边界。"] if counts["mended"] else []
    notes += [f"跳过 {counts['empty']} 个没有面的要素。"] if counts["empty"] else []
    notes += [f"跳过 {counts['nameless']} 个没有名称或不知层级的要素。"] if counts["nameless"] else []
    _refuse_metres(path, entries)
    stated = path.stem.removeprefix("boundary_") if path.stem.startswith("boundary_") else ""
    if stated in LEVEL_NAMES:
        return [entry._replace(level=stated) for entry in entries], notes
    return _of_the_files_level(entries), notes


def _geojson(path: Path) -> dict:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030", errors="replace")
    torn = SourceError(
        path.name, found="不是完整的 GeoJSON", expected="含 features 的 GeoJSON", next_step="请重新导出边界文件"
    )
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise torn from error
    if not isinstance(content, dict):
        raise torn
    if content.get("type") == "Topology":
        raise SourceError(
            path.name,
            found="TopoJSON（type 为 Topology）",
            expected="GeoJSON（type 为 FeatureCollection）",
            next_step="请在 GIS 软件或 mapshaper 中另存为 GeoJSON 后重新导入",
        )
    if content.get("type") == "Feature":
        content = {**content, "features": [content]}
    if not isinstance(content.get("features"), list) or not all(isinstance(one, dict) for one in content["features"]):
        raise torn
    return content


def _system(path: Path, content: dict, crs: str | None) -> str:
    """The coordinate system the file names (member crs, in any of its spellings), else `crs`, else CGCS2000."""
    said = content.get("crs")
    if isinstance(said, dict):
        properties = said.get("properties")
        said = properties.get("name") if isinstance(properties, dict) else None
    said = str(said) if said else crs
    if not said:
        return "cgcs2000"
    if system := system_named(said):
        return system
    raise SourceError(
        path.name,
        found=f"不认识的坐标系“{said[:40]}”",
        expected="CGCS2000、WGS84、GCJ-02、BD-09 或 EPSG:代号",
        next_step="请核对后用 --crs 指明，或改正文件里的 crs",
    )


def _polygon(geometry: dict | None, path: Path) -> tuple[shapely.Geometry | None, bool]:
    """The flat, valid area of a geometry and whether it had to be mended; None where it has no area."""
    if not geometry:
        return None, False
    try:
        made = shapely.force_2d(shape(geometry))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, shapely.errors.ShapelyError) as error:
        raise SourceError(
            path.name, found="不能识别的几何", expected="Polygon 或 MultiPolygon", next_step="请重新导出边界文件"
        ) from error
    was_valid = made.is_valid
    if not was_valid:
        made = shapely.make_valid(made, method="structure")
    areas = [part for part in shapely.get_parts(shapely.get_parts(made)) if part.geom_type == "Polygon" and part.area]
    if not areas:
        return None, False
    return (areas[0] if len(areas) == 1 else shapely.union_all(areas)), not was_valid


def _converted(polygon: shapely.Geometry, system: str) -> shapely.Geometry:
    if system == "cgcs2000":
        return polygon

    def convert(points: np.ndarray) -> np.ndarray:
        return np.column_stack(to_cgcs2000(points[:, 0].copy(), points[:, 1].copy(), system))

    made = shapely.transform(polygon, convert)
    return made if made.is_valid else shapely.make_valid(made, method="structure")


def _refuse_metres(path: Path, entries: list[Entry]) -> None:
    bounds = shapely.total_bounds([entry.geometry for entry in entries])
    if np.isfinite(bounds).all() and np.abs(bounds).max() <= 180:
        return
    raise SourceError(
        path.name,
        found="以米为单位的平面坐标",
        expected="经纬度，或注明 EPSG 代号",
        next_step="请向测绘部门问清坐标系代号，用 --crs EPSG:代号 重新导入，或另存为 CGCS2000 经纬度",
    )


def _file_level(path: Path) -> str | None:
    return next((level for words, level in FILE_WORDS if re.search(words, path.stem, re.IGNORECASE)), None)


def _of_the_files_level(entries: list[Entry]) -> list[Entry]:
    """A boundary layer has one level: entries whose level only their name's ending tells follow the majority."""
    common = Counter(entry.level for entry in entries).most_common(1)[0][0]
    return [entry if entry.code else entry._replace(level=common) for entry in entries]


# --- lists -------------------------------------------------------------------------------------------------------


def _listed(path: Path) -> list[Entry]:
    table = _table(path)
    if table is None:
        raise SourceError(
            path.name,
            found="没有区划代码和名称两列",
            expected="一列 6、9 或 12 位区划代码，一列名称",
            next_step="请核对表头（如 代码、名称）后重新导入",
        )
    entries = [_entry(row, _file_level(path)) for row in table.iter_rows(named=True)]
    return [entry for entry in entries if entry is not None]


def _table(path: Path, most: int | None = None) -> pl.DataFrame | None:
    """The list as text columns; None where it is no list of places. `most`: so many rows will do."""
    try:
        if path.suffix.lower() == ".xlsx":
            table = pl.read_excel(path, infer_schema_length=0, raise_if_empty=False)
        else:
            raw = path.read_bytes() if most is None else _first_bytes(path)
            try:
                text = raw.decode("utf-8-sig")
            except UnicodeDecodeError:
                text = raw.decode("gb18030", errors="replace")
            if most is not None and len(raw) == 65_536:
                text = text[: text.rfind("\n") + 1]
            separator = "\t" if path.suffix.lower() == ".tsv" else ","
            table = pl.read_csv(text.encode(), infer_schema=False, separator=separator, n_rows=most)
    except (pl.exceptions.PolarsError, fastexcel.FastExcelError, ValueError, OSError) as error:
        raise SourceError(
            path.name, found="不能读取的表格", expected="首行为表头的 CSV 或 Excel", next_step="请重新导出该文件"
        ) from error
    keys = {"".join(name.split()).casefold() for name in table.columns}
    own_code = next((key for key in CODE_KEYS if key in keys), None)
    if own_code is None or not keys & set(NAME_KEYS) or table.is_empty():
        return None
    rows = table.head(200).to_dicts()
    n_codes = sum(_plain_code(_value(row, (own_code,))) is not None for row in rows)
    n_places = sum(_level_of_name(str(_value(row, NAME_KEYS) or "").strip()) is not None for row in rows)
    # A list of units has codes and names as well, but few of them end in 街道 or 县.
    return table.cast(pl.String) if n_codes >= 0.9 * len(rows) and 2 * n_places >= len(rows) else None
