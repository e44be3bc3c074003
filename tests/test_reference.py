"""Reference data: taken in whole or not at all, and said clearly when they do not fit."""

import json
from collections import Counter
from datetime import date, datetime

import duckdb
import numpy as np
import polars as pl
import pytest
import shapely
from builders import PLACE_HEADER, add_reference, load, make_events

from pipelines import build, publish, reference
from pipelines.config import home as open_home
from pipelines.errors import SourceError
from pipelines.sources.coordinates import from_cgcs2000


@pytest.fixture
def office(tmp_path):
    """A folder called `reference` as an office would hand it over."""
    maker = open_home(tmp_path / "office")
    add_reference(maker)
    return maker.reference


def test_a_folder_called_reference_is_found_and_taken_in(office, empty_home):
    assert reference.folders([office.parent]) == [office] == reference.folders([office])
    said = reference.install(office, empty_home)
    assert (said["places"], said["boundaries"]) == (9, 8)
    assert reference.read_places(empty_home.reference).equals(reference.read_places(office))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("population", "人口"), "缺少列 population"),
        (lambda text: text.replace(",county,", ",县,", 1), "第 3 行 place_level 列"),
        (lambda text: text.replace("990101001,", "990101999,", 1), "区划表里没有的代码 990101001"),
        (lambda text: text.replace("3000,", "三千,", 1), "第 2 行 population 列：发现“三千”，应为数字"),
        (lambda text: text + 'a,"b\n', "不是完整的 CSV"),
    ],
)
def test_a_wrong_file_leaves_the_old_reference(office, empty_home, change, said):
    reference.install(office, empty_home)
    before = (empty_home.reference / "place.csv").read_text(encoding="utf-8")
    path = office / "place.csv"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(SourceError, match=said):
        reference.install(office, empty_home)
    assert (empty_home.reference / "place.csv").read_text(encoding="utf-8") == before


def test_a_table_saved_by_excel_in_gb18030_reads_the_same(office):
    path = office / "place.csv"
    before = reference.read_places(office)
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    assert reference.read_places(office).equals(before)


def test_a_torn_boundary_file_is_refused(office, empty_home):
    path = office / "boundary_town.geojson"
    path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    with pytest.raises(SourceError, match="不是完整的 GeoJSON"):
        reference.install(office, empty_home)
    assert not empty_home.reference.exists()


def test_an_invalid_polygon_is_mended(office):
    path = office / "boundary_town.geojson"
    text = path.read_text(encoding="utf-8")
    bow_tie = "[[[123.0, 29.0], [123.1, 29.1], [123.1, 29.0], [123.0, 29.1], [123.0, 29.0]]]"
    start, stop = text.index("[[["), text.index("]]]") + 3
    path.write_text(text[:start] + bow_tie + text[stop:], encoding="utf-8")
    mended = reference.read_boundaries(office)["geometry"][3]
    assert "Polygon" in mended


def test_without_reference_there_are_no_places_and_no_error(empty_home):
    assert reference.read_places(empty_home.reference).is_empty()
    assert reference.read_boundaries(empty_home.reference).is_empty()


def test_the_offices_own_crosswalk_comes_on_top(empty_home):
    empty_home.reference.mkdir(parents=True)
    seed = reference.read_crosswalk(empty_home.reference)
    source, path, code, _ = seed.row(0)
    own = f"source,category_raw,issue_code,valid_from\n{source},{path},9998,\nhotline,本地新类,0101,\n"
    (empty_home.reference / "crosswalk.csv").write_text(own, encoding="utf-8")
    known = {(row[0], row[1]): row[2] for row in reference.read_crosswalk(empty_home.reference).iter_rows()}
    assert known[source, path] == "9998" != code
    assert known["hotline", "本地新类"] == "0101"


def test_the_header_of_place_csv_is_the_documented_one():
    assert list(reference.PLACE_COLUMNS) == PLACE_HEADER.split(",")


# --- what real offices hand over ---------------------------------------------------------------------------------


