"""Coordinate systems: the formulas against independent ones, cells of every spelling, and which system a file uses."""

import json
import shutil
from datetime import date

import numpy as np
import polars as pl
import pytest
from builders import add_reference

from pipelines import cli, positions, reference, warehouse
from pipelines.config import home as open_home
from pipelines.errors import UsageError
from pipelines.ingest import ingest
from pipelines.sources import coordinates
from pipelines.sources.coordinates import from_cgcs2000, snap, to_cgcs2000

# (CGCS2000, GCJ-02, BD-09) as eviltransform 0.1.1 and coord-convert 0.2.1 give them, two implementations by others.
GOLDEN = [
    ((116.397, 39.908), (116.4032435, 39.9094034), (116.4096164, 39.9157445)),
    ((121.4737, 31.2304), (121.4782231, 31.2284577), (121.4847815, 31.2343106)),
    ((114.0579, 22.5431), (114.0630141, 22.5403828), (114.069564, 22.5460416)),
    ((87.6168, 43.8256), (87.61965, 43.8268054), (87.6260998, 43.8329498)),
    ((126.6424, 45.7567), (126.6483699, 45.7586511), (126.6549993, 45.7643456)),
    ((102.8329, 24.8801), (102.8343162, 24.8770307), (102.840763, 24.8833301)),
    ((109.5119, 18.2528), (109.5159844, 18.2510948), (109.5225318, 18.2568766)),
]
SAFE_MARGIN = 1e-6  # degrees, 0.1 m
TODAY = date(2026, 11, 16)
HEADER = (
    "REC_ID,TASK_NUM,CREATE_TIME,STREET_NAME,COMMUNITY_NAME,MAIN_TYPE_NAME,SUB_TYPE_NAME,DISTRICT_NAME,EVENT_DESC,x,y"
)


@pytest.mark.parametrize(("true", "gcj02", "bd09"), GOLDEN)
def test_conversions_agree_with_independent_implementations(true, gcj02, bd09):
    lon, lat = (np.array([value]) for value in true)
    for system, expected in (("gcj02", gcj02), ("bd09", bd09)):
        there = from_cgcs2000(lon, lat, system)
        assert np.abs(np.array(there).ravel() - expected).max() < SAFE_MARGIN
        back = to_cgcs2000(*(np.array([value]) for value in expected), system)
        assert np.abs(np.array(back).ravel() - true).max() < SAFE_MARGIN


@pytest.mark.parametrize("system", ["gcj02", "bd09"])
def test_the_inverse_is_exact_everywhere_in_the_country(system):
    random = np.random.default_rng(3)
    lon, lat = random.uniform(73, 136, 20_000), random.uniform(4, 53, 20_000)
    back_lon, back_lat = to_cgcs2000(*from_cgcs2000(lon, lat, system), system)
    assert max(np.abs(back_lon - lon).max(), np.abs(back_lat - lat).max()) * 111_000 < 0.01  # metres


def test_outside_the_country_nothing_is_shifted():
    lon, lat = np.array([-71.0587]), np.array([42.3594])
    assert from_cgcs2000(lon, lat, "gcj02")[0][0] == lon[0]
    assert to_cgcs2000(lon, lat, "gcj02")[1][0] == lat[0]


def test_a_local_grid_is_converted_by_its_epsg_code():
    # EPSG:4549, CGCS2000 3-degree zone on 120°E: on the central meridian at northing 3,400,000 m.
    lon, lat = to_cgcs2000(np.array([500_000.0]), np.array([3_400_000.0]), "epsg:4549")
    assert (round(float(lon[0]), 6), round(float(lat[0]), 6)) == (120.0, 30.720617)


def test_a_grid_that_does_not_exist_is_said():
    with pytest.raises(UsageError, match="EPSG:99999"):
        to_cgcs2000(np.array([1.0]), np.array([1.0]), "epsg:99999")


def test_no_stored_point_is_finer_than_a_cell():
    random = np.random.default_rng(4)
    cells = snap(random.uniform(110, 120, 1000)) / coordinates.GRID_DEGREES
    assert np.abs(cells - np.round(cells)).max() < 1e-6


