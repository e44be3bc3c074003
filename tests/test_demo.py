"""The demo city: same seed same bytes, a sound map, files as the business systems write them, a true truth file."""

import csv
import io
from pathlib import Path

import fastexcel
import polars as pl
import pytest
import shapely

from pipelines.config import SEEDS
from pipelines.demo import generate, geography, writers
from pipelines.demo.catalogue import crosswalk, rows

ITEMS = 4000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("home") / "demo"
    summary = generate(out, items=ITEMS)
    assert abs(sum(summary["items"].values()) - ITEMS) < 0.1 * ITEMS
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def texts_of(path: Path, encoding: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode(encoding), newline="")))


def test_same_seed_gives_the_same_bytes(demo: Path, tmp_path: Path) -> None:
    geography.draw.cache_clear()
    generate(tmp_path / "again", items=ITEMS)
    first, second = contents(demo), contents(tmp_path / "again")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert {path.name for path in tmp_path.iterdir()} == {"again"}


def test_a_handful_of_items_is_enough(tmp_path: Path) -> None:
    summary = generate(tmp_path / "demo", items=60)
    assert 0 < sum(summary["items"].values()) < 600  # the planted events alone are a few hundred


def test_another_seed_gives_another_city() -> None:
    usual, other = geography.draw(20260101), geography.draw.__wrapped__(7)
    assert len(other.town_names) == 100
    assert not usual.shapes["county"][0].equals(other.shapes["county"][0])


def test_places_form_one_city(demo: Path) -> None:
    place = pl.read_csv(demo / "reference" / "place.csv", schema_overrides={"place_code": pl.String})
    counts = dict(place.group_by("place_level").len().iter_rows())
    assert (counts["city"], counts["county"], counts["town"]) == (1, 9, 100)
    assert 900 <= counts["community"] <= 1100
    assert place["place_code"].is_unique().all()
    for level in ("county", "town", "community"):
        assert place.filter(pl.col("place_level") == level)["place_name"].is_unique().all()
        total = place.filter(pl.col("place_level") == level)["population"].sum()
        assert abs(total - geography.POPULATION) < 0.01 * geography.POPULATION


@pytest.mark.parametrize("level", ["county", "town", "community"])
def test_borders_are_valid_and_leave_no_gap(demo: Path, level: str) -> None:
    path = demo / "reference" / f"boundary_{level}.geojson"
    shapes = shapely.get_parts(shapely.from_geojson(path.read_bytes()))
    assert shapely.is_valid(shapes).all()
    assert set(shapely.get_type_id(shapes)) == {shapely.GeometryType.POLYGON}
    assert shapely.coverage_is_valid(shapes)
    assert shapely.get_num_interior_rings(shapely.coverage_union_all(shapes)) == 0
    assert path.stat().st_size < 1_200_000
    at = pl.read_csv(demo / "reference" / "place.csv").filter(pl.col("place_level") == level)
    assert shapely.contains_xy(shapes, at["lon"].to_numpy(), at["lat"].to_numpy()).all()


def test_small_boundary_files(demo: Path) -> None:
    sizes = [(demo / "reference" / f"boundary_{level}.geojson").stat().st_size for level in ("county", "town")]
    assert sum(sizes) < 400_000


def test_headers_and_encodings(demo: Path) -> None:
    hotline = texts_of(demo / "hotline" / "12345工单_202403.csv", "gb18030")
    assert hotline[0] == writers.HOTLINE
    assert texts_of(demo / "hotline" / "承办工单_202403.csv", "gb18030")[0] == writers.HOTLINE_PART
    assert texts_of(demo / "hotline" / "承办工单_202603.csv", "utf-8-sig")[0] == writers.HOTLINE_PART
    assert texts_of(demo / "grid" / "网格事件_202403.csv", "utf-8-sig")[0] == writers.GRID
    sheet = fastexcel.read_excel(demo / "petition" / "信访件_2024年.xlsx").load_sheet(
        0, header_row=None, dtypes="string"
    )
    lines = sheet.to_polars().rows()
    assert lines[0][0] == "安澜市信访件列表（2024年）"
    assert list(lines[2]) == writers.PETITION
    assert lines[-1][0] == "合计"


def test_dirt_is_there(demo: Path) -> None:
    lines = [line for path in sorted((demo / "grid").iterdir()) for line in texts_of(path, "utf-8-sig")[1:]] + [
        line for path in sorted((demo / "hotline").glob("12345*")) for line in texts_of(path, "gb18030")[1:]
    ]
    odd = [line for line in lines if len(line) not in (len(writers.GRID), len(writers.HOTLINE))]
    assert 0 < len(odd) < 0.01 * len(lines)


def test_almost_every_category_maps_to_its_issue(demo: Path) -> None:
    known = {(row["source"], row["category_raw"]) for row in rows(SEEDS / "crosswalk.csv")}
    found = [
        ("hotline", line[2].replace("->", ">"))
        for path in sorted((demo / "hotline").glob("12345*"))
        for line in texts_of(path, "gb18030")[1:]
        if len(line) == len(writers.HOTLINE) and line[2]
    ]
    unknown = {pair for pair in found if pair not in known}
    assert unknown <= {("hotline", "其他>其他诉求>未分类")}


def test_crosswalk_seed_is_what_the_catalogue_says() -> None:
    seed = pl.read_csv(SEEDS / "crosswalk.csv", infer_schema=False)
    assert seed.equals(crosswalk())
    assert not seed.select("source", "category_raw").is_duplicated().any()


def test_truth_names_real_places_and_the_last_month_has_stories(demo: Path) -> None:
    truth = pl.read_csv(
        demo / "truth.csv", schema_overrides={"issue_code": pl.String, "place_code": pl.String}, try_parse_dates=True
    )
    place = pl.read_csv(demo / "reference" / "place.csv", schema_overrides={"place_code": pl.String})
    assert truth.height == 60
    assert truth["place_code"].is_in(place["place_code"].to_list()).all()
    assert (truth["extra_items"] >= 3).all()
    recent = truth.filter(pl.col("ends_on") == pl.date(2026, 11, 15))
    assert recent.height >= 6


def test_texts_of_one_issue_hardly_repeat(demo: Path) -> None:
    lines = [
        (line[2], line[5])
        for path in sorted((demo / "hotline").glob("12345*"))
        for line in {tuple(line) for line in texts_of(path, "gb18030")[1:]}
        if len(line) == len(writers.HOTLINE) and line[5]
    ]
    assert len(set(lines)) > 0.995 * len(lines)