def square(lon: float, lat: float, size: float = 0.1) -> list:
    return [[[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]]


def feature(properties: dict, geometry: dict | None = None, *, lon: float = 120.0, lat: float = 30.0) -> dict:
    geometry = geometry or {"type": "Polygon", "coordinates": square(lon, lat)}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def geojson(path, *features, encoding: str = "utf-8", **members):
    content = {"type": "FeatureCollection", **members, "features": list(features)}
    path.write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
    return path


def installed(home) -> dict[str, tuple]:
    places = reference.read_places(home.reference)
    return {row["place_code"]: (row["place_name"], row["place_level"], row["parent_code"]) for row in places.to_dicts()}


def bounded(home) -> dict[str, shapely.Geometry]:
    rows = reference.read_boundaries(home.reference).iter_rows()
    return {code: shapely.from_geojson(geometry) for code, _, geometry in rows}


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"adcode": 330110, "name": "余杭区"}, "330110"),
        ({"adcode": "330110", "NAME": "余杭区"}, "330110"),
        ({"code": "330110000000", "名称": "余杭区"}, "330110"),
        ({"gb": "156330110", "name": "余杭区"}, "330110"),
        ({"id": 330110.0, "xzqmc": "余杭区", "level": "district"}, "330110"),
        ({"name": "余杭区"}, "余杭区"),
    ],
)
def test_codes_and_names_under_many_keys(empty_home, tmp_path, properties, code):
    reference.install_files([geojson(tmp_path / "a.geojson", feature(properties))], empty_home)
    assert installed(empty_home)[code][:2] == ("余杭区", "county")
    assert list(bounded(empty_home)) == [code]


def test_parents_follow_from_the_codes(empty_home, tmp_path):
    listed = tmp_path / "名单.csv"
    listed.write_bytes(
        "代码,名称\n330110,余杭区\n330110001000,临平街道\n330110001002,保健社区\n330100,杭州市\n".encode("gb18030")
    )
    said = reference.install_files([listed], empty_home)
    assert installed(empty_home) == {
        "330110": ("余杭区", "county", "330100"),
        "330110001": ("临平街道", "town", "330110"),
        "330110001002": ("保健社区", "community", "330110001"),
        "330100": ("杭州市", "city", None),
    }
    assert (said["places"], said["boundaries"]) == (4, 0)


def test_a_town_list_alone_names_its_county_by_code(empty_home, tmp_path):
    listed = tmp_path / "街道.csv"
    listed.write_text("code,name,areaCode\n330110001,临平街道,330110\n", encoding="utf-8")
    said = reference.install_files([listed], empty_home)
    assert installed(empty_home)["330110"] == ("330110", "county", "330100")
    assert any("暂以代码为名" in note for note in said["notes"])
    geojson(tmp_path / "区.geojson", feature({"adcode": 330110, "name": "余杭区"}))
    reference.install_files([tmp_path / "区.geojson"], empty_home)
    assert installed(empty_home)["330110"][0] == "余杭区"
    assert reference.read_places(empty_home.reference).columns == list(reference.PLACE_COLUMNS)  # no former name


def test_names_alone_are_matched_to_the_list(empty_home, office, tmp_path):
    reference.install(office, empty_home)
    before = installed(empty_home)
    towns = geojson(
        tmp_path / "乡镇.geojson",
        feature({"name": "和平街道办事处"}, lon=123.0, lat=29.0),
        feature({"name": "石桥镇"}, lon=123.1, lat=29.1),
    )
    said = reference.install_files([towns], empty_home)
    assert installed(empty_home) == before
    assert "按名称对上 2 个" in "".join(said["notes"])


def test_towns_without_any_reference_make_a_county_of_the_files_name(empty_home, tmp_path):
    path = geojson(
        tmp_path / "余杭区乡镇边界.geojson", feature({"name": "百丈镇"}), feature({"name": "黄湖镇"}, lon=120.1)
    )
    said = reference.install_files([path], empty_home)
    assert installed(empty_home)["余杭区"] == ("余杭区", "county", "city")
    assert installed(empty_home)["余杭区/百丈镇"] == ("百丈镇", "town", "余杭区")
    assert bounded(empty_home)["余杭区"].area == pytest.approx(0.02)
    assert any("取自文件名" in note for note in said["notes"])


def test_a_town_lies_in_the_county_whose_boundary_holds_it(empty_home, office, tmp_path):
    reference.install(office, empty_home)
    new = geojson(tmp_path / "新街道.geojson", feature({"name": "新设街道"}, lon=123.12, lat=29.12))
    shape = {"type": "Polygon", "coordinates": square(123.12, 29.12, 0.01)}
    geojson(new, feature({"name": "新设街道"}, shape))
    reference.install_files([new], empty_home)
    assert installed(empty_home)["990102/新设街道"] == ("新设街道", "town", "990102")