@pytest.mark.parametrize(
    ("lon", "lat", "read"),
    [
        ("116.397", "39.908", (116.397, 39.908)),
        ("１１６．３９７", "39.908 ", (116.397, 39.908)),
        ("116°23′49″", "39°54'29\"", (116.39694, 39.90806)),
        ("东经116.397", "北纬39.908", (116.397, 39.908)),
        ("116.397°E", "39.908°N", (116.397, 39.908)),
        ("116.397,39.908", None, (116.397, 39.908)),
        ("POINT (116.397 39.908)", None, (116.397, 39.908)),
        ("521300.5", "329000.1", (521300.5, 329000.1)),
        ("某路口", "x1", (None, None)),
        (None, None, (None, None)),
    ],
)
def test_cells_of_every_spelling(lon, lat, read):
    text = {"lon": pl.Series([lon], dtype=pl.String), "lat": pl.Series([lat], dtype=pl.String)}
    got = coordinates.parse_position(**text).row(0)
    assert tuple(value and round(value, 5) for value in got) == read


# --- which system is a file in -----------------------------------------------------------------------------------


@pytest.fixture
def office(empty_home):
    """A home whose reference has two counties that touch at longitude 123.1, six kilometres wide towns."""
    add_reference(empty_home)
    return empty_home


def points(n: int, seed: int = 5) -> list[tuple[float, float, str, str]]:
    """True points with the town that holds them, none on the border of a cell."""
    random = np.random.default_rng(seed)
    at = random.integers(1, 50, (n, 2)) * 0.002 + random.uniform(-0.0009, 0.0009, (n, 2))
    is_first = random.random(n) < 0.5
    return [
        (123.0 + x, 29.0 + y, "云溪区", "和平街道") if first else (123.1 + x, 29.1 + y, "临川县", "石桥镇")
        for (x, y), first in zip(at, is_first, strict=True)
    ]


