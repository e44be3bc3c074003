"""From the coordinates in a file to a cell of the map in CGCS2000.

Three systems are in use: CGCS2000 (天地图; WGS-84 differs by centimetres), GCJ-02 (高德, 腾讯) and BD-09 (百度). The two
latter are shifted by 100 to 700 m and by about 1 km. GCJ-02 is a published formula that everybody has copied from the
same source (constants: a Krasovsky ellipsoid); it has no closed inverse and is undone by iteration, to less than 1 mm.
Outside the box of China no shift is applied, which is what all implementations do.

Only `snap`ped coordinates may be stored: a cell of about 200 m names no household.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.errors import UsageError

GRID_DEGREES = 0.002  # about 200 m
Floats = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]  # west, south, east, north
CHINA: Box = (72.004, 0.8293, 137.8347, 55.8271)
SYSTEMS = {
    "cgcs2000": "CGCS2000（天地图、GPS）",
    "gcj02": "GCJ-02（高德、腾讯）",
    "bd09": "BD-09（百度）",
}
_WORDS = {
    **dict.fromkeys(("cgcs2000", "wgs84", "crs84", "epsg4490", "epsg4326", "天地图", "国家2000", "gps"), "cgcs2000"),
    **dict.fromkeys(("gcj02", "gcj", "amap", "高德", "腾讯", "火星坐标"), "gcj02"),
    **dict.fromkeys(("bd09", "bd09ll", "baidu", "百度"), "bd09"),
}

_AXIS, _ECCENTRICITY = 6378245.0, 0.00669342162296594323
_BAIDU = np.pi * 3000 / 180
_CLOSE_ENOUGH, _MOST_ROUNDS = 1e-8, 12  # degrees, about 1 mm; each round takes off two digits of the error


def system_named(text: str) -> str | None:
    """What a layout or a boundary file calls its system: a key of SYSTEMS, "epsg:4549", or None if it says nothing known.

    >>> [system_named(t) for t in ("WGS-84", "gcj02", "EPSG:4549", "urn:ogc:def:crs:EPSG::4490", "北京54")]
    ['cgcs2000', 'gcj02', 'epsg:4549', 'cgcs2000', None]
    """
    word = "".join(text.split()).lower().removeprefix("urn:ogc:def:crs:").replace("ogc:1.3:", "")
    plain = word.replace("-", "").replace("_", "").replace(":", "")
    if plain in _WORDS:
        return _WORDS[plain]
    code = plain.removeprefix("epsg")
    return f"epsg:{code}" if plain.startswith("epsg") and code.isdecimal() else None


def to_cgcs2000(lon: Floats, lat: Floats, system: str) -> tuple[Floats, Floats]:
    """Degrees in `system` → degrees in CGCS2000; NaN stays NaN. For an "epsg:…" the input is (x, y) of that system,
    easting first."""
    if system == "cgcs2000":
        return lon, lat
    if system.startswith("epsg:"):
        x, y = _transformer(system).transform(lon, lat)
        return np.where(np.isfinite(x), x, np.nan), np.where(np.isfinite(y), y, np.nan)
    guess_lon, guess_lat = lon.copy(), lat.copy()
    for _ in range(_MOST_ROUNDS):
        seen_lon, seen_lat = from_cgcs2000(guess_lon, guess_lat, system)
        guess_lon, guess_lat = guess_lon + lon - seen_lon, guess_lat + lat - seen_lat
        if not (np.maximum(np.abs(lon - seen_lon), np.abs(lat - seen_lat)) > _CLOSE_ENOUGH).any():
            break
    return guess_lon, guess_lat


@lru_cache
def _transformer(system: str):
    from pyproj import Transformer  # needed for local metre coordinates alone
    from pyproj.exceptions import CRSError

    try:
        return Transformer.from_crs(system, "EPSG:4490", always_xy=True)
    except CRSError as error:
        raise UsageError(f"没有代号为 {system.upper()} 的坐标系。请向测绘部门核对 EPSG 代号。") from error


def from_cgcs2000(lon: Floats, lat: Floats, system: str) -> tuple[Floats, Floats]:
    """Degrees in CGCS2000 → degrees in `system`."""
    if system == "cgcs2000":
        return lon, lat
    lon, lat = _shifted(lon, lat)
    if system == "gcj02":
        return lon, lat
    radius = np.hypot(lon, lat) + 2e-5 * np.sin(lat * _BAIDU)
    angle = np.arctan2(lat, lon) + 3e-6 * np.cos(lon * _BAIDU)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _shifted(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """CGCS2000 → GCJ-02."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    waves = 20 * np.sin(6 * np.pi * x) + 20 * np.sin(2 * np.pi * x)
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (waves + 20 * np.sin(np.pi * y) + 40 * np.sin(np.pi * y / 3)) * 2 / 3
    north += (160 * np.sin(np.pi * y / 12) + 320 * np.sin(np.pi * y / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (waves + 20 * np.sin(np.pi * x) + 40 * np.sin(np.pi * x / 3)) * 2 / 3
    east += (150 * np.sin(np.pi * x / 12) + 300 * np.sin(np.pi * x / 30)) * 2 / 3
    radians = np.radians(lat)
    magic = 1 - _ECCENTRICITY * np.sin(radians) ** 2
    meridian = _AXIS * (1 - _ECCENTRICITY) / magic**1.5
    parallel = _AXIS / np.sqrt(magic) * np.cos(radians)
    applies = within(lon, lat, CHINA)
    return (
        np.where(applies, lon + np.degrees(east / parallel), lon),
        np.where(applies, lat + np.degrees(north / meridian), lat),
    )


def within(lon: Floats, lat: Floats, box: Box) -> npt.NDArray[np.bool_]:
    west, south, east, north = box
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


def snap(values: Floats) -> Floats:
    """Degrees rounded to the middle of a cell of GRID_DEGREES.

    >>> snap(np.array([123.01234, 29.05678])).tolist()
    [123.012, 29.056]
    """
    return np.round(np.round(values / GRID_DEGREES) * GRID_DEGREES, 3)


_PAIR = r"(-?\d{1,3}\.\d+)[^\d.\-]+(-?\d{1,3}\.\d+)"
_BEFORE = r"^(?:东经|北纬|经度|纬度|[ENen])?:?"
_SEXAGESIMAL = (
    _BEFORE + r"(\d{1,3})[°度](?:(\d{1,2}(?:\.\d+)?)['′’分](?:(\d{1,2}(?:\.\d+)?)(?:\"|″|′′|''|”|秒)?)?)?[ENen]?$"
)
_PLAIN = _BEFORE + r"(-?\d+(?:\.\d+)?)[°度]?[ENen]?$"


def parse_position(lon: pl.Series, lat: pl.Series) -> pl.DataFrame:
    """x, y: the numbers in the two cells, exact and in the file's own system, for memory alone; null where unreadable.

    Reads 116.397, full-width digits, 116°23′49″, 东经116.397, and both numbers in the first cell ("116.397,39.908",
    POINT (116.397 39.908)) where the second is empty.
    """
    x, y = (text.cast(pl.Float64, strict=False) for text in (lon, lat))
    together = (lat.is_null() & x.is_null() & lon.is_not_null()).arg_true()
    if len(together):
        pair = lon.gather(together).str.normalize("NFKC").str.extract_groups(_PAIR).struct.unnest()
        x = x.scatter(together, pair["1"].cast(pl.Float64))
        y = y.scatter(together, pair["2"].cast(pl.Float64))
    return pl.DataFrame([_other_spellings(lon, x).alias("x"), _other_spellings(lat, y).alias("y")])


def _other_spellings(text: pl.Series, number: pl.Series) -> pl.Series:
    at = (text.is_not_null() & number.is_null()).arg_true()
    if len(at) == 0:
        return number
    # Straightening the width splits the double prime in two, which the pattern knows.
    odd = text.gather(at).str.normalize("NFKC").str.replace_all(r"\s", "")
    part = odd.str.extract_groups(_SEXAGESIMAL).struct.unnest().cast(pl.Float64)
    degrees = part["1"] + part["2"].fill_null(0) / 60 + part["3"].fill_null(0) / 3600
    plain = odd.str.extract(_PLAIN).cast(pl.Float64, strict=False)
    return number.scatter(at, degrees.zip_with(degrees.is_not_null(), plain))