def test_a_new_name_keeps_the_old_one_as_former(empty_home, office, tmp_path):
    reference.install(office, empty_home)
    (tmp_path / "更名.csv").write_text("code,name\n990102001,金桥镇\n", encoding="utf-8")
    reference.install_files([tmp_path / "更名.csv"], empty_home)
    row = reference.read_places(empty_home.reference).filter(pl.col("place_code") == "990102001").row(0, named=True)
    assert (row["place_name"], row["former_names"], row["population"]) == ("金桥镇", "石桥镇", 1000)


def test_odd_geometries_are_made_flat_whole_and_valid(empty_home, tmp_path):
    bow_tie = [[[120.2, 30.0], [120.3, 30.1], [120.3, 30.0], [120.2, 30.1], [120.2, 30.0]]]
    high = [[[*point, 12.5] for point in square(120.4, 30.0)[0]]]
    line = {"type": "LineString", "coordinates": [[120, 30], [120.1, 30]]}
    path = geojson(
        tmp_path / "镇.geojson",
        feature({"adcode": 330110001, "name": "一镇"}),
        feature({"adcode": 330110001, "name": "一镇"}, lon=120.1),  # its second part
        feature({"adcode": 330110002, "name": "二镇"}, {"type": "Polygon", "coordinates": bow_tie}),
        feature({"adcode": 330110003, "name": "三镇"}, {"type": "Polygon", "coordinates": high}),
        feature(
            {"adcode": 330110004, "name": "四镇"},
            {
                "type": "GeometryCollection",
                "geometries": [line, {"type": "Polygon", "coordinates": square(120.6, 30.0)}],
            },
        ),
        feature({"adcode": 330110005, "name": "五镇"}, line),
        {"type": "Feature", "properties": {"adcode": 330110006, "name": "六镇"}, "geometry": None},
        feature({"remark": "没有名称"}, lon=120.8),
    )
    said = "".join(reference.install_files([path], empty_home)["notes"])
    shapes = bounded(empty_home)
    assert set(shapes) == {f"33011000{n}" for n in (1, 2, 3, 4)}
    assert all(shape.is_valid and not shape.has_z and "Polygon" in shape.geom_type for shape in shapes.values())
    assert shapes["330110001"].area == pytest.approx(0.02)
    for sentence in ("修复了 1 个", "跳过 2 个没有面", "跳过 1 个没有名称", "1 个要素与同一区域的其他部分合并"):
        assert sentence in said