def write(path, rows, system="cgcs2000", exchange=False):
    lon, lat = from_cgcs2000(np.array([row[0] for row in rows]), np.array([row[1] for row in rows]), system)
    lines = [HEADER]
    for number, (row, x, y) in enumerate(zip(rows, lon, lat, strict=True)):
        x, y = (y, x) if exchange else (x, y)
        lines.append(
            f"R{number},T{number:05},2026-11-10 08:00:00,{row[3]},,市容环境,垃圾,{row[2]},有垃圾,{x:.6f},{y:.6f}"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def stored(home) -> list[tuple]:
    with warehouse.connect(home, read_only=True) as connection:
        return connection.sql("select lon, lat from core.event order by source_row").pl().rows()


def cell(row: tuple) -> tuple[float, float]:
    """The dull way to snap."""
    return tuple(round(round(value / 0.002) * 0.002, 3) for value in row[:2])


@pytest.mark.parametrize("system", ["cgcs2000", "gcj02", "bd09"])
def test_the_system_is_told_by_the_places_the_rows_name(office, tmp_path, system):
    rows = points(3000)
    (batch,) = ingest([write(tmp_path / "点.csv", rows, system)], office, today=TODAY)
    assert batch["crs"] == system
    hits = json.loads(batch["crs_hits"])
    assert hits["how"] == "detected" and hits["n"] == 3000
    assert hits[system] > 0.99 and max(hits[other] for other in {"cgcs2000", "gcj02", "bd09"} - {system}) < 0.97
    assert stored(office) == [cell(row) for row in rows]
    assert any("换算为 CGCS2000" in note for note in batch["notes"]) == (system != "cgcs2000")


def test_too_few_points_or_wrong_names_decide_nothing(office, tmp_path):
    few = ingest([write(tmp_path / "少.csv", points(20), "gcj02")], office, today=TODAY)[0]
    assert few["crs"] == "cgcs2000" and json.loads(few["crs_hits"])["how"] == "assumed"
    assert "坐标系未能判定" in few["notes"][0]
    elsewhere = [(lon + 0.5, lat, *names) for lon, lat, *names in points(500)]
    wrong = ingest([write(tmp_path / "错.csv", elsewhere, "gcj02")], office, today=TODAY)[0]
    assert json.loads(wrong["crs_hits"])["how"] == "assumed"


def test_half_a_point_is_no_position(office, tmp_path):
    path = write(tmp_path / "点.csv", points(40))
    lines = [line.rsplit(",", 1)[0] + "," for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    (batch,) = ingest([path], office, today=TODAY)
    assert batch["n_loaded"] == 40 and set(stored(office)) == {(None, None)}


def test_without_boundaries_the_note_says_what_is_missing(empty_home, tmp_path):
    (batch,) = ingest([write(tmp_path / "点.csv", points(200))], empty_home, today=TODAY)
    assert "还没有导入区划边界" in batch["notes"][0]
    assert json.loads(batch["crs_hits"]) == {"n": 0, "how": "assumed"}


def test_the_decision_does_not_hang_on_a_default_point(office, tmp_path):
    rows = points(400) + [(123.0301, 29.0301, "临川县", "石桥镇")] * 4000
    (batch,) = ingest([write(tmp_path / "点.csv", rows, "bd09")], office, today=TODAY)
    assert batch["crs"] == "bd09"


def layout_file(tmp_path, **options):
    layout = {
        "source": "grid",
        "title": "测试网格",
        "columns": {
            "TASK_NUM": "item_number",
            "CREATE_TIME": "registered_at",
            "DISTRICT_NAME": "county_name",
            "STREET_NAME": "town_name",
            "MAIN_TYPE_NAME": "category",
            "EVENT_DESC": "text",
            "x": "lon",
            "y": "lat",
        },
        "required": ["TASK_NUM", "CREATE_TIME"],
        "identifying": [],
        **options,
    }
    path = tmp_path / "测试网格.json"
    path.write_text(json.dumps(layout, ensure_ascii=False), encoding="utf-8")
    return str(path)


def test_the_layout_has_the_last_word_but_a_contradiction_is_said(office, tmp_path):
    chosen = layout_file(tmp_path, crs="wgs84")
    (batch,) = ingest([write(tmp_path / "点.csv", points(2000), "bd09")], office, layout=chosen, today=TODAY)
    assert batch["crs"] == "cgcs2000" and json.loads(batch["crs_hits"])["how"] == "stated"
    assert any("更像 BD-09" in note for note in batch["notes"])


def test_exchanged_columns_are_put_right(office, tmp_path):
    rows = points(500)
    (batch,) = ingest([write(tmp_path / "反.csv", rows, "gcj02", exchange=True)], office, today=TODAY)
    assert batch["crs"] == "gcj02"
    assert "500 行的经度和纬度填反了" in "".join(batch["notes"])
    assert stored(office)[0] == cell(rows[0])


def test_zeros_and_points_abroad_are_no_position(office, tmp_path):
    rows = [*points(40), (0.0, 0.0, "云溪区", "和平街道"), (-71.06, 42.36, "云溪区", "和平街道")]
    (batch,) = ingest([write(tmp_path / "点.csv", rows)], office, today=TODAY)
    assert stored(office)[40:] == [(None, None), (None, None)]
    said = "".join(batch["notes"])
    assert "1 行的坐标是 (0, 0)" in said and "1 行的坐标在中国和已导入的区划边界以外" in said


def test_a_city_abroad_is_taken_when_its_layout_says_where_it_lies(empty_home, tmp_path):
    rows = [(-71.06 + 0.01 * (n % 7), 42.36, "", "Roxbury") for n in range(60)] + [(116.4, 39.9, "", "Roxbury")]
    chosen = layout_file(tmp_path, bounds=[-71.2, 42.2, -70.9, 42.45])
    (batch,) = ingest([write(tmp_path / "b.csv", rows)], empty_home, layout=chosen, today=TODAY)
    assert stored(empty_home)[0] == (-71.06, 42.36) and stored(empty_home)[60] == (None, None)
    assert "1 行的坐标在版式规定的范围以外" in "".join(batch["notes"])


def test_metres_are_not_used_unless_their_grid_is_named(office, tmp_path):
    from pyproj import Transformer

    rows = points(300)
    zone = Transformer.from_crs("EPSG:4490", "EPSG:4550", always_xy=True)  # 3-degree zone on 123°E
    metres = [(*zone.transform(lon, lat), *names) for lon, lat, *names in rows]
    path = tmp_path / "米.csv"
    path.write_text(
        "\n".join(
            [HEADER]
            + [
                f"R{n},T{n:05},2026-11-10 08:00:00,{town},,市容环境,垃圾,{county},有垃圾,{x:.2f},{y:.2f}"
                for n, (x, y, county, town) in enumerate(metres)
            ]
        )
        + "\n",
        encoding="utf-8",
    )
    (batch,) = ingest([path], office, today=TODAY)
    assert batch["n_loaded"] == 300 and batch["crs"] is None
    assert "以米为单位" in batch["notes"][0] and "EPSG" in batch["notes"][0]
    assert set(stored(office)) == {(None, None)}

    named = open_home(tmp_path / "named")
    add_reference(named)
    (batch,) = ingest([path], named, layout=layout_file(tmp_path, crs="EPSG:4550"), today=TODAY)
    assert batch["crs"] == "epsg:4550" and json.loads(batch["crs_hits"])["epsg:4550"] > 0.99
    assert stored(named) == [cell(row) for row in rows]


def test_an_unknown_system_in_a_layout_is_refused(office, tmp_path):
    with pytest.raises(UsageError, match="北京54"):
        ingest([write(tmp_path / "点.csv", points(5))], office, layout=layout_file(tmp_path, crs="北京54"), today=TODAY)


def test_the_exact_point_is_nowhere_in_the_warehouse(office, tmp_path):
    rows = points(50)
    ingest([write(tmp_path / "点.csv", rows, "gcj02")], office, today=TODAY)
    with warehouse.connect(office, read_only=True) as connection:
        columns = connection.execute(
            "select table_name, column_name from information_schema.columns where table_schema = 'core'"
        ).fetchall()
    assert not {name for _, name in columns} & {"x", "y", "point_key"}
    exact = {value for row in rows for value in row[:2]}
    assert not exact & {value for row in stored(office) for value in row}


def test_the_first_blocks_are_held_no_longer_than_needed(office):
    """Blocks of a file without points pass at once; of one with points, once enough have been seen."""
    atlas = positions.atlas(office.reference)
    names = {"county_name": "云溪区", "town_name": "和平街道", "community_name": None}
    block = pl.DataFrame([{"x": 123.05, "y": 29.05, "lon": None, "lat": None, **names}] * 2000).cast(
        {"lon": pl.Float64, "lat": pl.Float64, "community_name": pl.String}
    )
    blank = block.with_columns(pl.lit(None, pl.Float64).alias("x"), pl.lit(None, pl.Float64).alias("y"))
    survey = positions.Survey(atlas)
    taken = []
    settled = survey.settle(
        (taken.append(n) or block, n) for n, block in enumerate([blank, block, block, block, block])
    )  # type: ignore[func-returns-value]
    next(settled)
    assert taken == [0] and survey.system is None
    next(settled)
    assert taken == [0, 1, 2, 3] and survey.system == "cgcs2000"
    assert [rest[0] for _, *rest in settled] == [2, 3, 4]


def test_an_empty_reference_has_no_atlas(empty_home):
    assert positions.atlas(empty_home.reference) is None
    add_reference(empty_home, boundaries=False)
    assert positions.atlas(empty_home.reference) is None
    assert len(reference.read_places(empty_home.reference)) == 9


def test_one_command_takes_boundaries_first_and_files_after(tmp_path, office, capsys):
    """`yanpan ingest FOLDER`: the boundaries in it judge the coordinates of the exports beside them."""
    folder, home = tmp_path / "来件", tmp_path / "新"
    shutil.copytree(office.reference, folder / "边界")  # any folder, not one called reference
    write(folder / "点.csv", points(2000), "bd09")
    assert cli.main(["ingest", str(folder), "--home", str(home), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [(batch["file_name"], batch["crs"]) for batch in said["batches"]] == [("点.csv", "bd09")]
    assert [(one["places"], one["boundaries"]) for one in said["reference"]] == [(9, 8)]


def test_a_wrong_export_leaves_the_reference_as_it_was(tmp_path, office, capsys):
    folder, home = tmp_path / "来件", tmp_path / "新"
    shutil.copytree(office.reference, folder / "边界")
    (folder / "什么.csv").write_text("甲,乙\n1,2\n", encoding="utf-8")
    assert cli.main(["ingest", str(folder), "--home", str(home), "--json"]) == 3
    assert not (home / "reference").exists()
    assert "不认识的表头" in json.loads(capsys.readouterr().out)["error"]