@pytest.mark.parametrize(
    ("told", "members"),
    [("gcj02", {}), (None, {"crs": {"type": "name", "properties": {"name": "GCJ-02"}}}), (None, {"crs": "gcj02"})],
)
def test_a_shifted_boundary_is_put_right_when_told(empty_home, tmp_path, told, members):
    true = np.array(square(120.0, 30.0)[0])
    shifted = np.column_stack(from_cgcs2000(true[:, 0], true[:, 1], "gcj02")).tolist()
    path = geojson(
        tmp_path / "区.geojson",
        feature({"adcode": 330110, "name": "余杭区"}, {"type": "Polygon", "coordinates": [shifted]}),
        **members,
    )
    said = reference.install_files([path], empty_home, crs=told)
    west, south, east, north = bounded(empty_home)["330110"].bounds
    assert np.abs(np.array([west, south, east, north]) - [120.0, 30.0, 120.1, 30.1]).max() < 2e-5
    assert "GCJ-02" in said["notes"][0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"type": "Topology", "objects": {}, "arcs": []}', "TopoJSON"),
        (b'{"type": "FeatureCollection", "features": [{"type": "Feature", "proper', "不是完整的 GeoJSON"),
        (b'{"type": "FeatureCollection", "features": 3}', "不是完整的 GeoJSON"),
        (b'{"type": "FeatureCollection", "features": []}', "0 个要素"),
        (
            json.dumps({"type": "FeatureCollection", "features": [], "crs": "beijing54"}).encode(),
            "不认识的坐标系“beijing54”",
        ),
        (
            json.dumps(
                {
                    "type": "FeatureCollection",
                    "features": [feature({"name": "甲镇"}, lon=500_000.0, lat=3_400_000.0)],
                }
            ).encode(),
            "以米为单位",
        ),
        (
            json.dumps(
                {"type": "FeatureCollection", "features": [feature({"name": "甲镇"}, {"type": "Polygon"})]}
            ).encode(),
            "不能识别的几何",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_whole(empty_home, office, tmp_path, content, said):
    reference.install(office, empty_home)
    before = installed(empty_home)
    good = geojson(tmp_path / "好.geojson", feature({"adcode": 330110, "name": "余杭区"}))
    (tmp_path / "坏.geojson").write_bytes(content)
    with pytest.raises(SourceError, match=said) as caught:
        reference.install_files([good, tmp_path / "坏.geojson"], empty_home)
    assert caught.value.next_step
    assert installed(empty_home) == before


def test_metres_with_an_epsg_code_become_degrees(empty_home, tmp_path):
    grid = {"type": "Polygon", "coordinates": square(500_000.0, 3_400_000.0, 1000.0)}
    path = geojson(tmp_path / "镇.geojson", feature({"adcode": 330110001, "name": "一镇"}, grid))
    reference.install_files([path], empty_home, crs="EPSG:4549")
    west, south, *_ = bounded(empty_home)["330110001"].bounds
    assert (west, south) == pytest.approx((120.0, 30.72062), abs=2e-5)


def test_a_boundary_file_in_gb18030_reads_the_same(empty_home, tmp_path):
    path = geojson(tmp_path / "区.geojson", feature({"adcode": 330110, "name": "余杭区"}), encoding="gb18030")
    reference.install_files([path], empty_home)
    assert installed(empty_home)["330110"][0] == "余杭区"


def test_a_reference_folder_may_hold_files_of_any_form(empty_home, tmp_path):
    folder = tmp_path / "reference"
    folder.mkdir()
    geojson(folder / "杭州.json", feature({"adcode": 330110, "name": "余杭区", "parent": {"adcode": 330100}}))
    (folder / "街道.csv").write_text("代码,名称\n330110001,临平街道\n", encoding="utf-8")
    (folder / "crosswalk.csv").write_text("source,category_raw,issue_code,valid_from\n", encoding="utf-8")
    assert reference.folders([tmp_path]) == [folder]
    said = reference.install(folder, empty_home)
    assert (said["places"], said["boundaries"]) == (3, 1)
    assert {path.name for path in empty_home.reference.iterdir()} == {
        "place.csv",
        "boundary_county.geojson",
        "crosswalk.csv",
    }


def test_loose_files_are_told_from_exports(tmp_path, office):
    (tmp_path / "工单.csv").write_text("工单编号,name,受理时间\nA1,某,2026-01-01\n", encoding="utf-8")
    (tmp_path / "名单.csv").write_text("代码,名称\n330110,余杭区\n", encoding="utf-8")
    (tmp_path / "单位.csv").write_text("代码,名称\n110001,市住建局\n110002,市水务局\n", encoding="utf-8")
    (tmp_path / "设置.json").write_text('{"a": 1}', encoding="utf-8")
    path = geojson(tmp_path / "区.geojson", feature({"name": "余杭区"}))
    assert reference.loose_files([tmp_path]) == [path, tmp_path / "名单.csv"]
    assert reference.loose_files([tmp_path / "工单.csv", path]) == [path]


def test_a_fine_boundary_is_drawn_coarser_but_kept_whole(empty_home, tmp_path, monkeypatch):
    monkeypatch.setitem(reference.MAX_VERTICES, "town", 200)
    edge = [[120.1 + 0.0004 * (n % 2), 30.0 + n * 0.0001] for n in range(1001)]
    west = [*edge, [120.0, 30.1], [120.0, 30.0], edge[0]]
    east = [[120.2, 30.0], [120.2, 30.1], *reversed(edge), [120.2, 30.0]]
    path = geojson(
        tmp_path / "镇.geojson",
        feature({"adcode": 330110001, "name": "西镇"}, {"type": "Polygon", "coordinates": [west]}),
        feature({"adcode": 330110002, "name": "东镇"}, {"type": "Polygon", "coordinates": [east]}),
    )
    reference.install_files([path], empty_home)
    full = reference.read_boundaries(empty_home.reference)
    drawn = reference.for_display(full)
    shapes = shapely.from_geojson(drawn["geometry"].to_numpy())
    assert (
        shapely.get_num_coordinates(shapes).sum()
        <= 200
        < shapely.get_num_coordinates(shapely.from_geojson(full["geometry"].to_numpy())).sum()
    )
    assert shapes[0].intersection(shapes[1]).area < 1e-9  # neighbours still meet
    assert shapely.union_all(shapes).area == pytest.approx(0.02, rel=0.01)


def test_each_installed_version_is_kept_and_found_by_its_day(empty_home, office):
    reference.install(office, empty_home)
    first = reference.as_of(empty_home, date(1999, 1, 1))  # older than all: the oldest
    assert first.parent == reference.history(empty_home)
    old = first.rename(first.with_name("2026-01-05T090000"))
    (office / "place.csv").write_text(
        (office / "place.csv").read_text(encoding="utf-8").replace("石桥镇", "金桥镇"), encoding="utf-8"
    )
    reference.install(office, empty_home)
    new = reference.as_of(empty_home, date(2999, 1, 1))
    assert reference.as_of(empty_home, date(2026, 1, 4)) == old == reference.as_of(empty_home, date(2026, 1, 5))
    names = [reference.read_places(folder)["place_name"].to_list() for folder in (old, new)]
    assert "石桥镇" in names[0] and "金桥镇" in names[1]
    assert reference.keep(empty_home) == new  # nothing changed, nothing new kept
    (empty_home.reference / "crosswalk.csv").write_text("source,category_raw,issue_code,valid_from\n", encoding="utf-8")
    by_hand = reference.keep(empty_home, datetime(2999, 1, 1))
    assert by_hand not in (old, new) and (by_hand / "crosswalk.csv").exists()


def test_a_past_day_is_built_with_the_reference_of_that_day(empty_home, office):
    reference.install(office, empty_home)
    kept = reference.as_of(empty_home, date(2999, 1, 1))
    kept.rename(kept.with_name("2026-11-01T090000"))
    (office / "place.csv").write_text(
        (office / "place.csv").read_text(encoding="utf-8").replace("云溪区,", "云汐区,"), encoding="utf-8"
    )
    reference.install(office, empty_home)
    newer = reference.as_of(empty_home, date(2999, 1, 1))
    newer.rename(newer.with_name("2026-11-15T090000"))
    load(empty_home, make_events(n=3))

    def county_name(as_of: date | None) -> str:
        build.build(empty_home, today=date(2026, 11, 16), as_of=as_of)
        version = publish.version_file(empty_home, publish.current(empty_home))
        with duckdb.connect(version, read_only=True) as connection:
            return connection.execute("select place_name from place where place_code = '990101'").fetchall()[0][0]

    assert county_name(date(2026, 11, 10)) == "云溪区"
    assert county_name(date(2026, 11, 15)) == county_name(None) == "云汐区"


def test_real_boundary_files_install_and_show(empty_home, shared_files):
    """Districts of one city, the streets of one of them, and the towns of another city without codes."""
    folder = shared_files / "boundaries"
    said = reference.install_files(reference.loose_files([folder]), empty_home, crs="gcj02")
    levels = Counter(level for _, level, _ in installed(empty_home).values())
    assert levels == {"city": 1, "county": 10, "town": 19}
    assert said["boundaries"] == 22
    shapes = bounded(empty_home)
    assert all(shape.is_valid for shape in shapes.values())
    parents = {code: row[2] for code, row in installed(empty_home).items()}
    assert all(parents[code] == "440310" for code in parents if code.startswith("440310") and len(code) == 9)
    load(empty_home, make_events(n=3, county_name="坪山", town_name="马峦街道办", community_name=None))
    build.build(empty_home, today=date(2026, 11, 16))
    version = publish.version_file(empty_home, publish.current(empty_home))
    with duckdb.connect(version, read_only=True) as connection:
        shown = connection.execute("select count(*), sum(length(geometry)) from boundary").fetchall()[0]
        placed = connection.execute("select distinct town_code, place_how from event").fetchall()
    assert shown[0] == 22 and shown[1] < 1_000_000
    assert placed == [("440310002", "suffix")]


def test_a_new_folder_does_not_take_the_offices_own_files_away(empty_home, tmp_path):
    add_reference(empty_home)
    (empty_home.reference / "correction.csv").write_text("source\n", encoding="utf-8")
    (empty_home.reference / "crosswalk.csv").write_text("old\n", encoding="utf-8")
    folder = tmp_path / "reference"
    folder.mkdir()
    (folder / "place.csv").write_text(
        (empty_home.reference / "place.csv").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (folder / "crosswalk.csv").write_text("new\n", encoding="utf-8")
    reference.install(folder, empty_home)
    assert (empty_home.reference / "correction.csv").read_text(encoding="utf-8") == "source\n"
    assert (empty_home.reference / "crosswalk.csv").read_text(encoding="utf-8") == "new\n"
